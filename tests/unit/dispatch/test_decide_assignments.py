"""What teams report, what is believed of it, and what a run leaves owed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crisis.assignment import Assignment, Status
from crisis.commands import (
    AcceptOffer,
    AcknowledgeHazards,
    AmendIncident,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    CorrectMilestone,
    DivertAssignment,
    EncounterInput,
    EndShift,
    ExceptObligation,
    RaiseDuress,
    RecordEncounter,
    ReportStatus,
    SwapCrew,
)
from crisis.errors import Disputed
from crisis.ids import AssignmentId, EncounterId, IncidentId, ResponderId, SubjectId, TeamId
from crisis.incident.state import Phase
from crisis.obligation import Obligation, ObligationKind, ObligationState
from crisis.policy import DivertPolicy
from crisis.states import Source
from crisis.team import CrewMember, Duty
from crisis.triage import Acuity, Answer, Hazard
from dispatch.decide import Decision, decide
from tests.unit.dispatch.board_kit import (
    LEAD,
    MONDAY,
    SAFE_SCENE,
    SUPERVISOR,
    County,
    changed,
    envelope,
    on_team,
    rules,
    uid,
)

S = Status


class Run:
    """A county with one team on its way to one incident."""

    def __init__(self, county: County | None = None, **incident: Any) -> None:
        self.county = county or County()
        self.team = self.county.team()
        self.incident_id: IncidentId = self.county.determined(**incident)
        self.id: AssignmentId = self.county.running(self.incident_id, self.team)

    @property
    def run(self) -> Assignment:
        found = self.county.incident(self.incident_id).assignment(self.id)
        assert found is not None
        return found

    def says(self, status: Status, *, minutes: float = 0, **how: Any) -> dict[str, Any]:
        """The team's phone reports ``status``, ``minutes`` after the time before."""
        self.county.wait(minutes * 60)
        keys = ("by", "source", "occurred_at", "sent_at")
        sent = {key: how.pop(key) for key in keys if key in how}
        sent.setdefault("by", on_team(self.team))
        command = ReportStatus(assignment_id=self.id, status=status, **how)
        return self.county.do(command, **sent).result

    def refused(self, code: str, status: Status, **how: Any) -> Any:
        sent = {key: how.pop(key) for key in ("by", "occurred_at", "source") if key in how}
        sent.setdefault("by", on_team(self.team))
        command = ReportStatus(assignment_id=self.id, status=status, **how)
        return self.county.refused(code, command, **sent)

    def arrives(self) -> None:
        self.says(S.EN_ROUTE, minutes=1)
        self.says(S.ON_SCENE, minutes=14)

    def owed(self, kind: ObligationKind) -> list[Obligation]:
        return [o for o in self.county.board.obligations.values() if o.kind is kind]


# Reporting


def test_a_run_goes_its_way_and_frees_the_team_at_its_end() -> None:
    run = Run()
    phases = []
    for status in (S.EN_ROUTE, S.ON_SCENE, S.CONTACT, S.ASSESSED, S.CLEARED, S.READY):
        assert run.says(status, minutes=5)["state"] is status
        phases.append(run.county.incident(run.incident_id).phase)
    assert phases == [
        Phase.RESPONDING,
        Phase.ON_SCENE,
        Phase.ON_SCENE,
        Phase.ON_SCENE,
        Phase.CLEARED,
        Phase.CLEARED,
    ]
    assert run.county.a_team(run.team).is_free
    assert run.run.milestones[S.ON_SCENE] == MONDAY + timedelta(minutes=10)


@pytest.mark.parametrize("status", [S.ACCEPTED, S.DIVERTED, S.CANCELLED])
def test_what_has_an_act_of_its_own_is_not_reported(status: Status) -> None:
    Run().refused("not_reportable", status)


def test_an_arrival_told_after_the_clear_stops_the_clock_where_it_happened() -> None:
    run = Run()
    run.says(S.EN_ROUTE, minutes=1)
    run.says(S.CONTACT, minutes=14)
    run.says(S.CLEARED, minutes=60)
    result = run.says(S.ON_SCENE, occurred_at=MONDAY + timedelta(minutes=12))
    assert (result["state"], result["moved"]) == (S.CLEARED, False)
    assert result["first_on_scene_at"] == MONDAY + timedelta(minutes=12)


