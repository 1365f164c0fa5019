"""The staffing predicate: every reason can be met, and nothing wrong ever makes a crew right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.codes import code_sets
from crisis.ids import AgencyId, ResponderId
from crisis.incident.danger import Danger, danger_of
from crisis.incident.situation import Situation
from crisis.policy import CountyPolicy, LonePolicy, TelehealthPolicy, from_mapping
from crisis.reasons import OF_CREW, Cure, ReasonCode
from crisis.responder import Credential, Presence, PresenceMode, Responder, Uncounted, why_uncounted
from crisis.staffing import (
    CrewAssessment,
    IncidentNeeds,
    TelehealthSecond,
    assess_crew,
    incident_needs,
)
from crisis.triage import Answer, Clinical, Hazard, Need, Place

TODAY = date(2026, 11, 22)
CODES = code_sets(TODAY)
POLICY = from_mapping({"version": "1", "effective_from": "2026-01-01T00:00:00Z"})
AGENCY = AgencyId(UUID(int=99))
LICENCE = Credential(number="A1", expires_on=date(2030, 1, 1))
VIDEO, AUDIO = PresenceMode.TELEHEALTH_VIDEO, PresenceMode.TELEHEALTH_AUDIO
replace = msgspec.structs.replace


def person(n: int, provider_type: str = "peer_support_specialist", **facts: object) -> Responder:
    defaults: dict[str, object] = {
        "licence": LICENCE,
        "core_trained_on": date(2024, 1, 1),
        "naloxone_trained": True,
        "can_assess": True,
    }
    return Responder(
        id=ResponderId(UUID(int=n)),
        agency_id=AGENCY,
        provider_type=provider_type,
        **(defaults | facts),  # type: ignore[arg-type]  # each test names real fields
    )


CLINICIAN = person(1, "lcsw", is_lpha=True)
PEER = person(2)
OFFICER = person(3, "law_enforcement_officer", law_enforcement=True, is_lpha=True)
FULL = (Presence(responder=CLINICIAN, carries_naloxone=True), Presence(responder=PEER))
ALONE = FULL[:1]
DECIDED = TelehealthSecond(
    marked_delay=True, no_safety_concern=True, member=PEER.id, approved_by="supervisor"
)
WITH_REMOTE = (*ALONE, Presence(responder=PEER, mode=VIDEO))


def judge(
    crew: Sequence[Presence],
    *,
    needs: IncidentNeeds = IncidentNeeds(),  # noqa: B008 - a frozen value
    lpha: bool = False,
    telehealth: TelehealthSecond | None = None,
    policy: CountyPolicy = POLICY,
    capabilities: frozenset[str] = frozenset(),
) -> CrewAssessment:
    return assess_crew(
        crew,
        needs,
        TODAY,
        lpha_reachable=lpha,
        telehealth=telehealth,
        policy=policy,
        codes=CODES,
        capabilities=capabilities,
    )


def lacks(assessment: CrewAssessment) -> set[str]:
    return {shortfall.code.value for shortfall in assessment.shortfalls}


def hazards(*codes: str) -> IncidentNeeds:
    return IncidentNeeds(hazards=tuple(Hazard(code=code) for code in codes))


def test_a_clinician_and_a_peer_on_site_lack_nothing() -> None:
    assessment = judge(FULL)
    assert assessment.is_valid
    assert assessment.shortfalls == ()
    assert assessment.counted_on_site == (CLINICIAN.id, PEER.id)


def test_two_peers_may_go_when_a_licensed_professional_can_be_reached() -> None:
    peers = (Presence(responder=PEER, carries_naloxone=True), Presence(responder=person(4)))
    assert judge(peers, lpha=True).is_valid
    assert lacks(judge(peers)) == {"no_lpha"}


def test_no_crew_at_all_is_told_everything() -> None:
    assert lacks(judge(())) == {
        "nobody_on_site",
        "second_member_missing",
        "no_naloxone_carrier",
        "no_assessor_on_site",
        "no_lpha",
    }


def test_one_provider_is_possible_with_a_telehealth_second() -> None:
    assessment = judge(ALONE)
    assert lacks(assessment) == {"second_member_missing"}
    assert assessment.shortfalls[0].curable_by is Cure.TELEHEALTH_SECOND
    assert assessment.possible_with_telehealth
    assert not assessment.is_valid


@pytest.mark.parametrize(
    ("needs", "policy"),
    [
        (hazards("weapon"), POLICY),
        (IncidentNeeds(), replace(POLICY, telehealth=TelehealthPolicy(allowed=False))),
        (IncidentNeeds(), replace(POLICY, lone=LonePolicy(allowed=False))),
    ],
)
def test_one_provider_is_not_possible_by_telehealth_where_a_bar_holds(
    needs: IncidentNeeds, policy: CountyPolicy
) -> None:
    assert not judge(ALONE, needs=needs, policy=policy).possible_with_telehealth


def test_a_decided_telehealth_second_makes_the_crew_valid() -> None:
    assessment = judge(WITH_REMOTE, telehealth=DECIDED)
    assert assessment.is_valid


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"marked_delay": False}, "telehealth_delay_not_determined"),
        ({"no_safety_concern": False}, "telehealth_safety_not_determined"),
        ({"member": None}, "telehealth_member_not_named"),
        ({"member": CLINICIAN.id}, "telehealth_member_not_named"),
        ({"approved_by": None}, "telehealth_not_approved"),
    ],
)
def test_a_telehealth_second_needs_both_determinations_a_name_and_an_approver(
    changed: dict[str, object], code: str
) -> None:
    decision = replace(DECIDED, **changed)
    assert lacks(judge(WITH_REMOTE, telehealth=decision)) == {code}


def test_an_undecided_remote_member_lacks_the_whole_decision() -> None:
    assert lacks(judge(WITH_REMOTE)) == {
        "telehealth_delay_not_determined",
        "telehealth_safety_not_determined",
        "telehealth_member_not_named",
        "telehealth_not_approved",
    }


def test_two_on_site_need_no_decision_for_a_remote_third() -> None:
    third = Presence(responder=person(5, "psychologist"), mode=AUDIO)
    assert judge((*FULL, third)).is_valid


def test_a_county_may_refuse_telehealth_or_audio() -> None:
    none = replace(POLICY, telehealth=TelehealthPolicy(allowed=False))
    video_only = replace(POLICY, telehealth=TelehealthPolicy(audio_only=False))
    by_audio = (*ALONE, Presence(responder=PEER, mode=AUDIO))
    assert lacks(judge(WITH_REMOTE, telehealth=DECIDED, policy=none)) == {"telehealth_not_allowed"}
    assert judge(WITH_REMOTE, telehealth=DECIDED, policy=video_only).is_valid
    assert judge(by_audio, telehealth=DECIDED).is_valid
    assert lacks(judge(by_audio, telehealth=DECIDED, policy=video_only)) == {
        "telehealth_audio_not_allowed"
    }


def test_naloxone_must_be_carried_on_site_by_someone_trained() -> None:
    untrained = (
        Presence(responder=replace(CLINICIAN, naloxone_trained=False), carries_naloxone=True),
        Presence(responder=replace(PEER, naloxone_trained=False)),
    )
    not_carrying = tuple(replace(member, carries_naloxone=False) for member in FULL)
    remote_only = (
        Presence(responder=CLINICIAN),
        Presence(responder=PEER, mode=VIDEO, carries_naloxone=True),
    )
    cures = {}
    for name, crew in (("untrained", untrained), ("bare", not_carrying), ("remote", remote_only)):
        assessment = judge(crew, telehealth=DECIDED)
        assert lacks(assessment) == {"no_naloxone_carrier"}, name
        cures[name] = assessment.shortfalls[0].curable_by
    assert cures["untrained"] is Cure.NALOXONE_TRAINED_MEMBER
    assert cures["bare"] is Cure.CARRY_NALOXONE


def test_someone_on_site_must_be_trained_to_assess() -> None:
    crew = (
        Presence(responder=replace(CLINICIAN, can_assess=False), carries_naloxone=True),
        Presence(responder=PEER, mode=VIDEO),
    )
    assert lacks(judge(crew, telehealth=DECIDED)) == {"no_assessor_on_site"}


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({"core_trained_on": None}, {Uncounted.CORE_TRAINING_MISSING}),
        ({"core_trained_on": date(2026, 11, 23)}, {Uncounted.CORE_TRAINING_MISSING}),
        ({"core_trained_on": TODAY}, set()),
        ({"licence": Credential(expires_on=date(2026, 11, 21))}, {Uncounted.LICENCE_NOT_IN_FORCE}),
        ({"licence": Credential(expires_on=TODAY)}, set()),
        (
            {"licence": Credential(effective_from=date(2027, 1, 1))},
            {Uncounted.LICENCE_NOT_IN_FORCE},
        ),
        ({"licence": None}, {Uncounted.LICENCE_MISSING}),
        ({"licence": None, "provider_type": "community_health_worker"}, set()),
        ({"provider_type": "student_trainee"}, {Uncounted.TYPE_NOT_QUALIFYING}),
        ({"provider_type": "wizard"}, {Uncounted.TYPE_UNKNOWN}),
        ({"law_enforcement": True}, {Uncounted.LAW_ENFORCEMENT}),
        (
            {"provider_type": "law_enforcement_officer", "licence": None, "core_trained_on": None},
            {
                Uncounted.LAW_ENFORCEMENT,
                Uncounted.TYPE_NOT_QUALIFYING,
                Uncounted.CORE_TRAINING_MISSING,
            },
        ),
    ],
)
def test_a_member_counts_only_as_of_the_day_and_all_reasons_are_given(
    changed: dict[str, object], reasons: set[Uncounted]
) -> None:
    member = replace(CLINICIAN, **changed)
    assert set(why_uncounted(member, TODAY, CODES)) == reasons
    assessment = judge((Presence(responder=member), FULL[1]))
    assert dict(assessment.uncounted).get(member.id, ()) == why_uncounted(member, TODAY, CODES)


def test_a_licensed_professional_without_the_type_for_it_is_none() -> None:
    crew = (Presence(responder=replace(PEER, is_lpha=True), carries_naloxone=True), FULL[1])
    assert "no_lpha" in lacks(judge(crew))


def test_a_person_named_twice_counts_once() -> None:
    twice = (*ALONE, *ALONE, Presence(responder=CLINICIAN, mode=VIDEO))
    assert lacks(judge(twice, telehealth=DECIDED)) == {"second_member_missing"}


@pytest.mark.parametrize(
    ("hazard", "codes"),
    [
        ("no_solo", {"lone_barred_no_solo"}),
        ("weapon", {"lone_barred_no_solo", "lone_barred_weapon"}),
        ("unknown_scene", {"lone_barred_unknown_scene"}),
        ("animals", set()),
        ("something_new", {"lone_barred_unknown_scene"}),
    ],
)
def test_hazards_bar_a_lone_member_also_with_a_remote_second(hazard: str, codes: set[str]) -> None:
    assessment = judge(WITH_REMOTE, telehealth=DECIDED, needs=hazards(hazard))
    assert lacks(assessment) == codes
    assert all(s.subject == hazard for s in assessment.shortfalls)
    assert judge(FULL, needs=hazards(hazard)).is_valid


def test_an_officer_beside_a_lone_member_does_not_lift_the_bar() -> None:
    crew = (*WITH_REMOTE, Presence(responder=OFFICER))
    assert "lone_barred_weapon" in lacks(judge(crew, telehealth=DECIDED, needs=hazards("weapon")))


@pytest.mark.parametrize(
    ("need", "crew_fact", "capability"),
    [
        ("language_vi", {"languages": frozenset({"vi"})}, None),
        ("youth", {"competencies": frozenset({"youth"})}, None),
        ("youth", {"enhanced": {"youth_families": date(2025, 1, 1)}}, None),
        ("hold_writer", {"may_write_5150": True}, None),
        ("nurse", {"provider_type": "registered_nurse"}, None),
        ("no_uniform", {}, "no_uniform"),
    ],
)
def test_a_need_is_met_by_a_member_or_by_the_team(
    need: str, crew_fact: dict[str, object], capability: str | None
) -> None:
    needs = IncidentNeeds(needs=(Need(code=need, hard=True),))
    able = (replace(FULL[0], responder=replace(CLINICIAN, **crew_fact)), FULL[1])
    offers = frozenset({capability}) if capability else frozenset()
    assert judge(able, needs=needs, capabilities=offers).is_valid
    without = judge(FULL, needs=needs)
    assert lacks(without) == {"hard_need_unmet"}
    assert without.shortfalls[0].subject == need


def test_enhanced_training_counts_from_its_day_on() -> None:
    needs = IncidentNeeds(needs=(Need(code="tribal", hard=True),))
    soon = replace(CLINICIAN, enhanced={"tribal_communities": date(2026, 12, 1)})
    assert lacks(judge((replace(FULL[0], responder=soon), FULL[1]), needs=needs)) == {
        "hard_need_unmet"
    }


def test_a_soft_need_lowers_but_never_bars_and_stands_after_the_hard_ones() -> None:
    needs = IncidentNeeds(needs=(Need(code="language_ase"), Need(code="off_road", hard=True)))
    soft_only = judge(FULL, needs=needs, capabilities=frozenset({"off_road"}))
    assert soft_only.is_valid
    assert lacks(soft_only) == {"soft_need_unmet"}
    both = judge(FULL, needs=needs)
    assert [shortfall.hard for shortfall in both.shortfalls] == [True, False]
    assert both.hard == both.shortfalls[:1]


def test_the_clinician_must_be_there_in_person_where_that_is_needed() -> None:
    needs = IncidentNeeds(needs=(Need(code="clinician_in_person", hard=True),))
    remote = (
        Presence(responder=PEER, carries_naloxone=True),
        Presence(responder=CLINICIAN, mode=VIDEO),
    )
    decision = replace(DECIDED, member=CLINICIAN.id)
    assert judge(FULL, needs=needs).is_valid
    assert lacks(judge(remote, needs=needs, telehealth=decision)) == {"hard_need_unmet"}


def test_prior_contact_is_left_to_the_ranking() -> None:
    assert judge(FULL, needs=IncidentNeeds(needs=(Need(code="prior_contact", hard=True),))).is_valid


def asked(*hazards: Hazard, **answers: Answer) -> Danger:
    clinical = Clinical(screening=answers)
    return danger_of(Situation(place=Place(), hazards=hazards, clinical=clinical), CODES)


def test_a_blank_never_reads_as_safe() -> None:
    safe = {i.code: Answer.NO for i in CODES["risk_item"] if "scene_safety" in i.flags}
    known = incident_needs((), asked(**safe), POLICY)
    assert known.hazards == ()
    for answer in (Answer.UNKNOWN, Answer.NOT_ASKED):
        partly = safe | {"weapon_on_scene": answer}
        found = incident_needs((), asked(**partly), POLICY).hazards
        assert [hazard.code for hazard in found] == ["unknown_scene"]
    assert [h.code for h in incident_needs((), asked(), POLICY).hazards] == ["unknown_scene"]
    lenient = replace(POLICY, lone=LonePolicy(unanswered_is_unknown_scene=False))
    assert incident_needs((), asked(), lenient).hazards == ()


def test_a_yes_brings_its_hazard_once() -> None:
    noted = Hazard(code="weapon", source="team")
    danger = asked(noted, weapon_on_scene=Answer.YES, animals=Answer.YES)
    found = incident_needs((), danger, POLICY).hazards
    assert [hazard.code for hazard in found] == ["weapon", "animals", "unknown_scene"]
    assert found[0] is noted


def reachable() -> set[ReasonCode]:
    """Collect the codes that a spread of faulty crews brings up."""
    strict = replace(
        POLICY,
        telehealth=TelehealthPolicy(allowed=False, audio_only=False),
        lone=LonePolicy(allowed=False),
    )
    needs = IncidentNeeds(
        needs=(Need(code="youth", hard=True), Need(code="peer")),
        hazards=(Hazard(code="weapon"), Hazard(code="unknown_scene")),
    )
    lone_remote = (
        Presence(responder=person(7, "emt", can_assess=False)),
        Presence(responder=PEER, mode=AUDIO),
    )
    crowd = (*ALONE, *(Presence(responder=person(n), mode=VIDEO) for n in (8, 9)))
    return {
        shortfall.code
        for crew in ((), lone_remote, crowd)
        for shortfall in judge(crew, needs=needs, policy=strict).shortfalls
    }


def test_every_shortfall_can_come_up_and_is_a_sentence() -> None:
    assert reachable() == OF_CREW
    for shortfall in judge(()).shortfalls:
        assert shortfall.sentence[0].isupper()
        assert shortfall.sentence.endswith(".")


days = st.sampled_from([None, date(2024, 1, 1), TODAY, date(2027, 1, 1)])
people = st.builds(
    Responder,
    id=st.integers(10, 14).map(lambda n: ResponderId(UUID(int=n))),
    agency_id=st.just(AGENCY),
    provider_type=st.sampled_from(
        ["lcsw", "peer_support_specialist", "emt", "student_trainee", "law_enforcement_officer"]
    ),
    licence=st.sampled_from([None, LICENCE, Credential(expires_on=date(2026, 1, 1))]),
    core_trained_on=days,
    naloxone_trained=st.booleans(),
    can_assess=st.booleans(),
    is_lpha=st.booleans(),
    languages=st.sampled_from([frozenset(), frozenset({"es"})]),
    law_enforcement=st.booleans(),
)
members = st.builds(
    Presence,
    responder=people,
    mode=st.sampled_from(PresenceMode),
    carries_naloxone=st.booleans(),
)
#: Half of the drawn crews begin with a good one, or hardly any would be valid.
crews = st.tuples(
    st.sampled_from([(), ALONE, FULL, WITH_REMOTE]), st.lists(members, max_size=3)
).map(lambda parts: (*parts[0], *parts[1]))
decisions = st.one_of(
    st.none(),
    st.just(DECIDED),
    st.builds(
        TelehealthSecond,
        marked_delay=st.booleans(),
        no_safety_concern=st.booleans(),
        member=st.sampled_from([None, PEER.id, CLINICIAN.id]),
        approved_by=st.sampled_from([None, "supervisor"]),
    ),
)
situations = st.builds(
    IncidentNeeds,
    needs=st.sampled_from([(), (Need(code="language_es", hard=True),), (Need(code="youth"),)]),
    hazards=st.sampled_from([(), (Hazard(code="weapon"),), (Hazard(code="animals"),)]),
)


def unique(crew: Sequence[Presence]) -> tuple[Presence, ...]:
    """Keep one entry per person: a roster has one set of facts for each."""
    return tuple({member.responder.id: member for member in crew}.values())


@settings(max_examples=300)
@given(crew=crews, needs=situations, lpha=st.booleans(), decision=decisions)
def test_adding_a_law_enforcement_officer_changes_no_judgement(
    crew: tuple[Presence, ...],
    needs: IncidentNeeds,
    lpha: bool,
    decision: TelehealthSecond | None,
) -> None:
    crew = unique(crew)
    officers = [
        Presence(
            responder=replace(person(50 + i, kind), law_enforcement=flag),
            mode=mode,
            carries_naloxone=True,
        )
        for i, (kind, flag, mode) in enumerate(
            [
                ("law_enforcement_officer", False, PresenceMode.ONSITE),
                ("lcsw", True, PresenceMode.ONSITE),
                ("registered_nurse", True, VIDEO),
            ]
        )
    ]
    before = judge(crew, needs=needs, lpha=lpha, telehealth=decision)
    for officer in officers:
        after = judge((*crew, officer), needs=needs, lpha=lpha, telehealth=decision)
        assert after.shortfalls == before.shortfalls


@settings(max_examples=300)
@given(
    crew=crews, needs=situations, lpha=st.booleans(), decision=decisions, which=st.integers(0, 5)
)
def test_losing_a_member_never_makes_an_invalid_crew_valid(
    crew: tuple[Presence, ...],
    needs: IncidentNeeds,
    lpha: bool,
    decision: TelehealthSecond | None,
    which: int,
) -> None:
    crew = unique(crew)
    before = judge(crew, needs=needs, lpha=lpha, telehealth=decision)
    # One remote member too many is the one fault that leaving does cure.
    if not crew or before.is_valid or ReasonCode.TOO_MANY_TELEHEALTH in lacks(before):
        return
    i = which % len(crew)
    after = judge((*crew[:i], *crew[i + 1 :]), needs=needs, lpha=lpha, telehealth=decision)
    assert not after.is_valid


@settings(max_examples=200)
@given(crew=crews, needs=situations, lpha=st.booleans(), decision=decisions)
def test_a_valid_crew_always_meets_the_predicate_of_the_rules(
    crew: tuple[Presence, ...],
    needs: IncidentNeeds,
    lpha: bool,
    decision: TelehealthSecond | None,
) -> None:
    crew = unique(crew)
    if not judge(crew, needs=needs, lpha=lpha, telehealth=decision).is_valid:
        return
    counted = [m for m in crew if not why_uncounted(m.responder, TODAY, CODES)]
    here = [m for m in counted if m.mode is PresenceMode.ONSITE]
    remote = [m for m in counted if m.mode is not PresenceMode.ONSITE]
    assert here
    assert len(counted) >= 2
    assert len(remote) <= 1
    assert all(m.responder.core_trained_on is not None for m in counted)
    assert not any(m.responder.law_enforcement for m in counted)
    assert any(m.carries_naloxone and m.responder.naloxone_trained for m in here)
    assert any(m.responder.can_assess for m in here)
    assert lpha or any(m.responder.is_lpha for m in counted)
    if len(here) == 1:
        assert decision is not None
        assert decision.marked_delay
        assert decision.no_safety_concern
        assert decision.approved_by
        assert decision.member == remote[0].responder.id
        assert not any(hazard.code == "weapon" for hazard in needs.hazards)


def test_a_responder_survives_the_log() -> None:
    someone = replace(
        CLINICIAN, languages=frozenset({"es", "vi"}), enhanced={"idd": date(2025, 2, 3)}
    )
    written = msgspec.json.encode(someone, order="deterministic")
    assert msgspec.json.decode(written, type=Responder) == someone
    assert someone.licence_expires_on == date(2030, 1, 1)
