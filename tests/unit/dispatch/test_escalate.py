"""What is due: nothing early, nothing forgotten, the same on every node, and it comes to an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.assignment import Status
from crisis.board import empty_board
from crisis.commands import (
    AcceptOffer,
    AcknowledgeDuress,
    AmendIncident,
    Command,
    DeclineOffer,
    EndShift,
    EscalateDuress,
    EscalateSlot,
    ExpireOffer,
    MissObligation,
    OfferTeam,
    PlanShift,
    RaiseDuress,
    ReportStatus,
    ResolveDuress,
    SetDuty,
)
from crisis.errors import OfferClosed
from crisis.ids import IncidentId, SlotNo, TeamId
from crisis.incident.state import SlotEscalated, SlotWoken
from crisis.obligation import ObligationKind
from crisis.policy import OfferPolicy
from crisis.roles import THE_SERVICE
from crisis.states import Source
from crisis.team import Duty, TeamAvailable, TeamUnavailable
from crisis.triage import Hazard
from dispatch.choose.seek import Seeker, WakeUp
from dispatch.decide import decide
from dispatch.due import Due, TimerCommand, due, next_due, overdue
from tests.unit.dispatch.board_kit import (
    COUNTY,
    MONDAY,
    SERVICE,
    SUPERVISOR,
    County,
    changed,
    clinician,
    on_team,
    rules,
)

AUTO = rules(offers=OfferPolicy(auto_offer=True))
HOUR = timedelta(hours=1)


def ready(county: County) -> tuple[Due, ...]:
    return due(county.board, county.now, county.rules)


def commands(county: County) -> list[Command]:
    return [d.envelope.command for d in ready(county) if isinstance(d, TimerCommand)]


def until_due(county: County) -> datetime:
    """Jump to the next instant at which something is due."""
    at = next_due(county.board, county.rules)
    assert at is not None
    county.wait(max((at - county.now).total_seconds(), 0))
    return county.now


def tick(county: County) -> None:
    """Do what the service does: timer commands as they are, wake-ups by offer or escalation."""
    for one in ready(county):
        if isinstance(one, TimerCommand):
            command, env = one.envelope.command, one.envelope
            assert (env.actor, env.source) == (THE_SERVICE, Source.TIMER)
            county._refusal(command, by=SERVICE, number=str(env.command_id))
            continue
        free = next((t for t in county.board.teams.values() if t.is_free), None)
        names: dict[str, Any] = {
            "incident_id": one.incident_id,
            "slot": one.slot,
            "rung": one.rung,
        }
        if free is None or county._refusal(OfferTeam(team_id=free.id, **names), by=SERVICE):
            county._refusal(EscalateSlot(**names), by=SERVICE)


def settle(county: County, at_most: int = 40) -> None:
    """Tick until nothing is due, which must come soon."""
    for _ in range(at_most):
        if not ready(county):
            return
        tick(county)
    raise AssertionError(f"still due: {ready(county)}")


def test_an_empty_board_waits_for_nothing() -> None:
    board = empty_board(COUNTY)
    assert next_due(board, rules()) is None
    assert due(board, MONDAY, rules()) == ()
    assert overdue(board, MONDAY, rules()) == ()


def test_an_offer_is_due_when_it_expires_and_no_earlier() -> None:
    county = County()
    offer_id = county.offered(county.determined(), county.team())
    expires_at = next_due(county.board, county.rules)
    assert expires_at is not None
    county.wait((expires_at - county.now).total_seconds() - 0.001)
    assert ready(county) == ()
    county.wait(0.001)
    assert commands(county) == [ExpireOffer(offer_id=offer_id)]


def test_the_search_goes_on_after_an_expiry_and_ends_with_the_ladder() -> None:
    county = County()
    incident_id = county.determined()
    county.offered(incident_id, county.team())
    until_due(county)
    tick(county)
    at = county.now
    assert ready(county) == (WakeUp(incident_id=incident_id, slot=SlotNo(1), rung=2, due_at=at),)


def test_a_person_offers_first_unless_the_county_lets_the_service() -> None:
    by_hand, by_itself = County(), County(AUTO)
    by_hand.team()
    by_hand.determined()
    assert ready(by_hand) == ()
    incident_id = by_itself.determined()
    at = by_itself.now
    assert ready(by_itself) == (WakeUp(incident_id=incident_id, slot=SlotNo(1), rung=1, due_at=at),)


def test_an_exhausted_search_wakes_when_a_team_is_freed() -> None:
    county = County(AUTO)
    incident_id = county.determined()
    settle(county)
    wake_at = county.incident(incident_id).slots[0].wake_at
    assert wake_at is not None and wake_at > county.now
    county.wait(1)
    team_id = county.team()
    until_due(county)
    assert county.now < wake_at
    assert [type(d) for d in ready(county)] == [WakeUp]
    settle(county)
    assert county.a_team(team_id).offer is not None


def escalations(county: County) -> list[SlotEscalated]:
    return [e.body for e in county.log if isinstance(e.body, SlotEscalated)]


def test_a_freed_team_that_is_no_use_takes_no_rung_and_tells_nobody() -> None:
    county = County(AUTO)
    incident_id = county.determined()
    settle(county)
    before = county.incident(incident_id).slots[0]
    lone = county.team(crew=(clinician("alone"),))
    until_due(county)
    (wake,) = ready(county)
    assert isinstance(wake, WakeUp) and wake.due_at == county.now
    settle(county)
    assert county.told() == []
    after = county.incident(incident_id).slots[0]
    assert after.exhausted_at == county.now
    assert after == changed(before, exhausted_at=county.now)
    assert county.a_team(lone).is_free
    assert before.wake_at is not None
    county.wait((before.wake_at - county.now).total_seconds() - 1)
    assert not any(isinstance(d, WakeUp) for d in ready(county))
    county.wait(1)
    settle(county)
    assert county.incident(incident_id).slots[0].escalations == before.escalations + 1


def test_in_a_busy_county_without_a_free_team_no_search_is_repeated_for_teams_that_stay_busy() -> (
    None
):
    county = County(AUTO)
    busy = county.team("Busy")
    county.do(SetDuty(team_id=busy, duty="unavailable", reason="break"), by=on_team(busy))
    county.determined()
    settle(county)
    county.happen(TeamAvailable(team_id=busy), TeamUnavailable(team_id=busy, reason="break"))
    county.wait(100)
    assert ready(county) == ()


def test_however_often_useless_teams_are_freed_a_slot_is_looked_at_no_more_than_so_often() -> None:
    county = County(AUTO)
    county.determined()
    settle(county)
    lone = county.team(crew=(clinician("alone"),))
    begun, first = county.now, len(escalations(county))
    while county.now < begun + timedelta(seconds=120):
        county.wait(1)
        county.happen(TeamUnavailable(team_id=lone, reason="break"), TeamAvailable(team_id=lone))
        tick(county)
    repeated = escalations(county)[first:]
    assert 7 <= len(repeated) <= 8
    assert not any(e.climbs for e in repeated)


def test_an_amendment_makes_the_search_anew_and_takes_no_rung() -> None:
    county = County(AUTO)
    incident_id = county.determined()
    settle(county)
    before = county.incident(incident_id).slots[0]
    for _ in range(3):
        county.wait(5)
        county.do(AmendIncident(incident_id=incident_id, hazards=(Hazard(code="animals"),)))
        settle(county)
    after = county.incident(incident_id).slots[0]
    assert (after.escalations, after.rung) == (before.escalations, before.rung)
    assert after.wake_at == before.wake_at


def test_a_repeated_search_is_another_command_than_the_one_before() -> None:
    county = County(AUTO)
    incident_id = county.determined()
    settle(county)
    seeker = Seeker(lambda _: {})
    ids = set()
    for n in range(3):
        county.team(f"Lone {n}", crew=(clinician(f"alone {n}"),))
        until_due(county)
        (wake,) = ready(county)
        assert isinstance(wake, WakeUp) and wake.incident_id == incident_id
        env, _ = seeker.answer(county.board, county.rules, wake)
        assert isinstance(env.command, EscalateSlot)
        ids.add(env.command_id)
        settle(county)
    assert len(ids) == 3


def test_a_team_that_said_no_is_asked_once_more_for_each_rung_and_not_in_a_circle() -> None:
    county = County(AUTO)
    team_id = county.team()
    incident_id = county.determined()
    seeker = Seeker(lambda _: {})

    def answer() -> Command:
        (wake,) = (d for d in ready(county) if isinstance(d, WakeUp))
        env, _ = seeker.answer(county.board, county.rules, wake)
        county.do(env.command, by=SERVICE)
        return env.command

    for _ in range(2):
        assert isinstance(answer(), OfferTeam)
        offer = county.a_team(team_id).offer
        assert offer is not None
        county.do(DeclineOffer(offer_id=offer[1], reason="too_far"), by=on_team(team_id))
        assert isinstance(answer(), EscalateSlot)
        wake_at = county.incident(incident_id).slots[0].wake_at
        assert wake_at is not None
        county.wait((wake_at - county.now).total_seconds())


def test_after_as_many_teams_as_the_policy_asks_the_ladder_goes_on() -> None:
    county = County(rules(offers=OfferPolicy(auto_offer=True, next_best_limit=1)))
    first, _ = county.team("One"), county.team("Two")
    county.determined()
    seeker = Seeker(lambda _: {})
    for expected in (OfferTeam, EscalateSlot):
        (wake,) = (d for d in ready(county) if isinstance(d, WakeUp))
        env, _ = seeker.answer(county.board, county.rules, wake)
        assert isinstance(env.command, expected)
        county.do(env.command, by=SERVICE)
        if isinstance(env.command, OfferTeam):
            team = county.a_team(env.command.team_id)
            assert team.offer is not None
            no = DeclineOffer(offer_id=team.offer[1], reason="too_far")
            county.do(no, by=on_team(team.id))
    assert county.a_team(first).offer is None


def test_a_slot_that_nobody_gave_an_instant_is_sought_at_once() -> None:
    county = County(AUTO)
    incident_id = county.determined()
    settle(county)
    slot = county.incident(incident_id).slots[0]
    county.happen(SlotWoken(incident_id=incident_id, slot=slot.no, wake_at=None))
    (search,) = ready(county)
    assert isinstance(search, WakeUp) and search.due_at == MONDAY, "due since it was determined"


def test_an_unanswered_alarm_is_due_before_everything_else() -> None:
    county = County()
    team_id = county.team()
    county.offered(county.determined(), team_id)
    duress_id = county.do(RaiseDuress(), by=on_team(team_id)).result["duress_id"]
    county.wait(3_600)
    first = commands(county)[0]
    assert first == EscalateDuress(duress_id=duress_id, rung=1)
    county.do(AcknowledgeDuress(duress_id=duress_id))
    assert not any(isinstance(c, EscalateDuress) for c in commands(county))


def test_an_alarm_that_nobody_takes_never_falls_silent() -> None:
    county = County()
    county.do(RaiseDuress(), by=on_team(county.team(hours=100)))
    started_at, rungs = county.now, 0
    while county.now < started_at + HOUR:
        until_due(county)
        rungs += sum(isinstance(c, EscalateDuress) for c in commands(county))
        settle(county)
    assert rungs == 61  # at 30 s, 60 s, and each minute from then on


def test_a_check_in_is_missed_after_its_grace_and_other_things_at_their_instant() -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    run_id = county.running(incident_id, team_id)
    county.do(ReportStatus(assignment_id=run_id, status=Status.EN_ROUTE), by=on_team(team_id))
    owed = {o.kind: o for o in county.board.obligations.values()}
    county.wait((owed[ObligationKind.WAITING_CONTACT].due_at - county.now).total_seconds())
    waiting = MissObligation(obligation_id=owed[ObligationKind.WAITING_CONTACT].id)
    assert commands(county) == [waiting]
    check_in = owed[ObligationKind.CHECK_IN]
    miss = MissObligation(obligation_id=check_in.id)
    grace_s = county.rules.policy.check_ins.grace_s
    county.wait((check_in.due_at - county.now).total_seconds() + grace_s - 1)
    assert miss not in commands(county)
    county.wait(1)
    assert miss in commands(county)


def test_a_missed_follow_up_is_no_longer_the_clockworks_business() -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team(hours=1_000)
    run_id = county.running(incident_id, team_id)
    for status in (Status.ON_SCENE, Status.CONTACT, Status.READY):
        county.do(ReportStatus(assignment_id=run_id, status=status), by=on_team(team_id))
    county.wait(80 * 3_600)
    settle(county)
    missed = {o.kind for o in county.board.obligations.values()}
    assert ObligationKind.FOLLOW_UP in missed
    assert ready(county) == ()


def test_a_shift_ends_at_its_end_and_a_shift_on_overtime_when_its_run_is_over() -> None:
    county = County()
    team_id = county.team(hours=1)
    run_id = county.running(county.determined(), team_id)
    shift_id = county.a_team(team_id).shift_id
    assert shift_id is not None
    county.wait(3_600)
    assert EndShift(shift_id=shift_id) in commands(county)
    settle(county)
    assert county.a_team(team_id).duty is Duty.ENDING
    assert EndShift(shift_id=shift_id) not in commands(county)
    county.do(ReportStatus(assignment_id=run_id, status=Status.READY), by=on_team(team_id))
    settle(county)
    assert county.a_team(team_id).duty is Duty.OFF_SHIFT


def test_an_alarm_keeps_the_team_on_shift_until_it_is_over() -> None:
    county = County()
    team_id = county.team(hours=1)
    duress_id = county.do(RaiseDuress(), by=on_team(team_id)).result["duress_id"]
    county.do(AcknowledgeDuress(duress_id=duress_id))
    county.wait(4_000)
    settle(county)
    assert county.a_team(team_id).duty is Duty.ENDING
    county.do(ResolveDuress(duress_id=duress_id, reason="safe"))
    settle(county)
    assert county.a_team(team_id).duty is Duty.OFF_SHIFT


def test_a_planned_shift_that_nobody_began_goes() -> None:
    county = County()
    team_id = county.team(on_shift=False)
    plan = PlanShift(team_id=team_id, starts_at=county.now, ends_at=county.now + HOUR)
    county.do(plan, by=SUPERVISOR)
    until_due(county)
    settle(county)
    assert county.board.shifts == {} and next_due(county.board, county.rules) is None


def test_an_expected_return_brings_nobody_back() -> None:
    county = County()
    team_id = county.team()
    leave = SetDuty(
        team_id=team_id, duty="unavailable", reason="break", until=county.now + timedelta(minutes=5)
    )
    county.do(leave, by=on_team(team_id))
    county.wait(600)
    assert ready(county) == ()


def test_two_nodes_give_a_deadline_the_same_command_and_each_deadline_its_own() -> None:
    county = County()
    team_id = county.team()
    county.offered(county.determined(), team_id)
    county.do(RaiseDuress(), by=on_team(team_id))
    county.wait(7_200)
    one, other = ready(county), due(county.board, county.now + HOUR, county.rules)
    mine = {d.envelope.command_id for d in one if isinstance(d, TimerCommand)}
    theirs = {d.envelope.command_id for d in other if isinstance(d, TimerCommand)}
    assert mine <= theirs and len(mine) == len(one)
    settle(county)
    county.wait(60)
    again = {d.envelope.command_id for d in ready(county) if isinstance(d, TimerCommand)}
    assert again and not again & mine


def test_what_the_clockwork_left_undone_is_told_oldest_first() -> None:
    county = County()
    team_id = county.team()
    county.offered(county.determined(), team_id)
    county.do(RaiseDuress(), by=on_team(team_id))
    at = next_due(county.board, county.rules)
    assert at is not None
    watchdog_s = county.rules.policy.offers.watchdog_s
    on_time = at + timedelta(seconds=watchdog_s)
    assert overdue(county.board, on_time, county.rules) == ()
    late = overdue(county.board, on_time + timedelta(seconds=600), county.rules)
    assert [one.kind for one in late] == ["duress", "offer"]
    assert late[0].due_at == at and late[0].late_s == watchdog_s + 600


def test_a_team_on_overtime_whose_offer_ended_a_moment_ago_is_not_overdue() -> None:
    county = County()
    team_id = county.team(hours=0.01)
    offer_id = county.offered(county.determined(), team_id)
    county.wait(36)
    tick(county)
    assert county.a_team(team_id).duty is Duty.ENDING and ready(county) == ()
    county.wait(5_000)
    county.do(ExpireOffer(offer_id=offer_id), by=SERVICE)
    assert EndShift in [type(c) for c in commands(county)]
    assert not any(o.kind == "shift" for o in overdue(county.board, county.now, county.rules))
    settle(county)
    assert county.a_team(team_id).duty is Duty.OFF_SHIFT


ACTS = (
    "determine",
    "offer",
    "accept",
    "decline",
    "travel",
    "arrive",
    "ready",
    "press",
    "taken",
    "safe",
    "end shift",
    "wait",
    "wait long",
)
REPORTS = {"travel": Status.EN_ROUTE, "arrive": Status.ON_SCENE, "ready": Status.READY}


@settings(max_examples=40)
@given(st.lists(st.sampled_from(ACTS), max_size=25), st.booleans())
def test_whatever_happens_the_clockwork_keeps_up_and_comes_to_rest(
    acts: list[str], auto: bool
) -> None:
    county = County(AUTO if auto else None)
    teams = [county.team("Blue 1"), county.team("Blue 2", hours=2)]
    for number, act in enumerate(acts):
        _act(county, act, teams[number % 2])
        at = next_due(county.board, county.rules)
        assert bool(ready(county)) == (at is not None and at <= county.now)
        if at is not None:
            before = max(at, county.now) - timedelta(microseconds=1)
            if before >= county.now:
                assert due(county.board, before, county.rules) == ()
            assert due(county.board, max(at, county.now), county.rules)
        settle(county)
        assert overdue(county.board, county.now, county.rules) == ()


def _act(county: County, act: str, team_id: TeamId) -> None:
    if act == "determine" and len(county.board.incidents) < 3:
        county.determined()
    elif act.startswith("wait"):
        county.wait(4_000 if act == "wait long" else 45)
    else:
        command = _command(county, act, team_id)
        by_desk = act in {"offer", "taken", "safe"}
        if command is not None:
            county._refusal(command, **({} if by_desk else {"by": on_team(team_id)}))


def _command(county: County, act: str, team_id: TeamId) -> Command | None:
    team = county.a_team(team_id)
    incident_id = next(iter(county.board.incidents), IncidentId(team_id))
    alarm = next(iter(county.board.duress), None)
    if act in REPORTS and team.run is not None:
        return ReportStatus(assignment_id=team.run[1], status=REPORTS[act], briefed_by="desk")
    match act:
        case "offer":
            return OfferTeam(incident_id=incident_id, team_id=team_id)
        case "accept" if team.offer is not None:
            return AcceptOffer(offer_id=team.offer[1])
        case "decline" if team.offer is not None:
            return DeclineOffer(offer_id=team.offer[1], reason="too_far")
        case "press":
            return RaiseDuress()
        case "taken" if alarm is not None:
            return AcknowledgeDuress(duress_id=alarm)
        case "safe" if alarm is not None:
            return ResolveDuress(duress_id=alarm, reason="safe")
        case "end shift" if team.shift_id is not None:
            return EndShift(shift_id=team.shift_id)
        case _:
            return None


def test_a_timers_command_is_decided_as_it_comes() -> None:
    county = County()
    county.offered(county.determined(), county.team())
    until_due(county)
    (one,) = ready(county)
    assert isinstance(one, TimerCommand)
    decision = decide(county.board, one.envelope, county.now, county.rules)
    assert [event.command_id for event in decision.events] == [one.envelope.command_id]
    with pytest.raises(OfferClosed):
        decide(decision.board, one.envelope, county.now, county.rules)
