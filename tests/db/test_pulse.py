"""The pulse: how old what a node knows is, how far its clock is off, and what follows from it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest

from crisis.clock import DomainClock, MachineClock
from crisis.commands import OpenIncident
from crisis.errors import Unavailable
from crisis.roles import Role
from dispatch.run.config import load
from dispatch.run.supervise import Supervisor
from dispatch.store.administration import ServedCounty, domain_clock
from dispatch.store.identity import Grant
from dispatch.store.pool import County, Database
from dispatch.store.pulse import ANSWER_S, EVERY_S, ClockOff, Pulse
from tests.db.cutting_proxy import CuttingProxy
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, create_county
from tests.web.kit import PASSWORD, Client
from web.node import Node, running

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

Eventually = Callable[..., Awaitable[None]]


class Shifted(MachineClock):
    """The host's clock, off by what a test says."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


@asynccontextmanager
async def a_node(
    database: Database, folder: Path, machine: Shifted, *, ticking: bool = False
) -> AsyncIterator[tuple[Node, httpx.AsyncClient]]:
    key = b64encode(MASTER_KEY).decode()
    environ = {"CRISIS_DATA_DIR": str(folder), "CRISIS_MASTER_KEY": key}
    settings = load(environ, working_dir=folder)
    async with running(settings, database, machine=machine, ticking=ticking) as node:
        transport = httpx.ASGITransport(node.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield node, http


@pytest.mark.parametrize("off_s", [600.0, -600.0, 1.5])
async def test_a_node_whose_clock_is_off_is_not_ready_and_neither_ticks_nor_writes(
    database: Database, tmp_path: Path, eventually: Eventually, off_s: float
) -> None:
    await create_county(database)
    machine = Shifted()
    async with a_node(database, tmp_path, machine, ticking=True) as (node, http):
        await eventually(lambda: node.pulse.age_s() < 1)
        account = await node.accounts.create_account("ada", "Ada", password=PASSWORD)
        roles = frozenset({Role.DISPATCHER, Role.SUPERVISOR})
        await node.accounts.grant(account, Grant(county_id=ALAMEDA, roles=roles))
        sign_in = {"username": "ada", "password": PASSWORD, "mode": "bearer"}
        token = (await http.post("/api/v1/session", json=sign_in)).json()["token"]
        desk = Client(http, {"authorization": f"Bearer {token}"})
        await desk.do("/incidents")
        seq = node.service.county(ALAMEDA).board.seq

        machine.off = timedelta(seconds=off_s)
        # At once, before the database was asked again.
        assert await desk.refused("/incidents", 503) == "clock_off"
        assert (await http.post("/api/v1/session", json=sign_in)).json()["code"] == "clock_off"
        assert (await http.get("/readyz")).json()["problems"][0].startswith("clock: ")
        ticks = node.service.stats.groups
        await eventually(lambda: _has_beaten(node))
        assert (node.service.stats.groups, node.service.county(ALAMEDA).board.seq) == (ticks, seq)
        # Reading goes on, and says nothing that was stamped here.
        assert (await desk.get("/board")).json()["seq"] == seq
        assert "clock_off" in str(node.live._trouble(ALAMEDA))

        machine.off = timedelta(0)
        await desk.do("/incidents")
        await eventually(lambda: not node.pulse.problems())
        async with database.tx(County(ALAMEDA), mode="read") as con:
            times = await con.fetch("SELECT recorded_at FROM event_log ORDER BY seq")
        now = datetime.now(UTC)
        assert all(abs((now - row["recorded_at"]).total_seconds()) < 300 for row in times)


def _has_beaten(node: Node) -> bool:
    """Whether the pulse was heard since it was last asked here."""
    return node.pulse.age_s() < EVERY_S


async def test_a_leap_ahead_and_back_stops_no_timer(
    database: Database, tmp_path: Path, eventually: Eventually
) -> None:
    await create_county(database)
    machine = Shifted()
    async with a_node(database, tmp_path, machine) as (node, _):
        await eventually(lambda: node.pulse.age_s() < 1)
        desk = Desk(node.service)
        await desk.do(OpenIncident())
        machine.off = timedelta(hours=1)
        with pytest.raises(ClockOff):
            await desk.do(OpenIncident())
        machine.off = timedelta(0)
        await desk.do(OpenIncident())
        county = node.service.county(ALAMEDA)
        assert county.leapt_to is None
        assert county.now() - machine.now() < timedelta(seconds=1)


async def test_the_board_says_how_old_it_is_where_the_database_is_not_heard(
    dsn: str, database: Database, tmp_path: Path, eventually: Eventually
) -> None:
    await create_county(database)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(CuttingProxy.before(dsn))
        through = await stack.enter_async_context(Database.open(proxy.dsn))
        node, http = await stack.enter_async_context(a_node(through, tmp_path, Shifted()))
        await eventually(lambda: node.pulse.age_s() < 1)
        account = await node.accounts.create_account("ada", "Ada", password=PASSWORD)
        await node.accounts.grant(
            account, Grant(county_id=ALAMEDA, roles=frozenset({Role.DISPATCHER}))
        )
        sign_in = {"username": "ada", "password": PASSWORD, "mode": "bearer"}
        token = (await http.post("/api/v1/session", json=sign_in)).json()["token"]
        desk = Client(http, {"authorization": f"Bearer {token}"})
        await desk.do("/incidents")
        assert (await desk.get("/board")).json()["age_s"] < 3
        proxy.go_silent()
        await eventually(lambda: node.pulse.trouble is not None)
        board = await desk.get("/board")
        assert board.json()["age_s"] >= ANSWER_S
        assert float(board.headers["board-age"]) >= ANSWER_S
        assert float((await desk.get("/teams")).headers["board-age"]) >= ANSWER_S
        ready = await http.get("/readyz")
        assert ready.status_code == 503
        assert "database: database_silent" in ready.json()["problems"]
        assert await desk.refused("/incidents", 503) == "database_silent"
        proxy.come_back()
        await eventually(lambda: node.pulse.trouble is None)
        await desk.do("/incidents")
        assert (await desk.get("/board")).json()["age_s"] < 3


async def test_a_board_that_lags_behind_the_database_grows_old_though_the_database_is_heard(
    database: Database, tmp_path: Path, eventually: Eventually
) -> None:
    await create_county(database)
    machine = Shifted()
    async with a_node(database, tmp_path, machine) as (node, _):
        county = node.service.county(ALAMEDA)
        await Desk(node.service).do(OpenIncident())
        await eventually(lambda: county.age_s() < 1)
        # Its lock is never given back: nothing that others write is folded here any more.
        async with county._turn:
            async with database.tx(County(ALAMEDA)) as con:
                await con.execute(
                    "UPDATE county_heads SET head_seq = head_seq + 1 WHERE county_id = $1", ALAMEDA
                )
            await eventually(lambda: county.age_s() > 2)
            assert node.pulse.age_s() < 2
            async with database.tx(County(ALAMEDA)) as con:
                await con.execute(
                    "UPDATE county_heads SET head_seq = head_seq - 1 WHERE county_id = $1", ALAMEDA
                )


@pytest.mark.usefixtures("broken_log")
async def test_a_node_notices_a_restore_by_itself_and_begins_every_screen_anew(
    database: Database,
    admin: Admin,
    tmp_path: Path,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await create_county(database)
    async with a_node(database, tmp_path, Shifted()) as (node, _):
        await Desk(node.service).do(OpenIncident())
        closed: list[object] = []
        told: list[object] = []
        monkeypatch.setattr(node.live, "close_county", lambda *how: closed.append(how))
        monkeypatch.setattr(node.live, "push_alert", lambda *what: told.append(what))
        before = node.feed.log_id
        # The same seqs, but not the same events.
        await admin.execute(
            "ALTER TABLE dispatch.event_log DISABLE TRIGGER ALL;"
            "UPDATE dispatch.event_log SET recorded_at = recorded_at - interval '1 second';"
            "UPDATE dispatch.county_heads SET last_recorded_at = last_recorded_at - interval '1 s'"
        )
        there = await admin.fetchval("SELECT last_recorded_at FROM dispatch.county_heads")
        await eventually(lambda: closed and node.feed.log_id != before)
        assert {what[2] for what in told if isinstance(what, tuple)} == {"restored"}
        assert node.feed.board(ALAMEDA).last_recorded_at == there
        assert node.service.county(ALAMEDA).board.last_recorded_at == there
        await Desk(node.service).do(OpenIncident())


async def test_the_clock_of_a_simulated_county_goes_on_where_its_log_ends(
    database: Database, admin: Admin
) -> None:
    machine = MachineClock()
    assert await domain_clock(database, machine, 1.0) is machine
    with pytest.raises(Unavailable) as refusal:
        await domain_clock(database, machine, 20.0)
    assert refusal.value.code == "not_simulated"
    await create_county(database)
    ahead = machine.now() + timedelta(days=3)
    await admin.execute("UPDATE dispatch.database_mark SET simulated = true")
    await admin.execute("UPDATE dispatch.county_heads SET last_recorded_at = $1", ahead)
    for speed in (1.0, 20.0):
        clock = await domain_clock(database, machine, speed)
        assert isinstance(clock, DomainClock)
        assert ahead <= clock.now() < ahead + timedelta(minutes=20)
    await admin.execute("UPDATE dispatch.county_heads SET last_recorded_at = NULL")


def test_a_county_s_present_is_no_wrong_clock_s() -> None:
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    ahead = now + timedelta(days=400)
    county = ServedCounty(
        county_id=ALAMEDA,
        name="Alameda",
        time_zone="America/Los_Angeles",
        area_class="urban",
        head_seq=1,
        last_recorded_at=ahead,
    )
    assert county.now(now, is_simulated=False) == now
    assert county.now(now, is_simulated=True) == ahead


async def test_a_pulse_that_is_cut_is_taken_up_again(
    database: Database, admin: Admin, eventually: Eventually
) -> None:
    heard = 0

    def count(*_: object) -> None:
        nonlocal heard
        heard += 1

    machine = MachineClock()
    async with Supervisor(machine) as supervisor:
        pulse = Pulse(database.sides()[0], machine, count, every_s=0.01)
        supervisor.start("pulse", pulse.run)
        await eventually(lambda: heard > 3)
        cut = await admin.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'crisis-dispatch pulse'"
        )
        assert cut == 1
        before = heard
        await eventually(lambda: heard > before + 3)
        assert pulse.trouble is None
        assert not supervisor.failing()
