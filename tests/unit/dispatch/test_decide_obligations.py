"""Obligations: what counts, what follows, and what a miss sets off."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.board import fold
from crisis.commands import (
    AcknowledgeDuress,
    ClearAssignment,
    CloseIncident,
    CompleteObligation,
    CreateObligation,
    EncounterInput,
    ExceptObligation,
    MissObligation,
    RaiseDuress,
    ReassignObligation,
    RecordAttempt,
    ReportStatus,
    ResolveDuress,
)
from crisis.events import incident_of
from crisis.ids import AssignmentId, IncidentId, ObligationId, TeamId, UserId
from crisis.obligation import (
    Obligation,
    ObligationArose,
    ObligationDone,
    ObligationKind,
    ObligationState,
)
from crisis.roles import Role
from crisis.run_status import CHECK_INS, Status
from crisis.states import Source
from dispatch.decide import decide
from dispatch.decide.owed import check_in_every_s
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    SERVICE,
    SUPERVISOR,
    County,
    changed,
    clinician,
    envelope,
    on_team,
    person,
    uid,
)

K = ObligationKind
WORKER = person("worker", Role.FOLLOW_UP_WORKER)
HOUR = timedelta(hours=1)
#: A talk with the person, by phone.
REACHED: dict[str, Any] = {"outcome": "reached_stable", "mode": "telehealth_audio"}


def owed(
    county: County, kind: ObligationKind, due_in_s: float = 3_600, **facts: Any
) -> ObligationId:
    """An obligation that arose by itself."""
    obligation_id = ObligationId(uid(f"owed {county.board.seq}"))
    county.happen(
        ObligationArose(
            obligation_id=obligation_id,
            kind=kind,
            due_at=county.now + timedelta(seconds=due_in_s),
            rule="test",
            **facts,
        )
    )
    return obligation_id


def open_of(county: County, kind: ObligationKind) -> list[Obligation]:
    return [o for o in county.board.obligations.values() if o.kind is kind and o.is_open]


def on_the_road(county: County) -> tuple[IncidentId, TeamId, AssignmentId]:
    """A team en route, which owes its first check-in."""
    team_id = county.team()
    incident_id = county.determined()
    run_id = county.running(incident_id, team_id)
    county.do(ReportStatus(assignment_id=run_id, status=Status.EN_ROUTE), by=on_team(team_id))
    return incident_id, team_id, run_id


# By hand


def test_a_mandated_report_is_owed_by_who_says_so() -> None:
    county = County()
    command = CreateObligation(kind=K.MANDATED_REPORT, due_at=county.now + 36 * HOUR)
    obligation_id = county.do(command, by=WORKER).result["obligation_id"]
    assert county.board.obligations[obligation_id].owner == WORKER.user_id


def test_what_can_not_be_owed_by_hand_is_refused() -> None:
    county = County()
    later = county.now + HOUR
    county.refused("check_in_by_hand", CreateObligation(kind=K.CHECK_IN, due_at=later))
    county.refused("due_in_past", CreateObligation(kind=K.NOTE, due_at=county.now))
    county.refused("incident_needed", CreateObligation(kind=K.WAITING_CONTACT, due_at=later))
    county.refused(
        "unknown_incident",
        CreateObligation(kind=K.NOTE, due_at=later, incident_id=IncidentId(uid("none"))),
    )
    incident_id, team_id = county.opened(), county.team()
    county.refused(
        "not_your_incident",
        CreateObligation(kind=K.MANDATED_REPORT, due_at=later, incident_id=incident_id),
        by=on_team(team_id),
    )


# Tried and met


def test_an_attempt_reaches_nobody_and_leaves_it_due() -> None:
    county = County()
    follow_up = owed(county, K.FOLLOW_UP)
    done = county.do(
        RecordAttempt(obligation_id=follow_up, outcome="voicemail", mode="telehealth_audio"),
        by=WORKER,
    )
    assert done.result["attempts"] == 1
    assert county.board.obligations[follow_up].state is ObligationState.DUE
    assert county.log[-1].body.mode == "telehealth_audio"  # type: ignore[union-attr]
    county.refused(
        "not_an_attempt",
        RecordAttempt(obligation_id=follow_up, outcome="reached_stable", mode="telehealth_audio"),
    )
    county.refused(
        "unknown_code", RecordAttempt(obligation_id=follow_up, outcome="voicemail", mode="pigeon")
    )


@pytest.mark.parametrize(
    ("outcome", "mode", "code"),
    [
        ("done", "telehealth_audio", "outcome_missing"),
        (None, "telehealth_audio", "outcome_missing"),
        ("voicemail", "telehealth_audio", "not_reached"),
        ("declined", "telehealth_audio", "outcome_is_exception"),
        ("reached_stable", None, "mode_missing"),
        ("reached_stable", "pigeon", "unknown_code"),
        ("reached_stable", "text", "mode_not_enough"),
        ("reached_stable", "letter", "mode_not_enough"),
    ],
)
def test_a_follow_up_takes_a_talk_with_the_person(
    outcome: str | None, mode: str | None, code: str
) -> None:
    county = County()
    follow_up = owed(county, K.FOLLOW_UP)
    command = CompleteObligation(obligation_id=follow_up, outcome=outcome, mode=mode)
    county.refused(code, command, by=WORKER)


@pytest.mark.parametrize("mode", ["telehealth_audio", "in_person", "telehealth_video"])
def test_a_follow_up_is_met_by_phone_video_or_in_person(mode: str) -> None:
    county = County()
    follow_up = owed(county, K.FOLLOW_UP)
    done = county.do(
        CompleteObligation(obligation_id=follow_up, outcome="reached_new_crisis", mode=mode),
        by=WORKER,
    )
    assert done.result["opens_new_request"] and county.board.obligations == {}
    again = CompleteObligation(obligation_id=follow_up, outcome="reached_stable", mode=mode)
    county.refused("illegal_transition", again)


@pytest.mark.parametrize(
    ("kind", "says", "code"),
    [
        (K.NOTE, {}, "note_missing"),
        (K.NOTE, {"text": "  ", "reference": ""}, "note_missing"),
        (K.NOTE, {"told": "the plan"}, "note_missing"),
        (K.NOTE, {"text": "met", "outcome": "reached_stable"}, "outcome"),
        (K.PLAN_NOTICE, {}, "told_missing"),
        (K.PLAN_NOTICE, {"outcome": "done", "reference": "7"}, "told_missing"),
        (K.MANDATED_REPORT, {}, "told_missing"),
        (K.MANDATED_REPORT, {"told": " "}, "told_missing"),
        (K.CALLBACK, {}, "outcome_missing"),
        (K.CALLBACK, {"outcome": "done", "mode": "telehealth_audio"}, "outcome_missing"),
        (K.CALLBACK, {"outcome": "reached_stable"}, "mode_missing"),
        (K.CALLBACK, {"outcome": "no_answer", "mode": "telehealth_audio"}, "not_reached"),
        (K.FOLLOW_UP, {}, "outcome_missing"),
    ],
)
def test_done_without_what_was_to_be_done_is_refused(
    kind: ObligationKind, says: dict[str, Any], code: str
) -> None:
    county = County()
    one = owed(county, kind, owner=WORKER.user_id)
    county.refused(code, CompleteObligation(obligation_id=one, **says), by=WORKER)
    assert len(open_of(county, kind)) == 1


@pytest.mark.parametrize(
    ("kind", "says", "outcome", "mode", "kept"),
    [
        (K.NOTE, {"text": "Met at home."}, "recorded", "note", {"text": "Met at home."}),
        (K.NOTE, {"reference": "EHR 12"}, "kept_elsewhere", "note", {"reference": "EHR 12"}),
        (
            K.PLAN_NOTICE,
            {"told": "The plan", "reference": "a7"},
            "done",
            "in_writing",
            {"told": "The plan", "reference": "a7"},
        ),
        (K.MANDATED_REPORT, {"told": "CPS"}, "done", "in_writing", {"told": "CPS"}),
        (
            K.CALLBACK,
            {"outcome": "reached_stable", "mode": "telehealth_audio"},
            "reached_stable",
            "telehealth_audio",
            None,
        ),
    ],
)
def test_done_keeps_encrypted_what_it_rests_on(
    kind: ObligationKind,
    says: dict[str, Any],
    outcome: str,
    mode: str,
    kept: dict[str, str] | None,
) -> None:
    county = County()
    one = owed(county, kind, owner=WORKER.user_id)
    decision = county.do(CompleteObligation(obligation_id=one, **says), by=WORKER)
    done = decision.events[0].body
    assert isinstance(done, ObligationDone)
    assert (done.outcome, done.mode) == (outcome, mode)
    records = {record.id: record.fields for record in decision.records}
    assert (records[done.record] if done.record is not None else None) == kept
    assert open_of(county, kind) == []


def test_what_is_met_after_its_time_is_late_and_what_is_entered_late_is_not() -> None:
    county = County()
    first, second = owed(county, K.NOTE, 60), owed(county, K.NOTE, 60)
    county.wait(120)
    for one in (first, second):
        county.do(MissObligation(obligation_id=one), by=SERVICE)
    assert len(open_of(county, K.NOTE)) == 2
    county.do(CompleteObligation(obligation_id=first, text="Late."))
    assert county.log[-1].body.late is True  # type: ignore[union-attr]
    told = CompleteObligation(obligation_id=second, text="In time.")
    county.do(told, occurred_at=county.now - 0.025 * HOUR)
    assert county.log[-1].body.late is False  # type: ignore[union-attr]


def test_a_responder_meets_only_what_their_own_team_owes() -> None:
    county = County()
    incident_id, team_id, _ = on_the_road(county)
    (check_in,) = open_of(county, K.CHECK_IN)
    done = CompleteObligation(obligation_id=check_in.id)
    other = county.team("Blue 2")
    county.refused("not_your_team", done, by=on_team(other))
    county.do(done, by=on_team(team_id))
    report = CreateObligation(
        kind=K.MANDATED_REPORT, due_at=county.now + HOUR, incident_id=incident_id
    )
    theirs = CompleteObligation(
        obligation_id=county.do(report, by=on_team(team_id)).result["obligation_id"], told="APS"
    )
    assert county.board.obligations[theirs.obligation_id].team_id == team_id
    county.refused("not_your_team", theirs, by=on_team(other))
    county.do(theirs, by=on_team(team_id))
    own = owed(county, K.NOTE, incident_id=incident_id, owner=on_team(other).user_id)
    county.do(CompleteObligation(obligation_id=own, text="Seen."), by=on_team(other))


# Excepted and passed on


def test_an_exception_takes_a_reason_that_the_kind_allows() -> None:
    county = County()
    note = owed(county, K.NOTE)
    refusal = county.refused(
        "exception_not_for_kind", ExceptObligation(obligation_id=note, reason="declined")
    )
    assert refusal.facts["allowed"] == ["encounter_voided"]
    county.refused("unknown_code", ExceptObligation(obligation_id=note, reason="lazy"))
    county.do(ExceptObligation(obligation_id=note, reason="encounter_voided"))
    assert county.board.obligations == {}


def test_a_safety_check_in_is_excused_by_nothing() -> None:
    county = County()
    on_the_road(county)
    (check_in,) = open_of(county, K.CHECK_IN)
    for code in county.rules.codes["obligation_exception"]:
        county.refused(
            "exception_not_for_kind", ExceptObligation(obligation_id=check_in.id, reason=code.code)
        )


def test_a_person_counts_as_unreachable_only_after_the_tries_that_the_policy_asks_for() -> None:
    county = County()
    follow_up = owed(county, K.FOLLOW_UP)
    give_up = ExceptObligation(obligation_id=follow_up, reason="unable_after_attempts")
    for attempts in range(county.rules.policy.obligations.followup_attempts):
        refusal = county.refused("too_few_attempts", give_up, by=WORKER)
        assert refusal.facts["attempts"] == attempts
        county.do(
            RecordAttempt(obligation_id=follow_up, outcome="no_answer", mode="telehealth_audio"),
            by=WORKER,
        )
    county.do(give_up, by=WORKER)
    assert county.board.obligations == {}


def test_a_new_owner_is_told() -> None:
    county = County()
    note = owed(county, K.NOTE)
    county.do(ReassignObligation(obligation_id=note, owner=UserId(uid("worker"))))
    assert county.board.obligations[note].owner == uid("worker")
    assert county.told() == [(f"user:{uid('worker')}", "obligation_yours")]
    county.do(ReassignObligation(obligation_id=note, owner=DISPATCHER.user_id))  # type: ignore[arg-type]
    assert county.told() == []


# Check-ins


def test_a_check_in_done_is_followed_by_the_next_of_its_stage() -> None:
    county = County()
    _, team_id, run_id = on_the_road(county)
    (first,) = open_of(county, K.CHECK_IN)
    county.wait(600)
    county.do(CompleteObligation(obligation_id=first.id), by=on_team(team_id))
    (second,) = open_of(county, K.CHECK_IN)
    every_s = county.rules.policy.check_ins.en_route_s
    assert second.due_at == county.now + timedelta(seconds=every_s)
    assert (second.assignment_id, second.stage) == (run_id, "en_route")


def test_check_ins_end_with_the_run() -> None:
    county = County()
    _, team_id, run_id = on_the_road(county)
    (first,) = open_of(county, K.CHECK_IN)
    county.do(ReportStatus(assignment_id=run_id, status=Status.READY), by=on_team(team_id))
    assert open_of(county, K.CHECK_IN) == []
    county.board = county.board.holding("obligations", first)  # nobody had closed it
    county.wait(10_000)
    county.do(MissObligation(obligation_id=first.id), by=SERVICE)
    assert county.said() == ["obligation_excepted"] and county.board.duress == {}


def test_one_member_alone_on_scene_is_asked_more_often() -> None:
    county = County()
    intervals = county.rules.policy.check_ins
    two = county.a_team(county.team("Blue 1"))
    one = county.a_team(county.team("Blue 2", [clinician("Solo")]))
    assert check_in_every_s(county.rules.policy, "on_scene", two) == intervals.on_scene_s
    assert check_in_every_s(county.rules.policy, "on_scene", one) == intervals.lone_on_scene_s
    assert check_in_every_s(county.rules.policy, "en_route", one) == intervals.en_route_s
    assert check_in_every_s(county.rules.policy, "transport", one) == intervals.transport_s


def test_a_missed_check_in_raises_the_alarm_after_the_grace() -> None:
    county = County()
    _, team_id, run_id = on_the_road(county)
    (check_in,) = open_of(county, K.CHECK_IN)
    intervals = county.rules.policy.check_ins
    miss = MissObligation(obligation_id=check_in.id)
    county.wait(intervals.en_route_s + intervals.grace_s - 1)
    county.refused("not_lapsed", miss, by=SERVICE)
    county.wait(1)
    done = county.do(miss, by=SERVICE)
    (alarm,) = county.board.duress.values()
    assert done.result["duress_id"] == alarm.id
    assert (alarm.cause, alarm.team_id, alarm.assignment_id) == (
        "missed_check_in",
        team_id,
        run_id,
    )
    assert ("role:dispatcher", "duress_raised") in county.told()
    assert check_in.id not in county.board.obligations


def test_a_crew_that_answers_a_missed_check_in_is_heard_and_the_alarm_stays() -> None:
    county = County()
    _, team_id, _ = on_the_road(county)
    (missed,) = open_of(county, K.CHECK_IN)
    county.wait(10_000)
    duress_id = county.do(MissObligation(obligation_id=missed.id), by=SERVICE).result["duress_id"]
    county.do(AcknowledgeDuress(duress_id=duress_id))
    gone = msgspec.structs.replace(missed, state=ObligationState.MISSED, missed_at=county.now)
    board = county.board.holding("obligations", gone)
    env = envelope(CompleteObligation(obligation_id=gone.id), by=on_team(team_id), number="late")
    done = decide(board, env, county.now, county.rules, frozenset({gone.id}))
    told = [(notice.to, notice.template) for notice in done.notices]
    assert told == [(f"user:{DISPATCHER.user_id}", "check_in_answered")]
    assert done.board.duress[duress_id].is_open
    # The next one is owed from now on.
    assert done.result["next"] in done.board.obligations


def test_what_becomes_of_something_owed_stands_in_its_incidents_timeline() -> None:
    county = County()
    incident_id = county.determined()
    assert WORKER.user_id is not None
    ends = [
        RecordAttempt(
            obligation_id=owed(county, K.FOLLOW_UP, incident_id=incident_id),
            outcome="no_answer",
            mode="telehealth_audio",
        ),
        CompleteObligation(
            obligation_id=owed(county, K.NOTE, incident_id=incident_id), reference="EHR 7"
        ),
        ExceptObligation(
            obligation_id=owed(county, K.PLAN_NOTICE, incident_id=incident_id), reason="no_consent"
        ),
        ReassignObligation(
            obligation_id=owed(county, K.CALLBACK, incident_id=incident_id), owner=WORKER.user_id
        ),
    ]
    for command in ends:
        (event, *_) = county.do(command).events
        assert incident_of(event.body) == incident_id
    missed = owed(county, K.MANDATED_REPORT, incident_id=incident_id)
    county.wait(10_000)
    (event, *_) = county.do(MissObligation(obligation_id=missed), by=SERVICE).events
    assert incident_of(event.body) == incident_id


def test_a_missed_check_in_adds_no_alarm_to_an_open_one() -> None:
    county = County()
    _, team_id, _ = on_the_road(county)
    county.do(RaiseDuress(), by=on_team(team_id))
    (check_in,) = open_of(county, K.CHECK_IN)
    county.wait(10_000)
    county.do(MissObligation(obligation_id=check_in.id), by=SERVICE)
    assert len(county.board.duress) == 1


def test_check_ins_go_on_when_the_alarm_is_over() -> None:
    county = County()
    _, _, run_id = on_the_road(county)
    (check_in,) = open_of(county, K.CHECK_IN)
    county.wait(10_000)
    duress_id = county.do(MissObligation(obligation_id=check_in.id), by=SERVICE).result["duress_id"]
    assert open_of(county, K.CHECK_IN) == []
    county.do(AcknowledgeDuress(duress_id=duress_id))
    county.do(ResolveDuress(duress_id=duress_id, reason="check_in_late"))
    (following,) = open_of(county, K.CHECK_IN)
    assert following.assignment_id == run_id and following.due_at > county.now


# Waiting contacts and the rest


def test_whoever_waits_is_called_until_a_team_is_there() -> None:
    county = County()
    incident_id = county.determined()
    (first,) = open_of(county, K.WAITING_CONTACT)
    county.do(CompleteObligation(obligation_id=first.id, **REACHED))
    (second,) = open_of(county, K.WAITING_CONTACT)
    assert (second.incident_id, second.due_at) == (incident_id, first.due_at)
    county.wait(10_000)
    done = county.do(MissObligation(obligation_id=second.id), by=SERVICE)
    (third,) = open_of(county, K.WAITING_CONTACT)
    assert done.result["next"] == third.id and third.due_at > county.now
    assert county.told() == [("role:dispatcher", "waiting_contact_missed")]
    team_id = county.team()
    run_id = county.running(incident_id, team_id)
    county.do(ReportStatus(assignment_id=run_id, status=Status.ON_SCENE), by=on_team(team_id))
    assert open_of(county, K.WAITING_CONTACT) == []


def test_the_rest_stays_on_the_board_as_missed_and_the_supervisor_knows() -> None:
    county = County()
    follow_up = owed(county, K.FOLLOW_UP, 60, owner=WORKER.user_id)
    county.wait(60)
    county.do(MissObligation(obligation_id=follow_up), by=SERVICE)
    assert county.board.obligations[follow_up].state is ObligationState.MISSED
    assert county.told() == [
        (f"user:{WORKER.user_id}", "follow_up_missed"),
        ("role:supervisor", "follow_up_missed"),
    ]
    county.refused("not_lapsed", MissObligation(obligation_id=follow_up), by=SERVICE)
    county.do(ExceptObligation(obligation_id=follow_up, reason="inpatient"), by=WORKER)
    assert county.board.obligations == {}


def test_what_lapsed_in_days_of_standstill_stands_on_the_board_and_rings_no_more() -> None:
    county = County()
    follow_up = owed(county, K.FOLLOW_UP, 60, owner=WORKER.user_id)
    county.wait(60 + 86_401)
    county.do(MissObligation(obligation_id=follow_up), by=SERVICE)
    assert county.board.obligations[follow_up].state is ObligationState.MISSED
    assert county.told() == []


def test_the_papers_of_an_outage_owe_no_waiting_contact() -> None:
    county = County()
    county.opened(by=SUPERVISOR, source=Source.BACK_ENTRY, reason="power_outage", paper_number="p7")
    waiting = owed(county, K.WAITING_CONTACT, incident_id=next(iter(county.board.incidents)))
    county.do(CompleteObligation(obligation_id=waiting, **REACHED))
    assert county.board.obligations == {}


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["done", "miss", "wait", "press", "safe", "arrive"]), max_size=15))
def test_a_team_on_a_run_is_always_being_looked_after(acts: list[str]) -> None:
    county = County()
    _, team_id, run_id = on_the_road(county)
    for act in acts:
        check_in = next((o.id for o in open_of(county, K.CHECK_IN)), ObligationId(uid("none")))
        duress_id = next(iter(county.board.duress), None)
        match act:
            case "done":
                county._refusal(CompleteObligation(obligation_id=check_in), by=on_team(team_id))
            case "miss":
                county._refusal(MissObligation(obligation_id=check_in), by=SERVICE)
            case "press":
                county.do(RaiseDuress(), by=on_team(team_id))
            case "safe" if duress_id is not None:
                county._refusal(AcknowledgeDuress(duress_id=duress_id))
                county.do(ResolveDuress(duress_id=duress_id, reason="safe"))
            case "arrive":
                arrive = ReportStatus(assignment_id=run_id, status=Status.ON_SCENE)
                county.do(arrive, by=on_team(team_id))
            case _:
                county.wait(3_000)
        assert len(open_of(county, K.CHECK_IN)) <= 1
        assert open_of(county, K.CHECK_IN) or county.board.duress


def test_a_sign_of_life_that_comes_late_is_kept_and_the_alarm_stays() -> None:
    county = County()
    _, team_id, _ = on_the_road(county)
    (check_in,) = open_of(county, K.CHECK_IN)
    county.wait(3_000)
    county.do(MissObligation(obligation_id=check_in.id), by=SERVICE)
    missed = changed(check_in, state=ObligationState.MISSED, missed_at=county.now)
    env = envelope(
        CompleteObligation(obligation_id=check_in.id),
        by=on_team(team_id),
        occurred_at=county.now - HOUR / 2,
    )
    board = county.board.holding("obligations", missed)
    decision = decide(board, env, county.now, county.rules, frozenset({check_in.id}))
    done = decision.events[0]
    assert done.off_board and done.body.late is False  # type: ignore[union-attr]
    elsewhere = reduce(fold, decision.events, county.board)
    assert check_in.id not in elsewhere.obligations and len(elsewhere.duress) == 1


@pytest.mark.parametrize("status", sorted(set(CHECK_INS)))
def test_a_crew_that_is_away_and_not_heard_of_is_an_alarm_in_every_state(status: Status) -> None:
    county = County()
    team, incident_id = county.team(), county.determined()
    run = county.running(incident_id, team)
    report = ReportStatus(
        assignment_id=run, status=status, briefed_by="dispatcher", staging_reason="violence"
    )
    county.do(report, by=on_team(team))
    (check_in,) = (o for o in county.board.obligations.values() if o.kind is K.CHECK_IN)
    county.now = check_in.lapses_at
    county.do(MissObligation(obligation_id=check_in.id), by=SERVICE)
    assert [alarm.cause for alarm in county.board.duress.values()] == ["missed_check_in"]
    assert ("role:dispatcher", "duress_raised") in county.told()


def left_owing(met: int) -> tuple[County, IncidentId, TeamId]:
    """An incident that has left the board, and what its run still owes for so many people met."""
    county = County()
    team_id = county.team()
    incident_id = county.determined()
    run_id = county.running(incident_id, team_id)
    by = on_team(team_id)
    county.do(ReportStatus(assignment_id=run_id, status=Status.ON_SCENE), by=by)
    people = (EncounterInput(disposition="stabilized_safety_plan"),) * met
    county.do(ClearAssignment(assignment_id=run_id, encounters=people, ready=True), by=by)
    county.do(CloseIncident(incident_id=incident_id))
    assert incident_id not in county.board.incidents, "it has left the board"
    county.wait(3_600)
    return county, incident_id, team_id


@pytest.mark.parametrize("met", [1, 2, 3])
@pytest.mark.parametrize("way", ["text", "reference"])
def test_each_person_met_is_owed_a_note_and_it_rests_on_something_when_all_has_left_the_board(
    met: int, way: str
) -> None:
    county, incident_id, team_id = left_owing(met)
    notes = open_of(county, K.NOTE)
    assert len(notes) == met
    for left, note in enumerate(notes, start=1):
        bare = CompleteObligation(obligation_id=note.id)
        county.refused("note_missing", bare, by=on_team(team_id))
        blank = CompleteObligation(obligation_id=note.id, **{way: "  "})
        county.refused("note_missing", blank, by=on_team(team_id))
        rests = CompleteObligation(obligation_id=note.id, **{way: "kept in the other system, 12"})
        done = county.do(rests, by=on_team(team_id))
        assert [record.incident_id for record in done.records] == [incident_id]
        [body] = [e.body for e in done.events if isinstance(e.body, ObligationDone)]
        assert body.record == done.records[0].id and body.incident_id == incident_id
        assert len(open_of(county, K.NOTE)) == met - left
    assert incident_id not in county.board.incidents


@pytest.mark.parametrize("kind", [K.PLAN_NOTICE, K.FOLLOW_UP, K.MANDATED_REPORT])
def test_what_is_owed_to_others_rests_on_whom_was_told_or_reached_off_the_board_too(
    kind: ObligationKind,
) -> None:
    county, incident_id, _ = left_owing(1)
    if kind is K.MANDATED_REPORT:
        owed(county, kind, incident_id=incident_id)
    [one] = open_of(county, kind)
    code = "outcome_missing" if kind is K.FOLLOW_UP else "told_missing"
    county.refused(code, CompleteObligation(obligation_id=one.id))
    said: dict[str, Any] = REACHED if kind is K.FOLLOW_UP else {"told": "the plan, by letter"}
    done = county.do(CompleteObligation(obligation_id=one.id, **said))
    kept = [record.incident_id for record in done.records]
    assert kept == ([] if kind is K.FOLLOW_UP else [incident_id])
    assert open_of(county, kind) == [] and incident_id not in county.board.incidents
