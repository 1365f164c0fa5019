"""The pool against a real server: contexts, row security, broken connections, constraints."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from crisis.errors import Conflict, Unavailable
from dispatch.store.connecting import ClientConnection, connect_as
from dispatch.store.errors import CONSTRAINT_ERRORS, ConnectionLost, register_constraint
from dispatch.store.pool import (
    Connection,
    County,
    Database,
    PoolSizes,
    Record,
    Report,
    Worker,
    retrying,
    savepoint,
    with_database,
)
from tests.db.cutting_proxy import CuttingProxy

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

ALPINE, KERN = 6003, 6029


def _plain(rows: list[Record]) -> list[tuple[object, ...]]:
    return [tuple(row) for row in rows]


async def _two_counties(admin: Admin) -> None:
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) "
        "VALUES (6003, 'Alpine', 'rural'), (6029, 'Kern', 'urban')"
    )


async def test_a_county_sees_and_changes_only_its_own_rows(
    database: Database, admin: Admin
) -> None:
    await _two_counties(admin)
    async with database.tx(County(ALPINE)) as con:
        assert _plain(await con.fetch("SELECT county_id FROM counties")) == [(ALPINE,)]
        assert await con.execute("UPDATE county_heads SET head_seq = 7") == "UPDATE 1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with savepoint(con):
                await con.execute(
                    "INSERT INTO agencies (county_id, agency_id, name) "
                    "VALUES (6029, gen_random_uuid(), 'elsewhere')"
                )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with savepoint(con):
                await con.execute("UPDATE counties SET county_id = 6029")
    assert await admin.fetchval("SELECT head_seq FROM county_heads WHERE county_id = 6029") == 0


async def test_a_connection_given_back_keeps_no_county(dsn: str, admin: Admin) -> None:
    await _two_counties(admin)
    async with Database.open(dsn, sizes=PoolSizes(app=1)) as database:
        async with database.tx(County(ALPINE)) as con:
            first = await con.fetchval("SELECT pg_backend_pid()")
        rows = await database.call(
            County(ALPINE), "SELECT pg_backend_pid() AS pid, (SELECT count(*) FROM counties) AS n"
        )
    assert _plain(rows) == [(first, 0)]


async def test_nobody_gets_back_to_the_login_user(database: Database) -> None:
    async with database.tx(County(ALPINE)) as con:
        await con.execute("RESET ROLE")
        assert await con.fetchval("SELECT current_user") == "crisis_app"
        await con.execute("RESET ALL")
        assert await con.fetchval("SELECT current_user") == "crisis_app"


async def test_the_worker_reads_all_counties_and_writes_nothing_it_was_not_opened(
    database: Database, admin: Admin
) -> None:
    await _two_counties(admin)
    async with database.tx(Worker()) as con:
        assert len(await con.fetch("SELECT county_id FROM counties")) == 2
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with savepoint(con):
                await con.execute("UPDATE county_heads SET head_seq = 1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with savepoint(con):
                await con.fetch("SELECT name FROM agencies")


@pytest.mark.parametrize(("county_id", "seen"), [(KERN, [KERN]), (None, [ALPINE, KERN])])
async def test_a_report_reads_one_county_or_all_and_never_writes(
    database: Database, admin: Admin, county_id: int | None, seen: list[int]
) -> None:
    await _two_counties(admin)
    async with database.tx(Report(county_id), mode="snapshot") as con:
        rows = await con.fetch("SELECT county_id FROM counties ORDER BY county_id")
        assert [row["county_id"] for row in rows] == seen
    with pytest.raises((asyncpg.InsufficientPrivilegeError, ConnectionLost)):
        async with database.tx(Report(county_id)) as con:
            await con.execute("UPDATE county_heads SET head_seq = 1")


async def test_json_goes_in_as_text_or_bytes_and_comes_out_as_text(database: Database) -> None:
    async with database.tx(County(ALPINE)) as con:
        row = await con.fetchrow("SELECT $1::jsonb AS a, $2::jsonb AS b", '{"x":1}', b'{"y": 2}')
    assert row is not None
    assert tuple(row) == ('{"x": 1}', '{"y": 2}')


async def test_a_failed_block_leaves_nothing_behind(database: Database, admin: Admin) -> None:
    await _two_counties(admin)

    async def fail() -> None:
        async with database.tx(County(ALPINE)) as con:
            await con.execute("UPDATE county_heads SET head_seq = 9")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await admin.fetchval("SELECT max(head_seq) FROM county_heads") == 0
    assert database.usage()["crisis_app"][0] == 0


async def test_a_cancelled_block_leaves_nothing_behind_and_frees_the_row(
    database: Database, admin: Admin
) -> None:
    await _two_counties(admin)
    holding = asyncio.Event()

    async def hold() -> None:
        async with database.tx(County(ALPINE)) as con:
            await con.execute("UPDATE county_heads SET head_seq = 9")
            holding.set()
            await con.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(hold())
    await holding.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.tx(County(ALPINE)) as con:
        assert await con.fetchval("SELECT head_seq FROM county_heads FOR UPDATE") == 0


async def test_an_error_swallowed_inside_a_transaction_is_not_taken_for_a_commit(
    database: Database,
) -> None:
    async def swallow() -> None:
        async with database.tx(County(ALPINE)) as con:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await con.execute("SELECT 1/0")

    with pytest.raises(AssertionError, match="swallowed"):
        await swallow()


async def test_savepoints_nest(database: Database, admin: Admin) -> None:
    await _two_counties(admin)

    async def fail(con: Connection) -> None:
        async with savepoint(con):
            await con.execute("UPDATE county_heads SET head_seq = 2")
            raise LookupError

    async with database.tx(County(ALPINE)) as con, savepoint(con):
        await con.execute("UPDATE county_heads SET head_seq = 1")
        with pytest.raises(LookupError):
            await fail(con)
    assert await admin.fetchval("SELECT head_seq FROM county_heads WHERE county_id = 6003") == 1


async def test_a_registered_constraint_becomes_its_refusal(
    database: Database, admin: Admin
) -> None:
    await admin.execute(
        "CREATE TABLE probe (n int CONSTRAINT one_open_offer_per_team CHECK (n > 1));"
        "GRANT INSERT ON probe TO crisis_app"
    )
    with pytest.raises(Conflict) as caught:
        async with database.tx(County(ALPINE)) as con:
            await con.execute("INSERT INTO probe VALUES (1)")
    assert caught.value.code == "team_has_open_offer"
    with pytest.raises(Conflict):
        await database.call(County(ALPINE), "INSERT INTO probe VALUES (1)")


async def test_an_unregistered_constraint_stays_a_bug(database: Database, admin: Admin) -> None:
    await admin.execute(
        "CREATE TABLE probe (n int CONSTRAINT nobody_knows_this CHECK (n > 0));"
        "GRANT INSERT ON probe TO crisis_app"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.tx(County(ALPINE)) as con:
            await con.execute("INSERT INTO probe VALUES (0)")


def test_a_constraint_has_one_meaning() -> None:
    known = next(iter(CONSTRAINT_ERRORS))
    with pytest.raises(ValueError, match="twice"):
        register_constraint(known, CONSTRAINT_ERRORS[known])


async def _kill(admin: Admin, role: str = "crisis_app") -> int:
    return len(
        await admin.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = $1",
            f"crisis-dispatch {role}",
        )
    )


async def test_a_connection_lost_before_commit_is_known_not_to_have_committed(
    database: Database, admin: Admin
) -> None:
    await _two_counties(admin)

    async def lose() -> None:
        async with database.tx(County(ALPINE)) as con:
            await con.execute("UPDATE county_heads SET head_seq = 1")
            assert await _kill(admin) == 1
            await con.execute("UPDATE county_heads SET head_seq = 2")

    with pytest.raises(ConnectionLost) as caught:
        await lose()
    assert not caught.value.unknown_outcome
    assert await admin.fetchval("SELECT max(head_seq) FROM county_heads") == 0


async def test_a_connection_lost_at_commit_is_unknown(
    database: Database, admin: Admin, eventually: Callable[..., Awaitable[None]]
) -> None:
    await _two_counties(admin)
    # A deferred constraint trigger runs inside COMMIT: the server goes away while committing.
    await admin.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON county_heads "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();"
    )

    async def commit() -> None:
        async with database.tx(County(ALPINE)) as con:
            await con.execute("UPDATE county_heads SET head_seq = 1")

    task = asyncio.create_task(commit())
    await eventually(
        lambda: admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active'"
        )
    )
    assert await _kill(admin) == 1
    with pytest.raises(ConnectionLost) as caught:
        await task
    assert caught.value.unknown_outcome


async def test_a_single_statement_lost_on_its_way_is_unknown(
    database: Database, admin: Admin, eventually: Callable[..., Awaitable[None]]
) -> None:
    task = asyncio.create_task(database.call(County(ALPINE), "SELECT pg_sleep(60)"))
    await eventually(
        lambda: admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query = 'SELECT pg_sleep(60)' AND state = 'active' AND wait_event = 'PgSleep'"
        )
    )
    await _kill(admin)
    with pytest.raises(ConnectionLost) as caught:
        await task
    assert caught.value.unknown_outcome


async def test_the_pool_heals_after_all_its_connections_were_cut(
    database: Database, admin: Admin
) -> None:
    async def use() -> None:
        async with database.tx(County(ALPINE)) as con:
            await con.fetchval("SELECT pg_sleep(0.01)")

    await asyncio.gather(*(use() for _ in range(4)))
    assert await _kill(admin) >= 2
    await use()


async def test_a_connection_that_died_while_idle_costs_nobody_an_error(
    dsn: str, admin: Admin, eventually: Callable[..., Awaitable[None]]
) -> None:
    async with (
        CuttingProxy.before(dsn) as proxy,
        Database.open(proxy.dsn, sizes=PoolSizes(app=4)) as database,
    ):

        async def use() -> None:
            async with database.tx(County(ALPINE)) as con:
                await con.fetchval("SELECT pg_sleep(0.01)")

        await asyncio.gather(*(use() for _ in range(4)))
        # The client has read the server's last words, and doesn't know yet that it's the end.
        proxy.keeps_the_end = True
        assert await _kill(admin) == 4
        await eventually(lambda: proxy.ends_kept == 4)
        await asyncio.gather(*(use() for _ in range(4)))


async def test_no_server_is_a_lost_connection_with_nothing_committed() -> None:
    with pytest.raises(ConnectionLost) as caught:
        async with Database.open("postgresql://nobody@127.0.0.1:9/none"):
            pass
    assert not caught.value.unknown_outcome


async def test_a_missing_database_is_a_mistake_to_mend_not_a_lost_connection(
    server_dsn: str,
) -> None:
    with pytest.raises(Unavailable, match="no_such_database") as refusal:
        async with Database.open(with_database(server_dsn, "no_such_database")):
            pass
    assert refusal.value.code == "database_refused"


async def test_of_several_hosts_the_one_that_answers_is_used(dsn: str) -> None:
    parts = urlsplit(dsn)
    several = (
        urlunsplit(parts._replace(netloc=parts.netloc.replace("@", "@127.0.0.1:9,")))
        if parts.hostname
        else dsn.replace("host=", "host=%2Fnowhere,").replace("port=", "port=5432,")
    )
    assert several != dsn
    async with Database.open(several) as database:
        await database.ping()


async def test_waiting_too_long_for_a_connection_is_busy(dsn: str) -> None:
    async with (
        Database.open(dsn, sizes=PoolSizes(app=1), acquire_timeout_s=0.05) as database,
        database.tx(County(ALPINE)),
    ):
        with pytest.raises(Unavailable) as caught:
            await database.call(County(ALPINE), "SELECT 1")
    assert caught.value.code == "database_busy"


async def test_a_host_that_never_answers_is_lost_and_not_busy() -> None:
    # As behind a firewall that drops what it doesn't know: nobody refuses, nobody answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConnectionLost) as caught:
            async with Database.open(
                f"postgresql://nobody@127.0.0.1:{port}/none", acquire_timeout_s=0.05
            ):
                pytest.fail("it opened")
    assert not caught.value.unknown_outcome


async def test_waiting_too_long_for_a_row_that_another_holds_is_locked(
    database: Database, admin: Admin
) -> None:
    await _two_counties(admin)

    async def wait() -> None:
        async with database.tx(County(ALPINE)) as other:
            await other.execute("SET LOCAL lock_timeout = 20")
            await other.execute("SELECT 1 FROM counties FOR UPDATE")

    async with database.tx(County(ALPINE)) as one:
        await one.execute("SELECT 1 FROM counties FOR UPDATE")
        with pytest.raises(Unavailable) as caught:
            await wait()
    assert caught.value.code == "database_locked"


async def test_a_wrong_call_is_a_bug_and_not_a_lost_connection(database: Database) -> None:
    with pytest.raises(asyncpg.InterfaceError, match="expects 1 argument"):
        async with database.tx(County(ALPINE)) as con:
            await con.fetchval("SELECT $1::int")


async def test_a_write_on_a_server_that_became_a_standby_is_a_lost_connection(
    database: Database,
) -> None:
    with pytest.raises(ConnectionLost) as caught:
        async with database.tx(County(ALPINE), mode="read") as con:
            await con.execute("UPDATE county_heads SET head_seq = 1")
    assert not caught.value.unknown_outcome


async def test_a_deadlock_is_run_again(database: Database, admin: Admin) -> None:
    await admin.execute(
        "CREATE TABLE probe (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);"
        "GRANT SELECT, UPDATE ON probe TO crisis_app; INSERT INTO probe VALUES (1), (2)"
    )
    runs = 0
    both = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> None:
        own = 0

        async def work() -> None:
            nonlocal runs, own
            runs += 1
            own += 1
            async with database.tx(County(ALPINE)) as con:
                await con.execute("UPDATE probe SET n = n + 1 WHERE id = $1", first)
                if own == 1:
                    await both.wait()
                await con.execute("UPDATE probe SET n = n + 1 WHERE id = $1", second)

        await retrying(work)

    await asyncio.gather(cross(1, 2), cross(2, 1))
    assert _plain(await admin.fetch("SELECT n FROM probe ORDER BY id")) == [(2,), (2,)]
    assert runs == 3


async def test_retrying_gives_up_after_three_more_attempts() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise asyncpg.SerializationError

    with pytest.raises(Unavailable) as caught:
        await retrying(work, jitter=lambda _low, _high: 0.0)
    assert caught.value.code == "database_contended"
    assert runs == 4


async def test_limits_hold_for_each_role(database: Database) -> None:
    for context, statement_timeout in ((County(ALPINE), "10s"), (Worker(), "1min")):
        async with database.tx(context) as con:
            assert await con.fetchval("SHOW statement_timeout") == statement_timeout
            assert await con.fetchval("SHOW idle_in_transaction_session_timeout") != "0"
            assert await con.fetchval("SHOW lock_timeout") != "0"
            assert await con.fetchval("SHOW search_path") == "dispatch, pg_temp"


async def test_positions_may_answer_before_the_disk_has_them(database: Database) -> None:
    source = "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'"
    async with database.tx(County(ALPINE), durable=False) as con:
        assert await con.fetchval("SHOW synchronous_commit") == "off"
        assert await con.fetchval(source) == "session"
    async with database.tx(County(ALPINE)) as con:
        assert await con.fetchval(source) != "session"


async def test_a_dedicated_connection_listens(dsn: str, database: Database) -> None:
    con = await database.connect(Worker(), {"application_name": "listener"})
    heard: asyncio.Queue[object] = asyncio.Queue()
    await con.add_listener("poke", lambda *args: heard.put_nowait(args[-1]))
    other = await connect_as(dsn, "crisis_app")
    await other.execute("SELECT pg_notify('poke', '6003,1')")
    async with asyncio.timeout(5):
        assert await heard.get() == "6003,1"
    await other.close()
    await con.close()


async def test_a_network_connection_notices_a_vanished_server() -> None:
    """The options are read back from a real TCP socket; what answers there isn't PostgreSQL."""
    seen: list[socket.socket] = []

    class Watched(ClientConnection):
        __slots__ = ()

        def __init__(self, protocol: object, transport: asyncio.Transport, *rest: object) -> None:
            super().__init__(protocol, transport, *rest)
            seen.append(transport.get_extra_info("socket"))
            assert seen[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert seen[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        # AuthenticationOk, ParameterStatus, ReadyForQuery: all that asyncpg needs.
        writer.write(b"R\0\0\0\x08\0\0\0\0")
        writer.write(b"S\0\0\0\x18server_version\x0018.0\0")
        writer.write(b"Z\0\0\0\x05I")
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        con = await asyncpg.connect(
            host="127.0.0.1", port=port, user="u", ssl=False, connection_class=Watched
        )
        con.terminate()
    assert len(seen) == 1


def test_a_database_never_prints_its_dsn() -> None:
    dsn = "postgresql://u:hunter2@h/d"
    assert "hunter2" not in repr(Database(dsn, dsn, PoolSizes(), 1.0))
