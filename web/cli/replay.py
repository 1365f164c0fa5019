"""``crisis-dispatch replay``: recorded calls through the service, then the report.

Decides how a replay is set up: a database of its own marked simulated, and a node whose county time
goes from act to act. Calls answered anew are decided in memory first, and written to it then. What
the acts are stands in ``dispatch.sim``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from crisis.clock import FakeClock
from crisis.codes import code_sets
from crisis.editions import DAY_ONE
from crisis.errors import Conflict, Invalid
from crisis.ids import CountyId
from crisis.roles import Actor
from crisis.standards import local_day
from dispatch.beside import BESIDE, Work
from dispatch.reports.basis import Bases
from dispatch.reports.figures import ResponseTimes, period, response_times
from dispatch.reports.text import as_csv, as_json, as_table, responses_as_csv
from dispatch.run.config import Settings, load
from dispatch.run.imports.rows import Column, rows_of, text_of
from dispatch.run.secret import open_private
from dispatch.sim import calls as calls_
from dispatch.sim.calls import BadRow, How, Reading, read_calls
from dispatch.sim.replay import ROLES, Account, Replay
from dispatch.sim.replay import Progress as Told
from dispatch.sim.resimulate import Resimulation, simulated_policy
from dispatch.sim.roster import TeamPool, middle
from dispatch.store import administration
from dispatch.store.identity import Grant
from dispatch.store.migrate import migrate
from dispatch.store.passwords import new_password
from dispatch.store.pool import Database
from dispatch.store.postgres.embedded import EmbeddedPostgres
from dispatch.store.reporting import read_responses
from geo.counties import OFF_COAST_M, county_zones
from web.cli.imports import days_flag
from web.cli.text import Exit, Usage, say, warn
from web.node import Node, running

#: A year of a large county is answered in less.
_LONGEST_S = 86_400.0
_COLUMNS = "\n".join(f"  {name:<12} {doc}" for name, doc in calls_.COLUMNS.items())

#: So many bad rows, and so many notes, are told at the terminal.
_MOST_TOLD = 50

HELP = "run recorded calls through the service and report their response times"
DESCRIPTION = f"""\
Enter a spreadsheet of recorded calls into the whole service, in a database of its own, without
waiting: county time goes from one recorded instant to the next. Then print the response-time report
and what became of every row.

As recorded (the default): each call is determined, sent to a team, arrived at and cleared when the
record says so; the report shows the county's own response times. What isn't recorded isn't made up.
With --resimulate the same calls are answered anew, by this service's own ranking and N simulated
teams: what the response times would have been.

The file is CSV with heads, separated by commas, semicolons, tabs or bars. Its columns, by these or
usual other names (or see --column); only the first is required:
{_COLUMNS}

{calls_.MORE_COLUMNS}

