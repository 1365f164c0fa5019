"""Signing in over HTTP, and who sends a request.

Decides where a request's secret stands and what an account may act as in a county at this moment.
Must not know what a role allows, nor how errors are written on the wire.

A page's secret is in a cookie: ``__Host-crisis`` over https, and plain ``crisis`` over http, which
is for http://localhost only (browsers refuse the prefix there, and other machines on the way could
read it anywhere else). Devices and integrations send ``Authorization: Bearer``; trackers that can
only do Basic put the token where the password stands. The two ways don't mix: a cookie's secret is
no bearer token, nor the other way round, so that nobody can plant a session of theirs in a browser.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from crisis.board import Board
from crisis.errors import Invalid, NotAllowed, NotFound, NotSignedIn
from crisis.ids import CountyId, ResponderId, TeamId, UserId
from crisis.roles import Actor
from crisis.team import Duty, Team
from dispatch.store.accounts import Accounts
from dispatch.store.attempts import KNOWN_FOR
from dispatch.store.identity import MAX_LABEL, Grant, OpenSession, Principal, Purpose
from dispatch.store.passwords import MAX_LENGTH
from dispatch.store.sessions import TICKET_LIFE, Sessions
from web.http.headers import headers_of
from web.http.sessions import SessionRegistry
from web.http.unknown import unknown_field

SECURE_COOKIE = "__Host-crisis"
PLAIN_COOKIE = "crisis"
#: Added to a cookie's name for the mark of a device that has signed in.
_MARKS = "-device"

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LONGEST_SECRET = 200

Password = Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)]
#: PostgreSQL's text can't hold a NUL.
Label = Annotated[str, msgspec.Meta(max_length=MAX_LABEL, pattern=r"^[^\x00]*$")]
T = TypeVar("T")


class SignInBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``mode``: a cookie for pages, a bearer token for devices."""

    username: Label
    password: Password
    device: Label = ""
    mode: Literal["cookie", "bearer"] = "cookie"


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password, proven by the old one."""

    old: Password
    new: Password


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about a session; ``token`` only once, to a bearer who signs in."""

    account_id: UserId
    session_id: UUID
    label: str
    purpose: Purpose
    device: str
    expires_at: datetime
    grants: tuple[Grant, ...]
    token: str | msgspec.UnsetType = msgspec.UNSET


class OwnSessions(msgspec.Struct, frozen=True, kw_only=True):
    """One's open sessions, newest first; ``current`` is the one that asks."""

    current: UUID
    sessions: tuple[OpenSession, ...]


class TicketAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A one-use ticket for a socket; good for ``expires_in_s`` seconds."""

    ticket: str
    expires_in_s: float


# Who asks


def is_secure(scope: Scope) -> bool:
    """Whether the client came over TLS, as far as a trusted proxy tells."""
    return scope.get("scheme") in ("https", "wss")


def is_local(scope: Scope) -> bool:
    """Whether the client reached this machine by a name that only means itself."""
    name = headers_of(scope).get(b"host", b"").decode("latin-1").lower()
    if not name.endswith("]"):
        name = name.rsplit(":", 1)[0] if ":" in name else name
    return name in _LOCAL_HOSTS or name.endswith(".localhost")


def cookie_name(scope: Scope) -> str:
    """Return the name of the session's cookie for this connection."""
    return SECURE_COOKIE if is_secure(scope) else PLAIN_COOKIE


def header_secret(scope: Scope) -> str | None:
    """Return the token of the Authorization header; None = there is no such header.

    Raises:
        NotSignedIn: ``not_signed_in``, another scheme or not readable.
    """
    value = headers_of(scope).get(b"authorization")
    return None if value is None else _token_of(value)


