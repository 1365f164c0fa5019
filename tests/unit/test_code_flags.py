"""Every flag and attribute of the code sets has an effect: somewhere the program asks for it.

What follows from a code stands beside it in ``crisis/data``. A flag that nothing reads is a promise
that nobody keeps: a threat to life was one for a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from crisis.codes import code_sets
from crisis.endings import FIELDS
from crisis.obligation import ObligationKind

ROOT = Path(__file__).parents[2]
CODES = code_sets(date(2026, 11, 22))
#: A line asks for a flag where it speaks of flags; so for attributes.
ASKS_FLAG = re.compile(r"flag|\bhas\(|_has\(", re.IGNORECASE)
ASKS_ATTRIBUTE = re.compile(r"attribute|_each\(|case ", re.IGNORECASE)
#: Asked through what else carries the same words: a kind of obligation, a stage, a field.
BY_VALUE = {
    ("obligation_exception", "flag"): {kind.value for kind in ObligationKind},
    ("cancel_reason", "flag"): {stage.code for stage in CODES["cancel_stage"]},
    ("disposition", "attribute"): set(FIELDS),
}


def _sources() -> Iterator[list[str]]:
    for package in ("crisis", "dispatch", "geo", "web"):
        for path in (ROOT / package).rglob("*"):
            is_code = path.suffix in {".py", ".ts", ".tsx"}
            if not is_code or "node_modules" in path.parts or "messages" in path.parts:
                continue
            # The loader reads all of them, and the wire's types only name them.
            if path.name not in {"codes.py", "wire.ts"}:
                yield path.read_text().splitlines()


FILES = list(_sources())
#: A table of flags that a loop asks for one after the other.
LOOP = re.compile(r"\bif flag in flags\b")


def _declared(kind: str) -> list[tuple[str, str]]:
    return [
        (name, word)
        for name in CODES
        for word in sorted(CODES[name].flags if kind == "flag" else CODES[name].attributes)
        if word not in BY_VALUE.get((name, kind), ())
    ]


def _is_asked(word: str, asks: re.Pattern[str]) -> bool:
    quoted = re.compile(rf"""["'`]{word}["'`]""")
    return any(
        _asks_at(lines, at, asks)
        for lines in FILES
        for at, line in enumerate(lines)
        if quoted.search(line)
    )


def _asks_at(lines: list[str], at: int, asks: re.Pattern[str]) -> bool:
    """Whether what stands in a line asks for a flag: there, by its constant, or in a loop."""
    if asks.search(" ".join(lines[max(0, at - 1) : at + 2])):
        return True
    constant = re.match(r"(_?[A-Z_]+) = ", lines[at])
    if constant is not None:
        return any(constant[1] in line and asks.search(line) for line in lines)
    return any(LOOP.search(line) for line in lines)


@pytest.mark.parametrize(("name", "flag"), _declared("flag"))
def test_every_flag_is_asked_for_somewhere(name: str, flag: str) -> None:
    assert _is_asked(flag, ASKS_FLAG), f"{name}: nothing asks for the flag {flag}"


@pytest.mark.parametrize(("name", "attribute"), _declared("attribute"))
def test_every_attribute_is_asked_for_somewhere(name: str, attribute: str) -> None:
    assert _is_asked(attribute, ASKS_ATTRIBUTE), f"{name}: nothing asks for {attribute}"


@pytest.mark.parametrize("name", list(CODES))
def test_what_a_set_declares_some_code_of_it_carries(name: str) -> None:
    known = CODES[name]
    carried = {word for code in known for word in (*code.flags, *code.attributes)}
    assert (known.flags | known.attributes) <= carried


def test_a_flag_that_nothing_asks_for_would_be_found() -> None:
    assert not _is_asked("inmate_" + "exclusion", ASKS_FLAG)
