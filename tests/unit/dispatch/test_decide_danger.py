"""What is known of danger reaches everybody, whichever way it came in, and contradicts nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import reduce
from typing import Any

import msgspec
import pytest

from crisis.board import fold
from crisis.commands import (
    AcceptOffer,
    AmendIncident,
    BriefPartner,
    Determine,
    MergeIncident,
    OpenIncident,
    PlaceInput,
    RequestPartner,
)
from crisis.ids import IncidentId, PartnerResponseId, TeamId
from crisis.incident.state import IncidentAmended, IncidentOpened, TeamDetermined
from crisis.rights import RoleClass
from crisis.roles import Role
from crisis.states import Source
from crisis.triage import Acuity, Answer, Hazard
from dispatch.feed import Feed, View
from tests.unit.dispatch.board_kit import (
    AGENCY,
    COUNTY,
    DISPATCHER,
    MONDAY,
    OAKLAND,
    SAFE_SCENE,
    SUPERVISOR,
    County,
    on_team,
    person,
)

ARMED = {"weapon_on_scene": Answer.YES, "violence_now": Answer.YES}
Told = Callable[[County], IncidentId]


def shown(county: County, incident_id: IncidentId, team: TeamId) -> dict[str, dict[str, Any]]:
    """The incident in every view that shows it, by class."""
    feed = Feed(warm=tuple(RoleClass))
    feed.start(county.board)
    scopes = {RoleClass.TEAM: team, RoleClass.AGENCY: AGENCY}
    found = {}
    for role in RoleClass:
        view = View(county_id=COUNTY, role_class=role, scope=scopes.get(role))
        for one in json.loads(feed.catch_up(view, None))["up"]:
            if one.get("k") == "incident" and one["id"] == str(incident_id):
                found[role.value] = one
    return found


def _opened(county: County) -> IncidentId:
    return county.determined(screening=ARMED)


def _by_another_system(county: County) -> IncidentId:
    by = person("988", Role.INTEGRATION)
    incident_id = county.opened(screening=ARMED, by=by, source=Source.INTEGRATION)
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
    return incident_id


def _at_determination(county: County) -> IncidentId:
    incident_id = county.opened(screening={"weapon_on_scene": Answer.NO})
    county.do(
        Determine(
            incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT, screening=ARMED
        )
    )
    return incident_id


def _amended(county: County) -> IncidentId:
    incident_id = county.determined()
    county.do(AmendIncident(incident_id=incident_id, screening=ARMED))
    return incident_id


def _from_paper(county: County) -> IncidentId:
    how: dict[str, Any] = {
        "source": Source.BACK_ENTRY,
        "reason": "system_outage",
        "by": SUPERVISOR,
        "occurred_at": MONDAY - timedelta(hours=1),
    }
    incident_id = county.opened(screening=ARMED, paper_number="P1", **how)
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT), **how)
    return incident_id


def _merged(county: County) -> IncidentId:
    armed = county.opened(screening=ARMED)
    into = county.determined(screening=SAFE_SCENE)
    county.do(MergeIncident(incident_id=armed, into=into))
    return into


ROUTES: list[Told] = [
    _opened,
    _by_another_system,
    _at_determination,
    _amended,
    _from_paper,
    _merged,
]


@pytest.mark.parametrize("told", ROUTES, ids=lambda told: told.__name__)
def test_what_was_answered_yes_stands_in_every_view(told: Told) -> None:
    county = County()
    team = county.team()
    incident_id = told(county)
    offer_id = county.offered(incident_id, team)
    seen = shown(county, incident_id, team)
    assert set(seen) == {"desk", "team", "wall", "agency"}
    for role, one in seen.items():
        codes = [hazard["code"] for hazard in one["hazards"]]
        assert {"weapon", "violence_now"} <= set(codes), role
        assert (one["hazards"], one["danger"]) == (
            seen["desk"]["hazards"],
            seen["desk"]["danger"],
        ), "the same statement everywhere"
        assert "is_clear" not in one["danger"]
    county.do(AcceptOffer(offer_id=offer_id), by=on_team(team))
    assert shown(county, incident_id, team)["team"]["hazards"] == seen["desk"]["hazards"]


def test_a_scene_that_nobody_asked_about_is_said_to_be_unknown_in_every_view() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    county.offered(incident_id, team)
    for one in shown(county, incident_id, team).values():
        assert "scene_known" not in one["danger"] and "is_clear" not in one["danger"]
        assert "weapon" in one["danger"]["not_asked"]


def test_the_ranking_and_the_views_say_the_same() -> None:
    county = County()
    incident_id = county.determined(screening=ARMED)
    incident = county.incident(incident_id)
    assert incident.danger.codes == ("violence_now", "weapon")


def test_a_run_to_an_answered_danger_has_something_to_read() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(screening=ARMED)
    county.running(incident_id, team)
    (run,) = shown(county, incident_id, team)["team"]["runs"]
    assert run["unacknowledged"], "the service doesn't let it leave before it was read"


DENIED = {"weapon_on_scene": Answer.NO}
WEAPON = (Hazard(code="weapon", source="law_enforcement"),)


def _is_whole(county: County, incident_id: IncidentId, result: dict[str, Any]) -> None:
    incident = county.incident(incident_id)
    assert "danger_contradicts" in {one["code"] for one in result["warnings"]}
    assert incident.clinical.screening["weapon_on_scene"] is Answer.YES
    assert "weapon" in incident.danger.codes


def test_an_incident_is_not_opened_with_a_contradiction() -> None:
    county = County()
    result = county.do(OpenIncident(screening=DENIED, hazards=WEAPON)).result
    _is_whole(county, IncidentId(result["incident_id"]), result)


def test_a_determination_brings_no_contradiction() -> None:
    county = County()
    for first, then in (
        ({"hazards": WEAPON}, {"screening": DENIED}),
        ({"screening": DENIED}, {"hazards": WEAPON}),
    ):
        incident_id = county.opened(**first)
        result = county.do(
            Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT, **then)
        ).result
        _is_whole(county, incident_id, result)


@pytest.mark.parametrize("by_crew", [False, True], ids=["desk", "crew"])
def test_an_amendment_brings_no_contradiction(by_crew: bool) -> None:
    county = County()
    team = county.team()
    by = on_team(team) if by_crew else DISPATCHER
    incident_id = county.determined(screening={**SAFE_SCENE, **DENIED})
    county.running(incident_id, team)
    amend = AmendIncident(incident_id=incident_id, add_hazards=(Hazard(code="weapon"),))
    _is_whole(county, incident_id, county.do(amend, by=by).result)
    denies = AmendIncident(incident_id=incident_id, screening=DENIED)
    result = county.do(denies, by=by).result
    _is_whole(county, incident_id, result)


def test_paper_brings_no_contradiction() -> None:
    county = County()
    how: dict[str, Any] = {"source": Source.BACK_ENTRY, "reason": "system_outage", "by": SUPERVISOR}
    opening = OpenIncident(screening=DENIED, hazards=WEAPON, paper_number="P2")
    result = county.do(opening, **how).result
    _is_whole(county, IncidentId(result["incident_id"]), result)


def test_a_merge_brings_no_contradiction_either_way_round() -> None:
    for noted_first in (True, False):
        county = County()
        noted, denied = county.determined(hazards=WEAPON), county.determined(screening=DENIED)
        one, other = (noted, denied) if noted_first else (denied, noted)
        county.do(MergeIncident(incident_id=one, into=other))
        incident = county.incident(other)
        assert incident.clinical.screening["weapon_on_scene"] is not Answer.NO
        assert "weapon" in incident.danger.codes


def test_a_danger_that_is_over_is_taken_back_in_one_act() -> None:
    county = County()
    incident_id = county.determined(screening=ARMED, hazards=WEAPON)
    half = county.do(AmendIncident(incident_id=incident_id, remove_hazards=("weapon",))).result
    assert [w["code"] for w in half["warnings"]] == ["hazard_screened"]
    assert "weapon" in county.incident(incident_id).danger.codes
    county.do(AmendIncident(incident_id=incident_id, screening=DENIED))
    assert "weapon" not in county.incident(incident_id).danger.codes
    county.do(AmendIncident(incident_id=incident_id, add_hazards=WEAPON))
    over = AmendIncident(incident_id=incident_id, remove_hazards=("weapon",), screening=DENIED)
    assert county.do(over).result["warnings"] == []
    assert "weapon" not in county.incident(incident_id).danger.codes


def test_a_log_from_before_there_was_a_statement_says_the_same() -> None:
    county = County()
    incident_id = county.determined(screening={"violence_now": Answer.UNKNOWN}, hazards=WEAPON)
    county.do(AmendIncident(incident_id=incident_id, screening=ARMED))
    kinds = (IncidentOpened, TeamDetermined, IncidentAmended)
    bare = [
        msgspec.structs.replace(event, body=msgspec.structs.replace(event.body, danger=None))
        if isinstance(event.body, kinds)
        else event
        for event in county.log
    ]
    assert bare != county.log
    old = reduce(fold, bare, County().board).incidents[incident_id]
    assert old.danger == county.incident(incident_id).danger


def test_a_partner_is_told_what_is_known_and_the_desk_sees_when_it_changed() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(screening=SAFE_SCENE)
    county.running(incident_id, team)
    asked = county.do(RequestPartner(incident_id=incident_id, kind="ems", reason="medical"))
    partner_id = PartnerResponseId(asked.result["partner_id"])
    (seen,) = shown(county, incident_id, team)["desk"]["partners"]
    assert seen["danger"] == county.incident(incident_id).danger.version
    amend = AmendIncident(incident_id=incident_id, add_hazards=WEAPON)
    result = county.do(amend, by=on_team(team)).result
    assert "partner_not_told" in {one["code"] for one in result["warnings"]}
    assert (f"user:{DISPATCHER.user_id}", "incident_amended") in county.told()
    danger = county.incident(incident_id).danger.version
    (stale,) = shown(county, incident_id, team)["desk"]["partners"]
    assert stale["danger"] < danger
    about: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.refused("unknown_version", BriefPartner(danger=danger + 1, **about))
    county.do(BriefPartner(**about))
    (told,) = shown(county, incident_id, team)["desk"]["partners"]
    assert told["danger"] == danger


def test_what_a_crew_asks_for_has_still_to_be_told_to_the_partner() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(place=PlaceInput(point=OAKLAND))
    county.running(incident_id, team)
    ask = RequestPartner(incident_id=incident_id, kind="ems", reason="medical")
    county.do(ask, by=on_team(team))
    (seen,) = county.incident(incident_id).partners
    assert seen.danger == 0
