"""Commands about an incident: opening, determining, amending, ending, owning, writing down."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from crisis.commands.base import Code, Codes, Command, Hazards, Needs, PaperNumber, Short, Text
from crisis.commands.partners import PartnerInput
from crisis.ids import CallId, IncidentId, SlotNo, SubjectId, UserId
from crisis.shapes import Value
from crisis.triage import Acuity, Answer
from geo.point import Point


class PlaceInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the person is, as typed and as pointed at.

    ``address`` is kept verbatim; ``access``: gate, unit, entrance, meeting point.
    """

    point: Point | None = None
    address: Text | None = None
    access: Text | None = None
    location_type: Code | None = None


class SubjectInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person in crisis; everything may be unknown, and all of it is private."""

    name: Short | None = None
    born_on: Short | None = None
    identifiers: Text | None = None
    description: Text | None = None


class OpenIncident(Command, frozen=True, kw_only=True):
    """Open an incident, from a call or without.

    ``paper_number``: the reserved number of an incident kept on paper during an outage.
    """

    call_id: CallId | None = None
    place: PlaceInput = PlaceInput()
    referral_source: Code | None = None
    acuity: Acuity | None = None
    needs: Needs = ()
    hazards: Hazards = ()
    concerns: Codes = ()
    screening: dict[Code, Answer] = {}
    narrative: Text | None = None
    subjects: Annotated[tuple[SubjectInput, ...], Meta(max_length=20)] = ()
    paper_number: PaperNumber | None = None


class StartScreening(Command, frozen=True, kw_only=True):
    """Begin the standardized dispatch tool."""

    incident_id: IncidentId


class Telling(Command, frozen=True, kw_only=True):
    """Tell what is known of an incident, fact by fact; absent fields stay as they are.

    ``version``: of the incident, that the sender looked at. What somebody changed after it is not
    overwritten: ``stale_version`` holds both values. Of lists tell what comes (``add_…``) and what
    goes (``remove_…``). A whole list (``needs``, ``hazards``, ``concerns``) takes away only what
    the sender saw; without a version, nothing. ``not_asked`` takes back only an answer that the
    sender saw, too. Without a version no value is put over one that somebody else amended.
    """

    incident_id: IncidentId
    place: PlaceInput | None = None
    acuity: Acuity | None = None
    needs: Needs | None = None
    hazards: Hazards | None = None
    concerns: Codes | None = None
    screening: dict[Code, Answer] | None = None
    add_needs: Needs = ()
    add_hazards: Hazards = ()
    add_concerns: Codes = ()
    remove_needs: Codes = ()
    remove_hazards: Codes = ()
    remove_concerns: Codes = ()
    version: Annotated[int, Meta(ge=1)] | None = None


class Determine(Telling, frozen=True, kw_only=True):
    """Decide whether a team must go. Dispatching starts the regulatory clock.

    ``partner``: who is asked in the same act; some reasons for sending no team need one.
    """

    decision: Literal["dispatch", "no_dispatch"]
    slots: Annotated[int, Meta(ge=1, le=8)] = 1
    reason: Code | None = None
    rationale: Text | None = None
    partner: PartnerInput | None = None


class AmendIncident(Telling, frozen=True, kw_only=True):
    """Correct or complete place, acuity, needs, hazards; absent fields stay as they are."""


class AddSlot(Command, frozen=True, kw_only=True):
    """One more team is needed."""

    incident_id: IncidentId


class DropSlot(Command, frozen=True, kw_only=True):
    """A team is not needed after all; refused while a run meets the slot."""

    incident_id: IncidentId
    slot: SlotNo
    reason: Code | None = None


class CancelIncident(Command, frozen=True, kw_only=True):
    """Call the whole incident off; its offers and runs end with it."""

    incident_id: IncidentId
    reason: Code


class CloseIncident(Command, frozen=True, kw_only=True):
    """Close it; ``unserved``, with its reason, where no team ever came.

    ``outcome`` ``None`` = as the record says; where no team came, the reason must be told.
    """

    incident_id: IncidentId
    outcome: Literal["responded", "unserved"] | None = None
    reason: Code | None = None


class ReopenIncident(Command, frozen=True, kw_only=True):
    """It was cancelled or closed in error and goes on; only some hours after its end."""

    incident_id: IncidentId
    reason: Code


class MergeIncident(Command, frozen=True, kw_only=True):
    """It is the same situation as ``into``."""

    incident_id: IncidentId
    into: IncidentId


class SplitIncident(Command, frozen=True, kw_only=True):
    """``other`` was merged into this one by mistake."""

    incident_id: IncidentId
    other: IncidentId


class AddNote(Command, frozen=True, kw_only=True):
    """Write something down."""

    incident_id: IncidentId
    text: Text


class AddSubject(Command, frozen=True, kw_only=True):
    """Another person in crisis, or who a known one is."""

    incident_id: IncidentId
    subject_id: SubjectId | None = None
    subject: SubjectInput = SubjectInput()


class AttachCall(Command, frozen=True, kw_only=True):
    """A call belongs to this incident."""

    incident_id: IncidentId
    call_id: CallId


class HandOver(Command, frozen=True, kw_only=True):
    """Offer the incident to another owner, who must accept; to oneself = take it."""

    incident_id: IncidentId
    to: UserId


class AcceptOwnership(Command, frozen=True, kw_only=True):
    """Accept an incident that was handed over."""

    incident_id: IncidentId


class TakeInHand(Command, frozen=True, kw_only=True):
    """Say that one sees to it: the ladder stands and no alarm rings again, for a while."""

    incident_id: IncidentId


class LeaveDesk(Command, frozen=True, kw_only=True):
    """Somebody leaves the desk: what they own falls to the supervisor, who is told.

    ``user_id``: who leaves; ``None`` = the sender. Only a supervisor (or the service, when a
    session ends) says so of somebody else.
    """

    user_id: UserId | None = None


class FlagIncident(Command, frozen=True, kw_only=True):
    """Timer: something about it went wrong by waiting; see ``IncidentFlagged``."""

    incident_id: IncidentId
    flag: Code
    about: Annotated[str, Meta(max_length=64)] = ""
