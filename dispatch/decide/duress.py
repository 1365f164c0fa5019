"""Duress: the alarm of a team member, and the ladder that it climbs until a person has it in hand.

Decides who rings when. Raising is refused to nobody who is known, with a team or without, on shift
or off, signed in or not any more; what of it can't be believed is marked. Pressing again is the
same alarm, so that nobody can flood a desk. The ladder repeats its last rung, so that it never
falls silent. Alarms entered after an outage ring nothing. Nothing is ever sent to the phone that
raised it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crisis.commands import (
    AcknowledgeDuress,
    Command,
    EscalateDuress,
    RaiseDuress,
    ResolveDuress,
    SendHelp,
)
from crisis.duress import (
    Doubt,
    Duress,
    DuressAcknowledged,
    DuressEscalated,
    DuressHelpSent,
    DuressLeft,
    DuressRaised,
    DuressResolved,
    DuressState,
)
from crisis.errors import Conflict, NotAllowed, NotFound
from crisis.ids import DuressId, ResponderId, TeamId, UserId
from crisis.incident.state import Incident
from crisis.policy import DuressPolicy
from crisis.rights import Act, may
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.owed import next_check_in
from dispatch.decide.team_free import team_is_free

#: The rungs after the raising: who is told, and by which message. The last one repeats.
LADDER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("supervisor", ("role:supervisor",)),
    ("on_call", ("role:on_call", "role:supervisor")),
    ("watchdog", ("role:on_call", "role:supervisor", "role:dispatcher", "role:lead", "role:admin")),
)


def raise_duress(d: Deciding, c: RaiseDuress) -> dict[str, Any]:
    """Let an alarm ring; the same person's open alarm is answered with its own id."""
    actor = d.env.actor
    doubts = list(c.doubts)
    team_id, responder_id = _whose(d, c, doubts)
    if d.out_of_bounds is not None:
        doubts.append(Doubt.TIME)
    told = {"doubts": doubts}
    # Only the clockwork knows of a missed check-in.
    timed = actor.is_service or c.cause != "missed_check_in"
    known = _same_person(d, responder_id, team_id) or _same_tracker(d, c.cause, team_id)
    if known is not None:
        _ring_again(d, known)
        return {"duress_id": known.id, "state": known.state, "again": True, **told}
    cause = c.cause if timed else "button"
    duress_id = raise_alarm(d, team_id, responder_id, cause, tuple(doubts))
    return {"duress_id": duress_id, "state": DuressState.RAISED, "again": False, **told}


def _ring_again(d: Deciding, alarm: Duress) -> None:
    """Tell whoever has it in hand; and the desk, where they may have turned to other things."""
    if alarm.state is DuressState.RAISED:
        # Its ladder rings as it is.
        return
    if alarm.acknowledged_by is not None:
        d.notify(f"user:{alarm.acknowledged_by}", "duress_again")
    settled_at = alarm.acknowledged_at
    after = timedelta(seconds=d.policy.duress.on_call_after_s)
    if settled_at is None or d.now - settled_at > after:
        d.notify("role:dispatcher", "duress_again")


def _whose(
    d: Deciding, c: RaiseDuress, doubts: list[Doubt]
) -> tuple[TeamId | None, ResponderId | None]:
    """Return whose alarm it is, as far as it can be known; ``None`` = it can't.

    Who has a team or stands in the roster is in danger themselves, whatever ids they sent. Desks,
    and systems that were let in for it, speak for others. Ids that exist nowhere are no one's.
    """
    actor = d.env.actor
    team_id, responder_id = c.team_id, c.responder_id
    if team_id is not None and team_id not in d.board.teams:
        doubts.append(Doubt.UNKNOWN_TEAM)
        team_id = None
    if responder_id is not None and responder_id not in d.board.responders:
        if responder_id != actor.responder_id:
            doubts.append(Doubt.UNKNOWN_RESPONDER)
        responder_id = None
    if not may(actor, Act.RAISE_FOR_OTHERS):
        if team_id not in {None, actor.team_id}:
            doubts.append(Doubt.OTHER_TEAM)
            # The team of an hour ago is better than none; but it makes nobody its member.
            team_id = actor.team_id or team_id
        if responder_id not in {None, actor.responder_id}:
            doubts.append(Doubt.OTHER_RESPONDER)
            responder_id = None
    return team_id or actor.team_id, responder_id or actor.responder_id


