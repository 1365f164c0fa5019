"""What impatient, offline and mistaken clients do, over HTTP: refused clearly, or done once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from crisis.assignment import Status
from crisis.clock import MachineClock, generator
from crisis.ids import IncidentId
from dispatch.store.log import CountyLog
from tests.db.service_kit import ALAMEDA, MASTER_KEY
from tests.e2e.clients import History, offer_of, opened
from tests.e2e.kit import Server, encoded, http_client, new_key, phone_name
from tests.web.kit import Client


async def test_of_300_dispatchers_who_offer_one_team_at_once_one_succeeds_and_all_are_answered(
    dsn: str, tmp_path: Path
) -> None:
    history = History()
    async with (
        Server.running(tmp_path / "one", dsn=dsn, teams=1) as server,
        http_client(server, most=300) as http,
    ):
        desks = [await server.sign_in("desk", http) for _ in range(3)]
        incidents = [await opened(history, desks[0], determined=True) for _ in range(10)]
        keys = [new_key() for _ in range(300)]

        async def offer(number: int) -> int:
            path = f"/incidents/{incidents[number % 10]}/offers"
            desk = desks[number % 3]
            response = await history.attempt(desk, path, encoded(offer_of(0)), keys[number])
            assert response is not None
            return response.status_code

        first = await asyncio.gather(*map(offer, range(300)))
        assert Counter(first) == {200: 1, 409: 299}
        # Sent again, the one that succeeded is told so, and no other one is.
        assert await asyncio.gather(*map(offer, range(300))) == first
        assert set(history.codes) <= {"team_has_open_offer", "team_not_eligible"}, history.codes
        async with server.database() as database:
            await history.check_stored(database)
        assert server.faults() == []


async def test_what_a_phone_kept_while_offline_arrives_twice_and_in_any_order_and_counts_once(
    dsn: str, tmp_path: Path
) -> None:
    draw, history = generator(3), History()
    async with (
        Server.running(tmp_path / "one", dsn=dsn, teams=1) as server,
        http_client(server) as http,
    ):
        desk = await server.sign_in("desk", http)
        phone = await server.sign_in(phone_name(0), http)
        now = MachineClock().now()
        for skew in (timedelta(0), timedelta(hours=5), timedelta(hours=-7)):
            run, incident = await _accepted(history, desk, phone)
            said = {
                name: now - timedelta(seconds=minus)
                for name, minus in (("en_route", 30), ("on_scene", 20), ("contact", 10))
            }
            queue = [
                (new_key(), {"status": name, "occurred_at": _text(at + skew)})
                for name, at in said.items()
            ] * 3
            draw.shuffle(queue)
            answers: dict[str, set[str]] = {}

            async def send(
                key: str,
                body: dict[str, Any],
                path: str = f"/assignments/{run}/status",
                off: timedelta = skew,
                answers: dict[str, set[str]] = answers,
            ) -> None:
                sent_at = _text(MachineClock().now() + off)
                response = await phone.post(path, {**body, "sent_at": sent_at}, key=key)
                history.statuses[response.status_code] += 1
                assert response.status_code == 200, response.text
                answers.setdefault(key, set()).add(response.text)

            for key, body in queue:
                await send(key, body)
            assert {len(texts) for texts in answers.values()} == {1}
            await history.send(
                phone,
                f"/assignments/{run}/clear",
                {"encounters": [{"disposition": "stabilized_safety_plan"}]},
            )
            await history.send(phone, f"/assignments/{run}/status", {"status": "ready"})
            await history.send(desk, f"/incidents/{incident}/close")
            async with server.database() as database:
                log = CountyLog(database, MASTER_KEY, ALAMEDA)
                found = await log.incident(IncidentId(UUID(incident)))
            assert found is not None
            (assignment,) = found.assignments
            for name, at in said.items():
                milestone = assignment.milestones[Status(name)]
                # Never before the acceptance, which came just now.
                assert abs(milestone - at) < timedelta(seconds=35), (skew, name)
            assert assignment.state is Status.READY
        assert server.faults() == []


async def test_one_key_with_two_bodies_is_refused_and_the_first_one_stands(
    dsn: str, tmp_path: Path
) -> None:
    history = History()
    async with (
        Server.running(tmp_path / "one", dsn=dsn, teams=0) as server,
        http_client(server) as http,
    ):
        desk = await server.sign_in("desk", http)
        key = new_key()
        bodies = [{"referral_source": source} for source in ("self", "family_friend")]
        both = await asyncio.gather(
            *(desk.post("/incidents", body, key=key) for body in bodies * 10)
        )
        assert Counter(r.status_code for r in both) == {200: 10, 422: 10}, [r.text for r in both]
        refused = {r.json()["code"] for r in both if r.status_code == 422}
        assert refused == {"idempotency_key_reused"}
        assert len({r.text for r in both if r.status_code == 200}) == 1
        board = (await desk.get("/board")).json()
        assert sum(one["k"] == "incident" for one in board["up"]) == 1, board
        assert history.statuses == Counter()


async def _accepted(history: History, desk: Client, phone: Client) -> tuple[str, str]:
    incident = await opened(history, desk, determined=True)
    offer = await history.send(desk, f"/incidents/{incident}/offers", offer_of(0))
    taken = await history.send(phone, f"/offers/{offer['offer_id']}/accept")
    run: str = taken["assignment_id"]
    await history.send(phone, f"/assignments/{run}/hazards", {"version": 1})
    return run, incident


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
