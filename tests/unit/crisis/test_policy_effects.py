"""No setting without an effect: each is read by code that decides something.

Read off the source: which attribute is asked of which group of the policy, by names, annotations
and assignments. A setting that is only kept, shown and checked fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest

from crisis.policy import CountyPolicy, PerAcuity

ROOT = Path(__file__).parents[3]
#: They set policies, or show whatever settings there are.
NOT_READERS = ("dispatch/sim", "web/admin", "web/cli")
#: Of the definition itself: whether values fit together is no effect.
CHECKS = ("check",)
#: Names by which every module calls a whole policy.
POLICY_NAMES = {"policy", "policy_of", "policy_at"}
#: Says to people where the numbers of the estimate come from; the policy's page shows it.
FOR_PEOPLE = {"travel.source"}
#: Settings of which only the pages decide something, and where.
IN_PAGES = {
    "desk_phone": "web/ui/src/phone/phone.ts",
    "waiting.unassigned_mark_s": "web/ui/src/board/List.tsx",
}

Group = type[msgspec.Struct]


def groups(shape: Group = CountyPolicy, path: str = "") -> Iterator[tuple[Group, str]]:
    """Yield each group of settings with its path."""
    yield shape, path
    for name, hint in get_type_hints(shape).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct) and hint is not PerAcuity:
            yield from groups(hint, f"{path}{name}.")


GROUPS = {shape.__name__: shape for shape, _ in groups()}


class Reading(ast.NodeVisitor):
    """Which settings a module reads, as (group, setting)."""

    def __init__(self) -> None:
        self.found: set[tuple[Group, str]] = set()
        self.known: dict[str, Group] = {}

    def group_of(self, node: ast.expr) -> Group | None:
        """Return the group that an expression is; ``None`` = something else."""
        match node:
            case ast.Name(id=name):
                return self.known.get(name) or (CountyPolicy if name in POLICY_NAMES else None)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                return CountyPolicy if name in POLICY_NAMES else None
            case ast.Attribute(value=value, attr=name):
                whole = self.known.get(f"self.{name}") if _is_self(value) else None
                of = self.group_of(value)
                inner = None if of is None else get_type_hints(of).get(name)
                if isinstance(inner, type) and inner.__name__ in GROUPS:
                    return inner
                return whole or (CountyPolicy if name in POLICY_NAMES else None)
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        of = self.group_of(node.value)
        if of is not None and node.attr in of.__struct_fields__:
            self.found.add((of, node.attr))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outside = dict(self.known)
        for arg in (*node.args.args, *node.args.kwonlyargs):
            shape = GROUPS.get("" if arg.annotation is None else ast.unparse(arg.annotation))
            if shape is not None:
                self.known[arg.arg] = shape
        self.generic_visit(node)
        # What a constructor keeps is known to the other methods.
        kept = {name: of for name, of in self.known.items() if name.startswith("self.")}
        self.known = outside | kept

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outside = dict(self.known)
        shape = GROUPS.get(node.name)
        if shape is not None:
            self.known["self"] = shape
        self.generic_visit(node)
        self.known = outside

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        (target, *_), value = node.targets, node.value
        pairs = (
            zip(target.elts, value.elts, strict=True)
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            else [(target, value)]
        )
        for name, one in pairs:
            of = self.group_of(one)
            if of is not None:
                self.known[ast.unparse(name)] = of


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def read_in(source: str) -> set[tuple[Group, str]]:
    tree = ast.parse(source)
    tree.body = [one for one in tree.body if getattr(one, "name", "") not in CHECKS]
    reading = Reading()
    reading.visit(tree)
    return reading.found


def all_read() -> set[str]:
    """Return the paths of all settings that some code reads."""
    found: set[tuple[Group, str]] = set()
    for package in ("geo", "crisis", "dispatch", "web"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if not file.relative_to(ROOT).as_posix().startswith(NOT_READERS):
                found |= read_in(file.read_text())
    return {f"{path}{name}" for shape, path in groups() for of, name in found if of is shape}


def test_every_setting_is_read_by_code_that_decides_something() -> None:
    settings = {f"{path}{name}" for shape, path in groups() for name in shape.__struct_fields__}
    assert len(settings) > 75
    assert settings - all_read() == FOR_PEOPLE | IN_PAGES.keys()
    for path, page in IN_PAGES.items():
        assert f".{path.rpartition('.')[2]}" in (ROOT / page).read_text()


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("d.policy_of(incident).lone.allowed", {"lone", "lone.allowed"}),
        ("def f(rule: LonePolicy): return rule.allowed", {"lone.allowed"}),
        ("lone, x = rules.policy.lone, 1\nlone.allowed", {"lone", "lone.allowed"}),
        ("offer.allowed", set()),
        ("def f(candidate): return candidate.travel.name", set()),
        ("def check(policy): return policy.lone.allowed", set()),
        ("def f(policy: DuressPolicy): return policy.lone", set()),
    ],
)
def test_only_what_is_asked_of_a_policy_counts_as_read(source: str, reads: set[str]) -> None:
    paths = dict(groups())
    assert {f"{paths[of]}{name}" for of, name in read_in(source)} == reads
