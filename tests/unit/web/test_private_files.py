"""What the program writes is for its own user: none of it may be read by others."""

from __future__ import annotations

import ast
import stat
from pathlib import Path

import pytest

from dispatch.run.secret import open_private

ROOT = Path(__file__).parents[3]
#: Not of a running service: what is generated for the repository, and PostgreSQL's configuration,
#: which its own user must read.
ELSEWHERE = {"dispatch/store/schema.py", "dispatch/store/postgres/cluster.py"}


@pytest.mark.parametrize("mode", ["a", "w"])
def test_a_private_file_is_closed_to_others_also_where_it_was_open_before(
    tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "alerts.log"
    path.write_text("before\n")
    path.chmod(0o644)
    with open_private(path, mode) as file:
        file.write("line\r\nother\n")
        # Whoever looks meanwhile, or after a crash, finds each whole line.
        assert path.read_bytes().endswith(b"line\r\nother\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"before\n") == (mode == "a")


def test_nothing_is_written_but_by_the_ways_that_close_it() -> None:
    found = []
    for package in ("dispatch", "web"):
        for path in (ROOT / package).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if name in ELSEWHERE or name.startswith("web/ui/"):
                continue
            nodes = ast.walk(ast.parse(path.read_bytes()))
            found += [f"{name}: {ast.unparse(node)}" for node in nodes if _writes(node)]
    assert found == []


def _writes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if called in {"write_text", "write_bytes"}:
        return True
    modes = [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]
    texts = [one.value for one in modes if isinstance(one, ast.Constant)]
    return called == "open" and any(
        isinstance(text, str) and len(text) <= 2 and set(text) & set("wax") for text in texts
    )
