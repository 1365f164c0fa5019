"""A responder: what a person is trained and licensed for, and whether they count on a crew.

Decides about one person on one day. What a crew of several must have stands in ``staffing``.
Must not know names: they live in records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from crisis.codes import CodeSets
from crisis.ids import AgencyId, RecordId, ResponderId, UserId
from crisis.shapes import Value, mark_of
from crisis.standards import Standards, packaged


class Credential(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A licence, registration or certification.

    Attributes:
        number: as the board prints it, on its way to an encrypted record; ``None`` in every event
            and on every board.
        expires_on: last local day on which it is in force; ``None`` = it doesn't expire.
    """

    number: str | None = None
    effective_from: date | None = None
    expires_on: date | None = None

    def in_force(self, on: date) -> bool:
        """Whether it is in force on a local day."""
        begun = self.effective_from is None or self.effective_from <= on
        return begun and (self.expires_on is None or on <= self.expires_on)


class Responder(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person who may serve on a team, with what they are trained and licensed for.

    Attributes:
        provider_type: code; must qualify for the person to count.
        licence: ``None`` = none on file; then types that need one don't count.
        core_trained_on: day on which the core curriculum was complete; ``None`` = not complete.
        enhanced: code of training → day on which it was completed.
        can_assess: trained to conduct the crisis assessment.
        is_lpha: serves as licensed professional; counts only with a type and licence for it.
        languages: ISO 639 codes that the person serves in.
        competencies: codes (youth, tribal, idd, ...).
        may_write_5150: designated by the county to write holds.
        law_enforcement: a sworn officer, whatever the provider type says.
        name_record, phone_record, code_record, licence_record: the name, the number at which they
            are reached in the field, the employer's own short code and the licence's number, as
            encrypted records; ``None`` = not given. Set by the service,
            whatever a sender says.
        recorded_by: who recorded the entry last; ``None`` = not known. Set by the fold alone.
    """

    id: ResponderId
    agency_id: AgencyId
    provider_type: str
    licence: Credential | None = None
    core_trained_on: date | None = None
    enhanced: Mapping[str, date] = {}
    naloxone_trained: bool = False
    can_assess: bool = False
    is_lpha: bool = False
    languages: frozenset[str] = frozenset()
    competencies: frozenset[str] = frozenset()
    may_write_5150: bool = False
    law_enforcement: bool = False
    name_record: RecordId | None = None
    code_record: RecordId | None = None
    licence_record: RecordId | None = None
    phone_record: RecordId | None = None
    recorded_by: UserId | None = None

    @property
    def mark(self) -> str:
        """The mark of the entry."""
        return mark_of(self)

    @property
    def licence_expires_on(self) -> date | None:
        """Last day of the licence; ``None`` = none on file, or no end."""
        return self.licence.expires_on if self.licence is not None else None


class PresenceMode(StrEnum):
    """How a member is present."""

    ONSITE = "onsite"
    TELEHEALTH_VIDEO = "telehealth_video"
    TELEHEALTH_AUDIO = "telehealth_audio"

    @property
    def is_telehealth(self) -> bool:
        """Whether the member is not on site."""
        return self is not PresenceMode.ONSITE


class Presence(Value, frozen=True, kw_only=True):
    """A member of a crew, and how they take part."""

    responder: Responder
    mode: PresenceMode = PresenceMode.ONSITE
    carries_naloxone: bool = False


class Uncounted(StrEnum):
    """Why a member doesn't count."""

    LAW_ENFORCEMENT = "law_enforcement"
    TYPE_UNKNOWN = "provider_type_unknown"
    TYPE_NOT_QUALIFYING = "provider_type_not_qualifying"
    LICENCE_MISSING = "licence_missing"
    LICENCE_NOT_IN_FORCE = "licence_not_in_force"
    CORE_TRAINING_MISSING = "core_training_missing"


def why_uncounted(
    responder: Responder, on: date, codes: CodeSets, standards: Standards | None = None
) -> tuple[Uncounted, ...]:
    """Return every reason why a person doesn't count on a local day; empty = they count."""
    kind = codes.find("provider_type", responder.provider_type)
    reasons: list[Uncounted] = []
    if responder.law_enforcement or (kind is not None and "law_enforcement" in kind.flags):
        reasons.append(Uncounted.LAW_ENFORCEMENT)
    if kind is None:
        reasons.append(Uncounted.TYPE_UNKNOWN)
    elif "qualifying" not in kind.flags:
        reasons.append(Uncounted.TYPE_NOT_QUALIFYING)
    if responder.licence is not None and not responder.licence.in_force(on):
        reasons.append(Uncounted.LICENCE_NOT_IN_FORCE)
    elif responder.licence is None and kind is not None and "needs_licence" in kind.flags:
        reasons.append(Uncounted.LICENCE_MISSING)
    trained = responder.core_trained_on
    gate = (packaged() if standards is None else standards).at("training.core_required", on)
    if gate.value and (trained is None or trained > on):
        reasons.append(Uncounted.CORE_TRAINING_MISSING)
    return tuple(reasons)


def is_lpha(responder: Responder, codes: CodeSets) -> bool:
    """Whether a person serves as licensed professional and their type is one."""
    kind = codes.find("provider_type", responder.provider_type)
    return responder.is_lpha and kind is not None and "lpha" in kind.flags


def is_competent(responder: Responder, competency: str, on: date, codes: CodeSets) -> bool:
    """Whether a person has a competency on a day, of their own or by an enhanced training."""
    if competency in responder.competencies:
        return True
    done = (codes.find("training", code) for code, day in responder.enhanced.items() if day <= on)
    return any(t is not None and t.attributes.get("competency") == competency for t in done)


def fills(responder: Responder, role: str, codes: CodeSets) -> bool:
    """Whether a person is the kind of member that a need's ``member`` attribute names."""
    kind = codes.find("provider_type", responder.provider_type)
    flags = kind.flags if kind is not None else frozenset()
    match role:
        case "lpha_on_site":
            return is_lpha(responder, codes)
        case "hold_writer_on_site":
            return responder.may_write_5150
        case "peer_on_site":
            return "peer" in flags
        case "medical_on_site":
            return "medical" in flags
        case _:
            return False
