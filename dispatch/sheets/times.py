"""Times as spreadsheets, databases and dispatch systems hold them, and what they leave open.

Decides which day and time of day a cell says, and which instants that may mean. A local time that
came twice in an autumn night means two, one that the spring night left out means none. A cell may
say a day alone, or a time of day alone; whoever reads a row puts the two together. Must not know
what happened then.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dispatch.sheets.cells import is_nothing, tidy


class Order(StrEnum):
    """What stands first in a day that is all numbers, with the year last."""

    MONTH_FIRST = "month-first"
    DAY_FIRST = "day-first"


class Told(NamedTuple):
    """What a cell says of a time.

    Attributes:
        day: ``None`` = only a time of day.
        clock: since midnight; up to 24 hours. ``None`` = only a day.
        zone: ``None`` = it names none.
    """

    day: date | None
    clock: timedelta | None
    zone: tzinfo | None = None


#: Days that systems write for none at all: the first of their calendars.
_NO_DAYS = frozenset(
    {
        (1, 1, 1),
        (1601, 1, 1),
        (1753, 1, 1),
        (1840, 12, 31),
        (1858, 11, 17),
        (1899, 12, 30),
        (1899, 12, 31),
        (1900, 1, 0),
        (1900, 1, 1),
        (1904, 1, 1),
        (1969, 12, 31),
        (1970, 1, 1),
        (9999, 12, 31),
    }
)
#: Of these a time of day beside midnight was meant, and the day is only their first.
_CLOCK_DAYS = frozenset(
    {(1899, 12, 30), (1899, 12, 31), (1900, 1, 0), (1900, 1, 1), (1904, 1, 1), (1970, 1, 1)}
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Zones by letters, hours from UTC; of California's times only these say which side they are on.
_ZONES = {
    **dict.fromkeys(("Z", "UTC", "GMT"), 0),
    **dict.fromkeys(("PST",), -8),
    **dict.fromkeys(("PDT", "MST"), -7),
    **dict.fromkeys(("MDT", "CST"), -6),
    **dict.fromkeys(("CDT", "EST"), -5),
    **dict.fromkeys(("EDT",), -4),
}
_LETTERS = "|".join(_ZONES)
#: The same in words, and in brackets; the county's own without saying which side.
_LONG_ZONE = re.compile(
    r"\b(?P<z>[PMCE])(?:acific|ountain|entral|astern)\s+(?P<side>[SD])(?:tandard|aylight)\s+Time\b",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(rf"\(({_LETTERS}|PT)\)\s*$", re.IGNORECASE)
_OWN_ZONE = re.compile(
    r"\s*\b(?:Pacific(?:\s+Time)?|PT|America/Los_Angeles|US/Pacific)\s*$", re.IGNORECASE
)
_HALF = r"\s*(?P<half>[ap])\.?\s?m\b\.?"
_CLOCK = re.compile(
    rf"(?<![\d:])(?P<H>\d{{1,2}}):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,:](?P<f>\d{{1,9}}))?)?(?!\d)"
    rf"(?:{_HALF}|\s*(?P<letter>[ap])(?![a-z]))?"
    rf"|(?<![\d:])(?P<H2>\d{{1,2}}){_HALF.replace('half', 'half2')}",
    re.IGNORECASE,
)
#: As DB2 writes a time behind its day.
_DOTTED = re.compile(r"(?<=\d)-(\d\d)\.(\d\d)\.(\d\d)(\.\d{1,9})?$")
#: As SAS and web servers do: 01JUL2026:13:05:00, 01/Jul/2026:13:05:00.
_SAS = re.compile(r"(?<=[A-Za-z/-]\d{4}):(?=\d\d:)")
#: Behind a day, or before AM and PM, a dot between hour and minute can mean nothing else.
_POINTED = re.compile(
    r"(?:(?<=\d[ T])|(?<=\d, ))(\d{1,2})\.(\d\d)(?:\.(\d\d))?(?!\d|\.\d)"
    r"|(?<![\d.:])(\d{1,2})\.(\d\d)(?=\s*[ap]\.?\s?m\b)",
    re.IGNORECASE,
)
#: What holds neither a dot nor letters behind its clock, as nearly all times do.
_USUAL = re.compile(r"[\d/ :T-]*$")
#: As 14h30 and 14 h.
_WITH_H = re.compile(r"(?<![\d:.])(\d{1,2})\s?h\s?(\d\d)?(?:\s?m(?:in)?)?(?![\w:.])", re.IGNORECASE)
#: Eight digits of a day, and a time of four or six.
_COMPACT = re.compile(r"(20\d{6})[T\s]?(\d{4}|\d{6})(?=$|\s*(?:Z|[+-]\d\d))", re.IGNORECASE)
_ZONE = re.compile(
    rf"\s*(?:(?P<name>{_LETTERS})\b)?\s*"
    r"(?P<offset>[+-]\d\d?(?::?\d\d)?)?(?!\d)"
    r"(?:\s*\([A-Za-z ]*\))?",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?,?")
_MONTH = r"(?P<m>[a-z]{3})[a-z]*\.?"
#: The parts of a day that is all numbers, year last: read in the order of the file.
_EITHER = re.compile(
    r"(?<![\d/.-])(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d\d)(?!\d)"
)
_DAYS = tuple(
    re.compile(form)
    for form in (
        r"(?P<y>\d{4})[/.-](?P<m>\d{1,2})[/.-](?P<d>\d{1,2})",
        r"(?P<y>20\d\d)(?P<m>\d\d)(?P<d>\d\d)",
        rf"(?P<d>\d{{1,2}})[ -/]?{_MONTH}[ -/,]*(?P<y>\d{{4}}|\d\d)",
        rf"{_MONTH}\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}}|\d\d)",
        rf"(?P<y>\d{{4}})[ -/]{_MONTH}[ -/](?P<d>\d{{1,2}})",
    )
)
_NUMBER = re.compile(r"(\d+)(?:[.,](\d+))?")
#: Excel counts days from here; its numbers of this and the last century.
_EXCEL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock's
_EXCEL_DAYS = (36_526, 109_574)
#: Digits of a number that counts seconds since 1970, or fractions of them → their share.
_EPOCHS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
_DAY = timedelta(days=1)


def read_time(text: str, order: Order = Order.MONTH_FIRST) -> Told | None:
    """Return what a cell says of a time; ``None`` = nothing, in one of the ways to write that.

    Raises:
        ValueError: it is no time; says so.
    """
    plain = tidy(text)
    if is_nothing(plain):
        return None
    if re.fullmatch(r"[.,]\d+", plain):
        plain = f"0{plain}"
    if _NUMBER.fullmatch(plain):
        return _of_number(plain)
    if re.fullmatch(r"\d+(?:[.,]\d+)?e\+?\d+", plain, re.IGNORECASE):
        raise ValueError(f"{text} was rounded by the spreadsheet; give the column a format of time")
    return _of_text(plain, order)


def order_of(text: str) -> Order | None:
    """Return the order that a cell's day proves; ``None`` = it may be read both ways, or is none.

    A day in dots has its day first wherever it may.
    """
    found = _EITHER.search(tidy(text))
    if found is None:
        return None
    first, second = int(found["a"]), int(found["b"])
    if first > 12 >= second >= 1 and first <= 31:
        return Order.DAY_FIRST
    if second > 12 >= first >= 1 and second <= 31:
        return Order.MONTH_FIRST
    return Order.DAY_FIRST if found["sep"] == "." and second <= 12 else None


def is_open_order(text: str) -> bool:
    """Whether a cell's day reads as another one in the other order."""
    found = _EITHER.search(tidy(text))
    if found is None or order_of(text) is not None:
        return False
    return found["a"] != found["b"] and int(found["a"]) <= 12 and int(found["b"]) <= 12


