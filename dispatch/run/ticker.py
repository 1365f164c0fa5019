"""The ticker: asks each second what is due, at once if told, and each day for the day's upkeep.

Decides only when to ask. It holds no deadline of anything: deadlines are state, so a tick that is
late or missed is made good by the next one. The one module that knows APScheduler. Daily work is
keyed by the local date, not by an instant of the clock: in autumn 01:30 comes twice and in spring
02:30 not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal, Protocol, Self
from zoneinfo import ZoneInfo

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from crisis.clock import Clock
from dispatch.run.supervise import Supervisor, Work

#: Gets the domain's present instant.
Job = Callable[[datetime], Awaitable[None]]

#: California; the few minutes' difference to other zones matter to no upkeep.
ZONE: Final = ZoneInfo("America/Los_Angeles")
#: The day's work begins once this has passed on the local clock: in a quiet hour, after all shifts
#: of the day before.
DAILY_AFTER: Final = time(3, 10)
#: A tick that takes longer is cut off, or nothing would be asked until it ends.
TICK_WITHIN_S: Final = 30.0
#: Without a tick for so long the schedule is set anew.
LATE_AFTER_S: Final = 5.0

_TICK, _UPKEEP, _AT_ONCE = "tick", "upkeep", "at once"
_UPKEEP_EVERY_S: Final = 20.0
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires each ``seconds``; after a standstill or a leap of the host's clock once, not for all.

    APScheduler's own interval trigger walks through every instant that was missed, which after a
    leap of a year would stop the event loop for a minute.
    """

    def __init__(self, seconds: float) -> None:
        self._step = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is None:
            return now
        following = previous + self._step
        return following if following > now else now + self._step


def _limited(work: Work) -> Work:
    """Return the work with an end to it, however long it would take."""

    async def limited() -> None:
        async with asyncio.timeout(TICK_WITHIN_S):
            await work()

    return limited


class Runs(Protocol):
    """The book in which nodes agree that work is done once per period."""

    async def claim(self, job: str, period: str) -> Literal["ours", "done", "busy"]:
        """Ask to do ``job`` for ``period``."""
        ...

    async def finish(self, job: str, period: str) -> None:
        """Note that it is done."""
        ...

    async def give_back(self, job: str, period: str) -> None:
        """Note that it failed."""
        ...


class Ticker:
    """Asks; use as ``async with``, inside the supervisor's block.

    Args:
        supervisor: counts and logs what fails.
        clock: the counties' time, by which days and hours are told.
        machine: the host's time.
        tick: asked each ``every_s`` seconds, never twice at once.
        daily: done once per local date over all nodes, by name.
        hourly: done once per hour over all nodes, by name.
        runs: the book of what is done.
        seconds: further things that are asked like ``tick``, by name (the audit's sealer).
        every_s: machine seconds between ticks, > 0.
        may_work: whether this host's clock can be told by; if not, nothing is asked.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        clock: Clock,
        machine: Clock,
        tick: Work,
        runs: Runs,
        daily: Mapping[str, Job] | None = None,
        hourly: Mapping[str, Job] | None = None,
        seconds: Mapping[str, Work] | None = None,
        zone: ZoneInfo = ZONE,
        daily_after: time = DAILY_AFTER,
        every_s: float = 1.0,
        may_work: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_work = may_work
        self._supervisor = supervisor
        self._clock = clock
        self._machine = machine
        self._runs = runs
        self._daily = dict(daily or {})
        self._hourly = dict(hourly or {})
        self._zone = zone
        self._daily_after = daily_after
        self._every_s = every_s
        self._done: dict[str, str] = {}
        self._works: dict[str, Work] = {_TICK: tick, **(seconds or {})}
        self._asked_s = {name: machine.monotonic() for name in self._works}
        self._at_work: set[asyncio.Task[Any]] = set()
        self._at_once: set[str] = set()
        self._is_closed = False
        log = logging.getLogger("apscheduler")
        # It warns of each tick that is skipped because the last one still runs; that is no news.
        log.setLevel(logging.CRITICAL)
        self._scheduler = AsyncIOScheduler(
            logger=log,
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            # However late it is: what is asked is "what is due now", once.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    async def __aenter__(self) -> Self:
        for name in self._works:
            self._asked_s[name] = self._machine.monotonic()
            self._scheduler.add_job(
                self._ask,
                _Every(self._every_s),
                args=(name,),
                id=name,
            )
        self._scheduler.add_job(self._ask_upkeep, _Every(_UPKEEP_EVERY_S), id=_UPKEEP)
        self._scheduler.start()
        self._supervisor.start("ticker", self._watch)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._is_closed = True
        self._scheduler.shutdown(wait=False)
        # It shuts down in the loop's next turn, and only asks its jobs to end.
        await asyncio.sleep(0)
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    async def run_due(self) -> None:
        """Do the upkeep that is due now and that no node has done."""
        now = self._clock.now()
        local = now.astimezone(self._zone)
        if local.time() >= self._daily_after:
            for name, job in self._daily.items():
                await self._once(name, local.date().isoformat(), job)
        hour = f"{now.astimezone(UTC):%Y-%m-%dT%HZ}"
        for name, job in self._hourly.items():
            await self._once(name, hour, job)

    async def _once(self, name: str, period: str, job: Job) -> None:
        if self._done.get(name) == period:
            return
        state = await self._runs.claim(name, period)
        if state == "ours":

            async def work() -> None:
                await job(self._clock.now())

            if not await self._supervisor.attempt(f"upkeep {name}", work):
                await self._runs.give_back(name, period)
                return
            await self._runs.finish(name, period)
        if state != "busy":
            self._done[name] = period

    async def _ask(self, name: str) -> None:
        self._asked_s[name] = self._machine.monotonic()
        if self._may_work():
            # What is due by a wrong clock isn't due; other nodes see to what is.
            await self._at(name, _limited(self._works[name]))

    def ask_now(self, name: str, work: Work) -> None:
        """Ask at once, beside the next tick, as where a commit has made something due.

        While work of that name is under way it isn't begun again: it ends only once it finds
        nothing more to do.
        """
        if self._is_closed or name in self._at_once or not self._may_work():
            return
        self._at_once.add(name)

        async def ask() -> None:
            try:
                await self._at(_AT_ONCE, _limited(work))
            finally:
                self._at_once.discard(name)

        self._at_work.add(asyncio.create_task(ask(), name=name))

    async def _ask_upkeep(self) -> None:
        if self._may_work():
            await self._at(_UPKEEP, self.run_due)

    async def _at(self, name: str, work: Work) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("jobs run as tasks")
        self._at_work.add(task)
        try:
            await self._supervisor.attempt(name, work)
        finally:
            self._at_work.discard(task)

    async def _watch(self) -> None:
        while not self._is_closed:
            self.mend()
            await asyncio.sleep(LATE_AFTER_S / 5)

    def mend(self) -> list[str]:
        """Set the schedule anew where it has fallen silent; return what had.

        APScheduler waits for an instant of the wall clock: when the host's clock is put back by an
        hour, it would not ask for an hour.
        """
        silent = [
            name
            for name, asked_s in self._asked_s.items()
            if self._machine.monotonic() - asked_s > max(LATE_AFTER_S, 3 * self._every_s)
        ]
        for name in silent:
            self._scheduler.modify_job(name, next_run_time=_LONG_AGO)
        return silent
