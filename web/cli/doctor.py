"""``crisis-dispatch doctor``: what would keep the service from running well, and what to do.

Decides what is looked at, and what is a warning or a fault. Changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from crisis.clock import MachineClock
from crisis.editions import EditionKind, unverified
from crisis.errors import CrisisError
from dispatch.run.alerts import mail_problem
from dispatch.run.config import Settings, SettingsError
from dispatch.run.keycheck import check_master_key
from dispatch.run.reached import RUNGS
from dispatch.run.rulebook import Rulebook
from dispatch.run.secret import is_key
from dispatch.store import administration
from dispatch.store.channels import MAIL, Channels
from dispatch.store.migrate import SCHEMA_VERSION, check_schema, is_simulated
from dispatch.store.pool import Database, PoolSizes
from dispatch.store.postgres.binaries import (
    EmbeddedError,
    choose_account,
    choose_programs,
    find_programs,
)
from dispatch.store.postgres.cluster import Layout, cluster_major
from dispatch.store.pulse import MOST_SKEW_S, skew_s
from dispatch.store.troubles import try_writing
from web.cli.context import embedded_dsn, settings_of
from web.cli.text import Exit, explain, say

#: Bytes free in the data directory below which we warn, and below which work will soon stop.
_LOW, _FULL = 5 << 30, 500 << 20
_PATIENCE_S = 10.0
_LATELY = timedelta(days=1)
_SIZES = PoolSizes(app=1, worker=1, report=1)


class Standing(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One line."""

    mark: Standing
    what: str
    told: str


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "doctor",
        help="check settings, database, clock, disk and keys",
        description="Check settings, database, schema, clock, disk and keys, and say what to do. "
        "Changes nothing. Exit code 1 if something fails.",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="directory of the service (CRISIS_DATA_DIR)"
    )
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace) -> Exit:
    """Check everything and print a line for each."""
    worst = Exit.OK
    async for finding in _findings(args):
        say(f"{finding.mark.value:<4}  {finding.what:<10} {finding.told}")
        if finding.mark is Standing.FAIL:
            worst = Exit.FAILED
    return worst


async def _findings(args: argparse.Namespace) -> AsyncIterator[Finding]:
    try:
        settings = settings_of(args)
    except SettingsError as error:
        for problem in error.problems:
            yield Finding(Standing.FAIL, "settings", problem)
        return
    yield Finding(Standing.OK, "settings", f"data directory {settings.data_dir}")
    closed = _closed(settings)
    if closed is not None:
        yield Finding(Standing.FAIL, "folder", closed)
        return
    for finding in (*_disk(settings), *_key(settings), *_programs(settings), *_exposure(settings)):
        yield finding
    async for finding in _database(settings):
        yield finding


def _closed(settings: Settings) -> str | None:
    """Say why this user can't work in the data directory; ``None`` = they can."""
    folder = _nearest(settings.data_dir)
    if os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return None
    return (
        f"{folder} is closed to this user (uid {os.geteuid()}): run this as its owner, or choose "
        "another with --data-dir"
    )