def _token_of(value: bytes) -> str:
    kind, _, rest = value.partition(b" ")
    kind, rest = kind.lower(), rest.strip()
    if kind == b"basic":
        try:
            rest = base64.b64decode(rest, validate=True).partition(b":")[2]
        except binascii.Error:
            rest = b""
    elif kind != b"bearer":
        rest = b""
    if not 0 < len(rest) <= _LONGEST_SECRET:
        raise _not_signed_in()
    return rest.decode("latin-1")


def cookie_secret(scope: Scope) -> str | None:
    """Return the secret of the session's cookie; None = there is no such cookie."""
    return _cookie(scope, cookie_name(scope))


def _cookie(scope: Scope, name: str) -> str | None:
    wanted = name.encode()
    for header, value in scope["headers"]:
        if header != b"cookie":
            continue
        for part in value.split(b";"):
            key, _, secret = part.strip().partition(b"=")
            if key == wanted and 0 < len(secret) <= _LONGEST_SECRET:
                return str(secret, "latin-1")
    return None


def actor_for(principal: Principal, county_id: int, board: Board) -> Actor:
    """Return what the principal acts as in a county now.

    A responder acts for the team on whose crew they are, as long as its shift runs, overtime
    included; with several, for the one that is on a run, else the one that began last.

    Args:
        board: of that county.

    Raises:
        NotAllowed: ``not_your_county``.
    """
    grant = grant_for(principal, county_id)
    team = None
    if grant.responder_id is not None:
        team = _team_of(grant.responder_id, board.teams)
    return Actor(
        user_id=principal.account_id,
        roles=grant.roles,
        agency_id=grant.agency_id,
        team_id=None if team is None else team.id,
        responder_id=grant.responder_id,
    )


def grant_for(principal: Principal, county_id: int) -> Grant:
    """Return what the principal holds in a county.

    Raises:
        NotAllowed: ``not_your_county``.
    """
    grant = principal.grants.get(CountyId(county_id))
    if grant is None:
        raise NotAllowed("not_your_county", "This account has no role in this county.")
    return grant


def require_scope(principal: Principal, county_id: int, scope: str) -> None:
    """Refuse a token that isn't issued for a command type or view; people pass.

    Raises:
        NotAllowed: ``out_of_scope``.
    """
    if not principal.may_use(county_id, scope):
        raise NotAllowed("out_of_scope", "This token isn't issued for that.", scope=scope)


def _team_of(responder_id: ResponderId, teams: Mapping[TeamId, Team]) -> Team | None:
    best: Team | None = None
    for team in teams.values():
        if team.duty is Duty.OFF_SHIFT or not _is_on(team, responder_id):
            continue
        if best is None or _rank(team) > _rank(best):
            best = team
    return best


def _is_on(team: Team, responder_id: ResponderId) -> bool:
    if any(member.responder_id == responder_id for member in team.crew):
        return True
    return team.telehealth is not None and team.telehealth.member == responder_id


def _rank(team: Team) -> tuple[bool, bool, float]:
    since = team.duty_since
    return (
        team.run is not None,
        team.duty is not Duty.ENDING,
        0.0 if since is None else since.timestamp(),
    )


def _not_signed_in() -> NotSignedIn:
    return NotSignedIn("not_signed_in", "Sign in first.")


# Over HTTP


#: So long a browser still shows a session that is over: it opens nothing, but whoever calls for
#: help is known by it, and a device can be told to forget what it keeps.
_KNOWN_AFTER = timedelta(days=30)


