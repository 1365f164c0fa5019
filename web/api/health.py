"""Whether this node lives, whether it may be sent work, and what it counts.

Reachable without a session: probes have none. They say nothing of the counties' work; the metrics,
which count it, are for this machine or for whoever has their token.
"""

from __future__ import annotations

import asyncio
from hmac import compare_digest
from ipaddress import ip_address

from msgspec import Struct
from starlette.responses import Response

from crisis.errors import CrisisError, NotAllowed
from dispatch.store.pulse import MOST_SKEW_S, skew_s
from web.api.routes import Asked, Parts, Rows
from web.api.wire import answer, header
from web.http.auth import client_address, header_secret
from web.http.metrics import CONTENT_TYPE

_PATIENCE_S = 2.0


class Health(Struct, frozen=True, kw_only=True):
    """``status``: ok or not_ready; ``problems``: why, empty = it is ready."""

    status: str
    problems: list[str] = []


OPERATIONS = Rows("health", prefix="", takes_any_query=True, is_public=True, in_county=False)


@OPERATIONS.get("/healthz", answer=Health)
async def alive(asked: Asked) -> Response:
    """Whether the process answers."""
    return answer(Health(status="ok"))


@OPERATIONS.get("/readyz", answer=Health, refusals=frozenset({"unavailable"}))
async def ready(asked: Asked) -> Response:
    """Whether requests should be sent to this node; 503 with its problems if not."""
    problems = await problems_of(asked.node)
    if problems:
        return answer(Health(status="not_ready", problems=problems), 503)
    return answer(Health(status="ok"))


async def problems_of(node: Parts) -> list[str]:
    """Return why this node must not be sent work; empty = it is ready."""
    problems = list(node.problems)
    before = node.machine.now()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            theirs = await node.database.ping()
    except TimeoutError:
        found = "database: no answer in time"
    except CrisisError as error:
        found = f"database: {error.code}"
    else:
        off_s = skew_s(before, theirs, node.machine.now())
        is_off = off_s > MOST_SKEW_S
        found = f"clock: {off_s:.1f} s off the database's" if is_off else ""
    # The pulse may have told already.
    known = any(problem.startswith(found.partition(":")[0] + ":") for problem in problems)
    return problems if known or not found else [*problems, found]


@OPERATIONS.get("/metrics", answer=str, media="text/plain", refusals=frozenset({"not_allowed"}))
async def metrics(asked: Asked) -> Response:
    """Counters for Prometheus; from this machine, or with the metrics token."""
    _require_reader(asked)
    text = asked.node.metrics.exposition()
    return Response(text, headers={"content-type": CONTENT_TYPE})


def _require_reader(asked: Asked) -> None:
    token = asked.node.settings.metrics_token
    if token is not None:
        given = header_secret(asked.scope) or ""
        if compare_digest(given.encode(), token.reveal().encode()):
            return
    elif _is_this_machine(asked):
        return
    raise NotAllowed("metrics_token", "Metrics are for this machine, or for who has their token.")


def _is_this_machine(asked: Asked) -> bool:
    # A proxy on this machine that nobody told us of would make every client look local.
    if header(asked.scope, b"x-forwarded-for") or header(asked.scope, b"forwarded"):
        return False
    address = client_address(asked.scope)
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == ""
