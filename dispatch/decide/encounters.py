"""Encounters: one person and one response, how it ended, and what it leaves owed.

Decides which codes are accepted and which obligations the record meets or makes. The codes are
private; the note is an encrypted record.
"""

from __future__ import annotations

import msgspec

from crisis.commands import EncounterInput
from crisis.errors import Conflict, Invalid, NotFound, StaleVersion
from crisis.ids import AssignmentId, EncounterId, IncidentId, SubjectId
from crisis.incident.state import Encounter, EncounterRecorded
from crisis.triage import Answer
from dispatch.decide import dues, fitting
from dispatch.decide.context import Deciding


def record(
    d: Deciding,
    incident_id: IncidentId,
    run_id: AssignmentId,
    given: EncounterInput,
    *,
    thing: str,
    encounter_id: EncounterId | None = None,
    frees_team: bool = False,
) -> Encounter:
    """Record an encounter of the run, or amend the one that there is; the last word counts.

    That is the one with ``encounter_id``, or the named person's.

    ``thing`` tells apart several new ones of one command. What an amendment leaves out of the
    note keeps the earlier note; see ``_beside`` for the rest.

    ``frees_team``: the act lets a team go, which nothing of the roster may hold back: a hold of
    which nobody of the crew may be the writer is kept, warned of and told to the supervisor.

    Raises:
        NotFound: ``unknown_encounter``, ``unknown_subject``.
        Conflict: ``encounter_of_other_run``, ``encounter_exists``, ``hold_writer_missing``.
        Invalid: ``unknown_code``, ``contacted_missing``, ``disposition_contradicts``,
            ``exception_not_for_kind``.
    """
    before = d.incident(incident_id)
    known = _known(before.encounters, run_id, encounter_id, given.subject_id)
    if given.subject_id is not None and all(s.id != given.subject_id for s in before.subjects):
        raise NotFound("unknown_subject", "The incident has no such person.")
    given = _beside(d, known, given)
    contacted = fitting.was_contacted(d, given)
    _check_codes(d, given)
    fitting.refuse_contradictions(d, given, contacted=contacted)
    run = before.assignment(run_id)
    if run is None:
        raise AssertionError("the caller has found the run before")
    if not frees_team and (known is None or known.disposition != given.disposition):
        fitting.require_writer(d, run, given)
    note = d.record("encounter_note", thing, incident_id, {"text": given.note})
    earlier_note = known.note_record if known is not None else None
    recorded_id = known.id if known is not None else EncounterId(d.id(thing))
    d.emit(
        EncounterRecorded(
            incident_id=incident_id,
            encounter_id=recorded_id,
            assignment_id=run_id,
            subject_id=given.subject_id,
            contacted=contacted,
            disposition=given.disposition,
            hold=given.hold,
            transport=given.transport,
            destination=given.destination,
            plan=given.plan,
            plan_exception=given.plan_exception,
            naloxone_given=given.naloxone_given,
            law_enforcement=given.law_enforcement,
            mandated_reports=given.mandated_reports,
            note_record=note or earlier_note,
        )
    )
    dues.owe_after(d, before, run_id)
    after = d.incident(incident_id)
    encounter = next(e for e in after.encounters if e.id == recorded_id)
    told_before = known.mandated_reports if known is not None else ()
    dues.owe_reports(
        d, after, encounter, [k for k in given.mandated_reports if k not in told_before]
    )
    dues.settle_encounter(
        d, after, encounter, has_plan=given.has_plan_to_notify, noted=note is not None
    )
    if frees_team and fitting.lacks_writer(d, run, given.disposition):
        d.notify("role:supervisor", "hold_writer_missing", incident=after)
    return encounter


def _known(
    encounters: tuple[Encounter, ...],
    run_id: AssignmentId,
    encounter_id: EncounterId | None,
    subject_id: SubjectId | None,
) -> Encounter | None:
    """Return the encounter to amend; one person and one response have one encounter."""
    same = (
        e
        for e in encounters
        if subject_id is not None and (e.assignment_id, e.subject_id) == (run_id, subject_id)
    )
    twin = next(same, None)
    if encounter_id is None:
        return twin
    known = next((e for e in encounters if e.id == encounter_id), None)
    if known is None:
        raise NotFound("unknown_encounter", "The incident has no such encounter.")
    if known.assignment_id != run_id:
        raise Conflict("encounter_of_other_run", "The encounter belongs to another team's run.")
    if twin is not None and twin.id != encounter_id:
        raise Conflict(
            "encounter_exists",
            "This person has an encounter of this run already; amend that one.",
            encounter_id=str(twin.id),
        )
    return known


def _beside(d: Deciding, known: Encounter | None, given: EncounterInput) -> EncounterInput:
    """Return what is to be recorded, so that nothing of somebody else's is lost unseen.

    Who looked at the newest record replaces it. Who looked at none (a crew, reporting late)
    adds to it: what they leave out stays, as far as it fits the ending that they tell.

    Raises:
        StaleVersion: ``stale_version``: it was recorded again since the sender looked.
    """
    if known is None:
        return given
    if given.version is None:
        kept = {
            name: getattr(known, name)
            for name in ("hold", "transport", "destination", "law_enforcement")
            if getattr(given, name) is None
        }
        if given.plan is None and given.plan_exception is None:
            kept |= {"plan": known.plan, "plan_exception": known.plan_exception}
        if given.contacted is None and given.disposition == known.disposition:
            kept |= {"contacted": known.contacted}
        if given.naloxone_given in (Answer.NOT_ASKED, False):
            kept |= {"naloxone_given": known.naloxone_given}
        for field in fitting.clashes(d, msgspec.structs.replace(given, **kept)):
            kept.pop(field, None)
            if field == "plan":
                kept.pop("plan_exception", None)
        reports = dict.fromkeys((*known.mandated_reports, *given.mandated_reports))
        return msgspec.structs.replace(given, **kept, mandated_reports=tuple(reports))
    if given.version != known.version:
        raise StaleVersion(
            "stale_version",
            "Somebody changed this after you looked. Look at it as it is now, and say again what "
            "still has to be changed.",
            version=known.version,
            seen=given.version,
            fields=[{"field": "encounter", "yours": None, "theirs": None}],
        )
    return given


def _check_codes(d: Deciding, given: EncounterInput) -> None:
    d.code("disposition", given.disposition)
    if given.hold is not None:
        d.code("hold_type", given.hold)
    if given.transport is not None:
        d.code("transport_mode", given.transport)
    if given.law_enforcement is not None:
        d.code("law_enforcement_role", given.law_enforcement)
    for report in given.mandated_reports:
        d.code("mandated_report_kind", report)
    if given.plan is not None:
        d.code("safety_plan", given.plan)
    if given.plan_exception is not None:
        why = d.rules.codes.require("obligation_exception", given.plan_exception)
        if "safety_plan" not in why.flags:
            raise Invalid(
                "exception_not_for_kind",
                f"{why.label} doesn't say why there is no safety plan.",
                set="obligation_exception",
                kind="safety_plan",
            )
