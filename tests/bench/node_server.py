"""A node as it is deployed, in a process of its own: embedded PostgreSQL with fsync, uvicorn, all.

    python -m tests.bench.node_server '{"folder": ..., "teams": 60, "closed": 0, ...}'

Seeds a fresh folder, or serves again what is in it, and says ``Ready``. Then takes ``Order``s on
stdin and answers each with ``State``.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from crisis.clock import MachineClock
from dispatch.run.config import Settings, load
from dispatch.run.service import Service
from dispatch.store.pool import Database
from tests.bench import children
from tests.bench.past import copy_closed
from tests.bench.seed import (
    COUNTY,
    Crew,
    Earlier,
    People,
    closed,
    settle_obligations,
    sign_in,
    teams,
)
from tests.db.service_kit import create_county
from web.node import Node, database_for, running
from web.serve import answer


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve.

    Attributes:
        folder: the data directory; seeded if it is empty.
        closed: closed incidents of the past to begin with.
        shifts_began_h: how many hours ago the teams' shifts began.
    """

    folder: str
    teams: int = 60
    closed: int = 0
    shifts_began_h: float = 0.0


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Requests are answered.

    Attributes:
        people: ``None`` where the folder had been seeded before.
        seeded_s: seconds that seeding took.
    """

    port: int
    dsn: str
    people: People | None
    seeded_s: float


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """``settle``: meet all obligations first; ``collect``: collect garbage first."""

    do: Literal["report", "settle", "collect"] = "report"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the node is at, and what its process has used since the start."""

    usage: children.Usage
    seq: int
    incidents: int
    obligations: int
    sockets: int
    groups: int
    commands: int
    deliveries: int
    fixes: int


async def main(setup: Setup) -> None:
    """Seed if need be, then serve until stdin ends."""
    folder = Path(setup.folder)
    port = _free_port()
    settings = load(
        {"CRISIS_DATA_DIR": str(folder), "CRISIS_PORT": str(port), "HOME": "/"},
        working_dir=folder,
    )
    is_new = not await asyncio.to_thread(lambda: any(folder.iterdir()))
    people: People | None = None
    began = time.perf_counter()
    async with database_for(settings) as (database, dsn):
        if is_new:
            people = await _seed(setup, settings, database, dsn)
        seeded_s = time.perf_counter() - began
        async with running(settings, database) as node:
            listening = socket.create_server(("127.0.0.1", port), backlog=4096)
            obeying: list[asyncio.Task[None]] = []

            async def started(node: Node, address: str) -> None:
                del address
                children.say(Ready(port=port, dsn=dsn, people=people, seeded_s=seeded_s))
                obeying.append(asyncio.create_task(_obey(node, serving)))

            serving = asyncio.create_task(answer(node, listening, started))
            with suppress(asyncio.CancelledError):
                await serving


async def _seed(setup: Setup, settings: Settings, database: Database, dsn: str) -> People:
    clock = Earlier(setup.shifts_began_h)
    await create_county(database, COUNTY)
    async with Service(database, clock, MachineClock(), settings.load_master_key()) as service:
        crews: list[Crew] = await teams(service, setup.teams, shift_h=23.0)
        incident_id = await closed(service, 1, crews[0])
        await settle_obligations(service)
    people = await sign_in(database, MachineClock(), crews)
    if setup.closed:
        await copy_closed(dsn, incident_id, setup.closed, settings.load_master_key())
    return people


async def _obey(node: Node, serving: asyncio.Task[None]) -> None:
    async for line in children.orders():
        order = msgspec.json.decode(line, type=Order)
        if order.do == "settle":
            await settle_obligations(node.service)
        elif order.do == "collect":
            gc.collect()
        children.say(state_of(node))
    serving.cancel()


def state_of(node: Node) -> State:
    """Return what the node is at."""
    board = node.service.county(COUNTY).board
    live = node.fanout.stats()
    return State(
        usage=children.usage(),
        seq=board.seq,
        incidents=len(board.incidents),
        obligations=len(board.obligations),
        sockets=live.sockets,
        groups=node.service.stats.groups,
        commands=node.service.stats.commands,
        deliveries=live.deliveries,
        fixes=node.positions.stats.stored,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


if __name__ == "__main__":
    the_setup = msgspec.json.decode(sys.argv[1], type=Setup)
    children.run(lambda: main(the_setup))
