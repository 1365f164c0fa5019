"""Runs: what teams report of them, and how they end.

Reports from the field are facts, not requests: what lies out of order is kept and moves nothing
back, what can't be believed is kept as disputed. Only a live report that would move a run forward
is asked for what safety needs: hazards read before leaving, a cleared scene before entering.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crisis.assignment import Assignment, HazardsAcknowledged, StatusReported, has_arrived, is_late
from crisis.commands import (
    AcknowledgeHazards,
    ClearAssignment,
    Command,
    RecordEncounter,
    ReportStatus,
)
from crisis.errors import Conflict, Invalid
from crisis.ids import AssignmentId
from crisis.incident.state import Encounter, Incident
from crisis.run_status import DONE, NEED_SETS, REPORTABLE, Status, StatusNeed, needs
from dispatch.decide import claims, dues, encounters, fitting, interventions
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.belief import NOT_YOURS, dispute, keep_disputed, why_disputed
from dispatch.decide.context import Deciding, Handler, check_voice
from dispatch.decide.crew_check import clock_stop, codes_of, reason_of
from dispatch.decide.endings import propose_close
from dispatch.decide.situation import each_once, warning
from dispatch.decide.team_free import team_is_free


def report_status(d: Deciding, c: ReportStatus) -> dict[str, Any]:
    """A team's status, by the team or by voice."""
    if c.status not in REPORTABLE:
        raise Invalid(
            "not_reportable",
            "That is not something a team reports; it has an act of its own.",
            status=c.status.value,
        )
    incident, run = d.run(c.assignment_id)
    reason = why_disputed(d, incident, run, c.status)
    if reason is not None:
        return dispute(d, incident, run, c.status, reason)
    check_voice(d, c.said_by)
    for need, set_name in NEED_SETS.items():
        if (code := getattr(c, need)) is not None:
            d.code(set_name, code)
    if run.is_open and not is_late(run, c.status, d.occurred_at):
        _check_forward(incident, run, c)
    warnings = let_happen(d, incident, run, c)
    return _told(d, incident, run.id, warnings)


def _check_forward(incident: Incident, run: Assignment, c: ReportStatus) -> None:
    """Ask of a report that moves the run what safety needs."""
    for need in needs(run.state, c.status):
        if getattr(c, need):
            continue
        match need:
            case StatusNeed.STAGING_REASON:
                raise Invalid(
                    "staging_reason_missing", "Say why the team waits aside.", set=NEED_SETS[need]
                )
            case StatusNeed.CLEARED_SCENE_BY:
                raise Invalid(
                    "cleared_by_missing", "Say who declared the scene safe.", set=NEED_SETS[need]
                )
            case StatusNeed.BRIEFED_BY:
                _check_briefed(incident, run)


def _check_briefed(incident: Incident, run: Assignment) -> None:
    """Let a crew leave that has read the hazards of the newest version, or was told of them."""
    hazards = incident.danger.codes
    if hazards and run.briefed_by is None and run.acknowledged < incident.version:
        raise Conflict(
            "hazards_not_acknowledged",
            "Read the hazards first, or say who briefed the crew by voice.",
            version=incident.version,
            acknowledged=run.acknowledged,
            hazards=sorted(hazards),
        )


def let_happen(
    d: Deciding, incident: Incident, run: Assignment, c: ReportStatus
) -> list[dict[str, Any]]:
    """Let the report happen and everything that follows from it; return what to warn of."""
    warnings: list[dict[str, Any]] = []
    lacks: tuple[str, ...] | None = None
    valid_at: datetime | None = d.occurred_at
    if c.status is Status.ON_SCENE:
        lacks, valid_at = _arrival(d, incident, run, warnings)
    qualifies = valid_at == d.occurred_at
    d.emit(
        StatusReported(
            incident_id=incident.id,
            assignment_id=run.id,
            status=c.status,
            moves=not is_late(run, c.status, d.occurred_at),
            device_at=d.device_at,
            said_by=c.said_by,
            cleared_scene_by=c.cleared_scene_by,
            briefed_by=c.briefed_by,
            staging_reason=c.staging_reason,
            staging_record=d.record("staging", "staging", incident.id, {"place": c.staging_place}),
            shortfalls=lacks,
            qualifies=qualifies,
            completed_at=None if qualifies else valid_at,
        )
    )
    warnings += dues.moved_warnings(dues.owe_after(d, incident, run.id))
    dues.follow_run(d, incident.id, run.id, run.state)
    after = d.run(run.id)[1]
    if has_arrived(after) and Status.ON_SCENE not in after.milestones:
        warnings.append(
            warning("on_scene_missing", "Say when the team arrived; the clock still runs.")
        )
    return warnings


