"""Duty: going on shift, the crew during it, being asked or not, and when a shift is really over.

A shift may start short-handed: what the crew lacks is told, and what it bars is the offer. A shift
that comes to its end with something open goes on, on overtime. Must not know where teams are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crisis.commands import ChangeCrew, Command, EndShift, SetDuty, StartShift
from crisis.errors import Conflict, Invalid, NotAllowed
from crisis.ids import ShiftId
from crisis.offer import OfferWithdrawn
from crisis.rights import Act, may
from crisis.team import (
    CrewChanged,
    CrewMember,
    Duty,
    Shift,
    ShiftCancelled,
    ShiftEnded,
    ShiftEnding,
    ShiftStarted,
    Team,
    TeamAvailable,
    TeamUnavailable,
)
from dispatch.decide.alone import require_over
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.crew_check import approved, assess, swap, told_alone
from dispatch.decide.duress import open_alarm
from dispatch.decide.shifts import (
    check_crew,
    check_on_one_shift,
    check_overlap,
    check_window,
    crew_after,
    decision_after,
    find_shift,
    find_team,
    require_planned,
)


def start_shift(d: Deciding, c: StartShift) -> dict[str, Any]:
    """Go on duty. What the crew lacks is told, not refused: help with one member is help."""
    team = find_team(d, c.team_id)
    if team.lent_to is not None:
        raise Conflict("team_lent", "The team is on loan to another county.")
    if team.duty is not Duty.OFF_SHIFT:
        raise Conflict("team_on_shift", "The team is on shift.", shift_id=str(team.shift_id))
    planned = _planned_of(d, team, c.shift_id)
    crew = c.crew or (planned.crew if planned is not None else ())
    if not crew:
        raise Invalid("crew_empty", "Say who is on the crew.")
    check_crew(d, crew)
    _require_on_crew(d, crew)
    check_on_one_shift(d, crew, team)
    ends_at = c.ends_at or (planned.ends_at if planned is not None else None)
    if ends_at is None:
        raise Invalid("ends_at_needed", "Say when the shift ends.")
    shift_id = planned.id if planned is not None else ShiftId(d.id("shift"))
    check_window(d, d.occurred_at, ends_at)
    check_overlap(d, team.id, shift_id, d.occurred_at, ends_at)
    d.emit(
        ShiftStarted(
            shift_id=shift_id,
            team_id=team.id,
            starts_at=d.occurred_at,
            ends_at=ends_at,
            crew=crew,
            telehealth=approved(d, None, team.telehealth, c.telehealth),
        )
    )
    judged = assess(d, None, d.board.teams[team.id])
    return {"shift_id": shift_id, "team_id": team.id, **told_alone(judged)}


def change_crew(d: Deciding, c: ChangeCrew) -> dict[str, Any]:
    """Somebody joins or leaves; on a run the crew is judged for its incident and swapped there."""
    shift = find_shift(d, c.shift_id)
    team = find_team(d, shift.team_id)
    if shift.started_at is None or not shift.is_open:
        raise Conflict("shift_not_running", "Only a running shift has a crew to change.")
    crew = crew_after(d, shift, c)
    reason = d.reason("crew_change_reason", c.reason)
    check_crew(d, crew)
    check_on_one_shift(d, crew, team)
    incident = None if team.run is None else d.incident(team.run[0])
    d.emit(
        CrewChanged(
            shift_id=shift.id,
            team_id=team.id,
            crew=crew,
            telehealth=decision_after(d, incident, team, crew, c),
            reason=reason,
        )
    )
    mark = d.board.shifts[shift.id].crew_mark
    team = d.board.teams[team.id]
    judged = assess(d, incident, team)
    if incident is None or team.run is None:
        told = told_alone(judged)
        return {"shift_id": shift.id, "team_id": team.id, "crew_mark": mark, **told}
    assignment_id = team.run[1]
    run = incident.assignment(assignment_id)
    if run is not None:
        swap(d, incident, run, team.crew, team.telehealth, judged, reason)
    if not judged.is_valid:
        d.notify("role:supervisor", "crew_no_longer_valid", incident=incident)
    return {
        "shift_id": shift.id,
        "team_id": team.id,
        "assignment_id": assignment_id,
        "crew_mark": mark,
        **told_alone(judged),
    }


def set_duty(d: Deciding, c: SetDuty) -> dict[str, Any]:
    """Be asked, or not, during the shift. An offer must be answered before leaving the floor."""
    team = find_team(d, c.team_id)
    if c.duty == "available":
        # Pressed twice is pressed once.
        if team.duty is not Duty.AVAILABLE:
            d.emit(TeamAvailable(team_id=team.id))
        return {"team_id": team.id, "duty": d.board.teams[team.id].duty}
    if c.reason is None:
        raise Invalid("reason_needed", "Say why the team can't be asked.")
    d.code("unavailable_reason", c.reason)
    if c.until is not None and c.until <= d.occurred_at:
        raise Invalid("until_in_past", "The return must lie in the future.")
    if team.offer is not None:
        raise Conflict(
            "offer_pending",
            "An offer waits for the team's answer; answer or withdraw it first.",
            offer_id=str(team.offer[1]),
        )
    d.emit(TeamUnavailable(team_id=team.id, reason=c.reason, until=c.until))
    return {"team_id": team.id, "duty": d.board.teams[team.id].duty}


def end_shift(d: Deciding, c: EndShift) -> dict[str, Any]:
    """Go off duty; with an open run, offer or alarm the shift is *ending*, on overtime.

    A pending offer must be answered first; the desk withdraws it by ending the shift. When the
    shift's own end comes during an offer, the team may still answer it. The clockwork ends the
    shift as soon as nothing of the team's is open, and takes back planned ones that never began.
    """
    shift = find_shift(d, c.shift_id)
    timed = d.env.actor.is_service
    if not shift.is_open:
        raise Conflict("shift_over", "The shift is over.")
    team = find_team(d, shift.team_id)
    if shift.started_at is None:
        if not timed or d.now < shift.ends_at:
            raise Conflict("shift_not_started", "The shift has not begun; cancel it instead.")
        d.emit(ShiftCancelled(shift_id=shift.id, team_id=shift.team_id, reason="not_started"))
        return {"shift_id": shift.id, "duty": team.duty}
    if timed and team.duty is not Duty.ENDING and d.now < shift.ends_at:
        raise Conflict("not_due", "The shift has not come to its end.")
    said = "scheduled" if timed and c.reason is None else c.reason
    reason = d.reason("shift_end_reason", said)
    if team.offer is not None and not timed:
        _withdraw_or_refuse(d, team)
        team = d.board.teams[team.id]
    require_over(d, team.id)
    if team.offer is None and team.run is None and open_alarm(d, team.id) is None:
        given = shift.end_reason if timed and shift.end_reason else reason
        d.emit(ShiftEnded(shift_id=shift.id, team_id=team.id, reason=given))
        return {"shift_id": shift.id, "duty": Duty.OFF_SHIFT}
    if team.duty is Duty.ENDING:
        raise Conflict("shift_ending", "The shift ends when the team's run and alarm are over.")
    d.emit(ShiftEnding(shift_id=shift.id, team_id=team.id, reason=reason))
    return {"shift_id": shift.id, "duty": Duty.ENDING}


def _withdraw_or_refuse(d: Deciding, team: Team) -> None:
    if team.offer is None:
        return
    incident_id, offer_id = team.offer
    if not may(d.env.actor, Act.END_SHIFT_DURING_OFFER):
        raise Conflict(
            "offer_pending",
            "An offer waits for the team's answer; answer it first.",
            offer_id=str(offer_id),
        )
    d.emit(
        OfferWithdrawn(
            incident_id=incident_id, offer_id=offer_id, reason="team_unavailable", wake_at=d.now
        )
    )
    d.notify(f"team:{team.id}", "offer_withdrawn", incident=d.incident(incident_id))


def _require_on_crew(d: Deciding, crew: Iterable[CrewMember]) -> None:
    """Let a responder start only a shift of which they are crew; desk and staff start any."""
    actor = d.env.actor
    if may(actor, Act.START_ANY_SHIFT):
        return
    if actor.responder_id is None or all(m.responder_id != actor.responder_id for m in crew):
        raise NotAllowed("not_your_crew", "You can start only a shift that you are on yourself.")


def _planned_of(d: Deciding, team: Team, shift_id: ShiftId | None) -> Shift | None:
    if shift_id is None:
        return None
    shift = find_shift(d, shift_id)
    if shift.team_id != team.id:
        raise Conflict("another_teams_shift", "That shift is another team's.")
    require_planned(shift)
    return shift


HANDLERS: Mapping[type[Command], Handler] = {
    StartShift: start_shift,
    ChangeCrew: change_crew,
    SetDuty: set_duty,
    EndShift: end_shift,
}
