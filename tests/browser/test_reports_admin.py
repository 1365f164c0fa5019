"""The administration in a browser: its forms are sent by its script, and its pages are usable."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import FilePayload, expect

from crisis.clock import MachineClock
from crisis.standards import local_day
from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.web.kit import ALAMEDA

HERE = f"/admin/{ALAMEDA}"


async def test_a_county_is_set_up_by_hand_and_from_a_file(windows: Windows) -> None:
    page = await windows.open("desk", HERE)
    await page.get_by_role("link", name="Agencies", exact=True).click()
    await page.get_by_label("Name").fill("Open Door")
    await page.get_by_role("button", name="Add an agency").click()
    await expect(page.get_by_role("status")).to_have_text("The agency is there.")
    await expect(page.get_by_role("rowheader", name="Open Door")).to_be_visible()

    await page.get_by_role("link", name="Teams", exact=True).click()
    await page.get_by_role("link", name="Import CSV").click()
    rows = "call_sign,agency\nGreen 1,Open Door\nGreen 2,Nowhere\n"
    file = FilePayload(name="teams.csv", mimeType="text/csv", buffer=rows.encode())
    await page.get_by_label("CSV file").set_input_files([file])
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.locator("[data-kind=add]")).to_contain_text("Green 1")
    await expect(page.locator("[data-kind=bad]")).to_contain_text("There is no agency Nowhere")
    await page.get_by_role("button", name="Import 1 row").click()
    await expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    await page.goto(f"{HERE}/teams")
    await expect(page.get_by_role("link", name="Green 1")).to_be_visible()


async def test_what_was_entered_stays_where_a_form_is_refused(windows: Windows) -> None:
    page = await windows.open("desk", f"{HERE}/policy/new")
    await page.locator("[name=version]").fill("2099-01")
    await page.get_by_label("Holds from").fill("2099-01-01T00:00")
    await page.get_by_label("offers.watchdog_s").fill("soon")
    await page.get_by_role("button", name="Show what it changes").click()
    await expect(page.get_by_role("alert")).to_contain_text(
        "(offers.watchdog_s): a number is expected"
    )
    await expect(page.get_by_label("offers.watchdog_s")).to_have_value("soon")
    # The browser notes the refused request by itself.
    windows.excuse("422")
    await page.get_by_label("offers.watchdog_s").fill("45")
    await page.get_by_role("button", name="Show what it changes").click()
    await expect(page.get_by_role("row", name="offers.watchdog_s")).to_contain_text("45 s")
    await page.get_by_role("button", name="Save this version").click()
    await expect(page.get_by_text("2099-01", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("2099-01", exact=True)).to_be_visible()


async def test_a_choice_of_language_and_appearance_holds_on_all_pages(windows: Windows) -> None:
    page = await windows.open("desk", HERE)
    await page.get_by_label("Language").select_option("vi")
    await expect(page.get_by_role("link", name="Ca trực", exact=True)).to_be_visible()
    await page.get_by_label("Giao diện").select_option("dark_contrast")
    root = page.locator("html")
    await expect(root).to_have_attribute("data-contrast", "more")
    await page.goto("/reports")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thời gian đáp ứng")
    await expect(root).to_have_attribute("data-theme", "dark")
    await page.goto(f"{HERE}/shifts")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ca trực")
    await expect(root).to_have_attribute("data-theme", "dark")


async def test_zones_are_drawn_before_they_are_loaded(windows: Windows, axe: Axe) -> None:
    page = await windows.open("desk", f"{HERE}/zones")
    ring = "[[-121.8,37.5],[-121.6,37.5],[-121.6,37.7],[-121.8,37.7],[-121.8,37.5]]"
    text = (
        '{"type":"Feature","properties":{"name":"Hills","area_class":"rural"},'
        f'"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}'
    )
    file = FilePayload(name="zones.geojson", mimeType="application/json", buffer=text.encode())
    await page.get_by_label("GeoJSON file").set_input_files([file])
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("what it would change")
    await expect(page.locator(".zone-map .rural").first).to_be_visible()
    assert await axe(page) == []
    await page.get_by_role("button", name="Load this edition").click()
    await expect(page.get_by_role("status")).to_contain_text("The edition is loaded")
    await expect(page.get_by_role("row", name="Hills")).to_be_visible()


async def test_a_token_is_issued_and_ended_by_hand(windows: Windows) -> None:
    page = await windows.open("desk", f"{HERE}/tokens/new")
    await page.get_by_label("System").fill("Trackers")
    await page.get_by_label("Send positions of teams").check()
    last = local_day(MachineClock().now()) + timedelta(days=90)
    await page.get_by_label("Last day").fill(last.isoformat())
    await page.get_by_role("button", name="Issue the token").click()
    await expect(page.get_by_text("crisis_")).to_be_visible()
    await page.get_by_role("link", name="To the tokens").click()
    await expect(page.get_by_role("rowheader", name="Trackers")).to_be_visible()
    page.on("dialog", lambda asked: asked.accept())
    await page.get_by_role("button", name="End the token of Trackers").click()
    await expect(page.get_by_role("status")).to_contain_text("The token is ended")
    await expect(page.get_by_role("rowheader", name="Trackers")).to_have_count(0)


async def test_nothing_that_the_administration_asks_for_is_missing(windows: Windows) -> None:
    page = await windows.open("desk", HERE)
    missing: list[str] = []
    page.on("response", lambda found: missing.append(found.url) if found.status >= 400 else None)
    await page.goto(HERE)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    # Browsers ask for it by themselves, and Playwright hides that they do.
    icon = await page.request.get("/favicon.ico")
    assert (icon.status, icon.headers["content-type"]) == (200, "image/svg+xml")
    assert missing == []
    assert windows.complaints == []


@pytest.mark.parametrize(
    ("screen", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"]
)
async def test_everybody_can_use_the_administration(
    windows: Windows, axe: Axe, screen: Screen, scheme: str
) -> None:
    page = await windows.open("desk", HERE, screen, color_scheme=scheme)
    for path in (
        "",
        "/agencies",
        "/teams",
        "/teams/new",
        "/people",
        "/people/new",
        "/shifts",
        "/shifts/new",
        "/users",
        "/users/new",
        "/zones",
        "/policy",
        "/policy/new",
        "/tokens",
        "/tokens/new",
        "/import/people",
    ):
        await page.goto(f"{HERE}{path}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await axe(page) == [], path
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= screen.width, path
