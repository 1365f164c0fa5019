"""The standards by instants and by the county's calendar, clock changes included."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import Invalid
from crisis.standards import (
    PACIFIC,
    CountedFrom,
    Fact,
    FollowupRule,
    followup_due,
    local_day,
    mandated_report_due,
    note_due,
    on_time,
    packaged,
    parse,
    plan_notice_due,
    response_due,
    response_standard,
    retention_until,
    utc,
)
from geo.zone import AreaClass

TODAY = date(2026, 11, 22)
T = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
URBAN = response_standard(AreaClass.URBAN, TODAY)

instants = st.datetimes(
    min_value=datetime(2023, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def test_every_fact_has_a_source_an_effective_date_and_says_whether_it_is_verified() -> None:
    facts = packaged().facts
    assert len(facts) >= 15
    for fact in facts:
        assert fact.source.strip()
        assert fact.effective_from >= date(2023, 1, 1)
        assert isinstance(fact.verified, bool)


def test_urban_is_60_rural_120_and_an_unclassed_place_gets_the_stricter() -> None:
    assert URBAN.minutes == 60
    assert response_standard(AreaClass.RURAL, TODAY).minutes == 120
    unclassed = response_standard(None, TODAY)
    assert unclassed.minutes == 60
    assert not unclassed.verified
    assert URBAN.verified
    assert URBAN.version != unclassed.version
    assert URBAN.stored().minutes == 60
    assert URBAN.stored().version == URBAN.version


def test_there_was_no_standard_before_the_benefit_began() -> None:
    with pytest.raises(Invalid) as refused:
        response_standard(AreaClass.URBAN, date(2022, 12, 31))
    assert refused.value.code == "no_standard"


def test_a_later_fact_replaces_an_earlier_one_from_its_day_on() -> None:
    changed = packaged().merged(
        [
            Fact(
                key="response.rural.minutes",
                value=90,
                effective_from=date(2027, 7, 1),
                source="a later bulletin",
                verified=True,
            )
        ],
        "2027-07",
    )
    before = response_standard(AreaClass.RURAL, date(2027, 6, 30), changed)
    after = response_standard(AreaClass.RURAL, date(2027, 7, 1), changed)
    assert (before.minutes, after.minutes) == (120, 90)
    assert before.version != after.version


def test_two_facts_of_one_key_and_day_are_refused() -> None:
    fact = packaged().facts[0]
    with pytest.raises(Invalid) as refused:
        packaged().merged([fact], "x")
    assert refused.value.code == "bad_standards"


@pytest.mark.parametrize("text", ["not toml [", 'version = "1"\n[[fact]]\nkey = "a"\n'])
def test_unreadable_standards_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert refused.value.code == "bad_standards"


def test_exactly_sixty_minutes_is_on_time_and_a_microsecond_more_is_late() -> None:
    due = T + timedelta(minutes=60)
    assert response_due(T, URBAN) == due
    assert on_time(T, due, URBAN) is True
    assert on_time(T, due, URBAN.stored()) is True
    assert on_time(T, due + timedelta(microseconds=1), URBAN) is False
    assert on_time(T, T, URBAN) is True


def test_an_arrival_before_the_determination_is_not_measurable() -> None:
    assert on_time(T, T - timedelta(seconds=1), URBAN) is None


@pytest.mark.parametrize(
    ("determined", "arrived"),
    [
        # Autumn: 01:30 PDT to 01:20 PST is 50 minutes, though the wall clock went back.
        (
            datetime(2026, 11, 1, 1, 30, tzinfo=PACIFIC),
            datetime(2026, 11, 1, 1, 20, fold=1, tzinfo=PACIFIC),
        ),
        # Spring: 01:30 PST to 03:20 PDT is 50 minutes, though the wall clock says 110.
        (
            datetime(2026, 3, 8, 1, 30, tzinfo=PACIFIC),
            datetime(2026, 3, 8, 3, 20, tzinfo=PACIFIC),
        ),
    ],
)
def test_response_time_is_a_true_duration_on_the_nights_of_a_clock_change(
    determined: datetime, arrived: datetime
) -> None:
    assert utc(arrived) - utc(determined) == timedelta(minutes=50)
    assert on_time(determined, arrived, URBAN) is True
    assert on_time(determined, utc(arrived) + timedelta(minutes=11), URBAN) is False


@given(determined=instants, minutes=st.integers(0, 300), offset=st.integers(-12, 12))
def test_the_zone_in_which_an_instant_is_written_never_matters(
    determined: datetime, minutes: int, offset: int
) -> None:
    arrived = determined + timedelta(minutes=minutes)
    elsewhere = arrived.astimezone(timezone(timedelta(hours=offset)))
    at_home = determined.astimezone(PACIFIC)
    assert on_time(at_home, elsewhere, URBAN) is (minutes <= 60)
    assert response_due(at_home, URBAN) == response_due(determined, URBAN)


def test_an_instant_without_a_zone_is_a_slip_that_is_told() -> None:
    with pytest.raises(ValueError, match="zone"):
        utc(datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_follow_up_is_due_72_elapsed_hours_after_arrival_by_default() -> None:
    rule = FollowupRule()
    assert rule == FollowupRule(hours=72, counted_from=CountedFrom.ARRIVED_AT)
    assert packaged().number("followup.hours", TODAY) == rule.hours
    assert packaged().at("followup.counted_from", TODAY).value == rule.counted_from
    assert followup_due(T, T + timedelta(hours=2), rule) == T + timedelta(hours=72)


def test_72_hours_over_a_clock_change_stay_72_hours() -> None:
    arrived = datetime(2026, 10, 30, 12, 0, tzinfo=PACIFIC)
    due = followup_due(arrived, None, FollowupRule())
    assert due - utc(arrived) == timedelta(hours=72)
    assert due.astimezone(PACIFIC).hour == 11


def test_counted_from_the_clear_the_follow_up_waits_for_it_and_never_gets_shorter() -> None:
    rule = FollowupRule(counted_from=CountedFrom.CLEARED_AT)
    assert followup_due(T, None, rule) == T + timedelta(hours=72)
    assert followup_due(T, T + timedelta(hours=2), rule) == T + timedelta(hours=74)
    assert followup_due(T, T - timedelta(hours=2), rule) == T + timedelta(hours=72)


@given(arrived=instants, stay_min=st.integers(0, 600))
def test_counting_from_arrival_is_never_later_than_from_the_clear(
    arrived: datetime, stay_min: int
) -> None:
    cleared = arrived + timedelta(minutes=stay_min)
    strict = followup_due(arrived, cleared, FollowupRule())
    loose = followup_due(arrived, cleared, FollowupRule(counted_from=CountedFrom.CLEARED_AT))
    assert strict <= loose


def test_the_plan_is_told_within_48_hours_and_a_county_may_only_be_stricter() -> None:
    assert plan_notice_due(T) == T + timedelta(hours=48)
    assert plan_notice_due(T, 24) == T + timedelta(hours=24)
    assert plan_notice_due(T, 96) == T + timedelta(hours=48)


@pytest.mark.parametrize(
    ("service", "end"),
    [
        (date(2026, 6, 10), datetime(2026, 6, 12, 7, 0, tzinfo=UTC)),
        (date(2026, 1, 10), datetime(2026, 1, 12, 8, 0, tzinfo=UTC)),
        # Day 1 is the spring change: it ends at midnight PDT.
        (date(2026, 3, 7), datetime(2026, 3, 9, 7, 0, tzinfo=UTC)),
        # Day 1 is the autumn change: it ends at midnight PST, 25 hours after it began.
        (date(2026, 10, 31), datetime(2026, 11, 2, 8, 0, tzinfo=UTC)),
        (date(2026, 12, 31), datetime(2027, 1, 2, 8, 0, tzinfo=UTC)),
    ],
)
def test_the_note_is_due_at_the_end_of_the_next_local_day(service: date, end: datetime) -> None:
    assert note_due(service) == end - timedelta(microseconds=1)


@given(arrived=instants)
def test_the_note_is_always_due_on_the_local_day_after_the_service(arrived: datetime) -> None:
    day = local_day(arrived)
    due = note_due(day)
    assert local_day(due) == day + timedelta(days=1)
    assert local_day(due + timedelta(microseconds=1)) == day + timedelta(days=2)
    assert timedelta(hours=23) <= due - arrived <= timedelta(hours=49)


def test_another_zone_may_be_asked() -> None:
    assert note_due(date(2026, 6, 10), ZoneInfo("UTC")) == datetime(
        2026, 6, 11, 23, 59, 59, 999999, tzinfo=UTC
    )


def test_the_local_day_turns_at_local_midnight() -> None:
    assert local_day(datetime(2026, 6, 11, 6, 59, tzinfo=UTC)) == date(2026, 6, 10)
    assert local_day(datetime(2026, 6, 11, 7, 0, tzinfo=UTC)) == date(2026, 6, 11)


def test_a_mandated_report_is_due_after_elapsed_hours_whatever_the_clocks_do() -> None:
    # The night in which the clocks go forward.
    arrived_at = datetime(2026, 3, 8, 8, 0, tzinfo=UTC)
    assert mandated_report_due(arrived_at) == arrived_at + timedelta(hours=36)


def test_records_are_kept_ten_years_also_from_a_leap_day() -> None:
    assert retention_until(date(2026, 5, 3), TODAY, packaged()) == date(2036, 5, 3)
    assert retention_until(date(2028, 2, 29), TODAY, packaged()) == date(2038, 3, 1)


def test_a_fact_that_is_no_number_is_not_read_as_one() -> None:
    with pytest.raises(TypeError):
        packaged().number("training.core_required", TODAY)
