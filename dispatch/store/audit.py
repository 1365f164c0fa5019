"""The audit of reads: who opened what private thing, chained so that changes show.

Decides how a row is noted and how rows become links of a county's chain:

    hash = sha256(hash of the link before || what the link covers, canonically written)

Links name the rows that they cover. Nothing here trusts the order of identity numbers: a row of a
slow transaction becomes visible after higher numbers, and is covered by a later link. Must not know
who may read what. Whoever can rewrite all of the database can also rewrite the chain: keep the
head's hash elsewhere (each is logged as "audit sealed") and compare. The event log is not chained.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec

from crisis.errors import Invalid
from crisis.roles import Actor
from crisis.shapes import Value
from dispatch.store.pool import Connection, County, Database, Record, Worker, retrying
from dispatch.store.sql import load

SQL = load("audit")
_NOTE = load("log")["write_read_audit"]
log = logging.getLogger(__name__)

#: Most rows that one link covers.
MOST_ROWS = 1_000
_LINKS_PER_PAGE = 200
_encoder = msgspec.json.Encoder()


async def note_read(
    con: Connection,
    county_id: int,
    *,
    at: datetime,
    reader: Actor,
    what: str,
    incident_id: UUID | None = None,
    record_id: UUID | None = None,
    purpose: str | None = None,
) -> None:
    """Note a read in the county's transaction ``con`` that also does it.

    Show what was read only after that transaction has committed.

    Args:
        what: code of the act, such as ``record_read``; nothing private.
        purpose: code of why; ``None`` = one's own work, which asks none.

    Raises:
        Invalid: ``bad_code``: only codes may stand here, for the audit isn't encrypted.
    """
    for code in (what, purpose):
        if code is not None and not (code.isascii() and code.isidentifier() and len(code) <= 64):
            raise Invalid("bad_code", "Give the purpose as one of the offered codes.")
    await con.execute(
        _NOTE,
        county_id,
        at,
        reader.user_id,
        ",".join(sorted(reader.roles)),
        what,
        incident_id,
        record_id,
        purpose,
    )


class Read(Value, frozen=True, kw_only=True):
    """A row of the audit; the order of the fields is what is hashed: only add at the end.

    Attributes:
        actor_id: ``None`` = the service itself.
        role: the reader's roles, separated by commas.
        purpose: ``None`` = one's own work.
    """

    county_id: int
    audit_id: int
    at: datetime
    actor_id: UUID | None
    role: str
    what: str
    incident_id: UUID | None
    record_id: UUID | None
    purpose: str | None


async def list_reads(
    database: Database, county_id: int, incident_id: UUID | None = None, *, most: int = 500
) -> list[Read]:
    """Return who read what of an incident, or with ``None`` of the county; newest first."""
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["list_reads"], county_id, incident_id, most)
    return [Read(**dict(row)) for row in rows]


def link_hash(
    before: bytes, county_id: int, link: int, sealed_at: datetime, rows: Sequence[Record]
) -> bytes:
    """Return a link's hash.

    Args:
        before: hash of the link before; empty = this is the first.
        link: its number, from 1.
        rows: what it covers, by ascending number.
    """
    covered = [[county_id, link, sealed_at], *(list(row.values()) for row in rows)]
    return sha256(before + _encoder.encode(covered)).digest()


async def seal(database: Database, machine_now: datetime) -> int:
    """Cover all rows that are visible and not covered yet; return how many there were.

    Any node may do it, at any time; each second by the ticker.
    """
    sealed = 0
    for row in await database.ask(Worker(), SQL["list_unsealed"]):
        county_id = row["county_id"]
        while True:
            rows = await retrying(partial(_seal_some, database, county_id, machine_now))
            sealed += rows
            if rows < MOST_ROWS:
                break
    return sealed


async def _seal_some(database: Database, county_id: int, sealed_at: datetime) -> int:
    async with database.tx(Worker()) as con:
        # In a statement of its own: the next one then sees what the holder before us committed.
        await con.execute(SQL["lock_chain"], county_id)
        taken = await con.fetch(SQL["take_unsealed"], county_id, MOST_ROWS)
        if not taken:
            return 0
        ids = sorted(row["audit_id"] for row in taken)
        last = await con.fetchrow(SQL["read_last_link"], county_id)
        link, before = (1, b"") if last is None else (last["link"] + 1, bytes(last["hash"]))
        rows = await con.fetch(SQL["read_audit_to_seal"], county_id, ids)
        covered = [row["audit_id"] for row in rows]
        if covered:
            hashed = link_hash(before, county_id, link, sealed_at, rows)
            await con.execute(SQL["add_link"], county_id, link, covered, sealed_at, hashed)
    if covered:
        log.info(
            "audit sealed",
            extra={
                "action": "audit_sealed",
                "county_id": county_id,
                "link": link,
                "rows": len(covered),
                "hash": hashed.hex(),
            },
        )
    return len(ids)


Fault = Literal["link_missing", "rows_missing", "hash_differs", "row_uncovered", "head_differs"]


class Verdict(Value, frozen=True, kw_only=True):
    """What a county's chain says of its audit.

    Attributes:
        links: how many were read and found whole.
        rows: how many rows these cover.
        head: hash of the last of them, hexadecimal; "" = none.
        broken_at: number of the first broken link; ``None`` = no link is broken.
        fault: what is wrong; ``None`` = nothing.
        audit_id: the first row that is missing, or that no link covers; ``None`` = no single one.
    """

    county_id: int
    links: int
    rows: int
    head: str
    broken_at: int | None = None
    fault: Fault | None = None
    audit_id: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed, removed or added past the queue."""
        return self.fault is None


async def verify(
    database: Database, county_id: int, *, expected_head: str | None = None
) -> Verdict:
    """Compute a county's chain anew and name the first break.

    Args:
        expected_head: hash of a link, hexadecimal, kept elsewhere; it must occur in the chain.
    """
    links = rows = 0
    before = b""
    seen_head = expected_head is None

    def verdict(
        fault: Fault | None = None, broken_at: int | None = None, audit_id: int | None = None
    ) -> Verdict:
        return Verdict(
            county_id=county_id,
            links=links,
            rows=rows,
            head=before.hex(),
            broken_at=broken_at,
            fault=fault,
            audit_id=audit_id,
        )

    async with database.tx(County(county_id), mode="snapshot") as con:
        while page := await con.fetch(SQL["read_links_after"], county_id, links, _LINKS_PER_PAGE):
            for link in page:
                number = links + 1
                if link["link"] != number:
                    return verdict("link_missing", number)
                covered = await con.fetch(SQL["read_audited"], county_id, link["audit_ids"])
                missing = set(link["audit_ids"]) - {row["audit_id"] for row in covered}
                if missing:
                    return verdict("rows_missing", number, min(missing))
                hashed = link_hash(before, county_id, number, link["sealed_at"], covered)
                if hashed != bytes(link["hash"]):
                    return verdict("hash_differs", number)
                before = hashed
                links, rows = number, rows + len(covered)
                seen_head = seen_head or hashed.hex() == expected_head
        uncovered = await con.fetchval(SQL["find_uncovered"], county_id)
    if uncovered is not None:
        return verdict("row_uncovered", None, uncovered)
    return verdict() if seen_head else verdict("head_differs")
