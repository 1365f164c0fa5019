"""``schema.sql`` is what the migrations make, and whole: by itself it builds the same database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from dispatch.store.connecting import connect_as
from dispatch.store.schema import PATH, RENEW, comments, read_schema

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]


async def _schema_of(dsn: str) -> str:
    con = await connect_as(dsn, None)
    try:
        return await read_schema(con)
    finally:
        await con.close()


async def test_the_written_schema_is_what_the_migrations_make(dsn: str) -> None:
    assert await _schema_of(dsn) == PATH.read_text(), f"schema.sql is stale; run: {RENEW}"


async def test_the_written_schema_builds_the_same_database_by_itself(
    empty_dsn: str, template: str
) -> None:
    con = await asyncpg.connect(empty_dsn)
    try:
        await con.execute(PATH.read_text())
    finally:
        await con.close()
    assert await _schema_of(empty_dsn) == PATH.read_text()


async def test_a_column_more_makes_the_written_schema_stale(dsn: str, admin: Admin) -> None:
    await admin.execute("ALTER TABLE agencies ADD COLUMN colour text")
    assert await _schema_of(dsn) != PATH.read_text()


@pytest.mark.parametrize(
    "change",
    [
        "DROP POLICY own_county ON calls",
        "GRANT DELETE ON event_log TO crisis_app",
        "REVOKE SELECT ON teams FROM crisis_state_report",
        "DROP INDEX event_log_incident_v1",
        "DROP TRIGGER append_only ON event_log",
        "ALTER TABLE calls NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE calls SET (fillfactor = 33)",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT EXECUTE ON FUNCTION refuse_change() TO crisis_app",
        "ALTER TABLE agencies OWNER TO crisis_app",
    ],
)
async def test_nothing_can_differ_in_silence(change: str, dsn: str, admin: Admin) -> None:
    await admin.execute(change)
    assert await _schema_of(dsn) != PATH.read_text()


async def test_what_has_no_written_form_yet_is_named(dsn: str, admin: Admin) -> None:
    await admin.execute("CREATE VIEW half AS SELECT 1 AS n")
    with pytest.raises(ValueError, match="v half"):
        await _schema_of(dsn)


def test_comments_are_those_above_what_is_made() -> None:
    sql = (
        "-- compat: 2\n\n-- Them.\n-- All.\nCREATE TABLE t (\n    a int,\n    -- Why.\n    b int\n)"
    )
    assert comments([sql]) == {
        ("TABLE", "t"): "-- Them.\n-- All.\n",
        ("COLUMN", "t.b"): "    -- Why.\n",
    }
