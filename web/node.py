"""The composition root: everything that one node runs, built in one place and stopped in order.

    settings → PostgreSQL (embedded, or DATABASE_URL) → migrations → pools → service → live feed
      → positions, pokes, outbox, ticker, audit, under one supervisor → the ASGI application

Decides only what is wired to what. Rules are in ``crisis`` and ``dispatch``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TextIO

from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from crisis.clock import Clock, MachineClock, new_id
from crisis.commands import Envelope
from crisis.errors import CrisisError, Unavailable
from crisis.ids import CountyId, TeamId
from crisis.rights import Act
from crisis.team import Duty, Team
from dispatch.choose.seek import Seeker
from dispatch.feed import Feed, Positions
from dispatch.run.alerts import Adapter, LogAdapter, MailAdapter
from dispatch.run.config import Settings
from dispatch.run.county import CountyRunner, GroupDone
from dispatch.run.desks import Desks
from dispatch.run.keycheck import master_key_for
from dispatch.run.outbox import AlertFeed, Outbox
from dispatch.run.positions import FixBuffer
from dispatch.run.reached import Reached
from dispatch.run.service import Service
from dispatch.run.supervise import Supervisor
from dispatch.run.ticker import Ticker
from dispatch.run.tracking import TrackerBook
from dispatch.run.unwritten import Unwritten
from dispatch.run.watchdog import Watchdog
from dispatch.store import audit, positions, upkeep
from dispatch.store.accounts import Accounts
from dispatch.store.administration import domain_clock
from dispatch.store.attempts import Devices
from dispatch.store.channels import MAIL, Channels
from dispatch.store.identity import SessionRules
from dispatch.store.migrate import check_schema, database_id, is_simulated, migrate
from dispatch.store.passwords import Passwords
from dispatch.store.pokes import Pokes
from dispatch.store.pool import Database, PoolSizes
from dispatch.store.postgres.embedded import EmbeddedPostgres
from dispatch.store.pulse import Pulse
from dispatch.store.rebuild import rebuild_stale
from dispatch.store.sessions import Sessions
from dispatch.store.troubles import Troubles
from dispatch.store.upkeep import UpkeepRuns
from web.admin.routes import admin_routes
from web.app import build_app
from web.http.auth import Auth
from web.http.metrics import Requests
from web.http.pages import Pages
from web.http.sessions import SessionRegistry
from web.live.fanout import Fanout
from web.live.socket import Live

log = logging.getLogger(__name__)


class Node:
    """One running node; made by ``running``.

    Attributes:
        clock: the counties' time; real, or scaled in a database marked simulated.
        machine: the host's time.
        app: the ASGI application.
    """

    settings: Settings
    database: Database
    service: Service
    accounts: Accounts
    auth: Auth
    feed: Feed
    positions: FixBuffer
    trackers: TrackerBook
    machine: Clock
    requests: Requests
    clock: Clock
    supervisor: Supervisor
    watchdog: Watchdog
    fanout: Fanout
    live: Live
    outbox: Outbox
    channels: Channels
    mailer: MailAdapter | None
    reached: Reached
    registry: SessionRegistry
    sessions: Sessions
    pulse: Pulse
    troubles: Troubles
    unwritten: Unwritten
    app: ASGIApp

    @property
    def problems(self) -> list[str]:
        """Why this node must not be sent work; empty = it is ready."""
        return [
            *self.pulse.problems(),
            *self.troubles.problems(),
            *self.service.problems,
            *(f"{name} is failing" for name in self.supervisor.failing()),
        ]


@asynccontextmanager
async def database_for(
    settings: Settings, *, simulated: bool = False
) -> AsyncIterator[tuple[Database, str]]:
    """Return pools on a migrated database and its DSN: embedded where none is set.

    Raises:
        EmbeddedError: no server can be started, with what to do about it.
        MigrationError: the schema is newer than this program, or can't be brought up to date.
        Unavailable: ``wrong_key``: the master key isn't the one that sealed the data.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            dsn = settings.database_url.reveal()
        else:
            server = EmbeddedPostgres(settings.data_dir, programs_folder=settings.postgres_programs)
            dsn = (await stack.enter_async_context(server)).dsn
        await migrate(dsn, simulated=simulated)
        report = settings.report_database_url
        database = await stack.enter_async_context(
            Database.open(
                dsn,
                report_dsn=None if report is None else report.reveal(),
                sizes=PoolSizes(
                    app=settings.app_connections,
                    worker=settings.worker_connections,
                    report=settings.report_connections,
                ),
            )
        )
        await check_schema(database)
        await rebuild_stale(database, await master_key_for(settings, database))
        yield database, dsn


