"""Fixes in the database: the history by day, and the latest of each team.

Decides how fixes travel there: a few as JSON for one statement, in a single round trip; many as
records of one COPY, which then costs least. Must not know which fixes are believed, nor
shifts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import nan
from types import MappingProxyType

import asyncpg
import msgspec

from crisis.errors import Unavailable
from crisis.ids import CountyId, TeamId
from dispatch.store.pool import County, Database, Record, Worker
from dispatch.store.sql import load
from geo.fix import Fix, FixSource
from geo.point import Point

SQL = load("positions")

#: Days that are made ahead: a week of a daily job that doesn't run.
DAYS_AHEAD = 7

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1)
_DAY_US = 86_400_000_000
#: More rows than these are copied: it takes six round trips, but far less time for each row.
MOST_IN_ONE_TRIP = 400
_COLUMNS = (
    "county_id",
    "team_id",
    "fixed_at",
    "received_at",
    "lat_deg",
    "lon_deg",
    "accuracy_m",
    "speed_mps",
    "heading_deg",
    "battery",
    "source_no",
    "newest",
)
#: As ``store_incoming_fixes`` counts them.
_SOURCES: Mapping[FixSource, int] = MappingProxyType(
    {
        FixSource.PHONE: 1,
        FixSource.TRACKER: 2,
        FixSource.DESK: 3,
        FixSource.SIMULATED: 4,
    }
)


class DayMissing(Unavailable):
    """The rows' day has no partition (any more): see ``ensure_days``. Nothing was stored."""

    def __init__(self) -> None:
        super().__init__("day_missing", "Positions can't be stored now; send them again.")


class Row(msgspec.Struct, frozen=True, gc=False):
    """A fix on its way. ``fixed_us``: its device time in microseconds since 2000."""

    fixed_us: int
    county_id: CountyId
    team_id: TeamId
    fix: Fix

    @property
    def day(self) -> int:
        """Number of the UTC day since 2000-01-01."""
        return self.fixed_us // _DAY_US


