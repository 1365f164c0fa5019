"""Estimated travel times and their calibration."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.point import Point, Points, haversine_m
from geo.travel import (
    DEFAULT_PARAMETERS,
    FEWEST_DRIVES,
    CalibratedEstimate,
    Drive,
    TravelMethod,
    TravelModel,
    TravelTime,
    calibrate,
    drive,
    share_within,
)

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
SCENE = Point(lat_deg=37.0, lon_deg=-120.0)
ESTIMATE: TravelModel = CalibratedEstimate(DEFAULT_PARAMETERS)


def km_away(km: float) -> Point:
    return Point(lat_deg=SCENE.lat_deg + km / 111.195, lon_deg=SCENE.lon_deg)


def drive_from(km: float) -> TravelTime:
    return drive(ESTIMATE, km_away(km), SCENE, NOW)


def naive_s(km: float) -> float:
    """Straight line x 1.3 at 40 km/h, the rule of thumb known to be wrong."""
    return km * 1.3 / 40 * 3600


@given(
    st.floats(min_value=0, max_value=500),
    st.floats(min_value=0.001, max_value=100),
)
def test_farther_takes_longer_on_a_longer_road(km: float, more: float) -> None:
    near, far = drive_from(km), drive_from(km + more)
    assert near.eta_s < far.eta_s
    assert near.distance_m < far.distance_m


@given(st.floats(min_value=0, max_value=800))
def test_the_band_holds_the_estimate_and_the_road_is_no_shorter_than_the_crow_flies(
    km: float,
) -> None:
    time = drive_from(km)
    assert 0 < time.low_s <= time.eta_s <= time.high_s
    assert time.distance_m >= haversine_m(km_away(km), SCENE)
    assert time.method is TravelMethod.ESTIMATED


@pytest.mark.parametrize(
    ("km", "median_s"),
    [(1.5, 243), (3, 410), (5.5, 609), (8.5, 825), (12.5, 1095), (17.5, 1413), (25, 1793)],
)
def test_the_estimate_keeps_to_the_medians_of_the_network_it_was_fitted_to(
    km: float, median_s: float
) -> None:
    assert drive_from(km).eta_s == pytest.approx(median_s, rel=0.1)


@pytest.mark.parametrize("km", [10, 15, 20])
def test_a_typical_trip_is_not_overstated_as_by_the_rule_of_thumb(km: float) -> None:
    assert 1.2 <= naive_s(km) / drive_from(km).eta_s <= 1.6


@pytest.mark.parametrize("km", [5, 8, 10])
def test_the_worst_trips_that_the_rule_of_thumb_misses_lie_inside_the_band(km: float) -> None:
    assert drive_from(km).high_s / naive_s(km) >= 1.3


def test_short_trips_are_slower_and_less_certain() -> None:
    short, long = drive_from(1), drive_from(60)
    assert short.distance_m / short.eta_s < long.distance_m / long.eta_s
    assert short.high_s / short.eta_s > long.high_s / long.eta_s
    assert short.low_s / short.eta_s < long.low_s / long.eta_s


@given(st.lists(st.floats(min_value=0, max_value=300), max_size=20))
def test_each_origin_gets_its_own_answer_in_order(distances: list[float]) -> None:
    together = ESTIMATE.many_to_one(Points.of([km_away(km) for km in distances]), SCENE, NOW)
    assert together.each(np.arange(len(distances))) == [drive_from(km) for km in distances]


def test_no_origins_have_no_travel_times() -> None:
    assert len(ESTIMATE.many_to_one(Points.of([]), SCENE, NOW).eta_s) == 0


def test_the_numbers_say_that_they_are_unverified_and_survive_the_wire() -> None:
    assert "unverified" in DEFAULT_PARAMETERS.source
    encoded = msgspec.json.encode(DEFAULT_PARAMETERS)
    assert msgspec.json.decode(encoded, type=type(DEFAULT_PARAMETERS)) == DEFAULT_PARAMETERS


def test_a_road_that_winds_more_far_away_than_near_is_refused() -> None:
    with pytest.raises(ValueError, match="near_detour"):
        CalibratedEstimate(msgspec.structs.replace(DEFAULT_PARAMETERS, near_detour=1.0))


def drives_by(factors: list[float]) -> list[Drive]:
    """Return drives that took these multiples of what the default estimate says."""
    return [
        Drive(
            origin=km_away(1 + n % 30),
            destination=SCENE,
            departed_at=NOW,
            took_s=factor * drive_from(1 + n % 30).eta_s,
        )
        for n, factor in enumerate(factors)
    ]


def test_a_countys_own_drives_move_the_median_and_the_band() -> None:
    factors = [0.8 + 0.8 * n / 100 for n in range(101)]
    tuned = calibrate(drives_by(factors), DEFAULT_PARAMETERS, name="Inyo", version="2027-01")
    assert tuned.time_factor == pytest.approx(1.2)
    assert (tuned.near_low, tuned.far_low) == pytest.approx((0.84 / 1.2, 0.84 / 1.2), rel=0.01)
    assert (tuned.near_high, tuned.far_high) == pytest.approx((1.56 / 1.2, 1.56 / 1.2), rel=0.01)
    assert (tuned.name, tuned.version) == ("Inyo", "2027-01")
    assert "101 drives" in tuned.source


def test_a_calibrated_band_holds_nine_drives_of_ten() -> None:
    drives = drives_by([0.5 + 2 * (n * 37 % 100) / 100 for n in range(100)])
    tuned = CalibratedEstimate(calibrate(drives, DEFAULT_PARAMETERS, name="x", version="1"))
    assert share_within(drives, tuned) == pytest.approx(0.9, abs=0.02)
    assert share_within(drives_by([10.0] * 3), tuned) == 0


def test_a_handful_of_drives_calibrates_nothing() -> None:
    with pytest.raises(ValueError, match="39 drives are too few, need 40"):
        calibrate(drives_by([1.0] * (FEWEST_DRIVES - 1)), DEFAULT_PARAMETERS, name="x", version="1")
    with pytest.raises(ValueError, match="no drives"):
        share_within([], ESTIMATE)
