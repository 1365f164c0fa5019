"""``crisis-dispatch serve`` and ``migrate``: run the service, and bring its database up to date.

Must not know how the service is put together; ``web.node`` does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crisis.errors import Conflict
from crisis.ids import CountyId
from dispatch.run.config import Settings
from dispatch.run.keycheck import master_key_for
from dispatch.sim.seed import is_empty, renew_shifts, seed
from dispatch.store import administration
from dispatch.store.migrate import SCHEMA_VERSION, is_simulated, migrate
from dispatch.store.passwords import new_password
from dispatch.store.pool import Database
from dispatch.store.postgres.embedded import EmbeddedPostgres
from dispatch.store.rebuild import rebuild_stale
from web.cli.context import settings_of
from web.cli.text import Exit, columns, say
from web.http.logs import configure
from web.node import Node
from web.serve import serve

_SERVE = """\
Run the service until it gets SIGINT (Ctrl-C) or SIGTERM. Without DATABASE_URL it runs a PostgreSQL
of its own in the data directory; nothing else needs to be installed or started.

To try it:
  crisis-dispatch serve --seed           Sacramento, made up
  crisis-dispatch serve --seed Alameda   any of California's 58 counties, by name or FIPS code
In an empty database this makes a county with three agencies, twelve teams on shift and accounts for
every role, and prints the sign-ins once. The database is marked simulated: it can never be used for
real work. Started again, it goes on with what is there.
"""
_MIGRATE = """\
Bring the database to the schema of this version, and rebuild what a new version stores differently.
Safe to run again and from several machines; run it before starting a new version on a database that
several nodes share. A single service does the same by itself when it starts.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    run = commands.add_parser(
        "serve",
        help="run the service",
        description=_SERVE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("--host", help="address to listen on (CRISIS_HOST; default: 127.0.0.1)")
    run.add_argument("--port", type=int, help="port to listen on (CRISIS_PORT; default: 8080)")
    _data_dir_flag(run)
    run.add_argument(
        "--seed",
        nargs="?",
        const="Sacramento",
        metavar="COUNTY",
        help="begin with a made-up county where the database is empty (default: Sacramento)",
    )
    run.set_defaults(run=run_service)

    migrating = commands.add_parser(
        "migrate",
        help="bring the database to this version",
        description=_MIGRATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _data_dir_flag(migrating)
    migrating.set_defaults(run=run_migrations)


def _data_dir_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="directory of the service (CRISIS_DATA_DIR)"
    )


async def run_service(args: argparse.Namespace) -> Exit:
    """Serve until a signal."""
    settings = settings_of(args)
    configure(settings.log_level, settings.log_format)
    county = None if args.seed is None else administration.find_county(args.seed)

    async def started(node: Node, url: str) -> None:
        if county is not None:
            await _seed(node, *county)
        say(f"Serving on {url} (stop with Ctrl-C).")

    await serve(settings, started, simulated=county is not None)
    say("Stopped.")
    return Exit.OK


async def _seed(node: Node, county_id: CountyId, county: str) -> None:
    if not await is_empty(node.database):
        if not await is_simulated(node.database):
            raise Conflict(
                "not_simulated",
                "This database is for real work and can't be seeded; leave --seed out, or choose "
                "another directory with --data-dir.",
            )
        served = [runner.county_id for runner in node.service.counties]
        renewed = [await renew_shifts(node.service, one) for one in served]
        say(
            f"The database is seeded already; {sum(renewed)} teams went on shift again. Forgotten "
            "passwords: crisis-dispatch user password NAME."
        )
        return
    say(f"Making {county} County, made up, in a database marked simulated ...")
    signs = await seed(node.service, node.accounts, county_id, password=new_password)
    node.feed.start(node.service.county(county_id).board)
    say("Sign-ins, shown once:")
    rows = [(sign.username, sign.password, sign.what) for sign in signs]
    say(columns(("username", "password", "role"), rows))


async def run_migrations(args: argparse.Namespace) -> Exit:
    """Migrate and rebuild."""
    settings = settings_of(args)
    if settings.database_url is not None:
        return await _migrate(settings, settings.database_url.reveal())
    server = EmbeddedPostgres(settings.data_dir, programs_folder=settings.postgres_programs)
    async with server:
        return await _migrate(settings, server.dsn)


async def _migrate(settings: Settings, dsn: str) -> Exit:
    ran = await migrate(dsn)
    versions = ", ".join(str(version) for version in ran)
    say(f"Schema {SCHEMA_VERSION}: {f'ran {versions}' if ran else 'nothing to do'}.")
    async with Database.open(dsn) as database:
        rebuilt = await rebuild_stale(database, await master_key_for(settings, database))
    if rebuilt:
        say(f"Rebuilt the boards of counties {', '.join(str(one) for one in rebuilt)}.")
    return Exit.OK
