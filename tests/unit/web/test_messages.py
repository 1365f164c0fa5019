"""The catalogs: whole in every language, each thing once, and a new language is one folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from crisis.codes import packaged
from web import messages
from web.messages import FOLDER, Plural
from web.ui import message_files


def test_every_language_says_everything_with_the_same_places() -> None:
    assert messages.faults() == []


def test_english_labels_of_codes_are_the_code_sets_own() -> None:
    sets = packaged().sets
    assert messages.labels() == {
        name: {code.code: code.label for code in one.codes} for name, one in sets.items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of all languages."""
    copy = tmp_path / "messages"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def replacing(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return what changes a text in a file of the languages."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (replacing("es/wall.toml", "age =", "old ="), "es/wall: lacks age"),
        (replacing("vi/wall.toml", "age =", 'more = "x"\nage ='), "vi/wall: alone has more"),
        (replacing("es/on-call.toml", "{who}", "{whom}"), "es/on-call: other places: owner"),
        (replacing("es/on-call.toml", "{who}", ""), "es/on-call: other places: owner"),
        (
            replacing("vi/wall.toml", "claimed = ", "claimed.other = "),
            "vi/wall: counts in one language only: claimed",
        ),
        (replacing("vi/refusals.toml", "answer =", "asked ="), "vi/refusals: lacks answer"),
        (replacing("es/codes.toml", "prank =", "joke ="), "es/codes: no code: call_outcome.joke"),
        (replacing("es/codes.toml", "prank =", "joke ="), "es/codes: lacks call_outcome.prank"),
        (
            replacing("en/codes.toml", "[role]", '[channel]\nvoice = "Voice call"\n[role]'),
            "en/codes: the labels of channel stand in crisis/data",
        ),
        (lambda folder: (folder / "es" / "wall.toml").unlink(), "es/wall: lacks title"),
        (lambda folder: (folder / "en" / "wall.toml").rename(folder / "en" / "x.toml"), "lacks"),
    ],
)
def test_what_a_language_lacks_is_found(
    folder: Path, change: Callable[[Path], None], fault: str
) -> None:
    change(folder)
    found = messages.faults(folder)
    assert any(fault in one for one in found), found


def test_a_new_language_is_one_folder(folder: Path) -> None:
    shutil.copytree(folder / "vi", folder / "tl")
    assert messages.languages(folder) == ("en", "es", "tl", "vi")
    assert messages.faults(folder) == []


def test_a_message_by_number_keeps_its_forms() -> None:
    assert messages.section("en", "wall")["open",] == Plural("open", "open")
    assert isinstance(messages.section("vi", "wall")["open",], Plural)


def test_the_pages_words_are_made_of_every_file_but_the_administrations() -> None:
    made = dict(message_files.texts())
    for language in messages.LANGUAGES:
        pages = {path for path in made if path.startswith(f"{language}/")}
        assert {f"{language}/board.ts", f"{language}/refusals.ts"} <= pages
        assert not any("admin" in path or "language.ts" in path for path in pages)
    assert '"standard_response_urban_minutes"' in made["es/common.ts"]
    # Of a board's codes the county tells the English labels itself.
    assert "call_outcome_prank" in made["es/codes.ts"]
    assert "call_outcome_prank" not in made["en/codes.ts"]
    assert '"need_youth": "Youth-trained member"' in made["en/crew_codes.ts"]
    assert "need_language_es" not in made["en/crew_codes.ts"]