Times: 2026-03-08 13:45, 2026-03-08T21:45:00Z, 3/8/2026 1:45 PM, 2026/03/08 21:45:00+00, seconds or
milliseconds since 1970, Excel's numbers of days, ...; without a zone they are local (--zone).
Nothing may be written as databases do: empty, NULL, N/A, \\N, 1899-12-30, 0000-00-00, ... Rows may
stand in any order. A bad row is told and left out; a bad time or place costs that alone, and a
response without the times it needs is counted as not measurable. Rows used and refused stand beside
each percentage. Exit code 1: nothing could be replayed, or the service refused what a row says.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "replay",
        help=HELP,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="CALLS.csv", help="the recorded calls")
    parser.add_argument(
        "--county", default="Sacramento", help="name or FIPS code (default: %(default)s)"
    )
    parser.add_argument(
        "--zone", default="America/Los_Angeles", help="of times without one (default: %(default)s)"
    )
    parser.add_argument(
        "--zones",
        type=Path,
        metavar="FILE.geojson",
        help="urban and rural zones, as county zones --load takes them (default: the whole county "
        "is of one class, by its density)",
    )
    pairs: tuple[tuple[str, str, str], ...] = (
        ("--column", "NAME=HEAD", "which of the file's columns holds one of ours"),
        ("--source", "WORD=CODE", "what a word in the column source means"),
        ("--concern", "WORD=CODE", "what a word in the column concern means"),
        (
            "--outcome",
            "WORD=MEANING",
            "what a word in the column outcome means: responded, cancelled, unserved or "
            "no_dispatch",
        ),
    )
    for flag, form, doc in pairs:
        parser.add_argument(
            flag, type=_pair, action="append", default=[], metavar=form, help=f"{doc}; repeatable"
        )
    parser.add_argument(
        "--map",
        type=Path,
        metavar="FILE.csv",
        help="more of these, a row each: kind (column, source, concern or outcome), word, meaning",
    )
    days_flag(parser)
    parser.add_argument(
        "--durations",
        choices=("minutes", "seconds", "hours"),
        help="what numbers count that tell how long something took, where no head says it",
    )
    parser.add_argument(
        "--assume-determined",
        choices=("received", "dispatch"),
        help="take a missing determination as of this instant (default: don't go further)",
    )
    parser.add_argument(
        "--resimulate", action="store_true", help="answer the calls anew with simulated teams"
    )
    parser.add_argument(
        "--teams", type=_count, default=12, metavar="N", help="with --resimulate (default: 12)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of what is drawn by --resimulate (default: 1)"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep the database in this new directory; serve it with CRISIS_DATA_DIR=DIR",
    )
    parser.add_argument("--errors", type=Path, metavar="FILE", help="also write bad rows, as CSV")
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="of the report"
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="list the responses behind each figure, below the table or as CSV",
    )
    parser.set_defaults(run=run)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=VALUE")
    return name.strip(), value.strip()


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 500:
        raise argparse.ArgumentTypeError("a number of teams from 1 to 500")
    return int(text)


async def run(args: argparse.Namespace) -> Exit:
    """Read the file, replay it, and print what came of it."""
    zone = _zone(args.zone)
    county_id, county = administration.find_county(args.county)
    reading = _read(args, zone, county_id)
    # Now, not when an hour's replay is to be told: that it can be written, and isn't the calls.
    if args.errors is not None:
        if args.errors.exists() and args.errors.samefile(args.file):
            raise Usage(f"{args.errors} is the file of calls; name another one for --errors.")
        _write_bad([], args.errors)
    if not reading.calls:
        _tell_bad(reading.bad, args.errors)
        none = f"None of the {reading.rows} rows can be replayed."
        warn(none if reading.rows else f"{args.file} holds no calls.")
        return Exit.FAILED
    begins_at = min(call.received_at for call in reading.calls)
    clock = FakeClock(begins_at - timedelta(hours=1))
    async with _node(args, county_id, clock) as node:
        account = await _replayed(args, node, clock, county_id, reading)
        report = await _report(node, county_id, zone, begins_at, account)
    _tell_bad([*reading.bad, *account.refused], args.errors)
    _print_report(args, report, f"{county} County", _bases(reading, account, zone))
    _tell_account(reading, account)
    return Exit.FAILED if account.refused else Exit.OK


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Usage(f"There is no time zone {name}; try America/Los_Angeles.") from None


def _read(args: argparse.Namespace, zone: ZoneInfo, county_id: CountyId) -> Reading:
    try:
        text, note = text_of(args.file.read_bytes())
        reading = read_calls(
            text, code_sets(local_day(calls_.FIRST_INSTANT)), zone=zone, how=_how(args)
        )
    except OSError as error:
        raise Usage(f"{args.file} can't be read: {error.strerror}") from error
    except Invalid as error:
        raise Usage(error.detail) from error
    if note:
        reading.notes[note] += 1
    outline = county_zones()[f"{county_id:05d}"]
    places = [call.place for call in reading.calls if call.place is not None]
    outside = sum(outline.distance_m(place) > OFF_COAST_M for place in places)
    if outside:
        reading.notes[f"place outside {outline.name} County, kept; see --county"] += outside
    return reading


_MAP_COLUMNS = (
    Column("kind", "column, source, concern or outcome", True),
    Column("word", "as the file has it", True, (), True),
    Column("meaning", "one of ours", True),
)


