"""Polygons, zones, and urban or rural."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.point import Point, haversine_m
from geo.zone import (
    AreaClass,
    AreaMap,
    AreaMethod,
    Classification,
    Polygon,
    Ring,
    Zone,
    classify,
    nearest_zone,
    polygon,
    zone,
    zone_of,
)

SQUARE = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)]
HOLE = [(1.0, 1.0), (1.0, 3.0), (3.0, 3.0), (3.0, 1.0), (1.0, 1.0)]


def at(lon: float, lat: float) -> Point:
    return Point(lat_deg=lat, lon_deg=lon)


def square(west: float, south: float, side: float = 1.0) -> Polygon:
    east, north = west + side, south + side
    return polygon([[(west, south), (east, south), (east, north), (west, north), (west, south)]])


def area(zone_id: str, *polygons: Polygon, area_class: AreaClass | None = None) -> Zone:
    return zone(zone_id=zone_id, name=zone_id, polygons=polygons, area_class=area_class)


def winding_number(ring: Ring, x: float, y: float) -> int:
    """Sum the angles that the ring turns around the point: another way to the same answer."""
    turned = 0.0
    for (xa, ya), (xb, yb) in pairwise(ring):
        before, after = math.atan2(ya - y, xa - x), math.atan2(yb - y, xb - x)
        step = after - before
        turned += (step + math.pi) % (2 * math.pi) - math.pi
    return round(turned / (2 * math.pi))


@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    """Draw a polygon around 0, 0 with vertices at growing angles, so that no edges cross."""
    count = draw(st.integers(min_value=3, max_value=12))
    radii = draw(st.lists(st.floats(min_value=1, max_value=40), min_size=count, max_size=count))
    ring = [
        (r * math.cos(2 * math.pi * n / count), r * math.sin(2 * math.pi * n / count))
        for n, r in enumerate(radii)
    ]
    return polygon([[*ring, ring[0]]])


coordinate = st.floats(min_value=-45, max_value=45)


@given(stars(), coordinate, coordinate)
def test_a_polygon_holds_the_points_that_its_outline_winds_around(
    star: Polygon, x: float, y: float
) -> None:
    point = at(x, y)
    # On the very edge the two methods may round differently.
    edge = min(
        abs((xb - xa) * (ya - y) - (xa - x) * (yb - ya)) / math.hypot(xb - xa, yb - ya)
        for (xa, ya), (xb, yb) in pairwise(star.outer)
    )
    assume(edge > 1e-6)
    assert star.holds(point) == (winding_number(star.outer, x, y) != 0)


@given(stars(), coordinate, coordinate)
def test_the_direction_in_which_a_ring_is_drawn_does_not_matter(
    star: Polygon, x: float, y: float
) -> None:
    backwards = polygon([star.outer[::-1]])
    assert backwards.holds(at(x, y)) == star.holds(at(x, y))


def test_a_hole_is_outside_and_an_island_needs_a_polygon_of_its_own() -> None:
    ring = polygon([SQUARE, HOLE])
    assert ring.holds(at(0.5, 0.5))
    assert not ring.holds(at(2, 2))
    assert not ring.holds(at(5, 2))
    assert area("a", ring, square(1.5, 1.5)).holds(at(2, 2))


@given(
    st.floats(min_value=0, max_value=3, exclude_max=True),
    st.floats(min_value=0, max_value=3, exclude_max=True),
)
def test_a_point_belongs_to_exactly_one_of_neighbouring_squares(x: float, y: float) -> None:
    squares = [square(west, south) for west in range(3) for south in range(3)]
    assert sum(each.holds(at(x, y)) for each in squares) == 1


@given(st.floats(min_value=0.1, max_value=0.9), st.floats(min_value=-0.5, max_value=0.5))
def test_a_point_on_a_slanted_border_belongs_to_exactly_one_neighbour(
    part: float, lean: float
) -> None:
    low, high = (0.3 + lean, 0.1), (0.7 - lean, 0.9)
    left = polygon([[(-1.0, 0.1), low, high, (-1.0, 0.9), (-1.0, 0.1)]])
    right = polygon([[(2.0, 0.1), (2.0, 0.9), high, low, (2.0, 0.1)]])
    on_border = at(low[0] + part * (high[0] - low[0]), low[1] + part * (high[1] - low[1]))
    assert left.holds(on_border) != right.holds(on_border)


@pytest.mark.parametrize(
    ("rings", "complaint"),
    [
        ([], "needs an outer ring"),
        ([SQUARE[:3]], "the outer ring has 3 positions"),
        ([SQUARE[:4]], "the outer ring is open"),
        ([SQUARE, HOLE[:4]], "hole 1 is open"),
        ([[(0.0, 0.0), (math.nan, 1.0), (1.0, 1.0), (0.0, 0.0)]], "position"),
        ([[(38.0, -121.0), (38.0, -122.0), (39.0, -122.0), (38.0, -121.0)]], "comes first"),
        ([[(179.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (179.0, 0.0)]], "180th meridian"),
    ],
)
def test_a_broken_outline_is_refused_with_its_fault(
    rings: list[list[tuple[float, float]]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        polygon(rings)


def test_a_zone_needs_some_area_but_may_have_flat_islets() -> None:
    flat = polygon([[(9.0, 9.0), (9.1, 9.1), (9.0, 9.0), (9.0, 9.0)]])
    with pytest.raises(ValueError, match="encloses any area"):
        area("flat", flat)
    with pytest.raises(ValueError, match="at least one polygon"):
        area("none")
    both = area("both", square(0, 0), flat)
    assert both.distance_m(at(9, 9)) < 1


def test_the_first_zone_that_holds_a_point_is_found() -> None:
    zones = [area("west", square(0, 0)), area("east", square(1, 0))]
    found = zone_of(at(1.5, 0.5), zones)
    assert found is not None
    assert found.zone_id == "east"
    assert zone_of(at(5, 5), zones) is None


def test_a_point_at_sea_goes_to_the_nearest_coast() -> None:
    zones = [area("far", square(10, 0)), area("near", square(0, 0)), area("north", square(0, 8))]
    found = nearest_zone(at(1.1, 0.5), zones)
    assert found is not None
    assert found[0].zone_id == "near"
    assert found[1] == pytest.approx(haversine_m(at(1.1, 0.5), at(1, 0.5)), rel=0.001)


def test_a_zone_whose_box_holds_the_point_may_still_be_farther_than_another() -> None:
    corner = area("corner", polygon([[(0.0, 0.0), (10.0, 0.0), (0.0, 10.0), (0.0, 0.0)]]))
    beside = area("beside", square(15.5, 9.5))
    found = nearest_zone(at(9.9, 9.9), [corner, beside])
    assert found is not None
    assert found[0].zone_id == "beside"


def test_a_point_inside_is_no_distance_off_and_no_zones_give_no_answer() -> None:
    inside = area("a", square(0, 0))
    assert nearest_zone(at(0.5, 0.5), [area("b", square(3, 3)), inside]) == (inside, 0.0)
    assert nearest_zone(at(0.5, 0.5), []) is None


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=8),
    st.floats(min_value=-25, max_value=25),
    st.floats(min_value=-25, max_value=25),
)
def test_the_nearest_zone_is_the_one_that_measuring_all_would_give(
    corners: list[tuple[int, int]], x: float, y: float
) -> None:
    zones = [area(str(n), square(west, south)) for n, (west, south) in enumerate(corners)]
    found = nearest_zone(at(x, y), zones)
    assert found is not None
    assert found[1] == min(each.distance_m(at(x, y)) for each in zones)


def test_the_middle_of_a_zone_centres_its_map() -> None:
    assert area("a", square(0, 0), square(3, 1)).box.centre() == at(2, 1)


COUNTY = Classification(
    area_class=AreaClass.RURAL, method=AreaMethod.COUNTY_CLASS, version="county/1"
)
TOWN = area("town", square(0, 0), area_class=AreaClass.URBAN)
RANCH = area("ranch", square(0.5, 0.5), area_class=AreaClass.RURAL)
FINER = AreaMap(version="tracts/2026", zones=(RANCH, TOWN))


def test_the_county_decides_where_no_finer_polygon_is_loaded() -> None:
    assert classify(at(0.2, 0.2), COUNTY) == COUNTY


def test_the_county_decides_outside_the_finer_polygons_and_for_an_unknown_place() -> None:
    assert classify(at(7, 7), COUNTY, FINER) == COUNTY
    assert classify(None, COUNTY, FINER) == COUNTY


def test_a_finer_polygon_decides_where_it_holds_the_place() -> None:
    assert classify(at(0.2, 0.2), COUNTY, FINER) == Classification(
        area_class=AreaClass.URBAN, method=AreaMethod.POLYGON, version="tracts/2026"
    )
    assert classify(at(1.2, 1.2), COUNTY, FINER).area_class is AreaClass.RURAL


def test_overlapping_polygons_give_the_stricter_class() -> None:
    assert classify(at(0.7, 0.7), COUNTY, FINER).area_class is AreaClass.URBAN


def test_a_zone_without_a_class_says_nothing_of_urban_or_rural() -> None:
    served = AreaMap(version="x", zones=(area("plain", square(0, 0)), RANCH))
    assert classify(at(0.2, 0.2), COUNTY, served) == COUNTY
    assert classify(at(0.7, 0.7), COUNTY, served).area_class is AreaClass.RURAL


def test_the_words_for_class_and_method_are_stable() -> None:
    assert [word.value for word in AreaClass] == ["urban", "rural"]
    assert [word.value for word in AreaMethod] == ["county_class", "polygon"]
