"""What keeps the database from taking writes at this moment, by name.

A server whose disk is full, or whose rows somebody holds, still answers whoever asks for its clock:
only writes tell. Decides which outages last, who has them, and when they are over: not before a
write as demanding has gone through again. Must not know what is written.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NoReturn, TypeAlias

from crisis.clock import Clock
from crisis.errors import CrisisError
from dispatch.store.context import Context, County, Worker
from dispatch.store.pool import Database
from dispatch.store.sql import load

_LOCK = load("counties")["lock_county"]
_PROVE = load("pulse")["prove_room"]

#: Outages that the next one meets as well; the others are one command's bad luck, or the pulse's
#: to tell.
LASTING: Final = frozenset(
    {
        "database_full",
        "database_out_of_memory",
        "database_at_limit",
        "database_damaged",
        "database_locked",
        "database_read_only",
        "database_too_many_connections",
        "schema_unusable",
    }
)
#: Seconds for which one is told at least, so that whoever asks each ten seconds sees it.
TOLD_FOR_S: Final = 15.0
_EVERY_S: Final = 3.0

#: An outage's name, and the county that alone has it; ``None`` = everybody.
Trouble: TypeAlias = tuple[str, int | None]


class _Undo(Exception):
    """Ends a proof without a trace."""


class Troubles:
    """Hears of outages from the pools; run ``run`` under a supervisor."""

    def __init__(self, database: Database, machine: Clock) -> None:
        self._database = database
        self._machine = machine
        self._met_s: dict[Trouble, float] = {}
        self._met = asyncio.Event()
        database.on_outage = self.note

    def note(self, code: str, context: Context) -> None:
        """Hear that work in ``context`` met an outage."""
        if code in LASTING:
            is_alone = code == "database_locked" and isinstance(context, County)
            county_id = context.county_id if is_alone and isinstance(context, County) else None
            self._met_s[code, county_id] = self._machine.monotonic()
            self._met.set()

    def of(self, county_id: int | None = None) -> list[Trouble]:
        """Return what there is now, of everybody and of one county or, with ``None``, of all."""
        met = sorted(self._met_s, key=str)
        return [one for one in met if county_id is None or one[1] in {None, county_id}]

    def problems(self) -> list[str]:
        """Return them as an operator reads them."""
        return [
            f"database: {code}" if county_id is None else f"county {county_id}: {code}"
            for code, county_id in self.of()
        ]

    async def run(self) -> NoReturn:
        """Try again what failed, until it is over."""
        while True:
            await self._met.wait()
            await asyncio.sleep(_EVERY_S)
            await self.look()
            if not self._met_s:
                self._met.clear()

    async def look(self) -> None:
        """Forget what is over."""
        now_s = self._machine.monotonic()
        due = [one for one, met_s in self._met_s.items() if now_s - met_s > TOLD_FOR_S]
        for one in due:
            if await self._is_over(one):
                self._met_s.pop(one, None)

    async def _is_over(self, one: Trouble) -> bool:
        try:
            await try_writing(self._database, one[1])
        except CrisisError:
            return False
        return True


async def try_writing(database: Database, county_id: int | None) -> None:
    """Do what a write needs, and undo it.

    Args:
        county_id: whose head is locked for it; ``None`` = nobody's.

    Raises:
        CrisisError: what keeps it from being written.
    """
    context: Context = Worker() if county_id is None else County(county_id)
    with suppress(_Undo):
        async with database.tx(context) as con:
            if county_id is not None:
                await con.fetchrow(_LOCK, county_id)
            await con.execute(_PROVE)
            raise _Undo
