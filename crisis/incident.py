"""An incident: the situation that we may send someone to; the unit of triage and reporting.

    received → screening → determined → closed | cancelled | merged

Waiting, offered, assigned, responding and on scene are *derived* from its slots (one per team
needed), offers and assignments. The regulatory clock runs from ``determined_at`` to the first
qualifying arrival and never restarts. Offers, runs, partner responses, subjects and encounters
belong to the incident and live inside it, so that one value tells its whole state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, get_args

import msgspec

from crisis.assignment import (
    Assignment,
    AssignmentBegun,
    AssignmentCancelled,
    AssignmentDiverted,
    AssignmentEvent,
    Status,
    evolve_assignment,
)
from crisis.ids import (
    AssignmentId,
    CallId,
    EncounterId,
    IncidentId,
    OfferId,
    PartnerResponseId,
    RecordId,
    SlotNo,
    SubjectId,
    UserId,
)
from crisis.offer import (
    Offer,
    OfferAccepted,
    OfferDeclined,
    OfferEvent,
    OfferExpired,
    OfferMade,
    OfferWithdrawn,
    evolve_offer,
)
from crisis.partner import PartnerEvent, PartnerResponse, evolve_partner
from crisis.shapes import EventBody, Value
from crisis.states import step
from crisis.triage import Acuity, Clinical, Hazard, Need, Place, Standard


class IncidentState(StrEnum):
    """What is stored; ``Phase`` is what people see."""

    RECEIVED = "received"
    SCREENING = "screening"
    DETERMINED = "determined"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"


class Phase(StrEnum):
    """What an incident is waiting for, derived."""

    RECEIVED = "received"
    SCREENING = "screening"
    WAITING = "waiting"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    RESPONDING = "responding"
    ON_SCENE = "on_scene"
    CLEARED = "cleared"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"


#: Nothing more will happen but late facts, corrections and obligations.
SETTLED = frozenset({IncidentState.CLOSED, IncidentState.CANCELLED, IncidentState.MERGED})


class IncidentOpened(EventBody, frozen=True, kw_only=True):
    """A situation became known.

    Attributes:
        number: what people say aloud; unique in the county, from 1.
        referral_source: code.
        paper_number: the reserved number under which it was kept on paper, for back-entry.
        policy_version: the policy under which the whole incident runs.
        narrative_record: what was said, as an encrypted record.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("clinical",)

    incident_id: IncidentId
    number: int
    place: Place
    policy_version: str
    call_id: CallId | None = None
    owner: UserId | None = None
    referral_source: str = "unknown"
    acuity: Acuity | None = None
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    paper_number: str | None = None
    narrative_record: RecordId | None = None
    clinical: Clinical = Clinical()


class ScreeningStarted(EventBody, frozen=True, kw_only=True):
    """The standardized dispatch tool was begun."""

    incident_id: IncidentId


class TeamDetermined(EventBody, frozen=True, kw_only=True):
    """A team must go: the regulatory clock runs from this instant.

    Attributes:
        slots: how many teams, >= 1.
        standard: the response-time standard in force; ``due_at`` = determined + its minutes.
        wake_at: when a team must be sought without a person; ``None`` = a person offers first.
        reason: code or short rationale code of the tool, never free text.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("clinical",)

    incident_id: IncidentId
    acuity: Acuity
    place: Place
    standard: Standard
    due_at: datetime
    slots: int = 1
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    wake_at: datetime | None = None
    reason: str | None = None
    rationale_record: RecordId | None = None
    clinical: Clinical = Clinical()


class NoDispatchDetermined(EventBody, frozen=True, kw_only=True):
    """No team goes, for this reason (a code; never "no team available")."""

    incident_id: IncidentId
    reason: str
    rationale_record: RecordId | None = None


class IncidentAmended(EventBody, frozen=True, kw_only=True):
    """Place, acuity, needs or hazards became known better; the clock keeps.

    ``version`` counts from 2 (1 = as opened). Every field holds the value after the amendment. A
    determined incident whose place turns out to be of another area class has another ``standard``,
    counted from the same determination; ``None`` = the standard stays.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("clinical",)

    incident_id: IncidentId
    version: int
    place: Place
    acuity: Acuity | None = None
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    standard: Standard | None = None
    clinical: Clinical = Clinical()


