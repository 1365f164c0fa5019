"""The live feed: who sees what, nothing private ever, and no client ever a frame short."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from enum import Enum
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.assignment import RUN, Status, StatusReported
from crisis.board import KINDS, Board, empty_board
from crisis.call import CallAbandoned, CallEnded, CallOffered
from crisis.clock import generator
from crisis.commands import (
    AcceptOffer,
    AcknowledgeHazards,
    AcknowledgePartner,
    AmendIncident,
    ClearAssignment,
    DeclineOffer,
    EncounterInput,
    EscalateSlot,
    PlaceInput,
    RaiseDuress,
    RecordEncounter,
    ReportStatus,
    RequestPartner,
    SubjectInput,
)
from crisis.duress import DuressHelpSent
from crisis.errors import CrisisError, NotAllowed, Unavailable
from crisis.ids import (
    AgencyId,
    CallId,
    CountyId,
    ObligationId,
    ShiftId,
    TeamId,
)
from crisis.incident import IncidentArchived
from crisis.obligation import ObligationArose, ObligationDone, ObligationKind
from crisis.roles import Actor, Role
from crisis.team import (
    Duty,
    ShiftCancelled,
    ShiftEnded,
    ShiftPlanned,
    ShiftStarted,
    TeamRecorded,
    TeamUnavailable,
)
from crisis.triage import Acuity, Answer, Hazard, Need
from dispatch.livefeed import CLASSES, Feed, Positions, RoleClass, View, epoch_of, view_of
from geo.fix import Fix, FixSource
from geo.point import Point
from tests.unit.dispatch.board_kit import (
    AGENCY,
    COUNTY,
    MONDAY,
    SERVICE,
    County,
    changed,
    on_team,
    person,
    uid,
)
from tests.unit.dispatch.livefeed_kit import (
    DESK,
    FOLLOW_UP,
    OWN_AGENCY,
    SOMEBODY,
    WALL,
    Client,
    Shown,
    group_of,
    shown_anew,
    team_view,
)
from tests.unit.dispatch.test_decide_invariants import Chaos

OTHER_AGENCY = AgencyId(uid("other agency"))
THEIR_AGENCY = View(county_id=COUNTY, role_class=RoleClass.AGENCY, scope=OTHER_AGENCY)


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


class Screens:
    """A county with a feed behind it and clients in front."""

    def __init__(self, county: County | None = None) -> None:
        self.county = county or County()
        self.feed = Feed(warm=tuple(RoleClass))
        self.feed.start(empty_board(COUNTY))
        self.clients: dict[View, Client] = {}

    def client(self, view: View) -> Client:
        client = self.clients[view] = Client(view)
        client.take(self.feed.catch_up(view, None))
        return client

    def catch_up(self) -> dict[View, dict[str, Any]]:
        """Send all that happened as one group; the last frame of each view that got one."""
        events = self.county.log[self.feed.seq(COUNTY) :]
        out: dict[View, dict[str, Any]] = {}
        for view, payload in self.feed.on_group(group_of(self.feed.board(COUNTY), events)):
            out[view] = json.loads(payload)
            if view in self.clients:
                self.clients[view].take(payload)
        return out


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
    acknowledgement = AcknowledgeHazards(assignment_id=run["id"], version=2)
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
    assert other.of("obligation") == [], "no run on the board says whose it is"


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


def test_a_client_that_misses_a_frame_can_tell() -> None:
    screens = Screens()
    county = screens.county
    desk = screens.client(DESK)
    county.team("Blue 1")
    screens.catch_up()
    del screens.clients[DESK]
    county.call()
    screens.catch_up()
    county.determined()
    lost = screens.catch_up()[DESK]
    assert desk.seq is not None
    assert lost["prev"] > desk.seq


def test_content_that_two_classes_share_is_encoded_once() -> None:
    screens = Screens()
    blue = screens.county.team("Blue 1")
    screens.catch_up()
    key = ("teams", blue)
    desk, phone = screens.feed.shown(DESK), screens.feed.shown(team_view(blue))
    assert desk[key] is phone[key] is screens.feed.shown(OWN_AGENCY)[key]


def test_a_resuming_client_gets_what_changed_and_one_too_old_gets_everything() -> None:
    county = County()
    for number in range(5):
        county.team(f"Blue {number}")
    feed = Feed(backlog=3)
    feed.start(empty_board(COUNTY))
    client = Client(DESK)
    client.take(feed.catch_up(DESK, None))
    feed.on_group(group_of(feed.board(COUNTY), county.log))
    at_teams = feed.seq(COUNTY)
    client.take(feed.catch_up(DESK, client.seq))
    assert client.snapshots == 2, "fifteen changes don't fit into a backlog of three"

    county.call()
    feed.on_group(group_of(feed.board(COUNTY), county.log[at_teams:]))
    message = client.take(feed.catch_up(DESK, client.seq))
    assert (message["t"], message["prev"], len(message["up"])) == ("changes", at_teams, 1)
    ended = CallId(uid("call"))
    county.happen(CallEnded(call_id=ended))
    feed.on_group(group_of(feed.board(COUNTY), county.log[feed.seq(COUNTY) :]))
    message = client.take(feed.catch_up(DESK, client.seq))
    assert (message["up"], message["rm"]) == ([], [["call", str(ended)]])
    message = client.take(feed.catch_up(DESK, client.seq))
    assert (message["t"], message["up"], message["rm"]) == ("changes", [], [])
    assert client.shown == shown_anew(county.board, DESK)


def test_a_seq_from_the_future_is_answered_with_everything() -> None:
    screens = Screens()
    screens.county.team("Blue 1")
    screens.catch_up()
    answer = json.loads(screens.feed.catch_up(DESK, screens.county.board.seq + 1))
    assert answer["t"] == "snapshot"


def test_a_county_that_isn_t_served_is_refused() -> None:
    feed = Feed()
    with pytest.raises(Unavailable):
        feed.catch_up(DESK, None)
    with pytest.raises(Unavailable):
        feed.beat(COUNTY, MONDAY)
    feed.start(empty_board(COUNTY))
    feed.catch_up(DESK, None)
    feed.stop(COUNTY)
    with pytest.raises(Unavailable):
        feed.seq(COUNTY)


def test_views_that_nobody_follows_any_more_are_dropped_and_warm_ones_kept() -> None:
    feed = Feed(warm=(RoleClass.DESK,))
    county = County()
    county.team("Blue 1")
    feed.start(county.board)
    feed.catch_up(WALL, None)
    for _ in range(5):
        feed.rest([])
    feed.rest([WALL])
    for _ in range(5):
        feed.rest([])
    assert feed.shown(WALL)
    feed.rest([])
    assert not feed.shown(WALL)
    assert feed.shown(DESK)


# No client is ever a frame short


class Busy(Chaos):
    """A county that works, with some chaos and with facts that no command of it brings about."""

    def __init__(self, random: Random) -> None:
        super().__init__(auto_offer=False)
        self.random = random
        self.shifts = 0

    def step(self) -> None:
        """Let one thing happen."""
        self.county.wait(self.random.randrange(20))
        likely: list[Callable[[], object]] = [
            self._determine,
            self._offer,
            self._answer,
            self._next_status,
            self._next_status,
            self._fact,
            self._chaos,
        ]
        try:
            self.random.choice(likely)()
        except CrisisError:
            self.refusals += 1

    def _chaos(self) -> None:
        # Commands of chaos are about teams in use.
        if all(team in self.board.teams for team in self.teams):
            self.send(*(self.random.randrange(400) for _ in range(3)))

    def _any(self, things: Iterable[Any]) -> Any:
        found = list(things)
        return self.random.choice(found) if found else None

    def _determine(self) -> None:
        if len(self.board.incidents) < 6:
            acuity = self.random.choice(list(Acuity))
            self.incidents.append(self.county.determined(acuity, slots=self.random.randrange(1, 3)))

    def _offer(self) -> None:
        for team_id in self.teams:
            team = self.board.teams.get(team_id)
            if team is not None and team.duty is Duty.OFF_SHIFT:
                self.shifts += 1
                self.county.happen(
                    ShiftStarted(
                        shift_id=ShiftId(uid(f"shift number {self.shifts}")),
                        team_id=team_id,
                        starts_at=self.county.now,
                        ends_at=self.county.now + timedelta(hours=2),
                        crew=self._crew(team_id, 1),
                    )
                )
        team = self._any(t for t in self.board.teams.values() if t.is_free)
        incident = self._any(i for i in self.board.incidents.values() if i.waiting_slots())
        if team is not None and incident is not None:
            self.county.offered(incident.id, team.id, eta_s=300.0)

    def _answer(self) -> None:
        team = self._any(t for t in self.board.teams.values() if t.offer)
        if team is None:
            return
        offer_id = team.offer[1]
        if self.random.random() < 0.7:
            self.county.do(AcceptOffer(offer_id=offer_id), by=on_team(team.id))
        else:
            self.county.do(DeclineOffer(offer_id=offer_id, reason="too_far"), by=on_team(team.id))

    def _next_status(self) -> None:
        team = self._any(t for t in self.board.teams.values() if t.run)
        if team is None:
            return
        incident_id, run_id = team.run
        run = self.board.incidents[incident_id].assignment(run_id)
        assert run is not None
        status = self._any(s for s in RUN if RUN.index(s) > _rank(run.state))
        if status is Status.CLEARED or status is Status.READY:
            encounter = EncounterInput(disposition="stabilized_referral")
            self.county.do(
                ClearAssignment(assignment_id=run_id, encounters=(encounter,)),
                by=on_team(team.id),
            )
        elif status is not None:
            report = ReportStatus(assignment_id=run_id, status=status, briefed_by="dispatcher")
            self.county.do(report, by=on_team(team.id))

    def _fact(self) -> None:
        team = self.random.choice(self.teams)
        other = self.random.choice((AGENCY, OTHER_AGENCY))
        facts: list[Callable[[], Any]] = [
            lambda: self._recorded(team, agency_id=other),
            lambda: self._recorded(team, call_sign=f"Team {self.random.randrange(3)}"),
            lambda: self._recorded(team, retired=self.random.random() < 0.3),
            lambda: CallOffered(call_id=CallId(uid(f"call {self.board.seq}"))),
            self._ended_call,
            lambda: ShiftPlanned(
                shift_id=ShiftId(uid(f"planned {self.board.seq}")),
                team_id=team,
                starts_at=MONDAY + timedelta(days=2),
                ends_at=MONDAY + timedelta(days=3),
            ),
            self._cancelled_shift,
            self._owed,
        ]
        fact = self.random.choice(facts if team in self.board.teams else facts[:1])()
        if fact is not None:
            self.county.happen(fact)

    def _ended_call(self) -> CallAbandoned | None:
        call = self._any(self.board.calls.values())
        return CallAbandoned(call_id=call.id) if call is not None else None

    def _recorded(self, team_id: TeamId, **fields: Any) -> TeamRecorded | None:
        team = self.board.teams.get(team_id)
        if team is None:
            return TeamRecorded(team_id=team_id, agency_id=AGENCY, call_sign="Back")
        known = {"agency_id": team.agency_id, "call_sign": team.call_sign, "retired": team.retired}
        return TeamRecorded(team_id=team_id, **{**known, **fields})

    def _cancelled_shift(self) -> ShiftCancelled | None:
        teams = self.board.teams
        planned = (s for s in self.board.shifts.values() if s.started_at is None)
        shift = self._any(s for s in planned if s.team_id in teams)
        return ShiftCancelled(shift_id=shift.id, team_id=shift.team_id) if shift else None

    def _owed(self) -> ObligationArose | None:
        run = self._any(self.board.runs)
        if run is None:
            return None
        return ObligationArose(
            obligation_id=ObligationId(uid(f"owed {self.board.seq}")),
            kind=self.random.choice((ObligationKind.NOTE, ObligationKind.FOLLOW_UP)),
            due_at=MONDAY,
            rule="x",
            incident_id=self.board.runs[run],
            assignment_id=run,
        )


def _rank(status: Status) -> int:
    return RUN.index(Status.EN_ROUTE if status is Status.STAGED else status)


class Node:
    """A feed that advances through one log in groups of its own."""

    def __init__(self, log: list[Any], start: int, backlog: int) -> None:
        self.log = log
        self.feed = Feed(backlog=backlog)
        self.feed.start(group_of(empty_board(COUNTY), log[:start]).after)
        self.clients: list[Client] = []

    @property
    def board(self) -> Board:
        return self.feed.board(COUNTY)

    def advance(self, size: int, *, skip: bool = False) -> None:
        at = self.board.seq
        group = group_of(self.board, self.log[at : at + size])
        if skip and size > 1:
            # The first part never came here.
            middle = group_of(self.board, self.log[at : at + size // 2]).after
            group = group_of(middle, self.log[middle.seq : at + size])
        for view, payload in self.feed.on_group(group):
            for client in self.clients:
                if client.view == view:
                    client.take(payload)

    def connect(self, client: Client) -> None:
        epoch = self.feed.epoch(client.view, SOMEBODY)
        known = client.seq if client.epoch == epoch else None
        while known is not None and known > self.board.seq:
            self.advance(known - self.board.seq)
        client.take(self.feed.catch_up(client.view, known))
        client.epoch = epoch
        self.clients.append(client)

    def beat(self) -> None:
        payload = self.feed.beat(COUNTY, MONDAY)
        for client in self.clients:
            client.take(payload)
        self.feed.rest([client.view for client in self.clients], patience=2)


class Roaming:
    """Two nodes on one log, and clients that come, go, and go elsewhere, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = generator(seed)
        busy = Busy(self.random)
        while busy.board.seq < 300:
            busy.step()
        self.log = busy.county.log
        starts = (self.random.randrange(20), self.random.randrange(100))
        self.nodes = [
            Node(self.log, start, backlog=backlog)
            for start, backlog in zip(starts, (4, 1000), strict=True)
        ]
        views = [DESK, WALL, FOLLOW_UP, OWN_AGENCY, THEIR_AGENCY]
        views += [team_view(team) for team in busy.teams]
        self.clients = [Client(self.random.choice(views)) for _ in range(4)]
        self.anew: dict[tuple[int, View], Shown] = {}

    def act(self) -> None:
        node = self.random.choice(self.nodes)
        match self.random.randrange(10):
            case 0:
                node.advance(self.random.randrange(2, 12), skip=True)
            case 1 | 2 | 3 | 4:
                node.advance(self.random.choice((1, 1, 2, 5)))
            case 5:
                node.beat()
            case 6 | 7:
                self.leave(self.random.choice(self.clients))
            case _:
                client = self.random.choice(self.clients)
                self.leave(client)
                node.connect(client)
        self.check()

    def leave(self, client: Client) -> None:
        for node in self.nodes:
            if client in node.clients:
                node.clients.remove(client)

    def check(self) -> None:
        for node in self.nodes:
            for client in node.clients:
                assert client.shown == self.expected(node.board, client.view), client.view

    def expected(self, board: Board, view: View) -> Shown:
        key = (board.seq, view)
        if key not in self.anew:
            self.anew[key] = shown_anew(board, view)
        return self.anew[key]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_client_shows_its_node_s_newest_board_whatever_it_missed_and_wherever_it_goes(
    seed: int,
) -> None:
    roaming = Roaming(seed)
    for _ in range(150):
        roaming.act()
    for node in roaming.nodes:
        node.advance(len(roaming.log))
        for client in roaming.clients:
            roaming.leave(client)
            node.connect(client)
        roaming.check()


