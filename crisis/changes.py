"""What each event changed of what is known of an incident, fact by fact.

Decides how a change is told: was and now of one fact, in codes and numbers, for whoever may open
the incident. Events hold what is known after them; what they changed is worked out here, so that
older logs tell it too. Must not know words or who reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crisis.events import Event
from crisis.incident_events import IncidentAmended, IncidentOpened, TeamDetermined
from crisis.shapes import Value
from crisis.situation import Situation, changed, facts
from crisis.triage import Acuity, Answer, Hazard, Need
from geo.point import Point


class FactChange(Value, frozen=True, kw_only=True):
    """One fact that changed.

    Attributes:
        field: acuity, point, address, location_type, needs, hazards, concerns or screening.
        code: of which item, where the field is a list or the questions; ``None`` = the field.
        was, now: codes: an acuity, an answer, a type of place, ``hard`` or ``soft`` of a need, the
            sources of a hazard; a point in degrees; of an address and a concern only ``known``.
            ``None`` = not known, or not there.
    """

    field: str
    code: str | None = None
    was: str | None = None
    now: str | None = None


def changes_of(events: Iterable[Event]) -> dict[int, tuple[FactChange, ...]]:
    """Return what each event of one incident changed, by its seq; absent = nothing."""
    known: Situation | None = None
    found: dict[int, tuple[FactChange, ...]] = {}
    for event in events:
        body = event.body
        if not isinstance(body, IncidentOpened | TeamDetermined | IncidentAmended):
            continue
        now = Situation(
            place=body.place,
            acuity=body.acuity,
            needs=body.needs,
            hazards=body.hazards,
            clinical=body.clinical,
        )
        if known is not None and (told := _told(known, now)):
            found[event.seq] = told
        known = now
    return found


def _told(before: Situation, after: Situation) -> tuple[FactChange, ...]:
    was, now = facts(before), facts(after)
    made = []
    for name in changed(before, after):
        field, _, code = name.partition("/")
        made.append(
            FactChange(
                field=field,
                code=code or None,
                was=_said(was.get(name)),
                now=_said(now.get(name)),
            )
        )
    return tuple(made)


def _said(value: Any) -> str | None:
    """Return a fact's value as it is told."""
    match value:
        case None:
            return None
        case Point():
            return f"{value.lat_deg:.5f}, {value.lon_deg:.5f}"
        case Acuity() | Answer():
            return value.value
        case tuple():
            return _of_items(value)
        case str() if len(value) < _ID:
            return value
        case _:
            return "known"


#: Length of a record's id, which says nothing to people.
_ID = 36


def _of_items(items: tuple[Any, ...]) -> str:
    hazards = [item.source for item in items if isinstance(item, Hazard)]
    if hazards:
        return ", ".join(dict.fromkeys(hazards))
    is_hard = any(item.hard for item in items if isinstance(item, Need))
    return "hard" if is_hard else "soft"
