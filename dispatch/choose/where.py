"""Where each team of a fleet is taken to be: at a fix that is fresh enough, parked, or at its base.

Must not know incidents, or why it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan

import numpy as np

from crisis.ids import TeamId
from crisis.offer import LocatedBy
from crisis.policy import FixPolicy
from dispatch.choose.fleet import Fleet, Rows
from geo.fix import Fix
from geo.point import Floats, Points

#: Below this a team stands: its phone reports seldom, and its fix stays good for longer.
STANDING_MPS = 1.0

_FIX, _LAST_FIX, _BASE = range(3)
_BY = (LocatedBy.FIX, LocatedBy.LAST_FIX, LocatedBy.BASE)


@dataclass(frozen=True, slots=True)
class Where:
    """A fleet's places, by row.

    Attributes:
        points: NaN = not known.
        fix_age_s: of each team's newest fix, used or not; ``None`` = there is none.
    """

    points: Points
    fix_age_s: Sequence[float | None]
    _by: Rows

    def by(self, rows: Rows) -> list[LocatedBy]:
        """Return what the points of these rows rest on."""
        return [_BY[number] for number in self._by[rows].tolist()]


def located(fleet: Fleet, fixes: Mapping[TeamId, Fix], policy: FixPolicy, now: datetime) -> Where:
    """Return where the teams are, by their newest believed fixes."""
    # Few passes over thousands of fixes, each as plain as it can be: this is half of a ranking.
    found = [*map(fixes.get, fleet.ids)]
    held = [fix for fix in found if fix is not None]
    rows: Rows | slice = slice(None)
    if len(held) < len(found):
        rows = np.array([row for row, fix in enumerate(found) if fix is not None], np.intp)

    def column(values: list[float] | list[float | None]) -> Floats:
        among = np.full(len(found), nan)
        among[rows] = np.array(values, np.float64)
        return among

    age = np.maximum(column([(now - fix.fixed_at).total_seconds() for fix in held]), 0.0)
    # Without a speed it says nothing of standing: NaN is not below anything.
    stands = column([fix.speed_mps for fix in held]) < STANDING_MPS
    lat = column([fix.point.lat_deg for fix in held])
    lon = column([fix.point.lon_deg for fix in held])
    is_fresh = age <= np.where(stands, policy.stale_standing_after_s, policy.stale_after_s)
    by = np.where(is_fresh, _FIX, _BASE)
    # Parked: a phone with its screen locked says nothing more.
    for row in np.flatnonzero(stands & ~is_fresh).tolist():
        fix, ran_at = found[row], fleet.teams[row].ran_at
        if fix is not None and not (ran_at is not None and ran_at > fix.fixed_at):
            by[row] = _LAST_FIX
    at_base = by == _BASE
    bases = fleet.bases if policy.base_when_stale else Points.nowhere(len(fleet.ids))
    points = Points(
        np.where(at_base, bases.lat_deg, lat),
        np.where(at_base, bases.lon_deg, lon),
    )
    ages: list[float | None] = age.tolist()
    if len(held) < len(found):
        ages = [None if fix is None else one for fix, one in zip(found, ages, strict=True)]
    return Where(points, ages, by)
