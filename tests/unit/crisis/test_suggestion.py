"""What a screening suggests: by the codes' own attributes, threats to life first."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from crisis.codes import CountyCode, code_sets, packaged, with_county
from crisis.suggestion import Suggestion, suggest
from crisis.triage import ACUITY_ORDER, Acuity, Answer, Hazard

CODES = code_sets(date(2026, 11, 22))
YES, NO, UNKNOWN, NOT_ASKED = Answer.YES, Answer.NO, Answer.UNKNOWN, Answer.NOT_ASKED


def of(**screening: Answer) -> Suggestion:
    return suggest(CODES, screening=screening)


@pytest.mark.parametrize("item", sorted(CODES["risk_item"].with_flag("life_threat")))
def test_a_threat_to_life_is_emergent_and_asks_for_911_or_ems_before_anything_else(
    item: str,
) -> None:
    found = of(**{"on_tribal_land_first": NO, "tribal_land": YES, item: YES})
    assert found.is_life_threat and found.acuity is Acuity.EMERGENT
    first, *others = found.partners
    assert first.is_life_threat and {"psap_911", "ems"} <= set(first.met_by)
    assert [other.kind for other in others] == ["tribal_authority"]


@pytest.mark.parametrize("hazard", sorted(CODES["hazard"].with_flag("life_threat")))
def test_a_hazard_that_somebody_typed_is_a_threat_to_life_as_well(hazard: str) -> None:
    found = suggest(CODES, screening={}, hazards=(Hazard(code=hazard),))
    assert found.is_life_threat and found.partners[0].is_life_threat


@pytest.mark.parametrize("answer", [NO, UNKNOWN, NOT_ASKED])
def test_only_a_yes_suggests_anything(answer: Answer) -> None:
    assert suggest(CODES, screening=dict.fromkeys(_items(), answer)) == Suggestion()


def test_any_of_those_who_save_lives_answers_a_threat_and_nobody_else_does() -> None:
    found = of(suicide_attempt_now=YES)
    for kind in CODES["partner_kind"]:
        is_met = "life_saving" in kind.flags
        assert (found.unasked([kind.code]) == ()) == is_met, kind.code


def test_the_most_pressing_answer_sets_the_acuity() -> None:
    assert of(suicidal_ideation=YES).acuity is Acuity.URGENT
    assert of(suicidal_ideation=YES, suicide_intent=YES).acuity is Acuity.EMERGENT
    assert of(animals=YES).acuity is None


def test_more_is_never_less_pressing() -> None:
    for first, second in product(_items(), repeat=2):
        one, both = of(**{first: YES}), of(**{first: YES, second: YES})
        if one.acuity is not None:
            assert both.acuity is not None
            assert ACUITY_ORDER[both.acuity] <= ACUITY_ORDER[one.acuity]
        assert set(one.needs) <= set(both.needs)
        assert {a.kind for a in one.partners} <= {a.kind for a in both.partners}


@pytest.mark.parametrize(
    ("facts", "needs", "partners", "asks"),
    [
        ({"location_types": ["school"]}, ("youth",), (), ("guardian",)),
        ({"location_types": ["foster_home"]}, ("youth",), ("furs",), ("guardian",)),
        (
            {"location_types": ["tribal_land"]},
            ("tribal",),
            ("tribal_authority",),
            ("tribal_protocol",),
        ),
        ({"location_types": ["jail"]}, (), (), ("custody",)),
        ({"referral_sources": ["furs"]}, ("youth",), (), ("guardian",)),
        ({"referral_sources": ["child_welfare"]}, ("youth",), ("furs",), ("guardian",)),
        ({"referral_sources": ["hospital_ed"]}, (), (), ("setting",)),
        ({"referral_sources": ["law_enforcement_on_scene"]}, (), (), ("record_law_enforcement",)),
        ({"concerns": ("idd_autism",)}, ("idd",), (), ()),
        ({"concerns": ("overdose_risk",)}, ("substance_use",), (), ()),
        ({"screening": {"under_18": YES}}, ("youth",), (), ("guardian",)),
        ({"screening": {"foster_youth": YES}}, ("youth",), ("furs",), ("guardian",)),
        ({"screening": {"idd": YES}}, ("idd",), (), ()),
        ({"screening": {"weapon_on_scene": YES}}, (), ("law_enforcement",), ()),
    ],
)
def test_what_is_known_of_person_and_place_suggests_what_the_rules_ask(
    facts: dict[str, object],
    needs: tuple[str, ...],
    partners: tuple[str, ...],
    asks: tuple[str, ...],
) -> None:
    found = suggest(CODES, **{"screening": {}, **facts})  # type: ignore[arg-type]
    assert found.needs == needs
    assert tuple(advice.kind for advice in found.partners) == partners
    assert found.asks == asks
    assert found.because and found.version == CODES.catalogue.version


def test_law_enforcement_is_proposed_for_safety_concerns_only() -> None:
    reasons = CODES["partner_reason"].with_flag("safety_concern")
    for item in _items():
        for advice in of(**{item: YES}).partners:
            if advice.kind == "law_enforcement":
                assert advice.reason in reasons, item


def test_a_county_s_own_item_suggests_by_its_attributes() -> None:
    item = CountyCode(
        set="risk_item",
        code="on_a_bridge",
        label="On a bridge",
        attributes={"acuity": "emergent", "partner": "fire", "reason": "life_threat"},
        effective_from=date(2026, 1, 1),
    )
    codes = with_county(packaged(), [item], "mine-1").on(date(2026, 11, 22))
    found = suggest(codes, screening={"on_a_bridge": YES})
    assert (found.acuity, found.partners[0].kind) == (Acuity.EMERGENT, "fire")
    assert (found.version, found.because) == ("mine-1", ("risk_item.on_a_bridge",))


def _items() -> list[str]:
    return [code.code for code in CODES["risk_item"]]