def instants(text: str, zone: ZoneInfo, order: Order = Order.MONTH_FIRST) -> tuple[datetime, ...]:
    """Return the instants (UTC) that a written time may mean, earliest first.

    Args:
        zone: of times that name none.

    Raises:
        ValueError: it is no time, or the clocks were put forward over it; says so.
    """
    told = read_time(text, order)
    if told is None:
        raise _no_time(text)
    if told.clock is None:
        raise ValueError(f"{text} has no time of day")
    if told.day is None:
        raise ValueError(f"{text} has no day")
    return instants_at(told.day, told.clock, told.zone, zone, text)


def instants_at(
    day: date, clock: timedelta, own: tzinfo | None, zone: ZoneInfo, text: str
) -> tuple[datetime, ...]:
    """Return the instants of a time of day; see ``instants``.

    Args:
        own: the zone that the time names itself.
        text: as it was written, for a refusal.
    """
    wall = datetime.combine(day, time.min) + clock
    if own is not None:
        return (wall.replace(tzinfo=own).astimezone(UTC),)
    found = {
        instant
        for fold in (0, 1)
        for instant in (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC),)
        if instant.astimezone(zone).replace(tzinfo=None) == wall
    }
    if not found:
        raise ValueError(f"{text} did not occur: the clocks were put forward over it")
    return tuple(sorted(found))


