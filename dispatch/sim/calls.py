"""Recorded calls, read from a spreadsheet: what happened when, row by row, and what can't be used.

Decides what a row says and whether it can be true. A bad row is told with its number and reason,
and never stops the others. What is taken for something else (a word, a time of an autumn night) is
noted. Must not know how a call is answered.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from itertools import chain
from typing import Literal
from zoneinfo import ZoneInfo

from crisis.codes import CodeSets
from crisis.errors import Invalid
from crisis.shapes import Value
from dispatch.sheets.times import instants
from dispatch.sim.words import CONCERNS, SOURCES, Words, plain
from geo.counties import county_zones
from geo.point import Point

#: The response standard took effect on this day; before it nothing can be measured.
FIRST_INSTANT = datetime(2023, 1, 1, 8, tzinfo=UTC)

#: Columns that a file must have, and those that it may have, with what they hold.
COLUMNS: Mapping[str, str] = {
    "received_at": "when the call came in (required)",
    "lat": "latitude of the place, degrees north; empty = not known (required)",
    "lon": "longitude of the place, degrees east, negative in California (required)",
    "source": "who called: a referral source's code, label or a usual word (required)",
    "concern": "what it is about: a crisis type's code, label or a usual word (required)",
    "determined": "when it was determined that a team must go: the regulatory clock's start",
    "dispatch": "when a team was sent and accepted",
    "arrival": "when the team arrived: the regulatory clock's stop",
    "departure": "when the team left",
    "outcome": "empty, cancelled, unserved (no team ever came) or no_dispatch",
    "ended": "when it was cancelled or closed; default: the departure",
}
REQUIRED = ("received_at", "lat", "lon", "source", "concern")
_OTHER_NAMES: Mapping[str, str] = {
    "received": "received_at",
    "latitude": "lat",
    "longitude": "lon",
    "lng": "lon",
    "determined_at": "determined",
    "dispatch_at": "dispatch",
    "dispatched": "dispatch",
    "dispatched_at": "dispatch",
    "arrival_at": "arrival",
    "arrived": "arrival",
    "arrived_at": "arrival",
    "departure_at": "departure",
    "departed": "departure",
    "departed_at": "departure",
    "cleared_at": "departure",
    "ended_at": "ended",
    "closed_at": "ended",
}
#: How a spreadsheet names what separates its cells, in a line before the heads.
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_LONGEST_REASON = 200
#: How databases write that there is nothing.
_NOTHING = frozenset({"null", "n/a", "#n/a", "nan", "nat"})
#: A place may lie so far beyond the state's outermost points: outlines are simplified.
_BEYOND_DEG = 0.1
#: A row's instants in the order in which they must lie.
_ORDER = ("received_at", "determined", "dispatch", "arrival", "departure")

#: From a call to the end of all that came of it; beyond it a year was mistyped.
_LONGEST = timedelta(days=366)
#: From the first call to the last; a report is of ten years at most.
_AGE = timedelta(days=8 * 366)

RecordedOutcome = Literal["", "cancelled", "unserved", "no_dispatch"]
_OUTCOMES: Mapping[str, RecordedOutcome] = {
    "": "",
    "responded": "",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "unserved": "unserved",
    "no_dispatch": "no_dispatch",
}
#: From which instant a missing determination may be taken.
AssumedFrom = Literal["received_at", "dispatch"]


class RecordedCall(Value, frozen=True, kw_only=True):
    """One call as it was; instants are UTC, in the order of the fields, ``None`` = not recorded.

    Attributes:
        row: its number in a spreadsheet; the heads are row 1.
        place: ``None`` = not known.
        source, concern: codes; ``concern`` ``None`` = not said.
        ended: of a call with an ``outcome``: when it was cancelled or closed.
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


class BadRow(Value, frozen=True, kw_only=True):
    """A row that was not used. ``row``: its number in a spreadsheet; the heads are row 1."""

    row: int
    reason: str


@dataclass(slots=True)
class Reading:
    """What a file holds.

    Attributes:
        rows: how many were read; each is in ``calls`` or in ``bad``.
        notes: what was taken for something else, and how often.
    """

    calls: list[RecordedCall] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return len(self.calls) + len(self.bad)


