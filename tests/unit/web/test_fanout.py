"""The fan-out's order, joining and slow-socket rules, on recorded sinks and a loop stepped by hand.

No socket and no real time: ``ManualLoop`` runs callbacks when the test says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from crisis.clock import FakeClock
from web.live.fanout import SLOW, Fanout, Limits, Member
from web.live.frames import SinkListener, text_frame


class ManualLoop:
    """The two calls of an event loop that a fan-out makes, run by ``step`` and ``advance``."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> object:
        self.later.append((self.clock.monotonic() + delay_s, callback))
        return self.later[-1]

    def step(self) -> None:
        """End this step of the loop: run what was asked for "soon"."""
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()

    def advance(self, seconds: float) -> None:
        """Let time pass and run each timer when it is due."""
        self.step()
        end = self.clock.monotonic() + seconds
        while due := [timer for timer in self.later if timer[0] <= end + 1e-9]:
            timer = min(due, key=lambda entry: entry[0])
            self.later.remove(timer)
            self.clock.advance(max(0.0, timer[0] - self.clock.monotonic()))
            timer[1]()
            self.step()
        self.clock.advance(max(0.0, end - self.clock.monotonic()))


class RecordingSink:
    """A socket with a transport buffer of ``room`` bytes that drains only when told to."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.held = 0
        self.writes: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.is_paused = False
        self.listener: SinkListener | None = None
        self.write: Callable[[bytes], object] = self._write

    def _write(self, frames: bytes) -> None:
        assert not self.is_paused, "wrote to a full transport"
        assert self.closed is None, "wrote behind a close frame"
        self.writes.append(frames)
        self.held += len(frames)
        if self.held > self.room:
            self.is_paused = True
            if self.listener is not None:
                self.listener.on_paused()

    def drain(self, size: int | None = None) -> None:
        """Let the peer take ``size`` bytes (None = all); resume when the buffer is empty."""
        self.held -= self.held if size is None else size
        if self.held == 0 and self.is_paused:
            self.is_paused = False
            if self.listener is not None:
                self.listener.on_resumed()

    def lose(self) -> None:
        if self.listener is not None:
            self.listener.on_lost()

    def buffered(self) -> int:
        return self.held

    def attach(self, listener: SinkListener | None) -> None:
        self.listener = listener

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def abort(self) -> None:
        self.closed = (1006, "")

    @property
    def payloads(self) -> list[str]:
        """What the peer would read, taken apart frame by frame."""
        return unframe(b"".join(self.writes))


def unframe(data: bytes) -> list[str]:
    payloads = []
    while data:
        assert data[0] == 0x81
        size, head = data[1], 2
        if size == 126:
            size, head = int.from_bytes(data[2:4]), 4
        elif size == 127:
            size, head = int.from_bytes(data[2:10]), 10
        payloads.append(data[head : head + size].decode())
        data = data[head + size :]
    return payloads


class Bench:
    """A fan-out with its clock and loop."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = FakeClock(datetime(2026, 11, 1, 8, 0, tzinfo=UTC))
        self.loop = ManualLoop(self.clock)
        loop = cast("asyncio.AbstractEventLoop", self.loop)
        self.fanout = Fanout(self.clock, limits, loop)

    def join(self, room: int = 1 << 30, view: str = "v", first: bytes = b"") -> RecordingSink:
        sink = RecordingSink(room)
        self.fanout.join(view, sink, first)
        return sink

    def publish(self, *payloads: str, view: str = "v") -> None:
        for payload in payloads:
            self.fanout.publish(view, payload.encode())


def member_of(sink: RecordingSink) -> Member:
    return cast("Member", sink.listener)


def test_a_lone_publish_goes_out_without_waiting_for_a_tick() -> None:
    bench = Bench()
    sink = bench.join()
    bench.publish("a")
    bench.loop.step()
    assert sink.payloads == ["a"]
    bench.loop.advance(1.0)
    bench.publish("b")
    bench.loop.step()
    assert sink.payloads == ["a", "b"]


def test_publishes_of_one_step_of_the_loop_are_one_write() -> None:
    bench = Bench()
    sink = bench.join()
    bench.publish("a", "b", "c")
    bench.loop.step()
    assert len(sink.writes) == 1
    assert sink.payloads == ["a", "b", "c"]


def test_publishes_within_a_tick_are_joined_and_shared_by_all_sockets() -> None:
    bench = Bench()
    one, two = bench.join(), bench.join()
    bench.publish("a")
    bench.loop.step()
    bench.publish("b")
    bench.loop.step()
    bench.publish("c")
    assert one.payloads == ["a"]
    bench.loop.advance(0.02)
    assert one.payloads == two.payloads == ["a", "b", "c"]
    assert len(one.writes) == 2
    assert all(mine is theirs for mine, theirs in zip(one.writes, two.writes, strict=True))


