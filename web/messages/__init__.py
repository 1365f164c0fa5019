"""The words that people read: a folder for each language, a file for each page or list of codes.

Decides what a language has to say, and finds what it lacks. English is the source: every other
language has its keys, with the same places. Two things are in other languages alone, because the
service says them in English itself: the labels of codes (``crisis/data``) and why it refuses.
Files under ``admin`` are the administration's, all others the pages'. Standard library only: it is
read before anything of the project is installed. Must not know who shows a word.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parent
_CODES = FOLDER.parents[1] / "crisis" / "data"
ENGLISH = "en"
#: Codes of languages: browsers know the names of most, so that no catalog needs to.
_LANGUAGE = "language_"
_PLACE = re.compile(r"\{(\w+)\}")


class Plural(NamedTuple):
    """A message by how many there are; ``one`` is ``None`` where the language has no such form."""

    one: str | None
    other: str


Message = str | Plural
#: The names of the tables that a message stands in, and its own.
Key = tuple[str, ...]
Section = Mapping[Key, Message]


def languages(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the languages, English first."""
    others = {path.parent.name for path in folder.glob("*/language.toml")} - {ENGLISH}
    return (ENGLISH, *sorted(others))


LANGUAGES = languages()


def files(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of the files that any language has, like ``board`` or ``admin/pages``."""
    found = {
        path.relative_to(folder / language).with_suffix("").as_posix()
        for language in languages(folder)
        for path in (folder / language).rglob("*.toml")
    }
    return tuple(sorted(found))


@cache
def labels() -> Mapping[str, Mapping[str, str]]:
    """Return the English words of codes: set → code → its newest label."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(_CODES.glob("codes_*.toml")):
        for one in tomllib.loads(path.read_text("utf-8"))["set"]:
            found[one["name"]] = {code["code"]: code["label"] for code in one["codes"]}
    return found


def section(language: str, name: str, folder: Path = FOLDER) -> Section:
    """Return the messages of a file; none where the language needs no such file.

    English names the ``sets`` whose labels belong to the file.
    """
    table = _table(language, name, folder)
    sets = table.pop("sets", ())
    found = dict(_leaves(table))
    others = [_table(one, name, folder) for one in languages(folder) if sets and one != language]
    for of in sets:
        for code, label in labels()[of].items():
            if not code.startswith(_LANGUAGE) or any(code in one.get(of, ()) for one in others):
                found[of, code] = label
    return found


def _table(language: str, name: str, folder: Path) -> dict[str, Any]:
    path = folder / language / f"{name}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def _leaves(table: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Message]]:
    for name, value in table.items():
        key = (*above, name)
        if not isinstance(value, dict):
            yield key, str(value)
        elif "other" in value and value.keys() <= {"one", "other"}:
            yield key, Plural(value.get("one"), value["other"])
        else:
            yield from _leaves(value, key)


def places(message: Message) -> frozenset[str]:
    """Return the places of a message, in all its forms."""
    forms = (message,) if isinstance(message, str) else (message.one or "", message.other)
    return frozenset(place for form in forms for place in _PLACE.findall(form))


def faults(folder: Path = FOLDER) -> list[str]:
    """Return what the languages lack, or say at odds with each other; empty = all is well."""
    english, *others = languages(folder)
    found: list[str] = []
    for name in files(folder):
        own = _sets_in(dict(_leaves(_table(english, name, folder))))
        found += [f"{english}/{name}: the labels of {one} stand in crisis/data" for one in own]
        sections = {one: section(one, name, folder) for one in others}
        # What the service itself says in English must be the same in all others.
        source = section(english, name, folder) or next(iter(sections.values()))
        for one, messages in sections.items():
            where = f"{one}/{name}"
            found += _codes_at_odds(where, messages)
            found += _unlike(where, source, messages)
    return found


def _sets_in(messages: Section) -> list[str]:
    return sorted({key[0] for key in messages if len(key) > 1} & labels().keys())


def _codes_at_odds(where: str, messages: Section) -> Iterator[str]:
    for name in _sets_in(messages):
        known, said = labels()[name].keys(), {key[1] for key in messages if key[0] == name}
        lacking = {code for code in known - said if not code.startswith(_LANGUAGE)}
        yield from (f"{where}: lacks {name}.{code}" for code in sorted(lacking))
        yield from (f"{where}: no code: {name}.{code}" for code in sorted(said - known))


def _unlike(where: str, source: Section, messages: Section) -> Iterator[str]:
    # Of the sets English names only those whose words it needs.
    sets = _sets_in(messages)
    for key in sorted(source.keys() ^ messages.keys()):
        if key[0] not in sets or len(key) == 1:
            yield f"{where}: {'lacks' if key in source else 'alone has'} {'.'.join(key)}"
    for key in sorted(source.keys() & messages.keys()):
        if isinstance(source[key], str) != isinstance(messages[key], str):
            yield f"{where}: counts in one language only: {'.'.join(key)}"
        if places(source[key]) != places(messages[key]):
            yield f"{where}: other places: {'.'.join(key)}"
