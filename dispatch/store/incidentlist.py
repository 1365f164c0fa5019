"""Incidents of a county as a list, open and past: numbers, states and instants, nothing private.

Decides which of them a question means and how it is paged. Must not know who may ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from crisis.ids import CountyId, IncidentId
from crisis.incident.state import IncidentState
from crisis.shapes import Value
from crisis.triage import Acuity
from dispatch.store.pool import County, Database, Record
from dispatch.store.sql import load
from geo.zone import AreaClass

SQL = load("incidents")

#: PostgreSQL's bigint; a longer number is nobody's.
LARGEST = 2**63 - 1


class ListedIncident(Value, frozen=True, kw_only=True):
    """A line of the list.

    Attributes:
        paper_number: under which it was kept on paper; ``None`` = it was not.
        is_open: it is on the board.
        first_on_scene_at: the arrival that stopped the clock; ``None`` = none did.
    """

    incident_id: IncidentId
    number: int
    paper_number: str | None
    state: IncidentState
    is_open: bool
    acuity: Acuity | None
    area_class: AreaClass | None
    referral_source: str
    received_at: datetime
    determined_at: datetime | None
    due_at: datetime | None
    first_on_scene_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    reason: str | None
    back_entered: bool


async def list_incidents(
    database: Database,
    county_id: CountyId,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    states: Iterable[IncidentState] | None = None,
    below: int | None = None,
    most: int,
) -> list[ListedIncident]:
    """Return the newest ``most`` incidents received in ``[since, until)``, by number, newest first.

    Args:
        states: only these; ``None`` = all.
        below: only numbers below it: the last one of the page before.
    """
    wanted = None if states is None else [state.value for state in states]
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["list_incidents"], county_id, since, until, wanted, below, most)
    return [_listed(row) for row in rows]


async def find_incidents(
    database: Database, county_id: CountyId, name: str
) -> list[ListedIncident]:
    """Return what goes by a number as people say it: ``412``, ``#412``, or a paper's ``P17``."""
    name = name.strip().removeprefix("#")
    # People don't keep to capitals.
    papers = list({name, name.upper(), name.lower()})
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 20 else -1
    async with database.tx(County(county_id), mode="read") as con:
        rows = await con.fetch(SQL["find_incidents"], county_id, min(number, LARGEST), papers)
    return [_listed(row) for row in rows]


def _listed(row: Record) -> ListedIncident:
    return msgspec.convert(dict(row), ListedIncident)
