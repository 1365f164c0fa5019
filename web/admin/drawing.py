"""Zones drawn as plane figures over their county's outline, and how large they are.

Decides only shapes and sizes; colours are the style's. Good for a look, not for measuring land.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import cos, radians
from typing import NamedTuple

from geo.point import EARTH_RADIUS_M
from geo.zone import Box, Polygon, Ring, Zone

_WIDE = 400.0
#: Edges shorter than this can't be seen.
_FINEST = 0.5
_M_PER_DEG = radians(1.0) * EARTH_RADIUS_M
_M2_PER_SQ_MILE = 1609.344**2


class Shape(NamedTuple):
    """A zone as an SVG path; ``kind``: urban, rural or unclassed."""

    name: str
    kind: str
    d: str


class Drawing(NamedTuple):
    """A county and its zones as SVG paths in a viewBox."""

    view: str
    county: str
    zones: list[Shape]

    @property
    def kinds(self) -> set[str]:
        """Which kinds of zones there are."""
        return {shape.kind for shape in self.zones}


def kind_of(zone: Zone) -> str:
    """Return what a zone says about the places in it."""
    return zone.area_class.value if zone.area_class else "unclassed"


def draw(county: Zone, zones: Sequence[Zone]) -> Drawing:
    """Return the drawing; rural zones lie under urban ones, whose standard is the stricter."""
    box = county.box
    scale_y = cos(radians(box.centre().lat_deg))
    wide = box.east_deg - box.west_deg
    unit = _WIDE / wide
    high = (box.north_deg - box.south_deg) / scale_y * unit

    def path(polygons: Iterable[Polygon]) -> str:
        rings = (ring for part in polygons for ring in (part.outer, *part.holes))
        return "".join(_path(ring, box, unit, unit / scale_y) for ring in rings)

    order = {"rural": 0, "unclassed": 1, "urban": 2}
    return Drawing(
        view=f"-6 -6 {_WIDE + 12:.0f} {high + 12:.0f}",
        county=path(county.polygons),
        zones=[
            Shape(zone.name, kind_of(zone), path(zone.polygons))
            for zone in sorted(zones, key=lambda one: order[kind_of(one)])
        ],
    )


def _path(ring: Ring, box: Box, unit_x: float, unit_y: float) -> str:
    points: list[tuple[float, float]] = []
    for lon, lat in ring[:-1]:
        x, y = (lon - box.west_deg) * unit_x, (box.north_deg - lat) * unit_y
        if not points or abs(x - points[-1][0]) + abs(y - points[-1][1]) >= _FINEST:
            points.append((x, y))
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def square_miles(zone: Zone) -> float:
    """Return a zone's size, land and water, within 1 %."""
    area = 0.0
    for part in zone.polygons:
        area += abs(_area_m2(part.outer)) - sum(abs(_area_m2(hole)) for hole in part.holes)
    return area / _M2_PER_SQ_MILE


def _area_m2(ring: Ring) -> float:
    lon0, lat0 = ring[0]
    scale = cos(radians(sum(lat for _, lat in ring) / len(ring))) * _M_PER_DEG * _M_PER_DEG
    twice = sum(
        (xa - lon0) * (yb - lat0) - (xb - lon0) * (ya - lat0)
        for (xa, ya), (xb, yb) in pairwise(ring)
    )
    return scale * twice / 2
