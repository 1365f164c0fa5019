"""Runs entered afterwards over HTTP: for a team that is off shift, retired or busy by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from crisis.roles import Role
from tests.db.service_kit import check_county
from tests.web.kit import AGENCY, ALAMEDA, OAKLAND, Client, Site, problem

WHY = {"back_entry_reason": "system_outage"}


def at(instant: datetime, minutes: float = 0) -> str:
    return (instant + timedelta(minutes=minutes)).isoformat()


class Papers:
    """A supervisor who enters what was kept on paper."""

    def __init__(self, site: Site, desk: Client, boss: Client) -> None:
        self.site = site
        self.desk = desk
        self.boss = boss
        self._numbers = iter(range(1, 100))

    async def incident(self, received: datetime) -> str:
        """Received then, determined ten minutes later."""
        opened = await self.desk.do(
            "/incidents",
            paper_number=f"P-{next(self._numbers)}",
            place={"point": OAKLAND, "location_type": "home"},
            occurred_at=at(received),
            **WHY,
        )
        incident_id: str = opened["incident_id"]
        await self.desk.do(
            f"/incidents/{incident_id}/determination",
            decision="dispatch",
            acuity="urgent",
            occurred_at=at(received, 10),
            **WHY,
        )
        return incident_id

    def run(self, team_id: Any, received: datetime, **fields: Any) -> dict[str, Any]:
        """Accepted after 15 minutes, there after 50, done after 90."""
        return {
            "team_id": str(team_id),
            "accepted_at": at(received, 15),
            "en_route_at": at(received, 20),
            "on_scene_at": at(received, 50),
            "cleared_at": at(received, 90),
            "said_by": "team",
            **WHY,
            **fields,
        }


async def papers(site: Site) -> Papers:
    desk = await site.client(Role.DISPATCHER, Role.SUPERVISOR)
    return Papers(site, desk, await site.client(Role.ADMIN))


async def off_shift(site: Site, p: Papers) -> tuple[Any, datetime]:
    """A team that worked for six hours and went home; when it began."""
    team_id, _ = await site.team(p.boss)
    began = site.clock.now()
    board = site.node.service.county(ALAMEDA).board
    shift_id = board.teams[team_id].shift_id
    site.clock.advance(6 * 3600)
    await p.desk.do(f"/shifts/{shift_id}/end")
    site.clock.advance(2 * 3600)
    return team_id, began


async def check(site: Site) -> None:
    await check_county(site.node.database, ALAMEDA, site.node.service)


async def test_last_nights_call_is_entered_whole_for_a_team_that_went_home(site: Site) -> None:
    p = await papers(site)
    team_id, began = await off_shift(site, p)
    incident_id = await p.incident(began)
    path = f"/incidents/{incident_id}/assignments"
    encounters = [{"disposition": "stabilized_safety_plan"}]
    done = await p.desk.do(path, **p.run(team_id, began, encounters=encounters))
    assert done["state"] == "ready"
    assert datetime.fromisoformat(done["first_on_scene_at"]) == began + timedelta(minutes=50)
    assert [w["code"] for w in done["warnings"]] == ["plan_missing"]
    closed = {"occurred_at": at(began, 95), **WHY}
    await p.desk.do(f"/incidents/{incident_id}/close", **closed)
    await check(site)
    timeline = (await p.desk.get(f"/incidents/{incident_id}/timeline")).json()
    said = [(e["body"]["type"], e["source"]) for e in timeline["events"]]
    assert ("assignment_entered", "back_entry") in said
    lead = await site.client(Role.LEAD)
    report = (
        await lead.get("/reports/response-times", since="2026-03-01", until="2026-03-31")
    ).json()
    [line] = [x for x in report["lines"] if (x["month"], x["area_class"]) == ("2026-03", "urban")]
    [ref] = line["by_arrival"]["on_time"]
    assert (ref["minutes"], ref["entered_afterwards"]) == (40.0, True)


async def test_runs_that_left_the_board_stand_against_another_of_their_time(site: Site) -> None:
    p = await papers(site)
    team_id, began = await off_shift(site, p)
    first = await p.incident(began)
    await p.desk.do(f"/incidents/{first}/assignments", **p.run(team_id, began))
    await p.desk.do(f"/incidents/{first}/close", **WHY)
    assert not any(
        str(one) == first for one in site.node.service.county(ALAMEDA).board.incidents
    ), "it has left the board"
    second = await p.incident(began + timedelta(minutes=30))
    path = f"/incidents/{second}/assignments"
    response = await p.desk.post(path, p.run(team_id, began + timedelta(minutes=30)))
    assert problem(response, 409) == "team_was_on_a_run"
    assert response.json()["facts"]["incident_id"] == first
    after = p.run(team_id, began + timedelta(minutes=80))
    await p.desk.do(path, **after)
    await check(site)


async def test_a_team_that_is_on_a_run_now_stays_on_it(site: Site) -> None:
    p = await papers(site)
    team_id, _ = await site.team(p.boss)
    began = site.clock.now()
    site.clock.advance(4 * 3600)
    live = await site.determined(p.desk)
    offer = await p.desk.do(
        f"/incidents/{live}/offers", team_id=str(team_id), override_reason="other"
    )
    run = await p.desk.do(f"/offers/{offer['offer_id']}/accept")
    incident_id = await p.incident(began)
    await p.desk.do(f"/incidents/{incident_id}/assignments", **p.run(team_id, began))
    team = site.node.service.county(ALAMEDA).board.teams[team_id]
    assert team.run is not None and str(team.run[1]) == run["assignment_id"]
    await check(site)
    status = f"/assignments/{run['assignment_id']}/status"
    await p.desk.do(status, status="on_scene", said_by="team")
    site.clock.advance(1800)
    later = await p.incident(site.clock.now() - timedelta(minutes=15))
    body = p.run(team_id, site.clock.now() - timedelta(minutes=15))
    body |= {"en_route_at": None, "on_scene_at": None, "cleared_at": at(site.clock.now())}
    refused = await p.desk.post(f"/incidents/{later}/assignments", body)
    assert problem(refused, 409) == "team_was_on_a_run"


async def test_a_team_that_was_retired_since_is_entered_all_the_same(site: Site) -> None:
    p = await papers(site)
    team_id, began = await off_shift(site, p)
    await p.boss.do(
        "/teams", team_id=str(team_id), agency_id=str(AGENCY), call_sign="Blue 1", retired=True
    )
    assert team_id not in site.node.service.county(ALAMEDA).board.teams
    incident_id = await p.incident(began)
    await p.desk.do(f"/incidents/{incident_id}/assignments", **p.run(team_id, began))
    assert team_id not in site.node.service.county(ALAMEDA).board.teams
    await check(site)


async def test_before_its_shift_it_must_be_told_who_went_and_why(site: Site) -> None:
    p = await papers(site)
    team_id, responder = await site.team(p.boss)
    began = site.clock.now() - timedelta(hours=12)
    incident_id = await p.incident(began)
    path = f"/incidents/{incident_id}/assignments"
    body = p.run(team_id, began)
    assert problem(await p.desk.post(path, body), 422) == "shift_unknown"
    crew = [{"responder_id": str(responder), "carries_naloxone": True}]
    done = await p.desk.do(path, **body, crew=crew, override_reason="supervisor_order")
    assert done["first_on_scene_at"] is None, "one member alone is no valid team"
    await check(site)


async def test_the_same_entry_sent_twice_is_one_run(site: Site) -> None:
    p = await papers(site)
    team_id, began = await off_shift(site, p)
    incident_id = await p.incident(began)
    body, path = p.run(team_id, began), f"/incidents/{incident_id}/assignments"
    first = await p.desk.post(path, body, key="paper 1")
    again = await p.desk.post(path, body, key="paper 1")
    assert first.status_code == 200 and first.json() == again.json()
    plain = {k: v for k, v in body.items() if k != "back_entry_reason"}
    assert problem(await p.desk.post(path, plain), 422) == "only_back_entry"
    await check(site)


async def test_runs_that_left_the_board_stand_against_a_correction_too(site: Site) -> None:
    p = await papers(site)
    team_id, began = await off_shift(site, p)
    first = await p.incident(began)
    one = await p.desk.do(f"/incidents/{first}/assignments", **p.run(team_id, began))
    second = await p.incident(began + timedelta(minutes=60))
    body = p.run(team_id, began + timedelta(minutes=80))
    other = await p.desk.do(f"/incidents/{second}/assignments", **body)
    for incident in (first, second):
        await p.desk.do(f"/incidents/{incident}/close", **WHY)
    board = site.node.service.county(ALAMEDA).board
    assert not {first, second} & {str(one) for one in board.incidents}, "both have left the board"
    lead = await site.client(Role.LEAD)

    async def fixes(run: str, status: str, minutes: float) -> str | None:
        body = {"status": status, "instant": at(began, minutes), "reason": "wrong_time"}
        answer = await lead.post(f"/assignments/{run}/milestones", body)
        return None if answer.status_code == 200 else answer.json()["code"]

    # The first ends at 90, the other begins at 95; its need was determined at 70.
    for status in ("ready", "cleared"):
        assert await fixes(one["assignment_id"], status, 96) == "team_was_on_a_run"
    assert await fixes(other["assignment_id"], "accepted", 89) == "team_was_on_a_run"
    assert await fixes(other["assignment_id"], "accepted", 92) is None
    assert await fixes(one["assignment_id"], "ready", 93) == "team_was_on_a_run"
    assert await fixes(one["assignment_id"], "cleared", 92) is None
    assert await fixes(one["assignment_id"], "cleared", 92.5) == "team_was_on_a_run"
    await check(site)
