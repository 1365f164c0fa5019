"""Calls: from ringing to their end, and the callback owed where the line dropped.

Decides what may happen to a call next and who owes the caller what. Must not know telephony.

Whoever gave up before an answer is owed a callback too, where anything is known of how to reach
them: a caller in crisis who hangs up after a minute has not stopped being in crisis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from crisis.call import (
    Call,
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallLost,
    CallOffered,
    CallResumed,
    CallState,
    CallTransferConfirmed,
    CallTransferFailed,
    CallTransferStarted,
)
from crisis.commands import (
    AbandonCall,
    AnswerCall,
    Caller,
    Command,
    ConfirmTransfer,
    EndCall,
    FailTransfer,
    HoldCall,
    LoseCall,
    OfferCall,
    ResumeCall,
    TransferCall,
)
from crisis.errors import Conflict, Invalid, NotAllowed
from crisis.ids import CallId, ObligationId, UserId
from crisis.obligation import ObligationKind
from crisis.rights import Act, may
from crisis.triage import Answer, answer_of
from dispatch.decide.callers import known_call
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.owed import arise


def offer_call(d: Deciding, c: OfferCall) -> dict[str, Any]:
    """Let a call ring, or begin one that the sender is already speaking on."""
    call_id = CallId(d.id("call"))
    d.code("channel", c.channel)
    d.code("referral_source", c.referral_source)
    if c.caller is not None and c.caller.language is not None:
        d.code("language", c.caller.language)
    # What wasn't asked stands in no record: of whom nothing was said there is none.
    caller = {
        name: answer_of(value) if isinstance(value, bool) else value
        for name, value in msgspec.structs.asdict(c.caller or Caller()).items()
        if value is not Answer.NOT_ASKED
    }
    d.emit(
        CallOffered(
            call_id=call_id,
            direction=c.direction,
            channel=c.channel,
            referral_source=c.referral_source,
            agent_stays=c.agent_stays,
            caller_record=d.record("caller", "caller", None, caller),
            on_paper=d.is_back_entry,
        )
    )
    if c.answered:
        d.emit(CallAnswered(call_id=call_id, by=_at_the_desk(d)))
    return _told(d, call_id)


def answer_call(d: Deciding, c: AnswerCall) -> dict[str, Any]:
    """Take a ringing call; two desks may reach for it, one gets it."""
    call, by = _call(d, c.call_id), _at_the_desk(d)
    if call.state is CallState.ON_LINE and call.answered_by != by:
        raise Conflict(
            "call_answered", "Somebody else has answered it.", answered_by=str(call.answered_by)
        )
    d.emit(CallAnswered(call_id=call.id, by=by))
    return _told(d, call.id)


def abandon_call(d: Deciding, c: AbandonCall) -> dict[str, Any]:
    """The caller gave up before anyone answered; whoever can be reached is called back."""
    call = _call(d, c.call_id)
    d.emit(CallAbandoned(call_id=call.id))
    may_be_reached = call.direction == "inbound" and call.caller_record is not None
    return {
        "call_id": call.id,
        "state": CallState.ABANDONED,
        "callback": _callback(d, call) if may_be_reached else None,
    }


def hold_call(d: Deciding, c: HoldCall) -> dict[str, Any]:
    """Put the caller on hold."""
    d.emit(CallHeld(call_id=_call(d, c.call_id).id))
    return _told(d, c.call_id)


def resume_call(d: Deciding, c: ResumeCall) -> dict[str, Any]:
    """Take the caller off hold."""
    d.emit(CallResumed(call_id=_call(d, c.call_id).id))
    return _told(d, c.call_id)


def transfer_call(d: Deciding, c: TransferCall) -> dict[str, Any]:
    """Begin a warm transfer: we stay on until both sides have confirmed."""
    call = _call(d, c.call_id)
    to, reason = d.code("transfer_target", c.to), d.reason("transfer_reason", c.reason)
    d.emit(CallTransferStarted(call_id=call.id, to=to, reason=reason))
    return _told(d, c.call_id)


def confirm_transfer(d: Deciding, c: ConfirmTransfer) -> dict[str, Any]:
    """Confirm one side; only a person of ours can speak for us.

    Of a call that another line's agent brought and stayed on it lets that agent go.
    """
    call = _call(d, c.call_id)
    if c.side == "us" and not may(d.env.actor, Act.SIT_AT_DESK):
        raise NotAllowed("side", "Only the desk can confirm for us.")
    with_agent = call.state in {CallState.ON_LINE, CallState.HELD}
    if with_agent and not call.agent_stays:
        raise Conflict(
            "nothing_to_confirm", "The call is not being transferred, and no agent is waiting."
        )
    record = d.record("reference", "reference", None, {"reference": c.reference})
    d.emit(CallTransferConfirmed(call_id=call.id, side=c.side, record=record))
    return _told(d, c.call_id)


def fail_transfer(d: Deciding, c: FailTransfer) -> dict[str, Any]:
    """The other side did not take the caller, who is with us again."""
    call = _call(d, c.call_id)
    d.emit(CallTransferFailed(call_id=call.id, reason=d.reason("transfer_failure", c.reason)))
    return _told(d, c.call_id)


def end_call(d: Deciding, c: EndCall) -> dict[str, Any]:
    """Let the conversation be over."""
    call = _call(d, c.call_id)
    if c.outcome is not None:
        d.code("call_outcome", c.outcome)
    d.emit(CallEnded(call_id=call.id, outcome=c.outcome))
    return {"call_id": call.id, "state": CallState.ENDED}


def lose_call(d: Deciding, c: LoseCall) -> dict[str, Any]:
    """The line dropped: whoever spoke owes a callback."""
    call = _call(d, c.call_id)
    d.emit(CallLost(call_id=call.id))
    return {"call_id": call.id, "state": CallState.LOST, "callback": _callback(d, call)}


def _call(d: Deciding, call_id: CallId) -> Call:
    call = known_call(d, call_id)
    if d.occurred_at < call.offered_at:
        raise Invalid(
            "before_the_call",
            "That lies before the call began.",
            occurred_at=d.occurred_at.isoformat(),
            offered_at=call.offered_at.isoformat(),
        )
    return call


def _at_the_desk(d: Deciding) -> UserId:
    """Return who speaks with the caller: a person, never an integration."""
    actor = d.env.actor
    if actor.user_id is None or not may(actor, Act.SIT_AT_DESK):
        raise NotAllowed("answer", "Only a person at the desk can answer a call.")
    return actor.user_id


def _callback(d: Deciding, call: Call) -> ObligationId | None:
    """Owe a callback; ``None`` = the call is from an outage and long over."""
    if call.on_paper:
        return None
    return arise(
        d,
        ObligationKind.CALLBACK,
        d.in_s(d.policy.obligations.callback_s),
        rule="obligations.callback_s",
        incident_id=call.incident_id,
        call_id=call.id,
        owner=call.answered_by,
    )


def _told(d: Deciding, call_id: CallId) -> dict[str, Any]:
    call = d.board.calls.get(call_id)
    # A call leaves the board with its last step; only a confirmed transfer comes here so.
    return {"call_id": call_id, "state": call.state if call else CallState.TRANSFERRED}


HANDLERS: Mapping[type[Command], Handler] = {
    OfferCall: offer_call,
    AnswerCall: answer_call,
    AbandonCall: abandon_call,
    HoldCall: hold_call,
    ResumeCall: resume_call,
    TransferCall: transfer_call,
    ConfirmTransfer: confirm_transfer,
    FailTransfer: fail_transfer,
    EndCall: end_call,
    LoseCall: lose_call,
}
