"""The live socket over a real server: real handshakes, real clients, and the county behind it.

The server runs on a loop of its own in a thread, behind the security layer, as the service has it.
Sign-in is a stand-in; the county is decided by the domain's own ``decide``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from crisis.board import empty_board
from crisis.clock import FakeClock, MachineClock, generator
from crisis.ids import CountyId
from crisis.roles import Role
from dispatch.feed import Feed, Positions, View
from tests.unit.dispatch.board_kit import COUNTY, MONDAY, County, uid
from tests.unit.dispatch.busy_county import Busy
from tests.unit.dispatch.livefeed_kit import DESK, WALL, Client, group_of, shown_anew, team_view
from tests.unit.web.live_kit import Buffer, Door, Registry
from web.http.security import Security, SecuritySettings
from web.http.sessions import SessionNews
from web.live.fanout import Fanout
from web.live.frames import UVICORN_OPTIONS
from web.live.socket import Live, LiveLimits

Eventually = Callable[..., Awaitable[None]]
T = TypeVar("T")


class Server:
    """The endpoint behind its security layer, with a county that a test moves."""

    def __init__(self) -> None:
        self.county = County()
        self.door, self.registry, self.buffer = Door(), Registry(), Buffer()
        self.clock = FakeClock(MONDAY)
        self.feed = Feed()
        self.feed.start(empty_board(COUNTY))
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(256)
        self.port = self.sock.getsockname()[1]
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.live = Live(
            feed=self.feed,
            positions=Positions(self.feed, self.buffer),
            fanout=Fanout(MachineClock()),
            door=self.door,
            watch=self.registry,
            domain=self.clock,
            catch_up=self._catch_up,
            recorded_at=self._recorded_at,
            limits=LiveLimits(beat_s=1),
        )
        app = Starlette(routes=[WebSocketRoute("/api/v1/live", self.live)])
        config = uvicorn.Config(
            Security(app, SecuritySettings()),
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            **UVICORN_OPTIONS,
        )
        self.server = uvicorn.Server(config)
        ticking = asyncio.create_task(self.live.run())
        self.ready.set()
        await self.server.serve(sockets=[self.sock])
        ticking.cancel()

    async def _recorded_at(self, county_id: CountyId, seq: int) -> datetime | None:
        return next((e.recorded_at for e in self.county.log if e.seq == seq), None)

    async def _catch_up(self, county_id: CountyId) -> None:
        self.publish()

    def publish(self) -> None:
        board = self.feed.board(COUNTY)
        self.live.on_group(group_of(board, self.county.log[board.seq :]))

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()

    async def do(self, work: Callable[[County], T]) -> T:
        """Let something happen in the county, on the server's loop, and publish it."""

        async def run() -> T:
            result = work(self.county)
            self.publish()
            return result

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self.loop))

    async def call(self, function: Callable[[], object]) -> None:
        """Run ``function`` on the server's loop."""

        async def run() -> None:
            function()

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self.loop))

    def handshake(self, **headers: str) -> connect:
        return connect(
            f"ws://127.0.0.1:{self.port}/api/v1/live",
            additional_headers=headers,
            compression=None,
        )

    async def open(self, token: str, client: Client, **hello: Any) -> Screen:
        """Say hello with a bearer token, to resume what ``client`` knows."""
        socket = await self.handshake(Authorization=f"Bearer {token}")
        known = {"epoch": client.epoch, "last_seq": client.seq} if client.epoch else {}
        await socket.send(json.dumps({"t": "hello", "county": COUNTY, **known, **hello}))
        return Screen(socket, client)


class Screen:
    """A client that reads in the background."""

    def __init__(self, socket: ClientConnection, client: Client) -> None:
        self.socket = socket
        self.client = client
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self.socket:
                self.client.take(message)

    async def close(self) -> None:
        await self.socket.close()
        await self.reading

    async def closed(self) -> int | None:
        """Wait for the server's close and return its code."""
        await asyncio.wait_for(self.reading, 10)
        return self.socket.close_code


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


async def test_a_foreign_page_gets_no_socket_and_our_own_needs_a_ticket(server: Server) -> None:
    server.door.account("page", Role.DISPATCHER, purpose="cookie")
    cookie = "crisis=page"
    for headers in ({"Origin": "https://evil.example"}, {}):
        with pytest.raises(InvalidStatus) as refusal:
            await server.handshake(Cookie=cookie, **headers)
        assert refusal.value.response.status_code == 403
    own = f"http://127.0.0.1:{server.port}"
    for ticket, code in (("guessed", 4401), ("ticket of page", None), ("ticket of page", 4401)):
        async with server.handshake(Cookie=cookie, Origin=own) as page:
            await page.send(json.dumps({"t": "hello", "county": COUNTY, "ticket": ticket}))
            if code is None:
                assert json.loads(await page.recv())["t"] == "welcome"
            else:
                with pytest.raises(ConnectionClosed):
                    await page.recv()
                assert page.close_code == code


