"""The past of a demonstration: lived in memory, written as decided, whole up to the present."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from crisis.clock import Clock, FakeClock, MachineClock
from crisis.ids import CountyId
from crisis.obligation import ObligationKind, ObligationState
from dispatch.reports.figures import Fate, fate_of
from dispatch.run.service import Service
from dispatch.sim.demand import Demand
from dispatch.sim.history import History, Told
from dispatch.sim.troupe import set_up
from dispatch.store.accounting import account_for
from dispatch.store.migrate import migrate
from dispatch.store.passwords import new_password
from dispatch.store.pool import County, Database
from dispatch.store.reporting import read_responses
from tests.db.service_kit import MASTER_KEY, check_county

MARIN = CountyId(6041)
NOON = datetime(2026, 7, 1, 20, tzinfo=UTC)
DAY = timedelta(days=1)


async def live(database: Database, machine: Clock, within_s: float) -> tuple[Told, Service]:
    """Let eight crews live the day before noon; every invariant of what is written holds."""
    clock = FakeClock(NOON - DAY)
    troupe = await set_up(database, clock, machine, MARIN, 8, 10, new_password)
    async with Service(database, clock, machine, MASTER_KEY) as service:
        history = History(service.county(MARIN), clock, troupe, seed=3)
        await history.roster(machine)
        calls = Demand(MARIN, 3).before(clock.now(), NOON, 3)
        told = await history.write(calls, NOON, machine, within_s)
        await check_county(database, MARIN, service)
    return told, service


async def happened(database: Database) -> Counter[str]:
    """How often what is in the log."""
    async with database.tx(County(MARIN), mode="read") as con:
        rows = await con.fetch("SELECT type FROM event_log")
    return Counter(row["type"] for row in rows)


async def test_a_day_is_lived_by_the_countys_own_clockwork_and_nobody_is_forgotten(
    empty_dsn: str,
) -> None:
    await migrate(empty_dsn, simulated=True)
    async with Database.open(empty_dsn) as database:
        told, service = await live(database, MachineClock(), 600)
        types = await happened(database)
        responses = await read_responses(database, MARIN, NOON - DAY, NOON)
        accounting = await account_for(database, MARIN)
    board = service.county(MARIN).board
    assert (told.refused, told.hurried) == ({}, False)
    # Some don't answer and some decline, and the county asks the next by itself.
    assert types["offer_expired"] + types["offer_declined"] > 0
    assert types["offer_made"] > types["offer_accepted"] > 10
    assert types["obligation_missed"] == types["duress_raised"] == 0
    assert types["shift_ended"] > 3
    fates = Counter(fate_of(one, NOON) for one in responses)
    assert fates[Fate.ON_TIME] >= 0.7 * fates.total()
    assert accounting.holds and accounting.received > 30
    # Whoever goes on with it knows what the callers said, and finds crews under way.
    assert {str(one) for one in (*board.incidents, *board.calls)} <= told.heard.keys()
    assert board.runs
    due = [o.kind for o in board.obligations.values() if o.state is ObligationState.DUE]
    assert ObligationKind.FOLLOW_UP in due


async def test_a_slow_machine_leaves_calls_out_but_never_the_last_hours(empty_dsn: str) -> None:
    class Slow(FakeClock):
        def monotonic(self) -> float:
            """Return an instant that is a second after the last."""
            self.advance(1)
            return super().monotonic()

    await migrate(empty_dsn, simulated=True)
    async with Database.open(empty_dsn) as database:
        told, service = await live(database, Slow(NOON), 0)
        types = await happened(database)
    assert told.hurried
    assert types["call_offered"] < len(list(Demand(MARIN, 3).calls(NOON - DAY, NOON)))
    board = service.county(MARIN).board
    assert board.runs and told.heard
