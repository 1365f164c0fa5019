"""Seeking a team: ranking on one snapshot, outside every lock, and what is sent because of it.

Decides nothing for good: an offer that follows from a ranking is checked again by ``decide``, which
refuses it when the board has moved on. Must not know the database or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from crisis.board import Board
from crisis.commands import Command, Envelope, EscalateSlot, OfferTeam
from crisis.errors import Conflict, NotFound
from crisis.ids import (
    CountyId,
    IncidentId,
    RecordId,
    SlotNo,
    TeamId,
    derived,
    timer_command_id,
)
from crisis.incident import Incident
from crisis.offer import OfferState
from crisis.roles import THE_SERVICE, Role
from crisis.states import Source
from dispatch.decide import RecordDraft, Rules
from dispatch.escalate import WakeUp
from dispatch.matching import CrewMemo, Recommendation, rank
from geo.fix import Fix
from geo.travel import TravelModel

#: Newest believed fix of each team of a county.
Latest = Callable[[CountyId], Mapping[TeamId, Fix]]
#: Candidates, and teams left out, that the stored recommendation keeps in full.
_KEPT = 12

Sent = tuple[Envelope, tuple[RecordDraft, ...]]


class Seeker:
    """Ranks teams for a node's counties.

    Args:
        travel: how long drives take.
        latest: where teams are.
    """

    def __init__(self, travel: TravelModel, latest: Latest) -> None:
        self._travel = travel
        self._latest = latest
        self._memo = CrewMemo()

    def recommend(
        self,
        board: Board,
        rules: Rules,
        incident_id: IncidentId,
        slot: SlotNo | None = None,
        *,
        now: datetime | None = None,
        limit: int | None = None,
    ) -> Recommendation:
        """Rank all teams for a slot (``None`` = the first that has nobody), with reasons.

        Args:
            now: the county's instant, by which fixes age and deadlines come closer; ``None`` = that
                of the board's last event.

        Raises:
            NotFound: ``unknown_incident``, ``unknown_slot``.
        """
        incident = board.incidents.get(incident_id)
        if incident is None:
            raise NotFound("unknown_incident", "There is no such incident on the board.")
        return rank(
            board,
            incident,
            _slot(incident, slot),
            self._latest(board.county_id),
            self._travel,
            now or board.last_recorded_at or incident.received_at,
            rules.under(incident.policy_version),
            limit=limit,
            memo=self._memo,
        )

    def ranked_offer(
        self,
        board: Board,
        rules: Rules,
        env: Envelope,
        offer: OfferTeam,
        *,
        now: datetime | None = None,
    ) -> Sent:
        """Return a person's offer with the ranking that it follows or overrides beside it.

        An incident that can't be ranked (not on the board, no such slot) is left to ``decide``.
        """
        try:
            found = self.recommend(
                board, rules, offer.incident_id, offer.slot, now=now, limit=_KEPT
            )
        except (NotFound, Conflict):
            return env, ()
        record = _record(env.command_id, found)
        first = found.candidates[0].team_id if found.candidates else None
        ranked = msgspec.structs.replace(
            offer,
            eta_s=_eta(found, offer.team_id),
            recommendation=record.id,
            ranked_first=None if first is None else first == offer.team_id,
        )
        return msgspec.structs.replace(env, command=ranked), (record,)

    def answer(
        self, board: Board, rules: Rules, wake: WakeUp, *, now: datetime | None = None
    ) -> Sent:
        """Return the offer to the next best team, or the escalation where nobody is left.

        Who declined or let an offer for this slot expire is asked again only after the ladder has
        climbed, once for each rung: the need is still there, and so are they.
        """
        found = self.recommend(board, rules, wake.incident_id, wake.slot, now=now, limit=_KEPT)
        incident = board.incidents[wake.incident_id]
        asked = _asked_this_round(incident, wake.slot)
        limit = rules.policy_of(incident.policy_version).offers.next_best_limit
        enough = limit > 0 and len(asked) >= limit
        left = () if enough else (c for c in found.candidates if c.team_id not in asked)
        best = next(iter(left), None)
        command_id = timer_command_id(
            board.county_id,
            f"{wake.incident_id}/{wake.slot}",
            wake.rung,
            f"wake-up/{wake.due_at.isoformat()}",
        )
        record = _record(command_id, found)
        command: Command
        if best is None:
            command = EscalateSlot(
                incident_id=wake.incident_id,
                slot=wake.slot,
                rung=wake.rung,
                exclusions=found.counts,
            )
        else:
            command = OfferTeam(
                incident_id=wake.incident_id,
                slot=wake.slot,
                rung=wake.rung,
                team_id=best.team_id,
                eta_s=best.travel.eta_s if best.travel else None,
                recommendation=record.id,
                ranked_first=True,
            )
        env = Envelope(
            county_id=board.county_id,
            command_id=command_id,
            actor=THE_SERVICE,
            source=Source.TIMER,
            command=command,
        )
        return env, (record,)


def _asked_this_round(incident: Incident, no: SlotNo) -> set[TeamId]:
    """Return the teams that answered no, or not at all, since the slot's ladder last climbed."""
    slot = incident.slot(no)
    climbed = slot.climbed if slot is not None else 0
    failed = {OfferState.DECLINED, OfferState.EXPIRED}
    return {
        offer.team_id
        for offer in incident.offers
        if offer.slot == no and offer.state in failed and offer.rung > climbed
    }


def is_persons_offer(env: Envelope) -> bool:
    """Whether a person chose the team, so that the ranking must be put beside the choice."""
    return isinstance(env.command, OfferTeam) and not env.actor.has(Role.SYSTEM)


def _slot(incident: Incident, wanted: SlotNo | None) -> SlotNo:
    if wanted is not None:
        if incident.slot(wanted) is None:
            raise NotFound("unknown_slot", "The incident has no such slot.", slot=wanted)
        return wanted
    waiting = incident.waiting_slots()
    if waiting:
        return waiting[0].no
    return incident.slots[0].no if incident.slots else SlotNo(1)


def _eta(found: Recommendation, team_id: TeamId) -> float | None:
    for candidate in found.candidates:
        if candidate.team_id == team_id:
            return candidate.travel.eta_s if candidate.travel else None
    return None


def _record(command_id: UUID, found: Recommendation) -> RecordDraft:
    """Keep what was recommended and why; of many teams left out, the first and the counts."""
    kept = msgspec.structs.replace(found, excluded=found.excluded[:_KEPT])
    return RecordDraft(
        id=RecordId(derived(command_id, "record/recommendation")),
        kind="recommendation",
        incident_id=found.incident_id,
        fields=msgspec.to_builtins(kept),
    )
