"""Nobody is ever forgotten by the ladder: random days, looked at after each thing that happens."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import pytest

from crisis.board import Board, empty_board
from dispatch.decide.incoming import Taken
from dispatch.due import due, is_due
from tests.unit.dispatch.board_kit import COUNTY
from tests.unit.dispatch.ladder_walk import BESIDE, Walk

#: Of all days; the day with number n has the seed ``SEED + n``.
SEED = 20_261_201
SHORT_DAYS, LONG_DAYS, AT_ONCE = 100, 10_000, 250


#: What must have happened on some of the days, so that they are worth walking.
MET = frozenset(
    {
        "assignment_diverted",
        "assignment_restored",
        "call_abandoned",
        "call_answered",
        "call_attached",
        "call_flagged",
        "call_held",
        "call_left",
        "call_lost",
        "call_taken_in_hand",
        "call_transfer_started",
        "claim_denied",
        "crew_changed",
        "crew_swapped",
        "duress_help_sent",
        "duress_left",
        "duress_resolved",
        "hold_settled",
        "incident_absorbed",
        "incident_merged",
        "incident_released",
        "incident_reopened",
        "incident_split",
        "no_dispatch_determined",
        "obligation_attempted",
        "partner_acknowledged",
        "partner_arrived",
        "partner_left",
        "partner_not_coming",
        "search_held",
        "shift_ended",
        "shift_ending",
        "slot_added",
        "slot_dropped",
    }
)


def walk(first: int, days: int) -> tuple[int, int, set[str]]:
    """Walk these days; return the commands decided, the instants looked at, and what was met."""
    decided = checked = 0
    met: set[str] = set()
    for seed in range(first, first + days):
        day = Walk(seed)
        try:
            day.run()
        except AssertionError as forgotten:
            raise AssertionError(f"day {seed}: {forgotten}") from forgotten
        decided += day.decided
        checked += day.checked
        met |= day.seen.keys() | day.beside
    return decided, checked, met


def test_nobody_is_forgotten_on_any_of_some_random_days() -> None:
    decided, checked, met = walk(SEED, SHORT_DAYS)
    assert decided > 100 * SHORT_DAYS and checked > 50 * SHORT_DAYS
    assert met >= MET | BESIDE, f"never met: {sorted((MET | BESIDE) - met)}"


class Looking(Walk):
    """A day on which what each decision makes due is sought twice: everywhere, and close by."""

    was: Board = empty_board(COUNTY)
    made_due = 0

    def _hear(self, taken: Taken) -> None:
        super()._hear(taken)
        before, after, events = self.was, taken.made.after, taken.made.decision.events
        self.was = after
        if before.seq + len(events) != after.seq:
            return  # something was folded between
        fresh = {*due(after, self.now, self.rules)} - {*due(before, self.now, self.rules)}
        changes = taken.made.decision.changes
        assert not fresh or is_due(after, changes, self.now, self.rules), fresh
        self.made_due += bool(fresh)


def test_what_a_decision_makes_due_is_found_among_what_it_changed() -> None:
    days = [Looking(SEED + number) for number in range(12)]
    for day in days:
        day.run()
    assert sum(day.made_due for day in days) > 50


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_nobody_is_forgotten_on_ten_thousand_random_days() -> None:
    with ProcessPoolExecutor(2) as pool:
        firsts = range(SEED, SEED + LONG_DAYS, AT_ONCE)
        walked = list(pool.map(walk, firsts, [AT_ONCE] * len(firsts)))
    assert len(walked) * AT_ONCE == LONG_DAYS
    assert all(decided and checked for decided, checked, _ in walked)
    assert set[str]().union(*(met for _, _, met in walked)) >= MET | BESIDE
