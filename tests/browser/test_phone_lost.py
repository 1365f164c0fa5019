"""A lost phone tells nothing, and a phone that was switched off still knows its run.

Each test has a browser profile of its own on disk, and reads every file of it: what somebody with
the phone in their hands could read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Playwright, expect

from tests.browser.conftest import _FLAGS, _NAMES, PHONE, folder_in
from tests.browser.test_phone import HERE, cut_off, nothing_waits, received, says
from tests.e2e.kit import Server, http_client, phone_name, team_id
from tests.web.kit import OAKLAND, PASSWORD, Client

#: Words that stand nowhere else: each in one kind of thing that a phone is told or that is typed.
ADDRESS = "Quillbrook Lane 4711"
STORY = "Zyxwora hears the Vantablack choir"
ACCESS = "gatecode Ombrefax"
NAME = "Tessandra Whipplewick"
NOTE = "Oxymandrel 40 mg by her bed"
HELD_BACK = "Fennigrast before the door"
DRAFT = "Brackenmoor the sister"
ENDING = "Halvergate crisis house"
CANARIES = [
    word
    for text in (ADDRESS, STORY, ACCESS, NAME, NOTE, HELD_BACK, DRAFT, ENDING)
    for word in text.split()
    if word[0].isupper() and len(word) > 6
]


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Client]:
    """A dispatcher, through the API."""
    async with http_client(server) as http:
        yield await server.sign_in("desk", http)


class Device:
    """A phone whose files can be read: a browser with a profile on disk."""

    def __init__(self, playwright: Playwright, server: Server, folder: Path) -> None:
        self._playwright = playwright
        self._server = server
        self.folder = folder
        self.context: BrowserContext | None = None

    async def on(self, *, offline: bool = False) -> Page:
        """Switch it on and open the phone page."""
        found = next((path for name in _NAMES if (path := shutil.which(name))), None)
        self.context = await self._playwright.chromium.launch_persistent_context(
            self.folder,
            executable_path=found,
            args=list(_FLAGS),
            base_url=f"http://localhost:{self._server.port}",
            viewport={"width": PHONE.width, "height": PHONE.height},
            has_touch=True,
            is_mobile=True,
            locale="en-US",
            geolocation=HERE,  # type: ignore[arg-type]
            permissions=["geolocation"],
        )
        if offline:
            await self.context.set_offline(True)
        page = self.context.pages[0] if self.context.pages else await self.context.new_page()
        await page.goto("/phone")
        return page

    async def sign_in(self, *, back_at: str = "[data-duty=available]") -> Page:
        """Switch it on and sign in, unless it still knows who works with it."""
        return await self.go_on(await self.on(), back_at=back_at)

    async def go_on(self, page: Page, *, back_at: str) -> Page:
        """Sign in where it asks for that, and be where one was."""
        there, asked = page.locator(back_at), page.locator("[name=username]")
        await expect(there.or_(asked).first).to_be_visible(timeout=30_000)
        if await there.is_visible():
            return page
        await page.fill("[name=username]", phone_name(0))
        await page.fill("[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await expect(there).to_be_visible(timeout=30_000)
        await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        return page

    async def off(self) -> None:
        """Switch it off in good order, so that all that it holds is on the disk."""
        if self.context is not None:
            await self.context.close()
            self.context = None

    async def kill(self) -> None:
        """Take its power away: every process of it at once."""
        mark = str(self.folder).encode()
        _kill_all_with(mark)
        with contextlib.suppress(Exception):
            await self.off()
        self.context = None
        _unlock(self.folder)

    def readable(self) -> dict[str, list[str]]:
        """Which of the canaries stand in which of its files, in any of the usual encodings."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file():
                continue
            content = path.read_bytes()
            for word in CANARIES:
                if any(word.encode(how) in content for how in ("utf-8", "utf-16-le", "utf-16-be")):
                    found.setdefault(word, []).append(str(path.relative_to(self.folder)))
        return found


def _kill_all_with(mark: bytes) -> None:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def _unlock(folder: Path) -> None:
    for lock in folder.glob("Singleton*"):
        lock.unlink()


@pytest.fixture
async def device(
    playwright: Playwright, chromium: Any, server: Server, open_folder: Path
) -> AsyncIterator[Device]:
    made = Device(playwright, server, folder_in(open_folder))
    yield made
    await made.off()


async def offered(desk: Client) -> str:
    """Offer an incident full of private things to the phone's team; returns its id."""
    opened = await desk.do(
        "/incidents",
        place={"point": OAKLAND, "location_type": "home", "address": ADDRESS, "access": ACCESS},
        narrative=STORY,
        hazards=[{"code": "firearm"}],
        subjects=[{"name": NAME}],
    )
    incident_id: str = opened["incident_id"]
    await desk.do(f"/incidents/{incident_id}/determination", decision="dispatch", acuity="urgent")
    await desk.do(
        f"/incidents/{incident_id}/offers", team_id=team_id(0), override_reason="team_asked"
    )
    return incident_id


