"""Recorded calls replayed: each act at its recorded instant, on a clock that goes from one to next.

Decides which commands a recorded call becomes, and in which order those of all calls are sent. The
determination, the offer, the arrival and the end carry the instants of the record to the second, so
that the report shows what the county's own records say. What wasn't recorded isn't made up: such a
call goes as far as its record does. Must not know how commands reach the service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from crisis.assignment import Status
from crisis.clock import FakeClock
from crisis.commands import (
    AcceptOffer,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Determine,
    EndCall,
    OfferCall,
    OfferTeam,
    OpenIncident,
    PlaceInput,
    ReportStatus,
)
from crisis.errors import CrisisError, Unavailable
from crisis.ids import AssignmentId, CallId, IncidentId, OfferId
from crisis.triage import Acuity
from dispatch.sim.calls import BadRow, RecordedCall
from dispatch.sim.desk import Desk
from dispatch.sim.roster import MadeUpTeam, TeamPool

#: Why a replayed team is asked although another may be recommended: the record says so.
_AS_RECORDED = "other"
#: The record doesn't say why a call was called off, or not served.
_CANCELLED, _UNSERVED, _NO_DISPATCH = "caller_cancelled", "no_team_available", "resolved_by_phone"

#: Told how many acts are done, of how many.
Progress = Callable[[int, int], None]


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
        reached: how far the replayed ones were followed → how many.
        last_at: the last instant replayed; ``None`` = none was.
        overtaken: acts that the service refused because they came too late, by code.
    """

    replayed: int = 0
    refused: list[BadRow] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    teams: int = 0
    last_at: datetime | None = None
    overtaken: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Under:
    """A call under replay."""

    call: RecordedCall
    incident_id: IncidentId | None = None
    run_id: AssignmentId | None = None
    team: MadeUpTeam | None = None
    reached: str = ""
    refusal: str | None = None


def schedule(calls: Sequence[RecordedCall]) -> list[tuple[datetime, int, Act]]:
    """Return all acts in the order in which they happened: instant, index of the call, act."""
    acts = [(at, index, act) for index, call in enumerate(calls) for at, act in _acts_of(call)]
    return sorted(acts, key=lambda item: (item[0], calls[item[1]].row, item[2]))


def _acts_of(call: RecordedCall) -> list[tuple[datetime, Act]]:
    acts = [(call.received_at, Act.RECEIVED)]
    if call.outcome == "no_dispatch":
        return [*acts, (call.ended or call.received_at, Act.ENDED)]
    recorded = (
        (call.determined, Act.DETERMINED),
        (call.dispatch, Act.DISPATCHED),
        (call.arrival, Act.ARRIVED),
        (call.departure, Act.DEPARTED),
    )
    for at, act in recorded:
        if at is None:
            break
        acts.append((at, act))
    if call.outcome and call.ended is not None:
        acts.append((call.ended, Act.ENDED))
    return acts


async def replay(
    calls: Sequence[RecordedCall],
    clock: FakeClock,
    desk: Desk,
    teams: TeamPool,
    progress: Progress = lambda done, of: None,
) -> Account:
    """Send every act at its instant, and return what became of the rows.

    Args:
        clock: the county's; it stands at or before the first call.
        teams: whose teams are sent.

    Raises:
        Unavailable: the service is gone.
    """
    under = [_Under(call) for call in calls]
    acts = schedule(calls)
    for done, (at, index, act) in enumerate(acts):
        one = under[index]
        if one.refusal is None:
            clock.set(max(at, clock.now()))
            await _carry_out(one, act, desk, teams, at)
        progress(done + 1, len(acts))
    account = Account(teams=teams.size, last_at=acts[-1][0] if acts else None)
    for one in under:
        if one.refusal is not None:
            account.refused.append(BadRow(row=one.call.row, reason=one.refusal))
        else:
            account.replayed += 1
            account.reached[one.reached] += 1
    return account


