"""The county's policy: which versions there are, and a new one.

What a policy must look like is decided by ``crisis.policy``, which names every fault. A version is
shown as what it would change before it is saved, and saved it is never changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import Conflict, CrisisError, Invalid
from crisis.policy import CountyPolicy, from_mapping, policy_at, to_mapping
from crisis.shapes import mark_of
from dispatch.decide.shifts import require_mark
from dispatch.run.imports.shifts import instant_of
from dispatch.run.rulebook import DEFAULT_POLICY
from dispatch.store import administration
from web.admin import settings
from web.admin.forms import Form
from web.admin.pages import Desk, Pages, Trouble, done, status_of

#: What the form of a new version sends; the settings by their paths.
_EDITED = ("version", "effective_from", "set.", "list.", "rung.", "policy", "again", "seen")
_SAVED = ("policy", "seen")


class PolicyPages:
    """Their routes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._page = pages.writer.page

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        route = self._pages.route
        return [
            route("/policy", self.policy),
            route("/policy/new", self.edit, fields=_EDITED),
            route("/policy/save", self.save, fields=_SAVED),
        ]

    async def policy(self, desk: Desk) -> Response:
        """Show the policy in force, what it changes of the defaults, and all versions."""
        versions = await _versions(desk)
        in_force = policy_at(versions, desk.now)
        rows = [
            {
                "policy": one,
                "from": desk.when(one.effective_from),
                "is_in_force": one == in_force,
                "is_ahead": one.effective_from > desk.now,
                "changes": settings.changes(desk.words, policy_before(versions, one), one),
            }
            for one in sorted(versions, key=lambda p: p.effective_from, reverse=True)
        ]
        return self._page(
            desk,
            "policy.html",
            rows=rows,
            in_force=in_force,
            groups=settings.groups(desk.words, in_force),
        )

    async def edit(self, desk: Desk) -> Response:
        """Show the form of a new version; of what was sent, every fault or what it changes."""
        desk.require_admin()
        versions = await _versions(desk)
        before = policy_at(versions, desk.now)
        if desk.form is None:
            return self._form(desk, versions, {}, version="", effective_from="")
        form = desk.form
        if form.text("again"):
            policy = _sent_policy(desk)
            starts = f"{policy.effective_from.astimezone(desk.zone):%Y-%m-%dT%H:%M}"
            given = dict(settings.flat(policy))
            return self._form(desk, versions, given, version=policy.version, effective_from=starts)
        given = settings.read(form, before)
        head = {"version": form.text("version"), "effective_from": form.text("effective_from")}
        try:
            _require_seen(form, versions)
            whole = settings.merged(before, given)
            whole["version"] = head["version"]
            whole["effective_from"] = _effective(head["effective_from"], desk)
            policy = from_mapping(whole)
            _require_new(policy, versions)
        except (CrisisError, ValueError) as error:
            return self._form(desk, versions, given, trouble=error, **head)
        return self._check(desk, policy, versions)

    def _check(
        self,
        desk: Desk,
        policy: CountyPolicy,
        versions: list[CountyPolicy],
        trouble: CrisisError | None = None,
    ) -> Response:
        at = max(policy.effective_from, desk.now)
        before = policy_at(versions, at)
        later = [one for one in versions if one.effective_from > policy.effective_from]
        following = min(later, key=lambda p: p.effective_from, default=None)
        return self._page(
            desk,
            "policy_check.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            policy=policy,
            seen=_mark(versions),
            before=before,
            starts=desk.when(policy.effective_from),
            is_past=policy.effective_from <= desk.now,
            next=following,
            next_starts=desk.when(following.effective_from) if following else "",
            changes=settings.changes(desk.words, before, policy),
            open_incidents=sum(one.is_open for one in desk.county.board.incidents.values()),
            body=msgspec.json.encode(to_mapping(policy)).decode(),
        )

    async def save(self, desk: Desk) -> Response:
        """Save a version that was looked at; it holds here at once."""
        desk.require_admin()
        policy = _sent_policy(desk)
        try:
            _require_seen(desk.sent, await _versions(desk))
            await administration.add_policy(
                desk.node.database, desk.county_id, policy, by=desk.principal.account_id
            )
        except CrisisError as error:
            return self._check(desk, policy, await _versions(desk), error)
        await desk.county.read_rules()
        return done(desk, "policy", "policy")

    def _form(
        self,
        desk: Desk,
        versions: list[CountyPolicy],
        given: dict[str, Any],
        *,
        version: str,
        effective_from: str,
        trouble: Trouble | None = None,
    ) -> Response:
        before = policy_at(versions, desk.now)
        return self._page(
            desk,
            "policy_edit.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            seen=_mark(versions),
            before=before,
            groups=settings.groups(desk.words, before, given),
            roles=settings.ROLES,
            rung_kinds=settings.RUNG_KINDS,
            version=version,
            effective_from=effective_from,
            zone=f"{desk.now.astimezone(desk.zone):%Z}",
        )


async def _versions(desk: Desk) -> list[CountyPolicy]:
    own = await administration.list_policies(desk.node.database, desk.county_id)
    return [DEFAULT_POLICY, *own]


def _mark(versions: list[CountyPolicy]) -> str:
    """Return the mark of the versions that a form was made beside."""
    return mark_of([policy.version for policy in versions])


def _require_seen(form: Form, versions: list[CountyPolicy]) -> None:
    """Refuse a version that was made without one that a colleague saved meanwhile."""
    seen = form.text("seen")
    require_mark(seen or _mark(versions), _mark(versions))


def _sent_policy(desk: Desk) -> CountyPolicy:
    try:
        given = msgspec.json.decode(desk.sent.raw("policy"), type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("bad_form", "This form can't be read; begin again.") from None
    return from_mapping(given)


def _require_new(policy: CountyPolicy, versions: list[CountyPolicy]) -> None:
    if any(one.version == policy.version for one in versions):
        raise Conflict(
            "policy_version_taken",
            f"There is a version {policy.version} already; give this one another name.",
            version=policy.version,
        )


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
