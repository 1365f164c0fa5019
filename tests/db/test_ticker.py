"""The ticker asks every second, and has each day's work done once, whatever the clocks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from crisis.clock import FakeClock
from dispatch.run.supervise import Supervisor, Work
from dispatch.run.ticker import Job, Ticker, _Every
from dispatch.store.pool import Database
from dispatch.store.upkeep import UpkeepRuns

Eventually = Callable[..., Awaitable[None]]
PACIFIC = ZoneInfo("America/Los_Angeles")


async def _nothing() -> None:
    return None


class Days:
    """A job that notes the local date of each time it is done, and fails as told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failures = 0

    async def __call__(self, now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError
        self.done.append(f"{now.astimezone(PACIFIC):%m-%d %H:%M}")


def _ticker(
    database: Database,
    clock: FakeClock,
    supervisor: Supervisor,
    *,
    tick: Work = _nothing,
    daily: Mapping[str, Job] | None = None,
    hourly: Mapping[str, Job] | None = None,
    seconds: Mapping[str, Work] | None = None,
    every_s: float = 0.01,
) -> Ticker:
    return Ticker(
        supervisor,
        clock=clock,
        machine=clock,
        tick=tick,
        runs=UpkeepRuns(database, "a", clock),
        daily=daily,
        hourly=hourly,
        seconds=seconds,
        every_s=every_s,
    )


@asynccontextmanager
async def _ticking(
    database: Database,
    clock: FakeClock,
    tick: Work,
    *,
    every_s: float = 0.01,
    seconds: Mapping[str, Work] | None = None,
) -> AsyncIterator[tuple[Ticker, Supervisor]]:
    async with (
        Supervisor(clock) as supervisor,
        _ticker(database, clock, supervisor, tick=tick, every_s=every_s, seconds=seconds) as ticker,
    ):
        yield ticker, supervisor


async def test_it_asks_again_and_again_also_after_a_failure(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    asked: list[int] = []

    async def tick() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise OSError

    async with _ticking(database, clock, tick) as (_, supervisor):
        await eventually(lambda: len(asked) >= 5)
        assert supervisor.health()["tick"].failures == 1
        assert supervisor.failing() == []


async def test_a_slow_tick_is_never_asked_twice_at_once_and_loses_nothing(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    running = most = asked = others = 0
    gate = asyncio.Event()

    async def other() -> None:
        nonlocal others
        others += 1

    async def tick() -> None:
        nonlocal running, most, asked
        asked += 1
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    async with _ticking(database, clock, tick, seconds={"other": other}):
        await eventually(lambda: others >= 5)
        assert asked == 1
        gate.set()
        await eventually(lambda: asked >= 3)
    assert most == 1


async def test_a_tick_that_hangs_is_cut_off(
    database: Database,
    clock: FakeClock,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dispatch.run.ticker.TICK_WITHIN_S", 0.02)
    forever = asyncio.Event()

    async def tick() -> None:
        await forever.wait()

    async with _ticking(database, clock, tick) as (_, supervisor):
        await eventually(lambda: supervisor.failing() == ["tick"])
        assert supervisor.health()["tick"].last_error.startswith("TimeoutError")


async def test_leaving_the_block_ends_the_tick_that_runs(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def tick() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with _ticking(database, clock, tick):
        await eventually(began.is_set)
    assert ended.is_set()


async def test_a_host_whose_clock_was_put_back_goes_on_ticking(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    asked: list[int] = []

    async def tick() -> None:
        asked.append(1)

    # Its next instant lies an hour ahead, as after the clock was put back by one.
    async with _ticking(database, clock, tick, every_s=3_600) as (ticker, _):
        await eventually(lambda: len(asked) == 1)
        assert ticker.mend() == []
        clock.advance(3 * 3_600 + 1)
        assert ticker.mend() == ["tick"]
        await eventually(lambda: len(asked) == 2)
        assert ticker.mend() == []


def test_after_a_standstill_it_fires_once_and_not_for_every_instant_missed() -> None:
    every, now = _Every(1.0), datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert every.get_next_fire_time(None, now) == now
    assert every.get_next_fire_time(now, now) == now + timedelta(seconds=1)
    for missed in (timedelta(seconds=1), timedelta(days=365)):
        # Beyond the present, or APScheduler asks again in the same turn.
        assert every.get_next_fire_time(now - missed - timedelta(seconds=1), now) > now


async def _pass(clock: FakeClock, tickers: list[Ticker], until: datetime) -> None:
    """Let the time pass by ten minutes each, asking on every node."""
    while clock.now() < until:
        await asyncio.gather(*(ticker.run_due() for ticker in tickers))
        clock.advance(timedelta(minutes=10))


@pytest.mark.parametrize(
    ("first_day", "expected"),
    [
        # Spring: on 8 March 02:00 to 03:00 doesn't exist. Autumn: on 1 November 01:00 comes twice.
        ((3, 7), ["03-07 03:10", "03-08 03:10", "03-09 03:10"]),
        ((10, 31), ["10-31 03:10", "11-01 03:10", "11-02 03:10"]),
    ],
)
async def test_each_local_date_has_its_work_once_also_when_clocks_change(
    database: Database, first_day: tuple[int, int], expected: list[str]
) -> None:
    midnight = datetime(2026, *first_day, tzinfo=PACIFIC)
    clock, days = FakeClock(midnight), Days()
    async with Supervisor(clock) as supervisor:
        nodes = [_ticker(database, clock, supervisor, daily={"fixes": days}) for _ in range(2)]
        await _pass(clock, nodes, midnight.astimezone(UTC) + timedelta(hours=72))
    assert days.done == expected


async def test_a_night_that_was_slept_through_is_made_good_by_day(database: Database) -> None:
    clock, days = FakeClock(datetime(2026, 3, 2, 15, 30, tzinfo=PACIFIC)), Days()
    async with Supervisor(clock) as supervisor:
        ticker = _ticker(database, clock, supervisor, daily={"fixes": days})
        await ticker.run_due()
        await ticker.run_due()
    assert days.done == ["03-02 15:30"]


async def test_failed_upkeep_is_tried_again_the_same_day_and_shows(database: Database) -> None:
    clock, days = FakeClock(datetime(2026, 3, 2, 4, 0, tzinfo=PACIFIC)), Days()
    days.failures = 2
    async with Supervisor(clock) as supervisor:
        ticker = _ticker(database, clock, supervisor, daily={"fixes": days})
        await _pass(clock, [ticker], clock.now() + timedelta(hours=1))
        assert supervisor.health()["upkeep fixes"].failures == 2
    assert days.done == ["03-02 04:20"]


async def test_hourly_work_is_done_once_an_hour_over_all_nodes(database: Database) -> None:
    start = datetime(2026, 11, 1, 0, 0, tzinfo=PACIFIC)
    clock, hours = FakeClock(start), Days()
    async with Supervisor(clock) as supervisor:
        nodes = [_ticker(database, clock, supervisor, hourly={"old": hours}) for _ in range(2)]
        await _pass(clock, nodes, start.astimezone(UTC) + timedelta(hours=3))
    assert hours.done == ["11-01 00:00", "11-01 01:00", "11-01 01:00"]


#: The hour 01:00 to 02:00 happens twice; and the hour 02:00 to 03:00 never.
NIGHTS = {
    "autumn": datetime(2026, 11, 1, 9, 0, tzinfo=UTC),
    "spring": datetime(2026, 3, 8, 10, 0, tzinfo=UTC),
}


@pytest.mark.parametrize("jump", NIGHTS.values(), ids=NIGHTS)
@pytest.mark.parametrize("after", [time(1, 30), time(2, 30), time(3, 10)], ids=str)
async def test_the_day_s_work_is_done_once_a_local_day_over_a_night_on_which_the_wall_jumps(
    database: Database, jump: datetime, after: time
) -> None:
    clock = FakeClock(jump - timedelta(hours=14))
    days: list[datetime] = []
    hours: list[datetime] = []

    async def of_days(now: datetime) -> None:
        days.append(now)

    async def of_hours(now: datetime) -> None:
        hours.append(now)

    async with Supervisor(clock) as supervisor:
        nodes = [
            Ticker(
                supervisor,
                clock=clock,
                machine=clock,
                tick=_nothing,
                runs=UpkeepRuns(database, f"node {n}", clock),
                daily={"days": of_days},
                hourly={"hours": of_hours},
                daily_after=after,
            )
            for n in range(2)
        ]
        end = clock.now() + timedelta(hours=42)
        while clock.now() < end:
            for node in nodes:
                await node.run_due()
            clock.advance(timedelta(minutes=10))
    local = [at.astimezone(PACIFIC) for at in days]
    assert [at.date() for at in local] == sorted({at.date() for at in local}), "once a day each"
    assert len(local) == 3
    assert all(at.time() >= after for at in local)
    # As soon as it may be, but for the hour that isn't there.
    late = [(at - at.replace(hour=after.hour, minute=after.minute)) for at in local[1:]]
    assert all(span <= timedelta(minutes=40) for span in late), local
    # Hours are elapsed ones: none is missing, none comes twice.
    assert len(hours) == len({at.replace(minute=0) for at in hours}) == 42


async def test_a_ticker_that_may_not_work_asks_nothing_and_goes_on_once_it_may(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    asked, looks = 0, 0
    fits = False

    async def tick() -> None:
        nonlocal asked
        asked += 1

    def may_work() -> bool:
        nonlocal looks
        looks += 1
        return fits

    async with Supervisor(clock) as supervisor:
        ticker = Ticker(
            supervisor,
            clock=clock,
            machine=clock,
            tick=tick,
            runs=UpkeepRuns(database, "node", clock),
            every_s=0.01,
            may_work=may_work,
        )
        async with ticker:
            await eventually(lambda: looks >= 5)
            assert asked == 0
            assert supervisor.failing() == []
            fits = True
            await eventually(lambda: asked >= 3)