def _of_number(text: str) -> Told | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise _no_time(text)
    whole, digits = found[1], len(found[1])
    value = float(f"{whole}.{found[2] or 0}")
    if digits in _EPOCHS and 946_684_800 <= value / _EPOCHS[digits] <= 7_258_118_400:
        at = datetime.fromtimestamp(0, UTC) + timedelta(
            microseconds=round(int(whole) * 10**6 / _EPOCHS[digits])
        )
        return Told(at.date(), _clock_of(at), UTC)
    if digits in (12, 14) and found[2] is None and whole.startswith("20"):
        return _of_text(f"{whole[:8]} {whole[8:]}", Order.MONTH_FIRST)
    if digits == 8 and found[2] is None:
        return _of_text(whole, Order.MONTH_FIRST)
    if _EXCEL_DAYS[0] <= value <= _EXCEL_DAYS[1]:
        # Its floats are right to about a millisecond.
        wall = _EXCEL_ZERO + timedelta(seconds=round(value * 86_400))
        return Told(wall.date(), None if found[2] is None else _clock_of(wall))
    if value == 0 and whole == "0":
        return None
    if 0 < value < 1:
        return Told(None, timedelta(seconds=round(value * 86_400)))
    if found[2] is None and digits in (3, 4):
        return Told(None, _clock(whole[:-2], whole[-2:], None, None, None, text))
    raise _no_time(text)


def _clock_of(wall: datetime) -> timedelta:
    return timedelta(
        hours=wall.hour,
        minutes=wall.minute,
        seconds=wall.second,
        microseconds=wall.microsecond,
    )


def _of_text(text: str, order: Order) -> Told | None:
    compact = _COMPACT.match(text)
    if compact is not None:
        digits = compact[2]
        text = (
            f"{compact[1]} {':'.join(digits[i : i + 2] for i in range(0, len(digits), 2))}"
            + (text[compact.end() :])
        )
    text = _SAS.sub(" ", _DOTTED.sub(r" \1:\2:\3\4", text))
    if not _USUAL.match(text):
        text = _with_colons(_with_letters(text))
    found = _CLOCK.search(text)
    clock, zone, rest = None, None, text
    if found is not None:
        clock = _clock(
            found["H"] or found["H2"],
            found["M"],
            found["S"],
            found["f"],
            found["half"] or found["half2"] or found["letter"],
            text,
        )
        zone, after = _zone(text[found.end() :], text)
        rest = f"{text[: found.start()]} {after}"
    rest = _WEEKDAY.sub(" ", rest.casefold()).strip(" ,")
    rest = re.sub(r"\s*(?:h|hrs?|hours|uhr)\.?$|^@|\s*@$|\s+at$|(?<=\d)\s*t$", "", rest).strip(" ,")
    if clock is None and (military := re.fullmatch(r"(?:(.*\d)\s+)?(\d{3,4})", rest)):
        # As radio logs write it: 6/30/2026 1405, 1405 hrs.
        rest, digits = military[1] or "", military[2]
        clock = _clock(digits[:-2], digits[-2:], None, None, None, text)
    if not rest:
        return Told(None, clock, zone)
    year, month, day = _day(rest, order, text)
    if month == day == 0 or (year, month, day) in _NO_DAYS:
        is_clock = clock and (year, month, day) in _CLOCK_DAYS
        return Told(None, clock, zone) if is_clock else None
    try:
        found_day = date(year, month, day)
    except ValueError:
        raise _no_time(text) from None
    if not 2000 <= year <= 2200:
        raise ValueError(f"{text} is not of this century")
    return Told(found_day, clock, zone)


