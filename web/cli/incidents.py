"""``crisis-dispatch incident``: who read an incident's private part, and erasing it for good.

Decides what the commands say. From when on an incident may be erased is ``dispatch.store.records``'
to judge, by the county's standards.
"""

from __future__ import annotations

import argparse

from crisis.disclosure import PURPOSES
from crisis.errors import NotFound
from crisis.ids import CountyId
from crisis.rights import Act
from crisis.roles import Actor
from dispatch.store.audit import list_reads
from dispatch.store.incidentlist import ListedIncident, find_incidents
from dispatch.store.pool import Database
from dispatch.store.records import erase_incident
from web.cli.context import opened
from web.cli.served import served
from web.cli.text import Exit, Usage, columns, say

#: Whoever may run the command line on this machine has the database anyway.
_ERASER = Actor(roles=Act.ERASE.roles)
_ERASE = (
    "Destroy the key of an incident: its records, exact places and clinical facts can never be "
    "read again, its times and figures stay. Refused while it is open, and before the county's "
    "standards let a closed record go. It is written into the audit. Backups hold the key until "
    "they are gone, too."
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    group = commands.add_parser(
        "incident",
        help="who read an incident, and erasing it for good",
        description="One incident's private part: who read it, and erasing it for good.",
    )
    acts = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    reads = acts.add_parser(
        "reads",
        help="who read what of it, when and why",
        description="Show who read what of an incident, when and why; the newest first.",
    )
    reads.set_defaults(run=show_reads)
    erase = acts.add_parser("erase", help="make it unreadable for good", description=_ERASE)
    erase.add_argument("--purpose", required=True, choices=sorted(PURPOSES), metavar="PURPOSE")
    erase.add_argument("--yes", action="store_true", help="it can't be undone, and is meant so")
    erase.set_defaults(run=erase_for_good)
    for parser in (reads, erase):
        parser.add_argument("number", help="of the incident, or of its paper")
        parser.add_argument("--county", required=True, help="name or FIPS code")


async def show_reads(args: argparse.Namespace) -> Exit:
    """Show who read an incident."""
    async with opened(args) as here:
        county_id, _ = await served(here.database, args.county)
        incident = await _found(here.database, county_id, args.number)
        reads = await list_reads(here.database, county_id, incident.incident_id)
        labels = await here.accounts.labels({one.actor_id for one in reads if one.actor_id})
    who = {one.audit_id: labels.get(one.actor_id, one.actor_id) for one in reads if one.actor_id}  # type: ignore[call-overload]
    rows = [
        (f"{one.at:%Y-%m-%d %H:%M}Z", who.get(one.audit_id, "-"), one.role, one.what, one.purpose)
        for one in reads
    ]
    if rows:
        say(columns(("at", "who", "as", "what", "purpose"), [[c or "-" for c in r] for r in rows]))
    else:
        say(f"Nobody has read anything private of {incident.number}.")
    return Exit.OK


async def erase_for_good(args: argparse.Namespace) -> Exit:
    """Erase an incident."""
    async with opened(args) as here:
        county_id, name = await served(here.database, args.county)
        incident = await _found(here.database, county_id, args.number)
        if not args.yes:
            raise Usage(f"Nothing brings {incident.number} of {name} back: say --yes as well.")
        async with here.service() as service:
            county = service.county(county_id)
            now = county.now()
            rules = county.rules(now)
            is_new = await erase_incident(
                here.database,
                county.keys,
                incident.incident_id,
                _ERASER,
                purpose=args.purpose,
                now=now,
                standards=rules.standards,
                zone=rules.policy.tz(),
            )
    say(f"{incident.number} of {name} is erased{'' if is_new else ' already'}.")
    return Exit.OK


async def _found(database: Database, county_id: CountyId, number: str) -> ListedIncident:
    found = await find_incidents(database, county_id, number)
    if len(found) != 1:
        what = "no incident" if not found else "more than one incident"
        raise NotFound("unknown_incident", f"There is {what} {number} in this county.")
    return found[0]
