"""What a command brings along before it is decided: its instants in UTC, and what it is about.

Decides also how a command is decided that is about what has left the board: that is put back on it
for as long, and stays only where it came back for good. Must not know the database: what has left
the board is fetched by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from crisis.board import Board, Change
from crisis.commands import (
    Command,
    CompleteObligation,
    CorrectMilestone,
    EnterAssignment,
    Envelope,
)
from crisis.effects import RecordDraft
from crisis.ids import IncidentId
from crisis.incident.state import Incident
from crisis.rules import Rules
from crisis.run_status import LEFT, Status
from dispatch.decide import HANDLERS, Decision, decide

_STRUCTS: tuple[type[msgspec.Struct], ...] = (Envelope, *HANDLERS)
_INSTANT_FIELDS: dict[type, tuple[str, ...]] = {
    cls: tuple(f.name for f in msgspec.structs.fields(cls) if "datetime" in repr(f.type))
    for cls in _STRUCTS
}
_SUBJECTS = (
    "call_id",
    "incident_id",
    "into",
    "other",
    "offer_id",
    "assignment_id",
    "duress_id",
    "obligation_id",
    "shift_id",
)
_NONE = IncidentId(UUID(int=0))
_SUBJECT_FIELDS: dict[type, tuple[str, ...]] = {
    cls: tuple(f.name for f in msgspec.structs.fields(cls) if f.name in _SUBJECTS)
    for cls in HANDLERS
}


def in_utc(env: Envelope) -> Envelope:
    """Return the envelope with its instants in UTC.

    Every node must hold the same board, to the letter of its frames; and an instant in a zone that
    puts its clocks back equals no other one for an hour of each year.
    """
    moved = _moved(env)
    if command := _moved(env.command):
        moved["command"] = msgspec.structs.replace(env.command, **command)
    return msgspec.structs.replace(env, **moved) if moved else env


def _moved(thing: msgspec.Struct) -> dict[str, Any]:
    moved = {}
    for name in _INSTANT_FIELDS.get(type(thing), ()):
        instant = getattr(thing, name)
        if isinstance(instant, datetime) and instant.tzinfo is not UTC:
            moved[name] = instant.astimezone(UTC)
    return moved


def not_on_board(board: Board, command: Command) -> list[UUID]:
    """Return what the command is about and the board doesn't hold: it left, or never was."""
    missing: list[UUID] = [
        value
        for name in _SUBJECT_FIELDS.get(type(command), ())
        if (value := getattr(command, name)) is not None and not holds(board, value)
    ]
    if isinstance(command, CompleteObligation):
        # What it rests on is kept with the incident, which has often left by then.
        owed = board.obligations.get(command.obligation_id)
        about = owed.incident_id if owed is not None else None
        if about is not None and about not in board.incidents:
            missing.append(about)
    return missing


class TeamPast(NamedTuple):
    """A team and a span of its past."""

    team_id: UUID
    since: datetime
    until: datetime


def team_past(board: Board, brought: Iterable[Any], command: Command) -> TeamPast | None:
    """Return of which team's past the command is judged; ``None`` = only of what is now.

    ``brought``: what left the board and was brought back for the command.
    """
    if isinstance(command, EnterAssignment):
        until = command.cancelled_at or command.cleared_at or command.accepted_at
        return TeamPast(command.team_id, command.accepted_at, until)
    if not isinstance(command, CorrectMilestone) or command.instant is None:
        return None
    if command.status not in {Status.ACCEPTED, *LEFT}:
        return None
    held = [one for one in brought if isinstance(one, Incident)]
    about = board.incidents.get(board.runs.get(command.assignment_id, _NONE))
    for incident in held if about is None else [about]:
        run = incident.assignment(command.assignment_id)
        was = None if run is None else run.milestones.get(command.status)
        if run is not None and was is not None:
            return TeamPast(run.team_id, min(was, command.instant), max(was, command.instant))
    return None


def that_left(board: Board, changes: Iterable[Change]) -> dict[UUID, tuple[str, Any]]:
    """Return what is among the changes and not on the board, as it was changed last, by its id.

    An incident is found by its offers' and runs' ids as well.
    """
    newest = {change.entity.id: (change.kind, change.entity) for change in changes}
    left: dict[UUID, tuple[str, Any]] = {}
    for entity_id, (kind, entity) in newest.items():
        if entity_id in getattr(board, kind):
            continue
        left[entity_id] = (kind, entity)
        if isinstance(entity, Incident):
            left.update((offer.id, (kind, entity)) for offer in entity.offers)
            left.update((run.id, (kind, entity)) for run in entity.assignments)
    return left


def runs_that_left(changes: Iterable[Change], team_id: UUID) -> list[UUID]:
    """Return the incidents among the changes that have left the board with a run of the team."""
    return [
        change.entity.id
        for change in changes
        if not change.on_board
        and isinstance(change.entity, Incident)
        and any(run.team_id == team_id for run in change.entity.assignments)
    ]


def holds(board: Board, thing: Any) -> bool:
    """Whether the board holds what has that id."""
    return (
        thing in board.incidents
        or thing in board.offers
        or thing in board.runs
        or thing in board.calls
        or thing in board.obligations
        or thing in board.duress
        or thing in board.shifts
        or thing in board.teams
    )


class Decided(NamedTuple):
    """A decision, and the county's board after it.

    ``off_board``: the things that had left the board and were put back on it to be decided on.
    """

    decision: Decision
    after: Board
    off_board: frozenset[UUID]


class Taken(NamedTuple):
    """A command that was decided, with all there is to write of it."""

    env: Envelope
    records: Sequence[RecordDraft]
    made: Decided
    at: datetime


def decide_with(
    board: Board,
    env: Envelope,
    now: datetime,
    rules: Rules,
    left: Sequence[tuple[str, Any]],
) -> Decided:
    """Decide a command on the board with what it is about put back on it.

    Args:
        left: things that have left the board, each with the board's field for its kind.

    Raises:
        CrisisError: a refusal; nothing changed.
    """
    whole = board
    for kind, entity in left:
        whole = whole.holding(kind, entity)
    off_board = frozenset(entity.id for _, entity in left)
    decision = decide(whole, env, now, rules, off_board)
    after = decision.board
    # What came back for good stays.
    back = {change.entity.id: change.on_board for change in decision.changes}
    for kind, entity in left:
        if not back.get(entity.id):
            after = after.without(kind, entity)
    return Decided(decision, after, off_board)
