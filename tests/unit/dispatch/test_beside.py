"""Long work beside the loop: the loop turns, the work is bounded, and ends when nobody waits."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from crisis.clock import FakeClock
from crisis.errors import Invalid, Unavailable
from dispatch.beside import Beside, Stopped, Work

PATIENCE_S = 60.0


async def test_the_loop_turns_while_work_is_under_way() -> None:
    beside, go = Beside(), threading.Event()

    def work(work: Work) -> str:
        work.at(1, 2)
        return "done" if go.wait(PATIENCE_S) else "never"

    task = asyncio.ensure_future(beside.run(work))
    # Whatever else is asked of the loop is answered before the work ends.
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    assert await task == "done"


async def test_whoever_goes_away_stops_the_work_at_its_next_piece() -> None:
    beside, begun, go, ended = Beside(), asyncio.Event(), threading.Event(), threading.Event()
    loop, rows = asyncio.get_running_loop(), []

    def work(work: Work) -> None:
        try:
            for row in range(1_000):
                work.at(row, 1_000)
                rows.append(row)
                loop.call_soon_threadsafe(begun.set)
                go.wait(PATIENCE_S)
        except Stopped:
            ended.set()
            raise

    task = asyncio.ensure_future(beside.run(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await asyncio.to_thread(ended.wait, PATIENCE_S)
    assert rows == [0]


async def test_more_work_than_may_wait_is_refused_by_name() -> None:
    beside, go = Beside(threads=1, waiting=1), threading.Event()
    tasks = [asyncio.ensure_future(beside.run(lambda work: go.wait(PATIENCE_S))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as caught:
        await beside.run(lambda work: None)
    assert caught.value.code == "too_much_at_once"
    go.set()
    assert await asyncio.gather(*tasks) == [True, True]
    # It counts what runs, not what ran.
    while True:
        try:
            assert await beside.run(lambda work: 1) == 1
        except Unavailable:
            await asyncio.sleep(0)
        else:
            break


async def test_work_that_takes_too_long_is_stopped_by_name() -> None:
    clock = FakeClock(datetime(2026, 12, 1, tzinfo=UTC))
    work = Work(clock, within_s=60)

    def rows(work: Work) -> None:
        work.at(1)
        clock.advance(61)
        work.at(2)

    with pytest.raises(Invalid) as caught:
        await Beside().run(rows, work)
    assert caught.value.code == "took_too_long"
