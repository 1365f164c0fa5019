"""What an account that ends at an agency, or stands for one team, may do over the API."""

from __future__ import annotations

import asyncpg
import pytest

from crisis.clock import new_id
from crisis.ids import AgencyId
from crisis.roles import Role
from dispatch.store.administration import add_agency
from tests.web.kit import AGENCY, ALAMEDA, Client, Site, problem

#: A second agency beside the teams' own.
pytestmark = pytest.mark.usefixtures("agencies")
OTHER_NAME = "Riverbend"


@pytest.fixture
async def agencies(site: Site, admin: asyncpg.Connection[asyncpg.Record]) -> AgencyId:
    """The agency of another name; the teams' agency exists too."""
    await admin.execute(
        "INSERT INTO agencies (county_id, agency_id, name) VALUES ($1, $2, 'Open Door')",
        ALAMEDA,
        AGENCY,
    )
    return await add_agency(site.node.database, ALAMEDA, OTHER_NAME)


async def _running(site: Site, desk: Client, team_id: object) -> tuple[str, str]:
    """An incident and its team's run."""
    incident_id = await site.determined(desk)
    offer = await desk.do(f"/incidents/{incident_id}/offers", team_id=str(team_id))
    run = await desk.do(f"/offers/{offer['offer_id']}/accept", said_by="clinician")
    return incident_id, run["assignment_id"]


async def test_a_dispatcher_of_one_agency_changes_nothing_of_another(
    site: Site, agencies: AgencyId
) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    team_id, responder_id = await site.team(desk)
    incident_id, run_id = await _running(site, desk, team_id)
    alarm = await desk.do("/duress", team_id=str(team_id))
    shifts = site.node.service.county(6001).board.shifts.values()
    (shift_id,) = [str(shift.id) for shift in shifts if shift.team_id == team_id]
    stranger = await site.client(Role.SUPERVISOR, Role.DISPATCHER, agency_id=agencies)
    crew = [{"responder_id": str(responder_id)}]
    for path, body in (
        (f"/incidents/{incident_id}/cancel", {"reason": "caller_cancelled"}),
        (f"/incidents/{incident_id}/amend", {"acuity": "routine"}),
        (f"/incidents/{incident_id}/notes", {"text": "a word"}),
        (f"/incidents/{incident_id}/owner", {"to": str(new_id())}),
        (f"/assignments/{run_id}/cancel", {"reason": "caller_cancelled"}),
        (f"/assignments/{run_id}/status", {"status": "on_scene", "said_by": "clinician"}),
        (f"/duress/{alarm['duress_id']}/acknowledge", {}),
        (f"/shifts/{shift_id}/end", {}),
        (f"/shifts/{shift_id}/crew", {"crew": crew}),
        (f"/teams/{team_id}/duty", {"duty": "unavailable", "reason": "break"}),
    ):
        assert await stranger.refused(path, 403, **body) == "not_your_agency", path
    waiting = await site.determined(desk)
    response = await stranger.get(f"/incidents/{waiting}/recommendations")
    assert problem(response, 403) == "not_your_agency"


async def test_a_dispatcher_of_an_agency_works_with_its_own_teams(site: Site) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    team_id, _ = await site.team(desk)
    own = await site.client(Role.SUPERVISOR, Role.DISPATCHER, agency_id=AGENCY)
    incident_id = await site.determined(own)
    ranking = (await own.get(f"/incidents/{incident_id}/recommendations")).json()
    assert [one["team_id"] for one in ranking["candidates"]] == [str(team_id)]
    offer = await own.do(f"/incidents/{incident_id}/offers", team_id=str(team_id))
    await own.do(f"/offers/{offer['offer_id']}/withdraw", reason="dispatcher")
    await own.do(f"/incidents/{incident_id}/cancel", reason="caller_cancelled")


async def test_a_ranking_tells_an_agency_of_its_own_teams_only(
    site: Site, agencies: AgencyId
) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    team_id, _ = await site.team(desk)
    other = await site.client(Role.SUPERVISOR, Role.DISPATCHER, agency_id=agencies)
    incident_id = await site.determined(other)
    response = await other.get(f"/incidents/{incident_id}/recommendations")
    assert str(team_id) not in response.text
    assert response.json()["eligible"] == 1


async def test_a_responder_asks_no_partner_for_another_teams_incident(site: Site) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    team_id, _ = await site.team(desk)
    incident_id, _ = await _running(site, desk, team_id)
    stranger = await site.client(Role.RESPONDER, responder_id=new_id())
    path, body = f"/incidents/{incident_id}/partner-responses", {"kind": "ems", "reason": "medical"}
    assert await stranger.refused(path, 403, **body) == "not_your_incident"
