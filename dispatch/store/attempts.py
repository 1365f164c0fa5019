"""How long to wait after failed attempts to sign in.

Decides the delay per username, per address and per both. Must not know whether an account exists:
a made-up username waits just as long. Never a lock-out, for this is a crisis line: the longest
delay is short, asking too early doesn't lengthen it, and a username that has signed in from an
address before waits there only for failures made there, so that nobody elsewhere can keep its
owner out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from crisis.errors import TooMany

from .pool import Connection, Database, Worker, retrying
from .sql import load

SQL = load("accounts")

#: Failures older than this, with none since, no longer count.
FORGET = timedelta(hours=1)
#: An address from which a username signed in stays known for so long.
KNOWN_FOR = timedelta(days=60)


class Ladder(NamedTuple):
    """Delays that double: none for ``free`` failures, then 1, 2, 4 s and so on up to ``top_s``."""

    free: int
    top_s: float

    def delay_s(self, failures: int) -> float:
        """Return the seconds from the last attempt to the next one."""
        over = failures - self.free
        return 0.0 if over < 0 else min(2.0 ** min(over, 10), self.top_s)


#: One username from one address: somebody who mistypes, or guesses.
PAIR = Ladder(3, 30.0)
#: One username from anywhere: guessing from many addresses.
USERNAME = Ladder(10, 15.0)
#: One address with any username; a whole call centre may share one.
ADDRESS = Ladder(30, 30.0)


class Keys(NamedTuple):
    """The hashed keys of one attempt's three counters."""

    pair: bytes
    username: bytes
    address: bytes


def keys_of(username: str, address: str) -> Keys:
    """Return the keys of an attempt; ``address``: of the client, "" = unknown."""
    place = _network(address)
    return Keys(_key("pair", username, place), _key("username", username), _key("address", place))


def _network(address: str) -> str:
    """Return what stands for one customer: an IPv4 address or an IPv6 /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(IPv6Address(int(ip) >> 64 << 64))


def _key(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode()).digest()


async def count_attempt(database: Database, keys: Keys, now: datetime) -> None:
    """Count an attempt as failed before it is judged, so that a burst can't outrun the count.

    Take it back with ``forgive`` or ``excuse``.

    Raises:
        TooMany: ``slow_down``; it isn't counted then.
    """

    async def work() -> None:
        async with database.tx(Worker()) as con:
            rows = await con.fetch(SQL["lock_attempts"], list(keys), now)
            found = {row["key"]: row for row in rows}
            failures = {
                key: 0 if now - row["last_at"] > FORGET else row["failures"]
                for key, row in found.items()
            }
            ladders = {keys.pair: PAIR, keys.username: USERNAME, keys.address: ADDRESS}
            succeeded_at = found[keys.pair]["succeeded_at"]
            if succeeded_at is not None and now - succeeded_at < KNOWN_FOR:
                ladders = {keys.pair: PAIR}
            wait_s = max(
                ladder.delay_s(failures[key]) - (now - found[key]["last_at"]).total_seconds()
                for key, ladder in ladders.items()
            )
            if wait_s > 0:
                raise TooMany(
                    "slow_down",
                    "Too many failed attempts to sign in; wait before the next one.",
                    retry_after_s=round(wait_s, 1) or 0.1,
                )
            await con.execute(
                SQL["count_attempts"],
                list(failures),
                [count + 1 for count in failures.values()],
                now,
            )

    await retrying(work)


async def forgive(con: Connection, keys: Keys, now: datetime) -> None:
    """Note a success in the transaction that creates its session."""
    await con.fetch(SQL["lock_attempts"], list(keys), now)
    await con.execute(SQL["uncount_attempts"], list(keys))
    await con.execute(SQL["note_success"], keys.pair, now)


async def excuse(database: Database, keys: Keys, now: datetime) -> None:
    """Take back an attempt that could not be judged."""

    async def work() -> None:
        async with database.tx(Worker()) as con:
            await con.fetch(SQL["lock_attempts"], list(keys), now)
            await con.execute(SQL["uncount_attempts"], list(keys))

    await retrying(work)
