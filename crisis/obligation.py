"""Obligations: what the service owes someone by an instant, each with an owner.

    due → attempted* → done | excepted(reason) | missed

Waiting contacts with the person, safety check-ins, the follow-up within 72 h, the plan's notice
within 48 h, the note within one calendar day, mandated reports, callbacks of lost calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from crisis.ids import (
    AssignmentId,
    CallId,
    EncounterId,
    IncidentId,
    ObligationId,
    RecordId,
    TeamId,
    UserId,
)
from crisis.shapes import EventBody, Value
from crisis.states import step


class ObligationKind(StrEnum):
    """What is owed."""

    CALLBACK = "callback"
    WAITING_CONTACT = "waiting_contact"
    CHECK_IN = "check_in"
    FOLLOW_UP = "follow_up"
    PLAN_NOTICE = "plan_notice"
    NOTE = "note"
    MANDATED_REPORT = "mandated_report"


class ObligationState(StrEnum):
    """Where it stands. An attempt that reached nobody leaves it due."""

    DUE = "due"
    DONE = "done"
    EXCEPTED = "excepted"
    MISSED = "missed"


class ObligationArose(EventBody, frozen=True, kw_only=True):
    """Something is owed by ``due_at``.

    Attributes:
        rule: which rule and version set the instant.
        stage: for check-ins: en_route, on_scene or transport.
        owner: the person who must see to it; ``None`` = whoever owns the incident.
        team_id: the team that owes it, also long after its run; ``None`` = no team does.
        lapses_at: when it counts as missed; ``None`` = at ``due_at``, without grace.
        misses: how many of its kind in a row were missed before it, of what follows one another.
    """

    obligation_id: ObligationId
    kind: ObligationKind
    due_at: datetime
    rule: str
    lapses_at: datetime | None = None
    misses: int = 0
    incident_id: IncidentId | None = None
    call_id: CallId | None = None
    assignment_id: AssignmentId | None = None
    encounter_id: EncounterId | None = None
    stage: str | None = None
    owner: UserId | None = None
    team_id: TeamId | None = None


class ObligationAttempted(EventBody, frozen=True, kw_only=True):
    """Someone tried and did not reach the person; ``outcome`` and ``mode`` are codes.

    ``incident_id``, here and below: the obligation's own, so that its end stands in the incident's
    timeline; ``None`` = it has none. ``again_at``: of one that was missed, when people are told
    again; ``None`` = never.
    """

    obligation_id: ObligationId
    outcome: str
    mode: str = "telehealth_audio"
    again_at: datetime | None = None
    incident_id: IncidentId | None = None


class ObligationDone(EventBody, frozen=True, kw_only=True):
    """It was met; ``late`` = it happened after its instant (and grace) had passed.

    ``record``: what it rests on (whom was told, a reference, the note), encrypted; ``None`` = it
    rests on the outcome.
    """

    obligation_id: ObligationId
    outcome: str
    mode: str = "telehealth_audio"
    late: bool = False
    record: RecordId | None = None
    incident_id: IncidentId | None = None


class ObligationExcepted(EventBody, frozen=True, kw_only=True):
    """It is not owed any more, for a documented reason (a code)."""

    obligation_id: ObligationId
    reason: str
    incident_id: IncidentId | None = None


class ObligationMissed(EventBody, frozen=True, kw_only=True):
    """Its instant passed unmet, and people were told; again = it still is unmet.

    ``again_at``: when they are told again; ``None`` = it stands on the board and rings no more.
    """

    obligation_id: ObligationId
    again_at: datetime | None = None
    incident_id: IncidentId | None = None


class ObligationReassigned(EventBody, frozen=True, kw_only=True):
    """Another person owns it now."""

    obligation_id: ObligationId
    owner: UserId | None
    incident_id: IncidentId | None = None


class ObligationMoved(EventBody, frozen=True, kw_only=True):
    """The instant that it hangs on was set right, and so it is due at another one.

    ``owed_again``: it counted as missed, and by the right instant it isn't.
    """

    obligation_id: ObligationId
    due_at: datetime
    owed_again: bool = False
    incident_id: IncidentId | None = None


ObligationEvent = (
    ObligationArose
    | ObligationAttempted
    | ObligationDone
    | ObligationExcepted
    | ObligationMissed
    | ObligationMoved
    | ObligationReassigned
)

_B = ObligationState
TRANSITIONS: Mapping[tuple[ObligationState, type], ObligationState] = {
    (_B.DUE, ObligationAttempted): _B.DUE,
    (_B.DUE, ObligationDone): _B.DONE,
    (_B.DUE, ObligationExcepted): _B.EXCEPTED,
    (_B.DUE, ObligationMissed): _B.MISSED,
    (_B.DUE, ObligationMoved): _B.DUE,
    (_B.DUE, ObligationReassigned): _B.DUE,
    (_B.MISSED, ObligationAttempted): _B.MISSED,
    (_B.MISSED, ObligationDone): _B.DONE,
    (_B.MISSED, ObligationExcepted): _B.EXCEPTED,
    (_B.MISSED, ObligationMissed): _B.MISSED,
    (_B.MISSED, ObligationMoved): _B.MISSED,
    (_B.MISSED, ObligationReassigned): _B.MISSED,
}

#: Missed ones of these kinds stay on the board until someone has seen to them.
STAYS_WHEN_MISSED = frozenset(
    {
        ObligationKind.CALLBACK,
        ObligationKind.FOLLOW_UP,
        ObligationKind.PLAN_NOTICE,
        ObligationKind.NOTE,
        ObligationKind.MANDATED_REPORT,
    }
)
#: ... and rings until then: the person waits for it in this moment.
RINGS_AGAIN = frozenset({ObligationKind.CALLBACK})


class Obligation(Value, frozen=True, kw_only=True):
    """One thing owed.

    Attributes:
        lapses_at: when it counts as missed unless met: ``due_at``, or later by a grace.
        team_id: the team that owes it; ``None`` = no team does.
        missed_at: ``None`` = its instant has not passed unmet.
        misses: how many of its kind in a row were missed before it.
        told: how often people were told that it was missed; ``again_at``: when they are told again,
            ``None`` = never.
    """

    id: ObligationId
    kind: ObligationKind
    state: ObligationState = ObligationState.DUE
    due_at: datetime
    lapses_at: datetime
    arose_at: datetime
    rule: str
    incident_id: IncidentId | None = None
    call_id: CallId | None = None
    assignment_id: AssignmentId | None = None
    encounter_id: EncounterId | None = None
    stage: str | None = None
    owner: UserId | None = None
    attempts: int = 0
    last_attempt_at: datetime | None = None
    missed_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    late: bool = False
    team_id: TeamId | None = None
    misses: int = 0
    told: int = 0
    again_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether someone must still see to it."""
        if self.state is ObligationState.MISSED:
            return self.kind in STAYS_WHEN_MISSED
        return self.state is ObligationState.DUE


