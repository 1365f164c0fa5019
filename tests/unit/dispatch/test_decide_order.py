"""What follows what on a run, and where else its team was: every two steps, by every way in."""

from __future__ import annotations

from typing import Any

import pytest

from crisis.commands import (
    AcceptOffer,
    AddSlot,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    CorrectMilestone,
    DivertAssignment,
    EncounterInput,
    EndShift,
    ReportStatus,
    SettleClaim,
    SwapCrew,
)
from crisis.errors import CrisisError, Disputed
from crisis.ids import AssignmentId, IncidentId
from crisis.policy import ClockPolicy
from crisis.run_status import FOLLOWS, RUN, Status
from crisis.states import Source
from tests.unit.dispatch.board_kit import DISPATCHER, LEAD, SUPERVISOR, on_team, rules
from tests.unit.dispatch.test_decide_belief import Trip, minute

S = Status
#: Every two steps of a run that a team reports, in their order.
PAIRS = [
    (one, two)
    for place, one in enumerate(RUN[1:], start=1)
    for two in RUN[place + 1 :]
    if two is not S.READY
]
LONG_AGO = {"source": Source.BACK_ENTRY, "reason": "system_outage", "by": SUPERVISOR}


def test_each_step_of_a_run_follows_all_those_before_it() -> None:
    for place, status in enumerate(RUN):
        assert FOLLOWS[status] >= set(RUN[place + 1 :])
        assert not FOLLOWS[status] & set(RUN[: place + 1])
    assert all(not FOLLOWS[s] & {s} for s in S)
    assert FOLLOWS[S.CANCELLED] == FOLLOWS[S.DIVERTED] == frozenset()


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_a_step_told_of_after_the_next_one_is_disputed_and_told(one: Status, two: Status) -> None:
    trip = Trip() if one is not S.EN_ROUTE else unmoved()
    trip.says(two, of=20, at=20)
    before = trip.run
    told = trip.says(one, of=25, at=30)
    assert isinstance(told.refusal, Disputed)
    reason = "after_end" if two is S.CLEARED else "after_others"
    assert told.refusal.facts["reason"] == reason
    assert (trip.run.milestones, trip.run.state) == (before.milestones, before.state)
    assert ("role:dispatcher", "report_disputed") in {(n.to, n.template) for n in told.notices}
    assert one is not S.ON_SCENE or trip.first is None


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_a_step_told_of_before_the_one_before_it_is_disputed_and_told(
    one: Status, two: Status
) -> None:
    trip = Trip() if one is not S.EN_ROUTE else unmoved()
    trip.says(one, of=20, at=20)
    before = trip.run
    told = trip.says(two, of=10, at=30)
    assert isinstance(told.refusal, Disputed)
    assert told.refusal.facts["reason"] == "before_others"
    assert (trip.run.milestones, trip.run.state) == (before.milestones, before.state)
    assert ("role:dispatcher", "report_disputed") in {(n.to, n.template) for n in told.notices}


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_no_correction_puts_a_step_on_the_other_side_of_the_next(one: Status, two: Status) -> None:
    trip = Trip() if one is not S.EN_ROUTE else unmoved()
    trip.says(one, of=20, at=20)
    trip.says(two, of=30, at=30)
    after = {"instant_after_others", "instant_after_end"}
    for status, to, codes in ((one, 35, after), (two, 15, {"instant_before_others"})):
        refusal = correction_refused(trip, status, to)
        assert refusal is not None and refusal.code in codes
    # Up to each other's instant all is well.
    assert correction_refused(trip, one, 30) is None
    assert correction_refused(trip, two, 30) is None


def unmoved() -> Trip:
    """A run that is accepted and of which nothing else is known."""
    trip = Trip()
    trip.corrects(S.EN_ROUTE, None, at=2)
    return trip


def correction_refused(trip: Trip, status: Status, to: float) -> CrisisError | None:
    try:
        trip.corrects(status, to, at=60)
    except CrisisError as refusal:
        return refusal
    return None


