"""Which columns of a log of calls hold what, by the heads that programs and dispatch systems give.

Decides what a head means: one of the columns below by its name or a usual other one, with the unit
that it names, or nothing that is used. Must not know what stands in the cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from crisis.errors import Invalid
from crisis.names import likely, shown
from dispatch.sheets.table import bare, plain

#: A row's instants in the order in which they must lie, and what begins their other columns' names.
ORDER = ("received_at", "determined", "dispatch", "arrival", "departure")
STEMS: Mapping[str, str] = {
    **{name: name.removesuffix("_at") for name in ORDER},
    "ended": "ended",
}
#: Columns that a file may have, with what they hold.
COLUMNS: Mapping[str, str] = {
    "received_at": "when the call came in (required)",
    "determined": "when it was determined that a team must go: the regulatory clock's start",
    "dispatch": "when a team was sent and accepted",
    "arrival": "when the team arrived: the regulatory clock's stop",
    "departure": "when the team left",
    "outcome": "empty, cancelled, unserved (no team ever came) or no_dispatch; see --outcome",
    "ended": "when it was cancelled or closed; default: the departure",
    "incident": "number of the incident: its rows are one response, each a unit's",
    "unit": "which unit the row is about; with incident",
    "lat": "latitude of the place, degrees north; empty or 0 = not known",
    "lon": "longitude of the place, degrees east, negative in California",
    "source": "who called: a referral source's code, label or a usual word",
    "concern": "what it is about: a crisis type's code, label or a usual word",
}
#: What else may say when something happened: day and time of day apart, or how long it took.
MORE_COLUMNS = """\
Each time may stand in two columns: NAME_date and NAME_time, as received_date and received_time;
one column date holds the day of all times of day, which go on after midnight. Instead of a time
there may be how long it took, from any time to any later one: determined_to_arrival (or
response_time), dispatch_to_arrival (travel_time), arrival_to_departure (time_on_scene), ..., in
minutes, or in what the head says: response_time_seconds, Travel (h:mm:ss)."""
_PAIRS: Mapping[str, tuple[str, str]] = {
    f"{STEMS[first]}_to_{STEMS[last]}": (first, last) for first, last in combinations(ORDER, 2)
}
_PARTS = tuple(f"{stem}_{part}" for stem in STEMS.values() for part in ("date", "time"))
KNOWN = frozenset({*COLUMNS, *_PARTS, *_PAIRS, "date"})

#: Other words for an instant, alone or with what follows or goes before.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "received_at": ("received", "call_received"),
    "determined": ("determined", "determination", "triaged"),
    "dispatch": ("dispatch", "dispatched"),
    "arrival": ("arrival", "arrived", "on_scene", "onscene"),
    "departure": ("departure", "departed", "cleared", "clear"),
    "ended": ("ended", "closed"),
}
#: Words that mean an instant only with what follows.
_STARTS: Mapping[str, tuple[str, ...]] = {
    "received_at": ("call", "intake", "reported", "create", "created", "call_created"),
    "arrival": ("arrive", "arrived_on_scene", "on_site"),
    "determined": ("triage",),
    "ended": ("end", "close"),
}
_WHOLE = ("at", "datetime", "date_time", "dt", "timestamp", "ts", "time_stamp")
_OTHERS: Mapping[str, str] = {
    "latitude": "lat",
    "y": "lat",
    "point_y": "lat",
    "lat_deg": "lat",
    "gps_lat": "lat",
    "longitude": "lon",
    "lng": "lon",
    "long": "lon",
    "x": "lon",
    "point_x": "lon",
    "lon_deg": "lon",
    "gps_lon": "lon",
    "gps_long": "lon",
    "referral_source": "source",
    "call_source": "source",
    "caller_type": "source",
    "crisis_type": "concern",
    "call_type": "concern",
    "problem": "concern",
    "disposition": "outcome",
    "status": "outcome",
    "result": "outcome",
    **{f"incident_{word}": "incident" for word in ("id", "number", "no", "num")},
    **{f"{word}_number": "incident" for word in ("cad", "event", "run", "call")},
    "unit_id": "unit",
    "team": "unit",
    "vehicle": "unit",
    "responding_unit": "unit",
    "day": "date",
    "call_day": "date",
    "service_date": "date",
    "date_of_service": "date",
    "response_time": "determined_to_arrival",
    "response": "determined_to_arrival",
    "travel_time": "dispatch_to_arrival",
    "drive_time": "dispatch_to_arrival",
    "travel": "dispatch_to_arrival",
    "scene_duration": "arrival_to_departure",
    "time_on_scene": "arrival_to_departure",
    "on_scene_duration": "arrival_to_departure",
}
#: How a head says in what a duration is counted.
_UNIT = re.compile(
    r"_(?:in_)?(?P<unit>minutes?|mins?|m|seconds?|secs?|s|hours?|hrs?|h|days|"
    r"hh?_?mm(?:_?ss)?|mm_ss|duration)$"
)


#: How a head says in which zone its times are; all but the first ones say the county's own.
_ZONE = re.compile(
    r"_(?:(?P<utc>utc|gmt|zulu|z)|pst|pdt|pst_pdt|pt|pacific(?:_time)?|local(?:_time)?)(?:_time)?$"
)


@dataclass
class Columns:
    """Which column of a file holds which of ours.

    Attributes:
        places: our column → its place in a row.
        units: of a column with durations, what its head says it counts in: d, h, m or s.
        of_utc: columns whose head says that their times are UTC; those of no other are.
        clocks: the same of the first part of ``45:30``, where its head writes ``mm:ss``: h or m.
        unused: heads that are none, as they stand.
    """

    places: dict[str, int] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    clocks: dict[str, str] = field(default_factory=dict)
    of_utc: set[str] = field(default_factory=set)
    unused: list[str] = field(default_factory=list)

    def durations(self) -> Iterator[tuple[str, str, str]]:
        """Yield the columns that hold durations, each with the instants that it lies between."""
        for name in self.places:
            if name in _PAIRS:
                yield name, *_PAIRS[name]


def _other_names() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, stem in STEMS.items():
        words, starts = _WORDS.get(name, ()), _STARTS.get(name, ())
        for word in (*words, *starts):
            found.update({f"{word}_{end}": name for end in _WHOLE})
            for part in ("date", "time"):
                found[f"{word}_{part}"] = found[f"{part}_{word}"] = f"{stem}_{part}"
                found[f"{part}_of_{word}"] = f"{stem}_{part}"
            found[f"datetime_{word}"] = found[f"date_time_{word}"] = name
        found.update(dict.fromkeys(words, name))
    return {**found, **_OTHERS}


_NAMES = _other_names()
#: Every head that may be met, as ``plain`` writes it.
HEADS = frozenset({*KNOWN, *_NAMES})


def meaning_of(head: str) -> tuple[str | None, str | None]:
    """Return the column that a head means, and the unit it names; ``None`` = none."""
    for word in (plain(head), bare(head), _ZONE.sub("", plain(head))):
        name = _NAMES.get(word, word)
        if name in KNOWN:
            unit = _UNIT.search(plain(head)) if name in _PAIRS else None
            return name, _letter(unit)
        unit = _UNIT.search(word)
        if unit is not None:
            stem = word[: unit.start()]
            name = _NAMES.get(stem, stem)
            if name in _PAIRS:
                return name, _letter(unit)
    return None, None


def _letter(unit: re.Match[str] | None) -> str | None:
    """Return the letter of a unit; of ``h:mm:ss`` that of its first part."""
    if unit is None or unit["unit"] == "duration":
        return None
    return "m" if unit["unit"].startswith("mm") else unit["unit"][0]


def columns_of(heads: Sequence[str], given: Mapping[str, str]) -> Columns:
    """Find the columns among a file's heads.

    Args:
        given: our column → the file's head, where it isn't found by itself.

    Raises:
        Invalid: ``bad_columns``: one is lacking, or two may be meant.
    """
    wanted = {_named(name): plain(head) for name, head in given.items()}
    found = Columns()
    for place, head in enumerate(heads):
        means, unit = meaning_of(head)
        names = [wish for wish, wished in wanted.items() if wished == plain(head)]
        if not names and means is not None and means not in wanted:
            names = [means]
        if not names and head.strip():
            found.unused.append(shown(head.strip()))
        for name in names:
            if name in found.places:
                raise Invalid(
                    "bad_columns",
                    f"Two columns may be {name}: {heads[found.places[name]]} and {head}. Rename "
                    f"one, or say which: --column {name}=HEAD",
                )
            found.places[name] = place
            zone = _ZONE.search(plain(head))
            if zone is not None and zone["utc"] and name not in _PAIRS:
                found.of_utc.add(name)
            said = _UNIT.search(plain(head))
            letter = unit or _letter(said)
            if letter is not None and name in _PAIRS:
                found.units[name] = letter
                if said is not None and "mm" in said["unit"]:
                    found.clocks[name] = letter
    _check_whole(found, wanted, heads)
    return found


def _named(name: str) -> str:
    means, _ = meaning_of(name)
    if means is None:
        near = likely(name, KNOWN)
        hint = f"; did you mean {near}?" if near else ""
        raise Invalid("bad_columns", f"There is no column {name} to map{hint}")
    return means


#: What stands below heads in a second line of them.
_PARTS_OF_HEADS = re.compile(
    r"date|time|date_?time|date_time|at|local(?:_time)?|utc|pacific|units?|minutes?|mins?|seconds?|"
    r"secs?|hours?|hrs?|h+_?mm(?:_?ss)?|mm_ss|y_n|degrees|text|number|id"
)


def two_lines(heads: Sequence[str], below: Sequence[str]) -> list[str] | None:
    """Return the heads of two lines as one; ``None`` = the second line holds no heads.

    A head over several columns stands over the first of them.
    """
    said = [one.strip() for one in below]
    if not any(said) or not all(
        not one or one[:1] in "([" or _PARTS_OF_HEADS.fullmatch(plain(one)) for one in said
    ):
        return None
    found, above = [], ""
    for place, head in enumerate(heads):
        above = head.strip() or above
        part = said[place] if place < len(said) else ""
        found.append(f"{above} {part}".strip() if part else head)
    return found


def _check_whole(found: Columns, wanted: Mapping[str, str], heads: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found.places]
    has_received = not {"received_at", "received_time"}.isdisjoint(found.places)
    if not has_received:
        missing.insert(0, "received_at")
    halves = [name for name in ("lat", "lon") if name not in found.places]
    missing += halves if len(halves) == 1 else []
    if missing:
        raise Invalid(
            "bad_columns",
            f"The file lacks the column {', '.join(dict.fromkeys(missing))}; it has "
            f"{', '.join(heads) or 'none'}. Map it: --column {missing[0]}=HEAD",
        )