def _nearest(folder: Path) -> Path:
    """Return the directory, or the nearest above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = _nearest(settings.data_dir)
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GiB free below {folder}"
    if free < _FULL:
        yield Finding(Standing.FAIL, "disk", f"{told}: make room now, or work will stop")
    elif free < _LOW:
        yield Finding(Standing.WARN, "disk", f"{told}: make room")
    else:
        yield Finding(Standing.OK, "disk", told)


def _key(settings: Settings) -> Iterator[Finding]:
    if settings.master_key is not None:
        yield Finding(Standing.OK, "key", "given by CRISIS_MASTER_KEY")
        return
    path = settings.master_key_file
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text().strip()
    except FileNotFoundError:
        yield Finding(Standing.WARN, "key", f"{path} is not there yet; the first start makes it")
        return
    except OSError as error:
        yield Finding(Standing.FAIL, "key", f"{path} can't be read: {error.strerror}")
        return
    except UnicodeDecodeError:
        yield Finding(Standing.FAIL, "key", f"{path} is damaged: restore it from your copy")
        return
    if mode & 0o077:
        yield Finding(Standing.FAIL, "key", f"{path} may be read by others: chmod 600 {path}")
    elif not is_key(text):
        yield Finding(Standing.FAIL, "key", f"{path} is damaged: restore it from your copy")
    else:
        yield Finding(Standing.OK, "key", f"{path}; keep a copy apart from the database's backups")


def _programs(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is not None:
        return
    try:
        layout = Layout(settings.data_dir)
        account = choose_account(layout.cluster)
        programs = choose_programs(find_programs(settings.postgres_programs), cluster_major(layout))
    except EmbeddedError as error:
        yield Finding(Standing.FAIL, "postgres", str(error))
        return
    yield Finding(
        Standing.OK, "postgres", f"{programs.version} in {programs.folder}, as user {account.name}"
    )


def _exposure(settings: Settings) -> Iterator[Finding]:
    """Say whether people elsewhere can sign in: passwords never travel in the clear."""
    is_local = settings.host in {"127.0.0.1", "::1", "localhost"}
    is_https = settings.public_url.startswith("https://")
    if is_local and not is_https:
        yield Finding(
            Standing.OK,
            "access",
            f"this machine only, at {settings.public_url}; for others put an "
            "https proxy before it and set CRISIS_PUBLIC_URL",
        )
    elif not is_https:
        yield Finding(
            Standing.WARN,
            "access",
            f"listens on {settings.host}, but {settings.public_url} is not "
            "https: nobody elsewhere can sign in",
        )
    elif not settings.trust_proxy:
        yield Finding(
            Standing.WARN,
            "access",
            "https, but no proxy is named in CRISIS_TRUST_PROXY: sign-ins "
            "will look as if they came in the clear",
        )
    else:
        yield Finding(Standing.OK, "access", settings.public_url)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                if settings.database_url is not None:
                    dsn, how = settings.database_url.reveal(), "reached by DATABASE_URL"
                elif cluster_major(Layout(settings.data_dir)) is None:
                    yield Finding(
                        Standing.WARN, "database", "none yet; crisis-dispatch serve makes it"
                    )
                    return
                else:
                    dsn, is_shared = await embedded_dsn(settings, stack)
                    how = "a service is running on it" if is_shared else "no service is running"
                database = await stack.enter_async_context(Database.open(dsn, sizes=_SIZES))
        except TimeoutError:
            yield Finding(Standing.FAIL, "database", f"no answer within {_PATIENCE_S:.0f} s")
            return
        except CrisisError as error:
            hint = (
                " (new here? run crisis-dispatch migrate)"
                if error.code == "schema_unusable"
                else ""
            )
            yield Finding(Standing.FAIL, "database", f"{explain(error)}{hint}")
            return
        yield Finding(Standing.OK, "database", how)
        for check in (_schema, _skew, _counties, _writing):
            try:
                yield await check(database)
            except CrisisError as error:
                yield Finding(Standing.FAIL, check.__name__.strip("_"), str(error))
                return
        async for finding in _rules(database):
            yield finding
        yield await _seals(settings, database)
        for finding in [*await _mail(settings), *await _reach(settings, database)]:
            yield finding


async def _schema(database: Database) -> Finding:
    await check_schema(database)
    simulated = " (marked simulated: not for real work)" if await is_simulated(database) else ""
    return Finding(Standing.OK, "schema", f"version {SCHEMA_VERSION}{simulated}")


async def _skew(database: Database) -> Finding:
    machine = MachineClock()
    before = machine.now()
    theirs = await database.ping()
    after = machine.now()
    off_s = skew_s(before, theirs, after)
    if off_s > MOST_SKEW_S:
        return Finding(
            Standing.FAIL,
            "clock",
            f"{off_s:.1f} s off the database's: set both by NTP; a node that "
            "is more than 1 s off neither ticks nor writes",
        )
    return Finding(Standing.OK, "clock", f"{off_s:.1f} s off the database's")


async def _writing(database: Database) -> Finding:
    """Write as the service would, in each county and for all of them, and undo it."""
    found = []
    for county in (None, *await administration.list_counties(database)):
        try:
            await try_writing(database, None if county is None else county.county_id)
        except CrisisError as error:
            name = "" if county is None else f"{county.name}: "
            found.append(f"{name}{error.code}: {error}")
    if found:
        return Finding(Standing.FAIL, "writing", " ".join(found))
    return Finding(Standing.OK, "writing", "the database takes writes for every county")


async def _seals(settings: Settings, database: Database) -> Finding:
    """Say whether the key opens what is sealed; of a key that can't be read, ``_key`` tells."""
    try:
        has_any = await check_master_key(settings, database)
    except CrisisError as error:
        return Finding(Standing.FAIL, "seals", explain(error))
    except SettingsError:
        return Finding(Standing.FAIL, "seals", "not tried: the key can't be used")
    told = "the key opens the private data" if has_any else "nothing is sealed yet"
    return Finding(Standing.OK, "seals", told)


