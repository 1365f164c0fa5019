"""The live feed's fan-out: one payload per view, the same bytes to all of the view's sockets.

Decides when frames go out (at once after a quiet time, joined per tick under load), what waits for
a slow socket and when a slow socket is dropped. Must not know what the payloads say, how frames
reach the wire (``web.live.frames``) or who may see which view.

Order: a socket gets its first frames, then every later publish of its view, with its direct sends
where they were made. A publish made before it joined is never sent to it: the caller's snapshot
holds that already.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

import msgspec

from crisis.clock import Clock
from web.live.frames import Sink, text_frame

#: Close code of a socket that can't keep up; the client connects again and resyncs.
SLOW = 4409


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long frames may wait. With the defaults a stuck socket is gone within 22 s."""

    #: Seconds over which publishes of one view are joined, after the first.
    tick_s: float = 0.02
    #: Bytes held back for one socket, as references to the bytes that all share.
    backlog_bytes: int = 512 * 1024
    #: Seconds without any progress, or by which the oldest frame held back may be late.
    stall_s: float = 15.0
    #: Seconds between two looks at the slow sockets.
    sweep_s: float = 1.0
    #: Bytes a second that a socket must take of its first frames; a long snapshot over a thin
    #: line may run past ``stall_s`` as long as it moves.
    snapshot_bytes_per_s: int = 16 * 1024


class FanoutStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since the start, and gauges of the moment."""

    sockets: int
    views: int
    #: Sockets whose transport is full right now.
    slow: int
    #: Payloads published to a view that had sockets.
    published: int
    #: Frames handed to sockets, held back or written; direct sends included.
    deliveries: int
    #: Bytes of those frames.
    bytes: int
    #: Flushes of a view; ``published / flushes`` is how well joining works.
    flushes: int
    #: Sockets closed with 4409 because their backlog was full.
    overflows: int
    #: Sockets closed with 4409 because they took nothing, or took it too late.
    stalls: int


class _Group:
    """The sockets of one view."""

    __slots__ = ("ahead", "in_step", "is_hot", "key", "pending", "slow")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        #: Sockets that take each flush as it is.
        self.in_step: dict[Member, Callable[[bytes], object]] = {}
        #: Sockets whose transport is full; each flush is held back for them.
        self.slow: dict[Member, None] = {}
        #: Sockets that have, or don't need, the first n pending frames.
        self.ahead: dict[Member, int] = {}
        #: Frames published since the last flush.
        self.pending: list[bytes] = []
        #: True from a flush until a whole tick has passed without one.
        self.is_hot = False

    def is_empty(self) -> bool:
        return not (self.in_step or self.slow or self.ahead)

    def place(self, member: Member) -> None:
        """Put ``member`` where its transport's state says; not for those ahead."""
        if member.sink.is_paused:
            self.in_step.pop(member, None)
            self.slow[member] = None
        else:
            self.slow.pop(member, None)
            self.in_step[member] = member.sink.write

    def remove(self, member: Member) -> None:
        self.in_step.pop(member, None)
        self.slow.pop(member, None)
        self.ahead.pop(member, None)


