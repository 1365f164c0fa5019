"""Whole stories, with every page open at once: from the caller's words to the lead's figures."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Windows, folder_in
from tests.browser.leaping import LEAP
from tests.browser.test_board import Hands, ready
from tests.browser.test_phone import events_of, nothing_waits, on_shift, says, statuses_of
from tests.browser.test_reports import add_lead
from tests.e2e.kit import Server, call_sign, http_client
from tests.web.kit import Client

#: How long a page may take until it is back by itself; its pauses between tries grow to 15 s.
BACK_WITHIN_MS = 30_000
#: A page hears the county's time with the next beat, each 10 s.
NEXT_BEAT_MS = 25_000
COUNTY_ZONE = ZoneInfo("America/Los_Angeles")


@pytest.fixture
async def desk_api(server: Server) -> AsyncIterator[Client]:
    """The desk through the API: to look, not to act."""
    async with http_client(server) as http:
        yield await server.sign_in("desk", http)


async def take_down(hands: Hands, *, address: str, story: str) -> None:
    """Fill in the form for a new call, by keyboard, up to the decision."""
    await hands.press("n")
    await expect(hands.page.locator("[name=address]")).to_be_focused()
    await hands.type(address)
    await hands.press("Tab")
    await hands.type("37.8 122.27")
    await hands.page.locator("[name=narrative]").focus()
    await hands.type(story)
    await hands.press("Alt+2")


async def offer_to_the_phone(hands: Hands) -> None:
    """Offer the open incident to the team that is ranked first: the one with the phone."""
    top = hands.page.locator(".recommend li.top")
    await expect(top).to_have_attribute("data-candidate", call_sign(0))
    await hands.press("Enter")
    await expect(hands.page.locator(f"[data-offer='{call_sign(0)}']")).to_be_visible()


async def clear(phone: Page) -> None:
    """End the run with a safety plan."""
    await phone.tap("[data-act=clear]")
    await phone.tap("[data-code=stabilized_safety_plan]")
    await phone.get_by_label("Safety plan").select_option("written")
    await phone.tap("[data-act=clear-now]")
    await expect(phone.locator("[data-duty=available]")).to_be_visible(timeout=15_000)


async def incident_of(api: Client, number: int) -> str:
    """The id of an incident on the board, by its number."""
    board = (await api.get("/board", view="desk")).json()
    found = [one for one in board["up"] if one["k"] == "incident" and one["number"] == number]
    assert len(found) == 1, board
    incident_id: str = found[0]["id"]
    return incident_id


async def sees(board: Page, number: int, phase: str) -> None:
    """The board shows by itself that the incident has come so far."""
    row = board.locator(f"[data-number='{number}'][data-phase={phase}]")
    await expect(row).to_be_visible(timeout=15_000)


async def open_timeline(report: Page) -> None:
    """From the report's figure down to the timeline of its one response."""
    await report.locator("[data-figure='all all arrival on_time']").first.click()
    listed = report.get_by_role("dialog")
    await expect(listed.locator("tbody tr")).to_have_count(1)
    await listed.get_by_role("button", name="Open the timeline of incident 1").click()
    await listed.get_by_label("Purpose").select_option("quality_review")
    await listed.get_by_role("button", name="Open", exact=True).click()
    for kind in ("incident_opened", "team_determined", "offer_made", "offer_accepted"):
        await expect(listed.locator(f"[data-event={kind}]")).to_be_visible()


async def test_a_call_taken_at_the_desk_page_is_driven_at_the_phone_page_and_found_in_the_report(
    windows: Windows, server: Server, desk_api: Client
) -> None:
    await add_lead(server)
    board = await ready(await windows.open("desk", "/board"))
    report = await windows.open("lead", "/reports")
    await expect(report.get_by_text("No team was promised or arrived")).to_be_visible()
    phone = await on_shift(windows)
    await expect(phone.locator("[data-position=on]")).to_contain_text("received")

    hands = Hands(board)
    await take_down(hands, address="901 P St", story="Hears voices, alone.")
    await hands.press("Control+Enter")
    await offer_to_the_phone(hands)

    await phone.tap("[data-act=accept]")
    await sees(board, 1, "assigned")
    await expect(phone.get_by_text("901 P St")).to_be_visible()
    await says(phone, "en_route")
    await sees(board, 1, "responding")
    await says(phone, "on_scene")
    await sees(board, 1, "on_scene")
    await expect(board.locator("[data-number='1']")).to_contain_text("In time")
    await says(phone, "contact")
    await says(phone, "assessed")
    incident_id = await incident_of(desk_api, 1)
    await clear(phone)
    await sees(board, 1, "cleared")

    assert await statuses_of(desk_api, incident_id) == [
        "en_route",
        "on_scene",
        "contact",
        "assessed",
        "cleared",
        "ready",
    ]
    await report.reload()
    await expect(report.locator(".share-card").first).to_contain_text("1 of 1 on time")
    await open_timeline(report)
    # What the phone said stands there word for word, in the order in which it was said.
    said = report.get_by_role("dialog").locator("[data-event=status_reported]")
    await expect(said).to_have_count(6)
    for place, words in enumerate(("En route", "On scene", "With the person", "Assessed")):
        await expect(said.nth(place)).to_contain_text(words)


