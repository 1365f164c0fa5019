"""What holds after any sequence of commands, lawful or not: the invariants of a board."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisis.board import Board, owed_index
from crisis.commands import (
    AcceptOffer,
    AcknowledgeDuress,
    AcknowledgeHazards,
    AcknowledgePartner,
    AddSlot,
    AmendIncident,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    CorrectMilestone,
    DeclineOffer,
    Determine,
    DivertAssignment,
    DropSlot,
    EncounterInput,
    EndShift,
    EnterAssignment,
    EscalateSlot,
    ExpireOffer,
    FlagIncident,
    HandOver,
    LeaveDesk,
    MergeIncident,
    OfferTeam,
    OpenIncident,
    PartnerDeclined,
    PartnerGone,
    PartnerOnScene,
    PlaceInput,
    RaiseDuress,
    RecordEncounter,
    RemindClaim,
    ReportStatus,
    RequestPartner,
    ResolveDuress,
    SetDuty,
    SettleClaim,
    SplitIncident,
    StartScreening,
    SwapCrew,
    WithdrawOffer,
)
from crisis.errors import CrisisError
from crisis.ids import (
    AssignmentId,
    IncidentId,
    OfferId,
    ResponderId,
    ShiftId,
    SlotNo,
    TeamId,
    UserId,
)
from crisis.incident.state import Incident, IncidentState
from crisis.policy import OfferPolicy
from crisis.roles import Actor
from crisis.run_status import ARRIVED, RUN, Status
from crisis.run_times import left_at
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import Acuity, Hazard
from dispatch.choose.seek import WakeUp
from dispatch.due import due, next_due
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    LEAD,
    OAKLAND,
    OTHER_DISPATCHER,
    SERVICE,
    SUPERVISOR,
    County,
    on_team,
    rules,
    uid,
)

NOBODY = uid("nobody")
REPORTED = sorted(set(RUN) - {Status.ACCEPTED} | {Status.STAGED})


PAPERS = {"by": SUPERVISOR, "source": Source.BACK_ENTRY, "reason": "system_outage"}

#: How often each kind of command is drawn, in the order of ``Chaos.command``.
WEIGHTS = (
    *(2, 1, 6, 2, 1, 1, 1, 1, 1, 2),  # incidents
    *(8, 4, 8, 3, 1, 1, 1, 2),  # offers
    *(10, 6, 2, 2, 3, 2, 1, 1, 2, 2, 3, 2, 1),  # runs
    *(2, 1, 1, 3, 4),  # teams
    *(2, 2, 1, 1, 1),  # partners, owners
)
DECK = [kind for kind, weight in enumerate(WEIGHTS) for _ in range(weight)]


class Chaos:
    """A county to which anything is sent, drawn from numbers."""

    def __init__(self, *, auto_offer: bool) -> None:
        self.county = County(rules(offers=OfferPolicy(auto_offer=auto_offer)))
        self.call_signs = ("Blue 1", "Blue 2", "Blue 3")
        self.teams = [self.county.team(sign, hours=2) for sign in self.call_signs]
        self.seen: dict[IncidentId, Incident] = {}
        self.incidents: list[IncidentId] = []
        self.refusals = 0

    def pick(self, things: list[Any], n: int) -> Any:
        return things[n % len(things)] if things else NOBODY

    @property
    def board(self) -> Board:
        return self.county.board

    def command(self, what: int, a: int, b: int) -> tuple[Command, dict[str, Any]]:
        """A command of the ``what``-th kind about the things that ``a`` and ``b`` pick."""
        open_now = list(self.board.incidents) or self.incidents
        incident: IncidentId = self.pick(open_now if a % 9 else self.incidents, a)
        team: TeamId = self.pick(self.teams, b)
        offer: OfferId = self.pick(self._offers(a), a)
        run: AssignmentId = self.pick(self._runs(a), a)
        by_team = {"by": on_team(self._team_of_run(run))}
        slot = SlotNo(b % 3 + 1)
        late = {"occurred_at": self.county.now - timedelta(seconds=b * 7)} if b % 3 == 0 else {}
        encounter = EncounterInput(
            disposition="stabilized_referral" if b % 2 else "not_found",
            contacted=bool(b % 2),
            note="seen" if b % 5 else None,
            has_plan_to_notify=None if b % 4 else False,
        )
        kinds: list[Callable[[], tuple[Command, dict[str, Any]]]] = [
            lambda: (OpenIncident(place=PlaceInput(point=OAKLAND)), {}),
            lambda: (StartScreening(incident_id=incident), {}),
            lambda: (
                Determine(
                    incident_id=incident,
                    decision="dispatch" if b % 7 else "no_dispatch",
                    reason="danger_to_self" if b % 7 else "resolved_by_phone",
                    acuity=list(Acuity)[b % 3],
                    slots=b % 2 + 1,
                ),
                {},
            ),
            lambda: (
                AmendIncident(incident_id=incident, hazards=(Hazard(code="animals"),) * (b % 2)),
                {},
            ),
            lambda: (AddSlot(incident_id=incident), {}),
            lambda: (DropSlot(incident_id=incident, slot=slot), {}),
            lambda: (CancelIncident(incident_id=incident, reason="caller_cancelled"), {}),
            lambda: (
                CloseIncident(
                    incident_id=incident,
                    outcome="responded" if b % 2 else "unserved",
                    reason=None if b % 2 else "no_team_available",
                ),
                {},
            ),
            lambda: (MergeIncident(incident_id=incident, into=self.pick(open_now, b)), {}),
            lambda: (
                SplitIncident(incident_id=incident, other=self.pick(self._absorbed(incident), b)),
                {},
            ),
            lambda: (
                OfferTeam(
                    incident_id=incident,
                    team_id=team,
                    override_reason="safety" if b % 4 == 0 else None,
                ),
                {},
            ),
            lambda: (OfferTeam(incident_id=incident, team_id=team), {"by": SERVICE}),
            lambda: (AcceptOffer(offer_id=offer), {"by": self._asked(offer), **late}),
            lambda: (AcceptOffer(offer_id=offer), {}),
            lambda: (DeclineOffer(offer_id=offer, reason="too_far"), {}),
            lambda: (WithdrawOffer(offer_id=offer), {}),
            lambda: (ExpireOffer(offer_id=offer), {"by": SERVICE}),
            lambda: (
                EscalateSlot(incident_id=incident, slot=slot, rung=b % 4 + 1),
                {"by": SERVICE},
            ),
            lambda: (self._report(run, b), {**by_team, **late}),
            lambda: (self._report(run, b), {**by_team, **late}),
            lambda: (self._report(run, b), {"by": on_team(team)}),
            lambda: (AcknowledgeHazards(assignment_id=run, version=b % 2 + 1), by_team),
            lambda: (
                ClearAssignment(assignment_id=run, encounters=(encounter,), ready=bool(b % 3)),
                {**by_team, **late},
            ),
            lambda: (RecordEncounter(assignment_id=run, encounter=encounter), by_team),
            lambda: (DivertAssignment(assignment_id=run, reason="duress"), {}),
            lambda: (
                CancelAssignment(
                    assignment_id=run, reason="unsafe_scene", still_needed=bool(b % 3)
                ),
                {},
            ),
            lambda: (
                CorrectMilestone(
                    assignment_id=run,
                    status=REPORTED[b % len(REPORTED)],
                    instant=None if b % 2 else self.county.now - timedelta(seconds=b),
                    reason="wrong_time",
                ),
                {"by": LEAD},
            ),
            lambda: (
                SwapCrew(assignment_id=run, crew=self._crew(self._team_of_run(run), b)),
                by_team,
            ),
            lambda: (self._entered(incident, team, b), PAPERS),
            lambda: (
                SettleClaim(assignment_id=self.pick(self._claimed(), a), there=b % 2 == 0),
                {},
            ),
            lambda: (
                RemindClaim(incident_id=incident, assignment_id=self.pick(self._claimed(), a)),
                {"by": SERVICE},
            ),
            lambda: (
                SetDuty(team_id=team, duty="available" if b % 2 else "unavailable", reason="break"),
                {},
            ),
            lambda: (EndShift(shift_id=self._shift(b)), {"by": SERVICE} if b % 2 else {}),
            lambda: (RaiseDuress(team_id=team), {"by": on_team(team)}),
            lambda: (
                AcknowledgeDuress(duress_id=self.pick(list(self.board.duress), b)),
                {},
            ),
            lambda: (
                ResolveDuress(duress_id=self.pick(list(self.board.duress), b), reason="safe"),
                {},
            ),
            lambda: (
                RequestPartner(
                    incident_id=incident, kind="ems", reason="medical", handoff=bool(b % 2)
                ),
                {},
            ),
            lambda: (self._partner(incident, b), {}),
            lambda: (LeaveDesk(), {"by": DISPATCHER if b % 2 else OTHER_DISPATCHER}),
            lambda: (
                HandOver(incident_id=incident, to=UserId(uid("other dispatcher"))),
                {},
            ),
            lambda: (
                FlagIncident(incident_id=incident, flag="unassigned", about="0"),
                {"by": SERVICE},
            ),
        ]
        assert len(kinds) == len(WEIGHTS)
        return kinds[DECK[what % len(DECK)]]()

    def _entered(self, incident: IncidentId, team: TeamId, n: int) -> EnterAssignment:
        """A run that was over some time ago."""
        ended_at = self.county.now - timedelta(seconds=n % 40)
        return EnterAssignment(
            incident_id=incident,
            team_id=team,
            accepted_at=ended_at - timedelta(seconds=n % 7),
            on_scene_at=ended_at if n % 3 else None,
            cleared_at=ended_at if n % 4 else None,
            cancelled_at=None if n % 4 else ended_at,
            cancel_reason=None if n % 4 else "team_vehicle",
        )

    def _partner(self, incident: IncidentId, n: int) -> Command:
        held = self.board.incidents.get(incident)
        asked = [p.id for p in held.partners] if held is not None else []
        about: dict[str, Any] = {"incident_id": incident, "partner_id": self.pick(asked, n)}
        steps = (
            AcknowledgePartner(agency="911", **about),
            PartnerOnScene(**about),
            PartnerGone(outcome="transported", **about),
            PartnerDeclined(reason="busy" if n % 3 else "not_needed", **about),
        )
        return steps[n % len(steps)]

    def _absorbed(self, incident: IncidentId) -> list[IncidentId]:
        held = self.board.incidents.get(incident)
        return list(held.absorbed) if held is not None else []

    def _asked(self, offer: OfferId) -> Actor:
        """Somebody of the team that was asked, or of another."""
        asked = [t.id for t in self.board.teams.values() if t.offer and t.offer[1] == offer]
        return on_team(self.pick(asked or self.teams, 0))

    def _offers(self, n: int) -> list[OfferId]:
        """Mostly those that wait for an answer."""
        waiting = [team.offer[1] for team in self.board.teams.values() if team.offer]
        return waiting if waiting and n % 8 else list(self.board.offers)

    def _runs(self, n: int) -> list[AssignmentId]:
        """Mostly those that go on."""
        going = [team.run[1] for team in self.board.teams.values() if team.run]
        return going if going and n % 8 else list(self.board.runs)

    def _claimed(self) -> list[AssignmentId]:
        return list(_held(self.board))

    def _report(self, run: AssignmentId, n: int) -> ReportStatus:
        return ReportStatus(
            assignment_id=run,
            status=REPORTED[n % len(REPORTED)],
            staging_reason="violence",
            cleared_scene_by="law_enforcement" if n % 2 else None,
            briefed_by="dispatcher" if n % 2 else None,
        )

    def _crew(self, team: TeamId, n: int) -> tuple[CrewMember, ...]:
        sign = next((s for s in self.call_signs if uid(f"team {s}") == team), "Blue 1")
        members = (f"{sign} clinician", f"{sign} peer")[: n % 2 + 1]
        return tuple(
            CrewMember(responder_id=ResponderId(uid(name)), carries_naloxone=True)
            for name in members
        )

    def _shift(self, n: int) -> ShiftId:
        return ShiftId(uid(f"shift {self.call_signs[n % 3]}"))

    def _team_of_run(self, run: AssignmentId) -> TeamId:
        incident = self.board.incidents.get(self.board.runs.get(run, IncidentId(NOBODY)))
        found = incident.assignment(run) if incident is not None else None
        return found.team_id if found is not None else self.teams[0]

    def send(self, what: int, a: int, b: int) -> None:
        """Send one command; only the domain's own refusals may come back."""
        self.county.wait(a % 50)
        command, how = self.command(what, a, b)
        try:
            decision = self.county.do(command, **how)
        except CrisisError:
            self.refusals += 1
            return
        if isinstance(command, OpenIncident):
            self.incidents.append(IncidentId(decision.result["incident_id"]))


