"""A county to try: agencies, teams on shift, and accounts with passwords made for them.

Decides what a demonstration begins with. Everything in it is made up, so that it may stand only in
a database marked simulated. Teams and people come by commands, as they would from an administrator.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from crisis.clock import new_id
from crisis.commands import Command, Envelope
from crisis.errors import Conflict
from crisis.ids import CommandId, CountyId
from crisis.roles import Actor, Role
from crisis.shapes import Value
from crisis.standards import local_day
from crisis.states import Source
from crisis.team import Duty
from dispatch.run.service import Service
from dispatch.sim.roster import SHIFT, make_team
from dispatch.store import administration
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.migrate import is_simulated
from dispatch.store.pool import Database
from geo.counties import county_zones
from geo.point import Point

AGENCIES = ("County Crisis Response", "Riverbend Behavioral Health", "Open Door Peer Network")
TEAMS = 12
#: Username, label and roles of those who work at the desk.
_PEOPLE: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("dispatcher1", "Dispatcher One", (Role.DISPATCHER, Role.CALL_TAKER)),
    ("dispatcher2", "Dispatcher Two", (Role.DISPATCHER, Role.CALL_TAKER)),
    ("supervisor", "Supervisor", (Role.SUPERVISOR, Role.DISPATCHER)),
    ("lead", "County Lead", (Role.LEAD,)),
    ("followup", "Follow-up Worker", (Role.FOLLOW_UP_WORKER,)),
    ("admin", "Administrator", (Role.ADMIN,)),
)
#: How many of the teams have a responder who can sign in.
_PHONES = 4
_ACTOR = Actor(roles=frozenset({Role.ADMIN}))


class SignIn(Value, frozen=True, kw_only=True):
    """An account of the demonstration; its password is shown once."""

    username: str
    password: str
    what: str


async def is_empty(database: Database) -> bool:
    """Whether the database serves no county yet."""
    return not await administration.list_counties(database)


async def seed(
    service: Service,
    accounts: Accounts,
    county_id: CountyId,
    *,
    password: Callable[[], str],
) -> list[SignIn]:
    """Fill an empty simulated database with a county; returns its sign-ins.

    Args:
        service: on that database, running.
        password: makes a new one each time.

    Raises:
        Conflict: ``not_simulated`` or ``not_empty``.
    """
    database = service.database
    if not await is_simulated(database):
        raise Conflict(
            "not_simulated",
            "This database is for real work; made-up people don't belong in it. Choose another "
            "data_dir for a demonstration.",
        )
    if not await is_empty(database):
        raise Conflict("not_empty", "This database serves a county already.")
    now = service.clock.now()
    await administration.add_county(database, county_id, local_day(now))
    agencies = [await administration.add_agency(database, county_id, name) for name in AGENCIES]
    await service.refresh_counties()
    signs = []
    for number, base in enumerate(bases(county_id, TEAMS), start=1):
        team = make_team(county_id, number, agencies[number % len(agencies)], base)
        shift = team.on_shift(_shift_end(now, number))
        for command in (*team.recorded(), shift):
            await _submit(service, county_id, command)
        if number <= _PHONES:
            responder_id = team.crew[0].id
            grant = Grant(
                county_id=county_id,
                roles=frozenset({Role.RESPONDER}),
                agency_id=team.agency_id,
                responder_id=responder_id,
            )
            name = team.call_sign.casefold().replace(" ", "")
            signs.append(await _account(accounts, name, team.names[0], grant, password()))
    for username, label, roles in reversed(_PEOPLE):
        grant = Grant(county_id=county_id, roles=frozenset(roles))
        signs.insert(0, await _account(accounts, username, label, grant, password()))
    return signs


async def renew_shifts(service: Service, county_id: CountyId) -> int:
    """Put every made-up team that is off shift on duty again; returns how many there were."""
    now = service.clock.now()
    teams = service.county(county_id).board.teams
    renewed = 0
    for number, base in enumerate(bases(county_id, TEAMS), start=1):
        agency_id = administration.agency_id_of(county_id, AGENCIES[number % len(AGENCIES)])
        team = make_team(county_id, number, agency_id, base)
        known = teams.get(team.team_id)
        if known is not None and known.duty is Duty.OFF_SHIFT and not known.retired:
            await _submit(service, county_id, team.on_shift(_shift_end(now, number)))
            renewed += 1
    return renewed


def _shift_end(now: datetime, number: int) -> datetime:
    """Return when a team's first shift ends: not all of them in the same hour."""
    return now + SHIFT - timedelta(minutes=20 * number)


async def _account(
    accounts: Accounts, username: str, label: str, grant: Grant, password: str
) -> SignIn:
    account_id = await accounts.create_account(username, label, password=password)
    await accounts.grant(account_id, grant)
    what = ", ".join(sorted(role.value.replace("_", " ") for role in grant.roles))
    return SignIn(username=username, password=password, what=what)


async def _submit(service: Service, county_id: CountyId, command: Command) -> None:
    await service.submit(
        Envelope(
            county_id=county_id,
            command_id=CommandId(new_id()),
            actor=_ACTOR,
            source=Source.DESK,
            command=command,
        )
    )


def bases(county_id: CountyId, count: int) -> list[Point]:
    """Return ``count`` places spread evenly over a county, the same ones each time.

    Steps of the golden ratio, in both directions, never cluster; those outside are passed over.
    """
    zone = county_zones()[f"{county_id:05d}"]
    box = zone.box
    found: list[Point] = []
    number = 0
    while len(found) < count:
        number += 1
        point = Point(
            lat_deg=box.south_deg + (box.north_deg - box.south_deg) * (number * 0.754877666 % 1),
            lon_deg=box.west_deg + (box.east_deg - box.west_deg) * (number * 0.569840291 % 1),
        )
        if zone.holds(point):
            found.append(point)
    return found
