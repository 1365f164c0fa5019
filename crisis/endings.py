"""How one person's encounter ended, and what fits it: hold, transport, destination, plan.

Decides by the words that the code sets have beside each disposition (``must``, ``may``, ``never``),
which pages read as well; so desk, phone and service can't disagree. Must not know who sends what.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from crisis.codes import Code


class Fit(StrEnum):
    """How a field stands to an ending."""

    MUST = "must"
    MAY = "may"
    NEVER = "never"


#: Of an encounter, what an ending may ask for or exclude.
FIELDS = ("contacted", "hold", "transport", "destination", "plan", "law_enforcement")


def fit(disposition: Code, field: str) -> Fit:
    """Return how a field stands to an ending; what its code doesn't name may be, or not."""
    return Fit(disposition.attributes.get(field, Fit.MAY.value))


def contradictions(disposition: Code, said: Mapping[str, bool | None]) -> tuple[str, ...]:
    """Return the fields that can't be true together with the ending.

    ``said``: field → whether it is so; ``None`` = not said, which contradicts nothing.
    """
    clash = {Fit.MUST: False, Fit.NEVER: True}
    return tuple(
        field
        for field in FIELDS
        if said.get(field) is not None and said[field] is clash.get(fit(disposition, field))
    )


def missing(disposition: Code, said: Mapping[str, bool | None]) -> tuple[str, ...]:
    """Return the fields that the ending asks for and that nobody has told."""
    return tuple(
        field for field in FIELDS if said.get(field) is None and fit(disposition, field) is Fit.MUST
    )