async def accept(page: Page, desk: Client) -> str:
    incident_id = await offered(desk)
    await page.tap("[data-act=accept]")
    await expect(page.get_by_text(ADDRESS)).to_be_visible()
    await page.tap("[data-act=acknowledge]")
    await says(page, "en_route")
    return incident_id


async def write_note(page: Page, text: str, *, send: bool = True) -> None:
    await page.get_by_role("button", name="Note", exact=True).tap()
    await page.get_by_role("textbox").fill(text)
    if send:
        await page.get_by_role("button", name="Save note").tap()
    else:
        await page.tap("[data-act=back]")


async def begin_clear(page: Page) -> None:
    await page.tap("[data-act=other]")
    await page.tap("[data-code=clear]")
    await page.tap("[data-code=voluntary_csu]")
    await page.get_by_label("Who received the person").fill(ENDING)
    await page.tap("[data-act=back]")


async def in_full_use(page: Page, desk: Client) -> str:
    """Everything that a phone can hold at once: a run, notes sent and waiting, drafts."""
    incident_id = await accept(page, desk)
    await write_note(page, NOTE)
    await received(page, "Note")
    await begin_clear(page)
    await cut_off(page)
    await write_note(page, HELD_BACK)
    await expect(page.locator(".sent [data-progress=saved]").first).to_be_visible(timeout=20_000)
    await write_note(page, DRAFT, send=False)
    return incident_id


async def kept_by(page: Page) -> dict[str, Any]:
    """What scripts find in the places where a page can keep things."""
    return await page.evaluate(  # type: ignore[no-any-return]
        """async () => ({
            local: JSON.stringify(localStorage),
            session: JSON.stringify(sessionStorage),
            caches: (await Promise.all((await caches.keys()).map(async (name) =>
                (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)
            ))).flat(),
            databases: (await indexedDB.databases()).map((one) => one.name),
            where: location.href,
        })"""
    )


async def test_nothing_on_a_lost_phone_can_be_read_in_use_or_after(
    device: Device, desk: Client
) -> None:
    page = await device.sign_in()
    await in_full_use(page, desk)
    kept = await kept_by(page)
    assert not any(word in str(kept) for word in [*CANARIES, "firearm", phone_name(0)])
    assert {one for one in kept["caches"] if not one.startswith("/static/")} == {"/phone"}
    assert kept["databases"] == ["crisis-vault"]
    # While it is in use, and its power is taken away.
    await device.kill()
    assert device.readable() == {}
    # Its browser had not written down yet that somebody is signed in: they sign in again.
    page = await device.sign_in(back_at="[data-status=en_route]")
    await nothing_waits(page)
    await device.off()
    assert device.readable() == {}
    page = await device.on()
    await page.tap("[data-act=more]")
    await page.get_by_role("button", name="Sign out").tap()
    await page.wait_for_url("**/sign-in**")
    await device.off()
    assert device.readable() == {}


async def test_a_phone_killed_after_an_acceptance_knows_its_run_without_a_network(
    device: Device, desk: Client
) -> None:
    page = await device.sign_in()
    await offered(desk)
    await page.tap("[data-act=accept]")
    await expect(page.get_by_text(ADDRESS)).to_be_visible()
    await device.kill()
    page = await device.on(offline=True)
    await expect(page.locator("[data-status=accepted]")).to_be_visible(timeout=30_000)
    await expect(page.get_by_text(ADDRESS)).to_be_visible()
    await expect(page.get_by_text(ACCESS)).to_be_visible()
    await expect(page.get_by_text("Firearm within reach")).to_be_visible()
    await expect(page.get_by_text(STORY)).to_have_count(1)
    assert device.readable() == {}


async def test_what_was_begun_in_each_form_is_there_after_a_kill_without_a_network(
    device: Device, desk: Client
) -> None:
    page = await device.sign_in()
    incident_id = await in_full_use(page, desk)
    await page.tap("[data-act=other]")
    await page.tap("[data-code=partner]")
    await page.tap("[data-code=ems]")
    await page.wait_for_function(
        f"async () => (await ({KEPT})()).names.some((one) => one.startsWith('draft/partner'))"
    )
    await device.kill()
    page = await device.on(offline=True)
    await expect(page.locator("[data-status=en_route]")).to_be_visible(timeout=30_000)
    await page.get_by_role("button", name="Note", exact=True).tap()
    await expect(page.get_by_role("textbox")).to_have_value(DRAFT)
    await page.tap("[data-act=back]")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=partner]")
    await expect(page.get_by_role("heading", name="EMS")).to_be_visible()
    await page.tap("[data-act=back]")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=clear]")
    await expect(page.get_by_label("Who received the person")).to_have_value(ENDING)
    await expect(page.get_by_text(NAME).or_(page.locator(".chosen")).first).to_be_visible()
    # What waited is sent once there is a network and a session, and once only.
    await page.context.set_offline(False)
    await page.goto("/phone")
    await device.go_on(page, back_at="[data-status=en_route]")
    await nothing_waits(page)
    records = (await desk.get(f"/incidents/{incident_id}/records")).json()["records"]
    said = [str(one["fields"].get("text")) for one in records]
    assert said.count(HELD_BACK) == 1 and said.count(NOTE) == 1


