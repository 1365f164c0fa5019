"""Who seeks a slot's next team, and when: the service itself, or a person until an instant.

A slot that needs a team always has an instant at which somebody is sought for it again. Where the
county's policy lets a person ask the first team, that instant is when the person should have done
so; it is at once where nobody could be asked anyway. Must not know how teams are ranked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from crisis.eligibility import is_persons_turn, serves
from crisis.ids import TeamId
from crisis.incident.state import Incident
from crisis.offer import Offer
from crisis.team import Duty, Team
from crisis.triage import Acuity
from dispatch.decide.context import Deciding
from dispatch.decide.crew_check import assess


def first_wake(d: Deciding, incident: Incident, *, freed: TeamId | None = None) -> datetime | None:
    """Return when somebody is sought for a new need; ``None`` = never: it was kept on paper.

    Args:
        incident: as it will be known then.
        freed: the team that was asked and is no more.
    """
    if incident.back_entered:
        return None
    offers = d.policy_of(incident).offers
    if offers.auto_offer or not _somebody_can_be_asked(d, incident, freed):
        return d.now
    return d.in_s(offers.person_s.of(incident.acuity or Acuity.EMERGENT))


def wake_taken_back(d: Deciding, incident: Incident, offer: Offer) -> datetime | None:
    """Return when the search goes on after a person took a question back.

    It is their turn again, unless the service was already looking.
    """
    if is_persons_turn(incident, offer.slot, d.policy_of(incident), without=offer):
        return first_wake(d, incident, freed=offer.team_id)
    return next_wake(d, incident)


def next_wake(d: Deciding, incident: Incident) -> datetime | None:
    """Return when the search goes on after an offer or a run that came to nothing: at once."""
    return None if incident.back_entered else d.now


def why_not_free(d: Deciding, team: Team) -> list[dict[str, Any]]:
    """Return every reason why the team can't be asked now, whatever the incident."""
    in_danger = any(a.team_id == team.id and a.is_open for a in d.board.duress.values())
    faults = (
        (team.retired, "retired", "The team is no longer in use."),
        (team.duty is Duty.OFF_SHIFT, "off_shift", "The team is not on shift."),
        (team.duty is Duty.UNAVAILABLE, "unavailable", "The team is not available."),
        (team.duty is Duty.ENDING, "shift_ending", "The team's shift has come to its end."),
        (team.run is not None, "on_a_run", "The team is on a run."),
        (bool(team.claims), "reports_being_there", "The team reports being at an incident."),
        (team.offer is not None, "offer_pending", "The team has an offer that waits for answer."),
        (team.lent_to is not None, "lent", "The team is on loan to another county."),
        (in_danger, "in_duress", "The team has an open alarm."),
    )
    return [{"code": code, "sentence": text} for failed, code, text in faults if failed]


def _somebody_can_be_asked(d: Deciding, incident: Incident, freed: TeamId | None) -> bool:
    teams = (
        msgspec.structs.replace(team, offer=None) if team.id == freed else team
        for team in d.board.teams.values()
    )
    return any(
        team.is_free
        and not why_not_free(d, team)
        and serves(d.rules.areas, team, incident)
        and assess(d, incident, team).is_valid
        for team in teams
    )
