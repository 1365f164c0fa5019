"""Who seeks a slot's next team, and when: the service itself, or a person until an instant.

A slot that needs a team always has an instant at which somebody is sought for it again. Where the
county's policy lets a person ask the first team, that instant is when the person should have done
so; it is at once where nobody could be asked anyway. Must not know how teams are ranked.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from crisis.eligibility import Asking, is_persons_turn
from crisis.ids import TeamId
from crisis.incident.state import Incident
from crisis.offer import Offer
from crisis.triage import Acuity
from dispatch.decide.context import Deciding


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


def _somebody_can_be_asked(d: Deciding, incident: Incident, freed: TeamId | None) -> bool:
    rules = d.rules.under(incident.policy_version)
    asking = Asking(d.board, incident, None, d.occurred_at, rules)
    return any(
        asking.may_ask(msgspec.structs.replace(team, offer=None) if team.id == freed else team)
        for team in d.board.teams.values()
    )
