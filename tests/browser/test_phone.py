"""The team's phone: from the offer to the clear with one tap each, with and without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, Axe, Windows
from tests.e2e.kit import Server, call_sign, http_client, phone_name, team_id
from tests.web.kit import OAKLAND, Client

#: What a browser notes by itself of requests that nobody can hear.
OFFLINE = "ERR_INTERNET_DISCONNECTED"
HERE = {"latitude": 37.80, "longitude": -122.27}


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Client]:
    """A dispatcher, through the API."""
    async with http_client(server) as http:
        yield await server.sign_in("desk", http)


async def on_shift(windows: Windows, **options: Any) -> Page:
    """The phone of a team that is free."""
    page = await windows.open(
        phone_name(0),
        "/phone",
        PHONE,
        **{"geolocation": HERE, "permissions": ["geolocation"], **options},
    )
    await expect(page.locator("[data-duty=available]")).to_be_visible()
    await expect(page.locator("[data-heard=live]")).to_be_visible()
    return page


async def offer(desk: Client, *hazards: str) -> str:
    """Offer a new incident to the phone's team; returns the incident's id."""
    place = {"point": OAKLAND, "location_type": "home", "address": "1 Broadway"}
    opened = await desk.do("/incidents", place=place, hazards=[{"code": one} for one in hazards])
    incident_id: str = opened["incident_id"]
    await desk.do(f"/incidents/{incident_id}/determination", decision="dispatch", acuity="urgent")
    await desk.do(
        f"/incidents/{incident_id}/offers", team_id=team_id(0), override_reason="team_asked"
    )
    return incident_id


async def accepted(page: Page, desk: Client, *hazards: str) -> str:
    """Offer an incident and accept it with one tap; returns its id."""
    incident_id = await offer(desk, *hazards)
    await page.tap("[data-act=accept]")
    await expect(page.locator("[data-status=accepted]")).to_be_visible()
    return incident_id


async def says(page: Page, status: str) -> None:
    """One tap on the one next thing, and the phone shows it."""
    await page.tap(f"[data-act={status}]")
    await expect(page.locator(f"[data-status={status}]")).to_be_visible()


async def events_of(desk: Client, incident_id: str, kind: str) -> list[dict[str, Any]]:
    timeline = (await desk.get(f"/incidents/{incident_id}/timeline")).json()
    return [event for event in timeline["events"] if event["body"]["type"] == kind]


async def statuses_of(desk: Client, incident_id: str) -> list[str]:
    reported = await events_of(desk, incident_id, "status_reported")
    return [event["body"]["status"] for event in reported]


async def cut_off(page: Page) -> None:
    await page.context.set_offline(True)
    await expect(page.locator("[data-heard=stale]")).to_be_visible()


async def nothing_waits(page: Page) -> None:
    for state in ("held", "saved", "sending"):
        await expect(page.locator(f"[data-progress={state}]")).to_have_count(0, timeout=20_000)


async def received(page: Page, words: str) -> None:
    """The county has what the phone lists by these words."""
    said = page.locator(".sent li", has_text=words).first
    await expect(said.locator("[data-progress=received]")).to_be_visible(timeout=20_000)


async def hold(page: Page, ms: int) -> None:
    """Press the alarm for so long."""
    box = await page.locator(".duress").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.wait_for_timeout(ms)
    await page.mouse.up()


async def test_a_team_takes_an_offer_drives_and_clears_with_one_tap_each(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    for status in ("en_route", "on_scene", "contact", "assessed"):
        await says(page, status)
    await page.tap("[data-act=clear]")
    await page.tap("[data-code=stabilized_safety_plan]")
    await page.get_by_label("Safety plan").select_option("written")
    await page.tap("[data-act=clear-now]")
    await expect(page.locator("[data-duty=available]")).to_be_visible(timeout=15_000)
    assert await statuses_of(desk, incident_id) == [
        "en_route",
        "on_scene",
        "contact",
        "assessed",
        "cleared",
        "ready",
    ]
    (encounter,) = await events_of(desk, incident_id, "encounter_recorded")
    assert encounter["body"]["disposition"] == "stabilized_safety_plan"
    assert encounter["body"]["plan"] == "written"


async def test_a_status_tapped_by_mistake_is_taken_back_before_anybody_heard_it(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    await nothing_waits(page)
    await says(page, "on_scene")
    await expect(page.locator(".status [data-progress=held]")).to_be_visible()
    await page.tap("[data-act=undo]")
    await expect(page.locator("[data-status=en_route]")).to_be_visible()
    await expect(page.locator("[data-act=undo]")).to_have_count(0)
    await says(page, "on_scene")
    await says(page, "contact")
    await nothing_waits(page)
    assert await statuses_of(desk, incident_id) == ["en_route", "on_scene", "contact"]


async def test_a_clear_that_is_taken_back_still_holds_what_was_filled_in(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=clear]")
    await page.tap("[data-code=not_found]")
    await page.tap("[data-act=clear-now]")
    await page.tap("[data-act=undo]")
    await expect(page.locator(".chosen")).to_contain_text("Not found")
    await page.tap("[data-act=more]")
    await expect(page.locator("[data-status=en_route]")).to_be_visible()
    await nothing_waits(page)
    assert await statuses_of(desk, incident_id) == ["en_route"]


async def test_what_is_held_goes_out_when_the_phone_goes_into_a_pocket(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    async with page.expect_response(lambda answer: answer.url.endswith("/status")):
        await page.evaluate(
            """() => {
                Object.defineProperty(document, "visibilityState", { value: "hidden" });
                document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
    assert await statuses_of(desk, incident_id) == ["en_route"]


async def test_a_status_that_the_county_has_is_told_to_be_a_mistake_not_hidden(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    await nothing_waits(page)
    await page.locator("[data-act=mistake]").first.tap()
    await expect(page.get_by_text("Nothing can be taken back from here.")).to_be_visible()
    await page.tap("[data-act=tell-mistake]")
    await received(page, "Noted: tapped by mistake")
    await expect(page.locator("[data-status=en_route]")).to_be_visible()
    records = (await desk.get(f"/incidents/{incident_id}/records")).json()["records"]
    said = [str(one["fields"].get("text")) for one in records]
    assert any(text.startswith("Tapped by mistake on the phone: En route") for text in said)


async def test_a_second_tap_at_the_same_place_says_nothing_more(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    button = page.locator("[data-act=en_route]")
    await expect(button).to_be_enabled()
    box = await button.bounding_box()
    assert box is not None
    for _ in range(2):
        await page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(page.locator("[data-status=en_route]")).to_be_visible()
    await nothing_waits(page)
    assert await statuses_of(desk, incident_id) == ["en_route"]


async def test_each_of_two_people_gets_an_ending_of_their_own(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    for name in ("Kim", "Lee"):
        await desk.do(f"/incidents/{incident_id}/subjects", subject={"name": name})
    await says(page, "en_route")
    await says(page, "on_scene")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=clear]")
    await expect(page.locator("[data-person='2']")).to_contain_text("Lee")
    await page.tap("[data-code=stabilized_safety_plan]")
    await page.get_by_label("Safety plan").select_option("written")
    await expect(page.get_by_text("Person 2: nothing said yet")).to_be_visible()
    await page.tap("[data-person='2']")
    await page.tap("[data-code=refused_services]")
    await page.get_by_label("Law enforcement's part").select_option("already_on_scene")
    await page.get_by_role("group", name="Report owed by law").get_by_label("Child abuse").check()
    await page.tap("[data-act=another-person]")
    await page.tap("[data-code=not_found]")
    await page.tap("[data-act=clear-now]")
    await expect(page.locator("[data-duty=available]")).to_be_visible(timeout=15_000)
    subjects = (await desk.get(f"/incidents/{incident_id}")).json()["incident"]["subjects"]
    recorded = [one["body"] for one in await events_of(desk, incident_id, "encounter_recorded")]
    assert [(one.get("subject_id"), one["disposition"]) for one in recorded] == [
        (subjects[0]["id"], "stabilized_safety_plan"),
        (subjects[1]["id"], "refused_services"),
        (None, "not_found"),
    ]
    assert [one.get("law_enforcement") for one in recorded] == [None, "already_on_scene", None]
    assert [one.get("mandated_reports", []) for one in recorded] == [[], ["child_abuse"], []]


async def test_hazards_are_read_before_the_team_leaves(windows: Windows, desk: Client) -> None:
    page = await on_shift(windows)
    incident_id = await offer(desk, "firearm")
    await expect(page.get_by_text("Firearm within reach")).to_be_visible()
    await page.tap("[data-act=accept]")
    await expect(page.locator("[data-act=en_route]")).to_have_count(0)
    await page.tap("[data-act=acknowledge]")
    await says(page, "en_route")
    await nothing_waits(page)
    assert len(await events_of(desk, incident_id, "hazards_acknowledged")) == 1


async def test_a_team_declines_and_says_why(windows: Windows, desk: Client) -> None:
    page = await on_shift(windows)
    incident_id = await offer(desk)
    await page.tap("[data-act=decline]")
    await page.tap("[data-code=vehicle]")
    await expect(page.locator("[data-duty=available]")).to_be_visible()
    (declined,) = await events_of(desk, incident_id, "offer_declined")
    assert declined["body"]["reason"] == "vehicle"


async def test_a_team_waits_aside_and_says_who_cleared_the_scene(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=staged]")
    await page.tap("[data-code=weapon]")
    await expect(page.locator("[data-status=staged]")).to_be_visible()
    await page.tap("[data-act=on_scene]")
    await page.tap("[data-code=law_enforcement]")
    await expect(page.locator("[data-status=on_scene]")).to_be_visible()
    await nothing_waits(page)
    said = [one["body"] for one in await events_of(desk, incident_id, "status_reported")]
    assert [one["status"] for one in said] == ["en_route", "staged", "on_scene"]
    assert said[1]["staging_reason"] == "weapon"
    assert said[2]["cleared_scene_by"] == "law_enforcement"


async def test_what_is_said_without_a_network_arrives_in_order_with_the_devices_times(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await cut_off(page)
    for status in ("en_route", "on_scene", "contact"):
        await says(page, status)
        # So that the instants differ by more than the journey of a request.
        await page.wait_for_timeout(700)
    assert await statuses_of(desk, incident_id) == []
    await expect(page.locator(".status [data-progress=saved]")).to_be_visible(timeout=15_000)
    await page.context.set_offline(False)
    await nothing_waits(page)
    reported = await events_of(desk, incident_id, "status_reported")
    assert [one["body"]["status"] for one in reported] == ["en_route", "on_scene", "contact"]
    happened = [one["occurred_at"] for one in reported]
    assert happened == sorted(happened)
    assert happened[0] < happened[1] < happened[2] < reported[0]["recorded_at"]
    windows.excuse(OFFLINE)


async def test_the_phone_starts_without_a_network_and_still_knows_its_run(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    incident_id = await accepted(page, desk)
    await cut_off(page)
    await says(page, "en_route")
    await page.reload()
    await expect(page.locator("[data-status=en_route]")).to_be_visible(timeout=15_000)
    await expect(page.locator(".status [data-progress=saved]")).to_be_visible(timeout=15_000)
    await says(page, "on_scene")
    await page.context.set_offline(False)
    await nothing_waits(page)
    assert await statuses_of(desk, incident_id) == ["en_route", "on_scene"]
    windows.excuse(OFFLINE)


async def test_the_service_worker_keeps_no_answer_of_the_api(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    await accepted(page, desk)
    kept = await page.evaluate(
        """async () => {
            const paths = [];
            for (const name of await caches.keys())
                for (const one of await (await caches.open(name)).keys())
                    paths.push(new URL(one.url).pathname);
            return paths;
        }"""
    )
    assert "/phone" in kept
    assert [one for one in kept if not one.startswith("/static/")] == ["/phone"]


async def test_an_alarm_raised_without_a_network_is_sent_before_everything_else(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await accepted(page, desk)
    await cut_off(page)
    await says(page, "en_route")
    await hold(page, 1300)
    await expect(page.locator(".duress")).to_have_attribute("data-duress", "saved")
    sent: list[str] = []
    page.on("requestfinished", lambda request: sent.append(f"{request.method} {request.url}"))
    await page.context.set_offline(False)
    await expect(page.locator(".duress")).to_have_attribute(
        "data-duress", "received", timeout=20_000
    )
    await nothing_waits(page)
    commands = [one.rsplit("/", 1)[1] for one in sent if "POST" in one and "fixes" not in one]
    commands = [one for one in commands if one != "ticket"]
    assert commands[:2] == ["duress", "status"]
    board = (await desk.get("/board", view="desk")).json()
    (alarm,) = [one for one in board["up"] if one["k"] == "duress"]
    assert alarm["team_id"] == team_id(0)
    windows.excuse(OFFLINE)


async def test_a_short_touch_raises_no_alarm(windows: Windows, desk: Client) -> None:
    page = await on_shift(windows)
    await hold(page, 300)
    await page.wait_for_timeout(1200)
    await expect(page.locator(".duress")).to_have_attribute("data-duress", "none")
    board = (await desk.get("/board", view="desk")).json()
    assert [one for one in board["up"] if one["k"] == "duress"] == []


async def test_an_acceptance_that_comes_too_late_is_refused_in_words(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await offer(desk)
    await expect(page.locator("[data-act=accept]")).to_be_visible()
    await cut_off(page)
    await page.tap("[data-act=accept]")
    await expect(page.get_by_text("You do not have it until the county answers")).to_be_visible()
    (made,) = await events_of(desk, incident_id, "offer_made")
    await desk.do(f"/offers/{made['body']['offer_id']}/withdraw", reason="dispatcher")
    await page.context.set_offline(False)
    await expect(page.get_by_text("This offer was closed before your answer came.")).to_be_visible(
        timeout=20_000
    )
    await expect(page.locator("[data-duty=available]")).to_be_visible()
    windows.excuse(OFFLINE)
    # The browser notes the refused request by itself.
    windows.excuse("409")


async def test_a_team_goes_off_shift_is_not_tracked_and_comes_back(
    windows: Windows, server: Server, desk: Client
) -> None:
    page = await on_shift(windows)
    await expect(page.locator("[data-position=on]")).to_be_visible()
    await page.tap("[data-act=more]")
    await page.tap("[data-act=end-shift]")
    await page.tap("[data-code=early]")
    await expect(page.get_by_role("heading", name="You are off shift")).to_be_visible(
        timeout=15_000
    )
    # Until when, and who carries naloxone, nobody has said yet: it is asked, person by person.
    await expect(page.locator("[data-act=start-shift]")).to_be_disabled()
    boxes = page.locator("[data-field=naloxone] input")
    await expect(boxes).to_have_count(2)
    await page.locator("[data-field=hours]").select_option("8")
    await page.get_by_label("You", exact=True).check()
    await page.tap("[data-act=start-shift]")
    await expect(page.locator("[data-duty=available]")).to_be_visible(timeout=15_000)
    [mine] = [
        t["team"]
        for t in (await desk.get("/teams")).json()["teams"]
        if t["team"]["id"] == team_id(0)
    ]
    assert sorted(m.get("carries_naloxone", False) for m in mine["crew"]) == [False, True]
    await expect(page.get_by_text(call_sign(0)).first).to_be_visible()
    await expect(page.locator("[data-position=on]")).to_be_visible()


async def test_a_phone_never_used_before_starts_the_planned_shift_with_one_tap(
    windows: Windows, desk: Client
) -> None:
    teams = {one["team"]["id"]: one["team"] for one in (await desk.get("/teams")).json()["teams"]}
    team = teams[team_id(0)]
    await desk.do(f"/shifts/{team['shift_id']}/end", reason="early")
    now = datetime.now(UTC)
    await desk.do(
        "/shifts",
        team_id=team_id(0),
        starts_at=now.isoformat(),
        ends_at=(now + timedelta(hours=10)).isoformat(),
        crew=team["crew"],
    )
    page = await windows.open(
        phone_name(0), "/phone", PHONE, geolocation=HERE, permissions=["geolocation"]
    )
    await expect(page.get_by_role("heading", name=call_sign(0))).to_be_visible()
    await page.tap("[data-act=start-planned]")
    await expect(page.locator("[data-duty=available]")).to_be_visible(timeout=15_000)
    await offer(desk)
    await page.tap("[data-act=accept]")
    await expect(page.locator("[data-status=accepted]")).to_be_visible()


async def test_a_team_is_unavailable_for_a_reason_and_available_again(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await page.tap("[data-act=unavailable]")
    await page.tap("[data-code=break]")
    await expect(page.locator("[data-duty=unavailable]")).to_be_visible()
    await nothing_waits(page)
    teams = {one["team"]["id"]: one["team"] for one in (await desk.get("/teams")).json()["teams"]}
    assert teams[team_id(0)]["unavailable_reason"] == "break"
    await page.tap("[data-act=available]")
    await expect(page.locator("[data-duty=available]")).to_be_visible()


async def test_the_desk_sees_where_the_team_is(windows: Windows, desk: Client) -> None:
    page = await on_shift(windows)
    await expect(page.get_by_text("Position received")).to_be_visible()
    rows = (await desk.get("/teams")).json()["teams"]
    (fix,) = [one["fix"] for one in rows if one["team"]["id"] == team_id(0)]
    assert fix["point"] == {"lat_deg": HERE["latitude"], "lon_deg": HERE["longitude"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_use_the_phone(
    windows: Windows, desk: Client, axe: Axe, scheme: str
) -> None:
    page = await on_shift(windows, color_scheme=scheme)
    assert await axe(page) == []
    await offer(desk, "firearm")
    await expect(page.locator("[data-offer]")).to_be_visible()
    assert await axe(page) == []
    await page.tap("[data-act=accept]")
    await page.tap("[data-act=acknowledge]")
    await says(page, "en_route")
    assert await axe(page) == []
    await page.tap("[data-act=other]")
    await page.tap("[data-code=clear]")
    await page.tap("[data-code=medical_ed]")
    assert await axe(page) == []


async def test_the_phone_speaks_spanish(windows: Windows, desk: Client) -> None:
    page = await on_shift(windows, locale="es-US")
    await offer(desk, "firearm")
    await expect(page.get_by_role("button", name="Aceptar")).to_be_visible()
    await expect(page.get_by_text("Arma de fuego al alcance")).to_be_visible()


async def test_a_check_in_is_one_tap_and_the_next_one_follows(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await says(page, "en_route")
    await page.tap("[data-act=done-check_in]")
    await received(page, "Done")
    await expect(page.locator("[data-act=done-check_in]")).to_be_visible()
    board = (await desk.get("/board", view="desk")).json()
    owed = [one for one in board["up"] if one["k"] == "obligation" and one["kind"] == "check_in"]
    assert [one["incident_id"] for one in owed] == [incident_id]


async def test_a_team_asks_for_an_ambulance_and_writes_a_note(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await accepted(page, desk)
    await page.tap("[data-act=other]")
    await page.tap("[data-code=partner]")
    await page.tap("[data-code=ems]")
    await page.tap("[data-code=medical]")
    await expect(page.get_by_text("EMS: asked")).to_be_visible()
    await page.get_by_role("button", name="Note").tap()
    await page.get_by_role("textbox").fill("Dog in the yard.")
    await page.get_by_role("button", name="Save note").tap()
    await received(page, "Note")
    records = (await desk.get(f"/incidents/{incident_id}/records")).json()["records"]
    assert any(one["fields"].get("text") == "Dog in the yard." for one in records)


async def test_the_map_leads_to_the_exact_place_of_ones_own_run(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    await accepted(page, desk)
    link = page.locator("[data-act=navigate]")
    at = f"{OAKLAND['lat_deg']:.6f},{OAKLAND['lon_deg']:.6f}"
    await expect(link).to_have_attribute("href", f"geo:{at}?q={at}")
    await expect(page.get_by_text("1 Broadway")).to_be_visible()


async def test_what_the_desk_was_answered_stands_on_the_phone_and_what_was_not_asked(
    windows: Windows, desk: Client
) -> None:
    page = await on_shift(windows)
    incident_id = await offer(desk, "animals")
    await expect(page.get_by_text("The scene is not known")).to_be_visible()
    await expect(page.get_by_text("Not asked:")).to_contain_text("Violence now")
    await expect(page.get_by_text("No hazards known")).to_have_count(0)
    await desk.do(f"/incidents/{incident_id}/amend", screening={"weapon_on_scene": "yes"})
    await expect(page.locator(".hazards")).to_contain_text("Weapon on scene")
    await page.tap("[data-act=accept]")
    await page.tap("[data-act=acknowledge]")
    await page.tap("[data-act=other]")
    await page.tap("[data-code=danger]")
    await page.tap("[data-code=needles]")
    await expect(page.locator(".hazards")).to_contain_text("Needles or sharps")
    await nothing_waits(page)
    told = (await desk.get(f"/incidents/{incident_id}")).json()["incident"]["danger"]
    assert {"animals", "needles", "weapon"} == {one["code"] for one in told["hazards"]}
