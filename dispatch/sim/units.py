"""Several rows of one incident as one response: a row each unit, as dispatch systems export them.

Decides which rows belong together, and what they say together: the call came in once, and the first
unit to arrive stops the clock; what the others did is kept beside it. Must not know how a row is
read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from dispatch.sim.recorded import RecordedCall, Unit

#: A number that is used again so much later means another incident; many systems count anew each
#: day.
_APART = timedelta(hours=12)
#: But for what is still going on.
_LONGEST = timedelta(days=2)


def joined(
    calls: Iterable[RecordedCall], notes: Counter[str], zone: ZoneInfo
) -> list[RecordedCall]:
    """Return the calls with those of one incident as one; the others as they are.

    Args:
        zone: of the days on which numbers may begin anew.
    """
    groups: dict[str, list[RecordedCall]] = {}
    found: list[RecordedCall] = []
    for call in calls:
        if call.incident:
            groups.setdefault(call.incident, []).append(call)
        else:
            found.append(call)
    for rows in groups.values():
        ordered = sorted(rows, key=lambda one: (one.received_at, one.row))
        apart = _together(ordered, zone)
        if len(apart) > 1:
            notes["incident numbers used again later taken as other incidents"] += len(apart) - 1
        found += [_one(together, notes) for together in apart]
    return sorted(found, key=lambda one: one.row)


def _together(rows: Sequence[RecordedCall], zone: ZoneInfo) -> list[list[RecordedCall]]:
    found = [[rows[0]]]
    until = _last(rows[0])
    for call in rows[1:]:
        if _is_of(found[-1][0], until, call, zone):
            found[-1].append(call)
            until = max(until, _last(call))
        else:
            found.append([call])
            until = _last(call)
    return found


def _is_of(first: RecordedCall, until: datetime, call: RecordedCall, zone: ZoneInfo) -> bool:
    """Whether a row of the same number tells of the same incident, as far as the rows say.

    Args:
        first: the incident's first row.
        until: the last that is known of it.
    """
    later = call.received_at - first.received_at
    if later <= timedelta(0):
        return True
    if call.received_at <= until:
        return later <= _LONGEST
    if call.determined is not None and call.determined > until:
        # Somebody was to go anew after all had been done: a response with a clock of its own.
        return False
    days = {one.received_at.astimezone(zone).date() for one in (first, call)}
    return len(days) == 1 and later <= _APART


def _last(call: RecordedCall) -> datetime:
    told = (call.determined, call.dispatch, call.arrival, call.departure, call.ended)
    return max(one for one in (call.received_at, *told) if one is not None)


def _one(rows: Sequence[RecordedCall], notes: Counter[str]) -> RecordedCall:
    if len(rows) == 1:
        return rows[0]
    different = list({_what(call): call for call in reversed(rows)}.values())[::-1]
    notes["rows of one incident taken as one response"] += len(rows)
    if len(different) < len(rows):
        notes["rows that repeat another one"] += len(rows) - len(different)
    # Whoever arrived first is whose arrival counts; of those who didn't arrive, who was sent first.
    ranked = sorted(
        different,
        key=lambda one: (
            one.arrival is None,
            one.arrival or one.dispatch or one.received_at,
            one.dispatch is None,
            one.row,
        ),
    )
    first = ranked[0]
    outcome = "" if first.arrival else next((one.outcome for one in ranked if one.outcome), "")
    is_over = outcome != ""
    determined = min((one.determined for one in rows if one.determined), default=None)
    unusable = first.unusable if first.arrival else _unusable(rows)
    gone = first.arrival and (first.dispatch or first.arrival)
    if gone and determined and gone < determined:
        # Another unit's: the clock of the one that arrived began before it was sent.
        determined = None
        unusable = {**unusable, "determined": "determined of another unit lies after dispatch"}
        notes[f"row {first.row}: {unusable['determined']}; left out"] += 1
    ends = [one.ended for one in rows if one.ended is not None]
    return replace(
        first,
        row=min(one.row for one in rows),
        rows=tuple(sorted(one.row for one in rows)),
        received_at=min(one.received_at for one in rows),
        determined=determined,
        place=next((one.place for one in rows if one.place is not None), None),
        source=next((one.source for one in rows if one.source != "unknown"), "unknown"),
        concern=next((one.concern for one in rows if one.concern is not None), None),
        outcome=outcome,
        ended=max(ends) if is_over and ends else None,
        unusable=unusable,
        others=tuple(
            Unit(row=one.row, dispatch=one.dispatch, arrival=one.arrival, departure=one.departure)
            for one in ranked[1:]
            if one.dispatch is not None
        ),
    )


def _what(call: RecordedCall) -> tuple[object, ...]:
    return (call.unit, call.dispatch, call.arrival, call.departure, call.outcome)


def _unusable(rows: Sequence[RecordedCall]) -> dict[str, str]:
    return {name: why for one in reversed(rows) for name, why in one.unusable.items()}
