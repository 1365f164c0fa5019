"""Fixes over HTTP, durable when answered, against an endpoint that does nothing.

The floor is a Starlette endpoint behind the same uvicorn that answers 204 to the
same posts of the same clients, in turns. Server, PostgreSQL and clients share the machine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.bench.children import Child, child
from tests.bench.load import Posted, Posts
from tests.bench.rows import Row, at_least, at_most
from tests.bench.site import Site, bare, fresh_node

#: More teams than posts in flight: each team's fixes come in order, as a phone sends them.
TEAMS = 320
BATCH, BATCHES_AT_ONCE = 20, 128
SINGLES_AT_ONCE, SINGLES_RATIO = 256, 0.5
_SHIFTS_BEGAN_H = 22.0


class _Poster:
    """Posts to a node, and the same to an endpoint that does nothing."""

    def __init__(self, site: Site, noop_port: int, load: Child) -> None:
        self._site = site
        self._noop_port = noop_port
        self._load = load
        self._second = 60
        self._began_at = datetime.now(UTC) - timedelta(hours=_SHIFTS_BEGAN_H)

    async def post(self, batch: int, at_once: int, seconds: float) -> Posted:
        """Post to the node, and see that every fix is in the database."""
        before = (await self._site.state()).fixes
        got = await self._load.ask(self._task(self._site.port, batch, at_once, seconds), Posted)
        self._second = got.until_second
        stored = (await self._site.state()).fixes - before
        if stored != got.posts * batch:
            raise AssertionError(f"{stored} rows stored of {got.posts * batch}")
        return got

    async def post_to_nobody(self, batch: int, at_once: int, seconds: float) -> Posted:
        """Post to the endpoint that does nothing."""
        return await self._load.ask(self._task(self._noop_port, batch, at_once, seconds), Posted)

    def _task(self, port: int, batch: int, at_once: int, seconds: float) -> Posts:
        return Posts(
            port=port,
            people=self._site.people,
            connections=at_once,
            batch=batch,
            seconds=seconds,
            from_second=self._second,
            began_at=self._began_at,
        )


async def run(quick: bool) -> list[Row]:
    """Measure; a third of a minute if ``quick``, else a minute and a half."""
    turns, seconds = (2, 2.5) if quick else (3, 8.0)
    batches, singles, nothing, nothing_of_20 = [], [], [], []
    async with (
        fresh_node(teams=TEAMS, shifts_began_h=_SHIFTS_BEGAN_H) as site,
        bare("noop") as (_, noop_port),
        child("tests.bench.load") as load,
    ):
        poster = _Poster(site, noop_port, load)
        # The first posts open connections, make the day's partition and find the sessions.
        await poster.post(1, 8, 0.5)
        # Singles first: batches leave the database with millions of rows to tidy up.
        for _ in range(turns):
            singles.append(await poster.post(1, SINGLES_AT_ONCE, seconds))
            nothing.append(await poster.post_to_nobody(1, SINGLES_AT_ONCE, seconds / 2))
        for _ in range(turns):
            batches.append(await poster.post(BATCH, BATCHES_AT_ONCE, seconds))
            nothing_of_20.append(await poster.post_to_nobody(BATCH, BATCHES_AT_ONCE, seconds / 2))
    rate, base = _rate(batches) * BATCH, _rate(nothing_of_20) * BATCH
    single, bare_single = _rate(singles), _rate(nothing)
    return [
        at_least(
            0.15,
            f"fixes over HTTP, durable when answered, batches of {BATCH}, "
            f"{BATCHES_AT_ONCE} in flight",
            "fixes/s",
            rate,
            base,
        ),
        at_least(
            SINGLES_RATIO,
            f"single fixes over HTTP, durable when answered, {SINGLES_AT_ONCE} in flight",
            "posts/s",
            single,
            bare_single,
        ),
        at_most(
            6,
            f"answer of a post of {BATCH} fixes, {BATCHES_AT_ONCE} in flight",
            "ms p99",
            max(one.p99_s for one in batches) * 1e3,
            max(one.p99_s for one in nothing_of_20) * 1e3,
        ),
    ]


def _rate(rounds: list[Posted]) -> float:
    return sum(one.posts for one in rounds) / sum(one.seconds for one in rounds)
