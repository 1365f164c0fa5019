"""Whether a place can be meant: somewhere that a county's teams, or its neighbours', could ever go.

Decides that a point far outside the state is a slip, and which other point was probably typed: a
minus sign left out, latitude and longitude changed round. A place in another county is told, not
refused: who is nearest goes. Must not know roads or teams.
"""

from __future__ import annotations

from collections.abc import Iterator

from crisis.errors import Invalid
from crisis.ids import CountyId
from geo.counties import county_of, county_zones
from geo.point import Point
from geo.zone import nearest_zone

#: Metres off the state's outline from where nobody of any county can come.
_BEYOND_M = 50_000.0


def require_in_reach(county_id: CountyId, point: Point) -> None:
    """Refuse a point that no county's team can be meant to go to.

    Raises:
        Invalid: ``place_out_of_reach``; ``near`` is the point that was probably meant.
    """
    if county_of(point, within_m=_BEYOND_M) is not None:
        return
    near = next((one for one in _meant(point) if _is_own(county_id, one)), None)
    hint = "" if near is None else f" Did you mean {near.lat_deg:g}, {near.lon_deg:g}?"
    raise Invalid(
        "place_out_of_reach",
        f"That point lies far outside the state, where no team can go.{hint}",
        near=None if near is None else {"lat_deg": near.lat_deg, "lon_deg": near.lon_deg},
    )


def county_elsewhere(county_id: CountyId, point: Point) -> str | None:
    """Return the name of the county that holds a point; ``None`` = this one, or none known."""
    if _is_own(county_id, point):
        return None
    found = county_of(point)
    return None if found is None else found.name


def _is_own(county_id: CountyId, point: Point) -> bool:
    """Whether the county holds the point; a county whose outline we lack holds every one."""
    zone = county_zones().get(f"{county_id:05d}")
    return zone is None or nearest_zone(point, [zone]) == (zone, 0.0)


def _meant(point: Point) -> Iterator[Point]:
    """Yield the points that may have been meant."""
    lat, lon = point.lat_deg, point.lon_deg
    signs = ((lat, -lon), (-lat, lon), (-lat, -lon))
    for here, there in (*signs, (lon, lat), (lon, -lat), (-lon, lat)):
        if -90 <= here <= 90:
            yield Point(lat_deg=here, lon_deg=there)
