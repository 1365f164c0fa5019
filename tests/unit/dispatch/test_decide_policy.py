"""An edit of the policy at noon changes nothing that runs; what begins after it runs under it."""

from __future__ import annotations

from datetime import timedelta

from crisis.assignment import Status
from crisis.commands import (
    ChangeCrew,
    EscalateDuress,
    EscalateSlot,
    ExpireOffer,
    RaiseDuress,
    ReportStatus,
)
from crisis.ids import SlotNo
from crisis.obligation import ObligationKind
from crisis.policy import (
    CheckInPolicy,
    CountyPolicy,
    DuressPolicy,
    LonePolicy,
    OfferPolicy,
    PerAcuity,
    Rung,
    RungKind,
    TelehealthPolicy,
    WaitingPolicy,
)
from crisis.responder import PresenceMode
from crisis.roles import Role
from crisis.staffing import TelehealthSecond
from dispatch.choose.seek import WakeUp
from dispatch.due import TimerCommand, due
from dispatch.run.rulebook import DEFAULT_POLICY, Rulebook
from tests.unit.dispatch.board_kit import (
    MONDAY,
    SERVICE,
    SUPERVISOR,
    County,
    changed,
    on_team,
    policy,
    rules,
)

BEFORE = policy(
    offers=OfferPolicy(auto_offer=True),
)
AFTER = changed(
    BEFORE,
    version="noon",
    offers=OfferPolicy(
        window_s=PerAcuity(emergent=31, urgent=31, routine=31),
        auto_offer=False,
        ladder=(Rung(kind=RungKind.NEXT_BEST), Rung(kind=RungKind.ON_CALL, delay_s=5)),
    ),
    duress=DuressPolicy(supervisor_after_s=1, on_call_after_s=2, watchdog_after_s=3),
    check_ins=CheckInPolicy(en_route_s=60, grace_s=1),
    waiting=WaitingPolicy(
        contact_every_s=PerAcuity(emergent=30, urgent=30, routine=30),
        unassigned_alert_s=PerAcuity(emergent=1, urgent=1, routine=1),
    ),
    lone=LonePolicy(allowed=False),
)


def under(newest: CountyPolicy) -> County:
    return County(changed(rules(), policy=newest, policies={p.version: p for p in (BEFORE, AFTER)}))


def edited(county: County) -> None:
    county.rules = changed(county.rules, policy=AFTER)


def test_an_edit_at_noon_does_not_change_a_running_search() -> None:
    county = under(BEFORE)
    incident_id = county.determined()
    county.do(EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=1), by=SERVICE)
    edited(county)
    wake_at = county.incident(incident_id).slots[0].wake_at
    assert wake_at == county.now + timedelta(seconds=300)
    county.wait(300)
    climb = EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=2)
    assert county.do(climb, by=SERVICE).result["to"] == "partner"
    team = county.team()
    offer_id = county.offered(incident_id, team)
    offer = county.incident(incident_id).offer(offer_id)
    assert offer is not None
    assert offer.expires_at == county.now + timedelta(seconds=90)
    county.wait(90)
    county.do(ExpireOffer(offer_id=offer_id), by=SERVICE)
    assert any(isinstance(d, WakeUp) for d in due(county.board, county.now, county.rules))


def test_what_begins_after_the_edit_runs_under_it() -> None:
    county = under(BEFORE)
    edited(county)
    team, incident_id = county.team(), county.determined()
    incident = county.incident(incident_id)
    assert incident.policy_version == "noon"
    person_s = county.rules.policy.offers.person_s.urgent
    assert incident.slots[0].wake_at == county.now + timedelta(seconds=person_s), "a person offers"
    offer_id = county.offered(incident_id, team)
    offer = county.incident(incident_id).offer(offer_id)
    assert offer is not None and offer.expires_at == county.now + timedelta(seconds=31)


def test_who_may_approve_a_remote_second_is_said_by_the_incidents_policy() -> None:
    county = under(BEFORE)
    team_id = county.team()
    county.running(county.determined(), team_id)
    led = changed(AFTER, telehealth=TelehealthPolicy(approvers=(Role.LEAD,)))
    county.rules = changed(county.rules, policy=led)
    shift_id = county.a_team(team_id).shift_id
    assert shift_id is not None
    crew = county.a_team(team_id).crew
    remote = changed(crew[1], mode=PresenceMode.TELEHEALTH_VIDEO)
    decision = TelehealthSecond(
        marked_delay=True, no_safety_concern=True, member=remote.responder_id
    )
    change = ChangeCrew(shift_id=shift_id, add=(remote,), telehealth=decision)
    county.do(change, by=SUPERVISOR)
    approved = county.a_team(team_id).telehealth
    assert approved is not None and approved.approved_by == "supervisor"


def test_what_is_owed_of_a_running_incident_keeps_its_intervals() -> None:
    county = under(BEFORE)
    incident_id, team = county.determined(), county.team()
    run = county.running(incident_id, team)
    edited(county)
    county.do(ReportStatus(assignment_id=run, status=Status.EN_ROUTE), by=on_team(team))
    check_in = next(
        o for o in county.board.obligations.values() if o.kind is ObligationKind.CHECK_IN
    )
    assert check_in.due_at == county.now + timedelta(seconds=2_700)
    assert check_in.lapses_at == check_in.due_at + timedelta(seconds=180)
    assert check_in.rule == "check_ins.en_route@test"
    county.wait(10)
    assert due(county.board, county.now, county.rules) == ()


def test_a_running_alarm_climbs_as_it_began() -> None:
    county = under(BEFORE)
    duress_id = county.do(RaiseDuress(), by=on_team(county.team())).result["duress_id"]
    edited(county)
    county.wait(30)
    (first,) = due(county.board, county.now, county.rules)
    assert isinstance(first, TimerCommand)
    next_at = county.do(EscalateDuress(duress_id=duress_id, rung=1), by=SERVICE).result[
        "next_rung_at"
    ]
    assert next_at == county.now + timedelta(seconds=30)


def test_a_version_that_nobody_knows_falls_back_to_the_newest() -> None:
    county = under(AFTER)
    assert county.rules.policy_of("lost") is AFTER
    assert county.rules.under("test").policy is BEFORE
    assert county.rules.under("noon") is county.rules


def test_the_rulebook_knows_every_version_that_a_county_ever_had() -> None:
    noon = changed(AFTER, effective_from=MONDAY + timedelta(hours=2))
    book = Rulebook(6001, [BEFORE, noon])
    morning, evening = book.at(MONDAY), book.at(MONDAY + timedelta(hours=3))
    assert (morning.policy, evening.policy) == (BEFORE, noon)
    assert set(evening.policies) == {DEFAULT_POLICY.version, "test", "noon"}
    assert evening.policy_of("test") is BEFORE
