"""Many incidents, few teams: which waiting slot should get whom, solved for all of them at once.

Decides in layers, each served as well as it can be before the next one is looked at: classes by
acuity; within a class those that have waited past the starvation cap, then those whose deadline can
still be kept, then the rest. Within a layer as many as possible get a team, as many as possible of
these in time, and then the drives are as short as they can be together. Pure: what each team would
cost each slot comes from the rankings. Must not know boards, positions or who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from math import inf

import numpy as np
from numpy.typing import NDArray

from crisis.ids import IncidentId, SlotNo, TeamId
from crisis.shapes import Value
from crisis.triage import ACUITY_ORDER, Acuity
from dispatch.choose import Candidate, Recommendation

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: A slot of an incident.
Place = tuple[IncidentId, SlotNo]

#: Seconds that stand for what no shorter drive makes good: longer than any drive or wait is.
_LATE_S = 1e7
_ASKED_S = 1e8
_UNSERVED_S = 1e10
#: What coverage chose among teams nearly as fast comes first by so little.
_A_HAIR_S = 1e-3


class Layer(IntEnum):
    """What goes first within a class of acuity."""

    STARVING = 0
    SAVABLE = 1
    REST = 2


class Wanted(Value, frozen=True, kw_only=True):
    """A slot that waits for a team.

    Attributes:
        waited_s: seconds since its incident was determined.
        cap_s: seconds after which it goes before all others of its class.
        costs: team → seconds, what its going costs; teams that may not be asked are missing.
        in_time: the teams that would keep the deadline.
    """

    incident_id: IncidentId
    slot: SlotNo
    acuity: Acuity
    waited_s: float
    cap_s: float
    costs: Mapping[TeamId, float]
    in_time: frozenset[TeamId] = frozenset()

    @property
    def layer(self) -> Layer:
        """Where it stands within its class."""
        if self.waited_s >= self.cap_s:
            return Layer.STARVING
        return Layer.SAVABLE if self.in_time else Layer.REST


def costs_of(
    ranking: Recommendation, barred: Iterable[TeamId] = ()
) -> tuple[dict[TeamId, float], frozenset[TeamId]]:
    """Return what each team costs a slot by its ranking, and which teams would be in time.

    For one slot alone the least cost is that of the ranking's first. ``barred``: not to be asked.
    """
    without = frozenset(barred)
    left = [c for c in ranking.candidates if c.team_id not in without]
    costs = {candidate.team_id: _cost(candidate) for candidate in left}
    chosen = ranking.tie_break
    if chosen is not None and chosen.team_id in costs:
        costs[chosen.team_id] = min(costs.values()) - _A_HAIR_S
    return costs, frozenset(c.team_id for c in left if c.on_time)


def _cost(candidate: Candidate) -> float:
    late_s = _LATE_S if candidate.on_time is False else 0.0
    return candidate.score_s + late_s + (_ASKED_S if candidate.asked_before else 0.0)


def assign(queue: Iterable[Wanted]) -> dict[Place, TeamId]:
    """Return who should be asked for which slot; slots that get nobody are missing.

    No team is given twice. The same queue gives the same answer, in whatever order it comes.
    """
    layers: dict[tuple[int, Layer], list[Wanted]] = {}
    for wanted in sorted(queue, key=lambda w: (w.incident_id.int, w.slot)):
        layers.setdefault((ACUITY_ORDER[wanted.acuity], wanted.layer), []).append(wanted)
    given: dict[Place, TeamId] = {}
    for _, layer in sorted(layers.items()):
        taken = set(given.values())
        teams = sorted(
            {team for wanted in layer for team in wanted.costs if team not in taken},
            key=lambda team: team.int,
        )
        for wanted, team in zip(layer, _solve(layer, teams), strict=True):
            if team is not None:
                given[wanted.incident_id, wanted.slot] = team
    return given


def _solve(layer: Sequence[Wanted], teams: Sequence[TeamId]) -> list[TeamId | None]:
    """Return the team of each slot, ``None`` = nobody, at the least cost of all together."""
    rows = [
        # Where not all can be served, those that have waited longest are.
        [wanted.costs.get(team, inf) for team in teams]
        + [_UNSERVED_S + wanted.waited_s] * len(layer)
        for wanted in layer
    ]
    return [teams[column] if column < len(teams) else None for column in cheapest(rows)]


def cheapest(rows: Sequence[Sequence[float]]) -> list[int]:
    """Return for each row its column, no column twice, so that the sum of costs is least.

    Args:
        rows: costs, at most as many rows as columns; ``inf`` = not possible. Each row must be able
            to have a column of its own.
    """
    if not rows:
        return []
    found: list[int] = solver()(np.array(rows))[1].tolist()
    return found


def solver() -> Callable[[Floats], tuple[Ints, Ints]]:
    """Return scipy's assignment solver.

    Loaded when first asked for, or when a node that is up calls this beside its loop: it takes a
    third of a second, which no command line that assigns nobody should wait for.
    """
    from scipy.optimize import linear_sum_assignment

    solve: Callable[[Floats], tuple[Ints, Ints]] = linear_sum_assignment
    return solve
