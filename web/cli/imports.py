"""``import FILE.csv`` of a group of commands: reading the file, doing its rows, saying it.

Decides how an import looks at a terminal. How a file is read, what its rows mean and how they are
done is ``dispatch.run.imports``, for the pages under ``/admin`` as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from crisis.errors import Invalid
from dispatch.run.imports.rows import (
    AT_ONCE,
    Column,
    Outcome,
    Plan,
    Row,
    carry_out,
    prepare,
    rows_of,
    text_of,
)
from dispatch.sheets.order import Settled, settle
from dispatch.sheets.times import Order
from web.cli.text import Exit, Usage, say, warn


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
    *,
    has_days: bool = False,
) -> argparse.ArgumentParser:
    """Describe ``import FILE.csv`` of a group of commands."""
    parser = commands.add_parser(
        "import",
        help=f"add or change {what} from a CSV file",
        description=(
            f"Add or change {what} from a CSV file, a row each. A bad row is told with its number "
            "and reason, and\nthe rest goes on (exit code 1). Rows that would change nothing are "
            "passed over: the same file may\nbe imported again.\n\nThe file has heads, and cells "
            "separated by commas, semicolons, tabs or bars, in UTF-8, UTF-16 or\nWindows-1252. A "
            "head that is none of these is refused:\n" + describe_columns(columns)
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    if has_days:
        days_flag(parser)
    parser.set_defaults(run=run)
    return parser


def days_flag(parser: argparse.ArgumentParser) -> None:
    """Offer to say how days that are all numbers are meant."""
    parser.add_argument(
        "--days",
        type=Order,
        choices=list(Order),
        metavar="{month-first,day-first}",
        help="how 6/7/2026 is meant (default: as the file's other days show; else month first, "
        "and that is said)",
    )


class ImportedFile:
    """A file that is to be imported, read to its end: what breaks off must not be half done.

    Attributes:
        rows: with their numbers.
    """

    def __init__(self, args: argparse.Namespace, columns: Sequence[Column]) -> None:
        """Raises ``Usage``: it can't be read, or its columns are not those."""
        path: Path = args.file
        self._columns = columns
        self._given: Order | None = getattr(args, "days", None)
        self._is_dry_run: bool = args.dry_run
        try:
            text, note = text_of(path.read_bytes())
            self.rows: list[tuple[int, Row]] = list(rows_of(str(path), text, columns))
        except OSError as error:
            raise Usage(f"{path} can't be read: {error.strerror}") from error
        except Invalid as error:
            where = "" if str(path) in error.detail else f"{path}: "
            raise Usage(f"{where}{error.detail}") from error
        if note:
            warn(f"Note: {note}.")

    def order(self, names: Sequence[str]) -> Order:
        """Return whether days have their month or their day first, and say where that is a guess.

        Args:
            names: the columns that hold days.
        """
        told = ((number, row[name]) for number, row in self.rows for name in names)
        try:
            found: Settled = settle(told, self._given)
        except Invalid as error:
            raise Usage(f"{error.detail} See --days.") from error
        if found.is_guessed:
            warn("Note: days like 6/7/2026 are read with their month first; else say --days.")
        return found.order

    async def carry_out(self, plan: Plan, at_once: int = AT_ONCE) -> Exit:
        """Do what every row means, and say it.

        Raises:
            Unavailable: the database is gone.
        """
        prepared = prepare(self.rows, self._columns, plan)
        counts = dict.fromkeys(("changed", "unchanged", "bad"), 0)
        if self._is_dry_run:
            for one in prepared:
                counts[one.kind] += 1
                _tell(one, "would ")
        else:
            async for one in carry_out(prepared, at_once):
                counts[one.kind] += 1
                _tell(one, "")
        say(
            f"{len(self.rows)} rows read: {counts['changed']} "
            f"{'to change' if self._is_dry_run else 'changed'}, {counts['unchanged']} unchanged, "
            f"{counts['bad']} could not be used."
        )
        return Exit.FAILED if counts["bad"] else Exit.OK


def _tell(one: Outcome, would: str) -> None:
    if one.kind == "bad":
        warn(f"row {one.number}: {one.text}")
        return
    if one.kind == "changed":
        say(f"row {one.number}: {would}{one.text}")
    for mind in one.step.minds if one.step is not None else ():
        warn(f"row {one.number}: mind: {mind.sentence}")
