"""Settling a crew's claim: it is there, and its run goes on; or it is not, and that is told to it.

Decides how a run that had ended is restored: with the crew's own times, on the incident that is
open, which is opened again where it had ended. A run of an incident that was merged goes on as one
of that which it was merged into. Must not know how a claim came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from crisis.assignment import Assignment, AssignmentBegun, has_arrived
from crisis.claim_events import AssignmentMoved, AssignmentRestored, ClaimDenied
from crisis.commands import Command, RemindClaim, ReportStatus, SettleClaim
from crisis.errors import Conflict, NotFound
from crisis.ids import AssignmentId, OfferId, ShiftId, SlotNo
from crisis.incident.state import (
    Hold,
    HoldReminded,
    HoldSettled,
    Incident,
    IncidentReopened,
    SlotAdded,
)
from crisis.offer import OfferWithdrawn
from crisis.run_status import DONE, FOLLOWS, ORDER, RUN, Status
from crisis.team import Duty, Shift, ShiftEnding, ShiftStarted, Team
from dispatch.decide import dues
from dispatch.decide.alone import check_not_elsewhere
from dispatch.decide.archive import archive_if_settled
from dispatch.decide.assignments import let_happen
from dispatch.decide.claims import (
    SETTLE_WITHIN_S,
    farthest,
    hold_on,
    holder_of,
    tell_desk,
)
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.crew_check import clock_stop, codes_of
from dispatch.decide.endings import propose_close
from dispatch.decide.offers import withdraw_others
from dispatch.decide.shifts import check_on_one_shift
from dispatch.decide.situation import each_once, warning
from dispatch.decide.team_free import team_is_free
from dispatch.decide.waking import first_wake

#: A crew whose shift was ended meanwhile is on overtime at once; by then at the latest.
_OVERTIME = timedelta(hours=1)


def settle(d: Deciding, c: SettleClaim) -> dict[str, Any]:
    """Say whether the crew is there; the crew is told."""
    incident, run = d.run(c.assignment_id)
    holder = holder_of(d, incident)
    hold = hold_on(holder, run)
    if hold is None:
        raise Conflict(
            "nothing_to_settle", "This crew doesn't report being there, or that was settled."
        )
    warnings: list[dict[str, Any]] = []
    run_id = run.id
    if c.there:
        holder, run_id = _restore(d, incident, run, holder, hold, warnings)
    else:
        d.emit(ClaimDenied(incident_id=incident.id, assignment_id=run.id))
    d.emit(
        HoldSettled(
            incident_id=holder.id,
            assignment_id=run.id,
            team_id=run.team_id,
            there=c.there,
            by=d.env.actor.user_id,
        )
    )
    d.notify(f"team:{run.team_id}", "run_restored" if c.there else "claim_denied", incident=holder)
    team_is_free(d, run.team_id)
    return _settled(d, holder, run_id, warnings)


def _settled(
    d: Deciding, holder: Incident, run_id: AssignmentId, warnings: list[dict[str, Any]]
) -> dict[str, Any]:
    run = d.run(run_id)[1]
    after = d.incident(holder.id)
    is_done = run.state in DONE
    return {
        "incident_id": holder.id,
        "assignment_id": run_id,
        "state": run.state,
        "first_on_scene_at": after.first_on_scene_at,
        "proposes_close": is_done and propose_close(d, holder.id),
        "archived": archive_if_settled(d, holder.id),
        "warnings": each_once(warnings),
    }


def _restore(
    d: Deciding,
    incident: Incident,
    run: Assignment,
    holder: Incident,
    hold: Hold,
    warnings: list[dict[str, Any]],
) -> tuple[Incident, AssignmentId]:
    """Let the run go on; return the incident that it is of now, and its id there."""
    team = d.board.teams.get(run.team_id)
    if team is None:
        raise NotFound("unknown_team", "There is no such team in this county.")
    state = farthest(run, hold)
    check_not_elsewhere(d, run, _said(run, hold, state))
    if state is not Status.READY:
        _make_free(d, team, run)
    if holder.is_settled:
        wake_at = first_wake(d, holder)
        d.emit(IncidentReopened(incident_id=holder.id, reason="crew_there", wake_at=wake_at))
    slot = _slot(d, holder, run, is_own=holder.id == incident.id)
    others = [r for r in d.incident(holder.id).open_runs if r.id != run.id]
    if others:
        warnings.append(
            warning("others_on_it", "Another team is on it too: let it help, or call it off.")
        )
    withdraw_others(d, d.incident(holder.id), slot, None)
    if holder.id == incident.id:
        _go_on(d, incident, run, slot, state, hold)
        run_id = run.id
    else:
        run_id = _move(d, incident, run, holder, slot, _said(run, hold, state), warnings)
    after = d.run(run_id)[1]
    if has_arrived(after) and Status.ON_SCENE not in after.milestones:
        warnings.append(
            warning("on_scene_missing", "Say when the team arrived; the clock still runs.")
        )
    return d.incident(holder.id), run_id


def _go_on(
    d: Deciding, before: Incident, run: Assignment, slot: SlotNo, state: Status, hold: Hold
) -> None:
    said = _said(run, hold, state)
    arrived_at = said.get(Status.ON_SCENE)
    lacked, valid_at = None, run.qualified_at
    if arrived_at is not None:
        told = msgspec.structs.replace(run, milestones=said)
        lacked, valid_at = clock_stop(d, before, told, arrived_at)
    d.emit(
        AssignmentRestored(
            incident_id=before.id,
            assignment_id=run.id,
            slot=slot,
            state=state,
            milestones=said,
            qualified_at=valid_at,
            shortfalls=None if lacked is None else codes_of(lacked),
        ),
        at=hold.since,
    )
    dues.owe_after(d, before, run.id)
    dues.follow_run(d, before.id, run.id, run.state)


def _move(
    d: Deciding,
    incident: Incident,
    run: Assignment,
    holder: Incident,
    slot: SlotNo,
    said: dict[Status, datetime],
    warnings: list[dict[str, Any]],
) -> AssignmentId:
    """Let the run go on as one of the incident that its own was merged into."""
    run_id = AssignmentId(d.id("assignment"))
    stint = run.stints[-1]
    d.emit(
        AssignmentBegun(
            incident_id=holder.id,
            assignment_id=run_id,
            offer_id=OfferId(d.id("offer")),
            slot=slot,
            team_id=run.team_id,
            crew=run.crew,
            members=stint.members,
            telehealth=stint.telehealth,
            shortfalls=run.shortfalls,
        ),
        at=run.milestones[Status.ACCEPTED],
    )
    for status, at in sorted(said.items(), key=lambda one: (one[1], ORDER.index(one[0]))):
        if status is Status.ACCEPTED:
            continue
        d.occurred_at = at
        now_incident, now_run = d.run(run_id)
        report = ReportStatus(
            assignment_id=run_id, status=status, staging_reason=run.staging_reason
        )
        warnings += let_happen(d, now_incident, now_run, report)
    d.occurred_at = d.now
    d.emit(
        AssignmentMoved(
            incident_id=incident.id,
            assignment_id=run.id,
            to_incident=holder.id,
            to_assignment=run_id,
        )
    )
    return run_id


def _said(run: Assignment, hold: Hold, state: Status) -> dict[Status, datetime]:
    """Return what the crew says that it did, and when; what has no time, as of when it was told.

    What the board had taken for the run's end is left out where it wasn't.
    """
    said: dict[Status, datetime] = dict(run.milestones)
    for status, at in run.claimed.items():
        if status not in run.corrected:
            said[status] = min(at, said.get(status, at))
    said.setdefault(hold.status, hold.since)
    kept = {s: at for s, at in said.items() if s in ORDER}
    if state is not Status.READY:
        beyond = set(RUN[RUN.index(state) + 1 :]) if state in RUN else set()
        kept = {s: at for s, at in kept.items() if s not in beyond}
    return _in_order(kept)


def _in_order(said: dict[Status, datetime]) -> dict[Status, datetime]:
    """Return the instants with none before what must have come first: no help counts too early."""
    settled: dict[Status, datetime] = {}
    for status in sorted(said, key=ORDER.index):
        before = [at for s, at in settled.items() if status in FOLLOWS[s]]
        settled[status] = max(said[status], *before) if before else said[status]
    return settled


def _slot(d: Deciding, holder: Incident, run: Assignment, *, is_own: bool) -> SlotNo:
    """Return the slot that the crew meets: its own, one that waits, or one more."""
    if is_own:
        met = holder.slot_run(run.slot)
        if holder.slot(run.slot) is not None and (met is None or met.id == run.id):
            return run.slot
    unmet = [s for s in holder.slots if s.dropped is None and holder.slot_run(s.no) is None]
    if unmet:
        return unmet[0].no
    no = SlotNo(max((s.no for s in holder.slots), default=0) + 1)
    d.emit(SlotAdded(incident_id=holder.id, slot=no))
    return no


def _make_free(d: Deciding, team: Team, run: Assignment) -> None:
    """Let the team be on this run and nothing else, and on shift for it.

    Raises:
        Conflict: ``team_on_another_run``.
    """
    if team.run is not None and team.run[1] != run.id:
        other = d.incident(team.run[0])
        raise Conflict(
            "team_on_another_run",
            f"{team.call_sign} is on a run to incident {other.number}: call that off first.",
            number=other.number,
            assignment_id=str(team.run[1]),
        )
    if team.offer is not None:
        asked = d.incident(team.offer[0])
        beside = [o for o in asked.offers if o.is_pending and o.id != team.offer[1]]
        d.emit(
            OfferWithdrawn(
                incident_id=asked.id,
                offer_id=team.offer[1],
                reason="team_unavailable",
                wake_at=None if beside else d.now,
            ),
            at=d.now,
        )
    if team.duty is Duty.OFF_SHIFT:
        _on_overtime(d, team, run)


def _on_overtime(d: Deciding, team: Team, run: Assignment) -> None:
    """Put a crew whose shift was ended while it was out back on shift, until its run is over."""
    stint = run.stints[-1]
    check_on_one_shift(d, stint.members, team)
    planned = min(
        (s for s in d.board.shifts.values() if s.team_id == team.id and s.is_open),
        key=lambda s: s.starts_at,
        default=None,
    )
    takes_over = planned is not None and planned.starts_at <= d.now < planned.ends_at
    shift_id, ends_at = _shift_for(d, planned, takes_over=takes_over)
    d.emit(
        ShiftStarted(
            shift_id=shift_id,
            team_id=team.id,
            starts_at=d.now,
            ends_at=ends_at,
            crew=stint.members,
            telehealth=stint.telehealth,
        ),
        at=d.now,
    )
    if not takes_over:
        d.emit(ShiftEnding(shift_id=shift_id, team_id=team.id, reason="scheduled"), at=d.now)


def _shift_for(d: Deciding, planned: Shift | None, *, takes_over: bool) -> tuple[ShiftId, datetime]:
    if planned is not None and takes_over:
        return planned.id, planned.ends_at
    ends_at = d.now + _OVERTIME
    if planned is not None and planned.starts_at > d.now:
        ends_at = min(ends_at, planned.starts_at)
    return ShiftId(d.id("shift")), ends_at


def remind(d: Deciding, c: RemindClaim) -> dict[str, Any]:
    """Nobody has settled it: tell everybody who can, and again, until somebody has."""
    incident = d.incident(c.incident_id)
    hold = next((h for h in incident.holds if h.assignment_id == c.assignment_id), None)
    if hold is None or d.now < hold.until:
        raise Conflict("not_due", "That is settled, or was told just now.")
    until = d.in_s(SETTLE_WITHIN_S)
    d.emit(HoldReminded(incident_id=incident.id, assignment_id=c.assignment_id, until=until))
    tell_desk(d, incident, "crew_there_unsettled")
    d.notify("role:supervisor", "crew_there_unsettled", incident=incident)
    if hold.reminded:
        d.notify("role:on_call", "crew_there_unsettled", incident=incident)
    return {"incident_id": incident.id, "until": until, "warnings": []}


HANDLERS: Mapping[type[Command], Handler] = {SettleClaim: settle, RemindClaim: remind}
