"""Whether the master key is the one that a database was sealed with, tried before it is used.

Decides on what it is tried: in each county on a few data keys, or on a record of the county's own.
With another key a node could not open what is there, and would seal what is new with a key that
nobody else has. One that opens is enough: a damaged row must not keep a county's service from
starting. Must not know what is sealed.
"""

from __future__ import annotations

from contextlib import suppress

from crisis.errors import Unavailable
from dispatch.run.config import Settings
from dispatch.store import administration
from dispatch.store.pool import County, Database
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load

SQL = load("records")
_REMEDY = (
    "restore your copy of it to {file}, or give the other nodes' key in CRISIS_MASTER_KEY. A new "
    "key opens nothing of what is there."
)


async def master_key_for(settings: Settings, database: Database) -> bytes:
    """Return the master key, made on first use where nothing is sealed yet.

    Raises:
        Unavailable: ``wrong_key``; see ``check_master_key``.
        SettingsError: its file is damaged, or others may read it.
    """
    await check_master_key(settings, database)
    return settings.load_master_key()


async def check_master_key(settings: Settings, database: Database) -> bool:
    """Try the master key on what every county has sealed; makes and changes nothing.

    Returns:
        False if nothing is sealed yet, so that any key would do.

    Raises:
        Unavailable: ``wrong_key``: it isn't the one that sealed the data, or there is none.
        SettingsError: its file is damaged, or others may read it.
    """
    key = settings.find_master_key()
    has_any = False
    for county in await administration.list_counties(database):
        found = await _sealed(database, county.county_id)
        has_any = has_any or bool(found)
        if found and key is None:
            remedy = _REMEDY.format(file=settings.master_key_file)
            raise Unavailable(
                "wrong_key", f"The master key is missing, but private data are sealed: {remedy}"
            )
        if key is not None and found and not _opens_any(CountyKeys(key, county.county_id), found):
            remedy = _REMEDY.format(file=settings.master_key_file)
            raise Unavailable(
                "wrong_key",
                f"The master key isn't the one that sealed the private data of {county.name}: "
                f"{remedy}",
            )
    return has_any


#: A sealed text and the place that it is bound to.
_Sealed = tuple[bytes, str]


async def _sealed(database: Database, county_id: int) -> list[_Sealed]:
    async with database.tx(County(county_id), mode="read") as con:
        keys = await con.fetch(SQL["read_some_keys"], county_id)
        if keys:
            return [(bytes(row["wrapped"]), f"incident_keys/{row['incident_id']}") for row in keys]
        records = await con.fetch(SQL["read_county_record"], county_id)
    return [
        (bytes(row["sealed"]), f"records/{county_id}/{row['record_id']}/{row['version']}")
        for row in records
    ]


def _opens_any(keys: CountyKeys, found: list[_Sealed]) -> bool:
    for sealed, place in found:
        with suppress(Unavailable):
            keys.county.open(sealed, place)
            return True
    return False
