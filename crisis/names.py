"""What somebody probably meant by a name that nobody knows: a field, a column, a setting.

Decides which known name is near enough to be offered. Names that people and programs send are
somebody else's text: what is given back of one is short and printable.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: Of a name that was sent no more than this is compared or given back.
LONGEST = 64


def likely(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to ``name``; ``None`` = none is near."""
    wanted = _plain(name)
    words = {_plain(one): one for one in known}
    near = get_close_matches(wanted, words, n=1)
    if near:
        return words[near[0]]
    # A short form of it, or its first or last word alone: "lat" is "lat_deg".
    parts = [one for one in words if len(wanted) >= 3 and wanted in one]
    return words[parts[0]] if len(parts) == 1 else None


def shown(name: str) -> str:
    """Return a name that was sent, fit to be given back."""
    return "".join(letter for letter in name[:LONGEST] if letter.isprintable())


def asked_back(name: str, known: Iterable[str]) -> str:
    """Return the name with the likely one behind it: ``hrd (hard?)``."""
    near = likely(name, known)
    return shown(name) if near is None else f"{shown(name)} ({near}?)"


def _plain(name: str) -> str:
    return name[:LONGEST].strip().casefold().replace(" ", "_").replace("-", "_")
