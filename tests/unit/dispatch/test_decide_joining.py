"""A merge loses nothing and takes the worse answer; a split gives each its own back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisis.commands import (
    AcknowledgePartner,
    AddNote,
    AddSubject,
    AmendIncident,
    Determine,
    LeaveDesk,
    MergeIncident,
    PlaceInput,
    RequestPartner,
    SplitIncident,
    SubjectInput,
)
from crisis.disclosure import require_access
from crisis.errors import NotAllowed
from crisis.ids import CountyId, IncidentId, SubjectId
from crisis.incident.danger import contradictions
from crisis.incident.situation import WORSE, Situation, changed, facts
from crisis.incident.state import DeadlineMoved, Incident, IncidentState
from crisis.obligation import ObligationKind
from crisis.roles import Actor, Role
from crisis.triage import ACUITY_ORDER, Acuity, Answer, Hazard, Need
from geo.point import Point
from geo.zone import AreaClass, AreaMap, polygon, zone
from tests.unit.dispatch import board_kit
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    MONDAY,
    OAKLAND,
    OTHER_DISPATCHER,
    SAFE_SCENE,
    SUPERVISOR,
    County,
    on_team,
    person,
    rules,
    uid,
)
from tests.unit.dispatch.test_decide_incidents import HILLS, RURAL_HILLS


def full(county: County, **facts: Any) -> IncidentId:
    """An incident of which everything is known that a merge might lose."""
    given: dict[str, Any] = {
        "screening": {"weapon_on_scene": Answer.YES, "suicide_plan": Answer.UNKNOWN},
        "concerns": ("psychosis",),
        "needs": (Need(code="youth", hard=True),),
        "hazards": (Hazard(code="animals", source="caller"),),
        "place": PlaceInput(point=OAKLAND, address="1 Elm St", access="gate code 4411"),
        "narrative": "he has a knife",
        "subjects": (SubjectInput(name="Ray", description="allergic to penicillin"),),
        "acuity": Acuity.EMERGENT,
    }
    return county.opened(**{**given, **facts})


def test_nothing_that_was_known_of_either_is_lost() -> None:
    county = County()
    first = full(county)
    second = county.determined(
        screening={**SAFE_SCENE, "suicide_plan": Answer.NO},
        concerns=("anxiety_panic_trauma",),
        subjects=(SubjectInput(name="Ann"),),
    )
    county.do(AddNote(incident_id=first, text="brother on the way"))
    county.do(MergeIncident(incident_id=first, into=second))
    into, was = county.incident(second), county.incident(first)
    assert into.clinical.screening["weapon_on_scene"] is Answer.YES
    assert into.clinical.screening["suicide_plan"] is Answer.UNKNOWN
    assert into.clinical.screening["violence_now"] is Answer.NOT_ASKED, "worse than no"
    assert set(into.clinical.concerns) == {"psychosis", "anxiety_panic_trauma"}
    assert into.danger.codes == ("animals", "weapon")
    assert into.acuity is Acuity.EMERGENT
    assert into.needs == (Need(code="youth", hard=True),)
    assert into.place.address_record == was.place.address_record
    assert [(s.label, s.record) for s in into.subjects] == [
        ("1", into.subjects[0].record),
        ("2", was.subjects[0].record),
    ]
    assert was.records and was.subjects, "what was written stays with what it was written about"


def test_a_person_who_came_with_a_merge_is_known_there() -> None:
    county = County()
    first, second = full(county), county.determined()
    county.do(MergeIncident(incident_id=first, into=second))
    (came,) = county.incident(second).subjects
    named = AddSubject(incident_id=second, subject_id=came.id, subject=SubjectInput(name="Ray B"))
    county.do(named)
    assert len(county.incident(second).subjects) == 1


def test_crews_on_the_survivor_are_told_as_a_new_version() -> None:
    county = County()
    team = county.team()
    second = county.determined()
    county.running(second, team)
    version = county.incident(second).version
    same = county.opened()
    result = county.do(MergeIncident(incident_id=same, into=second)).result
    assert result["version"] == version + 1, "its story is new even where all was known"
    assert (f"team:{team}", "incident_amended") in county.told()
    assert county.incident(second).open_runs[0].acknowledged < version + 1


def test_a_deadline_never_moves_later_by_a_merge() -> None:
    county = County(rules(areas=RURAL_HILLS))
    far = county.determined(place=PlaceInput(point=HILLS, location_type="home"))
    county.wait(600)
    near = county.determined()
    due = county.incident(near).due_at
    assert due == MONDAY + timedelta(minutes=70)
    county.do(MergeIncident(incident_id=near, into=far))
    merged = county.incident(far)
    assert merged.determined_at == MONDAY
    assert merged.due_at == due, "rural 120 minutes would be later than was promised"
    county.do(AmendIncident(incident_id=far, place=PlaceInput(point=OAKLAND)))
    now = county.incident(far).due_at
    assert now is not None and now <= due
    county.do(SplitIncident(incident_id=far, other=near))
    assert county.incident(near).due_at == due


@pytest.mark.parametrize("is_determined", [True, False])
def test_a_place_that_a_merge_brings_sets_the_deadline_as_an_amendment_would(
    monkeypatch: pytest.MonkeyPatch, is_determined: bool
) -> None:
    monkeypatch.setattr(board_kit, "COUNTY", CountyId(6049))
    town = Point(lat_deg=41.48, lon_deg=-120.54)
    county = County(rules(areas=_urban(town)))
    vague = county.determined(place=PlaceInput())
    assert county.incident(vague).due_at == MONDAY + timedelta(minutes=120), "the county is rural"
    county.wait(600)
    known = (county.determined if is_determined else county.opened)(place=PlaceInput(point=town))
    result = county.do(MergeIncident(incident_id=known, into=vague)).result
    assert county.incident(vague).place.area_class is AreaClass.URBAN
    assert result["due_at"] == MONDAY + timedelta(minutes=60)
    county.do(SplitIncident(incident_id=vague, other=known))
    assert county.incident(vague).due_at == MONDAY + timedelta(minutes=120)


def _urban(town: Point) -> AreaMap:
    """The one urban area of a rural county."""
    west, south = town.lon_deg - 0.1, town.lat_deg - 0.1
    east, north = town.lon_deg + 0.1, town.lat_deg + 0.1
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    urban = zone(
        zone_id="town", name="Town", polygons=[polygon([ring])], area_class=AreaClass.URBAN
    )
    return AreaMap(version="tracts-2026", zones=(urban,))


def test_a_person_hears_of_us_no_later_than_either_was_promised() -> None:
    county = County()
    first = county.determined(acuity=Acuity.EMERGENT)
    promised = _contact(county, first)
    county.wait(60)
    second = county.determined(acuity=Acuity.ROUTINE)
    county.do(MergeIncident(incident_id=first, into=second))
    assert _contact(county, first) is None
    assert _contact(county, second) == promised
    county.do(SplitIncident(incident_id=second, other=first))
    assert _contact(county, first) == promised == _contact(county, second)


def _contact(county: County, incident_id: IncidentId) -> Any:
    due = [
        o.due_at
        for o in county.board.owed_for(incident_id)
        if o.kind is ObligationKind.WAITING_CONTACT and o.is_open
    ]
    assert len(due) <= 1
    return due[0] if due else None


def test_a_partner_who_is_on_the_way_goes_on_with_the_survivor() -> None:
    county = County()
    team = county.team()
    first, second = full(county), county.determined()
    county.running(second, team)
    ask = RequestPartner(incident_id=first, kind="ems", reason="medical")
    partner_id = county.do(ask).result["partner_id"]
    county.do(MergeIncident(incident_id=first, into=second))
    assert [p.id for p in county.incident(second).partners] == [partner_id]
    assert county.incident(first).partners == ()
    take = AcknowledgePartner(incident_id=second, partner_id=partner_id, reference="E26")
    county.do(take, by=on_team(team))
    county.do(SplitIncident(incident_id=second, other=first))
    assert county.incident(second).partners == ()
    (back,) = county.incident(first).partners
    assert back.state == "acknowledged", "as it stands now"


def test_as_many_teams_are_sought_as_the_other_waited_for() -> None:
    county = County()
    first, second = county.determined(slots=3), county.determined()
    county.do(MergeIncident(incident_id=first, into=second))
    assert len(county.incident(second).slots) == 3
    team = county.team()
    county.offered(second, team, slot=2)
    county.do(SplitIncident(incident_id=second, other=first))
    into = county.incident(second)
    assert [slot.no for slot in into.slots if slot.dropped is None] == [1]
    assert not any(offer.is_pending for offer in into.offers)


def test_an_owned_incident_gives_its_owner_to_one_that_nobody_owns() -> None:
    county = County()
    second = county.determined()
    county.do(LeaveDesk())
    assert county.incident(second).owner is None
    first = county.opened(by=OTHER_DISPATCHER)
    county.do(MergeIncident(incident_id=first, into=second))
    assert county.incident(second).owner == OTHER_DISPATCHER.user_id


def test_the_owner_of_what_was_absorbed_is_told() -> None:
    county = County()
    first, second = county.opened(by=OTHER_DISPATCHER), county.determined()
    county.do(MergeIncident(incident_id=first, into=second), by=DISPATCHER)
    assert (f"user:{OTHER_DISPATCHER.user_id}", "merged") in county.told()


# Who may read


def _may(county: County, actor: Actor, incident_id: IncidentId) -> bool:
    incident = county.incident(incident_id)
    part_of, into = [], incident.merged_into
    while into is not None:
        part_of.append(county.incident(into))
        into = part_of[-1].merged_into
    try:
        require_access(actor, incident, county.board, None, part_of)
    except NotAllowed:
        return False
    return True


def test_who_may_read_the_survivor_may_read_what_it_absorbed_and_nobody_else() -> None:
    county = County()
    blue, red = county.team("Blue 1"), county.team("Red 1")
    first, second, third = full(county), county.determined(), county.determined()
    elsewhere = county.determined()
    county.running(third, blue)
    county.running(elsewhere, red)
    assert not _may(county, on_team(blue), first)
    county.do(MergeIncident(incident_id=first, into=second))
    county.do(MergeIncident(incident_id=second, into=third))
    assert _may(county, on_team(blue), first), "merged by way of another one"
    assert _may(county, on_team(blue), second)
    stranger = person("somebody", Role.COMPLIANCE)
    for actor in (on_team(red), stranger):
        for one in (first, second, third):
            assert not _may(county, actor, one)
    county.do(SplitIncident(incident_id=third, other=second))
    for one in (first, second):
        assert not _may(county, on_team(blue), one), "they are apart again"


# Splitting


def test_a_split_gives_each_what_it_knew_and_both_what_was_learnt() -> None:
    county = County()
    first, second = (
        full(county),
        county.determined(screening=SAFE_SCENE, concerns=("anxiety_panic_trauma",)),
    )
    one, other = county.incident(first).situation, county.incident(second).situation
    county.do(MergeIncident(incident_id=first, into=second))
    weapon = (Hazard(code="drug_lab", source="team"),)
    learnt = AmendIncident(incident_id=second, add_hazards=weapon, acuity=Acuity.ROUTINE)
    county.do(learnt)
    county.do(SplitIncident(incident_id=second, other=first))
    now, back = county.incident(second), county.incident(first)
    assert now.clinical == other.clinical
    assert now.danger.codes == ("drug_lab",)
    assert now.acuity is Acuity.ROUTINE, "amended since: it stays"
    assert back.clinical == one.clinical
    assert set(back.danger.codes) == {"animals", "drug_lab", "weapon"}
    assert now.joins == ()
    assert now.subjects == ()
    assert back.subjects


def test_a_person_of_whom_more_was_written_stays_on_both_sides_of_a_split() -> None:
    county = County()
    first, second = full(county), county.determined()
    county.do(MergeIncident(incident_id=first, into=second))
    (came,) = county.incident(second).subjects
    more = AddSubject(incident_id=second, subject_id=came.id, subject=SubjectInput(name="R"))
    county.do(more)
    county.do(SplitIncident(incident_id=second, other=first))
    assert [s.id for s in county.incident(second).subjects] == [came.id]
    assert [s.id for s in county.incident(first).subjects] == [came.id]
    county.do(MergeIncident(incident_id=first, into=second))
    assert [s.id for s in county.incident(second).subjects] == [came.id], "nobody is there twice"


def test_a_merge_of_a_merge_is_split_from_the_outside_in() -> None:
    county = County()
    first, second, third = full(county), county.determined(), county.determined()
    county.do(MergeIncident(incident_id=first, into=second))
    whole = county.incident(second).situation
    county.do(MergeIncident(incident_id=second, into=third))
    assert "weapon" in county.incident(third).danger.codes
    refusal = county.refused("merged_through", SplitIncident(incident_id=third, other=first))
    assert refusal.facts["incident_id"] == str(second)
    county.refused("settled", SplitIncident(incident_id=second, other=first))
    county.do(SplitIncident(incident_id=third, other=second))
    assert county.incident(second).situation == whole
    assert county.incident(third).danger.codes == ()
    county.do(SplitIncident(incident_id=second, other=first))
    assert county.incident(second).danger.codes == ()
    nobody = IncidentId(uid("nobody"))
    county.refused("not_merged", SplitIncident(incident_id=second, other=nobody))


def test_of_two_that_were_absorbed_only_the_one_that_leaves_takes_its_own() -> None:
    county = County()
    armed = full(county)
    biting = county.opened(screening={"animals": Answer.YES}, hazards=(Hazard(code="traffic"),))
    into = county.determined()
    county.do(MergeIncident(incident_id=armed, into=into))
    county.do(MergeIncident(incident_id=biting, into=into))
    county.do(SplitIncident(incident_id=into, other=armed))
    assert set(county.incident(into).danger.codes) == {"animals", "traffic"}


# Whatever two incidents hold

_ANSWERS = st.dictionaries(
    st.sampled_from(["weapon_on_scene", "violence_now", "animals", "suicide_plan"]),
    st.sampled_from(Answer),
)
_HAZARDS = st.lists(
    st.builds(
        Hazard,
        code=st.sampled_from(["weapon", "animals", "needles", "unknown_scene"]),
        source=st.sampled_from(["caller", "team"]),
    ),
    max_size=3,
).map(tuple)
_NEEDS = st.lists(
    st.builds(Need, code=st.sampled_from(["youth", "peer"]), hard=st.booleans()), max_size=2
).map(lambda needs: tuple({need.code: need for need in needs}.values()))
_PLACES = st.builds(
    PlaceInput,
    point=st.sampled_from([None, OAKLAND, HILLS]),
    address=st.sampled_from([None, "1 Elm St"]),
    location_type=st.sampled_from([None, "home", "school"]),
)
_KNOWN = st.fixed_dictionaries(
    {
        "screening": _ANSWERS,
        "hazards": _HAZARDS,
        "needs": _NEEDS,
        "place": _PLACES,
        "concerns": st.lists(
            st.sampled_from(["psychosis", "anxiety_panic_trauma"]), unique=True, max_size=2
        ).map(tuple),
        "subjects": st.sampled_from([(), (SubjectInput(name="Ray"),)]),
    }
)
_ACUITY = st.sampled_from([*Acuity, None])


def _made(county: County, known: dict[str, Any], acuity: Acuity | None, slots: int) -> IncidentId:
    incident_id = county.opened(**known)
    if acuity is not None:
        county.do(
            Determine(incident_id=incident_id, decision="dispatch", acuity=acuity, slots=slots)
        )
    return incident_id


def is_not_milder(was: Situation, now: Situation) -> bool:
    before, after = facts(was), facts(now)
    if was.acuity is not None:
        assert now.acuity is not None and ACUITY_ORDER[now.acuity] <= ACUITY_ORDER[was.acuity]
    for name, value in before.items():
        if name.startswith("screening/"):
            answer = after.get(name, Answer.NOT_ASKED)
            assert WORSE.index(answer) <= WORSE.index(value), name
        elif name.startswith("hazards/"):
            assert {h.source for h in value} <= {h.source for h in after[name]}, name
        elif name.startswith("needs/"):
            assert any(n.hard for n in after[name]) or not any(n.hard for n in value), name
        elif name.startswith("concerns/") or name in {"point", "location_type", "address"}:
            assert name in after, name
    for item, answer in now.clinical.screening.items():
        had = was.clinical.screening.get(item, Answer.NOT_ASKED)
        assert WORSE.index(answer) <= WORSE.index(had), item
    return True


def _earlier(one: Any, other: Any) -> bool:
    return other is None or (one is not None and one <= other)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_KNOWN, _KNOWN, _ACUITY, _ACUITY, st.integers(1, 3), st.integers(1, 3), st.integers(0, 40))
def test_whatever_is_merged_nothing_is_lost_gets_milder_or_is_due_later(
    known: dict[str, Any],
    other: dict[str, Any],
    acuity: Acuity | None,
    others: Acuity | None,
    slots: int,
    more: int,
    apart_min: int,
) -> None:
    county = County(rules(areas=RURAL_HILLS))
    first = _made(county, known, acuity, slots)
    county.wait(apart_min * 60)
    second = _made(county, other, others, more)
    if acuity is not None and others is None:
        first, second = second, first
    was, into = county.incident(first), county.incident(second)
    county.do(MergeIncident(incident_id=first, into=second))
    after = county.incident(second)
    for one in (was, into):
        assert is_not_milder(one.situation, after.situation)
        assert set(one.danger.codes) <= set(after.danger.codes)
        assert not after.danger.is_clear or one.danger.is_clear
        assert not after.danger.scene_known or one.danger.scene_known
        assert _earlier(after.determined_at, one.determined_at)
        assert _earlier(after.due_at, one.due_at)
        assert {s.id for s in one.subjects} <= {s.id for s in after.subjects}
        assert set(one.calls) <= set(after.calls)
        if after.state is IncidentState.DETERMINED:
            assert len(one.waiting_slots()) <= len(after.waiting_slots())
    assert contradictions(after.situation, county.rules.codes) == ()
    assert len({s.label for s in after.subjects}) == len(after.subjects)

    county.do(SplitIncident(incident_id=second, other=first))
    is_as_before(was, county.incident(first))
    is_as_before(into, county.incident(second))


def is_as_before(was: Incident, now: Incident) -> None:
    assert changed(was.situation, now.situation) == ()
    same = ("determined_at", "due_at", "calls", "subjects", "absorbed")
    for name in same:
        assert getattr(was, name) == getattr(now, name), name
    begun = was.state is IncidentState.RECEIVED and now.state is IncidentState.SCREENING
    assert was.state is now.state or begun, "what was screened together stays screened"
    # What they were told of the danger may have to be told anew.
    assert {p.id: msgspec.structs.replace(p, danger=0) for p in was.partners} == {
        p.id: msgspec.structs.replace(p, danger=0) for p in now.partners
    }
    assert _said(was) == _said(now)


def _said(incident: Incident) -> Any:
    """The statement of danger, whatever its order and its version."""
    hazards = sorted(incident.danger.hazards, key=lambda one: (one.code, one.source))
    return msgspec.structs.replace(incident.danger, version=0, hazards=tuple(hazards))


def test_a_supervisor_merges_as_well() -> None:
    county = County()
    first, second = county.opened(), county.determined()
    county.do(MergeIncident(incident_id=first, into=second), by=SUPERVISOR)
    assert county.incident(first).merged_into == second


@pytest.mark.parametrize("point", [None, Point(lat_deg=37.81, lon_deg=-122.27)])
def test_teams_on_their_way_keep_the_place_that_they_drive_to(point: Point | None) -> None:
    county = County()
    first = full(county, place=PlaceInput(point=HILLS, address="9 Far Rd"))
    second = county.determined(place=PlaceInput(point=point))
    county.do(MergeIncident(incident_id=first, into=second))
    into = county.incident(second)
    assert into.clinical.point == (point or HILLS)
    assert SubjectId(into.subjects[0].id) == into.subjects[0].id


def test_what_is_told_of_a_moved_deadline_is_the_deadline() -> None:
    county = County(rules(areas=RURAL_HILLS))
    survivor = county.determined()
    county.wait(10)
    county.do(MergeIncident(incident_id=county.determined(), into=survivor))
    done = county.do(AmendIncident(incident_id=survivor, place=PlaceInput(point=HILLS)))
    due_at = MONDAY + timedelta(minutes=60, seconds=10)
    (moved,) = [e.body for e in done.events if isinstance(e.body, DeadlineMoved)]
    assert county.incident(survivor).due_at == moved.due_at == due_at, "the other is due as before"
    (told,) = [w for w in done.result["warnings"] if w["code"] == "deadline_moved"]
    assert told["due_at"] == due_at.isoformat()


def test_nobody_is_told_of_a_deadline_that_stays() -> None:
    county = County(rules(areas=RURAL_HILLS))
    survivor, same = county.determined(), county.determined()
    county.do(MergeIncident(incident_id=same, into=survivor))
    was = county.incident(survivor).due_at
    done = county.do(AmendIncident(incident_id=survivor, place=PlaceInput(point=HILLS)))
    after = county.incident(survivor)
    assert after.due_at == was and after.standard is not None and after.standard.minutes == 120
    assert "deadline_moved" not in {w["code"] for w in done.result["warnings"]}
    assert "deadline_moved" not in {notice.template for notice in done.notices}
    county.do(SplitIncident(incident_id=survivor, other=same))
    assert county.incident(survivor).due_at == MONDAY + timedelta(minutes=120)
