"""Asking teams, their answers, and what follows when nobody is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from crisis.assignment import Status
from crisis.commands import (
    AcceptOffer,
    DeclineOffer,
    ExpireOffer,
    OfferTeam,
    RaiseDuress,
    ReportStatus,
    SetDuty,
    WithdrawOffer,
)
from crisis.ids import IncidentId, OfferId, SlotNo, TeamId
from crisis.incident.state import Phase
from crisis.offer import OfferState
from crisis.policy import OfferPolicy
from crisis.team import CrewChanged, LoanGranted
from crisis.triage import Acuity, Need
from geo.zone import AreaMap, Zone, polygon, zone
from tests.unit.dispatch.board_kit import (
    COUNTY,
    MONDAY,
    SAFE_SCENE,
    SERVICE,
    County,
    clinician,
    on_team,
    peer,
    rules,
    uid,
)


def offer_of(county: County, incident_id: IncidentId, offer_id: OfferId) -> OfferState:
    offer = county.incident(incident_id).offer(offer_id)
    assert offer is not None
    return offer.state


def test_an_offer_asks_one_team_for_one_slot_until_an_instant() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    result = county.do(OfferTeam(incident_id=incident_id, team_id=team, eta_s=700.0)).result
    incident = county.incident(incident_id)
    (offer,) = incident.offers
    assert (offer.slot, offer.rung, offer.eta_s) == (1, 1, 700.0)
    assert offer.expires_at == result["expires_at"] == MONDAY + timedelta(seconds=90)
    assert incident.phase is Phase.OFFERED
    assert county.a_team(team).offer == (incident_id, offer.id)
    (notice,) = county.last.notices if county.last else ()
    assert (notice.to, notice.urgency, notice.not_after) == (
        f"team:{team}",
        "now",
        offer.expires_at,
    )


@pytest.mark.parametrize(
    ("acuity", "minutes_gone", "window_s"),
    [
        (Acuity.EMERGENT, 0, 60),
        (Acuity.ROUTINE, 0, 180),
        (Acuity.ROUTINE, 40, 120),
        (Acuity.ROUTINE, 58, 30),
        (Acuity.ROUTINE, 90, 30),
    ],
)
def test_the_window_shrinks_as_the_deadline_nears(
    acuity: Acuity, minutes_gone: int, window_s: int
) -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(acuity=acuity)
    now = county.wait(minutes_gone * 60)
    result = county.do(OfferTeam(incident_id=incident_id, team_id=team)).result
    assert result["expires_at"] == now + timedelta(seconds=window_s)


# Who may be asked


def _off_shift(county: County) -> TeamId:
    return county.team(on_shift=False)


def _unavailable(county: County) -> TeamId:
    team = county.team()
    county.do(SetDuty(team_id=team, duty="unavailable", reason="break"))
    return team


def _asked(county: County) -> TeamId:
    team = county.team()
    county.offered(county.determined(), team)
    return team


def _running(county: County) -> TeamId:
    team = county.team()
    county.running(county.determined(), team)
    return team


def _in_duress(county: County) -> TeamId:
    team = county.team()
    county.do(RaiseDuress(team_id=team), by=on_team(team))
    return team


def _lent(county: County) -> TeamId:
    team = county.team()
    county.happen(LoanGranted(team_id=team, to_county=COUNTY, loan_ref="x"))
    return team


def _alone(county: County) -> TeamId:
    return county.team(crew=(clinician("only"),))


def _no_assessor(county: County) -> TeamId:
    return county.team(crew=(peer("one"), peer("two")))


def _untrained(county: County) -> TeamId:
    return county.team(crew=(clinician("one"), peer("two", core_trained_on=date(2027, 1, 1))))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_off_shift, "off_shift"),
        (_unavailable, "unavailable"),
        (_asked, "busy_offer"),
        (_running, "busy_run"),
        (_in_duress, "in_duress"),
        (_lent, "lent"),
        (_alone, "second_member_missing"),
        (_no_assessor, "no_assessor_on_site"),
        (_untrained, "second_member_missing"),
    ],
)
def test_a_team_that_may_not_go_is_refused(make: Callable[[County], TeamId], code: str) -> None:
    county = County()
    team = make(county)
    command = OfferTeam(incident_id=county.determined(), team_id=team)
    refusal = county.refused("team_not_eligible", command)
    assert code in [reason["code"] for reason in refusal.facts["reasons"]]  # type: ignore[attr-defined]


def test_a_refusal_tells_all_reasons_at_once_and_what_would_mend_it() -> None:
    county = County()
    team = county.team(crew=(peer("one", naloxone_trained=False),))
    county.do(SetDuty(team_id=team, duty="unavailable", reason="break"))
    command = OfferTeam(incident_id=county.determined(), team_id=team)
    reasons = county.refused("team_not_eligible", command).facts["reasons"]
    assert isinstance(reasons, list)
    assert {r["code"] for r in reasons} >= {
        "unavailable",
        "second_member_missing",
        "no_naloxone_carrier",
        "no_assessor_on_site",
        "lone_barred_unknown_scene",
    }


def test_a_lone_member_on_a_known_scene_lacks_only_a_telehealth_second() -> None:
    county = County()
    team = county.team(crew=(clinician("only"),))
    incident_id = county.determined(screening=SAFE_SCENE)
    refusal = county.refused("team_not_eligible", OfferTeam(incident_id=incident_id, team_id=team))
    assert refusal.facts["possible_with_telehealth"] is True


def test_a_soft_need_that_is_not_met_is_told_and_stored_but_refuses_nobody() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(needs=(Need(code="youth"),))
    result = county.do(OfferTeam(incident_id=incident_id, team_id=team)).result
    assert [w["code"] for w in result["warnings"]] == ["soft_need_unmet"]
    assert county.incident(incident_id).offers[0].shortfalls == ("soft_need_unmet",)
    hard = county.determined(needs=(Need(code="youth", hard=True),))
    other = county.team("Blue 2")
    county.refused("team_not_eligible", OfferTeam(incident_id=hard, team_id=other))


def test_another_than_the_recommended_team_needs_a_reason() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    bare = OfferTeam(incident_id=incident_id, team_id=team, ranked_first=False)
    county.refused("override_reason_missing", bare)
    county.do(
        OfferTeam(
            incident_id=incident_id,
            team_id=team,
            ranked_first=False,
            override_reason="knows_person",
        )
    )
    assert county.incident(incident_id).offers[0].override_reason == "knows_person"


def test_one_team_at_a_time_is_asked_for_a_slot_unless_a_person_says_why() -> None:
    county = County()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    county.offered(incident_id, first)
    beside = OfferTeam(incident_id=incident_id, team_id=second)
    county.refused("no_slot_waiting", beside)
    county.refused(
        "slot_offered", OfferTeam(incident_id=incident_id, team_id=second, slot=SlotNo(1))
    )
    urged = OfferTeam(incident_id=incident_id, team_id=second, override_reason="safety")
    county.refused("no_slot_waiting", urged, by=SERVICE)
    county.do(urged)
    assert len(county.incident(incident_id).slot_offers(SlotNo(1))) == 2


def test_only_a_determined_incident_asks_for_teams() -> None:
    county = County()
    team = county.team()
    county.refused("not_determined", OfferTeam(incident_id=county.opened(), team_id=team))
    nobody = TeamId(uid("nobody"))
    county.refused("unknown_team", OfferTeam(incident_id=county.determined(), team_id=nobody))


def test_a_wake_up_whose_try_was_made_meanwhile_is_refused() -> None:
    county = County()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    late = OfferTeam(incident_id=incident_id, team_id=second, rung=1)
    offer = county.offered(incident_id, first)
    county.do(DeclineOffer(offer_id=offer, reason="too_far"), by=on_team(first))
    county.refused("rung_taken", late, by=SERVICE)
    county.do(OfferTeam(incident_id=incident_id, team_id=second, rung=2), by=SERVICE)


# Accepting


def test_an_acceptance_begins_the_run_and_takes_the_slots_other_offers_back() -> None:
    county = County()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    one = county.offered(incident_id, first)
    two = county.offered(incident_id, second, override_reason="safety")
    county.wait(20)
    result = county.do(AcceptOffer(offer_id=two), by=on_team(second)).result
    assert county.said() == ["offer_accepted", "offer_withdrawn", "assignment_begun"]
    incident = county.incident(incident_id)
    run = incident.assignment(result["assignment_id"])
    assert run is not None and run.crew == tuple(m.responder_id for m in county.a_team(second).crew)
    assert offer_of(county, incident_id, one) is OfferState.WITHDRAWN
    assert incident.phase is Phase.ASSIGNED
    assert county.a_team(first).is_free and county.a_team(second).run == (incident_id, run.id)
    assert (f"team:{first}", "offer_withdrawn") in county.told()


def test_two_phones_of_one_team_accept_once() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    offer = county.offered(incident_id, team)
    county.do(AcceptOffer(offer_id=offer), by=on_team(team))
    refusal = county.refused("offer_closed", AcceptOffer(offer_id=offer), by=on_team(team))
    assert refusal.facts["state"] == "accepted"
    assert len(county.incident(incident_id).assignments) == 1


@pytest.mark.parametrize(("after_s", "accepted"), [(0, True), (90, True), (91, False)])
def test_an_acceptance_counts_until_the_expiry_by_the_servers_clock(
    after_s: int, accepted: bool
) -> None:
    county = County()
    team = county.team()
    offer = county.offered(county.determined(), team)
    county.wait(after_s)
    command = AcceptOffer(offer_id=offer)
    if accepted:
        county.do(command, by=on_team(team))
    else:
        county.refused(
            "offer_expired", command, by=on_team(team), occurred_at=MONDAY + timedelta(seconds=5)
        )


def test_a_phone_with_a_wild_clock_can_accept() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    offer = county.offered(incident_id, team)
    county.wait(10)
    wild = MONDAY + timedelta(days=400)
    county.do(AcceptOffer(offer_id=offer), by=on_team(team), occurred_at=wild)
    (run,) = county.incident(incident_id).assignments
    assert run.milestones[Status.ACCEPTED] == county.now


def test_an_acceptance_never_lies_before_its_offer() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    county.wait(60)
    offer = county.offered(incident_id, team)
    county.wait(5)
    county.do(AcceptOffer(offer_id=offer), by=on_team(team), occurred_at=MONDAY)
    (run,) = county.incident(incident_id).assignments
    assert run.milestones[Status.ACCEPTED] == MONDAY + timedelta(seconds=60)


def test_nobody_answers_for_another_team_but_the_desk_by_voice() -> None:
    county = County()
    team, other = county.team("Blue 1"), county.team("Blue 2")
    offer = county.offered(county.determined(), team)
    for command in (AcceptOffer(offer_id=offer), DeclineOffer(offer_id=offer, reason="too_far")):
        county.refused("not_your_team", command, by=on_team(other))
    county.do(AcceptOffer(offer_id=offer))


# Other answers


@pytest.mark.parametrize("how", ["decline", "expire"])
def test_after_a_no_the_slot_waits_and_the_next_is_sought_at_once(how: str) -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    offer = county.offered(incident_id, team)
    now = county.wait(90)
    if how == "decline":
        county.do(DeclineOffer(offer_id=offer, reason="too_far"), by=on_team(team))
    else:
        county.do(ExpireOffer(offer_id=offer), by=SERVICE)
    incident = county.incident(incident_id)
    assert incident.phase is Phase.WAITING
    assert incident.slots[0].wake_at == now
    assert incident.determined_at == MONDAY
    assert county.a_team(team).is_free
    assert county.board.freed_at == now


def test_while_another_team_is_still_asked_nobody_else_is_sought() -> None:
    county = County()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    one = county.offered(incident_id, first)
    two = county.offered(incident_id, second, override_reason="safety")
    county.do(DeclineOffer(offer_id=one, reason="too_far"), by=on_team(first))
    assert county.incident(incident_id).slots[0].wake_at is None
    county.do(DeclineOffer(offer_id=two, reason="too_far"), by=on_team(second))
    assert county.incident(incident_id).slots[0].wake_at == county.now


def test_an_expiry_comes_neither_early_nor_after_an_answer() -> None:
    county = County()
    team = county.team()
    offer = county.offered(county.determined(), team)
    county.refused("not_due", ExpireOffer(offer_id=offer), by=SERVICE)
    county.do(AcceptOffer(offer_id=offer), by=on_team(team))
    county.wait(600)
    county.refused("offer_closed", ExpireOffer(offer_id=offer), by=SERVICE)


@pytest.mark.parametrize(("auto_offer", "in_s"), [(False, 300), (True, 0)])
def test_what_a_person_takes_back_first_stays_theirs_unless_the_service_offers(
    auto_offer: bool, in_s: float
) -> None:
    county = County(rules(offers=OfferPolicy(auto_offer=auto_offer)))
    team = county.team()
    incident_id = county.determined()
    offer = county.offered(incident_id, team)
    county.do(WithdrawOffer(offer_id=offer))
    assert county.incident(incident_id).slots[0].wake_at == county.now + timedelta(seconds=in_s)
    assert county.told() == [(f"team:{team}", "offer_withdrawn")]
    again = county.offered(incident_id, team)
    county.do(WithdrawOffer(offer_id=again, reason="higher_need"))
    again_at = county.now + timedelta(seconds=in_s)
    assert county.incident(incident_id).slots[0].wake_at == again_at


def test_a_decline_for_safety_reaches_the_supervisor() -> None:
    county = County()
    team = county.team()
    offer = county.offered(county.determined(), team)
    county.do(DeclineOffer(offer_id=offer, reason="safety_concern"), by=on_team(team))
    assert county.told() == [("role:supervisor", "declined_for_safety")]
    county.refused("offer_closed", DeclineOffer(offer_id=offer, reason="too_far"))


def test_an_acceptance_by_a_crew_that_shrank_is_kept_and_told() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    offer = county.offered(incident_id, team)
    shift = county.board.shifts[county.a_team(team).shift_id]  # type: ignore[index]
    county.happen(CrewChanged(shift_id=shift.id, team_id=team, crew=shift.crew[:1]))
    result = county.do(AcceptOffer(offer_id=offer), by=on_team(team)).result
    assert "second_member_missing" in [w["code"] for w in result["warnings"]]
    assert ("role:supervisor", "crew_no_longer_valid") in county.told()
    run = county.incident(incident_id).assignment(result["assignment_id"])
    assert run is not None and "second_member_missing" in run.shortfalls


def test_a_team_reports_nothing_on_an_offer_that_it_did_not_take() -> None:
    county = County()
    team = county.team()
    county.offered(county.determined(), team)
    nobody = uid("nobody")
    county.refused(
        "unknown_assignment",
        ReportStatus(assignment_id=nobody, status=Status.EN_ROUTE),  # type: ignore[arg-type]
        by=on_team(team),
    )


def _zone(name: str, west_deg: float, east_deg: float) -> Zone:
    ring = [
        (west_deg, 37.0),
        (east_deg, 37.0),
        (east_deg, 38.5),
        (west_deg, 38.5),
        (west_deg, 37.0),
    ]
    return zone(zone_id=name.lower(), name=name, polygons=[polygon([ring])])


def test_a_team_is_asked_beyond_its_zones_only_by_a_person_who_says_why() -> None:
    areas = AreaMap(version="1", zones=(_zone("East", -122, -121), _zone("West", -123, -122)))
    county = County(rules(areas=areas))
    incident_id = county.determined()
    here, elsewhere = county.team("Blue 1", zones=("West",)), county.team("Blue 2", zones=("East",))
    beyond = OfferTeam(incident_id=incident_id, team_id=elsewhere)
    county.refused("team_not_eligible", beyond, by=SERVICE)
    county.refused("override_reason_missing", beyond)
    county.do(
        OfferTeam(incident_id=incident_id, team_id=elsewhere, override_reason="supervisor_order")
    )
    incident_id = county.determined()
    county.do(OfferTeam(incident_id=incident_id, team_id=here))


def test_a_zone_whose_outline_nobody_loaded_keeps_no_team_from_being_asked() -> None:
    county = County()
    incident_id = county.determined()
    county.offered(incident_id, county.team(zones=("North",)))
