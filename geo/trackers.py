"""Reads what tracking apps post: OsmAnd, Traccar Client and server, OwnTracks, Overland.

A phone page can't track with its screen locked; these can. Each has units of its own, which end
here. An app can't mend what it sends, and sends again for ever whatever is refused, before
everything else: so nothing is refused here. What can't be used is named (``Trouble``), for the
operator; one bad sample never takes good ones along. A call for help is told apart from the other
alarms that devices raise. Must not know which team carries a device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from geo.fix import Fix, FixSource
from geo.point import Point
from geo.tracker_alarms import CALLS_FOR_HELP, Alarm, alarms_in, is_for_help, plain, words_of
from geo.tracker_bodies import MOST_UNPACKED, Wreck, fields_of, unpacked, value_of, values_in
from geo.tracker_values import instant_of, known, mended, number_of

__all__ = ["CALLS_FOR_HELP", "MOST_UNPACKED", "Alarm", "TrackerPost", "Trouble", "read_post"]

_MPS_PER_KNOT = 1852 / 3600
_MPS_PER_KMH = 1 / 3.6

#: One of these has whatever tells a place in JSON.
_PLACES = frozenset({"_type", "coords", "data", "event", "geometry", "lat", "latitude", "location"})
_PLACES |= {"features", "locations", "position", "positions"}
#: OwnTracks messages that tell where the device is.
_PLACED = frozenset({"location", "transition"})


class Trouble(StrEnum):
    """Why something of a post couldn't be used; shown to the operator with how often it was so."""

    NO_PLACE = "no_place"  # a heartbeat, a cell tower alone, a receiver without satellites
    BAD_PLACE = "bad_place"
    WRONG_CLOCK = "wrong_clock"
    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    OTHER_ALARM = "other_alarm"  # low battery, tampering, power cut ...: nobody is in danger by it


