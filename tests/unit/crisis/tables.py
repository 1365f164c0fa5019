"""What every transition table must be: about known things, total by refusal, and walkable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

import pytest

from crisis.errors import IllegalTransition


def assert_about(
    table: Mapping[tuple[Any, type], Any], states: type[StrEnum], events: Collection[type]
) -> None:
    """The table names only known states and events, and each event leads somewhere."""
    for (state, event), after in table.items():
        assert isinstance(state, states) and isinstance(after, states)
        assert event in events
    assert {event for _, event in table} == set(events)


def assert_reachable(
    table: Mapping[tuple[Any, type], Any],
    start: StrEnum,
    final: Collection[StrEnum],
    states: type[StrEnum],
    beside: Collection[StrEnum] = (),
) -> None:
    """Every state can be reached from ``start``, and exactly the ``final`` ones lead nowhere.

    ``beside``: states that the folding itself sets, without a row of their own.
    """
    reached = {start, *beside}
    while more := {b for (a, _), b in table.items() if a in reached} - reached:
        reached |= more
    assert reached == set(states)
    leaving = {a for (a, _), b in table.items() if a is not b}
    assert set(states) - leaving == set(final)


def assert_total(
    table: Mapping[tuple[Any, type], Any],
    states: type[StrEnum],
    examples: Collection[Any],
    take: Callable[[Any, Any], StrEnum],
) -> None:
    """For each state and event the table is followed, or the step is refused by name.

    ``take(state, event)`` evolves a thing in ``state`` and returns its state after.
    """
    for state in states:
        for event in examples:
            expected = table.get((state, type(event)))
            if expected is not None:
                assert take(state, event) == expected, f"{state} + {type(event).__name__}"
                continue
            with pytest.raises(IllegalTransition) as refusal:
                take(state, event)
            assert refusal.value.facts["state"] == state.value
            assert refusal.value.facts["event"] == type(event).__name__
