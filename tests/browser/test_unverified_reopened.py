"""What nobody has verified is said on every page; and what was ended in error is opened again."""

from __future__ import annotations

import httpx
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import DESK, PHONE, Axe, Windows
from tests.e2e.kit import Server
from tests.web.kit import ALAMEDA

OAKLAND = {"lat_deg": 37.8044, "lon_deg": -122.2712}
BULLETIN = """
version = "BHIN 27-001"
[[fact]]
key = "response.unclassified.minutes"
value = 60
effective_from = 2026-01-01
source = "BHIN 27-001, page 3"
verified = true
"""


async def test_every_page_says_what_of_the_rules_nobody_has_verified(
    windows: Windows, axe: Axe
) -> None:
    for path in ("/board", "/reports"):
        for screen in (DESK, PHONE):
            page = await windows.open("desk", path, screen)
            told = page.get_by_text("standards not verified")
            await expect(told).to_be_visible()
            await told.click()
            await expect(page.get_by_text("Hours to follow up")).to_be_visible()
            assert await axe(page) == []
            await page.close()


async def test_an_edition_of_standards_is_looked_at_and_loaded(windows: Windows, axe: Axe) -> None:
    page = await windows.open("desk", f"/admin/{ALAMEDA}/rules")
    await expect(page.get_by_role("row", name="response.unclassified.minutes")).to_contain_text(
        "not verified"
    )
    assert await axe(page) == []
    file = FilePayload(name="b.toml", mimeType="text/plain", buffer=BULLETIN.encode())
    await page.get_by_label("What it is").select_option("standards")
    await page.get_by_label("TOML file").set_input_files([file])
    await page.get_by_role("button", name="Show what would change").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("BHIN 27-001")
    assert await axe(page) == []
    await page.get_by_role("button", name="Load this edition").click()
    await expect(page.get_by_role("status")).to_contain_text("The edition is loaded")
    await expect(page.get_by_role("row", name="response.unclassified.minutes")).to_contain_text(
        "BHIN 27-001, page 3"
    )


async def test_an_incident_cancelled_in_error_is_found_and_opened_again(
    windows: Windows, server: Server, axe: Axe
) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        desk = await server.sign_in("desk", http)
        place = {"point": OAKLAND, "location_type": "home"}
        opened = await desk.do("/incidents", place=place)
        incident_id, number = opened["incident_id"], opened["number"]
        path = f"/incidents/{incident_id}"
        await desk.do(f"{path}/determination", decision="dispatch", acuity="urgent")
        await desk.do(f"{path}/cancel", reason="caller_cancelled")
    page = await windows.open("desk", "/board")
    await page.get_by_role("button", name="Find", exact=False).first.click()
    await page.locator(f'[data-found="{number}"]').click()
    await page.get_by_role("button", name="Supervision").click()
    await page.get_by_role("button", name="Open again", exact=False).first.click()
    assert await axe(page) == []
    await page.get_by_label("Why it goes on").select_option("ended_in_error")
    await page.get_by_role("button", name=f"Open incident {number} again").click()
    await expect(page.locator('[data-event="incident_reopened"]')).to_be_visible()
    await expect(page.locator('[data-event="incident_reopened"]')).to_contain_text("Ended in error")
    await expect(page.locator(f'[data-number="{number}"]').first).to_be_visible()
