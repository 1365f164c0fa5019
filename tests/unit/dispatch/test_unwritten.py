"""A call for help that waits for the database is told, once it waited long and if nobody waits."""

from __future__ import annotations

import asyncio

import pytest

from crisis.clock import FakeClock, new_id
from crisis.commands import Envelope, RaiseDuress
from crisis.effects import Answer
from crisis.errors import Conflict, CrisisError, Unavailable
from crisis.ids import CommandId, CountyId
from crisis.roles import Actor
from crisis.states import Source
from dispatch.run import unwritten
from dispatch.run.unwritten import LET_GO_AFTER_S, Unwritten


def a_call() -> Envelope:
    return Envelope(
        county_id=CountyId(6001),
        command_id=CommandId(new_id()),
        actor=Actor(user_id=None),
        source=Source.PHONE,
        command=RaiseDuress(),
    )


class Service:
    """Takes a call, refuses it, or lets it wait."""

    def __init__(self) -> None:
        self.refusal: CrisisError | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.written: list[Envelope] = []

    async def submit(self, env: Envelope) -> Answer:
        await self.goes_on.wait()
        if self.refusal is not None:
            raise self.refusal
        self.written.append(env)
        return Answer(seq=1, result={})


async def test_who_has_waited_long_is_told_of_before_it_is_written(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwritten, "TOLD_AFTER_S", 0.01)
    service, told = Service(), asyncio.Event()
    calls = Unwritten(service.submit, lambda _: told.set(), clock)
    service.goes_on.clear()
    waiting = asyncio.create_task(calls.take(a_call()))
    await told.wait()
    assert not waiting.done()
    service.goes_on.set()
    assert (await waiting).seq == 1 and calls.waiting == 0


async def test_a_sender_that_hangs_up_has_called_all_the_same(clock: FakeClock) -> None:
    service, told = Service(), asyncio.Event()
    calls = Unwritten(service.submit, lambda _: told.set(), clock)
    service.goes_on.clear()
    service.refusal = Unavailable("database_full", "Full.")
    waiting = asyncio.create_task(calls.take(a_call()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    service.goes_on.set()
    await told.wait()
    assert calls.waiting == 1


@pytest.mark.parametrize("refusal", [Conflict("settled", "Settled."), None])
async def test_what_was_answered_is_tried_no_more(
    clock: FakeClock, refusal: CrisisError | None
) -> None:
    service = Service()
    calls = Unwritten(service.submit, lambda _: None, clock)
    service.refusal = Unavailable("database_locked", "Locked.")
    with pytest.raises(Unavailable):
        await calls.take(a_call())
    service.refusal = refusal
    await calls.again()
    assert calls.waiting == 0 and len(service.written) == (refusal is None)


async def test_a_call_that_can_never_be_written_is_let_go_of_at_last(clock: FakeClock) -> None:
    service = Service()
    calls = Unwritten(service.submit, lambda _: None, clock)
    service.refusal = Unavailable("database_locked", "Locked.")
    with pytest.raises(Unavailable):
        await calls.take(a_call())
    clock.advance(LET_GO_AFTER_S - 1)
    await calls.again()
    assert calls.waiting == 1
    clock.advance(2)
    await calls.again()
    assert calls.waiting == 0
