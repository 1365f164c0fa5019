"""Named SQL statements, read once from ``dispatch/store/sql/<topic>.sql``.

Decides only which name stands for which text, so that a statement can be found, read and prepared
against the schema by its name. Must not know what the statements do. A block is

    -- name: verb_noun
    -- What it is for, in one line.
    -- role: worker                      (only where it isn't app)
    -- params: $1 team_id uuid, $2 at timestamptz
    SELECT ...

and is used as ``SQL = load("topic")`` once per module, then ``SQL["verb_noun"]``. The texts are
typed LiteralString: a type checker then refuses statements composed at run time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString

ROLES: Mapping[str, str] = MappingProxyType(
    {"app": "crisis_app", "worker": "crisis_worker", "report": "crisis_state_report"}
)

_HEADER = re.compile(r"^-- name:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")
_PARAM = re.compile(r"\$(\d+) ([a-z_][a-z0-9_]*) ([a-z][a-z0-9_ ]*(?:\[\])?)")
_USED = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One declared parameter, ``$number``."""

    number: int
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One named statement.

    Attributes:
        role: the database role that runs it.
        params: in order, from ``$1``.
        text: without its header.
    """

    name: str
    purpose: str
    role: str
    params: tuple[Param, ...]
    text: LiteralString


def parse(content: str, source: str) -> tuple[Statement, ...]:
    """Split one file into its statements.

    Raises:
        ValueError: a block without name, purpose or text, parameters that differ from those used,
            or a name that occurs twice.
    """
    parts = _HEADER.split(content)
    if any(line.strip() and not line.startswith("--") for line in parts[0].splitlines()):
        raise ValueError(f"{source}: text before the first '-- name:'")
    found: dict[str, Statement] = {}
    for name, block in zip(parts[1::2], parts[2::2], strict=True):
        where = f"{source}: {name or 'a block without a name'}"
        if not _NAME.fullmatch(name):
            raise ValueError(f"{where}: a name is verb_noun")
        if name in found:
            raise ValueError(f"{where} occurs twice")
        found[name] = _statement(name, block, where)
    return tuple(found.values())


def _statement(name: str, block: str, where: str) -> Statement:
    lines = block.strip("\n").splitlines()
    header: list[str] = []
    while lines and lines[0].startswith("--"):
        header.append(lines.pop(0)[2:].strip())
    text = "\n".join(lines).strip().removesuffix(";")
    if not text:
        raise ValueError(f"{where}: no statement")
    role = "app"
    params: tuple[Param, ...] = ()
    purpose: list[str] = []
    for line in _joined(header):
        if line.startswith("params:"):
            params = _params(line.removeprefix("params:"), where)
        elif line.startswith("role:"):
            role = line.removeprefix("role:").strip()
        else:
            purpose.append(line)
    if not purpose:
        raise ValueError(f"{where}: no line says what it is for")
    if role not in ROLES:
        raise ValueError(f"{where}: role is one of {', '.join(ROLES)}")
    used = {int(number) for number in _USED.findall(text)}
    if used != {param.number for param in params}:
        raise ValueError(f"{where}: the params line and the parameters used differ")
    return Statement(
        name=name,
        purpose=" ".join(purpose),
        role=ROLES[role],
        params=params,
        text=text,
    )


def _joined(header: list[str]) -> Iterator[str]:
    """Yield the header's lines, a params line together with those that continue it."""
    pending = ""
    for line in header:
        if pending:
            pending += " " + line
        elif line.startswith("params:"):
            pending = line
        else:
            yield line
            continue
        if not pending.endswith(","):
            yield pending
            pending = ""
    if pending:
        yield pending


def _params(line: str, where: str) -> tuple[Param, ...]:
    params = []
    for part in line.strip().split(", "):
        match = _PARAM.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{where}: a parameter reads '$1 team_id uuid', not {part.strip()!r}")
        params.append(Param(number=int(match[1]), name=match[2], type=match[3]))
    if [param.number for param in params] != list(range(1, len(params) + 1)):
        raise ValueError(f"{where}: parameters are numbered from $1 without gaps")
    return tuple(params)


def topics() -> tuple[str, ...]:
    """Return the names of all files, sorted."""
    folder = files("dispatch.store") / "sql"
    if not folder.is_dir():
        return ()
    return tuple(
        sorted(
            entry.name.removesuffix(".sql")
            for entry in folder.iterdir()
            if entry.name.endswith(".sql")
        )
    )


@cache
def statements(topic: str) -> tuple[Statement, ...]:
    """Return the statements of one file.

    Raises:
        ValueError: the file doesn't keep the form.
    """
    name = f"{topic}.sql"
    return parse((files("dispatch.store") / "sql" / name).read_text(), name)


@cache
def load(topic: str) -> Mapping[str, LiteralString]:
    """Return the texts of one file by name.

    Raises:
        ValueError: the file doesn't keep the form.
    """
    return MappingProxyType({one.name: one.text for one in statements(topic)})