class Auth:
    """Signs people in and says who sends a request.

    Args:
        plain_http: also without TLS from other machines than this one; for closed test networks
            only.
    """

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        registry: SessionRegistry,
        *,
        plain_http: bool = False,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._registry = registry
        self._plain_http = plain_http

    async def authenticate(self, scope: Scope) -> Principal:
        """Return who sends this request or opens this socket; counts as a sign of life.

        A known session costs microseconds and no round trip.

        Raises:
            NotSignedIn: ``not_signed_in`` or ``session_expired``.
            TooMany: ``slow_down``.
            Unavailable: the session isn't known here and the database can't be asked.
        """
        secret, is_cookie = header_secret(scope), False
        if secret is None:
            secret, is_cookie = cookie_secret(scope), True
        if secret is None:
            raise _not_signed_in()
        principal = self._registry.cached(secret) or await self._registry.principal(secret)
        if (principal.purpose == "cookie") is not is_cookie:
            raise _not_signed_in()
        return principal

    async def whoever_it_was(self, scope: Scope) -> Principal:
        """Return who sends this, also where their session is over: for a call for help alone.

        Raises:
            NotSignedIn: ``not_signed_in``: no session of ours, or none any more.
            TooMany, Unavailable: as ``authenticate``.
        """
        try:
            return await self.authenticate(scope)
        except NotSignedIn as error:
            secret = header_secret(scope) or cookie_secret(scope)
            if secret is None or error.code != "session_expired":
                raise
            return await self._registry.principal_of_ended(secret)

    async def forget_ended(self) -> None:
        """Let sessions that were ended here count no more, at once on this node."""
        await self._registry.refresh()

    async def redeem_ticket(self, principal: Principal, ticket: str) -> None:
        """Use up the ticket with which a page opens its socket.

        Raises:
            NotSignedIn: ``bad_ticket``: unknown, used, too old, or another session's.
        """
        if not await self._sessions.redeem_ticket(ticket[:_LONGEST_SECRET], principal.session_id):
            raise NotSignedIn("bad_ticket", "This ticket can't be used; ask for a new one.")

    def routes(self, prefix: str = "/api/v1") -> list[Route]:
        """Return the endpoints under ``prefix``; they raise ``CrisisError``s."""
        return [
            Route(f"{prefix}/session", self.sign_in, methods=["POST"]),
            Route(f"{prefix}/session", self.who_am_i, methods=["GET"]),
            Route(f"{prefix}/session", self.sign_out, methods=["DELETE"]),
            Route(f"{prefix}/session/ticket", self.give_ticket, methods=["POST"]),
            Route(f"{prefix}/session/password", self.change_password, methods=["POST"]),
            Route(f"{prefix}/session/all", self.list_sessions, methods=["GET"]),
            Route(f"{prefix}/session/others", self.end_others, methods=["DELETE"]),
            Route(f"{prefix}/session/one/{{session_id}}", self.end_one, methods=["DELETE"]),
        ]

    async def sign_in(self, request: Request) -> Response:
        """Sign in: a cookie for pages, a bearer token for devices."""
        self._require_privacy(request.scope)
        body = await _body(request, SignInBody)
        before = await self._principal_or_none(request.scope)
        mark = _cookie(request.scope, cookie_name(request.scope) + _MARKS) or ""
        secret, principal = await self._sessions.sign_in(
            body.username,
            body.password,
            address=client_address(request.scope),
            purpose=body.mode,
            device=body.device,
            mark=mark,
        )
        if body.mode == "bearer":
            return _json(_who(principal, token=secret))
        if before is not None and before.purpose == "cookie":
            # Its secret is overwritten in the browser: nobody could end it any more.
            await self._sessions.end_session(before.session_id, by=before.account_id)
            await self._registry.refresh()
        response = _json(_who(principal))
        life = self._sessions.rules.cookie_life + _KNOWN_AFTER
        _set_cookie(response, request.scope, secret, int(life.total_seconds()))
        new_mark = self._sessions.mark_for(body.username, mark)
        if new_mark is not None:
            known_s = int(KNOWN_FOR.total_seconds())
            _set_cookie(response, request.scope, new_mark, known_s, _MARKS)
        return response

    async def who_am_i(self, request: Request) -> Response:
        """Who is signed in, and what they may act as in which county."""
        return _json(_who(await self.authenticate(request.scope)))

    async def sign_out(self, request: Request) -> Response:
        """Sign out, here and everywhere."""
        principal = await self._principal_or_none(request.scope)
        if principal is not None:
            await self._sessions.end_session(principal.session_id, by=principal.account_id)
            await self._registry.refresh()
        response = Response(status_code=204)
        if cookie_secret(request.scope) is not None:
            _set_cookie(response, request.scope, "", 0)
        return response

    async def give_ticket(self, request: Request) -> Response:
        """A one-use ticket with which a page opens its socket."""
        principal = await self.authenticate(request.scope)
        ticket = await self._sessions.create_ticket(principal.session_id)
        return _json(TicketAnswer(ticket=ticket, expires_in_s=TICKET_LIFE.total_seconds()))

    async def change_password(self, request: Request) -> Response:
        """Change one's password; the account's other sessions end."""
        principal = await self.authenticate(request.scope)
        body = await _body(request, PasswordBody)
        await self._sessions.confirm_password(
            principal, body.old, address=client_address(request.scope)
        )
        await self._accounts.set_password(
            principal.account_id, body.new, keep=principal.session_id, by=principal.account_id
        )
        await self._registry.refresh()
        return Response(status_code=204)

    async def list_sessions(self, request: Request) -> Response:
        """Where one is signed in: one's open sessions."""
        principal = await self.authenticate(request.scope)
        found = await self._accounts.sessions_of(principal.account_id)
        return _json(OwnSessions(current=principal.session_id, sessions=found))

    async def end_one(self, request: Request) -> Response:
        """End one of one's own sessions."""
        principal = await self.authenticate(request.scope)
        wanted = request.path_params["session_id"]
        own = await self._accounts.sessions_of(principal.account_id)
        found = next((one.session_id for one in own if str(one.session_id) == wanted), None)
        if found is None:
            raise NotFound("no_session", "None of your open sessions; it may have ended already.")
        await self._sessions.end_session(found, by=principal.account_id)
        await self._registry.refresh()
        return Response(status_code=204)

    async def end_others(self, request: Request) -> Response:
        """Sign out everywhere else: all of one's sessions but this one."""
        principal = await self.authenticate(request.scope)
        await self._accounts.end_sessions(
            principal.account_id, keep=principal.session_id, by=principal.account_id
        )
        await self._registry.refresh()
        return Response(status_code=204)

    async def _principal_or_none(self, scope: Scope) -> Principal | None:
        try:
            return await self.authenticate(scope)
        except NotSignedIn:
            return None

    def _require_privacy(self, scope: Scope) -> None:
        if is_secure(scope) or self._plain_http or is_local(scope):
            return
        raise NotAllowed(
            "https_required",
            "Sign in over https. Behind a proxy, name it in the setting trust_proxy.",
        )