def test_no_timer_is_left_once_a_view_is_quiet() -> None:
    bench = Bench()
    bench.join()
    bench.publish("a")
    bench.loop.advance(1.0)
    assert bench.loop.later == []


def test_views_don_t_see_each_other() -> None:
    bench = Bench()
    one, two = bench.join(view="one"), bench.join(view="two")
    bench.publish("a", view="one")
    bench.publish("b", view="two")
    bench.publish("c", view="three")
    bench.loop.step()
    assert (one.payloads, two.payloads) == (["a"], ["b"])
    assert bench.fanout.stats().published == 2


def test_a_snapshot_comes_first_and_earlier_publishes_never_follow_it() -> None:
    bench = Bench()
    old = bench.join()
    bench.publish("1")
    bench.loop.step()
    bench.publish("2")  # waits for the tick
    new = bench.join(first=text_frame(b"snapshot at 2"))
    bench.publish("3")
    bench.loop.advance(0.02)
    bench.publish("4")
    bench.loop.advance(0.02)
    assert old.payloads == ["1", "2", "3", "4"]
    assert new.payloads == ["snapshot at 2", "3", "4"]


def test_a_direct_send_never_overtakes_what_was_published_before_it() -> None:
    bench = Bench()
    one, two = bench.join(), bench.join()
    bench.publish("1")
    bench.loop.step()
    bench.publish("2")
    member_of(one).send(b"heartbeat at 2")
    assert one.payloads == ["1", "2", "heartbeat at 2"]
    bench.publish("3")
    member_of(one).send(b"heartbeat at 3")
    bench.publish("4")
    bench.loop.advance(0.02)
    assert one.payloads == ["1", "2", "heartbeat at 2", "3", "heartbeat at 3", "4"]
    assert two.payloads == ["1", "2", "3", "4"]


def test_a_slow_socket_is_not_written_to_and_catches_up_in_order() -> None:
    bench = Bench()
    slow, fast = bench.join(room=10), bench.join()
    for number in range(10):
        bench.publish(f"payload {number}")
        bench.loop.advance(0.02)
    assert fast.payloads == [f"payload {number}" for number in range(10)]
    assert len(slow.payloads) == 1
    assert bench.fanout.stats().slow == 1
    while slow.is_paused:
        slow.drain()
    assert slow.payloads == fast.payloads
    assert bench.fanout.stats().slow == 0
    bench.publish("after")
    bench.loop.advance(0.02)
    assert slow.payloads[-1] == "after"


def test_a_direct_send_to_a_slow_socket_waits_in_line() -> None:
    bench = Bench()
    sink = bench.join(room=1)
    bench.publish("1")
    bench.loop.step()
    bench.publish("2")
    member_of(sink).send(b"ack")
    bench.publish("3")
    bench.loop.advance(0.02)
    assert sink.payloads == ["1"]
    while sink.is_paused:
        sink.drain()
    assert sink.payloads == ["1", "2", "ack", "3"]


def test_a_full_backlog_closes_with_4409_and_nobody_else_notices() -> None:
    bench = Bench(Limits(backlog_bytes=50))
    slow, fast = bench.join(room=1), bench.join()
    for number in range(10):
        bench.publish(f"payload {number}")
        bench.loop.advance(0.02)
    assert slow.closed is not None
    assert slow.closed[0] == SLOW
    assert len(fast.payloads) == 10
    stats = bench.fanout.stats()
    assert (stats.sockets, stats.slow, stats.overflows) == (1, 0, 1)


def test_one_flush_larger_than_the_backlog_doesn_t_close_a_busy_socket() -> None:
    bench = Bench(Limits(backlog_bytes=50))
    sink = bench.join(room=1)
    bench.publish("a")
    bench.loop.step()
    bench.publish("x" * 500)
    bench.loop.advance(0.02)
    assert sink.closed is None
    sink.drain()
    assert sink.payloads == ["a", "x" * 500]


def test_a_socket_that_takes_nothing_is_closed_within_the_stall_time() -> None:
    bench = Bench(Limits(stall_s=5.0, sweep_s=1.0))
    sink = bench.join(room=1)
    bench.publish("a")
    bench.loop.advance(4.5)
    assert sink.closed is None
    bench.loop.advance(2.0)
    assert sink.closed is not None
    assert sink.closed[0] == SLOW
    assert bench.fanout.stats().stalls == 1
    bench.loop.advance(10.0)
    assert bench.loop.later == []


