"""The watchdog: people are told once of what the clockwork has overlooked, and of nothing else."""

from __future__ import annotations

from datetime import datetime

import pytest

from crisis.board import Board
from crisis.commands import (
    AlarmOverlooked,
    Envelope,
    ExpireOffer,
    FlagIncident,
    RaiseDuress,
)
from crisis.errors import Unavailable
from crisis.ids import CountyId
from crisis.rules import Rules
from dispatch.due import next_due
from dispatch.run.watchdog import MOST_TOLD, Watchdog
from tests.unit.dispatch.board_kit import COUNTY, SERVICE, County, on_team


class Watched:
    """The county under test, as a node serves it."""

    county_id: CountyId = COUNTY

    def __init__(self, county: County) -> None:
        self.county = county

    @property
    def board(self) -> Board:
        return self.county.board

    def now(self) -> datetime:
        return self.county.now

    def rules(self, now: datetime | None = None) -> Rules:
        return self.county.rules


class Kennel:
    """A watchdog, its county, and what it sent."""

    def __init__(self) -> None:
        self.county = County()
        self.sent: list[Envelope] = []
        #: Whether the database is away.
        self.is_dark = False
        self.dog = Watchdog(lambda: [Watched(self.county)], self.submit)

    async def submit(self, envelope: Envelope) -> None:
        if self.is_dark:
            raise Unavailable("database_connection_lost", "The connection was lost.")
        self.sent.append(envelope)

    async def look(self) -> list[str]:
        """Look once and return what was told of by it, by kind."""
        before = len(self.sent)
        await self.dog.look()
        new = [envelope.command for envelope in self.sent[before:]]
        return [command.kind for command in new if isinstance(command, AlarmOverlooked)]


def overdue_offer(kennel: Kennel) -> tuple[object, object]:
    """Let an offer expire without anybody seeing to it; return the offer and its incident."""
    county = kennel.county
    incident_id = county.determined()
    offer_id = county.offered(incident_id, county.team())
    at = next_due(county.board, county.rules)
    assert at is not None
    county.now = at
    county.wait(county.rules.policy.offers.watchdog_s + 1)
    return offer_id, incident_id


async def test_what_stays_overdue_is_told_once() -> None:
    kennel = Kennel()
    _, incident_id = overdue_offer(kennel)
    assert await kennel.look() == [], "the next tick may be about to see to it"
    assert await kennel.look() == ["offer"]
    kennel.county.wait(600)
    assert await kennel.look() == []
    (told,) = kennel.sent
    assert isinstance(told.command, AlarmOverlooked)
    assert told.command.incident_id == incident_id
    (found,) = kennel.dog.overlooked[COUNTY]
    assert found.late_s > 600


async def test_what_could_not_be_told_of_is_told_once_it_can_be() -> None:
    """A database that is away is why deadlines are overlooked in the first place."""
    kennel = Kennel()
    kennel.county.do(RaiseDuress(), by=on_team(kennel.county.team("Red 1")))
    overdue_offer(kennel)
    kennel.county.wait(600)
    await kennel.look()
    kennel.is_dark = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await kennel.look()
    assert kennel.sent == []
    kennel.is_dark = False
    assert sorted(await kennel.look()) == ["duress", "offer"]
    assert await kennel.look() == []


async def test_what_a_tick_saw_to_between_two_looks_was_not_overlooked() -> None:
    kennel = Kennel()
    offer_id, _ = overdue_offer(kennel)
    await kennel.look()
    kennel.county.do(ExpireOffer(offer_id=offer_id), by=SERVICE)  # type: ignore[arg-type]
    assert await kennel.look() == []
    assert kennel.dog.overlooked[COUNTY] == ()


async def test_two_nodes_send_one_and_the_same_command() -> None:
    kennel, other = Kennel(), Kennel()
    other.county = kennel.county
    overdue_offer(kennel)
    for one in (kennel, other):
        await one.look()
        await one.look()
    assert kennel.sent == other.sent


async def test_each_thing_overlooked_is_told_of_by_itself() -> None:
    kennel = Kennel()
    team = kennel.county.team("Red 1")
    kennel.county.do(RaiseDuress(), by=on_team(team))
    overdue_offer(kennel)
    kennel.county.wait(600)
    await kennel.look()
    assert sorted(await kennel.look()) == ["duress", "offer"]


async def test_the_alarm_rings_at_the_desk_and_beyond_it_and_changes_nothing() -> None:
    kennel = Kennel()
    overdue_offer(kennel)
    await kennel.look()
    await kennel.look()
    county, seq = kennel.county, kennel.county.board.seq
    county.do(kennel.sent[0].command, by=SERVICE)
    assert county.board.seq == seq
    assert {to for to, template in county.told() if template == "overlooked"} == {
        "role:dispatcher",
        "role:supervisor",
        "role:on_call",
        "role:admin",
    }
    county.refused("role", kennel.sent[0].command)


def many_overdue(kennel: Kennel, count: int) -> list[object]:
    """Let so many incidents wait for marks that nobody sets."""
    county = kennel.county
    found: list[object] = [county.opened() for _ in range(count)]
    county.wait(county.rules.policy.waiting.unscreened_s)
    county.wait(county.rules.policy.offers.watchdog_s + 1)
    return found


async def test_nobody_is_told_of_many_things_while_they_become_fewer() -> None:
    """After a standstill, or where a county's clock stood elsewhere, they are being seen to."""
    kennel = Kennel()
    incidents = many_overdue(kennel, 40)
    assert await kennel.look() == []
    for incident_id in incidents:
        flag = FlagIncident(incident_id=incident_id, flag="unscreened")  # type: ignore[arg-type]
        kennel.county.do(flag, by=SERVICE)
        assert await kennel.look() == []
    assert kennel.sent == []


async def test_of_many_things_that_nobody_sees_to_people_are_told_of_a_few() -> None:
    kennel = Kennel()
    kennel.county.do(RaiseDuress(), by=on_team(kennel.county.team("Red 1")))
    many_overdue(kennel, 40)
    await kennel.look()
    told = await kennel.look()
    assert told == ["duress", *["flag"] * (MOST_TOLD - 1)]
    assert await kennel.look() == []
    assert len(kennel.dog.overlooked[COUNTY]) == 41, "all of them stand in health and metrics"
