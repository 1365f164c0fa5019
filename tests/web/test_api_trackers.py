"""Tracking apps over HTTP: never sent away with what they can't mend, and heard when they call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.clock import new_id
from crisis.ids import ShiftId, TeamId
from crisis.roles import Role
from tests.web.kit import ALAMEDA, Client, Site, problem

HERE = {"lat": 37.8, "lon": -122.27}


async def _crew(site: Site) -> tuple[TeamId, Client, Client]:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    site.clock.advance(60)
    return team_id, await site.client(Role.RESPONDER, responder_id=responder_id), boss


def _unix(site: Site, ago_s: float = 0) -> int:
    return int(site.clock.now().timestamp() - ago_s)


def _alarms(site: Site) -> list[Any]:
    return list(site.node.service.county(ALAMEDA).board.duress.values())


async def _over(boss: Client, site: Site) -> Any:
    """The one open alarm, taken in hand and resolved."""
    (alarm,) = _alarms(site)
    await boss.do(f"/duress/{alarm.id}/acknowledge")
    await boss.do(f"/duress/{alarm.id}/resolve", reason="safe")
    return alarm


async def _counts(site: Site) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in await site.node.trackers.counts(ALAMEDA):
        found[one.reason] = found.get(one.reason, 0) + one.times
    return found


@pytest.mark.parametrize("app", ["osmand", "traccar", "owntracks"])
async def test_what_an_app_cannot_mend_is_accepted_and_counted(site: Site, app: str) -> None:
    _, phone, _ = await _crew(site)
    for raw in (b"{", b"[]", b"\xff", b"7", b'{"_type": "encrypted"}', b'{"_type":"location"}'):
        response = await phone.post(f"/trackers/{app}", raw=raw)
        assert (response.status_code, response.json()) == (200, [])
    for params in ({}, {"lat": "x", "lon": "1"}, {"valid": "false"}, {"cell": "310,260"}):
        assert (await phone.get(f"/trackers/{app}", **params)).status_code == 200
    counted = await _counts(site)
    assert counted["post"] == 10
    assert counted["unreadable"] == 5 and counted["encrypted"] == 1
    assert counted["no_place"] == 3 and counted["bad_place"] == 1


async def test_good_samples_stay_where_others_are_bad_and_of_too_many_the_newest(
    site: Site,
) -> None:
    team_id, phone, _ = await _crew(site)
    now = site.clock.now()
    locations = [
        {
            "timestamp": (now - timedelta(milliseconds=20 * n)).isoformat(),
            "coords": {"latitude": 37.8 if n % 3 else "north", "longitude": -122.27},
        }
        for n in range(1_800)
    ]
    response = await phone.post("/trackers/traccar", {"location": locations})
    assert response.status_code == 200
    counted = await _counts(site)
    assert (counted["bad_place"], counted["fix"], counted["too_many"]) == (600, 1_000, 200)
    newest = site.node.positions.latest(ALAMEDA)[team_id]
    assert newest.fixed_at == now - timedelta(milliseconds=20)


def _overland(site: Site, rows: int) -> dict[str, Any]:
    now = site.clock.now()
    return {
        "locations": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [-122.27, 37.8]},
                "properties": {
                    "timestamp": (now - timedelta(milliseconds=10 * n)).isoformat(),
                    "battery_level": 0.5,
                    "wifi": "a network of a long name " * 8,
                },
            }
            for n in range(rows)
        ]
    }


async def test_overland_is_told_in_its_own_words_that_all_is_well(site: Site) -> None:
    team_id, phone, boss = await _crew(site)
    path = await _address(phone, team_id)
    nobody = Client(site.http)
    for raw in (b'{"locations": []}', b'{"locations": [{"type": "Fe', None):
        for at, who in (("/trackers/traccar", phone), (path, nobody)):
            sent = await who.post(at, _overland(site, 2), raw=raw)
            assert (sent.status_code, sent.json()) == (200, {"result": "ok"})
    by_name = await phone.post("/trackers/overland", raw=b"\xff")
    by_agent = await nobody.post(path, raw=b"\xff", headers={"user-agent": "Overland/1.3.0 iOS"})
    assert by_name.json() == by_agent.json() == {"result": "ok"}
    # Off shift too: it would send all of it again before the next shift's first.
    await boss.do(f"/shifts/{site.node.service.county(ALAMEDA).board.teams[team_id].shift_id}/end")
    for at, who in (("/trackers/overland", phone), (path, nobody)):
        sent = await who.post(at, _overland(site, 1))
        assert (sent.status_code, sent.json()) == (200, {"result": "ok"})
    counted = await _counts(site)
    assert (counted["no_team"], counted["off_shift"]) == (1, 1)


async def test_no_post_is_too_long_to_be_done_with(site: Site) -> None:
    team_id, phone, _ = await _crew(site)
    path = await _address(phone, team_id)
    sent = await Client(site.http).post(path, _overland(site, 5_000))
    assert (sent.status_code, sent.json()) == (200, {"result": "ok"})
    counted = await _counts(site)
    assert (counted["fix"], counted["too_many"]) == (1_000, 4_000)
    assert site.node.positions.latest(ALAMEDA)[team_id].fixed_at == site.clock.now()
    for at in (path, "/trackers/osmand", f"/teams/{team_id}/trackers/osmand"):
        sent = await phone.post(at, raw=b"x" * (9 * 1024 * 1024))
        assert (sent.status_code, sent.json()) == (200, [])
    assert (await _counts(site))["unreadable"] == 3


@pytest.mark.parametrize(
    "query",
    [
        "lat=37.8&lon=-122.27&note=%00",
        "lat=37.8&lon=-122.27&lat=37.8",
        "lat=37.8&lon=-122.27&address=" + "x" * 6_000,
        "lat=37.8&lon=-122.27&" + "&".join(f"io{n}={n}" for n in range(90)),
        "lat=37.8&lon=-122.27&name=%ff%fe",
    ],
)
async def test_no_query_is_refused_that_an_app_cannot_mend(site: Site, query: str) -> None:
    team_id, phone, _ = await _crew(site)
    path = await _address(phone, team_id)
    for at in (path, "/trackers/osmand"):
        sent = await site.http.get(f"/api/v1{at}?{query}", headers=phone.headers)
        assert sent.status_code == 200, sent.text
    assert (await _counts(site))["fix"] >= 1


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer nonsense"},
        {"content-type": "text/html"},
    ],
)
async def test_a_shifts_address_stands_for_itself_whatever_else_is_sent(
    site: Site, headers: dict[str, str]
) -> None:
    team_id, phone, _ = await _crew(site)
    path = await _address(phone, team_id)
    sent = await Client(site.http).post(path, _overland(site, 1), headers=headers)
    assert sent.status_code == 200, sent.text


async def test_a_tracker_with_a_wrong_clock_is_told_and_shows_where_it_is(site: Site) -> None:
    team_id, phone, _ = await _crew(site)
    await phone.get("/trackers/osmand", **HERE, timestamp=_unix(site, 40 * 86_400))
    assert (await _counts(site))["wrong_clock"] == 1
    assert site.node.positions.latest(ALAMEDA)[team_id].fixed_at == site.clock.now()


async def test_a_ping_renews_where_a_parked_team_was(site: Site) -> None:
    team_id, phone, _ = await _crew(site)
    place = {"_type": "location", **HERE, "tst": _unix(site, 30)}
    await phone.post("/trackers/owntracks", place)
    site.clock.advance(1_200)
    await phone.post("/trackers/owntracks", {**place, "t": "p", "created_at": _unix(site, 5)})
    latest = site.node.positions.latest(ALAMEDA)[team_id]
    assert latest.fixed_at == site.clock.now() - timedelta(seconds=5)
    assert latest.speed_mps == 0
    # Where something newer says that it moved, the old place is not renewed.
    site.clock.advance(300)
    away = {"_type": "location", "lat": 37.81, "lon": -122.27, "tst": _unix(site, 2)}
    await phone.post("/trackers/owntracks", away)
    await phone.post("/trackers/owntracks", {**place, "t": "p", "created_at": _unix(site)})
    assert site.node.positions.latest(ALAMEDA)[team_id].point.lat_deg == 37.81


# Calls for help


def _sos(form: str, at: int) -> tuple[str, dict[str, Any], Any]:
    """App, query and body of a call for help in one of the forms."""
    location = {"timestamp": at, "coords": {"latitude": 37.8, "longitude": -122.27}}
    position = {"latitude": 37.8, "longitude": -122.27, "fixTime": at}
    event = {"type": "alarm", "attributes": {"alarm": "sos"}, "eventTime": at}
    forms: dict[str, tuple[str, dict[str, Any], Any]] = {
        "osmand": ("osmand", {**HERE, "timestamp": at, "alarm": "sos"}, None),
        "client": ("osmand", {}, {"location": {**location, "extras": {"alarm": "sos"}}}),
        "server": ("traccar", {}, {"position": {**position, "attributes": {"alarm": "sos"}}}),
        "event": ("traccar", {}, {"event": event}),
        "owntracks": ("owntracks", {}, {"_type": "location", **HERE, "tst": at, "alarm": "sos"}),
    }
    return forms[form]


async def _send(who: Client, form: str, at: int) -> None:
    app, params, body = _sos(form, at)
    path = f"/trackers/{app}"
    sent = await (who.get(path, **params) if body is None else who.post(path, body))
    assert sent.status_code == 200, sent.text


@pytest.mark.parametrize("form", ["osmand", "client", "server", "event", "owntracks"])
async def test_an_sos_raises_duress_once_and_a_new_one_anew(site: Site, form: str) -> None:
    team_id, phone, boss = await _crew(site)
    first = _unix(site, 3)
    for _ in range(3):
        await _send(phone, form, first)
    (alarm,) = _alarms(site)
    assert (alarm.team_id, alarm.cause) == (team_id, "tracker")
    await _over(boss, site)
    # The app sends the old one again: that is over.
    await _send(phone, form, first)
    assert _alarms(site) == []
    site.clock.advance(30)
    await _send(phone, form, _unix(site))
    (again,) = _alarms(site)
    assert again.id != alarm.id


async def test_an_sos_is_heard_from_a_token_and_from_who_is_on_no_team(site: Site) -> None:
    team_id, _, boss = await _crew(site)
    tracker = await site.token("fixes")
    assert (await tracker.get(f"/teams/{team_id}/trackers/osmand", alarm="sos")).status_code == 200
    assert (await _over(boss, site)).team_id == team_id
    site.clock.advance(1_200)
    refused = await tracker.get("/trackers/osmand", alarm="sos")
    assert problem(refused, 409) == "no_team"
    assert len(_alarms(site)) == 1, "the answer says no to the position, never to the call"


async def test_an_sos_is_heard_though_the_session_is_over(site: Site) -> None:
    _, phone, _ = await _crew(site)
    await site.http.delete("/api/v1/session", headers=phone.headers)
    refused = await phone.get("/trackers/osmand", **HERE, alarm="sos")
    assert problem(refused, 401) == "session_expired"
    assert len(_alarms(site)) == 1
    assert problem(await phone.get("/trackers/osmand", **HERE), 401) == "session_expired"


@pytest.mark.parametrize("word", ["lowBattery", "tampering", "powerCut"])
async def test_other_alarms_ring_nowhere_and_are_counted(site: Site, word: str) -> None:
    _, phone, _ = await _crew(site)
    await phone.get("/trackers/osmand", **HERE, alarm=word)
    assert _alarms(site) == []
    assert (await _counts(site))["other_alarm"] == 1


# The shift's own address


async def _address(who: Client, team_id: TeamId) -> str:
    found = await who.get(f"/teams/{team_id}/tracker")
    assert found.status_code == 200, found.text
    path: str = found.json()["path"]
    return path.removeprefix("/api/v1")


async def test_a_shift_has_an_address_that_tracks_its_team_without_a_password(site: Site) -> None:
    team_id, phone, boss = await _crew(site)
    path = await _address(phone, team_id)
    nobody = Client(site.http)
    response = await nobody.get(path, id="123456", **HERE, timestamp=_unix(site))
    assert (response.status_code, response.json()) == (200, [])
    assert site.node.positions.latest(ALAMEDA)[team_id].source == "tracker"
    await nobody.post(path, {"device_id": "1", "location": {"coords": {}, "event": "heartbeat"}})
    assert (await _counts(site))["no_place"] == 1
    await nobody.get(path, **HERE, alarm="sos", timestamp=_unix(site))
    assert (await _over(boss, site)).team_id == team_id

    # It ends with the shift: what still comes is dropped and counted, and sent no more.
    shift_id = site.node.service.county(ALAMEDA).board.teams[team_id].shift_id
    await boss.do(f"/shifts/{shift_id}/end")
    assert (await nobody.get(path, **HERE)).status_code == 200
    assert (await _counts(site))["off_shift"] == 1
    # But a call for help is one.
    site.clock.advance(60)
    await nobody.get(path, alarm="sos", timestamp=_unix(site))
    assert [one.team_id for one in _alarms(site)] == [team_id]


async def test_nobody_guesses_an_address_or_reads_another_teams(site: Site) -> None:
    team_id, phone, _ = await _crew(site)
    path = await _address(phone, team_id)
    nobody = Client(site.http)
    word = path.rpartition("/")[2]
    other = "a" if word[20] != "a" else "b"
    for wrong in (word[:20] + other + word[21:], "x", "0" * 45, word[1:]):
        assert problem(await nobody.get(f"/track/{wrong}", **HERE), 404) == "unknown_path"
    stranger = await site.client(Role.DISPATCHER)
    assert problem(await stranger.get(f"/teams/{team_id}/tracker"), 403) == "not_your_team"


async def test_the_word_of_an_address_is_its_shifts_alone(site: Site) -> None:
    addresses = site.node.service.addresses
    one, other = ShiftId(new_id()), ShiftId(new_id())
    assert addresses.read(addresses.of(ALAMEDA, one)) == (ALAMEDA, one)
    assert addresses.of(ALAMEDA, one) != addresses.of(ALAMEDA, other)
    assert len(addresses.of(ALAMEDA, one)) == 45
