"""Partner responses: law enforcement, EMS, fire, 911, another county.

Decides what a partner's response may do next and whom to tell. Asking for emergency help is never
blocked for want of a reason. A hand-off to 911 closes only when somebody there has taken
it and what became of it is known. No partner's arrival touches the regulatory clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.commands import (
    AcknowledgePartner,
    BriefPartner,
    Command,
    PartnerDeclined,
    PartnerGone,
    PartnerOnScene,
    RequestPartner,
)
from crisis.errors import Conflict, Invalid, NotAllowed, NotFound
from crisis.ids import IncidentId, PartnerResponseId
from crisis.incident.state import Incident, IncidentState
from crisis.partner import (
    PartnerAcknowledged,
    PartnerArrived,
    PartnerBriefed,
    PartnerLeft,
    PartnerNotComing,
    PartnerRequested,
    PartnerResponse,
)
from crisis.rights import Act, may
from crisis.roles import Role
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.situation import warning

#: What ``PartnerGone`` says where nobody could learn what became of it.
UNKNOWN = "unknown"
#: Stands for a reason that was not said in words that we know.
UNSAID = "other"


def request_partner(d: Deciding, c: RequestPartner) -> dict[str, Any]:
    """Ask a partner; a request from the field rings at the desk, who makes the call.

    Help in danger to life: a reason that nobody knows is as good as any.
    """
    incident = d.incident(c.incident_id)
    kind, reason = d.rules.codes.require("partner_kind", c.kind), c.reason
    if "emergency" not in kind.flags:
        d.code("partner_reason", reason)
    elif reason not in d.rules.codes["partner_reason"]:
        reason = UNSAID
    if incident.state is IncidentState.MERGED:
        raise Conflict(
            "incident_merged",
            "It was merged; ask for the partner on the incident that goes on.",
            into=str(incident.merged_into),
        )
    if incident.archived:
        raise Conflict(
            "incident_filed",
            f"Incident {incident.number} is over and nobody watches it any more: open a new "
            "incident for this and ask there. In danger to life call 911 first.",
            number=incident.number,
        )
    partner_id = request(d, incident, c.kind, reason, handoff=c.handoff)
    warnings = []
    if "law_enforcement" in kind.flags and not _is_safety_concern(d, reason):
        warnings.append(
            warning(
                "law_enforcement_without_concern",
                "Law enforcement is for special safety concerns only: say which one, if it is one.",
                reason=reason,
            )
        )
    if not d.env.actor.is_desk:
        # A live cry for help rings even where the incident itself was kept on paper.
        named = None if incident.back_entered else incident
        d.notify("role:dispatcher", "partner_requested_by_team", incident=named)
    return {"incident_id": incident.id, "partner_id": partner_id, "warnings": warnings}


def _is_safety_concern(d: Deciding, reason: str) -> bool:
    known = d.rules.codes.find("partner_reason", reason)
    return known is not None and "safety_concern" in known.flags


def request(
    d: Deciding, incident: Incident, kind: str, reason: str, *, handoff: bool
) -> PartnerResponseId:
    """Let a partner be asked, and return the response's id."""
    partner_id = PartnerResponseId(d.id("partner"))
    d.emit(
        PartnerRequested(
            incident_id=incident.id,
            partner_id=partner_id,
            kind=kind,
            reason=reason,
            requested_by=_requester(d),
            handoff=handoff,
            # Whoever rings them reads it out; a crew's request still has to be passed on.
            danger=incident.danger.version if d.env.actor.is_desk else 0,
        )
    )
    if handoff:
        d.notify("role:supervisor", "handed_off", urgency="soon", incident=incident)
    return partner_id


def brief_partner(d: Deciding, c: BriefPartner) -> dict[str, Any]:
    """The partner was told what is known of danger."""
    incident, partner = _partner(d, c.incident_id, c.partner_id)
    present = incident.danger.version
    version = present if c.danger is None else c.danger
    if version > present:
        raise Invalid("unknown_version", "The incident has no such version.", version=present)
    d.emit(PartnerBriefed(incident_id=incident.id, partner_id=partner.id, danger=version))
    return _told(d, incident, partner)