def raise_alarm(
    d: Deciding,
    team_id: TeamId | None,
    responder_id: ResponderId | None,
    cause: str,
    doubts: tuple[Doubt, ...] = (),
) -> DuressId:
    """Raise an alarm and ring at the desk; the ladder starts now, whenever it was pressed."""
    duress_id = DuressId(d.id("duress"))
    team = d.board.teams.get(team_id) if team_id is not None else None
    ladder_at = None if d.is_back_entry else d.in_s(d.policy.duress.supervisor_after_s)
    d.emit(
        DuressRaised(
            duress_id=duress_id,
            team_id=team_id,
            responder_id=responder_id,
            assignment_id=team.run[1] if team is not None and team.run is not None else None,
            raised_by=d.env.actor.user_id,
            cause=cause,
            next_rung_at=ladder_at,
            policy_version=d.policy.version,
            doubts=doubts,
            claimed_at=d.env.occurred_at if Doubt.TIME in doubts else None,
        )
    )
    _ring(d, d.board.duress[duress_id], "duress_raised", ("role:dispatcher",))
    return duress_id


def acknowledge_duress(d: Deciding, c: AcknowledgeDuress) -> dict[str, Any]:
    """A person has it in hand: the ladder rests."""
    duress, by = _duress(d, c.duress_id), d.env.actor.user_id
    if by is None:
        raise NotAllowed("acknowledge", "Only a person can take an alarm in hand.")
    if duress.state is DuressState.ACKNOWLEDGED:
        raise Conflict(
            "duress_acknowledged",
            "Somebody has this alarm in hand already.",
            by=str(duress.acknowledged_by),
        )
    d.emit(DuressAcknowledged(duress_id=duress.id, by=by))
    return _told(d, duress)


def send_help(d: Deciding, c: SendHelp) -> dict[str, Any]:
    """Help is on its way: who, and by which reference they know it.

    Whoever sends it to an alarm that nobody has, has it.
    """
    duress, by = _duress(d, c.duress_id), d.env.actor.user_id
    if duress.acknowledged_by is None and by is not None:
        d.emit(DuressAcknowledged(duress_id=duress.id, by=by))
    who = d.code("help_kind", c.who)
    # Under the county's own key: alarms outlive incidents, and many have none.
    record = d.record("reference", "reference", None, {"reference": c.reference})
    d.emit(DuressHelpSent(duress_id=duress.id, who=who, record=record))
    _ring(d, duress, "duress_help_sent", ("role:supervisor",), urgency="soon")
    return _told(d, duress)


def resolve_duress(d: Deciding, c: ResolveDuress) -> dict[str, Any]:
    """It is over. Where the team's run goes on, so do its check-ins; overtime for it ends."""
    duress = _duress(d, c.duress_id)
    d.code("duress_resolution", c.reason)
    if duress.state is DuressState.RAISED:
        raise Conflict(
            "duress_not_acknowledged", "Take the alarm in hand before you say that it is over."
        )
    d.emit(DuressResolved(duress_id=duress.id, reason=c.reason))
    team = d.board.teams.get(duress.team_id) if duress.team_id is not None else None
    if team is not None and team.run is not None:
        incident_id, assignment_id = team.run
        incident = d.incident(incident_id)
        run = incident.assignment(assignment_id)
        if run is not None:
            next_check_in(d, incident, run)
    if team is not None:
        team_is_free(d, team.id)
    return _told(d, duress)


def escalate_duress(d: Deciding, c: EscalateDuress) -> dict[str, Any]:
    """Climb to the next rung; a repeat of the last one comes after the same time each."""
    duress = _duress(d, c.duress_id)
    due_at = duress.next_rung_at
    if due_at is None or d.now < due_at or c.rung != duress.rung + 1:
        raise Conflict("rung_not_due", "That rung is not due.", rung=c.rung, reached=duress.rung)
    to, addressees = LADDER[min(c.rung, len(LADDER)) - 1]
    policy = d.rules.policy_of(duress.policy_version)
    until_next = timedelta(seconds=until_next_rung_s(policy.duress, c.rung))
    # After a standstill the rungs that it missed follow at once; only repeats count from now.
    next_at = (d.now if c.rung >= len(LADDER) else due_at) + until_next
    d.emit(DuressEscalated(duress_id=duress.id, rung=c.rung, to=to, next_rung_at=next_at))
    _ring(d, duress, f"duress_{to}", addressees)
    return {"duress_id": duress.id, "rung": c.rung, "to": to, "next_rung_at": next_at}


