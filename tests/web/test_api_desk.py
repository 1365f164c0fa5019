"""Who sits at the desk, who is gone from it, and the list of all incidents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from crisis.call import Call
from crisis.ids import CallId, DuressId, IncidentId
from crisis.roles import Role
from dispatch.run.desks import GRACE, Desks
from dispatch.store.administration import add_agency
from tests.web.kit import ALAMEDA, PASSWORD, Client, Site, problem


async def _listed(desk: Client, **query: Any) -> list[int]:
    response = await desk.get("/incidents", **query)
    assert response.status_code == 200, response.text
    return [one["number"] for one in response.json()["incidents"]]


async def _owner(site: Site, incident_id: str) -> object:
    board = site.node.service.county(ALAMEDA).board
    return board.incidents[IncidentId(UUID(incident_id))].owner


def _call(site: Site, call_id: str) -> Call:
    return site.node.service.county(ALAMEDA).board.calls[CallId(UUID(call_id))]


async def _look(site: Site) -> None:
    await Desks(site.node.service, site.node.accounts).look(ALAMEDA)


async def test_colleagues_are_those_who_may_work_the_desk_and_are_signed_in(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    await site.client(Role.FOLLOW_UP_WORKER)
    await site.account(Role.SUPERVISOR)
    other = await site.client(Role.CALL_TAKER)
    me, taker = [(await who.get("/session")).json()["account_id"] for who in (desk, other)]

    people = (await desk.get("/desk/colleagues")).json()["colleagues"]
    assert {one["account_id"] for one in people} == {me, taker}
    assert [one["roles"] for one in people if one["account_id"] == taker] == [["call_taker"]]

    await other.http.delete("/api/v1/session", headers=other.headers)
    people = (await desk.get("/desk/colleagues")).json()["colleagues"]
    assert [one["account_id"] for one in people] == [me]


async def test_colleagues_and_incidents_are_not_for_crews_and_agencies(site: Site) -> None:
    follower = await site.client(Role.FOLLOW_UP_WORKER)
    agency_id = await add_agency(site.node.database, ALAMEDA, "Open Door")
    manager = await site.client(Role.SUPERVISOR, agency_id=agency_id)
    for who in (follower, manager):
        assert problem(await who.get("/desk/colleagues"), 403) == "role"
        assert problem(await who.get("/incidents"), 403) == "role"


async def test_incidents_are_listed_newest_first_page_by_page_past_ones_too(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    ids = [await site.determined(desk) for _ in range(5)]
    await desk.do(f"/incidents/{ids[1]}/cancel", reason="caller_cancelled")

    first = (await desk.get("/incidents", most=2)).json()
    assert [one["number"] for one in first["incidents"]] == [5, 4]
    second = (await desk.get("/incidents", most=2, below=first["next_below"])).json()
    assert [one["number"] for one in second["incidents"]] == [3, 2]
    assert not second["incidents"][1]["is_open"]
    assert second["incidents"][1]["state"] == "cancelled"
    last = (await desk.get("/incidents", most=2, below=second["next_below"])).json()
    assert [one["number"] for one in last["incidents"]] == [1]
    assert last["next_below"] is None

    assert await _listed(desk, state="cancelled") == [2]
    assert await _listed(desk, number="#3") == [3]
    assert await _listed(desk, number="nothing like it") == []


async def test_a_question_that_no_database_understands_is_refused(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    for query in ({"number": "P1\0"}, {"below": 2**63}, {"below": 10**30}, {"since": "0001-01-01"}):
        response = await desk.get("/incidents", **query)
        assert problem(response, 422) in {"bad_query", "bad_period"}


async def test_incidents_are_found_by_their_local_day(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    await site.determined(desk)
    rules = site.node.service.county(ALAMEDA).rules()
    day = site.clock.now().astimezone(rules.policy.tz()).date()
    site.clock.advance(timedelta(days=2).total_seconds())
    desk = await site.client(Role.DISPATCHER)
    await site.determined(desk)

    assert await _listed(desk, since=day, until=day) == [1]
    assert await _listed(desk, until=day) == [1]
    assert await _listed(desk, since=day + timedelta(days=1)) == [2]
    backwards = await desk.get("/incidents", since=day, until=day - timedelta(days=1))
    assert problem(backwards, 422) == "bad_period"


async def test_a_paper_number_finds_its_incident_in_capitals_or_not(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR)
    at = (site.clock.now() - timedelta(hours=3)).isoformat()
    body = {"occurred_at": at, "back_entry_reason": "power_outage", "paper_number": "P17"}
    await boss.do("/incidents", **body)
    assert await _listed(boss, number="p17") == [1]


async def test_whoever_signs_out_leaves_the_desk_and_what_they_own_is_the_supervisors(
    site: Site,
) -> None:
    desk, stays = await site.client(Role.DISPATCHER), await site.client(Role.DISPATCHER)
    theirs, others = await site.determined(desk), await site.determined(stays)
    kept = await _owner(site, others)
    await _look(site)
    assert await _owner(site, theirs) is not None

    await desk.http.delete("/api/v1/session", headers=desk.headers)
    await _look(site)
    assert await _owner(site, theirs) is None
    assert await _owner(site, others) == kept


async def test_another_session_of_theirs_keeps_them_at_the_desk(site: Site) -> None:
    name = await site.account(Role.DISPATCHER)
    desk, again = await site.sign_in(name), await site.sign_in(name)
    incident_id = await site.determined(desk)
    await desk.http.delete("/api/v1/session", headers=desk.headers)
    await _look(site)
    assert await _owner(site, incident_id) is not None
    assert again.headers


async def test_a_session_that_runs_out_leaves_the_desk_after_a_while(site: Site) -> None:
    name = await site.account(Role.DISPATCHER)
    page = await site.http.post(
        "/api/v1/session", json={"username": name, "password": PASSWORD, "mode": "cookie"}
    )
    assert page.status_code == 200
    # The cookie is in the client's jar.
    desk = Client(site.http, {"origin": "http://localhost", "x-crisis-client": "page/1"})
    incident_id = await site.determined(desk)

    idle = timedelta(hours=2)
    site.clock.advance(idle.total_seconds())
    await _look(site)
    assert await _owner(site, incident_id) is not None
    site.clock.advance(GRACE.total_seconds())
    await _look(site)
    assert await _owner(site, incident_id) is None


async def test_whoever_loses_their_role_leaves_the_desk(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    incident_id = await site.determined(desk)
    account_id = (await desk.get("/session")).json()["account_id"]
    await site.node.accounts.revoke(UUID(account_id), ALAMEDA)  # type: ignore[arg-type]
    await _look(site)
    assert await _owner(site, incident_id) is None


async def test_whoever_is_gone_leaves_the_caller_to_whoever_answers_next(site: Site) -> None:
    desk, stays = await site.client(Role.DISPATCHER), await site.client(Role.CALL_TAKER)
    call_id = (await desk.do("/calls", answered=True))["call_id"]
    await _look(site)
    assert _call(site, call_id).state == "on_line"

    await desk.http.delete("/api/v1/session", headers=desk.headers)
    await _look(site)
    assert _call(site, call_id).state == "offered"
    answered = await stays.do(f"/calls/{call_id}/answer")
    assert answered["state"] == "on_line"


async def test_on_call_takes_a_caller_in_hand_and_is_not_waited_for_once_gone(site: Site) -> None:
    desk, on_call = await site.client(Role.DISPATCHER), await site.client(Role.ON_CALL)
    call_id = (await desk.do("/calls", answered=True))["call_id"]
    refused = await on_call.post(f"/calls/{call_id}/in-hand")
    assert problem(refused, 409) == "caller_not_waiting"
    await desk.do(f"/calls/{call_id}/hold")
    assert (await on_call.do(f"/calls/{call_id}/in-hand"))["until"]
    assert _call(site, call_id).in_hand_by is not None
    await on_call.http.delete("/api/v1/session", headers=on_call.headers)
    await _look(site)
    assert _call(site, call_id).in_hand_by is None


async def test_who_has_something_in_hand_and_is_gone_is_not_waited_for(site: Site) -> None:
    desk, on_call = await site.client(Role.DISPATCHER), await site.client(Role.ON_CALL)
    incident_id = await site.determined(desk)
    await on_call.do(f"/incidents/{incident_id}/in-hand")

    def holder() -> object:
        board = site.node.service.county(ALAMEDA).board
        return board.incidents[IncidentId(UUID(incident_id))].in_hand_by

    await _look(site)
    assert holder() is not None, "who is on call needs no role of the desk"
    await on_call.http.delete("/api/v1/session", headers=on_call.headers)
    await _look(site)
    assert holder() is None


async def test_every_reading_of_an_incident_makes_the_same_statement_of_danger(site: Site) -> None:
    """Rows, offers, walls and the opened incident; open, off the board, and absorbed."""
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    codes = site.node.service.county(6001).rules().codes["risk_item"]
    every_no = dict.fromkeys([item.code for item in codes], "no")
    for screening, hazards, is_clear in (
        (every_no, [], True),
        ({}, [], False),
        ({"weapon_on_scene": "no", "firearm_access": "unknown"}, [{"code": "firearm"}], False),
    ):
        opened = await desk.do("/incidents", screening=screening, hazards=hazards)
        incident_id = opened["incident_id"]
        found = []
        for view in ("desk", "wall"):
            rows = (await desk.get("/board", view=view)).json()["up"]
            (row,) = [one for one in rows if one["id"] == incident_id]
            found.append({k: row.get(k) for k in ("hazards", "danger")})
        assert found[0] == found[1]
        said = found[0]["danger"]
        for is_over in (False, True):
            if is_over:
                reason = {"reason": "caller_cancelled"}
                await desk.do(f"/incidents/{incident_id}/cancel", **reason)
            whole = (await desk.get(f"/incidents/{incident_id}")).json()
            danger = whole["incident"].get("danger", {})
            assert whole["is_clear"] is is_clear is said.get("is_clear", False)
            for name in ("unknown", "not_asked"):
                assert danger.get(name, []) == said.get(name, []), name
            codes_now = [one["code"] for one in danger.get("hazards", [])]
            assert codes_now == [one["code"] for one in found[0]["hazards"] or []]
        if hazards:
            assert "weapon" in codes_now, "a firearm is one, whatever was answered"


async def test_an_alarm_in_the_hands_of_somebody_who_is_gone_rings_again(site: Site) -> None:
    desk, on_call = await site.client(Role.DISPATCHER), await site.client(Role.ON_CALL)
    duress_id = (await desk.do("/duress"))["duress_id"]
    await on_call.do(f"/duress/{duress_id}/acknowledge")

    def state() -> str:
        return site.node.service.county(ALAMEDA).board.duress[DuressId(UUID(duress_id))].state

    await _look(site)
    assert state() == "acknowledged"
    await on_call.http.delete("/api/v1/session", headers=on_call.headers)
    await _look(site)
    assert state() == "raised"
