"""The board: one county's open state, and the only place where it changes.

``fold(board, event)`` uses the event alone: whatever a policy decided (a due time, a window, which
rung) stands in the event. ``apply`` is the same with the list of what changed beside it, from which
the shell writes the read models and the live frames. Must not know policies, clocks or the
database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, get_args

import msgspec

from crisis.assignment import (
    AssignmentBegun,
    AssignmentCancelled,
    AssignmentDiverted,
    AssignmentEvent,
    Status,
    StatusReported,
)
from crisis.call import Call, CallEvent, evolve_call
from crisis.claim_events import AssignmentRestored
from crisis.duress import Duress, DuressEvent, DuressResolved, evolve_duress
from crisis.events import Event
from crisis.ids import (
    AssignmentId,
    CallId,
    CountyId,
    DuressId,
    IncidentId,
    ObligationId,
    OfferId,
    ResponderId,
    ShiftId,
    TeamId,
)
from crisis.incident.fold import evolve_incident
from crisis.incident.state import (
    HoldSettled,
    Incident,
    IncidentOpened,
    IncidentReturned,
    OwnEvent,
    SearchHeld,
)
from crisis.obligation import Obligation, ObligationEvent, evolve_obligation
from crisis.offer import (
    OfferAccepted,
    OfferDeclined,
    OfferEvent,
    OfferExpired,
    OfferMade,
    OfferWithdrawn,
)
from crisis.partner import PartnerEvent
from crisis.responder import Responder
from crisis.shapes import Value
from crisis.team import (
    CrewChanged,
    LoanReturned,
    ResponderRecorded,
    Shift,
    ShiftPlanned,
    ShiftStarted,
    Team,
    TeamAvailable,
    TeamEvent,
    TeamRecorded,
    evolve_shift,
    evolve_team,
)

#: Raised whenever ``fold`` or the shape of a folded thing changes: snapshots of another version are
#: not read but built again from the log.
FOLD_VERSION = 3

Entity = Call | Incident | Team | Responder | Shift | Duress | Obligation


class Change(NamedTuple):
    """One thing after an event.

    Attributes:
        kind: the board's field that holds such things (``incidents``, ``teams``, ...).
        on_board: ``False`` = it left the board with this event (or had left it before).
    """

    kind: str
    entity: Entity
    on_board: bool


class Board(Value, frozen=True, kw_only=True):
    """One county's open state after the events up to ``seq``.

    Never changed in place. ``next_number`` is the number of the next incident; ``freed_at`` the
    last instant at which a team became free (``None`` = never), which wakes exhausted searches.
    ``offers`` and ``runs`` name the incident of every offer and run of the incidents on the board,
    ``owed`` the obligations of every incident, whether or not that is on the board itself, by id:
    a board that was loaded is the same as one that was folded, whatever arose late.
    """

    county_id: CountyId
    seq: int = 0
    last_recorded_at: datetime | None = None
    next_number: int = 1
    freed_at: datetime | None = None
    calls: dict[CallId, Call] = {}
    incidents: dict[IncidentId, Incident] = {}
    teams: dict[TeamId, Team] = {}
    responders: dict[ResponderId, Responder] = {}
    shifts: dict[ShiftId, Shift] = {}
    duress: dict[DuressId, Duress] = {}
    obligations: dict[ObligationId, Obligation] = {}
    offers: dict[OfferId, IncidentId] = {}
    runs: dict[AssignmentId, IncidentId] = {}
    owed: dict[IncidentId, tuple[ObligationId, ...]] = {}

    def owed_for(self, incident_id: IncidentId) -> list[Obligation]:
        """Return what is owed because of an incident, those that arose first first."""
        owed = [self.obligations[one] for one in self.owed.get(incident_id, ())]
        return sorted(owed, key=lambda one: (one.arose_at, one.id))

    def holding(self, kind: str, entity: Entity) -> Board:
        """Return the board with ``entity`` on it, for deciding on a thing that had left it."""
        held: dict[Any, Any] = getattr(self, kind)
        fields: dict[str, Any] = {kind: {**held, entity.id: entity}}
        if isinstance(entity, Incident):
            fields["offers"] = {**self.offers, **{o.id: entity.id for o in entity.offers}}
            fields["runs"] = {**self.runs, **{a.id: entity.id for a in entity.assignments}}
        elif isinstance(entity, Obligation):
            _place_owed(self, fields, entity, on_board=True)
        return msgspec.structs.replace(self, **fields)

    def without(self, kind: str, entity: Entity) -> Board:
        """Return the board with ``entity`` taken off."""
        held: dict[Any, Any] = getattr(self, kind)
        fields: dict[str, Any] = {kind: {k: v for k, v in held.items() if k != entity.id}}
        if isinstance(entity, Incident):
            fields["offers"] = {k: v for k, v in self.offers.items() if v != entity.id}
            fields["runs"] = {k: v for k, v in self.runs.items() if v != entity.id}
        elif isinstance(entity, Obligation):
            _place_owed(self, fields, entity, on_board=False)
        return msgspec.structs.replace(self, **fields)


KINDS: tuple[str, ...] = (
    "calls",
    "incidents",
    "teams",
    "responders",
    "shifts",
    "duress",
    "obligations",
)


def empty_board(county_id: CountyId) -> Board:
    """Return a county's board before anything happened."""
    return Board(county_id=county_id)


