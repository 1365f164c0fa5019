"""Recorded calls replayed: each act at its recorded instant, written in groups as back-entries.

Decides which commands a recorded call becomes, and in which order those of all calls are sent. The
determination, the offer, the arrival and the end carry the instants of the record to the second, so
that the report shows what the county's own records say. What wasn't recorded isn't made up: such a
call goes as far as its record does. Ids of new things follow from their commands' ids, so that what
follows needn't wait for the answer: a group of acts is written at once. All of it is entered
afterwards, which rings no alarm and sends nothing. Must not know the database.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

from crisis.assignment import Status
from crisis.clock import FakeClock, new_id
from crisis.commands import (
    AcceptOffer,
    AddSlot,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    Determine,
    EndCall,
    Envelope,
    OfferCall,
    OfferTeam,
    OpenIncident,
    PlaceInput,
    ReportStatus,
)
from crisis.effects import Answer
from crisis.errors import CrisisError, Unavailable
from crisis.ids import AssignmentId, CallId, CommandId, CountyId, IncidentId, OfferId, derived
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.triage import Acuity
from dispatch.sim.recorded import LOST_ARRIVAL as _LOST_ARRIVAL
from dispatch.sim.recorded import BadRow, RecordedCall, Unit
from dispatch.sim.roster import MadeUpTeam, TeamPool

#: Why a replayed team is asked although another may be recommended: the record says so.
_AS_RECORDED = "other"
#: The record doesn't say why a call was called off, or not served.
_CANCELLED, _UNSERVED, _NO_DISPATCH = "caller_cancelled", "no_team_available", "resolved_by_phone"
#: Commands sent before the first answer is waited for, and over how long a time at most: the
#: service enters no more than some days afterwards.
_GROUP, _SPAN = 256, timedelta(days=2)
#: What whoever enters a replay must be.
ROLES = frozenset({Role.DISPATCHER, Role.SUPERVISOR, Role.ADMIN})
_REASON = "other_system"

#: Told how many acts are done, of how many.
Progress = Callable[[int, int], None]
#: Sends a command; its refusal is raised.
Submit = Callable[[Envelope], Awaitable[Answer]]


class Act(IntEnum):
    """What happens at a recorded instant; in this order where several fall on one."""

    RECEIVED = 0
    DETERMINED = 1
    DISPATCHED = 2
    ARRIVED = 3
    DEPARTED = 4
    ENDED = 5


#: How far a call was followed.
REACHED: dict[Act, str] = {
    Act.RECEIVED: "received",
    Act.DETERMINED: "determined",
    Act.DISPATCHED: "dispatched",
    Act.ARRIVED: "arrived",
    Act.DEPARTED: "cleared",
}


@dataclass(slots=True)
class Account:
    """What became of the rows: every one read was replayed or refused.

    Attributes:
        replayed: how many rows.
        responses: how many calls they were.
        reached: how far the replayed ones were followed → how many.
        last_at: the last instant replayed; ``None`` = none was.
        overtaken: acts that the service refused because they came too late, by code.
    """

    replayed: int = 0
    responses: int = 0
    refused: list[BadRow] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    teams: int = 0
    last_at: datetime | None = None
    overtaken: Counter[str] = field(default_factory=Counter)

    def take(self, call: RecordedCall, reached: str, refusal: str | None) -> None:
        """Add what became of a call."""
        if refusal is not None:
            rows = call.rows or (call.row,)
            self.refused += [BadRow(row=row, reason=refusal) for row in rows]
            return
        self.replayed += call.row_count
        self.responses += 1
        self.reached[reached] += 1


@dataclass(slots=True, eq=False)
class _Under:
    """A call under replay."""

    call: RecordedCall
    incident_id: IncidentId | None = None
    legs: list[_Leg] = field(default_factory=list)
    sent: int = 0
    reached: str = ""
    refusal: str | None = None


@dataclass(slots=True, eq=False)
class _Leg:
    """What one unit does for a call: the call's own, or another."""

    under: _Under
    unit: Unit
    run_id: AssignmentId | None = None
    team: MadeUpTeam | None = None


def units_of(call: RecordedCall) -> tuple[Unit, ...]:
    """Return what every unit of a call did, the one whose arrival counts first."""
    own = Unit(row=call.row, dispatch=call.dispatch, arrival=call.arrival, departure=call.departure)
    if call.why_unmeasurable == _LOST_ARRIVAL and call.dispatch is None:
        own = Unit(row=call.row, dispatch=call.determined, departure=call.departure)
    return (own, *call.others)


def schedule(calls: Sequence[RecordedCall]) -> list[tuple[datetime, int, Act]]:
    """Return all acts in the order in which they happened: instant, number of the unit, act.

    Units are numbered through all calls: first each call's own, then the others of each.
    """
    units = [(call, units_of(call)[0]) for call in calls]
    units += [(call, unit) for call in calls for unit in units_of(call)[1:]]
    acts = [
        (at, number, act)
        for number, (call, unit) in enumerate(units)
        for at, act in _acts_of(call, unit, is_own=number < len(calls))
    ]
    return sorted(acts, key=lambda item: (item[0], units[item[1]][0].row, item[2], item[1]))


