"""Background work that fails, and counties that can't be served: the rest of the node goes on."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crisis.commands import OpenIncident, RaiseDuress
from crisis.errors import Unavailable
from crisis.ids import CountyId
from dispatch.run.config import load
from dispatch.store.pool import Database
from tests.db.service_kit import ALAMEDA, Desk, create_county
from tests.unit.dispatch.board_kit import on_team
from web.node import Node, running

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

Eventually = Callable[..., Awaitable[None]]
KERN = CountyId(6029)
MASTER_KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Paper(io.StringIO):
    """A file that fails in a way that nobody foresaw, until it is mended."""

    is_broken = True

    def write(self, text: str) -> int:
        if self.is_broken:
            raise LookupError
        return super().write(text)


@asynccontextmanager
async def node_on(
    database: Database, folder: Path, *, alert_log: io.StringIO | None = None
) -> AsyncIterator[Node]:
    """A whole node, without HTTP, as the composition root makes it."""
    environment = {"CRISIS_DATA_DIR": str(folder), "CRISIS_MASTER_KEY": MASTER_KEY_TEXT}
    settings = load(environment, working_dir=folder)
    for county_id in (ALAMEDA, KERN):
        await create_county(database, county_id)
    async with running(settings, database, alert_log=alert_log) as node:
        yield node


async def test_an_adapter_that_fails_stops_neither_the_node_nor_the_notice_for_good(
    database: Database, tmp_path: Path, eventually: Eventually, admin: Admin
) -> None:
    paper = Paper()
    async with node_on(database, tmp_path, alert_log=paper) as node:
        desk = Desk(node.service)
        team = await desk.team()
        await desk.do(RaiseDuress(), by=on_team(team))
        await eventually(lambda: node.supervisor.health()["outbox"].failures >= 2)
        await desk.do(OpenIncident())
        assert node.supervisor.health()["tick"].failures == 0
        paper.is_broken = False
        # The pauses between its attempts are the outbox's own matter.
        await admin.execute("UPDATE outbox SET leased_until = NULL")
        node.outbox.wake()
        await eventually(lambda: "duress_raised" in paper.getvalue(), within_s=15.0)
        await eventually(lambda: node.problems == [])


async def test_a_county_with_an_unknown_event_leaves_readiness_and_the_others_go_on(
    database: Database,
    tmp_path: Path,
    eventually: Eventually,
    admin: Admin,
    broken_log: None,
) -> None:
    async with node_on(database, tmp_path) as node:
        await break_log(node, admin)
        # Found by the poll, without a command.
        await eventually(lambda: any(str(ALAMEDA) in one for one in node.problems))
        with pytest.raises(Unavailable) as refusal:
            await Desk(node.service).do(OpenIncident())
        assert refusal.value.code == "unknown_event"
        await Desk(node.service, KERN).do(OpenIncident())
        assert node.supervisor.health()["tick"].failures == 0


async def test_beside_a_county_that_is_blocked_the_others_are_followed_without_delay(
    database: Database,
    tmp_path: Path,
    eventually: Eventually,
    admin: Admin,
    broken_log: None,
) -> None:
    async with node_on(database, tmp_path) as node:
        await break_log(node, admin)
        await eventually(lambda: node.service.county(ALAMEDA).blocked)
        # As each poll asks; a failure here holds up every other county for longer each time.
        await node.following.follow(ALAMEDA)


async def break_log(node: Node, admin: Admin) -> None:
    """Let Alameda's log hold what only a newer program knows."""
    for county_id in (ALAMEDA, KERN):
        await Desk(node.service, county_id).do(OpenIncident())
    assert node.problems == []
    async with admin.transaction():
        await admin.execute(
            "INSERT INTO event_log SELECT (jsonb_populate_record(e, "
            '\'{"seq": 2, "type": "team_teleported", "body": {}}\')).* '
            "FROM event_log AS e WHERE county_id = $1 AND seq = 1",
            ALAMEDA,
        )
        await admin.execute(
            "UPDATE county_heads SET head_seq = 2, head_version = head_version + 1 "
            "WHERE county_id = $1",
            ALAMEDA,
        )
