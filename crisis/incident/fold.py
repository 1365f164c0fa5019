"""How an incident changes with each event: the fold of one incident.

Uses the event alone. Which steps a state allows stands in ``incident.TRANSITIONS``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from crisis.assignment import (
    AssignmentBegun,
    AssignmentCancelled,
    AssignmentDiverted,
    AssignmentEntered,
    AssignmentEvent,
    evolve_assignment,
)
from crisis.claim_events import AssignmentRestored
from crisis.codes import code_sets
from crisis.ids import AssignmentId, RecordId, SlotNo, UserId
from crisis.incident.danger import Danger, danger_of
from crisis.incident.events import (
    CallAttached,
    DeadlineMoved,
    EncounterRecorded,
    HoldReminded,
    HoldSettled,
    IncidentAbsorbed,
    IncidentAmended,
    IncidentArchived,
    IncidentCancelled,
    IncidentClosed,
    IncidentFlagged,
    IncidentMerged,
    IncidentOpened,
    IncidentReleased,
    IncidentReopened,
    IncidentSplit,
    IncidentTakenInHand,
    NoDispatchDetermined,
    NoteAdded,
    OwnerChanged,
    OwnerOffered,
    ScreeningStarted,
    SearchHeld,
    SlotAdded,
    SlotDropped,
    SlotEscalated,
    SlotWoken,
    SubjectAdded,
    TeamDetermined,
)
from crisis.incident.situation import changed
from crisis.incident.state import (
    TRANSITIONS,
    Encounter,
    Flag,
    Hold,
    Incident,
    IncidentEvent,
    IncidentReturned,
    IncidentState,
    Join,
    Slot,
    Subject,
)
from crisis.offer import (
    OfferAccepted,
    OfferDeclined,
    OfferEvent,
    OfferExpired,
    OfferMade,
    OfferWithdrawn,
    evolve_offer,
)
from crisis.partner import PartnerEvent, evolve_partner
from crisis.states import step
from crisis.triage import Answer, Standard

_OFFER_EVENTS = (OfferMade, OfferAccepted, OfferDeclined, OfferExpired, OfferWithdrawn)
_ASSIGNMENT_EVENTS = get_args(AssignmentEvent)
_PARTNER_EVENTS = get_args(PartnerEvent)


#: What patience is counted from: field by the event that sets it.
_KNOWN_SINCE: dict[type, str] = {
    IncidentOpened: "owner_since",
    OwnerChanged: "owner_since",
    OwnerOffered: "handed_over_at",
    IncidentAmended: "amended_at",
    TeamDetermined: "sought_since",
    AssignmentDiverted: "sought_since",
    AssignmentCancelled: "sought_since",
    IncidentReopened: "sought_since",
    IncidentSplit: "sought_since",
    SlotAdded: "sought_since",
    ScreeningStarted: "screening_since",
}


def evolve_incident(
    incident: Incident | None,
    event: IncidentEvent,
    at: datetime,
    known_at: datetime | None = None,
    by: UserId | None = None,
) -> Incident:
    """Return the incident after ``event``, which happened ``at``; ``None`` = not known before.

    ``known_at``: when the service learnt of it; ``None`` = at once. Nobody's patience with it, or
    with those who must act, has run out before. ``by``: whose act it was.

    Raises:
        IllegalTransition: its state, or that of the offer or response, has no such step.
    """
    if isinstance(event, _PARTNER_EVENTS) and incident is not None:
        before = incident.partner(event.partner_id)
        partner = evolve_partner(before, event, at, known_at)
        return _change(incident, partners=_put(incident.partners, partner))
    after = _evolved(incident, event, at)
    if isinstance(event, AssignmentBegun | AssignmentEntered | AssignmentRestored):
        return _run_known(after, event.assignment_id, known_at or at)
    if not isinstance(event, IncidentReturned):
        after = _touched_by(incident, after, by)
    field = _KNOWN_SINCE.get(type(event))
    if field is None or (field == "handed_over_at" and after.handed_over_at is None):
        return after
    if isinstance(event, SlotAdded) and incident is not None and _was_sought(incident, event):
        return after
    return _change(after, **{field: known_at or at})


def _run_known(incident: Incident, run_id: AssignmentId, known_at: datetime) -> Incident:
    run = incident.assignment(run_id)
    if run is None:
        return incident
    known = msgspec.structs.replace(run, known_at=known_at)
    return _change(incident, assignments=_put(incident.assignments, known))


def _was_sought(incident: Incident, event: SlotAdded) -> bool:
    """Whether somebody waited for a team before one more was asked for: here, or as another."""
    came = {no for join in incident.joins for no in join.slots}
    return incident.is_unassigned or event.slot in came


def _evolved(incident: Incident | None, event: IncidentEvent, at: datetime) -> Incident:
    if isinstance(event, IncidentOpened):
        return _opened(event, at)
    if incident is None and isinstance(event, IncidentReturned) and event.whole is not None:
        incident = event.whole
    if incident is None:
        raise AssertionError("only IncidentOpened begins an incident")
    if isinstance(event, _OFFER_EVENTS):
        return _with_offer(incident, event, at)
    if isinstance(event, _ASSIGNMENT_EVENTS):
        return _with_assignment(incident, event, at)
    return _OWN[type(event)](incident, event, at)


def _put(things: tuple, thing):  # type: ignore[no-untyped-def, type-arg]
    """Return ``things`` with the one of the same id replaced, or the new one added."""
    for index, known in enumerate(things):
        if known.id == thing.id:
            return (*things[:index], thing, *things[index + 1 :])
    return (*things, thing)


def _change(incident: Incident, **fields: object) -> Incident:
    return msgspec.structs.replace(incident, **fields)


def _endangered(
    incident: Incident, told: Danger | None, at: datetime, before: Danger | None
) -> Incident:
    """Return the incident with the statement that was made of its danger.

    Logs from before there was one hold none: what they say is then read with the packaged sets.
    """
    if told is None:
        told = danger_of(incident.situation, code_sets(at.date()), before)
    return _change(incident, danger=told)


def _touched(before: Incident, after: Incident) -> Incident:
    """Return the incident after a change of what is known, with which facts it changed."""
    names = changed(before.situation, after.situation)
    return _change(after, touched={**before.touched, **dict.fromkeys(names, after.version)})


def _touched_by(before: Incident | None, after: Incident, by: UserId | None) -> Incident:
    """Return the incident with whose word each fact is that just changed."""
    was = {} if before is None else before.touched
    if after.touched is was:
        return after
    new = [name for name, version in after.touched.items() if was.get(name) != version]
    return (
        _change(after, touched_by={**after.touched_by, **dict.fromkeys(new, by)}) if new else after
    )


def _opened(event: IncidentOpened, at: datetime) -> Incident:
    opened = Incident(
        id=event.incident_id,
        number=event.number,
        received_at=at,
        policy_version=event.policy_version,
        place=event.place,
        referral_source=event.referral_source,
        owner=event.owner,
        owner_since=at,
        paper_number=event.paper_number,
        acuity=event.acuity,
        needs=event.needs,
        hazards=event.hazards,
        calls=(event.call_id,) if event.call_id else (),
        records=(event.narrative_record,) if event.narrative_record else (),
        clinical=event.clinical,
        suggestion=event.suggestion,
    )
    return _endangered(opened, event.danger, at, None)


def _with_slot(incident: Incident, no: SlotNo, **fields: object) -> Incident:
    slots = tuple(msgspec.structs.replace(s, **fields) if s.no == no else s for s in incident.slots)
    return _change(incident, slots=slots)


def _with_offer(incident: Incident, event: OfferEvent, at: datetime) -> Incident:
    offer = evolve_offer(incident.offer(event.offer_id), event, at)
    after = _change(incident, offers=_put(incident.offers, offer))
    match event:
        case OfferMade():
            return _with_slot(after, event.slot, rung=event.rung, wake_at=None, exhausted_at=None)
        case OfferDeclined() | OfferExpired() | OfferWithdrawn():
            return _with_slot(after, offer.slot, wake_at=event.wake_at)
        case _:
            return after


def _with_assignment(incident: Incident, event: AssignmentEvent, at: datetime) -> Incident:
    run = evolve_assignment(incident.assignment(event.assignment_id), event, at)
    after = _change(incident, assignments=_put(incident.assignments, run))
    if isinstance(event, AssignmentBegun):
        # Should this team be lost, everybody may be asked again, and the ladder begins anew.
        slot = after.slot(run.slot)
        tried = slot.rung if slot is not None else 0
        return _with_slot(after, run.slot, escalations=0, climb_at=None, climbed=tried)
    if isinstance(event, AssignmentEntered):
        return _with_slot(after, run.slot, wake_at=None)
    if isinstance(event, AssignmentRestored):
        return _with_slot(after, run.slot, wake_at=None, exhausted_at=None, dropped=None)
    if isinstance(event, AssignmentDiverted | AssignmentCancelled):
        return _with_slot(after, run.slot, wake_at=event.wake_at)
    return after


def _screening(incident: Incident, event: ScreeningStarted, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(incident, state=state, screening_at=at)


def _determined(incident: Incident, event: TeamDetermined, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    # An absorbed incident may have been determined before this one was.
    start, due = at, event.due_at
    if incident.determined_at is not None and incident.determined_at < at:
        start, due = incident.determined_at, incident.due_at or event.due_at
    determined = _change(
        incident,
        version=incident.version if event.version is None else event.version,
        state=state,
        determined_at=start,
        own_determined_at=at,
        due_at=due,
        own_due_at=event.due_at,
        standard=event.standard,
        acuity=event.acuity,
        place=event.place,
        needs=event.needs,
        hazards=event.hazards,
        clinical=event.clinical,
        suggestion=event.suggestion,
        slots=tuple(Slot(no=SlotNo(n), wake_at=event.wake_at) for n in range(1, event.slots + 1)),
        records=_with_record(incident, event.rationale_record),
    )
    return _touched(incident, _endangered(determined, event.danger, at, incident.danger))


def _with_record(incident: Incident, record: RecordId | None) -> tuple[RecordId, ...]:
    return incident.records if record is None else (*incident.records, record)


def _no_dispatch(incident: Incident, event: NoDispatchDetermined, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(
        incident,
        state=state,
        ended_at=at,
        outcome="no_dispatch",
        reason=event.reason,
        suggestion=event.suggestion,
        records=_with_record(incident, event.rationale_record),
    )


def _amended(incident: Incident, event: IncidentAmended, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    if event.standard is not None:
        incident = _under(incident, event.standard)
    amended = _change(
        incident,
        version=event.version,
        amended_at=at,
        place=event.place,
        acuity=event.acuity,
        needs=event.needs,
        hazards=event.hazards,
        clinical=event.clinical,
        suggestion=event.suggestion,
    )
    return _touched(incident, _endangered(amended, event.danger, at, incident.danger))


def due_under(incident: Incident, standard: Standard) -> datetime | None:
    """Return when a team is due by another standard: what came with a merge is due as it was."""
    start = incident.determined_at
    own = None if start is None else start + timedelta(minutes=standard.minutes)
    return _earliest(own, *(join.due_at for join in incident.joins))


def _under(incident: Incident, standard: Standard) -> Incident:
    """Return the incident with the due times that the standard gives its determinations."""
    own = incident.own_determined_at
    return _change(
        incident,
        standard=standard,
        due_at=due_under(incident, standard),
        own_due_at=None if own is None else own + timedelta(minutes=standard.minutes),
    )


def _deadline_moved(incident: Incident, event: DeadlineMoved, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    return _under(incident, event.standard)


def _slot_added(incident: Incident, event: SlotAdded, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    slot = Slot(no=event.slot, wake_at=event.wake_at)
    return _change(incident, slots=(*incident.slots, slot))


def _slot_dropped(incident: Incident, event: SlotDropped, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    return _with_slot(incident, event.slot, dropped=event.reason, wake_at=None)


def _slot_escalated(incident: Incident, event: SlotEscalated, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    # Where a person is to ask, a team that is freed brings nothing new.
    exhausted_at = None if event.can_go else at
    if not event.climbs:
        return _with_slot(incident, event.slot, wake_at=event.wake_at, exhausted_at=exhausted_at)
    slot = incident.slot(event.slot)
    return _with_slot(
        incident,
        event.slot,
        rung=event.rung,
        escalations=1 + (slot.escalations if slot else 0),
        wake_at=event.wake_at,
        climb_at=event.wake_at,
        climbed=event.rung,
        exhausted_at=exhausted_at,
    )


def _slot_woken(incident: Incident, event: SlotWoken, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    return _with_slot(incident, event.slot, wake_at=event.wake_at)


def _taken_in_hand(incident: Incident, event: IncidentTakenInHand, at: datetime) -> Incident:
    # Teams are sought as before: only the ladder stands until then.
    slots = tuple(
        s
        if s.dropped is not None
        else msgspec.structs.replace(
            s, climb_at=event.until, wake_at=_no_later(s.wake_at, s.climb_at, event.until)
        )
        for s in incident.slots
    )
    until = None if event.by is None else event.until
    return _change(incident, in_hand_by=event.by, in_hand_until=until, slots=slots)


def _no_later(
    wake_at: datetime | None, climb_at: datetime | None, until: datetime
) -> datetime | None:
    """Return when to seek next: what only waited for the rung waits until ``until``."""
    return until if wake_at is not None and wake_at == climb_at else wake_at


def _owner_offered(incident: Incident, event: OwnerOffered, at: datetime) -> Incident:
    return _change(
        incident, pending_owner=event.to, handed_over_at=None if event.to is None else at
    )


def _owner_changed(incident: Incident, event: OwnerChanged, at: datetime) -> Incident:
    changed = _change(incident, owner=event.owner, owner_since=at)
    if event.owner is None:
        return changed
    return _change(changed, pending_owner=None, handed_over_at=None)


def _call_attached(incident: Incident, event: CallAttached, at: datetime) -> Incident:
    return _change(incident, calls=(*incident.calls, event.call_id))


def _note_added(incident: Incident, event: NoteAdded, at: datetime) -> Incident:
    return _change(incident, records=_with_record(incident, event.record))


def _subject_added(incident: Incident, event: SubjectAdded, at: datetime) -> Incident:
    known = next((s for s in incident.subjects if s.id == event.subject_id), None)
    told = () if known is None else known.records
    if event.record is not None and event.record not in told:
        told = (*told, event.record)
    subject = Subject(id=event.subject_id, label=event.label, record=event.record, records=told)
    return _change(incident, subjects=_put(incident.subjects, subject))


def _encounter(incident: Incident, event: EncounterRecorded, at: datetime) -> Incident:
    known = next((e for e in incident.encounters if e.id == event.encounter_id), None)
    encounter = Encounter(
        id=event.encounter_id,
        version=1 if known is None else known.version + 1,
        assignment_id=event.assignment_id,
        subject_id=event.subject_id,
        recorded_at=at,
        contacted=event.contacted,
        disposition=event.disposition,
        hold=event.hold,
        transport=event.transport,
        destination=event.destination,
        plan=event.plan,
        plan_exception=event.plan_exception,
        naloxone_given=_answer(event.naloxone_given),
        law_enforcement=event.law_enforcement,
        mandated_reports=event.mandated_reports,
        note_record=event.note_record,
    )
    return _change(incident, encounters=_put(incident.encounters, encounter))


def _answer(said: Answer | bool) -> Answer:
    """Return an answer; a bare ``False`` was never asked for."""
    if isinstance(said, bool):
        return Answer.YES if said else Answer.NOT_ASKED
    return said


def _closed(incident: Incident, event: IncidentClosed, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(incident, state=state, ended_at=at, outcome=event.outcome, reason=event.reason)


def _cancelled(incident: Incident, event: IncidentCancelled, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(incident, state=state, ended_at=at, outcome=event.stage, reason=event.reason)


def _merged(incident: Incident, event: IncidentMerged, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(
        incident,
        state=state,
        ended_at=at,
        merged_into=event.into,
        partners=tuple(p for p in incident.partners if p.id not in event.partners),
    )


def _absorbed(incident: Incident, event: IncidentAbsorbed, at: datetime) -> Incident:
    join = Join(
        other=event.other,
        determined_at=event.determined_at,
        due_at=event.due_at,
        theirs=event.theirs,
        before=incident.situation,
        subjects=tuple(subject.id for subject in event.subjects),
        partners=tuple(partner.id for partner in event.partners),
        slots=event.slots,
        sources=event.sources,
    )
    return _change(
        incident,
        absorbed=(*incident.absorbed, event.other),
        joins=(*incident.joins, join),
        determined_at=_earliest(incident.determined_at, event.determined_at),
        # Nobody was ever promised help later than by a merge.
        due_at=_earliest(incident.due_at, event.due_at),
        calls=(*incident.calls, *event.calls),
        subjects=(*incident.subjects, *event.subjects),
        partners=(*incident.partners, *event.partners),
    )


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _split(incident: Incident, event: IncidentSplit, at: datetime) -> Incident:
    if incident.state is not IncidentState.MERGED:
        step({}, incident.state, type(event), "incident")
    state = _before_the_end(incident)
    slots = tuple(msgspec.structs.replace(s, wake_at=event.wake_at) for s in incident.slots)
    return _change(
        incident,
        state=state,
        ended_at=None,
        merged_into=None,
        slots=slots,
        outcome=None,
        partners=(*incident.partners, *event.partners),
    )


def _before_the_end(incident: Incident) -> IncidentState:
    """Return how it stood before it was settled."""
    if incident.own_determined_at:
        return IncidentState.DETERMINED
    return IncidentState.SCREENING if incident.screening_at else IncidentState.RECEIVED


def _released(incident: Incident, event: IncidentReleased, at: datetime) -> Incident:
    gone = tuple(j for j in incident.joins if j.other == event.other)
    partners = {one for join in gone for one in join.partners}
    joins = _joins_after(incident, event)
    return _change(
        incident,
        absorbed=tuple(i for i in incident.absorbed if i != event.other),
        joins=joins,
        determined_at=event.determined_at,
        due_at=event.due_at,
        calls=tuple(c for c in incident.calls if c not in event.calls),
        subjects=tuple(s for s in incident.subjects if s.id not in event.subjects),
        partners=tuple(p for p in incident.partners if p.id not in partners),
    )


def _joins_after(incident: Incident, event: IncidentReleased) -> tuple[Join, ...]:
    """Return what came with the others, as it would stand had this one never come."""
    at = next((n for n, join in enumerate(incident.joins) if join.other == event.other), None)
    if at is None:
        return incident.joins
    later = incident.joins[at + 1 :]
    if len(event.befores) == len(later):
        later = tuple(
            msgspec.structs.replace(join, before=before)
            for join, before in zip(later, event.befores, strict=True)
        )
    return (*incident.joins[:at], *later)


def _flagged(incident: Incident, event: IncidentFlagged, at: datetime) -> Incident:
    known = incident.marked(event.flag, event.about)
    others = tuple(flag for flag in incident.flags if flag is not known)
    times = 1 if known is None else known.times + 1
    flag = Flag(flag=event.flag, about=event.about, at=at, times=times)
    return _change(incident, flags=(*others, flag))


def _held(incident: Incident, event: SearchHeld, at: datetime) -> Incident:
    known = next((h for h in incident.holds if h.assignment_id == event.assignment_id), None)
    hold = Hold(
        assignment_id=event.assignment_id,
        team_id=event.team_id,
        status=event.status,
        since=at if known is None else known.since,
        until=event.until,
        reminded=0 if known is None else known.reminded,
    )
    return _change(incident, holds=(*_holds_but(incident, event.assignment_id), hold))


def _holds_but(incident: Incident, run_id: AssignmentId) -> tuple[Hold, ...]:
    return tuple(hold for hold in incident.holds if hold.assignment_id != run_id)


def _reminded(incident: Incident, event: HoldReminded, at: datetime) -> Incident:
    holds = tuple(
        msgspec.structs.replace(hold, until=event.until, reminded=hold.reminded + 1)
        if hold.assignment_id == event.assignment_id
        else hold
        for hold in incident.holds
    )
    return _change(incident, holds=holds)


def _settled(incident: Incident, event: HoldSettled, at: datetime) -> Incident:
    return _change(incident, holds=_holds_but(incident, event.assignment_id))


def _reopened(incident: Incident, event: IncidentReopened, at: datetime) -> Incident:
    if not incident.is_settled:
        step({}, incident.state, type(event), "incident")
    # Its ladder begins anew: everybody may be asked again.
    slots = tuple(
        msgspec.structs.replace(
            s,
            wake_at=event.wake_at,
            escalations=0,
            climb_at=None,
            climbed=s.rung,
            exhausted_at=None,
        )
        for s in incident.slots
    )
    return _change(
        incident,
        state=_before_the_end(incident),
        ended_at=None,
        outcome=None,
        reason=None,
        merged_into=None,
        slots=slots,
    )


def _returned(incident: Incident, event: IncidentReturned, at: datetime) -> Incident:
    return _change(incident, archived=False)


def _archived(incident: Incident, event: IncidentArchived, at: datetime) -> Incident:
    return _change(incident, archived=True)


_OWN: dict[type, Callable[[Incident, Any, datetime], Incident]] = {
    ScreeningStarted: _screening,
    TeamDetermined: _determined,
    NoDispatchDetermined: _no_dispatch,
    IncidentAmended: _amended,
    DeadlineMoved: _deadline_moved,
    SlotAdded: _slot_added,
    SlotDropped: _slot_dropped,
    SlotEscalated: _slot_escalated,
    SlotWoken: _slot_woken,
    IncidentTakenInHand: _taken_in_hand,
    OwnerOffered: _owner_offered,
    OwnerChanged: _owner_changed,
    CallAttached: _call_attached,
    NoteAdded: _note_added,
    SubjectAdded: _subject_added,
    EncounterRecorded: _encounter,
    IncidentClosed: _closed,
    IncidentCancelled: _cancelled,
    IncidentMerged: _merged,
    IncidentAbsorbed: _absorbed,
    IncidentSplit: _split,
    IncidentReleased: _released,
    IncidentFlagged: _flagged,
    SearchHeld: _held,
    HoldReminded: _reminded,
    HoldSettled: _settled,
    IncidentReopened: _reopened,
    IncidentReturned: _returned,
    IncidentArchived: _archived,
}
