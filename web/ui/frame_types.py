"""The live socket's messages as types, for the pages; a test holds them against the real frames.

Must not know who sends them. ``dispatch.feed.frames`` writes them, ``web.live.socket`` reads hello.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from crisis.rights import RoleClass
from dispatch.feed.entities import Entity
from web.ui.words import AlertTemplate, EntityKind

#: Team, degrees, degrees, metres, when, degrees from north.
FixRow = tuple[UUID, float, float, float | None, datetime, float | None]


class WelcomeFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="welcome"):
    """The first message."""

    county: int
    view: RoleClass
    scope: UUID | None
    epoch: str
    seq: int
    at: datetime
    beat_s: float


class SnapshotFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="snapshot"):
    """Everything; what was known before is forgotten."""

    seq: int
    mark: int
    up: list[msgspec.Raw]


class ChangesFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="changes"):
    """What changed after ``prev``."""

    seq: int
    mark: int
    prev: int
    up: list[msgspec.Raw]
    rm: list[tuple[EntityKind, str]]


class FixesFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="fixes"):
    """Newest positions of some teams."""

    at: datetime
    f: list[FixRow]


class BeatFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="beat"):
    """Nothing is missing up to ``seq``, as far as the node knows: it last heard ``age_s`` ago."""

    seq: int
    mark: int
    at: datetime
    age_s: float
    trouble: str


class PongFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="pong"):
    """The answer to a ping."""

    seq: int
    at: datetime


class AlertFrame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="alert"):
    """Something a person must see."""

    template: AlertTemplate
    number: int | None
    urgency: Literal["now", "soon", "info"]
    at: datetime
    key: str
    call_sign: str | None


Frame = (
    WelcomeFrame | SnapshotFrame | ChangesFrame | FixesFrame | BeatFrame | PongFrame | AlertFrame
)


class HelloMessage(Struct, frozen=True, omit_defaults=True, tag_field="t", tag="hello"):
    """The client's first message."""

    county: int
    ticket: str | None = None
    view: RoleClass | None = None
    epoch: str | None = None
    last_seq: int | None = None
    mark: int | None = None


__all__ = ["Entity", "FixRow", "Frame", "HelloMessage"]