def test_a_phone_whose_clock_is_off_is_corrected_by_what_it_says_when_sending() -> None:
    run = Run()
    run.county.wait(600)
    off = timedelta(hours=-3)
    run.says(
        S.EN_ROUTE,
        occurred_at=run.county.now + off - timedelta(minutes=2),
        sent_at=run.county.now + off,
    )
    assert run.run.milestones[S.EN_ROUTE] == run.county.now - timedelta(minutes=2)
    event = run.county.log[-2]
    assert event.device_at == run.county.now + off - timedelta(minutes=2)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"occurred_at": MONDAY + timedelta(hours=2)}, "outside_skew"),
        ({"occurred_at": MONDAY - timedelta(days=3)}, "outside_skew"),
        ({"occurred_at": MONDAY - timedelta(minutes=5)}, "before_acceptance"),
        ({"by": on_team(TeamId(uid("another team")))}, "not_your_run"),
    ],
    ids=["ahead", "too late", "before acceptance", "another team's"],
)
@pytest.mark.parametrize("act", ["status", "clear"])
def test_a_report_that_cannot_be_believed_is_kept_refused_and_moves_nothing(
    how: dict[str, Any], reason: str, act: str
) -> None:
    run = Run()
    before = run.run
    command = (
        ReportStatus(assignment_id=run.id, status=S.ON_SCENE)
        if act == "status"
        else ClearAssignment(assignment_id=run.id)
    )
    sent = {"by": on_team(run.team), **how}
    decision = run.county.do(command, **sent)
    assert isinstance(decision.refusal, Disputed)
    assert decision.refusal.facts["reason"] == reason
    assert run.county.said() == ["report_disputed"]
    after = run.run
    assert (after.state, after.milestones) == (before.state, before.milestones)
    assert after.disputed == 1
    (event,) = decision.events
    assert event.body.occurred == how.get("occurred_at", run.county.now)  # type: ignore[union-attr]


def test_a_phone_a_little_behind_reports_as_of_the_acceptance() -> None:
    run = Run()
    run.says(S.EN_ROUTE, minutes=5, occurred_at=MONDAY - timedelta(seconds=90))
    assert run.run.milestones[S.EN_ROUTE] == run.run.milestones[S.ACCEPTED]


def test_a_report_by_voice_says_whose_voice() -> None:
    run = Run()
    voice: dict[str, Any] = {"by": SUPERVISOR, "source": Source.DESK_BY_VOICE}
    run.refused("said_by_missing", S.EN_ROUTE, **voice)
    run.says(S.EN_ROUTE, said_by="peer", **voice)


# Hazards and staging


def test_nobody_leaves_before_the_hazards_of_the_present_version_are_read() -> None:
    run = Run(hazards=(Hazard(code="weapon"),))
    refusal = run.refused("hazards_not_acknowledged", S.EN_ROUTE)
    assert (refusal.facts["hazards"], refusal.facts["version"]) == (["weapon"], 2)
    read = AcknowledgeHazards(assignment_id=run.id, version=2)
    run.county.do(read, by=on_team(run.team))
    more = (Hazard(code="weapon"), Hazard(code="animals"))
    run.county.do(AmendIncident(incident_id=run.incident_id, hazards=more))
    run.refused("hazards_not_acknowledged", S.EN_ROUTE)
    stale = run.county.do(read, by=on_team(run.team)).result
    assert [w["code"] for w in stale["warnings"]] == ["newer_version"]
    run.county.do(AcknowledgeHazards(assignment_id=run.id, version=3), by=on_team(run.team))
    run.says(S.EN_ROUTE)


