"""What administrators set up before anybody dispatches: counties, agencies, policies and editions.

Decides what each of them must look like in the database. Teams, people and shifts are no part of
it: they are commands. Running nodes take over policies and editions of zones, standards and code
sets within seconds, and serve a county that was added from its first command on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

import msgspec

from crisis.clock import Clock, DomainClock, county_instant
from crisis.codes import packaged as packaged_codes
from crisis.editions import (
    CodesEdition,
    Edition,
    EditionKind,
    check_codes,
    check_standards,
    day_of,
    in_force,
    merged_codes,
)
from crisis.errors import Conflict, Invalid, Unavailable
from crisis.ids import AgencyId, CountyId, UserId
from crisis.policy import CountyPolicy, from_stored, to_mapping
from crisis.shapes import Value
from crisis.standards import Standards
from crisis.standards import packaged as packaged_standards
from dispatch.beside import BESIDE, Work, breathe
from dispatch.store.migrate import is_simulated
from dispatch.store.pool import Connection, County, Database, Record, Worker
from dispatch.store.sql import load
from geo.counties import counties, county_class
from geo.geojson import GeoJsonError, parse_zones
from geo.zone import AreaClass, Zone

COUNTIES, LOG, SQL = load("counties"), load("log"), load("administration")

#: Namespace of the ids of agencies that are made by name.
_AGENCIES = UUID("0f2b6a54-5b6e-5a0c-9f6d-7c1f1a52c3d1")


class ServedCounty(Value, frozen=True, kw_only=True):
    """A county of this database.

    Attributes:
        head_seq: how many events its log holds.
        last_recorded_at: the county's instant of the last one; ``None`` = there is none.
    """

    county_id: CountyId
    name: str
    time_zone: str
    area_class: str
    head_seq: int
    last_recorded_at: datetime | None

    def now(self, machine: datetime, *, is_simulated: bool) -> datetime:
        """Return the county's instant.

        Args:
            machine: the host's instant.
            is_simulated: where county time may run ahead of it, and never goes back.
        """
        if is_simulated:
            return max(machine, self.last_recorded_at or machine)
        return county_instant(machine, self.last_recorded_at)


class Agency(Value, frozen=True, kw_only=True):
    """An organisation whose teams work for a county."""

    agency_id: AgencyId
    name: str


def find_county(text: str) -> tuple[CountyId, str]:
    """Return the id and name of a county of California, given by name or FIPS code.

    Raises:
        Invalid: ``unknown_county``.
    """
    wanted = text.strip().casefold().removesuffix(" county")
    for fips, county in counties().items():
        if wanted in (county.name.casefold(), fips, fips.lstrip("0"), fips[2:]):
            return CountyId(int(fips)), county.name
    raise Invalid(
        "unknown_county", f"{text} is no county of California; give its name or FIPS code."
    )


async def add_county(
    database: Database, county_id: CountyId, on: date, *, time_zone: str = "America/Los_Angeles"
) -> bool:
    """Start serving a county, urban or rural as its class of the day says; False = it was there."""
    fips = f"{county_id:05d}"
    area_class = county_class(fips, on).area_class
    async with database.tx(County(county_id)) as con:
        added = await con.fetchval(
            COUNTIES["create_county"],
            county_id,
            counties()[fips].name,
            time_zone,
            area_class.value,
        )
    return added is not None


async def list_counties(database: Database) -> list[ServedCounty]:
    """Return every county of this database, by id."""
    rows = await database.ask(Worker(), COUNTIES["list_counties"])
    names = ServedCounty.__struct_fields__
    return [ServedCounty(**{name: row[name] for name in names}) for row in rows]


async def domain_clock(database: Database, machine: Clock, speed: float) -> Clock:
    """Return the counties' clock: the host's, or in a database marked simulated one of its own.

    That one goes on where the logs end: they may have run ahead of the host's.

    Args:
        speed: county seconds per second.

    Raises:
        Unavailable: ``not_simulated``.
    """
    if not await is_simulated(database):
        if speed == 1.0:
            return machine
        raise Unavailable(
            "not_simulated",
            "County time can be scaled only in a database marked simulated; unset "
            "CRISIS_SIMULATED_SPEED or use another database.",
        )
    ends = [county.last_recorded_at for county in await list_counties(database)]
    origin = max([machine.now(), *(at for at in ends if at is not None)])
    return DomainClock(machine, origin=origin, speed=speed)


def agency_id_of(county_id: CountyId, name: str) -> AgencyId:
    """Return the id that an agency gets by its name: the same for the same name."""
    return AgencyId(uuid5(_AGENCIES, f"{county_id}/{name.strip().casefold()}"))


async def add_agency(database: Database, county_id: CountyId, name: str) -> AgencyId:
    """Add an agency, or find the one of that name.

    Raises:
        Invalid: ``bad_name``.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Invalid("bad_name", "An agency's name has 1 to 100 characters.")
    agency_id = agency_id_of(county_id, name)
    async with database.tx(County(county_id)) as con:
        await con.execute(SQL["write_agency"], county_id, agency_id, name)
    return agency_id


