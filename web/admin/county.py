"""The county at a glance, what is still to be set up in it, and its agencies."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import CrisisError
from dispatch.run.reached import RUNGS
from dispatch.store import administration
from web.admin.pages import Desk, Pages, done, status_of

_LATELY = timedelta(days=1)


class CountyPages:
    """Their routes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._page = pages.writer.page

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        route = self._pages.route
        return [
            route("", self.county),
            route("/agencies", self.agencies, fields=("name",)),
        ]

    async def county(self, desk: Desk) -> Response:
        """Show the county, and the others that this account has a role in."""
        served = await administration.list_counties(desk.node.database)
        mine = [one for one in served if one.county_id in desk.principal.grants]
        zones = await administration.list_zones(desk.node.database, desk.county_id)
        board = desk.county.board
        teams = {t.id for t in board.teams.values() if desk.may_see(t.agency_id)}
        figures = {
            "agencies": len(await desk.agencies()),
            "teams": len(teams),
            "people": sum(desk.may_see(p.agency_id) for p in board.responders.values()),
            "shifts": sum(s.team_id in teams and s.is_open for s in board.shifts.values()),
        }
        return self._page(
            desk,
            "county.html",
            counties=mine,
            edition=zones[0].version if zones else None,
            policy=desk.county.rules(desk.now).policy,
            figures=figures,
            steps=await self._steps(desk, figures),
            unreached=await self._unreached(desk),
            lost=await desk.node.channels.undelivered(desk.county_id, desk.now - _LATELY),
        )

    async def _unreached(self, desk: Desk) -> list[str]:
        """Return the roles of a ladder's rungs of which nobody hears an alarm away from a screen.

        Only for whoever can mend it; in a simulated county nobody is reached, nor has to be.
        """
        if not desk.is_admin:
            return []
        reach = await desk.node.channels.reach(desk.county_id, RUNGS)
        return [one.role.value for one in reach if one.is_untold]

    async def _steps(self, desk: Desk, figures: dict[str, int]) -> list[tuple[str, bool]]:
        """Return what a new county needs and whether it is done; empty = all of it is."""
        if not desk.is_admin:
            return []
        accounts = await desk.node.accounts.list_accounts(desk.county_id)
        steps = [(name, count > 0) for name, count in figures.items()]
        steps.append(("users", len(accounts) > 1))
        return [] if all(is_done for _, is_done in steps) else steps

    async def agencies(self, desk: Desk) -> Response:
        """List agencies, or add one."""
        trouble: CrisisError | None = None
        if desk.form is not None:
            desk.require_admin()
            try:
                await administration.add_agency(
                    desk.node.database, desk.county_id, desk.form.text("name")
                )
            except CrisisError as error:
                trouble = error
            else:
                return done(desk, "agency", "agencies")
        board = desk.county.board
        teams = Counter(one.agency_id for one in board.teams.values())
        people = Counter(one.agency_id for one in board.responders.values())
        rows = [
            {
                "name": one.name,
                "teams": teams[one.agency_id],
                "people": people[one.agency_id],
            }
            for one in await desk.agencies()
        ]
        return self._page(
            desk,
            "agencies.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            rows=rows,
            name=desk.form.text("name") if desk.form else "",
        )
