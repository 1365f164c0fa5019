"""Two incidents that are one, and one that was two: merging and splitting.

A merge loses nothing: what is known of either holds for the one that goes on, of two answers the
worse, and of two deadlines the earlier. People, partners who are on their way and calls go on with
it, and whoever may read it may read what was absorbed. A split gives each its own back, and what
was learnt of danger meanwhile to both. Must not know how incidents end otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any

import msgspec

from crisis.call import CallJoined
from crisis.commands import Command, MergeIncident, SplitIncident
from crisis.danger import settled
from crisis.errors import Conflict, Invalid, NotFound
from crisis.ids import CallId, IncidentId, SlotNo, SubjectId
from crisis.incident import (
    Incident,
    IncidentAbsorbed,
    IncidentMerged,
    IncidentReleased,
    IncidentSplit,
    IncidentState,
    OwnerChanged,
    SlotAdded,
    SlotDropped,
    Subject,
)
from crisis.obligation import ObligationKind
from crisis.situation import Situation, joined, learnt_since, parted
from crisis.standards import local_day, response_due, response_standard
from dispatch.decide import advice, dues, owed
from dispatch.decide.amendment import apply_amendment
from dispatch.decide.claims import require_settled_claims
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.endings import require_unsettled, withdraw_offers
from dispatch.decide.keeping import tell_owner
from dispatch.decide.situation import warning
from dispatch.decide.waking import first_wake

#: Why a slot goes that a merge had brought.
SPLIT_OFF = "split_off"


def merge(d: Deciding, c: MergeIncident) -> dict[str, Any]:
    """Let an incident be part of another, which keeps the earliest clock of both."""
    incident, into = d.incident(c.incident_id), d.incident(c.into)
    _check_merge(incident, into)
    require_settled_claims(d, incident)
    contact = _contact_due(d, incident)
    withdraw_offers(d, incident, "incident_merged")
    incident = d.incident(incident.id)
    partners = tuple(p for p in incident.partners if p.is_open)
    slots = _slots_to_add(incident, into)
    d.emit(
        IncidentMerged(
            incident_id=incident.id, into=into.id, partners=tuple(p.id for p in partners)
        )
    )
    d.emit(
        IncidentAbsorbed(
            incident_id=into.id,
            other=incident.id,
            determined_at=incident.determined_at,
            due_at=_stricter(d, incident, into),
            calls=incident.calls,
            theirs=incident.situation,
            subjects=_relabelled(into.subjects, incident.subjects),
            partners=partners,
            slots=slots,
            sources=incident.referral_sources,
        )
    )
    for no in slots:
        d.emit(SlotAdded(incident_id=into.id, slot=no, wake_at=first_wake(d, into)))
    _rejoin(d, incident.calls, into.id)
    if into.owner is None and incident.owner is not None:
        d.emit(OwnerChanged(incident_id=into.id, owner=incident.owner, reason="merged"))
    absorbing = d.incident(into.id)
    both = settled(joined(absorbing.situation, incident.situation), d.rules.codes)
    # A new version even where all was known: its story, its people and its records are new.
    warnings = apply_amendment(d, absorbing, both, keeps_standard=True)
    dues.end_waiting(d, incident.id, "merged")
    warnings = [*advice.new_warnings(d, into, d.incident(into.id)), *warnings]
    _keep_contact(d, into.id, contact)
    if incident.owner not in {None, d.env.actor.user_id, absorbing.owner}:
        tell_owner(d, incident, "merged")
    after = d.incident(into.id)
    if slots:
        warnings.append(
            warning("slots_joined", "It asked for more teams: they are sought here.", slots=slots)
        )
    return {
        "incident_id": incident.id,
        "into": into.id,
        "determined_at": after.determined_at,
        "due_at": after.due_at,
        "version": after.version,
        "warnings": warnings,
    }


def _stricter(d: Deciding, incident: Incident, into: Incident) -> datetime | None:
    """Return by when the absorbed one's person was to be reached: by the stricter standard."""
    return _earliest(
        incident.due_at, _due_at(into, incident.determined_at), _due_there(d, incident, into)
    )


