"""Every code that is raised, read out of the sources: what the registry is held against.

A refusal's class and code stand together wherever one is made; this reads the calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from crisis import errors
from dispatch.store.errors import OUTAGES
from web import app as app  # every kind of refusal is defined once it is loaded
from web.ui.build import UI

_ROOT = UI.parents[1]


def codes() -> frozenset[str]:
    """Return the codes."""
    found: set[str] = set(OUTAGES)
    for package in ("crisis", "dispatch", "geo", "web"):
        for path in (_ROOT / package).rglob("*.py"):
            if "ui" not in path.parts:
                found |= set(codes_in(ast.parse(path.read_bytes())))
    return frozenset(found)


def codes_in(tree: ast.AST) -> Iterator[str]:
    """Yield the codes of the refusals that one source makes, some of them repeatedly."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        named = {word.arg: word.value for word in node.keywords}
        if isinstance(node.func, ast.Name) and node.func.id in _CLASSES and node.args:
            yield from _texts(node.args[0])
        elif isinstance(node.func, ast.Name) and node.func.id == "Problem":
            yield from _texts(named.get("code"))
        elif ast.unparse(node.func) == "super().__init__" and node.args:
            # A refusal with a class of its own; what else starts so has no text there.
            yield from _texts(node.args[0])


def _texts(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # Some classes have one code and are made with the sentence alone.
        yield from re.findall(r"^[a-z][a-z0-9_]*$", node.value)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _kinds(base: type[errors.CrisisError]) -> Iterator[str]:
    for cls in base.__subclasses__():
        yield cls.__name__
        yield from _kinds(cls)


_CLASSES = frozenset(_kinds(errors.CrisisError))
