"""A log of two thousand calls replayed, against as many commands in one hot county.

The floor is the hot county of the bench ``commands``, measured in the same run on the same service:
as many commands as the replay sent, 32 at once. The value is all of the replay, from the file's
text to the last answer.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from crisis.clock import FakeClock, MachineClock
from crisis.codes import code_sets
from crisis.ids import CountyId, UserId
from crisis.roles import Actor
from dispatch.run.service import Service
from dispatch.sim.calls import read_calls
from dispatch.sim.replay import ROLES, Replay
from dispatch.sim.roster import TeamPool
from dispatch.store import administration
from dispatch.store.pool import Database
from tests.bench.commands import AT_ONCE, hot_rate
from tests.bench.place import fresh_database
from tests.bench.rows import Row, at_most
from tests.db.service_kit import MASTER_KEY, Desk, create_county

REPLAYED, HOT = CountyId(6067), CountyId(6001)
_BEGINS = datetime(2025, 6, 1, 8, tzinfo=UTC)


async def run(quick: bool) -> list[Row]:
    """Measure a log of 2,000 rows; of 400 for a glance."""
    rows, seconds = (400, 2.0) if quick else (2_000, 6.0)
    async with fresh_database() as dsn, Database.open(dsn) as database:
        clock = FakeClock(_BEGINS - timedelta(hours=1))
        await administration.add_county(database, REPLAYED, _BEGINS.date())
        agency = await administration.add_agency(database, REPLAYED, "Simulated")
        await create_county(database, HOT)
        text = log_of(rows)
        machine = MachineClock()
        async with (
            Service(database, machine, machine, MASTER_KEY) as today,
            Service(database, clock, machine, MASTER_KEY) as service,
        ):
            desk = Desk(today, HOT)
            hot = [await desk.team(f"H{n}") for n in range(60)]
            before = await hot_rate(today, HOT, hot, AT_ONCE, seconds / 2)
            start = time.perf_counter()
            reading = read_calls(
                text, code_sets(date(2025, 1, 1)), zone=ZoneInfo("America/Los_Angeles")
            )
            clerk = Actor(user_id=UserId(UUID(int=99)), roles=ROLES)
            replay = Replay(
                REPLAYED, clock, TeamPool(REPLAYED, agency, None), clerk, service.submit
            )
            account = await replay.run(reading.calls)
            took = time.perf_counter() - start
            after = await hot_rate(today, HOT, hot, AT_ONCE, seconds / 2)
            sent, refused = service.stats.commands, today.stats.refused
    assert refused == 0
    assert account.replayed == rows, account.refused[:3]
    floor = sent / ((before + after) / 2)
    return [at_most(3, f"{rows:,} recorded calls replayed, {sent:,} commands", "s", took, floor)]


def log_of(rows: int) -> str:
    """Return a log of calls, each answered by one team, some of them at the same time."""
    lines = ["received_at,lat,lon,source,concern,determined,dispatch,arrival,departure"]
    for n in range(rows):
        at = _BEGINS + timedelta(minutes=37 * n)
        times = (at + timedelta(minutes=m) for m in (6, 9, 20 + n % 90, 70 + n % 90))
        place = f"{38.4 + (n % 20) / 100:.2f},{-121.6 + (n % 30) / 100:.2f}"
        told = ",".join(f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in times)
        lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{place},911,psychosis,{told}")
    return "\n".join(lines)