@pytest.mark.parametrize("role_class", [RoleClass.DESK, RoleClass.WALL, RoleClass.TEAM])
def test_what_came_and_went_within_one_group_is_taken_from_a_client_that_saw_it_elsewhere(
    role_class: RoleClass,
) -> None:
    county = County()
    blue = county.team("Blue 1")
    incident_id = county.determined()
    start = county.board
    call_id = CallId(uid("call"))
    county.happen(CallOffered(call_id=call_id))
    offer_id = county.offered(incident_id, blue)
    middle = county.board
    county.do(DeclineOffer(offer_id=offer_id, reason="too_far"), by=on_team(blue))
    county.happen(CallAbandoned(call_id=call_id))
    scope = blue if role_class is RoleClass.TEAM else None
    view = View(county_id=COUNTY, role_class=role_class, scope=scope)

    client = Client(view)
    elsewhere = Feed()
    elsewhere.start(middle)
    client.take(elsewhere.catch_up(view, None))
    here = Feed(warm=tuple(RoleClass))
    here.start(start)
    here.on_group(group_of(start, county.log[start.seq :]))
    client.take(here.catch_up(view, client.seq))
    assert client.shown == shown_anew(county.board, view)


def test_a_team_that_leaves_the_board_takes_along_what_its_agency_saw_through_it() -> None:
    screens = Screens()
    county, manager = screens.county, screens.client(OWN_AGENCY)
    blue = county.team("Blue 1")
    incident_id = county.determined()
    run = county.running(incident_id, blue)
    county.happen(
        StatusReported(incident_id=incident_id, assignment_id=run, status=Status.READY),
        ShiftEnded(shift_id=ShiftId(uid("shift Blue 1")), team_id=blue),
    )
    screens.catch_up()
    assert {kind for kind, _ in manager.shown} == {"team", "incident"}
    county.happen(TeamRecorded(team_id=blue, agency_id=AGENCY, call_sign="Blue 1", retired=True))
    screens.catch_up()
    assert manager.shown == {} == shown_anew(county.board, OWN_AGENCY)
    assert screens.client(DESK).shown == shown_anew(county.board, DESK)


