"""An assignment: a team's run to an incident, from acceptance until it is ready again.

What follows what stands in ``run_status``. Reports from the field are facts, not requests. Skipping
forward is lawful; a late report (a phone was offline) is kept and never moves the state back. A
milestone is the *earliest* valid instant reported for its status, whatever the order of arrival.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from crisis.claim_events import AssignmentMoved, AssignmentRestored, ClaimDenied
from crisis.errors import IllegalTransition
from crisis.ids import (
    AssignmentId,
    IncidentId,
    OfferId,
    RecordId,
    ResponderId,
    SlotNo,
    TeamId,
    UserId,
)
from crisis.run_status import ARRIVED, CALLED_OFF, ENDED, TRANSITIONS
from crisis.run_status import REPORTABLE as REPORTABLE
from crisis.run_status import Status as Status
from crisis.shapes import EventBody, Value
from crisis.staffing import TelehealthSecond
from crisis.team import CrewMember


class _Begins(EventBody, frozen=True, kw_only=True):
    """What every beginning of a run tells.

    Attributes:
        crew: who is on it, on site or by telehealth; ``members``: how each of them takes part.
        telehealth: the decision for a remote second; ``None`` = none was taken.
        shortfalls: codes of what the crew lacked when it accepted; empty = a valid team.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    offer_id: OfferId
    slot: SlotNo
    team_id: TeamId
    crew: tuple[ResponderId, ...] = ()
    members: tuple[CrewMember, ...] = ()
    telehealth: TelehealthSecond | None = None
    shortfalls: tuple[str, ...] = ()


class AssignmentBegun(_Begins, frozen=True, kw_only=True):
    """The team accepted: the run begins."""


class AssignmentEntered(_Begins, frozen=True, kw_only=True):
    """A run that was over before the service learnt of it begins in the log; nobody was asked.

    The team is not made busy by it: what it does now is another matter. Reports of its own instants
    follow, up to its end.

    Attributes:
        offer_id: no offer has it: by that a run is known to have been entered afterwards.
        override_reason: code: why it is entered without a shift that the service knows of.
        said_by: code of who told it.
    """

    override_reason: str | None = None
    said_by: str | None = None


class StatusReported(EventBody, frozen=True, kw_only=True):
    """A status, by the team or by voice; it moves the run forward unless it is late.

    Attributes:
        moves: decided when recorded: whether it changes the state (``False`` = a late fact).
        device_at: what the phone's clock said, where it was corrected; ``None`` = not corrected.
        said_by: code of who said it, for a report by voice.
        cleared_scene_by: code of who declared a staged scene safe; required for staged → on scene.
        briefed_by: code of who briefed the crew of hazards by voice, in place of their
            acknowledgement.
        staging_reason: code; ``staging_record``: where the team waits, as an encrypted record.
        shortfalls: at arrival: codes of what the crew lacked; ``None`` = not judged here.
        qualifies: at arrival: whether the team was a valid one, so that the regulatory clock stops.
        completed_at: when a later change of crew made it one, where it was none; ``None`` = never.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    status: Status
    moves: bool = True
    device_at: datetime | None = None
    said_by: str | None = None
    cleared_scene_by: str | None = None
    briefed_by: str | None = None
    staging_reason: str | None = None
    staging_record: RecordId | None = None
    shortfalls: tuple[str, ...] | None = None
    qualifies: bool = True
    completed_at: datetime | None = None


class ReportDisputed(EventBody, frozen=True, kw_only=True):
    """A field report that can't be believed; kept as it came, it changes nothing.

    ``occurred`` is the claimed instant; ``reason`` a code (outside_skew, not_your_run, ...).
    ``claimed_at``: the crew says so of a run that was over, as of then; a person says what is so.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    status: Status
    occurred: datetime
    reason: str
    by_team: TeamId | None = None
    claimed_at: datetime | None = None


