"""What a commit makes due is seen to at once: nobody waits for the second's tick.

The ticker here never ticks by itself; whatever happens was asked for by a commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import msgspec

from crisis.clock import FakeClock
from crisis.commands import AcceptOffer, WithdrawOffer
from crisis.ids import AssignmentId
from crisis.policy import CountyPolicy, OfferPolicy
from dispatch.choose.seek import Seeker, Sent
from dispatch.due import SEARCH_AGAIN, due
from dispatch.run.county import CountyRunner
from dispatch.run.service import Service
from dispatch.run.supervise import Supervisor
from dispatch.run.ticker import Ticker
from dispatch.store import administration
from dispatch.store.pool import Database
from dispatch.store.upkeep import UpkeepRuns
from tests.db.service_kit import ALAMEDA, Desk, running
from tests.db.test_wakeups import clear, deadline, decline, first_offer, offers, pending
from tests.unit.dispatch.board_kit import on_team

Eventually = Callable[..., Awaitable[None]]


async def _nothing() -> None:
    return None


@asynccontextmanager
async def awake(database: Database, clock: FakeClock) -> AsyncIterator[tuple[Desk, list[int]]]:
    """A county whose commits wake the clockwork, and how often one did."""
    woken: list[int] = []
    async with (
        running(database, clock) as desk,
        Supervisor(clock) as supervisor,
        Ticker(
            supervisor,
            clock=clock,
            machine=clock,
            tick=_nothing,
            runs=UpkeepRuns(database, "node", clock),
            every_s=3_600,
        ) as ticker,
    ):

        def on_due(runner: CountyRunner) -> None:
            woken.append(runner.board.seq)
            ticker.ask_now("county", partial(desk.service.see_to, runner))

        desk.service.on_due = on_due
        yield desk, woken
        assert supervisor.failing() == []


def at_rest(desk: Desk) -> bool:
    """Whether nothing is due now."""
    runner = desk.service.county(ALAMEDA)
    return not due(desk.board, runner.now(), runner.rules())


async def test_the_next_best_is_asked_in_the_same_pass_in_which_an_offer_expired(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(f"Blue {n}") for n in range(2)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        clock.advance(deadline(desk))
        await desk.service.tick()
        assert pending(desk, incident).team_id == teams[1]
        assert at_rest(desk)


async def test_a_declined_or_a_withdrawn_offer_is_seen_to_without_a_tick(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    async with awake(database, clock) as (desk, woken):
        teams = [await desk.team(f"Blue {n}") for n in range(4)]
        incident = await desk.determined()
        await first_offer(desk, incident, teams[0])
        assert woken == [], "nothing is due yet"

        await decline(desk, pending(desk, incident))
        await eventually(lambda: len(offers(desk, incident)) == 2)
        assert pending(desk, incident).team_id != teams[0]

        await desk.do(WithdrawOffer(offer_id=pending(desk, incident).id))
        await eventually(lambda: len(offers(desk, incident)) == 3)
        await eventually(lambda: at_rest(desk))

        assert len(woken) == 2


async def test_a_new_need_and_a_freed_team_are_seen_to_without_a_tick(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    async with awake(database, clock) as (desk, _):
        policy = CountyPolicy(
            version="auto",
            effective_from=clock.now() - timedelta(days=1),
            offers=OfferPolicy(auto_offer=True),
        )
        await administration.add_policy(database, ALAMEDA, policy)
        await desk.service.county(ALAMEDA).read_rules()
        blue = await desk.team("Blue")
        first = await desk.determined()
        await eventually(lambda: len(offers(desk, first)) == 1)
        accepted = await desk.do(AcceptOffer(offer_id=pending(desk, first).id), by=on_team(blue))
        second = await desk.determined()
        await eventually(lambda: at_rest(desk))
        assert offers(desk, second) == ()
        clock.advance(SEARCH_AGAIN)
        await clear(desk, AssignmentId(accepted.result["assignment_id"]), blue)
        await eventually(lambda: len(offers(desk, second)) == 1)
        assert pending(desk, second).team_id == blue


async def test_what_is_due_and_refused_waits_for_the_tick_however_much_goes_on(
    database: Database, clock: FakeClock, eventually: Eventually
) -> None:
    asked: list[int] = []

    class Wrong(Seeker):
        def answer(self, *args: object, **how: object) -> Sent:
            env, records = super().answer(*args, **how)  # type: ignore[arg-type]
            asked.append(1)
            command = msgspec.structs.replace(env.command, rung=99)
            return msgspec.structs.replace(env, command=command), records

    async with awake(database, clock) as (desk, woken):
        desk.service.seeker = Wrong(lambda _: {})
        team = await desk.team()
        incident = await desk.determined()
        await first_offer(desk, incident, team)
        await decline(desk, pending(desk, incident))
        await eventually(lambda: asked == [1])
        assert not at_rest(desk)
        # A pass of its own asks each thing once, and what it commits itself begins no other.
        await desk.service.tick()
        assert (len(asked), len(woken)) == (2, 1)


async def test_a_node_sees_only_to_what_its_own_commits_made_due(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident = await desk.determined()
        await first_offer(desk, incident, team)
        clock.advance(timedelta(seconds=1))
        woken: list[str] = []
        desk.service.on_due = lambda _: woken.append("own")
        async with Service(database, clock, clock, desk.service._master_key) as other:
            other.on_due = lambda _: woken.append("other")
            await decline(desk, pending(desk, incident))
            await other.county(ALAMEDA).catch_up()
        assert woken == ["own"]
