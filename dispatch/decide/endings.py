"""How incidents end: cancelled, closed, merged into another, and split from it again.

What ends takes its offers and runs with it and is then archived once nothing of it is open. The
last clear only *proposes* the close; a person closes. A merge keeps the earliest determination of
both, so that no clock ever starts anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.assignment import AssignmentCancelled, has_arrived
from crisis.commands import CancelIncident, CloseIncident, Command
from crisis.errors import Conflict, Invalid
from crisis.ids import IncidentId, SlotNo
from crisis.incident.state import (
    Incident,
    IncidentCancelled,
    IncidentClosed,
    IncidentState,
)
from crisis.offer import OfferWithdrawn
from crisis.run_status import UNDERWAY, Status
from crisis.run_times import Contradiction
from dispatch.decide import dues
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.belief import refusal_of
from dispatch.decide.claims import require_settled_claims
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.keeping import tell_owner
from dispatch.decide.situation import warning
from dispatch.decide.team_free import team_is_free


def stage_of(incident: Incident) -> str:
    """Return how far it had come, as a code of ``cancel_stage``."""
    if incident.state is not IncidentState.DETERMINED:
        return "before_determination"
    if any(has_arrived(run) for run in incident.assignments):
        return "on_scene"
    if any(not UNDERWAY.isdisjoint(run.milestones) for run in incident.assignments):
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


def _require_after_all(d: Deciding, incident: Incident) -> None:
    """Refuse to end it as of before a team was promised, or was last heard of on it.

    Raises:
        Invalid: ``instant_before_determination``, ``instant_before_others``.
    """
    if incident.determined_at is not None and d.occurred_at < incident.determined_at:
        raise refusal_of(Contradiction(code="before_determination", against=incident.determined_at))
    # Whoever has cleared is ready when they are.
    known = (run.milestones.items() for run in incident.assignments)
    last = max((at for run in known for s, at in run if s is not Status.READY), default=None)
    if last is not None and d.occurred_at < last:
        raise refusal_of(Contradiction(code="before_others", against=last))


def withdraw_offers(
    d: Deciding, incident: Incident, reason: str, *, slot: SlotNo | None = None
) -> None:
    """Take back every question that is still open (about a slot), and tell the teams."""
    for offer in incident.offers:
        if offer.is_pending and slot in {None, offer.slot}:
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
    require_settled_claims(d, incident)
    kind = d.rules.codes.require("cancel_reason", c.reason)
    if kind.flags and "cancels_incident" not in kind.flags:
        raise Invalid(
            "reason_stops_only_a_team",
            f"{kind.label}: that stops one team, and the person still waits; cancel its run.",
            set="cancel_reason",
        )
    _require_after_all(d, incident)
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
    require_settled_claims(d, incident)
    _require_after_all(d, incident)
    busy = [run for run in incident.open_runs if run.state is not Status.CLEARED]
    if busy:
        raise Conflict(
            "runs_open",
            "Teams are still on it; close it when they have cleared.",
            assignment_ids=[str(run.id) for run in busy],
        )
    came = any(has_arrived(run) for run in incident.assignments)
    outcome = c.outcome or ("responded" if came or c.reason is None else "unserved")
    if outcome == "unserved":
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
    d.emit(IncidentClosed(incident_id=incident.id, outcome=outcome, reason=c.reason))
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


HANDLERS: Mapping[type[Command], Handler] = {
    CancelIncident: cancel,
    CloseIncident: close,
}