class MilestoneCorrected(EventBody, frozen=True, kw_only=True):
    """A person corrects an instant; the old value stays in the log beside it.

    Attributes:
        instant: the right one; ``None`` = the status was never reached.
        shortfalls: of an arrival: what the crew of that instant lacked; ``None`` = not judged.
        judged: whether ``qualified_at`` was judged anew by what is right now, as it is for arrivals
            and ends; ``False`` = it follows from the instant alone, as in old logs.
        qualified_at: with ``judged``: when the clock stops for this run; ``None`` = not by it.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    status: Status
    instant: datetime | None
    reason: str
    by: UserId | None = None
    shortfalls: tuple[str, ...] | None = None
    judged: bool = False
    qualified_at: datetime | None = None


class HazardsAcknowledged(EventBody, frozen=True, kw_only=True):
    """The crew has read the hazards of this version of the incident, or been told (``said_by``)."""

    incident_id: IncidentId
    assignment_id: AssignmentId
    version: int
    said_by: str | None = None


class AssignmentDiverted(EventBody, frozen=True, kw_only=True):
    """The team was pulled away to another incident; the slot waits again."""

    incident_id: IncidentId
    assignment_id: AssignmentId
    reason: str
    to_incident: IncidentId | None = None
    wake_at: datetime | None = None


class AssignmentCancelled(EventBody, frozen=True, kw_only=True):
    """The run was called off; ``wake_at`` set = the slot still needs a team."""

    incident_id: IncidentId
    assignment_id: AssignmentId
    reason: str
    wake_at: datetime | None = None


class CrewSwapped(EventBody, frozen=True, kw_only=True):
    """The crew of a running assignment changed; judged again for validity.

    ``qualifies``: it is on scene and became a valid team just now, which stops the clock.
    ``judged``: it was told late and may lie before the arrival; ``qualified_at`` is then when the
    clock stops for the run, ``None`` = not by it.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    crew: tuple[ResponderId, ...]
    members: tuple[CrewMember, ...] = ()
    telehealth: TelehealthSecond | None = None
    shortfalls: tuple[str, ...] = ()
    reason: str = "other"
    qualifies: bool = False
    judged: bool = False
    qualified_at: datetime | None = None


AssignmentEvent = (
    AssignmentBegun
    | AssignmentEntered
    | StatusReported
    | ReportDisputed
    | MilestoneCorrected
    | HazardsAcknowledged
    | AssignmentDiverted
    | AssignmentCancelled
    | AssignmentRestored
    | AssignmentMoved
    | ClaimDenied
    | CrewSwapped
)


class CrewStint(Value, frozen=True, kw_only=True):
    """Who was on a run's crew from an instant on, until the next stint."""

    since: datetime
    members: tuple[CrewMember, ...]
    telehealth: TelehealthSecond | None = None


class Assignment(Value, frozen=True, kw_only=True):
    """A team's run.

    Attributes:
        crew: who is on it now; ``stints``: who was since when, in the order of those instants.
        milestones: status → earliest valid instant.
        corrected: statuses whose instant a person set; later reports no longer move them.
        unreached: status → until when the team had not reached it, as a person said.
        moved_at: instant of the report that set the present state.
        known_at: when the service learnt that it began, or goes on after all; ``None`` = in old
            logs: when it began.
        acknowledged: the newest version of the incident that the crew has acknowledged; 0 = none.
        disputed: number of reports kept but not believed; ``arrival_disputed``: one of them says
            that the team was there, and no person has set the arrival since.
        shortfalls: at acceptance or the latest crew change; ``arrival_shortfalls``: on arrival,
            ``None`` = not arrived.
        qualified_at: the earliest instant at which a valid team of this run was on scene, which
            stops the regulatory clock; ``None`` = not yet.
        claimed: status → earliest instant that the crew has reported after the run was over, until
            a person says what is so.
        moved_to: the run that goes on in its place; ``None`` = none does.
    """

    id: AssignmentId
    offer_id: OfferId
    slot: SlotNo
    team_id: TeamId
    state: Status = Status.ACCEPTED
    moved_at: datetime
    known_at: datetime | None = None
    milestones: dict[Status, datetime]
    corrected: tuple[Status, ...] = ()
    unreached: dict[Status, datetime] = {}
    crew: tuple[ResponderId, ...] = ()
    stints: tuple[CrewStint, ...] = ()
    acknowledged: int = 0
    briefed_by: str | None = None
    staging_reason: str | None = None
    staging_record: RecordId | None = None
    end_reason: str | None = None
    disputed: int = 0
    arrival_disputed: bool = False
    shortfalls: tuple[str, ...] = ()
    arrival_shortfalls: tuple[str, ...] | None = None
    qualified_at: datetime | None = None
    claimed: dict[Status, datetime] = {}
    moved_to: AssignmentId | None = None

    def stint_at(self, instant: datetime) -> CrewStint | None:
        """Return the crew of an instant; before the first its own; ``None`` = not known."""
        past = [stint for stint in self.stints if stint.since <= instant]
        return past[-1] if past else next(iter(self.stints), None)

    @property
    def qualifying(self) -> bool:
        """Whether it stops the regulatory clock."""
        return self.qualified_at is not None

    @property
    def is_open(self) -> bool:
        """Whether the team still belongs to this run."""
        return self.state not in ENDED

    @property
    def meets_need(self) -> bool:
        """Whether the slot needs nobody else: the run goes on, or it was cleared."""
        return self.state not in CALLED_OFF


