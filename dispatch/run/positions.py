"""Where the teams are: takes their fixes in, keeps them durably, and knows the latest in memory.

Decides which fixes are believed and kept (a team on shift, a plausible sample), and when they are
written: at once while little comes in, in a few large flushes side by side when more does.
An answer means that the fixes are on disk. Must not know HTTP, nor what a position is used for.

    submit -> judged against the team's track -> waiting -> one flush for all counties -> answer

A phone whose answer was lost sends again; the key of the history makes that harmless.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import msgspec

from crisis.board import Board
from crisis.clock import Clock
from crisis.errors import Unavailable
from crisis.ids import CountyId, TeamId
from crisis.shapes import Value
from crisis.team import Duty
from dispatch.store import positions as store
from dispatch.store.pool import Database
from geo.fix import Fix, FixReason, PlausibilityLimits, Track, advance, is_late
from geo.point import haversine_m

#: A flush that takes longer has fallen behind: fixes are on the board later than they should be.
FLUSH_PERIOD_S = 0.25
#: So many fixes may wait for the next flush; beyond, each team's history is thinned.
MOST_WAITING = 50_000
#: Other nodes' fixes are asked for so often.
POLL_S = 1.0
#: A flush's rows may become visible so long after the instant that they carry.
POLL_OVERLAP = timedelta(seconds=10)
#: Each so many polls everything is asked for, whatever it carries.
POLL_ALL_EACH = 300
#: So many flushes may be under way. With one alone this program would stand still while the
#: database writes, and the database while this program takes the next posts in.
AT_ONCE = 3
#: So many posts are worth a flush of their own beside another.
WORTH_ANOTHER = 64
#: After a failed flush the next one waits so long.
RETRY_S = 0.5


class Rejected(Value, frozen=True, kw_only=True):
    """A fix that is not believed, with all reasons."""

    fixed_at: datetime
    reasons: tuple[FixReason, ...]


class FixOutcome(Value, frozen=True, kw_only=True):
    """What became of the fixes of one post; all but the rejected and off-shift ones are on disk.

    Attributes:
        kept: believed, and durable.
        late: of those, the ones older than what was known; they went to the history only.
        off_shift: taken outside a shift; dropped, not stored.
        thinned: the database had fallen behind, so that of this time only each team's newest fix
            and some of the others were kept.
        unread: samples that could not be read, or were too many of one post.
    """

    kept: int = 0
    late: int = 0
    off_shift: int = 0
    rejected: tuple[Rejected, ...] = ()
    thinned: bool = False
    unread: int = 0


@dataclass(slots=True)
class FixStats:
    """Counts since the start, for metrics.

    Attributes:
        stored: rows new to the history.
        repeated: rows that the history had already.
        thinned: fixes left out because flushes had fallen behind.
        behind: flushes that took longer than ``FLUSH_PERIOD_S``.
        failed: flushes that the database refused or lost.
        last_flush_s: how long the newest flush took.
        rejected: by reason; a fix counts once for each of its reasons.
    """

    flushes: int = 0
    stored: int = 0
    repeated: int = 0
    thinned: int = 0
    behind: int = 0
    failed: int = 0
    off_shift: int = 0
    last_flush_s: float = 0.0
    rejected: Counter[FixReason] = field(default_factory=Counter)


class _Waiting:
    """The fixes of one flush to come, and those who wait for it."""

    __slots__ = ("_most", "_waiters", "days", "is_over", "left_out", "posts", "rows", "tracks")

    def __init__(self, most: int) -> None:
        self.tracks: dict[tuple[CountyId, TeamId], list[store.Row]] = {}
        self.days: set[int] = set()
        self.rows = 0
        #: How many posts these came with.
        self.posts = 0
        self.left_out = 0
        self.is_over = False
        self._most = most
        #: One for each post: whoever gives up must not take the flush from the others.
        self._waiters: list[asyncio.Future[None]] = []

    def done(self) -> asyncio.Future[None]:
        """Return what is done once the flush is."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def end(self, refusal: Unavailable | None = None) -> None:
        """Let all go who wait; ``refusal``: nothing was stored."""
        self.is_over = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if refusal is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(refusal)

    def add(self, key: tuple[CountyId, TeamId], rows: list[store.Row]) -> None:
        held = self.tracks.setdefault(key, rows)
        if held is not rows:
            held += rows
        for row in rows:
            self.days.add(row.day)
        self.rows += len(rows)
        self.posts += 1
        # A county of many teams may always keep two of each.
        if self.rows > max(self._most, 2 * len(self.tracks)):
            self._thin()

    def _thin(self) -> None:
        """Leave out every other fix of each team, never its newest."""
        before, self.rows = self.rows, 0
        for held in self.tracks.values():
            held.sort(key=lambda row: row.fixed_us, reverse=True)
            del held[1::2]
            self.rows += len(held)
        self.left_out += before - self.rows

    def in_order(self) -> list[list[store.Row]]:
        """Return the teams' rows by county and team, each by time."""
        for held in self.tracks.values():
            held.sort(key=lambda row: row.fixed_us)
        return [
            self.tracks[key] for key in sorted(self.tracks, key=lambda key: (key[0], key[1].int))
        ]


