"""What a desk looks up: who else sits there, and the county's incidents, past ones included.

Numbers, states and instants, and how colleagues see each other; nothing of callers. Opening one of
the incidents is ``web.api.incidents``'s, with its purpose and its note. Must not know SQL.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct
from starlette.responses import Response

from crisis.errors import Invalid
from crisis.incident.state import IncidentState
from crisis.rights import Act, require
from dispatch.reports.figures import period
from dispatch.store.identity import Colleague
from dispatch.store.incidentlist import (
    LARGEST,
    ListedIncident,
    find_incidents,
    list_incidents,
)
from web.api.routes import Asked, Query, Rows
from web.api.wire import answer

#: Lines of a page at most, and where the question doesn't say.
MOST, USUAL = 200, 50


class Colleagues(Struct, frozen=True, kw_only=True):
    """Who may work the county's desk and is signed in, by name."""

    colleagues: list[Colleague]


class IncidentList(Struct, frozen=True, kw_only=True):
    """A page of incidents, newest number first; ``next_below`` ``None`` = it is the last page."""

    incidents: list[ListedIncident]
    next_below: int | None


class _Wanted(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Annotated[
        Annotated[str, Meta(min_length=1, max_length=20)] | None,
        Meta(description="its number, or that of its paper; then nothing else counts"),
    ] = None
    since: Annotated[date | None, Meta(description="first local day of receipt")] = None
    until: Annotated[date | None, Meta(description="last local day of receipt, included")] = None
    state: Annotated[IncidentState | None, Meta(description="only those in this state")] = None
    below: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST)] | None,
        Meta(description="only numbers below it: next_below of the page before"),
    ] = None
    most: Annotated[int, Meta(ge=1, le=MOST, description=f"lines of a page; at most {MOST}")] = (
        USUAL
    )


OPERATIONS = Rows("session")


@OPERATIONS.get("/desk/colleagues", answer=Colleagues, needs="view:desk")
async def list_colleagues(asked: Asked) -> Response:
    """Who may work the county's desk and is signed in."""
    require(asked.actor, Act.SEE_COLLEAGUES)
    people = await asked.node.accounts.at_desk(asked.county_id)
    return answer(Colleagues(colleagues=list(people)))


@OPERATIONS.get(
    "/incidents",
    tag="incidents",
    query=_Wanted,
    answer=IncidentList,
    refusals=frozenset({"invalid"}),
    needs="view:incidents",
)
async def list_all_incidents(asked: Asked) -> Response:
    """The county's incidents, open and past, newest first; nothing private."""
    require(asked.actor, Act.LIST_INCIDENTS)
    wanted = asked.told(_Wanted)
    database, county_id = asked.node.database, asked.county_id
    if wanted.number is not None:
        found = await find_incidents(database, county_id, wanted.number)
        return answer(IncidentList(incidents=found, next_below=None))
    since, until = _span(asked, wanted)
    rows = await list_incidents(
        database,
        county_id,
        since=since,
        until=until,
        states=None if wanted.state is None else [wanted.state],
        below=wanted.below,
        # One more than is shown tells whether there is another page.
        most=wanted.most + 1,
    )
    page = rows[: wanted.most]
    more = len(rows) > len(page)
    return answer(IncidentList(incidents=page, next_below=page[-1].number if more else None))


def _span(asked: Asked, wanted: _Wanted) -> tuple[datetime | None, datetime | None]:
    """Return the instants of the local days asked for; the end is exclusive."""
    if wanted.since is None and wanted.until is None:
        return None, None
    zone = asked.county.rules(asked.now).policy.tz()
    first = wanted.since or wanted.until
    last = wanted.until or wanted.since
    if first is None or last is None or last < first:
        raise Invalid("bad_period", "The last day lies before the first.")
    since, until = period(first, last, zone)
    return (None if wanted.since is None else since), (None if wanted.until is None else until)
