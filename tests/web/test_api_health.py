"""Probes and metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from crisis.clock import MachineClock
from crisis.errors import Unavailable
from crisis.roles import Role
from dispatch.run.secret import Secret
from tests.web.kit import Site, problem


class _Shifted:
    """The host's clock, off by some seconds."""

    def __init__(self, off_s: float) -> None:
        self._off = timedelta(seconds=off_s)
        self._clock = MachineClock()

    def now(self) -> datetime:
        return self._clock.now() + self._off

    def monotonic(self) -> float:
        return self._clock.monotonic()


class _Gone:
    """A database that nobody reaches."""

    async def ping(self) -> datetime:
        raise Unavailable("database_connection_lost", "gone")


async def test_a_node_lives_without_asking_anybody(site: Site) -> None:
    site.change(database=_Gone())
    response = await site.http.get("/healthz")
    assert response.status_code == 200 and response.json()["status"] == "ok"


@pytest.mark.parametrize(("off_s", "status"), [(0.0, 200), (0.5, 200), (5.0, 503), (-5.0, 503)])
async def test_a_node_whose_clock_is_off_is_not_ready(
    site: Site, off_s: float, status: int
) -> None:
    site.change(machine=_Shifted(off_s))
    response = await site.http.get("/readyz")
    assert response.status_code == status, response.text
    assert bool(response.json()["problems"]) == (status == 503)


async def test_a_node_without_its_database_is_not_ready(site: Site) -> None:
    site.change(database=_Gone())
    response = await site.http.get("/readyz")
    assert response.status_code == 503
    assert "database: database_connection_lost" in response.json()["problems"]


async def test_metrics_count_commands_and_requests_and_name_nobody(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    await desk.do("/incidents", narrative="Kim Canary")
    text = (await site.http.get("/metrics")).text
    assert 'crisis_http_requests_total{operation="post_incidents",status="200"} 1.0' in text
    assert "crisis_service_commands_total" in text
    assert 'crisis_board_things{county="6001",kind="incidents"} 1.0' in text
    assert "crisis_positions_flushes_total" in text
    assert "Canary" not in text


async def test_metrics_are_for_this_machine(site: Site) -> None:
    def client(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(site.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async with client("203.0.113.9") as far:
        assert problem(await far.get("/metrics"), 403) == "metrics_token"
    forwarded = await site.http.get("/metrics", headers={"x-forwarded-for": "203.0.113.9"})
    assert problem(forwarded, 403) == "metrics_token"


async def test_a_metrics_token_opens_them_from_anywhere_and_is_needed_everywhere(
    site: Site,
) -> None:
    site.change(settings=replace(site.node.settings, metrics_token=Secret("letmein")))
    assert problem(await site.http.get("/metrics"), 403) == "metrics_token"
    for token, status in (("letmein", 200), ("letmeout", 403)):
        headers = {"authorization": f"Bearer {token}"}
        assert (await site.http.get("/metrics", headers=headers)).status_code == status
