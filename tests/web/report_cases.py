"""Cases for the response-time report: what happened, and what the rules say of it, on paper.

``CASES`` are looked at one by one and added up; ``report_cases_odd`` has more, not added up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from crisis.roles import Role
from tests.web.kit import ALAMEDA, OAKLAND, problem
from tests.web.report_kit import HILLS, PAPER, Case, County, Expected, Told

MARCH, APRIL = "2026-03", "2026-04"


def march(fate: str, minutes: float | None = None, **more: Any) -> Expected:
    """A response promised, and where it was reached also reached, in March."""
    fields: dict[str, Any] = {"promised": MARCH, "came": None if minutes is None else MARCH}
    return Expected(fate=fate, minutes=minutes, **{**fields, **more})


async def to_the_second(c: County) -> Told:
    await c.begin("03-02 10:00")
    exact = await c.determined()
    await c.served(exact, 60)
    late = await c.determined()
    await c.served(late, 60 + 1 / 60)
    return {exact: march("on_time", 60), late: march("late", 60 + 1 / 60)}


async def corrected_arrivals(c: County) -> Told:
    await c.begin("03-03 08:00")
    sooner = await c.determined()
    start = c.now
    run = await c.served(sooner, 80)
    await c.correct(run, start + timedelta(minutes=55))
    later = await c.determined()
    start = c.now
    run = await c.served(later, 30)
    c.wait(30)
    # The team had cleared by then: first that is set right, and then the arrival.
    after = start + timedelta(minutes=61)
    assert await c.cannot_correct(run, after) == "instant_after_end"
    await c.correct(run, start + timedelta(minutes=62), "ready")
    await c.correct(run, start + timedelta(minutes=62), "cleared")
    await c.correct(run, after)
    # An arrival before the determination contradicts it.
    c.wait(5)
    received = c.now
    odd = await c.opened()
    c.wait(30)
    await c.desk.do(f"/incidents/{odd}/determination", decision="dispatch", acuity="urgent")
    run = await c.served(odd, 20)
    before = received + timedelta(minutes=10)
    assert await c.cannot_correct(run, before) == "instant_before_acceptance"
    assert await c.cannot_correct(run, before, "accepted") == "instant_before_determination"
    never = await c.determined()
    run = await c.served(never, 20)
    await c.correct(run, None)
    return {
        sooner: march("on_time", 55),
        later: march("late", 61),
        odd: march("on_time", 20),
        never: march("not_measurable"),
    }


async def met_without_an_arrival(c: County) -> Told:
    """Somebody was with the person, and nobody ever said since when."""
    await c.begin("03-04 08:00")
    quick = await c.determined()
    run = await c.run(quick)
    c.wait(20)
    await c.says(run, "contact")
    await c.clear(run)
    await c.close(quick)
    slow = await c.determined()
    run = await c.run(slow)
    c.wait(90)
    await c.says(run, "contact")
    await c.clear(run)
    await c.close(slow)
    gone = await c.determined()
    run = await c.run(gone)
    c.wait(70)
    await c.says(run, "contact")
    await c.desk.do(f"/incidents/{gone}/cancel", reason="person_left")
    return {one: march("not_measurable") for one in (quick, slow, gone)}


async def merged(c: County) -> Told:
    await c.begin("03-05 08:00")
    first = await c.determined()
    c.wait(40)
    second = await c.determined()
    await c.desk.do(f"/incidents/{first}/merge", into=second)
    await c.served(second, 30)
    return {second: march("late", 70)}


async def split_again(c: County) -> Told:
    await c.begin("03-05 12:00")
    first = await c.determined()
    c.wait(40)
    second = await c.determined()
    await c.desk.do(f"/incidents/{first}/merge", into=second)
    c.wait(5)
    await c.desk.do(f"/incidents/{second}/split", other=first)
    await c.served(second, 25)
    await c.served(first, 5)
    return {second: march("on_time", 30), first: march("late", 80)}


async def merged_after_it_was_served(c: County) -> Told:
    """The team has been there; the second report of the same thing may not hide that."""
    await c.begin("03-05 18:00")
    first = await c.determined()
    run = await c.run(first)
    c.wait(30)
    await c.says(run, "on_scene")
    await c.clear(run)
    second = await c.determined()
    response = await c.desk.post(f"/incidents/{first}/merge", {"into": second})
    assert problem(response, 409) == "merge_served"
    merged = await c.desk.do(f"/incidents/{second}/merge", into=first)
    # The team had left before the second one was determined: whether another must go is said.
    [joined] = [one for one in merged["warnings"] if one["code"] == "slots_joined"]
    for slot in joined["slots"]:
        await c.desk.do(f"/incidents/{first}/slots/{slot}/drop", reason="enough_teams")
    await c.close(first)
    return {first: march("on_time", 30)}


async def from_paper(c: County) -> Told:
    await c.begin("03-06 01:00")
    received = c.now
    c.wait(8 * 60)
    board = c.site.node.service.county(ALAMEDA).board
    await c.desk.do(f"/shifts/{board.teams[c.blue].shift_id}/end")
    c.wait(60)

    def at(minutes: float) -> str:
        return (received + timedelta(minutes=minutes)).isoformat()

    paper = await c.opened(paper_number="P-1", occurred_at=at(0), **PAPER)
    told = {"decision": "dispatch", "acuity": "urgent", "occurred_at": at(10), **PAPER}
    await c.desk.do(f"/incidents/{paper}/determination", **told)
    times = {"accepted_at": at(15), "on_scene_at": at(60), "cleared_at": at(90)}
    run = {"team_id": str(c.blue), **times, **PAPER}
    await c.desk.do(f"/incidents/{paper}/assignments", **run)
    await c.desk.do(f"/incidents/{paper}/close", occurred_at=at(95), **PAPER)
    # Begun on the service before an outage, and finished on paper.
    half = await c.determined()
    begun = c.now
    c.wait(120)
    times = {
        "accepted_at": (begun + timedelta(minutes=5)).isoformat(),
        "on_scene_at": (begun + timedelta(minutes=70)).isoformat(),
        "cleared_at": (begun + timedelta(minutes=100)).isoformat(),
    }
    run = {"team_id": str(c.red), **times, **PAPER}
    await c.desk.do(f"/incidents/{half}/assignments", **run)
    await c.close(half)
    unserved = await c.opened(paper_number="P-2", occurred_at=at(0), **PAPER)
    await c.desk.do(f"/incidents/{unserved}/determination", **told)
    gone = {"outcome": "unserved", "reason": "no_team_available", "occurred_at": at(30), **PAPER}
    await c.desk.do(f"/incidents/{unserved}/close", **gone)
    return {
        paper: march("on_time", 50, afterwards=True),
        half: march("late", 70, afterwards=True),
        unserved: march("unserved", afterwards=True),
    }


async def law_enforcement_first(c: County) -> Told:
    await c.begin("03-07 08:00")

    async def police(incident: str) -> None:
        asked = await c.desk.do(
            f"/incidents/{incident}/partner-responses", kind="law_enforcement", reason="weapon"
        )
        path = f"/incidents/{incident}/partner-responses/{asked['partner_id']}"
        await c.desk.do(f"{path}/acknowledge", agency="OPD")
        c.wait(5)
        await c.desk.do(f"{path}/arrive")
        c.wait(1)
        await c.desk.do(f"{path}/leave", outcome="transported")

    both = await c.determined()
    await police(both)
    await c.served(both, 65)
    alone = await c.determined()
    await police(alone)
    c.wait(60)
    reason = {"reason": "resolved_by_law_enforcement"}
    await c.desk.do(f"/incidents/{alone}/cancel", **reason)
    soon = await c.determined()
    await police(soon)
    await c.desk.do(f"/incidents/{soon}/cancel", **reason)
    return {
        both: march("late", 71),
        alone: march("cancelled_late"),
        soon: march("cancelled_in_time"),
    }


async def telehealth(c: County) -> Told:
    """A call by video is no arrival; a remote second without approval makes no valid team."""
    await c.begin("03-07 18:00")
    heard = await c.determined()
    due = {"kind": "waiting_contact", "due_at": (c.now + timedelta(minutes=9)).isoformat()}
    owed = await c.desk.do("/obligations", incident_id=heard, **due)
    c.wait(5)
    path = f"/obligations/{owed['obligation_id']}/complete"
    await c.desk.do(path, outcome="reached_stable", mode="telehealth_video")
    await c.served(heard, 60)
    remote = await c.determined()
    run = await c.run(remote)
    crew = msgspec.to_builtins(c.crews[c.blue])
    half = [crew[0], {**crew[1], "mode": "telehealth_video"}]
    await c.desk.do(f"/assignments/{run}/crew", crew=half, reason="illness")
    c.wait(20)
    await c.says(run, "on_scene")
    await c.clear(run)
    await c.close(remote)
    return {heard: march("late", 65), remote: march("not_qualifying")}


async def on_a_clock_change(c: County) -> Told:
    """The night of 8 March has no hour from two to three."""
    await c.begin("03-08 01:00")
    c.at("03-08 01:40")
    incident = await c.determined()
    run = await c.run(incident)
    c.at("03-08 03:20")
    await c.says(run, "on_scene")
    await c.clear(run)
    await c.close(incident)
    return {incident: march("on_time", 40)}


async def staged(c: County) -> Told:
    await c.begin("03-09 08:00")
    incident = await c.determined()
    run = await c.run(incident)
    await c.says(run, "en_route")
    c.wait(30)
    await c.says(run, "staged", staging_reason="weapon")
    c.wait(45)
    await c.says(run, "on_scene", cleared_scene_by="law_enforcement")
    await c.clear(run)
    await c.close(incident)
    # Staged a mile off until it was over: nobody came.
    aside = await c.determined()
    run = await c.run(aside)
    c.wait(30)
    await c.says(run, "staged", staging_reason="weapon")
    c.wait(45)
    await c.desk.do(f"/incidents/{aside}/cancel", reason="resolved_by_law_enforcement")
    return {incident: march("late", 75), aside: march("cancelled_late")}


async def called_off(c: County) -> Told:
    await c.begin("03-10 08:00")
    found: Told = {}
    for minutes, leaves, fate in (
        (20, False, "cancelled_in_time"),
        (60, False, "cancelled_in_time"),
        (61, False, "cancelled_late"),
        (45, True, "cancelled_in_time"),
        (75, True, "cancelled_late"),
    ):
        incident = await c.determined()
        if leaves:
            await c.says(await c.run(incident), "en_route")
        c.wait(minutes)
        await c.desk.do(f"/incidents/{incident}/cancel", reason="caller_cancelled")
        found[incident] = march(fate)
    nobody = await c.determined()
    c.wait(10)
    body = {"outcome": "unserved", "reason": "no_team_available"}
    await c.desk.do(f"/incidents/{nobody}/close", **body)
    found[nobody] = march("unserved")
    # Neither was promised a team.
    talked = await c.opened()
    body = {"decision": "no_dispatch", "reason": "resolved_by_phone"}
    await c.desk.do(f"/incidents/{talked}/determination", **body)
    await c.desk.do(f"/incidents/{await c.opened()}/cancel", reason="caller_cancelled")
    return found


async def another_team(c: County) -> Told:
    """The clock runs from the first determination, whoever comes in the end."""
    await c.begin("03-11 08:00")
    reassigned = await c.determined()
    run = await c.run(reassigned)
    await c.says(run, "en_route")
    c.wait(30)
    await c.desk.do(f"/assignments/{run}/cancel", reason="team_vehicle")
    await c.served(reassigned, 60, c.red)
    diverted = await c.determined("routine")
    run = await c.run(diverted)
    await c.says(run, "en_route")
    c.wait(10)
    pressing = await c.determined("emergent")
    body = {"reason": "higher_class", "to_incident": pressing}
    await c.desk.do(f"/assignments/{run}/divert", **body)
    await c.served(pressing, 10)
    await c.served(diverted, 30, c.red)
    return {
        reassigned: march("late", 90),
        pressing: march("on_time", 10),
        diverted: march("on_time", 55),
    }


async def a_report_after_the_run_was_called_off(c: County) -> Told:
    """An arrival said of a time when the team had been called off is no response."""
    await c.begin("03-11 18:00")
    incident = await c.determined()
    run = await c.run(incident)
    c.wait(20)
    await c.desk.do(f"/assignments/{run}/cancel", reason="team_vehicle")
    c.wait(5)
    body = {"status": "on_scene", "said_by": "team"}
    assert problem(await c.desk.post(f"/assignments/{run}/status", body), 409) == "disputed"
    # A crew that says it is there holds the search until a person has said whether it is.
    await c.desk.do(f"/assignments/{run}/claim", there=False)
    await c.served(incident, 60, c.red)
    return {incident: march("late", 85)}


async def cleared_as_not_found(c: County) -> Told:
    """An arrival told of a run that had ended with nobody met is not believed, and shown so."""
    await c.begin("03-11 23:00")
    incident = await c.determined()
    run = await c.run(incident)
    c.wait(90)
    not_found = [{"disposition": "not_found", "contacted": False}]
    await c.desk.do(f"/assignments/{run}/clear", said_by="team", encounters=not_found)
    c.wait(1)
    late = (c.now - timedelta(minutes=45)).isoformat()
    body = {"status": "on_scene", "said_by": "team", "occurred_at": late}
    assert problem(await c.desk.post(f"/assignments/{run}/status", body), 409) == "disputed"
    await c.desk.do(f"/incidents/{incident}/close", outcome="unserved", reason="no_team_in_reach")
    return {incident: march("unserved")}


async def two_teams(c: County) -> Told:
    await c.begin("03-12 08:00")
    incident = await c.determined(slots=2)
    blue = await c.run(incident)
    red = await c.run(incident, c.red)
    c.wait(40)
    await c.says(red, "on_scene")
    c.wait(30)
    await c.says(blue, "on_scene")
    await c.clear(blue)
    await c.clear(red)
    await c.close(incident)
    return {incident: march("on_time", 40)}


async def places_that_were_another(c: County) -> Told:
    await c.begin("03-13 08:00")
    hills = {"point": HILLS, "location_type": "home"}
    town = {"point": OAKLAND, "location_type": "home"}
    to_hills = await c.determined()
    c.wait(30)
    await c.desk.do(f"/incidents/{to_hills}/amend", place=hills)
    await c.served(to_hills, 70)
    to_town = await c.determined(place=hills)
    run = await c.run(to_town)
    c.wait(100)
    await c.says(run, "on_scene")
    await c.desk.do(f"/incidents/{to_town}/amend", place=town)
    await c.clear(run)
    await c.close(to_town)
    rural = await c.determined(place=hills)
    await c.served(rural, 120)
    clinic = {"point": OAKLAND, "location_type": "inpatient_hospital"}
    ward = await c.determined(place=clinic)
    await c.served(ward, 90)
    return {
        to_hills: march("on_time", 100, area="rural"),
        to_town: march("late", 100),
        rural: march("on_time", 120, area="rural"),
        ward: march("excluded_setting", 90),
    }


async def merged_into_the_hills(c: County) -> Told:
    """The earlier of both deadlines stays: town's hour, though the place that stays is rural."""
    await c.begin("03-13 20:00")
    town = await c.determined()
    c.wait(10)
    hills = await c.determined(place={"point": HILLS, "location_type": "home"})
    await c.desk.do(f"/incidents/{town}/merge", into=hills)
    await c.served(hills, 100)
    return {hills: march("late", 110, area="rural")}


