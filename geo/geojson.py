"""Reads zones out of GeoJSON (RFC 7946), and says clearly what is wrong with a file.

Takes Polygon, MultiPolygon, Feature and FeatureCollection. Must not know what the zones are for.
"""

from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec

from geo.zone import AreaClass, Polygon, Zone, polygon, zone

# A position may carry an altitude and more behind longitude and latitude; those are ignored.
_Position = Annotated[list[float], msgspec.Meta(min_length=2)]
_Rings = list[list[_Position]]


class GeoJsonError(ValueError):
    """The text is no GeoJSON that zones can be read from; the message says where and why."""


class _Polygon(msgspec.Struct, tag_field="type", tag="Polygon"):
    coordinates: _Rings


class _MultiPolygon(msgspec.Struct, tag_field="type", tag="MultiPolygon"):
    coordinates: list[_Rings]


class _Properties(msgspec.Struct):
    id: str | int | None = None
    name: str | None = None
    area_class: AreaClass | None = None


class _Feature(msgspec.Struct, tag_field="type", tag="Feature"):
    geometry: _Polygon | _MultiPolygon
    id: str | int | None = None
    properties: _Properties | None = None


class _FeatureCollection(msgspec.Struct, tag_field="type", tag="FeatureCollection"):
    features: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(_Polygon | _MultiPolygon | _Feature | _FeatureCollection)
_FEATURE = msgspec.json.Decoder(_Feature)


def parse_zones(
    data: bytes | str, between: Callable[[], object] = lambda: None
) -> tuple[Zone, ...]:
    """Return the zones of a GeoJSON text, in its order.

    Args:
        between: called between two features, each of which is read by itself: so that a long text
            keeps nobody waiting. What it raises ends the reading.

    A feature's ``id`` (or ``properties.id``), ``properties.name`` and ``properties.area_class``
    (``urban`` or ``rural``) are kept; a missing id is the feature's number from 1, a missing name
    its id. A bare geometry is one zone with the id ``1``.

    Raises:
        GeoJsonError: malformed JSON (NaN included), another kind of geometry, a ring that is open,
            too short or out of range, a zone without area, an id used twice, or no zones at all.
    """
    try:
        document = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GeoJsonError(f"not usable GeoJSON: {error}") from error
    zones: dict[str, Zone] = {}
    for number, feature in enumerate(_features(document), start=1):
        between()
        built = _zone(feature, number)
        if built.zone_id in zones:
            raise GeoJsonError(f"feature {number}: the id {built.zone_id!r} occurs twice")
        zones[built.zone_id] = built
    if not zones:
        raise GeoJsonError("the collection has no features")
    return tuple(zones.values())


def _features(
    document: _Polygon | _MultiPolygon | _Feature | _FeatureCollection,
) -> Iterator[_Feature]:
    match document:
        case _FeatureCollection():
            for place, raw in enumerate(document.features):
                try:
                    yield _FEATURE.decode(raw)
                except (msgspec.DecodeError, RecursionError) as error:
                    # Named by its place in the whole, not in the part that was read.
                    fault = str(error).replace("`$", f"`$.features[{place}]")
                    raise GeoJsonError(f"not usable GeoJSON: {fault}") from error
        case _Feature():
            yield document
        case _Polygon() | _MultiPolygon():
            yield _Feature(geometry=document)


def _zone(feature: _Feature, number: int) -> Zone:
    properties = feature.properties or _Properties()
    own_id = feature.id if feature.id is not None else properties.id
    zone_id = str(own_id if own_id is not None else number)
    try:
        return zone(
            zone_id=zone_id,
            name=properties.name or zone_id,
            polygons=[_polygon(rings) for rings in _parts(feature.geometry)],
            area_class=properties.area_class,
        )
    except ValueError as error:
        raise GeoJsonError(f"feature {number} ({zone_id}): {error}") from error


def _parts(geometry: _Polygon | _MultiPolygon) -> list[_Rings]:
    return [geometry.coordinates] if isinstance(geometry, _Polygon) else geometry.coordinates


def _polygon(rings: _Rings) -> Polygon:
    return polygon([[(position[0], position[1]) for position in ring] for ring in rings])
