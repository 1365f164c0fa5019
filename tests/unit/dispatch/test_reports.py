"""The maths of the response-time report, against examples counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import Invalid
from dispatch.reports.figures import (
    ALL,
    JUDGED,
    UNCLASSIFIED,
    Fate,
    Line,
    Response,
    ResponseTimes,
    fate_of,
    last_full_months,
    period,
    response_times,
    spread,
)

PACIFIC = ZoneInfo("America/Los_Angeles")
START = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
NOW = datetime(2026, 4, 20, tzinfo=UTC)
MARCH = period(date(2026, 3, 1), date(2026, 3, 31), PACIFIC)


def _local(*wall: int, fold: int = 0) -> datetime:
    year, month, day, hour, minute = wall
    return datetime(year, month, day, hour, minute, fold=fold, tzinfo=PACIFIC).astimezone(UTC)


def response(number: int = 1, **fields: Any) -> Response:
    """A determined urban incident that nobody has reached yet, changed by ``fields``.

    ``arrived``, ``reached``, ``ended``: minutes after the determination.
    """
    determined = fields.pop("determined_at", START)
    minutes = fields.setdefault("standard_minutes", 60)
    for name in ("arrived", "reached", "ended"):
        given_minutes = fields.pop(name, None)
        if given_minutes is not None:
            fields[f"{name}_at"] = determined + timedelta(minutes=given_minutes)
    if "arrived_at" in fields:
        fields.setdefault("reached_at", fields["arrived_at"])
    due = determined + timedelta(minutes=minutes) if determined and minutes else None
    empty: dict[str, Any] = {
        "area_class": "urban",
        "arrived_at": None,
        "reached_at": None,
        "ended_at": None,
        "state": "determined",
        "outcome": None,
        "reason": None,
        "excluded_setting": False,
        "entered_afterwards": False,
        "due_at": due,
    }
    return Response(
        incident_id=UUID(int=number),
        number=number,
        determined_at=determined,
        **{**empty, **fields},
    )


def report(*responses: Response, **how: Any) -> ResponseTimes:
    """The report of March 2026 as of 20 April."""
    since, until = how.pop("within", MARCH)
    return response_times(
        6001,
        responses,
        since=since,
        until=until,
        as_of=how.pop("as_of", NOW),
        zone=PACIFIC,
    )


def line(made: ResponseTimes, month: str = ALL, area_class: str = ALL) -> Line:
    """The one line of a month and class."""
    [found] = [x for x in made.lines if (x.month, x.area_class) == (month, area_class)]
    return found


@pytest.mark.parametrize(
    ("fields", "fate"),
    [
        ({"arrived": 59.99}, Fate.ON_TIME),
        ({"arrived": 60}, Fate.ON_TIME),
        ({"arrived": 60.0001}, Fate.LATE),
        ({"arrived": 61, "standard_minutes": 120}, Fate.ON_TIME),
        ({"arrived": -1}, Fate.NOT_MEASURABLE),
        ({"arrived_at": START, "determined_at": None, "due_at": None}, Fate.NOT_MEASURABLE),
        ({"arrived": 5, "standard_minutes": None}, Fate.NOT_MEASURABLE),
        ({}, Fate.STILL_WAITING),
        ({"reached": 20}, Fate.NOT_QUALIFYING),
        ({"reached": 20, "ended": 40, "state": "closed"}, Fate.NOT_QUALIFYING),
        ({"reached": 20, "ended": 90, "state": "cancelled"}, Fate.NOT_QUALIFYING),
        ({"ended": 60, "state": "cancelled"}, Fate.CANCELLED_IN_TIME),
        ({"ended": 61, "state": "cancelled"}, Fate.CANCELLED_LATE),
        ({"ended": 5, "state": "closed", "outcome": "unserved"}, Fate.UNSERVED),
        ({"ended": 500, "state": "closed", "outcome": "unserved"}, Fate.UNSERVED),
        ({"arrived": 5, "excluded_setting": True}, Fate.EXCLUDED_SETTING),
    ],
)
def test_every_response_has_the_fate_that_its_instants_say(
    fields: dict[str, Any], fate: Fate
) -> None:
    assert fate_of(response(**fields), NOW) is fate


def test_before_the_deadline_an_open_response_is_not_judged_yet() -> None:
    at_due = START + timedelta(minutes=60)
    assert fate_of(response(), at_due) is Fate.NOT_DUE_YET
    assert fate_of(response(reached=10), at_due) is Fate.NOT_DUE_YET
    assert fate_of(response(), at_due + timedelta(microseconds=1)) is Fate.STILL_WAITING


def test_both_denominators_stand_side_by_side() -> None:
    made = line(
        report(
            response(1, arrived=20),
            response(2, arrived=40),
            response(3, arrived=75),
            response(4, arrived=-3),
            response(5, reached=30, ended=80, state="closed"),
            response(6, ended=70, state="cancelled"),
            response(7, ended=10, state="cancelled"),
            response(8, ended=200, state="closed", outcome="unserved"),
            response(9),
            response(10, arrived=5, excluded_setting=True),
        )
    )
    # By hand: arrived and measurable 1, 2, 3; promised and judged 1, 2, 3, 5, 6, 8, 9.
    assert (made.arrived.numerator, made.arrived.denominator) == (2, 3)
    assert (made.determined.numerator, made.determined.denominator) == (2, 7)
    assert made.not_measurable == 1
    assert made.spread.n == 3
    assert made.spread.mean == 45.0
    assert made.spread.median == 40.0
    assert made.spread.p90 == made.spread.longest == 75.0
    numbers = {fate: [r.number for r in refs] for fate, refs in made.by_determination.items()}
    assert numbers == {
        "on_time": [1, 2],
        "late": [3],
        "not_measurable": [4],
        "not_qualifying": [5],
        "cancelled_late": [6],
        "cancelled_in_time": [7],
        "unserved": [8],
        "still_waiting": [9],
        "excluded_setting": [10],
    }


def test_a_rate_of_nothing_is_no_rate() -> None:
    made = line(report())
    assert made.arrived.percent is None
    assert made.determined.percent is None
    assert made.spread.mean is None


def test_a_month_without_a_response_is_shown_as_such() -> None:
    within = period(date(2025, 12, 15), date(2026, 3, 31), PACIFIC)
    made = report(response(arrived=5), within=within)
    months = {x.month for x in made.lines}
    assert months == {"2025-12", "2026-01", "2026-02", "2026-03", ALL}
    assert line(made, "2026-01").arrived.denominator == 0


def test_each_cohort_goes_by_its_own_local_month() -> None:
    # 31 March 23:50 in California is 1 April in UTC; the team arrives on 1 April local time.
    determined = datetime(2026, 4, 1, 6, 50, tzinfo=UTC)
    one = response(determined_at=determined, arrived=30)
    within = period(date(2026, 3, 1), date(2026, 4, 30), PACIFIC)
    made = report(one, within=within)
    assert line(made, "2026-03").determined.denominator == 1
    assert line(made, "2026-03").arrived.denominator == 0
    assert line(made, "2026-04").determined.denominator == 0
    assert line(made, "2026-04").arrived.denominator == 1
    march_only = report(one)
    assert line(march_only).arrived.denominator == 0
    assert line(march_only).determined.denominator == 1


@pytest.mark.parametrize(
    ("determined", "arrived", "minutes"),
    [
        # 8 March 2026: after 01:59 PST comes 03:00 PDT.
        (_local(2026, 3, 8, 1, 50), _local(2026, 3, 8, 3, 10), 20),
        # 1 November 2026: 01:00 to 02:00 comes twice.
        (_local(2026, 11, 1, 0, 50), _local(2026, 11, 1, 1, 20, fold=1), 90),
        (_local(2026, 11, 1, 1, 50), _local(2026, 11, 1, 1, 10, fold=1), 20),
    ],
)
def test_on_the_nights_of_a_clock_change_durations_are_those_of_instants(
    determined: datetime, arrived: datetime, minutes: float
) -> None:
    one = response(determined_at=determined, arrived_at=arrived)
    assert one.minutes == minutes
    assert fate_of(one, NOW) is (Fate.ON_TIME if minutes <= 60 else Fate.LATE)


def test_a_merged_deadline_of_another_class_decides_not_the_length_of_the_standard() -> None:
    # Merged into an urban incident's clock, from a rural one: the stored due instant holds.
    one = response(standard_minutes=120, due_at=START + timedelta(minutes=60), arrived=90)
    assert fate_of(one, NOW) is Fate.LATE


def test_a_period_is_of_local_days_with_its_last_day_whole() -> None:
    since, until = period(date(2026, 3, 8), date(2026, 3, 8), PACIFIC)
    assert since == datetime(2026, 3, 8, 8, tzinfo=UTC)
    assert until - since == timedelta(hours=23)
    with pytest.raises(Invalid, match="must end after"):
        period(date(2026, 3, 8), date(2026, 3, 7), PACIFIC)
    with pytest.raises(Invalid, match="must end after"):
        period(date(2020, 1, 1), date(9999, 12, 31), PACIFIC)


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 3, 31), date(2025, 12, 1), date(2026, 2, 28)),
        (date(2026, 1, 1), date(2025, 10, 1), date(2025, 12, 31)),
        (date(2024, 3, 1), date(2023, 12, 1), date(2024, 2, 29)),
    ],
)
def test_the_last_full_months_end_before_this_one(today: date, first: date, last: date) -> None:
    assert last_full_months(today) == (first, last)


def test_p90_is_the_nearest_rank() -> None:
    assert spread([float(n) for n in range(1, 11)]).p90 == 9
    assert spread([float(n) for n in range(1, 12)]).p90 == 10
    assert spread([7.0]).p90 == 7
    assert spread([1.0, 2.0]).median == 1.5


_minutes = st.one_of(st.none(), st.integers(-30, 300))
_responses = st.builds(
    lambda shift, arrived, reached, ended, state, area, excluded, standard: (
        shift,
        {
            "arrived": arrived,
            "reached": arrived if arrived is not None else reached,
            "ended": ended if state != "determined" else None,
            "state": state,
            "outcome": "unserved" if state == "closed" and arrived is None else None,
            "area_class": area,
            "excluded_setting": excluded,
            "standard_minutes": standard,
        },
    ),
    st.integers(-60 * 24 * 40, 60 * 24 * 70),
    _minutes,
    _minutes,
    st.integers(0, 400),
    st.sampled_from(["determined", "closed", "cancelled"]),
    st.sampled_from(["urban", "rural", None]),
    st.booleans(),
    st.sampled_from([60, 120, None]),
)


@given(st.lists(_responses, max_size=25), st.integers(-1_000, 60 * 24 * 60))
def test_the_sums_hold_whatever_the_responses(
    given_responses: list[tuple[int, dict[str, Any]]], as_of_minutes: int
) -> None:
    responses = [
        response(
            number,
            determined_at=START + timedelta(minutes=shift),
            **{k: v for k, v in fields.items() if v is not None or k == "standard_minutes"},
        )
        for number, (shift, fields) in enumerate(given_responses, start=1)
    ]
    responses = [
        r if f["area_class"] else Response(**{**_fields(r), "area_class": None})
        for r, (_, f) in zip(responses, given_responses, strict=True)
    ]
    within = period(date(2026, 1, 1), date(2026, 6, 30), PACIFIC)
    as_of = START + timedelta(minutes=as_of_minutes)
    made = report(*responses, within=within, as_of=as_of)
    whole = line(made)
    # Every determined response of the period has exactly one fate, and none is dropped.
    listed = [ref.number for refs in whole.by_determination.values() for ref in refs]
    assert sorted(listed) == [
        r.number for r in responses if within[0] <= (r.determined_at or NOW) < within[1]
    ]
    arrived = [ref.number for refs in whole.by_arrival.values() for ref in refs]
    assert sorted(arrived) == [
        r.number for r in responses if r.arrived_at and within[0] <= r.arrived_at < within[1]
    ]
    for x in made.lines:
        counts = {fate: len(refs) for fate, refs in x.by_arrival.items()}
        on_time, late = counts.get("on_time", 0), counts.get("late", 0)
        assert x.arrived.numerator == on_time
        assert x.arrived.denominator == on_time + late == x.spread.n
        assert x.not_measurable == counts.get("not_measurable", 0)
        assert sum(counts.values()) == on_time + late + x.not_measurable + counts.get(
            "excluded_setting", 0
        )
        assert x.determined.denominator == sum(len(x.by_determination.get(f, ())) for f in JUDGED)
        assert x.determined.numerator <= x.determined.denominator
    _sums_of(made)


def _sums_of(made: ResponseTimes) -> None:
    """Classes add up to all classes, months to the whole period."""
    months = {x.month for x in made.lines} - {ALL}
    for month in (*months, ALL):
        parts = [x for x in made.lines if x.month == month and x.area_class != ALL]
        assert {x.area_class for x in parts} <= {"urban", "rural", UNCLASSIFIED}
        total = line(made, month)
        assert total.arrived.denominator == sum(x.arrived.denominator for x in parts)
        assert total.determined.numerator == sum(x.determined.numerator for x in parts)
        assert total.determined.denominator == sum(x.determined.denominator for x in parts)
    for name in ("arrived", "determined"):
        whole = getattr(line(made), name)
        assert whole.numerator == sum(getattr(line(made, m), name).numerator for m in months)


def _fields(one: Response) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
