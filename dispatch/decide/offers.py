"""Asking teams: the offer and its answers; what follows when nobody is left stands in ``ladder``.

The hard rules are checked here again, whatever a ranking said. An acceptance begins the run and
withdraws the slot's other offers in the same decision. Must not know how teams are ranked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crisis.assignment import AssignmentBegun
from crisis.commands import (
    AcceptOffer,
    Command,
    DeclineOffer,
    ExpireOffer,
    OfferTeam,
    WithdrawOffer,
)
from crisis.eligibility import why_not
from crisis.errors import Conflict, Invalid, NotFound, OfferClosed
from crisis.ids import AssignmentId, OfferId, SlotNo
from crisis.incident.state import Incident, IncidentState, Slot
from crisis.offer import (
    Offer,
    OfferAccepted,
    OfferDeclined,
    OfferExpired,
    OfferMade,
    OfferState,
    OfferWithdrawn,
)
from crisis.policy import offer_window_s
from crisis.reasons import ReasonCode
from crisis.staffing import CrewAssessment
from crisis.team import Duty, Team
from crisis.triage import Acuity
from dispatch.decide.claims import require_settled_claims
from dispatch.decide.context import Deciding, Handler, check_voice
from dispatch.decide.crew_check import assess, codes_of, reason_of
from dispatch.decide.situation import warning
from dispatch.decide.waking import next_wake, wake_taken_back

#: Whoever enters an outage's papers needs longer to answer for a team than the team had.
BACK_ENTRY_WINDOW_S = 86_400.0


def offer_team(d: Deciding, c: OfferTeam) -> dict[str, Any]:
    """Ask a team to take a slot."""
    incident = d.incident(c.incident_id)
    if incident.state is not IncidentState.DETERMINED:
        raise Conflict(
            "not_determined",
            f"Incident {incident.number} is {incident.state.value}; no team is being asked.",
            state=incident.state.value,
        )
    team = d.board.teams.get(c.team_id)
    if team is None:
        raise NotFound("unknown_team", "There is no such team in this county.")
    _check_override(d, c)
    beside = c.override_reason is not None and not d.env.actor.is_service
    require_settled_claims(d, incident, override=c.override_reason if beside else None)
    slot = slot_for(incident, c.slot, may_ask_beside=beside)
    if c.rung is not None and c.rung != slot.rung + 1:
        raise Conflict(
            "rung_taken", "This try was made meanwhile.", rung=c.rung, next_rung=slot.rung + 1
        )
    judged = assess(d, incident, team)
    _require_eligible(d, c, incident, slot, team, judged)
    offer_id = OfferId(d.id("offer"))
    expires_at = _expires_at(d, incident)
    soft = [s for s in judged.shortfalls if not s.hard]
    d.emit(
        OfferMade(
            incident_id=incident.id,
            offer_id=offer_id,
            slot=slot.no,
            rung=slot.rung + 1,
            team_id=team.id,
            expires_at=expires_at,
            eta_s=c.eta_s,
            located_by=c.located_by,
            recommendation=c.recommendation,
            override_reason=c.override_reason,
            shortfalls=codes_of(soft),
        ),
        at=not_before(d, incident.own_determined_at),
    )
    d.notify(f"team:{team.id}", "offer", incident=incident, not_after=expires_at)
    return {
        "incident_id": incident.id,
        "offer_id": offer_id,
        "slot": slot.no,
        "rung": slot.rung + 1,
        "expires_at": expires_at,
        "warnings": [reason_of(shortfall) for shortfall in soft],
    }


def not_before(d: Deciding, earliest: datetime | None) -> datetime:
    """Return the command's instant, but not one before what it follows from."""
    return d.occurred_at if earliest is None else min(max(d.occurred_at, earliest), d.now)


def _check_override(d: Deciding, c: OfferTeam) -> None:
    if c.override_reason is not None:
        d.code("override_reason", c.override_reason)
    elif c.ranked_first is False and not d.env.actor.is_service:
        raise Invalid(
            "override_reason_missing",
            "Another team is recommended first; say why this one is asked.",
            set="override_reason",
        )


