"""Command throughput through the service, without HTTP, against hand-written transactions.

The floor is the least that one command could be: the county's head moved on under its lock, one
event inserted, one small read model updated, commit; one command a transaction, in tables of just
these columns, over connections that cost nothing to take and give back. The service also decides,
keeps the command's result for repeats, writes whole things with their indexes under row security,
and keeps the board; it makes up for it by group commit and few round trips.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from crisis.clock import MachineClock, new_id
from crisis.commands import Envelope, SetDuty
from crisis.ids import CommandId, CountyId, TeamId
from crisis.states import Source
from dispatch.run.service import Service
from dispatch.store.pool import Database
from geo.counties import counties
from tests.bench.place import fresh_database
from tests.bench.rows import Row, at_least, at_most
from tests.db.service_kit import MASTER_KEY, Desk, create_county
from tests.unit.dispatch.board_kit import DISPATCHER

AT_ONCE = 32
#: What stands for the event's body.
_EVENT = json.dumps({"type": "team_unavailable", "team_id": str(UUID(int=1)), "reason": "break"})
_EVENT = json.dumps({"type": "team_unavailable", "team_id": "0", "reason": "break"})

Work = Callable[[int], Awaitable[None]]


async def run(quick: bool) -> list[Row]:
    """Measure one hot county and all 58; ``quick`` for a glance."""
    seconds = 2.0 if quick else 6.0
    ids = [int(fips) for fips in counties()]
    async with (
        fresh_database() as dsn,
        _floor(dsn, ids) as floor,
        Database.open(dsn) as database,
    ):
        for county_id in ids:
            await create_county(database, county_id)
        machine = MachineClock()
        async with Service(database, machine, machine, MASTER_KEY) as service:
            desks = [Desk(service, CountyId(c)) for c in ids]
            teams = [[await desk.team(f"T{n}") for n in range(4)] for desk in desks]
            hot = [await desks[0].team(f"H{n}") for n in range(60)]
            return await _compare(service, teams, hot, floor, ids, seconds)


async def _compare(
    service: Service,
    teams: Sequence[Sequence[TeamId]],
    hot: Sequence[TeamId],
    floor: Callable[[int], Awaitable[None]],
    ids: Sequence[int],
    seconds: float,
) -> list[Row]:
    async def hot_command(n: int) -> None:
        await service.submit(_envelope(ids[0], _toggle(hot[n % len(hot)], n // len(hot))))

    async def spread_command(n: int) -> None:
        county_id, own = ids[n % len(ids)], teams[n % len(ids)]
        turn = n // len(ids)
        await service.submit(_envelope(county_id, _toggle(own[turn % len(own)], turn // len(own))))

    async def hot_floor(n: int) -> None:
        await floor(ids[0])

    async def spread_floor(n: int) -> None:
        await floor(ids[n % len(ids)])

    # As ``web.serve`` does once a node is up: what was loaded stays, and needs no collecting.
    gc.collect()
    gc.freeze()
    rows = []
    for name, ours, theirs in (
        ("commands, one hot county, 32 at once", hot_command, hot_floor),
        ("commands, 58 counties, 32 at once", spread_command, spread_floor),
    ):
        # Every connection plans its statements when it first meets them: not what is measured here.
        for work in (ours, theirs):
            await _rate(work, AT_ONCE, 1.0)
        # In turns, so that a drift of the machine's speed meets both.
        pairs = [
            (await _rate(ours, AT_ONCE, seconds / 2), await _rate(theirs, AT_ONCE, seconds / 2))
            for _ in range(2)
        ]
        value, base = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        rows.append(at_least(1, name, "1/s", value, base))
    value, base = await _p99(hot_command, seconds / 2), await _p99(hot_floor, seconds / 2)
    rows.append(at_most(3, "one command alone, p99", "ms", value * 1e3, base * 1e3))
    return rows


async def hot_rate(
    service: Service, county_id: int, hot: Sequence[TeamId], at_once: int, seconds: float
) -> float:
    """Return how many commands a second one county takes, so many at once; for other benches."""

    async def command(n: int) -> None:
        await service.submit(_envelope(county_id, _toggle(hot[n % len(hot)], n // len(hot))))

    return await _rate(_HOT.setdefault(county_id, command), at_once, seconds)


#: Each county's work, so that its toggles go on where they ended.
_HOT: dict[int, Work] = {}


def _envelope(county_id: int, command: SetDuty) -> Envelope:
    return Envelope(
        county_id=CountyId(county_id),
        command_id=CommandId(new_id()),
        actor=DISPATCHER,
        source=Source.DESK,
        command=command,
    )


def _toggle(team_id: TeamId, turn: int) -> SetDuty:
    if turn % 2:
        return SetDuty(team_id=team_id, duty="available")
    return SetDuty(team_id=team_id, duty="unavailable", reason="break")


async def _rate(work: Work, at_once: int, seconds: float) -> float:
    """Return how many times a second ``work`` is done, ``at_once`` at a time.

    Numbers go on where the last measurement of the same work ended, so that toggles alternate.
    """
    counter = _COUNTERS.setdefault(work, iter(range(10**9)))
    done = 0
    end = time.perf_counter() + seconds

    async def worker() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work(next(counter))
            done += 1

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return done / (time.perf_counter() - start)


_COUNTERS: dict[Work, Iterator[int]] = {}


async def _p99(work: Work, seconds: float) -> float:
    counter = _COUNTERS.setdefault(work, iter(range(10**9)))
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        await work(next(counter))
        times.append(time.perf_counter() - start)
    times.sort()
    return times[int(len(times) * 0.99)]


@asynccontextmanager
async def _floor(dsn: str, ids: Sequence[int]) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """The hand-written transaction, over connections that cost nothing to take and give back."""
    free: asyncio.Queue[asyncpg.Connection[asyncpg.Record]] = asyncio.Queue()
    for _ in range(AT_ONCE):
        free.put_nowait(await asyncpg.connect(dsn))
    team = UUID(int=1)
    con = await free.get()
    await con.execute(
        """
        CREATE SCHEMA floor;
        CREATE TABLE floor.heads (county_id int PRIMARY KEY, seq bigint NOT NULL);
        CREATE TABLE floor.events (
            county_id int, seq bigint, at timestamptz, command_id uuid, body jsonb,
            PRIMARY KEY (county_id, seq)
        );
        CREATE TABLE floor.teams (
            county_id int, team_id uuid, duty text, changed_at timestamptz,
            PRIMARY KEY (county_id, team_id)
        );
        """
    )
    for county_id in ids:
        await con.execute("INSERT INTO floor.heads VALUES ($1, 0)", county_id)
        await con.execute(
            "INSERT INTO floor.teams VALUES ($1, $2, 'available', now())", county_id, team
        )
    free.put_nowait(con)

    async def command(county_id: int) -> None:
        now = datetime.now(UTC)
        con = await free.get()
        try:
            async with con.transaction():
                seq = await con.fetchval(
                    "UPDATE floor.heads SET seq = seq + 1 WHERE county_id = $1 RETURNING seq",
                    county_id,
                )
                await con.execute(
                    "INSERT INTO floor.events VALUES ($1, $2, $3, $4, $5)",
                    county_id,
                    seq,
                    now,
                    new_id(),
                    _EVENT,
                )
                await con.execute(
                    "UPDATE floor.teams SET duty = 'unavailable', changed_at = $3 "
                    "WHERE county_id = $1 AND team_id = $2",
                    county_id,
                    team,
                    now,
                )
        finally:
            free.put_nowait(con)

    yield command
    while not free.empty():
        await free.get_nowait().close()
