"""What a screening suggests while a caller is still on the line: the pages' forms ask as they go.

Nothing is kept and nothing is changed; clinical answers go in the body, never in an address. What
follows from what is ``crisis.suggestion``'s to decide.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from crisis.commands.base import Code, Codes
from crisis.incident.danger import settled
from crisis.incident.situation import Situation
from crisis.rights import Act, require
from crisis.suggestion import Suggestion, suggest
from crisis.triage import Answer, Clinical, Hazard, Place
from web.api.routes import Asked, Rows
from web.api.wire import answer, decode


class ScreeningBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known so far; hazards by their codes."""

    screening: dict[Code, Answer] = {}
    hazards: Annotated[tuple[Code, ...], Meta(max_length=40)] = ()
    concerns: Codes = ()
    location_type: Code | None = None
    referral_source: Code | None = None


_decoder: msgspec.json.Decoder[ScreeningBody] = msgspec.json.Decoder(ScreeningBody)


OPERATIONS = Rows("incidents")


@OPERATIONS.post(
    "/screening/suggestion",
    body=ScreeningBody,
    answer=Suggestion,
    refusals=frozenset({"invalid"}),
    needs="view:desk",
)
async def suggest_for(asked: Asked) -> Response:
    """What a screening suggests: acuity, needs, partners to ask; nothing is kept."""
    require(asked.actor, Act.SCREEN)
    given: ScreeningBody = decode(await asked.body(), _decoder)
    codes = asked.county.rules(asked.now).codes
    told = Situation(
        place=Place(location_type=given.location_type or "unknown"),
        hazards=tuple(Hazard(code=code) for code in given.hazards),
        clinical=Clinical(screening=given.screening, concerns=given.concerns),
    )
    # As it will be kept: of what contradicts itself the danger counts.
    known = settled(told, codes)
    found: Suggestion = suggest(
        codes,
        screening=known.clinical.screening,
        hazards=known.hazards,
        concerns=known.clinical.concerns,
        location_types=known.place.types,
        referral_sources=[given.referral_source or "unknown"],
    )
    return answer(found)
