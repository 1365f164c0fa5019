"""The administration's words in a person's language, out of ``web.messages``.

Decides which language a page is written in, and how a message is filled. A key that is missing
fails, at once and in the tests; only refusals differ: where a language has no words for one, as
English never has, the service's own sentence is shown. Must not know any page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from starlette.requests import Request

from web import messages
from web.messages import ENGLISH, LANGUAGES, Message, Plural

#: What a person chose on this device; written by the pages' scripts.
LOCALE_COOKIE = "crisis_locale"
_REFUSAL = "refusal."
#: The files with the administration's words → what stands before their keys.
_FILES: Mapping[str, str] = {
    "admin/codes": "",
    "admin/pages": "",
    "admin/problems": "problem.",
    "admin/refusals": _REFUSAL,
    "admin/settings": "",
    "codes": "",
    "language": "language.",
    "outages": _REFUSAL,
    "refusals": _REFUSAL,
    "standards": "",
}
_PLACE = re.compile(r"\{(\w+)\}")

Catalog = Mapping[str, Message]


class Words:
    """The words of one language.

    Args:
        locale: the language.
        catalog: its messages by key.
    """

    def __init__(self, locale: str, catalog: Catalog) -> None:
        self.locale = locale
        self._catalog = catalog

    def __call__(self, key: str, /, **places: object) -> str:
        """Return a message with its places filled; ``n`` chooses between one and many.

        Raises:
            KeyError: there is no such message, or a place of it wasn't given.
        """
        message = self._catalog[key]
        if isinstance(message, Plural):
            one = message.one if places["n"] == 1 else None
            message = message.other if one is None else one
        return _PLACE.sub(lambda found: self._value(places[found[1]]), message)

    def _value(self, value: object) -> str:
        return self.number(value) if isinstance(value, int | float) else str(value)

    def number(self, value: float) -> str:
        """Return a number as it is written in the language."""
        marks = str.maketrans(",.", self("language.group") + self("language.point"))
        return f"{value:,.10g}".translate(marks)

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
        if not isinstance(message, str) or self.locale == ENGLISH:
            return sentence
        if any(place not in facts for place in _PLACE.findall(message)):
            return sentence
        return self(_REFUSAL + code, **facts)


@cache
def words_in(locale: str) -> Words:
    """Return the words of a language."""
    return Words(locale, read_catalog(locale))


def names() -> list[tuple[str, str]]:
    """Return each language with its own name."""
    return [(one, words_in(one)("language.name")) for one in LANGUAGES]


def read_catalog(locale: str) -> dict[str, Message]:
    """Return a language's messages by key, as its files have them.

    Raises:
        ValueError: a key stands in two files.
    """
    found: dict[str, Message] = {}
    for file, before in _FILES.items():
        for path, message in messages.section(locale, file).items():
            key = before + ".".join(path)
            if key in found:
                raise ValueError(f"{locale}/{file}: {key} occurs twice")
            found[key] = message
    return found


def locale_of(request: Request) -> str:
    """Return the language of a request: the person's choice, else what the browser asks for."""
    chosen = request.cookies.get(LOCALE_COOKIE, "")
    for wanted in (chosen, *_accepted(request.headers.get("accept-language", ""))):
        language = wanted.lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return ENGLISH


def _accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the best first."""
    found = []
    for part in header.split(",")[:20]:
        name, _, given = part.partition(";")
        weight = given.strip().removeprefix("q=") if given else "1"
        if name.strip() and re.fullmatch(r"[01](\.\d{0,3})?", weight) and float(weight) > 0:
            found.append((-float(weight), name.strip()))
    return [name for _, name in sorted(found, key=lambda one: one[0])]
