"""Where else a team was: no team is on two runs at one time, nor on one before its shift.

Asked of runs that are entered when they are over, of instants that are corrected, and of runs that
go on after all. The caller puts the team's shifts and runs of that time on the board. Must not know
the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from crisis.assignment import Assignment
from crisis.errors import Conflict, Invalid
from crisis.ids import AssignmentId, TeamId
from crisis.incident.state import Incident
from crisis.run_status import ARRIVED, LEFT, Status
from crisis.run_times import Contradiction, left_at
from crisis.team import Shift
from dispatch.decide.belief import refusal_of
from dispatch.decide.context import Deciding


def check_alone(
    d: Deciding,
    team_id: TeamId,
    since: datetime,
    until: datetime,
    *,
    but: AssignmentId | None = None,
) -> None:
    """Refuse a run in a time in which the team was on another one than ``but``.

    Raises:
        Conflict: ``team_was_on_a_run``, naming that one's incident and times.
    """
    for incident in d.board.incidents.values():
        for run in incident.assignments:
            if run.team_id != team_id or run.id == but or run.moved_to is not None:
                continue
            began, ended = run.milestones[Status.ACCEPTED], left_at(run)
            if began < until and (ended is None or since < ended):
                raise _was_elsewhere(incident, began, ended)


def check_not_elsewhere(d: Deciding, run: Assignment, said: Mapping[Status, datetime]) -> None:
    """Refuse to let a run go on whose team was at another scene while it says that it was there.

    ``said``: the run's instants as they will stand.

    Raises:
        Conflict: ``team_was_on_a_run``.
    """
    told = msgspec.structs.replace(run, milestones=dict(said))
    here = _there(told)
    if here is None:
        return
    since, until = here[0], here[1] or d.now
    for incident in d.board.incidents.values():
        for other in incident.assignments:
            there = _there(other) if other.team_id == run.team_id and other.id != run.id else None
            if there is not None and there[0] < until and (there[1] is None or since < there[1]):
                raise _was_elsewhere(incident, *there)


def _there(run: Assignment) -> tuple[datetime, datetime | None] | None:
    """Return from when to when the team was at the scene; ``None`` = it wasn't, or isn't away."""
    arrived = [run.milestones[s] for s in ARRIVED if s in run.milestones]
    return (min(arrived), left_at(run)) if arrived and run.moved_to is None else None


def _was_elsewhere(incident: Incident, since: datetime, until: datetime | None) -> Conflict:
    return Conflict(
        "team_was_on_a_run",
        f"The team was on incident {incident.number} in that time.",
        incident_id=str(incident.id),
        number=incident.number,
        since=since.isoformat(),
        until=None if until is None else until.isoformat(),
    )


def check_longer(
    d: Deciding, incident: Incident, run: Assignment, status: Status, instant: datetime
) -> None:
    """Refuse to let a run begin earlier or end later than its team could be on it.

    A run that was entered when it was over may be of no shift that the service knows of.

    Raises:
        Conflict: ``team_was_on_a_run``.
        Invalid: ``instant_before_shift``.
    """
    was = run.milestones.get(status)
    if was is None:
        return
    if status is Status.ACCEPTED and instant < was:
        check_alone(d, run.team_id, instant, was, but=run.id)
        asked = incident.offer(run.offer_id) is not None
        if asked and shift_at(d, run.team_id, instant) is None:
            raise Invalid("instant_before_shift", "The team was not on shift by then.")
    elif status in LEFT and instant > was:
        check_alone(d, run.team_id, was, instant, but=run.id)


def require_over(d: Deciding, team_id: TeamId) -> None:
    """Refuse an end of the team's shift as of before what it did on a run.

    Raises:
        Invalid: ``instant_before_others``.
    """
    runs = (r for i in d.board.incidents.values() for r in i.assignments if r.team_id == team_id)
    last = max((at for run in runs for at in run.milestones.values()), default=d.occurred_at)
    if d.occurred_at < last:
        raise refusal_of(Contradiction(code="before_others", against=last))


def shift_at(d: Deciding, team_id: TeamId, at: datetime) -> Shift | None:
    """Return the team's shift of an instant: one that it worked, else one that it was rostered for.

    In an outage nobody could start a shift: then the roster tells.
    """
    begun = [s for s in d.board.shifts.values() if s.team_id == team_id and s.starts_at <= at]
    worked = [s for s in begun if s.started_at is not None and at <= (s.ended_at or d.now)]
    rostered = [
        s
        for s in begun
        if s.started_at is None
        and at < s.ends_at
        and (not s.cancelled or s.end_reason == "not_started")
    ]
    return max(worked or rostered, key=lambda s: s.starts_at, default=None)
