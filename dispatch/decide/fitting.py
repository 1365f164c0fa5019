"""What of an encounter fits together: ending, hold, transport, destination, plan, law enforcement.

Decides what is refused because it contradicts itself, and what a person is warned of. How each
ending stands to the rest is written in the code sets (``crisis.endings``), for pages too. Must not
know how an encounter is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crisis.assignment import Assignment
from crisis.commands import EncounterInput
from crisis.endings import FIELDS, Fit, contradictions, fit, missing
from crisis.errors import Conflict, Invalid
from crisis.incident.state import Encounter, Incident
from crisis.run_status import Status
from crisis.triage import Answer
from dispatch.decide.context import Deciding
from dispatch.decide.situation import warning

_WORDS = {
    "contacted": "whether the person was met",
    "hold": "the hold",
    "transport": "the transport",
    "destination": "where the person was taken",
    "plan": "the safety plan",
    "law_enforcement": "the part of law enforcement",
}


def was_contacted(d: Deciding, given: EncounterInput) -> bool:
    """Return whether the person was met: as told, else as the ending says by itself.

    Raises:
        Invalid: ``unknown_code``, ``contacted_missing``.
    """
    kind = d.rules.codes.require("disposition", given.disposition)
    if given.contacted is not None:
        return given.contacted
    if fit(kind, "contacted") is Fit.MAY:
        raise Invalid("contacted_missing", f"{kind.label}: say whether the person was met.")
    return fit(kind, "contacted") is Fit.MUST


def clashes(d: Deciding, given: EncounterInput) -> tuple[str, ...]:
    """Return the fields that can't be true together with the ending."""
    kind = d.rules.codes.require("disposition", given.disposition)
    return contradictions(kind, _said(d, given, contacted=was_contacted(d, given)))


def refuse_contradictions(d: Deciding, given: EncounterInput, *, contacted: bool) -> None:
    """Refuse what can't all be true of one person's encounter.

    Raises:
        Invalid: ``disposition_contradicts``; its facts name the field.
    """
    kind = d.rules.codes.require("disposition", given.disposition)
    said = _said(d, given, contacted=contacted)
    clash = next(iter(contradictions(kind, said)), None)
    if clash is None and given.plan is not None and given.plan_exception is not None:
        clash = "plan"
    if clash is None and _driven_by_police_who_were_not_there(d, given):
        clash = "law_enforcement"
    if clash is not None:
        raise Invalid(
            "disposition_contradicts",
            f"{kind.label} doesn't fit {_WORDS[clash]}: correct one of the two.",
            set="disposition",
            disposition=kind.code,
            field=clash,
        )


def _said(d: Deciding, given: EncounterInput | Encounter, *, contacted: bool) -> dict[str, Any]:
    """Return each field that an ending fits or not; ``None`` = nothing was said of it."""
    said: dict[str, Any] = {"contacted": contacted}
    for name, field in FIELDS.items():
        if name in said:
            continue
        told = getattr(given, name) or None
        said[name] = _has(d, field.set, told, field.flag) if field.flag else told and True
    return said


def _has(d: Deciding, set_name: str, code: str | None, flag: str) -> bool | None:
    """Return whether the chosen code has the flag; ``None`` = none was chosen."""
    if code is None:
        return None
    known = d.rules.codes.find(set_name, code)
    return known is not None and flag in known.flags


def _driven_by_police_who_were_not_there(d: Deciding, given: EncounterInput) -> bool:
    drove = _has(d, "transport_mode", given.transport, "law_enforcement")
    return (
        bool(drove) and _has(d, "law_enforcement_role", given.law_enforcement, "present") is False
    )


# Holds


def require_writer(d: Deciding, run: Assignment, given: EncounterInput) -> None:
    """Refuse a hold by the team of which nobody may write one.

    Raises:
        Conflict: ``hold_writer_missing``.
    """
    if lacks_writer(d, run, given.disposition):
        raise Conflict(
            "hold_writer_missing",
            "Nobody of this run's crew is designated to write holds. Say who wrote it, correct the "
            "crew, or record the designation first.",
            assignment_id=str(run.id),
        )


def lacks_writer(d: Deciding, run: Assignment, disposition: str | None) -> bool:
    """Whether it is a hold by the team, and nobody of the crew on site may write one."""
    kind = d.rules.codes.find("disposition", disposition or "")
    if kind is None or "hold_by_team" not in kind.flags:
        return False
    arrived_at = run.milestones.get(Status.ON_SCENE, d.occurred_at)
    here = _on_site(run, arrived_at, d.occurred_at)
    people = (d.board.responders.get(one) for one in here)
    return not any(person is not None and person.may_write_5150 for person in people)


