"""The service: commands to a real database and back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from crisis.assignment import Status
from crisis.clock import FakeClock, new_id
from crisis.commands import (
    AcceptOffer,
    AddNote,
    CancelIncident,
    CloseIncident,
    EncounterInput,
    OfferTeam,
    OpenIncident,
    RecordEncounter,
    ReportStatus,
)
from crisis.errors import Conflict, CrisisError, Invalid, NotFound
from crisis.ids import CountyId, IncidentId
from crisis.incident.state import Phase
from crisis.roles import Role
from crisis.states import Source
from dispatch.run.service import GroupDone, Service
from dispatch.store.pool import County, Database
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, check_county, running
from tests.unit.dispatch.board_kit import DISPATCHER, on_team, person, uid


async def test_a_call_for_help_is_followed_from_the_opening_to_the_clear(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.cycle(team)
        incident = await desk.service.county(ALAMEDA).incident(incident_id)
        assert incident.phase is Phase.CLEARED
        assert incident.first_on_scene_at is not None
        await desk.do(CloseIncident(incident_id=incident_id))
        assert incident_id not in desk.board.incidents
        closed = await desk.service.county(ALAMEDA).incident(incident_id)
        assert closed.state.value == "closed"
        assert closed.clinical.point is not None


async def test_commands_that_arrive_together_are_committed_together(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        before = desk.service.stats.groups
        answers = await asyncio.gather(*(desk.do(OpenIncident()) for _ in range(60)))
        assert len({a.result["number"] for a in answers}) == 60
        assert desk.service.stats.groups - before <= 3


async def test_the_same_command_again_is_answered_the_same_and_changes_nothing(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        command_id = new_id()
        first = await desk.do(OpenIncident(), command_id=command_id)
        again = await desk.do(OpenIncident(), command_id=command_id)
        assert str(again.result["incident_id"]) == str(first.result["incident_id"])
        assert again.seq == first.seq
        assert len(desk.board.incidents) == 1


async def test_a_repeat_is_known_after_a_restart_and_on_another_node(
    database: Database, clock: FakeClock
) -> None:
    command_id = new_id()
    async with running(database, clock) as desk:
        first = await desk.do(OpenIncident(), command_id=command_id)
        async with Service(database, clock, clock, MASTER_KEY) as other:
            again = await Desk(other).do(OpenIncident(), command_id=command_id)
        assert str(again.result["incident_id"]) == str(first.result["incident_id"])
        assert again.seq == first.seq


async def test_repeats_inside_one_group_are_one_command(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        command_id = new_id()
        answers = await asyncio.gather(
            *(desk.do(OpenIncident(), command_id=command_id) for _ in range(5))
        )
        assert len({str(a.result["incident_id"]) for a in answers}) == 1
        assert len(desk.board.incidents) == 1


async def test_one_id_with_two_bodies_is_refused(database: Database, clock: FakeClock) -> None:
    async with running(database, clock) as desk:
        command_id = new_id()
        await desk.do(OpenIncident(), command_id=command_id)
        with pytest.raises(Invalid) as refusal:
            await desk.do(OpenIncident(referral_source="self"), command_id=command_id)
        assert refusal.value.code == "idempotency_key_reused"


async def test_a_refused_act_of_a_phone_is_kept_and_answered_the_same_again(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team, other = await desk.team("Blue 1"), await desk.team("Blue 2")
        offer = await desk.offered(await desk.determined(), team)
        command_id = new_id()
        codes = []
        for _ in range(2):
            with pytest.raises(CrisisError) as refusal:
                await desk.do(AcceptOffer(offer_id=offer), by=on_team(other), command_id=command_id)
            codes.append(refusal.value.code)
        assert codes == ["not_your_team", "not_your_team"]
        async with database.tx(County(ALAMEDA)) as con:
            kept = await con.fetchval(
                "SELECT answer FROM command_results WHERE command_id = $1", command_id
            )
        assert "not_your_team" in kept


async def test_of_300_dispatchers_who_offer_one_team_at_once_one_succeeds(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incidents = [await desk.determined() for _ in range(5)]
        results = await asyncio.gather(
            *(
                desk.do(
                    OfferTeam(incident_id=incidents[n % 5], team_id=team),
                    by=person(f"dispatcher {n}", Role.DISPATCHER),
                )
                for n in range(300)
            ),
            return_exceptions=True,
        )
        refusals = [r for r in results if isinstance(r, BaseException)]
        assert len(results) - len(refusals) == 1
        assert all(isinstance(r, Conflict) for r in refusals), refusals[:3]


async def test_two_nodes_deciding_for_one_county_never_double_book(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock, check=False) as one:
        team = await one.team()
        incidents = [await one.determined() for _ in range(4)]
        async with Service(database, clock, clock, MASTER_KEY) as second:
            two = Desk(second)
            results = await asyncio.gather(
                *(
                    node.do(OfferTeam(incident_id=incident, team_id=team))
                    for incident in incidents
                    for node in (one, two)
                    for _ in range(5)
                ),
                return_exceptions=True,
            )
            assert sum(not isinstance(r, BaseException) for r in results) == 1
            assert all(isinstance(r, Conflict) for r in results if isinstance(r, BaseException))
            await second.county(ALAMEDA).catch_up()
            await one.service.county(ALAMEDA).catch_up()
            assert second.county(ALAMEDA).board == one.board
            await check_county(database, ALAMEDA, one.service)


async def test_two_nodes_under_load_lose_nothing_and_agree(
    database: Database, clock: FakeClock
) -> None:
    async with (
        running(database, clock, check=False) as one,
        Service(database, clock, clock, MASTER_KEY) as second,
    ):
        two = Desk(second)
        answers = await asyncio.gather(
            *(node.do(OpenIncident()) for _ in range(100) for node in (one, two))
        )
        assert sorted(a.result["number"] for a in answers) == list(range(1, 201))
        await second.county(ALAMEDA).catch_up()
        await one.service.county(ALAMEDA).catch_up()
        assert second.county(ALAMEDA).board == one.board
        await check_county(database, ALAMEDA, second)


async def test_a_late_report_reaches_a_run_whose_incident_has_left_the_board(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.determined()
        run = await desk.running(incident_id, team)
        clock.advance(600)
        await desk.do(
            ReportStatus(assignment_id=run, status=Status.ON_SCENE, briefed_by="desk"),
            by=on_team(team),
        )
        clock.advance(600)
        await desk.do(ReportStatus(assignment_id=run, status=Status.READY), by=on_team(team))
        await desk.do(CloseIncident(incident_id=incident_id))
        assert incident_id not in desk.board.incidents
        async with Service(database, clock, clock, MASTER_KEY) as bystander:
            en_route_at = clock.now().replace(microsecond=0) - timedelta(seconds=700)
            await desk.do(
                ReportStatus(assignment_id=run, status=Status.EN_ROUTE),
                by=on_team(team),
                occurred_at=en_route_at,
            )
            await desk.do(
                RecordEncounter(
                    assignment_id=run,
                    encounter=EncounterInput(disposition="stabilized_safety_plan"),
                ),
                by=on_team(team),
            )
            await bystander.county(ALAMEDA).catch_up()
            assert bystander.county(ALAMEDA).board == desk.board
        late = await desk.service.county(ALAMEDA).incident(incident_id)
        found = late.assignment(run)
        assert found is not None and found.milestones[Status.EN_ROUTE] == en_route_at
        assert found.state is Status.READY
        assert late.encounters[0].disposition == "stabilized_safety_plan"


async def test_what_is_private_never_reaches_the_database_in_clear(
    database: Database, clock: FakeClock, admin: Any
) -> None:
    async with running(database, clock) as desk:
        incident = await desk.opened(narrative="CANARY in the narrative", concerns=("psychosis",))
        await desk.do(AddNote(incident_id=IncidentId(incident), text="CANARY in a note"))
        tables = [
            row["name"]
            for row in await admin.fetch(
                "SELECT quote_ident(relname) AS name FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = 'dispatch'::regnamespace"
            )
        ]
        assert "event_log" in tables
        for table in tables:
            for row in await admin.fetch(f"SELECT t::text AS text FROM {table} AS t"):
                for canary in ("CANARY", "psychosis", "37.8044"):
                    assert canary not in row["text"], (table, canary)


async def test_a_paper_number_is_one_incidents_even_after_that_one_was_filed(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        paper: dict[str, Any] = {
            "by": person("supervisor", Role.SUPERVISOR),
            "source": Source.BACK_ENTRY,
            "reason": "system_outage",
        }
        first = await desk.do(OpenIncident(paper_number="P17"), **paper)
        incident_id = IncidentId(first.result["incident_id"])
        await desk.do(CancelIncident(incident_id=incident_id, reason="duplicate"), **paper)
        assert incident_id not in desk.board.incidents
        with pytest.raises(Conflict) as refusal:
            await desk.do(OpenIncident(paper_number="P17"), **paper)
        assert refusal.value.code == "paper_number_taken"
        await desk.do(OpenIncident(paper_number="P18"), **paper)


async def test_an_unknown_county_and_an_unknown_incident_are_named(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        with pytest.raises(NotFound) as refusal:
            await desk.do(AddNote(incident_id=IncidentId(uid("nobody")), text="x"))
        assert refusal.value.code == "unknown_incident"
        with pytest.raises(NotFound) as refusal:
            await Desk(desk.service, CountyId(6099)).do(OpenIncident())
        assert refusal.value.code == "unknown_county"


async def test_every_listener_sees_each_group_before_its_answer_leaves(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        seen: list[GroupDone] = []
        desk.service.listeners.append(seen.append)
        answer = await desk.do(OpenIncident())
        assert [done.after.seq for done in seen] == [answer.seq]
        assert {change.kind for change in seen[0].changes} == {"incidents"}
        assert DISPATCHER.user_id is not None
