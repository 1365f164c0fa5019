"""Checks the pages: ``python -m web.ui.check``; needs no Node on the machine.

The words of every language, types (strict, unused things included), the generated wire types, the
unit tests under Node's own runner, and how much script each page loads before its first screen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from web.ui import build, message_files, wire_types

#: Bytes, gzipped, that a page may load before its first screen; other pages: the largest of them.
BUDGETS = {"phone": 90_000, "board": 120_000}


def _words() -> str | None:
    return "; ".join(message_files.write()) or None


def _types() -> str | None:
    projects = (".", "src/sw", "tests")
    tsc = build.UI / "node_modules" / "typescript" / "bin" / "tsc"
    failed = [project for project in projects if build.run_node(tsc, "-p", project)]
    return f"the types don't hold in {', '.join(failed)}" if failed else None


def _wire() -> str | None:
    return "src/wire.ts is stale" if wire_types.main(["--check"]) else None


def _tests() -> str | None:
    tests = sorted((build.UI / "tests").glob("*.test.ts"))
    status = build.run_node("--test", "--test-reporter=dot", *tests)
    return "unit tests fail" if status else None


def _sizes() -> str | None:
    build.build()
    known = build.manifest()
    if known is None:
        return "there is no build"
    most = max(BUDGETS.values())
    heavy = [
        f"{name} loads {page['initial_js_gzip']} bytes before its first screen"
        for name, page in known["pages"].items()
        if page["initial_js_gzip"] > BUDGETS.get(name, most)
    ]
    return "; ".join(heavy) or None


CHECKS: tuple[tuple[str, Callable[[], str | None]], ...] = (
    ("words", _words),
    ("wire types", _wire),
    ("types", _types),
    ("tests", _tests),
    ("sizes", _sizes),
)


def main() -> int:
    """Run all checks and say what failed."""
    try:
        build.install_packages(dev=True)
        problems = [(name, problem) for name, check in CHECKS if (problem := check()) is not None]
    except build.BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, problem in problems:
        print(f"{name}: {problem}", file=sys.stderr)
    if not problems:
        print("The pages' types, tests and sizes are in order.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
