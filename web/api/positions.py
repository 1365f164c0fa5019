"""Where teams are: fixes from phones, and posts of tracking apps.

Decides who may say where a team is. What is believed and kept is ``dispatch.positions``' to decide,
what the apps' posts mean ``geo.trackers``'. The 204 follows the flush to disk.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from crisis.board import Board
from crisis.errors import Conflict, Invalid, NotAllowed, NotFound
from crisis.ids import TeamId
from crisis.roles import DESK, Actor, Role
from dispatch.positions import FixOutcome, tracked_since
from geo.fix import Fix, FixSource
from geo.point import Point
from geo.trackers import (
    TrackerError,
    TrackerPost,
    parse_osmand,
    parse_owntracks,
    parse_traccar_json,
)
from web.api.routes import Asked, Operation
from web.api.wire import JSON, answer, decode, header, read_body

#: Of one post; a phone that was long without signal sends several.
MOST_FIXES = 1_000

Metres = Annotated[float, Meta(ge=0, le=100_000)]


class FixIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One GPS sample.

    Attributes:
        fixed_at: the device's time.
        accuracy_m: radius of about 68 % confidence; null = not reported, as for all that follow.
        speed_mps: over ground.
        heading_deg: clockwise from true north.
        battery: 0..1.
        fix_id: the sender's own id of the sample.
    """

    point: Point
    fixed_at: Annotated[datetime, Meta(tz=True)]
    accuracy_m: Metres | None = None
    speed_mps: Annotated[float, Meta(ge=0, le=1_000)] | None = None
    heading_deg: Annotated[float, Meta(ge=0, le=360)] | None = None
    battery: Annotated[float, Meta(ge=0, le=1)] | None = None
    fix_id: Annotated[str, Meta(max_length=64)] | None = None


FixesIn = FixIn | Annotated[list[FixIn], Meta(max_length=MOST_FIXES)]
_decoder: msgspec.json.Decoder[FixIn | list[FixIn]] = msgspec.json.Decoder(FixesIn)
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


#: Phones post all the time: their usual answer is made once.
_KEPT = Response(status_code=204)


async def post_fixes(asked: Asked) -> Response:
    """Take one or many fixes of a team."""
    raw = await read_body(asked.scope, asked.receive)
    # Judged only now: a shift that ended while the body came is tracked no more.
    county, sender = asked.found_once(_sender)
    received_at, source = county.now(), sender.source
    given = decode(raw, _decoder)
    if isinstance(given, list):
        fixes = [_fix(one, source, received_at) for one in given]
    else:
        fixes = [_fix(given, source, received_at)]
    outcome = await asked.node.positions.submit(
        county.county_id, sender.team_id, fixes, received_at, since=sender.since
    )
    if outcome.rejected or outcome.off_shift or outcome.thinned:
        return answer(outcome)
    return _KEPT


class _Sender(NamedTuple):
    """Whose fixes somebody sends, from what, and from when on they are kept."""

    team_id: TeamId
    source: FixSource
    since: datetime | None


def _sender(asked: Asked) -> _Sender:
    team_id, board = TeamId(asked.id("team_id")), asked.county.board
    source = _source(board, asked.actor, team_id)
    return _Sender(team_id, source, tracked_since(board, team_id))


def _fix(given: FixIn, source: FixSource, received_at: datetime) -> Fix:
    if not _FIRST_YEAR <= given.fixed_at.year <= _LAST_YEAR:
        raise Invalid(
            "bad_body", "Expected a time of this century (at $.fixed_at).", path="$.fixed_at"
        )
    return Fix(
        point=given.point,
        fixed_at=given.fixed_at,
        received_at=received_at,
        source=source,
        accuracy_m=given.accuracy_m,
        speed_mps=given.speed_mps,
        heading_deg=given.heading_deg,
        battery=given.battery,
        fix_id=given.fix_id,
    )


