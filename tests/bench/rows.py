"""One line of a benchmark's report.

Decides how a measurement, its floor and its target stand beside each other. Must not know how
anything is measured.
"""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A measured value, judged against a floor measured in the same run, or a fixed target."""

    #: What was measured and under which load, in words.
    name: str
    #: Unit of ``value`` and ``floor``.
    unit: str
    value: float
    #: The same work done by the barest program that can do it, in this run; None = no such thing.
    floor: float | None
    #: ``value / floor``; None without a floor.
    ratio: float | None
    #: What must hold, as a reader would write it: ``"ratio <= 1.5"``, ``">= 100000"``.
    target: str
    met: bool
