"""Times as spreadsheets hold them: with or without zone, and on the nights of a clock change.

Decides which instants a written time may mean. A local time that came twice in an autumn night
means two, one that the spring night left out means none. Must not know what happened then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

#: Beside ISO 8601: as spreadsheets of the United States write them.
_FORMATS = (
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%y %H:%M",
    "%m/%d/%y %I:%M %p",
)


def instants(text: str, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Return the instants (UTC) that a written time may mean, earliest first.

    Args:
        zone: of times that name none.

    Raises:
        ValueError: it is no time, or the clocks were put forward over it; says so.
    """
    wall = _parsed(text.strip())
    if wall.tzinfo is not None:
        return (wall.astimezone(UTC),)
    found = {
        instant
        for fold in (0, 1)
        for instant in (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC),)
        if instant.astimezone(zone).replace(tzinfo=None) == wall
    }
    if not found:
        raise ValueError(f"{text} did not occur: the clocks were put forward over it")
    return tuple(sorted(found))


def _parsed(text: str) -> datetime:
    if ":" not in text and "T" not in text.upper():
        raise ValueError(f"{text} has no time of day")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _by_format(text)
    if not 2000 <= found.year <= 2200:
        raise ValueError(f"{text} is not of this century")
    return found


def _by_format(text: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the caller's
        except ValueError:
            continue
    raise ValueError(f"{text} is no time; write it like 2026-03-08 13:45 or 3/8/2026 1:45 PM")
