"""Dispatch cycles over HTTP with 200 live screens open, beside a million closed incidents too.

A cycle is what a response takes: open, determine, offer, accept, en route, on scene, clear; a close
follows, so that the board stays as small as a county's. Server, database and clients share the
machine. Two nodes are measured in turns, one new and one with years behind it; last, the second one
is stopped and timed from its start to its first answer.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from tests.bench.children import Child, child
from tests.bench.load import Cycled, Cycles, Open, Opened
from tests.bench.node_server import Order, Setup
from tests.bench.place import fresh_folder
from tests.bench.rows import Row
from tests.bench.site import Site, node

TEAMS = 60
CLOSED = 1_000_000
_DESKS, _CREWS = 100, 100
_P99_S = 0.150
#: Clients → cycles a second that they must reach.
_TARGETS = {8: 30.0, 32: 72.0}

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
        ):
            sites = {"new": (new, new_load), "old": (old, old_load)}
            for site, load in sites.values():
                screens = Open(port=site.port, people=site.people, desks=_DESKS, crews=_CREWS)
                opened = await load.ask(screens, Opened)
                assert opened.sockets == _DESKS + _CREWS
            for turn in range(turns):
                for clients in _TARGETS:
                    # Each goes first as often as the other.
                    for kind in sorted(sites, reverse=bool(turn % 2)):
                        cycled = await _cycles(*sites[kind], clients, seconds)
                        got.setdefault((kind, clients), []).append(cycled)
            people = old.people
        for _ in range(2 if quick else 5):
            async with node(Setup(folder=str(old_folder)), people) as again:
                starts.append(again.started_s)
    rows = [row for clients in _TARGETS for row in _rows(got, clients, closed)]
    started = median(starts)
    rows.append(
        Row(
            name=f"cold start to the first answer, {closed:,} events in the log; median of "
            f"{len(starts)}",
            unit="s",
            value=started,
            floor=None,
            ratio=None,
            target="<= 2",
            met=started <= 2,
        )
    )
    return rows


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
    new, old = got["new", clients], got["old", clients]
    name = f"dispatch cycles over HTTP, {clients} clients, {_DESKS + _CREWS} sockets"
    past = f"{closed:,} closed incidents"
    rows = []
    for what, rounds in (("", new), (f", {past}", old)):
        rate = _rate(rounds)
        rows.append(
            Row(
                name=name + what,
                unit="cycles/s",
                value=rate,
                floor=None,
                ratio=None,
                target=f">= {_TARGETS[clients]:.0f}",
                met=rate >= _TARGETS[clients],
            )
        )
        by_name = _p99s(rounds)
        slowest = ", ".join(f"{call} {p99_s * 1e3:.0f}" for call, p99_s in by_name.items())
        print(f"p99 in ms, {clients} clients{what}: {slowest}", file=sys.stderr)
        p99_s = max(by_name.values())
        rows.append(
            Row(
                name=f"the slowest sort of call of these, {clients} clients{what}",
                unit="ms p99",
                value=p99_s * 1e3,
                floor=None,
                ratio=None,
                target="<= 150",
                met=p99_s <= _P99_S,
            )
        )
    # The clients are closed loops: the time of a cycle is their number over the rate.
    value, base = clients / _rate(old), clients / _rate(new)
    rows.append(
        Row(
            name=f"time of a cycle beside {past}, {clients} clients; floor: without",
            unit="ms",
            value=value * 1e3,
            floor=base * 1e3,
            ratio=value / base,
            target="ratio <= 1.2",
            met=value <= 1.2 * base,
        )
    )
    return rows
