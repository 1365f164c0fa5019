"""No client of the live feed is ever a frame short, whatever it missed and wherever it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.assignment import Status, StatusReported
from crisis.board import Board, empty_board
from crisis.call import CallAbandoned, CallEnded, CallOffered
from crisis.clock import generator
from crisis.commands import (
    DeclineOffer,
)
from crisis.errors import Unavailable
from crisis.ids import (
    CallId,
    ShiftId,
)
from crisis.rights import RoleClass
from crisis.team import (
    ShiftEnded,
    TeamRecorded,
)
from dispatch.feed import Feed, View
from tests.unit.dispatch.board_kit import (
    AGENCY,
    COUNTY,
    MONDAY,
    County,
    on_team,
    uid,
)
from tests.unit.dispatch.busy_county import Busy
from tests.unit.dispatch.livefeed_kit import (
    DESK,
    FOLLOW_UP,
    OWN_AGENCY,
    SOMEBODY,
    THEIR_AGENCY,
    WALL,
    Client,
    Screens,
    Shown,
    group_of,
    shown_anew,
    team_view,
)


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


@settings(max_examples=40)
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
