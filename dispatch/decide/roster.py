"""The roster: teams, responders, shifts, crews and duty.

Decides who may be rostered, who is on duty with whom, and when a shift is really over. A shift may
start short-handed: what the crew lacks is told, and what it bars is the offer. Must not know where
teams are. People of one agency keep to their own teams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crisis.assignment import CrewSwapped
from crisis.commands import (
    CancelShift,
    ChangeCrew,
    Command,
    EndShift,
    PlanShift,
    RecordResponder,
    RecordTeam,
    SetDuty,
    StartShift,
)
from crisis.errors import Conflict, Invalid, NotAllowed, NotFound
from crisis.ids import ResponderId, ShiftId, TeamId
from crisis.incident import Incident
from crisis.offer import OfferWithdrawn
from crisis.responder import Presence, PresenceMode, Responder, why_uncounted
from crisis.roles import STAFFING, Role
from crisis.staffing import (
    CrewAssessment,
    IncidentNeeds,
    TelehealthSecond,
    assess_crew,
    incident_needs,
)
from crisis.standards import local_day
from crisis.team import (
    CrewChanged,
    CrewMember,
    Duty,
    ResponderRecorded,
    Shift,
    ShiftCancelled,
    ShiftEnded,
    ShiftEnding,
    ShiftPlanned,
    ShiftStarted,
    Team,
    TeamAvailable,
    TeamRecorded,
    TeamUnavailable,
)
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.duress import open_alarm

LONGEST_SHIFT = timedelta(hours=24)
#: What a sender says who names no reason to end a shift, and the code for it.
PLANNED, SCHEDULED = "planned", "scheduled"


# Teams and responders


def record_team(d: Deciding, c: RecordTeam) -> dict[str, Any]:
    """Add a team or change its standing facts; a call sign means one team in the county."""
    d.require_own_agency(c.agency_id)
    team_id = c.team_id or TeamId(d.id("team"))
    known = d.board.teams.get(team_id)
    if known is not None:
        d.require_own_agency(known.agency_id)
        if not known.is_open:
            # A retired team comes back as a new one: so every other board will fold it.
            d.board = d.board.without("teams", known)
    sign = _plain(c.call_sign)
    namesake = next(
        (t for t in d.board.teams.values() if t.id != team_id and _plain(t.call_sign) == sign), None
    )
    if namesake is not None:
        raise Conflict(
            "call_sign_taken",
            f"{namesake.call_sign} is another team's call sign.",
            team_id=str(namesake.id),
        )
    if c.retired:
        _check_retirable(d, team_id, known)
    d.emit(
        TeamRecorded(
            team_id=team_id,
            agency_id=c.agency_id,
            call_sign=c.call_sign.strip(),
            base=c.base,
            zones=c.zones,
            capabilities=tuple(d.code("team_capability", code) for code in c.capabilities),
            retired=c.retired,
        )
    )
    return {"team_id": team_id}


def _check_retirable(d: Deciding, team_id: TeamId, team: Team | None) -> None:
    if team is not None and team.duty is not Duty.OFF_SHIFT:
        raise Conflict("team_on_shift", "End the team's shift before retiring it.")
    planned = [s for s in d.board.shifts.values() if s.team_id == team_id and s.is_open]
    if planned:
        raise Conflict(
            "team_has_shifts",
            "Cancel the team's planned shifts before retiring it.",
            shifts=[str(s.id) for s in planned],
        )


def record_responder(d: Deciding, c: RecordResponder) -> dict[str, Any]:
    """Add a responder or change their qualifications; the name becomes an encrypted record."""
    given = c.responder
    d.require_own_agency(given.agency_id)
    known = d.board.responders.get(given.id)
    if known is not None:
        d.require_own_agency(known.agency_id)
    kind = d.rules.codes.require("provider_type", given.provider_type)
    for set_name, codes in (
        ("training", given.enhanced),
        ("language", given.languages),
        ("competency", given.competencies),
    ):
        for code in sorted(codes):
            d.code(set_name, code)
    if "law_enforcement" in kind.flags:
        given = msgspec.structs.replace(given, law_enforcement=True)
    name_record = d.record("responder_name", "responder_name", None, {"name": c.name})
    d.emit(ResponderRecorded(responder=given))
    on = local_day(d.now, d.policy.tz())
    return {
        "responder_id": given.id,
        "name_record": name_record,
        # Why the person doesn't count on a crew today; empty = they do.
        "uncounted": [r.value for r in why_uncounted(given, on, d.rules.codes, d.rules.standards)],
    }


# Shifts


def plan_shift(d: Deciding, c: PlanShift) -> dict[str, Any]:
    """Roster a team for a window, or move a shift that has not begun."""
    team = _team(d, c.team_id)
    _require_staff_of(d, team)
    if team.retired:
        raise Conflict("team_retired", "The team is retired.")
    shift_id = c.shift_id or ShiftId(d.id("shift"))
    known = d.board.shifts.get(shift_id)
    if known is not None:
        if known.team_id != team.id:
            raise Conflict("another_teams_shift", "That shift is another team's.")
        _require_planned(known)
    _check_window(d, c.starts_at, c.ends_at)
    _check_overlap(d, team.id, shift_id, c.starts_at, c.ends_at)
    _members(d, c.crew)
    d.emit(
        ShiftPlanned(
            shift_id=shift_id,
            team_id=team.id,
            starts_at=c.starts_at,
            ends_at=c.ends_at,
            crew=c.crew,
        )
    )
    return {
        "shift_id": shift_id,
        "double_booked": _double_booked(d, c.crew, shift_id, c.starts_at, c.ends_at),
    }


def cancel_shift(d: Deciding, c: CancelShift) -> dict[str, Any]:
    """Take a planned shift back."""
    shift = _shift(d, c.shift_id)
    _require_staff_of(d, _team(d, shift.team_id))
    _require_planned(shift)
    d.emit(ShiftCancelled(shift_id=shift.id, team_id=shift.team_id, reason=c.reason))
    return {"shift_id": shift.id}


def start_shift(d: Deciding, c: StartShift) -> dict[str, Any]:
    """Go on duty. What the crew lacks is told, not refused: help with one member is help."""
    team = _team(d, c.team_id)
    if team.retired or team.lent_to is not None:
        raise Conflict("team_not_here", "The team is retired or lent to another county.")
    if team.duty is not Duty.OFF_SHIFT:
        raise Conflict("team_on_shift", "The team is on shift.", shift_id=str(team.shift_id))
    planned = _planned_of(d, team, c.shift_id)
    crew = c.crew or (planned.crew if planned is not None else ())
    if not crew:
        raise Invalid("crew_empty", "Say who is on the crew.")
    members = _members(d, crew)
    _require_may_crew(d, team, crew)
    _check_on_one_shift(d, crew, team)
    ends_at = c.ends_at or (planned.ends_at if planned is not None else None)
    if ends_at is None:
        raise Invalid("ends_at_needed", "Say when the shift ends.")
    shift_id = planned.id if planned is not None else ShiftId(d.id("shift"))
    _check_window(d, d.occurred_at, ends_at)
    _check_overlap(d, team.id, shift_id, d.occurred_at, ends_at)
    telehealth = approved_telehealth(d, c.telehealth, team.telehealth)
    d.emit(
        ShiftStarted(
            shift_id=shift_id,
            team_id=team.id,
            starts_at=d.occurred_at,
            ends_at=ends_at,
            crew=crew,
            telehealth=telehealth,
        )
    )
    judged = _judged(d, members, crew, telehealth, team)
    return {"shift_id": shift_id, "team_id": team.id, **_crew_told(judged)}


def change_crew(d: Deciding, c: ChangeCrew) -> dict[str, Any]:
    """Somebody joins or leaves; on a run the crew is judged for its incident and swapped there."""
    shift = _shift(d, c.shift_id)
    team = _team(d, shift.team_id)
    if shift.started_at is None or not shift.is_open:
        raise Conflict("shift_not_running", "Only a running shift has a crew to change.")
    if not c.crew:
        raise Invalid("crew_empty", "A shift needs a crew; end it instead.")
    _require_may_act_for(d, team)
    d.code("crew_change_reason", c.reason)
    members = _members(d, c.crew)
    _check_on_one_shift(d, c.crew, team)
    telehealth = approved_telehealth(d, c.telehealth, team.telehealth)
    d.emit(
        CrewChanged(
            shift_id=shift.id,
            team_id=team.id,
            crew=c.crew,
            telehealth=telehealth,
            reason=c.reason,
        )
    )
    if team.run is None:
        judged = _judged(d, members, c.crew, telehealth, team)
        return {"shift_id": shift.id, "team_id": team.id, **_crew_told(judged)}
    incident_id, assignment_id = team.run
    judged = _judged(d, members, c.crew, telehealth, team, d.incident(incident_id))
    d.emit(
        CrewSwapped(
            incident_id=incident_id,
            assignment_id=assignment_id,
            crew=tuple(member.responder_id for member in c.crew),
            shortfalls=tuple(s.code.value for s in judged.hard),
            reason=c.reason,
        )
    )
    if not judged.is_valid:
        d.notify("role:dispatcher", "crew_short", incident=d.incident(incident_id))
    return {
        "shift_id": shift.id,
        "team_id": team.id,
        "assignment_id": assignment_id,
        **_crew_told(judged),
    }


def set_duty(d: Deciding, c: SetDuty) -> dict[str, Any]:
    """Be asked, or not, during the shift. An offer must be answered before leaving the floor."""
    team = _team(d, c.team_id)
    d.require_own_team(team.id)
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
    shift = _shift(d, c.shift_id)
    timed = d.env.actor.has(Role.SYSTEM)
    if not shift.is_open:
        raise Conflict("shift_over", "The shift is over.")
    team = _team(d, shift.team_id)
    if shift.started_at is None:
        if not timed or d.now < shift.ends_at:
            raise Conflict("shift_not_started", "The shift has not begun; cancel it instead.")
        d.emit(ShiftCancelled(shift_id=shift.id, team_id=shift.team_id, reason="not_started"))
        return {"shift_id": shift.id, "duty": team.duty}
    if timed and team.duty is not Duty.ENDING and d.now < shift.ends_at:
        raise Conflict("not_due", "The shift has not come to its end.")
    _require_may_act_for(d, team)
    reason = SCHEDULED if c.reason == PLANNED else d.code("shift_end_reason", c.reason)
    if team.offer is not None and not timed:
        _withdraw_or_refuse(d, team)
        team = d.board.teams[team.id]
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
    if not d.env.actor.is_desk:
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


# Crews


def approved_telehealth(
    d: Deciding, given: TelehealthSecond | None, present: TelehealthSecond | None
) -> TelehealthSecond | None:
    """Return the decision for a remote second, with the approval that the sender may give.

    ``present``: the one in force, which anyone may send along unchanged. An approval counts only
    from a role that the policy names; it is stamped here, never taken from the sender's word.

    Raises:
        NotAllowed: ``telehealth_approval``.
    """
    if given is None or given == present:
        return given
    approvers = d.policy.telehealth.approvers
    role = next((r for r in approvers if d.env.actor.has(r)), None)
    if role is not None:
        return msgspec.structs.replace(given, approved_by=role.value, approved_at=d.now)
    if given.approved_by is not None or given.approved_at is not None:
        raise NotAllowed(
            "telehealth_approval",
            "A second member by telehealth is approved by: "
            + ", ".join(sorted(r.value.replace("_", " ") for r in approvers)),
        )
    return given


def _judged(
    d: Deciding,
    members: Mapping[ResponderId, Responder],
    crew: tuple[CrewMember, ...],
    telehealth: TelehealthSecond | None,
    team: Team,
    incident: Incident | None = None,
) -> CrewAssessment:
    """Judge a crew as of today, for an incident or (``None``) for any."""
    needs = IncidentNeeds()
    if incident is not None:
        screening = incident.clinical.screening
        needs = incident_needs(incident.needs, incident.hazards, screening, d.policy, d.rules.codes)
    return assess_crew(
        [
            Presence(
                responder=members[m.responder_id], mode=m.mode, carries_naloxone=m.carries_naloxone
            )
            for m in crew
        ],
        needs,
        local_day(d.occurred_at, d.policy.tz()),
        lpha_reachable=d.rules.lpha_reachable,
        telehealth=telehealth,
        policy=d.policy,
        codes=d.rules.codes,
        capabilities=frozenset(team.capabilities),
        standards=d.rules.standards,
    )


def _crew_told(judged: CrewAssessment) -> dict[str, Any]:
    return {
        "is_valid": judged.is_valid,
        "warnings": [msgspec.to_builtins(shortfall) for shortfall in judged.shortfalls],
    }


def _members(d: Deciding, crew: Iterable[CrewMember]) -> dict[ResponderId, Responder]:
    """Return the crew's people; each known, each once."""
    members: dict[ResponderId, Responder] = {}
    for member in crew:
        responder = d.board.responders.get(member.responder_id)
        if responder is None:
            raise NotFound(
                "unknown_responder",
                "There is no such responder in this county.",
                responder_id=str(member.responder_id),
            )
        if member.responder_id in members:
            raise Invalid(
                "crew_twice",
                "Somebody is named twice in the crew.",
                responder_id=str(member.responder_id),
            )
        members[member.responder_id] = responder
    return members


