"""How the command line speaks: exit codes, lines on stderr, tables, passwords.

Decides what an error looks like to whoever typed the command: one line that says what to do. Must
not know what any command does.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from enum import IntEnum
from pathlib import Path

from crisis.errors import CrisisError
from dispatch.store.errors import ConnectionLost
from dispatch.store.passwords import new_password


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    #: it was tried and did not succeed, or rows of a file could not be used
    FAILED = 1
    #: it was asked for in the wrong way, or a setting is wrong
    USAGE = 2
    #: understood, but not permitted or not possible now
    REFUSED = 3


class Usage(Exception):
    """The command can't be meant so; the text says what to write instead."""


@contextmanager
def as_usage() -> Iterator[None]:
    """Turn what a value lacks into what the command line lacks."""
    try:
        yield
    except ValueError as error:
        raise Usage(str(error)) from error


def say(text: str) -> None:
    """Write a line to stdout."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Write a line to stderr."""
    print(text, file=sys.stderr, flush=True)


def explain(error: CrisisError) -> str:
    """Return a refusal as one line, with the further problems that it names."""
    if isinstance(error, ConnectionLost) and (error.unknown_outcome or error.code in _UNREACHED):
        return _explain_lost(error)
    problems = error.facts.get("problems")
    if isinstance(problems, list | tuple):
        return f"{error.detail} {'; '.join(str(problem) for problem in problems)}"
    return error.detail


#: What is told of with the system's own words: they say more than ours.
_UNREACHED = frozenset({"database_connection_lost", "database_silent", "database_unreachable"})


def _explain_lost(error: ConnectionLost) -> str:
    """Say what a person at a shell can do; pages, which try again, are told otherwise."""
    if error.unknown_outcome:
        return (
            "The connection to the database broke; look whether this was done before you repeat it."
        )
    cause = error.__cause__
    if isinstance(cause, TimeoutError):
        why: str | None = "its host does not answer"
    elif isinstance(cause, OSError) and cause.strerror:
        why = cause.strerror
    else:
        why = type(cause).__name__ if cause else None
    return (
        f"The database can't be reached{f' ({why})' if why else ''}. Is PostgreSQL running where "
        "DATABASE_URL says?"
    )


def columns(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows below their heads, each column as wide as it must be."""
    cells = [[str(head).upper() for head in heads]]
    cells += [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def file_text(path: Path) -> str:
    """Return what a file says; as editors on Windows save it, too: with a byte order mark.

    Raises:
        Usage: it can't be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Usage(f"{path} isn't UTF-8.") from None


def day_of_text(text: str) -> date:
    """Return a day as it is typed, for ``argparse``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day; write it like 2026-07-01") from None


def password_from(file: Path | None, *, generate: bool) -> tuple[str, bool]:
    """Return a new password, and whether it was generated and must be shown once.

    Raises:
        Usage: nobody is there to be asked, or what was typed twice differs.
    """
    if generate:
        return new_password(), True
    if file is not None:
        try:
            return file.read_text(encoding="utf-8-sig").rstrip("\r\n"), False
        except OSError as error:
            raise Usage(f"{file} can't be read: {error.strerror}") from error
        except UnicodeDecodeError:
            # Not in the error's words, which quote what is in the file.
            raise Usage(f"{file} isn't UTF-8.") from None
    if not sys.stdin.isatty():
        raise Usage("Nobody can be asked for a password here: use --password-file or --generate.")
    first = getpass.getpass("New password (empty: make one): ")
    if not first:
        return new_password(), True
    if getpass.getpass("Again: ") != first:
        raise Usage("The two passwords differ.")
    return first, False
