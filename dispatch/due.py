"""What is due: deadlines are state, and this reads them off a board.

Decides which timer commands and wake-ups an instant calls for, when the next will be, and what
stays overdue although the clockwork should have seen to it. A missed tick is harmless: whatever it
missed is still due at the next. Must not know clocks; the caller asks each second and after what
it has changed itself, or jumps from one ``next_due`` to the next.

A due thing is one that ``decide`` will act upon or refuse for good: everything left out here is
left out of ``next_due`` too, so that asking at ``next_due`` always finds something.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crisis.board import Board, Change
from crisis.commands import (
    Command,
    EndShift,
    Envelope,
    EscalateDuress,
    ExpireOffer,
    FlagCall,
    FlagIncident,
    MissObligation,
    OverdueKind,
    RemindClaim,
)
from crisis.ids import IncidentId, timer_command_id
from crisis.incident.state import IncidentState
from crisis.obligation import ObligationState
from crisis.roles import THE_SERVICE
from crisis.rules import Rules
from crisis.shapes import Value
from crisis.states import Source
from crisis.team import Duty
from dispatch.choose.seek import Seeker, Sent, WakeUp
from dispatch.decide.callers import told_at
from dispatch.decide.flags import marks


class TimerCommand(Value, frozen=True, kw_only=True):
    """A command of the clockwork; its id is the same on every node that meets the deadline."""

    envelope: Envelope


Due = TimerCommand | WakeUp


class Overdue(Value, frozen=True, kw_only=True):
    """Something due that nobody has seen to, which is a fault of the clockwork.

    Attributes:
        kind: duress, offer, search, obligation, shift, flag, claim or call.
        subject: id of the alarm, offer, obligation, shift or call; ``<incident>/<slot>`` of a
            search, ``<incident>/<flag>`` of a mark, ``<incident>/<run>`` of a crew's claim.
        due_at: when it was due.
        late_s: seconds since then.
        incident_id: what it is about; ``None`` = about none.
    """

    kind: OverdueKind
    subject: str
    due_at: datetime
    late_s: float
    incident_id: IncidentId | None = None


#: One deadline: when, what kind of thing (its order among equals), the thing itself, and the rung
#: that an alarm or a search will take, else 0. A plain tuple: thousands are made each second.
_Deadline = tuple[datetime, int, Any, int]
_ALARM, _OFFER, _SEARCH, _OWED, _SHIFT, _FLAG, _CLAIM, _CALL = range(8)
_KINDS: tuple[OverdueKind, ...] = (
    "duress",
    "offer",
    "search",
    "obligation",
    "shift",
    "flag",
    "claim",
    "call",
)

#: A search that found nobody is repeated because teams were freed no sooner than this.
SEARCH_AGAIN = timedelta(seconds=15)


def next_due(board: Board, rules: Rules) -> datetime | None:
    """Return the earliest instant at which something is due, perhaps in the past.

    ``None`` = nothing on the board waits for an instant.
    """
    return min((deadline[0] for deadline in _deadlines(board, rules)), default=None)


def due(board: Board, now: datetime, rules: Rules) -> tuple[Due, ...]:
    """Return everything that ``now`` calls for: alarms first, then as it fell due.

    Empty exactly when ``next_due`` is ``None`` or later than ``now``.
    """
    ready = [deadline for deadline in _deadlines(board, rules) if deadline[0] <= now]
    ready.sort(key=lambda one: (one[1] != _ALARM, one[0], one[1], _name(one)))
    return tuple(_calls_for(board, deadline) for deadline in ready)


def overdue(board: Board, now: datetime, rules: Rules) -> tuple[Overdue, ...]:
    """Return what has been due for longer than the policy's watchdog allows, the oldest first."""
    watchdog = timedelta(seconds=rules.policy.offers.watchdog_s)
    late = []
    for deadline in _deadlines(board, rules):
        due_at = _since(board, deadline)
        if now - due_at > watchdog:
            late.append(
                Overdue(
                    kind=_KINDS[deadline[1]],
                    subject=_name(deadline),
                    due_at=due_at,
                    late_s=(now - due_at).total_seconds(),
                    incident_id=_incident_of(board, deadline),
                )
            )
    return tuple(sorted(late, key=lambda one: (one.due_at, one.subject)))