def is_late(run: Assignment, status: Status, occurred_at: datetime) -> bool:
    """Whether a report of ``status`` is a late fact: it happened before what we already know."""
    after = TRANSITIONS[run.state, status]
    if after is run.state:
        return True
    aside = Status.STAGED in {status, run.state}
    return aside and occurred_at < run.moved_at


def has_arrived(run: Assignment) -> bool:
    """Whether the team was at the scene, by any status that says so."""
    return not ARRIVED.isdisjoint(run.milestones)


def has_met(run: Assignment) -> bool:
    """Whether the team met the person, by any status that says so."""
    return not (ARRIVED - {Status.ON_SCENE}).isdisjoint(run.milestones)


def _with_milestone(run: Assignment, status: Status, at: datetime) -> dict[Status, datetime]:
    known = run.milestones.get(status)
    if status in run.corrected or (known is not None and known <= at):
        return run.milestones
    return {**run.milestones, status: at}


def evolve_assignment(run: Assignment | None, event: AssignmentEvent, at: datetime) -> Assignment:
    """Return the run after ``event``, which happened ``at``; ``None`` = not begun before."""
    if isinstance(event, _Begins):
        return Assignment(
            id=event.assignment_id,
            offer_id=event.offer_id,
            slot=event.slot,
            team_id=event.team_id,
            moved_at=at,
            known_at=at,
            milestones={Status.ACCEPTED: at},
            crew=event.crew,
            stints=(CrewStint(since=at, members=event.members, telehealth=event.telehealth),),
            shortfalls=event.shortfalls,
        )
    if run is None:
        raise AssertionError("a run begins before anything else happens to it")
    replace = msgspec.structs.replace
    match event:
        case StatusReported():
            return _reported(run, event, at)
        case MilestoneCorrected():
            return _corrected(run, event, at)
        case ReportDisputed():
            return replace(
                run,
                disputed=run.disputed + 1,
                arrival_disputed=run.arrival_disputed or _claims_arrival(run, event),
                claimed=_with_claim(run, event),
            )
        case HazardsAcknowledged():
            return replace(run, acknowledged=max(run.acknowledged, event.version))
        case CrewSwapped():
            return _swapped(run, event, at)
        case AssignmentDiverted() | AssignmentCancelled():
            diverted = isinstance(event, AssignmentDiverted)
            state = Status.DIVERTED if diverted else Status.CANCELLED
            return _ended(run, state, event.reason, at)
        case AssignmentRestored() | AssignmentMoved() | ClaimDenied():
            return _settled(run, event, at)


def _corrected(run: Assignment, event: MilestoneCorrected, at: datetime) -> Assignment:
    """Return the run with the instant that a person set, or without the status until then."""
    milestones = {k: v for k, v in run.milestones.items() if k is not event.status}
    unreached = {k: v for k, v in run.unreached.items() if k is not event.status}
    corrected = {*run.corrected} - {event.status}
    if event.instant is None:
        unreached[event.status] = at
    else:
        milestones[event.status] = event.instant
        corrected.add(event.status)
    return msgspec.structs.replace(
        run,
        milestones=milestones,
        unreached=unreached,
        corrected=tuple(sorted(corrected)),
        arrival_disputed=run.arrival_disputed and event.status is not Status.ON_SCENE,
        qualified_at=_requalified(run, event),
    )