@pytest.mark.parametrize(
    ("known", "how", "leaves"),
    [
        ({"hazards": (Hazard(code="weapon"),)}, {"briefed_by": "dispatcher"}, True),
        ({"screening": {"animals": Answer.YES}}, {}, False),
        ({"screening": {"animals": Answer.NO}}, {}, True),
        ({}, {}, True),
    ],
    ids=["briefed by voice", "answered yes", "answered no", "none known"],
)
def test_who_leaves_with_which_knowledge(
    known: dict[str, Any], how: dict[str, Any], leaves: bool
) -> None:
    run = Run(**known)
    if leaves:
        run.says(S.EN_ROUTE, **how)
    else:
        run.refused("hazards_not_acknowledged", S.EN_ROUTE, **how)


def test_hazards_hold_back_a_departure_but_no_fact_of_an_arrival() -> None:
    run = Run(hazards=(Hazard(code="weapon"),))
    run.says(S.ON_SCENE, minutes=10)
    run.says(S.EN_ROUTE, occurred_at=MONDAY + timedelta(minutes=1))
    assert run.run.state is S.ON_SCENE
    assert run.run.milestones[S.EN_ROUTE] == MONDAY + timedelta(minutes=1)


def test_no_version_is_read_that_does_not_exist() -> None:
    run = Run()
    command = AcknowledgeHazards(assignment_id=run.id, version=3)
    run.county.refused("unknown_version", command, by=on_team(run.team))


@pytest.mark.parametrize("entering", [S.ON_SCENE, S.CONTACT, S.TRANSPORTING])
def test_a_staged_team_enters_only_what_somebody_declared_safe(entering: Status) -> None:
    run = Run()
    run.says(S.EN_ROUTE)
    run.refused("staging_reason_missing", S.STAGED)
    run.says(S.STAGED, minutes=5, staging_reason="violence")
    assert run.county.incident(run.incident_id).first_on_scene_at is None
    run.refused("cleared_by_missing", entering)
    run.says(entering, minutes=5, cleared_scene_by="law_enforcement")
    assert run.run.state is entering


def test_a_team_that_steps_back_keeps_its_arrival() -> None:
    run = Run()
    run.arrives()
    arrived_at = run.run.milestones[S.ON_SCENE]
    run.says(S.STAGED, minutes=3, staging_reason="weapon")
    assert run.run.state is S.STAGED
    assert run.county.incident(run.incident_id).first_on_scene_at == arrived_at


# The regulatory clock


def alone(run: Run) -> tuple[CrewMember, ...]:
    return run.county.a_team(run.team).crew[:1]


def test_a_lone_arrival_does_not_stop_the_clock_and_the_second_member_does() -> None:
    run = Run(screening=SAFE_SCENE)
    crew = run.county.a_team(run.team).crew
    run.says(S.EN_ROUTE)
    by: dict[str, Any] = {"by": on_team(run.team)}
    left = SwapCrew(assignment_id=run.id, crew=crew[:1], reason="member_left")
    assert run.county.do(left, **by).result["is_valid"] is False
    result = run.says(S.ON_SCENE, minutes=15)
    assert "second_member_missing" in [w["code"] for w in result["warnings"]]
    assert result["first_on_scene_at"] is None
    assert run.run.arrival_shortfalls == ("second_member_missing",)
    assert ("role:supervisor", "arrival_not_qualifying") in run.county.told()
    run.county.wait(600)
    joined = SwapCrew(assignment_id=run.id, crew=crew, reason="second_member_arrived")
    result = run.county.do(joined, **by).result
    assert result["first_on_scene_at"] == run.county.now
    assert run.run.milestones[S.ON_SCENE] == run.county.now - timedelta(minutes=10)


def test_what_the_desk_enters_by_voice_says_whose_voice() -> None:
    county = County()
    incident_id, team = county.determined(), county.team()
    accept = AcceptOffer(offer_id=county.offered(incident_id, team))
    by_voice: dict[str, Any] = {"source": Source.DESK_BY_VOICE}
    county.refused("said_by_missing", accept, **by_voice)
    run = county.do(changed(accept, said_by="clinician"), **by_voice).result["assignment_id"]
    read = AcknowledgeHazards(assignment_id=run, version=1)
    county.refused("said_by_missing", read, **by_voice)
    county.do(changed(read, said_by="peer"), **by_voice)


