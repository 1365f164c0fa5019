"""Who sees what: for each class of view, which scopes see a thing and what they are shown.

A thing's projection may lean on other things (a team's status on its run); ``touched`` names every
thing that must be projected anew after a change. Must not know seqs, sockets or frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from crisis.board import Board, Change
from crisis.duress import Duress
from crisis.incident.state import Incident
from crisis.obligation import Obligation, ObligationKind
from crisis.rights import RoleClass
from crisis.team import Shift, Team
from dispatch.feed.entities import Entity
from dispatch.feed.of_incidents import (
    agency_incident,
    agency_of,
    desk_incident,
    team_incident,
    wall_incident,
)
from dispatch.feed.of_things import (
    busy_with,
    call_row,
    duress_row,
    obligation_row,
    shift_row,
    status_of,
    team_row,
    wall_duress,
    wall_team,
)

#: A thing on the board: the board's field that holds it, and its id.
Key = tuple[str, UUID]
#: The agency or team that a view ends at; ``None`` = the whole county.
Scope = UUID | None


class Rule(NamedTuple):
    """How a class of view shows one kind of thing.

    Attributes:
        scopes: which scopes of the class see it; empty = none.
        content: what they see: (thing, board, scope).
        per_scope: the content differs from scope to scope.
    """

    scopes: Callable[[Any, Board], Iterable[Scope]]
    content: Callable[[Any, Board, Scope], Entity]
    per_scope: bool = False


_EVERYONE: tuple[Scope, ...] = (None,)


def _everyone(_: Any, board: Board) -> Iterable[Scope]:
    return _EVERYONE


def _busy_teams(incident: Incident) -> set[UUID]:
    """Return the teams that are asked or run to it: those who may know of it."""
    asked = {o.team_id for o in incident.offers if o.is_pending}
    return asked | {a.team_id for a in incident.assignments if a.is_open}


def _teams_of_incident(incident: Incident, board: Board) -> Iterable[Scope]:
    return _busy_teams(incident)


def _agencies_of_incident(incident: Incident, board: Board) -> Iterable[Scope]:
    teams = _busy_teams(incident) | {a.team_id for a in incident.assignments if a.meets_need}
    return {agency_of(board, t) for t in teams} - {None}


def _team_itself(team: Team, board: Board) -> Iterable[Scope]:
    return (team.id,)


def _agency_of_team(team: Team, board: Board) -> Iterable[Scope]:
    return (team.agency_id,)


def _team_of(thing: Shift | Duress | Obligation, board: Board) -> Iterable[Scope]:
    return (thing.team_id,) if thing.team_id is not None else ()


def _agency_of(thing: Shift | Duress, board: Board) -> Iterable[Scope]:
    agency = agency_of(board, thing.team_id)
    return (agency,) if agency is not None else ()


_AFTER_A_RUN = frozenset(
    {ObligationKind.FOLLOW_UP, ObligationKind.PLAN_NOTICE, ObligationKind.MANDATED_REPORT}
)


def _if_after_a_run(owed: Obligation, board: Board) -> Iterable[Scope]:
    return _EVERYONE if owed.kind in _AFTER_A_RUN else ()


#: Class of view → kind of thing → how it is shown; kinds that are missing are never shown.
RULES: Mapping[RoleClass, Mapping[str, Rule]] = {
    RoleClass.DESK: {
        "incidents": Rule(_everyone, desk_incident),
        "teams": Rule(_everyone, team_row),
        "shifts": Rule(_everyone, shift_row),
        "calls": Rule(_everyone, call_row),
        "duress": Rule(_everyone, duress_row),
        "obligations": Rule(_everyone, obligation_row),
    },
    RoleClass.AGENCY: {
        "incidents": Rule(_agencies_of_incident, agency_incident, per_scope=True),
        "teams": Rule(_agency_of_team, team_row),
        "shifts": Rule(_agency_of, shift_row),
        "duress": Rule(_agency_of, duress_row),
    },
    RoleClass.TEAM: {
        "incidents": Rule(_teams_of_incident, team_incident),
        "teams": Rule(_team_itself, team_row),
        "shifts": Rule(_team_of, shift_row),
        "duress": Rule(_team_of, duress_row),
        "obligations": Rule(_team_of, obligation_row),
    },
    RoleClass.FOLLOW_UP: {
        "obligations": Rule(_if_after_a_run, obligation_row),
    },
    RoleClass.WALL: {
        "incidents": Rule(_everyone, wall_incident),
        "teams": Rule(_everyone, wall_team),
        "duress": Rule(_everyone, wall_duress),
    },
}

#: Classes of which everybody sees every thing of the kinds shown.
UNSCOPED = frozenset({RoleClass.DESK, RoleClass.WALL})

#: The board's field → the kind on the wire.
WIRE_KINDS: Mapping[str, str] = {
    "incidents": "incident",
    "teams": "team",
    "shifts": "shift",
    "calls": "call",
    "duress": "duress",
    "obligations": "obligation",
    "counts": "counts",
}


def count_label(kind: str, thing: Any, board: Board) -> str | None:
    """Return under what the wall counts a thing; ``None`` = it isn't counted."""
    match kind:
        case "incidents":
            return f"incident.{thing.phase.value}"
        case "teams":
            return f"team.{status_of(thing, *busy_with(thing, board))[0]}"
        case "calls":
            return f"call.{thing.state.value}"
        case "duress":
            return f"duress.{thing.state.value}"
        case _:
            return None


# What leans on what


def touched(before: Board, after: Board, changes: Iterable[Change]) -> set[Key]:
    """Return every thing whose projection in any class differs anywhere between two boards.

    That it is the same again in the end doesn't matter. ``changes``: everything that changed, in
    order, each of its steps.
    """
    keys: set[Key] = set()
    newest: dict[Key, Any] = {}
    for kind, entity, on_board in changes:
        key = (kind, entity.id)
        keys.add(key)
        if isinstance(entity, Incident):
            known = newest.get(key) or before.incidents.get(entity.id)
            _lean_on_incident(keys, known, entity)
            newest[key] = entity
        elif isinstance(entity, Team):
            known = newest.get(key) or before.teams.get(entity.id)
            _lean_on_team(keys, known, entity, after, has_left=not on_board)
            newest[key] = entity if on_board else None
    return keys


def _lean_on_incident(keys: set[Key], before: Incident | None, incident: Incident) -> None:
    """A team shows its offer and its run."""
    keys.update(("teams", t) for t in _busy_teams(incident))
    if before is not None:
        keys.update(("teams", t) for t in _busy_teams(before))


def _lean_on_team(
    keys: set[Key], before: Team | None, team: Team, board: Board, *, has_left: bool
) -> None:
    """Runs show the call sign; incidents, shifts and alarms belong to the team's agency."""
    if (
        not has_left
        and before is not None
        and before.agency_id == team.agency_id
        and before.call_sign == team.call_sign
    ):
        return
    keys.update(("shifts", s.id) for s in board.shifts.values() if s.team_id == team.id)
    keys.update(("duress", d.id) for d in board.duress.values() if d.team_id == team.id)
    for incident in board.incidents.values():
        named = {a.team_id for a in incident.assignments} | {o.team_id for o in incident.offers}
        if team.id in named:
            keys.add(("incidents", incident.id))
