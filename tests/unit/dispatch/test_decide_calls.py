"""Calls: who may do what with one, and who is owed a callback."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.call import CallState
from crisis.commands import (
    AbandonCall,
    AnswerCall,
    Caller,
    ConfirmTransfer,
    EndCall,
    FailTransfer,
    HoldCall,
    LoseCall,
    OfferCall,
    ResumeCall,
    TransferCall,
)
from crisis.ids import CallId
from crisis.obligation import Obligation, ObligationKind
from crisis.roles import Role
from crisis.states import Source
from crisis.triage import Answer
from tests.unit.dispatch.board_kit import (
    CALL_TAKER,
    DISPATCHER,
    SUPERVISOR,
    County,
    person,
    policy,
    rules,
    uid,
)

LINE = person("telephone line", Role.INTEGRATION)


def ringing(county: County, **fields: object) -> CallId:
    return CallId(county.do(OfferCall(**fields), by=LINE).result["call_id"])  # type: ignore[arg-type]


def callbacks(county: County) -> list[Obligation]:
    return [o for o in county.board.obligations.values() if o.kind is ObligationKind.CALLBACK]


def test_a_call_rings_and_what_is_known_of_the_caller_goes_to_a_record() -> None:
    county = County()
    caller = Caller(name="A Name", callback="510-555-0101", safe_to_call=Answer.NO)
    call_id = ringing(county, caller=caller, referral_source="line_988")
    assert county.last is not None
    (record,) = county.last.records
    assert record.kind == "caller" and record.incident_id is None
    assert record.fields == {
        "name": "A Name",
        "callback": "510-555-0101",
        "safe_to_call": "no",
    }
    assert county.board.calls[call_id].caller_record == record.id
    assert "A Name" not in repr(county.log)


def test_an_unknown_caller_makes_no_record() -> None:
    county = County()
    ringing(county, caller=Caller())
    assert county.last is not None and county.last.records == ()


@pytest.mark.parametrize(
    "fields",
    [{"channel": "pigeon"}, {"referral_source": "nobody"}, {"caller": Caller(language="xx")}],
)
def test_codes_outside_the_sets_of_the_day_are_refused(fields: dict[str, object]) -> None:
    County().refused("unknown_code", OfferCall(**fields))  # type: ignore[arg-type]


def test_a_desk_may_begin_a_call_that_it_is_already_speaking_on() -> None:
    county = County()
    done = county.do(OfferCall(direction="outbound", answered=True), by=CALL_TAKER)
    assert county.said() == ["call_offered", "call_answered"]
    call = county.board.calls[done.result["call_id"]]
    assert (call.state, call.answered_by) == (CallState.ON_LINE, uid("call taker"))


def test_a_telephone_line_answers_nobody() -> None:
    county = County()
    county.refused("answer", OfferCall(answered=True), by=LINE)
    county.refused("role", AnswerCall(call_id=ringing(county)), by=LINE)


def test_of_two_desks_that_reach_for_a_call_one_gets_it() -> None:
    county = County()
    call_id = ringing(county)
    county.do(AnswerCall(call_id=call_id), by=CALL_TAKER)
    county.refused("call_answered", AnswerCall(call_id=call_id), by=DISPATCHER)


def test_nothing_of_a_call_happens_before_it_rang() -> None:
    county = County()
    call_id = ringing(county)
    county.refused(
        "before_the_call",
        AnswerCall(call_id=call_id),
        occurred_at=county.now - timedelta(seconds=1),
    )


def test_a_caller_can_be_held_and_taken_back() -> None:
    county = County()
    call_id = county.call()
    assert county.do(HoldCall(call_id=call_id)).result["state"] is CallState.HELD
    county.refused("illegal_transition", HoldCall(call_id=call_id))
    assert county.do(ResumeCall(call_id=call_id)).result["state"] is CallState.ON_LINE


def test_a_warm_transfer_is_over_when_both_sides_have_said_so() -> None:
    county = County()
    call_id = county.call()
    county.do(TransferCall(call_id=call_id, to="psap_911", reason="life_threat"))
    county.refused("side", ConfirmTransfer(call_id=call_id, side="us"), by=LINE)
    them = county.do(ConfirmTransfer(call_id=call_id, side="them", reference="42"), by=LINE)
    assert them.result["state"] is CallState.TRANSFERRING
    us = county.do(ConfirmTransfer(call_id=call_id, side="us"))
    assert us.result["state"] is CallState.TRANSFERRED
    assert call_id not in county.board.calls


def test_an_agent_who_brought_the_caller_may_go_when_both_sides_have_said_so() -> None:
    county = County()
    brought = OfferCall(referral_source="line_988", agent_stays=True, answered=True)
    call_id = county.do(brought, by=CALL_TAKER).result["call_id"]
    county.do(ConfirmTransfer(call_id=call_id, side="them"), by=CALL_TAKER)
    assert county.board.calls[call_id].agent_stays
    result = county.do(ConfirmTransfer(call_id=call_id, side="us"), by=CALL_TAKER).result
    assert result["state"] is CallState.ON_LINE
    assert not county.board.calls[call_id].agent_stays
    command = ConfirmTransfer(call_id=call_id, side="us")
    county.refused("nothing_to_confirm", command, by=CALL_TAKER)


def test_the_other_sides_reference_is_a_record() -> None:
    county = County()
    call_id = county.call()
    county.do(TransferCall(call_id=call_id, to="psap_911", reason="life_threat"))
    confirm = ConfirmTransfer(call_id=call_id, side="them", reference="E26-1")
    done = county.do(confirm)
    assert [(r.kind, r.fields) for r in done.records] == [("reference", {"reference": "E26-1"})]


def test_a_transfer_that_fails_leaves_the_caller_with_us() -> None:
    county = County()
    call_id = county.call()
    county.do(TransferCall(call_id=call_id, to="line_988"))
    assert county.do(FailTransfer(call_id=call_id)).result["state"] is CallState.ON_LINE


def test_an_ended_call_leaves_the_board_with_an_outcome_of_the_set() -> None:
    county = County()
    call_id = county.call()
    county.refused("unknown_code", EndCall(call_id=call_id, outcome="fine"))
    county.do(EndCall(call_id=call_id, outcome="supported_by_phone"))
    assert county.board.calls == {} and callbacks(county) == []
    county.refused("illegal_transition", EndCall(call_id=call_id))


def test_a_lost_call_is_owed_a_callback_by_whoever_spoke() -> None:
    county = County()
    call_id = county.call()
    incident_id = county.opened(call_id=call_id)
    done = county.do(LoseCall(call_id=call_id), by=LINE)
    (owed,) = callbacks(county)
    assert owed.id == done.result["callback"]
    assert owed.due_at == county.now + timedelta(seconds=county.rules.policy.obligations.callback_s)
    assert (owed.call_id, owed.incident_id) == (call_id, incident_id)
    assert owed.owner == uid("call taker")


def test_a_caller_who_gave_up_is_called_back_where_anything_is_known_of_them() -> None:
    county = County()
    unknown = ringing(county)
    assert county.do(AbandonCall(call_id=unknown), by=LINE).result["callback"] is None
    known = ringing(county, caller=Caller(callback="510-555-0101"))
    county.do(AbandonCall(call_id=known), by=LINE)
    assert [o.call_id for o in callbacks(county)] == [known]


def test_a_call_lost_during_an_outage_is_not_called_back_a_day_later() -> None:
    county = County(rules(clocks=policy().clocks))
    how: dict[str, Any] = {"by": SUPERVISOR, "source": Source.BACK_ENTRY, "reason": "system_outage"}
    at = county.now - timedelta(days=1)
    call_id = county.do(OfferCall(answered=True), occurred_at=at, **how).result["call_id"]
    done = county.do(LoseCall(call_id=call_id), occurred_at=at + timedelta(minutes=3), **how)
    assert done.result["callback"] is None and callbacks(county) == []
