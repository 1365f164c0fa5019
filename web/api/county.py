"""Where the county lies: what a map needs that takes nothing from outside.

Nothing here changes while the service runs, and nothing of it is private.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from starlette.responses import Response

from crisis.errors import NotFound
from geo.counties import counties, county_zones
from web.api.routes import Asked, Rows
from web.api.wire import answer

#: Longitude, latitude; degrees.
Position = tuple[float, float]


class Outline(Struct, frozen=True, kw_only=True):
    """A GeoJSON MultiPolygon: of each part its outer ring, then its holes."""

    type: Literal["MultiPolygon"]
    coordinates: list[list[list[Position]]]


class CountyMap(Struct, frozen=True, kw_only=True):
    """A county's place on the map.

    Attributes:
        fips: the state's and the county's code, as in ``6067``.
        bounds: west, south, east, north; degrees.
    """

    fips: int
    name: str
    bounds: tuple[float, float, float, float]
    outline: Outline


OPERATIONS = Rows("board")


@OPERATIONS.get("/county", answer=CountyMap, needs="view:board")
async def read_county(asked: Asked) -> Response:
    """The county's name and outline, simplified: for a map, not for a border."""
    _ = asked.actor
    code = f"{asked.county_id:05}"
    zone = county_zones().get(code)
    if zone is None:
        raise NotFound("unknown_county", "There is no map of this county.")
    box = zone.box
    parts = [
        [[(x, y) for x, y in ring] for ring in (part.outer, *part.holes)] for part in zone.polygons
    ]
    return answer(
        CountyMap(
            fips=asked.county_id,
            name=counties()[code].name,
            bounds=(box.west_deg, box.south_deg, box.east_deg, box.north_deg),
            outline=Outline(type="MultiPolygon", coordinates=parts),
        )
    )
