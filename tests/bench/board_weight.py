"""Fills a large county by commands, reads its board anew and weighs it; a process of its own.

python -m tests.bench.board_weight FOLDER QUICK
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from pathlib import Path

import msgspec

from crisis.clock import MachineClock
from crisis.ids import IncidentId
from crisis.rights import RoleClass
from dispatch.feed import Feed, View
from dispatch.run.config import load
from dispatch.run.service import Service
from dispatch.store.log import CountyLog
from dispatch.store.pool import Database
from tests.bench import children
from tests.bench.seed import COUNTY, Crew, closed, determined, teams, under_way
from tests.db.service_kit import create_county
from web.node import database_for

TEAMS = 70
INCIDENTS = 1_000
#: Closed before, whose follow-ups, notices and notes are still owed: three days of a busy county.
CLOSED = 300
_BUSY = 66
_AT_ONCE = 32


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that Python holds for the board, and for the board with every view's frames."""

    board_bytes: int
    shown_bytes: int
    json_bytes: int
    teams: int
    incidents: int
    obligations: int


async def main(folder: str, quick: bool) -> None:
    """Fill, read, weigh, answer."""
    settings = load({"CRISIS_DATA_DIR": folder, "HOME": "/"}, working_dir=Path(folder))
    key = settings.load_master_key()
    async with database_for(settings) as (database, _):
        await create_county(database, COUNTY)
        await _fill(database, key, CLOSED // 10 if quick else CLOSED)
        log = CountyLog(database, key, COUNTY)
        # Once unweighed, so that caches made at first use aren't counted as the board's.
        await log.load()
        gc.collect()
        tracemalloc.start()
        head = await log.load()
        gc.collect()
        board_bytes = tracemalloc.get_traced_memory()[0]
        board = head.board
        feed = Feed()
        feed.start(board)
        for role_class in (RoleClass.DESK, RoleClass.WALL, RoleClass.FOLLOW_UP):
            feed.catch_up(View(county_id=COUNTY, role_class=role_class), None)
        for team_id in board.teams:
            view = View(county_id=COUNTY, role_class=RoleClass.TEAM, scope=team_id)
            feed.catch_up(view, None)
        gc.collect()
        shown_bytes = tracemalloc.get_traced_memory()[0]
        children.say(
            Weighed(
                board_bytes=board_bytes,
                shown_bytes=shown_bytes,
                json_bytes=len(msgspec.json.encode(board)),
                teams=len(board.teams),
                incidents=len(board.incidents),
                obligations=len(board.obligations),
            )
        )


async def _fill(database: Database, key: bytes, closed_before: int) -> None:
    machine = MachineClock()
    async with Service(database, machine, machine, key) as service:
        crews = await teams(service, TEAMS, shift_h=23.0)
        numbers = iter(range(1_000_000))

        async def close_some(crew: Crew, how_many: int) -> None:
            for _ in range(how_many):
                await closed(service, next(numbers), crew)

        each = closed_before // _AT_ONCE + 1
        await asyncio.gather(*(close_some(crew, each) for crew in crews[:_AT_ONCE]))
        waiting = iter(range(INCIDENTS))
        opened: list[IncidentId] = []

        async def open_some() -> None:
            opened.extend([await determined(service, next(numbers)) for _ in waiting])

        await asyncio.gather(*(open_some() for _ in range(_AT_ONCE)))
        for crew, incident_id in zip(crews[:_BUSY], opened, strict=False):
            await under_way(service, incident_id, crew)


if __name__ == "__main__":
    children.run(lambda: main(sys.argv[1], sys.argv[2] == "1"))
