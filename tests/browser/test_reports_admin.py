"""The administration in a browser: its forms are sent by its script, and its pages are usable."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.web.kit import ALAMEDA

HERE = f"/admin/{ALAMEDA}"


async def test_a_county_is_set_up_by_hand_and_from_a_file(windows: Windows) -> None:
    page = await windows.open("desk", HERE)
    await page.get_by_role("link", name="Agencies", exact=True).click()
    await page.get_by_label("Name").fill("Open Door")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("status")).to_have_text("The agency is there.")
    await expect(page.get_by_role("rowheader", name="Open Door")).to_be_visible()

    await page.get_by_role("link", name="Teams", exact=True).click()
    await page.get_by_role("link", name="Import CSV").click()
    rows = "call_sign,agency\nGreen 1,Open Door\nGreen 2,Nowhere\n"
    file = FilePayload(name="teams.csv", mimeType="text/csv", buffer=rows.encode())
    await page.get_by_label("CSV file").set_input_files([file])
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.locator("[data-kind=add]")).to_contain_text("add team Green 1")
    await expect(page.locator("[data-kind=bad]")).to_contain_text("There is no agency Nowhere")
    await page.get_by_role("button", name="Import 1 rows").click()
    await expect(page.get_by_role("heading", name="Imported teams")).to_be_visible()
    await page.goto(f"{HERE}/teams")
    await expect(page.get_by_role("link", name="Green 1")).to_be_visible()


async def test_what_was_entered_stays_where_a_form_is_refused(windows: Windows) -> None:
    page = await windows.open("desk", f"{HERE}/policy/new")
    await page.locator("[name=version]").fill("2099-01")
    await page.get_by_label("Holds from").fill("2099-01-01T00:00")
    await page.get_by_label("offers.watchdog_s").fill("soon")
    await page.get_by_role("button", name="Show what it changes").click()
    await expect(page.get_by_role("alert")).to_contain_text("offers.watchdog_s: Expected")
    await expect(page.get_by_label("offers.watchdog_s")).to_have_value("soon")
    # The browser notes the refused request by itself.
    windows.excuse("422")
    await page.get_by_label("offers.watchdog_s").fill("45")
    await page.get_by_role("button", name="Show what it changes").click()
    await expect(page.get_by_role("row", name="offers.watchdog_s")).to_contain_text("45")
    await page.get_by_role("button", name="Save this version").click()
    await expect(page.get_by_text("2099-01", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("2099-01", exact=True)).to_be_visible()


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
        "/policy",
        "/policy/new",
        "/import/people",
    ):
        await page.goto(f"{HERE}{path}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await axe(page) == [], path
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= screen.width, path
