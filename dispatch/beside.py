"""Long work beside the loop: in threads of its own, in pieces, with bounds, and to be stopped.

Decides how much of it may run at once, how long it may take, and that between two pieces the loop
gets its turn: everybody else's requests are answered meanwhile. Whoever asks for the work stops it
by going away. Must not know what the work is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from crisis.clock import Clock, MachineClock
from crisis.errors import Invalid, Unavailable

T = TypeVar("T")

#: So much long work runs at once, and so much more may wait for it.
_THREADS, _WAITING = 2, 6
#: After so long in one piece a thread lets the loop have its turn, for so long at least.
_STINT_S, _PAUSE_S = 0.003, 0.0005
#: Longer than any file within its bounds takes on a slow machine.
LONGEST_S = 600.0


def breathe() -> None:
    """Let the loop have its turn, in a thread of somebody's own."""
    time.sleep(0)


class Stopped(Exception):
    """Nobody waits for the work any more."""


class Work:
    """A piece of long work, as the thread that does it and whoever waits for it see it.

    Attributes:
        done, of: how far it is; 0 of 0 = nothing is known yet.
    """

    def __init__(self, machine: Clock | None = None, within_s: float = LONGEST_S) -> None:
        self._machine = machine or MachineClock()
        self._until_s = self._machine.monotonic() + within_s
        self._breathed_s = self._machine.monotonic()
        self._within_s = within_s
        self._is_stopped = threading.Event()
        self.done = 0
        self.of = 0

    def stop(self) -> None:
        """Let it end at its next piece."""
        self._is_stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._is_stopped.is_set()

    def note(self, done: int, of: int | None = None) -> None:
        """Say how far it is; on the loop.

        Raises:
            Stopped: nobody waits for it any more.
            Invalid: ``took_too_long``.
        """
        self.done = done
        self.of = self.of if of is None else of
        if self._is_stopped.is_set():
            raise Stopped
        if self._machine.monotonic() > self._until_s:
            raise Invalid(
                "took_too_long",
                f"This took longer than {self._within_s / 60:.0f} minutes and was stopped; cut it "
                "into smaller parts.",
                minutes=round(self._within_s / 60),
            )

    def at(self, done: int, of: int | None = None) -> None:
        """Say how far it is, between two pieces; in the thread, where the loop gets its turn.

        Raises:
            Stopped: nobody waits for it any more.
            Invalid: ``took_too_long``.
        """
        self.note(done, of)
        if self._machine.monotonic() - self._breathed_s > _STINT_S:
            time.sleep(_PAUSE_S)
            self._breathed_s = self._machine.monotonic()


class Beside:
    """A few threads for long work."""

    def __init__(self, threads: int = _THREADS, waiting: int = _WAITING) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="beside")
        self._most = threads + waiting
        self._lock = threading.Lock()
        self._count = 0

    async def run(self, do: Callable[[Work], T], work: Work | None = None) -> T:
        """Return what ``do`` returns, done in a thread; it calls ``Work.at`` between its pieces.

        Whoever is cancelled while waiting stops it.

        Raises:
            Unavailable: ``too_much_at_once``: others' long work runs and waits already.
            Invalid: ``took_too_long``.
        """
        work = work or Work()
        with self._lock:
            if self._count >= self._most:
                raise Unavailable(
                    "too_much_at_once",
                    "Others' long work is under way; try again in a minute.",
                )
            self._count += 1
        future: Future[T] = self._pool.submit(do, work)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            work.stop()
            raise

    def _ended(self, future: Future[T]) -> None:
        del future
        with self._lock:
            self._count -= 1


#: The machine's, whoever asks: what bounds it is the machine.
BESIDE = Beside()
