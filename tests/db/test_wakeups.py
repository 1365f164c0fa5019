"""Deadlines on a real database: what ``Service.tick`` brings about, driven by a clock that is told.

The ladder of a slot from its first offer to the last rung, of an alarm, and of what is owed; ticks
missed, ticks on two nodes, and restarts between any two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from crisis.assignment import Status
from crisis.clock import FakeClock
from crisis.commands import (
    AcceptOffer,
    AcknowledgeDuress,
    ClearAssignment,
    DeclineOffer,
    EncounterInput,
    OfferTeam,
    RaiseDuress,
    ReportStatus,
)
from crisis.ids import AssignmentId, IncidentId, OfferId, TeamId
from crisis.obligation import ObligationState
from crisis.offer import Offer, OfferState
from crisis.policy import CountyPolicy
from dispatch.choose.seek import Seeker, Sent
from dispatch.due import due, next_due
from dispatch.run.service import Service
from dispatch.run.watchdog import Watchdog
from dispatch.store.pool import County, Database
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, running
from tests.unit.dispatch.board_kit import on_team

Told = list[tuple[str, str]]


def deadline(desk: Desk) -> timedelta:
    """How long until the next thing is due; 0 = it is due now."""
    runner = desk.service.county(ALAMEDA)
    at = next_due(desk.board, runner.rules())
    assert at is not None, "nothing is due ever"
    return max(at - runner.now(), timedelta(0))


async def settle(desk: Desk, *others: Service, most: int = 30) -> None:
    """Tick, on every node at once, until nothing is due now."""
    for _ in range(most):
        runner = desk.service.county(ALAMEDA)
        if not due(desk.board, runner.now(), runner.rules()):
            return
        await asyncio.gather(*(service.tick() for service in (desk.service, *others)))
        await runner.catch_up()
    raise AssertionError("it never comes to rest")


async def pass_deadline(desk: Desk, clock: FakeClock, *others: Service) -> None:
    """Wait for the next deadline and see to it."""
    clock.advance(deadline(desk))
    await settle(desk, *others)


def offers(desk: Desk, incident_id: IncidentId) -> Sequence[Offer]:
    """The incident's offers, oldest first."""
    found: Sequence[Offer] = desk.board.incidents[incident_id].offers
    return found


def pending(desk: Desk, incident_id: IncidentId) -> Offer:
    """The one offer that waits for its answer."""
    (found,) = [offer for offer in offers(desk, incident_id) if offer.is_pending]
    return found


async def first_offer(desk: Desk, incident_id: IncidentId, team: TeamId) -> OfferId:
    """A person's offer, whatever is recommended."""
    offer = OfferTeam(incident_id=incident_id, team_id=team, override_reason="knows_area")
    return OfferId((await desk.do(offer)).result["offer_id"])


async def decline(desk: Desk, offer: Offer) -> None:
    """The team's phone says no."""
    await desk.do(DeclineOffer(offer_id=offer.id, reason="vehicle"), by=on_team(offer.team_id))


async def told(database: Database) -> Told:
    """Everything in the outbox, as recipient and template, oldest first."""
    async with database.tx(County(ALAMEDA), mode="read") as con:
        rows = await con.fetch("SELECT recipient, template FROM outbox ORDER BY outbox_id")
    return [(row["recipient"], row["template"]) for row in rows]


async def test_the_search_goes_from_team_to_team_and_then_up_the_ladder(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(4)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])

        await pass_deadline(desk, clock)
        assert offers(desk, incident)[0].state is OfferState.EXPIRED
        second = pending(desk, incident)
        assert second.rung == 2 and second.team_id != teams[0]

        await decline(desk, second)
        await settle(desk)
        third = pending(desk, incident)
        assert third.rung == 3 and third.team_id not in {teams[0], second.team_id}

        await decline(desk, third)
        await settle(desk)
        fourth = pending(desk, incident)
        assert {o.team_id for o in offers(desk, incident)} == set(teams)
        assert ("role:supervisor", "nobody_left_to_ask") not in await told(database)

        await decline(desk, fourth)
        await settle(desk)
        assert not any(offer.is_pending for offer in offers(desk, incident))
        assert (await told(database)).count(("role:supervisor", "nobody_left_to_ask")) == 1
        assert desk.board.incidents[incident].slots[0].wake_at > clock.now()