def test_roaming_clients_resume_and_not_only_begin_anew() -> None:
    resumed = snapshots = 0
    for seed in range(5):
        roaming = Roaming(seed)
        for _ in range(150):
            roaming.act()
        for client in roaming.clients:
            resumed += sum(m["t"] == "changes" and bool(m["rm"]) for m in client.messages)
            snapshots += client.snapshots
    assert resumed > 25
    assert snapshots > 50


# Nothing private, ever

EXACT = Point(lat_deg=37.123456, lon_deg=-122.654321)
#: The only typed or coded words that may leave in a frame: codes of the versioned sets, names that
#: the county gives its teams and zones, and words that the service itself chose.
MAY_LEAVE = {
    "Assignment.arrival_shortfalls",
    "Assignment.shortfalls",
    "Assignment.staging_reason",
    "Call.channel",
    "Call.confirmed",
    "Call.direction",
    "Call.referral_source",
    "Duress.cause",
    "Hazard.code",
    "Hazard.source",
    "Incident.outcome",
    "Incident.reason",
    "Incident.referral_source",
    "Need.code",
    "Obligation.stage",
    "Offer.shortfalls",
    "PartnerResponse.kind",
    "Place.location_type",
    "Team.call_sign",
    "Team.capabilities",
    "Team.unavailable_reason",
    "Team.zones",
}


