"""Brings a database to the schema that this code needs.

Decides what is pending, and refuses what can't be right: a database newer than the code, a
migration that was changed after it ran, one that arrives out of order. Forward only, each file in
one transaction, under a lock that every node's run shares. Must not know what the tables mean.

A migration may open with ``-- compat: N``: code whose ``SCHEMA_VERSION`` is at least N still runs
on a database that has it. Without the line, only code that has the migration does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import asyncpg

from crisis.errors import Unavailable
from dispatch.store.connecting import RawConnection, connect_as
from dispatch.store.errors import Outage
from dispatch.store.pool import Database, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Advisory lock of migrations; any constant that nothing else uses.
_LOCK_KEY = 0x63_72_69_73_69_73
_ROLE_ATTEMPTS = 10
_FILE_NAME = re.compile(r"(\d{4})_([a-z][a-z0-9_]*)\.sql")
_COMPAT = re.compile(r"^-- compat: (\d+)$", re.MULTILINE)


class MigrationError(Unavailable):
    """The database can't be brought to, or used with, this code's schema."""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__("schema_unusable", detail, **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file.

    Attributes:
        version: > 0, unique.
        compat: oldest ``SCHEMA_VERSION`` that still runs on a database with this migration.
        sha256: of the file's bytes, hex.
    """

    version: int
    name: str
    compat: int
    sha256: str
    sql: str

    @property
    def file_name(self) -> str:
        """The name under ``migrations/``."""
        return f"{self.version:04d}_{self.name}.sql"

    @classmethod
    def parse(cls, file_name: str, content: bytes) -> Migration:
        """Read one file.

        Raises:
            ValueError: the name isn't NNNN_snake.sql or the compat line is impossible.
        """
        match = _FILE_NAME.fullmatch(file_name)
        if match is None or int(match[1]) == 0:
            raise ValueError(f"{file_name}: a migration is named NNNN_snake.sql, from 0001")
        version = int(match[1])
        sql = content.decode()
        declared = _COMPAT.search(sql)
        compat = int(declared[1]) if declared else version
        if not 0 < compat <= version:
            raise ValueError(f"{file_name}: compat must be between 1 and {version}")
        digest = sha256(content).hexdigest()
        return cls(version=version, name=match[2], compat=compat, sha256=digest, sql=sql)


