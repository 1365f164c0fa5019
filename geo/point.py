"""A point on the earth, and how far two points are from each other.

Two distances: ``geodesic_m`` (geopy, exact to the millimetre, about 100 microseconds) for whatever
is shown or stored, and ``haversine_m`` (a sphere, below one microsecond; ``distances_m`` for many
at once) for ranking thousands of points. Must not know what stands at a point.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import asin, cos, floor, radians, sin, sqrt
from typing import Annotated

import msgspec
import numpy as np
from geopy.distance import geodesic
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Mean radius of the earth in metres (IUGG R1), the sphere that ``haversine_m`` measures on.
EARTH_RADIUS_M = 6_371_008.8

#: Bound of ``abs(haversine_m - geodesic_m) / geodesic_m`` anywhere on earth. The sphere is at most
#: 0.56 % too long (along a meridian at the equator) and 0.45 % too short (at the poles).
SPHERE_ERROR = 0.006

#: Cells of ``coarse``: each is 1.1 km north-south, 0.9 km east-west at 37 degrees.
_CELLS_PER_DEG = 100
_DIAMETER_M = 2 * EARTH_RADIUS_M

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90, description="degrees north, WGS 84")]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180, description="degrees east, WGS 84")]


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point in WGS 84 degrees.

    Raises:
        ValueError: on construction, when a coordinate is out of range, infinite or not a number.
            (On decoding this is a ``msgspec.ValidationError``, which is a ``ValueError`` too.)
    """

    #: degrees north, -90..90
    lat_deg: Latitude
    #: degrees east, -180..180
    lon_deg: Longitude

    def __post_init__(self) -> None:
        # Chained comparisons are false for NaN, so that one test covers range, NaN and infinity.
        if not -90.0 <= self.lat_deg <= 90.0:
            raise ValueError("latitude must be a number from -90 to 90")
        if not -180.0 <= self.lon_deg <= 180.0:
            raise ValueError("longitude must be a number from -180 to 180")


def geodesic_m(a: Point, b: Point) -> float:
    """Return the distance over the WGS 84 ellipsoid, in metres; exact, about 100 microseconds."""
    return float(geodesic((a.lat_deg, a.lon_deg), (b.lat_deg, b.lon_deg)).m)


def haversine_m(a: Point, b: Point) -> float:
    """Return the great-circle distance in metres; within ``SPHERE_ERROR`` of ``geodesic_m``."""
    lat_a = radians(a.lat_deg)
    lat_b = radians(b.lat_deg)
    across = sin((lat_b - lat_a) / 2)
    along = sin(radians(b.lon_deg - a.lon_deg) / 2)
    h = across * across + cos(lat_a) * cos(lat_b) * along * along
    # Rounding may lift antipodes a hair above 1, where asin has no value.
    return _DIAMETER_M * asin(sqrt(h) if h < 1.0 else 1.0)


@dataclass(frozen=True, slots=True)
class Points:
    """Many points in columns, for one calculation over all of them; NaN = no point there."""

    lat_deg: Floats
    lon_deg: Floats

    @classmethod
    def of(cls, points: Collection[Point]) -> Points:
        """Return points in columns, in their order."""
        return cls(
            np.array([point.lat_deg for point in points], np.float64),
            np.array([point.lon_deg for point in points], np.float64),
        )

    @classmethod
    def nowhere(cls, how_many: int) -> Points:
        """Return so many places without a point."""
        return cls(np.full(how_many, np.nan), np.full(how_many, np.nan))

    def __len__(self) -> int:
        return len(self.lat_deg)

    def at(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Points:
        """Return those in ``rows``, in that order."""
        return Points(self.lat_deg[rows], self.lon_deg[rows])


def distances_m(origin: Point, points: Points) -> Floats:
    """Return ``haversine_m(origin, p)`` for each of ``points``; some 30 nanoseconds for each."""
    lat = np.radians(points.lat_deg)
    across = np.sin((lat - radians(origin.lat_deg)) / 2)
    along = np.sin(np.radians(points.lon_deg - origin.lon_deg) / 2)
    h = across * across + cos(radians(origin.lat_deg)) * np.cos(lat) * along * along
    metres: Floats = _DIAMETER_M * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    return metres


def coarse(point: Point) -> Point:
    """Return the centre of the cell of about 1 km that holds ``point``.

    Stands in for the exact point wherever that must not appear (erased incidents, live frames,
    reports). Many points share one cell, and ``coarse(coarse(p)) == coarse(p)``.
    """
    return Point(
        lat_deg=_cell_centre(point.lat_deg, 90),
        lon_deg=_cell_centre(point.lon_deg, 180),
    )


def _cell_centre(value: float, limit: int) -> float:
    # The upper edge of the world belongs to the last cell, or its centre would lie outside.
    cell = min(floor(value * _CELLS_PER_DEG), limit * _CELLS_PER_DEG - 1)
    return round((cell + 0.5) / _CELLS_PER_DEG, 3)
