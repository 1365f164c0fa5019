"""A team's duty and its shifts: the table, and what no sequence of events can break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import IllegalTransition
from crisis.ids import AgencyId, CountyId, ResponderId, ShiftId, TeamId
from crisis.team import (
    TRANSITIONS,
    CrewChanged,
    CrewMember,
    Duty,
    LoanGranted,
    LoanReturned,
    ShiftCancelled,
    ShiftEnded,
    ShiftEnding,
    ShiftPlanned,
    ShiftStarted,
    Team,
    TeamAvailable,
    TeamEvent,
    TeamRecorded,
    TeamUnavailable,
    evolve_shift,
    evolve_team,
)
from tests.unit.crisis.tables import assert_about, assert_reachable, assert_total

TEAM, SHIFT = TeamId(UUID(int=1)), ShiftId(UUID(int=2))
AGENCY = AgencyId(UUID(int=3))
T0 = datetime(2026, 3, 2, 18, tzinfo=UTC)
END = T0 + timedelta(hours=10)
CREW = (CrewMember(responder_id=ResponderId(UUID(int=4))),)
RECORDED = TeamRecorded(team_id=TEAM, agency_id=AGENCY, call_sign="Blue 1")
STEPS: tuple[TeamEvent, ...] = (
    RECORDED,
    ShiftStarted(shift_id=SHIFT, team_id=TEAM, starts_at=T0, ends_at=END, crew=CREW),
    CrewChanged(shift_id=SHIFT, team_id=TEAM, crew=CREW * 2),
    TeamUnavailable(team_id=TEAM, reason="break"),
    TeamAvailable(team_id=TEAM),
    ShiftEnding(shift_id=SHIFT, team_id=TEAM, reason="fatigue"),
    ShiftEnded(shift_id=SHIFT, team_id=TEAM, reason="fatigue"),
)


def team() -> Team:
    return evolve_team(None, RECORDED, T0)


def test_the_table_is_about_duty_and_leads_everywhere() -> None:
    assert_about(TRANSITIONS, Duty, {type(event) for event in STEPS})
    assert_reachable(TRANSITIONS, Duty.OFF_SHIFT, [], Duty)


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    def take(state: Duty, event: TeamEvent) -> Duty:
        return evolve_team(msgspec.structs.replace(team(), duty=state), event, T0).duty

    assert_total(TRANSITIONS, Duty, STEPS, take)


def test_plans_and_loans_leave_the_duty_alone() -> None:
    assert {e for e in get_args(TeamEvent) if e not in {type(s) for s in STEPS}} >= {
        ShiftPlanned,
        ShiftCancelled,
    }
    plan = ShiftPlanned(shift_id=SHIFT, team_id=TEAM, starts_at=T0, ends_at=END)
    assert evolve_team(team(), plan, T0) == team()
    county = CountyId(6001)
    lent = evolve_team(team(), LoanGranted(team_id=TEAM, to_county=county, loan_ref="1"), T0)
    assert lent.lent_to == county and lent.duty is Duty.OFF_SHIFT
    back = evolve_team(lent, LoanReturned(team_id=TEAM, from_county=county, loan_ref="1"), T0)
    assert back == team()


def test_a_retired_team_stays_on_the_board_until_it_is_off_shift() -> None:
    retired = msgspec.structs.replace(team(), retired=True)
    assert not retired.is_open
    assert msgspec.structs.replace(retired, duty=Duty.ENDING).is_open


def test_a_shift_keeps_why_it_is_ending_until_it_has_ended() -> None:
    shift = evolve_shift(None, STEPS[1], T0)
    shift = evolve_shift(shift, ShiftEnding(shift_id=SHIFT, team_id=TEAM, reason="illness"), END)
    assert shift is not None and shift.is_open and shift.end_reason == "illness"
    shift = evolve_shift(shift, ShiftEnded(shift_id=SHIFT, team_id=TEAM, reason="illness"), END)
    assert shift is not None and not shift.is_open and shift.ended_at == END


@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_crew_shift_and_availability_always_agree_with_the_duty(events: list[TeamEvent]) -> None:
    one = team()
    for event in events:
        try:
            one = evolve_team(one, event, T0)
        except IllegalTransition:
            continue
        on_shift = one.duty is not Duty.OFF_SHIFT
        assert (one.shift_id is not None) == on_shift == bool(one.crew)
        assert (one.available_since is not None) == (one.duty is Duty.AVAILABLE) == one.is_free
        assert (one.unavailable_reason is not None) <= (one.duty in {Duty.UNAVAILABLE, Duty.ENDING})
