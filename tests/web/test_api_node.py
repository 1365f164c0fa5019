"""The API on a node as it is really put together."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from crisis.roles import Role
from dispatch.run.config import load
from dispatch.store.identity import Grant
from dispatch.store.pool import Database
from tests.web.kit import ALAMEDA, MASTER_KEY, PASSWORD, Client, create_county, problem
from web.node import Node, running


@pytest.fixture
async def node(database: Database, tmp_path: Path) -> AsyncIterator[Node]:
    await create_county(database, ALAMEDA, "Alameda")
    key = b64encode(MASTER_KEY).decode()
    environ = {"CRISIS_DATA_DIR": str(tmp_path), "CRISIS_MASTER_KEY": key}
    settings = load(environ, working_dir=tmp_path)
    async with running(settings, database, ticking=False) as made:
        yield made


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(node.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_a_real_node_is_ready_signs_in_and_takes_commands(
    node: Node, http: httpx.AsyncClient
) -> None:
    assert (await http.get("/readyz")).json() == {"status": "ok", "problems": []}
    account_id = await node.accounts.create_account("ada", "Ada", password=PASSWORD)
    roles = frozenset({Role.DISPATCHER, Role.SUPERVISOR})
    await node.accounts.grant(account_id, Grant(county_id=ALAMEDA, roles=roles))
    signed_in = await http.post(
        "/api/v1/session", json={"username": "ada", "password": PASSWORD, "mode": "bearer"}
    )
    desk = Client(http, {"authorization": f"Bearer {signed_in.json()['token']}"})
    incident_id = (await desk.do("/incidents"))["incident_id"]
    [thing] = [t for t in (await desk.get("/board")).json()["up"] if t["k"] == "incident"]
    assert thing["id"] == incident_id
    await node.watchdog.look()
    metrics = (await http.get("/metrics")).text
    assert 'crisis_overlooked{county="6001"} 0.0' in metrics
    assert "crisis_fanout_sockets " in metrics
    assert 'crisis_background_failures_total{work="positions"} 0.0' in metrics


async def test_a_revoked_account_is_a_stranger_at_once_on_the_node_that_did_it(
    node: Node, http: httpx.AsyncClient
) -> None:
    account_id = await node.accounts.create_account("ada", "Ada", password=PASSWORD)
    await node.accounts.grant(
        account_id, Grant(county_id=ALAMEDA, roles=frozenset({Role.DISPATCHER}))
    )
    signed_in = await http.post(
        "/api/v1/session", json={"username": "ada", "password": PASSWORD, "mode": "bearer"}
    )
    desk = Client(http, {"authorization": f"Bearer {signed_in.json()['token']}"})
    await desk.do("/calls")
    await node.accounts.grant(account_id, Grant(county_id=ALAMEDA, roles=frozenset({Role.LEAD})))
    await node.registry.refresh()
    assert await desk.refused("/calls", 403) == "role"
    await node.accounts.disable(account_id)
    await node.registry.refresh()
    assert problem(await desk.post("/calls"), 401) == "session_expired"
