"""Obligations: owed by hand, tried, met, excepted, passed on, missed.

Decides what counts as an attempt, as met and as a documented exception for each kind, what arises
next, and what a miss sets off. Must not know how instants are set (``owed``) or who ranks teams.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crisis.commands import (
    Command,
    CompleteObligation,
    CreateObligation,
    ExceptObligation,
    MissObligation,
    ReassignObligation,
    RecordAttempt,
)
from crisis.errors import Conflict, Invalid, NotFound
from crisis.ids import DuressId, IncidentId, ObligationId
from crisis.incident.state import Incident
from crisis.obligation import (
    RINGS_AGAIN,
    Obligation,
    ObligationAttempted,
    ObligationDone,
    ObligationExcepted,
    ObligationKind,
    ObligationMissed,
    ObligationReassigned,
    ObligationState,
)
from crisis.rights import Act, may
from crisis.run_status import CHECK_INS
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.duress import open_alarm, raise_alarm
from dispatch.decide.meeting import refuse_exception, rests_on
from dispatch.decide.owed import arise, next_check_in, next_waiting_contact

_K = ObligationKind
#: The exception that a follow-up may take only after the tries that the policy asks for.
UNREACHABLE = "unable_after_attempts"


#: What lapsed longer ago than this before the service noticed rings no more.
RINGS_WITHIN = timedelta(days=1)
#: Of what was missed so often before the on-call people hear too.
ALL_TOLD_AT = 2


def create_obligation(d: Deciding, c: CreateObligation) -> dict[str, Any]:
    """Owe something by hand; check-ins belong to runs and arise with them."""
    if c.kind is _K.CHECK_IN:
        raise Invalid("check_in_by_hand", "Check-ins arise with a team's run, not by hand.")
    if c.due_at <= d.now and not d.is_back_entry:
        raise Invalid("due_in_past", "It must be due in the future.", due_at=c.due_at.isoformat())
    incident = d.incident(c.incident_id) if c.incident_id is not None else None
    if incident is None and c.kind is _K.WAITING_CONTACT:
        raise Invalid("incident_needed", "Say for which incident the person waits.")
    obligation_id = arise(
        d,
        c.kind,
        c.due_at,
        rule="by_hand",
        incident_id=c.incident_id,
        owner=c.owner or (d.env.actor.user_id if incident is None else None),
        team_id=d.env.actor.team_id if _only_field(d) else None,
    )
    return {"obligation_id": obligation_id, "due_at": c.due_at}


def record_attempt(d: Deciding, c: RecordAttempt) -> dict[str, Any]:
    """Tried, reached nobody: it stays due."""
    obligation = _obligation(d, c.obligation_id)
    outcome = d.rules.codes.require("followup_outcome", c.outcome)
    if "attempt_only" not in outcome.flags:
        refuse_exception(outcome)
        raise Invalid(
            "not_an_attempt",
            "That outcome ends it: complete or except it instead.",
            outcome=c.outcome,
        )
    d.emit(
        ObligationAttempted(
            obligation_id=obligation.id,
            outcome=c.outcome,
            mode=d.code("contact_mode", c.mode),
            # Who tries has it in hand.
            again_at=d.in_s(d.policy.waiting.in_hand_s) if obligation.again_at else None,
            incident_id=obligation.incident_id,
        )
    )
    return {"obligation_id": obligation.id, "attempts": obligation.attempts + 1}


def complete_obligation(d: Deciding, c: CompleteObligation) -> dict[str, Any]:
    """It was met. Check-ins and waiting contacts go on while there is someone to ask after."""
    obligation = _obligation(d, c.obligation_id)
    outcome, mode, record = rests_on(d, obligation, c)
    d.emit(
        ObligationDone(
            obligation_id=obligation.id,
            outcome=outcome,
            mode=mode,
            late=d.occurred_at > obligation.lapses_at,
            record=record,
            incident_id=obligation.incident_id,
        )
    )
    _tell_answered(d, obligation)
    known = d.rules.codes.find("followup_outcome", outcome)
    return {
        "obligation_id": obligation.id,
        "state": ObligationState.DONE,
        "next": _next(d, obligation),
        # The person is in crisis anew: the page offers to open an incident.
        "opens_new_request": known is not None and "opens_new_request" in known.flags,
    }


def except_obligation(d: Deciding, c: ExceptObligation) -> dict[str, Any]:
    """It can't or need not be met, for a reason that the kind allows."""
    obligation = _obligation(d, c.obligation_id)
    reason = d.rules.codes.require("obligation_exception", c.reason)
    if obligation.kind.value not in reason.flags:
        known = d.rules.codes["obligation_exception"]
        raise Invalid(
            "exception_not_for_kind",
            "That reason doesn't excuse this kind of obligation.",
            kind=obligation.kind.value,
            allowed=[code.code for code in known if obligation.kind.value in code.flags],
        )
    policy = d.policy_of(_incident(d, obligation.incident_id))
    needed = policy.obligations.followup_attempts
    if c.reason == UNREACHABLE and obligation.kind is _K.FOLLOW_UP and obligation.attempts < needed:
        raise Conflict(
            "too_few_attempts",
            f"It takes {needed} recorded attempts before the person counts as unreachable.",
            attempts=obligation.attempts,
            needed=needed,
        )
    d.emit(
        ObligationExcepted(
            obligation_id=obligation.id, reason=c.reason, incident_id=obligation.incident_id
        )
    )
    return {"obligation_id": obligation.id, "state": ObligationState.EXCEPTED}


