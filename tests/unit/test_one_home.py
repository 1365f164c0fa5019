"""A rule that is written once stays so: nobody beside its home decides the same again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import crisis
from crisis import roles
from crisis.commands import Command
from crisis.rights import SENDERS, Act, Right
from crisis.roles import Role

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


#: Where roles are named beside the table of rights, and why that decides no right.
NAMING = {
    "crisis/roles.py": "says what the roles are, and who belongs to which group",
    "crisis/rights.py": "is the table",
    "crisis/policy.py": "holds what a county itself decides, and what it is until it has",
    "dispatch/decide/callers.py": "says whom a waiting caller rings",
    "dispatch/decide/flags.py": "says whom a mark of an incident rings",
    "dispatch/decide/ladder.py": "says whom a rung of the ladder rings",
    "dispatch/run/reached.py": "counts whom a rung rang",
    "dispatch/decide/partners.py": "words as which of their roles somebody asked",
    "dispatch/run/imports/accounts.py": "grants roles",
    "dispatch/store/accounts.py": "grants roles",
    "web/admin/settings.py": "lists the roles that can be granted",
    "web/admin/users.py": "grants roles",
    "web/api/trackers.py": "lets a tracker in as the system that it is",
    "dispatch/sim/history.py": "makes its own people",
    "dispatch/sim/replay.py": "makes its own people",
    "dispatch/sim/seed.py": "makes its own people",
    "dispatch/sim/troupe.py": "makes its own people",
    "web/cli/roster.py": "acts as whoever has the machine",
}
#: Where it counts what somebody is: whom to tell, and by which way something came.
BEING = {
    "dispatch/decide/amendment.py",
    "dispatch/decide/context.py",
    "dispatch/decide/incidents.py",
    "dispatch/decide/partners.py",
    "dispatch/decide/reopening.py",
    "web/api/intake.py",
    "web/api/positions.py",
}
GROUPS = {name for name, value in vars(roles).items() if isinstance(value, frozenset)}


def names_roles(tree: ast.Module) -> bool:
    """Whether a module names a role, by the enum, by its word or by a group of roles."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Role" | "R" | "_R"), attr=attr):
                if attr in Role.__members__:
                    return True
            case ast.Attribute(value=ast.Name(id="roles"), attr=attr) if attr in GROUPS:
                return True
            case ast.ImportFrom(module="crisis.roles", names=names):
                if GROUPS & {one.name for one in names} or any(one.asname for one in names):
                    return True
            case ast.Call(func=ast.Name(id="Role"), args=[ast.Constant()]):
                return True
            case _:
                pass
    return False


def asks(tree: ast.Module, *names: str) -> bool:
    """Whether a module reads one of these attributes."""
    return any(isinstance(node, ast.Attribute) and node.attr in names for node in ast.walk(tree))


def test_no_module_beside_the_table_names_a_role_to_decide_a_right() -> None:
    assert {path for path, tree in modules() if names_roles(tree)} == set(NAMING)


def test_what_somebody_is_counts_only_where_it_opens_nothing() -> None:
    found = {p for p, tree in modules() if asks(tree, "is_desk", "is_crew", "is_integration")}
    assert found - {"crisis/reach.py"} == BEING, "its is_crew is another: of a run"


def test_no_page_names_a_role_to_decide_what_it_offers() -> None:
    # As a key of its words, t("..."), it is the name of a page.
    named = re.compile(rf"""(?<!\bt\()"(?:{"|".join(role.value for role in Role)})\"""")
    source = ROOT / "web/ui/src"
    found = {
        path.relative_to(source).as_posix()
        for path in sorted(source.rglob("*.ts*"))
        if path.name != "wire.ts" and "messages" not in path.parts
        if named.search(path.read_text())
    }
    assert found == {"board/telling.ts"}, "it says who told of a hazard"


def test_every_act_is_asked_for_somewhere_and_somebody_may() -> None:
    asked = {
        node.attr
        for path, tree in modules()
        if path != "crisis/rights.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Act"
    }
    acts = {name: act for name, act in vars(Act).items() if isinstance(act, Right)}
    assert asked >= set(acts)
    assert all(act.roles for act in acts.values())


def _kinds(kind: type[Command]) -> Iterator[type[Command]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)


def test_every_command_stands_in_the_table() -> None:
    # What isn't sent is only the shape of those that are.
    shapes = {kind for kind in _kinds(Command) if kind.__subclasses__()}
    ours = {kind for kind in _kinds(Command) if kind.__module__.startswith("crisis.")}
    assert set(SENDERS) == ours - shapes
