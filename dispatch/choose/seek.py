"""Seeking a team: ranking on one snapshot, outside every lock, and what is sent because of it.

Where several slots wait, who gets whom is solved for all of them at once
(``dispatch.choose.assign``), by the service for what it sends and by the recommendations that
people see. Decides nothing for good: an offer that follows from a ranking is checked again by
``decide``, which refuses it when the board has moved on. Must not know the database or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from crisis.board import Board
from crisis.commands import Command, Envelope, EscalateSlot, OfferTeam
from crisis.effects import RecordDraft
from crisis.eligibility import is_persons_turn
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
from crisis.incident.state import Incident, Slot
from crisis.offer import LocatedBy, OfferState
from crisis.reasons import Reason, ReasonCode
from crisis.roles import THE_SERVICE
from crisis.rules import Rules
from crisis.shapes import Value
from crisis.states import Source
from crisis.triage import ACUITY_ORDER, Acuity
from dispatch.choose import Candidate, Recommendation, rank
from dispatch.choose.assign import Place, Wanted, assign, costs_of
from dispatch.choose.fleet import Fleets
from geo.fix import Fix
from geo.travel import CalibratedEstimate, Travel

#: Newest believed fix of each team of a county.
Latest = Callable[[CountyId], Mapping[TeamId, Fix]]
#: Candidates, and teams left out, that the stored recommendation keeps in full.
_KEPT = 12
#: So many waiting slots are assigned together; a county has fewer, but for a catastrophe.
_MOST_WAITING = 24
#: A plan is looked up again for so long, while the board is the same.
_PLAN_HOLDS = timedelta(seconds=5)

Sent = tuple[Envelope, tuple[RecordDraft, ...]]


class WakeUp(Value, frozen=True, kw_only=True):
    """A slot whose next team must be sought: the caller ranks, then offers or escalates.

    Attributes:
        rung: the one that the offer or escalation will take; refused if it was taken meanwhile.
        due_at: the deadline that it follows from; with the rung it makes the command's id, because
            a search that is only repeated takes no rung.
    """

    incident_id: IncidentId
    slot: SlotNo
    rung: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who should get whom, as of one board and instant; empty where fewer than two slots wait."""

    board: Board
    at: datetime
    rankings: Mapping[Place, Recommendation]
    given: Mapping[Place, TeamId]

    def allows(self, place: Place, team_id: TeamId) -> bool:
        """Whether the team may be asked for the slot, with regard to all others that wait."""
        if place in self.rankings:
            return self.given.get(place) == team_id
        return team_id not in self.given.values()

    def wanted_for(self, place: Place, team_id: TeamId) -> IncidentId | None:
        """Return the other incident that should get the team; ``None`` = none."""
        return next(
            (i for (i, no), team in self.given.items() if team == team_id and (i, no) != place),
            None,
        )


