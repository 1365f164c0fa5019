"""What the watchdog found: something due that nobody has seen to. People are told, no more.

Must not know what is due; ``dispatch.escalate`` reads that off the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.commands import AlarmOverlooked, Command
from dispatch.decide.context import Deciding, Handler

#: Those who can act in its place, and those who can mend the service.
TOLD = ("role:dispatcher", "role:supervisor", "role:on_call", "role:admin")


def alarm(d: Deciding, c: AlarmOverlooked) -> dict[str, Any]:
    """Tell people that the clockwork has overlooked a deadline; the board stays as it is."""
    incident = d.board.incidents.get(c.incident_id) if c.incident_id is not None else None
    for to in TOLD:
        d.notify(to, "overlooked", incident=incident)
    return {"kind": c.kind, "due_at": c.due_at}


HANDLERS: Mapping[type[Command], Handler] = {AlarmOverlooked: alarm}