async def _rules(database: Database) -> AsyncIterator[Finding]:
    """Say of each county what of its rules nobody has verified, and what no longer fits."""
    for county in await administration.list_counties(database):
        book = await Rulebook.load(database, county.county_id)
        now = county.now(MachineClock().now(), is_simulated=await is_simulated(database))
        rules = book.at(now)
        open_ = unverified(rules.standards, rules.codes)
        facts = [one.name for one in open_ if one.kind is EditionKind.STANDARDS]
        sets = sum(one.kind is EditionKind.CODES for one in open_)
        told = f"{county.name}: standards {rules.standards.version}, zones {rules.areas.version}"
        if open_:
            yield Finding(
                Standing.WARN,
                "rules",
                f"{told}; not verified: {', '.join(facts) or 'no standard'}; {sets} code sets "
                "(crisis-dispatch county standards)",
            )
        else:
            yield Finding(Standing.OK, "rules", f"{told}; all verified")
        for problem in book.left_out:
            yield Finding(Standing.WARN, "codes", f"{county.name}: left out: {problem}")


async def _counties(database: Database) -> Finding:
    found = await administration.list_counties(database)
    if not found:
        return Finding(Standing.WARN, "counties", "none yet: crisis-dispatch county add NAME")
    return Finding(Standing.OK, "counties", ", ".join(one.name for one in found))


async def _mail(settings: Settings) -> list[Finding]:
    """Say whether e-mail can leave: the way by which people away from a screen are reached."""
    if settings.smtp_host is None or settings.smtp_from is None:
        told = "no mail server is set (CRISIS_SMTP_HOST): alarms reach people at a screen alone"
        return [Finding(Standing.WARN, "mail", told)]
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    problem = await mail_problem(settings)
    if problem is not None:
        return [Finding(Standing.FAIL, "mail", f"{where}: {problem}; no alarm can be mailed")]
    return [Finding(Standing.OK, "mail", f"{where} takes mail")]


async def _reach(settings: Settings, database: Database) -> list[Finding]:
    """Say of each county which rung of a ladder reaches nobody away from a screen."""
    kinds = () if settings.smtp_host is None else (MAIL,)
    channels = Channels(database, MachineClock(), kinds)
    since = MachineClock().now() - _LATELY
    found = []
    for county in await administration.list_counties(database):
        for one in await channels.reach(county.county_id, RUNGS):
            if one.is_untold:
                role = one.role.value.replace("_", " ")
                told = (
                    f"{county.name}: nobody has the role {role}: an alarm for them reaches nobody"
                )
                if one.accounts:
                    told = (
                        f"{county.name}: none of the {one.accounts} with the role {role} has an "
                        "address that was tried (crisis-dispatch user mail NAME ADDRESS --test): "
                        "away from a screen they hear no alarm"
                    )
                found.append(Finding(Standing.WARN, "reach", told))
        lost = await channels.undelivered(county.county_id, since)
        if lost.given_up:
            told = f"{county.name}: {lost.given_up} alarms could not be sent in the last day"
            found.append(Finding(Standing.WARN, "reach", f"{told} ({lost.error})"))
    return found or [Finding(Standing.OK, "reach", "supervisors and on-call can be reached")]
