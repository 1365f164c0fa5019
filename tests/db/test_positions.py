"""Fixes on their way to the database: durable when answered, believed or not, latest or late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from crisis.board import Board
from crisis.clock import FakeClock
from crisis.errors import Unavailable
from crisis.ids import AgencyId, CountyId, ShiftId, TeamId
from crisis.team import Duty, Shift, Team
from dispatch.run import positions
from dispatch.run.positions import FixBuffer, tracked_since
from dispatch.store import positions as store
from dispatch.store.pool import County, Database, Worker
from geo.fix import DEFAULT_LIMITS, Fix, FixReason, FixSource
from geo.point import Point

FRESNO, KERN = CountyId(6019), CountyId(6029)
TEAM, OTHER = TeamId(UUID(int=1)), TeamId(UUID(int=2))
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
Eventually = Callable[..., Awaitable[None]]
if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]


ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


def fix(seconds: float = 0, north_m: float = 0, **facts: Any) -> Fix:
    """A fix ``seconds`` after eight o'clock, so many metres north of the start."""
    given: dict[str, Any] = {
        "fixed_at": NOW + timedelta(seconds=seconds),
        "received_at": NOW,
        "point": Point(lat_deg=36.7 + north_m / 111_195, lon_deg=-119.8),
        "source": FixSource.PHONE,
        "accuracy_m": 8.0,
    }
    return Fix(**{**given, **facts})


def buffer_on(database: Database, **options: Any) -> FixBuffer:
    return FixBuffer(
        database,
        options.pop("clock", FakeClock(NOW)),
        limits=lambda _, __: DEFAULT_LIMITS,
        serving=lambda: options.get("serving", (FRESNO, KERN)),
        most_waiting=options.get("most_waiting", positions.MOST_WAITING),
    )


