"""What every request passes before the application."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.http.security import Proxies, Security, SecuritySettings, content_security_policy

PAGE = "https://dispatch.example"
OURS = {"origin": PAGE, "sec-fetch-site": "same-origin", "x-crisis-client": "desk"}
COOKIE = {"cookie": "other=1; __Host-crisis=secret"}
FIXED_ID = UUID("01234567-89ab-7def-8123-456789abcdef")


async def _echo(request: Request) -> Response:
    body = await request.body()
    client = request.client.host if request.client else None
    return JSONResponse(
        {
            "bytes": len(body),
            "client": client,
            "scheme": request.url.scheme,
            "request_id": request.state.request_id,
        },
        headers={"cache-control": request.query_params.get("cache", "")}
        if "cache" in request.query_params
        else None,
    )


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.state.request_id)
    await socket.close()


def _app(settings: SecuritySettings | None = None) -> Security:
    methods = ["GET", "POST", "PUT", "DELETE"]
    inner = Starlette(
        routes=[
            Route("/api/v1/echo", _echo, methods=methods),
            Route("/big/echo", _echo, methods=methods),
            Route("/page", _echo),
            WebSocketRoute("/api/v1/live", _socket),
        ]
    )
    return Security(inner, settings, ids=lambda: FIXED_ID.hex)


def _client(settings: SecuritySettings | None = None, base: str = PAGE) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(_app(settings), client=("192.0.2.1", 1234))
    return httpx.AsyncClient(transport=transport, base_url=base)


async def _post(headers: dict[str, str], settings: SecuritySettings | None = None) -> str:
    """Return the refusal's code, or "" for a request that passed."""
    async with _client(settings) as client:
        answer = await client.post("/api/v1/echo", headers=headers)
    if answer.status_code == 200:
        return ""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return str(problem["code"])


# Headers


async def test_every_answer_forbids_what_a_page_does_not_need() -> None:
    async with _client() as client:
        for answer in (await client.get("/page"), await client.get("/nowhere")):
            headers = answer.headers
            assert headers["content-security-policy"] == (
                "default-src 'self'; script-src 'self'; style-src 'self'; "
                "img-src 'self' data: blob:; worker-src 'self'; connect-src 'self'; "
                "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            )
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["permissions-policy"].startswith("geolocation=(self)")
            assert headers["strict-transport-security"] == "max-age=31536000"
            assert headers["x-request-id"] == FIXED_ID.hex


async def test_an_answer_of_the_api_allows_nothing() -> None:
    async with _client() as client:
        headers = (await client.get("/api/v1/echo")).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_an_answer_without_a_body_carries_only_what_still_means_something() -> None:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=204)(scope, receive, send)

    transport = httpx.ASGITransport(Security(nothing, ids=lambda: FIXED_ID.hex))
    async with httpx.AsyncClient(transport=transport, base_url=PAGE) as client:
        answer = await client.delete("/api/v1/session")
    assert dict(answer.headers) == {
        "strict-transport-security": "max-age=31536000",
        "x-request-id": FIXED_ID.hex,
    }


async def test_requests_are_told_apart_without_being_counted() -> None:
    seen = set()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Security(Starlette())), base_url=PAGE
    ) as client:
        for _ in range(600):
            seen.add((await client.get("/page")).headers["x-request-id"])
    assert len(seen) == 600
    assert all(len(UUID(one).bytes) == 16 for one in seen)


