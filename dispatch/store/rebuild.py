"""Building the read models again from the log, when the fold's version changed.

Runs under ``migrate``, before nodes start, holding each county's row: nothing can be written to the
log meanwhile. The log itself is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from crisis.board import FOLD_VERSION, Change
from crisis.history import History
from crisis.ids import CountyId
from dispatch.store.codec import event_of
from dispatch.store.log import BoardState
from dispatch.store.pool import Connection, County, Database, Worker
from dispatch.store.readmodel import models
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load

LOG = load("log")
COUNTIES = load("counties")
REBUILD = load("rebuild")

_PAGE = 5_000
_BATCH = 500


async def replay_log(con: Connection, county_id: int, keys: CountyKeys) -> History:
    """Fold a county's whole log, in a transaction of the caller's."""
    history = History(CountyId(county_id))
    while True:
        rows = await con.fetch(LOG["read_events_after"], county_id, history.board.seq, _PAGE)
        if not rows:
            return history
        wanted = [i for i in {row["incident_id"] for row in rows} - {None} if i not in keys]
        for row in await con.fetch(LOG["read_incident_keys"], county_id, wanted):
            if row["wrapped"] is not None:
                keys.load(row["incident_id"], bytes(row["wrapped"]))
        for row in rows:
            history.add(event_of(row, keys))


async def rebuild_stale(database: Database, master_key: bytes) -> list[int]:
    """Rebuild every county whose read models are of another fold version; returns their ids."""
    return [
        county_id
        for county_id in await _counties(database)
        if await _rebuild(database, master_key, county_id)
    ]


async def _counties(database: Database) -> list[int]:
    async with database.tx(Worker(), mode="read") as con:
        return [row["county_id"] for row in await con.fetch(COUNTIES["list_counties"])]


async def _rebuild(database: Database, master_key: bytes, county_id: int) -> bool:
    keys = CountyKeys(master_key, county_id)
    async with database.tx(County(county_id)) as con:
        await con.fetchrow(COUNTIES["lock_county"], county_id)
        head = await con.fetchrow(LOG["read_head"], county_id)
        if head is None:
            return False
        state = msgspec.json.decode(head["board"], type=BoardState)
        if state.fold_version == FOLD_VERSION:
            return False
        history = await replay_log(con, county_id, keys)
        for batch in _batches(list(history.things.values())):
            payload = msgspec.json.encode(models(county_id, batch, {}, keys))
            await con.execute(REBUILD["write_models"], payload)
        fresh = BoardState(next_number=history.board.next_number, freed_at=history.board.freed_at)
        await con.execute(REBUILD["write_board_state"], county_id, msgspec.json.encode(fresh))
    return True


def _batches(changes: list[Change]) -> Iterator[list[Change]]:
    # Closed things first: a constraint on open ones must not meet their predecessors.
    source = iter(sorted(changes, key=lambda change: change.on_board))
    while batch := list(islice(source, _BATCH)):
        yield batch
