"""What helps somebody in danger is opened at once, to whoever may have to act, and noted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from crisis.clock import new_id
from crisis.roles import Role
from dispatch.store.administration import add_agency
from tests.web.kit import AGENCY, ALAMEDA, OAKLAND, Client, Site, problem

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]


async def _in_danger(site: Site) -> tuple[Client, Client, str, Any]:
    """A crew member at an incident who has raised an alarm; the desk, and the alarm's id."""
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    board = site.node.service.county(ALAMEDA).board
    known = board.responders[responder_id]
    await boss.do(
        "/responders",
        responder={"id": str(responder_id), "agency_id": str(AGENCY), **_kept(known)},
        name="Kim Canary",
        phone="510-555-0101",
    )
    crew = await site.client(Role.RESPONDER, responder_id=responder_id)
    place = {"point": OAKLAND, "address": "123 Canary Street", "access": "gate 9"}
    opened = await boss.do("/incidents", place=place)
    incident = f"/incidents/{opened['incident_id']}"
    await boss.do(f"{incident}/determination", decision="dispatch", acuity="urgent", rationale="x")
    offered = await boss.do(f"{incident}/offers", team_id=str(team_id))
    await crew.do(f"/offers/{offered['offer_id']}/accept")
    fix = {"point": OAKLAND, "fixed_at": site.clock.now().isoformat(), "accuracy_m": 120}
    assert (await crew.post(f"/teams/{team_id}/fixes", fix)).status_code == 204
    raised = await crew.do("/duress")
    return boss, crew, f"/duress/{raised['duress_id']}/facts", team_id


def _kept(known: Any) -> dict[str, Any]:
    return {
        "provider_type": known.provider_type,
        "core_trained_on": str(known.core_trained_on),
        "naloxone_trained": known.naloxone_trained,
        "can_assess": known.can_assess,
        "is_lpha": known.is_lpha,
        "licence": {} if known.licence is not None else None,
    }


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.SUPERVISOR, Role.ON_CALL, Role.LEAD])
async def test_an_alarm_shows_what_saves_a_life_to_whoever_may_be_called(
    site: Site, role: Role
) -> None:
    _, _, path, _ = await _in_danger(site)
    helper = await site.client(role)
    facts = (await helper.get(path)).json()
    assert facts["number"] == 1
    assert (facts["address"], facts["access"]) == ("123 Canary Street", "gate 9")
    assert facts["fix"]["accuracy_m"] == 120 and facts["fix"]["point"] == OAKLAND
    first = facts["people"][0]
    assert (first["name"], first["phone"], first["raised"]) == ("Kim Canary", "510-555-0101", True)
    assert facts["call_sign"] and facts["raised_by"]
    assert facts["next_to"] == "supervisor"
    assert facts["next_at"] == (site.clock.now() + timedelta(seconds=30)).isoformat().replace(
        "+00:00", "Z"
    )


async def test_who_has_it_in_hand_is_named_and_nothing_more_is_next(site: Site) -> None:
    boss, _, path, _ = await _in_danger(site)
    await boss.do(path.replace("/facts", "/acknowledge"))
    facts = (await boss.get(path)).json()
    assert facts["in_hand_by"]
    assert "next_to" not in facts or facts["next_to"] is None


async def test_each_opening_is_noted(site: Site, admin: Admin) -> None:
    boss, _, path, _ = await _in_danger(site)
    assert (await boss.get(path)).status_code == 200
    noted = await admin.fetch("SELECT what, purpose FROM read_audit WHERE purpose = 'emergency'")
    assert {row["what"] for row in noted} >= {"duress_opened", "record_read"}


async def test_somebody_on_no_team_is_shown_too(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR)
    raised = await boss.do("/duress")
    facts = (await boss.get(f"/duress/{raised['duress_id']}/facts")).json()
    assert facts["raised_by"]
    assert facts.get("people", []) == [] and facts.get("address") is None


async def test_alarms_are_for_those_who_see_to_them(site: Site) -> None:
    _, crew, path, _ = await _in_danger(site)
    assert problem(await crew.get(path), 403) == "role"
    theirs = await add_agency(site.node.database, ALAMEDA, "Open Door")
    other = await site.client(Role.AGENCY_MANAGER, agency_id=theirs)
    assert problem(await other.get(path), 403) == "not_your_agency"
    boss = await site.client(Role.SUPERVISOR)
    assert problem(await boss.get(f"/duress/{new_id()}/facts"), 404) == "unknown_duress"
