"""The pulse: what this node knows of its database at this moment, and for how long it hasn't heard.

Asked twice a second over a connection of its own, so that neither work under way nor full pools
hide the answer. Decides three things that all else asks here:

- whether the server still answers. One that doesn't is away: whoever waits for it is told at once,
  instead of each for as long as its own patience lasts;
- how old the newest answer is: what is shown from memory vouches for no more than that;
- how far this host's clock is from the database's. A node that is off neither ticks nor writes:
  a wrong instant in a county's log is wrong for everybody. The difference is computed anew at each
  question from the monotonic clock, so that a leap is seen before anything is stamped with it.

Must not know what is shown or written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn, Protocol

import asyncpg

from crisis.clock import Clock
from crisis.errors import CrisisError
from dispatch.store.connecting import RawConnection, connect_as
from dispatch.store.context import Worker
from dispatch.store.errors import ConnectionLost, Outage, is_lost, lost
from dispatch.store.hosts import Hosts
from dispatch.store.patience import within
from dispatch.store.sql import load

SQL = load("pulse")
log = logging.getLogger(__name__)

#: Seconds that this node's clock may differ from the database's.
MOST_SKEW_S: Final = 1.0
#: Seconds without an answer after which what this node shows isn't the present any more.
STALE_AFTER_S: Final = 4.0
#: Seconds between two questions, and until one without an answer tells that the server is silent.
#: Together below three: a command that hangs is answered by then.
EVERY_S: Final = 0.5
ANSWER_S: Final = 2.0


class ClockOff(Outage):
    """This host's clock and the database's differ: nothing is stamped here until they agree."""

    def __init__(self, off_s: float) -> None:
        super().__init__(
            "clock_off",
            f"This node's clock is {abs(off_s):.1f} s {'ahead of' if off_s > 0 else 'behind'} the "
            "database's, so it takes nothing in; another node does. Set it by NTP.",
            off_s=round(off_s, 1),
        )


class Patient(Protocol):
    """Whose connections are given up when the server is silent: the pools' side of it."""

    @property
    def hosts(self) -> Hosts:
        """Where the server may be."""
        ...

    @property
    def is_copy(self) -> bool:
        """Whether it may be one that only reads."""
        ...

    def give_up(self, error: ConnectionLost) -> None:
        """End every wait, and let nobody begin another."""
        ...

    async def go_on(self) -> None:
        """The server is back."""
        ...


def skew_s(before: datetime, theirs: datetime, after: datetime) -> float:
    """Return by how many seconds a clock is certainly off that was read before and after theirs."""
    return max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class HeadNow:
    """The head of a county's log, as the database has it."""

    county_id: int
    seq: int
    last_recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Heard:
    """One answer: their clock, and ours on the monotonic scale before and after."""

    theirs: datetime
    before_s: float
    after_s: float


#: Told of each answer: the heads, and the monotonic instant before which they were read.
OnHeads = Callable[[Iterable[HeadNow], float], None]


