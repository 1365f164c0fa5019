"""What must hold of every database after every test, whatever the test did.

The fold of the log equals SQL thing by thing (``service_kit.check_county``), the log has no gap,
every event belongs to a command whose answer stands beside it, and the head is where the log ends.
"""

from __future__ import annotations

import asyncpg

from dispatch.store.pool import County, Database, PoolSizes
from tests.db.service_kit import check_county

_WRITTEN = "SELECT DISTINCT county_id FROM event_log ORDER BY county_id"


async def check_dsn(dsn: str) -> None:
    """Check every county of the database that a service has written to."""
    con = await asyncpg.connect(dsn, server_settings={"search_path": "dispatch, pg_temp"})
    try:
        counties = [row["county_id"] for row in await con.fetch(_WRITTEN)]
    finally:
        await con.close()
    if counties:
        async with Database.open(dsn, sizes=PoolSizes(app=1, worker=1, report=1)) as database:
            for county_id in counties:
                await check_whole(database, county_id)


async def check_whole(database: Database, county_id: int) -> None:
    """Check one county: all of ``check_county``, and that no command stands there by half."""
    await check_county(database, county_id)
    async with database.tx(County(county_id), mode="snapshot") as con:
        head = await con.fetchval(
            "SELECT head_seq FROM county_heads WHERE county_id = $1", county_id
        )
        events = await con.fetchval("SELECT count(*) FROM event_log")
        last = await con.fetchval("SELECT coalesce(max(seq), 0) FROM event_log")
        halves = await con.fetch(
            "SELECT DISTINCT e.command_id FROM event_log AS e "
            "LEFT JOIN command_results AS r USING (county_id, command_id) "
            "WHERE r.command_id IS NULL"
        )
        ahead = await con.fetchval("SELECT count(*) FROM command_results WHERE seq > $1", head)
        doubled = await con.fetch(
            "SELECT team_id FROM offers WHERE state = 'pending' GROUP BY team_id "
            "HAVING count(*) > 1 UNION ALL "
            "SELECT team_id FROM assignments WHERE is_open GROUP BY team_id HAVING count(*) > 1"
        )
    assert events == last == head, "the log has a gap, or ends elsewhere than it says"
    assert not halves, "commands whose events stand without their answer"
    assert ahead == 0, "answers that name events which aren't there"
    assert not doubled, "teams with two open offers or runs"
