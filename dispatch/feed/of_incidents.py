"""What the views show of an incident: each class's own choice of listed fields.

Everything that a console sorts and colours by is worked out here (phase, since when it waits, what
is unacknowledged), so that the browser needs no rules. Must not know who sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from crisis.assignment import Assignment
from crisis.board import Board
from crisis.ids import TeamId
from crisis.incident.danger import Danger
from crisis.incident.state import Incident, IncidentState, Slot
from crisis.offer import Offer
from crisis.partner import PartnerResponse
from crisis.run_status import COMING, Status
from crisis.triage import Need, Place
from dispatch.feed.entities import (
    AgencyIncidentView,
    CellView,
    ClaimView,
    DangerView,
    FlagView,
    HazardView,
    IncidentView,
    NeedView,
    OfferView,
    PartnerView,
    ProposalView,
    RunView,
    SlotView,
    TeamIncidentView,
    WallIncidentView,
)
from geo.point import coarse


def _cell(place: Place) -> CellView | None:
    if place.cell is None:
        return None
    # The cell is coarse already; made so again, no exact point can ever pass here.
    centre = coarse(place.cell)
    return CellView(lat=centre.lat_deg, lon=centre.lon_deg)


def _needs(needs: Sequence[Need]) -> tuple[NeedView, ...]:
    return tuple(NeedView(code=n.code, hard=bool(n.hard), team_id=n.team_id) for n in needs)


def _hazards(danger: Danger) -> tuple[HazardView, ...]:
    return tuple(
        HazardView(code=h.code, source=h.source, noted_at=h.noted_at) for h in danger.hazards
    )


def _danger(danger: Danger) -> DangerView:
    return DangerView(
        version=danger.version,
        unknown=danger.unknown,
        not_asked=danger.not_asked,
        scene_known=danger.scene_known,
        is_clear=danger.is_clear,
    )


def _offer(offer: Offer) -> OfferView:
    return OfferView(
        id=offer.id,
        slot=offer.slot,
        team_id=offer.team_id,
        rung=offer.rung,
        offered_at=offer.offered_at,
        expires_at=offer.expires_at,
        eta_s=offer.eta_s,
        located_by=offer.located_by,
        shortfalls=offer.shortfalls,
    )


def _offers(incident: Incident) -> tuple[OfferView, ...]:
    return tuple(_offer(o) for o in incident.offers if o.is_pending)


def _run(incident: Incident, run: Assignment, board: Board) -> RunView:
    team = board.teams.get(run.team_id)
    eta_at, eta_from = _eta(incident, run)
    return RunView(
        id=run.id,
        slot=run.slot,
        team_id=run.team_id,
        call_sign=team.call_sign if team is not None else "",
        status=run.state,
        since=run.moved_at,
        # In the order of the statuses, not of the reports: every node writes the same bytes.
        milestones={s.value: run.milestones[s] for s in Status if s in run.milestones},
        eta_at=eta_at,
        eta_from=eta_from,
        acknowledged=run.acknowledged,
        unacknowledged=_is_unacknowledged(incident, run),
        briefed=run.briefed_by is not None,
        staging_reason=run.staging_reason,
        disputed=run.disputed,
        shortfalls=run.shortfalls,
        arrival_shortfalls=run.arrival_shortfalls,
        qualifies=run.qualifying,
    )


def _runs(incident: Incident, board: Board) -> tuple[RunView, ...]:
    return tuple(_run(incident, a, board) for a in incident.assignments if a.meets_need)


def _is_unacknowledged(incident: Incident, run: Assignment) -> bool:
    is_told = incident.amended_at is not None or bool(incident.danger.hazards)
    return is_told and run.is_open and run.acknowledged < incident.version


_TRAVELS = COMING - {Status.STAGED}


def _eta(incident: Incident, run: Assignment) -> tuple[datetime | None, str | None]:
    """Return when the run should reach the scene, by the drive known when offered, and its start.

    Where a drive began that was only taken to begin at a base isn't forgotten by an acceptance.
    """
    if run.state not in _TRAVELS:
        return None, None
    offer = incident.offer(run.offer_id)
    left = run.milestones.get(Status.EN_ROUTE) or run.milestones.get(Status.ACCEPTED)
    if offer is None or offer.eta_s is None or left is None:
        return None, None
    return left + timedelta(seconds=offer.eta_s), offer.located_by


def _partners(partners: Sequence[PartnerResponse]) -> tuple[PartnerView, ...]:
    return tuple(
        PartnerView(
            id=p.id,
            kind=p.kind,
            state=p.state,
            handoff=p.handoff,
            danger=p.danger,
            requested_at=p.requested_at,
            acknowledged_at=p.acknowledged_at,
            arrived_at=p.arrived_at,
        )
        for p in partners
    )


def _unmet_since(incident: Incident, slot: Slot) -> datetime:
    """Return since when the slot has had no run; being asked doesn't count as being served."""
    start = incident.own_determined_at or incident.received_at
    ended = (a.moved_at for a in incident.assignments if a.slot == slot.no and not a.meets_need)
    return max((start, *ended))


def _slot(incident: Incident, slot: Slot) -> SlotView:
    run = incident.slot_run(slot.no)
    pending = incident.slot_offers(slot.no)
    if slot.dropped is not None:
        state, since = "dropped", _unmet_since(incident, slot)
    elif run is not None:
        state, since = "assigned", run.milestones.get(Status.ACCEPTED, run.moved_at)
    elif pending:
        state, since = "offered", pending[0].offered_at
    else:
        answered = (o.answered_at for o in incident.offers if o.slot == slot.no and o.answered_at)
        state, since = "waiting", max((_unmet_since(incident, slot), *answered))
    return SlotView(
        no=slot.no,
        state=state,
        since=since,
        tries=slot.rung,
        next_try_at=slot.wake_at,
        asked=incident.was_asked(slot.no),
        exhausted_at=slot.exhausted_at,
    )


