"""The ladder: who is told when no team is left to ask, and who takes an incident in hand.

supervisor → partner agencies → another county → on-call, as the county orders them; after the last
rung all of them are told again and again, until somebody says that they have it in hand. That too
ends at an instant, at which the ladder goes on. Must not know how teams are ranked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crisis.commands import Command, EscalateSlot, TakeInHand
from crisis.errors import Conflict, NotFound
from crisis.incident.state import Incident, IncidentTakenInHand, Slot, SlotEscalated
from crisis.policy import CountyPolicy, Rung, RungKind
from crisis.roles import Role
from crisis.triage import Acuity
from dispatch.decide.claims import require_settled_claims
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.keeping import owner_address

#: A slot whose teams are wanted for more pressing incidents is looked at again after this.
HELD_AGAIN_S = 60.0

_NOBODY_LEFT = "nobody_left_to_ask"
#: What is said at each rung of the ladder, and to whom beside the incident's owner.
_TOLD: Mapping[RungKind, tuple[str, tuple[Role, ...]]] = {
    RungKind.SUPERVISOR: (_NOBODY_LEFT, (Role.SUPERVISOR,)),
    RungKind.PARTNER: ("ask_partner_agencies", (Role.DISPATCHER, Role.SUPERVISOR)),
    RungKind.LOAN: ("ask_for_loan", (Role.SUPERVISOR,)),
    RungKind.ON_CALL: (_NOBODY_LEFT, (Role.ON_CALL, Role.SUPERVISOR)),
}
#: ... and after the last rung, each time.
_AGAIN = ("nobody_has_it", (Role.DISPATCHER, Role.SUPERVISOR, Role.ON_CALL))


def escalate(d: Deciding, c: EscalateSlot) -> dict[str, Any]:
    """Nobody is left to ask: tell the next rung of the ladder, and look again later.

    Where the search was only repeated before the next rung was due (a team was freed, or the
    incident changed), no rung is taken and nobody is told again. Nor is one for a while where
    somebody could go but is wanted for a more pressing incident: that is looked at again soon.
    """
    incident, slot = _waiting(d, c)
    policy = d.policy_of(incident)
    held_until = _held_until(d, incident, slot, policy, holds=c.holds)
    if held_until is not None:
        if c.can_go and slot.exhausted_at is not None:
            d.notify(owner_address(incident), "team_can_be_asked", incident=incident)
        d.emit(
            SlotEscalated(
                incident_id=incident.id,
                slot=slot.no,
                rung=slot.rung,
                wake_at=held_until,
                exclusions=c.exclusions if c.holds else {},
                climbs=False,
                can_go=c.can_go,
            )
        )
        return _escalated(incident, slot, slot.rung, None, held_until)
    ladder = _ladder(policy)
    rung = ladder[min(slot.escalations, len(ladder) - 1)]
    wake_at = None if incident.back_entered else d.in_s(_pause_s(ladder, slot, policy))
    d.emit(
        SlotEscalated(
            incident_id=incident.id,
            slot=slot.no,
            rung=c.rung,
            to=rung.kind.value,
            wake_at=wake_at,
            exclusions=c.exclusions,
            can_go=c.can_go,
        )
    )
    _tell_rung(d, incident, slot, policy, can_go=c.can_go > 0)
    return _escalated(incident, slot, c.rung, rung.kind.value, wake_at)


def _waiting(d: Deciding, c: EscalateSlot) -> tuple[Incident, Slot]:
    incident = d.incident(c.incident_id)
    slot = incident.slot(c.slot)
    if slot is None:
        raise NotFound("unknown_slot", "The incident has no such slot.", slot=c.slot)
    require_settled_claims(d, incident)
    if slot not in incident.waiting_slots():
        raise Conflict("slot_met", "The slot doesn't wait for a team now.", slot=c.slot)
    if c.rung != slot.rung + 1:
        raise Conflict(
            "rung_taken", "This try was made meanwhile.", rung=c.rung, next_rung=slot.rung + 1
        )
    return incident, slot


def _held_until(
    d: Deciding, incident: Incident, slot: Slot, policy: CountyPolicy, *, holds: bool
) -> datetime | None:
    """Return until when no rung is taken; ``None`` = the next one is taken now.

    Whoever is wanted elsewhere doesn't hold the ladder for ever: no longer than a person may wait
    without a team before the supervisor hears of it.
    """
    held = []
    if slot.climb_at is not None and d.now < slot.climb_at:
        held.append(slot.climb_at)
    patience_s = policy.waiting.unassigned_alert_s.of(incident.acuity or Acuity.EMERGENT)
    since = incident.own_determined_at or incident.received_at
    if holds and (held or d.now < since + timedelta(seconds=patience_s)):
        held.append(d.in_s(HELD_AGAIN_S))
    return min(held, default=None)


def _ladder(policy: CountyPolicy) -> list[Rung]:
    climbed = [rung for rung in policy.offers.ladder if rung.kind is not RungKind.NEXT_BEST]
    return climbed or [Rung(kind=RungKind.SUPERVISOR)]


def _pause_s(ladder: list[Rung], slot: Slot, policy: CountyPolicy) -> float:
    """Return the seconds until the ladder climbs on, or rings again at its end."""
    following = slot.escalations + 1
    return ladder[following].delay_s if following < len(ladder) else policy.waiting.alarm_again_s


def _tell_rung(
    d: Deciding, incident: Incident, slot: Slot, policy: CountyPolicy, *, can_go: bool
) -> None:
    """Tell whoever is meant by the rung that was climbed, and at each the incident's owner."""
    ladder = _ladder(policy)
    is_first, is_again = slot.escalations == 0, slot.escalations >= len(ladder)
    template, roles = _AGAIN if is_again else _TOLD[ladder[slot.escalations].kind]
    if can_go and template == _NOBODY_LEFT:
        # Teams are there, but nobody has asked one.
        template = "nobody_offers"
    to = [owner_address(incident), *(f"role:{role.value}" for role in roles)]
    for one in dict.fromkeys(to):
        d.notify(one, template, incident=incident)
    if is_first and policy.offers.alert_when_nobody_left and "role:supervisor" not in to:
        d.notify("role:supervisor", _NOBODY_LEFT, incident=incident)


def _escalated(
    incident: Incident, slot: Slot, rung: int, to: str | None, wake_at: datetime | None
) -> dict[str, Any]:
    return {
        "incident_id": incident.id,
        "slot": slot.no,
        "rung": rung,
        "to": to,
        "wake_at": wake_at,
        "warnings": [],
    }


def take_in_hand(d: Deciding, c: TakeInHand) -> dict[str, Any]:
    """Somebody sees to it: the ladder stands and nothing rings again until a stated instant."""
    incident = d.incident(c.incident_id)
    if incident.archived:
        raise Conflict("settled", f"Incident {incident.number} is over; there is nothing to do.")
    until = d.in_s(d.policy_of(incident).waiting.in_hand_s)
    d.emit(IncidentTakenInHand(incident_id=incident.id, by=d.env.actor.user_id, until=until))
    return {"incident_id": incident.id, "until": until, "warnings": []}


HANDLERS: Mapping[type[Command], Handler] = {
    EscalateSlot: escalate,
    TakeInHand: take_in_hand,
}
