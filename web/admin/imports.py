"""CSV files: first what each row would change, then changing it.

Decides what is shown before a file is imported, and that nothing else is done than what was shown:
where the county has changed meanwhile, the rows are shown again. How rows are read, what they mean
and how they are done is ``dispatch.run.imports``, for the command line as well. All of it that
takes long runs beside the loop, and stops when whoever asked goes away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import CrisisError, NotFound
from dispatch.beside import BESIDE, Work
from dispatch.run.imports.accounts import COLUMNS as ACCOUNT_COLUMNS
from dispatch.run.imports.accounts import AccountsImport, agencies_of
from dispatch.run.imports.roster import (
    RESPONDER_COLUMNS,
    RESPONDER_DAYS,
    TEAM_COLUMNS,
    plan_responder,
    plan_team,
)
from dispatch.run.imports.rows import (
    AT_ONCE,
    Column,
    Mind,
    Outcome,
    Plan,
    Row,
    carry_out,
    prepare,
    rows_of,
)
from dispatch.run.imports.shifts import SHIFT_COLUMNS, SHIFT_TIMES, plan_shift_row
from dispatch.sheets.order import settle
from dispatch.store.passwords import new_password
from web.admin.pages import Desk, Pages, told
from web.admin.users import UserPages

#: So many rows of a kind are shown: more, nobody reads.
_MOST_SHOWN = 500


class Kind(NamedTuple):
    """What a file may hold. ``days``: its columns with days or times."""

    columns: Sequence[Column]
    days: Sequence[str] = ()


KINDS = {
    "teams": Kind(TEAM_COLUMNS),
    "people": Kind(RESPONDER_COLUMNS, RESPONDER_DAYS),
    "shifts": Kind(SHIFT_COLUMNS, SHIFT_TIMES),
    "users": Kind(ACCOUNT_COLUMNS),
}
_PLANS = {"teams": plan_team, "people": plan_responder, "shifts": plan_shift_row}


class Prepared(NamedTuple):
    """What a file would do.

    Attributes:
        notes: messages about the file as a whole.
        digest: tells this file with these outcomes from any other.
        accounts: of a file of accounts, who makes them.
    """

    outcomes: list[Outcome]
    notes: list[str]
    digest: str
    accounts: AccountsImport | None


class ImportPages:
    """Their routes."""

    def __init__(self, pages: Pages, users: UserPages) -> None:
        self._pages = pages
        self._page = pages.writer.page
        self._users = users

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        return [
            self._pages.route(
                "/import/{kind}", self.file, fields=("csv", "shown", "notes"), is_long=True
            ),
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
            prepared = await _prepared(desk, name, text)
        except CrisisError as error:
            if error.code not in _OF_THE_FILE:
                raise
            return self._page(desk, "import.html", 422, kind=kind, name=name, trouble=error)
        if desk.form.text("shown") != prepared.digest:
            return await self._check(desk, name, text, prepared)
        outcomes, made = await _carried_out(desk, name, prepared)
        if made:
            await self._users.refresh()
        values = {"name": name, "made": made, **_counted(outcomes)}
        rows = await BESIDE.run(lambda work: _shown(desk, outcomes, work), desk.work)
        return self._page(desk, "import_done.html", rows=rows, **values)

    async def _check(self, desk: Desk, name: str, text: str, prepared: Prepared) -> Response:
        def written(work: Work) -> Response:
            return self._page(
                desk,
                "import_check.html",
                name=name,
                csv=text,
                shown=prepared.digest,
                notes=prepared.notes,
                is_again=desk.sent.text("shown") != "",
                rows=_shown(desk, prepared.outcomes, work),
                **_counted(prepared.outcomes),
            )

        return await BESIDE.run(written, desk.work)


#: Why a file as a whole can't be imported: said where another one can be chosen.
_OF_THE_FILE = frozenset(
    {
        "file_columns",
        "file_days_mixed",
        "file_no_text",
        "file_not_csv",
        "file_too_long",
        "file_too_many_rows",
        "file_workbook",
        "took_too_long",
        "too_much_at_once",
    }
)


def _kind(desk: Desk) -> Kind:
    """Return what the page's file may hold, or refuse who may not bring it."""
    name = desk.request.path_params["kind"]
    if name not in KINDS:
        raise NotFound("unknown_path", "There is no such page.")
    if name == "users":
        desk.require_admin()
    return KINDS[name]


