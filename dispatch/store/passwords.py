"""Hashing passwords without letting sign-in take the machine.

Decides how a password is hashed (argon2id), how many may be hashed at once and how many may wait.
Must not know accounts. Hashing costs about 70 ms and 46 MiB by design: it runs in threads of its
own, never more than ``lanes`` at a time, whoever has stopped waiting for the answer.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crisis.clock import secret_token
from crisis.errors import ShuttingDown, TooMany

T = TypeVar("T")

MIN_LENGTH = 12
MAX_LENGTH = 256
#: Fewer different characters than this can be guessed whatever the length.
_MIN_DIFFERENT = 5


def password_problems(password: str, username: str) -> tuple[str, ...]:
    """Return every reason to refuse a new password; empty = fine.

    Length is what counts; no rules about kinds of characters, as they make passwords worse
    (NIST SP 800-63B, 5.1.1.2).
    """
    problems = []
    if len(password) < MIN_LENGTH:
        problems.append("too_short")
    if len(password) > MAX_LENGTH:
        problems.append("too_long")
    if len(set(password)) < _MIN_DIFFERENT:
        problems.append("too_simple")
    if username.casefold() in password.casefold():
        problems.append("contains_username")
    return tuple(problems)


class Passwords:
    """Hashes and checks passwords, a few at a time.

    Args:
        lanes: how many are hashed at once, >= 1; each takes one core.
        waiting: how many may wait for a lane before further ones are refused.
        hasher: argon2id parameters; None = 46 MiB, two passes (OWASP's profile, doubled).
    """

    def __init__(
        self, *, lanes: int = 2, waiting: int = 32, hasher: PasswordHasher | None = None
    ) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="password")
        self._room = lanes + waiting
        self._inside = 0
        #: Checked where there is no hash, so that it takes as long; nothing matches it.
        self._nobody = self._hasher.hash(secret_token())

    @property
    def is_full(self) -> bool:
        """Whether further ones are refused at this moment."""
        return self._inside >= self._room

    def close(self) -> None:
        """Give up what waits; what is being hashed ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the encoded argon2id hash.

        Raises:
            TooMany: ``slow_down``, too many wait already.
            ShuttingDown: after ``close``.
        """
        return await self._in_lane(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Say whether ``password`` is the one; takes as long without a hash (None = never).

        Raises:
            TooMany: ``slow_down``, too many wait already.
            ShuttingDown: after ``close``.
        """
        return await self._in_lane(lambda: self._matches(encoded, password))

    def is_outdated(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def _matches(self, encoded: str | None, password: str) -> bool:
        try:
            self._hasher.verify(encoded or self._nobody, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None

    async def _in_lane(self, work: Callable[[], T]) -> T:
        if self.is_full:
            raise TooMany(
                "slow_down", "Too many people are signing in at this moment.", retry_after_s=2.0
            )
        loop = asyncio.get_running_loop()
        try:
            job = self._threads.submit(work)
        except RuntimeError:
            raise ShuttingDown from None
        self._inside += 1
        # Counted until the thread is done, not until the caller stops waiting: a client that hangs
        # up doesn't free a lane.
        job.add_done_callback(lambda done: self._left(loop, done))
        return await asyncio.wrap_future(job)

    def _left(self, loop: asyncio.AbstractEventLoop, done: Future[T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._make_room)

    def _make_room(self) -> None:
        self._inside -= 1


def _normal(password: str) -> str:
    # The same password typed on two systems may differ in how accents are composed.
    return unicodedata.normalize("NFKC", password)