def fold(board: Board, event: Event) -> Board:
    """Return the board after ``event``, whose seq must be the next.

    Raises:
        IllegalTransition: the log holds what no state allows, which is a fault of the writer.
    """
    return apply(board, event)[0]


def apply(board: Board, event: Event) -> tuple[Board, tuple[Change, ...]]:
    """Return the board after ``event`` and everything that the event changed."""
    if event.seq != board.seq + 1 or event.county_id != board.county_id:
        raise AssertionError(f"event {event.seq} does not follow {board.seq}")
    changes = tuple(_ROUTES[type(event.body)](board, event))
    fields: dict[str, Any] = {"seq": event.seq, "last_recorded_at": event.recorded_at}
    if isinstance(event.body, IncidentOpened):
        fields["next_number"] = max(board.next_number, event.body.number + 1)
    if _frees_a_team(event):
        fields["freed_at"] = event.recorded_at
        changes = tuple(_freed_now(change, event) for change in changes)
    for change in changes:
        _place(board, fields, change)
    return msgspec.structs.replace(board, **fields), changes


def _place(board: Board, fields: dict[str, Any], change: Change) -> None:
    kind, entity, on_board = change
    held: dict[Any, Any] = fields.get(kind) or dict(getattr(board, kind))
    fields[kind] = held
    if on_board:
        held[entity.id] = entity
    else:
        held.pop(entity.id, None)
    if isinstance(entity, Obligation):
        _place_owed(board, fields, entity, on_board=on_board)
    if not isinstance(entity, Incident):
        return
    before = board.incidents.get(entity.id)
    if not on_board:
        fields["offers"] = {k: v for k, v in board.offers.items() if v != entity.id}
        fields["runs"] = {k: v for k, v in board.runs.items() if v != entity.id}
        return
    if before is None or len(before.offers) != len(entity.offers):
        fields["offers"] = {**board.offers, **{o.id: entity.id for o in entity.offers}}
    if before is None or len(before.assignments) != len(entity.assignments):
        fields["runs"] = {**board.runs, **{a.id: entity.id for a in entity.assignments}}


def _place_owed(
    board: Board, fields: dict[str, Any], obligation: Obligation, *, on_board: bool
) -> None:
    """Keep the index of obligations in step; an obligation never moves to another incident."""
    incident_id = obligation.incident_id
    if incident_id is None:
        return
    index: dict[IncidentId, tuple[ObligationId, ...]] = fields.get("owed", board.owed)
    before = index.get(incident_id, ())
    if (obligation.id in before) == on_board:
        return
    fields["owed"] = index = dict(index)
    if on_board:
        index[incident_id] = tuple(sorted((*before, obligation.id)))
    elif len(before) > 1:
        index[incident_id] = tuple(one for one in before if one != obligation.id)
    else:
        del index[incident_id]


