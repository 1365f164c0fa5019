"""Odder cases for the response-time report, beside ``report_cases``: looked at one by one."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tests.web.kit import problem
from tests.web.report_cases import march
from tests.web.report_kit import Case, County, Told


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


MORE: tuple[Case, ...] = (
    a_crew_that_does_not_count_and_then_one_that_does,
    the_first_of_two_arrivals_was_none,
    three_that_were_one_and_are_two_again,
    corrected_after_it_was_called_off,
)
