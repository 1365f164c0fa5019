"""Logs as programs and people really export them, read to a table that was counted by hand.

Each log says of itself, in minutes from the determination to the arrival, what must come of it.
"""

from __future__ import annotations

from datetime import date
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from crisis.codes import code_sets
from crisis.errors import Invalid
from dispatch.sheets.text import decoded
from dispatch.sim.calls import How, Reading, read_calls

PACIFIC = ZoneInfo("America/Los_Angeles")
DAY = "2025-06-30"
HEADS = "received_at,determined,arrival\n"
ROW = f"{DAY} 14:00,{DAY} 14:05,{DAY} 14:50\n"
NEXT = f"{DAY} 16:00,{DAY} 16:05,{DAY} 17:25\n"


def read(text: str | bytes, **how: Any) -> Reading:
    content = text if isinstance(text, str) else decoded(text)[0]
    return read_calls(content, code_sets(date(2025, 1, 1)), zone=PACIFIC, how=How(**how))


def minutes(reading: Reading) -> list[int | str | None]:
    """Of each response how long it took, why that isn't known, or ``None``: nobody came."""
    found: list[int | str | None] = []
    for call in reading.calls:
        if call.why_unmeasurable is not None:
            found.append(call.why_unmeasurable)
        elif call.arrival is None or call.determined is None:
            found.append(None)
        else:
            found.append(ceil((call.arrival - call.determined).total_seconds() / 60))
    return found


class Log(NamedTuple):
    """A log, and what must come of it. ``noted``: words of a note that must be there."""

    text: str | bytes
    minutes: list[int | str | None]
    bad: list[int] = []
    noted: str = ""


