"""Duress: a team member is in danger.

    raised → acknowledged(by) → help_sent(who, reference) → resolved(reason)

Raised from any phone state, silent on the phone, ahead of everything queued. While unacknowledged
it climbs a ladder (supervisor, on-call, watchdog); a missed check-in enters the same ladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from crisis.ids import AssignmentId, DuressId, RecordId, ResponderId, TeamId, UserId
from crisis.shapes import EventBody, Value
from crisis.states import step


class DuressState(StrEnum):
    """Where an alarm stands."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    HELP_SENT = "help_sent"
    RESOLVED = "resolved"


class Doubt(StrEnum):
    """What of an alarm could not be believed. It rings all the same."""

    #: Parts of what was sent could not be read.
    FORM = "form"
    #: The time given can't be right: it counts as of when it came.
    TIME = "time"
    #: It named a team, or a person, that the county doesn't have.
    UNKNOWN_TEAM = "unknown_team"
    UNKNOWN_RESPONDER = "unknown_responder"
    #: It named another team, or another person, than its sender's own.
    OTHER_TEAM = "other_team"
    OTHER_RESPONDER = "other_responder"
    #: Its sender's session had ended or run out.
    SESSION_ENDED = "session_ended"
    #: Its sender may act as nothing in this county now.
    NO_ROLE = "no_role"


class DuressRaised(EventBody, frozen=True, kw_only=True):
    """Someone needs help now.

    Attributes:
        team_id: ``None`` = raised by a person without a team (a desk, a remote clinician).
        raised_by: the account that pressed; ``None`` = a timer. Pressed again = the same alarm.
        cause: ``button``, ``voice``, ``missed_check_in`` or ``tracker``.
        next_rung_at: when the ladder climbs unless acknowledged; ``None`` = past, no ladder.
        policy_version: the policy under which the ladder runs.
        doubts: what of it could not be believed.
        claimed_at: the time given where it can't be right; ``None`` = it can, or none was given.
    """

    duress_id: DuressId
    team_id: TeamId | None = None
    responder_id: ResponderId | None = None
    assignment_id: AssignmentId | None = None
    raised_by: UserId | None = None
    cause: str = "button"
    next_rung_at: datetime | None = None
    policy_version: str = ""
    doubts: tuple[Doubt, ...] = ()
    claimed_at: datetime | None = None


class DuressEscalated(EventBody, frozen=True, kw_only=True):
    """Nobody acknowledged: the next rung is told. ``rung`` counts from 1."""

    duress_id: DuressId
    rung: int
    to: str
    next_rung_at: datetime | None = None


class DuressAcknowledged(EventBody, frozen=True, kw_only=True):
    """A person has the alarm in hand."""

    duress_id: DuressId
    by: UserId


class DuressHelpSent(EventBody, frozen=True, kw_only=True):
    """Help is on its way: ``who`` is a code; ``record``: their reference for it, encrypted."""

    duress_id: DuressId
    who: str
    record: RecordId | None = None


class DuressResolved(EventBody, frozen=True, kw_only=True):
    """It is over; ``reason`` is a code (safe, false_alarm, injured, ...)."""

    duress_id: DuressId
    reason: str


class DuressLeft(EventBody, frozen=True, kw_only=True):
    """Who had the alarm in hand has left the desk: it rings again, and its ladder begins anew."""

    duress_id: DuressId
    next_rung_at: datetime | None = None


DuressEvent = (
    DuressRaised
    | DuressEscalated
    | DuressAcknowledged
    | DuressHelpSent
    | DuressLeft
    | DuressResolved
)

_D = DuressState
TRANSITIONS: Mapping[tuple[DuressState, type], DuressState] = {
    (_D.RAISED, DuressEscalated): _D.RAISED,
    (_D.RAISED, DuressAcknowledged): _D.ACKNOWLEDGED,
    (_D.RAISED, DuressHelpSent): _D.HELP_SENT,
    (_D.ACKNOWLEDGED, DuressHelpSent): _D.HELP_SENT,
    (_D.ACKNOWLEDGED, DuressResolved): _D.RESOLVED,
    (_D.HELP_SENT, DuressAcknowledged): _D.HELP_SENT,
    (_D.HELP_SENT, DuressHelpSent): _D.HELP_SENT,
    (_D.HELP_SENT, DuressResolved): _D.RESOLVED,
    (_D.ACKNOWLEDGED, DuressLeft): _D.RAISED,
    (_D.HELP_SENT, DuressLeft): _D.RAISED,
}


class Duress(Value, frozen=True, kw_only=True):
    """One alarm.

    Attributes:
        next_rung_at: ``None`` = the ladder rests (acknowledged, or at its end).
        help: code of the help that was sent last; ``help_record``: their reference for it.
    """

    id: DuressId
    state: DuressState = DuressState.RAISED
    raised_at: datetime
    team_id: TeamId | None = None
    responder_id: ResponderId | None = None
    assignment_id: AssignmentId | None = None
    raised_by: UserId | None = None
    cause: str = "button"
    rung: int = 0
    next_rung_at: datetime | None = None
    policy_version: str = ""
    doubts: tuple[Doubt, ...] = ()
    claimed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UserId | None = None
    help_sent_at: datetime | None = None
    help: str | None = None
    help_record: RecordId | None = None
    resolved_at: datetime | None = None
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the danger may still be there."""
        return self.state is not DuressState.RESOLVED


def evolve_duress(duress: Duress | None, event: DuressEvent, at: datetime) -> Duress:
    """Return the alarm after ``event``; ``None`` = not raised before.

    Raises:
        IllegalTransition: the alarm's state has no such step.
    """
    if isinstance(event, DuressRaised):
        return Duress(
            id=event.duress_id,
            raised_at=at,
            team_id=event.team_id,
            responder_id=event.responder_id,
            assignment_id=event.assignment_id,
            raised_by=event.raised_by,
            cause=event.cause,
            next_rung_at=event.next_rung_at,
            policy_version=event.policy_version,
            doubts=event.doubts,
            claimed_at=event.claimed_at,
        )
    if duress is None:
        raise AssertionError("only DuressRaised begins an alarm")
    state = step(TRANSITIONS, duress.state, type(event), "alarm")
    replace = msgspec.structs.replace
    match event:
        case DuressEscalated():
            return replace(duress, rung=event.rung, next_rung_at=event.next_rung_at)
        case DuressAcknowledged():
            return replace(
                duress,
                state=state,
                acknowledged_at=duress.acknowledged_at or at,
                acknowledged_by=duress.acknowledged_by or event.by,
                next_rung_at=None,
            )
        case DuressHelpSent():
            return replace(
                duress,
                state=state,
                help_sent_at=duress.help_sent_at or at,
                help=event.who,
                help_record=event.record or duress.help_record,
                next_rung_at=None,
            )
        case DuressLeft():
            return replace(
                duress,
                state=state,
                rung=0,
                acknowledged_at=None,
                acknowledged_by=None,
                next_rung_at=event.next_rung_at,
            )
        case DuressResolved():
            return replace(duress, state=state, resolved_at=at, reason=event.reason)