@dataclass(slots=True)
class _Held:
    """What is known of one county's teams.

    Attributes:
        latest: the newest believed fix of each.
        moved: of those, the ones that the live feed wasn't told of.
    """

    tracks: dict[TeamId, Track] = field(default_factory=dict)
    latest: dict[TeamId, Fix] = field(default_factory=dict)
    moved: dict[TeamId, Fix] = field(default_factory=dict)


class FixBuffer:
    """Takes fixes in. ``run`` must be running, or no answer ever comes."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        limits: Callable[[CountyId, datetime], PlausibilityLimits],
        serving: Callable[[], Collection[CountyId]],
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """
        Args:
            clock: the machine's; measures flushes.
            limits: of a county, as its policy has them at an instant.
            serving: counties whose latest fixes this node keeps in memory.
        """
        self._database = database
        self._clock = clock
        self._limits = limits
        self._serving = serving
        self._most_waiting = most_waiting
        self._waiting: _Waiting | None = None
        #: Under way, or about to be.
        self._flushing: list[_Waiting] = []
        #: Of those, the ones that no task has taken yet.
        self._full: deque[_Waiting] = deque()
        #: Set while a flush may begin.
        self._some = asyncio.Event()
        self._ready_days: set[int] = set()
        self._held: defaultdict[CountyId, _Held] = defaultdict(_Held)
        self._asked_until: datetime | None = None
        self._known: frozenset[CountyId] = frozenset()
        self._polls = 0
        #: Teams forgotten since the last poll began: it may have read them before.
        self._forgotten: set[tuple[CountyId, TeamId]] = set()
        self.stats = FixStats()

    @property
    def waiting(self) -> int:
        """How many fixes wait for the next flush."""
        return 0 if self._waiting is None else self._waiting.rows

    def latest(self, county_id: CountyId) -> Mapping[TeamId, Fix]:
        """Return the newest believed fix of each team, as far as this node knows; a live view."""
        return MappingProxyType(self._held[county_id].latest)

    def take_moved(self, county_id: CountyId) -> dict[TeamId, Fix]:
        """Return the teams that moved since this was last asked; for the live feed alone."""
        held = self._held[county_id]
        moved, held.moved = held.moved, {}
        return moved

    async def submit(
        self,
        county_id: CountyId,
        team_id: TeamId,
        fixes: Sequence[Fix],
        now: datetime,
        *,
        since: datetime | None,
    ) -> FixOutcome:
        """Take a team's fixes in, in any order, and return once they are durable.

        Args:
            county_id, team_id: that the sender was admitted to; not checked here.
            now: the server's instant.
            since: see ``tracked_since``.

        Raises:
            Unavailable: the database can't take them now; send them again.
        """
        limits = self._limits(county_id, now)
        held = self._held[county_id]
        track = before = held.tracks.get(team_id, _UNKNOWN)
        rows: list[store.Row] = []
        rejected: list[Rejected] = []
        late = off_shift = 0
        if len(fixes) > 1:
            fixes = sorted(fixes, key=lambda fix: fix.seen_at or fix.fixed_at)
        for given in fixes:
            fix = given if given.seen_at is None else _still_there(given, track.latest)
            if since is None or fix.fixed_at < since:
                off_shift += 1
                continue
            known = track.latest
            is_older = is_late(fix, known)
            track, reasons = advance(track, fix, now, limits)
            # The newest one again: perhaps because its first flush failed. Store it again.
            is_repeated = (
                reasons == _REPEATED and known is not None and fix.fixed_at == known.fixed_at
            )
            if reasons and not is_repeated:
                rejected.append(Rejected(fixed_at=fix.fixed_at, reasons=reasons))
                self.stats.rejected.update(reasons)
                continue
            late += is_older
            rows.append(store.row_of(county_id, team_id, fix))
        if track is not before:
            held.tracks[team_id] = track
            if track.latest is not None and track.latest is not before.latest:
                held.latest[team_id] = held.moved[team_id] = track.latest
        self.stats.off_shift += off_shift
        # The flush goes on with these very rows: counted now, for later posts join them.
        kept = len(rows)
        thinned = False
        if rows:
            waiting = self._add(county_id, team_id, rows)
            await waiting.done()
            thinned = waiting.left_out > 0
        if kept == 1 and len(fixes) == 1 and not late and not thinned:
            return _ONE_KEPT
        return FixOutcome(
            kept=kept,
            late=late,
            off_shift=off_shift,
            rejected=tuple(rejected),
            thinned=thinned,
        )

    def _add(self, county_id: CountyId, team_id: TeamId, rows: list[store.Row]) -> _Waiting:
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = _Waiting(self._most_waiting)
        waiting.add((county_id, team_id), rows)
        if len(self._flushing) < AT_ONCE:
            if waiting.posts >= WORTH_ANOTHER:
                # Posts come in crowds: what comes after this one goes beside it.
                self._flushing.append(waiting)
                self._full.append(waiting)
                self._waiting = None
            if self._full or not self._flushing:
                self._some.set()
        return waiting

    async def forget(self, county_id: CountyId, team_id: TeamId) -> None:
        """Drop where a team is now, here and in the database: its shift is over.

        Call it on every node, when the node folds the shift's end.

        Raises:
            Unavailable: the database can't be asked; call it again.
        """
        key = (county_id, team_id)
        self._let_go(key)
        # What came before the end may be on its way: written later, it would stay.
        flushes = [*self._flushing, *([] if self._waiting is None else [self._waiting])]
        ends = [one.done() for one in flushes if key in one.tracks and not one.is_over]
        await asyncio.gather(*ends, return_exceptions=True)
        await store.forget_latest(self._database, county_id, team_id)
        self._let_go(key)
        self._forgotten.add(key)

    def begin_anew(self, county_id: CountyId) -> None:
        """Know of a county's teams only what the database holds: it was restored.

        Where a team stood in a shift that never was must not count for one that is.
        """
        self._held.pop(county_id, None)
        self._known -= {county_id}

    def _let_go(self, key: tuple[CountyId, TeamId]) -> None:
        county_id, team_id = key
        held = self._held[county_id]
        for known in (held.tracks, held.latest, held.moved):
            known.pop(team_id, None)

    async def run(self) -> None:
        """Flush and poll until cancelled; whoever still waits then is refused.

        Raises:
            Unavailable: never for a lost database, which is tried again.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._flush_on())
                group.create_task(self._poll_on())
        finally:
            refusal = Unavailable(
                "positions_stopped", "Positions can't be stored now; send them again."
            )
            if self._waiting is not None:
                self._flushing.append(self._waiting)
            for waiting in self._flushing:
                waiting.end(refusal)
            self._flushing, self._waiting = [], None
            self._full.clear()

    def _take(self) -> _Waiting | None:
        """Return what is to be flushed now; ``None`` = it may grow until a flush ends."""
        if self._full:
            return self._full.popleft()
        waiting = self._waiting
        if waiting is None or (self._flushing and waiting.posts < WORTH_ANOTHER):
            self._some.clear()
            return None
        self._waiting = None
        self._flushing.append(waiting)
        return waiting

    async def _flush_on(self) -> None:
        while True:
            await self._some.wait()
            waiting = self._take()
            if waiting is None:
                continue
            try:
                await self._flush(waiting)
            except Unavailable as refusal:
                self.stats.failed += 1
                waiting.end(refusal)
                await asyncio.sleep(RETRY_S)
            else:
                waiting.end()
            self._flushing.remove(waiting)
            self._some.set()

    async def _flush(self, waiting: _Waiting) -> None:
        start = self._clock.monotonic()
        await self._ensure_days(waiting.days)
        try:
            stored = await store.store(self._database, waiting.in_order())
        except store.DayMissing:
            # Upkeep drops old days, on another node too; a phone may still have kept fixes of one.
            self._ready_days.clear()
            await self._ensure_days(waiting.days)
            stored = await store.store(self._database, waiting.in_order())
        stats = self.stats
        stats.flushes += 1
        stats.stored += stored.history
        stats.repeated += waiting.rows - stored.history
        stats.thinned += waiting.left_out
        stats.last_flush_s = self._clock.monotonic() - start
        stats.behind += stats.last_flush_s > FLUSH_PERIOD_S

    async def _ensure_days(self, days: set[int]) -> None:
        missing = days - self._ready_days
        if missing:
            await store.ensure_days(self._database, missing)
            self._ready_days |= missing

    async def _poll_on(self) -> None:
        while True:
            try:
                await self.poll()
            except Unavailable:
                # The flushes say so already; what was missed comes with the overlap, or with all.
                self._polls = 0
            await asyncio.sleep(POLL_S)

    async def poll(self) -> None:
        """Learn what other nodes wrote since; at first, and now and then, everything.

        Raises:
            Unavailable: the database doesn't answer.
        """
        counties = frozenset(self._serving())
        ask_all = self._polls % POLL_ALL_EACH == 0 or not counties <= self._known
        since = None if ask_all or self._asked_until is None else self._asked_until - POLL_OVERLAP
        self._forgotten.clear()
        if counties:
            for stored in await store.latest_since(self._database, since, sorted(counties)):
                if (stored.county_id, stored.team_id) not in self._forgotten:
                    self._heard_of(stored)
        for gone in self._known - counties:
            self._held.pop(gone, None)
        self._known = counties
        self._polls += 1

    def _heard_of(self, stored: store.Latest) -> None:
        if self._asked_until is None or stored.changed_at > self._asked_until:
            self._asked_until = stored.changed_at
        held, team_id, fix = self._held[stored.county_id], stored.team_id, stored.fix
        known = held.tracks.get(team_id, _UNKNOWN).latest
        if known is None or known.fixed_at < fix.fixed_at:
            held.tracks[team_id] = Track(latest=fix)
            held.latest[team_id] = held.moved[team_id] = fix


