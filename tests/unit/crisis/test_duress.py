"""An alarm: the table, and what no sequence of events can break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crisis.duress import (
    TRANSITIONS,
    Duress,
    DuressAcknowledged,
    DuressEscalated,
    DuressEvent,
    DuressHelpSent,
    DuressLeft,
    DuressRaised,
    DuressResolved,
    DuressState,
    evolve_duress,
)
from crisis.errors import IllegalTransition
from crisis.ids import DuressId, UserId
from tests.unit.crisis.tables import assert_about, assert_reachable, assert_total

ID = DuressId(UUID(int=1))
USER, OTHER = UserId(UUID(int=2)), UserId(UUID(int=3))
T0 = datetime(2026, 3, 2, 18, tzinfo=UTC)
NEXT = T0 + timedelta(seconds=30)
STEPS: tuple[DuressEvent, ...] = (
    DuressEscalated(duress_id=ID, rung=1, to="supervisor", next_rung_at=NEXT),
    DuressAcknowledged(duress_id=ID, by=USER),
    DuressHelpSent(duress_id=ID, who="ems"),
    DuressResolved(duress_id=ID, reason="safe"),
    DuressLeft(duress_id=ID, next_rung_at=NEXT),
)


def raised() -> Duress:
    return evolve_duress(None, DuressRaised(duress_id=ID, next_rung_at=NEXT), T0)


def test_the_table_is_about_alarms_and_leads_everywhere() -> None:
    assert_about(TRANSITIONS, DuressState, set(get_args(DuressEvent)) - {DuressRaised})
    assert_reachable(TRANSITIONS, DuressState.RAISED, [DuressState.RESOLVED], DuressState)


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    def take(state: DuressState, event: DuressEvent) -> DuressState:
        return evolve_duress(msgspec.structs.replace(raised(), state=state), event, T0).state

    assert_total(TRANSITIONS, DuressState, STEPS, take)


def test_no_alarm_is_resolved_that_nobody_took_in_hand() -> None:
    assert (DuressState.RAISED, DuressResolved) not in TRANSITIONS


def test_the_first_to_take_it_in_hand_stays_named() -> None:
    helped = evolve_duress(raised(), STEPS[2], T0)
    taken = evolve_duress(helped, DuressAcknowledged(duress_id=ID, by=USER), T0)
    again = evolve_duress(taken, DuressAcknowledged(duress_id=ID, by=OTHER), NEXT)
    assert (again.acknowledged_by, again.acknowledged_at) == (USER, T0)
    assert again.state is DuressState.HELP_SENT


@given(st.lists(st.sampled_from(STEPS), max_size=15))
def test_the_ladder_climbs_exactly_while_nobody_has_it_in_hand(events: list[DuressEvent]) -> None:
    alarm = raised()
    for event in events:
        try:
            alarm = evolve_duress(alarm, event, NEXT)
        except IllegalTransition:
            continue
        assert (alarm.next_rung_at is not None) == (alarm.state is DuressState.RAISED)
        assert alarm.is_open == (alarm.resolved_at is None)
