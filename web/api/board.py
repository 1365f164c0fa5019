"""The county as it stands: the board, its teams, and the rules in force.

Nothing private is here; what a view shows is the live feed's to say.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.responses import Response

from crisis.codes import CodeSet
from crisis.editions import Unverified, unverified
from crisis.ids import ResponderId
from crisis.policy import CountyPolicy
from crisis.responder import Responder
from crisis.rights import Act, RoleClass, covers, may, require
from crisis.roles import Actor
from crisis.team import Duty, Team
from dispatch.feed import view_of
from geo.fix import Fix
from web.api.routes import Asked, Query, Rows
from web.api.wire import JSON, answer


class _View(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    view: Annotated[
        RoleClass | None, Meta(description="default: the widest that the roles open")
    ] = None


class BoardSnapshot(Struct, frozen=True, kw_only=True):
    """The board as the live feed's snapshot. ``up``: things, each with its kind ``k``.

    Attributes:
        mark: what tells its last event from that of another history.
        age_s: for how long this node hasn't known it to be the newest, seconds.
    """

    t: str
    seq: int
    mark: int
    age_s: float
    up: list[dict[str, Any]]


class TeamNow(Struct, frozen=True, kw_only=True):
    """A team, and where it was last; ``fix`` ``None`` = not known, or not to be shown.

    ``mark``: of its standing facts, as ``seen`` asks for when they are recorded anew.
    """

    team: Team
    mark: str
    fix: Fix | None = None


class Teams(Struct, frozen=True, kw_only=True):
    """The county's teams by call sign, as of ``seq``."""

    seq: int
    teams: list[TeamNow]


class Responders(Struct, frozen=True, kw_only=True):
    """The roster's people with their qualifications, without their names.

    ``marks``: of each entry, as ``seen`` asks for when it is recorded anew.
    """

    responders: list[Responder]
    marks: dict[ResponderId, str]


class Codes(Struct, frozen=True, kw_only=True):
    """The code sets of a local day."""

    on: date
    version: str
    sets: dict[str, CodeSet]


class RulesNow(Struct, frozen=True, kw_only=True):
    """The rules of the county's day.

    Attributes:
        standards, zones, codes: their versions.
        unverified: what no published page states in so many words, facts first.
    """

    now: datetime
    on: date
    standards: str
    zones: str
    codes: str
    unverified: tuple[Unverified, ...]


class PolicyNow(Struct, frozen=True, kw_only=True):
    """What is in force in the county at ``now``."""

    now: datetime
    policy: CountyPolicy


OPERATIONS = Rows("board")


@OPERATIONS.get(
    "/board", answer=BoardSnapshot, query=_View, refusals=frozenset({"invalid"}), needs="view:board"
)
async def read_board(asked: Asked) -> Response:
    """What a view of the board shows now, as the live socket's snapshot."""
    wanted = asked.told(_View).view
    view = view_of(asked.actor, asked.county_id, wanted)
    payload = asked.node.feed.catch_up(view, None)
    # The snapshot is encoded once for all; how old it is is said by each reading of it.
    payload = b'%b,"age_s":%.1f}' % (payload[:-1], asked.county.age_s())
    return Response(payload, headers={"cache-control": "no-store"}, media_type=JSON)


@OPERATIONS.get("/teams", tag="roster", answer=Teams, needs="view:teams")
async def list_teams(asked: Asked) -> Response:
    """The county's teams, their duty and where they are."""
    actor, board = asked.actor, asked.county.board
    latest = asked.node.positions.latest(asked.county_id)
    rows = [
        TeamNow(
            team=team, mark=team.mark, fix=latest.get(team.id) if _sees_place(actor, team) else None
        )
        for team in board.teams.values()
        if _sees(actor, team)
    ]
    rows.sort(key=lambda row: row.team.call_sign)
    return answer(Teams(seq=board.seq, teams=rows))


def _sees(actor: Actor, team: Team) -> bool:
    if team.id == actor.team_id:
        return True
    return may(actor, Act.SEE_TEAMS) and covers(actor, team.agency_id)


def _sees_place(actor: Actor, team: Team) -> bool:
    if team.duty is Duty.OFF_SHIFT:
        return False
    return team.id == actor.team_id or may(actor, Act.SEE_PLACES)


@OPERATIONS.get("/responders", tag="roster", answer=Responders, needs="view:responders")
async def list_responders(asked: Asked) -> Response:
    """The people on the roster and what they are trained and licensed for."""
    actor = asked.actor
    require(actor, Act.SEE_ROSTER)
    people = asked.county.board.responders.values()
    mine = [one for one in people if covers(actor, one.agency_id)]
    return answer(Responders(responders=mine, marks={one.id: one.mark for one in mine}))


@OPERATIONS.get("/codes", answer=Codes, needs="view:codes")
async def list_codes(asked: Asked) -> Response:
    """The code sets of the county's day."""
    _ = asked.actor
    codes = asked.county.rules().codes
    return answer(
        Codes(
            on=codes.on,
            version=codes.catalogue.version,
            sets={name: codes[name] for name in codes},
        )
    )


@OPERATIONS.get("/policy", answer=PolicyNow, needs="view:policy")
async def read_policy(asked: Asked) -> Response:
    """The county's policy in force."""
    _ = asked.actor
    now = asked.now
    return answer(PolicyNow(now=now, policy=asked.county.rules(now).policy))


@OPERATIONS.get("/rules", answer=RulesNow, needs="view:policy")
async def read_rules(asked: Asked) -> Response:
    """Which standards, zones and code sets are in force; what of them is not verified."""
    _ = asked.actor
    now = asked.now
    rules = asked.county.rules(now)
    return answer(
        RulesNow(
            now=now,
            on=rules.codes.on,
            standards=rules.standards.version,
            zones=rules.areas.version,
            codes=rules.codes.catalogue.version,
            unverified=unverified(rules.standards, rules.codes),
        )
    )
