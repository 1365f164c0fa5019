"""``crisis-dispatch demo``: a county alive on the screen, out of nothing but this package.

Decides in which order a demonstration is set up, shown and ended: an embedded database marked
simulated, the week before, the service, and beside it a process of simulated people who use the
API as anybody would. What they do stands in ``dispatch.sim``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from crisis.clock import Clock, DomainClock, FakeClock, MachineClock
from crisis.errors import Conflict
from crisis.ids import CountyId
from crisis.standards import local_day
from dispatch.reports.figures import Response, response_times
from dispatch.reports.text import percent_text
from dispatch.run.config import Settings, load
from dispatch.run.secret import open_private
from dispatch.run.service import Service
from dispatch.sim.demand import BY_PHONE, FEWEST_PER_DAY, Demand, DemandedCall
from dispatch.sim.history import History
from dispatch.sim.troupe import MOST_TEAMS, Troupe, plan_yours, set_up, shift_at, team_count
from dispatch.store import administration
from dispatch.store.accounting import Accounting, account_for
from dispatch.store.migrate import is_simulated, migrate
from dispatch.store.passwords import new_password
from dispatch.store.pool import Database
from dispatch.store.postgres.embedded import EmbeddedPostgres
from dispatch.store.rebuild import rebuild_stale
from dispatch.store.reporting import read_responses
from geo.counties import counties
from web.cli.demo_fleet import Fleet
from web.cli.text import Exit, columns, say, warn
from web.demo.company import Orders, Word
from web.http.logs import configure
from web.node import Node, running
from web.serve import answer

_HISTORY = timedelta(days=7)
#: Commands that a call comes to in the history, over all.
_COMMANDS_PER_CALL = 5.7
#: For how many seconds of writing there is history, and when it is cut off.
_HISTORY_S, _HISTORY_WITHIN_S = 4.0, 7.0
#: Machine seconds between looks at the figures.
_STATUS_EVERY_S, _FIGURES_EVERY_S = 1.0, 10.0
_COMPANY_ENDS_WITHIN_S = 15.0

#: What can go otherwise than planned; told at the end, so that nobody must look for it.
_TOLD_ACTS = ("answer", "abandon", "accept", "decline", "merge", "cancel", "clear", "resolve")

DESCRIPTION = """\
Show a county at work: an embedded database in a temporary directory, made-up agencies, teams,
shifts and callers, a week of history, and simulated people who answer, dispatch and drive through
the service's own API. County time runs faster than yours (--speed).

Sign in as any role with the passwords that it prints, and take over what you like: answer a call
before the simulated desk does, and the incident is yours; sign in as "you" on a phone, go on shift
and accept an offer. Nobody else drives your team. The rest goes on around you.

Ctrl-C ends it and removes everything, unless --keep names a directory; with it a demonstration can
be started again where it stopped.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "demo",
        help="show a made-up county at work; needs nothing else",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--county", default="Sacramento", help="name or FIPS code (default: %(default)s)"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=10.0,
        metavar="1..60",
        help="how many times faster county time runs (default: 10, at which a call that you take"
        " by hand for a minute costs ten of the sixty that a team has)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of what is drawn (default: 1)"
    )
    parser.add_argument(
        "--teams", type=_teams, metavar="N", help="default: by the county's planning estimate"
    )
    parser.add_argument("--port", type=int, default=8080, help="to listen on (default: 8080)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in DIR")
    parser.add_argument(
        "--minutes", type=_minutes, metavar="N", help="stop by itself after so many real minutes"
    )
    parser.set_defaults(run=run)


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 1 <= float(text) <= 60:
            return float(text)
    raise argparse.ArgumentTypeError("a speed from 1 to 60")


def _teams(text: str) -> int:
    if not text.isdigit() or not 2 <= int(text) <= MOST_TEAMS:
        raise argparse.ArgumentTypeError(f"a number of teams from 2 to {MOST_TEAMS}")
    return int(text)


def _minutes(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) <= 1_000_000:
            return float(text)
    raise argparse.ArgumentTypeError("a number of minutes above 0")


