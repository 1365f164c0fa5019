"""Accounts of people, and what each may act as in the county.

Decides who may change whose account: an administrator of a county gives and takes roles there; a
password or a lock concerns an account everywhere, so it is for those who administer every county
in which it has a role. Nobody takes away their own administration. Must not know how passwords are
kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.errors import CrisisError, NotAllowed, NotFound
from crisis.ids import AgencyId, ResponderId, UserId
from crisis.rights import Act, may
from crisis.roles import PEOPLE, Role
from dispatch.beside import BESIDE, Work
from dispatch.run.alerts import try_address
from dispatch.run.imports.roster import responder_id_of
from dispatch.store.channels import Channel
from dispatch.store.identity import Account, Grant, canonical_username
from dispatch.store.passwords import new_password
from web.admin.forms import Form
from web.admin.pages import Desk, Fault, Pages, Trouble, done, id_of, status_of

_ROLES = sorted(PEOPLE, key=list(Role).index)
#: What one button does: take all roles here, lock, unlock, a new password, sign out everywhere.
_SWITCHES = frozenset({"revoke", "disable", "enable", "password", "erase"})
_GRANTED = ("role", "agency", "responder")


class UserPages:
    """Their routes.

    Args:
        refresh: lets a change of an account count at once on this node.
    """

    def __init__(self, pages: Pages, refresh: Callable[[], Awaitable[None]]) -> None:
        self._pages = pages
        self._page = pages.writer.page
        #: Lets a change of an account count at once on this node.
        self.refresh = refresh

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        route = self._pages.route
        return [
            route("/users", self.users),
            route("/users/new", self.add, fields=("username", "label", *_GRANTED)),
            route("/users/{id}", self.user, fields=_GRANTED),
            route("/users/{id}/mail", self.mail, fields=("address", "code", "what")),
            route("/users/{id}/{what}", self.switch),
        ]

    async def users(self, desk: Desk) -> Response:
        """List the accounts with a role in the county."""
        desk.require_admin()
        agencies = {one.agency_id: one.name for one in await desk.agencies()}
        accounts = await desk.node.accounts.list_accounts(desk.county_id)
        ways = await desk.node.channels.of(one.account_id for one in accounts)

        def written(work: Work) -> Response:
            rows = []
            for number, account in enumerate(accounts):
                work.at(number, len(accounts))
                grant = _grant_in(account, desk)
                roles = sorted(grant.roles) if grant else ()
                rows.append(
                    {
                        "account": account,
                        "ways": ways.get(account.account_id, ()),
                        "roles": ", ".join(desk.words.code("role", one) for one in roles),
                        "agency": agencies.get(grant.agency_id, "")
                        if grant and grant.agency_id
                        else "",
                    }
                )
            return self._page(desk, "users.html", rows=rows)

        # Accounts may be imported by the thousand.
        return await BESIDE.run(written)

    async def add(self, desk: Desk) -> Response:
        """Show the form of a new account, or make it: its password is shown once."""
        desk.require_admin()
        if desk.form is None:
            return await self._form(desk, None, Form({}))
        form, accounts = desk.form, desk.node.accounts
        name = canonical_username(form.text("username"))
        try:
            grant = self._grant(desk, form)
            known = next((a for a in await accounts.list_accounts() if a.username == name), None)
            password: str | None = None
            if known is None:
                password = new_password()
                account_id = await accounts.create_account(
                    name,
                    form.text("label") or name,
                    password=password,
                    by=desk.principal.account_id,
                )
            else:
                account_id = self._unknown_here(desk, known)
            await accounts.grant(account_id, grant, by=desk.principal.account_id)
        except (CrisisError, ValueError) as error:
            return await self._form(desk, None, form, error)
        await self.refresh()
        if password is None:
            return done(desk, "user", "users")
        return self._page(desk, "passwords.html", made=[(name, password)])

    def _unknown_here(self, desk: Desk, known: Account) -> UserId:
        if _grant_in(known, desk) is not None:
            raise Fault("account_listed")
        if known.kind != "person":
            raise Fault("account_of_system")
        return known.account_id

    async def user(self, desk: Desk) -> Response:
        """Show what an account may do, or change it."""
        desk.require_admin()
        account = await self._account(desk)
        if desk.form is None:
            return await self._form(desk, account, _form_of(account, desk))
        try:
            grant = self._grant(desk, desk.form)
            if account.account_id == desk.principal.account_id and not (
                grant.roles & Act.CONFIGURE.roles
            ):
                raise _own()
            await desk.node.accounts.grant(account.account_id, grant, by=desk.principal.account_id)
        except (CrisisError, ValueError) as error:
            return await self._form(desk, account, desk.form, error)
        await self.refresh()
        return done(desk, "user", "users")

    async def mail(self, desk: Desk) -> Response:
        """Set where an account's alarms are mailed, send a test, or take the code that came."""
        desk.require_admin()
        account = await self._account(desk)
        if desk.form is None:
            raise NotFound("unknown_path", "There is no such page.")
        form, channels = desk.form, desk.node.channels
        self._require_whole(desk, account)
        try:
            match form.text("what"):
                case "test":
                    await try_address(desk.node.mailer, channels, account.account_id)
                    said = "mail_sent"
                case "code":
                    await channels.answer_test(account.account_id, form.text("code"))
                    said = "mail_tried"
                case _:
                    given = form.text("address") or None
                    me = desk.principal.account_id
                    await channels.set_address(account.account_id, given, by=me)
                    said = "mail_set"
        except CrisisError as error:
            return await self._form(desk, account, _form_of(account, desk), error)
        return done(desk, said, "users", account.account_id)

    async def switch(self, desk: Desk) -> Response:
        """Take all roles here, lock or unlock, give a new password, or have its devices erased."""
        desk.require_admin()
        account = await self._account(desk)
        what = desk.request.path_params["what"]
        if desk.form is None or what not in _SWITCHES:
            raise NotFound("unknown_path", "There is no such page.")
        accounts, me = desk.node.accounts, desk.principal.account_id
        if account.account_id == me and what not in {"password", "erase"}:
            raise _own()
        if what == "erase":
            # Whoever it is that asks keeps the page that they ask from.
            await accounts.end_sessions(account.account_id, keep=desk.principal.session_id, by=me)
            await self.refresh()
            return done(desk, "erased", "users")
        if what == "revoke":
            await accounts.revoke(account.account_id, desk.county_id, by=me)
            await self.refresh()
            return done(desk, "revoked", "users")
        self._require_whole(desk, account)
        if what == "password":
            password = new_password()
            await accounts.set_password(account.account_id, password, by=me)
            await accounts.forget_failures(account.username)
            await self.refresh()
            return self._page(desk, "passwords.html", made=[(account.username, password)])
        change = accounts.disable if what == "disable" else accounts.enable
        await change(account.account_id, by=me)
        await self.refresh()
        return done(desk, f"{what}d", "users")

    def _require_whole(self, desk: Desk, account: Account) -> None:
        """Refuse who doesn't administer every county in which the account has a role."""
        mine = desk.principal.grants
        for grant in account.grants:
            held = mine.get(grant.county_id)
            if held is None or not may(held, Act.CONFIGURE):
                raise NotAllowed(
                    "acts_elsewhere",
                    "This account has roles in a county that you don't administer: its password "
                    "and lock are for an administrator of both.",
                )

    async def _account(self, desk: Desk) -> Account:
        wanted = UserId(id_of(desk.request.path_params["id"]))
        for one in await desk.node.accounts.list_accounts(desk.county_id):
            if one.account_id == wanted and one.kind == "person":
                return one
        raise NotFound("no_account", "There is no such account in this county.")

    def _grant(self, desk: Desk, form: Form) -> Grant:
        roles = frozenset(role for role in _ROLES if role.value in form.all("role"))
        if not roles or len(roles) < len(set(form.all("role"))):
            raise Fault("role")
        responder = form.text("responder")
        responder_id: ResponderId | None = None
        if responder:
            responder_id = responder_id_of(desk.county_id, responder)
            if responder_id not in desk.county.board.responders:
                raise Fault("unknown_code", code=responder)
        agency = form.text("agency")
        return Grant(
            county_id=desk.county_id,
            roles=roles,
            agency_id=AgencyId(id_of(agency)) if agency else None,
            responder_id=responder_id,
        )

    async def _form(
        self,
        desk: Desk,
        account: Account | None,
        form: Form,
        trouble: Trouble | None = None,
    ) -> Response:
        ways: tuple[Channel, ...] = ()
        if account is not None:
            found = await desk.node.channels.of([account.account_id])
            ways = found.get(account.account_id, ())
        values: dict[str, Any] = {
            "account": account,
            "ways": ways,
            "can_mail": desk.node.mailer is not None,
            "form": form,
            "roles": [role.value for role in _ROLES],
            "agencies": await desk.agency_choices(),
            "is_me": account is not None and account.account_id == desk.principal.account_id,
            "acts_elsewhere": account is not None
            and any(grant.county_id != desk.county_id for grant in account.grants),
        }
        status = 200 if trouble is None else status_of(trouble)
        return self._page(desk, "user.html", status, trouble=trouble, **values)


def _grant_in(account: Account, desk: Desk) -> Grant | None:
    return next((g for g in account.grants if g.county_id == desk.county_id), None)


def _form_of(account: Account, desk: Desk) -> Form:
    grant = _grant_in(account, desk)
    if grant is None:
        return Form({})
    return Form(
        {
            "role": [role.value for role in grant.roles],
            "agency": [str(grant.agency_id or "")],
            "responder": [str(grant.responder_id or "")],
        }
    )


def _own() -> NotAllowed:
    return NotAllowed("own_account", "You can't take your own administration away.")
