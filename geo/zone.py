"""Areas on the map, which of them holds a point, and whether it counts as urban or rural.

Polygons are plane figures in degrees, as GeoJSON has them: edges are straight in longitude and
latitude, and none crosses the 180th meridian. Must not know response times: the class of a place
is a word here, what it obliges to is the domain's.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from math import cos, hypot, inf, radians

import msgspec

from geo.point import EARTH_RADIUS_M, Point

#: A closed line of (longitude, latitude) in degrees, GeoJSON's order; first = last.
Ring = tuple[tuple[float, float], ...]

_M_PER_DEG = radians(1.0) * EARTH_RADIUS_M


class AreaClass(StrEnum):
    """What kind of area a place lies in; decides which response standard holds."""

    URBAN = "urban"
    RURAL = "rural"


class AreaMethod(StrEnum):
    """How a place came by its class."""

    COUNTY_CLASS = "county_class"  # the whole county's class
    POLYGON = "polygon"  # a finer polygon that the county has loaded


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """The class of one place, with what it rests on; stored with the incident."""

    area_class: AreaClass
    method: AreaMethod
    #: names the edition of the table or of the polygons, so that a report can be repeated
    version: str


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest upright rectangle around something, degrees; its edges belong to it."""

    south_deg: float
    west_deg: float
    north_deg: float
    east_deg: float

    def holds(self, point: Point) -> bool:
        """Say whether the point lies inside or on the edge."""
        return (
            self.south_deg <= point.lat_deg <= self.north_deg
            and self.west_deg <= point.lon_deg <= self.east_deg
        )

    def centre(self) -> Point:
        """Return the middle, to centre a map on."""
        return Point(
            lat_deg=(self.south_deg + self.north_deg) / 2,
            lon_deg=(self.west_deg + self.east_deg) / 2,
        )


class Polygon(msgspec.Struct, frozen=True, kw_only=True):
    """One outline with holes. Build it with ``polygon``, which checks the rings."""

    outer: Ring
    holes: tuple[Ring, ...] = ()
    box: Box

    def holds(self, point: Point) -> bool:
        """Say whether the point lies inside, by the even-odd rule over all rings.

        A point on a border shared by two polygons is held by exactly one of them.
        """
        if not self.box.holds(point):
            return False
        x, y = point.lon_deg, point.lat_deg
        inside = _crossings_are_odd(self.outer, x, y)
        for hole in self.holes:
            if _crossings_are_odd(hole, x, y):
                inside = not inside
        return inside

    def distance_m(self, point: Point) -> float:
        """Return the metres to the nearest edge, 0 inside.

        Measured on a plane around the point: within 1 % up to some 100 km, ample for choosing the
        nearest of several.
        """
        if self.holds(point):
            return 0.0
        return min(_ring_distance_m(ring, point) for ring in (self.outer, *self.holes))


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A named area of one or several polygons: a county, a service zone, a classed area."""

    #: the county's own id of it; unique within one set of zones
    zone_id: str
    name: str
    polygons: tuple[Polygon, ...]
    box: Box
    #: None = this zone says nothing about urban or rural
    area_class: AreaClass | None = None

    def holds(self, point: Point) -> bool:
        """Say whether one of the polygons holds the point."""
        return self.box.holds(point) and any(polygon.holds(point) for polygon in self.polygons)

    def distance_m(self, point: Point) -> float:
        """Return the metres to the nearest polygon, 0 inside."""
        return min(polygon.distance_m(point) for polygon in self.polygons)


class AreaMap(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of the zones that a county has loaded: classed areas, and those teams serve."""

    #: names the edition: what it was derived from, and when it took effect
    version: str
    zones: tuple[Zone, ...] = ()


def polygon(rings: Sequence[Iterable[tuple[float, float]]]) -> Polygon:
    """Return the polygon of an outer ring and its holes, each (longitude, latitude) degrees.

    Raises:
        ValueError: naming the ring and what is wrong with it: fewer than 4 positions, not closed,
            out of range or not a number, or crossing the 180th meridian.
    """
    if not rings:
        raise ValueError("a polygon needs an outer ring")
    checked = [_checked_ring(tuple(ring), index) for index, ring in enumerate(rings)]
    return Polygon(outer=checked[0], holes=tuple(checked[1:]), box=_ring_box(checked[0]))


def zone(
    *,
    zone_id: str,
    name: str,
    polygons: Sequence[Polygon],
    area_class: AreaClass | None = None,
) -> Zone:
    """Return the zone made of ``polygons``.

    Islets that simplification has squeezed flat are kept: they hold no point, but
    ``nearest_zone`` finds the real islet by them.

    Raises:
        ValueError: no polygons, or none that encloses any area.
    """
    if not polygons:
        raise ValueError("a zone needs at least one polygon")
    if not any(_twice_area(part.outer) for part in polygons):
        raise ValueError("no polygon encloses any area")
    boxes = [part.box for part in polygons]
    box = Box(
        south_deg=min(box.south_deg for box in boxes),
        west_deg=min(box.west_deg for box in boxes),
        north_deg=max(box.north_deg for box in boxes),
        east_deg=max(box.east_deg for box in boxes),
    )
    return Zone(
        zone_id=zone_id, name=name, polygons=tuple(polygons), box=box, area_class=area_class
    )


