"""Named statements: the form of their files, and each one prepared against the schema."""

from __future__ import annotations

import ast
from pathlib import Path

import asyncpg
import pytest

from dispatch.store.connecting import connect_as
from dispatch.store.sql import Statement, load, parse, statements, topics

ROOT = Path(__file__).parents[2]
GOOD = """
-- Comments above the first block are for the reader.

-- name: read_team
-- Read one team.
-- role: worker
-- params: $1 county_id integer, $2 at timestamp with time zone,
--   $3 ids uuid[]
SELECT 1
WHERE $1 > 0 AND now() > $2
  AND gen_random_uuid() = ANY($3);

-- name: count_teams
-- Count them.
SELECT 2;
"""

#: Names that PostgreSQL reports, for those that one may also write.
SPELLINGS = {
    "integer": "int4",
    "int": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "double precision": "float8",
    "real": "float4",
    "timestamp with time zone": "timestamptz",
    "character varying": "varchar",
}


def test_a_file_is_split_at_its_names() -> None:
    one, other = parse(GOOD, "good.sql")
    assert (one.name, one.purpose, one.role) == ("read_team", "Read one team.", "crisis_worker")
    assert [(param.name, param.type) for param in one.params] == [
        ("county_id", "integer"),
        ("at", "timestamp with time zone"),
        ("ids", "uuid[]"),
    ]
    assert one.text.startswith("SELECT 1\n")
    assert one.text.endswith("ANY($3)")
    assert (other.role, other.params, other.text) == ("crisis_app", (), "SELECT 2")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("SELECT 1;\n-- name: read_it\n-- It.\nSELECT 1", "before the first"),
        ("-- name:\n-- It.\nSELECT 1", "verb_noun"),
        ("-- name: team\n-- It.\nSELECT 1", "verb_noun"),
        ("-- name: read_it\n-- It.\nSELECT 1;\n-- name: read_it\n-- It.\nSELECT 2", "twice"),
        ("-- name: read_it\n-- It.\n", "no statement"),
        ("-- name: read_it\nSELECT 1", "what it is for"),
        ("-- name: read_it\n-- It.\n-- role: root\nSELECT 1", "role is one of"),
        ("-- name: read_it\n-- It.\nSELECT $1::int", "differ"),
        ("-- name: read_it\n-- It.\n-- params: $1 a int, $2 b int\nSELECT $1::int", "differ"),
        ("-- name: read_it\n-- It.\n-- params: a int\nSELECT $1::int", "reads"),
        ("-- name: read_it\n-- It.\n-- params: $2 a int\nSELECT $2::int", "from \\$1"),
    ],
)
def test_a_malformed_file_is_refused(content: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse(content, "bad.sql")


def test_loading_gives_texts_by_name() -> None:
    assert "FOR NO KEY UPDATE" in load("counties")["lock_county"]


def _all() -> list[Statement]:
    return [one for topic in topics() for one in statements(topic)]


def test_no_name_occurs_in_two_files() -> None:
    names = [one.name for one in _all()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("statement", _all(), ids=lambda one: one.name)
async def test_the_statement_is_valid_for_its_role(statement: Statement, dsn: str) -> None:
    con = await connect_as(dsn, statement.role)
    try:
        try:
            prepared = await con.prepare(statement.text)
        except asyncpg.PostgresError as error:
            pytest.fail(f"{statement.name}: {error}")
        declared = [
            SPELLINGS.get(kind, kind) + suffix
            for param in statement.params
            for kind, suffix in [(param.type.removesuffix("[]"), "[]" * ("[]" in param.type))]
        ]
        assert [kind.name for kind in prepared.get_parameters()] == declared
        if not statement.text.lstrip().upper().startswith(("CREATE", "SET")):
            # Privileges are checked when a plan starts, not when it is parsed.
            nulls = ", ".join(["NULL"] * len(statement.params))
            await con.execute("SET plan_cache_mode = force_generic_plan")
            await con.execute(f"PREPARE probe AS {statement.text}")
            try:
                await con.execute(f"EXPLAIN EXECUTE probe{f'({nulls})' if nulls else ''}")
            except asyncpg.PostgresError as error:
                pytest.fail(f"{statement.name} as {statement.role}: {error}")
    finally:
        await con.close()


#: How the names of statements begin that only read; ``Database.ask`` runs no others.
READING = ("read_", "list_", "find_", "count_", "label_", "recent_")


def asked() -> dict[str, str]:
    """The statements that are handed to ``ask``, by name, and where."""
    found: dict[str, str] = {}
    for package in ("dispatch", "web"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(".ask"):
                    continue
                for part in ast.walk(node):
                    if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
                        found[str(part.slice.value)] = path.name
    return found


def test_what_a_node_with_a_wrong_clock_may_still_ask_only_reads() -> None:
    names = asked()
    assert {"list_rules_marks", "read_alert_ends"} <= names.keys()
    texts = {one.name: one.text for one in _all()}
    for name, where in names.items():
        if name in texts:
            assert name.startswith(READING), f"{name} in {where}"
            assert texts[name].lstrip().startswith(("SELECT", "WITH")), name
