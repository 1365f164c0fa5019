"""The waiting room before scarce work: who has had the fewest turns is next, and no crowd is."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from crisis.errors import TooMany
from dispatch.store.attempts import parts_of
from dispatch.store.waiting import WaitingRoom


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


async def test_where_all_seats_are_taken_who_comes_last_goes_and_keeps_the_place_in_the_line() -> (
    None
):
    now_s = 0.0
    room = WaitingRoom(served=1, seats=2, now=lambda: now_s)
    await room.enter("first")
    (early,) = await _seated(room, "a")
    now_s = 1.0
    (late,) = await _seated(room, "b")
    now_s = 2.0
    (last,) = await _seated(room, "c")
    with pytest.raises(TooMany):
        await last
    room.leave()
    await early
    # The two others come back and find the room full of whoever came meanwhile.
    now_s = 3.0
    (newcomer,) = await _seated(room, "d")
    now_s = 4.0
    (again,) = await _seated(room, "c")
    with pytest.raises(TooMany):
        await newcomer
    for _ in range(3):
        room.leave()
    await asyncio.gather(late, again)


async def test_who_has_had_turns_makes_room_for_whoever_has_had_none() -> None:
    room = WaitingRoom(served=1, seats=3, each=10)
    await room.enter("a")
    crowd = await _seated(room, "a", "a", "a")
    (alone,) = await _seated(room, "b")
    await asyncio.sleep(0)
    assert [task.done() for task in crowd] == [False, False, True]
    room.leave()
    await alone
    assert room.waiting == 2
    for _ in range(3):
        room.leave()
    for task in crowd:
        with suppress(TooMany):
            await task


class Flood:
    """Asks from each of its places whenever it isn't waiting there, in any order, without pause."""

    def __init__(self, room: WaitingRoom, places: list[tuple[str, ...]], seed: int) -> None:
        self.room = room
        self.places = places
        self.draw = random.Random(seed)
        self.asking: dict[int, asyncio.Task[None]] = {}
        self.turns = 0

    async def ask(self) -> None:
        """One round: whoever was served or sent away asks again."""
        numbers = [n for n in range(len(self.places)) if n not in self.asking]
        self.draw.shuffle(numbers)
        for number in numbers:
            self.asking[number] = asyncio.create_task(self.room.enter(*self.places[number]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def settle(self) -> None:
        """Take note of who was served or sent away."""
        for number, task in list(self.asking.items()):
            if task.done():
                del self.asking[number]
                self.turns += task.exception() is None


async def turns_until_in(room: WaitingRoom, flood: Flood, *owner: str) -> int:
    """Let somebody ask in the midst of a flood, again whenever sent away; return after how many."""
    asking: asyncio.Task[None] | None = None
    before = flood.turns
    while True:
        await flood.ask()
        if asking is None:
            asking = asyncio.create_task(room.enter(*owner))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        flood.settle()
        if asking.done():
            if asking.exception() is None:
                return flood.turns - before
            asking = None
        room.leave()
        await asyncio.sleep(0)


async def end(flood: Flood) -> None:
    for task in flood.asking.values():
        task.cancel()
    await asyncio.gather(*flood.asking.values(), return_exceptions=True)


def in_four(first: int, second: int, third: int, fourth: int) -> tuple[str, ...]:
    return parts_of(f"{first}.{second}.{third}.{fourth}")


@pytest.mark.parametrize("seed", range(2))
async def test_a_flood_from_many_places_keeps_nobody_out_for_longer_than_its_places_have_turns(
    seed: int,
) -> None:
    room = WaitingRoom(served=1, seats=10)
    await room.enter("first")
    places = [in_four(11 + n % 20, n // 20, 7, n) for n in range(100)]
    flood = Flood(room, places, seed)
    # From a part of the network of its own: after one of each other part, though the flood goes on.
    assert await turns_until_in(room, flood, *parts_of("203.0.113.9")) <= 20
    room.leave()
    # In the midst of them, and after them all: once each has had its turn.
    assert await turns_until_in(room, flood, *in_four(17, 200, 7, 7)) <= len(places)
    room.leave()
    # By now every place of theirs has had one, so that a newcomer waits for next to nobody.
    while flood.turns < 2 * len(places):
        await flood.ask()
        flood.settle()
        room.leave()
        await asyncio.sleep(0)
    assert await turns_until_in(room, flood, *in_four(23, 201, 7, 7)) <= 1
    await end(flood)


async def test_a_crowd_of_neighbors_delays_nobody_by_the_turns_of_the_rest_of_the_world() -> None:
    room = WaitingRoom(served=1, seats=10)
    await room.enter("first")
    near = [in_four(203, 0, 113, n) for n in range(20)]
    far = [in_four(11 + n, 1, 1, 1) for n in range(60)]
    flood = Flood(room, [*near, *far], 3)
    await flood.ask()
    assert await turns_until_in(room, flood, *in_four(203, 0, 113, 99)) <= 80
    await end(flood)


async def test_one_provider_s_endless_addresses_are_one_crowd() -> None:
    room = WaitingRoom(served=1, seats=20)
    await room.enter("first")
    places = [parts_of(f"2001:db8:{n:x}:{n:x}::1") for n in range(100)]
    flood = Flood(room, places, 1)
    for _ in range(30):
        await flood.ask()
        flood.settle()
        room.leave()
        await asyncio.sleep(0)
    assert await turns_until_in(room, flood, *parts_of("2001:5a8:1:1::9")) <= 1
    await end(flood)


async def test_turns_and_places_are_forgotten_in_time() -> None:
    now_s = 0.0
    room = WaitingRoom(served=1, seats=1, now=lambda: now_s)
    await room.enter("a")
    now_s = 4_000.0
    room.leave()
    await room.enter("b")
    now_s = 8_000.0
    (first,) = await _seated(room, "a")
    (second,) = await _seated(room, "b")
    with pytest.raises(TooMany):
        await second
    room.leave()
    await first


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
