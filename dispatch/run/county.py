"""The service that runs the dispatch core on PostgreSQL: one writer at a time per county.

Commands that arrive while a county's transaction runs wait, and are then decided one after the
other inside the next one. A group is decided on the board in memory and written with the version
that the board has; if another node wrote meanwhile nothing is written, this node catches up and
decides again, and after a few such losses it takes the county's lock first. Either way what the
database says is what was decided on. No answer, refusals included, leaves before the commit.

Must not know HTTP. All rules are in ``crisis`` and ``dispatch.decide``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crisis.board import Board, Change, apply
from crisis.clock import Clock, county_instant, is_ahead
from crisis.commands import Envelope
from crisis.effects import Answer, RecordDraft
from crisis.errors import Conflict, CrisisError, Invalid, NotFound, ShuttingDown, Unavailable
from crisis.events import Event
from crisis.incident.state import Incident
from crisis.rules import Rules
from crisis.states import Source
from dispatch.decide.incoming import (
    Taken,
    decide_with,
    holds,
    in_utc,
    not_on_board,
    runs_that_left,
    team_past,
    that_left,
)
from dispatch.run.rulebook import Rulebook
from dispatch.run.supervise import describe
from dispatch.store.codec import UnknownEvent
from dispatch.store.errors import ConnectionLost, Outage
from dispatch.store.log import (
    AnotherHistory,
    AnsweredBefore,
    CountyLog,
    Group,
    Head,
    StaleFold,
    StoredResult,
)
from dispatch.store.pool import Connection, County, Database
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load

log = logging.getLogger(__name__)

COUNTIES = load("counties")

#: Commands decided inside one transaction, at most.
GROUP_LIMIT = 64
#: ... and what was decided elsewhere, for which nobody waits.
TAKEN_AT_ONCE = 256
#: Groups lost to another node before this one takes the lock first.
_OPTIMISTIC_TRIES = 2
#: How long a lost connection is tried again before its commands are given up, machine seconds.
_RECOVERY_S = 2.5
#: Between two tries at a commit that broke off, seconds.
_PAUSE_S = 0.05
_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDone:
    """A group of events that every reader of a county's board should know.

    Attributes:
        changes: in order; the last one of a thing counts.
        is_own: this node wrote it; each sees to what its own groups have made due.
    """

    county_id: int
    before: Board
    after: Board
    changes: Sequence[Change]
    is_own: bool = False


Listener = Callable[[GroupDone], None]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A command on its way: its envelope, who waits, and what it brought along."""

    env: Envelope
    answer: asyncio.Future[Answer]
    records: Sequence[RecordDraft] = ()


@dataclass(slots=True)
class _Outcome:
    """What will be answered once the group is committed."""

    answer: Answer | None = None
    refusal: CrisisError | None = None


@dataclass(slots=True)
class CommandStats:
    """Counters for the metrics."""

    groups: int = 0
    commands: int = 0
    refused: int = 0
    repeated: int = 0
    stale: int = 0
    locked: int = 0
    reconnects: int = 0


