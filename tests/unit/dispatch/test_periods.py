"""Which days a report is of."""

from __future__ import annotations

from datetime import date

import pytest

from dispatch.reports.periods import days_of

TODAY = date(2026, 11, 22)
JULY = date(2026, 7, 9)


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        (None, None, date(2026, 8, 1), date(2026, 10, 31)),
        (JULY, None, JULY, TODAY),
        (JULY, date(2026, 7, 20), JULY, date(2026, 7, 20)),
        # Counted back from until, not from today.
        (None, date(2026, 7, 31), date(2026, 5, 1), date(2026, 7, 31)),
        (None, JULY, date(2026, 5, 1), JULY),
        (None, date(2026, 2, 28), date(2025, 12, 1), date(2026, 2, 28)),
        (None, date(2025, 1, 1), date(2024, 11, 1), date(2025, 1, 1)),
        (None, date(2027, 1, 1), date(2026, 11, 1), date(2027, 1, 1)),
        (None, date(1, 1, 31), date(1, 1, 31), date(1, 1, 31)),
    ],
)
def test_what_is_not_said_follows_from_what_is(
    since: date | None, until: date | None, first: date, last: date
) -> None:
    assert days_of(since, until, TODAY) == (first, last)
