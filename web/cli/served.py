"""Which county a command means: one that the database serves, by name or FIPS code."""

from __future__ import annotations

from crisis.errors import NotFound
from crisis.ids import CountyId
from dispatch.store import administration
from dispatch.store.pool import Database


async def served(database: Database, text: str) -> tuple[CountyId, str]:
    """Return the id and name of a county that this database serves.

    Raises:
        Invalid: it is no county.
        NotFound: ``county_not_served``.
    """
    county = await served_county(database, text)
    return county.county_id, county.name


async def served_county(database: Database, text: str) -> administration.ServedCounty:
    """Return a county that this database serves; raises as ``served`` does."""
    county_id, name = administration.find_county(text)
    for county in await administration.list_counties(database):
        if county.county_id == county_id:
            return county
    raise NotFound("county_not_served", f"{name} is not served here yet; run: county add '{name}'")
