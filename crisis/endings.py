"""How one person's encounter ended, and what fits it: hold, transport, destination, plan.

Decides by the words that the code sets have beside each disposition (``must``, ``may``, ``never``),
which pages read as well; so desk, phone and service can't disagree. Must not know who sends what.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from crisis.codes import Code
from crisis.shapes import Value


class Fit(StrEnum):
    """How a field stands to an ending."""

    MUST = "must"
    MAY = "may"
    NEVER = "never"


class Asked(StrEnum):
    """When a field must be told."""

    ALWAYS = "always"
    OF_THE_MET = "of_the_met"
    BY_ENDING = "by_ending"


class Field(Value, frozen=True, kw_only=True):
    """A field of an encounter that an ending may ask for or exclude.

    Attributes:
        set: the code set of its answers; "" = it has none.
        flag: with it an answer says that it is so (a hold is one, a transport took place); "" =
            every answer does.
        asked: when it must be told, beside where the ending says that it belongs to it; unless the
            ending excludes it.
    """

    set: str = ""
    flag: str = ""
    asked: Asked = Asked.BY_ENDING


#: By name, in the order in which they are asked for. Pages have the same.
FIELDS: Mapping[str, Field] = {
    "contacted": Field(asked=Asked.ALWAYS),
    "plan": Field(set="safety_plan", asked=Asked.OF_THE_MET),
    "hold": Field(set="hold_type", flag="involuntary"),
    "transport": Field(set="transport_mode", flag="transported"),
    "destination": Field(),
    "law_enforcement": Field(set="law_enforcement_role", flag="present"),
}


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


def missing(disposition: Code | None, said: Mapping[str, bool | None]) -> tuple[str, ...]:
    """Return the fields that must be told and that nobody has; ``None`` = no ending is known."""
    return tuple(
        name
        for name, field in FIELDS.items()
        if said.get(name) is None and _is_asked(disposition, name, field, said)
    )


def _is_asked(
    disposition: Code | None, name: str, field: Field, said: Mapping[str, bool | None]
) -> bool:
    stands = fit(disposition, name) if disposition is not None else Fit.MAY
    if stands is not Fit.MAY:
        return stands is Fit.MUST
    return field.asked is Asked.ALWAYS or (
        field.asked is Asked.OF_THE_MET and said.get("contacted") is True
    )