async def test_a_client_that_was_away_resumes_with_what_it_missed(
    server: Server, eventually: Eventually
) -> None:
    server.door.account("desk", Role.DISPATCHER)
    await server.do(lambda county: county.team("Blue 1"))
    client = Client(DESK)
    screen = await server.open("desk", client)
    await eventually(lambda: client.seq == server.county.board.seq)
    await screen.close()
    incident_id = await server.do(lambda county: county.determined())
    screen = await server.open("desk", client)
    await eventually(lambda: client.seq == server.county.board.seq)
    assert [m["t"] for m in client.messages if m["t"] != "beat"][-2:] == ["welcome", "changes"]
    assert client.of("incident")[0]["id"] == str(incident_id)
    assert client.shown == shown_anew(server.county.board, DESK)
    await screen.close()


async def test_a_beat_says_that_an_idle_screen_is_fresh(
    server: Server, eventually: Eventually
) -> None:
    server.door.account("desk", Role.DISPATCHER)
    client = Client(DESK)
    screen = await server.open("desk", client)
    await eventually(lambda: any(m["t"] == "beat" for m in client.messages))
    await screen.socket.send('{"t":"ping"}')
    await eventually(lambda: any(m["t"] == "pong" for m in client.messages))
    await screen.close()


async def test_revocation_closes_a_socket_with_4401(server: Server, eventually: Eventually) -> None:
    server.door.account("desk", Role.DISPATCHER)
    client = Client(DESK)
    screen = await server.open("desk", client)
    await eventually(lambda: server.registry.listeners.get(uid("session of desk")))
    await server.call(lambda: server.registry.tell("desk", SessionNews.ENDED))
    assert await screen.closed() == 4401


async def test_shutdown_says_come_again(server: Server, eventually: Eventually) -> None:
    server.door.account("desk", Role.DISPATCHER)
    client = Client(DESK)
    screen = await server.open("desk", client)
    await eventually(lambda: client.snapshots == 1)
    await asyncio.to_thread(server.stop)
    assert await screen.closed() == 1012


async def test_every_screen_shows_the_board_though_some_come_and_go(
    server: Server, eventually: Eventually
) -> None:
    busy = Busy(generator(7))
    server.county = busy.county
    await server.call(server.publish)
    server.door.account("desk", Role.DISPATCHER)
    for sign in busy.call_signs:
        server.door.account(sign, Role.RESPONDER, responder_id=uid(f"{sign} peer"))
    doors: list[tuple[str, View, dict[str, str]]] = [
        *[("desk", DESK, {})] * 6,
        *[("desk", WALL, {"view": "wall"})] * 2,
    ]
    clients = [Client(view) for _, view, _ in doors]
    screens = [
        await server.open(token, client, **hello)
        for (token, _, hello), client in zip(doors, clients, strict=True)
    ]

    async def come_and_go() -> None:
        for turn in range(40):
            n = turn * 3 % len(screens)
            await screens[n].close()
            token, _, hello = doors[n]
            screens[n] = await server.open(token, clients[n], **hello)

    roaming = asyncio.create_task(come_and_go())
    while not roaming.done() or busy.board.seq < 300:
        await server.do(lambda _: busy.step())
    await roaming
    end = busy.board
    await eventually(lambda: all(client.seq == end.seq for client in clients), within_s=10)
    for client in clients:
        assert client.shown == shown_anew(end, client.view)
    assert any(m["t"] == "changes" and m["rm"] for c in clients for m in c.messages)
    assert max(client.snapshots for client in clients) == 1, "they resume, they don't begin anew"
    for screen in screens:
        await screen.close()


async def test_a_phone_follows_its_team_alone(server: Server, eventually: Eventually) -> None:
    blue = await server.do(lambda county: county.team("Blue 1"))
    server.door.account("phone", Role.RESPONDER, responder_id=uid("Blue 1 peer"))
    client = Client(team_view(blue))
    screen = await server.open("phone", client)
    await server.do(lambda county: county.team("Red 1"))
    incident_id = await server.do(lambda county: county.determined())
    await server.do(lambda county: county.offered(incident_id, blue))
    await eventually(lambda: client.of("incident"))
    assert [team["id"] for team in client.of("team")] == [str(blue)]
    await eventually(lambda: client.seq == server.county.board.seq)
    assert client.shown == shown_anew(server.county.board, client.view)
    await screen.close()
