"""Importing a CSV file row by row: what a row would do, doing it, and telling what was not done.

Decides how a file is read, that a bad row never stops the others, and what a dry run shows. Must
not know what the rows are about.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from crisis.errors import CrisisError, Unavailable
from crisis.names import asked_back
from web.cli.text import Exit, Usage, explain, say, warn


class Column(NamedTuple):
    """A column of a file, as ``--help`` shows it."""

    name: str
    doc: str
    is_required: bool = False


class Unusable(ValueError):
    """A row or form that can't be used.

    Attributes:
        code: what is wrong, for other languages than English.
        facts: the values behind the sentence.
    """

    def __init__(self, code: str, sentence: str, /, **facts: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.facts: Mapping[str, object] = facts


class BadFile(Usage):
    """A file that holds no such rows; ``code`` and ``facts`` as of ``Unusable``."""

    def __init__(self, code: str, sentence: str, /, **facts: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.facts: Mapping[str, object] = facts


class Difference(NamedTuple):
    """A field that changes; ``yes``, ``no`` and ``none`` stand for themselves."""

    name: str
    before: str
    after: str


class Step(NamedTuple):
    """What a row means.

    Attributes:
        text: said in words.
        do: how it is done; ``None`` = nothing would change.
        subject: whom or what the row means, as a list shows it.
        differences: what changes of something that is there; ``None`` = it is added.
    """

    text: str
    do: Callable[[], Awaitable[None]] | None = None
    subject: str = ""
    differences: Sequence[Difference] | None = None


Row = Mapping[str, str]
#: Of what stands in no column of the heads.
_BEYOND = ""
#: Says what a row means. Raises ``ValueError`` or ``CrisisError`` where it can't be used.
Plan = Callable[[Row], Awaitable[Step]]


def describe_columns(columns: Sequence[Column]) -> str:
    """Return the columns as text for ``--help``."""
    width = max(len(column.name) for column in columns)
    return "\n".join(
        f"  {column.name:<{width}}  {column.doc}{' (required)' if column.is_required else ''}"
        for column in columns
    )


def add_import(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    what: str,
    columns: Sequence[Column],
    run: Callable[[argparse.Namespace], Awaitable[Exit]],
) -> argparse.ArgumentParser:
    """Describe ``import FILE.csv`` of a group of commands."""
    parser = commands.add_parser(
        "import",
        help=f"add or change {what} from a CSV file",
        description=(
            f"Add or change {what} from a CSV file, a row each. A bad row is told with its number "
            "and reason, and\nthe rest goes on (exit code 1). Rows that would change nothing are "
            "passed over: the same file may\nbe imported again.\n\nThe file is UTF-8 with heads:\n"
            + describe_columns(columns)
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.set_defaults(run=run)
    return parser


class Outcome(NamedTuple):
    """What became of a row: changed, left as it was, or not usable for the reason in ``text``.

    Attributes:
        step: what it meant; ``None`` = it isn't usable.
        error: why it isn't; ``None`` = it is.
    """

    number: int
    kind: Literal["changed", "unchanged", "bad"]
    text: str
    step: Step | None = None
    error: CrisisError | ValueError | None = None


async def outcomes(
    rows: Iterable[tuple[int, Row]], columns: Sequence[Column], plan: Plan, *, dry_run: bool
) -> AsyncIterator[Outcome]:
    """Do what every row means, one after the other, and yield what became of it.

    Raises:
        Unavailable: the database is gone.
    """
    required = [column.name for column in columns if column.is_required]
    for number, row in rows:
        try:
            _require(row, required)
            step = await plan(row)
            if step.do is not None and not dry_run:
                await step.do()
        except Unavailable:
            raise
        except CrisisError as error:
            yield Outcome(number, "bad", explain(error), error=error)
        except ValueError as error:
            yield Outcome(number, "bad", str(error), error=error)
        else:
            kind: Literal["changed", "unchanged"] = "unchanged" if step.do is None else "changed"
            yield Outcome(number, kind, step.text, step)


async def import_rows(path: Path, columns: Sequence[Column], plan: Plan, *, dry_run: bool) -> Exit:
    """Do what every row of a file means, and say it.

    Raises:
        Usage: the file can't be read, or lacks a column.
        Unavailable: the database is gone.
    """
    done = unchanged = bad = 0
    # To its end first: a file that breaks off in the middle must not be half done.
    rows = list(read_rows(path, columns))
    async for number, kind, text, *_ in outcomes(rows, columns, plan, dry_run=dry_run):
        if kind == "bad":
            bad += 1
            warn(f"row {number}: {text}")
        elif kind == "unchanged":
            unchanged += 1
        else:
            done += 1
            say(f"row {number}: {'would ' if dry_run else ''}{text}")
    say(
        f"{done} {'to change' if dry_run else 'changed'}, {unchanged} unchanged, "
        f"{bad} could not be used."
    )
    return Exit.FAILED if bad else Exit.OK


def _require(row: Row, names: Sequence[str]) -> None:
    empty = [name for name in names if not row[name]]
    if empty:
        fields = ", ".join(empty)
        raise Unusable("row_field_empty", f"{fields} is empty", fields=fields)
    if row.get(_BEYOND):
        raise Unusable(
            "row_too_many_cells",
            "it has more cells than there are heads: is a comma in a cell without quotes?",
        )


def read_rows(path: Path, columns: Sequence[Column]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows by column name, each with its number in a spreadsheet; the heads are row 1.

    Raises:
        Usage: the file can't be read, or its columns are not those.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from rows_of(str(path), lines, columns)
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Usage(f"{path} isn't UTF-8; save it as CSV UTF-8.") from None


def rows_of(
    name: str, lines: Iterable[str], columns: Sequence[Column]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a file's lines; see ``read_rows``.

    Raises:
        BadFile: it isn't CSV, or its columns are not those.
    """
    try:
        # Strictly: a quote that is never closed would swallow all rows after it.
        yield from _rows(name, csv.reader(lines, strict=True), columns)
    except csv.Error as error:
        # csv's own words for a quote that is never closed say nothing to a person.
        fault = str(error).replace("unexpected end of data", "a cell's quotes are never closed")
        raise BadFile("file_not_csv", f"{name} isn't CSV: {fault}", fault=fault) from error