async def list_agencies(database: Database, county_id: CountyId) -> list[Agency]:
    """Return a county's agencies, by name."""
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["list_agencies"], county_id)
    return [Agency(agency_id=AgencyId(row["agency_id"]), name=row["name"]) for row in rows]


async def add_policy(
    database: Database, county_id: CountyId, policy: CountyPolicy, *, by: UserId | None = None
) -> None:
    """Add a version of a county's policy; versions are never changed.

    Raises:
        Conflict: ``policy_version_taken``.
    """
    known = await list_policies(database, county_id)
    if any(one.version == policy.version for one in known):
        raise Conflict(
            "policy_version_taken",
            f"The county has a policy {policy.version}; a changed one needs another version.",
        )
    async with database.tx(County(county_id)) as con:
        await con.execute(
            LOG["write_policy"],
            county_id,
            policy.version,
            policy.effective_from,
            msgspec.json.encode(to_mapping(policy)),
            by,
        )


async def list_policies(database: Database, county_id: CountyId) -> list[CountyPolicy]:
    """Return the versions of a county's own policy, oldest first; empty = the defaults hold."""
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(LOG["read_policies"], county_id)
    return [from_stored(msgspec.json.decode(row["body"])) for row in rows]


class ZoneLine(Value, frozen=True, kw_only=True):
    """A zone in a list; ``area_class`` ``None`` = it says nothing of urban or rural."""

    version: str
    name: str
    area_class: AreaClass | None


def require_new(version: str, known: Sequence[str]) -> None:
    """Refuse an edition's name that is none, or that another one of the kind has.

    Raises:
        Invalid: ``bad_edition``, ``edition_taken``.
    """
    if not 1 <= len(version) <= 64 or version != version.strip() or not version.isprintable():
        raise Invalid("bad_edition", "An edition's name has 1 to 64 characters, like 2026-11.")
    if version in known:
        raise _taken(version)


def _taken(version: str) -> Invalid:
    return Invalid(
        "edition_taken",
        f"There is an edition {version} already; a changed one needs another name.",
        version=version,
    )


def check_zones(
    version: str,
    geojson: bytes,
    known: Sequence[ZoneLine],
    between: Callable[[], object] = lambda: None,
) -> tuple[Zone, ...]:
    """Return the zones of a new edition, none of which is written yet.

    Args:
        version: the edition's name.
        known: all that the county has.
        between: called between two zones; what it raises ends the reading.

    Raises:
        Invalid: ``bad_zones`` or ``bad_edition``: what is wrong with the file, or with its name.
    """
    require_new(version, [one.version for one in known])
    try:
        zones = parse_zones(geojson, between)
    except GeoJsonError as error:
        raise Invalid("bad_zones", str(error), fault=str(error)) from error
    counts = Counter(zone.name for zone in zones)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise Invalid(
            "zone_named_twice",
            f"The file has more than one zone {twice[0]}; names are used once.",
            name=twice[0],
        )
    return zones


async def add_zones(
    database: Database,
    county_id: CountyId,
    version: str,
    geojson: bytes,
    *,
    effective_from: date | None = None,
    by: UserId | None = None,
    work: Work | None = None,
) -> list[ZoneLine]:
    """Load an edition of a county's zones, in force from its day on.

    ``effective_from``: ``None`` = the day that its name tells. ``work``: by which it is stopped.

    Raises:
        Invalid: see ``check_zones``; ``edition_undated``.
    """
    version = version.strip()
    known = await list_zones(database, county_id)
    # Beside the loop: a county's outlines are megabytes.
    zones, geometries = await BESIDE.run(
        lambda work: (
            check_zones(version, geojson, known, lambda: work.at(0)),
            _geometries(geojson),
        ),
        work,
    )
    day = effective_from or day_of_edition(version)
    lines = [
        ZoneLine(version=version, name=zone.name, area_class=zone.area_class) for zone in zones
    ]
    async with database.tx(County(county_id)) as con:
        await _write_edition(con, county_id, EditionKind.ZONES, version, day, b"{}", by)
        for line, geometry in zip(lines, geometries, strict=True):
            await con.execute(
                SQL["write_zone"],
                county_id,
                version,
                line.name,
                line.area_class.value if line.area_class else None,
                bytes(geometry),
            )
    return lines


def day_of_edition(version: str) -> date:
    """Return from which day an edition holds whose name tells it.

    Raises:
        Invalid: ``edition_undated``.
    """
    day = day_of(version)
    if day is None:
        raise Invalid("edition_undated", "Say from which day this edition holds.", version=version)
    return day