async def _carry_out(one: _Under, act: Act, desk: Desk, teams: TeamPool, now: datetime) -> None:
    try:
        match act:
            case Act.RECEIVED:
                await _receive(one, desk)
            case Act.DETERMINED:
                await desk.send(_determination(_incident(one)))
            case Act.DISPATCHED:
                await _dispatch(one, desk, teams, now)
            case Act.ARRIVED:
                arrived = ReportStatus(
                    assignment_id=_run(one), status=Status.ON_SCENE, said_by="team"
                )
                await desk.send(arrived)
            case Act.DEPARTED:
                await _clear(one, desk, teams)
            case Act.ENDED:
                await _end(one, desk, teams)
    except Unavailable:
        raise
    except CrisisError as refusal:
        one.refusal = f"refused by the service ({act.name.lower()}): {refusal.detail}"
        _free(one, teams)
    else:
        one.reached = REACHED.get(act, one.call.outcome)


async def _receive(one: _Under, desk: Desk) -> None:
    one.incident_id = await receive(one.call, desk)


async def receive(call: RecordedCall, desk: Desk) -> IncidentId:
    """Take the call, open its incident and end the call."""
    taken = await desk.send(OfferCall(referral_source=call.source, answered=True))
    call_id = CallId(_id(taken, "call_id"))
    opened = await desk.send(
        OpenIncident(
            call_id=call_id,
            place=PlaceInput(point=call.place),
            referral_source=call.source,
            concerns=() if call.concern is None else (call.concern,),
        )
    )
    await desk.send(EndCall(call_id=call_id))
    return IncidentId(_id(opened, "incident_id"))


def _determination(incident_id: IncidentId) -> Determine:
    return Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)


async def _dispatch(one: _Under, desk: Desk, teams: TeamPool, now: datetime) -> None:
    one.team = await teams.take(now)
    offered = await desk.send(
        OfferTeam(
            incident_id=_incident(one), team_id=one.team.team_id, override_reason=_AS_RECORDED
        )
    )
    offer_id = OfferId(_id(offered, "offer_id"))
    accepted = await desk.send(AcceptOffer(offer_id=offer_id, said_by="team"))
    one.run_id = AssignmentId(_id(accepted, "assignment_id"))


async def _clear(one: _Under, desk: Desk, teams: TeamPool) -> None:
    cleared = ClearAssignment(assignment_id=_run(one), said_by="team")
    await desk.send(cleared)
    _free(one, teams)
    if not one.call.outcome:
        await desk.send(CloseIncident(incident_id=_incident(one)))


async def _end(one: _Under, desk: Desk, teams: TeamPool) -> None:
    incident_id = _incident(one)
    match one.call.outcome:
        case "no_dispatch":
            no_team = Determine(
                incident_id=incident_id, decision="no_dispatch", reason=_NO_DISPATCH
            )
            await desk.send(no_team)
        case "unserved":
            if one.team is not None:
                called_off = CancelAssignment(
                    assignment_id=_run(one), reason="capacity", still_needed=True
                )
                await desk.send(called_off)
            await desk.send(
                CloseIncident(incident_id=incident_id, outcome="unserved", reason=_UNSERVED)
            )
        case _:
            await desk.send(CancelIncident(incident_id=incident_id, reason=_CANCELLED))
    _free(one, teams)


def _free(one: _Under, teams: TeamPool) -> None:
    # After a refusal it isn't known whether the team is free: it is left out of the pool.
    if one.team is not None and one.refusal is None:
        teams.give_back(one.team)
    one.team = None


def _incident(one: _Under) -> IncidentId:
    if one.incident_id is None:
        raise AssertionError("nothing of a call comes before it was received")
    return one.incident_id


def _run(one: _Under) -> AssignmentId:
    if one.run_id is None:
        raise AssertionError("nothing of a run comes before the dispatch")
    return one.run_id


def _id(result: dict[str, Any], name: str) -> UUID:
    return UUID(str(result[name]))
