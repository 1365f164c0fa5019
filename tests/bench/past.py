"""Years of closed incidents behind a county, written in SQL from one that was really handled.

Each copy has rows of its own in ``incidents``, ``offers``, ``assignments``, ``incident_keys`` and
``records``, with its own ids, number and times, and its determination in ``event_log``: about the
bytes and the indexes that the live tables of a county have after years. Left out are the other
events of each copy and the ranking behind its offer; what its body says of times is the
original's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from dispatch.store.connecting import RawConnection, connect_as
from dispatch.store.sealing import CountyKeys
from tests.bench.seed import COUNTY

_LANES = 2
_CHUNK = 25_000

#: The tables, their columns of ids, and which of the original's rows are copied.
_TABLES: Mapping[str, tuple[Sequence[str], str]] = {
    "incidents": (("incident_id",), ""),
    "offers": (("incident_id", "offer_id"), ""),
    "assignments": (("incident_id", "offer_id", "assignment_id"), ""),
    "incident_keys": (("incident_id",), ""),
    "records": (("incident_id", "record_id"), "AND kind <> 'recommendation'"),
    "event_log": (("incident_id", "command_id"), "AND type = 'team_determined'"),
}
#: An id that follows from the original's and the copy's number.
_ID = "md5({id}::text || n)::uuid"

_SETUP = """
CREATE TEMPORARY TABLE one AS
SELECT i.*, o.offer_id, a.assignment_id, '"number": ' || i.number AS spoken
FROM incidents AS i
JOIN offers AS o USING (county_id, incident_id)
JOIN assignments AS a USING (county_id, incident_id)
WHERE i.incident_id = '{incident}';
"""

#: The original's body with the copy's ids.
_BODY = (
    "replace(replace(replace({body}::text,"
    " t.incident_id::text, md5(t.incident_id::text || n)::uuid::text),"
    " t.offer_id::text, md5(t.offer_id::text || n)::uuid::text),"
    " t.assignment_id::text, md5(t.assignment_id::text || n)::uuid::text)::jsonb"
)
#: How long ago, per copy: a million over three years.
_AGO = "n * interval '95 seconds'"


def _insert(table: str, columns: Mapping[str, str], changed: Mapping[str, str], source: str) -> str:
    """Return the statement that copies ``source`` into ``table`` once per number of a chunk."""
    values = ", ".join(changed.get(name, f"s.{name}") for name in columns)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {values} FROM one AS t, {source} AS s, generate_series($1::int, $2::int) AS n"
    )


async def _columns(con: RawConnection, table: str) -> dict[str, str]:
    rows = await con.fetch(
        "SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute "
        "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    return {row["attname"]: row["type"] for row in rows}


async def _statements(con: RawConnection) -> dict[str, str]:
    """Return each table's statement; the number and the seq begin after $3."""
    made = {}
    for table, (ids, more) in _TABLES.items():
        columns = await _columns(con, table)
        changed = {name: _ID.format(id=f"s.{name}") for name in ids}
        for name, kind in columns.items():
            if kind.startswith("timestamp"):
                changed[name] = f"s.{name} - {_AGO}"
        if "body" in columns:
            changed["body"] = _BODY.format(body="s.body")
        if table == "incidents":
            changed["number"] = "$3::bigint + n"
            numbered = "replace(s.body::text, t.spoken, '\"number\": ' || $3::bigint + n)"
            changed["body"] = _BODY.format(body=numbered)
        if table == "event_log":
            changed["seq"] = "$3::bigint + n"
        source = (
            f"LATERAL (SELECT * FROM {table} WHERE county_id = {COUNTY} "
            f"AND incident_id = t.incident_id {more})"
        )
        made[table] = _insert(table, columns, changed, source)
    return made


async def copy_closed(dsn: str, incident_id: UUID, how_many: int, master_key: bytes) -> None:
    """Copy a closed incident, and tidy the tables as the database does in time by itself.

    No node may serve the county meanwhile: the log's head moves behind its back.
    """
    lanes = [await connect_as(dsn, None) for _ in range(_LANES)]
    try:
        head = await lanes[0].fetchrow(
            "SELECT head_seq, (board::jsonb->>'next_number')::bigint AS number "
            "FROM county_heads WHERE county_id = $1",
            COUNTY,
        )
        assert head is not None
        after = {"incidents": head["number"] - 1, "event_log": head["head_seq"]}
        after = {"incidents": head["number"] - 1, "event_log": head["head_seq"]}
        starts = iter(range(1, how_many + 1, _CHUNK))
        async with _without_indexes(lanes[0]):
            await asyncio.gather(
                *(_lane(con, incident_id, starts, how_many, after) for con in lanes)
            )
        await lanes[0].execute(
            "UPDATE county_heads SET head_seq = head_seq + $2::bigint, "
            "board = jsonb_set(board::jsonb, '{next_number}', to_jsonb($3::bigint)) "
            "WHERE county_id = $1",
            COUNTY,
            how_many,
            head["number"] + how_many,
        )
        await _reseal_first_key(lanes[0], master_key)
        await lanes[0].execute("VACUUM (ANALYZE)", timeout=300)
        await lanes[0].execute("CHECKPOINT", timeout=300)
    finally:
        for con in lanes:
            await con.close()


async def _reseal_first_key(con: RawConnection, master_key: bytes) -> None:
    """Let one data key fit its copy: a node that starts looks whether its master key opens any."""
    first = await con.fetchval("SELECT incident_id FROM incident_keys ORDER BY incident_id LIMIT 1")
    wrapped = CountyKeys(master_key, COUNTY).create(first)
    await con.execute(
        "UPDATE incident_keys SET wrapped = $2 WHERE incident_id = $1", first, wrapped
    )


@asynccontextmanager
async def _without_indexes(con: RawConnection) -> AsyncIterator[None]:
    """Take the tables' indexes away, and build them again over everything at the end."""
    constraints = await con.fetch(
        "SELECT conrelid::regclass::text AS table, conname AS name, "
        "pg_get_constraintdef(oid) AS made FROM pg_constraint "
        "WHERE conrelid = ANY ($1::text[]::regclass[]) AND contype IN ('p', 'u')",
        list(_TABLES),
    )
    for row in constraints:
        await con.execute(f"ALTER TABLE {row['table']} DROP CONSTRAINT {row['name']}")
    indexes = await con.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made "
        "FROM pg_index WHERE indrelid = ANY ($1::text[]::regclass[])",
        list(_TABLES),
    )
    for row in indexes:
        await con.execute(f"DROP INDEX {row['name']}")
    yield
    await con.execute("SET maintenance_work_mem = '512MB'")
    for row in constraints:
        await con.execute(
            f"ALTER TABLE {row['table']} ADD CONSTRAINT {row['name']} {row['made']}", timeout=300
        )
    for row in indexes:
        await con.execute(row["made"], timeout=300)


async def _lane(
    con: RawConnection,
    incident_id: UUID,
    starts: Iterator[int],
    how_many: int,
    after: Mapping[str, int],
) -> None:
    await con.execute("SET synchronous_commit = off; SET statement_timeout = 0")
    await con.execute(_SETUP.format(incident=incident_id))
    statements = await _statements(con)
    for start in starts:
        end = min(how_many, start + _CHUNK - 1)
        async with con.transaction():
            for table, statement in statements.items():
                base = [after[table]] if table in after else []
                await con.execute(statement, start, end, *base, timeout=120)