class SlotAdded(EventBody, frozen=True, kw_only=True):
    """One more team is needed."""

    incident_id: IncidentId
    slot: SlotNo
    wake_at: datetime | None = None


class SlotDropped(EventBody, frozen=True, kw_only=True):
    """This slot's team is not needed any more."""

    incident_id: IncidentId
    slot: SlotNo
    reason: str


class SlotEscalated(EventBody, frozen=True, kw_only=True):
    """Nobody is left to ask: a person is told, and the ladder climbs on at ``wake_at``.

    Attributes:
        rung: which rung of the ladder this takes; ``to``: who is told.
        exclusions: how many teams were left out, by reason code.
        climbs: ``False`` = we only looked again before the next rung was due (a team was freed,
            the incident changed) and still found nobody: no rung is taken and nobody is told.
    """

    incident_id: IncidentId
    slot: SlotNo
    rung: int
    to: str | None = None
    wake_at: datetime | None = None
    exclusions: dict[str, int] = {}
    climbs: bool = True


class SlotWoken(EventBody, frozen=True, kw_only=True):
    """The search for this slot's team starts (or starts again) at ``wake_at``."""

    incident_id: IncidentId
    slot: SlotNo
    wake_at: datetime | None


class OwnerOffered(EventBody, frozen=True, kw_only=True):
    """The owner hands the incident over; nothing changes until the receiver accepts.

    ``to``: ``None`` = the handover is off, because the receiver left.
    """

    incident_id: IncidentId
    to: UserId | None


class OwnerChanged(EventBody, frozen=True, kw_only=True):
    """Another person owns the incident; ``None`` = it falls to the supervisor.

    A handover that was offered stays open when the owner leaves before it is accepted.
    """

    incident_id: IncidentId
    owner: UserId | None
    reason: str = "accepted"


class CallAttached(EventBody, frozen=True, kw_only=True):
    """One more call belongs to this incident."""

    incident_id: IncidentId
    call_id: CallId


class NoteAdded(EventBody, frozen=True, kw_only=True):
    """Somebody wrote something down; the text is an encrypted record."""

    incident_id: IncidentId
    record: RecordId


class SubjectAdded(EventBody, frozen=True, kw_only=True):
    """A person in crisis, perhaps unknown; who they are is an encrypted record."""

    incident_id: IncidentId
    subject_id: SubjectId
    record: RecordId | None = None
    label: str = "1"


