"""Every code that a refusal may carry, read out of the sources.

A refusal's class and code stand together wherever one is made; this reads the calls, so that the
pages' list can't miss a new one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from crisis import errors
from dispatch.store.errors import OUTAGES
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
        elif isinstance(node.func, ast.Name) and node.func.id in {"Problem", "_Refusal"}:
            yield from _texts(named.get("code"))
        elif ast.unparse(node.func) == "super().__init__" and node.args:
            # A refusal with a class of its own; what else starts so has no text there.
            yield from _texts(node.args[0])


def _texts(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


_CLASSES = frozenset(
    {name for name, value in vars(errors).items() if isinstance(value, type)}
    | {"BadRequest", "NotDelivered", "TooLarge"}
) - {"CrisisError"}
