"""What a screening suggests: how soon, what the person needs, whom to ask beside a team.

Decides by the attributes of the codes alone, so that a county reads and changes them where the
words stand; the dispatcher decides. A threat to life proposes 911 or EMS before anything else. Must
not know what was decided, nor who may be sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from crisis.codes import Code, CodeSets
from crisis.shapes import Value
from crisis.triage import ACUITY_ORDER, Acuity, Answer, Hazard

#: Declared by a code's set; see the head of ``data/codes_intake.toml``.
_LIFE_THREAT = "life_threat"


class PartnerAdvice(Value, frozen=True, kw_only=True):
    """A partner that should be asked.

    Attributes:
        is_life_threat: before anything else.
        met_by: kinds of partner of which any, once asked, answers it.
    """

    kind: str
    reason: str
    is_life_threat: bool = False
    met_by: tuple[str, ...] = ()


class Suggestion(Value, frozen=True, kw_only=True):
    """What follows from what is known; empty = nothing does.

    Attributes:
        version: of the code sets that it follows from.
        acuity: the most pressing one; ``None`` = none is suggested.
        partners: whom to ask, threats to life first.
        asks: codes of what must still be seen to.
        because: the codes behind it, each with its set: ``risk_item.suicide_intent``.
    """

    version: str = ""
    acuity: Acuity | None = None
    needs: tuple[str, ...] = ()
    partners: tuple[PartnerAdvice, ...] = ()
    asks: tuple[str, ...] = ()
    because: tuple[str, ...] = ()

    @property
    def is_life_threat(self) -> bool:
        """Whether somebody may die: 911 or EMS is asked first."""
        return any(advice.is_life_threat for advice in self.partners)

    def is_more_pressing_than(self, acuity: Acuity | None) -> bool:
        """Whether it asks for a team sooner than ``acuity`` does."""
        if self.acuity is None:
            return False
        return acuity is None or ACUITY_ORDER[self.acuity] < ACUITY_ORDER[acuity]

    def unasked(self, kinds: Iterable[str]) -> tuple[PartnerAdvice, ...]:
        """Return the partners that are still to be asked; ``kinds``: those asked already."""
        asked = frozenset(kinds)
        return tuple(advice for advice in self.partners if asked.isdisjoint(advice.met_by))


def suggest(
    codes: CodeSets,
    *,
    screening: Mapping[str, Answer],
    hazards: Sequence[Hazard] = (),
    concerns: Sequence[str] = (),
    location_types: Sequence[str] = (),
    referral_sources: Sequence[str] = (),
) -> Suggestion:
    """Return what follows from what was answered and told.

    Of the risk items only those answered yes count: what is unknown suggests nothing by itself,
    and is shown as unknown. Codes that no list knows (any more) suggest nothing.
    """
    found = _known(codes, screening, hazards, concerns, location_types, referral_sources)
    speaking = [code for code in found if code.attributes]
    acuities = [Acuity(code.attributes["acuity"]) for code in found if "acuity" in code.attributes]
    return Suggestion(
        version=codes.catalogue.version if speaking else "",
        acuity=min(acuities, key=ACUITY_ORDER.__getitem__, default=None),
        needs=_each(found, "need"),
        partners=_partners(found, codes),
        asks=_each(found, "ask"),
        because=tuple(dict.fromkeys(f"{code.set}.{code.code}" for code in speaking)),
    )


def _known(
    codes: CodeSets,
    screening: Mapping[str, Answer],
    hazards: Sequence[Hazard],
    concerns: Sequence[str],
    location_types: Sequence[str],
    referral_sources: Sequence[str],
) -> list[Code]:
    """Return the codes that hold, each with the hazard that it implies."""
    named = [
        *(("risk_item", item) for item, answer in screening.items() if answer is Answer.YES),
        *(("hazard", hazard.code) for hazard in hazards),
        *(("crisis_type", concern) for concern in concerns),
        *(("location_type", kind) for kind in location_types),
        *(("referral_source", source) for source in referral_sources),
    ]
    found = [code for one in named if (code := codes.find(*one)) is not None]
    implied = [codes.find("hazard", code.attributes.get("hazard", "")) for code in found]
    return [*found, *(code for code in implied if code is not None)]


def _each(found: Iterable[Code], attribute: str) -> tuple[str, ...]:
    values = (code.attributes[attribute] for code in found if attribute in code.attributes)
    return tuple(dict.fromkeys(values))


def _partners(found: Sequence[Code], codes: CodeSets) -> tuple[PartnerAdvice, ...]:
    advice: dict[str, PartnerAdvice] = {}
    # Threats to life first: whoever is proposed for one is proposed for that reason.
    for code in sorted(found, key=lambda code: _LIFE_THREAT not in code.flags):
        kind = code.attributes.get("partner")
        if kind is None or kind in advice:
            continue
        threat = _LIFE_THREAT in code.flags
        advice[kind] = PartnerAdvice(
            kind=kind,
            reason=code.attributes["reason"],
            is_life_threat=threat,
            met_by=_met_by(kind, codes, threat),
        )
    return tuple(advice.values())


def _met_by(kind: str, codes: CodeSets, threat: bool) -> tuple[str, ...]:
    """Return which partners answer it: for a threat to life, all who save lives."""
    saving = (one.code for one in codes["partner_kind"] if "life_saving" in one.flags)
    return tuple(dict.fromkeys((kind, *(saving if threat else ()))))
