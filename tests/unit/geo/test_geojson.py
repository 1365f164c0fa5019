"""Zones out of GeoJSON."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.geojson import GeoJsonError, parse_zones
from geo.point import Point
from geo.zone import AreaClass

RING = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [0.0, 0.0]]
HOLE = [[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5], [0.5, 0.5]]
FAR = [[8.0, 8.0], [9.0, 8.0], [9.0, 9.0], [8.0, 8.0]]


def text(document: object) -> bytes:
    return msgspec.json.encode(document)


def polygon_of(*rings: object) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry: object, **members: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": geometry, "properties": None, **members}


def collection(*features: object) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": list(features)}


def test_a_bare_polygon_is_one_zone_with_its_hole() -> None:
    (zone,) = parse_zones(text(polygon_of(RING, HOLE)))
    assert zone.zone_id == zone.name == "1"
    assert zone.holds(Point(lat_deg=0.2, lon_deg=0.2))
    assert not zone.holds(Point(lat_deg=1, lon_deg=1))


def test_a_multipolygon_is_one_zone_of_several_parts() -> None:
    (zone,) = parse_zones(text({"type": "MultiPolygon", "coordinates": [[RING], [FAR]]}))
    assert zone.holds(Point(lat_deg=1, lon_deg=1))
    assert zone.holds(Point(lat_deg=8.2, lon_deg=8.8))


def test_a_features_id_name_and_class_are_kept() -> None:
    properties = {"name": "Old town", "area_class": "urban", "colour": [1, 2]}
    (zone,) = parse_zones(text(feature(polygon_of(RING), id=17, properties=properties)))
    assert (zone.zone_id, zone.name, zone.area_class) == ("17", "Old town", AreaClass.URBAN)


def test_features_without_an_id_are_numbered() -> None:
    zones = parse_zones(
        text(
            collection(
                feature(polygon_of(RING)),
                feature(polygon_of(FAR), properties={"id": "b", "name": "Far"}),
            )
        )
    )
    assert [(zone.zone_id, zone.name) for zone in zones] == [("1", "1"), ("b", "Far")]


def test_longitude_comes_first_and_an_altitude_is_ignored() -> None:
    ring = [[-122.0, 37.0, 12.0], [-121.0, 37.0, 9.5], [-121.0, 38.0], [-122.0, 37.0, 12.0]]
    (zone,) = parse_zones(text(polygon_of([[p[0], p[1], 5.0] for p in ring])))
    assert zone.holds(Point(lat_deg=37.3, lon_deg=-121.3))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not usable GeoJSON"),
        (b"\xff\xfe", "not usable GeoJSON"),
        (b'{"type":"Polygon","x":' + b"[" * 2_000, "not usable GeoJSON"),
        (b'{"type":"Polygon","coordinates":[[[NaN,0],[1,0],[1,1],[0,0]]]}', "malformed"),
        (text({"type": "Point", "coordinates": [0, 0]}), "Invalid value 'Point'"),
        (text({"coordinates": []}), "missing required field `type`"),
        (text(feature(None)), r"\$\.geometry"),
        (text(polygon_of([[0, 0], [1], [1, 1], [0, 0]])), r"length >= 2.*coordinates\[0\]\[1\]"),
        (text(polygon_of([[0, 0], ["1", 0], [1, 1], [0, 0]])), "Expected `float`, got `str`"),
        (text(polygon_of()), "feature 1.*needs an outer ring"),
        (text(polygon_of(RING[:4])), "feature 1.*the outer ring is open"),
        (text(polygon_of(RING, HOLE[:4])), "feature 1.*hole 1 is open"),
        (text(polygon_of(RING[:2])), "needs at least 4"),
        (text(polygon_of([[37, -122], [38, -122], [38, -121], [37, -122]])), "comes first"),
        (text({"type": "MultiPolygon", "coordinates": []}), "at least one polygon"),
        (text(polygon_of([[0, 0], [1, 1], [2, 2], [0, 0]])), "encloses any area"),
        (text(collection()), "no features"),
        (
            text(collection(*[feature(polygon_of(RING), id="x")] * 2)),
            "feature 2: the id 'x' occurs twice",
        ),
        (
            text(feature(polygon_of(RING), properties={"area_class": "suburban"})),
            "Invalid enum value 'suburban'.*area_class",
        ),
    ],
)
def test_a_file_that_is_no_use_is_refused_with_the_place_and_the_fault(
    data: bytes, complaint: str
) -> None:
    with pytest.raises(GeoJsonError, match=complaint):
        parse_zones(data)


corner = st.tuples(st.floats(min_value=-80, max_value=79), st.floats(min_value=-80, max_value=79))


@given(st.lists(corner, min_size=1, max_size=5), st.sampled_from([None, *AreaClass]))
def test_zones_survive_being_written_as_geojson(
    corners: list[tuple[float, float]], area_class: AreaClass | None
) -> None:
    def ring(west: float, south: float) -> list[list[float]]:
        east, north = west + 1, south + 1
        return [[west, south], [east, south], [east, north], [west, north], [west, south]]

    written = collection(
        *(
            feature(polygon_of(ring(*corner)), id=f"z{n}", properties={"area_class": area_class})
            for n, corner in enumerate(corners)
        )
    )
    zones = parse_zones(text(written))
    read = collection(
        *(
            feature(
                polygon_of(*([list(p) for p in part.outer] for part in zone.polygons)),
                id=zone.zone_id,
                properties={"area_class": zone.area_class},
            )
            for zone in zones
        )
    )
    assert text(read) == text(written)
