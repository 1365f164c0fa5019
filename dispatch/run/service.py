"""The service: all counties of a node, the commands sent to them, and the ticks.

One writer at a time per county is ``dispatch.run.county``; here stands what is true of all of them:
loading, listeners, ranking beside a person's offer, and seeing to what is due. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from crisis.board import Board
from crisis.clock import Clock
from crisis.commands import AlarmOverlooked, Envelope, OfferTeam
from crisis.effects import Answer, RecordDraft
from crisis.errors import Conflict, Invalid, NotFound
from crisis.ids import IncidentId, SlotNo, timer_command_id
from crisis.roles import THE_SERVICE
from crisis.rules import Rules
from crisis.states import Source
from dispatch.choose import Recommendation
from dispatch.choose.seek import Seeker, is_persons_offer
from dispatch.due import Due, due, is_due, seen_to
from dispatch.run.county import CommandStats, CountyRunner, GroupDone, Listener
from dispatch.run.rulebook import Rulebook
from dispatch.run.tracking import ShiftAddresses
from dispatch.store.errors import ConnectionLost
from dispatch.store.groups import GroupWriter
from dispatch.store.log import CountyLog
from dispatch.store.pool import Database, Worker
from dispatch.store.pulse import HeadNow
from dispatch.store.sql import load

__all__ = ["CommandStats", "CountyRunner", "GroupDone", "Listener", "Service"]

log = logging.getLogger(__name__)

COUNTIES = load("counties")
#: Seconds between looks for rules that another node or the command line has added.
RULES_POLL_S = 2.0
#: How often what was seen to may make something else due, before the next tick goes on with it.
_ROUNDS = 12


class Service:
    """All counties of this node; build it once, in the composition root.

    Attributes:
        clock: the counties' time; real, or scaled in a database marked simulated.
        machine: the host's time, for recovery and leases.
        listeners: called after every group, in order, before the answers leave; must not block.
        on_start: called with each county as this node begins to serve it, before its first command.
        on_restored: called with a county whose database turned out to have been restored, once
            its board is the restored one.
        on_due: called with a county in which a group that this node wrote left something due at
            this moment; whoever ticks lets ``see_to`` be called at once. Must not block.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        machine: Clock,
        master_key: bytes,
        seeker: Seeker | None = None,
    ) -> None:
        """
        Args:
            seeker: ranks teams; ``None`` = by the estimate, from the teams' bases.
        """
        self.database = database
        self.clock = clock
        self.machine = machine
        self.seeker = seeker or Seeker(lambda _: {})
        self.listeners: list[Listener] = []
        self.on_start: Callable[[CountyRunner], object] = lambda _: None
        self.on_restored: Callable[[CountyRunner], object] = lambda _: None
        self.on_due: Callable[[CountyRunner], object] = lambda _: None
        self._seeing: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._pulsed: dict[int, int] = {}
        self._leaps: dict[int, datetime] = {}
        self.stats = CommandStats()
        self._master_key = master_key
        #: Of running shifts, for trackers that know no password.
        self.addresses = ShiftAddresses(master_key)
        self._writer = GroupWriter(database)
        self._counties: dict[int, CountyRunner] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._refreshing = asyncio.Lock()
        self._rules_marks: dict[int, int] = {}

    async def __aenter__(self) -> Service:
        """Load every county's board and start writing."""
        await self.refresh_counties()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop writing; commands still waiting are refused, none is half-written."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._writer.close()
        self._tasks.clear()

    async def refresh_counties(self) -> None:
        """Start serving counties that were added to the database, and read rules anew."""
        # Asked twice at once, a new county must not get two writers.
        async with self._refreshing:
            async with self.database.tx(Worker(), mode="read") as con:
                rows = await con.fetch(COUNTIES["list_counties"])
            for row in rows:
                county_id = row["county_id"]
                runner = self._counties.get(county_id)
                if runner is None:
                    await self._start(county_id)
                else:
                    await runner.read_rules()

    async def refresh_rules(self) -> None:
        """Read policies and zones anew where some were added since this was last asked."""
        rows = await self.database.ask(Worker(), COUNTIES["list_rules_marks"])
        for row in rows:
            runner, mark = self._counties.get(row["county_id"]), row["mark"]
            if runner is not None and self._rules_marks.get(row["county_id"]) != mark:
                # Asked for before they are read: what is added meanwhile is seen the next time.
                await runner.read_rules()
                self._rules_marks[row["county_id"]] = mark

    async def follow_rules(self) -> None:
        """Take over added rules within seconds, on every node; ends only with an error."""
        while True:
            await self.refresh_rules()
            await asyncio.sleep(RULES_POLL_S)

    async def _start(self, county_id: int) -> None:
        log_ = CountyLog(self.database, self._master_key, county_id, self._writer)
        runner = CountyRunner(
            self.database,
            log_,
            await log_.load(),
            self.clock,
            self.machine,
            await Rulebook.load(self.database, county_id),
            self._publish,
            self.stats,
        )
        self._counties[county_id] = runner
        runner.on_restored = self.on_restored
        self.on_start(runner)
        task = asyncio.create_task(runner.run(), name=f"county-{county_id}")
        self._tasks[county_id] = task

    def _publish(self, done: GroupDone) -> None:
        for listener in self.listeners:
            listener(done)
        # What is being seen to right now goes on until nothing more is due.
        if done.is_own and not self._seeing[done.county_id].locked():
            runner = self._counties[done.county_id]
            now = runner.now()
            if is_due(done.after, done.changes, now, runner.rules(now)):
                self.on_due(runner)

    def county(self, county_id: int) -> CountyRunner:
        """Return the county's runner.

        Raises:
            NotFound: ``unknown_county``.
        """
        runner = self._counties.get(county_id)
        if runner is None:
            raise NotFound("unknown_county", "This county is not served here.")
        return runner

    @property
    def counties(self) -> Sequence[CountyRunner]:
        """All counties served, by id."""
        return [self._counties[key] for key in sorted(self._counties)]

    @property
    def problems(self) -> list[str]:
        """Why this node must not be sent work; empty = it is ready."""
        found = []
        for runner in self.counties:
            task = self._tasks[runner.county_id]
            if runner.blocked is not None:
                found.append(f"county {runner.county_id}: {runner.blocked}")
            elif task.done():
                found.append(f"county {runner.county_id}: its writer has stopped")
        return found

    def hear(self, heads: Iterable[HeadNow], since_s: float) -> list[HeadNow]:
        """Vouch for the boards that are the newest; return the heads that must be looked at.

        Those that are ahead, that no county here has, or that can't be what was committed before.

        Args:
            since_s: machine seconds, before the heads were read.
        """
        return [head for head in heads if not self._is_known(head, since_s)]

    def _is_known(self, head: HeadNow, since_s: float) -> bool:
        runner = self._counties.get(head.county_id)
        if runner is None:
            return False
        # What the board had at the last pulse was committed before this one.
        before = self._pulsed.get(head.county_id, 0)
        self._pulsed[head.county_id] = seq = runner.board.seq
        if not before <= head.seq <= seq or not runner.fits(head.seq, head.last_recorded_at):
            return False
        runner.vouch(since_s)
        return True

    async def submit(self, env: Envelope, records: Sequence[RecordDraft] = ()) -> Answer:
        """Decide and commit a command; see ``CountyRunner.submit``.

        A person's offer is ranked first, so that it says what it follows or overrides.
        """
        runner = self.county(env.county_id)
        if is_persons_offer(env) and isinstance(env.command, OfferTeam):
            now = runner.now()
            env, more = self.seeker.ranked_offer(
                runner.board, runner.rules(now), env, env.command, now=now
            )
            records = (*records, *more)
        return await runner.submit(env, records)

    async def recommend(
        self, county_id: int, incident_id: IncidentId, slot: SlotNo | None = None
    ) -> Recommendation:
        """Rank all teams for a slot, with every reason; see ``Seeker.recommend``."""
        runner = self.county(county_id)
        now = runner.now()
        return self.seeker.recommend(runner.board, runner.rules(now), incident_id, slot, now=now)

    async def tick(self) -> None:
        """See to everything that is due in any county; asked each second, on every node.

        What another node did first, or what a command overtook, is refused and needs nothing more.

        Raises:
            ExceptionGroup: what could not be seen to; all the rest was.
        """
        outcomes = await asyncio.gather(
            *(self.see_to(runner) for runner in self.counties), return_exceptions=True
        )
        _raise_all("counties whose deadlines could not all be seen to", outcomes)

    async def see_to(self, runner: CountyRunner) -> None:
        """See to everything that is due in a county, and to what becomes due by that.

        What is refused isn't asked again by the same call; the next tick does.

        Raises:
            ExceptionGroup: what could not be seen to; all the rest was.
        """
        async with self._seeing[runner.county_id]:
            if runner.blocked is None:
                await self._see_to(runner)

    async def _see_to(self, runner: CountyRunner) -> None:
        outcomes: list[BaseException | None] = []
        leapt_to = runner.leapt_to
        if leapt_to is not None:
            # Told once: it has the same id until something is recorded at the right instant.
            if self._leaps.get(runner.county_id) != leapt_to:
                self._leaps[runner.county_id] = leapt_to
                extra = {"action": "clock_leapt", "county_id": runner.county_id}
                log.error("the log was written by a clock that was wrong", extra=extra)
            outcomes.append(await _try(runner.submit(_clock_was_wrong(runner, leapt_to))))
        asked: set[Due] = set()
        for _ in range(_ROUNDS):
            now, board = runner.now(), runner.board
            rules = runner.rules(now)
            ready = [item for item in due(board, now, rules) if item not in asked]
            asked.update(ready)
            for item in ready:
                # One that can't be carried out must not keep the others waiting for ever.
                outcomes.append(await _try(self._answer(runner, board, rules, item, now)))
                if isinstance(outcomes[-1], ConnectionLost):
                    break
            if not ready or isinstance(outcomes[-1], ConnectionLost):
                break
        _raise_all("deadlines that could not be seen to", outcomes)

    async def _answer(
        self, runner: CountyRunner, board: Board, rules: Rules, item: Due, now: datetime
    ) -> None:
        try:
            await runner.submit(*seen_to(item, board, rules, self.seeker, now))
        except (Conflict, NotFound, Invalid) as overtaken:
            log.debug("overtaken", extra={"action": "tick", "code": overtaken.code})


async def _try(work: Awaitable[object]) -> BaseException | None:
    """Return what ``work`` raised; ``None`` = nothing."""
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    return outcome if isinstance(outcome, BaseException) else None


def _clock_was_wrong(runner: CountyRunner, leapt_to: datetime) -> Envelope:
    return Envelope(
        county_id=runner.county_id,
        command_id=timer_command_id(
            runner.county_id, runner.board.seq, "clock", leapt_to.isoformat()
        ),
        actor=THE_SERVICE,
        source=Source.TIMER,
        command=AlarmOverlooked(kind="clock", due_at=leapt_to),
    )


def _raise_all(what: str, outcomes: Iterable[BaseException | None]) -> None:
    """Raise whatever stands among ``outcomes``; a cancellation goes first."""
    faults: list[Exception] = []
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            faults.append(outcome)
        elif outcome is not None:
            raise outcome
    if faults:
        raise ExceptionGroup(what, faults)
