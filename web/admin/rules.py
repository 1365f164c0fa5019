"""The county's standards and code sets: what is in force, what nobody has verified, a new edition.

An edition is shown as what it would change before it is loaded, and loaded it is never changed.
What it must look like is decided by ``crisis.editions``, which names every fault.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.codes import packaged as packaged_codes
from crisis.editions import (
    CodesEdition,
    Edition,
    EditionKind,
    check_codes,
    check_standards,
    facts_on,
    merged_codes,
    parse_codes,
    unverified,
)
from crisis.errors import CrisisError
from crisis.standards import Fact, Standards, local_day
from crisis.standards import packaged as packaged_standards
from crisis.standards import parse as parse_standards
from dispatch.beside import BESIDE, Work
from dispatch.sheets.table import check_bytes
from dispatch.store import administration
from web.admin.pages import Desk, Fault, Pages, Trouble, done, status_of

#: What its form sends.
_SENT = ("kind", "edition", "shown")
#: No edition is as long: a county changes some codes.
_MOST_BYTES = 1024 * 1024
_STANDARDS, _CODES = EditionKind.STANDARDS, EditionKind.CODES


class RulePages:
    """Their routes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._page = pages.writer.page

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        return [self._pages.route("/rules", self.rules, fields=_SENT, is_long=True)]

    async def rules(self, desk: Desk) -> Response:
        """Show what is in force; of a file that was sent what it would change; load it."""
        if desk.form is None:
            return await self._list(desk)
        desk.require_admin()
        kind, text = desk.form.text("kind"), desk.form.raw("edition").replace("\r\n", "\n").strip()
        try:
            if not text:
                raise Fault("rules_file")
            if kind not in {_STANDARDS, _CODES}:
                raise Fault("rules_kind")
            given = await _read(desk, kind, text)
        except (CrisisError, ValueError) as error:
            return await self._list(desk, error)
        shown = blake2b(f"{kind}\n{text}".encode(), digest_size=16).hexdigest()
        if desk.form.text("shown") != shown:
            return await BESIDE.run(
                lambda work: self._check(desk, kind, text, given, shown), desk.work
            )
        database, by = desk.node.database, desk.principal.account_id
        if isinstance(given, Standards):
            await administration.add_standards(database, desk.county_id, given, by=by)
        else:
            await administration.add_codes(database, desk.county_id, given, by=by)
        await desk.county.read_rules()
        return done(desk, "rules", "rules")

    async def _list(self, desk: Desk, trouble: Trouble | None = None) -> Response:
        rules = desk.county.rules(desk.now)
        today = local_day(desk.now, desk.zone)
        editions = await administration.list_editions(desk.node.database, desk.county_id)
        known = await administration.list_codes(desk.node.database, desk.county_id)
        facts = facts_on(rules.standards, today)
        ahead = [fact for fact in rules.standards.facts if fact.effective_from > today]

        def written(work: Work) -> Response:
            work.at(0)
            return self._page(
                desk,
                "rules.html",
                200 if trouble is None else status_of(trouble),
                trouble=trouble,
                version=rules.standards.version,
                facts=[_fact(one) for one in facts],
                ahead=[_fact(one) for one in sorted(ahead, key=lambda one: one.effective_from)],
                editions=[_edition(desk, one) for one in reversed(editions)],
                codes=[_code for edition in known for _code in _changes(desk, edition)],
                sets=[
                    {
                        "name": rules.codes.catalogue.sets[one.name].label,
                        "set": one.name,
                        "source": one.source,
                    }
                    for one in unverified(rules.standards, rules.codes)
                    if one.kind is _CODES
                ],
                left_out=merged_codes(packaged_codes(), known)[1],
            )

        # An edition may change many codes.
        return await BESIDE.run(written, desk.work)

    def _check(
        self, desk: Desk, kind: str, text: str, given: Standards | CodesEdition, shown: str
    ) -> Response:
        rules = desk.county.rules(desk.now)
        today = local_day(desk.now, desk.zone)
        rows: list[dict[str, Any]]
        if isinstance(given, Standards):
            in_force = {fact.key: fact for fact in facts_on(rules.standards, today)}
            rows = [{**_fact(one), "before": _value(in_force.get(one.key))} for one in given.facts]
        else:
            rows = list(_changes(desk, given))
        return self._page(
            desk,
            "rules_check.html",
            kind=kind,
            version=given.version,
            rows=rows,
            text=text,
            shown=shown,
            open_incidents=sum(one.is_open for one in desk.county.board.incidents.values()),
        )


async def _read(desk: Desk, kind: str, text: str) -> Standards | CodesEdition:
    """Return the edition of a file that may be loaded.

    Raises:
        Invalid: ``bad_standards``, ``bad_codes``, ``bad_edition``, ``edition_taken``.
    """
    check_bytes(len(text), _MOST_BYTES)
    database, county_id = desk.node.database, desk.county_id
    facts = await administration.list_standards(database, county_id)
    changes = await administration.list_codes(database, county_id)

    def read(work: Work) -> Standards | CodesEdition:
        work.at(0, 2)
        given = parse_standards(text) if kind == _STANDARDS else parse_codes(text)
        work.at(1, 2)
        earlier = facts if isinstance(given, Standards) else changes
        administration.require_new(given.version, [one.version for one in earlier])
        if isinstance(given, Standards):
            check_standards(packaged_standards(), facts, given)
        else:
            check_codes(merged_codes(packaged_codes(), changes)[0], given)
        return given

    return await BESIDE.run(read, desk.work)


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "key": fact.key,
        "value": _value(fact),
        "from": fact.effective_from.isoformat(),
        "source": fact.source,
        "is_verified": fact.verified,
    }


def _value(fact: Fact | None) -> str:
    return "" if fact is None else str(fact.value)


def _edition(desk: Desk, edition: Edition) -> dict[str, Any]:
    return {
        "kind": edition.kind.value,
        "version": edition.version,
        "from": edition.effective_from.isoformat(),
        "loaded": desk.when(edition.loaded_at),
    }


def _changes(desk: Desk, edition: CodesEdition) -> list[dict[str, Any]]:
    """Return what an edition changes, a row for each code or set."""
    words, sets = desk.words, packaged_codes().sets
    rows = [
        {
            "set": one.set,
            "code": one.code,
            "from": one.effective_from.isoformat(),
            "before": next((k.label for k in sets[one.set].codes if k.code == one.code), "")
            if one.set in sets
            else "",
            "after": words("rules.ends") if one.retired else (one.label or ""),
            "edition": edition.version,
        }
        for one in edition.changes
    ]
    rows += [
        {
            "set": one.set,
            "code": "",
            "from": one.effective_from.isoformat(),
            "before": "",
            "after": words("rules.verified" if one.verified else "rules.not_verified"),
            "edition": edition.version,
        }
        for one in edition.sets
    ]
    return rows
