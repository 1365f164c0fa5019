"""Stand-ins for what surrounds the live endpoint: sign-in, its registry, and positions.

door = Door(); door.account("desk", Role.DISPATCHER)
door.account("page", Role.DISPATCHER, purpose="cookie")   # its ticket: "ticket of page"
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from crisis.errors import NotSignedIn, Unavailable
from crisis.ids import CountyId, TeamId, UserId
from crisis.roles import Role
from dispatch.store.identity import Grant, Principal, Purpose
from geo.fix import Fix, FixSource
from tests.unit.dispatch.board_kit import COUNTY, MONDAY, OAKLAND, uid
from web.http.auth import cookie_secret, header_secret
from web.http.sessions import Listener, SessionNews


class Door:
    """Lets in who has a known token; tickets work once."""

    def __init__(self) -> None:
        self.known: dict[str, Principal] = {}
        self.tickets: dict[str, UUID] = {}
        self.is_away = False
        self.slow: asyncio.Event | None = None

    def account(
        self,
        name: str,
        *roles: Role,
        purpose: Purpose = "bearer",
        counties: tuple[CountyId, ...] = (COUNTY,),
        **grant: Any,
    ) -> str:
        session_id = uid(f"session of {name}")
        self.known[name] = Principal(
            account_id=UserId(uid(name)),
            session_id=session_id,
            label=name,
            purpose=purpose,
            device="",
            expires_at=MONDAY + timedelta(hours=10),
            grants={c: Grant(county_id=c, roles=frozenset(roles), **grant) for c in counties},
        )
        self.tickets[f"ticket of {name}"] = session_id
        return name

    async def authenticate(self, scope: Any) -> Principal:
        if self.slow is not None:
            await self.slow.wait()
        if self.is_away:
            raise Unavailable("database_connection_lost", "Try again.")
        token = header_secret(scope) or cookie_secret(scope)
        if token is None or token not in self.known:
            raise NotSignedIn("not_signed_in", "Sign in first.")
        return self.known[token]

    async def redeem_ticket(self, principal: Principal, ticket: str) -> None:
        if self.tickets.pop(ticket, None) != principal.session_id:
            raise NotSignedIn("bad_ticket", "This ticket can't be used; ask for a new one.")


class Registry:
    """Who watches which session."""

    def __init__(self) -> None:
        self.listeners: dict[UUID, list[Listener]] = {}
        self.touched: list[UUID] = []

    def watch(self, principal: Principal, listener: Listener) -> Callable[[], None]:
        self.listeners.setdefault(principal.session_id, []).append(listener)
        return lambda: self.listeners[principal.session_id].remove(listener)

    def touch(self, session_id: Any) -> None:
        self.touched.append(session_id)

    def tell(self, name: str, notice: SessionNews) -> None:
        for listener in list(self.listeners[uid(f"session of {name}")]):
            listener(notice)


class Buffer:
    """Positions as the buffer of fixes gives them."""

    def __init__(self) -> None:
        self.now: dict[TeamId, Fix] = {}
        self.moved: dict[TeamId, Fix] = {}

    def put(self, team_id: TeamId) -> None:
        fix = Fix(fixed_at=MONDAY, received_at=MONDAY, point=OAKLAND, source=FixSource.PHONE)
        self.now[team_id] = self.moved[team_id] = fix

    def latest(self, county_id: CountyId) -> dict[TeamId, Fix]:
        return self.now

    def take_moved(self, county_id: CountyId) -> dict[TeamId, Fix]:
        moved, self.moved = self.moved, {}
        return moved
