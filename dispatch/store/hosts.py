"""Which of a DSN's servers a connection goes to.

Decides in which order hosts are asked and how long each may take. asyncpg spends one limit on all
of them, one after the other: a first host that is silent eats it, and a standby that was promoted
is never found. Here each has a limit of its own, and the next is asked while the one before is
still silent. Must not know roles or what a connection is for.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from .patience import within

if TYPE_CHECKING:
    RawConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    RawConnection = asyncpg.Connection

#: Seconds that one host may take until it has let us in.
HOST_WITHIN_S = 2.0
#: Seconds that a silent host is alone until the next is asked as well.
HEAD_START_S = 0.2
_DEFAULT_PORT = 5432

Host: TypeAlias = tuple[str, int]


def hosts_of(dsn: str) -> tuple[Host, ...]:
    """Return the hosts that a DSN names, in its order; empty = it leaves them to a service file."""
    parts = urlsplit(dsn)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if "service" in query:
        return ()
    named = parts.netloc.rpartition("@")[2]
    given = named or query.get("host") or os.environ.get("PGHOST", "")
    texts = [text for text in given.split(",") if text]
    ports = (query.get("port") or os.environ.get("PGPORT") or str(_DEFAULT_PORT)).split(",")
    if len(ports) == 1:
        ports *= len(texts)
    try:
        return tuple(_host(text, port) for text, port in zip(texts, ports, strict=True))
    except ValueError:
        # For asyncpg to refuse, in its own words.
        return ()


def _host(text: str, port: str) -> Host:
    if text.startswith("/"):
        return text, int(port)
    if text.startswith("["):
        inside, _, after = text[1:].partition("]")
        return inside, int(after[1:] or port)
    name, _, own = text.partition(":")
    return unquote(name), int(own or port)


class Hosts:
    """The servers behind one DSN.

    Args:
        wanted: what kind of server, unless the DSN says so itself.
        within_s: seconds for each host.
    """

    def __init__(
        self,
        dsn: str,
        wanted: SessionAttribute = SessionAttribute.read_write,
        *,
        within_s: float = HOST_WITHIN_S,
    ) -> None:
        self.dsn = dsn
        self.within_s = within_s
        self._wanted = None if "target_session_attrs=" in dsn else wanted
        self._hosts = list(hosts_of(dsn))

    async def connect(self, *_: object, **options: Any) -> RawConnection:
        """Connect to the first host that lets us in and is of the kind that is wanted.

        The one that did so last is asked first.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: what the most telling host said.
        """
        # A pool hands its own connecting the same options and more; these are ours to say.
        options = {**options, "timeout": None, "target_session_attrs": self._wanted}
        if len(self._hosts) < 2 or "prefer-standby" in self.dsn:
            return await within(self.within_s, _connect(self.dsn, options))
        return await self._race(options)

    async def _race(self, options: dict[str, Any]) -> RawConnection:
        asked: dict[asyncio.Task[RawConnection], Host] = {}
        waiting = list(self._hosts)
        errors: list[BaseException] = []
        try:
            while waiting or asked:
                if waiting:
                    host = waiting.pop(0)
                    asked[asyncio.create_task(self._ask(host, options))] = host
                done, _ = await asyncio.wait(
                    asked,
                    timeout=HEAD_START_S if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    host = asked.pop(task)
                    error = task.exception()
                    if error is None:
                        self._prefer(host)
                        return task.result()
                    errors.append(error)
        finally:
            await _give_up(asked)
        raise min(errors, key=_weight)

    async def _ask(self, host: Host, options: dict[str, Any]) -> RawConnection:
        name, port = host
        named = {**options, "host": name, "port": port}
        return await within(self.within_s, _connect(self.dsn, named))

    def _prefer(self, host: Host) -> None:
        self._hosts.remove(host)
        self._hosts.insert(0, host)


async def _connect(dsn: str, options: dict[str, Any]) -> RawConnection:
    return await asyncpg.connect(dsn, **options)


async def _give_up(asked: dict[asyncio.Task[RawConnection], Host]) -> None:
    for task in asked:
        task.cancel()
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            outcome.terminate()


def _weight(error: BaseException) -> int:
    """Order what hosts said: a server that speaks tells more than one that is only reached."""
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return 1
    if isinstance(error, asyncpg.PostgresConnectionError):
        return 2
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return 0
    return 3 if isinstance(error, TimeoutError) else 2
