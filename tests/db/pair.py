"""A primary and its synchronous standby, each behind a proxy that can fall silent.

async with Pair.running(folder) as pair:
    async with Database.open(pair.dsn) as database:
        pair.proxies[0].go_silent()
        await pair.promote()
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncpg

from dispatch.store.migrate import migrate
from dispatch.store.postgres.binaries import (
    Account,
    Programs,
    choose_account,
    choose_programs,
    find_programs,
    usable_by,
)
from dispatch.store.postgres.child import Child
from tests.db.cutting_proxy import CuttingProxy

_HBA = "local all all trust\nlocal replication all trust\n"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "hot_standby": "on",
    "wal_receiver_status_interval": "1s",
}
_DATABASE = "crisis"


@dataclass
class Server:
    """One PostgreSQL on a data directory of its own."""

    folder: Path
    account: Account
    programs: Programs
    child: Child | None = None

    @property
    def cluster(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def dsn(self, database: str = _DATABASE) -> str:
        """Straight to it, past every proxy."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port=5432"

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs as its user."""
        done = self.account.run([self.programs.folder / program, *arguments])
        assert done.returncode == 0, done.stderr

    async def start(self, **settings: str) -> None:
        """Start it and wait until it answers."""
        command: list[str] = [str(self.programs.folder / "postgres"), "-D", str(self.cluster)]
        for name, value in {
            **_SETTINGS,
            "unix_socket_directories": str(self.folder),
            **settings,
        }.items():
            command += ["-c", f"{name}={value}"]
        said = os.open(self.folder / "said.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.child = Child(command, self.account, said)
        finally:
            os.close(said)
        async with asyncio.timeout(60):
            while True:
                assert self.child.exit_code is None, (self.folder / "said.log").read_text()[-2000:]
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await (await asyncpg.connect(self.dsn("postgres"), timeout=5)).close()
                    return
                await asyncio.sleep(0.02)

    async def end(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it at once, as a crash would, or by another signal."""
        if self.child is not None:
            with suppress(ProcessLookupError):
                self.child.signal(number)
            await self.child.wait()
            self.child = None

    async def query(self, text: str, *, database: str = _DATABASE) -> object:
        """Run a statement as a superuser and return its one value."""
        con = await asyncpg.connect(self.dsn(database), timeout=10)
        try:
            return await con.fetchval(text)
        finally:
            await con.close()


def server_in(folder: Path) -> Server:
    """A server without data; its folder is open to PostgreSQL's user."""
    folder.mkdir(parents=True)
    account = choose_account(folder / "data")
    programs = usable_by(choose_programs(find_programs(), None), account, folder / "programs")
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o711)
    return Server(folder, account, programs)


async def new_server(folder: Path) -> Server:
    """A started server with one migrated database."""
    server = server_in(folder)
    server.run("initdb", "-D", server.cluster, "-U", "postgres", "-A", "trust", "--locale=C.UTF-8")
    (server.cluster / "pg_hba.conf").write_text(_HBA)
    await server.start()
    await server.query(f"CREATE DATABASE {_DATABASE}", database="postgres")
    await migrate(server.dsn())
    return server


def copied(server: Server, folder: Path) -> Server:
    """A server that isn't started, with a copy of another's data as they are on the disk now."""
    copy = server_in(folder)
    shutil.copytree(server.cluster, copy.cluster, ignore=shutil.ignore_patterns("postmaster.pid"))
    for path in (copy.cluster, *copy.cluster.rglob("*")):
        os.chown(path, copy.account.uid, copy.account.gid)
    return copy


@dataclass
class Pair:
    """A primary, its standby, and a proxy before each."""

    primary: Server
    standby: Server
    proxies: list[CuttingProxy] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        """Both started, the standby in step."""
        primary = await new_server(folder / "primary")
        standby = server_in(folder / "standby")
        pair = cls(primary, standby)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(pair._end)
            standby.run(
                "pg_basebackup", "-d", primary.dsn("postgres"), "-D", standby.cluster,
                "-R", "-X", "stream", "-c", "fast",
            )  # fmt: skip
            await standby.start()
            await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await primary.query("SELECT pg_reload_conf()")
            async with asyncio.timeout(30):
                # Whether the other server is in step is told by the first alone.
                while not await primary.query(  # noqa: ASYNC110
                    "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
                ):
                    await asyncio.sleep(0.05)
            for server in (primary, standby):
                proxy = await stack.enter_async_context(CuttingProxy.before(server.dsn()))
                pair.proxies.append(proxy)
            yield pair

    @property
    def dsn(self) -> str:
        """Both hosts, the primary first, each through its proxy."""
        hosts = ",".join(proxy.host for proxy in self.proxies)
        return f"postgresql://postgres@{hosts}/{_DATABASE}?sslmode=disable"

    async def promote(self) -> None:
        """Make the standby the primary."""
        await self.standby.query("SELECT pg_promote()")

    async def _end(self) -> None:
        for server in (self.standby, self.primary):
            await server.end()
