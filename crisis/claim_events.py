"""What a person says of a crew that reports being there though its run was over.

Facts only: what follows from them stands in the folds of ``assignment`` and ``incident_fold``.
"""

from __future__ import annotations

from datetime import datetime

from crisis.ids import AssignmentId, IncidentId, SlotNo
from crisis.run_status import Status
from crisis.shapes import EventBody


class AssignmentRestored(EventBody, frozen=True, kw_only=True):
    """A person says that the crew is there: the run that had ended goes on, or was done after all.

    Attributes:
        milestones: status → instant, by all that the crew has reported.
        slot: the one that it meets from now on.
        state: the farthest that the crew has reported; ``READY`` = it is over, and was served.
        qualified_at: when the regulatory clock stops for it; ``None`` = it doesn't.
        shortfalls: what the crew lacked on arrival; ``None`` = no arrival was reported.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    slot: SlotNo
    state: Status
    milestones: dict[Status, datetime]
    qualified_at: datetime | None = None
    shortfalls: tuple[str, ...] | None = None


class AssignmentMoved(EventBody, frozen=True, kw_only=True):
    """The run goes on as one of the incident that its own was merged into.

    What the crew reports of it from now on is reported of ``to_assignment``.
    """

    incident_id: IncidentId
    assignment_id: AssignmentId
    to_incident: IncidentId
    to_assignment: AssignmentId


class ClaimDenied(EventBody, frozen=True, kw_only=True):
    """A person says that the crew is not there: what it claimed is disputed and counts nothing."""

    incident_id: IncidentId
    assignment_id: AssignmentId
