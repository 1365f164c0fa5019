"""The log's envelope and the registry of everything that can happen.

An event is a fact in one county's log at ``(county_id, seq)``: gapless, only appended to, in commit
order. Its body never holds a name, a phone number or free text; private fields are sealed by the
codec (``dispatch.store.codec``) on their way to the database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from crisis.assignment import AssignmentEvent
from crisis.call import CallEvent
from crisis.duress import DuressEvent
from crisis.ids import CommandId, CountyId, IncidentId, UserId
from crisis.incident.state import OwnEvent
from crisis.obligation import ObligationEvent
from crisis.offer import OfferEvent
from crisis.partner import PartnerEvent
from crisis.shapes import EventBody, Value, snake
from crisis.states import Source
from crisis.team import ResponderRecorded, TeamEvent

Body = (
    CallEvent
    | OwnEvent
    | OfferEvent
    | AssignmentEvent
    | PartnerEvent
    | DuressEvent
    | ObligationEvent
    | TeamEvent
    | ResponderRecorded
)

#: Type in the log → class. Complete by construction: every member of ``Body``.
REGISTRY: dict[str, type[EventBody]] = {snake(cls.__name__): cls for cls in get_args(Body)}


class Event(Value, frozen=True, kw_only=True):
    """One fact in a county's log.

    Attributes:
        seq: position in the county's log, from 1, gapless.
        occurred_at: when it happened in the world.
        recorded_at: when the server learnt of it; goes back only where a clock was wrong.
        actor: the account behind it; ``None`` = a timer or the system.
        role: in which role (a word), for the timeline.
        device_at: what the sender's clock said, where it was corrected.
        reason: why a past instant was entered, for back-entry and corrections (a code).
        off_board: the thing that it is about had already left the board: only the database's
            row of it changes, and boards pass it over.
    """

    county_id: CountyId
    seq: int
    occurred_at: datetime
    recorded_at: datetime
    source: Source
    actor: UserId | None = None
    role: str = ""
    command_id: CommandId
    device_at: datetime | None = None
    reason: str | None = None
    off_board: bool = False
    body: Body


def incident_of(body: Any) -> IncidentId | None:
    """Return the incident that the body is about; ``None`` = about none."""
    return getattr(body, "incident_id", None)


_SUBJECTS: dict[type[EventBody], str] = {
    **dict.fromkeys(get_args(CallEvent), "call_id"),
    **dict.fromkeys(get_args(OwnEvent), "incident_id"),
    **dict.fromkeys(get_args(OfferEvent), "incident_id"),
    **dict.fromkeys(get_args(AssignmentEvent), "incident_id"),
    **dict.fromkeys(get_args(PartnerEvent), "incident_id"),
    **dict.fromkeys(get_args(DuressEvent), "duress_id"),
    **dict.fromkeys(get_args(ObligationEvent), "obligation_id"),
    **dict.fromkeys(get_args(TeamEvent), "team_id"),
}


def subject_of(body: Any) -> UUID:
    """Return the id of the one thing that the body changes first: its call, incident, alarm, ..."""
    attribute = _SUBJECTS.get(type(body))
    subject: UUID = body.responder.id if attribute is None else getattr(body, attribute)
    return subject


def type_of(body: EventBody) -> str:
    """Return the body's type as it stands in the log."""
    return str(body.__struct_config__.tag)
