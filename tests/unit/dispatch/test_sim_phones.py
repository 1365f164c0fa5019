"""Where a simulated team is on its way, and what its crew records of an encounter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crisis.clock import generator
from crisis.codes import code_sets
from crisis.endings import Fit, fit
from dispatch.sim.behaviour import Leg, encounter_of
from dispatch.sim.demand import Fate
from geo.point import Point, haversine_m

NOW = datetime(2026, 11, 2, 18, tzinfo=UTC)
FROM, TO = Point(lat_deg=38.5, lon_deg=-121.5), Point(lat_deg=38.6, lon_deg=-121.4)


def test_a_team_moves_straight_and_stands_once_it_has_arrived() -> None:
    leg = Leg(FROM, TO, NOW, 600.0, "run")
    half = leg.at(NOW + timedelta(seconds=300))
    assert leg.at(NOW) == FROM
    assert haversine_m(FROM, half) == pytest.approx(haversine_m(half, TO), rel=0.01)
    assert leg.moves(NOW + timedelta(seconds=599))
    assert not leg.moves(leg.ends_at)
    assert leg.at(leg.ends_at + timedelta(hours=1)) == TO


def test_the_speed_that_a_phone_reports_is_that_of_its_fixes() -> None:
    leg = Leg(FROM, TO, NOW, 900.0, "run")
    minute = haversine_m(leg.at(NOW), leg.at(NOW + timedelta(seconds=60)))
    assert leg.speed_mps == pytest.approx(minute / 60, rel=0.02)


def test_a_team_that_needs_no_time_is_there() -> None:
    leg = Leg(TO, TO, NOW, 0.0, None)
    assert leg.at(NOW) == TO
    assert not leg.moves(NOW)


@pytest.mark.parametrize("fate", list(Fate))
def test_every_encounter_is_recorded_in_codes_that_hold(fate: Fate) -> None:
    codes, draw = code_sets(NOW.date()), generator(1)
    for _ in range(200):
        encounter = encounter_of(fate, draw)
        kind = codes.require("disposition", encounter.disposition)
        met = fit(kind, "contacted") is Fit.MUST
        assert encounter.contacted in {None, met}
        assert met == (encounter.disposition != "not_found")
        if fit(kind, "transport") is Fit.MUST:
            assert encounter.transport not in {None, "none"}
        if met:
            assert (encounter.plan is None) != (encounter.plan_exception is None)
