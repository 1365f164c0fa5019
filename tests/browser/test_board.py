"""The desk's board: a call is taken to dispatch by keyboard alone, and everybody sees it."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from crisis.clock import new_id
from tests.browser.conftest import DESK, Axe, Screen, Windows
from tests.e2e.kit import Server, call_sign, phone_name

#: What the peer that was measured needs for a new incident and its dispatch.
PEERS_PRESSES = 60
SIZES = (DESK, Screen(1920, 1080), Screen(1024, 768))


class Hands:
    """A keyboard that counts its presses."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.presses = 0

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.presses += 1
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        """Type a text."""
        self.presses += len(text)
        await self.page.keyboard.type(text)


async def ready(page: Page) -> Page:
    """Wait until the board is live and its codes are there."""
    await expect(page.locator("[data-fresh=live]")).to_be_visible()
    await expect(page.locator("[data-team]").first).to_be_visible()
    return page


async def raise_alarm(server: Server, number: int) -> None:
    """A phone of the seeded team ``number`` calls for help."""
    async with httpx.AsyncClient() as http:
        phone = await server.sign_in(phone_name(number), http)
        response = await http.post(
            f"{server.url}/api/v1/duress",
            json={},
            headers={**phone.headers, "Idempotency-Key": str(new_id())},
        )
        assert response.status_code == 200, response.text


async def take_call(hands: Hands, *, acuity: str = "Alt+2") -> None:
    """From the board to a determined incident, with a place that ranks teams."""
    await hands.press("n")
    await expect(hands.page.locator("[name=address]")).to_be_focused()
    await hands.type("901 P St")
    await hands.press("Tab")
    await hands.type("37.8 122.27")
    await hands.press(acuity, "Control+Enter")


