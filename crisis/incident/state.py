"""An incident: the situation that we may send someone to; the unit of triage and reporting.

    received → screening → determined → closed | cancelled | merged

Waiting, offered, assigned, responding and on scene are *derived* from its slots (one per team
needed), offers and assignments. The regulatory clock runs from ``determined_at`` to the first
qualifying arrival and never restarts. Offers, runs, partner responses, subjects and encounters
belong to the incident and live inside it, so that one value tells its whole state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from crisis.assignment import Assignment, AssignmentEvent
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
    TeamId,
    UserId,
)
from crisis.incident.danger import Danger
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
    SmallEvent,
    Subject,
    SubjectAdded,
    TeamDetermined,
)
from crisis.incident.situation import Situation
from crisis.offer import Offer, OfferEvent, OfferState
from crisis.partner import PartnerEvent, PartnerResponse
from crisis.run_status import ARRIVED, DONE, UNDERWAY, Status
from crisis.shapes import EventBody, Value
from crisis.suggestion import PartnerAdvice, Suggestion
from crisis.triage import Acuity, Answer, Clinical, Hazard, Need, Place, Standard

__all__ = [
    "SETTLED",
    "TRANSITIONS",
    "CallAttached",
    "DeadlineMoved",
    "Encounter",
    "EncounterRecorded",
    "Flag",
    "Hold",
    "HoldReminded",
    "HoldSettled",
    "Incident",
    "IncidentAbsorbed",
    "IncidentAmended",
    "IncidentArchived",
    "IncidentCancelled",
    "IncidentClosed",
    "IncidentEvent",
    "IncidentFlagged",
    "IncidentMerged",
    "IncidentOpened",
    "IncidentReleased",
    "IncidentReopened",
    "IncidentReturned",
    "IncidentSplit",
    "IncidentState",
    "IncidentTakenInHand",
    "Join",
    "NoDispatchDetermined",
    "NoteAdded",
    "OwnEvent",
    "OwnerChanged",
    "OwnerOffered",
    "Phase",
    "ScreeningStarted",
    "SearchHeld",
    "Slot",
    "SlotAdded",
    "SlotDropped",
    "SlotEscalated",
    "SlotWoken",
    "Subject",
    "SubjectAdded",
    "TeamDetermined",
]


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
    **{(_I.DETERMINED, e): _I.DETERMINED for e in (SlotAdded, SlotDropped, DeadlineMoved)},
    **{(_I.DETERMINED, e): _I.DETERMINED for e in (SlotEscalated, SlotWoken)},
}


class Slot(Value, frozen=True, kw_only=True):
    """The need for one team.

    Attributes:
        rung: how many tries were made for it (offers and escalations).
        escalations: how many rungs of the ladder were climbed since a team was last on it.
        wake_at: when somebody must be sought for it again; while it waits, ``None`` = at once, so
            that nothing that forgets to say when can let it be forgotten.
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
    """A mark that was set and told; see ``IncidentFlagged``.

    ``at``: when it was last told; ``times``: how often.
    """

    flag: str
    about: str = ""
    at: datetime
    times: int = 1


class Hold(Value, frozen=True, kw_only=True):
    """A crew whose run was over reports being there, and nobody has settled whether it is.

    Attributes:
        assignment_id: its run, which may be of an incident that was merged into this one.
        status: the newest of what it reports.
        until: when people are told again; ``reminded``: how often they were.
    """

    assignment_id: AssignmentId
    team_id: TeamId
    status: Status
    since: datetime
    until: datetime
    reminded: int = 0


class Join(Value, frozen=True, kw_only=True):
    """What came with an incident that was merged into this one; a split takes it back.

    Attributes:
        determined_at, due_at: its clock, ``due_at`` by the stricter of both standards.
        theirs: what was known of it; ``None`` = an older log doesn't tell.
        before: what was known here before it came.
        subjects, partners, slots: what was added here because of it.
        sources: codes of who had brought it, and what was merged into it.
    """

    other: IncidentId
    determined_at: datetime | None = None
    due_at: datetime | None = None
    theirs: Situation | None = None
    before: Situation | None = None
    subjects: tuple[SubjectId, ...] = ()
    partners: tuple[PartnerResponseId, ...] = ()
    slots: tuple[SlotNo, ...] = ()
    sources: tuple[str, ...] = ()


class Encounter(Value, frozen=True, kw_only=True):
    """One subject × one response. Codes are private and gone after erasure.

    ``version``: counts how often it was recorded, from 1.
    ``law_enforcement``: its part; ``None`` = not said. ``mandated_reports``: kinds that are owed.
    """

    id: EncounterId
    version: int = 1
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
    naloxone_given: Answer = Answer.NOT_ASKED
    law_enforcement: str | None = None
    mandated_reports: tuple[str, ...] = ()
    note_record: RecordId | None = None