def _acts_of(call: RecordedCall, unit: Unit, *, is_own: bool) -> list[tuple[datetime, Act]]:
    acts = [(call.received_at, Act.RECEIVED)] if is_own else []
    if call.outcome == "no_dispatch":
        return [*acts, (call.ended or call.received_at, Act.ENDED)] if is_own else []
    lost = call.why_unmeasurable
    if call.determined is None or lost not in (None, _LOST_ARRIVAL):
        return acts
    acts += [(call.determined, Act.DETERMINED)] if is_own else []
    if unit.dispatch is None:
        pass
    elif is_own and lost == _LOST_ARRIVAL:
        # Nobody knows when, but a team was there.
        left = unit.departure or unit.dispatch
        acts += [(unit.dispatch, Act.DISPATCHED), (left, Act.ARRIVED), (left, Act.DEPARTED)]
    else:
        acts += _of_run(unit)
    if is_own and call.outcome and call.ended is not None:
        acts.append((call.ended, Act.ENDED))
    return acts


def _of_run(unit: Unit) -> list[tuple[datetime, Act]]:
    run = (
        (unit.dispatch, Act.DISPATCHED),
        (unit.arrival, Act.ARRIVED),
        (unit.departure, Act.DEPARTED),
    )
    acts = []
    for at, act in run:
        if at is None:
            break
        acts.append((at, act))
    return acts


