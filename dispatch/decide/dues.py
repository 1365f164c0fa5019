"""What a run leaves owed, and which obligations lapse or are met as it goes on.

A note for every person met, or one for an arrival that met nobody; follow-up and the plan's notice
for every person met. Check-ins and
waiting contacts begin and end here with the run's states; how one follows another stands in
``owed``. Must not know the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from crisis.assignment import Assignment, has_arrived, has_met
from crisis.ids import AssignmentId, EncounterId, IncidentId
from crisis.incident.state import Encounter, Incident
from crisis.obligation import (
    Obligation,
    ObligationDone,
    ObligationExcepted,
    ObligationKind,
    ObligationMoved,
)
from crisis.run_status import ARRIVED, CHECK_INS, Status
from crisis.standards import (
    followup_due,
    local_day,
    mandated_report_due,
    note_due,
    plan_notice_due,
)
from dispatch.decide import owed
from dispatch.decide.context import Deciding
from dispatch.decide.situation import warning

#: A report of the team is a sign of life: it meets the check-in that was due.
BY_REPORT = "status_report"


def follow_run(d: Deciding, incident_id: IncidentId, run_id: AssignmentId, before: Status) -> None:
    """Let check-ins and waiting contacts follow the run's new state.

    ``before``: its state before what was just emitted.
    """
    incident = d.incident(incident_id)
    run = _run(incident, run_id)
    if CHECK_INS.get(before) != CHECK_INS.get(run.state) or not run.is_open:
        end_check_ins(d, run)
    owed.next_check_in(d, incident, run)
    follow_wait(d, incident)


def follow_wait(d: Deciding, incident: Incident) -> None:
    """Let contacts with the person follow whether they still wait."""
    if owed.person_waits(incident):
        owed.next_waiting_contact(d, incident)
    else:
        came = any(has_arrived(r) and r.meets_need for r in incident.assignments)
        end_waiting(d, incident.id, "team_arrived" if came else "not_needed")


def end_check_ins(d: Deciding, run: Assignment) -> None:
    """The team was heard of: what was due of it is met."""
    for obligation in owed.open_check_ins(d, run):
        done = ObligationDone(
            obligation_id=obligation.id,
            outcome=BY_REPORT,
            mode=BY_REPORT,
            incident_id=obligation.incident_id,
        )
        d.emit(done, at=d.now)


def end_waiting(d: Deciding, incident_id: IncidentId, reason: str) -> None:
    """Nobody has to call the waiting person any more."""
    for obligation in owed.open_of_kind(d, incident_id, ObligationKind.WAITING_CONTACT):
        d.emit(_excepted(obligation, reason), at=d.now)


def owe_after(d: Deciding, before: Incident, run_id: AssignmentId) -> list[Obligation]:
    """Let arise what the run owes since ``before``: its note, and for each person met the rest.

    Whatever was owed already stays; a correction takes nothing back, a person excepts it. Where the
    instants that it hangs on are others now, it moves with them; what moved is returned.
    """
    after = d.incident(before.id)
    was, run = before.assignment(run_id), _run(after, run_id)
    moved = [] if was is None or _hangs_on(was) == _hangs_on(run) else _move(d, after, run)
    known = 0 if was is None else len(_people_met(before, was))
    people = _people_met(after, run)
    noted = 0 if was is None else _notes_of(before, was)
    for number in range(noted + 1, _notes_of(after, run) + 1):
        # The first is anybody's: whose it is shows when it is written.
        mine = people[number - 1] if number > 1 else None
        thing = f"note/{run_id}" if number == 1 else f"note/{run_id}/{number}"
        _owe(d, after, run, ObligationKind.NOTE, thing, mine.id if mine is not None else None)
    for number, encounter in enumerate(people[known:], start=known + 1):
        about = encounter.id if encounter is not None else None
        for kind in (ObligationKind.FOLLOW_UP, ObligationKind.PLAN_NOTICE):
            _owe(d, after, run, kind, f"{kind.value}/{run.id}/{number}", about)
    return moved


def _notes_of(incident: Incident, run: Assignment) -> int:
    """Return how many notes a run asks for: one of each person met, at least one of an arrival."""
    return max(len(_people_met(incident, run)), 1 if has_arrived(run) else 0)


def _owe(
    d: Deciding,
    incident: Incident,
    run: Assignment,
    kind: ObligationKind,
    thing: str,
    encounter_id: EncounterId | None = None,
) -> None:
    due_at, rule = _measured(d, incident, run, kind)
    owed.arise(
        d,
        kind,
        due_at,
        rule=rule,
        thing=thing,
        incident_id=incident.id,
        run=run,
        encounter_id=encounter_id,
    )


def _measured(
    d: Deciding, incident: Incident, run: Assignment, kind: ObligationKind
) -> tuple[datetime, str]:
    """Return when the run owes it, counted from the run's own instants, and by which rule."""
    arrived_at = _arrived_at(run, d)
    obligations, standards = d.policy_of(incident).obligations, d.rules.standards
    if kind is ObligationKind.NOTE:
        zone = d.policy.tz()
        due_at = note_due(local_day(arrived_at, zone), zone, standards)
        return due_at, f"note.calendar_days/{standards.version}"
    if kind is ObligationKind.FOLLOW_UP:
        rule = obligations.followup
        due_at = followup_due(arrived_at, run.milestones.get(Status.CLEARED), rule)
        return due_at, f"followup.{rule.hours}h.{rule.counted_from.value}"
    if kind is ObligationKind.PLAN_NOTICE:
        due_at = plan_notice_due(arrived_at, obligations.plan_notice_hours, standards)
        return due_at, f"plan_notice.hours/{standards.version}"
    return mandated_report_due(arrived_at, standards), f"mandated_report.hours/{standards.version}"