def full_county() -> County:
    """A county where every part of every thing is there to be leaked."""
    county = County()
    blue, red = county.team("Blue 1"), county.team("Red 1")
    incident_id = county.determined(
        slots=2,
        call_id=county.call(),
        needs=(Need(code="youth"),),
        hazards=(Hazard(code="animals"),),
        place=PlaceInput(point=EXACT, address="x", location_type="home"),
        concerns=("suicide_risk",),
        screening={"weapon_on_scene": Answer.NO},
        narrative="x",
        subjects=(SubjectInput(name="x"),),
    )
    run = county.running(incident_id, blue)
    county.offered(incident_id, red)
    for status in (Status.EN_ROUTE, Status.ON_SCENE):
        county.do(ReportStatus(assignment_id=run, status=status, briefed_by="x"), by=on_team(blue))
    encounter = EncounterInput(disposition="stabilized_referral", note="x")
    county.do(RecordEncounter(assignment_id=run, encounter=encounter), by=on_team(blue))
    asked = county.do(RequestPartner(incident_id=incident_id, kind="ems", reason="medical")).result
    county.do(
        AcknowledgePartner(
            incident_id=incident_id, partner_id=asked["partner_id"], agency="x", reference="x"
        )
    )
    county.do(RaiseDuress(team_id=blue), by=on_team(blue))
    county.happen(DuressHelpSent(duress_id=next(iter(county.board.duress)), who="x", reference="x"))
    return county


