"""The packaged code sets, what their flags promise, and what a county may change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

import pytest

from crisis.codes import CountyCode, code_sets, packaged, parse, require, with_county
from crisis.endings import Fit, fit
from crisis.errors import Invalid
from crisis.obligation import ObligationKind
from crisis.responder import PresenceMode
from crisis.triage import Acuity, Answer
from geo.zone import AreaClass, AreaMethod

TODAY = date(2026, 11, 22)
CODES = code_sets(TODAY)
LATER = date(2027, 1, 1)


def problems_of(changes: Iterable[CountyCode]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        with_county(packaged(), changes, "test")
    assert refused.value.code == "bad_codes"
    problems = refused.value.facts["problems"]
    assert isinstance(problems, list)
    return problems


def test_every_set_has_a_source_and_every_code_a_label_and_a_first_day() -> None:
    assert len(list(CODES)) >= 45
    for name in CODES:
        versions = packaged().sets[name]
        assert versions.source
        assert versions.label
        assert versions.codes
        for known in versions.codes:
            assert known.label
            assert known.effective_from >= date(2023, 1, 1)
            assert not known.by_county


def test_every_declared_flag_is_carried_by_some_code() -> None:
    for name in CODES:
        for flag in CODES[name].flags:
            assert CODES[name].with_flag(flag), f"{name}.{flag}"


def test_asking_for_a_flag_that_a_set_does_not_declare_is_a_slip_that_is_told() -> None:
    with pytest.raises(KeyError):
        CODES["disposition"].with_flag("resolved")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acuity", Acuity),
        ("risk_answer", Answer),
        ("presence", PresenceMode),
        ("area_method", AreaMethod),
    ],
)
def test_a_closed_set_and_its_enum_hold_the_same_words(name: str, words: type[StrEnum]) -> None:
    assert {known.code for known in CODES[name]} == {word.value for word in words}
    assert CODES[name].closed


def test_the_area_classes_are_the_map_s_and_one_for_places_not_classed() -> None:
    words = {known.code for known in CODES["area_class"]}
    assert words == {word.value for word in AreaClass} | {"unclassified"}


def test_that_no_team_is_available_is_no_reason_not_to_send_but_one_for_unserved() -> None:
    assert "no_team_available" not in CODES["no_dispatch_reason"]
    assert "no_team_available" in CODES["unserved_reason"]


@pytest.mark.parametrize("code", ["no_team_available", "capacity_reached", "no_unit", "no_staff"])
def test_a_county_can_not_add_lack_of_teams_as_a_reason_not_to_send(code: str) -> None:
    change = CountyCode(set="no_dispatch_reason", code=code, label="Anything", effective_from=LATER)
    assert problems_of([change])


def test_nor_under_another_code_with_that_label() -> None:
    change = CountyCode(
        set="no_dispatch_reason", code="later", label="No team free", effective_from=LATER
    )
    assert problems_of([change])


def test_every_hold_is_a_contact_with_transport_and_a_receiver() -> None:
    dispositions = CODES["disposition"]
    holds = [one for one in dispositions if fit(one, "hold") is Fit.MUST]
    assert dispositions.with_flag("hold_by_team") < {one.code for one in holds}
    for one in holds:
        assert {fit(one, f) for f in ("contacted", "transport", "destination")} == {Fit.MUST}


def test_whoever_was_not_met_was_neither_held_nor_taken_anywhere() -> None:
    unmet = [one for one in CODES["disposition"] if fit(one, "contacted") is Fit.NEVER]
    assert {"refused_contact", "not_found"} <= {one.code for one in unmet}
    for one in unmet:
        fields = ("hold", "transport", "destination", "plan")
        assert {fit(one, field) for field in fields} == {Fit.NEVER}, one.code


def test_a_threat_to_life_asks_for_somebody_who_saves_lives() -> None:
    saving = CODES["partner_kind"].with_flag("life_saving")
    for name in ("risk_item", "hazard"):
        for code in CODES[name].with_flag("life_threat"):
            found = require(name, code, TODAY)
            hazard = CODES["hazard"].get(found.attributes.get("hazard", ""))
            asked = found.attributes.get("partner") or (hazard and hazard.attributes["partner"])
            assert asked in saving, code


def test_every_excluded_setting_of_the_rules_warns() -> None:
    excluded = CODES["location_type"].with_flag("excluded_setting")
    assert {
        "emergency_department",
        "skilled_nursing_facility",
        "jail",
        "sobering_center",
    } < excluded
    assert excluded.isdisjoint({"home", "school", "street", "workplace", "unknown"})


def test_every_follow_up_outcome_says_whether_it_settles_the_obligation() -> None:
    outcomes = CODES["followup_outcome"]
    kinds = [outcomes.with_flag(flag) for flag in ("reached", "attempt_only", "exception")]
    assert sum(len(kind) for kind in kinds) == len(outcomes.codes)
    assert outcomes.with_flag("opens_new_request") == {"reached_new_crisis"}


def test_every_cancel_reason_says_what_it_ends_and_at_which_stages() -> None:
    stages = {stage.code for stage in CODES["cancel_stage"]}
    for reason in CODES["cancel_reason"]:
        assert reason.flags & {"cancels_incident", "cancels_assignment"}, reason.code
        assert reason.flags & stages, reason.code
    only_the_run = CODES["cancel_reason"].with_flag("cancels_assignment") - CODES[
        "cancel_reason"
    ].with_flag("cancels_incident")
    assert {"capacity", "reassigned", "team_vehicle"} <= only_the_run


def test_exceptions_name_the_kinds_of_obligation_they_are_for() -> None:
    kinds = {kind.value for kind in ObligationKind} | {"safety_plan"}
    assert CODES["obligation_exception"].flags <= kinds | {"by_service"}
    assert all(known.flags for known in CODES["obligation_exception"])


def test_a_capability_is_named_as_the_need_that_it_meets() -> None:
    for need in CODES["need"]:
        assert need.attributes.get("capability") in {None, need.code}


@pytest.mark.parametrize(
    ("name", "attributes", "fault"),
    [
        ("risk_item", {"acuity": "asap"}, "acuity: no acuity asap"),
        ("risk_item", {"hazard": "sharks"}, "hazard: no hazard sharks"),
        ("location_type", {"need": "boat"}, "need: no need boat"),
        ("hazard", {"partner": "ems"}, "a partner is proposed for a reason"),
        ("disposition", {"hold": "perhaps"}, "hold: must, may or never, not perhaps"),
    ],
)
def test_a_county_s_code_that_refers_to_nothing_is_refused(
    name: str, attributes: dict[str, str], fault: str
) -> None:
    code = CountyCode(
        set=name, code="mine", label="Mine", attributes=attributes, effective_from=LATER
    )
    assert any(fault in problem for problem in problems_of([code]))


def test_every_language_but_english_can_be_needed() -> None:
    needed = {need.attributes.get("language") for need in CODES["need"]}
    assert {known.code for known in CODES["language"]} - {"en"} == needed - {None}


def test_law_enforcement_never_qualifies() -> None:
    types = CODES["provider_type"]
    assert types.with_flag("law_enforcement").isdisjoint(types.with_flag("qualifying"))
    assert types.with_flag("lpha") <= types.with_flag("qualifying")
    assert types.with_flag("lpha") <= types.with_flag("needs_licence")


def test_an_unknown_code_is_refused_with_near_ones() -> None:
    with pytest.raises(Invalid) as refused:
        require("disposition", "stabilised_safety_plan", TODAY)
    assert refused.value.code == "unknown_code"
    near = refused.value.facts["near"]
    assert isinstance(near, list)
    assert near[0] == "stabilized_safety_plan"
    assert refused.value.facts["set"] == "disposition"
    assert "stabilised" not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "meant"), [("Prank", "prank"), ("Resolved by phone", "resolved_by_phone")]
)
def test_a_label_typed_for_a_code_leads_to_the_code(typed: str, meant: str) -> None:
    with pytest.raises(Invalid) as refused:
        require("no_dispatch_reason", typed, TODAY)
    near = refused.value.facts["near"]
    assert isinstance(near, list)
    assert meant in near


def test_a_long_text_in_place_of_a_code_is_not_given_back_whole() -> None:
    with pytest.raises(Invalid) as refused:
        require("no_dispatch_reason", "x" * 10_000, TODAY)
    assert len(str(refused.value.facts["code"])) <= 64


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        require("dispositions", "other", TODAY)
    assert refused.value.code == "unknown_code_set"
    assert refused.value.facts["near"] == ["disposition"]


def test_nothing_can_be_chosen_before_the_benefit_began() -> None:
    with pytest.raises(Invalid) as refused:
        require("disposition", "other", date(2022, 12, 31))
    assert refused.value.facts["effective_from"] == "2023-01-01"


def test_a_county_adds_a_code_from_a_day_on() -> None:
    mine = with_county(
        packaged(),
        [
            CountyCode(
                set="disposition",
                code="living_room",
                label="Living room program",
                attributes={"contacted": "must", "hold": "never"},
                effective_from=LATER,
            )
        ],
        "06055-1",
    )
    assert "living_room" not in code_sets(TODAY, mine)["disposition"]
    added = code_sets(LATER, mine).require("disposition", "living_room")
    assert added.by_county
    assert "living_room" not in code_sets(LATER)["disposition"]
    assert fit(added, "hold") is Fit.NEVER


def test_a_county_renames_a_code_and_its_flags_stay() -> None:
    mine = with_county(
        packaged(),
        [
            CountyCode(
                set="referral_source",
                code="county_line",
                label="Access and Crisis Line",
                effective_from=LATER,
            )
        ],
        "06073-1",
    )
    before = code_sets(TODAY, mine).require("referral_source", "county_line")
    after = code_sets(LATER, mine).require("referral_source", "county_line")
    assert (before.label, after.label) == ("County crisis or access line", "Access and Crisis Line")
    assert before.flags == after.flags
    assert [c.code for c in code_sets(LATER, mine)["referral_source"]] == [
        c.code for c in CODES["referral_source"]
    ]


def test_a_retired_code_can_be_read_but_not_chosen() -> None:
    mine = with_county(
        packaged(),
        [CountyCode(set="channel", code="chat", retired=True, effective_from=LATER)],
        "06001-1",
    )
    assert code_sets(TODAY, mine).require("channel", "chat").label == "Web chat"
    with pytest.raises(Invalid) as refused:
        code_sets(LATER, mine).require("channel", "chat")
    assert refused.value.facts["effective_until"] == "2027-01-01"
    found = code_sets(LATER, mine).find("channel", "chat")
    assert found is not None
    assert found.label == "Web chat"


def test_all_faults_of_a_county_s_changes_are_listed_at_once() -> None:
    day = LATER
    problems = problems_of(
        [
            CountyCode(set="nonsense", code="a", label="A", effective_from=day),
            CountyCode(set="acuity", code="super", label="Super", effective_from=day),
            CountyCode(set="acuity", code="urgent", retired=True, effective_from=day),
            CountyCode(set="disposition", code="no_label", effective_from=day),
            CountyCode(
                set="disposition",
                code="not_found",
                flags=frozenset({"hold_by_team"}),
                effective_from=day,
            ),
            CountyCode(set="channel", code="voice", effective_from=day),
            CountyCode(set="channel", code="text", label="SMS", effective_from=date(2022, 1, 1)),
            CountyCode(set="hazard", code="Bad Word", label="Bad", effective_from=day),
            CountyCode(
                set="hazard",
                code="cliff",
                label="Cliff",
                flags=frozenset({"steep"}),
                effective_from=day,
            ),
        ]
    )
    assert len(problems) == 9


def test_faulty_data_is_refused_with_all_its_faults() -> None:
    text = """
    version = "1"
    [[set]]
    name = "colour"
    label = "Colour"
    effective_from = 2026-01-01
    source = ""
    verified = false
    codes = [
      { code = "red", label = "Red", flags = ["warm"] },
      { code = "red", label = "Red again" },
      { code = "blue", label = " ", attributes = { cold = "yes" } },
      { code = "old", label = "Old", effective_until = 2025-01-01 },
    ]
    """
    with pytest.raises(Invalid) as refused:
        parse([text, text, "broken ["])
    problems = refused.value.facts["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 8
