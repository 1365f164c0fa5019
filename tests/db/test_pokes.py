"""Nodes wake each other, and learn of every change even where no poke arrives."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crisis.clock import MachineClock
from dispatch.run.supervise import Supervisor
from dispatch.store.errors import ConnectionLost
from dispatch.store.pokes import CHANNEL, Pokes
from dispatch.store.pool import Database
from dispatch.store.pulse import HeadNow, Pulse

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

Eventually = Callable[..., Awaitable[None]]
ALPINE, KERN = 6003, 6029


class Node:
    """One node: what it knows, and what it heard."""

    def __init__(self, database: Database, name: str, *, has_pulse: bool = False) -> None:
        self.seqs = {ALPINE: 0, KERN: 0}
        self.heard: list[tuple[int, int]] = []
        self.connected = 0
        self.pokes = Pokes(
            database,
            name,
            self._hear,
            known=lambda county_id: self.seqs.get(county_id, -1),
            on_reconnect=self._count,
            heartbeat_s=0.1,
        )

        main = database.sides()[0]
        self.pulse = Pulse(main, MachineClock(), self._judge, every_s=0.01)
        self.has_pulse = has_pulse

    def _judge(self, heads: Iterable[HeadNow], _since_s: float) -> None:
        self.pokes.hear(h for h in heads if h.seq > self.seqs.get(h.county_id, -1))

    def _hear(self, county_id: int, seq: int) -> None:
        self.heard.append((county_id, seq))
        self.seqs[county_id] = seq

    def _count(self) -> None:
        self.connected += 1

    @asynccontextmanager
    async def running(self, eventually: Eventually) -> AsyncIterator[Supervisor]:
        async with Supervisor(MachineClock(), first_s=0.01) as supervisor:
            for name, work in self.pokes.works().items():
                supervisor.start(name, work)
            if self.has_pulse:
                supervisor.start("pulse", self.pulse.run)
            await eventually(lambda: self.pokes.is_listening)
            yield supervisor


@pytest.fixture
async def counties(admin: Admin) -> None:
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) "
        "VALUES (6003, 'Alpine', 'rural'), (6029, 'Kern', 'urban')"
    )


async def _head(admin: Admin, county_id: int, seq: int) -> None:
    await admin.execute(
        "UPDATE county_heads SET head_seq = $2 WHERE county_id = $1", county_id, seq
    )


async def _cut(admin: Admin) -> int:
    """Kill every listening backend; return how many there were."""
    killed: int = await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name NOT LIKE 'crisis-dispatch %'"
    )
    return killed


@pytest.mark.usefixtures("counties")
async def test_a_poke_reaches_the_other_node_and_not_its_own_sender(
    database: Database, eventually: Eventually
) -> None:
    one, other = Node(database, "same-name"), Node(database, "same-name")
    async with one.running(eventually), other.running(eventually):
        one.pokes.poke(KERN, 7)
        await eventually(lambda: other.heard == [(KERN, 7)])
        other.pokes.poke(ALPINE, 3)
        await eventually(lambda: one.heard == [(ALPINE, 3)])
    assert other.heard == [(KERN, 7)]


@pytest.mark.usefixtures("counties")
async def test_many_pokes_of_one_moment_become_one_notification_per_county(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    payloads: list[str] = []
    await admin.add_listener(CHANNEL, lambda *args: payloads.append(str(args[3])))
    node = Node(database, "a")
    async with node.running(eventually):
        for seq in range(1, 101):
            node.pokes.poke(KERN, seq)
            node.pokes.poke(ALPINE, seq)
        await eventually(lambda: len(payloads) >= 2)
        node.pokes.poke(KERN, 101)
        await eventually(lambda: len(payloads) >= 3)
    assert [payload.split(" ", 1)[1] for payload in payloads] == [
        f"{KERN} 100",
        f"{ALPINE} 100",
        f"{KERN} 101",
    ]


@pytest.mark.usefixtures("counties")
async def test_a_killed_listener_comes_back_and_has_missed_nothing(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    node = Node(database, "a")
    async with node.running(eventually) as supervisor:
        assert await _cut(admin) == 1
        # Nobody is there to hear of this one, and no pulse beats.
        await _head(admin, KERN, 12)
        await eventually(lambda: node.heard == [(KERN, 12)])
        await eventually(lambda: node.connected == 2)
        assert supervisor.health()["pokes"].last_error.startswith("ConnectionLost")
        await admin.execute(f"NOTIFY {CHANNEL}, 'other {KERN} 13'")
        await eventually(lambda: node.heard == [(KERN, 12), (KERN, 13)])


@pytest.mark.usefixtures("counties")
async def test_what_was_committed_while_listening_began_is_heard(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    await _head(admin, ALPINE, 4)
    node = Node(database, "a")
    async with node.running(eventually):
        assert node.heard == [(ALPINE, 4)]


@pytest.mark.usefixtures("counties")
async def test_the_pulse_finds_what_no_poke_told(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    node = Node(database, "a", has_pulse=True)
    async with node.running(eventually):
        await _head(admin, KERN, 5)
        await eventually(lambda: node.heard == [(KERN, 5)])
        await _head(admin, KERN, 6)
        await eventually(lambda: node.heard == [(KERN, 5), (KERN, 6)])


@pytest.mark.usefixtures("counties")
async def test_a_county_that_was_added_is_news_even_without_events(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    node = Node(database, "a", has_pulse=True)
    async with node.running(eventually):
        await admin.execute(
            "INSERT INTO counties (county_id, name, area_class) VALUES (6001, 'Alameda', 'urban')"
        )
        await eventually(lambda: node.heard == [(6001, 0)])


@pytest.mark.usefixtures("counties")
async def test_notifications_that_are_old_or_not_ours_are_passed_over(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    node = Node(database, "a")
    async with node.running(eventually):
        node.seqs[KERN] = 9
        for payload in ("", "x", "b 6029", "b 6029 -3", "b 6029 9", "b 6029 ٣", "b 6029 9 9"):
            await admin.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        await admin.execute(f"NOTIFY {CHANNEL}, 'b {ALPINE} 1'")
        await eventually(lambda: node.heard == [(ALPINE, 1)])


@pytest.mark.usefixtures("counties")
async def test_a_server_that_does_not_answer_is_given_up(
    database: Database, admin: Admin, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.pokes.ANSWER_S", 0.05)
    node = Node(database, "a")
    listening = asyncio.create_task(node.pokes.listen())
    await eventually(lambda: node.pokes.is_listening)
    # A stopped backend: the socket stays open, and nothing comes back.
    pid = await admin.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND application_name NOT LIKE 'crisis-dispatch %'"
    )
    async with _stopped(pid):
        with pytest.raises(ConnectionLost):
            await listening
    assert not node.pokes.is_listening


@asynccontextmanager
async def _stopped(pid: int) -> AsyncIterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
