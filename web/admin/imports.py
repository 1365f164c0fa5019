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

from crisis.errors import CrisisError, NotFound
from web.admin.pages import Desk, Pages, told
from web.admin.users import UserPages
from web.cli.accounts import COLUMNS as ACCOUNT_COLUMNS
from web.cli.accounts import AccountsImport
from web.cli.imports import BadFile, Column, Outcome, Plan, Row, Step, outcomes, rows_of
from web.cli.roster import (
    RESPONDER_COLUMNS,
    TEAM_COLUMNS,
    Roster,
    plan_responder,
    plan_team,
)
from web.cli.shifts import SHIFT_COLUMNS, plan_shift_row


class Kind(NamedTuple):
    """What a file may hold."""

    columns: Sequence[Column]


KINDS = {
    "teams": Kind(TEAM_COLUMNS),
    "people": Kind(RESPONDER_COLUMNS),
    "shifts": Kind(SHIFT_COLUMNS),
    "users": Kind(ACCOUNT_COLUMNS),
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
        return [
            self._pages.route("/import/{kind}", self.file, fields=("csv", "shown")),
            self._pages.route("/import/{kind}/empty.csv", self.empty),
        ]

    async def empty(self, desk: Desk) -> Response:
        """Answer with a file that has the heads and no rows."""
        kind = _kind(desk)
        heads = ",".join(column.name for column in kind.columns)
        return Response(f"{heads}\r\n", media_type="text/csv; charset=utf-8")

    async def file(self, desk: Desk) -> Response:
        """Ask for a file; show what it would change; change that."""
        name = desk.request.path_params["kind"]
        kind = _kind(desk)
        if desk.form is None:
            return self._page(desk, "import.html", kind=kind, name=name)
        text = desk.form.raw("csv")
        try:
            found, _ = await self._go_through(desk, name, text, dry_run=True)
        except BadFile as error:
            return self._page(desk, "import.html", 422, kind=kind, name=name, trouble=error)
        shown = _digest(text, found)
        if desk.form.text("shown") != shown:
            return self._check(desk, name, text, found, shown)
        outcomes_, made = await self._go_through(desk, name, text, dry_run=False)
        if made:
            await self._users.refresh()
        return self._page(
            desk,
            "import_done.html",
            name=name,
            made=made,
            **_sorted(desk, name, outcomes_),
        )

    def _check(
        self, desk: Desk, name: str, text: str, found: list[Outcome], shown: str
    ) -> Response:
        return self._page(
            desk,
            "import_check.html",
            name=name,
            csv=text,
            shown=shown,
            is_again=desk.sent.text("shown") != "",
            **_sorted(desk, name, found),
        )

    async def _go_through(
        self, desk: Desk, name: str, text: str, *, dry_run: bool
    ) -> tuple[list[Outcome], list[tuple[str, str]]]:
        """Return what became of each row, and the passwords that were made."""
        columns = KINDS[name].columns
        rows = rows_of(desk.words("import.the_file"), text.splitlines(), columns)
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


def _kind(desk: Desk) -> Kind:
    """Return what the page's file may hold, or refuse who may not bring it."""
    name = desk.request.path_params["kind"]
    if name not in KINDS:
        raise NotFound("unknown_path", "There is no such page.")
    if name == "users":
        desk.require_admin()
    return KINDS[name]


def _digest(text: str, found: list[Outcome]) -> str:
    """Return what tells this file with these outcomes from any other."""
    told = [(one.number, one.kind, one.text) for one in found]
    return blake2b(msgspec.json.encode([text, told]), digest_size=16).hexdigest()


def _sorted(desk: Desk, name: str, found: list[Outcome]) -> dict[str, Any]:
    """Return the rows as a page shows them, and how many there are of each kind."""
    rows = [_shown(desk, name, one) for one in found]
    counts = {
        kind: sum(row["kind"] == kind for row in rows)
        for kind in ("add", "change", "unchanged", "bad")
    }
    return {"rows": rows, "counts": counts}


def _shown(desk: Desk, name: str, one: Outcome) -> dict[str, Any]:
    words, step = desk.words, one.step
    if step is None:
        trouble = one.text if one.error is None else _why(desk, one.error)
        return {"number": one.number, "kind": "bad", "trouble": trouble}
    differences = None
    if step.differences is not None:
        differences = [
            {
                "name": words(f"field.{each.name}"),
                "before": words.code("word", each.before, each.before),
                "after": words.code("word", each.after, each.after),
            }
            for each in step.differences
        ]
    kind = "unchanged" if step.do is None else "add" if differences is None else "change"
    return {
        "number": one.number,
        "kind": kind,
        "trouble": "",
        "subject": step.subject,
        "differences": differences,
    }


def _why(desk: Desk, error: CrisisError | ValueError) -> str:
    said = told(error, desk.words)
    return " ".join([said["detail"], *said["problems"]])