class EncounterRecorded(EventBody, frozen=True, kw_only=True):
    """One subject × one response: how it ended. Recorded again = amended; the last one counts.

    ``disposition``, ``hold``, ``transport`` are codes and private.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("disposition", "hold", "transport", "destination")

    incident_id: IncidentId
    encounter_id: EncounterId
    assignment_id: AssignmentId
    subject_id: SubjectId | None = None
    contacted: bool = True
    disposition: str | None = None
    hold: str | None = None
    transport: str | None = None
    destination: str | None = None
    plan: str | None = None
    plan_exception: str | None = None
    naloxone_given: bool = False
    note_record: RecordId | None = None


class IncidentClosed(EventBody, frozen=True, kw_only=True):
    """It is over; ``outcome``: responded, no_dispatch, unserved."""

    incident_id: IncidentId
    outcome: str
    reason: str | None = None


class IncidentCancelled(EventBody, frozen=True, kw_only=True):
    """It was called off; ``stage``: where it stood."""

    incident_id: IncidentId
    stage: str
    reason: str


class IncidentMerged(EventBody, frozen=True, kw_only=True):
    """The same situation as ``into``, which takes over its calls."""

    incident_id: IncidentId
    into: IncidentId


class IncidentAbsorbed(EventBody, frozen=True, kw_only=True):
    """The other side of a merge: this one keeps the earliest determination of both."""

    incident_id: IncidentId
    other: IncidentId
    determined_at: datetime | None = None
    due_at: datetime | None = None
    calls: tuple[CallId, ...] = ()


class IncidentSplit(EventBody, frozen=True, kw_only=True):
    """A merge was wrong: the merged incident stands on its own again."""

    incident_id: IncidentId
    other: IncidentId
    wake_at: datetime | None = None


class IncidentReleased(EventBody, frozen=True, kw_only=True):
    """The other side of a split: the absorbing incident gives the other's clock back.

    ``determined_at`` is the earliest of its own and those still merged into it.
    """

    incident_id: IncidentId
    other: IncidentId
    determined_at: datetime | None = None
    due_at: datetime | None = None
    calls: tuple[CallId, ...] = ()


class IncidentFlagged(EventBody, frozen=True, kw_only=True):
    """Something about it went wrong by waiting, and people were told: once for each mark.

    ``flag``: code; ``about`` tells several of one code apart: the percent of a deadline warning,
    the id of a partner's response or of a run, the number of runs that were lost.
    """

    incident_id: IncidentId
    flag: str
    about: str = ""


class IncidentArchived(EventBody, frozen=True, kw_only=True):
    """Settled, and nothing of it is open: it leaves the board and stays in the database."""

    incident_id: IncidentId


OwnEvent = (
    IncidentOpened
    | ScreeningStarted
    | TeamDetermined
    | NoDispatchDetermined
    | IncidentAmended
    | SlotAdded
    | SlotDropped
    | SlotEscalated
    | SlotWoken
    | OwnerOffered
    | OwnerChanged
    | CallAttached
    | NoteAdded
    | SubjectAdded
    | EncounterRecorded
    | IncidentClosed
    | IncidentCancelled
    | IncidentMerged
    | IncidentAbsorbed
    | IncidentSplit
    | IncidentReleased
    | IncidentFlagged
    | IncidentArchived
)
IncidentEvent = OwnEvent | OfferEvent | AssignmentEvent | PartnerEvent

_I = IncidentState
#: Only the events that change the stored state, or that some state forbids.
TRANSITIONS: Mapping[tuple[IncidentState, type], IncidentState] = {
    (_I.RECEIVED, ScreeningStarted): _I.SCREENING,
    (_I.RECEIVED, TeamDetermined): _I.DETERMINED,
    (_I.SCREENING, TeamDetermined): _I.DETERMINED,
    (_I.RECEIVED, NoDispatchDetermined): _I.CLOSED,
    (_I.SCREENING, NoDispatchDetermined): _I.CLOSED,
    (_I.DETERMINED, IncidentClosed): _I.CLOSED,
    **{(s, IncidentAmended): s for s in (_I.RECEIVED, _I.SCREENING, _I.DETERMINED)},
    **{(s, IncidentCancelled): _I.CANCELLED for s in (_I.RECEIVED, _I.SCREENING, _I.DETERMINED)},
    **{(s, IncidentMerged): _I.MERGED for s in (_I.RECEIVED, _I.SCREENING, _I.DETERMINED)},
    **{(_I.DETERMINED, e): _I.DETERMINED for e in (SlotAdded, SlotDropped)},
    **{(_I.DETERMINED, e): _I.DETERMINED for e in (SlotEscalated, SlotWoken)},
}


class Slot(Value, frozen=True, kw_only=True):
    """The need for one team.

    Attributes:
        rung: how many tries were made for it (offers and escalations).
        escalations: how many rungs of the ladder were climbed since a team was last on it.
        wake_at: when the next team must be sought by the service; ``None`` = a person offers.
        climb_at: not before this may the ladder climb its next rung; ``None`` = at once.
        climbed: the rung at which it last climbed or was met: whoever was asked at that rung or
            before may be asked again.
        exhausted_at: when nobody was left to ask; cleared by the next offer.
        dropped: code; set when its team is not needed any more.
    """

    no: SlotNo
    rung: int = 0
    escalations: int = 0
    wake_at: datetime | None = None
    climb_at: datetime | None = None
    climbed: int = 0
    exhausted_at: datetime | None = None
    dropped: str | None = None


class Flag(Value, frozen=True, kw_only=True):
    """A mark that was set and told once; see ``IncidentFlagged``."""

    flag: str
    about: str = ""
    at: datetime


class Subject(Value, frozen=True, kw_only=True):
    """A person in crisis; ``record`` says who, ``None`` = unknown, which is normal."""

    id: SubjectId
    label: str = "1"
    record: RecordId | None = None


class Encounter(Value, frozen=True, kw_only=True):
    """One subject × one response. Codes are private and ``None`` after erasure."""

    id: EncounterId
    assignment_id: AssignmentId
    subject_id: SubjectId | None = None
    recorded_at: datetime
    contacted: bool = True
    disposition: str | None = None
    hold: str | None = None
    transport: str | None = None
    destination: str | None = None
    plan: str | None = None
    plan_exception: str | None = None
    naloxone_given: bool = False
    note_record: RecordId | None = None


class Incident(Value, frozen=True, kw_only=True):
    """The whole state of one incident.

    Attributes:
        number: what people say aloud; unique in the county.
        version: counts amendments, from 1; crews acknowledge versions.
        determined_at: the regulatory clock's start: the earliest of its own and all merged ones.
        own_determined_at, own_due_at: its own, kept for a split.
        due_at: ``determined_at`` + the standard; ``None`` = not determined.
        absorbed: incidents merged into this one.
        owner: who answers for it, since ``owner_since``; ``None`` = the supervisor.
        pending_owner, handed_over_at: who was asked to take it over, and when.
        amended_at: when the present version became known; ``None`` = as opened.
        flags: what went wrong by waiting, each told once.
        open_offers..: see ``Offer``, ``Assignment``, ``PartnerResponse``; all are kept, ended too.
        clinical, encounters' codes: private.
    """

    id: IncidentId
    number: int
    state: IncidentState = IncidentState.RECEIVED
    version: int = 1
    received_at: datetime
    policy_version: str
    place: Place
    referral_source: str = "unknown"
    owner: UserId | None = None
    pending_owner: UserId | None = None
    handed_over_at: datetime | None = None
    owner_since: datetime | None = None
    amended_at: datetime | None = None
    paper_number: str | None = None
    screening_at: datetime | None = None
    determined_at: datetime | None = None
    own_determined_at: datetime | None = None
    due_at: datetime | None = None
    own_due_at: datetime | None = None
    standard: Standard | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
    merged_into: IncidentId | None = None
    absorbed: tuple[IncidentId, ...] = ()
    acuity: Acuity | None = None
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    calls: tuple[CallId, ...] = ()
    records: tuple[RecordId, ...] = ()
    slots: tuple[Slot, ...] = ()
    offers: tuple[Offer, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    partners: tuple[PartnerResponse, ...] = ()
    subjects: tuple[Subject, ...] = ()
    encounters: tuple[Encounter, ...] = ()
    flags: tuple[Flag, ...] = ()
    clinical: Clinical = Clinical()
    archived: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether it is closed, cancelled or merged."""
        return self.state in SETTLED

    @property
    def is_open(self) -> bool:
        """Whether it is on the board; a settled one leaves it when nothing of it is open."""
        return not self.archived

    @property
    def back_entered(self) -> bool:
        """Whether it was entered after an outage; such ones ring no alarm."""
        return self.paper_number is not None

    def offer(self, offer_id: OfferId) -> Offer | None:
        """Return the offer, ``None`` = not of this incident."""
        return next((o for o in self.offers if o.id == offer_id), None)

    def assignment(self, assignment_id: AssignmentId) -> Assignment | None:
        """Return the run, ``None`` = not of this incident."""
        return next((a for a in self.assignments if a.id == assignment_id), None)

    def partner(self, partner_id: PartnerResponseId) -> PartnerResponse | None:
        """Return the partner's response, ``None`` = not of this incident."""
        return next((p for p in self.partners if p.id == partner_id), None)

    def slot(self, no: SlotNo) -> Slot | None:
        """Return the slot, ``None`` = no such number."""
        return next((s for s in self.slots if s.no == no), None)

    def slot_offers(self, no: SlotNo) -> list[Offer]:
        """Return the slot's pending offers."""
        return [o for o in self.offers if o.slot == no and o.is_pending]

    def slot_run(self, no: SlotNo) -> Assignment | None:
        """Return the run that meets the slot's need, ``None`` = unmet."""
        return next((a for a in self.assignments if a.slot == no and a.meets_need), None)

    def waiting_slots(self) -> list[Slot]:
        """Return the slots that need a team and have neither a run nor a pending offer."""
        if self.state is not IncidentState.DETERMINED:
            return []
        return [
            s
            for s in self.slots
            if s.dropped is None and self.slot_run(s.no) is None and not self.slot_offers(s.no)
        ]

    def has_flag(self, flag: str, about: str = "") -> bool:
        """Whether this mark was set before."""
        return any(known.flag == flag and known.about == about for known in self.flags)

    @property
    def is_unassigned(self) -> bool:
        """Whether it needs a team that nobody has accepted to be."""
        return self.state is IncidentState.DETERMINED and any(
            slot.dropped is None and self.slot_run(slot.no) is None for slot in self.slots
        )

    @property
    def lacks_handoff(self) -> bool:
        """Whether it was handed off instead of served, and the partner did not take it.

        Such an incident is nobody's: it stays on the board until another hand-off stands.
        """
        last = next((p for p in reversed(self.partners) if p.handoff), None)
        return self.outcome == "no_dispatch" and last is not None and last.refused

    @property
    def open_runs(self) -> list[Assignment]:
        """The runs whose teams still belong to this incident."""
        return [a for a in self.assignments if a.is_open]

    @property
    def first_on_scene_at(self) -> datetime | None:
        """The regulatory clock's stop: the earliest qualifying arrival; ``None`` = not yet.

        Only a valid team's arrival qualifies; staging, partners and telehealth never do.
        """
        return min(
            (a.qualified_at for a in self.assignments if a.qualified_at is not None), default=None
        )

    @property
    def phase(self) -> Phase:
        """What it is waiting for: the first need that is unmet, else how far the teams are."""
        if self.state is not IncidentState.DETERMINED:
            return Phase(self.state.value)
        if self.waiting_slots():
            return Phase.WAITING
        if any(o.is_pending for o in self.offers):
            return Phase.OFFERED
        runs = [a.state for a in self.assignments if a.meets_need]
        if not runs or all(s in {Status.CLEARED, Status.READY} for s in runs):
            return Phase.CLEARED
        if any(s not in _NOT_ON_SCENE for s in runs):
            return Phase.ON_SCENE
        if any(s in {Status.EN_ROUTE, Status.STAGED} for s in runs):
            return Phase.RESPONDING
        return Phase.ASSIGNED


