"""``crisis-dispatch county zones | standards | codes``: editions of a county's own rules.

Shows which hold, which come and what nobody has verified, and loads a new one from a file. What an
edition must look like is decided by ``crisis.editions`` and ``dispatch.store.administration``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from crisis.codes import packaged as packaged_codes
from crisis.editions import (
    CodesEdition,
    Edition,
    EditionKind,
    check_codes,
    check_standards,
    facts_on,
    in_force,
    merged_codes,
    merged_standards,
    parse_codes,
)
from crisis.ids import CountyId
from crisis.standards import Fact, local_day
from crisis.standards import packaged as packaged_standards
from crisis.standards import parse as parse_standards
from dispatch.store import administration
from dispatch.store.pool import Database
from web.cli.context import opened
from web.cli.served import served
from web.cli.text import Exit, Usage, columns, day_of_text, file_text, say, warn

LATER = "A running service takes this up within seconds."

_STANDARDS = """\
List a county's regulatory facts in force, or load an edition of them from a TOML file:

  version = "BHIN 27-001"

  [[fact]]
  key = "response.rural.minutes"
  value = 90
  effective_from = 2027-07-01
  source = "BHIN 27-001, page 3"
  verified = true

A fact holds from its day on, until a later one of the same key; none is ever changed.
"""
_CODES = """\
List a county's own codes, or load an edition of them from a TOML file:

  version = "2027-07"

  [[code]]                      # a new one, or another label for one that is there
  set = "referral_source"
  code = "school_line"
  label = "School line"
  effective_from = 2027-07-01

  [[code]]                      # one that may be chosen no longer
  set = "referral_source"
  code = "other"
  effective_from = 2027-07-01
  retired = true

  [[set]]                       # where a set stands, once somebody has compared it
  set = "referral_source"
  source = "BHIN 27-001, page 4"
  verified = true
  effective_from = 2027-07-01
"""


def add(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    zones = acts.add_parser(
        "zones",
        help="list a county's zones, or load an edition of them",
        description="List a county's zones, or load an edition from a GeoJSON file. A feature's "
        "properties: name, and area_class (urban or rural) where it decides the response standard. "
        "An edition holds from its day on, until the next one's.",
    )
    zones.add_argument("county", metavar="COUNTY")
    zones.add_argument("--load", type=Path, metavar="FILE.geojson", help="add this edition")
    zones.add_argument("--edition", help="its name, like 2026-11; needed with --load")
    zones.add_argument(
        "--from",
        dest="since",
        type=day_of_text,
        metavar="DAY",
        help="the first day on which it holds; without it the day that its name tells",
    )
    zones.set_defaults(run=county_zones)
    for name, text, run in (
        ("standards", _STANDARDS, county_standards),
        ("codes", _CODES, county_codes),
    ):
        parser = acts.add_parser(
            name,
            help=f"list a county's {name}, or load an edition of them",
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("county", metavar="COUNTY")
        parser.add_argument("--load", type=Path, metavar="FILE.toml", help="add this edition")
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")
        parser.set_defaults(run=run)


async def county_zones(args: argparse.Namespace) -> Exit:
    """Show or load zones."""
    if args.load is not None and not args.edition:
        raise Usage("Give the edition a name: --edition 2026-11.")
    async with opened(args) as here:
        county_id, name = await served(here.database, args.county)
        today = local_day(here.machine.now())
        if args.load is not None:
            since = args.since or administration.day_of_edition(args.edition)
            geojson = file_text(args.load).encode()
            added = await administration.add_zones(
                here.database, county_id, args.edition, geojson, effective_from=since
            )
            say(f"{name} has {len(added)} zones of edition {args.edition}, from {since} on.")
            say(LATER)
        lines = await administration.list_zones(here.database, county_id)
        editions = await _editions(here.database, county_id, EditionKind.ZONES)
    holds = in_force(editions, today)
    days = {one.version: one.effective_from for one in editions}
    rows = [
        (
            one.version,
            one.name,
            one.area_class or "-",
            days[one.version],
            "yes" if holds is not None and one.version == holds.version else "no",
        )
        for one in lines
    ]
    heads = ("edition", "zone", "class", "from", "holds today")
    say(columns(heads, rows) if rows else f"{name} has no zones of its own.")
    return Exit.OK


async def county_standards(args: argparse.Namespace) -> Exit:
    """Show or load regulatory facts."""
    async with opened(args) as here:
        county_id, name = await served(here.database, args.county)
        today = local_day(here.machine.now())
        known = await administration.list_standards(here.database, county_id)
        if args.load is not None:
            given = parse_standards(file_text(args.load))
            check_standards(packaged_standards(), known, given)
            _show_facts(given.facts)
            if args.dry_run:
                say("Nothing was changed.")
                return Exit.OK
            await administration.add_standards(here.database, county_id, given)
            say(f"{name} has edition {given.version} of its standards.")
            say("Incidents that were determined before keep theirs.")
            say(LATER)
            known = [*known, given]
        editions = await _editions(here.database, county_id, EditionKind.STANDARDS)
    whole = merged_standards(packaged_standards(), known)
    _show_editions(editions)
    say(f"In force today ({whole.version}):")
    _show_facts(facts_on(whole, today))
    ahead = [fact for fact in whole.facts if fact.effective_from > today]
    if ahead:
        say("To come:")
        _show_facts(ahead)
    return Exit.OK


async def county_codes(args: argparse.Namespace) -> Exit:
    """Show or load code sets."""
    async with opened(args) as here:
        county_id, name = await served(here.database, args.county)
        known = await administration.list_codes(here.database, county_id)
        if args.load is not None:
            given = parse_codes(file_text(args.load))
            check_codes(merged_codes(packaged_codes(), known)[0], given)
            _show_codes(given)
            if args.dry_run:
                say("Nothing was changed.")
                return Exit.OK
            await administration.add_codes(here.database, county_id, given)
            say(f"{name} has edition {given.version} of its code sets.")
            say(LATER)
            known = [*known, given]
        editions = await _editions(here.database, county_id, EditionKind.CODES)
    _show_editions(editions)
    for edition in known:
        say(f"Edition {edition.version}:")
        _show_codes(edition)
    for problem in merged_codes(packaged_codes(), known)[1]:
        warn(f"left out, because it no longer fits: {problem}")
    if not known:
        say(f"{name} has no codes of its own: the packaged sets hold.")
    return Exit.OK


async def _editions(database: Database, county_id: CountyId, kind: EditionKind) -> list[Edition]:
    return [e for e in await administration.list_editions(database, county_id) if e.kind is kind]


def _show_editions(editions: Iterable[Edition]) -> None:
    rows = [(one.version, one.effective_from, f"{one.loaded_at:%Y-%m-%d}") for one in editions]
    if rows:
        say(columns(("edition", "from", "loaded"), rows))


def _show_facts(facts: Iterable[Fact]) -> None:
    rows = [
        (f.key, f.value, f.effective_from, "yes" if f.verified else "NO", f.source) for f in facts
    ]
    say(columns(("fact", "value", "from", "verified", "source"), rows))


def _show_codes(edition: CodesEdition) -> None:
    rows: list[tuple[object, ...]] = [
        (c.set, c.code, c.effective_from, "ends" if c.retired else (c.label or ""))
        for c in edition.changes
    ]
    rows += [
        (one.set, "(all)", one.effective_from, "verified" if one.verified else "NOT verified")
        for one in edition.sets
    ]
    say(columns(("set", "code", "from", "becomes"), rows))
