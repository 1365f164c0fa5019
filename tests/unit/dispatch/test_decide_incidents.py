"""Opening, determining, amending, ending and owning incidents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.assignment import Status
from crisis.commands import (
    AcceptOffer,
    AcceptOwnership,
    AddNote,
    AddSlot,
    AddSubject,
    AmendIncident,
    AttachCall,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Determine,
    DropSlot,
    HandOver,
    MergeIncident,
    OfferTeam,
    OpenIncident,
    PlaceInput,
    ReportStatus,
    RequestPartner,
    SplitIncident,
    StartScreening,
    SubjectInput,
)
from crisis.ids import AssignmentId, CallId, IncidentId, SlotNo, SubjectId, TeamId, UserId
from crisis.incident.state import IncidentState, Phase
from crisis.obligation import ObligationKind
from crisis.policy import OfferPolicy
from crisis.states import Source
from crisis.triage import Acuity, Answer, Hazard, Need
from geo.point import Point, coarse
from geo.zone import AreaClass, AreaMap, polygon, zone
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    MONDAY,
    OAKLAND,
    OTHER_DISPATCHER,
    SUPERVISOR,
    County,
    on_team,
    rules,
    uid,
)

HILLS = Point(lat_deg=37.5, lon_deg=-121.6)
RURAL_HILLS = AreaMap(
    version="tracts-2026",
    zones=(
        zone(
            zone_id="hills",
            name="Hills",
            polygons=[
                polygon(
                    [
                        [
                            (-121.7, 37.4),
                            (-121.5, 37.4),
                            (-121.5, 37.6),
                            (-121.7, 37.6),
                            (-121.7, 37.4),
                        ]
                    ]
                )
            ],
            area_class=AreaClass.RURAL,
        ),
    ),
)


def codes(result: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in result["warnings"]]


def report(county: County, run: AssignmentId, team: Any, *statuses: Status) -> None:
    for status in statuses:
        county.do(ReportStatus(assignment_id=run, status=status), by=on_team(team))


# Opening


def test_who_opens_an_incident_owns_it_and_its_call_joins_it() -> None:
    county = County()
    call = county.call()
    done = county.do(OpenIncident(call_id=call, place=PlaceInput(point=OAKLAND)))
    incident = county.incident(done.result["incident_id"])
    assert (incident.number, incident.owner) == (1, DISPATCHER.user_id)
    assert county.board.calls[call].incident_id == incident.id
    assert county.said() == ["incident_opened", "call_joined"]
    assert county.do(OpenIncident()).result["number"] == 2


def test_no_private_word_stands_in_an_event() -> None:
    county = County()
    done = county.do(
        OpenIncident(
            place=PlaceInput(point=OAKLAND, address="12 Elm St", access="gate 7#"),
            narrative="he said his name is Ray",
            subjects=(SubjectInput(name="Ray"), SubjectInput()),
        )
    )
    assert {r.kind for r in done.records} == {"address", "narrative", "subject"}
    assert all(r.incident_id == done.result["incident_id"] for r in done.records)
    incident = county.incident(done.result["incident_id"])
    assert incident.place.cell == coarse(OAKLAND)
    assert incident.clinical.point == OAKLAND
    assert [s.label for s in incident.subjects] == ["1", "2"]
    assert incident.subjects[1].record is None, "an unknown person is normal"
    said = str([event.body for event in done.events])
    assert not any(word in said for word in ("Elm", "7#", "Ray"))


def test_an_excluded_setting_warns_and_never_blocks() -> None:
    county = County()
    place = PlaceInput(point=OAKLAND, location_type="emergency_department")
    result = county.do(OpenIncident(place=place)).result
    assert codes(result) == ["excluded_setting"]
    assert county.incident(result["incident_id"]).place.excluded_setting
    county.do(
        Determine(incident_id=result["incident_id"], decision="dispatch", acuity=Acuity.URGENT)
    )


@pytest.mark.parametrize(
    "field",
    [
        {"needs": (Need(code="nope"),)},
        {"hazards": (Hazard(code="nope"),)},
        {"hazards": (Hazard(code="animals", source="nope"),)},
        {"concerns": ("nope",)},
        {"screening": {"nope": Answer.YES}},
        {"referral_source": "nope"},
        {"place": PlaceInput(location_type="nope")},
    ],
    ids=lambda field: next(iter(field)),
)
def test_codes_that_no_set_holds_are_refused(field: dict[str, Any]) -> None:
    County().refused("unknown_code", OpenIncident(**field))


def test_a_call_opens_one_incident_only() -> None:
    county = County()
    call = county.call()
    county.opened(call_id=call)
    county.refused("call_has_incident", OpenIncident(call_id=call))
    county.refused("unknown_call", OpenIncident(call_id=CallId(uid("nobody"))))


def test_a_paper_number_belongs_to_back_entry_and_is_used_once() -> None:
    county = County()
    papers: dict[str, Any] = {
        "by": SUPERVISOR,
        "source": Source.BACK_ENTRY,
        "reason": "system_outage",
        "occurred_at": MONDAY - timedelta(hours=9),
    }
    county.refused("paper_number_only_back_entry", OpenIncident(paper_number="p1"))
    county.refused("paper_number_missing", OpenIncident(), **papers)
    incident = county.opened(paper_number="p1", **papers)
    assert county.incident(incident).back_entered
    assert county.incident(incident).received_at == MONDAY - timedelta(hours=9)
    county.refused("paper_number_taken", OpenIncident(paper_number="p1"), **papers)


def test_a_back_entered_incident_rings_nobody_and_starts_no_search() -> None:
    county = County(rules(offers=OfferPolicy(auto_offer=True)))
    team = county.team()
    papers: dict[str, Any] = {
        "by": SUPERVISOR,
        "source": Source.BACK_ENTRY,
        "reason": "system_outage",
        "occurred_at": MONDAY - timedelta(hours=9),
    }
    incident = county.opened(paper_number="p1", **papers)
    county.do(
        Determine(incident_id=incident, decision="dispatch", acuity=Acuity.EMERGENT), **papers
    )
    assert county.incident(incident).slots[0].wake_at is None
    assert county.board.obligations == {}
    offered = county.do(OfferTeam(incident_id=incident, team_id=team), **papers)
    assert offered.notices == ()
    county.wait(3600)
    accepted = county.do(AcceptOffer(offer_id=offered.result["offer_id"]), **papers)
    run = county.incident(incident).assignment(accepted.result["assignment_id"])
    assert run is not None and run.milestones[Status.ACCEPTED] == MONDAY - timedelta(hours=9)


# Determining


@pytest.mark.parametrize(
    ("point", "minutes", "area", "method"),
    [
        (OAKLAND, 60, AreaClass.URBAN, "county_class"),
        (None, 60, AreaClass.URBAN, "county_class"),
        (HILLS, 120, AreaClass.RURAL, "polygon"),
    ],
    ids=["in town", "not known", "in a rural polygon"],
)
def test_the_standard_follows_the_incidents_own_place(
    point: Point | None, minutes: int, area: AreaClass, method: str
) -> None:
    county = County(rules(areas=RURAL_HILLS))
    incident_id = county.determined(place=PlaceInput(point=point))
    incident = county.incident(incident_id)
    assert (incident.place.area_class, incident.place.area_method) == (area, method)
    assert incident.standard is not None and incident.standard.minutes == minutes
    assert incident.due_at == MONDAY + timedelta(minutes=minutes)


def test_a_place_that_becomes_known_at_the_determination_sets_the_class() -> None:
    county = County(rules(areas=RURAL_HILLS))
    incident_id = county.opened(place=PlaceInput())
    result = county.do(
        Determine(
            incident_id=incident_id,
            decision="dispatch",
            acuity=Acuity.URGENT,
            place=PlaceInput(point=HILLS),
        )
    ).result
    assert (result["area_class"], result["standard_minutes"]) == (AreaClass.RURAL, 120)


def test_a_place_of_another_class_has_another_standard_from_the_same_determination() -> None:
    county = County(rules(areas=RURAL_HILLS))
    incident_id = county.determined(place=PlaceInput())
    before = county.incident(incident_id)
    county.wait(600)
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=HILLS)))
    after = county.incident(incident_id)
    assert after.determined_at == before.determined_at == MONDAY
    assert before.standard is not None and after.standard is not None
    assert (before.standard.minutes, after.standard.minutes) == (60, 120)
    assert after.due_at == after.own_due_at == MONDAY + timedelta(minutes=120)
    county.do(AmendIncident(incident_id=incident_id, acuity=Acuity.EMERGENT))
    assert county.incident(incident_id).standard == after.standard


def test_the_clock_starts_when_the_determination_was_made_not_when_it_was_typed() -> None:
    county = County()
    incident_id = county.opened()
    county.wait(600)
    command = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)
    county.do(command, occurred_at=MONDAY + timedelta(minutes=2))
    incident = county.incident(incident_id)
    assert incident.determined_at == MONDAY + timedelta(minutes=2)
    assert incident.due_at == MONDAY + timedelta(minutes=62)


def test_a_determination_before_the_receipt_is_refused() -> None:
    county = County()
    command = Determine(incident_id=county.opened(), decision="dispatch", acuity=Acuity.URGENT)
    county.refused("before_received", command, occurred_at=MONDAY - timedelta(minutes=1))


def test_dispatching_needs_an_acuity_and_happens_once() -> None:
    county = County()
    incident_id = county.opened()
    bare = Determine(incident_id=incident_id, decision="dispatch")
    county.refused("acuity_missing", bare)
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.ROUTINE))
    county.refused("illegal_transition", bare)


@pytest.mark.parametrize(("auto_offer", "in_s"), [(False, 300), (True, 0)])
def test_the_first_team_is_sought_by_a_person_unless_the_policy_says_otherwise(
    auto_offer: bool, in_s: float
) -> None:
    county = County(rules(offers=OfferPolicy(auto_offer=auto_offer)))
    county.team()
    slots = county.incident(county.determined(slots=2)).slots
    assert [slot.wake_at for slot in slots] == [MONDAY + timedelta(seconds=in_s)] * 2


def test_somebody_keeps_in_touch_with_the_person_who_waits() -> None:
    county = County()
    incident_id = county.determined(acuity=Acuity.EMERGENT)
    (owed,) = county.board.obligations.values()
    assert owed.kind is ObligationKind.WAITING_CONTACT
    assert (owed.incident_id, owed.due_at) == (incident_id, MONDAY + timedelta(seconds=600))


def test_not_sending_needs_a_reason_and_closes_the_incident() -> None:
    county = County()
    incident_id = county.opened()
    county.refused("reason_missing", Determine(incident_id=incident_id, decision="no_dispatch"))
    done = county.do(
        Determine(
            incident_id=incident_id,
            decision="no_dispatch",
            reason="resolved_by_phone",
            rationale="calm now",
        )
    )
    incident = county.incident(incident_id)
    assert (incident.state, incident.outcome) == (IncidentState.CLOSED, "no_dispatch")
    assert incident.reason == "resolved_by_phone"
    assert [r.kind for r in done.records] == ["rationale"]
    assert incident_id not in county.board.incidents


@pytest.mark.parametrize("reason", ["no_team_available", "no_team_on_shift", "capacity"])
def test_that_nobody_can_come_is_no_reason_not_to_send(reason: str) -> None:
    county = County()
    command = Determine(incident_id=county.opened(), decision="no_dispatch", reason=reason)
    refusal = county.refused("no_team_is_no_reason", command)
    assert "unserved" in refusal.detail


def test_a_reason_that_hands_over_is_refused_until_a_partner_is_asked() -> None:
    county = County()
    reason: dict[str, Any] = {"decision": "no_dispatch", "reason": "life_threat_to_911"}
    county.refused("partner_needed", Determine(incident_id=county.opened(), **reason))
    asked = county.opened()
    county.do(RequestPartner(incident_id=asked, kind="ems", reason="medical", handoff=True))
    result = county.do(Determine(incident_id=asked, **reason)).result
    assert codes(result) == []
    assert asked in county.board.incidents, "a hand-off holds it until its outcome is known"


def test_screening_comes_once_and_before_the_determination() -> None:
    county = County()
    incident_id = county.opened()
    county.do(StartScreening(incident_id=incident_id))
    assert county.incident(incident_id).phase is Phase.SCREENING
    county.refused("illegal_transition", StartScreening(incident_id=incident_id))


# Amending


def test_an_amendment_makes_a_version_and_keeps_the_clock() -> None:
    county = County(rules(areas=RURAL_HILLS))
    incident_id = county.determined()
    county.wait(300)
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=HILLS)))
    incident = county.incident(incident_id)
    assert incident.version == 3, "opened, determined, amended"
    assert incident.place.area_class is AreaClass.RURAL
    assert incident.place.location_type == "home", "what wasn't said stays"
    assert (incident.determined_at, incident.own_determined_at) == (MONDAY, MONDAY)


def test_an_amendment_that_changes_nothing_makes_no_version() -> None:
    county = County()
    incident_id = county.determined()
    done = county.do(AmendIncident(incident_id=incident_id, acuity=Acuity.URGENT))
    assert done.events == ()
    assert done.result["version"] == 2, "as determined"


def test_every_team_concerned_hears_of_an_amendment() -> None:
    county = County()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined(slots=2)
    county.running(incident_id, first)
    county.offered(incident_id, second)
    county.do(AmendIncident(incident_id=incident_id, hazards=(Hazard(code="animals"),)))
    assert set(county.told()) == {
        (f"team:{first}", "incident_amended"),
        (f"team:{second}", "offer_amended"),
    }


def test_a_new_need_that_a_crew_on_its_way_lacks_is_told_at_once() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    county.running(incident_id, team)
    needs = county.rules.codes["need"]
    language = next(n.code for n in needs if "language" in n.attributes)
    no_language = AmendIncident(incident_id=incident_id, needs=(Need(code=language, hard=True),))
    result = county.do(no_language).result
    assert codes(result) == ["crew_no_longer_valid"]
    assert ("role:supervisor", "crew_no_longer_valid") in county.told()


def test_which_team_knows_the_person_is_kept_with_that_need_and_no_other() -> None:
    county = County()
    team, incident_id = county.team(), county.determined()
    knows = Need(code="prior_contact", hard=False, team_id=team)
    county.do(AmendIncident(incident_id=incident_id, needs=(knows,)))
    assert county.incident(incident_id).needs == (knows,)
    # A wish never keeps an incident from being opened: nobody need know which team it was.
    county.do(OpenIncident(needs=(Need(code="prior_contact"),)))
    other = OpenIncident(needs=(Need(code="youth", team_id=team),))
    county.refused("need_names_no_team", other)
    stranger = Need(code="prior_contact", team_id=TeamId(uid("nobody")))
    county.refused("unknown_team", OpenIncident(needs=(stranger,)))


def test_an_amendment_wakes_a_search_that_is_going_on_but_starts_none() -> None:
    county = County()
    county.team()
    idle = county.determined()
    change: dict[str, Any] = {"hazards": (Hazard(code="animals"),)}
    county.do(AmendIncident(incident_id=idle, **change))
    assert county.said() == ["incident_amended"]


def test_a_responder_amends_only_what_their_team_was_asked_to() -> None:
    county = County()
    team, other = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined()
    county.running(incident_id, team)
    change = AmendIncident(incident_id=incident_id, hazards=(Hazard(code="animals"),))
    county.refused("not_your_incident", change, by=on_team(other))
    county.do(change, by=on_team(team))


# Slots


def test_slots_are_added_and_dropped_but_never_the_last() -> None:
    county = County()
    incident_id = county.determined()
    assert county.do(AddSlot(incident_id=incident_id)).result["slot"] == 2
    county.do(DropSlot(incident_id=incident_id, slot=SlotNo(1)))
    county.refused("slot_dropped", DropSlot(incident_id=incident_id, slot=SlotNo(1)))
    county.refused("last_slot", DropSlot(incident_id=incident_id, slot=SlotNo(2)))
    county.refused("unknown_slot", DropSlot(incident_id=incident_id, slot=SlotNo(9)))


def test_a_slot_with_a_run_is_not_dropped_and_one_with_an_offer_takes_it_back() -> None:
    county = County()
    first, second = county.team("Blue 1"), county.team("Blue 2")
    incident_id = county.determined(slots=2)
    county.running(incident_id, first)
    county.offered(incident_id, second)
    county.refused("slot_met", DropSlot(incident_id=incident_id, slot=SlotNo(1)))
    county.do(DropSlot(incident_id=incident_id, slot=SlotNo(2)))
    assert county.said() == ["offer_withdrawn", "slot_dropped"]
    assert county.a_team(second).is_free


# Cancelling and closing


def advance(county: County, incident_id: IncidentId, how_far: str) -> None:
    if how_far == "before_determination":
        return
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
    team = county.team()
    run = county.running(incident_id, team)
    if how_far in {"en_route", "on_scene"}:
        report(county, run, team, Status.EN_ROUTE)
    if how_far == "on_scene":
        report(county, run, team, Status.ON_SCENE)


@pytest.mark.parametrize(
    "stage", ["before_determination", "before_en_route", "en_route", "on_scene"]
)
def test_a_cancellation_tells_how_far_it_had_come_and_frees_everyone(stage: str) -> None:
    county = County()
    incident_id = county.opened()
    advance(county, incident_id, stage)
    result = county.do(
        CancelIncident(incident_id=incident_id, reason="resolved_by_law_enforcement")
    ).result
    assert result["stage"] == stage
    incident = county.incident(incident_id)
    assert (incident.state, incident.outcome) == (IncidentState.CANCELLED, stage)
    assert incident_id not in county.board.incidents
    assert all(team.is_free for team in county.board.teams.values())
    kinds = {o.kind for o in county.board.obligations.values()}
    assert kinds <= {ObligationKind.NOTE}, "nobody is called or checked on any more"


def test_a_reason_that_stops_only_a_team_does_not_cancel_the_incident() -> None:
    county = County()
    command = CancelIncident(incident_id=county.determined(), reason="team_vehicle")
    county.refused("reason_stops_only_a_team", command)


def test_the_last_clear_proposes_the_close_and_a_person_closes() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    run = county.running(incident_id, team)
    report(county, run, team, Status.EN_ROUTE, Status.ON_SCENE)
    county.refused("runs_open", CloseIncident(incident_id=incident_id))
    result = county.do(ClearAssignment(assignment_id=run), by=on_team(team)).result
    assert result["proposes_close"] is True
    assert (f"user:{DISPATCHER.user_id}", "close_proposed") in county.told()
    assert county.incident(incident_id).state is IncidentState.DETERMINED
    county.do(CloseIncident(incident_id=incident_id))
    assert county.said() == ["incident_closed", "incident_archived"]


def test_a_team_that_is_done_but_not_ready_holds_the_incident_on_the_board() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    run = county.running(incident_id, team)
    report(county, run, team, Status.EN_ROUTE, Status.ON_SCENE)
    county.do(ClearAssignment(assignment_id=run, ready=False), by=on_team(team))
    county.do(CloseIncident(incident_id=incident_id))
    assert incident_id in county.board.incidents
    report(county, run, team, Status.READY)
    assert incident_id not in county.board.incidents
    assert county.a_team(team).is_free


def test_responded_needs_an_arrival_and_no_unmet_need() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(slots=2)
    county.refused("nobody_came", CloseIncident(incident_id=incident_id))
    run = county.running(incident_id, team)
    report(county, run, team, Status.EN_ROUTE, Status.ON_SCENE, Status.CLEARED)
    refusal = county.refused("slots_unmet", CloseIncident(incident_id=incident_id))
    assert refusal.facts["slots"] == [2]
    unserved = CloseIncident(
        incident_id=incident_id, outcome="unserved", reason="no_team_available"
    )
    county.refused("served", unserved)
    county.do(DropSlot(incident_id=incident_id, slot=SlotNo(2)))
    county.do(CloseIncident(incident_id=incident_id))


def test_unserved_needs_its_reason_and_takes_open_offers_back() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    county.offered(incident_id, team)
    county.refused("reason_missing", CloseIncident(incident_id=incident_id, outcome="unserved"))
    county.do(
        CloseIncident(incident_id=incident_id, outcome="unserved", reason="no_team_available")
    )
    assert county.said()[0] == "offer_withdrawn"
    assert county.incident(incident_id).outcome == "unserved"
    assert county.a_team(team).is_free
    assert county.board.obligations == {}


def test_an_undetermined_incident_is_not_closed() -> None:
    county = County()
    county.refused("not_determined", CloseIncident(incident_id=county.opened()))


# Merging and splitting


def two_determined(county: County, apart_s: float = 600) -> tuple[IncidentId, IncidentId]:
    first = county.determined(hazards=(Hazard(code="weapon"),), acuity=Acuity.EMERGENT)
    county.wait(apart_s)
    return first, county.determined(call_id=county.call("second call"))


def test_a_merge_keeps_the_earliest_clock_the_calls_and_every_hazard() -> None:
    county = County()
    first, second = two_determined(county)
    before = county.incident(first)
    county.do(MergeIncident(incident_id=first, into=second))
    into = county.incident(second)
    assert (into.determined_at, into.due_at) == (before.determined_at, before.due_at)
    assert into.acuity is Acuity.EMERGENT
    assert {h.code for h in into.hazards} == {"weapon"}
    assert county.incident(first).merged_into == second
    waiting = [o for o in county.board.obligations.values() if o.incident_id == first]
    assert waiting == []


def test_the_calls_of_a_merged_incident_join_the_other() -> None:
    county = County()
    first, second = two_determined(county)
    county.do(MergeIncident(incident_id=second, into=first))
    call = CallId(uid("second call"))
    assert county.incident(first).calls == (call,)
    assert county.board.calls[call].incident_id == first


def test_a_split_gives_each_its_own_clock_and_calls_again() -> None:
    county = County()
    first, second = two_determined(county)
    own = county.incident(second)
    county.do(MergeIncident(incident_id=first, into=second))
    county.do(MergeIncident(incident_id=county.opened(), into=second))
    county.do(SplitIncident(incident_id=second, other=first))
    again = county.incident(second)
    assert (again.determined_at, again.due_at) == (own.determined_at, own.due_at)
    assert county.incident(first).state is IncidentState.DETERMINED
    assert county.incident(first).determined_at == MONDAY
    county.refused("not_merged", SplitIncident(incident_id=second, other=first))


def test_a_split_call_goes_back_with_its_incident() -> None:
    county = County()
    first, second = two_determined(county)
    county.do(MergeIncident(incident_id=second, into=first))
    county.do(SplitIncident(incident_id=first, other=second))
    call = CallId(uid("second call"))
    assert county.incident(first).calls == ()
    assert county.board.calls[call].incident_id == second
    assert county.incident(second).calls == (call,)


def test_a_merged_incident_stays_on_the_board_as_long_as_it_may_be_split() -> None:
    county = County()
    first, second = two_determined(county)
    county.do(MergeIncident(incident_id=first, into=second))
    assert first in county.board.incidents
    county.do(CancelIncident(incident_id=second, reason="caller_cancelled"))
    assert county.board.incidents == {}


def test_merges_that_would_lose_a_team_or_the_need_for_one_are_refused() -> None:
    county = County()
    first, second = two_determined(county)
    county.running(first, county.team())
    refusal = county.refused("merge_open_runs", MergeIncident(incident_id=first, into=second))
    assert refusal.facts["other_way_round"] is True
    undetermined = county.opened()
    county.refused("merge_undetermined", MergeIncident(incident_id=second, into=undetermined))
    county.refused("merge_with_itself", MergeIncident(incident_id=second, into=second))
    county.do(MergeIncident(incident_id=second, into=first))
    county.refused("settled", MergeIncident(incident_id=second, into=first))


def test_a_merge_never_hides_that_a_team_was_there_first() -> None:
    county = County()
    first, second = two_determined(county)
    blue, red = county.team("Blue 1"), county.team("Red 1")
    run = county.running(first, blue)
    arrived = ReportStatus(assignment_id=run, status=Status.ON_SCENE)
    county.do(arrived, by=on_team(blue))
    county.do(ClearAssignment(assignment_id=run), by=on_team(blue))
    refusal = county.refused("merge_served", MergeIncident(incident_id=first, into=second))
    assert refusal.facts["other_way_round"] is True
    # While a team is on the way to the other one, it goes neither way, and neither sends to the
    # other.
    county.running(second, red)
    for one, other, code in (
        (first, second, "merge_served"),
        (second, first, "merge_open_runs"),
    ):
        refusal = county.refused(code, MergeIncident(incident_id=one, into=other))
        assert refusal.facts["other_way_round"] is False


# Keeping


def test_a_handover_needs_the_receivers_acceptance() -> None:
    county = County()
    incident_id = county.opened()
    receiver = OTHER_DISPATCHER.user_id
    assert receiver is not None
    county.refused("not_owner", HandOver(incident_id=incident_id, to=receiver), by=OTHER_DISPATCHER)
    county.do(HandOver(incident_id=incident_id, to=receiver))
    assert county.incident(incident_id).owner == DISPATCHER.user_id
    assert county.told() == [(f"user:{receiver}", "ownership_offered")]
    county.refused("not_offered_to_you", AcceptOwnership(incident_id=incident_id))
    county.do(AcceptOwnership(incident_id=incident_id), by=OTHER_DISPATCHER)
    assert county.incident(incident_id).owner == receiver
    assert county.incident(incident_id).pending_owner is None


def test_a_supervisor_takes_over_and_nobody_owns_twice() -> None:
    county = County()
    incident_id = county.opened()
    supervisor = UserId(uid("supervisor"))
    county.do(HandOver(incident_id=incident_id, to=supervisor), by=SUPERVISOR)
    assert county.incident(incident_id).owner == supervisor
    county.refused("already_owner", HandOver(incident_id=incident_id, to=supervisor), by=SUPERVISOR)


def test_notes_are_records_and_never_empty() -> None:
    county = County()
    incident_id = county.opened()
    done = county.do(AddNote(incident_id=incident_id, text="dog in the yard"))
    assert [(r.kind, r.fields) for r in done.records] == [("note", {"text": "dog in the yard"})]
    assert county.incident(incident_id).records == (done.result["record_id"],)
    county.refused("note_empty", AddNote(incident_id=incident_id, text="  "))


def test_who_a_person_is_may_become_known_later() -> None:
    county = County()
    incident_id = county.opened()
    subject = county.do(AddSubject(incident_id=incident_id)).result["subject_id"]
    done = county.do(
        AddSubject(incident_id=incident_id, subject_id=subject, subject=SubjectInput(name="Ray"))
    )
    (known,) = county.incident(incident_id).subjects
    assert (known.id, known.label, known.record) == (subject, "1", done.records[0].id)
    nobody = SubjectId(uid("nobody"))
    county.refused("unknown_subject", AddSubject(incident_id=incident_id, subject_id=nobody))


def test_a_second_call_joins_an_incident_but_never_two() -> None:
    county = County()
    first, second = county.opened(), county.opened()
    call = county.call()
    county.do(AttachCall(incident_id=first, call_id=call))
    assert county.incident(first).calls == (call,)
    county.refused("call_has_incident", AttachCall(incident_id=second, call_id=call))


def test_how_to_get_in_may_come_later_and_keeps_the_typed_address() -> None:
    county = County()
    incident_id = county.opened(place=PlaceInput(point=OAKLAND, address="12 Elm St"))
    address = county.incident(incident_id).place.address_record
    done = county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(access="side door")))
    assert [r.kind for r in done.records] == ["access"]
    assert county.incident(incident_id).place.address_record == address
    assert county.incident(incident_id).records == (done.records[0].id,)


def test_a_run_called_off_as_not_needed_proposes_the_close() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    run = county.running(incident_id, team)
    command = CancelAssignment(assignment_id=run, reason="person_left", still_needed=False)
    assert county.do(command).result["proposes_close"] is True
    assert county.board.obligations == {}, "nobody waits any more"


def test_a_merged_incident_is_due_by_the_standard_of_its_own_place() -> None:
    county = County(rules(areas=RURAL_HILLS))
    hills = county.determined(place=PlaceInput(point=HILLS, location_type="home"))
    assert county.incident(hills).due_at == MONDAY + timedelta(minutes=120)
    county.wait(600)
    town = county.determined()
    merged = county.do(MergeIncident(incident_id=hills, into=town)).result
    assert merged["determined_at"] == MONDAY
    assert merged["due_at"] == MONDAY + timedelta(minutes=60), "the place is in town"

    county.wait(60)
    far = county.determined(place=PlaceInput(point=HILLS, location_type="home"))
    county.do(MergeIncident(incident_id=far, into=town))
    county.do(SplitIncident(incident_id=town, other=hills))
    after = county.incident(town)
    assert after.determined_at == MONDAY + timedelta(seconds=600)
    assert after.due_at == MONDAY + timedelta(seconds=600, minutes=60)
    assert county.incident(hills).due_at == MONDAY + timedelta(minutes=120)
