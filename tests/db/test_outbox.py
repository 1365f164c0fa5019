"""Notices leave once, also where nodes compete, crash and mail servers fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from crisis.clock import FakeClock, new_id
from dispatch.run.alerts import Alert, NotDelivered
from dispatch.run.outbox import AlertFeed, Outbox
from dispatch.store.pool import Database, Record

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

Eventually = Callable[..., Awaitable[None]]
ALPINE, KERN = 6003, 6029


class Recording:
    """An adapter that keeps what it sends, and fails as told."""

    def __init__(self, name: str = "mail", *failures: Exception) -> None:
        self.name = name
        self.failures = list(failures)
        self.sent: list[Alert] = []
        #: Set: sending waits for it.
        self.gate: asyncio.Event | None = None

    async def send(self, alert: Alert) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(alert)

    @property
    def keys(self) -> list[str]:
        return [alert.key for alert in self.sent]


def _outbox(
    database: Database,
    clock: FakeClock,
    *adapters: Recording,
    node: str = "a",
    most_attempts: int = 8,
    batch: int = 20,
) -> Outbox:
    return Outbox(
        database,
        adapters,
        node,
        clock=clock,
        machine=clock,
        jitter=lambda _low, high: high,
        most_attempts=most_attempts,
        batch=batch,
    )


async def _notice(
    admin: Admin,
    clock: FakeClock,
    *,
    county_id: int = KERN,
    recipient: str = "role:supervisor",
    position: int = 0,
    not_after: datetime | None = None,
    command_id: UUID | None = None,
) -> str:
    command = command_id or new_id()
    await admin.execute(
        "INSERT INTO outbox (county_id, command_id, position, recipient, template, urgency, "
        "incident_number, created_at, not_before, not_after) "
        "VALUES ($1, $2, $3, $4, 'offer', 'now', 7, $5, $5, $6)",
        county_id,
        command,
        position,
        recipient,
        clock.now(),
        not_after,
    )
    return f"{command}/{position}"


async def _outcomes(admin: Admin) -> list[tuple[str | None, int]]:
    rows = await admin.fetch("SELECT outcome, attempts FROM outbox ORDER BY outbox_id")
    return [(row["outcome"], row["attempts"]) for row in rows]


async def test_a_notice_leaves_by_every_adapter_and_is_done(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    key = await _notice(admin, clock)
    log, mail = Recording("log"), Recording("mail")
    drained = await _outbox(database, clock, log, mail).drain()
    assert drained.sent == 1
    assert log.keys == mail.keys == [key]
    assert mail.sent[0].text == "Open the app: new assignment (incident 7)"
    assert await _outcomes(admin) == [("sent", 1)]
    assert not (await _outbox(database, clock, log).drain()).took_some


async def test_two_nodes_draining_at_once_never_send_one_notice_twice(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    keys = {await _notice(admin, clock, position=position) for position in range(60)}
    one, other = Recording(), Recording()

    async def drain(adapter: Recording, node: str) -> None:
        outbox = _outbox(database, clock, adapter, node=node, batch=7)
        while (await outbox.drain()).took_some:
            pass

    await asyncio.gather(drain(one, "a"), drain(other, "b"), drain(other, "b"))
    assert sorted(one.keys + other.keys) == sorted(keys)
    assert {outcome for outcome, _ in await _outcomes(admin)} == {"sent"}


async def test_a_notice_that_another_node_is_just_taking_is_passed_over(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _notice(admin, clock)
    key = await _notice(admin, clock)
    await admin.execute("BEGIN")
    await admin.execute(
        "UPDATE outbox SET leased_by = 'b', leased_until = $1 WHERE outbox_id = 1",
        clock.now() + timedelta(seconds=60),
    )
    mail = Recording()
    draining = asyncio.create_task(_outbox(database, clock, mail).drain())
    try:
        done, _ = await asyncio.wait([draining], timeout=3)
    finally:
        await admin.execute("COMMIT")
    await draining
    assert done, "it waited for the other node"
    assert mail.keys == [key]


async def test_a_leased_notice_is_left_alone_while_it_is_being_sent(
    database: Database, admin: Admin, clock: FakeClock, eventually: Eventually
) -> None:
    await _notice(admin, clock)
    slow, other = Recording(), Recording()
    slow.gate = asyncio.Event()
    sending = asyncio.create_task(_outbox(database, clock, slow).drain())
    await eventually(lambda: admin.fetchval("SELECT leased_by IS NOT NULL FROM outbox"))
    await _outbox(database, clock, other, node="b").drain()
    assert other.keys == []
    slow.gate.set()
    assert (await sending).sent == 1


async def test_a_crash_between_send_and_mark_sends_again_under_the_same_key(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    key = await _notice(admin, clock)
    first, second = Recording(), Recording()

    class Crash(BaseException):
        pass

    class Crashing(Outbox):
        async def _settle(self, *_args: object) -> None:
            raise Crash

    crashing = Crashing(database, [first], "a", clock=clock, machine=clock)
    with pytest.raises(Crash):
        await crashing.drain()
    survivor = _outbox(database, clock, second, node="b")
    await survivor.drain()
    assert second.keys == []
    clock.advance(61)
    await survivor.drain()
    assert (first.keys, second.keys) == ([key], [key])
    assert await _outcomes(admin) == [("sent", 2)]


async def test_a_node_whose_lease_ran_out_does_not_mark_what_another_took(
    database: Database, admin: Admin, clock: FakeClock, eventually: Eventually
) -> None:
    await _notice(admin, clock)
    slow, other = Recording("mail", NotDelivered("mail_refused", may_retry=False)), Recording()
    slow.gate, other.gate = asyncio.Event(), asyncio.Event()
    late = asyncio.create_task(_outbox(database, clock, slow).drain())
    await eventually(lambda: admin.fetchval("SELECT attempts = 1 FROM outbox"))
    clock.advance(61)
    taken = asyncio.create_task(_outbox(database, clock, other, node="b").drain())
    await eventually(lambda: admin.fetchval("SELECT attempts = 2 FROM outbox"))
    slow.gate.set()
    await late
    assert await _outcomes(admin) == [(None, 2)]
    other.gate.set()
    await taken
    assert await _outcomes(admin) == [("sent", 2)]


async def test_a_failed_adapter_is_tried_again_later_and_the_others_are_not(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _notice(admin, clock)
    log = Recording("log")
    mail = Recording("mail", *[NotDelivered("mail_unreachable", may_retry=True)] * 3)
    outbox = _outbox(database, clock, log, mail)
    pauses = []
    while await admin.fetchval("SELECT done_at IS NULL FROM outbox"):
        drained = await outbox.drain()
        if drained.retried:
            until = await admin.fetchval("SELECT leased_until FROM outbox")
            pauses.append((until - clock.now()).total_seconds())
            assert not (await outbox.drain()).took_some
            clock.set(until)
    assert pauses == [2.0, 4.0, 8.0]
    assert (len(log.sent), len(mail.sent)) == (1, 1)
    assert await _outcomes(admin) == [("sent", 4)]
    assert await admin.fetchval("SELECT sent_by FROM outbox") == ["log", "mail"]


async def test_a_notice_fails_after_its_attempts_or_when_no_other_can_help(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _notice(admin, clock)
    mail = Recording("mail", *[NotDelivered("mail_unreachable", may_retry=True)] * 3)
    outbox = _outbox(database, clock, mail, most_attempts=3)
    for _ in range(3):
        await outbox.drain()
        clock.advance(3_600)
    await _notice(admin, clock)
    mail.failures.append(NotDelivered("mail_recipients_refused", may_retry=False))
    await outbox.drain()
    assert await _outcomes(admin) == [("failed", 3), ("failed", 1)]
    assert await admin.fetchval("SELECT last_error FROM outbox LIMIT 1") == "mail: mail_unreachable"
    assert outbox.totals.failed == 2


async def test_a_notice_that_nobody_survives_is_given_up(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _notice(admin, clock)
    await admin.execute("UPDATE outbox SET attempts = 8, leased_by = 'x', leased_until = now()")
    await admin.execute("UPDATE outbox SET leased_until = $1", clock.now() + timedelta(seconds=5))
    mail = Recording()
    outbox = _outbox(database, clock, mail)
    await outbox.drain()
    assert await _outcomes(admin) == [(None, 8)]
    clock.advance(5)
    assert (await outbox.drain()).failed == 1
    assert await _outcomes(admin) == [("failed", 8)]
    assert mail.sent == []


async def test_what_is_useless_by_now_expires_unsent(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _notice(admin, clock, not_after=clock.now() + timedelta(seconds=90))
    await _notice(admin, clock, not_after=clock.now() + timedelta(seconds=91))
    clock.advance(90)
    mail = Recording()
    drained = await _outbox(database, clock, mail).drain()
    assert (drained.expired, drained.sent) == (1, 1)
    assert await _outcomes(admin) == [("expired", 0), ("sent", 1)]


async def test_an_adapter_that_breaks_its_promise_keeps_no_other_notice_back(
    database: Database, admin: Admin, clock: FakeClock
) -> None:
    await _notice(admin, clock)
    await _notice(admin, clock)
    mail = Recording("mail", KeyError("Jane Roe"))
    outbox = _outbox(database, clock, mail)
    with pytest.raises(ExceptionGroup):
        await outbox.drain()
    assert sorted(await _outcomes(admin), key=str) == [("sent", 1), (None, 1)]
    errors = await admin.fetch("SELECT last_error FROM outbox WHERE last_error IS NOT NULL")
    assert [row["last_error"] for row in errors] == ["mail: KeyError"]


async def test_a_committed_notice_leaves_as_soon_as_the_outbox_is_woken(
    database: Database, admin: Admin, clock: FakeClock, eventually: Eventually
) -> None:
    mail = Recording()
    outbox = Outbox(database, [mail], "a", clock=clock, machine=clock, poll_s=3_600)
    async with _running(outbox.run()):
        key = await _notice(admin, clock)
        outbox.wake()
        await eventually(lambda: mail.keys == [key])

        async def is_settled() -> bool:
            return await outbox.waiting() == (0, None)

        await eventually(is_settled)


async def test_a_lease_must_outlast_its_adapters(database: Database, clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="outlast"):
        Outbox(database, [Recording()], "a", clock=clock, machine=clock, lease_s=10)


async def test_every_node_tells_its_own_screens_of_new_alerts_in_order(
    database: Database, admin: Admin, clock: FakeClock, eventually: Eventually
) -> None:
    await admin.execute(
        "INSERT INTO counties (county_id, name, area_class) "
        "VALUES (6003, 'Alpine', 'rural'), (6029, 'Kern', 'urban')"
    )
    await _notice(admin, clock)
    told: list[list[str]] = [[], []]

    def deliver_to(node: int) -> Callable[[Sequence[Alert]], None]:
        return lambda alerts: told[node].extend(alert.key for alert in alerts)

    feeds = [AlertFeed(database, deliver_to(node), clock=clock) for node in (0, 1)]
    for feed in feeds:
        await feed.begin()
    keys = [await _notice(admin, clock, position=n) for n in range(3)]
    expired = await _notice(admin, clock, not_after=clock.now())
    keys.append(await _notice(admin, clock, county_id=ALPINE))
    async with _running(feeds[0].run()), _running(feeds[1].run()):
        for feed in feeds:
            feed.wake(KERN)
            feed.wake(ALPINE)
        await eventually(lambda: len(told[0]) == len(told[1]) == 4)
    for told_here in told:
        assert expired not in told_here
        assert sorted(told_here) == sorted(keys)
        assert [key for key in told_here if key in keys[:3]] == keys[:3]


async def test_a_county_that_grows_while_alerts_are_read_is_looked_at_again(
    database: Database, admin: Admin, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    feed = AlertFeed(database, lambda alerts: told.extend(a.key for a in alerts), clock=clock)
    await feed.begin()
    call, keys = Database.call, [await _notice(admin, clock)]

    async def call_and_grow(*args: Any) -> list[Record]:
        rows = await call(*args)
        if len(keys) == 1:
            # Committed and told of after the answer was read, before the feed has it.
            keys.append(await _notice(admin, clock))
            feed.wake(KERN)
        return rows

    monkeypatch.setattr(Database, "call", call_and_grow)
    feed.wake(KERN)
    await feed.look()
    assert told == keys


@asynccontextmanager
async def _running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
