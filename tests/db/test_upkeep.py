"""Old answers and notices go; periodic work is done once, by one node or the next."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crisis.clock import FakeClock, new_id
from dispatch.store.pool import Database
from dispatch.store.upkeep import UpkeepRuns, delete_done_notices, delete_old_results

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

ALPINE, KERN = 6003, 6029
DAY = "2026-03-02"


async def _result(admin: Admin, clock: FakeClock, county_id: int, age: timedelta) -> None:
    await admin.execute(
        "INSERT INTO command_results (county_id, command_id, body_hash, seq, answer, recorded_at) "
        "VALUES ($1, $2, '', 1, '{}', $3)",
        county_id,
        new_id(),
        clock.now() - age,
    )


async def test_answers_go_after_each_countys_own_time(
    database: Database, admin: Admin, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.upkeep.BATCH", 2)
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) "
        "VALUES (6003, 'Alpine', 'rural'), (6029, 'Kern', 'urban')"
    )
    for county_id in (ALPINE, KERN):
        for days in (1, 10, 29, 30, 31, 40, 400):
            await _result(admin, clock, county_id, timedelta(days=days))
    kept = {ALPINE: 5, KERN: 30}
    assert await delete_old_results(database, kept, clock.now()) == 6 + 3
    rows = await admin.fetch(
        "SELECT county_id, ($1 - recorded_at) AS age FROM command_results ORDER BY 1, 2",
        clock.now(),
    )
    assert [(row["county_id"], row["age"].days) for row in rows] == [
        (ALPINE, 1),
        (KERN, 1),
        (KERN, 10),
        (KERN, 29),
        (KERN, 30),
    ]
    assert await delete_old_results(database, kept, clock.now()) == 0


async def test_notices_go_a_month_after_they_ended_and_never_while_they_wait(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    for days in (0, 29, 31, None):
        await admin.execute(
            "INSERT INTO outbox (county_id, command_id, position, recipient, template, urgency, "
            "created_at, not_before, done_at) "
            "VALUES (6029, $1, 0, 'x', 'offer', 'now', $2, $2, $3)",
            new_id(),
            clock.now() - timedelta(days=99),
            None if days is None else clock.now() - timedelta(days=days),
        )
    assert await delete_done_notices(database, clock.now()) == 1
    assert await admin.fetchval("SELECT count(*) FROM outbox") == 3


async def test_of_many_nodes_one_does_the_days_work(database: Database, clock: FakeClock) -> None:
    nodes = [UpkeepRuns(database, "same-name", clock) for _ in range(6)]
    claims = await asyncio.gather(*(node.claim("fixes", DAY) for node in nodes))
    assert sorted(claims) == ["busy"] * 5 + ["ours"]
    winner = nodes[claims.index("ours")]
    loser = nodes[claims.index("busy")]
    await loser.finish("fixes", DAY)
    assert await loser.claim("fixes", DAY) == "busy"
    await winner.finish("fixes", DAY)
    assert [await node.claim("fixes", DAY) for node in nodes] == ["done"] * 6
    assert await loser.claim("fixes", "2026-03-03") == "ours"
    assert await loser.claim("partitions", DAY) == "ours"


async def test_work_of_a_crashed_node_is_taken_up_by_another(
    database: Database, clock: FakeClock
) -> None:
    crashed = UpkeepRuns(database, "a", clock)
    other = UpkeepRuns(database, "b", clock)
    assert await crashed.claim("fixes", DAY) == "ours"
    clock.advance(timedelta(minutes=59))
    assert await other.claim("fixes", DAY) == "busy"
    clock.advance(timedelta(minutes=1))
    assert await other.claim("fixes", DAY) == "ours"
    # The first one comes back to life, and has no say any more.
    await crashed.finish("fixes", DAY)
    assert await crashed.claim("fixes", DAY) == "busy"


async def test_failed_work_waits_a_little_and_is_tried_again(
    database: Database, clock: FakeClock
) -> None:
    node = UpkeepRuns(database, "a", clock)
    assert await node.claim("fixes", DAY) == "ours"
    await node.give_back("fixes", DAY)
    assert await node.claim("fixes", DAY) == "busy"
    clock.advance(timedelta(minutes=5))
    assert await node.claim("fixes", DAY) == "ours"


async def test_the_book_forgets_what_is_long_over(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    node = UpkeepRuns(database, "a", clock)
    await node.claim("hourly", "2026-03-02T08Z")
    await node.finish("hourly", "2026-03-02T08Z")
    clock.advance(timedelta(days=61))
    await node.claim("hourly", "2026-05-02T08Z")
    await node.forget_old()
    assert await admin.fetchval("SELECT array_agg(period) FROM upkeep_runs") == ["2026-05-02T08Z"]
