"""Who people are to the service: the roles, the groups of them that have a name, and who acts.

What each may do or see stands in one table, ``crisis.rights``, and nowhere else.
"""

from __future__ import annotations

from enum import StrEnum

from crisis.ids import AgencyId, ResponderId, TeamId, UserId
from crisis.shapes import Value


class Role(StrEnum):
    """A person may hold several, and other ones on another shift."""

    CALL_TAKER = "call_taker"
    DISPATCHER = "dispatcher"
    SUPERVISOR = "supervisor"
    #: Rung for at night when nobody at the desk answers: sees what the desk sees, takes alarms and
    #: incidents in hand and writes notes; everything else stays the desk's.
    ON_CALL = "on_call"
    RESPONDER = "responder"
    REMOTE_CLINICIAN = "remote_clinician"
    FOLLOW_UP_WORKER = "follow_up_worker"
    AGENCY_MANAGER = "agency_manager"
    LEAD = "lead"
    COMPLIANCE = "compliance"
    ADMIN = "admin"
    INTEGRATION = "integration"
    #: The service itself: timers and simulation of the county's own clockwork.
    SYSTEM = "system"


R = Role
EVERYBODY = frozenset(R)
#: Whom an account can be granted to be: no system, and not the service.
PEOPLE = EVERYBODY - {R.SYSTEM, R.INTEGRATION}
DESK = frozenset({R.CALL_TAKER, R.DISPATCHER, R.SUPERVISOR})
#: Who answers the county's alarms.
ANSWERING = DESK | {R.ON_CALL}
DISPATCH = frozenset({R.DISPATCHER, R.SUPERVISOR})
FIELD = frozenset({R.RESPONDER})
STAFFING = frozenset({R.AGENCY_MANAGER, R.SUPERVISOR, R.ADMIN})
SYSTEM = frozenset({R.SYSTEM})


class Actor(Value, frozen=True, kw_only=True):
    """Who acts.

    Attributes:
        user_id: the account; ``None`` = the service itself.
        roles: what it may act as in this county now.
        agency_id: the agency that it is limited to; ``None`` = the whole county.
        team_id: the team that a responder acts for; ``None`` = none now.
        responder_id: the person's entry in the roster; ``None`` = not a responder.
    """

    user_id: UserId | None = None
    roles: frozenset[Role] = frozenset()
    agency_id: AgencyId | None = None
    team_id: TeamId | None = None
    responder_id: ResponderId | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the actor holds any of ``roles``."""
        return not self.roles.isdisjoint(roles)

    @property
    def is_desk(self) -> bool:
        """Whether the actor works the county's desk."""
        return not self.roles.isdisjoint(DESK | SYSTEM)

    @property
    def is_crew(self) -> bool:
        """Whether the actor serves on teams."""
        return not self.roles.isdisjoint(FIELD)

    @property
    def is_integration(self) -> bool:
        """Whether the actor is another system."""
        return R.INTEGRATION in self.roles

    @property
    def is_service(self) -> bool:
        """Whether it is the service itself."""
        return R.SYSTEM in self.roles


#: The service itself: timers and wake-ups.
THE_SERVICE = Actor(roles=SYSTEM)