async def disputed(c: County) -> Told:
    await c.begin("03-14 08:00")
    incident = await c.determined()
    c.wait(10)
    run = await c.run(incident)
    other = await c.site.client(Role.RESPONDER, responder_id=c.red_member)
    c.wait(10)
    path = f"/assignments/{run}/status"
    assert problem(await other.post(path, {"status": "on_scene"}), 409) == "disputed"
    early = (c.now - timedelta(minutes=15)).isoformat()
    before = {"status": "on_scene", "said_by": "team", "occurred_at": early}
    assert problem(await c.desk.post(path, before), 409) == "disputed"
    c.wait(60)
    await c.says(run, "on_scene")
    await c.clear(run)
    await c.close(incident)
    return {incident: march("late", 80)}


async def told_late(c: County) -> Told:
    """A phone without signal tells of its arrival after all is over: it met somebody, or not."""
    await c.begin("03-15 08:00")
    incident = await c.determined()
    run = await c.run(incident)
    c.wait(90)
    await c.clear(run, encounters=[{"disposition": "stabilized_safety_plan"}])
    arrived = {"occurred_at": (c.now - timedelta(minutes=50)).isoformat()}
    await c.says(run, "on_scene", **arrived)
    await c.close(incident)
    earlier = await c.determined()
    run = await c.run(earlier)
    c.wait(70)
    await c.says(run, "on_scene")
    await c.clear(run)
    await c.close(earlier)
    arrived = {"occurred_at": (c.now - timedelta(minutes=15)).isoformat()}
    await c.says(run, "on_scene", **arrived)
    told = {incident: march("on_time", 40), earlier: march("on_time", 55)}
    # Nobody was met, and nobody has settled whether they were there: it counts as none.
    for encounters in ([], [{"disposition": "not_found", "contacted": False}]):
        nobody = await c.determined()
        run = await c.run(nobody)
        c.wait(20)
        await c.clear(run, encounters=encounters)
        body = {"status": "on_scene", "said_by": "team"}
        arrived = {"occurred_at": (c.now - timedelta(minutes=5)).isoformat()}
        refused = await c.desk.post(f"/assignments/{run}/status", body | arrived)
        assert problem(refused, 409) == "disputed"
        c.wait(70)
        unserved = {"outcome": "unserved", "reason": "no_team_available"}
        await c.desk.do(f"/incidents/{nobody}/close", **unserved)
        told[nobody] = march("unserved")
    return told


