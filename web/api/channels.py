"""By which ways oneself is reached away from the screen: set, tried, and said to have arrived.

Must not know how anything is sent or kept.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from dispatch.run.alerts import try_address
from dispatch.store.channels import Channel
from web.api.routes import Asked, Rows
from web.api.wire import answer, decode


class OwnChannels(Struct, frozen=True, kw_only=True):
    """One's own ways; ``kinds``: by which something can be sent here at all."""

    kinds: list[str]
    channels: list[Channel]


class MailBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one's alarms go; ``None`` = nowhere."""

    address: Annotated[str, Meta(max_length=254)] | None = None


class CodeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code that the test held."""

    code: Annotated[str, Meta(max_length=20)]


_MAIL, _CODE = msgspec.json.Decoder(MailBody), msgspec.json.Decoder(CodeBody)


OPERATIONS = Rows("session", in_county=False)


@OPERATIONS.get("/session/channels", answer=OwnChannels)
async def list_own(asked: Asked) -> Response:
    """By which ways alarms reach oneself, and whether each was tried."""
    return await _own(asked)


@OPERATIONS.post(
    "/session/channels/mail", body=MailBody, answer=OwnChannels, refusals=frozenset({"invalid"})
)
async def set_mail(asked: Asked) -> Response:
    """Set where one's alarms are mailed; null = nowhere."""
    body: MailBody = decode(await asked.body(), _MAIL)
    me = asked.principal.account_id
    address = (body.address or "").strip() or None
    await asked.node.channels.set_address(me, address, by=me)
    return await _own(asked)


@OPERATIONS.post(
    "/session/channels/mail/test",
    answer=OwnChannels,
    refusals=frozenset({"not_found", "unavailable"}),
)
async def send_test(asked: Asked) -> Response:
    """Mail oneself a code."""
    await try_address(asked.node.mailer, asked.node.channels, asked.principal.account_id)
    return await _own(asked)


@OPERATIONS.post(
    "/session/channels/mail/code",
    body=CodeBody,
    answer=OwnChannels,
    refusals=frozenset({"invalid", "not_found"}),
)
async def answer_test(asked: Asked) -> Response:
    """Enter the code that came: from then on the way counts as working."""
    body: CodeBody = decode(await asked.body(), _CODE)
    await asked.node.channels.answer_test(asked.principal.account_id, body.code)
    return await _own(asked)


async def _own(asked: Asked) -> Response:
    me, channels = asked.principal.account_id, asked.node.channels
    found = (await channels.of([me])).get(me, ())
    return answer(OwnChannels(kinds=list(channels.kinds), channels=list(found)))
