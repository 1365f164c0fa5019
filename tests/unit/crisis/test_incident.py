"""An incident's stored states, the phases derived from its slots, and its one clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.assignment import AssignmentBegun, AssignmentCancelled, Status, StatusReported
from crisis.errors import IllegalTransition
from crisis.ids import (
    AssignmentId,
    CallId,
    EncounterId,
    IncidentId,
    OfferId,
    RecordId,
    SlotNo,
    SubjectId,
    TeamId,
    UserId,
)
from crisis.incident.fold import evolve_incident
from crisis.incident.state import (
    SETTLED,
    TRANSITIONS,
    CallAttached,
    DeadlineMoved,
    EncounterRecorded,
    HoldReminded,
    HoldSettled,
    Incident,
    IncidentAbsorbed,
    IncidentAmended,
    IncidentArchived,
    IncidentCancelled,
    IncidentClosed,
    IncidentEvent,
    IncidentFlagged,
    IncidentMerged,
    IncidentOpened,
    IncidentReleased,
    IncidentReopened,
    IncidentReturned,
    IncidentSplit,
    IncidentState,
    IncidentTakenInHand,
    NoDispatchDetermined,
    NoteAdded,
    OwnerChanged,
    OwnerOffered,
    OwnEvent,
    Phase,
    ScreeningStarted,
    SearchHeld,
    SlotAdded,
    SlotDropped,
    SlotEscalated,
    SlotWoken,
    SubjectAdded,
    TeamDetermined,
)
from crisis.offer import OfferAccepted, OfferDeclined, OfferMade
from crisis.triage import Acuity, Hazard, Place, Standard
from tests.unit.crisis.tables import assert_about, assert_reachable, assert_total

T0 = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
ME, OTHER = IncidentId(UUID(int=1)), IncidentId(UUID(int=2))


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def after(*events: IncidentEvent, begin: Incident | None = None) -> Incident:
    """The incident after ``events``, one minute apart."""
    incident = begin
    if incident is None:
        opened = IncidentOpened(incident_id=ME, number=7, place=Place(), policy_version="p")
        incident = evolve_incident(None, opened, T0)
    for minute, event in enumerate(events, start=1):
        incident = evolve_incident(incident, event, at(minute))
    return incident


def determined(slots: int = 1) -> TeamDetermined:
    return TeamDetermined(
        incident_id=ME,
        acuity=Acuity.URGENT,
        place=Place(),
        standard=Standard(minutes=60, version="v"),
        due_at=at(61),
        slots=slots,
    )


def offered(n: int, slot: int = 1) -> OfferMade:
    return OfferMade(
        incident_id=ME,
        offer_id=OfferId(UUID(int=100 + n)),
        slot=SlotNo(slot),
        rung=n,
        team_id=TeamId(UUID(int=200 + n)),
        expires_at=at(5),
    )


def accepted(n: int, slot: int = 1) -> tuple[IncidentEvent, ...]:
    run = AssignmentId(UUID(int=300 + n))
    offer = OfferId(UUID(int=100 + n))
    return (
        offered(n, slot),
        OfferAccepted(incident_id=ME, offer_id=offer, assignment_id=run),
        AssignmentBegun(
            incident_id=ME,
            assignment_id=run,
            offer_id=offer,
            slot=SlotNo(slot),
            team_id=TeamId(UUID(int=200 + n)),
        ),
    )


def reported(n: int, status: Status, qualifies: bool = True) -> StatusReported:
    return StatusReported(
        incident_id=ME,
        assignment_id=AssignmentId(UUID(int=300 + n)),
        status=status,
        qualifies=qualifies,
    )


CLOSED = IncidentClosed(incident_id=ME, outcome="responded")
CANCELLED = IncidentCancelled(incident_id=ME, stage="en_route", reason="person_left")
MERGED = IncidentMerged(incident_id=ME, into=OTHER)


def test_the_table_is_about_known_things_and_what_is_settled_takes_no_step() -> None:
    assert {event for _, event in TRANSITIONS} <= set(get_args(OwnEvent))
    assert {state for state, _ in TRANSITIONS} == set(IncidentState) - SETTLED
    assert set(TRANSITIONS.values()) == set(IncidentState)


@pytest.mark.parametrize("end", [CLOSED, CANCELLED, MERGED], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    "event",
    [
        ScreeningStarted(incident_id=ME),
        determined(),
        NoDispatchDetermined(incident_id=ME, reason="prank"),
        IncidentAmended(incident_id=ME, version=2, place=Place()),
        SlotAdded(incident_id=ME, slot=SlotNo(2)),
        SlotWoken(incident_id=ME, slot=SlotNo(1), wake_at=None),
        CLOSED,
        CANCELLED,
        MERGED,
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_is_settled_stays_settled(end: IncidentEvent, event: IncidentEvent) -> None:
    with pytest.raises(IllegalTransition):
        after(determined(), end, event)


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ((), Phase.RECEIVED),
        ((ScreeningStarted(incident_id=ME),), Phase.SCREENING),
        ((determined(),), Phase.WAITING),
        ((determined(), offered(1)), Phase.OFFERED),
        ((determined(), *accepted(1)), Phase.ASSIGNED),
        ((determined(), *accepted(1), reported(1, Status.EN_ROUTE)), Phase.RESPONDING),
        ((determined(), *accepted(1), reported(1, Status.STAGED)), Phase.RESPONDING),
        ((determined(), *accepted(1), reported(1, Status.CONTACT)), Phase.ON_SCENE),
        ((determined(), *accepted(1), reported(1, Status.CLEARED)), Phase.CLEARED),
        ((determined(2), *accepted(1)), Phase.WAITING),
        ((determined(2), *accepted(1), offered(2, slot=2)), Phase.OFFERED),
        (
            (determined(2), *accepted(1), *accepted(2, slot=2), reported(2, Status.ON_SCENE)),
            Phase.ON_SCENE,
        ),
        ((determined(), CLOSED), Phase.CLOSED),
    ],
)
def test_the_phase_is_the_first_need_that_is_unmet(
    events: tuple[IncidentEvent, ...], phase: Phase
) -> None:
    assert after(*events).phase is phase


def test_a_slot_waits_again_when_its_last_offer_or_run_ends() -> None:
    declined = OfferDeclined(
        incident_id=ME, offer_id=OfferId(UUID(int=101)), reason="too_far", wake_at=at(9)
    )
    incident = after(determined(), offered(1), declined)
    assert [s.no for s in incident.waiting_slots()] == [1]
    assert incident.slots[0].wake_at == at(9)
    ended = AssignmentCancelled(
        incident_id=ME,
        assignment_id=AssignmentId(UUID(int=302)),
        reason="team_vehicle",
        wake_at=at(20),
    )
    incident = after(*accepted(2), ended, begin=incident)
    assert incident.phase is Phase.WAITING
    assert incident.slots[0].wake_at == at(20)


def test_a_dropped_slot_needs_nobody() -> None:
    incident = after(
        determined(2), SlotDropped(incident_id=ME, slot=SlotNo(2), reason="other"), *accepted(1)
    )
    assert incident.waiting_slots() == []
    assert incident.phase is Phase.ASSIGNED


def test_an_escalation_counts_as_a_try_and_the_next_offer_ends_the_exhaustion() -> None:
    up = SlotEscalated(incident_id=ME, slot=SlotNo(1), rung=1, to="supervisor", wake_at=at(30))
    slot = after(determined(), up).slots[0]
    assert (slot.rung, slot.escalations, slot.exhausted_at) == (1, 1, at(2))
    slot = after(determined(), up, offered(2)).slots[0]
    assert (slot.rung, slot.escalations, slot.exhausted_at) == (2, 1, None)


def test_the_clock_stops_at_the_earliest_valid_arrival_of_any_team() -> None:
    begin = after(determined(2), *accepted(1), *accepted(2, slot=2))
    assert begin.first_on_scene_at is None
    one = evolve_incident(begin, reported(1, Status.ON_SCENE, qualifies=False), at(20))
    assert one.first_on_scene_at is None
    two = evolve_incident(one, reported(2, Status.ON_SCENE), at(40))
    assert two.first_on_scene_at == at(40)
    late = evolve_incident(two, reported(2, Status.ON_SCENE), at(35))
    assert late.first_on_scene_at == at(35)


def test_an_amendment_keeps_clock_and_slots() -> None:
    before = after(determined())
    amended = IncidentAmended(
        incident_id=ME, version=2, place=Place(), hazards=(Hazard(code="weapon"),)
    )
    incident = after(amended, begin=before)
    assert (incident.determined_at, incident.due_at) == (before.determined_at, before.due_at)
    assert incident.slots == before.slots
    assert incident.version == 2


@pytest.mark.parametrize(("other_minute", "kept"), [(-30, at(-30)), (30, at(1)), (None, at(1))])
def test_a_merge_keeps_the_earliest_determination(other_minute: int | None, kept: datetime) -> None:
    other = None if other_minute is None else at(other_minute)
    due = None if other is None else other + timedelta(minutes=60)
    call = CallId(UUID(int=9))
    absorbed = IncidentAbsorbed(
        incident_id=ME, other=OTHER, determined_at=other, due_at=due, calls=(call,)
    )
    incident = after(determined(), absorbed)
    assert incident.determined_at == kept
    assert incident.due_at == kept + timedelta(minutes=60)
    assert (incident.absorbed, incident.calls) == ((OTHER,), (call,))
    released = IncidentReleased(
        incident_id=ME, other=OTHER, determined_at=at(1), due_at=at(61), calls=(call,)
    )
    again = after(released, begin=incident)
    assert (again.determined_at, again.due_at, again.calls, again.absorbed) == (
        at(1),
        at(61),
        (),
        (),
    )


def test_a_determination_after_a_merge_keeps_the_absorbed_clock() -> None:
    absorbed = IncidentAbsorbed(incident_id=ME, other=OTHER, determined_at=at(-30), due_at=at(30))
    incident = after(absorbed, determined())
    assert (incident.determined_at, incident.due_at) == (at(-30), at(30))
    assert (incident.own_determined_at, incident.own_due_at) == (at(2), at(61))


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), IncidentState.RECEIVED),
        ((ScreeningStarted(incident_id=ME),), IncidentState.SCREENING),
        ((determined(),), IncidentState.DETERMINED),
    ],
)
def test_a_split_incident_stands_where_it_stood(
    events: tuple[IncidentEvent, ...], state: IncidentState
) -> None:
    split = IncidentSplit(incident_id=ME, other=OTHER, wake_at=at(50))
    incident = after(*events, MERGED, split)
    assert incident.state is state
    assert (incident.ended_at, incident.merged_into) == (None, None)
    with pytest.raises(IllegalTransition):
        after(split, begin=incident)


def test_an_owner_changes_only_when_the_receiver_accepts() -> None:
    to = UserId(UUID(int=5))
    asked = after(OwnerOffered(incident_id=ME, to=to))
    assert (asked.owner, asked.pending_owner) == (None, to)
    taken = after(OwnerChanged(incident_id=ME, owner=to), begin=asked)
    assert (taken.owner, taken.pending_owner) == (to, None)


def test_a_person_named_again_is_the_same_person() -> None:
    subject = SubjectId(UUID(int=6))
    incident = after(
        SubjectAdded(incident_id=ME, subject_id=subject),
        SubjectAdded(incident_id=ME, subject_id=subject, label="1"),
        CallAttached(incident_id=ME, call_id=CallId(UUID(int=8))),
    )
    assert [s.id for s in incident.subjects] == [subject]
    assert incident.calls == (CallId(UUID(int=8)),)


def test_archiving_takes_it_off_the_board_and_changes_nothing_else() -> None:
    closed = after(determined(), CLOSED)
    archived = after(IncidentArchived(incident_id=ME), begin=closed)
    assert closed.is_open and not archived.is_open
    assert archived.ended_at == closed.ended_at


def test_only_its_opening_begins_an_incident() -> None:
    with pytest.raises(AssertionError):
        evolve_incident(None, determined(), T0)


#: One example of every event that the table names.
TABLED: tuple[OwnEvent, ...] = (
    ScreeningStarted(incident_id=ME),
    determined(),
    NoDispatchDetermined(incident_id=ME, reason="prank"),
    IncidentAmended(incident_id=ME, version=2, place=Place()),
    DeadlineMoved(
        incident_id=ME,
        standard=Standard(minutes=120, version="rural"),
        was=at(60),
        due_at=at(120),
        reason="place_changed",
    ),
    SlotAdded(incident_id=ME, slot=SlotNo(2)),
    SlotDropped(incident_id=ME, slot=SlotNo(1), reason="other"),
    SlotEscalated(incident_id=ME, slot=SlotNo(1), rung=1),
    SlotWoken(incident_id=ME, slot=SlotNo(1), wake_at=None),
    CLOSED,
    CANCELLED,
    MERGED,
)
#: Facts that may come in any state.
ALWAYS: tuple[OwnEvent, ...] = (
    IncidentTakenInHand(incident_id=ME, by=UserId(UUID(int=5)), until=at(15)),
    OwnerOffered(incident_id=ME, to=UserId(UUID(int=5))),
    OwnerChanged(incident_id=ME, owner=UserId(UUID(int=5))),
    CallAttached(incident_id=ME, call_id=CallId(UUID(int=8))),
    NoteAdded(incident_id=ME, record=RecordId(UUID(int=9))),
    SubjectAdded(incident_id=ME, subject_id=SubjectId(UUID(int=6))),
    EncounterRecorded(
        incident_id=ME,
        encounter_id=EncounterId(UUID(int=10)),
        assignment_id=AssignmentId(UUID(int=301)),
    ),
    IncidentAbsorbed(incident_id=ME, other=OTHER, determined_at=at(-5), due_at=at(55)),
    IncidentFlagged(incident_id=ME, flag="unassigned"),
    SearchHeld(
        incident_id=ME,
        assignment_id=AssignmentId(UUID(int=301)),
        team_id=TeamId(UUID(int=2)),
        status=Status.ON_SCENE,
        until=at(9),
    ),
    HoldReminded(incident_id=ME, assignment_id=AssignmentId(UUID(int=301)), until=at(12)),
    HoldSettled(
        incident_id=ME,
        assignment_id=AssignmentId(UUID(int=301)),
        team_id=TeamId(UUID(int=2)),
        there=False,
    ),
    IncidentReturned(incident_id=ME),
)


def test_every_own_event_has_its_place_in_the_table_or_beside_it() -> None:
    apart = {IncidentOpened, IncidentSplit, IncidentReleased, IncidentArchived, IncidentReopened}
    tried = {type(event) for event in (*TABLED, *ALWAYS)}
    assert tried | apart == set(get_args(OwnEvent))
    assert {type(event) for event in TABLED} == {event for _, event in TRANSITIONS}


@pytest.mark.parametrize("end", [CLOSED, CANCELLED, MERGED], ids=lambda e: type(e).__name__)
def test_what_is_opened_again_stands_as_before_its_end_with_its_clock(end: IncidentEvent) -> None:
    before = after(determined())
    again = evolve_incident(
        evolve_incident(before, end, at(30)),
        IncidentReopened(incident_id=ME, reason="crew_there"),
        at(40),
    )
    assert again.state is IncidentState.DETERMINED
    assert (again.determined_at, again.due_at) == (before.determined_at, before.due_at)
    assert (again.ended_at, again.outcome, again.merged_into) == (None, None, None)
    with pytest.raises(IllegalTransition):
        evolve_incident(again, IncidentReopened(incident_id=ME, reason="crew_there"), at(41))


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    begun = after()

    def take(state: IncidentState, event: OwnEvent) -> IncidentState:
        return evolve_incident(msgspec.structs.replace(begun, state=state), event, at(1)).state

    assert_about(TRANSITIONS, IncidentState, {event for _, event in TRANSITIONS})
    assert_total(TRANSITIONS, IncidentState, TABLED, take)
    assert_reachable(TRANSITIONS, IncidentState.RECEIVED, SETTLED, IncidentState)
    for state in IncidentState:
        for event in ALWAYS:
            assert take(state, event) is state


@given(st.lists(st.sampled_from((*TABLED, *ALWAYS)), max_size=25))
def test_the_clock_starts_once_and_never_anew(events: list[OwnEvent]) -> None:
    incident = after()
    for minute, event in enumerate(events, start=1):
        before = incident
        try:
            incident = evolve_incident(before, event, at(minute))
        except IllegalTransition:
            continue
        assert not (before.is_settled and before.state is not incident.state)
        start = incident.determined_at
        if before.determined_at is not None:
            assert start is not None and start <= before.determined_at
        if before.own_determined_at is not None:
            assert incident.own_determined_at == before.own_determined_at
        assert (incident.ended_at is not None) == incident.is_settled
        assert incident.version >= before.version
        if isinstance(event, TeamDetermined):
            assert start is not None and start <= at(minute)
