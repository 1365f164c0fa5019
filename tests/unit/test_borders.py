"""Errors are caught broadly at few borders, each for a reason, and raised on everywhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import crisis

ROOT = Path(crisis.__file__).parent.parent
#: Where a fault ends, and why it must: whatever it is, what stands on the other side goes on.
BORDERS = {
    "dispatch/run/supervise.py": "background work: it is told, and begun again",
    "dispatch/run/county.py": "one command's fault answers that command, not its whole group",
    "web/demo/company.py": "one simulated client's fault is counted, the others work on",
    "web/app.py": "one request's fault answers that request",
    "web/cli/main.py": "a program that a person started ends with words",
}
BROAD = {"Exception", "BaseException"}


def _names(node: ast.expr | None) -> set[str]:
    if node is None:
        return {"BaseException"}
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _broad() -> Iterator[tuple[str, ast.ExceptHandler]]:
    for package in ("crisis", "dispatch", "geo", "web"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ExceptHandler) and _names(node.type) & BROAD:
                    yield path.relative_to(ROOT).as_posix(), node


def test_errors_end_at_the_borders_and_are_raised_on_elsewhere() -> None:
    ending = {path for path, handler in _broad() if not isinstance(handler.body[-1], ast.Raise)}
    assert ending == set(BORDERS)
