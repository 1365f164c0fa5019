"""Claims: a crew whose run was over reports being there, and what the desk does about it.

Decides which reports contradict the board, who is told, and that the search for a team is held
until a person settles it: a crew that is already there is never hidden. What is settled, and how
the run goes on, stands in ``settling``. Nothing entered after an outage is a claim.
"""

from __future__ import annotations

from datetime import datetime

from crisis.assignment import Assignment
from crisis.claims import THERE, contradicts, ended_at
from crisis.errors import Conflict
from crisis.incident.state import Hold, Incident, SearchHeld
from crisis.run_status import ARRIVED, CALLED_OFF, DONE, UNDERWAY, Status
from dispatch.decide.context import Deciding
from dispatch.decide.keeping import tell_owner

#: Unsettled, people are told again after so long, and again.
SETTLE_WITHIN_S = 120.0


def _is_quiet(d: Deciding, incident: Incident) -> bool:
    """Whether the incident, or what is said of it, is entered after an outage."""
    return d.is_back_entry or incident.back_entered


def claimed_at(d: Deciding, incident: Incident, run: Assignment, status: Status) -> datetime | None:
    """Return when the crew claims it, of a report that isn't believed; ``None`` = it is no claim.

    Where they say that they are may be so whatever their clock is worth: with a time that can't be
    believed it counts as of now. After one claim all that the crew says is part of it.
    """
    if ended_at(run) is None or _is_quiet(d, incident):
        return None
    at = d.now if d.out_of_bounds is not None else d.occurred_at
    at = max(at, run.milestones[Status.ACCEPTED])
    is_claim = status in THERE and (contradicts(run, status, at) or not run.meets_need)
    return at if is_claim or (run.claimed and status not in UNDERWAY) else None


def note_disputed(d: Deciding, incident: Incident, run: Assignment, status: Status) -> None:
    """Tell the desk what a crew reports of a run that is over, whose report isn't believed."""
    if _is_quiet(d, incident) or ended_at(run) is None:
        return
    if status in THERE and claimed_at(d, incident, run, status) is not None:
        note(d, incident, run, status)
    elif status in UNDERWAY and not run.meets_need:
        d.notify("role:dispatcher", "crew_goes_on", incident=incident)


def note_encounter(d: Deciding, incident: Incident, run: Assignment, *, contacted: bool) -> None:
    """Tell the desk of an encounter that a crew had on a run that was called off."""
    status = Status.CONTACT if contacted else Status.ON_SCENE
    if run.meets_need or _is_quiet(d, incident) or run.claimed:
        return
    if contradicts(run, status, d.occurred_at):
        note(d, incident, run, status)


def note(d: Deciding, incident: Incident, run: Assignment, status: Status) -> None:
    """Hold the search and tell the desk, loudly; of what the crew says next only the board."""
    holder = holder_of(d, incident)
    if not d.come_back(holder):
        tell_desk(d, holder, "crew_reports_there")
        return
    known = hold_on(holder, run)
    d.emit(
        SearchHeld(
            incident_id=holder.id,
            assignment_id=run.id,
            team_id=run.team_id,
            status=_farther(known, status),
            until=d.in_s(SETTLE_WITHIN_S) if known is None else known.until,
        ),
        at=d.now,
    )
    if known is None:
        tell_desk(d, holder, "crew_reports_there")


def _farther(known: Hold | None, status: Status) -> Status:
    order = list(Status)
    return status if known is None else max(known.status, status, key=order.index)


def tell_desk(d: Deciding, incident: Incident, template: str) -> None:
    """Tell the owner and every dispatcher at once."""
    if incident.owner is not None:
        tell_owner(d, incident, template, urgency="now")
    d.notify("role:dispatcher", template, incident=incident)


def holder_of(d: Deciding, incident: Incident) -> Incident:
    """Return the incident whose search is at stake: the one that it was merged into, if any."""
    incident = d.incident(incident.id)
    into = incident.merged_into
    survivor = d.board.incidents.get(into) if into is not None else None
    return incident if survivor is None else holder_of(d, survivor)


def hold_on(incident: Incident, run: Assignment) -> Hold | None:
    """Return the incident's open hold for the run; ``None`` = none."""
    return next((hold for hold in incident.holds if hold.assignment_id == run.id), None)


def require_settled_claims(d: Deciding, incident: Incident, *, override: str | None = None) -> None:
    """Refuse what would pass over a crew that reports being there.

    ``override``: why a person goes on all the same (a code).

    Raises:
        Conflict: ``claim_open``.
    """
    if not incident.holds or override is not None:
        return
    teams = [d.board.teams.get(hold.team_id) for hold in incident.holds]
    names = ", ".join(team.call_sign for team in teams if team is not None)
    raise Conflict(
        "claim_open",
        f"{names or 'A crew'} reports being there: say first whether that is so.",
        assignment_ids=[str(hold.assignment_id) for hold in incident.holds],
    )


def farthest(run: Assignment, hold: Hold) -> Status:
    """Return how far the crew has come, by all that it reported."""
    said = {*run.milestones, *run.claimed, hold.status} - CALLED_OFF
    if run.meets_need and not DONE & set(run.claimed):
        # It had been taken for cleared; what it says now is that it wasn't.
        said &= ARRIVED
    return max(said, key=list(Status).index)
