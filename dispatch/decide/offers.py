"""Being written."""

from __future__ import annotations

from collections.abc import Mapping

from crisis.commands import Command
from dispatch.decide.context import Handler

HANDLERS: Mapping[type[Command], Handler] = {}