@dataclass(frozen=True, slots=True)
class Stored:
    """What a flush did: rows new to the history, and teams whose latest moved on."""

    history: int
    latest: int


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest fix of a team, as the database has it."""

    county_id: CountyId
    team_id: TeamId
    fix: Fix
    changed_at: datetime


def _microseconds(instant: datetime) -> int:
    since = instant - _EPOCH
    return since.days * _DAY_US + since.seconds * 1_000_000 + since.microseconds


def row_of(county_id: CountyId, team_id: TeamId, fix: Fix) -> Row:
    """Return a fix as a row."""
    return Row(_microseconds(fix.fixed_at), county_id, team_id, fix)


def records(tracks: Iterable[Sequence[Row]]) -> list[tuple[object, ...]]:
    """Return the columns of several teams' rows, each ordered by time; its last is the newest.

    NaN stands for "not reported".
    """
    return [
        (
            row.county_id,
            row.team_id,
            fix.fixed_at,
            fix.received_at,
            fix.point.lat_deg,
            fix.point.lon_deg,
            nan if fix.accuracy_m is None else _real(fix.accuracy_m),
            nan if fix.speed_mps is None else _real(fix.speed_mps),
            nan if fix.heading_deg is None else _real(fix.heading_deg),
            nan if fix.battery is None else _real(fix.battery),
            _SOURCES[fix.source],
            row is track[-1],
        )
        for track in tracks
        for row in track
        for fix in (row.fix,)
    ]


async def store(database: Database, tracks: Iterable[Sequence[Row]]) -> Stored:
    """Write rows of any counties in one durable transaction.

    Args:
        tracks: one per team, ordered by county and team, and each of them by time: two nodes that
            store the same fixes then never wait for each other in a circle. Their days must have
            partitions: see ``ensure_days``.

    Raises:
        DayMissing: a day has no partition.
        Unavailable: also as ``ConnectionLost``. All rows may be stored again without harm.
    """
    held = list(tracks)
    try:
        if sum(map(len, held)) <= MOST_IN_ONE_TRIP:
            rows = await database.call(Worker(), SQL["store_few"], _json(held))
        else:
            rows = await _copy(database, records(held))
    except asyncpg.CheckViolationError as error:
        if error.constraint_name is None:
            raise DayMissing from error
        raise
    return Stored(history=rows[0]["stored"], latest=rows[0]["newer"])


async def _copy(database: Database, rows: list[tuple[object, ...]]) -> list[Record]:
    async with database.tx(Worker()) as con:
        if not await con.fetchval(SQL["has_incoming"]):
            await con.execute(SQL["open_incoming"])
        await con.copy_records_to_table(
            "incoming_fixes", schema_name="pg_temp", records=rows, columns=_COLUMNS
        )
        return await con.fetch(SQL["store_incoming"])


class _Incoming(msgspec.Struct, gc=False):
    """A fix as ``store_few`` reads it out of JSON."""

    county_id: CountyId
    team_id: TeamId
    fixed_at: datetime
    received_at: datetime
    lat_deg: float
    lon_deg: float
    accuracy_m: float | None
    speed_mps: float | None
    heading_deg: float | None
    battery: float | None
    source: FixSource
    newest: bool


_encoder = msgspec.json.Encoder()
#: The smallest number that ``real`` holds exactly; it refuses the text of one nearer to 0.
_SMALLEST = 2.0**-126


def _real(value: float | None) -> float | None:
    """Return what ``real`` can hold of a number >= 0."""
    return 0.0 if value is not None and value < _SMALLEST else value


def _json(tracks: Iterable[Sequence[Row]]) -> str:
    incoming = []
    for track in tracks:
        newest = track[-1]
        for row in track:
            fix = row.fix
            point = fix.point
            incoming.append(
                _Incoming(
                    row.county_id,
                    row.team_id,
                    fix.fixed_at,
                    fix.received_at,
                    point.lat_deg,
                    point.lon_deg,
                    _real(fix.accuracy_m),
                    _real(fix.speed_mps),
                    _real(fix.heading_deg),
                    _real(fix.battery),
                    fix.source,
                    row is newest,
                )
            )
    return _encoder.encode(incoming).decode()


async def ensure_days(database: Database, days: Iterable[int]) -> int:
    """Make the missing partitions of these days (see ``Row.day``); return how many.

    Creating one waits for the flushes and readings that run, and holds up those that come.
    """
    made = 0
    for number in sorted(days):
        day = _EPOCH_DAY + timedelta(days=number)
        rows = await database.call(Worker(), SQL["ensure_days"], day, day)
        made += rows[0]["made"]
    return made


async def tidy(database: Database, today: date, keep_days: Mapping[CountyId, int]) -> None:
    """Make the coming days' partitions and drop what is too old; for a job keyed by local date.

    Args:
        today: UTC or local day.
        keep_days: of each county (policy ``retention.positions_days``); days that every county is
            done with go as a whole, where one keeps less than others its rows are deleted.
    """
    await database.call(
        Worker(), SQL["ensure_days"], today - timedelta(days=3), today + timedelta(days=DAYS_AHEAD)
    )
    if not keep_days:
        return
    longest = max(keep_days.values())
    await database.call(Worker(), SQL["drop_days"], today - timedelta(days=longest))
    for county_id, days in keep_days.items():
        if days < longest:
            before = datetime.combine(today - timedelta(days=days), time.min, UTC)
            await database.call(Worker(), SQL["purge_county"], county_id, before)


async def latest_since(
    database: Database, since: datetime | None, counties: Sequence[CountyId]
) -> list[Latest]:
    """Return the teams whose latest changed since an instant of the server's clock.

    A flush commits a moment after its ``changed_at``: ask with an overlap. ``None`` = all.
    """
    rows = await database.ask(Worker(), SQL["list_latest"], since, list(counties))
    return [
        Latest(
            county_id=CountyId(row["county_id"]),
            team_id=TeamId(row["team_id"]),
            fix=_fix(row),
            changed_at=row["changed_at"],
        )
        for row in rows
    ]


async def forget_latest(database: Database, county_id: CountyId, team_id: TeamId) -> None:
    """Remove where a team is now; its history stays."""
    await database.call(Worker(), SQL["forget_latest"], county_id, team_id)


async def track(
    database: Database,
    county_id: CountyId,
    team_id: TeamId,
    from_at: datetime,
    until_at: datetime,
    *,
    most: int = 10_000,
) -> list[Fix]:
    """Return where a team was, oldest first, at most ``most`` fixes; ``until_at`` is excluded."""
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["list_track"], team_id, from_at, until_at, most)
    return [_fix(row) for row in rows]


def _fix(row: Record) -> Fix:
    return Fix(
        fixed_at=row["fixed_at"],
        received_at=row["received_at"],
        point=Point(lat_deg=row["lat_deg"], lon_deg=row["lon_deg"]),
        source=FixSource(row["source"]),
        accuracy_m=row["accuracy_m"],
        speed_mps=row["speed_mps"],
        heading_deg=row["heading_deg"],
        battery=row["battery"],
    )