async def _prepared(desk: Desk, name: str, text: str) -> Prepared:
    """Return what every row would do; read and decided on beside the loop."""
    kind, words = KINDS[name], desk.words
    mine = await desk.agencies()
    called = await desk.names(with_names=True) if name == "people" else None
    accounts: AccountsImport | None = None
    if name == "users":
        store = desk.node.accounts
        accounts = AccountsImport(
            store,
            await store.list_accounts(),
            await agencies_of(desk.node.database, desk.county_id),
            new_password,
            by=desk.principal.account_id,
            within=desk.county_id,
        )
    notes = [words("import.guessed")] if desk.sent.notes else []

    def read(work: Work) -> Prepared:
        rows: list[tuple[int, Row]] = []
        for row in rows_of(words("import.the_file"), text, kind.columns):
            work.at(0, len(rows))
            rows.append(row)
        days = settle((number, row[one]) for number, row in rows for one in kind.days)
        if days.is_guessed:
            notes.append(words("import.month_first"))
        plan: Plan
        if accounts is not None:
            plan = accounts.plan
        else:
            roster = desk.roster(mine, days.order, called)

            def plan(row: Row) -> Any:
                return _PLANS[name](roster, row)

        found = prepare(rows, kind.columns, plan, lambda done: work.at(done, len(rows)))
        return Prepared(found, notes, _digest(text, found, work), accounts)

    return await BESIDE.run(read, desk.work)


async def _carried_out(
    desk: Desk, name: str, prepared: Prepared
) -> tuple[list[Outcome], list[tuple[str, str]]]:
    """Return what became of each row, and the passwords that were made."""
    found: list[Outcome] = []
    at_once = 1 if name == "users" else AT_ONCE
    async for one in carry_out(prepared.outcomes, at_once):
        found.append(one)
        desk.work.note(len(found), len(prepared.outcomes))
    return found, prepared.accounts.made if prepared.accounts else []


def _digest(text: str, found: list[Outcome], work: Work) -> str:
    """Return what tells this file with these outcomes from any other."""
    whole = blake2b(text.encode(), digest_size=16)
    for one in found:
        work.at(work.done)
        whole.update(msgspec.json.encode((one.number, one.kind, one.text)))
    return whole.hexdigest()


def _counted(found: list[Outcome]) -> dict[str, Any]:
    """Return how many rows there are of each kind, and how many of them aren't shown."""
    counts = Counter(_kind_of(one) for one in found)
    return {
        "counts": {kind: counts[kind] for kind in ("add", "change", "unchanged", "bad")},
        "read": len(found),
        "minded": sum(bool(one.step and one.step.minds) for one in found),
        "left_out": sum(max(0, count - _MOST_SHOWN) for count in counts.values()),
    }


def _kind_of(one: Outcome) -> str:
    if one.step is None:
        return "bad"
    if one.step.do is None:
        return "unchanged"
    return "add" if one.step.differences is None else "change"


def _shown(desk: Desk, found: list[Outcome], work: Work) -> list[dict[str, Any]]:
    """Return the first rows of each kind as a page shows them."""
    counts: Counter[str] = Counter()
    rows = []
    for one in found:
        kind = _kind_of(one)
        counts[kind] += 1
        if counts[kind] <= _MOST_SHOWN:
            work.at(work.done)
            rows.append(_row(desk, one, kind))
    return rows


def _row(desk: Desk, one: Outcome, kind: str) -> dict[str, Any]:
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
    return {
        "number": one.number,
        "kind": kind,
        "trouble": "",
        "subject": step.subject,
        "differences": differences,
        "minds": [mind_in(desk, mind) for mind in step.minds],
    }


def mind_in(desk: Desk, mind: Mind) -> str:
    """Return what to look at, in words."""
    of, _, code = mind.code.partition(".")
    if of == "uncounted":
        return desk.words("import.uncounted", reason=desk.words.code("uncounted", code))
    key = f"crew.{code}"
    return desk.words(key, **mind.facts) if desk.words.has(key) else mind.sentence


def _why(desk: Desk, error: CrisisError | ValueError) -> str:
    said = told(error, desk.words)
    return " ".join([said["detail"], *said["problems"]])
