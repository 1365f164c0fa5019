"""How long after an accept the last of 200 live screens shows it, against bare commit and send.

The floor's program commits one statement and writes the very same bytes to as many sockets; it
takes its orders as lines over TCP. The node is also signed in to, reads HTTP, decides, seals, folds
and projects. One accept at a time, in turns with the floor, on the same PostgreSQL.
"""

from __future__ import annotations

from tests.bench.bare_server import Frames, Listening
from tests.bench.children import child
from tests.bench.clients import percentile
from tests.bench.load import Accepted, Accepts, BareAccepts, Open, Opened
from tests.bench.rows import Row, at_most
from tests.bench.site import bare, fresh_node

_DESKS, _CREWS = 180, 20


async def run(quick: bool) -> list[Row]:
    """Measure; a third of a minute if ``quick``, else two minutes."""
    turns, rounds = (2, 60) if quick else (5, 150)
    ours, answers, floors = [], [], []
    async with (
        fresh_node(teams=60) as site,
        bare("commit", site.dsn) as (floor, floor_port),
        child("tests.bench.load") as load,
    ):
        screens = Open(
            port=site.port, people=site.people, desks=_DESKS, crews=_CREWS, one_crew=True
        )
        accepts = Accepts(port=site.port, people=site.people, rounds=rounds)
        for _ in range(turns):
            opened = await load.ask(screens, Opened)
            assert opened.sockets == _DESKS + _CREWS
            got = await load.ask(accepts, Accepted)
            ours += got.last_s
            answers += got.answer_s
            await floor.ask(Frames(payloads=got.frames), Listening)
            orders = BareAccepts(port=floor_port, takers=got.takers, rounds=rounds)
            floors += (await load.ask(orders, Accepted)).last_s
    value, base = percentile(ours, 0.99), percentile(floors, 0.99)
    half, half_base = percentile(ours, 0.5), percentile(floors, 0.5)
    name = f"accept to received on all of {_DESKS + _CREWS} live sockets"
    return [
        at_most(3, f"{name}, p99", "ms", value * 1e3, base * 1e3),
        at_most(3, f"{name}, p50", "ms", half * 1e3, half_base * 1e3),
    ]
