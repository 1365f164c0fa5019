"""A long file in a browser: how far it is, a button that stops it, and what is shown of it."""

from __future__ import annotations

from playwright.async_api import FilePayload, expect

from tests.browser.conftest import Windows
from tests.web.kit import ALAMEDA

HERE = f"/admin/{ALAMEDA}"
#: Long enough to be seen at work on any machine.
ROWS = 90_000


async def test_a_long_file_shows_how_far_it_is_and_can_be_stopped(windows: Windows) -> None:
    page = await windows.open("desk", f"{HERE}/import/people")
    people = "".join(f"K{n};Nowhere;lcsw;Person {n}\n" for n in range(ROWS))
    heads = "code;agency;provider_type;name\n"
    file = FilePayload(
        name="people.csv", mimeType="text/csv", buffer=(heads + people).encode("utf-16")
    )
    show = page.get_by_role("button", name="Show what would change")
    await page.get_by_label("CSV file").set_input_files([file])
    await show.click()
    working = page.get_by_role("status").filter(has_text="Working")
    await expect(working).to_contain_text("of 90,000", timeout=60_000)
    # At once: a quick machine is soon done.
    await working.get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("alert")).to_have_text(
        "Stopped. What was not yet done was left undone."
    )
    await expect(working).to_have_count(0)
    # What was chosen is still there, and may be sent again.
    await show.click()
    await expect(page.get_by_text("90,000 rows read")).to_be_visible(timeout=120_000)
    await expect(page.get_by_text("90,000 not usable")).to_be_visible()
    await expect(page.locator("tr[data-kind=bad]")).to_have_count(500)
