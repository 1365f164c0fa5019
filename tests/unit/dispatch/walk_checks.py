"""What must hold at every instant of a county's day: nobody who waits or is away is forgotten.

Each is in an offer, on a rung with a due instant, or in a person's acknowledged hands.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from crisis.assignment import Assignment
from crisis.board import Board
from crisis.call import SPOKEN_WITH
from crisis.ids import SlotNo
from crisis.incident.state import Incident, IncidentState, Slot
from crisis.obligation import ObligationKind
from crisis.partner import PartnerState
from crisis.policy import CountyPolicy
from crisis.run_status import ARRIVED, CHECK_INS, Status
from dispatch.choose.seek import WakeUp
from dispatch.due import Due, TimerCommand

#: How people hear of an incident that nobody has decided.
_UNDECIDED = {IncidentState.RECEIVED: "unscreened", IncidentState.SCREENING: "undecided"}


class Forgotten(AssertionError):
    """Somebody in need is in nobody's hands."""


class Coming:
    """What the clockwork will do until some instant, by what it is about."""

    def __init__(self, things: tuple[Due, ...]) -> None:
        self.sought = {(w.incident_id, w.slot) for w in things if isinstance(w, WakeUp)}
        # Held for a crew that says it is there: people are told until one of them settles it.
        self.held = {c.incident_id for c in _commands(things, "RemindClaim")}
        marks = list(_commands(things, "FlagIncident"))
        self.flagged = {(c.incident_id, c.flag) for c in marks}
        self.about = {(c.incident_id, c.flag, c.about) for c in marks}
        self.expiring = {c.offer_id for c in _commands(things, "ExpireOffer")}
        self.calls = {c.call_id for c in _commands(things, "FlagCall")}
        self.alarms = {c.duress_id for c in _commands(things, "EscalateDuress")}
        self.missed = {c.obligation_id for c in _commands(things, "MissObligation")}


def _commands(things: tuple[Due, ...], name: str) -> Iterator[Any]:
    for item in things:
        if isinstance(item, TimerCommand) and type(item.envelope.command).__name__ == name:
            yield item.envelope.command


def check_calls(board: Board, coming: Coming, now: datetime, policy: CountyPolicy) -> None:
    """A caller is spoken with by a person, or people hear of them soon, and have heard before."""
    calls = policy.calls
    longest_s = max(
        calls.answer_s, calls.hold_s, calls.transfer_s, calls.again_s, policy.waiting.alarm_again_s
    )
    for call in board.calls.values():
        ours = call.direction == "outbound" and call.answered_at is None
        if call.on_paper or ours:
            continue
        if call.state in SPOKEN_WITH:
            if call.answered_by is None:
                raise Forgotten(f"nobody speaks with a caller who is on the line: {call}")
            continue
        if call.id not in coming.calls or call.waiting_since is None:
            raise Forgotten(f"nobody will hear of a caller who waits: {call}")
        heard = max(at for at in (call.waiting_since, call.told_at, call.in_hand_until) if at)
        if now - heard > timedelta(seconds=longest_s + 1):
            raise Forgotten(f"at {now}: nobody has heard since {heard} of {call}")


def check_alarms(board: Board, coming: Coming) -> None:
    """An alarm climbs, or a person has it."""
    for alarm in board.duress.values():
        if alarm.id not in coming.alarms and alarm.acknowledged_by is None:
            raise Forgotten(f"nobody has an alarm, and nobody will hear of it: {alarm}")


def check_owed(board: Board, coming: Coming, end: datetime) -> None:
    """What is due lapses at an instant, and a missed callback rings until it is made."""
    for owed in board.obligations.values():
        if not owed.is_open or owed.id in coming.missed:
            continue
        is_missed = owed.missed_at is not None
        if not is_missed and owed.lapses_at > end:
            continue
        if not is_missed or owed.kind is ObligationKind.CALLBACK:
            raise Forgotten(f"owed, and nobody will hear of it: {owed}")


def check_incident(incident: Incident, coming: Coming) -> None:
    """Who answers for it, who decides it, and whose help is awaited."""
    for offer in incident.offers:
        if offer.is_pending and offer.id not in coming.expiring:
            raise Forgotten(f"an offer that never ends: {offer}")
    undecided = _UNDECIDED.get(incident.state)
    if undecided is not None and (incident.id, undecided) not in coming.flagged:
        raise Forgotten(f"nobody will hear that it is undecided: {incident}")
    if not incident.is_settled:
        if incident.owner is None and (incident.id, "unowned") not in coming.flagged:
            raise Forgotten(f"nobody answers for it, and nobody will hear: {incident}")
        handed = incident.pending_owner is not None
        if handed and (incident.id, "handover_unanswered") not in coming.flagged:
            raise Forgotten(f"a handover that nobody takes: {incident}")
    for partner in incident.partners:
        told = {
            PartnerState.REQUESTED: (
                "handoff_unacknowledged" if partner.handoff else "partner_unanswered"
            ),
            PartnerState.ACKNOWLEDGED: "partner_not_arrived",
        }.get(partner.state)
        if told is not None and (incident.id, told, str(partner.id)) not in coming.about:
            raise Forgotten(f"a partner's help that nobody asks after: {partner}")
    if incident.lacks_handoff and (incident.id, "handoff_refused") not in coming.flagged:
        raise Forgotten(f"a hand-off that was refused and that nobody hears of: {incident}")


def check_run(board: Board, incident: Incident, run: Assignment, coming: Coming) -> None:
    """A crew that is away is asked after; so is one that never left, or came back unseen."""
    if run.state in CHECK_INS:
        owed = board.owed_for(incident.id)
        is_watched = any(
            o.kind is ObligationKind.CHECK_IN and o.assignment_id == run.id for o in owed
        ) or any(a.team_id == run.team_id for a in board.duress.values())
    elif run.state is Status.ACCEPTED:
        is_watched = (incident.id, "not_departed", str(run.id)) in coming.about
    else:
        has_come = not ARRIVED.isdisjoint(run.milestones)
        is_watched = has_come or (incident.id, "nobody_came", str(run.id)) in coming.about
    if not is_watched:
        raise Forgotten(f"nobody watches a crew that is {run.state}: {run}")


def needed(incident: Incident) -> Iterator[Slot]:
    """Yield the needs for a team that stand."""
    if incident.state is IncidentState.DETERMINED:
        yield from (slot for slot in incident.slots if slot.dropped is None)


#: A need for a team: whose, and which of theirs.
Need = tuple[Any, SlotNo]
