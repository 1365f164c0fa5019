"""One line of a benchmark's report.

Every measurement is judged by its ratio to a floor measured in the same run, so that a target means
the same on any machine and in any mood of it. Must not know how anything is measured.
"""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A measured value, judged against a floor measured in the same run."""

    #: What was measured and under which load, in words; what the floor is, where it isn't plain.
    name: str
    #: Unit of ``value`` and ``floor``.
    unit: str
    value: float
    #: The same work done by the barest program that can do it, in this run.
    floor: float
    #: ``value / floor``.
    ratio: float
    #: What must hold of the ratio, as a reader would write it: ``"<= 1.5"``.
    target: str
    met: bool


def at_most(times: float, name: str, unit: str, value: float, floor: float) -> Row:
    """Return a row whose value may be ``times`` its floor."""
    ratio = value / floor
    return Row(
        name=name,
        unit=unit,
        value=value,
        floor=floor,
        ratio=ratio,
        target=f"<= {times:g}",
        met=ratio <= times,
    )


def at_least(times: float, name: str, unit: str, value: float, floor: float) -> Row:
    """Return a row whose value must be ``times`` its floor."""
    ratio = value / floor
    return Row(
        name=name,
        unit=unit,
        value=value,
        floor=floor,
        ratio=ratio,
        target=f">= {times:g}",
        met=ratio >= times,
    )
