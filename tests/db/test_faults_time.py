"""Clocks that are off, and nights on which local time jumps: every instant stays what it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from crisis.assignment import Status
from crisis.clock import FakeClock
from crisis.commands import (
    AcceptOffer,
    CancelIncident,
    ClearAssignment,
    EncounterInput,
    OpenIncident,
    ReportStatus,
)
from crisis.errors import CrisisError, Invalid
from crisis.ids import AssignmentId, IncidentId, TeamId
from crisis.incident.state import Incident
from crisis.obligation import Obligation, ObligationKind
from dispatch.run.service import Service
from dispatch.store.pool import County, Database
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, check_county, running
from tests.db.test_wakeups import first_offer, pass_deadline, pending, settle
from tests.unit.dispatch.board_kit import on_team

PACIFIC = ZoneInfo("America/Los_Angeles")
#: The hour 01:00 to 02:00 happens twice; the second begins at 09:00 UTC.
AUTUMN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
#: The hour 02:00 to 03:00 never happens; 03:00 begins at 10:00 UTC.
SPRING = datetime(2026, 3, 8, 10, 0, tzinfo=UTC)
NIGHTS = pytest.mark.parametrize("jump", [AUTUMN, SPRING], ids=["autumn", "spring"])
STEPS = (Status.EN_ROUTE, Status.ON_SCENE, Status.CONTACT)


async def report(
    desk: Desk,
    run: AssignmentId,
    team: TeamId,
    status: Status,
    *,
    at: datetime | None = None,
    sent_at: datetime | None = None,
) -> None:
    """The team's phone reports a state."""
    await desk.do(
        ReportStatus(assignment_id=run, status=status, briefed_by="desk"),
        by=on_team(team),
        occurred_at=at,
        sent_at=sent_at,
    )


async def the_incident(desk: Desk, incident_id: IncidentId) -> Incident:
    found = await desk.service.county(ALAMEDA).incident(incident_id)
    assert isinstance(found, Incident)
    return found


@NIGHTS
async def test_a_response_across_the_jump_takes_as_long_as_it_took(
    database: Database, jump: datetime
) -> None:
    clock = FakeClock(jump - timedelta(minutes=20))
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.determined()
        determined_at = clock.now()
        run = await desk.running(incident_id, team)
        for status in STEPS:
            clock.advance(timedelta(minutes=15))
            await report(desk, run, team, status)
        incident = await the_incident(desk, incident_id)
        assert incident.determined_at == determined_at
        assert incident.first_on_scene_at == determined_at + timedelta(minutes=30)
        assert incident.standard is not None and incident.due_at is not None
        minutes = timedelta(minutes=incident.standard.minutes)
        assert incident.due_at - determined_at == minutes, "elapsed time, not the wall's"
        encounter = EncounterInput(disposition="stabilized_safety_plan")
        await desk.do(ClearAssignment(assignment_id=run, encounters=(encounter,)), by=on_team(team))
        owed = {o.kind: o for o in desk.board.obligations.values()}
        arrived = jump + timedelta(minutes=10)
        # A day of the calendar is a local one, of 23 or 25 hours; hours are hours.
        note_day = owed[ObligationKind.NOTE].due_at.astimezone(PACIFIC)
        assert (note_day - timedelta(seconds=1)).date() - arrived.astimezone(PACIFIC).date() <= (
            timedelta(days=1)
        )
        assert owed[ObligationKind.PLAN_NOTICE].due_at - arrived <= timedelta(hours=48)
        assert _hours(owed[ObligationKind.FOLLOW_UP], arrived) <= 72.5


def _hours(obligation: Obligation, since: datetime) -> float:
    return (obligation.due_at - since).total_seconds() / 3600


@NIGHTS
async def test_offers_expire_and_shifts_end_by_elapsed_time_across_the_jump(
    database: Database, jump: datetime
) -> None:
    clock = FakeClock(jump - timedelta(seconds=30))
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(2)]
        began = clock.now()
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        window = pending(desk, incident).expires_at - began
        await pass_deadline(desk, clock)
        assert clock.now() - began == window
        assert pending(desk, incident).rung == 2
        await desk.do(CancelIncident(incident_id=incident, reason="person_left"))
        ends = {shift.ends_at for shift in desk.board.shifts.values()}
        assert ends == {began + timedelta(hours=10)}
        clock.advance(timedelta(hours=9, minutes=50))
        await settle(desk)
        assert desk.board.shifts, "one hour too early or too late"
        clock.advance(timedelta(minutes=10))
        await settle(desk)
        assert not desk.board.shifts


@NIGHTS
async def test_reports_from_the_hour_that_is_twice_or_never_keep_their_instants(
    database: Database, jump: datetime
) -> None:
    clock = FakeClock(jump - timedelta(hours=1))
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.determined()
        run = await desk.running(incident_id, team)
        began = clock.now()
        clock.set(jump + timedelta(hours=1, minutes=30))
        # Told late, in local time with its offset: before the jump, and after it.
        said = {
            Status.EN_ROUTE: (began + timedelta(minutes=30)).astimezone(PACIFIC),
            Status.ON_SCENE: (jump + timedelta(minutes=30)).astimezone(PACIFIC),
        }
        if jump == AUTUMN:
            walls = {at.strftime("%H:%M") for at in said.values()}
            assert walls == {"01:30"}, "the same time on the wall"
        for status, at in said.items():
            await report(desk, run, team, status, at=at)
        incident = await the_incident(desk, incident_id)
        (assignment,) = incident.assignments
        for status, at in said.items():
            told = assignment.milestones[status]
            assert told == at.astimezone(UTC)
            assert told.tzinfo is UTC, "each node must show it in the same letters"
        assert incident.first_on_scene_at == jump + timedelta(minutes=30)