@pytest.mark.parametrize("status", [S.ON_SCENE, S.CONTACT, S.ASSESSED])
def test_a_step_told_once_more_says_nothing_new_and_troubles_nobody(status: Status) -> None:
    trip = Trip()
    for n, step in enumerate((S.ON_SCENE, S.CONTACT, S.ASSESSED, S.TRANSPORTING), start=10):
        trip.says(step, of=n, at=n)
    before = trip.run.milestones
    told = trip.says(status, of=25, at=25)
    assert told.refusal is None and told.notices == ()
    assert trip.run.milestones == before


def test_an_arrival_that_was_pressed_in_error_and_taken_back_may_come_true_later() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=10, at=10)
    trip.corrects(S.ON_SCENE, None, at=12)
    assert trip.first is None
    again = trip.says(S.ON_SCENE, of=11, at=14)
    assert isinstance(again.refusal, Disputed) and again.refusal.facts["reason"] == "corrected"
    assert trip.first is None
    assert trip.says(S.ON_SCENE, of=40, at=40).refusal is None
    assert trip.first == trip.run.milestones[S.ON_SCENE] == minute(40)


@pytest.mark.parametrize("how", [{}, LONG_AGO | {"occurred_at": minute(5)}], ids=["now", "papers"])
def test_what_was_taken_back_is_not_believed_when_it_is_sent_again(how: dict[str, Any]) -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=10, at=10)
    trip.county.now = minute(12)
    fix = CorrectMilestone(
        assignment_id=trip.id, status=S.ON_SCENE, instant=None, reason="wrong_time"
    )
    trip.county.do(fix, **{"by": LEAD, **how})
    again = trip.says(S.ON_SCENE, of=10, at=14)
    assert isinstance(again.refusal, Disputed) and again.refusal.facts["reason"] == "corrected"
    assert trip.first is None
    # What a person sets after all stands.
    trip.corrects(S.ON_SCENE, 11, at=15)
    assert trip.first == minute(11)


# Ends with a time of their own


def arrived(at: float = 20) -> Trip:
    trip = Trip()
    trip.county.rules = rules(clocks=ClockPolicy(desk_back_s=7_200))
    trip.says(S.ON_SCENE, of=at, at=at)
    return trip


def cancels_run(trip: Trip) -> Command:
    return CancelAssignment(assignment_id=trip.id, reason="unsafe_scene")


def cancels_incident(trip: Trip) -> Command:
    return CancelIncident(incident_id=trip.incident_id, reason="resolved_by_ems")


@pytest.mark.parametrize("end", [cancels_run, cancels_incident])
@pytest.mark.parametrize("how", [{}, LONG_AGO], ids=["live", "back-entry"])
def test_nothing_is_called_off_as_of_before_the_team_arrived(end: Any, how: dict[str, Any]) -> None:
    trip = arrived()
    trip.county.now = minute(40)
    command = end(trip)
    trip.county.refused("instant_before_others", command, occurred_at=minute(15), **how)
    assert trip.first == minute(20) and trip.run.is_open
    assert trip.county.do(command, occurred_at=minute(25), **how).refusal is None
    assert trip.first == minute(20)


def test_no_run_is_diverted_or_called_off_as_of_before_it_was_accepted() -> None:
    trip = Trip()
    trip.county.rules = rules(clocks=ClockPolicy(desk_back_s=7_200))
    trip.county.now = minute(30)
    divert = DivertAssignment(assignment_id=trip.id, reason="supervisor_order")
    trip.county.refused("instant_before_acceptance", divert, occurred_at=minute(-1))
    trip.county.refused("instant_before_others", divert, occurred_at=minute(0.5))
    trip.county.refused("instant_before_acceptance", cancels_run(trip), occurred_at=minute(-1))


def test_no_incident_is_closed_as_of_before_its_team_cleared_or_was_promised() -> None:
    trip = arrived()
    trip.do(ClearAssignment(assignment_id=trip.id, ready=True), at=40)
    close = CloseIncident(incident_id=trip.incident_id)
    trip.county.now = minute(60)
    trip.county.refused("instant_before_others", close, occurred_at=minute(30))
    trip.county.refused("instant_before_determination", close, occurred_at=minute(-30))
    assert trip.county.do(close, occurred_at=minute(41)).refusal is None


