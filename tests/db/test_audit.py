"""The audit of reads: nothing is left out of the chain, and every change of it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crisis.clock import FakeClock, new_id
from crisis.errors import Invalid
from crisis.ids import UserId
from crisis.roles import Actor, Role
from dispatch.store.audit import list_reads, note_read, seal, verify
from dispatch.store.connecting import connect_as
from dispatch.store.pool import County, Database

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

ALPINE, KERN = 6003, 6029
READER = Actor(user_id=UserId(new_id()), roles=frozenset({Role.SUPERVISOR, Role.DISPATCHER}))


async def _read(
    database: Database, clock: FakeClock, county_id: int = KERN, what: str = "record_read"
) -> None:
    async with database.tx(County(county_id)) as con:
        await note_read(
            con, county_id, at=clock.now(), reader=READER, what=what, purpose="quality_review"
        )


async def _links(admin: Admin, county_id: int = KERN) -> list[list[int]]:
    rows = await admin.fetch(
        "SELECT audit_ids FROM audit_chain WHERE county_id = $1 ORDER BY link", county_id
    )
    return [row["audit_ids"] for row in rows]


@asynccontextmanager
async def _past_the_guards(admin: Admin) -> AsyncIterator[None]:
    """Do what only the owner of the whole database could."""
    await admin.execute("SET session_replication_role = 'replica'")
    yield
    await admin.execute("RESET session_replication_role")


async def test_reads_are_sealed_per_county_into_whole_chains(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    for county_id in (KERN, ALPINE, KERN):
        await _read(database, clock, county_id)
    assert await seal(database, clock.now()) == 3
    await _read(database, clock)
    assert await seal(database, clock.now()) == 1
    assert await seal(database, clock.now()) == 0
    assert await _links(admin) == [[1, 3], [4]]
    verdict = await verify(database, KERN)
    assert verdict.is_whole
    assert (verdict.links, verdict.rows) == (2, 3)
    assert (await verify(database, ALPINE)).rows == 1
    head = await admin.fetchval("SELECT hash FROM audit_chain WHERE county_id = 6029 AND link = 2")
    assert verdict.head == bytes(head).hex()


async def test_a_row_of_a_slow_transaction_is_sealed_when_it_appears(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    async with database.tx(County(KERN)) as slow:
        await note_read(slow, KERN, at=clock.now(), reader=READER, what="record_read")
        await _read(database, clock)
        assert await seal(database, clock.now()) == 1
        assert await _links(admin) == [[2]]
        assert (await verify(database, KERN)).is_whole
    assert await seal(database, clock.now()) == 1
    assert await _links(admin) == [[2], [1]]
    assert (await verify(database, KERN)).is_whole


async def test_a_read_that_was_rolled_back_leaves_no_hole(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    async with database.tx(County(KERN)) as con:
        await note_read(con, KERN, at=clock.now(), reader=READER, what="record_read")
        await con.execute("ROLLBACK; BEGIN")
    await _read(database, clock)
    await seal(database, clock.now())
    assert await _links(admin) == [[2]]
    assert (await verify(database, KERN)).is_whole


async def test_sealers_of_several_nodes_make_one_chain_without_forks(
    database: Database, admin: Admin, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.store.audit.MOST_ROWS", 5)

    async def write(times: int) -> None:
        for _ in range(times):
            await _read(database, clock)

    async def seal_often(times: int) -> int:
        return sum([await seal(database, clock.now()) for _ in range(times)])

    await asyncio.gather(write(30), write(30), seal_often(10), seal_often(10), seal_often(10))
    await seal(database, clock.now())
    covered = [audit_id for ids in await _links(admin) for audit_id in ids]
    assert sorted(covered) == list(range(1, 61))
    verdict = await verify(database, KERN)
    assert verdict.is_whole
    assert verdict.rows == 60


@pytest.mark.parametrize(
    ("tampering", "fault", "broken_at", "audit_id"),
    [
        ("UPDATE read_audit SET purpose = 'own' WHERE audit_id = 3", "hash_differs", 2, None),
        ("UPDATE read_audit SET at = at + '1 s' WHERE audit_id = 4", "hash_differs", 2, None),
        ("DELETE FROM read_audit WHERE audit_id = 2", "rows_missing", 1, 2),
        ("DELETE FROM audit_chain WHERE link = 2", "link_missing", 2, None),
        ("DELETE FROM audit_chain WHERE link = 3", "row_uncovered", None, 5),
        ("UPDATE audit_chain SET hash = '\\x00' WHERE link = 1", "hash_differs", 1, None),
        (
            "UPDATE audit_chain SET sealed_at = sealed_at - interval '1 day' WHERE link = 3",
            "hash_differs",
            3,
            None,
        ),
        (
            "INSERT INTO read_audit (county_id, at, what) VALUES (6029, now(), 'x')",
            "row_uncovered",
            None,
            7,
        ),
    ],
)
async def test_whatever_is_changed_in_the_audit_shows(
    database: Database,
    admin: Admin,
    clock: FakeClock,
    tampering: str,
    fault: str,
    broken_at: int | None,
    audit_id: int | None,
) -> None:
    for _ in range(3):
        await _read(database, clock)
        await _read(database, clock)
        await seal(database, clock.now())
    async with _past_the_guards(admin):
        await admin.execute(tampering)
    verdict = await verify(database, KERN)
    assert (verdict.fault, verdict.broken_at, verdict.audit_id) == (fault, broken_at, audit_id)
    assert not verdict.is_whole


async def test_a_chain_that_was_cut_and_sealed_anew_lacks_the_head_kept_elsewhere(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _read(database, clock)
    await _read(database, clock)
    await seal(database, clock.now())
    kept = (await verify(database, KERN)).head
    await _read(database, clock)
    await seal(database, clock.now())
    assert (await verify(database, KERN, expected_head=kept)).is_whole
    async with _past_the_guards(admin):
        await admin.execute(
            "DELETE FROM audit_chain; DELETE FROM read_audit WHERE audit_id = 1; "
            "INSERT INTO audit_pending SELECT county_id, audit_id FROM read_audit"
        )
    await seal(database, clock.now())
    assert (await verify(database, KERN)).is_whole
    assert (await verify(database, KERN, expected_head=kept)).fault == "head_differs"


async def test_nobody_but_the_owner_changes_the_audit(dsn: str) -> None:
    for role in ("crisis_app", "crisis_worker"):
        con = await connect_as(dsn, role, {"app.county": str(KERN)})
        for statement in (
            "UPDATE read_audit SET what = 'x'",
            "DELETE FROM read_audit",
            "UPDATE audit_chain SET hash = ''",
            "DELETE FROM audit_chain",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await con.execute(statement)
        await con.close()


@pytest.mark.parametrize("purpose", ["Jane Roe called", "", "x" * 65, "naïve"])
async def test_only_codes_stand_in_the_audit(
    database: Database, clock: FakeClock, purpose: str
) -> None:
    with pytest.raises(Invalid):
        async with database.tx(County(KERN)) as con:
            await note_read(
                con, KERN, at=clock.now(), reader=READER, what="record_read", purpose=purpose
            )


async def test_the_audit_tells_who_read_an_incident(database: Database, clock: FakeClock) -> None:
    incident_id = new_id()
    await _read(database, clock)
    async with database.tx(County(KERN)) as con:
        await note_read(
            con,
            KERN,
            at=clock.now(),
            reader=READER,
            what="record_read",
            incident_id=incident_id,
        )
    (read,) = await list_reads(database, KERN, incident_id)
    assert (read.actor_id, read.role, read.purpose) == (
        READER.user_id,
        "dispatcher,supervisor",
        None,
    )
    assert len(await list_reads(database, KERN)) == 2
    assert await list_reads(database, ALPINE) == []