async def test_refusals_carry_the_headers_too() -> None:
    async with _client() as client:
        answer = await client.post("/api/v1/echo", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "content-security-policy" in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_only_tls_promises_tls() -> None:
    async with _client(base="http://localhost:8000") as client:
        assert "strict-transport-security" not in (await client.get("/page")).headers


async def test_api_answers_are_not_stored_unless_they_say_so_themselves() -> None:
    async with _client() as client:
        assert (await client.get("/api/v1/echo")).headers["cache-control"] == "no-store"
        own = await client.get("/api/v1/echo?cache=private")
        assert own.headers.get_list("cache-control") == ["private"]
        assert "cache-control" not in (await client.get("/page")).headers


def test_an_operator_may_add_sources_but_nothing_else() -> None:
    policy = content_security_policy({"connect-src": ("https://tiles.example",)})
    assert "connect-src 'self' https://tiles.example;" in policy
    for more in (
        {"connect-src": ("x; script-src *",)},
        {"frame-src": ("https://tiles.example",)},
    ):
        with pytest.raises(ValueError, match="malformed"):
            content_security_policy(more)


# Foreign pages


async def test_our_own_page_passes() -> None:
    assert await _post(OURS | COOKIE) == ""


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": "https://evil.example"}, "foreign_page"),
        ({"origin": "null"}, "foreign_page"),
        ({"origin": "http://dispatch.example"}, "foreign_page"),
        ({"origin": "https://dispatch.example:444"}, "foreign_page"),
        ({"origin": "https://dispatch.example.evil.example"}, "foreign_page"),
        ({"sec-fetch-site": "cross-site"}, "foreign_page"),
        ({"sec-fetch-site": "same-site", "origin": "https://x.example"}, "foreign_page"),
        ({"sec-fetch-site": "none"}, "foreign_page"),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, "foreign_page"),
        (COOKIE, "unproven_page"),
        (COOKIE | {"x-crisis-client": "desk"}, "unproven_page"),
        (COOKIE | {"origin": PAGE}, "unproven_page"),
        (COOKIE | {"origin": PAGE, "x-crisis-client": ""}, "unproven_page"),
        (COOKIE | {"sec-fetch-site": "same-origin", "origin": "null"}, "unproven_page"),
    ],
)
async def test_a_foreign_or_unproven_page_is_refused(headers: dict[str, str], code: str) -> None:
    assert await _post(headers) == code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": PAGE},
        {"origin": "HTTPS://Dispatch.Example"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"cookie": "crisis=plain-name-over-tls-is-not-ours"},
        {"authorization": "Bearer x", "origin": "https://evil.example"} | COOKIE,
    ],
)
async def test_what_no_browser_sends_by_itself_passes(headers: dict[str, str]) -> None:
    assert await _post(headers) == ""


async def test_reading_needs_no_proof() -> None:
    async with _client() as client:
        answer = await client.get("/page", headers=COOKIE | {"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


async def test_with_a_list_only_its_origins_pass_and_the_machine_s_own_name() -> None:
    listed = SecuritySettings(origins=frozenset({"https://crisis.county.example"}))
    assert await _post({"origin": "https://crisis.county.example"}, listed) == ""
    assert await _post({"origin": PAGE}, listed) == "foreign_page"
    cross = {"origin": "https://crisis.county.example", "sec-fetch-site": "cross-site"}
    assert await _post(cross, listed) == ""
    async with _client(listed, "http://127.0.0.1:8000") as client:
        for origin, status in (("http://127.0.0.1:8000", 200), ("http://127.0.0.1:9000", 403)):
            answer = await client.post("/api/v1/echo", headers={"origin": origin})
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "is_open"),
    [
        (COOKIE | {"origin": PAGE}, True),
        (COOKIE | {"origin": PAGE, "sec-fetch-site": "cross-site"}, True),
        ({"authorization": "Bearer x"}, True),
        (COOKIE | {"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example"}, False),
        (COOKIE, False),
    ],
)
async def test_a_socket_is_judged_by_its_origin(headers: dict[str, str], is_open: bool) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/api/v1/live",
        "raw_path": b"/api/v1/live",
        "query_string": b"",
        "scheme": "wss",
        "headers": [
            (name.encode(), value.encode())
            for name, value in ({"host": "dispatch.example"} | headers).items()
        ],
        "client": ("192.0.2.1", 1),
        "subprotocols": [],
    }
    await _app()(scope, receive, send)
    if is_open:
        assert sent[0]["type"] == "websocket.accept"
        assert sent[1]["text"] == FIXED_ID.hex
    else:
        assert sent == [{"type": "websocket.close", "code": 4403}]


