"""Runs that were over before the service learnt of them: kept on paper in an outage, or told later.

One command enters the whole run, judged as of its own times: the team's shift and crew of then,
and what else it was on then. Nothing of what the team does now is asked or changed. The caller puts
the team's shifts and runs of that time on the board. Must not know the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crisis.assignment import AssignmentCancelled, AssignmentEntered
from crisis.commands import Command, EnterAssignment, ReportStatus
from crisis.errors import Conflict, Invalid, NotFound
from crisis.ids import AssignmentId, EncounterId, OfferId
from crisis.incident.state import Incident, IncidentState, Slot
from crisis.run_status import ORDER, Status
from crisis.staffing import TelehealthSecond
from crisis.team import CrewMember, Team
from dispatch.decide import dues, encounters, fitting
from dispatch.decide.alone import check_alone, shift_at
from dispatch.decide.assignments import let_happen
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.crew_check import approved, assess, codes_of, with_crew
from dispatch.decide.endings import propose_close
from dispatch.decide.offers import slot_for, withdraw_others
from dispatch.decide.shifts import check_crew, find_team
from dispatch.decide.situation import each_once, warning

_Steps = list[tuple[Status, datetime]]


def enter(d: Deciding, c: EnterAssignment) -> dict[str, Any]:
    """Enter a run that is over."""
    if not d.is_back_entry:
        raise Invalid("only_back_entry", "A run that is over is entered afterwards: say why it is.")
    incident = d.incident(c.incident_id)
    if incident.state is not IncidentState.DETERMINED:
        raise Conflict(
            "not_determined",
            f"Incident {incident.number} is {incident.state.value}; no team belongs to it.",
            state=incident.state.value,
        )
    team = find_team(d, c.team_id)
    if c.said_by is not None:
        d.code("spoken_by", c.said_by)
    steps = _steps(c)
    ended_at = c.cancelled_at or c.cleared_at or c.accepted_at
    _check_times(d, incident, c, steps)
    check_alone(d, team.id, c.accepted_at, ended_at)
    slot = _slot(incident, c)
    d.occurred_at = c.accepted_at
    warnings: list[dict[str, Any]] = []
    crew, telehealth = _crew(d, incident, team, c, warnings)
    judged = assess(d, incident, with_crew(team, crew, telehealth))
    run_id = AssignmentId(d.id("assignment"))
    d.emit(
        AssignmentEntered(
            incident_id=incident.id,
            assignment_id=run_id,
            offer_id=OfferId(d.id("offer")),
            slot=slot.no,
            team_id=team.id,
            crew=tuple(m.responder_id for m in crew),
            members=crew,
            telehealth=telehealth,
            shortfalls=codes_of(judged.hard),
            override_reason=c.override_reason,
            said_by=c.said_by,
        )
    )
    recorded = _follow(d, incident, run_id, c, steps, slot, warnings)
    after, run = d.run(run_id)
    return {
        "incident_id": after.id,
        "assignment_id": run_id,
        "state": run.state,
        "first_on_scene_at": after.first_on_scene_at,
        "due_at": after.due_at,
        "encounter_ids": recorded,
        "proposes_close": propose_close(d, after.id),
        "warnings": each_once(warnings),
    }


def _steps(c: EnterAssignment) -> _Steps:
    """Return what was reached and when, in the order of a run."""
    told = {status: getattr(c, f"{status}_at") for status in ORDER}
    told[Status.READY] = c.ready_at or c.cleared_at
    return [(status, at) for status, at in told.items() if at is not None]


def _check_times(d: Deciding, incident: Incident, c: EnterAssignment, steps: _Steps) -> None:
    """Refuse times that can't be: of no end or two, out of order, of the future, too long ago."""
    if (c.cleared_at is None) == (c.cancelled_at is None):
        raise Invalid(
            "end_missing", "Say either when the team had cleared or when it was called off."
        )
    if (c.cancelled_at is None) != (c.cancel_reason is None):
        raise Invalid("cancel_reason_missing", "Say why it was called off.", set="cancel_reason")
    if c.cancel_reason is not None:
        d.code("cancel_reason", c.cancel_reason)
    if c.cancelled_at is not None:
        if c.ready_at is not None or c.encounters:
            raise Invalid("cancelled_met_nobody", "A run that was called off met nobody.")
        steps = [*steps, (Status.CANCELLED, c.cancelled_at)]
    determined_at = incident.determined_at or incident.received_at
    last, at = "determined", determined_at
    for status, instant in steps:
        if instant < at:
            raise Invalid(
                "times_out_of_order",
                f"{_said(status)} can't lie before {last.replace('_', ' ')}.",
                status=status.value,
                at=instant.isoformat(),
                before=last,
                earliest=at.isoformat(),
            )
        last, at = status.value, instant
    if at > d.now:
        raise Invalid(
            "occurred_in_future",
            "The time given lies in the future.",
            occurred_at=at.isoformat(),
            now=d.now.isoformat(),
        )
    earliest = d.now - timedelta(days=d.policy.clocks.back_entry_days)
    if c.accepted_at < earliest:
        raise Invalid(
            "occurred_too_early",
            "The time given lies too far back.",
            occurred_at=c.accepted_at.isoformat(),
            earliest=earliest.isoformat(),
        )


