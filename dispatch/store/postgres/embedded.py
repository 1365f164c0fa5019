"""The service's own PostgreSQL: a supervised child, with nothing else to install.

Decides when the server is started, restarted and stopped. Must not know its tables. A killed
server is started again with growing pauses, and recovers every acknowledged commit; a killed
service takes its server with it, and where it doesn't, the next service stops the orphan first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

import asyncpg

from crisis.clock import Clock, MachineClock
from dispatch.store.pool import with_database
from dispatch.store.postgres import cluster as on_disk
from dispatch.store.postgres.binaries import (
    Account,
    EmbeddedError,
    Programs,
    choose_account,
    choose_programs,
    find_programs,
    usable_by,
)
from dispatch.store.postgres.child import Child, describe
from dispatch.store.postgres.cluster import DATABASE, Layout

log = logging.getLogger(__name__)

State = Literal["stopped", "starting", "running", "restarting"]

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
#: A server that lived this long starts over with the shortest pause.
_STABLE_AFTER_S = 60.0
_STOP_S = 60.0
#: What connecting raises while the server starts, recovers or goes down again.
_NOT_YET = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedHealth:
    """How the server is.

    Attributes:
        since: when ``state`` was entered.
        restarts: how often it had to be started again since the service started.
        last_exit: how it ended last; None = never.
        pid: of the server; None = there is none.
    """

    state: State
    since: datetime
    restarts: int = 0
    last_exit: str | None = None
    pid: int | None = None
    version: str | None = None


class EmbeddedPostgres:
    """PostgreSQL in ``root``, from ``async with`` to its end.

    Args:
        root: directory for everything that belongs to it; created.
        programs_folder: where ``postgres`` and ``initdb`` are; None = find them.
        settings: further server settings.
        is_throwaway: without fsync, for tests only.
        start_within_s: seconds until a first start is given up; recovery may take long.
        clock: machine clock.
        on_change: called with the health whenever the state changes.
    """

    def __init__(
        self,
        root: Path,
        *,
        programs_folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
        is_throwaway: bool = False,
        start_within_s: float = 300.0,
        clock: Clock | None = None,
        on_change: Callable[[EmbeddedHealth], None] | None = None,
    ) -> None:
        self._layout = Layout(root.absolute())
        self._programs_folder = programs_folder
        self._settings = dict(settings or {})
        self._is_throwaway = is_throwaway
        self._start_within_s = start_within_s
        self._clock = clock or MachineClock()
        self._on_change = on_change
        self._health = EmbeddedHealth(state="stopped", since=self._clock.now())
        self._running = asyncio.Event()
        self._stopping = False
        self._lock_fd: int | None = None
        self._child: Child | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def dsn(self) -> str:
        """DSN of the service's database; holds no password."""
        return self._layout.dsn

    @property
    def health(self) -> EmbeddedHealth:
        """How the server is now."""
        return self._health

    async def wait_running(self) -> None:
        """Return once the server accepts queries; a caller sets its own timeout."""
        await self._running.wait()

    async def __aenter__(self) -> Self:
        """Start, creating the cluster and the database where there are none.

        Raises:
            EmbeddedError: with what to do about it.
        """
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Shut the server down, disconnecting its clients."""
        await self._stop()

    async def _start(self) -> None:
        layout = self._layout
        layout.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_fd = on_disk.take_lock(layout)
        self._enter("starting")
        account, programs = await asyncio.to_thread(self._prepare)
        if await on_disk.stop_orphan(layout):
            log.warning("stopped an orphaned server", extra={"action": "postgres_orphan_stopped"})
        service_user = _user_name()
        on_disk.write_config(layout, account, service_user, self._settings)
        durability = on_disk.UNSAFE if self._is_throwaway else on_disk.SAFE
        command = on_disk.server_command(layout, programs, durability)
        self._health = replace(self._health, version=programs.version)
        self._spawn(command, account)
        try:
            async with asyncio.timeout(self._start_within_s):
                await self._ready()
        except TimeoutError:
            raise EmbeddedError(
                f"PostgreSQL did not get ready within {self._start_within_s:.0f} s. {self._said()}"
            ) from None
        await self._create_database()
        self._enter("running")
        self._supervisor = asyncio.create_task(
            self._supervise(command, account), name="postgres supervisor"
        )

    def _prepare(self) -> tuple[Account, Programs]:
        layout = self._layout
        account = choose_account(layout.cluster)
        on_disk.make_folders(layout, account)
        major = on_disk.cluster_major(layout)
        programs = choose_programs(find_programs(self._programs_folder), major)
        programs = usable_by(programs, account, layout.programs)
        if major is None:
            on_disk.create_cluster(layout, programs, account, is_throwaway=self._is_throwaway)
        return account, programs

    def _spawn(self, command: list[str], account: Account) -> None:
        said = os.open(
            self._layout.config / "startup.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
        )
        try:
            self._child = Child(command, account, said)
        except OSError as error:
            raise EmbeddedError(f"PostgreSQL can't be started: {error}") from error
        finally:
            os.close(said)
        self._health = replace(self._health, pid=self._child.pid)

    async def _ready(self) -> None:
        """Wait until a query is answered.

        Raises:
            EmbeddedError: the server ended instead.
        """
        child = self._child
        if child is None:
            raise AssertionError("no server was started")
        while True:
            if child.exit_code is not None:
                raise EmbeddedError(f"PostgreSQL ended at its start. {self._said()}")
            try:
                con = await asyncpg.connect(with_database(self.dsn, "postgres"), timeout=5.0)
            except asyncpg.InvalidAuthorizationSpecificationError as error:
                raise EmbeddedError(f"PostgreSQL refuses its own service: {error}") from error
            except _NOT_YET:
                await asyncio.sleep(0.02)
            else:
                await con.close(timeout=5.0)
                return

    async def _create_database(self) -> None:
        con = await asyncpg.connect(with_database(self.dsn, "postgres"), timeout=10.0)
        try:
            known = await con.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE)
            if known is None:
                await con.execute("CREATE DATABASE crisis TEMPLATE template0")
        finally:
            await con.close(timeout=5.0)

    async def _supervise(self, command: list[str], account: Account) -> None:
        pause_s = _FIRST_PAUSE_S
        while self._child is not None:
            started = self._clock.monotonic()
            code = await self._child.wait()
            if self._stopping:
                return
            self._running.clear()
            self._health = replace(
                self._health,
                restarts=self._health.restarts + 1,
                last_exit=describe(code),
                pid=None,
            )
            self._enter("restarting")
            log.error("server ended", extra={"action": "postgres_ended", "exit": describe(code)})
            if self._clock.monotonic() - started > _STABLE_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            try:
                await on_disk.stop_orphan(self._layout)
                self._spawn(command, account)
                await self._ready()
            except (EmbeddedError, OSError) as error:
                log.error(  # noqa: TRY400 - the cause is the server's; our stack says nothing
                    "server did not restart",
                    extra={"action": "postgres_restart_failed", "reason": str(error)},
                )
            else:
                self._enter("running")

    async def _stop(self) -> None:
        self._stopping = True
        child = self._child
        try:
            if self._supervisor is not None:
                self._supervisor.cancel()
                with suppress(asyncio.CancelledError):
                    await self._supervisor
                child = self._child
            if child is not None:
                await _shut_down(child, self._is_throwaway)
        finally:
            self._child = self._supervisor = None
            self._health = replace(self._health, pid=None)
            self._enter("stopped")
            if self._lock_fd is not None:
                os.close(self._lock_fd)
                self._lock_fd = None
            self._stopping = False

    def _enter(self, state: State) -> None:
        self._health = replace(self._health, state=state, since=self._clock.now())
        if state == "running":
            self._running.set()
        else:
            self._running.clear()
        if self._on_change is not None:
            self._on_change(self._health)

    def _said(self) -> str:
        """Return the server's last words, for the operator."""
        words = []
        logs = sorted(
            self._layout.log.glob("postgres-*.log"), key=lambda path: path.stat().st_mtime
        )
        for path in (self._layout.config / "startup.log", *logs[-1:]):
            with suppress(OSError):
                words += path.read_text(errors="replace").strip().splitlines()[-5:]
        return "It said: " + " | ".join(words) if words else "It said nothing."


async def _shut_down(child: Child, is_throwaway: bool) -> None:
    first = signal.SIGQUIT if is_throwaway else signal.SIGINT
    for sign in (first, signal.SIGQUIT):
        child.signal(sign)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await child.wait()
                return
    log.error("server did not stop", extra={"action": "postgres_stop_failed"})


def _user_name() -> str:
    # The effective user, which is whom peer authentication sees.
    return pwd.getpwuid(os.geteuid()).pw_name
