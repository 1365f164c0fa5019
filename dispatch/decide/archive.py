"""When an incident leaves the board: it is settled, and nothing of it is open any more."""

from __future__ import annotations

from crisis.board import Board
from crisis.ids import IncidentId
from crisis.incident.state import Incident, IncidentArchived
from dispatch.decide.context import Deciding


def archive_if_settled(d: Deciding, incident_id: IncidentId) -> bool:
    """Let a settled incident leave the board once no run, offer or partner of it is open.

    Call it last in every handler that may have ended something of an incident. Obligations live
    apart and don't hold it. One that was handed off instead of served, to a partner who did not
    take it, is nobody's and stays. A merged one stays as long as the one that it was merged into,
    because it may be split off again; then it leaves with it. Returns whether it left now.
    """
    incident = d.board.incidents.get(incident_id)
    if incident is None or incident.archived or not can_leave(d.board, incident):
        return False
    d.emit(IncidentArchived(incident_id=incident_id))
    for absorbed in incident.absorbed:
        archive_if_settled(d, absorbed)
    return True


def can_leave(board: Board, incident: Incident) -> bool:
    """Whether the incident is settled and nothing of it is open, no crew's claim either."""
    return (
        incident.is_settled
        and not incident.open_runs
        and not any(offer.is_pending for offer in incident.offers)
        and not any(partner.is_open for partner in incident.partners)
        and not incident.lacks_handoff
        and not incident.holds
        and (incident.merged_into is None or incident.merged_into not in board.incidents)
    )
