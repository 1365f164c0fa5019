"""``crisis-dispatch team`` and ``responder``: the roster, by the same commands as the API.

Decides how a line or a row becomes a command. A dry run decides on a copy of the board and writes
nothing. Names of people go into encrypted records and are never shown here: a person is meant by a
code that the county chooses, from which the id in the roster is made.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from crisis.clock import new_id
from crisis.commands import (
    Command,
    Envelope,
    RecordResponder,
    RecordTeam,
)
from crisis.errors import NotFound
from crisis.ids import AgencyId, CommandId, CountyId, ResponderId, TeamId
from crisis.responder import Credential, Responder
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.team import Shift, Team
from dispatch.decide import decide
from dispatch.service import Service
from dispatch.store import administration
from dispatch.store.administration import Agency
from geo.point import Point
from web.cli.context import opened
from web.cli.counties import served
from web.cli.imports import (
    Column,
    Difference,
    Row,
    Step,
    Unusable,
    add_import,
    import_rows,
    split,
    yes_or_no,
)
from web.cli.text import Exit, as_usage, columns, say

#: Namespace of the ids of people and shifts that are entered by code.
ENTERED = UUID("c2b8a1f4-33d8-5d3a-8a5b-5d6e0f6b7a10")
#: Whoever may run the command line on this machine has the database anyway.
_ACTOR = Actor(roles=frozenset({Role.ADMIN}))

TEAM_COLUMNS = (
    Column("call_sign", "spoken name of the team; a team of that name is changed", True),
    Column("agency", "name of its agency", True),
    Column("base", "where it starts from: latitude and longitude, like 38.58 -121.49"),
    Column("zones", "names of the zones it serves, separated by semicolons; empty: all"),
    Column("capabilities", "codes of needs it meets by itself, separated by semicolons"),
    Column("retired", "yes: no longer used"),
)
RESPONDER_COLUMNS = (
    Column("code", "your own short code for the person, like a badge number", True),
    Column("agency", "name of their agency", True),
    Column("provider_type", "code, like lcsw or peer_support_specialist", True),
    Column("name", "kept encrypted"),
    Column("licence", "number of the licence or registration"),
    Column("licence_until", "its last day, like 2027-06-30"),
    Column("core_trained", "day on which the core training was complete; empty: it isn't"),
    Column("naloxone", "yes: trained to give naloxone"),
    Column("can_assess", "yes: trained to conduct the crisis assessment"),
    Column("lpha", "yes: serves as licensed professional"),
    Column("may_write_5150", "yes: designated by the county to write holds"),
    Column("languages", "ISO 639 codes, separated by semicolons"),
    Column("competencies", "codes, separated by semicolons"),
)


def responder_id_of(county_id: CountyId, code: str) -> ResponderId:
    """Return the id of the person whom a county means by ``code``, or the id that it is."""
    try:
        return ResponderId(UUID(code))
    except ValueError:
        return ResponderId(uuid5(ENTERED, f"{county_id}/{code.strip().casefold()}"))


class Roster:
    """A county's roster under change; a dry run changes a copy of the board only."""

    def __init__(
        self,
        service: Service,
        county_id: CountyId,
        agencies: Sequence[Agency],
        *,
        dry_run: bool,
        actor: Actor = _ACTOR,
    ) -> None:
        """
        Args:
            actor: who changes it; default: whoever runs the command line on this machine.
        """
        self._actor = actor
        self._county = service.county(county_id)
        self._board = self._county.board
        self.is_dry_run = dry_run
        self.county_id = county_id
        self.agencies = agencies

    @property
    def zone(self) -> ZoneInfo:
        """The county's time zone."""
        return self._county.rules().policy.tz()

    @property
    def teams(self) -> Sequence[Team]:
        """Teams by call sign."""
        return sorted(self._board.teams.values(), key=lambda team: team.call_sign)

    @property
    def responders(self) -> dict[ResponderId, Responder]:
        """People by id."""
        return self._board.responders

    @property
    def shifts(self) -> Sequence[Shift]:
        """Open shifts, in order."""
        return sorted(self._board.shifts.values(), key=lambda shift: shift.starts_at)

    def agency(self, name: str) -> AgencyId:
        """Return the id of an agency by its name.

        Raises:
            NotFound: ``unknown_agency``.
        """
        wanted = name.strip().casefold()
        for one in self.agencies:
            if wanted in (one.name.casefold(), str(one.agency_id)):
                return one.agency_id
        known = ", ".join(one.name for one in self.agencies) or "none yet; add it with: agency add"
        raise NotFound(
            "unknown_agency",
            f"There is no agency {name}; there are: {known}",
            name=name,
            known=", ".join(one.name for one in self.agencies) or "-",
        )

    def agency_name(self, agency_id: AgencyId) -> str:
        """Return an agency's name."""
        return next((one.name for one in self.agencies if one.agency_id == agency_id), "-")

    def team(self, call_sign: str) -> Team:
        """Return a team by its call sign.

        Raises:
            NotFound: ``unknown_call_sign``.
        """
        found = self.find_team(call_sign)
        if found is None:
            raise NotFound(
                "unknown_call_sign",
                f"There is no team {call_sign} in this county.",
                call_sign=call_sign,
            )
        return found

    def find_team(self, call_sign: str) -> Team | None:
        """Return a team by its call sign; ``None`` = there is none."""
        wanted = " ".join(call_sign.casefold().split())
        return next(
            (t for t in self.teams if " ".join(t.call_sign.casefold().split()) == wanted), None
        )

    async def send(self, command: Command) -> dict[str, Any]:
        """Send a command, or on a dry run decide it only; returns its result.

        Raises:
            CrisisError: the refusal.
        """
        env = Envelope(
            county_id=self.county_id,
            command_id=CommandId(new_id()),
            actor=self._actor,
            source=Source.DESK,
            body_hash=msgspec.json.encode(command)[:64],
            command=command,
        )
        if not self.is_dry_run:
            answer = await self._county.submit(env)
            self._board = self._county.board
            return answer.result
        now = self._county.now()
        decision = decide(self._board, env, now, self._county.rules(now))
        self._board = decision.board
        return decision.result