def _settled(
    run: Assignment, event: AssignmentRestored | AssignmentMoved | ClaimDenied, at: datetime
) -> Assignment:
    """Return the run after a person has said whether its crew is there."""
    if isinstance(event, AssignmentRestored):
        return _restored(run, event, at)
    if isinstance(event, AssignmentMoved):
        return msgspec.structs.replace(run, moved_to=event.to_assignment, claimed={})
    return msgspec.structs.replace(run, claimed={})


def _restored(run: Assignment, event: AssignmentRestored, at: datetime) -> Assignment:
    return msgspec.structs.replace(
        run,
        slot=event.slot,
        state=event.state,
        milestones=event.milestones,
        moved_at=max(event.milestones.values(), default=at),
        end_reason=None,
        qualified_at=event.qualified_at,
        arrival_shortfalls=event.shortfalls,
        arrival_disputed=False,
        claimed={},
    )


def _swapped(run: Assignment, event: CrewSwapped, at: datetime) -> Assignment:
    qualified_at = run.qualified_at
    if event.judged:
        qualified_at = event.qualified_at
    elif event.qualifies and qualified_at is None:
        qualified_at = at
    stint = CrewStint(since=at, members=event.members, telehealth=event.telehealth)
    return msgspec.structs.replace(
        run,
        crew=event.crew,
        stints=tuple(sorted((*run.stints, stint), key=lambda s: s.since)),
        shortfalls=event.shortfalls,
        qualified_at=qualified_at,
    )


def _requalified(run: Assignment, event: MilestoneCorrected) -> datetime | None:
    """Return when the clock stops after a correction."""
    if event.judged:
        return event.qualified_at
    if event.status is not Status.ON_SCENE:
        return run.qualified_at
    if event.instant is None:
        return None
    if run.qualified_at is None:
        judged = event.shortfalls if run.arrival_shortfalls is None else run.arrival_shortfalls
        lacked = run.shortfalls if judged is None else judged
        return None if lacked else event.instant
    if run.qualified_at == run.milestones.get(Status.ON_SCENE):
        return event.instant
    return max(run.qualified_at, event.instant)


def _with_claim(run: Assignment, event: ReportDisputed) -> dict[Status, datetime]:
    if event.claimed_at is None:
        return run.claimed
    earliest = min(event.claimed_at, run.claimed.get(event.status, event.claimed_at))
    return {**run.claimed, event.status: earliest}


def _claims_arrival(run: Assignment, event: ReportDisputed) -> bool:
    """Whether a report that isn't believed says of this team that it was there."""
    return event.status in ARRIVED and event.by_team in {None, run.team_id}


def _qualified_at(run: Assignment, event: StatusReported, at: datetime) -> datetime | None:
    """Return the earliest arrival of a valid team; a corrected arrival stands."""
    valid_at = at if event.qualifies else event.completed_at
    if event.status is not Status.ON_SCENE or valid_at is None or Status.ON_SCENE in run.corrected:
        return run.qualified_at
    return valid_at if run.qualified_at is None else min(run.qualified_at, valid_at)


def _reported(run: Assignment, event: StatusReported, at: datetime) -> Assignment:
    arrived = event.status is Status.ON_SCENE
    moved = msgspec.structs.replace(
        run,
        milestones=_with_milestone(run, event.status, at),
        briefed_by=event.briefed_by or run.briefed_by,
        arrival_shortfalls=event.shortfalls if arrived else run.arrival_shortfalls,
        qualified_at=_qualified_at(run, event, at),
    )
    if not event.moves:
        return moved
    return msgspec.structs.replace(
        moved,
        state=TRANSITIONS[run.state, event.status],
        moved_at=max(run.moved_at, at),
        staging_reason=event.staging_reason or run.staging_reason,
        staging_record=event.staging_record or run.staging_record,
    )


def _ended(run: Assignment, state: Status, reason: str, at: datetime) -> Assignment:
    if not run.is_open or run.state is Status.CLEARED:
        raise IllegalTransition(
            "illegal_transition",
            f"The run is already {run.state.value}.",
            thing="assignment",
            state=run.state.value,
            event=state.value,
        )
    return msgspec.structs.replace(
        run, state=state, end_reason=reason, moved_at=at, milestones={**run.milestones, state: at}
    )
