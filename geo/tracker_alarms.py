"""The words by which tracking devices call for help, told apart from all other alarms.

Decides which word means that somebody may be in danger. Must not know the forms of posts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

#: Words by which devices call for help, or say that their bearer may not be able to; compared
#: without case, spaces and marks. A bare "alarm" is taken for the worst that it can mean.
CALLS_FOR_HELP = frozenset(
    {
        *("sos", "panic", "emergency", "help", "distress", "duress", "mayday", "general"),
        *("falldown", "fall", "falldetected", "mandown", "nomovementalarm", "lonework"),
        *("accident", "crash", "collision", "crashdetected"),
        *("true", "yes", "on", "1", "alarm"),
    }
)
#: Fields that may hold an alarm's word, or, by their name alone, be one.
_ALARM_FIELDS = ("alarm", "alarms", "event", "alert")
_NAMED_ALARMS = ("sos", "panic", "emergency")
_NOTHING = frozenset({"", "0", "false", "no", "off", "none", "null"})
#: Said as events of every journey, by Traccar Client and OwnTracks: no alarms.
_OF_EVERY_DAY = frozenset(
    {
        *("motionchange", "heartbeat", "providerchange", "activitychange", "geofence", "location"),
        *("geofenceenter", "geofenceexit", "enter", "leave", "boot", "terminate", "schedule"),
        *("deviceonline", "deviceoffline", "devicemoving", "devicestopped", "deviceunknown"),
        *("ignitionon", "ignitionoff", "alarm", "getcurrentposition", "watchposition"),
    }
)


class Alarm(NamedTuple):
    """A call for help: its word, and when it was made by the device; ``None`` = it doesn't say."""

    word: str
    at: datetime | None


def alarms_in(fields: Mapping[str, Any], at: datetime | None) -> Iterator[Alarm | None]:
    """Yield what a mapping of a post says of alarms; ``None`` = one that calls for nobody."""
    for name in _NAMED_ALARMS:
        if plain(fields.get(name)) not in _NOTHING:
            yield Alarm(name, at)
    for name in _ALARM_FIELDS:
        for word in words_of(fields.get(name)):
            if word in _NOTHING or (name == "event" and word in _OF_EVERY_DAY | {"1"}):
                continue
            if is_for_help(word):
                yield Alarm(word, at)
            elif name != "event":
                yield None


def is_for_help(word: str) -> bool:
    """Whether an alarm's word calls for help; makers add to it what calls: ``sosButton``."""
    return word in CALLS_FOR_HELP or any(
        word.startswith(named) or word.endswith(named) for named in _NAMED_ALARMS
    )


def words_of(value: Any) -> list[str]:
    """Return the words of an alarm, of which there may be several."""
    if isinstance(value, Mapping):
        value = value.get("type")
    if isinstance(value, list):
        return [plain(one) for one in value]
    return [plain(one) for one in str("" if value is None else value).replace(";", ",").split(",")]


def plain(value: Any) -> str:
    """Return a word without case, spaces and marks; "" = there is none."""
    if value is None:
        return ""
    return "".join(c for c in str(value).lower() if c.isalnum())