@asynccontextmanager
async def roster(args: argparse.Namespace) -> AsyncIterator[Roster]:
    """Open the roster of the county that ``--county`` names."""
    async with opened(args) as here:
        county_id, _ = await served(here.database, args.county)
        agencies = await administration.list_agencies(here.database, county_id)
        async with here.service() as service:
            yield Roster(
                service,
                county_id,
                agencies,
                dry_run=getattr(args, "dry_run", False),
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
    imported = add_import(acts, "people", RESPONDER_COLUMNS, import_responders)
    county_flag(new, listed, imported)


# Teams


def team_command(county: Roster, row: Row) -> tuple[RecordTeam, Team | None]:
    """Return the command that a row of teams means, and the team as it is."""
    known = county.find_team(row["call_sign"])
    command = RecordTeam(
        team_id=known.id if known else TeamId(new_id()),
        agency_id=county.agency(row["agency"]),
        call_sign=row["call_sign"],
        base=_point(row["base"]),
        zones=split(row["zones"]),
        capabilities=split(row["capabilities"]),
        retired=yes_or_no(row["retired"], "retired"),
    )
    return command, known


def _point(text: str) -> Point | None:
    if not text:
        return None
    parts = text.replace(",", " ").split()
    try:
        lat, lon = (float(part) for part in parts)
        return Point(lat_deg=lat, lon_deg=lon)
    except ValueError:
        raise Unusable(
            "row_base",
            f"base: {text} is no latitude and longitude, like 38.58 -121.49",
            value=text,
        ) from None


async def plan_team(county: Roster, row: Row) -> Step:
    """Say what a row of teams means."""
    command, known = team_command(county, row)
    if known is not None and (
        (known.agency_id, known.base, known.zones, known.capabilities, known.retired)
        == (command.agency_id, command.base, command.zones, command.capabilities, command.retired)
    ):
        return Step(known.call_sign, subject=known.call_sign)
    text = f"{'change' if known else 'add'} team {command.call_sign}"
    found = None if known is None else differences(county, known, command, _TEAM_FIELDS)
    if found is not None:
        text += f": {_listed(found)}"
    return await step_of(county, text, command, command.call_sign, found)


_TEAM_FIELDS = ("agency_id", "base", "zones", "capabilities", "retired")
_RESPONDER_FIELDS = (
    "agency_id",
    "provider_type",
    "licence_expires_on",
    "core_trained_on",
    "naloxone_trained",
    "can_assess",
    "is_lpha",
    "may_write_5150",
    "languages",
    "competencies",
)


def differences(
    county: Roster, before: object, after: object, names: Sequence[str]
) -> list[Difference]:
    """Return which fields differ, from what to what; empty = none of ``names``."""

    def text(name: str, value: object) -> str:
        if name == "agency_id":
            return next(
                (one.name for one in county.agencies if one.agency_id == value), "another agency"
            )
        if isinstance(value, Point):
            return f"{value.lat_deg:.5f} {value.lon_deg:.5f}"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple | frozenset):
            return ", ".join(sorted(map(str, value))) or "none"
        return "none" if value is None else str(value)

    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return [
        Difference(name.removesuffix("_id"), text(name, was), text(name, now))
        for name, was, now in pairs
        if was != now
    ]


