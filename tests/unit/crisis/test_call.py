"""A call's states: the table, and what no sequence of events can break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crisis.call import (
    OPEN_CALL_STATES,
    TRANSITIONS,
    Call,
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallEvent,
    CallHeld,
    CallJoined,
    CallLost,
    CallOffered,
    CallResumed,
    CallState,
    CallTransferConfirmed,
    CallTransferFailed,
    CallTransferStarted,
    evolve_call,
)
from crisis.errors import IllegalTransition
from crisis.ids import CallId, IncidentId, UserId
from tests.unit.crisis.tables import assert_about, assert_reachable, assert_total

ID = CallId(UUID(int=1))
USER = UserId(UUID(int=2))
T0 = datetime(2026, 3, 2, 18, tzinfo=UTC)
STEPS: tuple[CallEvent, ...] = (
    CallAnswered(call_id=ID, by=USER),
    CallAbandoned(call_id=ID),
    CallHeld(call_id=ID),
    CallResumed(call_id=ID),
    CallTransferStarted(call_id=ID, to="line_988"),
    CallTransferConfirmed(call_id=ID, side="us"),
    CallTransferFailed(call_id=ID),
    CallEnded(call_id=ID, outcome="referred"),
    CallLost(call_id=ID),
    CallJoined(call_id=ID, incident_id=IncidentId(UUID(int=3))),
)
BOTH_SIDES = (*STEPS, CallTransferConfirmed(call_id=ID, side="them"))


def ringing() -> Call:
    return evolve_call(None, CallOffered(call_id=ID), T0)


def test_the_table_is_about_calls_and_leads_everywhere() -> None:
    assert_about(TRANSITIONS, CallState, set(get_args(CallEvent)) - {CallOffered})
    final = set(CallState) - OPEN_CALL_STATES
    # Transferred has no row: it is reached when both sides have confirmed.
    assert_reachable(
        TRANSITIONS, CallState.OFFERED, final, CallState, beside=[CallState.TRANSFERRED]
    )


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    def take(state: CallState, event: CallEvent) -> CallState:
        return evolve_call(msgspec.structs.replace(ringing(), state=state), event, T0).state

    assert_total(TRANSITIONS, CallState, STEPS, take)


def test_a_transfer_is_done_only_when_both_sides_have_confirmed() -> None:
    call = evolve_call(ringing(), CallAnswered(call_id=ID, by=USER), T0)
    call = evolve_call(call, CallTransferStarted(call_id=ID, to="line_988"), T0)
    us, them = (CallTransferConfirmed(call_id=ID, side=side) for side in ("us", "them"))
    once = evolve_call(call, us, T0)
    assert evolve_call(once, us, T0).state is CallState.TRANSFERRING
    assert evolve_call(once, them, T0).state is CallState.TRANSFERRED
    assert evolve_call(evolve_call(call, them, T0), us, T0).state is CallState.TRANSFERRED


def test_a_failed_transfer_forgets_who_had_confirmed() -> None:
    call = evolve_call(ringing(), CallAnswered(call_id=ID, by=USER), T0)
    for event in (
        CallTransferStarted(call_id=ID, to="line_988"),
        CallTransferConfirmed(call_id=ID, side="us"),
        CallTransferFailed(call_id=ID),
        CallTransferStarted(call_id=ID, to="psap_911"),
        CallTransferConfirmed(call_id=ID, side="them"),
    ):
        call = evolve_call(call, event, T0)
    assert call.state is CallState.TRANSFERRING and call.confirmed == ("them",)


@given(st.lists(st.sampled_from(BOTH_SIDES), max_size=25))
def test_a_call_ends_once_and_keeps_the_instant(events: list[CallEvent]) -> None:
    call, ended_at = ringing(), None
    for second, event in enumerate(events):
        try:
            call = evolve_call(call, event, T0 + timedelta(seconds=second))
        except IllegalTransition:
            continue
        assert (call.ended_at is None) == call.is_open
        if ended_at is not None:
            assert call.ended_at == ended_at
        ended_at = call.ended_at
        assert call.is_open or call.state not in OPEN_CALL_STATES
        if call.state in {CallState.HELD, CallState.ON_LINE}:
            assert call.answered_by == USER