_NOT_ON_SCENE = frozenset(
    {Status.ACCEPTED, Status.EN_ROUTE, Status.STAGED, Status.CLEARED, Status.READY}
)
_OFFER_EVENTS = (OfferMade, OfferAccepted, OfferDeclined, OfferExpired, OfferWithdrawn)
_ASSIGNMENT_EVENTS = get_args(AssignmentEvent)
_PARTNER_EVENTS = get_args(PartnerEvent)


def evolve_incident(incident: Incident | None, event: IncidentEvent, at: datetime) -> Incident:
    """Return the incident after ``event``, which happened ``at``; ``None`` = not known before.

    Raises:
        IllegalTransition: its state, or that of the offer or response, has no such step.
    """
    if isinstance(event, IncidentOpened):
        return _opened(event, at)
    if incident is None:
        raise AssertionError("only IncidentOpened begins an incident")
    if isinstance(event, _OFFER_EVENTS):
        return _with_offer(incident, event, at)
    if isinstance(event, _ASSIGNMENT_EVENTS):
        return _with_assignment(incident, event, at)
    if isinstance(event, _PARTNER_EVENTS):
        partner = evolve_partner(incident.partner(event.partner_id), event, at)
        return _change(incident, partners=_put(incident.partners, partner))
    return _OWN[type(event)](incident, event, at)


