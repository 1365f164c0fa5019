"""Recorded calls, read from a log: what happened when, and what can't be used.

Decides what a row says and whether it can be true. A bad row is told with its number and reason,
and never stops the others; a bad time or place of a row costs that, and not the row. What is taken
for something else (a word, a time of an autumn night) is noted. Must not know how a call is
answered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

from crisis.codes import CodeSets
from crisis.errors import Invalid
from crisis.names import asked_back
from dispatch.sheets.cells import number, told
from dispatch.sheets.table import plain, table_of
from dispatch.sheets.times import Order, read_time
from dispatch.sim.columns import COLUMNS, HEADS, MORE_COLUMNS, STEMS, columns_of
from dispatch.sim.forms import clocks_in, heads_of, is_heads, orders_in, sums_up, units_in
from dispatch.sim.recorded import BadRow, RecordedCall, RecordedOutcome
from dispatch.sim.rowtimes import FIRST_INSTANT, Read, RowTimes
from dispatch.sim.units import joined
from dispatch.sim.words import CONCERNS, OUTCOMES, SOURCES, Words
from geo.counties import county_zones
from geo.point import Point

__all__ = ["COLUMNS", "FIRST_INSTANT", "MORE_COLUMNS", "BadRow", "Reading", "RecordedCall"]

_LONGEST_REASON = 200
#: What a spreadsheet makes of a long number.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
#: A place may lie so far beyond the state's outermost points: outlines are simplified.
_BEYOND_DEG = 0.1
#: From the first call to the last; a report is of ten years at most.
_AGE = timedelta(days=8 * 366)
#: Columns whose words are mapped.
MAPPED = ("source", "concern", "outcome")


@dataclass(frozen=True, slots=True)
class How:
    """What a file doesn't say of itself, as the user says it.

    Attributes:
        columns: our column → the file's head, where it isn't found by itself.
        sources, concerns, outcomes: the file's word → code, where it isn't found by itself.
        assume_determined: what a missing determination is taken from, ``received_at`` or
            ``dispatch``; ``None`` = it stays missing, and the call isn't followed any further.
        days: how days that are all numbers are meant; ``None`` = as the file shows.
        durations: unit of a number whose head names none: h, m or s; ``None`` = minutes, if so
            they can be.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    concerns: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    assume_determined: str | None = None
    days: Order | None = None
    durations: str | None = None


@dataclass(slots=True)
class Reading:
    """What a file holds.

    Attributes:
        calls: of one row, or of several of one incident.
        notes: what was taken for something else, and how often.
    """

    calls: list[RecordedCall] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return sum(call.row_count for call in self.calls) + len(self.bad)


def read_calls(
    text: str | Iterable[str], codes: CodeSets, *, zone: ZoneInfo, how: How | None = None
) -> Reading:
    """Read all rows of a CSV text.

    Args:
        text: with the heads first; whole, or in lines.
        codes: in force.
        zone: of times that name none.

    Raises:
        Invalid: ``bad_columns``, ``bad_words``, ``bad_span``, ``file_not_csv``,
            ``file_too_many_rows`` or ``file_days_mixed``: the file can't be read as told.
    """
    how = how or How()
    table = table_of(text, {*HEADS, *map(plain, how.columns.values())})
    rows = list(table.rows)
    notes: Counter[str] = Counter()
    heads = heads_of(table.heads, rows, notes)
    columns = columns_of(heads, how.columns)
    if columns.unused:
        unused = ", ".join(asked_back(head, COLUMNS) for head in columns.unused)
        notes[f"columns not used: {unused}"] += 1
    times = RowTimes(
        columns,
        zone,
        orders_in(columns, rows, how.days, notes),
        units_in(columns, rows, how.durations, notes),
        clocks_in(columns, rows, notes),
        how.assume_determined,
    )
    reader = _RowReader(len(heads), columns.places, _mapped(codes, how), times, notes)
    reading = Reading(notes=notes)
    for row, cells in rows:
        if is_heads(cells, table.heads):
            notes["heads that stand again between rows"] += 1
            continue
        try:
            reading.calls.append(reader.read(row, cells))
        except ValueError as error:
            if sums_up(cells) and not reader.is_dated(cells):
                notes["rows that sum up or end the file, not read"] += 1
                continue
            month = reader.month_of(cells)
            reading.bad.append(BadRow(row=row, reason=_shown(str(error)), month=month))
    reading.calls = joined(reading.calls, notes, zone)
    _check_span(reading.calls)
    return reading


def _check_span(calls: Sequence[RecordedCall]) -> None:
    """Refuse calls of two ages: it can't be known which of them was mistyped."""
    if not calls:
        return
    first, last = (pick(calls, key=lambda call: call.received_at) for pick in (min, max))
    if last.received_at - first.received_at > _AGE:
        raise Invalid(
            "bad_span",
            f"Row {first.row} is of {first.received_at.year}, row {last.row} of "
            f"{last.received_at.year}: mend the one that was mistyped, or split the file; eight "
            "years at most.",
        )