class Seeker:
    """Ranks teams for a node's counties.

    Args:
        latest: where teams are.
        travel: how long drives take, under the policy of the incident that they lead to.
    """

    def __init__(self, latest: Latest, travel: Travel = CalibratedEstimate) -> None:
        self._travel = travel
        self._latest = latest
        self._memo = Fleets()
        self._made: dict[CountyId, _Plan] = {}

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

        Teams that should rather go to another waiting incident say so, and stand after the one that
        should come here.

        Args:
            now: the county's instant, by which fixes age and deadlines come closer; ``None`` = that
                of the board's last event.

        Raises:
            NotFound: ``unknown_incident``, ``unknown_slot``.
        """
        incident = board.incidents.get(incident_id)
        if incident is None:
            raise NotFound("unknown_incident", "There is no such incident on the board.")
        no, at = _slot(incident, slot), now or board.last_recorded_at or incident.received_at
        found = self._rank(board, rules, incident, no, at, limit)
        return _as_planned(found, self._plan(board, rules, at), board)

    def _rank(
        self,
        board: Board,
        rules: Rules,
        incident: Incident,
        slot: SlotNo,
        now: datetime,
        limit: int | None,
    ) -> Recommendation:
        return rank(
            board,
            incident,
            slot,
            self._latest(board.county_id),
            now,
            rules.under(incident.policy_version),
            travel=self._travel,
            limit=limit,
            memo=self._memo,
        )

    def _plan(self, board: Board, rules: Rules, now: datetime) -> _Plan:
        """Return who should get whom of all slots that wait; nobody is planned for one alone."""
        made = self._made.get(board.county_id)
        if made is not None and made.board is board and abs(now - made.at) < _PLAN_HOLDS:
            return made
        queue = sorted(_queue(board, rules, now), key=_most_pressing_first)[:_MOST_WAITING]
        rankings: dict[Place, Recommendation] = {}
        wanted = []
        for _, waited_s, incident, slot in queue if len(queue) > 1 else ():
            # Among its own best, as many as there are slots, each slot finds its team.
            limit = _KEPT + len(queue) + len(incident.offers)
            found = self._rank(board, rules, incident, slot.no, now, limit)
            rankings[incident.id, slot.no] = found
            policy = rules.policy_of(incident.policy_version)
            costs, in_time = costs_of(found, _not_to_ask(incident, slot.no))
            acuity = incident.acuity or Acuity.EMERGENT
            wanted.append(
                Wanted(
                    incident_id=incident.id,
                    slot=slot.no,
                    acuity=acuity,
                    waited_s=waited_s,
                    cap_s=policy.matching.starvation_cap_s.of(acuity),
                    costs={} if _has_asked_enough(incident, slot.no, rules) else costs,
                    in_time=in_time,
                )
            )
        plan = _Plan(board=board, at=now, rankings=rankings, given=assign(wanted))
        self._made[board.county_id] = plan
        return plan

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
        eta_s, located_by = _drive_of(next(_of_team(found, offer.team_id), None))
        ranked = msgspec.structs.replace(
            offer,
            eta_s=eta_s,
            located_by=located_by,
            recommendation=record.id,
            ranked_first=None if first is None else first == offer.team_id,
        )
        return msgspec.structs.replace(env, command=ranked), (record,)

    def answer(
        self, board: Board, rules: Rules, wake: WakeUp, *, now: datetime | None = None
    ) -> Sent:
        """Return the offer to the next best team, or the escalation where nobody is left.

        The next best is the one that the plan for all waiting slots gives to this one; where all
        that could go are wanted elsewhere, it waits. Who declined or let an offer for this slot
        expire is asked again only after the ladder has climbed, once for each rung: the need is
        still there, and so are they. Where a person is to ask the first team, the service asks
        none: it only says how many could go.
        """
        incident = board.incidents.get(wake.incident_id)
        if incident is None:
            raise NotFound("unknown_incident", "There is no such incident on the board.")
        at, place = now or board.last_recorded_at or incident.received_at, (incident.id, wake.slot)
        plan = self._plan(board, rules, at)
        found = plan.rankings.get(place) or self._rank(
            board, rules, incident, wake.slot, at, _KEPT + len(incident.offers)
        )
        left: list[Candidate] = []
        if not _has_asked_enough(incident, wake.slot, rules):
            asked = _not_to_ask(incident, wake.slot)
            left = [c for c in found.candidates if c.team_id not in asked]
        best = next((c for c in left if plan.allows(place, c.team_id)), None)
        policy = rules.policy_of(incident.policy_version)
        is_persons = is_persons_turn(incident, wake.slot, policy)
        command_id = timer_command_id(
            board.county_id,
            f"{wake.incident_id}/{wake.slot}",
            wake.rung,
            f"wake-up/{wake.due_at.isoformat()}",
        )
        record = _record(command_id, found)
        command: Command
        if best is None or is_persons:
            command = EscalateSlot(
                incident_id=wake.incident_id,
                slot=wake.slot,
                rung=wake.rung,
                exclusions={**found.counts, ReasonCode.WANTED_ELSEWHERE.value: len(left)}
                if left and best is None
                else found.counts,
                holds=best is None and bool(left),
                can_go=len(left) if is_persons else 0,
            )
        else:
            eta_s, located_by = _drive_of(best)
            command = OfferTeam(
                incident_id=wake.incident_id,
                slot=wake.slot,
                rung=wake.rung,
                team_id=best.team_id,
                eta_s=eta_s,
                located_by=located_by,
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


_Waiting = tuple[int, float, Incident, Slot]


def _queue(board: Board, rules: Rules, now: datetime) -> Iterator[_Waiting]:
    """Yield the slots that wait for a team, with their class and for how many seconds.

    One that a person has not offered to anybody keeps its place until its supervisor was told of
    it; after that it holds nobody back whom the service seeks a team for.
    """
    for incident in board.incidents.values():
        start = incident.determined_at
        if start is None or incident.back_entered or incident.holds:
            continue
        acuity = incident.acuity or Acuity.EMERGENT
        policy = rules.policy_of(incident.policy_version)
        patience_s = policy.waiting.unassigned_alert_s.of(acuity)
        waited_s = (now - start).total_seconds()
        for slot in incident.waiting_slots():
            if waited_s <= patience_s or not is_persons_turn(incident, slot.no, policy):
                yield ACUITY_ORDER[acuity], waited_s, incident, slot


def _most_pressing_first(waiting: _Waiting) -> tuple[int, float, int, int]:
    acuity, waited_s, incident, slot = waiting
    return acuity, -waited_s, incident.number, slot.no


def _as_planned(found: Recommendation, plan: _Plan, board: Board) -> Recommendation:
    """Return the ranking with the team first that should come here, and the others marked."""
    place = (found.incident_id, found.slot)
    if not plan.given:
        return found
    marked = [_marked(c, plan.wanted_for(place, c.team_id), board) for c in found.candidates]
    mine = plan.given.get(place)
    marked.sort(key=lambda candidate: candidate.team_id != mine)
    return msgspec.structs.replace(found, candidates=tuple(marked))


def _marked(candidate: Candidate, wanted_for: IncidentId | None, board: Board) -> Candidate:
    other = board.incidents.get(wanted_for) if wanted_for is not None else None
    if other is None:
        return candidate
    kept = Reason(
        code=ReasonCode.WANTED_ELSEWHERE,
        sentence=f"Better kept for incident {other.number}, which waits too ({other.acuity}).",
        hard=False,
        subject=str(other.number),
    )
    return msgspec.structs.replace(candidate, reasons=(*candidate.reasons, kept))


def _has_asked_enough(incident: Incident, no: SlotNo, rules: Rules) -> bool:
    limit = rules.policy_of(incident.policy_version).offers.next_best_limit
    return limit > 0 and len(_not_to_ask(incident, no)) >= limit


def _not_to_ask(incident: Incident, no: SlotNo) -> set[TeamId]:
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
    """Whether a person chose the team, so that the ranking must be put beside the choice.

    What is entered afterwards was chosen long ago: who could go now says nothing of it.
    """
    if env.source is Source.BACK_ENTRY:
        return False
    return isinstance(env.command, OfferTeam) and not env.actor.is_service


def _slot(incident: Incident, wanted: SlotNo | None) -> SlotNo:
    if wanted is not None:
        if incident.slot(wanted) is None:
            raise NotFound("unknown_slot", "The incident has no such slot.", slot=wanted)
        return wanted
    waiting = incident.waiting_slots()
    if waiting:
        return waiting[0].no
    return incident.slots[0].no if incident.slots else SlotNo(1)


def _of_team(found: Recommendation, team_id: TeamId) -> Iterator[Candidate]:
    return (candidate for candidate in found.candidates if candidate.team_id == team_id)


def _drive_of(candidate: Candidate | None) -> tuple[float | None, LocatedBy | None]:
    """Return how long the drive takes, and where it starts; ``None`` = not known."""
    if candidate is None or candidate.travel is None:
        return None, None
    return candidate.travel.eta_s, candidate.located_by


def _record(command_id: UUID, found: Recommendation) -> RecordDraft:
    """Keep what was recommended and why; of many teams left out, the first and the counts."""
    kept = msgspec.structs.replace(
        found,
        candidates=(
            *found.candidates[:_KEPT],
            *(c for c in found.candidates[_KEPT:] if c.is_fastest),
        ),
        possible=found.possible[:_KEPT],
        excluded=found.excluded[:_KEPT],
    )
    return RecordDraft(
        id=RecordId(derived(command_id, "record/recommendation")),
        kind="recommendation",
        incident_id=found.incident_id,
        fields=msgspec.to_builtins(kept),
    )
