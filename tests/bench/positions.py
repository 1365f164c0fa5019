"""How many fixes a node keeps durably, without HTTP, against bare COPY.

The floor copies the same rows, put together beforehand, into a plain table without key or checks,
in transactions of about the same size. The buffer also makes the ``Fix`` values (as decoding
would), judges each against its team's track, encodes it, moves it to the day's partition under a
key, and keeps the latest of each team. Client, service and PostgreSQL share the machine's cores.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from crisis.clock import MachineClock
from crisis.ids import CountyId, TeamId
from dispatch.run.positions import FixBuffer
from dispatch.store import positions as store
from dispatch.store.connecting import connect_as
from dispatch.store.pool import Database
from geo.fix import DEFAULT_LIMITS, Fix, FixSource
from geo.point import Point
from tests.bench.place import fresh_database
from tests.bench.rows import Row, at_least, at_most

TEAMS = 2_000
BATCH = 20
#: Fixes per post, posts in flight, least ratio to bare COPY, and most of the slowest answer.
_LOADS = ((BATCH, 128, 0.3, 8.0), (1, 256, 0.1, 8.0))


def _team(number: int) -> TeamId:
    # Spread over the key space, as real ids are.
    return TeamId(UUID(int=(number * 0x9E3779B97F4A7C15_F39CC0605CEDC835) % (1 << 128)))


class _Teams:
    """Teams that drive north, one fix a second each, all of them new to the history."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._seconds = [0] * TEAMS

    def fixes(self, number: int, how_many: int) -> list[Fix]:
        first = self._seconds[number]
        self._seconds[number] += how_many
        return [
            Fix(
                fixed_at=self._start + timedelta(seconds=second),
                received_at=self._start,
                point=Point(lat_deg=35.0 + second * 1e-4, lon_deg=-119.0 + number * 1e-4),
                source=FixSource.PHONE,
                accuracy_m=8.0,
                speed_mps=11.0,
                heading_deg=1.0,
                battery=0.7,
            )
            for second in range(first, first + how_many)
        ]


async def _in_flight(
    at_once: int, seconds: float, post: Callable[[int], Awaitable[None]]
) -> tuple[int, float, float]:
    """Return how many posts were answered, in how many seconds, and their 99th percentile in ms."""
    numbers = count()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        while (begun := time.perf_counter()) < end:
            await post(next(numbers))
            took.append(time.perf_counter() - begun)

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    elapsed = time.perf_counter() - start
    took.sort()
    return len(took), elapsed, took[int(len(took) * 0.99)] * 1e3


async def _floor(dsn: str, rows_each: int, seconds: float, start: datetime) -> tuple[float, float]:
    """Return the rows per second of bare COPY, and the p99 in ms of one of ``rows_each``."""
    teams = _Teams(start)
    county = CountyId(6019)
    tracks = [
        [store.row_of(county, _team(n), fix) for fix in teams.fixes(n, BATCH)]
        for n in range(max(1, rows_each // BATCH))
    ]
    rows = store.records(tracks)
    copied = len(tracks) * BATCH

    async def once() -> None:
        await con.copy_records_to_table("plain_fixes", schema_name="public", records=rows)

    con = await connect_as(dsn, None)
    try:
        await con.execute(
            "CREATE TABLE IF NOT EXISTS public.plain_fixes (county_id integer, team_id uuid, "
            "fixed_at timestamptz, received_at timestamptz, lat_deg double precision, "
            "lon_deg double precision, accuracy_m real, speed_mps real, heading_deg real, "
            "battery real, source_no smallint, newest boolean)"
        )
        took: list[float] = []
        begun = time.perf_counter()
        while time.perf_counter() < begun + seconds:
            before = time.perf_counter()
            await once()
            took.append(time.perf_counter() - before)
        elapsed = time.perf_counter() - begun
        await con.execute("DROP TABLE public.plain_fixes")
    finally:
        await con.close()
    took.sort()
    return len(took) * copied / elapsed, took[int(len(took) * 0.99)] * 1e3


async def run(quick: bool) -> list[Row]:
    """Measure batches of 20 and single fixes; ``quick`` for a glance."""
    seconds = 3.0 if quick else 10.0
    machine = MachineClock()
    start = machine.now().astimezone(UTC) - timedelta(hours=40)
    rows: list[Row] = []
    async with fresh_database() as dsn, Database.open(dsn) as database:
        for load in _LOADS:
            rows += await _measure(dsn, database, load, seconds, start)
            start += timedelta(hours=18)
    return rows


async def _measure(
    dsn: str,
    database: Database,
    load: tuple[int, int, float, float],
    seconds: float,
    start: datetime,
) -> list[Row]:
    batch, at_once, least, slowest = load
    teams = _Teams(start)
    # The server's now lies after every fix, and within the oldest that is taken.
    now = start + timedelta(hours=18)
    county = CountyId(6019)
    buffer = FixBuffer(
        database, MachineClock(), limits=lambda _, __: DEFAULT_LIMITS, serving=lambda: [county]
    )

    async def post(number: int) -> None:
        which = number % TEAMS
        outcome = await buffer.submit(
            county, _team(which), teams.fixes(which, batch), now, since=start
        )
        if outcome.kept != batch or outcome.thinned:
            raise AssertionError("a fix was not kept")

    async with asyncio.TaskGroup() as group:
        running = group.create_task(buffer.run())
        await _in_flight(at_once, 0.5, post)
        before = (buffer.stats.flushes, buffer.stats.stored)
        posts, elapsed, p99_ms = await _in_flight(at_once, seconds, post)
        flushes = buffer.stats.flushes - before[0]
        stored = buffer.stats.stored - before[1]
        running.cancel()
    if stored != posts * batch:
        raise AssertionError(f"{stored} rows stored of {posts * batch}")
    floor, copy_p99_ms = await _floor(dsn, max(1, stored // flushes), seconds / 2, start)
    rate = stored / elapsed
    return [
        at_least(
            least,
            f"durable fixes, batches of {batch}, {at_once} posts in flight "
            f"({stored // flushes} a flush)",
            "fixes/s",
            rate,
            floor,
        ),
        at_most(
            slowest,
            f"answer of a post of {batch}, {at_once} in flight; floor: a bare COPY of a flush",
            "ms p99",
            p99_ms,
            copy_p99_ms,
        ),
    ]


if __name__ == "__main__":
    for row in asyncio.run(run(quick=False)):
        print(row)