def acknowledge_partner(d: Deciding, c: AcknowledgePartner) -> dict[str, Any]:
    """The partner takes it; the reference is the number by which they know it."""
    incident, partner = _partner(d, c.incident_id, c.partner_id)
    told = {"agency": c.agency, "reference": c.reference}
    record = d.record("partner", "partner", incident.id, told)
    if partner.handoff and record is None:
        raise Invalid(
            "handoff_reference_missing", "Say who took the hand-off, or under which number."
        )
    d.emit(PartnerAcknowledged(incident_id=incident.id, partner_id=partner.id, record=record))
    _tell_teams(d, incident, "partner_coming")
    return _told(d, incident, partner)


def partner_on_scene(d: Deciding, c: PartnerOnScene) -> dict[str, Any]:
    """The partner has arrived."""
    incident, partner = _partner(d, c.incident_id, c.partner_id)
    d.emit(PartnerArrived(incident_id=incident.id, partner_id=partner.id))
    _tell_teams(d, incident, "partner_on_scene")
    return _told(d, incident, partner)


def partner_gone(d: Deciding, c: PartnerGone) -> dict[str, Any]:
    """The partner has left. A hand-off stays open until taken over and its outcome known.

    A supervisor may close one whose outcome nobody could learn.
    """
    incident, partner = _partner(d, c.incident_id, c.partner_id)
    d.code("partner_outcome", c.outcome)
    if partner.handoff and partner.is_open:
        if partner.acknowledged_at is None:
            raise Conflict(
                "handoff_not_acknowledged",
                "Say first who took the hand-off, and under which reference.",
            )
        if c.outcome == UNKNOWN and not may(d.env.actor, Act.CLOSE_UNKNOWN_HANDOFF):
            raise Conflict(
                "handoff_outcome_unknown",
                "A hand-off stays open until its outcome is known; a supervisor may close it.",
            )
    d.emit(PartnerLeft(incident_id=incident.id, partner_id=partner.id, outcome=c.outcome))
    return _told(d, incident, partner)


def partner_declined(d: Deciding, c: PartnerDeclined) -> dict[str, Any]:
    """The partner is not coming; a hand-off that nobody took is the supervisor's at once.

    An incident that was handed off instead of served stays on the board until another hand-off
    stands, or the desk says that none is needed any more.
    """
    incident, partner = _partner(d, c.incident_id, c.partner_id)
    why = d.rules.codes.require("partner_refusal", c.reason)
    taken_back = "taken_back" in why.flags
    if taken_back and not may(d.env.actor, Act.TAKE_PARTNER_BACK):
        raise NotAllowed("desk_takes_back", "Only dispatch says that a partner isn't needed.")
    d.emit(
        PartnerNotComing(
            incident_id=incident.id,
            partner_id=partner.id,
            reason=c.reason,
            taken_back=taken_back,
        )
    )
    _tell_teams(d, incident, "partner_not_coming")
    if not d.env.actor.is_desk:
        d.notify("role:dispatcher", "partner_not_coming", incident=incident)
    if partner.handoff and not taken_back:
        d.notify("role:supervisor", "handoff_refused", incident=incident)
    return _told(d, incident, partner)


def _partner(
    d: Deciding, incident_id: IncidentId, partner_id: PartnerResponseId
) -> tuple[Incident, PartnerResponse]:
    incident = d.incident(incident_id)
    partner = incident.partner(partner_id)
    if partner is None:
        raise NotFound("unknown_partner_response", "There is no such request in this incident.")
    return incident, partner


def _requester(d: Deciding) -> str:
    """Return the role that asks, a word; a person with several asks in the highest."""
    order = (Role.SUPERVISOR, Role.DISPATCHER, Role.CALL_TAKER, Role.RESPONDER)
    return next((role.value for role in order if d.env.actor.has(role)), "system")


def _tell_teams(d: Deciding, incident: Incident, template: str) -> None:
    for run in incident.open_runs:
        d.notify(f"team:{run.team_id}", template, urgency="soon", incident=incident)


def _told(d: Deciding, incident: Incident, partner: PartnerResponse) -> dict[str, Any]:
    """Answer with the response's state, and let a settled incident go where this was its last."""
    after = d.incident(incident.id).partner(partner.id)
    archived = archive_if_settled(d, incident.id)
    return {
        "incident_id": incident.id,
        "partner_id": partner.id,
        "state": after.state if after is not None else partner.state,
        "archived": archived,
    }


HANDLERS: Mapping[type[Command], Handler] = {
    RequestPartner: request_partner,
    BriefPartner: brief_partner,
    AcknowledgePartner: acknowledge_partner,
    PartnerOnScene: partner_on_scene,
    PartnerGone: partner_gone,
    PartnerDeclined: partner_declined,
}