def is_due(board: Board, changes: Iterable[Change], now: datetime, rules: Rules) -> bool:
    """Whether something of what was changed is due, without a look at all the rest.

    ``board``: after the changes. Whatever they made due is among what is looked at.
    """
    part = _part(board, changes)
    return any(deadline[0] <= now for deadline in _deadlines(board, rules, part))


def _part(board: Board, changes: Iterable[Change]) -> Board:
    """Return the board without what was neither changed nor hangs on what was."""
    held: dict[str, dict[Any, Any]] = {kind: {} for kind in _HELD}
    for kind, entity, on_board in changes:
        if on_board and kind in held and (newest := getattr(board, kind).get(entity.id)):
            held[kind][entity.id] = newest
    asked = (o.team_id for i in held["incidents"].values() for o in i.offers if o.is_pending)
    alarmed = (alarm.team_id for alarm in held["duress"].values() if alarm.team_id is not None)
    teams = {one: board.teams[one] for one in (*asked, *alarmed) if one in board.teams}
    held["teams"] |= teams
    for team in held["teams"].values():
        if team.shift_id in board.shifts:
            held["shifts"][team.shift_id] = board.shifts[team.shift_id]
        if team.is_free and team.freed_at == board.freed_at:
            # It may be what any slot waits for.
            held["incidents"] = dict(board.incidents)
    return msgspec.structs.replace(board, **held)


#: The board's fields whose things have deadlines, or are what deadlines hang on.
_HELD = ("incidents", "teams", "shifts", "calls", "duress", "obligations")


def _deadlines(board: Board, rules: Rules, part: Board | None = None) -> Iterator[_Deadline]:
    """Yield the deadlines of all things of a part of the board; ``None`` = of all of it."""
    part = part or board
    yield from _alarms(part)
    yield from _calls(part, rules)
    yield from _offers(part, board)
    yield from _searches(part, board)
    yield from _claims(part)
    yield from _owed(part)
    yield from _shifts(part, board)
    yield from _flags(part, rules)


def _alarms(board: Board) -> Iterator[_Deadline]:
    for alarm in board.duress.values():
        if alarm.next_rung_at is not None:
            yield alarm.next_rung_at, _ALARM, alarm, alarm.rung + 1


def _calls(board: Board, rules: Rules) -> Iterator[_Deadline]:
    """Callers who wait for us: a call has no policy of its own but the newest."""
    for call in board.calls.values():
        at = told_at(call, rules.policy)
        if at is not None:
            yield at, _CALL, call, call.told


def _offers(part: Board, board: Board) -> Iterator[_Deadline]:
    """Pending offers, by their teams: each has one at most, and there are few teams."""
    for team in part.teams.values():
        if team.offer is None:
            continue
        incident = board.incidents.get(team.offer[0])
        offer = incident.offer(team.offer[1]) if incident is not None else None
        if offer is not None and offer.is_pending:
            yield offer.expires_at, _OFFER, offer, 0


def _searches(part: Board, board: Board) -> Iterator[_Deadline]:
    """Slots that wait for a team: at their own instant, or once a team has been freed since.

    Every one has an instant: what nobody gave one is due since its incident was determined. Only
    those of an incident that was kept on paper wait for people alone.

    Only a team that is free counts, and only one that was freed since the last search. In a busy
    county teams are freed all the time and found unfit again: a slot is looked at no more than once
    for each, and not more often than every ``SEARCH_AGAIN``.
    """
    newest, freed = board.freed_at, None
    for incident in part.incidents.values():
        if incident.state is not IncidentState.DETERMINED or incident.back_entered:
            continue
        if incident.holds:
            continue  # a person settles first whether a crew is there already
        for slot in incident.slots:
            at = slot.wake_at or incident.own_determined_at or incident.received_at
            if slot.exhausted_at is not None and newest is not None and newest >= slot.exhausted_at:
                # What was freed in the very instant of the search may have come after it.
                freed = _freed(board) if freed is None else freed
                since = bisect_left(freed, slot.exhausted_at)
                if since < len(freed):
                    at = min(at, max(freed[since], slot.exhausted_at + SEARCH_AGAIN))
            if slot in incident.waiting_slots():
                yield at, _SEARCH, (incident, slot), slot.rung + 1


def _claims(board: Board) -> Iterator[_Deadline]:
    """Crews that report being there, unsettled: told again and again until somebody has."""
    for incident in board.incidents.values():
        for hold in incident.holds:
            yield hold.until, _CLAIM, (incident, hold), hold.reminded