@asynccontextmanager
async def running(
    settings: Settings,
    database: Database,
    *,
    clock: Clock | None = None,
    machine: Clock | None = None,
    alert_log: TextIO | None = None,
    ticking: bool = True,
) -> AsyncIterator[Node]:
    """Run a node on an open database until the block ends.

    Args:
        clock: the counties' time; ``None`` = real, or as the settings scale it where the database
            is marked simulated.
        alert_log: where alerts are also written, one line of JSON each; ``None`` = nowhere.
        ticking: ``False`` leaves the ticks to the caller, who drives the clock (replay, tests).
    """
    machine = machine or MachineClock()
    node = Node()
    node.settings, node.database, node.machine = settings, database, machine
    node.clock = clock or await domain_clock(database, machine, settings.simulated_speed)
    node.requests = Requests()
    async with AsyncExitStack() as stack:
        node.supervisor = await stack.enter_async_context(Supervisor(machine))
        node.positions = FixBuffer(
            database,
            machine,
            limits=lambda c, at: node.service.county(c).rules(at).policy.fixes.plausibility,
            serving=lambda: _served(node),
        )
        node.trackers = TrackerBook(database, machine)
        node.service = Service(
            database,
            node.clock,
            machine,
            settings.load_master_key(),
            Seeker(node.positions.latest),
        )
        node.watchdog = Watchdog(lambda: node.service.counties, node.service.submit)
        await _sign_in(node, stack)
        _live(node, await database_id(database))
        node.unwritten = Unwritten(
            node.service.submit, lambda env: _tell_unwritten(node, env), machine
        )
        pokes = _pokes(node)
        works = _watch_database(node, pokes)
        node.outbox = _outbox(node, alert_log, mail=not await is_simulated(database))
        alerts = AlertFeed(database, node.live.on_alerts, clock=node.clock)

        gone = _forgetting(node)

        def on_group(done: GroupDone) -> None:
            node.live.on_group(done)
            gone(done)
            pokes.poke(done.county_id, done.after.seq)
            alerts.wake(done.county_id)
            node.outbox.wake()

        node.service.listeners.append(on_group)
        await alerts.begin()
        works["restored"] = _on_restored(node, alerts)
        node.service.on_start = lambda runner: node.feed.start(runner.board)
        await stack.enter_async_context(node.service)
        works |= {
            **pokes.works(),
            "alerts": alerts.run,
            "live": node.live.run,
            "outbox": node.outbox.run,
            "positions": node.positions.run,
            "trackers": node.trackers.run,
            "unwritten": node.unwritten.run,
            "rulebooks": node.service.follow_rules,
            "sessions": node.registry.run,
        }
        for name, work in works.items():
            node.supervisor.start(name, work)
        if ticking:
            node.supervisor.start("desks", Desks(node.service, node.accounts).run)
            ticker = await stack.enter_async_context(_ticker(node))
            node.service.on_due = lambda runner: ticker.ask_now(
                f"county {runner.county_id}", partial(node.service.see_to, runner)
            )
        socket = WebSocketRoute("/api/v1/live", node.live)
        routes = [socket, *Pages(node.auth).routes(), *admin_routes(node, node.registry.refresh)]
        node.app = build_app(node, routes=routes)
        yield node


