"""The API's own description (OpenAPI 3.1), made from the table that requests are answered by.

Decides how an operation is described. Schemas are those of the types that decode the bodies, so
what is described is what is accepted. Must not know what an operation does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from crisis.rights import SENDERS
from web.api.intake import Answered
from web.api.routes import Operation
from web.http.problems import FAULT_STATUS, PROBLEM_JSON, STATUSES, Problem

_REF: Final = "#/components/schemas/{name}"

_DESCRIPTION = """\
Every change is a command: a POST with an `Idempotency-Key`, answered with the head of the county's
log after it (`seq`) and a `result`. The same key again gets the same answer, and changes nothing.
Every refusal is a problem (RFC 9457) with a stable `code`. Times are RFC 3339 with a zone; answers
are in UTC. A request acts in one county, named by `X-County` where the account has several; what
belongs to another county is answered like what doesn't exist.
"""

_HEADERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": (
            "Names the command, best by a new random UUID (version 4 or 7); any other printable "
            "text counts within the account."
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    "County": {
        "name": "X-County",
        "in": "header",
        "description": (
            "FIPS code of the county, or `county` in the query; needed only by accounts with a "
            "role in several."
        ),
        "schema": {"type": "integer", "minimum": 6001, "maximum": 6115},
    },
}
#: Kinds of refusal → what the response is called in the description.
_RESPONSES: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "It can't be read."),
    401: ("NotSignedIn", "No session, or one that has ended."),
    403: ("NotAllowed", "Not open to this account, role or token."),
    404: ("NotFound", "No such thing in this county."),
    409: ("Conflict", "Understood and permitted, but the present state forbids it."),
    413: ("TooLong", "The body is too long."),
    422: ("Invalid", "Understood by nobody: a wrong type, code, time or key."),
    429: ("TooMany", "Too often; see Retry-After."),
    500: ("Fault", "The service failed; it has been logged."),
    503: ("Unavailable", "Not now; send the same request again. See Retry-After."),
}


def statuses(operation: Operation) -> frozenset[int]:
    """Return every status with which the operation may refuse."""
    kinds = set(operation.refusals)
    if not operation.is_public:
        kinds |= {"not_signed_in", "not_allowed", "too_many", "unavailable"}
        if operation.in_county:
            kinds |= {"invalid", "not_found"}
    found = {STATUSES[kind] for kind in kinds} | {FAULT_STATUS}
    if operation.command is not None:
        found |= {400, 404, 409, 413, 422}
    elif operation.body is not None:
        found |= {400, 413, 422}
    return frozenset(found)


def describe(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """Return the description of ``operations``."""
    table = list(operations)
    types = [Problem, Answered, *_types(table)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = {id(type_): schema for type_, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        paths.setdefault(operation.full_path, {})[operation.method.lower()] = _operation(
            operation, by_type
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Crisis dispatch", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": components,
            "parameters": _HEADERS,
            "responses": {name: _problem(status) for status, (name, _) in _RESPONSES.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-crisis"},
            },
        },
        "security": [{"bearer": []}, {"cookie": []}],
    }


def _types(operations: Iterable[Operation]) -> Iterator[Any]:
    for operation in operations:
        if operation.command is not None:
            yield operation.command.shape
        if operation.body is not None:
            yield operation.body
        if operation.answer is not None:
            yield operation.answer


def _operation(operation: Operation, by_type: dict[int, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation, by_type),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.is_public:
        described["security"] = []
    elif operation.needs:
        described["x-token-scope"] = operation.needs
    if operation.command is not None:
        described["x-roles"] = sorted(SENDERS[operation.command.command])
    body = operation.command.shape if operation.command is not None else operation.body
    if body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_type[id(body)]}},
        }
    return described


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in operation.ids:
        yield {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
    if operation.command is not None:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if operation.in_county:
        yield {"$ref": "#/components/parameters/County"}
    for name, schema in operation.parameters.items():
        described = schema.pop("description")
        yield {
            "name": name,
            "in": "query",
            "required": False,
            "description": described,
            "schema": schema,
        }


def _path_schema(name: str) -> dict[str, Any]:
    if name.endswith("_id"):
        return {"type": "string", "format": "uuid"}
    return {"type": "integer", "minimum": 1} if name == "slot" else {"type": "string"}


def _responses(operation: Operation, by_type: dict[int, Any]) -> dict[str, Any]:
    answer = Answered if operation.command is not None else operation.answer
    responses: dict[str, Any] = {}
    if answer is None:
        responses["204"] = {"description": "Done."}
    else:
        content = {operation.media: {"schema": by_type[id(answer)]}}
        responses["200"] = {"description": "Done.", "content": content}
        if operation.may_be_empty:
            responses["204"] = {"description": "Done; nothing more to say."}
    for status in sorted(statuses(operation)):
        name, _ = _RESPONSES[status]
        responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return responses


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="Problem")}
    response: dict[str, Any] = {
        "description": _RESPONSES[status][1],
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
    if status in {429, 503}:
        header = {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}
        response["headers"] = {"Retry-After": header}
    return response