def test_a_socket_that_trickles_is_closed_once_it_lags_by_the_stall_time() -> None:
    bench = Bench(Limits(stall_s=5.0, sweep_s=1.0))
    sink = bench.join(room=1)
    bench.publish("x" * 1000)
    bench.loop.step()
    for _ in range(8):
        bench.publish("y")
        sink.drain(1)
        bench.loop.advance(1.0)
    assert sink.closed is not None
    assert sink.closed[0] == SLOW


def test_a_long_snapshot_on_a_thin_line_may_take_its_time_while_it_moves() -> None:
    limits = Limits(stall_s=5.0, sweep_s=1.0, snapshot_bytes_per_s=10)
    bench = Bench(limits)
    snapshot = text_frame(b"s" * 198)
    sink = bench.join(room=50, first=snapshot)
    bench.publish("change")
    for _ in range(19):
        sink.drain(10)
        bench.loop.advance(1.0)
    assert sink.closed is None
    sink.drain()
    assert sink.payloads == ["s" * 198, "change"]


def test_a_long_snapshot_that_doesn_t_move_gets_no_grace() -> None:
    bench = Bench(Limits(stall_s=5.0, sweep_s=1.0, snapshot_bytes_per_s=1))
    sink = bench.join(room=50, first=text_frame(b"s" * 1000))
    bench.loop.advance(6.5)
    assert sink.closed is not None


def test_a_socket_that_overflows_amid_a_flush_doesn_t_orphan_those_that_just_joined() -> None:
    bench = Bench(Limits(backlog_bytes=5))
    slow = bench.join(room=1)
    bench.publish("1")
    bench.loop.step()
    bench.publish("2")
    bench.loop.advance(0.02)
    bench.publish("3")
    new = bench.join(first=text_frame(b"snapshot at 3"))
    bench.publish("4")
    bench.loop.advance(0.02)
    assert slow.closed is not None
    bench.publish("5")
    bench.loop.advance(0.02)
    assert new.payloads == ["snapshot at 3", "4", "5"]


def test_a_lost_or_left_socket_gets_nothing_more_and_its_view_goes_with_it() -> None:
    bench = Bench()
    lost, left = bench.join(), bench.join()
    bench.publish("a")
    lost.lose()
    member = member_of(left)
    member.leave()
    member.leave()
    member.send(b"late")
    bench.publish("b")
    bench.loop.advance(1.0)
    assert lost.payloads == left.payloads == []
    stats = bench.fanout.stats()
    assert (stats.sockets, stats.views) == (0, 0)


def test_counters_count_frames_and_bytes_by_socket() -> None:
    bench = Bench()
    bench.join()
    bench.join()
    bench.publish("abc", "de")
    bench.loop.advance(0.1)
    stats = bench.fanout.stats()
    assert (stats.published, stats.deliveries, stats.bytes, stats.flushes) == (2, 4, 18, 1)


class Traffic:
    """Acts on a fan-out at random and remembers what each socket must have read."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.sinks: list[tuple[int, RecordingSink]] = []
        self.published = 0

    def act(self, name: str, which: int) -> None:
        if name == "publish":
            self.published += 1
            self.bench.publish(str(self.published))
        elif name == "join":
            sink = self.bench.join(room=which * 4, first=text_frame(b"snapshot"))
            self.sinks.append((self.published, sink))
        elif name == "step":
            self.bench.loop.step()
        elif name == "tick":
            self.bench.loop.advance(0.02)
        elif self.sinks:
            self.act_on(self.sinks[which % len(self.sinks)][1], name)

    def act_on(self, sink: RecordingSink, name: str) -> None:
        if sink.listener is None:
            return
        if name == "send":
            member_of(sink).send(f"ack {self.published}".encode())
        elif name == "drain":
            sink.drain()
        else:
            sink.lose()
            sink.listener = None

    def finish(self) -> None:
        self.bench.loop.advance(0.1)
        for _, sink in self.sinks:
            while sink.is_paused and sink.listener is not None:
                sink.drain()


def assert_read_in_order(sink: RecordingSink, joined_at: int, published: int) -> None:
    assert sink.payloads[:1] == ["snapshot"]
    seen = joined_at
    for payload in sink.payloads[1:]:
        if payload.startswith("ack"):
            assert payload == f"ack {seen}", "an answer overtook a publish, or came late"
        else:
            seen += 1
            assert payload == str(seen), "a gap or a change of order"
    assert seen == published or sink.listener is None


ACTS = ["publish", "join", "send", "step", "tick", "drain", "lose"]


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 5)), max_size=60))
def test_whatever_happens_a_socket_reads_its_snapshot_and_then_every_later_number(
    acts: list[tuple[str, int]],
) -> None:
    traffic = Traffic()
    for name, which in acts:
        traffic.act(name, which)
    traffic.finish()
    for joined_at, sink in traffic.sinks:
        assert_read_in_order(sink, joined_at, traffic.published)
