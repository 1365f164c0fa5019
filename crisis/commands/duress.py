"""Commands about alarms."""

from __future__ import annotations

from typing import Literal

from crisis.commands.base import Code, Command, Short
from crisis.duress import Doubt
from crisis.ids import DuressId, ResponderId, TeamId


class RaiseDuress(Command, frozen=True, kw_only=True):
    """Someone is in danger. Refused to nobody whose account is known, signed in or not any more.

    Attributes:
        doubts: what of it could not be read or believed, found by the service before it is decided.
    """

    ALWAYS_HEARD = True
    team_id: TeamId | None = None
    responder_id: ResponderId | None = None
    cause: Literal["button", "voice", "missed_check_in", "tracker"] = "button"
    doubts: tuple[Doubt, ...] = ()


class AcknowledgeDuress(Command, frozen=True, kw_only=True):
    """I have the alarm in hand."""

    duress_id: DuressId


class SendHelp(Command, frozen=True, kw_only=True):
    """Help is on its way to them."""

    duress_id: DuressId
    who: Code
    reference: Short = ""


class ResolveDuress(Command, frozen=True, kw_only=True):
    """It is over."""

    duress_id: DuressId
    reason: Code


class EscalateDuress(Command, frozen=True, kw_only=True):
    """Timer: nobody acknowledged in time."""

    duress_id: DuressId
    rung: int
