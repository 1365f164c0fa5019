"""How long to wait after failed attempts to sign in, and which device has signed in before.

Decides the delay of a username at one place: a device that is known by its cookie, else an address.
Must not know whether an account exists: a made-up username waits just as long. Never a lock-out,
for this is a crisis line. Every delay runs from the last failure *at that place*, so that whoever
asks without pause elsewhere keeps nobody out: a place where the username hasn't failed yet is
judged at once. What failed elsewhere only makes the place slower once it has failed too. A place
where the username has signed in before waits for nothing but its own failures.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from crisis.clock import random_bytes
from crisis.errors import TooMany
from dispatch.store.pool import Connection, Database, Worker, retrying
from dispatch.store.sql import load

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


#: One username at one place: somebody who mistypes, or guesses.
PAIR = Ladder(3, 30.0)
#: One username from anywhere: guessing from many addresses.
USERNAME = Ladder(10, 15.0)
#: One address with any username; a whole call centre may share one.
ADDRESS = Ladder(30, 30.0)
#: A username that hasn't failed at such an address waits there no longer.
FRESH_AT_ADDRESS_S = 2.0


class Keys(NamedTuple):
    """The hashed keys of one attempt's three counters.

    Attributes:
        place: of the username at its device or address.
        is_device: the place is a device on which the username has signed in.
    """

    place: bytes
    username: bytes
    address: bytes
    is_device: bool = False

    @property
    def counters(self) -> list[bytes]:
        """The counters themselves; on a device of its own nothing else is counted."""
        return [self.place] if self.is_device else [self.place, self.username, self.address]


def keys_of(username: str, address: str, device: bytes | None = None) -> Keys:
    """Return the keys of an attempt.

    ``address``: of the client, "" = unknown. ``device``: its number, where ``Devices`` knows it.
    """
    network = network_of(address)
    place = (
        _key("pair", username, network)
        if device is None
        else _key("device", username, device.hex())
    )
    return Keys(
        place, _key("username", username), _key("address", network), is_device=device is not None
    )


class Devices:
    """Knows again the devices on which a username has signed in, without keeping a list of them.

    A device gets a mark, sealed for this username; it opens nothing, it only lets its holder's
    attempts be counted apart from everybody else's.

    Args:
        key: the seal's; the same on every node. 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"devices that have signed in", "sha256")

    def mark(self, username: str) -> str:
        """Return a new device's mark."""
        number = random_bytes(_NUMBER)
        return base64.urlsafe_b64encode(number + self._seal(username, number)).decode()

    def number(self, username: str, mark: str) -> bytes | None:
        """Return the device's number; ``None`` = it is no mark, or another username's."""
        try:
            raw = base64.b64decode(mark, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        number, seal = raw[:_NUMBER], raw[_NUMBER:]
        if len(raw) == _NUMBER + 32 and hmac.compare_digest(seal, self._seal(username, number)):
            return number
        return None

    def _seal(self, username: str, number: bytes) -> bytes:
        return hmac.digest(self._key, number + username.encode(), "sha256")


_NUMBER = 16


def network_of(address: str) -> str:
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


#: By IP version, the lengths of the prefixes that stand for parts of the network: a customer's, as
#: ``network_of`` has it, then what it lies in: a registry's, and ever closer ones of providers.
_PARTS = {4: (32, 8, 16, 24), 6: (64, 16, 32, 48)}


def parts_of(address: str) -> tuple[str, ...]:
    """Return whose an address is, as a ``WaitingRoom`` wants it: see ``_PARTS``."""
    network = network_of(address)
    try:
        ip = ip_address(network)
    except ValueError:
        return (network,) * len(_PARTS[4])
    return tuple(str(ip_network((ip, length), strict=False)) for length in _PARTS[ip.version])


def _key(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode()).digest()


async def count_attempt(database: Database, keys: Keys, now: datetime) -> bool:
    """Count an attempt as failed before it is judged, so that a burst can't outrun the count.

    Take it back with ``forgive`` or ``excuse``. Returns whether the username has signed in at this
    place before.

    Raises:
        TooMany: ``slow_down``; it isn't counted then.
    """

    async def work() -> bool:
        async with database.tx(Worker()) as con:
            rows = await con.fetch(SQL["lock_attempts"], keys.counters, now)
            found = {row["key"]: row for row in rows}
            failures = {
                key: 0 if now - row["last_at"] > FORGET else row["failures"]
                for key, row in found.items()
            }
            since_s = {key: (now - row["last_at"]).total_seconds() for key, row in found.items()}
            known_at = found[keys.place]["succeeded_at"]
            is_known = keys.is_device or (known_at is not None and now - known_at < KNOWN_FOR)
            wait_s = _wait_s(keys, failures, since_s, is_known=is_known)
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
            return is_known

    return await retrying(work)


def _wait_s(
    keys: Keys, failures: dict[bytes, int], since_s: dict[bytes, float], *, is_known: bool
) -> float:
    """Return the seconds until the place's next attempt is judged; <= 0 = now."""
    here = failures[keys.place]
    delay_s = PAIR.delay_s(here)
    if is_known:
        return delay_s - since_s[keys.place]
    at_address_s = ADDRESS.delay_s(failures[keys.address])
    if not here:
        return min(at_address_s, FRESH_AT_ADDRESS_S) - since_s[keys.address]
    delay_s = max(delay_s, USERNAME.delay_s(failures[keys.username]), at_address_s)
    return delay_s - since_s[keys.place]


async def forgive(con: Connection, keys: Keys, now: datetime) -> None:
    """Note a success in the transaction that creates its session."""
    await con.fetch(SQL["lock_attempts"], keys.counters, now)
    await con.execute(SQL["uncount_attempts"], keys.counters)
    await con.execute(SQL["note_success"], keys.place, now)


async def excuse(database: Database, keys: Keys, now: datetime) -> None:
    """Take back an attempt that could not be judged."""

    async def work() -> None:
        async with database.tx(Worker()) as con:
            await con.fetch(SQL["lock_attempts"], keys.counters, now)
            await con.execute(SQL["uncount_attempts"], keys.counters)

    await retrying(work)
