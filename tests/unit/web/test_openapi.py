"""The API's description is complete, and is OpenAPI 3.1 by its structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from web.api.openapi import describe, statuses
from web.app import table_of
from web.http.problems import STATUSES

TABLE = table_of()
DESCRIBED: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(describe(TABLE, "1.2.3")))
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
JSON_TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DESCRIBED["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)


def _resolve(ref: str) -> Any:
    node: Any = DESCRIBED
    for part in ref.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema below ``node``, which is one."""
    if not isinstance(node, dict):
        assert isinstance(node, bool), node
        return
    yield node
    for key in ("items", "additionalProperties", "not", "contains", "propertyNames"):
        if isinstance(node.get(key), dict):
            yield from _schemas(node[key])
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in node.get(key, ()):
            yield from _schemas(inner)
    for inner in node.get("properties", {}).values():
        yield from _schemas(inner)


def test_the_document_says_what_it_is() -> None:
    assert re.fullmatch(r"3\.1\.\d+", DESCRIBED["openapi"])
    assert DESCRIBED["info"]["title"] and DESCRIBED["info"]["version"] == "1.2.3"
    assert set(DESCRIBED) <= {"openapi", "info", "paths", "components", "security", "servers"}


def test_every_operation_is_described_and_no_other() -> None:
    described = {(method.upper(), path) for method, path, _ in _operations()}
    assert described == {(o.method, o.full_path) for o in TABLE}


def test_every_operation_lists_all_its_refusals() -> None:
    for operation in TABLE:
        described = DESCRIBED["paths"][operation.full_path][operation.method.lower()]
        listed = {int(status) for status in described["responses"]} - {200, 204}
        assert listed == statuses(operation)
        assert 500 in listed
        if operation.command is not None:
            assert listed == {400, 401, 403, 404, 409, 413, 422, 429, 500, 503}
        elif not operation.is_public:
            assert {401, 403} <= listed


def test_every_status_of_a_refusal_has_a_response() -> None:
    named = DESCRIBED["components"]["responses"].values()
    assert len(named) >= len(STATUSES)
    for response in named:
        assert "application/problem+json" in response["content"]


def test_commands_ask_for_a_key_and_nothing_else_does() -> None:
    ref = {"$ref": "#/components/parameters/IdempotencyKey"}
    for operation in TABLE:
        described = DESCRIBED["paths"][operation.full_path][operation.method.lower()]
        assert (ref in described["parameters"]) == (operation.command is not None)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in _operations()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names), names


def test_every_reference_leads_somewhere() -> None:
    refs = set(_refs(DESCRIBED))
    assert refs
    for ref in refs:
        assert ref.startswith("#/"), ref
        assert _resolve(ref) is not None


def test_path_parameters_are_those_of_the_path() -> None:
    for _, path, operation in _operations():
        named = set(re.findall(r"{(\w+)}", path))
        given = {p["name"] for p in operation["parameters"] if p.get("in") == "path"}
        assert given == named
        assert all(p["required"] for p in operation["parameters"] if p.get("in") == "path")


@pytest.mark.parametrize("where", ["query", "header", "path"])
def test_parameters_are_whole(where: str) -> None:
    found = [p for _, _, o in _operations() for p in o["parameters"] if p.get("in") == where]
    found += [p for p in DESCRIBED["components"]["parameters"].values() if p["in"] == where]
    assert found
    for parameter in found:
        assert parameter["name"] and isinstance(parameter["schema"], dict)


def test_operations_have_the_fields_that_they_must() -> None:
    for method, _, operation in _operations():
        assert method in METHODS
        assert operation["summary"].strip() and operation["tags"]
        assert any(status.startswith("2") for status in operation["responses"])
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d", status)
            whole = _resolve(response["$ref"]) if "$ref" in response else response
            assert whole["description"]
        if "requestBody" in operation:
            assert method not in {"get", "head", "delete"}
            for media in operation["requestBody"]["content"].values():
                assert media["schema"]


def test_schemas_are_schemas() -> None:
    names = DESCRIBED["components"]["schemas"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
    count = 0
    for schema in names.values():
        for inner in _schemas(schema):
            count += 1
            types = inner.get("type", [])
            types = [types] if isinstance(types, str) else types
            assert set(types) <= JSON_TYPES
            for name in inner.get("required", ()):
                assert name in inner["properties"]
    assert count > len(names)


def test_bodies_of_commands_take_no_other_fields() -> None:
    for operation in TABLE:
        if operation.command is None:
            continue
        described = DESCRIBED["paths"][operation.full_path]["post"]
        ref = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = _resolve(ref)
        assert schema["additionalProperties"] is False
        assert {"occurred_at", "sent_at", "by_voice"} <= set(schema["properties"])
        assert not set(operation.ids) & set(schema["properties"])
