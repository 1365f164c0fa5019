"""What speaks against each team of a fleet, told in columns.

A county's teams have few combinations of reasons between them: each is held once, and a team has
its number. Must not know what the reasons say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crisis.eligibility import Asking
from crisis.reasons import Reason
from dispatch.choose.fleet import Fleet, Rows


class Against:
    """What speaks against each team of a fleet, by row: every combination is held once."""

    def __init__(self, asking: Asking, fleet: Fleet) -> None:
        self._combinations = [asking.of_kind(team) for team in fleet.kinds]
        self._of = fleet.kind.copy()
        for team_id in asking.apart:
            row = None if team_id is None else fleet.row_of.get(team_id)
            if row is not None:
                self._of[row] = len(self._combinations)
                self._combinations.append(asking.why_not(fleet.teams[row]))

    def also(self, rows: Rows, more: tuple[Reason, ...]) -> None:
        """Let more speak against the teams in these rows."""
        numbers = self._of[rows]
        moved = np.zeros(len(self._combinations), np.intp)
        for number in occurring(numbers):
            moved[number] = len(self._combinations)
            self._combinations.append(self._combinations[number] + more)
        self._of[rows] = moved[numbers]

    def told(self, rows: Rows) -> list[tuple[Reason, ...]]:
        """Return the reasons of each."""
        held = self._combinations
        return [held[number] for number in self._of[rows].tolist()]

    def judged(self, rule: Callable[[tuple[Reason, ...]], int]) -> Rows:
        """Return what ``rule`` makes of each team's reasons."""
        return np.array([rule(reasons) for reasons in self._combinations], np.intp)[self._of]

    def counts(self, rows: Rows) -> dict[str, int]:
        """Return how many of the teams each hard reason bars, by code; one counts once for each."""
        counted: dict[str, int] = {}
        for number, teams in enumerate(np.bincount(self._of[rows]).tolist()):
            for code in {one.code for one in self._combinations[number] if one.hard and teams}:
                counted[code] = counted.get(code, 0) + teams
        return dict(sorted(counted.items()))


def occurring(numbers: Rows) -> list[int]:
    """Return the numbers that occur, each once."""
    found: list[int] = np.flatnonzero(np.bincount(numbers)).tolist()
    return found
