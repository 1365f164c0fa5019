"""When what a row tells happened: out of times whole or in two columns, and of durations.

Decides which instant each time is, and which can't be used. What can't be read costs that time and
not the row, but for the first: nothing is known of a call whose coming in isn't. Must not know what
became of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.sheets.cells import duration, told
from dispatch.sheets.clocks import Clocks
from dispatch.sheets.times import Order, Told, instants_at, read_time
from dispatch.sim.columns import ORDER, STEMS, Columns

#: The response standard took effect on this day; before it nothing can be measured.
FIRST_INSTANT = datetime(2023, 1, 1, 8, tzinfo=UTC)
#: From a call to the end of all that came of it; beyond it a year was mistyped.
_LONGEST = timedelta(days=366)
#: A time of day without a day goes on after midnight; a longer way there is a mistake.
_OVER_NIGHT = timedelta(hours=12)

Cells = Mapping[str, str]


@dataclass(slots=True)
class Read:
    """The times of a row.

    Attributes:
        times: those that are known.
        unusable: why others, which are told, can't be used.
        notes: what was taken for something else.
    """

    times: dict[str, datetime] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RowTimes:
    """Reads the times of rows.

    Attributes:
        orders: of each column with days, whether they have their month first.
        units: of each column with durations, what a bare number counts, and what the first part
            of ``45:30``.
        clocks: how times of day are written.
        assume: what a missing determination is taken from; ``None`` = it stays missing.
    """

    columns: Columns
    zone: ZoneInfo
    orders: Mapping[str, Order]
    units: Mapping[str, tuple[str, str]]
    clocks: Clocks
    assume: str | None = None

    def read(self, row: int, cells: Cells) -> Read:
        """Return the times of a row, each not before the one that it must follow.

        Raises:
            ValueError: it isn't known when the call came in; says so.
        """
        read = Read()
        before, its_name = FIRST_INSTANT, ""
        for name in (*ORDER, "ended"):
            try:
                possible, text = self._possible(name, cells, read.times)
                chosen = _chosen(possible, before, its_name, read.times.get("received_at"))
            except ValueError as error:
                if name == "received_at":
                    raise ValueError(_said(name, error)) from None
                read.unusable[name] = _said(name, error)
                continue
            if chosen is None and name == "determined" and self.assume == "received_at":
                chosen = read.times["received_at"]
                read.notes.append("determined taken as received_at")
            if chosen is None and name == "received_at":
                raise ValueError("received_at is empty")
            if chosen is None:
                continue
            if len(possible) > 1 and chosen in possible:
                which = "first" if chosen == possible[0] else "second"
                read.notes.append(
                    f"row {row}: {name} {text} came twice that night; taken as the {which}"
                )
            read.times[name], before, its_name = chosen, chosen, name
            if name == "dispatch":
                self._assume_dispatched(read)
        return read

    def _assume_dispatched(self, read: Read) -> None:
        """Take the determination as of the dispatch, where that is asked for and none is told."""
        if self.assume == "dispatch" and not {"determined"} & {*read.times, *read.unusable}:
            read.times["determined"] = read.times["dispatch"]
            read.notes.append("determined taken as dispatch")

    def _possible(
        self, name: str, cells: Cells, times: Mapping[str, datetime]
    ) -> tuple[tuple[datetime, ...], str]:
        """Return the instants that a time may mean, and how it is written; () = nothing is told."""
        stem = STEMS[name]
        columns = (name, f"{stem}_time", f"{stem}_date")
        text = " ".join(filter(None, (told(cells.get(one, "")) for one in columns)))
        parts = [one for one in (self._told(each, cells) for each in columns) if one is not None]
        # Beside a column of its own, the day's may hold midnight.
        at = next((one for one in parts if one.clock is not None), None)
        day = next((one.day for one in parts if one.day is not None), None)
        if at is None or at.clock is None:
            found = self._from_duration(name, cells, times)
            if parts and not found:
                raise ValueError(f"{text} has no time of day")
            return found, text
        if day is not None:
            return instants_at(day, at.clock, at.zone, self.zone, text), text
        return self._on_a_day(at, cells, times, text), text

    def _told(self, column: str, cells: Cells) -> Told | None:
        text = cells.get(column, "")
        if not text:
            return None
        if not column.endswith("date"):
            text = self.clocks.spelled(text)
        found = read_time(text, self.orders.get(column, Order.MONTH_FIRST))
        if found is not None and found.zone is None and column in self.columns.of_utc:
            found = found._replace(zone=UTC)
        return found

    def _on_a_day(
        self, at: Told, cells: Cells, times: Mapping[str, datetime], text: str
    ) -> tuple[datetime, ...]:
        """Return what a time of day means: after the time before it, else on the row's own day."""
        if times:
            last = max(times.values())
            day = last.astimezone(at.zone or self.zone).date()
            tries = [*self._at(day, at, text), *self._at(day + timedelta(days=1), at, text)]
            found = [one for one in tries if last <= one <= last + _OVER_NIGHT]
            if not found:
                raise ValueError(f"{text} lies before {_last_of(times)}, or half a day after it")
            # Twice in one night: both may be meant.
            return tuple(one for one in found if one - found[0] <= timedelta(hours=1))
        own = self._told("date", cells)
        if own is None or own.day is None:
            raise ValueError(f"{text} has no day")
        return instants_at(own.day, at.clock or timedelta(0), at.zone, self.zone, text)

    def _at(self, day: date, at: Told, text: str) -> tuple[datetime, ...]:
        try:
            return instants_at(day, at.clock or timedelta(0), at.zone, self.zone, text)
        except ValueError:
            return ()

    def _from_duration(
        self, name: str, cells: Cells, times: Mapping[str, datetime]
    ) -> tuple[datetime, ...]:
        """Return when something happened that is told by how long it took; () = it isn't."""
        lacking = ""
        for column, first, last in self.columns.durations():
            text = told(cells.get(column, ""))
            if last != name or not text:
                continue
            if first not in times:
                lacking = f"{column} {text} counts from {first}, which isn't known"
                continue
            took = duration(text, *self.units.get(column, ("m", "h")))
            if took < timedelta(0):
                raise ValueError(f"{column} {text} is less than nothing")
            if took > _LONGEST:
                raise ValueError(f"{column} {text} is longer than a year")
            return (times[first] + took,)
        if lacking:
            raise ValueError(lacking)
        return ()


def _chosen(
    possible: tuple[datetime, ...], before: datetime, its_name: str, received: datetime | None
) -> datetime | None:
    if not possible:
        return None
    chosen = next((one for one in possible if one >= before), possible[-1])
    if chosen < before:
        if not its_name:
            raise ValueError("lies before 2023, when the standard took effect")
        raise ValueError(f"lies before {its_name}")
    if received is not None and chosen - received > _LONGEST:
        raise ValueError("lies more than a year after received_at")
    return chosen


def _last_of(times: Mapping[str, datetime]) -> str:
    return max(times, key=lambda name: times[name])


def _said(name: str, error: ValueError) -> str:
    text = str(error)
    return f"{name} {text}" if text.startswith("lies ") else f"{name}: {text}"
