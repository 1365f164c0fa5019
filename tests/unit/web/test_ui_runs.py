"""What a run's statuses mean stands in one table; neither pages nor decisions list them again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from crisis.incident.state import Phase
from crisis.run_status import Status
from crisis.team import Duty
from web.ui.build import UI

_SOURCES = UI / "src"
#: The generated table, its one reader, and where each status has its look.
_MAY = {"wire.ts", "runs.ts", "Mark.tsx"}
#: These mean a status wherever they stand; the others are words of other things as well.
_PLAIN = {*Status} - {*Phase} - {*Duty} - {Status.ACCEPTED, Status.CONTACT, Status.READY}


def _pages() -> Iterator[tuple[Path, str]]:
    for path in _SOURCES.rglob("*.ts*"):
        if path.name not in _MAY and "messages" not in path.parts:
            yield path, path.read_text()


def test_no_page_names_a_status_to_decide_something() -> None:
    named = "|".join(Status)
    asked = re.compile(rf'\b[sS]tatus\b[^\n]{{0,12}}[!=]==? "(?:{named})"')
    plain = re.compile(rf'"(?:{"|".join(_PLAIN)})"')
    found = [
        f"{path.relative_to(_SOURCES)}: {line.strip()}"
        for path, text in _pages()
        for line in text.splitlines()
        if asked.search(line) or plain.search(line)
    ]
    assert not found, found


def test_no_other_module_makes_a_set_of_statuses() -> None:
    root = UI.parents[1]
    found = [
        f"{path.relative_to(root)}:{node.lineno}"
        for package in ("crisis", "dispatch", "web")
        for path in (root / package).rglob("*.py")
        if path.name != "run_status.py"
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Set)
        and sum(ast.unparse(one).startswith("Status.") for one in node.elts) > 1
    ]
    assert not found, found
