"""Sessions in the database: beginning, finding and using them, and one-use socket tickets.

Decides who may sign in, how long a session lasts and what is logged about it. Must not know HTTP.
Secrets are 256 random bits given out once; the database has their sha256.

All of it runs as role crisis_worker, because a sign-in comes before any county is known. The
machine clock serves here: sessions have nothing to do with a simulated county's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, LiteralString
from uuid import UUID

import msgspec

from crisis.clock import Clock, IdSource, new_id, secret_token
from crisis.errors import NotSignedIn, TooMany
from crisis.ids import UserId
from crisis.shapes import Value
from dispatch.store.attempts import (
    KNOWN_FOR,
    Devices,
    Keys,
    count_attempt,
    excuse,
    forgive,
    keys_of,
    parts_of,
)
from dispatch.store.identity import (
    MAX_LABEL,
    READING,
    TOKEN_PREFIX,
    AccountChange,
    FoundSession,
    Grant,
    Principal,
    Purpose,
    SessionRules,
    canonical_username,
    token_hash,
)
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Connection, Database, Record, Worker, retrying
from dispatch.store.sql import load
from dispatch.store.waiting import WaitingRoom

SQL = load("accounts")

TICKET_LIFE = timedelta(seconds=30)
#: How many attempts of places that aren't known ask the database at once, of the few connections
#: that background work has, and how many wait for that.
_STRANGERS, _STRANGERS_WAITING = 2, 200
_KEEP_ENDED = timedelta(days=90)


class NewSession(Value, frozen=True, kw_only=True):
    """A session or token about to begin.

    Attributes:
        idle: ends after so long without a request; ``None`` = never for that reason.
    """

    session_id: UUID
    account_id: UserId
    secret: str
    purpose: Purpose
    device: str
    at: datetime
    idle: timedelta | None
    expires_at: datetime


class SignInStats(Value, frozen=True, kw_only=True):
    """How many sign-ins wait at this moment."""

    waiting: int


async def begin_session(con: Connection, new: NewSession, *, by: UserId | None = None) -> bool:
    """Write a session in the caller's transaction; False = no such account in use."""
    done = await con.fetch(
        SQL["create_session"],
        new.session_id,
        new.account_id,
        token_hash(new.secret),
        new.purpose,
        new.device.strip()[:MAX_LABEL],
        new.at,
        None if new.idle is None else new.idle.total_seconds(),
        new.expires_at,
        "token_issued" if new.purpose == "integration" else "signed_in",
        by,
    )
    return bool(done)


