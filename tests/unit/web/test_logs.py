"""Logs hold what is allowed, and nothing by accident."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from web.logs import configure


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
