"""The report page: from a figure to its responses and their timelines, on paper, and as a file."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from crisis.clock import MachineClock
from crisis.roles import Role
from crisis.standards import local_day
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.e2e.kit import Server, team_id
from tests.web.kit import ALAMEDA, PASSWORD, Client

OAKLAND = {"lat_deg": 37.8044, "lon_deg": -122.2712}


async def add_lead(server: Server) -> None:
    """An account that reads the county's figures, and owns no incident."""
    passwords = Passwords()
    try:
        async with Database.open(server.dsn) as database:
            accounts = Accounts(database, MachineClock(), passwords)
            account_id = await accounts.create_account("lead", "Lea Lead", password=PASSWORD)
            await accounts.grant(account_id, Grant(county_id=ALAMEDA, roles=frozenset({Role.LEAD})))
    finally:
        passwords.close()


async def respond(server: Server) -> None:
    """Two incidents that need a team: one is reached at once, one still waits."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        desk = await server.sign_in("desk", http)
        await _reach_one_of_two(desk)


async def _reach_one_of_two(desk: Client) -> None:
    for reached in (True, False):
        place = {"point": OAKLAND, "location_type": "home"}
        incident_id = (await desk.do("/incidents", place=place))["incident_id"]
        await desk.do(
            f"/incidents/{incident_id}/determination", decision="dispatch", acuity="urgent"
        )
        if not reached:
            continue
        offer = await desk.do(
            f"/incidents/{incident_id}/offers", team_id=team_id(0), override_reason="other"
        )
        run = await desk.do(f"/offers/{offer['offer_id']}/accept")
        await desk.do(
            f"/assignments/{run['assignment_id']}/status", status="on_scene", said_by="team"
        )


async def open_report(windows: Windows, screen: Screen = DESK, **options: str) -> Page:
    """The lead's report of this year, once it shows figures."""
    page = await windows.open("lead", f"/reports{this_year()}", screen, **options)
    await expect(page.locator(".share-card").first).to_be_visible()
    return page


def this_year() -> str:
    today = local_day(MachineClock().now())
    return f"?since={today.year}-01-01&until={today}"


async def test_a_figure_leads_to_its_responses_and_each_to_its_timeline(
    windows: Windows, server: Server
) -> None:
    await add_lead(server)
    await respond(server)
    page = await open_report(windows)
    await expect(page.locator(".share-card").first).to_contain_text("1 of 1 on time")
    await page.locator("[data-figure='all all arrival on_time']").first.click()
    listed = page.get_by_role("dialog")
    await expect(listed.locator("tbody tr")).to_have_count(1)
    await expect(listed).to_contain_text("On time")
    await listed.get_by_role("button", name="Open the timeline of incident 1").click()
    # It isn't the lead's own: nothing is shown before a reason is given.
    await expect(listed.locator(".timeline")).to_have_count(0)
    await listed.get_by_label("Purpose").select_option("quality_review")
    await listed.get_by_role("button", name="Open", exact=True).click()
    await expect(listed.locator("[data-event=team_determined]")).to_be_visible()
    await expect(listed.locator("[data-event=status_reported]")).to_contain_text("On scene")

    await page.go_back()
    await expect(listed.locator("tbody tr")).to_have_count(1)
    await page.reload()
    await expect(listed.locator("tbody tr")).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(listed).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-US", ("+ Hazard: Weapon", "How soon: Urgent → Emergent", "Shift about to end")),
        ("es-US", ("+ Peligro: Arma", "Urgencia: Urgente → Emergente")),
        ("vi-VN", ("+ ", "→")),
    ],
)
async def test_a_changed_fact_and_a_reason_are_read_in_words_not_codes(
    windows: Windows, server: Server, locale: str, words: tuple[str, ...]
) -> None:
    await add_lead(server)
    async with httpx.AsyncClient(base_url=server.url) as http:
        desk = await server.sign_in("desk", http)
        place = {"point": OAKLAND, "location_type": "home"}
        path = f"/incidents/{(await desk.do('/incidents', place=place))['incident_id']}"
        await desk.do(f"{path}/determination", decision="dispatch", acuity="urgent")
        hazards = [{"code": "weapon", "source": "caller"}]
        needs = [{"code": "language_es"}]
        await desk.do(f"{path}/amend", acuity="emergent", add_hazards=hazards, add_needs=needs)
        offer = await desk.do(f"{path}/offers", team_id=team_id(0), override_reason="knows_area")
        await desk.do(f"/offers/{offer['offer_id']}/decline", reason="end_of_shift")
    page = await windows.open("lead", f"/reports{this_year()}", locale=locale)
    await page.locator("[data-figure='all all determination not_due_yet']").first.click()
    listed = page.get_by_role("dialog")
    await listed.locator("tbody button").first.click()
    await listed.locator("[name=purpose]").select_option("audit")
    await listed.locator("form button[type=submit]").click()
    await expect(listed.locator("[data-event=offer_declined]")).to_be_visible()
    said = await listed.inner_text()
    for one in words:
        assert one in said
    assert not re.search(r"[a-z]_[a-z]", said), said


