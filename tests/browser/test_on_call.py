"""Who is rung for at night: sees what waits, takes it in hand, and says how they are reached."""

from __future__ import annotations

import httpx
from playwright.async_api import expect

from crisis.clock import MachineClock
from crisis.roles import Role
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from tests.browser.conftest import PHONE, Axe, Windows
from tests.browser.test_board import Hands, ready, take_call
from tests.web.kit import ALAMEDA, PASSWORD


async def on_call(dsn: str, name: str) -> None:
    """Somebody who may sign in and is on call, no more."""
    passwords = Passwords()
    async with Database.open(dsn) as database:
        accounts = Accounts(database, MachineClock(), passwords)
        account = await accounts.create_account(name, name.capitalize(), password=PASSWORD)
        await accounts.grant(account, Grant(county_id=ALAMEDA, roles=frozenset({Role.ON_CALL})))
    passwords.close()


async def test_on_call_opens_what_waits_and_takes_it_in_hand(
    windows: Windows, dsn: str, axe: Axe
) -> None:
    await on_call(dsn, "noor")
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()

    night = await windows.open("noor", "/on-call", PHONE)
    card = night.locator("[data-incident]").first
    await expect(card).to_contain_text("Waiting for a team")
    await expect(night.get_by_text("No address is set")).to_be_visible()
    await card.get_by_role("button", name="Where, who and what").click()
    await expect(card).to_contain_text("Facts")
    assert await axe(night) == []
    await card.get_by_role("button", name="I have it in hand").click()
    await expect(card.locator("[data-in-hand]")).to_contain_text("In hand: yours")

    await expect(desk.locator("[data-in-hand=true]")).to_contain_text("In hand: Noor")
    await expect(desk.locator("[data-in-hand=true]")).to_contain_text("asked again in")


async def test_a_caller_who_waits_too_long_is_shown_and_taken_in_hand(
    windows: Windows, dsn: str, axe: Axe
) -> None:
    await on_call(dsn, "noor")
    desk = await ready(await windows.open("desk", "/board"))
    night = await windows.open("noor", "/on-call", PHONE)
    async with httpx.AsyncClient() as http:
        line = await windows.server.sign_in("desk", http)
        line.http.base_url = httpx.URL(windows.server.url)
        await line.do("/calls", channel="voice")

    shown, card = desk.locator(".call"), night.locator(".card[data-call]")
    for one in (shown, card):
        await expect(one).to_contain_text("Waits too long", timeout=90_000)
    assert await axe(night) == [] and await axe(desk) == []

    await card.get_by_role("button", name="I have it in hand").click()
    await expect(card).to_contain_text("In hand: yours")
    await expect(shown).to_contain_text("In hand, asked again in")
    await expect(shown.get_by_role("button", name="Gave up")).to_be_visible()
    await shown.get_by_role("button", name="Answer").click()
    await expect(shown).to_have_attribute("data-call", "on_line")
    await expect(card).to_have_count(0)
