"""Where the teams are, for the live views: at most one position per team in each round.

Staff are shown only while a shift is open. Must not know whether a fix can be true (``geo.fix``),
where fixes are kept, or how often a round comes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from crisis.board import Board
from crisis.ids import CountyId, TeamId
from crisis.team import Duty, Team
from dispatch.livefeed import frames
from dispatch.livefeed.feed import Feed, Frame
from dispatch.livefeed.views import RoleClass, View
from geo.fix import Fix


class Positions:
    """The newest fix of each team on shift, and which of them the views haven't been sent."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._latest: dict[CountyId, dict[TeamId, tuple[datetime, bytes]]] = {}
        self._fresh: dict[CountyId, set[TeamId]] = {}

    def note(self, county_id: CountyId, team_id: TeamId, fix: Fix) -> None:
        """Keep a team's fix for the next round, unless a newer one is known.

        Fixes of counties that aren't served here are passed over.
        """
        if not self._feed.serves(county_id):
            return
        latest = self._latest.setdefault(county_id, {})
        known = latest.get(team_id)
        if known is not None and fix.fixed_at <= known[0]:
            return
        row = frames.fix_row(
            team_id,
            fix.point.lat_deg,
            fix.point.lon_deg,
            fix.accuracy_m,
            fix.fixed_at,
            fix.heading_deg,
        )
        latest[team_id] = (fix.fixed_at, row)
        self._fresh.setdefault(county_id, set()).add(team_id)

    def round(self, followed: Collection[View], at: datetime) -> list[Frame]:
        """Return the fixes since the last round, one frame for each followed view with any.

        ``at``: the county's now.
        """
        fresh, self._fresh = self._fresh, {}
        out: list[Frame] = []
        for view in followed:
            teams = fresh.get(view.county_id)
            if teams and (rows := self._rows(view, teams)):
                out.append(Frame(view, frames.fixes(at, rows)))
        self._forget_off_shift(fresh)
        return out

    def first(self, view: View, at: datetime) -> bytes | None:
        """Return all positions that ``view`` shows, for a client that just came; ``None`` = none.

        A round that hasn't come yet may repeat some of them.
        """
        rows = self._rows(view, set(self._latest.get(view.county_id, ())))
        return frames.fixes(at, rows) if rows else None

    def _rows(self, view: View, teams: set[TeamId]) -> list[bytes]:
        latest = self._latest[view.county_id] if teams else {}
        board = self._feed.board(view.county_id)
        return [latest[t][1] for t in sorted(teams) if _shows(view, board.teams.get(t))]

    def _forget_off_shift(self, counties: Collection[CountyId]) -> None:
        for county_id in counties:
            latest = self._latest[county_id]
            if not self._feed.serves(county_id):
                del self._latest[county_id]
                continue
            board = self._feed.board(county_id)
            for team_id in [t for t in latest if not _on_shift(board, t)]:
                del latest[team_id]


def _on_shift(board: Board, team_id: TeamId) -> bool:
    team = board.teams.get(team_id)
    return team is not None and team.duty is not Duty.OFF_SHIFT


def _shows(view: View, team: Team | None) -> bool:
    if team is None or team.duty is Duty.OFF_SHIFT:
        return False
    match view.role_class:
        case RoleClass.DESK:
            return True
        case RoleClass.AGENCY:
            return team.agency_id == view.scope
        case RoleClass.TEAM:
            return team.id == view.scope
        case _:
            return False
