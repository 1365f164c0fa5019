"""What 2,000 idle screens weigh on a whole node, and what the largest county's board weighs.

Sockets: resident bytes of the node's process, with all screens open, signed in and shown their
board, less those before. The floor is the same number of bare transports. The board: bytes that
Python holds for it (``tracemalloc``) after it was read from the database, 70 teams on shift and
1,000 open incidents, 66 of them under way, with what is owed for them and for those closed before.
Commands: what a node holds after very many of them that left its board empty. It remembers the last
4,096 answers and changed things, some 5 MiB, and no more: what grows beyond that would be a leak.
"""

from __future__ import annotations

import asyncio

import msgspec

from tests.bench.board_weight import Weighed
from tests.bench.children import child
from tests.bench.fanout import pair
from tests.bench.load import Open, Opened
from tests.bench.many_commands import WARM, Kept
from tests.bench.node_server import Order
from tests.bench.place import fresh_folder
from tests.bench.rows import Row, at_most
from tests.bench.site import fresh_node

SOCKETS = 2_000
#: Longer than a heartbeat's period: what a screen needs for its first frames is free again.
_SETTLE_S = 12.0
_KIB, _MIB = 1024, 1024 * 1024


async def run(quick: bool) -> list[Row]:
    """Measure; a minute or two if ``quick``, else some ten."""
    async with fresh_node(teams=60) as site, child("tests.bench.load") as load:
        # One of each first, so that what is made once isn't counted for each.
        screens = Open(port=site.port, people=site.people, desks=8, crews=60)
        await load.ask(screens, Opened)
        await asyncio.sleep(1)
        empty = await site.state(Order(do="collect"))
        half = SOCKETS // 2
        screens = msgspec.structs.replace(screens, desks=half, crews=half)
        opened = await load.ask(screens, Opened)
        assert opened.sockets == SOCKETS
        await asyncio.sleep(_SETTLE_S)
        full = await site.state(Order(do="collect"))
        assert full.sockets == SOCKETS
        added = full.sockets - empty.sockets
    value = (full.usage.resident - empty.usage.resident) / added / _KIB
    async with pair("raw", SOCKETS) as raw:
        report = await raw.at_rest()
        floor = (report.resident - raw.empty.resident) / report.sockets / _KIB
    weighed = await _board(quick)
    kept = await _kept(quick)
    grown = (kept.end_bytes - kept.warm_bytes) / _MIB
    board = weighed.board_bytes / _MIB
    shown = weighed.shown_bytes / _MIB
    what = f"{weighed.teams} teams, {weighed.incidents:,} incidents, {weighed.obligations:,} owed"
    return [
        at_most(
            20,
            f"idle socket on a whole node, half desk and half team views, {SOCKETS:,} sockets",
            "KiB resident",
            value,
            floor,
        ),
        at_most(
            4,
            f"board of the largest county in memory ({what}); floor: its bytes as JSON",
            "MiB traced",
            board,
            weighed.json_bytes / _MIB,
        ),
        at_most(
            2.5,
            "the same with its desk, team, wall and follow-up views rendered",
            "MiB traced",
            shown,
            board,
        ),
        at_most(
            0.3,
            f"what {kept.commands:,} commands leave behind on an empty board; floor: what the "
            f"first {WARM:,} did",
            "MiB traced",
            grown,
            kept.warm_bytes / _MIB,
        ),
    ]


async def _kept(quick: bool) -> Kept:
    commands = 20_000 if quick else 200_000
    async with fresh_folder() as folder:
        arguments = (str(folder), str(commands))
        async with child("tests.bench.many_commands", *arguments) as sending:
            return await sending.answer(Kept, within_s=3_600)


async def _board(quick: bool) -> Weighed:
    async with fresh_folder() as folder:
        arguments = (str(folder), "1" if quick else "0")
        async with child("tests.bench.board_weight", *arguments) as weighing:
            return await weighing.answer(Weighed, within_s=300)
