"""The administration's words in a person's language, out of the catalogs in ``messages``.

Decides which language a page is written in, and how a message is filled. English is the source: the
others have the same keys, and a key that is missing fails, at once and in the tests. Only refusals
differ: English has the service's own sentence, so that their catalogs hold the other languages
alone. Must not know any page.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple, get_args

from starlette.requests import Request

Locale = Literal["en", "es", "vi"]
LOCALES: tuple[Locale, ...] = get_args(Locale)
NAMES: Mapping[Locale, str] = {"en": "English", "es": "Español", "vi": "Tiếng Việt"}

#: What a person chose on this device; written by the pages' scripts.
LOCALE_COOKIE = "crisis_locale"
_REFUSAL = "refusal."
_PLACE = re.compile(r"\{(\w+)\}")
_MARKS: Mapping[Locale, tuple[str, str]] = {"en": (",", "."), "es": (",", "."), "vi": (".", ",")}


class Plural(NamedTuple):
    """A message by how many there are; a language without a form for one uses ``other``."""

    one: str
    other: str


Message = str | Plural
Catalog = Mapping[str, Message]


class Words:
    """The words of one language.

    Args:
        locale: the language.
        catalog: its messages by key.
    """

    def __init__(self, locale: Locale, catalog: Catalog) -> None:
        self.locale: Locale = locale
        self._catalog = catalog

    def __call__(self, key: str, /, **places: object) -> str:
        """Return a message with its places filled; ``n`` chooses between one and many.

        Raises:
            KeyError: there is no such message, or a place of it wasn't given.
        """
        message = self._catalog[key]
        if isinstance(message, Plural):
            message = message.one if places["n"] == 1 else message.other
        return _PLACE.sub(lambda found: self._value(places[found[1]]), message)

    def _value(self, value: object) -> str:
        return self.number(value) if isinstance(value, int | float) else str(value)

    def number(self, value: float) -> str:
        """Return a number as it is written in the language."""
        group, point = _MARKS[self.locale]
        text = f"{value:,.10g}"
        return text.translate({ord(","): group, ord("."): point})

    def has(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in self._catalog

    def code(self, area: str, code: object, otherwise: str | None = None) -> str:
        """Return a code in words.

        Args:
            otherwise: of a code that the catalogs don't know, as a county's own; ``None`` = the
                code itself, with spaces.
        """
        key = f"{area}.{code}"
        if key in self._catalog:
            return self(key)
        return str(code).replace("_", " ") if otherwise is None else otherwise

    def refusal(self, code: str, sentence: str, facts: Mapping[str, Any]) -> str:
        """Return a refusal in words; the service's own sentence where the catalog has none."""
        message = self._catalog.get(_REFUSAL + code)
        if not isinstance(message, str):
            return sentence
        if any(place not in facts for place in _PLACE.findall(message)):
            return sentence
        return self(_REFUSAL + code, **facts)


@cache
def words_in(locale: Locale) -> Words:
    """Return the words of a language."""
    return Words(locale, read_catalog(locale))


def read_catalog(locale: Locale) -> dict[str, Message]:
    """Return a language's messages by key, as its files have them.

    Raises:
        ValueError: a key stands in two files.
    """
    found: dict[str, Message] = {}
    folder = resources.files("web.admin") / "messages" / locale
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        for key, message in _leaves(tomllib.loads(file.read_text("utf-8"))):
            if key in found:
                raise ValueError(f"{locale}/{file.name}: {key} occurs twice")
            found[key] = message
    return found


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Message]]:
    for name, value in table.items():
        key = f"{above}{name}"
        if not isinstance(value, dict):
            yield key, str(value)
        elif "other" in value and value.keys() <= {"one", "other"}:
            other = str(value["other"])
            yield key, Plural(str(value.get("one", other)), other)
        else:
            yield from _leaves(value, f"{key}.")


def locale_of(request: Request) -> Locale:
    """Return the language of a request: the person's choice, else what the browser asks for."""
    chosen = request.cookies.get(LOCALE_COOKIE, "")
    for wanted in (chosen, *_accepted(request.headers.get("accept-language", ""))):
        for locale in LOCALES:
            if wanted.lower().partition("-")[0] == locale:
                return locale
    return "en"


def _accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the best first."""
    found = []
    for part in header.split(",")[:20]:
        name, _, given = part.partition(";")
        weight = given.strip().removeprefix("q=") if given else "1"
        if name.strip() and re.fullmatch(r"[01](\.\d{0,3})?", weight) and float(weight) > 0:
            found.append((-float(weight), name.strip()))
    return [name for _, name in sorted(found, key=lambda one: one[0])]