def owed_index(
    obligations: Iterable[Obligation],
) -> dict[IncidentId, tuple[ObligationId, ...]]:
    """Return ``Board.owed`` for these obligations, in whatever order they come."""
    index: dict[IncidentId, list[ObligationId]] = {}
    for obligation in obligations:
        if obligation.incident_id is not None:
            index.setdefault(obligation.incident_id, []).append(obligation.id)
    return {incident_id: tuple(sorted(ids)) for incident_id, ids in index.items()}


def _known(things: Mapping[Any, Any], key: Any, event: Event) -> Any:
    """Return the thing, or ``None`` where it is allowed to be missing."""
    thing = things.get(key)
    if thing is None and not event.off_board and not _begins(event):
        raise AssertionError(f"event {event.seq} is about {key}, which is not on the board")
    return thing


def _begins(event: Event) -> bool:
    return type(event.body).__name__ in _BEGINNINGS


_BEGINNINGS = frozenset(
    {
        "CallOffered",
        "IncidentOpened",
        "DuressRaised",
        "ObligationArose",
        "TeamRecorded",
        "ShiftPlanned",
        "ShiftStarted",
        "ResponderRecorded",
    }
)


def _of_call(board: Board, event: Event) -> Iterator[Change]:
    body: Any = event.body
    before = _known(board.calls, body.call_id, event)
    if before is None and event.off_board:
        return
    after = evolve_call(before, body, event.occurred_at, event.recorded_at)
    yield Change("calls", after, after.is_open)


def _of_incident(board: Board, event: Event) -> Iterator[Change]:
    body: Any = event.body
    before = _known(board.incidents, body.incident_id, event)
    returns = isinstance(body, IncidentReturned) and body.whole is not None
    if before is not None or returns or not event.off_board:
        after = evolve_incident(before, body, event.occurred_at, event.recorded_at, event.actor)
        yield Change("incidents", after, after.is_open)
        yield from _of_busy_team(board, after, event)


def _of_busy_team(board: Board, incident: Incident, event: Event) -> Iterator[Change]:
    """Keep each team's one pending offer and one open run in step with the incident."""
    body = event.body
    replace = msgspec.structs.replace
    match body:
        case OfferMade():
            team = board.teams[body.team_id]
            yield Change("teams", replace(team, offer=(body.incident_id, body.offer_id)), True)
        case OfferAccepted() | OfferDeclined() | OfferExpired() | OfferWithdrawn():
            offer = incident.offer(body.offer_id)
            asked = board.teams.get(offer.team_id) if offer is not None else None
            if asked is not None and asked.offer == (incident.id, body.offer_id):
                yield Change("teams", replace(asked, offer=None), True)
        case AssignmentBegun():
            team = board.teams[body.team_id]
            run = (body.incident_id, body.assignment_id)
            yield Change("teams", replace(team, run=run), True)
        case AssignmentDiverted() | AssignmentCancelled():
            yield from _freed(board, incident, body.assignment_id, event)
        case AssignmentRestored() if body.state is not Status.READY:
            yield from _of_restored(board, incident, body.assignment_id)
        case SearchHeld():
            yield from _of_claim(board, body.team_id, body.assignment_id, holds=True)
        case HoldSettled():
            yield from _of_claim(board, body.team_id, body.assignment_id, holds=False)
        case StatusReported() if body.moves and body.status is Status.READY:
            yield from _freed(board, incident, body.assignment_id, event)
        case _:
            return


def _freed(
    board: Board, incident: Incident, assignment_id: AssignmentId, event: Event
) -> Iterator[Change]:
    run = incident.assignment(assignment_id)
    team = board.teams.get(run.team_id) if run is not None else None
    if team is not None and team.run == (incident.id, assignment_id):
        freed = msgspec.structs.replace(team, run=None, ran_at=event.recorded_at)
        yield Change("teams", freed, True)