Steps = st.lists(
    st.tuples(st.integers(0, len(DECK) - 1), st.integers(0, 400), st.integers(0, 400)),
    min_size=10,
    max_size=70,
)


def _held(board: Board) -> dict[AssignmentId, TeamId]:
    return {h.assignment_id: h.team_id for i in board.incidents.values() for h in i.holds}


def check_claims(chaos: Chaos) -> None:
    """A crew that reports being there is known to its team, and held for until a due instant."""
    board = chaos.board
    known = {run: team.id for team in board.teams.values() for run in team.claims}
    assert known == _held(board)
    for one in due(board, chaos.county.now, chaos.county.rules):
        assert not isinstance(one, WakeUp) or not board.incidents[one.incident_id].holds
    untils = [hold.until for i in board.incidents.values() for hold in i.holds]
    if untils:
        at = next_due(board, chaos.county.rules)
        assert at is not None and at <= min(untils)


def states(chaos: Chaos) -> Iterator[Incident]:
    for incident_id in chaos.incidents:
        yield chaos.county.incident(incident_id)


def check_teams(board: Board) -> None:
    """A team has at most one pending offer and one open run, and knows which."""
    pending: dict[TeamId, list[tuple[IncidentId, OfferId]]] = {}
    running: dict[TeamId, list[tuple[IncidentId, AssignmentId]]] = {}
    for incident in board.incidents.values():
        for offer in incident.offers:
            if offer.is_pending:
                pending.setdefault(offer.team_id, []).append((incident.id, offer.id))
        for run in incident.open_runs:
            running.setdefault(run.team_id, []).append((incident.id, run.id))
    for team in board.teams.values():
        assert pending.get(team.id, []) == ([team.offer] if team.offer else [])
        assert running.get(team.id, []) == ([team.run] if team.run else [])


