"""The board: folding follows the log, says all that changed, and its indexes never lie."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.assignment import (
    AssignmentBegun,
    AssignmentCancelled,
    AssignmentDiverted,
    Status,
    StatusReported,
)
from crisis.board import KINDS, Board, apply, empty_board, fold, owed_index
from crisis.call import CallAnswered, CallEnded, CallOffered
from crisis.duress import DuressAcknowledged, DuressRaised, DuressResolved
from crisis.errors import IllegalTransition
from crisis.events import Body, Event
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CallId,
    CommandId,
    CountyId,
    DuressId,
    IncidentId,
    ObligationId,
    OfferId,
    ResponderId,
    ShiftId,
    SlotNo,
    TeamId,
    UserId,
)
from crisis.incident.state import (
    IncidentArchived,
    IncidentCancelled,
    IncidentOpened,
    NoteAdded,
    TeamDetermined,
)
from crisis.obligation import ObligationArose, ObligationDone, ObligationKind
from crisis.offer import OfferAccepted, OfferDeclined, OfferExpired, OfferMade, OfferWithdrawn
from crisis.responder import Responder
from crisis.states import Source
from crisis.team import (
    CrewMember,
    ResponderRecorded,
    ShiftEnded,
    ShiftStarted,
    TeamAvailable,
    TeamRecorded,
    TeamUnavailable,
)
from crisis.triage import Acuity, Place, Standard

COUNTY = CountyId(6001)
T0 = datetime(2026, 3, 2, 18, tzinfo=UTC)
NAMES = UUID(int=7)


def uid(name: str) -> UUID:
    return uuid5(NAMES, name)


CALL, USER = CallId(uid("call")), UserId(uid("user"))
ALARM, OWED = DuressId(uid("alarm")), ObligationId(uid("owed"))
AGENCY, PERSON = AgencyId(uid("agency")), ResponderId(uid("person"))
TEAMS = tuple(TeamId(uid(f"team {n}")) for n in range(2))
INCIDENTS = tuple(IncidentId(uid(f"incident {n}")) for n in range(2))
SLOT = SlotNo(1)


def event(board: Board, body: Body, **fields: Any) -> Event:
    """The next event of the board's log, a second after the one before."""
    fields.setdefault("occurred_at", T0 + timedelta(seconds=board.seq))
    fields.setdefault("recorded_at", T0 + timedelta(seconds=board.seq))
    fields.setdefault("seq", board.seq + 1)
    fields.setdefault("county_id", COUNTY)
    return Event(
        source=Source.DESK, command_id=CommandId(uid(f"command {board.seq}")), body=body, **fields
    )


def after(*bodies: Body, board: Board | None = None) -> Board:
    board = empty_board(COUNTY) if board is None else board
    for body in bodies:
        board = fold(board, event(board, body))
    return board


def ids(incident: IncidentId, team: TeamId) -> tuple[OfferId, AssignmentId]:
    return OfferId(uid(f"offer {incident} {team}")), AssignmentId(uid(f"run {incident} {team}"))


def opened(incident: IncidentId, number: int = 1) -> IncidentOpened:
    return IncidentOpened(incident_id=incident, number=number, place=Place(), policy_version="1")


def determined(incident: IncidentId) -> TeamDetermined:
    return TeamDetermined(
        incident_id=incident,
        acuity=Acuity.URGENT,
        place=Place(),
        standard=Standard(minutes=60, version="1"),
        due_at=T0 + timedelta(hours=1),
    )


def asked(incident: IncidentId, team: TeamId) -> OfferMade:
    return OfferMade(
        incident_id=incident,
        offer_id=ids(incident, team)[0],
        slot=SLOT,
        rung=1,
        team_id=team,
        expires_at=T0 + timedelta(minutes=1),
    )


def accepted(incident: IncidentId, team: TeamId) -> tuple[Body, Body]:
    offer_id, run_id = ids(incident, team)
    return (
        OfferAccepted(incident_id=incident, offer_id=offer_id, assignment_id=run_id),
        AssignmentBegun(
            incident_id=incident, assignment_id=run_id, offer_id=offer_id, slot=SLOT, team_id=team
        ),
    )


def ready(incident: IncidentId, team: TeamId) -> StatusReported:
    return StatusReported(
        incident_id=incident, assignment_id=ids(incident, team)[1], status=Status.READY
    )


def on_shift(team: TeamId) -> tuple[Body, Body]:
    return (
        TeamRecorded(team_id=team, agency_id=AGENCY, call_sign=str(team)),
        ShiftStarted(
            shift_id=ShiftId(uid(f"shift {team}")),
            team_id=team,
            starts_at=T0,
            ends_at=T0 + timedelta(hours=8),
            crew=(CrewMember(responder_id=PERSON),),
        ),
    )