@pytest.mark.parametrize("hours", [-9, -1, 1, 9])
async def test_a_phone_whose_clock_is_off_by_hours_is_corrected_by_what_it_says_when_sending(
    database: Database, clock: FakeClock, hours: int
) -> None:
    off = timedelta(hours=hours)
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.determined()
        run = await desk.running(incident_id, team)
        clock.advance(timedelta(minutes=30))
        en_route_at = clock.now() - timedelta(minutes=20)
        await report(
            desk, run, team, Status.EN_ROUTE, at=en_route_at + off, sent_at=clock.now() + off
        )
        (assignment,) = (await the_incident(desk, incident_id)).assignments
        assert assignment.milestones[Status.EN_ROUTE] == en_route_at
        timeline = await desk.service.county(ALAMEDA).timeline(incident_id)
        assert timeline[-1].device_at == en_route_at + off


async def test_a_phone_ahead_that_does_not_say_so_is_kept_as_disputed_and_moves_nothing(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident_id = await desk.determined()
        run = await desk.running(incident_id, team)
        before = await the_incident(desk, incident_id)
        for wrong in (timedelta(hours=5), timedelta(days=-3)):
            with pytest.raises(CrisisError) as refusal:
                await report(desk, run, team, Status.ON_SCENE, at=clock.now() + wrong)
            assert refusal.value.kind in {"conflict", "invalid"}, refusal.value.code
        after = await the_incident(desk, incident_id)
        assert after.assignments[0].milestones == before.assignments[0].milestones
        assert after.first_on_scene_at is None
        async with database.tx(County(ALAMEDA), mode="read") as con:
            kept = await con.fetchval(
                "SELECT count(*) FROM command_results WHERE answer ? 'refusal'"
            )
        assert kept == 2, "what a phone was refused is kept"


async def test_an_acceptance_after_the_expiry_is_refused_whatever_the_phone_s_clock_said(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident = await desk.determined()
        offer = await desk.offered(incident, team)
        in_time = clock.now()
        clock.advance(timedelta(minutes=10))
        with pytest.raises(CrisisError) as refusal:
            await desk.do(
                AcceptOffer(offer_id=offer), by=on_team(team), occurred_at=in_time, sent_at=in_time
            )
        assert refusal.value.code == "offer_expired"
        assert desk.board.incidents[incident].assignments == ()


async def test_a_clock_that_is_a_little_behind_never_lets_the_log_go_back(
    database: Database, clock: FakeClock
) -> None:
    behind = FakeClock(clock.now() - timedelta(seconds=2))
    async with running(database, clock, check=False) as desk:
        await desk.do(OpenIncident())
        at = clock.now()
    async with Service(database, behind, behind, MASTER_KEY) as service:
        incident = await Desk(service).opened()
        timeline = await service.county(ALAMEDA).timeline(incident)
        assert {event.recorded_at for event in timeline} == {at}


async def test_a_log_that_a_wrong_clock_wrote_is_neither_followed_nor_waited_for_but_told_of(
    database: Database, clock: FakeClock
) -> None:
    right = FakeClock(clock.now() - timedelta(minutes=10))
    async with running(database, clock, check=False) as wrong:
        await wrong.do(OpenIncident())
    async with Service(database, right, right, MASTER_KEY) as service:
        desk, county = Desk(service), service.county(ALAMEDA)
        assert county.leapt_to == clock.now()
        assert county.now() == right.now()
        for _ in range(3):
            await service.tick()
        async with database.tx(County(ALAMEDA), mode="read") as con:
            rows = await con.fetch("SELECT recipient FROM outbox WHERE template = 'clock_leapt'")
        told = [row["recipient"] for row in rows]
        assert set(told) >= {"role:supervisor", "role:admin"}
        assert len(told) == len(set(told)), "once"
        # Timers go on: an offer made now expires in its own time.
        team, _ = await desk.team("Blue 1"), await desk.team("Blue 2")
        assert county.leapt_to is None
        incident = await desk.determined()
        await first_offer(desk, incident, team)
        began = right.now()
        window = pending(desk, incident).expires_at - began
        right.advance(window)
        await settle(desk)
        assert pending(desk, incident).rung == 2
        timeline = await county.timeline(incident)
        assert {event.recorded_at for event in timeline} <= {began, right.now()}
        await check_county(database, ALAMEDA, service)


@pytest.mark.parametrize("far", [timedelta(hours=5), timedelta(days=400)])
async def test_a_desk_can_not_date_an_act_into_the_future(
    database: Database, clock: FakeClock, far: timedelta
) -> None:
    async with running(database, clock) as desk:
        with pytest.raises(Invalid) as refusal:
            await desk.do(OpenIncident(), occurred_at=clock.now() + far)
        assert refusal.value.code == "occurred_in_future"
        assert desk.board.incidents == {}