def _of_restored(board: Board, incident: Incident, assignment_id: AssignmentId) -> Iterator[Change]:
    run = incident.assignment(assignment_id)
    team = board.teams.get(run.team_id) if run is not None else None
    if team is not None:
        yield Change("teams", msgspec.structs.replace(team, run=(incident.id, assignment_id)), True)


def _of_claim(
    board: Board, team_id: TeamId, assignment_id: AssignmentId, *, holds: bool
) -> Iterator[Change]:
    """Keep in step which runs each team reports being on though they are over."""
    team = board.teams.get(team_id)
    if team is None:
        return
    claims = tuple(one for one in team.claims if one != assignment_id)
    if holds:
        claims = (*claims, assignment_id)
    yield Change("teams", msgspec.structs.replace(team, claims=claims), team.is_open)


def _freed_now(change: Change, event: Event) -> Change:
    if not isinstance(change.entity, Team):
        return change
    return change._replace(
        entity=msgspec.structs.replace(change.entity, freed_at=event.recorded_at)
    )


def _frees_a_team(event: Event) -> bool:
    """Whether a team may be asked (again), or one that may is another than it was."""
    match event.body:
        case (
            OfferDeclined()
            | OfferExpired()
            | OfferWithdrawn()
            | AssignmentDiverted()
            | AssignmentCancelled()
            | ShiftStarted()
            | CrewChanged()
            | TeamAvailable()
            | LoanReturned()
            | DuressResolved()
            | HoldSettled()
        ):
            return True
        case StatusReported(status=Status.READY, moves=True):
            return True
        case _:
            return False


def _of_team(board: Board, event: Event) -> Iterator[Change]:
    body: Any = event.body
    team_before = _known(board.teams, body.team_id, event)
    if team_before is not None or not event.off_board:
        team = evolve_team(team_before, body, event.occurred_at)
        if isinstance(body, TeamRecorded):
            team = msgspec.structs.replace(team, recorded_by=event.actor)
        if team is not team_before:
            yield Change("teams", team, team.is_open)
    shift_id = getattr(body, "shift_id", None)
    if shift_id is not None:
        shift_before = board.shifts.get(shift_id)
        shift = evolve_shift(shift_before, body, event.occurred_at)
        if shift is not None and isinstance(body, ShiftPlanned | CrewChanged):
            shift = msgspec.structs.replace(shift, recorded_by=event.actor)
        if shift is not None and shift is not shift_before:
            yield Change("shifts", shift, shift.is_open)


def _of_responder(board: Board, event: Event) -> Iterator[Change]:
    body: Any = event.body
    responder = msgspec.structs.replace(body.responder, recorded_by=event.actor)
    yield Change("responders", responder, True)


def _of_duress(board: Board, event: Event) -> Iterator[Change]:
    body: Any = event.body
    before = _known(board.duress, body.duress_id, event)
    if before is None and event.off_board:
        return
    after = evolve_duress(before, body, event.occurred_at)
    yield Change("duress", after, after.is_open)
    team = board.teams.get(after.team_id) if after.team_id is not None else None
    if team is not None and isinstance(body, DuressResolved):
        # Its alarm had kept it from being asked.
        yield Change("teams", team, team.is_open)


def _of_obligation(board: Board, event: Event) -> Iterator[Change]:
    body: Any = event.body
    before = _known(board.obligations, body.obligation_id, event)
    if before is None and event.off_board:
        return
    after = evolve_obligation(before, body, event.occurred_at)
    yield Change("obligations", after, after.is_open)


_ROUTES: dict[type, Any] = {
    **dict.fromkeys(get_args(CallEvent), _of_call),
    **dict.fromkeys(get_args(OwnEvent | OfferEvent | AssignmentEvent | PartnerEvent), _of_incident),
    **dict.fromkeys(get_args(TeamEvent), _of_team),
    **dict.fromkeys(get_args(DuressEvent), _of_duress),
    **dict.fromkeys(get_args(ObligationEvent), _of_obligation),
    ResponderRecorded: _of_responder,
}
