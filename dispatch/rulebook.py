"""Which rules are in force in a county at an instant: policy versions, code sets, zones.

Loaded at start and again when an administrator adds a version; asked for every group of commands,
so the answer is kept until midnight or the next policy. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from crisis.codes import code_sets
from crisis.ids import CountyId
from crisis.policy import CountyPolicy, from_stored, policy_at
from crisis.standards import local_day, utc
from crisis.standards import packaged as packaged_standards
from dispatch.decide.context import Rules
from dispatch.store.pool import County, Database, Record
from dispatch.store.sql import load
from geo.geojson import parse_zones
from geo.zone import AreaMap

SQL = load("log")

#: In force from the start of the benefit where the county has given no policy of its own.
DEFAULT_POLICY = CountyPolicy(version="default-1", effective_from=datetime(2023, 1, 1, tzinfo=UTC))


class Rulebook:
    """One county's rules over time."""

    def __init__(
        self,
        county_id: int,
        policies: Sequence[CountyPolicy] = (),
        areas: AreaMap | None = None,
    ) -> None:
        self.county_id = CountyId(county_id)
        self._policies = (DEFAULT_POLICY, *policies)
        self._versions = {policy.version: policy for policy in self._policies}
        self._areas = areas or AreaMap(version="none")
        self._kept: _Kept | None = None

    @classmethod
    async def load(cls, database: Database, county_id: int) -> Rulebook:
        """Read the county's policies and zones."""
        async with database.tx(County(county_id), mode="snapshot") as con:
            policies = await con.fetch(SQL["read_policies"], county_id)
            zones = await con.fetch(SQL["read_zones"], county_id)
        return cls(
            county_id,
            [from_stored(msgspec.json.decode(row["body"])) for row in policies],
            _area_map(zones),
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
        rules = Rules(
            policy=policy,
            policies=self._versions,
            codes=code_sets(day),
            standards=packaged_standards(),
            areas=self._areas,
            lpha_reachable=policy.lpha_on_call,
        )
        begins = [utc(one.effective_from) for one in self._policies]
        return _Kept(
            since=max([_midnight(day, zone), *(at for at in begins if at <= now)]),
            until=min([_midnight(day + _A_DAY, zone), *(at for at in begins if at > now)]),
            rules=rules,
        )


_A_DAY = timedelta(days=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return utc(datetime.combine(day, time.min, zone))


class _Kept(NamedTuple):
    """Rules, and from when until before when they are the ones in force."""

    since: datetime
    until: datetime
    rules: Rules


def _area_map(rows: Sequence[Record]) -> AreaMap:
    """Return the zones of a county's newest edition; none loaded = an empty map."""
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
    return AreaMap(version=rows[0]["version"], zones=parse_zones(text))
