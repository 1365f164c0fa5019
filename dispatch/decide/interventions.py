"""What people do to a run: divert it, call it off, correct its instants, change its crew.

Unlike reports these are acts, refused where they make no sense. A run that ends before it was done
leaves its slot waiting, and the search goes on at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.assignment import (
    ARRIVED,
    Assignment,
    AssignmentCancelled,
    AssignmentDiverted,
    MilestoneCorrected,
    Status,
    has_arrived,
)
from crisis.commands import (
    CancelAssignment,
    Command,
    CorrectMilestone,
    DivertAssignment,
    SwapCrew,
)
from crisis.errors import Conflict, Invalid, NotAllowed
from crisis.incident import Incident, IncidentState, SlotDropped
from crisis.team import CrewChanged
from crisis.triage import ACUITY_ORDER
from dispatch.decide import dues
from dispatch.decide.amendment import is_quiet
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.crew_check import approved, assess, codes_of, crew_at, reason_of, swap
from dispatch.decide.endings import propose_close
from dispatch.decide.shifts import check_crew, check_on_one_shift
from dispatch.decide.team_free import team_is_free


def _require_goes_on(run: Assignment) -> None:
    """Refuse to end a run that is over or done.

    Raises:
        Conflict: ``run_over``.
    """
    if not run.is_open or run.state is Status.CLEARED:
        raise Conflict("run_over", f"The run is {run.state.value} already.", state=run.state.value)


def divert(d: Deciding, c: DivertAssignment) -> dict[str, Any]:
    """Pull a travelling team away; its slot seeks another at once.

    For a more pressing incident that must be named, and not from a scene that it has all but
    reached; where the county's policy lets it. Nothing of this keeps it from a crew in danger.
    """
    incident, run = d.run(c.assignment_id)
    reason = d.rules.codes.require("divert_reason", c.reason)
    helps_crew = "help_for_crew" in reason.flags
    if not helps_crew and not d.policy_of(incident).divert.allowed:
        raise Conflict("divert_not_allowed", "The county's policy lets no team be diverted.")
    _require_goes_on(run)
    if has_arrived(run):
        raise Conflict("not_travelling", "The team has reached the scene; it can't be diverted.")
    if c.to_incident is not None:
        other = d.incident(c.to_incident)
        if not helps_crew:
            _check_higher(d, incident, other)
            _check_not_close(d, incident, run)
    elif "needs_incident" in reason.flags:
        raise Invalid("to_incident_missing", "Say to which incident the team is to go.")
    d.emit(
        AssignmentDiverted(
            incident_id=incident.id,
            assignment_id=run.id,
            reason=c.reason,
            to_incident=c.to_incident,
            wake_at=None if is_quiet(d, incident) else d.now,
        )
    )
    return _run_ended(d, incident, run, "run_diverted")


def _check_higher(d: Deciding, incident: Incident, other: Incident) -> None:
    if other.state is not IncidentState.DETERMINED or other.acuity is None:
        raise Conflict("not_determined", "The other incident doesn't wait for a team.")
    if incident.acuity is None or ACUITY_ORDER[other.acuity] >= ACUITY_ORDER[incident.acuity]:
        raise Conflict(
            "divert_lower_class",
            "A team is diverted only to a more pressing incident.",
            acuity=incident.acuity,
            other_acuity=other.acuity,
        )


def _check_not_close(d: Deciding, incident: Incident, run: Assignment) -> None:
    """Leave a team that is nearly there to its incident, by the drive expected at its offer."""
    offer, left_at = incident.offer(run.offer_id), run.milestones.get(Status.EN_ROUTE)
    if offer is None or offer.eta_s is None or left_at is None:
        return
    remaining_s = offer.eta_s - (d.now - left_at).total_seconds()
    not_within_s = d.policy_of(incident).divert.not_within_s
    # Long past its time it is held up, and nobody knows how near it is.
    if abs(remaining_s) < not_within_s:
        raise Conflict(
            "close_to_scene",
            "The team is about to arrive where it was sent; let it go on.",
            remaining_s=round(remaining_s),
            not_within_s=not_within_s,
        )


def cancel(d: Deciding, c: CancelAssignment) -> dict[str, Any]:
    """Call one run off. Whether the person still needs a team is for the desk to say."""
    incident, run = d.run(c.assignment_id)
    _require_goes_on(run)
    kind = d.rules.codes.require("cancel_reason", c.reason)
    if not c.still_needed and not d.env.actor.is_desk:
        raise NotAllowed("desk_decides_need", "Only dispatch decides that no other team is needed.")
    if c.still_needed and kind.flags and "cancels_assignment" not in kind.flags:
        raise Invalid(
            "reason_ends_the_need",
            f"{kind.label}: then nobody is needed; cancel the incident, or say that the slot is "
            "not needed.",
            set="cancel_reason",
        )
    wakes = c.still_needed and not is_quiet(d, incident)
    d.emit(
        AssignmentCancelled(
            incident_id=incident.id,
            assignment_id=run.id,
            reason=c.reason,
            wake_at=d.now if wakes else None,
        )
    )
    if not c.still_needed and incident.state is IncidentState.DETERMINED:
        d.emit(SlotDropped(incident_id=incident.id, slot=run.slot, reason="run_cancelled"))
    return _run_ended(d, incident, run, "run_cancelled")


def _run_ended(d: Deciding, incident: Incident, run: Assignment, told: str) -> dict[str, Any]:
    """Let everything follow from a run that ended before it was done."""
    d.notify(f"team:{run.team_id}", told, incident=incident)
    dues.follow_run(d, incident.id, run.id, run.state)
    team_is_free(d, run.team_id)
    after = d.incident(incident.id)
    waits = any(slot.no == run.slot for slot in after.waiting_slots())
    result = {
        "incident_id": incident.id,
        "assignment_id": run.id,
        "slot": run.slot,
        "slot_waits": waits,
        "proposes_close": False if waits else propose_close(d, incident.id),
        "warnings": [],
    }
    archive_if_settled(d, incident.id)
    return result


def correct(d: Deciding, c: CorrectMilestone) -> dict[str, Any]:
    """Set the right instant of a status; the old value stays in the log."""
    incident, run = d.run(c.assignment_id)
    d.code("correction_reason", c.reason)
    if c.instant is None and c.status is Status.ACCEPTED:
        raise Invalid("accepted_always", "Every run was accepted at some instant.")
    if c.instant is not None and not incident.received_at <= c.instant <= d.now:
        raise Invalid(
            "instant_out_of_bounds",
            "The instant must lie between the incident's receipt and now.",
            received_at=incident.received_at.isoformat(),
        )
    _check_not_after_end(run, c)
    d.emit(
        MilestoneCorrected(
            incident_id=incident.id,
            assignment_id=run.id,
            status=c.status,
            instant=c.instant,
            reason=c.reason,
            by=d.env.actor.user_id,
            shortfalls=_lacked_at(d, incident, run, c),
        )
    )
    dues.owe_after(d, incident, run.id)
    after, corrected = d.run(run.id)
    return {
        "incident_id": incident.id,
        "assignment_id": run.id,
        "was": run.milestones.get(c.status),
        "instant": corrected.milestones.get(c.status),
        "first_on_scene_at": after.first_on_scene_at,
        "warnings": [],
    }


def _check_not_after_end(run: Assignment, c: CorrectMilestone) -> None:
    """Let nobody have arrived with a run that had been called off by then: that is no response.

    Raises:
        Invalid: ``instant_after_end``.
    """
    if run.meets_need or c.instant is None or c.status not in ARRIVED:
        return
    ended_at = run.milestones.get(run.state, run.moved_at)
    if c.instant > ended_at:
        raise Invalid(
            "instant_after_end",
            "The run had been called off by then.",
            ended_at=ended_at.isoformat(),
        )


def _lacked_at(
    d: Deciding, incident: Incident, run: Assignment, c: CorrectMilestone
) -> tuple[str, ...] | None:
    """Return what the crew lacked at a corrected arrival; ``None`` = not an arrival."""
    if c.status is not Status.ON_SCENE or c.instant is None:
        return None
    return codes_of(crew_at(d, incident, run, c.instant)[0])


def swap_crew(d: Deciding, c: SwapCrew) -> dict[str, Any]:
    """The crew changes during a run, and with it the shift's; judged anew, not refused for it."""
    incident, run = d.run(c.assignment_id)
    team = d.board.teams[run.team_id]
    if not run.is_open:
        raise Conflict("run_over", "The run is over; change the shift's crew instead.")
    if not c.crew:
        raise Invalid("crew_empty", "Somebody must be on the crew.")
    d.code("crew_change_reason", c.reason)
    check_crew(d, c.crew)
    check_on_one_shift(d, c.crew, team)
    telehealth = approved(d, team.telehealth, c.telehealth)
    if team.shift_id is not None:
        d.emit(
            CrewChanged(
                shift_id=team.shift_id,
                team_id=team.id,
                crew=c.crew,
                telehealth=telehealth,
                reason=c.reason,
            )
        )
    judged = assess(d, incident, team, crew=c.crew, telehealth=telehealth)
    swap(d, incident, run, c.crew, telehealth, judged, c.reason)
    if not judged.is_valid:
        d.notify("role:supervisor", "crew_no_longer_valid", incident=incident)
    return {
        "incident_id": incident.id,
        "assignment_id": run.id,
        "is_valid": judged.is_valid,
        "first_on_scene_at": d.incident(incident.id).first_on_scene_at,
        "warnings": [reason_of(shortfall) for shortfall in judged.hard],
    }


HANDLERS: Mapping[type[Command], Handler] = {
    DivertAssignment: divert,
    CancelAssignment: cancel,
    CorrectMilestone: correct,
    SwapCrew: swap_crew,
}
