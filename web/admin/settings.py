"""The settings of a policy as a form and a list show them: grouped, in words, with their units.

Decides how each value is entered and read back. What a value may be is ``crisis.policy``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from crisis.policy import CountyPolicy, Rationale, RungKind, SettingChange, diff, to_mapping
from crisis.roles import PEOPLE, Role
from crisis.standards import CountedFrom
from dispatch.run.rulebook import DEFAULT_POLICY
from web.admin.forms import Form
from web.admin.language import Words

#: Fields of a form that are settings begin so.
_SETTING = "set."
#: Marks a setting of several values as sent: what isn't ticked isn't sent.
_LIST = "list."
#: Said beside the settings, not among them.
HEAD = frozenset({"version", "effective_from"})
_LADDER = "offers.ladder"
_ROLES = frozenset({"telehealth.approvers", "clocks.back_entry_roles"})
_NUMBERS = frozenset({"waiting.deadline_warnings"})
_CHOICES: Mapping[str, Sequence[str]] = {
    "screening.rationale": [one.value for one in Rationale],
    "obligations.followup.counted_from": [one.value for one in CountedFrom],
}
#: Groups that only somebody who calibrates the service opens.
_ADVANCED = frozenset({"travel", "fixes", "clocks"})
_UNITS = ("mps", "s", "m", "days", "hours", "deg")

ROLES = sorted((role.value for role in PEOPLE), key=[role.value for role in Role].index)
RUNG_KINDS = [kind.value for kind in RungKind]


def groups(
    words: Words, before: CountyPolicy, given: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return all settings by their groups, the county's own first.

    Args:
        given: values that a form sent, by path; they stand in place of those in ``before``.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    defaults = dict(_leaves(to_mapping(DEFAULT_POLICY)))
    for path, value in _leaves(to_mapping(before)):
        if path not in HEAD:
            now = (given or {}).get(path, value)
            setting = _setting(words, path, now, value, defaults.get(path))
            found.setdefault(path.partition(".")[0] if "." in path else "", []).append(setting)
    made = [
        {
            "title": words(f"group.{name or 'general'}"),
            "is_advanced": name in _ADVANCED,
            "has_changes": any(one["is_changed"] for one in settings),
            "settings": settings,
        }
        for name, settings in found.items()
    ]
    return sorted(made, key=lambda group: bool(group["is_advanced"]))


def _setting(words: Words, path: str, value: Any, before: Any, default: Any) -> dict[str, Any]:
    unit = _unit(path)
    return {
        "path": path,
        "name": words(f"setting.{path}"),
        "unit": words(f"unit.name_{unit}") if unit else "",
        "kind": _kind(path, before),
        "text": _text(path, value),
        "shown": shown(words, path, value),
        "default": shown(words, path, default),
        "is_default": value == default,
        "is_changed": value != before,
        "given": value if isinstance(value, list) else [],
        "rungs": _rungs(value) if path == _LADDER else [],
        "options": _CHOICES.get(path, ()),
    }


def _kind(path: str, value: Any) -> str:
    if path in _ROLES:
        return "roles"
    if path == _LADDER:
        return "ladder"
    if path in _CHOICES:
        return "choice"
    return "yes_no" if isinstance(value, bool) else "text"


def _rungs(value: Any) -> list[dict[str, Any]]:
    given = value if isinstance(value, list) else []
    rows = [
        {"kind": one.get("kind", ""), "delay": _text("", one.get("delay_s", 0))} for one in given
    ]
    return rows + [{"kind": "", "delay": "0"}] * (len(RUNG_KINDS) - len(rows))


def read(form: Form, before: CountyPolicy) -> dict[str, Any]:
    """Return the values that a form sent, by path; what can't be read stays text."""
    known = dict(_leaves(to_mapping(before)))
    found: dict[str, Any] = {}
    for name, texts in form.fields.items():
        path = name.removeprefix(_SETTING)
        if name.startswith(_SETTING) and path not in _ROLES:
            # One that is no setting any more is kept, and told as a fault.
            found[path] = _value(path, texts[-1].strip(), known.get(path))
    for name in form.fields:
        path = name.removeprefix(_LIST)
        if name.startswith(_LIST) and path in _ROLES:
            found[path] = form.all(_SETTING + path)
        elif name.startswith(_LIST) and path == _LADDER:
            kinds, delays = form.all("rung.kind"), form.all("rung.delay")
            found[path] = [
                {"kind": kind, "delay_s": _value("", delay.strip() or "0", 0.0)}
                for kind, delay in zip(kinds, delays, strict=False)
                if kind
            ]
    return found


