"""A crew that is already there is never hidden: each end of a run × each late report × each state.

The desk ends a run while the crew's phone is away; then the crew's reports arrive. Whatever ended
it and whatever became of the incident: the desk is told at once, nobody is asked before a person
has said what is so, and the crew is told that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from crisis.assignment import Status
from crisis.commands import (
    AcceptOffer,
    AddNote,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    CorrectMilestone,
    DivertAssignment,
    EncounterInput,
    EndShift,
    MergeIncident,
    OfferTeam,
    RecordEncounter,
    RemindClaim,
    ReportStatus,
    SettleClaim,
    SplitIncident,
    WithdrawOffer,
)
from crisis.ids import AssignmentId, IncidentId
from crisis.incident.state import Incident, IncidentState
from crisis.obligation import ObligationKind
from crisis.policy import OfferPolicy
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.team import Duty
from crisis.triage import Acuity, Clinical
from dispatch.choose.seek import Seeker, WakeUp
from dispatch.decide import decide
from dispatch.due import TimerCommand, due, next_due
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    SERVICE,
    County,
    changed,
    envelope,
    on_team,
    person,
    rules,
    uid,
)

S = Status


class Story:
    """A run to an incident, ended by the desk while its crew is away."""

    def __init__(self, end: str, *, slots: int = 1) -> None:
        self.county = County(rules(offers=OfferPolicy(auto_offer=True)))
        self.team = self.county.team("Blue 1")
        self.other = self.county.team("Blue 2")
        self.incident = self.county.determined(slots=slots)
        self.run = self.county.running(self.incident, self.team)
        self.says(S.EN_ROUTE, after_s=60)
        self.county.wait(240)
        ENDS[end](self)
        self.ended_at = self.county.now

    def says(self, status: Status, *, after_s: float = 60, **how: Any) -> dict[str, Any]:
        """A report of the crew, ``after_s`` from now on."""
        self.county.wait(after_s)
        how.setdefault("by", self.crew)
        return self.county.do(ReportStatus(assignment_id=self.run, status=status), **how).result

    @property
    def crew(self) -> Actor:
        """One of the crew, whose shift may have been ended."""
        on = self.county.a_team(self.team).duty is not Duty.OFF_SHIFT
        return Actor(
            user_id=on_team(self.team).user_id,
            roles=frozenset({Role.RESPONDER}),
            team_id=self.team if on else None,
            responder_id=uid("Blue 1 clinician"),  # type: ignore[arg-type]
        )

    @property
    def holder(self) -> Incident:
        """The incident whose search is at stake; it must be on the board."""
        found = [one for one in self.county.board.incidents.values() if one.holds]
        assert len(found) == 1, "no search is held"
        return found[0]

    def settle(self, *, there: bool) -> dict[str, Any]:
        """The dispatcher says what is so."""
        return self.county.do(SettleClaim(assignment_id=self.run, there=there)).result


def _cancel_run(s: Story) -> None:
    s.county.do(CancelAssignment(assignment_id=s.run, reason="team_vehicle"))


def _cancel_run_for_good(s: Story) -> None:
    s.county.do(
        CancelAssignment(assignment_id=s.run, reason="caller_cancelled", still_needed=False)
    )


def _divert(s: Story) -> None:
    s.county.do(DivertAssignment(assignment_id=s.run, reason="supervisor_order"))


def _divert_elsewhere(s: Story) -> None:
    more_pressing = s.county.determined(Acuity.EMERGENT)
    s.county.do(
        DivertAssignment(assignment_id=s.run, reason="higher_class", to_incident=more_pressing)
    )


def _end_shift(s: Story) -> None:
    _cancel_run(s)
    shift_id = s.county.a_team(s.team).shift_id
    assert shift_id is not None
    s.county.do(EndShift(shift_id=shift_id))


def _cancel_incident(s: Story) -> None:
    s.county.do(CancelIncident(incident_id=s.incident, reason="caller_cancelled"))


def _close_unserved(s: Story) -> None:
    _cancel_run(s)
    s.county.do(
        CloseIncident(incident_id=s.incident, outcome="unserved", reason="no_team_available")
    )


def _merge(s: Story) -> None:
    _cancel_run(s)
    into = s.county.determined()
    s.county.do(MergeIncident(incident_id=s.incident, into=into))


def _merge_and_close(s: Story) -> None:
    _merge(s)
    into = s.county.incident(s.incident).merged_into
    assert into is not None
    s.county.do(CancelIncident(incident_id=into, reason="caller_cancelled"))


ENDS: dict[str, Callable[[Story], None]] = {
    "run called off": _cancel_run,
    "run called off, nobody needed": _cancel_run_for_good,
    "diverted": _divert,
    "diverted to another": _divert_elsewhere,
    "called off, shift ended": _end_shift,
    "incident cancelled": _cancel_incident,
    "closed unserved": _close_unserved,
    "merged": _merge,
    "merged into what was closed": _merge_and_close,
}


def _report(status: Status) -> Callable[[Story], Command]:
    return lambda s: ReportStatus(assignment_id=s.run, status=status)


def _clear(s: Story) -> Command:
    return ClearAssignment(assignment_id=s.run)


def _encounter(s: Story) -> Command:
    given = EncounterInput(disposition="stabilized_safety_plan")
    return RecordEncounter(assignment_id=s.run, encounter=given)


REPORTS: dict[str, Callable[[Story], Command]] = {
    "on scene": _report(S.ON_SCENE),
    "contact": _report(S.CONTACT),
    "assessed": _report(S.ASSESSED),
    "transporting": _report(S.TRANSPORTING),
    "encounter": _encounter,
    "clear": _clear,
}


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("end", ENDS)
def test_whatever_ended_the_run_and_whatever_the_crew_reports_the_desk_hears_it_at_once(
    end: str, report: str
) -> None:
    s = Story(end)
    s.county.wait(300)
    done = s.county.do(REPORTS[report](s), by=s.crew)
    assert ("role:dispatcher", "crew_reports_there") in s.county.told()
    owner = s.holder.owner
    assert owner is None or (f"user:{owner}", "crew_reports_there") in s.county.told()
    assert next(n.urgency for n in done.notices if n.template == "crew_reports_there") == "now"
    (hold,) = s.holder.holds
    assert (hold.assignment_id, hold.team_id) == (s.run, s.team)


@pytest.mark.parametrize("before_the_end", [True, False])
@pytest.mark.parametrize("end", ENDS)
def test_nobody_is_asked_before_a_person_has_said_what_is_so(
    end: str, before_the_end: bool
) -> None:
    s = Story(end)
    said_at = s.ended_at - timedelta(seconds=30) if before_the_end else None
    s.says(S.ON_SCENE, after_s=120, occurred_at=said_at)
    held = s.holder
    for one in due(s.county.board, s.county.now, s.county.rules):
        assert not isinstance(one, WakeUp) or one.incident_id != held.id
    for team in (s.team, s.other):
        offer = OfferTeam(incident_id=held.id, team_id=team)
        for by in (DISPATCHER, SERVICE):
            code = "claim_open" if held.state is IncidentState.DETERMINED else "not_determined"
            s.county.refused(code, offer, by=by)
    # Nor is the crew asked to go anywhere else.
    another = s.county.determined()
    reasons = s.county.refused("team_not_eligible", OfferTeam(incident_id=another, team_id=s.team))
    codes = {reason["code"] for reason in cast("list[dict[str, str]]", reasons.facts["reasons"])}
    assert codes & {"busy_run", "off_shift"}


def test_a_person_may_ask_another_team_all_the_same_and_says_why() -> None:
    s = Story("run called off")
    s.says(S.ON_SCENE)
    command = OfferTeam(incident_id=s.incident, team_id=s.other, override_reason="safety")
    assert s.county.do(command).refusal is None


def test_an_offer_that_is_pending_stays_and_may_be_answered() -> None:
    s = Story("run called off")
    offer_id = s.county.offered(s.incident, s.other)
    s.says(S.ON_SCENE)
    assert s.county.incident(s.incident).offer(offer_id).is_pending  # type: ignore[union-attr]
    s.county.do(WithdrawOffer(offer_id=offer_id))
    s.county.refused("claim_open", OfferTeam(incident_id=s.incident, team_id=s.other))


@pytest.mark.parametrize("end", ENDS)
def test_they_are_there_restores_the_run_with_the_crews_own_times(end: str) -> None:
    s = Story(end)
    s.says(S.ON_SCENE, after_s=300)
    arrived_at = s.county.now
    s.says(S.CONTACT, after_s=120)
    s.county.wait(30)
    done = s.settle(there=True)
    incident = s.county.board.incidents[IncidentId(done["incident_id"])]
    run = incident.assignment(AssignmentId(done["assignment_id"]))
    assert run is not None and run.state is S.CONTACT and run.is_open
    assert run.milestones[S.ON_SCENE] == arrived_at
    assert incident.state is IncidentState.DETERMINED
    assert incident.first_on_scene_at == arrived_at == done["first_on_scene_at"]
    assert incident.holds == () and incident.waiting_slots() == []
    team = s.county.a_team(s.team)
    assert team.run == (incident.id, run.id) and team.claims == ()
    assert team.duty is not Duty.OFF_SHIFT
    assert (f"team:{s.team}", "run_restored") in s.county.told()
    checks = [o for o in s.county.board.owed_for(incident.id) if o.kind is ObligationKind.CHECK_IN]
    assert [o.assignment_id for o in checks if o.is_open] == [run.id]


@pytest.mark.parametrize("end", ENDS)
def test_what_the_crew_reports_after_that_goes_on_with_the_run(end: str) -> None:
    s = Story(end)
    s.says(S.ON_SCENE, after_s=300)
    done = s.settle(there=True)
    s.says(S.CONTACT)
    s.county.wait(600)
    given = EncounterInput(disposition="stabilized_safety_plan")
    command = ClearAssignment(assignment_id=s.run, encounters=(given,))
    cleared = s.county.do(command, by=s.crew)
    assert cleared.refusal is None and cleared.result["state"] is S.READY
    assert cleared.result["assignment_id"] == done["assignment_id"]
    assert not [one for one in s.county.board.incidents.values() if one.holds]
    closing = CloseIncident(incident_id=IncidentId(done["incident_id"]))
    assert s.county.do(closing).refusal is None


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_was_done_when_the_desk_heard_of_it_counts_as_served(end: str) -> None:
    s = Story(end)
    for status in (S.ON_SCENE, S.CONTACT):
        s.says(status)
    given = EncounterInput(disposition="stabilized_safety_plan")
    s.county.wait(900)
    s.county.do(ClearAssignment(assignment_id=s.run, encounters=(given,)), by=s.crew)
    done = s.settle(there=True)
    incident = s.county.board.incidents[IncidentId(done["incident_id"])]
    run = incident.assignment(AssignmentId(done["assignment_id"]))
    assert run is not None and run.state is S.READY and run.meets_need
    assert done["proposes_close"] is True
    assert s.county.a_team(s.team).run is None
    assert s.county.do(CloseIncident(incident_id=incident.id)).refusal is None


@pytest.mark.parametrize("end", ENDS)
def test_they_are_not_there_lets_the_search_go_on_and_tells_the_crew(end: str) -> None:
    s = Story(end)
    was = s.county.incident(s.incident)
    s.says(S.ON_SCENE, after_s=300)
    held = s.holder
    done = s.settle(there=False)
    assert (f"team:{s.team}", "claim_denied") in s.county.told()
    after = s.county.incident(s.incident)
    run = after.assignment(s.run)
    assert run is not None and not run.meets_need and run.claimed == {}
    assert S.ON_SCENE not in run.milestones and run.disputed >= 1
    assert after.first_on_scene_at is None
    assert done["archived"] is (held.state is not IncidentState.DETERMINED)
    assert (held.id in s.county.board.incidents) is (held.state is IncidentState.DETERMINED)
    assert s.county.incident(s.incident).state is was.state
    if s.county.incident(held.id).waiting_slots():
        woken = due(s.county.board, s.county.now, s.county.rules)
        assert [one.incident_id for one in woken if isinstance(one, WakeUp)].count(held.id) == 1


@pytest.mark.parametrize("end", ENDS)
def test_unsettled_it_is_told_again_and_again_and_higher_each_time(end: str) -> None:
    s = Story(end)
    s.says(S.ON_SCENE)
    seen: list[set[str]] = []
    for _ in range(3):
        held = s.holder
        (hold,) = held.holds
        at = next_due(s.county.board, s.county.rules)
        assert at is not None and at <= hold.until
        s.county.wait((hold.until - s.county.now).total_seconds())
        timers = due(s.county.board, s.county.now, s.county.rules)
        (one,) = [
            t.envelope.command
            for t in timers
            if isinstance(t, TimerCommand) and isinstance(t.envelope.command, RemindClaim)
        ]
        s.county.do(one, by=SERVICE)
        seen.append({to for to, what in s.county.told() if what == "crew_there_unsettled"})
    assert {"role:dispatcher", "role:supervisor"} <= seen[0]
    assert all("role:on_call" in to for to in seen[1:])
    assert s.holder.holds[0].since < s.holder.holds[0].until


def test_a_reminder_before_its_time_or_after_the_settling_is_refused() -> None:
    s = Story("run called off")
    s.says(S.ON_SCENE)
    command = RemindClaim(incident_id=s.incident, assignment_id=s.run)
    s.county.refused("not_due", command, by=SERVICE)
    s.settle(there=False)
    s.county.wait(600)
    s.county.refused("not_due", command, by=SERVICE)
    s.county.refused("nothing_to_settle", SettleClaim(assignment_id=s.run, there=True))


def test_denied_and_reported_again_is_told_again() -> None:
    s = Story("run called off")
    s.says(S.ON_SCENE)
    s.settle(there=False)
    s.says(S.CONTACT)
    assert ("role:dispatcher", "crew_reports_there") in s.county.told()
    assert s.holder.holds[0].status is S.CONTACT


def test_of_what_follows_only_the_board_is_told() -> None:
    s = Story("run called off")
    s.says(S.ON_SCENE)
    s.says(S.CONTACT)
    assert {what for _, what in s.county.told()} == {"report_disputed"}
    assert s.holder.holds[0].status is S.CONTACT


def test_a_crew_that_still_goes_there_is_told_of_and_nothing_is_held() -> None:
    s = Story("run called off")
    s.says(S.STAGED)
    assert ("role:dispatcher", "crew_goes_on") in s.county.told()
    assert s.county.incident(s.incident).holds == ()


def test_a_known_arrival_before_the_end_tells_nothing_new() -> None:
    s = Story.__new__(Story)
    s.county = County()
    s.team = s.county.team("Blue 1")
    s.incident = s.county.determined()
    s.run = s.county.running(s.incident, s.team)
    s.says(S.ON_SCENE)
    s.county.wait(60)
    _cancel_run(s)
    s.says(S.CONTACT, occurred_at=s.county.now - timedelta(seconds=30))
    assert s.county.incident(s.incident).holds == ()
    s.says(S.ASSESSED)
    assert s.holder.holds[0].status is S.ASSESSED


def test_a_crew_that_was_taken_for_cleared_and_is_still_there_is_not_asked_elsewhere() -> None:
    s = Story.__new__(Story)
    s.county = County()
    s.team = s.county.team("Blue 1")
    s.incident = s.county.determined()
    s.run = s.county.running(s.incident, s.team)
    s.says(S.ON_SCENE)
    s.county.wait(60)
    voice: dict[str, Any] = {"by": DISPATCHER, "source": Source.DESK_BY_VOICE}
    s.county.do(ClearAssignment(assignment_id=s.run, said_by="team"), **voice)
    s.says(S.CONTACT, after_s=300)
    assert ("role:dispatcher", "crew_reports_there") in s.county.told()
    assert not s.county.a_team(s.team).is_free
    s.settle(there=True)
    run = s.county.incident(s.incident).assignment(s.run)
    assert run is not None and run.state is S.CONTACT
    assert S.CLEARED not in run.milestones and S.READY not in run.milestones
    assert s.county.a_team(s.team).run == (s.incident, s.run)


@pytest.mark.parametrize("odd", [timedelta(days=-20_000), timedelta(days=300)])
def test_a_report_with_an_impossible_time_is_disputed_and_held_all_the_same(
    odd: timedelta,
) -> None:
    s = Story("incident cancelled")
    s.county.wait(60)
    report = ReportStatus(assignment_id=s.run, status=S.ON_SCENE)
    s.county.refused("disputed", report, by=s.crew, occurred_at=s.county.now + odd)
    assert ("role:dispatcher", "crew_reports_there") in s.county.told()
    done = s.settle(there=True)
    assert done["first_on_scene_at"] == s.county.now


def test_what_is_held_can_neither_be_ended_nor_merged_nor_split_past_the_crew() -> None:
    s = Story("merged")
    s.says(S.ON_SCENE)
    held = s.holder
    other = s.county.determined()
    for command in (
        CancelIncident(incident_id=held.id, reason="caller_cancelled"),
        CloseIncident(incident_id=held.id, outcome="unserved", reason="no_team_available"),
        MergeIncident(incident_id=held.id, into=other),
        SplitIncident(incident_id=held.id, other=s.incident),
    ):
        s.county.refused("claim_open", command)


def test_another_team_on_the_way_meanwhile_stays_and_the_desk_is_warned() -> None:
    s = Story("run called off")
    second = s.county.running(s.incident, s.other)
    s.says(S.ON_SCENE)
    done = s.settle(there=True)
    assert [w["code"] for w in done["warnings"]] == ["others_on_it"]
    incident = s.county.incident(s.incident)
    assert {run.id for run in incident.open_runs} == {s.run, second}
    assert len({run.slot for run in incident.open_runs}) == 2


def test_an_offer_of_the_slot_is_taken_back_when_the_crew_is_there() -> None:
    s = Story("run called off")
    offer_id = s.county.offered(s.incident, s.other)
    s.says(S.ON_SCENE)
    s.settle(there=True)
    offer = s.county.incident(s.incident).offer(offer_id)
    assert offer is not None and not offer.is_pending
    assert (f"team:{s.other}", "offer_withdrawn") in s.county.told()


def test_a_crew_asked_elsewhere_meanwhile_is_freed_of_the_question() -> None:
    s = Story("diverted to another")
    (elsewhere,) = [i for i in s.county.board.incidents.values() if i.acuity is Acuity.EMERGENT]
    offer_id = s.county.offered(elsewhere.id, s.team)
    s.says(S.ON_SCENE)
    s.settle(there=True)
    offer = s.county.incident(elsewhere.id).offer(offer_id)
    assert offer is not None and not offer.is_pending


def test_a_team_on_another_run_is_not_restored_before_that_is_called_off() -> None:
    s = Story("diverted to another")
    (elsewhere,) = [i for i in s.county.board.incidents.values() if i.acuity is Acuity.EMERGENT]
    s.county.running(elsewhere.id, s.team)
    s.says(S.ON_SCENE)
    refusal = s.county.refused("team_on_another_run", SettleClaim(assignment_id=s.run, there=True))
    assert refusal.facts["number"] == elsewhere.number
    assert s.holder.id == s.incident


def test_a_crew_whose_shift_was_ended_keeps_its_run_and_may_write_down_what_it_did() -> None:
    s = Story("called off, shift ended")
    note = AddNote(incident_id=s.incident, text="we are there")
    assert s.county.do(note, by=s.crew).refusal is None
    stranger = person("stranger", Role.RESPONDER)
    report = ReportStatus(assignment_id=s.run, status=S.ON_SCENE)
    s.county.refused("disputed", report, by=stranger)
    assert not [one for one in s.county.board.incidents.values() if one.holds]


def test_only_the_desk_settles() -> None:
    s = Story("run called off")
    s.says(S.ON_SCENE)
    s.county.refused("role", SettleClaim(assignment_id=s.run, there=True), by=s.crew)


def test_the_overtime_of_a_restored_crew_ends_with_its_run() -> None:
    s = Story("called off, shift ended")
    s.says(S.ON_SCENE)
    s.settle(there=True)
    assert s.county.a_team(s.team).duty is Duty.ENDING
    s.county.do(ClearAssignment(assignment_id=s.run), by=s.crew)
    assert s.county.a_team(s.team).duty is Duty.OFF_SHIFT


def test_an_acceptance_that_was_given_in_time_and_came_too_late_is_told_to_the_desk() -> None:
    county = County()
    team = county.team()
    incident = county.determined()
    offer_id = county.offered(incident, team)
    county.wait(20)
    pressed_at: datetime = county.now
    county.wait(20)
    county.do(WithdrawOffer(offer_id=offer_id))
    county.wait(60)
    late = AcceptOffer(offer_id=offer_id)
    county.refused("offer_closed", late, by=on_team(team), occurred_at=pressed_at)
    assert county.told() == [("role:dispatcher", "accepted_too_late")]
    before = county.last
    county.refused("offer_closed", late, by=on_team(team))
    assert county.last is before


def test_a_held_slot_reserves_no_team_for_itself() -> None:
    s = Story("run called off")
    s.says(S.ON_SCENE)
    another = s.county.determined()
    seeker = Seeker(lambda _: {})
    found = seeker.recommend(s.county.board, s.county.rules, another, now=s.county.now)
    assert found.candidates[0].team_id == s.other
    assert found.candidates[0].reasons == ()


def test_of_an_erased_incident_the_desk_is_told_and_nothing_comes_back() -> None:
    s = Story("incident cancelled")
    gone = changed(s.county.gone(s.incident), clinical=Clinical(erased=True))
    board = s.county.board.holding("incidents", gone)
    env = envelope(ReportStatus(assignment_id=s.run, status=S.ON_SCENE), by=s.crew, number="late")
    done = decide(board, env, s.county.wait(60), s.county.rules, frozenset({gone.id}))
    assert ("role:dispatcher", "crew_reports_there") in {(n.to, n.template) for n in done.notices}
    assert [type(event.body).__name__ for event in done.events] == ["ReportDisputed"]


@pytest.mark.parametrize("first_there", [True, False])
@pytest.mark.parametrize("second_there", [True, False])
def test_of_two_crews_that_claim_to_be_there_each_is_settled_by_itself(
    first_there: bool, second_there: bool
) -> None:
    s = Story("run called off")
    second = s.county.running(s.incident, s.other)
    s.county.do(CancelAssignment(assignment_id=second, reason="team_vehicle"))
    s.says(S.ON_SCENE)
    arrived_at = s.county.now
    s.county.wait(60)
    s.county.do(ReportStatus(assignment_id=second, status=S.ON_SCENE), by=on_team(s.other))
    later = s.county.now
    assert len(s.holder.holds) == 2
    s.settle(there=first_there)
    assert [hold.assignment_id for hold in s.holder.holds] == [second]
    s.county.refused("claim_open", CancelIncident(incident_id=s.incident, reason="duplicate"))
    s.county.do(SettleClaim(assignment_id=second, there=second_there))
    after = s.county.incident(s.incident)
    assert after.holds == ()
    there = [s.run] * first_there + [second] * second_there
    assert [run.id for run in after.open_runs] == there
    assert len({run.slot for run in after.open_runs}) == len(there)
    first = arrived_at if first_there else later if second_there else None
    assert after.first_on_scene_at == first


@pytest.mark.parametrize("there", [True, False])
def test_of_what_another_team_served_and_closed_the_first_arrival_stays_until_it_is_settled(
    there: bool,
) -> None:
    s = Story("run called off")
    second = s.county.running(s.incident, s.other)
    s.county.wait(600)
    s.county.do(ReportStatus(assignment_id=second, status=S.ON_SCENE), by=on_team(s.other))
    clear = ClearAssignment(assignment_id=second, ready=True)
    s.county.do(clear, by=on_team(s.other))
    s.county.do(CloseIncident(incident_id=s.incident))
    assert s.incident not in s.county.board.incidents
    served_at = s.county.incident(s.incident).first_on_scene_at
    before_the_end = s.ended_at - timedelta(seconds=30)
    s.says(S.ON_SCENE, occurred_at=before_the_end)
    assert s.holder.first_on_scene_at == served_at
    s.settle(there=there)
    assert s.county.incident(s.incident).first_on_scene_at == (
        before_the_end if there else served_at
    )


def test_a_crew_that_was_at_another_scene_then_is_not_taken_to_have_been_at_both() -> None:
    s = Story("diverted to another")
    (elsewhere,) = [i for i in s.county.board.incidents.values() if i.acuity is Acuity.EMERGENT]
    run = s.county.running(elsewhere.id, s.team)
    s.says(S.ON_SCENE, occurred_at=s.ended_at - timedelta(seconds=30))
    s.county.wait(300)
    s.county.do(ReportStatus(assignment_id=run, status=S.ON_SCENE), by=on_team(s.team))
    s.county.wait(300)
    met = (EncounterInput(disposition="stabilized_safety_plan"),)
    clear = ClearAssignment(assignment_id=run, encounters=met, ready=True)
    s.county.do(clear, by=on_team(s.team))
    there = SettleClaim(assignment_id=s.run, there=True)
    refusal = s.county.refused("team_was_on_a_run", there)
    assert refusal.facts["number"] == elsewhere.number
    # They were there, and went on: the time is set, and the run stays over.
    s.settle(there=False)
    right = CorrectMilestone(
        assignment_id=s.run,
        status=S.ON_SCENE,
        instant=s.ended_at - timedelta(seconds=30),
        reason="late_information",
    )
    done = s.county.do(right, by=person("lead", Role.LEAD))
    assert done.result["first_on_scene_at"] == right.instant
