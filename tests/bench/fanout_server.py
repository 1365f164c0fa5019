"""The server half of the fan-out bench, run as a process of its own.

    python -m tests.bench.fanout_server fanout|raw

``fanout`` is the real thing: uvicorn, ``web.live.frames`` and ``web.live.fanout`` under a minimal
ASGI app. ``raw`` is the floor: the same frames written by a loop over bare transports, without a
WebSocket library. Takes one JSON command per line on stdin, answers with one JSON line on stdout.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha1
from pathlib import Path
from typing import Any, cast

import msgspec
import uvicorn

from crisis.clock import MachineClock
from web.live.fanout import Fanout
from web.live.frames import FRAMES, UVICORN_OPTIONS, text_frame

VIEW = "bench"
#: A payload begins with its time of publishing in ns of the machine's monotonic clock.
STAMP_DIGITS = 20


class Order(msgspec.Struct, kw_only=True, frozen=True):
    """Publish ``messages`` payloads of ``size`` bytes, one each ``interval_s``; or just report."""

    messages: int = 0
    interval_s: float = 0.0
    size: int = 600


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """What the server used from the order's arrival until the last byte left its hands."""

    port: int
    sockets: int
    cpu_s: float
    wall_s: float
    #: Resident bytes now, after a garbage collection.
    resident: int


def stamped(size: int) -> bytes:
    """Return a payload of ``size`` bytes that begins with the present time."""
    return b"%0*d" % (STAMP_DIGITS, time.monotonic_ns()) + b"x" * (size - STAMP_DIGITS)


class RawProtocol(asyncio.Protocol):
    """Answers the handshake and is written to; nothing else."""

    #: All of this process's connections.
    transports: dict[asyncio.Transport, None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        magic = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = b64encode(sha1(key + magic).digest())  # noqa: S324 - RFC 6455 says so
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.transports[self.transport] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.transports.pop(self.transport, None)


async def publish_raw(order: Order) -> None:
    """Write each payload to each transport."""
    due = time.monotonic()
    for _ in range(order.messages):
        frame = text_frame(stamped(order.size))
        for transport in RawProtocol.transports:
            transport.write(frame)
        due += order.interval_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def publish_fanout(fanout: Fanout, order: Order) -> None:
    """Publish each payload once."""
    due = time.monotonic()
    for _ in range(order.messages):
        fanout.publish(VIEW, stamped(order.size))
        due += order.interval_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.sleep(2 * fanout.limits.tick_s)


def resident() -> int:
    """Return this process's resident bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def obey(
    port: int, publish: Callable[[Order], Awaitable[None]], sockets: Callable[[], int]
) -> None:
    """Serve orders until stdin ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = b"{}"
    while line:
        order = msgspec.json.decode(line, type=Order)
        cpu, wall = time.process_time(), time.monotonic()
        await publish(order)
        report = Report(
            port=port,
            sockets=sockets(),
            cpu_s=time.process_time() - cpu,
            wall_s=time.monotonic() - wall,
            resident=resident(),
        )
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        sys.stdout.flush()
        line = await reader.readline()


async def raw(sock: socket.socket) -> None:
    """Run the floor."""
    server = await asyncio.get_running_loop().create_server(RawProtocol, sock=sock, backlog=2048)
    async with server:
        await obey(sock.getsockname()[1], publish_raw, lambda: len(RawProtocol.transports))


async def real(sock: socket.socket) -> None:
    """Run uvicorn with the fan-out."""
    fanout = Fanout(MachineClock())

    async def app(
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        member = fanout.join(VIEW, scope["extensions"][FRAMES])
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            member.leave()

    # The clients count bytes and answer no pings: the timers are there, but never ring.
    options = {**UVICORN_OPTIONS, "ws_ping_interval": 3600.0}
    config = uvicorn.Config(app, lifespan="off", log_level="warning", **options)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    await obey(
        sock.getsockname()[1],
        lambda order: publish_fanout(fanout, order),
        lambda: fanout.stats().sockets,
    )
    server.should_exit = True
    await serving


def main(kind: str) -> None:
    """Listen on a free port and run ``kind`` under uvloop where it is installed."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(2048)
    factory = uvicorn.Config(real, loop="auto").get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run({"raw": raw, "fanout": real}[kind](sock))


if __name__ == "__main__":
    main(sys.argv[1])
