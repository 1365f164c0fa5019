"""Counties of one node share transactions when many groups are on their way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crisis.clock import FakeClock, MachineClock, new_id
from crisis.commands import OpenIncident, SetDuty
from crisis.effects import Answer
from crisis.errors import Unavailable
from crisis.ids import CountyId
from dispatch.run.service import Service
from dispatch.store import groups
from dispatch.store.errors import ConnectionLost
from dispatch.store.pool import County, Database
from dispatch.store.sql import load
from tests.db.service_kit import MASTER_KEY, Desk, check_county, create_county

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

COUNTIES = load("counties")
FIVE = (6001, 6003, 6005, 6007, 6009)


async def _desks(database: Database, service_counties: Sequence[int]) -> None:
    for county_id in service_counties:
        await create_county(database, county_id)


async def _groups_in_one_transaction(database: Database) -> int:
    """Return how many counties' heads the busiest transaction wrote."""
    counts: dict[int, int] = {}
    for county_id in FIVE:
        async with database.tx(County(county_id), mode="read") as con:
            xmin = await con.fetchval(
                "SELECT xmin::text::bigint FROM county_heads WHERE county_id = $1", county_id
            )
        counts[xmin] = counts.get(xmin, 0) + 1
    return max(counts.values())


async def test_counties_whose_groups_are_ready_together_share_a_transaction(
    database: Database, clock: FakeClock
) -> None:
    await _desks(database, FIVE)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        desks = [Desk(service, CountyId(county_id)) for county_id in FIVE]

        answers = await asyncio.gather(*(desk.opened() for desk in desks))

        assert len(set(answers)) == len(FIVE)
        assert all(len(desk.board.incidents) == 1 for desk in desks)
        assert await _groups_in_one_transaction(database) == len(FIVE)


async def test_a_county_that_somebody_else_holds_keeps_no_other_waiting(
    database: Database, clock: FakeClock
) -> None:
    await _desks(database, FIVE)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        held, *free = (Desk(service, CountyId(county_id)) for county_id in FIVE)
        async with database.tx(County(held.county_id)) as con:
            await con.fetchrow(COUNTIES["lock_county"], held.county_id)
            waiting = asyncio.create_task(held.opened())

            await asyncio.gather(*(desk.opened() for desk in free))

            assert not waiting.done()
        await waiting
        assert len(held.board.incidents) == 1


async def test_a_group_that_a_constraint_refuses_takes_no_other_along(
    database: Database, clock: FakeClock
) -> None:
    await _desks(database, FIVE)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        first = Desk(service, CountyId(FIVE[0]))
        team = await first.team()
        command_id = new_id()
        pause = SetDuty(team_id=team, duty="unavailable", reason="break")
        before = await first.do(pause, command_id=command_id)
        await first.do(SetDuty(team_id=team, duty="available"))
    # A node that has just begun decides the command anew, and meets the key of its result.
    async with Service(database, clock, clock, MASTER_KEY) as service:
        desks = [Desk(service, CountyId(county_id)) for county_id in FIVE]

        again, *opened = await asyncio.gather(
            desks[0].do(pause, command_id=command_id), *(desk.opened() for desk in desks[1:])
        )

        assert isinstance(again, Answer)
        assert again.seq == before.seq
        assert len(opened) == len(FIVE) - 1
        assert desks[0].board.teams[team].duty == "available"


