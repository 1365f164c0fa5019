"""Trackers: the address that a shift's crew may use without a password, and what each tracker sent.

Stock Traccar Client has a field for an address and one for an id, and none for a password. So every
running shift has an address of its own that can't be guessed: the shift's id with a mark that only
this service can make. It ends with the shift. Decides also how what couldn't be used is counted.
Must not know HTTP, nor what is wrong with a post.
"""

from __future__ import annotations

import asyncio
import hmac
from base64 import b32decode, b32encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from crisis.clock import Clock
from crisis.errors import Unavailable
from crisis.ids import CountyId, ShiftId, TeamId
from dispatch.store.pool import County, Database, Worker
from dispatch.store.sql import load

SQL = load("trackers")

#: Counts are written so often.
FLUSH_S = 5.0
#: Trackers that were silent for so long are forgotten.
KEPT = timedelta(days=30)
_MARK = 10


class ShiftAddresses:
    """Makes and reads the part of a shift's address that can't be guessed.

    Args:
        master_key: of the installation.
    """

    def __init__(self, master_key: bytes) -> None:
        self._key = hmac.digest(master_key, b"tracker addresses/1", "sha256")

    def of(self, county_id: CountyId, shift_id: ShiftId) -> str:
        """Return the secret word of a shift: 45 letters and digits."""
        named = county_id.to_bytes(2) + shift_id.bytes
        return b32encode(named + self._mark(named)).decode().rstrip("=").lower()

    def read(self, word: str) -> tuple[CountyId, ShiftId] | None:
        """Return whose word it is; ``None`` = nobody's."""
        try:
            raw = b32decode(word.upper() + "=" * (-len(word) % 8))
        except ValueError:
            return None
        named, mark = raw[:18], raw[18:]
        if len(named) < 18 or not hmac.compare_digest(mark, self._mark(named)):
            return None
        return CountyId(int.from_bytes(named[:2])), ShiftId(UUID(bytes=named[2:]))

    def _mark(self, named: bytes) -> bytes:
        return hmac.new(self._key, named, sha256).digest()[:_MARK]


class Tracker(NamedTuple):
    """Who posts: ``id`` is a session's, a token's, or the shift's whose address is used."""

    county_id: CountyId
    id: UUID
    team_id: TeamId | None


class Count(NamedTuple):
    """How often a tracker sent something of a kind, since when, and when last."""

    tracker_id: UUID
    team_id: TeamId | None
    reason: str
    times: int
    first_at: datetime
    last_at: datetime


class TrackerBook:
    """Counts what trackers send; ``run`` writes it down."""

    def __init__(self, database: Database, machine: Clock) -> None:
        self._database = database
        self._machine = machine
        self._new: dict[tuple[CountyId, UUID], Counter[str]] = defaultdict(Counter)
        self._teams: dict[tuple[CountyId, UUID], TeamId | None] = {}

    def note(self, tracker: Tracker, said: Iterable[str] | Mapping[str, int]) -> None:
        """Count a post and what it held, by word."""
        key = (tracker.county_id, tracker.id)
        self._new[key].update(said)
        self._new[key]["post"] += 1
        self._teams[key] = tracker.team_id

    async def run(self) -> None:
        """Write what was counted, again and again until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted since; what can't be written waits for the next time."""
        new, teams = self._new, self._teams
        rows = [
            (county_id, tracker_id, teams[county_id, tracker_id], reason, times)
            for (county_id, tracker_id), counted in sorted(new.items(), key=lambda one: str(one[0]))
            for reason, times in sorted(counted.items())
            if times > 0
        ]
        if not rows:
            return
        self._new, self._teams = defaultdict(Counter), {}
        columns = [list(column) for column in zip(*rows, strict=True)]
        try:
            await self._database.call(Worker(), SQL["add_counts"], *columns, self._machine.now())
        except Unavailable:
            for key, counted in new.items():
                self._new[key].update(counted)
                self._teams.setdefault(key, teams[key])
            raise

    async def counts(self, county_id: CountyId) -> list[Count]:
        """Return what a county's trackers sent, what was just counted included."""
        await self.flush()
        async with self._database.tx(County(county_id), mode="read") as con:
            rows = await con.fetch(SQL["list_counts"], county_id)
        return [Count(*row.values()) for row in rows]

    async def tidy(self) -> None:
        """Forget trackers that are not in use any more."""
        await self._database.call(Worker(), SQL["forget_counts"], self._machine.now() - KEPT)
