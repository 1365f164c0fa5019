"""An offer: an incident's slot proposed to one team until ``expires_at``.

    pending → accepted | declined(reason) | expired | withdrawn

Decides an offer's states only; what follows from an acceptance is decided in ``dispatch.decide``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from crisis.ids import AssignmentId, IncidentId, OfferId, RecordId, ResponderId, SlotNo, TeamId
from crisis.shapes import EventBody, Value
from crisis.states import step


class OfferState(StrEnum):
    """Where an offer stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class LocatedBy(StrEnum):
    """What a team's whereabouts rest on."""

    FIX = "fix"
    #: an old fix of a team that stood, and nothing says that it has moved since
    LAST_FIX = "last_fix"
    #: no fresh fix: the team is taken to be at its base
    BASE = "base"


class OfferMade(EventBody, frozen=True, kw_only=True):
    """A team is asked to take a slot.

    Attributes:
        rung: which try this is for the slot, from 1.
        expires_at: the instant after which an acceptance is refused.
        eta_s: seconds by road expected when offered; ``None`` = no usable fix or base.
        located_by: where that drive starts; ``None`` = not told, or no drive is known.
        recommendation: id of the stored recommendation that it follows; ``None`` = by hand.
        override_reason: code; set when a person chose another than the recommended team.
        shortfalls: codes of what the crew lacks, where policy allowed the offer all the same.
    """

    incident_id: IncidentId
    offer_id: OfferId
    slot: SlotNo
    rung: int
    team_id: TeamId
    expires_at: datetime
    eta_s: float | None = None
    located_by: LocatedBy | None = None
    recommendation: RecordId | None = None
    override_reason: str | None = None
    shortfalls: tuple[str, ...] = ()


class OfferAccepted(EventBody, frozen=True, kw_only=True):
    """The team takes it; the assignment begins in the same group of events.

    ``said_by``: code of who said so, where the desk entered it by voice.
    """

    incident_id: IncidentId
    offer_id: OfferId
    assignment_id: AssignmentId
    crew: tuple[ResponderId, ...] = ()
    said_by: str | None = None


class OfferDeclined(EventBody, frozen=True, kw_only=True):
    """The team can't take it; ``wake_at``: when the next must be sought, ``None`` = by hand."""

    incident_id: IncidentId
    offer_id: OfferId
    reason: str
    wake_at: datetime | None = None
    said_by: str | None = None


class OfferExpired(EventBody, frozen=True, kw_only=True):
    """Nobody answered in time."""

    incident_id: IncidentId
    offer_id: OfferId
    wake_at: datetime | None = None


class OfferWithdrawn(EventBody, frozen=True, kw_only=True):
    """We take the question back: another team accepted, or the need is gone."""

    incident_id: IncidentId
    offer_id: OfferId
    reason: str
    wake_at: datetime | None = None


OfferEvent = OfferMade | OfferAccepted | OfferDeclined | OfferExpired | OfferWithdrawn

_O = OfferState
TRANSITIONS: Mapping[tuple[OfferState, type], OfferState] = {
    (_O.PENDING, OfferAccepted): _O.ACCEPTED,
    (_O.PENDING, OfferDeclined): _O.DECLINED,
    (_O.PENDING, OfferExpired): _O.EXPIRED,
    (_O.PENDING, OfferWithdrawn): _O.WITHDRAWN,
}


class Offer(Value, frozen=True, kw_only=True):
    """One question to one team; see ``OfferMade`` for the fields that it takes over.

    ``answered_at``: when it left ``pending``; ``None`` = still pending.
    """

    id: OfferId
    slot: SlotNo
    rung: int
    team_id: TeamId
    state: OfferState = OfferState.PENDING
    offered_at: datetime
    expires_at: datetime
    answered_at: datetime | None = None
    reason: str | None = None
    eta_s: float | None = None
    located_by: LocatedBy | None = None
    recommendation: RecordId | None = None
    override_reason: str | None = None
    shortfalls: tuple[str, ...] = ()

    @property
    def is_pending(self) -> bool:
        """Whether the team may still answer."""
        return self.state is OfferState.PENDING


def evolve_offer(offer: Offer | None, event: OfferEvent, at: datetime) -> Offer:
    """Return the offer after ``event``; ``None`` = not made before.

    Raises:
        IllegalTransition: the offer is no longer pending.
    """
    if isinstance(event, OfferMade):
        return Offer(
            id=event.offer_id,
            slot=event.slot,
            rung=event.rung,
            team_id=event.team_id,
            offered_at=at,
            expires_at=event.expires_at,
            eta_s=event.eta_s,
            located_by=event.located_by,
            recommendation=event.recommendation,
            override_reason=event.override_reason,
            shortfalls=event.shortfalls,
        )
    if offer is None:
        raise AssertionError("only OfferMade begins an offer")
    state = step(TRANSITIONS, offer.state, type(event), "offer")
    reason = event.reason if isinstance(event, OfferDeclined | OfferWithdrawn) else None
    return msgspec.structs.replace(offer, state=state, answered_at=at, reason=reason)
