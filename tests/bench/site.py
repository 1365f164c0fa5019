"""A node and its clients, started together for a bench."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from tests.bench.bare_server import Listening
from tests.bench.children import Child, child
from tests.bench.node_server import Order, Ready, Setup, State
from tests.bench.place import fresh_folder
from tests.bench.seed import People

#: A million incidents take a minute or two to write, and longer where others use the disk.
_SEEDED_WITHIN_S = 900.0


class Site:
    """A running node. ``started_s``: from the process's start until it answered requests."""

    def __init__(self, server: Child, ready: Ready, people: People, started_s: float) -> None:
        self.server = server
        self.port = ready.port
        self.dsn = ready.dsn
        self.people = people
        self.started_s = started_s

    async def state(self, order: Order | None = None) -> State:
        """Return what the node is at, after doing what ``order`` says."""
        return await self.server.ask(order or Order(), State)


@asynccontextmanager
async def node(setup: Setup, people: People | None = None) -> AsyncIterator[Site]:
    """Run a node in a process of its own.

    Args:
        people: of the folder, where it was seeded before.
    """
    begun = time.perf_counter()
    argument = msgspec.json.encode(setup).decode()
    async with child("tests.bench.node_server", argument) as server:
        ready = await server.answer(Ready, within_s=_SEEDED_WITHIN_S)
        started_s = time.perf_counter() - begun
        known = ready.people or people
        assert known is not None
        yield Site(server, ready, known, started_s)


@asynccontextmanager
async def fresh_node(**setup: object) -> AsyncIterator[Site]:
    """Run a node on a data directory of its own; ``setup``: fields of ``Setup``."""
    async with fresh_folder() as folder:
        made = msgspec.convert({"folder": str(folder), **setup}, Setup)
        async with node(made) as site:
            yield site


@asynccontextmanager
async def bare(*arguments: str) -> AsyncIterator[tuple[Child, int]]:
    """Run a floor's server; returns it and its port."""
    async with child("tests.bench.bare_server", *arguments) as server:
        yield server, (await server.answer(Listening)).port
