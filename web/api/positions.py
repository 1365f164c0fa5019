"""Where teams are: fixes from phones, and from whoever else speaks for a team.

Decides who may say where a team is. What is believed and kept is ``dispatch.run.positions``' to
decide; posts of tracking apps stand in ``web.api.trackers``. The 204 follows the flush to disk.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from crisis.board import Board
from crisis.errors import CrisisError, NotAllowed, NotFound
from crisis.ids import TeamId
from crisis.rights import Act, covers, may
from crisis.roles import Actor
from dispatch.run.positions import FixOutcome, tracked_since
from geo.fix import Fix, FixSource
from geo.point import Point
from geo.tracker_values import mended
from web.api.routes import Asked, Rows
from web.api.wire import answer, decode, read_body

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
_one: msgspec.json.Decoder[FixIn] = msgspec.json.Decoder(FixIn)
_parts: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


#: Phones post all the time: their usual answer is made once.
_KEPT = Response(status_code=204)


OPERATIONS = Rows("positions")


@OPERATIONS.post(
    "/teams/{team_id}/fixes",
    body=FixesIn,
    answer=FixOutcome,
    may_be_empty=True,
    refusals=frozenset({"invalid", "not_found"}),
    needs="fixes",
)
async def post_fixes(asked: Asked) -> Response:
    """One fix or many of a team on shift; 204 once they are on disk.

    200 with the outcome where not all of them were kept.
    """
    raw = await read_body(asked.scope, asked.receive)
    # Judged only now: a shift that ended while the body came is tracked no more.
    county, sender = asked.found_once(_sender)
    received_at, source = county.now(), sender.source
    fixes, unread = _read(raw, source, received_at)
    outcome = await asked.node.positions.submit(
        county.county_id, sender.team_id, fixes, received_at, since=sender.since
    )
    if outcome.rejected or outcome.off_shift or outcome.thinned or unread:
        return answer(msgspec.structs.replace(outcome, unread=unread))
    return _KEPT


class _Sender(NamedTuple):
    """Whose fixes somebody sends, from what, and from when on they are kept."""

    team_id: TeamId
    source: FixSource
    since: datetime | None


def _sender(asked: Asked) -> _Sender:
    team_id, board = TeamId(asked.id("team_id")), asked.county.board
    source = source_for(board, asked.actor, team_id)
    return _Sender(team_id, source, tracked_since(board, team_id))


def _read(raw: bytes, source: FixSource, received_at: datetime) -> tuple[list[Fix], int]:
    """Return the fixes of a post, and how many samples could not be read or were too many.

    One bad sample takes no good one along, and of too many the newest stay. Only a post without
    any good one is refused.

    Raises:
        BadRequest, Invalid: as ``decode`` says of the first that could not be read.
    """
    try:
        given = decode(raw, _decoder)
    except CrisisError as error:
        # A name that nobody knows is its program's fault, not a sample's.
        if error.code == "unknown_field" or not raw.lstrip().startswith(b"["):
            raise
        return _good_ones(raw, source, received_at)
    many = given if isinstance(given, list) else [given]
    return [_fix(one, source, received_at) for one in many], 0


def _good_ones(raw: bytes, source: FixSource, received_at: datetime) -> tuple[list[Fix], int]:
    fixes: list[Fix] = []
    refused: CrisisError | None = None
    parts: list[Any] = decode(raw, _parts)
    for part in parts:
        try:
            fixes.append(_fix(decode(bytes(part), _one), source, received_at))
        except CrisisError as error:
            refused = refused or error
    if not fixes and refused is not None:
        raise refused
    fixes.sort(key=lambda fix: fix.fixed_at)
    kept = fixes[-MOST_FIXES:]
    return kept, len(parts) - len(kept)


def _fix(given: FixIn, source: FixSource, received_at: datetime) -> Fix:
    return Fix(
        point=given.point,
        # A browser may count from another epoch; what can't be mended is judged as it came.
        fixed_at=mended(given.fixed_at, received_at) or given.fixed_at,
        received_at=received_at,
        source=source,
        accuracy_m=given.accuracy_m,
        speed_mps=given.speed_mps,
        heading_deg=given.heading_deg,
        battery=given.battery,
        fix_id=given.fix_id,
    )


def source_for(board: Board, actor: Actor, team_id: TeamId) -> FixSource:
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
    if covers(actor, team.agency_id):
        if actor.is_integration:
            return FixSource.TRACKER
        if may(actor, Act.SIT_AT_DESK):
            return FixSource.DESK
    raise NotAllowed("not_your_team", "You can send positions only of the team that you are on.")
