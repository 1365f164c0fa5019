"""Which words may stand in an event: for each field that can hold characters, where they come from.

A field that isn't named here fails the tests, and so does a word that its sets don't hold on the
day: what the log says is code, number, instant or id, and never free text.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import msgspec

from crisis.codes import CodeSets
from crisis.reasons import OF_CREW, ReasonCode
from crisis.roles import Role

_SHORTFALLS = frozenset(code.value for code in OF_CREW)
_ROLES = frozenset(role.value for role in Role) | {""}
_ID = re.compile(r"[0-9a-f-]{36}")
_VERSION = re.compile(r"[A-Za-z0-9_.:/@+-]{0,80}")
#: Names that a county's staff gives to teams and zones: things, not people; see ``NAMES``.
_NAME = re.compile(r".{0,200}")

#: ``Struct.field`` → code sets (by name), the words themselves, or the shape of an id or version.
VOCABULARY: dict[str, str | tuple[str, ...] | frozenset[str] | re.Pattern[str]] = {
    "CallOffered.direction": "call_direction",
    "CallOffered.channel": "channel",
    "CallOffered.referral_source": "referral_source",
    "CallTransferStarted.to": "transfer_target",
    "CallTransferStarted.reason": "transfer_reason",
    "CallTransferConfirmed.side": frozenset({"us", "them"}),
    "CallTransferFailed.reason": "transfer_failure",
    "CallEnded.outcome": "call_outcome",
    "Place.location_type": "location_type",
    "Place.other_types": "location_type",
    "Place.area_method": frozenset({"polygon", "county_class", ""}),
    "Place.area_version": _VERSION,
    "Place.address_record": _ID,
    "Need.code": "need",
    "Hazard.code": "hazard",
    "Hazard.source": "hazard_source",
    "Standard.version": _VERSION,
    "IncidentOpened.policy_version": _VERSION,
    "IncidentOpened.referral_source": "referral_source",
    "IncidentAbsorbed.sources": "referral_source",
    "IncidentOpened.paper_number": re.compile(r"[A-Za-z]{0,4}[-_]?[0-9]{1,10}"),
    "TeamDetermined.reason": "dispatch_reason",
    "NoDispatchDetermined.reason": "no_dispatch_reason",
    "SlotDropped.reason": "slot_drop_reason",
    "SlotEscalated.to": "escalation_rung",
    "SlotEscalated.exclusions": frozenset(code.value for code in ReasonCode),
    "OwnerChanged.reason": "owner_change_reason",
    "Subject.label": re.compile(r"[0-9]{1,3}"),
    "SubjectAdded.label": re.compile(r"[0-9]{1,3}"),
    "EncounterRecorded.plan": "safety_plan",
    "EncounterRecorded.plan_exception": "obligation_exception",
    "IncidentClosed.outcome": "incident_outcome",
    "IncidentClosed.reason": "unserved_reason",
    "IncidentCancelled.stage": "cancel_stage",
    "IncidentCancelled.reason": "cancel_reason",
    "IncidentReopened.reason": "reopen_reason",
    "DeadlineMoved.reason": "deadline_reason",
    "IncidentFlagged.flag": "incident_flag",
    "IncidentFlagged.about": re.compile(r"[0-9a-fT:.+/-]{0,60}"),
    "OfferMade.override_reason": "override_reason",
    "OfferMade.shortfalls": _SHORTFALLS,
    "OfferAccepted.said_by": "spoken_by",
    "OfferDeclined.reason": "decline_reason",
    "OfferDeclined.said_by": "spoken_by",
    "HazardsAcknowledged.said_by": "spoken_by",
    "OfferWithdrawn.reason": "withdraw_reason",
    "AssignmentBegun.shortfalls": _SHORTFALLS,
    "AssignmentRestored.shortfalls": _SHORTFALLS,
    "AssignmentEntered.shortfalls": _SHORTFALLS,
    "AssignmentEntered.override_reason": "override_reason",
    "AssignmentEntered.said_by": "spoken_by",
    "StatusReported.said_by": "spoken_by",
    "StatusReported.cleared_scene_by": "scene_cleared_by",
    "StatusReported.briefed_by": "spoken_by",
    "StatusReported.staging_reason": "staging_reason",
    "StatusReported.shortfalls": _SHORTFALLS,
    "ReportDisputed.reason": "dispute_reason",
    "MilestoneCorrected.reason": "correction_reason",
    "MilestoneCorrected.shortfalls": _SHORTFALLS,
    "AssignmentDiverted.reason": "divert_reason",
    "AssignmentCancelled.reason": "cancel_reason",
    "CrewSwapped.shortfalls": _SHORTFALLS,
    "CrewSwapped.reason": "crew_change_reason",
    "PartnerRequested.kind": "partner_kind",
    "PartnerRequested.reason": "partner_reason",
    "PartnerRequested.requested_by": _ROLES,
    "PartnerLeft.outcome": "partner_outcome",
    "PartnerResponse.kind": "partner_kind",
    "PartnerResponse.reason": "partner_reason",
    "PartnerResponse.requested_by": _ROLES,
    "PartnerResponse.outcome": ("partner_outcome", "partner_refusal"),
    "PartnerNotComing.reason": "partner_refusal",
    "DuressRaised.cause": "duress_cause",
    "DuressRaised.policy_version": _VERSION,
    "DuressEscalated.to": "duress_rung",
    "DuressHelpSent.who": "help_kind",
    "DuressResolved.reason": "duress_resolution",
    "ObligationArose.rule": _VERSION,
    "ObligationArose.stage": "obligation_stage",
    "ObligationAttempted.outcome": "followup_outcome",
    "ObligationAttempted.mode": "contact_mode",
    "ObligationDone.outcome": ("obligation_outcome", "followup_outcome"),
    "ObligationDone.mode": "contact_mode",
    "ObligationExcepted.reason": "obligation_exception",
    "TeamRecorded.call_sign": _NAME,
    "TeamRecorded.zones": _NAME,
    "TeamRecorded.capabilities": "team_capability",
    "ShiftCancelled.reason": "shift_cancel_reason",
    "TelehealthSecond.approved_by": _ROLES,
    "CrewChanged.reason": "crew_change_reason",
    "TeamUnavailable.reason": "unavailable_reason",
    "ShiftEnding.reason": "shift_end_reason",
    "ShiftEnded.reason": "shift_end_reason",
    # Reserved: no command brings these about yet.
    "LoanRequested.loan_ref": _VERSION,
    "LoanGranted.loan_ref": _VERSION,
    "LoanRefused.loan_ref": _VERSION,
    "LoanRefused.reason": frozenset(),
    "LoanReturned.loan_ref": _VERSION,
    "Responder.provider_type": "provider_type",
    "Responder.enhanced": "training",
    "Responder.languages": "language",
    "Responder.competencies": "competency",
    # Goes to a record; no event holds it.
    "Credential.number": frozenset(),
}
#: The fields in which staff names things; whoever names a team after a person has done so.
NAMES = frozenset({path for path, words in VOCABULARY.items() if words is _NAME})


def words_of(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each word of an event's body with the field that holds it, sealed fields left out."""
    if isinstance(value, msgspec.Struct):
        name = type(value).__name__
        sealed = getattr(type(value), "SEALED", ())
        for field in msgspec.structs.fields(value):
            if field.name not in sealed:
                yield from words_of(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from words_of(key, path)
            yield from words_of(held, path)
    elif isinstance(value, tuple | frozenset | list):
        for held in value:
            yield from words_of(held, path)
    elif isinstance(value, str) and not isinstance(value, Enum):
        yield path, value


def strange_words(body: Any, codes: CodeSets) -> list[tuple[str, str]]:
    """Return the words of the body that the vocabulary of the day doesn't hold."""
    return [(path, word) for path, word in words_of(body) if not _is_known(path, word, codes)]


def _is_known(path: str, word: str, codes: CodeSets) -> bool:
    allowed = VOCABULARY.get(path, frozenset())
    if isinstance(allowed, re.Pattern):
        return allowed.fullmatch(word) is not None
    if isinstance(allowed, frozenset):
        return word in allowed
    sets = (allowed,) if isinstance(allowed, str) else allowed
    return any(word in codes[name] for name in sets)


def fields_with_words(structs: Iterable[type[msgspec.Struct]]) -> set[str]:
    """Return every field of the structs, and of what they hold, that can hold characters."""
    found: set[str] = set()
    seen: set[type] = set()
    for struct in structs:
        _collect(struct, found, seen)
    return found


def _collect(struct: type[msgspec.Struct], found: set[str], seen: set[type]) -> None:
    if struct in seen:
        return
    seen.add(struct)
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        if field.name in getattr(struct, "SEALED", ()):
            continue
        for leaf in _leaves(hints[field.name]):
            if leaf is str:
                found.add(f"{struct.__name__}.{field.name}")
            elif isinstance(leaf, type) and issubclass(leaf, msgspec.Struct):
                _collect(leaf, found, seen)


def _leaves(hint: Any) -> Iterator[Any]:
    if isinstance(hint, typing.NewType):
        yield hint.__supertype__
        return
    args = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return
    if typing.get_origin(hint) is typing.Annotated or isinstance(hint, types.GenericAlias) or args:
        for arg in args:
            yield from _leaves(arg)
        return
    yield hint
