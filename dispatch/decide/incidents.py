"""Opening, screening, determining and amending incidents, and the number of teams they need.

The determination starts the regulatory clock; nothing here ever starts it anew. How incidents end
stands in ``endings``, who owns them and what is written down in ``keeping``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from crisis.call import CallJoined
from crisis.commands import (
    PAPER_NUMBER,
    AddSlot,
    AmendIncident,
    Command,
    Determine,
    DropSlot,
    OpenIncident,
    StartScreening,
)
from crisis.commands.incidents import Telling
from crisis.errors import Conflict, IllegalTransition, Invalid, NotFound
from crisis.ids import CallId, IncidentId, PartnerResponseId, SlotNo, SubjectId
from crisis.incident.danger import danger_of
from crisis.incident.situation import Situation
from crisis.incident.state import (
    Incident,
    IncidentOpened,
    IncidentState,
    NoDispatchDetermined,
    ScreeningStarted,
    SlotAdded,
    SlotDropped,
    SubjectAdded,
    TeamDetermined,
)
from crisis.partner import PartnerState
from crisis.standards import local_day, response_due, response_standard
from crisis.states import Source
from crisis.triage import Place
from dispatch.decide import (
    advice,
    dues,
    endings,
    flags,
    joining,
    keeping,
    owed,
    parting,
    partners,
    reopening,
)
from dispatch.decide.amendment import amendment, apply_amendment
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.situation import Told, told, warning, warnings_of
from dispatch.decide.telling import Said, codes_changed, said_in, with_word
from dispatch.decide.waking import first_wake


def open_incident(d: Deciding, c: OpenIncident) -> dict[str, Any]:
    """Open an incident; the sender owns it, where they work the desk.

    One that another system opened has no owner yet: it rings at the desk.
    """
    _check_paper_number(d, c.paper_number)
    incident_id = IncidentId(d.id("incident"))
    referral = c.referral_source or _referral_of_call(d, c.call_id)
    said = Said(
        place=c.place,
        acuity=c.acuity,
        needs=c.needs,
        hazards=with_word(c.hazards, d.env.source),
        concerns=c.concerns,
        screening=c.screening,
    )
    situation, warnings = told(d, incident_id, Situation(place=Place()), said)
    number = d.board.next_number
    d.emit(
        IncidentOpened(
            incident_id=incident_id,
            number=number,
            place=situation.place,
            policy_version=d.policy.version,
            call_id=c.call_id,
            owner=d.env.actor.user_id if d.env.actor.is_desk else None,
            referral_source=d.code("referral_source", referral),
            acuity=situation.acuity,
            needs=situation.needs,
            hazards=situation.hazards,
            paper_number=c.paper_number,
            narrative_record=d.record("narrative", "narrative", incident_id, {"text": c.narrative}),
            clinical=situation.clinical,
            danger=danger_of(situation, d.rules.codes),
            suggestion=advice.suggestion_of(d, situation, [referral]),
        )
    )
    if not d.env.actor.is_desk:
        d.notify("role:dispatcher", "unowned", incident=d.incident(incident_id))
        advice.tell_threat(d, d.incident(incident_id))
    if c.call_id is not None:
        d.emit(CallJoined(call_id=c.call_id, incident_id=incident_id))
    subjects = []
    for n, subject in enumerate(c.subjects, start=1):
        subject_id = SubjectId(d.id(f"subject/{n}"))
        record = d.record("subject", f"subject/{n}", incident_id, keeping.fields_of(subject))
        d.emit(
            SubjectAdded(
                incident_id=incident_id, subject_id=subject_id, record=record, label=str(n)
            )
        )
        subjects.append(subject_id)
    return {
        "incident_id": incident_id,
        "number": number,
        "subject_ids": subjects,
        "warnings": [
            *advice.warnings_of(d, d.incident(incident_id)),
            *warnings_of(situation),
            *warnings,
        ],
    }


def _check_paper_number(d: Deciding, paper_number: str | None) -> None:
    if d.is_back_entry and paper_number is None:
        raise Invalid(
            "paper_number_missing",
            "An incident that is entered afterwards needs its reserved paper number.",
        )
    if paper_number is None:
        return
    if not re.fullmatch(PAPER_NUMBER, paper_number):
        raise Invalid(
            "paper_number_malformed", "A paper number has up to 4 letters and then digits."
        )
    if d.env.source is not Source.BACK_ENTRY:
        raise Invalid(
            "paper_number_only_back_entry",
            "Paper numbers are for incidents entered after an outage; leave it out, or enter this "
            "as a back-entry.",
        )
    taken = next((i for i in d.board.incidents.values() if i.paper_number == paper_number), None)
    if taken is not None:
        raise Conflict(
            "paper_number_taken",
            f"That paper number is incident {taken.number}.",
            incident_id=str(taken.id),
            number=taken.number,
        )


def _referral_of_call(d: Deciding, call_id: CallId | None) -> str:
    """Return where a call came from, having checked that it may open an incident."""
    if call_id is None:
        return "unknown"
    call = d.board.calls.get(call_id)
    if call is None:
        raise NotFound("unknown_call", "There is no such call in this county.")
    if call.incident_id is not None:
        raise Conflict(
            "call_has_incident",
            "The call belongs to an incident already.",
            incident_id=str(call.incident_id),
        )
    return call.referral_source


def start_screening(d: Deciding, c: StartScreening) -> dict[str, Any]:
    """Begin the dispatch tool."""
    d.incident(c.incident_id)
    d.emit(ScreeningStarted(incident_id=c.incident_id))
    return {"incident_id": c.incident_id, "warnings": []}


def determine(d: Deciding, c: Determine) -> dict[str, Any]:
    """Decide whether a team must go."""
    incident = d.incident(c.incident_id)
    if incident.state not in {IncidentState.RECEIVED, IncidentState.SCREENING}:
        raise IllegalTransition(
            "illegal_transition",
            f"Incident {incident.number} is {incident.state.value} already; amend it instead.",
            thing="incident",
            state=incident.state.value,
            event="TeamDetermined",
        )
    if d.occurred_at < incident.received_at:
        raise Invalid(
            "before_received",
            "The determination can't lie before the incident was received.",
            received_at=incident.received_at.isoformat(),
        )
    situation, warnings = _told(d, incident, c)
    words = (c.rationale or "").strip()
    rationale = d.record("rationale", "rationale", incident.id, {"text": words})
    partner_id = _asked_beside(d, incident, c)
    if c.decision == "no_dispatch":
        told_of = _no_dispatch(d, incident, situation, c.reason, rationale)
        told_of["warnings"] += warnings
        return {**told_of, "partner_id": partner_id}
    if situation.acuity is None:
        raise Invalid("acuity_missing", "Say how soon a team is needed.")
    reasons = (c.reason and d.code("dispatch_reason", c.reason), rationale)
    suggestion = advice.suggestion_of(d, situation, incident.referral_sources)
    advice.require_rationale(d, suggestion, situation.acuity, is_given=any(reasons))
    on = local_day(d.occurred_at, d.policy.tz())
    standard = response_standard(situation.place.area_class, on, d.rules.standards)
    d.emit(
        TeamDetermined(
            incident_id=incident.id,
            acuity=situation.acuity,
            place=situation.place,
            standard=standard.stored(),
            due_at=response_due(d.occurred_at, standard),
            slots=c.slots,
            needs=situation.needs,
            hazards=situation.hazards,
            wake_at=first_wake(d, _as_in(incident, situation)),
            reason=c.reason,
            rationale_record=rationale,
            clinical=situation.clinical,
            danger=danger_of(situation, d.rules.codes, incident.danger),
            version=incident.version + (situation != incident.situation),
            suggestion=suggestion,
        )
    )
    determined = d.incident(incident.id)
    owed.next_waiting_contact(d, determined)
    return {
        "incident_id": incident.id,
        "due_at": determined.due_at,
        "area_class": situation.place.area_class,
        "standard_minutes": standard.minutes,
        "partner_id": partner_id,
        "slots": [slot.no for slot in determined.slots],
        "version": determined.version,
        "warnings": [*advice.warnings_of(d, determined), *warnings_of(situation), *warnings],
    }


def _as_in(incident: Incident, situation: Situation) -> Incident:
    """Return the incident as it will be known once it is determined."""
    return msgspec.structs.replace(
        incident,
        place=situation.place,
        acuity=situation.acuity,
        needs=situation.needs,
        hazards=situation.hazards,
        clinical=situation.clinical,
    )


def _asked_beside(d: Deciding, incident: Incident, c: Determine) -> PartnerResponseId | None:
    """Let the partner of the same act be asked; ``None`` = none was named."""
    if c.partner is None:
        return None
    d.code("partner_kind", c.partner.kind)
    reason = d.code("partner_reason", c.partner.reason or partners.UNSAID)
    handoff = c.partner.handoff and c.decision == "no_dispatch"
    return partners.request(d, incident, c.partner.kind, reason, handoff=handoff)


def _no_dispatch(
    d: Deciding, incident: Incident, situation: Situation, reason: str | None, rationale: Any
) -> dict[str, Any]:
    if reason is None:
        raise Invalid("reason_missing", "Say why no team goes.", set="no_dispatch_reason")
    if _means_nobody_can_come(d, reason):
        raise Invalid(
            "no_team_is_no_reason",
            "That nobody can come is no reason not to send: determine that a team is needed; the "
            "incident then waits, and is closed as unserved if no team ever comes.",
            set="no_dispatch_reason",
        )
    kind = d.rules.codes.require("no_dispatch_reason", reason)
    asked = d.incident(incident.id).partners
    handed_off = any(p.is_open or (p.handoff and p.state is PartnerState.LEFT) for p in asked)
    if "needs_partner" in kind.flags and not handed_off:
        raise Invalid(
            "partner_needed",
            f"{kind.label}: say in the same act to whom it is handed off.",
            set="partner_kind",
            reason=kind.code,
        )
    if situation != incident.situation:
        d.emit(amendment(d, incident, situation))
    advice.refuse_unless_answered(d, d.incident(incident.id), reason)
    d.emit(
        NoDispatchDetermined(
            incident_id=incident.id,
            reason=reason,
            rationale_record=rationale,
            suggestion=advice.suggestion_of(d, situation, incident.referral_sources),
        )
    )
    settled = d.incident(incident.id)
    advice.tell_unasked(d, settled)
    warnings = advice.warnings_of(d, settled)
    if "needs_followup" in kind.flags:
        warnings.append(warning("follow_up_by_hand", f"{kind.label}: somebody must follow it up."))
    archived = archive_if_settled(d, incident.id)
    return {"incident_id": incident.id, "archived": archived, "warnings": warnings}


def _means_nobody_can_come(d: Deciding, reason: str) -> bool:
    forbidden = d.rules.codes.catalogue.sets["no_dispatch_reason"].forbidden
    return reason in d.rules.codes["unserved_reason"] or any(word in reason for word in forbidden)


def amend(d: Deciding, c: AmendIncident) -> dict[str, Any]:
    """Correct or complete what is known; crews acknowledge anew, the clock keeps."""
    incident = d.incident(c.incident_id)
    situation, warnings = _told(d, incident, c)
    changed = []
    if situation != incident.situation:
        changed = apply_amendment(d, incident, situation)
    found = [
        *advice.new_warnings(d, incident, d.incident(incident.id)),
        *warnings_of(situation),
        *warnings,
        *changed,
    ]
    return {
        "incident_id": incident.id,
        "version": d.incident(incident.id).version,
        "changed": codes_changed(incident.situation, situation),
        "warnings": found,
    }


def _told(d: Deciding, incident: Incident, c: Telling) -> Told:
    """Return what is known after what was told of an incident that is there already."""
    said = said_in(c, incident, d.env)
    return told(
        d, incident.id, incident.situation, said, incident.version, incident.own_determined_at
    )


def add_slot(d: Deciding, c: AddSlot) -> dict[str, Any]:
    """One more team is needed."""
    incident = d.incident(c.incident_id)
    no = SlotNo(1 + max((slot.no for slot in incident.slots), default=0))
    d.emit(SlotAdded(incident_id=incident.id, slot=no, wake_at=first_wake(d, incident)))
    owed.next_waiting_contact(d, d.incident(incident.id))
    return {"incident_id": incident.id, "slot": no, "warnings": []}


def drop_slot(d: Deciding, c: DropSlot) -> dict[str, Any]:
    """A team is not needed after all."""
    incident = d.incident(c.incident_id)
    slot = incident.slot(c.slot)
    if slot is None:
        raise NotFound("unknown_slot", "The incident has no such slot.", slot=c.slot)
    if slot.dropped is not None:
        raise Conflict("slot_dropped", "That team is not asked for any more.", slot=c.slot)
    run = incident.slot_run(c.slot)
    if run is not None:
        raise Conflict(
            "slot_met",
            "A team is on it; cancel or divert its run instead.",
            slot=c.slot,
            assignment_id=str(run.id),
        )
    if all(other.dropped is not None for other in incident.slots if other.no != slot.no):
        raise Conflict(
            "last_slot", "It is the only team asked for; cancel the incident instead.", slot=c.slot
        )
    endings.withdraw_offers(d, incident, "incident_changed", slot=c.slot)
    reason = d.reason("slot_drop_reason", c.reason)
    d.emit(SlotDropped(incident_id=incident.id, slot=c.slot, reason=reason))
    after = d.incident(incident.id)
    if not owed.person_waits(after):
        dues.end_waiting(d, incident.id, "team_arrived")
    return {
        "incident_id": incident.id,
        "proposes_close": endings.propose_close(d, incident.id),
        "warnings": [],
    }


HANDLERS: Mapping[type[Command], Handler] = {
    OpenIncident: open_incident,
    StartScreening: start_screening,
    Determine: determine,
    AmendIncident: amend,
    AddSlot: add_slot,
    DropSlot: drop_slot,
    **endings.HANDLERS,
    **joining.HANDLERS,
    **parting.HANDLERS,
    **keeping.HANDLERS,
    **reopening.HANDLERS,
    **flags.HANDLERS,
}