def check_slots(incident: Incident) -> None:
    """A slot has at most one run that meets it, and no pending offer beside that."""
    for slot in incident.slots:
        runs = [r for r in incident.assignments if r.slot == slot.no and r.meets_need]
        assert len(runs) <= 1
        if runs or slot.dropped is not None:
            assert not incident.slot_offers(slot.no)
    if incident.is_settled:
        assert not any(offer.is_pending for offer in incident.offers)
        assert all(run.state is Status.CLEARED for run in incident.open_runs)


def check_times(incident: Incident) -> None:
    """No team arrives before it accepted or after it left, and no clock stops then either."""
    for run in incident.assignments:
        accepted_at, gone_at = run.milestones[Status.ACCEPTED], left_at(run)
        stops = [run.qualified_at] if run.qualified_at is not None else []
        for at in (*(run.milestones[s] for s in ARRIVED if s in run.milestones), *stops):
            assert accepted_at <= at
            assert gone_at is None or at <= gone_at
            assert incident.own_determined_at is None or incident.own_determined_at <= at


def check_forward(before: Incident, after: Incident) -> None:
    """No clock starts anew and no run goes back, but to stand aside."""
    merging = len(after.absorbed) != len(before.absorbed)
    if before.determined_at is not None and not merging:
        assert (after.determined_at, after.due_at) == (before.determined_at, before.due_at)
    if len(after.absorbed) > len(before.absorbed) and before.determined_at is not None:
        assert after.determined_at is not None
        assert after.determined_at <= before.determined_at
    for run in after.assignments:
        was = before.assignment(run.id)
        if was is None or was.state is run.state:
            continue
        restored = any(hold.assignment_id == run.id for hold in before.holds)
        assert was.is_open or restored, "a run that is over stays over, unless its crew is there"
        if run.state in RUN and was.state in RUN and not restored:
            assert RUN.index(run.state) > RUN.index(was.state)


