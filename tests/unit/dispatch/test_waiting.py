"""The waiting room before scarce work: turns by whose they are, and chance where it is full."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from crisis.errors import TooMany
from dispatch.store.waiting import WaitingRoom


def _last(below: int) -> int:
    """Always the newcomer goes."""
    return below - 1


async def _seated(room: WaitingRoom, *whose: str, known: bool = False) -> list[asyncio.Task[None]]:
    tasks = [asyncio.ensure_future(room.enter(one, is_known=known)) for one in whose]
    await asyncio.sleep(0)
    return tasks


def _names(tasks: list[asyncio.Task[None]], whose: list[str]) -> list[str]:
    return [one for one, task in zip(whose, tasks, strict=True) if task.done()]


async def test_one_s_crowd_waits_behind_itself() -> None:
    room = WaitingRoom(served=1, seats=20, each=10)
    await room.enter("first")
    whose = ["a", "a", "a", "a", "b"]
    tasks = await _seated(room, *whose)
    room.leave()
    room.leave()
    await asyncio.sleep(0)
    assert _names(tasks, whose) == ["a", "b"]
    for _ in range(3):
        room.leave()
    await asyncio.gather(*tasks)


async def test_whoever_is_known_goes_first() -> None:
    room = WaitingRoom(served=1, seats=20)
    await room.enter("first")
    strangers = await _seated(room, "a", "b")
    (known,) = await _seated(room, "c", known=True)
    room.leave()
    await known
    assert not any(task.done() for task in strangers)
    for _ in range(3):
        room.leave()
    await asyncio.gather(*strangers)


async def test_where_one_s_seats_are_full_chance_decides_among_them() -> None:
    room = WaitingRoom(served=1, seats=20, each=2, draw=lambda below: 0)
    await room.enter("first")
    oldest, newer = await _seated(room, "a", "a")
    (other,) = await _seated(room, "b")
    (newest,) = await _seated(room, "a")
    with pytest.raises(TooMany) as refused:
        await oldest
    assert refused.value.code == "sign_in_busy"
    for _ in range(4):
        room.leave()
    await asyncio.gather(newer, other, newest)


async def test_a_crowd_of_one_makes_room_for_whoever_is_alone() -> None:
    room = WaitingRoom(served=1, seats=3, each=10, draw=_last)
    await room.enter("first")
    crowd = await _seated(room, "a", "a", "a")
    (alone,) = await _seated(room, "b")
    await asyncio.sleep(0)
    assert not alone.done()
    assert sum(task.done() for task in crowd) == 1
    assert room.waiting == 3
    for _ in range(4):
        room.leave()
    await alone
    for task in crowd:
        with suppress(TooMany):
            await task


async def test_who_stops_waiting_gives_the_seat_and_the_turn_back() -> None:
    room = WaitingRoom(served=1, seats=4)
    await room.enter("first")
    gone, stays = await _seated(room, "a", "b")
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert room.waiting == 1
    room.leave()
    await stays
    # Cancelled in the very moment of its turn: the next one has it.
    called, after = await _seated(room, "a", "b")
    room.leave()
    called.cancel()
    with suppress(asyncio.CancelledError):
        await called
    await asyncio.wait_for(after, 5)
    assert room.is_busy and room.waiting == 0


async def test_a_place_is_free_again_when_the_work_fails() -> None:
    room = WaitingRoom(served=1, seats=0)
    with pytest.raises(ValueError, match="broken"):
        async with room.turn("a"):
            raise ValueError("broken")
    assert not room.is_busy
    async with room.turn("a"):
        with pytest.raises(TooMany):
            await room.enter("b")
