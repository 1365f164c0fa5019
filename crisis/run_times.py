"""Which instants of a run can't be: by when its clock began, how it ended, and its own order.

Decides what contradicts what and what follows what, for reports (which are then kept as disputed),
for corrections and for ends given with a time (which are refused). One table for all ways by which
an instant comes in. Must not know who reports.
"""

from __future__ import annotations

from datetime import datetime

from crisis.assignment import Assignment, has_arrived
from crisis.run_status import ARRIVED, DONE, FOLLOWS, LEFT, UNDERWAY, Status
from crisis.shapes import Value


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
    found = _of_the_end(run, status, at) or _of_the_order(run, status, at)
    if found is None and never_came and status in ARRIVED and not has_arrived(run):
        return Contradiction(code="contradicts_end")
    if found is None and not run.meets_need and status in DONE:
        return Contradiction(code="contradicts_end")
    return found


def _of_the_end(run: Assignment, status: Status, at: datetime) -> Contradiction | None:
    """Judge by when the team had left, or was called away."""
    left = left_at(run)
    if status in DONE:
        left = run.milestones.get(run.state) if not run.meets_need else None
    elif status not in ARRIVED | UNDERWAY:
        return None
    return Contradiction(code="after_end", against=left) if left and at > left else None


def _of_the_order(run: Assignment, status: Status, at: datetime) -> Contradiction | None:
    """Judge by what the team did before and after, by the instants known of that."""
    known = run.milestones.items()
    after = min((t for s, t in known if s in FOLLOWS[status]), default=at)
    if at > after:
        return Contradiction(code="after_others", against=after)
    before = max((t for s, t in known if status in FOLLOWS[s]), default=at)
    return Contradiction(code="before_others", against=before) if at < before else None
