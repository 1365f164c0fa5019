"""A follow-up worker's page: whom to reach, why, and what came of it, without anything else."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from crisis.clock import MachineClock
from crisis.roles import Role
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from tests.browser.conftest import DESK, PHONE, Axe, Screen, Windows
from tests.e2e.kit import Server, team_id
from tests.web.kit import ALAMEDA, OAKLAND, PASSWORD


async def _worker(dsn: str) -> None:
    passwords = Passwords()
    async with Database.open(dsn) as database:
        accounts = Accounts(database, MachineClock(), passwords)
        account = await accounts.create_account("fay", "Fay", password=PASSWORD)
        roles = frozenset({Role.FOLLOW_UP_WORKER})
        await accounts.grant(account, Grant(county_id=ALAMEDA, roles=roles))
    passwords.close()


async def _served(server: Server) -> None:
    """One person met and left at home, whom somebody must call within three days."""
    async with httpx.AsyncClient() as http:
        desk = await server.sign_in("desk", http)
        desk.http.base_url = httpx.URL(server.url)
        caller = {"name": "Sam Sample", "callback": "555-0123"}
        call = await desk.do("/calls", answered=True, caller=caller)
        place = {"point": OAKLAND, "location_type": "home"}
        opened = await desk.do("/incidents", call_id=call["call_id"], place=place)
        path = f"/incidents/{opened['incident_id']}"
        await desk.do(f"{path}/determination", decision="dispatch", acuity="urgent")
        body = {"team_id": team_id(0), "override_reason": "knows_area"}
        offer = await desk.do(f"{path}/offers", **body)
        run = await desk.do(f"/offers/{offer['offer_id']}/accept", said_by="clinician")
        run_path = f"/assignments/{run['assignment_id']}"
        for status in ("en_route", "on_scene", "contact"):
            more = {"briefed_by": "clinician"} if status == "en_route" else {}
            await desk.do(f"{run_path}/status", status=status, said_by="clinician", **more)
        encounter = {"disposition": "stabilized_referral", "plan": "written"}
        await desk.do(f"{run_path}/clear", said_by="clinician", encounters=[encounter])


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_follow_up_worker_finds_tries_and_settles_what_is_owed(
    windows: Windows, server: Server, dsn: str, axe: Axe, screen: Screen
) -> None:
    await _worker(dsn)
    await _served(server)
    page = await windows.blank(screen)
    await page.goto("/")
    await page.fill("[name=username]", "fay")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url("**/follow-up")
    item = page.locator("[data-obligation=follow_up]")
    await item.get_by_role("button").first.click()
    await expect(item.get_by_text("Sam Sample")).to_be_visible()
    await expect(item.get_by_role("link", name="555-0123")).to_have_attribute(
        "href", "tel:555-0123"
    )
    assert await axe(page) == []
    if folder := os.environ.get("CRISIS_PICTURES"):
        await page.screenshot(path=Path(folder) / f"follow-up-{screen.width}.png", full_page=True)
    await item.get_by_role("button", name="Take it over").click()
    await expect(page.get_by_role("heading", name="Yours (1)")).to_be_visible()
    await item.get_by_label("Note").fill("Called twice")
    await item.get_by_role("button", name="Add the note").click()
    await expect(item.get_by_text("Called twice")).to_be_visible()
    what = item.get_by_label("What came of it")
    await what.select_option("tried no_answer")
    await item.get_by_label("How").select_option("telehealth_audio")
    await item.get_by_label("How").select_option("telehealth_audio")
    await item.get_by_role("button", name="Write down").click()
    await expect(item.get_by_text("one try")).to_be_visible()
    await what.select_option("met reached_stable")
    await item.get_by_label("How").select_option("telehealth_audio")
    await item.get_by_label("How").select_option("telehealth_audio")
    await item.get_by_role("button", name="Write down").click()
    await expect(item).to_have_count(0)