def _check_on_one_shift(d: Deciding, crew: Iterable[CrewMember], team: Team) -> None:
    """Refuse a person who is on another running shift; a remote member may serve several teams."""
    present = {m.responder_id: m.mode for m in crew}
    for other in d.board.teams.values():
        if other.id == team.id or other.duty is Duty.OFF_SHIFT:
            continue
        for member in other.crew:
            mode = present.get(member.responder_id)
            if mode is None or (mode.is_telehealth and member.mode.is_telehealth):
                continue
            raise Conflict(
                "on_another_shift",
                f"Somebody of this crew is on shift with {other.call_sign}.",
                responder_id=str(member.responder_id),
                team_id=str(other.id),
            )


def _double_booked(
    d: Deciding,
    crew: Iterable[CrewMember],
    shift_id: ShiftId,
    starts_at: datetime,
    ends_at: datetime,
) -> list[ResponderId]:
    """Return who of the crew is rostered on site elsewhere at the same time: told, not refused."""
    here = {m.responder_id for m in crew if m.mode is PresenceMode.ONSITE}
    elsewhere = {
        m.responder_id
        for s in d.board.shifts.values()
        if s.id != shift_id and s.is_open and s.starts_at < ends_at and starts_at < s.ends_at
        for m in s.crew
        if m.mode is PresenceMode.ONSITE
    }
    return sorted(here & elsewhere)


