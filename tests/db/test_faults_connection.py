"""The connection to the database breaks at the worst moments: nothing lost, nothing done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from crisis.clock import FakeClock, MachineClock, new_id
from crisis.commands import AcceptOffer, OpenIncident, PlaceInput
from crisis.effects import Answer
from crisis.errors import Unavailable
from crisis.ids import IncidentId
from dispatch.run.service import Service
from dispatch.store.errors import ConnectionLost
from dispatch.store.pool import Database, PoolSizes
from tests.db.cutting_proxy import COMMIT, COMMIT_GROUP, CuttingProxy, When
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, check_county, create_county
from tests.unit.dispatch.board_kit import OAKLAND, on_team

WHEN = pytest.mark.parametrize("when", ["before", "after"])
PLACED = OpenIncident(place=PlaceInput(point=OAKLAND, location_type="home"))


class HurriedClock(MachineClock):
    """Machine time at twenty times its speed, so that giving up takes no test's patience."""

    def monotonic(self) -> float:
        return super().monotonic() * 20


class PatientClock(MachineClock):
    """Machine time at a twentieth of its speed: nobody gives up, however slow the machine is."""

    def monotonic(self) -> float:
        return super().monotonic() / 20


@asynccontextmanager
async def behind_a_proxy(
    dsn: str, database: Database, clock: FakeClock, machine: MachineClock
) -> AsyncIterator[tuple[CuttingProxy, Desk]]:
    """A service whose every connection goes through a proxy; at the end it agrees with SQL."""
    await create_county(database)
    async with CuttingProxy.before(dsn) as proxy:
        sizes = PoolSizes(app=4, worker=2, report=1)
        async with (
            Database.open(proxy.dsn, sizes=sizes) as through,
            Service(through, clock, machine, MASTER_KEY) as service,
        ):
            yield proxy, Desk(service)
            await service.county(ALAMEDA).catch_up()
            await check_county(database, ALAMEDA, service)


@WHEN
async def test_a_command_whose_answer_was_lost_at_commit_is_looked_up_and_answered(
    dsn: str, database: Database, clock: FakeClock, when: When
) -> None:
    async with behind_a_proxy(dsn, database, clock, PatientClock()) as (proxy, desk):
        proxy.cut_at(COMMIT_GROUP, when=when)
        command_id = new_id()
        answer = await desk.do(PLACED, command_id=command_id)
        assert proxy.cuts == 1
        again = await desk.do(PLACED, command_id=command_id)
        assert again.seq == answer.seq
        assert str(again.result["incident_id"]) == str(answer.result["incident_id"])
        assert len(desk.board.incidents) == 1


@WHEN
async def test_a_group_that_is_cut_at_commit_is_carried_out_once_each(
    dsn: str, database: Database, clock: FakeClock, when: When
) -> None:
    async with behind_a_proxy(dsn, database, clock, PatientClock()) as (proxy, desk):
        team = await desk.team()
        offer = await desk.offered(await desk.determined(), team)
        proxy.cut_at(COMMIT_GROUP, when=when, times=2)
        answers = await asyncio.gather(
            desk.do(AcceptOffer(offer_id=offer), by=on_team(team)),
            *(desk.do(PLACED) for _ in range(100)),
        )
        assert proxy.cuts == 2
        assert sorted(a.result["number"] for a in answers[1:]) == list(range(2, 102))
        assert len(desk.board.incidents) == 101


@WHEN
async def test_a_cut_at_the_commit_of_the_locked_path_loses_neither_commands_nor_keys(
    dsn: str, database: Database, clock: FakeClock, when: When, locked_first: None
) -> None:
    async with behind_a_proxy(dsn, database, clock, PatientClock()) as (proxy, desk):
        proxy.cut_at(COMMIT, when=when)
        answers = await asyncio.gather(*(desk.do(PLACED) for _ in range(5)))
        assert proxy.cuts == 1
        assert len({a.result["number"] for a in answers}) == 5
        assert desk.service.stats.locked > 0
        for answer in answers:
            # From a service that has never seen them: their keys are in the database.
            log = desk.service.county(ALAMEDA).log
            head = await log.load()
            incident = head.board.incidents[IncidentId(UUID(str(answer.result["incident_id"])))]
            assert not incident.clinical.erased
            assert incident.clinical.point == OAKLAND