async def test_two_nodes_whose_connections_are_cut_again_and_again_write_everything_once(
    dsn: str, database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _desks(database, FIVE)
    done: dict[int, list[str]] = {county_id: [] for county_id in FIVE}

    async def call_in(desk: Desk) -> None:
        """Open an incident, as often as it takes."""
        command_id = new_id()
        while True:
            try:
                answer = await desk.do(OpenIncident(), command_id=command_id)
            except Unavailable:
                continue
            done[desk.county_id].append(str(answer.result["incident_id"]))
            return

    async def rounds(service: Service) -> None:
        desks = [Desk(service, CountyId(county_id)) for county_id in FIVE]
        for turn in range(500):
            await asyncio.gather(*(call_in(desk) for desk in desks for _ in range(2)))
            if turn >= 12 and here.stats.reconnects + there.stats.reconnects > 0:
                break

    async def cut() -> None:
        while True:
            await asyncio.sleep(0.02)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND state = 'active' AND random() < 0.3"
            )

    async with (
        Database.open(dsn) as other,
        Service(database, clock, MachineClock(), MASTER_KEY) as here,
        Service(other, clock, MachineClock(), MASTER_KEY) as there,
    ):
        cutting = asyncio.create_task(cut())
        await asyncio.gather(rounds(here), rounds(there))
        cutting.cancel()
        assert here.stats.reconnects + there.stats.reconnects > 0
        for service in (here, there):
            for county_id in FIVE:
                await service.county(county_id).catch_up()
                await check_county(database, county_id, service)
        for county_id in FIVE:
            incidents = here.county(county_id).board.incidents
            assert sorted(done[county_id]) == sorted(str(one) for one in incidents)


async def test_more_counties_than_share_a_transaction_are_all_written(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_AT_ONCE", 1)
    monkeypatch.setattr(groups, "_MOST", 2)
    await _desks(database, FIVE)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        desks = [Desk(service, CountyId(county_id)) for county_id in FIVE]
        for _ in range(3):
            await asyncio.gather(*(desk.do(OpenIncident()) for desk in desks for _ in range(4)))

        assert [len(desk.board.incidents) for desk in desks] == [12] * len(FIVE)
        assert await _groups_in_one_transaction(database) <= 2


async def test_what_is_under_way_is_written_though_nobody_waits_for_it_any_more(
    database: Database, clock: FakeClock
) -> None:
    await _desks(database, FIVE)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        held, *free = (Desk(service, CountyId(county_id)) for county_id in FIVE)
        async with database.tx(County(held.county_id)) as con:
            await con.fetchrow(COUNTIES["lock_county"], held.county_id)
            waiting = asyncio.create_task(held.opened())
            await asyncio.gather(*(desk.opened() for desk in free))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        await held.opened()
        assert len(held.board.incidents) == 2


async def test_a_service_that_ends_tells_who_still_waits_for_a_county_that_is_held(
    database: Database, clock: FakeClock
) -> None:
    await _desks(database, FIVE)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        desks = [Desk(service, CountyId(county_id)) for county_id in FIVE]
        await asyncio.gather(*(desk.opened() for desk in desks))
        async with database.tx(County(FIVE[0])) as con:
            await con.fetchrow(COUNTIES["lock_county"], FIVE[0])
            tasks = [asyncio.create_task(desk.opened()) for desk in desks]
            await asyncio.gather(*tasks[1:])
            assert not tasks[0].done()
    # Told so; whether it was written is learnt by sending the same command again.
    with pytest.raises(Unavailable, match="shutting down"):
        await tasks[0]


@pytest.mark.parametrize("held", [False, True])
async def test_nobody_waits_for_ever_for_what_was_cancelled_on_its_way(
    database: Database, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    monkeypatch.setattr(groups, "_AT_ONCE", 1)
    monkeypatch.setattr(groups, "_MOST", 2)
    await _desks(database, FIVE)
    writer = groups.GroupWriter(database)
    async with database.tx(County(FIVE[0])) as con:
        await con.fetchrow(COUNTIES["lock_county"], FIVE[0])
        sent = FIVE[:1] if held else FIVE
        waiting = [asyncio.create_task(writer.write(county_id, 0, "{}")) for county_id in sent]
        for _ in range(3):
            await asyncio.sleep(0)
        assert writer._tasks
        if held:
            # Sent together it was told that the county is held; it now waits alone.
            together = set(writer._tasks)
            await asyncio.wait(together)
        for task in set(writer._tasks):
            task.cancel()

        async with asyncio.timeout(5):
            told = await asyncio.gather(*waiting, return_exceptions=True)

    unsure = [one.unknown_outcome for one in told if isinstance(one, ConnectionLost)]
    # Two had been sent; the others never left.
    assert unsure == ([True] if held else [True, True, False, False, False])
    await writer.close()
