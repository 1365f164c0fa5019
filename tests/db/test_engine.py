"""The engine in memory and the service on PostgreSQL make the same log of the same commands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crisis.clock import FakeClock
from crisis.errors import Conflict
from dispatch.choose.seek import is_persons_offer
from dispatch.run.county import CountyRunner
from dispatch.sim.behaviour import Pace
from dispatch.sim.resimulate import Resimulation
from dispatch.store.pool import Database
from tests.db.service_kit import ALAMEDA, running
from tests.unit.dispatch.board_kit import AGENCY
from tests.unit.dispatch.test_resimulate import CLERK, MORNING, calls

BEGINS = MORNING - timedelta(hours=1)


def simulated(county: CountyRunner) -> Resimulation:
    """A busy day of two teams, with offers that nobody answers."""
    simulation = Resimulation(
        county.board, county.rules, BEGINS, AGENCY, CLERK, seed=9, pace=Pace(no_answer=0.3)
    )
    simulation.run(calls(9, every=timedelta(minutes=17)), 2)
    return simulation


async def test_the_service_makes_the_same_log_of_the_same_commands(database: Database) -> None:
    clock = FakeClock(BEGINS)
    async with running(database, clock) as desk:
        county = desk.service.county(ALAMEDA)
        simulation = simulated(county)
        assert len(simulation.decided) > 60
        assert not any(is_persons_offer(taken.env) for taken in simulation.decided)
        for taken in simulation.decided:
            clock.set(taken.at)
            answer = await county.submit(taken.env, taken.records)
            assert answer.result == taken.made.decision.result
            assert county.board == taken.made.after


async def test_a_simulated_day_is_written_as_if_it_had_been_lived(database: Database) -> None:
    clock = FakeClock(BEGINS)
    async with running(database, clock) as desk:
        county = desk.service.county(ALAMEDA)
        simulation = simulated(county)
        clock.set(simulation.decided[-1].at)
        await county.take_over(simulation.decided)
        assert county.board == simulation.decided[-1].made.after
        with pytest.raises(Conflict, match="gone on meanwhile"):
            await county.take_over(simulation.decided)
