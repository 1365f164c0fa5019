"""What every command is, and the shapes that bodies are built of.

Lengths and patterns are bounds of the wire: whatever passes them is decided in ``dispatch.decide``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from crisis.ids import CommandId, CountyId
from crisis.roles import Actor
from crisis.shapes import Value, snake
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import HazardTold, Need

#: A prefix and a number: no room for a name.
PAPER_NUMBER = r"^[A-Za-z]{0,4}[-_]?[0-9]{1,10}$"

Code = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$", description="a code of a code set")
]
Short = Annotated[str, Meta(max_length=200, description="free text; kept encrypted")]
PaperNumber = Annotated[
    str,
    Meta(pattern=PAPER_NUMBER, description="a reserved number: up to 4 letters, then digits"),
]
Text = Annotated[str, Meta(max_length=20_000, description="free text; kept encrypted")]
Aware = Annotated[datetime, Meta(tz=True)]
#: Which state of an entry the sender looked at; see ``crisis.shapes.mark_of``.
Mark = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$", description="the `mark` of what was seen")]
Codes = Annotated[tuple[Code, ...], Meta(max_length=40)]
Needs = Annotated[tuple[Need, ...], Meta(max_length=40)]
Hazards = Annotated[tuple[HazardTold, ...], Meta(max_length=40)]
Crew = Annotated[tuple[CrewMember, ...], Meta(max_length=12)]


class Command(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag=snake):
    """The base of all commands.

    Attributes:
        ALWAYS_HEARD: a call for help: never refused for its form, its time or what its sender is
            at this moment. Of what can't be read or believed, the rest counts.
    """

    ALWAYS_HEARD: ClassVar[bool] = False


class Envelope(Value, frozen=True, kw_only=True):
    """A command with who, when and by which way.

    Attributes:
        command_id: chosen by the sender (``Idempotency-Key``); the same command again has the same.
        body_hash: of what was sent; the same id with another body is refused.
        occurred_at: when it happened in the world; ``None`` = now.
        sent_at: what the sender's clock said when sending; corrects ``occurred_at`` of a phone
            whose clock is off. ``None`` = not told.
        reason: why a past instant is entered (back-entry).
    """

    county_id: CountyId
    command_id: CommandId
    actor: Actor
    source: Source
    body_hash: bytes = b""
    occurred_at: Aware | None = None
    sent_at: Aware | None = None
    reason: str | None = None
    command: Command
