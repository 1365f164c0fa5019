"""What must not go wrong over HTTP: foreign ids, repeats, races, nonsense, and who may do what."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from crisis.clock import new_id
from crisis.roles import SYSTEM, Role
from dispatch.store.identity import Grant
from tests.web.kit import AGENCY, ALAMEDA, KERN, Client, Site, problem
from web.api.routes import Operation
from web.app import table_of

COMMANDS = [o for o in table_of() if o.command is not None]


def _path(operation: Operation) -> str:
    """The operation's path with ids that nothing has."""
    path = operation.path
    for name in operation.ids:
        path = path.replace(f"{{{name}}}", "1" if name == "slot" else str(uuid4()))
    return path


def _filled(operation: Operation) -> dict[str, Any]:
    """A body that decodes: each required field with a value of its type, ids unknown."""
    assert operation.command is not None
    ours: dict[str, Any] = {
        "status": "en_route",
        "decision": "dispatch",
        "acuity": "urgent",
        "instant": None,
        "kind": "ems",
        "duty": "available",
        "side": "us",
        "version": 1,
        "crew": [],
        "call_sign": "Nobody 9",
        "agency_id": str(AGENCY),
        "to": "other",
        "encounter": {"disposition": "stabilized_safety_plan"},
        "responder": {
            "id": str(uuid4()),
            "agency_id": str(AGENCY),
            "provider_type": "lcsw",
        },
        "starts_at": "2026-03-03T08:00:00Z",
        "ends_at": "2026-03-03T18:00:00Z",
        "due_at": "2026-03-03T18:00:00Z",
    }
    special: dict[str, dict[str, Any]] = {
        "HandOver": {"to": str(uuid4())},
        "CreateObligation": {"kind": "mandated_report"},
    }
    body: dict[str, Any] = {}
    for field in msgspec.structs.fields(operation.command.shape):
        if not field.required:
            continue
        name = field.encode_name
        if name in special.get(operation.command.command.__name__, {}):
            body[name] = special[operation.command.command.__name__][name]
        elif name in ours:
            body[name] = ours[name]
        elif name.endswith("_id") or name in {"into", "other", "owner"}:
            body[name] = str(uuid4())
        else:
            body[name] = "other"
    return body


EVERYONE = [role for role in Role if role not in SYSTEM | {Role.INTEGRATION}]


async def test_no_command_about_unknown_ids_fails_inside(site: Site) -> None:
    """Every operation, by somebody who may do everything: refused by name or done, never 500."""
    boss = await site.client(*EVERYONE, responder_id=new_id())
    for operation in COMMANDS:
        response = await boss.post(_path(operation), _filled(operation))
        assert response.status_code in {200, 404, 409, 422}, (operation.path, response.text)
        if operation.ids:
            assert response.status_code in {404, 422}, (operation.path, response.text)


async def test_no_path_but_the_public_ones_answers_strangers(site: Site) -> None:
    stranger = Client(site.http)
    for operation in table_of():
        if operation.is_public:
            continue
        response = await site.http.request(operation.method, "/api/v1" + _path(operation))
        assert problem(response, 401) == "not_signed_in", operation.path
        assert response.headers["www-authenticate"] == "Bearer"
    assert problem(await stranger.post("/calls"), 401) == "not_signed_in"


async def test_made_up_and_ended_sessions_are_strangers(site: Site) -> None:
    for secret in ("crisis_x", "x" * 500, ""):
        made_up = Client(site.http, {"authorization": f"Bearer {secret}"})
        assert problem(await made_up.get("/board"), 401) == "not_signed_in"
    desk = await site.client(Role.DISPATCHER)
    assert (await desk.get("/board")).status_code == 200
    response = await site.http.delete("/api/v1/session", headers=desk.headers)
    assert response.status_code == 204
    problem(await desk.get("/board"), 401)


async def test_ids_of_another_county_are_unknown_here(site: Site) -> None:
    here = await site.client(Role.SUPERVISOR, Role.ADMIN)
    there = await site.client(Role.SUPERVISOR, Role.ADMIN, county=KERN)
    team_id, _ = await site.team(there)
    incident_id = await site.determined(there)
    offer = await there.do(f"/incidents/{incident_id}/offers", team_id=str(team_id))
    mine = await site.determined(here)
    refused = here.refused
    assert await refused(f"/incidents/{incident_id}/amend", 404) == "unknown_incident"
    assert await refused(f"/offers/{offer['offer_id']}/withdraw", 404) == "unknown_offer"
    merged = await refused(f"/incidents/{mine}/merge", 404, into=incident_id)
    assert merged == "unknown_incident"
    foreign = await refused(f"/incidents/{mine}/offers", 404, team_id=str(team_id))
    assert foreign == "unknown_team"
    for path in ("", "/timeline", "/records", "/recommendations"):
        why = {} if path == "/recommendations" else {"purpose": "audit"}
        response = await here.get(f"/incidents/{incident_id}{path}", **why)
        assert problem(response, 404) == "unknown_incident"


