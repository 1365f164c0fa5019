"""A proxy in front of PostgreSQL that cuts connections at the worst moments.

    async with CuttingProxy.before(dsn) as proxy:
        async with Database.open(proxy.dsn) as database:
            proxy.cut_at(COMMIT_GROUP, when="after")

It reads no protocol: it looks for a mark in what a client sends. ``before``: what was sent never
arrives. ``after``: it arrives and is answered, and the answer is lost on its way back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

When = Literal["before", "after"]

#: Stands in every group that writes something.
COMMIT_GROUP = b'"head_seq"'
#: The end of a transaction of several round trips.
COMMIT = b"COMMIT\x00"


@dataclass
class CuttingProxy:
    """Passes bytes on, until told to cut.

    Attributes:
        dsn: where to connect to it.
        cuts: how often it has cut.
        keeps_the_end: whether a server that ends its connection only has its last words passed on,
            as if the end itself were still on its way.
        ends_kept: how often that was done.
    """

    dsn: str
    _host: str
    _port: int
    cuts: int = 0
    keeps_the_end: bool = False
    ends_kept: int = 0
    _mark: bytes = b""
    _when: When = "before"
    _times: int = 0
    _is_down: bool = False
    _passes: asyncio.Event = field(default_factory=asyncio.Event)
    _stays_down: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def before(
        cls, dsn: str, listens: tuple[str, int] = ("127.0.0.1", 0)
    ) -> AsyncIterator[Self]:
        """A proxy in front of the server that ``dsn`` names; port 0 = a free one."""
        parts = urlsplit(dsn)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        host = query.pop("host", parts.hostname or "localhost")
        port = int(query.pop("port", parts.port or 5432))
        proxy = cls("", host, port)
        proxy._passes.set()
        server = await asyncio.start_server(proxy._serve, *listens)
        own_port: int = server.sockets[0].getsockname()[1]
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        netloc = f"{login}{listens[0]}:{own_port}"
        query["sslmode"] = "disable"
        proxy.dsn = urlunsplit(parts._replace(netloc=netloc, query=urlencode(query)))
        try:
            yield proxy
        finally:
            server.close()
            proxy._cut_all()
            for task in list(proxy._tasks):
                task.cancel()
            await asyncio.gather(*proxy._tasks, return_exceptions=True)

    @property
    def host(self) -> str:
        """Where it listens, as a DSN names it."""
        return urlsplit(self.dsn).netloc.rpartition("@")[2]

    def cut_at(self, mark: bytes, *, when: When, times: int = 1, stay_down: bool = False) -> None:
        """Cut the next ``times`` connections whose client sends ``mark``.

        ``stay_down``: cut all others then, too, and take no connection until ``come_back``.
        """
        self._mark, self._when, self._times = mark, when, times
        self._stays_down = stay_down

    def go_silent(self) -> None:
        """Keep every connection, take new ones, and pass nothing on, as a host that hangs."""
        self._passes.clear()

    def come_back(self) -> None:
        """Be as if nothing had been."""
        self._passes.set()
        self._is_down = False
        self._times = 0

    def _cut_all(self, *but: asyncio.StreamWriter) -> None:
        for writer in self._open.difference(but):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._is_down:
            writer.transport.abort()
            return
        try:
            await self._passes.wait()
            theirs, to_server = await self._reach()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        self._open |= {writer, to_server}
        silent = asyncio.Event()
        back = asyncio.create_task(self._pass_back(theirs, writer, silent))
        try:
            while data := await reader.read(1 << 16):
                await self._passes.wait()
                if self._times and self._mark in data:
                    self._times -= 1
                    self.cuts += 1
                    if self._stays_down:
                        self._is_down = True
                        self._cut_all(writer, to_server)
                    if self._when == "before":
                        break
                    # What is sent may be longer than this piece: it all goes there, and the
                    # connection ends when the answer would come back.
                    silent.set()
                to_server.write(data)
        except OSError:
            pass
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            self._open -= {writer, to_server}
            for one in (writer, to_server):
                one.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            path = f"{self._host}/.s.PGSQL.{self._port}"
            return await asyncio.open_unix_connection(path)
        return await asyncio.open_connection(self._host, self._port)

    async def _pass_back(
        self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        """Pass the server's answers on until one comes that must be lost."""
        try:
            while data := await theirs.read(1 << 16):
                await self._passes.wait()
                if silent.is_set():
                    break
                writer.write(data)
            else:
                if self.keeps_the_end:
                    self.ends_kept += 1
                    return
        except OSError:
            pass
        writer.transport.abort()
