"""The roster: teams, responders, shifts, crews, duty, and when a shift is really over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.assignment import Status
from crisis.commands import (
    AcknowledgeDuress,
    CancelShift,
    ChangeCrew,
    DeclineOffer,
    EndShift,
    PlanShift,
    RaiseDuress,
    RecordResponder,
    RecordTeam,
    ReportStatus,
    ResolveDuress,
    SetDuty,
    StartShift,
)
from crisis.ids import AgencyId, CountyId, DuressId, RecordId, ResponderId, ShiftId, TeamId
from crisis.responder import Credential, PresenceMode, Responder
from crisis.roles import Actor, Role
from crisis.staffing import TelehealthSecond
from crisis.states import Source
from crisis.team import CrewMember, Duty, LoanGranted, ResponderRecorded
from tests.unit.dispatch.board_kit import (
    AGENCY,
    DISPATCHER,
    MONDAY,
    SERVICE,
    SUPERVISOR,
    County,
    changed,
    clinician,
    on_team,
    peer,
    person,
    uid,
)

MANAGER = changed(person("manager", Role.AGENCY_MANAGER), agency_id=AGENCY)
STRANGER = changed(MANAGER, agency_id=AgencyId(uid("other agency")))
HOUR = timedelta(hours=1)
ANA, BEN = clinician("Ana"), peer("Ben")


def crew(*people: Responder, mode: PresenceMode = PresenceMode.ONSITE) -> tuple[CrewMember, ...]:
    return tuple(CrewMember(responder_id=p.id, mode=mode, carries_naloxone=True) for p in people)


def staffed() -> tuple[County, TeamId]:
    """A county that knows Ana and Ben, and a team off shift."""
    county = County()
    county.happen(*(ResponderRecorded(responder=p) for p in (ANA, BEN)))
    return county, county.team(on_shift=False)


def planned(county: County, team_id: TeamId, after_h: float = 1, hours: float = 8) -> ShiftId:
    starts_at = county.now + after_h * HOUR
    command = PlanShift(
        team_id=team_id, starts_at=starts_at, ends_at=starts_at + hours * HOUR, crew=crew(ANA, BEN)
    )
    return ShiftId(county.do(command, by=SUPERVISOR).result["shift_id"])


def started(county: County, team_id: TeamId, **fields: Any) -> ShiftId:
    fields = {"crew": crew(ANA, BEN), "ends_at": county.now + 8 * HOUR, **fields}
    return ShiftId(county.do(StartShift(team_id=team_id, **fields)).result["shift_id"])


def member(who: Responder, team_id: TeamId | None = None) -> Actor:
    return changed(person(f"{who.id}", Role.RESPONDER, team=team_id), responder_id=who.id)  # type: ignore[no-any-return]


# Teams and responders


def test_a_team_is_added_and_changed() -> None:
    county = County()
    command = RecordTeam(agency_id=AGENCY, call_sign=" Blue 1 ", capabilities=("off_road",))
    team_id = county.do(command, by=MANAGER).result["team_id"]
    assert county.a_team(team_id).call_sign == "Blue 1"
    county.do(RecordTeam(team_id=team_id, agency_id=AGENCY, call_sign="Blue 2"), by=MANAGER)
    assert county.a_team(team_id).call_sign == "Blue 2"


def test_a_call_sign_means_one_team() -> None:
    county = County()
    county.team("Blue 1")
    refusal = county.refused(
        "call_sign_taken", RecordTeam(agency_id=AGENCY, call_sign="blue  1"), by=SUPERVISOR
    )
    assert refusal.facts["team_id"] == str(uid("team Blue 1"))


def test_an_agency_keeps_to_its_own_teams_and_people() -> None:
    county, team_id = staffed()
    other = STRANGER.agency_id
    assert other is not None
    for command in (
        RecordTeam(agency_id=AGENCY, call_sign="New"),
        RecordTeam(team_id=team_id, agency_id=other, call_sign="Mine now"),
        RecordResponder(responder=ANA),
        RecordResponder(responder=changed(ANA, agency_id=other)),
        PlanShift(team_id=team_id, starts_at=county.now, ends_at=county.now + HOUR),
        StartShift(team_id=team_id, ends_at=county.now + HOUR, crew=crew(ANA)),
    ):
        county.refused("not_your_agency", command, by=STRANGER)


def test_a_capability_outside_the_set_is_refused() -> None:
    command = RecordTeam(agency_id=AGENCY, call_sign="Blue 1", capabilities=("can_fly",))
    County().refused("unknown_code", command, by=SUPERVISOR)


def test_a_team_is_not_retired_while_on_shift_or_rostered() -> None:
    county, team_id = staffed()
    retire = RecordTeam(team_id=team_id, agency_id=AGENCY, call_sign="Blue 1", retired=True)
    shift_id = planned(county, team_id)
    county.refused("team_has_shifts", retire, by=SUPERVISOR)
    county.do(CancelShift(shift_id=shift_id), by=SUPERVISOR)
    shift_id = started(county, team_id)
    county.refused("team_on_shift", retire, by=SUPERVISOR)
    county.do(EndShift(shift_id=shift_id))
    county.do(retire, by=SUPERVISOR)
    assert team_id not in county.board.teams
    county.refused("unknown_team", SetDuty(team_id=team_id, duty="available"))


def test_a_retired_team_comes_back_under_its_id() -> None:
    county, team_id = staffed()
    facts: dict[str, Any] = {"team_id": team_id, "agency_id": AGENCY, "call_sign": "Blue 1"}
    county.do(RecordTeam(retired=True, **facts), by=SUPERVISOR)
    county.do(RecordTeam(**facts), by=SUPERVISOR)
    assert county.a_team(team_id).duty is Duty.OFF_SHIFT


def test_a_responders_name_and_licence_number_become_records_that_the_roster_names() -> None:
    county = County()
    ana = changed(ANA, licence=Credential(number="LCSW 4711"))
    done = county.do(RecordResponder(responder=ana, name="Ana Secret"), by=SUPERVISOR)
    records = {record.kind: record for record in done.records}
    assert records["responder_name"].fields == {"name": "Ana Secret"}
    assert records["licence"].fields == {"number": "LCSW 4711"}
    entry = county.board.responders[ana.id]
    assert entry.name_record == done.result["name_record"] == records["responder_name"].id
    assert entry.licence_record == records["licence"].id
    assert entry.licence == Credential()
    assert "Ana Secret" not in repr(county.log) and "4711" not in repr(county.log)
    assert done.result["uncounted"] == []


def test_what_is_not_said_again_of_a_responder_stays_and_no_sender_sets_a_records_id() -> None:
    county = County()
    county.do(RecordResponder(responder=ANA, name="Ana Secret"), by=SUPERVISOR)
    first = county.board.responders[ANA.id]
    forged = changed(ANA, is_lpha=False, licence=None, name_record=RecordId(uid("forged")))
    county.do(RecordResponder(responder=forged), by=SUPERVISOR)
    second = county.board.responders[ANA.id]
    assert second.name_record == first.name_record is not None
    assert second.licence_record == first.licence_record is not None
    county.do(RecordResponder(responder=ANA, name="Ana Married"), by=SUPERVISOR)
    assert county.board.responders[ANA.id].name_record != first.name_record


@pytest.mark.parametrize(
    "facts",
    [
        {"provider_type": "wizard"},
        {"languages": frozenset({"xx"})},
        {"competencies": frozenset({"juggling"})},
        {"enhanced": {"yoga": MONDAY.date()}},
    ],
)
def test_qualifications_outside_the_sets_are_refused(facts: dict[str, Any]) -> None:
    command = RecordResponder(responder=changed(ANA, **facts))
    County().refused("unknown_code", command, by=SUPERVISOR)


def test_an_officer_is_marked_as_one_and_told_not_to_count() -> None:
    county = County()
    officer = changed(ANA, provider_type="law_enforcement_officer")
    done = county.do(RecordResponder(responder=officer), by=SUPERVISOR)
    assert county.board.responders[ANA.id].law_enforcement
    assert "law_enforcement" in done.result["uncounted"]


# Planning


@pytest.mark.parametrize(
    ("starts_h", "ends_h", "code"),
    [
        (2, 2, "shift_backwards"),
        (2, 1, "shift_backwards"),
        (1, 25.1, "shift_too_long"),
        (-3, -1, "shift_in_past"),
    ],
)
def test_a_shift_has_a_sensible_window(starts_h: float, ends_h: float, code: str) -> None:
    county, team_id = staffed()
    command = PlanShift(
        team_id=team_id,
        starts_at=county.now + starts_h * HOUR,
        ends_at=county.now + ends_h * HOUR,
    )
    county.refused(code, command, by=SUPERVISOR)


PACIFIC = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        # From seven to seven: 25 hours in autumn, 23 in spring.
        ((2026, 10, 31, 7), (2026, 11, 1, 7)),
        ((2027, 3, 13, 7), (2027, 3, 14, 7)),
        # 24 hours: from seven to six in autumn, to eight in spring.
        ((2026, 10, 31, 7), (2026, 11, 1, 6)),
        ((2027, 3, 13, 7), (2027, 3, 14, 8)),
    ],
)
@pytest.mark.parametrize("zone", [UTC, PACIFIC], ids=["instants in UTC", "local instants"])
def test_a_shift_of_a_day_may_lie_over_a_change_of_the_clocks(
    starts: tuple[int, int, int, int], ends: tuple[int, int, int, int], zone: tzinfo
) -> None:
    county, team_id = staffed()
    starts_at, ends_at = (datetime(*at, tzinfo=PACIFIC).astimezone(zone) for at in (starts, ends))
    county.do(PlanShift(team_id=team_id, starts_at=starts_at, ends_at=ends_at), by=SUPERVISOR)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [((2026, 10, 31, 7), (2026, 11, 1, 8)), ((2027, 3, 13, 7), (2027, 3, 14, 9))],
)
def test_a_shift_longer_than_a_day_by_the_clocks_and_in_truth_is_refused(
    starts: tuple[int, int, int, int], ends: tuple[int, int, int, int]
) -> None:
    county, team_id = staffed()
    starts_at, ends_at = (datetime(*at, tzinfo=PACIFIC) for at in (starts, ends))
    command = PlanShift(team_id=team_id, starts_at=starts_at, ends_at=ends_at)
    county.refused("shift_too_long", command, by=SUPERVISOR)


def test_a_teams_shifts_never_overlap_but_may_touch() -> None:
    county, team_id = staffed()
    first = planned(county, team_id, after_h=1, hours=8)
    refusal = county.refused(
        "shifts_overlap",
        PlanShift(team_id=team_id, starts_at=county.now + 8 * HOUR, ends_at=county.now + 12 * HOUR),
        by=SUPERVISOR,
    )
    assert refusal.facts == {
        "shift_id": str(first),
        "starts_at": (county.now + HOUR).isoformat(),
        "ends_at": (county.now + 9 * HOUR).isoformat(),
    }
    planned(county, team_id, after_h=9)
    assert len(county.board.shifts) == 2


def test_a_planned_shift_can_be_moved_until_it_begins() -> None:
    county, team_id = staffed()
    shift_id = planned(county, team_id)
    move = PlanShift(
        shift_id=shift_id,
        team_id=team_id,
        starts_at=county.now,
        ends_at=county.now + 4 * HOUR,
        crew=crew(ANA, BEN),
    )
    county.do(move, by=SUPERVISOR)
    assert county.board.shifts[shift_id].ends_at == county.now + 4 * HOUR
    county.refused(
        "another_teams_shift",
        changed(move, team_id=county.team("Blue 2", on_shift=False)),
        by=SUPERVISOR,
    )
    county.do(StartShift(team_id=team_id, shift_id=shift_id))
    county.refused("shift_started", move, by=SUPERVISOR)
    county.refused("shift_started", CancelShift(shift_id=shift_id), by=SUPERVISOR)


def test_who_is_rostered_twice_is_told() -> None:
    county, team_id = staffed()
    planned(county, team_id)
    other = county.team("Blue 2", on_shift=False)
    command = PlanShift(
        team_id=other,
        starts_at=county.now + 8 * HOUR,
        ends_at=county.now + 12 * HOUR,
        crew=crew(ANA),
    )
    assert county.do(command, by=SUPERVISOR).result["double_booked"] == [ANA.id]


def test_a_cancelled_shift_leaves_the_board() -> None:
    county, team_id = staffed()
    shift_id = planned(county, team_id)
    county.do(CancelShift(shift_id=shift_id), by=SUPERVISOR)
    assert county.board.shifts == {}
    county.refused("shift_over", StartShift(team_id=team_id, shift_id=shift_id))


# Going on duty


def test_a_planned_shift_starts_with_its_crew_and_end() -> None:
    county, team_id = staffed()
    shift_id = planned(county, team_id, after_h=0)
    done = county.do(StartShift(team_id=team_id, shift_id=shift_id), by=member(ANA))
    team = county.a_team(team_id)
    assert (team.duty, team.shift_id) == (Duty.AVAILABLE, shift_id)
    assert team.crew == crew(ANA, BEN) and team.shift_ends_at == county.now + 8 * HOUR
    assert done.result["is_valid"] and done.result["warnings"] == []


def test_a_shift_may_start_short_handed_and_says_what_is_lacking() -> None:
    county, team_id = staffed()
    done = county.do(StartShift(team_id=team_id, ends_at=county.now + HOUR, crew=crew(BEN)))
    assert county.a_team(team_id).is_free
    assert not done.result["is_valid"]
    codes = {warning["code"] for warning in done.result["warnings"]}
    assert {"second_member_missing", "no_assessor_on_site"} <= codes


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"crew": ()}, "crew_empty"),
        ({"crew": crew(ANA, ANA)}, "crew_twice"),
        ({"crew": crew(clinician("Nobody"))}, "unknown_responder"),
        ({"ends_at": None}, "ends_at_needed"),
        ({"ends_at": MONDAY + 25 * HOUR}, "shift_too_long"),
        ({"ends_at": MONDAY}, "shift_backwards"),
    ],
)
def test_a_shift_needs_a_crew_of_known_people_and_an_end(fields: dict[str, Any], code: str) -> None:
    county, team_id = staffed()
    fields = {"crew": crew(ANA, BEN), "ends_at": county.now + HOUR, **fields}
    county.refused(code, StartShift(team_id=team_id, **fields))


def test_a_team_on_shift_starts_no_other() -> None:
    county, team_id = staffed()
    started(county, team_id)
    county.refused(
        "team_on_shift",
        StartShift(team_id=team_id, ends_at=county.now + HOUR, crew=crew(ANA)),
    )


def test_a_shift_that_nobody_planned_must_not_run_into_a_planned_one() -> None:
    county, team_id = staffed()
    planned(county, team_id, after_h=4)
    command = StartShift(team_id=team_id, ends_at=county.now + 5 * HOUR, crew=crew(ANA, BEN))
    county.refused("shifts_overlap", command)
    county.do(changed(command, ends_at=county.now + 4 * HOUR))


def test_a_person_is_on_site_with_one_team_but_may_join_several_remotely() -> None:
    county, team_id = staffed()
    cara = clinician("Cara")
    county.happen(ResponderRecorded(responder=cara))
    remote = crew(cara, mode=PresenceMode.TELEHEALTH_VIDEO)
    started(county, team_id, crew=(*crew(ANA), *remote))
    other = county.team("Blue 2", on_shift=False)
    command = StartShift(team_id=other, ends_at=county.now + HOUR, crew=crew(ANA, BEN))
    refusal = county.refused("on_another_shift", command)
    assert refusal.facts["responder_id"] == str(ANA.id)
    county.refused("on_another_shift", changed(command, crew=crew(BEN, cara)))
    county.do(changed(command, crew=(*crew(BEN), *remote)))


def test_a_responder_starts_only_a_shift_of_which_they_are_crew() -> None:
    county, team_id = staffed()
    command = StartShift(team_id=team_id, ends_at=county.now + HOUR, crew=crew(BEN))
    county.refused("not_your_crew", command, by=member(ANA))
    county.refused("not_your_crew", command, by=person("no entry", Role.RESPONDER))
    county.do(command, by=member(BEN))


def test_a_remote_second_counts_as_approved_only_by_who_may_approve() -> None:
    county, team_id = staffed()
    decision = TelehealthSecond(
        marked_delay=True, no_safety_concern=True, member=BEN.id, approved_by="supervisor"
    )
    people = (*crew(ANA), *crew(BEN, mode=PresenceMode.TELEHEALTH_VIDEO))
    shift_id = started(county, team_id, crew=people, telehealth=decision)
    codes = {s["code"] for s in county.last.result["warnings"]}  # type: ignore[union-attr]
    assert codes == {"telehealth_not_approved"}
    change = ChangeCrew(shift_id=shift_id, crew=people, telehealth=decision)
    assert county.do(change, by=SUPERVISOR).result["is_valid"]
    assert county.a_team(team_id).telehealth.approved_at == county.now  # type: ignore[union-attr]


# During the shift


def test_a_crew_change_is_judged_and_told() -> None:
    county, team_id = staffed()
    shift_id = started(county, team_id)
    done = county.do(ChangeCrew(shift_id=shift_id, crew=crew(BEN), reason="illness"))
    assert county.said() == ["crew_changed"] and not done.result["is_valid"]
    assert county.a_team(team_id).crew == county.board.shifts[shift_id].crew == crew(BEN)


def test_a_crew_change_on_a_run_swaps_the_runs_crew_too() -> None:
    county, team_id = staffed()
    shift_id = started(county, team_id)
    incident_id = county.determined()
    run_id = county.running(incident_id, team_id)
    county.do(ChangeCrew(shift_id=shift_id, crew=crew(ANA), reason="illness"), by=on_team(team_id))
    assert county.said() == ["crew_changed", "crew_swapped"]
    run = county.incident(incident_id).assignment(run_id)
    assert run is not None and run.crew == (ANA.id,)
    assert "second_member_missing" in run.shortfalls
    assert ("role:supervisor", "crew_no_longer_valid") in county.told()


def test_only_a_running_shift_has_a_crew_and_only_its_own_team_changes_it() -> None:
    county, team_id = staffed()
    shift_id = planned(county, team_id)
    change = ChangeCrew(shift_id=shift_id, crew=crew(ANA, BEN))
    county.refused("shift_not_running", change)
    county.do(StartShift(team_id=team_id, shift_id=shift_id))
    county.refused("crew_empty", changed(change, crew=()))
    county.refused("unknown_code", changed(change, reason="whim"))
    county.refused("not_your_team", change, by=on_team(TeamId(uid("other"))))
    county.refused("not_your_agency", change, by=STRANGER)
    county.do(change, by=MANAGER)


def test_going_off_the_floor_takes_a_reason_and_no_pending_offer() -> None:
    county = County()
    team_id = county.team()
    county.refused("reason_needed", SetDuty(team_id=team_id, duty="unavailable"))
    leave = SetDuty(team_id=team_id, duty="unavailable", reason="break")
    county.refused("unknown_code", changed(leave, reason="bored"))
    county.refused("until_in_past", changed(leave, until=county.now))
    county.refused("not_your_team", leave, by=on_team(TeamId(uid("other"))))
    offer_id = county.offered(county.determined(), team_id)
    county.refused("offer_pending", leave, by=on_team(team_id))
    county.do(DeclineOffer(offer_id=offer_id, reason="not_ready"), by=on_team(team_id))
    back_at = county.now + HOUR
    county.do(changed(leave, until=back_at), by=on_team(team_id))
    team = county.a_team(team_id)
    assert (team.duty, team.unavailable_until) == (Duty.UNAVAILABLE, back_at)
    county.do(SetDuty(team_id=team_id, duty="available"), by=on_team(team_id))
    assert county.a_team(team_id).is_free
    county.do(SetDuty(team_id=team_id, duty="available"), by=on_team(team_id))
    assert county.said() == []


def test_a_team_off_shift_has_no_duty_to_set() -> None:
    county, team_id = staffed()
    county.refused("illegal_transition", SetDuty(team_id=team_id, duty="available"))


# Going off duty


def ended(county: County, team_id: TeamId, **fields: Any) -> EndShift:
    shift_id = county.a_team(team_id).shift_id
    assert shift_id is not None
    return EndShift(shift_id=shift_id, **fields)


def test_a_shift_ends_for_a_reason_of_the_set() -> None:
    county = County()
    team_id = county.team()
    county.refused("unknown_code", ended(county, team_id, reason="bored"))
    county.refused("not_your_team", ended(county, team_id), by=on_team(TeamId(uid("x"))))
    command = ended(county, team_id)
    county.do(command, by=on_team(team_id))
    assert county.a_team(team_id).duty is Duty.OFF_SHIFT and county.board.shifts == {}
    assert county.log[-1].body.reason == "not_said"  # type: ignore[union-attr]
    county.refused("shift_over", command)


def test_a_run_keeps_the_shift_open_on_overtime_and_ends_it_with_itself() -> None:
    county = County()
    team_id = county.team(hours=1)
    incident_id = county.determined()
    run_id = county.running(incident_id, team_id)
    county.wait(60)
    command = ended(county, team_id, reason="fatigue")
    county.do(command, by=on_team(team_id))
    assert county.a_team(team_id).duty is Duty.ENDING
    assert county.a_team(team_id).shift_id is not None
    county.refused("shift_ending", command, by=on_team(team_id))
    county.refused("shift_ending", ended(county, team_id), by=SERVICE)
    county.do(
        ReportStatus(assignment_id=run_id, status=Status.READY), by=on_team(team_id), number="done"
    )
    assert county.a_team(team_id).duty is Duty.OFF_SHIFT
    assert county.log[-1].body.reason == "fatigue"  # type: ignore[union-attr]


def test_the_reason_given_when_the_shift_was_to_end_is_the_one_kept() -> None:
    county = County()
    team_id = county.team()
    by = on_team(team_id)
    duress_id = county.do(RaiseDuress(), by=by).result["duress_id"]
    county.do(ended(county, team_id, reason="illness"), by=by)
    assert county.a_team(team_id).duty is Duty.ENDING
    county.do(AcknowledgeDuress(duress_id=duress_id))
    county.do(ResolveDuress(duress_id=duress_id, reason="safe"))
    assert county.said() == ["duress_resolved", "shift_ended"]
    assert county.log[-1].body.reason == "illness"  # type: ignore[union-attr]


def test_an_offer_is_answered_before_going_home_unless_the_desk_takes_it_back() -> None:
    county = County()
    team_id = county.team()
    incident_id = county.determined()
    offer_id = county.offered(incident_id, team_id)
    refusal = county.refused("offer_pending", ended(county, team_id), by=on_team(team_id))
    assert refusal.facts["offer_id"] == str(offer_id)
    county.refused("offer_pending", ended(county, team_id), by=MANAGER)
    county.do(ended(county, team_id), by=DISPATCHER)
    assert county.said() == ["offer_withdrawn", "shift_ended"]
    assert county.told() == [(f"team:{team_id}", "offer_withdrawn")]
    (slot,) = county.incident(incident_id).waiting_slots()
    assert slot.wake_at == county.now


def test_the_planned_end_comes_during_an_offer_and_the_team_may_still_answer() -> None:
    county = County()
    team_id = county.team(hours=0.01)
    county.offered(county.determined(), team_id)
    county.wait(36)
    county.do(ended(county, team_id), by=SERVICE)
    assert county.a_team(team_id).duty is Duty.ENDING
    assert county.a_team(team_id).offer is not None


def test_the_clockwork_ends_no_shift_before_its_time() -> None:
    county = County()
    team_id = county.team()
    county.refused("not_due", ended(county, team_id), by=SERVICE)


def test_a_planned_shift_that_never_began_is_taken_back_by_the_clockwork() -> None:
    county, team_id = staffed()
    shift_id = planned(county, team_id, after_h=0, hours=1)
    county.refused("shift_not_started", EndShift(shift_id=shift_id))
    county.refused("shift_not_started", EndShift(shift_id=shift_id), by=SERVICE)
    county.wait(3_600)
    county.do(EndShift(shift_id=shift_id), by=SERVICE)
    assert county.said() == ["shift_cancelled"] and county.board.shifts == {}


def test_a_shift_from_an_outage_may_lie_in_the_past() -> None:
    county, team_id = staffed()
    how: dict[str, Any] = {"by": SUPERVISOR, "source": Source.BACK_ENTRY, "reason": "system_outage"}
    at = county.now - timedelta(hours=20)
    command = StartShift(team_id=team_id, ends_at=at + 8 * HOUR, crew=crew(ANA, BEN))
    county.do(command, occurred_at=at, **how)
    county.do(ended(county, team_id), occurred_at=at + 8 * HOUR, **how)
    assert county.a_team(team_id).duty_since == at + 8 * HOUR


ACTS = ("start", "end", "clock", "rest", "back", "alarm", "taken", "safe", "wait", "plan", "crew")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 1)), max_size=25))
def test_shifts_never_overlap_and_nobody_is_on_two(acts: list[tuple[str, int]]) -> None:
    county, team_id = staffed()
    teams = (team_id, county.team("Blue 2", on_shift=False))
    for act, which in acts:
        team = county.a_team(teams[which])
        shift_id = team.shift_id or ShiftId(uid("none"))
        alarms = [a.id for a in county.board.duress.values()] or [DuressId(uid("none"))]
        people = crew(ANA, BEN) if which else crew(ANA)
        match act:
            case "start":
                county._refusal(
                    StartShift(team_id=team.id, ends_at=county.now + 3 * HOUR, crew=people)
                )
            case "plan":
                county._refusal(
                    PlanShift(
                        team_id=team.id, starts_at=county.now + HOUR, ends_at=county.now + 4 * HOUR
                    ),
                    by=SUPERVISOR,
                )
            case "crew":
                county._refusal(ChangeCrew(shift_id=shift_id, crew=crew(BEN)))
            case "end":
                county._refusal(EndShift(shift_id=shift_id))
            case "clock":
                county._refusal(EndShift(shift_id=shift_id), by=SERVICE)
            case "rest":
                county._refusal(SetDuty(team_id=team.id, duty="unavailable", reason="break"))
            case "back":
                county._refusal(SetDuty(team_id=team.id, duty="available"))
            case "alarm":
                county.do(RaiseDuress(), by=on_team(team.id))
            case "taken":
                county._refusal(AcknowledgeDuress(duress_id=alarms[0]))
            case "safe":
                county._refusal(ResolveDuress(duress_id=alarms[0], reason="safe"))
            case _:
                county.wait(3_000)
        assert_one_place(county)


def assert_one_place(county: County) -> None:
    """Nobody is on two running shifts, and no team's open shifts overlap."""
    on_duty: list[ResponderId] = [
        m.responder_id for team in county.board.teams.values() for m in team.crew
    ]
    assert len(on_duty) == len(set(on_duty))
    shifts = list(county.board.shifts.values())
    for one in shifts:
        for other in shifts:
            if one.id != other.id and one.team_id == other.team_id:
                assert one.ends_at <= other.starts_at or other.ends_at <= one.starts_at
    for team in county.board.teams.values():
        assert (team.shift_id in county.board.shifts) == (team.duty is not Duty.OFF_SHIFT)


def test_a_team_starts_neither_while_lent_nor_anothers_shift() -> None:
    county, team_id = staffed()
    start = StartShift(team_id=team_id, ends_at=county.now + HOUR, crew=crew(ANA, BEN))
    other = county.team("Blue 2", on_shift=False)
    county.refused("another_teams_shift", changed(start, shift_id=planned(county, other)))
    county.happen(LoanGranted(team_id=team_id, to_county=CountyId(6013), loan_ref="1"))
    county.refused("team_lent", start)
