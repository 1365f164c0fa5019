"""A team in danger, a crew that the board takes to be away: on desk, wall and on-call page.

Seen, heard and acted on in the page itself: words for the place, names and numbers to call, who has
it in hand, what comes next; after a reload too, and loudly while the page may not sound yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from crisis.clock import MachineClock, new_id
from crisis.roles import Role
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.browser.test_board import ready
from tests.browser.test_phone import on_shift
from tests.e2e.kit import Server, call_sign, http_client, phone_name, team_id
from tests.web.kit import ALAMEDA, OAKLAND, PASSWORD, Client

#: Counts the tones that the page gives out, before anything of it runs.
COUNT_TONES = """() => {
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        window.tones += 1;
        return start.apply(this, when);
    };
}"""
#: One pattern of a team in danger.
PATTERN = 4


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Client]:
    """A dispatcher, through the API."""
    async with http_client(server) as http:
        yield await server.sign_in("desk", http)


@pytest.fixture
async def crew(server: Server) -> AsyncIterator[Client]:
    """A responder of the first team, through the API."""
    async with http_client(server) as http:
        yield await server.sign_in(phone_name(0), http)


async def on_a_run(desk: Client, crew: Client) -> tuple[str, str]:
    """The first team has accepted an incident; the incident's and the run's id."""
    place = {
        "point": OAKLAND,
        "location_type": "home",
        "address": "123 Canary Street",
        "access": "gate 9",
    }
    opened = await desk.do("/incidents", place=place)
    incident = f"/incidents/{opened['incident_id']}"
    await desk.do(f"{incident}/determination", decision="dispatch", acuity="urgent")
    offered = await desk.do(f"{incident}/offers", team_id=team_id(0), override_reason="team_asked")
    run = await crew.do(f"/offers/{offered['offer_id']}/accept")
    return opened["incident_id"], run["assignment_id"]


async def record_crew(desk: Client) -> None:
    """The first member of the first team has a name and a number on file."""
    team = next(
        one["team"]
        for one in (await desk.get("/teams")).json()["teams"]
        if one["team"]["id"] == team_id(0)
    )
    roster = (await desk.get("/responders")).json()
    first = next(
        one for one in roster["responders"] if one["id"] == team["crew"][0]["responder_id"]
    )
    given = {key: value for key, value in first.items() if not key.endswith("_record")}
    seen = roster["marks"][first["id"]]
    known = {"name": "Kim Canary", "phone": "510-555-0101"}
    await desk.do("/responders", responder=given, seen=seen, **known)


async def has_all_facts(page: Page) -> None:
    """The alarm says what saves a life."""
    alarm = page.locator("[data-duress]")
    await expect(alarm.locator("strong")).to_contain_text(call_sign(0))
    await expect(alarm).to_contain_text("123 Canary Street")
    await expect(alarm).to_contain_text("gate 9")
    await expect(alarm).to_contain_text("Kim Canary")
    await expect(alarm.locator("[href='tel:5105550101']")).to_have_text("510-555-0101")
    await expect(alarm).to_contain_text(f"raised by {phone_name(0)}")
    await expect(alarm).to_contain_text("± 12 m")
    await expect(alarm.locator(".figures time").first).to_be_visible()


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
async def test_an_alarm_says_what_saves_a_life_and_says_it_again_after_a_reload(
    windows: Windows, desk: Client, crew: Client, axe: Axe, screen: Screen
) -> None:
    await record_crew(desk)
    await on_a_run(desk, crew)
    fixed_at = MachineClock().now().isoformat()
    fix = {"point": OAKLAND, "fixed_at": fixed_at, "accuracy_m": 12}
    assert (await crew.post(f"/teams/{team_id(0)}/fixes", fix)).status_code == 204
    page = await ready(await windows.open("desk", "/board", screen))
    await crew.do("/duress")
    await has_all_facts(page)
    alarm = page.locator("[data-duress]")
    await expect(alarm).to_contain_text("next: Supervisor in")
    await page.reload()
    await has_all_facts(page)
    assert await axe(page) == []
    await alarm.get_by_role("button", name="I have it").click()
    await expect(alarm).to_contain_text("desk has it in hand")
    await expect(alarm).not_to_contain_text("next:")
    await page.reload()
    await has_all_facts(page)
    await expect(alarm).to_contain_text("desk has it in hand")


async def test_an_alarm_of_somebody_on_no_team_names_who_raised_it(
    windows: Windows, desk: Client
) -> None:
    page = await ready(await windows.open("desk", "/board"))
    await desk.do("/duress")
    alarm = page.locator("[data-duress]")
    await expect(alarm).to_contain_text("Somebody on no known team")
    await expect(alarm).to_contain_text("raised by desk")


@pytest.mark.parametrize("path", ["/board", "/on-call", "/wall"])
async def test_an_alarm_is_said_large_while_the_page_may_not_sound_and_heard_as_soon_as_it_may(
    windows: Windows, desk: Client, crew: Client, path: str
) -> None:
    first = await ready(await windows.open("desk", "/board"))
    await crew.do("/duress")
    # A window that nobody has touched: browsers let it sound only after that.
    page = await first.context.new_page()
    await page.add_init_script(f"({COUNT_TONES})()")
    await page.goto(path)
    await expect(page.locator("[data-duress]")).to_be_visible()
    silent = page.locator(".silent.urgent")
    await expect(silent).to_contain_text("Sound is off")
    assert await page.evaluate("() => window.tones") == 0
    await silent.click()
    await expect(silent).to_have_count(0)
    # At once, and again while nobody has it.
    await page.wait_for_function(f"() => window.tones > {PATTERN}", timeout=30_000)
    await first.get_by_role("button", name="I have it").click()
    await expect(page.locator("[data-duress=acknowledged]")).to_be_visible()
    heard = await page.evaluate("() => window.tones")
    await page.wait_for_timeout(5_000)
    assert await page.evaluate("() => window.tones") == heard


async def contradicted(desk: Client, crew: Client) -> tuple[str, str]:
    """A crew reports on scene after its incident was called off; the incident's and run's id."""
    incident, run = await on_a_run(desk, crew)
    await crew.do(f"/assignments/{run}/status", status="en_route", briefed_by="clinician")
    await desk.do(f"/incidents/{incident}/cancel", reason="caller_cancelled")
    response = await crew.post(f"/assignments/{run}/status", {"status": "on_scene"})
    assert response.status_code == 409, response.text
    return incident, run


async def test_a_crew_that_is_there_is_said_over_everything_until_the_desk_has_settled_it(
    windows: Windows, desk: Client, crew: Client, axe: Axe
) -> None:
    page = await ready(await windows.open("desk", "/board?mine=1"))
    await contradicted(desk, crew)
    # Never hidden by a filter, and not lost by a reload.
    for _ in range(2):
        claim = page.locator(".alarms [data-claim]")
        await expect(claim).to_contain_text(f"{call_sign(0)} reports being there")
        await expect(claim).to_contain_text("says: On scene")
        await expect(claim).to_contain_text("Nobody else is asked until you say what is so.")
        await page.reload()
    assert await axe(page) == []
    await claim.get_by_role("button", name="They are there: restore the run").click()
    await expect(page.locator("[data-claim]")).to_have_count(0)
    await page.get_by_role("button", name="Mine").click()
    await expect(page.locator("[data-number='1']").first).to_have_attribute(
        "data-phase", "on_scene"
    )


async def test_a_crew_that_was_told_to_go_is_told_what_the_desk_said_of_its_claim(
    windows: Windows, desk: Client, crew: Client
) -> None:
    phone = await on_shift(windows)
    page = await ready(await windows.open("desk", "/board"))
    await contradicted(desk, crew)
    claim = page.locator(".alarms [data-claim]")
    await claim.get_by_role("button", name="They are not there").click()
    await expect(page.locator("[data-claim]")).to_have_count(0)
    await expect(phone.get_by_role("alert").first).to_contain_text(
        "Dispatch takes your run to be over. If you are there, call them now."
    )


async def person(dsn: str, name: str, *roles: Role) -> None:
    """Somebody who may sign in with these roles."""
    passwords = Passwords()
    async with Database.open(dsn) as database:
        accounts = Accounts(database, MachineClock(), passwords)
        account = await accounts.create_account(name, name.capitalize(), password=PASSWORD)
        await accounts.grant(account, Grant(county_id=ALAMEDA, roles=frozenset(roles)))
    passwords.close()


async def test_on_call_sees_what_rings_when_a_crew_reports_being_there(
    windows: Windows, desk: Client, crew: Client, dsn: str
) -> None:
    await person(dsn, "noor", Role.ON_CALL)
    night = await windows.open("noor", "/on-call", PHONE)
    await contradicted(desk, crew)
    claim = night.locator("[data-claim]")
    await expect(claim).to_contain_text("reports being there")
    # What only the desk may say has no button here.
    await expect(claim.get_by_role("button", name="They are not there")).to_have_count(0)


async def test_the_wall_shows_waits_teams_and_alarms_and_nothing_private(
    windows: Windows, desk: Client, crew: Client, dsn: str, axe: Axe
) -> None:
    await person(dsn, "cleo", Role.COMPLIANCE)
    await record_crew(desk)
    await desk.do(
        "/incidents",
        place={"point": OAKLAND, "location_type": "home", "address": "9 Quiet Lane"},
        hazards=[{"code": "weapon"}],
    )
    wall = await windows.open("cleo", "/account")
    await wall.get_by_role("link", name="The wall").click()
    await expect(wall.locator("[data-fresh=live]")).to_be_visible()
    row = wall.locator("[data-incident='1']")
    await expect(row).to_contain_text("Weapon")
    await expect(wall.locator("[data-team=available]")).to_have_count(4)
    await on_a_run(desk, crew)
    await expect(wall.locator("[data-incident='2']")).to_contain_text("left")
    await expect(wall.locator("[data-team=accepted]")).to_contain_text(call_sign(0))
    await crew.do("/duress")
    alarm = wall.locator("[data-duress=raised]")
    await expect(alarm).to_contain_text(call_sign(0))
    await expect(alarm).to_contain_text("Nobody has it in hand · next: Supervisor in")
    assert await axe(wall) == []
    said = await wall.locator("body").inner_text()
    for private in ("Canary", "Quiet Lane", "555", "gate", "home"):
        assert private not in said
    await expect(wall.locator("main button")).to_have_count(0)
    await wall.reload()
    await expect(alarm).to_be_visible()


async def test_the_address_for_a_tracker_is_shown_to_its_crew_and_works_without_a_password(
    windows: Windows, server: Server, desk: Client
) -> None:
    # The phone itself may not say where it is.
    page = await on_shift(windows, permissions=[])
    await page.tap("[data-act=more]")
    await page.get_by_text("Track with another app").tap()
    # Not before somebody asks for it.
    await expect(page.locator("code.address")).to_have_count(0)
    await page.get_by_role("button", name="Show the address").tap()
    address = await page.locator("code.address").inner_text()
    assert address.startswith(f"{windows.url}/api/v1/track/")
    async with http_client(server) as stranger:
        now = int(MachineClock().now().timestamp())
        query: dict[str, Any] = {"id": str(new_id()), "lat": 37.9, "lon": -122.3, "timestamp": now}
        assert (await stranger.post(address, params=query)).status_code == 200
    teams = (await desk.get("/teams")).json()["teams"]
    fix = next(one["fix"] for one in teams if one["team"]["id"] == team_id(0))
    assert fix["point"] == {"lat_deg": 37.9, "lon_deg": -122.3}
    await page.reload()
    await expect(page.locator("[data-heard=live]")).to_be_visible()
    await page.tap("[data-act=more]")
    await page.get_by_text("Track with another app").tap()
    await page.get_by_role("button", name="Show the address").tap()
    await expect(page.locator("code.address")).to_have_text(address)
