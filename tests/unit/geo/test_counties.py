"""The 58 counties as data."""

from datetime import date

import pytest

from geo.counties import (
    class_editions,
    counties,
    county_class,
    county_of,
    county_zones,
)
from geo.point import Point
from geo.zone import AreaClass, AreaMethod


def test_there_are_58_counties_with_the_population_of_the_census() -> None:
    assert len(counties()) == 58
    assert sum(county.population_2020 for county in counties().values()) == 39_538_223


def test_each_county_has_its_figures_under_its_own_code() -> None:
    assert list(counties()) == sorted(counties())
    for fips, county in counties().items():
        assert county.fips == fips
        assert fips.startswith("06")
        assert len(fips) == 5
        assert county.population_2020 > 0
        assert county.people_per_sq_mi > 0
        assert county.est_encounters_per_day >= 0


def test_the_expected_encounters_share_out_the_states_estimate() -> None:
    per_day = sum(county.est_encounters_per_day for county in counties().values())
    assert per_day == pytest.approx(348_982 / 365, rel=0.005)


def test_outlines_and_figures_name_the_same_counties() -> None:
    assert list(county_zones()) == list(counties())
    for fips, zone in county_zones().items():
        assert zone.name == counties()[fips].name


def test_the_tables_are_read_once_and_can_not_be_changed() -> None:
    assert counties() is counties()
    with pytest.raises(TypeError):
        counties()["06001"] = counties()["06003"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "lat", "lon"),
    [
        ("Los Angeles", 34.0537, -118.2428),
        ("San Francisco", 37.7793, -122.4193),
        ("Alameda", 37.8053, -122.2725),
        ("Sacramento", 38.5816, -121.4944),
        ("Modoc", 41.4871, -120.5424),
        ("Inyo", 36.6060, -118.0628),
        ("Imperial", 32.7920, -115.5631),
        ("Del Norte", 41.7558, -124.2026),
    ],
)
def test_county_seats_lie_in_their_county(name: str, lat: float, lon: float) -> None:
    found = county_of(Point(lat_deg=lat, lon_deg=lon))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("name", "lat", "lon"),
    [
        ("Los Angeles", 33.9950, -118.5200),  # in the bay off Santa Monica
        ("San Francisco", 37.8235, -122.3707),  # Treasure Island, squeezed flat in the outlines
        ("Orange", 33.6549, -118.0057),  # the end of Huntington Beach pier
    ],
)
def test_places_off_the_simplified_coast_go_to_the_nearest_county(
    name: str, lat: float, lon: float
) -> None:
    point = Point(lat_deg=lat, lon_deg=lon)
    assert not any(zone.holds(point) for zone in county_zones().values())
    found = county_of(point)
    assert found is not None
    assert found.name == name


def test_other_states_and_the_open_sea_are_in_no_county() -> None:
    assert county_of(Point(lat_deg=39.5296, lon_deg=-119.8138)) is None  # Reno
    assert county_of(Point(lat_deg=36.0, lon_deg=-124.0)) is None
    assert county_of(Point(lat_deg=33.9950, lon_deg=-118.5200), within_m=1) is None


def test_a_county_is_rural_below_50_people_per_square_mile() -> None:
    for fips, county in counties().items():
        classed = county_class(fips, date(2026, 1, 1))
        expected = AreaClass.RURAL if county.people_per_sq_mi < 50 else AreaClass.URBAN
        assert classed.area_class is expected, county.name
        assert classed.method is AreaMethod.COUNTY_CLASS


def test_editions_say_where_they_come_from_and_name_real_counties() -> None:
    versions = [edition.version for edition in class_editions()]
    assert len(set(versions)) == len(versions)
    for edition in class_editions():
        assert edition.source
        assert edition.rural <= set(counties())


def test_a_class_is_asked_for_by_day_and_county() -> None:
    assert county_class("06003", date(2023, 1, 1)).version == class_editions()[0].version
    with pytest.raises(LookupError, match="2022-12-31"):
        county_class("06003", date(2022, 12, 31))
    with pytest.raises(LookupError, match="32031 is no county of California"):
        county_class("32031", date(2026, 1, 1))
