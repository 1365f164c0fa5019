"""How decided groups of commands reach the database: counties under load share transactions.

A county has one group on its way at a time, but a node serves many counties. What becomes ready
while a few transactions are under way goes into the next one together: one round trip and one wait
for the disk for all. A county that somebody else holds, or a group that a constraint refuses, is
sent alone, so that no county waits or fails for another. Must not know what a group holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial

from crisis.errors import Unavailable
from dispatch.store.errors import ConnectionLost
from dispatch.store.pool import County, Database
from dispatch.store.sql import load

SQL = load("log")

#: Transactions under way at once. One would leave the server idle while this program decides.
_AT_ONCE = 4
#: Groups that share a transaction, at most.
_MOST = 16


@dataclass(slots=True, eq=False)
class _Sent:
    """A group on its way."""

    county_id: int
    version: int
    group: str
    outcome: asyncio.Future[str]


class GroupWriter:
    """Writes groups for all counties of a node."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._waiting: deque[_Sent] = deque()
        self._under_way = 0
        self._is_due = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, county_id: int, version: int, group: str) -> str:
        """Write a group in a transaction; returns what ``commit_group`` answers.

        Args:
            version: of the board that it was decided on.
            group: JSON as ``commit_group`` takes it.

        Raises:
            ConnectionLost: with ``unknown_outcome`` it may have been written.
            Conflict: a constraint refused it.
            Unavailable: no connection, lock or answer in time.
        """
        loop = asyncio.get_running_loop()
        sent = _Sent(county_id, version, group, loop.create_future())
        self._waiting.append(sent)
        self._come_back(loop)
        return await sent.outcome

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _come_back(self, loop: asyncio.AbstractEventLoop) -> None:
        # Only once all that is ready at this moment has come: it goes together.
        if not self._is_due and self._under_way < _AT_ONCE:
            self._is_due = True
            loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._is_due = False
        while self._waiting and self._under_way < _AT_ONCE:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
            self._under_way += 1
            self._start(self._send(batch), batch)

    def _start(self, work: Coroutine[None, None, None], batch: Sequence[_Sent]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, batch))

    def _ended(self, batch: Sequence[_Sent], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            return
        # The loop ends: nothing more is sent, and nobody must wait for ever. Told here, because a
        # task that is cancelled before its first step can't tell.
        for sent in batch:
            _answer(sent, ConnectionLost(unknown_outcome=True))
        while self._waiting:
            _answer(self._waiting.popleft(), ConnectionLost(unknown_outcome=False))

    async def _send(self, batch: Sequence[_Sent]) -> None:
        try:
            # What it raises is the answer of those who wait.
            (outcomes,) = await asyncio.gather(self._together(batch), return_exceptions=True)
        finally:
            self._under_way -= 1
        self._begin()
        if isinstance(outcomes, list):
            for sent, outcome in zip(batch, outcomes, strict=True):
                if outcome == "busy":
                    self._start(self._alone(sent), [sent])
                else:
                    _answer(sent, outcome)
        elif len(batch) == 1 or isinstance(outcomes, Unavailable):
            for sent in batch:
                _answer(sent, outcomes)
        else:
            # One of them was refused, and took the others along.
            for sent in batch:
                self._start(self._alone(sent), [sent])

    async def _together(self, batch: Sequence[_Sent]) -> list[str]:
        rows = await self._db.call(
            County(batch[0].county_id),
            SQL["commit_groups"],
            [sent.county_id for sent in batch],
            [sent.version for sent in batch],
            [sent.group for sent in batch],
        )
        outcomes: list[str] = rows[0]["outcomes"]
        return outcomes

    async def _alone(self, sent: _Sent) -> None:
        args = (sent.county_id, sent.version, sent.group)
        call = self._db.call(County(sent.county_id), SQL["commit_group"], *args)
        (outcome,) = await asyncio.gather(call, return_exceptions=True)
        _answer(sent, outcome if isinstance(outcome, BaseException) else outcome[0]["outcome"])


def _answer(sent: _Sent, outcome: str | BaseException) -> None:
    # Whoever waited may have been cancelled.
    if sent.outcome.done():
        return
    if isinstance(outcome, BaseException):
        sent.outcome.set_exception(outcome)
    else:
        sent.outcome.set_result(outcome)
