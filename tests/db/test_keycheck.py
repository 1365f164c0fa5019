"""A master key is tried on what was sealed before anything else is."""

from __future__ import annotations

import base64
from pathlib import Path

import asyncpg
import pytest

from crisis.clock import FakeClock, MachineClock
from crisis.commands import OpenIncident, PlaceInput
from crisis.errors import Unavailable
from dispatch.run.config import Settings, load
from dispatch.run.keycheck import check_master_key
from dispatch.run.service import Service
from dispatch.store.pool import Database
from tests.db.service_kit import MASTER_KEY, Desk, create_county
from tests.unit.dispatch.board_kit import OAKLAND

PLACED = OpenIncident(place=PlaceInput(point=OAKLAND, location_type="home"))


def _settings(key: bytes) -> Settings:
    return load({"CRISIS_MASTER_KEY": base64.b64encode(key).decode()}, working_dir=Path("/"))


@pytest.mark.usefixtures("broken_log")
async def test_only_a_key_that_opens_nothing_is_refused(
    database: Database, clock: FakeClock, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await create_county(database)
    right, wrong = _settings(MASTER_KEY), _settings(bytes(32))
    assert not await check_master_key(wrong, database)
    async with Service(database, clock, MachineClock(), MASTER_KEY) as service:
        for _ in range(3):
            await Desk(service).do(PLACED)
    assert await check_master_key(right, database)
    with pytest.raises(Unavailable, match="isn't the one") as refused:
        await check_master_key(wrong, database)
    assert refused.value.code == "wrong_key"

    # One damaged row must not keep a county's service from starting.
    damaged = "UPDATE incident_keys SET wrapped = set_byte(wrapped, 20, 1 # get_byte(wrapped, 20))"
    first = " WHERE incident_id = (SELECT incident_id FROM incident_keys ORDER BY 1 LIMIT 1)"
    await admin.execute(damaged + first)
    assert await check_master_key(right, database)
