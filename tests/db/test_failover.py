"""A primary whose host falls silent: everybody is told in time, and the standby is found."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from crisis.clock import FakeClock, MachineClock, new_id
from crisis.commands import OpenIncident, PlaceInput
from crisis.errors import Unavailable
from dispatch.run.service import Service
from dispatch.run.supervise import Supervisor
from dispatch.store.accounts import Accounts
from dispatch.store.hosts import hosts_of
from dispatch.store.migrate import migrate
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database, Report, Worker
from dispatch.store.pulse import Pulse
from dispatch.store.sessions import Sessions
from tests.db.pair import Pair
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, check_county, create_county
from tests.unit.dispatch.board_kit import OAKLAND

Eventually = Callable[..., Awaitable[None]]
PLACED = OpenIncident(place=PlaceInput(point=OAKLAND, location_type="home"))
#: Three seconds are promised; a loaded machine gets as many again. It took 8 to 35.
TOLD_WITHIN_S = 6.0
#: From the promotion to the first command.
BACK_WITHIN_S = 30.0


@pytest.fixture
async def pair(open_folder: Path) -> AsyncIterator[Pair]:
    async with Pair.running(open_folder / f"pair-{new_id()}") as made:
        yield made


@asynccontextmanager
async def watched(dsn: str) -> AsyncIterator[tuple[Database, Pulse, Desk]]:
    """A service with a pulse, as a node has one."""
    machine = MachineClock()
    async with (
        Database.open(dsn) as database,
        Supervisor(machine) as supervisor,
    ):
        pulse = Pulse(database.sides()[0], machine)
        supervisor.start("pulse", pulse.run)
        await create_county(database)
        async with Service(database, machine, machine, MASTER_KEY) as service:
            yield database, pulse, Desk(service)


async def told_in_time(work: Awaitable[Any]) -> str:
    """Wait for what is refused, and return by which name."""
    async with asyncio.timeout(TOLD_WITHIN_S):
        with pytest.raises(Unavailable) as refusal:
            await work
    return refusal.value.code


class Sending:
    """A client that sends one command after the other, each again until it is answered."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.acknowledged: dict[Any, int] = {}
        self.refused = 0
        self.longest_s = 0.0

    async def run(self) -> None:
        """Send until cancelled."""
        clock = MachineClock()
        while True:
            command_id = new_id()
            while command_id not in self.acknowledged:
                began_s = clock.monotonic()
                try:
                    answer = await self.desk.do(PLACED, command_id=command_id)
                except Unavailable:
                    self.refused += 1
                    await asyncio.sleep(0.1)
                else:
                    self.acknowledged[command_id] = answer.result["number"]
                finally:
                    self.longest_s = max(self.longest_s, clock.monotonic() - began_s)


async def test_a_silent_primary_s_standby_is_found_and_nothing_acknowledged_is_lost(
    pair: Pair, eventually: Eventually
) -> None:
    async with watched(pair.dsn) as (database, pulse, desk):
        clients = [Sending(desk) for _ in range(8)]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        await eventually(lambda: all(len(client.acknowledged) > 3 for client in clients))
        # In the middle of whatever is under way: the host is gone, and nobody says so.
        pair.proxies[0].go_silent()
        await eventually(lambda: all(client.refused for client in clients))
        assert pulse.trouble is not None
        await pair.primary.end()
        await pair.promote()
        before = {client: len(client.acknowledged) for client in clients}
        await eventually(
            lambda: all(len(client.acknowledged) > before[client] for client in clients),
            within_s=BACK_WITHIN_S,
        )
        assert pulse.trouble is None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert max(client.longest_s for client in clients) < TOLD_WITHIN_S
        await desk.service.county(ALAMEDA).catch_up()
        await check_county(database, ALAMEDA, desk.service)
        numbers = [n for client in clients for n in client.acknowledged.values()]
        assert len(numbers) == len(set(numbers)), "done twice"
        stored = await pair.standby.query(
            "SELECT array_agg(command_id) FROM dispatch.command_results"
        )
        assert isinstance(stored, list)
        assert {str(i) for c in clients for i in c.acknowledged} <= {str(i) for i in stored}


async def test_whoever_waits_for_a_silent_database_is_told_by_name_and_in_time(
    pair: Pair, clock: FakeClock
) -> None:
    async with watched(pair.dsn) as (database, pulse, desk):
        with closing(Passwords()) as passwords:
            accounts = Accounts(database, MachineClock(), passwords)
            sessions = Sessions(database, MachineClock(), passwords)
            await accounts.create_account("ada", "Ada", password="correct horse battery")
            await desk.do(PLACED)
            pair.proxies[0].go_silent()
            pair.proxies[1].go_silent()
            county = desk.service.county(ALAMEDA)
            waiting = [
                *(desk.do(PLACED) for _ in range(200)),
                county.log.timeline(new_id()),
                database.ask(Report(ALAMEDA), "SELECT 1"),
                sessions.sign_in("ada", "correct horse battery", address="203.0.113.9"),
                sessions.find(b"x"),
            ]
            codes = await asyncio.gather(*(told_in_time(work) for work in waiting))
            assert set(codes) == {"database_silent"}
            # Known to be away, it is told at once.
            assert await told_in_time(database.ask(Worker(), "SELECT 1")) == "database_silent"
            assert pulse.problems() == ["database: database_silent"]


async def test_a_start_finds_the_promoted_standby_past_a_silent_host(pair: Pair) -> None:
    pair.proxies[0].go_silent()
    await pair.primary.end()
    await pair.promote()
    async with asyncio.timeout(BACK_WITHIN_S):
        assert await migrate(pair.dsn) == ()
        async with watched(pair.dsn) as (database, _, desk):
            await desk.do(PLACED)
            con = await database.connect(Worker())
            await con.close()


async def test_a_host_that_drops_what_is_sent_to_it_costs_the_others_no_time(pair: Pair) -> None:
    with ExitStack() as stack:
        # Nobody takes what waits at this port, and a full queue drops what comes.
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        dsn = pair.dsn.replace(pair.proxies[1].host, f"127.0.0.1:{full.getsockname()[1]}")
        first, second = hosts_of(dsn)
        turned = dsn.replace(
            f"{first[0]}:{first[1]},{second[0]}:{second[1]}",
            f"{second[0]}:{second[1]},{first[0]}:{first[1]}",
        )
        assert hosts_of(turned) == (second, first)
        async with asyncio.timeout(TOLD_WITHIN_S), Database.open(turned) as database:
            await database.ping()


async def test_only_standbys_are_named_as_reading_only(pair: Pair) -> None:
    await pair.primary.end()
    with pytest.raises(Unavailable) as refusal:
        async with Database.open(pair.dsn):
            pytest.fail("it opened")
    assert refusal.value.code == "database_read_only"


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://u:p@a:1,b:2/d", (("a", 1), ("b", 2))),
        ("postgresql://u:p@a,b/d?port=7", (("a", 7), ("b", 7))),
        ("postgresql://a,[::1]:3/d?port=1,2", (("a", 1), ("::1", 3))),
        (
            "postgresql://u@/d?host=/run/one,%2Frun%2Ftwo&port=5,6",
            (("/run/one", 5), ("/run/two", 6)),
        ),
        ("postgresql://u@%2Frun%2Fone:9/d", (("/run/one", 9),)),
        ("postgresql://a,b/d?port=1,2,3", ()),
        ("postgresql://a:x,b/d", ()),
        ("postgresql:///d?service=crisis", ()),
    ],
)
def test_the_hosts_of_a_dsn_are_told_apart(dsn: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert hosts_of(dsn) == hosts
