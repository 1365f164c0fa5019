"""A county's spreadsheet through the whole service, held against a count of it by hand.

The count here knows nothing of the service: it reads the file with ``csv``, subtracts wall-clock
times, and takes what happened in the night of the clock change from a list counted on paper.
"""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CALLS = ROOT / "tests" / "data" / "calls.csv"

#: Counted on paper: minutes from determination to arrival in the night of 1 November 2026, by
#: received_at. (The first two are local times, of which those from 01:00 to 02:00 came twice.)
DST_MINUTES = {
    "2026-11-01 00:40": 140,
    "2026-11-01 01:45": 20,
    "2026-11-01T01:20-07:00": 50,
    "2026-11-01T08:20:00Z": 55,
}
#: Rows that can't be read, by received_at and lat.
BAD = {
    ("", "38.58"),
    ("13/45/2026 11:00", "38.58"),
    ("03/08/2026 02:30", "38.58"),
    ("10/07/2026 11:00", "38.58"),
    ("10/08/2026", "38.58"),
    ("10/09/2022 11:00", "38.58"),
}
#: A row whose arrival lies before its determination, and one whose determination lies before its
#: call: what can't be true costs that time, and the response can't be measured.
NO_ARRIVAL, NO_DETERMINATION = "10/05/2026 11:00", "10/06/2026 11:00"
#: The last instant of the file.
AS_OF = datetime(2026, 11, 15, 23, 15)  # noqa: DTZ001 - a wall clock's


def wall(text: str) -> datetime:
    """A time as the county's spreadsheet writes it."""
    return datetime.strptime(text, "%m/%d/%Y %H:%M")  # noqa: DTZ007 - a wall clock's


@dataclass
class Counted:
    """What the spreadsheet says, by hand."""

    minutes: dict[str, list[float]]
    fates: Counter[tuple[str, str]]
    bad_rows: set[int]
    rows: int


def count_by_hand() -> Counted:
    """Add up the spreadsheet."""
    counted = Counted(minutes={}, fates=Counter(), bad_rows=set(), rows=0)
    with CALLS.open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            counted.rows += 1
            if (row["received_at"], row["lat"]) in BAD:
                counted.bad_rows.add(line)
            elif row["received_at"] in DST_MINUTES:
                took = DST_MINUTES[row["received_at"]]
                _arrived(counted, "2026-11", "2026-11", took)
            elif row["determined"] and row["outcome"] != "no_dispatch":
                _count_row(counted, row)
    return counted


def _count_row(counted: Counted, row: dict[str, str]) -> None:
    if row["received_at"] == NO_ARRIVAL:
        counted.fates["2026-10", "not_measurable"] += 1
    if row["received_at"] in (NO_ARRIVAL, NO_DETERMINATION):
        return
    determined = wall(row["determined"])
    month = f"{determined:%Y-%m}"
    if row["arrival"]:
        arrival = wall(row["arrival"])
        took = (arrival - determined).total_seconds() / 60
        _arrived(counted, f"{arrival:%Y-%m}", month, took)
    elif row["outcome"] == "unserved":
        counted.fates[month, "unserved"] += 1
    elif row["outcome"] == "cancelled":
        late = wall(row["ended"]) - determined > timedelta(minutes=60)
        counted.fates[month, "cancelled_late" if late else "cancelled_in_time"] += 1
    else:
        waits = AS_OF - determined > timedelta(minutes=60)
        counted.fates[month, "still_waiting" if waits else "not_due_yet"] += 1


def _arrived(counted: Counted, month: str, determined_month: str, took: float) -> None:
    counted.minutes.setdefault(month, []).append(took)
    counted.fates[determined_month, "on_time" if took <= 60 else "late"] += 1


