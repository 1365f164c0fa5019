"""An incident ended in error and opened again: on every node, in the tables, in reports."""

from __future__ import annotations

from datetime import timedelta

from crisis.assignment import Status
from crisis.clock import FakeClock
from crisis.commands import CancelIncident, ReopenIncident, ReportStatus
from crisis.incident.state import IncidentState
from dispatch.reports.figures import Fate, fate_of
from dispatch.run.service import Service
from dispatch.store.pool import Database
from dispatch.store.reporting import read_responses
from tests.db.service_kit import ALAMEDA, MASTER_KEY, check_county, running
from tests.unit.dispatch.board_kit import on_team


async def test_it_is_back_on_every_nodes_board_and_counts_as_what_became_of_it(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident = await desk.determined()
        began = clock.now()
        clock.advance(600)
        await desk.do(CancelIncident(incident_id=incident, reason="caller_cancelled"))
        assert incident not in desk.board.incidents
        before = await desk.service.county(ALAMEDA).incident(incident)
        clock.advance(600)
        command = ReopenIncident(incident_id=incident, reason="ended_in_error")
        done = await desk.do(command)
        assert done.result["due_at"] == before.due_at
        after = desk.board.incidents[incident]
        assert (after.state, after.determined_at) == (IncidentState.DETERMINED, began)
        assert after.records == before.records and after.clinical == before.clinical
        async with Service(database, clock, clock, MASTER_KEY) as other:
            assert other.county(ALAMEDA).board == desk.board
        await check_county(database, ALAMEDA, desk.service)

        async def fate() -> Fate:
            span = (began - timedelta(days=1), began + timedelta(days=1))
            [one] = await read_responses(database, ALAMEDA, *span)
            return fate_of(one, clock.now())

        assert await fate() is Fate.NOT_DUE_YET
        run = await desk.running(incident, team)
        clock.advance(600)
        await desk.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=on_team(team))
        assert await fate() is Fate.ON_TIME
        types = [
            type(e.body).__name__ for e in await desk.service.county(ALAMEDA).timeline(incident)
        ]
        assert types.index("IncidentCancelled") < types.index("IncidentReopened")
        await check_county(database, ALAMEDA, desk.service)