async def completed_on_scene(c: County) -> Told:
    """The second member comes later: from then on there is a valid team."""
    await c.begin("03-16 08:00")
    incident = await c.determined()
    run = await c.run(incident)
    crew = msgspec.to_builtins(c.crews[c.blue])
    path = f"/assignments/{run}/crew"
    await c.desk.do(path, crew=crew[:1], reason="member_left")
    c.wait(30)
    await c.says(run, "on_scene")
    c.wait(20)
    await c.desk.do(path, crew=crew, reason="second_member_arrived")
    await c.clear(run)
    await c.close(incident)
    return {incident: march("on_time", 50)}


async def over_the_months_border(c: County) -> Told:
    """Midnight in California is seven in the morning of the next day in UTC."""
    await c.begin("03-31 12:00")
    c.at("03-31 18:00")
    evening = await c.determined()
    await c.served(evening, 30)
    c.at("03-31 23:50")
    border = await c.determined()
    await c.served(border, 30)
    return {
        evening: march("on_time", 30),
        border: march("on_time", 30, came=APRIL),
    }


async def still_open(c: County) -> Told:
    await c.begin("04-01 08:00")
    waiting = await c.determined()
    lone = await c.determined()
    run = await c.run(lone)
    crew = msgspec.to_builtins(c.crews[c.blue])
    await c.desk.do(f"/assignments/{run}/crew", crew=crew[:1], reason="member_left")
    c.wait(20)
    await c.says(run, "on_scene")
    c.wait(45)
    return {
        waiting: march("still_waiting", promised=APRIL),
        lone: march("not_qualifying", promised=APRIL),
    }


CASES: tuple[Case, ...] = (
    to_the_second,
    corrected_arrivals,
    met_without_an_arrival,
    merged,
    split_again,
    merged_after_it_was_served,
    from_paper,
    law_enforcement_first,
    telehealth,
    on_a_clock_change,
    staged,
    called_off,
    another_team,
    a_report_after_the_run_was_called_off,
    cleared_as_not_found,
    two_teams,
    places_that_were_another,
    merged_into_the_hills,
    disputed,
    told_late,
    completed_on_scene,
    over_the_months_border,
    still_open,
)
