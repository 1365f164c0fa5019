"""What can happen to an incident itself; offers, runs and partners have events of their own.

Facts only: what follows from them stands in ``incident_fold``. Nothing here but codes, numbers,
instants and ids; what is private is sealed or a record.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from crisis.ids import (
    AssignmentId,
    CallId,
    EncounterId,
    IncidentId,
    PartnerResponseId,
    RecordId,
    SlotNo,
    SubjectId,
    TeamId,
    UserId,
)
from crisis.incident.danger import Danger
from crisis.incident.situation import Situation
from crisis.partner import PartnerResponse
from crisis.run_status import Status
from crisis.shapes import EventBody, Value
from crisis.suggestion import Suggestion
from crisis.triage import Acuity, Answer, Clinical, Hazard, Need, Place, Standard


class IncidentOpened(EventBody, frozen=True, kw_only=True):
    """A situation became known.

    Attributes:
        number: what people say aloud; unique in the county, from 1.
        referral_source: code.
        paper_number: the reserved number under which it was kept on paper, for back-entry.
        policy_version: the policy under which the whole incident runs.
        narrative_record: what was said, as an encrypted record.
        danger: what is known of danger, by the code sets of the day; here and below ``None`` = an
            older log, which the packaged sets speak for.
        suggestion: what followed from what was known, here and below.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("clinical", "danger", "suggestion")

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
    danger: Danger | None = None
    suggestion: Suggestion = Suggestion()


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
        version: of the incident, counted on where the determination changed what is known;
            ``None`` = an older log, in which only amendments count.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("clinical", "danger", "suggestion")

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
    danger: Danger | None = None
    version: int | None = None
    suggestion: Suggestion = Suggestion()


class NoDispatchDetermined(EventBody, frozen=True, kw_only=True):
    """No team goes, for this reason (a code; never "no team available")."""

    SEALED: ClassVar[tuple[str, ...]] = ("suggestion",)

    incident_id: IncidentId
    reason: str
    rationale_record: RecordId | None = None
    suggestion: Suggestion = Suggestion()


class IncidentAmended(EventBody, frozen=True, kw_only=True):
    """Place, acuity, needs or hazards became known better; the clock keeps.

    ``version`` counts from 2 (1 = as opened). Every field holds the value after the amendment. A
    determined incident whose place turned out to be of another area class had another ``standard``
    by it in old logs (since then that is ``DeadlineMoved``); ``None`` = the standard stays.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("clinical", "danger", "suggestion")

    incident_id: IncidentId
    version: int
    place: Place
    acuity: Acuity | None = None
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    standard: Standard | None = None
    clinical: Clinical = Clinical()
    danger: Danger | None = None
    suggestion: Suggestion = Suggestion()


class DeadlineMoved(EventBody, frozen=True, kw_only=True):
    """The incident is under another response standard, counted from the same determination.

    ``reason``: a code; ``was``: the deadline until now.
    """

    incident_id: IncidentId
    standard: Standard
    was: datetime
    due_at: datetime
    reason: str


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
        climbs: ``False`` = no rung is taken and nobody is told: we only looked again before the
            next one was due (a team was freed, the incident changed) and still found nobody, or
            whoever could go is wanted for a more pressing incident.
        can_go: how many teams could go, where a person is to ask the first one.
    """

    incident_id: IncidentId
    slot: SlotNo
    rung: int
    to: str | None = None
    wake_at: datetime | None = None
    exclusions: dict[str, int] = {}
    climbs: bool = True
    can_go: int = 0


class SlotWoken(EventBody, frozen=True, kw_only=True):
    """The search for this slot's team starts (or starts again) at ``wake_at``."""

    incident_id: IncidentId
    slot: SlotNo
    wake_at: datetime | None


class IncidentTakenInHand(EventBody, frozen=True, kw_only=True):
    """Somebody says that they see to it: until then the ladder stands and no alarm rings again.

    ``by``: ``None`` = whoever had it in hand has left; it is asked anew at ``until``.
    """

    incident_id: IncidentId
    by: UserId | None
    until: datetime


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


class Subject(Value, frozen=True, kw_only=True):
    """A person in crisis; ``record`` says who, ``None`` = unknown, which is normal.

    ``records``: all that was ever told of them, oldest first: a later word leaves out, and takes
    nothing back (an allergy that one person noted, and the name that another one adds).
    """

    id: SubjectId
    label: str = "1"
    record: RecordId | None = None
    records: tuple[RecordId, ...] = ()


class SubjectAdded(EventBody, frozen=True, kw_only=True):
    """A person in crisis, perhaps unknown; who they are is an encrypted record."""

    incident_id: IncidentId
    subject_id: SubjectId
    record: RecordId | None = None
    label: str = "1"


