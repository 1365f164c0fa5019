"""How people of the roster are called: their names and their employers' codes, out of records.

Decides that they are opened together, for those who staff, with one row in the audit. They must go
to nobody but the reader who is named: no frame, log, mail or file holds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from crisis.ids import RecordId, ResponderId
from crisis.responder import Responder
from crisis.roles import Actor
from dispatch.beside import BESIDE, Work
from dispatch.store.audit import note_read
from dispatch.store.pool import County, Database
from dispatch.store.records import opened
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load

SQL = load("records")


class Called(NamedTuple):
    """How a person is called; ``None`` = it isn't known."""

    name: str | None = None
    code: str | None = None


async def read_names(
    database: Database,
    keys: CountyKeys,
    people: Iterable[Responder],
    reader: Actor,
    *,
    now: datetime,
    with_names: bool = False,
) -> dict[ResponderId, Called]:
    """Open the names and codes of some people, and note who did.

    Args:
        now: domain time.
        with_names: names too, not the codes alone.

    Raises:
        Unavailable: ``wrong_key``; or the database is gone, and nothing is shown.
    """
    some = list(people)
    wanted = [(one.code_record, one.name_record if with_names else None) for one in some]
    ids = [record_id for pair in wanted for record_id in pair if record_id is not None]
    if not ids:
        return {}
    what = "roster_names_read" if with_names else "roster_codes_read"
    async with database.tx(County(keys.county_id)) as con:
        rows = await con.fetch(SQL["read_newest_records"], keys.county_id, ids)
        await note_read(con, keys.county_id, at=now, reader=reader, what=what)

    def open_all(work: Work) -> dict[ResponderId, Called]:
        found: dict[RecordId, dict[str, str]] = {}
        for number, row in enumerate(rows):
            work.at(number, len(rows))
            found[row["record_id"]] = opened(row, keys)
        return {
            one.id: Called(
                found.get(name, {}).get("name") if name else None,
                found.get(code, {}).get("code") if code else None,
            )
            for one, (code, name) in zip(some, wanted, strict=True)
        }

    return await BESIDE.run(open_all)