def test_no_crew_changes_on_a_run_before_it_was_accepted() -> None:
    trip = Trip()
    pair = trip.county.a_team(trip.team).crew
    trip.county.now = minute(10)
    swap = SwapCrew(assignment_id=trip.id, crew=pair[:1])
    trip.county.refused("instant_before_acceptance", swap, by=trip.by, occurred_at=minute(-1))


# One team, two runs


class TwoTrips(Trip):
    """A run from minute 0 to 30, and the next of the same team from 40 on."""

    def __init__(self, end: str = "cleared") -> None:
        super().__init__()
        if end == "cleared":
            self.says(S.ON_SCENE, of=20, at=20)
            met = (EncounterInput(disposition="stabilized_safety_plan"),)
            self.do(ClearAssignment(assignment_id=self.id, encounters=met, ready=True), at=30)
        elif end == "cancelled":
            self.do(cancels_run(self), at=30, by=DISPATCHER)
        else:
            divert = DivertAssignment(assignment_id=self.id, reason="supervisor_order")
            self.do(divert, at=30, by=DISPATCHER)
        self.county.now = minute(35)
        self.next_incident: IncidentId = self.county.determined()
        self.county.now = minute(40)
        offer = self.county.offered(self.next_incident, self.team)
        done = self.county.do(AcceptOffer(offer_id=offer), by=on_team(self.team))
        self.next: AssignmentId = done.result["assignment_id"]

    def fix(self, run: AssignmentId, status: Status, to: float) -> CorrectMilestone:
        self.county.now = max(self.county.now, minute(90))
        return CorrectMilestone(
            assignment_id=run, status=status, instant=minute(to), reason="wrong_time"
        )


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("cleared", S.CLEARED),
        ("cleared", S.READY),
        ("cancelled", S.CANCELLED),
        ("diverted", S.DIVERTED),
    ],
)
def test_no_run_is_corrected_to_end_after_the_next_of_its_team_had_begun(
    end: str, status: Status
) -> None:
    trip = TwoTrips(end)
    refusal = trip.county.refused("team_was_on_a_run", trip.fix(trip.id, status, 45), by=LEAD)
    assert refusal.facts["incident_id"] == str(trip.next_incident)
    assert trip.county.do(trip.fix(trip.id, status, 39), by=LEAD).refusal is None


def test_no_run_is_corrected_to_begin_before_the_last_of_its_team_had_ended() -> None:
    trip = TwoTrips()
    # Determined at 35, so that only a longer first run can be in the way.
    trip.county.do(trip.fix(trip.id, S.READY, 38), by=LEAD)
    trip.county.do(trip.fix(trip.id, S.CLEARED, 38), by=LEAD)
    wrong = trip.fix(trip.next, S.ACCEPTED, 37)
    trip.county.refused("team_was_on_a_run", wrong, by=LEAD)
    assert trip.county.do(trip.fix(trip.next, S.ACCEPTED, 38), by=LEAD).refusal is None


def test_no_run_is_corrected_to_begin_before_the_shift_of_its_team() -> None:
    trip = Trip.__new__(Trip)
    trip.county = county = TwoTrips().county
    county.now = minute(100)
    incident = county.determined()
    county.now = minute(120)
    team = county.team("Late 1")
    run = county.running(incident, team)
    county.now = minute(130)
    for to, code in ((110, "instant_before_shift"), (119.9, "instant_before_shift")):
        wrong = CorrectMilestone(
            assignment_id=run, status=S.ACCEPTED, instant=minute(to), reason="wrong_time"
        )
        county.refused(code, wrong, by=LEAD)


def test_no_shift_is_ended_as_of_before_what_its_team_did_on_a_run() -> None:
    trip = TwoTrips()
    trip.county.rules = rules(clocks=ClockPolicy(desk_back_s=7_200))
    trip.county.now = minute(50)
    clear = ClearAssignment(assignment_id=trip.next, ready=True)
    trip.county.do(clear, by=on_team(trip.team))
    trip.county.now = minute(60)
    shift_id = trip.county.a_team(trip.team).shift_id
    assert shift_id is not None
    end = EndShift(shift_id=shift_id)
    trip.county.refused("instant_before_others", end, occurred_at=minute(45))
    assert trip.county.do(end, occurred_at=minute(50)).refusal is None


