"""Recorded calls answered anew: simulated people act at their moment of the county's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from crisis.clock import FakeClock
from crisis.commands import AcceptOffer, Command
from crisis.errors import Conflict
from crisis.roles import Actor
from dispatch.run.service import Service
from dispatch.sim.calls import RecordedCall
from dispatch.sim.desk import Who
from dispatch.sim.replay import Account
from dispatch.sim.resimulate import Pace, Resimulation, simulated_policy
from dispatch.store import administration
from dispatch.store.pool import Database
from geo.point import Point
from tests.db.service_kit import ADMIN, ALAMEDA, MASTER_KEY, Desk, create_county
from tests.unit.dispatch.board_kit import AGENCY, DISPATCHER

MORNING = datetime(2026, 7, 1, 15, tzinfo=UTC)
WHO: dict[Who, Actor] = {Who.DISPATCHER: DISPATCHER, Who.ADMIN: ADMIN}


class Noting:
    """A desk that submits to the service itself, and notes what was sent and when."""

    def __init__(self, service: Service, clock: FakeClock) -> None:
        self._desk = Desk(service)
        self._clock = clock
        self.sent: list[tuple[datetime, str]] = []
        self.too_late: list[str] = []

    async def send(self, command: Command, who: Who = Who.DISPATCHER) -> dict[str, Any]:
        """Submit it; see ``dispatch.sim.desk.Desk``."""
        self.sent.append((self._clock.now(), type(command).__name__))
        try:
            answer = await self._desk.do(command, by=WHO[who])
        except Conflict as refusal:
            if isinstance(command, AcceptOffer):
                self.too_late.append(refusal.code)
            raise
        return answer.result


def calls(count: int, *, every: timedelta) -> list[RecordedCall]:
    """Calls all over Oakland, each determined five minutes after it came in."""
    return [
        RecordedCall(
            row=number + 2,
            place=Point(lat_deg=37.75 + 0.01 * (number % 7), lon_deg=-122.25 + 0.01 * (number % 5)),
            source="self",
            concern="psychosis",
            received_at=MORNING + number * every,
            determined=MORNING + number * every + timedelta(minutes=5),
        )
        for number in range(count)
    ]


async def answered(
    database: Database,
    recorded: Sequence[RecordedCall],
    *,
    kind: type[Service] = Service,
    pace: Pace | None = None,
) -> tuple[Account, Noting]:
    """Let one simulated team answer the calls."""
    clock = FakeClock(MORNING - timedelta(hours=1))
    await create_county(database)
    await administration.add_policy(database, ALAMEDA, simulated_policy())
    async with kind(database, clock, clock, MASTER_KEY) as service:
        desk = Noting(service, clock)
        simulation = Resimulation(service, ALAMEDA, clock, desk, AGENCY, seed=5, pace=pace)
        return await simulation.run(recorded, 1), desk


async def test_a_team_answers_within_the_time_that_it_is_shown(database: Database) -> None:
    # Eight calls at once for one team: the last are asked for long after their deadline, when a
    # team is given half a minute to answer.
    account, desk = await answered(
        database, calls(8, every=timedelta(0)), pace=Pace(answer_s=(20.0, 60.0), no_answer=0.0)
    )
    assert desk.too_late == []
    assert account.overtaken.total() == 0
    assert account.reached == {"cleared": 8}


class Refused(Service):
    """A service in which whatever is due is refused, as where another node is always quicker."""

    async def tick(self) -> None:
        """See to nothing."""


async def test_people_act_at_their_moment_while_what_is_due_is_refused(database: Database) -> None:
    recorded = [
        replace(call, outcome="cancelled", ended=call.received_at + timedelta(minutes=12))
        for call in calls(3, every=timedelta(minutes=9))
    ]
    _, desk = await answered(database, recorded, kind=Refused)
    assert [at for at, name in desk.sent if name == "OpenIncident"] == [
        call.received_at for call in recorded
    ]
    assert [at for at, name in desk.sent if name == "Determine"] == [
        call.determined for call in recorded
    ]
    assert [at for at, name in desk.sent if name == "CancelIncident"] == [
        call.ended for call in recorded
    ]
