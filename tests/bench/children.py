"""Child processes that take one JSON order a line and answer each with one JSON line.

Decides how a bench starts its servers and clients, talks to them and ends them. Must not know what
they do.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import uvicorn

T = TypeVar("T")

#: Longest line of an order or an answer, bytes.
LONGEST_LINE = 4 * 1024 * 1024
_ANSWER_S = 120.0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a process has used. ``cpu_s``: since its start; ``resident``: bytes now."""

    cpu_s: float
    resident: int


class Child:
    """A running child; one order at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def ask(
        self, order: msgspec.Struct, answer: type[T], *, within_s: float = _ANSWER_S
    ) -> T:
        """Send an order and return what comes back."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        return await self.answer(answer, within_s=within_s)

    async def answer(self, answer: type[T], *, within_s: float = _ANSWER_S) -> T:
        """Return what the child says next, of its own accord.

        Raises:
            RuntimeError: it ended instead.
        """
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        if not line:
            raise RuntimeError("a process of the bench ended; see its own words above")
        return msgspec.json.decode(line, type=answer)


@asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run ``python -m module`` until the block ends, which closes its stdin."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    try:
        yield Child(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()


async def orders() -> AsyncIterator[bytes]:
    """Yield this process's orders until stdin ends; for the child's side."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line


def say(answer: msgspec.Struct) -> None:
    """Answer the parent."""
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


def usage(pid: int | str = "self") -> Usage:
    """Return what a process on this machine has used."""
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    # The name, in brackets, may hold spaces; times stand at 14 and 15, in hundredths.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Usage(cpu_s=(int(fields[11]) + int(fields[12])) / 100, resident=resident)


def allow_sockets(wanted: int) -> None:
    """Raise this process's (and its children's) limit of open files as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a process's main coroutine on the loop that the service runs on."""

    async def whole() -> None:
        await main()

    factory = uvicorn.Config(whole, loop="auto", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(whole())