class Incident(Value, frozen=True, kw_only=True):
    """The whole state of one incident.

    Attributes:
        number: what people say aloud; unique in the county.
        version: counts the changes of what is known, from 1; crews acknowledge versions.
        touched: name of a fact (see ``crisis.incident.situation``) → the version in which it
            changed last; one that isn't there is as the incident was opened.
        touched_by: name of such a fact → whose act that was; ``None`` = the service itself.
        determined_at: the regulatory clock's start: the earliest of its own and all merged ones.
        own_determined_at, own_due_at: its own, kept for a split.
        due_at: ``determined_at`` + the standard; ``None`` = not determined.
        absorbed, joins: incidents merged into this one, and what came with each.
        screening_since: when the service learnt that it is being screened; ``None`` = it isn't.
        sought_since: when the service last learnt that a team must be found; ``None`` = never.
        owner: who answers for it, since ``owner_since``; ``None`` = the supervisor.
        pending_owner, handed_over_at: who was asked to take it over, and when. These instants, and
            the two around them, are when the service learnt of it.
        in_hand_by, in_hand_until: who said that they see to it, and until when they are left to it;
            ``None`` = nobody, or they have left.
        amended_at: when the present version became known; ``None`` = as opened.
        flags: what went wrong by waiting, and when it was told.
        holds: crews that report being there though their runs are over; the search waits for them.
        open_offers..: see ``Offer``, ``Assignment``, ``PartnerResponse``; all are kept, ended too.
        hazards: those noted; what endangers a team is ``danger``, which everybody is shown.
        suggestion: what follows from what is known; see ``proposals``.
        clinical, danger, suggestion, touched, touched_by, joins, encounters' codes: private.
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
    sought_since: datetime | None = None
    in_hand_by: UserId | None = None
    in_hand_until: datetime | None = None
    amended_at: datetime | None = None
    paper_number: str | None = None
    screening_at: datetime | None = None
    screening_since: datetime | None = None
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
    joins: tuple[Join, ...] = ()
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
    holds: tuple[Hold, ...] = ()
    clinical: Clinical = Clinical()
    danger: Danger = Danger()
    touched: dict[str, int] = {}
    touched_by: dict[str, UserId | None] = {}
    suggestion: Suggestion = Suggestion()
    archived: bool = False

    @property
    def situation(self) -> Situation:
        """What is known of it, as one value."""
        return Situation(
            place=self.place,
            acuity=self.acuity,
            needs=self.needs,
            hazards=self.hazards,
            clinical=self.clinical,
        )

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

    def was_asked(self, no: SlotNo, *, without: Offer | None = None) -> bool:
        """Whether a team was asked for the slot; a question that was taken back doesn't count.

        ``without``: one that is being taken back now.
        """
        return any(
            offer.slot == no and offer.state is not OfferState.WITHDRAWN and offer is not without
            for offer in self.offers
        )

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

    def marked(self, flag: str, about: str = "") -> Flag | None:
        """Return the mark as it was set before; ``None`` = it was not."""
        return next((f for f in self.flags if f.flag == flag and f.about == about), None)

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
    def referral_sources(self) -> tuple[str, ...]:
        """Who brought it, and what was merged into it: each speaks for what it was brought for."""
        merged = (source for join in self.joins for source in join.sources)
        return tuple(dict.fromkeys((self.referral_source, *merged)))

    @property
    def proposals(self) -> tuple[PartnerAdvice, ...]:
        """Who should be asked because of what is known and was not yet, threats to life first.

        Whoever refused, or was asked in error, was not asked; nor was whoever had left before what
        is known now became known.
        """
        if self.state in {IncidentState.CANCELLED, IncidentState.MERGED}:
            return ()
        asked = (p.kind for p in self.partners if not p.refused_or_left_before(self.amended_at))
        return self.suggestion.unasked(asked)

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
        if not runs or all(s in DONE for s in runs):
            return Phase.CLEARED
        if any(s in ARRIVED for s in runs):
            return Phase.ON_SCENE
        if any(s in UNDERWAY for s in runs):
            return Phase.RESPONDING
        return Phase.ASSIGNED


class IncidentReturned(EventBody, frozen=True, kw_only=True):
    """An incident that had left the board is on it again, because something of it is open.

    ``whole``: as it stood, for boards that had let go of it; private, ``None`` = erased since.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("whole",)

    incident_id: IncidentId
    whole: Incident | None = None


OwnEvent = SmallEvent | IncidentReturned
IncidentEvent = OwnEvent | OfferEvent | AssignmentEvent | PartnerEvent