def _rows(
    name: str, table: Iterator[list[str]], columns: Sequence[Column]
) -> Iterator[tuple[int, dict[str, str]]]:
    heads = [head.strip().casefold() for head in next(table, [])]
    known = [column.name for column in columns]
    missing = [column.name for column in columns if column.is_required and column.name not in heads]
    # With the likely one: a column that is passed over is a fact that is lost.
    unknown = [asked_back(head, known) for head in heads if head and head not in known]
    twice = sorted(head for head in known if heads.count(head) > 1)
    if missing or unknown or twice:
        faults = [f"lacks {', '.join(missing)}"] if missing else []
        faults += [f"has unknown columns {', '.join(unknown)}"] if unknown else []
        faults += [f"has {', '.join(twice)} more than once"] if twice else []
        if missing and len(heads) == 1 and (";" in heads[0] or "\t" in heads[0]):
            faults.append("isn't separated by commas")
        raise BadFile(
            "file_columns",
            f"{name} {' and '.join(faults)}; its columns are: {', '.join(known)}.",
            missing=", ".join(missing) or "-",
            unknown=", ".join((*unknown, *twice)) or "-",
            known=", ".join(known),
        )
    for number, cells in enumerate(table, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        row = dict.fromkeys((*known, _BEYOND), "")
        for head, cell in zip_longest(heads, cells[: len(heads)], fillvalue=""):
            row[head] = (row[_BEYOND] if head == _BEYOND else "") + cell.strip()
        row[_BEYOND] += "".join(cells[len(heads) :]).strip()
        yield number, row


def split(text: str) -> tuple[str, ...]:
    """Return the parts of a cell that holds several, separated by semicolons or commas."""
    return tuple(part.strip() for part in text.replace(";", ",").split(",") if part.strip())


def yes_or_no(text: str, name: str) -> bool:
    """Return what a cell says.

    Raises:
        ValueError: neither yes nor no.
    """
    word = text.casefold()
    if word in ("yes", "y", "true", "1", "x"):
        return True
    if word in ("", "no", "n", "false", "0"):
        return False
    raise Unusable(
        "row_not_yes_or_no", f"{name}: {text} is neither yes nor no", field=name, value=text
    )
