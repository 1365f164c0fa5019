"""Two nodes on one database: one board, one deadline, one truth, whatever breaks between them."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from dispatch.store.pool import County
from tests.db.service_kit import ALAMEDA
from tests.e2e.clients import Board, History, offer_of, opened, respond_until, watching
from tests.e2e.kit import Server, http_client, phone_name, team_id

Eventually = Callable[..., Awaitable[None]]
TEAMS = 4


@asynccontextmanager
async def two_nodes(
    dsn: str, folder: Path, *, window_s: float = 90.0
) -> AsyncIterator[tuple[Server, Server]]:
    """Two server processes on one database."""
    async with (
        Server.running(folder / "one", dsn=dsn, teams=TEAMS, window_s=window_s) as one,
        Server.running(folder / "two", dsn=dsn, teams=TEAMS) as two,
    ):
        yield one, two


async def check_boards(boards: list[Board], servers: list[Server]) -> None:
    """All show the same, and the same as a page that is opened only now."""
    token = boards[0].token
    fresh = [Board(server.url, token) for server in servers]
    for board in fresh:
        await board.open()
        await board.close()
    for board in (*boards, *fresh[1:]):
        assert board.gaps == []
        assert board.shown == fresh[0].shown
        assert board.seq == fresh[0].seq


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.long)])
async def test_under_load_on_both_nodes_all_boards_show_the_same_without_a_gap(
    dsn: str, tmp_path: Path, eventually: Eventually, seconds: float
) -> None:
    history = History()
    async with (
        two_nodes(dsn, tmp_path) as (one, two),
        http_client(one) as to_one,
        http_client(two) as to_two,
    ):
        desks = [await one.sign_in("desk", to_one), await two.sign_in("desk", to_two)]
        phones = [await two.sign_in(phone_name(n), (to_one, to_two)[n % 2]) for n in range(TEAMS)]
        token = desks[0].headers["authorization"]
        boards = [Board(server.url, token) for server in (one, two, one, two)]
        stop = asyncio.Event()
        async with watching(*boards):
            async with asyncio.TaskGroup() as group:
                for number, phone in enumerate(phones):
                    # The desk of two of the teams is on another node than their phone.
                    desk = desks[number // 2]
                    group.create_task(respond_until(stop, history, desk, phone, number))
                await asyncio.sleep(seconds)
                stop.set()
            last = max(a.answer["seq"] for a in history.acknowledged)

            async def all_there() -> bool:
                for board in boards:
                    await board.ping()
                return all(board.seq >= last for board in boards)

            await eventually(all_there)
            await check_boards(boards, [one, two])
        history.check_no_faults()
        assert history.statuses[0] == history.statuses[503] == 0, history.statuses
        await history.check_answers()
        async with one.database() as database:
            await history.check_stored(database)
        assert one.faults() == two.faults() == []


async def test_a_node_whose_listening_connection_is_killed_still_follows_the_other(
    dsn: str, tmp_path: Path, eventually: Eventually, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    history = History()
    async with (
        two_nodes(dsn, tmp_path) as (one, two),
        http_client(one) as http,
    ):
        desk = await one.sign_in("desk", http)
        board = Board(two.url, desk.headers["authorization"])
        async with watching(board):
            for killed in (False, True, True):
                if killed:
                    # What was killed before may still be on its way back.
                    await eventually(lambda: kill_listeners(admin))
                incident = await opened(history, desk)
                await eventually(
                    lambda incident=incident: ("incident", incident) in board.shown, within_s=2.0
                )
            assert board.gaps == []
            await eventually(lambda: are_ready(one, two))
        assert one.faults() == two.faults() == []


async def kill_listeners(admin: asyncpg.Connection[asyncpg.Record]) -> int:
    """Kill every connection that listens for pokes; returns how many there were."""
    killed: int = await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name NOT LIKE 'crisis-dispatch %'"
    )
    return killed


async def are_ready(*servers: Server) -> bool:
    """Whether every node says that it may be sent work."""
    ready = []
    for server in servers:
        async with http_client(server) as http:
            ready.append((await server.readiness(http))["status"] == "ok")
    return all(ready)


async def test_two_nodes_that_tick_one_deadline_expire_it_once_and_ask_the_next_best_once(
    dsn: str, tmp_path: Path, eventually: Eventually, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    history = History()
    async with (
        two_nodes(dsn, tmp_path, window_s=0.5) as (one, two),
        http_client(one) as http,
    ):
        desk = await one.sign_in("desk", http)
        boards = [Board(server.url, desk.headers["authorization"]) for server in (one, two)]
        async with watching(*boards):
            incident = await opened(history, desk, determined=True)
            await history.send(desk, f"/incidents/{incident}/offers", offer_of(0))

            async def all_were_asked() -> bool:
                states = await admin.fetch("SELECT state FROM offers ORDER BY rung")
                return [row["state"] for row in states[:TEAMS]] == ["expired"] * TEAMS

            await eventually(all_were_asked, within_s=20.0)
            offers = await admin.fetch("SELECT rung, team_id FROM offers ORDER BY rung")
            rungs = Counter(row["rung"] for row in offers)
            assert set(rungs.values()) == {1}, "one offer for each rung"
            assert {str(row["team_id"]) for row in offers[:TEAMS]} == {
                team_id(n) for n in range(TEAMS)
            }
            expired = await admin.fetch(
                "SELECT count(*) AS n FROM event_log WHERE type = 'offer_expired' "
                "GROUP BY body->>'offer_id'"
            )
            assert [row["n"] for row in expired] == [1] * len(expired)
        assert [board.gaps for board in boards] == [[], []]
        assert one.faults() == two.faults() == []


async def test_a_node_that_stood_still_writes_nothing_of_the_past_and_shows_nothing_old_as_new(
    dsn: str, tmp_path: Path, eventually: Eventually, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    history = History()
    async with (
        two_nodes(dsn, tmp_path, window_s=1.0) as (one, two),
        http_client(one) as http,
        http_client(two) as other,
    ):
        desk = await one.sign_in("desk", http)
        colleague = await two.sign_in("desk", other)
        board = Board(two.url, colleague.headers["authorization"])
        async with watching(board):
            incident = await opened(history, desk, determined=True)
            await history.send(desk, f"/incidents/{incident}/offers", offer_of(0))
            assert one.process is not None
            one.process.send_signal(signal.SIGSTOP)
            # The other node sees to what falls due meanwhile, at once or as soon as PostgreSQL has
            # ended a transaction that the first one left open.
            states = "SELECT array_agg(state ORDER BY rung) FROM offers"

            async def was_passed_on() -> bool:
                found = await admin.fetchval(states)
                return len(found) >= 2 and found[0] == "expired"

            await eventually(was_passed_on, within_s=40.0)
            await opened(history, colleague)
            head = await admin.fetchval("SELECT head_seq FROM county_heads")
            one.process.send_signal(signal.SIGCONT)
            # Whatever it is asked first is decided on what happened while it stood still.
            later = await opened(history, desk)
            assert await admin.fetchval("SELECT head_seq FROM county_heads") > head
            await eventually(lambda: ("incident", later) in board.shown)
            await eventually(lambda: are_ready(one, two))
        doubled = await admin.fetchval(
            "SELECT count(*) FROM (SELECT 1 FROM event_log WHERE type = 'offer_expired' "
            "GROUP BY body->>'offer_id' HAVING count(*) > 1) AS twice"
        )
        backwards = await admin.fetchval(
            "SELECT count(*) FROM (SELECT recorded_at < lag(recorded_at) OVER (ORDER BY seq) "
            "AS is_back FROM event_log) AS steps WHERE is_back"
        )
        assert (doubled, backwards) == (0, 0)
        assert board.gaps == []
        assert one.faults() == two.faults() == []


async def test_an_offer_under_way_when_its_node_is_killed_expires_and_goes_to_the_next_best(
    dsn: str, tmp_path: Path, eventually: Eventually
) -> None:
    history = History()
    async with Server.running(tmp_path / "one", dsn=dsn, teams=2, window_s=1.0) as server:
        async with http_client(server) as http:
            desk = await server.sign_in("desk", http)
            incident = await opened(history, desk, determined=True)
            await history.send(desk, f"/incidents/{incident}/offers", offer_of(0))
        await server.kill()
        await server.start()
        async with server.database() as database:

            async def the_next_is_asked() -> bool:
                async with database.tx(County(ALAMEDA), mode="read") as con:
                    rows = await con.fetch("SELECT team_id, state FROM offers ORDER BY rung")
                asked = [(str(row["team_id"]), row["state"]) for row in rows]
                return len(asked) > 1 and asked[0] == (team_id(0), "expired")

            await eventually(the_next_is_asked, within_s=10.0)