@dataclass(slots=True)
class _Show:
    """A demonstration under way.

    Attributes:
        heard: what callers said whose calls the past left open.
        word: the simulated people's last word; ``None`` = none yet.
        late: why some were late; empty = nobody was.
        fallen: their process ended although nobody told it to.
    """

    args: argparse.Namespace
    county_id: CountyId
    machine: Clock
    troupe: Troupe
    heard: dict[str, DemandedCall]
    clock: DomainClock
    origin: datetime
    started: datetime
    began_at: datetime
    word: Word | None = None
    fallen: bool = False
    figures: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    late: str = ""
    accounting: Accounting | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


async def run(args: argparse.Namespace) -> Exit:
    """Set everything up, show it until a signal, and take it down."""
    machine = MachineClock()
    began_s = machine.monotonic()
    county_id, county = administration.find_county(args.county)
    with _folder(args.keep) as folder:
        settings = _settings(folder, args.port)
        path = folder / "demo.log"
        with open_private(path, "a") as log:
            # A kept demonstration's earlier faults were told when it ended.
            logged_before = path.stat().st_size
            configure("info", "json", log)
            with closing(_listen(args.port)) as listening:
                say(f"Making {county} County, made up, with a week behind it ...")
                async with _database(folder, settings, is_kept=args.keep is not None) as database:
                    show = await _prepare(args, county_id, database, settings, machine)
                    await _show(show, settings, database, listening, county, began_s)
        return _told(show, _faults_in(path, logged_before))


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield keep.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="crisis-demo-"))
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def _settings(folder: Path, port: int) -> Settings:
    """Return the settings of a node in ``folder``, whatever the real one's are."""
    kept = ("CRISIS_POSTGRES_PROGRAMS", "HOME")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    more = {"CRISIS_DATA_DIR": str(folder)} | ({"CRISIS_PORT": str(port)} if port else {})
    return load({**environ, **more}, working_dir=folder)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        raise Conflict(
            "port_taken", f"Port {port} can't be used ({error.strerror}); choose one with --port."
        ) from error


@asynccontextmanager
async def _database(folder: Path, settings: Settings, *, is_kept: bool) -> AsyncIterator[Database]:
    async with AsyncExitStack() as stack:
        server = EmbeddedPostgres(
            folder, programs_folder=settings.postgres_programs, is_throwaway=not is_kept
        )
        dsn = (await stack.enter_async_context(server)).dsn
        await migrate(dsn, simulated=True)
        database = await stack.enter_async_context(Database.open(dsn))
        if not await is_simulated(database):
            raise Conflict(
                "not_simulated", f"The database in {folder} is for real work; choose another DIR."
            )
        await rebuild_stale(database, settings.load_master_key())
        yield database


async def _prepare(
    args: argparse.Namespace,
    county_id: CountyId,
    database: Database,
    settings: Settings,
    machine: Clock,
) -> _Show:
    """Make the county and its past, or go on with what is there."""
    served = {one.county_id: one for one in await administration.list_counties(database)}
    if served and county_id not in served:
        names = ", ".join(one.name for one in served.values())
        raise Conflict("another_county", f"That directory holds {names}; say so in --county.")
    teams = args.teams or team_count(county_id)
    demand = Demand(county_id, args.seed)
    known = served.get(county_id)
    now = demand.next_busy(machine.now())
    if known is None:
        began_at = now - _HISTORY
    else:
        # County time went ahead of ours, and never goes back.
        began_at = now = max(now, await _last_recorded_at(database, settings, machine, county_id))
    clock = FakeClock(began_at)
    heard: dict[str, DemandedCall] = {}
    troupe = await set_up(database, clock, machine, county_id, teams, args.speed, new_password)
    if known is None:
        service = Service(database, clock, machine, settings.load_master_key())
        async with service:
            history = History(service.county(county_id), clock, troupe, args.seed)
            per_s = await history.roster(machine)
            # A slow machine gets fewer days, not a later page.
            clock.set(max(began_at, now - _span(demand, per_s * _HISTORY_S)))
            on_shift = sum(shift_at(n, now) is not None for n in range(1, teams + 1))
            calls = demand.before(clock.now(), now, max(1, on_shift - 2))
            told = await history.write(calls, now, machine, _HISTORY_WITHIN_S)
        heard = told.heard
        if told.hurried:
            say("This machine is busy: some days of the week before hold less than others.")
        if told.refused:
            warn(f"Refused while making the past: {_list(told.refused)}.")
    started = machine.now()
    origin = max(now, started) if known is None else now
    domain = DomainClock(machine, origin=origin, speed=args.speed)
    return _Show(
        args=args,
        county_id=county_id,
        machine=machine,
        troupe=troupe,
        heard=heard,
        clock=domain,
        origin=origin,
        started=started,
        began_at=origin,
    )