def _with_letters(text: str) -> str:
    """Return a time with its zone by letters, where it is in words or brackets."""
    text = _IN_BRACKETS.sub(r"\1", text)
    text = _LONG_ZONE.sub(lambda found: f"{found['z']}{found['side']}T", text)
    return _OWN_ZONE.sub("", text)


def _with_colons(text: str) -> str:
    """Return a time with colons in it, where it has a dot or the hour's letter."""

    def colons(found: re.Match[str]) -> str:
        return ":".join(part for part in found.groups() if part)

    return _WITH_H.sub(lambda found: f"{found[1]}:{found[2] or '00'}", _POINTED.sub(colons, text))


def _zone(after: str, text: str) -> tuple[tzinfo | None, str]:
    """Return the zone that a time is followed by, and what follows the zone."""
    found = _ZONE.match(after)
    if found is None or not (found["name"] or found["offset"]):
        return None, re.sub(r"^\s*(?:PT|Pacific)\b", "", after, flags=re.IGNORECASE)
    rest = after[found.end() :]
    again = _ZONE.match(rest)
    if again is not None and (again["name"] or again["offset"]):
        raise ValueError(f"{text} names two zones")
    if found["offset"]:
        sign, digits = found["offset"][0], found["offset"][1:].replace(":", "")
        hours, minutes = (digits, "0") if len(digits) <= 2 else (digits[:-2], digits[-2:])
        away = timedelta(hours=int(hours), minutes=int(minutes))
        if away >= _DAY:
            raise _no_time(text)
        return timezone(-away if sign == "-" else away), rest
    return timezone(timedelta(hours=_ZONES[found["name"].upper()])), rest


def _clock(
    hour: str,
    minute: str | None,
    second: str | None,
    fraction: str | None,
    half: str | None,
    text: str,
) -> timedelta:
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            raise _no_time(text)
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    parts = float(f"0.{fraction}") if fraction else 0.0
    found = timedelta(hours=hours, minutes=minutes, seconds=seconds + parts)
    if minutes > 59 or seconds > 59 or found > _DAY:
        raise _no_time(text)
    return found


def _day(rest: str, order: Order, text: str) -> tuple[int, int, int]:
    either = _EITHER.fullmatch(rest)
    if either is not None:
        first, second, year = int(either["a"]), int(either["b"]), int(either["y"])
        if either["sep"] == "." and order_of(rest) is Order.DAY_FIRST:
            order = Order.DAY_FIRST
        month, day = (second, first) if order is Order.DAY_FIRST else (first, second)
        long_ago = len(either["y"]) == 2 and month + day > 0
        return (year + 2000 if long_ago else year), month, day
    for form in _DAYS:
        parts = form.fullmatch(rest)
        if parts is None:
            continue
        year, word = int(parts["y"]), parts["m"]
        if not word.isdigit() and word not in _MONTHS:
            break
        month = int(word) if word.isdigit() else _MONTHS.index(word) + 1
        return (year + 2000 if len(parts["y"]) == 2 else year), month, int(parts["d"])
    raise _no_time(text)


def _no_time(text: str) -> ValueError:
    return ValueError(f"{text} is no time; write it like 2026-03-08 13:45 or 3/8/2026 1:45 PM")
