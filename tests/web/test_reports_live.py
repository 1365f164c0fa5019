"""The response-time report against a table that was counted by hand.

Each case drives an incident over the API as people would: with merges, corrections, calls from
paper, other agencies and clock changes. Beside it stands what the report must say, worked out from
the rules on paper. All cases share one county; then the report is asked for as JSON, as CSV and on
the command line, and must say the same and add up.
"""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crisis.roles import Role
from tests.db.service_kit import check_county
from tests.e2e.cli_kit import Cli
from tests.web.kit import ALAMEDA, Site
from tests.web.report_cases import CASES
from tests.web.report_cases_odd import MORE
from tests.web.report_kit import Case, County, Told

PATH = "/reports/response-times"
PERIOD = {"since": "2026-03-01", "until": "2026-05-31"}


async def county_of(site: Site) -> County:
    county = County(site)
    await county.set_up()
    return county


#: Of single cases: some lie beyond that period.
YEAR = {"since": "2026-01-01", "until": "2026-12-31"}


async def rows_of(site: Site) -> list[dict[str, str]]:
    """The responses behind the figures, as the CSV lists them."""
    lead = await site.client(Role.LEAD)
    response = await lead.get(f"{PATH}.csv", rows="responses", **YEAR)
    assert response.status_code == 200, response.text
    return list(csv.DictReader(response.text.splitlines()))


def counted(row: dict[str, str]) -> tuple[Any, ...]:
    """A row of the CSV, as far as the hand-made table tells it."""
    minutes = None if row["minutes"] == "" else float(row["minutes"])
    return (row["month"], row["area_class"], row["fate"], minutes, row["entered_afterwards"])


def by_hand(told: Told, numbers: dict[str, int]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """The rows that the hand-made table calls for, by cohort and number."""
    rows = {}
    for incident, one in told.items():
        minutes = None if one.minutes is None else round(one.minutes, 3)
        rest = (one.area, one.fate, minutes, "yes" if one.afterwards else "no")
        if one.came is not None:
            rows["arrived", numbers[incident]] = (one.came, *rest)
        if one.promised is not None:
            rows["determined", numbers[incident]] = (one.promised, *rest)
    return rows


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=lambda case: case.__name__)
async def test_each_case_is_told_as_counted_by_hand(site: Site, case: Case) -> None:
    county = await county_of(site)
    told = await case(county)
    rows = {(row["cohort"], int(row["number"])): counted(row) for row in await rows_of(site)}
    assert rows == by_hand(told, county.numbers)
    await check_county(site.node.database, ALAMEDA, site.node.service)


#: All cases in one county, added up by hand from the table above, as the CSV must say it.
FIGURES = """\
month,area_class,standard_minutes,arrived_on_time,arrived_measurable,arrived_on_time_percent,\
mean_minutes,median_minutes,p90_minutes,longest_minutes,not_measurable,\
determined_on_time,determined_judged,determined_on_time_percent,\
determined_late,determined_not_qualifying,determined_cancelled_late,determined_unserved,\
determined_still_waiting,determined_cancelled_in_time,determined_not_due_yet,\
determined_not_measurable,determined_excluded_setting
2026-03,rural,120,2,3,66.7,110.00,110.00,120.00,120.00,0,2,3,66.7,1,0,0,0,0,0,0,0,0
2026-03,urban,60,14,26,53.8,56.62,57.50,85.00,100.00,0,15,37,40.5,12,1,4,5,0,4,0,4,1
2026-03,all,60 120,16,29,55.2,62.14,60.02,100.00,120.00,0,17,40,42.5,13,1,4,5,0,4,0,4,1
2026-04,urban,60,1,1,100.0,30.00,30.00,30.00,30.00,0,0,2,0.0,0,1,0,0,1,0,0,0,0
2026-04,all,60,1,1,100.0,30.00,30.00,30.00,30.00,0,0,2,0.0,0,1,0,0,1,0,0,0,0
2026-05,all,,0,0,,,,,,0,0,0,,0,0,0,0,0,0,0,0,0
all,rural,120,2,3,66.7,110.00,110.00,120.00,120.00,0,2,3,66.7,1,0,0,0,0,0,0,0,0
all,urban,60,15,27,55.6,55.64,55.00,85.00,100.00,0,15,39,38.5,12,2,4,5,1,4,0,4,1
all,all,60 120,17,30,56.7,61.07,60.01,100.00,120.00,0,17,42,40.5,13,2,4,5,1,4,0,4,1
"""


async def test_all_cases_together_add_up_in_every_form(
    site: Site, dsn: str, tmp_path: Path
) -> None:
    county = await county_of(site)
    told: Told = {}
    for case in CASES:
        told |= await case(county)
    rows = {(row["cohort"], int(row["number"])): counted(row) for row in await rows_of(site)}
    assert rows == by_hand(told, county.numbers)

    lead = await site.client(Role.LEAD)
    figures = (await lead.get(f"{PATH}.csv", **PERIOD)).text
    assert figures.splitlines() == FIGURES.splitlines()
    listed = (await lead.get(f"{PATH}.csv", rows="responses", **PERIOD)).text
    lines = (await lead.get(PATH, **PERIOD)).json()["lines"]
    for line, row in zip(lines, csv.DictReader(FIGURES.splitlines()), strict=True):
        assert (line["month"], line["area_class"]) == (row["month"], row["area_class"])
        arrived, promised = line["arrived"], line["determined"]
        assert arrived["numerator"] == int(row["arrived_on_time"])
        assert arrived["denominator"] == int(row["arrived_measurable"]) == line["spread"]["n"]
        assert promised["numerator"] == int(row["determined_on_time"])
        assert promised["denominator"] == int(row["determined_judged"])
        for fate, refs in line["by_determination"].items():
            assert len(refs) == int(row[f"determined_{fate}"])

    cli = Cli(tmp_path)
    command = ("report", "response-times", "--county", "Alameda")
    period = ("--since", PERIOD["since"], "--until", PERIOD["until"])

    async def said(*more: str) -> str:
        done = await asyncio.to_thread(cli, *command, *period, *more, DATABASE_URL=dsn)
        return done.stdout

    assert (await said("--format", "csv")).splitlines() == figures.splitlines()
    assert (await said("--format", "csv", "--list")).splitlines() == listed.splitlines()
    assert msgspec.json.decode(await said("--format", "json"))["lines"] == lines
    table = " ".join((await said("--list")).split())
    assert "55.2" in table and "42.5" in table
    paper = next(n for i, n in county.numbers.items() if i in told and told[i].afterwards)
    assert "disputed and count as none" in table
    assert f"#{paper} 50.0 min*" in table and "* entered afterwards" in table
    await check_county(site.node.database, ALAMEDA, site.node.service)
