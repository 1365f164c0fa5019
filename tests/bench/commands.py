"""Command throughput through the service, without HTTP, against hand-written transactions.

The floor is the same transaction written by hand for one command: lock the county's head, insert
the event, update the read model, move the head on, commit; one command a transaction, the same rows
and indexes, over the same number of connections. The service also decides, keeps the command's
result for repeats, seals what is private and keeps the board; it makes up for it by group commit
and by one round trip per group.
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
from dispatch.service import Service
from dispatch.store.pool import Database
from geo.counties import counties
from tests.bench.place import fresh_database
from tests.bench.rows import Row
from tests.db.service_kit import MASTER_KEY, Desk, create_county
from tests.unit.dispatch.board_kit import DISPATCHER

AT_ONCE = 32
#: What the service writes for one such command.
_EVENT = json.dumps({"type": "team_unavailable", "team_id": str(UUID(int=1)), "reason": "break"})
_TEAM = json.dumps(
    {
        "id": str(UUID(int=1)),
        "agency_id": str(UUID(int=1)),
        "call_sign": "T1",
        "base": {"lat_deg": 37.8044, "lon_deg": -122.2712},
        "duty": "unavailable",
        "unavailable_reason": "break",
        "shift_id": str(UUID(int=2)),
        "shift_ends_at": "2026-11-22T19:25:44.687536Z",
        "crew": [
            {"responder_id": str(UUID(int=3)), "carries_naloxone": True},
            {"responder_id": str(UUID(int=4)), "carries_naloxone": True},
        ],
        "duty_since": "2026-11-22T09:25:44.689576Z",
    }
)

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
        rows.append(
            Row(
                name=name,
                unit="1/s",
                value=value,
                floor=base,
                ratio=value / base,
                target="ratio >= 1",
                met=value >= base,
            )
        )
    value, base = await _p99(hot_command, seconds / 2), await _p99(hot_floor, seconds / 2)
    rows.append(
        Row(
            name="one command alone, p99",
            unit="ms",
            value=value * 1e3,
            floor=base * 1e3,
            ratio=value / base,
            target="ratio <= 3",
            met=value <= 3 * base,
        )
    )
    return rows


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
    """The hand-written transaction, over connections that cost nothing to take and give back.

    It writes the same rows as the service does for the same command: tables of the same shape with
    the same indexes, the same event, the same read model. It decides nothing, keeps no result for
    repeats, and knows no row security.
    """
    free: asyncio.Queue[asyncpg.Connection[asyncpg.Record]] = asyncio.Queue()
    for _ in range(AT_ONCE):
        free.put_nowait(await asyncpg.connect(dsn))
    team = UUID(int=1)
    con = await free.get()
    await con.execute(
        """
        CREATE SCHEMA floor;
        CREATE TABLE floor.heads (LIKE dispatch.county_heads INCLUDING ALL);
        CREATE TABLE floor.events (LIKE dispatch.event_log INCLUDING ALL);
        CREATE TABLE floor.teams (LIKE dispatch.teams INCLUDING ALL);
        """
    )
    for county_id in ids:
        await con.execute("INSERT INTO floor.heads (county_id) VALUES ($1)", county_id)
        await con.execute(
            "INSERT INTO floor.teams VALUES ($1, $2, $2, 'T1', 't1', 'available', true, 1, $3)",
            county_id,
            team,
            _TEAM,
        )
    free.put_nowait(con)

    async def command(county_id: int) -> None:
        now = datetime.now(UTC)
        con = await free.get()
        try:
            async with con.transaction():
                seq = 1 + await con.fetchval(
                    "SELECT head_seq FROM floor.heads WHERE county_id = $1 FOR NO KEY UPDATE",
                    county_id,
                )
                await con.execute(
                    "INSERT INTO floor.events VALUES ($1, $2, 'team_unavailable', 1, $3, $3, "
                    "'desk', $4, 'dispatcher', NULL, $5, NULL, NULL, false, $6, NULL)",
                    county_id,
                    seq,
                    now,
                    team,
                    new_id(),
                    _EVENT,
                )
                await con.execute(
                    "UPDATE floor.teams SET duty = 'unavailable', body = $3 "
                    "WHERE county_id = $1 AND team_id = $2",
                    county_id,
                    team,
                    _TEAM,
                )
                await con.execute(
                    "UPDATE floor.heads SET head_seq = $2, last_recorded_at = $3 "
                    "WHERE county_id = $1",
                    county_id,
                    seq,
                    now,
                )
        finally:
            free.put_nowait(con)

    yield command
    while not free.empty():
        await free.get_nowait().close()