def slot_for(incident: Incident, no: SlotNo | None, *, may_ask_beside: bool) -> Slot:
    """Return the slot to ask for: the named one, else the first that has nobody.

    While one team is being asked, only a person may ask another for the same slot, with a reason.

    Raises:
        Conflict: ``no_slot_waiting``, ``slot_met``, ``slot_offered``.
        NotFound: ``unknown_slot``.
    """
    waiting = incident.waiting_slots()
    unmet = [s for s in incident.slots if s.dropped is None and not incident.slot_run(s.no)]
    free = waiting or (unmet if may_ask_beside else [])
    if no is None:
        if not free:
            raise Conflict("no_slot_waiting", "No slot of this incident needs a team now.")
        return free[0]
    slot = incident.slot(no)
    if slot is None or slot.dropped is not None:
        raise NotFound("unknown_slot", "The incident has no such slot.", slot=no)
    if slot not in unmet:
        raise Conflict("slot_met", "A team is on it already.", slot=no)
    if slot not in waiting and not may_ask_beside:
        raise Conflict(
            "slot_offered",
            "A team is being asked for it; to ask another beside it, say why.",
            slot=no,
            offer_ids=[str(offer.id) for offer in incident.slot_offers(slot.no)],
        )
    return slot


def _require_eligible(
    d: Deciding, c: OfferTeam, incident: Incident, slot: Slot, team: Team, judged: CrewAssessment
) -> None:
    """Refuse a team that may not lawfully or can't go, with all reasons at once.

    Nobody is asked beyond the team's zones, unless a person says why: who serves where is the
    county's own arrangement, not a rule of the benefit.
    """
    against = why_not(d.board, incident, slot.no, team, d.occurred_at, d.rules)
    reasons = [reason for reason in against if reason.hard]
    only_outside = all(reason.code is ReasonCode.OUTSIDE_ZONE for reason in reasons)
    if not reasons or (only_outside and c.override_reason is not None):
        return
    if only_outside and not d.env.actor.is_service:
        raise Invalid(
            "override_reason_missing",
            "The place lies outside the team's zones; say why it is asked all the same.",
            set="override_reason",
        )
    more = f" And {len(reasons) - 1} more." if len(reasons) > 1 else ""
    raise Conflict(
        "team_not_eligible",
        f"{team.call_sign} can't be asked: {reasons[0].sentence}{more}",
        team_id=str(team.id),
        reasons=[reason_of(reason) for reason in reasons],
        possible_with_telehealth=judged.possible_with_telehealth,
    )


def _expires_at(d: Deciding, incident: Incident) -> datetime:
    if incident.back_entered:
        return d.in_s(BACK_ENTRY_WINDOW_S)
    remaining_s = (incident.due_at - d.now).total_seconds() if incident.due_at else None
    policy = d.policy_of(incident)
    return d.in_s(offer_window_s(policy, incident.acuity or Acuity.EMERGENT, remaining_s))


def _pending(d: Deciding, offer_id: OfferId) -> tuple[Incident, Offer]:
    """Return the offer that still waits for an answer.

    Raises:
        OfferClosed: ``offer_expired``, or ``offer_closed`` with its state.
    """
    incident = d.incident_of_offer(offer_id)
    offer = incident.offer(offer_id)
    if offer is None:
        raise AssertionError("the board's index names an offer that its incident lacks")
    if offer.state is OfferState.EXPIRED:
        raise _expired(offer)
    if not offer.is_pending:
        raise OfferClosed(
            "offer_closed",
            f"The offer was {offer.state.value} already.",
            state=offer.state.value,
            reason=offer.reason,
        )
    return incident, offer


def _expired(offer: Offer) -> OfferClosed:
    return OfferClosed(
        "offer_expired",
        "The time to answer is over; another team is being asked.",
        state=OfferState.EXPIRED.value,
        expires_at=offer.expires_at.isoformat(),
    )


def accept(d: Deciding, c: AcceptOffer) -> dict[str, Any]:
    """Take it, by the server's clock: after the expiry it is refused, whatever a phone says."""
    try:
        incident, offer = _pending(d, c.offer_id)
    except OfferClosed as closed:
        return _too_late(d, c, closed)
    check_voice(d, c.said_by)
    if d.now > offer.expires_at:
        raise _expired(offer)
    team = d.board.teams[offer.team_id]
    if team.duty is Duty.OFF_SHIFT:
        raise Conflict("off_shift", "The team is not on shift any more.", team_id=str(team.id))
    if incident.slot_run(offer.slot) is not None:
        raise OfferClosed("offer_closed", "Another team took it.", state="withdrawn")
    run_id = AssignmentId(d.id("assignment"))
    crew = tuple(member.responder_id for member in team.crew)
    lacks = assess(d, incident, team).hard
    at = not_before(d, offer.offered_at)
    d.emit(
        OfferAccepted(
            incident_id=incident.id,
            offer_id=offer.id,
            assignment_id=run_id,
            crew=crew,
            said_by=c.said_by,
        ),
        at=at,
    )
    withdraw_others(d, incident, offer.slot, offer.id)
    d.emit(
        AssignmentBegun(
            incident_id=incident.id,
            assignment_id=run_id,
            offer_id=offer.id,
            slot=offer.slot,
            team_id=team.id,
            crew=crew,
            members=team.crew,
            telehealth=team.telehealth,
            shortfalls=codes_of(lacks),
        ),
        at=at,
    )
    if lacks:
        d.notify("role:supervisor", "crew_no_longer_valid", incident=incident)
    return {
        "incident_id": incident.id,
        "offer_id": offer.id,
        "assignment_id": run_id,
        "version": incident.version,
        "warnings": [reason_of(shortfall) for shortfall in lacks],
    }


