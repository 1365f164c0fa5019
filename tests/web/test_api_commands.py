"""Commands over HTTP, from the sign-in to the log."""

from __future__ import annotations

from uuid import UUID

from crisis.roles import Role
from tests.web.kit import Site


async def test_a_whole_response_runs_over_the_api(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, responder_id = await site.team(boss)
    phone = await site.client(Role.RESPONDER, responder_id=responder_id)
    call = await boss.do("/calls", answered=True)
    incident_id = await site.determined(boss, call_id=call["call_id"])
    offer = await boss.do(f"/incidents/{incident_id}/offers", team_id=str(team_id))
    run = (await phone.do(f"/offers/{offer['offer_id']}/accept"))["assignment_id"]
    await phone.do(f"/assignments/{run}/hazards", version=1)
    for status in ("en_route", "on_scene", "contact"):
        await phone.do(f"/assignments/{run}/status", status=status)
    await phone.do(
        f"/assignments/{run}/clear", encounters=[{"disposition": "stabilized_safety_plan"}]
    )
    await boss.do(f"/incidents/{incident_id}/close")
    events = await site.node.service.county(6001).timeline(UUID(incident_id))
    assert {str(e.source) for e in events} >= {"desk", "phone"}