LOST = "arrival can't be used"
LOGS: dict[str, Log] = {
    "UTF-16 with tabs, as Excel's Unicode text": Log(
        b"\xff\xfe" + (HEADS + ROW + NEXT).replace(",", "\t").encode("utf-16-le"), [45, 80]
    ),
    "semicolons, with quotes around a note of two lines": Log(
        (HEADS.strip() + ",notes\n" + ROW.strip() + ',"said ""no"",\nthen left"\n').replace(
            ",", ";"
        ),
        [45],
    ),
    "a title and when it was printed before the heads": Log(
        "Mobile Crisis Response Log\nPrinted 7/1/2025, by jd\n\n" + HEADS + ROW + NEXT, [45, 80]
    ),
    "a title in cells of its own, and a period": Log(
        "Response Log,,\nFrom,6/1/2025,to 6/30/2025\n,,\n" + HEADS + ROW, [45]
    ),
    "sums and a last line at the end": Log(
        HEADS + ROW + NEXT + "Total,2,\n,,\nAverage (min),,62.5\nReport generated 7/1/2025 08:00\n",
        [45, 80],
        noted="rows that sum up or end the file, not read",
    ),
    "a sum in a row that is one of a call": Log(HEADS + ROW + f"Total,{DAY} 14:05,\n", [45], [3]),
    "heads again on each page": Log(
        HEADS + ROW + HEADS + NEXT, [45, 80], noted="heads that stand again"
    ),
    "heads of two lines, the upper ones over two columns each": Log(
        "Received,,Determined,,Arrived,\nDate,Time,Date,Time,Date,Time\n"
        "6/30/2025,14:00,6/30/2025,14:05,6/30/2025,14:50\n",
        [45],
        noted="row 2 taken as a second line of heads",
    ),
    "units below the heads": Log(
        "received_at,determined,response_time\n(local),(local),(min)\n"
        f"{DAY} 14:00,{DAY} 14:05,45\n{DAY} 16:00,{DAY} 16:05,80\n",
        [45, 80],
    ),
    "rules below the heads and a count of rows, as of a database's shell": Log(
        " received_at | determined | arrival\n-------------+------------+---------\n"
        f" {DAY} 14:00:00-07 | {DAY} 14:05:00-07 | {DAY} 14:50:00-07\n(1 row)\n",
        [45],
    ),
    "empty rows and the end of a file of old": Log(HEADS + ROW + ",,\n , ,\n\n\x1a", [45]),
    "a day of its own and times with dots": Log(
        "date,received,determined,arrival\n6/30/2025,14.00,14.05,14.50\n"
        "6/30/2025,16.00,16.05,17.25\n",
        [45, 80],
        noted="times like 14.30 taken as hours and minutes",
    ),
    "times with dots, of which a spreadsheet dropped zeros": Log(
        "date,received,determined,arrival\n6/30/2025,9,9.05,9.5\n6/30/2025,14.3,14.35,15\n",
        [45, 25],
    ),
    "hours in decimals are no times": Log(
        "date,received,determined,arrival\n6/30/2025,14.5,14.6,15.25\n6/30/2025,16.0,16.1,17.75\n",
        [],
        [2, 3],
    ),
    "a day and a time with a dot in one cell": Log(
        "received,determined,arrival\n30.06.2025 14.00,30.06.2025 14.05,30.06.2025 14.50.00\n"
        "6/30/2025 2.30 PM,6/30/2025 2.35 p.m.,6/30/2025 3.15 P.M.\n",
        [45, 40],
    ),
    "the letter h": Log(
        "date,received,determined,arrival\n30/6/2025,14h00,14h05,14 h 50\n30/6/2025,16h,16H05,"
        "17h25\n30/6/2025,1800,1805 h,1905 hrs\n",
        [45, 80, 60],
    ),
    "times without marks, of which a spreadsheet dropped zeros": Log(
        "date,received,determined,arrival\n6/30/2025,1,5,50\n6/30/2025,905,910,1000\n", [45, 50]
    ),
    "fractions of a second and of either half of the day": Log(
        "received,determined,arrival\n6/30/2025 2:00:00.000 P.M.,6/30/2025 14:05:00.999,"
        "06/30/2025 02:50:00 p. m.\n",
        [45],
    ),
    "Excel's numbers, of days and of a part of a day": Log(
        "date,received,determined,arrival\n45838,0.5833333333,.5868055556,0.6180555556\n"
        "45838.0,14:00,2:05 PM,45838.6180555556\n",
        [45, 45],
    ),
    "zones in letters, in words and in brackets": Log(
        f"received_at,determined,arrival\n{DAY} 14:00 PDT,{DAY} 14:05 (PDT),{DAY} 22:00Z\n"
        f"{DAY} 17:00 EDT,{DAY} 14:05 PT,{DAY} 14:50 Pacific Daylight Time\n"
        f"{DAY} 13:00 PST,{DAY} 14:05 America/Los_Angeles,{DAY}T21:50:00.000+0000\n",
        [55, 45, 45],
    ),
    "minutes under a head that says so, as Excel shows them": Log(
        f"received_at,determined,Response (min)\n{DAY} 14:00,{DAY} 14:05,0:45\n"
        f"{DAY} 16:00,{DAY} 16:05,1:20\n{DAY} 18:00,{DAY} 18:05,33\n",
        [45, 80, 33],
        noted="times like 0:45 in determined_to_arrival taken as hours and minutes",
    ),
    "minutes and seconds under the same head": Log(
        f"received_at,determined,Response (min)\n{DAY} 14:00,{DAY} 14:05,45:00\n"
        f"{DAY} 16:00,{DAY} 16:05,1:20\n",
        [45, 2],
        noted="times like 45:30 in determined_to_arrival taken as minutes and seconds",
    ),
    "durations in words, as times of day, and of less than nothing": Log(
        "received_at,determined,response_time\n"
        + "".join(
            f'{DAY} {hour:02}:00,{DAY} {hour:02}:05,"{took}"\n'
            for hour, took in enumerate(
                [
                    *("1 h 5 min", "1h05", "1 hr, 5 mins", "65 minutes", "0 days 01:05:00"),
                    *("1:05:00 AM", "1/0/1900 1:05", "PT1H5M", "-5", "(5)", "< 1 min"),
                ]
            )
        ),
        [65] * 8 + [LOST] * 3,
    ),
    "thousands in seconds": Log(
        'received_at,determined,Response Time (sec)\n"6/30/2025 14:00",6/30/2025 14:05,"2,700"\n',
        [45],
    ),
    "two-digit years, the day first": Log(
        "received_at,determined,arrival\n30-06-25 14:00,30/06/25 14:05,30.06.25 14:50\n", [45]
    ),
    "over midnight with one day, and the night that has an hour twice": Log(
        "Date,Received,Determined,Arrived\n6/30/2025,23.40,23.50,0.30\n11/2/2025,0.50,0.55,1.30\n"
        "11/2/2025,1.40,1.50,1.20\n",
        [40, 35, 30],
    ),
    "how it ended, in a dispatch system's letters": Log(
        "received_at,determined,arrival,outcome,ended\n"
        f"{DAY} 14:00,{DAY} 14:05,{DAY} 14:50,Unfounded,\n"
        f"{DAY} 15:00,{DAY} 15:05,{DAY} 15:50,GOA,\n"
        f"{DAY} 16:00,{DAY} 16:05,,UTL,{DAY} 17:00\n"
        f"{DAY} 17:00,{DAY} 17:05,,CANC,{DAY} 17:20\n"
        f"{DAY} 18:00,{DAY} 18:05,,Cancelled - Prior to Arrival,{DAY} 18:20\n"
        f"{DAY} 19:00,{DAY} 19:05,,Unfounded,{DAY} 19:30\n",
        [45, 45, LOST, None, None],
        [7],
    ),
    "the heads of a dispatch system": Log(
        "Event Number,Create Date/Time,Determined,Dispatch Date/Time,Arrive Date/Time,Close "
        "Date/Time\n"
        "25-1,06/30/2025 14:00:00,06/30/2025 14:05:00,06/30/2025 14:10:00,06/30/2025 14:50:00,"
        "06/30/2025 15:50:00\n",
        [45],
    ),
}


