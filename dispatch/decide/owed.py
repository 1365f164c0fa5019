"""What the service owes by an instant: how obligations arise, go on and lapse.

Decides the instants of callbacks, safety check-ins and waiting contacts, and which one follows.
They count from when the service learnt of what they follow from: nobody can have missed before
what only became known now. What the benefit's own clocks count from stands in ``dues``.
Shared by the handlers that start a run, meet an obligation or miss one. Must not know the database.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from crisis.assignment import Assignment, has_arrived
from crisis.ids import CallId, EncounterId, IncidentId, ObligationId, TeamId, UserId
from crisis.incident.state import Incident, IncidentState
from crisis.obligation import Obligation, ObligationArose, ObligationKind
from crisis.policy import CountyPolicy
from crisis.responder import PresenceMode
from crisis.run_status import CHECK_INS
from crisis.team import Team
from crisis.triage import Acuity
from dispatch.decide.context import Deciding


def arise(
    d: Deciding,
    kind: ObligationKind,
    due_at: datetime,
    *,
    rule: str,
    thing: str | None = None,
    incident_id: IncidentId | None = None,
    call_id: CallId | None = None,
    run: Assignment | None = None,
    encounter_id: EncounterId | None = None,
    stage: str | None = None,
    owner: UserId | None = None,
    team_id: TeamId | None = None,
    grace_s: float = 0.0,
    misses: int = 0,
) -> ObligationId:
    """Let an obligation arise and return its id.

    Args:
        rule: the setting or standard that set ``due_at``; the policy's version is added.
        thing: tells apart several of one kind in one command; ``None`` = the kind.
        team_id: the team that owes it; ``None`` = the run's, or no team.
        grace_s: seconds after ``due_at`` until it counts as missed.
        misses: how many of its kind in a row were missed before it.
    """
    obligation_id = ObligationId(d.id(f"obligation/{thing or kind.value}"))
    policy = d.policy_of(d.board.incidents.get(incident_id) if incident_id is not None else None)
    d.emit(
        ObligationArose(
            obligation_id=obligation_id,
            kind=kind,
            due_at=due_at,
            lapses_at=due_at + timedelta(seconds=grace_s) if grace_s else None,
            rule=f"{rule}@{policy.version}",
            incident_id=incident_id,
            call_id=call_id,
            assignment_id=run.id if run is not None else None,
            encounter_id=encounter_id,
            stage=stage,
            owner=owner,
            team_id=run.team_id if run is not None else team_id,
            misses=misses,
        )
    )
    return obligation_id


def check_in_every_s(policy: CountyPolicy, stage: str, team: Team | None) -> float:
    """Return the seconds between check-ins; one member alone on scene is asked more often."""
    intervals = policy.check_ins
    match stage:
        case "en_route":
            return intervals.en_route_s
        case "transport":
            return intervals.transport_s
        case _:
            here = [m for m in (team.crew if team else ()) if m.mode is PresenceMode.ONSITE]
            return intervals.lone_on_scene_s if len(here) == 1 else intervals.on_scene_s


def next_check_in(d: Deciding, incident: Incident, run: Assignment) -> ObligationId | None:
    """Let the run's next check-in arise, its stage's interval from when its act became known.

    Returns ``None`` where none is owed: the run is over, its state asks for none, one is open
    already, or the incident was kept on paper. A crew that is away now is asked after, also where
    what it does was told on paper.
    """
    stage = CHECK_INS.get(run.state)
    if stage is None or not run.is_open or incident.back_entered:
        return None
    if open_check_ins(d, run):
        return None
    policy = d.policy_of(incident)
    every_s = check_in_every_s(policy, stage, d.board.teams.get(run.team_id))
    return arise(
        d,
        ObligationKind.CHECK_IN,
        d.in_s(every_s),
        rule=f"check_ins.{stage}",
        incident_id=incident.id,
        run=run,
        stage=stage,
        # Only check-ins have a grace: their miss is an alarm.
        grace_s=policy.check_ins.grace_s,
    )


def open_check_ins(d: Deciding, run: Assignment) -> list[Obligation]:
    """Return the run's check-ins that are still due."""
    incident_id = d.board.runs.get(run.id)
    if incident_id is None:
        return []
    return [
        o
        for o in open_of_kind(d, incident_id, ObligationKind.CHECK_IN)
        if o.assignment_id == run.id
    ]


def tell_owing(d: Deciding, incident: Incident, obligation: Obligation, template: str) -> None:
    """Tell who must see to it: the person, else the team, else who answers for the incident."""
    if obligation.owner is not None:
        to = f"user:{obligation.owner}"
    elif obligation.team_id is not None:
        to = f"team:{obligation.team_id}"
    else:
        to = "role:dispatcher" if incident.owner is None else f"user:{incident.owner}"
    d.notify(to, template, urgency="soon", incident=incident)


def open_of_kind(d: Deciding, incident_id: IncidentId, kind: ObligationKind) -> list[Obligation]:
    """Return what of one kind is still owed because of an incident."""
    return [o for o in d.board.owed_for(incident_id) if o.kind is kind and o.is_open]


def person_waits(incident: Incident) -> bool:
    """Whether the person still waits: a team must come, and none has arrived."""
    needed = any(slot.dropped is None for slot in incident.slots)
    if incident.state is not IncidentState.DETERMINED or not needed:
        return False
    return not any(run.meets_need and has_arrived(run) for run in incident.assignments)


def next_waiting_contact(
    d: Deciding, incident: Incident, *, by: datetime | None = None, misses: int = 0
) -> ObligationId | None:
    """Let the next contact with a waiting person arise, the acuity's interval from now.

    From when it is known that the person waits: what is told late has been missed by nobody yet.

    ``by``: it was promised for then; ``None`` = it was not. Returns ``None`` where none is owed:
    nobody waits, one is open already, or the incident was kept on paper.
    """
    if not person_waits(incident) or incident.back_entered:
        return None
    if open_of_kind(d, incident.id, ObligationKind.WAITING_CONTACT):
        return None
    every_s = d.policy_of(incident).waiting.contact_every_s.of(incident.acuity or Acuity.EMERGENT)
    due_at = d.in_s(every_s)
    return arise(
        d,
        ObligationKind.WAITING_CONTACT,
        due_at if by is None else min(by, due_at),
        rule="waiting.contact_every_s",
        incident_id=incident.id,
        misses=misses,
    )