def _too_late(d: Deciding, c: AcceptOffer, closed: OfferClosed) -> dict[str, Any]:
    """Refuse an acceptance; where the crew had said it in time, the desk hears that it may go.

    Raises:
        OfferClosed: as it was given.
    """
    incident = d.incident_of_offer(c.offer_id)
    offer = incident.offer(c.offer_id)
    is_own = offer is not None and d.env.actor.team_id == offer.team_id
    over_at = offer.answered_at if offer is not None else None
    if not is_own or over_at is None or d.out_of_bounds is not None or d.occurred_at >= over_at:
        raise closed
    d.notify("role:dispatcher", "accepted_too_late", incident=incident)
    return d.refuse_but_keep(closed)


def withdraw_others(d: Deciding, incident: Incident, slot: SlotNo, taken: OfferId | None) -> None:
    """Take back every other question about a slot that somebody has taken."""
    for other in incident.slot_offers(slot):
        if other.id != taken:
            d.emit(
                OfferWithdrawn(
                    incident_id=incident.id, offer_id=other.id, reason="slot_taken", wake_at=None
                ),
                at=d.now,
            )
            d.notify(f"team:{other.team_id}", "offer_withdrawn", incident=incident)


def _wake_after_answer(d: Deciding, incident: Incident, offer: Offer) -> datetime | None:
    """Return when the next team is sought: at once, unless others are still being asked."""
    others = [o for o in incident.slot_offers(offer.slot) if o.id != offer.id]
    return None if others else next_wake(d, incident)


def decline(d: Deciding, c: DeclineOffer) -> dict[str, Any]:
    """Not this team; the next is sought at once."""
    incident, offer = _pending(d, c.offer_id)
    check_voice(d, c.said_by)
    kind = d.rules.codes.require("decline_reason", c.reason)
    d.emit(
        OfferDeclined(
            incident_id=incident.id,
            offer_id=offer.id,
            reason=c.reason,
            wake_at=_wake_after_answer(d, incident, offer),
            said_by=c.said_by,
        ),
        at=not_before(d, offer.offered_at),
    )
    if "safety" in kind.flags:
        d.notify("role:supervisor", "declined_for_safety", incident=incident)
    warnings = []
    if "team_out" in kind.flags:
        warnings.append(
            warning(
                "team_out", "The team can't be sent: set it unavailable.", team_id=offer.team_id
            )
        )
    return {"incident_id": incident.id, "offer_id": offer.id, "warnings": warnings}


def withdraw(d: Deciding, c: WithdrawOffer) -> dict[str, Any]:
    """Take the question back; a person goes on, unless the service was already looking."""
    incident, offer = _pending(d, c.offer_id)
    reason = d.code("withdraw_reason", c.reason)
    wake_at = _wake_after_answer(d, incident, offer) and wake_taken_back(d, incident, offer)
    d.emit(
        OfferWithdrawn(incident_id=incident.id, offer_id=offer.id, reason=reason, wake_at=wake_at)
    )
    d.notify(f"team:{offer.team_id}", "offer_withdrawn", incident=incident)
    return {"incident_id": incident.id, "offer_id": offer.id, "warnings": []}


def expire(d: Deciding, c: ExpireOffer) -> dict[str, Any]:
    """Nobody answered in time: the next team is sought at once."""
    incident, offer = _pending(d, c.offer_id)
    if d.now < offer.expires_at:
        raise Conflict(
            "not_due", "The team may still answer.", expires_at=offer.expires_at.isoformat()
        )
    d.emit(
        OfferExpired(
            incident_id=incident.id,
            offer_id=offer.id,
            wake_at=_wake_after_answer(d, incident, offer),
        )
    )
    d.notify(f"team:{offer.team_id}", "offer_expired", urgency="info", incident=incident)
    return {"incident_id": incident.id, "offer_id": offer.id, "warnings": []}


HANDLERS: Mapping[type[Command], Handler] = {
    OfferTeam: offer_team,
    AcceptOffer: accept,
    DeclineOffer: decline,
    WithdrawOffer: withdraw,
    ExpireOffer: expire,
}
