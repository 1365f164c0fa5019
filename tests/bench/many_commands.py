"""Sends a whole node very many commands that leave its board empty, and weighs what stays behind.

python -m tests.bench.many_commands FOLDER COMMANDS
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from pathlib import Path

import msgspec

from crisis.commands import CancelIncident, OpenIncident, PlaceInput
from dispatch.run.config import load
from tests.bench import children
from tests.bench.seed import COUNTY
from tests.db.service_kit import Desk, create_county
from tests.unit.dispatch.board_kit import OAKLAND
from web.node import database_for, running

#: What is remembered of the last commands and changes is full by then.
WARM = 12_000
_AT_ONCE = 32
_PLACED = OpenIncident(place=PlaceInput(point=OAKLAND, location_type="home"))


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that Python holds beyond those before the first command; ``commands``: sent since."""

    warm_bytes: int
    end_bytes: int
    commands: int


async def main(folder: str, commands: int) -> None:
    """Warm up, weigh, send the rest, weigh again, answer."""
    settings = load({"CRISIS_DATA_DIR": folder, "HOME": "/"}, working_dir=Path(folder))
    async with database_for(settings) as (database, _):
        await create_county(database, COUNTY)
        async with running(settings, database) as node:
            desk = Desk(node.service, COUNTY)
            await _send(desk, 100)
            gc.collect()
            tracemalloc.start()
            await _send(desk, WARM)
            warm_bytes = _held()
            await _send(desk, commands)
            children.say(Kept(warm_bytes=warm_bytes, end_bytes=_held(), commands=commands))


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def _send(desk: Desk, commands: int) -> None:
    waiting = iter(range(commands // 2))

    async def some() -> None:
        for _ in waiting:
            incident_id = (await desk.do(_PLACED)).result["incident_id"]
            await desk.do(CancelIncident(incident_id=incident_id, reason="person_left"))

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


if __name__ == "__main__":
    children.run(lambda: main(sys.argv[1], int(sys.argv[2])))
