"""The calls of a simulated county: as many as published, when, where and about what."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from crisis.clock import generator
from crisis.ids import CountyId
from dispatch.sim.demand import (
    BY_PHONE,
    CONCERNS,
    FATES,
    HOURS,
    ON_SCENE_MIN,
    WEEKDAYS,
    Demand,
    DemandedCall,
    pick,
    quantile,
    towns,
)
from dispatch.sim.troupe import (
    FEWEST_TEAMS,
    MOST_TEAMS,
    SHIFT_H,
    make_teams,
    shift_at,
    team_count,
)
from geo.counties import counties, county_zones

SACRAMENTO = CountyId(6067)
#: A Monday in winter: no clock change within the four weeks.
MONDAY = datetime(2026, 1, 5, 8, tzinfo=UTC)
FOUR_WEEKS = timedelta(days=28)
ALL = [CountyId(int(fips)) for fips in counties()]


@pytest.fixture(scope="module")
def calls() -> list[DemandedCall]:
    """Four weeks of calls."""
    return list(Demand(SACRAMENTO, 3).calls(MONDAY, MONDAY + FOUR_WEEKS))


def share(count: int, of: int) -> float:
    """A share in per cent."""
    return 100 * count / of


def test_the_same_seed_draws_the_same_calls_however_the_hours_are_asked_for() -> None:
    whole = list(Demand(SACRAMENTO, 3).calls(MONDAY, MONDAY + timedelta(hours=6)))
    middle = MONDAY + timedelta(hours=2, minutes=17)
    parts = [
        *Demand(SACRAMENTO, 3).calls(MONDAY, middle),
        *Demand(SACRAMENTO, 3).calls(middle, MONDAY + timedelta(hours=6)),
    ]
    assert whole == parts
    assert whole


def test_another_seed_draws_other_calls() -> None:
    until = MONDAY + timedelta(hours=12)
    one, other = (list(Demand(SACRAMENTO, seed).calls(MONDAY, until)) for seed in (1, 2))
    assert {call.at for call in one}.isdisjoint(call.at for call in other)


def test_encounters_are_as_many_as_the_planning_estimate(calls: list[DemandedCall]) -> None:
    estimate = counties()["06067"].est_encounters_per_day
    needing_teams = sum(not call.by_phone for call in calls)
    assert needing_teams / 28 == pytest.approx(estimate, rel=0.1)
    assert share(needing_teams, len(calls)) == pytest.approx(100 * (1 - BY_PHONE), abs=2)


def test_calls_come_oldest_first_and_within_the_period(calls: list[DemandedCall]) -> None:
    instants = [call.at for call in calls]
    assert instants == sorted(instants)
    assert instants[0] >= MONDAY
    assert instants[-1] < MONDAY + FOUR_WEEKS


def test_hours_and_weekdays_have_their_published_shares(calls: list[DemandedCall]) -> None:
    # Winter: UTC-8.
    hours = Counter((call.at - timedelta(hours=8)).hour for call in calls)
    for hour, expected in enumerate(HOURS):
        found = share(hours[hour], len(calls))
        assert found == pytest.approx(100 * expected / sum(HOURS), abs=1.2), hour
    days = Counter((call.at - timedelta(hours=8)).weekday() for call in calls)
    for day, expected in enumerate(WEEKDAYS):
        assert share(days[day], len(calls)) == pytest.approx(expected, abs=2), day


def test_reasons_and_ends_have_their_published_shares(calls: list[DemandedCall]) -> None:
    concerns = Counter(call.concern for call in calls)
    for concern, expected in CONCERNS:
        assert share(concerns[concern], len(calls)) == pytest.approx(expected, abs=2), concern
    fates = Counter(call.fate for call in calls)
    for fate, weight in FATES:
        expected = 100 * weight / sum(one for _, one in FATES)
        assert share(fates[fate], len(calls)) == pytest.approx(expected, abs=2.5), fate


def test_times_on_scene_meet_the_published_percentiles(calls: list[DemandedCall]) -> None:
    minutes = sorted(call.stay_s / 60 for call in calls)
    for part, expected in ON_SCENE_MIN[1:-1]:
        assert minutes[int(part * len(minutes))] == pytest.approx(expected, rel=0.15), part


def test_a_distribution_is_straight_between_its_percentiles() -> None:
    table = ((0.0, 0.0), (0.5, 10.0), (1.0, 30.0))
    assert [quantile(table, at) for at in (0.0, 0.25, 0.5, 0.75)] == [0.0, 5.0, 10.0, 20.0]


def test_a_choice_without_weight_is_never_drawn() -> None:
    draw = generator(1)
    assert {pick(draw, (("no", 0), ("yes", 1), ("never", 0))) for _ in range(200)} == {"yes"}


@pytest.mark.parametrize("county_id", ALL)
def test_every_county_has_towns_and_calls_inside_its_outline(county_id: CountyId) -> None:
    zone = county_zones()[f"{county_id:05d}"]
    assert 2 <= len(towns(county_id)) <= 5
    until = MONDAY + timedelta(days=2)
    found = list(Demand(county_id, 1, per_day=8).calls(MONDAY, until))
    assert found
    assert all(zone.holds(call.place) for call in found)


def test_a_county_without_encounters_is_not_silent() -> None:
    alpine = Demand(CountyId(6003), 1)
    assert list(alpine.calls(MONDAY, MONDAY + timedelta(days=1)))


def test_nights_and_days_are_the_countys_own_in_winter_and_in_summer() -> None:
    demand = Demand(SACRAMENTO, 1)
    mean = demand.per_day / (1 - BY_PHONE) / 24
    for day, offset_h in (
        (datetime(2026, 1, 6, tzinfo=UTC), 8),
        (datetime(2026, 7, 7, tzinfo=UTC), 7),
    ):
        local_midnight = day + timedelta(hours=offset_h)
        rates = [demand.rate(local_midnight + timedelta(hours=hour)) / mean for hour in range(24)]
        assert rates[6] < 0.9 < 1.5 < rates[7], "people begin to call at seven"
        assert max(rates[:6]) < 0.6
        assert max(rates[22:]) < 0.6


def test_the_night_of_a_clock_change_has_its_quiet_hours_once_more() -> None:
    demand = Demand(SACRAMENTO, 1)
    midnight = datetime(2026, 11, 1, 7, tzinfo=UTC)
    rates = [demand.rate(midnight + timedelta(hours=hour)) for hour in range(9)]
    assert rates[1] == rates[2], "one o'clock comes twice"
    assert rates[7] < rates[8], "the morning is an hour later"


def test_by_day_somebody_needs_a_team_at_least_every_other_hour_in_every_county() -> None:
    for county_id in ALL:
        found = Demand(county_id, 7).calls(MONDAY, MONDAY + timedelta(days=5))
        at = [call.at - timedelta(hours=8) for call in found if not call.by_phone]
        gaps = [two - one for one, two in pairwise(at) if 7 <= one.hour < 13]
        assert max(gaps) < timedelta(hours=2), county_id


def test_somebody_else_calls_again_only_about_a_person_who_needs_a_team(
    calls: list[DemandedCall],
) -> None:
    again = [call for call in calls if call.again_s is not None]
    assert not any(call.by_phone for call in again)
    assert share(len(again), sum(not c.by_phone for c in calls)) == pytest.approx(8, abs=2.5)


def test_who_cannot_wait_gets_calls_of_both_kinds_at_once_by_turns() -> None:
    demand = Demand(CountyId(6001), 7)
    # The hour in which nobody was drawn who needs a team, for seventy minutes.
    quiet = datetime(2026, 11, 22, 17, tzinfo=UTC)
    found = demand.soon(quiet, 2, 2)
    assert [call.by_phone for call in found] == [False, True, False, True]
    assert demand.soon(quiet, 2, 0) == [found[0], found[2]]
    assert demand.soon(quiet, 0, 0) == []


@pytest.mark.parametrize("county_id", ALL)
def test_in_every_county_the_past_leaves_something_to_be_done(county_id: CountyId) -> None:
    demand = Demand(county_id, 1)
    now = demand.next_busy(MONDAY + timedelta(hours=8))
    on_shift = sum(shift_at(n, now) is not None for n in range(1, team_count(county_id) + 1))
    since = now - timedelta(days=1)
    found = demand.before(since, now, on_shift - 2)
    assert [call.at for call in found] == sorted(call.at for call in found)
    assert since <= found[0].at and found[-1].at < now
    recent = [c for c in found if c.at > now - timedelta(hours=1) and not c.by_phone]
    assert len(recent) >= min(on_shift - 2, 5) >= 1
    if county_id == CountyId(6003):
        assert demand.before(since, now, 0) == list(demand.calls(since, now))


@pytest.mark.parametrize("county_id", ALL)
def test_every_county_has_teams_that_may_lawfully_go_from_within_it(county_id: CountyId) -> None:
    zone = county_zones()[f"{county_id:05d}"]
    count = team_count(county_id)
    assert FEWEST_TEAMS <= count <= MOST_TEAMS
    teams, yours = make_teams(county_id, count)
    assert len({team.call_sign for team in (*teams, yours)}) == count + 1
    for team in (*teams, yours):
        assert team.base is not None and zone.holds(team.base)
        assert any(one.can_assess and one.is_lpha for one in team.crew)


def test_a_demonstration_in_a_quiet_night_begins_with_the_next_busy_hour() -> None:
    demand = Demand(SACRAMENTO, 1)
    night = datetime(2026, 1, 6, 9, 30, tzinfo=UTC)
    later = demand.next_busy(night)
    assert night < later < night + timedelta(hours=8)
    assert demand.rate(later) > 2 * demand.rate(night)
    assert demand.next_busy(later + timedelta(minutes=5)) == later + timedelta(minutes=5)


def test_at_every_hour_some_team_is_on_shift_in_every_county() -> None:
    for county_id in ALL:
        count = team_count(county_id)
        for hour in range(48):
            now = MONDAY + timedelta(hours=hour)
            on = [n for n in range(1, count + 1) if shift_at(n, now) is not None]
            assert on, (county_id, now)
            assert len(on) < count, (county_id, now)


def test_a_shift_holds_the_instant_it_was_asked_for() -> None:
    for number in range(1, 11):
        window = shift_at(number, MONDAY)
        if window is not None:
            assert window[0] <= MONDAY < window[1]
            assert window[1] - window[0] == timedelta(hours=SHIFT_H)


def test_the_persons_team_is_another_one_than_those_that_are_driven() -> None:
    teams, yours = make_teams(SACRAMENTO, 12)
    assert yours.team_id not in {team.team_id for team in teams}
    crews = [one.id for team in (*teams, yours) for one in team.crew]
    assert len(crews) == len(set(crews))
