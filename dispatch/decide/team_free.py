"""What follows when a team's run or alarm is over: a shift that only waited for it ends."""

from __future__ import annotations

from crisis.ids import TeamId
from crisis.team import Duty, ShiftEnded
from dispatch.decide.context import Deciding


def team_is_free(d: Deciding, team_id: TeamId) -> None:
    """End the shift of a team on overtime that has nothing open any more.

    Call it after every event that ended a run or an alarm. An open alarm keeps the shift, and with
    it the tracking.
    """
    team = d.board.teams.get(team_id)
    if team is None or team.duty is not Duty.ENDING or team.shift_id is None:
        return
    in_danger = any(a.team_id == team_id and a.is_open for a in d.board.duress.values())
    if team.run is not None or team.offer is not None or in_danger:
        return
    shift = d.board.shifts.get(team.shift_id)
    reason = shift.end_reason if shift is not None and shift.end_reason else "scheduled"
    d.emit(ShiftEnded(shift_id=team.shift_id, team_id=team_id, reason=reason), at=d.now)
