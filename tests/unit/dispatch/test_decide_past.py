"""Runs that were over before the service learnt of them, judged as of their own times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.assignment import Assignment, Status
from crisis.commands import (
    CloseIncident,
    Determine,
    EncounterInput,
    EndShift,
    EnterAssignment,
    OfferTeam,
    PlaceInput,
)
from crisis.ids import IncidentId, ShiftId, TeamId
from crisis.obligation import ObligationKind
from crisis.policy import OfferPolicy
from crisis.states import Source
from crisis.team import Duty, ShiftCancelled, ShiftPlanned
from crisis.triage import Acuity
from tests.unit.dispatch.board_kit import (
    MONDAY,
    OAKLAND,
    SUPERVISOR,
    County,
    rules,
    uid,
)

PAPERS: dict[str, Any] = {
    "by": SUPERVISOR,
    "source": Source.BACK_ENTRY,
    "reason": "system_outage",
}


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class Night:
    """A team that worked until 14:00, and the paper of a call that it served at 11:00."""

    def __init__(self, county: County | None = None) -> None:
        self.county = county or County()
        self.team = self.county.team("Blue 1", hours=4)
        self.county.wait(5 * 3600)
        shift_id = ShiftId(uid("shift Blue 1"))
        self.county.do(EndShift(shift_id=shift_id), occurred_at=MONDAY + minutes(240))
        #: What an ended shift is to a board: the caller puts it back for this one command.
        self.shift = self.ended_shift(shift_id)
        self.began = MONDAY + minutes(60)
        self.incident = self.paper("p1")

    def ended_shift(self, shift_id: ShiftId) -> Any:
        assert self.county.last is not None
        return next(
            change.entity for change in self.county.last.changes if change.entity.id == shift_id
        )

    def paper(self, number: str) -> IncidentId:
        """An incident from paper, determined ten minutes after it was received."""
        at = {**PAPERS, "occurred_at": self.began}
        incident = self.county.opened(paper_number=number, place=PlaceInput(point=OAKLAND), **at)
        determine = Determine(incident_id=incident, decision="dispatch", acuity=Acuity.URGENT)
        self.county.do(determine, **{**at, "occurred_at": self.began + minutes(10)})
        return incident

    def command(self, **fields: Any) -> EnterAssignment:
        """The whole run: accepted after 15 minutes, there after 50, done after 90."""
        return EnterAssignment(
            **{
                "incident_id": self.incident,
                "team_id": self.team,
                "accepted_at": self.began + minutes(15),
                "en_route_at": self.began + minutes(20),
                "on_scene_at": self.began + minutes(50),
                "cleared_at": self.began + minutes(90),
                **fields,
            }
        )

    def forget_shift(self) -> None:
        """Nobody told the service of the team's shift."""
        del self.county.engine.left[self.shift.id]

    def enter(self, **fields: Any) -> Assignment:
        done = self.county.do(self.command(**fields), **PAPERS)
        assert done.refusal is None
        found = self.county.incident(IncidentId(fields.get("incident_id", self.incident)))
        run = found.assignment(done.result["assignment_id"])
        assert run is not None
        return run

    def refused(self, code: str, **fields: Any) -> Any:
        return self.county.refused(code, self.command(**fields), **PAPERS)


def test_a_team_that_is_off_shift_now_is_entered_as_it_was_on_shift_then() -> None:
    night = Night()
    run = night.enter(encounters=(EncounterInput(disposition="stabilized_safety_plan"),))
    assert night.county.a_team(night.team).duty is Duty.OFF_SHIFT
    assert run.state is Status.READY
    assert run.milestones == {
        Status.ACCEPTED: night.began + minutes(15),
        Status.EN_ROUTE: night.began + minutes(20),
        Status.ON_SCENE: night.began + minutes(50),
        Status.CLEARED: night.began + minutes(90),
        Status.READY: night.began + minutes(90),
    }
    incident = night.county.incident(night.incident)
    assert incident.first_on_scene_at == night.began + minutes(50)
    assert len(incident.encounters) == 1
    assert night.county.last is not None and night.county.last.notices == ()
    assert [w["code"] for w in night.county.last.result["warnings"]] == ["plan_missing"]
    night.county.do(CloseIncident(incident_id=night.incident), **PAPERS)


