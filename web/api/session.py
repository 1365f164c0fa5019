"""Signing in and out: the table's rows for what ``web.http.auth`` answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from web.api.routes import Asked, Handler, Operation
from web.http.auth import Auth, OwnSessions, PasswordBody, SignInBody, TicketAnswer, WhoAmI

Endpoint = Callable[[Auth, Request], Awaitable[Response]]


def _by(endpoint: Endpoint) -> Handler:
    async def run(asked: Asked) -> Response:
        scope = {**asked.scope, "path_params": dict(asked.path)}
        return await endpoint(asked.node.auth, Request(scope, asked.receive))

    return run


OPERATIONS: list[Operation] = [
    Operation(
        method="POST",
        path="/session",
        summary="Sign in: a cookie for pages, a bearer token for devices.",
        tag="session",
        run=_by(Auth.sign_in),
        body=SignInBody,
        answer=WhoAmI,
        refusals=frozenset({"invalid", "not_signed_in", "not_allowed", "too_many", "unavailable"}),
        is_public=True,
        in_county=False,
    ),
    Operation(
        method="GET",
        path="/session",
        summary="Who is signed in, and what they may act as in which county.",
        tag="session",
        run=_by(Auth.who_am_i),
        answer=WhoAmI,
        # The endpoints ask for the session themselves.
        is_public=True,
        in_county=False,
        refusals=frozenset({"not_signed_in", "unavailable"}),
    ),
    Operation(
        method="DELETE",
        path="/session",
        summary="Sign out, here and everywhere.",
        tag="session",
        run=_by(Auth.sign_out),
        is_public=True,
        in_county=False,
        refusals=frozenset({"unavailable"}),
    ),
    Operation(
        method="POST",
        path="/session/ticket",
        summary="A one-use ticket with which a page opens its socket.",
        tag="session",
        run=_by(Auth.give_ticket),
        answer=TicketAnswer,
        in_county=False,
    ),
    Operation(
        method="POST",
        path="/session/password",
        summary="Change one's password; the account's other sessions end.",
        tag="session",
        run=_by(Auth.change_password),
        body=PasswordBody,
        in_county=False,
        refusals=frozenset({"invalid", "too_many"}),
    ),
    Operation(
        method="GET",
        path="/session/all",
        summary="Where one is signed in: one's open sessions.",
        tag="session",
        run=_by(Auth.list_sessions),
        answer=OwnSessions,
        in_county=False,
    ),
    Operation(
        method="DELETE",
        path="/session/others",
        summary="Sign out everywhere else: all of one's sessions but this one.",
        tag="session",
        run=_by(Auth.end_others),
        in_county=False,
    ),
    Operation(
        method="DELETE",
        path="/session/one/{session_id}",
        summary="End one of one's own sessions.",
        tag="session",
        run=_by(Auth.end_one),
        in_county=False,
        refusals=frozenset({"not_found"}),
    ),
]