class EncounterRecorded(EventBody, frozen=True, kw_only=True):
    """One subject × one response: how it ended. Recorded again = amended; the last one counts.

    ``naloxone_given``: a bare ``False`` stands in logs of earlier versions, where nobody had been
    asked. ``disposition``, ``hold``, ``transport``, ``law_enforcement`` and ``mandated_reports``
    are codes and private.
    """

    SEALED: ClassVar[tuple[str, ...]] = (
        "disposition",
        "hold",
        "transport",
        "destination",
        "law_enforcement",
        "mandated_reports",
    )

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
    naloxone_given: Answer | bool = Answer.NOT_ASKED
    law_enforcement: str | None = None
    mandated_reports: tuple[str, ...] = ()
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
    """The same situation as ``into``, which takes over its calls and its open ``partners``."""

    incident_id: IncidentId
    into: IncidentId
    partners: tuple[PartnerResponseId, ...] = ()


class IncidentAbsorbed(EventBody, frozen=True, kw_only=True):
    """The other side of a merge: this one keeps the earliest determination of both.

    Attributes:
        determined_at, due_at: the other's; ``due_at`` by the stricter of both standards.
        theirs: what was known of the other, so that a split can take just that back.
        subjects: its people, each with a label that is free here.
        partners: its open responses, which go on here.
        slots: those that were added here, because the other asked for more teams.
        sources: codes of who had brought the other.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("theirs",)

    incident_id: IncidentId
    other: IncidentId
    determined_at: datetime | None = None
    due_at: datetime | None = None
    calls: tuple[CallId, ...] = ()
    theirs: Situation | None = None
    subjects: tuple[Subject, ...] = ()
    partners: tuple[PartnerResponse, ...] = ()
    slots: tuple[SlotNo, ...] = ()
    sources: tuple[str, ...] = ()


class IncidentSplit(EventBody, frozen=True, kw_only=True):
    """A merge was wrong: the merged incident stands on its own again.

    ``partners``: the responses that it had handed on, as they stand now.
    """

    incident_id: IncidentId
    other: IncidentId
    wake_at: datetime | None = None
    partners: tuple[PartnerResponse, ...] = ()


class IncidentReleased(EventBody, frozen=True, kw_only=True):
    """The other side of a split: the absorbing incident gives the other's clock back.

    ``determined_at`` is the earliest of its own and those still merged into it. ``subjects``:
    people who go with the other. ``befores``: what would have been known, without the other, when
    each of those came that were merged into this one after it.
    """

    SEALED: ClassVar[tuple[str, ...]] = ("befores",)

    incident_id: IncidentId
    other: IncidentId
    determined_at: datetime | None = None
    due_at: datetime | None = None
    calls: tuple[CallId, ...] = ()
    subjects: tuple[SubjectId, ...] = ()
    befores: tuple[Situation, ...] = ()


class IncidentFlagged(EventBody, frozen=True, kw_only=True):
    """Something about it went wrong by waiting, and people were told; again = it still is.

    ``flag``: code; ``about`` tells several of one code apart: the percent of a deadline warning,
    the id of a partner's response or of a run, the number of runs that were lost.
    """

    incident_id: IncidentId
    flag: str
    about: str = ""


class SearchHeld(EventBody, frozen=True, kw_only=True):
    """A crew whose run was over reports being there: nobody is asked until a person settles it.

    It is told of the incident that is open: the run may be of one that was merged into it.

    Attributes:
        status: the newest of what the crew reports.
        until: when people are told again unless somebody has settled it.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    team_id: TeamId
    status: Status
    until: datetime


class HoldReminded(EventBody, frozen=True, kw_only=True):
    """Nobody has settled whether the crew is there: people were told, and will be at ``until``."""

    incident_id: IncidentId
    assignment_id: AssignmentId
    until: datetime


class HoldSettled(EventBody, frozen=True, kw_only=True):
    """A person has said whether the crew is there; the search for a team goes on as it must."""

    incident_id: IncidentId
    assignment_id: AssignmentId
    team_id: TeamId
    there: bool
    by: UserId | None = None


class IncidentReopened(EventBody, frozen=True, kw_only=True):
    """It had ended and goes on, with its clock as if it had never ended.

    Attributes:
        reason: code.
        wake_at: when a team is sought for what nobody meets; ``None`` = a person offers.
    """

    incident_id: IncidentId
    reason: str
    wake_at: datetime | None = None


class IncidentArchived(EventBody, frozen=True, kw_only=True):
    """Settled, and nothing of it is open: it leaves the board and stays in the database."""

    incident_id: IncidentId


#: All but the one that holds a whole incident; see ``incident.OwnEvent``.
SmallEvent = (
    IncidentOpened
    | ScreeningStarted
    | TeamDetermined
    | NoDispatchDetermined
    | IncidentAmended
    | DeadlineMoved
    | SlotAdded
    | SlotDropped
    | SlotEscalated
    | SlotWoken
    | IncidentTakenInHand
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
    | SearchHeld
    | HoldReminded
    | HoldSettled
    | IncidentReopened
    | IncidentArchived
)
