"""``crisis-dispatch report``: figures of a county, for people and for spreadsheets.

Must not know how a figure is computed.
"""

from __future__ import annotations

import argparse
import shutil
import sys

from crisis.editions import unverified
from crisis.standards import local_day
from dispatch.reports.figures import period, response_times
from dispatch.reports.periods import days_of
from dispatch.reports.text import as_csv, as_json, as_table, responses_as_csv
from dispatch.run.rulebook import Rulebook
from dispatch.store.migrate import is_simulated
from dispatch.store.reporting import read_responses
from web.cli.context import opened
from web.cli.served import served_county
from web.cli.text import Exit, day_of_text

_RESPONSE_TIMES = """\
Response times against the standard (60 minutes urban, 120 rural, from the determination that a team
must go to its arrival), by month and area class.

Two shares stand side by side: on time of those that arrived, by month of arrival; and on time of
all that were promised a team, by month of determination, with those cancelled late, unserved and
still waiting, as of the county's present instant: this machine's, or in a simulated county,
whose time may run ahead, that of the last thing recorded.

Without --since and --until: the last three full months. With --since alone: up to today. With
--until alone: its month up to that day, and the two months before.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    group = commands.add_parser(
        "report", help="figures of a county", description="Figures of a county."
    )
    acts = group.add_subparsers(title="reports", metavar="REPORT", required=True)
    times = acts.add_parser(
        "response-times",
        help="response times against the standard",
        description=_RESPONSE_TIMES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    times.add_argument("--county", required=True, help="name or FIPS code")
    times.add_argument(
        "--since", type=day_of_text, metavar="DAY", help="first day, like 2026-07-01"
    )
    times.add_argument("--until", type=day_of_text, metavar="DAY", help="last day, included")
    times.add_argument("--format", choices=("table", "csv", "json"), default="table")
    times.add_argument(
        "--list",
        action="store_true",
        help="list the responses behind each figure, below the table or as CSV; JSON holds them",
    )
    times.set_defaults(run=report_response_times)


async def report_response_times(args: argparse.Namespace) -> Exit:
    """Print the report."""
    async with opened(args) as here:
        county = await served_county(here.database, args.county)
        county_id, name = county.county_id, county.name
        rulebook = await Rulebook.load(here.database, county_id)
        as_of = county.now(here.machine.now(), is_simulated=await is_simulated(here.database))
        rules = rulebook.at(as_of)
        zone = rules.policy.tz()
        since, until = period(*days_of(args.since, args.until, local_day(as_of, zone)), zone)
        responses = await read_responses(here.database, county_id, since, until)
    report = response_times(
        county_id,
        responses,
        since=since,
        until=until,
        as_of=as_of,
        zone=zone,
        unverified=[one.name for one in unverified(rules.standards, rules.codes)],
    )
    match args.format:
        case "json":
            text = as_json(report).decode()
        case "csv":
            text = responses_as_csv(report) if args.list else as_csv(report)
        case _:
            width = max(80, shutil.get_terminal_size((100, 24)).columns)
            title = f"{name} County"
            text = as_table(report, title=title, width=width, with_responses=args.list)
    sys.stdout.write(text)
    return Exit.OK