def _strings_allowed(annotation: Any) -> bool:
    """Whether a field of this type can hold free characters."""
    if annotation is str:
        return True
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(_strings_allowed(a) for a in typing.get_args(annotation))
    return False


def _marked(value: Any, path: str) -> Any:
    """``value`` with a marker that names the field in every place that can hold characters."""
    if isinstance(value, msgspec.Struct):
        name = type(value).__name__
        hints = typing.get_type_hints(type(value))
        fields = {}
        for field in msgspec.structs.fields(value):
            spot = f"{name}.{field.name}"
            if _strings_allowed(hints[field.name]):
                fields[field.name] = f"<{spot}>"
            elif _holds_strings(hints[field.name]):
                fields[field.name] = type(getattr(value, field.name))([f"<{spot}>"])
            else:
                fields[field.name] = _marked(getattr(value, field.name), spot)
        return changed(value, **fields)
    if isinstance(value, tuple):
        return tuple(_marked(v, path) for v in value)
    if isinstance(value, dict):
        keyed = {f"<{path}>": v for v in value.values()} if _is_free(value) else value
        return {k: _marked(v, path) for k, v in keyed.items()}
    return value


def _holds_strings(annotation: Any) -> bool:
    """Whether it is a tuple or set of strings, or one of those or nothing."""
    if isinstance(annotation, types.UnionType):
        return any(_holds_strings(a) for a in typing.get_args(annotation))
    args = typing.get_args(annotation)
    return typing.get_origin(annotation) in (tuple, frozenset) and args[0] is str


