"""Reads what tracking apps post: OsmAnd and older Traccar Client, newer Traccar Client, OwnTracks.

A phone page can't track with its screen locked; these apps can. Each has units of its own, which
end here. Must not know which team carries a device, nor whether a sample can be believed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from geo.fix import Fix, FixSource
from geo.point import Point

_MPS_PER_KNOT = 1852 / 3600
_MPS_PER_KMH = 1 / 3.6
#: Unix times from here on are milliseconds (as seconds they would lie beyond the year 2286).
_FIRST_MS = 10_000_000_000
_LAST_S = 253_402_300_799  # the end of the year 9999, where datetime ends


class TrackerError(ValueError):
    """The post is none that this app sends; the message names the field, never its value."""


class TrackerPost(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of one post and the device that they come from."""

    #: the app's own device identifier, as set up on the device
    device_id: str
    #: in the order sent; empty = a post without a position (a greeting, a waypoint)
    fixes: tuple[Fix, ...]


def parse_osmand(params: Mapping[str, str], received_at: datetime) -> TrackerPost:
    """Read the query or form parameters of OsmAnd and of Traccar Client below version 9.

    ``speed`` is in **knots**, ``batt`` in percent; a negative number = unknown. A missing
    ``timestamp`` means that the sample was taken when it was received; ``valid=false``, that the
    receiver had no position.

    Raises:
        TrackerError: a missing device id or place, or a value that can't be read.
    """
    device_id = params.get("id") or params.get("deviceid")
    if not device_id:
        raise TrackerError("id is missing")
    if params.get("valid", "true").strip().lower() in {"false", "0"}:
        return TrackerPost(device_id=device_id, fixes=())
    lat, lon = _osmand_place(params)
    stamp = params.get("timestamp")
    heading = params.get("bearing", params.get("heading"))
    fix = _fix(
        point=_point(lat, lon),
        fixed_at=received_at if stamp is None else _osmand_time(stamp),
        received_at=received_at,
        accuracy_m=_optional("accuracy", params.get("accuracy")),
        speed_mps=_scaled(_optional("speed", params.get("speed")), _MPS_PER_KNOT),
        heading_deg=_optional("bearing", heading),
        battery=_scaled(_optional("batt", params.get("batt")), 0.01),
    )
    return TrackerPost(device_id=device_id, fixes=(fix,))


class _Coords(msgspec.Struct):
    latitude: float
    longitude: float
    accuracy: float | None = None
    speed: float | None = None
    heading: float | None = None


class _Battery(msgspec.Struct):
    level: float | None = None


class _Location(msgspec.Struct):
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    coords: _Coords
    battery: _Battery | None = None
    uuid: str | None = None


class _TraccarPost(msgspec.Struct):
    device_id: str | int
    location: _Location | list[_Location]


class _OwnTracksPost(msgspec.Struct):
    kind: str = msgspec.field(name="_type")
    lat: float | None = None
    lon: float | None = None
    tst: float | None = None
    acc: float | None = None
    vel: float | None = None
    cog: float | None = None
    batt: float | None = None
    tid: str | None = None
    topic: str | None = None


_TRACCAR = msgspec.json.Decoder(_TraccarPost)
_OWNTRACKS = msgspec.json.Decoder(_OwnTracksPost)


def parse_traccar_json(body: bytes, received_at: datetime) -> TrackerPost:
    """Read the JSON of Traccar Client from version 9: one location, or several after a gap.

    ``speed`` is in **metres per second**, ``battery.level`` 0..1; -1 = unknown.

    Raises:
        TrackerError: no such JSON.
    """
    try:
        post = _TRACCAR.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrackerError(f"no location of Traccar Client: {error}") from error
    locations = post.location if isinstance(post.location, list) else [post.location]
    return TrackerPost(
        device_id=str(post.device_id),
        fixes=tuple(
            _fix(
                point=_point(location.coords.latitude, location.coords.longitude),
                fixed_at=_in_utc(location.timestamp),
                received_at=received_at,
                accuracy_m=location.coords.accuracy,
                speed_mps=location.coords.speed,
                heading_deg=location.coords.heading,
                battery=None if location.battery is None else location.battery.level,
                fix_id=location.uuid,
            )
            for location in locations
        ),
    )


