"""Who owns an incident, and what is written down about it: notes, people, calls.

An incident always has someone who answers for it: handing over needs the receiver's acceptance, a
supervisor may take it over, and what an absent person owned is the supervisor's. Must not know how
incidents are decided or end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.call import CallJoined
from crisis.commands import (
    AcceptOwnership,
    AddNote,
    AddSubject,
    AttachCall,
    Command,
    HandOver,
    LeaveDesk,
    SubjectInput,
)
from crisis.errors import Conflict, Invalid, NotAllowed, NotFound
from crisis.ids import SubjectId
from crisis.incident.state import (
    CallAttached,
    Incident,
    IncidentState,
    IncidentTakenInHand,
    NoteAdded,
    OwnerChanged,
    OwnerOffered,
    SubjectAdded,
)
from crisis.rights import Act, may
from dispatch.decide.callers import known_call, leave_calls
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.duress import leave_alarms
from dispatch.decide.situation import warning


def owner_address(incident: Incident) -> str:
    """Return who answers for the incident; where nobody does, every dispatcher."""
    return "role:dispatcher" if incident.owner is None else f"user:{incident.owner}"


def tell_owner(d: Deciding, incident: Incident, template: str, urgency: str = "soon") -> None:
    """Tell who answers for the incident."""
    d.notify(owner_address(incident), template, urgency=urgency, incident=incident)


def fields_of(subject: SubjectInput) -> dict[str, Any]:
    """Return what a record keeps of a person."""
    return {
        "name": subject.name,
        "born_on": subject.born_on,
        "identifiers": subject.identifiers,
        "description": subject.description,
    }


def add_note(d: Deciding, c: AddNote) -> dict[str, Any]:
    """Write something down."""
    incident = d.incident(c.incident_id)
    record = d.record("note", "note", incident.id, {"text": c.text.strip()})
    if record is None:
        raise Invalid("note_empty", "The note is empty.")
    d.emit(NoteAdded(incident_id=incident.id, record=record))
    return {"incident_id": incident.id, "record_id": record, "warnings": []}


def add_subject(d: Deciding, c: AddSubject) -> dict[str, Any]:
    """Add a person in crisis, or say who a known one is."""
    incident = d.incident(c.incident_id)
    known = next((s for s in incident.subjects if s.id == c.subject_id), None)
    if c.subject_id is not None and known is None:
        raise NotFound("unknown_subject", "The incident has no such person.")
    record = d.record("subject", "subject", incident.id, fields_of(c.subject))
    subject_id = known.id if known else SubjectId(d.id("subject"))
    label = known.label if known else str(len(incident.subjects) + 1)
    if record is None and known is not None:
        record = known.record
    d.emit(SubjectAdded(incident_id=incident.id, subject_id=subject_id, record=record, label=label))
    return {"incident_id": incident.id, "subject_id": subject_id, "label": label, "warnings": []}


def attach_call(d: Deciding, c: AttachCall) -> dict[str, Any]:
    """Let one more call belong to the incident."""
    incident = d.incident(c.incident_id)
    call = known_call(d, c.call_id)
    if call.incident_id is not None:
        raise Conflict(
            "call_has_incident",
            "The call belongs to an incident already; if it is the same situation, merge them.",
            incident_id=str(call.incident_id),
        )
    if incident.state is IncidentState.MERGED:
        raise Conflict(
            "merged",
            "That incident was merged; attach the call to the one that it is part of.",
            into=str(incident.merged_into),
        )
    d.emit(CallAttached(incident_id=incident.id, call_id=call.id))
    d.emit(CallJoined(call_id=call.id, incident_id=incident.id))
    warnings = []
    if incident.is_settled:
        warnings.append(
            warning("settled", f"Incident {incident.number} is {incident.state.value}.")
        )
    return {"incident_id": incident.id, "call_id": call.id, "warnings": warnings}


def hand_over(d: Deciding, c: HandOver) -> dict[str, Any]:
    """Offer the incident to another owner, or take it oneself."""
    incident = d.incident(c.incident_id)
    actor = d.env.actor
    if incident.is_settled:
        raise Conflict("settled", f"The incident is {incident.state.value}; nobody has to own it.")
    if c.to == incident.owner:
        raise Conflict("already_owner", "They own the incident already.")
    is_master = may(actor, Act.OWN_ANYTHING) or incident.owner in {None, actor.user_id}
    if c.to == actor.user_id:
        if not is_master and incident.pending_owner != actor.user_id:
            raise NotAllowed(
                "not_owner", "Only a supervisor takes over what somebody else owns.", owned=True
            )
        return _owned(d, incident, "taken_over")
    if not is_master:
        raise NotAllowed("not_owner", "Only its owner or a supervisor hands the incident over.")
    d.emit(OwnerOffered(incident_id=incident.id, to=c.to))
    d.notify(f"user:{c.to}", "ownership_offered", urgency="soon", incident=incident)
    return {"incident_id": incident.id, "pending_owner": c.to, "warnings": []}


def accept_ownership(d: Deciding, c: AcceptOwnership) -> dict[str, Any]:
    """Accept an incident that was handed over."""
    incident = d.incident(c.incident_id)
    if incident.pending_owner is None or incident.pending_owner != d.env.actor.user_id:
        raise Conflict("not_offered_to_you", "The incident was not handed over to you.")
    return _owned(d, incident, "accepted")


def leave_desk(d: Deciding, c: LeaveDesk) -> dict[str, Any]:
    """Somebody leaves the desk: what they own falls to the supervisor; nothing is left to nobody.

    A handover that they were asked for is off, and its owner is told; whom they spoke with waits
    for somebody else to answer, and an alarm that they had in hand rings again.
    """
    actor = d.env.actor
    leaver = c.user_id or actor.user_id
    if leaver is None:
        raise Invalid("user_missing", "Say who leaves the desk.")
    if leaver != actor.user_id and not may(actor, Act.SEND_FROM_DESK):
        raise NotAllowed("not_yourself", "Only a supervisor says that somebody else has left.")
    fallen = []
    for incident in list(d.board.incidents.values()):
        if incident.is_settled:
            continue
        if incident.pending_owner == leaver:
            d.emit(OwnerOffered(incident_id=incident.id, to=None))
            if incident.owner != leaver:
                tell_owner(d, incident, "handover_unanswered")
        if incident.in_hand_by == leaver:
            d.emit(IncidentTakenInHand(incident_id=incident.id, by=None, until=d.now))
        if incident.owner == leaver:
            d.emit(OwnerChanged(incident_id=incident.id, owner=None, reason="absent"))
            d.notify("role:supervisor", "unowned", incident=incident)
            fallen.append(incident.id)
    return {
        "user_id": leaver,
        "incident_ids": fallen,
        "call_ids": leave_calls(d, leaver),
        "duress_ids": leave_alarms(d, leaver),
        "warnings": [],
    }


def _owned(d: Deciding, incident: Incident, reason: str) -> dict[str, Any]:
    actor = d.env.actor.user_id
    if incident.owner is not None:
        d.notify(f"user:{incident.owner}", f"ownership_{reason}", urgency="info", incident=incident)
    d.emit(OwnerChanged(incident_id=incident.id, owner=actor, reason=reason))
    return {"incident_id": incident.id, "owner": actor, "warnings": []}


HANDLERS: Mapping[type[Command], Handler] = {
    AddNote: add_note,
    AddSubject: add_subject,
    AttachCall: attach_call,
    HandOver: hand_over,
    LeaveDesk: leave_desk,
    AcceptOwnership: accept_ownership,
}