def test_where_a_staged_team_waits_is_a_record() -> None:
    run = Run()
    run.says(S.STAGED, staging_reason="weapon", staging_place="behind the diner")
    assert run.county.last is not None
    (record,) = run.county.last.records
    assert (record.kind, record.fields) == ("staging", {"place": "behind the diner"})
    assert run.run.staging_record == record.id


def test_contact_without_an_arrival_leaves_the_clock_running_and_says_so() -> None:
    run = Run()
    result = run.says(S.CONTACT, minutes=20)
    assert result["first_on_scene_at"] is None
    assert [w["code"] for w in result["warnings"]] == ["on_scene_missing"]


def test_the_first_of_several_teams_to_arrive_stops_the_clock() -> None:
    county = County()
    run = Run(county, slots=2)
    second = county.team("Blue 2")
    other = county.running(run.incident_id, second)
    county.wait(600)
    county.do(ReportStatus(assignment_id=other, status=S.ON_SCENE), by=on_team(second))
    first_at = county.now
    run.says(S.ON_SCENE, minutes=10)
    assert county.incident(run.incident_id).first_on_scene_at == first_at


def test_an_arrival_told_of_before_or_after_a_run_was_called_off_is_disputed() -> None:
    run = Run()
    run.says(S.EN_ROUTE)
    run.county.wait(60)
    run.county.do(CancelAssignment(assignment_id=run.id, reason="team_vehicle"))
    before = run.refused("disputed", S.ON_SCENE, occurred_at=MONDAY + timedelta(seconds=30))
    assert before.facts["reason"] == "contradicts_end"
    assert run.county.incident(run.incident_id).first_on_scene_at is None
    run = Run()
    run.county.do(CancelAssignment(assignment_id=run.id, reason="team_vehicle"))
    run.county.wait(600)
    assert run.refused("disputed", S.ON_SCENE).facts["reason"] == "after_end"
    assert run.county.incident(run.incident_id).first_on_scene_at is None


def test_a_correction_moves_the_clocks_stop_and_keeps_the_old_value_in_the_log() -> None:
    run = Run()
    run.arrives()
    right = MONDAY + timedelta(minutes=9)
    command = CorrectMilestone(
        assignment_id=run.id, status=S.ON_SCENE, instant=right, reason="wrong_time"
    )
    result = run.county.do(command, by=LEAD).result
    assert result["was"] == MONDAY + timedelta(minutes=15)
    assert result["instant"] == result["first_on_scene_at"] == right
    kept = [e.occurred_at for e in run.county.log if getattr(e.body, "status", None) is S.ON_SCENE]
    assert MONDAY + timedelta(minutes=15) in kept
    for instant in (MONDAY - timedelta(hours=1), run.county.now + timedelta(seconds=1)):
        wrong = CorrectMilestone(
            assignment_id=run.id, status=S.ON_SCENE, instant=instant, reason="wrong_time"
        )
        run.county.refused("instant_out_of_bounds", wrong, by=LEAD)


# What is owed


def test_check_ins_follow_the_run_and_end_with_it() -> None:
    run = Run()
    assert run.owed(ObligationKind.CHECK_IN) == []
    stages = []
    for status in (S.EN_ROUTE, S.ON_SCENE, S.CONTACT, S.TRANSPORTING, S.HANDED_OFF):
        run.says(status, minutes=5)
        stages.append([o.stage for o in run.owed(ObligationKind.CHECK_IN)])
    assert stages == [["en_route"], ["on_scene"], ["on_scene"], ["transport"], ["transport"]]


def test_a_late_report_starts_no_check_in_that_is_already_missed() -> None:
    run = Run()
    run.county.wait(4 * 3600)
    run.says(S.EN_ROUTE, occurred_at=MONDAY + timedelta(minutes=1))
    (check_in,) = run.owed(ObligationKind.CHECK_IN)
    assert check_in.lapses_at > run.county.now


def test_the_waiting_person_is_kept_in_touch_with_until_a_team_is_there() -> None:
    run = Run()
    run.says(S.EN_ROUTE)
    assert len(run.owed(ObligationKind.WAITING_CONTACT)) == 1
    run.says(S.ON_SCENE, minutes=10)
    assert run.owed(ObligationKind.WAITING_CONTACT) == []


