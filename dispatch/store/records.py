"""Private records: opened one at a time, on request, and never without a row in the audit.

Decides that a record's contents leave only after the row about it is on disk, and how an incident
is erased. Must not know whose incident it is: the caller says whether a purpose is needed. The
contents must go to nobody but the reader who is named.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from crisis.errors import Conflict, NotAllowed, NotFound
from crisis.ids import IncidentId, RecordId
from crisis.rights import Act, may
from crisis.roles import Actor
from crisis.shapes import Value
from crisis.standards import Standards, local_day, retention_until
from dispatch.store.audit import note_read
from dispatch.store.pool import County, Database, Record
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load

SQL = load("records")
_LOCK_COUNTY = load("counties")["lock_county"]


class RecordHead(Value, frozen=True, kw_only=True):
    """That a record exists; holds nothing private.

    Attributes:
        incident_id: whose data key seals it; ``None`` = the county's own key.
        created_by: ``None`` = the service itself.
    """

    id: RecordId
    version: int
    kind: str
    incident_id: IncidentId | None = None
    created_at: datetime
    created_by: UUID | None = None


class OpenRecord(Value, frozen=True, kw_only=True):
    """A record as its reader sees it.

    Attributes:
        fields: the contents; ``None`` = erased.
    """

    head: RecordHead
    fields: dict[str, Any] | None = None

    def __repr__(self) -> str:
        # It must not reach a log by way of a traceback or a debug message.
        return f"OpenRecord({self.head.id}, {self.head.kind})"


async def list_records(
    database: Database, county_id: int, incident_id: IncidentId
) -> list[RecordHead]:
    """Return what is kept about an incident, without contents, oldest first."""
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["list_incident_records"], county_id, incident_id)
    return [_head(row) for row in rows]


async def read_record(
    database: Database,
    keys: CountyKeys,
    record_id: RecordId,
    reader: Actor,
    *,
    purpose: str | None,
    needs_purpose: bool,
    now: datetime,
) -> OpenRecord:
    """Open the newest version of a record, and note who did.

    Args:
        keys: of the county; the stored key decides, so that what was erased elsewhere stays shut.
        purpose: code of why; ``None`` = not said.
        needs_purpose: False for one's own or assigned incident.
        now: domain time.

    Raises:
        NotFound: ``unknown_record``.
        NotAllowed: ``purpose_needed``.
        Invalid: ``bad_code``: the purpose isn't a code.
        Unavailable: ``wrong_key``.
        ConnectionLost: nothing is shown whose audit may be missing; ask again.
    """
    if needs_purpose and not purpose:
        raise NotAllowed("purpose_needed", "Say for which purpose you open this record.")
    county_id = keys.county_id
    async with database.tx(County(county_id)) as con:
        row = await con.fetchrow(SQL["read_newest_record"], county_id, record_id)
        if row is None:
            raise NotFound("unknown_record", "There is no such record in this county.")
        opened = OpenRecord(head=_head(row), fields=_open(row, keys))
        await note_read(
            con,
            county_id,
            at=now,
            reader=reader,
            what="record_read" if opened.fields is not None else "erased_record_read",
            incident_id=row["incident_id"],
            record_id=record_id,
            purpose=purpose or None,
        )
    return opened


async def erase_incident(
    database: Database,
    keys: CountyKeys,
    incident_id: IncidentId,
    eraser: Actor,
    *,
    purpose: str,
    now: datetime,
    standards: Standards,
    zone: ZoneInfo,
) -> bool:
    """Destroy an incident's data key: its records and sealed facts are gone, the log stays whole.

    There is no way back, except that backups and the server's dead rows hold the wrapped key until
    they are gone, too. Other nodes must be told to forget the open key.

    Returns:
        False if it had been erased before.

    Raises:
        NotAllowed: ``not_permitted``.
        NotFound: ``unknown_incident``.
        Conflict: ``incident_open``: somebody may still need it to find a person.
            ``retention_runs``: a closed record must be kept until then.
    """
    if not may(eraser, Act.ERASE):
        raise NotAllowed("not_permitted", "Only a supervisor or compliance may erase an incident.")
    county_id = keys.county_id
    async with database.tx(County(county_id)) as con:
        # Nobody can bring the incident back to the board meanwhile.
        await con.fetchrow(_LOCK_COUNTY, county_id)
        row = await con.fetchrow(SQL["lock_incident_key"], county_id, incident_id)
        if row is None:
            raise NotFound("unknown_incident", "There is no such incident in this county.")
        if row["is_open"]:
            raise Conflict("incident_open", "Close the incident before it is erased.")
        today = local_day(now, zone)
        first = retention_until(local_day(row["ended_at"], zone), today, standards)
        if today < first:
            raise Conflict(
                "retention_runs", f"It may be erased from {first} on.", erasable_from=str(first)
            )
        if not row["is_erased"]:
            await con.execute(SQL["destroy_incident_key"], county_id, incident_id, now)
            await note_read(
                con,
                county_id,
                at=now,
                reader=eraser,
                what="incident_erased",
                incident_id=incident_id,
                purpose=purpose,
            )
    keys.forget(incident_id)
    return not row["is_erased"]


def _head(row: Record) -> RecordHead:
    return RecordHead(
        id=row["record_id"],
        version=row["version"],
        kind=row["kind"],
        incident_id=row["incident_id"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def opened(row: Record, keys: CountyKeys) -> dict[str, Any]:
    """Return the contents of a record; none of one that was erased."""
    return _open(row, keys) or {}


def _open(row: Record, keys: CountyKeys) -> dict[str, Any] | None:
    incident_id = row["incident_id"]
    if incident_id is None:
        seal = keys.county
    elif row["wrapped"] is None:
        return None
    else:
        was_open = incident_id in keys
        keys.load(incident_id, bytes(row["wrapped"]))
        found = keys.get(incident_id)
        if found is None:
            raise AssertionError("a key that was just loaded is there")
        seal = found
        if not was_open:
            # Keys of incidents that left the board aren't held in memory.
            keys.forget(incident_id)
    place = f"records/{keys.county_id}/{row['record_id']}/{row['version']}"
    fields: dict[str, Any] = msgspec.json.decode(seal.open(bytes(row["sealed"]), place))
    return fields