@pytest.mark.parametrize("form", LOGS)
def test_a_log_as_it_is_exported_comes_to_what_was_counted_by_hand(form: str) -> None:
    log = LOGS[form]
    reading = read(log.text)
    assert minutes(reading) == log.minutes, reading.notes
    assert [one.row for one in reading.bad] == log.bad
    assert log.noted in "\n".join(reading.notes)


@pytest.mark.parametrize("form", ["Call Received (UTC)", "Received UTC", "Received GMT"])
def test_a_head_that_names_utc_says_it_of_its_own_times_alone(form: str) -> None:
    heads = f"{form},Determined,Arrival (PDT)\n"
    reading = read(f"{heads}2025-07-01 02:00,{DAY} 19:05,{DAY} 19:50\n")
    assert minutes(reading) == [45]
    [call] = reading.calls
    assert f"{call.received_at:%Y-%m-%d %H:%M}" == "2025-07-01 02:00"
    # A zone of its own wins.
    reading = read(f"{heads}{DAY} 19:00 PDT,{DAY} 19:05,{DAY} 19:50\n")
    assert f"{reading.calls[0].received_at:%d %H:%M}" == "01 02:00"
    # So it is of days and times in columns of their own.
    apart = "date,received_time_utc,determined_utc,arrival_utc\n6/30/2025,21:00,21:05,21:50\n"
    [call] = read(apart).calls
    assert f"{call.received_at:%d %H:%M}" == "30 21:00" and minutes(read(apart)) == [45]


def test_rows_keep_the_numbers_that_they_have_in_a_spreadsheet() -> None:
    reading = read("Log\n\n" + HEADS + ROW + HEADS + NEXT + "soon,,\nTotal,2,\n")
    assert [call.row for call in reading.calls] == [4, 6]
    assert [bad.row for bad in reading.bad] == [7]


