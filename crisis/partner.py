"""Partner responses: law enforcement, EMS, fire, 911, another county, beside or instead of a team.

    requested → acknowledged → arrived → left | not_coming

A 911 hand-off stays open until it is acknowledged and its outcome is known. No partner's arrival
ever stops the regulatory clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from crisis.ids import IncidentId, PartnerResponseId, RecordId
from crisis.shapes import EventBody, Value
from crisis.states import step


class PartnerState(StrEnum):
    """Where a partner's response stands."""

    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    ARRIVED = "arrived"
    LEFT = "left"
    NOT_COMING = "not_coming"


#: Nothing more is awaited of the partner.
CLOSED_PARTNER_STATES = frozenset({PartnerState.LEFT, PartnerState.NOT_COMING})


class PartnerRequested(EventBody, frozen=True, kw_only=True):
    """A partner was asked; ``kind`` and ``reason`` are codes.

    ``requested_by``: a role, never a name. ``handoff``: instead of a team, not beside one.
    ``danger``: which version of the incident's statement of danger they were told; 0 = none.
    """

    incident_id: IncidentId
    partner_id: PartnerResponseId
    kind: str
    reason: str
    requested_by: str = "dispatcher"
    handoff: bool = False
    danger: int = 0


class PartnerBriefed(EventBody, frozen=True, kw_only=True):
    """The partner was told this version of the incident's statement of danger."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    danger: int


class PartnerAcknowledged(EventBody, frozen=True, kw_only=True):
    """The partner takes it; ``record``: which agency, and their number for it, encrypted."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    record: RecordId | None = None


class PartnerArrived(EventBody, frozen=True, kw_only=True):
    """The partner is on the scene."""

    incident_id: IncidentId
    partner_id: PartnerResponseId


class PartnerLeft(EventBody, frozen=True, kw_only=True):
    """The partner has left; ``outcome`` is a code, known or ``unknown``."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    outcome: str


class PartnerNotComing(EventBody, frozen=True, kw_only=True):
    """The partner refused, or the request was taken back (``taken_back``)."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    reason: str
    taken_back: bool = False


PartnerEvent = (
    PartnerRequested
    | PartnerBriefed
    | PartnerAcknowledged
    | PartnerArrived
    | PartnerLeft
    | PartnerNotComing
)

_P = PartnerState
TRANSITIONS: Mapping[tuple[PartnerState, type], PartnerState] = {
    (_P.REQUESTED, PartnerAcknowledged): _P.ACKNOWLEDGED,
    (_P.REQUESTED, PartnerArrived): _P.ARRIVED,
    (_P.REQUESTED, PartnerNotComing): _P.NOT_COMING,
    (_P.ACKNOWLEDGED, PartnerArrived): _P.ARRIVED,
    (_P.ACKNOWLEDGED, PartnerLeft): _P.LEFT,
    (_P.ACKNOWLEDGED, PartnerNotComing): _P.NOT_COMING,
    # Seen on scene before anyone knew who had taken it: the reference still comes.
    (_P.ARRIVED, PartnerAcknowledged): _P.ARRIVED,
    (_P.ARRIVED, PartnerLeft): _P.LEFT,
    **{(s, PartnerBriefed): s for s in (_P.REQUESTED, _P.ACKNOWLEDGED, _P.ARRIVED)},
}


class PartnerResponse(Value, frozen=True, kw_only=True):
    """One partner's response; each instant ``None`` until it happened.

    Attributes:
        record: which agency took it, and their number for it, encrypted; ``None`` = not told.
        danger: the newest version of the incident's danger that they were told; 0 = none.
        known_at: when the service learnt of its present state.
        refused: they did not take it (a request that we took back was not refused).
    """

    id: PartnerResponseId
    kind: str
    state: PartnerState = PartnerState.REQUESTED
    reason: str = ""
    requested_by: str = "dispatcher"
    handoff: bool = False
    requested_at: datetime
    known_at: datetime
    acknowledged_at: datetime | None = None
    arrived_at: datetime | None = None
    ended_at: datetime | None = None
    record: RecordId | None = None
    outcome: str | None = None
    danger: int = 0
    refused: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something is still awaited of the partner."""
        return self.state not in CLOSED_PARTNER_STATES

    def refused_or_left_before(self, at: datetime | None) -> bool:
        """Whether none of them can know what became known ``at``; ``None`` = nothing since."""
        if self.state is PartnerState.NOT_COMING:
            return True
        left_at = self.ended_at if self.state is PartnerState.LEFT else None
        return left_at is not None and at is not None and left_at < at


def evolve_partner(
    partner: PartnerResponse | None,
    event: PartnerEvent,
    at: datetime,
    known_at: datetime | None = None,
) -> PartnerResponse:
    """Return the response after ``event``; ``None`` = not requested before.

    ``known_at``: when the service learnt of it; ``None`` = at once.

    Raises:
        IllegalTransition: the response's state has no such step.
    """
    if isinstance(event, PartnerRequested):
        return PartnerResponse(
            id=event.partner_id,
            kind=event.kind,
            reason=event.reason,
            requested_by=event.requested_by,
            handoff=event.handoff,
            danger=event.danger,
            requested_at=at,
            known_at=known_at or at,
        )
    if partner is None:
        raise AssertionError("only PartnerRequested begins a partner response")
    state = step(TRANSITIONS, partner.state, type(event), "partner response")
    replace = msgspec.structs.replace
    if state is not partner.state:
        partner = replace(partner, known_at=known_at or at)
    match event:
        case PartnerBriefed():
            return replace(partner, danger=max(partner.danger, event.danger))
        case PartnerAcknowledged():
            return replace(partner, state=state, acknowledged_at=at, record=event.record)
        case PartnerArrived():
            return replace(partner, state=state, arrived_at=at)
        case PartnerLeft():
            return replace(partner, state=state, ended_at=at, outcome=event.outcome)
        case PartnerNotComing():
            return replace(
                partner,
                state=state,
                ended_at=at,
                outcome=event.reason,
                refused=not event.taken_back,
            )