def evolve_obligation(
    obligation: Obligation | None, event: ObligationEvent, at: datetime
) -> Obligation:
    """Return the obligation after ``event``; ``None`` = not known before.

    Raises:
        IllegalTransition: it is already done or excepted.
    """
    if isinstance(event, ObligationArose):
        return Obligation(
            id=event.obligation_id,
            kind=event.kind,
            due_at=event.due_at,
            lapses_at=event.lapses_at or event.due_at,
            arose_at=at,
            rule=event.rule,
            incident_id=event.incident_id,
            call_id=event.call_id,
            assignment_id=event.assignment_id,
            encounter_id=event.encounter_id,
            stage=event.stage,
            owner=event.owner,
            team_id=event.team_id,
            misses=event.misses,
        )
    if obligation is None:
        raise AssertionError("only ObligationArose begins an obligation")
    state = step(TRANSITIONS, obligation.state, type(event), "obligation")
    replace = msgspec.structs.replace
    match event:
        case ObligationAttempted():
            return replace(
                obligation,
                state=state,
                attempts=obligation.attempts + 1,
                last_attempt_at=at,
                outcome=event.outcome,
                again_at=event.again_at,
            )
        case ObligationDone():
            return replace(
                obligation,
                state=state,
                closed_at=at,
                outcome=event.outcome,
                late=event.late,
                again_at=None,
            )
        case ObligationExcepted():
            return replace(
                obligation, state=state, closed_at=at, outcome=event.reason, again_at=None
            )
        case ObligationMissed():
            return replace(
                obligation,
                state=state,
                missed_at=obligation.missed_at or at,
                told=obligation.told + 1,
                again_at=event.again_at,
            )
        case ObligationMoved():
            return replace(
                obligation,
                state=ObligationState.DUE if event.owed_again else state,
                missed_at=None if event.owed_again else obligation.missed_at,
                again_at=None if event.owed_again else obligation.again_at,
                due_at=event.due_at,
                lapses_at=event.due_at,
            )
        case ObligationReassigned():
            return replace(obligation, owner=event.owner)
