"""Logs in the forms that crisis programs export, replayed to a table that was counted by hand.

Most forms tell of the same two calls: one determined at 14:05 on 30 June 2025 and reached after 45
minutes, one determined at 16:05 and reached after 80. The standard is 60 minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from crisis.clock import FakeClock
from crisis.codes import code_sets
from crisis.errors import Invalid
from crisis.ids import UserId
from crisis.roles import Actor
from dispatch.reports.basis import Bases
from dispatch.reports.figures import ALL, Line, response_times
from dispatch.run.service import Service
from dispatch.sim.calls import How, Reading, read_calls
from dispatch.sim.replay import ROLES, Account, Replay
from dispatch.sim.roster import TeamPool
from dispatch.store import administration
from dispatch.store.pool import County, Database
from dispatch.store.reporting import read_responses
from tests.db.service_kit import ALAMEDA, MASTER_KEY, check_county

PACIFIC = ZoneInfo("America/Los_Angeles")
CLERK = Actor(user_id=UserId(UUID(int=99)), roles=ROLES)


@dataclass
class Table:
    """What a replayed log came to, over all months and areas."""

    reading: Reading
    account: Account
    line: Line
    bases: Bases = field(default_factory=Bases)

    @property
    def counted(self) -> tuple[int, int, int, int, float | None]:
        """On time and measurable of those that arrived; on time and judged; the longest."""
        line = self.line
        return (
            *(line.arrived.numerator, line.arrived.denominator),
            *(line.determined.numerator, line.determined.denominator),
            line.spread.longest,
        )

    @property
    def rows(self) -> tuple[int, int, int, int]:
        """Rows read, used and refused; responses that can't be measured."""
        basis = self.bases.of(ALL)
        return basis.read, basis.used, basis.refused, basis.not_measurable


