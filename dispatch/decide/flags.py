"""Marks: what goes wrong about an incident only by waiting, and who is told of it, and again.

Decides from the incident and its policy alone which marks time will set and when; the clockwork
reads the same list. Patience counts from when the service learnt of a thing, deadlines from when
it was. What people can mend rings again, each time to more of them, until it is so no more or
somebody has it in hand. Must not know clocks. Incidents entered after an outage get none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from crisis.assignment import Assignment, has_arrived
from crisis.commands import Command, FlagIncident
from crisis.errors import Conflict
from crisis.ids import IncidentId
from crisis.incident.state import Incident, IncidentFlagged, IncidentState
from crisis.partner import PartnerResponse, PartnerState
from crisis.policy import CountyPolicy
from crisis.roles import Role
from crisis.run_status import DONE, Status
from crisis.triage import Acuity
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.keeping import owner_address

UNASSIGNED = "unassigned"
DEADLINE_WARNING, DEADLINE_BREACHED = "deadline_warning", "deadline_breached"
HANDOFF, HANDOFF_REFUSED = "handoff_unacknowledged", "handoff_refused"
PARTNER, PARTNER_AWAITED = "partner_unanswered", "partner_not_arrived"
HANDOVER, UNOWNED = "handover_unanswered", "unowned"
UNSCREENED, UNDECIDED = "unscreened", "undecided"
NOT_DEPARTED, NOBODY_CAME = "not_departed", "nobody_came"
UNREAD = "amendment_unacknowledged"
_DEADLINES = frozenset({DEADLINE_WARNING, DEADLINE_BREACHED})

_OWNER = "owner"
_DISPATCHER, _SUPERVISOR = Role.DISPATCHER.value, Role.SUPERVISOR.value
_ON_CALL = Role.ON_CALL.value
#: Who is told of a mark: the first time, the second, and from the third on. One line alone = the
#: mark is told once. The ladder rings for a slot without a team, so that ``unassigned`` need not.
_TOLD: Mapping[str, tuple[tuple[str, ...], ...]] = {
    UNASSIGNED: ((_SUPERVISOR,),),
    DEADLINE_WARNING: ((_OWNER,),),
    DEADLINE_BREACHED: ((_OWNER, _SUPERVISOR),),
    HANDOFF: ((_DISPATCHER, _SUPERVISOR), (_DISPATCHER, _SUPERVISOR, _ON_CALL)),
    HANDOFF_REFUSED: ((_SUPERVISOR,), (_DISPATCHER, _SUPERVISOR, _ON_CALL)),
    PARTNER: (
        (_OWNER, _DISPATCHER),
        (_OWNER, _DISPATCHER, _SUPERVISOR),
        (_OWNER, _DISPATCHER, _SUPERVISOR, _ON_CALL),
    ),
    PARTNER_AWAITED: ((_OWNER,), (_OWNER, _SUPERVISOR)),
    HANDOVER: ((_OWNER,), (_OWNER, _SUPERVISOR)),
    UNOWNED: ((_SUPERVISOR,), (_DISPATCHER, _SUPERVISOR), (_DISPATCHER, _SUPERVISOR, _ON_CALL)),
    UNSCREENED: ((_OWNER,), (_OWNER, _SUPERVISOR), (_OWNER, _SUPERVISOR, _ON_CALL)),
    UNDECIDED: ((_OWNER,), (_OWNER, _SUPERVISOR), (_OWNER, _SUPERVISOR, _ON_CALL)),
    NOT_DEPARTED: ((_OWNER,), (_OWNER, _SUPERVISOR), (_OWNER, _DISPATCHER, _SUPERVISOR)),
    NOBODY_CAME: ((_OWNER, _SUPERVISOR), (_OWNER, _DISPATCHER, _SUPERVISOR)),
    UNREAD: ((_DISPATCHER,), (_DISPATCHER, _SUPERVISOR)),
}
#: A crew that has not left when this is told is offered to be taken back.
TAKEN_BACK_AT = 3


class Mark(NamedTuple):
    """A mark that will be set at an instant unless something happens; see ``IncidentFlagged``."""

    at: datetime
    flag: str
    about: str = ""


def marks(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    """Yield the marks that time will set on the incident as it stands, or set again.

    Of a deadline's marks only the next one; asked each second for every incident.

    Args:
        policy: the one that the incident runs under.
    """
    if incident.back_entered:
        return
    for mark in _all(incident, policy):
        known = incident.marked(mark.flag, mark.about)
        if known is None:
            yield mark
        elif len(_TOLD[mark.flag]) > 1:
            again_at = known.at + timedelta(seconds=policy.waiting.alarm_again_s)
            # What ended in error and goes on is waited for anew.
            again_at = max(again_at, mark.at)
            yield mark._replace(at=max(again_at, incident.in_hand_until or again_at))


def _all(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    yield from _of_partners(incident, policy)
    if incident.is_settled:
        return
    waiting = policy.waiting
    unowned = timedelta(seconds=waiting.unowned_alert_s)
    if incident.owner is None:
        since = incident.owner_since or incident.received_at
        yield Mark(since + unowned, UNOWNED, since.isoformat())
    if incident.handed_over_at is not None:
        since = incident.handed_over_at
        yield Mark(since + unowned, HANDOVER, since.isoformat())
    match incident.state:
        case IncidentState.RECEIVED:
            # Whoever took it over, entered it late or opened it again has the same patience.
            since = _latest(incident.received_at, incident.owner_since, incident.sought_since)
            yield Mark(since + timedelta(seconds=waiting.unscreened_s), UNSCREENED)
        case IncidentState.SCREENING:
            began = incident.screening_since or incident.screening_at or incident.received_at
            since = _latest(began, incident.sought_since)
            yield Mark(since + timedelta(seconds=waiting.undecided_s), UNDECIDED)
        case IncidentState.DETERMINED:
            yield from _of_the_wait(incident, policy)
            yield from _of_crews(incident, policy)


def _latest(one: datetime, *others: datetime | None) -> datetime:
    return max([one, *(other for other in others if other is not None)])


def _of_partners(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    """Requests that no partner has taken, hand-offs that one refused, help that doesn't come."""
    for partner in incident.partners:
        mark = _of_partner(partner, policy)
        if mark is not None:
            yield mark
    if incident.lacks_handoff:
        refused = max(p.known_at for p in incident.partners if not p.is_open)
        again = timedelta(seconds=policy.waiting.alarm_again_s)
        # That it was refused was told in that moment.
        yield Mark(refused + again, HANDOFF_REFUSED, refused.isoformat())