def load_migrations() -> tuple[Migration, ...]:
    """Return the packaged migrations in order.

    Raises:
        ValueError: a name is malformed or a number is used twice.
    """
    folder = files("dispatch.store") / "migrations"
    found = [
        Migration.parse(entry.name, entry.read_bytes())
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    found.sort(key=lambda migration: migration.version)
    for one, other in pairwise(found):
        if one.version == other.version:
            raise ValueError(f"{one.file_name} and {other.file_name} have the same number")
    return tuple(found)


MIGRATIONS: Final = load_migrations()
#: The newest migration of this code.
SCHEMA_VERSION: Final = MIGRATIONS[-1].version
#: The oldest code that still runs beside this one on the same database.
SCHEMA_COMPAT: Final = max(migration.compat for migration in MIGRATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One row of ``schema_migrations``."""

    version: int
    name: str
    compat: int
    sha256: str


def pending(
    applied: Sequence[Applied], available: Sequence[Migration] = MIGRATIONS
) -> tuple[Migration, ...]:
    """Return what is still to run, in order.

    Raises:
        MigrationError: the database is newer than the code supports, or its history differs.
    """
    known = {migration.version: migration for migration in available}
    newest = max(known, default=0)
    for row in applied:
        mine = known.get(row.version)
        if mine is None:
            if row.version < newest:
                raise MigrationError(
                    f"The database has migration {row.version:04d}_{row.name}, which this version "
                    "of the program doesn't know. It was migrated by a different build.",
                    version=row.version,
                )
            if row.compat > newest:
                raise MigrationError(
                    f"The database has schema {row.version}, which needs a program with schema "
                    f"{row.compat} or newer; this one has {newest}. Install the newer version.",
                    database=row.version,
                    program=newest,
                )
        elif mine.sha256 != row.sha256:
            raise MigrationError(
                f"Migration {mine.file_name} was changed after it ran on this database. Restore "
                "the file; put the change into a new migration.",
                version=row.version,
            )
    done = {row.version for row in applied}
    missing = tuple(migration for migration in available if migration.version not in done)
    last = max(done, default=0)
    for migration in missing:
        if migration.version < last:
            raise MigrationError(
                f"Migration {migration.file_name} comes before {last}, which has already run on "
                "this database. Give it a higher number.",
                version=migration.version,
            )
    return missing


async def migrate(
    dsn: str,
    *,
    simulated: bool = False,
    migrations: Sequence[Migration] = MIGRATIONS,
    lock_wait_s: float = 60.0,
) -> tuple[int, ...]:
    """Create the roles and the schema, run what is pending, and return the versions that ran.

    Safe to run from several nodes at once. The DSN's user needs the rights to create roles and a
    schema the first time, and membership in ``crisis_migrator`` ever after.

    Args:
        dsn: the database; it must exist.
        simulated: mark a new database as one for demonstration or replay.
        migrations: tests pass their own.
        lock_wait_s: seconds to wait for another node's run.

    Raises:
        MigrationError: see ``pending``; or a statement failed, or a lock or a right is missing.
        ConnectionLost: no server answers.
    """
    con = await connect_as(
        dsn,
        None,
        {
            "application_name": "crisis-dispatch migrate",
            "lock_timeout": "30000",
            # A long index build is not a reason to stop.
            "statement_timeout": "0",
        },
    )
    try:
        async with _lock(con, lock_wait_s):
            await _ensure_roles(con)
            await con.execute("SET ROLE crisis_migrator")
            applied = await _applied(con)
            missing = pending(applied, migrations)
            for migration in missing:
                await _apply(con, migration)
            await _mark(con, simulated=simulated)
            return tuple(migration.version for migration in missing)
    finally:
        await con.close(timeout=10.0)


async def check_schema(database: Database) -> None:
    """Prove that this code may run on the database, without changing it.

    Raises:
        MigrationError: migrations are pending, or ``pending`` refuses.
    """
    try:
        rows = await database.ask(
            Worker(), "SELECT version, name, compat, sha256 FROM schema_migrations ORDER BY version"
        )
    except Outage as error:
        if not isinstance(error.__cause__, asyncpg.UndefinedTableError):
            raise
        raise MigrationError("The database is empty; run the migrations first.") from error
    missing = pending([Applied(**dict(row)) for row in rows])
    if missing:
        raise MigrationError(
            f"The database lacks migration {missing[0].file_name}; run the migrations first.",
            pending=[migration.version for migration in missing],
        )


async def database_id(database: Database) -> str:
    """Return what names the log that is in this database, and no copy of it elsewhere.

    What stands in it travels with a dump; which cluster, which database and which table it is
    doesn't. A standby that was promoted goes on with the same; a cluster that was put back to an
    older state of its own looks the same, too: that is told by when events were recorded.
    """
    rows = await database.ask(
        Worker(),
        "SELECT database_id, system_identifier, d.oid AS database_oid, "
        "'event_log'::regclass::oid AS table_oid "
        "FROM database_mark, pg_control_system(), pg_database AS d "
        "WHERE d.datname = current_database()",
    )
    row = rows[0]
    parts = (row["database_id"], row["system_identifier"], row["database_oid"], row["table_oid"])
    return "/".join(str(part) for part in parts)


async def is_simulated(database: Database) -> bool:
    """Say whether the database is marked for demonstration or replay."""
    rows = await database.ask(Worker(), "SELECT simulated FROM database_mark")
    return bool(rows[0]["simulated"])


@asynccontextmanager
async def _lock(con: RawConnection, wait_s: float) -> AsyncIterator[None]:
    # Tried again and again instead of waited for: a waiting statement holds a snapshot, which
    # would block the index builds of the run that holds the lock.
    try:
        async with asyncio.timeout(wait_s):
            # The event to wait for is in another process.
            while not await con.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise MigrationError(
            f"Another node has been migrating this database for more than {wait_s:.0f} s."
        ) from error
    try:
        yield
    finally:
        if not con.is_closed():
            await con.execute("RESET ROLE")
            await con.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)


async def _ensure_roles(con: RawConnection) -> None:
    sql = (files("dispatch.store") / "roles.sql").read_text()
    for attempt in range(_ROLE_ATTEMPTS):
        try:
            await con.execute(sql)
        except asyncpg.InternalServerError as error:
            # "tuple concurrently updated": another database's run granted the same role.
            if attempt + 1 == _ROLE_ATTEMPTS:
                raise MigrationError(f"The roles could not be set up: {error}") from error
            await asyncio.sleep(0.02 * (attempt + 1))
        except asyncpg.InsufficientPrivilegeError as error:
            raise MigrationError(
                f"The database user may not set up the roles ({error}). Let an administrator run "
                "dispatch/store/roles.sql once in this database, as a user who may create roles "
                "with BYPASSRLS, and grant the four crisis_ roles to the user of DATABASE_URL."
            ) from error
        except asyncpg.RaiseError as error:
            raise MigrationError(f"The roles are not usable: {error}.") from error
        else:
            return


async def _applied(con: RawConnection) -> list[Applied]:
    if await con.fetchval("SELECT to_regclass('dispatch.schema_migrations') IS NULL"):
        return []
    rows = await con.fetch(
        "SELECT version, name, compat, sha256 FROM schema_migrations ORDER BY version"
    )
    return [Applied(**dict(row)) for row in rows]


async def _apply(con: RawConnection, migration: Migration) -> None:
    try:
        async with con.transaction():
            await con.execute(migration.sql)
            await con.execute(
                "INSERT INTO schema_migrations (version, name, compat, sha256) "
                "VALUES ($1, $2, $3, $4)",
                migration.version,
                migration.name,
                migration.compat,
                migration.sha256,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"Migration {migration.file_name}{_line_of(error, migration.sql)} failed and was "
            f"undone: {error}",
            version=migration.version,
        ) from error


def _line_of(error: asyncpg.PostgresError, sql: str) -> str:
    position = getattr(error, "position", None)
    if position is None:
        return ""
    return f", line {sql.count(chr(10), 0, int(position)) + 1},"


async def _mark(con: RawConnection, *, simulated: bool) -> None:
    await con.execute(
        "INSERT INTO database_mark (simulated) VALUES ($1) ON CONFLICT DO NOTHING", simulated
    )
    if simulated and not await con.fetchval("SELECT simulated FROM database_mark"):
        raise MigrationError(
            "This database holds real operations; a simulation needs a database of its own."
        )
