"""Accounts, sign-in and sessions against a real database, on a clock that stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from crisis.clock import FakeClock
from crisis.errors import Conflict, Invalid, NotFound, NotSignedIn, ShuttingDown, TooMany
from crisis.ids import AgencyId, CountyId, ResponderId, UserId
from crisis.roles import Role
from dispatch.store.accounts import Accounts
from dispatch.store.attempts import Devices
from dispatch.store.identity import Grant, token_hash
from dispatch.store.passwords import Passwords
from dispatch.store.pool import County, Database, savepoint
from dispatch.store.sessions import Sessions

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

Eventually = Callable[..., Awaitable[None]]

ALPINE, KERN = CountyId(6003), CountyId(6029)
PASSWORD = "correct horse battery"
DESK, ELSEWHERE = "192.0.2.10", "198.51.100.7"
CHEAP = PasswordHasher.from_parameters(CHEAPEST)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(hasher=CHEAP)
    yield made
    made.close()


@pytest.fixture
async def counties(admin: Admin) -> None:
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) "
        "VALUES (6003, 'Alpine', 'rural'), (6029, 'Kern', 'urban')"
    )


@pytest.fixture
def accounts(
    database: Database, clock: FakeClock, passwords: Passwords, counties: None
) -> Accounts:
    return Accounts(database, clock, passwords)


@pytest.fixture
def sessions(database: Database, clock: FakeClock, passwords: Passwords) -> Sessions:
    return Sessions(database, clock, passwords)


@pytest.fixture
async def ada(accounts: Accounts) -> UserId:
    account_id = await accounts.create_account("Ada", "Ada L.", password=PASSWORD)
    await accounts.grant(
        account_id, Grant(county_id=ALPINE, roles=frozenset({Role.DISPATCHER, Role.SUPERVISOR}))
    )
    return account_id


async def _signs_in(sessions: Sessions, password: str = PASSWORD, address: str = DESK) -> str:
    secret, _ = await sessions.sign_in("ada", password, address=address)
    return secret


async def _fails(sessions: Sessions, times: int, clock: FakeClock, address: str = DESK) -> None:
    """Fail ``times`` times, each as soon as it is allowed."""
    for _ in range(times):
        clock.advance(31)
        with pytest.raises(NotSignedIn):
            await sessions.sign_in("ada", "not the password", address=address)


async def _wait_s(sessions: Sessions, username: str = "ada", address: str = DESK) -> float:
    with pytest.raises(TooMany) as refused:
        await sessions.sign_in(username, PASSWORD, address=address)
    assert refused.value.code == "slow_down"
    return refused.value.retry_after_s


async def _is_alive(sessions: Sessions, clock: FakeClock, secret: str) -> bool:
    found = await sessions.find(token_hash(secret))
    assert found is not None
    return found.is_alive(clock.now())


# Signing in


async def test_a_session_says_who_it_is_and_what_they_may_act_as(
    sessions: Sessions, accounts: Accounts, ada: UserId, admin: Admin
) -> None:
    agency, responder = AgencyId(uuid4()), ResponderId(uuid4())
    await admin.execute("INSERT INTO agencies VALUES (6029, $1, 'Kern mobile')", agency)
    in_kern = Grant(
        county_id=KERN,
        roles=frozenset({Role.RESPONDER}),
        agency_id=agency,
        responder_id=responder,
    )
    await accounts.grant(ada, in_kern)
    _, who = await sessions.sign_in(" ADA ", PASSWORD, address=DESK, device="Desk 3")
    assert who.account_id == ada
    assert (who.label, who.device, who.purpose) == ("Ada L.", "Desk 3", "cookie")
    assert who.grants[KERN] == in_kern
    assert who.grants[ALPINE].roles == {Role.DISPATCHER, Role.SUPERVISOR}


@pytest.mark.usefixtures("ada")
async def test_the_database_holds_no_secret_in_clear(sessions: Sessions, admin: Admin) -> None:
    secret = await _signs_in(sessions)
    _, who = await sessions.sign_in("ada", PASSWORD, address=DESK)
    ticket = await sessions.create_ticket(who.session_id)
    for table in ("accounts", "sessions", "socket_tickets", "sign_in_attempts", "account_log"):
        rows = await admin.fetch(f"SELECT t::text AS row FROM {table} t")
        assert rows
        text = " ".join(row["row"] for row in rows)
        for private in (secret, ticket, PASSWORD, DESK):
            assert private not in text
            assert private.encode().hex() not in text


@pytest.mark.usefixtures("ada")
async def test_whatever_is_wrong_the_refusal_is_the_same(
    sessions: Sessions, accounts: Accounts
) -> None:
    left = await accounts.create_account("left", "Left", password=PASSWORD)
    await accounts.disable(left)
    await accounts.create_account("psap", "PSAP feed", kind="integration")
    refusals = []
    for username, password in (
        ("ada", "not the password"),
        ("nobody", PASSWORD),
        ("left", PASSWORD),
        ("psap", PASSWORD),
    ):
        with pytest.raises(NotSignedIn) as refused:
            await sessions.sign_in(username, password, address=DESK)
        refusals.append((refused.value.code, refused.value.detail, dict(refused.value.facts)))
    assert refusals == [("bad_credentials", "Username or password is wrong.", {})] * 4


class CountingHasher(PasswordHasher):
    """Counts the hashes that were really checked."""

    __slots__ = ("checked",)

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1, hash_len=4, salt_len=8)
        self.checked: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        self.checked.append(str(hash))
        return super().verify(hash, password)


async def test_an_unknown_username_costs_a_hash_like_a_known_one(
    database: Database, clock: FakeClock, counties: None
) -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher=hasher)
    sessions = Sessions(database, clock, passwords)
    await Accounts(database, clock, passwords).create_account("ada", "Ada", password=PASSWORD)
    for username in ("ada", "nobody"):
        with pytest.raises(NotSignedIn):
            await sessions.sign_in(username, "not the password", address=DESK)
    assert len(hasher.checked) == 2
    assert all(encoded.startswith("$argon2id$") for encoded in hasher.checked)
    passwords.close()


async def test_a_hash_of_older_parameters_is_replaced_at_sign_in(
    database: Database, clock: FakeClock, accounts: Accounts, ada: UserId, admin: Admin
) -> None:
    newer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    passwords = Passwords(hasher=newer)
    await _signs_in(Sessions(database, clock, passwords))
    stored = await admin.fetchval("SELECT password_hash FROM accounts WHERE account_id = $1", ada)
    assert not newer.check_needs_rehash(stored)
    await _signs_in(Sessions(database, clock, passwords))
    passwords.close()


# Delays


@pytest.mark.usefixtures("ada")
async def test_the_delay_grows_with_failures_and_ends_by_itself(
    sessions: Sessions, clock: FakeClock
) -> None:
    await _fails(sessions, 3, clock)
    first = await _wait_s(sessions)
    await _fails(sessions, 2, clock)
    assert await _wait_s(sessions) > first
    await _fails(sessions, 10, clock)
    assert await _wait_s(sessions) == 30.0
    clock.advance(29)
    assert await _wait_s(sessions) == 1.0
    clock.advance(1.5)
    await _signs_in(sessions)


@pytest.mark.usefixtures("ada")
async def test_asking_too_early_does_not_lengthen_the_delay(
    sessions: Sessions, clock: FakeClock
) -> None:
    await _fails(sessions, 5, clock)
    waits = [await _wait_s(sessions) for _ in range(5)]
    assert len(set(waits)) == 1


async def test_a_made_up_username_waits_like_a_real_one(
    sessions: Sessions, clock: FakeClock, ada: UserId
) -> None:
    for _ in range(4):
        clock.advance(31)
        for username in ("ada", "nobody"):
            with pytest.raises(NotSignedIn):
                await sessions.sign_in(username, "not the password", address=DESK)
    assert await _wait_s(sessions, "ada") == await _wait_s(sessions, "nobody")


@pytest.mark.usefixtures("ada")
async def test_guessing_a_name_without_pause_keeps_its_owner_out_nowhere(
    sessions: Sessions, clock: FakeClock
) -> None:
    await _signs_in(sessions, address=DESK)
    for number in range(60):
        with pytest.raises(NotSignedIn):
            await sessions.sign_in("ada", "a guess", address=f"198.51.100.{number}")
    # At once, where they have been before and where they haven't.
    await _signs_in(sessions, address=DESK)
    await _signs_in(sessions, address="203.0.113.1")


@pytest.mark.usefixtures("ada")
async def test_who_mistypes_while_others_guess_waits_from_their_own_try_on(
    sessions: Sessions, clock: FakeClock
) -> None:
    for number in range(20):
        with pytest.raises(NotSignedIn):
            await sessions.sign_in("ada", "a guess", address=f"198.51.100.{number}")
    with pytest.raises(NotSignedIn):
        await sessions.sign_in("ada", "mistyped", address=DESK)
    wait_s = await _wait_s(sessions)
    for second in range(int(wait_s)):
        clock.advance(1)
        with pytest.raises(NotSignedIn):
            await sessions.sign_in("ada", "a guess", address=f"192.0.2.{second + 100}")
    clock.advance(1)
    await _signs_in(sessions)


@pytest.mark.usefixtures("ada")
async def test_a_device_that_has_signed_in_is_known_at_any_address(
    database: Database, clock: FakeClock, passwords: Passwords
) -> None:
    sessions = Sessions(database, clock, passwords, devices=Devices(bytes(32)))
    mark = sessions.mark_for("Ada", "")
    assert mark is not None and sessions.mark_for("ada", mark) is None
    assert sessions.mark_for("bo", mark) not in {None, mark}
    for number in range(40):
        clock.advance(31)
        with pytest.raises(NotSignedIn):
            await sessions.sign_in("ada", "a guess", address=ELSEWHERE if number % 2 else DESK)
    await sessions.sign_in("ada", PASSWORD, address=ELSEWHERE, mark=mark)
    forged = mark[:-4] + "AAA="
    for bad in (forged, "", "%", "x" * 300, Devices(bytes(range(32))).mark("ada")):
        with pytest.raises(TooMany):
            await sessions.sign_in("ada", PASSWORD, address=ELSEWHERE, mark=bad)
    # A mark opens nothing, and guessing with it is slowed down like anywhere.
    for _ in range(3):
        with pytest.raises(NotSignedIn):
            await sessions.sign_in("ada", "a guess", address=DESK, mark=mark)
    with pytest.raises(TooMany):
        await sessions.sign_in("ada", PASSWORD, address=DESK, mark=mark)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("name", ["ada", "made up"])
async def test_a_flood_from_many_addresses_keeps_nobody_out(
    database: Database, clock: FakeClock, passwords: Passwords, name: str
) -> None:
    sessions = Sessions(database, clock, passwords, devices=Devices(bytes(32)))
    mark = sessions.mark_for("ada", "")
    assert mark is not None

    async def guess(number: int) -> None:
        with suppress(NotSignedIn, TooMany):
            await sessions.sign_in(
                name, "a guess", address=f"{11 + number % 80}.51.{number // 250}.{number % 250}"
            )

    flood = [asyncio.create_task(guess(number)) for number in range(2_000)]
    await asyncio.sleep(0)
    # The known device is judged while all the others wait, and a new one at its first try: once it
    # has a seat, nobody who came later takes it away.
    await sessions.sign_in("ada", PASSWORD, address=DESK, mark=mark)
    await sessions.sign_in("ada", PASSWORD, address="203.0.113.9")
    await asyncio.gather(*flood)


@pytest.mark.usefixtures("ada")
async def test_one_address_with_many_usernames_is_slowed_down(
    sessions: Sessions, clock: FakeClock
) -> None:
    for number in range(30):
        with pytest.raises(NotSignedIn):
            await sessions.sign_in(f"user{number}", PASSWORD, address="2001:db8::1")
    assert await _wait_s(sessions, "another", "2001:db8::ffff") > 0
    with pytest.raises(NotSignedIn):
        await sessions.sign_in("another", PASSWORD, address="2001:db8:0:1::1")


@pytest.mark.usefixtures("ada")
async def test_a_burst_of_guesses_at_once_is_counted_one_by_one(sessions: Sessions) -> None:
    answers = await asyncio.gather(
        *(sessions.sign_in("ada", f"a wrong guess {n}", address=DESK) for n in range(12)),
        return_exceptions=True,
    )
    judged = [answer for answer in answers if isinstance(answer, NotSignedIn)]
    assert len(judged) == 3
    assert all(isinstance(answer, NotSignedIn | TooMany) for answer in answers)


class HeldHasher(PasswordHasher):
    """Checks nothing until it is let go."""

    __slots__ = ("entered", "let_go")

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1, hash_len=4, salt_len=8)
        self.entered, self.let_go = threading.Event(), threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        self.entered.set()
        self.let_go.wait(10)
        return super().verify(hash, password)


@pytest.mark.usefixtures("ada")
async def test_when_too_many_sign_in_the_rest_are_refused_and_not_blamed(
    database: Database, clock: FakeClock, admin: Admin, eventually: Eventually
) -> None:
    hasher = HeldHasher()
    crowded = Passwords(lanes=1, waiting=1, hasher=hasher)
    sessions = Sessions(database, clock, crowded)
    first = asyncio.ensure_future(_signs_in(sessions, address=DESK))
    await eventually(hasher.entered.is_set)
    second = asyncio.ensure_future(_signs_in(sessions, address=ELSEWHERE))
    await eventually(lambda: crowded.waiting)
    third = asyncio.ensure_future(_signs_in(sessions, address="203.0.113.1"))
    # Chance decides which of the two that wait must go.
    await asyncio.wait([second, third], return_when=asyncio.FIRST_COMPLETED)
    hasher.let_go.set()
    answers = await asyncio.gather(first, second, third, return_exceptions=True)
    (refused,) = [answer for answer in answers if isinstance(answer, TooMany)]
    assert refused.code == "sign_in_busy"
    assert isinstance(answers[0], str)
    assert crowded.waiting == 0
    assert await admin.fetchval("SELECT sum(failures) FROM sign_in_attempts") == 0
    crowded.close()


async def test_hanging_up_does_not_free_a_lane(eventually: Eventually) -> None:
    hasher = HeldHasher()
    crowded = Passwords(lanes=1, waiting=0, hasher=hasher)
    asked = asyncio.ensure_future(crowded.verify(hasher.hash("x"), "x"))
    await eventually(hasher.entered.is_set)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    with pytest.raises(TooMany):
        await crowded.verify(hasher.hash("x"), "x")
    hasher.let_go.set()

    async def is_free() -> bool:
        try:
            return await crowded.verify(hasher.hash("x"), "x")
        except TooMany:
            return False

    await eventually(is_free)
    crowded.close()


async def test_who_signs_in_while_the_node_ends_is_told_so() -> None:
    closed = Passwords(hasher=CHEAP)
    closed.close()
    with pytest.raises(ShuttingDown):
        await closed.verify(None, "x")
    assert closed.waiting == 0


# Ending


async def test_a_session_ends_by_time_and_by_idleness(
    sessions: Sessions, clock: FakeClock, ada: UserId
) -> None:
    secret, who = await sessions.sign_in("ada", PASSWORD, address=DESK)
    for _ in range(8):
        clock.advance(timedelta(hours=1, minutes=59))
        assert await _is_alive(sessions, clock, secret)
        await sessions.touch({who.session_id: clock.now()})
    clock.advance(timedelta(hours=1))
    assert not await _is_alive(sessions, clock, secret)

    idle = await _signs_in(sessions)
    clock.advance(timedelta(hours=2))
    assert not await _is_alive(sessions, clock, idle)


async def test_disabling_an_account_ends_its_sessions_and_enabling_does_not_revive_them(
    sessions: Sessions, accounts: Accounts, clock: FakeClock, ada: UserId
) -> None:
    secret = await _signs_in(sessions)
    assert await accounts.disable(ada)
    assert not await accounts.disable(ada)
    assert not await _is_alive(sessions, clock, secret)
    assert await accounts.enable(ada)
    assert not await _is_alive(sessions, clock, secret)
    await _signs_in(sessions)
    with pytest.raises(NotFound):
        await accounts.disable(UserId(uuid4()))


async def test_a_new_password_ends_the_other_sessions(
    sessions: Sessions, accounts: Accounts, clock: FakeClock, ada: UserId
) -> None:
    other = await _signs_in(sessions)
    mine, who = await sessions.sign_in("ada", PASSWORD, address=DESK)
    await accounts.set_password(ada, "another long password", keep=who.session_id)
    assert await _is_alive(sessions, clock, mine)
    assert not await _is_alive(sessions, clock, other)
    with pytest.raises(NotSignedIn):
        await _signs_in(sessions)
    await _signs_in(sessions, "another long password")


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "too_short"),
        ("x" * 257, "too_long"),
        ("aaaabbbbcccc", "too_simple"),
        ("Password12345", "too_common"),
        ("qwertyuiop12", "too_common"),
        ("letmeinletmein", "too_common"),
        ("Summer2026!!", "too_common"),
        ("crisisdispatch1", "too_common"),
        ("countymobileteam", "too_common"),
        ("my name is Ada, really", "contains_username"),
    ],
)
async def test_a_weak_password_is_refused_with_its_reasons(
    accounts: Accounts, ada: UserId, password: str, problem: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await accounts.set_password(ada, password)
    assert problem in refused.value.facts["problems"]  # type: ignore[operator]


# Grants and tokens


async def test_a_grant_replaces_the_county_s_former_one_and_can_be_taken(
    sessions: Sessions, accounts: Accounts, ada: UserId
) -> None:
    secret = await _signs_in(sessions)
    await accounts.grant(ada, Grant(county_id=ALPINE, roles=frozenset({Role.LEAD})))
    found = await sessions.find(token_hash(secret))
    assert found is not None
    assert found.principal.grants[ALPINE].roles == {Role.LEAD}
    assert await accounts.revoke(ada, ALPINE)
    assert not await accounts.revoke(ada, ALPINE)
    found = await sessions.find(token_hash(secret))
    assert found is not None
    assert not found.principal.grants


@pytest.mark.parametrize(
    "roles", [set(), {Role.SYSTEM}, {Role.INTEGRATION, Role.LEAD}, {Role.RESPONDER}]
)
async def test_a_grant_that_no_person_can_have_is_refused(
    accounts: Accounts, ada: UserId, roles: set[Role]
) -> None:
    with pytest.raises(Invalid) as refused:
        await accounts.grant(ada, Grant(county_id=ALPINE, roles=frozenset(roles)))
    assert refused.value.code == "bad_grant"


async def test_every_grantable_role_passes_the_table_s_own_check(
    accounts: Accounts, ada: UserId
) -> None:
    people = frozenset(Role) - {Role.SYSTEM, Role.INTEGRATION}
    responder = ResponderId(uuid4())
    await accounts.grant(ada, Grant(county_id=ALPINE, roles=people, responder_id=responder))


async def test_a_grant_names_a_county_and_an_agency_that_are_there(
    accounts: Accounts, ada: UserId
) -> None:
    lead = frozenset({Role.LEAD})
    with pytest.raises(Invalid) as refused:
        await accounts.grant(ada, Grant(county_id=CountyId(6001), roles=lead))
    assert refused.value.code == "unknown_county"
    with pytest.raises(Invalid) as refused:
        await accounts.grant(ada, Grant(county_id=ALPINE, roles=lead, agency_id=AgencyId(uuid4())))
    assert refused.value.code == "unknown_agency"


async def test_two_accounts_cannot_be_the_same_responder_or_have_one_username(
    accounts: Accounts, ada: UserId
) -> None:
    responder = ResponderId(uuid4())
    grant = Grant(county_id=ALPINE, roles=frozenset({Role.RESPONDER}), responder_id=responder)
    other = await accounts.create_account("bo", "Bo", password=PASSWORD)
    await accounts.grant(ada, grant)
    with pytest.raises(Conflict) as refused:
        await accounts.grant(other, grant)
    assert refused.value.code == "responder_has_account"
    with pytest.raises(Conflict) as refused:
        await accounts.create_account("ADA", "Another Ada")
    assert refused.value.code == "username_taken"


async def test_a_token_is_limited_to_its_scopes_counties_and_time(
    sessions: Sessions, accounts: Accounts, clock: FakeClock
) -> None:
    feed = await accounts.create_account("psap", "PSAP feed", kind="integration")
    secret, session_id = await accounts.issue_token(
        feed,
        {ALPINE: ["offer_call", "view:board"], KERN: ["offer_call"]},
        expires_at=clock.now() + timedelta(days=90),
    )
    found = await sessions.find(token_hash(secret))
    assert found is not None
    who = found.principal
    assert who.session_id == session_id
    assert {grant.roles for grant in who.grants.values()} == {frozenset({Role.INTEGRATION})}
    assert who.may_use(ALPINE, "view:board")
    assert not who.may_use(KERN, "view:board")
    assert not who.may_use(6001, "offer_call")
    clock.advance(timedelta(days=89))
    assert await _is_alive(sessions, clock, secret)
    clock.advance(timedelta(days=1))
    assert not await _is_alive(sessions, clock, secret)


async def test_a_county_lists_its_tokens_until_they_end(
    sessions: Sessions, accounts: Accounts, clock: FakeClock
) -> None:
    feed = await accounts.create_account("psap", "PSAP feed", kind="integration")
    later = clock.now() + timedelta(days=90)
    both = {ALPINE: ["offer_call"], KERN: ["fixes"]}
    secret, first = await accounts.issue_token(feed, both, expires_at=later, device="old line")
    clock.advance(timedelta(minutes=1))
    _, second = await accounts.issue_token(feed, {KERN: ["fixes"]}, expires_at=later)
    assert [one.session_id for one in await accounts.tokens(KERN)] == [second, first]
    [token] = await accounts.tokens(ALPINE)
    assert (token.username, token.label, token.device) == ("psap", "PSAP feed", "old line")
    assert {int(one.county_id): set(one.scopes or ()) for one in token.grants} == {
        ALPINE: {"offer_call"},
        KERN: {"fixes"},
    }
    assert await accounts.end_token(first)
    assert not await accounts.end_token(first)
    assert await accounts.tokens(ALPINE) == ()
    assert not await _is_alive(sessions, clock, secret)
    clock.advance(timedelta(days=90))
    assert await accounts.tokens(KERN) == ()


async def test_a_token_without_scopes_or_for_a_person_is_refused(
    accounts: Accounts, ada: UserId, clock: FakeClock
) -> None:
    feed = await accounts.create_account("psap", "PSAP feed", kind="integration")
    later = clock.now() + timedelta(days=1)
    with pytest.raises(Invalid):
        await accounts.issue_token(feed, {ALPINE: []}, expires_at=later)
    with pytest.raises(Invalid):
        await accounts.issue_token(feed, {ALPINE: ["offer_call"]}, expires_at=clock.now())
    with pytest.raises(NotFound):
        await accounts.issue_token(ada, {ALPINE: ["offer_call"]}, expires_at=later)


async def test_lists_show_accounts_of_a_county_and_an_account_s_sessions(
    sessions: Sessions, accounts: Accounts, ada: UserId, clock: FakeClock
) -> None:
    bo = await accounts.create_account("bo", "Bo")
    assert [one.username for one in await accounts.list_accounts()] == ["ada", "bo"]
    assert [one.account_id for one in await accounts.list_accounts(ALPINE)] == [ada]
    assert (await accounts.list_accounts(ALPINE))[0].grants[0].county_id == ALPINE
    assert await accounts.labels([ada, bo, uuid4()]) == {ada: "Ada L.", bo: "Bo"}
    await sessions.sign_in("ada", PASSWORD, address=DESK, purpose="bearer", device="Phone")
    await _signs_in(sessions)
    assert sorted(one.purpose for one in await accounts.sessions_of(ada)) == ["bearer", "cookie"]
    clock.advance(timedelta(hours=3))
    assert [one.device for one in await accounts.sessions_of(ada)] == ["Phone"]


# Tickets


async def test_a_ticket_opens_one_socket_of_its_session_in_time(
    sessions: Sessions, clock: FakeClock, ada: UserId
) -> None:
    _, who = await sessions.sign_in("ada", PASSWORD, address=DESK)
    ticket = await sessions.create_ticket(who.session_id)
    uses = await asyncio.gather(*(sessions.redeem_ticket(ticket, who.session_id) for _ in "12345"))
    assert sorted(uses) == [False, False, False, False, True]

    foreign = await sessions.create_ticket(uuid4())
    assert not await sessions.redeem_ticket(foreign, who.session_id)
    late = await sessions.create_ticket(who.session_id)
    clock.advance(30)
    assert not await sessions.redeem_ticket(late, who.session_id)


# Upkeep and walls


async def test_purging_keeps_what_still_matters(
    sessions: Sessions, accounts: Accounts, clock: FakeClock, ada: UserId, admin: Admin
) -> None:
    async def counts() -> dict[str, int]:
        return {
            table: await admin.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("sessions", "socket_tickets", "sign_in_attempts")
        }

    _, who = await sessions.sign_in("ada", PASSWORD, address=DESK)
    await sessions.create_ticket(who.session_id)
    await sessions.purge()
    assert await counts() == {"sessions": 1, "socket_tickets": 1, "sign_in_attempts": 3}
    clock.advance(timedelta(days=2))
    await sessions.purge()
    assert await counts() == {"sessions": 1, "socket_tickets": 0, "sign_in_attempts": 1}
    clock.advance(timedelta(days=100))
    await sessions.purge()
    assert await counts() == {"sessions": 0, "socket_tickets": 0, "sign_in_attempts": 0}


async def test_what_was_done_is_logged_and_the_log_cannot_be_changed(
    sessions: Sessions, accounts: Accounts, ada: UserId, admin: Admin
) -> None:
    with pytest.raises(NotSignedIn):
        await _signs_in(sessions, "not the password")
    _, who = await sessions.sign_in("ada", PASSWORD, address=DESK)
    await sessions.end_session(who.session_id, by=ada)
    await accounts.disable(ada, by=ada)
    rows = await admin.fetch("SELECT what, by_account_id FROM account_log ORDER BY log_id")
    assert [row["what"] for row in rows] == [
        "created",
        "granted",
        "sign_in_failed",
        "signed_in",
        "session_ended",
        "disabled",
    ]
    assert rows[-1]["by_account_id"] == ada
    with pytest.raises(asyncpg.RestrictViolationError):
        await admin.execute("DELETE FROM account_log")


async def test_a_county_sees_its_own_grants_and_no_account_table(
    database: Database, accounts: Accounts, ada: UserId
) -> None:
    await accounts.grant(ada, Grant(county_id=KERN, roles=frozenset({Role.LEAD})))
    async with database.tx(County(ALPINE)) as con:
        rows = await con.fetch("SELECT county_id FROM account_grants")
        assert [row["county_id"] for row in rows] == [ALPINE]
        for table in ("accounts", "sessions", "sign_in_attempts", "socket_tickets", "account_log"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with savepoint(con):
                    await con.fetch(f"SELECT * FROM {table}")