async def test_nobody_acts_in_a_county_where_they_are_nobody(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    for headers in ({"x-county": str(KERN)}, {"x-county": "6999"}):
        response = await desk.post("/calls", headers=headers)
        assert problem(response, 403) == "not_your_county"
    response = await desk.get("/board", county=KERN)
    assert problem(response, 403) == "not_your_county"


@pytest.mark.parametrize("county", ["alameda", "-6001", "6001.0", "", "٦٠٠١", "9" * 30])
async def test_a_county_that_is_no_code_is_refused(site: Site, county: str) -> None:
    desk = await site.client(Role.DISPATCHER)
    assert problem(await desk.get("/board", county=county), 422) == "county_bad"


async def test_who_has_two_counties_names_one(site: Site) -> None:
    name = await site.account(Role.DISPATCHER)
    accounts = site.node.accounts
    await accounts.grant(
        await accounts.account_named(name), Grant(county_id=KERN, roles=frozenset({Role.LEAD}))
    )
    both = await site.sign_in(name)
    response = await both.post("/calls")
    assert problem(response, 422) == "county_missing"
    assert response.json()["facts"]["counties"] == [ALAMEDA, KERN]
    for headers, status in (({"x-county": str(ALAMEDA)}, 200), ({"x-county": str(KERN)}, 403)):
        assert (await both.post("/calls", headers=headers)).status_code == status


async def test_the_same_command_again_gets_the_same_answer(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    key = str(new_id())
    first = await desk.post("/incidents", {"narrative": "x"}, key=key)
    seq = site.node.service.county(ALAMEDA).board.seq
    again = await desk.post("/incidents", {"narrative": "x"}, key=key)
    assert again.content == first.content
    assert site.node.service.county(ALAMEDA).board.seq == seq


async def test_a_phone_that_sends_again_may_say_so(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    key, at = str(new_id()), site.clock.now().isoformat()
    first = await desk.post("/incidents", {"occurred_at": at, "sent_at": at}, key=key)
    later = site.clock.advance(30).isoformat()
    again = await desk.post("/incidents", {"occurred_at": at, "sent_at": later}, key=key)
    assert again.status_code == 200 and again.content == first.content


async def test_one_key_with_two_bodies_is_refused(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    key = str(new_id())
    await desk.post("/incidents", {"narrative": "x"}, key=key)
    for path, body in (("/incidents", {"narrative": "y"}), ("/calls", {"answered": True})):
        response = await desk.post(path, body, key=key)
        assert problem(response, 422) == "idempotency_key_reused"


async def test_somebody_elses_key_gives_nothing_away(site: Site) -> None:
    desk, other = await site.client(Role.DISPATCHER), await site.client(Role.DISPATCHER)
    key = str(new_id())
    await desk.post("/incidents", {"narrative": "x"}, key=key)
    response = await other.post("/incidents", {"narrative": "x"}, key=key)
    assert problem(response, 422) == "idempotency_key_reused"


async def test_words_as_keys_belong_to_each_account(site: Site) -> None:
    desk, other = await site.client(Role.DISPATCHER), await site.client(Role.DISPATCHER)
    mine = (await desk.post("/incidents", key="paper 17")).json()["result"]
    theirs = (await other.post("/incidents", key="paper 17")).json()["result"]
    assert mine["incident_id"] != theirs["incident_id"]
    again = (await desk.post("/incidents", key="paper 17")).json()["result"]
    assert again == mine


async def test_a_command_sent_fifty_times_at_once_happens_once(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    key = str(new_id())
    responses = await asyncio.gather(*(desk.post("/incidents", key=key) for _ in range(50)))
    assert {r.status_code for r in responses} == {200}
    assert len({r.content for r in responses}) == 1
    assert len(site.node.service.county(ALAMEDA).board.incidents) == 1


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_command_needs_a_key(site: Site, key: str) -> None:
    desk = await site.client(Role.DISPATCHER)
    headers = {"idempotency-key": key} if key else {}
    response = await desk.post("/calls", key="", headers=headers)
    assert problem(response, 422).startswith("idempotency_key")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b"\x00", 400),
        (b"\xff\xfe\x00", 400),
        (b"[]", 422),
        (b'{"place": {"point": {"lat_deg": NaN, "lon_deg": 1}}}', 422),
        (b'{"place": {"point": {"lat_deg": 1, "lon_deg": 181}}}', 422),
        (b'{"narrative": "' + b"x" * 20_001 + b'"}', 422),
        (b'{"narrative": "' + b"x" * 300_000 + b'"}', 413),
        (b'{"occurred_at": "2026-03-02T08:00:00"}', 422),
        (b'{"subjects": [' + b"{}," * 20 + b"{}]}", 422),
        (b'{"narrative": "\\u0000"}', 422),
        (b'{"acuity": 1}', 422),
        (b'{"incident_id": "x"}', 422),
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(site: Site, raw: bytes, status: int) -> None:
    desk = await site.client(Role.DISPATCHER)
    seq = site.node.service.county(ALAMEDA).board.seq
    problem(await desk.post("/incidents", raw=raw), status)
    assert site.node.service.county(ALAMEDA).board.seq == seq


async def test_times_beyond_reason_are_refused(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    now = site.clock.now()
    for away, code in (
        (timedelta(hours=1), "occurred_in_future"),
        (timedelta(days=-30), "occurred_too_early"),
    ):
        at = (now + away).isoformat()
        assert await desk.refused("/incidents", 422, occurred_at=at) == code
    local = (now - timedelta(minutes=1)).astimezone().isoformat()
    await desk.do("/incidents", occurred_at=local)


async def test_back_entry_needs_its_role_and_takes_past_times(site: Site) -> None:
    at = (site.clock.now() - timedelta(hours=20)).isoformat()
    body = {"occurred_at": at, "back_entry_reason": "power_outage", "paper_number": "p17"}
    taker, boss = await site.client(Role.CALL_TAKER), await site.client(Role.SUPERVISOR)
    assert await taker.refused("/incidents", 403, **body) == "back_entry_role"
    result = await boss.do("/incidents", **body)
    [event, *_] = await site.node.service.county(ALAMEDA).timeline(UUID(result["incident_id"]))
    assert event.source == "back_entry" and event.reason == "power_outage"


async def test_wrong_states_are_conflicts_that_name_them(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    call = await desk.do("/calls", answered=True)
    path = f"/calls/{call['call_id']}"
    assert await desk.refused(f"{path}/answer", 409) == "illegal_transition"
    await desk.do(f"{path}/end")
    assert await desk.refused(f"{path}/hold", 409) == "illegal_transition"
    incident = (await desk.do("/incidents"))["incident_id"]
    refused = await desk.refused(f"/incidents/{incident}/offers", 409, team_id=str(new_id()))
    assert refused == "not_determined"


async def test_a_phones_reports_may_come_in_any_order(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    incident_id = await site.determined(boss)
    offer = await boss.do(f"/incidents/{incident_id}/offers", team_id=str(team_id))
    run = (await phone.do(f"/offers/{offer['offer_id']}/accept"))["assignment_id"]
    start = site.clock.now()
    site.clock.advance(3_600)
    times = {
        status: (start + timedelta(minutes=minute)).isoformat()
        for minute, status in enumerate(("en_route", "on_scene", "contact"), start=5)
    }
    for status in ("contact", "en_route", "on_scene"):
        body = {"status": status, "occurred_at": times[status], "briefed_by": "desk"}
        key = str(new_id())
        first = await phone.post(f"/assignments/{run}/status", body, key=key)
        assert first.status_code == 200, first.text
        again = await phone.post(f"/assignments/{run}/status", body, key=key)
        assert again.content == first.content
    incident = await site.node.service.county(ALAMEDA).incident(UUID(incident_id))
    [assignment] = incident.assignments
    assert assignment.state == "contact"
    for status, at in times.items():
        assert assignment.milestones[status].isoformat() == at  # type: ignore[index]


async def test_a_crew_can_act_for_its_own_team_only(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, _ = await site.team(boss, "Blue 1")
    _, other = await site.team(boss, "Blue 2")
    phone = await site.client(Role.RESPONDER, responder_id=other)
    incident_id = await site.determined(boss)
    offer = await boss.do(
        f"/incidents/{incident_id}/offers", team_id=str(team_id), override_reason="other"
    )
    refused = await phone.refused(f"/offers/{offer['offer_id']}/accept", 403)
    assert refused == "not_your_team"


async def test_roles_bound_what_each_may_send(site: Site) -> None:
    responder = await site.client(Role.RESPONDER, responder_id=new_id())
    lead = await site.client(Role.LEAD)
    for client in (responder, lead):
        assert await client.refused("/calls", 403) == "role"
    await responder.do("/duress")
    await lead.do("/duress")


async def test_a_token_does_what_it_was_issued_for(site: Site) -> None:
    token = await site.token("offer_call", "view:board")
    call = await token.do("/calls", referral_source="line_988")
    assert (await token.get("/board")).status_code == 200
    refused = await token.refused(f"/calls/{call['call_id']}/abandon", 403)
    assert refused == "out_of_scope"
    assert problem(await token.get("/teams"), 403) == "out_of_scope"
    assert await token.refused("/duress", 403) == "out_of_scope"


async def test_three_hundred_dispatchers_offer_one_team_at_once(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, _ = await site.team(boss)
    desk = await site.client(Role.DISPATCHER)
    incidents = [await site.determined(desk) for _ in range(20)]
    responses = await asyncio.gather(
        *(
            desk.post(f"/incidents/{incidents[n % 20]}/offers", {"team_id": str(team_id)})
            for n in range(300)
        )
    )
    statuses = Counter(r.status_code for r in responses)
    assert statuses == {200: 1, 409: 299}
    codes = Counter(problem(r, 409) for r in responses if r.status_code == 409)
    assert set(codes) <= {"team_not_eligible", "slot_offered", "no_slot_waiting"}, codes
    board = site.node.service.county(ALAMEDA).board
    pending = [o for i in board.incidents.values() for o in i.offers if o.is_pending]
    assert len(pending) == 1 and pending[0].team_id == team_id


async def test_unknown_paths_and_methods_are_problems(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    assert problem(await desk.get("/nothing"), 404) == "unknown_path"
    assert problem(await site.http.get("/nothing"), 404) == "unknown_path"
    seen = await site.http.get("/nothing", headers={"accept": "text/html,*/*"})
    assert seen.status_code == 404 and '<a href="/">' in seen.text
    response = await desk.http.put("/api/v1/session", headers=desk.headers)
    assert problem(response, 405) == "method_not_allowed"
    assert response.headers["allow"] == "DELETE, GET, POST"


async def test_a_fault_says_nothing_of_itself(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = await site.client(Role.DISPATCHER)

    async def fails(*_: Any) -> None:
        raise ValueError("Kim Canary lives at 12 Elm St")

    monkeypatch.setattr(site.node.service, "submit", fails)
    response = await desk.post("/incidents", {"narrative": "Kim Canary"})
    assert problem(response, 500) == "internal_fault"
    assert "Canary" not in response.text
    assert "Canary" not in caplog.text
    assert any(getattr(r, "action", "") == "request_failed" for r in caplog.records)


async def test_a_page_of_another_site_can_send_nothing(site: Site) -> None:
    name = await site.account(Role.DISPATCHER)
    page = await site.http.post(
        "/api/v1/session", json={"username": name, "password": "correct horse battery"}
    )
    assert page.status_code == 200
    sent = {"idempotency-key": str(new_id())}
    for headers, code in (
        ({"origin": "https://evil.example", "x-crisis-client": "1"}, "foreign_page"),
        ({"sec-fetch-site": "cross-site", "x-crisis-client": "1"}, "foreign_page"),
        ({}, "unproven_page"),
    ):
        response = await site.http.post("/api/v1/calls", json={}, headers={**sent, **headers})
        assert problem(response, 403) == code
    tracked = await site.http.get("/api/v1/trackers/osmand?lat=37.8&lon=-122.2")
    assert problem(tracked, 403) == "bearer_needed"


@pytest.mark.parametrize("call_sign", ["", " ", "\u2003\t"])
async def test_no_team_goes_by_nothing(site: Site, call_sign: str) -> None:
    boss = await site.client(Role.ADMIN)
    body = {"agency_id": str(AGENCY), "call_sign": call_sign}
    assert await boss.refused("/teams", 422, **body) == "bad_body"


async def test_a_retired_team_leaves_the_board_and_may_come_back(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team = {"agency_id": str(AGENCY), "call_sign": "Blue 1"}
    team_id = (await boss.do("/teams", **team))["team_id"]
    county = site.node.service.county(ALAMEDA)
    await boss.do("/teams", **team, team_id=team_id, retired=True)
    assert not county.board.teams
    await boss.do("/teams", **team, team_id=team_id)
    await boss.do("/teams", **team, team_id=team_id, retired=True)
    again = await boss.do("/teams", **team)
    assert [str(one) for one in county.board.teams] == [again["team_id"]] != [team_id]
