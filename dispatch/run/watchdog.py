"""The watchdog: sees what the clockwork should have seen to, and tells people.

Deadlines are seen to by ``Service.tick``. If that fails for one of them each time, or doesn't run
at all, nothing on the board would say so: an offer would wait for ever. The watchdog looks at the
same board by itself. Must not know how a deadline is seen to.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from crisis.board import Board
from crisis.commands import AlarmOverlooked, Envelope
from crisis.errors import Unavailable
from crisis.ids import CountyId, timer_command_id
from crisis.roles import THE_SERVICE
from crisis.rules import Rules
from crisis.states import Source
from dispatch.due import Overdue, overdue

log = logging.getLogger(__name__)

#: Of more things than this at once people are told of the first alone.
MOST_TOLD = 5


class Watched(Protocol):
    """A county as the watchdog sees it; ``dispatch.run.county.CountyRunner`` is one."""

    county_id: CountyId

    @property
    def board(self) -> Board:
        """Its newest board."""
        ...

    def now(self) -> datetime:
        """Its instant."""
        ...

    def rules(self, now: datetime | None = None) -> Rules:
        """What is in force then."""
        ...


class Watchdog:
    """Looks each second; give ``look`` to the ticker beside the tick.

    Args:
        counties: those served by this node.
        submit: sends a command, as ``Service.submit`` does.

    Attributes:
        overlooked: county → what is overlooked there now, the oldest first; for health and metrics.
    """

    def __init__(
        self,
        counties: Callable[[], Sequence[Watched]],
        submit: Callable[[Envelope], Awaitable[object]],
    ) -> None:
        self._counties = counties
        self._submit = submit
        self._told: set[tuple[CountyId, Overdue]] = set()
        self._seen: dict[CountyId, set[Overdue]] = {}
        self._behind: set[CountyId] = set()
        self.overlooked: dict[CountyId, tuple[Overdue, ...]] = {}

    async def look(self) -> None:
        """Tell people of each thing overlooked, once.

        Only what was overdue at the look before too counts: a county whose time runs fast, or whose
        node has just started, finds a tick in between. Of many things at once, as after a
        standstill or in a county whose clock stood elsewhere, nobody is told while they become
        fewer, because then they are being seen to; and of the first few only where they don't.

        Raises:
            Unavailable: something couldn't be told of; it is again at the next look.
        """
        failed: Unavailable | None = None
        for county in self._counties():
            now = county.now()
            late = overdue(county.board, now, county.rules(now))
            before = self._seen.get(county.county_id, set())
            self._seen[county.county_id] = {_same(one) for one in late}
            found = tuple(one for one in late if _same(one) in before)
            self.overlooked[county.county_id] = found
            told = {key for key in self._told if key[0] == county.county_id}
            self._told -= told - {(county.county_id, _same(one)) for one in found}
            if self._catches_up(county.county_id, len(found), len(before)):
                continue
            new = [one for one in found if (county.county_id, _same(one)) not in self._told]
            new.sort(key=lambda one: one.kind != "duress")
            self._pass_over(county.county_id, new[MOST_TOLD:])
            for one in new[:MOST_TOLD]:
                try:
                    await self._tell(county.county_id, one)
                except Unavailable as error:
                    # The other counties, and the other things of this one, are no less overdue.
                    failed = error
        if failed is not None:
            raise failed

    def _catches_up(self, county_id: CountyId, count: int, before: int) -> bool:
        """Whether there were many things, and they become fewer from look to look."""
        if count > MOST_TOLD:
            self._behind.add(county_id)
        if count >= before or count == 0:
            self._behind.discard(county_id)
        return county_id in self._behind

    def _pass_over(self, county_id: CountyId, rest: Sequence[Overdue]) -> None:
        """Leave the rest of many to the log and the metrics: the first ones have called people."""
        if rest:
            log.error(
                "more deadlines were overlooked",
                extra={"action": "overlooked", "county_id": county_id, "count": len(rest)},
            )
        self._told |= {(county_id, _same(one)) for one in rest}

    async def _tell(self, county_id: CountyId, one: Overdue) -> None:
        log.error(
            "a deadline was overlooked",
            extra={
                "action": "overlooked",
                "county_id": county_id,
                "kind": one.kind,
                "subject": one.subject,
                "late_s": round(one.late_s),
            },
        )
        await self._submit(
            Envelope(
                county_id=county_id,
                # The same on every node, so that people are told once.
                command_id=timer_command_id(
                    county_id, one.subject, f"overlooked/{one.kind}", one.due_at.isoformat()
                ),
                actor=THE_SERVICE,
                source=Source.TIMER,
                command=AlarmOverlooked(
                    kind=one.kind, due_at=one.due_at, incident_id=one.incident_id
                ),
            )
        )
        # Only now: what keeps deadlines from being seen to may well keep this from being told.
        self._told.add((county_id, _same(one)))


def _same(one: Overdue) -> Overdue:
    """Return what tells one overdue thing from another, however late it is."""
    return Overdue(kind=one.kind, subject=one.subject, due_at=one.due_at, late_s=0.0)
