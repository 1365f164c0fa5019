"""Which rules are in force in a county at an instant: policy versions, code sets, zones, standards.

Loaded at start and again when an administrator adds a version or an edition; asked for every group
of commands, so the answer is kept until midnight or the next policy. Decides nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from crisis import codes, standards
from crisis.codes import CodeSets
from crisis.editions import (
    DAY_ONE,
    CodesEdition,
    Edition,
    EditionKind,
    codes_on,
    in_force,
    merged_codes,
    merged_standards,
)
from crisis.ids import CountyId
from crisis.policy import CountyPolicy, from_stored, policy_at
from crisis.rules import Rules
from crisis.standards import Standards, local_day, utc
from dispatch.beside import breathe
from dispatch.store.administration import edition_of
from dispatch.store.pool import County, Database, Record
from dispatch.store.sql import load
from geo.geojson import parse_zones
from geo.zone import AreaMap

SQL = load("log")

#: In force from the start of the benefit where the county has given no policy of its own.
DEFAULT_POLICY = CountyPolicy(version="default-1", effective_from=datetime(2023, 1, 1, tzinfo=UTC))
_NO_ZONES = AreaMap(version="none")


class ZonesEdition(Edition, frozen=True, kw_only=True):
    """An edition of zones with its areas."""

    areas: AreaMap


class Rulebook:
    """One county's rules over time.

    Attributes:
        editions: of every kind, in the order of their loading.
        left_out: what of its code editions doesn't fit the packaged sets any more.
    """

    def __init__(
        self,
        county_id: int,
        policies: Sequence[CountyPolicy] = (),
        areas: AreaMap | None = None,
        *,
        zones: Sequence[ZonesEdition] = (),
        facts: Sequence[Standards] = (),
        code_editions: Sequence[CodesEdition] = (),
        editions: Sequence[Edition] = (),
    ) -> None:
        self.county_id = CountyId(county_id)
        self.editions = tuple(editions)
        self._policies = (DEFAULT_POLICY, *policies)
        self._versions = {policy.version: policy for policy in self._policies}
        self._zones = tuple(zones)
        if areas is not None:
            always = ZonesEdition(
                kind=EditionKind.ZONES,
                version=areas.version,
                effective_from=DAY_ONE,
                areas=areas,
            )
            self._zones = (always, *self._zones)
        self._standards = merged_standards(standards.packaged(), facts)
        self._code_editions = tuple(code_editions)
        self._catalogue, self.left_out = merged_codes(codes.packaged(), code_editions)
        self._days: dict[date, tuple[CodeSets, AreaMap]] = {}
        self._kept: _Kept | None = None

    @classmethod
    async def load(cls, database: Database, county_id: int) -> Rulebook:
        """Read the county's policies and editions."""
        async with database.tx(County(county_id), mode="snapshot") as con:
            policies = await con.fetch(SQL["read_policies"], county_id)
            editions = await con.fetch(SQL["read_editions"], county_id)
            zones = await con.fetch(SQL["read_zones"], county_id)
        rows: dict[str, list[Record]] = {}
        for row in zones:
            rows.setdefault(row["version"], []).append(row)
        # Beside the loop: a county's outlines are megabytes.
        areas = await asyncio.to_thread(_area_maps, rows)
        known = [edition_of(row) for row in editions]
        bodies = {
            (one.kind, one.version): row["body"] for one, row in zip(known, editions, strict=True)
        }
        return cls(
            county_id,
            [from_stored(msgspec.json.decode(row["body"])) for row in policies],
            zones=[
                ZonesEdition(**msgspec.structs.asdict(one), areas=areas[one.version])
                for one in known
                if one.kind is EditionKind.ZONES and one.version in rows
            ],
            facts=[
                msgspec.json.decode(bodies[one.kind, one.version], type=Standards)
                for one in known
                if one.kind is EditionKind.STANDARDS
            ],
            code_editions=[
                msgspec.json.decode(bodies[one.kind, one.version], type=CodesEdition)
                for one in known
                if one.kind is EditionKind.CODES
            ],
            editions=known,
        )

    def at(self, now: datetime) -> Rules:
        """Return what is in force at ``now``."""
        kept = self._kept
        if kept is None or not kept.since <= now < kept.until:
            kept = self._kept = self._build(now)
        return kept.rules

    def _build(self, now: datetime) -> _Kept:
        policy = policy_at(self._policies, now)
        zone = policy.tz()
        day = local_day(now, zone)
        sets, areas = self._of_day(day)
        rules = Rules(
            policy=policy,
            policies=self._versions,
            codes=sets,
            standards=self._standards,
            areas=areas,
            lpha_reachable=policy.lpha_on_call,
            day=day,
            of_day=self._of_day,
        )
        begins = [utc(one.effective_from) for one in self._policies]
        return _Kept(
            since=max([_midnight(day, zone), *(at for at in begins if at <= now)]),
            until=min([_midnight(day + _A_DAY, zone), *(at for at in begins if at > now)]),
            rules=rules,
        )

    def _of_day(self, day: date) -> tuple[CodeSets, AreaMap]:
        """Return the code sets and zones of a local day, remembered: back-entries ask for many."""
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _REMEMBERED:
                self._days.clear()
            zones = in_force(self._zones, day)
            # Where the county has changed nothing all counties share the packaged sets.
            sets = (
                codes_on(self._catalogue, self._code_editions, day)
                if self._code_editions
                else codes.code_sets(day)
            )
            known = self._days[day] = (sets, _NO_ZONES if zones is None else zones.areas)
        return known


_A_DAY = timedelta(days=1)
_REMEMBERED = 64


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return utc(datetime.combine(day, time.min, zone))


class _Kept(NamedTuple):
    """Rules, and from when until before when they are the ones in force."""

    since: datetime
    until: datetime
    rules: Rules


def _area_maps(rows: Mapping[str, Sequence[Record]]) -> dict[str, AreaMap]:
    return {version: _area_map(some) for version, some in rows.items()}


def _area_map(rows: Sequence[Record]) -> AreaMap:
    """Return the zones of an edition; none = an empty map."""
    features = [
        {
            "type": "Feature",
            "id": row["name"],
            "properties": {"name": row["name"], "area_class": row["area_class"]},
            "geometry": msgspec.Raw(row["geometry"].encode()),
        }
        for row in rows
    ]
    if not features:
        return AreaMap(version="none")
    text = msgspec.json.encode({"type": "FeatureCollection", "features": features})
    return AreaMap(version=rows[0]["version"], zones=parse_zones(text, breathe))
