"""A rule that is written once stays so: nobody beside its home decides the same again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import crisis

ROOT = Path(crisis.__file__).parent.parent

#: Who says what speaks against a team: its judge, and who compares teams with each other.
JUDGES = {
    "crisis/eligibility.py",
    "crisis/staffing.py",
    "dispatch/choose/ranking.py",
    "dispatch/choose/seek.py",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the program, by its path."""
    for package in ("crisis", "dispatch", "geo", "web"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def callers_of(name: str) -> set[str]:
    """The modules that call it by its name."""
    return {
        path
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    }


def test_what_speaks_against_a_team_is_said_by_its_judges_alone() -> None:
    assert callers_of("Reason") == JUDGES


def test_crews_are_judged_in_one_place() -> None:
    assert callers_of("assess_crew") == {"crisis/eligibility.py"}
    assert callers_of("Presence") == {"crisis/eligibility.py"}
