"""Positions over HTTP: on disk before the answer, and only of one's own team."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest

from crisis.clock import new_id
from crisis.ids import TeamId
from crisis.roles import Role
from dispatch.store.administration import add_agency
from dispatch.store.identity import Grant
from tests.web.kit import AGENCY, ALAMEDA, OAKLAND, Client, Site, problem

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]


async def _crew(site: Site) -> tuple[TeamId, Client]:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    site.clock.advance(60)
    return team_id, await site.client(Role.RESPONDER, responder_id=responder_id)


def _fix(site: Site, ago_s: float = 1, **more: Any) -> dict[str, Any]:
    at = site.clock.now() - timedelta(seconds=ago_s)
    return {"point": OAKLAND, "fixed_at": at.isoformat(), **more}


async def _stored(admin: Admin, team_id: TeamId) -> int:
    count: int = await admin.fetchval("SELECT count(*) FROM fixes WHERE team_id = $1", team_id)
    return count


async def test_a_fix_is_on_disk_when_it_is_answered(site: Site, admin: Admin) -> None:
    team_id, phone = await _crew(site)
    response = await phone.post(f"/teams/{team_id}/fixes", _fix(site, accuracy_m=8))
    assert response.status_code == 204, response.text
    assert await _stored(admin, team_id) == 1
    latest = site.node.positions.latest(ALAMEDA)[team_id]
    assert latest.source == "phone" and latest.accuracy_m == 8
    [row] = (await phone.get("/teams")).json()["teams"]
    assert row["fix"]["point"] == OAKLAND


async def test_many_fixes_go_in_one_post_and_repeats_are_harmless(site: Site, admin: Admin) -> None:
    team_id, phone = await _crew(site)
    fixes = [_fix(site, ago_s=ago) for ago in range(30, 0, -1)]
    for _ in range(2):
        response = await phone.post(f"/teams/{team_id}/fixes", fixes)
        assert response.status_code in {200, 204}
    assert await _stored(admin, team_id) == 30


async def test_what_was_not_kept_is_told(site: Site) -> None:
    team_id, phone = await _crew(site)
    fixes = [_fix(site), _fix(site, ago_s=-3_600), _fix(site, ago_s=7_200)]
    outcome = (await phone.post(f"/teams/{team_id}/fixes", fixes)).json()
    assert outcome["kept"] == 1 and outcome["off_shift"] == 1
    assert [r["reasons"] for r in outcome["rejected"]] == [["future"]]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"point": {"lat_deg": 91, "lon_deg": 0}, "fixed_at": "2026-03-02T08:00:00Z"}',
        b'{"point": {"lat_deg": NaN, "lon_deg": 0}, "fixed_at": "2026-03-02T08:00:00Z"}',
        b'{"point": {"lat_deg": 1, "lon_deg": 0}, "fixed_at": "2026-03-02T08:00:00"}',
        b'{"point": {"lat_deg": 1, "lon_deg": 0}}',
        b"[" + b",".join([b"{}"] * 1_001) + b"]",
        b"7",
    ],
)
async def test_fixes_that_can_not_be_read_are_refused(site: Site, raw: bytes) -> None:
    team_id, phone = await _crew(site)
    assert problem(await phone.post(f"/teams/{team_id}/fixes", raw=raw), 422) == "bad_body"
    assert team_id not in site.node.positions.latest(ALAMEDA)


async def test_nobody_speaks_for_another_team(site: Site) -> None:
    team_id, _ = await _crew(site)
    stranger = await site.client(Role.RESPONDER, responder_id=new_id())
    refused = problem(await stranger.post(f"/teams/{team_id}/fixes", _fix(site)), 403)
    assert refused == "not_your_team"
    desk = await site.client(Role.DISPATCHER)
    assert (await desk.post(f"/teams/{team_id}/fixes", _fix(site))).status_code == 204
    assert site.node.positions.latest(ALAMEDA)[team_id].source == "desk"
    unknown = await desk.post(f"/teams/{new_id()}/fixes", _fix(site))
    assert problem(unknown, 404) == "unknown_team"


async def test_who_may_send_no_longer_is_refused_at_the_next_post(site: Site) -> None:
    """Who sends is found out once; whatever it depends on must make it be found out again."""
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    site.clock.advance(60)
    crew = await site.account(Role.RESPONDER, responder_id=responder_id)
    phone, leaving = await site.sign_in(crew), await site.sign_in(crew)
    theirs = await add_agency(site.node.database, ALAMEDA, "Open Door")
    standing = {"team_id": str(team_id), "call_sign": "Blue 1"}
    await boss.do("/teams", agency_id=str(theirs), **standing)
    desk = await site.client(Role.DISPATCHER, agency_id=theirs)
    name = await site.account(Role.DISPATCHER)
    demoted = await site.sign_in(name)
    account_id = (await demoted.get("/session")).json()["account_id"]
    path, ago = f"/teams/{team_id}/fixes", iter(range(50, 0, -1))

    async def sent(who: Client) -> httpx.Response:
        return await who.post(path, _fix(site, ago_s=next(ago)))

    for who in (phone, leaving, desk, demoted) * 2:
        assert (await sent(who)).status_code in {200, 204}

    await site.http.delete("/api/v1/session", headers=leaving.headers)
    assert problem(await sent(leaving), 401) == "session_expired"

    follower = Grant(county_id=ALAMEDA, roles=frozenset({Role.FOLLOW_UP_WORKER}))
    await site.node.accounts.grant(account_id, follower)
    # Whoever signs out makes the node look up what changed.
    await site.http.delete("/api/v1/session", headers=(await site.client(Role.LEAD)).headers)
    assert problem(await sent(demoted), 403) == "not_your_team"

    await boss.do("/teams", agency_id=str(AGENCY), **standing)
    assert problem(await sent(desk), 403) == "not_your_team"
    assert (await sent(phone)).status_code in {200, 204}

    shift_id = site.node.service.county(ALAMEDA).board.teams[team_id].shift_id
    await boss.do(f"/shifts/{shift_id}/end")
    assert problem(await sent(phone), 403) == "not_your_team"
    assert (await sent(boss)).json()["off_shift"] == 1


async def test_tracking_apps_post_in_their_own_forms(site: Site) -> None:
    team_id, phone = await _crew(site)
    seconds = int(site.clock.now().timestamp())

    def latest() -> Any:
        return site.node.positions.latest(ALAMEDA)[team_id]

    osmand = {"lat": 37.8, "lon": -122.27, "timestamp": seconds - 30, "speed": 10, "batt": 50}
    response = await phone.get("/trackers/osmand", **osmand)
    assert response.status_code == 200, response.text
    assert latest().speed_mps == pytest.approx(5.144, abs=0.001)
    assert latest().source == "tracker"
    owntracks = {"_type": "location", "lat": 37.8, "lon": -122.27, "tst": seconds - 20, "vel": 36}
    response = await phone.post("/trackers/owntracks", owntracks)
    assert response.json() == []
    assert latest().speed_mps == pytest.approx(10)
    traccar = {
        "device_id": "d",
        "location": {
            "timestamp": (site.clock.now() - timedelta(seconds=10)).isoformat(),
            "coords": {"latitude": 37.8, "longitude": -122.27, "speed": 7},
        },
    }
    response = await phone.post(f"/teams/{team_id}/trackers/traccar", traccar)
    assert response.status_code == 200
    assert latest().speed_mps == 7


async def test_a_device_token_tracks_the_team_that_its_address_names(site: Site) -> None:
    team_id, _ = await _crew(site)
    tracker = await site.token("fixes")
    params = {"lat": 37.8, "lon": -122.27}
    response = await tracker.get(f"/teams/{team_id}/trackers/osmand", **params)
    assert response.status_code == 200, response.text
    assert problem(await tracker.get("/trackers/osmand", **params), 409) == "no_team"
    other = await site.token("view:board")
    response = await other.get(f"/teams/{team_id}/trackers/osmand", **params)
    assert problem(response, 403) == "out_of_scope"


async def test_one_bad_sample_of_a_phone_takes_no_good_one_along(site: Site, admin: Admin) -> None:
    team_id, phone = await _crew(site)
    bad = {"point": {"lat_deg": 91, "lon_deg": 0}, "fixed_at": _fix(site)["fixed_at"]}
    sent = [_fix(site, ago_s=3), bad, _fix(site, ago_s=2), {}, _fix(site, ago_s=1)]
    outcome = (await phone.post(f"/teams/{team_id}/fixes", sent)).json()
    assert (outcome["kept"], outcome["unread"]) == (3, 2)
    assert await _stored(admin, team_id) == 3


async def test_of_too_many_samples_of_a_phone_the_newest_stay(site: Site) -> None:
    team_id, phone = await _crew(site)
    now = site.clock.now()
    fixes = [
        {"point": OAKLAND, "fixed_at": (now - timedelta(milliseconds=20 * n)).isoformat()}
        for n in range(1_100)
    ]
    outcome = (await phone.post(f"/teams/{team_id}/fixes", fixes)).json()
    assert (outcome["kept"], outcome["unread"]) == (1_000, 100)
    assert site.node.positions.latest(ALAMEDA)[team_id].fixed_at == now


async def test_a_browser_that_counts_from_another_epoch_is_not_silenced(site: Site) -> None:
    team_id, phone = await _crew(site)
    response = await phone.post(f"/teams/{team_id}/fixes", _fix(site, ago_s=978_307_200 + 5))
    assert response.status_code == 204, response.text
    latest = site.node.positions.latest(ALAMEDA)[team_id]
    assert latest.fixed_at == site.clock.now() - timedelta(seconds=5)
    odd = _fix(site) | {"fixed_at": "9999-03-02T08:00:00Z"}
    outcome = (await phone.post(f"/teams/{team_id}/fixes", odd)).json()
    assert outcome["rejected"][0]["reasons"] == ["future"]