class Replay:
    """Sends recorded calls to a county.

    Args:
        clock: the county's; it stands at or before the first call.
        teams: whose teams are sent.
        actor: who enters it, with ``ROLES``.
        submit: sends a command to the county's service.
    """

    def __init__(
        self,
        county_id: CountyId,
        clock: FakeClock,
        teams: TeamPool,
        actor: Actor,
        submit: Submit,
    ) -> None:
        self._actor = actor
        self._county_id = county_id
        self._clock = clock
        self._teams = teams
        self._submit = submit
        self._group: list[tuple[_Under | None, Act, Envelope]] = []

    async def run(
        self, calls: Sequence[RecordedCall], progress: Progress = lambda done, of: None
    ) -> Account:
        """Send every act at its instant, and return what became of the rows.

        Raises:
            Unavailable: the service is gone.
        """
        under = [_Under(call) for call in calls]
        legs = [_Leg(one, units_of(one.call)[0]) for one in under]
        legs += [_Leg(one, unit) for one in under for unit in units_of(one.call)[1:]]
        for leg in legs:
            leg.under.legs.append(leg)
        acts = schedule(calls)
        for done, (at, number, act) in enumerate(acts):
            leg = legs[number]
            if self._is_full(at):
                await self._write()
                progress(done, len(acts))
            if leg.under.refusal is None:
                self._carry_out(leg, act, at)
        await self._write()
        progress(len(acts), len(acts))
        account = Account(teams=self._teams.size, last_at=acts[-1][0] if acts else None)
        for one in under:
            account.take(one.call, one.reached, one.refusal)
        return account

    def _is_full(self, at: datetime) -> bool:
        if not self._group:
            return False
        first = self._group[0][2].occurred_at or at
        return len(self._group) >= _GROUP or at - first > _SPAN

    async def _write(self) -> None:
        """Write the group, and note of each call its first refusal."""
        group, self._group = self._group, []
        if not group:
            return
        last = max(env.occurred_at for _, _, env in group if env.occurred_at is not None)
        self._clock.set(max(last, self._clock.now()))
        waiting = [self._submit(env) for _, _, env in group]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        for (one, act, _), answer in zip(group, answers, strict=True):
            if isinstance(answer, CrisisError) and not isinstance(answer, Unavailable):
                if one is not None and one.refusal is None:
                    one.refusal = f"refused by the service ({act.name.lower()}): {answer.detail}"
                    self._leave_out(one)
            elif isinstance(answer, BaseException):
                raise answer

    def _leave_out(self, one: _Under) -> None:
        # After a refusal it isn't known whether its teams are free.
        for leg in one.legs:
            if leg.team is not None:
                self._teams.leave_out(leg.team)

    def _send(self, command: Command, at: datetime, act: Act, one: _Under | None = None) -> UUID:
        """Let the command be sent with its group; returns its id, from which others follow."""
        command_id = CommandId(new_id())
        self._group.append(
            (
                one,
                act,
                Envelope(
                    county_id=self._county_id,
                    command_id=command_id,
                    actor=self._actor,
                    source=Source.BACK_ENTRY,
                    occurred_at=at,
                    reason=_REASON,
                    command=command,
                ),
            )
        )
        return command_id

    # Acts

    def _carry_out(self, leg: _Leg, act: Act, at: datetime) -> None:
        one = leg.under
        match act:
            case Act.RECEIVED:
                self._receive(one, at)
            case Act.DETERMINED:
                determined = Determine(
                    incident_id=_incident(one),
                    decision="dispatch",
                    acuity=Acuity.URGENT,
                )
                self._send(determined, at, act, one)
            case Act.DISPATCHED:
                self._dispatch(leg, at)
            case Act.ARRIVED:
                # A team that was there at an instant nobody knows met somebody, and no more.
                is_lost = one.call.why_unmeasurable == _LOST_ARRIVAL and leg is one.legs[0]
                status = Status.CONTACT if is_lost else Status.ON_SCENE
                arrived = ReportStatus(assignment_id=_run(leg), status=status, said_by="team")
                self._send(arrived, at, act, one)
            case Act.DEPARTED:
                self._clear(leg, at)
            case Act.ENDED:
                self._end(one, at)
        one.reached = REACHED.get(act, one.call.outcome)

    def _receive(self, one: _Under, at: datetime) -> None:
        call = one.call
        taken = OfferCall(referral_source=call.source, answered=True)
        call_id = CallId(derived(self._send(taken, at, Act.RECEIVED, one), "call"))
        opened = OpenIncident(
            call_id=call_id,
            place=PlaceInput(point=call.place),
            referral_source=call.source,
            concerns=() if call.concern is None else (call.concern,),
            paper_number=f"row-{call.row}",
        )
        opened_id = self._send(opened, at, Act.RECEIVED, one)
        one.incident_id = IncidentId(derived(opened_id, "incident"))
        self._send(EndCall(call_id=call_id), at, Act.RECEIVED, one)

    def _dispatch(self, leg: _Leg, at: datetime) -> None:
        one, act = leg.under, Act.DISPATCHED
        leg.team = self._teams.take(at, lambda command: self._send(command, at, act))
        if one.sent:
            self._send(AddSlot(incident_id=_incident(one)), at, act, one)
        one.sent += 1
        offered = OfferTeam(
            incident_id=_incident(one), team_id=leg.team.team_id, override_reason=_AS_RECORDED
        )
        offer_id = OfferId(derived(self._send(offered, at, act, one), "offer"))
        accepted = AcceptOffer(offer_id=offer_id, said_by="team")
        leg.run_id = AssignmentId(derived(self._send(accepted, at, act, one), "assignment"))

    def _clear(self, leg: _Leg, at: datetime) -> None:
        one, act = leg.under, Act.DEPARTED
        self._send(ClearAssignment(assignment_id=_run(leg), said_by="team"), at, act, one)
        self._free(leg)
        if one.call.outcome or any(other.team and other.unit.arrival for other in one.legs):
            return
        if any(other.run_id is None and other.unit.dispatch for other in one.legs):
            return  # another unit comes later
        for other in one.legs:
            if other.team is not None:
                self._call_off(other, at, still_needed=False)
        self._send(CloseIncident(incident_id=_incident(one)), at, act, one)

    def _call_off(self, leg: _Leg, at: datetime, *, still_needed: bool) -> None:
        off = CancelAssignment(
            assignment_id=_run(leg), reason="capacity", still_needed=still_needed
        )
        self._send(off, at, Act.ENDED, leg.under)
        self._free(leg)

    def _end(self, one: _Under, at: datetime) -> None:
        incident_id, act = _incident(one), Act.ENDED
        match one.call.outcome:
            case "no_dispatch":
                no_team = Determine(
                    incident_id=incident_id, decision="no_dispatch", reason=_NO_DISPATCH
                )
                self._send(no_team, at, act, one)
            case "unserved":
                for leg in one.legs:
                    if leg.team is not None:
                        self._call_off(leg, at, still_needed=True)
                unserved = CloseIncident(
                    incident_id=incident_id, outcome="unserved", reason=_UNSERVED
                )
                self._send(unserved, at, act, one)
            case _:
                self._send(CancelIncident(incident_id=incident_id, reason=_CANCELLED), at, act, one)
        for leg in one.legs:
            self._free(leg)

    def _free(self, leg: _Leg) -> None:
        if leg.team is not None:
            self._teams.give_back(leg.team)
        leg.team = None


def receive(call: RecordedCall, send: Callable[[Command], dict[str, Any]]) -> IncidentId:
    """Take the call at a desk, open its incident and end the call."""
    taken = send(OfferCall(referral_source=call.source, answered=True))
    call_id = CallId(UUID(str(taken["call_id"])))
    opened = send(
        OpenIncident(
            call_id=call_id,
            place=PlaceInput(point=call.place),
            referral_source=call.source,
            concerns=() if call.concern is None else (call.concern,),
        )
    )
    send(EndCall(call_id=call_id))
    return IncidentId(UUID(str(opened["incident_id"])))


def _incident(one: _Under) -> IncidentId:
    if one.incident_id is None:
        raise AssertionError("nothing of a call comes before it was received")
    return one.incident_id


def _run(leg: _Leg) -> AssignmentId:
    if leg.run_id is None:
        raise AssertionError("nothing of a run comes before the dispatch")
    return leg.run_id