def _how(args: argparse.Namespace) -> How:
    """Return what the user says of the file: by flags, and in a file of their own."""
    given: dict[str, dict[str, str]] = {name: {} for name in ("column", *calls_.MAPPED)}
    if args.map is not None:
        for number, row in _mapped(args.map):
            if row["kind"] not in given:
                raise Usage(f"{args.map}, row {number}: {row['kind']} is no kind to map.")
            if row["kind"] == "column":
                given["column"][row["meaning"]] = row["word"]
            else:
                given[row["kind"]][row["word"]] = row["meaning"]
    for name, words in given.items():
        words.update(getattr(args, name))
    assumed = {"received": "received_at", "dispatch": "dispatch"}
    return How(
        columns=given["column"],
        sources=given["source"],
        concerns=given["concern"],
        outcomes=given["outcome"],
        assume_determined=assumed.get(args.assume_determined or ""),
        days=args.days,
        durations=args.durations[0] if args.durations else None,
    )


def _mapped(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text, _ = text_of(file.read_bytes())
        return list(rows_of(str(file), text, _MAP_COLUMNS))
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}") from error


@asynccontextmanager
async def _node(
    args: argparse.Namespace, county_id: CountyId, clock: FakeClock
) -> AsyncIterator[Node]:
    """Run a node on a database of its own, with one county."""
    keep: Path | None = args.keep
    zones = _zones(args.zones)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(keep))
        settings = _settings(folder)
        server = EmbeddedPostgres(
            folder, programs_folder=settings.postgres_programs, is_throwaway=keep is None
        )
        dsn = (await stack.enter_async_context(server)).dsn
        await migrate(dsn, simulated=True)
        database = await stack.enter_async_context(Database.open(dsn))
        await _set_up(database, county_id, clock, zones, resimulated=args.resimulate)
        node = await stack.enter_async_context(
            running(settings, database, clock=clock, ticking=False)
        )
        yield node


