"""A county in memory, driven from event to event by the service's own parts.

``decide``, ``fold``, ``due``, the ranking and the plan are those that run in production; there is
no database, socket or loop, and nobody waits. Given the same commands at the same instants it makes
the log that the service makes. Decides only what happens next: whatever is due, or the next thing
that somebody was going to do. Must not know who acts, nor why.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from crisis.board import Board, Change, apply
from crisis.clock import county_instant
from crisis.commands import Envelope, OfferTeam
from crisis.effects import Answer, RecordDraft
from crisis.errors import Conflict, CrisisError, Invalid, NotFound
from crisis.events import Event
from crisis.ids import IncidentId
from crisis.incident.state import Incident
from crisis.rules import Rules
from crisis.states import Source
from dispatch.choose import Recommendation
from dispatch.choose.seek import Seeker, is_persons_offer
from dispatch.decide.incoming import Taken, decide_with, in_utc, not_on_board, team_past, that_left
from dispatch.due import due, next_due, seen_to

#: What is due and was refused is asked again so much later.
_ASKED_AGAIN = timedelta(seconds=1)

Step = Callable[[], object]


class Engine:
    """One county and its time.

    Args:
        board: what its county begins with.
        rules: what is in force at an instant.
        seeker: ranks teams.
        now: where its time begins.

    Attributes:
        board: the newest; never changed in place.
        decided: what was decided so far, in order, to be written or looked at; refusals left out.
            Whoever writes it may take it away.
        on_decided: called with each decision; may plan what follows, and must not act itself.
        left: what has left the board, with its kind, by its id; an incident by those of its offers
            and runs too.
        refused_in_row: how often by now what was due was refused, with nothing else between.
    """

    def __init__(
        self, board: Board, rules: Callable[[datetime], Rules], seeker: Seeker, now: datetime
    ) -> None:
        self.board = board
        self.decided: list[Taken] = []
        self.on_decided: Callable[[Taken], object] = lambda _: None
        self.refused_in_row = 0
        self._rules = rules
        self._seeker = seeker
        self._now = self._not_asked_before = now
        self._agenda: list[tuple[datetime, int, Step]] = []
        self._order = count()
        self._answered: dict[UUID, Answer | CrisisError] = {}
        self.left: dict[UUID, tuple[str, Any]] = {}

    def now(self) -> datetime:
        """Return the county's instant."""
        return county_instant(self._now, self.board.last_recorded_at)

    # What people do

    def submit(self, env: Envelope, records: Sequence[RecordDraft] = ()) -> Answer:
        """Decide a command now, as ``Service.submit`` does; the same one twice is one.

        Args:
            records: what is kept beside it.

        Raises:
            CrisisError: the refusal. A phone is told the same each time that it asks; anybody
                else's command is decided anew.
        """
        known = self._answered.get(env.command_id) or self._answer(in_utc(env), records)
        if isinstance(known, Answer) or env.source is Source.PHONE:
            self._answered[env.command_id] = known
        if isinstance(known, CrisisError):
            raise known
        return known

    def _answer(self, env: Envelope, records: Sequence[RecordDraft]) -> Answer | CrisisError:
        if is_persons_offer(env) and isinstance(env.command, OfferTeam):
            now = self.now()
            env, more = self._seeker.ranked_offer(
                self.board, self._rules(now), env, env.command, now=now
            )
            records = (*records, *more)
        try:
            after, decision = (made := self.decide(env, records).made).after, made.decision
        except CrisisError as refusal:
            return refusal
        return decision.refusal or Answer(seq=after.seq, result=decision.result)

    def decide(self, env: Envelope, records: Sequence[RecordDraft] = ()) -> Taken:
        """Decide a command now as it stands, with what it is about brought back where that left.

        Raises:
            CrisisError: a refusal that leaves no trace; others stand in the decision.
        """
        now = self.now()
        made = decide_with(self.board, env, now, self._rules(now), self._off_board(env))
        self.board = made.after
        self._keep(made.decision.changes)
        taken = Taken(env, records, made, now)
        self.decided.append(taken)
        self.on_decided(taken)
        return taken

    def fold(self, event: Event) -> None:
        """Take over an event that nothing here has decided."""
        self.board, changes = apply(self.board, event)
        self._keep(changes)

    def recommend(self, incident_id: IncidentId) -> Recommendation:
        """Rank all teams for the first slot that has nobody, as ``Service.recommend`` does."""
        now = self.now()
        return self._seeker.recommend(self.board, self._rules(now), incident_id, now=now)

    def _off_board(self, env: Envelope) -> list[tuple[str, Any]]:
        """Return what the command is about and the board no longer holds."""
        missing = not_on_board(self.board, env.command)
        found = {self.left[one][1].id: self.left[one] for one in missing if one in self.left}
        past = team_past(self.board, (thing for _, thing in found.values()), env.command)
        if past is not None:
            found |= {
                thing.id: (kind, thing)
                for kind, thing in self.left.values()
                if _is_of_team(thing, past.team_id)
            }
        return list(found.values())

    def _keep(self, changes: Sequence[Change]) -> None:
        left = that_left(self.board, changes)
        for change in changes:
            if change.entity.id not in left:
                self.left.pop(change.entity.id, None)
        self.left.update(left)

    # What happens next

    def wait_until(self, at: datetime) -> None:
        """Let the time pass, whatever would have happened meanwhile."""
        self._now = at

    def at(self, at: datetime, step: Step) -> None:
        """Let somebody do something at an instant."""
        heapq.heappush(self._agenda, (at, next(self._order), step))

    def after(self, seconds: float, step: Step) -> None:
        """Let somebody do something so much later."""
        self.at(self._now + timedelta(seconds=seconds), step)

    def advance(self, until: datetime) -> bool:
        """Go to the next thing that happens, the clockwork's own first among equals.

        Returns:
            ``False`` = nothing happens before ``until``; that is the time now.
        """
        own = next_due(self.board, self._rules(self.now()))
        acts_at = self._agenda[0][0] if self._agenda else until
        if own is not None:
            own = max(own, self._not_asked_before)
        if own is not None and own <= min(acts_at, until):
            self._now = max(own, self._now)
            self._see_to()
        elif self._agenda and acts_at <= until:
            self._now = max(acts_at, self._now)
            heapq.heappop(self._agenda)[2]()
        else:
            self._now = max(until, self._now)
            return False
        return True

    def _see_to(self) -> None:
        """Do what the service does about all that is due."""
        board, now = self.board, self.now()
        rules = self._rules(now)
        for item in due(board, now, rules):
            try:
                self.submit(*seen_to(item, board, rules, self._seeker, now))
            except (Conflict, NotFound, Invalid):
                continue
        if self.board.seq == board.seq:
            # Refused, as where somebody was quicker. Nobody waits until it is asked again.
            self.refused_in_row += 1
            self._not_asked_before = self._now + _ASKED_AGAIN
        else:
            self.refused_in_row = 0


def _is_of_team(thing: Any, team_id: UUID) -> bool:
    if isinstance(thing, Incident):
        return any(run.team_id == team_id for run in thing.assignments)
    return getattr(thing, "team_id", None) == team_id
