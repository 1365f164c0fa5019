"""Many incidents, few teams: which waiting slot should get whom, solved for all of them at once.

Decides in layers, each served as well as it can be before the next one is looked at: classes by
acuity; within a class those that have waited past the starvation cap, then those whose deadline can
still be kept, then the rest. Within a layer as many as possible get a team, as many as possible of
these in time, and then the drives are as short as they can be together. Pure: what each team would
cost each slot comes from the rankings. Must not know boards, positions or who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from math import inf

from crisis.ids import IncidentId, SlotNo, TeamId
from crisis.shapes import Value
from crisis.triage import ACUITY_ORDER, Acuity
from dispatch.choose import Candidate, Recommendation

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

    Kuhn's method with potentials, one shortest augmenting path per row: O(rows² · columns).

    Args:
        rows: costs, at most as many rows as columns; ``inf`` = not possible. Each row must be able
            to have a column of its own.
    """
    width = len(rows[0]) if rows else 0
    row_price = [0.0] * (len(rows) + 1)
    column_price = [0.0] * (width + 1)
    # Columns count from 1; column 0 stands for the row that looks for one.
    row_at = [0] * (width + 1)
    for number in range(1, len(rows) + 1):
        row_at[0], column = number, 0
        least, came_from = [inf] * (width + 1), [0] * (width + 1)
        seen = [False] * (width + 1)
        while row_at[column]:
            seen[column] = True
            row, step, following = row_at[column], inf, 0
            for other in range(1, width + 1):
                if seen[other]:
                    continue
                price = rows[row - 1][other - 1] - row_price[row] - column_price[other]
                if price < least[other]:
                    least[other], came_from[other] = price, column
                if least[other] < step:
                    step, following = least[other], other
            for other in range(width + 1):
                if seen[other]:
                    row_price[row_at[other]] += step
                    column_price[other] -= step
                else:
                    least[other] -= step
            column = following
        while column:
            row_at[column] = row_at[came_from[column]]
            column = came_from[column]
    found = [0] * len(rows)
    for column in range(1, width + 1):
        if row_at[column]:
            found[row_at[column] - 1] = column - 1
    return found