def test_where_a_correction_makes_the_first_arrival_another_runs_the_clock_stops_for_that() -> None:
    trip = Trip()
    county = trip.county
    second = county.team("Blue 2")
    county.do(AddSlot(incident_id=trip.incident_id))
    offer = county.offered(trip.incident_id, second)
    other = county.do(AcceptOffer(offer_id=offer), by=on_team(second)).result["assignment_id"]
    trip.says(S.ON_SCENE, of=20, at=20)
    county.now = minute(25)
    county.do(ReportStatus(assignment_id=other, status=S.ON_SCENE), by=on_team(second))
    assert trip.first == minute(20)
    steps: list[tuple[AssignmentId, float | None, float | None]] = [
        (trip.id, 30, 25),
        (trip.id, 22, 22),
        (other, 21, 21),
        (other, None, 22),
        (trip.id, None, None),
        (other, 40, 40),
        (trip.id, 35, 35),
    ]
    county.now = minute(60)
    for run, to, first in steps:
        fix = CorrectMilestone(
            assignment_id=run,
            status=S.ON_SCENE,
            instant=None if to is None else minute(to),
            reason="wrong_time",
        )
        done = county.do(fix, by=LEAD)
        assert trip.first == (None if first is None else minute(first))
        assert done.result["first_on_scene_at"] == trip.first


# What a crew claims comes back in order


def test_what_a_crew_claimed_out_of_order_is_restored_with_no_arrival_too_early() -> None:
    trip = Trip()
    trip.do(cancels_run(trip), at=10, by=DISPATCHER)
    trip.says(S.CONTACT, of=30, at=40)
    trip.says(S.ON_SCENE, of=35, at=41)
    trip.do(SettleClaim(assignment_id=trip.id, there=True), at=42, by=DISPATCHER)
    said = trip.run.milestones
    assert said[S.ON_SCENE] == said[S.CONTACT] == trip.first == minute(35)


@pytest.mark.parametrize("of", [8, 15])
def test_a_claim_that_is_denied_leaves_no_arrival_whenever_it_was_said_to_be(of: float) -> None:
    trip = Trip()
    trip.do(CancelAssignment(assignment_id=trip.id, reason="team_vehicle"), at=10, by=DISPATCHER)
    trip.says(S.ON_SCENE, of=of, at=20)
    before = trip.first
    trip.says(S.CONTACT, of=of + 1, at=21)
    trip.do(SettleClaim(assignment_id=trip.id, there=False), at=22, by=DISPATCHER)
    assert before is None and trip.first is None
    assert trip.run.arrival_disputed
    assert not {S.ON_SCENE, S.CONTACT} & set(trip.run.milestones)


def test_an_arrival_before_the_call_off_counts_once_the_desk_has_said_that_it_is_so() -> None:
    trip = Trip()
    trip.do(CancelAssignment(assignment_id=trip.id, reason="team_vehicle"), at=10, by=DISPATCHER)
    trip.says(S.ON_SCENE, of=8, at=20)
    trip.do(SettleClaim(assignment_id=trip.id, there=True), at=22, by=DISPATCHER)
    assert trip.first == minute(8)


def test_a_claimed_time_passes_over_no_time_that_a_person_has_set() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=8, at=8)
    trip.corrects(S.ON_SCENE, 9, at=9)
    trip.do(cancels_run(trip), at=10, by=DISPATCHER)
    trip.says(S.CONTACT, of=12, at=12)
    trip.says(S.ON_SCENE, of=11, at=13)
    trip.do(SettleClaim(assignment_id=trip.id, there=True), at=14, by=DISPATCHER)
    assert trip.first == trip.run.milestones[S.ON_SCENE] == minute(9)


def test_an_instant_that_a_clock_put_a_little_too_early_counts_as_of_what_came_before() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=20, at=20)
    assert trip.says(S.CONTACT, of=19, at=21).refusal is None
    assert trip.run.milestones[S.CONTACT] == minute(20)
