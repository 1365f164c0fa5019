"""What people do to a run: divert it, call it off, correct its instants, change its crew.

Unlike reports these are acts, refused where they make no sense. A run that ends before it was done
leaves its slot waiting, and the search goes on at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from crisis.assignment import (
    Assignment,
    AssignmentCancelled,
    AssignmentDiverted,
    MilestoneCorrected,
    evolve_assignment,
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
from crisis.incident.state import Incident, IncidentState, SlotDropped
from crisis.rights import Act, may
from crisis.run_status import LEFT, Status
from crisis.team import CrewChanged
from crisis.triage import ACUITY_ORDER
from dispatch.decide import belief, dues, flags
from dispatch.decide.alone import check_longer
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.crew_check import assess, clock_stop, codes_of, reason_of, swap, with_crew
from dispatch.decide.endings import propose_close
from dispatch.decide.shifts import check_crew, check_on_one_shift, crew_after, decision_after
from dispatch.decide.situation import warning
from dispatch.decide.team_free import team_is_free
from dispatch.decide.waking import next_wake


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
    belief.require_possible(d, incident, run, Status.DIVERTED)
    d.emit(
        AssignmentDiverted(
            incident_id=incident.id,
            assignment_id=run.id,
            reason=c.reason,
            to_incident=c.to_incident,
            wake_at=next_wake(d, incident),
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
    if not c.still_needed and not may(d.env.actor, Act.END_THE_NEED):
        raise NotAllowed("desk_decides_need", "Only dispatch decides that no other team is needed.")
    if c.still_needed and kind.flags and "cancels_assignment" not in kind.flags:
        raise Invalid(
            "reason_ends_the_need",
            f"{kind.label}: then nobody is needed; cancel the incident, or say that the slot is "
            "not needed.",
            set="cancel_reason",
        )
    belief.require_possible(d, incident, run, Status.CANCELLED)
    d.emit(
        AssignmentCancelled(
            incident_id=incident.id,
            assignment_id=run.id,
            reason=c.reason,
            wake_at=next_wake(d, incident) if c.still_needed else None,
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
    """Set the right instant of a status; the old value stays in the log.

    Whatever hangs on it is judged anew and moves along: when the clock stopped and by which crew of
    then, whether the person waits, what is owed and by when.
    """
    incident, run = d.run(c.assignment_id)
    d.code("correction_reason", c.reason)
    warnings = _check_instant(d, incident, run, c)
    corrected = MilestoneCorrected(
        incident_id=incident.id,
        assignment_id=run.id,
        status=c.status,
        instant=c.instant,
        reason=c.reason,
        by=d.env.actor.user_id,
    )
    ready = _ready_with(run, corrected)
    if ready is not None:
        moved = msgspec.structs.replace(ready, judged=True, qualified_at=run.qualified_at)
        d.emit(moved, at=d.now)
    if c.status is Status.ON_SCENE or c.status in LEFT:
        corrected = _judged(d, incident, d.run(run.id)[1], corrected, warnings)
    # Whatever it is about, it is said now.
    d.emit(corrected, at=d.now)
    warnings += dues.moved_warnings(dues.owe_after(d, incident, run.id))
    dues.follow_wait(d, d.incident(incident.id))
    flags.tell_late_arrival(d, incident.id)
    after, now_run = d.run(run.id)
    return {
        "incident_id": incident.id,
        "assignment_id": run.id,
        "was": run.milestones.get(c.status),
        "instant": now_run.milestones.get(c.status),
        "first_on_scene_at": after.first_on_scene_at,
        "warnings": warnings,
    }


def _ready_with(run: Assignment, corrected: MilestoneCorrected) -> MilestoneCorrected | None:
    """Return what a corrected clear makes of the readiness; ``None`` = it stays as it was.

    No team is ready for another run before it has cleared this one: mostly both were one press.
    """
    ready_at = run.milestones.get(Status.READY)
    if corrected.status is not Status.CLEARED or corrected.instant is None or ready_at is None:
        return None
    if ready_at >= corrected.instant:
        return None
    return msgspec.structs.replace(corrected, status=Status.READY)


def _judged(
    d: Deciding,
    incident: Incident,
    run: Assignment,
    corrected: MilestoneCorrected,
    warnings: list[dict[str, Any]],
) -> MilestoneCorrected:
    """Return the correction with when the clock stops by it, by the crew of that instant."""
    replace = msgspec.structs.replace
    after = evolve_assignment(run, corrected, d.occurred_at)
    arrived_at = after.milestones.get(Status.ON_SCENE)
    if arrived_at is None:
        return replace(corrected, judged=True)
    lacked, stop = clock_stop(d, incident, after, arrived_at)
    if stop != arrived_at:
        warnings += [reason_of(shortfall) for shortfall in lacked]
        d.notify("role:supervisor", "arrival_not_qualifying", incident=incident)
    shortfalls = codes_of(lacked) if corrected.status is Status.ON_SCENE else None
    return replace(corrected, judged=True, qualified_at=stop, shortfalls=shortfalls)


def _check_instant(
    d: Deciding, incident: Incident, run: Assignment, c: CorrectMilestone
) -> list[dict[str, Any]]:
    """Refuse an instant that can't be; return what to warn of.

    That a run ended as one that nobody came to is no bar: setting that right is what a correction
    is for, and who corrects is told so.

    Raises:
        Invalid: ``accepted_always``, ``status_is_its_end``, ``status_not_reached``,
            ``instant_out_of_bounds``, or what ``belief.refusal_of`` or ``check_longer`` give.
    """
    if c.instant is None:
        if c.status is Status.ACCEPTED:
            raise Invalid("accepted_always", "Every run was accepted at some instant.")
        if c.status in LEFT and c.status in _passed(run):
            raise Invalid("status_is_its_end", "The run has ended so; only its time can be set.")
        return []
    if c.status in LEFT and c.status not in _passed(run):
        raise Invalid("status_not_reached", "The run has not ended so: report or end it instead.")
    if not incident.received_at <= c.instant <= d.now:
        raise Invalid(
            "instant_out_of_bounds",
            "The instant must lie between the incident's receipt and now.",
            received_at=incident.received_at.isoformat(),
        )
    others = run
    if c.status is Status.CLEARED:
        # The readiness moves along.
        known = {s: at for s, at in run.milestones.items() if s is not Status.READY}
        others = msgspec.structs.replace(run, milestones=known)
    found = belief.against(incident, others, c.status, c.instant)
    if found is None:
        check_longer(d, incident, others, c.status, c.instant)
        return []
    if found.against is None:
        return [
            warning(
                "contradicts_end", "The run ended as one that nobody came to; now somebody did."
            )
        ]
    raise belief.refusal_of(found)


def _passed(run: Assignment) -> tuple[Status, ...]:
    """Return the ends that the run's state says it has come to."""
    return (Status.CLEARED, Status.READY) if run.state is Status.READY else (run.state,)


def swap_crew(d: Deciding, c: SwapCrew) -> dict[str, Any]:
    """The crew changes during a run, and with it the shift's; judged anew, not refused for it."""
    incident, run = d.run(c.assignment_id)
    team = d.board.teams[run.team_id]
    if not run.is_open:
        raise Conflict("run_over", "The run is over; change the shift's crew instead.")
    if d.occurred_at < run.milestones[Status.ACCEPTED]:
        raise Invalid("instant_before_acceptance", "The team had not accepted by then.")
    shift = None if team.shift_id is None else d.board.shifts.get(team.shift_id)
    crew = crew_after(d, shift, c)
    reason = d.reason("crew_change_reason", c.reason)
    check_crew(d, crew)
    check_on_one_shift(d, crew, team)
    telehealth = decision_after(d, incident, team, crew, c)
    if team.shift_id is not None:
        d.emit(
            CrewChanged(
                shift_id=team.shift_id,
                team_id=team.id,
                crew=crew,
                telehealth=telehealth,
                reason=reason,
            )
        )
    judged = assess(d, incident, with_crew(team, crew, telehealth))
    swap(d, incident, run, crew, telehealth, judged, reason)
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
