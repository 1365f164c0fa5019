"""Tokens of other systems: what each may do, a new one shown once, and ending one.

Decides which scopes there are to choose from. A token ends at the county, and may end at an agency;
one that acts in further counties can be ended by an administrator of any of them, because a leaked
one must be. Must not know how tokens are kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import CrisisError, NotFound
from crisis.ids import AgencyId, UserId
from crisis.standards import local_day
from dispatch.store.administration import find_county
from dispatch.store.identity import MAX_LABEL, Account, Token
from geo import trackers
from geo.fix import FixReason
from web.admin.forms import Form
from web.admin.pages import Desk, Fault, Pages, Trouble, done, id_of, status_of

#: Command types and views that a token may be issued for, by what they are about.
SCOPES = {
    "calls": ("offer_call", "abandon_call", "lose_call", "confirm_transfer", "open_incident"),
    "teams": ("fixes", "raise_duress"),
    "reading": (
        "view:wall",
        "view:board",
        "view:teams",
        "view:codes",
        "view:policy",
        "view:reports",
    ),
}
_ALL = frozenset(scope for group in SCOPES.values() for scope in group)
_A_YEAR = timedelta(days=366)
#: A token that ends sooner is marked: somebody must issue the next one.
_SOON = timedelta(days=30)

#: What is said of a tracker: all of it an operator can mend, or must know.
_TOLD_OF_TRACKERS = frozenset(
    {
        *(trouble.value for trouble in trackers.Trouble),
        *(reason.value for reason in FixReason if reason is not FixReason.DUPLICATE),
        *("alarm", "no_team", "off_shift", "too_many"),
    }
)
_FIELDS = ("system", "device", "scope", "agency", "until")


class TokenPages:
    """Their routes.

    Args:
        refresh: lets an ended token count as ended at once on this node.
    """

    def __init__(self, pages: Pages, refresh: Callable[[], Awaitable[None]]) -> None:
        self._pages = pages
        self._page = pages.writer.page
        self._refresh = refresh

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        route = self._pages.route
        return [
            route("/tokens", self.tokens),
            route("/tokens/new", self.add, fields=_FIELDS),
            route("/tokens/{id}/end", self.end),
        ]

    async def tokens(self, desk: Desk) -> Response:
        """List the tokens in use."""
        desk.require_admin()
        agencies = {one.agency_id: one.name for one in await desk.agencies()}
        rows = []
        # Their dates are the host's, not those of a county whose time is simulated.
        now = desk.node.machine.now()
        held = await desk.node.accounts.tokens(desk.county_id)
        for token in held:
            grant = next(one for one in token.grants if one.county_id == desk.county_id)
            used = token.last_seen_at if token.last_seen_at > token.created_at else None
            rows.append(
                {
                    "token": token,
                    "scopes": [
                        desk.words.code("scope", one, one) for one in sorted(grant.scopes or ())
                    ],
                    "elsewhere": _elsewhere(token, desk),
                    "agency": agencies.get(grant.agency_id, "") if grant.agency_id else "",
                    "issued": desk.when(token.created_at),
                    "used": desk.when(used),
                    "until": desk.when(token.expires_at),
                    "is_ending": token.expires_at < now + _SOON,
                }
            )
        heard = await self._trackers(desk, {row.session_id: row for row in held})
        return self._page(desk, "tokens.html", rows=rows, trackers=heard)

    async def _trackers(self, desk: Desk, held: Mapping[UUID, Token]) -> list[dict[str, Any]]:
        """Return each tracker that was heard of lately, with what it sent that couldn't be used."""
        teams = desk.county.board.teams
        rows: dict[UUID, dict[str, Any]] = {}
        for one in await desk.node.trackers.counts(desk.county_id):
            row = rows.setdefault(one.tracker_id, {"name": "", "team": "", "told": [], "posts": 0})
            team = teams.get(one.team_id) if one.team_id is not None else None
            token = held.get(one.tracker_id)
            row["team"] = row["team"] or (team.call_sign if team is not None else "")
            row["name"] = token.device or token.label if token is not None else row["team"]
            if one.reason == "post":
                row["posts"], row["last"] = one.times, desk.when(one.last_at)
            elif one.reason in _TOLD_OF_TRACKERS:
                row["told"].append(desk.words(f"tokens.tracker_{one.reason}", n=one.times))
        found = [row for row in rows.values() if row["posts"]]
        return sorted(found, key=lambda row: (not row["told"], row["team"], row["name"]))

    async def add(self, desk: Desk) -> Response:
        """Show the form of a new token, or issue it: it is shown once."""
        desk.require_admin()
        if desk.form is None:
            return await self._form(desk, Form({}))
        form, accounts = desk.form, desk.node.accounts
        try:
            scopes = form.all("scope")
            if not scopes or not _ALL.issuperset(scopes):
                raise Fault("scopes")
            until = _until(desk, form.text("until"))
            agency = form.text("agency")
            account_id = await self._account(desk, form.text("system"))
            secret, _ = await accounts.issue_token(
                account_id,
                {desk.county_id: scopes},
                expires_at=until,
                device=form.text("device")[:MAX_LABEL],
                agency_id=AgencyId(id_of(agency)) if agency else None,
                by=desk.principal.account_id,
            )
        except (CrisisError, ValueError) as error:
            return await self._form(desk, form, error)
        return self._page(desk, "token_made.html", secret=secret, system=form.text("system"))

    async def _account(self, desk: Desk, label: str) -> UserId:
        """Return the account of another system, which is made with its first token."""
        username = username_of(label)
        if not username:
            raise Fault("system")
        accounts = desk.node.accounts
        known = next((a for a in await accounts.list_accounts() if a.username == username), None)
        if known is None:
            return await accounts.create_account(
                username, label, kind="integration", by=desk.principal.account_id
            )
        if not await self._is_of_this_county(desk, known):
            raise Fault("system_taken", name=label)
        return known.account_id

    async def _is_of_this_county(self, desk: Desk, account: Account) -> bool:
        """Whether it is another system's that nobody else administers."""
        if account.kind != "integration" or account.disabled_at is not None:
            return False
        tokens = await desk.node.accounts.tokens(desk.county_id)
        mine = any(one.account_id == account.account_id for one in tokens)
        return mine or not await desk.node.accounts.sessions_of(account.account_id)

    async def end(self, desk: Desk) -> Response:
        """End a token at once."""
        desk.require_admin()
        session_id: UUID = id_of(desk.request.path_params["id"])
        known = {one.session_id for one in await desk.node.accounts.tokens(desk.county_id)}
        if desk.form is None or session_id not in known:
            raise NotFound("unknown_id", "There is no such entry.")
        await desk.node.accounts.end_token(session_id, by=desk.principal.account_id)
        await self._refresh()
        return done(desk, "token_ended", "tokens")

    async def _form(self, desk: Desk, form: Form, trouble: Trouble | None = None) -> Response:
        return self._page(
            desk,
            "token.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            form=form,
            groups=list(SCOPES.items()),
            agencies=await desk.agency_choices(),
        )


def username_of(label: str) -> str:
    """Return the username of another system by its name: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return f"system-{name}"[:MAX_LABEL] if name else ""


def _until(desk: Desk, text: str) -> datetime:
    """Return the end of the last day on which a token may be used."""
    now = desk.node.machine.now()
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - only its day is used
    except ValueError:
        raise Fault("last_day") from None
    if not local_day(now, desk.zone) <= day <= local_day(now, desk.zone) + _A_YEAR:
        raise Fault("last_day")
    return datetime.combine(day + timedelta(days=1), time.min, desk.zone)


def _elsewhere(token: Token, desk: Desk) -> str:
    others = [one.county_id for one in token.grants if one.county_id != desk.county_id]
    return ", ".join(find_county(f"{county_id:05d}")[1] for county_id in others)
