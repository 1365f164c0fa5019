"""A county to measure: teams on shift with valid crews, people who are signed in, closed incidents.

Teams and what they do come from commands through the service. The million closed incidents of a
county with years behind it are copies, made in SQL, of one that was really dispatched, cleared and
closed: every row with ids, number and times of its own. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from crisis.assignment import Status
from crisis.clock import Clock, MachineClock, new_id, secret_token
from crisis.commands import (
    AcceptOffer,
    ClearAssignment,
    CloseIncident,
    Command,
    CompleteObligation,
    Determine,
    EncounterInput,
    Envelope,
    ExceptObligation,
    OfferTeam,
    OpenIncident,
    PlaceInput,
    RecordResponder,
    RecordTeam,
    ReportStatus,
    StartShift,
)
from crisis.effects import Answer
from crisis.ids import (
    AssignmentId,
    CommandId,
    CountyId,
    IncidentId,
    OfferId,
    ResponderId,
    TeamId,
    UserId,
)
from crisis.obligation import ObligationKind
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import Acuity
from dispatch.run.service import Service
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database, Worker
from dispatch.store.sessions import NewSession, begin_session
from geo.point import Point
from tests.unit.dispatch.board_kit import AGENCY, clinician, peer

COUNTY = CountyId(6001)
_AT_ONCE = 64
_DESK = Actor(user_id=UserId(new_id()), roles=frozenset({Role.DISPATCHER, Role.SUPERVISOR}))
_ADMIN = Actor(user_id=UserId(new_id()), roles=frozenset({Role.ADMIN, Role.SUPERVISOR}))


class Crew(msgspec.Struct, frozen=True, kw_only=True):
    """A team on shift, and the token of the phone of its first member."""

    team_id: TeamId
    responder_id: ResponderId
    token: str = ""


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in.

    Attributes:
        desks: tokens of dispatchers.
        tracker: token of an integration that sends positions.
    """

    desks: list[str]
    crews: list[Crew]
    tracker: str


class Earlier:
    """The machine's clock, some hours behind: for shifts that began hours ago."""

    def __init__(self, hours: float) -> None:
        self._machine = MachineClock()
        self._behind = timedelta(hours=hours)

    def now(self) -> datetime:
        """Return the instant so many hours ago."""
        return self._machine.now() - self._behind

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._machine.monotonic()


async def do(service: Service, command: Command, *, by: Actor = _DESK) -> Answer:
    """Submit a command as the API would."""
    return await service.submit(
        Envelope(
            county_id=COUNTY,
            command_id=CommandId(new_id()),
            actor=by,
            source=Source.PHONE if by.has(Role.RESPONDER) else Source.DESK,
            body_hash=msgspec.json.encode(command)[:32],
            command=command,
        )
    )


async def many(commands: Iterable[tuple[Service, Command, Actor]]) -> None:
    """Submit commands, some dozens at a time."""
    waiting = iter(commands)

    async def lane() -> None:
        for service, command, by in waiting:
            await do(service, command, by=by)

    await asyncio.gather(*(lane() for _ in range(_AT_ONCE)))


def base_of(number: int) -> Point:
    """Return where the team of that number waits; about a county apart."""
    return Point(lat_deg=37.5 + (number * 37 % 100) / 250, lon_deg=-122.2 + number % 10 / 25)


async def teams(service: Service, how_many: int, *, shift_h: float) -> list[Crew]:
    """Add teams with crews that meet every rule, and start their shifts now."""
    now = service.county(COUNTY).now()
    ids = [TeamId(new_id()) for _ in range(how_many)]
    members = [(clinician(f"clinician {n}"), peer(f"peer {n}")) for n in range(how_many)]
    await many(
        (service, RecordResponder(responder=person, name="Kim Canary"), _ADMIN)
        for pair in members
        for person in pair
    )
    await many(
        (
            service,
            RecordTeam(team_id=team_id, agency_id=AGENCY, call_sign=f"Team {n}", base=base_of(n)),
            _ADMIN,
        )
        for n, team_id in enumerate(ids)
    )
    await many(
        (
            service,
            StartShift(
                team_id=team_id,
                ends_at=now + timedelta(hours=shift_h),
                crew=tuple(CrewMember(responder_id=p.id, carries_naloxone=True) for p in pair),
            ),
            _ADMIN,
        )
        for team_id, pair in zip(ids, members, strict=True)
    )
    return [
        Crew(team_id=team_id, responder_id=pair[0].id)
        for team_id, pair in zip(ids, members, strict=True)
    ]