# Who may, and when


def _require_staff_of(d: Deciding, team: Team) -> None:
    d.require_own_agency(team.agency_id)


def _require_may_act_for(d: Deciding, team: Team) -> None:
    """Let the desk act for any team, staff for their agency's, a responder for their own."""
    actor = d.env.actor
    if actor.is_desk or actor.has(*STAFFING):
        d.require_own_agency(team.agency_id)
        return
    d.require_own_team(team.id)


def _require_may_crew(d: Deciding, team: Team, crew: Iterable[CrewMember]) -> None:
    """As above, but a responder may start only a shift of which they are crew."""
    actor = d.env.actor
    if actor.is_desk or actor.has(*STAFFING):
        d.require_own_agency(team.agency_id)
        return
    if actor.responder_id is None or all(m.responder_id != actor.responder_id for m in crew):
        raise NotAllowed("not_your_crew", "You can start only a shift that you are on yourself.")


def _check_window(d: Deciding, starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise Invalid("shift_backwards", "A shift must end after it starts.")
    if ends_at - starts_at > LONGEST_SHIFT:
        raise Invalid("shift_too_long", "A shift lasts 24 hours at most.", longest_h=24)
    if ends_at <= d.now and not d.is_back_entry:
        raise Invalid("shift_in_past", "The shift would be over already.")


def _check_overlap(
    d: Deciding, team_id: TeamId, shift_id: ShiftId, starts_at: datetime, ends_at: datetime
) -> None:
    for other in d.board.shifts.values():
        if other.team_id != team_id or other.id == shift_id or not other.is_open:
            continue
        if other.starts_at < ends_at and starts_at < other.ends_at:
            raise Conflict(
                "shifts_overlap",
                "The team has another shift in that time.",
                shift_id=str(other.id),
                starts_at=other.starts_at.isoformat(),
                ends_at=other.ends_at.isoformat(),
            )


def _planned_of(d: Deciding, team: Team, shift_id: ShiftId | None) -> Shift | None:
    if shift_id is None:
        return None
    shift = _shift(d, shift_id)
    if shift.team_id != team.id:
        raise Conflict("another_teams_shift", "That shift is another team's.")
    _require_planned(shift)
    return shift


def _require_planned(shift: Shift) -> None:
    if not shift.is_open:
        raise Conflict("shift_over", "The shift is over or was cancelled.")
    if shift.started_at is not None:
        raise Conflict("shift_started", "The shift has begun; end it instead.")


def _team(d: Deciding, team_id: TeamId) -> Team:
    team = d.board.teams.get(team_id)
    if team is None:
        raise NotFound("unknown_team", "There is no such team in this county.")
    return team


def _shift(d: Deciding, shift_id: ShiftId) -> Shift:
    shift = d.board.shifts.get(shift_id)
    if shift is None:
        raise NotFound("unknown_shift", "There is no such shift in this county.")
    return shift


def _plain(call_sign: str) -> str:
    return " ".join(call_sign.casefold().split())


HANDLERS: Mapping[type[Command], Handler] = {
    RecordTeam: record_team,
    RecordResponder: record_responder,
    PlanShift: plan_shift,
    CancelShift: cancel_shift,
    StartShift: start_shift,
    ChangeCrew: change_crew,
    SetDuty: set_duty,
    EndShift: end_shift,
}
