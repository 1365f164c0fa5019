"""Who may open the private part of an incident, and who must say why.

Opening one's own or assigned incident asks no purpose; anybody else whose role can need it names
one, which is kept with the reading. Decides only this: what is read, and that it is written down,
is seen to by whoever asks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crisis.board import Board
from crisis.call import Call
from crisis.errors import Invalid, NotAllowed
from crisis.ids import AgencyId, TeamId
from crisis.incident.state import Incident
from crisis.obligation import ObligationKind
from crisis.rights import Act, may
from crisis.roles import Actor

#: Why an incident that isn't one's own may be opened; kept with each reading.
PURPOSES = frozenset(
    {
        "care_coordination",
        "complaint",
        "emergency",
        "follow_up",
        "legal",
        "quality_review",
        "record_request",
        "supervision",
        "audit",
    }
)
#: Owed after a run by whichever follow-up worker takes it, until it has an owner.
FOLLOW_UP_KINDS = frozenset({ObligationKind.FOLLOW_UP, ObligationKind.PLAN_NOTICE})


def is_own(actor: Actor, incident: Incident, board: Board) -> bool:
    """Whether the incident is the actor's own: at the desk, on their team's run, or owed by them.

    Whoever was on the crew of a run keeps it, for their notes; a desk, and whoever is on
    call for it, has all that is on the board.
    """
    if may(actor, Act.OPEN_ON_BOARD) and _is_of_desk(actor, incident, board):
        return True
    if may(actor, Act.OPEN_OF_RUN) and _is_on_it(actor, incident):
        return True
    return may(actor, Act.OPEN_OWED) and any(
        owed.owner == actor.user_id
        or (
            owed.owner is None and owed.kind in FOLLOW_UP_KINDS and _is_near(actor, incident, board)
        )
        for owed in board.owed_for(incident.id)
    )


def _is_of_desk(actor: Actor, incident: Incident, board: Board) -> bool:
    """Whether it is theirs to work on: on the county's board, or their own, or their teams'."""
    if actor.user_id is not None and actor.user_id in {incident.owner, incident.pending_owner}:
        return True
    if actor.agency_id is None:
        return incident.id in board.incidents
    busy = {run.team_id for run in incident.open_runs}
    asked = {offer.team_id for offer in incident.offers if offer.is_pending}
    return actor.agency_id in _agencies(busy | asked, board)


def _is_near(actor: Actor, incident: Incident, board: Board) -> bool:
    """Whether it lies within what the account ends at: the county, or its agency's runs."""
    ran = {run.team_id for run in incident.assignments}
    return actor.agency_id is None or actor.agency_id in _agencies(ran, board)


def _agencies(teams: Iterable[TeamId], board: Board) -> set[AgencyId]:
    return {team.agency_id for t in teams if (team := board.teams.get(t)) is not None}


def _is_on_it(actor: Actor, incident: Incident) -> bool:
    team = actor.team_id
    if team is not None and (
        any(run.team_id == team and run.is_open for run in incident.assignments)
        or any(offer.team_id == team and offer.is_pending for offer in incident.offers)
    ):
        return True
    me = actor.responder_id
    return me is not None and any(me in run.crew for run in incident.assignments)


def require_access(
    actor: Actor,
    incident: Incident,
    board: Board,
    purpose: str | None,
    part_of: Sequence[Incident] = (),
) -> None:
    """Refuse who may not open the incident, or must say why.

    Args:
        part_of: what it was merged into, one after the other. Whoever may open one of them may
            open it: what was absorbed is part of their own. It opens nothing the other way round.

    Raises:
        NotAllowed: ``not_your_incident``, ``purpose_needed``.
        Invalid: ``unknown_purpose``.
    """
    if purpose is not None and purpose not in PURPOSES:
        raise Invalid("unknown_purpose", "Not a purpose.", purposes=sorted(PURPOSES))
    whole = (incident, *part_of)
    if any(is_own(actor, one, board) for one in whole):
        return
    if not any(_may_with_purpose(actor, one, board) for one in whole):
        raise NotAllowed("not_your_incident", "This incident is not yours to open.")
    if purpose is None:
        raise NotAllowed(
            "purpose_needed",
            "This incident is not your own: say why you open it.",
            purposes=sorted(PURPOSES),
        )


def _may_with_purpose(actor: Actor, incident: Incident, board: Board) -> bool:
    if actor.agency_id is None:
        return may(actor, Act.OPEN_WITH_PURPOSE)
    # Whoever ends at an agency reaches the incidents that its teams ran to, and no others.
    return may(actor, Act.OPEN_OF_AGENCY) and _is_near(actor, incident, board)


def require_call_access(actor: Actor, call: Call, purpose: str | None) -> None:
    """Refuse who may not read who called, or must say why.

    Raises:
        NotAllowed: ``not_your_call``, ``purpose_needed``.
        Invalid: ``unknown_purpose``.
    """
    if purpose is not None and purpose not in PURPOSES:
        raise Invalid("unknown_purpose", "Not a purpose.", purposes=sorted(PURPOSES))
    mine = call.answered_by is not None and call.answered_by == actor.user_id
    if not may(actor, Act.OPEN_WITH_PURPOSE) or (actor.agency_id is not None and not mine):
        raise NotAllowed("not_your_call", "Who called is for the county's desk.")
    if purpose is None and not (may(actor, Act.SIT_AT_DESK) and call.is_open):
        raise NotAllowed(
            "purpose_needed",
            "This call is over: say why you open it.",
            purposes=sorted(PURPOSES),
        )
