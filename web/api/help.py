"""A call for help over the wire: taken from whoever is known, in whatever state they are.

Decides which county hears it and what its sender acts as, where the usual answer would be a
refusal: the session is over, no role is left, the county named is none. Must not know what becomes
of the alarm.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from crisis.commands import RaiseDuress
from crisis.duress import Doubt
from crisis.errors import CrisisError, Invalid
from crisis.ids import CountyId
from crisis.roles import Actor
from web.api.intake import envelope
from web.api.routes import Asked
from web.api.wire import answer, header
from web.http.auth import actor_for, require_scope


async def hear(asked: Asked) -> Response:
    """Raise an alarm: what its sender lacks is noted as a doubt and keeps nothing away."""
    operation = asked.operation
    if operation.command is None or operation.command.command is not RaiseDuress:
        raise AssertionError(f"{operation.path} is no call for help")
    county_id = _county(asked)
    actor = _sender(asked, county_id)
    doubts: list[Doubt] = []
    if asked.principal.is_ended:
        doubts.append(Doubt.SESSION_ENDED)
    if not actor.roles:
        doubts.append(Doubt.NO_ROLE)
    try:
        raw = await asked.body()
    except CrisisError:
        # It broke off, or is far too long: that somebody called is known all the same.
        raw = b"?"
    command, beside = operation.command.read(raw, asked.path)
    found: tuple[Doubt, ...] = getattr(command, "doubts", ())
    command = msgspec.structs.replace(command, doubts=(*found, *doubts))
    env = envelope(
        county_id=county_id,
        actor=actor,
        account=asked.principal.account_id,
        key=header(asked.scope, b"idempotency-key"),
        command=command,
        beside=beside,
        on_phone=asked.on_phone,
    )
    return answer(await asked.node.unwritten.take(env))


def _county(asked: Asked) -> CountyId:
    """Return the county that hears it: the one named where the sender belongs, else their own.

    Who belongs nowhere any more is believed the county that they name, if it is served here.

    Raises:
        Invalid: ``county_missing``: nothing says which desk there is to ring at.
    """
    own = asked.principal.grants
    served = [one.county_id for one in asked.node.service.counties]
    named = header(asked.scope, b"x-county") or ""
    wanted = (
        CountyId(int(named)) if named.isascii() and named.isdigit() and len(named) < 6 else None
    )
    among = [one for one in served if one in own] or served
    if wanted in among:
        return wanted
    if own or len(among) == 1:
        return among[0]
    raise Invalid("county_missing", "Name the county in the header X-County.", counties=[])


def _sender(asked: Asked, county_id: CountyId) -> Actor:
    """Return what they act as there; no role at all where none is left.

    Raises:
        NotAllowed: ``out_of_scope``: a token is no person, and this one is issued for other things.
    """
    principal = asked.principal
    if county_id not in principal.grants:
        return Actor(user_id=principal.account_id)
    require_scope(principal, county_id, asked.operation.needs)
    return actor_for(principal, county_id, asked.node.service.county(county_id).board)
