"""The live feed: who follows which view, what it shows, and how frames say so."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from crisis.assignment import Status
from crisis.commands import (
    AcceptOffer,
    AcknowledgeHazards,
    AmendIncident,
    ClearAssignment,
    CloseIncident,
    CompleteObligation,
    DeclineOffer,
    EncounterInput,
    EscalateSlot,
    RaiseDuress,
    ReportStatus,
)
from crisis.errors import NotAllowed
from crisis.ids import (
    CountyId,
    ObligationId,
    ShiftId,
    TeamId,
)
from crisis.incident.state import IncidentArchived
from crisis.obligation import ObligationArose, ObligationDone, ObligationKind
from crisis.rights import CLASSES, RoleClass
from crisis.roles import Actor, Role
from crisis.team import (
    ShiftEnded,
    TeamRecorded,
    TeamUnavailable,
)
from crisis.triage import Hazard, Need
from dispatch.feed import Feed, Positions, View, epoch_of, view_of
from geo.fix import Fix, FixSource
from geo.point import Point
from tests.unit.dispatch.board_kit import (
    AGENCY,
    COUNTY,
    MONDAY,
    SERVICE,
    County,
    on_team,
    person,
    uid,
)
from tests.unit.dispatch.livefeed_kit import (
    DESK,
    FOLLOW_UP,
    OTHER_AGENCY,
    OWN_AGENCY,
    WALL,
    Screens,
    team_view,
)

# Which view


def test_every_role_has_its_classes_of_view() -> None:
    assert set(CLASSES) == set(Role)


@pytest.mark.parametrize("role", [Role.CALL_TAKER, Role.DISPATCHER, Role.SUPERVISOR, Role.LEAD])
def test_the_desk_and_the_lead_follow_the_whole_county(role: Role) -> None:
    assert view_of(person("x", role), COUNTY) == DESK
    assert view_of(person("x", role), COUNTY, RoleClass.WALL) == WALL


def test_a_responder_follows_the_team_that_they_are_on_and_nothing_else() -> None:
    team = TeamId(uid("team"))
    assert view_of(on_team(team), COUNTY) == team_view(team)
    with pytest.raises(NotAllowed) as refusal:
        view_of(on_team(team), COUNTY, RoleClass.DESK)
    assert refusal.value.code == "view_not_yours"
    with pytest.raises(NotAllowed) as refusal:
        view_of(person("off duty", Role.RESPONDER), COUNTY)
    assert refusal.value.code == "no_team"


def test_an_account_that_ends_at_one_agency_never_follows_the_county() -> None:
    limited = Actor(roles=frozenset({Role.DISPATCHER}), agency_id=AGENCY)
    assert view_of(limited, COUNTY) == OWN_AGENCY
    for wanted in (RoleClass.DESK, RoleClass.FOLLOW_UP):
        with pytest.raises(NotAllowed):
            view_of(limited, COUNTY, wanted)


def test_a_dispatcher_who_is_also_a_responder_chooses() -> None:
    team = TeamId(uid("team"))
    both = Actor(roles=frozenset({Role.DISPATCHER, Role.RESPONDER}), team_id=team)
    assert view_of(both, COUNTY) == DESK
    assert view_of(both, COUNTY, RoleClass.TEAM) == team_view(team)


def test_an_epoch_stands_for_view_grants_and_log() -> None:
    plain, more = person("x", Role.DISPATCHER), person("x", Role.DISPATCHER, Role.LEAD)
    other = View(county_id=CountyId(6003), role_class=RoleClass.DESK)
    epochs = {
        epoch_of(DESK, plain, "a"),
        epoch_of(DESK, more, "a"),
        epoch_of(WALL, plain, "a"),
        epoch_of(other, plain, "a"),
        epoch_of(DESK, plain, "b"),
    }
    assert len(epochs) == 5
    assert epoch_of(DESK, person("y", Role.DISPATCHER), "a") == epoch_of(DESK, plain, "a")


# What is shown


def test_a_desk_sees_an_incident_from_waiting_to_on_scene_without_any_rule_of_its_own() -> None:
    screens = Screens()
    county, desk = screens.county, screens.client(DESK)
    blue = county.team("Blue 1")
    incident_id = county.determined(call_id=county.call())
    screens.catch_up()
    (row,) = desk.of("incident")
    assert row["phase"] == "waiting"
    assert row["waiting_since"] == row["determined_at"] == row["slots"][0]["since"]
    assert row["cell"] == {"lat": 37.805, "lon": -122.275}

    county.wait(30)
    offer_id = county.offered(incident_id, blue, eta_s=600.0)
    screens.catch_up()
    (row,) = desk.of("incident")
    (team,) = desk.of("team")
    assert (row["phase"], row["slots"][0]["state"]) == ("offered", "offered")
    assert row["waiting_since"] == row["determined_at"], "being asked is not being served"
    assert row["offers"][0]["team_id"] == str(blue)
    assert (team["status"], team["offer"]["id"]) == ("offered", str(offer_id))
    assert "is_free" not in team

    county.do(AcceptOffer(offer_id=offer_id), by=on_team(blue))
    screens.catch_up()
    (row,), (team,) = desk.of("incident"), desk.of("team")
    assert (row["phase"], "waiting_since" in row, "offers" in row) == ("assigned", False, False)
    (run,) = row["runs"]
    assert (run["status"], run["call_sign"]) == ("accepted", "Blue 1")
    assert run["eta_at"] == _json(county.now + timedelta(seconds=600))
    assert (team["status"], team["run"]["id"]) == ("accepted", run["id"])

    county.do(AmendIncident(incident_id=incident_id, hazards=(Hazard(code="animals"),)))
    screens.catch_up()
    (row,) = desk.of("incident")
    assert row["is_unacknowledged"] and row["runs"][0]["unacknowledged"]
    acknowledgement = AcknowledgeHazards(assignment_id=run["id"], version=row["version"])
    county.do(
        msgspec.structs.replace(acknowledgement, assignment_id=UUID(run["id"])), by=on_team(blue)
    )
    screens.catch_up()
    assert "is_unacknowledged" not in desk.of("incident")[0]

    county.wait(60)
    for status in (Status.EN_ROUTE, Status.ON_SCENE):
        report = ReportStatus(assignment_id=UUID(run["id"]), status=status)  # type: ignore[arg-type]
        county.do(report, by=on_team(blue))
        screens.catch_up()
        assert desk.of("team")[0]["status"] == status.value
    (row,) = desk.of("incident")
    assert row["phase"] == "on_scene"
    assert row["first_on_scene_at"] == _json(county.now)
    assert "eta_at" not in row["runs"][0]


def _json(instant: Any) -> str:
    return str(json.loads(msgspec.json.encode(instant)))


def test_a_slot_that_nobody_takes_says_so() -> None:
    screens = Screens()
    county, desk = screens.county, screens.client(DESK)
    county.team("Blue 1")
    incident_id = county.determined()
    county.wait(60)
    county.do(EscalateSlot(incident_id=incident_id, slot=1, rung=1), by=SERVICE)  # type: ignore[arg-type]
    screens.catch_up()
    (row,) = desk.of("incident")
    assert row["is_exhausted"]
    assert row["slots"][0]["exhausted_at"] == _json(county.now)


def test_a_team_sees_what_it_is_asked_and_loses_it_when_another_is() -> None:
    screens = Screens()
    county = screens.county
    blue, red = county.team("Blue 1"), county.team("Red 1")
    phone, other = screens.client(team_view(blue)), screens.client(team_view(red))
    incident_id = county.determined(
        needs=(Need(code="youth"),), hazards=(Hazard(code="animals", source="caller"),)
    )
    screens.catch_up()
    assert phone.of("incident") == other.of("incident") == []

    offer_id = county.offered(incident_id, blue)
    screens.catch_up()
    (seen,) = phone.of("incident")
    assert seen["needs"] == [{"code": "youth"}] and seen["hazards"][0]["code"] == "animals"
    assert phone.of("team")[0]["offer"]["expires_at"]
    assert other.of("incident") == []

    county.do(DeclineOffer(offer_id=offer_id, reason="too_far"), by=on_team(blue))
    run = county.running(incident_id, red)
    screens.catch_up()
    assert phone.of("incident") == [] and len(other.of("incident")) == 1
    assert phone.of("team")[0]["status"] == "available"

    report = ReportStatus(assignment_id=run, status=Status.EN_ROUTE, briefed_by="dispatcher")
    county.do(report, by=on_team(red))
    frames = screens.catch_up()
    assert team_view(blue) not in frames, "what doesn't concern a team costs it nothing"
    assert {o["kind"] for o in other.of("obligation")} == {"check_in"}
    assert phone.of("obligation") == []

    county.do(RaiseDuress(team_id=red), by=on_team(red))
    screens.catch_up()
    assert len(other.of("duress")) == 1 and phone.of("duress") == []

    county.happen(IncidentArchived(incident_id=incident_id))
    screens.catch_up()
    assert {o["kind"] for o in other.of("obligation")} == {"check_in"}
    assert phone.of("obligation") == []


def test_a_team_sees_what_it_owes_until_it_is_done_however_long_its_incident_is_over() -> None:
    screens = Screens()
    county = screens.county
    blue, red = county.team("Blue 1"), county.team("Red 1")
    phone, other = screens.client(team_view(blue)), screens.client(team_view(red))
    incident_id = county.determined()
    run = county.running(incident_id, blue)
    arrived = ReportStatus(assignment_id=run, status=Status.ON_SCENE)
    county.do(arrived, by=on_team(blue))
    encounter = EncounterInput(disposition="not_found", contacted=False)
    county.do(ClearAssignment(assignment_id=run, encounters=(encounter,)), by=on_team(blue))
    county.do(CloseIncident(incident_id=incident_id))
    assert incident_id not in county.board.incidents

    screens.catch_up()
    (note,) = phone.of("obligation")
    assert (note["kind"], note["team_id"]) == ("note", str(blue))
    assert other.of("obligation") == []
    done = CompleteObligation(obligation_id=ObligationId(UUID(note["id"])), reference="EHR 7")
    county.refused("not_your_team", done, by=on_team(red))
    county.do(done, by=on_team(blue))
    screens.catch_up()
    assert phone.of("obligation") == []


def test_an_agency_sees_its_own_teams_and_their_runs_alone() -> None:
    screens = Screens()
    county, manager = screens.county, screens.client(OWN_AGENCY)
    ours, theirs = county.team("Blue 1"), county.team("Red 1")
    county.happen(TeamRecorded(team_id=theirs, agency_id=OTHER_AGENCY, call_sign="Red 1"))
    incident_id = county.determined(slots=2)
    county.running(incident_id, theirs)
    screens.catch_up()
    assert [t["id"] for t in manager.of("team")] == [str(ours)]
    assert manager.of("incident") == []
    county.running(incident_id, ours)
    screens.catch_up()
    (seen,) = manager.of("incident")
    assert [r["team_id"] for r in seen["runs"]] == [str(ours)]
    assert "cell" not in seen

    county.do(RaiseDuress(team_id=ours), by=on_team(ours))
    county.happen(TeamRecorded(team_id=theirs, agency_id=OTHER_AGENCY, call_sign="Red 9"))
    screens.catch_up()
    assert len(manager.of("duress")) == 1
    assert "Red 9" in screens.feed.shown(DESK)["incidents", incident_id].decode()
    county.happen(TeamRecorded(team_id=ours, agency_id=OTHER_AGENCY, call_sign="Blue 1"))
    screens.catch_up()
    assert manager.shown == {}, "with the team goes all that was seen through it"


def test_a_wall_counts_and_names_no_place() -> None:
    screens = Screens()
    county, wall = screens.county, screens.client(WALL)
    assert wall.of("counts")[0]["n"] == {}
    county.team("Blue 1")
    blue2 = county.team("Blue 2")
    county.call()
    incident_id = county.determined()
    county.determined()
    screens.catch_up()
    assert wall.of("counts")[0]["n"] == {
        "call.on_line": 1,
        "incident.waiting": 2,
        "team.available": 2,
    }
    county.running(incident_id, blue2)
    screens.catch_up()
    assert wall.of("counts")[0]["n"] == {
        "call.on_line": 1,
        "incident.assigned": 1,
        "incident.waiting": 1,
        "team.accepted": 1,
        "team.available": 1,
    }
    assert all("cell" not in row and "needs" not in row for row in wall.of("incident"))


def test_a_follow_up_worker_sees_what_is_owed_after_runs_and_nothing_else() -> None:
    screens = Screens()
    county, worker = screens.county, screens.client(FOLLOW_UP)
    incident_id = county.determined()
    for kind in ObligationKind:
        county.happen(
            ObligationArose(
                obligation_id=ObligationId(uid(f"owed {kind}")),
                kind=kind,
                due_at=county.now + timedelta(hours=72),
                rule="x",
                incident_id=incident_id,
            )
        )
    screens.catch_up()
    kinds = {o["kind"] for o in worker.of("obligation")}
    assert kinds == {"follow_up", "plan_notice", "mandated_report"}
    assert {k for k, _ in worker.shown} == {"obligation"}
    county.happen(ObligationDone(obligation_id=ObligationId(uid("owed follow_up")), outcome="x"))
    screens.catch_up()
    assert len(worker.of("obligation")) == 2


# Frames


def test_a_group_that_changes_nothing_in_a_view_sends_it_nothing_and_the_beat_carries_the_seq() -> (
    None
):
    screens = Screens()
    county = screens.county
    blue = county.team("Blue 1")
    screens.catch_up()
    phone = screens.client(team_view(blue))
    county.call()
    assert team_view(blue) not in screens.catch_up()
    phone.take(screens.feed.beat(COUNTY, county.now))
    assert phone.seq == county.board.seq
    county.determined()
    assert team_view(blue) not in screens.catch_up()
    county.happen(TeamUnavailable(team_id=blue, reason="break"))
    frame = screens.catch_up()[team_view(blue)]
    assert frame["prev"] <= phone.seq
    assert [e["duty"] for e in frame["up"]] == ["unavailable"]


# Positions


class Buffer:
    """Positions as the buffer of fixes gives them."""

    def __init__(self) -> None:
        self.now: dict[TeamId, Fix] = {}
        self.moved: dict[TeamId, Fix] = {}

    def put(self, team_id: TeamId, lat_deg: float) -> None:
        fix = Fix(
            fixed_at=MONDAY,
            received_at=MONDAY,
            point=Point(lat_deg=lat_deg, lon_deg=-122.123456789),
            source=FixSource.PHONE,
            accuracy_m=12.4,
        )
        self.now[team_id] = self.moved[team_id] = fix

    def latest(self, county_id: CountyId) -> dict[TeamId, Fix]:
        return self.now

    def take_moved(self, county_id: CountyId) -> dict[TeamId, Fix]:
        moved, self.moved = self.moved, {}
        return moved


def test_positions_go_once_a_round_to_those_who_may_see_the_team() -> None:
    county = County()
    blue, red = county.team("Blue 1"), county.team("Red 1")
    county.happen(TeamRecorded(team_id=red, agency_id=OTHER_AGENCY, call_sign="Red 1"))
    feed, buffer = Feed(), Buffer()
    feed.start(county.board)
    positions = Positions(feed, buffer)
    for lat in (37.1, 37.2, 37.3):
        buffer.put(blue, lat)
    buffer.put(red, 38.0)
    views = [DESK, WALL, OWN_AGENCY, team_view(blue), team_view(red)]
    out = {view: json.loads(payload) for view, payload in positions.round(views, MONDAY)}
    row = [str(blue), 37.3, -122.12346, 12, _json(MONDAY), None]
    assert out[team_view(blue)] == {"t": "fixes", "at": _json(MONDAY), "f": [row]}
    assert out[OWN_AGENCY]["f"] == [row]
    assert {r[0] for r in out[DESK]["f"]} == {str(blue), str(red)}
    assert [r[0] for r in out[team_view(red)]["f"]] == [str(red)]
    assert WALL not in out
    assert positions.round(views, MONDAY) == []
    first = positions.first(OWN_AGENCY, MONDAY)
    assert first is not None and json.loads(first)["f"] == [row]
    assert positions.first(WALL, MONDAY) is None


def test_a_team_off_shift_is_nowhere() -> None:
    county = County()
    blue = county.team("Blue 1")
    feed, buffer = Feed(), Buffer()
    buffer.put(blue, 37.1)
    county.happen(ShiftEnded(shift_id=ShiftId(uid("shift Blue 1")), team_id=blue))
    feed.start(county.board)
    positions = Positions(feed, buffer)
    assert positions.first(DESK, MONDAY) is None
    assert positions.round([DESK, team_view(blue)], MONDAY) == []
