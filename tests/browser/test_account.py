"""One's own account in a browser: where one is signed in, and the password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.web.kit import PASSWORD


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
async def test_somebody_signs_a_lost_device_out_and_changes_the_password(
    windows: Windows, axe: Axe, screen: Screen
) -> None:
    lost = await windows.open("desk", "/reports")
    page = await windows.open("desk", "/reports", screen)
    await page.get_by_role("link", name="desk").click()
    await expect(page.get_by_text("This page")).to_be_visible()
    assert await axe(page) == []
    if folder := os.environ.get("CRISIS_PICTURES"):
        await page.screenshot(path=Path(folder) / f"account-{screen.width}.png", full_page=True)
    await page.get_by_role("button", name="Sign it out").first.click()
    await expect(page.get_by_role("button", name="Sign it out")).to_have_count(0)
    await lost.reload()
    await expect(lost.get_by_label("Username")).to_be_visible()

    await page.get_by_label("Present password").fill(PASSWORD)
    await page.get_by_label("New password").fill("Password12345")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("none that many people use: four words").last).to_be_visible()
    # What was typed is still there.
    await expect(page.get_by_label("New password")).to_have_value("Password12345")
    await page.get_by_label("New password").fill("blue kettle river stone")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("The password is changed.")).to_be_visible()
    windows.excuse("422")
