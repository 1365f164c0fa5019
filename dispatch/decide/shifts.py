"""Shifts: finding them, and the rules that hold for planned and running ones alike.

Decides how long a shift may be, that a team's shifts never overlap, and who may be on which crew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from crisis.commands.roster import CrewTold
from crisis.errors import Conflict, Invalid, NotFound, StaleVersion
from crisis.ids import ResponderId, ShiftId, TeamId, UserId
from crisis.incident.state import Incident
from crisis.responder import PresenceMode
from crisis.staffing import TelehealthSecond
from crisis.standards import utc, wall
from crisis.team import CrewMember, Duty, Shift, Team
from dispatch.decide.context import Deciding
from dispatch.decide.crew_check import approved, require_known

LONGEST_SHIFT = timedelta(hours=24)


def find_team(d: Deciding, team_id: TeamId) -> Team:
    """Return the team, or raise ``NotFound``."""
    team = d.board.teams.get(team_id)
    if team is None:
        raise NotFound("unknown_team", "There is no such team in this county.")
    return team


def find_shift(d: Deciding, shift_id: ShiftId) -> Shift:
    """Return the planned or running shift, or raise ``NotFound``."""
    shift = d.board.shifts.get(shift_id)
    if shift is None:
        raise NotFound("unknown_shift", "There is no such shift in this county.")
    return shift


def require_seen(d: Deciding, seen: str | None, mark: str, by: UserId | None) -> None:
    """Refuse to put something over an entry that the sender can't have meant.

    Args:
        seen: the mark of the entry that the sender looked at; ``None`` = not told. Then they may
            set right what is their own, or nobody's, and nothing of a colleague's.
        mark: of the entry, at present.
        by: whose word the entry is at present; ``None`` = nobody's.

    Raises:
        StaleVersion: ``stale_entry``.
    """
    if seen is None and by in {None, d.env.actor.user_id}:
        return
    require_mark(seen, mark)


def require_mark(seen: str | None, mark: str) -> None:
    """Refuse what was made of another state of things than the one that has ``mark``.

    Raises:
        StaleVersion: ``stale_entry``.
    """
    if seen != mark:
        raise StaleVersion(
            "stale_entry",
            "Somebody changed this entry after you opened it. Look at it as it is now, then enter "
            "again what still has to be changed.",
            mark=mark,
        )


def crew_after(d: Deciding, shift: Shift | None, c: CrewTold) -> tuple[CrewMember, ...]:
    """Return the crew after what was told of it.

    ``shift``: the running one; ``None`` = the run's team has none any more.

    Raises:
        Invalid: ``crew_told_twice``, ``added_and_removed``, ``crew_empty``.
        StaleVersion: ``stale_entry``.
    """
    before = () if shift is None else shift.crew
    if c.crew is None:
        after = _with_changes(before, c)
    elif c.add or c.remove:
        raise Invalid("crew_told_twice", "Say who is on the crew, or who joins and leaves.")
    else:
        after = c.crew
    if shift is not None and (c.seen is not None or (c.crew is not None and after != before)):
        require_seen(d, c.seen, shift.crew_mark, shift.recorded_by)
    if not after:
        raise Invalid("crew_empty", "Somebody must be on the crew; else end the shift.")
    return after


def _with_changes(before: Sequence[CrewMember], c: CrewTold) -> tuple[CrewMember, ...]:
    joins = {member.responder_id: member for member in c.add}
    both = sorted(str(one) for one in joins.keys() & set(c.remove))
    if both:
        raise Invalid("added_and_removed", "The same thing can't come and go at once.", codes=both)
    gone = {*c.remove, *joins}
    return (*(one for one in before if one.responder_id not in gone), *c.add)


def decision_after(
    d: Deciding, incident: Incident | None, team: Team, crew: Iterable[CrewMember], c: CrewTold
) -> TelehealthSecond | None:
    """Return the decision for a remote second: the one told, else the old one while it fits.

    ``incident``: of the run that the crew is on; ``None`` = of none.
    """
    before = team.telehealth
    if c.telehealth is not None or before is None:
        return approved(d, incident, before, c.telehealth)
    remote = {member.responder_id for member in crew if member.mode.is_telehealth}
    fits = bool(remote) if before.member is None else before.member in remote
    return before if fits else None


def require_planned(shift: Shift) -> None:
    """Refuse what is only possible before a shift has begun."""
    if not shift.is_open:
        raise Conflict("shift_over", "The shift is over or was cancelled.")
    if shift.started_at is not None:
        raise Conflict("shift_started", "The shift has begun; end it instead.")


def check_window(d: Deciding, starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a shift that ends before it starts, lasts too long or lies in the past.

    What a roster calls a day, from seven to seven, has an hour more in the night of autumn in which
    the clocks are put back, and by the clocks alone a day of hours in spring has one too many: it
    is too long only where it is so by both.
    """
    zone, starts, ends = d.policy.tz(), utc(starts_at), utc(ends_at)
    if ends <= starts:
        raise Invalid("shift_backwards", "A shift must end after it starts.")
    by_the_clocks = wall(ends, zone) - wall(starts, zone)
    if min(ends - starts, by_the_clocks) > LONGEST_SHIFT:
        raise Invalid("shift_too_long", "A shift lasts 24 hours at most.", longest_h=24)
    if ends <= d.now and not d.is_back_entry:
        raise Invalid("shift_in_past", "The shift would be over already.")


def check_overlap(
    d: Deciding, team_id: TeamId, shift_id: ShiftId, starts_at: datetime, ends_at: datetime
) -> None:
    """Refuse a window that another open shift of the team overlaps, naming that one's times."""
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


def check_crew(d: Deciding, crew: Sequence[CrewMember]) -> None:
    """Refuse a crew with somebody whom the roster doesn't know, or named twice.

    Raises:
        NotFound: ``unknown_responder``.
        Invalid: ``crew_twice``.
    """
    require_known(d, crew)
    named = [m.responder_id for m in crew]
    twice = sorted({str(one) for one in named if named.count(one) > 1})
    if twice:
        raise Invalid("crew_twice", "Somebody is named twice in the crew.", responder_ids=twice)


def check_on_one_shift(d: Deciding, crew: Iterable[CrewMember], team: Team) -> None:
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


def double_booked(
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
