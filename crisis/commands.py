"""Commands: what someone wants to happen. ``dispatch.decide`` answers with events or a refusal.

Each is also the shape of its request's body, so that what the wire accepts and what is decided are
one type. Times are aware. Free text and identities are bounded and become encrypted records; they
never reach an event. ``ROLES`` of each class says who may send it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from crisis.assignment import Status
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CallId,
    CommandId,
    CountyId,
    DuressId,
    EncounterId,
    IncidentId,
    ObligationId,
    OfferId,
    PartnerResponseId,
    RecordId,
    ResponderId,
    ShiftId,
    SlotNo,
    SubjectId,
    TeamId,
    UserId,
)
from crisis.obligation import ObligationKind
from crisis.roles import DESK, DISPATCH, FIELD, STAFFING, SYSTEM, Actor, Role
from crisis.shapes import Value, snake
from crisis.staffing import Responder, TelehealthSecond
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import Acuity, Answer, Hazard, Need
from geo.point import Point

#: A prefix and a number: no room for a name.
PAPER_NUMBER = r"^[A-Za-z]{0,4}[-_]?[0-9]{1,10}$"

Code = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$", description="a code of a code set")
]
Short = Annotated[str, Meta(max_length=200, description="free text; kept encrypted")]
PaperNumber = Annotated[
    str,
    Meta(pattern=PAPER_NUMBER, description="a reserved number: up to 4 letters, then digits"),
]
Text = Annotated[str, Meta(max_length=20_000, description="free text; kept encrypted")]
Aware = Annotated[datetime, Meta(tz=True)]
Codes = Annotated[tuple[Code, ...], Meta(max_length=40)]
Needs = Annotated[tuple[Need, ...], Meta(max_length=40)]
Hazards = Annotated[tuple[Hazard, ...], Meta(max_length=40)]
Crew = Annotated[tuple[CrewMember, ...], Meta(max_length=12)]


class Command(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag=snake):
    """The base of all commands."""

    ROLES: ClassVar[frozenset[Role]] = frozenset()


class Envelope(Value, frozen=True, kw_only=True):
    """A command with who, when and by which way.

    Attributes:
        command_id: chosen by the sender (``Idempotency-Key``); the same command again has the same.
        body_hash: of what was sent; the same id with another body is refused.
        occurred_at: when it happened in the world; ``None`` = now.
        sent_at: what the sender's clock said when sending; corrects ``occurred_at`` of a phone
            whose clock is off. ``None`` = not told.
        reason: why a past instant is entered (back-entry).
    """

    county_id: CountyId
    command_id: CommandId
    actor: Actor
    source: Source
    body_hash: bytes = b""
    occurred_at: Aware | None = None
    sent_at: Aware | None = None
    reason: str | None = None
    command: Command


# Parts of bodies


class Caller(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who calls; all of it private."""

    name: Short | None = None
    callback: Short | None = None
    safe_to_call: bool | None = None
    safe_to_text: bool | None = None
    relation: Short | None = None
    language: Code | None = None
    interpreter: Short | None = None
    pronouns: Short | None = None


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


class PartnerInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom an incident is handed off to, or who is asked beside; ``reason`` ``None`` = not said."""

    kind: Code
    reason: Code | None = None
    handoff: bool = True


class EncounterInput(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one person's encounter ended."""

    subject_id: SubjectId | None = None
    contacted: bool = True
    disposition: Code
    hold: Code | None = None
    transport: Code | None = None
    destination: Short | None = None
    plan: Code | None = None
    plan_exception: Code | None = None
    naloxone_given: bool = False
    has_plan_to_notify: bool | None = None
    note: Text | None = None


# Calls


class OfferCall(Command, frozen=True, kw_only=True):
    """A call rings, or a desk begins one; ``answered`` = the sender is already speaking."""

    ROLES = DESK | {Role.INTEGRATION}
    direction: Literal["inbound", "outbound"] = "inbound"
    channel: Code = "voice"
    referral_source: Code = "unknown"
    agent_stays: bool = False
    answered: bool = False
    caller: Caller | None = None


class AnswerCall(Command, frozen=True, kw_only=True):
    """Take a ringing call."""

    ROLES = DESK
    call_id: CallId


