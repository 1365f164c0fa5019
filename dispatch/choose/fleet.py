"""The teams of a county in columns, in one order and sorted into kinds: what a ranking starts from.

Teams of one kind have the same against them, so that a kind is judged once for all of them. Boards
follow each other with few teams changed: what stands of the others is taken over. Must not know
incidents or where teams are now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import compress
from math import nan
from operator import is_not

import numpy as np
from numpy.typing import NDArray

from crisis.board import Board
from crisis.eligibility import Asking, CrewMemo
from crisis.ids import CountyId, ResponderId, TeamId
from crisis.responder import Responder
from crisis.team import Duty, Team
from geo.point import Points

Rows = NDArray[np.intp]
Instants = NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Later than any instant.
_NEVER_US = 2**62
#: A board that differs in more teams is sorted anew, and so is one with so many kinds left over.
_FEW_CHANGED = 64
_MOST_LEFT_OVER = 128
#: Fleets that are remembered before all are worked out anew.
_MOST_FLEETS = 128


def microseconds(at: datetime) -> int:
    """Return an instant as a whole number, so that differences are exact."""
    return (at - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Fleet:
    """A county's teams.

    Attributes:
        teams, ids: by id, so that equal teams stand in the same order on every node.
        row_of: where each team stands.
        kind: of each team; ``kinds`` holds one team of each, of which some may be left over.
        bases: NaN = none.
        ends_us: end of the shift, in microseconds; far away = none.
    """

    teams: Sequence[Team]
    ids: Sequence[TeamId]
    row_of: Mapping[TeamId, int]
    kind: Rows
    kinds: Sequence[Team]
    bases: Points
    ends_us: Instants
    _sorted_kinds: int
    _numbers: dict[tuple[object, ...], int]

    @classmethod
    def of(cls, board: Board, asking: Asking) -> Fleet:
        """Sort a board's teams."""
        teams = sorted(board.teams.values(), key=lambda team: team.id.int)
        numbers: dict[tuple[object, ...], int] = {}
        kind = [numbers.setdefault(asking.kind(team), len(numbers)) for team in teams]
        kinds = dict(zip(kind, teams, strict=True))
        ids = [team.id for team in teams]
        return cls(
            teams=teams,
            ids=ids,
            row_of={team_id: row for row, team_id in enumerate(ids)},
            kind=np.array(kind, np.intp),
            kinds=[kinds[number] for number in range(len(kinds))],
            bases=_bases(teams),
            ends_us=_ends_us(teams),
            _sorted_kinds=len(kinds),
            _numbers=numbers,
        )

    def on_duty(self) -> tuple[int, int]:
        """Return how many teams are on duty, and how many of these are asked or on a run."""
        on_duty = busy = 0
        for team, count in zip(self.kinds, np.bincount(self.kind).tolist(), strict=False):
            if team.duty is not Duty.OFF_SHIFT:
                on_duty += count
                busy += count * (team.offer is not None or team.run is not None)
        return on_duty, busy

    @property
    def left_over(self) -> int:
        """How many kinds have come since it was sorted; as many may have nobody any more."""
        return len(self.kinds) - self._sorted_kinds

    def with_changed(self, changed: Sequence[Team], asking: Asking) -> Fleet:
        """Return the fleet with these teams as they are now."""
        rows = [self.row_of[team.id] for team in changed]
        teams, kinds, numbers = list(self.teams), list(self.kinds), dict(self._numbers)
        kind, ends_us = self.kind.copy(), self.ends_us.copy()
        bases = Points(self.bases.lat_deg.copy(), self.bases.lon_deg.copy())
        moved = _bases(changed)
        bases.lat_deg[rows], bases.lon_deg[rows] = moved.lat_deg, moved.lon_deg
        ends_us[rows] = _ends_us(changed)
        for row, team in zip(rows, changed, strict=True):
            number = numbers.setdefault(asking.kind(team), len(numbers))
            if number == len(kinds):
                kinds.append(team)
            teams[row], kind[row] = team, number
        return replace(
            self,
            teams=teams,
            kind=kind,
            kinds=kinds,
            bases=bases,
            ends_us=ends_us,
            _numbers=numbers,
        )


def _bases(teams: Sequence[Team]) -> Points:
    return Points(
        np.array([nan if team.base is None else team.base.lat_deg for team in teams], np.float64),
        np.array([nan if team.base is None else team.base.lon_deg for team in teams], np.float64),
    )


def _ends_us(teams: Sequence[Team]) -> Instants:
    ends = [team.shift_ends_at for team in teams]
    return np.array([_NEVER_US if end is None else microseconds(end) for end in ends], np.int64)


@dataclass(frozen=True, slots=True)
class _Held:
    """A fleet, and the very objects that it was made of; ``teams`` in the board's own order."""

    judged: object
    responders: Mapping[ResponderId, Responder]
    teams: Sequence[Team]
    fleet: Fleet


class Fleets:
    """Remembers crews that were judged and fleets that were sorted; never changes an answer.

    Safe to share between threads: entries are replaced whole.
    """

    def __init__(self, crews: CrewMemo | None = None) -> None:
        self.crews = crews or CrewMemo()
        self._held: dict[tuple[CountyId, int], _Held] = {}

    def of(self, board: Board, asking: Asking) -> Fleet:
        """Return the board's teams, sorted under the rules that are asked under."""
        key = (board.county_id, id(asking.judged))
        teams = list(board.teams.values())
        held = self._held.get(key)
        fleet = None if held is None else _taken_over(held, teams, board, asking)
        if fleet is None:
            fleet = Fleet.of(board, asking)
            if len(self._held) >= _MOST_FLEETS:
                self._held = {}
        self._held[key] = _Held(asking.judged, board.responders, teams, fleet)
        return fleet


def _taken_over(held: _Held, teams: Sequence[Team], board: Board, asking: Asking) -> Fleet | None:
    """Return the fleet held, brought up to the board; ``None`` = it must be sorted anew."""
    is_same_county = (
        held.judged is asking.judged
        and held.responders is board.responders
        and len(held.teams) == len(teams)
    )
    if not is_same_county:
        return None
    changed = list(compress(range(len(teams)), map(is_not, held.teams, teams)))
    if not changed:
        return held.fleet
    if (
        len(changed) > _FEW_CHANGED
        or held.fleet.left_over > _MOST_LEFT_OVER
        or any(held.teams[place].id != teams[place].id for place in changed)
    ):
        return None
    return held.fleet.with_changed([teams[place] for place in changed], asking)
