"""Pokes: how the nodes of one service wake each other when a county's log grew.

Decides when to say it and how to learn of it in time. A poke carries nothing but which county and
which seq, and may be lost; the heads that the pulse reads twice a second, and a look after every
reconnect, make sure that nothing is missed. Must not know what anybody does about it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import asyncpg

from crisis.clock import secret_token
from dispatch.store.connecting import RawConnection
from dispatch.store.errors import ConnectionLost, is_lost
from dispatch.store.pool import Database, Worker
from dispatch.store.sql import load

SQL = load("pokes")
_HEADS = load("counties")["list_counties"]

CHANNEL = "crisis_poke"
#: Pokes of one county are told at most once in this time, seconds.
GATHER_S = 0.02
HEARTBEAT_S = 5.0
#: Seconds until a connection that doesn't answer is given up.
ANSWER_S = 3.0

_PAYLOAD = re.compile(r"(\S+) (\d{4}) (\d{1,18})", re.ASCII)


class PulseHead(Protocol):
    """The head of a county's log, as the pulse reads it."""

    @property
    def county_id(self) -> int:
        """Whose log."""

    @property
    def seq(self) -> int:
        """Of its newest event."""


class Pokes:
    """Sends and receives pokes for one node.

    Its ``works`` run under a supervisor, which starts them again after a pause when they fail.

    Args:
        database: where.
        node: this node's name; need not be unique.
        on_poke: called with (county_id, seq) in the event loop when a county's log is known to
            reach that seq and ``known`` is below it, or by ``hear``; must be quick and must not
            raise.
        known: the seq up to which this node has a county's log; -1 = it doesn't serve the county
            yet, so that even an empty log is news.
        on_reconnect: called after each (re)connect, once the heads were looked at.
        gather_s, heartbeat_s: seconds, > 0.
    """

    def __init__(
        self,
        database: Database,
        node: str,
        on_poke: Callable[[int, int], None],
        *,
        known: Callable[[int], int],
        on_reconnect: Callable[[], None] | None = None,
        gather_s: float = GATHER_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._database = database
        # Two processes of one host may share the name, and then must hear each other.
        self._sender = f"{node}/{secret_token(6)}"
        self._on_poke = on_poke
        self._known = known
        self._on_reconnect = on_reconnect
        self._gather_s = gather_s
        self._heartbeat_s = heartbeat_s
        self._waiting: dict[int, int] = {}
        self._is_waiting = asyncio.Event()
        self._is_listening = False

    @property
    def is_listening(self) -> bool:
        """Whether pokes of other nodes arrive now; if not, the pulse does their work."""
        return self._is_listening

    def works(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return what must be kept running, by name."""
        return {"pokes": self.listen}

    def poke(self, county_id: int, seq: int) -> None:
        """Tell the other nodes, soon, that a county's log reaches ``seq``."""
        if seq > self._waiting.get(county_id, -1):
            self._waiting[county_id] = seq
            self._is_waiting.set()

    async def look(self) -> None:
        """Compare all heads with what is known here, and report those that are ahead."""
        for row in await self._database.ask(Worker(), _HEADS):
            self._heard(row["county_id"], row["head_seq"])

    def hear(self, heads: Iterable[PulseHead]) -> None:
        """Take heads that must be looked at: they are ahead, or can't be what was known."""
        for head in heads:
            self._on_poke(head.county_id, head.seq)

    async def listen(self) -> None:
        """Receive and send pokes over a connection of its own until that breaks.

        Raises:
            ConnectionLost: the connection broke or doesn't answer.
        """
        # NOTIFY holds a lock of the whole database until its transaction is on disk; nobody's
        # commit must wait for the disk because of a hint.
        con = await self._database.connect(Worker(), {"synchronous_commit": "off"})
        try:
            closed = asyncio.Event()
            con.add_termination_listener(lambda _con: closed.set())
            await con.add_listener(CHANNEL, self._receive)
            # Only now: what was committed before LISTEN shows in the heads, the rest is poked.
            await self.look()
            self._is_listening = True
            if self._on_reconnect is not None:
                self._on_reconnect()
            await self._converse(con, closed)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # No answer in time is an OSError, too.
            if isinstance(error, OSError) or is_lost(error, closed=con.is_closed()):
                raise ConnectionLost(unknown_outcome=False) from error
            raise
        finally:
            self._is_listening = False
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await con.close(timeout=1.0)

    async def _converse(self, con: RawConnection, closed: asyncio.Event) -> None:
        """Send what waits, and prove between times that the server still answers."""
        waits = {
            asyncio.create_task(closed.wait()): "closed",
            asyncio.create_task(self._is_waiting.wait()): "waiting",
        }
        try:
            while not closed.is_set():
                done, _ = await asyncio.wait(
                    waits, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    await con.fetchval("SELECT 1", timeout=ANSWER_S)
                    continue
                for task in done:
                    if waits.pop(task) == "waiting":
                        await self._send(con)
                        waits[asyncio.create_task(self._is_waiting.wait())] = "waiting"
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        raise ConnectionLost(unknown_outcome=False)

    async def _send(self, con: RawConnection) -> None:
        self._is_waiting.clear()
        waiting, self._waiting = self._waiting, {}
        payloads = [f"{self._sender} {county_id} {seq}" for county_id, seq in waiting.items()]
        await con.execute(SQL["send_pokes"], CHANNEL, payloads, timeout=ANSWER_S)
        # The first one leaves at once; those that come close behind it share the next.
        await asyncio.sleep(self._gather_s)

    def _receive(self, _con: Any, _pid: int, _channel: str, payload: object) -> None:
        match = _PAYLOAD.fullmatch(str(payload))
        # Anybody who may connect may notify; what isn't ours is passed over.
        if match is not None and match[1] != self._sender:
            self._heard(int(match[2]), int(match[3]))

    def _heard(self, county_id: int, seq: int) -> None:
        if seq > self._known(county_id):
            self._on_poke(county_id, seq)