def check_board(chaos: Chaos, before: dict[IncidentId, Incident]) -> None:
    board = chaos.board
    check_teams(board)
    check_claims(chaos)
    assert {o: i.id for i in board.incidents.values() for o in (x.id for x in i.offers)} == (
        board.offers
    )
    assert {a: i.id for i in board.incidents.values() for a in (x.id for x in i.assignments)} == (
        board.runs
    )
    for incident in board.incidents.values():
        check_slots(incident)
        check_times(incident)
        if incident.id in before:
            check_forward(before[incident.id], incident)
    for obligation in board.obligations.values():
        assert obligation.is_open
    index = owed_index(board.obligations.values())
    assert {i: set(o) for i, o in board.owed.items()} == {i: set(o) for i, o in index.items()}


@pytest.mark.parametrize("auto_offer", [False, True])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=Steps)
def test_any_sequence_of_commands_keeps_the_invariants(
    auto_offer: bool, steps: list[tuple[int, int, int]]
) -> None:
    chaos = Chaos(auto_offer=auto_offer)
    chaos.send(0, 0, 0)
    chaos.send(DECK.index(2), 0, 1)
    assert chaos.refusals == 0, "the sequence begins with an incident that needs a team"
    for what, a, b in steps:
        before = chaos.board.incidents
        chaos.send(what, a, b)
        check_board(chaos, before)
    counted = [incident.state for incident in states(chaos)]
    opened = [s for s in counted if s in OPEN_STATES]
    assert len(counted) == len(opened) + sum(
        counted.count(s)
        for s in (IncidentState.CLOSED, IncidentState.CANCELLED, IncidentState.MERGED)
    )
    for incident in states(chaos):
        if not incident.is_settled:
            assert incident.id in chaos.board.incidents, "an open incident never leaves the board"
        if incident.lacks_handoff or any(partner.is_open for partner in incident.partners):
            assert incident.id in chaos.board.incidents, "nor does one that a partner has not taken"


OPEN_STATES = (IncidentState.RECEIVED, IncidentState.SCREENING, IncidentState.DETERMINED)