def _settings(folder: Path) -> Settings:
    """Return the settings of a node in ``folder``, whatever the real one's are."""
    kept = ("CRISIS_POSTGRES_PROGRAMS", "CRISIS_LOG_LEVEL", "CRISIS_LOG_FORMAT", "HOME")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    return load({**environ, "CRISIS_DATA_DIR": str(folder)}, working_dir=folder)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(keep.iterdir()):
            raise Conflict("not_empty", f"{keep} is not empty; name a new directory to keep it in.")
        yield keep.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="crisis-replay-"))
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def _zones(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8-sig").encode()
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Usage(f"{file} isn't UTF-8.") from None


async def _set_up(
    database: Database,
    county_id: CountyId,
    clock: FakeClock,
    zones: bytes | None,
    *,
    resimulated: bool,
) -> None:
    await administration.add_county(database, county_id, local_day(clock.now()))
    if zones is not None:
        await administration.add_zones(database, county_id, "replay", zones, effective_from=DAY_ONE)
    await administration.add_agency(database, county_id, "Simulated crisis services")
    if resimulated:
        await administration.add_policy(database, county_id, simulated_policy())


async def _clerk(node: Node, county_id: CountyId) -> Actor:
    """Make the account that enters the past."""
    account_id = await node.accounts.create_account("replay", "Replay", password=new_password())
    await node.accounts.grant(account_id, Grant(county_id=county_id, roles=ROLES))
    return Actor(user_id=account_id, roles=ROLES)


async def _replayed(
    args: argparse.Namespace,
    node: Node,
    clock: FakeClock,
    county_id: CountyId,
    reading: Reading,
) -> Account:
    agency_id = administration.agency_id_of(county_id, "Simulated crisis services")
    places = [call.place for call in reading.calls if call.place is not None]
    clerk = await _clerk(node, county_id)
    with _progress() as progress:
        if args.resimulate:
            county = node.service.county(county_id)
            resimulation = Resimulation(
                county.board, county.rules, clock.now(), agency_id, clerk, seed=args.seed
            )
            account = await _beside(
                lambda told: resimulation.run(reading.calls, args.teams, told), progress
            )
            await county.take_over(resimulation.decided)
            return account
        teams = TeamPool(county_id, agency_id, middle(places))
        replay = Replay(county_id, clock, teams, clerk, node.service.submit)
        return await replay.run(reading.calls, progress)


async def _beside(answer: Callable[[Told], Account], progress: Told) -> Account:
    """Answer calls beside the loop, which a signal may end."""

    def answered(work: Work) -> Account:
        def told(done: int, of: int) -> None:
            work.at(done, of)
            progress(done, of)

        return answer(told)

    return await BESIDE.run(answered, Work(within_s=_LONGEST_S))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr where somebody looks at it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, of: None
        return
    bar = Progress(
        TextColumn("Replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task("", total=None)
    with bar:
        yield lambda done, of: bar.update(task, completed=done, total=of)


async def _report(
    node: Node, county_id: CountyId, zone: ZoneInfo, begins_at: datetime, account: Account
) -> ResponseTimes:
    as_of = account.last_at or begins_at
    first = local_day(begins_at, zone).replace(day=1)
    since, until = period(first, local_day(as_of, zone), zone)
    responses = await read_responses(node.database, county_id, since, until)
    return response_times(county_id, responses, since=since, until=until, as_of=as_of, zone=zone)


def _bases(reading: Reading, account: Account, zone: ZoneInfo) -> Bases:
    """Count the rows behind the figures."""
    bases = Bases()
    refused = {row.row: row.reason for row in account.refused}
    for call in reading.calls:
        month = f"{call.received_at.astimezone(zone):%Y-%m}"
        if call.row in refused:
            for _ in range(call.row_count):
                bases.refuse(month, refused[call.row])
        else:
            bases.use(month, call.row_count, call.why_unmeasurable)
    for row in reading.bad:
        bases.refuse(row.month, row.reason)
    return bases


def _print_report(
    args: argparse.Namespace, report: ResponseTimes, title: str, bases: Bases
) -> None:
    match args.format:
        case "json":
            sys.stdout.write(as_json(report, bases).decode())
        case "csv":
            sys.stdout.write(responses_as_csv(report) if args.list else as_csv(report, bases))
        case _:
            how = "answered anew" if args.resimulate else "as recorded"
            title = f"{title}, {how}"
            say(as_table(report, title=title, with_responses=args.list, bases=bases))


def _tell_bad(bad: list[BadRow], file: Path | None) -> None:
    bad.sort(key=lambda row: row.row)
    for row in bad[:_MOST_TOLD]:
        warn(f"row {row.row}: {row.reason}")
    if len(bad) > _MOST_TOLD:
        more = f"and {len(bad) - _MOST_TOLD} more bad rows"
        warn(f"{more}; see {file}" if file else f"{more}; --errors FILE lists them all")
    if file is not None:
        _write_bad(bad, file)


def _write_bad(bad: list[BadRow], file: Path) -> None:
    with open_private(file, "w") as out:
        writer = csv.writer(out)
        writer.writerow(("row", "reason"))
        writer.writerows((row.row, row.reason) for row in bad)


def _tell_account(reading: Reading, account: Account) -> None:
    refused = len(reading.bad) + len(account.refused)
    how_far = ", ".join(f"{count} {name}" for name, count in account.reached.most_common())
    warn(f"Rows: {reading.rows} read = {account.replayed} replayed + {refused} refused.")
    if account.responses != account.replayed:
        warn(f"Responses: {account.responses}, of one row or several.")
    warn(f"Replayed: {how_far or 'none'}; {account.teams} teams.")
    lost = Counter(filter(None, (call.why_unmeasurable for call in reading.calls)))
    if lost:
        listed = ", ".join(f"{count} {why}" for why, count in lost.most_common())
        warn(f"Not measurable: {listed}.")
    if account.overtaken:
        codes = ", ".join(f"{count} {code}" for code, count in account.overtaken.most_common())
        warn(f"Acts that came too late and were refused: {codes}.")
    notes = reading.notes.most_common()
    # What is true of many rows, or of the file, before what is said of one.
    notes.sort(key=lambda note: note[0].startswith("row "))
    for note, count in notes[:_MOST_TOLD]:
        warn(f"Note: {note}" + (f" ({count} rows)" if count > 1 else ""))
    if len(notes) > _MOST_TOLD:
        warn(f"Note: and {len(notes) - _MOST_TOLD} more notes of single rows")
