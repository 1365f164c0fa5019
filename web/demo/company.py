"""The simulated people of a demonstration, in a process of their own: clients like any other.

Reads one line of JSON from standard input, which says where the service is and who they are; works
until that input ends, as it does when the service's own process is gone; tells on standard output
each second how it goes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime

import msgspec

from crisis.clock import DomainClock, MachineClock
from crisis.shapes import Value
from dispatch.sim.demand import Demand, DemandedCall
from dispatch.sim.troupe import Troupe
from web.demo.callers import Callers
from web.demo.clients import Life, Tally, World
from web.demo.desks import DemoDesk, DemoSupervisor, FollowUp
from web.demo.phones import Phone

#: All phones that wake at once would sign in at once.
_APART_S = 0.1


class Orders(Value, frozen=True, kw_only=True):
    """What the process is told.

    Attributes:
        origin: the county's instant at the machine's instant ``started``.
        per_day: encounters on a mean day; ``None`` = the county's estimate.
        heard: id of an open call or incident → what its caller said before they came to work.
    """

    url: str
    county_id: int
    origin: datetime
    started: datetime
    speed: float
    seed: int
    troupe: Troupe
    per_day: float | None = None
    heard: dict[str, DemandedCall] = {}


class Word(Value, frozen=True, kw_only=True):
    """How it goes; see ``Tally``."""

    sent: int
    fixes: int
    reconnects: int
    acts: dict[str, int]
    overtaken: dict[str, int]
    errors: dict[str, int]


def word_of(tally: Tally) -> Word:
    """Return a tally as it is told."""
    return Word(
        sent=tally.sent,
        fixes=tally.fixes,
        reconnects=tally.reconnects,
        acts=dict(tally.acts),
        overtaken=dict(tally.overtaken),
        errors=dict(tally.errors),
    )


async def work(orders: Orders, ended: asyncio.Event) -> None:
    """Let everybody work until ``ended``."""
    machine = MachineClock()
    at = orders.origin + (machine.now() - orders.started) * orders.speed
    clock = DomainClock(machine, origin=at, speed=orders.speed)
    yours = str(orders.troupe.yours.team_id)
    world = World(orders.url, orders.county_id, clock, orders.seed, yours=yours)
    world.heard.update(orders.heard)
    demand = Demand(orders.troupe.county_id, orders.seed, per_day=orders.per_day)
    troupe = orders.troupe
    lives: list[Life | Callers] = [
        Callers(world, troupe.line, demand),
        *(DemoDesk(world, one, nth, len(troupe.desks)) for nth, one in enumerate(troupe.desks)),
        DemoSupervisor(world, troupe.supervisor),
        FollowUp(world, troupe.follow_up),
        *(
            Phone(world, staff, team, number)
            for number, (staff, team) in enumerate(
                zip(troupe.phones, troupe.teams, strict=True), start=1
            )
        ),
    ]
    tasks = []
    try:
        for life in lives:
            tasks.append(asyncio.create_task(watched(world, life)))
            await asyncio.sleep(_APART_S)
        while not ended.is_set():
            _tell(world)
            try:
                async with asyncio.timeout(1.0):
                    await ended.wait()
            except TimeoutError:
                continue
    finally:
        world.closing = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await world.http.aclose()
        _tell(world)


async def watched(world: World, life: Life | Callers) -> None:
    """Run one person; whoever falls is counted, and gets up again."""
    while not world.closing:
        try:
            await life.run()
        except Exception as error:
            # The border of one client: a fault in it is told, and the others work on.
            cause: BaseException = error
            while isinstance(cause, BaseExceptionGroup):
                cause = cause.exceptions[0]
            world.failed(f"client: {type(life).__name__} {type(cause).__name__} {cause}")
            await asyncio.sleep(1.0)


def _tell(world: World) -> None:
    sys.stdout.write(msgspec.json.encode(word_of(world.tally)).decode() + "\n")
    sys.stdout.flush()


async def _main() -> None:
    # Ctrl-C at the terminal reaches the whole group; the service's process says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    orders = msgspec.json.decode(await reader.readline(), type=Orders)
    ended = asyncio.Event()

    async def listen() -> None:
        await reader.read()
        ended.set()

    listening = asyncio.create_task(listen())
    await work(orders, ended)
    listening.cancel()


if __name__ == "__main__":
    asyncio.run(_main())
