"""Dispatch cycles over HTTP with 200 live screens open, beside a million closed incidents too.

A cycle is what a response takes: open, determine, offer, accept, en route, on scene, clear; a close
follows, so that the board stays as small as a county's. The floor is the barest program that could
do it (``tests.bench.bare_server``): for each of these requests one transaction under the county's
lock, with an event and two read models, and one frame to each of as many sockets; it decides,
ranks, checks and remembers nothing. Server, database and clients share the machine. Two nodes and
the floor are measured in turns, one node new and one with years behind it; last, the second one is
stopped and timed from its start to its first answer, beside a database server and an empty program
that are started likewise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from dispatch.store.postgres.embedded import EmbeddedPostgres
from tests.bench.bare_server import Frames, Listening
from tests.bench.children import Child, child
from tests.bench.load import BareCycles, Cycled, Cycles, Open, Opened
from tests.bench.node_server import Order, Setup
from tests.bench.place import fresh_folder
from tests.bench.rows import Row, at_least, at_most
from tests.bench.site import Site, bare, node

TEAMS = 60
CLOSED = 1_000_000
_DESKS, _CREWS = 100, 100
_CLIENTS = (8, 32)
#: Bytes of the floor's frames: of a change as a desk is told of it.
_FRAME = b"x" * 600

Measured = dict[tuple[str, int], list[Cycled]]


async def run(quick: bool) -> list[Row]:
    """Measure; a minute if ``quick`` (with 50,000 closed incidents), else some minutes."""
    closed = CLOSED // 20 if quick else CLOSED
    turns, seconds = (2, 4.0) if quick else (4, 8.0)
    got: Measured = {}
    starts = []
    async with fresh_folder() as new_folder, fresh_folder() as old_folder:
        old_setup = Setup(folder=str(old_folder), teams=TEAMS, closed=closed)
        async with (
            node(old_setup) as old,
            node(Setup(folder=str(new_folder), teams=TEAMS)) as new,
            child("tests.bench.load") as new_load,
            child("tests.bench.load") as old_load,
            bare("commit", new.dsn) as (floor, floor_port),
            child("tests.bench.load") as floor_load,
        ):
            await floor.ask(Frames(payloads=[_FRAME]), Listening)
            sites = {"new": (new, new_load), "old": (old, old_load)}
            for site, load in sites.values():
                screens = Open(port=site.port, people=site.people, desks=_DESKS, crews=_CREWS)
                opened = await load.ask(screens, Opened)
                assert opened.sockets == _DESKS + _CREWS
            for turn in range(turns):
                for clients in _CLIENTS:
                    # Each goes first as often as the other.
                    for kind in sorted(sites, reverse=bool(turn % 2)):
                        cycled = await _cycles(*sites[kind], clients, seconds)
                        got.setdefault((kind, clients), []).append(cycled)
                    bare_cycles = BareCycles(
                        port=floor_port, sockets=_DESKS + _CREWS, clients=clients, seconds=seconds
                    )
                    cycled = await floor_load.ask(bare_cycles, Cycled)
                    got.setdefault(("floor", clients), []).append(cycled)
            people = old.people
        floors = []
        for _ in range(2 if quick else 5):
            async with node(Setup(folder=str(old_folder)), people) as again:
                starts.append(again.started_s)
            floors.append(await _bare_start_s(old_folder))
    rows = [row for clients in _CLIENTS for row in _rows(got, clients, closed)]
    name = f"cold start to the first answer, {closed:,} events in the log; median of {len(starts)}"
    return [*rows, at_most(8, name, "s", median(starts), median(floors))]


async def _bare_start_s(folder: Path) -> float:
    """Return how long the node's database and an empty program behind HTTP take to start."""
    begun = time.perf_counter()
    async with EmbeddedPostgres(folder), bare("noop"):
        return time.perf_counter() - begun


async def _cycles(site: Site, load: Child, clients: int, seconds: float) -> Cycled:
    await site.state(Order(do="settle"))
    task = Cycles(port=site.port, people=site.people, clients=clients, seconds=seconds)
    cycled = await load.ask(task, Cycled)
    assert cycled.lost_sockets == 0
    return cycled


def _rate(rounds: Sequence[Cycled]) -> float:
    return sum(one.cycles for one in rounds) / sum(one.seconds for one in rounds)


def _p99s(rounds: Sequence[Cycled]) -> dict[str, float]:
    """Return the p99 of each sort of call: the median over the rounds, in seconds."""
    by_name: dict[str, list[float]] = {}
    for one in rounds:
        for call in one.calls:
            by_name.setdefault(call.name, []).append(call.p99_s)
    return {name: median(values) for name, values in by_name.items()}


def _rows(got: Measured, clients: int, closed: int) -> list[Row]:
    new, old, floor = got["new", clients], got["old", clients], got["floor", clients]
    name = f"dispatch cycles over HTTP, {clients} clients, {_DESKS + _CREWS} sockets"
    past = f"{closed:,} closed incidents"
    bare_rate, (bare_p99_s,) = _rate(floor), _p99s(floor).values()
    rows = []
    for what, rounds in (("", new), (f", {past}", old)):
        by_name = _p99s(rounds)
        slowest = ", ".join(f"{call} {p99_s * 1e3:.0f}" for call, p99_s in by_name.items())
        print(f"p99 in ms, {clients} clients{what}: {slowest}", file=sys.stderr)
        rows += [
            at_least(0.5, name + what, "cycles/s", _rate(rounds), bare_rate),
            at_most(
                2,
                f"the slowest sort of call of these, {clients} clients{what}",
                "ms p99",
                max(by_name.values()) * 1e3,
                bare_p99_s * 1e3,
            ),
        ]
    # The clients are closed loops: the time of a cycle is their number over the rate.
    value, base = clients / _rate(old), clients / _rate(new)
    what = f"time of a cycle beside {past}, {clients} clients; floor: without"
    return [*rows, at_most(1.2, what, "ms", value * 1e3, base * 1e3)]
