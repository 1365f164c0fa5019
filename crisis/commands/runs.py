"""Commands about runs: what a team reports, how a run ends, what is corrected of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crisis.assignment import Status
from crisis.commands.base import Aware, Code, Codes, Command, Crew, Short, Text
from crisis.commands.roster import CrewTold
from crisis.ids import AssignmentId, EncounterId, IncidentId, SlotNo, SubjectId, TeamId
from crisis.shapes import Value
from crisis.staffing import TelehealthSecond
from crisis.triage import Answer


class EncounterInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one person's encounter ended; what isn't said stays not said.

    ``contacted``: ``None`` = as the disposition says by itself. ``law_enforcement``: its part in
    this encounter; ``None`` = not said. ``mandated_reports``: the kinds of report that the law asks
    for after it; each is owed from now on. ``version``: of the record that the sender looked at;
    ``None`` = none, and what is left out then stays as it was.
    """

    subject_id: SubjectId | None = None
    contacted: bool | None = None
    disposition: Code
    hold: Code | None = None
    transport: Code | None = None
    destination: Short | None = None
    plan: Code | None = None
    plan_exception: Code | None = None
    naloxone_given: Answer | bool = Answer.NOT_ASKED
    law_enforcement: Code | None = None
    mandated_reports: Codes = ()
    has_plan_to_notify: bool | None = None
    note: Text | None = None
    version: Annotated[int, Meta(ge=1)] | None = None


class EnterAssignment(Command, frozen=True, kw_only=True):
    """Enter a team's run that is over, from paper or as told, with its own times.

    Only as a back-entry. It is judged as of then: by the shift that the team had and by what else
    it was on, and nothing of what the team does now counts. It ended cleared or cancelled.

    Attributes:
        slot: ``None`` = the first that no team has met.
        crew: who went; empty = the crew of the team's shift of that time, as that was last known.
        override_reason: required where the service knows of no such shift; without ``crew`` that is
            then the one which the team has now.
        ready_at: ``None`` = as soon as it had cleared.
        cancel_reason: required with ``cancelled_at``; its slot then stays as it is.
    """

    incident_id: IncidentId
    team_id: TeamId
    slot: SlotNo | None = None
    accepted_at: Aware
    en_route_at: Aware | None = None
    staged_at: Aware | None = None
    on_scene_at: Aware | None = None
    contact_at: Aware | None = None
    assessed_at: Aware | None = None
    transporting_at: Aware | None = None
    at_destination_at: Aware | None = None
    handed_off_at: Aware | None = None
    cleared_at: Aware | None = None
    ready_at: Aware | None = None
    cancelled_at: Aware | None = None
    cancel_reason: Code | None = None
    crew: Crew = ()
    telehealth: TelehealthSecond | None = None
    encounters: Annotated[tuple[EncounterInput, ...], Meta(max_length=20)] = ()
    override_reason: Code | None = None
    said_by: Code | None = None


class ReportStatus(Command, frozen=True, kw_only=True):
    """A team's status, by the team or by voice; see ``StatusReported``.

    ``staging_place``: where a staged team waits.
    """

    assignment_id: AssignmentId
    status: Status
    said_by: Code | None = None
    cleared_scene_by: Code | None = None
    briefed_by: Code | None = None
    staging_reason: Code | None = None
    staging_place: Text | None = None


class AcknowledgeHazards(Command, frozen=True, kw_only=True):
    """The crew has read this version of the incident."""

    assignment_id: AssignmentId
    version: Annotated[int, Meta(ge=1)]
    said_by: Code | None = None


class ClearAssignment(Command, frozen=True, kw_only=True):
    """The team is done; ``ready`` = and can be sent again at once."""

    assignment_id: AssignmentId
    encounters: Annotated[tuple[EncounterInput, ...], Meta(max_length=20)] = ()
    ready: bool = True
    said_by: Code | None = None


class RecordEncounter(Command, frozen=True, kw_only=True):
    """Record or amend how one person's encounter ended."""

    encounter_id: EncounterId | None = None
    assignment_id: AssignmentId
    encounter: EncounterInput


class DivertAssignment(Command, frozen=True, kw_only=True):
    """Pull a travelling team to another incident."""

    assignment_id: AssignmentId
    reason: Code
    to_incident: IncidentId | None = None


class CancelAssignment(Command, frozen=True, kw_only=True):
    """Call one run off; ``still_needed`` = its slot waits for another team."""

    assignment_id: AssignmentId
    reason: Code
    still_needed: bool = True


class SettleClaim(Command, frozen=True, kw_only=True):
    """A crew whose run was over reports being there: say whether it is.

    ``there``: the run is restored, and the crew's times count; else what it reports is disputed.
    """

    assignment_id: AssignmentId
    there: bool


class RemindClaim(Command, frozen=True, kw_only=True):
    """Timer: nobody has settled whether the crew is there."""

    incident_id: IncidentId
    assignment_id: AssignmentId


class CorrectMilestone(Command, frozen=True, kw_only=True):
    """Set the right instant of a status; ``None`` = it was not reached until now.

    What would put the steps of the run out of order, or its team on two runs at once, is refused.
    """

    assignment_id: AssignmentId
    status: Status
    instant: Aware | None
    reason: Code


class SwapCrew(CrewTold, frozen=True, kw_only=True):
    """The crew changes during a run (and the shift)."""

    assignment_id: AssignmentId
