"""The API as a simulation's desk: commands sent over HTTP to a node, by people signed in to it.

Decides which path a command is posted to, out of the API's own table. Must not know why a command
is sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Self

import httpx
import msgspec

from crisis.clock import new_id
from crisis.commands import Command
from crisis.errors import Conflict, CrisisError, Unavailable
from crisis.ids import CountyId
from dispatch.sim.desk import Who
from web.api.commands import OPERATIONS
from web.api.routes import Operation
from web.node import Node
from web.serve import answer

_TIMEOUT_S = 60.0
#: A server that got a signal has ended by then.
_STOPS_WITHIN_S = 6.0


@cache
def _operations(command: type[Command]) -> tuple[Operation, ...]:
    """Return the operations that send a command, those with most ids in their path first."""
    found = [o for o in OPERATIONS if o.command is not None and o.command.command is command]
    return tuple(sorted(found, key=lambda o: -len(o.ids)))


def path_and_body(command: Command) -> tuple[str, dict[str, Any]]:
    """Return where a command is posted, below the host, and its body."""
    body: dict[str, Any] = msgspec.to_builtins(command)
    body.pop("type", None)
    for operation in _operations(type(command)):
        if all(body.get(name) is not None for name in operation.ids):
            path = operation.full_path
            for name in operation.ids:
                path = path.replace("{" + name + "}", str(body.pop(name)))
            return path, body
    raise AssertionError(f"no path for {type(command).__name__} with these fields")


class ApiDesk:
    """Sends commands to a node as its accounts do; use as ``async with``.

    Args:
        url: of the node, without a path.
        sign_ins: username and password by who acts.
    """

    def __init__(
        self, url: str, county_id: CountyId, sign_ins: Mapping[Who, tuple[str, str]]
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False)
        self._county = str(county_id)
        self._sign_ins = sign_ins
        self._tokens: dict[Who, str] = {}
        #: How many commands were sent.
        self.sent = 0

    async def __aenter__(self) -> Self:
        for who, (username, password) in self._sign_ins.items():
            body = {"username": username, "password": password, "mode": "bearer"}
            answered = await self._post("/api/v1/session", body, {})
            self._tokens[who] = answered["token"]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def send(self, command: Command, who: Who = Who.DISPATCHER) -> dict[str, Any]:
        """Post a command and return its result; see ``dispatch.sim.desk.Desk``."""
        path, body = path_and_body(command)
        headers = {
            "authorization": f"Bearer {self._tokens[who]}",
            "x-county": self._county,
            "idempotency-key": str(new_id()),
        }
        answered = await self._post(path, body, headers)
        self.sent += 1
        result: dict[str, Any] = answered.get("result", {})
        return result

    async def _post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        content = msgspec.json.encode(body)
        try:
            response = await self._http.post(path, content=content, headers=dict(headers))
        except httpx.HTTPError as error:
            raise Unavailable("no_answer", f"The service doesn't answer: {error}") from error
        found: dict[str, Any] = msgspec.json.decode(response.content)
        if response.is_success:
            return found
        raise _refusal(response.status_code, found)


def _refusal(status: int, problem: Mapping[str, Any]) -> CrisisError:
    kind = Unavailable if status >= 500 else Conflict
    return kind(str(problem.get("code", "")), str(problem.get("detail", "")))


@asynccontextmanager
async def listening(node: Node) -> AsyncIterator[str]:
    """Answer requests to ``node`` on a port of this machine, and yield its address.

    Raises:
        Unavailable: ``stopped``: a signal ended the server before the block was done.
    """
    server = socket.create_server(("127.0.0.1", 0))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def started(node: Node, url: str) -> None:
        del node
        ready.set_result(url)

    serving = asyncio.create_task(answer(node, server, started), name="http")
    block = asyncio.current_task()

    def ended(_: asyncio.Task[None]) -> None:
        if block is not None:
            block.cancel()

    try:
        either: list[asyncio.Future[Any]] = [serving, ready]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await serving
            raise Unavailable("stopped", "Stopped before it began.")
        serving.add_done_callback(ended)
        try:
            yield ready.result()
        except Unavailable:
            # Where the server is on its way down, that is why it didn't answer.
            serving.remove_done_callback(ended)
            await asyncio.wait([serving], timeout=_STOPS_WITHIN_S)
            if serving.done():
                raise Unavailable("stopped", "Stopped by a signal.") from None
            raise
        except asyncio.CancelledError:
            if not serving.done() or block is None or block.uncancel() > 0:
                raise
            raise Unavailable("stopped", "Stopped by a signal.") from None
        finally:
            serving.remove_done_callback(ended)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        server.close()