class CountyRunner:
    """One county on this node: its board in memory, its queue, and its one writing task."""

    def __init__(
        self,
        database: Database,
        log_: CountyLog,
        head: Head,
        clock: Clock,
        machine: Clock,
        rulebook: Rulebook,
        publish: Listener,
        stats: CommandStats,
    ) -> None:
        self.county_id = log_.county_id
        self.log = log_
        self._db = database
        self._head = head
        self._clock = clock
        self._machine = machine
        self._rulebook = rulebook
        self._publish = publish
        self._stats = stats
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._recent: OrderedDict[UUID, StoredResult] = OrderedDict()
        self._vouched_s = machine.monotonic()
        #: Told when the database turned out to hold another history, once its board is loaded.
        self.on_restored: Callable[[CountyRunner], object] = lambda _: None
        #: Set when the log holds what this program doesn't know: it must not decide any more.
        self.blocked: CrisisError | None = None

    @property
    def board(self) -> Board:
        """The newest board that this node has folded; never changed in place."""
        return self._head.board

    @property
    def keys(self) -> CountyKeys:
        """The county's keys, with those of the incidents on the board."""
        return self._head.keys

    def now(self) -> datetime:
        """Return the county's instant; see ``county_instant``."""
        return county_instant(self._clock.now(), self._head.board.last_recorded_at)

    @property
    def leapt_to(self) -> datetime | None:
        """The instant of a wrong clock that the log ends with; ``None`` = it doesn't."""
        last = self._head.board.last_recorded_at
        return last if is_ahead(self._clock.now(), last) else None

    def age_s(self) -> float:
        """Return for how long the board hasn't been known to be the newest, machine seconds."""
        return max(self._machine.monotonic() - self._vouched_s, 0.0)

    def vouch(self, since_s: float) -> None:
        """Note that the board holds all that the log held at a monotonic instant."""
        self._vouched_s = max(self._vouched_s, since_s)

    def fits(self, seq: int, last_recorded_at: datetime | None) -> bool:
        """Whether the log's head may be the one that this board was folded from, or a later one."""
        board = self._head.board
        return seq != board.seq or last_recorded_at == board.last_recorded_at

    def rules(self, now: datetime | None = None) -> Rules:
        """Return what is in force at ``now`` (``None`` = at this moment)."""
        return self._rulebook.at(now or self.now())

    async def read_rules(self) -> None:
        """Take over policies and zones that were added since."""
        self._rulebook = await Rulebook.load(self._db, self.county_id)

    async def incident(self, incident_id: UUID) -> Incident:
        """Return an incident, from the board or, once archived, from the database.

        Raises:
            NotFound: ``unknown_incident``.
        """
        found = self._head.board.incidents.get(incident_id)  # type: ignore[call-overload]
        if found is None:
            found = await self.log.incident(incident_id)
        if found is None:
            raise NotFound("unknown_incident", "There is no such incident in this county.")
        return found  # type: ignore[no-any-return]

    async def timeline(self, incident_id: UUID) -> list[Event]:
        """Return all events of an incident, oldest recorded first."""
        return await self.log.timeline(incident_id)

    async def submit(self, env: Envelope, records: Sequence[RecordDraft] = ()) -> Answer:
        """Decide and commit a command; returns once it is durable.

        Raises:
            CrisisError: the refusal, durable too where it is kept.
        """
        # A caller that goes away cancels this future, and nothing else of the group.
        waiting = _Waiting(in_utc(env), asyncio.get_running_loop().create_future(), records)
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.answer

    async def take_over(self, decided: Sequence[Taken]) -> None:
        """Write what was decided elsewhere from this very board, as a simulation does.

        Raises:
            Conflict: ``stale_board``: the county has gone on meanwhile; nothing was written.
        """
        gone_on = Conflict("stale_board", "The county has gone on meanwhile.")
        events = (event for taken in decided for event in taken.made.decision.events)
        first = next(events, None)
        async with self._turn:
            if first is not None and first.seq != self._head.board.seq + 1:
                raise gone_on
            for start in range(0, len(decided), TAKEN_AT_ONCE):
                group = Group(before=self._head.board, after=self._head.board)
                for taken in decided[start : start + TAKEN_AT_ONCE]:
                    self._take(taken, group)
                outcome, _ = await self.log.commit(self._head, group)
                if outcome != "committed":
                    raise gone_on
                self._finish(group, [])

    async def run(self) -> None:
        """Write groups until cancelled; the caller supervises it."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    size = min(len(self._queue), GROUP_LIMIT)
                    batch = [self._queue.popleft() for _ in range(size)]
                    async with self._turn:
                        await self._serve(batch)
        finally:
            for waiting in self._queue:
                _fail(waiting, ShuttingDown())
            self._queue.clear()

    async def catch_up(self) -> int:
        """Fold what other nodes wrote; returns how many events that were.

        Raises:
            Unavailable: the log holds what this program can't fold; see ``blocked``.
        """
        if self.blocked is not None:
            raise self.blocked
        async with self._turn:
            return await self._catch_up()

    async def _catch_up(self, con: Connection | None = None) -> int:
        since_s = self._machine.monotonic()
        try:
            events = await self.log.catch_up(self._head, con)
        except AnotherHistory:
            await self._begin_anew()
            return 0
        except (UnknownEvent, StaleFold) as newer:
            self.blocked = newer
            raise
        if events:
            self._fold(events)
        self.vouch(since_s)
        return len(events)

    async def _begin_anew(self) -> None:
        """Take over the board of a restored database; what was answered before it is forgotten."""
        since_s = self._machine.monotonic()
        head = await self.log.load()
        log.error(
            "the database was restored",
            extra={
                "action": "database_restored",
                "county_id": self.county_id,
                "seq": head.board.seq,
                "known_seq": self._head.board.seq,
            },
        )
        self._head.board, self._head.version = head.board, head.version
        self._head.keys = head.keys
        self._recent.clear()
        self.vouch(since_s)
        self.on_restored(self)

    def _fold(self, events: Iterable[Event]) -> None:
        before = board = self._head.board
        changes: list[Change] = []
        for event in events:
            board, changed = apply(board, event)
            changes.extend(changed)
        self._advance(before, board, changes)

    def _advance(
        self, before: Board, after: Board, changes: Sequence[Change], *, is_own: bool = False
    ) -> None:
        self._head.board = after
        for change in changes:
            gone = change.kind == "incidents" and not change.on_board
            if gone and change.entity.id not in after.incidents:
                self._head.keys.forget(change.entity.id)
        self._publish(
            GroupDone(
                county_id=self.county_id,
                before=before,
                after=after,
                changes=changes,
                is_own=is_own,
            )
        )

    # The write path

    async def _serve(self, batch: Sequence[_Waiting]) -> None:
        """Answer every command of the batch, whatever happens."""
        try:
            await self._write(batch)
        except asyncio.CancelledError:
            self._fail_all(batch, ShuttingDown())
            raise
        except Exception as error:
            # The border of the county's writer: one command that can't be written, or a fault in
            # deciding it, must neither take the others of its group along nor stop the county.
            if all(waiting.answer.done() for waiting in batch):
                extra = {"action": "listener_failed", "error": describe(error)}
                log.error("listener failed", extra=extra)  # noqa: TRY400 - its text is private
            elif len(batch) == 1 or self._is_outage(error):
                self._fail_all(batch, self._meaning(batch[0], error))
                if isinstance(error, Outage):
                    # They have waited as long; behind one another they would wait for minutes.
                    self._fail_all(self._queue, error)
                    self._queue.clear()
            else:
                for waiting in batch:
                    if not waiting.answer.done():
                        await self._serve([waiting])

    def _is_outage(self, error: Exception) -> bool:
        """Whether no command can be written now, so that there is no use in trying each alone."""
        if self.blocked is not None:
            return True
        return isinstance(error, Outage)

    def _meaning(self, waiting: _Waiting, error: Exception) -> CrisisError:
        if isinstance(error, CrisisError):
            return error
        command = str(waiting.env.command.__struct_config__.tag)
        log.error(
            "command failed",
            exc_info=error,
            extra={"action": "command_failed", "command": command},
        )
        return Unavailable(
            "internal_fault",
            "The service could not carry this out; nothing was changed. It has been logged.",
            command=command,
        )

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        stale = 0
        deadline = self._machine.monotonic() + _RECOVERY_S
        while True:
            if self.blocked is not None:
                raise self.blocked
            open_ = [w for w in batch if not w.answer.done()]
            if not open_:
                return
            try:
                if stale < _OPTIMISTIC_TRIES:
                    written = await self._attempt(open_)
                else:
                    written = await self._attempt_locked(open_)
            except ConnectionLost as cause:
                self._stats.reconnects += 1
                await self._recover(open_, deadline, cause)
                if not self._knows(open_):
                    # It can be read, but perhaps no commit gets through.
                    if self._machine.monotonic() > deadline:
                        raise
                    await asyncio.sleep(_PAUSE_S)
                continue
            if written:
                return
            stale += 1
            self._stats.stale += 1
            if stale < _OPTIMISTIC_TRIES:
                await self._catch_up()

    async def _attempt_locked(self, batch: Sequence[_Waiting]) -> bool:
        """Take the county's lock, catch up, and only then decide."""
        self._stats.locked += 1
        group = Group(before=self._head.board, after=self._head.board)
        committed = False
        try:
            async with self._db.tx(County(self.county_id)) as con:
                await con.fetchrow(COUNTIES["lock_county"], self.county_id)
                await self._catch_up(con)
                group, outcomes = await self._decide(batch)
                outcome, repeated = await self.log.commit(self._head, group, con)
            committed = outcome == "committed"
        except AnsweredBefore:
            outcome = "repeated"
            repeated = await self.log.results_of(group.ids)
        finally:
            self.log.settle(self._head, group, committed=committed)
        if outcome == "repeated":
            self._remember(repeated)
        if not committed:
            return False
        self._finish(group, outcomes)
        return True

    async def _attempt(self, batch: Sequence[_Waiting]) -> bool:
        """Decide on the board in memory and write; ``False`` = nothing was written."""
        since_s = self._machine.monotonic()
        group, outcomes = await self._decide(batch)
        if group.ids:
            outcome, repeated = await self.log.commit(self._head, group)
            if outcome == "repeated":
                self._remember(repeated)
                # Deciding again answers these from what was remembered; nobody else wrote.
                return await self._attempt([w for w in batch if not w.answer.done()])
            if outcome == "stale":
                return False
            self.vouch(since_s)
        self._finish(group, outcomes)
        return True

    async def _decide(
        self, batch: Sequence[_Waiting]
    ) -> tuple[Group, list[tuple[_Waiting, _Outcome]]]:
        board = self._head.board
        group = Group(before=board, after=board)
        outcomes: list[tuple[_Waiting, _Outcome]] = []
        in_group: dict[UUID, tuple[Envelope, _Outcome]] = {}
        now = self.now()
        rules = self._rulebook.at(now)
        for waiting in batch:
            env = waiting.env
            known = self._recent.get(env.command_id)
            twin = in_group.get(env.command_id)
            if known is not None:
                outcome = _repeated(known, env)
                self._stats.repeated += 1
            elif twin is not None:
                outcome = twin[1] if _same(twin[0], env) else _Outcome(refusal=_other_body(env))
            else:
                outcome = await self._decide_one(waiting, group, now, rules)
                in_group[env.command_id] = (env, outcome)
            outcomes.append((waiting, outcome))
        return group, outcomes

    async def _decide_one(
        self, waiting: _Waiting, group: Group, now: datetime, rules: Rules
    ) -> _Outcome:
        env = waiting.env
        left = await self._revive(env, group)
        try:
            made = decide_with(group.after, env, now, rules, left)
        except CrisisError as refusal:
            self._stats.refused += 1
            if env.source is Source.PHONE and not isinstance(refusal, Unavailable):
                answer: dict[str, Any] = {"refusal": refusal.to_builtins()}
                group.results.append(self._result_row(env, group.after.seq, answer, now))
            else:
                group.check.append(env.command_id)
            group.ids.append(env.command_id)
            return _Outcome(refusal=refusal)
        self._take(Taken(env, waiting.records, made, now), group)
        if made.decision.refusal is not None:
            return _Outcome(refusal=made.decision.refusal)
        return _Outcome(answer=Answer(seq=made.after.seq, result=made.decision.result))

    def _take(self, taken: Taken, group: Group) -> None:
        env, records, (decision, after, off_board), now = taken
        if off_board:
            # What the group itself took off the board has its key, or gets it with the group.
            group.revived.update(off_board - {change.entity.id for change in group.changes})
        group.after = after
        group.events.extend(decision.events)
        group.changes.extend(decision.changes)
        actor = env.actor.user_id
        group.records.extend((draft, actor) for draft in (*decision.records, *records))
        group.notices.extend(
            (env.command_id, position, notice) for position, notice in enumerate(decision.notices)
        )
        answer: dict[str, Any] = {"result": decision.result}
        if decision.refusal is not None:
            answer = {"refusal": decision.refusal.to_builtins()}
        group.results.append(self._result_row(env, after.seq, answer, now))
        group.ids.append(env.command_id)

    def _result_row(
        self, env: Envelope, seq: int, answer: dict[str, Any], now: datetime
    ) -> dict[str, Any]:
        return {
            "county_id": self.county_id,
            "command_id": env.command_id,
            "actor_id": env.actor.user_id,
            "body_hash": "\\x" + env.body_hash.hex(),
            "seq": seq,
            "answer": answer,
            "recorded_at": now,
        }

    async def _revive(self, env: Envelope, group: Group) -> list[tuple[str, Any]]:
        """Return what the command is about and the board no longer holds.

        What this group has changed is taken from it: the database knows it as it was before.
        """
        board = group.after
        held = await self._brought(not_on_board(board, env.command), group)
        past = team_past(board, (entity for _, entity in held.values()), env.command)
        if past is not None:
            known = await self.log.team_past(*past)
            missing = [one for one in (past.team_id, *known) if not holds(board, one)]
            missing += runs_that_left(group.changes, past.team_id)
            held |= await self._brought([one for one in missing if one not in held], group)
        return list(held.values())

    async def _brought(self, missing: list[UUID], group: Group) -> dict[UUID, tuple[str, Any]]:
        """Return what isn't on the board, as the group left it or as it is stored, by its id."""
        if not missing:
            return {}
        board = group.after
        left = that_left(board, group.changes)
        held = {left[one][1].id: left[one] for one in missing if one in left}
        stored = [one for one in missing if one not in left]
        found = await self.log.closed(stored, self._head.keys) if stored else []
        held |= {
            entity.id: (kind, entity)
            for kind, entity in found
            if entity.id not in getattr(board, kind)
        }
        return held

    def _finish(self, group: Group, outcomes: list[tuple[_Waiting, _Outcome]]) -> None:
        """Fold, publish, and only then answer."""
        self._stats.groups += 1
        self._stats.commands += len(outcomes)
        for row in group.results:
            self._remember_row(row)
        try:
            if group.events:
                self._advance(group.before, group.after, group.changes, is_own=True)
        finally:
            # It is durable, whatever a listener makes of it.
            for waiting, outcome in outcomes:
                if waiting.answer.done():
                    continue
                if outcome.answer is not None:
                    waiting.answer.set_result(outcome.answer)
                elif outcome.refusal is not None:
                    _fail(waiting, outcome.refusal)

    def _remember_row(self, row: dict[str, Any]) -> None:
        self._remember(
            [
                StoredResult(
                    command_id=row["command_id"],
                    actor_id=row["actor_id"],
                    body_hash=row["body_hash"][2:],
                    seq=row["seq"],
                    answer=row["answer"],
                )
            ]
        )

    def _remember(self, results: Iterable[StoredResult]) -> None:
        for result in results:
            self._recent[result.command_id] = result
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

    async def _recover(
        self, batch: Sequence[_Waiting], deadline: float, cause: ConnectionLost
    ) -> None:
        """After a lost connection: wait for the database and learn what had committed.

        Raises:
            ConnectionLost: it did not come back in time; the outcome is unknown to the caller, who
                may send the same command again.
        """
        pause = 0.05
        while True:
            left_s = deadline - self._machine.monotonic()
            try:
                async with asyncio.timeout(max(left_s, 0.1)):
                    await self._catch_up()
                    ids = [waiting.env.command_id for waiting in batch]
                    self._remember(await self.log.results_of(ids))
            except TimeoutError:
                raise cause from None
            except ConnectionLost:
                if self._machine.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
            else:
                return

    def _knows(self, batch: Sequence[_Waiting]) -> bool:
        return all(waiting.env.command_id in self._recent for waiting in batch)

    def _fail_all(self, batch: Iterable[_Waiting], error: CrisisError) -> None:
        for waiting in batch:
            _fail(waiting, error)


def _fail(waiting: _Waiting, error: CrisisError) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)


def _same(first: Envelope, second: Envelope) -> bool:
    return first.body_hash == second.body_hash and first.actor.user_id == second.actor.user_id


def _other_body(env: Envelope) -> CrisisError:
    return Invalid(
        "idempotency_key_reused",
        "This Idempotency-Key was used for another request; choose a new one.",
        command_id=str(env.command_id),
    )


def _repeated(known: StoredResult, env: Envelope) -> _Outcome:
    if known.body_hash != env.body_hash.hex() or known.actor_id != env.actor.user_id:
        return _Outcome(refusal=_other_body(env))
    refusal = known.answer.get("refusal")
    if refusal is not None:
        return _Outcome(refusal=CrisisError.from_builtins(refusal))
    return _Outcome(answer=Answer(seq=known.seq, result=known.answer["result"]))
