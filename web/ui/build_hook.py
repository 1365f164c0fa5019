"""Builds the pages within ``pip install``, where the built files are missing or stale.

Node is asked for as a build requirement only then, so that an install from a source package, which
ships the built files, needs nothing but Python. A build that fails fails the install.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The hook is loaded by its path, before the project can be imported.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from web.ui import build

sys.path.pop(0)


class UiBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is hatch's own
    """Called by hatchling for wheels, source packages and editable installs."""

    def dependencies(self) -> list[str]:
        """Return what the build environment needs beside hatchling."""
        return [] if build.is_fresh() else [build.NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the built files up to date; raises ``BuildError``, which ends the install."""
        build.build(prune=version != "editable")
