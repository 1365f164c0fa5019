"""A crew that is there though its incident was over: on every node, and after a restart."""

from __future__ import annotations

import json

import pytest

from crisis.assignment import Status
from crisis.clock import FakeClock
from crisis.commands import (
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    EncounterInput,
    MergeIncident,
    ReportStatus,
    SettleClaim,
)
from crisis.errors import Disputed
from crisis.ids import AssignmentId, IncidentId, TeamId
from crisis.incident.state import IncidentState
from dispatch.run.service import Service
from dispatch.store.pool import County, Database
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, check_county, running
from tests.unit.dispatch.board_kit import on_team

S = Status


async def _gone(desk: Desk, clock: FakeClock) -> tuple[TeamId, IncidentId, AssignmentId]:
    """A run to an incident that was cancelled and left the board while its crew was away."""
    team = await desk.team()
    incident = await desk.determined()
    run = await desk.running(incident, team)
    clock.advance(120)
    await desk.do(CancelIncident(incident_id=incident, reason="caller_cancelled"))
    assert incident not in desk.board.incidents
    clock.advance(120)
    return team, incident, run


async def _claims(desk: Desk, team: TeamId, command: Command) -> None:
    """A crew's report that contradicts the board: kept, disputed, and told to the desk."""
    with pytest.raises(Disputed):
        await desk.do(command, by=on_team(team))


async def test_an_incident_that_had_left_is_back_on_every_nodes_board_and_after_a_restart(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team, incident, run = await _gone(desk, clock)
        async with Service(database, clock, clock, MASTER_KEY) as other:
            await _claims(desk, team, ReportStatus(assignment_id=run, status=S.ON_SCENE))
            await other.county(ALAMEDA).catch_up()
            theirs, ours = other.county(ALAMEDA).board, desk.board
            assert ours.incidents[incident].holds
            assert theirs == ours
            # The other node settles it: it needs the incident's key to write it.
            there = await Desk(other).do(SettleClaim(assignment_id=run, there=True))
            assert there.result["state"] is S.ON_SCENE
            await desk.service.county(ALAMEDA).catch_up()
            assert desk.board == other.county(ALAMEDA).board
        async with Service(database, clock, clock, MASTER_KEY) as restarted:
            assert restarted.county(ALAMEDA).board == desk.board
        clock.advance(60)
        given = EncounterInput(disposition="stabilized_safety_plan")
        cleared = ClearAssignment(assignment_id=run, encounters=(given,))
        await desk.do(cleared, by=on_team(team))
        await check_county(database, ALAMEDA, desk.service)
        await desk.do(CloseIncident(incident_id=incident))
        found = await desk.service.county(ALAMEDA).incident(incident)
        assert found.state is IncidentState.CLOSED and found.archived
        assert found.clinical.point is not None and len(found.encounters) == 1


@pytest.mark.parametrize("there", [True, False])
async def test_what_came_back_is_the_same_in_the_log_and_in_the_tables(
    database: Database, clock: FakeClock, there: bool
) -> None:
    async with running(database, clock) as desk:
        team, incident, run = await _gone(desk, clock)
        given = EncounterInput(disposition="stabilized_safety_plan")
        await _claims(desk, team, ClearAssignment(assignment_id=run, encounters=(given,)))
        await check_county(database, ALAMEDA, desk.service)
        await desk.do(SettleClaim(assignment_id=run, there=there))
        await check_county(database, ALAMEDA, desk.service)
        assert (incident in desk.board.incidents) is there


async def test_a_run_of_a_merged_incident_goes_on_in_the_one_that_is_open(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        first, second = await desk.determined(), await desk.determined()
        run = await desk.running(first, team)
        await desk.do(CancelAssignment(assignment_id=run, reason="team_vehicle"))
        await desk.do(MergeIncident(incident_id=first, into=second))
        clock.advance(60)
        await _claims(desk, team, ReportStatus(assignment_id=run, status=S.ON_SCENE))
        done = await desk.do(SettleClaim(assignment_id=run, there=True))
        assert done.result["incident_id"] == second
        clock.advance(60)
        # The phone still knows the run by its first id.
        told = await desk.do(ReportStatus(assignment_id=run, status=S.CONTACT), by=on_team(team))
        assert told.result["incident_id"] == second
        await check_county(database, ALAMEDA, desk.service)
        async with Service(database, clock, clock, MASTER_KEY) as restarted:
            assert restarted.county(ALAMEDA).board == desk.board


async def test_nothing_private_stands_in_what_the_log_keeps_of_its_return(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team, incident, run = await _gone(desk, clock)
        await _claims(desk, team, ReportStatus(assignment_id=run, status=S.ON_SCENE))
        async with database.tx(County(ALAMEDA), mode="read") as con:
            row = await con.fetchrow(
                "SELECT body, sealed FROM event_log WHERE type = 'incident_returned'"
            )
        assert row is not None and row["sealed"] is not None
        assert json.loads(row["body"]) == {
            "type": "incident_returned",
            "incident_id": str(incident),
        }
