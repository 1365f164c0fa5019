"""A restored database is another history: nodes and screens begin anew, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from crisis.clock import FakeClock, MachineClock, new_id
from crisis.commands import OpenIncident
from crisis.errors import Unavailable
from dispatch.feed.frames import mark_at
from dispatch.run.county import CountyRunner
from dispatch.run.service import Service
from dispatch.store.migrate import database_id
from dispatch.store.pool import Database
from dispatch.store.pulse import HeadNow
from tests.db.pair import Pair, Server, copied, new_server
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, check_county, create_county


@pytest.fixture
async def server(open_folder: Path) -> AsyncIterator[Server]:
    made = await new_server(open_folder / f"server-{new_id()}")
    yield made
    await made.end()


def url(server: Server, database: str = "crisis") -> str:
    return server.dsn(database)


async def restored(server: Server, copy: Server) -> None:
    """Put the server's data back to a copy of them, as from a backup of the disk."""
    await server.end()
    shutil.rmtree(server.cluster)
    shutil.copytree(copy.cluster, server.cluster)
    for path in (server.cluster, *server.cluster.rglob("*")):
        os.chown(path, server.account.uid, server.account.gid)
    await server.start()


async def test_a_node_that_finds_an_older_state_of_its_own_cluster_loads_it_and_says_so(
    server: Server, open_folder: Path
) -> None:
    machine = MachineClock()
    told: list[CountyRunner] = []
    async with Database.open(url(server)) as database:
        await create_county(database)
        async with Service(database, machine, machine, MASTER_KEY) as service:
            service.county(ALAMEDA).on_restored = told.append
            desk = Desk(service)
            await desk.do(OpenIncident())
            await server.end()
            copy = copied(server, open_folder / f"copy-{new_id()}")
            await server.start()
            lost = new_id()
            # As many in the new history as in the old: the seqs are the same, the facts aren't.
            for _ in range(3):
                await desk.do(OpenIncident(), command_id=lost)
                lost = new_id()
            await desk.do(OpenIncident(), command_id=lost)
            old = service.county(ALAMEDA).board
            await restored(server, copy)
            async with (
                Database.open(url(server)) as other_database,
                Service(other_database, machine, machine, MASTER_KEY) as other,
            ):
                while other.county(ALAMEDA).board.seq < old.seq:
                    await Desk(other).do(OpenIncident())
            assert await service.county(ALAMEDA).catch_up() == 0
            assert told == [service.county(ALAMEDA)]
            new = desk.board
            assert new.seq == old.seq
            assert set(new.incidents) != set(old.incidents)
            # It was answered in a history that isn't this one: it is done, not remembered.
            before = len(new.incidents)
            await desk.do(OpenIncident(), command_id=lost)
            assert len(desk.board.incidents) == before + 1
            await check_county(database, ALAMEDA, service)


async def test_heads_that_cannot_follow_what_was_committed_are_looked_at(
    database: Database, clock: FakeClock
) -> None:
    await create_county(database)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        desk = Desk(service)
        await desk.do(OpenIncident())
        at, seq = clock.now(), desk.board.seq
        right = HeadNow(ALAMEDA, seq, at)
        assert service.hear([right], 1.0) == []
        clock.advance(5)
        assert service.county(ALAMEDA).age_s() == pytest.approx(4.0)
        for wrong in (
            HeadNow(ALAMEDA, seq - 1, at),
            HeadNow(ALAMEDA, seq, at.replace(year=2025)),
            HeadNow(ALAMEDA, seq + 1, at),
            HeadNow(6029, 0, None),
        ):
            assert service.hear([wrong], clock.monotonic()) == [wrong]
        assert service.county(ALAMEDA).age_s() == pytest.approx(4.0)


async def test_a_dump_is_another_log_wherever_it_is_restored(
    server: Server, open_folder: Path
) -> None:
    await server.query("CREATE DATABASE twin", database="postgres")
    dump = open_folder / f"dump-{new_id()}"
    dump.mkdir()
    dump.chmod(0o777)
    server.run("pg_dump", "-d", url(server), "-Fc", "-f", dump / "all")
    server.run("pg_restore", "-d", url(server, "twin"), dump / "all")
    names = []
    for name in ("crisis", "twin"):
        async with Database.open(url(server, name)) as database:
            names.append(await database_id(database))
    # The same name, taken by another database.
    await server.query("DROP DATABASE crisis", database="postgres")
    await server.query("CREATE DATABASE crisis", database="postgres")
    server.run("pg_restore", "-d", url(server), dump / "all")
    async with Database.open(url(server)) as database:
        names.append(await database_id(database))
    assert len(set(names)) == 3, names


async def test_a_promoted_standby_goes_on_with_the_same_log(open_folder: Path) -> None:
    machine = MachineClock()
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(Pair.running(open_folder / f"pair-{new_id()}"))
        database = await stack.enter_async_context(Database.open(pair.dsn))
        await create_county(database)
        before = await database_id(database)
        async with Service(database, machine, machine, MASTER_KEY) as service:
            desk = Desk(service)
            told: list[CountyRunner] = []
            county = service.county(ALAMEDA)
            county.on_restored = told.append
            await desk.do(OpenIncident())
            seq, mark = desk.board.seq, mark_at(desk.board.last_recorded_at)
            await pair.primary.end()
            await pair.promote()
            await desk.do(OpenIncident())
            assert told == []
            assert await database_id(database) == before
            assert mark_at(await county.log.recorded_at(seq)) == mark
            assert await county.log.recorded_at(seq + 1_000) is None


async def test_an_older_dump_put_back_under_a_running_node_is_another_history(
    server: Server, open_folder: Path
) -> None:
    machine = MachineClock()
    told: list[CountyRunner] = []
    async with Database.open(url(server)) as database:
        await create_county(database)
        async with Service(database, machine, machine, MASTER_KEY) as service:
            county = service.county(ALAMEDA)
            county.on_restored = told.append
            desk = Desk(service)
            await desk.do(OpenIncident())
            before = await database_id(database)
            dump = open_folder / f"dump-{new_id()}"
            dump.mkdir()
            dump.chmod(0o777)
            server.run("pg_dump", "-d", url(server), "-Fc", "-f", dump / "all")
            lost = new_id()
            await desk.do(OpenIncident(), command_id=lost)
            ghosts = set(desk.board.incidents)
            await server.query("DROP SCHEMA dispatch CASCADE")
            server.run("pg_restore", "-d", url(server), dump / "all")
            await _patiently(county.catch_up)
            assert told == [county] and len(desk.board.incidents) == 1
            # What a phone kept and sends again is done anew: nobody remembers it.
            await _patiently(lambda: desk.do(OpenIncident(), command_id=lost))
            assert len(desk.board.incidents) == 2
            assert await database_id(database) != before
            assert set(desk.board.incidents) == ghosts, "the same id makes the same incident"
            await check_county(database, ALAMEDA, service)


async def _patiently(send: Callable[[], Awaitable[object]]) -> None:
    """Send it again, as a phone does, while the answer is that the database is not at hand."""
    for _ in range(20):
        try:
            await send()
        except Unavailable:
            continue
        return
    raise AssertionError("never taken")
