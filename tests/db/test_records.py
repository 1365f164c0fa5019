"""Private records open for a named reader, never without a trace, and never after erasure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from crisis.clock import FakeClock, new_id
from crisis.errors import Conflict, CrisisError, Invalid, NotAllowed, NotFound, Unavailable
from crisis.ids import IncidentId, RecordId, UserId
from crisis.roles import Actor, Role
from crisis.standards import PACIFIC, packaged
from dispatch.store.audit import list_reads
from dispatch.store.pool import Database
from dispatch.store.records import erase_incident, list_records, read_record
from dispatch.store.sealing import CountyKeys

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

ALPINE, KERN = 6003, 6029
LONG_AGO = datetime(2010, 5, 3, tzinfo=UTC)
MASTER = bytes(range(32))
READER = Actor(user_id=UserId(new_id()), roles=frozenset({Role.DISPATCHER}))
SUPERVISOR = Actor(user_id=UserId(new_id()), roles=frozenset({Role.SUPERVISOR}))
CALLER = {"name": "Jane Roe", "callback": "555-0100"}


@pytest.fixture
def keys() -> CountyKeys:
    return CountyKeys(MASTER, KERN)


async def _incident(
    admin: Admin, keys: CountyKeys, *, is_open: bool = False, ended_at: datetime = LONG_AGO
) -> IncidentId:
    incident_id = IncidentId(new_id())
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) VALUES (6029, 'Kern', 'urban') "
        "ON CONFLICT DO NOTHING"
    )
    await admin.execute(
        "INSERT INTO incidents (county_id, incident_id, number, state, is_open, "
        "received_at, ended_at, referral_source, excluded_setting, back_entered, fold_version, "
        "body) "
        "VALUES (6029, $1, 1, 'closed', $2, $3, $3, 'line', false, false, 1, '{}')",
        incident_id,
        is_open,
        ended_at,
    )
    await admin.execute(
        "INSERT INTO incident_keys (county_id, incident_id, wrapped) VALUES (6029, $1, $2)",
        incident_id,
        keys.create(incident_id),
    )
    return incident_id


async def _record(
    admin: Admin,
    keys: CountyKeys,
    incident_id: IncidentId | None,
    fields: dict[str, Any],
    *,
    record_id: UUID | None = None,
    version: int = 1,
) -> RecordId:
    record_id = record_id or new_id()
    seal = keys.county if incident_id is None else keys.get(incident_id)
    assert seal is not None
    await admin.execute(
        "INSERT INTO records (county_id, record_id, version, incident_id, kind, created_at, sealed)"
        " VALUES (6029, $1, $2, $3, 'caller', now(), $4)",
        record_id,
        version,
        incident_id,
        seal.seal(msgspec.json.encode(fields), f"records/6029/{record_id}/{version}"),
    )
    return RecordId(record_id)


async def test_an_own_incidents_record_opens_without_a_purpose_and_is_noted(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    incident_id = await _incident(admin, keys)
    record_id = await _record(admin, keys, incident_id, CALLER)
    # Another process, which holds no open key.
    fresh = CountyKeys(MASTER, KERN)
    opened = await read_record(
        database, fresh, record_id, READER, purpose=None, needs_purpose=False, now=clock.now()
    )
    assert opened.fields == CALLER
    assert "Roe" not in repr(opened)
    assert incident_id not in fresh
    (read,) = await list_reads(database, KERN, incident_id)
    assert (read.what, read.record_id, read.actor_id, read.at, read.purpose) == (
        "record_read",
        record_id,
        READER.user_id,
        clock.now(),
        None,
    )


async def _erase(
    database: Database, keys: CountyKeys, incident_id: IncidentId, eraser: Actor, now: datetime
) -> bool:
    return await erase_incident(
        database,
        keys,
        incident_id,
        eraser,
        purpose="persons_request",
        now=now,
        standards=packaged(),
        zone=PACIFIC,
    )


async def test_a_closed_incident_is_kept_as_long_as_the_standards_say(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    # The evening before in California.
    ended_at = datetime(2026, 5, 4, 5, 0, tzinfo=UTC)
    incident_id = await _incident(admin, keys, ended_at=ended_at)
    last = datetime(2036, 5, 3, 6, 59, tzinfo=UTC)
    with pytest.raises(Conflict) as refusal:
        await _erase(database, keys, incident_id, SUPERVISOR, last)
    assert refusal.value.code == "retention_runs"
    assert refusal.value.facts == {"erasable_from": "2036-05-03"}
    assert await _erase(database, keys, incident_id, SUPERVISOR, last + timedelta(minutes=1))


async def test_others_must_say_why(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    record_id = await _record(admin, keys, None, CALLER)

    async def read(purpose: str | None) -> None:
        await read_record(
            database, keys, record_id, READER, purpose=purpose, needs_purpose=True, now=clock.now()
        )

    refusals: list[type[CrisisError]] = [NotAllowed, NotAllowed, Invalid]
    for purpose, refusal in zip((None, "", "to call Jane Roe back"), refusals, strict=True):
        with pytest.raises(refusal):
            await read(purpose)
    assert await list_reads(database, KERN) == []
    await read("emergency_disclosure")
    (noted,) = await list_reads(database, KERN)
    assert noted.purpose == "emergency_disclosure"


async def test_nothing_is_shown_where_the_audit_can_not_be_written(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    record_id = await _record(admin, keys, None, CALLER)
    await admin.execute(
        "ALTER TABLE read_audit ADD CONSTRAINT disk_is_full CHECK (what = '') NOT VALID"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await read_record(
            database, keys, record_id, READER, purpose=None, needs_purpose=False, now=clock.now()
        )


async def test_the_newest_version_opens(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    incident_id = await _incident(admin, keys)
    record_id = await _record(admin, keys, incident_id, CALLER)
    await _record(admin, keys, incident_id, {"name": "J. Roe"}, record_id=record_id, version=2)
    other = await _record(admin, keys, incident_id, CALLER)
    opened = await read_record(
        database, keys, record_id, READER, purpose=None, needs_purpose=False, now=clock.now()
    )
    assert opened.fields == {"name": "J. Roe"}
    heads = await list_records(database, KERN, incident_id)
    assert {(head.id, head.version, head.kind) for head in heads} == {
        (record_id, 2, "caller"),
        (other, 1, "caller"),
    }


async def test_another_county_finds_nothing(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    record_id = await _record(admin, keys, None, CALLER)
    with pytest.raises(NotFound):
        await read_record(
            database,
            CountyKeys(MASTER, ALPINE),
            record_id,
            READER,
            purpose=None,
            needs_purpose=False,
            now=clock.now(),
        )


async def test_a_record_copied_to_another_place_does_not_open(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    record_id = await _record(admin, keys, None, CALLER)
    moved = RecordId(new_id())
    await admin.execute("UPDATE records SET record_id = $2 WHERE record_id = $1", record_id, moved)
    with pytest.raises(Unavailable):
        await read_record(
            database, keys, moved, READER, purpose=None, needs_purpose=False, now=clock.now()
        )
    assert await list_reads(database, KERN) == []


async def test_an_erased_incident_stays_shut_also_where_its_key_is_still_open(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    incident_id = await _incident(admin, keys)
    record_id = await _record(admin, keys, incident_id, CALLER)
    elsewhere = CountyKeys(MASTER, KERN)
    wrapped = await admin.fetchval("SELECT wrapped FROM incident_keys")
    elsewhere.load(incident_id, bytes(wrapped))

    assert await _erase(database, keys, incident_id, SUPERVISOR, clock.now())
    assert incident_id not in keys
    assert tuple(await admin.fetchrow("SELECT wrapped, erased_at FROM incident_keys") or ()) == (
        None,
        clock.now(),
    )
    opened = await read_record(
        database, elsewhere, record_id, READER, purpose=None, needs_purpose=False, now=clock.now()
    )
    assert opened.fields is None
    assert len(await list_records(database, KERN, incident_id)) == 1
    assert [(read.what, read.purpose) for read in await list_reads(database, KERN)] == [
        ("erased_record_read", None),
        ("incident_erased", "persons_request"),
    ]
    assert not await _erase(database, keys, incident_id, SUPERVISOR, clock.now())
    assert len(await list_reads(database, KERN)) == 2


async def test_erasing_is_refused_to_others_while_open_and_where_nothing_is(
    database: Database, admin: Admin, clock: FakeClock, keys: CountyKeys
) -> None:
    incident_id = await _incident(admin, keys, is_open=True)

    async def erase(which: IncidentId, eraser: Actor) -> None:
        await _erase(database, keys, which, eraser, clock.now())

    with pytest.raises(NotAllowed):
        await erase(incident_id, READER)
    with pytest.raises(Conflict):
        await erase(incident_id, SUPERVISOR)
    with pytest.raises(NotFound):
        await erase(IncidentId(new_id()), SUPERVISOR)
    assert await admin.fetchval("SELECT wrapped IS NOT NULL FROM incident_keys")
    assert incident_id in keys
