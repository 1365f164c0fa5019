"""A whole node behind its ASGI application, on a real database, and people who are signed in.

desk = await site.client(Role.DISPATCHER)
answer = await desk.do("/incidents", place={...})      # asserts 200, returns the result
problem = await desk.refused("/offers/…/accept", 409)  # asserts the status
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from crisis.clock import FakeClock, new_id
from crisis.ids import AgencyId, CountyId, ResponderId, TeamId
from crisis.roles import Role
from dispatch.store.identity import Grant
from dispatch.store.pool import County, Database
from dispatch.store.sql import load as load_sql
from web.api.routes import Parts
from web.app import build_app

ALAMEDA, KERN = CountyId(6001), CountyId(6029)
OAKLAND = {"lat_deg": 37.8044, "lon_deg": -122.2712}
PASSWORD = "correct horse battery"
MASTER_KEY = bytes(range(32))
AGENCY = AgencyId(UUID(int=7))


class Client:
    """Somebody signed in, or a token, or nobody."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str] | None = None) -> None:
        self.http = http
        self.headers = headers or {}

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """POST below the API's prefix; a new Idempotency-Key unless given ("" = none)."""
        sent = {**self.headers, **(headers or {})}
        if key != "":
            sent["idempotency-key"] = key or str(new_id())
        content = raw if raw is not None else msgspec.json.encode(body or {})
        return await self.http.post(f"/api/v1{path}", content=content, headers=sent)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """GET below the API's prefix."""
        return await self.http.get(f"/api/v1{path}", params=params, headers=self.headers)

    async def do(self, path: str, /, **body: Any) -> dict[str, Any]:
        """POST a command that must succeed and return its result."""
        response = await self.post(path, body)
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()["result"]
        return result

    async def refused(self, path: str, status: int, /, **body: Any) -> str:
        """POST a command that must be refused with ``status``, and return the code."""
        return problem(await self.post(path, body), status)


def problem(response: httpx.Response, status: int) -> str:
    """Assert that the response is a problem with ``status`` and return its code."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["title"] and body["detail"]
    code: str = body["code"]
    return code


class Site:
    """The node, its application, and what tests begin with."""

    def __init__(self, node: Parts, app: ASGIApp, clock: FakeClock) -> None:
        self.node = node
        self.app = app
        #: The counties' time and the host's, both.
        self.clock = clock
        self._numbers = iter(range(1_000_000))
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._answer, raise_app_exceptions=False),
            base_url="http://localhost",
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def change(self, **parts: Any) -> None:
        """Answer from now on with other parts of the node."""
        self.node = replace(self.node, **parts)
        self.app = build_app(self.node)

    async def account(self, *roles: Role, county: int = ALAMEDA, **grant: Any) -> str:
        """A new account with ``roles``; returns its username."""
        name = f"person-{next(self._numbers)}"
        accounts = self.node.accounts
        account_id = await accounts.create_account(name, name, password=PASSWORD)
        await accounts.grant(
            account_id, Grant(county_id=CountyId(county), roles=frozenset(roles), **grant)
        )
        return name

    async def sign_in(self, name: str) -> Client:
        """A device's session of the account."""
        response = await self.http.post(
            "/api/v1/session", json={"username": name, "password": PASSWORD, "mode": "bearer"}
        )
        assert response.status_code == 200, response.text
        return Client(self.http, {"authorization": f"Bearer {response.json()['token']}"})

    async def client(self, *roles: Role, county: int = ALAMEDA, **grant: Any) -> Client:
        """Somebody new with ``roles``, signed in."""
        return await self.sign_in(await self.account(*roles, county=county, **grant))

    async def token(self, *scopes: str, county: int = ALAMEDA) -> Client:
        """An integration's token."""
        accounts = self.node.accounts
        account_id = await accounts.create_account(
            f"integration-{next(self._numbers)}", "integration", kind="integration"
        )
        secret, _ = await accounts.issue_token(
            account_id,
            {CountyId(county): scopes},
            expires_at=self.clock.now() + timedelta(days=1),
        )
        return Client(self.http, {"authorization": f"Bearer {secret}"})

    async def team(self, boss: Client, call_sign: str = "Blue 1") -> tuple[TeamId, ResponderId]:
        """A team on shift with a valid crew, and its first responder."""
        result = await boss.do("/teams", agency_id=str(AGENCY), call_sign=call_sign, base=OAKLAND)
        team_id = result["team_id"]
        crew = [ResponderId(new_id()), ResponderId(new_id())]
        kinds: tuple[dict[str, Any], ...] = (
            {"provider_type": "lcsw", "can_assess": True, "is_lpha": True},
            {"provider_type": "peer_support_specialist"},
        )
        for responder_id, facts in zip(crew, kinds, strict=True):
            await boss.do(
                "/responders",
                responder={
                    "id": str(responder_id),
                    "agency_id": str(AGENCY),
                    "licence": {"number": "1"},
                    "core_trained_on": "2024-01-01",
                    "naloxone_trained": True,
                    **facts,
                },
                name="Kim Canary",
            )
        await boss.do(
            f"/teams/{team_id}/start-shift",
            ends_at=(self.clock.now() + timedelta(hours=10)).isoformat(),
            crew=[{"responder_id": str(r), "carries_naloxone": True} for r in crew],
        )
        return TeamId(UUID(team_id)), crew[0]

    async def determined(self, desk: Client, **fields: Any) -> str:
        """An incident that needs a team; returns its id."""
        place = {"point": OAKLAND, "location_type": "home"}
        result = await desk.do("/incidents", **{"place": place, **fields})
        incident_id: str = result["incident_id"]
        await desk.do(
            f"/incidents/{incident_id}/determination", decision="dispatch", acuity="urgent"
        )
        return incident_id


async def create_county(database: Database, county_id: int, name: str) -> None:
    """Start serving a county."""
    async with database.tx(County(county_id)) as con:
        await con.execute(
            load_sql("counties")["create_county"], county_id, name, "America/Los_Angeles", "urban"
        )