def flat(policy: CountyPolicy) -> list[tuple[str, Any]]:
    """Return every setting of a policy with its path."""
    return [(path, value) for path, value in _leaves(to_mapping(policy)) if path not in HEAD]


def merged(before: CountyPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping of a policy with what was given in place of what it had."""
    whole: dict[str, Any] = to_mapping(before)
    for path, value in given.items():
        *above, name = path.split(".")
        at: Any = whole
        for group in above:
            at = at.setdefault(group, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at[name] = value
    return whole


def changes(words: Words, before: CountyPolicy, after: CountyPolicy) -> list[dict[str, str]]:
    """Return every setting that differs, in words."""

    def line(change: SettingChange) -> dict[str, str]:
        return {
            "path": change.path,
            "name": words(f"setting.{change.path}"),
            "before": shown(words, change.path, change.before),
            "after": shown(words, change.path, change.after),
        }

    return [line(one) for one in diff(before, after) if one.path not in HEAD]


def shown(words: Words, path: str, value: Any) -> str:
    """Return a value in words, with its unit."""
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if path == _LADDER and isinstance(value, list):
        return "; ".join(_rung_text(words, one) for one in value)
    if path in _ROLES and isinstance(value, list):
        return ", ".join(words.code("role", one) for one in value) or words("none")
    if isinstance(value, list):
        return "; ".join(words.number(one) for one in value)
    if path in _CHOICES:
        return words.code("choice", value)
    if isinstance(value, int | float):
        return _with_unit(words, _unit(path), value)
    return str(value)


def _rung_text(words: Words, rung: Mapping[str, Any]) -> str:
    kind, delay = words.code("rung", rung["kind"]), rung["delay_s"]
    if not isinstance(delay, int | float):
        # It couldn't be read, and is told as a fault beside this.
        return f"{kind} {delay}"
    return words("policy.rung_after", rung=kind, time=duration(words, delay)) if delay else kind


def _with_unit(words: Words, unit: str, value: float) -> str:
    if unit == "s":
        return duration(words, value)
    return words(f"unit.{unit}", n=_plain(value)) if unit else words.number(_plain(value))


def duration(words: Words, seconds: float) -> str:
    """Return seconds as people say them: 1 h 30 min."""
    left, parts = seconds, []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        count = int(left // size)
        # A day and a half is told in hours, a minute and a half as it is.
        if count and not (unit == "d" and left % size):
            parts.append(words(f"unit.{unit}", n=count))
            left -= count * size
    if left or not parts:
        parts.append(words("unit.s", n=_plain(left)))
    return " ".join(parts)


def _plain(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _unit(path: str) -> str:
    for name in reversed(path.split(".")):
        for unit in _UNITS:
            if name == unit or name.endswith(f"_{unit}"):
                return unit
    return ""


def _leaves(value: object, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            leaf
            for name, inner in value.items()
            for leaf in _leaves(inner, f"{path}.{name}" if path else str(name))
        ]
    return [(path, value)]


def _text(path: str, value: object) -> str:
    """Return a value as it is typed in."""
    if isinstance(value, str):
        return value
    if path in _NUMBERS and isinstance(value, list):
        return "; ".join(str(one) for one in value)
    if isinstance(value, float):
        return str(_plain(value))
    return msgspec.json.encode(value).decode()


def _value(path: str, text: str, before: object) -> object:
    """Return what a field says; what can't be read stays text, and is told as a fault."""
    if isinstance(before, str):
        return text
    try:
        if path in _NUMBERS:
            return [float(part) for part in text.replace(",", ";").split(";") if part.strip()]
        found: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text
    # 60 and 60.0 are the same setting.
    if isinstance(before, float) and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    return found
