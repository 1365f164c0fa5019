"""Help gets out whatever the phone is in, and whoever acts sees what was not done.

Whom to call stands on every screen that a crew can be left with; nothing promises what can't be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PHONE, Axe, Windows
from tests.browser.test_phone import (
    OFFLINE,
    accepted,
    cut_off,
    hold,
    nothing_waits,
    on_shift,
    received,
    says,
)
from tests.e2e.kit import Server, http_client
from tests.web.kit import Client


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Client]:
    """A dispatcher, through the API."""
    async with http_client(server) as http:
        yield await server.sign_in("desk", http)


async def can_call(page: Page) -> None:
    """911, and somebody who knows, are one tap away."""
    bar = page.locator("nav.whom-to-call")
    await expect(bar.locator("[href='tel:911']")).to_be_in_viewport()
    await expect(bar.locator("a:not([hidden])")).to_have_count(2)


async def end_session(page: Page) -> None:
    """Let the session run out, as far as the phone can tell: it keeps what it has."""

    async def refuse(route: Route) -> None:
        await route.fulfill(
            status=401,
            content_type="application/problem+json",
            body='{"type":"about:blank","title":"","status":401,"code":"session_expired",'
            '"detail":"The session has ended; sign in again."}',
        )

    await page.context.route("**/api/v1/**", refuse)


async def test_whoever_is_cut_off_or_signed_out_is_promised_nothing_and_can_call(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    await can_call(page)
    await cut_off(page)
    await expect(page.get_by_role("heading", name="Ready")).to_have_count(0)
    await expect(page.locator("main [data-call-now=call_911]")).to_be_visible()
    await can_call(page)
    await page.context.set_offline(False)
    await expect(page.get_by_role("heading", name="Ready")).to_be_visible(timeout=30_000)
    await end_session(page)
    await page.tap("[data-act=unavailable]")
    await page.tap("[data-code=break]")
    await expect(page.get_by_role("button", name="Sign in again")).to_be_visible(timeout=20_000)
    await expect(page.get_by_role("heading", name="Ready")).to_have_count(0)
    await expect(page.locator("main [data-call-now=call_911]")).to_be_visible()
    await can_call(page)
    windows.excuse(OFFLINE)
    windows.excuse("401")


async def test_the_desks_number_stands_first_and_is_kept_through_everything(
    windows: Windows, desk: Client, server: Server
) -> None:
    page = await on_shift(windows)
    known = await page.evaluate("() => localStorage.getItem('crisis.desk_phone')")
    assert known in {None, ""}
    await page.evaluate("() => localStorage.setItem('crisis.desk_phone', '+1 (510) 555-0100')")
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    await page.context.set_offline(True)
    await page.reload()
    link = page.locator("nav.whom-to-call [data-call=desk]")
    await expect(link).to_have_attribute("href", "tel:+15105550100")
    await expect(page.locator("main [data-call-now=call_desk]")).to_be_visible(timeout=20_000)
    await can_call(page)
    # What the county says counts: it has told no number.
    await page.context.set_offline(False)
    await page.reload()
    await expect(page.locator("[data-heard=live]")).to_be_visible(timeout=30_000)
    await expect(link).to_be_hidden()
    windows.excuse(OFFLINE)


@pytest.mark.parametrize("path", ["/phone", "/sign-in?next=/phone"])
async def test_a_page_whose_script_fails_still_says_whom_to_call(
    windows: Windows, path: str
) -> None:
    page = await windows.blank(PHONE)

    async def gone(route: Route) -> None:
        await route.abort()

    await page.route("**/static/*.js", gone)
    await page.goto(path)
    await can_call(page)
    await expect(page.get_by_text("This page could not start.")).to_be_visible()
    windows.excuse("ERR_FAILED")
    windows.excuse("/static/")


async def test_a_screen_that_fails_to_be_drawn_says_whom_to_call(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.evaluate("() => { Array.prototype.filter = () => { throw new Error('broken'); }; }")
    await page.tap("[data-act=more]")
    await expect(page.locator("[data-fault]")).to_be_visible()
    await expect(page.locator("main [data-call-now=call_911]")).to_be_visible()
    await can_call(page)
    await page.close()
    windows.complaints.clear()


async def test_an_alarm_of_a_phone_whose_clock_stands_in_1970_reaches_the_desk(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.clock.install(time="1970-01-01T00:05:00Z")
    await page.reload()
    await expect(page.locator(".duress")).to_be_visible(timeout=20_000)
    box = await page.locator(".duress").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 20, box["y"] + 20)
    await page.mouse.down()
    await page.clock.run_for(1500)
    await page.mouse.up()
    await expect(page.locator(".duress")).to_have_attribute("data-duress", "received")
    board = (await desk.get("/board", view="desk")).json()
    assert len([one for one in board["up"] if one["k"] == "duress"]) == 1
    windows.complaints.clear()


async def test_help_asked_for_on_an_incident_that_was_cancelled_meanwhile_is_said_undone(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    await nothing_waits(page)
    await cut_off(page)
    await page.tap("[data-act=other]")
    await page.tap("[data-code=partner]")
    await page.tap("[data-code=ems]")
    await page.tap("[data-code=medical]")
    await page.get_by_role("button", name="Note", exact=True).tap()
    await page.get_by_role("textbox").fill("Breathes badly.")
    await page.get_by_role("button", name="Save note").tap()
    await desk.do(f"/incidents/{incident_id}/cancel", reason="person_left")
    await page.context.set_offline(False)
    undone = page.locator("[data-refused=requestPartner]")
    await expect(undone).to_contain_text("EMS: nobody was asked", timeout=30_000)
    await expect(undone).to_contain_text("call now")
    await expect(undone).to_contain_text("Medical")
    await expect(undone.locator("[data-call-now=call_911]")).to_be_visible()
    # It stays until it was read, through a restart and without a network.
    await page.context.set_offline(True)
    await page.reload()
    await expect(undone).to_contain_text("EMS: nobody was asked", timeout=30_000)
    await undone.locator("[data-act=read]").tap()
    await expect(undone).to_have_count(0)
    await page.reload()
    await expect(page.locator("[data-heard]")).to_be_visible(timeout=30_000)
    await expect(undone).to_have_count(0)
    windows.excuse(OFFLINE)
    windows.excuse("409")


async def test_a_note_that_was_refused_is_kept_and_goes_again(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await accepted(page, desk)

    async def refuse(route: Route) -> None:
        await route.fulfill(
            status=403,
            content_type="application/problem+json",
            body='{"type":"about:blank","title":"","status":403,"code":"role","detail":"No."}',
        )

    await page.route("**/notes", refuse)
    await page.get_by_role("button", name="Note", exact=True).tap()
    await page.get_by_role("textbox").fill("Dog in the yard.")
    await page.get_by_role("button", name="Save note").tap()
    undone = page.locator("[data-refused=addNote]")
    await expect(undone).to_contain_text("Your note is not in the record")
    await expect(undone).to_contain_text("Dog in the yard.")
    await page.unroute("**/notes")
    await undone.locator("[data-act=again]").tap()
    await received(page, "Note")
    await expect(undone).to_have_count(0)
    windows.excuse("403")


async def test_what_a_clear_is_warned_of_stays_until_it_was_read(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    await accepted(page, desk)
    await says(page, "en_route")
    await says(page, "on_scene")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=clear]")
    await page.tap("[data-code=stabilized_referral]")
    await page.tap("[data-act=clear-now]")
    warned = page.locator("[data-warned=clearAssignment]")
    await expect(warned).to_contain_text("safety plan", timeout=30_000)
    await page.reload()
    await expect(warned).to_contain_text("safety plan", timeout=30_000)
    await warned.locator("[data-act=read]").tap()
    await expect(warned).to_have_count(0)
    await page.reload()
    await expect(page.locator("[data-heard=live]")).to_be_visible(timeout=30_000)
    await expect(warned).to_have_count(0)


async def test_everybody_can_read_what_was_not_done(
    windows: Windows, desk: Client, axe: Axe
) -> None:
    page = await on_shift(windows)
    await accepted(page, desk)
    await end_session(page)
    await hold(page, 1300)
    await expect(page.get_by_role("button", name="Sign in again")).to_be_visible(timeout=20_000)
    assert await axe(page) == []
    windows.excuse("401")