#: What a run leaves owed by its own instants; their rules tell them from what is owed by hand.
_MEASURED = {
    ObligationKind.NOTE: "note.",
    ObligationKind.FOLLOW_UP: "followup.",
    ObligationKind.PLAN_NOTICE: "plan_notice.",
    ObligationKind.MANDATED_REPORT: "mandated_report.",
}


def _hangs_on(run: Assignment) -> tuple[datetime | None, datetime | None]:
    """Return the instants of a run that what it owes is counted from."""
    said = [run.milestones[s] for s in ARRIVED if s in run.milestones]
    return min(said, default=None), run.milestones.get(Status.CLEARED)


def _move(d: Deciding, incident: Incident, run: Assignment) -> list[Obligation]:
    """Let what the run owes be due by its instants of now, and tell who owes it."""
    if not has_arrived(run):
        return []  # nothing to count from; what is owed stays as it was
    moved = []
    for obligation in d.board.owed_for(incident.id):
        prefix = _MEASURED.get(obligation.kind)
        if prefix is None or not obligation.rule.startswith(prefix) or not obligation.is_open:
            continue
        if obligation.assignment_id != run.id:
            continue
        due_at, _ = _measured(d, incident, run, obligation.kind)
        if due_at == obligation.due_at:
            continue
        was_missed = obligation.missed_at is not None
        d.emit(
            ObligationMoved(
                obligation_id=obligation.id,
                due_at=due_at,
                owed_again=was_missed and due_at > d.now,
                incident_id=incident.id,
            ),
            at=d.now,
        )
        owed.tell_owing(d, incident, obligation, "obligation_moved")
        moved.append(d.board.obligations[obligation.id])
    return moved


def moved_warnings(moved: Iterable[Obligation]) -> list[dict[str, Any]]:
    """Return what to warn of where instants moved what hangs on them."""
    return [
        warning(
            "obligation_moved",
            "Something that is owed is due at another time now.",
            kind=one.kind.value,
            due_at=one.due_at.isoformat(),
        )
        for one in moved
    ]


def owe_reports(
    d: Deciding, incident: Incident, encounter: Encounter, kinds: Iterable[str]
) -> None:
    """Let each mandated report that the encounter calls for be owed; the kind stays private.

    What an amendment leaves out is owed all the same until a person excepts it.
    """
    run = _run(incident, encounter.assignment_id)
    for kind in dict.fromkeys(kinds):
        thing = f"mandated_report/{encounter.id}/{kind}"
        _owe(d, incident, run, ObligationKind.MANDATED_REPORT, thing, encounter.id)


def settle_encounter(
    d: Deciding, incident: Incident, encounter: Encounter, *, has_plan: bool | None, noted: bool
) -> None:
    """Meet or except what an encounter's record answers.

    ``has_plan``: ``False`` = there is no plan to tell, or nobody knows it; ``None`` = not said.
    """
    if noted:
        for obligation in _of_run(d, incident, encounter, ObligationKind.NOTE)[:1]:
            late = obligation.missed_at is not None
            d.emit(
                ObligationDone(
                    obligation_id=obligation.id,
                    outcome="recorded",
                    mode="note",
                    late=late,
                    incident_id=incident.id,
                )
            )
    if has_plan is False:
        for obligation in _of_run(d, incident, encounter, ObligationKind.PLAN_NOTICE)[:1]:
            d.emit(_excepted(obligation, "plan_unknown"))
    if not encounter.contacted:
        for kind in (ObligationKind.FOLLOW_UP, ObligationKind.PLAN_NOTICE):
            for obligation in _of_run(d, incident, encounter, kind):
                if obligation.encounter_id == encounter.id:
                    d.emit(_excepted(obligation, "not_contacted"))


def _excepted(obligation: Obligation, reason: str) -> ObligationExcepted:
    return ObligationExcepted(
        obligation_id=obligation.id, reason=reason, incident_id=obligation.incident_id
    )


def _people_met(incident: Incident, run: Assignment) -> list[Encounter | None]:
    """Return the run's encounters with people met; ``None`` stands for one not yet recorded."""
    met: list[Encounter | None] = [
        e for e in incident.encounters if e.assignment_id == run.id and e.contacted
    ]
    if not met and has_met(run):
        return [None]
    return met


def _of_run(
    d: Deciding, incident: Incident, encounter: Encounter, kind: ObligationKind
) -> list[Obligation]:
    """Return the open obligations of the encounter: its own first, then those of nobody yet."""
    found = [
        o
        for o in owed.open_of_kind(d, incident.id, kind)
        if o.assignment_id == encounter.assignment_id and o.encounter_id in {None, encounter.id}
    ]
    return sorted(found, key=lambda o: o.encounter_id is None)


def _run(incident: Incident, run_id: AssignmentId) -> Assignment:
    run = incident.assignment(run_id)
    if run is None:
        raise AssertionError("the caller has found the run before")
    return run


def _arrived_at(run: Assignment, d: Deciding) -> datetime:
    """Return the earliest instant at which the run says that the team was there."""
    return _hangs_on(run)[0] or d.occurred_at
