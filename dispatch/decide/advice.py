"""What the screening suggests for a situation, and what a person is warned of because of it.

The suggestion stands in the events beside the decision: what was known, what it called for, what
was decided. A threat to life without 911 or EMS asked is never passed over in silence. Must not
know how a suggestion comes about (``crisis.suggestion``) nor who may be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crisis.errors import Conflict, Invalid
from crisis.incident.situation import Situation
from crisis.incident.state import Incident
from crisis.policy import Rationale
from crisis.rights import Act, may
from crisis.suggestion import PartnerAdvice, Suggestion, suggest
from crisis.triage import Acuity
from dispatch.decide.context import Deciding
from dispatch.decide.situation import warning


def suggestion_of(d: Deciding, situation: Situation, referral_sources: Sequence[str]) -> Suggestion:
    """Return what follows from a situation, by the code sets of the day."""
    return suggest(
        d.rules.codes,
        screening=situation.clinical.screening,
        hazards=situation.hazards,
        concerns=situation.clinical.concerns,
        location_types=situation.place.types,
        referral_sources=referral_sources,
    )


def require_rationale(
    d: Deciding, suggestion: Suggestion, acuity: Acuity, *, is_given: bool
) -> None:
    """Refuse to send a team without a reason where the county's policy asks for one.

    Raises:
        Invalid: ``rationale_missing``.
    """
    rule = d.policy.screening.rationale
    against = suggestion.is_more_pressing_than(acuity)
    if is_given or rule is Rationale.NEVER or (rule is Rationale.WHEN_AGAINST and not against):
        return
    why = (
        f"The screening suggests {suggestion.acuity}: say why it is {acuity}."
        if against
        else "Say why a team goes: choose a reason, or write it down."
    )
    raise Invalid("rationale_missing", why, set="dispatch_reason", suggested=suggestion.acuity)


def refuse_unless_answered(d: Deciding, incident: Incident, reason: str) -> None:
    """Refuse to settle a threat to life by talk alone.

    Raises:
        Conflict: ``life_threat_unanswered``.
    """
    flags = d.rules.codes.require("no_dispatch_reason", reason).flags
    if threats(incident) and ("resolved_by_phone" in flags or "not_a_crisis" in flags):
        raise Conflict(
            "life_threat_unanswered",
            "The screening tells of a threat to life: ask 911 or EMS, or correct the answer first.",
            reason=reason,
        )


def threats(incident: Incident) -> list[PartnerAdvice]:
    """Return who is still to be asked because somebody may die."""
    return [advice for advice in incident.proposals if advice.is_life_threat]


def new_warnings(d: Deciding, before: Incident, after: Incident) -> list[dict[str, Any]]:
    """Return what an amendment leaves to be seen to that was not before: the rest was told."""
    known = warnings_of(d, before)
    return [one for one in warnings_of(d, after) if one not in known]


def warnings_of(d: Deciding, incident: Incident) -> list[dict[str, Any]]:
    """Return what a person must see to because of what is known; nothing of it blocks."""
    found = []
    for advice in incident.proposals:
        kind = d.rules.codes.require("partner_kind", advice.kind)
        about = {"kind": advice.kind, "reason": advice.reason}
        if advice.is_life_threat:
            sentence = "A threat to life: ask 911 or EMS before anything else."
            found.append(warning("life_threat", sentence, **about))
        else:
            sentence = f"What is known speaks for asking: {kind.label}."
            found.append(warning("partner_proposed", sentence, **about))
    if incident.acuity is not None and incident.suggestion.is_more_pressing_than(incident.acuity):
        suggested = incident.suggestion.acuity
        sentence = "The screening suggests a more pressing acuity than was chosen."
        found.append(warning("acuity_below_suggestion", sentence, suggested=suggested))
    for code in incident.suggestion.asks:
        ask = d.rules.codes.require("screening_ask", code)
        found.append(warning("see_to", f"{ask.label}.", ask=code))
    return found


def tell_new_threat(d: Deciding, before: Incident, after: Incident) -> None:
    """Let the desk hear of a threat to life that a crew has told of."""
    if not threats(before):
        tell_threat(d, after)


def tell_threat(d: Deciding, incident: Incident) -> None:
    """Let the desk hear of a threat to life of which somebody else has told."""
    if threats(incident) and not may(d.env.actor, Act.SIT_AT_DESK):
        d.notify("role:dispatcher", "life_threat", incident=incident)


def tell_unasked(d: Deciding, incident: Incident) -> None:
    """Let the supervisor hear of a decision that left a threat to life unanswered."""
    if threats(incident):
        d.notify("role:supervisor", "life_threat", incident=incident)
