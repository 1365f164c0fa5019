"""Refusals and faults as answers: the one place that knows which HTTP status each has.

Decides what a refusal looks like over HTTP (RFC 9457). Must not know who refuses what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from starlette.responses import Response

from crisis.errors import CrisisError, Invalid

PROBLEM_JSON = "application/problem+json"

_encoder = msgspec.json.Encoder()
_NO_STORE = {"cache-control": "no-store"}


class BadRequest(Invalid):
    """It can't even be read."""


class TooLarge(Invalid):
    """The body is longer than any that makes sense."""


def too_large(limit: int) -> TooLarge:
    """Return the refusal of a body that is longer than ``limit`` bytes."""
    return TooLarge("body_too_long", f"The body may have at most {limit} bytes.", limit=limit)


class WrongMethod(Invalid):
    """The path exists, but not for this method; ``allow`` lists those that it has."""

    def __init__(self, allow: str) -> None:
        super().__init__("method_not_allowed", f"This path takes {allow}.", allow=allow)


class Problem(Struct, frozen=True, kw_only=True):
    """A refusal, after RFC 9457. ``code`` is stable; ``facts`` are the values behind ``detail``."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    facts: dict[str, Any] = {}


_STATUS: Mapping[str, tuple[int, str]] = {
    "invalid": (422, "The request can't be understood"),
    "not_signed_in": (401, "Sign in first"),
    "not_allowed": (403, "Not allowed"),
    "not_found": (404, "Not found"),
    "conflict": (409, "Not possible now"),
    "too_many": (429, "Too often"),
    "unavailable": (503, "Not available at this moment"),
}
_HTTP_ONLY: Mapping[type[CrisisError], tuple[int, str]] = {
    BadRequest: (400, "It can't be read"),
    TooLarge: (413, "Too long"),
    WrongMethod: (405, "Method not allowed"),
}
FAULT_STATUS = 500
_FAILED = (FAULT_STATUS, "The service failed")
#: Every status that a refusal of each kind can have, for the API's description.
STATUSES: Mapping[str, int] = {kind: status for kind, (status, _) in _STATUS.items()}
#: Seconds after which an unavailable service may be asked again, where nothing better is known.
_TRY_AGAIN_S = 1


def status_of(error: CrisisError) -> int:
    """Return the HTTP status of a refusal."""
    return _status(error)[0]


def _status(error: CrisisError) -> tuple[int, str]:
    return _HTTP_ONLY.get(type(error)) or _STATUS.get(error.kind) or _FAILED


def problem_of(error: CrisisError) -> Problem:
    """Return the refusal as it goes over the wire."""
    status, title = _status(error)
    return Problem(
        title=title,
        status=status,
        code=error.code,
        detail=error.detail,
        facts=dict(error.facts),
    )


def refusal(error: CrisisError) -> Response:
    """Return the response for a refusal."""
    problem = problem_of(error)
    headers = dict(_NO_STORE)
    if problem.status == 413:
        # The rest of the body was not read, and should not be.
        headers["connection"] = "close"
    elif problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    elif problem.status == 405:
        headers["allow"] = str(error.facts["allow"])
    elif problem.status in {429, 503}:
        after = error.facts.get("retry_after_s", _TRY_AGAIN_S)
        seconds = after if isinstance(after, int | float) and math.isfinite(after) else 1
        headers["retry-after"] = str(max(1, math.ceil(seconds)))
    return Response(_encode(problem), problem.status, headers, PROBLEM_JSON)


#: Answered where the service failed: it says nothing of what went wrong inside.
FAULT = Problem(
    title=_FAILED[1],
    status=FAULT_STATUS,
    code="internal_fault",
    detail="The service could not answer; it has been logged. The same request may be sent again.",
)


def fault() -> Response:
    """Return the response for an unforeseen error."""
    return Response(_encode(FAULT), FAULT.status, dict(_NO_STORE), PROBLEM_JSON)


def _encode(problem: Problem) -> bytes:
    try:
        return _encoder.encode(problem)
    except (TypeError, ValueError, OverflowError):
        # A fact that isn't JSON-able is a slip of ours; it must not hide the refusal.
        facts = {name: str(value) for name, value in problem.facts.items()}
        return _encoder.encode(msgspec.structs.replace(problem, facts=facts))
