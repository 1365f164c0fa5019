"""Teams, responders and shifts: who may be sent, and whether they are on duty.

    off_shift → available ⇄ unavailable(reason) → ending → off_shift

Duty is apart from assignments: a team on a run is still ``available`` or ``unavailable`` as to its
shift. A shift that ends during a run or an alarm is *ending, on overtime*: pushes, tracking and
check-ins go on until the run is over. Names of people live in records, never here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from crisis.ids import (
    AgencyId,
    AssignmentId,
    CountyId,
    IncidentId,
    OfferId,
    ResponderId,
    ShiftId,
    TeamId,
    UserId,
)
from crisis.responder import PresenceMode, Responder
from crisis.shapes import EventBody, Value, mark_of
from crisis.staffing import TelehealthSecond
from crisis.states import step
from geo.point import Point


class Duty(StrEnum):
    """A team's duty, apart from its assignments."""

    OFF_SHIFT = "off_shift"
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    ENDING = "ending"


class CrewMember(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member of a shift's crew, and how they take part."""

    responder_id: ResponderId
    mode: PresenceMode = PresenceMode.ONSITE
    carries_naloxone: bool = False


class TeamRecorded(EventBody, frozen=True, kw_only=True):
    """A team's standing facts; recorded again = changed.

    Attributes:
        base: where it starts from; used while no fresh fix is known.
        zones: names of the zones that it serves; empty = the whole county.
        capabilities: need codes that it meets by itself (wheelchair_van, ...).
        retired: no longer used; refused while on shift.
    """

    team_id: TeamId
    agency_id: AgencyId
    call_sign: str
    base: Point | None = None
    zones: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    retired: bool = False


class ResponderRecorded(EventBody, frozen=True, kw_only=True):
    """A person's qualifications; recorded again = changed."""

    responder: Responder


class ShiftPlanned(EventBody, frozen=True, kw_only=True):
    """A rostered window of a team; ``ends_at`` > ``starts_at``. Shifts of a team never overlap."""

    shift_id: ShiftId
    team_id: TeamId
    starts_at: datetime
    ends_at: datetime
    crew: tuple[CrewMember, ...] = ()


class ShiftCancelled(EventBody, frozen=True, kw_only=True):
    """A planned shift will not take place."""

    shift_id: ShiftId
    team_id: TeamId
    reason: str = "other"


class ShiftStarted(EventBody, frozen=True, kw_only=True):
    """The team is on duty with this crew, from now until ``ends_at``."""

    shift_id: ShiftId
    team_id: TeamId
    starts_at: datetime
    ends_at: datetime
    crew: tuple[CrewMember, ...]
    telehealth: TelehealthSecond | None = None


class CrewChanged(EventBody, frozen=True, kw_only=True):
    """Somebody joined, left or changed how they take part during the shift."""

    shift_id: ShiftId
    team_id: TeamId
    crew: tuple[CrewMember, ...]
    telehealth: TelehealthSecond | None = None
    reason: str = "other"


class TeamUnavailable(EventBody, frozen=True, kw_only=True):
    """On shift, but not to be asked; ``until``: expected return, ``None`` = not known."""

    team_id: TeamId
    reason: str
    until: datetime | None = None


class TeamAvailable(EventBody, frozen=True, kw_only=True):
    """To be asked again."""

    team_id: TeamId


class ShiftEnding(EventBody, frozen=True, kw_only=True):
    """The shift's end has come, but a run, an offer or an alarm is open: overtime.

    ``reason``: why it ends, kept until it does.
    """

    shift_id: ShiftId
    team_id: TeamId
    reason: str = "scheduled"


class ShiftEnded(EventBody, frozen=True, kw_only=True):
    """The team is off duty; tracking stops here."""

    shift_id: ShiftId
    team_id: TeamId
    reason: str = "scheduled"


class LoanRequested(EventBody, frozen=True, kw_only=True):
    """Reserved: another county asks for this team."""

    team_id: TeamId
    to_county: CountyId
    loan_ref: str


class LoanGranted(EventBody, frozen=True, kw_only=True):
    """Reserved: the home county lends the team; other work is blocked until it returns."""

    team_id: TeamId
    to_county: CountyId
    loan_ref: str


class LoanRefused(EventBody, frozen=True, kw_only=True):
    """Reserved: the home county keeps the team."""

    team_id: TeamId
    to_county: CountyId
    loan_ref: str
    reason: str


class LoanReturned(EventBody, frozen=True, kw_only=True):
    """Reserved: the team is home again."""

    team_id: TeamId
    from_county: CountyId
    loan_ref: str


TeamEvent = (
    TeamRecorded
    | ShiftPlanned
    | ShiftCancelled
    | ShiftStarted
    | CrewChanged
    | TeamUnavailable
    | TeamAvailable
    | ShiftEnding
    | ShiftEnded
    | LoanRequested
    | LoanGranted
    | LoanRefused
    | LoanReturned
)

_D = Duty
TRANSITIONS: Mapping[tuple[Duty, type], Duty] = {
    (_D.OFF_SHIFT, ShiftStarted): _D.AVAILABLE,
    (_D.AVAILABLE, TeamUnavailable): _D.UNAVAILABLE,
    (_D.UNAVAILABLE, TeamUnavailable): _D.UNAVAILABLE,
    (_D.UNAVAILABLE, TeamAvailable): _D.AVAILABLE,
    (_D.AVAILABLE, ShiftEnding): _D.ENDING,
    (_D.UNAVAILABLE, ShiftEnding): _D.ENDING,
    (_D.AVAILABLE, ShiftEnded): _D.OFF_SHIFT,
    (_D.UNAVAILABLE, ShiftEnded): _D.OFF_SHIFT,
    (_D.ENDING, ShiftEnded): _D.OFF_SHIFT,
    **{(d, CrewChanged): d for d in (_D.AVAILABLE, _D.UNAVAILABLE, _D.ENDING)},
    **{(d, TeamRecorded): d for d in Duty},
}


class Shift(Value, frozen=True, kw_only=True):
    """A team's rostered window.

    Attributes:
        started_at: ``None`` = only planned.
        ended_at: ``None`` = planned or running.
        end_reason: code; also set while the shift is ending on overtime.
        cancelled: it never took place.
        recorded_by: who planned it so, or changed its crew last; ``None`` = nobody since it began.
    """

    id: ShiftId
    team_id: TeamId
    starts_at: datetime
    ends_at: datetime
    crew: tuple[CrewMember, ...] = ()
    telehealth: TelehealthSecond | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    cancelled: bool = False
    recorded_by: UserId | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is planned or running."""
        return self.ended_at is None and not self.cancelled

    @property
    def mark(self) -> str:
        """The mark of its plan: window and crew."""
        return mark_of(self.starts_at, self.ends_at, self.crew)

    @property
    def crew_mark(self) -> str:
        """The mark of who is on it and how."""
        return mark_of(self.crew, self.telehealth)


class Team(Value, frozen=True, kw_only=True):
    """A team: its standing facts, its duty, and what it is busy with.

    Attributes:
        shift_id: the running shift; ``None`` = off shift.
        offer: the pending offer (with its incident) that it was asked; at most one.
        run: the open assignment (with its incident); at most one.
        claims: runs that were over when it reported being there; see ``incident.Hold``.
        ran_at: when the server last learnt that a run of it was over: where it was before says
            nothing of where it is.
        available_since: when it was last able to be asked; ``None`` = not now.
        lent_to: county that borrows it; ``None`` = at home.
        freed_at: when the server last learnt that it may be asked (again), or that its crew is
            another: what may make a search worth repeating; ``None`` = never yet.
        recorded_by: who recorded its standing facts last; ``None`` = not known.
    """

    id: TeamId
    agency_id: AgencyId
    call_sign: str
    base: Point | None = None
    zones: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    retired: bool = False
    duty: Duty = Duty.OFF_SHIFT
    unavailable_reason: str | None = None
    unavailable_until: datetime | None = None
    shift_id: ShiftId | None = None
    shift_ends_at: datetime | None = None
    crew: tuple[CrewMember, ...] = ()
    telehealth: TelehealthSecond | None = None
    offer: tuple[IncidentId, OfferId] | None = None
    run: tuple[IncidentId, AssignmentId] | None = None
    claims: tuple[AssignmentId, ...] = ()
    ran_at: datetime | None = None
    duty_since: datetime | None = None
    available_since: datetime | None = None
    lent_to: CountyId | None = None
    freed_at: datetime | None = None
    recorded_by: UserId | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is on the board: in use, or retired but still on duty."""
        return not self.retired or self.duty is not Duty.OFF_SHIFT

    @property
    def mark(self) -> str:
        """The mark of its standing facts."""
        base = None if self.base is None else (self.base.lat_deg, self.base.lon_deg)
        standing = (self.agency_id, self.call_sign, base, self.zones, self.capabilities)
        return mark_of(*standing, self.retired)

    @property
    def is_free(self) -> bool:
        """Whether it may be asked: available, with no pending offer, open run or open claim."""
        return (
            self.duty is Duty.AVAILABLE
            and self.offer is None
            and self.run is None
            and not self.claims
        )


def evolve_team(team: Team | None, event: TeamEvent, at: datetime) -> Team:
    """Return the team after ``event``, which happened ``at``; ``None`` = not known before.

    Raises:
        IllegalTransition: its duty has no such step.
    """
    if isinstance(event, TeamRecorded):
        return _recorded(team, event)
    if team is None:
        raise AssertionError("only TeamRecorded begins a team")
    replace = msgspec.structs.replace
    if isinstance(event, ShiftPlanned | ShiftCancelled):
        return team
    if isinstance(event, LoanRequested | LoanRefused):
        return team
    if isinstance(event, LoanGranted):
        return replace(team, lent_to=event.to_county)
    if isinstance(event, LoanReturned):
        return replace(team, lent_to=None)
    return _on_duty(team, event, at)


def _on_duty(
    team: Team,
    event: ShiftStarted | CrewChanged | TeamUnavailable | TeamAvailable | ShiftEnding | ShiftEnded,
    at: datetime,
) -> Team:
    replace = msgspec.structs.replace
    duty = step(TRANSITIONS, team.duty, type(event), "team")
    match event:
        case ShiftStarted():
            return replace(
                team,
                duty=duty,
                duty_since=at,
                available_since=at,
                shift_id=event.shift_id,
                shift_ends_at=event.ends_at,
                crew=event.crew,
                telehealth=event.telehealth,
            )
        case CrewChanged():
            return replace(team, crew=event.crew, telehealth=event.telehealth)
        case TeamUnavailable():
            return replace(
                team,
                duty=duty,
                duty_since=at,
                available_since=None,
                unavailable_reason=event.reason,
                unavailable_until=event.until,
            )
        case TeamAvailable():
            return replace(
                team,
                duty=duty,
                duty_since=at,
                available_since=at,
                unavailable_reason=None,
                unavailable_until=None,
            )
        case ShiftEnding():
            return replace(team, duty=duty, duty_since=at, available_since=None)
        case ShiftEnded():
            return replace(
                team,
                duty=duty,
                duty_since=at,
                available_since=None,
                shift_id=None,
                shift_ends_at=None,
                unavailable_reason=None,
                unavailable_until=None,
                crew=(),
                telehealth=None,
            )


def _recorded(team: Team | None, event: TeamRecorded) -> Team:
    if team is None:
        return Team(
            id=event.team_id,
            agency_id=event.agency_id,
            call_sign=event.call_sign,
            base=event.base,
            zones=event.zones,
            capabilities=event.capabilities,
            retired=event.retired,
        )
    return msgspec.structs.replace(
        team,
        agency_id=event.agency_id,
        call_sign=event.call_sign,
        base=event.base,
        zones=event.zones,
        capabilities=event.capabilities,
        retired=event.retired,
    )


def evolve_shift(shift: Shift | None, event: TeamEvent, at: datetime) -> Shift | None:
    """Return the shift after ``event``; ``None`` before = not known, after = not about a shift."""
    replace = msgspec.structs.replace
    match event:
        case ShiftPlanned():
            return Shift(
                id=event.shift_id,
                team_id=event.team_id,
                starts_at=event.starts_at,
                ends_at=event.ends_at,
                crew=event.crew,
            )
        case ShiftStarted():
            return Shift(
                id=event.shift_id,
                team_id=event.team_id,
                starts_at=event.starts_at,
                ends_at=event.ends_at,
                crew=event.crew,
                telehealth=event.telehealth,
                started_at=at,
            )
        case CrewChanged() if shift is not None:
            return replace(shift, crew=event.crew, telehealth=event.telehealth)
        case ShiftEnding() if shift is not None:
            return replace(shift, end_reason=event.reason)
        case ShiftEnded() if shift is not None:
            return replace(shift, ended_at=at, end_reason=event.reason)
        case ShiftCancelled() if shift is not None:
            return replace(shift, cancelled=True, end_reason=event.reason)
        case _:
            return shift
