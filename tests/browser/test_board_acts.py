"""The desk's rarer acts, done with the keyboard as far as they are chosen with it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from crisis.clock import MachineClock
from crisis.roles import Role
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from tests.browser.conftest import PHONE, Axe, Windows
from tests.browser.test_board import Hands, ready, take_call
from tests.e2e.kit import call_sign
from tests.web.kit import ALAMEDA, PASSWORD

ZONE = ZoneInfo("America/Los_Angeles")


async def colleague(dsn: str, name: str) -> None:
    """Another dispatcher, who may sign in."""
    passwords = Passwords()
    async with Database.open(dsn) as database:
        accounts = Accounts(database, MachineClock(), passwords)
        account = await accounts.create_account(name, name.capitalize(), password=PASSWORD)
        await accounts.grant(account, Grant(county_id=ALAMEDA, roles=frozenset({Role.DISPATCHER})))
    passwords.close()


async def send_team(page: Page) -> None:
    """From the board to a team on its way, by voice."""
    await take_call(Hands(page))
    await expect(page.locator(".recommend li.top")).to_be_visible()
    await page.keyboard.press("o")
    await page.get_by_label("Who says it").select_option("team")
    await page.get_by_role("button", name="They accept (by voice)").click()
    run = page.locator("[data-run]")
    # Nobody has said it before somebody is said to have.
    await expect(run.get_by_role("button", name="En route", exact=True)).to_be_disabled()
    await run.get_by_label("Who says it").select_option("team")
    await run.get_by_role("button", name="En route", exact=True).click()
    await expect(run).to_have_attribute("data-status", "en_route")


async def test_an_incident_is_handed_to_a_named_colleague_who_accepts_it(
    windows: Windows, dsn: str
) -> None:
    await colleague(dsn, "robin")
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    await desk.keyboard.press("h")
    await expect(desk.locator(".tool")).to_contain_text("Nobody else is signed in")
    await desk.keyboard.press("Escape")

    other = await ready(await windows.open("robin", "/board"))
    await desk.keyboard.press("h")
    who = desk.get_by_label("Hand over to")
    await expect(who).to_contain_text("Robin")
    await expect(who).to_be_focused()
    await desk.locator(".tool").get_by_role("button", name="Hand over").click()
    await expect(desk.locator(".detail > header")).to_contain_text("Offered to Robin")

    await other.locator("[data-number='1']").click()
    await other.get_by_role("button", name="Accept it").click()
    await expect(other.locator(".detail > header")).to_contain_text("Owner: yours")
    await expect(desk.locator(".detail > header")).to_contain_text("Owner: Robin")

    # Whoever signs out leaves the desk: nobody is left to answer for what they owned.
    await other.get_by_role("button", name="Sign out").click()
    await expect(desk.locator(".detail > header")).to_contain_text("Nobody owns it", timeout=30_000)
    # Its page asks once more on its way to the sign-in page.
    windows.excuse("401 (Unauthorized)")


async def test_two_incidents_are_merged_and_split_again(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    for _ in range(2):
        await take_call(Hands(desk))
        await expect(desk.locator(".recommend li.top")).to_be_visible()
    await desk.keyboard.press("g")
    choice = desk.get_by_label("This is the same situation as")
    await expect(choice).to_be_focused()
    await expect(choice).to_contain_text("#1")
    await desk.get_by_role("button", name="Merge into #1").click()
    await expect(desk.locator(".detail h2")).to_have_text("#1")
    await expect(desk.locator("[data-event=incident_absorbed]")).to_be_visible()

    await desk.keyboard.press("y")
    await desk.get_by_role("button", name="Split off #2").click()
    await expect(desk.locator("[data-event=incident_released]")).to_be_visible()
    await expect(desk.locator("[data-number='2']")).to_have_attribute("data-phase", "waiting")


async def test_the_team_that_knows_the_person_is_named_and_said_to_be_it(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    known = call_sign(1)
    await desk.get_by_role("button", name="Amend").click()
    await desk.get_by_role("combobox", name="Needs").fill("knows")
    await desk.keyboard.press("Enter")
    await desk.get_by_label("Which team knows the person").select_option(label=known)
    await desk.keyboard.press("Control+Enter")
    said = desk.locator(f"[data-candidate='{known}']")
    await expect(said).to_contain_text("Team that knows the person: yes")
    # It stays named when something else is amended.
    await desk.get_by_role("button", name="Amend").click()
    chosen = desk.get_by_label("Which team knows the person").locator("option:checked")
    await expect(chosen).to_have_text(known)


async def test_a_merge_that_only_goes_the_other_way_round_is_offered_so(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await send_team(desk)
    await desk.keyboard.press("n")
    await desk.fill("[name=address]", "901 P St")
    await desk.keyboard.press("Alt+2")
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator(".detail h2")).to_have_text("#2")
    await desk.locator("[data-number='1']").click()
    await desk.keyboard.press("g")
    await desk.get_by_role("button", name="Merge into #2").click()
    await expect(desk.locator(".tool .note")).to_contain_text("Teams are on incident 1")
    await desk.get_by_role("button", name="Merge #2 into this one").click()
    await expect(desk.locator("[data-event=incident_absorbed]")).to_be_visible()
    await expect(desk.locator(".detail h2")).to_have_text("#1")
    windows.excuse("409 (Conflict)")


async def test_a_clear_by_voice_says_what_it_lacks_and_frees_the_team_all_the_same(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await send_team(desk)
    run = desk.locator("[data-run]")
    await run.get_by_label("Who says it").select_option("team")
    await run.get_by_role("button", name="On scene", exact=True).click()
    await run.get_by_role("button", name="Clear…").click()
    form = run.locator(".tool")
    await expect(form).to_contain_text("Lacks: how it ended")
    await form.get_by_label("How it ended").select_option("voluntary_csu")
    await expect(form).to_contain_text("who received the person")
    await form.get_by_placeholder("Received by").fill("Crisis house")

    # What is typed stays while something else is looked at.
    await desk.keyboard.press("Escape")
    await desk.keyboard.press("Escape")
    await desk.locator("[data-number='1']").click()
    await run.get_by_role("button", name="Clear…").click()
    await expect(form.get_by_placeholder("Received by")).to_have_value("Crisis house")
    await expect(form).to_contain_text("First say who tells it")
    await run.get_by_label("Who says it").select_option("peer")
    await form.get_by_role("button", name="Cleared, ready for the next").click()

    await expect(run).to_have_attribute("data-status", "ready")
    await expect(desk.locator("[data-event=encounter_recorded]")).to_be_visible()

    # What it lacked is said later, in the same encounter.
    await desk.locator("#incidents").focus()
    await desk.keyboard.press("1")
    ending = desk.get_by_role("group", name="How it ended")
    await expect(ending.get_by_label("How it ended")).to_have_value("voluntary_csu")
    await ending.get_by_label("Safety plan").select_option("written")
    await ending.get_by_label("Note").fill("Plan handed over at the door.")
    await ending.get_by_role("button", name="Amend").click()
    await expect(desk.locator("[data-event=encounter_recorded]")).to_have_count(2)
    await desk.keyboard.press("1")
    await expect(ending.get_by_label("Safety plan")).to_have_value("written")
    # The note was owed, and is there now.
    await expect(desk.locator("[data-event=obligation_done]", has_text="Note")).to_be_visible()


async def test_what_an_act_is_warned_of_stands_there_until_it_is_read(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await desk.keyboard.press("n")
    await desk.fill("[name=address]", "somewhere by the river")
    await desk.keyboard.press("Alt+2")
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator(".detail .note")).to_contain_text("The place isn't known exactly")
    await desk.get_by_role("button", name="Read it").click()
    await expect(desk.locator(".detail .note")).to_have_count(0)


async def test_what_is_owed_is_settled_below_the_list(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk), acuity="Alt+1")
    owed = desk.locator("[data-obligation=waiting_contact]")
    await expect(owed).to_be_visible()
    await desk.keyboard.press("t")
    await expect(owed.locator(".what")).to_be_focused()
    await desk.keyboard.press("Enter")
    write = owed.get_by_role("button", name="Write down")
    # Nothing is answered before it was asked.
    await expect(write).to_be_disabled()
    await owed.get_by_label("What came of it").select_option("tried no_answer")
    await expect(write).to_be_disabled()
    await owed.get_by_label("How").select_option("telehealth_audio")
    await owed.get_by_role("button", name="Write down").click()
    await expect(owed).to_contain_text("1 try")
    await owed.get_by_label("What came of it").select_option("met reached_stable")
    await owed.get_by_label("How").select_option("telehealth_audio")
    await owed.get_by_role("button", name="Write down").click()
    # The next contact is owed, and nobody has tried that one yet.
    await expect(owed).not_to_contain_text("1 try")
    told = desk.locator(".timeline")
    await expect(told.locator("[data-event=obligation_attempted]")).to_contain_text("No answer")
    await expect(told.locator("[data-event=obligation_done]")).to_contain_text("Reached, stable")


async def test_something_owed_is_written_down_by_hand(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    await desk.keyboard.press("2")
    tool = desk.get_by_role("group", name="Something owed")
    await expect(tool.get_by_label("What is owed")).to_be_focused()
    await expect(tool.get_by_role("button", name="Write down")).to_be_disabled()
    await tool.get_by_label("What is owed").select_option("mandated_report")
    await tool.get_by_label("Due").fill("2020-01-01T08:00")
    await expect(tool).to_contain_text("It must be due in the future.")
    await expect(tool.get_by_role("button", name="Write down")).to_be_disabled()
    due = datetime.now(UTC).astimezone(ZONE) + timedelta(minutes=10)
    await tool.get_by_label("Due").fill(f"{due:%Y-%m-%dT%H:%M}")
    await tool.get_by_label("By whom").select_option("me")
    await tool.get_by_role("button", name="Write down").click()
    await expect(desk.locator("[data-obligation=mandated_report]")).to_contain_text("yours")
    await expect(desk.locator("[data-event=obligation_arose]", has_text="Mandated")).to_be_visible()


async def test_a_team_is_set_unavailable_and_available_again_from_the_desk(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await desk.keyboard.press("u")
    duty = desk.locator(".duty")
    team = duty.get_by_label("Team", exact=True)
    await expect(team).to_be_focused()
    await team.select_option(label=call_sign(2))
    await duty.locator("select").nth(1).select_option("break")
    await expect(duty.get_by_role("button", name="Set unavailable")).to_be_disabled()
    await duty.get_by_label("Back").select_option("30")
    await duty.get_by_role("button", name="Set unavailable").click()
    row = desk.locator(f"[data-team='{call_sign(2)}']")
    await expect(row).to_have_attribute("data-status", "unavailable")
    await duty.get_by_role("button", name="Available again").click()
    await expect(row).to_have_attribute("data-status", "available")


async def test_a_slot_is_added_and_dropped_and_a_travelling_team_diverted(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await send_team(desk)
    await desk.keyboard.press("l")
    tool = desk.locator(".tool", has_text="One more team")
    await tool.get_by_role("button", name="One more team").click()
    await expect(tool).to_contain_text("Team 2: waiting")
    await tool.get_by_role("combobox").last.select_option("need_changed")
    await tool.get_by_role("button", name="Not needed any more").click()
    await expect(tool).to_contain_text("Team 2: not needed any more")
    await desk.keyboard.press("Escape")

    await desk.keyboard.press("v")
    divert = desk.get_by_role("button", name="Divert Blue")
    await expect(divert).to_be_disabled()
    await desk.get_by_label("To", exact=True).select_option("nowhere")
    await desk.get_by_label("Why it is diverted").select_option("closer_team_free")
    await divert.click()
    await expect(desk.locator("[data-event=assignment_diverted]")).to_be_visible()
    # The search goes on by itself: it may have asked the next team already.
    await expect(desk.locator("[data-number='1']")).to_have_attribute(
        "data-phase", re.compile("waiting|offered")
    )


async def test_a_wrong_time_is_set_right_also_after_the_incident_has_left_the_board(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await send_team(desk)
    await desk.keyboard.press("i")
    form = desk.locator(".tool", has_text="Right time")
    await form.get_by_label("Status").select_option("en_route")
    await form.get_by_role("checkbox", name="It was never reached").check()
    await form.get_by_label("Why").select_option("pressed_by_mistake")
    await form.get_by_role("button", name="Correct").click()
    await expect(desk.locator("[data-event=milestone_corrected]")).to_be_visible()
    # Between the decision and the call-off: no other instant can be that of the acceptance.
    now = datetime.now(UTC).astimezone(ZONE)

    await desk.keyboard.press("x")
    await desk.locator(".tool").get_by_label("Reason").select_option("caller_cancelled")
    await desk.locator(".tool").get_by_role("button", name="Cancel incident").click()
    await expect(desk.locator("[data-number='1']")).to_have_count(0, timeout=30_000)
    await desk.keyboard.press("f")
    await expect(desk.locator("[name=find-number]")).to_be_focused()
    await desk.keyboard.type("#1")
    await desk.keyboard.press("Enter")
    line = desk.locator("[data-found='1']")
    await expect(line).to_contain_text("Cancelled")
    await line.click()
    await desk.get_by_role("button", name="Supervision").click()
    await expect(desk.locator("[data-event=incident_cancelled]")).to_be_visible()
    await desk.keyboard.press("i")
    await form.get_by_label("Status").select_option("accepted")
    await form.get_by_label("Right time").fill(f"{now:%Y-%m-%dT%H:%M:%S}")
    await form.get_by_label("Why").select_option("wrong_time")
    await form.get_by_role("button", name="Correct").click()
    await expect(form).to_have_count(0)

    # One step back leads to what was searched.
    await desk.keyboard.press("Escape")
    await expect(line).to_be_visible()
    windows.excuse("422")


async def test_a_call_from_paper_is_entered_with_its_own_times(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await desk.keyboard.press("q")
    await expect(desk.locator("[name=paper-number]")).to_be_focused()
    began = datetime.now(UTC).astimezone(ZONE) - timedelta(hours=5)
    await desk.keyboard.type("P17")
    await desk.fill("[name=received]", f"{began:%Y-%m-%dT%H:%M}")
    await desk.fill("[name=paper-address]", "901 P St")
    await desk.fill("[name=paper-point]", "37.8 122.27")
    await desk.keyboard.press("Alt+2")
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator("[role=alert]")).to_contain_text(
        "Still needed: Why it was on paper, Decided at, Outcome"
    )
    await desk.get_by_label("Why it was on paper").select_option("power_outage")
    await desk.locator("[name=paper-outcome]").select_option("team")
    await desk.locator("[name=paper-team]").select_option(index=1)
    for minute, name in enumerate(("decided", "accepted", "enRoute", "onScene", "cleared"), 1):
        at = began + timedelta(minutes=10 * minute)
        await desk.fill(f"[name={name}]", f"{at:%H:%M}")
    await desk.keyboard.press("Control+Enter")
    # The teams of this county have come on shift only now.
    await expect(desk.locator(".note")).to_contain_text("No shift of Blue 0 at that time is known")
    await desk.get_by_label("Entered without a known shift").select_option("supervisor_order")
    await desk.locator("[name=paper-team]").focus()
    await desk.keyboard.press("Control+Enter")

    await expect(desk.locator(".note")).to_contain_text("Paper P17 is incident #1")
    await expect(desk.locator(".note")).to_contain_text("those went who are on Blue 0 now")
    windows.excuse("422")
    await expect(desk.locator("[name=paper-number]")).to_have_value("")
    await desk.keyboard.press("Escape")
    await desk.keyboard.press("f")
    await desk.fill("[name=find-number]", "p17")
    await desk.keyboard.press("Enter")
    line = desk.locator("[data-found='1']")
    await expect(line).to_contain_text("Closed")
    await expect(line).to_contain_text("In time")


async def test_everything_fits_a_phone_and_can_be_used_by_everybody(
    windows: Windows, axe: Axe
) -> None:
    desk = await ready(await windows.open("desk", "/board", PHONE))
    wide = await desk.evaluate("() => document.documentElement.scrollWidth")
    assert wide == PHONE.width
    assert await axe(desk) == []
    await desk.get_by_role("button", name="New call").click()
    await desk.fill("[name=address]", "901 P St")
    await desk.get_by_text("Urgent").click()
    await desk.get_by_role("button", name="Send a team").click()
    await expect(desk.locator(".detail h2")).to_have_text("#1")
    await desk.get_by_role("button", name="More").click()
    assert await axe(desk) == []
    wide = await desk.evaluate("() => document.documentElement.scrollWidth")
    assert wide == PHONE.width
    for key in ("Escape", "f", "Escape", "q"):
        await desk.keyboard.press(key)
    await expect(desk.locator("[name=paper-number]")).to_be_visible()
    assert await axe(desk) == []


async def test_two_desks_that_amend_at_once_overwrite_nothing_of_each_other(
    windows: Windows,
) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    other = await ready(await windows.open("desk", "/board"))
    await other.locator("[data-number='1']").click()
    row = desk.locator("[data-number='1']")
    await expect(row).to_contain_text("The scene is not known")
    for page in (desk, other):
        await page.keyboard.press("e")
        await expect(page.get_by_role("form", name="Amend")).to_be_visible()
    await other.get_by_text("What was asked about danger").click()
    await other.locator("[data-risk=weapon_on_scene]").select_option("yes")
    await other.keyboard.press("Control+Enter")
    await expect(row).to_contain_text("Weapon on scene")
    # The form of before is sent after: it changes how soon, and nothing else.
    await desk.keyboard.press("Alt+3")
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator("[data-event=incident_amended]")).to_have_count(2)
    await expect(row).to_contain_text("Weapon on scene")
    changed = desk.locator("[data-event=incident_amended]").first
    await expect(changed.locator(".change")).to_have_text("How soon: Urgent → Routine")


async def test_a_place_is_set_right_by_keyboard_and_over_nobody_unseen(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    other = await ready(await windows.open("desk", "/board"))
    await other.locator("[data-number='1']").click()
    for page in (desk, other):
        await page.keyboard.press("4")
        await expect(page.locator("[name=place-address]")).to_be_focused()
        await expect(page.get_by_role("button", name=re.compile("Amend.*Ctrl"))).to_be_disabled()
    await other.fill("[name=place-access]", "Gate 4411")
    await other.keyboard.press("Control+Enter")
    await expect(other.locator("[name=place-access]")).to_have_count(0)
    # What a colleague told meanwhile stands in the other's form, and only what differs is sent.
    await expect(desk.locator("[name=place-access]")).to_have_value("Gate 4411")
    await desk.fill("[name=place-address]", "77 Oak Ave")
    await other.keyboard.press("4")
    await other.fill("[name=place-address]", "79 Oak Ave")
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator("[name=place-address]")).to_have_count(0)
    await expect(desk.locator(".facts-list")).to_contain_text("77 Oak Ave")
    await expect(desk.locator(".facts-list")).to_contain_text("Gate 4411")
    await other.keyboard.press("Control+Enter")
    form = other.get_by_role("form", name="Place")
    await expect(form.locator(".note")).to_contain_text("Somebody changed this after you looked")
    await expect(other.locator("[name=place-address]")).to_have_value("79 Oak Ave")
    await other.keyboard.press("Control+Enter")
    await expect(desk.locator(".facts-list")).to_contain_text("79 Oak Ave")
    windows.excuse("409 (Conflict)")


async def test_who_told_a_crew_of_the_hazards_is_asked_and_not_made_up(windows: Windows) -> None:
    desk = await ready(await windows.open("desk", "/board"))
    await take_call(Hands(desk))
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    await desk.keyboard.press("e")
    await expect(desk.get_by_role("radio", name="Emergent")).to_be_focused()
    await desk.get_by_role("combobox", name="Hazards").fill("weapon")
    # What was typed is meant, also where it is sent before it was taken from the list.
    await desk.keyboard.press("Control+Enter")
    await expect(desk.locator(".danger li")).to_contain_text("Weapon on scene")
    await expect(desk.locator(".recommend li.top")).to_be_visible()
    await desk.keyboard.press("o")
    await desk.get_by_label("Who says it").select_option("clinician")
    await desk.get_by_role("button", name="They accept (by voice)").click()
    run = desk.locator("[data-run]")
    await run.get_by_label("Who says it").select_option("clinician")
    leave = run.get_by_role("button", name="En route", exact=True)
    await expect(leave).to_be_disabled()
    await run.get_by_label("Who told the crew of the hazards").select_option("supervisor")
    await leave.click()
    await expect(run).to_have_attribute("data-status", "en_route")
    await expect(run.get_by_label("Who says it")).to_have_value("")
