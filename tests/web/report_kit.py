"""A county for the tests of the report: a desk, two teams, a clock, and what is expected of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from crisis.roles import Role
from dispatch.store.administration import add_zones
from tests.web.kit import ALAMEDA, OAKLAND, Site, problem

PACIFIC = ZoneInfo("America/Los_Angeles")
HILLS = {"lat_deg": 37.62, "lon_deg": -121.55}
RURAL = {
    "type": "Feature",
    "properties": {"name": "hills", "area_class": "rural"},
    "geometry": {
        "type": "Polygon",
        "coordinates": [
            [[-121.7, 37.5], [-121.4, 37.5], [-121.4, 37.7], [-121.7, 37.7], [-121.7, 37.5]]
        ],
    },
}
PAPER = {"back_entry_reason": "system_outage"}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the report must say of one response, worked out by hand.

    ``promised``, ``came``: the local months of its two cohorts; ``None`` = it is in none.
    """

    fate: str
    minutes: float | None = None
    area: str = "urban"
    promised: str | None = None
    came: str | None = None
    afterwards: bool = False


class County:
    """The desk, two teams, and a clock that cases move forward."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.numbers: dict[str, int] = {}
        self._papers = iter(range(1, 100))

    async def set_up(self) -> None:
        """Teams, and hills that are rural."""
        boss = await self.site.client(Role.ADMIN)
        self.blue, self.blue_member = await self.site.team(boss, "Blue 1")
        self.red, self.red_member = await self.site.team(boss, "Red 1")
        zones = {"type": "FeatureCollection", "features": [RURAL]}
        node = self.site.node
        await add_zones(node.database, ALAMEDA, "2026-01", msgspec.json.encode(zones))
        county = node.service.county(ALAMEDA)
        await county.read_rules()
        self.crews = {team: county.board.teams[team].crew for team in (self.blue, self.red)}

    async def begin(self, local: str) -> None:
        """The case's own day: people sign in, and both teams go on shift."""
        self.at(local)
        self.desk = await self.site.client(Role.DISPATCHER, Role.SUPERVISOR)
        board = self.site.node.service.county(ALAMEDA).board
        for team in (self.blue, self.red):
            shift_id = board.teams[team].shift_id
            if shift_id is not None:
                await self.desk.do(f"/shifts/{shift_id}/end")
            await self.desk.do(
                f"/teams/{team}/start-shift",
                ends_at=(self.site.clock.now() + timedelta(hours=20)).isoformat(),
                crew=msgspec.to_builtins(self.crews[team]),
            )

    def at(self, local: str, fold: int = 0) -> datetime:
        """Set the clock to a local time, like ``03-04 10:00`` or ``03-04 10:00:01``."""
        if local.count(":") == 1:
            local += ":00"
        read = datetime.strptime(f"2026-{local}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        self.site.clock.set(instant := read.replace(tzinfo=PACIFIC, fold=fold))
        return instant

    def wait(self, minutes: float) -> None:
        self.site.clock.advance(minutes * 60)

    @property
    def now(self) -> datetime:
        return self.site.clock.now()

    async def opened(self, **fields: Any) -> str:
        place = {"point": OAKLAND, "location_type": "home"}
        result = await self.desk.do("/incidents", **{"place": place, **fields})
        incident: str = result["incident_id"]
        self.numbers[incident] = result["number"]
        return incident

    async def determined(self, acuity: str = "urgent", slots: int = 1, **fields: Any) -> str:
        incident = await self.opened(**fields)
        body = {"decision": "dispatch", "acuity": acuity, "slots": slots}
        await self.desk.do(f"/incidents/{incident}/determination", **body)
        return incident

    async def run(self, incident: str, team: Any = None) -> str:
        """The team (Blue 1) is asked and accepts."""
        body = {"team_id": str(team or self.blue), "override_reason": "other"}
        offer = await self.desk.do(f"/incidents/{incident}/offers", **body)
        accepted = await self.desk.do(f"/offers/{offer['offer_id']}/accept", said_by="team")
        run: str = accepted["assignment_id"]
        return run

    async def says(self, run: str, status: str, **fields: Any) -> dict[str, Any]:
        body = {"status": status, "said_by": "team", "briefed_by": "dispatcher", **fields}
        return await self.desk.do(f"/assignments/{run}/status", **body)

    async def clear(self, run: str, **fields: Any) -> None:
        await self.desk.do(f"/assignments/{run}/clear", said_by="team", **fields)

    async def close(self, incident: str) -> None:
        await self.desk.do(f"/incidents/{incident}/close")

    async def served(self, incident: str, minutes: float, team: Any = None) -> str:
        """The team leaves now, arrives after so many minutes, and all is done."""
        run = await self.run(incident, team)
        await self.says(run, "en_route")
        self.wait(minutes)
        await self.says(run, "on_scene")
        self.wait(5)
        await self.clear(run)
        await self.close(incident)
        return run

    async def correct(self, run: str, instant: datetime | None, status: str = "on_scene") -> None:
        told = None if instant is None else instant.isoformat()
        body = {"status": status, "instant": told, "reason": "wrong_time"}
        await self.desk.do(f"/assignments/{run}/milestones", **body)

    async def cannot_correct(self, run: str, instant: datetime, status: str = "on_scene") -> str:
        """The code with which the correction is refused."""
        body = {"status": status, "instant": instant.isoformat(), "reason": "wrong_time"}
        return problem(await self.desk.post(f"/assignments/{run}/milestones", body), 422)


Told = dict[str, Expected]
Case = Callable[[County], Awaitable[Told]]
