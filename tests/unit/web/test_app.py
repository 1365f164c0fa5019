"""The border at which every error ends."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from crisis.errors import Conflict
from web.app import Border


async def _serve(app: Any, kind: str = "http") -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await Border(app)({"type": kind, "method": "GET", "path": "/", "headers": []}, receive, send)
    return sent


async def test_a_refusal_becomes_a_problem() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Conflict("settled", "Not now.", state="closed")

    start, body = await _serve(app)
    assert start["status"] == 409
    problem = msgspec.json.decode(body["body"])
    assert problem["code"] == "settled" and problem["facts"] == {"state": "closed"}


async def test_a_fault_becomes_a_problem_that_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("Kim Canary")

    start, body = await _serve(app)
    assert start["status"] == 500
    assert b"Canary" not in body["body"]
    [record] = caplog.records
    assert "Canary" not in str(vars(record))
    assert "KeyError" in vars(record)["error"] and "test_app.py" in vars(record)["error"]


async def test_a_request_that_is_under_way_when_the_server_ends_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    serving = asyncio.create_task(_serve(app))
    await begun.wait()
    serving.cancel()
    start, body = await serving
    assert start["status"] == 503
    assert msgspec.json.decode(body["body"])["code"] == "shutting_down"
    assert not caplog.records


async def test_an_error_after_the_answer_began_sends_no_second_one() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Conflict("settled", "Not now.")

    assert [m["type"] for m in await _serve(app)] == ["http.response.start"]


async def test_a_sockets_fault_ends_at_the_border_too(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("Kim Canary")

    assert await _serve(app, "websocket") == []
    assert "Canary" not in caplog.text and caplog.records


async def test_a_failed_start_is_the_servers_to_know() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        await _serve(app, "lifespan")