def test_what_it_left_owed_counts_from_then() -> None:
    night = Night()
    night.enter(encounters=(EncounterInput(disposition="stabilized_safety_plan"),))
    owed = {o.kind: o for o in night.county.board.owed_for(night.incident)}
    assert owed[ObligationKind.FOLLOW_UP].due_at == night.began + minutes(50) + timedelta(hours=72)
    assert ObligationKind.WAITING_CONTACT not in owed


def test_a_team_that_is_asked_or_on_a_run_now_keeps_both() -> None:
    county = County()
    team = county.team("Blue 1")
    county.wait(4 * 3600)
    asked = county.offered(county.determined(), team)
    night = object.__new__(Night)
    night.county, night.team, night.began = county, team, MONDAY + minutes(60)
    night.shift = county.board.shifts[ShiftId(uid("shift Blue 1"))]
    night.incident = night.paper("p1")
    night.enter()
    assert (offer := county.a_team(team).offer) is not None and offer[1] == asked
    on_it = county.running(county.determined(), other := county.team("Red 1"))
    night.team, night.shift = other, county.board.shifts[ShiftId(uid("shift Red 1"))]
    county.wait(3600)
    # Before the shift that the service knows of: who went is told with it.
    crew = county.a_team(other).crew
    night.incident = night.paper("p2")
    night.enter(crew=crew, override_reason="supervisor_order")
    assert (run := county.a_team(other).run) is not None and run[1] == on_it


def test_two_runs_of_one_team_at_one_time_are_refused_and_named() -> None:
    night = Night()
    night.enter()
    first, night.incident = night.incident, night.paper("p2")
    refusal = night.refused(
        "team_was_on_a_run",
        accepted_at=night.began + minutes(80),
        en_route_at=None,
        on_scene_at=None,
    )
    assert refusal.facts["incident_id"] == str(first)
    assert refusal.facts["until"] == (night.began + minutes(90)).isoformat()
    after = {
        "accepted_at": night.began + minutes(90),
        "en_route_at": None,
        "on_scene_at": night.began + minutes(100),
        "cleared_at": night.began + minutes(120),
    }
    assert night.enter(**after).state is Status.READY


def test_a_run_that_goes_on_now_stands_against_one_entered_for_its_time() -> None:
    county = County()
    team = county.team("Blue 1")
    county.running(county.determined(), team)
    county.wait(4 * 3600)
    night = object.__new__(Night)
    night.county, night.team, night.began = county, team, MONDAY + minutes(60)
    night.shift = county.board.shifts[ShiftId(uid("shift Blue 1"))]
    night.incident = night.paper("p1")
    assert night.refused("team_was_on_a_run").facts["until"] is None


def test_without_a_shift_it_must_be_told_who_went_and_why() -> None:
    night = Night()
    crew = night.shift.crew
    county = night.county
    night.forget_shift()
    county.refused("shift_unknown", night.command(), **PAPERS)
    county.refused("shift_unknown", night.command(crew=crew), **PAPERS)
    county.refused("shift_unknown", night.command(override_reason="other"), **PAPERS)
    county.do(night.command(crew=crew, override_reason="other"), **PAPERS)
    assert county.incident(night.incident).first_on_scene_at == night.began + minutes(50)


def test_without_a_shift_then_the_crew_of_now_is_taken_for_a_reason_and_told() -> None:
    county = County()
    night = object.__new__(Night)
    night.county, night.team, night.began = county, county.team("Blue 1"), MONDAY - minutes(600)
    night.incident = night.paper("p1")
    county.refused("shift_unknown", night.command(), **PAPERS)
    done = county.do(night.command(override_reason="supervisor_order"), **PAPERS)
    assert "crew_assumed" in {w["code"] for w in done.result["warnings"]}
    assert done.result["first_on_scene_at"] == night.began + minutes(50)


def test_a_shift_that_nobody_could_start_in_the_outage_counts_as_rostered() -> None:
    night = Night()
    night.forget_shift()
    shift_id = ShiftId(uid("rostered"))
    about: dict[str, Any] = {"shift_id": shift_id, "team_id": night.team}
    night.county.happen(
        ShiftPlanned(
            starts_at=night.began - minutes(30),
            ends_at=night.began + minutes(300),
            crew=night.shift.crew[:1],
            **about,
        )
    )
    run_crew = night.shift.crew[:1]
    night.county.do(night.command(), **PAPERS)
    [run] = night.county.incident(night.incident).assignments
    assert run.crew == tuple(m.responder_id for m in run_crew)
    # One member alone is no valid team: it is kept, told, and stops no clock.
    assert night.county.incident(night.incident).first_on_scene_at is None
    assert night.county.last is not None
    assert "second_member_missing" in {w["code"] for w in night.county.last.result["warnings"]}


