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
    scale = cos(radians(bases[0].lat_deg)) * _M_PER_DEG
    areas = _joined(bases, scale)
    teams = _joined(free, scale)
    within = reach * reach
    worth: list[tuple[float, float, float]] = []
    for x, y, based in areas:
        near = sum([n for a, b, n in teams if (a - x) ** 2 + (b - y) ** 2 <= within])
        worth.append((x, y, based * (1.0 - busy) * busy ** (max(near, 1) - 1)))
    total = sum(based for _, _, based in areas)
    return [
        sum([gain for a, b, gain in worth if (a - x) ** 2 + (b - y) ** 2 <= within]) / total
        for x, y in ((p.lon_deg * scale, p.lat_deg * _M_PER_DEG) for p in leaving)
    ]


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
