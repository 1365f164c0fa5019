"""The table: every command has its path, and every path its operation."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from starlette.responses import Response

from crisis import commands as c
from crisis.errors import NotFound
from crisis.rights import SENDERS
from crisis.roles import SYSTEM
from web.api.paths import Table
from web.api.routes import Asked, Operation
from web.app import table_of
from web.http.problems import WrongMethod

TABLE = table_of()
COMMANDS = {
    cls
    for cls in vars(c).values()
    if isinstance(cls, type) and issubclass(cls, c.Command) and cls is not c.Command
}
#: Timers: only the service itself sends them.
OURS = {cls for cls in COMMANDS if SENDERS[cls] == SYSTEM}
#: Have a second path, for what has no id yet.
TWICE = {c.RecordEncounter, c.StartShift}
#: Reachable without a session: probes, sign-in, and this description.
PUBLIC = {
    "/api/v1/track/{word}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/openapi.json",
    "/api/v1/session",
}


async def _nothing(asked: Asked) -> Response:
    return Response()


def _operation(method: str, path: str, **fields: Any) -> Operation:
    return Operation(method=method, path=path, summary="", tag="", run=_nothing, **fields)


def test_every_command_has_exactly_one_path() -> None:
    reached = Counter(o.command.command for o in TABLE if o.command is not None)
    assert set(reached) == COMMANDS - OURS
    assert {cls for cls, times in reached.items() if times > 1} == TWICE
    assert all(times <= 2 for times in reached.values())


def test_only_timers_have_none() -> None:
    assert c.ExpireOffer in OURS
    assert all((cls.__doc__ or "").startswith("Timer: ") for cls in OURS)


def test_every_field_of_a_command_is_in_the_path_or_the_body_or_ours() -> None:
    ours = {"rung", "eta_s", "located_by", "recommendation", "ranked_first", "doubts"}
    for operation in TABLE:
        if operation.command is None:
            continue
        body = operation.command
        fields = {field.name for field in msgspec.structs.fields(body.command)}
        sent = {field.name for field in msgspec.structs.fields(body.shape)} | body.from_path
        assert fields - sent <= ours, operation.path
        assert body.from_path == set(operation.ids)


def test_only_probes_sign_in_and_the_description_are_open_to_everybody() -> None:
    assert {o.full_path for o in TABLE if o.is_public} == PUBLIC


def test_every_operation_in_a_county_says_what_a_token_needs() -> None:
    assert all(o.needs for o in TABLE if o.in_county and not o.is_public)


def test_operations_are_found_by_method_and_path() -> None:
    operation, values = TABLE.find("POST", "/api/v1/incidents/i/partner-responses/p/leave")
    assert operation.command is not None and operation.command.command is c.PartnerGone
    assert values == {"incident_id": "i", "partner_id": "p"}


def test_every_operation_finds_itself() -> None:
    for operation in TABLE:
        found, values = TABLE.find(operation.method, operation.full_path)
        assert found is operation
        assert set(values) == set(operation.ids)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/calls/",
        "/api/v1//calls",
        "/api/v1/calls/i",
        "/api/v1/calls/i/answer/",
        "/api/v1/calls//answer",
        "/api/v1/incidents/i/slots//drop",
        "/healthz/x",
    ],
)
def test_other_paths_are_unknown(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.find("GET", path)


def test_a_known_path_names_the_methods_that_it_takes() -> None:
    with pytest.raises(WrongMethod) as caught:
        TABLE.find("PUT", "/api/v1/session")
    assert caught.value.facts["allow"] == "DELETE, GET, POST"


def test_a_head_is_a_get_without_its_body() -> None:
    assert TABLE.find("HEAD", "/healthz")[0].method == "GET"


def test_words_come_before_ids() -> None:
    table = Table([_operation("GET", "/a/{b}"), _operation("GET", "/a/c")])
    assert table.find("GET", "/api/v1/a/c")[0].path == "/a/c"
    assert table.find("GET", "/api/v1/a/d")[1] == {"b": "d"}


def test_one_path_can_not_be_two_operations() -> None:
    with pytest.raises(AssertionError, match="twice"):
        Table([_operation("GET", "/a/{b}"), _operation("GET", "/a/{c}")])
