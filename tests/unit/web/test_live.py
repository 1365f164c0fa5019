"""The live session's rules: who is let in, what comes first, what closes it; no socket, no time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from crisis.board import Change, empty_board
from crisis.clock import FakeClock
from crisis.ids import CountyId
from crisis.rights import RoleClass
from crisis.roles import Role
from crisis.team import CrewChanged
from dispatch.feed import Feed, Positions, View
from dispatch.feed.frames import mark_of
from dispatch.run.alerts import Alert
from tests.unit.dispatch.board_kit import AGENCY, COUNTY, MONDAY, County, uid
from tests.unit.dispatch.livefeed_kit import DESK, WALL, Client, group_of, team_view
from tests.unit.web.live_kit import Buffer, Door, Registry
from web.http.sessions import SessionNews
from web.live.fanout import Fanout
from web.live.frames import FRAMES, SinkListener
from web.live.socket import Live, LiveLimits


class Sink:
    """A socket that takes everything; unpacks frames back into messages."""

    def __init__(self, inbox: asyncio.Queue[dict[str, Any]], client: Client) -> None:
        self.is_paused = False
        self.write: Callable[[bytes], object] = self._write
        self.listener: SinkListener | None = None
        self.closed: tuple[int, str] | None = None
        self._inbox = inbox
        self._client = client

    def _write(self, data: bytes) -> None:
        assert self.closed is None
        while data:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4]), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10]), 10
            self._client.take(data[start : start + size])
            data = data[start + size :]

    def buffered(self) -> int:
        return 0

    def attach(self, listener: SinkListener | None) -> None:
        self.listener = listener

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": code})

    def abort(self) -> None:
        raise AssertionError("nothing here aborts")


class Peer:
    """A client's end of one connection to the endpoint."""

    def __init__(self, live: Live, token: str) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.client = Client(DESK)
        self.sink = Sink(self.inbox, self.client)
        self.sent: list[Mapping[str, Any]] = []
        self.inbox.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "headers": [(b"authorization", b"Bearer " + token.encode())],
            "extensions": {FRAMES: self.sink},
        }
        self.task = asyncio.create_task(live(scope, self.inbox.get, self._send))

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def say(self, **message: Any) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def leave(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})

    def kinds(self) -> list[str]:
        return [m["t"] for m in self.client.messages]

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason of our close, before or after the welcome; ``None`` = open."""
        if self.sink.closed is not None:
            return self.sink.closed
        closes = [m for m in self.sent if m["type"] == "websocket.close"]
        return (closes[0]["code"], closes[0].get("reason", "")) if closes else None


class Stage:
    """A county, the endpoint and its surroundings."""

    def __init__(self) -> None:
        self.county = County()
        self.door, self.registry, self.buffer = Door(), Registry(), Buffer()
        self.feed = Feed()
        self.feed.start(empty_board(COUNTY))
        self.behind = 0
        self.caught_up = 0
        self.age_s, self.trouble = 0.0, ""
        self.clock = FakeClock(MONDAY)
        self.live = Live(
            feed=self.feed,
            positions=Positions(self.feed, self.buffer),
            fanout=Fanout(self.clock),
            door=self.door,
            watch=self.registry,
            domain=self.clock,
            catch_up=self._catch_up,
            recorded_at=self._recorded_at,
            age_s=lambda _: self.age_s,
            trouble=lambda _: self.trouble,
            limits=LiveLimits(hello_within_s=0.2, beat_s=10, judge_s=4, messages=5),
        )
        self.peers: list[Peer] = []

    async def _recorded_at(self, county_id: CountyId, seq: int) -> datetime | None:
        return next((e.recorded_at for e in self.county.log if e.seq == seq), None)

    async def _catch_up(self, county_id: CountyId) -> None:
        self.caught_up += 1
        self.publish()

    def publish(self) -> None:
        """Let the node learn all that happened."""
        board = self.feed.board(COUNTY)
        self.live.on_group(group_of(board, self.county.log[board.seq :]))

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.live.tick()

    def peer(self, token: str) -> Peer:
        peer = Peer(self.live, token)
        self.peers.append(peer)
        return peer

    async def open(self, token: str, **hello: Any) -> Peer:
        peer = self.peer(token)
        peer.say(t="hello", county=COUNTY, **hello)
        await settle()
        return peer


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    for peer in stage.peers:
        peer.leave()
    await asyncio.wait_for(asyncio.gather(*(p.task for p in stage.peers)), 5)
    assert not stage.live._views
    assert not stage.live._addressed
    assert not any(stage.registry.listeners.values())


async def test_a_device_says_hello_and_follows_its_view(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.county.team("Blue 1")
    stage.publish()
    peer = await stage.open("desk")
    assert peer.kinds() == ["welcome", "snapshot"]
    welcome = peer.client.messages[0]
    assert (welcome["county"], welcome["view"], welcome["scope"]) == (COUNTY, "desk", None)
    assert welcome["seq"] == peer.client.seq == stage.county.board.seq
    stage.county.call()
    stage.publish()
    await settle()
    assert peer.kinds()[2:] == ["changes"]
    assert len(peer.client.of("call")) == 1


async def test_a_page_needs_a_ticket_and_each_works_once(stage: Stage) -> None:
    stage.door.account("page", Role.DISPATCHER, purpose="cookie")
    assert (await stage.open("page")).closed == (4401, "bad_ticket")
    assert (await stage.open("page", ticket="ticket of page")).closed is None
    assert (await stage.open("page", ticket="ticket of page")).closed == (4401, "bad_ticket")


@pytest.mark.parametrize(
    ("token", "hello", "close"),
    [
        ("nobody", {}, (4401, "not_signed_in")),
        ("elsewhere", {}, (4403, "not_your_county")),
        ("phone", {}, (4403, "no_team")),
        ("phone", {"view": "desk"}, (4403, "view_not_yours")),
        ("token", {}, (4403, "out_of_scope")),
        ("desk", {"view": "everything"}, (4400, "not_understood")),
        ("desk", {"last_seq": -1}, (4400, "not_understood")),
        ("abroad", {"county": 6003}, (1013, "county_not_served")),
    ],
)
async def test_who_may_not_follow_is_told_by_a_code(
    stage: Stage, token: str, hello: dict[str, Any], close: tuple[int, str]
) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.door.account("elsewhere", Role.DISPATCHER, counties=(CountyId(6003),))
    stage.door.account("abroad", Role.DISPATCHER, counties=(CountyId(6003),))
    stage.door.account("phone", Role.RESPONDER)
    stage.door.account("token", Role.INTEGRATION, scopes=frozenset({"offer_call"}))
    peer = stage.peer(token)
    peer.say(**{"t": "hello", "county": COUNTY, **hello})
    await settle()
    assert peer.closed == close
    assert peer.client.messages == []


async def test_a_token_with_the_view_in_its_scopes_follows_it(stage: Stage) -> None:
    stage.door.account("token", Role.INTEGRATION, scopes=frozenset({"view:wall"}))
    peer = await stage.open("token")
    assert peer.client.messages[0]["view"] == "wall"


async def test_while_the_database_is_away_a_client_is_asked_to_come_later(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.door.is_away = True
    assert (await stage.open("desk")).closed == (1013, "database_connection_lost")


@pytest.mark.parametrize("says_hello", [False, True])
async def test_who_isn_t_admitted_in_time_is_closed(stage: Stage, says_hello: bool) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.door.slow = asyncio.Event()
    peer = stage.peer("desk")
    if says_hello:
        peer.say(t="hello", county=COUNTY)
    await asyncio.wait_for(peer.task, 5)
    assert peer.closed == (4408, "hello_too_late")


async def test_who_leaves_before_hello_is_forgotten(stage: Stage) -> None:
    peer = stage.peer("desk")
    peer.leave()
    await asyncio.wait_for(peer.task, 5)
    assert peer.closed is None


@pytest.mark.parametrize("first", ["ping", "bye", "nonsense"])
async def test_anything_but_hello_comes_too_early(stage: Stage, first: str) -> None:
    peer = stage.peer("desk")
    peer.say(t=first)
    await settle()
    assert peer.closed == (4400, "not_understood")


async def test_bytes_and_what_isn_t_json_are_not_understood(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    peer = await stage.open("desk")
    peer.inbox.put_nowait({"type": "websocket.receive", "bytes": b"{}", "text": None})
    await settle()
    assert peer.closed == (4400, "not_understood")
    peer = await stage.open("desk")
    for text in ("\ud800", '{"x":' + "[" * 50_000):
        peer = await stage.open("desk")
        peer.inbox.put_nowait({"type": "websocket.receive", "text": text})
        await settle()
        assert peer.closed == (4400, "not_understood")


async def test_a_client_that_comes_back_gets_what_it_missed(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.county.team("Blue 1")
    stage.publish()
    first = await stage.open("desk")
    first.leave()
    stage.county.call()
    stage.publish()
    again = stage.peer("desk")
    again.client.shown, again.client.seq = first.client.shown, first.client.seq
    again.say(t="hello", county=COUNTY, epoch=first.client.epoch, last_seq=first.client.seq)
    await settle()
    assert again.kinds() == ["welcome", "changes"]
    assert [e["k"] for e in again.client.messages[1]["up"]] == ["call"]


async def test_a_client_of_another_history_with_the_same_seqs_begins_anew(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.county.team("Blue 1")
    stage.publish()
    first = await stage.open("desk")
    seq, mark = first.client.messages[1]["seq"], first.client.messages[1]["mark"]
    same = {"epoch": first.client.epoch, "last_seq": seq}
    assert mark == mark_of(stage.feed.board(COUNTY))
    for told, begins in ((mark, "changes"), (mark + 1, "snapshot"), (0, "snapshot")):
        again = stage.peer("desk")
        again.client.shown, again.client.seq = dict(first.client.shown), seq
        again.say(t="hello", county=COUNTY, mark=told, **same)
        await settle()
        assert again.kinds() == ["welcome", begins], told


async def test_a_node_that_hears_nothing_says_so_and_then_sends_its_screens_elsewhere(
    stage: Stage, eventually: Callable[..., Awaitable[None]]
) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    peer = await stage.open("desk")
    stage.live.tick()
    await settle()
    assert peer.kinds() == ["welcome", "snapshot"], "all is well: the usual pace"
    stage.age_s, stage.trouble = 1.0, "database_silent"
    stage.live.tick()
    await settle()
    assert peer.kinds()[2:] == ["beat"], "told at once"
    assert peer.client.messages[-1]["trouble"] == "database_silent"
    stage.live.tick()
    await settle()
    assert peer.kinds()[2:] == ["beat"], "once"
    stage.age_s = 5.5
    stage.live.tick()
    stage.age_s = 6.5
    stage.live.tick()
    # Frames that come close behind one another are joined.
    await eventually(lambda: peer.kinds()[2:] == ["beat", "beat", "beat"])
    assert [m["age_s"] for m in peer.client.messages[-2:]] == [5.5, 6.5], "each second"
    assert peer.closed is None
    stage.age_s = 10.5
    stage.live.tick()
    await settle()
    assert peer.closed == (1013, "cut_off")
    assert (await stage.open("desk")).closed == (1013, "cut_off")
    stage.age_s, stage.trouble = 0.1, ""
    assert (await stage.open("desk")).closed is None


async def test_with_other_grants_than_before_a_client_begins_anew(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    first = await stage.open("desk")
    stage.door.account("desk", Role.DISPATCHER, Role.SUPERVISOR)
    again = await stage.open("desk", epoch=first.client.epoch, last_seq=first.client.seq)
    assert again.kinds() == ["welcome", "snapshot"]


async def test_a_client_that_saw_more_on_another_node_makes_this_one_catch_up(
    stage: Stage,
) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.county.team("Blue 1")
    stage.publish()
    first = await stage.open("desk")
    stage.county.call()
    ahead = stage.county.board.seq
    again = stage.peer("desk")
    again.client.shown, again.client.seq = dict(first.client.shown), ahead
    again.say(t="hello", county=COUNTY, epoch=first.client.epoch, last_seq=ahead)
    await settle()
    assert stage.caught_up == 1
    assert again.kinds() == ["welcome", "changes"]


async def test_a_group_between_the_snapshot_and_the_next_step_of_the_loop_isn_t_lost(
    stage: Stage,
) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    await stage.open("desk")
    stage.county.call()
    stage.publish()
    late = stage.peer("desk")
    late.say(t="hello", county=COUNTY)
    stage.county.team("Blue 1")
    stage.publish()
    await settle()
    stage.county.determined()
    stage.publish()
    stage.live.fanout.flush()
    assert stage.peers[0].client.shown == late.client.shown
    assert len(late.client.shown) >= 4


async def test_beats_carry_the_seq_to_views_where_nothing_happens(stage: Stage) -> None:
    stage.door.account("phone", Role.RESPONDER, responder_id=uid("Blue 1 peer"))
    blue = stage.county.team("Blue 1")
    stage.publish()
    peer = await stage.open("phone")
    assert peer.client.messages[0]["scope"] == str(blue)
    stage.county.call()
    stage.publish()
    stage.tick(9)
    await settle()
    assert "beat" not in peer.kinds() and "changes" not in peer.kinds()
    stage.tick()
    await settle()
    assert peer.kinds()[-1] == "beat"
    assert peer.client.seq == stage.county.board.seq
    assert peer.client.messages[-1]["at"] == "2026-03-02T18:00:10Z"


async def test_pings_are_answered_behind_what_was_published(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    peer = await stage.open("desk")
    stage.county.call()
    stage.publish()
    stage.county.determined()
    stage.publish()
    peer.say(t="ping")
    await settle()
    seq = stage.county.board.seq
    assert peer.client.seq == seq
    assert [m["seq"] for m in peer.client.messages if m["t"] == "pong"] == [seq]


async def test_a_sign_of_life_keeps_the_session(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    peer = await stage.open("desk")
    peer.say(t="ping")
    await settle()
    assert stage.registry.touched == []
    peer.say(t="here")
    await settle()
    assert stage.registry.touched == [uid("session of desk")]


async def test_bye_closes_and_a_flood_does_too(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    peer = await stage.open("desk")
    peer.say(t="bye")
    await settle()
    assert peer.closed == (1000, "bye")
    flood = await stage.open("desk")
    for _ in range(5):
        flood.say(t="ping")
    await settle()
    stage.tick(10)
    for _ in range(5):
        flood.say(t="ping")
    await settle()
    assert flood.closed is None
    flood.say(t="ping")
    await settle()
    assert flood.closed == (4400, "not_understood")


@pytest.mark.parametrize(
    ("notice", "close"),
    [(SessionNews.ENDED, (4401, "session_ended")), (SessionNews.CHANGED, (1012, "rights changed"))],
)
async def test_a_session_s_end_closes_its_sockets_at_once(
    stage: Stage, notice: SessionNews, close: tuple[int, str]
) -> None:
    stage.door.account("one", Role.DISPATCHER)
    stage.door.account("two", Role.DISPATCHER)
    one, other = await stage.open("one"), await stage.open("two")
    stage.registry.tell("one", notice)
    await settle()
    assert one.closed == close
    assert other.closed is None


async def test_who_changes_teams_is_sent_to_the_new_one(stage: Stage) -> None:
    stage.door.account("phone", Role.RESPONDER, responder_id=uid("Blue 1 peer"))
    blue = stage.county.team("Blue 1")
    stage.publish()
    peer = await stage.open("phone")
    stage.tick(4)
    assert peer.closed is None
    team = stage.county.a_team(blue)
    assert team.shift_id is not None
    stage.county.happen(CrewChanged(shift_id=team.shift_id, team_id=blue, crew=team.crew[:1]))
    stage.publish()
    stage.tick(4)
    assert peer.closed == (1012, "another team")


async def test_a_county_that_this_node_gives_up_closes_its_sockets(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    peer = await stage.open("desk")
    stage.live.close_county(CountyId(6003))
    assert peer.closed is None
    stage.live.close_county(COUNTY)
    assert peer.closed == (1012, "again")


async def test_a_group_that_can_t_be_shown_closes_the_screens_instead_of_skipping_it(
    stage: Stage,
) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.county.team("Blue 1")
    stage.publish()
    peer = await stage.open("desk")
    stage.county.call()
    whole = group_of(stage.feed.board(COUNTY), stage.county.log[stage.feed.seq(COUNTY) :])
    nothing: Any = None
    broken = whole._replace(changes=[*whole.changes, Change("calls", nothing, True)])
    with pytest.raises(AttributeError):
        stage.live.on_group(broken)
    assert peer.closed == (4409, "connect again")
    again = stage.peer("desk")
    again.client.shown, again.client.seq = peer.client.shown, peer.client.seq
    again.say(t="hello", county=COUNTY, epoch=peer.client.epoch, last_seq=peer.client.seq)
    await settle()
    assert again.kinds() == ["welcome", "snapshot"]
    assert len(again.client.of("call")) == 1


async def test_alerts_reach_those_who_are_meant(stage: Stage) -> None:
    blue = stage.county.team("Blue 1")
    red = stage.county.team("Red 1")
    stage.publish()
    stage.door.account("boss", Role.SUPERVISOR, Role.DISPATCHER)
    stage.door.account("desk", Role.DISPATCHER)
    stage.door.account("agency boss", Role.SUPERVISOR, agency_id=AGENCY)
    stage.door.account("blue", Role.RESPONDER, responder_id=uid("Blue 1 peer"))
    stage.door.account("red", Role.RESPONDER, responder_id=uid("Red 1 peer"))
    names = ["boss", "desk", "agency boss", "blue", "red"]
    peers = {name: await stage.open(name) for name in names}
    peers["wall"] = await stage.open("boss", view="wall")

    def told(recipient: str) -> set[str]:
        before = {name: peer.kinds().count("alert") for name, peer in peers.items()}
        alert = Alert(
            key=f"k {recipient}",
            county_id=COUNTY,
            recipient=recipient,
            template="offer",
            urgency="now",
            incident_number=7,
            created_at=MONDAY,
        )
        stage.live.on_alerts([alert])
        return {n for n, p in peers.items() if p.kinds().count("alert") > before[n]}

    assert told("role:supervisor") == {"boss"}
    assert told("role:dispatcher") == {"boss", "desk"}
    assert told(f"team:{blue}") == {"blue"}
    assert told(f"team:{red}") == {"red"}
    assert told(f"user:{uid('desk')}") == {"desk"}
    assert told("nobody") == set()
    assert peers["red"].client.messages[-1] == {
        "t": "alert",
        "template": "offer",
        "number": 7,
        "urgency": "now",
        "at": "2026-03-02T18:00:00Z",
        "key": f"k team:{red}",
        "call_sign": None,
    }


async def test_positions_come_first_with_the_view_and_then_once_a_second(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    blue = stage.county.team("Blue 1")
    stage.publish()
    stage.buffer.put(blue)
    peer = await stage.open("desk")
    assert peer.kinds() == ["welcome", "snapshot", "fixes"]
    stage.tick()
    await settle()
    assert peer.kinds().count("fixes") == 2, "a round that hadn't come yet repeats it"
    stage.tick(3)
    await settle()
    assert peer.kinds().count("fixes") == 2


async def test_clients_that_come_together_share_the_snapshot_s_bytes(stage: Stage) -> None:
    stage.door.account("desk", Role.DISPATCHER)
    stage.county.team("Blue 1")
    stage.publish()
    framed: list[bytes] = []
    for _ in range(2):
        await stage.open("desk")
        framed.append(stage.live._framed[DESK][1])
    assert framed[0] is framed[1]


async def test_too_many_who_haven_t_said_hello_are_turned_away(stage: Stage) -> None:
    stage.live._limits = LiveLimits(hello_within_s=5, unknown=2)
    silent = [stage.peer("desk") for _ in range(2)]
    await settle()
    late = stage.peer("desk")
    await settle()
    assert late.sent == [{"type": "websocket.close", "code": 1013}]
    for peer in silent:
        peer.leave()
    await settle()
    stage.door.account("desk", Role.DISPATCHER)
    assert (await stage.open("desk")).closed is None


async def test_views_are_those_of_the_classes(stage: Stage) -> None:
    stage.door.account("boss", Role.SUPERVISOR)
    await stage.open("boss")
    await stage.open("boss", view="wall")
    await stage.open("boss", view="follow_up")
    follow_up = View(county_id=COUNTY, role_class=RoleClass.FOLLOW_UP)
    assert set(stage.live._views) == {DESK, WALL, follow_up}
    assert team_view(uid("x")) not in stage.live._views
