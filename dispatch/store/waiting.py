"""A waiting room before scarce work: a few are served at once, and nobody's crowd keeps others out.

Decides who is served next and who must go when it is full. Whoever is known goes first. Of the
others, those go first whose own network has had the fewest turns of late, then those whose part of
the world has, from the widest to the closest; then who has asked first. One rule decides both, and
no luck: a crowd of a thousand networks has its thousand turns, and then stands behind whoever has
had none; and a provider's endless networks are one crowd. Who is sent away keeps their place in the
line for when they ask again. Must not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from crisis.clock import generator
from crisis.errors import TooMany

#: Whose an attempt is: their own network, the parts that it lies in from the widest on, and what
#: tells them from others there. Each name says by itself what it is.
Line: TypeAlias = tuple[str, ...]
Rank: TypeAlias = tuple[tuple[int, ...], float, int]

#: Turns are remembered for this long at least, and twice as long at most; seconds.
_TURNS_S: Final = 1800.0
#: For so long a place in the line is kept for whoever was sent away, seconds.
_PLACE_S: Final = 900.0
#: What is remembered of either, at most: some megabytes.
_MOST: Final = 65_536


class _Seat:
    """One who waits; told apart by identity."""

    __slots__ = ("asked_s", "line", "no", "turn")

    def __init__(self, line: Line, asked_s: float, no: int) -> None:
        self.line = line
        self.asked_s = asked_s
        self.no = no
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class _Turns:
    """How many turns each part of the network has had of late."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since_s: float | None = None
        self._young: Counter[str] = Counter()
        self._old: Counter[str] = Counter()

    def of(self, line: Line) -> tuple[int, ...]:
        """Return the turns of each part that a line belongs to, in its order."""
        young, old = self._young.get, self._old.get
        return tuple(young(part, 0) + old(part, 0) for part in line)

    def count(self, line: Line) -> None:
        """Count one more."""
        now_s = self._now()
        if self._since_s is None or now_s - self._since_s > _TURNS_S or len(self._young) > _MOST:
            self._old, self._young, self._since_s = self._young, Counter(), now_s
        self._young.update(line)


class WaitingRoom:
    """Who waits for the work.

    Args:
        served: how many are served at once, >= 1.
        seats: how many may wait, known ones apart (as many again).
        each: how many may wait of one line; where those are full, chance decides which of them
            goes, so that who asks without pause gains nothing over who asks again.
        draw: returns a number below the one given, which decides that; ``None`` = by chance.
        now: seconds on a scale that never goes back; ``None`` = the loop's.
    """

    def __init__(
        self,
        *,
        served: int,
        seats: int,
        each: int = 4,
        draw: Callable[[int], int] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._served = served
        self._seats = seats
        self._each = each
        self._draw = draw or generator().randrange
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._inside = 0
        self._asked = 0
        self._known: deque[_Seat] = deque()
        self._others: list[_Seat] = []
        self._turns = _Turns(self._now)
        #: By line, since when it asks; until its turn.
        self._places: OrderedDict[Line, float] = OrderedDict()

    @property
    def is_busy(self) -> bool:
        """Whether whoever comes now must wait."""
        return self._inside >= self._served

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._known) + len(self._others)

    async def enter(self, *line: str, is_known: bool = False) -> None:
        """Wait for one's turn; call ``leave`` when the work is done, whoever waits for it by then.

        Args:
            line: whose it is; see ``Line``.
            is_known: goes before all who aren't.

        Raises:
            TooMany: ``sign_in_busy``: no seat is left, or somebody else got this one.
        """
        if not self.is_busy:
            self._inside += 1
            if not is_known:
                self._turns.count(line)
            return
        self._asked += 1
        if is_known:
            if len(self._known) >= self._seats:
                raise _busy()
            seat = _Seat(line, 0.0, self._asked)
            self._known.append(seat)
        else:
            seat = _Seat(line, self._place(line), self._asked)
            self._sit(seat)
        try:
            await seat.turn
        except asyncio.CancelledError:
            if seat.turn.done() and not seat.turn.cancelled() and seat.turn.exception() is None:
                self.leave()
            else:
                self._stand_up(seat)
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
    async def turn(self, *line: str, is_known: bool = False) -> AsyncIterator[None]:
        """Hold a place for as long as the block runs; raises as ``enter``."""
        await self.enter(*line, is_known=is_known)
        try:
            yield
        finally:
            self.leave()

    def _place(self, line: Line) -> float:
        now_s = self._now()
        while self._places and now_s - next(iter(self._places.values())) > _PLACE_S:
            self._places.popitem(last=False)
        if line not in self._places and len(self._places) >= _MOST:
            # Those who asked before keep theirs.
            return now_s
        return self._places.setdefault(line, now_s)

    def _rank(self, seat: _Seat) -> Rank:
        return self._turns.of(seat.line), seat.asked_s, seat.no

    def _sit(self, seat: _Seat) -> None:
        self._others.append(seat)
        own = [one for one in self._others if one.line == seat.line]
        if len(own) > self._each:
            gone = own[self._draw(len(own))]
        elif len(self._others) > self._seats:
            gone = max(self._others, key=self._rank)
        else:
            return
        self._others.remove(gone)
        if gone is seat:
            raise _busy()
        gone.turn.set_exception(_busy())

    def _next(self) -> _Seat | None:
        if self._known:
            return self._known.popleft()
        if not self._others:
            return None
        seat = min(self._others, key=self._rank)
        self._others.remove(seat)
        self._turns.count(seat.line)
        self._places.pop(seat.line, None)
        return seat

    def _stand_up(self, seat: _Seat) -> None:
        if seat in self._known:
            self._known.remove(seat)
        if seat in self._others:
            self._others.remove(seat)


def _busy() -> TooMany:
    return TooMany(
        "sign_in_busy",
        "Too many people are signing in at this moment; it is tried again.",
        retry_after_s=1.0,
    )
