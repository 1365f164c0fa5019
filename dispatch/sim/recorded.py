"""A recorded call, as whatever reads a log leaves it and a replay takes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from crisis.shapes import Value
from geo.point import Point

#: A team was there, and nobody knows when it came.
LOST_ARRIVAL = "arrival can't be used"
RecordedOutcome = Literal["", "cancelled", "unserved", "no_dispatch"]


class Unit(Value, frozen=True, kw_only=True):
    """What another unit of the same incident did; see ``RecordedCall``."""

    row: int
    dispatch: datetime | None
    arrival: datetime | None = None
    departure: datetime | None = None


class RecordedCall(Value, frozen=True, kw_only=True):
    """One call as it was; instants are UTC, in the order of the fields, ``None`` = not recorded.

    Attributes:
        row: its number in a spreadsheet, or the first of several; the heads are row 1.
        rows: of several rows: all of them.
        place: ``None`` = not known.
        source, concern: codes; ``concern`` ``None`` = not said.
        ended: of a call with an ``outcome``: when it was cancelled or closed.
        unusable: times that are told and can't be used, each with why.
        incident, unit: as the file calls them; "" = it doesn't.
        others: what other units did; the call's own times are those of the first to arrive.
    """

    row: int
    place: Point | None
    source: str
    concern: str | None
    received_at: datetime
    determined: datetime | None = None
    dispatch: datetime | None = None
    arrival: datetime | None = None
    departure: datetime | None = None
    outcome: RecordedOutcome = ""
    ended: datetime | None = None
    rows: tuple[int, ...] = ()
    unusable: Mapping[str, str] = {}
    incident: str = ""
    unit: str = ""
    others: tuple[Unit, ...] = ()

    @property
    def row_count(self) -> int:
        """How many rows of the file it is made of."""
        return len(self.rows) or 1

    @property
    def why_unmeasurable(self) -> str | None:
        """Why it can't be said how long it took, though the record promises it; ``None`` = it can.

        A call for which nobody was to go, or that never had an instant of its determination to
        begin with and no arrival either, promises nothing.
        """
        if self.outcome == "no_dispatch":
            return None
        for name in ("determined", "arrival", "ended"):
            is_lost = name in self.unusable and getattr(self, name) is None
            if is_lost and (name != "ended" or self.outcome):
                return f"{name} can't be used"
        if self.determined is None and (self.dispatch or self.arrival):
            return "no determination"
        return None


class BadRow(Value, frozen=True, kw_only=True):
    """A row that was not used. ``row``: its number in a spreadsheet; the heads are row 1."""

    row: int
    reason: str
    month: str | None = None
