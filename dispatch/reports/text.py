"""The response-time report as tables for people, as CSV for spreadsheets, and as JSON.

Decides how figures are written: a rate of nothing is "n/a", minutes are never rounded down to the
standard, and every form names both denominators and how it rounds. Must not know the database,
nor how a figure is computed.
"""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from dispatch.reports.basis import Bases
from dispatch.reports.figures import ALL, Fate, Line, Ref, ResponseTimes, Share, minutes_up

#: Fates as a person reads them.
FATE_LABELS: Mapping[Fate, str] = {
    Fate.ON_TIME: "On time",
    Fate.LATE: "Late",
    Fate.NOT_MEASURABLE: "Not measurable",
    Fate.NOT_QUALIFYING: "Crew did not count",
    Fate.CANCELLED_LATE: "Cancelled late",
    Fate.UNSERVED: "Unserved",
    Fate.STILL_WAITING: "Still waiting",
    Fate.CANCELLED_IN_TIME: "Cancelled in time",
    Fate.NOT_DUE_YET: "Not due yet",
    Fate.EXCLUDED_SETTING: "Excluded setting",
}
#: Beside the kept promises, what the second table counts: broken ones, then those not judged.
_BROKEN = (
    Fate.LATE,
    Fate.NOT_QUALIFYING,
    Fate.CANCELLED_LATE,
    Fate.UNSERVED,
    Fate.STILL_WAITING,
)
_NOT_JUDGED = (
    Fate.CANCELLED_IN_TIME,
    Fate.NOT_DUE_YET,
    Fate.NOT_MEASURABLE,
    Fate.EXCLUDED_SETTING,
)
#: Leading columns that hold words, not numbers.
_WORDS = 2
_NOTES = (
    "Minutes run from the determination that a team must go to the first arrival of a valid team; "
    "exactly the standard is on time.",
    "Arrived: on time / arrived and measurable, by the local month of arrival. Determined: on time "
    "/ all that were promised a team and reached, or whose deadline passed, by the local month of "
    "determination.",
    "p90: at least 90 % took no longer. Percentages are rounded half up to one decimal; 100.0 is "
    "all and 0.0 is none. Minutes are rounded up. n/a: nothing to divide by.",
)


_BASIS_NOTES = (
    "Rows used and refused: of the calls that came in in the month, in any area; a refused row "
    "whose time can't be read may be of any month. Can't be measured: used, but without the times. "
    "At least: if everything that was refused or can't be measured was late.",
)


class Cohort(StrEnum):
    """Which of the two denominators a response stands in."""

    ARRIVED = "arrived"
    DETERMINED = "determined"


def as_json(report: ResponseTimes, bases: Bases | None = None) -> bytes:
    """Return the report as JSON.

    Args:
        bases: of a report made out of a file: the rows behind each line are put beside it.
    """
    whole: Any = report
    if bases is not None:
        whole = msgspec.to_builtins(report)
        for line, written in zip(report.lines, whole["lines"], strict=True):
            written.update(msgspec.to_builtins(bases.in_json(line)))
        whole["rows"] = {**msgspec.to_builtins(bases.of(ALL)), "reasons": bases.reasons()}
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def percent_text(share: Share, none: str = "n/a") -> str:
    """Return a rate with its one decimal."""
    return none if share.percent is None else f"{share.percent:.1f}"


def _minutes_text(minutes: float | None, none: str = "n/a", decimals: int = 1) -> str:
    return none if minutes is None else f"{minutes_up(minutes, decimals):.{decimals}f}"


def _standard_text(line: Line) -> str:
    return ", ".join(str(minutes) for minutes in line.standard_minutes) or "n/a"


def _count(group: Mapping[str, tuple[Ref, ...]], fate: Fate) -> int:
    return len(group.get(fate, ()))


# CSV

_FIGURES = (
    "month",
    "area_class",
    "standard_minutes",
    "arrived_on_time",
    "arrived_measurable",
    "arrived_on_time_percent",
    "mean_minutes",
    "median_minutes",
    "p90_minutes",
    "longest_minutes",
    "not_measurable",
    "determined_on_time",
    "determined_judged",
    "determined_on_time_percent",
    *(f"determined_{fate}" for fate in (*_BROKEN, *_NOT_JUDGED)),
)
_BASIS = (
    "rows_used",
    "rows_refused",
    "responses_not_measurable",
    "determined_on_time_at_least_percent",
)
_RESPONSES = (
    "cohort",
    "month",
    "area_class",
    "fate",
    "number",
    "incident_id",
    "determined_at",
    "arrived_at",
    "minutes",
    "entered_afterwards",
    "arrival_disputed",
)


