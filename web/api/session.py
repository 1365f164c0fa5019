"""Signing in and out: the table's rows for what ``web.http.auth`` answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from web.api.routes import Asked, Rows
from web.http.auth import Auth, OwnSessions, PasswordBody, SignInBody, TicketAnswer, WhoAmI

Endpoint = Callable[[Auth, Request], Awaitable[Response]]

OPERATIONS = Rows("session", in_county=False)


def _row(method: str, path: str, endpoint: Endpoint, *refusals: str, **more: Any) -> None:
    async def run(asked: Asked) -> Response:
        scope = {**asked.scope, "path_params": dict(asked.path)}
        return await endpoint(asked.node.auth, Request(scope, asked.receive))

    run.__doc__ = endpoint.__doc__
    OPERATIONS.row(method, path, run, refusals=frozenset(refusals), **more)


_row(
    "POST",
    "/session",
    Auth.sign_in,
    *("invalid", "not_signed_in", "not_allowed", "too_many", "unavailable"),
    body=SignInBody,
    answer=WhoAmI,
    is_public=True,
)
# The endpoints ask for the session themselves.
_row(
    "GET",
    "/session",
    Auth.who_am_i,
    *("not_signed_in", "unavailable"),
    answer=WhoAmI,
    is_public=True,
)
_row("DELETE", "/session", Auth.sign_out, "unavailable", is_public=True)
_row("POST", "/session/ticket", Auth.give_ticket, answer=TicketAnswer)
_row("POST", "/session/password", Auth.change_password, "invalid", "too_many", body=PasswordBody)
_row("GET", "/session/all", Auth.list_sessions, answer=OwnSessions)
_row("DELETE", "/session/others", Auth.end_others)
_row("DELETE", "/session/one/{session_id}", Auth.end_one, "not_found")
