"""What tracking apps and devices post: positions, and calls for help.

Decides who may speak for a team, and that an app is never told to send again what it can't mend:
that is answered with 200, counted, and shown to the operator. A call for help rings before anything
else of its post is looked at. What the posts mean is ``geo.trackers``' to say, what is believed
``dispatch.run.positions``'.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from starlette.responses import Response

from crisis.board import Board
from crisis.commands import Envelope, RaiseDuress
from crisis.duress import Doubt
from crisis.errors import Conflict, NotAllowed, NotFound, NotSignedIn
from crisis.ids import CommandId, CountyId, TeamId, derived
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.team import Shift
from dispatch.run.positions import tracked_since
from dispatch.run.service import CountyRunner
from dispatch.run.tracking import Tracker
from geo.fix import Fix, FixReason
from geo.trackers import Alarm, TrackerPost, Trouble, read_post
from web.api.positions import MOST_FIXES, source_for
from web.api.routes import Asked, Rows
from web.api.wire import answer
from web.http.headers import headers_of
from web.http.problems import TooLarge

#: Any form is read at any of them; the name only tells apart what is set up on a device.
_APPS = frozenset({"osmand", "traccar", "owntracks", "overland"})
#: Some thousand fixes of the most talkative app, after a day without a network.
_MOST_BYTES = 8 * 1024 * 1024
#: Longer posts are read beside the loop.
_LONG_BYTES = 64 * 1024
#: Alarms without a time of their own are one within this.
_ONE_ALARM = timedelta(minutes=10)
#: An alarm that a device says again while it is open is told again no sooner than this.
_AGAIN = timedelta(minutes=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class TrackerAddress(Struct, frozen=True, kw_only=True):
    """Where a tracking app posts for the running shift, without a password.

    ``path``: below this server's address; a secret. ``ends_at``: when the shift should end.
    """

    path: str
    ends_at: datetime


class Received(Struct, frozen=True, kw_only=True):
    """What Overland waits for before it forgets what it sent."""

    result: Literal["ok"] = "ok"


class _Speaker(NamedTuple):
    """Who posts, as what, and for which team; ``hears_only``: only a call for help is taken."""

    county: CountyRunner
    actor: Actor
    tracker: Tracker
    doubts: tuple[Doubt, ...] = ()
    hears_only: bool = False


OPERATIONS = Rows("positions")
_POSTED: dict[str, Any] = {"answer": list[str] | Received, "takes_any_query": True}
_SIGNED: dict[str, Any] = {
    "refusals": frozenset({"invalid", "not_found", "conflict"}),
    "takes_ended": True,
    "needs": "fixes",
}
_SECRET: dict[str, Any] = {
    "refusals": frozenset({"invalid", "not_found"}),
    "is_public": True,
}


@OPERATIONS.get("/trackers/{app}", **_POSTED, **_SIGNED)
@OPERATIONS.post("/trackers/{app}", **_POSTED, **_SIGNED)
@OPERATIONS.get("/teams/{team_id}/trackers/{app}", **_POSTED, **_SIGNED)
@OPERATIONS.post("/teams/{team_id}/trackers/{app}", **_POSTED, **_SIGNED)
async def post_tracker(asked: Asked) -> Response:
    """A post of OsmAnd, Traccar Client or server, OwnTracks or Overland, in any of their forms.

    Answered with 200 whatever it holds, in the words after which the app forgets it: what can't be
    used is counted and shown to the operator. A call for help (alarm=sos) raises duress.
    """
    principal = asked.principal
    if principal.purpose == "cookie":
        # Some apps send with GET, which a foreign page could make a browser do.
        raise NotAllowed("bearer_needed", "Tracking apps sign in with a token.")
    if asked.path["app"] not in _APPS:
        raise NotFound("unknown_path", "No such tracking app.", apps=sorted(_APPS))
    actor = asked.actor
    named = asked.path.get("team_id")
    team_id = actor.team_id if named is None else TeamId(asked.id("team_id"))
    speaker = _Speaker(
        county=asked.county,
        actor=actor,
        tracker=Tracker(asked.county_id, principal.session_id, team_id),
        doubts=(Doubt.SESSION_ENDED,) if principal.is_ended else (),
        hears_only=principal.is_ended,
    )
    post = await _read(asked, asked.now)
    await _help(asked, speaker, post.alarms)
    if speaker.hears_only:
        raise NotSignedIn("session_expired", "The session has ended; sign in again.")
    if team_id is None:
        asked.node.trackers.note(speaker.tracker, ["no_team"])
        if actor.responder_id is not None:
            # Theirs goes on after their shift, and would send all of it again before the next.
            return _received(asked, post)
        raise Conflict("no_team", "You are on no team now; nothing was kept.")
    if named is not None:
        source_for(asked.county.board, actor, team_id)
    return await _take(asked, speaker, post)


@OPERATIONS.get("/track/{word}", **_POSTED, **_SECRET)
@OPERATIONS.post("/track/{word}", **_POSTED, **_SECRET)
async def post_by_address(asked: Asked) -> Response:
    """The same, to the secret address of a running shift, without a password."""
    found = asked.node.service.addresses.read(asked.path["word"])
    if found is None:
        raise NotFound("unknown_path", "Nothing is tracked at this address.")
    county = asked.node.service.county(found[0])
    shift = county.board.shifts.get(found[1]) or await _ended(county, found[1])
    if shift is None:
        raise NotFound("unknown_path", "Nothing is tracked at this address.")
    runs = shift.started_at is not None and shift.is_open
    team_id = shift.team_id if runs else None
    actor = Actor(roles=frozenset({Role.INTEGRATION}), team_id=shift.team_id)
    speaker = _Speaker(county, actor, Tracker(found[0], shift.id, shift.team_id))
    post = await _read(asked, county.now())
    await _help(asked, speaker, post.alarms)
    if team_id is None:
        # The app is still set up: it would send again for ever, and nobody is tracked off shift.
        asked.node.trackers.note(speaker.tracker, ["off_shift"])
        return _received(asked, post)
    return await _take(asked, speaker, post)


async def _read(asked: Asked, now: datetime) -> TrackerPost:
    """Read a post, a long one beside the loop; one that is too long counts as unreadable."""
    try:
        body = await asked.body(_MOST_BYTES)
    except TooLarge:
        return TrackerPost(troubles=(Trouble.UNREADABLE,))
    if len(body) <= _LONG_BYTES:
        return read_post(asked.query, body, now)
    return await asyncio.to_thread(read_post, asked.query, body, now)


def _received(asked: Asked, post: TrackerPost) -> Response:
    """Answer so that the app forgets what it sent.

    All send again whatever isn't answered with 200. OwnTracks reads a list of commands; Overland
    keeps everything until it reads that all is well.
    """
    agent = headers_of(asked.scope).get(b"user-agent", b"").lower()
    if post.wants_ok or asked.path.get("app") == "overland" or agent.startswith(b"overland"):
        return answer(Received())
    return answer([])


async def _ended(county: CountyRunner, shift_id: object) -> Shift | None:
    for _, thing in await county.log.closed([shift_id], county.keys):  # type: ignore[list-item]
        if isinstance(thing, Shift):
            return thing
    return None


async def _take(asked: Asked, speaker: _Speaker, post: TrackerPost) -> Response:
    """Keep the post's fixes and count what is wrong with it."""
    county, team_id = speaker.county, speaker.tracker.team_id
    said: Counter[str] = Counter(trouble.value for trouble in post.troubles)
    said["alarm"] += len(post.alarms)
    fixes = sorted(post.fixes, key=_when)
    if len(fixes) > MOST_FIXES:
        # Of too many the newest stay: they tell where the team is.
        said["too_many"] += len(fixes) - MOST_FIXES
        fixes = fixes[-MOST_FIXES:]
    try:
        if fixes and team_id is not None:
            outcome = await asked.node.positions.submit(
                county.county_id,
                team_id,
                fixes,
                county.now(),
                since=tracked_since(county.board, team_id),
            )
            said["fix"] += outcome.kept
            said["off_shift"] += outcome.off_shift
            for one in outcome.rejected:
                said.update(r.value for r in one.reasons if r is not FixReason.DUPLICATE)
    finally:
        asked.node.trackers.note(speaker.tracker, said)
    return _received(asked, post)


