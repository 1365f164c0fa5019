"""Who may open an incident: one's own without a word, others' with a purpose, or not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crisis.commands import CreateObligation, OfferCall
from crisis.disclosure import PURPOSES, is_own, require_access, require_call_access
from crisis.errors import Invalid, NotAllowed
from crisis.ids import AgencyId, ResponderId
from crisis.obligation import ObligationKind
from crisis.roles import Actor, Role
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


def test_an_agencys_desk_opens_what_is_its_own_without_a_word_and_no_other() -> None:
    county = County()
    team = county.team("Blue 1")
    mine = changed(person("limited", Role.DISPATCHER), agency_id=AGENCY)
    theirs = changed(person("stranger", Role.DISPATCHER), agency_id=AgencyId(uid("another")))
    opened, asked = county.opened(by=mine), county.determined()
    assert _code(county, opened, mine) == "", "they may act on it, and so they may read it"
    assert _code(county, asked, mine) == "not_your_incident"
    county.offered(asked, team)
    assert _code(county, asked, mine) == ""
    for incident_id in (opened, asked):
        assert _code(county, incident_id, theirs) == "not_your_incident"


def test_an_agencys_follow_up_worker_opens_nothing_of_another_agencys_runs() -> None:
    county = County()
    team = county.team("Blue 1")
    incident_id = county.determined()
    county.running(incident_id, team)
    owed = CreateObligation(
        kind=ObligationKind.FOLLOW_UP,
        due_at=county.now + timedelta(hours=72),
        incident_id=incident_id,
    )
    county.do(owed)
    worker = person("worker", Role.FOLLOW_UP_WORKER)
    assert _code(county, incident_id, worker) == ""
    assert _code(county, incident_id, changed(worker, agency_id=AGENCY)) == ""
    stranger = changed(worker, agency_id=AgencyId(uid("another agency")))
    assert _code(county, incident_id, stranger) == "not_your_incident"
    assert _code(county, incident_id, stranger, "follow_up") == "not_your_incident"


def test_whoever_answered_a_call_for_an_agency_reads_who_calls() -> None:
    county = County()
    mine = changed(person("limited", Role.CALL_TAKER), agency_id=AGENCY)
    call_id = county.do(OfferCall(answered=True), by=mine).result["call_id"]
    require_call_access(mine, county.board.calls[call_id], None)
    other = changed(person("other", Role.CALL_TAKER), agency_id=AGENCY)
    with pytest.raises(NotAllowed, match="county"):
        require_call_access(other, county.board.calls[call_id], None)