def test_the_waiting_begins_again_when_the_team_is_called_away_from_the_scene() -> None:
    run = Run()
    run.arrives()
    run.county.do(CancelAssignment(assignment_id=run.id, reason="unsafe_scene"))
    assert len(run.owed(ObligationKind.WAITING_CONTACT)) == 1
    assert run.county.incident(run.incident_id).phase is Phase.WAITING


def test_an_arrival_owes_a_note_and_a_contact_owes_follow_up_and_notice() -> None:
    run = Run()
    run.arrives()
    (note,) = run.owed(ObligationKind.NOTE)
    # The end of Tuesday in California.
    assert note.due_at == datetime(2026, 3, 4, 8, 0, tzinfo=UTC) - timedelta(microseconds=1)
    assert run.owed(ObligationKind.FOLLOW_UP) == []
    run.says(S.CONTACT, minutes=2)
    arrived_at = run.run.milestones[S.ON_SCENE]
    (follow_up,) = run.owed(ObligationKind.FOLLOW_UP)
    (notice,) = run.owed(ObligationKind.PLAN_NOTICE)
    assert follow_up.due_at == arrived_at + timedelta(hours=72)
    assert notice.due_at == arrived_at + timedelta(hours=48)
    run.says(S.ASSESSED, minutes=2)
    assert len(run.owed(ObligationKind.FOLLOW_UP)) == 1


@pytest.mark.parametrize(
    ("people", "follow_ups"),
    [((), 1), ((True,), 1), ((True, True), 2), ((True, False), 1), ((True, True, True), 3)],
)
def test_everyone_who_was_met_is_owed_a_follow_up(
    people: tuple[bool, ...], follow_ups: int
) -> None:
    run = Run()
    run.arrives()
    run.says(S.CONTACT)
    encounters = tuple(
        EncounterInput(disposition="stabilized_referral" if met else "not_found", contacted=met)
        for met in people
    )
    clear = ClearAssignment(assignment_id=run.id, encounters=encounters)
    run.county.do(clear, by=on_team(run.team))
    assert len(run.owed(ObligationKind.FOLLOW_UP)) == follow_ups
    assert len(run.owed(ObligationKind.NOTE)) == follow_ups


def test_a_clear_tells_what_each_of_its_encounters_lacks() -> None:
    run = Run()
    run.arrives()
    told = ("stabilized_referral", "hold_by_team")
    encounters = tuple(EncounterInput(disposition=one) for one in told)
    clear = ClearAssignment(assignment_id=run.id, encounters=encounters)
    result = run.county.do(clear, by=on_team(run.team)).result
    first, second = result["encounter_ids"]
    found = {(w["code"], w["encounter_id"]) for w in result["warnings"]}
    assert {("plan_missing", first), ("plan_missing", second), ("hold_missing", second)} <= found
    assert ("hold_missing", first) not in found


def test_nobody_met_owes_nothing_but_the_note() -> None:
    run = Run()
    run.arrives()
    clear = ClearAssignment(
        assignment_id=run.id,
        encounters=(EncounterInput(disposition="not_found", contacted=False),),
    )
    run.county.do(clear, by=on_team(run.team))
    assert [o.kind for o in run.county.board.obligations.values()] == [ObligationKind.NOTE]


def test_a_recorded_note_meets_the_note_and_an_unknown_plan_excepts_the_notice() -> None:
    run = Run()
    run.arrives()
    record = RecordEncounter(
        assignment_id=run.id,
        encounter=EncounterInput(
            disposition="stabilized_safety_plan", note="calmer now", has_plan_to_notify=False
        ),
    )
    done = run.county.do(record, by=on_team(run.team))
    assert [r.kind for r in done.records] == ["encounter_note"]
    kinds = {o.kind for o in run.county.board.obligations.values()}
    assert ObligationKind.NOTE not in kinds and ObligationKind.PLAN_NOTICE not in kinds
    assert ObligationKind.FOLLOW_UP in kinds
    states = {
        change.entity.state
        for change in done.changes
        if isinstance(change.entity, Obligation) and not change.on_board
    }
    assert states == {ObligationState.DONE, ObligationState.EXCEPTED}


