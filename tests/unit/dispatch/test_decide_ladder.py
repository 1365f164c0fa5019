"""The ladder: who hears that nobody is left to ask, again and again, until one has it in hand."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from crisis.assignment import Status
from crisis.commands import (
    AddSlot,
    CancelAssignment,
    ClearAssignment,
    DeclineOffer,
    Determine,
    EnterAssignment,
    EscalateSlot,
    HandOver,
    LeaveDesk,
    LoseCall,
    OfferTeam,
    PartnerDeclined,
    ReportStatus,
    RequestPartner,
    SetDuty,
    StartScreening,
    TakeInHand,
    WithdrawOffer,
)
from crisis.ids import IncidentId, SlotNo
from crisis.incident.state import SlotEscalated
from crisis.policy import OfferPolicy, Rung, RungKind, WaitingPolicy
from crisis.roles import Role
from crisis.states import Source
from crisis.triage import Acuity
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    SUPERVISOR,
    County,
    on_team,
    person,
    rules,
)
from tests.unit.dispatch.night_kit import Night, heard, rings

OWNER = f"user:{DISPATCHER.user_id}"
AUTO = rules(offers=OfferPolicy(auto_offer=True))
PAPERS: dict[str, Any] = {"by": SUPERVISOR, "source": Source.BACK_ENTRY, "reason": "system_outage"}
ON_CALL = person("on call", Role.ON_CALL)


LADDER = ("nobody_left_to_ask", "nobody_offers", "ask_partner_agencies", "ask_for_loan")
NOBODY = (*LADDER, "nobody_has_it")


def test_the_ladder_climbs_from_supervisor_to_on_call_and_then_rings_at_everybody() -> None:
    county = County()
    incident_id = county.determined()
    climbed = []
    for rung in range(1, 7):
        result = county.do(
            EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=rung), by=SERVICE
        ).result
        wait_s = (result["wake_at"] - county.now).total_seconds()
        climbed.append((result["to"], wait_s, {to for to, _ in county.told()}))
        county.now = result["wake_at"]
    everybody = {OWNER, "role:dispatcher", "role:supervisor", "role:on_call"}
    assert climbed == [
        ("supervisor", 300, {OWNER, "role:supervisor"}),
        ("partner", 300, {OWNER, "role:dispatcher", "role:supervisor"}),
        ("loan", 600, {OWNER, "role:supervisor"}),
        ("on_call", 300, {OWNER, "role:on_call", "role:supervisor"}),
        ("on_call", 300, everybody),
        ("on_call", 300, everybody),
    ]


def test_the_last_rung_is_never_asked_without_a_pause() -> None:
    ladder = (Rung(kind=RungKind.NEXT_BEST), Rung(kind=RungKind.SUPERVISOR))
    county = County(rules(offers=OfferPolicy(ladder=ladder)))
    incident_id = county.determined()
    command = EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=1)
    assert county.do(command, by=SERVICE).result["wake_at"] > county.now


def test_an_escalation_is_refused_once_its_try_was_made_or_a_team_came() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    first = EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=1)
    county.do(first, by=SERVICE)
    assert county.incident(incident_id).slots[0].exhausted_at == county.now
    county.refused("rung_taken", first, by=SERVICE)
    run = county.running(incident_id, team)
    assert county.incident(incident_id).slots[0].exhausted_at is None
    second = EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=3)
    county.refused("slot_met", second, by=SERVICE)
    county.do(CancelAssignment(assignment_id=run, reason="team_vehicle"), by=SUPERVISOR)
    # The team was lost: the ladder is climbed from its foot again.
    assert county.do(second, by=SERVICE).result["to"] == "supervisor"


@pytest.mark.parametrize("in_force", [rules(), AUTO], ids=["by a person", "by the service"])
def test_with_no_team_on_shift_the_ladder_starts_at_once_and_never_falls_silent(
    in_force: object,
) -> None:
    county = Night(in_force)  # type: ignore[arg-type]
    county.team(on_shift=False)
    county.determined()
    told = heard(county.pass_until(6_120), *NOBODY)
    first = {
        template: min(at for at, _, what in told if what == template)
        for template in NOBODY
        if template != "nobody_offers"
    }
    assert first == {
        "nobody_left_to_ask": 0,
        "ask_partner_agencies": 300,
        "ask_for_loan": 600,
        "nobody_has_it": 1_500,
    }
    assert min(at for at, to, _ in told if to == "role:on_call") == 1_200
    times = sorted({at for at, _, _ in told})
    assert max(b - a for a, b in pairwise(times)) <= 600
    assert {to for at, to, _ in told if at > 5_500} == {
        OWNER,
        "role:dispatcher",
        "role:supervisor",
        "role:on_call",
    }


@pytest.mark.parametrize(
    "keeps_it_away",
    ["a run", "unavailable", "crew"],
)
def test_a_team_that_may_not_be_asked_is_as_good_as_none(keeps_it_away: str) -> None:
    county = Night()
    team = county.team(crew=() if keeps_it_away == "crew" else None)
    if keeps_it_away == "a run":
        county.running(county.determined(), team)
    elif keeps_it_away == "unavailable":
        county.do(SetDuty(team_id=team, duty="unavailable", reason="break"))
    county.determined()
    told = heard(county.pass_until(1), *LADDER)
    assert {what for _, _, what in told} == {"nobody_left_to_ask"}


def test_a_person_who_offers_to_nobody_is_told_and_then_the_others() -> None:
    county = Night()
    county.team()
    incident_id = county.determined(Acuity.EMERGENT)
    told = heard(county.pass_until(1_800), *NOBODY)
    assert told[:2] == [(120, OWNER, "nobody_offers"), (120, "role:supervisor", "nobody_offers")]
    assert {(at, to) for at, to, _ in told} >= {
        (420, "role:dispatcher"),
        (1_320, "role:on_call"),
    }
    assert county.incident(incident_id).offers == (), "a person asks the first team"


def test_a_team_that_comes_free_is_told_to_the_owner_where_a_person_asks() -> None:
    county = Night()
    incident_id = county.determined()
    county.pass_until(30)
    county.team()
    told = county.pass_until(60)
    assert heard(told, "team_can_be_asked") == [(0, OWNER, "team_can_be_asked")]
    assert county.incident(incident_id).offers == ()


def test_after_the_first_question_the_service_asks_the_next_team_by_itself() -> None:
    county = Night()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    offer = county.offered(incident_id, first)
    county.do(DeclineOffer(offer_id=offer, reason="too_far"), by=on_team(first))
    county.pass_until(1)
    assert [o.team_id for o in county.incident(incident_id).offers] == [first, second]


def test_a_question_that_was_taken_back_leaves_the_person_their_turn_and_its_end() -> None:
    county = Night()
    team, incident_id = county.team(), county.determined()
    county.do(WithdrawOffer(offer_id=county.offered(incident_id, team)))
    told = heard(county.pass_until(301), *LADDER)
    assert {(at, what) for at, _, what in told} == {(300, "nobody_offers")}


def test_of_two_slots_one_cleared_the_second_goes_on() -> None:
    county = Night()
    team = county.team()
    incident_id = county.determined(slots=2)
    run = county.running(incident_id, team)
    county.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=on_team(team))
    county.do(ClearAssignment(assignment_id=run), by=on_team(team))
    county.do(SetDuty(team_id=team, duty="unavailable", reason="break"))
    told = heard(county.pass_until(7_200), *NOBODY)
    assert max(at for at, _, _ in told) > 6_800
    assert "role:on_call" in {to for _, to, _ in told}


def _added(county: Night) -> IncidentId:
    incident_id = county.determined()
    county.running(incident_id, county.team())
    county.do(AddSlot(incident_id=incident_id))
    return incident_id


def _cancelled_run_on_paper(county: Night) -> IncidentId:
    team, incident_id = county.team(), county.determined()
    run = county.running(incident_id, team)
    county.do(CancelAssignment(assignment_id=run, reason="team_vehicle"), **PAPERS)
    county.do(SetDuty(team_id=team, duty="unavailable", reason="vehicle"))
    return incident_id


def _declined_on_paper(county: Night) -> IncidentId:
    team, incident_id = county.team(), county.determined()
    offer = county.offered(incident_id, team)
    county.do(DeclineOffer(offer_id=offer, reason="vehicle"), **PAPERS)
    county.do(SetDuty(team_id=team, duty="unavailable", reason="vehicle"))
    return incident_id


def _offered_on_paper(county: Night) -> IncidentId:
    team, incident_id = county.team(), county.determined()
    county.do(OfferTeam(incident_id=incident_id, team_id=team), **PAPERS)
    return incident_id


def _determined_on_paper(county: Night) -> IncidentId:
    incident_id = county.opened()
    county.do(
        Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT), **PAPERS
    )
    return incident_id


def _entered_and_called_off(county: Night) -> IncidentId:
    team, incident_id = county.team(), county.determined()
    county.wait(60)
    county.do(
        EnterAssignment(
            incident_id=incident_id,
            team_id=team,
            accepted_at=county.now - timedelta(seconds=50),
            cancelled_at=county.now - timedelta(seconds=10),
            cancel_reason="team_vehicle",
        ),
        **PAPERS,
    )
    county.do(SetDuty(team_id=team, duty="unavailable", reason="vehicle"))
    return incident_id


@pytest.mark.parametrize(
    "come_to_nothing",
    [
        _added,
        _cancelled_run_on_paper,
        _declined_on_paper,
        _offered_on_paper,
        _determined_on_paper,
        _entered_and_called_off,
    ],
)
def test_a_need_that_goes_on_is_heard_of_however_it_came_about(come_to_nothing: object) -> None:
    county = Night()
    incident_id = come_to_nothing(county)  # type: ignore[operator]
    told = heard(county.pass_until(3_600), *NOBODY)
    assert county.incident(incident_id).waiting_slots()
    assert "role:on_call" in {to for _, to, _ in told}


def test_what_was_kept_on_paper_climbs_no_ladder() -> None:
    county = Night()
    incident_id = county.opened(paper_number="P7", **PAPERS)
    determine = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT)
    county.do(determine, **PAPERS)
    assert county.pass_until(86_400) == []
    assert not any(isinstance(e.body, SlotEscalated) for e in county.log)


def test_who_is_wanted_elsewhere_holds_the_ladder_no_longer_than_the_supervisors_patience() -> None:
    county = County(AUTO)
    incident_id = county.determined(Acuity.URGENT)
    held = EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=1, holds=True)
    assert county.do(held, by=SERVICE).result["to"] is None
    county.wait(county.rules.policy.waiting.unassigned_alert_s.urgent)
    assert county.do(held, by=SERVICE).result["to"] == "supervisor"


# In hand


def test_who_has_it_in_hand_is_left_to_it_and_asked_anew() -> None:
    county = Night()
    incident_id = county.determined()
    county.pass_until(10)
    county.do(TakeInHand(incident_id=incident_id), by=OTHER_DISPATCHER)
    incident = county.incident(incident_id)
    assert incident.in_hand_by == OTHER_DISPATCHER.user_id
    assert incident.in_hand_until == county.now + timedelta(seconds=900)
    assert heard(county.pass_until(899), *NOBODY) == []
    assert {what for _, _, what in heard(county.pass_until(2), *NOBODY)} == {"ask_partner_agencies"}


def test_teams_are_sought_on_while_somebody_has_it_in_hand() -> None:
    county = Night(AUTO)
    incident_id = county.determined()
    county.pass_until(10)
    county.do(TakeInHand(incident_id=incident_id))
    county.pass_until(20)
    team = county.team()
    county.pass_until(20)
    assert [o.team_id for o in county.incident(incident_id).offers] == [team]


def test_who_leaves_has_nothing_in_hand_any_more() -> None:
    county = Night()
    incident_id = county.determined()
    county.pass_until(10)
    county.do(TakeInHand(incident_id=incident_id), by=OTHER_DISPATCHER)
    county.wait(60)
    county.do(LeaveDesk(), by=OTHER_DISPATCHER)
    assert county.incident(incident_id).in_hand_by is None
    assert heard(county.pass_until(1), *NOBODY) != []


def test_on_call_may_take_it_in_hand_and_a_crew_may_not() -> None:
    county = County()
    team, incident_id = county.team(), county.determined()
    county.do(TakeInHand(incident_id=incident_id), by=ON_CALL)
    assert county.incident(incident_id).in_hand_by == ON_CALL.user_id
    county.refused("role", TakeInHand(incident_id=incident_id), by=on_team(team))


# Other things that go wrong by waiting ring again


def test_a_crew_that_accepted_and_never_left_is_told_and_then_to_be_taken_back() -> None:
    county = Night()
    incident_id, team = county.determined(Acuity.EMERGENT), county.team()
    county.running(incident_id, team)
    told = county.pass_until(1_000)
    assert [(at, to) for at, to, what in told if what == "not_departed"] == [
        (300, OWNER),
        (600, OWNER),
        (600, "role:supervisor"),
    ]
    assert {(at, to) for at, to, what in told if what == "take_back_proposed"} == {
        (900, OWNER),
        (900, "role:dispatcher"),
        (900, "role:supervisor"),
    }


def test_a_crew_that_cleared_and_never_arrived_is_told_until_somebody_sees_to_it() -> None:
    county = Night()
    incident_id, team = county.determined(), county.team()
    run = county.running(incident_id, team)
    county.do(ClearAssignment(assignment_id=run), by=on_team(team))
    rung = rings(county, "nobody_came")
    assert rung[0] == {OWNER, "role:supervisor"} and len(rung) > 5
    county.do(TakeInHand(incident_id=incident_id))
    assert min(rings(county, "nobody_came")) == 900


@pytest.mark.parametrize("kind", ["law_enforcement", "ems", "fire"])
def test_a_partner_who_does_not_answer_rings_at_the_desk_then_higher(kind: str) -> None:
    county = Night()
    incident_id, team = county.determined(), county.team()
    county.running(incident_id, team)
    county.do(RequestPartner(incident_id=incident_id, kind=kind, reason="violence"))
    rung = rings(county, "partner_unanswered")
    assert rung[120] == {OWNER, "role:dispatcher"}
    assert rung[420] == {OWNER, "role:dispatcher", "role:supervisor"}
    assert rung[720] == {OWNER, "role:dispatcher", "role:supervisor", "role:on_call"}


def test_a_hand_off_that_was_refused_rings_until_another_stands() -> None:
    county = Night()
    incident_id = county.opened()
    asked = RequestPartner(
        incident_id=incident_id, kind="psap_911", reason="life_threat", handoff=True
    )
    partner_id = county.do(asked).result["partner_id"]
    county.do(
        Determine(incident_id=incident_id, decision="no_dispatch", reason="life_threat_to_911")
    )
    county.do(PartnerDeclined(incident_id=incident_id, partner_id=partner_id, reason="busy"))
    rung = rings(county, "handoff_refused")
    assert rung[300] == {"role:supervisor"} and "role:on_call" in rung[600]


def test_an_incident_that_nobody_screens_or_decides_grows_old_aloud() -> None:
    county = Night()
    received = county.opened()
    rung = rings(county, "unscreened", 900)
    assert rung == {
        300: {OWNER},
        600: {OWNER, "role:supervisor"},
        900: {OWNER, "role:supervisor", "role:on_call"},
    }
    county.do(StartScreening(incident_id=received))
    assert min(rings(county, "undecided")) == 1_200


def test_an_incident_without_an_owner_rings_on_at_more_people() -> None:
    county = Night()
    county.opened()
    county.do(LeaveDesk())
    rung = rings(county, "unowned")
    assert rung[120] == {"role:supervisor"}
    assert rung[720] == {"role:dispatcher", "role:supervisor", "role:on_call"}


def test_the_first_word_of_a_new_fault_is_never_held_back() -> None:
    county = Night()
    incident_id, team = county.determined(Acuity.EMERGENT), county.team()
    county.do(TakeInHand(incident_id=incident_id))
    county.running(incident_id, team)
    assert rings(county, "not_departed")[300] == {OWNER}


def test_a_handover_that_nobody_takes_reaches_the_supervisor() -> None:
    county = Night()
    incident_id = county.opened()
    assert OTHER_DISPATCHER.user_id is not None
    county.do(HandOver(incident_id=incident_id, to=OTHER_DISPATCHER.user_id))
    rung = rings(county, "handover_unanswered")
    assert rung[120] == {OWNER} and rung[420] == {OWNER, "role:supervisor"}


def test_alarms_ring_again_as_often_as_the_county_says() -> None:
    county = Night(rules(waiting=WaitingPolicy(alarm_again_s=60)))
    county.opened()
    assert sorted(rings(county, "unscreened", 480)) == [300, 360, 420, 480]


# What is told on paper of something that goes on


def test_a_crew_that_is_away_is_asked_after_also_where_it_was_told_on_paper() -> None:
    county = Night()
    team, incident_id = county.team(), county.determined()
    run = county.running(incident_id, team)
    en_route = ReportStatus(
        assignment_id=run, status=Status.EN_ROUTE, said_by="peer", briefed_by="dispatcher"
    )
    county.do(en_route, occurred_at=county.now, **PAPERS)
    assert rings(county, "duress_raised", 3_000) == {2_880: {"role:dispatcher"}}


def test_a_person_who_waits_is_called_also_where_the_decision_was_told_on_paper() -> None:
    county = Night()
    incident_id = county.opened()
    decided = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT)
    county.do(decided, **PAPERS)
    assert min(rings(county, "waiting_contact_missed", 700)) == 600


def test_a_live_call_whose_end_was_told_on_paper_is_called_back() -> None:
    county = Night()
    county.do(LoseCall(call_id=county.call()), **PAPERS)
    assert min(rings(county, "callback_missed", 200)) == 120
