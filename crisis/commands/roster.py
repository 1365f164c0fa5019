"""Commands about teams, their people, shifts and duty."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from crisis.commands.base import Aware, Code, Codes, Command, Crew, Mark, Short
from crisis.ids import AgencyId, ResponderId, ShiftId, TeamId
from crisis.responder import Responder
from crisis.staffing import TelehealthSecond
from geo.point import Point


class RecordTeam(Command, frozen=True, kw_only=True):
    """Add a team or change its standing facts.

    ``seen``, here and below: the mark of the entry that the sender looked at; it is refused where
    somebody changed that since. ``None`` = not told: then nothing is put over somebody else's word.
    """

    team_id: TeamId | None = None
    agency_id: AgencyId
    call_sign: Annotated[str, Meta(min_length=1, max_length=24, pattern=r"\S")]
    base: Point | None = None
    zones: Annotated[tuple[Short, ...], Meta(max_length=40)] = ()
    capabilities: Codes = ()
    retired: bool = False
    seen: Mark | None = None


class RecordResponder(Command, frozen=True, kw_only=True):
    """Add a responder or change their qualifications.

    The name, the employer's code for the person and the licence's number are kept encrypted; what
    is left out stays as it was.
    """

    responder: Responder
    name: Short | None = None
    phone: Short | None = None
    code: Short | None = None
    seen: Mark | None = None


class PlanShift(Command, frozen=True, kw_only=True):
    """Roster a team for a window."""

    shift_id: ShiftId | None = None
    team_id: TeamId
    starts_at: Aware
    ends_at: Aware
    crew: Crew = ()
    seen: Mark | None = None


class CancelShift(Command, frozen=True, kw_only=True):
    """Take a planned shift back."""

    shift_id: ShiftId
    reason: Code | None = None


class StartShift(Command, frozen=True, kw_only=True):
    """Go on duty: a planned shift by its id, or one that nobody planned."""

    team_id: TeamId
    shift_id: ShiftId | None = None
    ends_at: Aware | None = None
    crew: Crew = ()
    telehealth: TelehealthSecond | None = None


class CrewTold(Command, frozen=True, kw_only=True):
    """Say who joins and who leaves: what a colleague told meanwhile stays.

    Attributes:
        add: who joins, or takes part in another way than before.
        remove: who leaves; whoever has left already has left.
        crew: instead of both: who is on it from now on. It puts nothing over what somebody else
            changed: that takes ``seen``.
        seen: the ``crew_mark`` of the crew that the sender looked at; ``None`` = not told.
        telehealth: the decision for a remote second; ``None`` = it stays as it is, as long as there
            is one.
        reason: ``None`` = not said.
    """

    crew: Crew | None = None
    add: Crew = ()
    remove: Annotated[tuple[ResponderId, ...], Meta(max_length=12)] = ()
    telehealth: TelehealthSecond | None = None
    reason: Code | None = None
    seen: Mark | None = None


class ChangeCrew(CrewTold, frozen=True, kw_only=True):
    """Somebody joins or leaves during the shift."""

    shift_id: ShiftId


class SetDuty(Command, frozen=True, kw_only=True):
    """Be asked, or not, during the shift."""

    team_id: TeamId
    duty: Literal["available", "unavailable"]
    reason: Code | None = None
    until: Aware | None = None


class EndShift(Command, frozen=True, kw_only=True):
    """Go off duty; with an open run or alarm the shift is *ending* until that is over.

    ``reason`` ``None`` = not said; of the clockwork: it came to its end as planned.
    """

    shift_id: ShiftId
    reason: Code | None = None