def _is_free(value: dict[Any, Any]) -> bool:
    return any(isinstance(k, str) and not isinstance(k, Enum) for k in value)


def _all_strings(value: Any) -> Iterator[str]:
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from _all_strings(getattr(value, field.name))
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from _all_strings(k)
            yield from _all_strings(v)
    elif isinstance(value, tuple | frozenset):
        for v in value:
            yield from _all_strings(v)
    elif isinstance(value, str) and not isinstance(value, Enum):
        yield value


def marked_board(county: County) -> Board:
    """The county's board with every place that can hold characters filled with its own name.

    Arrival shortfalls, telehealth seconds and the like are there as well.
    """
    board = county.board
    kinds = {}
    for kind in KINDS:
        kinds[kind] = {k: _marked(v, kind) for k, v in getattr(board, kind).items()}
    incidents = {}
    for incident_id, incident in kinds["incidents"].items():
        # As if a fault had put the exact point where the cell belongs.
        place = changed(incident.place, cell=EXACT)
        runs = tuple(
            changed(a, arrival_shortfalls=("<Assignment.arrival_shortfalls>",))
            for a in incident.assignments
        )
        incidents[incident_id] = changed(incident, place=place, assignments=runs)
    kinds["incidents"] = incidents
    marked: Board = changed(board, **kinds)
    return marked


def everything_shown(board: Board) -> bytes:
    """All snapshots of all views of a board."""
    feed = Feed(warm=tuple(RoleClass))
    feed.start(board)
    views = [DESK, WALL, FOLLOW_UP, OWN_AGENCY, *(team_view(t) for t in board.teams)]
    return b"".join(feed.catch_up(view, None) for view in views)


def test_no_private_word_leaves_in_a_frame() -> None:
    board = marked_board(full_county())
    markers = {s for kind in KINDS for v in getattr(board, kind).values() for s in _all_strings(v)}
    # The test sees what there is to be leaked.
    assert {
        "<Clinical.concerns>",
        "<Clinical.screening>",
        "<Encounter.disposition>",
        "<PartnerResponse.reference>",
        "<Place.address_record>",
        "<Duress.help>",
        "<Incident.paper_number>",
        "<Subject.label>",
        "<Assignment.briefed_by>",
    } <= markers
    out = everything_shown(board).decode()
    left = {marker.strip("<>") for marker in markers if marker in out}
    assert left == MAY_LEAVE


def test_no_exact_point_of_a_person_and_no_record_leaves_in_a_frame() -> None:
    county = full_county()
    board = marked_board(county)
    (incident,) = board.incidents.values()
    assert incident.clinical.point == EXACT
    out = everything_shown(board).decode()
    assert "37.1234" not in out and "122.6543" not in out
    records = [
        *incident.records,
        *(s.record for s in incident.subjects),
        *(e.note_record for e in incident.encounters),
        *(c.caller_record for c in board.calls.values()),
    ]
    assert any(records)
    assert not [r for r in records if r is not None and str(r) in out]


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