class AbandonCall(Command, frozen=True, kw_only=True):
    """The caller hung up before anyone answered."""

    ROLES = DESK | {Role.INTEGRATION}
    call_id: CallId


class HoldCall(Command, frozen=True, kw_only=True):
    """Put the caller on hold."""

    ROLES = DESK
    call_id: CallId


class ResumeCall(Command, frozen=True, kw_only=True):
    """Take the caller off hold."""

    ROLES = DESK
    call_id: CallId


class TransferCall(Command, frozen=True, kw_only=True):
    """Begin a warm transfer."""

    ROLES = DESK
    call_id: CallId
    to: Code
    reason: Code = "other"


class ConfirmTransfer(Command, frozen=True, kw_only=True):
    """Confirm one side of a transfer, ours or one that brought us the caller."""

    ROLES = DESK | {Role.INTEGRATION}
    call_id: CallId
    side: Literal["us", "them"]
    reference: Short = ""


class FailTransfer(Command, frozen=True, kw_only=True):
    """The other side did not take the caller."""

    ROLES = DESK
    call_id: CallId
    reason: Code = "other"


class EndCall(Command, frozen=True, kw_only=True):
    """The conversation is over."""

    ROLES = DESK
    call_id: CallId
    outcome: Code | None = None


class LoseCall(Command, frozen=True, kw_only=True):
    """The line dropped: a callback becomes due."""

    ROLES = DESK | {Role.INTEGRATION}
    call_id: CallId


# Incidents


class OpenIncident(Command, frozen=True, kw_only=True):
    """Open an incident, from a call or without.

    ``paper_number``: the reserved number of an incident kept on paper during an outage.
    """

    ROLES = DESK | {Role.INTEGRATION}
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

    ROLES = DESK
    incident_id: IncidentId


class Determine(Command, frozen=True, kw_only=True):
    """Decide whether a team must go. Dispatching starts the regulatory clock.

    ``partner``: who is asked in the same act; some reasons for sending no team need one.
    """

    ROLES = DISPATCH
    incident_id: IncidentId
    decision: Literal["dispatch", "no_dispatch"]
    acuity: Acuity | None = None
    needs: Needs | None = None
    hazards: Hazards | None = None
    place: PlaceInput | None = None
    concerns: Codes | None = None
    screening: dict[Code, Answer] | None = None
    slots: Annotated[int, Meta(ge=1, le=8)] = 1
    reason: Code | None = None
    rationale: Text | None = None
    partner: PartnerInput | None = None


class AmendIncident(Command, frozen=True, kw_only=True):
    """Correct or complete place, acuity, needs, hazards; absent fields stay as they are."""

    ROLES = DESK | {Role.RESPONDER}
    incident_id: IncidentId
    place: PlaceInput | None = None
    acuity: Acuity | None = None
    needs: Needs | None = None
    hazards: Hazards | None = None
    concerns: Codes | None = None
    screening: dict[Code, Answer] | None = None


class AddSlot(Command, frozen=True, kw_only=True):
    """One more team is needed."""

    ROLES = DISPATCH
    incident_id: IncidentId


class DropSlot(Command, frozen=True, kw_only=True):
    """A team is not needed after all; refused while a run meets the slot."""

    ROLES = DISPATCH
    incident_id: IncidentId
    slot: SlotNo
    reason: Code = "other"


class CancelIncident(Command, frozen=True, kw_only=True):
    """Call the whole incident off; its offers and runs end with it."""

    ROLES = DISPATCH
    incident_id: IncidentId
    reason: Code


class CloseIncident(Command, frozen=True, kw_only=True):
    """Close it; ``unserved`` where no team ever came."""

    ROLES = DISPATCH
    incident_id: IncidentId
    outcome: Literal["responded", "unserved"] = "responded"
    reason: Code | None = None


class MergeIncident(Command, frozen=True, kw_only=True):
    """It is the same situation as ``into``."""

    ROLES = DISPATCH
    incident_id: IncidentId
    into: IncidentId


class SplitIncident(Command, frozen=True, kw_only=True):
    """``other`` was merged into this one by mistake."""

    ROLES = DISPATCH
    incident_id: IncidentId
    other: IncidentId


