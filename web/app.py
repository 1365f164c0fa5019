"""The ASGI application: the security layer, the error border, the API, and the pages behind it.

Decides the order of the layers and what an unforeseen error becomes. Must not know what any path
does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from crisis.errors import CrisisError, Invalid, NotFound, ShuttingDown
from dispatch.run.supervise import describe
from dispatch.sheets.table import MOST_BYTES
from web.api import (
    alarms,
    board,
    channels,
    commands,
    county,
    desk,
    devices,
    health,
    incidents,
    positions,
    reports,
    screening,
    session,
    shifts,
    trackers,
)
from web.api.openapi import describe as describe_api
from web.api.paths import Api, Table
from web.api.routes import Asked, Operation, Parts
from web.api.wire import JSON
from web.http.headers import headers_of
from web.http.pages import plain_page
from web.http.problems import WrongMethod, fault, refusal
from web.http.security import Noting, Security, SecuritySettings

log = logging.getLogger(__name__)

_OF_TRACKERS = ("/api/v1/trackers/", "/api/v1/track/", "/api/v1/teams/")
#: All operations of the API but those that describe it.
OPERATIONS: tuple[Operation, ...] = (
    *session.OPERATIONS,
    *channels.OPERATIONS,
    *commands.OPERATIONS,
    *incidents.OPERATIONS,
    *desk.OPERATIONS,
    *devices.OPERATIONS,
    *screening.OPERATIONS,
    *board.OPERATIONS,
    *county.OPERATIONS,
    *shifts.OPERATIONS,
    *alarms.OPERATIONS,
    *positions.OPERATIONS,
    *trackers.OPERATIONS,
    *reports.OPERATIONS,
    *health.OPERATIONS,
)


def table_of(operations: Iterable[Operation] = ()) -> Table:
    """Return the table of all operations, its own description included."""
    described: list[bytes] = []

    async def openapi(asked: Asked) -> Response:
        if not described:
            described.append(msgspec.json.encode(describe_api(table, _version())))
        return Response(described[0], media_type=JSON)

    table = Table(
        [
            *OPERATIONS,
            *operations,
            Operation(
                method="GET",
                path="/openapi.json",
                summary="This description.",
                tag="health",
                run=openapi,
                answer=dict[str, Any],
                is_public=True,
                in_county=False,
            ),
        ]
    )
    return table


def _version() -> str:
    try:
        return version("crisis-dispatch")
    except PackageNotFoundError:
        # Run from a checkout.
        return "0"


def build_app(
    node: Parts,
    *,
    operations: Iterable[Operation] = (),
    routes: Sequence[BaseRoute] = (),
    lifespan: Lifespan[Any] | None = None,
    security: SecuritySettings | None = None,
) -> ASGIApp:
    """Return the application.

    Args:
        operations: further ones for the API, with their description.
        routes: the live socket, pages and static files.
        lifespan: what must run around it; ``None`` = the caller sees to that.
        security: ``None`` = made from the node's settings.
    """
    table = table_of(operations)
    pages = Router(routes, lifespan=lifespan)
    if security is None:
        settings = node.settings
        security = SecuritySettings(
            origins=settings.origins,
            trust_proxy=tuple(settings.trust_proxy),
            # A county's outlines of urban and rural areas; read only of who is signed in.
            body_bytes_by_prefix={
                "/admin/": MOST_BYTES + 1024 * 1024,
                # Trackers', which send again for ever what is refused: their own bound answers.
                **dict.fromkeys(_OF_TRACKERS, 64 * 1024 * 1024),
            },
            always_heard=frozenset(
                operation.full_path
                for operation in OPERATIONS
                if operation.command is not None and operation.command.command.ALWAYS_HEARD
            ),
        )
    return Security(Border(_Fork(Api(node, table), pages)), security)


class _Fork:
    """Sends requests for the API straight there, and everything else to the pages."""

    def __init__(self, api: Api, pages: ASGIApp) -> None:
        self._api = api
        self._pages = pages

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and self._api.owns(scope["path"]):
            return self._api(scope, receive, send)
        # The router raises what it has no route for, instead of answering by itself.
        scope["app"] = self
        return self._pages(scope, receive, send)


class Border:
    """Where every error ends: refusals become problems, faults are logged and say nothing.

    The one place of the web that catches every exception.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        noting = send if isinstance(send, Noting) else Noting(send)
        try:
            await self._app(scope, receive, noting)
        except CrisisError as error:
            response = refusal(error)
        except HTTPException as error:
            response = _on_http(scope, error)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # Only the server's end gives up a request: what it did may have happened or not.
            response = refusal(ShuttingDown())
        except Exception as error:
            _note(scope, error)
            response = fault()
        else:
            return
        if not noting.has_begun:
            await response(scope, receive, send)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] == "lifespan":
                raise
            _note(scope, error)
            # The server closes a socket whose handler has returned.


def _note(scope: Scope, error: Exception) -> None:
    # No traceback and no path: both may quote what somebody typed.
    state = scope.get("state", {})
    log.error(
        "request failed",
        extra={
            "action": "request_failed",
            "operation": state.get("operation", ""),
            "request_id": state.get("request_id", ""),
            "error": describe(error),
        },
    )


def _on_http(scope: Scope, error: HTTPException) -> Response:
    if error.status_code == 405:
        return refusal(WrongMethod((error.headers or {}).get("Allow", "")))
    if error.status_code == 404:
        if b"text/html" in headers_of(scope).get(b"accept", b""):
            # Somebody mistyped an address, or follows an old link.
            return plain_page(404, "Not found", "There is no such page.")
        return refusal(NotFound("unknown_path", "There is no such page."))
    return refusal(Invalid("bad_request", "The request can't be understood."))
