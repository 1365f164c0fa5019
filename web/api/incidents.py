"""Opening an incident: its whole state, its timeline, its private records, and who could go.

Each of the first three holds what is private, so each reading is noted before it is answered. Must
not know who may read: ``crisis.disclosure`` decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from msgspec import Meta, Struct
from starlette.responses import Response

from crisis.call import Call
from crisis.changes import FactChange, changes_of
from crisis.disclosure import PURPOSES, require_access, require_call_access
from crisis.errors import NotAllowed, NotFound
from crisis.events import Event
from crisis.ids import IncidentId, RecordId, SlotNo, UserId
from crisis.incident.state import Incident, Phase
from crisis.reach import is_within
from crisis.rights import Act, require
from crisis.roles import Actor
from dispatch.choose import Recommendation
from dispatch.store.audit import note_read
from dispatch.store.pool import County
from dispatch.store.records import OpenRecord, list_records, read_record
from web.api.routes import Asked, Query, Rows
from web.api.wire import answer

#: Accounts by id, as colleagues see them; those that are gone are left out.
Labels = dict[UserId, str]


class OpenedIncident(Struct, frozen=True, kw_only=True):
    """An incident with its private part: the exact point and the clinical facts.

    ``phase``: what it is waiting for. ``absorbed``: what was merged into it, and into that.
    ``is_clear``: that no hazard is known may be said, as in the frames of its danger.
    """

    phase: Phase
    is_clear: bool
    incident: Incident
    absorbed: list[Incident]
    labels: Labels


class Timeline(Struct, frozen=True, kw_only=True):
    """Everything that happened to an incident, oldest recorded first.

    ``changes``: what an event changed of what is known, by its seq.
    """

    events: list[Event]
    changes: dict[int, tuple[FactChange, ...]]
    labels: Labels


class OpenedRecords(Struct, frozen=True, kw_only=True):
    """Private records, opened; oldest first, of what was merged into an incident before its own."""

    records: list[OpenRecord]
    labels: Labels


class _Purpose(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    purpose: Annotated[
        Annotated[str, Meta(max_length=64, extra_json_schema={"enum": sorted(PURPOSES)})] | None,
        Meta(description="why it is opened; asked for where it is not one's own"),
    ] = None


class _Slot(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    slot: Annotated[
        Annotated[int, Meta(ge=1, le=99)] | None,
        Meta(description="default: the first that needs a team"),
    ] = None


class _Reading(NamedTuple):
    """A reading that was allowed: who reads, when, and why (``None`` = it is their own)."""

    actor: Actor
    at: datetime
    purpose: str | None


async def _opened(asked: Asked) -> tuple[Incident, _Reading]:
    """Return the incident, once it is decided that it may be opened."""
    actor = asked.actor
    incident_id = IncidentId(asked.id("incident_id"))
    purpose = asked.told(_Purpose).purpose
    county = asked.county
    incident = await county.incident(incident_id)
    part_of = []
    into = incident.merged_into
    while into is not None:
        part_of.append(await county.incident(into))
        into = part_of[-1].merged_into
    require_access(actor, incident, county.board, purpose, part_of)
    return incident, _Reading(actor, asked.now, purpose)


async def _absorbed(asked: Asked, incident: Incident) -> list[Incident]:
    """Return everything that was merged into the incident, however far back."""
    found: list[Incident] = []
    for one in incident.absorbed:
        other = await asked.county.incident(one)
        found += [*await _absorbed(asked, other), other]
    return found


async def _note(asked: Asked, reading: _Reading, what: str, incident_id: IncidentId) -> None:
    """Put the reading into the audit; what isn't noted is not answered."""
    async with asked.node.database.tx(County(asked.county_id)) as con:
        await note_read(
            con,
            asked.county_id,
            at=reading.at,
            reader=reading.actor,
            what=what,
            incident_id=incident_id,
            purpose=reading.purpose,
        )


OPERATIONS = Rows("incidents")
_READS = frozenset({"invalid", "not_found"})


@OPERATIONS.get(
    "/incidents/{incident_id}",
    query=_Purpose,
    answer=OpenedIncident,
    refusals=_READS,
    needs="view:incident",
)
async def read_incident(asked: Asked) -> Response:
    """The whole incident, with its exact place and clinical facts. Noted."""
    incident, reading = await _opened(asked)
    absorbed = await _absorbed(asked, incident)
    for one in (incident, *absorbed):
        await _note(asked, reading, "incident_read", one.id)
    people = {
        who
        for one in (incident, *absorbed)
        for who in (one.owner, one.pending_owner, one.in_hand_by)
    }
    return answer(
        OpenedIncident(
            phase=incident.phase,
            is_clear=incident.danger.is_clear,
            incident=incident,
            absorbed=absorbed,
            labels=await _labels(asked, people),
        )
    )


