"""Commands of the clockwork about itself."""

from __future__ import annotations

from typing import Literal

from crisis.commands.base import Aware, Command
from crisis.ids import IncidentId

#: What may wait for an instant; ``clock``: the log itself was ahead of it.
OverdueKind = Literal[
    "duress", "offer", "search", "obligation", "shift", "flag", "claim", "call", "clock"
]
RungRole = Literal["supervisor", "on_call"]


class AlarmOverlooked(Command, frozen=True, kw_only=True):
    """Timer: something was due and nobody has seen to it: people are told, nothing changes.

    ``incident_id``: what it is about; ``None`` = about none.
    """

    kind: OverdueKind
    due_at: Aware
    incident_id: IncidentId | None = None


class AlarmUnreached(Command, frozen=True, kw_only=True):
    """Timer: an alarm has reached nobody: others are told, nothing changes.

    ``role``: whom a rung meant, of whom nobody could hear it; ``None`` = something could not be
    sent at all.
    """

    role: RungRole | None = None
