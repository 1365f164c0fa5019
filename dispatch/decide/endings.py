"""How incidents end: cancelled, closed, merged into another, and split from it again.

What ends takes its offers and runs with it and is then archived once nothing of it is open. The
last clear only *proposes* the close; a person closes. A merge keeps the earliest determination of
both, so that no clock ever starts anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crisis.assignment import AssignmentCancelled, Status, has_arrived
from crisis.call import CallJoined
from crisis.commands import CancelIncident, CloseIncident, Command, MergeIncident, SplitIncident
from crisis.danger import settled
from crisis.errors import Conflict, Invalid, NotFound
from crisis.ids import CallId, IncidentId
from crisis.incident import (
    Incident,
    IncidentAbsorbed,
    IncidentCancelled,
    IncidentClosed,
    IncidentMerged,
    IncidentReleased,
    IncidentSplit,
    IncidentState,
)
from crisis.offer import OfferWithdrawn
from crisis.situation import joined
from crisis.standards import response_due
from dispatch.decide import dues, owed
from dispatch.decide.amendment import apply_amendment
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.keeping import tell_owner
from dispatch.decide.situation import warning
from dispatch.decide.team_free import team_is_free
from dispatch.decide.waking import first_wake


def stage_of(incident: Incident) -> str:
    """Return how far it had come, as a code of ``cancel_stage``."""
    if incident.state is not IncidentState.DETERMINED:
        return "before_determination"
    if any(has_arrived(run) for run in incident.assignments):
        return "on_scene"
    away = (Status.EN_ROUTE, Status.STAGED)
    if any(status in run.milestones for run in incident.assignments for status in away):
        return "en_route"
    return "before_en_route"


def require_unsettled(incident: Incident) -> None:
    """Refuse what makes no sense for an incident that has ended.

    Raises:
        Conflict: ``settled``.
    """
    if incident.is_settled:
        raise Conflict(
            "settled",
            f"Incident {incident.number} is {incident.state.value} already.",
            state=incident.state.value,
        )


def withdraw_offers(d: Deciding, incident: Incident, reason: str) -> None:
    """Take back every question that is still open, and tell the teams."""
    for offer in incident.offers:
        if offer.is_pending:
            d.emit(
                OfferWithdrawn(
                    incident_id=incident.id, offer_id=offer.id, reason=reason, wake_at=None
                ),
                at=d.now,
            )
            d.notify(f"team:{offer.team_id}", "offer_withdrawn", incident=incident)


def cancel(d: Deciding, c: CancelIncident) -> dict[str, Any]:
    """Call the whole incident off."""
    incident = d.incident(c.incident_id)
    require_unsettled(incident)
    kind = d.rules.codes.require("cancel_reason", c.reason)
    if kind.flags and "cancels_incident" not in kind.flags:
        raise Invalid(
            "reason_stops_only_a_team",
            f"{kind.label}: that stops one team, and the person still waits; cancel its run.",
            set="cancel_reason",
        )
    stage = stage_of(incident)
    warnings = []
    if kind.flags and stage not in kind.flags:
        warnings.append(
            warning("reason_unusual", f"{kind.label} is an unusual reason at this stage.")
        )
    withdraw_offers(d, incident, "incident_closed")
    for run in incident.open_runs:
        if run.state is Status.CLEARED:
            continue  # done there; it ends by itself when the team is ready
        d.emit(
            AssignmentCancelled(
                incident_id=incident.id, assignment_id=run.id, reason=c.reason, wake_at=None
            )
        )
        d.notify(f"team:{run.team_id}", "run_cancelled", incident=incident)
        dues.end_check_ins(d, run)
        team_is_free(d, run.team_id)
    d.emit(IncidentCancelled(incident_id=incident.id, stage=stage, reason=c.reason))
    return {"stage": stage, **_ended(d, incident, "cancelled", warnings)}


def _ended(
    d: Deciding, incident: Incident, reason: str, warnings: list[dict[str, Any]]
) -> dict[str, Any]:
    dues.end_waiting(d, incident.id, reason)
    for call_id in incident.calls:
        call = d.board.calls.get(call_id)
        if call is not None and call.is_open:
            warnings.append(warning("call_open", "A caller is still on the line."))
            break
    return {
        "incident_id": incident.id,
        "archived": archive_if_settled(d, incident.id),
        "warnings": warnings,
    }


def close(d: Deciding, c: CloseIncident) -> dict[str, Any]:
    """Close it: teams came and are done, or none ever came."""
    incident = d.incident(c.incident_id)
    require_unsettled(incident)
    if incident.state is not IncidentState.DETERMINED:
        raise Conflict(
            "not_determined",
            "Nobody has determined whether a team must go; determine, or cancel the incident.",
            state=incident.state.value,
        )
    busy = [run for run in incident.open_runs if run.state is not Status.CLEARED]
    if busy:
        raise Conflict(
            "runs_open",
            "Teams are still on it; close it when they have cleared.",
            assignment_ids=[str(run.id) for run in busy],
        )
    came = any(has_arrived(run) for run in incident.assignments)
    if c.outcome == "unserved":
        if came:
            raise Conflict("served", "A team came; close the incident as responded.")
        if c.reason is None:
            raise Invalid("reason_missing", "Say why no team came.", set="unserved_reason")
        d.code("unserved_reason", c.reason)
    else:
        if c.reason is not None:
            raise Invalid("reason_only_unserved", "Only an unserved incident has a reason.")
        _require_served(incident, came=came)
    withdraw_offers(d, incident, "incident_closed")
    d.emit(IncidentClosed(incident_id=incident.id, outcome=c.outcome, reason=c.reason))
    return _ended(d, incident, "closed", [])


def _require_served(incident: Incident, *, came: bool) -> None:
    if not came:
        raise Conflict(
            "nobody_came",
            "No team came; close the incident as unserved with its reason, or cancel it.",
        )
    unmet = [s.no for s in incident.slots if s.dropped is None and incident.slot_run(s.no) is None]
    if unmet:
        raise Conflict(
            "slots_unmet",
            "A team that was asked for has not come; drop that need first.",
            slots=unmet,
        )


def propose_close(d: Deciding, incident_id: IncidentId) -> bool:
    """Tell the owner when nothing more is to be done; a person closes the incident."""
    incident = d.incident(incident_id)
    done = (
        incident.state is IncidentState.DETERMINED
        and not incident.waiting_slots()
        and not any(offer.is_pending for offer in incident.offers)
        and all(run.state is Status.CLEARED for run in incident.open_runs)
    )
    if done:
        tell_owner(d, incident, "close_proposed")
    return done


def merge(d: Deciding, c: MergeIncident) -> dict[str, Any]:
    """Let an incident be part of another, which keeps the earliest clock of both."""
    incident, into = d.incident(c.incident_id), d.incident(c.into)
    _check_merge(incident, into)
    withdraw_offers(d, incident, "incident_merged")
    calls = d.incident(incident.id).calls
    d.emit(IncidentMerged(incident_id=incident.id, into=into.id))
    d.emit(
        IncidentAbsorbed(
            incident_id=into.id,
            other=incident.id,
            determined_at=incident.determined_at,
            due_at=_due_at(into, incident.determined_at),
            calls=calls,
        )
    )
    _rejoin(d, calls, into.id)
    absorbing = d.incident(into.id)
    both = settled(joined(absorbing.situation, incident.situation), d.rules.codes)
    warnings = []
    if both != absorbing.situation:
        warnings = apply_amendment(d, absorbing, both)
    dues.end_waiting(d, incident.id, "merged")
    owed.next_waiting_contact(d, d.incident(into.id))
    after = d.incident(into.id)
    return {
        "incident_id": incident.id,
        "into": into.id,
        "determined_at": after.determined_at,
        "due_at": after.due_at,
        "warnings": warnings,
    }


def _due_at(incident: Incident, start: datetime | None) -> datetime | None:
    """Return when a team is due whose clock began at ``start``: by the standard of this place."""
    if start is None or incident.standard is None:
        return None
    return response_due(start, incident.standard)


def _check_merge(incident: Incident, into: Incident) -> None:
    if incident.id == into.id:
        raise Invalid("merge_with_itself", "An incident can't be merged into itself.")
    require_unsettled(incident)
    require_unsettled(into)
    if incident.open_runs:
        swaps = not into.open_runs and not _served_before(into, incident)
        raise Conflict(
            "merge_open_runs",
            f"Teams are on incident {incident.number}; merge {into.number} into it instead."
            if swaps
            else f"Teams are on incident {incident.number}; cancel or divert them first, or merge "
            "when they are done.",
            assignment_ids=[str(run.id) for run in incident.open_runs],
            other_way_round=swaps,
        )
    if _served_before(incident, into):
        swaps = not into.open_runs
        raise Conflict(
            "merge_served",
            f"A team has been at incident {incident.number}, and what it did counts there; merge "
            f"{into.number} into it {'instead' if swaps else 'when the teams on that are done'}.",
            other_way_round=swaps,
        )
    if incident.determined_at is not None and into.state is not IncidentState.DETERMINED:
        raise Conflict(
            "merge_undetermined",
            f"Incident {incident.number} is determined and {into.number} is not: merge the other "
            "way round, so that the search for a team goes on.",
            other_way_round=True,
        )


def _served_before(one: Incident, other: Incident) -> bool:
    """Whether a valid team was at the one, and at the other later or never.

    The one's arrival is then the first of both, and must be that of the incident that stays.
    """
    first, second = one.first_on_scene_at, other.first_on_scene_at
    return first is not None and (second is None or first < second)


def _rejoin(d: Deciding, calls: tuple[CallId, ...], incident_id: IncidentId) -> None:
    """Let the calls that are still open belong to another incident."""
    for call_id in calls:
        if call_id in d.board.calls:
            d.emit(CallJoined(call_id=call_id, incident_id=incident_id))


def split(d: Deciding, c: SplitIncident) -> dict[str, Any]:
    """Take back a merge: both stand on their own again, each with its own clock."""
    incident = d.incident(c.incident_id)
    if c.other not in incident.absorbed:
        raise NotFound("not_merged", "That incident is not part of this one.")
    require_unsettled(incident)
    other = d.incident(c.other)
    # Its own determination may have been the earliest of all; then the others' count again.
    remaining = [d.incident(one) for one in incident.absorbed if one != other.id]
    starts = [incident.own_determined_at, *(one.determined_at for one in remaining)]
    determined_at = min((start for start in starts if start is not None), default=None)
    calls = tuple(call for call in other.calls if call in incident.calls)
    d.emit(
        IncidentSplit(incident_id=other.id, other=incident.id, wake_at=first_wake(d, other)),
    )
    d.emit(
        IncidentReleased(
            incident_id=incident.id,
            other=other.id,
            determined_at=determined_at,
            due_at=_due_at(incident, determined_at),
            calls=calls,
        )
    )
    _rejoin(d, calls, other.id)
    after = d.incident(other.id)
    owed.next_waiting_contact(d, after)
    tell_owner(d, after, "split")
    return {
        "incident_id": incident.id,
        "other": other.id,
        "state": after.state,
        "due_at": after.due_at,
        "warnings": [],
    }


HANDLERS: Mapping[type[Command], Handler] = {
    CancelIncident: cancel,
    CloseIncident: close,
    MergeIncident: merge,
    SplitIncident: split,
}
