"""The client half of the fan-out bench: many sockets that only count bytes, in one process.

    python -m tests.bench.fanout_clients PORT SOCKETS SIZE

Each payload begins with its time of publishing; one socket in fifty takes its frames apart and
keeps their latencies, the others count, so that the clients don't become what is measured. Takes
one line on stdin for each report; prints one JSON line once connected and one per report.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from functools import partial
from typing import cast

import msgspec
import uvicorn

from tests.bench.fanout_server import STAMP_DIGITS
from web.live.frames import text_frame

_HELLO = (
    b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Origin: http://127.0.0.1\r\nCookie: __Host-session=" + b"c" * 43 + b"\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_SAMPLED = 50


class Seen(msgspec.Struct, kw_only=True, frozen=True):
    """What the sockets got since the report before."""

    sockets: int
    deliveries: float
    #: Seconds from publishing to the first byte's arrival; 0 without samples.
    p50_s: float = 0.0
    p99_s: float = 0.0
    worst_s: float = 0.0


class Counter(asyncio.Protocol):
    """Counts bytes behind the handshake."""

    def __init__(self, opened: asyncio.Event) -> None:
        self.count = 0
        self.opened: asyncio.Event | None = opened
        self.handshake = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(_HELLO)

    def data_received(self, data: bytes) -> None:
        if self.opened is None:
            self.take(data)
            return
        self.handshake += data
        head, end, rest = self.handshake.partition(b"\r\n\r\n")
        if end:
            assert head.startswith(b"HTTP/1.1 101")
            self.opened.set()
            self.opened = None
            self.take(rest)

    def take(self, data: bytes) -> None:
        self.count += len(data)


class Sampler(Counter):
    """Also keeps the latency of each frame that begins here; frames are all of one size."""

    def __init__(self, opened: asyncio.Event, frame_bytes: int, head_bytes: int) -> None:
        super().__init__(opened)
        self.frame_bytes = frame_bytes
        self.head_bytes = head_bytes
        self.rest = b""
        self.latencies_ns: list[int] = []

    def take(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.count += len(data)
        data = self.rest + data
        whole = len(data) - len(data) % self.frame_bytes
        for start in range(self.head_bytes, whole, self.frame_bytes):
            self.latencies_ns.append(now - int(data[start : start + STAMP_DIGITS]))
        self.rest = data[whole:]


def _same(protocol: Counter) -> Counter:
    """Be a factory of the one ``protocol``."""
    return protocol


def report(protocols: list[Counter], frame_bytes: int) -> Seen:
    """Return what came since the report before."""
    latencies = sorted(
        latency
        for protocol in protocols
        if isinstance(protocol, Sampler)
        for latency in protocol.latencies_ns
    )
    deliveries = sum(protocol.count for protocol in protocols) / frame_bytes
    for protocol in protocols:
        protocol.count = 0
        if isinstance(protocol, Sampler):
            protocol.latencies_ns = []
    if not latencies:
        return Seen(sockets=len(protocols), deliveries=deliveries)
    return Seen(
        sockets=len(protocols),
        deliveries=deliveries,
        p50_s=latencies[len(latencies) // 2] / 1e9,
        p99_s=latencies[len(latencies) * 99 // 100] / 1e9,
        worst_s=latencies[-1] / 1e9,
    )


async def main(port: int, sockets: int, size: int) -> None:
    """Connect, then report for each line of stdin until it ends."""
    loop = asyncio.get_running_loop()
    frame_bytes = len(text_frame(b"x" * size))
    protocols: list[Counter] = []
    for start in range(0, sockets, 100):
        batch = []
        for index in range(start, min(sockets, start + 100)):
            opened = asyncio.Event()
            protocol = (
                Counter(opened)
                if index % _SAMPLED
                else Sampler(opened, frame_bytes, frame_bytes - size)
            )
            protocols.append(protocol)
            batch.append(opened)
            await loop.create_connection(partial(_same, protocol), "127.0.0.1", port)
        await asyncio.gather(*(opened.wait() for opened in batch))
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    gc.freeze()
    line = b"\n"
    while line:
        print(msgspec.json.encode(report(protocols, frame_bytes)).decode(), flush=True)
        line = await stdin.readline()


if __name__ == "__main__":
    factory = uvicorn.Config(main, loop="auto").get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(*(int(argument) for argument in sys.argv[1:4])))
