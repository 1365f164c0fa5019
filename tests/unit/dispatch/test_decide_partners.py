"""Partner responses: never kept from asking, and no hand-off forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from crisis.commands import (
    AcknowledgePartner,
    CancelIncident,
    Determine,
    MergeIncident,
    PartnerDeclined,
    PartnerGone,
    PartnerInput,
    PartnerOnScene,
    RequestPartner,
)
from crisis.errors import Conflict
from crisis.ids import IncidentId, PartnerResponseId
from crisis.partner import PartnerResponse, PartnerState
from crisis.states import Source
from crisis.triage import Acuity
from dispatch.decide import decide
from tests.unit.dispatch.board_kit import (
    CALL_TAKER,
    DISPATCHER,
    SUPERVISOR,
    County,
    changed,
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


@pytest.mark.parametrize("kind", ["ems", "fire", "psap_911", "law_enforcement"])
def test_no_team_that_was_sent_is_kept_from_calling_for_help(kind: str) -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    county.running(incident_id, team_id)
    asked(county, incident_id, kind, by=on_team(team_id))
    assert partner(county, incident_id).requested_by == "responder"
    assert county.told() == [("role:dispatcher", "partner_requested_by_team")]


def test_a_teams_cry_for_help_rings_even_for_an_incident_kept_on_paper() -> None:
    county = County()
    incident_id = county.opened(
        by=SUPERVISOR, source=Source.BACK_ENTRY, reason="system_outage", paper_number="p7"
    )
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
    team_id = county.team()
    county.running(incident_id, team_id)
    asked(county, incident_id, by=on_team(team_id))
    assert county.told() == [("role:dispatcher", "partner_requested_by_team")]


@pytest.mark.parametrize("kind", ["ems", "psap_911", "neighboring_county"])
def test_a_partner_is_asked_only_for_an_incident_that_ones_team_was_sent_to(kind: str) -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    command = RequestPartner(incident_id=incident_id, kind=kind, reason="other")
    refusal = county.refused("not_your_incident", command, by=on_team(team_id))
    assert "911" in refusal.detail
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
    assert one.state is PartnerState.LEFT and one.record is not None
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
    partner_id = asked(county, incident_id, "psap_911", handoff=True)
    assert county.told() == [("role:supervisor", "handed_off")]
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(PartnerOnScene(**names))
    county.refused("handoff_not_acknowledged", PartnerGone(outcome="transported", **names))
    county.do(AcknowledgePartner(agency="911", reference="9-17", **names))
    county.refused("handoff_outcome_unknown", PartnerGone(outcome="unknown", **names))
    county.do(PartnerGone(outcome="transported", **names))
    assert not partner(county, incident_id).is_open


def test_a_supervisor_may_close_a_hand_off_whose_outcome_nobody_learns() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, "psap_911", handoff=True)
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(AcknowledgePartner(agency="911", **names))
    county.do(PartnerGone(outcome="unknown", **names), by=SUPERVISOR)
    assert partner(county, incident_id).outcome == "unknown"


def test_a_refused_hand_off_is_the_supervisors_at_once() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, "psap_911", handoff=True)
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
    refusal = county.refused(
        "incident_merged", RequestPartner(incident_id=incident_id, kind="ems", reason="medical")
    )
    assert refusal.facts["into"] == str(into)


def test_a_filed_incident_sends_whoever_asks_for_help_to_a_new_one() -> None:
    county = County()
    incident_id = county.opened()
    county.do(CancelIncident(incident_id=incident_id, reason="caller_cancelled"))
    filed = county.gone(incident_id)
    board = county.board.holding("incidents", filed)
    command = RequestPartner(incident_id=incident_id, kind="psap_911", reason="medical")
    off_board = frozenset({incident_id})
    with pytest.raises(Conflict, match="open a new incident") as refusal:
        decide(board, envelope(command), county.now, county.rules, off_board)
    assert refusal.value.code == "incident_filed"
    assert refusal.value.facts["number"] == filed.number


def test_a_hand_off_of_an_incident_without_a_team_keeps_it_on_the_board_to_its_outcome() -> None:
    county = County()
    incident_id = county.opened()
    no_team = Determine(
        incident_id=incident_id, decision="no_dispatch", reason="life_threat_to_911"
    )
    refusal = county.refused("partner_needed", no_team)
    assert refusal.facts["set"] == "partner_kind"
    county.do(changed(no_team, partner=PartnerInput(kind="psap_911", reason="life_threat")))
    assert incident_id in county.board.incidents
    names: dict[str, Any] = {
        "incident_id": incident_id,
        "partner_id": partner(county, incident_id).id,
    }
    county.do(AcknowledgePartner(agency="911", **names))
    assert incident_id in county.board.incidents
    county.do(PartnerGone(outcome="transported", **names))
    assert incident_id not in county.board.incidents


def test_a_refused_hand_off_leaves_the_incident_on_the_board_until_another_stands() -> None:
    county = County()
    incident_id = county.opened()
    county.do(
        Determine(
            incident_id=incident_id,
            decision="no_dispatch",
            reason="medical",
            partner=PartnerInput(kind="ems"),
        )
    )
    first = partner(county, incident_id).id
    county.do(PartnerDeclined(incident_id=incident_id, partner_id=first, reason="no_unit"))
    assert incident_id in county.board.incidents
    second = asked(county, incident_id, "fire", handoff=True)
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": second}
    county.do(AcknowledgePartner(agency="Engine 4", **names))
    county.do(PartnerGone(outcome="resolved", **names))
    assert incident_id not in county.board.incidents


def test_the_desk_may_take_a_hand_off_back_and_a_team_may_not() -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    county.running(incident_id, team_id)
    partner_id = asked(county, incident_id, handoff=True)
    back = PartnerDeclined(incident_id=incident_id, partner_id=partner_id, reason="not_needed")
    county.refused("desk_takes_back", back, by=on_team(team_id))
    county.do(back)
    assert ("role:supervisor", "handoff_refused") not in county.told()
    assert not partner(county, incident_id).refused


def test_a_partner_that_came_before_is_the_hand_off_of_a_later_determination() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, handoff=True)
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(AcknowledgePartner(agency="Medic 12", **names))
    county.do(PartnerGone(outcome="transported", **names))
    done = county.do(Determine(incident_id=incident_id, decision="no_dispatch", reason="medical"))
    assert done.result["archived"]


def test_help_in_danger_is_never_refused_for_a_reason_that_nobody_knows() -> None:
    county = County()
    incident_id, team_id = county.determined(), county.team()
    county.running(incident_id, team_id)
    command = RequestPartner(incident_id=incident_id, kind="ems", reason="he_is_blue")
    county.do(command, by=on_team(team_id))
    assert partner(county, incident_id).reason == "other"
    county.refused("unknown_code", changed(command, kind="furs"))


def test_whoever_took_a_hand_off_must_be_said() -> None:
    county = County()
    incident_id = county.opened()
    partner_id = asked(county, incident_id, handoff=True)
    names: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.refused("handoff_reference_missing", AcknowledgePartner(**names))
    done = county.do(AcknowledgePartner(reference="E26-114", **names))
    assert [(r.kind, r.fields) for r in done.records] == [("partner", {"reference": "E26-114"})]
