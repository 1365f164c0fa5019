"""Who asks: accounts, grants, sessions and tokens as values.

Decides what a principal is and when a session still counts. Must not know the database, HTTP, or
what a role allows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple
from uuid import UUID

from crisis.ids import AgencyId, CountyId, ResponderId, UserId
from crisis.roles import Role
from crisis.shapes import Value

Purpose = Literal["cookie", "bearer", "integration"]

#: Roles that a person can be granted.
MAX_LABEL = 100
#: So that a leaked secret can be recognised by scanners; cookies don't leave the browser.
TOKEN_PREFIX = "crisis_"  # noqa: S105 - not a secret, but the mark of one


#: How the named statements begin that change nothing.
READING = ("find_", "list_", "label_", "recent_")


class SessionRules(Value, frozen=True, kw_only=True):
    """How long sessions last.

    Attributes:
        cookie_life: of a page's session; above the longest shift, overtime included.
        cookie_idle: without a request or a sign of life over its socket.
        bearer_life: of a phone's session; a team in the field isn't signed out by the week's end.
        bearer_idle: the same, without a request.
    """

    cookie_life: timedelta = timedelta(hours=16)
    cookie_idle: timedelta = timedelta(hours=2)
    bearer_life: timedelta = timedelta(days=30)
    bearer_idle: timedelta = timedelta(days=7)


class Grant(Value, frozen=True, kw_only=True):
    """What an account may act as in one county.

    Attributes:
        agency_id: every one of the roles ends at this agency; ``None`` = the whole county.
        responder_id: the person's entry in the roster; ``None`` = not a responder.
        scopes: of a token: the command types and views that it is limited to; ``None`` = a
            person, for whom the roles decide alone.
    """

    county_id: CountyId
    roles: frozenset[Role]
    agency_id: AgencyId | None = None
    responder_id: ResponderId | None = None
    scopes: frozenset[str] | None = None


class Principal(Value, frozen=True, kw_only=True):
    """Who asks: a session, its account and its grants by county. Holds no secret.

    Attributes:
        label: how colleagues see the person.
        device: as the client named it; may be empty.
        is_ended: the session is over; only a call for help is taken from it.
    """

    account_id: UserId
    session_id: UUID
    label: str
    purpose: Purpose
    device: str
    expires_at: datetime
    grants: Mapping[CountyId, Grant]
    is_ended: bool = False

    def may_use(self, county_id: int, scope: str) -> bool:
        """Whether a token's scopes cover a command type or view; for people always true."""
        grant = self.grants.get(CountyId(county_id))
        return grant is not None and (grant.scopes is None or scope in grant.scopes)


class FoundSession(NamedTuple):
    """A session as the database has it.

    Attributes:
        is_revoked: ended before its time, or its account was disabled.
        idle_s: seconds without a request after which it ends; None = never.
    """

    principal: Principal
    is_revoked: bool
    last_seen_at: datetime
    idle_s: float | None

    def is_alive(self, now: datetime) -> bool:
        """Whether it still counts."""
        if self.is_revoked or now >= self.principal.expires_at:
            return False
        return self.idle_s is None or now < self.last_seen_at + timedelta(seconds=self.idle_s)


class Device(Value, frozen=True, kw_only=True):
    """Where somebody of the roster is signed in.

    Attributes:
        label: how colleagues see the person.
        device: as the client named it; may be empty.
    """

    responder_id: ResponderId
    label: str
    device: str
    last_seen_at: datetime


class Account(Value, frozen=True, kw_only=True):
    """An account as lists show it; ``disabled_at`` ``None`` = in use."""

    account_id: UserId
    kind: Literal["person", "integration"]
    username: str
    label: str
    created_at: datetime
    disabled_at: datetime | None
    grants: tuple[Grant, ...]


class Colleague(Value, frozen=True, kw_only=True):
    """Somebody who may work a county's desk, as the others there see them.

    ``seen_at``: when their page was last heard of, to within a minute.
    """

    account_id: UserId
    label: str
    roles: frozenset[Role]
    seen_at: datetime


class OpenSession(Value, frozen=True, kw_only=True):
    """A session as its owner's list shows it."""

    session_id: UUID
    purpose: Purpose
    device: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Token(Value, frozen=True, kw_only=True):
    """An integration's token as lists show it, without the secret.

    Attributes:
        session_id: to end it by.
        username: the integration's account; ``label``: how colleagues see it.
        device: what it is for, as whoever issued it wrote; may be empty.
        last_seen_at: about when it was used last; its own beginning where it never was.
        grants: what it may do, by county.
    """

    session_id: UUID
    account_id: UserId
    username: str
    label: str
    device: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    grants: tuple[Grant, ...]


class AccountChange(NamedTuple):
    """Something ended, or rights changed; ``session_id`` None = of the whole account."""

    log_id: int
    account_id: UserId
    session_id: UUID | None


def token_hash(secret: str) -> bytes:
    """Return what the database knows of a secret."""
    return sha256(secret.encode()).digest()


def canonical_username(username: str) -> str:
    """Return the one spelling under which a username is kept and looked up."""
    return unicodedata.normalize("NFKC", username).strip().lower()
