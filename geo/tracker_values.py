"""Reads the values that tracking apps send: numbers as they are written, and instants that may be.

Decides which instant is meant where a device counts from another epoch. Must not know the forms.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

#: Unix times from here on are milli-, micro- or nanoseconds (as seconds: beyond the year 2286).
_STEPS = ((10_000_000_000_000_000, 1e9), (10_000_000_000_000, 1e6), (10_000_000_000, 1e3))
_LAST_S = 253_402_300_799  # the end of the year 9999, where datetime ends
#: From where on a device's clock is taken for wrong; as ``geo.fix`` judges phones.
_AHEAD, _BEHIND = timedelta(seconds=60), timedelta(days=2)
#: What devices count from by mistake. Safari may count from 2001, Apple's own epoch, what is told
#: as counted from 1970; receivers whose firmware is old lose 1,024 weeks each time that the GPS
#: week number begins anew.
_EPOCHS = (
    timedelta(seconds=978_307_200),
    timedelta(weeks=1_024),
    timedelta(weeks=2_048),
)
_COMPACT_ZONE = re.compile(r"([+-]\d{2})(\d{2})?$")
#: A form makes a space of the plus before a zone.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d{2}(?::?\d{2})?$)")
_FOREIGN_DIGIT = re.compile(r"[^\W\D0-9]")


def number_of(value: Any) -> float | None:
    """Return a number, however it is written; ``None`` = it is none, or not finite."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = _plain(value).replace("\u2212", "-").replace("\u066b", ".")
        if text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def known(value: float | None) -> float | None:
    """Return the value; ``None`` for the apps' "unknown", which is a negative number."""
    return value if value is not None and 0 <= value < math.inf else None


def instant_of(value: Any) -> datetime | None:
    """Read Unix seconds or finer, or ISO 8601; one without a zone is UTC. ``None`` = neither."""
    number = number_of(value)
    if number is not None:
        return _unix(number)
    if not isinstance(value, str):
        return None
    text = _whole(_plain(value))
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        try:
            instant = datetime.fromisoformat(_COMPACT_ZONE.sub(_with_colon, text))
        except ValueError:
            return None
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        return None


def _plain(text: str) -> str:
    """Return a value in the digits that are read here; phones write those of their language."""
    return _FOREIGN_DIGIT.sub(lambda found: str(int(found[0])), text.strip())


def _whole(text: str) -> str:
    """Return a time of day and its zone with the plus that a form took from between them."""
    day, mark, clock = text.partition("T" if "T" in text else ":")
    return day + mark + _LOST_PLUS.sub("+", clock)


def _with_colon(found: re.Match[str]) -> str:
    return f"{found.group(1)}:{found.group(2) or '00'}"


def _unix(value: float) -> datetime | None:
    for first, factor in _STEPS:
        if value >= first:
            value /= factor
            break
    return datetime.fromtimestamp(value, UTC) if 0 <= value <= _LAST_S else None


def mended(at: datetime, now: datetime) -> datetime | None:
    """Return the instant that a device means; ``None`` = its clock is wrong beyond mending."""
    for shift in (timedelta(0), *_EPOCHS):
        try:
            meant = at + shift
        except OverflowError:
            continue
        if now - _BEHIND <= meant <= now + _AHEAD:
            return meant
    return None
