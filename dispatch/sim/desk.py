"""How a simulation acts: by commands, as somebody who is signed in.

``Desk`` is the seam to the API (or, in tests, to the service itself). Must not know HTTP.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from crisis.commands import Command


class Who(StrEnum):
    """Who sends a command."""

    #: opens, determines, offers; tells the teams' acts by voice
    DISPATCHER = "dispatcher"
    #: teams, people and shifts
    ADMIN = "admin"


class Desk(Protocol):
    """Sends commands, each as soon as the one before it was answered."""

    async def send(self, command: Command, who: Who = Who.DISPATCHER) -> dict[str, Any]:
        """Return the result of a command; what a team said names in it who said so.

        Raises:
            CrisisError: the refusal.
        """
        ...
