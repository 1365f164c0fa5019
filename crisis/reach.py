"""Whose things a person may touch: the reach of each role, and what lies within it.

Decides from the actor and the board alone whether everything that a command names is the actor's to
act upon: the whole county's, their agency's, their own team's, or what is owed after a run. Which
commands a role may send at all, and how far it reaches, stands in ``crisis.rights``. What a command
names is read off its type, so that a new one is judged without another line here. Must not know who
may read.

Three things are left to those who decide about them: an alarm (``RaiseDuress``) is never refused
for whom it names, a crew's report of another team's run is kept as disputed, and whether somebody
is on the shift that they start is judged there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple, NewType, get_args, get_origin, get_type_hints

import msgspec

from crisis.assignment import has_arrived
from crisis.board import Board
from crisis.call import Call, CallState
from crisis.commands import (
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    LeaveDesk,
    MergeIncident,
    RaiseDuress,
    ReportStatus,
    SplitIncident,
    StartShift,
)
from crisis.duress import Duress
from crisis.errors import NotAllowed
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CallId,
    DuressId,
    EncounterId,
    IncidentId,
    ObligationId,
    OfferId,
    PartnerResponseId,
    RecordId,
    ResponderId,
    ShiftId,
    SlotNo,
    SubjectId,
    TeamId,
    UserId,
)
from crisis.incident.state import Incident
from crisis.obligation import Obligation, ObligationKind
from crisis.rights import SENDERS, Reach, Right, reaches
from crisis.roles import Actor
from crisis.staffing import TelehealthSecond
from crisis.team import CrewMember, Team
from crisis.triage import Need

#: Owed to a person after a run, whoever was on it.
AFTER_A_RUN: Final = frozenset(
    {ObligationKind.FOLLOW_UP, ObligationKind.PLAN_NOTICE, ObligationKind.MANDATED_REPORT}
)

#: What ends every team's part in an incident at once.
_OF_ALL_TEAMS: Final[tuple[type[Command], ...]] = (
    CancelIncident,
    CloseIncident,
    MergeIncident,
    SplitIncident,
)
#: See the module's head.
_JUDGED_ELSEWHERE: Final[tuple[type[Command], ...]] = (RaiseDuress,)
_TEAM_JUDGED_ELSEWHERE: Final[tuple[type[Command], ...]] = (
    ClearAssignment,
    ReportStatus,
    StartShift,
)


def require_reach(board: Board, actor: Actor, command: Command) -> None:
    """Refuse a command that names what isn't the actor's to act upon; unknown ids pass.

    Raises:
        NotAllowed: ``not_your_agency``, ``not_your_team``, ``not_your_incident``.
    """
    kind = type(command)
    if kind in _JUDGED_ELSEWHERE:
        return
    reach = reaches(actor, SENDERS[kind])
    if Reach.COUNTY in reach:
        return
    if Reach.AGENCY not in reach and kind in _TEAM_JUDGED_ELSEWHERE:
        return
    who = _Who(board, actor, reach)
    for named, one in _named_in(command):
        if not _WITHIN[named](who, one):
            raise _refusal(named, reach)
    if Reach.AGENCY in reach:
        _require_alone(who, command)


def is_within(board: Board, actor: Actor, act: Right, incident: Incident) -> bool:
    """Whether the incident lies within the actor's reach in the roles by which they may."""
    reach = reaches(actor, act.roles)
    return Reach.COUNTY in reach or _concerns(_Who(board, actor, reach), incident)


class _Who(NamedTuple):
    """Somebody who doesn't reach the whole county, and the board they act on."""

    board: Board
    actor: Actor
    reach: frozenset[Reach]

    @property
    def agency(self) -> AgencyId | None:
        """The agency that they act for; ``None`` = they act for none in this."""
        return self.actor.agency_id if Reach.AGENCY in self.reach else None

    def is_mine(self, user_id: UserId | None) -> bool:
        return user_id is not None and user_id == self.actor.user_id

    def is_crew(self, crew: tuple[ResponderId, ...]) -> bool:
        me = self.actor.responder_id
        return Reach.TEAM in self.reach and me is not None and me in crew

    def is_own_team(self, team_id: TeamId | None) -> bool:
        """Whether the team is their own, or their agency's."""
        if team_id is None:
            return False
        if Reach.TEAM in self.reach and team_id == self.actor.team_id:
            return True
        team = self.board.teams.get(team_id)
        return self.agency is not None and team is not None and team.agency_id == self.agency

    def is_near(self, team_id: TeamId | None) -> bool:
        """Whether what a team leaves behind lies within what their account ends at."""
        ends_at = self.actor.agency_id
        team = self.board.teams.get(team_id) if team_id is not None else None
        return ends_at is None or (team is not None and team.agency_id == ends_at)


