"""What a county loses in coverage when a team leaves: the bounded tie-break's measure.

After Daskin's expected coverage (MEXCLP, 1983) in the form that dispatch uses it (DMEXCLP;
Jagtenberg, Bhulai, van der Mei 2017). An area that ``k`` free teams can reach loses, when one of
them leaves, ``(1 - q) * q ** (k - 1)`` of its expected coverage, ``q`` being the chance that a team
is busy. Areas are where the county bases its teams, weighted by how many are based there: its own
word on where help is needed. Chosen alone, this rule makes the average wait a third longer; used
only between teams that are nearly as fast, it keeps about half of the gain at next to no cost.
Must not know incidents or people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import cos, radians, sqrt
from struct import unpack

from geo.point import EARTH_RADIUS_M, Point
from geo.travel import CalibratedEstimate, EstimateParameters

_M_PER_DEG = radians(1.0) * EARTH_RADIUS_M
#: More places than this are joined by squares: exact for a county's usual fleet, bounded for any.
MOST_PLACES = 64
_LEAST_SIDE_M = 1_000.0
#: No drive covers more, whatever the parameters: half the length of California.
_FARTHEST_M = 600_000.0
_ORIGIN = Point(lat_deg=0.0, lon_deg=0.0)
#: The estimate knows no traffic.
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def busy_share(busy: int, on_duty: int) -> float:
    """Return the chance that a team is busy, from how many are: never quite 0 or 1."""
    return (busy + 1) / (on_duty + 2)


@lru_cache(maxsize=64)
def reach_m(parameters: EstimateParameters, within_s: float) -> float:
    """Return the great-circle metres from which a team arrives within ``within_s`` seconds."""
    model = CalibratedEstimate(parameters)
    near, far = 0.0, _FARTHEST_M
    for _ in range(30):
        middle = (near + far) / 2
        there = Point(lat_deg=middle / _M_PER_DEG, lon_deg=0.0)
        if model.many_to_one([there], _ORIGIN, _ANY_TIME)[0].eta_s <= within_s:
            near = middle
        else:
            far = middle
    return near


def losses(
    leaving: Sequence[Point],
    free: Sequence[Point],
    bases: Sequence[Point],
    *,
    reach: float,
    busy: float,
) -> list[float]:
    """Return for each team of ``leaving`` the share (0..1) of coverage that its leaving costs.

    Args:
        leaving: where they stand; each of them is among ``free``, too.
        free: where all free teams stand.
        bases: base of each team of the county, on shift or not.
        reach: metres within which a team covers an area.
        busy: chance that a team is busy, above 0 and below 1.
    """
    if not bases or not leaving:
        return [0.0] * len(leaving)
    areas = _areas(tuple(bases))
    near = areas.near(_joined(free, areas.scale), reach)
    worth = [
        based * (1.0 - busy) * busy ** (max(count, 1) - 1)
        for (_, _, based), count in zip(areas.spots, near, strict=True)
    ]
    total = areas.total
    return [
        sum([worth[index] for index in areas.covered(x, y, reach)[0]]) / total
        for x, y in ((p.lon_deg * areas.scale, p.lat_deg * _M_PER_DEG) for p in leaving)
    ]


class _Areas:
    """A county's areas, and which of them a spot covers, for all that was asked lately.

    Who covers what is told in one number of ``_LANE_BYTES`` for each area, 1 where the area is
    covered: adding up such numbers counts for all areas at once.
    """

    __slots__ = ("_covered", "scale", "spots", "total")

    def __init__(self, bases: Sequence[Point]) -> None:
        self.scale = cos(radians(bases[0].lat_deg)) * _M_PER_DEG
        self.spots = _joined(bases, self.scale)
        self.total = sum(based for _, _, based in self.spots)
        self._covered: dict[tuple[float, float, float], tuple[list[int], int]] = {}

    def covered(self, x: float, y: float, reach: float) -> tuple[list[int], int]:
        """Return the places of the areas within reach of a spot, in order, and as one number."""
        key = (x, y, reach)
        found = self._covered.get(key)
        if found is None:
            if len(self._covered) >= _MOST_REMEMBERED:
                self._covered.clear()
            within = reach * reach
            indexes = [
                index
                for index, (a, b, _) in enumerate(self.spots)
                if (east := a - x) * east + (north := b - y) * north <= within
            ]
            lanes = bytearray(len(self.spots) * _LANE_BYTES)
            for index in indexes:
                lanes[index * _LANE_BYTES] = 1
            found = self._covered[key] = (indexes, int.from_bytes(lanes, "little"))
        return found

    def near(self, teams: Sequence[tuple[float, float, int]], reach: float) -> Sequence[int]:
        """Return for each area how many teams have it within reach."""
        covered = self.covered
        counts = sum([n * covered(x, y, reach)[1] for x, y, n in teams])
        lanes = counts.to_bytes(len(self.spots) * _LANE_BYTES, "little")
        return unpack(f"<{len(self.spots)}I", lanes)


#: Enough for more teams than there will ever be: a lane never runs over into the next.
_LANE_BYTES = 4
#: Spots of which it is remembered what they cover; teams move.
_MOST_REMEMBERED = 4_096


@lru_cache(maxsize=128)
def _areas(bases: tuple[Point, ...]) -> _Areas:
    return _Areas(bases)


def _joined(points: Sequence[Point], scale: float) -> list[tuple[float, float, int]]:
    """Return the points as spots on a plane (x, y in metres) with how many stand there.

    Exact up to ``MOST_PLACES`` points; more are joined by squares of a grid of about as many.
    """
    xs = [p.lon_deg * scale for p in points]
    ys = [p.lat_deg * _M_PER_DEG for p in points]
    if len(points) <= MOST_PLACES:
        return [(x, y, n) for (x, y), n in Counter(zip(xs, ys, strict=True)).items()]
    west, south = min(xs), min(ys)
    wide, high = max(xs) - west, max(ys) - south
    side = max(_LEAST_SIDE_M, sqrt(wide * high / MOST_PLACES), max(wide, high) / MOST_PLACES)
    squares = Counter(
        [(int((x - west) / side), int((y - south) / side)) for x, y in zip(xs, ys, strict=True)]
    )
    return [
        (west + (column + 0.5) * side, south + (row + 0.5) * side, n)
        for (column, row), n in squares.items()
    ]
