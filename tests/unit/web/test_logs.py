"""Logs hold what is allowed, and nothing by accident."""

from __future__ import annotations

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.http.logs import ALLOWED, configure

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_the_allowed_keys_only() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    logging.getLogger("crisis.test").info(
        "done", extra={"action": "closed", "county_id": 6001, "caller": "Kim Canary"}
    )
    line = json.loads(out.getvalue())
    assert line["event"] == "done" and line["action"] == "closed" and line["county_id"] == 6001
    assert "Canary" not in out.getvalue()


def test_an_exception_is_named_with_its_place_and_without_its_text() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    try:
        raise ValueError("Key (name)=(Kim Canary) already exists")
    except ValueError:
        logging.getLogger("crisis.test").exception("failed")
    line = json.loads(out.getvalue())
    assert line["fault"] == "ValueError" and "test_logs.py" in line["at_lines"][0]
    assert "Canary" not in out.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_level_decides_what_is_written(form: str) -> None:
    out = io.StringIO()
    configure("warning", form, out)
    logging.getLogger("crisis.test").info("quiet")
    logging.getLogger("crisis.test").warning("loud")
    assert "quiet" not in out.getvalue() and "loud" in out.getvalue()


def keys_logged() -> dict[str, str]:
    """Every key of ``extra`` that the program hands to a logger, and where."""
    found: dict[str, str] = {}
    for package in ("crisis", "dispatch", "geo", "web"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                given: list[ast.expr] = []
                if isinstance(node, ast.Call):
                    given = [word.value for word in node.keywords if word.arg == "extra"]
                elif isinstance(node, ast.Assign) and "extra" in map(ast.unparse, node.targets):
                    given = [node.value]
                for one in given:
                    if isinstance(one, ast.Dict):
                        for key in one.keys:
                            assert isinstance(key, ast.Constant), path
                            found[str(key.value)] = path.name
    return found


def test_whatever_the_program_logs_stands_in_the_log() -> None:
    logged = keys_logged()
    assert {"hash", "link", "late_s", "county_id"} <= logged.keys()
    assert {key: where for key, where in logged.items() if key not in ALLOWED} == {}


def test_the_head_of_the_audit_stands_in_the_log() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    logging.getLogger("dispatch.store.audit").info(
        "audit sealed", extra={"action": "audit_sealed", "link": 7, "rows": 3, "hash": "c0ffee"}
    )
    line = json.loads(out.getvalue())
    assert (line["link"], line["rows"], line["hash"]) == (7, 3, "c0ffee")