async def replayed(database: Database, text: str, **how: Any) -> Table:
    """Replay a log in a county of its own."""
    reading = read_calls(text, code_sets(date(2025, 1, 1)), zone=PACIFIC, how=How(**how))
    began = min(call.received_at for call in reading.calls)
    clock = FakeClock(began - timedelta(hours=1))
    await administration.add_county(database, ALAMEDA, began.date())
    agency = await administration.add_agency(database, ALAMEDA, "Open Door")
    async with Service(database, clock, clock, MASTER_KEY) as service:
        teams = TeamPool(ALAMEDA, agency, None)
        account = await Replay(ALAMEDA, clock, teams, CLERK, service.submit).run(reading.calls)
        await check_county(database, ALAMEDA, service)
    since, until = datetime(2023, 2, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    report = response_times(
        ALAMEDA,
        await read_responses(database, ALAMEDA, since, until),
        since=since,
        until=until,
        as_of=account.last_at or began,
        zone=PACIFIC,
    )
    table = Table(reading, account, report.lines[-1])
    for call in reading.calls:
        table.bases.use("2025-06", call.row_count, call.why_unmeasurable)
    for row in (*reading.bad, *account.refused):
        table.bases.refuse(row.month, row.reason)
    return table


#: The two calls, whatever the form: arrived 1 of 2 on time, the longest 80 minutes.
TWO = (1, 2, 1, 2, 80.0)
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "no coordinates, source or concern": (
        "received_at,determined,dispatch,arrival,departure\n"
        "2025-06-30 14:00,2025-06-30 14:05,2025-06-30 14:10,2025-06-30 14:50,2025-06-30 15:30\n"
        "2025-06-30 16:00,2025-06-30 16:05,2025-06-30 16:10,2025-06-30 17:25,2025-06-30 18:00\n",
        {},
    ),
    "date and time in two columns": (
        "Call Date,Call Time,Determined Date,Determined Time,Arrival Date,Arrival Time\n"
        "6/30/2025,14:00,6/30/2025,14:05,6/30/2025,2:50 PM\n"
        "6/30/2025,4:00 PM,6/30/2025,16:05:00,6/30/2025,1725\n",
        {},
    ),
    "one date, and times of day": (
        "Date,Call Received,Triage Time,Dispatched,On Scene,Cleared\n"
        "6/30/2025,14:00,14:05,14:10,14:50,15:30\n"
        "2025-06-30,16:00,16:05,16:10,17:25,18:00\n",
        {},
    ),
    "Excel's dates and times apart, each with the other's zero": (
        "received_date,received_time,determined_time,arrival_time\n"
        "6/30/2025 0:00,1899-12-30 14:00:00,12/30/1899 14:05,1/0/1900 14:50\n"
        "6/30/2025 12:00:00 AM,1899-12-30 16:00:00,1899-12-30 16:05:00,1899-12-30 17:25:00\n",
        {},
    ),
    "durations in minutes": (
        "Received,Determined,Response Time (min)\n"
        "6/30/2025 14:00,6/30/2025 14:05,45\n"
        "6/30/2025 16:00,6/30/2025 16:05,80.0\n",
        {},
    ),
    "durations in seconds, with thousands": (
        "Received,Received to Determined (sec),Response Time Seconds\n"
        '6/30/2025 14:00,300,"2,700"\n6/30/2025 16:00,300,"4,800"\n',
        {},
    ),
    "durations as h:mm:ss and in words": (
        "received_at,received_to_determined,dispatched_at,travel_time,time_on_scene\n"
        "2025-06-30 14:00,0:05:00,2025-06-30 14:10,40 min,0:40:00\n"
        "2025-06-30 16:00,5 min,2025-06-30 16:10,1 h 15 min,0:35:00\n",
        {},
    ),
    "durations as Excel's fractions of a day": (
        "received_at,determined,response_time\n"
        "2025-06-30 14:00,2025-06-30 14:05,0.03125\n"
        "2025-06-30 16:00,2025-06-30 16:05,0.05555556\n",
        {},
    ),
    "bare durations, told what they count": (
        "received_at,determined,response_time\n"
        "2025-06-30 14:00,2025-06-30 14:05,2700\n2025-06-30 16:00,2025-06-30 16:05,4800\n",
        {"durations": "s"},
    ),
    "ArcGIS": (
        "OBJECTID,X,Y,received_at,determined_at,arrived_at\n"
        "1,-122.27,37.80,2025/06/30 21:00:00+00,2025/06/30 21:05:00+00,2025/06/30 21:50:00+00\n"
        "2,-122.27,37.80,2025/06/30 23:00:00+00,2025/06/30 23:05:00+00,2025/07/01 00:25:00+00\n",
        {},
    ),
    "seconds and milliseconds since 1970": (
        "received_at,determined_at,arrived_at\n"
        "1751317200,1751317500,1751320200\n1751324400000,1751324700000,1751329500000\n",
        {},
    ),
    "Excel's numbers of days": (
        "received_at,determined_at,arrived_at\n"
        "45838.583333333336,45838.586805555555,45838.618055555555\n"
        "45838.666666666664,45838.67013888889,45838.725694444445\n",
        {},
    ),
    "day first": (
        "received_at;determined;arrival\n"
        "30/06/2025 14:00;30/06/2025 14:05;30/06/2025 14:50\n"
        "30.06.2025 16:00;30.06.25 16:05;30/06/2025 17:25\n",
        {},
    ),
    "two-digit years, AM and PM, odd heads behind a mark": (
        "\ufeff Call Received At ,DETERMINED-AT, Arrived  At\n"
        "6/30/25 2:00 PM,6/30/25 2:05 pm,6/30/25 2:50 p.m.\n"
        "30-Jun-25 4:00 PM,30-Jun-25 4:05 PM,30-Jun-25 5:25 PM\n",
        {},
    ),
    "heads of its own, mapped": (
        "Inicio,Decisión,Llegada\n2025-06-30 14:00,2025-06-30 14:05,2025-06-30 14:50\n"
        "2025-06-30 16:00,2025-06-30 16:05,2025-06-30 17:25\n",
        {"columns": {"received_at": "Inicio", "determined": "Decisión", "arrival": "Llegada"}},
    ),
    "non-places, which are no place": (
        "received_at,lat,lon,determined,arrival\n"
        "2025-06-30 14:00,0,0,2025-06-30 14:05,2025-06-30 14:50\n"
        "2025-06-30 16:00,99.9,999,2025-06-30 16:05,2025-06-30 17:25\n",
        {},
    ),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_log_in_each_form_comes_to_the_same_table(database: Database, form: str) -> None:
    text, how = FORMS[form]
    table = await replayed(database, text, **how)
    assert table.counted == TWO, table.reading.notes
    assert table.rows == (2, 2, 0, 0)


@pytest.mark.parametrize(
    "nothing",
    [
        *("1899-12-30", "1900-01-01", "1753-01-01", "0000-00-00 00:00:00", "NA", "N/A", "None"),
        *("NULL", "\\N", "--", "", "\u00a0", "1/0/1900 0:00", "1970-01-01 00:00:00", "#N/A"),
    ],
)
async def test_nothing_is_nothing_however_it_is_written(database: Database, nothing: str) -> None:
    text = (
        "received_at,determined,dispatch,arrival,departure,outcome,ended\n"
        f"2025-06-30 14:00,2025-06-30 14:05,{nothing},2025-06-30 14:50,{nothing},,{nothing}\n"
        f"2025-06-30 16:00,2025-06-30 16:05,{nothing},{nothing},{nothing},cancelled,"
        "2025-06-30 16:30\n"
        f"2025-06-30 18:00,2025-06-30 18:05,{nothing},{nothing},{nothing},unserved,"
        "2025-06-30 20:05\n"
    )
    table = await replayed(database, text)
    # One came in time, one was cancelled before its deadline, one never came.
    assert table.counted == (1, 1, 1, 2, 45.0), table.reading.notes
    assert table.rows == (3, 3, 0, 0)


async def test_the_words_of_outcomes_are_known_or_mapped(database: Database) -> None:
    at = "2025-06-30"
    text = (
        "received_at,determined,arrival,outcome,ended\n"
        f"{at} 08:00,{at} 08:05,{at} 08:35,Stabilized in Community,\n"
        f"{at} 09:00,{at} 09:05,,Cancelled by caller,{at} 09:20\n"
        f"{at} 10:00,{at} 10:05,,10-22,{at} 12:00\n"
        f"{at} 11:00,,,Phone only,{at} 11:20\n"
        f"{at} 12:00,{at} 12:05,,No unit available,{at} 13:20\n"
        f"{at} 13:00,{at} 13:05,,Zilch,{at} 13:20\n"
    )
    table = await replayed(database, text, outcomes={"10-22": "cancelled"})
    # Judged: one on time, one cancelled late, one unserved; the unknown word is refused.
    assert table.counted == (1, 1, 1, 3, 30.0)
    assert table.rows == (6, 5, 1, 0)
    [bad] = table.reading.bad
    assert (bad.row, "Zilch" in bad.reason, "--outcome" in bad.reason) == (7, True, True)


async def test_several_rows_of_one_incident_are_one_response_whose_first_arrival_counts(
    database: Database,
) -> None:
    at = "2025-06-30"
    text = (
        "Incident Number,Unit,Received,Determined,Dispatched,Arrived,Cleared\n"
        # The unit that was sent first came second; a third never came.
        f"25-001,MCT1,{at} 14:00,{at} 14:05,{at} 14:06,{at} 15:30,{at} 16:00\n"
        f"25-001,MCT2,{at} 14:00,{at} 14:05,{at} 14:20,{at} 14:50,{at} 16:30\n"
        f"25-001,MCT3,{at} 14:00,{at} 14:05,{at} 14:25,NULL,\n"
        f"25-002,MCT1,{at} 16:10,{at} 16:15,{at} 16:20,{at} 17:35,{at} 18:00\n"
        # The same row, exported twice.
        f"25-002,MCT1,{at} 16:10,{at} 16:15,{at} 16:20,{at} 17:35,{at} 18:00\n"
    )
    table = await replayed(database, text)
    assert table.counted == (1, 2, 1, 2, 80.0)
    assert table.rows == (5, 5, 0, 0)
    first, second = table.reading.calls
    assert (first.rows, len(first.others)) == ((2, 3, 4), 2)
    assert (second.rows, second.others) == ((5, 6), ())
    assert table.account.reached == {"cleared": 2}
    # What the other units did is in the log: two runs beside the first.
    rows = await _runs(database)
    assert rows == [1, 3]


async def _runs(database: Database) -> list[int]:
    async with database.tx(County(ALAMEDA), mode="read") as con:
        found = await con.fetch(
            "SELECT count(*) AS n FROM assignments GROUP BY incident_id ORDER BY 1"
        )
    return [row["n"] for row in found]


async def test_a_bad_secondary_time_is_counted_as_not_measurable_where_it_matters(
    database: Database,
) -> None:
    at = "2025-06-30"
    text = (
        "received_at,determined,dispatch,arrival,departure,outcome,ended\n"
        f"{at} 08:00,{at} 08:05,{at} 08:10,{at} 08:50,{at} 09:30,,\n"
        # It matters: nobody knows when it came, when it was determined, when it was cancelled.
        f"{at} 09:00,{at} 09:05,{at} 09:10,{at} 25:61,{at} 10:30,,\n"
        f"{at} 10:00,{at} 10:05,{at} 10:10,{at} 09:55,{at} 11:30,,\n"
        f"{at} 11:00,yesterday,{at} 11:10,{at} 11:50,{at} 12:30,,\n"
        f"{at} 12:00,{at} 12:05,,,,cancelled,soon\n"
        f"{at} 12:30,{at} 12:35,,,,completed,\n"
        # It doesn't: the clock runs from the determination to the arrival.
        f"{at} 13:00,{at} 13:05,tomorrow,{at} 14:25,never,,\n"
        # Without when it came in there is no call.
        f"noon,{at} 14:05,{at} 14:10,{at} 14:50,{at} 15:30,,\n"
    )
    table = await replayed(database, text)
    assert table.counted == (1, 2, 1, 2, 80.0)
    assert table.rows == (8, 7, 1, 5)
    assert table.bases.not_measurable == {
        "arrival can't be used": 3,
        "determined can't be used": 1,
        "ended can't be used": 1,
    }
    # No better than if all that fell out was late: one of two judged, five unknown, one refused.
    least = table.bases.at_least(table.line)
    assert (least.numerator, least.denominator, least.percent) == (1, 8, 12.5)
    assert {ref.number for ref in table.line.by_determination["not_measurable"]} == {2, 3, 6}


async def test_times_of_day_go_on_after_midnight_and_over_both_nights_of_the_clocks(
    database: Database,
) -> None:
    text = (
        "Date,Received,Determined,Arrived,Cleared\n"
        "6/30/2025,23:40,23:50,0:30,1:10\n"  # 40 minutes, over midnight
        "11/2/2025,0:50,0:55,1:30,2:30\n"  # 35 minutes, the first 1:30 of that night
        "11/2/2025,1:40,1:50,1:20,3:00\n"  # 30 minutes, past the clocks' going back
        "3/9/2026,23:50,23:58,1:20,2:00\n"  # 82 minutes
        "3/8/2026,1:30,1:50,3:20,4:00\n"  # 30 minutes: the hour after 2:00 never was
        "7/1/2025,14:00,14:05,13:55,15:00\n"  # a mistake, not a day later
    )
    table = await replayed(database, text)
    assert table.counted == (4, 5, 4, 5, 82.0)
    minutes = sorted(ref.minutes or 0 for refs in table.line.by_arrival.values() for ref in refs)
    assert minutes == [30, 30, 35, 40, 82]
    assert table.rows == (6, 6, 0, 1)


async def test_days_that_can_be_read_both_ways_are_told_and_mixed_ones_refused(
    database: Database,
) -> None:
    heads = "received_at,determined,arrival\n"
    open_ = "6/7/2025 14:00,6/7/2025 14:05,6/7/2025 14:50\n"
    table = await replayed(database, heads + open_)
    [call] = table.reading.calls
    assert call.received_at.astimezone(PACIFIC).month == 6
    assert any("month first; see --days" in note for note in table.reading.notes)
    codes = code_sets(date(2025, 1, 1))
    told = read_calls(
        heads + open_.replace("6/7/2025", "25/7/2025", 1) + open_, codes, zone=PACIFIC
    )
    assert told.calls[1].received_at.astimezone(PACIFIC).month == 7
    mixed = heads + "25/7/2025 14:00,,\n7/25/2025 14:00,,\n" + open_
    with pytest.raises(Invalid, match="Row 3 has its month first and row 2 its day"):
        read_calls(mixed, codes, zone=PACIFIC)


async def test_a_replay_rings_nobody_and_sends_nothing(database: Database) -> None:
    text, _ = FORMS["no coordinates, source or concern"]
    late = "2025-06-30 19:00,2025-06-30 19:05,,,\n2025-07-02 19:00,,,,\n"
    table = await replayed(database, text + late)
    assert table.rows == (4, 4, 0, 0)
    async with database.tx(County(ALAMEDA), mode="read") as con:
        notices = await con.fetchval("SELECT count(*) FROM outbox")
    assert notices == 0
