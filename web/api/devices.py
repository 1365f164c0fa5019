"""Phones of crews: where they are signed in, and how one that is lost is made to forget.

Whoever ends a session has its device erase what it keeps, the next time that it is heard. Must not
know how a device keeps it.
"""

from __future__ import annotations

from msgspec import Struct
from starlette.responses import Response

from crisis.errors import NotAllowed, NotFound
from crisis.ids import ResponderId, TeamId
from crisis.rights import Act, covers, require
from dispatch.store.identity import Device
from web.api.routes import Asked, Rows
from web.api.wire import answer


class TeamDevices(Struct, frozen=True, kw_only=True):
    """Where a team's crew is signed in."""

    devices: list[Device]


class Erased(Struct, frozen=True, kw_only=True):
    """How many sessions ended: each device forgets as soon as it hears of it."""

    sessions: int


OPERATIONS = Rows("session")


@OPERATIONS.get("/teams/{team_id}/devices", answer=TeamDevices, needs="view:devices")
async def list_devices(asked: Asked) -> Response:
    """Where a team's crew is signed in."""
    require(asked.actor, Act.SEE_DEVICES)
    team = asked.county.board.teams.get(TeamId(asked.id("team_id")))
    if team is None:
        raise NotFound("unknown_team", "There is no such team in this county.")
    if not covers(asked.actor, team.agency_id):
        raise NotAllowed("not_your_agency", "You can act only for your own agency.")
    crew = [member.responder_id for member in team.crew if _is_mine(asked, member.responder_id)]
    return answer(
        TeamDevices(devices=list(await asked.node.accounts.devices_of(asked.county_id, crew)))
    )


@OPERATIONS.post("/responders/{responder_id}/erase-devices", answer=Erased, needs="erase_devices")
async def erase_devices(asked: Asked) -> Response:
    """Sign somebody of the roster out everywhere; their devices erase what they keep."""
    require(asked.actor, Act.SEE_DEVICES)
    responder_id = ResponderId(asked.id("responder_id"))
    if not _is_mine(asked, responder_id):
        raise NotFound("unknown_responder", "There is no such person in this county's roster.")
    by = asked.principal.account_id
    ended = await asked.node.accounts.erase_devices(asked.county_id, responder_id, by=by)
    await asked.node.auth.forget_ended()
    return answer(Erased(sessions=ended))


def _is_mine(asked: Asked, responder_id: ResponderId) -> bool:
    """Whether they stand in the roster, and in the actor's agency where it is limited to one."""
    person = asked.county.board.responders.get(responder_id)
    return person is not None and covers(asked.actor, person.agency_id)
