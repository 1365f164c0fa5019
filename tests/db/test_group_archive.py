"""Commands of one group about what leaves the board in that group, or had left it before."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from crisis.clock import FakeClock
from crisis.commands import (
    AddNote,
    CloseIncident,
    Determine,
    EncounterInput,
    EnterAssignment,
    OpenIncident,
    RecordEncounter,
)
from crisis.errors import Conflict
from crisis.ids import IncidentId, derived
from crisis.incident.state import IncidentState
from crisis.states import Source
from crisis.triage import Acuity
from dispatch.store.pool import Database
from tests.db.service_kit import ALAMEDA, Desk, check_county, running
from tests.unit.dispatch.board_kit import SUPERVISOR

PAPERS: dict[str, Any] = {
    "by": SUPERVISOR,
    "source": Source.BACK_ENTRY,
    "reason": "system_outage",
}


async def together(desk: Desk, *commands: Any, how: Any = None) -> list[Any]:
    """Submit commands that are decided one after the other in one group; refusals as values."""
    sent = [desk.do(command, **(how or {})) for command in commands]
    groups = desk.service.stats.groups
    answers = await asyncio.gather(*sent, return_exceptions=True)
    assert desk.service.stats.groups == groups + 1, "they were not one group"
    return answers


async def test_what_is_closed_and_written_about_in_one_group_stays_closed(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident = await desk.cycle(team)
        [run] = desk.board.incidents[incident].assignments
        record = RecordEncounter(
            assignment_id=run.id, encounter=EncounterInput(disposition="stabilized_referral")
        )
        answers = await together(
            desk,
            CloseIncident(incident_id=incident),
            AddNote(incident_id=incident, text="seen"),
            record,
        )
        assert [getattr(one, "code", None) for one in answers] == [None, None, None]
        await check_county(database, ALAMEDA, desk.service)
        found = await desk.service.county(ALAMEDA).incident(incident)
        assert found.state is IncidentState.CLOSED and found.archived
        assert len(found.encounters) == 2


async def test_two_words_about_what_left_long_ago_are_both_kept(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident = await desk.cycle(team)
        await desk.do(CloseIncident(incident_id=incident))
        before = await desk.service.county(ALAMEDA).incident(incident)
        await together(
            desk,
            AddNote(incident_id=incident, text="one"),
            AddNote(incident_id=incident, text="two"),
        )
        after = await desk.service.county(ALAMEDA).incident(incident)
        assert len(after.records) == len(before.records) + 2
        await check_county(database, ALAMEDA, desk.service)


async def test_what_is_opened_ended_and_written_about_in_one_group_can_be_read(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        opening = desk.envelope(OpenIncident(narrative="she said"))
        incident = await _opened_by(desk, opening)
        found = await desk.service.county(ALAMEDA).incident(incident)
        assert found.state is IncidentState.CLOSED
        assert len(found.records) == 2
        await check_county(database, ALAMEDA, desk.service)


async def _opened_by(desk: Desk, opening: Any) -> IncidentId:
    """Open, send nobody and note in one group; its id follows from the command's."""
    incident = IncidentId(derived(opening.command_id, "incident"))
    answers = await asyncio.gather(
        desk.service.submit(opening),
        desk.do(
            Determine(incident_id=incident, decision="no_dispatch", reason="resolved_by_phone")
        ),
        desk.do(AddNote(incident_id=incident, text="over")),
    )
    assert len({answer.seq for answer in answers}) == 3
    return incident


async def test_two_papers_of_one_team_and_time_are_refused_in_one_group_too(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        began = clock.now()
        clock.advance(4 * 3600)
        papers = []
        for number in ("P1", "P2"):
            at = {**PAPERS, "occurred_at": began}
            opened = await desk.do(OpenIncident(paper_number=number), **at)
            papers.append(opened.result["incident_id"])
            determine = Determine(incident_id=papers[-1], decision="dispatch", acuity=Acuity.URGENT)
            await desk.do(determine, **at)
        first, second = (
            EnterAssignment(
                incident_id=paper,
                team_id=team,
                accepted_at=began + timedelta(minutes=5),
                on_scene_at=began + timedelta(minutes=25),
                cleared_at=began + timedelta(minutes=55),
            )
            for paper in papers
        )
        answers = await together(
            desk, first, CloseIncident(incident_id=papers[0]), second, how=PAPERS
        )
        assert isinstance(answers[2], Conflict) and answers[2].code == "team_was_on_a_run"
        await check_county(database, ALAMEDA, desk.service)
