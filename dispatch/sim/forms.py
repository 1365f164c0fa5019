"""How the file of a log is written, as a whole: its heads, its days, its clocks, its durations.

Decides by all cells of a column, or of all columns, what one cell leaves open, and notes it; also
which rows are none: heads again, sums, a report's last lines. Must not know what a row says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from crisis.errors import Invalid
from dispatch.sheets.cells import number, told
from dispatch.sheets.clocks import Clocks, clocks_of
from dispatch.sheets.order import settle
from dispatch.sheets.table import Row, plain
from dispatch.sheets.times import Order, is_open_order, order_of
from dispatch.sim.columns import STEMS, Columns, two_lines

#: Of numbers that are counted in minutes, more than half are fewer than this.
_MINUTES_MEDIAN = 300
#: How rows begin that are about all others, or about the file.
_SUMMARY = re.compile(
    r"(?:grand|sub|over)?[- ]?(?:total|all)s?\b|average|avg|mean\b|median|count\b|sum\b|"
    r"max(?:imum)?\b|min(?:imum)?\b|std\b|\(?\d+ (?:rows?|records?)\b|"
    r"(?:rows?|records?|number of)\b.*\d|end of|report\b|printed|generated|created by|exported|"
    r"page \d|source\b|notes?\b|as of\b|filters?\b|confidential|90th|percent",
    re.IGNORECASE,
)


def heads_of(heads: list[str], rows: list[Row], notes: Counter[str]) -> list[str]:
    """Return the heads, together with a second line of them, which is taken from the rows."""
    both = two_lines(heads, rows[0].cells) if rows else None
    if both is None:
        return heads
    notes[f"row {rows[0].number} taken as a second line of heads"] += 1
    del rows[0]
    return both


def is_heads(cells: Sequence[str], heads: Sequence[str]) -> bool:
    """Whether a row only says the heads again, as each page of a report does."""
    return [plain(one) for one in cells] == [plain(one) for one in heads]


def sums_up(cells: Sequence[str]) -> bool:
    """Whether a row is about all others, or about the file, by how it begins."""
    first = next((told(cell) for cell in cells if told(cell)), "")
    return _SUMMARY.match(first) is not None


def clocks_in(columns: Columns, rows: Sequence[Row], notes: Counter[str]) -> Clocks:
    """Settle how the file's columns with times of day write them."""
    names = {*STEMS, *(f"{stem}_time" for stem in STEMS.values())} & columns.places.keys()
    places = [columns.places[name] for name in names]
    found = clocks_of(
        row.cells[place] for row in rows for place in places if place < len(row.cells)
    )
    if found.dotted:
        notes["times like 14.30 taken as hours and minutes"] += 1
    return found


def orders_in(
    columns: Columns, rows: Sequence[Row], given: Order | None, notes: Counter[str]
) -> dict[str, Order]:
    """Settle of each column with days whether they have their month first."""
    found: dict[str, Order] = {}
    open_: list[str] = []
    everything: list[tuple[int, str]] = []
    names = {"date", *STEMS, *(f"{stem}_date" for stem in STEMS.values())}
    names |= {f"{stem}_time" for stem in STEMS.values()}
    for name in sorted(names & columns.places.keys()):
        place = columns.places[name]
        cells = [(row.number, row.cells[place]) for row in rows if place < len(row.cells)]
        everything += cells
        order, is_guessed = settle(cells, given)
        found[name] = order
        if is_guessed:
            open_.append(name)
    if open_:
        # What one column leaves open, the others may show.
        shows = {shown for _, text in everything if (shown := order_of(text)) is not None}
        whole = shows.pop() if len(shows) == 1 else None
        found.update(dict.fromkeys(open_, whole or Order.MONTH_FIRST))
        if whole is None:
            count = sum(is_open_order(text) for _, text in everything)
            notes["days like 6/7/2026 taken as month first; see --days"] += count
    if given is None and Order.DAY_FIRST in found.values():
        notes["days like 25/12/2026: the day is taken as first"] += 1
    return found


def units_in(
    columns: Columns, rows: Sequence[Row], given: str | None, notes: Counter[str]
) -> dict[str, tuple[str, str]]:
    """Settle of each column with durations what a bare number counts, and what comes first."""
    found: dict[str, tuple[str, str]] = {}
    for name, _, _ in columns.durations():
        place = columns.places[name]
        told_ = [told(row.cells[place]) for row in rows if place < len(row.cells)]
        cells = [cell for cell in told_ if cell]
        unit = columns.units.get(name) or given or _guessed(name, cells, notes)
        first = columns.clocks.get(name) or _first(name, cells, unit, given, notes)
        found[name] = unit, first
    return found


def _guessed(name: str, cells: Sequence[str], notes: Counter[str]) -> str:
    bare = sorted(value for cell in cells if (value := _number(cell)) is not None)
    if not bare:
        return "m"
    decimals = max(len(re.split(r"[.,]", cell)[-1]) for cell in cells)
    if bare[-1] < 2 and decimals > 2:
        notes[f"numbers in {name} taken as fractions of a day, as Excel writes durations"] += 1
        return "d"
    if bare[len(bare) // 2] > _MINUTES_MEDIAN:
        raise Invalid(
            "bad_columns",
            f"The numbers in {name} can't be minutes: say what they count with --durations.",
        )
    notes[f"numbers in {name} taken as minutes; see --durations"] += 1
    return "m"


def _first(
    name: str, cells: Sequence[str], unit: str, given: str | None, notes: Counter[str]
) -> str:
    """Settle what the first part of ``45:30`` counts, of two that may be: the longer, if in doubt.

    A head like "(min)" says it of numbers alone: Excel shows 65 minutes below it as 1:05.
    """
    parts = [cell.split(":")[0].strip() for cell in cells if cell.count(":") == 1]
    hours = [int(part) for part in parts if part.isdigit()]
    if not hours:
        return "h"
    if given is not None:
        return "h" if given == "h" else "m"
    if max(hours) > 23 or unit == "s":
        notes[f"times like 45:30 in {name} taken as minutes and seconds"] += 1
        return "m"
    notes[f"times like 0:45 in {name} taken as hours and minutes; see --durations"] += 1
    return "h"


def _number(text: str) -> float | None:
    try:
        return number(text)
    except ValueError:
        return None
