"""Floors: the barest programs that do what a node does, each in a process of its own.

    python -m tests.bench.bare_server commit DSN
    python -m tests.bench.bare_server noop

``commit``: at a line over TCP or a POST, one durable statement (the county's head under its lock,
an event, two read models), one at a time as the lock has it, then prebuilt frames written to bare
transports, without an HTTP or a WebSocket library. ``noop``: a
Starlette endpoint that does nothing, behind uvicorn as the node sets it up.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from base64 import b64encode
from hashlib import sha1
from typing import cast

import asyncpg
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crisis.clock import new_id
from tests.bench import children
from web.live.frames import UVICORN_OPTIONS, text_frame

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.heads (id int PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE IF NOT EXISTS floor.events (seq bigint PRIMARY KEY, id uuid NOT NULL, body text);
CREATE TABLE IF NOT EXISTS floor.teams (id int PRIMARY KEY, seq bigint, body text);
CREATE TABLE IF NOT EXISTS floor.incidents (id int PRIMARY KEY, seq bigint, body text);
INSERT INTO floor.heads VALUES (1, 0) ON CONFLICT DO NOTHING;
INSERT INTO floor.teams VALUES (1, 0, '') ON CONFLICT DO NOTHING;
INSERT INTO floor.incidents VALUES (1, 0, '') ON CONFLICT DO NOTHING;
"""
_COMMIT = """
WITH head AS (UPDATE floor.heads SET seq = seq + 1 WHERE id = 1 RETURNING seq),
event AS (INSERT INTO floor.events SELECT seq, $1, $2 FROM head RETURNING seq),
team AS (UPDATE floor.incidents SET seq = event.seq, body = $2 FROM event WHERE id = 1)
UPDATE floor.teams SET seq = event.seq, body = $2 FROM event WHERE id = 1
"""
_BODY = "x" * 600
_OVER_HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """The server is up."""

    port: int


class Frames(msgspec.Struct, frozen=True, kw_only=True):
    """Payloads of the frames to send: the nth goes to the sockets that asked for path ``/n``."""

    payloads: list[bytes]


class _Commits:
    """What all connections share."""

    def __init__(self, statement: asyncpg.prepared_stmt.PreparedStatement) -> None:
        self._statement = statement
        self._lock = asyncio.Lock()
        self.frames: list[bytes] = []
        self.sockets: dict[asyncio.Transport, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, caller: asyncio.Transport, answer: bytes) -> None:
        """Commit, send, and answer the caller."""
        task = asyncio.get_running_loop().create_task(self._commit(caller, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _commit(self, caller: asyncio.Transport, answer: bytes) -> None:
        async with self._lock:
            await self._statement.fetch(new_id(), _BODY)
        for transport, which in self.sockets.items():
            transport.write(self.frames[which])
        caller.write(answer)


class _Bare(asyncio.Protocol):
    """A WebSocket that is only written to, or a caller that sends lines."""

    def __init__(self, commits: _Commits) -> None:
        self._commits = commits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"GET /"):
            # A request comes in one piece: the bench's clients write it in one.
            answer = _OVER_HTTP if data.startswith(b"POST /") else b"ok\n"
            self._commits.begin(self._transport, answer)
            return
        key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        magic = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = b64encode(sha1(key + magic).digest())  # noqa: S324 - RFC 6455 says so
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._commits.sockets[self._transport] = int(data[5:].split(b" ")[0])

    def connection_lost(self, exc: Exception | None) -> None:
        self._commits.sockets.pop(self._transport, None)


async def commit(dsn: str) -> None:
    """Serve commits; each order brings the frames to send from now on."""
    con = await asyncpg.connect(dsn)
    await con.execute(_SCHEMA)
    commits = _Commits(await con.prepare(_COMMIT))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Bare(commits), "127.0.0.1", 0, backlog=2048)
    listening = Listening(port=server.sockets[0].getsockname()[1])
    async with server:
        children.say(listening)
        async for line in children.orders():
            payloads = msgspec.json.decode(line, type=Frames).payloads
            commits.frames = [text_frame(payload) for payload in payloads]
            children.say(listening)
    await con.close()


async def noop() -> None:
    """Serve the endpoint that does nothing until stdin ends."""

    async def nothing(request: Request) -> Response:
        return Response(status_code=204)

    app = Starlette(routes=[Route("/api/v1/teams/{team_id}/fixes", nothing, methods=["POST"])])
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            **UVICORN_OPTIONS,
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    children.say(Listening(port=listening.getsockname()[1]))
    async for _ in children.orders():
        pass
    server.should_exit = True
    await serving


if __name__ == "__main__":
    if sys.argv[1] == "commit":
        children.run(lambda: commit(sys.argv[2]))
    else:
        children.run(noop)