#: A team that says again where it was hasn't moved if its newest fix lies no farther off.
STILL_M = 75.0


def _still_there(ping: Fix, latest: Fix | None) -> Fix:
    """Return what a ping says: the old place at its own newer time, unless the team has moved on.

    It is the device's own word that it knows of nothing newer. Where we do, and it lies elsewhere,
    the ping only repeats what is known.
    """
    moved_on = (
        latest is not None
        and latest.fixed_at > ping.fixed_at
        and haversine_m(latest.point, ping.point) > STILL_M
    )
    seen_at = None if moved_on else ping.seen_at
    speed = ping.speed_mps if seen_at is None else 0.0
    fixed_at = seen_at or ping.fixed_at
    return msgspec.structs.replace(ping, fixed_at=fixed_at, speed_mps=speed, seen_at=None)


_UNKNOWN = Track()
#: The usual answer, made once.
_ONE_KEPT = FixOutcome(kept=1)
_REPEATED = (FixReason.DUPLICATE,)
_EVER = datetime.min.replace(tzinfo=UTC)


def tracked_since(board: Board, team_id: TeamId) -> datetime | None:
    """Return from when a team's fixes are kept, by the device's clock: its shift's start.

    ``None`` = it is not tracked now: not on shift, or unknown. Overtime counts: a shift that ends
    with an open run or alarm is still one. A fix of a shift that is over is not kept, even if it
    was taken during the shift and only its delivery was late.
    """
    team = board.teams.get(team_id)
    if team is None or team.duty is Duty.OFF_SHIFT or team.shift_id is None:
        return None
    shift = board.shifts.get(team.shift_id)
    begun = None if shift is None else shift.started_at
    return _EVER if begun is None else begun
