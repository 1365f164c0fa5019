"""Passwords: which are good enough, and hashing them without letting sign-in take the machine.

Decides how a password is hashed (argon2id), how many are hashed at once and how many wait.
Must not know accounts. Hashing costs about 70 ms and 46 MiB by design: it runs in threads of its
own, never more than ``lanes`` at a time, whoever has stopped waiting for the answer. A made-up
username takes no lane from anybody while there is a crowd, and its answer comes as late.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from crisis.clock import random_bytes, secret_token
from crisis.errors import ShuttingDown
from dispatch.store.waiting import WaitingRoom

T = TypeVar("T")

MIN_LENGTH = 12
MAX_LENGTH = 256
#: Fewer different characters than this can be guessed whatever the length.
_MIN_DIFFERENT = 5
#: A password that takes fewer tries (powers of ten), by lists of those that people use, is common:
#: at the pace at which sign-in judges, it stands up to years of guessing and not to days.
_MIN_TRIES_LOG10 = 10.0
#: What is looked at; the estimate takes no more.
_ESTIMATED = 72
#: Words that somebody who knows what this is would try first.
_OUR_WORDS = ("crisis", "dispatch", "dispatcher", "county", "mobile", "team", "988", "911")


def password_problems(password: str, username: str, about: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every reason to refuse a new password; empty = fine.

    Length is what counts, and that it is none of those that people use; no rules about kinds of
    characters, as they make passwords worse (NIST SP 800-63B, 5.1.1.2). Takes milliseconds.

    ``about``: what is known of the person, such as their name, which others would try.
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
    if not problems and _is_common(password, (username, *about)):
        problems.append("too_common")
    return tuple(problems)


def _is_common(password: str, about: Iterable[str]) -> bool:
    known = [word for text in about for word in re.findall(r"\w+", text.casefold())]
    estimate = zxcvbn(password[:_ESTIMATED], user_inputs=[*known, *_OUR_WORDS])
    return float(estimate["guesses_log10"]) < _MIN_TRIES_LOG10


class Passwords:
    """Hashes and checks passwords, a few at a time.

    Args:
        lanes: how many are hashed at once, >= 1; each takes one core.
        waiting: how many may wait for a lane; see ``WaitingRoom``.
        hasher: argon2id parameters; None = 46 MiB, two passes (OWASP's profile, doubled).
    """

    def __init__(
        self, *, lanes: int = 2, waiting: int = 128, hasher: PasswordHasher | None = None
    ) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="password")
        self._room = WaitingRoom(served=lanes, seats=waiting)
        #: Seconds that a check takes, waiting included, as of late.
        self._took_s = 0.0
        #: Checked where there is no hash, so that it takes as long; nothing matches it.
        self._nobody = self._hasher.hash(secret_token())

    @property
    def waiting(self) -> int:
        """How many wait for a lane."""
        return self._room.waiting

    def close(self) -> None:
        """Give up what waits; what is being hashed ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the encoded argon2id hash.

        Raises:
            TooMany: ``sign_in_busy``, too many wait already.
            ShuttingDown: after ``close``.
        """
        return await self._in_lane(lambda: self._hasher.hash(_normal(password)), (), is_known=True)

    async def verify(
        self,
        encoded: str | None,
        password: str,
        *,
        whose: Sequence[str] = (),
        is_known: bool = False,
    ) -> bool:
        """Say whether ``password`` is the one; takes as long without a hash (None = never).

        Args:
            whose: the parts of the network that it comes from, and the account's name; see
                ``WaitingRoom``.
            is_known: it is asked from where the account has signed in before; goes first.

        Raises:
            TooMany: ``sign_in_busy``, too many wait already.
            ShuttingDown: after ``close``.
        """
        began = asyncio.get_running_loop().time()
        if encoded is None and self._room.is_busy:
            await asyncio.sleep(self._took_s)
            return False
        matches = await self._in_lane(
            lambda: self._matches(encoded, password), whose, is_known=is_known
        )
        took_s = asyncio.get_running_loop().time() - began
        self._took_s += (took_s - self._took_s) / 8
        return matches

    def is_outdated(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def _matches(self, encoded: str | None, password: str) -> bool:
        try:
            self._hasher.verify(encoded or self._nobody, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None

    async def _in_lane(self, work: Callable[[], T], whose: Sequence[str], *, is_known: bool) -> T:
        loop = asyncio.get_running_loop()
        await self._room.enter(*whose, is_known=is_known)
        try:
            job = self._threads.submit(work)
        except RuntimeError:
            self._room.leave()
            raise ShuttingDown from None
        # Counted until the thread is done, not until the caller stops waiting: a client that hangs
        # up doesn't free a lane.
        job.add_done_callback(lambda done: self._left(loop, done))
        return await asyncio.wrap_future(job)

    def _left(self, loop: asyncio.AbstractEventLoop, done: Future[T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._room.leave)


def _normal(password: str) -> str:
    # The same password typed on two systems may differ in how accents are composed.
    return unicodedata.normalize("NFKC", password)


#: Letters and digits that nobody confuses when reading them aloud.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_password() -> str:
    """Return a password of 79 bits that can be read aloud: four groups of four."""
    letters = ""
    while len(letters) < 16:
        # Bytes beyond the last whole round of the alphabet would favour its first letters.
        letters += "".join(
            _ALPHABET[byte % len(_ALPHABET)]
            for byte in random_bytes(32)
            if byte < 256 - 256 % len(_ALPHABET)
        )
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))
