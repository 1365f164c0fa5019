"""Keeps this node's boards up with what other nodes write.

Decides what a poke comes to: a board that is caught up, a county that is served from now on, or one
that this program doesn't understand and shows no more. Must not know sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from crisis.errors import CrisisError, Unavailable
from crisis.ids import CountyId
from dispatch.run.service import Service


class Following:
    """Follows; ``on_poke`` and ``known`` are for ``store.pokes``.

    Args:
        on_blocked: told of a county whose log this program doesn't understand. Its screens would
            stand still while the heartbeats go on; they must connect to another node.
    """

    def __init__(self, service: Service, on_blocked: Callable[[CountyId], None]) -> None:
        self._service = service
        self._on_blocked = on_blocked
        self._grown: set[int] = set()
        self._wake = asyncio.Event()

    def known(self, county_id: int) -> int:
        """Return up to which event this node knows a county's log; -1 = it doesn't serve it."""
        try:
            return self._service.county(county_id).board.seq
        except CrisisError:
            return -1

    def on_poke(self, county_id: int, seq: int) -> None:
        """Note that a county's log has grown."""
        del seq
        self._grown.add(county_id)
        self._wake.set()

    async def run(self) -> NoReturn:
        """Follow until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._grown:
                await self.follow(self._grown.pop())

    async def follow(self, county_id: int) -> None:
        """Fold what another node wrote, or start serving a county that was added."""
        try:
            runner = self._service.county(county_id)
        except CrisisError:
            await self._service.refresh_counties()
            return
        try:
            await runner.catch_up()
        except Unavailable:
            if runner.blocked is None:
                raise
            self._on_blocked(runner.county_id)
