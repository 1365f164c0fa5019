"""Two incidents that are one: merging.

A merge loses nothing: what is known of either holds for the one that goes on, of two answers the
worse, and of two deadlines the earlier. People, partners who are on their way and calls go on with
it, and whoever may read it may read what was absorbed. What a merge takes back again stands in
``parting``. Must not know how incidents end otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from crisis.call import CallJoined
from crisis.commands import Command, MergeIncident
from crisis.errors import Conflict, Invalid
from crisis.ids import CallId, IncidentId, SlotNo
from crisis.incident.danger import Danger, danger_of, settled
from crisis.incident.situation import joined
from crisis.incident.state import (
    Incident,
    IncidentAbsorbed,
    IncidentMerged,
    IncidentState,
    OwnerChanged,
    ScreeningStarted,
    SlotAdded,
    Subject,
)
from crisis.obligation import ObligationKind
from crisis.partner import PartnerResponse
from crisis.run_status import DONE
from crisis.standards import local_day, response_due, response_standard
from dispatch.decide import advice, dues, owed
from dispatch.decide.amendment import apply_amendment
from dispatch.decide.claims import require_settled_claims
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.endings import require_unsettled, withdraw_offers
from dispatch.decide.situation import warning
from dispatch.decide.telling import codes_changed
from dispatch.decide.waking import first_wake


def merge(d: Deciding, c: MergeIncident) -> dict[str, Any]:
    """Let an incident be part of another, which keeps the earliest clock of both."""
    incident, into = d.incident(c.incident_id), d.incident(c.into)
    _check_merge(incident, into)
    require_settled_claims(d, incident)
    contact = contact_due(d, incident)
    withdraw_offers(d, incident, "incident_merged")
    incident = d.incident(incident.id)
    both = settled(joined(into.situation, incident.situation), d.rules.codes)
    told = danger_of(both, d.rules.codes, into.danger)
    partners = told_anew(
        (p for p in incident.partners if p.is_open), incident.danger, told, incident.danger.version
    )
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
    if (into.state, incident.state) == (IncidentState.RECEIVED, IncidentState.SCREENING):
        d.emit(ScreeningStarted(incident_id=into.id))
    for no in slots:
        d.emit(SlotAdded(incident_id=into.id, slot=no, wake_at=first_wake(d, into)))
    rejoin(d, incident.calls, into.id)
    if into.owner is None and incident.owner is not None:
        d.emit(OwnerChanged(incident_id=into.id, owner=incident.owner, reason="merged"))
    absorbing = d.incident(into.id)
    # A new version even where all was known: its story, its people and its records are new.
    warnings = apply_amendment(d, absorbing, both, keeps_standard=True)
    dues.end_waiting(d, incident.id, "merged")
    warnings = [*advice.new_warnings(d, into, d.incident(into.id)), *warnings]
    _keep_contact(d, into.id, contact)
    for person in {incident.owner, incident.pending_owner} - {None, d.env.actor.user_id}:
        if person != absorbing.owner:
            d.notify(f"user:{person}", "merged", urgency="soon", incident=incident)
    after = d.incident(into.id)
    changed = changed_by(into, after)
    warnings += what_changed(d, into, after, changed)
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
        "changed": changed,
        "warnings": warnings,
    }


#: What isn't part of the situation and another one by a merge or a split, by the incident's fields.
_BESIDE = ("determined_at", "due_at", "owner", "calls", "subjects", "partners", "slots")


def changed_by(before: Incident, after: Incident) -> list[str]:
    """Return what is another on an incident, by name, and nothing of what is private."""
    beside = [name for name in _BESIDE if getattr(before, name) != getattr(after, name)]
    return [*codes_changed(before.situation, after.situation), *beside]


def what_changed(
    d: Deciding, before: Incident, after: Incident, changed: list[str]
) -> list[dict[str, Any]]:
    """Return what whoever merges or splits must see of the one that goes on."""
    grown = [code for code in after.danger.codes if code not in before.danger.codes]
    warnings = []
    if grown:
        names = [d.rules.codes.require("hazard", code).label for code in grown]
        sentence = f"New danger is known: {', '.join(names)}. Crews on it read it anew."
        warnings.append(warning("danger_grew", sentence, hazards=grown))
    if changed:
        sentence = f"Incident {after.number} changed by it: its timeline says what and how."
        warnings.append(warning("facts_joined", sentence, number=after.number, changed=changed))
    return warnings


def told_anew(
    partners: Iterable[PartnerResponse], by: Danger, now: Danger, told: int
) -> tuple[PartnerResponse, ...]:
    """Return partners who go over to another incident, with what they were told of its danger.

    ``by``: what they know is counted by this one's versions; who was told less than ``told``, or
    something else than is known ``now``, must be told anew.
    """
    is_same = msgspec.structs.replace(by, version=now.version) == now
    return tuple(
        msgspec.structs.replace(p, danger=now.version if is_same and p.danger >= told else 0)
        for p in partners
    )


def _stricter(d: Deciding, incident: Incident, into: Incident) -> datetime | None:
    """Return by when the absorbed one's person was to be reached: by the stricter standard."""
    return earliest(
        incident.due_at, _due_at(into, incident.determined_at), _due_there(d, incident, into)
    )


def _due_there(d: Deciding, incident: Incident, into: Incident) -> datetime | None:
    """Return when a team is due at the place that the survivor lacked and the other knows.

    ``None`` = it brings no place of another class.
    """
    place = joined(into.situation, incident.situation).place
    start = earliest(into.determined_at, incident.determined_at)
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
    # A team that is done there helps nobody who still waits.
    asked = sum(
        1
        for slot in into.slots
        if slot.dropped is None
        and ((run := into.slot_run(slot.no)) is None or run.state not in DONE)
    )
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


def contact_due(d: Deciding, incident: Incident) -> datetime | None:
    """Return when the waiting person is to hear of us next; ``None`` = nobody waits."""
    waiting = owed.open_of_kind(d, incident.id, ObligationKind.WAITING_CONTACT)
    return min((one.due_at for one in waiting), default=None)


def _keep_contact(d: Deciding, incident_id: IncidentId, promised: datetime | None) -> None:
    """Let the person hear of us no later than either was promised."""
    incident = d.incident(incident_id)
    own = contact_due(d, incident)
    if promised is not None and own is not None and promised < own:
        dues.end_waiting(d, incident_id, "merged")
    owed.next_waiting_contact(d, incident, by=promised)


def _check_merge(incident: Incident, into: Incident) -> None:
    if incident.id == into.id:
        raise Invalid("merge_with_itself", "An incident can't be merged into itself.")
    require_unsettled(incident)
    require_unsettled(into)
    if into.back_entered and not incident.back_entered:
        raise Conflict(
            "merge_into_paper",
            f"Incident {into.number} was entered after an outage, and nothing rings for it: merge "
            "it into the other one instead.",
            other_way_round=not into.open_runs and not _served_before(into, incident),
        )
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


def rejoin(d: Deciding, calls: tuple[CallId, ...], incident_id: IncidentId) -> None:
    """Let the calls that are still open belong to another incident."""
    for call_id in calls:
        if call_id in d.board.calls:
            d.emit(CallJoined(call_id=call_id, incident_id=incident_id))


def earliest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


HANDLERS: Mapping[type[Command], Handler] = {
    MergeIncident: merge,
}
