"""What each event changed of what is known of an incident, fact by fact.

Decides how a change is told: was and now of one fact, in codes and numbers, for whoever may open
the incident. Events hold what is known after them; what they changed is worked out here, so that
older logs tell it too. Must not know words or who reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from datetime import datetime
from typing import Any

from crisis.events import Event
from crisis.incident.events import (
    DeadlineMoved,
    IncidentAbsorbed,
    IncidentAmended,
    IncidentOpened,
    IncidentReleased,
    TeamDetermined,
)
from crisis.incident.situation import Situation, changed, facts
from crisis.shapes import Value
from crisis.triage import Acuity, Answer, Hazard, Need
from geo.point import Point


class FactChange(Value, frozen=True, kw_only=True):
    """One fact that changed.

    Attributes:
        field: acuity, point, address, location_type, needs, hazards, concerns or screening; of a
            merge or a split due_at, and of calls, subjects, partners and slots how many came or
            went.
        code: of which item, where the field is a list or the questions; ``None`` = the field.
        was, now: codes: an acuity, an answer, a type of place, ``hard`` or ``soft`` of a need, the
            sources of a hazard; a point in degrees; an instant; a number; of an address and a
            concern only ``known``.
            ``None`` = not known, or not there.
    """

    field: str
    code: str | None = None
    was: str | None = None
    now: str | None = None


def changes_of(events: Iterable[Event]) -> dict[int, tuple[FactChange, ...]]:
    """Return what each event of one incident changed, by its seq; absent = nothing."""
    known: Situation | None = None
    due_at: datetime | None = None
    found: dict[int, tuple[FactChange, ...]] = {}
    for event in events:
        body = event.body
        told, due_at = _of_parts(body, due_at)
        if told:
            found[event.seq] = told
        if not isinstance(body, IncidentOpened | TeamDetermined | IncidentAmended):
            continue
        now = Situation(
            place=body.place,
            acuity=body.acuity,
            needs=body.needs,
            hazards=body.hazards,
            clinical=body.clinical,
        )
        if known is not None and (told := (*told, *_told(known, now))):
            found[event.seq] = told
        known = now
    return found


def _of_parts(
    body: object, due_at: datetime | None
) -> tuple[tuple[FactChange, ...], datetime | None]:
    """Return what a merge or a split changed beside the situation, and the deadline after it."""
    match body:
        case TeamDetermined():
            return (), due_at or body.due_at
        case DeadlineMoved():
            return (), body.due_at  # the event tells both itself
        case IncidentAbsorbed():
            now = min((at for at in (due_at, body.due_at) if at is not None), default=None)
            return (*_due(due_at, now), *_counted(body, body.slots, body.partners, come=True)), now
        case IncidentReleased():
            return (*_due(due_at, body.due_at), *_counted(body, (), (), come=False)), body.due_at
        case _:
            return (), due_at


def _due(was: datetime | None, now: datetime | None) -> tuple[FactChange, ...]:
    if was == now:
        return ()
    return (FactChange(field="due_at", was=_instant(was), now=_instant(now)),)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _counted(
    body: IncidentAbsorbed | IncidentReleased, slots: Sized, partners: Sized, *, come: bool
) -> tuple[FactChange, ...]:
    parts = {
        "calls": len(body.calls),
        "subjects": len(body.subjects),
        "partners": len(partners),
        "slots": len(slots),
    }
    return tuple(
        FactChange(field=field, now=str(n)) if come else FactChange(field=field, was=str(n))
        for field, n in parts.items()
        if n
    )


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
