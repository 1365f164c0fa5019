"""A threat to life leads somewhere, and a decision stands beside what was suggested."""

from __future__ import annotations

from typing import Any

import pytest

from crisis.commands import (
    AmendIncident,
    Determine,
    MergeIncident,
    OpenIncident,
    PartnerDeclined,
    PartnerGone,
    PartnerInput,
    PartnerOnScene,
    PlaceInput,
    RequestPartner,
    SplitIncident,
)
from crisis.ids import IncidentId
from crisis.incident.state import (
    IncidentAmended,
    IncidentOpened,
    NoDispatchDetermined,
    TeamDetermined,
)
from crisis.policy import Rationale, ScreeningPolicy
from crisis.roles import Role
from crisis.states import Source
from crisis.triage import Acuity, Answer, Hazard, Need
from tests.unit.dispatch.board_kit import OAKLAND, County, on_team, person, rules

ATTEMPT = {"suicide_attempt_now": Answer.YES}
LINE = person("988", Role.INTEGRATION)


def codes(result: dict[str, Any]) -> list[str]:
    return [one["code"] for one in result["warnings"]]


def opened(county: County, **known: Any) -> IncidentId:
    done = county.do(OpenIncident(place=PlaceInput(point=OAKLAND), **known))
    return IncidentId(done.result["incident_id"])


def proposed(county: County, incident_id: IncidentId) -> list[str]:
    return [advice.kind for advice in county.incident(incident_id).proposals]


@pytest.mark.parametrize(
    "known",
    [
        {"screening": ATTEMPT},
        {"screening": {"overdose_ingestion": Answer.YES}},
        {"screening": {"violence_now": Answer.YES}},
        {"hazards": (Hazard(code="medical_emergency"),)},
    ],
)
def test_a_threat_to_life_is_told_at_every_step_until_911_or_ems_is_asked(
    known: dict[str, Any],
) -> None:
    county = County()
    done = county.do(OpenIncident(place=PlaceInput(point=OAKLAND), **known))
    incident_id = done.result["incident_id"]
    assert codes(done.result)[0] == "life_threat"
    decided = county.do(
        Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT)
    )
    assert codes(decided.result)[0] == "life_threat"
    assert county.incident(incident_id).proposals[0].is_life_threat
    county.do(RequestPartner(incident_id=incident_id, kind="ems", reason="life_threat"))
    assert proposed(county, incident_id) == []
    amended = county.do(AmendIncident(incident_id=incident_id, concerns=("suicide_risk",)))
    assert "life_threat" not in codes(amended.result)


def test_asking_in_the_same_act_answers_it() -> None:
    county = County()
    incident_id = opened(county, screening=ATTEMPT)
    asked = PartnerInput(kind="psap_911", reason="life_threat", handoff=False)
    decided = county.do(
        Determine(
            incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT, partner=asked
        )
    )
    assert "life_threat" not in codes(decided.result)
    (partner,) = county.incident(incident_id).partners
    assert (partner.kind, partner.reason, partner.is_open) == ("psap_911", "life_threat", True)


def test_whoever_refused_was_not_asked() -> None:
    county = County()
    incident_id = opened(county, screening=ATTEMPT)
    asked = county.do(RequestPartner(incident_id=incident_id, kind="ems", reason="life_threat"))
    partner_id = asked.result["partner_id"]
    county.do(PartnerDeclined(incident_id=incident_id, partner_id=partner_id, reason="no_unit"))
    assert proposed(county, incident_id) == ["psap_911"]


def test_a_threat_that_shows_later_is_told_and_one_a_crew_tells_rings_at_the_desk() -> None:
    county = County()
    team, incident_id = county.team(), county.determined()
    county.running(incident_id, team)
    command = AmendIncident(incident_id=incident_id, screening=ATTEMPT)
    done = county.do(command, by=on_team(team))
    assert "life_threat" in codes(done.result)
    assert ("role:dispatcher", "life_threat") in county.told()