@WHEN
@pytest.mark.parametrize("locked", [False, True])
async def test_a_database_that_stays_away_is_a_clear_503_and_the_county_heals_afterwards(
    dsn: str,
    database: Database,
    clock: FakeClock,
    when: When,
    locked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if locked:
        monkeypatch.setattr("dispatch.run.county._OPTIMISTIC_TRIES", 0)
    async with behind_a_proxy(dsn, database, clock, HurriedClock()) as (proxy, desk):
        first = new_id()
        proxy.cut_at(COMMIT if locked else COMMIT_GROUP, when=when, stay_down=True)
        with pytest.raises(Unavailable) as refusal:
            await desk.do(PLACED, command_id=first)
        assert refusal.value.code == "database_connection_lost"
        proxy.come_back()
        # Other commands first: what became of the first one is unknown here until it is looked up.
        other = await desk.do(PLACED)
        answer = await desk.do(PLACED, command_id=first)
        assert {answer.result["number"], other.result["number"]} == {1, 2}
        assert len(desk.board.incidents) == 2


@WHEN
async def test_a_commit_that_is_cut_every_time_ends_in_a_clear_answer(
    dsn: str, database: Database, clock: FakeClock, when: When
) -> None:
    async with behind_a_proxy(dsn, database, clock, HurriedClock()) as (proxy, desk):
        command_id = new_id()
        proxy.cut_at(COMMIT_GROUP, when=when, times=1_000_000)
        async with asyncio.timeout(10):
            if when == "after":
                # Each time it has happened, and that is found out.
                assert (await desk.do(PLACED, command_id=command_id)).result["number"] == 1
            else:
                with pytest.raises(Unavailable) as refusal:
                    await desk.do(PLACED, command_id=command_id)
                assert refusal.value.code == "database_connection_lost"
        proxy.come_back()
        assert (await desk.do(PLACED, command_id=command_id)).result["number"] == 1


async def test_two_nodes_whose_connections_are_cut_at_random_carry_everything_out_once(
    dsn: str, database: Database, clock: FakeClock
) -> None:
    machine = PatientClock()
    async with (
        behind_a_proxy(dsn, database, clock, machine) as (one, desk),
        CuttingProxy.before(dsn) as two,
        Database.open(two.dsn) as through,
        Service(through, clock, machine, MASTER_KEY) as service,
    ):
        other = Desk(service)
        for number, proxy in enumerate([one, two] * 3):
            when: When = "after" if number % 3 else "before"
            proxy.cut_at(COMMIT_GROUP, when=when, times=2)
            answers = await asyncio.gather(
                *(node.do(PLACED) for _ in range(20) for node in (desk, other))
            )
            assert len({a.result["number"] for a in answers}) == 40
        await service.county(ALAMEDA).catch_up()
        assert len(other.board.incidents) == 240


@pytest.fixture
def locked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group takes the county's lock, as after losing twice to another node."""
    monkeypatch.setattr("dispatch.run.county._OPTIMISTIC_TRIES", 0)


@WHEN
async def test_a_reading_cut_at_its_end_is_read_again(
    dsn: str, database: Database, clock: FakeClock, when: When
) -> None:
    async with behind_a_proxy(dsn, database, clock, PatientClock()) as (proxy, desk):
        async with Service(database, clock, clock, MASTER_KEY) as service:
            await Desk(service).do(PLACED)
        proxy.cut_at(COMMIT, when=when)
        with pytest.raises(ConnectionLost):
            await desk.service.county(ALAMEDA).catch_up()
        assert (await desk.do(PLACED)).result["number"] == 2


async def test_all_who_wait_while_the_database_is_away_are_told_so_together(
    dsn: str, database: Database, clock: FakeClock
) -> None:
    async with behind_a_proxy(dsn, database, clock, HurriedClock()) as (proxy, desk):
        proxy.cut_at(COMMIT_GROUP, when="before", stay_down=True)
        results = await asyncio.gather(
            *(desk.do(PLACED) for _ in range(300)), return_exceptions=True
        )
        assert {r.code for r in results if isinstance(r, Unavailable)} == {
            "database_connection_lost"
        }
        assert not any(isinstance(r, Answer) for r in results)
        # Five groups' worth of commands, and one wait.
        assert desk.service.stats.reconnects == 1
        proxy.come_back()
        assert (await desk.do(PLACED)).result["number"] == 1
