"""A real county on a real database: seeding by commands, and the check of all invariants.

async with running(database, clock) as desk:
    team = await desk.team("Blue 1")
    incident = await desk.determined()
    await desk.do(OfferTeam(...))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from crisis.assignment import Status
from crisis.board import KINDS, Entity
from crisis.clock import Clock, new_id
from crisis.commands import (
    AcceptOffer,
    ClearAssignment,
    Command,
    Determine,
    EncounterInput,
    Envelope,
    OfferTeam,
    OpenIncident,
    PlaceInput,
    RecordResponder,
    RecordTeam,
    ReportStatus,
    StartShift,
)
from crisis.effects import Answer
from crisis.ids import AssignmentId, CommandId, CountyId, IncidentId, OfferId, TeamId
from crisis.responder import Responder
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import Acuity
from dispatch.run.service import Service
from dispatch.store.log import CountyLog
from dispatch.store.pool import County, Database
from dispatch.store.rebuild import replay_log
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load
from tests.unit.dispatch.board_kit import (
    AGENCY,
    DISPATCHER,
    OAKLAND,
    clinician,
    on_team,
    peer,
    person,
    uid,
)

COUNTIES = load("counties")
ALAMEDA = CountyId(6001)
MASTER_KEY = bytes(range(32))
ADMIN = person("admin", Role.ADMIN, Role.SUPERVISOR)


async def create_county(database: Database, county_id: int = ALAMEDA) -> None:
    """Add a county to the database, with no policy of its own."""
    async with database.tx(County(county_id)) as con:
        await con.execute(
            COUNTIES["create_county"],
            county_id,
            f"County {county_id}",
            "America/Los_Angeles",
            "urban",
        )


@asynccontextmanager
async def running(
    database: Database, clock: Clock, *, counties: Sequence[int] = (ALAMEDA,), check: bool = True
) -> AsyncIterator[Desk]:
    """A service with these counties; at the end every invariant is checked."""
    for county_id in counties:
        await create_county(database, county_id)
    async with Service(database, clock, clock, MASTER_KEY) as service:
        yield Desk(service, CountyId(counties[0]))
        if check:
            for county_id in counties:
                await check_county(database, county_id, service)


class Desk:
    """Acts in one county, and makes what a test begins with."""

    def __init__(self, service: Service, county_id: CountyId = ALAMEDA) -> None:
        self.service = service
        self.county_id = county_id

    @property
    def board(self) -> Any:
        """The board as this node holds it."""
        return self.service.county(self.county_id).board

    def envelope(
        self,
        command: Command,
        *,
        by: Actor = DISPATCHER,
        command_id: UUID | None = None,
        source: Source | None = None,
        **fields: Any,
    ) -> Envelope:
        """``command`` as the API would hand it over; the body's hash is that of its content."""
        if source is None:
            source = Source.PHONE if by.has(Role.RESPONDER) else Source.DESK
        return Envelope(
            county_id=self.county_id,
            command_id=CommandId(command_id or new_id()),
            actor=by,
            source=source,
            body_hash=str(hash(msgspec.json.encode(command))).encode(),
            command=command,
            **fields,
        )

    async def do(self, command: Command, **how: Any) -> Answer:
        """Submit ``command``, by the dispatcher unless told otherwise."""
        return await self.service.submit(self.envelope(command, **how))

    async def team(self, call_sign: str = "Blue 1", *, on_shift: bool = True) -> TeamId:
        """A team with a valid crew."""
        team_id = TeamId(uid(f"{self.county_id} {call_sign}"))
        await self.do(
            RecordTeam(team_id=team_id, agency_id=AGENCY, call_sign=call_sign, base=OAKLAND),
            by=ADMIN,
        )
        crew: list[Responder] = [
            clinician(f"{self.county_id} {call_sign} clinician"),
            peer(f"{self.county_id} {call_sign} peer"),
        ]
        for responder in crew:
            await self.do(RecordResponder(responder=responder, name="Kim Canary"), by=ADMIN)
        if on_shift:
            now = self.service.county(self.county_id).now()
            await self.do(
                StartShift(
                    team_id=team_id,
                    ends_at=now + timedelta(hours=10),
                    crew=tuple(CrewMember(responder_id=r.id, carries_naloxone=True) for r in crew),
                ),
                by=ADMIN,
            )
        return team_id

    async def opened(self, **fields: Any) -> IncidentId:
        """An incident as received."""
        fields.setdefault("place", PlaceInput(point=OAKLAND, location_type="home"))
        answer = await self.do(OpenIncident(**fields))
        return IncidentId(answer.result["incident_id"])

    async def determined(self, **fields: Any) -> IncidentId:
        """An incident that needs one team."""
        incident_id = await self.opened(**fields)
        await self.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
        return incident_id

    async def offered(self, incident_id: IncidentId, team_id: TeamId) -> OfferId:
        """An offer of the incident to the team."""
        answer = await self.do(OfferTeam(incident_id=incident_id, team_id=team_id))
        return OfferId(answer.result["offer_id"])

    async def running(self, incident_id: IncidentId, team_id: TeamId) -> AssignmentId:
        """A run, just accepted by the team's phone."""
        offer_id = await self.offered(incident_id, team_id)
        answer = await self.do(AcceptOffer(offer_id=offer_id), by=on_team(team_id))
        return AssignmentId(answer.result["assignment_id"])

    async def cycle(self, team_id: TeamId) -> IncidentId:
        """A whole response, from the opening to the clear."""
        incident_id = await self.determined()
        run = await self.running(incident_id, team_id)
        for status in (Status.EN_ROUTE, Status.ON_SCENE, Status.CONTACT):
            await self.do(
                ReportStatus(assignment_id=run, status=status, briefed_by="desk"),
                by=on_team(team_id),
            )
        encounter = EncounterInput(disposition="stabilized_safety_plan")
        await self.do(
            ClearAssignment(assignment_id=run, encounters=(encounter,)), by=on_team(team_id)
        )
        return incident_id


