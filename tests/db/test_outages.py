"""Each outage has its own name, in the answer and in readiness, and other people's locks end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from crisis.clock import FakeClock, MachineClock, new_id
from crisis.commands import OpenIncident, PlaceInput
from crisis.errors import Unavailable
from dispatch.run.service import Service
from dispatch.store.accounts import Accounts
from dispatch.store.errors import OUTAGES, name_of
from dispatch.store.passwords import Passwords
from dispatch.store.pool import County, Database, Worker
from dispatch.store.sessions import Sessions
from dispatch.store.troubles import TOLD_FOR_S, Troubles, try_writing
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, create_county
from tests.unit.dispatch.board_kit import OAKLAND
from web.cli.doctor import Standing, _writing

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

PLACED = OpenIncident(place=PlaceInput(point=OAKLAND, location_type="home"))
#: It is given up after five.
LOCKS_END_WITHIN_S = 15.0

#: What the server says, and what we call it.
SAID = {
    "53100": "database_full",
    "53200": "database_out_of_memory",
    "53300": "database_too_many_connections",
    "53400": "database_at_limit",
    "53000": "database_at_limit",
    "55P03": "database_locked",
    "57014": "database_slow",
    "57P03": "database_starting",
    "57P01": "database_stopping",
    "57P02": "database_stopping",
    "25006": "database_read_only",
    "58030": "database_damaged",
    "XX001": "database_damaged",
    "XX002": "database_damaged",
    "42P01": "schema_unusable",
    "42703": "schema_unusable",
    "42883": "schema_unusable",
}


@pytest.fixture
async def desk(database: Database, clock: FakeClock) -> AsyncIterator[Desk]:
    await create_county(database)
    async with Service(database, clock, MachineClock(), MASTER_KEY) as service:
        yield Desk(service)


@pytest.fixture
def machine() -> FakeClock:
    return FakeClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


async def say(admin: Admin, sqlstate: str) -> None:
    """Let every write of an event fail as the server would say it."""
    await admin.execute(
        "CREATE OR REPLACE FUNCTION dispatch.failing() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'Kim Canary' USING ERRCODE = '{sqlstate}'; END $$;"
        "CREATE OR REPLACE TRIGGER failing BEFORE INSERT ON dispatch.event_log "
        "FOR EACH ROW EXECUTE FUNCTION dispatch.failing()"
    )


async def be_well(admin: Admin) -> None:
    await admin.execute("DROP TRIGGER failing ON dispatch.event_log")


@pytest.mark.parametrize("sqlstate", SAID)
async def test_an_outage_is_answered_by_its_own_name_and_without_the_servers_words(
    desk: Desk, admin: Admin, sqlstate: str
) -> None:
    await say(admin, sqlstate)
    async with asyncio.timeout(LOCKS_END_WITHIN_S):
        with pytest.raises(Unavailable) as refusal:
            await desk.do(PLACED)
    code = refusal.value.code
    assert code == SAID[sqlstate]
    assert refusal.value.detail == OUTAGES[code]
    await be_well(admin)
    await desk.do(PLACED)


def test_every_name_has_words_and_is_given_to_something() -> None:
    told = set(SAID.values())
    assert told <= set(OUTAGES)
    by_connecting = {
        name_of(error, connecting=True)
        for error in (TimeoutError(), OSError(), asyncpg.InvalidPasswordError("no"))
    }
    assert by_connecting == {"database_silent", "database_unreachable", "database_refused"}
    ours = {"database_connection_lost", "database_busy", "database_contended"}
    assert set(OUTAGES) == told | by_connecting | ours


LOCKS = {
    "the county's row": "SELECT FROM dispatch.county_heads FOR UPDATE",
    "the log": "LOCK TABLE dispatch.event_log",
    "what is written beside it": "LOCK TABLE dispatch.incidents IN EXCLUSIVE MODE",
}


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
async def test_a_lock_of_somebody_else_is_told_of_by_name_to_all_who_wait(
    desk: Desk, admin: Admin, lock: str
) -> None:
    async with admin.transaction():
        await admin.execute(lock)
        async with asyncio.timeout(LOCKS_END_WITHIN_S):
            answers = await asyncio.gather(
                *(desk.do(PLACED) for _ in range(200)), return_exceptions=True
            )
        codes = {a.code for a in answers if isinstance(a, Unavailable)}
        assert codes == {"database_locked"}
        assert all(isinstance(answer, Unavailable) for answer in answers)
    await desk.do(PLACED)


async def test_a_locked_county_and_no_other_is_told_of_until_it_takes_writes_again(
    desk: Desk, database: Database, admin: Admin, machine: FakeClock
) -> None:
    troubles = Troubles(database, machine)
    async with admin.transaction():
        await admin.execute(LOCKS["the county's row"])
        with pytest.raises(Unavailable):
            await desk.do(PLACED)
        assert troubles.problems() == [f"county {ALAMEDA}: database_locked"]
        assert troubles.of(6029) == []
        machine.advance(TOLD_FOR_S + 1)
        await troubles.look()
        assert troubles.of(ALAMEDA), "it is locked still"
    machine.advance(TOLD_FOR_S + 1)
    await troubles.look()
    assert troubles.problems() == []


async def test_a_full_disk_is_told_of_though_reading_works(
    desk: Desk, database: Database, admin: Admin, machine: FakeClock
) -> None:
    troubles = Troubles(database, machine)
    await say(admin, "53100")
    with pytest.raises(Unavailable):
        await desk.do(PLACED)
    await database.ping()
    assert troubles.problems() == ["database: database_full"]
    await troubles.look()
    assert troubles.problems(), "whoever asks each ten seconds must see it"
    await be_well(admin)
    machine.advance(TOLD_FOR_S + 1)
    await troubles.look()
    assert troubles.problems() == []


async def test_one_commands_bad_luck_is_no_outage_of_the_node(
    desk: Desk, database: Database, admin: Admin, machine: FakeClock
) -> None:
    troubles = Troubles(database, machine)
    await say(admin, "57014")
    with pytest.raises(Unavailable):
        await desk.do(PLACED)
    assert troubles.problems() == []
    await be_well(admin)


async def test_a_try_at_writing_leaves_nothing_and_needs_the_countys_lock(
    desk: Desk, database: Database, admin: Admin
) -> None:
    await try_writing(database, None)
    await try_writing(database, ALAMEDA)
    tables = "SELECT count(*) FROM pg_class WHERE relname = 'proof_of_room'"
    assert await admin.fetchval(tables) == 0
    async with admin.transaction():
        await admin.execute(LOCKS["the county's row"])
        with pytest.raises(Unavailable) as refusal:
            await try_writing(database, ALAMEDA)
        assert refusal.value.code == "database_locked"


async def test_the_doctor_names_what_keeps_the_database_from_taking_writes(
    desk: Desk, database: Database, admin: Admin
) -> None:
    assert (await _writing(database)).mark is Standing.OK
    async with admin.transaction():
        await admin.execute(LOCKS["the county's row"])
        found = await _writing(database)
    assert found.mark is Standing.FAIL
    assert "database_locked" in found.told and f"County {ALAMEDA}" in found.told


async def test_a_login_that_is_refused_has_its_name(dsn: str) -> None:
    parts = urlsplit(dsn)
    stranger = urlunsplit(parts._replace(netloc=f"nobody@{parts.netloc.rpartition('@')[2]}"))
    with pytest.raises(Unavailable) as refusal:
        async with Database.open(stranger):
            pytest.fail("it opened")
    assert refusal.value.code == "database_refused"


async def test_a_row_of_an_account_that_somebody_holds_is_not_waited_for_either(
    database: Database, admin: Admin
) -> None:
    with closing(Passwords()) as passwords:
        accounts = Accounts(database, MachineClock(), passwords)
        sessions = Sessions(database, MachineClock(), passwords)
        await accounts.create_account("ada", "Ada", password="correct horse battery")
        async with admin.transaction():
            await admin.execute("LOCK TABLE dispatch.sessions, dispatch.sign_in_attempts")
            async with asyncio.timeout(LOCKS_END_WITHIN_S):
                with pytest.raises(Unavailable) as refusal:
                    await sessions.sign_in("ada", "correct horse battery", address="203.0.113.9")
        assert refusal.value.code == "database_locked"


async def test_reading_waits_for_a_lock_no_longer_than_writing(
    desk: Desk, database: Database, admin: Admin
) -> None:
    async with admin.transaction():
        await admin.execute("LOCK TABLE dispatch.incidents, dispatch.counties")
        for work in (
            desk.service.county(ALAMEDA).incident(new_id()),
            database.ask(Worker(), "SELECT 1 FROM dispatch.counties"),
            _write(database),
        ):
            async with asyncio.timeout(LOCKS_END_WITHIN_S):
                with pytest.raises(Unavailable) as refusal:
                    await work
            assert refusal.value.code == "database_locked"


async def _write(database: Database) -> None:
    async with database.tx(County(ALAMEDA)) as con:
        await con.execute("UPDATE counties SET name = name")
