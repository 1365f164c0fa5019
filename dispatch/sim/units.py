"""Several rows of one incident as one response: a row each unit, as dispatch systems export them.

Decides which rows belong together, and what they say together: the call came in once, and the first
unit to arrive stops the clock; what the others did is kept beside it. Must not know how a row is
read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from msgspec.structs import replace

from dispatch.sim.recorded import RecordedCall, Unit

#: A number that is used again so much later means another incident.
_APART = timedelta(days=2)


def joined(calls: Iterable[RecordedCall], notes: Counter[str]) -> list[RecordedCall]:
    """Return the calls with those of one incident as one; the others as they are."""
    groups: dict[str, list[RecordedCall]] = {}
    found: list[RecordedCall] = []
    for call in calls:
        if call.incident:
            groups.setdefault(call.incident, []).append(call)
        else:
            found.append(call)
    for rows in groups.values():
        ordered = sorted(rows, key=lambda one: (one.received_at, one.row))
        found += [_one(together, notes) for together in _together(ordered)]
    return sorted(found, key=lambda one: one.row)


def _together(rows: Sequence[RecordedCall]) -> list[list[RecordedCall]]:
    found = [[rows[0]]]
    for call in rows[1:]:
        if call.received_at - found[-1][-1].received_at <= _APART:
            found[-1].append(call)
        else:
            found.append([call])
    return found


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
