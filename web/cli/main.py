"""The command line: what can be asked, and how every outcome ends.

Decides the commands' tree and the process's exit code. One of the three places that catch every
exception: a person at a shell gets one line that says what to do, never a traceback, unless they
ask for one with CRISIS_LOG_LEVEL=debug.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

import uvloop

from crisis.errors import CrisisError, Unavailable
from crisis.names import asked_back
from dispatch.run.config import SettingsError
from dispatch.run.supervise import describe
from web.cli import (
    accounts,
    audit,
    counties,
    demo,
    doctor,
    incidents,
    replay,
    report,
    roster,
    serve,
    shifts,
)
from web.cli.text import Exit, Usage, explain, warn

DESCRIPTION = """\
Dispatch and tracking for a county's mobile crisis teams.

First steps:
  crisis-dispatch demo                look at it: a made-up county at work, sign-ins printed
  crisis-dispatch serve --seed        try it: a made-up county, with nobody in it but you
  crisis-dispatch doctor              check settings, database, clock, disk and keys
  crisis-dispatch county add Alameda  begin with a county of your own, then:
  crisis-dispatch user add ana --county Alameda --role dispatcher

Every command has its own --help. Settings come from CRISIS_... variables, DATABASE_URL, and
crisis.toml in the working directory (or the file that CRISIS_CONFIG names).
"""
EPILOG = """\
exit codes: 0 done; 1 failed, or some rows of a file could not be used; 2 wrong usage or settings;
3 refused: not permitted, or not possible now
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line; the commands below it are of its class too.

    A flag is said in full: one that nobody knows is refused with the likely one, and never taken
    for another that begins like it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "allow_abbrev": False})

    def parse_known_args(  # type: ignore[override]  # the base's overloads say the same
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, rest = super().parse_known_args(args, namespace)
        flags = [one.partition("=")[0] for one in rest if one.startswith("-")]
        if flags:
            known = self._option_string_actions
            self.error(f"no such flag: {', '.join(asked_back(flag, known) for flag in flags)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())
        warn(f"{self.prog}: {line}; see {self.prog} --help")
        raise SystemExit(int(Exit.USAGE))


def parser() -> argparse.ArgumentParser:
    """Return the whole tree of commands."""
    top = _Parser(
        prog="crisis-dispatch",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (
        demo,
        serve,
        accounts,
        counties,
        roster,
        shifts,
        replay,
        report,
        audit,
        incidents,
        doctor,
    ):
        module.add(commands)
    return top


def _version() -> str:
    try:
        return f"crisis-dispatch {version('crisis-dispatch')}"
    except PackageNotFoundError:
        return "crisis-dispatch (not installed)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the process's exit code."""
    args = parser().parse_args(arguments)
    _quiet_logs()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return int(runner.run(args.run(args)))
    except Usage as error:
        return _told(error, str(error), Exit.USAGE)
    except SettingsError as error:
        return _told(error, str(error), Exit.USAGE)
    except Unavailable as error:
        return _told(error, explain(error), Exit.FAILED)
    except CrisisError as error:
        return _told(error, explain(error), Exit.REFUSED)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except KeyboardInterrupt:
        return _told(None, "Stopped.", Exit.FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _told(error, f"{where}{error.strerror or error}", Exit.FAILED)
    except Exception as error:
        return _told(
            error,
            f"This is a fault of the program ({describe(error)}). Run it again with "
            "CRISIS_LOG_LEVEL=debug to see where, and report it.",
            Exit.FAILED,
        )


def _told(error: BaseException | None, line: str, code: Exit) -> int:
    if error is not None and os.environ.get("CRISIS_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
    warn(f"crisis-dispatch: {line}")
    return int(code)


def _quiet_logs() -> None:
    """Keep libraries' warnings off the terminal; ``serve`` sets logging up as it is configured."""
    logging.lastResort = logging.NullHandler()