def _when(fix: Fix) -> datetime:
    return fix.seen_at or fix.fixed_at


async def _help(asked: Asked, speaker: _Speaker, alarms: tuple[Alarm, ...]) -> None:
    """Ring for a call for help: once for each, however often the app sends it."""
    county, tracker = speaker.county, speaker.tracker
    for at in dict.fromkeys(alarm.at for alarm in alarms):
        now = county.now()
        thing = f"help/{tracker.team_id}/" + (
            at.isoformat() if at is not None else f"about/{(now - _EPOCH) // _ONE_ALARM}"
        )
        known = _open_alarm(county.board, tracker.team_id)
        if known is not None:
            thing = f"help/{known}/{(now - _EPOCH) // _AGAIN}"
        command = RaiseDuress(team_id=tracker.team_id, cause="tracker", doubts=speaker.doubts)
        await asked.node.unwritten.take(
            Envelope(
                county_id=county.county_id,
                command_id=CommandId(derived(tracker.id, thing)),
                actor=speaker.actor,
                source=Source.TRACKER,
                occurred_at=at,
                command=command,
            )
        )


def _open_alarm(board: Board, team_id: TeamId | None) -> object | None:
    """Return the id of the team's open alarm that a tracker raised."""
    return next(
        (
            alarm.id
            for alarm in board.duress.values()
            if alarm.is_open and alarm.cause == "tracker" and alarm.team_id == team_id
        ),
        None,
    )


@OPERATIONS.get(
    "/teams/{team_id}/tracker",
    answer=TrackerAddress,
    refusals=frozenset({"not_found", "conflict"}),
    needs="fixes",
)
async def read_address(asked: Asked) -> Response:
    """Where a tracking app posts for the running shift; for its crew alone."""
    team_id, board = TeamId(asked.id("team_id")), asked.county.board
    team = board.teams.get(team_id)
    if team is None or asked.actor.team_id != team_id:
        raise NotAllowed("not_your_team", "Only its own crew sees how a team is tracked.")
    if team.shift_id is None or team.shift_ends_at is None:
        raise Conflict("off_shift", "The team is not on shift; nobody is tracked.")
    word = asked.node.service.addresses.of(CountyId(asked.county_id), team.shift_id)
    return answer(TrackerAddress(path=f"/api/v1/track/{word}", ends_at=team.shift_ends_at))
