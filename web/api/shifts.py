"""One's own shifts: those that a signed-in responder is rostered for, on or off duty.

Off shift a phone stands for no team; this is how it learns which shift it may begin.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from starlette.responses import Response

from crisis.board import Board
from crisis.ids import ResponderId, ShiftId, TeamId
from crisis.team import CrewMember, Shift
from web.api.routes import Asked, Operation
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


async def list_my_shifts(asked: Asked) -> Response:
    """Answer with the asker's own shifts; a planned one whose end has passed is over."""
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


OPERATIONS: list[Operation] = [
    Operation(
        method="GET",
        path="/my-shifts",
        summary="The planned and running shifts whose crew names the account's responder.",
        tag="roster",
        run=list_my_shifts,
        answer=MyShifts,
        needs="view:my_shifts",
    ),
]
