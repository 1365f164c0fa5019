"""Importing a file row by row: what a row would do, doing it, and telling what was not done.

Decides how a file is read, that a bad row never stops the others, and that what is done is what was
prepared. Preparing is pure and goes row by row, so that it can run beside the service's loop and be
stopped between any two. Must not know what the rows are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import islice, zip_longest
from typing import Literal, NamedTuple

from crisis.errors import CrisisError, Invalid, Unavailable
from crisis.names import asked_back
from dispatch.sheets import cells
from dispatch.sheets.table import check_bytes, columns_of, table_of
from dispatch.sheets.text import decoded

#: Rows done at once: written together, and not so many that others' commands wait long for them.
AT_ONCE = 16


class Column(NamedTuple):
    """A column of a file, as ``--help`` shows it.

    Attributes:
        others: other names of it, as ``sheets.table.plain`` writes them.
        is_name: what somebody or something is called; "None" and "NA" may be names.
    """

    name: str
    doc: str
    is_required: bool = False
    others: tuple[str, ...] = ()
    is_name: bool = False


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


class Difference(NamedTuple):
    """A field that changes; ``yes``, ``no`` and ``none`` stand for themselves."""

    name: str
    before: str
    after: str


class Mind(NamedTuple):
    """What somebody should know of a row that is done all the same.

    Attributes:
        code: for other languages than English.
    """

    code: str
    sentence: str
    facts: Mapping[str, object] = {}


class Step(NamedTuple):
    """What a row means.

    Attributes:
        text: said in words.
        do: how it is done; ``None`` = nothing would change.
        subject: whom or what the row means, as a list shows it.
        differences: what changes of something that is there; ``None`` = it is added.
        minds: what to look at, though it is no fault.
    """

    text: str
    do: Callable[[], Awaitable[None]] | None = None
    subject: str = ""
    differences: Sequence[Difference] | None = None
    minds: Sequence[Mind] = ()


Row = Mapping[str, str]
#: Of what stands in no column of the heads.
_BEYOND = ""
#: Says what a row means. Raises ``ValueError`` or ``CrisisError`` where it can't be used.
Plan = Callable[[Row], Step]
#: Told how many rows are prepared; may raise, and so stop it.
Progress = Callable[[int], None]


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


def prepare(
    rows: Iterable[tuple[int, Row]],
    columns: Sequence[Column],
    plan: Plan,
    progress: Progress = lambda done: None,
) -> list[Outcome]:
    """Return what every row would do, each on the ground of those before it.

    Raises:
        Invalid: the file breaks off in the middle, or is too long: none of it must be done.
    """
    required = [column.name for column in columns if column.is_required]
    found = []
    for done, (number, row) in enumerate(rows):
        progress(done)
        try:
            _require(row, required)
            step = plan(row)
        except (CrisisError, ValueError) as error:
            found.append(_bad(number, error))
        else:
            kind: Literal["changed", "unchanged"] = "unchanged" if step.do is None else "changed"
            found.append(Outcome(number, kind, step.text, step))
    return found


async def do_one(row: Row, columns: Sequence[Column], plan: Plan) -> Step:
    """Do what one row means, prepared as a file's rows are; returns what it was.

    Raises:
        ValueError, CrisisError: it can't be used, or is refused.
    """
    [one] = prepare([(1, row)], columns, plan)
    if one.step is None:
        raise one.error or AssertionError("a row without a step has an error")
    if one.step.do is not None:
        await one.step.do()
    return one.step


async def carry_out(prepared: Iterable[Outcome], at_once: int = AT_ONCE) -> AsyncIterator[Outcome]:
    """Do what was prepared, in order, and yield what became of each row.

    Args:
        at_once: so many are begun before the first of them is waited for.

    Raises:
        Unavailable: the database is gone.
    """
    rest = iter(prepared)
    while some := list(islice(rest, at_once)):
        for outcome in await asyncio.gather(*(_done(one) for one in some)):
            yield outcome


async def _done(one: Outcome) -> Outcome:
    if one.step is None or one.step.do is None:
        return one
    try:
        await one.step.do()
    except Unavailable:
        raise
    except (CrisisError, ValueError) as error:
        return _bad(one.number, error)
    return one


def _bad(number: int, error: CrisisError | ValueError) -> Outcome:
    text = str(error)
    if isinstance(error, CrisisError):
        problems = error.facts.get("problems")
        listed = problems if isinstance(problems, list | tuple) else ()
        text = f"{error.detail} {'; '.join(map(str, listed))}".strip()
    return Outcome(number, "bad", text, error=error)


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


def text_of(content: bytes) -> tuple[str, str]:
    """Return the text of a file, and what must be said of how it was read.

    Raises:
        Invalid: it is no text, or too long.
    """
    check_bytes(len(content))
    return decoded(content)


def rows_of(
    name: str, text: str, columns: Sequence[Column]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a text by column name, each with its number; the heads are row 1.

    Args:
        name: how the file is called in a refusal.

    Raises:
        Invalid: it isn't CSV, its columns are not those, or it is too long.
    """
    known = [column.name for column in columns]
    others = {other: column.name for column in columns for other in column.others}
    table = table_of(text, {*known, *others})
    heads = columns_of(table.heads, known, others)
    missing = [c.name for c in columns if c.is_required and c.name not in heads.places]
    unknown = [asked_back(head, known) for head in heads.unknown]
    if missing or unknown or heads.twice:
        faults = [f"lacks {', '.join(missing)}"] if missing else []
        faults += [f"has unknown columns {', '.join(unknown)}"] if unknown else []
        faults += [f"has {', '.join(heads.twice)} more than once"] if heads.twice else []
        raise Invalid(
            "file_columns",
            f"{name} {' and '.join(faults)}; its columns are: {', '.join(known)}.",
            missing=", ".join(missing) or "-",
            unknown=", ".join((*unknown, *heads.twice)) or "-",
            known=", ".join(known),
        )
    names = frozenset(column.name for column in columns if column.is_name)
    places = {place: column for column, place in heads.places.items()}
    for number, found in table.rows:
        row = dict.fromkeys((*known, _BEYOND), "")
        width = len(table.heads)
        for place, cell in zip_longest(range(width), found[:width], fillvalue=""):
            column = places.get(place) if isinstance(place, int) else None
            if column is None:
                row[_BEYOND] += cells.tidy(cell)
            else:
                row[column] = cells.tidy(cell) if column in names else cells.told(cell)
        row[_BEYOND] += "".join(found[width:]).strip()
        yield number, row


def split(text: str) -> tuple[str, ...]:
    """Return the parts of a cell that holds several, separated by semicolons, commas or bars."""
    plain = text.replace(";", ",").replace("|", ",")
    return tuple(part.strip() for part in plain.split(",") if part.strip())


def yes_or_no(text: str, name: str) -> bool:
    """Return what a cell says.

    Raises:
        Unusable: neither yes nor no.
    """
    said = cells.yes_or_no(text)
    if said is None:
        raise Unusable(
            "row_not_yes_or_no", f"{name}: {text} is neither yes nor no", field=name, value=text
        )
    return said
