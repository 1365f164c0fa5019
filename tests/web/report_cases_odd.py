"""Odder cases for the response-time report, beside ``report_cases``: looked at one by one."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tests.web.kit import problem
from tests.web.report_cases import march
from tests.web.report_kit import PAPER, Case, County, Told


async def a_crew_that_does_not_count_and_then_one_that_does(c: County) -> Told:
    await c.begin("03-17 08:00")
    incident = await c.determined(slots=2)
    lone, valid = await c.run(incident), await c.run(incident, c.red)
    crew = msgspec.to_builtins(c.crews[c.blue])
    await c.desk.do(f"/assignments/{lone}/crew", crew=crew[:1], reason="member_left")
    c.wait(20)
    await c.says(lone, "on_scene")
    c.wait(30)
    await c.says(valid, "on_scene")
    await c.clear(lone)
    await c.clear(valid)
    await c.close(incident)
    return {incident: march("on_time", 50)}


async def the_first_of_two_arrivals_was_none(c: County) -> Told:
    await c.begin("03-18 08:00")
    incident = await c.determined(slots=2)
    blue, red = await c.run(incident), await c.run(incident, c.red)
    c.wait(20)
    await c.says(blue, "on_scene")
    c.wait(60)
    await c.says(red, "on_scene")
    await c.clear(blue)
    await c.clear(red)
    await c.correct(blue, None)
    await c.close(incident)
    return {incident: march("late", 80)}


async def three_that_were_one_and_are_two_again(c: County) -> Told:
    """What was split off after a team had come stands alone again: with its own clock, unserved."""
    await c.begin("03-19 08:00")
    first = await c.determined()
    c.wait(10)
    second = await c.determined()
    c.wait(10)
    third = await c.determined()
    await c.desk.do(f"/incidents/{first}/merge", into=second)
    await c.desk.do(f"/incidents/{second}/merge", into=third)
    run = await c.run(third)
    c.wait(30)
    await c.says(run, "on_scene")
    await c.desk.do(f"/incidents/{third}/split", other=second)
    await c.clear(run)
    await c.close(third)
    c.wait(30)
    await c.desk.do(f"/incidents/{second}/cancel", reason="caller_cancelled")
    return {third: march("on_time", 30), second: march("cancelled_late")}


async def corrected_after_it_was_called_off(c: County) -> Told:
    """Nobody arrives with a run that has been called off, whoever says so."""
    await c.begin("03-20 08:00")
    incident = await c.determined()
    run = await c.run(incident)
    c.wait(20)
    await c.desk.do(f"/assignments/{run}/cancel", reason="team_vehicle")
    called_off = c.now
    c.wait(60)
    told = (called_off + timedelta(minutes=5)).isoformat()
    body = {"status": "on_scene", "instant": told, "reason": "wrong_time"}
    response = await c.desk.post(f"/assignments/{run}/milestones", body)
    assert problem(response, 422) == "instant_after_end"
    await c.desk.do(f"/incidents/{incident}/cancel", reason="caller_cancelled")
    # It had been there, and nobody had said so when it was called off.
    there = await c.determined()
    start, run = c.now, await c.run(there)
    c.wait(40)
    await c.desk.do(f"/assignments/{run}/cancel", reason="team_illness")
    await c.correct(run, start + timedelta(minutes=30))
    await c.served(there, 30, c.red)
    return {incident: march("cancelled_late"), there: march("on_time", 30)}


async def two_teams_on_one_paper(c: County) -> Told:
    """The first was called off on the way; the second came, by the clock of the one paper."""
    await c.begin("03-21 08:00")
    received = c.now
    c.wait(180)

    def at(minutes: float) -> str:
        return (received + timedelta(minutes=minutes)).isoformat()

    paper = await c.opened(paper_number="P-1", occurred_at=at(0), **PAPER)
    told = {"decision": "dispatch", "acuity": "urgent", "occurred_at": at(10), **PAPER}
    await c.desk.do(f"/incidents/{paper}/determination", **told)
    path = f"/incidents/{paper}/assignments"
    off = {"accepted_at": at(12), "en_route_at": at(15), "cancelled_at": at(30)}
    await c.desk.do(path, team_id=str(c.blue), cancel_reason="team_vehicle", **off, **PAPER)
    came = {"accepted_at": at(31), "staged_at": at(60), "on_scene_at": at(75), "cleared_at": at(99)}
    await c.desk.do(path, team_id=str(c.red), **came, **PAPER)
    await c.desk.do(f"/incidents/{paper}/close", occurred_at=at(100), **PAPER)
    return {paper: march("late", 65, afterwards=True)}


async def the_hour_that_comes_twice(c: County) -> Told:
    """On 1 November clocks go back at two, an hour after a month's border."""
    await c.begin("10-31 22:00")
    c.at("10-31 23:50")
    border = await c.determined()
    border_run = await c.run(border)
    c.at("11-01 01:50")
    night = await c.determined()
    night_run = await c.run(night, c.red)
    c.at("11-01 01:20", fold=1)
    await c.says(border_run, "on_scene")
    await c.says(night_run, "on_scene")
    for incident, run in ((border, border_run), (night, night_run)):
        await c.clear(run)
        await c.close(incident)
    november = "2026-11"
    return {
        border: march("late", 150, promised="2026-10", came=november),
        night: march("on_time", 30, promised=november, came=november),
    }


MORE: tuple[Case, ...] = (
    a_crew_that_does_not_count_and_then_one_that_does,
    the_first_of_two_arrivals_was_none,
    three_that_were_one_and_are_two_again,
    corrected_after_it_was_called_off,
    two_teams_on_one_paper,
    the_hour_that_comes_twice,
)
