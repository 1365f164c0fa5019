"""What the views show of teams, shifts, calls, alarms and obligations: listed fields only.

Must not know who sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crisis.assignment import Assignment
from crisis.board import Board
from crisis.call import Call
from crisis.duress import Duress
from crisis.ids import ResponderId
from crisis.obligation import Obligation
from crisis.offer import Offer
from crisis.staffing import TelehealthSecond
from crisis.team import CrewMember, Duty, Shift, Team
from dispatch.decide.duress import next_rung_to
from dispatch.feed.entities import (
    AskedView,
    CallView,
    DuressView,
    MemberView,
    ObligationView,
    ShiftView,
    TeamRunView,
    TeamView,
    WallDuressView,
    WallTeamView,
)


def _crew(crew: Sequence[CrewMember]) -> tuple[MemberView, ...]:
    return tuple(MemberView(responder_id=m.responder_id, mode=m.mode) for m in crew)


def _has_second(telehealth: TelehealthSecond | None) -> bool:
    return telehealth is not None and telehealth.approved_at is not None


def busy_with(team: Team, board: Board) -> tuple[Offer | None, Assignment | None]:
    """Return the offer that the team is asked and the run that it is on."""
    offer: Offer | None = None
    run: Assignment | None = None
    if team.offer is not None and (asked := board.incidents.get(team.offer[0])) is not None:
        offer = asked.offer(team.offer[1])
    if team.run is not None and (going := board.incidents.get(team.run[0])) is not None:
        run = going.assignment(team.run[1])
    return offer, run


def status_of(
    team: Team, offer: Offer | None, run: Assignment | None
) -> tuple[str, datetime | None]:
    """Return a team's status and since when; ``None`` = never on duty."""
    if run is not None:
        return run.state, run.moved_at
    if offer is not None:
        return "offered", offer.offered_at
    if team.is_free and team.duty_since is not None and team.freed_at is not None:
        return team.duty, max(team.duty_since, team.freed_at)
    return team.duty, team.duty_since


def team_row(team: Team, board: Board, _: UUID | None) -> TeamView:
    """Return a team with what it is busy with."""
    offer, run = busy_with(team, board)
    status, since = status_of(team, offer, run)
    asked = going = None
    if team.offer is not None and offer is not None:
        asked = AskedView(
            id=offer.id,
            incident_id=team.offer[0],
            slot=offer.slot,
            offered_at=offer.offered_at,
            expires_at=offer.expires_at,
            eta_s=offer.eta_s,
            located_by=offer.located_by,
            shortfalls=offer.shortfalls,
        )
    if team.run is not None and run is not None:
        going = TeamRunView(id=run.id, incident_id=team.run[0])
    return TeamView(
        id=team.id,
        call_sign=team.call_sign,
        agency_id=team.agency_id,
        duty=team.duty,
        status=status,
        since=since,
        is_free=team.is_free,
        overtime=team.duty is Duty.ENDING,
        unavailable_reason=team.unavailable_reason,
        unavailable_until=team.unavailable_until,
        shift_id=team.shift_id,
        shift_ends_at=team.shift_ends_at,
        crew=_crew(team.crew),
        telehealth_second=_has_second(team.telehealth),
        may_hold=any(
            not member.mode.is_telehealth and may_hold(board, member.responder_id)
            for member in team.crew
        ),
        capabilities=team.capabilities,
        zones=team.zones,
        base_lat=team.base.lat_deg if team.base is not None else None,
        base_lon=team.base.lon_deg if team.base is not None else None,
        offer=asked,
        run=going,
        lent_to=team.lent_to,
    )


def wall_team(team: Team, board: Board, _: UUID | None) -> WallTeamView:
    """Return a team as a wall shows it."""
    status, since = status_of(team, *busy_with(team, board))
    return WallTeamView(id=team.id, call_sign=team.call_sign, status=status, since=since)


def may_hold(board: Board, responder_id: ResponderId) -> bool:
    """Whether a person is designated to write holds."""
    known = board.responders.get(responder_id)
    return known is not None and known.may_write_5150


def shift_row(shift: Shift, board: Board, _: UUID | None) -> ShiftView:
    """Return a planned or running shift."""
    return ShiftView(
        id=shift.id,
        team_id=shift.team_id,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        started_at=shift.started_at,
        crew=_crew(shift.crew),
        telehealth_second=_has_second(shift.telehealth),
    )


def call_row(call: Call, board: Board, _: UUID | None) -> CallView:
    """Return an open call, without who calls."""
    return CallView(
        id=call.id,
        state=call.state,
        direction=call.direction,
        channel=call.channel,
        referral_source=call.referral_source,
        agent_stays=call.agent_stays,
        offered_at=call.offered_at,
        answered_at=call.answered_at,
        answered_by=call.answered_by,
        incident_id=call.incident_id,
        confirmed=call.confirmed,
        waiting_since=call.waiting_since,
        told=call.told,
        in_hand_by=call.in_hand_by,
        in_hand_until=call.in_hand_until,
    )


def duress_row(duress: Duress, board: Board, _: UUID | None) -> DuressView:
    """Return an open alarm."""
    return DuressView(
        id=duress.id,
        state=duress.state,
        cause=duress.cause,
        raised_at=duress.raised_at,
        team_id=duress.team_id,
        responder_id=duress.responder_id,
        assignment_id=duress.assignment_id,
        raised_by=duress.raised_by,
        rung=duress.rung,
        next_rung_at=duress.next_rung_at,
        next_to=None if duress.next_rung_at is None else next_rung_to(duress),
        acknowledged_at=duress.acknowledged_at,
        acknowledged_by=duress.acknowledged_by,
        help_sent_at=duress.help_sent_at,
        help=duress.help,
        doubts=duress.doubts,
    )


def wall_duress(duress: Duress, board: Board, _: UUID | None) -> WallDuressView:
    """Return that an alarm is open."""
    team = board.teams.get(duress.team_id) if duress.team_id is not None else None
    return WallDuressView(
        id=duress.id,
        state=duress.state,
        raised_at=duress.raised_at,
        call_sign="" if team is None else team.call_sign,
        acknowledged_at=duress.acknowledged_at,
        next_to=None if duress.next_rung_at is None else next_rung_to(duress),
        next_rung_at=duress.next_rung_at,
    )


def obligation_row(owed: Obligation, board: Board, _: UUID | None) -> ObligationView:
    """Return something owed."""
    return ObligationView(
        id=owed.id,
        kind=owed.kind,
        state=owed.state,
        due_at=owed.due_at,
        lapses_at=owed.lapses_at,
        arose_at=owed.arose_at,
        stage=owed.stage,
        owner=owed.owner,
        incident_id=owed.incident_id,
        call_id=owed.call_id,
        assignment_id=owed.assignment_id,
        encounter_id=owed.encounter_id,
        attempts=owed.attempts,
        last_attempt_at=owed.last_attempt_at,
        missed_at=owed.missed_at,
        team_id=owed.team_id,
    )
