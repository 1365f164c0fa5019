"""Reading: the board, an incident's private part, and who is noted as having read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from crisis.clock import new_id
from crisis.roles import Role
from tests.web.kit import AGENCY, ALAMEDA, OAKLAND, Client, Site, problem

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

CANARY = "Kim Canary"


async def _incident(site: Site, desk: Client) -> str:
    """An incident with something private in every place."""
    call = await desk.do("/calls", answered=True, caller={"name": CANARY, "callback": "555-0100"})
    incident_id = await site.determined(
        desk,
        call_id=call["call_id"],
        place={"point": OAKLAND, "address": f"{CANARY}, 12 Elm St", "access": "gate 7"},
        narrative=f"{CANARY} is not well",
        subjects=[{"name": CANARY}],
    )
    await desk.do(f"/incidents/{incident_id}/notes", text=f"spoke with {CANARY}")
    return incident_id


async def _close(desk: Client, incident_id: str) -> None:
    await desk.do(f"/incidents/{incident_id}/cancel", reason="caller_cancelled")


async def _readings(admin: Admin, incident_id: str) -> list[tuple[str, str | None]]:
    rows = await admin.fetch(
        "SELECT what, purpose FROM read_audit WHERE incident_id = $1 ORDER BY audit_id", incident_id
    )
    return [(row["what"], row["purpose"]) for row in rows]


async def test_an_incident_opens_with_its_exact_place_and_is_noted(
    site: Site, admin: Admin
) -> None:
    desk = await site.client(Role.DISPATCHER)
    incident_id = await _incident(site, desk)
    response = await desk.get(f"/incidents/{incident_id}")
    body = response.json()
    assert body["incident"]["clinical"]["point"] == OAKLAND
    assert body["phase"] == "waiting"
    assert body["incident"]["owner"] in body["labels"]
    assert CANARY not in response.text
    assert await _readings(admin, incident_id) == [("incident_read", None)]


async def test_records_open_together_and_each_is_noted(site: Site, admin: Admin) -> None:
    desk = await site.client(Role.DISPATCHER)
    incident_id = await _incident(site, desk)
    records = (await desk.get(f"/incidents/{incident_id}/records")).json()["records"]
    kinds = sorted(record["head"]["kind"] for record in records)
    assert kinds == ["address", "caller", "narrative", "note", "subject"]
    assert sum(CANARY in str(record["fields"]) for record in records) == 5
    rows = await admin.fetch("SELECT record_id FROM read_audit WHERE what = 'record_read'")
    assert {str(row["record_id"]) for row in rows} == {r["head"]["id"] for r in records}


async def test_the_timeline_tells_everything_and_names_nobody_private(
    site: Site, admin: Admin
) -> None:
    desk = await site.client(Role.DISPATCHER)
    incident_id = await _incident(site, desk)
    response = await desk.get(f"/incidents/{incident_id}/timeline")
    events = response.json()["events"]
    assert [e["seq"] for e in events] == sorted(e["seq"] for e in events)
    types = [e["body"]["type"] for e in events]
    assert types[0] == "incident_opened" and "team_determined" in types
    assert all(e["recorded_at"].endswith("Z") for e in events)
    assert CANARY not in response.text
    assert await _readings(admin, incident_id) == [("timeline_read", None)]


async def test_an_incident_that_is_over_needs_a_purpose(site: Site, admin: Admin) -> None:
    desk, other = await site.client(Role.DISPATCHER), await site.client(Role.DISPATCHER)
    incident_id = await _incident(site, desk)
    await _close(desk, incident_id)
    path = f"/incidents/{incident_id}"
    response = await other.get(path)
    assert problem(response, 403) == "purpose_needed"
    assert "complaint" in response.json()["facts"]["purposes"]
    assert problem(await other.get(path, purpose="curiosity"), 422) == "unknown_purpose"
    assert (await other.get(path, purpose="complaint")).status_code == 200
    assert (await desk.get(path)).status_code == 200, "its owner needs none"
    assert await _readings(admin, incident_id) == [
        ("incident_read", "complaint"),
        ("incident_read", None),
    ]


@pytest.mark.parametrize("role", [Role.RESPONDER, Role.AGENCY_MANAGER, Role.ADMIN])
async def test_whoever_has_no_part_in_it_can_not_open_it(
    site: Site, admin: Admin, role: Role
) -> None:
    desk = await site.client(Role.DISPATCHER)
    incident_id = await _incident(site, desk)
    grant: dict[str, Any] = {"responder_id": new_id()} if role is Role.RESPONDER else {}
    if role is Role.AGENCY_MANAGER:
        await admin.execute(
            "INSERT INTO agencies (county_id, agency_id, name) VALUES ($1, $2, 'Blue')",
            ALAMEDA,
            AGENCY,
        )
        grant = {"agency_id": AGENCY}
    other = await site.client(role, **grant)
    for path in ("", "/timeline", "/records"):
        response = await other.get(f"/incidents/{incident_id}{path}", purpose="audit")
        assert problem(response, 403) == "not_your_incident"
    assert await _readings(admin, incident_id) == []


async def test_the_crew_opens_what_it_is_asked_and_runs_to(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    incident_id = await _incident(site, boss)
    path = f"/incidents/{incident_id}"
    problem(await phone.get(path), 403)
    offer = await boss.do(f"{path}/offers", team_id=str(team_id))
    assert (await phone.get(path)).status_code == 200
    await phone.do(f"/offers/{offer['offer_id']}/accept")
    assert (await phone.get(f"{path}/records")).status_code == 200


async def test_a_crew_reads_what_was_merged_into_its_incident_and_no_other_crew_does(
    site: Site, admin: Admin
) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.ADMIN)
    blue, on_blue = await site.team(desk, "Blue 1")
    _, on_red = await site.team(desk, "Red 1")
    crew = await site.client(Role.RESPONDER, responder_id=on_blue)
    strangers = await site.client(Role.RESPONDER, responder_id=on_red)
    absorbed, incident_id = await _incident(site, desk), await site.determined(desk)
    offer = await desk.do(
        f"/incidents/{incident_id}/offers", team_id=str(blue), override_reason="knows_area"
    )
    await crew.do(f"/offers/{offer['offer_id']}/accept")
    paths = [f"/incidents/{absorbed}{part}" for part in ("", "/timeline", "/records")]
    for path in paths:
        assert problem(await crew.get(path), 403) == "not_your_incident"
    await desk.do(f"/incidents/{absorbed}/merge", into=incident_id)
    for path in paths:
        assert (await crew.get(path)).status_code == 200, path
        assert problem(await strangers.get(path), 403) == "not_your_incident"
    whole = (await crew.get(f"/incidents/{incident_id}")).json()
    assert [one["id"] for one in whole["absorbed"]] == [absorbed]
    assert len(whole["incident"]["subjects"]) == 1
    records = (await crew.get(f"/incidents/{incident_id}/records")).json()["records"]
    told = [record["fields"] for record in records]
    assert any("gate 7" in fields.values() for fields in told)
    assert any(fields.get("name") == CANARY for fields in told)
    assert any(f"spoke with {CANARY}" in fields.values() for fields in told)
    assert ("record_read", None) in await _readings(admin, absorbed)
    await desk.do(f"/incidents/{incident_id}/split", other=absorbed)
    for path in paths:
        assert problem(await crew.get(path), 403) == "not_your_incident"
    assert CANARY not in (await crew.get(f"/incidents/{incident_id}/records")).text


async def test_what_is_unknown_is_unknown_to_readers_too(site: Site) -> None:
    desk = await site.client(Role.SUPERVISOR)
    for path in ("", "/timeline", "/records", "/recommendations"):
        problem(await desk.get(f"/incidents/{new_id()}{path}"), 404)
        problem(await desk.get(f"/incidents/7{path}"), 404)
    problem(await desk.get(f"/calls/{new_id()}/records"), 404)


async def test_who_called_is_for_the_desk(site: Site) -> None:
    desk, lead = await site.client(Role.CALL_TAKER), await site.client(Role.LEAD)
    manager = await site.client(Role.ADMIN)
    call = await desk.do("/calls", answered=True, caller={"name": CANARY})
    path = f"/calls/{call['call_id']}/records"
    [record] = (await desk.get(path)).json()["records"]
    assert record["fields"] == {"name": CANARY}
    assert problem(await lead.get(path), 403) == "purpose_needed"
    assert (await lead.get(path, purpose="quality_review")).status_code == 200
    assert problem(await manager.get(path), 403) == "not_your_call"
    await desk.do(f"/calls/{call['call_id']}/end")
    assert problem(await desk.get(path), 403) == "purpose_needed"


async def test_recommendations_rank_teams_with_reasons(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    incident_id = await site.determined(boss)
    path = f"/incidents/{incident_id}/recommendations"
    ranking = (await boss.get(path)).json()
    assert [c["team_id"] for c in ranking["candidates"]] == [str(team_id)]
    assert (await boss.get(path, slot=1)).status_code == 200
    assert problem(await boss.get(path, slot=2), 404) == "unknown_slot"
    assert problem(await boss.get(path, slot="first"), 422) == "bad_query"
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    assert problem(await phone.get(path), 403) == "role"


async def test_the_board_is_what_the_live_feed_shows(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    incident_id = await _incident(site, boss)
    response = await boss.get("/board")
    board = response.json()
    assert board["seq"] == site.node.service.county(ALAMEDA).board.seq
    things = {(thing["k"], thing["id"]) for thing in board["up"]}
    assert {("incident", incident_id), ("team", str(team_id))} <= things
    assert CANARY not in response.text
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    seen = {(thing["k"], thing["id"]) for thing in (await phone.get("/board")).json()["up"]}
    assert ("team", str(team_id)) in seen and ("incident", incident_id) not in seen
    assert problem(await phone.get("/board", view="desk"), 403) == "view_not_yours"
    assert problem(await phone.get("/board", view="everything"), 422) == "bad_query"


async def test_teams_are_listed_to_those_who_may_see_them(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss, "Blue 2")
    await site.team(boss, "Blue 1")
    teams = (await boss.get("/teams")).json()["teams"]
    assert [row["team"]["call_sign"] for row in teams] == ["Blue 1", "Blue 2"]
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    assert [r["team"]["id"] for r in (await phone.get("/teams")).json()["teams"]] == [str(team_id)]


async def test_the_roster_has_qualifications_and_no_names(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    _, responder_id = await site.team(boss)
    response = await boss.get("/responders")
    assert str(responder_id) in {r["id"] for r in response.json()["responders"]}
    assert CANARY not in response.text
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    assert problem(await phone.get("/responders"), 403) == "role"


async def test_codes_and_policy_are_those_of_the_day(site: Site) -> None:
    desk = await site.client(Role.CALL_TAKER)
    codes = (await desk.get("/codes")).json()
    assert codes["on"] == "2026-03-02"
    assert any(code["code"] == "urgent" for code in codes["sets"]["acuity"]["codes"])
    policy = (await desk.get("/policy")).json()
    assert policy["policy"]["version"] == "default-1"


async def test_the_description_is_open_to_everybody(site: Site) -> None:
    response = await site.http.get("/api/v1/openapi.json")
    assert response.status_code == 200
    assert "/api/v1/incidents/{incident_id}/offers" in response.json()["paths"]


async def test_no_answer_is_kept_by_a_cache(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    incident_id = await _incident(site, desk)
    for path in ("/board", f"/incidents/{incident_id}", "/nothing"):
        assert (await desk.get(path)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "name", "near"),
    [
        ("/board", "vew", "view"),
        ("/incidents", "sinse", "since"),
        ("/reports/response-times", "untill", "until"),
        ("/codes", "seat", None),
    ],
)
async def test_a_parameter_that_nobody_knows_is_refused_with_the_likely_one(
    site: Site, path: str, name: str, near: str | None
) -> None:
    boss = await site.client(Role.SUPERVISOR)
    response = await boss.get(path, **{name: "x"})
    assert problem(response, 422) == "unknown_field"
    assert response.json()["facts"]["near"] == near


async def test_a_parameter_that_is_given_twice_is_refused(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR)
    assert problem(await boss.get("/incidents", most=[1, 2]), 422) == "bad_query"
