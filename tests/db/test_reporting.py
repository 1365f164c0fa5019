"""The report out of a real database: what the log says, and what its figures list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crisis.assignment import Status
from crisis.clock import FakeClock
from crisis.commands import (
    CancelIncident,
    ChangeCrew,
    ClearAssignment,
    CloseIncident,
    Determine,
    MergeIncident,
    ReportStatus,
)
from crisis.ids import IncidentId, TeamId
from dispatch.reports.figures import ALL, Fate, Line, fate_of, response_times
from dispatch.store.pool import Database
from dispatch.store.reporting import read_responses
from tests.db.service_kit import ADMIN, ALAMEDA, Desk, running
from tests.unit.dispatch.board_kit import on_team

DAY = timedelta(days=1)


async def arrive(
    desk: Desk, clock: FakeClock, incident_id: IncidentId, team: TeamId, minutes: float
) -> None:
    """A team arrives so many minutes from now, is done at once, and the incident is closed."""
    run = await desk.running(incident_id, team)
    clock.advance(minutes * 60)
    who = on_team(team)
    for status in (Status.EN_ROUTE, Status.ON_SCENE):
        await desk.do(ReportStatus(assignment_id=run, status=status, briefed_by="desk"), by=who)
    await desk.do(ClearAssignment(assignment_id=run), by=who)
    await desk.do(CloseIncident(incident_id=incident_id))


async def fates(database: Database, clock: FakeClock) -> dict[int, Fate]:
    """What became of each response by now, by its number."""
    now = clock.now()
    found = await read_responses(database, ALAMEDA, now - 2 * DAY, now + DAY)
    return {one.number: fate_of(one, now) for one in found}


async def test_what_became_of_each_response_is_what_happened_to_it(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        in_time = await desk.determined()
        await arrive(desk, clock, in_time, team, 59)
        late = await desk.determined()
        await arrive(desk, clock, late, team, 61)
        called_off = await desk.determined()
        await desk.do(CancelIncident(incident_id=called_off, reason="caller_cancelled"))
        called_off_late = await desk.determined()
        unserved = await desk.determined()
        waiting = await desk.determined()
        clock.advance(61 * 60)
        await desk.do(CancelIncident(incident_id=called_off_late, reason="caller_cancelled"))
        await desk.do(
            CloseIncident(incident_id=unserved, outcome="unserved", reason="no_team_available")
        )
        nobody_sent = await desk.opened()
        await desk.do(
            Determine(incident_id=nobody_sent, decision="no_dispatch", reason="resolved_by_phone")
        )
        await desk.opened()
        new = await desk.determined()
        assert await fates(database, clock) == {
            1: Fate.ON_TIME,
            2: Fate.LATE,
            3: Fate.CANCELLED_IN_TIME,
            4: Fate.CANCELLED_LATE,
            5: Fate.UNSERVED,
            6: Fate.STILL_WAITING,
            9: Fate.NOT_DUE_YET,
        }
        assert waiting != new


async def test_a_crew_that_does_not_count_stops_no_clock_however_soon_it_came(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.determined()
        run = await desk.running(incident_id, team)
        lone = desk.board.teams[team].crew[1:]
        shift_id = desk.board.teams[team].shift_id
        await desk.do(ChangeCrew(shift_id=shift_id, crew=lone, reason="member_left"), by=ADMIN)
        clock.advance(600)
        await desk.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=on_team(team))
        assert await fates(database, clock) == {1: Fate.NOT_DUE_YET}
        await desk.do(ClearAssignment(assignment_id=run), by=on_team(team))
        await desk.do(CloseIncident(incident_id=incident_id))
        assert await fates(database, clock) == {1: Fate.NOT_QUALIFYING}


async def test_a_merged_incident_counts_once_and_from_the_earlier_determination(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        first = await desk.determined()
        clock.advance(40 * 60)
        second = await desk.determined()
        await desk.do(MergeIncident(incident_id=first, into=second))
        await arrive(desk, clock, second, team, 30)
        [one] = await read_responses(database, ALAMEDA, clock.now() - DAY, clock.now() + DAY)
        assert one.minutes == 70
        assert fate_of(one, clock.now()) is Fate.LATE


async def test_a_report_lists_the_responses_behind_its_figures(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        began = clock.now()
        for minutes in (20, 40, 90):
            await arrive(desk, clock, await desk.determined(), team, minutes)
        line = await whole_report(desk, database, clock, began - DAY)
        assert (line.arrived.numerator, line.arrived.denominator) == (2, 3)
        assert [(r.number, r.minutes) for r in line.by_arrival["on_time"]] == [(1, 20), (2, 40)]
        assert [(r.number, r.minutes) for r in line.by_arrival["late"]] == [(3, 90)]
        for ref in (r for refs in line.by_determination.values() for r in refs):
            timeline = await desk.service.county(ALAMEDA).timeline(ref.incident_id)
            assert timeline, "every number can be opened down to its timeline"


async def whole_report(desk: Desk, database: Database, clock: FakeClock, since: Any) -> Line:
    """The line over the whole period and all classes."""
    now = clock.now()
    responses = await read_responses(database, ALAMEDA, since, now + DAY)
    made = response_times(
        ALAMEDA,
        responses,
        since=since,
        until=now + DAY,
        as_of=now,
        zone=desk.service.county(ALAMEDA).rules().policy.tz(),
    )
    [line] = [x for x in made.lines if (x.month, x.area_class) == (ALL, ALL)]
    return line