#: Finds the code of a word; ``None`` = it isn't known.
_Find = Callable[[str], str | None]


def _mapped(codes: CodeSets, how: How) -> dict[str, _Find]:
    try:
        return {
            "source": Words(codes["referral_source"], SOURCES, how.sources).code,
            "concern": Words(codes["crisis_type"], CONCERNS, how.concerns).code,
            "outcome": _outcomes(how.outcomes),
        }
    except ValueError as error:
        raise Invalid("bad_words", str(error)) from error


def _outcomes(given: Mapping[str, str]) -> _Find:
    said: dict[str, str] = {}
    for word, meaning in given.items():
        found = OUTCOMES.get(plain(meaning))
        if found is None:
            meanings = ", ".join(sorted(set(OUTCOMES.values())))
            raise ValueError(f"{meaning} is no outcome; one of: {meanings}")
        said[plain(word)] = found
    known = {**OUTCOMES, **said}
    return lambda text: known.get(plain(text))


class _RowReader:
    def __init__(
        self,
        width: int,
        places: Mapping[str, int],
        words: Mapping[str, _Find],
        times: RowTimes,
        notes: Counter[str],
    ) -> None:
        self._width = width
        self._places = places
        self._words = words
        self._times = times
        self.notes = notes

    def _cells(self, row: Sequence[str]) -> dict[str, str]:
        return {
            name: row[place] if place < len(row) else "" for name, place in self._places.items()
        }

    def month_of(self, row: Sequence[str]) -> str | None:
        """Return the local month of a row that can't be used; ``None`` = it isn't known either."""
        try:
            read = self._times.read(0, self._cells(row))
        except ValueError:
            return None
        return f"{read.times['received_at'].astimezone(self._times.zone):%Y-%m}"

    def is_dated(self, row: Sequence[str]) -> bool:
        """Whether any cell that should hold a time or a day does."""
        cells = self._cells(row)
        return any(_is_time(cells.get(name, "")) for name in _WITH_TIMES)

    def read(self, row: int, cells: Sequence[str]) -> RecordedCall:
        """Return the call of a row.

        Raises:
            ValueError: why it can't be used.
        """
        if any(cell.strip() for cell in cells[self._width :]):
            raise ValueError("more cells than heads: is a comma in a cell without quotes?")
        raw = self._cells(cells)
        said = {name: told(cell) for name, cell in raw.items()}
        read = self._times.read(row, raw)
        notes = read.notes
        outcome = self._outcome(said.get("outcome", ""), read, notes)
        _complete(read, outcome, notes)
        call = RecordedCall(
            row=row,
            place=_place(said.get("lat", ""), said.get("lon", ""), notes),
            source=self._coded("source", said.get("source", ""), notes) or "unknown",
            concern=self._coded("concern", said.get("concern", ""), notes),
            outcome=outcome,
            unusable={name: _shown(why) for name, why in read.unusable.items()},
            incident=_incident(said.get("incident", ""), notes),
            unit=plain(said.get("unit", "")),
            received_at=read.times["received_at"],
            determined=read.times.get("determined"),
            dispatch=read.times.get("dispatch"),
            arrival=read.times.get("arrival"),
            departure=read.times.get("departure"),
            ended=read.times.get("ended"),
        )
        for why in call.unusable.values():
            notes.append(f"row {row}: {why}; left out")
        self.notes.update(notes)
        return call

    def _coded(self, column: str, text: str, notes: list[str]) -> str | None:
        if not text:
            return None
        code = self._words[column](text)
        if code is None:
            notes.append(f"{column} {_shown(text)!r} taken as other; see --{column}")
            return "other"
        return code

    def _outcome(self, text: str, read: Read, notes: list[str]) -> RecordedOutcome:
        found = self._words["outcome"](text) if text else "responded"
        is_arrival_told = not {"arrival"}.isdisjoint({*read.times, *read.unusable})
        if found is None and is_arrival_told:
            # How an encounter ended, in the program's own words: that a team came is what counts.
            notes.append(f"outcome {_shown(text)!r} taken as responded; see --outcome")
            found = "responded"
        if text and found == "responded" and not is_arrival_told:
            read.unusable["arrival"] = f"outcome {text} says that a team came, and not when"
        match found:
            case "cancelled" | "unserved" | "no_dispatch":
                return found
            case "responded":
                return ""
            case _:
                raise ValueError(
                    f"outcome {text}: not cancelled, unserved or no_dispatch; see --outcome"
                )


