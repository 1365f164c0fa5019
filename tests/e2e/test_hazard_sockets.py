"""Live sockets that misbehave, or all come back at once, on the real application."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from crisis.clock import MachineClock
from tests.db.service_kit import ALAMEDA
from tests.e2e.clients import Board, History, opened, watching
from tests.e2e.kit import Server, http_client

Eventually = Callable[..., Awaitable[None]]


async def deaf_socket(server: Server, token: str) -> socket.socket:
    """A peer that says hello and never reads anything again."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", server.port))
    await loop.sock_sendall(
        sock,
        b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\nAuthorization: " + token.encode() + b"\r\n\r\n",
    )
    assert (await loop.sock_recv(sock, 12)) == b"HTTP/1.1 101"
    hello = json.dumps({"t": "hello", "county": ALAMEDA, "view": "desk"}).encode()
    frame = b"\x81" + struct.pack("!B", 0x80 | len(hello)) + bytes(4) + hello
    await loop.sock_sendall(sock, frame)
    return sock


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("stall_s", "gone_within_s"),
    [(2.0, 25.0), pytest.param(0.0, 30.0, marks=pytest.mark.long)],
)
async def test_a_socket_that_never_reads_is_closed_in_time_and_others_see_everything_at_once(
    dsn: str, tmp_path: Path, eventually: Eventually, stall_s: float, gone_within_s: float
) -> None:
    history, clock = History(), MachineClock()
    async with (
        Server.running(tmp_path / "one", dsn=dsn, teams=1, stall_s=stall_s) as server,
        http_client(server) as http,
    ):
        desk = await server.sign_in("desk", http)
        token = desk.headers["authorization"]
        board = Board(server.url, token)
        async with watching(board):
            deaf = await deaf_socket(server, token)

            async def sockets() -> float:
                return await server.metric("crisis_fanout_sockets", http)

            async def both_are_there() -> bool:
                return await sockets() == 2

            await eventually(both_are_there)
            began = clock.monotonic()
            slowest = 0.0
            while await sockets() == 2:
                sent = clock.monotonic()
                assert sent - began < gone_within_s, "it is still there"
                incidents = await asyncio.gather(*(opened(history, desk) for _ in range(20)))
                await eventually(
                    lambda ids=incidents: all(("incident", i) in board.shown for i in ids)
                )
                slowest = max(slowest, clock.monotonic() - sent)
            assert slowest < 2.0, "others waited for the one that doesn't read"
            assert board.gaps == []
            deaf.close()
        history.check_no_faults()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("clients", [200, pytest.param(1000, marks=pytest.mark.long)])
async def test_all_come_back_at_once_after_a_restart_and_every_board_is_whole(
    dsn: str, tmp_path: Path, eventually: Eventually, clients: int
) -> None:
    history = History()
    async with (
        Server.running(tmp_path / "one", dsn=dsn, teams=2) as server,
        http_client(server) as http,
    ):
        desk = await server.sign_in("desk", http)
        token = desk.headers["authorization"]
        boards = [Board(server.url, token) for _ in range(clients)]
        following = [asyncio.create_task(board.keep_following()) for board in boards]
        before = await opened(history, desk)
        await eventually(
            lambda: all(("incident", before) in board.shown for board in boards), within_s=60.0
        )
        await server.kill()
        await server.start()
        # While they all come back, people go on working.
        opening = [asyncio.create_task(opened(history, desk)) for _ in range(20)]
        after = await asyncio.gather(*opening)
        last = max(a.answer["seq"] for a in history.acknowledged)
        await eventually(
            lambda: all(
                board.seq >= last and all(("incident", one) in board.shown for one in after)
                for board in boards
            ),
            within_s=60.0,
        )
        fresh = Board(server.url, token)
        await fresh.open()
        await fresh.close()
        assert all(board.shown == fresh.shown for board in boards)
        assert all(board.gaps == [] for board in boards)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        for board in boards:
            with suppress(OSError):
                await board.close()
        history.check_no_faults()
        assert server.faults() == []