def _due_there(d: Deciding, incident: Incident, into: Incident) -> datetime | None:
    """Return when a team is due at the place that the survivor lacked and the other knows.

    ``None`` = it brings no place of another class.
    """
    place = joined(into.situation, incident.situation).place
    start = _earliest(into.determined_at, incident.determined_at)
    if start is None or place.area_class is into.place.area_class:
        return None
    on = local_day(start, d.policy_of(into).tz())
    return response_due(start, response_standard(place.area_class, on, d.rules.standards))


def _due_at(incident: Incident, start: datetime | None) -> datetime | None:
    """Return when a team is due whose clock began at ``start``: by the standard of this place."""
    if start is None or incident.standard is None:
        return None
    return response_due(start, incident.standard)


def _slots_to_add(incident: Incident, into: Incident) -> tuple[SlotNo, ...]:
    """Return the slots that the survivor lacks for as many teams as the other still waits for."""
    if into.state is not IncidentState.DETERMINED:
        return ()
    asked = sum(1 for slot in into.slots if slot.dropped is None)
    last = max((slot.no for slot in into.slots), default=0)
    more = len(incident.waiting_slots()) - asked
    return tuple(SlotNo(last + n) for n in range(1, more + 1))


def _relabelled(here: Iterable[Subject], coming: Iterable[Subject]) -> tuple[Subject, ...]:
    """Return the people who come, with labels that tell them from those who are here."""
    known = {subject.id: subject for subject in here}
    first = 1 + max((int(subject.label) for subject in known.values()), default=0)
    return tuple(
        msgspec.structs.replace(subject, label=str(label))
        for label, subject in enumerate((s for s in coming if s.id not in known), start=first)
    )


def _contact_due(d: Deciding, incident: Incident) -> datetime | None:
    """Return when the waiting person is to hear of us next; ``None`` = nobody waits."""
    waiting = owed.open_of_kind(d, incident.id, ObligationKind.WAITING_CONTACT)
    return min((one.due_at for one in waiting), default=None)


def _keep_contact(d: Deciding, incident_id: IncidentId, promised: datetime | None) -> None:
    """Let the person hear of us no later than either was promised."""
    incident = d.incident(incident_id)
    own = _contact_due(d, incident)
    if promised is not None and own is not None and promised < own:
        dues.end_waiting(d, incident_id, "merged")
    owed.next_waiting_contact(d, incident, by=promised)


def _check_merge(incident: Incident, into: Incident) -> None:
    if incident.id == into.id:
        raise Invalid("merge_with_itself", "An incident can't be merged into itself.")
    require_unsettled(incident)
    require_unsettled(into)
    if incident.open_runs:
        swaps = not into.open_runs and not _served_before(into, incident)
        raise Conflict(
            "merge_open_runs",
            f"Teams are on incident {incident.number}; merge {into.number} into it instead."
            if swaps
            else f"Teams are on incident {incident.number}; cancel or divert them first, or merge "
            "when they are done.",
            assignment_ids=[str(run.id) for run in incident.open_runs],
            other_way_round=swaps,
        )
    if _served_before(incident, into):
        swaps = not into.open_runs
        raise Conflict(
            "merge_served",
            f"A team has been at incident {incident.number}, and what it did counts there; merge "
            f"{into.number} into it {'instead' if swaps else 'when the teams on that are done'}.",
            other_way_round=swaps,
        )
    if incident.determined_at is not None and into.state is not IncidentState.DETERMINED:
        raise Conflict(
            "merge_undetermined",
            f"Incident {incident.number} is determined and {into.number} is not: merge the other "
            "way round, so that the search for a team goes on.",
            other_way_round=True,
        )


