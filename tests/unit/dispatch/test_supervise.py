"""Background work fails, comes back, and health tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from crisis.clock import FakeClock
from crisis.errors import Unavailable
from dispatch.run.supervise import CALM_AFTER_S, SETTLED_AFTER_S, Supervisor, describe

Eventually = Callable[..., Awaitable[None]]


class Pauses:
    """Notes every pause and lets it pass at once."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)


def _supervisor(clock: FakeClock, pauses: Pauses) -> Supervisor:
    return Supervisor(clock, jitter=lambda _low, high: high, pause=pauses)


async def test_failed_work_is_started_again_after_growing_pauses(
    clock: FakeClock, eventually: Eventually
) -> None:
    pauses = Pauses(clock)
    runs: list[int] = []

    async def fails_eleven_times() -> None:
        runs.append(1)
        if len(runs) <= 11:
            raise Unavailable("database_busy", "no")

    async with _supervisor(clock, pauses) as supervisor:
        supervisor.start("drain", fails_eleven_times)
        await eventually(lambda: supervisor.health()["drain"].state == "ended")
    assert pauses.seconds[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses.seconds[-1] == 30.0
    assert len(runs) == 12
    assert supervisor.health()["drain"].failures == 11


async def test_work_that_ran_well_for_a_while_begins_with_a_short_pause_again(
    clock: FakeClock, eventually: Eventually
) -> None:
    pauses = Pauses(clock)
    runs: list[int] = []

    async def fails() -> None:
        runs.append(1)
        if len(runs) == 5:
            clock.advance(SETTLED_AFTER_S)
        if len(runs) <= 5:
            raise OSError

    async with _supervisor(clock, pauses) as supervisor:
        supervisor.start("listen", fails)
        await eventually(lambda: supervisor.health()["listen"].state == "ended")
    assert pauses.seconds == [0.2, 0.4, 0.8, 1.6, 0.2]


async def test_health_names_what_is_down_and_the_block_ends_it(
    clock: FakeClock, eventually: Eventually
) -> None:
    forever = asyncio.Event()

    async def broken() -> None:
        raise OSError

    async def waits(_seconds: float) -> None:
        await forever.wait()

    async def sound() -> None:
        await forever.wait()

    async with Supervisor(clock, pause=waits) as supervisor:
        supervisor.start("broken", broken)
        supervisor.start("sound", sound)
        await eventually(lambda: supervisor.failing() == ["broken"])
        health = supervisor.health()["broken"]
        assert (health.state, health.last_failed_at) == ("waiting", clock.now())
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"broken", "sound"})


async def test_a_stray_cancellation_inside_the_work_does_not_end_it(
    clock: FakeClock, eventually: Eventually
) -> None:
    runs: list[int] = []

    async def cancelled_inside() -> None:
        runs.append(1)
        if len(runs) == 1:
            inner = asyncio.ensure_future(asyncio.Event().wait())
            asyncio.get_running_loop().call_soon(inner.cancel)
            await inner

    async with _supervisor(clock, Pauses(clock)) as supervisor:
        supervisor.start("listen", cancelled_inside)
        await eventually(lambda: supervisor.health()["listen"].state == "ended")
    assert len(runs) == 2


async def test_what_an_error_says_reaches_neither_health_nor_the_log(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def quotes() -> None:
        raise ExceptionGroup("Jane Roe", [ValueError("Jane Roe, 555-0100")])

    async with _supervisor(clock, Pauses(clock)) as supervisor:
        with caplog.at_level(logging.DEBUG):
            assert not await supervisor.attempt("seal", quotes)
    health = supervisor.health()["seal"]
    assert health.last_error == "ValueError"
    assert caplog.records
    assert all("Roe" not in str(record.__dict__) for record in caplog.records)


async def test_an_attempt_that_succeeds_clears_the_failures_in_a_row(clock: FakeClock) -> None:
    outcomes = [OSError(), OSError(), OSError(), None]

    async def work() -> None:
        error = outcomes.pop(0)
        if error is not None:
            raise error

    async with _supervisor(clock, Pauses(clock)) as supervisor:
        results = [await supervisor.attempt("tick", work) for _ in range(3)]
        assert results == [False, False, False]
        assert supervisor.failing() == ["tick"]
        assert await supervisor.attempt("tick", work)
        assert supervisor.failing() == []
        assert supervisor.health()["tick"].failures == 3


async def test_one_name_stands_for_one_piece_of_work(clock: FakeClock) -> None:
    async def work() -> None:
        return None

    async with _supervisor(clock, Pauses(clock)) as supervisor:
        supervisor.start("tick", work)
        with pytest.raises(ValueError, match="twice"):
            supervisor.start("tick", work)


def test_a_refusal_is_described_by_its_code() -> None:
    assert describe(Unavailable("database_busy", "secret")) == "Unavailable database_busy"


async def test_work_that_runs_again_after_an_outage_is_no_longer_shown_as_failing(
    clock: FakeClock, eventually: Eventually
) -> None:
    forever = asyncio.Event()
    outage = [OSError() for _ in range(4)]

    async def work() -> None:
        if outage:
            raise outage.pop()
        await forever.wait()

    async with _supervisor(clock, Pauses(clock)) as supervisor:
        supervisor.start("feed", work)
        await eventually(lambda: not outage and supervisor.health()["feed"].state == "running")
        assert supervisor.failing() == ["feed"]
        clock.advance(CALM_AFTER_S)
        assert supervisor.failing() == []
