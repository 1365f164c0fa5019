"""Reading what reports are made of, on their own connections: a replica's, if there is one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.reports import Response
from dispatch.store.pool import Database, Report
from dispatch.store.sql import load

SQL = load("reporting")


async def read_responses(
    database: Database, county_id: int, since: datetime, until: datetime
) -> list[Response]:
    """Return the responses determined or arrived in ``[since, until)``, by number."""
    async with database.tx(Report(county_id), mode="snapshot") as con:
        rows = await con.fetch(SQL["read_responses"], county_id, since, until)
    return [msgspec.convert(dict(row), Response) for row in rows]
