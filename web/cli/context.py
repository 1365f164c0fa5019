"""What a command works on: the settings, and the database that they name.

Decides how a command reaches the database: the one of DATABASE_URL; else the service's own, which
it starts, or, where a running service has it, joins over that one's socket. Must not know what any
command does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from crisis.clock import Clock, MachineClock
from crisis.errors import Unavailable
from dispatch.choose.seek import Seeker
from dispatch.run.config import Settings, SettingsError, load
from dispatch.run.keycheck import master_key_for
from dispatch.run.service import Service
from dispatch.store.accounts import Accounts
from dispatch.store.administration import domain_clock
from dispatch.store.migrate import check_schema, migrate
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database, PoolSizes
from dispatch.store.postgres.binaries import EmbeddedError
from dispatch.store.postgres.cluster import Layout
from dispatch.store.postgres.embedded import EmbeddedPostgres
from dispatch.store.pulse import Pulse
from dispatch.store.rebuild import rebuild_stale

#: How long another command's short-lived server is waited for, seconds.
_WAIT_S = 15.0
_SIZES = PoolSizes(app=2, worker=2, report=1)


@dataclass(slots=True)
class Opened:
    """A migrated database, and what administration does with it.

    Attributes:
        is_shared: a running service uses it as well, or may.
    """

    settings: Settings
    database: Database
    machine: Clock
    accounts: Accounts
    is_shared: bool

    @asynccontextmanager
    async def service(self) -> AsyncIterator[Service]:
        """Run the counties here, for commands; beside a running service as a second node would."""
        service = Service(
            self.database,
            await domain_clock(self.database, self.machine, self.settings.simulated_speed),
            self.machine,
            await master_key_for(self.settings, self.database),
            Seeker(lambda county_id: {}),
        )
        async with service:
            yield service


def settings_of(args: argparse.Namespace, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings, with what the command line says about them.

    Raises:
        SettingsError: with every problem found; or the data directory is none.
    """
    env = dict(os.environ if environ is None else environ)
    for name in ("data_dir", "host", "port"):
        given = getattr(args, name, None)
        if given is not None:
            env[f"CRISIS_{name.upper()}"] = str(given)
    settings = load(env)
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        raise SettingsError([f"CRISIS_DATA_DIR names a file, not a directory: {settings.data_dir}"])
    return settings


@asynccontextmanager
async def opened(args: argparse.Namespace) -> AsyncIterator[Opened]:
    """Open the database that the settings name, for a command that a person runs.

    Raises:
        CrisisError: it can't be reached, or its schema isn't this program's.
    """
    settings = settings_of(args)
    machine = MachineClock()
    async with AsyncExitStack() as stack:
        database, is_shared = await _database(settings, stack)
        passwords = Passwords()
        stack.callback(passwords.close)
        accounts = Accounts(database, machine, passwords)
        yield Opened(settings, database, machine, accounts, is_shared)


async def _database(settings: Settings, stack: AsyncExitStack) -> tuple[Database, bool]:
    """Return the database, and whether somebody else may be using it."""
    if settings.database_url is not None:
        dsn, is_shared = settings.database_url.reveal(), True
    else:
        dsn, is_shared = await embedded_dsn(settings, stack)
        if not is_shared:
            # Nobody else runs: what a start of the service would do can be done here.
            await migrate(dsn)
    report = settings.report_database_url
    database = await stack.enter_async_context(
        Database.open(dsn, report_dsn=report.reveal() if report else None, sizes=_SIZES)
    )
    await check_schema(database)
    await _check_clock(database)
    if not is_shared:
        await rebuild_stale(database, await master_key_for(settings, database))
    return database, is_shared


async def _check_clock(database: Database) -> None:
    """Let nothing be stamped by a clock that is wrong, for as long as this command takes.

    Raises:
        ClockOff: this host's clock isn't the database's.
    """
    pulse = Pulse(database.sides()[0], MachineClock())
    await pulse.look(database.ping)
    problem = pulse.clock_problem()

    def refuse() -> None:
        if problem is not None:
            raise problem

    database.may_write = refuse


async def embedded_dsn(settings: Settings, stack: AsyncExitStack) -> tuple[str, bool]:
    """Start the service's own PostgreSQL, or join the one that a running service has.

    Raises:
        EmbeddedError: neither is possible.
    """
    until_s = MachineClock().monotonic() + _WAIT_S
    while True:
        server = EmbeddedPostgres(settings.data_dir, programs_folder=settings.postgres_programs)
        try:
            return (await stack.enter_async_context(server)).dsn, False
        except EmbeddedError as error:
            if "holder" not in error.facts:
                raise
            dsn = Layout(settings.data_dir.absolute()).dsn
            try:
                async with Database.open(dsn, sizes=_SIZES):
                    return dsn, True
            except Unavailable as refused:
                # Its server is starting or stopping; or it is another user's.
                if MachineClock().monotonic() > until_s:
                    raise EmbeddedError(
                        f"Process {error.facts['holder']} is using {settings.data_dir}, and its "
                        f"database can't be joined: {refused}. Run this as the same user, stop "
                        "that process first, or use the API.",
                        **error.facts,
                    ) from error
        await asyncio.sleep(0.2)
