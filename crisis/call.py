"""A call on the crisis line: one contact, from ringing to its end.

Decides the states of a call, and since when its caller waits for us. Several calls may join one
incident; a call may need none. Must not know who is calling: names and numbers live in records.

    offered → abandoned | on_line ⇄ held → transferred | ended | lost

Who spoke with a caller and left the desk leaves the call to whoever answers it next.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from crisis.ids import CallId, IncidentId, RecordId, UserId
from crisis.shapes import EventBody, Value
from crisis.states import step


class CallState(StrEnum):
    """Where a call stands."""

    OFFERED = "offered"
    ABANDONED = "abandoned"
    ON_LINE = "on_line"
    HELD = "held"
    TRANSFERRING = "transferring"
    TRANSFERRED = "transferred"
    ENDED = "ended"
    LOST = "lost"


#: States in which a person may still be waiting for us.
OPEN_CALL_STATES = frozenset(
    {CallState.OFFERED, CallState.ON_LINE, CallState.HELD, CallState.TRANSFERRING}
)
#: Open states in which a person speaks with the caller; in every other the caller waits for one.
SPOKEN_WITH = frozenset({CallState.ON_LINE})


class CallOffered(EventBody, frozen=True, kw_only=True):
    """A call rings on the crisis line, or a desk places one.

    ``on_paper``: it was kept on paper during an outage, and rings for nobody any more.
    """

    call_id: CallId
    direction: str = "inbound"
    channel: str = "voice"
    referral_source: str = "unknown"
    agent_stays: bool = False
    caller_record: RecordId | None = None
    on_paper: bool = False


class CallAnswered(EventBody, frozen=True, kw_only=True):
    """A person at a desk speaks with the caller."""

    call_id: CallId
    by: UserId


class CallAbandoned(EventBody, frozen=True, kw_only=True):
    """The caller gave up before anyone answered."""

    call_id: CallId


class CallHeld(EventBody, frozen=True, kw_only=True):
    """The caller was put on hold."""

    call_id: CallId


class CallResumed(EventBody, frozen=True, kw_only=True):
    """The caller was taken off hold."""

    call_id: CallId


class CallTransferStarted(EventBody, frozen=True, kw_only=True):
    """A warm transfer began; we stay on until both sides have confirmed."""

    call_id: CallId
    to: str
    reason: str = "other"


class CallTransferConfirmed(EventBody, frozen=True, kw_only=True):
    """One side (``us`` or ``them``) confirmed a transfer; done when both have.

    On a call that another line's agent brought and stayed on, both sides' word lets that agent go.
    ``record``: the reference by which they know it, encrypted.
    """

    call_id: CallId
    side: str
    record: RecordId | None = None


class CallTransferFailed(EventBody, frozen=True, kw_only=True):
    """The other side did not take the caller, who is with us again."""

    call_id: CallId
    reason: str = "other"


class CallEnded(EventBody, frozen=True, kw_only=True):
    """The conversation ended as both wanted; ``outcome`` is a code where no incident came of it."""

    call_id: CallId
    outcome: str | None = None


class CallLost(EventBody, frozen=True, kw_only=True):
    """The line dropped; someone must call back."""

    call_id: CallId


class CallJoined(EventBody, frozen=True, kw_only=True):
    """The call belongs to this incident."""

    call_id: CallId
    incident_id: IncidentId


class CallLeft(EventBody, frozen=True, kw_only=True):
    """Who spoke with the caller has left the desk: somebody else must take the call."""

    call_id: CallId


class CallFlagged(EventBody, frozen=True, kw_only=True):
    """The caller has waited for too long in this state, and people were told; again = still."""

    call_id: CallId
    state: CallState


class CallTakenInHand(EventBody, frozen=True, kw_only=True):
    """Somebody sees to the caller who waits, and nothing rings again ``until`` then.

    ``by``: ``None`` = they have left.
    """

    call_id: CallId
    by: UserId | None
    until: datetime


CallEvent = (
    CallOffered
    | CallAnswered
    | CallAbandoned
    | CallHeld
    | CallResumed
    | CallTransferStarted
    | CallTransferConfirmed
    | CallTransferFailed
    | CallEnded
    | CallLost
    | CallJoined
    | CallLeft
    | CallFlagged
    | CallTakenInHand
)

_C = CallState
TRANSITIONS: Mapping[tuple[CallState, type], CallState] = {
    (_C.OFFERED, CallAnswered): _C.ON_LINE,
    (_C.OFFERED, CallAbandoned): _C.ABANDONED,
    (_C.ON_LINE, CallHeld): _C.HELD,
    (_C.HELD, CallResumed): _C.ON_LINE,
    (_C.ON_LINE, CallTransferStarted): _C.TRANSFERRING,
    (_C.HELD, CallTransferStarted): _C.TRANSFERRING,
    (_C.TRANSFERRING, CallTransferConfirmed): _C.TRANSFERRING,
    **{(state, CallTransferConfirmed): state for state in (_C.ON_LINE, _C.HELD)},
    (_C.TRANSFERRING, CallTransferFailed): _C.ON_LINE,
    (_C.ON_LINE, CallEnded): _C.ENDED,
    (_C.HELD, CallEnded): _C.ENDED,
    (_C.TRANSFERRING, CallEnded): _C.ENDED,
    (_C.ON_LINE, CallLost): _C.LOST,
    (_C.HELD, CallLost): _C.LOST,
    (_C.TRANSFERRING, CallLost): _C.LOST,
    **{(state, CallJoined): state for state in _C if state is not _C.ABANDONED},
    **{(state, CallLeft): _C.OFFERED for state in (_C.ON_LINE, _C.HELD, _C.TRANSFERRING)},
    **{(state, CallFlagged): state for state in OPEN_CALL_STATES - SPOKEN_WITH},
    **{(state, CallTakenInHand): state for state in OPEN_CALL_STATES - SPOKEN_WITH},
}


class Call(Value, frozen=True, kw_only=True):
    """One contact.

    Attributes:
        offered_at: when it rang (or was placed).
        answered_at: when it was first answered; ``None`` = nobody has answered.
        answered_by: who speaks with the caller; ``None`` = nobody, or they have left the desk.
        ended_at: when it reached a final state; ``None`` = still open.
        agent_stays: a 988 or 911 agent stays on the line until both sides have confirmed.
        incident_id: the incident that it belongs to; ``None`` = none (yet).
        caller_record: who called and how to reach them, as an encrypted record.
        confirmed: the sides that have confirmed a transfer.
        waiting_since: since when the service knows that the caller waits for us; ``None`` = they
            are spoken with, we ring at them, or it was kept on paper.
        told, told_at: how often people were told of this wait, and when last.
        in_hand_by, in_hand_until: who said that they see to it, and until when they are left to it.
    """

    id: CallId
    state: CallState = CallState.OFFERED
    direction: str = "inbound"
    channel: str = "voice"
    referral_source: str = "unknown"
    agent_stays: bool = False
    offered_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    answered_by: UserId | None = None
    incident_id: IncidentId | None = None
    caller_record: RecordId | None = None
    transfer_to: str | None = None
    confirmed: tuple[str, ...] = ()
    outcome: str | None = None
    on_paper: bool = False
    waiting_since: datetime | None = None
    told: int = 0
    told_at: datetime | None = None
    in_hand_by: UserId | None = None
    in_hand_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether a person may still be waiting for us on it."""
        return self.state in OPEN_CALL_STATES


