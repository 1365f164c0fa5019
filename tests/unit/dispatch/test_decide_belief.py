"""Instants of a run that contradict its end, its beginning or its order: told late or corrected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from crisis.assignment import Assignment
from crisis.commands import (
    AcceptOffer,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    CorrectMilestone,
    Determine,
    DivertAssignment,
    EncounterInput,
    FlagIncident,
    HandOver,
    MissObligation,
    RecordEncounter,
    ReportStatus,
    RequestPartner,
    SwapCrew,
)
from crisis.errors import Disputed
from crisis.ids import AssignmentId, IncidentId, UserId
from crisis.obligation import Obligation, ObligationKind, ObligationState
from crisis.roles import Actor
from crisis.run_status import ARRIVED, RUN, Status
from crisis.states import Source
from crisis.triage import Acuity
from dispatch.decide import Decision
from dispatch.due import TimerCommand, due
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    LEAD,
    MONDAY,
    SAFE_SCENE,
    SERVICE,
    SUPERVISOR,
    County,
    on_team,
    uid,
)

S = Status
LATE = (*sorted(ARRIVED), S.EN_ROUTE, S.STAGED)


def minute(n: float) -> datetime:
    return MONDAY + timedelta(minutes=n)


class Trip:
    """A run accepted at minute 0 and on its way since minute 1."""

    def __init__(self, acuity: Acuity = Acuity.ROUTINE) -> None:
        self.county = County()
        self.team = self.county.team()
        self.incident_id: IncidentId = self.county.determined(acuity, screening=SAFE_SCENE)
        self.id: AssignmentId = self.county.running(self.incident_id, self.team)
        self.by = on_team(self.team)
        self.do(ReportStatus(assignment_id=self.id, status=S.EN_ROUTE), at=1)

    def do(self, command: Command, *, at: float, by: Actor | None = None, **how: Any) -> Decision:
        """Whatever is sent at a minute, whether or not the incident is still on the board."""
        self.county.now = max(self.county.now, minute(at))
        return self.county.do(command, by=by or self.by, **how)

    def says(self, status: Status, *, of: float, at: float, **how: Any) -> Decision:
        how = {"staging_reason": "weapon", **how} if status is S.STAGED else how
        by_desk: dict[str, Any] = {}
        if how.pop("voice", False):
            by_desk = {"by": DISPATCHER, "source": Source.DESK_BY_VOICE}
        said_by = {"said_by": "team"} if by_desk else {}
        report = ReportStatus(assignment_id=self.id, status=status, **said_by, **how)
        return self.do(report, at=at, occurred_at=minute(of), **by_desk)

    def corrects(self, status: Status, to: float | None, *, at: float) -> Decision:
        instant = None if to is None else minute(to)
        fix = CorrectMilestone(
            assignment_id=self.id, status=status, instant=instant, reason="wrong_time"
        )
        return self.do(fix, at=at, by=LEAD)

    @property
    def run(self) -> Assignment:
        found = self.county.incident(self.incident_id).assignment(self.id)
        assert found is not None
        return found

    @property
    def first(self) -> datetime | None:
        return self.county.incident(self.incident_id).first_on_scene_at

    def owed(self, kind: ObligationKind) -> list[Obligation]:
        return [o for o in self.county.board.obligations.values() if o.kind is kind]


def clears(*met: bool) -> Callable[[Trip], None]:
    def end(trip: Trip) -> None:
        told = tuple(
            EncounterInput(disposition="refused_services" if one else "not_found", contacted=one)
            for one in met
        )
        trip.do(ClearAssignment(assignment_id=trip.id, encounters=told), at=30)

    return end


def clears_and_records(trip: Trip) -> None:
    clears()(trip)
    seen = EncounterInput(disposition="not_found", contacted=False)
    trip.do(RecordEncounter(assignment_id=trip.id, encounter=seen), at=31)


def cancels(reason: str) -> Callable[[Trip], None]:
    def end(trip: Trip) -> None:
        trip.do(CancelAssignment(assignment_id=trip.id, reason=reason), at=30, by=DISPATCHER)

    return end


def calls_off(trip: Trip) -> None:
    command = CancelIncident(incident_id=trip.incident_id, reason="transported_before_arrival")
    trip.do(command, at=30, by=DISPATCHER)


def diverts(trip: Trip) -> None:
    other = trip.county.determined(Acuity.EMERGENT)
    divert = DivertAssignment(assignment_id=trip.id, reason="higher_class", to_incident=other)
    trip.do(divert, at=30, by=DISPATCHER)


def unserved(trip: Trip) -> None:
    cancels("team_vehicle")(trip)
    close = CloseIncident(
        incident_id=trip.incident_id, outcome="unserved", reason="no_team_available"
    )
    trip.do(close, at=31, by=DISPATCHER)


#: Ends that say that the team came to nobody.
NOBODY = {
    "cleared, not found": clears(False),
    "cleared, nobody of two": clears(False, False),
    "cleared, then not found": clears_and_records,
    "cleared, nothing said of anybody": clears(),
    "called off for a reason before arrival": cancels("reassigned"),
    "called off for a reason that may be at the scene": cancels("team_vehicle"),
    "incident called off before arrival": calls_off,
    "diverted": diverts,
    "closed unserved": unserved,
}
#: Ends that leave room for an arrival before them.
NEUTRAL = {
    "cleared, somebody met": clears(True),
    "cleared, one of two met": clears(False, True),
}
SOURCES = ("phone", "voice")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("status", sorted(ARRIVED))
@pytest.mark.parametrize("end", NOBODY)
def test_an_arrival_told_against_an_end_that_says_nobody_came_is_disputed(
    end: str, status: Status, source: str
) -> None:
    trip = Trip()
    NOBODY[end](trip)
    before = trip.run
    told = trip.says(status, of=25, at=40, voice=source == "voice")
    assert isinstance(told.refusal, Disputed)
    assert told.refusal.facts["reason"] == "contradicts_end"
    after = trip.run
    assert (after.milestones, after.state) == (before.milestones, before.state)
    assert (after.disputed, after.arrival_disputed, trip.first) == (1, True, None)
    assert ("role:dispatcher", "report_disputed", "now") in {
        (n.to, n.template, n.urgency) for n in told.notices
    }


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("status", LATE)
@pytest.mark.parametrize("end", [*NOBODY, *NEUTRAL])
def test_whatever_a_team_says_of_after_its_runs_end_is_disputed(
    end: str, status: Status, source: str
) -> None:
    trip = Trip()
    (NOBODY | NEUTRAL)[end](trip)
    told = trip.says(status, of=35, at=40, voice=source == "voice")
    assert isinstance(told.refusal, Disputed)
    assert told.refusal.facts["reason"] == "after_end"
    assert status not in trip.run.milestones or trip.run.milestones[status] <= minute(30)
    assert trip.first is None


@pytest.mark.parametrize("end", NEUTRAL)
def test_a_late_arrival_that_contradicts_nothing_stops_the_clock_where_it_happened(
    end: str,
) -> None:
    trip = Trip()
    NEUTRAL[end](trip)
    assert trip.says(S.ON_SCENE, of=25, at=40).refusal is None
    assert trip.first == minute(25)
    assert not trip.run.arrival_disputed


def test_an_earlier_arrival_of_a_team_that_was_there_and_met_nobody_is_believed() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=25, at=25)
    clears(False)(trip)
    assert trip.says(S.ON_SCENE, of=20, at=40).refusal is None
    assert trip.first == minute(20)


@pytest.mark.parametrize("status", [s for s in LATE if s is not S.STAGED])
def test_nobody_leaves_or_arrives_before_it_was_determined_that_a_team_must_go(
    status: Status,
) -> None:
    trip = Trip()
    told = trip.says(status, of=-10, at=40)
    assert isinstance(told.refusal, Disputed)
    assert told.refusal.facts["reason"] in {"before_acceptance", "before_determination"}
    assert trip.first is None


def test_a_clear_told_of_before_the_arrival_is_disputed() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=25, at=25)
    told = trip.says(S.CLEARED, of=20, at=30)
    assert isinstance(told.refusal, Disputed)
    assert told.refusal.facts["reason"] == "before_others"
    assert trip.run.is_open
    # By a minute it is the clocks' fault.
    assert trip.says(S.CLEARED, of=24.5, at=30).refusal is None
    assert trip.run.milestones[S.CLEARED] == minute(25)


def test_whom_a_crew_met_is_kept_though_its_clear_is_disputed() -> None:
    trip = Trip()
    cancels("reassigned")(trip)
    met = EncounterInput(disposition="stabilized_referral", note="calmer now")
    clear = ClearAssignment(assignment_id=trip.id, encounters=(met,))
    told = trip.do(clear, at=40)
    assert isinstance(told.refusal, Disputed)
    assert [r.kind for r in told.records] == ["encounter_note"]
    assert len(trip.county.incident(trip.incident_id).encounters) == 1
    assert len(trip.owed(ObligationKind.FOLLOW_UP)) == 1


def test_a_person_may_believe_a_disputed_arrival_by_a_correction_and_is_told_what_it_says() -> None:
    trip = Trip()
    clears(False)(trip)
    trip.says(S.ON_SCENE, of=25, at=40)
    done = trip.corrects(S.ON_SCENE, 25, at=45)
    assert [w["code"] for w in done.result["warnings"]] == ["contradicts_end"]
    assert trip.first == minute(25)
    assert not trip.run.arrival_disputed


# Corrections


def arrived_and_cleared() -> Trip:
    trip = Trip()
    trip.says(S.ON_SCENE, of=15, at=15)
    trip.says(S.CONTACT, of=20, at=20)
    clears(True)(trip)
    return trip


@pytest.mark.parametrize(
    ("status", "to", "code"),
    [
        *((status, 35, "instant_after_end") for status in sorted(ARRIVED)),
        (S.EN_ROUTE, 35, "instant_after_end"),
        (S.CLEARED, 10, "instant_before_others"),
        (S.READY, 10, "instant_before_others"),
        (S.ACCEPTED, 10, "instant_after_others"),
        (S.DIVERTED, 25, "status_not_reached"),
        (S.CANCELLED, 25, "status_not_reached"),
        (S.CLEARED, None, "status_is_its_end"),
        (S.READY, None, "status_is_its_end"),
        (S.ACCEPTED, None, "accepted_always"),
    ],
)
def test_no_correction_makes_a_run_that_cannot_be(
    status: Status, to: float | None, code: str
) -> None:
    trip = arrived_and_cleared()
    fix = CorrectMilestone(
        assignment_id=trip.id,
        status=status,
        instant=None if to is None else minute(to),
        reason="wrong_time",
    )
    trip.county.now = minute(60)
    before = trip.run
    trip.county.refused(code, fix, by=LEAD)
    assert trip.run == before


@pytest.mark.parametrize("status", [s for s in RUN if s is not S.ACCEPTED])
def test_nothing_is_corrected_to_before_the_acceptance_or_the_determination(
    status: Status,
) -> None:
    county = County()
    incident_id = county.opened()
    county.wait(600)
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
    team = county.team()
    county.wait(60)
    offer_id = county.offered(incident_id, team)
    county.wait(60)
    run_id = county.do(AcceptOffer(offer_id=offer_id), by=on_team(team)).result["assignment_id"]
    county.wait(60)
    county.do(ReportStatus(assignment_id=run_id, status=S.ON_SCENE), by=on_team(team))
    county.do(ClearAssignment(assignment_id=run_id), by=on_team(team))

    def fix(minutes: float, status: Status = status) -> CorrectMilestone:
        return CorrectMilestone(
            assignment_id=run_id, status=status, instant=minute(minutes), reason="wrong_time"
        )

    county.refused("instant_before_acceptance", fix(11.5), by=LEAD)
    county.refused("instant_before_acceptance", fix(5), by=LEAD)
    county.refused("instant_before_determination", fix(5, S.ACCEPTED), by=LEAD)


def test_an_arrival_corrected_to_before_the_second_member_came_stops_the_clock_when_they_came() -> (
    None
):
    trip = Trip()
    pair = trip.county.a_team(trip.team).crew
    trip.do(SwapCrew(assignment_id=trip.id, crew=pair[:1]), at=2)
    trip.do(SwapCrew(assignment_id=trip.id, crew=pair), at=20)
    trip.says(S.ON_SCENE, of=25, at=25)
    assert trip.first == minute(25)
    done = trip.corrects(S.ON_SCENE, 10, at=40)
    assert trip.run.milestones[S.ON_SCENE] == minute(10)
    assert trip.first == minute(20)
    assert "second_member_missing" in [w["code"] for w in done.result["warnings"]]
    # And never by one who came when all had left.
    clears(True)(trip)
    trip.corrects(S.CLEARED, 15, at=60)
    assert trip.first is None


def test_a_change_of_crew_told_late_is_judged_where_it_happened() -> None:
    trip = Trip()
    pair = trip.county.a_team(trip.team).crew
    trip.says(S.ON_SCENE, of=25, at=25)
    left = SwapCrew(assignment_id=trip.id, crew=pair[:1])
    trip.do(left, at=40, occurred_at=minute(10))
    assert trip.first is None
    came = SwapCrew(assignment_id=trip.id, crew=pair)
    trip.do(came, at=41, occurred_at=minute(12))
    assert trip.first == minute(25), "the arrival, not the change before it"


def test_what_hangs_on_a_corrected_arrival_moves_with_it_and_is_told() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=15, at=15)
    trip.says(S.CONTACT, of=20, at=20)
    seen = EncounterInput(disposition="other", mandated_reports=("child_abuse",))
    trip.do(RecordEncounter(assignment_id=trip.id, encounter=seen), at=21)
    done = trip.corrects(S.ON_SCENE, 5, at=40)
    hours = {
        ObligationKind.FOLLOW_UP: 72,
        ObligationKind.PLAN_NOTICE: 48,
        ObligationKind.MANDATED_REPORT: 36,
    }
    for kind, after in hours.items():
        (one,) = trip.owed(kind)
        assert one.due_at == one.lapses_at == minute(5) + timedelta(hours=after), kind
    assert {w["kind"] for w in done.result["warnings"]} == {kind.value for kind in hours}
    assert (f"team:{trip.team}", "obligation_moved") in trip.county.told()


def test_a_note_follows_its_day_of_service() -> None:
    trip = Trip()
    trip.county.now = MONDAY + timedelta(hours=15)  # 01:00 on Tuesday in California
    trip.do(ReportStatus(assignment_id=trip.id, status=S.ON_SCENE), at=0)
    (note,) = trip.owed(ObligationKind.NOTE)
    trip.corrects(S.ON_SCENE, 13 * 60, at=0)
    (moved,) = trip.owed(ObligationKind.NOTE)
    assert note.due_at - moved.due_at == timedelta(days=1)


def test_a_late_report_of_an_earlier_arrival_moves_what_hangs_on_it_too() -> None:
    trip = Trip()
    trip.says(S.CONTACT, of=25, at=25)
    trip.says(S.ON_SCENE, of=15, at=30)
    (follow_up,) = trip.owed(ObligationKind.FOLLOW_UP)
    assert follow_up.due_at == minute(15) + timedelta(hours=72)


def test_what_counted_as_missed_by_a_wrong_instant_is_owed_again_by_the_right_one() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=2, at=24 * 60)
    trip.says(S.CONTACT, of=24 * 60 - 1, at=24 * 60)
    (notice,) = trip.owed(ObligationKind.PLAN_NOTICE)
    trip.do(MissObligation(obligation_id=notice.id), at=48 * 60 + 3, by=SERVICE)
    trip.corrects(S.ON_SCENE, 23 * 60, at=48 * 60 + 5)
    (notice,) = trip.owed(ObligationKind.PLAN_NOTICE)
    assert (notice.state, notice.missed_at) == (ObligationState.DUE, None)
    assert notice.due_at == minute(23 * 60) + timedelta(hours=48)


def test_an_arrival_corrected_to_after_the_deadline_is_told_as_one_that_missed_it() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=50, at=50)
    done = trip.corrects(S.ON_SCENE, 61, at=70)
    assert ("role:supervisor", "deadline_breached") in trip.county.told()
    assert done.result["first_on_scene_at"] == minute(61)
    assert trip.county.incident(trip.incident_id).marked(
        "deadline_breached", minute(60).isoformat()
    )


def test_a_person_waits_again_when_the_arrival_never_was_and_no_more_when_it_was() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=15, at=15)
    assert trip.owed(ObligationKind.WAITING_CONTACT) == []
    trip.corrects(S.ON_SCENE, None, at=20)
    assert len(trip.owed(ObligationKind.WAITING_CONTACT)) == 1
    trip.corrects(S.ON_SCENE, 16, at=22)
    assert trip.owed(ObligationKind.WAITING_CONTACT) == []


# From when something is known


def timers(county: County) -> list[Command]:
    """What the clockwork would do in this second."""
    now = due(county.board, county.now, county.rules)
    return [one.envelope.command for one in now if isinstance(one, TimerCommand)]


def marked(county: County) -> set[str]:
    return {one.flag for one in timers(county) if isinstance(one, FlagIncident)}


def test_a_determination_told_late_has_missed_nothing_but_what_the_clock_itself_has() -> None:
    county = County()
    incident_id = county.opened()
    county.wait(50 * 60)
    command = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT)
    county.do(command, occurred_at=minute(1))
    incident = county.incident(incident_id)
    assert (incident.determined_at, incident.due_at) == (minute(1), minute(61))
    (waiting,) = county.board.obligations.values()
    assert waiting.due_at == county.now + timedelta(seconds=600)
    assert not any(isinstance(one, MissObligation) for one in timers(county))
    assert marked(county) <= {"deadline_warning"}, "an alarm for nobody's patience"


def test_nothing_that_is_told_late_is_alarmed_about_in_the_same_second() -> None:
    trip = Trip(Acuity.EMERGENT)
    trip.county.now = minute(40)
    for command in (
        CancelAssignment(assignment_id=trip.id, reason="team_vehicle"),
        HandOver(incident_id=trip.incident_id, to=UserId(uid("other dispatcher"))),
        RequestPartner(incident_id=trip.incident_id, kind="ems", reason="medical", handoff=False),
    ):
        trip.county.do(command, by=DISPATCHER, occurred_at=minute(5))
    assert marked(trip.county) <= {"deadline_warning"}


def test_a_contact_and_a_check_in_told_late_begin_their_next_from_now() -> None:
    trip = Trip()
    trip.county.now = minute(50)
    trip.says(S.ON_SCENE, of=5, at=50)
    (check_in,) = trip.owed(ObligationKind.CHECK_IN)
    assert check_in.due_at == minute(50 + 30)
    assert check_in.lapses_at > trip.county.now


def test_a_supervisors_correction_needs_no_lead() -> None:
    trip = arrived_and_cleared()
    fix = CorrectMilestone(
        assignment_id=trip.id, status=S.ON_SCENE, instant=minute(14), reason="wrong_time"
    )
    assert trip.do(fix, at=60, by=SUPERVISOR).result["first_on_scene_at"] == minute(14)


def test_no_team_is_ready_before_the_clear_that_a_correction_moves() -> None:
    trip = Trip()
    trip.says(S.ON_SCENE, of=20, at=20)
    trip.do(ClearAssignment(assignment_id=trip.id, ready=True), at=25)
    trip.corrects(S.CLEARED, 55, at=60)
    assert trip.run.milestones[S.CLEARED] == trip.run.milestones[S.READY] == minute(55)
    assert trip.first == minute(20)
    trip.corrects(S.ON_SCENE, 40, at=61)
    assert trip.first == minute(40), "the run had not ended by then"
    trip.corrects(S.CLEARED, 50, at=62)
    assert trip.run.milestones[S.READY] == minute(55), "an earlier clear takes nothing back"