def _of_partner(partner: PartnerResponse, policy: CountyPolicy) -> Mark | None:
    waiting, about = policy.waiting, str(partner.id)
    match partner.state:
        case PartnerState.REQUESTED if partner.handoff:
            patience = timedelta(seconds=waiting.handoff_alert_s)
            return Mark(partner.known_at + patience, HANDOFF, about)
        case PartnerState.REQUESTED:
            patience = timedelta(seconds=waiting.partner_alert_s)
            return Mark(partner.known_at + patience, PARTNER, about)
        case PartnerState.ACKNOWLEDGED:
            patience = timedelta(seconds=waiting.partner_arrival_s)
            return Mark(partner.known_at + patience, PARTNER_AWAITED, about)
    return None


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
        if incident.marked(mark.flag, mark.about) is None:
            yield mark
            return


def _of_the_deadline(start: datetime, due_at: datetime, policy: CountyPolicy) -> Iterator[Mark]:
    """Yield all marks of a deadline in the order of their instants, set or not."""
    for share in policy.waiting.deadline_warnings:
        yield Mark(start + share * (due_at - start), DEADLINE_WARNING, str(round(share * 100)))
    # Another place may have another standard, and so another deadline.
    yield Mark(due_at, DEADLINE_BREACHED, due_at.isoformat())


def _of_crews(incident: Incident, policy: CountyPolicy) -> Iterator[Mark]:
    """Crews that have not left, have not read a change, or are done and never arrived."""
    acuity, amended_at = incident.acuity or Acuity.EMERGENT, incident.amended_at
    turnout = timedelta(seconds=policy.waiting.turnout_s.of(acuity))
    unread = timedelta(seconds=policy.waiting.unread_change_s)
    for run in incident.assignments:
        if run.state is Status.ACCEPTED:
            since = _latest(run.milestones[Status.ACCEPTED], run.known_at)
            yield Mark(since + turnout, NOT_DEPARTED, str(run.id))
        elif run.state in DONE and not has_arrived(run) and _is_needed(incident, run):
            # Its slot counts as met, and nobody has seen the person.
            yield Mark(run.moved_at, NOBODY_CAME, str(run.id))
        if amended_at is not None and _has_missed(run, incident, amended_at):
            # Of a crew that was entered late the change is as old as what we know of it.
            since = _latest(amended_at, run.known_at)
            yield Mark(since + unread, UNREAD, f"{run.id}/{incident.version}")


def _has_missed(run: Assignment, incident: Incident, amended_at: datetime) -> bool:
    is_at_work = run.is_open and run.state is not Status.CLEARED
    has_read = run.acknowledged >= incident.version
    return is_at_work and not has_read and run.milestones[Status.ACCEPTED] < amended_at


def _is_needed(incident: Incident, run: Assignment) -> bool:
    slot = incident.slot(run.slot)
    return slot is not None and slot.dropped is None


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
        _tell_mark(d, incident, mark)
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
    mark = Mark(due_at, DEADLINE_BREACHED, due_at.isoformat())
    if incident.marked(mark.flag, mark.about) is None:
        d.emit(IncidentFlagged(incident_id=incident_id, flag=mark.flag, about=mark.about), at=d.now)
        _tell_mark(d, incident, mark)


def _tell_mark(d: Deciding, incident: Incident, mark: Mark) -> None:
    """Tell whoever the mark concerns by now; ``incident``: as it was before."""
    known = incident.marked(mark.flag, mark.about)
    times = 1 if known is None else known.times + 1
    steps = _TOLD[mark.flag]
    template = mark.flag
    if mark.flag == NOT_DEPARTED and times >= TAKEN_BACK_AT:
        template = "take_back_proposed"
    to = {
        owner_address(incident) if who == _OWNER else f"role:{who}": who
        for who in steps[min(times, len(steps)) - 1]
    }
    for address, who in to.items():
        urgency = "soon" if who == _OWNER and times == 1 else "now"
        d.notify(address, template, urgency=urgency, incident=incident)


HANDLERS: Mapping[type[Command], Handler] = {FlagIncident: flag_incident}
