"""Reports over HTTP: figures with the responses behind them, as JSON or CSV.

Decides who may see a county's figures, which period is meant and in which form it is answered. The
figures themselves are ``dispatch.reports.figures``'s.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from crisis.editions import unverified
from crisis.rights import Act, require
from crisis.standards import local_day
from dispatch.beside import BESIDE, Work
from dispatch.reports.figures import ResponseTimes, period, response_times
from dispatch.reports.periods import days_of
from dispatch.reports.text import as_csv, as_json, responses_as_csv
from dispatch.store.reporting import read_responses
from web.api.routes import Asked, Query, Rows
from web.api.wire import JSON, header

CSV = "text/csv"
#: Who sees a county's figures; people who end at an agency don't see the others'.


class _Period(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``since``, ``until``: local days, both included; for what is absent see ``days_of``."""

    since: Annotated[
        date | None,
        Meta(
            description="first local day; default: of the month two before until's, or of the last "
            "three full months"
        ),
    ] = None
    until: Annotated[
        date | None,
        Meta(
            description="last local day, included; default: today where since is given, else of "
            "the last full month"
        ),
    ] = None


class _Asked(_Period, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rows: Annotated[
        Literal["figures", "responses"],
        Meta(description="in CSV: figures (default), or the responses behind them"),
    ] = "figures"


OPERATIONS = Rows("reports", refusals=frozenset({"invalid"}), needs="view:reports")
_PATH = "/reports/response-times"
_SUMMARY = "Response times against the standard, by month and area class, over both denominators."


async def report_of(asked: Asked) -> tuple[ResponseTimes, _Asked]:
    """Return the report that a request asks for.

    Raises:
        NotAllowed: ``role``: the figures of a whole county are not for everybody.
        Invalid: ``bad_query`` or ``bad_period``.
    """
    require(asked.actor, Act.READ_REPORTS)
    query = asked.told(_Asked)
    now = asked.now
    rules = asked.county.rules(now)
    zone = rules.policy.tz()
    first, last = days_of(query.since, query.until, local_day(now, zone))
    since, until = period(first, last, zone)
    responses = await read_responses(asked.node.database, asked.county_id, since, until)
    names = [one.name for one in unverified(rules.standards, rules.codes)]

    def made(work: Work) -> ResponseTimes:
        return response_times(
            asked.county_id,
            responses,
            since=since,
            until=until,
            as_of=now,
            zone=zone,
            unverified=names,
            between=lambda: work.at(work.done + 1),
        )

    return await BESIDE.run(made), query


@OPERATIONS.get(
    f"{_PATH}.json",
    name="get_response_times_json",
    summary=_SUMMARY,
    query=_Period,
    answer=ResponseTimes,
)
async def response_times_json(asked: Asked) -> Response:
    """Answer as JSON."""
    report, _ = await report_of(asked)
    return _response(await BESIDE.run(lambda work: as_json(report)), JSON)


@OPERATIONS.get(
    f"{_PATH}.csv",
    name="get_response_times_csv",
    summary=_SUMMARY,
    query=_Asked,
    answer=str,
    media=CSV,
)
async def response_times_csv(asked: Asked) -> Response:
    """Answer as CSV: the figures, or with ``rows=responses`` the responses behind them."""
    report, query = await report_of(asked)
    written = responses_as_csv if query.rows == "responses" else as_csv
    text = await BESIDE.run(lambda work: written(report))
    response = _response(text.encode(), CSV)
    response.headers["content-disposition"] = 'attachment; filename="response-times.csv"'
    return response


@OPERATIONS.get(
    _PATH, name="get_response_times", summary=_SUMMARY, query=_Asked, answer=ResponseTimes
)
async def response_times_as_accepted(asked: Asked) -> Response:
    """Answer in the form that the request accepts; JSON where it says nothing."""
    if wants_csv(header(asked.scope, b"accept") or ""):
        return await response_times_csv(asked)
    return await response_times_json(asked)


def wants_csv(accept: str) -> bool:
    """Whether an ``Accept`` header prefers CSV to JSON."""
    return _quality(accept, CSV) > _quality(accept, JSON)


def _quality(accept: str, media: str) -> float:
    """Return the q-value that a header gives a media type; 0 = it doesn't name it."""
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name != media:
            continue
        given = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            return float(given)
        except ValueError:
            return 0.0
    return 0.0


def _response(content: bytes, media: str) -> Response:
    return Response(content, headers={"cache-control": "no-store"}, media_type=media)
