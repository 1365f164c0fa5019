"""Crews on a run: judged as they stood then, however late and by whatever clock it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.assignment import Assignment, Status
from crisis.commands import (
    AddSubject,
    ClearAssignment,
    CompleteObligation,
    CorrectMilestone,
    EncounterInput,
    RecordAttempt,
    RecordEncounter,
    ReportStatus,
    RequestPartner,
    SwapCrew,
)
from crisis.ids import AssignmentId, EncounterId, IncidentId, TeamId
from crisis.obligation import ObligationKind
from crisis.team import CrewMember
from tests.unit.dispatch.board_kit import (
    MONDAY,
    SAFE_SCENE,
    SUPERVISOR,
    County,
    on_team,
    peer,
    uid,
)

S = Status


class Crewed:
    """A team of two on its way; ``pair`` is a valid crew and ``lone`` is none."""

    def __init__(self) -> None:
        self.county = County()
        self.team: TeamId = self.county.team()
        self.incident_id: IncidentId = self.county.determined(screening=SAFE_SCENE)
        self.id: AssignmentId = self.county.running(self.incident_id, self.team)
        self.pair = self.county.a_team(self.team).crew
        self.lone = self.pair[:1]

    @property
    def run(self) -> Assignment:
        found = self.county.incident(self.incident_id).assignment(self.id)
        assert found is not None
        return found

    def swaps(self, crew: tuple[CrewMember, ...], *, minute: float) -> None:
        self.at(minute)
        swap = SwapCrew(assignment_id=self.id, crew=crew)
        self.county.do(swap, by=on_team(self.team))

    def says(self, status: Status, *, minute: float, told: float | None = None) -> Any:
        self.at(minute if told is None else told)
        report = ReportStatus(assignment_id=self.id, status=status)
        occurred_at = MONDAY + timedelta(minutes=minute)
        by = on_team(self.team)
        return self.county.do(report, by=by, occurred_at=occurred_at).result

    def at(self, minute: float) -> None:
        ahead = MONDAY + timedelta(minutes=minute) - self.county.now
        self.county.wait(ahead.total_seconds())


def minute(n: float) -> Any:
    return MONDAY + timedelta(minutes=n)


def test_an_arrival_told_after_a_swap_is_judged_by_the_crew_that_arrived() -> None:
    run = Crewed()
    run.says(S.EN_ROUTE, minute=1)
    run.swaps(run.lone, minute=30)
    assert run.says(S.ON_SCENE, minute=12, told=40)["first_on_scene_at"] == minute(12)
    assert run.run.arrival_shortfalls == ()


def test_a_crew_completed_only_after_the_arrival_does_not_stop_the_clock_before() -> None:
    run = Crewed()
    run.swaps(run.lone, minute=1)
    run.swaps(run.pair, minute=30)
    result = run.says(S.ON_SCENE, minute=12, told=40)
    assert result["first_on_scene_at"] == minute(30), "from when the second member was there"
    assert run.run.arrival_shortfalls == ("second_member_missing",)
    assert "second_member_missing" in [w["code"] for w in result["warnings"]]


def test_a_crew_that_was_completed_after_it_had_left_stops_no_clock() -> None:
    run = Crewed()
    run.swaps(run.lone, minute=1)
    run.says(S.EN_ROUTE, minute=2)
    run.says(S.CONTACT, minute=15)
    run.says(S.CLEARED, minute=20)
    run.swaps(run.pair, minute=30)
    assert run.says(S.ON_SCENE, minute=12, told=40)["first_on_scene_at"] is None


def test_an_arrival_told_after_the_end_is_judged_by_the_crew_that_arrived() -> None:
    run = Crewed()
    run.says(S.EN_ROUTE, minute=1)
    run.says(S.CONTACT, minute=20)
    run.swaps(run.lone, minute=30)
    run.says(S.READY, minute=50)
    assert run.says(S.ON_SCENE, minute=12, told=60)["first_on_scene_at"] == minute(12)


def test_a_corrected_arrival_that_nobody_judged_is_judged_by_the_crew_of_its_instant() -> None:
    run = Crewed()
    run.says(S.CONTACT, minute=20)
    run.swaps(run.lone, minute=30)
    run.at(40)
    fix = CorrectMilestone(
        assignment_id=run.id, status=S.ON_SCENE, instant=minute(18), reason="late_information"
    )
    assert run.county.do(fix, by=SUPERVISOR).result["first_on_scene_at"] == minute(18)
    worse = Crewed()
    worse.swaps(worse.lone, minute=1)
    worse.says(S.CONTACT, minute=20)
    worse.swaps(worse.pair, minute=30)
    worse.at(40)
    fix = CorrectMilestone(
        assignment_id=worse.id, status=S.ON_SCENE, instant=minute(18), reason="late_information"
    )
    worse.county.do(fix, by=SUPERVISOR)
    first = worse.county.incident(worse.incident_id).first_on_scene_at
    assert first is not None and first > minute(18)


def test_the_run_keeps_who_was_on_it_and_since_when() -> None:
    run = Crewed()
    run.swaps(run.lone, minute=10)
    assert [(s.since, s.members) for s in run.run.stints] == [
        (minute(0), run.pair),
        (minute(10), run.lone),
    ]
    assert run.run.stint_at(minute(9)) == run.run.stints[0]
    assert run.run.stint_at(minute(-5)) == run.run.stints[0]


def test_nobody_is_swapped_in_twice_or_from_another_running_shift() -> None:
    run = Crewed()
    red = run.county.team("Red 1")
    by: dict[str, Any] = {"by": on_team(run.team)}
    twice = SwapCrew(assignment_id=run.id, crew=(run.lone[0], run.lone[0]))
    run.county.refused("crew_twice", twice, **by)
    borrowed = SwapCrew(assignment_id=run.id, crew=(*run.lone, run.county.a_team(red).crew[1]))
    refusal = run.county.refused("on_another_shift", borrowed, **by)
    assert refusal.facts["responder_id"] == str(peer("Red 1 peer").id)


# Clocks of phones


@pytest.mark.parametrize("off", [timedelta(days=-400), timedelta(hours=5)])
def test_a_check_in_from_a_phone_with_a_wrong_clock_counts_as_now(off: timedelta) -> None:
    run = Crewed()
    run.says(S.EN_ROUTE, minute=1)
    run.county.wait(600)
    (check_in,) = (
        o for o in run.county.board.obligations.values() if o.kind is ObligationKind.CHECK_IN
    )
    met = CompleteObligation(obligation_id=check_in.id)
    run.county.do(met, by=on_team(run.team), occurred_at=run.county.now + off)
    assert run.county.last is not None
    assert [e.occurred_at for e in run.county.last.events] == [run.county.now] * 2
    assert check_in.id not in run.county.board.obligations


def test_no_act_of_a_phone_is_refused_for_its_clock() -> None:
    run = Crewed()
    run.says(S.CONTACT, minute=5)
    by: dict[str, Any] = {"by": on_team(run.team)}
    wrong: dict[str, Any] = {**by, "occurred_at": run.county.now + timedelta(days=3)}
    ask = RequestPartner(incident_id=run.incident_id, kind="ems", reason="medical")
    run.county.do(ask, **wrong)
    met = EncounterInput(disposition="stabilized_safety_plan")
    run.county.do(RecordEncounter(assignment_id=run.id, encounter=met), **wrong)
    follow_up = next(
        o for o in run.county.board.obligations.values() if o.kind is ObligationKind.FOLLOW_UP
    )
    tried = RecordAttempt(obligation_id=follow_up.id, outcome="voicemail", mode="telehealth_audio")
    run.county.do(tried, **wrong)
    assert {e.occurred_at for e in run.county.log[-3:]} == {run.county.now}
    run.county.refused("occurred_in_future", ask, occurred_at=run.county.now + timedelta(days=3))


# One person and one response are one encounter


def test_a_persons_encounter_recorded_again_is_the_same_one() -> None:
    run = Crewed()
    run.says(S.CONTACT, minute=5)
    by: dict[str, Any] = {"by": on_team(run.team)}
    first, second = (
        run.county.do(AddSubject(incident_id=run.incident_id)).result["subject_id"]
        for _ in range(2)
    )
    for disposition in ("refused_services", "stabilized_safety_plan"):
        met = EncounterInput(subject_id=first, disposition=disposition)
        run.county.do(RecordEncounter(assignment_id=run.id, encounter=met), **by)
    other = EncounterInput(subject_id=second, disposition="left")
    again = EncounterInput(subject_id=first, disposition="stabilized_referral")
    run.county.do(ClearAssignment(assignment_id=run.id, encounters=(other, again)), **by)
    found = run.county.incident(run.incident_id).encounters
    assert {(e.subject_id, e.disposition) for e in found} == {
        (first, "stabilized_referral"),
        (second, "left"),
    }
    owed = [o for o in run.county.board.obligations.values() if o.kind is ObligationKind.FOLLOW_UP]
    assert len(owed) == 2


def test_one_encounter_cannot_become_another_persons_who_has_one() -> None:
    run = Crewed()
    run.says(S.CONTACT, minute=5)
    by: dict[str, Any] = {"by": on_team(run.team)}
    subjects = [
        run.county.do(AddSubject(incident_id=run.incident_id)).result["subject_id"]
        for _ in range(2)
    ]
    made = []
    for subject_id in subjects:
        met = EncounterInput(subject_id=subject_id, disposition="left")
        record = RecordEncounter(assignment_id=run.id, encounter=met)
        made.append(EncounterId(run.county.do(record, **by).result["encounter_id"]))
    moved = RecordEncounter(
        assignment_id=run.id,
        encounter_id=made[0],
        encounter=EncounterInput(subject_id=subjects[1], disposition="left"),
    )
    refusal = run.county.refused("encounter_exists", moved, **by)
    assert refusal.facts["encounter_id"] == str(made[1])
    assert uid("nobody") not in made
