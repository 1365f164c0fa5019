"""Which reports of a run are believed, and what becomes of those that aren't.

A report is a fact, not a request: one that can't be believed is kept as it came, changes nothing,
and is told to the desk, where a person may set the right instant by a correction. What contradicts
what stands in ``crisis.run_times``. Must not know what follows from a report that is believed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from crisis.assignment import ARRIVED, Assignment, ReportDisputed, Status
from crisis.errors import Disputed
from crisis.incident import Incident
from crisis.roles import Role
from crisis.run_times import Contradiction, contradiction
from dispatch.decide import claims
from dispatch.decide.context import Deciding
from dispatch.decide.keeping import tell_owner

#: A little too early is the clocks' fault, and counts as of what it can't have come before.
_CLOCKS_FAULT = frozenset({"before_acceptance", "before_determination", "before_others"})
NOT_YOURS = "not_your_run"


def never_came(d: Deciding, incident: Incident, run: Assignment) -> bool:
    """Whether the run ended as one whose team came to nobody, by what was said at its end.

    A team is diverted only on its way. A reason for calling off says by its flags whether it makes
    sense at the scene. Whom the team met stands in its encounters; where nothing is said of
    anybody, nothing is said against an arrival that is told late.
    """
    if incident.outcome == "unserved" or run.state is Status.DIVERTED:
        return True
    if run.state is Status.CANCELLED:
        kind = d.rules.codes.find("cancel_reason", run.end_reason or "")
        return kind is not None and bool(kind.flags) and "on_scene" not in kind.flags
    if run.state not in {Status.CLEARED, Status.READY}:
        return False
    met = [e.contacted for e in incident.encounters if e.assignment_id == run.id]
    return bool(met) and not any(met)


def against(
    d: Deciding, incident: Incident, run: Assignment, status: Status, at: datetime
) -> Contradiction | None:
    """Return what ``status`` at that instant runs against; ``None`` = nothing."""
    return contradiction(
        run,
        status,
        at,
        determined_at=incident.determined_at,
        never_came=never_came(d, incident, run),
    )


def why_disputed(d: Deciding, incident: Incident, run: Assignment, status: Status) -> str | None:
    """Return why a report of the run can't be believed, as a code; ``None`` = it can.

    Settles the instant of one that can: a phone that is a little behind reports an act that can't
    have come before the acceptance as of the acceptance.
    """
    actor = d.env.actor
    by_desk = actor.is_desk or actor.has(Role.ADMIN)
    if not by_desk and not _is_own(d, run):
        return NOT_YOURS
    if d.out_of_bounds is not None:
        return "outside_skew"
    tolerance = timedelta(seconds=d.policy.clocks.phone_ahead_s)
    while (found := against(d, incident, run, status, d.occurred_at)) is not None:
        earliest = found.against
        if found.code not in _CLOCKS_FAULT or earliest is None:
            return found.code
        if d.occurred_at < earliest - tolerance:
            return found.code
        d.occurred_at = earliest
    return None


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
