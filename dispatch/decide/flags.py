"""Marks: what goes wrong about an incident only by waiting, and who is told of it, once each.

Decides from the incident and its policy alone which marks time will set and when; the clockwork
reads the same list. Patience counts from when the service learnt of a thing, deadlines from when
it was. Must not know clocks. Incidents entered after an outage get none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from crisis.assignment import Status
from crisis.commands import Command, FlagIncident
from crisis.errors import Conflict
from crisis.ids import IncidentId
from crisis.incident import Incident, IncidentFlagged, IncidentState
from crisis.partner import PartnerState
from crisis.policy import CountyPolicy
from crisis.triage import Acuity
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.keeping import tell_owner

UNASSIGNED = "unassigned"
DEADLINE_WARNING, DEADLINE_BREACHED = "deadline_warning", "deadline_breached"
HANDOFF, HANDOVER, UNOWNED = "handoff_unacknowledged", "handover_unanswered", "unowned"
UNREAD = "amendment_unacknowledged"
_DEADLINES = frozenset({DEADLINE_WARNING, DEADLINE_BREACHED})


class Mark(NamedTuple):
    """A mark that will be set at an instant unless something happens; see ``IncidentFlagged``."""

    at: datetime
    flag: str
    about: str = ""


def marks(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    """Yield the marks that time will set on the incident as it stands and that aren't set yet.

    Of a deadline's marks only the next one; asked each second for every incident.

    Args:
        policy: the one that the incident runs under.
    """
    if incident.back_entered:
        return
    for mark in _all(incident, policy):
        if not incident.has_flag(mark.flag, mark.about):
            yield mark


def _all(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    waiting = policy.waiting
    handoff = timedelta(seconds=waiting.handoff_alert_s)
    for partner in incident.partners:
        if partner.handoff and partner.state is PartnerState.REQUESTED:
            yield Mark(partner.known_at + handoff, HANDOFF, str(partner.id))
    if incident.is_settled:
        return
    unowned = timedelta(seconds=waiting.unowned_alert_s)
    if incident.owner is None:
        since = incident.owner_since or incident.received_at
        yield Mark(since + unowned, UNOWNED, since.isoformat())
    if incident.handed_over_at is not None:
        since = incident.handed_over_at
        yield Mark(since + unowned, HANDOVER, since.isoformat())
    if incident.state is IncidentState.DETERMINED:
        yield from _of_the_wait(incident, policy)
        yield from _of_readers(incident, timedelta(seconds=waiting.unread_change_s))


def _of_the_wait(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    start, due_at = incident.determined_at, incident.due_at
    if incident.is_unassigned:
        lost = [run.moved_at for run in incident.assignments if not run.meets_need]
        since = incident.sought_since or max(
            [incident.own_determined_at or incident.received_at, *lost]
        )
        patience_s = policy.waiting.unassigned_alert_s.of(incident.acuity or Acuity.EMERGENT)
        # A team that is lost makes it wait anew, and that is told again.
        yield Mark(since + timedelta(seconds=patience_s), UNASSIGNED, str(len(lost)))
    if start is None or due_at is None or incident.first_on_scene_at is not None:
        return
    for mark in _of_the_deadline(start, due_at, policy):
        if not incident.has_flag(mark.flag, mark.about):
            yield mark
            return


def _of_the_deadline(start: datetime, due_at: datetime, policy: CountyPolicy) -> Iterator[Mark]:
    """Yield all marks of a deadline in the order of their instants, set or not."""
    for share in policy.waiting.deadline_warnings:
        yield Mark(start + share * (due_at - start), DEADLINE_WARNING, str(round(share * 100)))
    # Another place may have another standard, and so another deadline.
    yield Mark(due_at, DEADLINE_BREACHED, due_at.isoformat())


def _of_readers(incident: Incident, patience: timedelta) -> Iterator[Mark]:
    """Crews that were on their way when the incident changed, and have not read the change."""
    amended_at = incident.amended_at
    if amended_at is None:
        return
    for run in incident.open_runs:
        if run.state is Status.CLEARED or run.acknowledged >= incident.version:
            continue
        if run.milestones[Status.ACCEPTED] < amended_at:
            yield Mark(amended_at + patience, UNREAD, f"{run.id}/{incident.version}")


def flag_incident(d: Deciding, c: FlagIncident) -> dict[str, Any]:
    """Set a mark whose instant has come, and tell those who can do something about it."""
    incident = d.incident(c.incident_id)
    due = [m for m in marks(incident, d.policy_of(incident)) if m.at <= d.now]
    mark = next((m for m in due if (m.flag, m.about) == (c.flag, c.about)), None)
    if mark is None:
        raise Conflict("not_due", "That is not so any more, or was told before.", flag=c.flag)
    d.emit(
        IncidentFlagged(
            incident_id=incident.id, flag=d.code("incident_flag", mark.flag), about=mark.about
        )
    )
    if not _is_overtaken(d, incident, mark):
        _tell(d, incident, mark.flag)
    return {"incident_id": incident.id, "flag": mark.flag, "about": mark.about, "warnings": []}


def _is_overtaken(d: Deciding, incident: Incident, mark: Mark) -> bool:
    """Whether the deadline's next mark is due too: after a standstill only the last one rings."""
    start, due_at = incident.determined_at, incident.due_at
    if mark.flag not in _DEADLINES or start is None or due_at is None:
        return False
    all_marks = _of_the_deadline(start, due_at, d.policy_of(incident))
    return any(mark.at < later.at <= d.now for later in all_marks)


def tell_late_arrival(d: Deciding, incident_id: IncidentId) -> None:
    """Mark a deadline as passed where a correction shows that the team came after it."""
    incident = d.incident(incident_id)
    arrived_at, due_at = incident.first_on_scene_at, incident.due_at
    if arrived_at is None or due_at is None or arrived_at <= due_at or incident.back_entered:
        return
    about = due_at.isoformat()
    if not incident.has_flag(DEADLINE_BREACHED, about):
        mark = IncidentFlagged(incident_id=incident_id, flag=DEADLINE_BREACHED, about=about)
        d.emit(mark, at=d.now)
        _tell(d, incident, mark.flag)


def _tell(d: Deciding, incident: Incident, flag: str) -> None:
    if flag in {DEADLINE_WARNING, DEADLINE_BREACHED, HANDOVER}:
        tell_owner(d, incident, flag)
    if flag in {HANDOFF, UNREAD}:
        d.notify("role:dispatcher", flag, incident=incident)
    if flag in {UNASSIGNED, DEADLINE_BREACHED, HANDOFF, UNOWNED}:
        d.notify("role:supervisor", flag, incident=incident)


HANDLERS: Mapping[type[Command], Handler] = {FlagIncident: flag_incident}
