"""No form starts with an answer: what stands in a choice at first is that nothing is chosen.

Read off the pages' sources. A choice that begins with something, because it only says how a page is
looked at, or shows what is recorded already, stands here with that reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import web.admin
import web.ui

PAGES = Path(web.ui.__file__).parent / "src"
TEMPLATES = Path(web.admin.__file__).parent / "templates"

_SELECT = re.compile(r"<select\b.*?</select>", re.DOTALL)
_NOTHING = ('<option value="">', "<Options ", 'value="" ')

#: File → what its choices without an empty one are.
CHOICES = {
    "board/Duty.tsx": "the team that is looked at",
    "board/Encounter.tsx": "asked while there are several; the only one is meant",
    "board/Correct.tsx": "asked while there are several; the only one is meant",
    "board/Intake.tsx": "relation and referral begin with the code for what was not said",
    "board/Assess.tsx": "shows what was answered; not asked stands first",
    "components/Asked.tsx": "not asked stands first",
    "components/Bar.tsx": "how the page is read",
    "reports/page.tsx": "what a report shows",
    "reports/period.tsx": "what a report shows",
    "reports/tables.tsx": "what a report shows",
    "admin/page.tsx": "how the page is read",
}
#: File → what a value that is there from the start is.
VALUES = {
    "board/MapPanel.tsx": "whether the map is there",
    "reports/page.tsx": "that it is loading",
    "phone/parts.tsx": "that a button just drawn hears no finger",
}
TEMPLATE_CHOICES = {
    "base.html": "how the page is read",
    "policy_edit.html": "what the version before says",
}

_FROM_START = re.compile(r'useSignal(?:<[^>]*>)?\((?:"[^"]+"|true|\d*[1-9]\d*)\)')


def _sources() -> Iterator[tuple[str, str]]:
    for file in sorted(PAGES.rglob("*.tsx")):
        yield file.relative_to(PAGES).as_posix(), file.read_text()


def test_every_choice_of_a_page_begins_with_nothing_chosen() -> None:
    bare = {
        name
        for name, text in _sources()
        for choice in _SELECT.findall(text)
        if not any(word in choice for word in _NOTHING)
    }
    assert bare - CHOICES.keys() == set()


def test_no_field_of_a_page_holds_a_value_from_the_start() -> None:
    begun = {name for name, text in _sources() if _FROM_START.search(text)}
    assert begun - VALUES.keys() == set()


def test_no_page_says_by_itself_who_said_something() -> None:
    made_up = {
        (name, found)
        for file in sorted(PAGES.rglob("*.ts*"))
        for name in [file.relative_to(PAGES).as_posix()]
        # The catalogs hold words, and the phone's last word the sets of these codes.
        if not name.startswith(("messages/", "wire.ts", "phone/said.ts"))
        for found in re.findall(
            r"(?:said_by|briefed_by|cleared_scene_by): \"[^\"]+\"", file.read_text()
        )
    }
    assert made_up == set()


def test_no_choice_of_the_administration_begins_with_an_answer() -> None:
    bare = {
        file.name
        for file in sorted(TEMPLATES.glob("*.html"))
        for choice in _SELECT.findall(file.read_text())
        if not any(word in choice for word in _NOTHING)
    }
    assert bare - TEMPLATE_CHOICES.keys() == set()