def as_csv(report: ResponseTimes, bases: Bases | None = None) -> str:
    """Return one row per month and class, ``all`` included; an empty cell = nothing to divide.

    Args:
        bases: see ``as_json``.
    """
    if bases is None:
        return _csv(_FIGURES, (_figures(line) for line in report.lines))
    return _csv(
        (*_FIGURES, *_BASIS),
        (
            (
                *_figures(line),
                bases.of(line.month).used,
                bases.of(line.month).refused,
                bases.of(line.month).not_measurable,
                percent_text(bases.at_least(line), ""),
            )
            for line in report.lines
        ),
    )


def responses_as_csv(report: ResponseTimes) -> str:
    """Return one row per response and denominator that it stands in; times are RFC 3339 UTC."""
    rows = (
        (
            cohort,
            line.month,
            line.area_class,
            fate,
            ref.number,
            ref.incident_id,
            _utc_text(ref.determined_at),
            _utc_text(ref.arrived_at),
            "" if ref.minutes is None else repr(minutes_up(ref.minutes, 3)),
            "yes" if ref.entered_afterwards else "no",
            "yes" if ref.arrival_disputed else "no",
        )
        for cohort, line, fate, refs in _listed(report)
        for ref in refs
    )
    return _csv(_RESPONSES, rows)


def _figures(line: Line) -> tuple[object, ...]:
    spread = line.spread
    return (
        line.month,
        line.area_class,
        " ".join(str(minutes) for minutes in line.standard_minutes),
        line.arrived.numerator,
        line.arrived.denominator,
        percent_text(line.arrived, ""),
        *(
            _minutes_text(minutes, "", 2)
            for minutes in (spread.mean, spread.median, spread.p90, spread.longest)
        ),
        line.not_measurable,
        line.determined.numerator,
        line.determined.denominator,
        percent_text(line.determined, ""),
        *(_count(line.by_determination, fate) for fate in (*_BROKEN, *_NOT_JUDGED)),
    )


