"""Heads of requests: bounded, whatever a client sends, and closed where the body begins."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
import websockets
from starlette.types import Receive, Scope, Send

from web.http import heads
from web.http.heads import LONGEST_HEAD
from web.live.frames import UVICORN_OPTIONS


class Server:
    """A server that answers with the headers that it was sent, and where it listens."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        config = uvicorn.Config(
            self.app, interface="asgi3", lifespan="off", log_config=None, **UVICORN_OPTIONS
        )
        self.server = uvicorn.Server(config)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        while (await receive()).get("more_body"):
            pass
        names = b" ".join(name for name, _ in scope["headers"])
        length = str(len(names)).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": names})

    async def said(self, *parts: bytes) -> bytes:
        """Send ``parts`` and return all that is answered until the server or we hang up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
            answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    serving = asyncio.create_task(made.server.serve(sockets=[made.socket]))
    yield made
    made.server.should_exit = True
    await serving


LAST = b"Host: x\r\nConnection: close\r\n\r\n"


async def test_a_head_in_pieces_is_read(server: Server) -> None:
    answer = await server.said(b"GET / HT", b"TP/1.1\r\nX-One: ", b"1" * 20_000, b"\r\n", LAST)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"x-one host connection")


@pytest.mark.parametrize("piece", [b"x" * 1_000, b"x-a: b\r\n" * 100])
async def test_a_head_without_end_is_refused(server: Server, piece: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nx-a: ")
    sent = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(10):
            while not reader.at_eof() and not writer.is_closing() and sent < 100 * LONGEST_HEAD:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.0001)
    writer.close()
    assert sent < 100 * LONGEST_HEAD


async def test_bodies_are_not_counted(server: Server) -> None:
    body = b"x" * (8 * LONGEST_HEAD)
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n" % len(body)
    answer = await server.said(head, LAST, body[:1_000], body[1_000:])
    assert answer.startswith(b"HTTP/1.1 200")


async def test_what_stands_behind_the_body_is_no_header(server: Server) -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    answer = await server.said(
        chunked + LAST + b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: ::1\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"transfer-encoding host connection")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHo",
    ],
    ids=["nothing", "a line's end", "half a head", "half a body", "half a second head"],
)
async def test_who_never_ends_a_request_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(heads, "PATIENCE_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begun)
    # uvicorn's own keep-alive, where it runs, would take longer.
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 3)
    writer.close()


async def test_who_waits_between_two_requests_is_not_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "PATIENCE_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for _ in range(2):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"content-length")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.2)
    writer.close()


async def test_a_live_socket_outlives_the_patience_with_its_handshake(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "PATIENCE_S", 0.05)
    async with websockets.connect(f"ws://127.0.0.1:{server.port}/", proxy=None) as live:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(live.wait_closed(), 0.3)
        await asyncio.wait_for(await live.ping(), 5)
