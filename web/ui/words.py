"""Words that the wire's fields are made of, where the Python types only say ``str``.

Decides the TypeScript unions of such fields; a test holds them against what the views project.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from crisis.assignment import Status
from crisis.call import CallState
from crisis.duress import DuressState
from crisis.incident.state import IncidentState, Phase
from crisis.obligation import ObligationKind, ObligationState
from crisis.partner import PartnerState
from crisis.team import Duty
from crisis.triage import Acuity
from dispatch.feed import entities
from dispatch.feed.rules import WIRE_KINDS
from dispatch.run.alerts import TEMPLATES
from geo.zone import AreaClass

# Their members are computed, which mypy doesn't follow.
AlertTemplate = StrEnum("AlertTemplate", {name: name for name in TEMPLATES})  # type: ignore[misc]
EntityKind = StrEnum(  # type: ignore[misc]
    "EntityKind", {kind: kind for kind in sorted(WIRE_KINDS.values())}
)
#: What a team shows: its run's status, that it is asked, or its duty.
TeamStatus = StrEnum(  # type: ignore[misc]
    "TeamStatus", {word: word for word in dict.fromkeys(["offered", *Status, *Duty])}
)

_INCIDENTS = (
    entities.IncidentView,
    entities.TeamIncidentView,
    entities.AgencyIncidentView,
    entities.WallIncidentView,
)
#: (type, field) → the enumeration that its words come from.
WORDS: Mapping[tuple[type[msgspec.Struct], str], type[StrEnum]] = {
    **{(kind, "phase"): Phase for kind in _INCIDENTS},
    **{(kind, "acuity"): Acuity for kind in _INCIDENTS},
    **{(kind, "area_class"): AreaClass for kind in _INCIDENTS},
    (entities.IncidentView, "state"): IncidentState,
    (entities.TeamIncidentView, "state"): IncidentState,
    (entities.RunView, "status"): Status,
    (entities.TeamView, "status"): TeamStatus,
    (entities.TeamView, "duty"): Duty,
    (entities.WallTeamView, "status"): TeamStatus,
    (entities.PartnerView, "state"): PartnerState,
    (entities.CallView, "state"): CallState,
    (entities.DuressView, "state"): DuressState,
    (entities.WallDuressView, "state"): DuressState,
    (entities.ObligationView, "kind"): ObligationKind,
    (entities.ObligationView, "state"): ObligationState,
}