def arose(incident: IncidentId, name: str) -> ObligationArose:
    return ObligationArose(
        obligation_id=ObligationId(uid(f"{name} {incident}")),
        kind=ObligationKind.WAITING_CONTACT,
        due_at=T0 + timedelta(hours=1),
        rule="waiting",
        incident_id=incident,
    )


def met(incident: IncidentId, name: str) -> ObligationDone:
    return ObligationDone(obligation_id=ObligationId(uid(f"{name} {incident}")), outcome="reached")


def a_county() -> Board:
    """Two teams on shift, two incidents that need one team each, a call, an alarm, a debt."""
    return after(
        *on_shift(TEAMS[0]),
        *on_shift(TEAMS[1]),
        ResponderRecorded(
            responder=Responder(
                id=PERSON, agency_id=AGENCY, provider_type="lcsw", core_trained_on=date(2024, 1, 1)
            )
        ),
        CallOffered(call_id=CALL),
        opened(INCIDENTS[0], 1),
        determined(INCIDENTS[0]),
        opened(INCIDENTS[1], 2),
        determined(INCIDENTS[1]),
        DuressRaised(duress_id=ALARM, team_id=TEAMS[0]),
        ObligationArose(
            obligation_id=OWED, kind=ObligationKind.NOTE, due_at=T0 + timedelta(days=1), rule="note"
        ),
    )


def bodies() -> list[Body]:
    """Everything that may befall the county below, in any order."""
    found: list[Body] = [
        CallAnswered(call_id=CALL, by=USER),
        CallEnded(call_id=CALL),
        DuressAcknowledged(duress_id=ALARM, by=USER),
        DuressResolved(duress_id=ALARM, reason="safe"),
        ObligationDone(obligation_id=OWED, outcome="done"),
        *(
            body
            for incident in INCIDENTS
            for name in ("first", "second")
            for body in (arose(incident, name), met(incident, name))
        ),
    ]
    for team in TEAMS:
        found += [
            TeamUnavailable(team_id=team, reason="break"),
            TeamAvailable(team_id=team),
            ShiftEnded(shift_id=ShiftId(uid(f"shift {team}")), team_id=team),
        ]
        for incident in INCIDENTS:
            offer_id, run_id = ids(incident, team)
            found += [
                asked(incident, team),
                *accepted(incident, team),
                OfferDeclined(incident_id=incident, offer_id=offer_id, reason="too_far"),
                OfferExpired(incident_id=incident, offer_id=offer_id),
                OfferWithdrawn(incident_id=incident, offer_id=offer_id, reason="dispatcher"),
                AssignmentCancelled(incident_id=incident, assignment_id=run_id, reason="capacity"),
                AssignmentDiverted(
                    incident_id=incident, assignment_id=run_id, reason="higher_class"
                ),
                ready(incident, team),
            ]
    for incident in INCIDENTS:
        found += [
            IncidentCancelled(incident_id=incident, stage="en_route", reason="person_left"),
            IncidentArchived(incident_id=incident),
        ]
    return found


def assert_indexed(board: Board) -> None:
    """The indexes hold exactly what the incidents on the board hold."""
    assert board.offers == {o.id: i.id for i in board.incidents.values() for o in i.offers}
    assert board.runs == {a.id: i.id for i in board.incidents.values() for a in i.assignments}
    assert_owed_indexed(board)


def assert_owed_indexed(board: Board) -> None:
    """The index is the one that a node makes which loads the board, in whatever order."""
    loaded = list(board.obligations.values())
    assert board.owed == owed_index(loaded) == owed_index(loaded[::-1])


def assert_told(before: Board, board: Board, changes: Sequence[Any]) -> None:
    """The changes, applied to the dictionaries before, give those after; nothing else differs."""
    for kind in KINDS:
        held: dict[Any, Any] = dict(getattr(before, kind))
        for change in changes:
            if change.kind != kind:
                continue
            if change.on_board:
                held[change.entity.id] = change.entity
            else:
                held.pop(change.entity.id, None)
        assert held == getattr(board, kind), kind


def test_a_gap_a_repeat_and_another_county_are_refused() -> None:
    board = after(CallOffered(call_id=CALL))
    answer = CallAnswered(call_id=CALL, by=USER)
    for wrong in (
        event(board, answer, seq=board.seq),
        event(board, answer, seq=board.seq + 2),
        event(board, answer, county_id=CountyId(6003)),
    ):
        with pytest.raises(AssertionError, match="does not follow"):
            fold(board, wrong)


def test_what_no_state_allows_is_a_fault_of_the_log() -> None:
    board = after(CallOffered(call_id=CALL))
    with pytest.raises(IllegalTransition):
        fold(board, event(board, CallEnded(call_id=CALL)))