def read_calls(
    lines: Iterable[str],
    codes: CodeSets,
    *,
    zone: ZoneInfo,
    columns: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    concerns: Mapping[str, str] | None = None,
    assume_determined: AssumedFrom | None = None,
) -> Reading:
    """Read all rows of a CSV text.

    Args:
        lines: with the heads first.
        codes: in force.
        zone: of times that name none.
        columns: our column → the file's head, where it isn't found by itself.
        sources, concerns: the file's word → code, where it isn't found by itself.
        assume_determined: what a missing determination is taken from; ``None`` = it stays missing,
            and the call isn't followed any further.

    Raises:
        Invalid: ``bad_columns``, ``bad_words`` or ``bad_span``: the file can't be read as told.
    """
    lines, delimiter = _delimited(lines, columns or {})
    # Strictly: a quote that is never closed would swallow all rows after it.
    table = csv.reader(lines, strict=True, delimiter=delimiter)
    try:
        heads = next(table, [])
        places = _columns(heads, columns or {})
        row_reader = _RowReader(
            len(heads),
            places,
            _words(codes, "referral_source", SOURCES, sources),
            _words(codes, "crisis_type", CONCERNS, concerns),
            zone,
            assume_determined,
        )
        reading = Reading(notes=row_reader.notes)
        # Counted as a spreadsheet does, for which a cell of two lines is one row.
        for row, cells in enumerate(table, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            try:
                reading.calls.append(row_reader.read(row, cells))
            except ValueError as error:
                reading.bad.append(BadRow(row=row, reason=_shown(str(error))))
    except csv.Error as error:
        fault = str(error).replace("unexpected end of data", "a cell's quotes are never closed")
        raise Invalid("bad_columns", f"Line {table.line_num}: not CSV: {fault}.") from error
    _check_span(reading.calls)
    return reading


def _delimited(lines: Iterable[str], given: Mapping[str, str]) -> tuple[Iterable[str], str]:
    """Return the lines from the heads on, and what separates their cells.

    Where a comma stands in numbers, spreadsheets separate by semicolons; some say so in a line
    before the heads.
    """
    rest = iter(lines)
    first = next(rest, "")
    said = _SEPARATOR.fullmatch(first.strip("\ufeff\r\n"))
    if said is not None:
        return rest, said[1]
    known = {*COLUMNS, *_OTHER_NAMES, *(plain(head) for head in given.values())}

    def heads_known(delimiter: str) -> int:
        return sum(plain(head.strip('"\ufeff')) in known for head in first.split(delimiter))

    return chain([first], rest), max(",;\t|", key=heads_known)


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


def _words(
    codes: CodeSets, name: str, common: Mapping[str, str], given: Mapping[str, str] | None
) -> Words:
    try:
        return Words(codes[name], common, given or {})
    except ValueError as error:
        raise Invalid("bad_words", str(error)) from error


def _columns(heads: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Return which column of the file holds which of ours."""
    wanted = {name: plain(head) for name, head in given.items()}
    for name in wanted.keys() - COLUMNS.keys():
        near = get_close_matches(name, COLUMNS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Invalid("bad_columns", f"There is no column {name} to map{hint}")
    found: dict[str, int] = {}
    for index, head in enumerate(heads):
        word = plain(head.lstrip("\ufeff"))
        name = _OTHER_NAMES.get(word, word)
        names = [wish for wish, wished in wanted.items() if word == wished]
        if name in COLUMNS and name not in wanted:
            names.append(name)
        for one in names:
            if one in found:
                raise Invalid(
                    "bad_columns",
                    f"Two columns may be {one}: {heads[found[one]]} and {head}. Rename one, or say "
                    f"which: --column {one}=HEAD",
                )
            found[one] = index
    missing = [name for name in (*REQUIRED, *wanted) if name not in found]
    if missing:
        raise Invalid(
            "bad_columns",
            f"The file lacks the column {', '.join(dict.fromkeys(missing))}; it has "
            f"{', '.join(heads) or 'none'}. Map it: --column {missing[0]}=HEAD",
        )
    return found


class _RowReader:
    def __init__(
        self,
        width: int,
        places: Mapping[str, int],
        sources: Words,
        concerns: Words,
        zone: ZoneInfo,
        assume_determined: AssumedFrom | None,
    ) -> None:
        self._width = width
        self._places = places
        self._sources = sources
        self._concerns = concerns
        self._zone = zone
        self._assume = assume_determined
        self.notes: Counter[str] = Counter()

    def read(self, row: int, cells: Sequence[str]) -> RecordedCall:
        """Return the call of a row.

        Raises:
            ValueError: why it can't be used.
        """
        if any(cell.strip() for cell in cells[self._width :]):
            raise ValueError("more cells than heads: is a comma in a cell without quotes?")
        notes: list[str] = []
        told = {
            name: _told(cells[index]) if index < len(cells) else ""
            for name, index in self._places.items()
        }
        times = self._times(told, row, notes)
        outcome = _OUTCOMES.get(plain(told.get("outcome", "")))
        if outcome is None:
            raise ValueError(f"outcome {told['outcome']}: not cancelled, unserved or no_dispatch")
        call = RecordedCall(
            row=row,
            place=_place(told["lat"], told["lon"]),
            source=self._source(told["source"], notes),
            concern=self._concern(told["concern"], notes),
            outcome=outcome,
            **self._completed(times, outcome, notes),
        )
        self.notes.update(notes)
        return call

    def _times(self, told: Mapping[str, str], row: int, notes: list[str]) -> dict[str, datetime]:
        """Return the instants of a row, each not before the one that it must follow."""
        if not told["received_at"]:
            raise ValueError("received_at is empty")
        times: dict[str, datetime] = {}
        before, its_name = FIRST_INSTANT, ""
        for name in (*_ORDER, "ended"):
            if not told.get(name):
                continue
            try:
                possible = instants(told[name], self._zone)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            chosen = next((one for one in possible if one >= before), possible[-1])
            if chosen < before:
                if not its_name:
                    raise ValueError(f"{name} lies before 2023, when the standard took effect")
                raise ValueError(f"{name} lies before {its_name}")
            if len(possible) > 1:
                which = "first" if chosen == possible[0] else "second"
                notes.append(
                    f"row {row}: {name} {told[name]} came twice that night; taken as the {which}"
                )
            if chosen - times.get("received_at", chosen) > _LONGEST:
                raise ValueError(f"{name} lies more than a year after received_at")
            times[name], before, its_name = chosen, chosen, name
        return times

    def _completed(
        self, times: dict[str, datetime], outcome: RecordedOutcome, notes: list[str]
    ) -> dict[str, datetime]:
        """Return the instants with those filled in that follow from others."""
        if "determined" not in times and self._assume in times:
            times["determined"] = times[self._assume]
            notes.append(f"determined taken as {self._assume}")
        if "arrival" in times and "dispatch" not in times:
            times["dispatch"] = times["arrival"]
            notes.append("dispatch taken as the arrival")
        if outcome:
            _check_outcome(times, outcome)
        elif "ended" in times:
            times.setdefault("departure", times.pop("ended"))
            if "arrival" not in times:
                raise ValueError("ended without an arrival: say in outcome how it ended")
        if "departure" in times and "arrival" not in times:
            del times["departure"]
            notes.append("departure without an arrival left out")
        if "determined" not in times and not outcome:
            notes.append("no determination: followed no further; see --assume-determined")
        return times

    def _source(self, text: str, notes: list[str]) -> str:
        if not text:
            return "unknown"
        code = self._sources.code(text)
        if code is None:
            notes.append(f"source {text!r} taken as other; see --source")
            return "other"
        return code

    def _concern(self, text: str, notes: list[str]) -> str | None:
        if not text:
            return None
        code = self._concerns.code(text)
        if code is None:
            notes.append(f"concern {text!r} taken as other; see --concern")
            return "other"
        return code


def _check_outcome(times: dict[str, datetime], outcome: RecordedOutcome) -> None:
    """Settle when a call with an outcome ended.

    Raises:
        ValueError: the outcome contradicts the times, or no time says when.
    """
    if outcome in ("unserved", "no_dispatch") and "arrival" in times:
        raise ValueError(f"outcome {outcome}, but a team arrived")
    if outcome == "unserved" and "determined" not in times:
        raise ValueError("outcome unserved, but nobody determined that a team must go")
    if outcome == "no_dispatch" and "dispatch" in times:
        raise ValueError("outcome no_dispatch, but a team was sent")
    if "ended" not in times:
        if "departure" in times:
            times["ended"] = times["departure"]
        elif outcome == "no_dispatch":
            times["ended"] = times.get("determined", times["received_at"])
        else:
            raise ValueError(f"outcome {outcome} without a time in ended")
    if "arrival" not in times:
        times.pop("departure", None)


def _shown(reason: str) -> str:
    """Return a reason that may quote a cell, fit for a terminal and of one line's length."""
    text = "".join(letter if letter.isprintable() else "?" for letter in reason)
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def _told(cell: str) -> str:
    text = cell.strip()
    return "" if text.casefold() in _NOTHING else text


def _place(lat: str, lon: str) -> Point | None:
    if not lat and not lon:
        return None
    told = f"lat {lat or 'empty'}, lon {lon or 'empty'}"
    try:
        # Where semicolons separate, a comma stands in numbers.
        lat_deg, lon_deg = (float(text.replace(",", ".")) for text in (lat, lon))
    except ValueError:
        raise ValueError(f"{told} is no place") from None
    if _is_in_california(lat_deg, lon_deg):
        return Point(lat_deg=lat_deg, lon_deg=lon_deg)
    if _is_in_california(lon_deg, lat_deg):
        raise ValueError(f"{told} is no place in California: are the two swapped?")
    if _is_in_california(lat_deg, -lon_deg):
        raise ValueError(f"{told} is no place in California: does lon lack its minus?")
    raise ValueError(f"{told} is no place in California")


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
