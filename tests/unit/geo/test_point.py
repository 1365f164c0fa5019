"""Points and distances."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geo.point import (
    SPHERE_ERROR,
    Point,
    Points,
    coarse,
    distances_m,
    geodesic_m,
    haversine_m,
)

points = st.builds(
    Point,
    lat_deg=st.floats(min_value=-90, max_value=90),
    lon_deg=st.floats(min_value=-180, max_value=180),
)
californian = st.builds(
    Point,
    lat_deg=st.floats(min_value=32.5, max_value=42),
    lon_deg=st.floats(min_value=-124.5, max_value=-114.1),
)
SACRAMENTO = Point(lat_deg=38.5816, lon_deg=-121.4944)
REDDING = Point(lat_deg=40.5865, lon_deg=-122.3917)


@pytest.mark.parametrize("lat", [90.001, -90.001, math.nan, math.inf, -math.inf])
def test_a_latitude_out_of_range_or_not_a_number_is_refused(lat: float) -> None:
    with pytest.raises(ValueError, match=r"^latitude must be a number from -90 to 90$"):
        Point(lat_deg=lat, lon_deg=0)


@pytest.mark.parametrize("lon", [180.001, -180.001, math.nan, math.inf, -math.inf])
def test_a_longitude_out_of_range_or_not_a_number_is_refused(lon: float) -> None:
    with pytest.raises(ValueError, match=r"^longitude must be a number from -180 to 180$"):
        Point(lat_deg=0, lon_deg=lon)


def test_latitude_and_longitude_in_the_wrong_order_are_refused_in_california() -> None:
    with pytest.raises(ValueError, match="latitude"):
        Point(lat_deg=SACRAMENTO.lon_deg, lon_deg=SACRAMENTO.lat_deg)


@pytest.mark.parametrize(
    "text",
    [
        b'{"lat_deg":91,"lon_deg":0}',
        b'{"lat_deg":0,"lon_deg":-181}',
        b'{"lat_deg":NaN,"lon_deg":0}',
        b'{"lat_deg":1e999,"lon_deg":0}',
        b'{"lat_deg":"38","lon_deg":0}',
        b'{"lat_deg":38}',
    ],
)
def test_a_point_out_of_range_is_refused_when_it_is_decoded(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(text, type=Point)


def test_not_a_number_is_refused_even_in_a_form_that_can_carry_it() -> None:
    packed = msgspec.msgpack.encode({"lat_deg": math.nan, "lon_deg": 0.0})
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(packed, type=Point)


@given(points)
def test_a_point_survives_encoding_and_decoding(point: Point) -> None:
    assert msgspec.json.decode(msgspec.json.encode(point), type=Point) == point


def test_sacramento_to_redding_is_some_236_km() -> None:
    assert geodesic_m(SACRAMENTO, REDDING) == pytest.approx(236_000, rel=0.005)


@given(points, points)
@example(Point(lat_deg=0, lon_deg=0), Point(lat_deg=0.01, lon_deg=0))
@example(Point(lat_deg=90, lon_deg=0), Point(lat_deg=89.9, lon_deg=0))
@example(Point(lat_deg=0, lon_deg=0), Point(lat_deg=0, lon_deg=180))
def test_the_sphere_is_within_its_promised_error_of_the_ellipsoid(a: Point, b: Point) -> None:
    exact = geodesic_m(a, b)
    assert haversine_m(a, b) == pytest.approx(exact, rel=SPHERE_ERROR, abs=0.001)


@given(points, points)
def test_both_distances_are_the_same_in_either_direction(a: Point, b: Point) -> None:
    assert haversine_m(a, b) == pytest.approx(haversine_m(b, a), rel=1e-12, abs=1e-6)
    assert geodesic_m(a, b) == pytest.approx(geodesic_m(b, a), rel=1e-12, abs=1e-6)


@given(points)
def test_every_point_is_no_distance_from_itself(point: Point) -> None:
    assert haversine_m(point, point) == 0
    assert geodesic_m(point, point) == 0


@given(points, points, points)
def test_a_detour_is_never_shorter(a: Point, b: Point, c: Point) -> None:
    assert haversine_m(a, c) <= haversine_m(a, b) + haversine_m(b, c) + 0.1


def test_antipodes_are_half_the_circumference_apart() -> None:
    a, b = Point(lat_deg=37, lon_deg=-122), Point(lat_deg=-37, lon_deg=58)
    assert haversine_m(a, b) == pytest.approx(math.pi * 6_371_008.8, rel=1e-6)


@given(points, st.lists(points, max_size=20))
def test_many_distances_at_once_equal_each_alone(origin: Point, others: list[Point]) -> None:
    alone = [haversine_m(origin, other) for other in others]
    assert distances_m(origin, Points.of(others)) == pytest.approx(alone, rel=1e-9, abs=0.01)


@given(points)
def test_a_coarse_point_is_the_centre_of_its_own_cell(point: Point) -> None:
    blurred = coarse(point)
    assert coarse(blurred) == blurred
    assert abs(blurred.lat_deg - point.lat_deg) <= 0.005 + 1e-9
    assert abs(blurred.lon_deg - point.lon_deg) <= 0.005 + 1e-9


def test_neighbours_in_one_cell_can_not_be_told_apart_when_coarse() -> None:
    here = Point(lat_deg=38.5812, lon_deg=-121.4944)
    there = Point(lat_deg=38.5888, lon_deg=-121.4909)
    assert coarse(here) == coarse(there) == Point(lat_deg=38.585, lon_deg=-121.495)
    assert haversine_m(here, there) > 500


def test_coarse_points_next_to_each_other_are_about_a_kilometre_apart() -> None:
    column = [coarse(Point(lat_deg=38 + step / 100, lon_deg=-121)) for step in range(5)]
    for below, above in pairwise(column):
        assert haversine_m(below, above) == pytest.approx(1_112, abs=2)
