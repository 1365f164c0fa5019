"""A waiting room before scarce work: a few are served at once, and nobody's crowd keeps others out.

Decides who is served next and who must go when it is full. Whoever is known goes first. The others
are served in turns by whose they are (an address, a username), so that a thousand attempts of one
wait behind each other and not before everybody else; where one's seats are full, chance decides who
of them goes, the newcomer included: who asks without pause gains nothing over who asks again. Must
not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from crisis.clock import generator
from crisis.errors import TooMany


class _Seat:
    """One who waits; told apart by identity."""

    __slots__ = ("turn",)

    def __init__(self) -> None:
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class WaitingRoom:
    """Who waits for the work.

    Args:
        served: how many are served at once, >= 1.
        seats: how many may wait, known ones apart (as many again).
        each: how many may wait of one whose.
        draw: returns a number below the one given, which decides who goes; ``None`` = by chance.
    """

    def __init__(
        self, *, served: int, seats: int, each: int = 4, draw: Callable[[int], int] | None = None
    ) -> None:
        self._served = served
        self._seats = seats
        self._each = each
        self._draw = draw or generator().randrange
        self._inside = 0
        self._known: deque[_Seat] = deque()
        self._others: OrderedDict[str, list[_Seat]] = OrderedDict()

    @property
    def is_busy(self) -> bool:
        """Whether whoever comes now must wait."""
        return self._inside >= self._served

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._known) + sum(len(row) for row in self._others.values())

    async def enter(self, whose: str, *, is_known: bool = False) -> None:
        """Wait for one's turn; call ``leave`` when the work is done, whoever waits for it by then.

        Raises:
            TooMany: ``sign_in_busy``: no seat is left, or somebody else got this one.
        """
        if not self.is_busy:
            self._inside += 1
            return
        seat = _Seat()
        if is_known:
            if len(self._known) >= self._seats:
                raise _busy()
            self._known.append(seat)
        else:
            self._sit(whose, seat)
        try:
            await seat.turn
        except asyncio.CancelledError:
            if seat.turn.done() and not seat.turn.cancelled() and seat.turn.exception() is None:
                self.leave()
            else:
                self._stand_up(whose, seat)
            raise

    def leave(self) -> None:
        """Give one's place to who is next."""
        self._inside -= 1
        while (seat := self._next()) is not None:
            if not seat.turn.done():
                self._inside += 1
                seat.turn.set_result(None)
                return

    @asynccontextmanager
    async def turn(self, whose: str, *, is_known: bool = False) -> AsyncIterator[None]:
        """Hold a place for as long as the block runs; raises as ``enter``."""
        await self.enter(whose, is_known=is_known)
        try:
            yield
        finally:
            self.leave()

    def _sit(self, whose: str, seat: _Seat) -> None:
        row = self._others.setdefault(whose, [])
        row.append(seat)
        if len(row) > self._each:
            crowded = row
        elif sum(len(held) for held in self._others.values()) > self._seats:
            # Of those who have the most there, so that whoever is alone stays while others crowd.
            most = max(len(held) for held in self._others.values())
            rows = [held for held in self._others.values() if len(held) == most]
            crowded = rows[self._draw(len(rows))]
        else:
            return
        gone = crowded.pop(self._draw(len(crowded)))
        self._forget_empty()
        if gone is seat:
            raise _busy()
        gone.turn.set_exception(_busy())

    def _next(self) -> _Seat | None:
        if self._known:
            return self._known.popleft()
        if not self._others:
            return None
        whose, row = self._others.popitem(last=False)
        seat = row.pop(0)
        if row:
            self._others[whose] = row
        return seat

    def _stand_up(self, whose: str, seat: _Seat) -> None:
        if seat in self._known:
            self._known.remove(seat)
        row = self._others.get(whose)
        if row is not None and seat in row:
            row.remove(seat)
        self._forget_empty()

    def _forget_empty(self) -> None:
        for whose in [whose for whose, row in self._others.items() if not row]:
            del self._others[whose]


def _busy() -> TooMany:
    return TooMany(
        "sign_in_busy",
        "Too many people are signing in at this moment; it is tried again.",
        retry_after_s=1.0,
    )
