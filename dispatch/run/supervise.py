"""Keeps background work running, and says how it fares.

Decides what happens when background work fails: it is logged, counted, restarted after a growing
pause, and shown in health. The one place besides the two borders of ``web`` that catches every
exception. Must not know what the work is. Error texts may quote what people typed, so only an
error's type, code and place are kept or logged.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from crisis.clock import Clock, generator
from crisis.errors import CrisisError

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]
State = Literal["running", "waiting", "ended"]

#: Work that ran for so long before it failed is taken for sound again.
SETTLED_AFTER_S = 60.0
#: Work that has run for so long after failures is shown as faring well; longer than a connection
#: that nobody answers is waited for.
CALM_AFTER_S = 15.0


@dataclass(slots=True, kw_only=True)
class TaskHealth:
    """How one piece of background work fares.

    Attributes:
        state: ``waiting``: failed, and waits to be started again; ``ended``: came to its end.
        since: when it was last started.
        failures: since the service started.
        failures_in_row: without having run well between them; 0 = it fares well.
        last_failed_at: ``None`` = never.
        last_error: type, code and place of the last failure, without its text; "" = never failed.
        is_lasting: it goes on until it fails or ends, other than what is asked again and again.
    """

    state: State
    since: datetime
    failures: int = 0
    failures_in_row: int = 0
    last_failed_at: datetime | None = None
    last_error: str = ""
    is_lasting: bool = False

    def is_failing(self, now: datetime) -> bool:
        """Whether it is down at ``now``, or went down again and again lately."""
        if self.state == "running" and self.is_lasting:
            ran_s = (now - self.since).total_seconds()
            return self.failures_in_row >= 3 and ran_s < CALM_AFTER_S
        return self.state == "waiting" or self.failures_in_row >= 3


class Supervisor:
    """Runs background work; use as ``async with``: everything started ends with the block.

    Args:
        clock: the machine's.
        jitter: draws a number between two others; ``None`` = evenly at random.
        pause: waits so many seconds; tests give their own.
        first_s: seconds before the first restart, > 0; doubled for each failure in a row.
        most_s: longest such pause.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        jitter: Callable[[float, float], float] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        first_s: float = 0.2,
        most_s: float = 30.0,
    ) -> None:
        self._clock = clock
        self._jitter = jitter or generator().uniform
        self._pause = pause
        self._first_s = first_s
        self._most_s = most_s
        self._health: dict[str, TaskHealth] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        # A plain set instead of a TaskGroup: work may be started from work, and none ever raises.
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, name: str, work: Work) -> None:
        """Run ``work`` until it returns, again whenever it raises.

        Raises:
            ValueError: work of that name was started already.
        """
        if name in self._health:
            raise ValueError(f"background work {name} is started twice")
        self._health[name] = TaskHealth(state="running", since=self._clock.now(), is_lasting=True)
        task = asyncio.create_task(self._keep(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def attempt(self, name: str, work: Work) -> bool:
        """Run ``work`` once and return whether it succeeded; a failure is logged and counted.

        For what is asked again anyway, as the ticker's jobs are.
        """
        health = self._health.setdefault(name, TaskHealth(state="ended", since=self._clock.now()))
        health.since = self._clock.now()
        health.state = "running"
        try:
            succeeded = await self._run(name, work, health)
        finally:
            health.state = "ended"
        if succeeded:
            health.failures_in_row = 0
        return succeeded

    def health(self) -> dict[str, TaskHealth]:
        """Return how each piece of work fares, by its name."""
        return dict(self._health)

    def failing(self) -> list[str]:
        """Return the names of the work that is down or keeps failing, sorted."""
        now = self._clock.now()
        return sorted(name for name, health in self._health.items() if health.is_failing(now))

    async def _keep(self, name: str, work: Work) -> None:
        health = self._health[name]
        while True:
            health.state, health.since = "running", self._clock.now()
            began_s = self._clock.monotonic()
            if await self._run(name, work, health, began_s=began_s):
                health.state = "ended"
                return
            health.state = "waiting"
            pause_s = min(self._first_s * 2.0 ** min(health.failures_in_row - 1, 30), self._most_s)
            # From half to the whole: nodes that fell together don't all come back together.
            await self._pause(self._jitter(pause_s / 2, pause_s))

    async def _run(
        self, name: str, work: Work, health: TaskHealth, *, began_s: float | None = None
    ) -> bool:
        try:
            await work()
            return True
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside was cancelled and told us; nobody asked this work to stop.
            self._note(name, health, error, began_s)
            return False
        except Exception as error:
            self._note(name, health, error, began_s)
            return False

    def _note(
        self, name: str, health: TaskHealth, error: BaseException, began_s: float | None
    ) -> None:
        ran_s = 0.0 if began_s is None else self._clock.monotonic() - began_s
        if ran_s >= SETTLED_AFTER_S:
            health.failures_in_row = 0
        health.failures += 1
        health.failures_in_row += 1
        health.last_failed_at = self._clock.now()
        health.last_error = describe(error)
        # Without a traceback, which would quote the error's text.
        log.error(
            "background work failed",
            extra={
                "action": "background_failed",
                "task": name,
                "error": health.last_error,
                "failures": health.failures,
            },
        )


def describe(error: BaseException) -> str:
    """Return an error's type, stable code and innermost place; never its text."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    code = f" {error.code}" if isinstance(error, CrisisError) else ""
    place = ""
    with suppress(IndexError):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f" at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    return f"{type(error).__name__}{code}{place}"
