"""The county, its agencies and its policy.

Decides how a policy becomes a form and a form a policy. What a policy must look like is decided by
``crisis.policy``, which names every fault. A version is shown as what it would change before it is
saved, and saved it is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import CrisisError, Invalid
from crisis.policy import Change, CountyPolicy, diff, from_mapping, policy_at, to_mapping
from dispatch.rulebook import DEFAULT_POLICY
from dispatch.store import administration
from web.admin.pages import Desk, Pages, done, status_of
from web.cli.roster import local_text
from web.cli.shifts import instant_of

#: Fields of a form that are settings begin so.
_SETTING = "set."
#: Said beside the settings, not among them.
_HEAD = frozenset({"version", "effective_from"})


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
            route("/agencies", self.agencies),
            route("/policy", self.policy),
            route("/policy/new", self.edit),
            route("/policy/save", self.save),
        ]

    async def county(self, desk: Desk) -> Response:
        """Show the county, and the others that this account has a role in."""
        served = await administration.list_counties(desk.node.database)
        mine = [one for one in served if one.county_id in desk.principal.grants]
        zones = await administration.list_zones(desk.node.database, desk.county_id)
        board = desk.county.board
        teams = [t for t in board.teams.values() if desk.may_see(t.agency_id)]
        return self._page(
            desk,
            "county.html",
            counties=mine,
            zones=zones,
            policy=desk.county.rules(desk.now).policy,
            figures={
                "agencies": len(await desk.agencies()),
                "teams": len(teams),
                "people": sum(desk.may_see(p.agency_id) for p in board.responders.values()),
                "shifts": sum(s.team_id in {t.id for t in teams} for s in board.shifts.values()),
            },
        )

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
        rows = [
            {
                "name": one.name,
                "teams": sum(t.agency_id == one.agency_id for t in board.teams.values()),
                "people": sum(p.agency_id == one.agency_id for p in board.responders.values()),
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

    # Policy

    async def policy(self, desk: Desk) -> Response:
        """Show the policy in force, what it changes of the defaults, and all versions."""
        versions = await self._versions(desk)
        in_force = policy_at(versions, desk.now)
        rows = [
            {
                "policy": one,
                "from": local_text(one.effective_from, desk.zone),
                "is_in_force": one == in_force,
                "is_ahead": one.effective_from > desk.now,
                "changes": _changes(policy_before(versions, one), one),
            }
            for one in sorted(versions, key=lambda p: p.effective_from, reverse=True)
        ]
        return self._page(
            desk,
            "policy.html",
            rows=rows,
            in_force=in_force,
            settings=_settings(in_force),
        )

    async def edit(self, desk: Desk) -> Response:
        """Show the form of a new version; of what was sent, every fault or what it changes."""
        desk.require_admin()
        versions = await self._versions(desk)
        before = policy_at(versions, desk.now)
        if desk.form is None:
            return self._form(desk, before, {}, version="", effective_from="")
        form = desk.form
        values = {
            name.removeprefix(_SETTING): texts[-1]
            for name, texts in form.fields.items()
            if name.startswith(_SETTING)
        }
        head = {"version": form.text("version"), "effective_from": form.text("effective_from")}
        try:
            policy = from_mapping(self._mapping(desk, before, values, head))
            if any(one.version == policy.version for one in versions):
                raise Invalid(
                    "policy_version_taken",
                    f"There is a version {policy.version} already; give this one another name.",
                )
        except (CrisisError, ValueError) as error:
            return self._form(desk, before, values, trouble=error, **head)
        return self._check(desk, policy, versions)

    def _check(
        self,
        desk: Desk,
        policy: CountyPolicy,
        versions: list[CountyPolicy],
        trouble: CrisisError | None = None,
    ) -> Response:
        return self._page(
            desk,
            "policy_check.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            policy=policy,
            before=policy_at(versions, policy.effective_from),
            starts=local_text(policy.effective_from, desk.zone),
            is_past=policy.effective_from <= desk.now,
            changes=_changes(policy_at(versions, policy.effective_from), policy),
            body=msgspec.json.encode(to_mapping(policy)).decode(),
        )

    async def save(self, desk: Desk) -> Response:
        """Save a version that was looked at."""
        desk.require_admin()
        try:
            given = msgspec.json.decode(desk.sent.raw("policy"), type=dict[str, object])
        except msgspec.DecodeError:
            raise Invalid("bad_form", "This form can't be read; begin again.") from None
        policy = from_mapping(given)
        try:
            await administration.add_policy(
                desk.node.database, desk.county_id, policy, by=desk.principal.account_id
            )
        except CrisisError as error:
            return self._check(desk, policy, await self._versions(desk), error)
        await desk.county.read_rules()
        return done(desk, "policy", "policy")

    async def _versions(self, desk: Desk) -> list[CountyPolicy]:
        own = await administration.list_policies(desk.node.database, desk.county_id)
        return [DEFAULT_POLICY, *own]

    def _form(
        self,
        desk: Desk,
        before: CountyPolicy,
        values: Mapping[str, str],
        *,
        version: str,
        effective_from: str,
        trouble: CrisisError | ValueError | None = None,
    ) -> Response:
        groups: dict[str, list[dict[str, Any]]] = {}
        for setting in _settings(before):
            given = values.get(setting["path"], setting["text"])
            group = setting["path"].rpartition(".")[0].split(".")[0]
            groups.setdefault(group, []).append(
                {**setting, "text": given, "is_changed": given != setting["text"]}
            )
        return self._page(
            desk,
            "policy_edit.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            before=before,
            groups=groups,
            version=version,
            effective_from=effective_from,
        )

    def _mapping(
        self,
        desk: Desk,
        before: CountyPolicy,
        values: Mapping[str, str],
        head: Mapping[str, str],
    ) -> dict[str, object]:
        """Return the mapping that a form means: the policy in force with what was changed in it."""
        whole = to_mapping(before)
        for path, text in values.items():
            *groups, name = path.split(".")
            at: Any = whole
            for group in groups:
                at = at.setdefault(group, {}) if isinstance(at, dict) else {}
            if isinstance(at, dict):
                at[name] = _value(text, at.get(name))
        whole["version"] = head["version"]
        whole["effective_from"] = _effective(head["effective_from"], desk)
        return whole


def policy_before(versions: list[CountyPolicy], policy: CountyPolicy) -> CountyPolicy:
    """Return the version that ``policy`` took over from; the defaults where there is none."""
    earlier = [
        one
        for one in versions
        if (one.effective_from, one.version) < (policy.effective_from, policy.version)
    ]
    return max(earlier, key=lambda p: (p.effective_from, p.version), default=DEFAULT_POLICY)


def _effective(text: str, desk: Desk) -> str:
    if not text:
        return "missing"
    instant: datetime = instant_of(text, desk.zone, "effective_from")
    return instant.isoformat()


def _settings(policy: CountyPolicy) -> list[dict[str, Any]]:
    """Return every setting with its path, its value as text, and how it is entered."""
    found: list[dict[str, Any]] = []
    defaults = dict(_leaves(to_mapping(DEFAULT_POLICY)))
    for path, value in _leaves(to_mapping(policy)):
        if path in _HEAD:
            continue
        kind = "yes_no" if isinstance(value, bool) else "text"
        if isinstance(value, list):
            kind = "list"
        found.append(
            {
                "path": path,
                "kind": kind,
                "text": _text(value),
                "default": _text(defaults.get(path)),
                "is_default": value == defaults.get(path),
            }
        )
    return found


def _leaves(value: object, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            leaf
            for name, inner in value.items()
            for leaf in _leaves(inner, f"{path}.{name}" if path else str(name))
        ]
    return [(path, value)]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _value(text: str, before: object) -> object:
    """Return what a field says; what can't be read stays text, and is told as a fault."""
    text = text.strip()
    if isinstance(before, str):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _changes(before: CountyPolicy, after: CountyPolicy) -> list[dict[str, str]]:
    def shown(change: Change) -> dict[str, str]:
        return {
            "path": change.path,
            "before": _text(change.before),
            "after": _text(change.after),
        }

    return [shown(one) for one in diff(before, after) if one.path not in _HEAD]