def _arrival(
    d: Deciding, incident: Incident, run: Assignment, warnings: list[dict[str, Any]]
) -> tuple[tuple[str, ...], datetime | None]:
    """Judge the crew of the arrival: its shortfalls' codes, and when the clock stops for it.

    ``None`` = it doesn't: no valid crew was there.
    """
    lacked, valid_at = clock_stop(d, incident, run, d.occurred_at)
    if valid_at != d.occurred_at:
        warnings += [reason_of(shortfall) for shortfall in lacked]
        d.notify("role:supervisor", "arrival_not_qualifying", incident=incident)
    return codes_of(lacked), valid_at


def _told(
    d: Deciding, before: Incident, run_id: AssignmentId, warnings: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a run as a result tells it, having settled what its end settles."""
    was = before.assignment(run_id)
    incident, run = d.run(run_id)
    proposes = False
    if was is not None and was.state is not run.state and run.state in DONE:
        proposes = propose_close(d, incident.id)
    if not run.is_open:
        team_is_free(d, run.team_id)
    told = {
        "incident_id": incident.id,
        "assignment_id": run_id,
        "state": run.state,
        "moved": was is not None and was.moved_at != run.moved_at,
        "first_on_scene_at": incident.first_on_scene_at,
        "due_at": incident.due_at,
        "proposes_close": proposes,
        "warnings": warnings,
    }
    archive_if_settled(d, incident.id)
    return told


def clear(d: Deciding, c: ClearAssignment) -> dict[str, Any]:
    """The team is done: its encounters, the clear, and its readiness, in one act."""
    incident, run = d.run(c.assignment_id)
    reason = why_disputed(d, incident, run, Status.CLEARED)
    if reason is not None:
        if not run.is_open and reason != NOT_YOURS:
            # Whom they met is no less true, and nobody will tell it again.
            _recorded(d, incident, run, c)
        answer = dispute(d, incident, run, Status.CLEARED, reason)
        now_incident, now_run = d.run(run.id)
        if c.ready and now_run.claimed:
            keep_disputed(d, now_incident, now_run, Status.READY, reason)
        return answer
    check_voice(d, c.said_by)
    recorded = _recorded(d, incident, run, c)
    known = d.incident(incident.id)
    warnings = [told for one in recorded for told in fitting.warnings_of(d, known, one)]
    statuses = (Status.CLEARED, Status.READY) if c.ready else (Status.CLEARED,)
    for status in statuses:
        now_incident, now_run = d.run(run.id)
        report = ReportStatus(assignment_id=run.id, status=status, said_by=c.said_by)
        warnings += let_happen(d, now_incident, now_run, report)
    if has_arrived(run) and not d.incident(incident.id).encounters:
        warnings.append(
            warning("encounter_missing", "Nothing is recorded of how the encounter ended.")
        )
    return {
        **_told(d, incident, run.id, each_once(warnings)),
        "encounter_ids": [encounter.id for encounter in recorded],
    }


def _recorded(
    d: Deciding, incident: Incident, run: Assignment, c: ClearAssignment
) -> list[Encounter]:
    return [
        encounters.record(d, incident.id, run.id, given, thing=f"encounter/{n}", frees_team=True)
        for n, given in enumerate(c.encounters, start=1)
    ]


def acknowledge(d: Deciding, c: AcknowledgeHazards) -> dict[str, Any]:
    """The crew has read a version of the incident."""
    incident, run = d.run(c.assignment_id)
    if c.version > incident.version:
        raise Invalid(
            "unknown_version", "The incident has no such version.", version=incident.version
        )
    check_voice(d, c.said_by)
    d.emit(
        HazardsAcknowledged(
            incident_id=incident.id, assignment_id=run.id, version=c.version, said_by=c.said_by
        )
    )
    warnings = []
    if c.version < incident.version:
        warnings.append(warning("newer_version", "The incident was amended since; read it again."))
    return {
        "incident_id": incident.id,
        "assignment_id": run.id,
        "version": incident.version,
        "warnings": warnings,
    }


def record_encounter(d: Deciding, c: RecordEncounter) -> dict[str, Any]:
    """Record or amend how one person's encounter ended."""
    incident, run = d.run(c.assignment_id)
    encounter = encounters.record(
        d, incident.id, run.id, c.encounter, thing="encounter", encounter_id=c.encounter_id
    )
    claims.note_encounter(d, incident, run, contacted=encounter.contacted)
    return {
        "incident_id": incident.id,
        "assignment_id": run.id,
        "encounter_id": encounter.id,
        "warnings": fitting.warnings_of(d, d.incident(incident.id), encounter),
    }


HANDLERS: Mapping[type[Command], Handler] = {
    ReportStatus: report_status,
    AcknowledgeHazards: acknowledge,
    ClearAssignment: clear,
    RecordEncounter: record_encounter,
    **interventions.HANDLERS,
}
