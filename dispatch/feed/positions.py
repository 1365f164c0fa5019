"""Where the teams are, for the live views: at most one position per team in each round.

Staff are shown only while a shift is open. Must not know whether a fix can be true (``geo.fix``),
where fixes are kept, or how often a round comes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from crisis.ids import CountyId, TeamId
from crisis.rights import RoleClass
from crisis.team import Duty, Team
from dispatch.feed import frames
from dispatch.feed.feed import Feed, Frame
from dispatch.feed.views import View
from geo.fix import Fix


class Fixes(Protocol):
    """The newest positions: ``dispatch.run.positions.FixBuffer``."""

    def latest(self, county_id: CountyId) -> Mapping[TeamId, Fix]:
        """Return each team's newest fix."""
        ...

    def take_moved(self, county_id: CountyId) -> Mapping[TeamId, Fix]:
        """Return the teams whose newest fix is another one than at the last call."""
        ...


class Positions:
    """What each view is shown of where the teams are."""

    def __init__(self, feed: Feed, fixes: Fixes) -> None:
        self._feed = feed
        self._fixes = fixes

    def round(self, followed: Collection[View], at: datetime) -> list[Frame]:
        """Return the moves since the last round, one frame for each followed view with any.

        ``at``: the county's now.
        """
        rows = {c: self._rows(self._fixes.take_moved(c)) for c in {v.county_id for v in followed}}
        out: list[Frame] = []
        for view in followed:
            shown = self._shown(view, rows[view.county_id])
            if shown:
                out.append(Frame(view, frames.fixes(at, shown)))
        return out

    def first(self, view: View, at: datetime) -> bytes | None:
        """Return all positions that ``view`` shows, for a client that just came; ``None`` = none.

        The next round may repeat some of them.
        """
        shown = self._shown(view, self._rows(self._fixes.latest(view.county_id)))
        return frames.fixes(at, shown) if shown else None

    def _rows(self, fixes: Mapping[TeamId, Fix]) -> dict[TeamId, bytes]:
        return {
            team_id: frames.fix_row(
                team_id,
                fix.point.lat_deg,
                fix.point.lon_deg,
                fix.accuracy_m,
                fix.fixed_at,
                fix.heading_deg,
            )
            for team_id, fix in fixes.items()
        }

    def _shown(self, view: View, rows: Mapping[TeamId, bytes]) -> list[bytes]:
        if not rows:
            return []
        teams = self._feed.board(view.county_id).teams
        if view.role_class is RoleClass.TEAM and view.scope is not None:
            # Looked up, not searched: there are as many such views as teams.
            own = TeamId(view.scope)
            return [rows[own]] if own in rows and _shows(view, teams.get(own)) else []
        return [row for team_id, row in rows.items() if _shows(view, teams.get(team_id))]


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