class AddNote(Command, frozen=True, kw_only=True):
    """Write something down."""

    ROLES = DESK | FIELD | {Role.REMOTE_CLINICIAN, Role.FOLLOW_UP_WORKER}
    incident_id: IncidentId
    text: Text


class AddSubject(Command, frozen=True, kw_only=True):
    """Another person in crisis, or who a known one is."""

    ROLES = DESK | FIELD | {Role.REMOTE_CLINICIAN, Role.FOLLOW_UP_WORKER}
    incident_id: IncidentId
    subject_id: SubjectId | None = None
    subject: SubjectInput = SubjectInput()


class AttachCall(Command, frozen=True, kw_only=True):
    """A call belongs to this incident."""

    ROLES = DESK
    incident_id: IncidentId
    call_id: CallId


class HandOver(Command, frozen=True, kw_only=True):
    """Offer the incident to another owner, who must accept; to oneself = take it."""

    ROLES = DESK
    incident_id: IncidentId
    to: UserId


class AcceptOwnership(Command, frozen=True, kw_only=True):
    """Accept an incident that was handed over."""

    ROLES = DESK
    incident_id: IncidentId


class LeaveDesk(Command, frozen=True, kw_only=True):
    """Somebody leaves the desk: what they own falls to the supervisor, who is told.

    ``user_id``: who leaves; ``None`` = the sender. Only a supervisor (or the service, when a
    session ends) says so of somebody else.
    """

    ROLES = DESK | SYSTEM
    user_id: UserId | None = None


class FlagIncident(Command, frozen=True, kw_only=True):
    """Timer: something about it went wrong by waiting; see ``IncidentFlagged``."""

    ROLES = SYSTEM
    incident_id: IncidentId
    flag: Code
    about: Annotated[str, Meta(max_length=64)] = ""


# Partner responses


class RequestPartner(Command, frozen=True, kw_only=True):
    """Ask law enforcement, EMS, fire, 911 or another partner. Never blocked for privacy."""

    ROLES = DESK | FIELD
    incident_id: IncidentId
    kind: Code
    reason: Code
    handoff: bool = False


class AcknowledgePartner(Command, frozen=True, kw_only=True):
    """The partner takes it: which agency, and their number for it, kept encrypted."""

    ROLES = DESK | FIELD
    incident_id: IncidentId
    partner_id: PartnerResponseId
    agency: Short = ""
    reference: Short = ""


class PartnerOnScene(Command, frozen=True, kw_only=True):
    """The partner has arrived."""

    ROLES = DESK | FIELD
    incident_id: IncidentId
    partner_id: PartnerResponseId


class PartnerGone(Command, frozen=True, kw_only=True):
    """The partner has left; the outcome is a code."""

    ROLES = DESK | FIELD
    incident_id: IncidentId
    partner_id: PartnerResponseId
    outcome: Code


class PartnerDeclined(Command, frozen=True, kw_only=True):
    """The partner is not coming."""

    ROLES = DESK | FIELD
    incident_id: IncidentId
    partner_id: PartnerResponseId
    reason: Code


# Offers


class OfferTeam(Command, frozen=True, kw_only=True):
    """Offer a slot to a team.

    Attributes:
        slot: ``None`` = the first that needs one.
        override_reason: required where the team is not the one recommended first.
        rung: set by wake-ups: refused if that rung was taken meanwhile. ``None`` = the next.
        eta_s, recommendation: of the ranking behind it; ``None`` = not ranked.
        ranked_first: whether the ranking put this team first; ``None`` = not ranked.
    """

    ROLES = DISPATCH | SYSTEM
    incident_id: IncidentId
    team_id: TeamId
    slot: SlotNo | None = None
    override_reason: Code | None = None
    rung: int | None = None
    eta_s: float | None = None
    recommendation: RecordId | None = None
    ranked_first: bool | None = None


class AcceptOffer(Command, frozen=True, kw_only=True):
    """The team takes it; ``said_by``: who said so, where the desk enters it by voice."""

    ROLES = DISPATCH | FIELD
    offer_id: OfferId
    said_by: Code | None = None


