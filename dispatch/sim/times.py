"""Times as spreadsheets hold them: with or without zone, and on the nights of a clock change.

Decides which instants a written time may mean. A local time that came twice in an autumn night
means two, one that the spring night left out means none. Must not know what happened then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

_CLOCK = r"(?P<H>\d{1,2}):(?P<M>\d\d)(:(?P<S>\d\d)(\.\d{1,9})?)?\s*((?P<half>[ap])\.?m\.?)?"
#: Beside ISO 8601: as spreadsheets and dispatch systems of the United States write them. The month
#: goes before the day, unless it is a word.
_FORMS = tuple(
    re.compile(rf"{day},?\s+{_CLOCK}", re.IGNORECASE)
    for day in (
        r"(?P<m>\d{1,2})[/-](?P<d>\d{1,2})[/-](?P<y>\d{4}|\d\d)",
        r"(?P<y>\d{4})[/-](?P<m>\d{1,2})[/-](?P<d>\d{1,2})",
        r"(?P<d>\d{1,2})[ -](?P<m>[a-z]{3})[a-z]*\.?[ -](?P<y>\d{4}|\d\d)",
        r"(?P<m>[a-z]{3})[a-z]*\.?\s+(?P<d>\d{1,2}),?\s+(?P<y>\d{4})",
    )
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Zones by letters, hours from UTC; of California's times only these say which side they are on.
_ZONES = {"UTC": 0, "GMT": 0, "PST": -8, "PDT": -7}
_ZONE = re.compile(rf"(?P<time>.+?)\s*\b(?P<zone>{'|'.join(_ZONES)})", re.IGNORECASE)
_DAY_NUMBER = re.compile(r"\d{5}(\.\d+)?")


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
    if _DAY_NUMBER.fullmatch(text):
        raise ValueError(
            f"{text} is a spreadsheet's number of a day; give the column a format of date and time"
        )
    if ":" not in text and "T" not in text.upper():
        raise ValueError(f"{text} has no time of day")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _by_form(text)
    if not 2000 <= found.year <= 2200:
        raise ValueError(f"{text} is not of this century")
    return found


def _by_form(text: str) -> datetime:
    """Return the time of one of the forms, or of an ISO one with a zone by letters."""
    zoned = _ZONE.fullmatch(text)
    if zoned is None:
        return _wall(text)
    try:
        wall = datetime.fromisoformat(zoned["time"])
    except ValueError:
        wall = _wall(zoned["time"])
    if wall.tzinfo is not None:
        raise ValueError(f"{text} names two zones")
    return wall.replace(tzinfo=timezone(timedelta(hours=_ZONES[zoned["zone"].upper()])))


def _wall(text: str) -> datetime:
    """Return a time without zone."""
    parts = next((found for form in _FORMS if (found := form.fullmatch(text))), None)
    if parts is None:
        raise _no_time(text)
    year = int(parts["y"])
    try:
        return datetime(  # noqa: DTZ001 - the zone is the caller's
            year + 2000 if year < 100 else year,
            _month(parts["m"]),
            int(parts["d"]),
            _hour(int(parts["H"]), parts["half"]),
            int(parts["M"]),
            int(parts["S"] or 0),
        )
    except ValueError:
        raise _no_time(text) from None


def _no_time(text: str) -> ValueError:
    return ValueError(f"{text} is no time; write it like 2026-03-08 13:45 or 3/8/2026 1:45 PM")


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text.lower()) + 1


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("of no half of a day")
    return hour % 12 + (12 if half.lower() == "p" else 0)
