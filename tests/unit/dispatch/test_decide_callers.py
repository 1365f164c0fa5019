"""Callers who wait: on a line that rings, on hold, in a transfer, or for somebody to call back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crisis.assignment import Status
from crisis.call import OPEN_CALL_STATES, SPOKEN_WITH, CallState
from crisis.commands import (
    AbandonCall,
    AnswerCall,
    Caller,
    Command,
    CompleteObligation,
    ConfirmTransfer,
    Determine,
    EndCall,
    FailTransfer,
    FlagCall,
    HoldCall,
    LeaveDesk,
    LoseCall,
    OfferCall,
    RecordAttempt,
    ReportStatus,
    ResumeCall,
    TakeCallInHand,
    TransferCall,
)
from crisis.errors import CrisisError
from crisis.ids import CallId
from crisis.obligation import ObligationKind, ObligationState
from crisis.policy import CallPolicy, WaitingPolicy
from crisis.roles import Role
from crisis.states import Source
from crisis.triage import Acuity
from dispatch.decide.callers import TOLD
from dispatch.due import TimerCommand, due, next_due, overdue
from tests.unit.dispatch.board_kit import (
    CALL_TAKER,
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    SUPERVISOR,
    County,
    on_team,
    person,
    rules,
    uid,
)
from tests.unit.dispatch.night_kit import Night, rings

LINE = person("telephone line", Role.INTEGRATION)
ON_CALL = person("on call", Role.ON_CALL)
HOLDER = f"user:{CALL_TAKER.user_id}"
DESKS = {"role:call_taker", "role:dispatcher"}
EVERYBODY = {*DESKS, "role:supervisor", "role:on_call"}
REACHED: dict[str, Any] = {"outcome": "reached_stable", "mode": "telehealth_audio"}
PAPERS: dict[str, Any] = {"by": SUPERVISOR, "source": Source.BACK_ENTRY, "reason": "system_outage"}


def ringing(county: County, **fields: Any) -> CallId:
    return CallId(county.do(OfferCall(**fields), by=LINE).result["call_id"])


def test_every_state_of_an_open_call_is_a_persons_or_somebody_hears_of_it() -> None:
    assert SPOKEN_WITH.isdisjoint(TOLD)
    assert SPOKEN_WITH | TOLD.keys() == OPEN_CALL_STATES


def test_a_call_that_nobody_answers_is_heard_by_more_people_until_somebody_does() -> None:
    county = Night()
    call_id = ringing(county)
    rung = rings(county, "call_unanswered", 1_000)
    assert rung == {
        30: DESKS,
        90: {*DESKS, "role:supervisor"},
        150: EVERYBODY,
        450: EVERYBODY,
        750: EVERYBODY,
    }
    assert county.board.calls[call_id].told == 5
    county.do(AnswerCall(call_id=call_id), by=CALL_TAKER)
    assert rings(county, "call_unanswered", 3_600) == {}


def test_a_caller_who_gives_up_rings_no_more_and_the_callback_rings_instead() -> None:
    county = Night()
    call_id = ringing(county, caller=Caller(callback="510-555-0101"))
    county.do(AbandonCall(call_id=call_id), by=LINE)
    told = county.pass_until(900)
    assert {what for _, _, what in told} == {"callback_missed"}


def test_a_caller_on_hold_is_heard_of_by_who_holds_them_and_then_by_others() -> None:
    county = Night()
    call_id = county.call()
    county.do(HoldCall(call_id=call_id), by=CALL_TAKER)
    rung = rings(county, "call_on_hold", 301)
    assert rung == {
        180: {HOLDER},
        240: {HOLDER, *DESKS, "role:supervisor"},
        300: EVERYBODY,
    }
    county.do(ResumeCall(call_id=call_id), by=CALL_TAKER)
    assert county.pass_until(3_600) == []
    county.do(HoldCall(call_id=call_id), by=CALL_TAKER)
    assert rings(county, "call_on_hold", 200) == {180: {HOLDER}}, "each wait begins anew"


def test_a_transfer_that_nobody_picks_up_is_heard_of_until_it_is_done_or_has_failed() -> None:
    county = Night()
    call_id = county.call()
    county.do(TransferCall(call_id=call_id, to="line_988"), by=CALL_TAKER)
    county.do(ConfirmTransfer(call_id=call_id, side="us"), by=CALL_TAKER)
    rung = rings(county, "transfer_open", 721)
    assert list(rung) == [600, 660, 720] and rung[600] == {HOLDER} and rung[720] == EVERYBODY
    county.do(FailTransfer(call_id=call_id), by=CALL_TAKER)
    assert county.pass_until(3_600) == []


def test_who_leaves_the_desk_leaves_the_caller_to_whoever_answers_next() -> None:
    county = Night()
    for command in (HoldCall, None):
        call_id = county.call(f"call {command}")
        if command is not None:
            county.do(command(call_id=call_id), by=CALL_TAKER)
        left = county.do(LeaveDesk(), by=CALL_TAKER).result["call_ids"]
        assert left == [call_id]
        call = county.board.calls[call_id]
        assert (call.state, call.answered_by) == (CallState.OFFERED, None)
        first_answered_at = call.answered_at
        assert rings(county, "call_unanswered", 31) == {30: DESKS}
        county.do(AnswerCall(call_id=call_id), by=DISPATCHER)
        again = county.board.calls[call_id]
        assert (again.answered_by, again.answered_at) == (DISPATCHER.user_id, first_answered_at)
        county.do(EndCall(call_id=call_id), by=DISPATCHER)


def test_who_has_a_caller_in_hand_is_left_to_it_and_asked_anew() -> None:
    county = Night()
    call_id = ringing(county)
    county.pass_until(31)
    county.do(TakeCallInHand(call_id=call_id), by=ON_CALL)
    call = county.board.calls[call_id]
    assert call.in_hand_by == ON_CALL.user_id
    assert call.in_hand_until == county.now + timedelta(seconds=900)
    assert county.pass_until(899) == []
    assert rings(county, "call_unanswered", 2) == {1: {*DESKS, "role:supervisor"}}


def test_a_caller_in_the_hand_of_somebody_who_leaves_rings_at_once() -> None:
    county = Night()
    ringing(county)
    county.pass_until(31)
    call_id = next(iter(county.board.calls))
    county.do(TakeCallInHand(call_id=call_id), by=OTHER_DISPATCHER)
    county.wait(300)
    county.do(LeaveDesk(), by=OTHER_DISPATCHER)
    assert county.board.calls[call_id].in_hand_by is None
    assert 0 in rings(county, "call_unanswered", 1)


def test_nobody_has_in_hand_a_caller_who_is_spoken_with_and_no_crew_may() -> None:
    county = County()
    county.refused("caller_not_waiting", TakeCallInHand(call_id=county.call()))
    county.refused("role", TakeCallInHand(call_id=ringing(county)), by=on_team(county.team()))
    county.refused("unknown_call", TakeCallInHand(call_id=CallId(uid("none"))))


def test_nothing_is_told_before_its_instant_or_of_a_call_that_was_answered() -> None:
    county = County()
    call_id = ringing(county)
    county.refused("not_due", FlagCall(call_id=call_id), by=SERVICE)
    county.wait(60)
    county.do(AnswerCall(call_id=call_id), by=CALL_TAKER)
    county.refused("not_due", FlagCall(call_id=call_id), by=SERVICE)


def test_what_we_place_and_what_was_kept_on_paper_wakes_nobody() -> None:
    county = Night()
    county.do(OfferCall(direction="outbound"), by=CALL_TAKER)
    county.do(OfferCall(), occurred_at=county.now - timedelta(hours=2), **PAPERS)
    assert county.pass_until(86_400) == []
    assert next_due(county.board, county.rules) is None


def test_a_call_about_an_incident_is_told_with_its_number() -> None:
    county = Night()
    call_id = county.call()
    county.opened(call_id=call_id)
    county.do(HoldCall(call_id=call_id), by=CALL_TAKER)
    county.wait(200)
    county.do(FlagCall(call_id=call_id), by=SERVICE)
    assert county.last is not None
    assert {notice.incident_number for notice in county.last.notices} == {1}


def test_the_county_sets_how_long_a_caller_waits() -> None:
    calls = CallPolicy(answer_s=10, hold_s=20, transfer_s=40, again_s=5)
    county = Night(rules(calls=calls, waiting=WaitingPolicy(alarm_again_s=100)))
    ringing(county)
    assert list(rings(county, "call_unanswered", 125)) == [10, 15, 20, 120]


def test_a_clockwork_that_forgets_a_caller_is_told_of_as_any_other() -> None:
    county = County()
    call_id = ringing(county)
    county.wait(120)
    (late,) = overdue(county.board, county.now, county.rules)
    assert (late.kind, late.subject, late.late_s) == ("call", str(call_id), 90)


# Callbacks


def owed(county: County) -> Any:
    (callback,) = (
        o for o in county.board.obligations.values() if o.kind is ObligationKind.CALLBACK
    )
    return callback


def test_a_callback_that_nobody_makes_rings_until_somebody_does() -> None:
    county = Night()
    county.do(LoseCall(call_id=county.call()), by=LINE)
    rung = rings(county, "callback_missed", 1_100)
    assert rung == {
        120: {HOLDER, "role:supervisor"},
        420: {HOLDER, "role:dispatcher", "role:supervisor"},
        720: {HOLDER, "role:dispatcher", "role:supervisor", "role:on_call"},
        1_020: {HOLDER, "role:dispatcher", "role:supervisor", "role:on_call"},
    }
    assert owed(county).missed_at is not None and owed(county).told == 4
    county.do(CompleteObligation(obligation_id=owed(county).id, **REACHED))
    assert county.pass_until(3_600) == []


def test_a_try_keeps_a_missed_callback_silent_for_a_while_and_no_longer() -> None:
    county = Night()
    county.do(LoseCall(call_id=county.call()), by=LINE)
    county.pass_until(130)
    tried = {**REACHED, "outcome": "no_answer"}
    county.do(RecordAttempt(obligation_id=owed(county).id, **tried))
    assert owed(county).state is ObligationState.MISSED
    assert min(rings(county, "callback_missed", 1_000)) == 900


def test_a_callback_that_lapsed_in_days_of_standstill_stands_and_does_not_ring() -> None:
    county = Night()
    county.do(LoseCall(call_id=county.call()), by=LINE)
    county.wait(2 * 86_400)
    assert county.pass_until(7_200) == []
    assert owed(county).state is ObligationState.MISSED and owed(county).is_open


# Who waits for a team and isn't spoken with


def test_a_waiting_person_whom_nobody_calls_is_heard_of_by_more_people_each_time() -> None:
    county = Night()
    incident_id, team = county.opened(), county.team()
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT))
    run = county.running(incident_id, team)
    en_route = ReportStatus(assignment_id=run, status=Status.EN_ROUTE, briefed_by="dispatcher")
    county.do(en_route, by=on_team(team))
    rung = rings(county, "waiting_contact_missed", 1_900)
    assert rung == {
        600: {"role:dispatcher"},
        1_200: {"role:dispatcher", "role:supervisor"},
        1_800: {"role:dispatcher", "role:supervisor", "role:on_call"},
    }
    contact = next(
        o for o in county.board.obligations.values() if o.kind is ObligationKind.WAITING_CONTACT
    )
    county.do(CompleteObligation(obligation_id=contact.id, **REACHED))
    assert rings(county, "waiting_contact_missed", 700) == {600: {"role:dispatcher"}}


# Whatever happens to a call

ACTS = (
    AnswerCall,
    AbandonCall,
    HoldCall,
    ResumeCall,
    TransferCall,
    ConfirmTransfer,
    FailTransfer,
    EndCall,
    LoseCall,
    TakeCallInHand,
    LeaveDesk,
)


def _act(kind: type[Command], call_id: CallId) -> Command:
    if kind is TransferCall:
        return TransferCall(call_id=call_id, to="line_988")
    if kind is ConfirmTransfer:
        return ConfirmTransfer(call_id=call_id, side="us")
    if kind is LeaveDesk:
        return LeaveDesk()
    return kind(call_id=call_id)


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 400)), max_size=14))
def test_whoever_is_on_a_line_has_a_person_or_an_instant(
    acts: list[tuple[type[Command], int]],
) -> None:
    county = Night()
    call_id = ringing(county)
    for kind, passed_s in acts:
        county.pass_until(passed_s)
        try:
            county.do(_act(kind, call_id), by=DISPATCHER)
        except CrisisError:
            continue
        call = county.board.calls.get(call_id)
        if call is None:
            return
        at = next_due(county.board, county.rules)
        if call.state in SPOKEN_WITH:
            assert call.answered_by == DISPATCHER.user_id and at is None
        else:
            # Where whoever had it in hand has left, that may be now.
            assert at is not None and at <= county.now + timedelta(seconds=900)
            (told,) = due(county.board, max(at, county.now), county.rules)
            assert isinstance(told, TimerCommand)
            assert told.envelope.command == FlagCall(call_id=call_id)