class Pulse:
    """Asks; run ``run`` under a supervisor.

    Args:
        machine: the host's clock.
        on_heads: told of the heads with each answer; must be quick and must not raise.
    """

    def __init__(
        self,
        server: Patient,
        machine: Clock,
        on_heads: OnHeads = lambda _heads, _since: None,
        *,
        every_s: float = EVERY_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._server = server
        self._machine = machine
        self._on_heads = on_heads
        self._every_s = every_s
        self._answer_s = answer_s
        self._began_s = machine.monotonic()
        self._heard: _Heard | None = None
        #: What keeps the database from answering now; ``None`` = it answers.
        self.trouble: Outage | None = None

    def age_s(self) -> float:
        """Return for how long the database hasn't been heard, seconds."""
        since_s = self._began_s if self._heard is None else self._heard.before_s
        return max(self._machine.monotonic() - since_s, 0.0)

    @property
    def is_stale(self) -> bool:
        """Whether what this node shows can't be taken for the present."""
        return self.age_s() > STALE_AFTER_S

    def clock_off_s(self) -> float:
        """Return by how much this clock is certainly off; above 0 = ahead, 0 = not known to be."""
        if self._heard is None:
            return 0.0
        heard, now_s = self._heard, self._machine.monotonic()
        # Theirs was read somewhere between our question and their answer.
        earliest = heard.theirs + timedelta(seconds=now_s - heard.after_s)
        latest = heard.theirs + timedelta(seconds=now_s - heard.before_s)
        ours = self._machine.now()
        if ours > latest:
            return (ours - latest).total_seconds()
        return -(earliest - ours).total_seconds() if ours < earliest else 0.0

    def clock_problem(self) -> ClockOff | None:
        """Return the refusal of all that would be stamped here; ``None`` = the clock fits."""
        off_s = self.clock_off_s()
        return ClockOff(off_s) if abs(off_s) > MOST_SKEW_S else None

    def problems(self) -> list[str]:
        """Return what an operator must mend, each in a line; empty = all is well."""
        found = []
        if self.trouble is not None:
            found.append(f"database: {self.trouble.code}")
        elif self.is_stale:
            found.append(f"database: not heard for {self.age_s():.0f} s")
        clock = self.clock_problem()
        if clock is not None:
            found.append(f"clock: {abs(clock.facts['off_s']):.1f} s off the database's")  # type: ignore[arg-type]
        return found

    async def look(self, ping: Callable[[], Awaitable[datetime]]) -> None:
        """Learn the database's clock once, for a program that ends soon."""
        before_s = self._machine.monotonic()
        self._heard = _Heard(await ping(), before_s, self._machine.monotonic())

    async def run(self) -> NoReturn:
        """Ask for ever; what goes wrong is noted in ``trouble``, not raised."""
        while True:
            con: RawConnection | None = None
            try:
                con = await self._connect()
                while True:
                    await self._ask(con)
                    await asyncio.sleep(self._every_s)
            except (CrisisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self._note(error, closed=con is None or con.is_closed())
            finally:
                if con is not None:
                    with suppress(asyncpg.InterfaceError):
                        con.terminate()
            await asyncio.sleep(self._every_s / 2)

    async def _connect(self) -> RawConnection:
        return await connect_as(
            self._server.hosts, Worker.role, {"application_name": "crisis-dispatch pulse"}
        )

    async def _ask(self, con: RawConnection) -> None:
        before_s = self._machine.monotonic()
        rows = await within(self._answer_s, con.fetch(SQL["read_pulse"]))
        after_s = self._machine.monotonic()
        if rows[0]["is_reading_only"] and not self._server.is_copy:
            raise ConnectionLost("database_read_only", unknown_outcome=False)
        self._heard = _Heard(rows[0]["now"], before_s, after_s)
        if self.trouble is not None:
            log.warning("the database is back", extra={"action": "database_back"})
            self.trouble = None
        await self._server.go_on()
        heads = (
            HeadNow(row["county_id"], row["head_seq"], row["last_recorded_at"])
            for row in rows
            if row["county_id"] is not None
        )
        self._on_heads(heads, before_s)

    def _note(self, error: BaseException, *, closed: bool) -> None:
        trouble = error if isinstance(error, Outage) else None
        if trouble is None and (is_lost(error, closed=closed) or isinstance(error, OSError)):
            trouble = lost(error, unknown_outcome=False)
        if trouble is None:
            raise error
        if self.trouble is None or self.trouble.code != trouble.code:
            extra = {"action": "database_away", "code": trouble.code}
            log.error("the database does not answer", extra=extra)
        self.trouble = trouble
        if isinstance(trouble, ConnectionLost) and trouble.code in _AWAY:
            self._server.give_up(trouble)


#: What means that nobody's question is answered, so that none need be asked. A server that has no
#: room for one more connection still serves those that are open; one that broke off may be back at
#: the next try.
_AWAY: Final = frozenset({"database_silent", "database_unreachable", "database_read_only"})
