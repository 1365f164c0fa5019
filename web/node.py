"""The composition root: everything that one node runs, built in one place and stopped in order.

    settings → PostgreSQL (embedded, or DATABASE_URL) → migrations → pools → service → live feed
      → positions, pokes, outbox, ticker, audit, under one supervisor → the ASGI application

Decides only what is wired to what. Rules are in ``crisis`` and ``dispatch``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TextIO

from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from crisis.clock import Clock, MachineClock, new_id
from crisis.commands import Envelope
from crisis.ids import CountyId
from crisis.rights import Act
from dispatch.choose.seek import Seeker
from dispatch.feed import Feed, Positions
from dispatch.run.alerts import Adapter, LogAdapter, MailAdapter
from dispatch.run.config import Settings
from dispatch.run.county import CountyRunner, GroupDone
from dispatch.run.desks import Desks
from dispatch.run.following import Following
from dispatch.run.keycheck import master_key_for
from dispatch.run.outbox import AlertFeed, Outbox
from dispatch.run.positions import FixBuffer
from dispatch.run.reached import Reached
from dispatch.run.service import Service
from dispatch.run.supervise import Supervisor
from dispatch.run.ticker import Ticker
from dispatch.run.tracking import TrackerBook
from dispatch.run.unwritten import Unwritten
from dispatch.run.upkeep import Forgetting, daily
from dispatch.run.watchdog import Watchdog
from dispatch.store import audit
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
from web.api.routes import Parts
from web.app import build_app
from web.http.auth import Auth
from web.http.metrics import Metrics
from web.http.pages import Pages
from web.http.sessions import SessionRegistry
from web.live.fanout import Fanout
from web.live.socket import Live

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Node(Parts):
    """One running node, whole: made by ``running``, last of all.

    Attributes:
        clock: the counties' time; real, or scaled in a database marked simulated.
        app: the ASGI application.
    """

    clock: Clock
    supervisor: Supervisor
    watchdog: Watchdog
    fanout: Fanout
    live: Live
    outbox: Outbox
    reached: Reached
    registry: SessionRegistry
    pulse: Pulse
    following: Following
    app: ASGIApp


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
    clock = clock or await domain_clock(database, machine, settings.simulated_speed)
    async with AsyncExitStack() as stack:
        supervisor = await stack.enter_async_context(Supervisor(machine))
        places = FixBuffer(
            database,
            machine,
            limits=lambda c, at: service.county(c).rules(at).policy.fixes.plausibility,
            serving=lambda: [runner.county_id for runner in service.counties],
        )
        service = Service(
            database,
            clock,
            machine,
            settings.load_master_key(),
            Seeker(places.latest),
        )
        accounts, sessions = _sign_in(settings, database, machine, stack)
        registry = SessionRegistry(sessions, machine)
        auth = Auth(accounts, sessions, registry)
        feed, fanout = Feed(await database_id(database)), Fanout(machine)
        pulse = Pulse(
            database.sides()[0],
            machine,
            lambda heads, since_s: pokes.hear(service.hear(heads, since_s)),
        )
        troubles = Troubles(database, machine)
        live = Live(
            feed=feed,
            positions=Positions(feed, places),
            fanout=fanout,
            door=auth,
            watch=registry,
            domain=clock,
            catch_up=lambda county_id: service.county(county_id).catch_up(),
            recorded_at=lambda county_id, seq: service.county(county_id).log.recorded_at(seq),
            age_s=lambda county_id: service.county(county_id).age_s(),
            trouble=lambda county_id: _trouble(pulse, troubles, county_id),
        )
        unwritten = Unwritten(
            service.submit, lambda env: _tell_unwritten(service, live, env), machine
        )

        def on_blocked(county_id: CountyId) -> None:
            live.close_county(county_id)
            feed.stop(county_id)

        following = Following(service, on_blocked)
        pokes = Pokes(database, settings.node_name, following.on_poke, known=following.known)
        is_real = not await is_simulated(database)
        channels = Channels(database, machine)
        # Nobody is mailed out of a simulated county.
        mailer = MailAdapter.of(settings, channels) if is_real else None
        adapters: list[Adapter] = [] if alert_log is None else [LogAdapter(alert_log)]
        if mailer is not None:
            adapters.append(mailer)
            channels.kinds = (MAIL,)
        reached = Reached(channels, service.submit, clock)
        outbox = Outbox(
            database,
            adapters,
            settings.node_name,
            clock=clock,
            machine=machine,
            # Of made-up people nobody has to be reached.
            follows=reached if is_real else None,
        )
        alerts = AlertFeed(database, live.on_alerts, clock=clock)
        forgetting = Forgetting(service, places)
        trackers = TrackerBook(database, machine)
        watchdog = Watchdog(lambda: service.counties, service.submit)
        restored = _Restored(database, live, places, feed, alerts)

        def may_write() -> None:
            problem = pulse.clock_problem()
            if problem is not None:
                raise problem

        def on_group(done: GroupDone) -> None:
            live.on_group(done)
            forgetting.on_group(done)
            pokes.poke(done.county_id, done.after.seq)
            alerts.wake(done.county_id)
            outbox.wake()

        database.may_write = may_write
        service.listeners.append(on_group)
        service.on_start = lambda runner: feed.start(runner.board)
        service.on_restored = restored.begin_anew
        await alerts.begin()
        await stack.enter_async_context(service)
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "follow": following.run,
            "forget": forgetting.run,
            "pulse": pulse.run,
            "troubles": troubles.run,
            "restored": restored.run,
            **pokes.works(),
            "alerts": alerts.run,
            "live": live.run,
            "outbox": outbox.run,
            "positions": places.run,
            "trackers": trackers.run,
            "unwritten": unwritten.run,
            "rulebooks": service.follow_rules,
            "sessions": registry.run,
        }
        if others := database.sides()[1:]:
            works["reports' pulse"] = Pulse(others[0], machine).run
        if ticking:
            works["desks"] = Desks(service, accounts).run
        for name, work in works.items():
            supervisor.start(name, work)
        if ticking:
            ticker = await stack.enter_async_context(
                _ticker(settings, database, supervisor, service, trackers, watchdog, pulse)
            )
            service.on_due = lambda runner: ticker.ask_now(
                f"county {runner.county_id}", partial(service.see_to, runner)
            )
        metrics = Metrics(
            service,
            database,
            {
                "service": lambda: service.stats,
                "fanout": fanout.stats,
                "positions": lambda: places.stats,
                "outbox": lambda: outbox.stats,
                "reached": lambda: reached.stats,
                "sessions": lambda: sessions.stats,
            },
            lambda: watchdog.overlooked,
            supervisor,
        )
        parts = Parts(
            settings=settings,
            database=database,
            service=service,
            accounts=accounts,
            auth=auth,
            feed=feed,
            positions=places,
            trackers=trackers,
            unwritten=unwritten,
            channels=channels,
            mailer=mailer,
            machine=machine,
            metrics=metrics,
            health=lambda: [
                *pulse.problems(),
                *troubles.problems(),
                *service.problems,
                *(f"{name} is failing" for name in supervisor.failing()),
            ],
        )
        routes = [
            WebSocketRoute("/api/v1/live", live),
            *Pages(auth).routes(),
            *admin_routes(parts, registry.refresh),
        ]
        yield Node(
            **vars(parts),
            clock=clock,
            supervisor=supervisor,
            watchdog=watchdog,
            fanout=fanout,
            live=live,
            outbox=outbox,
            reached=reached,
            registry=registry,
            pulse=pulse,
            following=following,
            app=build_app(parts, routes=routes),
        )


class _Restored:
    """Begins every screen anew where the database was restored."""

    def __init__(
        self, database: Database, live: Live, places: FixBuffer, feed: Feed, alerts: AlertFeed
    ) -> None:
        self._database = database
        self._live = live
        self._places = places
        self._feed = feed
        self._alerts = alerts
        self._happened = asyncio.Event()

    def begin_anew(self, runner: CountyRunner) -> None:
        for role in Act.HEAR_OF_RESTORE.roles:
            self._live.push_alert(runner.county_id, f"role:{role}", "restored", None)
        self._live.close_county(runner.county_id)
        self._places.begin_anew(runner.county_id)
        self._feed.stop(runner.county_id)
        self._feed.start(runner.board)
        self._happened.set()

    async def run(self) -> None:
        while True:
            await self._happened.wait()
            # Whoever knows the old one by this name alone begins anew, too.
            self._feed.log_id = f"{await database_id(self._database)}/{new_id()}"
            await self._alerts.begin()
            self._happened.clear()


def _sign_in(
    settings: Settings, database: Database, machine: Clock, stack: AsyncExitStack
) -> tuple[Accounts, Sessions]:
    passwords = Passwords()
    stack.callback(passwords.close)
    rules = SessionRules(cookie_life=timedelta(hours=settings.session_hours))
    devices = Devices(settings.load_master_key())
    sessions = Sessions(database, machine, passwords, rules=rules, devices=devices)
    return Accounts(database, machine, passwords), sessions


def _tell_unwritten(service: Service, live: Live, env: Envelope) -> None:
    """Show a call for help that isn't in the log on all screens of this node that may act."""
    board = service.county(env.county_id).board
    named = (env.actor.team_id, getattr(env.command, "team_id", None))
    team = next((board.teams[one] for one in named if one in board.teams), None)
    run = None if team is None or team.run is None else board.incidents.get(team.run[0])
    for role in Act.HEAR_OF_UNWRITTEN_HELP.roles:
        live.push_alert(
            env.county_id,
            f"role:{role}",
            "help_not_recorded",
            None if run is None else run.number,
            key=f"help {env.command_id}",
            call_sign=None if team is None else team.call_sign,
        )


def _trouble(pulse: Pulse, troubles: Troubles, county_id: CountyId) -> str:
    """Return the name of what keeps a county's commands from being taken; "" = nothing."""
    if pulse.trouble is not None:
        return pulse.trouble.code
    if pulse.clock_problem() is not None:
        return "clock_off"
    return next((code for code, _ in troubles.of(county_id)), "")


def _ticker(
    settings: Settings,
    database: Database,
    supervisor: Supervisor,
    service: Service,
    trackers: TrackerBook,
    watchdog: Watchdog,
    pulse: Pulse,
) -> Ticker:
    runs = UpkeepRuns(database, settings.node_name, service.machine)

    async def seal() -> None:
        await audit.seal(database, service.machine.now())

    async def rules(now: datetime) -> None:
        del now
        await service.refresh_counties()
        await runs.forget_old()

    return Ticker(
        supervisor,
        clock=service.clock,
        machine=service.machine,
        tick=service.tick,
        runs=runs,
        may_work=lambda: pulse.clock_problem() is None,
        daily=daily(service, database, trackers),
        hourly={"rules": rules},
        seconds={"audit": seal, "watchdog": watchdog.look},
    )