def test_a_rostered_shift_that_was_taken_back_is_none() -> None:
    night = Night()
    night.forget_shift()
    about: dict[str, Any] = {"shift_id": ShiftId(uid("rostered")), "team_id": night.team}
    planned = ShiftPlanned(
        starts_at=night.began - minutes(30),
        ends_at=night.began + minutes(300),
        crew=night.shift.crew,
        **about,
    )
    night.county.happen(planned, ShiftCancelled(reason="not_needed", **about))
    gone = night.county.board.shifts.get(about["shift_id"])
    assert gone is None
    night.county.refused("shift_unknown", night.command(), **PAPERS)


def test_a_run_that_was_called_off_leaves_the_slot_to_the_next_team() -> None:
    night = Night()
    off = {
        "on_scene_at": None,
        "cleared_at": None,
        "cancelled_at": night.began + minutes(30),
        "cancel_reason": "team_vehicle",
    }
    assert night.enter(**off).state is Status.CANCELLED
    assert [s.no for s in night.county.incident(night.incident).waiting_slots()] == [1]
    later = night.enter(accepted_at=night.began + minutes(31), en_route_at=None)
    assert later.state is Status.READY
    assert night.county.incident(night.incident).waiting_slots() == []


def test_it_may_be_entered_for_a_call_that_began_before_the_outage() -> None:
    county = County(rules(offers=OfferPolicy(auto_offer=True)))
    team, other = county.team("Blue 1"), county.team("Red 1")
    incident = county.determined()
    began = county.now
    county.wait(600)
    offer = county.offered(incident, other)
    county.wait(3600)
    command = EnterAssignment(
        incident_id=incident,
        team_id=team,
        accepted_at=began + minutes(5),
        on_scene_at=began + minutes(30),
        cleared_at=began + minutes(60),
    )
    county.do(command, **PAPERS)
    assert county.incident(incident).first_on_scene_at == began + minutes(30)
    assert not county.incident(incident).offer(offer).is_pending  # type: ignore[union-attr]
    assert county.a_team(other).offer is None
    county.refused("no_slot_waiting", command_again(command, began + minutes(62)), **PAPERS)


def command_again(command: EnterAssignment, at: Any) -> EnterAssignment:
    return EnterAssignment(
        incident_id=command.incident_id, team_id=command.team_id, accepted_at=at, cleared_at=at
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"accepted_at": 5}, "times_out_of_order"),
        ({"en_route_at": 14}, "times_out_of_order"),
        ({"on_scene_at": 91}, "times_out_of_order"),
        ({"staged_at": 51}, "times_out_of_order"),
        ({"ready_at": 89}, "times_out_of_order"),
        ({"ready_at": 9_000}, "occurred_in_future"),
        ({"cleared_at": None}, "end_missing"),
        ({"cancelled_at": 95}, "end_missing"),
        ({"cleared_at": None, "cancelled_at": 95}, "cancel_reason_missing"),
    ],
)
def test_times_that_cannot_be_are_refused(fields: dict[str, Any], code: str) -> None:
    night = Night()
    instants = {
        name: None if value is None else night.began + minutes(value)
        for name, value in fields.items()
    }
    night.refused(code, **instants)


def test_it_is_a_back_entry_by_somebody_who_may_enter_afterwards() -> None:
    night = Night()
    county, command = night.county, night.command()
    county.refused("only_back_entry", command, by=SUPERVISOR)
    how = {k: v for k, v in PAPERS.items() if k != "by"}
    county.refused("back_entry_role", command, **how)
    county.refused("unknown_team", night.command(team_id=TeamId(uid("nobody"))), **PAPERS)
    closed = night.paper("p3")
    close = CloseIncident(incident_id=closed, outcome="unserved", reason="no_team_available")
    county.do(close, **PAPERS)
    refusal = county._refusal(night.command(incident_id=closed), **PAPERS)
    assert refusal is not None and refusal.code in {"not_determined", "unknown_incident"}


def test_an_offer_to_a_team_that_is_off_shift_is_still_refused() -> None:
    night = Night()
    offer = OfferTeam(incident_id=night.incident, team_id=night.team, override_reason="other")
    night.county.refused("team_not_eligible", offer, **PAPERS)
