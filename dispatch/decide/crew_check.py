"""Judging a team's crew for an incident, with what the board knows of its members.

Asked at the offer, at acceptance, on arrival and at each change of crew or hazards. The judgement
itself stands in ``crisis.eligibility``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from crisis.assignment import Assignment, CrewSwapped, evolve_assignment
from crisis.eligibility import judge_crew
from crisis.errors import NotFound
from crisis.ids import AgencyId
from crisis.incident.state import Incident
from crisis.reasons import Reason
from crisis.run_status import Status
from crisis.run_times import left_at
from crisis.staffing import CrewAssessment, TelehealthSecond
from crisis.team import CrewMember, Team
from dispatch.decide.context import Deciding


def assess(
    d: Deciding, incident: Incident | None, team: Team, *, at: datetime | None = None
) -> CrewAssessment:
    """Judge the team's crew for the incident (``None`` = for none in particular).

    ``at``: whose local day counts; ``None`` = the command's own instant.
    """
    return judge_crew(d.board, d.rules, team, d.occurred_at if at is None else at, incident)


def with_crew(team: Team, crew: Sequence[CrewMember], telehealth: TelehealthSecond | None) -> Team:
    """Return the team as it would be with that crew and that decision."""
    return msgspec.structs.replace(team, crew=tuple(crew), telehealth=telehealth)


def told_alone(judged: CrewAssessment) -> dict[str, Any]:
    """Return a crew's judgement as the answer to a shift tells it."""
    return {
        "is_valid": judged.is_valid,
        "warnings": [msgspec.to_builtins(shortfall) for shortfall in judged.shortfalls],
    }


def crew_at(
    d: Deciding, incident: Incident, run: Assignment, at: datetime
) -> tuple[tuple[Reason, ...], datetime | None]:
    """Judge the crew that the run had at that instant, whoever is on it now.

    Returns what barred it then, and from when on a valid crew was there: ``at`` itself, or the
    later change of crew that completed it; ``None`` = none was.
    """
    team = d.board.teams.get(run.team_id) or _bare(run)
    lacked: tuple[Reason, ...] | None = None
    stints = [(at, run.stint_at(at)), *((s.since, s) for s in run.stints if s.since > at)]
    for since, stint in stints:
        if stint is None:
            continue
        crewed = with_crew(team, stint.members, stint.telehealth)
        judged = assess(d, incident, crewed, at=since)
        if lacked is None:
            lacked = judged.hard
        if judged.is_valid:
            return lacked, since
    return lacked or (), None


def clock_stop(
    d: Deciding, incident: Incident, run: Assignment, arrived_at: datetime
) -> tuple[tuple[Reason, ...], datetime | None]:
    """Return what barred the crew that arrived then, and when the clock stops for the run.

    ``None`` = it doesn't: no valid crew was there before the team had left.
    """
    lacked, valid_at = crew_at(d, incident, run, arrived_at)
    gone_at = left_at(run)
    if valid_at is not None and gone_at is not None and valid_at > max(gone_at, arrived_at):
        valid_at = None
    return lacked, valid_at


def _bare(run: Assignment) -> Team:
    """Return a team that is in use no more, without what it offered as such."""
    return Team(id=run.team_id, agency_id=AgencyId(run.team_id), call_sign="")


def codes_of(shortfalls: Sequence[Reason]) -> tuple[str, ...]:
    """Return the codes of the shortfalls, each once, as events keep them."""
    return tuple(dict.fromkeys(s.code.value for s in shortfalls))


def reason_of(reason: Reason) -> dict[str, Any]:
    """Return a reason as a refusal or a warning tells it."""
    return {
        "code": reason.code.value,
        "sentence": reason.sentence,
        "curable_by": None if reason.curable_by is None else reason.curable_by.value,
        "subject": reason.subject,
    }


def swap(
    d: Deciding,
    incident: Incident,
    run: Assignment,
    crew: Sequence[CrewMember],
    telehealth: TelehealthSecond | None,
    judged: CrewAssessment,
    reason: str,
) -> None:
    """Let the run have another crew; on scene, becoming a valid team stops the clock.

    A change that is told late may lie before the arrival: then that is judged anew. Where nobody
    has said when the team arrived the clock runs on until they do.
    """
    arrived_at = run.milestones.get(Status.ON_SCENE)
    is_there = arrived_at is not None and run.state is not Status.CLEARED
    swapped = CrewSwapped(
        incident_id=incident.id,
        assignment_id=run.id,
        crew=tuple(m.responder_id for m in crew),
        members=tuple(crew),
        telehealth=telehealth,
        shortfalls=codes_of(judged.hard),
        reason=reason,
        qualifies=is_there and judged.is_valid and not run.qualifying,
    )
    counted_until = run.qualified_at or d.occurred_at
    if arrived_at is not None and d.occurred_at < max(arrived_at, counted_until):
        after = evolve_assignment(run, swapped, d.occurred_at)
        swapped = msgspec.structs.replace(
            swapped, judged=True, qualified_at=clock_stop(d, incident, after, arrived_at)[1]
        )
    d.emit(swapped)


def require_known(d: Deciding, crew: Sequence[CrewMember]) -> None:
    """Refuse a crew with someone whom the roster doesn't know.

    Raises:
        NotFound: ``unknown_responder``.
    """
    unknown = [str(m.responder_id) for m in crew if m.responder_id not in d.board.responders]
    if unknown:
        raise NotFound(
            "unknown_responder",
            "The roster doesn't know everyone in this crew.",
            responder_ids=unknown,
        )


def approved(
    d: Deciding,
    incident: Incident | None,
    before: TelehealthSecond | None,
    given: TelehealthSecond | None,
) -> TelehealthSecond | None:
    """Return the decision for a remote second with an approval that was really given.

    Whoever may approve, by the incident's policy, approves by sending it. From others an approval
    stands only where it is the one already given to the same decision.
    """
    if given is None:
        return None
    approvers = d.policy_of(incident).telehealth.approvers
    role = next((role for role in approvers if d.env.actor.has(role)), None)
    if role is not None:
        return msgspec.structs.replace(given, approved_by=role.value, approved_at=d.occurred_at)
    if before is not None and _same_decision(before, given):
        return before
    return msgspec.structs.replace(given, approved_by=None, approved_at=None)


def _same_decision(one: TelehealthSecond, other: TelehealthSecond) -> bool:
    return (one.marked_delay, one.no_safety_concern, one.member) == (
        other.marked_delay,
        other.no_safety_concern,
        other.member,
    )