def _csv(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _utc_text(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat().replace("+00:00", "Z")


def _listed(report: ResponseTimes) -> Iterator[tuple[Cohort, Line, str, tuple[Ref, ...]]]:
    """Yield every group of responses once: the lines that sum others up are left out."""
    for cohort in Cohort:
        for line in report.lines:
            if ALL in (line.month, line.area_class):
                continue
            group = line.by_arrival if cohort is Cohort.ARRIVED else line.by_determination
            for fate, refs in group.items():
                yield cohort, line, fate, refs


# Tables


def as_table(
    report: ResponseTimes,
    *,
    title: str,
    width: int = 100,
    with_responses: bool = False,
    bases: Bases | None = None,
) -> str:
    """Return the report as plain text.

    Args:
        title: what it is a report of: the county's name.
        width: at which sentences are broken; tables are as wide as they must be, about 95.
        with_responses: below the figures, list the responses behind each of them.
        bases: see ``as_json``.
    """
    zone = ZoneInfo(report.zone)
    last = report.until.astimezone(zone).date() - timedelta(days=1)
    first = report.since.astimezone(zone).date()
    as_of = report.as_of.astimezone(zone)
    notes = (*_NOTES, *(_BASIS_NOTES if bases is not None else ()))
    parts = [
        f"Response times, {title}, {first} to {last} ({report.zone})\n"
        f"As of {as_of:%Y-%m-%d %H:%M %Z}.\n",
        _arrived_table(report, bases),
        _determined_table(report, bases),
        _not_judged_table(report),
        "".join(textwrap.fill(note, width) + "\n" for note in (*notes, *_doubts(report))),
    ]
    if with_responses:
        parts.append("".join(_responses_text(report, width)))
    return "\n".join(parts)


def _responses_text(report: ResponseTimes, width: int) -> Iterator[str]:
    for cohort, line, fate, refs in _listed(report):
        label = FATE_LABELS[Fate(fate)].lower()
        listed = ", ".join(_ref_text(ref) for ref in refs)
        head = f"{cohort.capitalize()} {line.month}, {line.area_class}, {label} ({len(refs)}): "
        yield textwrap.fill(head + listed, width, subsequent_indent="  ") + "\n"
    if any(ref.entered_afterwards for _, _, _, refs in _listed(report) for ref in refs):
        yield "* entered afterwards\n"


def _doubts(report: ResponseTimes) -> Iterator[str]:
    """Yield what the figures rest on that nobody has verified, or judged yet."""
    if report.unverified:
        yield f"Standards that no published page states: {', '.join(report.unverified)}."
    numbers = {r.number for _, _, _, refs in _listed(report) for r in refs if r.arrival_disputed}
    if numbers:
        listed = ", ".join(f"#{number}" for number in sorted(numbers))
        yield f"Arrivals that are disputed and count as none ({len(numbers)}): {listed}."


def _ref_text(ref: Ref) -> str:
    minutes = "" if ref.minutes is None else f" {_minutes_text(ref.minutes)} min"
    return f"#{ref.number}" + minutes + ("*" if ref.entered_afterwards else "")


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with the words of each head above each other; the first two columns are words.

    Never narrower than its content: a cut figure is a wrong figure.
    """
    stacked = [head.split() for head in heads]
    deepest = max(len(words) for words in stacked)
    columns = [[""] * (deepest - len(words)) + words for words in stacked]
    widths = [
        max(len(text) for text in (*words, *(row[i] for row in rows)))
        for i, words in enumerate(columns)
    ]

    def written(cells: Iterable[str]) -> str:
        placed = (
            cell.ljust(width) if i < _WORDS else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(placed).rstrip()

    lines = [title, "", *(written(level) for level in zip(*columns, strict=True))]
    lines.append("-" * (sum(widths) + 2 * (len(widths) - 1)))
    for row in rows:
        lines.append(written(row))
        if row[1] == ALL and row is not rows[-1]:
            lines.append("")
    return "\n".join(lines) + "\n"


def _basis_heads(bases: Bases | None, *, with_bound: bool = True) -> tuple[str, ...]:
    if bases is None:
        return ()
    return (*(("At least %",) if with_bound else ()), "Rows used", "Rows refused", "Can't measure")


def _basis_cells(bases: Bases | None, line: Line, *, with_bound: bool = True) -> tuple[str, ...]:
    if bases is None:
        return ()
    basis = bases.of(line.month)
    bound = (percent_text(bases.at_least(line)),) if with_bound else ()
    return (*bound, str(basis.used), str(basis.refused), str(basis.not_measurable))


def _arrived_table(report: ResponseTimes, bases: Bases | None) -> str:
    heads = (
        *("Month", "Area", "Standard", "On time", "Arrived", "On time %"),
        *_basis_heads(bases, with_bound=False),
        *("Mean", "Median", "p90", "Longest", "Not measurable", "Excluded setting"),
    )
    rows = [
        (
            line.month,
            line.area_class,
            _standard_text(line),
            str(line.arrived.numerator),
            str(line.arrived.denominator),
            percent_text(line.arrived),
            *_basis_cells(bases, line, with_bound=False),
            _minutes_text(line.spread.mean),
            _minutes_text(line.spread.median),
            _minutes_text(line.spread.p90),
            _minutes_text(line.spread.longest),
            str(line.not_measurable),
            str(_count(line.by_arrival, Fate.EXCLUDED_SETTING)),
        )
        for line in report.lines
    ]
    return _table("Arrived: by month of arrival", heads, rows)


def _determined_table(report: ResponseTimes, bases: Bases | None) -> str:
    heads = ("Month", "Area", "On time", "Judged", "On time %", *_basis_heads(bases))
    rows = [
        (
            line.month,
            line.area_class,
            str(line.determined.numerator),
            str(line.determined.denominator),
            percent_text(line.determined),
            *_basis_cells(bases, line),
            *(str(_count(line.by_determination, fate)) for fate in _BROKEN),
        )
        for line in report.lines
    ]
    labels = (FATE_LABELS[fate] for fate in _BROKEN)
    return _table("Determined: by month of determination", (*heads, *labels), rows)


def _not_judged_table(report: ResponseTimes) -> str:
    rows = [
        (
            line.month,
            line.area_class,
            *(str(_count(line.by_determination, fate)) for fate in _NOT_JUDGED),
        )
        for line in report.lines
        if any(_count(line.by_determination, fate) for fate in _NOT_JUDGED)
    ]
    if not rows:
        return "Determined, but not judged: none.\n"
    labels = (FATE_LABELS[fate] for fate in _NOT_JUDGED)
    title = "Determined, but not judged: by month of determination"
    return _table(title, ("Month", "Area", *labels), rows)
