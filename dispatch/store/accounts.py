"""Accounts and what each may act as, as administered from the command line or by an admin.

Decides what an account, a password, a grant and a token must look like. Must not know HTTP, nor who
may call it. Changes end or refresh the sessions that they touch: nodes learn of them within
seconds from the account log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

import msgspec

from crisis.clock import Clock, IdSource, new_id, secret_token
from crisis.errors import Conflict, Invalid, NotFound
from crisis.ids import AgencyId, CountyId, ResponderId, UserId
from crisis.rights import Act
from crisis.roles import PEOPLE, Role
from dispatch.store.attempts import keys_of
from dispatch.store.errors import register_constraint
from dispatch.store.identity import (
    MAX_LABEL,
    READING,
    TOKEN_PREFIX,
    Account,
    Colleague,
    Device,
    Grant,
    OpenSession,
    Token,
    canonical_username,
)
from dispatch.store.passwords import Passwords, password_problems
from dispatch.store.pool import Database, Record, Worker
from dispatch.store.sessions import NewSession, begin_session
from dispatch.store.sql import load

SQL = load("accounts")

register_constraint(
    "username_taken", lambda: Conflict("username_taken", "This username is in use.")
)
register_constraint(
    "responder_has_one_account",
    lambda: Conflict(
        "responder_has_account", "Another account is already linked to this responder."
    ),
)
for _name in ("grant_names_an_agency", "token_names_an_agency"):
    register_constraint(
        _name, lambda: Invalid("unknown_agency", "There is no such agency in this county.")
    )
for _name in ("account_grants_county_id_fkey", "token_scopes_county_id_fkey"):
    register_constraint(_name, lambda: Invalid("unknown_county", "This county is not served here."))


_AT_DESK = Act.SIT_AT_DESK.roles


class Accounts:
    """Accounts, grants and tokens in the database.

    Args:
        clock: the machine clock.
        ids: of new accounts and tokens.
    """

    def __init__(
        self, database: Database, clock: Clock, passwords: Passwords, *, ids: IdSource = new_id
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._ids = ids

    async def create_account(
        self,
        username: str,
        label: str,
        *,
        password: str | None = None,
        kind: Literal["person", "integration"] = "person",
        by: UserId | None = None,
    ) -> UserId:
        """Create an account without any grant.

        Args:
            password: ``None`` = nobody can sign in with one until it is set.
            kind: an integration never has a password, only tokens.
            by: the account that does it; ``None`` = the command line.

        Raises:
            Invalid: ``weak_password``, ``bad_username`` or ``bad_label``.
            Conflict: ``username_taken``.
        """
        name, label = canonical_username(username), label.strip()
        if not 2 <= len(name) <= MAX_LABEL or any(c.isspace() or not c.isprintable() for c in name):
            raise Invalid("bad_username", "A username has 2 to 100 characters and no spaces.")
        if not 1 <= len(label) <= MAX_LABEL:
            raise Invalid("bad_label", "An account's label has 1 to 100 characters.")
        if kind == "integration" and password is not None:
            raise Invalid("integration_has_no_password", "An integration signs in with tokens.")
        hashed = None if password is None else await self._hash_new(password, name, label)
        account_id = UserId(self._ids())
        now = self._clock.now()
        await self._run("create_account", account_id, kind, name, label, hashed, now, by)
        return account_id

    async def account_named(self, username: str) -> UserId:
        """Return the id of the account with this username.

        Raises:
            NotFound: ``no_account``.
        """
        rows = await self._run("find_account", canonical_username(username), None)
        if not rows:
            raise _no_account()
        return UserId(rows[0]["account_id"])

    async def list_accounts(self, county_id: int | None = None) -> tuple[Account, ...]:
        """Return all accounts by username, or those with a grant in ``county_id``."""
        rows = await self._run("list_accounts", county_id)
        return tuple(
            msgspec.convert({**dict(row), "grants": msgspec.json.decode(row["grants"])}, Account)
            for row in rows
        )

    async def labels(self, account_ids: Iterable[UUID]) -> dict[UserId, str]:
        """Return how colleagues see these accounts; unknown ones are left out."""
        rows = await self._run("label_accounts", list(account_ids))
        return {UserId(row["account_id"]): row["label"] for row in rows}

    async def at_desk(self, county_id: int) -> tuple[Colleague, ...]:
        """Return who may work a county's desk and is signed in, by label."""
        now = self._clock.now()
        rows = await self._run(
            "list_at_desk", county_id, sorted(role.value for role in _AT_DESK), now
        )
        return tuple(msgspec.convert(dict(row), Colleague) for row in rows)

    async def absent(
        self,
        county_id: int,
        account_ids: Iterable[UserId],
        roles: Iterable[Role] = _AT_DESK,
        *,
        grace: timedelta = timedelta(),
    ) -> tuple[UserId, ...]:
        """Return those of the people who can't act in a county now; unknown ids are left out.

        Args:
            roles: one of which they need to act; those of the desk unless said.
            grace: a session that ran out, not one that was ended, still counts for so long.
        """
        at = self._clock.now() - grace
        needed = sorted(role.value for role in roles)
        rows = await self._run("list_absent", county_id, list(account_ids), needed, at)
        return tuple(UserId(row["account_id"]) for row in rows)

    async def set_password(
        self,
        account_id: UserId,
        password: str,
        *,
        keep: UUID | None = None,
        by: UserId | None = None,
    ) -> None:
        """Set a person's password and end all their sessions but ``keep``.

        Raises:
            Invalid: ``weak_password``, with all reasons.
            NotFound: ``no_account``, or an integration's.
        """
        rows = await self._run("find_account", None, account_id)
        if not rows:
            raise _no_account()
        hashed = await self._hash_new(password, rows[0]["username"], rows[0]["label"])
        now = self._clock.now()
        if not await self._run("set_password", account_id, hashed, now, keep, by):
            raise _no_account()

    async def disable(self, account_id: UserId, *, by: UserId | None = None) -> bool:
        """End all use of an account, its open sockets within seconds; False = it was so.

        Raises:
            NotFound: ``no_account``.
        """
        return await self._switch("disable_account", account_id, self._clock.now(), by)

    async def enable(self, account_id: UserId, *, by: UserId | None = None) -> bool:
        """Allow use again; sessions ended before stay ended. False = it was so.

        Raises:
            NotFound: ``no_account``.
        """
        return await self._switch("enable_account", account_id, by)

    async def grant(self, account_id: UserId, grant: Grant, *, by: UserId | None = None) -> None:
        """Say what a person may act as in a county, in place of what they could there before.

        Raises:
            Invalid: ``bad_grant``, ``unknown_county`` or ``unknown_agency``.
            Conflict: ``responder_has_account``.
            NotFound: ``no_account``, or an integration's.
        """
        if not grant.roles or not grant.roles <= PEOPLE or grant.scopes is not None:
            raise Invalid("bad_grant", "A grant names at least one role that a person can have.")
        if Role.RESPONDER in grant.roles and grant.responder_id is None:
            raise Invalid("bad_grant", "A responder's grant names the entry in the roster.")
        done = await self._run(
            "set_grant",
            grant.county_id,
            account_id,
            sorted(grant.roles),
            grant.agency_id,
            grant.responder_id,
            self._clock.now(),
            by,
        )
        if not done:
            raise _no_account()

    async def revoke(self, account_id: UserId, county_id: int, *, by: UserId | None = None) -> bool:
        """Take everything that an account may do in a county; False = there was nothing."""
        return bool(await self._run("take_grant", county_id, account_id, by))

    async def forget_failures(self, username: str, address: str = "") -> None:
        """Let somebody try to sign in at once, after delays."""
        keys = keys_of(canonical_username(username), address)
        await self._run("forget_attempts", [keys.place, keys.username, keys.address])

    async def issue_token(
        self,
        account_id: UserId,
        scopes: Mapping[CountyId, Iterable[str]],
        *,
        expires_at: datetime,
        device: str = "",
        agency_id: AgencyId | None = None,
        by: UserId | None = None,
    ) -> tuple[str, UUID]:
        """Give an integration a token limited to scopes per county.

        Args:
            scopes: per county, the command types (``offer_call``) and views that it may use.
            agency_id: ends the token at an agency; then only with a single county.

        Returns:
            The token, which can't be read again, and the id to end it by.

        Raises:
            Invalid: ``bad_scopes``, ``bad_expiry``, ``unknown_county`` or ``unknown_agency``.
            NotFound: ``no_account``: not an integration's, or disabled.
        """
        wanted = {county: sorted(set(names)) for county, names in scopes.items()}
        if not wanted or not all(wanted.values()):
            raise Invalid("bad_scopes", "A token names at least one scope in each county.")
        now = self._clock.now()
        if expires_at <= now:
            raise Invalid("bad_expiry", "A token's expiry lies ahead.")
        rows = await self._run("find_account", None, account_id)
        if not rows or rows[0]["kind"] != "integration":
            raise _no_account()
        new = NewSession(
            session_id=self._ids(),
            account_id=account_id,
            secret=TOKEN_PREFIX + secret_token(),
            purpose="integration",
            device=device,
            at=now,
            idle=None,
            expires_at=expires_at,
        )
        async with self._database.tx(Worker()) as con:
            if not await begin_session(con, new, by=by):
                raise _no_account()
            for county_id, names in sorted(wanted.items()):
                await con.execute(SQL["add_scopes"], county_id, new.session_id, names, agency_id)
        return new.secret, new.session_id

    async def tokens(self, county_id: int) -> tuple[Token, ...]:
        """Return the tokens that may do anything in a county and haven't run out, newest first."""
        now = self._clock.now()
        return tuple(
            msgspec.convert({**dict(row), "grants": msgspec.json.decode(row["grants"])}, Token)
            for row in await self._run("list_tokens", county_id)
            if row["expires_at"] > now
        )

    async def end_token(self, session_id: UUID, *, by: UserId | None = None) -> bool:
        """End one token; False = there is none, or it was ended."""
        return bool(await self._run("end_session", session_id, self._clock.now(), by))

    async def sessions_of(self, account_id: UserId) -> tuple[OpenSession, ...]:
        """Return an account's sessions, newest first."""
        now = self._clock.now()
        return tuple(
            OpenSession(
                session_id=row["session_id"],
                purpose=row["purpose"],
                device=row["device"],
                created_at=row["created_at"],
                last_seen_at=row["last_seen_at"],
                expires_at=row["expires_at"],
            )
            for row in await self._run("list_sessions", account_id)
            if row["expires_at"] > now
            and (
                row["idle_s"] is None
                or row["last_seen_at"] + timedelta(seconds=row["idle_s"]) > now
            )
        )

    async def devices_of(
        self, county_id: int, responder_ids: Collection[ResponderId]
    ) -> tuple[Device, ...]:
        """Return where people of the roster are signed in."""
        rows = await self._run(
            "devices_of_responders", county_id, list(responder_ids), self._clock.now()
        )
        return tuple(Device(**dict(row)) for row in rows)

    async def erase_devices(
        self, county_id: int, responder_id: ResponderId, *, by: UserId | None = None
    ) -> int:
        """End every session of somebody in the roster: what their devices keep is erased.

        Returns:
            How many ended, those included that had run out by themselves.
        """
        now = self._clock.now()
        return len(await self._run("end_sessions_of_responder", county_id, responder_id, now, by))

    async def end_sessions(
        self, account_id: UserId, *, keep: UUID | None = None, by: UserId | None = None
    ) -> bool:
        """End all sessions and tokens of an account but ``keep``; False = there were none."""
        return bool(await self._run("end_sessions", account_id, self._clock.now(), keep, by))

    async def _hash_new(self, password: str, username: str, label: str) -> str:
        problems = password_problems(password, username, [label])
        if problems:
            raise Invalid(
                "weak_password",
                "Choose a longer password, not built from the username, and none that many people "
                "use: four words that don't belong together are good.",
                problems=list(problems),
            )
        return await self._passwords.hash(password)

    async def _switch(self, name: str, account_id: UserId, *args: object) -> bool:
        if await self._run(name, account_id, *args):
            return True
        if not await self._run("find_account", None, account_id):
            raise _no_account()
        return False

    async def _run(self, name: str, *args: object) -> list[Record]:
        query: LiteralString = SQL[name]
        run = self._database.ask if name.startswith(READING) else self._database.call
        return await run(Worker(), query, *args)


def _no_account() -> NotFound:
    return NotFound("no_account", "There is no such account.")