def _served_before(one: Incident, other: Incident) -> bool:
    """Whether a valid team was at the one, and at the other later or never.

    The one's arrival is then the first of both, and must be that of the incident that stays.
    """
    first, second = one.first_on_scene_at, other.first_on_scene_at
    return first is not None and (second is None or first < second)


def _rejoin(d: Deciding, calls: tuple[CallId, ...], incident_id: IncidentId) -> None:
    """Let the calls that are still open belong to another incident."""
    for call_id in calls:
        if call_id in d.board.calls:
            d.emit(CallJoined(call_id=call_id, incident_id=incident_id))


def split(d: Deciding, c: SplitIncident) -> dict[str, Any]:
    """Take back a merge: both stand on their own again, each with its own clock."""
    incident = d.incident(c.incident_id)
    other = _part_of(d, incident, c.other)
    require_unsettled(incident)
    require_settled_claims(d, incident)
    leaving = next(join for join in incident.joins if join.other == other.id)
    learnt, back = _taken_apart(d, incident, other.id)
    contact = _contact_due(d, incident)
    calls = tuple(call for call in other.calls if call in incident.calls)
    _drop_slots(d, incident, leaving.slots)
    incident = d.incident(incident.id)
    # Its own determination may have been the earliest of all; then the others' count again.
    remaining = [join for join in incident.joins if join.other != other.id]
    d.emit(
        IncidentSplit(
            incident_id=other.id,
            other=incident.id,
            wake_at=first_wake(d, other),
            partners=tuple(p for p in incident.partners if p.id in leaving.partners),
        )
    )
    d.emit(
        IncidentReleased(
            incident_id=incident.id,
            other=other.id,
            determined_at=_earliest(
                incident.own_determined_at, *(join.determined_at for join in remaining)
            ),
            due_at=_earliest(incident.own_due_at, *(join.due_at for join in remaining)),
            calls=calls,
            subjects=_going(incident, other, leaving.subjects),
        )
    )
    _rejoin(d, calls, other.id)
    warnings = _given_back(d, incident.id, other.id, back, learnt)
    after = d.incident(other.id)
    owed.next_waiting_contact(d, after, by=contact)
    tell_owner(d, after, "split")
    return {
        "incident_id": incident.id,
        "other": other.id,
        "state": after.state,
        "due_at": after.due_at,
        "warnings": warnings,
    }


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


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


def _taken_apart(
    d: Deciding, incident: Incident, leaving: IncidentId
) -> tuple[Situation | None, Situation | None]:
    """Return what was learnt of danger since they are one, and what stays known here.

    ``None``, where an older log doesn't tell what came with whom: what is known then stays.
    """
    alone = incident.alone
    if alone is None or any(join.theirs is None for join in incident.joins):
        return None, None

    def whole(others: Iterable[Situation | None]) -> Situation:
        known = [other for other in others if other is not None]
        return settled(reduce(joined, known, alone), d.rules.codes)

    before = whole(join.theirs for join in incident.joins)
    rest = whole(join.theirs for join in incident.joins if join.other != leaving)
    learnt = learnt_since(incident.situation, before)
    return learnt, settled(parted(incident.situation, before, rest), d.rules.codes)


def _given_back(
    d: Deciding,
    incident_id: IncidentId,
    other_id: IncidentId,
    back: Situation | None,
    learnt: Situation | None,
) -> list[dict[str, Any]]:
    """Let each be known as its own again, with every danger that was learnt meanwhile."""
    incident, other = d.incident(incident_id), d.incident(other_id)
    warnings: list[dict[str, Any]] = []
    if back is not None and (
        back != incident.situation
        or advice.suggestion_of(d, back, incident.referral_sources) != incident.suggestion
    ):
        warnings = apply_amendment(d, incident, back, keeps_standard=True)
    if learnt is not None and (learnt.hazards or learnt.clinical.screening):
        known = settled(joined(other.situation, learnt), d.rules.codes)
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


HANDLERS: Mapping[type[Command], Handler] = {
    MergeIncident: merge,
    SplitIncident: split,
}
