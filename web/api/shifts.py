"""Shifts: one's own, and all of them for those who staff teams.

Off shift a phone stands for no team; this is how it learns which shift it may begin. Whoever plans
learns here the marks by which nobody puts a plan or a crew over a colleague's.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from starlette.responses import Response

from crisis.board import Board
from crisis.ids import ResponderId, ShiftId, TeamId
from crisis.rights import Act, covers, require
from crisis.team import CrewMember, Shift
from web.api.routes import Asked, Rows
from web.api.wire import answer


class ShiftMember(Struct, frozen=True, kw_only=True):
    """One member of a shift's crew, and how they take part; never their name."""

    responder_id: ResponderId
    mode: str
    carries_naloxone: bool


class MyShift(Struct, frozen=True, kw_only=True):
    """A shift whose crew names the asker; ``started_at`` ``None`` = only planned."""

    shift_id: ShiftId
    team_id: TeamId
    call_sign: str
    starts_at: datetime
    ends_at: datetime
    started_at: datetime | None
    crew: list[ShiftMember]


class MyShifts(Struct, frozen=True, kw_only=True):
    """One's planned and running shifts, soonest first; empty for who is no responder."""

    shifts: list[MyShift]


class PlannedShift(Struct, frozen=True, kw_only=True):
    """A planned or running shift.

    Attributes:
        mark: of its plan, as ``seen`` asks for when it is planned anew.
        crew_mark: of its crew, as ``seen`` asks for when that is told as a whole.
    """

    shift: Shift
    mark: str
    crew_mark: str


class Shifts(Struct, frozen=True, kw_only=True):
    """The county's planned and running shifts, soonest first."""

    shifts: list[PlannedShift]


OPERATIONS = Rows("roster")


@OPERATIONS.get("/shifts", answer=Shifts, needs="view:shifts")
async def list_shifts(asked: Asked) -> Response:
    """The planned and running shifts, with the marks of their plans and crews."""
    actor, board = asked.actor, asked.county.board
    require(actor, Act.SEE_ROSTER)
    teams = board.teams
    mine = [
        shift
        for shift in board.shifts.values()
        if shift.is_open and covers(actor, teams[shift.team_id].agency_id)
    ]
    mine.sort(key=lambda shift: (shift.starts_at, shift.id))
    return answer(
        Shifts(
            shifts=[
                PlannedShift(shift=shift, mark=shift.mark, crew_mark=shift.crew_mark)
                for shift in mine
            ]
        )
    )


@OPERATIONS.get("/my-shifts", answer=MyShifts, needs="view:my_shifts")
async def list_my_shifts(asked: Asked) -> Response:
    """The planned and running shifts whose crew names the account's responder."""
    me, board, now = asked.actor.responder_id, asked.county.board, asked.now
    if me is None:
        return answer(MyShifts(shifts=[]))
    mine = [
        shift
        for shift in board.shifts.values()
        if shift.is_open and _names(shift, me) and (shift.started_at or shift.ends_at > now)
    ]
    mine.sort(key=lambda shift: (shift.starts_at, shift.id))
    return answer(MyShifts(shifts=[_shown(board, shift) for shift in mine]))


def _names(shift: Shift, responder_id: ResponderId) -> bool:
    return any(member.responder_id == responder_id for member in shift.crew)


def _shown(board: Board, shift: Shift) -> MyShift:
    return MyShift(
        shift_id=shift.id,
        team_id=shift.team_id,
        call_sign=board.teams[shift.team_id].call_sign,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        started_at=shift.started_at,
        crew=[_member(member) for member in shift.crew],
    )


def _member(member: CrewMember) -> ShiftMember:
    return ShiftMember(
        responder_id=member.responder_id,
        mode=member.mode.value,
        carries_naloxone=member.carries_naloxone,
    )