def test_an_event_about_nothing_known_is_a_fault_of_the_log() -> None:
    board = empty_board(COUNTY)
    with pytest.raises(AssertionError, match="not on the board"):
        fold(board, event(board, CallEnded(call_id=CALL)))


def test_a_board_is_never_changed_in_place() -> None:
    board = a_county()
    frozen = msgspec.msgpack.encode(board)
    after(asked(INCIDENTS[0], TEAMS[0]), *accepted(INCIDENTS[0], TEAMS[0]), board=board)
    assert msgspec.msgpack.encode(board) == frozen


def test_a_team_knows_its_one_offer_and_its_one_run_and_forgets_them_when_they_end() -> None:
    incident, team = INCIDENTS[0], TEAMS[0]
    offer_id, run_id = ids(incident, team)
    board = after(asked(incident, team), board=a_county())
    assert board.teams[team].offer == (incident, offer_id)
    board = after(*accepted(incident, team), board=board)
    assert (board.teams[team].offer, board.teams[team].run) == (None, (incident, run_id))
    board = after(ready(incident, team), board=board)
    assert board.teams[team].run is None and board.teams[team].is_free


def test_a_late_report_frees_nobody() -> None:
    incident, team = INCIDENTS[0], TEAMS[0]
    board = after(asked(incident, team), *accepted(incident, team), board=a_county())
    late = msgspec.structs.replace(ready(incident, team), moves=False)
    once = after(late, board=board)
    assert once.teams[team].run is not None and once.freed_at == board.freed_at


def test_what_is_owed_is_found_by_its_incident() -> None:
    board = after(
        *(arose(incident, name) for incident in INCIDENTS for name in ("first", "second")),
        met(INCIDENTS[0], "first"),
        board=a_county(),
    )
    assert [o.id for o in board.owed_for(INCIDENTS[0])] == [uid(f"second {INCIDENTS[0]}")]
    assert len(board.owed_for(INCIDENTS[1])) == 2
    last = board.owed_for(INCIDENTS[0])[0]
    without = board.without("obligations", last)
    assert without.owed_for(INCIDENTS[0]) == [] and INCIDENTS[0] not in without.owed
    assert without.holding("obligations", last) == board


def test_the_next_number_is_one_more_than_the_highest() -> None:
    assert after(opened(INCIDENTS[0], 7), opened(INCIDENTS[1], 3)).next_number == 8


def test_what_was_put_back_can_be_taken_off_without_a_trace() -> None:
    incident, team = INCIDENTS[0], TEAMS[0]
    board = after(asked(incident, team), board=a_county())
    entity = board.incidents[incident]
    without = board.without("incidents", entity)
    assert incident not in without.incidents
    assert_indexed(without)
    again = without.holding("incidents", entity)
    assert again == board
    assert_indexed(again)
    call = board.calls[CALL]
    assert board.without("calls", call).holding("calls", call) == board


def test_events_about_what_left_the_board_pass_it_over() -> None:
    incident = INCIDENTS[0]
    board = after(
        IncidentCancelled(incident_id=incident, stage="en_route", reason="person_left"),
        IncidentArchived(incident_id=incident),
        board=a_county(),
    )
    assert incident not in board.incidents
    note = NoteAdded(incident_id=incident, record=uid("record"))  # type: ignore[arg-type]
    passed, changes = apply(board, event(board, note, off_board=True))
    assert changes == ()
    assert passed.seq == board.seq + 1
    assert (
        msgspec.structs.replace(passed, seq=board.seq, last_recorded_at=board.last_recorded_at)
        == board
    )


def test_the_one_who_put_it_back_sees_the_change_of_what_left_the_board() -> None:
    incident = INCIDENTS[0]
    before = after(
        IncidentCancelled(incident_id=incident, stage="en_route", reason="person_left"),
        board=a_county(),
    )
    held = msgspec.structs.replace(before.incidents[incident], archived=True)
    board = before.without("incidents", before.incidents[incident]).holding("incidents", held)
    note = NoteAdded(incident_id=incident, record=uid("record"))  # type: ignore[arg-type]
    _, (change,) = apply(board, event(board, note, off_board=True))
    assert not change.on_board and change.entity.records == (uid("record"),)  # type: ignore[union-attr]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(bodies()), max_size=40))
def test_changes_and_indexes_hold_whatever_happens(happened: list[Body]) -> None:
    board = a_county()
    start, log = board, []
    for body in happened:
        one = event(board, body)
        try:
            then, changes = apply(board, one)
        except (IllegalTransition, AssertionError, KeyError):
            continue  # no lawful log holds it
        assert_told(board, then, changes)
        assert_indexed(then)
        for kind in KINDS:
            assert all(entity.is_open for entity in getattr(then, kind).values() if _closes(entity))
        board = then
        log.append(one)
    assert reduce(fold, log, start) == board


def _closes(entity: object) -> bool:
    return not isinstance(entity, Responder)