def _said(status: Status) -> str:
    return status.value.replace("_", " ").capitalize()


def _slot(incident: Incident, c: EnterAssignment) -> Slot:
    """Return the slot that the team met, or was called off from."""
    if c.cancelled_at is None:
        return slot_for(incident, c.slot, may_ask_beside=True)
    # Whoever met it in the end: this team was sent for it before.
    needed = [s for s in incident.slots if s.dropped is None and c.slot in {None, s.no}]
    if not needed:
        raise NotFound("unknown_slot", "The incident has no such slot.", slot=c.slot)
    return needed[0]


def _crew(
    d: Deciding, incident: Incident, team: Team, c: EnterAssignment, warnings: list[dict[str, Any]]
) -> tuple[tuple[CrewMember, ...], TelehealthSecond | None]:
    """Return who went, and the decision for a remote second.

    Raises:
        Invalid: ``shift_unknown``.
        NotFound: ``unknown_responder``.
    """
    if c.override_reason is not None:
        d.code("override_reason", c.override_reason)
    shift = shift_at(d, team.id, c.accepted_at)
    if shift is None and (c.override_reason is None or not (c.crew or team.crew)):
        raise Invalid(
            "shift_unknown",
            f"No shift of {team.call_sign} at that time is known: enter the shift first, or say "
            "who went, and why it is entered without a shift.",
            team_id=str(team.id),
            at=c.accepted_at.isoformat(),
            set="override_reason",
        )
    if c.crew:
        check_crew(d, c.crew)
        return c.crew, approved(d, incident, shift.telehealth if shift else None, c.telehealth)
    if shift is not None:
        return shift.crew, shift.telehealth
    warnings.append(
        warning(
            "crew_assumed",
            f"No shift of that time is known: it is taken that those went who are on "
            f"{team.call_sign} now.",
        )
    )
    return team.crew, team.telehealth


def _follow(
    d: Deciding,
    before: Incident,
    run_id: AssignmentId,
    c: EnterAssignment,
    steps: _Steps,
    slot: Slot,
    warnings: list[dict[str, Any]],
) -> list[EncounterId]:
    """Let the run come to its end, adding what to warn of; return its encounters' ids."""
    recorded: list[EncounterId] = []
    for status, at in steps[1:]:
        d.occurred_at = at
        if status is Status.CLEARED:
            for n, given in enumerate(c.encounters, start=1):
                thing = f"encounter/{n}"
                encounter = encounters.record(
                    d, before.id, run_id, given, thing=thing, frees_team=True
                )
                recorded.append(encounter.id)
                warnings += fitting.warnings_of(d, d.incident(before.id), encounter)
        incident, run = d.run(run_id)
        report = ReportStatus(assignment_id=run_id, status=status, said_by=c.said_by)
        warnings += let_happen(d, incident, run, report)
    if c.cancelled_at is None:
        withdraw_others(d, d.incident(before.id), slot.no, None)
    elif c.cancel_reason is not None:
        d.occurred_at = c.cancelled_at
        state = d.run(run_id)[1].state
        d.emit(
            AssignmentCancelled(
                incident_id=before.id,
                assignment_id=run_id,
                reason=c.cancel_reason,
                # Whatever sought another team for the slot goes on seeking it.
                wake_at=slot.wake_at,
            )
        )
        dues.follow_run(d, before.id, run_id, state)
    if c.on_scene_at is not None and c.cleared_at is not None and not recorded:
        warnings.append(
            warning("encounter_missing", "Nothing is recorded of how the encounter ended.")
        )
    return recorded


HANDLERS: Mapping[type[Command], Handler] = {EnterAssignment: enter}