async def _last_recorded_at(
    database: Database, settings: Settings, machine: Clock, county_id: CountyId
) -> datetime:
    async with Service(database, machine, machine, settings.load_master_key()) as service:
        return service.county(county_id).board.last_recorded_at or machine.now()


def _span(demand: Demand, commands: float) -> timedelta:
    """Return how much history so many commands are: a week, less in the largest counties."""
    per_day = demand.per_day / (1 - BY_PHONE) * _COMMANDS_PER_CALL
    return min(_HISTORY, timedelta(days=commands / per_day))


async def _show(
    show: _Show,
    settings: Settings,
    database: Database,
    listening: socket.socket,
    county: str,
    began_s: float,
) -> None:
    """Serve until a signal, or until the time is over."""

    ended = asyncio.Event()

    async def started(node: Node, url: str) -> None:
        # In place of the server's own: whoever uses it leaves before it does.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        runner, now = node.service.county(show.county_id), node.service.clock.now()
        await plan_yours(runner, show.troupe, now)
        took_s = show.machine.monotonic() - began_s
        _greet(show, county, url, took_s, runner.rules(now).policy.tz())
        show.tasks.append(asyncio.create_task(_report(show, node), name="demo-status"))
        show.tasks.append(asyncio.create_task(_company(show, url), name="demo-company"))

    async with running(settings, database, clock=show.clock) as node:
        serving = asyncio.create_task(answer(node, listening, started), name="demo-http")
        waiting = asyncio.create_task(ended.wait(), name="demo-signal")
        limit_s = None if show.args.minutes is None else 60 * show.args.minutes
        either: list[asyncio.Task[Any]] = [serving, waiting]
        try:
            await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            # The people first: what they have under way is answered still.
            for task in show.tasks:
                task.cancel()
            await asyncio.gather(*show.tasks, return_exceptions=True)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        await _figures(show, node)


def _greet(show: _Show, county: str, url: str, took_s: float, zone: ZoneInfo) -> None:
    say(f"\n{county} County is at work on {url} (ready after {took_s:.1f} s).")
    local = show.clock.now().astimezone(zone)
    say(f"It is {local:%A %H:%M} there; time runs {show.args.speed:g} times as fast as yours.")
    expected = counties()[f"{show.county_id:05d}"].est_encounters_per_day
    if expected < FEWEST_PER_DAY:
        say(
            f"{county} County expects {expected:g} encounters a day; here there are "
            f"{FEWEST_PER_DAY:g}, so that something is to be seen."
        )
    say("")
    rows = [
        (sign.username, sign.password, sign.role, sign.try_first) for sign in show.troupe.sign_ins
    ]
    say(columns(("username", "password", "role", "try first"), rows))
    say("\nCtrl-C stops it.")


