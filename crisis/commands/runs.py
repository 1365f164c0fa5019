"""Commands about runs: what a team reports, how a run ends, what is corrected of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crisis.assignment import Status
from crisis.commands.base import Aware, Code, Command, Crew, Short, Text
from crisis.ids import AssignmentId, EncounterId, IncidentId, SubjectId
from crisis.roles import DISPATCH, FIELD, Role
from crisis.shapes import Value
from crisis.staffing import TelehealthSecond


class EncounterInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one person's encounter ended."""

    subject_id: SubjectId | None = None
    contacted: bool = True
    disposition: Code
    hold: Code | None = None
    transport: Code | None = None
    destination: Short | None = None
    plan: Code | None = None
    plan_exception: Code | None = None
    naloxone_given: bool = False
    has_plan_to_notify: bool | None = None
    note: Text | None = None


class ReportStatus(Command, frozen=True, kw_only=True):
    """A team's status, by the team or by voice; see ``StatusReported``.

    ``staging_place``: where a staged team waits.
    """

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    status: Status
    said_by: Code | None = None
    cleared_scene_by: Code | None = None
    briefed_by: Code | None = None
    staging_reason: Code | None = None
    staging_place: Text | None = None


class AcknowledgeHazards(Command, frozen=True, kw_only=True):
    """The crew has read this version of the incident."""

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    version: Annotated[int, Meta(ge=1)]
    said_by: Code | None = None


class ClearAssignment(Command, frozen=True, kw_only=True):
    """The team is done; ``ready`` = and can be sent again at once."""

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    encounters: Annotated[tuple[EncounterInput, ...], Meta(max_length=20)] = ()
    ready: bool = True
    said_by: Code | None = None


class RecordEncounter(Command, frozen=True, kw_only=True):
    """Record or amend how one person's encounter ended."""

    ROLES = DISPATCH | FIELD | {Role.REMOTE_CLINICIAN}
    encounter_id: EncounterId | None = None
    assignment_id: AssignmentId
    encounter: EncounterInput


class DivertAssignment(Command, frozen=True, kw_only=True):
    """Pull a travelling team to another incident."""

    ROLES = DISPATCH
    assignment_id: AssignmentId
    reason: Code
    to_incident: IncidentId | None = None


class CancelAssignment(Command, frozen=True, kw_only=True):
    """Call one run off; ``still_needed`` = its slot waits for another team."""

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    reason: Code
    still_needed: bool = True


class CorrectMilestone(Command, frozen=True, kw_only=True):
    """Set the right instant of a status; ``None`` = it was never reached."""

    ROLES = frozenset({Role.SUPERVISOR, Role.LEAD, Role.COMPLIANCE})
    assignment_id: AssignmentId
    status: Status
    instant: Aware | None
    reason: Code


class SwapCrew(Command, frozen=True, kw_only=True):
    """The crew changes during a run (and the shift)."""

    ROLES = DISPATCH | FIELD | {Role.AGENCY_MANAGER}
    assignment_id: AssignmentId
    crew: Crew
    telehealth: TelehealthSecond | None = None
    reason: Code = "other"
