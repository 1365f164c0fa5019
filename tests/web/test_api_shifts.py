"""One's own shifts: what a responder sees of the roster before going on duty."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crisis.ids import ResponderId, TeamId
from crisis.roles import Role
from tests.web.kit import Client, Site

_CREW_FIELDS = {"responder_id", "mode", "carries_naloxone"}


async def _mine(client: Client) -> list[dict[str, Any]]:
    response = await client.get("/my-shifts")
    assert response.status_code == 200, response.text
    shifts: list[dict[str, Any]] = response.json()["shifts"]
    return shifts


async def _planned(
    site: Site, boss: Client, team: TeamId, *crew: ResponderId, in_h: float = 0
) -> str:
    """Plan ten hours for the team; returns the shift's id."""
    starts_at = site.clock.now() + timedelta(hours=in_h)
    result = await boss.do(
        "/shifts",
        team_id=str(team),
        starts_at=starts_at.isoformat(),
        ends_at=(starts_at + timedelta(hours=10)).isoformat(),
        crew=[{"responder_id": str(one), "carries_naloxone": True} for one in crew],
    )
    shift_id: str = result["shift_id"]
    return shift_id


async def _off_shift(site: Site, boss: Client) -> tuple[TeamId, ResponderId, Client]:
    """A team that has gone off shift, one of its crew, and that person signed in."""
    team, person = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=person)
    (running,) = await _mine(phone)
    assert running["started_at"] is not None and running["team_id"] == str(team)
    await phone.do(f"/shifts/{running['shift_id']}/end", reason="early")
    return team, person, phone


async def test_a_responder_off_shift_sees_own_planned_shifts_soonest_first_and_starts_one(
    site: Site,
) -> None:
    boss = await site.client(Role.ADMIN)
    team, person, phone = await _off_shift(site, boss)
    assert await _mine(phone) == [], "an ended shift is over"
    later = await _planned(site, boss, team, person, in_h=20)
    soon = await _planned(site, boss, team, person)
    shifts = await _mine(phone)
    assert [one["shift_id"] for one in shifts] == [soon, later]
    assert shifts[0]["call_sign"] and shifts[0]["started_at"] is None
    assert [set(one) for one in shifts[0]["crew"]] == [_CREW_FIELDS]
    assert shifts[0]["crew"][0] == {
        "responder_id": str(person),
        "mode": "onsite",
        "carries_naloxone": True,
    }
    await phone.do(f"/teams/{team}/start-shift", shift_id=soon)
    assert (await _mine(phone))[0]["started_at"] is not None


async def test_a_shift_of_others_a_cancelled_one_and_a_missed_one_are_not_mine(site: Site) -> None:
    boss = await site.client(Role.ADMIN)
    team, person, phone = await _off_shift(site, boss)
    await _planned(site, boss, team, in_h=40)
    cancelled = await _planned(site, boss, team, person, in_h=20)
    await boss.do(f"/shifts/{cancelled}/cancel", reason="other")
    await _planned(site, boss, team, person)
    assert len(await _mine(phone)) == 1
    site.clock.advance(timedelta(hours=11))
    assert await _mine(phone) == []


async def test_an_account_that_is_no_responder_has_no_shifts(site: Site) -> None:
    boss = await site.client(Role.ADMIN)
    await site.team(boss)
    assert await _mine(boss) == []


async def test_two_people_change_one_crew_and_one_entry_by_the_marks_that_the_api_tells(
    site: Site,
) -> None:
    boss, other = await site.client(Role.ADMIN), await site.client(Role.SUPERVISOR)
    team, person = await site.team(boss)
    [planned] = (await boss.get("/shifts")).json()["shifts"]
    shift, seen = planned["shift"], planned["crew_mark"]
    path = f"/shifts/{shift['id']}/crew"
    mine = [one for one in shift["crew"] if one["responder_id"] == str(person)]
    await other.do(path, remove=[str(person)], reason="illness")
    for stale in ({"crew": shift["crew"]}, {"crew": shift["crew"], "seen": seen}):
        refused = await boss.post(path, stale)
        assert (refused.status_code, refused.json()["code"]) == (409, "stale_entry")
    [now] = (await boss.get("/shifts")).json()["shifts"]
    assert refused.json()["facts"]["mark"] == now["crew_mark"] != seen
    result = await boss.do(path, add=mine)
    [last] = (await other.get("/shifts")).json()["shifts"]
    assert result["crew_mark"] == last["crew_mark"]
    assert {one["responder_id"] for one in last["shift"]["crew"]} == {
        one["responder_id"] for one in shift["crew"]
    }

    [row] = (await boss.get("/teams")).json()["teams"]
    entry = {"team_id": str(team), "agency_id": row["team"]["agency_id"]}
    await other.do("/teams", call_sign="Blue 8", seen=row["mark"], **entry)
    refused = await boss.post("/teams", {"call_sign": "Blue 9", **entry})
    assert refused.json()["code"] == "stale_entry"
    people = (await boss.get("/responders")).json()
    assert set(people["marks"]) == {one["id"] for one in people["responders"]}


async def test_the_roster_of_shifts_is_for_those_who_staff_teams(site: Site) -> None:
    boss = await site.client(Role.ADMIN)
    _, person = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=person)
    assert (await phone.get("/shifts")).status_code == 403
