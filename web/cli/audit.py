"""``crisis-dispatch audit``: whether the record of who read what is whole.

Must not know how the chain is made.
"""

from __future__ import annotations

import argparse

from crisis.errors import NotFound
from dispatch.store import administration, audit
from web.cli.context import opened
from web.cli.served import served
from web.cli.text import Exit, Usage, say

_VERIFY = """\
Compute the chain of the audit of reads anew, and name the first link that doesn't fit: a row that
was changed, removed, or added past the service. Note the head that is printed in a place that no
administrator of this database can change; give it back with --head to prove that nothing before it
was rewritten.
"""
_FAULTS = {
    "link_missing": "a link is missing",
    "rows_missing": "a row that it covers is missing",
    "hash_differs": "a row that it covers, or the link itself, was changed",
    "row_uncovered": "a row is covered by no link; if the service runs, ask again in some seconds",
    "head_differs": "the head that was given is not in the chain",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    group = commands.add_parser(
        "audit",
        help="the record of who read what",
        description="The record of who read what private thing, when and why.",
    )
    acts = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    verify = acts.add_parser(
        "verify",
        help="prove that the record is whole",
        description=_VERIFY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("--county", help="name or FIPS code; default: all that are served")
    verify.add_argument("--head", metavar="HASH", help="noted before; needs --county")
    verify.set_defaults(run=verify_audit)


async def verify_audit(args: argparse.Namespace) -> Exit:
    """Verify the chains; failed where one is broken."""
    if args.head and not args.county:
        raise Usage("--head is of one county: give --county as well.")
    code = Exit.OK
    async with opened(args) as here:
        counties = await administration.list_counties(here.database)
        if args.county:
            county_id, _ = await served(here.database, args.county)
            counties = [one for one in counties if one.county_id == county_id]
        if not counties:
            raise NotFound("no_county", "This database serves no county yet.")
        for county in counties:
            found = await audit.verify(here.database, county.county_id, expected_head=args.head)
            told = f"{county.name}: {found.links} links over {found.rows} rows"
            if found.is_whole:
                say(f"{told}, whole. Head: {found.head or 'none yet'}")
            else:
                code = Exit.FAILED
                at = f" at link {found.broken_at}" if found.broken_at else ""
                row = f" (row {found.audit_id})" if found.audit_id else ""
                say(f"{told}. BROKEN{at}: {_FAULTS[str(found.fault)]}{row}.")
    return code
