"""What a node lets go when its time is over: places of teams off shift, fixes, results, notices.

Decides what is kept for how long, by each county's own policy. Must not know how it is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn

from crisis.errors import Unavailable
from crisis.ids import CountyId, TeamId
from crisis.team import Duty, Team
from dispatch.run.county import GroupDone
from dispatch.run.positions import FixBuffer
from dispatch.run.service import Service
from dispatch.run.ticker import Job
from dispatch.run.tracking import TrackerBook
from dispatch.store import positions, upkeep
from dispatch.store.pool import Database


class Forgetting:
    """Lets the last known place of a team go when its shift ends."""

    def __init__(self, service: Service, places: FixBuffer) -> None:
        self._service = service
        self._places = places
        self._ended: asyncio.Queue[tuple[CountyId, TeamId]] = asyncio.Queue()

    def on_group(self, done: GroupDone) -> None:
        """Note whose shift ended."""
        for change in done.changes:
            team = change.entity
            if isinstance(team, Team) and team.duty is Duty.OFF_SHIFT:
                before = done.before.teams.get(team.id)
                if before is not None and before.duty is not Duty.OFF_SHIFT:
                    self._ended.put_nowait((done.after.county_id, team.id))

    async def run(self) -> NoReturn:
        """Forget until cancelled."""
        while True:
            county_id, team_id = one = await self._ended.get()
            team = self._service.county(county_id).board.teams.get(team_id)
            if team is not None and team.duty is not Duty.OFF_SHIFT:
                continue
            try:
                await self._places.forget(county_id, team_id)
            except Unavailable:
                self._ended.put_nowait(one)
                raise


def daily(service: Service, database: Database, trackers: TrackerBook) -> Mapping[str, Job]:
    """Return what is done once a day over all nodes, by name."""

    # A county that was added a moment ago isn't served yet, and has nothing old.
    async def fixes(now: datetime) -> None:
        keep = {
            one.county_id: one.rules(now).policy.retention.positions_days
            for one in service.counties
        }
        await positions.tidy(database, now.date(), keep)
        await trackers.tidy()

    async def results(now: datetime) -> None:
        days: dict[int, int] = {
            one.county_id: one.rules(now).policy.retention.command_results_days
            for one in service.counties
        }
        await upkeep.delete_old_results(database, days, now)

    async def notices(now: datetime) -> None:
        await upkeep.delete_done_notices(database, now)

    return {"fixes": fixes, "results": results, "notices": notices}
