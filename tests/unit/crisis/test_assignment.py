"""A run's states and milestones: reports in any order tell the same story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.assignment import (
    Assignment,
    AssignmentBegun,
    AssignmentCancelled,
    AssignmentDiverted,
    CrewSwapped,
    HazardsAcknowledged,
    MilestoneCorrected,
    ReportDisputed,
    StatusReported,
    evolve_assignment,
    has_arrived,
    has_met,
    is_late,
)
from crisis.errors import IllegalTransition
from crisis.ids import AssignmentId, IncidentId, OfferId, SlotNo, TeamId
from crisis.run_status import REPORTABLE, RUN, TRANSITIONS, Status

T0 = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
INCIDENT, RUN_ID = IncidentId(UUID(int=1)), AssignmentId(UUID(int=2))
S = Status


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def begun(shortfalls: tuple[str, ...] = ()) -> Assignment:
    event = AssignmentBegun(
        incident_id=INCIDENT,
        assignment_id=RUN_ID,
        offer_id=OfferId(UUID(int=3)),
        slot=SlotNo(1),
        team_id=TeamId(UUID(int=4)),
        shortfalls=shortfalls,
    )
    return evolve_assignment(None, event, T0)


def report(run: Assignment, status: Status, minutes: float, qualifies: bool = True) -> Assignment:
    """The report as the log would hold it."""
    event = StatusReported(
        incident_id=INCIDENT,
        assignment_id=RUN_ID,
        status=status,
        moves=run.is_open and not is_late(run, status, at(minutes)),
        qualifies=qualifies,
        shortfalls=() if qualifies else ("second_member_missing",),
    )
    return evolve_assignment(run, event, at(minutes))


def corrected(run: Assignment, status: Status, minutes: float | None) -> Assignment:
    event = MilestoneCorrected(
        incident_id=INCIDENT,
        assignment_id=RUN_ID,
        status=status,
        instant=None if minutes is None else at(minutes),
        reason="wrong_time",
    )
    return evolve_assignment(run, event, at(100))


def test_every_state_has_an_answer_to_every_report() -> None:
    assert {(state, said) for state in Status for said in REPORTABLE} == set(TRANSITIONS)


def test_no_report_moves_a_run_back_but_to_stand_aside() -> None:
    for (state, said), after in TRANSITIONS.items():
        if after is not state and after is not S.STAGED and state is not S.STAGED:
            assert RUN.index(after) > RUN.index(state), (state, said)


@pytest.mark.parametrize("over", [S.READY, S.DIVERTED, S.CANCELLED])
def test_what_is_over_stays_over(over: Status) -> None:
    assert {TRANSITIONS[over, said] for said in REPORTABLE} == {over}


def test_a_run_may_skip_forward() -> None:
    run = report(begun(), S.CONTACT, 10)
    assert run.state is S.CONTACT
    assert S.ON_SCENE not in run.milestones
    assert has_arrived(run) and has_met(run)


def test_a_late_report_fills_its_milestone_and_moves_nothing() -> None:
    run = report(report(begun(), S.EN_ROUTE, 1), S.CLEARED, 40)
    late = report(run, S.ON_SCENE, 12)
    assert late.state is S.CLEARED
    assert late.milestones[S.ON_SCENE] == late.qualified_at == at(12)


def test_a_report_from_before_a_staging_does_not_end_it() -> None:
    run = report(report(begun(), S.ON_SCENE, 10), S.STAGED, 20)
    again = report(run, S.ON_SCENE, 10)
    assert again.state is S.STAGED
    assert report(again, S.ON_SCENE, 25).state is S.ON_SCENE


def test_a_staging_told_late_does_not_pull_a_team_out() -> None:
    run = report(report(begun(), S.EN_ROUTE, 1), S.ON_SCENE, 20)
    assert report(run, S.STAGED, 10).state is S.ON_SCENE
    assert report(run, S.STAGED, 10).milestones[S.STAGED] == at(10)


STORY = ((S.EN_ROUTE, 2), (S.ON_SCENE, 15), (S.CONTACT, 17), (S.CLEARED, 60))


@pytest.mark.parametrize("order", list(permutations(STORY)))
def test_milestones_do_not_depend_on_the_order_of_arrival(
    order: tuple[tuple[Status, int], ...],
) -> None:
    run = begun()
    for status, minute in order:
        run = report(run, status, minute)
    assert run.milestones == {S.ACCEPTED: T0, **{s: at(m) for s, m in STORY}}
    assert run.state is S.CLEARED
    assert run.qualified_at == at(15)


Reports = st.lists(
    st.tuples(st.sampled_from(sorted(REPORTABLE)), st.integers(0, 90), st.booleans()),
    max_size=12,
)


@given(reports=Reports, data=st.data())
def test_any_reports_in_any_order_give_the_same_milestones(
    reports: list[tuple[Status, int, bool]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(reports))
    one = other = begun()
    for said in reports:
        one = report(one, *said)
    for said in shuffled:
        other = report(other, *said)
    assert one.milestones == other.milestones
    assert one.qualified_at == other.qualified_at
    qualified = [m for s, m, valid in reports if s is S.ON_SCENE and valid]
    assert one.qualified_at == (at(min(qualified)) if qualified else None)


def test_the_clock_stops_at_the_first_arrival_of_a_valid_team() -> None:
    alone = report(begun(), S.ON_SCENE, 20, qualifies=False)
    assert alone.qualified_at is None
    assert alone.milestones[S.ON_SCENE] == at(20)
    joined = evolve_assignment(
        alone,
        CrewSwapped(incident_id=INCIDENT, assignment_id=RUN_ID, crew=(), qualifies=True),
        at(35),
    )
    assert joined.qualified_at == at(35)
    assert joined.milestones[S.ON_SCENE] == at(20)


def test_a_second_arrival_does_not_take_the_first_back() -> None:
    first = report(begun(), S.ON_SCENE, 20)
    again = report(report(first, S.STAGED, 30), S.ON_SCENE, 40, qualifies=False)
    assert again.qualified_at == at(20)


def test_a_corrected_instant_stands_against_later_reports() -> None:
    run = corrected(report(begun(), S.ON_SCENE, 20), S.ON_SCENE, 25)
    assert run.milestones[S.ON_SCENE] == run.qualified_at == at(25)
    again = report(run, S.ON_SCENE, 10)
    assert again.milestones[S.ON_SCENE] == again.qualified_at == at(25)


@pytest.mark.parametrize(
    ("accepted_short", "arrived_valid", "stops"),
    [((), None, True), (("no_lpha",), None, False), ((), False, False), ((), True, True)],
)
def test_a_corrected_arrival_stops_the_clock_only_for_a_valid_team(
    accepted_short: tuple[str, ...], arrived_valid: bool | None, stops: bool
) -> None:
    run = begun(accepted_short)
    if arrived_valid is not None:
        run = report(run, S.ON_SCENE, 20, qualifies=arrived_valid)
    assert corrected(run, S.ON_SCENE, 18).qualified_at == (at(18) if stops else None)


def test_an_arrival_that_never_was_starts_the_clock_again() -> None:
    never = corrected(report(begun(), S.ON_SCENE, 20), S.ON_SCENE, None)
    assert never.qualified_at is None and S.ON_SCENE not in never.milestones
    assert corrected(never, S.ON_SCENE, 22).qualified_at == at(22)


def test_a_correction_before_a_late_second_member_keeps_that_members_instant() -> None:
    alone = report(begun(), S.ON_SCENE, 20, qualifies=False)
    swapped = CrewSwapped(incident_id=INCIDENT, assignment_id=RUN_ID, crew=(), qualifies=True)
    joined = evolve_assignment(alone, swapped, at(35))
    assert corrected(joined, S.ON_SCENE, 18).qualified_at == at(35)
    assert corrected(joined, S.ON_SCENE, 40).qualified_at == at(40)


def test_disputed_reports_change_nothing_but_their_count() -> None:
    run = begun()
    event = ReportDisputed(
        incident_id=INCIDENT,
        assignment_id=RUN_ID,
        status=S.ON_SCENE,
        occurred=at(-500),
        reason="outside_skew",
    )
    after = evolve_assignment(run, event, at(1))
    assert after.disputed == 1
    assert (after.state, after.milestones) == (run.state, run.milestones)


def test_an_older_version_never_undoes_a_newer_acknowledgement() -> None:
    run = begun()
    for version in (3, 2):
        read = HazardsAcknowledged(incident_id=INCIDENT, assignment_id=RUN_ID, version=version)
        run = evolve_assignment(run, read, at(1))
    assert run.acknowledged == 3


@pytest.mark.parametrize("done", [S.CLEARED, S.READY])
def test_a_run_that_is_done_is_neither_diverted_nor_cancelled(done: Status) -> None:
    run = report(begun(), done, 30)
    for event in (
        AssignmentDiverted(incident_id=INCIDENT, assignment_id=RUN_ID, reason="duress"),
        AssignmentCancelled(incident_id=INCIDENT, assignment_id=RUN_ID, reason="wrong_address"),
    ):
        with pytest.raises(IllegalTransition):
            evolve_assignment(run, event, at(40))