def evolve_call(
    call: Call | None, event: CallEvent, at: datetime, known_at: datetime | None = None
) -> Call:
    """Return the call after ``event`` (which happened ``at``); ``None`` = not known before.

    ``known_at``: when the service learnt of it; ``None`` = at once.

    Raises:
        IllegalTransition: the call's state has no such step.
    """
    if isinstance(event, CallOffered):
        begun = Call(
            id=event.call_id,
            direction=event.direction,
            channel=event.channel,
            referral_source=event.referral_source,
            agent_stays=event.agent_stays,
            caller_record=event.caller_record,
            on_paper=event.on_paper,
            offered_at=at,
        )
        return _waiting(begun, known_at or at)
    if call is None:
        raise AssertionError("only CallOffered begins a call")
    state = step(TRANSITIONS, call.state, type(event), "call")
    changed = _stepped(msgspec.structs.replace(call, state=state), event, at)
    return changed if changed.state is call.state else _waiting(changed, known_at or at)


def _stepped(changed: Call, event: CallEvent, at: datetime) -> Call:
    replace = msgspec.structs.replace
    match event:
        case CallAnswered():
            return replace(changed, answered_at=changed.answered_at or at, answered_by=event.by)
        case CallTransferStarted():
            return replace(changed, transfer_to=event.to, confirmed=())
        case CallTransferConfirmed():
            return _confirmed(changed, event.side, at)
        case CallTransferFailed():
            return replace(changed, transfer_to=None, confirmed=())
        case CallEnded():
            return replace(changed, ended_at=at, outcome=event.outcome)
        case CallAbandoned() | CallLost():
            return replace(changed, ended_at=at)
        case CallJoined():
            return replace(changed, incident_id=event.incident_id)
        case CallLeft():
            return replace(changed, answered_by=None, transfer_to=None, confirmed=())
        case CallFlagged():
            return replace(changed, told=changed.told + 1, told_at=at)
        case CallTakenInHand():
            until = None if event.by is None else event.until
            return replace(changed, in_hand_by=event.by, in_hand_until=until)
        case _:
            return changed


def _waiting(call: Call, known_at: datetime) -> Call:
    """Let the caller's wait in the state that was just reached begin, or be over."""
    waits = call.is_open and call.state not in SPOKEN_WITH and not call.on_paper
    # What we place rings at somebody else, until we have spoken with them.
    ours = call.direction == "outbound" and call.answered_at is None
    return msgspec.structs.replace(
        call,
        waiting_since=known_at if waits and not ours else None,
        told=0,
        told_at=None,
        in_hand_by=None,
        in_hand_until=None,
    )


def _confirmed(call: Call, side: str, at: datetime) -> Call:
    confirmed = tuple(sorted({*call.confirmed, side}))
    if confirmed != ("them", "us"):
        return msgspec.structs.replace(call, confirmed=confirmed)
    if call.state is CallState.TRANSFERRING:
        return msgspec.structs.replace(
            call, state=CallState.TRANSFERRED, confirmed=confirmed, ended_at=at
        )
    # The caller is ours now: the agent who brought them has left the line.
    return msgspec.structs.replace(call, agent_stays=False, confirmed=())