def _freed(board: Board) -> list[datetime]:
    return sorted(
        team.freed_at
        for team in board.teams.values()
        if team.freed_at is not None and team.is_free and team.lent_to is None
    )


def _owed(board: Board) -> Iterator[_Deadline]:
    due_state = ObligationState.DUE
    for obligation in board.obligations.values():
        if obligation.state is due_state:
            yield obligation.lapses_at, _OWED, obligation, 0
        elif obligation.again_at is not None:
            yield obligation.again_at, _OWED, obligation, obligation.told


def _shifts(part: Board, board: Board) -> Iterator[_Deadline]:
    """Shifts past their end, and those on overtime whose team has nothing open any more."""
    alarmed = {alarm.team_id for alarm in board.duress.values() if alarm.is_open}
    for shift in part.shifts.values():
        if not shift.is_open:
            continue
        team = board.teams.get(shift.team_id)
        if shift.started_at is None or team is None or team.duty is not Duty.ENDING:
            yield shift.ends_at, _SHIFT, shift, 0
        elif team.offer is None and team.run is None and team.id not in alarmed:
            yield team.duty_since or shift.ends_at, _SHIFT, shift, 1


def _flags(board: Board, rules: Rules) -> Iterator[_Deadline]:
    for incident in board.incidents.values():
        for mark in marks(incident, rules.policy_of(incident.policy_version)):
            yield mark.at, _FLAG, (incident, mark), 0


def _since(board: Board, deadline: _Deadline) -> datetime:
    """Return since when the clockwork should have seen to it.

    When the last open thing of a team on overtime ended isn't kept; the board's last event is the
    latest that it can have been.
    """
    at, order, _, rung = deadline
    if order == _SHIFT and rung == 1:
        return board.last_recorded_at or at
    return at


def _name(deadline: _Deadline) -> str:
    _, order, thing, _ = deadline
    if order == _SEARCH:
        incident, slot = thing
        return f"{incident.id}/{slot.no}"
    if order == _FLAG:
        incident, mark = thing
        return f"{incident.id}/{mark.flag}/{mark.about}"
    if order == _CLAIM:
        incident, hold = thing
        return f"{incident.id}/{hold.assignment_id}"
    return str(thing.id)


def _incident_of(board: Board, deadline: _Deadline) -> IncidentId | None:
    _, order, thing, _ = deadline
    if order in {_SEARCH, _FLAG, _CLAIM}:
        about: IncidentId = thing[0].id
        return about
    if order == _OFFER:
        return board.offers.get(thing.id)
    return thing.incident_id if order in {_OWED, _CALL} else None


def _calls_for(board: Board, deadline: _Deadline) -> Due:
    at, order, thing, rung = deadline
    if order == _SEARCH:
        incident, slot = thing
        return WakeUp(incident_id=incident.id, slot=slot.no, rung=rung, due_at=at)
    command: Command
    if order == _ALARM:
        command = EscalateDuress(duress_id=thing.id, rung=rung)
    elif order == _OFFER:
        command = ExpireOffer(offer_id=thing.id)
    elif order == _CALL:
        command = FlagCall(call_id=thing.id)
    elif order == _OWED:
        command = MissObligation(obligation_id=thing.id)
    elif order == _FLAG:
        incident, mark = thing
        command = FlagIncident(incident_id=incident.id, flag=mark.flag, about=mark.about)
    elif order == _CLAIM:
        incident, hold = thing
        command = RemindClaim(incident_id=incident.id, assignment_id=hold.assignment_id)
    else:
        command = EndShift(shift_id=thing.id)
    return TimerCommand(
        envelope=Envelope(
            county_id=board.county_id,
            command_id=timer_command_id(
                board.county_id, _name(deadline), f"{_KINDS[order]}/{rung}", at.isoformat()
            ),
            actor=THE_SERVICE,
            source=Source.TIMER,
            command=command,
        )
    )


def seen_to(item: Due, board: Board, rules: Rules, seeker: Seeker, now: datetime) -> Sent:
    """Return the command that sees to something due, with the record that it keeps.

    Raises:
        NotFound: what it is about has left the board.
    """
    if isinstance(item, TimerCommand):
        return item.envelope, ()
    return seeker.answer(board, rules, item, now=now)
