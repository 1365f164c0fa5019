"""Fixtures that every test may use: a database of its own, a clock, and waiting without sleeping.

One throw-away PostgreSQL per test process, started when the first test asks for it (about 0.5 s),
or the server that CRISIS_TEST_DSN names (its user must be a superuser). Each test gets a clone of
one migrated template database.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings

from crisis.clock import FakeClock, new_id
from dispatch.store.migrate import migrate
from dispatch.store.pool import Database, PoolSizes, with_database
from dispatch.store.postgres.binaries import EmbeddedError
from dispatch.store.postgres.embedded import EmbeddedPostgres
from tests.db.invariants import check_dsn

_numbers = count(1)
#: Distinguishes runs that share the server of CRISIS_TEST_DSN.
_RUN = new_id().hex[-10:]

Eventually = Callable[..., Awaitable[None]]

# How long an example takes says more about what else the machine does.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long forms of the hazard tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    chosen = [item for item in items if item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A directory that PostgreSQL's unprivileged user can reach; pytest's own is closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="crisis-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """Like ``open_folder``, in memory where there is room: a clone takes 9 ms there, not 29."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a directory of our own in it
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    folder = Path(tempfile.mkdtemp(prefix="crisis-test-", dir=memory if has_room else None))
    folder.chmod(0o711)
    # Runs that were killed left theirs behind; an hour is longer than any run.
    for old in folder.parent.glob("crisis-test-*"):
        with suppress(FileNotFoundError):
            if old.stat().st_mtime < folder.stat().st_mtime - 3600:
                shutil.rmtree(old, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def server_dsn(quick_folder: Path) -> AsyncIterator[str]:
    """DSN of a superuser's maintenance database."""
    given = os.environ.get("CRISIS_TEST_DSN")
    if given:
        try:
            await (await asyncpg.connect(given, timeout=10)).close()
        except (OSError, asyncpg.PostgresError) as error:
            pytest.exit(f"CRISIS_TEST_DSN names no usable PostgreSQL: {error}", returncode=3)
        yield given
        return
    try:
        async with EmbeddedPostgres(
            quick_folder / "postgres",
            is_throwaway=True,
            settings={
                "max_connections": "100",
                "autovacuum": "off",
                "shared_buffers": "64MB",
                "deadlock_timeout": "50ms",
            },
        ) as server:
            yield with_database(server.dsn, "postgres")
    except EmbeddedError as error:
        pytest.exit(f"The tests need PostgreSQL: {error}", returncode=3)


@pytest.fixture(scope="session")
async def template(server_dsn: str) -> AsyncIterator[str]:
    """Name of a migrated database that nobody is connected to."""
    name = f"crisis_template_{_RUN}"
    con = await asyncpg.connect(server_dsn)
    await con.execute(f"CREATE DATABASE {name}")
    await migrate(with_database(server_dsn, name))
    yield name
    await con.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await con.close()


@pytest.fixture(scope="session")
async def cloner(server_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A superuser's connection that makes and drops databases."""
    con = await asyncpg.connect(server_dsn)
    yield con
    await con.close()


@pytest.fixture
async def dsn(
    server_dsn: str,
    template: str,
    cloner: asyncpg.Connection[asyncpg.Record],
    request: pytest.FixtureRequest,
) -> AsyncIterator[str]:
    """DSN of a fresh, migrated database of this test's own, as a superuser.

    After the test every county in it that has a log is checked: its fold equals what SQL says.
    """
    name = f"crisis_test_{_RUN}_{next(_numbers)}"
    await cloner.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    dsn = with_database(server_dsn, name)
    yield dsn
    try:
        if "broken_log" not in request.fixturenames:
            await check_dsn(dsn)
    finally:
        await cloner.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def broken_log() -> None:
    """Asked for by a test that writes past the service what no service writes."""


@pytest.fixture
async def empty_dsn(
    server_dsn: str, cloner: asyncpg.Connection[asyncpg.Record]
) -> AsyncIterator[str]:
    """DSN of a fresh database without any schema, as a superuser."""
    name = f"crisis_empty_{_RUN}_{next(_numbers)}"
    await cloner.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
    yield with_database(server_dsn, name)
    await cloner.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def admin(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The test's database as a superuser, past row security: to arrange and to look."""
    con = await asyncpg.connect(dsn, server_settings={"search_path": "dispatch, pg_temp"})
    yield con
    await con.close()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The test's database through the pools, as the service has it."""
    async with Database.open(dsn, sizes=PoolSizes(app=8, worker=3, report=2)) as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    """A Monday morning, 08:00 UTC (midnight in California)."""
    return FakeClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds: ``await eventually(lambda: done, within_s=60)``.

    The condition may be async; it is asked again after a growing pause of at most 50 ms.
    """

    async def wait(
        condition: Callable[[], object | Awaitable[object]], within_s: float = 20.0
    ) -> None:
        loop = asyncio.get_running_loop()
        end, pause_s = loop.time() + within_s, 0.001
        while True:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return
            if loop.time() > end:
                pytest.fail(f"not within {within_s} s: {inspect.getsource(condition).strip()}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.05)

    return wait
