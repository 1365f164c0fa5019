"""Which instants of a run can't be: by when its clock began, how it ended, and its own order.

Decides what contradicts what, for reports (which are then kept as disputed) and for corrections
(which are refused). One table for all ways by which an instant comes in. Must not know who reports.
"""

from __future__ import annotations

from datetime import datetime

from crisis.assignment import ARRIVED, Assignment, Status, has_arrived
from crisis.shapes import Value

#: With any of them the team belongs to its run no more.
LEFT = (Status.CLEARED, Status.READY, Status.DIVERTED, Status.CANCELLED)
#: What a team does before it has left.
_BEFORE_LEAVING = ARRIVED | {Status.EN_ROUTE, Status.STAGED}


class Contradiction(Value, frozen=True, kw_only=True):
    """Why an instant can't be: a code of ``dispute_reason``, and the instant that it runs against.

    ``against``: ``None`` = it isn't the instant, but how the run ended.
    """

    code: str
    against: datetime | None = None


def left_at(run: Assignment) -> datetime | None:
    """Return when the team was done with its run, or was called away; ``None`` = it goes on."""
    return min((run.milestones[s] for s in LEFT if s in run.milestones), default=None)


def contradiction(
    run: Assignment,
    status: Status,
    at: datetime,
    *,
    determined_at: datetime | None,
    never_came: bool,
) -> Contradiction | None:
    """Return what ``status`` at that instant runs against; ``None`` = nothing.

    Args:
        determined_at: when the clock began; ``None`` = it didn't.
        never_came: the run or its incident ended as one that nobody came to, as somebody said who
            ended it. Then a first arrival runs against the end whenever it was.
    """
    accepted_at = run.milestones[Status.ACCEPTED]
    if status is not Status.ACCEPTED and at < accepted_at:
        return Contradiction(code="before_acceptance", against=accepted_at)
    if determined_at is not None and at < determined_at:
        return Contradiction(code="before_determination", against=determined_at)
    if status in _BEFORE_LEAVING:
        left = left_at(run)
        if left is not None and at > left:
            return Contradiction(code="after_end", against=left)
        if status in ARRIVED and never_came and not has_arrived(run):
            return Contradiction(code="contradicts_end")
        return None
    return _of_an_end(run, status, at)


def _of_an_end(run: Assignment, status: Status, at: datetime) -> Contradiction | None:
    """Judge an acceptance, a clear or what comes after it, by what the run has reached."""
    reached = [instant for s, instant in run.milestones.items() if s in _BEFORE_LEAVING]
    if status is Status.ACCEPTED:
        first = min((t for s, t in run.milestones.items() if s is not status), default=at)
        return Contradiction(code="after_others", against=first) if at > first else None
    called_off = run.milestones.get(run.state) if not run.meets_need else None
    if called_off is not None and status is not run.state and at > called_off:
        return Contradiction(code="after_end", against=called_off)
    if status is Status.READY and Status.CLEARED in run.milestones:
        reached.append(run.milestones[Status.CLEARED])
    last = max(reached, default=at)
    return Contradiction(code="before_others", against=last) if at < last else None
