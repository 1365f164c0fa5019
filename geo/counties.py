"""The 58 counties of California: where they lie, how many live there, urban or rural by default.

All figures are data files with a source, see ``geo/data/README.md``; the class of a county comes
in editions with an effective date. Must not know response times or who serves a county.
"""

import csv
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from geo.geojson import parse_zones
from geo.point import Point
from geo.zone import AreaClass, AreaMethod, Classification, Zone, nearest_zone, zone_of

#: How far off the simplified outlines a place may lie and still be given to the nearest county.
#: Piers, bridges and islets need a few kilometres; beyond lies the sea or another state.
OFF_COAST_M = 10_000.0


class DensityClass(StrEnum):
    """The state's classes of counties for network adequacy; not the response standard."""

    RURAL = "rural"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class County(msgspec.Struct, frozen=True, kw_only=True):
    """One county and its planning figures."""

    #: five digits, ``06001``
    fips: str
    name: str
    population_2020: int
    #: people per square mile of land, 2020
    people_per_sq_mi: int
    density_class: DensityClass
    #: mobile crisis encounters per day; a planning figure, 0.0 where it rounds to none
    est_encounters_per_day: float


class ClassEdition(msgspec.Struct, frozen=True, kw_only=True):
    """One edition of the counties' default classes."""

    version: str
    effective_from: date
    source: str
    #: FIPS codes of the rural counties; all others are urban
    rural: frozenset[str]


class _Editions(msgspec.Struct, frozen=True):
    editions: list[ClassEdition]


@cache
def counties() -> Mapping[str, County]:
    """Return all counties by FIPS code, in the order of the codes."""
    rows = csv.DictReader(_read("ca_counties.csv").decode().splitlines())
    found = [msgspec.convert(row, County, strict=False) for row in rows]
    return MappingProxyType({county.fips: county for county in found})


@cache
def county_zones() -> Mapping[str, Zone]:
    """Return the counties' outlines by FIPS code."""
    zones = parse_zones(_read("ca_counties.geojson"))
    return MappingProxyType({zone.zone_id: zone for zone in sorted(zones, key=_by_id)})


@cache
def class_editions() -> tuple[ClassEdition, ...]:
    """Return the editions of the default classes, oldest first."""
    data = msgspec.json.decode(_read("county_classes.json"), type=_Editions)
    return tuple(sorted(data.editions, key=_by_effect))


def county_class(fips: str, on: date) -> Classification:
    """Return the county's default class on a day.

    Args:
        fips: five digits.
        on: the local date of the determination.

    Raises:
        LookupError: no such county, or a day before the first edition took effect.
    """
    if fips not in counties():
        raise LookupError(f"{fips} is no county of California")
    edition = next((e for e in reversed(class_editions()) if e.effective_from <= on), None)
    if edition is None:
        raise LookupError(f"no edition of the county classes was in effect on {on.isoformat()}")
    return Classification(
        area_class=AreaClass.RURAL if fips in edition.rural else AreaClass.URBAN,
        method=AreaMethod.COUNTY_CLASS,
        version=edition.version,
    )


def county_of(point: Point, within_m: float = OFF_COAST_M) -> County | None:
    """Return the county that holds the point, else the nearest within ``within_m`` metres.

    A proposal: the outlines are simplified, so that close to a border the neighbour may be right.
    None = the point lies outside California.
    """
    zones = county_zones().values()
    holder = zone_of(point, zones)
    if holder is None:
        closest = nearest_zone(point, zones)
        if closest is None or closest[1] > within_m:
            return None
        holder = closest[0]
    return counties()[holder.zone_id]


def _by_id(zone: Zone) -> str:
    return zone.zone_id


def _by_effect(edition: ClassEdition) -> date:
    return edition.effective_from


def _read(name: str) -> bytes:
    return files("geo").joinpath("data", name).read_bytes()