def _on_restored(node: Node, alerts: AlertFeed) -> Callable[[], Awaitable[None]]:
    """Begin every screen anew where the database was restored; return what must run for it."""
    restored = asyncio.Event()

    def begin_anew(runner: CountyRunner) -> None:
        for role in Act.HEAR_OF_RESTORE.roles:
            node.live.push_alert(runner.county_id, f"role:{role}", "restored", None)
        node.live.close_county(runner.county_id)
        node.positions.begin_anew(runner.county_id)
        node.feed.stop(runner.county_id)
        node.feed.start(runner.board)
        restored.set()

    async def follow() -> None:
        while True:
            await restored.wait()
            # Whoever knows the old one by this name alone begins anew, too.
            node.feed.log_id = f"{await database_id(node.database)}/{new_id()}"
            await alerts.begin()
            restored.clear()

    node.service.on_restored = begin_anew
    return follow


def _watch_database(node: Node, pokes: Pokes) -> dict[str, Callable[[], Awaitable[None]]]:
    """Let everything that depends on the database's state ask one place; return what must run."""
    main, *others = node.database.sides()
    node.pulse = Pulse(
        main, node.machine, lambda heads, since_s: pokes.hear(node.service.hear(heads, since_s))
    )
    node.troubles = Troubles(node.database, node.machine)

    def may_write() -> None:
        problem = node.pulse.clock_problem()
        if problem is not None:
            raise problem

    node.database.may_write = may_write
    works: dict[str, Callable[[], Awaitable[None]]] = {
        "pulse": node.pulse.run,
        "troubles": node.troubles.run,
    }
    if others:
        works["reports' pulse"] = Pulse(others[0], node.machine).run
    return works


def _served(node: Node) -> Collection[CountyId]:
    return [runner.county_id for runner in node.service.counties]


async def _sign_in(node: Node, stack: AsyncExitStack) -> None:
    passwords = Passwords()
    stack.callback(passwords.close)
    node.accounts = Accounts(node.database, node.machine, passwords)
    rules = SessionRules(cookie_life=timedelta(hours=node.settings.session_hours))
    devices = Devices(node.settings.load_master_key())
    node.sessions = Sessions(node.database, node.machine, passwords, rules=rules, devices=devices)
    node.registry = SessionRegistry(node.sessions, node.machine)
    node.auth = Auth(node.accounts, node.sessions, node.registry)


def _live(node: Node, log_id: str) -> None:
    node.feed = Feed(log_id)
    node.fanout = Fanout(node.machine)
    node.live = Live(
        feed=node.feed,
        positions=Positions(node.feed, node.positions),
        fanout=node.fanout,
        door=node.auth,
        watch=node.registry,
        domain=node.clock,
        catch_up=lambda county_id: node.service.county(county_id).catch_up(),
        recorded_at=lambda county_id, seq: node.service.county(county_id).log.recorded_at(seq),
        age_s=lambda county_id: node.service.county(county_id).age_s(),
        trouble=lambda county_id: _trouble(node, county_id),
    )


def _tell_unwritten(node: Node, env: Envelope) -> None:
    """Show a call for help that isn't in the log on all screens of this node that may act."""
    board = node.service.county(env.county_id).board
    named = (env.actor.team_id, getattr(env.command, "team_id", None))
    team = next((board.teams[one] for one in named if one in board.teams), None)
    run = None if team is None or team.run is None else board.incidents.get(team.run[0])
    for role in Act.HEAR_OF_UNWRITTEN_HELP.roles:
        node.live.push_alert(
            env.county_id,
            f"role:{role}",
            "help_not_recorded",
            None if run is None else run.number,
            key=f"help {env.command_id}",
            call_sign=None if team is None else team.call_sign,
        )


def _trouble(node: Node, county_id: CountyId) -> str:
    """Return the name of what keeps a county's commands from being taken; "" = nothing."""
    if node.pulse.trouble is not None:
        return node.pulse.trouble.code
    if node.pulse.clock_problem() is not None:
        return "clock_off"
    return next((code for code, _ in node.troubles.of(county_id)), "")