# What lies within reach, by the kind of id. An id of nothing passes: it is refused by name later.


def _agency(who: _Who, agency_id: AgencyId) -> bool:
    return agency_id == who.agency


def _team(who: _Who, team_id: TeamId) -> bool:
    team = who.board.teams.get(team_id)
    return team is None or who.is_own_team(team_id) or _on_shift_of(who, team)


def _on_shift_of(who: _Who, team: Team) -> bool:
    return any(
        shift.is_open and shift.team_id == team.id and who.is_crew(_people(shift.crew))
        for shift in who.board.shifts.values()
    )


def _people(crew: tuple[CrewMember, ...]) -> tuple[ResponderId, ...]:
    return tuple(member.responder_id for member in crew)


def _shift(who: _Who, shift_id: ShiftId) -> bool:
    shift = who.board.shifts.get(shift_id)
    if shift is None or who.is_own_team(shift.team_id):
        return True
    return who.is_crew(_people(shift.crew))


def _responder(who: _Who, responder_id: ResponderId) -> bool:
    """A person of another agency may only stay on a crew that they are on already."""
    known = who.board.responders.get(responder_id)
    if who.agency is None or known is None or known.agency_id == who.agency:
        return True
    return any(
        shift.is_open and responder_id in _people(shift.crew) and who.is_own_team(shift.team_id)
        for shift in who.board.shifts.values()
    )


def _offer(who: _Who, offer_id: OfferId) -> bool:
    incident_id = who.board.offers.get(offer_id)
    incident = None if incident_id is None else who.board.incidents.get(incident_id)
    offer = None if incident is None else incident.offer(offer_id)
    return offer is None or who.is_own_team(offer.team_id)


def _run(who: _Who, assignment_id: AssignmentId) -> bool:
    incident_id = who.board.runs.get(assignment_id)
    incident = None if incident_id is None else who.board.incidents.get(incident_id)
    run = None if incident is None else incident.assignment(assignment_id)
    return run is None or who.is_own_team(run.team_id) or who.is_crew(run.crew)


def _incident(who: _Who, incident_id: IncidentId) -> bool:
    incident = who.board.incidents.get(incident_id)
    return incident is None or _concerns(who, incident)


def _concerns(who: _Who, incident: Incident) -> bool:
    """Whether they answer for it, or a team of theirs is or was sent there, or is asked to go."""
    at_desk = who.agency is not None
    if at_desk and (who.is_mine(incident.owner) or who.is_mine(incident.pending_owner)):
        return True
    if any(who.is_own_team(offer.team_id) for offer in incident.offers if offer.is_pending):
        return True
    if any(who.is_own_team(run.team_id) or who.is_crew(run.crew) for run in incident.assignments):
        return True
    if any(who.is_mine(owed.owner) for owed in who.board.owed_for(incident.id)):
        return True
    if Reach.FOLLOW_UP not in who.reach:
        return False
    return any(
        has_arrived(run) and who.is_near(run.team_id) for run in incident.assignments
    ) or any(
        owed.kind in AFTER_A_RUN and who.is_near(owed.team_id)
        for owed in who.board.owed_for(incident.id)
    )


def _call(who: _Who, call_id: CallId) -> bool:
    call = who.board.calls.get(call_id)
    return call is None or _is_theirs(who, call)


def _is_theirs(who: _Who, call: Call) -> bool:
    """A caller never waits for a right: whoever sits at a desk may take a call that rings."""
    if call.state is CallState.OFFERED or who.is_mine(call.answered_by):
        return True
    return call.incident_id is not None and _incident(who, call.incident_id)


def _duress(who: _Who, duress_id: DuressId) -> bool:
    duress = who.board.duress.get(duress_id)
    return duress is None or _answers_for(who, duress)


def _answers_for(who: _Who, duress: Duress) -> bool:
    """An alarm of which nobody knows whose it is, is everybody's at the desk."""
    raiser = who.board.responders.get(duress.responder_id) if duress.responder_id else None
    agencies = {raiser.agency_id} if raiser is not None else set()
    team = who.board.teams.get(duress.team_id) if duress.team_id is not None else None
    if team is not None:
        agencies.add(team.agency_id)
    return not agencies or who.agency in agencies


def _obligation(who: _Who, obligation_id: ObligationId) -> bool:
    owed = who.board.obligations.get(obligation_id)
    return owed is None or _may_see_to(who, owed)


