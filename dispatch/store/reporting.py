"""Reading what reports are made of, on their own connections: a replica's, if there is one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.beside import BESIDE, Work
from dispatch.reports.figures import Response
from dispatch.store.pool import Database, Report
from dispatch.store.sql import load

SQL = load("reporting")


async def read_responses(
    database: Database, county_id: int, since: datetime, until: datetime
) -> list[Response]:
    """Return the responses determined or arrived in ``[since, until)``, by number."""
    async with database.tx(Report(county_id), mode="snapshot") as con:
        rows = await con.fetch(SQL["read_responses"], county_id, since, until)

    def read(work: Work) -> list[Response]:
        found = []
        for number, row in enumerate(rows):
            work.at(number, len(rows))
            found.append(msgspec.convert(dict(row), Response))
        return found

    # Ten years of a large county are many.
    return await BESIDE.run(read)
