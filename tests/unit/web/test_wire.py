"""How bodies are taken in and refusals written."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from starlette.types import Message

from crisis import errors
from crisis.errors import Conflict, CrisisError, TooMany, Unavailable
from web.api import wire
from web.http import problems


async def _read(chunks: list[bytes], limit: int, headers: Any = ()) -> bytes:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return await wire.read_body({"headers": list(headers)}, receive, limit)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Invalid("settled", "b"), 422),
        (errors.NotSignedIn("settled", "b"), 401),
        (errors.NotAllowed("settled", "b"), 403),
        (errors.NotFound("settled", "b"), 404),
        (errors.Conflict("settled", "b"), 409),
        (errors.IllegalTransition("settled", "b"), 409),
        (errors.Disputed("settled", "b"), 409),
        (errors.TooMany("settled", "b", retry_after_s=3.2), 429),
        (errors.Unavailable("settled", "b"), 503),
        (problems.BadRequest("settled", "b"), 400),
        (problems.TooLarge("settled", "b"), 413),
        (problems.WrongMethod("GET"), 405),
    ],
)
def test_each_kind_of_refusal_has_its_status(error: CrisisError, status: int) -> None:
    response = problems.refusal(error)
    body = msgspec.json.decode(response.body)
    assert response.status_code == body["status"] == status
    assert response.media_type == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


def test_every_kind_of_refusal_is_known() -> None:
    kinds = {cls.kind for cls in CrisisError.__subclasses__()}
    assert kinds == set(problems.STATUSES)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TooMany("settled", "b", retry_after_s=3.2), "4"),
        (TooMany("settled", "b", retry_after_s=0.01), "1"),
        (TooMany("settled", "b", retry_after_s=math.inf), "1"),
        (Unavailable("settled", "b"), "1"),
        (Unavailable("settled", "b", retry_after_s="soon"), "1"),
    ],
)
def test_who_may_ask_again_is_told_when(error: CrisisError, seconds: str) -> None:
    assert problems.refusal(error).headers["retry-after"] == seconds


def test_facts_that_are_not_json_do_not_hide_the_refusal() -> None:
    response = problems.refusal(
        Conflict("settled", "b", thing=object(), at=datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert response.status_code == 409
    assert msgspec.json.decode(response.body)["code"] == "settled"


async def test_a_body_comes_in_parts() -> None:
    assert await _read([b"ab", b"", b"c"], 3) == b"abc"
    assert await _read([b"abc"], 3) == b"abc"


async def test_an_announced_length_beyond_the_limit_is_refused_before_reading() -> None:
    with pytest.raises(problems.TooLarge):
        await _read([], 3, [(b"content-length", b"4")])
    with pytest.raises(problems.TooLarge):
        await _read([], 3, [(b"content-length", b"9" * 400)])


async def test_a_body_that_ends_in_the_middle_is_no_request() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(problems.BadRequest):
        await wire.read_body({"headers": []}, receive)


@pytest.mark.parametrize("chunks", [[b"abcd"], [b"ab", b"cd"]])
async def test_a_body_beyond_the_limit_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(problems.TooLarge):
        await _read(chunks, 3)