async def _company(show: _Show, url: str) -> None:
    """Run the simulated people in a process of their own, and listen to them."""
    orders = Orders(
        url=url.replace("localhost", "127.0.0.1"),
        county_id=show.county_id,
        origin=show.origin,
        started=show.started,
        speed=show.args.speed,
        seed=show.args.seed,
        troupe=show.troupe,
        heard=show.heard,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "web.demo.company"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Out of the terminal's group: Ctrl-C is for this process, which then tells them.
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    to, out = process.stdin, process.stdout
    if to is None or out is None:
        raise AssertionError("both are pipes")
    try:
        to.write(msgspec.json.encode(orders) + b"\n")
        with suppress(ConnectionError):
            await to.drain()
        await _listen_to(show, out)
        show.fallen = True
    finally:
        to.close()
        listening = asyncio.create_task(_listen_to(show, out))
        try:
            async with asyncio.timeout(_COMPANY_ENDS_WITHIN_S):
                await listening
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            show.fallen = True


async def _listen_to(show: _Show, out: asyncio.StreamReader) -> None:
    while line := await out.readline():
        with suppress(msgspec.DecodeError):
            show.word = msgspec.json.decode(line, type=Word)


async def _report(show: _Show, node: Node) -> None:
    """Keep one line up to date where somebody looks at it."""
    looked_s = float("-inf")
    while True:
        if show.machine.monotonic() - looked_s >= _FIGURES_EVERY_S:
            looked_s = show.machine.monotonic()
            await _figures(show, node)
        show.fleet.look(node.service.county(show.county_id).board, show.clock.now())
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\x1b[K{_line(show, node)}")
            sys.stdout.flush()
        await asyncio.sleep(_STATUS_EVERY_S)


def _line(show: _Show, node: Node) -> str:
    board = node.service.county(show.county_id).board
    local = show.clock.now().astimezone(node.service.county(show.county_id).rules().policy.tz())
    out = sum(team.run is not None for team in board.teams.values())
    on = sum(team.duty.value != "off_shift" for team in board.teams.values())
    errors = 0 if show.word is None else sum(show.word.errors.values())
    return (
        f"{local:%a %H:%M}  incidents open {len(board.incidents)}  calls {len(board.calls)}  "
        f"teams out {out}/{on}  on time {show.figures or '-'}  errors {errors}"
    )


async def _figures(show: _Show, node: Node) -> None:
    now = show.clock.now()
    zone = node.service.county(show.county_id).rules(now).policy.tz()
    responses = await read_responses(node.database, show.county_id, show.began_at, now)
    show.figures = _on_time(show, responses, now, zone)
    show.late = _list(show.fleet.causes(responses, now))
    show.accounting = await account_for(node.database, show.county_id)


def _on_time(show: _Show, responses: list[Response], now: datetime, zone: ZoneInfo) -> str:
    """Return the share on time of what was determined since the start; empty = nothing was yet."""
    since = show.began_at
    if not responses or local_day(since, zone) > local_day(now, zone):
        return ""
    report = response_times(show.county_id, responses, since=since, until=now, as_of=now, zone=zone)
    whole = [line.determined for line in report.lines if line.month == "all"]
    share = max(whole, key=lambda one: one.denominator, default=None)
    if share is None or not share.denominator:
        return ""
    return f"{percent_text(share)} % ({share.numerator}/{share.denominator})"


def _told(show: _Show, logged: Counter[str]) -> Exit:
    """Say what came of it, with the faults logged; the exit code."""
    say("\nStopped.")
    word, accounting = show.word, show.accounting
    faults: Counter[str] = Counter() if word is None else Counter(word.errors)
    faults.update(logged)
    if show.fallen:
        faults["the simulated people's process ended by itself"] += 1
    if word is not None:
        say(
            f"Simulated people: {word.sent} commands, {word.fixes} positions, "
            f"{sum(word.overtaken.values())} overtaken ({_list(word.overtaken) or 'none'})."
        )
        say(f"Among them: {_list({name: word.acts.get(name, 0) for name in _TOLD_ACTS})}.")
    if accounting is not None:
        say(
            f"Incidents: {accounting.received} received = {accounting.closed} closed + "
            f"{accounting.cancelled} cancelled + {accounting.merged} merged + "
            f"{accounting.open} open."
        )
        if not accounting.holds:
            faults["incidents that nobody accounts for"] += 1
    say(f"On time since the start: {show.figures or 'nothing was due yet'}.")
    say(f"Late: {show.late or 'nobody'}.")
    say(f"Offers: {_list(show.fleet.offers) or 'none'}.")
    say(f"Teams: {show.fleet.busy}.")
    say(f"Errors: {sum(faults.values())}{f' ({_list(faults)})' if faults else ''}.")
    return Exit.FAILED if faults else Exit.OK


def _faults_in(log: Path, start: int) -> Counter[str]:
    """Count what the service logged as a fault from byte ``start`` on."""
    found: Counter[str] = Counter()
    with log.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            with suppress(msgspec.DecodeError):
                entry = msgspec.json.decode(line)
                if entry.get("level") in {"error", "critical", "warning"}:
                    what = (entry.get("event"), entry.get("operation"), entry.get("error"))
                    found[f"log: {' '.join(filter(None, what))}"] += 1
    return found


def _list(counts: dict[str, int] | Counter[str]) -> str:
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{count} {name}" for name, count in ranked)