def crisis_dispatch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    environ = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and "CRISIS" not in k}
    return subprocess.run(
        [sys.executable, "-m", "web", *map(str, arguments)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    """The whole file, as recorded: the report, what was said of it, and the file of bad rows."""
    errors = tmp_path_factory.mktemp("replay") / "errors.csv"
    done = crisis_dispatch("replay", CALLS, "--format", "json", "--errors", errors)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report, done.stderr, errors


Replayed = tuple[dict[str, Any], str, Path]


def test_the_file_holds_what_the_count_by_hand_relies_on() -> None:
    counted = count_by_hand()
    assert counted.rows == 200
    assert len(counted.bad_rows) == len(BAD)
    for fate in ("on_time", "late", "unserved", "cancelled_late", "cancelled_in_time"):
        assert sum(n for (_, f), n in counted.fates.items() if f == fate) > 0, fate
    assert sum(n for (_, f), n in counted.fates.items() if f == "still_waiting") > 0


def test_every_arrival_takes_as_long_as_the_spreadsheet_says_to_the_minute(
    replayed: Replayed,
) -> None:
    report, _, _ = replayed
    expected = count_by_hand().minutes
    for line in report["lines"]:
        month = line["month"]
        wanted = sorted(m for k, v in expected.items() if month in (k, "all") for m in v)
        listed = [ref for fate in ("on_time", "late") for ref in line["by_arrival"].get(fate, [])]
        assert sorted(ref["minutes"] for ref in listed) == wanted, month
        assert line["spread"]["n"] == line["arrived"]["denominator"] == len(wanted)
        assert line["arrived"]["numerator"] == sum(m <= 60 for m in wanted)
        assert line["spread"]["mean"] == pytest.approx(sum(wanted) / len(wanted))
        assert line["spread"]["p90"] == wanted[math.ceil(0.9 * len(wanted)) - 1]
        assert line["spread"]["longest"] == wanted[-1]
        middle = len(wanted) // 2
        median = wanted[middle] if len(wanted) % 2 else sum(wanted[middle - 1 : middle + 1]) / 2
        assert line["spread"]["median"] == median
        assert line["not_measurable"] == 0


def test_everyone_who_was_promised_a_team_has_the_fate_that_the_spreadsheet_says(
    replayed: Replayed,
) -> None:
    report, _, _ = replayed
    fates = count_by_hand().fates
    judged = {"on_time", "late", "cancelled_late", "unserved", "still_waiting"}
    assert {line["month"] for line in report["lines"]} == {"2026-10", "2026-11", "all"}
    for line in report["lines"]:
        wanted: Counter[str] = Counter()
        for (month, fate), n in fates.items():
            if line["month"] in (month, "all"):
                wanted[fate] += n
        assert {k: len(v) for k, v in line["by_determination"].items()} == dict(wanted)
        assert line["determined"]["numerator"] == wanted["on_time"]
        assert line["determined"]["denominator"] == sum(wanted[f] for f in judged)


def test_bad_rows_are_told_with_their_number_and_reason_and_the_rest_goes_on(
    replayed: Replayed,
) -> None:
    _, said, errors = replayed
    with errors.open(newline="") as file:
        told = {int(row["row"]): row["reason"] for row in csv.DictReader(file)}
    assert set(told) == count_by_hand().bad_rows
    assert all(told.values())
    assert all(f"row {row}: {reason}" in said for row, reason in told.items())
    assert "Rows: 200 read = 194 replayed + 6 refused." in said
    assert "row 159: arrival lies before determined; left out" in said
    assert "row 171: determined lies before received_at; left out" in said


def test_rows_used_and_refused_stand_beside_each_percentage(replayed: Replayed) -> None:
    report, _, _ = replayed
    whole = report["rows"]
    assert (whole["read"], whole["used"], whole["refused"]) == (200, 194, 6)
    assert whole["not_measurable"] == 2
    assert {
        one["what"]: one["count"] for one in whole["reasons"] if "arrival" in one["reason"]
    } == {"not_measurable": 1}
    for line in report["lines"]:
        rows = line["rows"]
        # What isn't known to be of another month counts in each.
        assert rows["read"] == rows["used"] + rows["refused"]
        missing = rows["refused"] + rows["not_measurable"]
        least = line["determined_at_least"]
        assert least["numerator"] == line["determined"]["numerator"]
        assert least["denominator"] == line["determined"]["denominator"] + missing
        assert least["percent"] <= line["determined"]["percent"]


def test_times_that_came_twice_are_told(replayed: Replayed) -> None:
    _, said, _ = replayed
    assert "arrival 2026-11-01 01:10 came twice that night; taken as the second" in said


OTHER_HEADS = """\
CallTime,Y,X,Who,What,Triage,Sent,There
2026-07-01T08:00:00-07:00,38.60,-121.40,Abuela,nervios,2026-07-01T08:10:00-07:00,2026-07-01T08:15:00-07:00,2026-07-01T09:15:00-07:00
2026-07-01T09:00:00Z,38.61,-121.41,988 center,Psychosis,,2026-07-01T09:15:00Z,2026-07-01T09:40:00Z
"""


def test_columns_and_words_of_another_spreadsheet_are_mapped(tmp_path: Path) -> None:
    calls = tmp_path / "other.csv"
    calls.write_text(OTHER_HEADS)
    columns = (
        "received_at=CallTime",
        *("lat=Y", "lon=X", "source=Who", "concern=What"),
        *("determined=Triage", "dispatch=Sent", "arrival=There"),
    )
    flags = [part for column in columns for part in ("--column", column)]
    words = ("--source", "Abuela=family_friend", "--concern", "nervios=anxiety_panic_trauma")
    done = crisis_dispatch(
        "replay", calls, *flags, *words, "--assume-determined", "received", "--format", "csv"
    )
    assert done.returncode == 0, done.stderr
    [whole] = [
        row
        for row in csv.DictReader(done.stdout.splitlines())
        if (row["month"], row["area_class"]) == ("all", "all")
    ]
    # 65 minutes, and 40 from the call itself.
    assert (whole["arrived_on_time"], whole["arrived_measurable"]) == ("1", "2")
    assert whole["longest_minutes"] == "65.00"
    assert "determined taken as received_at" in done.stderr
    assert "taken as other" not in done.stderr


#: Of four calls one came in time (45 minutes of 60), one late (80), one was cancelled before its
#: deadline, and one was never served; one row can't be used.
OWN_WORDS = """\
Crisis Response,,,,
Inicio,Decision,Llegada,Fin,Resultado
2026-07-01 08:00,2026-07-01 08:05,2026-07-01 08:50,,10-98
2026-07-01 10:00,2026-07-01 10:05,2026-07-01 11:25,,10-98
2026-07-01 12:00,2026-07-01 12:05,,2026-07-01 12:20,10-22
2026-07-01 14:00,2026-07-01 14:05,,2026-07-01 15:30,NADIE
2026-07-01 16:00,2026-07-01 16:05,,2026-07-01 16:30,10-0
Total,5,,,
"""
MAPPING = """\
kind;word;meaning
column;Inicio;received_at
column;Decision;determined
column;Llegada;arrival
column;Fin;ended
column;Resultado;outcome
outcome;10-98;responded
outcome;10-22;cancelled
outcome;Nadie;unserved
"""


def test_a_file_of_its_own_says_what_columns_and_outcomes_mean(tmp_path: Path) -> None:
    calls, mapping = tmp_path / "own.csv", tmp_path / "mapping.csv"
    calls.write_text(OWN_WORDS)
    mapping.write_text(MAPPING, encoding="utf-16")
    done = crisis_dispatch("replay", calls, "--map", mapping, "--format", "csv")
    assert done.returncode == 0, done.stderr
    [whole] = [
        row
        for row in csv.DictReader(done.stdout.splitlines())
        if (row["month"], row["area_class"]) == ("all", "all")
    ]
    assert (whole["arrived_on_time"], whole["arrived_measurable"]) == ("1", "2")
    assert (whole["determined_on_time"], whole["determined_judged"]) == ("1", "3")
    assert (whole["rows_used"], whole["rows_refused"]) == ("4", "1")
    assert "outcome 10-0" in done.stderr and "rows that sum up or end the file" in done.stderr


def test_a_file_without_a_column_that_is_needed_is_refused_with_what_to_do(tmp_path: Path) -> None:
    calls = tmp_path / "short.csv"
    calls.write_text("received_at,lat\n2026-07-01 08:00,38.6\n")
    done = crisis_dispatch("replay", calls)
    assert done.returncode == 2
    assert "lacks the column lon" in done.stderr
    assert "--column lon=HEAD" in done.stderr


def test_the_file_of_bad_rows_is_looked_at_before_the_replay(tmp_path: Path) -> None:
    calls = tmp_path / "other.csv"
    calls.write_text(
        OTHER_HEADS.replace("CallTime,Y,X,Who,What", "received_at,lat,lon,source,concern")
    )
    before = calls.read_text()
    done = crisis_dispatch("replay", calls, "--errors", calls)
    assert done.returncode == 2
    assert "is the file of calls" in done.stderr
    assert calls.read_text() == before
    done = crisis_dispatch("replay", calls, "--errors", tmp_path / "nowhere" / "errors.csv")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert done.stdout == ""


def test_a_file_without_calls_is_told_as_such(tmp_path: Path) -> None:
    calls = tmp_path / "none.csv"
    calls.write_text("received_at,lat,lon,source,concern\n")
    done = crisis_dispatch("replay", calls)
    assert done.returncode == 1
    assert "holds no calls" in done.stderr


def test_a_spreadsheet_of_a_foreign_system_is_read_as_it_is(tmp_path: Path) -> None:
    # Excel's in Spanish: semicolons, a comma in numbers, no UTF-8, a note of two lines.
    calls = tmp_path / "llamadas.csv"
    rows = (
        "received_at;lat;lon;source;concern;determined;arrival;nota",
        '7/1/2026 8:00 AM;38,6;-121,4;self;psychosis;7/1/2026 8:10 AM;7/1/2026 9:10 AM;"Señora\nA"',
        "7/1/2026 9:00 AM;34,0;-118,2;self;psychosis;7/1/2026 9:10 AM;7/1/2026 10:11 AM;",
    )
    calls.write_bytes("\r\n".join(rows).encode("cp1252"))
    done = crisis_dispatch("replay", calls, "--format", "json")
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout)["lines"][-1]
    assert whole["arrived"] == {"numerator": 1, "denominator": 2, "percent": 50.0}
    assert whole["spread"]["longest"] == 61.0
    assert "the file isn't UTF-8; read as Windows-1252" in done.stderr
    assert "place outside Sacramento County, kept; see --county" in done.stderr


def test_bad_rows_do_not_flood_the_terminal(tmp_path: Path) -> None:
    calls, errors = tmp_path / "bad.csv", tmp_path / "errors.csv"
    heads = "received_at,lat,lon,source,concern\n"
    calls.write_text(heads + "soon,38.6,-121.4,self,other\n" * 70)
    done = crisis_dispatch("replay", calls, "--errors", errors)
    assert done.returncode == 1
    assert "row 51: " in done.stderr
    assert "row 52: " not in done.stderr
    assert f"and 20 more bad rows; see {errors}" in done.stderr
    assert len(errors.read_text().splitlines()) == 71


def test_the_responses_behind_the_figures_are_listed_as_csv(tmp_path: Path) -> None:
    calls = tmp_path / "some.csv"
    calls.write_text("".join(CALLS.read_text().splitlines(keepends=True)[:6]))
    done = crisis_dispatch("replay", calls, "--format", "csv", "--list")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert {row["cohort"] for row in rows} == {"arrived", "determined"}
    assert all(row["incident_id"] for row in rows)


def test_the_same_calls_answered_anew_are_all_accounted_for(tmp_path: Path) -> None:
    calls = tmp_path / "some.csv"
    calls.write_text("".join(CALLS.read_text().splitlines(keepends=True)[:41]))
    # One team is not enough for them: what waits is sought for again and again.
    runs = [
        crisis_dispatch(
            *("replay", calls, "--resimulate", "--teams", "1", "--seed", "7", "--format", "json")
        )
        for _ in range(2)
    ]
    assert [done.returncode for done in runs] == [0, 0], runs[0].stderr
    reports = [json.loads(done.stdout) for done in runs]
    [whole] = [
        line
        for line in reports[0]["lines"]
        if (line["month"], line["area_class"]) == ("all", "all")
    ]
    assert whole["arrived"]["denominator"] > 20
    assert set(whole["by_determination"]) <= {"on_time", "late", "cancelled_in_time"}
    assert whole["spread"]["longest"] > 0
    # Simulated teams answer while they are asked.
    assert "too late" not in runs[0].stderr
    # The same seed, calls and teams answer the same.
    assert _figures(reports[0]) == _figures(reports[1])
    assert runs[0].stderr == runs[1].stderr


def _figures(report: dict[str, Any]) -> list[Any]:
    return [(line["arrived"], line["determined"], line["spread"]) for line in report["lines"]]
