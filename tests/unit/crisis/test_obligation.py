"""Obligations: the table, and what no sequence of events can break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import IllegalTransition
from crisis.ids import ObligationId, UserId
from crisis.obligation import (
    STAYS_WHEN_MISSED,
    TRANSITIONS,
    Obligation,
    ObligationArose,
    ObligationAttempted,
    ObligationDone,
    ObligationEvent,
    ObligationExcepted,
    ObligationKind,
    ObligationMissed,
    ObligationReassigned,
    ObligationState,
    evolve_obligation,
)
from tests.unit.crisis.tables import assert_about, assert_reachable, assert_total

ID = ObligationId(UUID(int=1))
USER = UserId(UUID(int=2))
T0 = datetime(2026, 3, 2, 18, tzinfo=UTC)
STEPS: tuple[ObligationEvent, ...] = (
    ObligationAttempted(obligation_id=ID, outcome="voicemail"),
    ObligationDone(obligation_id=ID, outcome="reached_stable"),
    ObligationExcepted(obligation_id=ID, reason="declined"),
    ObligationMissed(obligation_id=ID),
    ObligationReassigned(obligation_id=ID, owner=USER),
)


def due(kind: ObligationKind = ObligationKind.FOLLOW_UP) -> Obligation:
    arose = ObligationArose(
        obligation_id=ID, kind=kind, due_at=T0 + timedelta(hours=72), rule="followup"
    )
    return evolve_obligation(None, arose, T0)


def test_the_table_is_about_obligations_and_leads_everywhere() -> None:
    assert_about(TRANSITIONS, ObligationState, set(get_args(ObligationEvent)) - {ObligationArose})
    final = [ObligationState.DONE, ObligationState.EXCEPTED]
    assert_reachable(TRANSITIONS, ObligationState.DUE, final, ObligationState)


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    def take(state: ObligationState, event: ObligationEvent) -> ObligationState:
        return evolve_obligation(msgspec.structs.replace(due(), state=state), event, T0).state

    assert_total(TRANSITIONS, ObligationState, STEPS, take)


@pytest.mark.parametrize("kind", ObligationKind)
def test_a_missed_one_stays_on_the_board_unless_another_takes_its_place(
    kind: ObligationKind,
) -> None:
    replaced = {ObligationKind.CHECK_IN, ObligationKind.WAITING_CONTACT}
    assert set(ObligationKind) - replaced == STAYS_WHEN_MISSED
    missed = evolve_obligation(due(kind), ObligationMissed(obligation_id=ID), T0)
    assert missed.is_open == (kind not in replaced)


@given(st.lists(st.sampled_from(STEPS), max_size=15))
def test_it_ends_once_and_counts_every_attempt(events: list[ObligationEvent]) -> None:
    obligation, attempts = due(), 0
    for event in events:
        ended = obligation.closed_at is not None
        try:
            obligation = evolve_obligation(obligation, event, T0)
        except IllegalTransition:
            continue
        assert not ended
        attempts += isinstance(event, ObligationAttempted)
        assert obligation.attempts == attempts
        assert obligation.is_open == (obligation.closed_at is None)