async def test_a_server_killed_in_the_middle_costs_neither_what_was_tapped_nor_what_was_typed(
    windows: Windows, server: Server, desk_api: Client
) -> None:
    await add_lead(server)
    board = await ready(await windows.open("desk", "/board"))
    phone = await on_shift(windows)
    await expect(phone.locator("[data-position=on]")).to_contain_text("received")
    hands = Hands(board)
    await take_down(hands, address="901 P St", story="Hears voices, alone.")
    await hands.press("Control+Enter")
    await offer_to_the_phone(hands)
    await phone.tap("[data-act=accept]")
    await says(phone, "en_route")
    await sees(board, 1, "responding")
    incident_id = await incident_of(desk_api, 1)

    # The power fails while the team arrives and the next caller speaks.
    await take_down(hands, address="12 Elm St", story="Speaks of ending it")
    await server.kill()
    await says(phone, "on_scene")
    await says(phone, "contact")
    await expect(phone.locator("[data-heard=stale]")).to_be_visible()
    await expect(board.locator("[data-fresh=stale]")).to_be_visible()
    await board.locator("[name=narrative]").focus()
    await hands.press("End")
    await hands.type(", has pills.")
    await hands.press("Control+Enter")
    await expect(board.locator(".intake")).to_contain_text("Nobody answered.", timeout=15_000)
    await expect(phone.locator(".status [data-progress=saved]")).to_be_visible(timeout=15_000)

    await server.start()
    await expect(board.locator("[data-fresh=live]")).to_be_visible(timeout=BACK_WITHIN_MS)
    await expect(phone.locator("[data-heard=live]")).to_be_visible(timeout=BACK_WITHIN_MS)
    await nothing_waits(phone)
    await sees(board, 1, "on_scene")
    await expect(board.locator("[name=address]")).to_have_value("12 Elm St")
    await board.locator("[name=narrative]").focus()
    await hands.press("Control+Enter")
    await sees(board, 2, "waiting")
    records = (await desk_api.get(f"/incidents/{await incident_of(desk_api, 2)}/records")).json()
    told = [one["fields"] for one in records["records"]]
    assert any(one.get("address") == "12 Elm St" for one in told), told
    assert any("Speaks of ending it, has pills." in one.values() for one in told), told

    await says(phone, "assessed")
    await clear(phone)
    await sees(board, 1, "cleared")
    reported = await events_of(desk_api, incident_id, "status_reported")
    assert [one["body"]["status"] for one in reported] == [
        "en_route",
        "on_scene",
        "contact",
        "assessed",
        "cleared",
        "ready",
    ]
    happened = [datetime.fromisoformat(one["occurred_at"]) for one in reported]
    assert happened == sorted(happened)
    # It counts from the tap, not from when somebody could hear it.
    assert happened[1] < datetime.fromisoformat(reported[1]["recorded_at"])

    report = await windows.open("lead", "/reports")
    await expect(report.locator(".share-card").first).to_contain_text("1 of 1 on time")
    windows.excuse("ERR_CONNECTION_REFUSED")
    windows.excuse("ERR_CONNECTION_RESET")
    windows.excuse("ERR_EMPTY_RESPONSE")
    windows.excuse("WebSocket connection")


@pytest.fixture
async def leaping(built: None, dsn: str, open_folder: Path) -> AsyncIterator[Server]:
    """A server whose county time leaps an hour ahead when it is told to."""
    folder = folder_in(open_folder)
    async with Server.running(folder, dsn=dsn, module="tests.browser.leaping") as running:
        yield running


@pytest.fixture
async def hour_windows(chromium: Browser, leaping: Server) -> AsyncIterator[Windows]:
    """Windows before the server whose time leaps."""
    opened = Windows(chromium, leaping)
    yield opened
    await opened.close()
    assert opened.complaints == []


