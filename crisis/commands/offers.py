"""Commands about asking teams, and their answers."""

from __future__ import annotations

from crisis.commands.base import Code, Command
from crisis.ids import IncidentId, OfferId, RecordId, SlotNo, TeamId
from crisis.offer import LocatedBy


class OfferTeam(Command, frozen=True, kw_only=True):
    """Offer a slot to a team.

    Attributes:
        slot: ``None`` = the first that needs one.
        override_reason: required where the team is not the one recommended first.
        rung: set by wake-ups: refused if that rung was taken meanwhile. ``None`` = the next.
        eta_s, located_by, recommendation: of the ranking behind it; ``None`` = not ranked.
        ranked_first: whether the ranking put this team first; ``None`` = not ranked.
    """

    incident_id: IncidentId
    team_id: TeamId
    slot: SlotNo | None = None
    override_reason: Code | None = None
    rung: int | None = None
    eta_s: float | None = None
    located_by: LocatedBy | None = None
    recommendation: RecordId | None = None
    ranked_first: bool | None = None


class AcceptOffer(Command, frozen=True, kw_only=True):
    """The team takes it; ``said_by``: who said so, where the desk enters it by voice."""

    offer_id: OfferId
    said_by: Code | None = None


class DeclineOffer(Command, frozen=True, kw_only=True):
    """The team can't take it; ``said_by`` as in accepting."""

    offer_id: OfferId
    reason: Code
    said_by: Code | None = None


class WithdrawOffer(Command, frozen=True, kw_only=True):
    """Take the question back."""

    offer_id: OfferId
    reason: Code = "dispatcher"


class ExpireOffer(Command, frozen=True, kw_only=True):
    """Timer: nobody answered in time."""

    offer_id: OfferId


class EscalateSlot(Command, frozen=True, kw_only=True):
    """Timer: nobody is left to ask for this slot.

    ``holds``: somebody is, but wanted for a more pressing incident: we only look again.
    ``can_go``: how many teams could go, where a person is to ask the first one.
    """

    incident_id: IncidentId
    slot: SlotNo
    rung: int
    exclusions: dict[str, int] = {}
    holds: bool = False
    can_go: int = 0