async def determined(service: Service, number: int) -> IncidentId:
    """Open an incident and determine that a team must go."""
    place = PlaceInput(
        point=base_of(number * 7 + 3), address="1234 Example Street", location_type="home"
    )
    opened = await do(service, OpenIncident(place=place, narrative="Said he can't go on. " * 8))
    incident_id = IncidentId(opened.result["incident_id"])
    await do(service, Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
    return incident_id


async def under_way(service: Service, incident_id: IncidentId, crew: Crew) -> AssignmentId:
    """Let a crew accept the incident, drive there and arrive."""
    offer = OfferTeam(incident_id=incident_id, team_id=crew.team_id, override_reason="knows_area")
    offered = await do(service, offer)
    phone = Actor(
        user_id=_DESK.user_id,
        roles=frozenset({Role.RESPONDER}),
        team_id=crew.team_id,
        responder_id=crew.responder_id,
    )
    accepted = await do(
        service, AcceptOffer(offer_id=OfferId(offered.result["offer_id"])), by=phone
    )
    run = AssignmentId(accepted.result["assignment_id"])
    for status in (Status.EN_ROUTE, Status.ON_SCENE):
        report = ReportStatus(assignment_id=run, status=status, briefed_by="desk")
        await do(service, report, by=phone)
    return run


async def closed(service: Service, number: int, crew: Crew) -> IncidentId:
    """Let an incident go through everything, from the opening to the close."""
    incident_id = await determined(service, number)
    run = await under_way(service, incident_id, crew)
    encounter = EncounterInput(disposition="stabilized_safety_plan")
    await do(service, ClearAssignment(assignment_id=run, encounters=(encounter,)))
    await do(service, CloseIncident(incident_id=incident_id))
    return incident_id


async def sign_in(
    database: Database, clock: Clock, crews: Sequence[Crew], *, desks: int = 8
) -> People:
    """Make accounts and their sessions; passwords, which are slow by design, are left out."""
    passwords = Passwords()
    accounts = Accounts(database, clock, passwords)
    try:
        tokens = []
        for n in range(desks):
            grant = Grant(county_id=COUNTY, roles=frozenset({Role.DISPATCHER}))
            tokens.append(await _signed_in(database, accounts, clock, f"desk-{n}", grant))
        phones = []
        for n, crew in enumerate(crews):
            grant = Grant(
                county_id=COUNTY,
                roles=frozenset({Role.RESPONDER}),
                responder_id=crew.responder_id,
            )
            token = await _signed_in(database, accounts, clock, f"phone-{n}", grant)
            phones.append(msgspec.structs.replace(crew, token=token))
        tracker = await accounts.create_account("tracker", "tracker", kind="integration")
        secret, _ = await accounts.issue_token(
            tracker, {COUNTY: ["fixes"]}, expires_at=clock.now() + timedelta(days=2)
        )
    finally:
        passwords.close()
    return People(desks=tokens, crews=phones, tracker=secret)


async def _signed_in(
    database: Database, accounts: Accounts, clock: Clock, name: str, grant: Grant
) -> str:
    account_id = await accounts.create_account(name, name)
    await accounts.grant(account_id, grant)
    secret, now = secret_token(), clock.now()
    session = NewSession(
        session_id=new_id(),
        account_id=account_id,
        secret=secret,
        purpose="bearer",
        device="bench",
        at=now,
        idle=timedelta(days=7),
        expires_at=now + timedelta(days=30),
    )
    async with database.tx(Worker()) as con:
        await begin_session(con, session)
    return secret


async def settle_obligations(service: Service) -> int:
    """Meet or except all that is owed, so that a board doesn't grow from round to round."""
    owed = service.county(COUNTY).board.obligations.values()
    commands: list[Command] = [
        ExceptObligation(obligation_id=obligation.id, reason="declined")
        if obligation.kind is ObligationKind.FOLLOW_UP
        else CompleteObligation(obligation_id=obligation.id, told="Her practice", reference="7")
        for obligation in owed
    ]
    await many((service, command, _DESK) for command in commands)
    return len(commands)
