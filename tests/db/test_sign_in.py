"""Signing in over HTTP, and the sessions that a node knows, against a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from crisis.clock import FakeClock, MachineClock
from crisis.errors import CrisisError, NotSignedIn, TooMany, Unavailable
from crisis.ids import CountyId, UserId
from crisis.roles import Role
from dispatch.store.accounts import Accounts
from dispatch.store.attempts import Devices
from dispatch.store.identity import Grant, Principal
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from dispatch.store.sessions import Sessions
from web.http.auth import Auth
from web.http.security import Security
from web.http.sessions import Pace, SessionNews, SessionRegistry

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

ALPINE = CountyId(6003)
PASSWORD = "correct horse battery"
NEW_PASSWORD = "another long password"
ADDRESS = "192.0.2.10"
PAGE = "https://dispatch.example"
OURS = {"origin": PAGE, "sec-fetch-site": "same-origin", "x-crisis-client": "test"}
PROBLEM_STATUS = {
    "not_signed_in": 401,
    "too_many": 429,
    "not_allowed": 403,
    "not_found": 404,
    "invalid": 422,
}


class CountingSessions(Sessions):
    """Counts the lookups that went to the database."""

    lookups = 0

    async def find(self, hashed: bytes) -> Any:
        self.lookups += 1
        return await super().find(hashed)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(hasher=PasswordHasher.from_parameters(CHEAPEST))
    yield made
    made.close()


@pytest.fixture
async def accounts(
    database: Database, clock: FakeClock, passwords: Passwords, admin: Admin
) -> Accounts:
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) VALUES (6003, 'Alpine', 'rural')"
    )
    return Accounts(database, clock, passwords)


@pytest.fixture
async def ada(accounts: Accounts) -> UserId:
    account_id = await accounts.create_account("ada", "Ada L.", password=PASSWORD)
    await accounts.grant(account_id, Grant(county_id=ALPINE, roles=frozenset({Role.DISPATCHER})))
    return account_id


@pytest.fixture
def sessions(database: Database, clock: FakeClock, passwords: Passwords) -> CountingSessions:
    return CountingSessions(database, clock, passwords)


@pytest.fixture
def registry(sessions: CountingSessions, clock: FakeClock) -> SessionRegistry:
    return SessionRegistry(sessions, clock)


@pytest.fixture
def auth(accounts: Accounts, sessions: CountingSessions, registry: SessionRegistry) -> Auth:
    return Auth(accounts, sessions, registry)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, CrisisError)
    body = {"code": error.code, **error.facts}
    return JSONResponse(body, PROBLEM_STATUS[error.kind])


def _client(auth: Auth, base: str = PAGE, **headers: str) -> httpx.AsyncClient:
    app = Starlette(routes=auth.routes(), exception_handlers={CrisisError: _problem})
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(Security(app), client=(ADDRESS, 4321)),
        base_url=base,
        headers=headers,
    )


def _page(auth: Auth) -> httpx.AsyncClient:
    return _client(auth, **OURS)


async def _sign_in(client: httpx.AsyncClient, **more: str) -> httpx.Response:
    body = {"username": "ada", "password": PASSWORD} | more
    return await client.post("/api/v1/session", json=body)


async def _signed_in(sessions: Sessions) -> tuple[str, Principal]:
    return await sessions.sign_in("ada", PASSWORD, address=ADDRESS)


# HTTP


@pytest.mark.usefixtures("ada")
async def test_a_page_signs_in_asks_who_it_is_and_signs_out(auth: Auth) -> None:
    async with _page(auth) as page:
        assert (await page.get("/api/v1/session")).json()["code"] == "not_signed_in"
        answer = await _sign_in(page, device="Desk 3")
        assert answer.status_code == 200
        assert "token" not in answer.json()
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-crisis=")
        # The session's 16 hours and 30 days in which it opens nothing, but calls for help.
        lasts = f"Max-Age={57_600 + 30 * 86_400}"
        for attribute in ("HttpOnly", "Secure", "Path=/", "SameSite=lax", lasts):
            assert attribute in cookie
        assert "Domain" not in cookie

        who = (await page.get("/api/v1/session")).json()
        assert (who["label"], who["purpose"], who["device"]) == ("Ada L.", "cookie", "Desk 3")
        assert who["grants"] == [{"county_id": ALPINE, "roles": ["dispatcher"]}]

        stolen = page.cookies["__Host-crisis"]
        gone = await page.delete("/api/v1/session")
        assert gone.status_code == 204
        assert "Max-Age=0" in gone.headers["set-cookie"]
        again = await page.get("/api/v1/session", headers={"cookie": f"__Host-crisis={stolen}"})
        assert again.json()["code"] == "session_expired"
        assert (await page.delete("/api/v1/session")).status_code == 204


@pytest.mark.usefixtures("ada")
async def test_a_device_gets_a_bearer_token_and_no_cookie(auth: Auth) -> None:
    async with _client(auth) as device:
        answer = await _sign_in(device, mode="bearer", device="Pixel")
        assert "set-cookie" not in answer.headers
        token = answer.json()["token"]
        assert token.startswith("crisis_")
        device.headers["authorization"] = f"Bearer {token}"
        who = (await device.get("/api/v1/session")).json()
        assert (who["purpose"], who["device"]) == ("bearer", "Pixel")
        assert "token" not in who


@pytest.mark.usefixtures("ada")
async def test_a_cookie_s_secret_is_no_bearer_token_nor_the_other_way_round(auth: Auth) -> None:
    async with _client(auth) as device, _page(auth) as page:
        token = (await _sign_in(device, mode="bearer")).json()["token"]
        await _sign_in(page)
        secret = page.cookies["__Host-crisis"]
        planted = await device.get("/api/v1/session", headers={"cookie": f"__Host-crisis={token}"})
        assert planted.json()["code"] == "not_signed_in"
        borrowed = await device.get(
            "/api/v1/session", headers={"authorization": f"Bearer {secret}"}
        )
        assert borrowed.json()["code"] == "not_signed_in"


@pytest.mark.usefixtures("ada")
async def test_signing_in_again_ends_the_page_s_former_session(
    auth: Auth, registry: SessionRegistry
) -> None:
    async with _page(auth) as page:
        await _sign_in(page)
        former = page.cookies["__Host-crisis"]
        await _sign_in(page)
        assert page.cookies["__Host-crisis"] != former
    with pytest.raises(NotSignedIn) as refused:
        await registry.principal(former)
    assert refused.value.code == "session_expired"


@pytest.mark.usefixtures("ada")
async def test_plain_http_is_for_this_machine_only(auth: Auth) -> None:
    async with _client(auth, "http://localhost:8000") as local:
        answer = await _sign_in(local)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("crisis=")
        assert "Secure" not in cookie
        assert (await local.get("/api/v1/session")).status_code == 200
    async with _client(auth, "http://10.0.0.5:8000") as remote:
        answer = await _sign_in(remote)
        assert (answer.status_code, answer.json()["code"]) == (403, "https_required")


@pytest.mark.usefixtures("ada")
async def test_wrong_passwords_are_refused_and_then_slowed_down(auth: Auth) -> None:
    async with _page(auth) as page:
        for _ in range(3):
            assert (await _sign_in(page, password="wrong")).json() == {"code": "bad_credentials"}
        slowed = await _sign_in(page)
    assert slowed.status_code == 429
    assert slowed.json() == {"code": "slow_down", "retry_after_s": 1.0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"username": "ada"}',
        b'{"username": "ada", "password": "\xff"}',
        b'{"username": "a\\u0000da", "password": "x"}',
        b'{"username": "ada", "password": "x", "device": "\\u0000"}',
        b'{"username": "ada", "password": "x", "mode": "root"}',
        b'{"username": "ada", "password": "' + b"x" * 257 + b'"}',
        b'["ada", "x"]',
    ],
)
async def test_a_body_that_is_none_is_refused_and_not_quoted(auth: Auth, body: bytes) -> None:
    async with _page(auth) as page:
        answer = await page.post("/api/v1/session", content=body)
    assert answer.status_code == 422
    assert answer.json() == {"code": "bad_body"}


@pytest.mark.usefixtures("ada")
async def test_changing_the_password_keeps_this_session_and_ends_the_others(
    auth: Auth, sessions: CountingSessions, registry: SessionRegistry
) -> None:
    other, _ = await _signed_in(sessions)
    await registry.principal(other)
    async with _page(auth) as page:
        await _sign_in(page)
        path = "/api/v1/session/password"
        wrong = await page.post(path, json={"old": "wrong", "new": NEW_PASSWORD})
        assert wrong.json()["code"] == "bad_credentials"
        weak = await page.post(path, json={"old": PASSWORD, "new": "ada ada"})
        assert weak.json()["code"] == "weak_password"
        assert {"too_short", "contains_username"} <= set(weak.json()["problems"])
        done = await page.post(path, json={"old": PASSWORD, "new": NEW_PASSWORD})
        assert done.status_code == 204
        assert (await page.get("/api/v1/session")).status_code == 200
        assert (await _sign_in(page)).json()["code"] == "bad_credentials"
        assert (await _sign_in(page, password=NEW_PASSWORD)).status_code == 200
    with pytest.raises(NotSignedIn):
        await registry.principal(other)


async def test_one_sees_and_ends_one_s_own_sessions_and_nobody_else_s(
    auth: Auth,
    sessions: CountingSessions,
    registry: SessionRegistry,
    accounts: Accounts,
    ada: UserId,
) -> None:
    await accounts.create_account("bo", "Bo", password=PASSWORD)
    _, bos = await sessions.sign_in("bo", PASSWORD, address=ADDRESS)
    phone, lost = await sessions.sign_in("ada", PASSWORD, address=ADDRESS, device="Lost phone")
    heard: list[SessionNews] = []
    registry.watch(await registry.principal(phone), heard.append)
    await _signed_in(sessions)
    async with _page(auth) as page:
        await _sign_in(page, device="Desk 3")
        shown = (await page.get("/api/v1/session/all")).json()
        assert len(shown["sessions"]) == 3
        here = next(s for s in shown["sessions"] if s["session_id"] == shown["current"])
        assert here["device"] == "Desk 3"
        gone = await page.delete(f"/api/v1/session/one/{lost.session_id}")
        assert gone.status_code == 204
        await asyncio.sleep(0)
        assert heard == [SessionNews.ENDED]
        for strange in (lost.session_id, bos.session_id, "nonsense"):
            answer = await page.delete(f"/api/v1/session/one/{strange}")
            assert (answer.status_code, answer.json()["code"]) == (404, "no_session")
        assert (await page.delete("/api/v1/session/others")).status_code == 204
        left = (await page.get("/api/v1/session/all")).json()["sessions"]
        assert [one["session_id"] for one in left] == [shown["current"]]
    assert (await accounts.sessions_of(bos.account_id)) != ()


async def test_a_page_that_signed_in_is_known_again_by_its_mark(
    database: Database, clock: FakeClock, passwords: Passwords, accounts: Accounts, ada: UserId
) -> None:
    sessions = Sessions(database, clock, passwords, devices=Devices(bytes(32)))
    auth = Auth(accounts, sessions, SessionRegistry(sessions, clock))
    async with _page(auth) as page, _client(auth) as stranger:
        first = await _sign_in(page)
        marks = [c for c in first.headers.get_list("set-cookie") if "-device=" in c]
        assert len(marks) == 1
        for attribute in ("__Host-crisis-device=", "HttpOnly", "Secure", "SameSite=lax"):
            assert attribute in marks[0]
        # The mark outlives signing out, and is no session.
        await page.delete("/api/v1/session")
        assert (await page.get("/api/v1/session")).status_code == 401
        for _ in range(3):
            assert (await _sign_in(stranger, password="wrong")).status_code == 401
        assert (await _sign_in(stranger)).json()["code"] == "slow_down"
        again = await _sign_in(page)
        assert again.status_code == 200
        assert "-device=" not in again.headers["set-cookie"]


@pytest.mark.usefixtures("ada")
async def test_a_page_gets_a_ticket_for_one_socket(auth: Auth, registry: SessionRegistry) -> None:
    async with _page(auth) as page:
        assert (await page.post("/api/v1/session/ticket")).json()["code"] == "not_signed_in"
        await _sign_in(page)
        answer = (await page.post("/api/v1/session/ticket")).json()
        who = await registry.principal(page.cookies["__Host-crisis"])
    assert answer["expires_in_s"] == 30
    await auth.redeem_ticket(who, answer["ticket"])
    for ticket in (answer["ticket"], "made up", ""):
        with pytest.raises(NotSignedIn) as refused:
            await auth.redeem_ticket(who, ticket)
        assert refused.value.code == "bad_ticket"


@pytest.mark.usefixtures("ada")
async def test_a_socket_s_handshake_is_authenticated_by_its_cookie(
    auth: Auth, sessions: CountingSessions
) -> None:
    secret, who = await _signed_in(sessions)
    scope: Scope = {
        "type": "websocket",
        "scheme": "wss",
        "headers": [(b"cookie", f"__Host-crisis={secret}".encode())],
    }
    assert (await auth.authenticate(scope)).session_id == who.session_id


# The registry


@pytest.mark.usefixtures("ada")
async def test_a_known_session_asks_the_database_once(
    registry: SessionRegistry, sessions: CountingSessions
) -> None:
    secret, _ = await _signed_in(sessions)
    sessions.lookups = 0
    await asyncio.gather(*(registry.principal(secret) for _ in range(20)))
    # Two may look at once; the others find what those have learnt.
    assert sessions.lookups <= 2
    sessions.lookups = 0
    for _ in range(100):
        await registry.principal(secret)
    assert sessions.lookups == 0


@pytest.mark.usefixtures("ada")
async def test_strangers_are_refused_whether_they_wait_or_not(
    sessions: CountingSessions, clock: FakeClock
) -> None:
    registry = SessionRegistry(sessions, clock, lookups=1, waiting=3)
    answers = await asyncio.gather(
        *(registry.principal(f"made up {n}") for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(answer, NotSignedIn) for answer in answers) == 3
    assert sum(isinstance(answer, TooMany) for answer in answers) == 5
    secret, _ = await _signed_in(sessions)
    await registry.principal(secret)


async def test_a_disabled_account_s_requests_and_sockets_end_at_the_next_poll(
    registry: SessionRegistry, sessions: CountingSessions, accounts: Accounts, ada: UserId
) -> None:
    secret, _ = await _signed_in(sessions)
    heard: list[SessionNews] = []
    registry.watch(await registry.principal(secret), heard.append)
    registry.watch(await registry.principal(secret), heard.append)
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == []
    await accounts.disable(ada)
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == [SessionNews.ENDED] * 2
    with pytest.raises(NotSignedIn):
        await registry.principal(secret)
    await registry.refresh()
    await asyncio.sleep(0)
    assert len(heard) == 2


async def test_the_running_watch_closes_a_disabled_account_s_socket_within_five_seconds(
    database: Database, passwords: Passwords, accounts: Accounts, ada: UserId
) -> None:
    """On the real clock, with the pace that the service has."""
    sessions = Sessions(database, MachineClock(), passwords)
    registry = SessionRegistry(sessions, MachineClock())
    secret, _ = await _signed_in(sessions)
    closed = asyncio.Event()
    registry.watch(await registry.principal(secret), lambda _: closed.set())
    await registry.refresh()
    await asyncio.sleep(0)
    assert not closed.is_set()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(registry.run())
        await accounts.disable(ada)
        await closed.wait()
        watch.cancel()


async def test_changed_rights_are_told_and_count_for_the_next_request(
    registry: SessionRegistry, sessions: CountingSessions, accounts: Accounts, ada: UserId
) -> None:
    secret, _ = await _signed_in(sessions)
    heard: list[SessionNews] = []
    registry.watch(await registry.principal(secret), heard.append)
    await accounts.grant(ada, Grant(county_id=ALPINE, roles=frozenset({Role.LEAD})))
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == [SessionNews.CHANGED]
    assert (await registry.principal(secret)).grants[ALPINE].roles == {Role.LEAD}


@pytest.mark.usefixtures("ada")
async def test_others_are_left_in_peace(
    registry: SessionRegistry, sessions: CountingSessions, accounts: Accounts
) -> None:
    bo = await accounts.create_account("bo", "Bo", password=PASSWORD)
    mine, who = await _signed_in(sessions)
    heard: list[str] = []
    registry.watch(await registry.principal(mine), lambda _: heard.append("ada"))
    other, bos = await sessions.sign_in("bo", PASSWORD, address=ADDRESS)
    registry.watch(await registry.principal(other), lambda _: heard.append("bo"))
    unwatch = registry.watch(bos, lambda _: heard.append("left before"))
    unwatch()
    unwatch()
    await accounts.disable(bo)
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == ["bo"]
    assert registry.cached(mine) is not None
    assert who.session_id != bos.session_id


@pytest.mark.usefixtures("ada")
async def test_a_listener_that_fails_does_not_keep_other_sockets_open(
    registry: SessionRegistry, sessions: CountingSessions
) -> None:
    secret, _ = await _signed_in(sessions)
    who = await registry.principal(secret)
    heard: list[SessionNews] = []
    errors: list[dict[str, Any]] = []

    def fails(_: SessionNews) -> None:
        raise RuntimeError("broken socket")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    try:
        registry.watch(who, fails)
        registry.watch(who, heard.append)
        await sessions.end_session(who.session_id)
        await registry.refresh()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert heard == [SessionNews.ENDED]
    assert len(errors) == 1


@pytest.mark.usefixtures("ada")
async def test_a_session_that_ended_before_its_socket_was_watched_is_still_told(
    registry: SessionRegistry, sessions: CountingSessions
) -> None:
    secret, _ = await _signed_in(sessions)
    who = await registry.principal(secret)
    await sessions.end_session(who.session_id)
    await registry.refresh()
    heard: list[SessionNews] = []
    registry.watch(who, heard.append)
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == [SessionNews.ENDED]


@pytest.mark.usefixtures("ada")
async def test_a_session_revoked_while_it_is_looked_up_is_not_believed(
    clock: FakeClock, database: Database, passwords: Passwords
) -> None:
    class Slow(Sessions):
        """Answers with what it read before the revocation."""

        read, go_on = asyncio.Event(), asyncio.Event()

        async def find(self, hashed: bytes) -> Any:
            found = await super().find(hashed)
            self.read.set()
            await self.go_on.wait()
            return found

    sessions = Sessions(database, clock, passwords)
    slow = Slow(database, clock, passwords)
    registry = SessionRegistry(slow, clock)
    secret, who = await _signed_in(sessions)
    asked = asyncio.ensure_future(registry.principal(secret))
    await slow.read.wait()
    await sessions.end_session(who.session_id)
    await registry.refresh()
    slow.go_on.set()
    with pytest.raises(NotSignedIn):
        await asked
    assert registry.cached(secret) is None


@pytest.mark.usefixtures("ada")
async def test_idle_and_old_sessions_end_on_their_sockets_too(
    sessions: CountingSessions, clock: FakeClock
) -> None:
    registry = SessionRegistry(sessions, clock, pace=Pace(gap_s=10**6, blind_s=10**6))
    heard: list[str] = []
    for name in ("idle", "busy"):
        secret, _ = await _signed_in(sessions)
        who = await registry.principal(secret)
        registry.watch(who, lambda _, name=name: heard.append(name))  # type: ignore[misc]
    busy = who.session_id
    for hour in range(1, 17):
        clock.advance(timedelta(minutes=59, seconds=50))
        registry.touch(busy)
        await registry.write_touches()
        await registry.refresh()
        await asyncio.sleep(0)
        assert heard == ([] if hour < 3 else ["idle"])
    clock.advance(timedelta(minutes=5))
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == ["idle", "busy"]


@pytest.mark.usefixtures("ada")
async def test_use_on_one_node_keeps_the_session_on_another(
    sessions: CountingSessions, clock: FakeClock
) -> None:
    here, there = SessionRegistry(sessions, clock), SessionRegistry(sessions, clock)
    secret, _ = await _signed_in(sessions)
    await there.principal(secret)
    for _ in range(3):
        clock.advance(timedelta(hours=1))
        await here.principal(secret)
        await here.write_touches()
    await there.principal(secret)
    clock.advance(timedelta(hours=3))
    for node in (here, there):
        with pytest.raises(NotSignedIn) as refused:
            await node.principal(secret)
        assert refused.value.code == "session_expired"


@pytest.mark.usefixtures("ada")
async def test_while_the_database_is_away_known_sessions_go_on_for_a_while(
    sessions: CountingSessions,
    clock: FakeClock,
    database: Database,
    passwords: Passwords,
    admin: Admin,
) -> None:
    class Away(CountingSessions):
        is_away = False

        async def find(self, hashed: bytes) -> Any:
            self._check()
            return await super().find(hashed)

        async def recent_changes(self) -> Any:
            self._check()
            return await super().recent_changes()

        def _check(self) -> None:
            if self.is_away:
                raise Unavailable("database_connection_lost", "It is away.")

    away = Away(database, clock, passwords)
    registry = SessionRegistry(away, clock, pace=Pace(blind_s=600))
    secret, who = await _signed_in(sessions)
    ended, other = await _signed_in(sessions)
    heard: list[SessionNews] = []
    await registry.principal(secret)
    registry.watch(await registry.principal(ended), heard.append)

    away.is_away = True
    with pytest.raises(Unavailable):
        await registry.refresh()
    for _ in range(9):
        clock.advance(60)
        assert (await registry.principal(secret)).session_id == who.session_id
    clock.advance(120)
    with pytest.raises(Unavailable):
        await registry.principal(secret)

    # Ended meanwhile by another node, longer ago than the poll looks back.
    away.is_away = False
    await admin.execute(
        "UPDATE sessions SET revoked_at = now() WHERE session_id = $1", other.session_id
    )
    await registry.refresh()
    await asyncio.sleep(0)
    assert heard == [SessionNews.ENDED]
    assert (await registry.principal(secret)).session_id == who.session_id