class TrackerPost(msgspec.Struct, frozen=True, kw_only=True):
    """What one post says.

    Attributes:
        fixes: in the order sent; empty = it tells no place.
        alarms: calls for help.
        troubles: why parts of it couldn't be used, one for each part.
        wants_ok: its app (Overland) forgets what it sent only when it is told so in words; all
            others look at the status alone.
    """

    fixes: tuple[Fix, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    wants_ok: bool = False


class _Sample(NamedTuple):
    """One sample in our units, as far as it could be read; see ``Fix``.

    ``at``: ``None`` = it has no time. ``timeless``: it has one that can't be read. ``still``: it
    only says again where it was.
    """

    lat: Any
    lon: Any
    at: datetime | None
    timeless: bool = False
    created_at: datetime | None = None
    still: bool = False
    has_fix: bool = True
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    battery: float | None = None
    fix_id: str | None = None


_Part = _Sample | Alarm | Trouble


def read_post(params: Mapping[str, str], body: bytes, received_at: datetime) -> TrackerPost:
    """Read a post in whichever form it comes: the query's parameters, a form, or JSON.

    Args:
        params: of the query.
        body: may be empty.
        received_at: server time, aware UTC.
    """
    text = unpacked(body).lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in {b"{", b"["}:
        parts = [*(_of_params(params) if _says_something(params) else ()), *_of_json(text)]
    else:
        merged = {**params, **fields_of(text)}
        if not _says_something(merged):
            return TrackerPost(troubles=(Trouble.UNREADABLE,))
        parts = list(_of_form(merged))
    # By this word even what was cut off on its way is known as Overland's.
    return _judged(parts, received_at, wants_ok=b'"locations"' in text)


def _says_something(params: Mapping[str, str]) -> bool:
    return not {"id", "deviceid", "county"}.issuperset(params)


def _of_form(params: Mapping[str, str]) -> Iterator[_Part]:
    """Read a form's fields, some of which may hold JSON: a Traccar server's ``attributes``."""
    plain_: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for name, value in params.items():
        found = _dict(value_of(value)) if value.lstrip().startswith("{") else {}
        if found and not _PLACES.isdisjoint(found):
            yield from _of_value(found)
        elif found:
            held |= found
        else:
            plain_[name] = value
    if held or _says_something(plain_):
        yield from _of_params({**held, **plain_})


def _judged(parts: Sequence[_Part], received_at: datetime, *, wants_ok: bool) -> TrackerPost:
    """Return the fixes that can be made of the samples, and what is wrong with the others."""
    alarms = tuple(dict.fromkeys(part for part in parts if isinstance(part, Alarm)))
    troubles = [part for part in parts if isinstance(part, Trouble)]
    fixes: list[Fix] = []
    undated: list[Fix] = []
    for part in parts:
        if isinstance(part, _Sample):
            made = _fix_of(part, received_at)
            if isinstance(made, Trouble):
                troubles.append(made)
            elif made.at_arrival:
                troubles.append(Trouble.WRONG_CLOCK)
                undated.append(made.fix)
            else:
                fixes.append(made.fix)
    # Of those whose own time is worth nothing the last is where it is now, on its arrival.
    if undated and not fixes:
        fixes = undated[-1:]
    alarms = tuple(Alarm(a.word, a.at and mended(a.at, received_at)) for a in alarms)
    return TrackerPost(
        fixes=tuple(fixes), alarms=alarms, troubles=tuple(troubles), wants_ok=wants_ok
    )


class _Made(NamedTuple):
    fix: Fix
    at_arrival: bool


def _fix_of(sample: _Sample, received_at: datetime) -> _Made | Trouble:
    lat, lon = number_of(sample.lat), number_of(sample.lon)
    if not sample.has_fix or (_is_absent(sample.lat) and _is_absent(sample.lon)):
        return Trouble.NO_PLACE
    if lat is None or lon is None:
        return Trouble.BAD_PLACE
    if lat == lon == 0:
        # Receivers say so before they know where they are.
        return Trouble.NO_PLACE
    try:
        point = Point(lat_deg=lat, lon_deg=lon)
    except ValueError:
        return Trouble.BAD_PLACE
    fixed_at = received_at
    at_arrival = sample.timeless
    if sample.at is not None:
        believed = mended(sample.at, received_at)
        at_arrival = believed is None
        fixed_at = believed or received_at
    seen_at = None
    if sample.still and not at_arrival:
        seen_at = mended(sample.created_at or received_at, received_at)
    heading, charge, accuracy = (
        known(sample.heading_deg),
        known(sample.battery),
        known(sample.accuracy_m),
    )
    fix = Fix(
        point=point,
        fixed_at=fixed_at,
        received_at=received_at,
        source=FixSource.TRACKER,
        # No receiver is exact: 0 is how these apps say that they were told nothing.
        accuracy_m=accuracy if accuracy else None,
        speed_mps=known(sample.speed_mps),
        heading_deg=heading if heading is not None and heading <= 360 else None,
        battery=min(charge, 1.0) if charge is not None else None,
        fix_id=sample.fix_id,
        seen_at=seen_at if seen_at is not None and seen_at > fixed_at else None,
    )
    return _Made(fix, at_arrival)


def _is_absent(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in {"", "nan", "null", "none"}
    return value is None or value != value


# The forms


def _alarms_in(fields: Mapping[str, Any], at: datetime | None) -> Iterator[_Part]:
    for one in alarms_in(fields, at):
        yield one or Trouble.OTHER_ALARM


def _of_params(params: Mapping[str, Any]) -> Iterator[_Part]:
    """Read OsmAnd's parameters: ``speed`` in **knots**, ``batt`` in percent, ``timestamp``."""
    stamp = _first(params, *_TIMES)
    at = instant_of(stamp)
    yield from _alarms_in(params, at)
    lat, lon = _first(params, "lat", "latitude"), _first(params, "lon", "lng", "long", "longitude")
    if lat is None and lon is None:
        lat, lon = _pair(_first(params, "location", "gps", "loc", "latlng", "latlon"))
    yield _Sample(
        lat=lat,
        lon=lon,
        at=at,
        timeless=at is None and not _is_absent(stamp),
        created_at=instant_of(params.get("created_at")),
        still=plain(params.get("t")) == "p",
        has_fix=plain(params.get("valid")) not in {"false", "0"},
        accuracy_m=number_of(_first(params, "accuracy", "acc", "gps_accuracy", "gpsAccuracy")),
        speed_mps=_scaled(number_of(_first(params, "speed", "spd")), _MPS_PER_KNOT),
        heading_deg=number_of(_first(params, *_HEADINGS)),
        battery=_share(number_of(_first(params, *_BATTERIES)), percent=True),
    )


#: Names by which apps that let one write the address oneself tell these, GPSLogger's and
#: PhoneTrack's usual ones, Colota's and Home Assistant's among them.
_TIMES = ("timestamp", "time", "tst", "fixTime", "deviceTime", "datetime", "gpstime", "utc")
_HEADINGS = ("bearing", "heading", "course", "direction", "dir", "bear", "cog")
_BATTERIES = ("batt", "battery", "bat", "battery_level", "batteryLevel", "battlevel")


def _pair(place: Any) -> tuple[Any, Any]:
    """Split a place in one field; either number may have a decimal comma."""
    if isinstance(place, list) and len(place) == 2:
        return place[0], place[1]
    if not isinstance(place, str):
        return None, None
    text = place
    for mark in (";", " ", "|"):
        lat, found, lon = text.strip().partition(mark)
        if found:
            return lat.strip().rstrip(","), lon.strip()
    parts = text.split(",")
    if len(parts) == 4:
        return ",".join(parts[:2]), ",".join(parts[2:])
    return (parts[0], parts[1]) if len(parts) == 2 else (text, None)


def _of_json(text: bytes) -> Iterator[_Part]:
    """Read JSON; a call for help is heard even in what was cut off on its way."""
    for found in values_in(text):
        if isinstance(found, Wreck):
            yield Trouble.UNREADABLE
            yield from (one for one in _alarms_in(found.fields, None) if isinstance(one, Alarm))
        else:
            yield from _of_value(found)


def _of_value(found: Any) -> Iterator[_Part]:
    if isinstance(found, list):
        for one in found:
            yield from _of_value(one)
        if not found:
            yield Trouble.UNREADABLE
    elif not isinstance(found, dict):
        yield Trouble.UNREADABLE
    elif "_type" in found:
        yield from _of_owntracks(found)
    elif _is_of_server(found):
        yield from _of_traccar_server(found)
    elif isinstance(held := _first(found, "location", "locations", "features"), dict | list):
        yield from _alarms_in(found, None)
        yield from _of_locations(held)
        yield from _of_now(found)
    elif not {"coords", "geometry"}.isdisjoint(found):
        yield from _of_location(found)
    elif "fixTime" in found or "deviceTime" in found:
        yield from _of_position(found)
    elif isinstance(held := found.get("data"), dict):
        # Home Assistant's app: {"type": "update_location", "data": {"gps": [37.8, -122.2]}}.
        yield from _of_params(held)
    elif _says_something(found):
        yield from _of_params(found)
    else:
        yield Trouble.UNREADABLE


def _of_now(found: Mapping[str, Any]) -> Iterator[_Part]:
    """Read where the device is now, which Overland tells beside a batch of long ago."""
    for one in (found.get("current"), _dict(found.get("trip")).get("current_location")):
        if isinstance(one, dict) and one:
            yield from _of_location(one)


def _is_of_server(found: Mapping[str, Any]) -> bool:
    """Whether a Traccar server forwards it; others say in ``event`` only a word."""
    told = (found.get("event"), found.get("position"), found.get("positions"))
    if any(isinstance(one, dict | list) for one in told):
        return "coords" not in found
    return not {"position", "positions"}.isdisjoint(found)


def _of_feature(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a place in GeoJSON as a location; its values only stand elsewhere."""
    place, more = _dict(one.get("geometry")).get("coordinates"), _dict(one.get("properties"))
    lon, lat = place[:2] if isinstance(place, list) and len(place) > 1 else (None, None)
    coords = {
        "latitude": lat,
        "longitude": lon,
        "accuracy": more.get("horizontal_accuracy"),
        "speed": more.get("speed"),
        "heading": more.get("course"),
    }
    return {**one, **more, "coords": coords, "battery": more.get("battery_level")}


def _of_locations(found: Any) -> Iterator[_Part]:
    """Read Traccar Client from version 9: one location, or several after a gap."""
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict):
            yield from _of_location(one)
        else:
            yield Trouble.UNREADABLE
    if found == []:
        yield Trouble.NO_PLACE


def _of_location(one: Mapping[str, Any]) -> Iterator[_Part]:
    """Read one: ``speed`` in **metres per second**, ``battery.level`` 0..1."""
    if "geometry" in one:
        one = _of_feature(one)
    stamp = _first(one, "timestamp", "time")
    at = instant_of(stamp)
    # Some tell the place without a room of its own.
    coords, battery = _dict(one.get("coords", one)), one.get("battery")
    yield from _alarms_in(one, at)
    yield from _alarms_in(_dict(one.get("extras")), at)
    level = battery.get("level") if isinstance(battery, Mapping) else battery
    fix_id = one.get("uuid")
    yield _Sample(
        lat=_first(coords, "latitude", "lat"),
        lon=_first(coords, "longitude", "lon", "lng"),
        at=at,
        timeless=at is None and not _is_absent(stamp),
        accuracy_m=number_of(coords.get("accuracy")),
        speed_mps=number_of(coords.get("speed")),
        heading_deg=number_of(coords.get("heading")),
        battery=_share(number_of(level), percent=False),
        fix_id=str(fix_id)[:64] if fix_id else None,
    )


def _of_traccar_server(found: Mapping[str, Any]) -> Iterator[_Part]:
    """Read what a Traccar server forwards: a position or an event, with its device."""
    positions = found.get("positions", found.get("position"))
    held = [one for one in _list(positions) if isinstance(one, Mapping)]
    event = _dict(found.get("event"))
    if event:
        at = instant_of(_first(event, "eventTime", "serverTime"))
        kind = plain(event.get("type"))
        if kind == "alarm":
            words = words_of(_dict(event.get("attributes")).get("alarm")) or ["general"]
            for word in words:
                yield Alarm(word, at) if is_for_help(word) else Trouble.OTHER_ALARM
    for one in held:
        yield from _of_position(one)
    if not held and not event:
        yield Trouble.NO_PLACE


def _of_position(one: Mapping[str, Any]) -> Iterator[_Part]:
    """Read a position of a Traccar server: ``speed`` in **knots**, times of three kinds."""
    extras = _dict(one.get("attributes"))
    stamp = _first(one, "fixTime", "deviceTime", "serverTime")
    at, created_at = instant_of(stamp), instant_of(one.get("deviceTime"))
    yield from _alarms_in(extras, created_at or at)
    speed = number_of(one.get("speed"))
    moves = plain(extras.get("motion")) == "true" or bool(speed and speed > 0)
    yield _Sample(
        lat=one.get("latitude"),
        lon=one.get("longitude"),
        at=at,
        timeless=at is None and not _is_absent(stamp),
        created_at=created_at,
        has_fix=plain(one.get("valid")) not in {"false", "0"},
        still=not moves and at is not None and created_at is not None and created_at > at,
        accuracy_m=number_of(one.get("accuracy")),
        speed_mps=_scaled(speed, _MPS_PER_KNOT),
        heading_deg=number_of(one.get("course")),
        battery=_share(number_of(_first(extras, "batteryLevel", "battery")), percent=True),
    )


def _of_owntracks(found: Mapping[str, Any]) -> Iterator[_Part]:
    """Read a message of OwnTracks: ``vel`` in **km/h**, ``batt`` in percent, times in seconds.

    Others than positions (a waypoint, a card, a last will) tell nothing of where the device is.
    """
    kind = str(found.get("_type"))
    if kind == "encrypted":
        yield Trouble.ENCRYPTED
        return
    at = instant_of(found.get("tst"))
    created_at = instant_of(found.get("created_at"))
    yield from _alarms_in({k: v for k, v in found.items() if k != "event"}, created_at or at)
    if kind not in _PLACED:
        return
    yield _Sample(
        lat=found.get("lat"),
        lon=found.get("lon"),
        at=at,
        timeless=at is None and not _is_absent(found.get("tst")),
        created_at=created_at,
        # A ping says again where the device was, with that place's time.
        still=found.get("t") == "p",
        accuracy_m=number_of(found.get("acc")),
        speed_mps=_scaled(number_of(found.get("vel")), _MPS_PER_KMH),
        heading_deg=number_of(found.get("cog")),
        battery=_share(number_of(found.get("batt")), percent=True),
        fix_id=str(found["_id"])[:64] if found.get("_id") else None,
    )


def _first(fields: Mapping[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _share(value: float | None, *, percent: bool) -> float | None:
    """Return a charge as a share; one beyond 1 is percent whatever the form says."""
    if value is None or value < 0:
        return None
    return value / 100 if percent or value > 1 else value