def test_a_threat_that_another_system_tells_rings_at_the_desk() -> None:
    county = County()
    county.do(
        OpenIncident(place=PlaceInput(point=OAKLAND), screening=ATTEMPT),
        by=LINE,
        source=Source.INTEGRATION,
    )
    assert ("role:dispatcher", "life_threat") in county.told()


def test_a_threat_that_comes_with_a_merge_is_told() -> None:
    county = County()
    first, second = opened(county, screening=ATTEMPT), county.determined()
    merged = county.do(MergeIncident(incident_id=first, into=second))
    assert codes(merged.result)[0] == "life_threat"
    parted = county.do(SplitIncident(incident_id=second, other=first))
    assert "life_threat" not in codes(parted.result)


def test_a_threat_learnt_while_two_were_one_is_told_of_each_at_the_split() -> None:
    county = County()
    first, second = opened(county), county.determined()
    county.do(MergeIncident(incident_id=first, into=second))
    county.do(AmendIncident(incident_id=second, screening=ATTEMPT))
    parted = county.do(SplitIncident(incident_id=second, other=first))
    assert "life_threat" in codes(parted.result)


@pytest.mark.parametrize("reason", ["resolved_by_phone", "information_only", "prank"])
def test_a_threat_to_life_is_not_settled_by_talk_alone(reason: str) -> None:
    county = County()
    incident_id = opened(county, screening=ATTEMPT)
    no_team = Determine(incident_id=incident_id, decision="no_dispatch", reason=reason)
    county.refused("life_threat_unanswered", no_team)
    county.do(RequestPartner(incident_id=incident_id, kind="psap_911", reason="life_threat"))
    county.do(no_team)


def test_sending_nobody_with_a_threat_unanswered_is_never_silent() -> None:
    county = County()
    incident_id = opened(county, screening=ATTEMPT)
    no_team = Determine(incident_id=incident_id, decision="no_dispatch", reason="caller_declined")
    assert "life_threat" in codes(county.do(no_team).result)
    assert ("role:supervisor", "life_threat") in county.told()


def test_suggestion_decision_and_reason_stand_together_in_the_log_and_are_sealed() -> None:
    county = County()
    incident_id = opened(county, screening=ATTEMPT)
    county.do(AmendIncident(incident_id=incident_id, concerns=("idd_autism",)))
    county.do(
        Determine(
            incident_id=incident_id,
            decision="dispatch",
            acuity=Acuity.URGENT,
            reason="danger_to_self",
        )
    )
    kinds = (IncidentOpened, IncidentAmended, TeamDetermined)
    told = [event.body for event in county.log if isinstance(event.body, kinds)]
    assert [body.suggestion.acuity for body in told] == [Acuity.EMERGENT] * 3
    decided = told[-1]
    assert isinstance(decided, TeamDetermined)
    assert (decided.acuity, decided.reason) == (Acuity.URGENT, "danger_to_self")
    assert decided.suggestion.needs == ("idd",)
    assert decided.suggestion.because == ("risk_item.suicide_attempt_now", "crisis_type.idd_autism")
    for kind in (*kinds, NoDispatchDetermined):
        assert "suggestion" in kind.SEALED


def test_a_less_pressing_choice_than_suggested_is_told() -> None:
    county = County()
    incident_id = opened(county, screening={"suicide_intent": Answer.YES})
    less = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.ROUTINE)
    assert "acuity_below_suggestion" in codes(county.do(less).result)


