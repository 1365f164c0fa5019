"""Where a team's run stands. Its order and transitions stand in ``assignment``."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a run stands; also what a team may report."""

    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    STAGED = "staged"
    ON_SCENE = "on_scene"
    CONTACT = "contact"
    ASSESSED = "assessed"
    TRANSPORTING = "transporting"
    AT_DESTINATION = "at_destination"
    HANDED_OFF = "handed_off"
    CLEARED = "cleared"
    READY = "ready"
    DIVERTED = "diverted"
    CANCELLED = "cancelled"