def parse_owntracks(
    body: bytes, received_at: datetime, device_id: str | None = None
) -> TrackerPost:
    """Read one JSON post of OwnTracks in HTTP mode.

    ``vel`` is in **kilometres per hour**, ``batt`` in percent; a negative number = unknown. Posts
    other than positions (waypoints, greetings) are answered with no fixes.

    Args:
        body: the post.
        received_at: server time, aware UTC.
        device_id: known from the sign-in or the app's ``X-Limit-D`` header; None = take ``topic``,
            else ``tid``, from the post.

    Raises:
        TrackerError: no such JSON, no device named, or a payload that the app has encrypted.
    """
    try:
        post = _OWNTRACKS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrackerError(f"no OwnTracks message: {error}") from error
    if post.kind == "encrypted":
        raise TrackerError("the app encrypts its posts; clear its encryption key")
    device = device_id or post.topic or post.tid
    if not device:
        raise TrackerError("topic and tid are missing")
    if post.kind != "location":
        return TrackerPost(device_id=device, fixes=())
    if post.lat is None or post.lon is None or post.tst is None:
        raise TrackerError("lat, lon and tst are needed")
    fix = _fix(
        point=_point(post.lat, post.lon),
        fixed_at=_unix_time(post.tst),
        received_at=received_at,
        accuracy_m=post.acc,
        speed_mps=_scaled(post.vel, _MPS_PER_KMH),
        heading_deg=post.cog,
        battery=_scaled(post.batt, 0.01),
    )
    return TrackerPost(device_id=device, fixes=(fix,))


def _fix(
    *,
    point: Point,
    fixed_at: datetime,
    received_at: datetime,
    accuracy_m: float | None,
    speed_mps: float | None,
    heading_deg: float | None,
    battery: float | None,
    fix_id: str | None = None,
) -> Fix:
    """Build the fix, with what the apps mean by "unknown" turned into None."""
    heading = _known(heading_deg)
    charge = _known(battery)
    accuracy = _known(accuracy_m)
    return Fix(
        point=point,
        fixed_at=fixed_at,
        received_at=received_at,
        source=FixSource.TRACKER,
        # No receiver is exact: 0 is how these apps say that they were told nothing.
        accuracy_m=accuracy if accuracy else None,
        speed_mps=_known(speed_mps),
        heading_deg=heading if heading is not None and heading <= 360 else None,
        battery=min(charge, 1.0) if charge is not None else None,
        fix_id=fix_id,
    )


def _osmand_place(params: Mapping[str, str]) -> tuple[float, float]:
    if "location" in params:
        lat, comma, lon = params["location"].partition(",")
        if not comma:
            raise TrackerError("location must be latitude,longitude")
        return _number("location", lat), _number("location", lon)
    if "lat" not in params or "lon" not in params:
        raise TrackerError("lat and lon, or location, are missing")
    return _number("lat", params["lat"]), _number("lon", params["lon"])


def _osmand_time(stamp: str) -> datetime:
    """Read Unix seconds or milliseconds, ISO 8601, or ``yyyy-MM-dd HH:mm:ss`` meant as UTC."""
    try:
        return _unix_time(float(stamp))
    except TrackerError:
        raise
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise TrackerError("timestamp can't be read") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else _in_utc(instant)


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise TrackerError("timestamp is out of range") from error


def _unix_time(value: float) -> datetime:
    seconds = value / 1000 if value >= _FIRST_MS else value
    # False for NaN as well.
    if not 0 <= seconds <= _LAST_S:
        raise TrackerError("timestamp is out of range")
    return datetime.fromtimestamp(seconds, UTC)


def _point(lat: float, lon: float) -> Point:
    try:
        return Point(lat_deg=lat, lon_deg=lon)
    except ValueError as error:
        raise TrackerError(str(error)) from error


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise TrackerError(f"{name} is no number") from error


def _optional(name: str, text: str | None) -> float | None:
    return None if text is None or not text.strip() else _number(name, text)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _known(value: float | None) -> float | None:
    """Return the value; None for the apps' "unknown": negative, infinite or not a number."""
    return value if value is not None and 0 <= value < float("inf") else None