class Sessions:
    """Sign-in and sessions.

    Args:
        clock: the machine clock.
        rules: how long sessions last; None = the defaults.
        devices: knows devices again that have signed in; None = none is.
        ids: of new sessions.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        *,
        rules: SessionRules | None = None,
        devices: Devices | None = None,
        ids: IdSource = new_id,
    ) -> None:
        self._devices = devices
        self._door = WaitingRoom(served=_STRANGERS, seats=_STRANGERS_WAITING)
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._ids = ids
        self.rules = rules or SessionRules()

    async def sign_in(
        self,
        username: str,
        password: str,
        *,
        address: str,
        purpose: Literal["cookie", "bearer"] = "cookie",
        device: str = "",
        mark: str = "",
    ) -> tuple[str, Principal]:
        """Begin a session and return its secret, which can't be read again, and who it is.

        Args:
            address: the client's, for the delay after failures; "" = unknown.
            device: as the client names it; cut at 100 characters.
            mark: that the device got at an earlier sign-in; "" = none.

        Raises:
            NotSignedIn: ``bad_credentials``, whatever was wrong.
            TooMany: ``slow_down``, ``sign_in_busy``; see ``retry_after_s``.
        """
        account, keys = await self._judge(username, password, address, mark)
        rules = self.rules
        is_cookie = purpose == "cookie"
        life = rules.cookie_life if is_cookie else rules.bearer_life
        idle = rules.cookie_idle if is_cookie else rules.bearer_idle
        secret = secret_token() if is_cookie else TOKEN_PREFIX + secret_token()
        now = self._clock.now()
        new = NewSession(
            session_id=self._ids(),
            account_id=UserId(account["account_id"]),
            secret=secret,
            purpose=purpose,
            device=device,
            at=now,
            idle=idle,
            expires_at=now + life,
        )

        async def begin() -> bool:
            async with self._database.tx(Worker()) as con:
                await forgive(con, keys, now)
                return await begin_session(con, new)

        if not await retrying(begin):
            raise _bad_credentials()
        found = await self.find(token_hash(secret))
        if found is None:
            raise AssertionError("a session that was just begun is there")
        return secret, found.principal

    @property
    def stats(self) -> SignInStats:
        """Who waits to be judged."""
        return SignInStats(waiting=self._door.waiting + self._passwords.waiting)

    def mark_for(self, username: str, mark: str) -> str | None:
        """Return the mark that a device gets which just signed in; None = it has one, or none is.

        ``mark``: what it came with.
        """
        name = canonical_username(username)
        if self._devices is None or self._devices.number(name, mark) is not None:
            return None
        return self._devices.mark(name)

    async def confirm_password(self, principal: Principal, password: str, *, address: str) -> None:
        """Let a signed-in person prove once more who they are.

        Raises:
            NotSignedIn: ``bad_credentials``.
            TooMany: ``slow_down``, ``sign_in_busy``; see ``retry_after_s``.
        """
        rows = await self._run("find_account", None, principal.account_id)
        if not rows:
            raise _bad_credentials()
        # Whoever is signed in is no stranger: counted by their session.
        keys = keys_of(rows[0]["username"], address, principal.session_id.bytes)
        await self._verified(rows[0]["username"], password, keys, parts_of(address))

        async def work() -> None:
            async with self._database.tx(Worker()) as con:
                await forgive(con, keys, self._clock.now())

        await retrying(work)

    async def find(self, hashed: bytes) -> FoundSession | None:
        """Return the session of a secret's hash, ended or not; ``None`` = there is none."""
        rows = await self._run("find_sessions", hashed, [])
        return _found(rows[0]) if rows else None

    async def find_all(self, session_ids: Sequence[UUID]) -> dict[UUID, FoundSession]:
        """Return those of the sessions that are there, ended or not."""
        rows = await self._run("find_sessions", None, list(session_ids))
        return {row["session_id"]: _found(row) for row in rows}

    async def touch(self, seen: Mapping[UUID, datetime]) -> None:
        """Note when sessions were last used."""
        if seen:
            await self._run("touch_sessions", list(seen), list(seen.values()))

    async def recent_changes(self) -> tuple[AccountChange, ...]:
        """Return what ended or changed rights in the last 60 s, in no order."""
        rows = await self._run("recent_changes")
        return tuple(
            AccountChange(r["log_id"], UserId(r["account_id"]), r["session_id"]) for r in rows
        )

    async def purge(self) -> None:
        """Drop what no longer matters: unused tickets, old counters, sessions long ended."""
        now = self._clock.now()
        await self._run("purge_tickets", now - timedelta(minutes=5))
        await self._run("purge_attempts", now - timedelta(days=1), now - KNOWN_FOR)
        await self._run("purge_sessions", now - _KEEP_ENDED)

    async def end_session(self, session_id: UUID, *, by: UserId | None = None) -> bool:
        """End one session or token; False = there is none, or it was ended."""
        return bool(await self._run("end_session", session_id, self._clock.now(), by))

    async def create_ticket(self, session_id: UUID) -> str:
        """Return a ticket with which this session may open one socket within 30 s."""
        ticket = secret_token()
        until = self._clock.now() + TICKET_LIFE
        await self._run("create_ticket", token_hash(ticket), session_id, until)
        return ticket

    async def redeem_ticket(self, ticket: str, session_id: UUID) -> bool:
        """Use a ticket up; True if it was this session's and in time."""
        rows = await self._run("redeem_ticket", token_hash(ticket))
        return (
            bool(rows)
            and rows[0]["session_id"] == session_id
            and self._clock.now() < rows[0]["expires_at"]
        )

    async def _judge(
        self, username: str, password: str, address: str, mark: str
    ) -> tuple[Record, Keys]:
        """Return the account if the password is right; the attempt is counted until forgiven."""
        name = canonical_username(username)
        device = None if self._devices is None else self._devices.number(name, mark)
        keys = keys_of(name, address, device)
        return await self._verified(name, password, keys, parts_of(address)), keys

    async def _verified(
        self, name: str, password: str, keys: Keys, parts: tuple[str, ...]
    ) -> Record:
        """Count the attempt, and return the account if the password is right.

        A known device waits for nobody; the others come in by networks, so that a flood leaves the
        database's connections to those who work.
        """
        if keys.is_device:
            is_known, account = await self._count(name, keys)
        else:
            async with self._door.turn(*parts):
                is_known, account = await self._count(name, keys)
        hashed: str | None = account["password_hash"] if account is not None else None
        try:
            whose = (*parts, f"{parts[0]} {name}")
            is_right = await self._passwords.verify(
                hashed, password, whose=whose, is_known=is_known
            )
        except TooMany:
            await excuse(self._database, keys, self._clock.now())
            raise
        if account is None or hashed is None or not is_right or account["disabled_at"] is not None:
            known_id = None if account is None else account["account_id"]
            await self._run("note_failure", known_id, keys.place)
            raise _bad_credentials()
        if self._passwords.is_outdated(hashed):
            fresh = await self._passwords.hash(password)
            await self._run("upgrade_hash", account["account_id"], hashed, fresh)
        return account

    async def _count(self, name: str, keys: Keys) -> tuple[bool, Record | None]:
        is_known = await count_attempt(self._database, keys, self._clock.now())
        rows = await self._run("find_account", name, None)
        return is_known, rows[0] if rows else None

    async def _run(self, name: str, *args: object) -> list[Record]:
        query: LiteralString = SQL[name]
        run = self._database.ask if name.startswith(READING) else self._database.call
        return await run(Worker(), query, *args)


def _found(row: Record) -> FoundSession:
    grants = msgspec.json.decode(row["grants"], type=tuple[Grant, ...])
    principal = Principal(
        account_id=UserId(row["account_id"]),
        session_id=row["session_id"],
        label=row["label"],
        purpose=row["purpose"],
        device=row["device"],
        expires_at=row["expires_at"],
        grants={grant.county_id: grant for grant in grants},
    )
    return FoundSession(principal, row["is_revoked"], row["last_seen_at"], row["idle_s"])


def _bad_credentials() -> NotSignedIn:
    return NotSignedIn("bad_credentials", "Username or password is wrong.")