@pytest.mark.parametrize(
    ("content", "code", "what"),
    [
        (b"PK\x03\x04rest", "file_workbook", "save its sheet as CSV"),
        (b"\r\n<html><table><tr><td>received_at", "file_workbook", "save its sheet as CSV"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Workbook>", "file_workbook", "save its sheet as CSV"),
        (b'[{"received_at": "2025-06-30 14:00"}]', "file_not_csv", "not CSV, but JSON"),
        ((HEADS + '"2025-06-30 14:00,,\n').encode(), "file_not_csv", "quotes are never closed"),
        (
            (HEADS + "13/6/2025 14:00,,\n6/14/2025 14:00,,\n5/6/2025 14:00,,\n").encode(),
            "file_days_mixed",
            "say which the file means",
        ),
        (b"Time,Time,Time\n14:00,14:05,14:50\n", "bad_columns", "--column received_at=HEAD"),
        (HEADS.replace("determined", "arrival").encode(), "bad_columns", "Rename one"),
    ],
)
def test_what_can_not_be_read_is_refused_with_what_to_do(
    content: bytes, code: str, what: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        read(content)
    assert (refusal.value.code, what in refusal.value.detail) == (code, True)


def _numbered(*rows: tuple[str, ...]) -> list[tuple[int, ...]]:
    """The rows of each response, of rows with number, received, determined, arrived, cleared."""
    text = "incident,received,determined,arrived,cleared\n"
    reading = read(text + "".join(",".join(row) + "\n" for row in rows))
    assert not reading.bad
    return [call.rows or (call.row,) for call in reading.calls]


def _at(day: int, clock: str) -> str:
    return f"2025-06-{day} {clock}" if clock else ""


def _row(number: str, day: int, *clocks: str) -> tuple[str, ...]:
    return (number, *(_at(day, clock) for clock in clocks))


def test_numbers_that_begin_anew_each_day_merge_no_two_days() -> None:
    assert _numbered(
        _row("1", 27, "10:00", "10:05", "10:50", "11:30"),
        _row("2", 27, "23:30", "23:35", "23:50", "23:55"),
        _row("1", 28, "00:20", "00:25", "00:50", "01:30"),
        _row("2", 28, "09:00", "09:05", "09:50", "10:30"),
        _row("1", 29, "00:10", "", "", ""),
        _row("1", 30, "00:05", "", "", ""),
    ) == [(2,), (3,), (4,), (5,), (6,), (7,)]


def test_units_of_one_call_stay_one_response_however_their_rows_are_timed() -> None:
    assert _numbered(
        # The same call, each unit with a determination of its own.
        _row("A", 28, "14:00", "14:05", "15:30", "16:00"),
        _row("A", 28, "14:00", "14:40", "14:50", "16:30"),
        # A second unit, whose row came in while the first was under way, over midnight.
        _row("B", 28, "23:50", "23:55", "", ""),
        ("B", _at(28, "23:50"), _at(28, "23:55"), _at(29, "00:40"), _at(29, "01:00")),
        ("B", _at(29, "00:10"), "", _at(29, "00:45"), _at(29, "01:30")),
        # Hours later on the same day, and nobody was sent anew.
        _row("C", 28, "08:00", "08:05", "", ""),
        _row("C", 28, "12:00", "", "12:30", "13:00"),
    ) == [(2, 3), (4, 5, 6), (7, 8)]


def test_who_was_sent_anew_after_all_was_done_is_a_response_with_its_own_clock() -> None:
    assert _numbered(
        _row("A", 28, "08:00", "08:05", "08:30", "09:00"),
        _row("A", 28, "15:00", "15:05", "17:30", "18:00"),
    ) == [(2,), (3,)]


def test_no_chain_of_rows_joins_what_lies_days_apart() -> None:
    rows = [_row("7", day, "08:00", "08:05", "", "") for day in range(20, 30)]
    assert _numbered(*rows) == [(row,) for row in range(2, 12)]
    # Nor does one that never ends.
    open_ = [
        ("7", _at(day, "08:00"), "", _at(day, "09:00"), _at(day + 1, "23:00"))
        for day in range(20, 29)
    ]
    assert max(len(rows) for rows in _numbered(*open_)) <= 3


def test_a_unit_of_durations_is_asked_for_and_settles_both_readings() -> None:
    heads = "received_at,determined,Response (min)\n"
    row = f"{DAY} 14:00,{DAY} 14:05,1:20\n"
    assert minutes(read(heads + row, durations="m")) == [2]
    assert minutes(read(heads + row, durations="h")) == [80]
    for head, took in (("Response (h:mm)", 80), ("Response (mm:ss)", 2), ("Response (hrs)", 80)):
        assert minutes(read(heads.replace("Response (min)", head) + row)) == [took]