@pytest.fixture(params=[store.MOST_IN_ONE_TRIP, 0], ids=["in one trip", "copied"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test goes both ways into the database."""
    monkeypatch.setattr(store, "MOST_IN_ONE_TRIP", request.param)


@asynccontextmanager
async def running(buffer: FixBuffer) -> AsyncIterator[FixBuffer]:
    task = asyncio.create_task(buffer.run())
    try:
        yield buffer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def taking(database: Database) -> AsyncIterator[FixBuffer]:
    async with running(buffer_on(database)) as buffer:
        yield buffer


async def history(admin: Admin, team_id: TeamId = TEAM) -> list[datetime]:
    rows = await admin.fetch(
        "SELECT fixed_at FROM fixes WHERE team_id = $1 ORDER BY fixed_at", team_id
    )
    return [row["fixed_at"] for row in rows]


async def latest(admin: Admin, team_id: TeamId = TEAM) -> datetime | None:
    at: datetime | None = await admin.fetchval(
        "SELECT fixed_at FROM latest_fixes WHERE team_id = $1", team_id
    )
    return at


async def test_an_answer_means_that_the_fixes_are_on_disk(taking: FixBuffer, admin: Admin) -> None:
    outcome = await taking.submit(FRESNO, TEAM, [fix(0), fix(10)], NOW, since=ALWAYS)
    assert outcome.kept == 2 and outcome.late == 0 and outcome.rejected == ()
    assert await history(admin) == [fix(0).fixed_at, fix(10).fixed_at]
    assert await latest(admin) == fix(10).fixed_at
    assert taking.latest(FRESNO)[TEAM] == fix(10)


async def test_every_field_comes_back_as_it_was_sent(taking: FixBuffer, database: Database) -> None:
    full = fix(0, accuracy_m=8.5, speed_mps=0.25, heading_deg=359.5, battery=0.5)
    bare = fix(5, accuracy_m=None, source=FixSource.SIMULATED)
    await taking.submit(FRESNO, TEAM, [full, bare], NOW, since=ALWAYS)
    read = await store.track(database, FRESNO, TEAM, NOW, NOW + timedelta(minutes=1))
    assert read == [full, bare]
    assert [held.fix for held in await store.latest_since(database, None, [FRESNO])] == [bare]


async def test_numbers_too_small_for_their_column_are_kept_as_nothing(
    taking: FixBuffer, database: Database
) -> None:
    tiny = fix(0, accuracy_m=1e-50, speed_mps=1e-300, heading_deg=5e-324, battery=1e-46)
    beside = fix(0)
    outcomes = await asyncio.gather(
        taking.submit(FRESNO, TEAM, [tiny], NOW, since=ALWAYS),
        taking.submit(FRESNO, OTHER, [beside], NOW, since=ALWAYS),
    )
    assert [outcome.kept for outcome in outcomes] == [1, 1]
    (read,) = await store.track(database, FRESNO, TEAM, NOW, NOW + timedelta(minutes=1))
    assert (read.accuracy_m, read.speed_mps, read.heading_deg, read.battery) == (0, 0, 0, 0)


async def test_every_source_comes_back_as_itself(taking: FixBuffer, database: Database) -> None:
    sent = [fix(second, source=source) for second, source in enumerate(FixSource)]
    await taking.submit(FRESNO, TEAM, sent, NOW, since=ALWAYS)
    assert await store.track(database, FRESNO, TEAM, NOW, NOW + timedelta(minutes=1)) == sent


async def test_fixes_of_several_counties_and_sources_share_a_flush(
    database: Database, admin: Admin
) -> None:
    buffer = buffer_on(database)
    posts = [
        asyncio.create_task(buffer.submit(county, team, [one], NOW, since=ALWAYS))
        for county, team, one in (
            (KERN, OTHER, fix(0, source=FixSource.TRACKER)),
            (FRESNO, TEAM, fix(1, source=FixSource.DESK)),
            (KERN, OTHER, fix(2)),
            (FRESNO, OTHER, fix(3)),
        )
    ]
    await asyncio.sleep(0)
    async with running(buffer):
        await asyncio.gather(*posts)
    assert buffer.stats.flushes == 1 and buffer.stats.stored == 4
    assert await admin.fetchval("SELECT count(*) FROM latest_fixes") == 3


async def test_a_late_fix_goes_to_the_history_and_never_to_the_latest(
    taking: FixBuffer, admin: Admin
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    outcome = await taking.submit(FRESNO, TEAM, [fix(-600)], NOW, since=ALWAYS)
    assert (outcome.kept, outcome.late) == (1, 1)
    assert await history(admin) == [fix(-600).fixed_at, fix(0).fixed_at]
    assert await latest(admin) == fix(0).fixed_at
    assert taking.latest(FRESNO)[TEAM] == fix(0)


async def test_a_late_fix_of_a_node_that_knows_less_does_not_move_the_latest_back(
    taking: FixBuffer, database: Database, admin: Admin
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    elsewhere = buffer_on(database, serving=())
    async with running(elsewhere):
        await elsewhere.submit(FRESNO, TEAM, [fix(-600)], NOW, since=ALWAYS)
    assert await latest(admin) == fix(0).fixed_at


async def test_a_fix_sent_again_is_answered_and_stored_once(
    taking: FixBuffer, admin: Admin
) -> None:
    for _ in range(2):
        outcome = await taking.submit(FRESNO, TEAM, [fix(0), fix(9)], NOW, since=ALWAYS)
        assert outcome.kept == 2 and outcome.rejected == ()
    assert len(await history(admin)) == 2
    assert (taking.stats.stored, taking.stats.repeated) == (2, 2)


async def test_fixes_outside_a_shift_are_dropped_not_stored(
    taking: FixBuffer, admin: Admin
) -> None:
    posted = [fix(-1), fix(0), fix(1)]
    outcome = await taking.submit(FRESNO, TEAM, posted, NOW, since=NOW)
    assert (outcome.kept, outcome.off_shift) == (2, 1)
    assert await history(admin) == [fix(0).fixed_at, fix(1).fixed_at]


async def test_a_fix_that_cannot_be_true_is_reported_with_all_reasons_and_not_stored(
    taking: FixBuffer, admin: Admin
) -> None:
    wrong = fix(3_600, accuracy_m=9_000.0)
    leap = fix(2, north_m=50_000)
    outcome = await taking.submit(FRESNO, TEAM, [fix(0), wrong, leap], NOW, since=ALWAYS)
    assert outcome.kept == 1
    assert {one.fixed_at: one.reasons for one in outcome.rejected} == {
        leap.fixed_at: (FixReason.IMPOSSIBLE_SPEED,),
        wrong.fixed_at: (FixReason.FUTURE, FixReason.INACCURATE),
    }
    assert await history(admin) == [fix(0).fixed_at]
    assert taking.stats.rejected[FixReason.INACCURATE] == 1


async def test_a_doubted_fix_sent_twice_is_not_stored(taking: FixBuffer, admin: Admin) -> None:
    leap = fix(2, north_m=50_000)
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    for _ in range(2):
        outcome = await taking.submit(FRESNO, TEAM, [leap], NOW, since=ALWAYS)
        assert outcome.kept == 0
    assert await history(admin) == [fix(0).fixed_at]


async def test_a_post_without_a_single_good_fix_is_answered_at_once(database: Database) -> None:
    buffer = buffer_on(database)
    outcome = await buffer.submit(FRESNO, TEAM, [fix(3_600)], NOW, since=ALWAYS)
    assert outcome.kept == 0 and len(outcome.rejected) == 1


async def test_posts_that_come_during_a_flush_share_the_next_one(
    taking: FixBuffer, admin: Admin, eventually: Eventually
) -> None:
    async with admin.transaction():
        await admin.execute("LOCK TABLE latest_fixes IN EXCLUSIVE MODE")
        first = asyncio.create_task(taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS))
        await eventually(flush_waits(admin))
        later = [
            asyncio.create_task(
                taking.submit(FRESNO, TeamId(UUID(int=n)), [fix(n)], NOW, since=ALWAYS)
            )
            for n in range(10, 40)
        ]
        await asyncio.sleep(0)
        assert taking.waiting == 30 and not first.done()
    await asyncio.gather(first, *later)
    assert taking.stats.flushes == 2


async def test_a_crowd_of_posts_is_flushed_beside_the_one_before(
    taking: FixBuffer, admin: Admin, eventually: Eventually
) -> None:
    crowd = positions.WORTH_ANOTHER

    def come(first: int) -> list[asyncio.Task[positions.FixOutcome]]:
        return [
            asyncio.create_task(
                taking.submit(FRESNO, TeamId(UUID(int=n)), [fix(0)], NOW, since=ALWAYS)
            )
            for n in range(first, first + crowd)
        ]

    async with admin.transaction():
        await admin.execute("LOCK TABLE latest_fixes IN EXCLUSIVE MODE")
        posts = [post for n in range(positions.AT_ONCE) for post in come(1 + n * crowd)]
        await eventually(flush_waits(admin, positions.AT_ONCE))
        # No more than these: what comes now grows until one of them ends.
        posts += come(10_000) + come(20_000)
        await asyncio.sleep(0)
        assert taking.waiting == 2 * crowd
    outcomes = await asyncio.gather(*posts)
    assert all(outcome.kept == 1 for outcome in outcomes)
    assert taking.stats.flushes == positions.AT_ONCE + 1
    assert taking.stats.stored == len(posts)


async def test_posts_of_one_team_that_share_a_flush_each_count_their_own(
    database: Database, admin: Admin
) -> None:
    buffer = buffer_on(database)
    posts = [
        asyncio.create_task(buffer.submit(FRESNO, TEAM, [fix(n), fix(n + 1)], NOW, since=ALWAYS))
        for n in range(0, 60, 2)
    ]
    await asyncio.sleep(0)
    # One that gives up takes the flush from nobody.
    posts[0].cancel()
    async with running(buffer):
        outcomes = await asyncio.gather(*posts, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [outcome.kept for outcome in outcomes[1:]] == [2] * 29  # type: ignore[union-attr]
    assert len(await history(admin)) == 60


def flush_waits(admin: Admin, how_many: int = 1) -> Callable[[], Awaitable[bool]]:
    """Return the condition that flushes wait for the lock on ``latest_fixes``."""

    async def waits() -> bool:
        held_up: bool = await admin.fetchval(
            "SELECT count(*) >= $1 FROM pg_locks "
            "WHERE NOT granted AND relation = 'latest_fixes'::regclass",
            how_many,
        )
        return held_up

    return waits


async def test_a_flush_that_falls_behind_thins_the_history_but_keeps_the_newest(
    database: Database, admin: Admin
) -> None:
    buffer = buffer_on(database, most_waiting=40)
    posts = [
        asyncio.create_task(
            buffer.submit(FRESNO, team, [fix(n + k / 10) for k in range(10)], NOW, since=ALWAYS)
        )
        for n in range(0, 50, 5)
        for team in (TEAM, OTHER)
    ]
    await asyncio.sleep(0)
    assert buffer.waiting <= 40
    async with running(buffer):
        outcomes = await asyncio.gather(*posts)
    assert all(outcome.thinned for outcome in outcomes)
    for team in (TEAM, OTHER):
        kept = await history(admin, team)
        assert kept[-1] == fix(45.9).fixed_at == await latest(admin, team)
        assert len(kept) < 100
    assert buffer.stats.stored + buffer.stats.thinned == 200


async def test_a_slow_flush_is_counted_as_behind(database: Database) -> None:
    class Slow(FakeClock):
        def monotonic(self) -> float:
            self.advance(0.2)
            return super().monotonic()

    async with running(buffer_on(database, clock=Slow(NOW))) as buffer:
        await buffer.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
        assert buffer.stats.behind == 0
        await buffer.submit(FRESNO, TEAM, [fix(1)], NOW, since=ALWAYS)
    assert buffer.stats.last_flush_s == pytest.approx(0.2)


async def test_a_failed_flush_refuses_its_posts_and_the_same_fixes_may_come_again(
    taking: FixBuffer,
    admin: Admin,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(positions, "RETRY_S", 0.0)
    await taking.submit(FRESNO, OTHER, [fix(0)], NOW, since=ALWAYS)
    async with admin.transaction():
        await admin.execute("LOCK TABLE latest_fixes IN EXCLUSIVE MODE")
        post = asyncio.create_task(taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS))
        await eventually(flush_waits(admin))
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks "
            "WHERE NOT granted AND relation = 'latest_fixes'::regclass"
        )
        with pytest.raises(Unavailable):
            await post
    outcome = await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    assert outcome.kept == 1
    assert await history(admin) == [fix(0).fixed_at]
    assert taking.stats.failed == 1


async def test_whoever_gives_up_waiting_takes_nothing_from_the_others(
    database: Database, admin: Admin
) -> None:
    buffer = buffer_on(database)
    gone = asyncio.create_task(buffer.submit(FRESNO, OTHER, [fix(0)], NOW, since=ALWAYS))
    stays = asyncio.create_task(buffer.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS))
    await asyncio.sleep(0)
    gone.cancel()
    async with running(buffer):
        assert (await stays).kept == 1
    assert len(await history(admin, OTHER)) == 1


async def test_a_buffer_that_stops_refuses_those_who_wait(database: Database) -> None:
    buffer = buffer_on(database)
    post = asyncio.create_task(buffer.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS))
    await asyncio.sleep(0)
    task = asyncio.create_task(buffer.run())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    task = asyncio.create_task(buffer.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(Unavailable) as refused:
        await post
    assert refused.value.code == "positions_stopped"


async def test_a_day_that_was_dropped_is_made_again_when_a_late_fix_of_it_comes(
    taking: FixBuffer, database: Database, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "RETRY_S", 0.0)
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    await admin.execute("DROP TABLE fixes_20260302")
    posts = [taking.submit(FRESNO, team, [fix(1)], NOW, since=ALWAYS) for team in (TEAM, OTHER)]
    assert [outcome.kept for outcome in await asyncio.gather(*posts)] == [1, 1]
    assert await history(admin) == [fix(1).fixed_at]


async def test_a_place_written_by_a_flush_that_outlasted_the_shift_is_forgotten_too(
    taking: FixBuffer, admin: Admin, eventually: Eventually
) -> None:
    async with admin.transaction():
        await admin.execute("LOCK TABLE latest_fixes IN EXCLUSIVE MODE")
        post = asyncio.create_task(taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS))
        await eventually(flush_waits(admin))
        forgotten = asyncio.create_task(taking.forget(FRESNO, TEAM))
        await eventually(flush_waits(admin))
    await asyncio.gather(post, forgotten)
    await taking.poll()
    assert await latest(admin) is None
    assert dict(taking.latest(FRESNO)) == {}


async def test_another_node_learns_the_latest_by_asking_what_changed(
    taking: FixBuffer, database: Database
) -> None:
    elsewhere = buffer_on(database, serving=(FRESNO,))
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    await taking.submit(KERN, OTHER, [fix(0)], NOW, since=ALWAYS)
    await elsewhere.poll()
    assert dict(elsewhere.latest(FRESNO)) == {TEAM: fix(0)}
    assert elsewhere.take_moved(FRESNO) == {TEAM: fix(0)}
    assert dict(elsewhere.latest(KERN)) == {}
    await taking.submit(FRESNO, TEAM, [fix(9)], NOW, since=ALWAYS)
    await elsewhere.poll()
    assert elsewhere.latest(FRESNO)[TEAM] == fix(9)
    assert elsewhere.take_moved(FRESNO) == {TEAM: fix(9)}
    await elsewhere.poll()
    assert elsewhere.take_moved(FRESNO) == {}


async def test_a_poll_asks_only_for_what_changed_lately(
    taking: FixBuffer, database: Database, admin: Admin
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    changed_at = await admin.fetchval("SELECT changed_at FROM latest_fixes")
    since = changed_at + timedelta(microseconds=1)
    assert await store.latest_since(database, since, [FRESNO]) == []
    assert len(await store.latest_since(database, changed_at, [FRESNO])) == 1


async def test_a_county_that_is_served_from_now_on_is_asked_for_as_a_whole(
    taking: FixBuffer, database: Database, admin: Admin
) -> None:
    serving = [FRESNO]
    elsewhere = buffer_on(database, serving=serving)
    await taking.submit(KERN, OTHER, [fix(0)], NOW, since=ALWAYS)
    await admin.execute("UPDATE latest_fixes SET changed_at = changed_at - interval '1 hour'")
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    await elsewhere.poll()
    serving.append(KERN)
    await elsewhere.poll()
    assert dict(elsewhere.latest(KERN)) == {OTHER: fix(0)}
    serving.remove(FRESNO)
    await elsewhere.poll()
    assert dict(elsewhere.latest(FRESNO)) == {}


async def test_a_team_off_shift_is_forgotten_but_its_history_stays(
    taking: FixBuffer, admin: Admin
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    await taking.forget(FRESNO, TEAM)
    assert dict(taking.latest(FRESNO)) == {} and taking.take_moved(FRESNO) == {}
    assert await latest(admin) is None
    assert len(await history(admin)) == 1


def board_with(duty: Duty, started_at: datetime) -> Board:
    shift = Shift(
        id=ShiftId(UUID(int=5)),
        team_id=TEAM,
        starts_at=started_at,
        ends_at=started_at + timedelta(hours=8),
        started_at=started_at,
    )
    team = Team(
        id=TEAM,
        agency_id=AgencyId(UUID(int=9)),
        call_sign="M1",
        duty=duty,
        shift_id=None if duty is Duty.OFF_SHIFT else shift.id,
    )
    return Board(county_id=FRESNO, teams={TEAM: team}, shifts={shift.id: shift})


@pytest.mark.parametrize("duty", [Duty.AVAILABLE, Duty.UNAVAILABLE, Duty.ENDING])
def test_a_team_is_tracked_from_the_start_of_its_shift_and_through_overtime(duty: Duty) -> None:
    board = board_with(duty, NOW)
    assert tracked_since(board, TEAM) == NOW
    assert tracked_since(board, OTHER) is None


def test_a_team_off_shift_is_not_tracked() -> None:
    assert tracked_since(board_with(Duty.OFF_SHIFT, NOW), TEAM) is None


# The tables


async def test_a_county_sees_its_own_fixes_only_and_writes_none(
    taking: FixBuffer, database: Database
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    until = NOW + timedelta(minutes=1)
    assert len(await store.track(database, FRESNO, TEAM, NOW, until)) == 1
    assert await store.track(database, KERN, TEAM, NOW, until) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tx(County(FRESNO)) as con:
            await con.execute("DELETE FROM latest_fixes")


@pytest.mark.parametrize("context", [County(FRESNO), Worker()])
async def test_no_partition_can_be_read_around_the_policy(
    taking: FixBuffer, database: Database, context: County | Worker
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tx(context) as con:
            await con.fetch("SELECT fixed_at FROM fixes_20260302")


async def partitions(admin: Admin) -> set[str]:
    rows = await admin.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
        "WHERE inhparent = 'fixes'::regclass"
    )
    return {row["name"] for row in rows}


async def test_days_without_a_partition_are_made_when_a_fix_of_them_comes(
    taking: FixBuffer, admin: Admin
) -> None:
    midnight = NOW.replace(hour=0)
    around = [
        fix(fixed_at=midnight - timedelta(microseconds=1)),
        fix(fixed_at=midnight),
    ]
    await taking.submit(FRESNO, TEAM, around, NOW, since=ALWAYS)
    assert {"fixes_20260301", "fixes_20260302"} <= await partitions(admin)
    assert await admin.fetchval("SELECT count(*) FROM ONLY fixes_20260301") == 1


async def test_two_nodes_may_make_the_same_day_at_once(database: Database) -> None:
    made = await asyncio.gather(*(store.ensure_days(database, [9_000]) for _ in range(3)))
    assert sorted(made) == [0, 0, 1]


async def test_old_days_go_as_a_whole_and_a_county_that_keeps_less_loses_rows(
    taking: FixBuffer, database: Database, admin: Admin
) -> None:
    for days_ago in (1, 0):
        back = timedelta(days=days_ago)
        posted: Sequence[Fix] = [fix(fixed_at=NOW - back)]
        await taking.submit(FRESNO, TEAM, posted, NOW, since=ALWAYS)
        await taking.submit(KERN, OTHER, posted, NOW, since=ALWAYS)
    today = NOW.date() + timedelta(days=90)
    await store.tidy(database, today, {FRESNO: 90, KERN: 30})
    assert await history(admin, TEAM) == [NOW]
    assert await history(admin, OTHER) == []
    names = await partitions(admin)
    assert "fixes_20260301" not in names and "fixes_20260302" in names
    assert f"fixes_{today + timedelta(days=7):%Y%m%d}" in names


async def test_the_servers_last_days_are_never_dropped(database: Database, admin: Admin) -> None:
    today = await admin.fetchval("SELECT current_date")
    await store.tidy(database, today + timedelta(days=30), {FRESNO: 1})
    assert f"fixes_{today:%Y%m%d}" in await partitions(admin)


async def test_a_restored_database_tells_where_teams_are_and_memory_does_not(
    taking: FixBuffer, admin: Admin
) -> None:
    await taking.submit(FRESNO, TEAM, [fix(0)], NOW, since=ALWAYS)
    await taking.submit(FRESNO, OTHER, [fix(0)], NOW, since=ALWAYS)
    await taking.poll()
    # The copy that was put back is older: of this team it holds nothing.
    await admin.execute("DELETE FROM latest_fixes WHERE team_id = $1", TEAM)
    taking.begin_anew(FRESNO)
    assert dict(taking.latest(FRESNO)) == {}
    await taking.poll()
    assert set(taking.latest(FRESNO)) == {OTHER}