async def test_the_end_of_the_shift_throws_the_key_away(device: Device, desk: Client) -> None:
    page = await device.sign_in()
    incident_id = await accept(page, desk)
    before = await key_of(page)
    await write_note(page, DRAFT, send=False)
    await desk.do(f"/incidents/{incident_id}/cancel", reason="person_left")
    await expect(page.locator("[data-duty=available]")).to_be_visible(timeout=20_000)
    # What was begun and not sent is said, as long as the shift lasts.
    await expect(page.locator("[data-left-note]")).to_contain_text(DRAFT)
    await page.tap("[data-act=more]")
    await page.tap("[data-act=end-shift]")
    await page.tap("[data-code=early]")
    await expect(page.get_by_role("heading", name="You are off shift")).to_be_visible(
        timeout=20_000
    )
    await page.wait_for_function(
        f"async () => (await ({KEPT})()).id !== {before['id']!r}", timeout=20_000
    )
    after = await key_of(page)
    assert not after["isExtractable"]
    assert not {"picture", "place"} & set(after["names"])
    assert [name for name in after["names"] if name.startswith("draft/")] == []
    await device.off()
    assert device.readable() == {}


#: The vault's key in use, and the names of what lies sealed.
KEPT = """() => new Promise((resolve) => {
    const opening = indexedDB.open("crisis-vault");
    opening.onsuccess = () => {
        const all = opening.result.transaction(["keys", "sealed"]);
        const key = all.objectStore("keys").get("in use");
        const names = all.objectStore("sealed").getAllKeys();
        all.oncomplete = () => {
            opening.result.close();
            const { id = null, key: made } = key.result ?? {};
            resolve({ id, isExtractable: made?.extractable ?? null, names: names.result });
        };
    };
})"""


async def key_of(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate(KEPT)
    return found


async def session_of(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate(
        "async () => (await fetch('/api/v1/session', { cache: 'no-store' })).json()"
    )
    return found


async def _by_themselves_elsewhere(server: Server, me: dict[str, Any], desk: Client) -> None:
    ended = me["session_id"]
    async with http_client(server) as http:
        elsewhere = await server.sign_in(phone_name(0), http)
        gone = await http.delete(f"/api/v1/session/one/{ended}", headers=elsewhere.headers)
        assert gone.status_code == 204, gone.text


async def _by_the_desk(server: Server, me: dict[str, Any], desk: Client) -> None:
    (grant,) = me["grants"]
    answer = await desk.post(f"/responders/{grant['responder_id']}/erase-devices")
    assert answer.status_code == 200 and answer.json()["sessions"] == 1, answer.text


@pytest.mark.parametrize("how", [_by_themselves_elsewhere, _by_the_desk])
async def test_a_phone_whose_session_was_ended_forgets_everything(
    device: Device, desk: Client, server: Server, how: Callable[..., Any]
) -> None:
    page = await device.sign_in()
    await accept(page, desk)
    me = await session_of(page)
    await cut_off(page)
    await write_note(page, DRAFT)
    await how(server, me, desk)
    await page.context.set_offline(False)
    await expect(page.locator("[data-gone=told]")).to_be_visible(timeout=30_000)
    await expect(page.get_by_text("2 acts were not received before")).to_be_visible()
    await expect(page.get_by_text(ADDRESS)).to_have_count(0)
    kept = await key_of(page)
    assert kept["names"] == []
    # Nor does it remember anything the next time.
    await page.context.set_offline(True)
    await page.reload()
    await expect(page.get_by_text("Try again")).to_be_visible(timeout=20_000)
    await expect(page.locator("nav.whom-to-call [data-call='911']")).to_be_visible()
    await device.off()
    assert device.readable() == {}


async def test_a_colleague_who_signs_in_on_the_same_phone_finds_nothing(
    device: Device, desk: Client
) -> None:
    page = await device.sign_in()
    await accept(page, desk)
    assert device.context is not None
    await device.context.clear_cookies()
    await page.goto("/sign-in?next=/phone")
    await page.fill("[name=username]", phone_name(1))
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await expect(page.locator("[data-duty=available]")).to_be_visible(timeout=20_000)
    await expect(page.get_by_text(ADDRESS)).to_have_count(0)
    kept = await key_of(page)
    assert "place" not in kept["names"]
