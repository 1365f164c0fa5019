"""No report counts an arrival that what was said later contradicts, unless a person settled it.

Random histories of two teams: reports told late and out of order, ends with times of their own,
corrections, claims and their settling. What may count is judged by the log alone, apart from how
the service decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from crisis.assignment import (
    Assignment,
    AssignmentCancelled,
    AssignmentDiverted,
    MilestoneCorrected,
    StatusReported,
)
from crisis.claim_events import AssignmentRestored
from crisis.commands import (
    AcceptOffer,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    CorrectMilestone,
    DivertAssignment,
    EncounterInput,
    MergeIncident,
    OfferTeam,
    RecordEncounter,
    ReopenIncident,
    ReportStatus,
    SettleClaim,
    SplitIncident,
    SwapCrew,
)
from crisis.errors import CrisisError
from crisis.ids import AssignmentId, IncidentId
from crisis.incident.state import EncounterRecorded, Incident
from crisis.policy import ClockPolicy
from crisis.run_status import ARRIVED, Status
from dispatch.reports.figures import Fate, Response, fate_of
from tests.unit.dispatch.board_kit import LEAD, SAFE_SCENE, County, on_team, rules

S = Status
#: In their order, by hand: what the rules say of it is asked of them.
IN_ORDER = (
    S.ACCEPTED,
    S.EN_ROUTE,
    S.ON_SCENE,
    S.CONTACT,
    S.ASSESSED,
    S.TRANSPORTING,
    S.AT_DESTINATION,
    S.HANDED_OFF,
    S.CLEARED,
    S.READY,
)
ENDS = (S.CLEARED, S.READY, S.CANCELLED, S.DIVERTED)


class Days:
    """Two teams, some incidents, and whatever is told of them."""

    def __init__(self) -> None:
        self.county = County(rules(clocks=ClockPolicy(desk_back_s=7_200)))
        self.teams = [self.county.team(sign, hours=12) for sign in ("Blue 1", "Blue 2")]
        self.incidents = [self.county.determined(screening=SAFE_SCENE) for _ in range(2)]
        self.runs: list[AssignmentId] = []
        self.believed = 0

    def tries(self, command: Command, **how: Any) -> dict[str, Any]:
        """Send it; only refusals of the domain may come back."""
        try:
            done = self.county.do(command, **how)
        except CrisisError:
            return {}
        self.believed += done.refusal is None
        return done.result

    def step(self, kind: int, which: int, ago: int, what: int) -> None:
        self.county.wait(30 + 60 * (what % 7))
        incident = self.incidents[which % len(self.incidents)]
        if not self.runs or kind == 0:
            return self._goes(incident, self.teams[what % 2])
        run = self.runs[-1 - which % min(len(self.runs), 3)]
        crew = {"by": on_team(self._of(run).team_id)}
        then: dict[str, Any] = {}
        if ago % 3:
            then = {"occurred_at": self.county.now - timedelta(seconds=37 * ago)}
        status = IN_ORDER[1:][what % 9]
        seen = EncounterInput(
            disposition="stabilized_safety_plan" if what % 2 else "not_found",
            contacted=bool(what % 2),
        )
        pair = self.county.a_team(self._of(run).team_id).crew
        sends: tuple[Callable[[], Any], ...] = (
            lambda: self.tries(ReportStatus(assignment_id=run, status=status), **crew, **then),
            lambda: self.tries(ReportStatus(assignment_id=run, status=S.ON_SCENE), **crew, **then),
            lambda: self.tries(
                ClearAssignment(
                    assignment_id=run, encounters=(seen,) * (what % 3), ready=bool(which % 2)
                ),
                **crew,
                **then,
            ),
            lambda: self.tries(CancelAssignment(assignment_id=run, reason="unsafe_scene"), **then),
            lambda: self.tries(
                DivertAssignment(assignment_id=run, reason="supervisor_order"), **then
            ),
            lambda: self.tries(
                CorrectMilestone(
                    assignment_id=run,
                    status=(*IN_ORDER, *ENDS)[what % 14],
                    instant=then.get("occurred_at") if what % 4 else None,
                    reason="wrong_time",
                ),
                by=LEAD,
            ),
            lambda: self.tries(SettleClaim(assignment_id=run, there=bool(what % 2))),
            lambda: self.tries(RecordEncounter(assignment_id=run, encounter=seen), **crew),
            lambda: self.tries(SwapCrew(assignment_id=run, crew=pair[: 1 + what % 2]), **then),
            lambda: self._ends(incident, what, then),
            lambda: self._joins(what),
        )
        sends[kind % len(sends)]()
        return None

    def _goes(self, incident: IncidentId, team: Any) -> None:
        offer = self.tries(OfferTeam(incident_id=incident, team_id=team, override_reason="safety"))
        if offer:
            done = self.tries(AcceptOffer(offer_id=offer["offer_id"]), by=on_team(team))
            self.runs += [AssignmentId(done["assignment_id"])] if done else []

    def _ends(self, incident: IncidentId, what: int, then: dict[str, Any]) -> None:
        commands = (
            CancelIncident(incident_id=incident, reason="resolved_by_ems"),
            CloseIncident(incident_id=incident),
            CloseIncident(incident_id=incident, outcome="unserved", reason="no_team_available"),
            ReopenIncident(incident_id=incident, reason="ended_in_error"),
        )
        self.tries(commands[what % 4], **then)

    def _joins(self, what: int) -> None:
        one, two = self.incidents
        if what % 2:
            self.tries(MergeIncident(incident_id=one, into=two))
        else:
            self.tries(SplitIncident(incident_id=two, other=one))

    def _of(self, run_id: AssignmentId) -> Assignment:
        found = [r for i in self.all() for r in i.assignments if r.id == run_id]
        return found[0]

    def all(self) -> Iterator[Incident]:
        return (self.county.incident(one) for one in self.incidents)


def as_reported(incident: Incident, now: datetime) -> Fate:
    """What the report makes of it, by the facts that the table of incidents holds."""
    reached = [r.milestones[S.ON_SCENE] for r in incident.assignments if S.ON_SCENE in r.milestones]
    response = Response(
        incident_id=incident.id,
        number=incident.number,
        area_class=None,
        standard_minutes=60,
        determined_at=incident.determined_at,
        due_at=incident.due_at,
        arrived_at=incident.first_on_scene_at,
        reached_at=min(reached, default=None),
        state=incident.state.value,
        outcome=incident.outcome,
        reason=incident.reason,
        ended_at=incident.ended_at,
        excluded_setting=False,
        entered_afterwards=False,
    )
    return fate_of(response, now)


def check_possible(run: Assignment) -> None:
    """Its instants are in order, and the clock stops within them."""
    said = [run.milestones[s] for s in IN_ORDER if s in run.milestones]
    assert all(one <= two for one, two in pairwise(said))
    left = [run.milestones[s] for s in ENDS if s in run.milestones]
    if run.qualified_at is not None:
        assert run.milestones[S.ON_SCENE] <= run.qualified_at
        assert run.qualified_at <= min(left, default=run.qualified_at)


def check_alone(runs: list[Assignment], now: datetime) -> None:
    """No team is at two scenes at one time."""
    spans = [
        (
            run.team_id,
            min(run.milestones[s] for s in ARRIVED if s in run.milestones),
            min((run.milestones[s] for s in ENDS if s in run.milestones), default=now),
        )
        for run in runs
        if run.moved_to is None and not ARRIVED.isdisjoint(run.milestones)
    ]
    for (team, since, until), (other, began, ended) in combinations(spans, 2):
        assert team != other or until <= began or ended <= since


def is_settled_for(run: Assignment, county: County) -> bool:
    """Whether the log bears the run's arrival out, read as a person would."""
    # What a claim that is denied says was never believed, so that it has nothing to take back.
    ended = arrived = met = stands = False
    for body in (one.body for one in county.log):
        if getattr(body, "assignment_id", None) != run.id:
            continue
        match body:
            case MilestoneCorrected(status=S.ON_SCENE):
                stands = body.instant is not None
            case AssignmentRestored():
                stands, ended = S.ON_SCENE in body.milestones, False
                arrived = not ARRIVED.isdisjoint(body.milestones)
            case StatusReported() if body.status in ARRIVED:
                may = not ended or met or arrived
                stands = stands or (may and body.status is S.ON_SCENE)
                arrived = arrived or may
            case StatusReported() if body.status in ENDS:
                ended = True
            case AssignmentCancelled() | AssignmentDiverted():
                ended, met = True, False
            case EncounterRecorded():
                met = met or body.contacted
    return stands


STEPS = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 5), st.integers(0, 60), st.integers(0, 41)),
    min_size=8,
    max_size=40,
)


@settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_report_counts_an_arrival_that_something_said_later_contradicts(
    steps: list[tuple[int, int, int, int]],
) -> None:
    days = Days()
    days.step(0, 0, 0, 0)
    for step in steps:
        days.step(*step)
        runs = [run for incident in days.all() for run in incident.assignments]
        for run in runs:
            check_possible(run)
        check_alone(runs, days.county.now)
        for incident in days.all():
            fate = as_reported(incident, days.county.now)
            event(fate.value)
            counted = [
                r for r in incident.assignments if r.qualified_at == incident.first_on_scene_at
            ]
            if fate in {Fate.ON_TIME, Fate.LATE}:
                assert any(is_settled_for(run, days.county) for run in counted)
