"""The one way to take a step in a transition table.

Tables are data: ``{(state, event type): next state}``, kept in the module of the thing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from crisis.errors import IllegalTransition


class Source(StrEnum):
    """By which way a fact reached the server."""

    DESK = "desk"
    DESK_BY_VOICE = "desk_by_voice"
    PHONE = "phone"
    TRACKER = "tracker"
    TIMER = "timer"
    INTEGRATION = "integration"
    BACK_ENTRY = "back_entry"


S = TypeVar("S", bound=StrEnum)


def step(table: Mapping[tuple[S, type], S], state: S, event: type, thing: str) -> S:
    """Return the state after ``event``.

    Raises:
        IllegalTransition: the table has no such step; its facts name the thing, state and event.
    """
    after = table.get((state, event))
    if after is None:
        raise IllegalTransition(
            "illegal_transition",
            f"The {thing} is {state.value.replace('_', ' ')}; that step is not possible now.",
            thing=thing,
            state=state.value,
            event=event.__name__,
        )
    return after
