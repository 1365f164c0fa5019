"""What the service itself failed at: a deadline that nobody has seen to, an alarm nobody heard.

People are told, no more. Must not know what is due (``dispatch.due`` reads that off the board)
nor who can be reached (``dispatch.run.reached``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crisis.commands import AlarmOverlooked, AlarmUnreached, Command
from dispatch.decide.context import Deciding, Handler

#: Those who can act in its place, and those who can mend the service.
TOLD = ("role:dispatcher", "role:supervisor", "role:on_call", "role:admin")
#: What is said where a rung has reached nobody of whom it meant.
_NOBODY: Mapping[str, str] = {
    "supervisor": "nobody_reached_supervisor",
    "on_call": "nobody_reached_on_call",
}


def alarm(d: Deciding, c: AlarmOverlooked) -> dict[str, Any]:
    """Tell people that the clockwork has overlooked a deadline; the board stays as it is."""
    incident = d.board.incidents.get(c.incident_id) if c.incident_id is not None else None
    for to in TOLD:
        d.notify(to, "clock_leapt" if c.kind == "clock" else "overlooked", incident=incident)
    return {"kind": c.kind, "due_at": c.due_at}


def unreached(d: Deciding, c: AlarmUnreached) -> dict[str, Any]:
    """Tell the others that a rung of a ladder has reached nobody, or that nothing gets out."""
    template = "alert_not_sent" if c.role is None else _NOBODY.get(c.role, "alert_not_sent")
    for to in ("role:dispatcher", "role:supervisor", "role:admin"):
        if to != f"role:{c.role}":
            d.notify(to, template)
    return {"told": template}


HANDLERS: Mapping[type[Command], Handler] = {AlarmOverlooked: alarm, AlarmUnreached: unreached}
