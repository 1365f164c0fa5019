"""Which of a DSN's servers a connection goes to.

Decides in which order hosts are asked and how long each may take. asyncpg spends one limit on all
of them, and on all addresses of each, one after the other: a first one that is silent eats it, and
a standby that was promoted is never found. Here each address of each host has a limit of its own,
and the next is asked while the one before is still silent. Must not know roles or what a connection
is for.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from dispatch.store.addresses import Addresses, PinnedLoop
from dispatch.store.patience import within

if TYPE_CHECKING:
    RawConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    RawConnection = asyncpg.Connection

#: Seconds that one address of a host may take until it has let us in.
HOST_WITHIN_S = 2.0
#: Seconds that a silent one is alone until the next is asked as well, and until all are asked.
HEAD_START_S = 0.2
ALL_ASKED_S = 0.6
_DEFAULT_PORT = 5432

Host: TypeAlias = tuple[str, int]
#: What comes of a server that can't be had, whatever the reason.
NOT_CONNECTED = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # Among them that there is no server of the kind that is wanted.
    asyncpg.InternalClientError,
)


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
        within_s: seconds for each address of a host.
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
        self._kinds = _kinds_of(dsn, wanted)
        self._hosts = list(hosts_of(dsn))
        self._addresses = Addresses()
        #: By host, the address that let us in last.
        self._open: dict[Host, str] = {}

    async def connect(self, *_: object, **options: Any) -> RawConnection:
        """Connect to the first server that lets us in and is of the kind that is wanted.

        The one that did so last is asked first.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: what the most telling one said.
        """
        # A pool hands its own connecting the same options and more; these are ours to say.
        for kind in self._kinds[:-1]:
            try:
                return await self._one_of(kind, options)
            except NOT_CONNECTED:
                continue
        return await self._one_of(self._kinds[-1], options)

    async def _one_of(
        self, kind: SessionAttribute | None, options: dict[str, Any]
    ) -> RawConnection:
        options = {**options, "timeout": None, "target_session_attrs": kind}
        if not self._hosts:
            return await self._connect(options)
        host, con = await _race(self._hosts, lambda host: self._host(host, options))
        self._hosts.remove(host)
        self._hosts.insert(0, host)
        return con

    async def _host(self, host: Host, options: dict[str, Any]) -> RawConnection:
        name, port = host
        named = {**options, "host": name, "port": port}
        if name.startswith("/"):
            return await self._connect(named)
        found = await self._addresses.of(name)
        last = self._open.get(host)
        address, con = await _race(
            sorted(found, key=lambda one: one != last), lambda one: self._address(one, named)
        )
        self._open[host] = address
        return con

    async def _address(self, address: str, named: dict[str, Any]) -> RawConnection:
        loop = PinnedLoop(asyncio.get_running_loop(), address)
        return await self._connect({**named, "loop": loop})

    async def _connect(self, options: dict[str, Any]) -> RawConnection:
        return await within(self.within_s, _connect(self.dsn, options), _close)


T = TypeVar("T")


async def _race(
    ones: Iterable[T], ask: Callable[[T], Awaitable[RawConnection]]
) -> tuple[T, RawConnection]:
    """Return the first that lets us in, each asked while those before it are still silent.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: what the most telling one said.
    """
    asked: dict[asyncio.Task[RawConnection], T] = {}
    waiting = list(ones)
    alone_s = min(HEAD_START_S, ALL_ASKED_S / max(len(waiting), 1))
    errors: list[BaseException] = []
    try:
        while waiting or asked:
            if waiting:
                one = waiting.pop(0)
                asked[asyncio.ensure_future(ask(one))] = one
            done, _ = await asyncio.wait(
                asked,
                timeout=alone_s if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is None:
                    return asked.pop(task), task.result()
                del asked[task]
                errors.append(error)
    finally:
        await _give_up(asked)
    raise min(errors, key=_weight, default=OSError("the host has no address"))


def _kinds_of(dsn: str, wanted: SessionAttribute) -> tuple[SessionAttribute | None, ...]:
    """Return the kinds of server to ask for, each where the one before it isn't to be had.

    asyncpg's own way to prefer a standby asks one host after the other.
    """
    said = parse_qs(urlsplit(dsn).query).get("target_session_attrs")
    name = said[-1] if said else os.environ.get("PGTARGETSESSIONATTRS")
    if name is None:
        return (wanted,)
    if name == SessionAttribute.prefer_standby:
        return (SessionAttribute.standby, SessionAttribute.any)
    # ``None``: for asyncpg to read, or to refuse in its own words.
    return (None,)


async def _connect(dsn: str, options: dict[str, Any]) -> RawConnection:
    return await asyncpg.connect(dsn, **options)


async def _give_up(asked: Iterable[asyncio.Task[RawConnection]]) -> None:
    tasks = list(asked)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            _close(outcome)


def _close(con: RawConnection) -> None:
    con.terminate()


def _weight(error: BaseException) -> int:
    """Order what hosts said: a server that speaks tells more than one that is only reached."""
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return 1
    if isinstance(error, asyncpg.PostgresConnectionError):
        return 2
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return 0
    return 3 if isinstance(error, TimeoutError) else 2