class Member:
    """One socket in one view, from ``Fanout.join`` until it leaves or is lost."""

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_fanout",
        "_group",
        "_least_buffered",
        "_moved_at",
        "_patience_s",
        "is_open",
        "sink",
    )

    def __init__(self, fanout: Fanout, group: _Group, sink: Sink) -> None:
        self.sink = sink
        #: False once the socket closes, for whatever reason, or has left.
        self.is_open = True
        self._fanout = fanout
        self._group = group
        self._backlog: deque[tuple[float, bytes]] | None = None
        self._backlog_bytes = 0
        self._least_buffered = 0
        self._moved_at = 0.0
        self._patience_s = 0.0

    @property
    def view(self) -> Hashable:
        """The key of the view that this socket follows."""
        return self._group.key

    def send(self, payload: bytes) -> None:
        """Send ``payload`` to this socket alone, behind all that its view has published so far."""
        if self.is_open:
            self._fanout._send(self, self._group, text_frame(payload))

    def close(self, code: int, reason: str) -> None:
        """Close the socket behind what was written to it; what is held back is dropped."""
        self.leave()
        self.sink.close(code, reason)

    def leave(self) -> None:
        """Take no more frames; the socket stays as it is. Harmless if repeated."""
        if self.is_open:
            self.sink.attach(None)
            self._forget()

    def _forget(self) -> None:
        self.is_open = False
        self._backlog = None
        self._backlog_bytes = 0
        self._fanout._removed(self, self._group)

    # SinkListener

    def on_paused(self) -> None:
        """Hold frames back from now on."""
        self._least_buffered = self.sink.buffered()
        self._moved_at = self._fanout.clock.monotonic()
        if self not in self._group.ahead:
            self._group.place(self)
        self._fanout._watch(self)

    def on_resumed(self) -> None:
        """Write what was held back, until the transport is full again."""
        backlog = self._backlog
        while backlog and not self.sink.is_paused:
            _, data = backlog.popleft()
            self._backlog_bytes -= len(data)
            self.sink.write(data)
        if self.sink.is_paused or not self.is_open:
            return
        self._backlog = None
        self._patience_s = 0.0
        if self not in self._group.ahead:
            self._group.place(self)
        self._fanout._unwatch(self)

    def on_lost(self) -> None:
        """Leave: the socket is closing or gone."""
        if self.is_open:
            self._forget()

    # The fan-out's own

    def _deliver(self, data: bytes) -> None:
        if self.sink.is_paused:
            self._hold(data)
        else:
            self.sink.write(data)

    def _hold(self, data: bytes) -> None:
        if self._backlog is None:
            self._backlog = deque()
        # One flush always fits, however large, or a big change would drop every busy socket.
        elif self._backlog and self._backlog_bytes + len(data) > self._fanout.limits.backlog_bytes:
            self._fanout._overflows += 1
            self.close(SLOW, "too slow: connect again")
            return
        self._backlog.append((self._fanout.clock.monotonic(), data))
        self._backlog_bytes += len(data)

    def _first(self, frames: bytes) -> None:
        limits = self._fanout.limits
        self._patience_s = len(frames) / limits.snapshot_bytes_per_s
        if self.sink.is_paused:
            self.on_paused()
        self._deliver(frames)

    def _is_stuck(self, now: float) -> bool:
        stall_s = self._fanout.limits.stall_s
        buffered = self.sink.buffered()
        if buffered < self._least_buffered:
            self._least_buffered = buffered
            self._moved_at = now
        if now - self._moved_at >= stall_s:
            return True
        # Progress alone isn't enough: a board that lags behind by more than this is a wrong board.
        if not self._backlog:
            return False
        return now - self._backlog[0][0] >= stall_s + self._patience_s


