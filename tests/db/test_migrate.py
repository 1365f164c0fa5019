"""Migrations on a real server, and the promises that hold for every table they make."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from dispatch.store.connecting import connect_as
from dispatch.store.migrate import (
    MIGRATIONS,
    SCHEMA_COMPAT,
    SCHEMA_VERSION,
    Applied,
    Migration,
    MigrationError,
    _apply,
    _ensure_roles,
    check_schema,
    is_simulated,
    migrate,
    pending,
)
from dispatch.store.pool import County, Database, Worker, with_database
from dispatch.store.readmodel import Models

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

_AT = datetime(2026, 3, 2, tzinfo=UTC)
ROLES = ("crisis_app", "crisis_worker", "crisis_state_report")


def _next(sql: str, *, number: int = SCHEMA_VERSION + 1, name: str = "more") -> Migration:
    return Migration.parse(f"{number:04d}_{name}.sql", sql.encode())


def _applied(migration: Migration) -> Applied:
    return Applied(
        version=migration.version,
        name=migration.name,
        compat=migration.compat,
        sha256=migration.sha256,
    )


async def test_migrating_runs_each_file_once(empty_dsn: str) -> None:
    assert await migrate(empty_dsn) == tuple(one.version for one in MIGRATIONS)
    assert await migrate(empty_dsn) == ()
    async with Database.open(empty_dsn) as database:
        await check_schema(database)
        assert not await is_simulated(database)


async def test_two_nodes_that_start_at_once_migrate_once(empty_dsn: str) -> None:
    ran = await asyncio.gather(*(migrate(empty_dsn) for _ in range(4)))
    assert sorted(map(len, ran)) == [0, 0, 0, len(MIGRATIONS)]


async def test_databases_of_one_server_may_be_migrated_at_once(
    server_dsn: str, cloner: Admin
) -> None:
    names = [f"crisis_beside_{number}" for number in range(3)]
    for name in names:
        await cloner.execute(f"CREATE DATABASE {name}")
    try:
        await asyncio.gather(*(migrate(with_database(server_dsn, name)) for name in names))
    finally:
        for name in names:
            await cloner.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_failed_migration_is_undone_and_names_its_line(dsn: str, admin: Admin) -> None:
    bad = _next("CREATE TABLE half (n int);\n\nSELECT nonsense;\n")
    with pytest.raises(MigrationError, match=rf"{bad.file_name}, line 3, failed and was undone"):
        await migrate(dsn, migrations=[*MIGRATIONS, bad])
    assert await admin.fetchval("SELECT to_regclass('half')") is None
    good = _next("CREATE TABLE half (n int);")
    assert await migrate(dsn, migrations=[*MIGRATIONS, good]) == (good.version,)


async def test_a_node_older_than_the_schema_refuses_it(dsn: str) -> None:
    await migrate(dsn, migrations=[*MIGRATIONS, _next("SELECT 1")])
    with pytest.raises(MigrationError, match="Install the newer version"):
        await migrate(dsn)
    async with Database.open(dsn) as database:
        with pytest.raises(MigrationError, match="Install the newer version"):
            await check_schema(database)


async def test_a_node_older_than_the_schema_runs_where_the_migration_allows_it(dsn: str) -> None:
    kind = _next(f"-- Adds a column.\n-- compat: {SCHEMA_VERSION}\nSELECT 1")
    await migrate(dsn, migrations=[*MIGRATIONS, kind])
    assert await migrate(dsn) == ()
    async with Database.open(dsn) as database:
        await check_schema(database)


def test_a_migration_changed_after_it_ran_is_refused() -> None:
    ran = _next("SELECT 1")
    with pytest.raises(MigrationError, match="changed after it ran"):
        pending([*map(_applied, MIGRATIONS), _applied(ran)], [*MIGRATIONS, _next("SELECT 2")])


def test_a_migration_that_comes_too_late_is_refused() -> None:
    late, ran = _next("SELECT 1"), _next("SELECT 1", number=SCHEMA_VERSION + 2)
    with pytest.raises(MigrationError, match="higher number"):
        pending([*map(_applied, MIGRATIONS), _applied(ran)], [*MIGRATIONS, late, ran])


def test_a_database_with_an_unknown_migration_among_the_known_is_refused() -> None:
    known = _next("SELECT 1", number=SCHEMA_VERSION + 2)
    foreign = _applied(_next("SELECT 1"))
    with pytest.raises(MigrationError, match="different build"):
        pending([*map(_applied, MIGRATIONS), foreign], [*MIGRATIONS, known])


@pytest.mark.parametrize("name", ["1_a.sql", "0001_A.sql", "0000_zero.sql", "0001-base.sql"])
def test_a_misnamed_migration_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="named NNNN_snake"):
        Migration.parse(name, b"SELECT 1")


def test_the_versions_follow_from_the_files() -> None:
    assert MIGRATIONS[-1].version == SCHEMA_VERSION
    assert 0 < SCHEMA_COMPAT <= SCHEMA_VERSION


async def test_an_empty_database_is_told_to_be_migrated(empty_dsn: str, template: str) -> None:
    assert template  # the cluster's roles exist
    async with Database.open(empty_dsn) as database:
        with pytest.raises(MigrationError, match="run the migrations"):
            await check_schema(database)


async def test_a_long_migration_elsewhere_is_waited_for_and_then_named(dsn: str) -> None:
    holder = await connect_as(dsn, None)
    await holder.execute("SELECT pg_advisory_lock($1)", 0x637269736973)
    with pytest.raises(MigrationError, match="Another node"):
        await migrate(dsn, lock_wait_s=0.2)
    await holder.close()
    assert await migrate(dsn) == ()


async def test_only_a_new_database_becomes_a_simulated_one(empty_dsn: str, dsn: str) -> None:
    await migrate(empty_dsn, simulated=True)
    async with Database.open(empty_dsn) as database:
        assert await is_simulated(database)
    with pytest.raises(MigrationError, match="real operations"):
        await migrate(dsn, simulated=True)


async def test_a_user_who_may_not_create_roles_is_told_what_to_do(
    empty_dsn: str, admin: Admin, cloner: Admin
) -> None:
    # SET ROLE leaves session_user a superuser; a login of its own is needed to lack the right.
    del admin
    await cloner.execute(
        "DO $$ BEGIN CREATE ROLE crisis_poor LOGIN; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    con = await asyncpg.connect(empty_dsn)
    await con.execute("SET SESSION AUTHORIZATION crisis_poor")
    with pytest.raises(MigrationError, match="Let an administrator run"):
        await _ensure_roles(con)
    await con.close()


async def test_migrating_as_an_ordinary_owner_works_once_the_roles_are_granted(
    cloner: Admin, server_dsn: str, template: str
) -> None:
    assert template
    await cloner.execute(
        "CREATE ROLE crisis_owner LOGIN;"
        "GRANT crisis_migrator, crisis_app, crisis_worker, crisis_state_report TO crisis_owner"
    )
    await cloner.execute("CREATE DATABASE crisis_owned OWNER crisis_owner")
    try:
        con = await asyncpg.connect(with_database(server_dsn, "crisis_owned"))
        await con.execute("SET SESSION AUTHORIZATION crisis_owner")
        await _ensure_roles(con)
        await con.execute("SET ROLE crisis_migrator; SET search_path = dispatch, pg_temp")
        for migration in MIGRATIONS:
            await _apply(con, migration)
        await con.close()
    finally:
        await cloner.execute("DROP DATABASE crisis_owned WITH (FORCE)")
        await cloner.execute("DROP ROLE crisis_owner")


async def test_every_table_with_a_county_has_forced_row_security(admin: Admin) -> None:
    rows = await admin.fetch(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS is_forced, "
        "EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'own_county') "
        "AS has_policy, c.relispartition "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = 'dispatch'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND a.attname = 'county_id' AND NOT a.attisdropped"
    )
    assert {"counties", "agencies"} <= {row["relname"] for row in rows}
    bare = [
        row["relname"]
        for row in rows
        if not row["relispartition"] and not (row["is_forced"] and row["has_policy"])
    ]
    assert bare == []


async def test_no_partition_is_granted_to_anybody(admin: Admin) -> None:
    rows = await admin.fetch(
        "SELECT c.relname FROM pg_class c, unnest($1::text[]) AS role "
        "WHERE c.relispartition AND c.relkind IN ('r', 'p') "
        "AND c.relnamespace = 'dispatch'::regnamespace "
        "AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')",
        list(ROLES),
    )
    assert [row["relname"] for row in rows] == []


async def test_the_working_roles_own_nothing_and_bypass_nothing(admin: Admin) -> None:
    rows = await admin.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[]) AND "
        "(rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)",
        list(ROLES),
    )
    assert rows == []
    owners = await admin.fetch(
        "SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class "
        "WHERE relnamespace = 'dispatch'::regnamespace"
    )
    assert [row["owner"] for row in owners] == ["crisis_migrator"]


async def test_no_security_definer_function_is_open_to_everybody(admin: Admin) -> None:
    rows = await admin.fetch(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'dispatch'::regnamespace "
        "AND p.prosecdef AND (has_function_privilege('public', p.oid, 'EXECUTE') "
        "OR p.proconfig IS NULL OR NOT 'search_path=dispatch, pg_temp' = ANY(p.proconfig))"
    )
    assert [row["proname"] for row in rows] == []


async def test_only_btree_gist_is_asked_of_the_server(admin: Admin) -> None:
    rows = await admin.fetch("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
    assert [row["extname"] for row in rows] == ["btree_gist"]


async def test_an_append_only_table_refuses_everybody(
    dsn: str, database: Database, admin: Admin
) -> None:
    facts = _next(
        "CREATE TABLE facts (county_id int NOT NULL, seq bigint, PRIMARY KEY (county_id, seq))"
        " PARTITION BY HASH (county_id);"
        "CREATE TABLE facts_0 PARTITION OF facts FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        "SELECT secure_county_table('facts');"
        "SELECT make_append_only('facts');"
    )
    await migrate(dsn, migrations=[*MIGRATIONS, facts])
    async with database.tx(County(6003)) as con:
        await con.execute("INSERT INTO facts VALUES (6003, 1)")
    owner = await connect_as(dsn, "crisis_migrator")
    for statement in (
        "UPDATE facts SET seq = 2",
        "DELETE FROM facts",
        "DELETE FROM facts_0",
        "TRUNCATE facts",
    ):
        for con_ in (owner, admin):
            with pytest.raises(asyncpg.RestrictViolationError) as caught:
                await con_.execute(statement)
            assert caught.value.constraint_name == "append_only"
    await owner.close()
    assert await admin.fetchval("SELECT seq FROM facts") == 1


async def test_a_table_opened_to_the_worker_is_opened_for_what_was_said_only(
    dsn: str, database: Database
) -> None:
    outbox = _next(
        "CREATE TABLE parcels (county_id int NOT NULL, n int NOT NULL);"
        "SELECT secure_county_table('parcels', 'SELECT, INSERT');"
        "SELECT open_to_worker('parcels', 'SELECT, UPDATE');"
        "SELECT open_to_report('parcels');"
    )
    await migrate(dsn, migrations=[*MIGRATIONS, outbox])
    for county_id in (6003, 6029):
        async with database.tx(County(county_id)) as con:
            await con.execute("INSERT INTO parcels VALUES ($1, 1)", county_id)
    async with database.tx(Worker()) as con:
        assert await con.execute("UPDATE parcels SET n = 2") == "UPDATE 2"

    async def delete() -> None:
        async with database.tx(Worker()) as con:
            await con.execute("DELETE FROM parcels")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await delete()


async def test_milestones_move_into_one_column_and_the_models_are_still_written(
    empty_dsn: str,
) -> None:
    before = [one for one in MIGRATIONS if one.version < 14]
    await migrate(empty_dsn, migrations=before)
    con = await connect_as(empty_dsn, None)
    try:
        await con.execute(
            "INSERT INTO dispatch.assignments (county_id, assignment_id, incident_id, offer_id, "
            "slot, team_id, state, is_open, qualifying, accepted_at, on_scene_at, cleared_at, "
            "ready_at) VALUES (6001, $1, $1, $1, 1, $1, 'ready', false, true, $2, $3, $4, $5)",
            UUID(int=1),
            *(_AT.replace(hour=hour) for hour in (1, 2, 3, 4)),
        )
        await migrate(empty_dsn)
        row = await con.fetchrow(
            "SELECT accepted_at, on_scene_at, left_at, milestones->>'cleared' AS cleared, "
            "(SELECT count(*) FROM jsonb_object_keys(milestones)) AS known "
            "FROM dispatch.assignments"
        )
        columns = await con.fetch(
            "SELECT a.attrelid::regclass::text AS name, a.attname FROM pg_attribute AS a "
            "JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary "
            "WHERE a.attrelid = ANY ($1::regclass[]) AND a.attnum > 0 AND NOT a.attisdropped "
            "AND a.attnum <> ALL (i.indkey)",
            [f"dispatch.{name}" for name in Models.__annotations__],
        )
        source = await con.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'write_models'")
    finally:
        await con.close()
    assert row is not None and row["known"] == 4
    assert [row["accepted_at"], row["on_scene_at"], row["left_at"]] == [
        _AT.replace(hour=hour) for hour in (1, 2, 3)
    ]
    assert datetime.fromisoformat(row["cleared"]) == _AT.replace(hour=3)
    # A migration that changes a read model's table makes what writes it anew.
    assert columns and all(f"EXCLUDED.{one['attname']}" in source for one in columns)
