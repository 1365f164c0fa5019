"""The only module that reads time or makes ids and random bytes.

Two clocks: the *domain clock* (what time it is in the county; real, or scaled and offset in a
database marked simulated) and the *machine clock* (sessions, leases, heartbeats, flushes).
Everything else takes ``now``, ids and randomness as arguments.
"""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol


class Clock(Protocol):
    """Tells the time; ``now`` is aware UTC."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start; never goes back."""
        ...


class MachineClock:
    """The host's own clock."""

    def now(self) -> datetime:
        """Return the host's present instant in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the host's monotonic seconds."""
        return time.monotonic()


class DomainClock:
    """County time: ``origin + (machine - started) * speed``.

    Real (speed 1, no offset) outside databases marked simulated. The caller must refuse to build a
    scaled one elsewhere.
    """

    def __init__(
        self, machine: Clock, *, origin: datetime | None = None, speed: float = 1.0
    ) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self._machine = machine
        self._started = machine.now()
        self._origin = origin if origin is not None else self._started
        self.speed = speed

    def now(self) -> datetime:
        """Return the county's present instant in UTC."""
        elapsed = self._machine.now() - self._started
        return self._origin + elapsed * self.speed

    def monotonic(self) -> float:
        """Return machine seconds, unscaled."""
        return self._machine.monotonic()

    def machine_seconds(self, span: timedelta) -> float:
        """Return how many machine seconds the domain ``span`` lasts."""
        return span.total_seconds() / self.speed


#: How far a log may be ahead of the county's clock and still be waited for: two nodes whose clocks
#: are each as far off as is allowed, in opposite ways, and some time on the road.
MOST_AHEAD: Final = timedelta(seconds=5)


def county_instant(clock: datetime, last_recorded_at: datetime | None) -> datetime:
    """Return the present instant of a county whose newest event was recorded then.

    Time doesn't go back along a log, as long as clocks differ by little. A log that is further
    ahead was written by a clock that was wrong: to wait for it would stop every timer, and to
    follow it would make all that is recorded wrong. The county's own clock counts then.
    """
    if last_recorded_at is None or not is_ahead(clock, last_recorded_at):
        return clock if last_recorded_at is None else max(clock, last_recorded_at)
    return clock


def is_ahead(clock: datetime, last_recorded_at: datetime | None) -> bool:
    """Say whether a log was written by a clock that was wrong."""
    return last_recorded_at is not None and last_recorded_at - clock > MOST_AHEAD


class FakeClock:
    """A clock that stands still until told to move; for tests and event-driven simulation."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be aware")
        self._now = start.astimezone(UTC)
        self._mono = 0.0

    def now(self) -> datetime:
        """Return the instant last set."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._mono

    def advance(self, span: timedelta | float) -> datetime:
        """Move forward by ``span`` (a number means seconds, >= 0) and return the new instant."""
        step = span if isinstance(span, timedelta) else timedelta(seconds=span)
        if step < timedelta(0):
            raise ValueError("time never goes back")
        self._now += step
        self._mono += step.total_seconds()
        return self._now

    def set(self, instant: datetime) -> None:
        """Jump forward to ``instant`` (aware; not before the present)."""
        self.advance(instant - self._now)


IdSource = Callable[[], uuid.UUID]


def new_id() -> uuid.UUID:
    """Return a random id whose first 48 bits are the time in ms (RFC 9562, version 7).

    Time-ordered ids keep the database's indexes dense at their right edge.
    """
    ms = time.time_ns() // 1_000_000
    value = (ms & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | (7 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return uuid.UUID(int=value)


def secret_token(n_bytes: int = 32) -> str:
    """Return a URL-safe random token of ``n_bytes`` bytes of entropy."""
    return secrets.token_urlsafe(n_bytes)


def secret_digits(n: int) -> str:
    """Return ``n`` random digits that nobody can guess, for a person to type."""
    return f"{secrets.randbelow(10**n):0{n}}"


def random_bytes(n: int) -> bytes:
    """Return ``n`` random bytes fit for keys and nonces."""
    return os.urandom(n)


def generator(seed: int | None = None) -> random.Random:
    """Return a random generator; seeded for simulation, else from the operating system."""
    return random.Random(seed)  # noqa: S311 - demand and jitter, never secrets
