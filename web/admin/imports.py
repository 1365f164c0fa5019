"""CSV files: first what each row would change, then changing it.

Decides what is shown before a file is imported, and that nothing else is done than what was shown:
where the county has changed meanwhile, the rows are shown again. How rows are read and what they
mean is the command line's; this is the same import.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import Invalid, NotFound
from web.admin.pages import Desk, Pages
from web.admin.users import UserPages
from web.cli.accounts import COLUMNS as ACCOUNT_COLUMNS
from web.cli.accounts import AccountsImport
from web.cli.imports import Column, Outcome, Plan, Row, Step, outcomes, rows_of
from web.cli.roster import (
    RESPONDER_COLUMNS,
    TEAM_COLUMNS,
    Roster,
    plan_responder,
    plan_team,
)
from web.cli.shifts import SHIFT_COLUMNS, plan_shift_row
from web.cli.text import Usage


class Kind(NamedTuple):
    """What a file may hold."""

    title: str
    columns: Sequence[Column]


KINDS = {
    "teams": Kind("teams", TEAM_COLUMNS),
    "people": Kind("people", RESPONDER_COLUMNS),
    "shifts": Kind("shifts", SHIFT_COLUMNS),
    "users": Kind("users", ACCOUNT_COLUMNS),
}
_PLANS = {"teams": plan_team, "people": plan_responder, "shifts": plan_shift_row}


class ImportPages:
    """Their routes."""

    def __init__(self, pages: Pages, users: UserPages) -> None:
        self._pages = pages
        self._page = pages.writer.page
        self._users = users

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        return [self._pages.route("/import/{kind}", self.file)]

    async def file(self, desk: Desk) -> Response:
        """Ask for a file; show what it would change; change that."""
        name = desk.request.path_params["kind"]
        kind = KINDS.get(name)
        if kind is None:
            raise NotFound("unknown_path", "There is no such page.")
        if name == "users":
            desk.require_admin()
        if desk.form is None:
            return self._page(desk, "import.html", kind=kind, name=name)
        text = desk.form.raw("csv")
        try:
            found, _ = await self._go_through(desk, name, text, dry_run=True)
        except Usage as error:
            trouble = Invalid("bad_file", str(error))
            return self._page(desk, "import.html", 422, kind=kind, name=name, trouble=trouble)
        shown = _digest(text, found)
        if desk.form.text("shown") != shown:
            return self._check(desk, name, text, found, shown)
        outcomes_, made = await self._go_through(desk, name, text, dry_run=False)
        if made:
            await self._users.refresh()
        return self._page(
            desk,
            "import_done.html",
            kind=kind,
            name=name,
            made=made,
            **_sorted(outcomes_),
        )

    def _check(
        self, desk: Desk, name: str, text: str, found: list[Outcome], shown: str
    ) -> Response:
        return self._page(
            desk,
            "import_check.html",
            kind=KINDS[name],
            name=name,
            csv=text,
            shown=shown,
            is_again=desk.sent.text("shown") != "",
            **_sorted(found),
        )

    async def _go_through(
        self, desk: Desk, name: str, text: str, *, dry_run: bool
    ) -> tuple[list[Outcome], list[tuple[str, str]]]:
        """Return what became of each row, and the passwords that were made."""
        columns = KINDS[name].columns
        rows = rows_of("The file", text.splitlines(), columns)
        accounts: AccountsImport | None = None
        plan: Plan
        if name == "users":
            store = desk.node.accounts
            accounts = AccountsImport(
                desk.node.database,
                store,
                await store.list_accounts(),
                by=desk.principal.account_id,
                within=desk.county_id,
            )
            plan = accounts.plan
        else:
            county = Roster(
                desk.node.service,
                desk.county_id,
                await desk.agencies(),
                dry_run=dry_run,
                actor=desk.actor,
            )

            async def plan_row(row: Row) -> Step:
                return await _PLANS[name](county, row)

            plan = plan_row
        found = [one async for one in outcomes(rows, columns, plan, dry_run=dry_run)]
        return found, accounts.made if accounts else []


def _digest(text: str, found: list[Outcome]) -> str:
    """Return what tells this file with these outcomes from any other."""
    return blake2b(msgspec.json.encode([text, found]), digest_size=16).hexdigest()


_CHANGES = ("change ", "let ")


def _sorted(found: list[Outcome]) -> dict[str, Any]:
    """Return the rows as a page shows them, and how many there are of each kind."""
    rows = [
        {
            "number": one.number,
            "text": one.text,
            "kind": "change"
            if one.kind == "changed" and one.text.startswith(_CHANGES)
            else "add"
            if one.kind == "changed"
            else one.kind,
        }
        for one in found
    ]
    counts = {
        kind: sum(row["kind"] == kind for row in rows)
        for kind in ("add", "change", "unchanged", "bad")
    }
    return {"rows": rows, "counts": counts}