async def _write_edition(
    con: Connection,
    county_id: CountyId,
    kind: EditionKind,
    version: str,
    day: date,
    body: bytes,
    by: UserId | None,
) -> None:
    added = await con.fetchval(LOG["write_edition"], county_id, kind.value, version, day, body, by)
    if added is None:
        # Loaded before, or by somebody else in this moment.
        raise _taken(version)


async def add_standards(
    database: Database, county_id: CountyId, given: Standards, *, by: UserId | None = None
) -> None:
    """Load an edition of a county's regulatory facts; each holds from its own day on.

    Raises:
        Invalid: ``bad_standards``, ``bad_edition``, ``edition_taken``.
    """
    known = await list_standards(database, county_id)
    require_new(given.version, [one.version for one in known])
    check_standards(packaged_standards(), known, given)
    day = min(fact.effective_from for fact in given.facts)
    async with database.tx(County(county_id)) as con:
        body = msgspec.json.encode(given)
        kind = EditionKind.STANDARDS
        await _write_edition(con, county_id, kind, given.version, day, body, by)


async def add_codes(
    database: Database, county_id: CountyId, given: CodesEdition, *, by: UserId | None = None
) -> None:
    """Load an edition of a county's code sets; each change holds from its own day on.

    Raises:
        Invalid: ``bad_codes``, ``bad_edition``, ``edition_taken``.
    """
    earlier = await list_codes(database, county_id)
    require_new(given.version, [one.version for one in earlier])
    check_codes(merged_codes(packaged_codes(), earlier)[0], given)
    async with database.tx(County(county_id)) as con:
        day, body = given.effective_from, msgspec.json.encode(given)
        await _write_edition(con, county_id, EditionKind.CODES, given.version, day, body, by)


async def list_editions(database: Database, county_id: CountyId) -> list[Edition]:
    """Return all editions that a county has loaded, in the order of their loading."""
    return [edition_of(row) for row in await _editions(database, county_id)]


async def list_standards(database: Database, county_id: CountyId) -> list[Standards]:
    """Return a county's editions of standards, in the order of their loading."""
    rows = await _editions(database, county_id)
    bodies = [row["body"] for row in rows if row["kind"] == EditionKind.STANDARDS]
    return [msgspec.json.decode(body, type=Standards) for body in bodies]


async def list_codes(database: Database, county_id: CountyId) -> list[CodesEdition]:
    """Return a county's editions of code sets, in the order of their loading."""
    rows = await _editions(database, county_id)
    bodies = [row["body"] for row in rows if row["kind"] == EditionKind.CODES]
    return [msgspec.json.decode(body, type=CodesEdition) for body in bodies]


async def _editions(database: Database, county_id: CountyId) -> list[Record]:
    async with database.tx(County(county_id), mode="read") as con:
        return list(await con.fetch(LOG["read_editions"], county_id))


def edition_of(row: Record) -> Edition:
    """Return the edition of a row."""
    return Edition(
        kind=EditionKind(row["kind"]),
        version=row["version"],
        effective_from=row["effective_from"],
        loaded_at=row["loaded_at"],
    )


async def read_zones(
    database: Database, county_id: CountyId, on: date
) -> tuple[str | None, list[Zone]]:
    """Return the edition that holds on a local day and its zones; ``None`` = none does."""
    zones = [e for e in await list_editions(database, county_id) if e.kind is EditionKind.ZONES]
    edition = in_force(zones, on)
    if edition is None:
        return None, []
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(LOG["read_zones"], county_id)
    features = [
        {
            "type": "Feature",
            "id": row["name"],
            "properties": {"name": row["name"], "area_class": row["area_class"]},
            "geometry": msgspec.Raw(row["geometry"].encode()),
        }
        for row in rows
        if row["version"] == edition.version
    ]
    if not features:
        return edition.version, []
    text = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    return edition.version, list(await asyncio.to_thread(parse_zones, text, breathe))


def _geometries(geojson: bytes) -> list[msgspec.Raw]:
    """Return the geometry of every feature, as it is written."""
    document = msgspec.json.decode(geojson, type=dict[str, msgspec.Raw])
    match msgspec.json.decode(document["type"]):
        case "FeatureCollection":
            features = msgspec.json.decode(document["features"], type=list[msgspec.Raw])
            return [_geometry_of(feature) for feature in features]
        case "Feature":
            return [document["geometry"]]
        case _:
            return [msgspec.Raw(geojson)]


def _geometry_of(feature: msgspec.Raw) -> msgspec.Raw:
    return msgspec.json.decode(feature, type=dict[str, msgspec.Raw])["geometry"]


async def list_zones(database: Database, county_id: CountyId) -> list[ZoneLine]:
    """Return the zones of all of a county's editions, the last by its name first."""
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["list_zones"], county_id)
    return [
        ZoneLine(
            version=row["version"],
            name=row["name"],
            area_class=AreaClass(row["area_class"]) if row["area_class"] else None,
        )
        for row in rows
    ]
