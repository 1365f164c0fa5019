"""Accounting for incidents: every one that was received is in some state."""

from __future__ import annotations

from crisis.shapes import Value
from dispatch.store.pool import Database, Report
from dispatch.store.sql import load

SQL = load("accounting")


class Accounting(Value, frozen=True, kw_only=True):
    """Where a county's incidents have come to.

    ``received``: the newest number that was given out; numbers have no gap.
    """

    received: int
    closed: int
    cancelled: int
    merged: int
    open: int

    @property
    def holds(self) -> bool:
        """Whether every incident that was received is accounted for."""
        return self.received == self.closed + self.cancelled + self.merged + self.open


async def account_for(database: Database, county_id: int) -> Accounting:
    """Count a county's incidents by state."""
    async with database.tx(Report(county_id), mode="snapshot") as con:
        rows = await con.fetch(SQL["count_incidents"], county_id)
    by_state = {row["state"]: row["n"] for row in rows}
    closed, cancelled, merged = (
        by_state.pop(state, 0) for state in ("closed", "cancelled", "merged")
    )
    return Accounting(
        received=max((row["newest"] for row in rows), default=0),
        closed=closed,
        cancelled=cancelled,
        merged=merged,
        open=sum(by_state.values()),
    )