def _pokes(node: Node) -> Pokes:
    grown: set[int] = set()
    wake = asyncio.Event()

    def known(county_id: int) -> int:
        try:
            return node.service.county(county_id).board.seq
        except CrisisError:
            return -1

    def on_poke(county_id: int, seq: int) -> None:
        del seq
        grown.add(county_id)
        wake.set()

    async def follow() -> None:
        while True:
            await wake.wait()
            wake.clear()
            while grown:
                await _follow(node, grown.pop())

    node.supervisor.start("follow", follow)
    return Pokes(node.database, node.settings.node_name, on_poke, known=known)


async def _follow(node: Node, county_id: int) -> None:
    """Fold what another node wrote, or start serving a county that was added.

    A county whose log this program doesn't understand is shown no more: its screens would stand
    still while the heartbeats go on. They connect to another node.
    """
    try:
        runner = node.service.county(county_id)
    except CrisisError:
        await node.service.refresh_counties()
        return
    try:
        await runner.catch_up()
    except Unavailable:
        if runner.blocked is None:
            raise
        node.live.close_county(runner.county_id)
        node.feed.stop(runner.county_id)


def _forgetting(node: Node) -> Callable[[GroupDone], None]:
    """Return a listener that lets the last known place of a team go when its shift ends."""
    ended: asyncio.Queue[tuple[CountyId, TeamId]] = asyncio.Queue()

    def listen(done: GroupDone) -> None:
        for change in done.changes:
            team = change.entity
            if isinstance(team, Team) and team.duty is Duty.OFF_SHIFT:
                before = done.before.teams.get(team.id)
                if before is not None and before.duty is not Duty.OFF_SHIFT:
                    ended.put_nowait((done.after.county_id, team.id))

    async def forget() -> None:
        while True:
            county_id, team_id = one = await ended.get()
            team = node.service.county(county_id).board.teams.get(team_id)
            if team is not None and team.duty is not Duty.OFF_SHIFT:
                continue
            try:
                await node.positions.forget(county_id, team_id)
            except Unavailable:
                ended.put_nowait(one)
                raise

    node.supervisor.start("forget", forget)
    return listen


def _outbox(node: Node, alert_log: TextIO | None, *, mail: bool) -> Outbox:
    """Return the outbox; nobody is mailed out of a simulated county."""

    node.channels = Channels(node.database, node.machine)
    adapters: list[Adapter] = []
    if alert_log is not None:
        adapters.append(LogAdapter(alert_log))
    node.mailer = MailAdapter.of(node.settings, node.channels) if mail else None
    if node.mailer is not None:
        adapters.append(node.mailer)
        node.channels.kinds = (MAIL,)
    node.reached = Reached(node.channels, node.service.submit, node.clock)
    return Outbox(
        node.database,
        adapters,
        node.settings.node_name,
        clock=node.clock,
        machine=node.machine,
        # Of made-up people nobody has to be reached.
        follows=node.reached if mail else None,
    )


def _ticker(node: Node) -> Ticker:
    database = node.database

    async def fixes(now: datetime) -> None:
        keep = {
            runner.county_id: runner.rules(now).policy.retention.positions_days
            for runner in node.service.counties
        }
        await positions.tidy(database, now.date(), keep)
        await node.trackers.tidy()

    async def results(now: datetime) -> None:
        # One that was added a moment ago isn't served yet, and has nothing old.
        days: dict[int, int] = {
            runner.county_id: runner.rules(now).policy.retention.command_results_days
            for runner in node.service.counties
        }
        await upkeep.delete_old_results(database, days, now)

    async def notices(now: datetime) -> None:
        await upkeep.delete_done_notices(database, now)

    async def seal() -> None:
        await audit.seal(database, node.machine.now())

    runs = UpkeepRuns(database, node.settings.node_name, node.machine)

    async def rules(now: datetime) -> None:
        del now
        await node.service.refresh_counties()
        await runs.forget_old()

    return Ticker(
        node.supervisor,
        clock=node.clock,
        machine=node.machine,
        tick=node.service.tick,
        runs=runs,
        may_work=lambda: node.pulse.clock_problem() is None,
        daily={"fixes": fixes, "results": results, "notices": notices},
        hourly={"rules": rules},
        seconds={"audit": seal, "watchdog": node.watchdog.look},
    )
