"""A text as a table: what separates its cells, which head is which column, and its rows.

Decides how a file of rows is read, whatever it is about, and how long one may be. Rows are numbered
as a spreadsheet does it: the heads are row 1, and a cell of two lines is one row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import chain, islice
from typing import NamedTuple

from crisis.errors import Invalid
from dispatch.sheets.text import no_sheet

#: Longer files are cut by whoever sends them: a county's year has some thousand rows.
MOST_ROWS = 100_000
MOST_BYTES = 16 * 1024 * 1024
#: How a spreadsheet names what separates its cells, in a line before the heads.
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_SEPARATORS = ",;\t|"
#: Pages that call themselves workbooks, which spreadsheets open: what many reports export.
_MARKUP = re.compile(r"\s*<(?:\?xml|!doctype|html|head|body|table|workbook|meta)\b", re.IGNORECASE)
#: Reports have a title, and when and by whom they were made, before the heads; so many lines.
_TITLES = 15
#: What spaces, rules between rows, and the end of a file of old are made of.
_BLANK = " \t\r\n\x1a\ufeff-=_+|\N{EM DASH}\N{NO-BREAK SPACE}"
_COMMENTS = re.compile(r"\s*\([^)]*\)\s*$")


class Row(NamedTuple):
    """A row that isn't empty. ``number``: in a spreadsheet."""

    number: int
    cells: list[str]


class Table(NamedTuple):
    """A file's heads and its rows, which are read as they are asked for."""

    heads: list[str]
    rows: Iterator[Row]


def plain(text: str) -> str:
    """Return a head or a word as codes are written: lower case, one underscore between parts."""
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")


def bare(head: str) -> str:
    """Return a head as codes are written, without what stands in brackets behind it."""
    return plain(_COMMENTS.sub("", head)) or plain(head)


def check_bytes(size: int, most: int = MOST_BYTES) -> None:
    """Refuse a file that is too long to be read at once.

    Raises:
        Invalid: ``file_too_long``.
    """
    if size > most:
        raise Invalid(
            "file_too_long",
            f"The file is longer than {most // 1024 // 1024} MiB; cut it into several.",
            most=most // 1024 // 1024,
        )


def table_of(text: str | Iterable[str], known: Collection[str]) -> Table:
    """Return the table that a text holds.

    Args:
        text: as a whole, or its lines.
        known: the heads that may be expected, as ``plain`` writes them; whichever separator makes
            most of them out of the first line separates the cells.

    Raises:
        Invalid: ``file_not_csv``, ``file_too_many_rows``: also while its rows are read.
    """
    lines: Iterable[str] = StringIO(text, newline="") if isinstance(text, str) else text
    lines, delimiter = _delimited(lines, known)
    # Strictly: a quote that is never closed would swallow all rows after it.
    rows = _filled(_told(csv.reader(lines, strict=True, delimiter=delimiter)))
    first, rows = _heads_of(rows, known)
    return Table([head.strip().lstrip("\ufeff") for head in first.cells], _bounded(rows))


def _filled(cells: Iterator[list[str]]) -> Iterator[Row]:
    for number, row in enumerate(cells, start=1):
        if any(cell.strip(_BLANK) for cell in row):
            yield Row(number, row)


def _heads_of(rows: Iterator[Row], known: Collection[str]) -> tuple[Row, Iterator[Row]]:
    """Return the row with the heads, and those after it: of the first ones that with most."""
    first = list(islice(rows, _TITLES))
    if not first:
        return Row(1, []), rows
    place = max(range(len(first)), key=lambda one: (_count(first[one].cells, known), -one))
    return first[place], chain(first[place + 1 :], rows)


def _count(cells: Iterable[str], known: Collection[str]) -> int:
    return sum(
        not {plain(cell), bare(cell)}.isdisjoint(known) for cell in cells if cell.strip(_BLANK)
    )


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows):
        if count == MOST_ROWS:
            raise Invalid(
                "file_too_many_rows",
                f"The file has more than {MOST_ROWS:,} rows; cut it into several.",
                most=MOST_ROWS,
            )
        yield row


def _told(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield rows; csv's own words for a quote that is never closed say nothing to a person."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            fault = str(error).replace("unexpected end of data", "a cell's quotes are never closed")
            line = getattr(reader, "line_num", 0)
            raise Invalid(
                "file_not_csv",
                f"Line {line}: not CSV: {fault}.",
                line=line,
                fault=fault,
            ) from error
        if row is None:
            return
        yield row


def _delimited(lines: Iterable[str], known: Collection[str]) -> tuple[Iterable[str], str]:
    """Return the lines from the heads on, and what separates their cells.

    Where a comma stands in numbers, spreadsheets separate by semicolons; some say so in a line
    before the heads.
    """
    rest = iter(lines)
    first = list(islice(rest, _TITLES))
    begins = next((line.strip("\ufeff \t\r\n") for line in first if line.strip(_BLANK)), "")
    if _MARKUP.match(begins):
        raise no_sheet()
    if begins.startswith(('{"', "[{")):
        raise Invalid("file_not_csv", "Line 1: not CSV, but JSON.", line=1, fault="JSON")
    for place, line in enumerate(first):
        said = _SEPARATOR.fullmatch(line.strip('\ufeff\r\n" '))
        if said is not None:
            # It is no row; the others keep the numbers that they have in a spreadsheet.
            return chain(first[:place], first[place + 1 :], rest), said[1]
        if line.strip("\ufeff \t\r\n,;|"):
            break

    def found(delimiter: str) -> tuple[int, int]:
        split = [line.split(delimiter) for line in first]
        return max(
            (
                (_count([cell.strip('"\ufeff') for cell in cells], known), len(cells))
                for cells in split
            ),
            default=(0, 0),
        )

    return chain(first, rest), max(_SEPARATORS, key=found)


class Found(NamedTuple):
    """Which heads of a file are which columns.

    Attributes:
        places: column → its place among the heads.
        unknown: heads that are none.
        twice: columns that two heads name, with both.
    """

    places: dict[str, int]
    unknown: list[str]
    twice: dict[str, tuple[str, str]]


def columns_of(heads: Sequence[str], known: Collection[str], others: Mapping[str, str]) -> Found:
    """Find the columns among a file's heads.

    Args:
        known: the columns' names.
        others: other names → the column's name, both as ``plain`` writes them.
    """
    found = Found({}, [], {})
    for place, head in enumerate(heads):
        name = next(
            (
                one
                for word in (plain(head), bare(head))
                for one in (others.get(word, word),)
                if one in known
            ),
            None,
        )
        if name is None:
            if head:
                found.unknown.append(head)
        elif name in found.places:
            found.twice.setdefault(name, (heads[found.places[name]], head))
        else:
            found.places[name] = place
    return found