def _listed(found: Sequence[Difference]) -> str:
    return "; ".join(f"{one.name}: {one.before} -> {one.after}" for one in found)


async def step_of(
    county: Roster,
    text: str,
    command: Command,
    subject: str,
    found: Sequence[Difference] | None,
) -> Step:
    """Return the step of a command; on a dry run it is decided at once, so that faults show."""
    if county.is_dry_run:
        await county.send(command)
        return Step(text, _nothing, subject, found)

    async def do() -> None:
        await county.send(command)

    return Step(text, do, subject, found)


async def _nothing() -> None:
    """Do nothing: it was decided already."""


async def add_team(args: argparse.Namespace) -> Exit:
    """Add or change a team."""
    async with roster(args) as county:
        with as_usage():
            command, known = team_command(county, _row_of(args, TEAM_COLUMNS))
        await county.send(command)
    say(f"Team {command.call_sign} is {'changed' if known else 'added'}.")
    return Exit.OK


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


def local_text(instant: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant on the county's clock; "" for none."""
    return "" if instant is None else f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


async def import_teams(args: argparse.Namespace) -> Exit:
    """Import teams."""
    async with roster(args) as county:

        async def plan(row: Row) -> Step:
            return await plan_team(county, row)

        return await import_rows(args.file, TEAM_COLUMNS, plan, dry_run=args.dry_run)


# People


def responder_command(county: Roster, row: Row) -> RecordResponder:
    """Return the command that a row of people means."""
    licence = None
    if row["licence"] or row["licence_until"]:
        licence = Credential(
            number=row["licence"] or None, expires_on=_day(row["licence_until"], "licence_until")
        )
    return RecordResponder(
        responder=Responder(
            id=responder_id_of(county.county_id, row["code"]),
            agency_id=county.agency(row["agency"]),
            provider_type=row["provider_type"],
            licence=licence,
            core_trained_on=_day(row["core_trained"], "core_trained"),
            naloxone_trained=yes_or_no(row["naloxone"], "naloxone"),
            can_assess=yes_or_no(row["can_assess"], "can_assess"),
            is_lpha=yes_or_no(row["lpha"], "lpha"),
            may_write_5150=yes_or_no(row["may_write_5150"], "may_write_5150"),
            languages=frozenset(split(row["languages"])),
            competencies=frozenset(split(row["competencies"])),
        ),
        name=row["name"] or None,
    )


def _day(text: str, name: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unusable(
            "row_day", f"{name}: {text} is no day; write it like 2027-06-30", field=name, value=text
        ) from None


async def add_responder(args: argparse.Namespace) -> Exit:
    """Add or change a person."""
    async with roster(args) as county:
        with as_usage():
            command = responder_command(county, _row_of(args, RESPONDER_COLUMNS))
        is_known = command.responder.id in county.responders
        result = await county.send(command)
    say(f"{args.code} is {'changed' if is_known else 'added'}.")
    if result["uncounted"]:
        reasons = ", ".join(str(reason).replace("_", " ") for reason in result["uncounted"])
        say(f"Doesn't count on a crew today: {reasons}.")
    return Exit.OK


async def list_responders(args: argparse.Namespace) -> Exit:
    """List people."""
    async with roster(args) as county:
        rows = [
            (
                one.id,
                county.agency_name(one.agency_id),
                one.provider_type,
                one.licence_expires_on or ("no end" if one.licence else "none"),
                one.core_trained_on or "no",
                "yes" if one.naloxone_trained else "no",
                "yes" if one.can_assess else "no",
            )
            for one in county.responders.values()
        ]
    heads = ("id", "agency", "provider type", "licence until", "core trained", "naloxone", "assess")
    say(columns(heads, sorted(rows, key=lambda row: (row[1], row[2], str(row[0])))))
    return Exit.OK


async def plan_responder(county: Roster, row: Row) -> Step:
    """Say what a row of people means."""
    command = responder_command(county, row)
    known = county.responders.get(command.responder.id)
    if known == command.responder and not row["name"]:
        return Step(row["code"], subject=row["code"])
    subject = f"{row['code']} ({row['provider_type']})"
    text = f"{'change' if known else 'add'} {subject}"
    found = None
    if known is not None:
        found = differences(county, known, command.responder, _RESPONDER_FIELDS)
        # Names and numbers of licences are never shown.
        text += f": {_listed(found) or 'name or licence'}"
    return await step_of(county, text, command, subject, found)


async def import_responders(args: argparse.Namespace) -> Exit:
    """Import people."""
    async with roster(args) as county:

        async def plan(row: Row) -> Step:
            return await plan_responder(county, row)

        return await import_rows(args.file, RESPONDER_COLUMNS, plan, dry_run=args.dry_run)
