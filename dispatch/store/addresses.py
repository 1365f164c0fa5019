"""Where the names in a DSN lead at this moment.

Decides how long a name service is waited for, and what counts while it is silent: where the name
led last. It is asked anew for each connection, for a failover may consist of nothing but another
answer; one that hangs holds one thread for a name, however often it is asked, and no way out of
this program. Must not know what is behind an address.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from dispatch.store.patience import within

#: Seconds that the name service may take where an earlier answer is at hand, and where none is.
FRESH_WITHIN_S = 0.5
FIRST_WITHIN_S = 2.0


def look_up(name: str) -> tuple[str, ...]:
    """Return the addresses of a name, in the order in which this host prefers them; blocks."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Addresses:
    """Finds the addresses of names and remembers them."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, ...]] = {}
        self._asked: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    async def of(self, name: str) -> tuple[str, ...]:
        """Return where ``name`` leads; an address leads to itself.

        Raises:
            OSError: nobody knows the name, or its service is silent; and it wasn't known before.
        """
        if _is_address(name):
            return (name,)
        last = self._last.get(name)
        try:
            answer = _shared(self._answer(name))
            return await within(FRESH_WITHIN_S if last else FIRST_WITHIN_S, answer)
        except OSError:
            if last is None:
                raise
            return last

    def _answer(self, name: str) -> asyncio.Future[tuple[str, ...]]:
        asked = self._asked.get(name)
        loop = asyncio.get_running_loop()
        if asked is not None and not asked.done() and asked.get_loop() is loop:
            return asked
        asked = self._asked[name] = loop.create_future()
        asked.add_done_callback(lambda done: self._note(name, done))
        # A thread that nobody waits for at the end: getaddrinfo can't be interrupted, and the
        # loop's own threads are few.
        threading.Thread(
            target=_ask, args=(name, loop, asked), name="name service", daemon=True
        ).start()
        return asked

    def _note(self, name: str, done: asyncio.Future[tuple[str, ...]]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._last[name] = done.result()


def _ask(
    name: str, loop: asyncio.AbstractEventLoop, asked: asyncio.Future[tuple[str, ...]]
) -> None:
    found: tuple[str, ...] = ()
    error: OSError | None = None
    try:
        found = look_up(name)
    except UnicodeError:
        error = OSError(f"{name!r} can't be a host's name")
    except OSError as said:
        error = said

    def tell() -> None:
        if asked.done():
            return
        if error is None:
            asked.set_result(found)
        else:
            asked.set_exception(error)

    # The loop may be gone by now; then nobody waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)


async def _shared(answer: Awaitable[tuple[str, ...]]) -> tuple[str, ...]:
    return await asyncio.shield(answer)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


class PinnedLoop:
    """An event loop that opens connections to one address, by whatever name they are asked for.

    asyncpg is told the name, as it stands in certificates and password files, and comes to the
    address that was chosen for it; so does the connection by which it cancels a statement.
    """

    __slots__ = ("_address", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._loop = loop
        self._address = address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    # asyncio finds a loop's current task by the loop.
    def __eq__(self, other: object) -> bool:
        return other is self or other is self._loop

    def __hash__(self) -> int:
        return hash(self._loop)

    async def create_connection(self, factory: Any, host: str, port: int, **options: Any) -> Any:
        """Connect as the loop does, to the one address."""
        if options.get("ssl"):
            options.setdefault("server_hostname", host)
        return await self._loop.create_connection(factory, self._address, port, **options)