def reassign_obligation(d: Deciding, c: ReassignObligation) -> dict[str, Any]:
    """Another person sees to it, and is told."""
    obligation = _obligation(d, c.obligation_id)
    d.emit(
        ObligationReassigned(
            obligation_id=obligation.id, owner=c.owner, incident_id=obligation.incident_id
        )
    )
    if c.owner != d.env.actor.user_id:
        d.notify(
            f"user:{c.owner}",
            "obligation_yours",
            urgency="soon",
            incident=_incident(d, obligation.incident_id),
        )
    return {"obligation_id": obligation.id, "owner": c.owner}


def miss_obligation(d: Deciding, c: MissObligation) -> dict[str, Any]:
    """Its instant passed unmet.

    A missed check-in is an alarm, unless one is open for that team; a missed waiting contact is
    followed by the next; everything else stays on the board until someone has seen to it, and a
    callback rings until then.
    """
    obligation = _obligation(d, c.obligation_id)
    due_at = obligation.lapses_at if obligation.missed_at is None else obligation.again_at
    if due_at is None or d.now < due_at:
        raise Conflict(
            "not_lapsed",
            "Its instant has not passed.",
            lapses_at=(due_at or obligation.lapses_at).isoformat(),
        )
    if obligation.kind is _K.CHECK_IN:
        return _missed_check_in(d, obligation)
    # After days of standstill what lapsed in them stands on the board, and doesn't ring one by one.
    rings = d.now - due_at <= RINGS_WITHIN
    again_s = d.policy.waiting.alarm_again_s
    again_at = d.in_s(again_s) if rings and obligation.kind in RINGS_AGAIN else None
    d.emit(
        ObligationMissed(
            obligation_id=obligation.id, again_at=again_at, incident_id=obligation.incident_id
        )
    )
    if rings:
        _tell_missed(d, obligation)
    return {
        "obligation_id": obligation.id,
        "state": ObligationState.MISSED,
        "next": _next(d, obligation, misses=obligation.misses + 1),
    }