#: Columns that hold times or days.
_WITH_TIMES = ("date", *STEMS, *(f"{s}_{end}" for s in STEMS.values() for end in ("date", "time")))


def _is_time(text: str) -> bool:
    try:
        found = read_time(text)
    except ValueError:
        return False
    return found is not None and (found.day is not None or ":" in text)


def _incident(text: str, notes: list[str]) -> str:
    """Return an incident's number; "" = none that tells it from others."""
    if _ROUNDED.fullmatch(text):
        # Many incidents would become one.
        notes.append("incident numbers that the spreadsheet rounded, as 2.02606E+11, not used")
        return ""
    found = plain(text)
    return found if found.strip("0_") else ""


def _complete(read: Read, outcome: RecordedOutcome, notes: list[str]) -> None:
    """Fill in the instants that follow from others, and leave out what can't be.

    Raises:
        ValueError: the outcome contradicts the times.
    """
    times, unusable = read.times, read.unusable
    if "arrival" in times and "dispatch" not in times:
        times["dispatch"] = times["arrival"]
        notes.append("dispatch taken as the arrival")
    if outcome:
        _check_outcome(read, outcome)
    elif "ended" in times:
        times.setdefault("departure", times.pop("ended"))
        times.pop("ended", None)
        if "arrival" not in times and "arrival" not in unusable:
            raise ValueError("ended without an arrival: say in outcome how it ended")
    if "departure" in times and "arrival" not in times and "arrival" not in unusable:
        del times["departure"]
        notes.append("departure without an arrival left out")
    if "determined" not in times and not outcome:
        notes.append("no determination: followed no further; see --assume-determined")


def _check_outcome(read: Read, outcome: RecordedOutcome) -> None:
    times = read.times
    is_determined = not {"determined"}.isdisjoint({*times, *read.unusable})
    if outcome in ("unserved", "no_dispatch") and "arrival" in times:
        raise ValueError(f"outcome {outcome}, but a team arrived")
    if outcome == "unserved" and not is_determined:
        raise ValueError("outcome unserved, but nobody determined that a team must go")
    if outcome == "no_dispatch" and "dispatch" in times:
        raise ValueError("outcome no_dispatch, but a team was sent")
    if "ended" not in times:
        if "departure" in times:
            times["ended"] = times["departure"]
        elif outcome == "no_dispatch":
            times["ended"] = times.get("determined", times["received_at"])
        else:
            read.unusable.setdefault("ended", f"outcome {outcome} without a time in ended")
    if "arrival" not in times:
        times.pop("departure", None)


def _shown(reason: str) -> str:
    """Return a reason that may quote a cell, fit for a terminal and of one line's length."""
    text = "".join(letter if letter.isprintable() else "?" for letter in reason)
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def _place(lat: str, lon: str, notes: list[str]) -> Point | None:
    """Return where it was; what is no place is none, and is noted."""
    if not lat and not lon:
        return None
    said = _shown(f"lat {lat or 'empty'}, lon {lon or 'empty'}")
    try:
        lat_deg, lon_deg = _degrees(lat, "s"), _degrees(lon, "w")
    except ValueError:
        notes.append(f"{said}: no place, taken as not known")
        return None
    if lat_deg == lon_deg == 0:
        notes.append("lat 0, lon 0: no place, taken as not known")
        return None
    for at, what in (
        ((lat_deg, lon_deg), ""),
        ((lon_deg, lat_deg), "lat and lon are swapped: taken the other way round"),
        ((lat_deg, -lon_deg), "lon lacks its minus: taken as west"),
        ((lat_deg, lon_deg - 360), "lon counts on to 360: taken as west"),
    ):
        if _is_in_california(*at):
            notes += [what] if what else []
            return Point(lat_deg=at[0], lon_deg=at[1])
    notes.append(f"{said}: no place in California, taken as not known")
    return None


def _degrees(text: str, negative: str) -> float:
    plain_text = text.replace("\N{DEGREE SIGN}", "").strip()
    letter = plain_text[-1:].casefold()
    if letter and letter in "nsew":
        value = abs(number(plain_text[:-1]))
        return -value if letter == negative else value
    return number(plain_text)


def _is_in_california(lat_deg: float, lon_deg: float) -> bool:
    """Say whether a place lies in the state's box; its neighbours in the corners of that pass."""
    south, west, north, east = _california()
    return south <= lat_deg <= north and west <= lon_deg <= east


@cache
def _california() -> tuple[float, float, float, float]:
    boxes = [zone.box for zone in county_zones().values()]
    return (
        min(box.south_deg for box in boxes) - _BEYOND_DEG,
        min(box.west_deg for box in boxes) - _BEYOND_DEG,
        max(box.north_deg for box in boxes) + _BEYOND_DEG,
        max(box.east_deg for box in boxes) + _BEYOND_DEG,
    )
