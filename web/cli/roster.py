"""``crisis-dispatch team`` and ``responder``: the roster, by the same commands as the API.

Decides what the commands are called and what they say. How a line or a row becomes a command is
``dispatch.run.imports.roster``. Names of people are never shown here.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from crisis.commands import Envelope
from crisis.roles import Actor, Role
from dispatch.run.imports.roster import (
    RESPONDER_COLUMNS,
    RESPONDER_DAYS,
    TEAM_COLUMNS,
    Roster,
    plan_responder,
    plan_team,
)
from dispatch.run.imports.rows import Column, Row, Step, do_one
from dispatch.run.imports.shifts import local_text
from dispatch.sheets.times import Order
from dispatch.store import administration
from dispatch.store.names import read_names
from web.cli.context import opened
from web.cli.imports import ImportedFile, add_import
from web.cli.served import served
from web.cli.text import Exit, as_usage, columns, say, warn

#: Whoever may run the command line on this machine has the database anyway.
_ACTOR = Actor(roles=frozenset({Role.ADMIN}))


@asynccontextmanager
async def roster(
    args: argparse.Namespace, order: Order = Order.MONTH_FIRST
) -> AsyncIterator[Roster]:
    """Open the roster of the county that ``--county`` names."""
    async with opened(args) as here:
        county_id, _ = await served(here.database, args.county)
        agencies = await administration.list_agencies(here.database, county_id)
        async with here.service() as service:
            county = service.county(county_id)

            async def send(env: Envelope) -> dict[str, Any]:
                return (await county.submit(env)).result

            now, people = county.now(), county.board.responders.values()
            names = await read_names(
                here.database, county.keys, people, _ACTOR, now=now, with_names=True
            )
            yield Roster(
                county.board,
                county.rules(now),
                now,
                agencies,
                _ACTOR,
                send,
                order=order,
                names=names,
            )


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    _add_teams(commands)
    _add_responders(commands)


def group(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, doc: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    group = commands.add_parser(name, help=doc, description=f"{doc.capitalize()}.")
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def county_flag(*parsers: argparse.ArgumentParser) -> None:
    for parser in parsers:
        parser.add_argument("--county", required=True, help="name or FIPS code")


def _column_flags(parser: argparse.ArgumentParser, given: Sequence[Column]) -> None:
    """Offer a file's columns as flags."""
    for column in given:
        parser.add_argument(
            f"--{column.name.replace('_', '-')}",
            required=column.is_required,
            default="",
            help=column.doc,
        )


def _row_of(args: argparse.Namespace, given: Sequence[Column]) -> dict[str, str]:
    return {column.name: str(getattr(args, column.name) or "") for column in given}


def _add_teams(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    acts = group(commands, "team", "teams, their agencies and bases")
    new = acts.add_parser("add", help="add or change a team", description="Add or change a team.")
    new.add_argument("call_sign")
    _column_flags(new, TEAM_COLUMNS[1:])
    new.set_defaults(run=add_team)
    listed = acts.add_parser("list", help="list teams", description="List a county's teams.")
    listed.set_defaults(run=list_teams)
    county_flag(new, listed, add_import(acts, "teams", TEAM_COLUMNS, import_teams))


def _add_responders(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    acts = group(commands, "responder", "people of the teams, with training and licences")
    new = acts.add_parser(
        "add", help="add or change a person", description="Add or change a person of the teams."
    )
    new.add_argument("code", help=RESPONDER_COLUMNS[0].doc)
    _column_flags(new, RESPONDER_COLUMNS[1:])
    new.set_defaults(run=add_responder)
    listed = acts.add_parser("list", help="list people", description="List people, without names.")
    listed.set_defaults(run=list_responders)
    imported = add_import(acts, "people", RESPONDER_COLUMNS, import_responders, has_days=True)
    county_flag(new, listed, imported)


async def enter(
    args: argparse.Namespace,
    what: str,
    row: Row,
    given: Sequence[Column],
    plan: Callable[[Roster, Row], Step],
) -> Exit:
    """Do what the flags mean, as if they were a row of a file, and say it."""
    async with roster(args) as county:
        with as_usage():
            step = await do_one(row, given, lambda row: plan(county, row))
    done = "added" if step.differences is None else "changed"
    say(f"{what} is {'as it was' if step.do is None else done}.")
    for mind in step.minds:
        warn(f"Mind: {mind.sentence}.")
    return Exit.OK


# Teams


async def add_team(args: argparse.Namespace) -> Exit:
    """Add or change a team."""
    row = _row_of(args, TEAM_COLUMNS)
    return await enter(args, f"Team {args.call_sign}", row, TEAM_COLUMNS, plan_team)


async def list_teams(args: argparse.Namespace) -> Exit:
    """List teams."""
    async with roster(args) as county:
        rows = [
            (
                team.call_sign,
                county.agency_name(team.agency_id),
                team.duty.value.replace("_", " "),
                local_text(team.shift_ends_at, county.zone),
                len(team.crew) or "",
                "on a run" if team.run else "asked" if team.offer else "",
            )
            for team in county.teams
        ]
    say(columns(("call sign", "agency", "duty", "until", "crew", "now"), rows))
    return Exit.OK


async def import_teams(args: argparse.Namespace) -> Exit:
    """Import teams."""
    file = ImportedFile(args, TEAM_COLUMNS)
    async with roster(args) as county:
        return await file.carry_out(lambda row: plan_team(county, row))


# People


async def add_responder(args: argparse.Namespace) -> Exit:
    """Add or change a person."""
    row = _row_of(args, RESPONDER_COLUMNS)
    return await enter(args, args.code, row, RESPONDER_COLUMNS, plan_responder)


async def list_responders(args: argparse.Namespace) -> Exit:
    """List people."""
    async with roster(args) as county:
        rows = [
            (
                county.called(one.id).code or county.called(one.id).name or one.id,
                county.agency_name(one.agency_id),
                one.provider_type,
                one.licence_expires_on or ("no end" if one.licence else "none"),
                one.core_trained_on or "no",
                "yes" if one.naloxone_trained else "no",
                "yes" if one.can_assess else "no",
            )
            for one in county.responders.values()
        ]
    heads = (
        "code",
        "agency",
        "provider type",
        "licence until",
        "core trained",
        "naloxone",
        "assess",
    )
    say(columns(heads, sorted(rows, key=lambda row: (row[1], row[2], str(row[0])))))
    return Exit.OK


async def import_responders(args: argparse.Namespace) -> Exit:
    """Import people."""
    file = ImportedFile(args, RESPONDER_COLUMNS)
    async with roster(args, file.order(RESPONDER_DAYS)) as county:
        return await file.carry_out(lambda row: plan_responder(county, row))
