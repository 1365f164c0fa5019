"""``python -m tests.bench [name ...] [--quick] [--json]``: every measurement beside its floor.

Each bench is run by a process of its own, one after the other, so that none disturbs another.
A target is a ratio to the floor of the same run. Exits with 0 whether or not they are met, and
with 1 if a bench itself failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module

import msgspec

from tests.bench import children
from tests.bench.rows import Row

#: Name → what it measures; each is a module beside this one with ``run(quick)``.
BENCHES = {
    "commands": "commands through the service, without HTTP",
    "ranking": "ranking 2,000 teams with reasons",
    "fanout": "fan-out to 1,000 sockets, and what a socket weighs",
    "accept": "from an accept until 200 screens show it",
    "cycles": "dispatch cycles over HTTP, beside a million closed incidents too; cold start",
    "positions": "durable fixes, without HTTP",
    "posts": "durable fixes over HTTP",
    "replay": "a log of two thousand calls replayed",
    "beside": "how late the loop turns while a file of 60,000 rows is gone through",
    "memory": "idle sockets and a large board",
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure the service against floors and targets.",
        epilog="Benches: " + "; ".join(f"{name} ({what})" for name, what in BENCHES.items()),
    )
    parser.add_argument("names", nargs="*", metavar="name", help="benches to run; none = all")
    parser.add_argument("--quick", action="store_true", help="a glance: shorter, less steady")
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in given.names:
        if name not in BENCHES:
            parser.error(f"unknown bench {name}; there are {', '.join(BENCHES)}")
    return given


def _alone(name: str, quick: bool) -> None:
    """Run one bench in this process and print its rows as JSON."""
    children.allow_sockets(16_384)
    rows: list[Row] = []

    async def whole() -> None:
        rows.extend(await import_module(f"tests.bench.{name}").run(quick))

    children.run(whole)
    sys.stdout.write(msgspec.json.encode(rows).decode())


def _apart(name: str, quick: bool) -> list[Row] | None:
    """Run one bench in a process of its own; ``None`` = it failed."""
    command = [sys.executable, "-m", "tests.bench", name, "--alone"]
    done = subprocess.run([*command, *(["--quick"] if quick else [])], stdout=subprocess.PIPE)
    if done.returncode != 0:
        return None
    return msgspec.json.decode(done.stdout, type=list[Row])


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text in columns."""
    cells = [("measured", "value", "floor", "ratio", "target", "met")]
    cells += [
        (
            row.name,
            f"{_number(row.value)} {row.unit}",
            _number(row.floor),
            _number(row.ratio),
            row.target,
            "yes" if row.met else "NO",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def main() -> int:
    """Run what was asked for."""
    given = _arguments()
    if given.alone:
        _alone(given.names[0], given.quick)
        return 0
    rows: list[Row] = []
    failed = []
    for name in given.names or BENCHES:
        begun = time.monotonic()
        got = _apart(name, given.quick)
        took = f"{time.monotonic() - begun:.0f} s, load average {os.getloadavg()[0]:.1f}"
        print(f"{name}: {'failed' if got is None else 'done'} ({took})", file=sys.stderr)
        if got is None:
            failed.append(name)
        else:
            rows += got
    print(msgspec.json.encode(rows).decode() if given.json else table(rows))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