class Fanout:
    """All live sockets of this process, by view. Belongs to one event loop; no thread may enter.

    Args:
        clock: the machine clock; only its ``monotonic`` is read.
        loop: the loop that runs the sockets; None = the running one.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Limits | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.clock = clock
        self.limits = limits if limits is not None else Limits()
        self._loop = loop if loop is not None else asyncio.get_running_loop()
        self._groups: dict[Hashable, _Group] = {}
        self._sockets = 0
        self._fresh: list[_Group] = []
        self._hot: list[_Group] = []
        self._tick_timer: asyncio.TimerHandle | None = None
        self._watched: dict[Member, None] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._published = 0
        self._deliveries = 0
        self._bytes = 0
        self._flushes = 0
        self._overflows = 0
        self._stalls = 0

    def join(self, view: Hashable, sink: Sink, first_frames: bytes = b"") -> Member:
        """Send ``first_frames`` to ``sink``, then all that is published to ``view`` from now on.

        Call it in the same step of the loop in which the snapshot was taken.

        Args:
            first_frames: whole frames (``text_frame``), built once for sockets that share them;
                empty = none.
        """
        group = self._groups.get(view)
        if group is None:
            group = self._groups[view] = _Group(view)
        member = Member(self, group, sink)
        sink.attach(member)
        self._sockets += 1
        if group.pending:
            group.ahead[member] = len(group.pending)
        else:
            group.place(member)
        if first_frames:
            self._count(1, len(first_frames))
            member._first(first_frames)
        elif sink.is_paused:
            member.on_paused()
        return member

    def publish(self, view: Hashable, payload: bytes) -> None:
        """Send ``payload`` to every socket of ``view``.

        It goes out at the end of this step of the loop, or, within a tick of the view's last
        flush, joined with its neighbours when that tick is over. Costs nothing without sockets.
        """
        group = self._groups.get(view)
        if group is None:
            return
        self._published += 1
        group.pending.append(text_frame(payload))
        if not group.is_hot:
            group.is_hot = True
            if not self._fresh:
                self._loop.call_soon(self._flush_fresh)
            self._fresh.append(group)

    def flush(self) -> None:
        """Send everything published so far now, ticks or not."""
        for group in [*self._fresh, *self._hot]:
            self._flush(group)

    def stats(self) -> FanoutStats:
        """Return the counters for the metrics page."""
        return FanoutStats(
            sockets=self._sockets,
            views=len(self._groups),
            slow=len(self._watched),
            published=self._published,
            deliveries=self._deliveries,
            bytes=self._bytes,
            flushes=self._flushes,
            overflows=self._overflows,
            stalls=self._stalls,
        )

    def _flush_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        for group in fresh:
            self._flush(group)
        self._hot += fresh
        if self._tick_timer is None:
            self._tick_timer = self._loop.call_later(self.limits.tick_s, self._tick)

    def _tick(self) -> None:
        hot, self._hot = self._hot, []
        for group in hot:
            if group.pending:
                self._flush(group)
                self._hot.append(group)
            else:
                group.is_hot = False
        self._tick_timer = (
            self._loop.call_later(self.limits.tick_s, self._tick) if self._hot else None
        )

    def _flush(self, group: _Group) -> None:
        frames, group.pending = group.pending, []
        if not frames:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        # Copies: a write can pause its socket, a full backlog closes it, and both move members.
        in_step = list(group.in_step.values())
        slow = list(group.slow)
        ahead, group.ahead = group.ahead, {}
        for member in ahead:
            group.place(member)
        self._flushes += 1
        takers = len(in_step) + len(slow)
        self._count(takers * len(frames), takers * len(data))
        for write in in_step:
            write(data)
        for member in slow:
            member._hold(data)
        for member, had in ahead.items():
            if had < len(frames) and member.is_open:
                tail = b"".join(frames[had:])
                self._count(len(frames) - had, len(tail))
                member._deliver(tail)

    def _send(self, member: Member, group: _Group, frame: bytes) -> None:
        pending = group.pending
        if not pending:
            self._count(1, len(frame))
            member._deliver(frame)
            return
        # An answer must not overtake what it answers for: a heartbeat that says "seq 7" ahead of
        # frame 7 would look like a gap. So this socket gets its pending frames early.
        tail = pending[group.ahead.get(member, 0) :]
        data = b"".join([*tail, frame])
        group.remove(member)
        group.ahead[member] = len(pending)
        self._count(len(tail) + 1, len(data))
        member._deliver(data)

    def _count(self, frames: int, size: int) -> None:
        self._deliveries += frames
        self._bytes += size

    def _removed(self, member: Member, group: _Group) -> None:
        self._sockets -= 1
        group.remove(member)
        self._unwatch(member)
        if group.is_empty() and self._groups.get(group.key) is group:
            group.pending.clear()
            del self._groups[group.key]

    def _watch(self, member: Member) -> None:
        self._watched[member] = None
        if self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(self.limits.sweep_s, self._sweep)

    def _unwatch(self, member: Member) -> None:
        self._watched.pop(member, None)

    def _sweep(self) -> None:
        now = self.clock.monotonic()
        for member in list(self._watched):
            if member._is_stuck(now):
                self._stalls += 1
                member.close(SLOW, "too slow: connect again")
        self._sweep_timer = (
            self._loop.call_later(self.limits.sweep_s, self._sweep) if self._watched else None
        )
