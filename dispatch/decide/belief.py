"""Which reports of a run are believed, and what becomes of those that aren't.

A report is a fact, not a request: one that can't be believed is kept as it came, changes nothing,
and is told to the desk, where a person may set the right instant by a correction. What contradicts
what stands in ``crisis.run_times``. Must not know what follows from a report that is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from crisis.assignment import Assignment, ReportDisputed
from crisis.errors import Disputed, Invalid
from crisis.incident.state import Incident
from crisis.rights import Act, may
from crisis.run_status import ARRIVED, DONE, Status
from crisis.run_times import Contradiction, contradiction
from dispatch.decide import claims
from dispatch.decide.context import Deciding
from dispatch.decide.keeping import tell_owner

#: A little too early is the clocks' fault, and counts as of what it can't have come before.
_CLOCKS_FAULT = frozenset({"before_acceptance", "before_determination", "before_others"})
#: What only the run's own order says. Of what is known already it says nothing.
_ORDER = frozenset({"before_others", "after_others"})
NOT_YOURS = "not_your_run"
#: Outcomes and stages that say of an incident that no team came to it.
_NOBODY_CAME = frozenset({"unserved", "before_en_route", "en_route"})


def never_came(incident: Incident, run: Assignment) -> bool:
    """Whether the run ended as one whose team came to nobody, by what was said at its end.

    Whoever calls a run off takes it that the team isn't there. A clear says whom the team met:
    where that is nobody, or nothing is said of anybody, an arrival that is told only afterwards is
    for a person to believe.
    """
    if incident.outcome in _NOBODY_CAME or not run.meets_need:
        return True
    if run.state not in DONE:
        return False
    return not any(e.contacted for e in incident.encounters if e.assignment_id == run.id)


def against(
    incident: Incident, run: Assignment, status: Status, at: datetime
) -> Contradiction | None:
    """Return what ``status`` at that instant runs against; ``None`` = nothing."""
    return contradiction(
        run,
        status,
        at,
        determined_at=incident.determined_at,
        never_came=never_came(incident, run),
    )


def _against_report(
    d: Deciding, incident: Incident, run: Assignment, status: Status
) -> Contradiction | None:
    """Return what a report of now runs against, a person's correction too; ``None`` = nothing."""
    denied_at = run.unreached.get(status)
    if denied_at is not None and d.occurred_at <= denied_at:
        return Contradiction(code="corrected")
    found = against(incident, run, status, d.occurred_at)
    known_at = run.milestones.get(status)
    if found is None or found.code not in _ORDER or known_at is None or known_at > d.occurred_at:
        return found
    return None  # told once more, and later: it was so before


def why_disputed(d: Deciding, incident: Incident, run: Assignment, status: Status) -> str | None:
    """Return why a report of the run can't be believed, as a code; ``None`` = it can.

    Settles the instant of one that can: a phone that is a little behind reports an act that can't
    have come before the acceptance as of the acceptance.
    """
    actor = d.env.actor
    if not may(actor, Act.REPORT_FOR_ANY_TEAM) and not _is_own(d, run):
        return NOT_YOURS
    if d.out_of_bounds is not None:
        return "outside_skew"
    tolerance = timedelta(seconds=d.policy.clocks.phone_ahead_s)
    while (found := _against_report(d, incident, run, status)) is not None:
        earliest = found.against
        if found.code not in _CLOCKS_FAULT or earliest is None:
            return found.code
        if d.occurred_at < earliest - tolerance:
            return found.code
        d.occurred_at = earliest
    return None


#: How what people set is refused that runs against what is known.
_REFUSED: Mapping[str, Callable[..., Invalid]] = {
    "before_determination": lambda **facts: Invalid(
        "instant_before_determination",
        "That lies before it was determined that a team is needed.",
        **facts,
    ),
    "before_acceptance": lambda **facts: Invalid(
        "instant_before_acceptance", "The team had not accepted by then.", **facts
    ),
    "after_end": lambda **facts: Invalid(
        "instant_after_end", "The run had ended by then.", **facts
    ),
    "before_others": lambda **facts: Invalid(
        "instant_before_others", "The team did more on this run after that.", **facts
    ),
    "after_others": lambda **facts: Invalid(
        "instant_after_others", "The team had done more on this run by then.", **facts
    ),
}


def refusal_of(found: Contradiction) -> Invalid:
    """Return how an instant is refused that a person sets, and that runs against another."""
    facts = {} if found.against is None else {"against": found.against.isoformat()}
    return _REFUSED[found.code](**facts)


def require_possible(d: Deciding, incident: Incident, run: Assignment, end: Status) -> None:
    """Refuse to end a run as of before what its team has done on it.

    Raises:
        Invalid: ``instant_before_others``, ``instant_before_acceptance``.
    """
    found = against(incident, run, end, d.occurred_at)
    if found is not None:
        raise refusal_of(found)


def _is_own(d: Deciding, run: Assignment) -> bool:
    """Whether it is the actor's team's run, or they were on its crew at any time.

    Whoever was on its crew keeps it: their shift may have been ended while they are out.
    """
    actor = d.env.actor
    if actor.team_id == run.team_id:
        return True
    crews = [*(m.responder_id for stint in run.stints for m in stint.members), *run.crew]
    return actor.responder_id is not None and actor.responder_id in crews


def keep_disputed(
    d: Deciding, incident: Incident, run: Assignment, status: Status, reason: str
) -> datetime:
    """Keep the report as it came; return the instant that it claims."""
    claimed = d.env.occurred_at or d.now
    is_theirs = reason != NOT_YOURS
    d.emit(
        ReportDisputed(
            incident_id=incident.id,
            assignment_id=run.id,
            status=status,
            occurred=claimed,
            reason=reason,
            by_team=d.env.actor.team_id,
            claimed_at=claims.claimed_at(d, incident, run, status) if is_theirs else None,
        ),
        at=d.now,
    )
    return claimed


def dispute(
    d: Deciding, incident: Incident, run: Assignment, status: Status, reason: str
) -> dict[str, Any]:
    """Keep the report as it came, tell the desk, and answer that it isn't believed.

    That a team says it is there, against what the board says, can't wait.
    """
    claimed = keep_disputed(d, incident, run, status, reason)
    if reason != NOT_YOURS:
        urgency = "now" if status in ARRIVED else "soon"
        d.notify("role:dispatcher", "report_disputed", urgency=urgency, incident=incident)
        if incident.owner is not None:
            tell_owner(d, incident, "report_disputed", urgency)
        claims.note_disputed(d, incident, run, status)
    return d.refuse_but_keep(
        Disputed(
            "disputed",
            "The report is kept, but marked as disputed: it doesn't fit what is known.",
            reason=reason,
            status=status.value,
            occurred_at=claimed.isoformat(),
        )
    )