@OPERATIONS.get(
    "/incidents/{incident_id}/timeline",
    query=_Purpose,
    answer=Timeline,
    refusals=_READS,
    needs="view:incident",
)
async def read_timeline(asked: Asked) -> Response:
    """Everything that happened to the incident. Noted."""
    incident, reading = await _opened(asked)
    await _note(asked, reading, "timeline_read", incident.id)
    events = await asked.county.timeline(incident.id)
    labels = await _labels(asked, {event.actor for event in events})
    return answer(Timeline(events=events, changes=changes_of(events), labels=labels))


@OPERATIONS.get(
    "/incidents/{incident_id}/records",
    query=_Purpose,
    answer=OpenedRecords,
    refusals=_READS,
    needs="view:records",
)
async def read_incident_records(asked: Asked) -> Response:
    """Names, numbers, addresses, narrative and notes. Each is noted."""
    incident, reading = await _opened(asked)
    heads = [
        head
        for one in (*await _absorbed(asked, incident), incident)
        for head in await list_records(asked.node.database, asked.county_id, one.id)
    ]
    calls = [await _call(asked, call_id) for call_id in incident.calls]
    callers = [call.caller_record for call in calls if call.caller_record is not None]
    return await _records(asked, reading, [*(head.id for head in heads), *callers])


@OPERATIONS.get(
    "/calls/{call_id}/records",
    tag="calls",
    query=_Purpose,
    answer=OpenedRecords,
    refusals=_READS,
    needs="view:records",
)
async def read_call_records(asked: Asked) -> Response:
    """Who called and how to reach them. Noted."""
    actor: Actor = asked.actor
    purpose = asked.told(_Purpose).purpose
    call = await _call(asked, asked.id("call_id"))
    require_call_access(actor, call, purpose)
    known = [] if call.caller_record is None else [call.caller_record]
    return await _records(asked, _Reading(actor, asked.now, purpose), known)


async def _call(asked: Asked, call_id: UUID) -> Call:
    county = asked.county
    held = county.board.calls.get(call_id)  # type: ignore[call-overload]
    if isinstance(held, Call):
        return held
    for _, thing in await county.log.closed([call_id], county.keys):
        if isinstance(thing, Call):
            return thing
    raise NotFound("unknown_call", "There is no such call in this county.")


async def _records(asked: Asked, reading: _Reading, ids: list[RecordId]) -> Response:
    records = [
        await read_record(
            asked.node.database,
            asked.county.keys,
            record_id,
            reading.actor,
            purpose=reading.purpose,
            # Whether one was needed has been decided.
            needs_purpose=False,
            now=reading.at,
        )
        for record_id in ids
    ]
    people = {record.head.created_by for record in records} - {None}
    labels = await _labels(asked, [UserId(person) for person in people if person is not None])
    return answer(OpenedRecords(records=records, labels=labels))


async def _labels(asked: Asked, people: Iterable[UserId | None]) -> Labels:
    known = {person for person in people if person is not None}
    return await asked.node.accounts.labels(known) if known else {}


@OPERATIONS.get(
    "/incidents/{incident_id}/recommendations",
    tag="offers",
    query=_Slot,
    answer=Recommendation,
    refusals=_READS | {"conflict"},
    needs="view:recommendations",
)
async def recommend(asked: Asked) -> Response:
    """Teams ranked for a slot, with reasons, exclusions and shortfalls."""
    actor = asked.actor
    require(actor, Act.RANK)
    slot, incident_id = asked.told(_Slot).slot, IncidentId(asked.id("incident_id"))
    board = asked.county.board
    incident = board.incidents.get(incident_id)
    if incident is not None and not is_within(board, actor, Act.RANK, incident):
        raise NotAllowed("not_your_agency", "Your agency has no part in this incident.")
    ranking = await asked.node.service.recommend(
        asked.county_id, incident_id, None if slot is None else SlotNo(slot)
    )
    if actor.agency_id is not None:
        own = (team.id for team in board.teams.values() if team.agency_id == actor.agency_id)
        ranking = ranking.among(frozenset(own))
    return answer(ranking)


#: Who may see how teams rank.
