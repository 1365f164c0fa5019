"""Two people who change one crew, or one entry, don't erase one another's word."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crisis.assignment import Status
from crisis.commands import (
    AmendIncident,
    ChangeCrew,
    CloseIncident,
    EndShift,
    OpenIncident,
    PlaceInput,
    RecordResponder,
    RecordTeam,
    ReportStatus,
    SwapCrew,
)
from crisis.ids import AssignmentId, ResponderId, ShiftId, TeamId
from crisis.responder import PresenceMode
from crisis.roles import THE_SERVICE, Role
from crisis.staffing import TelehealthSecond
from crisis.states import Source
from crisis.team import CrewMember, Shift
from crisis.triage import Acuity, Answer, HazardTold
from geo.point import Point
from tests.unit.dispatch.board_kit import (
    AGENCY,
    DISPATCHER,
    OAKLAND,
    OTHER_DISPATCHER,
    SUPERVISOR,
    County,
    on_team,
    person,
)

NEAR = Point(lat_deg=37.81, lon_deg=-122.27)


class Crews:
    """A team on shift or on a run, and people who could join it."""

    def __init__(self, *, on_run: bool) -> None:
        self.county = County()
        self.team_id: TeamId = self.county.team("Blue 1")
        other = self.county.team("Red 1", on_shift=False)
        shift_id = self.county.a_team(self.team_id).shift_id
        assert shift_id is not None
        self.shift_id: ShiftId = shift_id
        self.begun = self.shift.crew
        on_crew = {member.responder_id for member in self.begun}
        self.spare = [one for one in self.county.board.responders if one not in on_crew]
        assert other != self.team_id and len(self.begun) == 2 and len(self.spare) >= 2
        self.run: AssignmentId | None = None
        if on_run:
            self.run = self.county.running(self.county.determined(), self.team_id)

    @property
    def shift(self) -> Shift:
        return self.county.board.shifts[self.shift_id]

    @property
    def crew(self) -> set[ResponderId]:
        crew = {member.responder_id for member in self.shift.crew}
        if self.run is not None:
            run = next(iter(self.county.board.incidents.values())).assignment(self.run)
            assert run is not None and set(run.crew) == crew, "the run's crew is the shift's"
        return crew

    def command(self, **told: Any) -> ChangeCrew | SwapCrew:
        if self.run is not None:
            return SwapCrew(assignment_id=self.run, **told)
        return ChangeCrew(shift_id=self.shift_id, **told)


@pytest.fixture(params=[False, True], ids=["on shift", "on a run"])
def crews(request: pytest.FixtureRequest) -> Crews:
    return Crews(on_run=request.param)


def member(who: ResponderId, **how: Any) -> CrewMember:
    return CrewMember(responder_id=who, **how)


def test_who_joins_and_who_leaves_are_told_one_by_one_by_two_people(crews: Crews) -> None:
    first, second = (one.responder_id for one in crews.begun)
    joins, later = crews.spare[:2]
    crews.county.do(crews.command(add=(member(joins),)), by=OTHER_DISPATCHER)
    crews.county.do(crews.command(add=(member(later),), remove=(second,)), by=DISPATCHER)
    assert crews.crew == {first, joins, later}
    # Said again it is said once, and who has left has left.
    crews.county.do(crews.command(add=(member(later),), remove=(second,)), by=OTHER_DISPATCHER)
    assert crews.crew == {first, joins, later}
    assert crews.county.log[-1].body.reason == "not_said"  # type: ignore[union-attr]


def test_a_whole_crew_puts_nothing_over_what_somebody_else_changed(crews: Crews) -> None:
    joins, later = crews.spare[:2]
    seen = crews.shift.crew_mark
    snapshot = (*crews.begun, member(later))
    crews.county.do(crews.command(add=(member(joins),)), by=OTHER_DISPATCHER)
    for stale in ({}, {"seen": seen}):
        refusal = crews.county.refused("stale_entry", crews.command(crew=snapshot, **stale))
        assert refusal.facts["mark"] == crews.shift.crew_mark
    assert joins in crews.crew and later not in crews.crew
    crews.county.do(crews.command(crew=snapshot, seen=crews.shift.crew_mark))
    assert joins not in crews.crew and later in crews.crew
    # One's own word may be set right without asking what it was.
    crews.county.do(crews.command(crew=crews.begun))
    assert later not in crews.crew


def test_who_was_taken_off_a_crew_doesnt_come_back_with_an_old_form(crews: Crews) -> None:
    gone = crews.begun[1].responder_id
    crews.county.do(crews.command(remove=(gone,), reason="illness"), by=OTHER_DISPATCHER)
    crews.county.refused("stale_entry", crews.command(crew=(*crews.begun, member(crews.spare[0]))))
    assert gone not in crews.crew


def test_a_crew_is_told_in_one_way_and_has_somebody_on_it(crews: Crews) -> None:
    one, two = (member.responder_id for member in crews.begun)
    new = member(crews.spare[0])
    crews.county.refused("crew_told_twice", crews.command(crew=crews.begun, add=(new,)))
    crews.county.refused("crew_told_twice", crews.command(crew=crews.begun, remove=(one,)))
    crews.county.refused("added_and_removed", crews.command(add=(member(one),), remove=(one,)))
    crews.county.refused("crew_empty", crews.command(remove=(one, two)))
    crews.county.refused("crew_empty", crews.command(crew=()))
    crews.county.refused(
        "unknown_responder", crews.command(add=(member(ResponderId(crews.team_id)),))
    )


def test_a_decision_for_a_remote_second_stays_until_they_leave(crews: Crews) -> None:
    second = crews.begun[1].responder_id
    remote = member(second, mode=PresenceMode.TELEHEALTH_VIDEO)
    decision = TelehealthSecond(marked_delay=True, no_safety_concern=True, member=second)
    crews.county.do(crews.command(add=(remote,), telehealth=decision), by=SUPERVISOR)
    approved = crews.shift.telehealth
    assert approved is not None and approved.approved_at is not None
    crews.county.do(crews.command(add=(member(crews.spare[0]),)), by=OTHER_DISPATCHER)
    assert crews.shift.telehealth == approved
    crews.county.do(crews.command(remove=(second,)), by=OTHER_DISPATCHER)
    assert crews.shift.telehealth is None


VALUES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"acuity": Acuity.EMERGENT}, {"acuity": Acuity.ROUTINE}, "acuity"),
    (
        {"place": PlaceInput(location_type="school")},
        {"place": PlaceInput(location_type="park")},
        "location_type",
    ),
    ({"place": PlaceInput(point=NEAR)}, {"place": PlaceInput(point=OAKLAND)}, "point"),
    (
        {"place": PlaceInput(address="1 Elm St")},
        {"place": PlaceInput(address="2 Elm St")},
        "address",
    ),
    (
        {"place": PlaceInput(access="Gate 4411")},
        {"place": PlaceInput(access="Ring at the back")},
        "access",
    ),
    (
        {"screening": {"violence_now": Answer.YES}},
        {"screening": {"violence_now": Answer.NO}},
        "screening/violence_now",
    ),
]


@pytest.mark.parametrize(("first", "second", "field"), VALUES, ids=lambda one: str(one)[:20])
def test_a_value_that_somebody_else_amended_is_not_overwritten_without_a_version(
    first: dict[str, Any], second: dict[str, Any], field: str
) -> None:
    county = County()
    incident_id = county.determined(place=PlaceInput(point=OAKLAND, address="901 P St"))
    version = county.incident(incident_id).version
    county.do(AmendIncident(incident_id=incident_id, version=version, **first), by=OTHER_DISPATCHER)
    stood = county.incident(incident_id).situation
    command = AmendIncident(incident_id=incident_id, **second)
    refusal = county.refused("stale_version", command, by=DISPATCHER)
    assert [one["field"] for one in refusal.facts["fields"]] == [field]  # type: ignore[attr-defined]
    assert county.incident(incident_id).situation == stood
    # Whoever has looked says so; and one's own word is set right without.
    seen = msgspec.structs.replace(command, version=county.incident(incident_id).version)
    county.do(seen, by=DISPATCHER)
    county.do(AmendIncident(incident_id=incident_id, **first), by=DISPATCHER)


def test_what_is_said_beside_another_value_needs_no_version() -> None:
    county = County()
    incident_id = county.determined()
    version = county.incident(incident_id).version
    pressing = AmendIncident(incident_id=incident_id, acuity=Acuity.EMERGENT, version=version)
    county.do(pressing, by=OTHER_DISPATCHER)
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(location_type="park")))
    county.do(AmendIncident(incident_id=incident_id, acuity=Acuity.EMERGENT))
    assert county.incident(incident_id).acuity is Acuity.EMERGENT


def test_a_roster_entry_that_somebody_else_recorded_is_not_overwritten_unseen() -> None:
    county = County()
    one, two = person("one", Role.ADMIN), person("two", Role.ADMIN)
    team_id = county.team("Blue 1")
    named: dict[str, Any] = {"team_id": team_id, "agency_id": AGENCY}
    county.do(RecordTeam(call_sign="Blue 2", seen=county.a_team(team_id).mark, **named), by=one)
    county.refused("stale_entry", RecordTeam(call_sign="Blue 3", **named), by=two)
    county.do(RecordTeam(call_sign="Blue 4", **named), by=one)
    who = next(iter(county.board.responders.values()))
    longer = msgspec.structs.replace(who, can_assess=not who.can_assess)
    county.do(RecordResponder(responder=longer, seen=who.mark), by=one)
    county.refused("stale_entry", RecordResponder(responder=who), by=two)
    assert county.board.responders[who.id].recorded_by == one.user_id


def test_how_to_get_in_is_a_fact_that_the_crew_is_told_of() -> None:
    county = County()
    incident_id = county.determined(place=PlaceInput(point=OAKLAND, address="901 P St"))
    team_id = county.team("Blue 1")
    county.running(incident_id, team_id)
    before = county.incident(incident_id)
    told = AmendIncident(incident_id=incident_id, place=PlaceInput(access="Gate 4411"))
    result = county.do(told).result
    after = county.incident(incident_id)
    assert result["changed"] == ["access"] and after.version == before.version + 1
    assert after.place.address_record == before.place.address_record
    assert (f"team:{team_id}", "incident_amended") in county.told()


# What nobody said


def test_a_reason_that_nobody_said_is_no_reason() -> None:
    county = County()
    team_id = county.team("Blue 1")
    shift_id = county.a_team(team_id).shift_id
    assert shift_id is not None
    made_up = EndShift(shift_id=shift_id, reason="not_said")
    county.refused("code_of_service", made_up, by=on_team(team_id))
    county.do(EndShift(shift_id=shift_id), by=on_team(team_id))
    assert county.log[-1].body.reason == "not_said"  # type: ignore[union-attr]


def test_the_clockwork_ends_a_shift_as_planned() -> None:
    county = County()
    team_id = county.team("Blue 1")
    shift_id = county.a_team(team_id).shift_id
    assert shift_id is not None
    county.now = county.board.shifts[shift_id].ends_at
    county.do(EndShift(shift_id=shift_id), by=THE_SERVICE, source=Source.TIMER)
    assert county.log[-1].body.reason == "scheduled"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "word"), [(Source.DESK, "not_said"), (Source.PHONE, "team")], ids=str
)
def test_where_the_word_of_a_hazard_came_from_is_not_made_up(source: Source, word: str) -> None:
    county = County()
    incident_id = county.determined()
    told = (HazardTold(code="weapon"),)
    if source is Source.DESK:
        opened = county.do(OpenIncident(hazards=told)).result["incident_id"]
        assert [one.source for one in county.incident(opened).hazards] == [word]
        by = DISPATCHER
    else:
        team_id = county.team("Blue 1")
        county.running(incident_id, team_id)
        by = on_team(team_id)
    county.do(AmendIncident(incident_id=incident_id, add_hazards=told), by=by, source=source)
    assert word in {h.source for h in county.incident(incident_id).hazards if h.code == "weapon"}


def test_an_incident_is_closed_as_the_record_says() -> None:
    county = County()
    incident_id = county.determined()
    county.refused("nobody_came", CloseIncident(incident_id=incident_id))
    team_id = county.team("Blue 1")
    run = county.running(incident_id, team_id)
    for status in (Status.EN_ROUTE, Status.ON_SCENE, Status.CLEARED, Status.READY):
        county.do(ReportStatus(assignment_id=run, status=status), by=on_team(team_id))
    county.do(CloseIncident(incident_id=incident_id))
    assert county.incident(incident_id).outcome == "responded"
    other = county.determined()
    county.do(CloseIncident(incident_id=other, reason="no_team_available"))
    assert county.incident(other).outcome == "unserved"
