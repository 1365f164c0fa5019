"""A refusal and a warning reach whoever acts at the desk, with what they had typed kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Windows
from tests.e2e.kit import Server, http_client, team_id
from tests.web.kit import OAKLAND, Client

REFUSED = (
    '{"type":"about:blank","title":"","status":409,"code":"offer_closed",'
    '"detail":"Canary: it was closed before."}'
)
WARNED = (
    '{"seq":1,"result":{"warnings":[{"code":"canary","sentence":"Canary: something to know."}]}}'
)


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Client]:
    """A dispatcher, through the API."""
    async with http_client(server) as http:
        yield await server.sign_in("desk", http)


async def opened(windows: Windows, api: Client) -> tuple[Page, str]:
    """The board with an incident open that waits for a team; and its id."""
    place = {"point": OAKLAND, "location_type": "home", "address": "1 Broadway"}
    made = await api.do("/incidents", place=place)
    incident_id: str = made["incident_id"]
    await api.do(f"/incidents/{incident_id}/determination", decision="dispatch", acuity="urgent")
    desk = await windows.open("desk", "/board")
    await desk.locator(f"[data-number='{made['number']}']").first.click()
    await expect(desk.locator(".detail, [data-detail], .beside").first).to_be_visible()
    return desk, incident_id


async def test_a_refusal_whose_button_has_gone_is_read_all_the_same(
    windows: Windows, api: Client
) -> None:
    desk, incident_id = await opened(windows, api)
    made = await api.do(
        f"/incidents/{incident_id}/offers", team_id=team_id(0), override_reason="team_asked"
    )
    button = desk.get_by_role("button", name="They accept (by voice)")
    await expect(button).to_be_visible()
    may_answer = asyncio.Event()

    async def late(route: Route) -> None:
        await may_answer.wait()
        await route.fulfill(status=409, content_type="application/problem+json", body=REFUSED)

    await desk.route("**/accept", late)
    await desk.get_by_label("Who says it").select_option("team")
    await button.click()
    await api.do(f"/offers/{made['offer_id']}/withdraw", reason="dispatcher")
    await expect(button).to_have_count(0)
    may_answer.set()
    unread = desk.locator("[data-unread=refused]")
    await expect(unread).to_contain_text("Canary: it was closed before.")
    await unread.get_by_role("button").click()
    await expect(unread).to_have_count(0)
    windows.excuse("409")


async def test_a_refusal_that_was_on_the_screen_when_its_button_went_stays(
    windows: Windows, api: Client
) -> None:
    desk, incident_id = await opened(windows, api)
    made = await api.do(
        f"/incidents/{incident_id}/offers", team_id=team_id(0), override_reason="team_asked"
    )

    async def refuse(route: Route) -> None:
        await route.fulfill(status=409, content_type="application/problem+json", body=REFUSED)

    await desk.route("**/accept", refuse)
    await desk.get_by_label("Who says it").select_option("team")
    await desk.get_by_role("button", name="They accept (by voice)").click()
    await expect(desk.get_by_text("Canary: it was closed before.")).to_be_visible()
    await api.do(f"/offers/{made['offer_id']}/withdraw", reason="dispatcher")
    await expect(desk.locator("[data-unread=refused]")).to_contain_text("Canary")
    windows.excuse("409")


async def test_what_an_act_is_warned_of_stands_somewhere_until_it_was_read(
    windows: Windows, api: Client
) -> None:
    desk, _ = await opened(windows, api)

    async def warn(route: Route) -> None:
        await route.fulfill(status=200, content_type="application/json", body=WARNED)

    await desk.route("**/notes", warn)
    await desk.keyboard.press("b")
    note = desk.get_by_role("textbox", name="Note")
    await note.fill("Dog in the yard.")
    await desk.get_by_role("button", name="Write down").click()
    unread = desk.locator("[data-unread=warned]")
    await expect(unread).to_contain_text("Canary: something to know.")
    await unread.get_by_role("button").click()
    await expect(unread).to_have_count(0)


async def test_a_note_that_was_refused_is_still_there_when_its_form_is_opened_again(
    windows: Windows, api: Client
) -> None:
    desk, _ = await opened(windows, api)

    async def refuse(route: Route) -> None:
        await route.fulfill(status=409, content_type="application/problem+json", body=REFUSED)

    await desk.route("**/notes", refuse)
    await desk.keyboard.press("b")
    note = desk.get_by_role("textbox", name="Note")
    await note.fill("Dog in the yard.")
    await desk.get_by_role("button", name="Write down").click()
    await expect(desk.get_by_text("Canary: it was closed before.")).to_be_visible()
    await desk.keyboard.press("Escape")
    await expect(note).to_have_count(0)
    await expect(desk.locator("[data-unread=refused]")).to_contain_text("Canary")
    await desk.keyboard.press("b")
    await expect(note).to_have_value("Dog in the yard.")
    windows.excuse("409")
