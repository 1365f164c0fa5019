"""A lost phone is made to forget: by the desk, and whoever it is asked by hears of it at once."""

from __future__ import annotations

from uuid import UUID

from crisis.clock import new_id
from crisis.ids import ResponderId
from crisis.roles import Role
from dispatch.store.administration import add_agency
from tests.web.kit import ALAMEDA, Client, Site, problem


async def crew(site: Site) -> tuple[Client, str, ResponderId]:
    boss = await site.client(Role.ADMIN, Role.SUPERVISOR)
    team_id, responder_id = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    return phone, str(team_id), responder_id


async def test_the_desk_ends_every_session_of_a_lost_phones_person(site: Site) -> None:
    phone, team_id, responder_id = await crew(site)
    desk = await site.client(Role.DISPATCHER)
    (device,) = (await desk.get(f"/teams/{team_id}/devices")).json()["devices"]
    assert device["responder_id"] == str(responder_id) and device["label"]
    answer = await desk.post(f"/responders/{responder_id}/erase-devices")
    assert answer.json() == {"sessions": 1}
    refused = await phone.get("/board", view="team")
    assert problem(refused, 401) == "session_expired"
    assert refused.json()["facts"] == {"forget": True}
    assert (await desk.get(f"/teams/{team_id}/devices")).json()["devices"] == []
    again = await desk.post(f"/responders/{responder_id}/erase-devices")
    assert again.json() == {"sessions": 0}


async def test_a_session_that_ran_out_keeps_its_phone_until_somebody_ends_it(site: Site) -> None:
    phone, _, responder_id = await crew(site)
    site.clock.advance(8 * 24 * 3600)
    refused = await phone.get("/board", view="team")
    assert problem(refused, 401) == "session_expired"
    assert refused.json().get("facts", {}) == {}
    desk = await site.client(Role.SUPERVISOR)
    await desk.post(f"/responders/{responder_id}/erase-devices")
    assert (await phone.get("/board", view="team")).json()["facts"] == {"forget": True}


async def test_an_account_out_of_use_and_a_password_of_another_make_a_phone_forget(
    site: Site,
) -> None:
    for how in ("disable", "password", "elsewhere"):
        name = await site.account(Role.LEAD)
        phone, elsewhere = await site.sign_in(name), await site.sign_in(name)
        me = (await phone.get("/session")).json()
        accounts = site.node.accounts
        if how == "disable":
            await accounts.disable(UUID(me["account_id"]))  # type: ignore[arg-type]
        elif how == "password":
            await accounts.set_password(UUID(me["account_id"]), "Quiet-Vantablack-77")  # type: ignore[arg-type]
        else:
            path = f"/api/v1/session/one/{me['session_id']}"
            assert (await site.http.delete(path, headers=elsewhere.headers)).status_code == 204
        await site.node.auth.forget_ended()
        assert (await phone.get("/board")).json()["facts"] == {"forget": True}, how


async def test_phones_of_crews_are_for_those_who_dispatch_them(site: Site) -> None:
    phone, team_id, responder_id = await crew(site)
    for who in (phone, await site.client(Role.CALL_TAKER), await site.client(Role.LEAD)):
        assert problem(await who.get(f"/teams/{team_id}/devices"), 403) == "role"
        assert problem(await who.post(f"/responders/{responder_id}/erase-devices"), 403) == "role"
    desk = await site.client(Role.DISPATCHER)
    unknown = await desk.post(f"/responders/{new_id()}/erase-devices")
    assert problem(unknown, 404) == "unknown_responder"
    agency_id = await add_agency(site.node.database, ALAMEDA, "Open Door")
    other = await site.client(Role.DISPATCHER, agency_id=agency_id)
    foreign = await other.post(f"/responders/{responder_id}/erase-devices")
    assert problem(foreign, 404) == "unknown_responder"
    assert (await phone.get("/board", view="team")).status_code == 200
