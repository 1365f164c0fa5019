"""Commands about partner responses: law enforcement, EMS, fire, 911, another county."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crisis.commands.base import Code, Command, Short
from crisis.ids import IncidentId, PartnerResponseId
from crisis.shapes import Value


class PartnerInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom an incident is handed off to, or who is asked beside; ``reason`` ``None`` = not said."""

    kind: Code
    reason: Code | None = None
    handoff: bool = True


class RequestPartner(Command, frozen=True, kw_only=True):
    """Ask law enforcement, EMS, fire, 911 or another partner. Never blocked for privacy."""

    incident_id: IncidentId
    kind: Code
    reason: Code
    handoff: bool = False


class BriefPartner(Command, frozen=True, kw_only=True):
    """The partner was told what is known of danger.

    ``danger``: the version of the statement that was read out; ``None`` = the present one.
    """

    incident_id: IncidentId
    partner_id: PartnerResponseId
    danger: Annotated[int, Meta(ge=1)] | None = None


class AcknowledgePartner(Command, frozen=True, kw_only=True):
    """The partner takes it: which agency, and their number for it, kept encrypted."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    agency: Short = ""
    reference: Short = ""


class PartnerOnScene(Command, frozen=True, kw_only=True):
    """The partner has arrived."""

    incident_id: IncidentId
    partner_id: PartnerResponseId


class PartnerGone(Command, frozen=True, kw_only=True):
    """The partner has left; the outcome is a code."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    outcome: Code


class PartnerDeclined(Command, frozen=True, kw_only=True):
    """The partner is not coming."""

    incident_id: IncidentId
    partner_id: PartnerResponseId
    reason: Code
