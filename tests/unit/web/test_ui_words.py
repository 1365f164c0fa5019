"""The pages' words: every code that a page shows, and every refusal that its people can meet."""

from __future__ import annotations

import ast
import re
from datetime import date

import pytest

from crisis.codes import Code, code_sets
from crisis.reasons import ReasonCode
from crisis.refusal_codes import REFUSAL_CODES
from crisis.standards import packaged
from tests.unit.web.refusals_raised import codes_in
from web import messages
from web.ui.build import UI

SOURCES = UI / "src"
ROOT = UI.parents[1]
#: How a page names a set whose words it shows.
SHOWN = re.compile(r"""(?:\b(?:word|choices|label|codesOf)\(|\bset=)"([a-z_]+)\"""")
#: Nobody at a page meets these: they answer timers and other nodes.
OF_TIMERS = {"not_lapsed", "rung_not_due"}


def keys(language: str, *files: str) -> set[str]:
    """The messages of some files."""
    return {".".join(key) for name in files for key in messages.section(language, name)}


def codes_of(name: str) -> tuple[Code, ...]:
    """A set's codes of today's county."""
    return tuple(code_sets(date(2026, 11, 22))[name])


def sets_shown(folder: str) -> set[str]:
    """The sets that the pages under ``folder`` show."""
    found = set()
    for path in (SOURCES / folder).glob("*.ts*"):
        found |= set(SHOWN.findall(path.read_text()))
    return found


def has_name_in_browsers(name: str, code: Code) -> bool:
    """Browsers know the names of the languages that have two letters, and a few more."""
    return name == "need" and code.code.startswith("language_")


@pytest.mark.parametrize("language", ["es", "vi"])
def test_every_code_that_the_board_shows_has_a_word_in_each_language(language: str) -> None:
    known = keys(language, "codes", "crew_codes")
    sets = sets_shown("board")
    assert {"cancel_reason", "need", "withdraw_reason"} <= sets
    lacking = {
        f"{name}.{code.code}"
        for name in sets
        for code in codes_of(name)
        if f"{name}.{code.code}" not in known and not has_name_in_browsers(name, code)
    }
    assert lacking == set()


def test_the_crews_codes_are_those_of_their_page_whole_and_in_each_language() -> None:
    text = (SOURCES / "phone" / "words.ts").read_text()
    sets = set(re.findall(r'"(\w+)"', text.split("const SETS = [")[1].split("]")[0]))
    assert sets_shown("phone") <= sets
    for language in messages.LANGUAGES:
        # Whole, as no language lacks a code of a set that it has at all.
        assert {key.partition(".")[0] for key in keys(language, "crew_codes")} == sets


def test_sign_language_and_others_that_browsers_cannot_name_are_named_here() -> None:
    for code in ("ase", "mix", "zap", "trc", "ium"):
        assert f"need.language_{code}" in keys("es", "crew_codes"), code


def test_every_refusal_that_the_desk_or_a_crew_can_meet_is_said_in_their_language() -> None:
    met: set[str] = set()
    for path in [*(ROOT / "dispatch" / "decide").glob("*.py"), ROOT / "crisis/disclosure.py"]:
        met |= set(codes_in(ast.parse(path.read_bytes())))
    said = keys("es", "refusals")
    assert met - said - OF_TIMERS == set()
    assert keys("vi", "refusals") == said
    assert said <= REFUSAL_CODES


def test_everything_that_speaks_against_a_team_is_said_in_the_desks_language() -> None:
    assert keys("es", "reasons") == keys("vi", "reasons") == set(ReasonCode)


@pytest.mark.parametrize("language", ["en", "es", "vi"])
def test_every_standard_has_a_name_in_words(language: str) -> None:
    named = {f"standard.{fact.key}" for fact in packaged().facts}
    assert named == keys(language, "standards")


def test_every_warning_of_an_act_is_said_in_the_desks_language() -> None:
    warned = {
        node.args[0].value
        for path in (ROOT / "dispatch" / "decide").glob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "warning"
        and isinstance(node.args[0], ast.Constant)
    }
    assert "plan_missing" in warned
    assert keys("es", "warnings") == keys("vi", "warnings") == warned
