"""A call for help that the database doesn't take: the node's screens hear of it, and it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crisis.commands import RaiseDuress
from crisis.errors import Unavailable
from crisis.roles import Actor, Role
from crisis.states import Source
from dispatch.store.pool import Database
from tests.db.service_kit import ALAMEDA, Desk, create_county
from tests.db.test_outages import be_well, say
from tests.db.test_pulse import Eventually, Shifted, a_node

if TYPE_CHECKING:
    import asyncpg

    Admin = asyncpg.Connection[asyncpg.Record]


async def test_whom_it_is_about_is_told_to_all_who_may_act_and_it_is_written_by_itself(
    database: Database,
    admin: Admin,
    tmp_path: Path,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await create_county(database)
    async with a_node(database, tmp_path, Shifted()) as (node, _):
        desk = Desk(node.service)
        team_id = await desk.team("Blue 1")
        incident_id = await desk.determined()
        await desk.running(incident_id, team_id)
        told: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        monkeypatch.setattr(node.live, "push_alert", lambda *what, **how: told.append((what, how)))
        await say(admin, "53100")
        actor = Actor(user_id=None, roles=frozenset({Role.RESPONDER}), team_id=team_id)
        env = desk.envelope(RaiseDuress(), by=actor, source=Source.PHONE)
        with pytest.raises(Unavailable):
            await node.unwritten.take(env)
        number = desk.board.incidents[incident_id].number
        # Others may still be on their way to the screens.
        told = [one for one in told if one[0][2] == "help_not_recorded"]
        assert {what[3] for what, _ in told} == {number}
        assert {how["call_sign"] for _, how in told} == {"Blue 1"}
        assert {how["key"] for _, how in told} == {f"help {env.command_id}"}
        assert {what[1] for what, _ in told} >= {"role:dispatcher", "role:supervisor"}
        assert {what[0] for what, _ in told} == {ALAMEDA}
        await be_well(admin)
        await eventually(lambda: desk.board.duress)
        (alarm,) = desk.board.duress.values()
        assert alarm.team_id == team_id
