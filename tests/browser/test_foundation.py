"""What every page stands on: signing in, staying live, and the rules that no page may break."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.e2e.kit import Server

LIVE = "[data-fresh=live]"


async def test_somebody_signs_in_and_sees_the_county_live(windows: Windows) -> None:
    page = await windows.open("desk", "/board")
    await expect(page.locator(LIVE)).to_be_visible()
    await expect(page.get_by_text("Blue 0").first).to_be_visible()


async def test_a_wrong_password_is_said_in_words_and_nothing_else(windows: Windows) -> None:
    page = await windows.blank()
    await page.goto("/board")
    await page.fill("[name=username]", "desk")
    await page.fill("[name=password]", "not the password")
    await page.click("button[type=submit]")
    await expect(page.get_by_role("alert")).to_have_text("Username or password is wrong.")
    # The browser notes the refused request by itself.
    windows.excuse("401")


async def test_the_board_comes_back_by_itself_after_a_restart_of_the_server(
    windows: Windows, server: Server
) -> None:
    page = await windows.open("desk", "/board")
    await expect(page.locator(LIVE)).to_be_visible()
    await server.end()
    await expect(page.locator("[data-fresh=stale]")).to_be_visible()
    await server.start()
    await expect(page.locator(LIVE)).to_be_visible(timeout=20_000)
    # A browser notes each socket and request that nobody answers.
    windows.excuse("ERR_CONNECTION_REFUSED")
    windows.excuse("WebSocket connection")
    # The map may have been loading still.
    windows.excuse("Worker failed to load")


async def test_the_pages_speak_the_browsers_language(windows: Windows) -> None:
    page = await windows.blank(locale="es-US")
    await page.goto("/sign-in")
    await expect(page.get_by_role("heading")).to_have_text("Iniciar sesión")
    await expect(page.locator("html")).to_have_attribute("lang", "es")


async def test_a_script_that_somebody_planted_does_not_run(windows: Windows) -> None:
    page = await windows.blank()
    await page.goto("/sign-in")
    await page.evaluate(
        """() => {
            const planted = document.createElement("script");
            planted.textContent = "document.title = 'planted'";
            document.body.append(planted);
        }"""
    )
    assert await page.title() != "planted"
    assert any("Content Security Policy" in one for one in windows.complaints)
    windows.excuse("Content Security Policy")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
async def test_everybody_can_use_the_sign_in_page(
    windows: Windows, axe: Axe, scheme: str, screen: Screen
) -> None:
    page = await windows.blank(screen, color_scheme=scheme)
    await page.goto("/sign-in")
    await expect(page.get_by_role("heading")).to_be_visible()
    assert await axe(page) == []