async def test_a_call_is_dispatched_by_keyboard_while_another_desk_watches(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    other = await ready(await windows.open("desk", "/board"))
    hands = Hands(desk)

    await take_call(hands)
    top = desk.locator(".recommend li.top")
    await expect(top).to_be_visible()
    await hands.press("Enter")

    await expect(desk.locator("[data-offer]")).to_be_visible()
    row = other.locator("[data-number='1']")
    await expect(row).to_have_attribute("data-phase", "offered")
    await expect(row).to_contain_text("left")
    assert hands.presses < PEERS_PRESSES / 2


async def test_a_team_answers_by_voice_and_its_run_is_seen_at_the_other_desk(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    other = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    await desk.keyboard.press("o")

    await desk.get_by_label("Who says it").select_option("team")
    await desk.get_by_role("button", name="They accept (by voice)").click()
    run = desk.locator("[data-run]")
    for status in ("En route", "On scene"):
        await run.get_by_label("Who says it").select_option("team")
        await run.get_by_role("button", name=status, exact=True).click()
        await expect(run.locator("header")).to_contain_text(status)

    row = other.locator("[data-number='1']")
    await expect(row).to_have_attribute("data-phase", "on_scene")
    await expect(row).to_contain_text("In time")
    await expect(desk.locator("[data-event=status_reported]")).to_have_count(2)


async def test_what_is_typed_survives_a_closed_form_and_a_lost_socket(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await expect(desk.locator("[data-map=there]")).to_be_visible(timeout=30_000)
    await desk.keyboard.press("n")
    await desk.fill("[name=address]", "12 Elm St")
    await desk.fill("[name=narrative]", "Speaks of ending it.")
    await desk.context.set_offline(True)
    await expect(desk.locator("[data-fresh=offline]")).to_be_visible()
    await desk.keyboard.press("Escape")
    await desk.context.set_offline(False)
    await expect(desk.locator("[data-fresh=live]")).to_be_visible(timeout=40_000)

    await desk.keyboard.press("n")
    await expect(desk.locator("[name=address]")).to_have_value("12 Elm St")
    await expect(desk.locator("[name=narrative]")).to_have_value("Speaks of ending it.")
    windows.excuse("ERR_INTERNET_DISCONNECTED")


async def test_a_team_in_danger_stands_above_everything_until_it_is_resolved(
    windows: Windows, server: Server
) -> None:
    desk = await ready(await windows.open("desk", "/board?mine=1&waiting=1&q=nothing"))
    await raise_alarm(server, 0)

    alarm = desk.locator("[data-duress]")
    await expect(alarm).to_contain_text(call_sign(0))
    await desk.keyboard.press("a")
    await expect(alarm).to_have_attribute("data-duress", "acknowledged")
    # Nothing is said to have been sent, or to have ended well, before somebody says so.
    await expect(alarm.get_by_role("button", name="Help sent")).to_be_disabled()
    await expect(alarm.get_by_role("button", name="Resolve")).to_be_disabled()
    await alarm.get_by_label("Help that was sent").select_option("law_enforcement")
    await alarm.get_by_role("button", name="Help sent").click()
    await expect(alarm).to_have_attribute("data-duress", "help_sent")
    await alarm.get_by_label("How it ended").select_option("safe")
    await alarm.get_by_role("button", name="Resolve").click()
    await expect(alarm).to_have_count(0)


async def test_a_more_urgent_row_comes_in_below_the_row_under_the_cursor(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    other = await ready(await windows.open("desk", "/board"))
    await desk.keyboard.press("n")
    await desk.fill("[name=address]", "First")
    await desk.get_by_role("button", name="Open, decide later").click()
    await expect(desk.locator("[data-number='1']")).to_be_visible()

    # Its deadline runs: without a hand on the list it stands first.
    hands = Hands(other)
    await hands.press("n")
    await hands.type("Second")
    row = desk.locator("[data-number='1']")
    await row.hover()
    before = await row.bounding_box()
    await hands.press("Alt+1", "Control+Enter")
    await expect(desk.locator("[data-number='2']")).to_be_visible()
    assert await row.bounding_box() == before

    await expect(desk.locator("#incidents > :first-child")).to_have_attribute(
        "data-number", "2", timeout=25_000
    )


async def test_the_first_press_of_a_mouse_reaches_what_it_was_meant_for(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await desk.reload()
    await ready(desk)
    # Before it the sound waits for a first press, and says so in other words than after it.
    keys = desk.get_by_role("button", name="Keys")
    before = await keys.bounding_box()
    await keys.click()
    await expect(desk.locator(".help")).to_be_visible()
    assert await keys.bounding_box() == before


async def test_filters_and_the_opened_incident_stand_in_the_address(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".detail")).to_be_visible()
    await desk.keyboard.press("w")
    await expect(desk).to_have_url(re.compile(r"(?=.*waiting=1)(?=.*incident=1)"))

    await desk.reload()
    await ready(desk)
    await expect(desk.locator(".detail h2")).to_have_text("#1")
    waiting = desk.locator(".filters").get_by_role("button", name="Waiting")
    await expect(waiting).to_have_attribute("aria-pressed", "true")


async def test_another_team_than_the_first_takes_a_reason(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    second = desk.locator(".recommend li[data-candidate]").nth(1)
    await second.get_by_role("button", name="Offer").click()
    await expect(desk.locator("[data-offer]")).to_have_count(0)
    await second.get_by_label("Why this team?").select_option("knows_person")
    await desk.keyboard.press("Enter")
    await second.get_by_role("button", name="Offer").click()
    await expect(desk.locator("[data-offer]")).to_be_visible()
    await expect(desk.locator("[data-event=offer_made]")).to_contain_text("Team knows the person")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_use_it_at_every_size(
    windows: Windows, axe: Axe, scheme: str, server: Server
) -> None:
    desk = await ready(await windows.open("desk", "/board", color_scheme=scheme))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    await raise_alarm(server, 1)
    await expect(desk.locator("[data-duress]")).to_be_visible()
    await expect(desk.locator("[data-map=there]")).to_be_visible(timeout=30_000)
    for size in SIZES:
        await desk.set_viewport_size({"width": size.width, "height": size.height})
        assert await axe(desk) == []
        wide, high = await desk.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert (wide, high) == (size.width, size.height)
    await desk.keyboard.press("n")
    await expect(desk.locator("[name=address]")).to_be_focused()
    assert await axe(desk) == []
