"""The two base shapes of the domain: values and event bodies.

Both are frozen msgspec structs: decoded and validated in C, replaced with
``msgspec.structs.replace``, and encoded without their defaults, so that a new field with a default
never changes what old data means.
"""

from __future__ import annotations

import re
from hashlib import blake2s
from typing import ClassVar

import msgspec


def snake(name: str) -> str:
    """Return ``CallOffered`` as ``call_offered``: an event's type in the log."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def mark_of(*facts: object) -> str:
    """Return a short mark of facts, the same wherever they are the same.

    Whoever changes a whole entry says with it which one they looked at.
    """
    text = msgspec.json.encode(facts, order="deterministic")
    return blake2s(text, digest_size=8).hexdigest()


class Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A value or a thing's state; equal when all its fields are.

    Values hold values and never come back to themselves, so the cycle collector, which would
    otherwise walk every board again and again, may leave them out.
    """


class EventBody(
    msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag=snake, tag_field="type"
):
    """What happened. The subclass's name in snake_case is its type in the log.

    Fields named in ``SEALED`` are private: the codec encrypts them with the incident's data key
    before they reach the log, and gives back their defaults once that key was destroyed, so every
    sealed field has a default.
    """

    SEALED: ClassVar[tuple[str, ...]] = ()
    #: Raised when a field changes its meaning; the codec lifts older bodies up to it.
    VERSION: ClassVar[int] = 1