def _tell_missed(d: Deciding, obligation: Obligation) -> None:
    """Tell who must see to it, and each time that it was missed again more people."""
    times = obligation.told + obligation.misses
    owner = f"user:{obligation.owner}" if obligation.owner is not None else "role:dispatcher"
    to = {owner: "now"}
    if obligation.kind is not _K.WAITING_CONTACT:
        to["role:supervisor"] = "soon"
    if times >= 1:
        to |= {"role:dispatcher": "now", "role:supervisor": "now"}
    if times >= ALL_TOLD_AT:
        to["role:on_call"] = "now"
    incident = _incident(d, obligation.incident_id)
    if obligation.kind in RINGS_AGAIN and incident is not None and incident.back_entered:
        incident = None  # kept on paper, but a caller who is to be called now is not
    for address, urgency in to.items():
        d.notify(address, f"{obligation.kind.value}_missed", urgency=urgency, incident=incident)


def _missed_check_in(d: Deciding, obligation: Obligation) -> dict[str, Any]:
    incident = _incident(d, obligation.incident_id)
    run = (
        incident.assignment(obligation.assignment_id)
        if incident is not None and obligation.assignment_id is not None
        else None
    )
    if run is None or run.state not in CHECK_INS:
        # The run went on past all danger without anybody closing its check-in.
        d.emit(
            ObligationExcepted(
                obligation_id=obligation.id,
                reason="run_over",
                incident_id=obligation.incident_id,
            )
        )
        return {"obligation_id": obligation.id, "state": ObligationState.EXCEPTED, "next": None}
    d.emit(ObligationMissed(obligation_id=obligation.id, incident_id=obligation.incident_id))
    duress_id: DuressId | None = None
    back_entered = incident is not None and incident.back_entered
    if open_alarm(d, run.team_id) is None and not back_entered:
        duress_id = raise_alarm(d, run.team_id, None, "missed_check_in")
    return {
        "obligation_id": obligation.id,
        "state": ObligationState.MISSED,
        "duress_id": duress_id,
        # The next one arises when the alarm is resolved.
        "next": None,
    }


def _tell_answered(d: Deciding, obligation: Obligation) -> None:
    """Tell who has the alarm of a missed check-in in hand that its crew was heard after all.

    The alarm stays: whoever answers may not be free to speak, so a person at the desk ends it.
    """
    if obligation.kind is not _K.CHECK_IN or obligation.missed_at is None:
        return
    alarm = open_alarm(d, obligation.team_id) if obligation.team_id is not None else None
    if alarm is None:
        return
    by = alarm.acknowledged_by
    to = ("role:dispatcher", "role:supervisor") if by is None else (f"user:{by}",)
    incident = _incident(d, obligation.incident_id)
    for addressee in to:
        d.notify(addressee, "check_in_answered", urgency="soon", incident=incident)


def _obligation(d: Deciding, obligation_id: ObligationId) -> Obligation:
    obligation = d.board.obligations.get(obligation_id)
    if obligation is None:
        raise NotFound("unknown_obligation", "There is no such obligation in this county.")
    return obligation


def _only_field(d: Deciding) -> bool:
    """Whether the actor acts from the field alone, and so for their own team."""
    return not may(d.env.actor, Act.SEE_TO_ANY_TEAMS_OWED)


def _incident(d: Deciding, incident_id: IncidentId | None) -> Incident | None:
    """Return the incident; ``None`` = none, or it has left the board."""
    return d.board.incidents.get(incident_id) if incident_id is not None else None


def _next(d: Deciding, obligation: Obligation, misses: int = 0) -> ObligationId | None:
    incident = _incident(d, obligation.incident_id)
    if incident is None:
        return None
    if obligation.kind is _K.WAITING_CONTACT:
        return next_waiting_contact(d, incident, misses=misses)
    if obligation.kind is _K.CHECK_IN and obligation.assignment_id is not None:
        run = incident.assignment(obligation.assignment_id)
        return next_check_in(d, incident, run) if run is not None else None
    return None


HANDLERS: Mapping[type[Command], Handler] = {
    CreateObligation: create_obligation,
    RecordAttempt: record_attempt,
    CompleteObligation: complete_obligation,
    ExceptObligation: except_obligation,
    ReassignObligation: reassign_obligation,
    MissObligation: miss_obligation,
}
