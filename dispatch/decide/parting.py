"""One incident that was two: taking back a merge.

A split gives each its own back, with its own clock; what was told since stays told, and what was
learnt of danger meanwhile is told to both. Must not know how two become one (``joining``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from crisis.commands import Command, SplitIncident
from crisis.errors import Conflict, NotFound
from crisis.ids import IncidentId, SlotNo, SubjectId
from crisis.incident.danger import Danger, danger_of, settled
from crisis.incident.fold import due_under
from crisis.incident.situation import Situation, joined, learnt_since, parted, still_known
from crisis.incident.state import (
    Incident,
    IncidentReleased,
    IncidentSplit,
    Join,
    SlotDropped,
)
from crisis.triage import Place
from dispatch.decide import advice, owed
from dispatch.decide.amendment import apply_amendment
from dispatch.decide.claims import require_settled_claims
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.endings import require_unsettled, withdraw_offers
from dispatch.decide.joining import (
    changed_by,
    contact_due,
    earliest,
    rejoin,
    told_anew,
    what_changed,
)
from dispatch.decide.keeping import tell_owner
from dispatch.decide.waking import first_wake

#: Why a slot goes that a merge had brought.
SPLIT_OFF = "split_off"


def split(d: Deciding, c: SplitIncident) -> dict[str, Any]:
    """Take back a merge: both stand on their own again, each with its own clock."""
    incident = whole = d.incident(c.incident_id)
    other = _part_of(d, incident, c.other)
    require_unsettled(incident)
    require_settled_claims(d, incident)
    if not d.come_back(other):
        raise Conflict("erased", "What was known of it has been erased; open a new incident.")
    leaving = next(join for join in incident.joins if join.other == other.id)
    apart = _taken_apart(d, incident, other.id)
    contact = contact_due(d, incident)
    calls = tuple(call for call in other.calls if call in incident.calls)
    _drop_slots(d, incident, leaving.slots)
    incident = d.incident(incident.id)
    # Its own determination may have been the earliest of all; then the others' count again.
    remaining = tuple(join for join in incident.joins if join.other != other.id)
    started = earliest(incident.own_determined_at, *(join.determined_at for join in remaining))
    d.emit(
        IncidentSplit(
            incident_id=other.id,
            other=incident.id,
            wake_at=first_wake(d, other),
            partners=told_anew(
                (p for p in incident.partners if p.id in leaving.partners),
                incident.danger,
                _danger_of_other(d, other, apart),
                incident.danger.version,
            ),
        )
    )
    d.emit(
        IncidentReleased(
            incident_id=incident.id,
            other=other.id,
            determined_at=started,
            due_at=_due_without(incident, started, remaining),
            calls=calls,
            subjects=_going(incident, other, leaving.subjects),
            befores=() if apart is None else apart.befores,
        )
    )
    rejoin(d, calls, other.id)
    warnings = _given_back(d, incident.id, other.id, apart)
    after = d.incident(other.id)
    owed.next_waiting_contact(d, after, by=contact)
    tell_owner(d, after, "split")
    stays = d.incident(incident.id)
    changed = changed_by(whole, stays)
    warnings += what_changed(d, whole, stays, changed)
    return {
        "incident_id": incident.id,
        "other": other.id,
        "state": after.state,
        "due_at": after.due_at,
        "version": stays.version,
        "changed": changed,
        "warnings": warnings,
    }


def _danger_of_other(d: Deciding, other: Incident, apart: _Apart | None) -> Danger:
    """Return what will be known of the danger at the one that leaves."""
    if apart is None:
        return other.danger
    known = settled(joined(other.situation, apart.learnt), d.rules.codes)
    return danger_of(known, d.rules.codes, other.danger)


def _part_of(d: Deciding, incident: Incident, other_id: IncidentId) -> Incident:
    """Return the incident that is part of this one itself, not by way of a third."""
    if other_id in incident.absorbed:
        return d.incident(other_id)
    other = d.board.incidents.get(other_id)
    through = None if other is None else other.merged_into
    between = None if through is None else d.board.incidents.get(through)
    if between is not None and between.merged_into is not None:
        raise Conflict(
            "merged_through",
            f"That incident came as part of incident {between.number}: split that one off first.",
            incident_id=str(between.id),
            number=between.number,
        )
    raise NotFound("not_merged", "That incident is not part of this one.")


def _due_without(
    incident: Incident, started: datetime | None, remaining: tuple[Join, ...]
) -> datetime | None:
    """Return by when a team is due with only those who stay, by the standard of now."""
    if incident.standard is None:
        return earliest(*(join.due_at for join in remaining))
    alone = msgspec.structs.replace(incident, determined_at=started, joins=remaining)
    return due_under(alone, incident.standard)


class _Apart(NamedTuple):
    """What is known after one was taken back out.

    ``learnt``: of danger since it came. ``back``: what stays known here. ``befores``: see
    ``IncidentReleased``.
    """

    learnt: Situation
    back: Situation
    befores: tuple[Situation, ...] = ()


def _taken_apart(d: Deciding, incident: Incident, leaving: IncidentId) -> _Apart | None:
    """Return what is known without one that was merged in: all that was told since stays told.

    Everything after its coming is gone through once more, as if it had never come. ``None``, where
    an older log doesn't tell what came with whom: what is known then stays.
    """

    def whole(one: Situation, other: Situation) -> Situation:
        return settled(joined(one, other), d.rules.codes)

    at = next(n for n, join in enumerate(incident.joins) if join.other == leaving)
    came = [(join.before, join.theirs) for join in incident.joins[at:]]
    stages = [(known, theirs) for known, theirs in came if known is not None and theirs is not None]
    if len(stages) < len(came):
        return None
    (without, theirs), *later = stages
    both = whole(without, theirs)
    learnt, befores = Situation(place=Place()), []
    for known, theirs in later:
        learnt = joined(learnt, learnt_since(known, both))
        without = settled(parted(known, both, without), d.rules.codes)
        befores.append(without)
        without, both = whole(without, theirs), whole(known, theirs)
    now = incident.situation
    learnt = still_known(joined(learnt, learnt_since(now, both)), now)
    return _Apart(learnt, settled(parted(now, both, without), d.rules.codes), tuple(befores))


def _given_back(
    d: Deciding,
    incident_id: IncidentId,
    other_id: IncidentId,
    apart: _Apart | None,
) -> list[dict[str, Any]]:
    """Let each be known as its own again, with every danger that was learnt meanwhile."""
    incident, other = d.incident(incident_id), d.incident(other_id)
    warnings: list[dict[str, Any]] = []
    back = None if apart is None else apart.back
    if back is not None and (
        back != incident.situation
        or advice.suggestion_of(d, back, incident.referral_sources) != incident.suggestion
    ):
        warnings = apply_amendment(d, incident, back, keeps_standard=True)
    if apart is not None and (apart.learnt.hazards or apart.learnt.clinical.screening):
        known = settled(joined(other.situation, apart.learnt), d.rules.codes)
        if known != other.situation:
            warnings += apply_amendment(d, other, known, keeps_standard=True)
    for before in (incident, other):
        warnings += advice.new_warnings(d, before, d.incident(before.id))
    return warnings


def _going(
    incident: Incident, other: Incident, came: tuple[SubjectId, ...]
) -> tuple[SubjectId, ...]:
    """Return the people who leave with the other: nobody of whom anything was written here."""
    as_they_came = {subject.id: subject.record for subject in other.subjects}
    served = {encounter.subject_id for encounter in incident.encounters}
    return tuple(
        subject.id
        for subject in incident.subjects
        if subject.id in came
        and subject.id not in served
        and as_they_came.get(subject.id, subject.record) == subject.record
    )


def _drop_slots(d: Deciding, incident: Incident, came: tuple[SlotNo, ...]) -> None:
    """Seek no team any more for what the other asked for; one that is on it stays."""
    for slot in incident.slots:
        if slot.no not in came or slot.dropped is not None or incident.slot_run(slot.no):
            continue
        withdraw_offers(d, incident, "incident_changed", slot=slot.no)
        d.emit(SlotDropped(incident_id=incident.id, slot=slot.no, reason=SPLIT_OFF))


HANDLERS: Mapping[type[Command], Handler] = {SplitIncident: split}
