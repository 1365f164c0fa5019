"""``crisis-dispatch county`` and ``agency``: which counties are served, by whom, by which policy.

Must not know how counties work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from crisis.ids import CountyId
from crisis.policy import CountyPolicy, diff, from_toml, policy_at
from crisis.standards import local_day
from dispatch.run.imports.accounts import agencies_of
from dispatch.run.imports.rows import Column, Row, Step, split
from dispatch.run.rulebook import DEFAULT_POLICY
from dispatch.store import administration
from web.cli import editions
from web.cli.context import Opened, opened
from web.cli.imports import ImportedFile, add_import
from web.cli.served import served
from web.cli.text import Exit, columns, file_text, say

COLUMNS = (
    Column("county", "name or FIPS code", is_required=True),
    Column("agencies", "names of its agencies, separated by semicolons"),
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    group = commands.add_parser(
        "county",
        help="the counties that are served, their policies and zones",
        description="The counties that this database serves, their policies and zones.",
    )
    acts = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    new = acts.add_parser(
        "add",
        help="start serving a county",
        description="Start serving a county: any of California's 58, by name or FIPS code. It is "
        "urban or rural by its density; load finer zones with: county zones.",
    )
    new.add_argument("county", metavar="COUNTY")
    new.add_argument("--agency", action="append", default=[], help="add an agency too; repeatable")
    new.set_defaults(run=add_county)

    listed = acts.add_parser("list", help="list the counties", description="List the counties.")
    listed.set_defaults(run=list_counties)

    policy = acts.add_parser(
        "policy",
        help="show a county's policy, or load a new version",
        description="Show what a county's policy changes of the defaults, or load a new version "
        "from a TOML file. Versions are kept; each holds from its effective_from on.",
    )
    policy.add_argument("county", metavar="COUNTY")
    policy.add_argument("--load", type=Path, metavar="FILE.toml", help="add this version")
    policy.add_argument("--dry-run", action="store_true", help="only show what would change")
    policy.set_defaults(run=county_policy)

    editions.add(acts)
    add_import(acts, "counties", COLUMNS, import_counties)

    agency = commands.add_parser(
        "agency",
        help="the organisations whose teams work for a county",
        description="The organisations whose teams and people work for a county.",
    )
    acts = agency.add_subparsers(title="commands", metavar="COMMAND", required=True)
    named = acts.add_parser("add", help="add an agency", description="Add an agency to a county.")
    named.add_argument("name")
    named.set_defaults(run=add_agency)
    listed = acts.add_parser(
        "list", help="list a county's agencies", description="List a county's agencies."
    )
    listed.set_defaults(run=list_agencies)
    for parser in (named, listed):
        parser.add_argument("--county", required=True, help="name or FIPS code")


async def add_county(args: argparse.Namespace) -> Exit:
    """Add a county."""
    county_id, name = administration.find_county(args.county)
    async with opened(args) as here:
        today = local_day(here.machine.now())
        is_new = await administration.add_county(here.database, county_id, today)
        for agency in args.agency:
            await administration.add_agency(here.database, county_id, agency)
        is_shared = here.is_shared
    say(f"{name} ({county_id}) is served{'' if is_new else ' already'}.")
    if is_new and is_shared:
        say(editions.LATER)
    return Exit.OK


async def list_counties(args: argparse.Namespace) -> Exit:
    """List counties."""
    async with opened(args) as here:
        found = await administration.list_counties(here.database)
    rows = [(c.county_id, c.name, c.area_class, c.time_zone, c.head_seq) for c in found]
    say(columns(("fips", "name", "class", "time zone", "events"), rows))
    return Exit.OK


async def county_policy(args: argparse.Namespace) -> Exit:
    """Show or load a policy."""
    async with opened(args) as here:
        county_id, name = await served(here.database, args.county)
        versions = await administration.list_policies(here.database, county_id)
        now = here.machine.now()
        in_force = policy_at([DEFAULT_POLICY, *versions], now)
        if args.load is None:
            _show_policy(name, versions, in_force)
            return Exit.OK
        policy = from_toml(file_text(args.load))
        _show_changes(in_force, policy)
        if not args.dry_run:
            await administration.add_policy(here.database, county_id, policy)
    if args.dry_run:
        say("Nothing was changed.")
    else:
        say(f"{name} has policy {policy.version} from {policy.effective_from.isoformat()}.")
        say(editions.LATER)
    return Exit.OK


def _show_policy(name: str, versions: list[CountyPolicy], in_force: CountyPolicy) -> None:
    say(f"{name}: policy {in_force.version} is in force.")
    if versions:
        rows = [(one.version, one.effective_from.isoformat()) for one in versions]
        say(columns(("version", "from"), rows))
    say("It changes these defaults:" if in_force != DEFAULT_POLICY else "All defaults hold.")
    _show_changes(DEFAULT_POLICY, in_force)


def _show_changes(before: CountyPolicy, after: CountyPolicy) -> None:
    for change in diff(before, after):
        was, now = (msgspec.json.encode(value).decode() for value in (change.before, change.after))
        say(f"  {change.path}: {was} -> {now}")


async def add_agency(args: argparse.Namespace) -> Exit:
    """Add an agency."""
    async with opened(args) as here:
        county_id, county = await served(here.database, args.county)
        await administration.add_agency(here.database, county_id, args.name)
    say(f"{county} has the agency {args.name}.")
    return Exit.OK


async def list_agencies(args: argparse.Namespace) -> Exit:
    """List agencies."""
    async with opened(args) as here:
        county_id, _ = await served(here.database, args.county)
        found = await administration.list_agencies(here.database, county_id)
    say(columns(("name", "id"), [(one.name, one.agency_id) for one in found]))
    return Exit.OK


async def import_counties(args: argparse.Namespace) -> Exit:
    """Import counties."""
    file = ImportedFile(args, COLUMNS)
    async with opened(args) as here:
        agencies = await agencies_of(here.database)
        there = {
            county_id: {one.name.casefold() for one in known}
            for county_id, known in agencies.items()
        }
        # One by one: two rows may be about one county.
        return await file.carry_out(lambda row: _plan_county(here, there, row), at_once=1)


def _plan_county(here: Opened, there: dict[CountyId, set[str]], row: Row) -> Step:
    """Say what a row means.

    Args:
        there: the agencies of each county served, as the rows before this one leave them.
    """
    county_id, name = administration.find_county(row["county"])
    is_known = county_id in there
    known = there.setdefault(county_id, set())
    new = [agency for agency in split(row["agencies"]) if agency.casefold() not in known]
    known.update(agency.casefold() for agency in new)
    if is_known and not new:
        return Step(name)

    async def do() -> None:
        await administration.add_county(here.database, county_id, local_day(here.machine.now()))
        for agency in new:
            await administration.add_agency(here.database, county_id, agency)

    what = f"add to {name}" if is_known else f"serve {name}"
    return Step(f"{what}{' with ' if new else ''}{', '.join(new)}", do)