def test_follow_ups_outlive_the_incident_they_came_from() -> None:
    run = Run()
    run.arrives()
    run.says(S.CONTACT)
    run.county.do(ClearAssignment(assignment_id=run.id), by=on_team(run.team))
    run.county.do(CloseIncident(incident_id=run.incident_id))
    assert run.county.board.incidents == {}
    assert len(run.owed(ObligationKind.FOLLOW_UP)) == 1


# Encounters


def test_an_encounter_is_amended_and_the_last_word_counts() -> None:
    run = Run()
    run.arrives()
    by: dict[str, Any] = {"by": on_team(run.team)}
    first = EncounterInput(disposition="stabilized_referral", note="first")
    made = run.county.do(RecordEncounter(assignment_id=run.id, encounter=first), **by)
    encounter_id = made.result["encounter_id"]
    assert [w["code"] for w in made.result["warnings"]] == ["plan_missing"]
    second = EncounterInput(disposition="refused_services", plan_exception="declined")
    amended = RecordEncounter(assignment_id=run.id, encounter_id=encounter_id, encounter=second)
    assert run.county.do(amended, **by).result["warnings"] == []
    (encounter,) = run.county.incident(run.incident_id).encounters
    assert (encounter.id, encounter.disposition) == (encounter_id, "refused_services")
    assert encounter.note_record == made.records[0].id, "the note of before stays"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"disposition": "nope"}, "unknown_code"),
        ({"disposition": "other", "hold": "nope"}, "unknown_code"),
        ({"disposition": "other", "transport": "nope"}, "unknown_code"),
        ({"disposition": "other", "plan": "nope"}, "unknown_code"),
        ({"disposition": "other", "law_enforcement": "nope"}, "unknown_code"),
        ({"disposition": "other", "mandated_reports": ("child_abuse", "nope")}, "unknown_code"),
        ({"disposition": "other", "plan_exception": "plan_unknown"}, "exception_not_for_kind"),
        ({"disposition": "stabilized_referral", "contacted": False}, "disposition_contradicts"),
        ({"disposition": "other", "subject_id": SubjectId(uid("nobody"))}, "unknown_subject"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_an_encounter_that_cannot_be_is_refused(fields: dict[str, Any], code: str) -> None:
    run = Run()
    given = EncounterInput(**fields)
    command = RecordEncounter(assignment_id=run.id, encounter=given)
    run.county.refused(code, command, by=on_team(run.team))
    nobody = EncounterId(uid("nobody"))
    amended = RecordEncounter(
        assignment_id=run.id,
        encounter_id=nobody,
        encounter=EncounterInput(disposition="other"),
    )
    run.county.refused("unknown_encounter", amended, by=on_team(run.team))


def test_the_part_of_law_enforcement_is_kept_with_the_encounter() -> None:
    run = Run()
    run.arrives()
    met = EncounterInput(disposition="stabilized_referral", law_enforcement="already_on_scene")
    run.county.do(RecordEncounter(assignment_id=run.id, encounter=met), by=on_team(run.team))
    (encounter,) = run.county.incident(run.incident_id).encounters
    assert encounter.law_enforcement == "already_on_scene"
    assert run.owed(ObligationKind.MANDATED_REPORT) == []


def test_each_mandated_report_is_owed_once_by_the_team_within_its_hours_of_the_arrival() -> None:
    run = Run()
    run.arrives()
    arrived_at, by = run.county.now, on_team(run.team)
    run.county.wait(3_600)
    one, two = "child_abuse", "duty_to_protect"
    met = EncounterInput(disposition="other", mandated_reports=(one, one))
    made = run.county.do(RecordEncounter(assignment_id=run.id, encounter=met), by=by)
    encounter_id = EncounterId(made.result["encounter_id"])

    (report,) = run.owed(ObligationKind.MANDATED_REPORT)
    assert report.due_at == arrived_at + timedelta(hours=36)
    assert (report.team_id, report.encounter_id) == (run.team, encounter_id)

    def amend(*kinds: str) -> int:
        again = EncounterInput(disposition="other", mandated_reports=kinds)
        command = RecordEncounter(assignment_id=run.id, encounter_id=encounter_id, encounter=again)
        run.county.do(command, by=by)
        return len(run.owed(ObligationKind.MANDATED_REPORT))

    assert amend(one, two) == 2
    # What is left out is owed until a person excepts it.
    assert amend() == 2
    excused = ExceptObligation(obligation_id=report.id, reason="not_required_by_law")
    run.county.do(excused, by=by)
    assert len(run.owed(ObligationKind.MANDATED_REPORT)) == 1


def test_a_late_encounter_of_an_archived_incident_still_owes_its_follow_up() -> None:
    run = Run()
    run.arrives()
    run.county.do(ClearAssignment(assignment_id=run.id), by=on_team(run.team))
    run.county.do(CloseIncident(incident_id=run.incident_id))
    gone = run.county.incident(run.incident_id)
    command = RecordEncounter(
        assignment_id=run.id, encounter=EncounterInput(disposition="stabilized_referral")
    )
    env = envelope(command, by=on_team(run.team), number="late")
    board = run.county.board.holding("incidents", gone)
    done = decide(board, env, run.county.now, run.county.rules, frozenset({gone.id}))
    marked = {type(e.body).__name__: e.off_board for e in done.events}
    assert marked["EncounterRecorded"] is True
    assert marked["ObligationArose"] is False


# Ending a run otherwise


def test_a_diverted_teams_slot_seeks_another_at_once() -> None:
    run = Run(acuity=Acuity.ROUTINE)
    run.says(S.EN_ROUTE)
    other = run.county.determined(acuity=Acuity.EMERGENT)
    command = DivertAssignment(assignment_id=run.id, reason="higher_class", to_incident=other)
    assert run.county.do(command).result["slot_waits"] is True
    incident = run.county.incident(run.incident_id)
    assert incident.phase is Phase.WAITING
    assert incident.slots[0].wake_at == run.county.now
    assert incident.determined_at == MONDAY
    assert run.county.a_team(run.team).is_free
    assert run.owed(ObligationKind.CHECK_IN) == []
    assert (f"team:{run.team}", "run_diverted") in run.county.told()


@pytest.mark.parametrize("acuity", [Acuity.URGENT, Acuity.ROUTINE])
def test_a_team_is_diverted_only_to_a_more_pressing_incident(acuity: Acuity) -> None:
    run = Run(acuity=Acuity.URGENT)
    other = run.county.determined(acuity=acuity)
    command = DivertAssignment(assignment_id=run.id, reason="higher_class", to_incident=other)
    run.county.refused("divert_lower_class", command)


def test_who_is_diverted_for_a_higher_class_is_told_for_which_incident() -> None:
    run = Run(acuity=Acuity.ROUTINE)
    run.county.refused(
        "to_incident_missing", DivertAssignment(assignment_id=run.id, reason="higher_class")
    )


@pytest.mark.parametrize(("driven_s", "is_close"), [(60, False), (301, True), (890, True)])
def test_a_team_that_is_nearly_there_is_left_to_its_incident(
    driven_s: float, is_close: bool
) -> None:
    county = County()
    team, incident_id = county.team(), county.determined(Acuity.ROUTINE)
    run_id = county.running(incident_id, team, eta_s=600.0)
    leaves = ReportStatus(assignment_id=run_id, status=S.EN_ROUTE)
    county.do(leaves, by=on_team(team))
    other = county.determined(Acuity.EMERGENT)
    county.wait(driven_s)
    command = DivertAssignment(assignment_id=run_id, reason="higher_class", to_incident=other)
    if is_close:
        county.refused("close_to_scene", command)
        command = DivertAssignment(assignment_id=run_id, reason="duress")
    county.do(command)
    assert county.a_team(team).is_free


def test_a_team_that_arrived_or_is_done_is_not_diverted() -> None:
    run = Run()
    run.arrives()
    command = DivertAssignment(assignment_id=run.id, reason="duress")
    run.county.refused("not_travelling", command)
    run.says(S.CLEARED)
    run.county.refused("run_over", command)


def test_a_county_may_forbid_diverting() -> None:
    run = Run(County(rules(divert=DivertPolicy(allowed=False))))
    command = DivertAssignment(assignment_id=run.id, reason="closer_team_free")
    run.county.refused("divert_not_allowed", command)


def test_no_policy_keeps_a_team_from_a_crew_in_danger() -> None:
    run = Run(County(rules(divert=DivertPolicy(allowed=False))))
    run.county.do(DivertAssignment(assignment_id=run.id, reason="duress"))
    assert run.county.a_team(run.team).is_free


@pytest.mark.parametrize("acuity", [Acuity.URGENT, Acuity.ROUTINE])
def test_a_crew_in_danger_is_helped_whatever_its_incidents_class(acuity: Acuity) -> None:
    county = County()
    team, incident_id = county.team(), county.determined(Acuity.URGENT)
    run_id = county.running(incident_id, team, eta_s=120.0)
    county.do(ReportStatus(assignment_id=run_id, status=S.EN_ROUTE), by=on_team(team))
    other, in_danger = county.determined(acuity), county.team("Green 1")
    county.running(other, in_danger)
    county.do(RaiseDuress(), by=on_team(in_danger))
    county.do(DivertAssignment(assignment_id=run_id, reason="duress", to_incident=other))
    assert county.a_team(team).is_free


def test_whether_anyone_is_still_needed_is_for_the_desk_to_say() -> None:
    run = Run()
    by_team: dict[str, Any] = {"by": on_team(run.team)}
    gone = CancelAssignment(assignment_id=run.id, reason="person_left", still_needed=False)
    run.county.refused("desk_decides_need", gone, **by_team)
    needed = CancelAssignment(assignment_id=run.id, reason="person_left")
    run.county.refused("reason_ends_the_need", needed)
    broken = CancelAssignment(assignment_id=run.id, reason="team_vehicle")
    run.county.do(broken, **by_team)
    assert run.county.incident(run.incident_id).slots[0].wake_at == run.county.now
    run.county.refused("run_over", broken)


def test_a_shift_on_overtime_ends_with_its_run() -> None:
    run = Run()
    shift_id = run.county.a_team(run.team).shift_id
    assert shift_id is not None
    run.county.do(EndShift(shift_id=shift_id))
    assert run.county.a_team(run.team).duty is Duty.ENDING
    run.arrives()
    run.county.do(ClearAssignment(assignment_id=run.id), by=on_team(run.team))
    assert run.county.a_team(run.team).duty is Duty.OFF_SHIFT


def test_a_phone_that_was_away_may_report_on_a_cancelled_incident() -> None:
    run = Run()
    run.says(S.EN_ROUTE)
    run.county.do(CancelIncident(incident_id=run.incident_id, reason="caller_cancelled"))
    gone = run.county.incident(run.incident_id)
    board = run.county.board.holding("incidents", gone)

    def late(status: Status) -> Decision:
        command = ReportStatus(assignment_id=run.id, status=status)
        env = envelope(command, by=on_team(run.team), number=f"late {status}")
        return decide(board, env, run.county.now, run.county.rules, frozenset({gone.id}))

    told = late(S.STAGED)
    assert told.refusal is None
    assert told.result["state"] is S.CANCELLED
    # By its reason it was called off before anybody came.
    against = late(S.CONTACT)
    assert against.refusal is not None
    assert against.refusal.facts["reason"] == "contradicts_end"


# Crews


def test_a_swapped_crew_is_the_shifts_crew_and_known_to_the_roster() -> None:
    run = Run(screening=SAFE_SCENE)
    crew = alone(run)
    by: dict[str, Any] = {"by": on_team(run.team)}
    run.county.do(SwapCrew(assignment_id=run.id, crew=crew, reason="illness"), **by)
    assert run.county.said() == ["crew_changed", "crew_swapped"]
    assert run.county.a_team(run.team).crew == crew
    assert run.run.crew == tuple(m.responder_id for m in crew)
    stranger = CrewMember(responder_id=ResponderId(uid("stranger")))
    command = SwapCrew(assignment_id=run.id, crew=(stranger,))
    run.county.refused("unknown_responder", command, **by)
    run.county.refused("crew_empty", SwapCrew(assignment_id=run.id, crew=()), **by)