# Bodies


async def test_a_body_that_announces_too_much_is_refused_unread() -> None:
    async with _client(SecuritySettings(max_body_bytes=10)) as client:
        fits = await client.post("/api/v1/echo", content=b"x" * 10)
        over = await client.post("/api/v1/echo", content=b"x" * 11)
    assert fits.json()["bytes"] == 10
    assert (over.status_code, over.json()["code"]) == (413, "body_too_long")
    assert "10 bytes" in over.json()["detail"]


async def test_a_body_that_announces_nothing_is_cut_where_the_limit_is() -> None:
    sent: list[Message] = []
    chunks = [{"type": "http.request", "body": b"x" * 6, "more_body": True}] * 5

    async def receive() -> Message:
        return chunks.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/echo",
        "raw_path": b"/api/v1/echo",
        "query_string": b"",
        "scheme": "https",
        "headers": [(b"transfer-encoding", b"chunked")],
        "client": ("192.0.2.1", 1),
        "server": ("dispatch.example", 443),
    }
    await _app(SecuritySettings(max_body_bytes=10))(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 413
    assert len(chunks) == 3


async def test_the_longest_prefix_decides_the_limit() -> None:
    settings = SecuritySettings(
        max_body_bytes=1, body_bytes_by_prefix={"/b": 2, "/big/": 100, "/bi": 3}
    )
    async with _client(settings) as client:
        assert (await client.post("/big/echo", content=b"x" * 100)).status_code == 200
        assert (await client.post("/api/v1/echo", content=b"xx")).status_code == 413


async def test_a_length_that_is_no_number_is_refused() -> None:
    async with _client() as client:
        answer = await client.post("/api/v1/echo", headers={"content-length": "-1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_length")


# Proxies and request ids


def _scope(client: str | None, *headers: tuple[str, str]) -> Scope:
    return {
        "type": "http",
        "scheme": "http",
        "client": None if client is None else (client, 5),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
    ],
)
def test_only_what_trusted_proxies_add_is_believed(peer: str, forwarded: str, seen: str) -> None:
    scope = _scope(peer, ("x-forwarded-for", forwarded), ("x-forwarded-proto", "https"))
    is_trusted = Proxies(["10.0.0.0/8"]).apply(scope)
    assert scope["client"][0] == seen
    assert is_trusted is (peer != "192.0.2.7")
    assert scope["scheme"] == ("https" if is_trusted else "http")


def test_a_unix_socket_is_trusted_only_if_named() -> None:
    for trusted, scheme in (([], "http"), (["unix"], "https")):
        scope = _scope(None, ("x-forwarded-proto", "http, https"))
        Proxies(trusted).apply(scope)
        assert scope["scheme"] == scheme


async def test_a_trusted_proxy_s_request_id_is_kept_and_anybody_else_s_is_not() -> None:
    theirs = {"x-request-id": "edge-7f3a90c1"}
    for settings, wanted in (
        (SecuritySettings(trust_proxy=("192.0.2.0/24",)), "edge-7f3a90c1"),
        (SecuritySettings(), FIXED_ID.hex),
    ):
        async with _client(settings) as client:
            answer = await client.get("/api/v1/echo", headers=theirs)
        assert answer.headers["x-request-id"] == wanted
        assert answer.json()["request_id"] == wanted


async def test_a_request_id_that_could_forge_a_log_line_is_replaced() -> None:
    settings = SecuritySettings(trust_proxy=("192.0.2.0/24",))
    async with _client(settings) as client:
        answer = await client.get("/page", headers={"x-request-id": "a b=c evil"})
    assert answer.headers["x-request-id"] == FIXED_ID.hex
