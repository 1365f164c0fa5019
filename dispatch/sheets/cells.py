"""What a cell says: nothing, in all the ways to write that; yes or no; a number; a duration.

Must not know which column it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from math import isfinite

#: How databases, spreadsheets and people write that there is nothing.
_NOTHING = frozenset(
    {
        *("", "-", "--", "---", "\N{EM DASH}", "\N{EN DASH}", ".", "..", "?", "??"),
        *("/ /", "//", ": :", "__/__/____"),
        *("null", "(null)", "<null>", "[null]", "nil", "none", "(none)", "\\n", "nan", "nat"),
        *("n/a", "na", "n.a.", "#n/a", "#value!", "#ref!", "#null!", "#num!", "#div/0!", "#name?"),
        *("undefined", "blank", "(blank)", "(vacío)", "empty", "missing", "not applicable"),
        *("not available", "not recorded", "unk", "tbd", "#########", "########"),
    }
)
#: Spaces that aren't seen, and such as belong to no word.
_SPACES = re.compile(r"[\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff]")
_YES, _NO = (
    frozenset({"yes", "y", "true", "t", "1", "x", "si", "sí"}),
    frozenset({"", "no", "n", "false", "f", "0"}),
)
_SECONDS: Mapping[str, float] = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(
    r"(?P<n>\d{1,3}(?:,\d{3})+|\d+(?:[.,]\d+)?)\s*"
    r"(?P<unit>d(?:ays?)?|h(?:(?:ou)?rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])"
    r"\.?,?\s*(?:and\s+)?",
    re.IGNORECASE,
)
#: What a clock's reading may be followed by: which part stands first, or half of which day Excel
#: took it for.
_CLOCKS_UNIT = re.compile(
    r"(?<=:\d\d)\s*(?:(?P<unit>h|m)(?:ou)?(?:in)?(?:ute)?r?s?\.?|(?P<half>[ap])\.?\s?m\.?)$",
    re.IGNORECASE,
)
#: As 1h05, whose minutes say no more.
_HOURS = re.compile(r"(\d{1,3})\s?h\s?(\d\d)", re.IGNORECASE)
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:(?P<d>\d+)(?:\.|\s*days?,?\s*))?(?P<a>\d+):(?P<b>\d\d)(?::(?P<c>\d\d(?:[.,]\d+)?))?",
    re.IGNORECASE,
)
#: What Excel writes before a duration that stands in a format of day and time.
_EXCEL_DAY = re.compile(r"(?:1899-12-3[01]|1900-01-0[01]|[01]/0/1900|12/3[01]/1899)[ T]+")


def tidy(text: str) -> str:
    """Return a cell without what isn't seen: spaces at its ends and of other kinds, quotes."""
    plain = _SPACES.sub(" ", _UNSEEN.sub("", text)).strip()
    # As spreadsheets keep text from being taken for a number.
    if plain.startswith('="') and plain.endswith('"'):
        plain = plain[2:-1].strip()
    return plain.lstrip("'") if plain[:1] == "'" else plain


def is_nothing(text: str) -> bool:
    """Whether a tidy cell says that there is nothing."""
    return text.casefold() in _NOTHING


def told(text: str) -> str:
    """Return a cell's content; "" = it says nothing."""
    plain = tidy(text)
    return "" if is_nothing(plain) else plain


def yes_or_no(text: str) -> bool | None:
    """Return what a cell says; ``None`` = neither."""
    word = told(text).casefold()
    if word in _YES:
        return True
    return False if word in _NO else None


def number(text: str) -> float:
    """Return a number, whatever separates its thousands and its decimals.

    Raises:
        ValueError: it is none, or not finite.
    """
    plain = tidy(text).replace("\N{MINUS SIGN}", "-").replace(" ", "").replace("'", "")
    commas, dots = plain.count(","), plain.count(".")
    if commas and dots:
        # Whichever stands last is the decimal one.
        thousands = "," if plain.rfind(".") > plain.rfind(",") else "."
        plain = plain.replace(thousands, "").replace(",", ".")
    elif commas > 1 or re.fullmatch(r"-?[1-9]\d{0,2},\d00", plain):
        plain = plain.replace(",", "")
    elif dots > 1:
        plain = plain.replace(".", "")
    else:
        plain = plain.replace(",", ".")
    if not re.fullmatch(r"[+-]?\d*\.?\d+(?:e[+-]?\d+)?", plain, re.IGNORECASE):
        raise ValueError(f"{text} is no number")
    found = float(plain)
    if not isfinite(found):
        raise ValueError(f"{text} is too large a number")
    return found


def duration(text: str, unit: str, first: str | None = None) -> timedelta:
    """Return how long a cell says that something took.

    Args:
        unit: of a bare number: ``d``, ``h``, ``m`` or ``s``.
        first: of the first part of ``45:30``: ``h`` or ``m``; ``None`` = as of a bare number.

    Raises:
        ValueError: it is no duration, or longer than any.
    """
    try:
        return _duration(text, unit, first or ("m" if unit in ("m", "s") else "h"))
    except OverflowError:
        raise ValueError(f"{text} is too long for a duration") from None


def _duration(text: str, unit: str, first: str) -> timedelta:
    plain, found = _EXCEL_DAY.subn("", tidy(text))
    is_of_day = found > 0
    late = timedelta(0)
    if followed := _CLOCKS_UNIT.search(plain):
        plain = plain[: followed.start()]
        if followed["half"]:
            late = timedelta(hours=12 if followed["half"] in "pP" else 0)
            plain = re.sub(r"^12(?=:)", "0", plain)
        is_of_day = is_of_day or (followed["unit"] or "h") in "hH"
    first = "h" if is_of_day else first
    try:
        if whole := re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
            return timedelta(seconds=_SECONDS[unit] * float(whole[0].replace(",", "")))
        seconds = _SECONDS[unit] * number(plain)
        # A spreadsheet's fraction of a day is right to about a second.
        return timedelta(seconds=round(seconds) if unit == "d" else seconds)
    except ValueError:
        pass
    if iso := _ISO.fullmatch(plain):
        if any(iso.groups()):
            days, hours, minutes, seconds = (float(part or 0) for part in iso.groups())
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    elif clock := _CLOCK.fullmatch(plain):
        return late + _of_clock(clock, first)
    elif lone := _HOURS.fullmatch(plain):
        return timedelta(hours=int(lone[1]), minutes=int(lone[2]))
    parts = list(_PART.finditer(plain))
    if not parts or "".join(part[0] for part in parts) != plain:
        raise ValueError(f"{text} is no duration; write it like 45 min or 0:45:00")
    return timedelta(
        seconds=sum(_SECONDS[part["unit"][0].lower()] * number(part["n"]) for part in parts)
    )


def _of_clock(found: re.Match[str], unit: str) -> timedelta:
    first, second = int(found["a"]), int(found["b"])
    days = timedelta(days=int(found["d"] or 0))
    if found["c"] is not None:
        seconds = float(found["c"].replace(",", "."))
        return days + timedelta(hours=first, minutes=second, seconds=seconds)
    if second > 59:
        # Minutes or seconds? The shorter reading would be the better one.
        raise ValueError(f"{found[0]} is no duration; write it like 45 min or 0:45:00")
    if unit == "m" and found["d"] is None:
        return timedelta(minutes=first, seconds=second)
    return days + timedelta(hours=first, minutes=second)