def _put(things: tuple, thing):  # type: ignore[no-untyped-def, type-arg]
    """Return ``things`` with the one of the same id replaced, or the new one added."""
    for index, known in enumerate(things):
        if known.id == thing.id:
            return (*things[:index], thing, *things[index + 1 :])
    return (*things, thing)


def _change(incident: Incident, **fields: object) -> Incident:
    return msgspec.structs.replace(incident, **fields)


def _opened(event: IncidentOpened, at: datetime) -> Incident:
    return Incident(
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
    )


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
    return _change(
        incident,
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
        slots=tuple(Slot(no=SlotNo(n), wake_at=event.wake_at) for n in range(1, event.slots + 1)),
        records=_with_record(incident, event.rationale_record),
    )


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
        records=_with_record(incident, event.rationale_record),
    )


def _amended(incident: Incident, event: IncidentAmended, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    if event.standard is not None:
        incident = _under(incident, event.standard)
    return _change(
        incident,
        version=event.version,
        amended_at=at,
        place=event.place,
        acuity=event.acuity,
        needs=event.needs,
        hazards=event.hazards,
        clinical=event.clinical,
    )


def _under(incident: Incident, standard: Standard) -> Incident:
    """Return the incident with the due times that the standard gives its determinations."""
    span = timedelta(minutes=standard.minutes)
    start, own = incident.determined_at, incident.own_determined_at
    return _change(
        incident,
        standard=standard,
        due_at=None if start is None else start + span,
        own_due_at=None if own is None else own + span,
    )


def _slot_added(incident: Incident, event: SlotAdded, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    slot = Slot(no=event.slot, wake_at=event.wake_at)
    return _change(incident, slots=(*incident.slots, slot))


def _slot_dropped(incident: Incident, event: SlotDropped, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    return _with_slot(incident, event.slot, dropped=event.reason, wake_at=None)


def _slot_escalated(incident: Incident, event: SlotEscalated, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    if not event.climbs:
        return _with_slot(incident, event.slot, wake_at=event.wake_at, exhausted_at=at)
    slot = incident.slot(event.slot)
    return _with_slot(
        incident,
        event.slot,
        rung=event.rung,
        escalations=1 + (slot.escalations if slot else 0),
        wake_at=event.wake_at,
        climb_at=event.wake_at,
        climbed=event.rung,
        exhausted_at=at,
    )


def _slot_woken(incident: Incident, event: SlotWoken, at: datetime) -> Incident:
    step(TRANSITIONS, incident.state, type(event), "incident")
    return _with_slot(incident, event.slot, wake_at=event.wake_at)


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
    subject = Subject(id=event.subject_id, label=event.label, record=event.record)
    return _change(incident, subjects=_put(incident.subjects, subject))


def _encounter(incident: Incident, event: EncounterRecorded, at: datetime) -> Incident:
    encounter = Encounter(
        id=event.encounter_id,
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
        naloxone_given=event.naloxone_given,
        note_record=event.note_record,
    )
    return _change(incident, encounters=_put(incident.encounters, encounter))


def _closed(incident: Incident, event: IncidentClosed, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(incident, state=state, ended_at=at, outcome=event.outcome, reason=event.reason)


def _cancelled(incident: Incident, event: IncidentCancelled, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(incident, state=state, ended_at=at, outcome=event.stage, reason=event.reason)


def _merged(incident: Incident, event: IncidentMerged, at: datetime) -> Incident:
    state = step(TRANSITIONS, incident.state, type(event), "incident")
    return _change(incident, state=state, ended_at=at, merged_into=event.into)


def _absorbed(incident: Incident, event: IncidentAbsorbed, at: datetime) -> Incident:
    earliest = incident.determined_at
    due = incident.due_at
    if event.determined_at is not None and (earliest is None or event.determined_at < earliest):
        earliest, due = event.determined_at, event.due_at
    return _change(
        incident,
        absorbed=(*incident.absorbed, event.other),
        determined_at=earliest,
        due_at=due,
        calls=(*incident.calls, *event.calls),
    )


def _split(incident: Incident, event: IncidentSplit, at: datetime) -> Incident:
    if incident.state is not IncidentState.MERGED:
        step({}, incident.state, type(event), "incident")
    state = (
        IncidentState.DETERMINED
        if incident.own_determined_at
        else (IncidentState.SCREENING if incident.screening_at else IncidentState.RECEIVED)
    )
    slots = tuple(msgspec.structs.replace(s, wake_at=event.wake_at) for s in incident.slots)
    return _change(
        incident, state=state, ended_at=None, merged_into=None, slots=slots, outcome=None
    )


def _released(incident: Incident, event: IncidentReleased, at: datetime) -> Incident:
    return _change(
        incident,
        absorbed=tuple(i for i in incident.absorbed if i != event.other),
        determined_at=event.determined_at,
        due_at=event.due_at,
        calls=tuple(c for c in incident.calls if c not in event.calls),
    )


def _flagged(incident: Incident, event: IncidentFlagged, at: datetime) -> Incident:
    flag = Flag(flag=event.flag, about=event.about, at=at)
    return _change(incident, flags=(*incident.flags, flag))


def _archived(incident: Incident, event: IncidentArchived, at: datetime) -> Incident:
    return _change(incident, archived=True)


_OWN: dict[type, Callable[[Incident, Any, datetime], Incident]] = {
    ScreeningStarted: _screening,
    TeamDetermined: _determined,
    NoDispatchDetermined: _no_dispatch,
    IncidentAmended: _amended,
    SlotAdded: _slot_added,
    SlotDropped: _slot_dropped,
    SlotEscalated: _slot_escalated,
    SlotWoken: _slot_woken,
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
    IncidentArchived: _archived,
}
