"""A call for help over the wire: whatever its form, its time and its sender, it is heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from crisis.clock import new_id
from crisis.commands import Envelope
from crisis.duress import Duress
from crisis.ids import ResponderId
from crisis.roles import Role
from dispatch.run.unwritten import Unwritten
from tests.web.kit import ALAMEDA, KERN, PASSWORD, Client, Site, problem

if TYPE_CHECKING:
    import asyncpg

    Admin = asyncpg.Connection[asyncpg.Record]


def alarms(site: Site, county: int = ALAMEDA) -> list[Duress]:
    return list(site.node.service.county(county).board.duress.values())


async def crew(site: Site) -> tuple[Client, str, str]:
    """A responder on shift, signed in; with the ids of the team and of the responder."""
    boss = await site.client(Role.ADMIN, Role.SUPERVISOR)
    team_id, responder_id = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    return phone, str(team_id), str(responder_id)


NOBODY = "7f3a1f2e-0000-4000-8000-00000000dead"


@pytest.mark.parametrize(
    ("raw", "doubt"),
    [
        (b"", None),
        (b"{}", None),
        (b"null", "form"),
        (b"[]", "form"),
        (b"{", "form"),
        (b"\xff\xfe\x00", "form"),
        (b"help", "form"),
        (b'{"cause": "panic"}', "form"),
        (b'{"cause": null}', "form"),
        (b'{"team_id": 7, "responder_id": "me"}', "form"),
        (b'{"team_id": ""}', "form"),
        (b'{"battery": 3, "note": "\\u0000"}', "form"),
        (b'{"back_entry_reason": "system_outage"}', None),
        (b'{"back_entry_reason": {}}', "form"),
        (b'{"by_voice": "yes"}', "form"),
        (b'{"occurred_at": "yesterday"}', "form"),
        (b'{"occurred_at": "2026-03-02T08:00:00"}', "form"),
        (b'{"sent_at": 12}', "form"),
        (b'{"occurred_at": "1970-01-01T00:00:10Z"}', "time"),
        (b'{"occurred_at": "2040-06-01T00:00:00Z"}', "time"),
        (b'{"occurred_at": "0001-01-01T00:00:00Z", "sent_at": "9999-12-31T23:59:59Z"}', "time"),
        (b'{"occurred_at": "9999-12-31T23:59:59Z", "sent_at": "0001-01-01T00:00:00Z"}', "time"),
        (f'{{"team_id": "{NOBODY}"}}'.encode(), "unknown_team"),
        (f'{{"responder_id": "{NOBODY}"}}'.encode(), "unknown_responder"),
    ],
)
async def test_no_form_and_no_time_keeps_help_from_coming(
    site: Site, raw: bytes, doubt: str | None
) -> None:
    phone, team_id, responder_id = await crew(site)
    answer = await phone.post("/duress", raw=raw)
    assert answer.status_code == 200, answer.text
    (alarm,) = alarms(site)
    assert (str(alarm.team_id), str(alarm.responder_id)) == (team_id, responder_id)
    assert alarm.raised_at == site.clock.now()
    assert alarm.next_rung_at is not None
    assert list(alarm.doubts) == ([] if doubt is None else [doubt])
    assert answer.json()["result"]["doubts"] == list(alarm.doubts)


@pytest.mark.parametrize("year", [1970, 2040])
async def test_a_phone_whose_clock_lies_decades_off_says_when_it_was_pressed(
    site: Site, year: int
) -> None:
    phone, *_ = await crew(site)
    at = {"occurred_at": f"{year}-01-01T00:00:00Z", "sent_at": f"{year}-01-01T00:00:40Z"}
    await phone.do("/duress", **at)
    (alarm,) = alarms(site)
    assert alarm.raised_at == site.clock.now() - timedelta(seconds=40)
    assert alarm.doubts == ()


@pytest.mark.parametrize("key", ["", "x" * 3_000, "caf\u00e9 \x7f"])
async def test_a_call_for_help_needs_no_key(site: Site, key: str) -> None:
    phone, *_ = await crew(site)
    headers = {"idempotency-key": key.encode("latin-1")} if key else {}
    answer = await phone.post("/duress", key="", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text


async def test_a_key_that_named_another_act_keeps_no_help_away(site: Site) -> None:
    phone, *_ = await crew(site)
    key = str(new_id())
    desk = await site.client(Role.DISPATCHER)
    await desk.post("/calls", {}, key=key)
    assert (await phone.post("/duress", {}, key=key)).status_code == 200
    # Sent again it is the same press, though it says another thing now.
    again = await phone.post("/duress", {"cause": "voice"}, key=key)
    assert again.status_code == 200 and not again.json()["result"]["again"]
    assert len(alarms(site)) == 1


async def test_an_ended_session_still_calls_for_help_and_does_nothing_else(site: Site) -> None:
    phone, team_id, responder_id = await crew(site)
    assert (await site.http.delete("/api/v1/session", headers=phone.headers)).status_code == 204
    assert problem(await phone.get("/board", view="team"), 401) == "session_expired"
    answer = await phone.post("/duress", {})
    assert answer.status_code == 200, answer.text
    (alarm,) = alarms(site)
    assert (str(alarm.team_id), str(alarm.responder_id)) == (team_id, responder_id)
    assert alarm.doubts == ("session_ended",)
    assert problem(await phone.get("/board", view="team"), 401) == "session_expired"


async def test_a_session_that_ran_out_and_an_account_out_of_use_still_call_for_help(
    site: Site,
) -> None:
    phone, *_ = await crew(site)
    site.clock.advance(60 * 24 * 3600)
    assert (await phone.post("/duress", {})).status_code == 200
    name = await site.account(Role.LEAD)
    other = await site.sign_in(name)
    account_id = UUID((await other.get("/session")).json()["account_id"])
    await site.node.accounts.disable(account_id)  # type: ignore[arg-type]
    assert (await other.post("/duress", {})).status_code == 200
    assert [one.doubts for one in alarms(site)] == [("session_ended",)] * 2


async def test_who_lost_every_role_still_calls_for_help(site: Site) -> None:
    name = await site.account(Role.LEAD)
    phone = await site.sign_in(name)
    account_id = UUID((await phone.get("/session")).json()["account_id"])
    await site.node.accounts.revoke(account_id, ALAMEDA)  # type: ignore[arg-type]
    await site.node.auth.forget_ended()
    answer = await phone.post("/duress", {}, headers={"x-county": str(ALAMEDA)})
    assert answer.status_code == 200, answer.text
    (alarm,) = alarms(site)
    assert alarm.raised_by == account_id and alarm.doubts == ("no_role",)


@pytest.mark.parametrize("county", ["6029", "nowhere", "99999", ""])
async def test_help_comes_from_ones_own_county_whatever_was_named(site: Site, county: str) -> None:
    phone, *_ = await crew(site)
    answer = await phone.post("/duress", {}, headers={"x-county": county})
    assert answer.status_code == 200, answer.text
    assert len(alarms(site)) == 1 and alarms(site, KERN) == []


async def cookie_phone(site: Site) -> dict[str, str]:
    """The cookie of a responder's page; nothing else that a page sends."""
    boss = await site.client(Role.ADMIN, Role.SUPERVISOR)
    _, responder_id = await site.team(boss)
    name = await site.account(Role.RESPONDER, responder_id=responder_id)
    body = {"username": name, "password": PASSWORD}
    ours = {"x-crisis-client": "test", "origin": "http://localhost"}
    answer = await site.http.post(
        "http://localhost/api/v1/session", json=body, headers={**ours, "host": "localhost"}
    )
    assert answer.status_code == 200, answer.text
    found = "; ".join(one.split(";")[0] for one in answer.headers.get_list("set-cookie"))
    site.http.cookies.clear()
    return {"cookie": found, "host": "localhost"}


