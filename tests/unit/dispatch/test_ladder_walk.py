"""Nobody is ever forgotten by the ladder: random days, looked at after each thing that happens."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.unit.dispatch.ladder_walk import Walk

#: Of all days; the day with number n has the seed ``SEED + n``.
SEED = 20_261_201
SHORT_DAYS, LONG_DAYS, AT_ONCE = 100, 10_000, 250


def walk(first: int, days: int) -> tuple[int, int]:
    """Walk these days; return how many commands were decided and instants looked at."""
    decided = checked = 0
    for seed in range(first, first + days):
        day = Walk(seed)
        try:
            day.run()
        except AssertionError as forgotten:
            raise AssertionError(f"day {seed}: {forgotten}") from forgotten
        decided += day.decided
        checked += day.checked
    return decided, checked


def test_nobody_is_forgotten_on_any_of_some_random_days() -> None:
    decided, checked = walk(SEED, SHORT_DAYS)
    assert decided > 100 * SHORT_DAYS and checked > 50 * SHORT_DAYS


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_nobody_is_forgotten_on_ten_thousand_random_days() -> None:
    with ProcessPoolExecutor(2) as pool:
        firsts = range(SEED, SEED + LONG_DAYS, AT_ONCE)
        walked = list(pool.map(walk, firsts, [AT_ONCE] * len(firsts)))
    assert len(walked) * AT_ONCE == LONG_DAYS
    assert all(decided and checked for decided, checked in walked)