@pytest.mark.parametrize(
    ("rule", "screening", "says", "is_refused"),
    [
        (Rationale.NEVER, ATTEMPT, {}, False),
        (Rationale.WHEN_AGAINST, ATTEMPT, {}, True),
        (Rationale.WHEN_AGAINST, ATTEMPT, {"reason": "danger_to_self"}, False),
        (Rationale.WHEN_AGAINST, ATTEMPT, {"rationale": "Calm now, with his sister."}, False),
        (Rationale.WHEN_AGAINST, {}, {}, False),
        (Rationale.ALWAYS, {}, {}, True),
        (Rationale.ALWAYS, {}, {"reason": "danger_to_self"}, False),
        (Rationale.ALWAYS, {}, {"rationale": "  "}, True),
    ],
)
def test_a_dispatch_without_a_rationale_is_refused_where_the_policy_asks_for_one(
    rule: Rationale, screening: dict[str, Answer], says: dict[str, Any], is_refused: bool
) -> None:
    county = County(rules(screening=ScreeningPolicy(rationale=rule)))
    incident_id = opened(county, screening=screening)
    command = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.ROUTINE, **says)
    if is_refused:
        county.refused("rationale_missing", command)
    else:
        county.do(command)


def test_law_enforcement_without_a_safety_concern_is_asked_and_warned_of() -> None:
    county = County()
    incident_id = opened(county)
    odd = RequestPartner(incident_id=incident_id, kind="law_enforcement", reason="transport")
    assert codes(county.do(odd).result) == ["law_enforcement_without_concern"]
    sound = RequestPartner(incident_id=incident_id, kind="law_enforcement", reason="weapon")
    assert codes(county.do(sound).result) == []


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({"place": PlaceInput(location_type="tribal_land")}, "partner_proposed"),
        ({"place": PlaceInput(location_type="school")}, "see_to"),
        ({"place": PlaceInput(location_type="jail")}, "see_to"),
        ({"referral_source": "hospital_ed"}, "see_to"),
    ],
)
def test_what_must_be_seen_to_is_told_at_intake(known: dict[str, Any], code: str) -> None:
    assert code in codes(County().do(OpenIncident(**known)).result)


def test_a_need_whose_code_is_a_must_is_one_unless_somebody_says_otherwise() -> None:
    county = County()
    asked = (
        Need(code="wheelchair_vehicle"),
        Need(code="off_road", hard=False),
        Need(code="youth"),
        Need(code="peer", hard=True),
    )
    incident_id = opened(county, needs=asked)
    found = {need.code: need.hard for need in county.incident(incident_id).needs}
    assert found == {"wheelchair_vehicle": True, "off_road": False, "youth": False, "peer": True}


def test_a_partner_that_has_left_is_asked_again_for_a_threat_that_came_after() -> None:
    county = County()
    incident_id = opened(county)
    asked = RequestPartner(incident_id=incident_id, kind="ems", reason="medical")
    partner_id = county.do(asked).result["partner_id"]
    named: dict[str, Any] = {"incident_id": incident_id, "partner_id": partner_id}
    county.do(PartnerOnScene(**named))
    county.do(PartnerGone(**named, outcome="left_with_team"))
    county.wait(3_600)
    told = county.do(AmendIncident(incident_id=incident_id, screening=ATTEMPT))
    assert codes(told.result)[0] == "life_threat"
    assert county.incident(incident_id).proposals[0].is_life_threat
    county.do(RequestPartner(incident_id=incident_id, kind="ems", reason="life_threat"))
    assert proposed(county, incident_id) == []


def test_what_an_absorbed_incident_was_brought_for_is_still_proposed() -> None:
    county = County()
    brought = opened(county, referral_source="child_welfare")
    asked = county.incident(brought).suggestion
    assert asked.needs and proposed(county, brought)
    stays = opened(county)
    assert proposed(county, stays) == []
    county.do(MergeIncident(incident_id=brought, into=stays))
    assert proposed(county, stays) == [advice.kind for advice in asked.partners]
    assert set(asked.needs) <= set(county.incident(stays).suggestion.needs)
    # Merged on, it still counts; split off, it is the other's alone.
    further = opened(county)
    county.do(MergeIncident(incident_id=stays, into=further))
    assert proposed(county, further) != []
    county.do(SplitIncident(incident_id=further, other=stays))
    assert proposed(county, further) == []
    assert proposed(county, stays) != []