async def test_every_team_is_asked_before_the_ladder_climbs_however_many_there_are(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(15)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        for _ in teams:
            await decline(desk, pending(desk, incident))
            await settle(desk)
            if not any(offer.is_pending for offer in offers(desk, incident)):
                break
        assert {o.team_id for o in offers(desk, incident)} == set(teams)


async def test_a_freed_team_wakes_the_search_that_had_nobody_left(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        blue, green = await desk.team("Blue"), await desk.team("Green")
        elsewhere = await desk.determined()
        answer = await desk.do(
            AcceptOffer(offer_id=await first_offer(desk, elsewhere, green)), by=on_team(green)
        )
        incident = await desk.determined()
        await decline_first(desk, incident, blue)
        clock.advance(1)
        await settle(desk)
        assert ("role:supervisor", "nobody_left_to_ask") in await told(database)
        assert len(offers(desk, incident)) == 1
        clock.advance(20)
        await settle(desk)
        assert len(offers(desk, incident)) == 1, "nothing has changed yet"
        await clear(desk, AssignmentId(answer.result["assignment_id"]), green)
        await settle(desk)
        assert pending(desk, incident).team_id == green


async def decline_first(desk: Desk, incident: IncidentId, team: TeamId) -> None:
    await first_offer(desk, incident, team)
    await decline(desk, pending(desk, incident))


async def clear(desk: Desk, run: AssignmentId, team: TeamId) -> None:
    """Bring a run to its end; the team is free afterwards."""
    for status in (Status.EN_ROUTE, Status.ON_SCENE, Status.CONTACT):
        await desk.do(
            ReportStatus(assignment_id=run, status=status, briefed_by="desk"), by=on_team(team)
        )
    encounter = EncounterInput(disposition="stabilized_safety_plan")
    await desk.do(ClearAssignment(assignment_id=run, encounters=(encounter,)), by=on_team(team))
    await desk.do(ReportStatus(assignment_id=run, status=Status.READY), by=on_team(team))


async def test_two_nodes_that_meet_one_deadline_make_one_expiry_and_one_next_offer(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(3)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        async with (
            Service(database, clock, clock, MASTER_KEY) as second,
            Service(database, clock, clock, MASTER_KEY) as third,
        ):
            for rung in (2, 3):
                await pass_deadline(desk, clock, second, third)
                assert len(offers(desk, incident)) == rung
                assert pending(desk, incident).rung == rung
            for service in (second, third):
                await service.county(ALAMEDA).catch_up()
                assert service.county(ALAMEDA).board == desk.board
        expired = [t for t in await told(database) if t[1] == "offer_expired"]
        assert len(expired) == 2


async def test_an_offer_made_before_a_restart_expires_after_it_and_the_next_best_is_asked(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock, check=False) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(2)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
    # While nobody was there the deadline passed, long ago.
    clock.advance(timedelta(minutes=7))
    async with Service(database, clock, clock, MASTER_KEY) as service:
        desk = Desk(service)
        await settle(desk)
        assert offers(desk, incident)[0].state is OfferState.EXPIRED
        assert pending(desk, incident).team_id == teams[1]


async def test_an_acceptance_and_the_expiry_at_the_same_instant_are_one_or_the_other(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(2)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        async with Service(database, clock, clock, MASTER_KEY) as other:
            clock.advance(deadline(desk))
            offer = pending(desk, incident)
            await asyncio.gather(
                other.tick(),
                desk.do(AcceptOffer(offer_id=offer.id), by=on_team(teams[0])),
                return_exceptions=True,
            )
            await desk.service.county(ALAMEDA).catch_up()
        states = [o.state for o in offers(desk, incident)]
        runs = desk.board.incidents[incident].assignments
        assert (states[0], len(runs)) in {(OfferState.ACCEPTED, 1), (OfferState.EXPIRED, 0)}


async def test_an_alarm_nobody_takes_in_hand_climbs_to_the_supervisor_and_the_on_call(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        alarm = (await desk.do(RaiseDuress(), by=on_team(team))).result["duress_id"]
        assert await told(database) == [("role:dispatcher", "duress_raised")]
        clock.advance(29)
        await desk.service.tick()
        assert len(await told(database)) == 1
        clock.advance(1)
        await settle(desk)
        assert (await told(database))[1:] == [("role:supervisor", "duress_supervisor")]
        clock.advance(30)
        await settle(desk)
        assert ("role:on_call", "duress_on_call") in await told(database)
        clock.advance(60)
        await settle(desk)
        assert ("role:on_call", "duress_watchdog") in await told(database)
        rings = len(await told(database))
        await desk.do(AcknowledgeDuress(duress_id=alarm))
        clock.advance(600)
        await settle(desk)
        duress = [t for t in (await told(database))[rings:] if t[1].startswith("duress_")]
        assert duress == []


async def test_a_missed_check_in_raises_the_alarm(database: Database, clock: FakeClock) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        run = await desk.running(await desk.determined(), team)
        await desk.do(
            ReportStatus(assignment_id=run, status=Status.EN_ROUTE, briefed_by="desk"),
            by=on_team(team),
        )
        policy: CountyPolicy = desk.service.county(ALAMEDA).rules().policy
        check_ins = policy.check_ins
        clock.advance(check_ins.en_route_s + check_ins.grace_s - 1)
        await settle(desk)
        assert not desk.board.duress
        clock.advance(2)
        await settle(desk)
        (alarm,) = desk.board.duress.values()
        assert (alarm.cause, alarm.team_id) == ("missed_check_in", team)
        assert ("role:dispatcher", "duress_raised") in await told(database)


async def test_what_is_owed_and_not_done_is_missed_once(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        await desk.cycle(await desk.team())
        owed = len(desk.board.obligations)
        assert owed > 0
        clock.advance(timedelta(days=5))
        await settle(desk)
        missed = [o for o in desk.board.obligations.values() if o.state is ObligationState.MISSED]
        assert len(missed) == owed
        seq = desk.board.seq
        await settle(desk)
        clock.advance(timedelta(days=1))
        await desk.service.tick()
        assert desk.board.seq == seq


async def test_a_tick_after_a_long_sleep_is_harmless(database: Database, clock: FakeClock) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(3)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        await desk.do(RaiseDuress(), by=on_team(teams[2]))
        clock.advance(timedelta(hours=40))
        await settle(desk)
        assert offers(desk, incident)[0].state is OfferState.EXPIRED
        # Their shift is long over; only the alarm holds one of them on.
        on_shift = {shift.team_id for shift in desk.board.shifts.values()}
        assert on_shift == {teams[2]}
        assert ("role:supervisor", "nobody_left_to_ask") in await told(database)
        # Everything that was missed rang, and the ladder is where it belongs by now.
        assert ("role:on_call", "duress_watchdog") in await told(database)
        for alarm in desk.board.duress.values():
            assert alarm.next_rung_at is None or alarm.next_rung_at > clock.now()


async def test_teams_are_ranked_as_of_now_and_not_as_of_the_last_thing_that_happened(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        await desk.team()
        incident = await desk.determined()
        clock.advance(timedelta(minutes=25))
        found = await desk.service.recommend(ALAMEDA, incident)
        assert found.at == clock.now()


class _Broken(Seeker):
    """Cannot rank anybody."""

    def answer(self, *args: object, **kwargs: object) -> Sent:
        raise RuntimeError("no ranking today")


async def test_a_search_that_fails_each_time_is_told_to_people_once(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        service = desk.service
        service.seeker = _Broken(lambda _: {})
        team = await desk.team("Blue 1")
        incident = await desk.determined()
        offer_id = await first_offer(desk, incident, team)
        await desk.do(DeclineOffer(offer_id=offer_id, reason="vehicle"), by=on_team(team))
        dog = Watchdog(lambda: service.counties, service.submit)
        for _ in range(3):
            clock.advance(31)
            with pytest.raises(ExceptionGroup):
                await service.tick()
            await dog.look()
        assert [one.kind for one in dog.overlooked[ALAMEDA]] == ["search"]
        alarms = [to for to, template in await told(database) if template == "overlooked"]
        assert sorted(alarms) == [
            "role:admin",
            "role:dispatcher",
            "role:on_call",
            "role:supervisor",
        ]
