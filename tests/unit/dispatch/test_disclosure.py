"""Who may open an incident: one's own without a word, others' with a purpose, or not at all."""

from __future__ import annotations

import pytest

from crisis.errors import Invalid, NotAllowed
from crisis.ids import AgencyId, ResponderId
from crisis.roles import Actor, Role
from dispatch.disclosure import PURPOSES, is_own, require_access
from tests.unit.dispatch.board_kit import AGENCY, County, changed, on_team, person, uid


def _code(county: County, incident_id: object, actor: Actor, purpose: str | None = None) -> str:
    """The refusal's code, "" = may open it."""
    incident = county.incident(incident_id)  # type: ignore[arg-type]
    try:
        require_access(actor, incident, county.board, purpose)
    except (NotAllowed, Invalid) as refusal:
        return refusal.code
    return ""


@pytest.mark.parametrize("role", [Role.CALL_TAKER, Role.DISPATCHER, Role.SUPERVISOR])
def test_the_desk_opens_what_is_on_the_board(role: Role) -> None:
    county = County()
    assert _code(county, county.determined(), person("x", role)) == ""


@pytest.mark.parametrize("role", [Role.LEAD, Role.COMPLIANCE, Role.FOLLOW_UP_WORKER])
def test_those_who_review_say_why(role: Role) -> None:
    county = County()
    incident_id, actor = county.determined(), person("x", role)
    assert _code(county, incident_id, actor) == "purpose_needed"
    assert _code(county, incident_id, actor, "because") == "unknown_purpose"
    assert {_code(county, incident_id, actor, purpose) for purpose in PURPOSES} == {""}


@pytest.mark.parametrize(
    "role", [Role.RESPONDER, Role.ADMIN, Role.AGENCY_MANAGER, Role.INTEGRATION]
)
def test_a_purpose_opens_nothing_to_those_who_have_no_part_in_it(role: Role) -> None:
    county = County()
    county.team()
    assert _code(county, county.determined(), person("x", role), "audit") == "not_your_incident"


def test_a_crew_opens_what_it_is_asked_and_runs_to_and_no_other() -> None:
    county = County()
    team, other = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    assert _code(county, incident_id, on_team(team)) == "not_your_incident"
    county.running(incident_id, team)
    assert _code(county, incident_id, on_team(team)) == ""
    assert _code(county, incident_id, on_team(other)) == "not_your_incident"


def test_whoever_was_on_the_crew_keeps_it_for_their_notes() -> None:
    county = County()
    team = county.team("Blue 1")
    incident_id = county.determined()
    county.running(incident_id, team)
    me = ResponderId(uid("Blue 1 clinician"))
    off_shift = changed(person("me", Role.RESPONDER), responder_id=me)
    assert is_own(off_shift, county.incident(incident_id), county.board)
    stranger = changed(off_shift, responder_id=ResponderId(uid("stranger")))
    assert not is_own(stranger, county.incident(incident_id), county.board)


def test_an_agency_reaches_what_its_teams_ran_to() -> None:
    county = County()
    team = county.team("Blue 1")
    incident_id = county.determined()
    county.running(incident_id, team)
    manager = changed(person("manager", Role.AGENCY_MANAGER), agency_id=AGENCY)
    assert _code(county, incident_id, manager) == "purpose_needed"
    assert _code(county, incident_id, manager, "quality_review") == ""
    for role in (Role.AGENCY_MANAGER, Role.SUPERVISOR, Role.COMPLIANCE):
        other = changed(person("other", role), agency_id=AgencyId(uid("another agency")))
        assert _code(county, incident_id, other, "audit") == "not_your_incident"