def _waiting_since(incident: Incident) -> datetime | None:
    if incident.state is not IncidentState.DETERMINED:
        return None
    unmet = (
        _unmet_since(incident, s)
        for s in incident.slots
        if s.dropped is None and incident.slot_run(s.no) is None
    )
    return min(unmet, default=None)


def agency_of(board: Board, team_id: UUID | None) -> UUID | None:
    """Return the agency of a team; ``None`` = no team, or it has left the board."""
    team = board.teams.get(TeamId(team_id)) if team_id is not None else None
    return team.agency_id if team is not None else None


def desk_incident(incident: Incident, board: Board, _: UUID | None) -> IncidentView:
    """Return everything that a desk needs to sort, colour and decide."""
    place = incident.place
    return IncidentView(
        id=incident.id,
        number=incident.number,
        phase=incident.phase,
        state=incident.state,
        version=incident.version,
        acuity=incident.acuity,
        needs=_needs(incident.needs),
        hazards=_hazards(incident.danger),
        danger=_danger(incident.danger),
        cell=_cell(place),
        location_type=place.location_type,
        other_types=place.other_types,
        excluded_setting=place.excluded_setting,
        area_class=place.area_class,
        standard_minutes=incident.standard.minutes if incident.standard is not None else None,
        received_at=incident.received_at,
        screening_at=incident.screening_at,
        determined_at=incident.determined_at,
        due_at=incident.due_at,
        first_on_scene_at=incident.first_on_scene_at,
        waiting_since=_waiting_since(incident),
        ended_at=incident.ended_at,
        outcome=incident.outcome,
        reason=incident.reason,
        owner=incident.owner,
        pending_owner=incident.pending_owner,
        handed_over_at=incident.handed_over_at,
        in_hand_by=incident.in_hand_by,
        in_hand_until=incident.in_hand_until,
        amended_at=incident.amended_at,
        slots=tuple(_slot(incident, s) for s in incident.slots),
        offers=_offers(incident),
        runs=_runs(incident, board),
        partners=_partners(incident.partners),
        proposals=tuple(
            ProposalView(kind=p.kind, reason=p.reason, is_life_threat=p.is_life_threat)
            for p in incident.proposals
        ),
        calls=incident.calls,
        merged_into=incident.merged_into,
        absorbed=incident.absorbed,
        subjects=len(incident.subjects),
        encounters=len(incident.encounters),
        back_entered=incident.back_entered,
        is_exhausted=any(s.exhausted_at is not None for s in incident.waiting_slots()),
        is_unacknowledged=any(_is_unacknowledged(incident, a) for a in incident.assignments),
        lacks_handoff=incident.lacks_handoff,
        flags=tuple(
            FlagView(flag=f.flag, about=f.about, at=f.at, times=f.times) for f in incident.flags
        ),
        claims=_claims(incident),
        referral_source=incident.referral_source,
    )


def _claims(incident: Incident) -> tuple[ClaimView, ...]:
    return tuple(
        ClaimView(
            assignment_id=hold.assignment_id,
            team_id=hold.team_id,
            status=hold.status,
            since=hold.since,
            until=hold.until,
        )
        for hold in incident.holds
    )


def team_incident(incident: Incident, board: Board, _: UUID | None) -> TeamIncidentView:
    """Return what a crew must know before it goes; the exact place is fetched."""
    place = incident.place
    return TeamIncidentView(
        id=incident.id,
        number=incident.number,
        phase=incident.phase,
        state=incident.state,
        version=incident.version,
        acuity=incident.acuity,
        needs=_needs(incident.needs),
        hazards=_hazards(incident.danger),
        danger=_danger(incident.danger),
        cell=_cell(place),
        location_type=place.location_type,
        other_types=place.other_types,
        excluded_setting=place.excluded_setting,
        area_class=place.area_class,
        received_at=incident.received_at,
        determined_at=incident.determined_at,
        due_at=incident.due_at,
        first_on_scene_at=incident.first_on_scene_at,
        runs=_runs(incident, board),
        partners=_partners(incident.partners),
        subjects=len(incident.subjects),
        back_entered=incident.back_entered,
    )


def agency_incident(incident: Incident, board: Board, agency: UUID | None) -> AgencyIncidentView:
    """Return what concerns the teams of one agency."""

    def is_own(team_id: UUID) -> bool:
        return agency_of(board, team_id) == agency

    return AgencyIncidentView(
        id=incident.id,
        number=incident.number,
        phase=incident.phase,
        acuity=incident.acuity,
        hazards=_hazards(incident.danger),
        danger=_danger(incident.danger),
        area_class=incident.place.area_class,
        received_at=incident.received_at,
        determined_at=incident.determined_at,
        due_at=incident.due_at,
        first_on_scene_at=incident.first_on_scene_at,
        offers=tuple(o for o in _offers(incident) if is_own(o.team_id)),
        runs=tuple(r for r in _runs(incident, board) if is_own(r.team_id)),
    )


def wall_incident(incident: Incident, board: Board, _: UUID | None) -> WallIncidentView:
    """Return a row that may hang on a wall."""
    return WallIncidentView(
        id=incident.id,
        number=incident.number,
        phase=incident.phase,
        acuity=incident.acuity,
        hazards=_hazards(incident.danger),
        danger=_danger(incident.danger),
        area_class=incident.place.area_class,
        received_at=incident.received_at,
        due_at=incident.due_at,
        first_on_scene_at=incident.first_on_scene_at,
        waiting_since=_waiting_since(incident),
        claimed=bool(incident.holds),
    )