class DeclineOffer(Command, frozen=True, kw_only=True):
    """The team can't take it; ``said_by`` as in accepting."""

    ROLES = DISPATCH | FIELD
    offer_id: OfferId
    reason: Code
    said_by: Code | None = None


class WithdrawOffer(Command, frozen=True, kw_only=True):
    """Take the question back."""

    ROLES = DISPATCH
    offer_id: OfferId
    reason: Code = "dispatcher"


class ExpireOffer(Command, frozen=True, kw_only=True):
    """Timer: nobody answered in time."""

    ROLES = SYSTEM
    offer_id: OfferId


class EscalateSlot(Command, frozen=True, kw_only=True):
    """Timer: nobody is left to ask for this slot."""

    ROLES = SYSTEM
    incident_id: IncidentId
    slot: SlotNo
    rung: int
    exclusions: dict[str, int] = {}


# Runs


class ReportStatus(Command, frozen=True, kw_only=True):
    """A team's status, by the team or by voice; see ``StatusReported``.

    ``staging_place``: where a staged team waits.
    """

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    status: Status
    said_by: Code | None = None
    cleared_scene_by: Code | None = None
    briefed_by: Code | None = None
    staging_reason: Code | None = None
    staging_place: Text | None = None


class AcknowledgeHazards(Command, frozen=True, kw_only=True):
    """The crew has read this version of the incident."""

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    version: Annotated[int, Meta(ge=1)]
    said_by: Code | None = None


class ClearAssignment(Command, frozen=True, kw_only=True):
    """The team is done; ``ready`` = and can be sent again at once."""

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    encounters: Annotated[tuple[EncounterInput, ...], Meta(max_length=20)] = ()
    ready: bool = True
    said_by: Code | None = None


class RecordEncounter(Command, frozen=True, kw_only=True):
    """Record or amend how one person's encounter ended."""

    ROLES = DISPATCH | FIELD | {Role.REMOTE_CLINICIAN}
    encounter_id: EncounterId | None = None
    assignment_id: AssignmentId
    encounter: EncounterInput


class DivertAssignment(Command, frozen=True, kw_only=True):
    """Pull a travelling team to another incident."""

    ROLES = DISPATCH
    assignment_id: AssignmentId
    reason: Code
    to_incident: IncidentId | None = None


class CancelAssignment(Command, frozen=True, kw_only=True):
    """Call one run off; ``still_needed`` = its slot waits for another team."""

    ROLES = DISPATCH | FIELD
    assignment_id: AssignmentId
    reason: Code
    still_needed: bool = True


class CorrectMilestone(Command, frozen=True, kw_only=True):
    """Set the right instant of a status; ``None`` = it was never reached."""

    ROLES = frozenset({Role.SUPERVISOR, Role.LEAD, Role.COMPLIANCE})
    assignment_id: AssignmentId
    status: Status
    instant: Aware | None
    reason: Code


class SwapCrew(Command, frozen=True, kw_only=True):
    """The crew changes during a run (and the shift)."""

    ROLES = DISPATCH | FIELD | {Role.AGENCY_MANAGER}
    assignment_id: AssignmentId
    crew: Crew
    telehealth: TelehealthSecond | None = None
    reason: Code = "other"


# Roster and duty


class RecordTeam(Command, frozen=True, kw_only=True):
    """Add a team or change its standing facts."""

    ROLES = STAFFING
    team_id: TeamId | None = None
    agency_id: AgencyId
    call_sign: Annotated[str, Meta(min_length=1, max_length=24)]
    base: Point | None = None
    zones: Annotated[tuple[Short, ...], Meta(max_length=40)] = ()
    capabilities: Codes = ()
    retired: bool = False


class RecordResponder(Command, frozen=True, kw_only=True):
    """Add a responder or change their qualifications.

    The name and the licence's number are kept encrypted; what is left out stays as it was.
    """

    ROLES = STAFFING
    responder: Responder
    name: Short | None = None


class PlanShift(Command, frozen=True, kw_only=True):
    """Roster a team for a window."""

    ROLES = STAFFING
    shift_id: ShiftId | None = None
    team_id: TeamId
    starts_at: Aware
    ends_at: Aware
    crew: Crew = ()