def zone_of(point: Point, zones: Iterable[Zone]) -> Zone | None:
    """Return the first zone that holds the point; None = none does."""
    return next((zone for zone in zones if zone.holds(point)), None)


def nearest_zone(point: Point, zones: Iterable[Zone]) -> tuple[Zone, float] | None:
    """Return the zone nearest to the point and the metres to it (0 = it holds the point).

    For places off a simplified coast or border: piers, bridges, islets. None = no zones given.
    """
    best: tuple[Zone, float] | None = None
    # Nearest box first: most zones are then out of the question without looking at their edges.
    for bound, _, candidate in sorted(
        (_box_distance_m(zone.box, point), index, zone) for index, zone in enumerate(zones)
    ):
        if best is not None and bound > best[1]:
            break
        distance = candidate.distance_m(point)
        if best is None or distance < best[1]:
            best = (candidate, distance)
        if distance == 0.0:
            break
    return best


def classify(
    point: Point | None,
    county_default: Classification,
    finer_zones: AreaMap | None = None,
) -> Classification:
    """Return the class of a place: by the finer polygon that holds it, else its county's.

    Where polygons of both classes overlap the place is urban, the stricter standard. Zones without
    a class say nothing here.
    ``point``: None = place not known yet, so that only the county's class can be given.
    """
    if point is None or finer_zones is None:
        return county_default
    classed = (zone for zone in finer_zones.zones if zone.area_class is not None)
    classes = {zone.area_class for zone in classed if zone.holds(point)}
    if not classes:
        return county_default
    return Classification(
        area_class=AreaClass.URBAN if AreaClass.URBAN in classes else AreaClass.RURAL,
        method=AreaMethod.POLYGON,
        version=finer_zones.version,
    )


def _checked_ring(ring: Ring, index: int) -> Ring:
    name = "the outer ring" if index == 0 else f"hole {index}"
    if len(ring) < 4:
        raise ValueError(f"{name} has {len(ring)} positions, needs at least 4")
    for lon, lat in ring:
        if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
            raise ValueError(
                f"{name} has the position [{lon}, {lat}]; longitude -180 to 180 comes first, "
                "then latitude -90 to 90"
            )
    if ring[0] != ring[-1]:
        raise ValueError(f"{name} is open: its last position must repeat its first")
    if any(abs(a[0] - b[0]) > 180.0 for a, b in pairwise(ring)):
        raise ValueError(f"{name} crosses the 180th meridian; split it there")
    return ring


def _twice_area(ring: Ring) -> float:
    # Relative to the first vertex, so that small rings far from 0, 0 don't drown in rounding.
    x0, y0 = ring[0]
    return sum(
        (xa - x0) * (yb - y0) - (xb - x0) * (ya - y0) for (xa, ya), (xb, yb) in pairwise(ring)
    )


def _ring_box(ring: Ring) -> Box:
    lons = [lon for lon, _ in ring]
    lats = [lat for _, lat in ring]
    return Box(south_deg=min(lats), west_deg=min(lons), north_deg=max(lats), east_deg=max(lons))


def _crossings_are_odd(ring: Ring, x: float, y: float) -> bool:
    """Count the edges that a ray from (x, y) to the east crosses."""
    odd = False
    x_a, y_a = ring[0]
    for x_b, y_b in ring:
        # Half-open: a vertex belongs to the edge above it, so that no crossing counts twice.
        if (y_a > y) != (y_b > y):
            # From the lower end always, so that two neighbours that share this edge, in opposite
            # directions, round alike: else a point on the border might be in both or in neither.
            if y_a < y_b:
                crossing = x_a + (y - y_a) / (y_b - y_a) * (x_b - x_a)
            else:
                crossing = x_b + (y - y_b) / (y_a - y_b) * (x_a - x_b)
            if x < crossing:
                odd = not odd
        x_a, y_a = x_b, y_b
    return odd


def _ring_distance_m(ring: Ring, point: Point) -> float:
    """Return the metres to the nearest edge, on a plane that touches the earth at the point."""
    x_scale = _M_PER_DEG * cos(radians(point.lat_deg))
    x_point, y_point = point.lon_deg, point.lat_deg
    best = inf
    x_a, y_a = (ring[0][0] - x_point) * x_scale, (ring[0][1] - y_point) * _M_PER_DEG
    for lon, lat in ring[1:]:
        x_b, y_b = (lon - x_point) * x_scale, (lat - y_point) * _M_PER_DEG
        d_x, d_y = x_b - x_a, y_b - y_a
        squared = d_x * d_x + d_y * d_y
        along = 0.0 if squared == 0.0 else -(x_a * d_x + y_a * d_y) / squared
        along = min(1.0, max(0.0, along))
        best = min(best, hypot(x_a + along * d_x, y_a + along * d_y))
        x_a, y_a = x_b, y_b
    return best


def _box_distance_m(box: Box, point: Point) -> float:
    """Return a lower bound of the plane distance from the point to anything in the box."""
    d_lon = max(box.west_deg - point.lon_deg, 0.0, point.lon_deg - box.east_deg)
    d_lat = max(box.south_deg - point.lat_deg, 0.0, point.lat_deg - box.north_deg)
    return hypot(d_lon * _M_PER_DEG * cos(radians(point.lat_deg)), d_lat * _M_PER_DEG)
