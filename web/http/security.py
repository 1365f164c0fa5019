"""What every request passes before the application: proxies, origins, sizes, headers, request ids.

Decides who the client really is, whether a browser page of ours sent the request, how long a body
may be and what a browser may do with the answer. Must not know routes, sessions or roles. Pure
ASGI, so that it covers WebSockets and streams as well.

Cross-site requests. A request that changes something, or opens a socket, is refused if a browser
says that it comes from a foreign page (``Origin``, ``Sec-Fetch-Site``). If it rides on a cookie it
must moreover say that it comes from ours, and carry the header ``X-Crisis-Client``, which a
foreign page can't add without being asked first (CORS, which is never granted). Requests with an
Authorization header are exempt: a browser never adds one by itself.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crisis.clock import random_bytes
from crisis.errors import CrisisError, NotAllowed
from crisis.shapes import Value
from web.http.auth import cookie_secret, is_local, is_secure
from web.http.headers import headers_of
from web.http.problems import BadRequest, too_large
from web.http.problems import refusal as answer_to

#: Any value will do; a page of ours always sends it.
CLIENT_HEADER = "X-Crisis-Client"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

_CSP: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'self'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:", "blob:"),
    "worker-src": ("'self'",),
    "connect-src": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}


_API_CSP = b"default-src 'none'; frame-ancestors 'none'"


class SecuritySettings(Value, frozen=True, kw_only=True):
    """What differs from one installation to the other.

    Attributes:
        origins: ``https://host[:port]`` of pages that may send requests and open sockets; empty =
            pages of the host that the request itself names. Pages on localhost may reach it too.
        trust_proxy: addresses or networks whose ``X-Forwarded-*`` are believed; ``unix`` = whoever
            connects over a Unix socket.
        max_body_bytes: longest body of a request.
        body_bytes_by_prefix: other limits, by the path's longest matching prefix.
        more_sources: further sources by CSP directive, as for a tile server that an operator
            chose: ``{"connect-src": ("https://tiles.example",)}``.
        hsts_s: for how long browsers keep to https, in seconds; 0 = not told.
        always_heard: paths of calls for help. Neither a body that is too long nor a client that
            lacks what our pages send keeps one away; another site's page still raises none.
    """

    origins: frozenset[str] = frozenset()
    trust_proxy: tuple[str, ...] = ()
    max_body_bytes: int = 1024 * 1024
    body_bytes_by_prefix: Mapping[str, int] = {}
    more_sources: Mapping[str, tuple[str, ...]] = {}
    hsts_s: int = 365 * 24 * 3600
    always_heard: frozenset[str] = frozenset()


def content_security_policy(more: Mapping[str, Sequence[str]]) -> str:
    """Return the policy with further sources.

    Raises:
        ValueError: an unknown directive, or a source that would end it.
    """
    for directive, sources in more.items():
        if directive not in _CSP or any(re.search(r"[\s;,]", source) for source in sources):
            raise ValueError(f"{directive}: unknown directive or malformed source")
    return "; ".join(
        " ".join((name, *sources, *more.get(name, ()))) for name, sources in _CSP.items()
    )


class Proxies:
    """Finds the real client behind trusted proxies."""

    def __init__(self, trusted: Iterable[str]) -> None:
        names = set(trusted)
        self._unix = "unix" in names
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(name, strict=False) for name in names - {"unix"}
        ]
        #: A proxy's requests come from the same few addresses; anything may stand in a header.
        self._is_ours = lru_cache(maxsize=_MOST_JUDGED)(self._judge)

    def trusts(self, address: str | None) -> bool:
        """Whether what this peer forwards is believed; None = a Unix socket."""
        if address is None:
            return self._unix
        return bool(self._networks) and self._is_ours(address)

    def _judge(self, address: str) -> bool:
        ip = _ip(address)
        return ip is not None and any(ip in network for network in self._networks)

    def apply(self, scope: Scope) -> bool:
        """Put the real client and scheme into ``scope``; True if the peer is trusted.

        The client is the last address in X-Forwarded-For that is no trusted proxy: all before it
        may be made up by the client itself.
        """
        peer = scope.get("client")
        if not self.trusts(peer[0] if peer else None):
            return False
        forwarded: list[str] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded += value.decode("latin-1").split(",")
            elif name == b"x-forwarded-proto":
                self._apply_scheme(scope, value.decode("latin-1"))
        for hop in reversed(forwarded):
            ip = _ip(hop.strip())
            if ip is None:
                break
            scope["client"] = (str(ip), 0)
            if not self.trusts(str(ip)):
                break
        return True

    @staticmethod
    def _apply_scheme(scope: Scope, value: str) -> None:
        # The nearest proxy writes the last one.
        is_tls = value.rsplit(",", 1)[-1].strip().lower() in ("https", "wss")
        plain = "ws" if scope["type"] == "websocket" else "http"
        scope["scheme"] = plain + "s" if is_tls else plain


_MOST_JUDGED = 4_096


def _ip(address: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


_FOREIGN_PAGE = NotAllowed("foreign_page", "This request comes from a page of another site.")
_UNPROVEN_PAGE = NotAllowed(
    "unproven_page",
    f"A request with the session's cookie needs Origin and the header {CLIENT_HEADER}.",
)
_BAD_LENGTH = BadRequest("bad_length", "Content-Length is not a number.")


class Security:
    """The outermost middleware.

    Args:
        app: what comes after.
        ids: gives each request its own; ``None`` = random ones.

    Sets ``scope["state"]["request_id"]`` and answers with it as ``X-Request-Id``; a trusted
    proxy's own is kept.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: SecuritySettings | None = None,
        *,
        ids: Callable[[], str] | None = None,
    ) -> None:
        settings = settings or SecuritySettings()
        self._app = app
        self._settings = settings
        self._ids = ids if ids is not None else _RandomIds()
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)
        self._proxies = Proxies(settings.trust_proxy)
        self._limits = sorted(
            settings.body_bytes_by_prefix.items(), key=lambda item: len(item[0]), reverse=True
        )
        self._added = {
            (is_api, secure): _added_headers(settings, is_api=is_api, secure=secure)
            for is_api in (False, True)
            for secure in (False, True)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_trusted = self._proxies.apply(scope)
        headers = headers_of(scope)
        request_id = self._request_id(headers, is_trusted)
        scope.setdefault("state", {})["request_id"] = request_id
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refusal is not None:
                await receive()
                # Before accept: the server answers 403, which a browser shows as 1006.
                await send({"type": "websocket.close", "code": 4403})
                return
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        limit = self._limit(path)
        added = self._added[path.startswith("/api/"), is_secure(scope)]
        is_heard = path in self._settings.always_heard
        exchange = _Exchange(scope, receive, send, limit, added, request_id, is_heard=is_heard)
        if is_heard:
            refusal = None if refusal is _UNPROVEN_PAGE else refusal
        else:
            refusal = refusal or _too_long(headers, limit)
        if refusal is not None:
            await answer_to(refusal)(scope, receive, exchange)
            return
        # The server reads no more of a body than its announced length, which was looked at.
        is_announced = b"content-length" in headers and b"transfer-encoding" not in headers
        take = receive if is_announced else exchange.receive
        try:
            await self._app(scope, take, exchange)
        except ClientDisconnect:
            # That is how the application learns that the rest of the body won't come.
            if not exchange.is_over:
                raise

    def _refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> CrisisError | None:
        if b"authorization" in headers:
            return None
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        if self._is_foreign(scope, headers):
            return _FOREIGN_PAGE
        if cookie_secret(scope) is None:
            return None
        if b"origin" not in headers and b"sec-fetch-site" not in headers:
            return _UNPROVEN_PAGE
        # A browser lets no page add headers to a socket's handshake: the ticket stands for it.
        if scope["type"] == "http" and not headers.get(b"x-crisis-client"):
            return _UNPROVEN_PAGE
        return None

    def _is_foreign(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a browser says that another site's page sent it."""
        given, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        origin = None if given is None else given.decode("latin-1").lower()
        if scope["type"] == "http" and site is not None:
            # Our own referrer policy makes the origin of our own forms "null".
            if site == b"same-origin" and origin in (None, "null"):
                return False
            if site != b"same-origin" and origin not in self._origins:
                return True
        return origin is not None and not self._is_own(scope, headers, origin)

    def _is_own(self, scope: Scope, headers: Mapping[bytes, bytes], origin: str) -> bool:
        if origin in self._origins:
            return True
        # Whoever reaches this machine as localhost is on it, whatever the public name.
        if self._origins and not is_local(scope):
            return False
        scheme = "https" if is_secure(scope) else "http"
        host = headers.get(b"host", b"").decode("latin-1").lower()
        return origin == f"{scheme}://{host}"

    def _request_id(self, headers: Mapping[bytes, bytes], is_trusted: bool) -> str:
        if is_trusted:
            given = headers.get(b"x-request-id", b"")
            if _REQUEST_ID.fullmatch(given):
                return given.decode()
        return self._ids()

    def _limit(self, path: str) -> int:
        for prefix, limit in self._limits:
            if path.startswith(prefix):
                return limit
        return self._settings.max_body_bytes


class _Added(NamedTuple):
    """Headers that every answer carries unless it says otherwise itself.

    Attributes:
        bare: of an answer without a body (204): there is nothing that a browser could keep, sniff,
            frame or run, and the server checks each header it writes.
        whole: of all others.
    """

    bare: tuple[tuple[bytes, bytes], ...]
    whole: tuple[tuple[bytes, bytes], ...]


class _RandomIds:
    """Random ids of 128 bits. Counted ones would tell any visitor how many requests there were."""

    __slots__ = ("_at", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._at = 0

    def __call__(self) -> str:
        at = self._at
        if at == len(self._text):
            # Asking the system costs more than everything else here: many at a time.
            self._text, at = random_bytes(16 * 256).hex(), 0
        self._at = at + 32
        return self._text[at : at + 32]


class Noting:
    """Sends, and knows whether anything was sent."""

    __slots__ = ("_send", "has_begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    def __call__(self, message: Message) -> Awaitable[None]:
        self.has_begun = True
        return self._send(message)


class _Exchange(Noting):
    """One request's ways in and out: the body's limit, and the headers of every answer.

    Passes a body on until it is longer than allowed, then answers 413 in the app's place.
    """

    __slots__ = (
        "_added",
        "_is_heard",
        "_left",
        "_limit",
        "_receive",
        "_request_id",
        "_scope",
        "is_over",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit: int,
        added: _Added,
        request_id: str,
        *,
        is_heard: bool = False,
    ) -> None:
        self._scope = scope
        self._send = send
        self._is_heard = is_heard
        self.has_begun = False
        self._receive = receive
        self._limit = limit
        self._left = limit
        self._added = added
        self._request_id = request_id
        #: True once the body was cut.
        self.is_over = False

    async def receive(self) -> Message:
        if self.is_over:
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                if self._is_heard:
                    # For the application it broke off here, and it answers itself.
                    return {"type": "http.disconnect"}
                self.is_over = True
                if not self.has_begun:
                    await answer_to(too_large(self._limit))(
                        self._scope, self._receive, self._pass_on
                    )
                return {"type": "http.disconnect"}
        return message

    def __call__(self, message: Message) -> Awaitable[None]:
        # After a refusal of ours the application's own answer comes too late.
        if self.is_over and not self.has_begun:
            return _nothing()
        self.has_begun = True
        return self._pass_on(message)

    def _pass_on(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            given = message.get("headers")
            added = self._added.bare if message["status"] == 204 else self._added.whole
            headers = [*added, (b"x-request-id", self._request_id.encode())]
            if given:
                names = {name.lower() for name, _ in given}
                headers = [*given, *(pair for pair in headers if pair[0] not in names)]
            message["headers"] = headers
        # Without a coroutine of its own around the server's.
        return self._send(message)


async def _nothing() -> None:
    """Send nothing."""


def _too_long(headers: Mapping[bytes, bytes], limit: int) -> CrisisError | None:
    length = headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit():
        return _BAD_LENGTH
    return too_large(limit) if int(length) > limit else None


def _added_headers(settings: SecuritySettings, *, is_api: bool, secure: bool) -> _Added:
    bare: list[tuple[bytes, bytes]] = []
    if secure and settings.hsts_s:
        bare.append((b"strict-transport-security", b"max-age=%d" % settings.hsts_s))
    whole = [
        *([(b"cache-control", b"no-store")] if is_api else []),
        *bare,
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    if is_api:
        # Never a page: whatever a browser makes of it may load, run and be framed by nothing.
        whole.append((b"content-security-policy", _API_CSP))
    else:
        policy = content_security_policy(settings.more_sources)
        whole += [
            (b"content-security-policy", policy.encode()),
            (
                b"permissions-policy",
                b"geolocation=(self), camera=(), microphone=(), payment=(), usb=()",
            ),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]
    return _Added(tuple(bare), tuple(whole))