class CancelShift(Command, frozen=True, kw_only=True):
    """Take a planned shift back."""

    ROLES = STAFFING
    shift_id: ShiftId
    reason: Code = "other"


class StartShift(Command, frozen=True, kw_only=True):
    """Go on duty: a planned shift by its id, or one that nobody planned."""

    ROLES = STAFFING | FIELD | {Role.DISPATCHER}
    team_id: TeamId
    shift_id: ShiftId | None = None
    ends_at: Aware | None = None
    crew: Crew = ()
    telehealth: TelehealthSecond | None = None


class ChangeCrew(Command, frozen=True, kw_only=True):
    """Somebody joins or leaves during the shift."""

    ROLES = STAFFING | FIELD | {Role.DISPATCHER}
    shift_id: ShiftId
    crew: Crew
    telehealth: TelehealthSecond | None = None
    reason: Code = "other"


class SetDuty(Command, frozen=True, kw_only=True):
    """Be asked, or not, during the shift."""

    ROLES = DISPATCH | FIELD
    team_id: TeamId
    duty: Literal["available", "unavailable"]
    reason: Code | None = None
    until: Aware | None = None


class EndShift(Command, frozen=True, kw_only=True):
    """Go off duty; with an open run or alarm the shift is *ending* until that is over."""

    ROLES = STAFFING | FIELD | {Role.DISPATCHER, Role.SYSTEM}
    shift_id: ShiftId
    reason: Code = "scheduled"


# Duress


class RaiseDuress(Command, frozen=True, kw_only=True):
    """Someone is in danger. Never refused to anyone who is signed in."""

    ROLES = frozenset(Role)
    team_id: TeamId | None = None
    responder_id: ResponderId | None = None
    cause: Literal["button", "voice", "missed_check_in"] = "button"


class AcknowledgeDuress(Command, frozen=True, kw_only=True):
    """I have the alarm in hand."""

    ROLES = DESK
    duress_id: DuressId


class SendHelp(Command, frozen=True, kw_only=True):
    """Help is on its way to them."""

    ROLES = DESK
    duress_id: DuressId
    who: Code
    reference: Short = ""


class ResolveDuress(Command, frozen=True, kw_only=True):
    """It is over."""

    ROLES = DESK
    duress_id: DuressId
    reason: Code


class EscalateDuress(Command, frozen=True, kw_only=True):
    """Timer: nobody acknowledged in time."""

    ROLES = SYSTEM
    duress_id: DuressId
    rung: int


# Obligations


class CreateObligation(Command, frozen=True, kw_only=True):
    """Owe something by hand: a mandated report, a waiting contact."""

    ROLES = DESK | FIELD | {Role.FOLLOW_UP_WORKER, Role.REMOTE_CLINICIAN}
    kind: ObligationKind
    due_at: Aware
    incident_id: IncidentId | None = None
    owner: UserId | None = None


class RecordAttempt(Command, frozen=True, kw_only=True):
    """Tried, reached nobody."""

    ROLES = DESK | FIELD | {Role.FOLLOW_UP_WORKER, Role.REMOTE_CLINICIAN}
    obligation_id: ObligationId
    outcome: Code
    mode: Code = "telehealth_audio"


class CompleteObligation(Command, frozen=True, kw_only=True):
    """It was met."""

    ROLES = DESK | FIELD | {Role.FOLLOW_UP_WORKER, Role.REMOTE_CLINICIAN}
    obligation_id: ObligationId
    outcome: Code = "done"
    mode: Code = "telehealth_audio"


class ExceptObligation(Command, frozen=True, kw_only=True):
    """It can't or need not be met, for a documented reason."""

    ROLES = DESK | FIELD | {Role.FOLLOW_UP_WORKER, Role.REMOTE_CLINICIAN}
    obligation_id: ObligationId
    reason: Code


class ReassignObligation(Command, frozen=True, kw_only=True):
    """Another person sees to it."""

    ROLES = DESK | {Role.FOLLOW_UP_WORKER, Role.AGENCY_MANAGER}
    obligation_id: ObligationId
    owner: UserId


class MissObligation(Command, frozen=True, kw_only=True):
    """Timer: its instant passed unmet."""

    ROLES = SYSTEM
    obligation_id: ObligationId
