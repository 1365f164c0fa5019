"""The outbox: notices written with a command go out afterwards, from any node.

Decides who takes a notice, when it is tried again and when it is given up. A notice is leased, sent
by each adapter, then marked; a crash between the two sends it once more under the same key. Must
not know what a notice says nor how an adapter works.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from crisis.clock import Clock, generator, secret_token
from crisis.errors import CrisisError
from dispatch.run.alerts import Adapter, Alert, NotDelivered
from dispatch.store.pool import Database, Record, Worker
from dispatch.store.sql import load

SQL = load("outbox")
log = logging.getLogger(__name__)

#: What could not be sent in so many attempts is told, whether or not it is tried again.
TOLD_AFTER = 3
#: Longest that one adapter may take for one notice, seconds.
SEND_WITHIN_S = 20.0
_FIRST_RETRY_S = 2.0
_MOST_RETRY_S = 300.0
_PAGE = 1_000


@dataclass(slots=True, kw_only=True)
class Drained:
    """What became of notices, counted.

    Attributes:
        sent: left by every adapter.
        retried: will be tried again.
        failed: given up; somebody has to be told by other means.
        expired: useless before they could leave.
    """

    sent: int = 0
    retried: int = 0
    failed: int = 0
    expired: int = 0

    def __iadd__(self, other: Drained) -> Drained:
        self.sent += other.sent
        self.retried += other.retried
        self.failed += other.failed
        self.expired += other.expired
        return self

    @property
    def took_some(self) -> bool:
        """Whether any notice was taken; then there may be more."""
        return bool(self.sent or self.retried or self.failed)


@dataclass(slots=True)
class _Attempt:
    row: Record
    sent_by: list[str]
    error: str | None = None
    may_retry: bool = False
    fault: Exception | None = field(default=None, repr=False)


class Follows(Protocol):
    """Looks at what becomes of notices; ``dispatch.run.reached.Reached`` is one."""

    async def sent(self, alert: Alert) -> None:
        """It has left by every way."""
        ...

    async def failed(self, alert: Alert) -> None:
        """It did not get out, for good or for a while."""
        ...


class Outbox:
    """Drains the outbox on one node; ``run`` it under a supervisor.

    Args:
        adapters: the ways out; each takes every notice.
        clock: the counties' time: when notices are due and when they are useless.
        machine: the host's time: leases and pauses.
        follows: looks at what becomes of each; ``None`` = nobody does.
        jitter: draws a number between two others; ``None`` = evenly at random.
        batch: most notices taken at once, >= 1.
        lease_s: seconds that a crashed node's notices wait; must exceed what all adapters take.
        most_attempts: then a notice has failed.
        poll_s: longest pause between two looks, seconds.
    """

    def __init__(
        self,
        database: Database,
        adapters: Sequence[Adapter],
        node: str,
        *,
        clock: Clock,
        machine: Clock,
        follows: Follows | None = None,
        jitter: Callable[[float, float], float] | None = None,
        batch: int = 20,
        lease_s: float = 60.0,
        most_attempts: int = 8,
        poll_s: float = 1.0,
    ) -> None:
        names = [adapter.name for adapter in adapters]
        if len(set(names)) != len(names):
            raise ValueError("two adapters have the same name")
        if lease_s <= SEND_WITHIN_S * len(names):
            raise ValueError("a lease must outlast all adapters")
        self._database = database
        self._adapters = tuple(adapters)
        self._node = node
        self._clock = clock
        self._machine = machine
        self._follows = follows
        self._jitter = jitter or generator().uniform
        self._batch = batch
        self._lease_s = lease_s
        self._most_attempts = most_attempts
        self._poll_s = poll_s
        self._woken = asyncio.Event()
        self.totals = Drained()

    @property
    def stats(self) -> Drained:
        """What became of notices on this node, for the metrics."""
        return self.totals

    def wake(self) -> None:
        """Look at once: a notice was just committed."""
        self._woken.set()

    async def run(self) -> None:
        """Drain whenever woken, and each ``poll_s`` seconds; ends only with an error."""
        while True:
            self._woken.clear()
            drained = await self.drain()
            if not drained.took_some:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._woken.wait()

    async def drain(self) -> Drained:
        """Take one batch of due notices, send them, and mark what became of each.

        Raises:
            ConnectionLost: the leases run out by themselves.
            ExceptionGroup: adapters broke their promise; their notices are tried again.
        """
        now, machine_now = self._clock.now(), self._machine.now()
        lease = f"{self._node}/{secret_token(9)}"
        drained = Drained()
        for row in await self._database.call(
            Worker(), SQL["close_notices"], now, machine_now, self._most_attempts
        ):
            if row["outcome"] == "expired":
                drained.expired += 1
            else:
                drained.failed += 1
        rows = await self._database.call(
            Worker(),
            SQL["lease_notices"],
            lease,
            now,
            machine_now,
            machine_now + timedelta(seconds=self._lease_s),
            self._batch,
        )
        attempts = await asyncio.gather(*(self._attempt(row) for row in rows))
        for attempt in attempts:
            await self._settle(attempt, lease, drained)
        for attempt in attempts:
            await self._follow(attempt)
        self.totals += drained
        faults = [attempt.fault for attempt in attempts if attempt.fault is not None]
        if faults:
            raise ExceptionGroup("adapters failed unexpectedly", faults)
        return drained

    async def _attempt(self, row: Record) -> _Attempt:
        attempt = _Attempt(row, list(row["sent_by"]))
        alert = alert_of(row)
        for adapter in self._adapters:
            if adapter.name in attempt.sent_by:
                continue
            # One adapter's failure must keep neither the others nor other notices from leaving.
            (outcome,) = await asyncio.gather(_send(adapter, alert), return_exceptions=True)
            match outcome:
                case None:
                    attempt.sent_by.append(adapter.name)
                case NotDelivered():
                    attempt.error = f"{adapter.name}: {outcome.code}"
                    attempt.may_retry |= outcome.may_retry
                case TimeoutError():
                    attempt.error = f"{adapter.name}: no answer in time"
                    attempt.may_retry = True
                case Exception():
                    attempt.error = f"{adapter.name}: {type(outcome).__name__}"
                    attempt.may_retry = True
                    attempt.fault = outcome
                case _:
                    raise outcome
        return attempt

    async def _settle(self, attempt: _Attempt, lease: str, drained: Drained) -> None:
        row, done_at, outcome = attempt.row, None, None
        not_again_before = None
        if attempt.error is None:
            done_at, outcome = self._clock.now(), "sent"
            drained.sent += 1
        elif not attempt.may_retry or row["attempts"] >= self._most_attempts:
            done_at, outcome = self._clock.now(), "failed"
            drained.failed += 1
            log.error(
                "notice given up",
                extra={
                    "action": "notice_failed",
                    "county_id": row["county_id"],
                    "command_id": str(row["command_id"]),
                    "template": row["template"],
                    "error": attempt.error,
                },
            )
        else:
            drained.retried += 1
            pause_s = min(_FIRST_RETRY_S * 2.0 ** (row["attempts"] - 1), _MOST_RETRY_S)
            not_again_before = self._machine.now() + timedelta(
                seconds=self._jitter(pause_s / 2, pause_s)
            )
        await self._database.call(
            Worker(),
            SQL["settle_notice"],
            row["county_id"],
            row["outbox_id"],
            lease,
            attempt.sent_by,
            done_at,
            outcome,
            attempt.error,
            not_again_before,
        )

    async def _follow(self, attempt: _Attempt) -> None:
        """Let be looked at what became of it; that this fails must keep no notice from leaving."""
        if self._follows is None:
            return
        alert = alert_of(attempt.row)
        is_over = not attempt.may_retry or attempt.row["attempts"] >= self._most_attempts
        try:
            if attempt.error is None:
                await self._follows.sent(alert)
            elif is_over or attempt.row["attempts"] == TOLD_AFTER:
                await self._follows.failed(alert)
        except CrisisError as error:
            log.warning("not followed", extra={"action": "outbox", "code": error.code})

    async def waiting(self) -> tuple[int, datetime | None]:
        """Return how many notices are due and since when the oldest is; ``None`` = none is."""
        (row,) = await self._database.ask(Worker(), SQL["count_notices"], self._clock.now())
        return row["waiting"], row["oldest"]


async def _send(adapter: Adapter, alert: Alert) -> None:
    async with asyncio.timeout(SEND_WITHIN_S):
        await adapter.send(alert)


def alert_of(row: Record) -> Alert:
    """Return a row of the outbox as what a person must see."""
    return Alert(
        key=f"{row['command_id']}/{row['position']}",
        county_id=row["county_id"],
        recipient=row["recipient"],
        template=row["template"],
        urgency=row["urgency"],
        incident_number=row["incident_number"],
        created_at=row["created_at"],
        not_after=row["not_after"],
    )


class AlertFeed:
    """Tells this node's screens of new alerts, whichever node wrote or drains them.

    Reads the outbox itself, because the people to be told may be connected anywhere. ``run`` it
    under a supervisor, and ``wake`` it when a county's log has grown.

    Args:
        deliver: called with new alerts in the event loop, in order per county; must not block.
        clock: the counties' time; what is useless by now isn't told.
        gather_s: seconds in which wakes are answered together.
    """

    def __init__(
        self,
        database: Database,
        deliver: Callable[[Sequence[Alert]], None],
        *,
        clock: Clock,
        gather_s: float = 0.02,
    ) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock
        self._gather_s = gather_s
        self._seen: dict[int, int] | None = None
        self._grown: set[int] = set()
        self._woken = asyncio.Event()

    async def begin(self) -> None:
        """Take the present ends of all counties as told; call before the first command runs."""
        rows = await self._database.ask(Worker(), SQL["read_alert_ends"])
        self._seen = {row["county_id"]: row["outbox_id"] for row in rows}

    def wake(self, county_id: int) -> None:
        """Look soon at a county whose log has grown."""
        self._grown.add(county_id)
        self._woken.set()

    async def run(self) -> None:
        """Tell what is new whenever woken; ends only with an error."""
        if self._seen is None:
            await self.begin()
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.look()
            await asyncio.sleep(self._gather_s)

    async def look(self) -> None:
        """Tell what is new in the counties that have grown."""
        seen = self._seen
        if seen is None:
            raise AssertionError("begin comes first")
        while self._grown:
            # A county that grows while we read must be looked at once more.
            counties, self._grown = sorted(self._grown), set()
            try:
                rows = await self._database.ask(
                    Worker(),
                    SQL["read_alerts_after"],
                    counties,
                    [seen.get(county_id, 0) for county_id in counties],
                    _PAGE,
                )
            # Raised on whatever it is: what wasn't read is looked at again.
            except BaseException:
                self._grown.update(counties)
                self._woken.set()
                raise
            if len(rows) == _PAGE:
                self._grown.update(counties)
            for row in rows:
                seen[row["county_id"]] = row["outbox_id"]
            now = self._clock.now()
            alerts = [alert_of(row) for row in rows]
            current = [a for a in alerts if a.not_after is None or a.not_after > now]
            if current:
                self._deliver(current)
