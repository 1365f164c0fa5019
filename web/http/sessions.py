"""Who is signed in, known without asking the database, and told when that ends.

Decides how long an answer from the database may be believed, and who hears that a session ended or
changed. Must not know HTTP. A node polls what changed every two seconds, so that a disabled
account's requests and sockets end within five; a request of a known session costs no round trip.

While the database can't be reached, sessions known here go on: a dispatch board that goes dark is
the greater harm, nobody can be disabled meanwhile, and no command passes without the database. It
ends after ``blind_s``, and once the database is back every session is looked up again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn
from uuid import UUID

import msgspec

from crisis.clock import Clock
from crisis.errors import NotSignedIn, TooMany, Unavailable
from crisis.shapes import Value
from dispatch.store.identity import AccountChange, FoundSession, Principal, token_hash
from dispatch.store.sessions import Sessions

log = logging.getLogger(__name__)


class SessionNews(StrEnum):
    """What the holder of an open socket hears."""

    #: Signed out, revoked, disabled or run out: close, the person signs in again.
    ENDED = "ended"
    #: Other rights than before: close, the client connects again and is judged anew.
    CHANGED = "changed"


Listener = Callable[[SessionNews], None]


class Pace(Value, frozen=True, kw_only=True):
    """How often a node looks, in seconds."""

    #: Between two polls of what changed; revocation takes at most this and one query.
    poll_s: float = 2.0
    #: Between two writes of when sessions were last used.
    touch_s: float = 30.0
    #: Between two rounds of dropping what no longer matters.
    purge_s: float = 900.0
    #: Without a poll for so long, every session is looked up again at the next one. Well below
    #: the minute that the poll looks back over.
    gap_s: float = 20.0
    #: Without a poll for so long, known sessions are no longer believed.
    blind_s: float = 900.0


class _Known:
    """A session as last read, and when it was used here."""

    __slots__ = ("ends_mono", "idle_s", "key", "principal", "seen_mono", "touched_mono")

    def __init__(self, key: bytes, found: FoundSession, now: datetime, mono: float) -> None:
        self.key = key
        self.principal = found.principal
        self.ends_mono = mono + (found.principal.expires_at - now).total_seconds()
        self.idle_s = found.idle_s if found.idle_s is not None else float("inf")
        self.seen_mono = mono
        #: Of the last write; in the past, so that a first use is written soon.
        self.touched_mono = float("-inf")


class SessionRegistry:
    """The sessions that this node knows.

    Args:
        clock: the machine clock.
        lookups: how many unknown secrets are looked up at once; each takes a connection.
        waiting: how many may wait for that before further ones are refused.
        most: sessions kept; beyond it the one known longest is forgotten.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        *,
        pace: Pace | None = None,
        lookups: int = 2,
        waiting: int = 2_000,
        most: int = 50_000,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._pace = pace or Pace()
        self._lanes = asyncio.Semaphore(lookups)
        self._waiting = 0
        self._most_waiting = waiting
        self._most = most
        self._by_key: dict[bytes, _Known] = {}
        self._by_id: dict[UUID, _Known] = {}
        #: Per session with open sockets: how each was judged, and who hears.
        self._watched: dict[UUID, dict[object, tuple[Principal, Listener]]] = {}
        #: Watched sessions to look up at the next refresh, whatever has changed.
        self._doubtful: set[UUID] = set()
        #: Signs of life of sessions that are watched, but not among the known.
        self._seen_on_sockets: dict[UUID, float] = {}
        self._refreshing = asyncio.Lock()
        self._seen_changes: frozenset[int] = frozenset()
        #: Raised whenever a poll finds something: a lookup begun before is read again.
        self._generation = 0
        self._polled_mono = clock.monotonic()
        self._touched_mono = clock.monotonic()

    # Requests

    def cached(self, secret: str) -> Principal | None:
        """Return who holds ``secret``, without waiting; None = not known here, or not any more."""
        known = self._by_key.get(token_hash(secret))
        if known is None:
            return None
        mono = self._clock.monotonic()
        if (
            mono >= known.ends_mono
            or mono - known.seen_mono >= known.idle_s
            or mono - self._polled_mono >= self._pace.blind_s
        ):
            self._forget(known)
            return None
        known.seen_mono = mono
        return known.principal

    async def principal(self, secret: str) -> Principal:
        """Return who holds ``secret``; counts as a sign of life.

        Raises:
            NotSignedIn: ``session_expired`` if it ended, ``not_signed_in`` if it never was.
            TooMany: ``slow_down``, too many unknown secrets wait already.
            Unavailable: it isn't known here and the database can't be asked.
        """
        return self.cached(secret) or await self._look_up(secret)

    async def principal_of_ended(self, secret: str) -> Principal:
        """Return who held ``secret`` while it counted; it counts no more than before.

        Raises:
            NotSignedIn: ``not_signed_in``: it never did, or too long ago.
            TooMany: ``slow_down``.
            Unavailable: the database can't be asked.
        """
        async with self._lane():
            found = await self._sessions.find(token_hash(secret))
        if found is None:
            raise NotSignedIn("not_signed_in", "Sign in first.")
        return msgspec.structs.replace(found.principal, is_ended=True)

    def touch(self, session_id: UUID) -> None:
        """Note a sign of life over a socket: something its person did, not its heartbeat."""
        known = self._by_id.get(session_id)
        if known is not None:
            known.seen_mono = self._clock.monotonic()
        elif session_id in self._watched:
            self._seen_on_sockets[session_id] = self._clock.monotonic()

    async def _look_up(self, secret: str) -> Principal:
        async with self._lane():
            # A page's first requests come together: one of them has asked meanwhile.
            return self.cached(secret) or await self._read(secret)

    @asynccontextmanager
    async def _lane(self) -> AsyncIterator[None]:
        """Look up with few at a time, so that unknown secrets can't take every connection."""
        if self._waiting >= self._most_waiting:
            raise TooMany("slow_down", "Too many requests at this moment.", retry_after_s=2.0)
        self._waiting += 1
        try:
            async with self._lanes:
                yield
        finally:
            self._waiting -= 1

    async def _read(self, secret: str) -> Principal:
        key = token_hash(secret)
        for _ in range(5):
            generation = self._generation
            found = await self._sessions.find(key)
            if found is None:
                raise NotSignedIn("not_signed_in", "Sign in first.")
            now, mono = self._clock.now(), self._clock.monotonic()
            if not found.is_alive(now):
                _refuse_ended(found)
            if generation == self._generation:
                self._remember(_Known(key, found, now, mono))
                return found.principal
        raise TooMany("slow_down", "Rights change faster than they can be read.", retry_after_s=2.0)

    def _remember(self, known: _Known) -> None:
        if len(self._by_key) >= self._most:
            self._forget(next(iter(self._by_key.values())))
        self._by_key[known.key] = known
        self._by_id[known.principal.session_id] = known

    def _forget(self, known: _Known) -> None:
        self._by_key.pop(known.key, None)
        session_id = known.principal.session_id
        if self._by_id.get(session_id) is known:
            del self._by_id[session_id]

    # Sockets

    def watch(self, principal: Principal, listener: Listener) -> Callable[[], None]:
        """Hear when the session of an open socket ends or changes.

        ``listener`` is called at most once, soon after, on the event loop; it must not block.

        Args:
            principal: as the socket was judged.

        Returns:
            What ends the watching; may be called twice.
        """
        session_id, mark = principal.session_id, object()
        self._watched.setdefault(session_id, {})[mark] = (principal, listener)
        known = self._by_id.get(session_id)
        if known is None or known.principal is not principal:
            # It may have ended since it was judged, and that change was told already.
            self._doubtful.add(session_id)

        def unwatch() -> None:
            listeners = self._watched.get(session_id, {})
            listeners.pop(mark, None)
            if not listeners:
                self._drop(session_id)

        return unwatch

    def _drop(self, session_id: UUID) -> None:
        self._watched.pop(session_id, None)
        self._doubtful.discard(session_id)
        self._seen_on_sockets.pop(session_id, None)

    def _tell(self, session_id: UUID, notice: SessionNews, unlike: Principal | None = None) -> None:
        """Tell all who watch a session, or those judged by other grants than ``unlike`` has."""
        listeners = self._watched.get(session_id, {})
        loop = asyncio.get_running_loop()
        for mark, (judged, listener) in list(listeners.items()):
            if unlike is None or judged.grants != unlike.grants:
                del listeners[mark]
                # Each on its own: one that fails must not keep the other sockets open.
                loop.call_soon(listener, notice)
        if not listeners:
            self._drop(session_id)

    # Upkeep

    async def run(self) -> NoReturn:
        """Keep up with the database until cancelled.

        Raises:
            Exception: anything but the database being away; the supervisor starts it again.
        """
        purged_mono = self._clock.monotonic()
        while True:
            await asyncio.sleep(self._pace.poll_s)
            try:
                await self.refresh()
                mono = self._clock.monotonic()
                if mono - self._touched_mono >= self._pace.touch_s:
                    await self.write_touches()
                if mono - purged_mono >= self._pace.purge_s:
                    purged_mono = mono
                    await self._sessions.purge()
            except Unavailable as error:
                log.warning("sessions not refreshed", extra={"code": error.code})

    async def refresh(self) -> None:
        """Learn what ended or changed since the last time, and tell those who watch.

        Call it after a change made here, which then counts at once on this node.

        Raises:
            Unavailable: the database can't be asked.
        """
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        asked_mono = self._clock.monotonic()
        was_away = asked_mono - self._polled_mono >= self._pace.gap_s
        changes = await self._sessions.recent_changes()
        fresh = [one for one in changes if one.log_id not in self._seen_changes]
        suspects = self._doubtful | self._run_out()
        if was_away:
            suspects = {*self._by_id, *self._watched}
        elif fresh:
            suspects |= self._affected(fresh)
        if fresh or was_away:
            self._generation += 1
        before = [self._by_id[one] for one in suspects if one in self._by_id]
        for known in before:
            self._forget(known)
        await self._recheck(suspects, before)
        self._doubtful -= suspects
        self._seen_changes = frozenset(one.log_id for one in changes)
        self._polled_mono = asked_mono

    def _affected(self, changes: Iterable[AccountChange]) -> set[UUID]:
        found = {one.session_id for one in changes if one.session_id is not None}
        accounts = {one.account_id for one in changes if one.session_id is None}
        for session_id, known in self._by_id.items():
            if known.principal.account_id in accounts:
                found.add(session_id)
        for session_id, listeners in self._watched.items():
            if any(judged.account_id in accounts for judged, _ in listeners.values()):
                found.add(session_id)
        return found & (self._by_id.keys() | self._watched.keys())

    def _run_out(self) -> set[UUID]:
        """Return watched sessions whose time may be over, or that nobody used here for long."""
        now, mono = self._clock.now(), self._clock.monotonic()
        over = set()
        for session_id, listeners in self._watched.items():
            known = self._by_id.get(session_id)
            is_idle = known is not None and mono - known.seen_mono >= known.idle_s
            if is_idle or any(now >= judged.expires_at for judged, _ in listeners.values()):
                over.add(session_id)
        return over

    async def _recheck(self, session_ids: set[UUID], before: list[_Known]) -> None:
        """Look sessions up, keep those alive among the known, and tell who watches the others."""
        if not session_ids:
            return
        found = await self._sessions.find_all(list(session_ids))
        now, mono = self._clock.now(), self._clock.monotonic()
        for known in before:
            session = found.get(known.principal.session_id)
            if session is not None and session.is_alive(now) and known.key not in self._by_key:
                again = _Known(known.key, session, now, mono)
                elsewhere_mono = mono - (now - session.last_seen_at).total_seconds()
                again.seen_mono = max(known.seen_mono, elsewhere_mono)
                again.touched_mono = known.touched_mono
                self._remember(again)
        for session_id in session_ids:
            session = found.get(session_id)
            if session is None or not session.is_alive(now):
                self._tell(session_id, SessionNews.ENDED)
            else:
                self._tell(session_id, SessionNews.CHANGED, unlike=session.principal)

    async def write_touches(self) -> None:
        """Write when the sessions used here were last used.

        Raises:
            Unavailable: the database can't be asked.
        """
        now, mono = self._clock.now(), self._clock.monotonic()
        used = [known for known in self._by_id.values() if known.seen_mono > known.touched_mono]
        seen = {known.principal.session_id: known.seen_mono for known in used}
        seen.update(self._seen_on_sockets)
        await self._sessions.touch(
            {one: now - timedelta(seconds=mono - at_mono) for one, at_mono in seen.items()}
        )
        for known in used:
            known.touched_mono = max(known.touched_mono, mono)
        self._seen_on_sockets.clear()
        self._touched_mono = mono


def _refuse_ended(found: FoundSession) -> NoReturn:
    """Say that it is over; a session that somebody ended is to leave nothing on its device."""
    facts = {"forget": True} if found.is_revoked else {}
    raise NotSignedIn("session_expired", "The session has ended; sign in again.", **facts)