def _may_see_to(who: _Who, owed: Obligation) -> bool:
    """Two teams of one incident may see to each other's follow-ups and notices.

    Never may one say of another that all is well.
    """
    if who.is_mine(owed.owner) or who.is_own_team(owed.team_id):
        return True
    if Reach.FOLLOW_UP in who.reach and owed.kind in AFTER_A_RUN:
        return who.actor.agency_id is None or _known_and_theirs(who, owed.incident_id)
    if owed.kind is ObligationKind.CHECK_IN or who.reach == {Reach.FOLLOW_UP}:
        return False
    if owed.call_id is not None and owed.incident_id is None:
        return _call(who, owed.call_id)
    if owed.incident_id is None:
        return owed.team_id is None
    return _known_and_theirs(who, owed.incident_id) or (
        owed.team_id is None and owed.incident_id not in who.board.incidents
    )


def _known_and_theirs(who: _Who, incident_id: IncidentId | None) -> bool:
    incident = who.board.incidents.get(incident_id) if incident_id is not None else None
    return incident is not None and _concerns(who, incident)


def _anyone(who: _Who, one: Any) -> bool:
    """Not a thing of its own (it belongs to one that is named too), or a colleague."""
    return True


#: ``NewType`` → whether such a one is within reach.
_WITHIN: Final[Mapping[Any, Callable[[_Who, Any], bool]]] = {
    AgencyId: _agency,
    AssignmentId: _run,
    CallId: _call,
    DuressId: _duress,
    EncounterId: _anyone,
    IncidentId: _incident,
    ObligationId: _obligation,
    OfferId: _offer,
    PartnerResponseId: _anyone,
    RecordId: _anyone,
    ResponderId: _responder,
    ShiftId: _shift,
    SlotNo: _anyone,
    SubjectId: _anyone,
    TeamId: _team,
    UserId: _anyone,
}


def _require_alone(who: _Who, command: Command) -> None:
    """Refuse an agency what touches another agency's teams through an incident that both are at."""
    if isinstance(command, LeaveDesk) and not (
        command.user_id is None or who.is_mine(command.user_id)
    ):
        raise NotAllowed("not_your_agency", "Only a colleague of the county's desk may do that.")
    if not isinstance(command, _OF_ALL_TEAMS):
        return
    for named, one in _named_in(command):
        incident = who.board.incidents.get(one) if named is IncidentId else None
        if incident is None:
            continue
        others = {run.team_id for run in incident.open_runs} | {
            offer.team_id for offer in incident.offers if offer.is_pending
        }
        if not all(who.is_own_team(team_id) for team_id in others):
            raise NotAllowed(
                "not_your_agency",
                f"Another agency's team is at incident {incident.number} too: stop your own team's "
                "run, or ask the county's desk.",
            )


def _refusal(named: Any, reach: frozenset[Reach]) -> NotAllowed:
    if Reach.AGENCY in reach:
        return NotAllowed("not_your_agency", "You can act only for your own agency.")
    if named is IncidentId:
        return NotAllowed(
            "not_your_incident",
            "Your team was not sent to this incident. In danger to life call 911, and tell the "
            "desk.",
        )
    if named is ObligationId:
        return NotAllowed("not_your_team", "Another team, or another person, owes this.")
    return NotAllowed("not_your_team", "You can act only for the team that you are on.")


# What a command names


class _Field(NamedTuple):
    """Where an id stands in a command: the fields to follow; those of a list stand for each."""

    path: tuple[str, ...]
    named: Any


#: Whose ids are only spoken of: the team that knows a person, and the remote clinician of a county,
#: whom every agency's crews may name.
_SPOKEN_OF: Final[tuple[type, ...]] = (Need, TelehealthSecond)


@cache
def named_fields(kind: type[Command]) -> tuple[_Field, ...]:
    """Return every id in a command's type, nested ones too."""
    return tuple(_walk(kind, ()))


def _walk(kind: Any, path: tuple[str, ...]) -> Iterator[_Field]:
    if isinstance(kind, NewType):
        if kind in _WITHIN:
            yield _Field(path, kind)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind in _SPOKEN_OF:
            return
        for name, hint in get_type_hints(kind).items():
            if get_origin(hint) is not ClassVar:
                yield from _walk(hint, (*path, name))
    else:
        for part in get_args(kind):
            yield from _walk(part, path)


def _named_in(command: Command) -> Iterator[tuple[Any, Any]]:
    for field in named_fields(type(command)):
        for one in _values(command, field.path):
            yield field.named, one


def _values(thing: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if thing is None:
        return
    if isinstance(thing, tuple | list):
        for one in thing:
            yield from _values(one, path)
    elif not path:
        yield thing
    else:
        yield from _values(getattr(thing, path[0]), path[1:])