@pytest.mark.parametrize(
    ("said", "is_heard"),
    [
        ({}, True),
        ({"origin": "http://localhost"}, True),
        ({"x-crisis-client": "old"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://elsewhere.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "https://elsewhere.example", "x-crisis-client": "old"}, False),
    ],
)
async def test_a_call_for_help_needs_no_proof_of_our_page_and_no_other_site_s_page_can_send_it(
    site: Site, said: dict[str, str], is_heard: bool
) -> None:
    phone = await cookie_phone(site)
    address = "http://localhost/api/v1/duress"
    answer = await site.http.post(address, content=b"{}", headers={**phone, **said})
    assert answer.status_code == (200 if is_heard else 403), answer.text
    assert len(alarms(site)) == (1 if is_heard else 0)
    # Everything else needs it as before.
    other = await site.http.post(
        "http://localhost/api/v1/calls", content=b"{}", headers={**phone, **said}
    )
    assert problem(other, 403)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_that_is_far_too_long_is_a_call_for_help_all_the_same(
    site: Site, is_announced: bool
) -> None:
    phone, team_id, _ = await crew(site)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    content: Any = b" " * (40 * 65_536) if is_announced else pieces()
    headers = {**phone.headers, "idempotency-key": "help"}
    answer = await site.http.post("/api/v1/duress", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    (alarm,) = alarms(site)
    assert str(alarm.team_id) == team_id and alarm.doubts == ("form",)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-encoding": "gzip"},
        {"accept": "text/html"},
        {"accept-language": "\x01"},
    ],
)
async def test_no_header_keeps_help_away(site: Site, headers: dict[str, str]) -> None:
    phone, *_ = await crew(site)
    assert (await phone.post("/duress", {}, headers=headers)).status_code == 200
    assert len(alarms(site)) == 1


async def test_help_that_the_database_does_not_take_is_told_and_written_later(
    site: Site, admin: Admin
) -> None:
    told: list[Envelope] = []
    site.change(unwritten=Unwritten(site.node.service.submit, told.append, site.clock))
    node = site.node
    phone, team_id, _ = await crew(site)
    await admin.execute(
        "CREATE FUNCTION dispatch.full_up() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER full_up BEFORE INSERT ON dispatch.event_log "
        "FOR EACH ROW EXECUTE FUNCTION dispatch.full_up()"
    )
    pressed_at = site.clock.now()
    # Who sent it is told the truth, and the desk hears of it all the same.
    assert problem(await phone.post("/duress", {}, key="a press"), 503) == "database_full"
    assert {str(env.actor.team_id) for env in told} == {team_id}
    assert alarms(site) == [] and node.unwritten.waiting == 1
    site.clock.advance(30)
    await node.unwritten.again()
    assert alarms(site) == [] and node.unwritten.waiting == 1
    await admin.execute("DROP FUNCTION dispatch.full_up() CASCADE")
    site.clock.advance(30)
    await node.unwritten.again()
    (alarm,) = alarms(site)
    assert str(alarm.team_id) == team_id and alarm.raised_at == pressed_at
    assert alarm.doubts == () and node.unwritten.waiting == 0
    # The phone, if it still can, sends it again: the same press.
    assert (await phone.post("/duress", {}, key="a press")).status_code == 200
    assert len(alarms(site)) == 1


async def test_strangers_raise_nothing(site: Site) -> None:
    assert problem(await Client(site.http).post("/duress", {}), 401) == "not_signed_in"
    made_up = Client(site.http, {"authorization": "Bearer cdt_" + "x" * 43})
    assert problem(await made_up.post("/duress", {}), 401) == "not_signed_in"
    assert alarms(site) == []


@pytest.mark.parametrize("role", [Role.RESPONDER, Role.LEAD, Role.FOLLOW_UP_WORKER])
async def test_one_person_can_flood_nobody(site: Site, role: Role) -> None:
    boss = await site.client(Role.ADMIN, Role.SUPERVISOR)
    named: list[dict[str, Any]] = [{}, {"team_id": NOBODY}, {"responder_id": NOBODY}]
    for call_sign in ("Blue 1", "Blue 2", "Blue 3"):
        team_id, responder_id = await site.team(boss, call_sign)
        named += [{"team_id": str(team_id)}, {"responder_id": str(responder_id)}]
    off_team: dict[str, Any] = (
        {"responder_id": ResponderId(new_id())} if role is Role.RESPONDER else {}
    )
    who = await site.client(role, **off_team)
    for body in named:
        assert (await who.post("/duress", body)).status_code == 200
    assert len(alarms(site)) == 1


@pytest.mark.parametrize("year", [1970, 2040, 9999])
async def test_a_report_with_an_impossible_time_is_kept_and_told(site: Site, year: int) -> None:
    desk = await site.client(Role.DISPATCHER)
    phone, team_id, _ = await crew(site)
    incident_id = await site.determined(desk)
    made = await desk.do(
        f"/incidents/{incident_id}/offers", team_id=team_id, override_reason="team_asked"
    )
    accepted = await phone.do(f"/offers/{made['offer_id']}/accept")
    run_id = accepted["assignment_id"]
    at = f"{year}-01-01T00:00:00Z"
    path = f"/assignments/{run_id}/status"
    answer = await phone.post(path, {"status": "en_route", "occurred_at": at})
    assert problem(answer, 409) == "disputed"
    run = site.node.service.county(ALAMEDA).board.incidents[UUID(incident_id)].assignments[0]  # type: ignore[index]
    assert run.disputed == 1
    # With what its clock says now, the phone's own time is put right.
    both = {"occurred_at": at, "sent_at": at}
    assert (await phone.post(path, {"status": "en_route", **both})).status_code == 200


@pytest.mark.parametrize("year", [1970, 2040, 9999])
async def test_a_check_in_and_a_note_with_an_impossible_time_count_and_say_so(
    site: Site, year: int
) -> None:
    desk = await site.client(Role.DISPATCHER)
    phone, team_id, _ = await crew(site)
    incident_id = await site.determined(desk)
    made = await desk.do(
        f"/incidents/{incident_id}/offers", team_id=team_id, override_reason="team_asked"
    )
    accepted = await phone.do(f"/offers/{made['offer_id']}/accept")
    await phone.do(f"/assignments/{accepted['assignment_id']}/status", status="en_route")
    at = f"{year}-01-01T00:00:00Z"
    owed = site.node.service.county(ALAMEDA).board.obligations.values()
    check_in = next(one.id for one in owed if one.kind == "check_in")
    for path, body in (
        (f"/obligations/{check_in}/complete", {"outcome": "done", "mode": "telehealth_audio"}),
        (f"/incidents/{incident_id}/notes", {"text": "Dog."}),
        (f"/teams/{team_id}/duty", {"duty": "unavailable", "reason": "break"}),
    ):
        answer = await phone.post(path, {**body, "occurred_at": at})
        assert answer.status_code == 200, answer.text
        told = answer.json()["result"]["warnings"]
        assert [one["code"] for one in told] == ["time_not_believed"]
