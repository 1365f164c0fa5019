"""Whether days like 6/7/2026 have their month or their day first, of a whole file.

Decides by the days that can be read in one way only. Where none is, the month goes first, as in the
United States, and that is said; where a file holds both, it is refused: half of it would be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from crisis.errors import Invalid
from dispatch.sheets.times import Order, is_open_order, order_of

#: So many times more days of one order than of the other make those mistakes.
_OUTWEIGHS = 20


class Settled(NamedTuple):
    """The order of a file's days.

    Attributes:
        order: to read them in.
        is_guessed: some can be read in two ways, and none says in which.
    """

    order: Order
    is_guessed: bool


def settle(told: Iterable[tuple[int, str]], given: Order | None = None) -> Settled:
    """Return the order of the days in some cells, each with the number of its row.

    Args:
        given: as the user says; then nothing is asked of the cells.

    Raises:
        Invalid: ``file_days_mixed``: some have the month first and some the day.
    """
    if given is not None:
        return Settled(given, is_guessed=False)
    first: dict[Order, int] = {}
    counts = dict.fromkeys(Order, 0)
    is_open = False
    for row, text in told:
        order = order_of(text)
        if order is not None:
            counts[order] += 1
            first.setdefault(order, row)
        else:
            is_open = is_open or is_open_order(text)
    if not first:
        return Settled(Order.MONTH_FIRST, is_guessed=is_open)
    best = max(Order, key=lambda order: counts[order])
    if len(first) > 1 and is_open and counts[best] < _OUTWEIGHS * min(counts.values()):
        raise Invalid(
            "file_days_mixed",
            f"Row {first[Order.MONTH_FIRST]} has its month first and row {first[Order.DAY_FIRST]} "
            "its day: say which the file means, or mend it.",
            month_first=first[Order.MONTH_FIRST],
            day_first=first[Order.DAY_FIRST],
        )
    return Settled(best, is_guessed=False)