def _source(board: Board, actor: Actor, team_id: TeamId) -> FixSource:
    """Return what the fix comes from, or refuse who can't speak for the team.

    Raises:
        NotFound: ``unknown_team``.
        NotAllowed: ``not_your_team``.
    """
    team = board.teams.get(team_id)
    if team is None:
        raise NotFound("unknown_team", "There is no such team in this county.")
    if actor.team_id == team_id:
        return FixSource.PHONE
    if actor.agency_id is None or actor.agency_id == team.agency_id:
        if actor.has(Role.INTEGRATION):
            return FixSource.TRACKER
        if actor.has(*DESK):
            return FixSource.DESK
    raise NotAllowed("not_your_team", "You can send positions only of the team that you are on.")


# Tracking apps

Reader = Callable[[Asked, bytes, datetime], TrackerPost]


def _osmand(asked: Asked, raw: bytes, received_at: datetime) -> TrackerPost:
    params = dict(asked.query)
    kind = header(asked.scope, b"content-type") or ""
    if raw and kind.startswith(JSON):
        # Traccar Client since version 9 posts JSON to the same address.
        return parse_traccar_json(raw, received_at)
    if raw:
        params.update(_form(raw))
    # The session says whose fix it is; the app's own id of the device is only looked at by it.
    return parse_osmand({"id": "-", **params}, received_at)


def _form(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("ascii"), max_num_fields=50)
    except ValueError:
        raise TrackerError("the form can't be read") from None


def _traccar(asked: Asked, raw: bytes, received_at: datetime) -> TrackerPost:
    return parse_traccar_json(raw, received_at)


def _owntracks(asked: Asked, raw: bytes, received_at: datetime) -> TrackerPost:
    return parse_owntracks(raw, received_at, device_id="-")


_READERS: dict[str, Reader] = {"osmand": _osmand, "traccar": _traccar, "owntracks": _owntracks}


async def post_tracker(asked: Asked) -> Response:
    """Take what a tracking app posts, for the path's team or else the sender's own."""
    actor, received_at = asked.actor, asked.now
    if asked.principal.purpose == "cookie":
        # Some apps send with GET, which a foreign page could make a browser do.
        raise NotAllowed("bearer_needed", "Tracking apps sign in with a token.")
    reader = _READERS.get(asked.path["app"])
    if reader is None:
        raise NotFound("unknown_path", "No such tracking app.", apps=sorted(_READERS))
    named = asked.path.get("team_id")
    team_id = actor.team_id if named is None else TeamId(asked.id("team_id"))
    if team_id is None:
        raise Conflict("no_team", "You are on no team now; nothing was kept.")
    if named is not None:
        _source(asked.county.board, actor, team_id)
    try:
        post = reader(asked, await asked.body(), received_at)
    except TrackerError as error:
        raise Invalid("bad_tracker_post", f"{error}."[:200]) from None
    if post.fixes:
        county = asked.county
        await asked.node.positions.submit(
            county.county_id,
            team_id,
            post.fixes[:MOST_FIXES],
            received_at,
            since=tracked_since(county.board, team_id),
        )
    # The apps send again whatever isn't answered with 200; OwnTracks reads a list of commands.
    return answer([])


def _tracker(method: str, path: str) -> Operation:
    return Operation(
        method=method,
        path=path,
        summary="A post of OsmAnd, Traccar Client or OwnTracks; app: osmand, traccar, owntracks.",
        tag="positions",
        run=post_tracker,
        body=None,
        answer=list[str],
        refusals=frozenset({"invalid", "not_found", "conflict"}),
        takes_any_query=True,
        needs="fixes",
    )


OPERATIONS: list[Operation] = [
    Operation(
        method="POST",
        path="/teams/{team_id}/fixes",
        summary="One fix or many of a team on shift; 204 once they are on disk.",
        description="200 with the outcome where not all of them were kept.",
        tag="positions",
        run=post_fixes,
        body=FixesIn,
        answer=FixOutcome,
        may_be_empty=True,
        refusals=frozenset({"invalid", "not_found"}),
        needs="fixes",
    ),
    *(
        _tracker(method, path)
        for path in ("/trackers/{app}", "/teams/{team_id}/trackers/{app}")
        for method in ("GET", "POST")
    ),
]
