"""Taking back the end of an incident that was ended in error.

Decides how long and for what reason that may be done. Determination, deadline, slots, runs and
records are as they were; the search for a team begins again. No team is told anything: whoever was
called off stays called off, until it is asked anew. Must not know how incidents end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crisis.commands import Command, ReopenIncident
from crisis.errors import Conflict
from crisis.incident.state import Incident, IncidentReopened, IncidentState, OwnerChanged
from dispatch.decide import dues
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.endings import propose_close
from dispatch.decide.keeping import tell_owner
from dispatch.decide.situation import warning
from dispatch.decide.waking import first_wake


def reopen(d: Deciding, c: ReopenIncident) -> dict[str, Any]:
    """Let an incident that had ended go on, with its clock as if it had never ended."""
    incident = d.incident(c.incident_id)
    reason = d.code("reopen_reason", c.reason)
    _check(d, incident)
    if not d.come_back(incident):
        raise Conflict("erased", "What was known of it has been erased; open a new incident.")
    wake_at = first_wake(d, incident)
    d.emit(IncidentReopened(incident_id=incident.id, reason=reason, wake_at=wake_at))
    after = d.incident(incident.id)
    if d.env.actor.is_desk and after.owner != d.env.actor.user_id:
        # Whoever had it has turned to other things; they are told.
        tell_owner(d, after, "incident_reopened")
        changed = OwnerChanged(
            incident_id=incident.id, owner=d.env.actor.user_id, reason="taken_over"
        )
        d.emit(changed)
    d.notify("role:supervisor", "incident_reopened", urgency="soon", incident=after)
    dues.follow_wait(d, d.incident(incident.id))
    now = d.incident(incident.id)
    return {
        "incident_id": incident.id,
        "state": now.state,
        "determined_at": now.determined_at,
        "due_at": now.due_at,
        "slots": [slot.no for slot in now.waiting_slots()],
        "proposes_close": not now.waiting_slots() and propose_close(d, incident.id),
        "warnings": _warnings(d, now),
    }


def _check(d: Deciding, incident: Incident) -> None:
    if incident.state is IncidentState.MERGED:
        raise Conflict("merged_split_it", "It was merged into another: split it off again instead.")
    if not incident.is_settled or incident.ended_at is None:
        raise Conflict(
            "not_ended", "The incident has not ended: go on with it.", state=incident.state.value
        )
    within_s = d.policy_of(incident).clocks.reopen_within_s
    if d.now - incident.ended_at > timedelta(seconds=within_s):
        raise Conflict(
            "reopened_too_late",
            "It ended too long ago to be opened again; open a new incident and say so there.",
            ended_at=incident.ended_at.isoformat(),
            within_s=round(within_s),
        )


def _warnings(d: Deciding, incident: Incident) -> list[dict[str, Any]]:
    found = []
    called_off = [run for run in incident.assignments if not run.meets_need]
    if called_off and incident.waiting_slots():
        found.append(
            warning("teams_stay_called_off", "Teams that were called off don't know: ask one anew.")
        )
    if (
        incident.due_at is not None
        and incident.first_on_scene_at is None
        and incident.due_at < d.now
    ):
        found.append(
            warning("deadline_passed", "The response deadline has passed; the clock never stopped.")
        )
    return found


HANDLERS: Mapping[type[Command], Handler] = {ReopenIncident: reopen}
