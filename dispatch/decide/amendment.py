"""Amending what is known of an incident, and who must hear of it.

A new version is told to every team on it or asked for it, crews are judged anew, and the search
goes on with what is known now. The regulatory clock keeps. Must not know who may amend.
"""

from __future__ import annotations

from typing import Any

from crisis.eligibility import is_persons_turn
from crisis.incident.danger import danger_of
from crisis.incident.fold import due_under
from crisis.incident.situation import Situation
from crisis.incident.state import DeadlineMoved, Incident, IncidentAmended, SlotWoken
from crisis.standards import local_day, response_standard
from crisis.triage import Standard
from dispatch.decide.advice import suggestion_of, tell_new_threat
from dispatch.decide.context import Deciding
from dispatch.decide.crew_check import assess, reason_of
from dispatch.decide.keeping import tell_owner
from dispatch.decide.situation import warning


def amendment(d: Deciding, incident: Incident, situation: Situation) -> IncidentAmended:
    """Return the event that brings the incident to ``situation``."""
    return IncidentAmended(
        incident_id=incident.id,
        version=incident.version + 1,
        place=situation.place,
        acuity=situation.acuity,
        needs=situation.needs,
        hazards=situation.hazards,
        clinical=situation.clinical,
        danger=danger_of(situation, d.rules.codes, incident.danger),
        suggestion=suggestion_of(d, situation, incident.referral_sources),
    )


def _new_standard(d: Deciding, incident: Incident, situation: Situation) -> Standard | None:
    """Return the response standard of a place that turned out to be another, of another class.

    ``None`` = it stays. The clock is the same, and so is the day whose standards hold: only how
    soon a team must be there is another.
    """
    start = incident.own_determined_at
    if start is None or situation.place.area_class is incident.place.area_class:
        return None
    on = local_day(start, d.policy_of(incident).tz())
    return response_standard(situation.place.area_class, on, d.rules.standards).stored()


def _move_deadline(d: Deciding, incident: Incident, standard: Standard) -> list[dict[str, Any]]:
    """Put the incident under another standard, and tell everybody whose deadline it is."""
    was, due_at = incident.due_at, due_under(incident, standard)
    if was is None or due_at is None:
        return []
    d.emit(
        DeadlineMoved(
            incident_id=incident.id,
            standard=standard,
            was=was,
            due_at=due_at,
            reason="place_changed",
        )
    )
    if due_at == was:
        return []  # what came with a merge is due no later than it was
    after = d.incident(incident.id)
    tell_owner(d, after, "deadline_moved", "now")
    asked = [offer.team_id for offer in after.offers if offer.is_pending]
    for team_id in dict.fromkeys([*(run.team_id for run in after.open_runs), *asked]):
        d.notify(f"team:{team_id}", "deadline_moved", incident=after)
    if due_at > was:
        d.notify("role:supervisor", "deadline_moved", urgency="soon", incident=after)
    return [
        warning(
            "deadline_moved",
            f"By the place as it is known now a team must come within {standard.minutes} minutes "
            "of the determination.",
            was=was.isoformat(),
            due_at=due_at.isoformat(),
        )
    ]


def apply_amendment(
    d: Deciding, incident: Incident, situation: Situation, *, keeps_standard: bool = False
) -> list[dict[str, Any]]:
    """Amend the incident, tell every team concerned, rank anew; return what to warn of.

    ``keeps_standard``: the deadline doesn't hang on it; a merge and a split have set it already.
    """
    standard = None if keeps_standard else _new_standard(d, incident, situation)
    d.emit(amendment(d, incident, situation))
    warnings = [] if standard is None else _move_deadline(d, d.incident(incident.id), standard)
    after = d.incident(incident.id)
    tell_new_threat(d, incident, after)
    for offer in after.offers:
        if offer.is_pending:
            d.notify(f"team:{offer.team_id}", "offer_amended", incident=after)
    for run in after.open_runs:
        d.notify(f"team:{run.team_id}", "incident_amended", incident=after)
        team = d.board.teams[run.team_id]
        lacks = assess(d, after, team).hard
        if lacks and not assess(d, incident, team).hard:
            d.notify("role:supervisor", "crew_no_longer_valid", incident=after)
            warnings.append(
                warning(
                    "crew_no_longer_valid",
                    f"{team.call_sign} is no valid team for this incident as it is known now.",
                    team_id=team.id,
                    reasons=[reason_of(shortfall) for shortfall in lacks],
                )
            )
    wake_again(d, after)
    if not d.env.actor.is_desk:
        tell_owner(d, after, "incident_amended")
    return warnings + _untold(incident, after)


def _untold(before: Incident, after: Incident) -> list[dict[str, Any]]:
    """Warn of partners on their way who know nothing of a danger that changed."""
    if after.danger.version == before.danger.version:
        return []
    return [
        warning(
            "partner_not_told",
            "What is known of danger changed: tell the partner who was asked.",
            partner_id=partner.id,
            kind=partner.kind,
        )
        for partner in after.partners
        if partner.is_open
    ]


def wake_again(d: Deciding, incident: Incident) -> None:
    """Let the service look again for teams where it is already looking."""
    if incident.back_entered:
        return
    policy = d.policy_of(incident)
    for slot in incident.waiting_slots():
        if slot.rung > 0 or not is_persons_turn(incident, slot.no, policy):
            d.emit(SlotWoken(incident_id=incident.id, slot=slot.no, wake_at=d.now), at=d.now)