def _on_site(run: Assignment, since: datetime, until: datetime) -> set[Any]:
    """Return who of the crew was on the scene at some time between two instants."""
    stints = [stint for stint in run.stints if stint.since <= until]
    here = [s for s, after in zip(stints, [*stints[1:], None], strict=True) if _ends(after, since)]
    return {m.responder_id for s in here for m in s.members if not m.mode.is_telehealth}


def _ends(after: Any, since: datetime) -> bool:
    """Whether a stint, which the next one ended, went on after ``since``."""
    return after is None or after.since > since


# Warnings

_LACKS = {
    "plan": warning("plan_missing", "Neither a safety plan nor the reason for none is recorded."),
    "hold": warning("hold_missing", "The type of the hold is not recorded."),
    "transport": warning("transport_missing", "The mode of transport is not recorded."),
    "destination": warning("destination_missing", "Who received the person is not recorded."),
    "law_enforcement": warning(
        "law_enforcement_missing", "The part of law enforcement in it is not recorded."
    ),
}


def warnings_of(d: Deciding, incident: Incident, encounter: Encounter) -> list[dict[str, Any]]:
    """Return what is still missing of an encounter, or odd; nothing of it blocks."""
    run = incident.assignment(encounter.assignment_id)
    if run is None:
        raise AssertionError("an encounter belongs to a run of its incident")
    found = [*_lacks(d, encounter), *_oddities(d, incident, run, encounter)]
    return [{**one, "encounter_id": encounter.id} for one in found]


def _lacks(d: Deciding, encounter: Encounter) -> Iterator[dict[str, Any]]:
    kind = d.rules.codes.find("disposition", encounter.disposition or "")
    said = _said(d, encounter, contacted=encounter.contacted)
    if encounter.plan_exception is not None:
        said["plan"] = True
    for field in missing(kind, said):
        yield _LACKS[field]


def _oddities(
    d: Deciding, incident: Incident, run: Assignment, encounter: Encounter
) -> Iterator[dict[str, Any]]:
    if lacks_writer(d, run, encounter.disposition):
        yield warning(
            "hold_writer_missing",
            "Nobody of the crew is designated to write holds: say who wrote it.",
        )
    if _is_hold_of_nobody(d, encounter):
        yield warning(
            "hold_writer_unsaid",
            "A hold is recorded, and this ending doesn't say who wrote it: the team, law "
            "enforcement or someone else.",
        )
    if _is_of_other_age(d, incident, encounter):
        yield warning(
            "hold_age",
            "The type of the hold doesn't fit what the screening says of the person's age.",
        )
    if _was_not_asked(d, incident, encounter):
        yield warning(
            "law_enforcement_unrecorded",
            "Record the request to law enforcement with the partners, and its reason.",
        )
    if _drove_unreported(d, run, encounter):
        yield warning(
            "transport_unreported",
            "The team never reported the transport in which it took part.",
        )


def _is_hold_of_nobody(d: Deciding, encounter: Encounter) -> bool:
    """Whether a hold stands beside an ending that leaves open whose it is."""
    kind = d.rules.codes.find("disposition", encounter.disposition or "")
    is_held = _has(d, "hold_type", encounter.hold, "involuntary")
    return bool(is_held) and (kind is None or fit(kind, "hold") is not Fit.MUST)


def _is_of_other_age(d: Deciding, incident: Incident, encounter: Encounter) -> bool:
    """Whether a minor is held as an adult or the other way, as far as the screening knows."""
    hold = d.rules.codes.find("hold_type", encounter.hold or "")
    if hold is None or "involuntary" not in hold.flags:
        return False
    minors = d.rules.codes["risk_item"].with_flag("minor")
    answers = {incident.clinical.screening.get(item, Answer.NOT_ASKED) for item in minors}
    if "minor" in hold.flags:
        return answers == {Answer.NO}
    return Answer.YES in answers


def _was_not_asked(d: Deciding, incident: Incident, encounter: Encounter) -> bool:
    if not _has(d, "law_enforcement_role", encounter.law_enforcement, "requested"):
        return False
    officers = d.rules.codes["partner_kind"].with_flag("law_enforcement")
    return not any(partner.kind in officers for partner in incident.partners)


def _drove_unreported(d: Deciding, run: Assignment, encounter: Encounter) -> bool:
    took_part = _has(d, "transport_mode", encounter.transport, "team_took_part")
    return bool(took_part) and Status.TRANSPORTING not in run.milestones