async def leave_alone(server: Server, pages: list[Page], *, counting: bool) -> None:
    """Let an hour pass for the county and for the devices that the pages stand on.

    ``counting``: whether the devices' own counting went on in their sleep, as on some it does.
    """
    assert server.process is not None
    server.process.send_signal(signal.SIGUSR1)
    for page in pages:
        if counting:
            await page.clock.fast_forward(int(LEAP.total_seconds() * 1000))
        else:
            await page.clock.set_system_time(datetime.now(UTC) + LEAP)


async def shows_the_time(board: Page, api: Client) -> None:
    """The board's clock is the county's, to two seconds."""
    shown = await board.locator(".bar time").inner_text()
    now = await time_of(api)
    hours, minutes, seconds = (int(part) for part in shown.split(":"))
    local = now.astimezone(COUNTY_ZONE)
    ahead = timedelta(hours=hours % 24, minutes=minutes, seconds=seconds) - timedelta(
        hours=local.hour, minutes=local.minute, seconds=local.second
    )
    assert abs(ahead) < timedelta(seconds=3), (shown, local)


async def time_of(api: Client) -> datetime:
    """The county's present instant."""
    return datetime.fromisoformat((await api.get("/policy")).json()["now"])


@pytest.mark.parametrize("counting", [True, False], ids=["counting on", "standing still"])
async def test_a_board_and_a_phone_left_alone_for_an_hour_show_what_is_true_and_still_act(
    hour_windows: Windows, leaping: Server, counting: bool
) -> None:
    windows = hour_windows
    board = await ready(await windows.open("desk", "/board"))
    phone = await on_shift(windows)
    for page in (board, phone):
        await page.clock.install()
        await page.reload()
    await ready(board)
    await expect(phone.locator("[data-position=on]")).to_contain_text("received")
    hands = Hands(board)
    await take_down(hands, address="901 P St", story="Hears voices, alone.")
    await hands.press("Control+Enter")
    await offer_to_the_phone(hands)
    await phone.tap("[data-act=accept]")
    await says(phone, "en_route")
    await nothing_waits(phone)
    await hands.press("Escape")
    await take_down(hands, address="12 Elm St", story="Speaks of ending it.")
    await hands.press("Control+Enter")
    await sees(board, 2, "waiting")
    async with http_client(leaping) as http:
        api = await leaping.sign_in("desk", http)
        await leave_alone(leaping, [board, phone], counting=counting)

        for number in (1, 2):
            row = board.locator(f"[data-number='{number}']")
            await expect(row.locator(".deadline")).to_contain_text("Over by", timeout=NEXT_BEAT_MS)
        await expect(board.locator("[data-number='2'].age-older")).to_be_visible()
        await expect(board.locator("[data-fresh=live]")).to_be_visible(timeout=BACK_WITHIN_MS)
        await shows_the_time(board, api)
        await expect(phone.locator("[data-heard=live]")).to_be_visible(timeout=BACK_WITHIN_MS)
        await expect(phone.locator(".deadline .late")).to_be_visible(timeout=NEXT_BEAT_MS)
        await expect(phone.locator(".status time")).to_contain_text("1 h 1 min")
        # Nobody heard of the team for an hour: that is an alarm, and the crew is told.
        await expect(board.locator("[data-duress]")).to_be_visible()
        await expect(phone.get_by_text("A check-in was missed.")).to_be_visible()
        await phone.tap("[data-act=we-are-safe]")
        await nothing_waits(phone)
        # The desk hears it; the alarm is the desk's to end.
        await expect(board.get_by_text("A crew answered a missed check-in")).to_be_visible()
        await expect(phone.get_by_text("until the desk has spoken with you")).to_be_visible()
        await expect(board.locator("[data-duress]")).to_be_visible()
        (answered,) = await events_of(api, await incident_of(api, 1), "obligation_done")
        assert answered["body"]["late"] is True

        await says(phone, "on_scene")
        await nothing_waits(phone)
        await expect(board.locator("[data-number='1'] .deadline.missed")).to_be_visible()
        (arrived,) = [
            one
            for one in await events_of(api, await incident_of(api, 1), "status_reported")
            if one["body"]["status"] == "on_scene"
        ]
        since = await time_of(api) - datetime.fromisoformat(arrived["occurred_at"])
        assert since < timedelta(minutes=1)
        await board.locator("[data-number='2']").click()
        await board.locator("[data-candidate] button").first.click()
        await expect(board.locator("[data-number='2'] .teams")).to_contain_text("Offered")
        # A rate taken from the leap would have led the clock astray by now.
        await shows_the_time(board, api)
    if counting:
        windows.excuse("WebSocket connection")
