"""Calls for help that can't be written at this moment: people hear of them all the same.

Decides when a call that the database doesn't take is told to whoever looks at a screen, and writes
it as soon as it can be, also if nobody sends it again: the phone that sent it may be broken by now.
Whoever sent it is told the truth, that it isn't recorded. Kept in memory alone, which is all that
is left; bounded. Must not know how screens are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from crisis.clock import Clock
from crisis.commands import Envelope
from crisis.effects import Answer
from crisis.errors import CrisisError, Unavailable
from dispatch.run.supervise import describe

log = logging.getLogger(__name__)

#: Seconds that the database may take before people are told without it.
TOLD_AFTER_S: Final = 2.0
#: Seconds between two tries, and after which a call that could never be written is let go of.
AGAIN_S: Final = 1.0
LET_GO_AFTER_S: Final = 3600.0
_MOST: Final = 1_000

Submit: TypeAlias = Callable[[Envelope], Awaitable[Answer]]


@dataclass(slots=True)
class _Call:
    env: Envelope
    since_s: float


class Unwritten:
    """The calls for help that wait to be written.

    Args:
        submit: writes a command.
        tell: told of a call that isn't written yet; must not block. May hear of one twice.
    """

    def __init__(self, submit: Submit, tell: Callable[[Envelope], None], machine: Clock) -> None:
        self._submit = submit
        self._tell = tell
        self._machine = machine
        self._calls: dict[UUID, _Call] = {}
        self._writing: set[asyncio.Task[Answer]] = set()
        self._some = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many calls wait to be written."""
        return len(self._calls)

    async def take(self, env: Envelope) -> Answer:
        """Write a call for help; where that takes too long or can't be done, tell of it first.

        Raises:
            Unavailable: it isn't written yet. People know of it, and it is tried again.
        """
        # Of its own: a sender that hangs up has called all the same.
        writing = asyncio.ensure_future(self._write(env))
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        done, _ = await asyncio.wait({writing}, timeout=TOLD_AFTER_S)
        if not done:
            self._tell(env)
        return await asyncio.shield(writing)

    async def _write(self, env: Envelope) -> Answer:
        try:
            return await self._submit(env)
        except Unavailable:
            self._tell(env)
            self._keep(env)
            raise

    def _written(self, writing: asyncio.Task[Answer]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            # Whoever still waits hears of it; that nobody does is no fault of this program.
            writing.exception()

    def _keep(self, env: Envelope) -> None:
        if env.command_id in self._calls or len(self._calls) >= _MOST:
            return
        if env.occurred_at is None:
            now = self._machine.now()
            env = msgspec.structs.replace(env, occurred_at=now, sent_at=now)
        self._calls[env.command_id] = _Call(env, self._machine.monotonic())
        self._some.set()

    async def run(self) -> None:
        """Try them again until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(AGAIN_S)
            await self.again()
            if not self._calls:
                self._some.clear()

    async def again(self) -> None:
        """Try each once."""
        for command_id, call in list(self._calls.items()):
            waited_s = self._machine.monotonic() - call.since_s
            try:
                await self._submit(_aged(call.env, waited_s))
            except Unavailable as error:
                if waited_s < LET_GO_AFTER_S:
                    continue
                self._let_go(error)
            except CrisisError as error:
                # It is another's by now: sent again, and heard.
                self._let_go(error)
            del self._calls[command_id]

    @staticmethod
    def _let_go(error: CrisisError) -> None:
        extra = {"action": "call_let_go", "error": describe(error)}
        log.error("a call for help was not recorded", extra=extra)


def _aged(env: Envelope, waited_s: float) -> Envelope:
    """Return the call as it is sent so much later: its own instant stays what it was."""
    if env.sent_at is None:
        return env
    return msgspec.structs.replace(env, sent_at=env.sent_at + timedelta(seconds=waited_s))
