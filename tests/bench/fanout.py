"""What the live feed's fan-out costs above bare transports, how far it goes, what a socket weighs.

Server and clients are processes of their own, so two cores are in use; the floor (a loop over bare
transports with the same frames and the same clients) is measured in the same run. Must not know
how rows are printed.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from tests.bench.children import Child, allow_sockets, child
from tests.bench.fanout_clients import Seen
from tests.bench.fanout_server import Order, Report
from tests.bench.rows import Row, at_least, at_most

_SIZE = 600
_SOCKETS = 1000
_IDLE_SOCKETS = 2000
_P99_S = 0.150
#: Apart by more than a tick and a flush, so that nothing is joined.
_APART_S = 0.040


class Pair:
    """A server and its connected clients, both waiting for orders."""

    def __init__(
        self,
        empty: Report,
        server: Child,
        clients: Child,
    ) -> None:
        #: The server's state before the first socket.
        self.empty = empty
        self._server = server
        self._clients = clients

    async def burst(self, messages: int, interval_s: float) -> tuple[Report, Seen]:
        """Publish at a steady pace, wait until all has arrived, return both sides' counts."""
        await self._clients.ask(Order(), Seen)
        order = Order(messages=messages, interval_s=interval_s, size=_SIZE)
        report = await self._server.ask(order, Report)
        seen = await self._clients.ask(Order(), Seen)
        for _ in range(50):
            if seen.deliveries >= messages * seen.sockets:
                break
            await asyncio.sleep(0.1)
            more = await self._clients.ask(Order(), Seen)
            seen = msgspec.structs.replace(
                seen,
                deliveries=seen.deliveries + more.deliveries,
                p99_s=max(seen.p99_s, more.p99_s),
                worst_s=max(seen.worst_s, more.worst_s),
            )
        return report, seen

    async def cpu_per_million(self, messages: int, interval_s: float) -> float:
        """Return the server's CPU seconds for each million deliveries of a burst."""
        report, seen = await self.burst(messages, interval_s)
        if seen.deliveries != messages * seen.sockets:
            raise AssertionError(f"{seen.deliveries} of {messages * seen.sockets} arrived")
        return report.cpu_s / seen.deliveries * 1e6

    async def at_rest(self) -> Report:
        """Return the server's state without load."""
        return await self._server.ask(Order(), Report)


@asynccontextmanager
async def pair(kind: str, sockets: int) -> AsyncIterator[Pair]:
    """Start a server of ``kind`` (``fanout`` or ``raw``) and connect ``sockets`` clients."""
    async with child("tests.bench.fanout_server", kind) as server:
        empty = await server.answer(Report)
        arguments = (str(empty.port), str(sockets), str(_SIZE))
        async with child("tests.bench.fanout_clients", *arguments) as clients:
            await clients.answer(Seen)
            yield Pair(empty, server, clients)


async def cost(real: Pair, raw: Pair, *, rounds: int, messages: int) -> tuple[Row, Row]:
    """Compare CPU per delivery, turn about, so that both sides see the same machine."""
    floors: list[float] = []
    lone: list[float] = []
    joined: list[float] = []
    for _ in range(rounds):
        floors.append(await raw.cpu_per_million(messages, _APART_S))
        lone.append(await real.cpu_per_million(messages, _APART_S))
        joined.append(await real.cpu_per_million(messages * 4, _APART_S / 4))
    ratio = statistics.median(mine / bare for mine, bare in zip(lone, floors, strict=True))
    under_load = statistics.median(mine / bare for mine, bare in zip(joined, floors, strict=True))
    unit = "CPU-s per million deliveries"
    return (
        at_most(
            1.5,
            f"fan-out, {_SOCKETS} sockets, {_SIZE} B, one frame a write",
            unit,
            statistics.median(lone),
            statistics.median(lone) / ratio,
        ),
        at_most(
            1,
            f"fan-out, {_SOCKETS} sockets, {_SIZE} B, joined at 100 publishes/s",
            unit,
            statistics.median(joined),
            statistics.median(joined) / under_load,
        ),
    )


async def sustained(
    real: Pair, raw_cpu_per_million: float, *, steps: list[int], lasts_s: float
) -> Row:
    """Raise the publishing rate step by step until a frame is lost or late."""
    best = 0.0
    p99_s = 0.0
    for per_second in steps:
        messages = int(per_second * lasts_s)
        report, seen = await real.burst(messages, 1 / per_second)
        kept_pace = report.wall_s <= lasts_s * 1.05 + 0.2
        if seen.deliveries < messages * seen.sockets or seen.p99_s > _P99_S or not kept_pace:
            break
        best, p99_s = seen.deliveries / report.wall_s, seen.p99_s
    floor = 1e6 / raw_cpu_per_million
    return at_least(
        0.8,
        f"sustained on one core, {_SOCKETS} sockets, p99 {p99_s * 1000:.0f} ms (<= 150)",
        "deliveries/s",
        best,
        floor,
    )


async def weight() -> Row:
    """Weigh idle sockets, uvicorn and the WebSocket library included."""
    async with pair("fanout", _IDLE_SOCKETS) as real:
        report = await real.at_rest()
        if report.sockets != _IDLE_SOCKETS:
            raise AssertionError(f"{report.sockets} sockets joined")
        value = (report.resident - real.empty.resident) / report.sockets / 1024
    async with pair("raw", _IDLE_SOCKETS) as raw:
        report = await raw.at_rest()
        floor = (report.resident - raw.empty.resident) / report.sockets / 1024
    return at_most(
        15, f"idle memory of a socket, {_IDLE_SOCKETS} sockets", "KiB resident", value, floor
    )


async def run(quick: bool) -> list[Row]:
    """Measure; about half a minute if ``quick``, else two minutes."""
    allow_sockets(4 * _IDLE_SOCKETS)
    rows = [await weight()]
    async with pair("raw", _SOCKETS) as raw, pair("fanout", _SOCKETS) as real:
        lone, joined = await cost(real, raw, rounds=3 if quick else 7, messages=40 if quick else 80)
        assert lone.floor is not None
        steps = [100, 300] if quick else [100, 200, 300, 400, 500, 600, 800]
        rows += [
            lone,
            joined,
            await sustained(real, lone.floor, steps=steps, lasts_s=3 if quick else 8),
        ]
    return rows
