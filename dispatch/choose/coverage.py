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

from datetime import UTC, datetime
from functools import lru_cache
from math import cos, nan, radians, sqrt
from typing import NamedTuple

import numpy as np

from geo.point import EARTH_RADIUS_M, Floats, Point, Points
from geo.travel import CalibratedEstimate, EstimateParameters, drive

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
        if drive(model, there, _ORIGIN, _ANY_TIME).eta_s <= within_s:
            near = middle
        else:
            far = middle
    return near


def losses(
    leaving: Points, free: Points, bases: Points, *, reach: float, busy: float
) -> list[float]:
    """Return for each team of ``leaving`` the share (0..1) of coverage that its leaving costs.

    Args:
        leaving: where they stand; each of them is among ``free``, too.
        free: where all free teams stand.
        bases: base of each team of the county, on shift or not.
        reach: metres within which a team covers an area.
        busy: chance that a team is busy, above 0 and below 1.
    """
    if not len(bases):
        return [0.0] * len(leaving)
    areas = _areas(bases.lat_deg.tobytes(), bases.lon_deg.tobytes())
    standing = _joined(*_plane(free, areas.scale))
    near = standing.teams @ _covered(standing, areas, reach)
    worth = areas.teams * (1.0 - busy) * busy ** (np.maximum(near, 1.0) - 1.0)
    x, y = _plane(leaving, areas.scale)
    lost = _covered(_Spots(x, y, np.ones(len(x)), areas.scale), areas, reach) * worth
    # Summed row by row, and not by a product: equal teams must lose equally to the last bit.
    shares: list[float] = (lost.sum(axis=1) / areas.teams.sum()).tolist()
    return shares


class _Spots(NamedTuple):
    """Places on a plane in metres, and how many teams each stands for."""

    x: Floats
    y: Floats
    teams: Floats
    scale: float = nan


def _plane(points: Points, scale: float) -> tuple[Floats, Floats]:
    return points.lon_deg * scale, points.lat_deg * _M_PER_DEG


@lru_cache(maxsize=128)
def _areas(lat_deg: bytes, lon_deg: bytes) -> _Spots:
    """Return the areas of a county whose bases have these coordinates."""
    bases = Points(np.frombuffer(lat_deg), np.frombuffer(lon_deg))
    scale = cos(radians(float(bases.lat_deg[0]))) * _M_PER_DEG
    return _joined(*_plane(bases, scale))._replace(scale=scale)


def _covered(spots: _Spots, areas: _Spots, reach: float) -> Floats:
    """Return for each of ``spots`` (rows) 1 for each area (columns) within reach of it, else 0."""
    east, north = spots.x[:, None] - areas.x, spots.y[:, None] - areas.y
    return (east * east + north * north <= reach * reach).astype(np.float64)


def _joined(x: Floats, y: Floats) -> _Spots:
    """Return where teams stand.

    Exact up to ``MOST_PLACES`` points; more are joined by squares of a grid of about as many.
    """
    if len(x) <= MOST_PLACES:
        return _Spots(x, y, np.ones(len(x)))
    west, south = float(x.min()), float(y.min())
    wide, high = float(x.max()) - west, float(y.max()) - south
    side = max(_LEAST_SIDE_M, sqrt(wide * high / MOST_PLACES), max(wide, high) / MOST_PLACES)
    columns = int(wide / side) + 1
    column, row = ((x - west) / side).astype(np.intp), ((y - south) / side).astype(np.intp)
    counts = np.bincount(row * columns + column)
    held = np.flatnonzero(counts)
    below, along = np.divmod(held.astype(np.float64), columns)
    return _Spots(
        west + (along + 0.5) * side,
        south + (below + 0.5) * side,
        counts[held].astype(np.float64),
    )
