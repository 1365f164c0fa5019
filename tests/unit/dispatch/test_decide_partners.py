"""Partner responses: never kept from asking, and no hand-off forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from crisis.board import fold_all
from crisis.commands import (
    AcknowledgePartner,
    CancelIncident,
    MergeIncident,
    PartnerDeclined,
    PartnerGone,
    PartnerOnScene,
    RequestPartner,
)
from crisis.ids import IncidentId, PartnerResponseId
from crisis.partner import PartnerResponse, PartnerState
from crisis.states import Source
from dispatch.decide import decide
from tests.unit.dispatch.board_kit import (
    CALL_TAKER,
    DISPATCHER,
    SUPERVISOR,
    County,
    envelope,
    on_team,
)


def asked(
    county: County, incident_id: IncidentId, kind: Any = "ems", **fields: Any
) -> PartnerResponseId:
    how = {k: fields.pop(k) for k in ("by",) if k in fields}
    command = RequestPartner(incident_id=incident_id, kind=kind, reason="medical", **fields)
    return PartnerResponseId(county.do(command, **how).result["partner_id"])


def partner(county: County, incident_id: IncidentId) -> PartnerResponse:
    (one,) = county.incident(incident_id).partners
    return one


@pytest.mark.parametrize(
    ("by", "role"),
    [(CALL_TAKER, "call_taker"), (DISPATCHER, "dispatcher"), (SUPERVISOR, "supervisor")],
)
def test_the_desk_asks_and_the_log_keeps_the_role_and_no_name(by: object, role: str) -> None:
    county = County()
    incident_id = county.opened()
    asked(county, incident_id, by=by)
    assert partner(county, incident_id).requested_by == role
    assert county.told() == []


@pytest.mark.parametrize("kind", ["ems", "fire", "psap", "law_enforcement"])
def test_no_team_is_kept_from_calling_for_help(kind: str) -> None:
    county = County()
    incident_id, team_id = county.opened(), county.team()
    asked(county, incident_id, kind, by=on_team(team_id))
    assert partner(county, incident_id).requested_by == "responder"
    assert county.told() == [("role:dispatcher", "partner_requested_by_team")]


def test_a_teams_cry_for_help_rings_even_for_an_incident_kept_on_paper() -> None:
    county = County()
    incident_id = county.opened(
        by=SUPERVISOR, source=Source.BACK_ENTRY, reason="system_outage", paper_number="p7"
    )
    asked(county, incident_id, by=on_team(county.team()))
    assert county.told() == [("role:dispatcher", "partner_requested_by_team")]


def test_other_partners_are_asked_only_for_ones_own_incident() -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    command = RequestPartner(incident_id=incident_id, kind="other_county", reason="other")
    county.refused("not_your_incident", command, by=on_team(team_id))
    county.running(incident_id, team_id)
    county.do(command, by=on_team(team_id))


def test_a_partners_way_is_told_to_the_teams_on_the_run() -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    county.running(incident_id, team_id)
    partner_id = asked(county, incident_id)
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(AcknowledgePartner(agency="county_ems", reference="42", **names))
    assert county.told() == [(f"team:{team_id}", "partner_coming")]
    county.do(PartnerOnScene(**names), by=on_team(team_id))
    county.do(PartnerGone(outcome="left_with_team", **names))
    one = partner(county, incident_id)
    assert one.state is PartnerState.LEFT and one.reference == "42"
    county.refused("illegal_transition", PartnerOnScene(**names))


def test_no_partners_arrival_stops_the_clock() -> None:
    county = County()
    incident_id = county.determined()
    partner_id = asked(county, incident_id, "law_enforcement")
    county.do(PartnerOnScene(incident_id=incident_id, partner_id=partner_id))
    assert county.incident(incident_id).first_on_scene_at is None


def test_a_hand_off_stays_open_until_taken_over_and_its_outcome_known() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, "psap", handoff=True)
    assert county.told() == [("role:supervisor", "handed_off")]
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(PartnerOnScene(**names))
    county.refused("handoff_not_acknowledged", PartnerGone(outcome="transported", **names))
    county.do(AcknowledgePartner(agency="psap", reference="9-17", **names))
    county.refused("handoff_outcome_unknown", PartnerGone(outcome="unknown", **names))
    county.do(PartnerGone(outcome="transported", **names))
    assert not partner(county, incident_id).is_open


def test_a_supervisor_may_close_a_hand_off_whose_outcome_nobody_learns() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, "psap", handoff=True)
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(AcknowledgePartner(agency="psap", **names))
    county.do(PartnerGone(outcome="unknown", **names), by=SUPERVISOR)
    assert partner(county, incident_id).outcome == "unknown"


def test_a_refused_hand_off_is_the_supervisors_at_once() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, "psap", handoff=True)
    county.do(PartnerDeclined(incident_id=incident_id, partner_id=partner_id, reason="busy"))
    assert ("role:supervisor", "handoff_refused") in county.told()


def test_a_settled_incident_leaves_the_board_with_its_last_partner() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id)
    county.do(CancelIncident(incident_id=incident_id, reason="caller_cancelled"))
    assert incident_id in county.board.incidents
    done = county.do(
        PartnerDeclined(incident_id=incident_id, partner_id=partner_id, reason="not_needed")
    )
    assert done.result["archived"] and incident_id not in county.board.incidents


def test_an_unknown_request_is_refused_by_name() -> None:
    county = County()
    incident_id = county.opened()
    missing = PartnerResponseId(incident_id)
    county.refused(
        "unknown_partner_response", PartnerOnScene(incident_id=incident_id, partner_id=missing)
    )


def test_a_merged_incidents_partner_is_asked_on_the_one_that_goes_on() -> None:
    county = County()
    incident_id, into = county.opened(), county.opened()
    county.do(MergeIncident(incident_id=incident_id, into=into))
    merged = county.gone(incident_id)
    county.board = county.board.holding("incidents", merged)
    refusal = county.refused(
        "incident_merged", RequestPartner(incident_id=incident_id, kind="ems", reason="medical")
    )
    assert refusal.facts["into"] == str(into)


def test_help_for_a_filed_incident_is_recorded_and_said_to_be_off_the_board() -> None:
    county = County()
    incident_id = county.opened()
    county.do(CancelIncident(incident_id=incident_id, reason="caller_cancelled"))
    filed = county.gone(incident_id)
    board = county.board.holding("incidents", filed)
    command = RequestPartner(incident_id=incident_id, kind="psap", reason="medical")
    off_board = frozenset({incident_id})
    decision = decide(board, envelope(command), county.now, county.rules, off_board)
    assert decision.result["on_board"] is False
    assert [event.off_board for event in decision.events] == [True]
    elsewhere = fold_all(county.board, decision.events)
    assert incident_id not in elsewhere.incidents
