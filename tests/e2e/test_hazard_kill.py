"""Killing the service and its PostgreSQL while people work: nothing acknowledged is ever lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crisis.clock import generator
from tests.db.invariants import check_whole
from tests.db.service_kit import ALAMEDA
from tests.e2e.clients import Board, History, respond, respond_until
from tests.e2e.kit import Server, http_client, phone_name

TEAMS = 4


@asynccontextmanager
async def work(server: Server, history: History) -> AsyncIterator[None]:
    """Every team responds again and again until the block ends."""
    async with http_client(server) as http:
        desk = await server.sign_in("desk", http)
        phones = [await server.sign_in(phone_name(n), http) for n in range(TEAMS)]
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number, phone in enumerate(phones):
                group.create_task(respond_until(stop, history, desk, phone, number))
            yield
            stop.set()
        await history.check_answers()


async def check(server: Server, history: History) -> None:
    history.check_no_faults()
    async with server.database() as database:
        await history.check_stored(database)
        await check_whole(database, ALAMEDA)
    assert server.faults() == []


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("rounds", [5, pytest.param(200, marks=pytest.mark.long)])
async def test_a_service_killed_again_and_again_loses_nothing_that_it_acknowledged(
    open_folder: Path, rounds: int
) -> None:
    draw = generator(7)
    history = History()
    async with Server.running(open_folder / f"killed-{rounds}", teams=TEAMS) as server:
        async with work(server, history):
            for _ in range(rounds):
                await history.more(10)
                await asyncio.sleep(draw.uniform(0, 0.1))
                await server.kill()
                await server.start()
        assert history.unsure >= rounds, "no command was under way when the service was killed"
        await check(server, history)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("rounds", [2, pytest.param(12, marks=pytest.mark.long)])
async def test_a_killed_postgresql_comes_back_and_people_see_success_or_a_clear_503(
    open_folder: Path, rounds: int
) -> None:
    draw = generator(11)
    # A server that falls again and again is started again after longer and longer pauses.
    history = History(patience_s=60.0)
    async with Server.running(open_folder / f"postgres-{rounds}", teams=TEAMS) as server:
        async with work(server, history):
            for _ in range(rounds):
                await history.more(10)
                await asyncio.sleep(draw.uniform(0, 0.05))
                os.kill(server.postgres_pid(), signal.SIGKILL)
            await history.more(10)
        assert history.statuses[0] == 0, "the service itself must go on"
        await check(server, history)


async def test_a_service_asked_to_stop_under_load_has_everything_and_tells_its_sockets(
    open_folder: Path,
) -> None:
    history = History()
    async with Server.running(open_folder / "stopped", teams=TEAMS) as server:
        async with http_client(server) as http:
            desk = await server.sign_in("desk", http)
        board = Board(server.url, desk.headers["authorization"])
        await board.open()
        following = asyncio.create_task(board.follow())
        async with work(server, history):
            await history.more(20)
            status = await server.end(signal.SIGTERM)
            await server.start()
        await following
        assert status == 0
        assert board.closes == [1012]
        assert board.gaps == []
        await check(server, history)
        await board.open()
        async with http_client(server) as http:
            desk = await server.sign_in("desk", http)
            phone = await server.sign_in(phone_name(0), http)
            await respond(history, desk, phone, 0)
        await board.close()