def leave_alarms(d: Deciding, leaver: UserId) -> list[DuressId]:
    """Let the alarms of somebody who leaves the desk ring again, and return them."""
    left = []
    for duress in list(d.board.duress.values()):
        if duress.acknowledged_by != leaver:
            continue
        policy = d.rules.policy_of(duress.policy_version)
        next_at = d.in_s(policy.duress.supervisor_after_s)
        d.emit(DuressLeft(duress_id=duress.id, next_rung_at=next_at))
        _ring(d, d.board.duress[duress.id], "duress_raised", ("role:dispatcher",))
        left.append(duress.id)
    return left


def next_rung_to(duress: Duress) -> str:
    """Return whom the alarm's next rung calls, as a code of ``duress_rung``."""
    return LADDER[min(duress.rung, len(LADDER) - 1)][0]


def until_next_rung_s(policy: DuressPolicy, rung: int) -> float:
    """Return the seconds from ``rung`` (>= 1) to the one after it."""
    if rung == 1:
        return policy.on_call_after_s - policy.supervisor_after_s
    return policy.watchdog_after_s - policy.on_call_after_s


def open_alarm(d: Deciding, team_id: TeamId) -> Duress | None:
    """Return the team's open alarm, whoever raised it; ``None`` = none."""
    return next((a for a in d.board.duress.values() if a.team_id == team_id and a.is_open), None)


def _same_person(
    d: Deciding, responder_id: ResponderId | None, team_id: TeamId | None
) -> Duress | None:
    """Return the open alarm of the same person.

    A missed check-in is nobody's press: a button pressed after it rings for itself. Who speaks for
    nobody but themselves has one alarm, until it is known that they are on another team.
    """
    actor = d.env.actor
    user_id = actor.user_id
    for alarm in d.board.duress.values():
        if not alarm.is_open or alarm.cause == "missed_check_in":
            continue
        if responder_id is not None and alarm.responder_id is not None:
            if alarm.responder_id == responder_id:
                return alarm
            continue
        if user_id is None or alarm.raised_by != user_id:
            continue
        is_elsewhere = actor.team_id is not None and alarm.team_id != actor.team_id
        if alarm.team_id == team_id or not (may(actor, Act.RAISE_FOR_OTHERS) or is_elsewhere):
            return alarm
    return None


def _same_tracker(d: Deciding, cause: str, team_id: TeamId | None) -> Duress | None:
    """Return the open alarm that a tracker of the same team raised: nobody knows who carries it."""
    if cause != "tracker" or team_id is None or d.env.actor.responder_id is not None:
        return None
    return next(
        (
            alarm
            for alarm in d.board.duress.values()
            if alarm.is_open and alarm.cause == cause and alarm.team_id == team_id
        ),
        None,
    )


def _duress(d: Deciding, duress_id: DuressId) -> Duress:
    duress = d.board.duress.get(duress_id)
    if duress is None:
        raise NotFound("unknown_duress", "There is no such alarm in this county.")
    return duress


def _ring(
    d: Deciding,
    duress: Duress,
    template: str,
    addressees: tuple[str, ...],
    urgency: str = "now",
) -> None:
    """Tell people. A live alarm rings even where its incident was kept on paper."""
    if duress.next_rung_at is None and duress.state is DuressState.RAISED:
        return
    incident = _incident(d, duress)
    named = None if incident is None or incident.back_entered else incident
    for to in addressees:
        d.notify(to, template, urgency=urgency, incident=named)


def _incident(d: Deciding, duress: Duress) -> Incident | None:
    run = duress.assignment_id
    incident_id = d.board.runs.get(run) if run is not None else None
    return d.board.incidents.get(incident_id) if incident_id is not None else None


def _told(d: Deciding, duress: Duress) -> dict[str, Any]:
    after = d.board.duress.get(duress.id)
    # An alarm leaves the board when it is resolved.
    return {"duress_id": duress.id, "state": after.state if after else DuressState.RESOLVED}


HANDLERS: Mapping[type[Command], Handler] = {
    RaiseDuress: raise_duress,
    AcknowledgeDuress: acknowledge_duress,
    SendHelp: send_help,
    ResolveDuress: resolve_duress,
    EscalateDuress: escalate_duress,
}
