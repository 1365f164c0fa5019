"""The report as people and programs read it."""

from __future__ import annotations

import csv
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.reports.figures import Fate, ResponseTimes, minutes_up, period, share
from dispatch.reports.text import (
    FATE_LABELS,
    as_csv,
    as_json,
    as_table,
    percent_text,
    responses_as_csv,
)
from tests.unit.dispatch.test_reports import PACIFIC, line, report, response


def made() -> ResponseTimes:
    """One on time, one late, one unserved, in March; nothing in February."""
    return report(
        response(1, arrived=20),
        response(2, arrived=75.5, area_class="rural"),
        response(3, ended=200, state="closed", outcome="unserved"),
        within=period(date(2026, 2, 1), date(2026, 3, 31), PACIFIC),
    )


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text, by column."""
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (1, 3, "33.3"),
        (2, 3, "66.7"),
        (29, 100, "29.0"),
        (1, 8, "12.5"),
        (1, 16, "6.3"),  # 6.25: half up
        (13, 400, "3.3"),  # 3.25: half up, not to the even one
        (9_999, 10_000, "99.9"),
        (999_999, 1_000_000, "99.9"),
        (1, 10_000, "0.1"),
        (0, 7, "0.0"),
        (3, 3, "100.0"),
    ],
)
def test_a_rate_is_rounded_half_up_and_reads_as_all_or_none_only_where_it_is(
    numerator: int, denominator: int, text: str
) -> None:
    made = share(numerator, denominator)
    assert percent_text(made) == text
    assert made.percent == float(text), "what JSON says is what is written"


@given(st.integers(1, 5_000), st.data())
def test_no_rate_is_off_by_more_than_half_a_tenth_but_at_all_and_none(
    denominator: int, data: st.DataObject
) -> None:
    numerator = data.draw(st.integers(0, denominator))
    exact = Fraction(100 * numerator, denominator)
    told = Fraction(percent_text(share(numerator, denominator)))
    if told not in {Fraction("0.1"), Fraction("99.9")}:
        assert -Fraction("0.05") <= exact - told < Fraction("0.05")
    assert (told == 100) == (numerator == denominator)
    assert (told == 0) == (numerator == 0)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_every_output_shows_a_rate_with_the_same_digits(
    on_time: int, late: int, unserved: int
) -> None:
    fates: list[dict[str, Any]] = [{"arrived": 20}] * on_time + [{"arrived": 70}] * late
    fates += [{"ended": 200, "state": "closed", "outcome": "unserved"}] * unserved
    told = report(*(response(n, **fate) for n, fate in enumerate(fates, start=1)))
    shown = msgspec.json.decode(as_json(told))
    [whole] = [x for x in shown["lines"] if (x["month"], x["area_class"]) == ("all", "all")]
    [row] = [r for r in rows(as_csv(told)) if (r["month"], r["area_class"]) == ("all", "all")]
    tables = as_table(told, title="x", width=200).split("Determined: by month of determination")
    for table, name, column, count in (
        (tables[0], "arrived", "arrived_on_time_percent", on_time + late),
        (tables[1], "determined", "determined_on_time_percent", on_time + late + unserved),
    ):
        text = percent_text(share(on_time, count))
        assert f" {on_time} {count} {text} " in f" {_whole(table)} "
        assert row[column] == ("" if count == 0 else text)
        assert whole[name]["percent"] == (None if count == 0 else float(text))


def test_a_rate_of_nothing_reads_not_available() -> None:
    assert percent_text(share(0, 0)) == "n/a"


def test_a_second_too_late_does_not_read_as_on_time() -> None:
    late = report(response(1, arrived=60 + 1 / 60), response(2, arrived=60))
    text = as_table(late, title="Alameda County", with_responses=True)
    assert "late (1): #1 60.1 min" in text
    assert "on time (1): #2 60.0 min" in text
    assert rows(as_csv(late))[-1]["longest_minutes"] == "60.02"


@given(st.integers(0, 20 * 60 * 1_000_000), st.sampled_from([60, 120]))
def test_no_duration_reads_on_the_other_side_of_its_standard(microseconds: int, most: int) -> None:
    minutes = (most * 60_000_000 - 600_000_000 + microseconds) / 60_000_000
    for decimals in (1, 2, 3):
        told = minutes_up(minutes, decimals)
        assert (told > most) == (minutes > most + 1e-9)


def test_a_disputed_arrival_is_named_and_counts_as_none() -> None:
    made = report(
        response(1, ended=200, state="closed", outcome="unserved", arrival_disputed=True),
        response(2, arrived=20),
    )
    text = as_table(made, title="x", width=200)
    assert "disputed and count as none (1): #1." in text
    listed = {r["number"]: r["arrival_disputed"] for r in rows(responses_as_csv(made))}
    assert listed == {"1": "yes", "2": "no"}


def test_the_table_shows_both_denominators_and_who_was_not_served() -> None:
    text = as_table(made(), title="Alameda County", width=140)
    assert "Response times, Alameda County, 2026-02-01 to 2026-03-31" in text
    arrived, determined = text.split("Determined: by month of determination")
    assert _whole(arrived) == "all all 60 1 2 50.0 47.8 47.8 75.5 75.5 0 0"
    assert _whole(determined) == "all all 1 3 33.3 1 0 0 1 0"
    assert "not judged: none" in determined
    assert "2026-02" in arrived and "n/a" in arrived


def _whole(table: str) -> str:
    """The figures of the whole period, one space between them."""
    [whole] = [x.split() for x in table.splitlines() if x.split()[:2] == ["all", "all"]]
    return " ".join(whole)


def test_who_was_promised_a_team_and_is_not_judged_is_shown_beside() -> None:
    text = as_table(report(response(1, ended=10, state="cancelled")), title="x")
    _, left_out = text.split("Determined, but not judged: by month")
    assert _whole(left_out) == "all all 1 0 0 0"


def test_the_list_names_every_response_behind_a_figure() -> None:
    text = as_table(made(), title="x", width=200, with_responses=True)
    assert "Arrived 2026-03, urban, on time (1): #1 20.0 min" in text
    assert "Determined 2026-03, urban, unserved (1): #3" in text
    assert "Arrived 2026-03, rural, late (1): #2 75.5 min" in text


def test_csv_holds_the_same_figures_as_the_report() -> None:
    whole = line(made())
    [row] = [r for r in rows(as_csv(made())) if (r["month"], r["area_class"]) == ("all", "all")]
    assert row["arrived_on_time"] == str(whole.arrived.numerator)
    assert row["arrived_measurable"] == str(whole.arrived.denominator)
    assert row["determined_judged"] == "3"
    assert row["determined_unserved"] == "1"
    assert row["longest_minutes"] == "75.50"
    [empty] = [r for r in rows(as_csv(made())) if r["month"] == "2026-02"]
    assert empty["arrived_on_time_percent"] == ""


def test_csv_of_responses_lists_each_once_per_denominator() -> None:
    listed = [(r["cohort"], r["number"], r["fate"]) for r in rows(responses_as_csv(made()))]
    assert sorted(listed) == [
        ("arrived", "1", "on_time"),
        ("arrived", "2", "late"),
        ("determined", "1", "on_time"),
        ("determined", "2", "late"),
        ("determined", "3", "unserved"),
    ]


def test_json_reads_back_as_the_report_and_fits_its_schema() -> None:
    assert msgspec.json.decode(as_json(made()), type=ResponseTimes) == made()
    schema = msgspec.json.schema(ResponseTimes)
    properties: dict[str, Any] = schema["$defs"]["Line"]["properties"]
    shown = msgspec.json.decode(as_json(made()))["lines"][0]
    assert set(shown) == set(properties)
    # A rate of nothing is told as null, not left out.
    assert shown["arrived"] == {"numerator": 0, "denominator": 0, "percent": None}
    assert shown["spread"]["mean"] is None


def test_every_fate_has_words() -> None:
    assert set(FATE_LABELS) == set(Fate)