async def check_county(database: Database, county_id: int, service: Service | None = None) -> None:
    """Hold the log, the read models and the board in memory against each other.

    The fold of the whole log equals what SQL says, thing by thing; the snapshot loaded from SQL
    equals the fold and the running node's board; received = closed + cancelled + merged + open.
    """
    log = CountyLog(database, MASTER_KEY, county_id)
    head = await log.load()
    async with database.tx(County(county_id), mode="snapshot") as con:
        history = await replay_log(con, county_id, CountyKeys(MASTER_KEY, county_id))
        counts = await con.fetch("SELECT state, is_open FROM incidents")
        stored = {
            kind: {row["id"]: row["is_open"] for row in await con.fetch(_ids(kind))}
            for kind in KINDS
        }
    assert history.board == head.board
    if service is not None:
        assert service.county(county_id).board == head.board
    for (kind, entity_id), change in history.things.items():
        assert stored[kind].pop(entity_id) == change.on_board, (kind, entity_id)
        # Nobody asks for teams and responders that are off the board; they keep their row.
        if not change.on_board and kind not in {"teams", "responders"}:
            assert await _closed(log, kind, entity_id, head.keys) == change.entity
    assert all(not left for left in stored.values()), "SQL holds what the log doesn't"
    ended = sum(row["state"] in {"closed", "cancelled", "merged"} for row in counts)
    open_ = sum(row["state"] in {"received", "screening", "determined"} for row in counts)
    assert len(counts) == ended + open_


async def _closed(log: CountyLog, kind: str, entity_id: UUID, keys: CountyKeys) -> Entity | None:
    found = dict(await log.closed([entity_id], keys))
    return found.get(kind)


def _ids(kind: str) -> str:
    singular = {"duress": "duress"}.get(kind, kind.removesuffix("s"))
    return f"SELECT {singular}_id AS id, is_open FROM {kind}"
