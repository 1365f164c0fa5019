"""Upkeep of the database: what is deleted when, and who does it.

Decides the retention of what isn't a record (answers to commands, notices that ended), in small
batches so that no delete holds others up, and the book in which nodes agree that periodic work is
done once. Must not know when a day begins; the ticker asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from crisis.clock import Clock, secret_token
from dispatch.store.pool import Database, Worker
from dispatch.store.sql import load

SQL = load("upkeep")

#: Rows per delete: a few milliseconds each.
BATCH = 500
#: How long notices that ended are kept, to answer "was I told?".
NOTICES_KEPT = timedelta(days=30)
_RUNS_KEPT = timedelta(days=60)

Claim = Literal["ours", "done", "busy"]


async def delete_old_results(database: Database, days: Mapping[int, int], now: datetime) -> int:
    """Forget answers to commands older than each county's policy says; return how many.

    Args:
        days: ``retention.command_results_days`` of each county whose turn it is.
        now: domain time.
    """
    deleted = 0
    for county_id, kept in sorted(days.items()):
        before = now - timedelta(days=kept)
        while gone := await database.call(
            Worker(), SQL["delete_old_results"], county_id, before, BATCH
        ):
            deleted += len(gone)
    return deleted


async def delete_done_notices(database: Database, now: datetime) -> int:
    """Forget notices that ended ``NOTICES_KEPT`` ago; return how many. ``now``: domain time."""
    deleted = 0
    while gone := await database.call(
        Worker(), SQL["delete_done_notices"], now - NOTICES_KEPT, BATCH
    ):
        deleted += len(gone)
    return deleted


class UpkeepRuns:
    """The book of periodic work: each job once per period, over all nodes.

    Args:
        node: this node's name; need not be unique.
        machine: the host's time: leases.
        lease: how long a job may take; then another node takes it up.
        retry_after: pause after a failure.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        machine: Clock,
        *,
        lease: timedelta = timedelta(hours=1),
        retry_after: timedelta = timedelta(minutes=5),
    ) -> None:
        self._database = database
        self._node = f"{node}/{secret_token(6)}"
        self._machine = machine
        self._lease = lease
        self._retry_after = retry_after

    async def claim(self, job: str, period: str) -> Claim:
        """Ask to do ``job`` for ``period``: ``2026-03-02`` or ``2026-03-02T08Z``.

        Returns:
            ``ours``: do it, then call ``finish`` or ``give_back``; ``done``: it is over for this
            period; ``busy``: another node does it, or it failed a moment ago.
        """
        now = self._machine.now()
        claimed = await self._database.call(
            Worker(), SQL["claim_run"], job, period, self._node, now, now + self._lease
        )
        if claimed:
            return "ours"
        rows = await self._database.ask(Worker(), SQL["read_run"], job, period)
        return "done" if rows and rows[0]["finished_at"] is not None else "busy"

    async def finish(self, job: str, period: str) -> None:
        """Note that claimed work is done."""
        now = self._machine.now()
        await self._database.call(Worker(), SQL["end_run"], job, period, self._node, now, now)

    async def give_back(self, job: str, period: str) -> None:
        """Note that claimed work failed, so that any node tries again after a while."""
        until = self._machine.now() + self._retry_after
        await self._database.call(Worker(), SQL["end_run"], job, period, self._node, None, until)

    async def forget_old(self) -> None:
        """Forget periods that are long over."""
        before = self._machine.now() - _RUNS_KEPT
        await self._database.call(Worker(), SQL["delete_old_runs"], before)