def client_address(scope: Scope) -> str:
    """Return the client's address; "" = unknown (a Unix socket)."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _set_cookie(response: Response, scope: Scope, value: str, max_age: int, kind: str = "") -> None:
    # Lax, so that a link from another system's page opens the board signed in. What a foreign page
    # could do with it is read nothing and change nothing: see web.http.security.
    response.set_cookie(
        cookie_name(scope) + kind,
        value,
        max_age=max_age,
        path="/",
        secure=is_secure(scope),
        httponly=True,
        samesite="lax",
    )


async def _body(request: Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if (unknown := unknown_field(str(error), kind)) is not None:
            raise unknown from None
        # Its own words are kept back: they may quote what somebody typed in the wrong field.
        raise Invalid("bad_body", "The body is not what this request needs.") from error


def _who(principal: Principal, **more: Any) -> WhoAmI:
    return WhoAmI(
        account_id=principal.account_id,
        session_id=principal.session_id,
        label=principal.label,
        purpose=principal.purpose,
        device=principal.device,
        expires_at=principal.expires_at,
        grants=tuple(principal.grants.values()),
        **more,
    )


_encode: Callable[[object], bytes] = msgspec.json.Encoder(order="deterministic").encode


def _json(answer: msgspec.Struct) -> Response:
    return Response(_encode(answer), media_type="application/json")
