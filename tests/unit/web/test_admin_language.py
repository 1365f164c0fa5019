"""The administration's words: whole in every language, and chosen as the person wants."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

import pytest
from starlette.requests import Request

import web.admin
from crisis import policy
from crisis.codes import code_sets
from crisis.refusal_codes import REFUSAL_CODES
from crisis.responder import PresenceMode, Uncounted
from crisis.standards import packaged
from crisis.team import Duty
from dispatch.run.rulebook import DEFAULT_POLICY
from web.admin import settings
from web.admin.imports import KINDS
from web.admin.language import locale_of, names, read_catalog, words_in
from web.admin.tokens import SCOPES

HERE = Path(web.admin.__file__).parent
ROOT = HERE.parents[1]
#: Where the refusals are made that somebody at these pages can meet.
ORIGINS = (
    "web/admin",
    "dispatch/beside.py",
    "dispatch/run/imports",
    "dispatch/sheets",
    "dispatch/store/administration.py",
    "dispatch/decide/roster.py",
    "dispatch/decide/shifts.py",
)


@pytest.mark.parametrize("locale", ["es", "vi"])
def test_the_languages_are_not_english(locale: str) -> None:
    english, other = read_catalog("en"), read_catalog(locale)
    same = {key for key in english if english[key] == other[key]}
    # Symbols and names are the same everywhere.
    assert len(same) < 30, sorted(same)


def test_every_refusal_that_these_pages_can_meet_is_told_in_every_language() -> None:
    told = {
        key.removeprefix("refusal.") for key in read_catalog("es") if key.startswith("refusal.")
    }
    met: set[str] = set()
    for origin in ORIGINS:
        path = ROOT / origin
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            met |= codes_in(file)
    assert met - told == set()
    row_codes = {code for code in told if code.startswith(("row_", "file_"))}
    assert told - row_codes <= REFUSAL_CODES, "a refusal that there isn't any more"


def codes_in(file: Path) -> set[str]:
    """Return the codes of refusals and of rows that can't be used, as a file makes them."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in REFUSALS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


REFUSALS = {"Invalid", "NotFound", "NotAllowed", "NotSignedIn", "Conflict", "Unusable", "BadFile"}


def test_every_message_that_a_page_asks_for_is_there() -> None:
    english = read_catalog("en")
    asked: set[str] = set()
    for file in (HERE / "templates").glob("*.html"):
        text = file.read_text()
        asked |= set(re.findall(r'\bt\("([\w.]+)"[,)]', text))
        for heads in re.findall(r"m\.head\(([^)]*)\)", text):
            asked |= {name.lstrip("#") for name in re.findall(r'"([^"]+)"', heads)}
    for file in HERE.glob("*.py"):
        text = file.read_text()
        asked |= set(re.findall(r'\bwords\(\s*"([\w.]+)"[,)]', text))
        asked |= {f"fault.{key}" for key in re.findall(r'\bFault\("(\w+)"', text)}
    assert len(asked) > 200
    assert asked - english.keys() == set()


def test_every_code_and_setting_has_words() -> None:
    words = words_in("en")
    sets = code_sets(date(2026, 11, 1))
    known = {
        "role": settings.ROLES,
        "role_may": settings.ROLES,
        "rung": settings.RUNG_KINDS,
        "duty": [one.value for one in Duty],
        "present": [one.value for one in PresenceMode],
        "uncounted": [one.value for one in Uncounted],
        "scope": [scope for group in SCOPES.values() for scope in group],
        "setting": [path for path, _ in settings.flat(DEFAULT_POLICY)],
        "standard": [one.key for one in packaged().facts],
        "standard_value": [str(one.value) for one in packaged().facts if not _is_number(one.value)],
    }
    for name in ("provider_type", "competency", "team_capability"):
        known[name] = [one.code for one in sets[name]]
    missing = [f"{a}.{c}" for a, of in known.items() for c in of if not words.has(f"{a}.{c}")]
    assert missing == []
    columns = {f"column.{name}.{c.name}" for name, kind in KINDS.items() for c in kind.columns}
    assert {key for key in columns if not words.has(key)} == set()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_what_does_not_fit_in_a_policy_is_quoted_as_the_policy_says_it() -> None:
    source = Path(policy.__file__).read_text()
    for key in read_catalog("es"):
        if key.startswith("problem."):
            sentence = key.removeprefix("problem.").rpartition(": ")[2]
            assert sentence in source, sentence


def test_a_missing_message_or_place_fails() -> None:
    words = words_in("en")
    with pytest.raises(KeyError):
        words("no.such.message")
    with pytest.raises(KeyError):
        words("county_named")


def test_numbers_and_plurals_are_the_languages() -> None:
    assert words_in("en")("import.do", n=1) == "Import 1 row"
    assert words_in("en")("import.do", n=1200) == "Import 1,200 rows"
    assert words_in("vi")("import.do", n=1) == "Nhập 1 dòng"
    assert words_in("vi").number(1234567.5) == "1.234.567,5"
    assert words_in("es").number(0.25) == "0.25"


def test_a_refusal_without_its_facts_keeps_the_services_sentence() -> None:
    spanish = words_in("es")
    facts = {"name": "Nadie", "known": "Open Door"}
    assert "Nadie" in spanish.refusal("unknown_agency", "No agency.", facts)
    assert spanish.refusal("unknown_agency", "No agency.", {}) == "No agency."
    assert words_in("en").refusal("unknown_agency", "No agency.", facts) == "No agency."


@pytest.mark.parametrize(
    ("cookie", "accepts", "locale"),
    [
        ("", "", "en"),
        ("", "fr-FR, vi;q=0.4, es-MX;q=0.9, en;q=0.1", "es"),
        ("crisis_locale=vi", "es", "vi"),
        ("crisis_locale=xx", "es", "es"),
        ("", "es;q=0, vi;q=zero, *", "en"),
    ],
)
def test_the_persons_choice_goes_before_the_browsers(
    cookie: str, accepts: str, locale: str
) -> None:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accepts.encode())]
    assert locale_of(Request({"type": "http", "headers": headers})) == locale


def test_durations_are_told_as_people_say_them() -> None:
    words = words_in("en")
    told = [settings.duration(words, s) for s in (0, 45, 90, 5400, 172_800, 129_600, 0.5)]
    assert told == ["0 s", "45 s", "1 min 30 s", "1 h 30 min", "2 days", "36 h", "0.5 s"]


def test_every_language_is_offered_by_its_own_name() -> None:
    assert names() == [("en", "English"), ("es", "Español"), ("vi", "Tiếng Việt")]
