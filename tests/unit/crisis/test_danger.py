from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.codes import code_sets
from crisis.incident.danger import Danger, contradictions, danger_of, settled
from crisis.incident.situation import Situation
from crisis.triage import Answer, Clinical, Hazard, Place

CODES = code_sets(date(2026, 3, 2))
ITEMS = {item.code: item for item in CODES["risk_item"]}
ASKING = [item for item in ITEMS.values() if "hazard" in item.attributes]
ALL_NO = {item.code: Answer.NO for item in ASKING}


def situation(
    *hazards: str, answers: dict[str, Answer] | None = None, erased: bool = False
) -> Situation:
    return Situation(
        place=Place(),
        hazards=tuple(Hazard(code=code) for code in hazards),
        clinical=Clinical(screening=answers or {}, erased=erased),
    )


def test_nothing_told_says_that_nothing_is_known() -> None:
    nothing = danger_of(situation(), CODES)
    assert nothing.hazards == () and not nothing.scene_known and not nothing.is_clear
    assert set(nothing.not_asked) == {item.attributes["hazard"] for item in ASKING}
    assert not Danger().is_clear and not Danger().scene_known


def test_no_hazards_are_known_only_where_everything_was_asked_and_answered_no() -> None:
    assert danger_of(situation(answers=ALL_NO), CODES).is_clear
    for item in ASKING:
        for answer in (Answer.YES, Answer.UNKNOWN, Answer.NOT_ASKED):
            made = danger_of(situation(answers={**ALL_NO, item.code: answer}), CODES)
            assert not made.is_clear, (item.code, answer)


def test_an_answer_and_a_note_are_one_statement() -> None:
    made = danger_of(situation("needles", answers={"weapon_on_scene": Answer.YES}), CODES)
    assert [(h.code, h.source) for h in made.hazards] == [
        ("needles", "caller"),
        ("weapon", "screening"),
    ]
    noted = danger_of(situation("weapon", answers={"weapon_on_scene": Answer.YES}), CODES)
    assert noted.codes == ("weapon",)


@pytest.mark.parametrize("answer", [Answer.UNKNOWN, Answer.NOT_ASKED])
@pytest.mark.parametrize("item", [i.code for i in ASKING if "scene_safety" in i.flags])
def test_a_scene_is_known_only_when_each_of_its_questions_is_answered(
    item: str, answer: Answer
) -> None:
    assert danger_of(situation(answers=ALL_NO), CODES).scene_known
    assert not danger_of(situation(answers={**ALL_NO, item: answer}), CODES).scene_known


def test_a_scene_that_somebody_calls_unknown_is_unknown() -> None:
    assert not danger_of(situation("unknown_scene", answers=ALL_NO), CODES).scene_known


def test_of_several_questions_about_one_hazard_the_worst_answer_counts() -> None:
    some = {**ALL_NO, "overdose_ingestion": Answer.NO, "altered_consciousness": Answer.UNKNOWN}
    assert danger_of(situation(answers=some), CODES).unknown == ("medical_emergency",)
    some["overdose_ingestion"] = Answer.YES
    assert danger_of(situation(answers=some), CODES).codes == ("medical_emergency",)


def test_the_version_counts_changes_of_the_statement_and_nothing_else() -> None:
    first = danger_of(situation(answers=ALL_NO), CODES)
    again = danger_of(situation(answers={**ALL_NO, "suicide_plan": Answer.YES}), CODES, first)
    assert again is first
    armed = danger_of(situation("weapon", answers=ALL_NO), CODES, again)
    assert armed.version == 2
    assert danger_of(situation(answers=ALL_NO), CODES, armed).version == 3


def test_after_erasure_no_answer_is_asserted() -> None:
    gone = danger_of(situation("weapon", erased=True, answers=ALL_NO), CODES)
    assert gone.codes == ("weapon",) and not gone.scene_known and not gone.is_clear


@given(
    st.lists(st.sampled_from([c.code for c in CODES["hazard"]]), unique=True),
    st.dictionaries(st.sampled_from(sorted(ITEMS)), st.sampled_from(Answer)),
)
def test_what_is_settled_never_contradicts_itself_and_never_gets_milder(
    hazards: list[str], answers: dict[str, Answer]
) -> None:
    told = situation(*hazards, answers=answers)
    done = settled(told, CODES)
    assert contradictions(done, CODES) == ()
    assert settled(done, CODES) is done
    before, after = danger_of(told, CODES), danger_of(done, CODES)
    assert set(before.codes) <= set(after.codes)
    assert not after.is_clear or before.is_clear
    for item, answer in answers.items():
        assert done.clinical.screening[item] in {answer, Answer.YES}


#: What nobody asks about: nothing that was answered can deny it.
NEVER_ASKED = {
    "no_solo",
    "unknown_scene",
    "fire_or_fumes",
    "drug_lab",
    "needles",
    "hoarding",
    "no_phone_signal",
    "road_access",
    "traffic",
}


@pytest.mark.parametrize("hazard", [code.code for code in CODES["hazard"]])
def test_a_noted_hazard_that_some_question_denies_is_never_denied_without_a_word(
    hazard: str,
) -> None:
    everything_denied = dict.fromkeys(ITEMS, Answer.NO)
    told = situation(hazard, answers=everything_denied)
    assert bool(contradictions(told, CODES)) is (hazard not in NEVER_ASKED)
    done = settled(told, CODES)
    assert contradictions(done, CODES) == ()
    assert hazard in danger_of(done, CODES).codes


def test_a_firearm_is_a_weapon_on_the_scene() -> None:
    told = situation("firearm", answers={**ALL_NO, "firearm_access": Answer.NOT_ASKED})
    ((item, hazard),) = contradictions(told, CODES)
    assert (item.code, hazard) == ("weapon_on_scene", "firearm")
    assert danger_of(settled(told, CODES), CODES).codes == ("firearm", "weapon")
    both = situation("firearm", answers=ALL_NO)
    assert {one.item.code for one in contradictions(both, CODES)} == {
        "weapon_on_scene",
        "firearm_access",
    }


def test_every_question_about_danger_denies_what_it_asks_about() -> None:
    """Where several ask about one hazard, the hazard names the one that covers all of it."""
    for item in ASKING:
        hazard = item.attributes["hazard"]
        told = situation(hazard, answers=dict.fromkeys(ITEMS, Answer.NO))
        assert contradictions(told, CODES), hazard
