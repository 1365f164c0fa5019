"""By which ways people are reached away from their screens, and whether each was tried.

Decides when a way counts as working: a code that was sent by it has come back, and nothing failed
by it since. Each kind of way is a row, whatever sends by it. Must not know how anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import LiteralString
from uuid import UUID

import msgspec

from crisis.clock import Clock, secret_digits
from crisis.errors import Invalid, NotFound
from crisis.ids import CountyId, UserId
from crisis.roles import Role
from dispatch.store.pool import Database, Record, Worker
from dispatch.store.sql import load

SQL = load("channels")

#: The one kind that there is now; the table's own list of kinds must hold every other.
MAIL = "mail"
#: A code that was sent is awaited for so long.
CODE_HOLDS = timedelta(hours=24)
#: So many wrong answers void it.
MOST_WRONG = 5
#: Whoever was heard of since then is at a screen where alarms ring.
AT_A_SCREEN = timedelta(minutes=15)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A way by which an account is reached.

    Attributes:
        code_sent_at: a test was sent then and its code has not come back; ``None`` = none waits.
        verified_at: when a code came back; ``None`` = never.
        failed_at, error: since when nothing gets out by it, and why; ``None`` = it does.
    """

    account_id: UserId
    kind: str
    address: str
    code_sent_at: datetime | None = None
    verified_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None

    @property
    def works(self) -> bool:
        """Whether it was tried, and nothing has failed by it since."""
        return self.verified_at is not None and self.failed_at is None


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Who of a role could hear an alarm now.

    Attributes:
        accounts: people with the role in the county.
        by_channel: those with a way that works.
        at_a_screen: those who are signed in and were heard of lately.
    """

    role: Role
    accounts: int
    by_channel: int
    at_a_screen: int

    @property
    def is_nobody(self) -> bool:
        """Whether nobody would hear of it."""
        return self.by_channel == 0 and self.at_a_screen == 0

    @property
    def is_untold(self) -> bool:
        """Whether nobody would hear of it away from a screen."""
        return self.by_channel == 0


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """Notices that were given up lately; ``last_at``, ``error``: of the last, ``None`` = none."""

    given_up: int
    last_at: datetime | None = None
    error: str | None = None


class Channels:
    """The ways out of a database's people.

    Args:
        clock: the machine clock.
        kinds: the kinds by which something can be sent here and now; by another nobody is reached.
    """

    def __init__(self, database: Database, clock: Clock, kinds: Collection[str] = ()) -> None:
        self._database = database
        self._clock = clock
        self.kinds = tuple(kinds)

    async def of(self, account_ids: Iterable[UUID]) -> dict[UserId, tuple[Channel, ...]]:
        """Return the ways by which these accounts are reached; those without any are left out."""
        found: dict[UserId, tuple[Channel, ...]] = {}
        for row in await self._run("list_channels", list(account_ids)):
            one = msgspec.convert(dict(row), Channel)
            found[one.account_id] = (*found.get(one.account_id, ()), one)
        return found

    async def set_address(
        self, account_id: UUID, address: str | None, *, kind: str = MAIL, by: UUID | None = None
    ) -> None:
        """Say where a person is reached by a way; ``None`` = by this way no more.

        Raises:
            NotFound: ``no_account``.
            Invalid: ``bad_email``.
        """
        if address is None:
            await self._run("drop_channel", account_id, kind)
            return
        if kind == MAIL and not _EMAIL.fullmatch(address):
            raise Invalid("bad_email", "An e-mail address looks like name@example.org.")
        if not await self._run("set_channel", account_id, kind, address, self._clock.now(), by):
            raise NotFound("no_account", "There is no such account.")

    async def begin_test(self, account_id: UUID, *, kind: str = MAIL) -> tuple[str, str]:
        """Make the code of a test and return it with the address that it must be sent to.

        Raises:
            NotFound: ``no_channel``.
        """
        known = (await self.of([account_id])).get(UserId(account_id), ())
        channel = next((one for one in known if one.kind == kind), None)
        if channel is None:
            raise _no_channel()
        code = secret_digits(6)
        await self._run("begin_test", account_id, kind, _hash(code), self._clock.now())
        return channel.address, code

    async def answer_test(self, account_id: UUID, code: str, *, kind: str = MAIL) -> None:
        """Take the code that came back: from now on the way counts as working.

        Raises:
            NotFound: ``no_channel``: no test waits for its code.
            Invalid: ``wrong_code``.
        """
        now = self._clock.now()
        given = _hash("".join(code.split()))
        rows = await self._run(
            "answer_test", account_id, kind, given, now, now - CODE_HOLDS, MOST_WRONG
        )
        if not rows:
            raise NotFound("no_test", "No test waits for its code: send one first.")
        if not rows[0]["is_right"]:
            raise Invalid("wrong_code", "That is not the code of the last test.")

    async def addresses(
        self, county_id: int, recipient: str, *, kind: str = MAIL
    ) -> tuple[str, ...]:
        """Return where ``role:<role>`` or ``user:<id>`` of a county is reached by a way.

        A team has none: its people are told on their phones.
        """
        what, _, name = recipient.partition(":")
        if what == "role":
            rows = await self._run("list_addresses", county_id, kind, None, name)
        elif what == "user":
            rows = await self._run("list_addresses", county_id, kind, UUID(name), None)
        else:
            rows = []
        return tuple(row["address"] for row in rows)

    async def failed(self, addresses: Sequence[str], error: str, *, kind: str = MAIL) -> None:
        """Note that nothing gets out to these addresses; ``error``: a code."""
        await self._run("note_failed", kind, list(addresses), self._clock.now(), error)

    async def worked(self, addresses: Sequence[str], *, kind: str = MAIL) -> None:
        """Note that something got out to these addresses."""
        await self._run("note_worked", kind, list(addresses))

    async def reach(self, county_id: CountyId, roles: Iterable[Role]) -> tuple[Reach, ...]:
        """Return who of each role could hear an alarm now."""
        now = self._clock.now()
        rows = await self._run(
            "count_reach",
            county_id,
            sorted(role.value for role in roles),
            list(self.kinds),
            now,
            now - AT_A_SCREEN,
        )
        return tuple(msgspec.convert(dict(row), Reach) for row in rows)

    async def undelivered(self, county_id: CountyId, since: datetime) -> Undelivered:
        """Return what of a county's notices was given up since then.

        ``since``: by the counties' time.
        """
        (row,) = await self._run("count_undelivered", county_id, since)
        return msgspec.convert(dict(row), Undelivered)

    async def _run(self, name: LiteralString, *args: object) -> list[Record]:
        return await self._database.call(Worker(), SQL[name], *args)


def _hash(code: str) -> bytes:
    return sha256(code.encode()).digest()


def _no_channel() -> NotFound:
    return NotFound("no_channel", "No address is set by which to reach this person.")
