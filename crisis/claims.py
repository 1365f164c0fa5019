"""When a report contradicts the board: a crew is there, or was, where it is taken to be away."""

from __future__ import annotations

from datetime import datetime

from crisis.assignment import Assignment, has_arrived
from crisis.run_status import ARRIVED, CALLED_OFF, DONE, Status

#: What a crew can say only where it is, or was: that it is there, and that it is done there.
THERE = ARRIVED | {Status.CLEARED}


def ended_at(run: Assignment) -> datetime | None:
    """Return when the crew was done with it, or was called away; ``None`` = neither yet."""
    if run.state in CALLED_OFF:
        return run.milestones.get(run.state, run.moved_at)
    if run.state in DONE:
        return run.milestones.get(Status.CLEARED, run.moved_at)
    return None


def contradicts(run: Assignment, status: Status, at: datetime) -> bool:
    """Whether the crew says that it is or was at a scene where the board takes it to be away.

    Of a run that was called off: whatever happened there afterwards, and what nobody knew when it
    was called off. Of one that was cleared: whatever happened after the clear.
    """
    over_at = ended_at(run)
    if over_at is None or status not in THERE:
        return False
    if run.meets_need:
        return status in ARRIVED and at > over_at
    return at > over_at or status is Status.CLEARED or not has_arrived(run)