async def test_the_files_hold_the_figures_of_the_page(
    windows: Windows, server: Server, tmp_path: Path
) -> None:
    await add_lead(server)
    await respond(server)
    page = await open_report(windows)
    async with page.expect_download() as waited:
        await page.get_by_role("link", name="CSV: figures").click()
    file = tmp_path / "figures.csv"
    await (await waited.value).save_as(file)
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert (rows[-1]["month"], rows[-1]["arrived_on_time"]) == ("all", "1")
    async with page.expect_download() as waited:
        await page.get_by_role("link", name="CSV: responses").click()
    file = tmp_path / "responses.csv"
    await (await waited.value).save_as(file)
    fates = {row["fate"] for row in csv.DictReader(file.read_text().splitlines())}
    assert fates == {"on_time", "not_due_yet"}


async def test_on_paper_it_says_what_it_is_and_shows_no_buttons(
    windows: Windows, server: Server
) -> None:
    await add_lead(server)
    await respond(server)
    page = await open_report(windows)
    await page.emulate_media(media="print")
    for text in ("Alameda County", "As of", "How to read this", "This is the state's measure."):
        await expect(page.locator("main").get_by_text(text).first).to_be_visible()
    for name in ("Print", "Sign out"):
        await expect(page.get_by_role("button", name=name)).to_be_hidden()
    # Nothing may stand beyond the paper's edge: Letter, less the margins.
    await page.set_viewport_size({"width": 700, "height": 900})
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 700


async def test_a_period_is_chosen_and_an_empty_one_is_said(
    windows: Windows, server: Server
) -> None:
    await add_lead(server)
    page = await windows.open("lead", "/reports")
    empty = page.get_by_text("No team was promised or arrived in this period.")
    await expect(empty).to_be_visible()
    await respond(server)
    today = local_day(MachineClock().now())
    await page.get_by_role("combobox", name="Period").select_option(f"{today:%Y-%m}")
    await expect(page.locator(".share-card").first).to_contain_text("1 of 1 on time")
    assert f"since={today:%Y-%m}-01" in page.url
    await expect(page.locator("[data-period=instead]")).to_have_count(0)
    await page.get_by_role("combobox", name="Period").select_option("last")
    await expect(empty).to_be_visible()
    # Chosen, they are shown as they are.
    await expect(page.locator("[data-period=instead]")).to_have_count(0)
    await expect(page.get_by_role("combobox", name="Period")).to_have_value("last")


async def test_a_county_that_began_this_month_sees_this_month_and_is_told_so(
    windows: Windows, server: Server, tmp_path: Path
) -> None:
    await add_lead(server)
    await respond(server)
    page = await windows.open("lead", "/reports")
    await expect(page.locator("[data-period=instead]")).to_contain_text("current month to date")
    await expect(page.locator(".share-card").first).to_contain_text("1 of 1 on time")
    today = local_day(MachineClock().now())
    await expect(page.get_by_role("combobox", name="Period")).to_have_value(f"{today:%Y-%m}")
    assert "since=" not in page.url
    # The file is of the period that the page shows.
    async with page.expect_download() as waited:
        await page.get_by_role("link", name="CSV: figures").click()
    file = tmp_path / "figures.csv"
    await (await waited.value).save_as(file)
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert (rows[-1]["month"], rows[-1]["arrived_on_time"]) == ("all", "1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_report(
    windows: Windows, server: Server, axe: Axe, scheme: str, screen: Screen
) -> None:
    await add_lead(server)
    await respond(server)
    page = await open_report(windows, screen, color_scheme=scheme)
    assert await axe(page) == []
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= screen.width
    await page.locator("[data-figure='all all determination not_due_yet']").first.click()
    await expect(page.get_by_role("dialog").locator("tbody tr")).to_have_count(1)
    assert await axe(page) == []
