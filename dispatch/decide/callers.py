"""Callers who wait for us: on a line that rings, on hold, or in a transfer that isn't done.

Decides when people are told of a caller who has waited for too long, who is told, and again, each
time more of them, until the caller is spoken with, gives up, or somebody has it in hand. Patience
counts from when the service learnt of the wait. Must not know telephony. A caller who was lost is
owed a callback, which rings again by itself (``obligations``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crisis.call import Call, CallFlagged, CallLeft, CallState, CallTakenInHand
from crisis.commands import Command, FlagCall, TakeCallInHand
from crisis.errors import Conflict, NotFound
from crisis.ids import CallId, UserId
from crisis.policy import CountyPolicy
from crisis.roles import Role
from dispatch.decide.context import Deciding, Handler

_HOLDER = "holder"
_DESKS = (Role.CALL_TAKER.value, Role.DISPATCHER.value)
_SUPERVISOR, _ON_CALL = Role.SUPERVISOR.value, Role.ON_CALL.value
_AFTER_THE_HOLDER = ((_HOLDER,), (_HOLDER, *_DESKS, _SUPERVISOR), (*_DESKS, _SUPERVISOR, _ON_CALL))
#: What is said of each wait, and to whom: the first time, the second, and from the third on.
TOLD: Mapping[CallState, tuple[str, tuple[tuple[str, ...], ...]]] = {
    CallState.OFFERED: (
        "call_unanswered",
        (_DESKS, (*_DESKS, _SUPERVISOR), (*_DESKS, _SUPERVISOR, _ON_CALL)),
    ),
    CallState.HELD: ("call_on_hold", _AFTER_THE_HOLDER),
    CallState.TRANSFERRING: ("transfer_open", _AFTER_THE_HOLDER),
}


def known_call(d: Deciding, call_id: CallId) -> Call:
    """Return the open call, or raise ``NotFound``."""
    call = d.board.calls.get(call_id)
    if call is None:
        raise NotFound("unknown_call", "There is no such call in this county.")
    return call


def told_at(call: Call, policy: CountyPolicy) -> datetime | None:
    """Return when people are told (again) of the caller's wait; ``None`` = nobody waits."""
    if call.waiting_since is None:
        return None
    calls = policy.calls
    if call.told == 0 or call.told_at is None:
        patience_s = {
            CallState.OFFERED: calls.answer_s,
            CallState.HELD: calls.hold_s,
            CallState.TRANSFERRING: calls.transfer_s,
        }[call.state]
        first_at = call.waiting_since + timedelta(seconds=patience_s)
        return max(first_at, call.in_hand_until or first_at)
    all_told = call.told >= len(TOLD[call.state][1])
    again_s = policy.waiting.alarm_again_s if all_told else calls.again_s
    again_at = call.told_at + timedelta(seconds=again_s)
    return max(again_at, call.in_hand_until or again_at)


def flag_call(d: Deciding, c: FlagCall) -> dict[str, Any]:
    """The caller has waited for too long: tell those who can speak with them."""
    call = known_call(d, c.call_id)
    at = told_at(call, d.policy)
    if at is None or d.now < at:
        raise Conflict("not_due", "That is not so any more, or was told before.")
    d.emit(CallFlagged(call_id=call.id, state=call.state))
    template, steps = TOLD[call.state]
    incident = d.board.incidents.get(call.incident_id) if call.incident_id is not None else None
    # One who was kept on paper doesn't ring; a caller who waits now does.
    named = None if incident is None or incident.back_entered else incident
    to = {_address(call, who) for who in steps[min(call.told, len(steps) - 1)]}
    for address in sorted(to):
        d.notify(address, template, incident=named)
    return {"call_id": call.id, "state": call.state}


def _address(call: Call, who: str) -> str:
    if who != _HOLDER:
        return f"role:{who}"
    return f"role:{_DESKS[1]}" if call.answered_by is None else f"user:{call.answered_by}"


def take_call_in_hand(d: Deciding, c: TakeCallInHand) -> dict[str, Any]:
    """Somebody sees to the caller: nothing rings again until a stated instant."""
    call = known_call(d, c.call_id)
    if call.waiting_since is None:
        raise Conflict("caller_not_waiting", "The caller of this call doesn't wait for anybody.")
    until = d.in_s(d.policy.waiting.in_hand_s)
    d.emit(CallTakenInHand(call_id=call.id, by=d.env.actor.user_id, until=until))
    return {"call_id": call.id, "until": until}


def leave_calls(d: Deciding, leaver: UserId) -> list[CallId]:
    """Let the calls of somebody who leaves the desk wait for others, and return them."""
    left = []
    for call in list(d.board.calls.values()):
        if call.in_hand_by == leaver:
            d.emit(CallTakenInHand(call_id=call.id, by=None, until=d.now))
        if call.answered_by == leaver:
            d.emit(CallLeft(call_id=call.id))
            left.append(call.id)
    return left


HANDLERS: Mapping[type[Command], Handler] = {
    FlagCall: flag_call,
    TakeCallInHand: take_call_in_hand,
}
