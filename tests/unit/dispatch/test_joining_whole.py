"""Merges of incidents as they really are: every field of an incident has a rule of how it joins.

Incidents are lived through at random (calls, notes, people, teams, partners, encounters, alarms,
hand-overs), then merged, in chains too, split and merged again. A field of ``Incident`` without a
rule here fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from crisis.assignment import Status
from crisis.commands import (
    AcceptOffer,
    AcknowledgeHazards,
    AcknowledgePartner,
    AddNote,
    AddSlot,
    AddSubject,
    AmendIncident,
    AttachCall,
    BriefPartner,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    Command,
    DeclineOffer,
    Determine,
    EncounterInput,
    HandOver,
    MergeIncident,
    OfferTeam,
    OpenIncident,
    PartnerGone,
    PlaceInput,
    RaiseDuress,
    RecordEncounter,
    ReopenIncident,
    ReportStatus,
    RequestPartner,
    SettleClaim,
    SplitIncident,
    StartScreening,
    SubjectInput,
    TakeInHand,
)
from crisis.errors import CrisisError
from crisis.ids import IncidentId, TeamId, UserId
from crisis.incident.danger import contradictions
from crisis.incident.state import Incident, IncidentState
from crisis.states import Source
from crisis.triage import Acuity, Answer, Hazard, Need
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    OAKLAND,
    OTHER_DISPATCHER,
    SUPERVISOR,
    County,
    on_team,
    rules,
    uid,
)
from tests.unit.dispatch.test_decide_incidents import HILLS, RURAL_HILLS
from tests.unit.dispatch.test_decide_joining import is_as_before, is_not_milder

S = IncidentState
OTHER = OTHER_DISPATCHER.user_id or UserId(uid("nobody"))


def earliest(*instants: Any) -> Any:
    return min((at for at in instants if at is not None), default=None)


class Merge:
    """Both as they were, and both as they are."""

    def __init__(self, was: Incident, into: Incident, gone: Incident, after: Incident) -> None:
        self.was, self.into, self.gone, self.after = was, into, gone, after


Rule = Callable[[Merge, str], None]


def stays(m: Merge, name: str) -> None:
    """Each keeps its own: of the one that is absorbed it is read there."""
    assert getattr(m.after, name) == getattr(m.into, name), name
    assert getattr(m.gone, name) == getattr(m.was, name), name


def grows(m: Merge, name: str) -> None:
    """The survivor's own may only come to more; the absorbed one's is read there."""
    own = getattr(m.into, name)
    assert getattr(m.after, name)[: len(own)] == own, name
    assert getattr(m.gone, name) == getattr(m.was, name), name


def joins(m: Merge, name: str) -> None:
    """The survivor holds both's."""
    known = {getattr(one, "id", one) for one in getattr(m.after, name)}
    for one in (m.was, m.into):
        assert {getattr(x, "id", x) for x in getattr(one, name)} <= known, name


def is_earliest(m: Merge, name: str) -> None:
    for one in (getattr(m.was, name), getattr(m.into, name)):
        assert one is None or getattr(m.after, name) <= one, name


def is_situation(m: Merge, name: str) -> None:
    for one in (m.was, m.into):
        assert is_not_milder(one.situation, m.after.situation), name
        assert set(one.place.types) <= set(m.after.place.types), name


def is_worse_danger(m: Merge, name: str) -> None:
    for one in (m.was.danger, m.into.danger):
        assert set(one.codes) <= set(m.after.danger.codes)
        open_ = {*one.unknown, *one.not_asked}
        now = m.after.danger
        assert open_ <= {*now.unknown, *now.not_asked, *now.codes}
        assert now.scene_known <= one.scene_known and now.is_clear <= one.is_clear
    assert m.after.danger.version >= m.into.danger.version


def partners_go_on(m: Merge, name: str) -> None:
    """Who is still on the way goes on with the survivor; who is done stays readable."""
    there = {p.id: p for p in (*m.after.partners, *m.gone.partners)}
    for one in (*m.was.partners, *m.into.partners):
        now = there[one.id]
        assert msgspec.structs.replace(now, danger=one.danger) == one
        if one.is_open:
            assert one.id in {p.id for p in m.after.partners}
    known = [m.was.danger, m.into.danger]
    same = msgspec.structs.replace
    for partner in m.after.partners:
        knew = {p.id: d for d, of in zip(known, (m.was, m.into), strict=True) for p in of.partners}
        before = knew[partner.id]
        if partner.is_open and same(before, version=0) != same(m.after.danger, version=0):
            assert partner.danger < m.after.danger.version, "nobody was told of what they weren't"


def slots_go_on(m: Merge, name: str) -> None:
    if m.after.state is S.DETERMINED:
        done = {Status.CLEARED, Status.READY}
        runs = {s.no: m.after.slot_run(s.no) for s in m.after.slots if s.dropped is None}
        helped = [run for run in runs.values() if run is None or run.state not in done]
        assert len(m.was.waiting_slots()) <= len(helped), "as many are sought or on their way"
        assert {s.no for s in m.into.slots} <= {s.no for s in m.after.slots}


def offers_end(m: Merge, name: str) -> None:
    assert [o.id for o in m.gone.offers] == [o.id for o in m.was.offers]
    assert not any(o.is_pending for o in m.gone.offers)
    assert m.after.offers == m.into.offers


def state_holds(m: Merge, name: str) -> None:
    assert m.gone.state is S.MERGED
    order = [S.RECEIVED, S.SCREENING, S.DETERMINED]
    assert order.index(m.after.state) >= max(order.index(m.was.state), order.index(m.into.state))


def owner_holds(m: Merge, name: str) -> None:
    assert m.after.owner == (m.into.owner or m.was.owner)


def is_newer(m: Merge, name: str) -> None:
    assert m.after.version > m.into.version


def open_runs_stay(m: Merge, name: str) -> None:
    assert m.gone.assignments == m.was.assignments
    assert [r.id for r in m.after.assignments] == [r.id for r in m.into.assignments]
    for run in m.after.open_runs:
        assert run.acknowledged < m.after.version, "what is new is read anew"


def kept_for_a_split(m: Merge, name: str) -> None:
    assert m.after.joins[-1].other == m.was.id and m.was.id in m.after.absorbed
    assert m.after.joins[-1].before == m.into.situation


def proposes_all(m: Merge, name: str) -> None:
    partners = {p.kind for p in m.after.suggestion.partners}
    for one in (m.was.suggestion, m.into.suggestion):
        assert {p.kind for p in one.partners} <= partners
        assert set(one.needs) <= set(m.after.suggestion.needs)
        assert set(one.asks) <= set(m.after.suggestion.asks)
        assert not one.is_more_pressing_than(m.after.suggestion.acuity)


def own_after(m: Merge, name: str) -> None:
    """Follows from other fields: judged with them."""


#: Every field of an incident, and how it joins.
JOINS: dict[str, Rule] = {
    "id": stays,
    "number": stays,
    "received_at": stays,
    "policy_version": stays,
    "paper_number": stays,
    "referral_source": stays,
    "archived": stays,
    "standard": stays,
    "own_determined_at": stays,
    "own_due_at": stays,
    "outcome": stays,
    "reason": stays,
    "records": stays,
    "encounters": stays,
    "holds": stays,
    "flags": stays,
    "in_hand_by": stays,
    "in_hand_until": stays,
    "pending_owner": stays,
    "handed_over_at": stays,
    "state": state_holds,
    "version": is_newer,
    "owner": owner_holds,
    "owner_since": own_after,
    "sought_since": own_after,
    "amended_at": own_after,
    "screening_at": own_after,
    "screening_since": own_after,
    "ended_at": own_after,
    "merged_into": own_after,
    "touched": own_after,
    "touched_by": own_after,
    "determined_at": is_earliest,
    "due_at": is_earliest,
    "place": is_situation,
    "acuity": is_situation,
    "needs": is_situation,
    "hazards": is_situation,
    "clinical": is_situation,
    "danger": is_worse_danger,
    "suggestion": proposes_all,
    "absorbed": grows,
    "joins": kept_for_a_split,
    "calls": joins,
    "subjects": joins,
    "partners": partners_go_on,
    "slots": slots_go_on,
    "offers": offers_end,
    "assignments": open_runs_stay,
}


def test_every_field_of_an_incident_has_a_rule_of_how_it_joins() -> None:
    assert set(JOINS) == set(Incident.__struct_fields__)


# Living through incidents

_ITEMS = ("weapon_on_scene", "violence_now", "firearm_access", "animals", "medical_symptoms")
_HAZARDS = ("weapon", "firearm", "animals", "medical_emergency", "needles", "unknown_scene")
_TYPES = (None, "home", "foster_home", "school", "tribal_land", "emergency_department")
#: What may be refused of a merge, in a sentence that says what to do instead.
REFUSED = {"merge_open_runs", "merge_served", "merge_undetermined", "claim_open"}


class Life:
    """A county in which things happen to some incidents; what isn't allowed doesn't."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.county = County(rules(areas=RURAL_HILLS))
        self.teams = [self.county.team(f"Blue {n}") for n in range(4)]
        self.incidents = [self._opened() for _ in range(3)]

    def tried(self, command: Command, **how: Any) -> CrisisError | None:
        """Let it happen where it may; answer how it was refused."""
        try:
            return self.county.do(command, **how).refusal
        except CrisisError as refusal:
            return refusal

    def _opened(self) -> IncidentId:
        draw, call = self.draw, None
        if draw.random() < 0.5:
            call = self.county.call(f"call {draw.random()}")
        done = self.county.do(
            OpenIncident(call_id=call, narrative="story", subjects=self._people(), **self._known()),
            by=draw.choice([DISPATCHER, OTHER_DISPATCHER]),
        )
        return IncidentId(done.result["incident_id"])

    def _people(self) -> tuple[SubjectInput, ...]:
        return tuple(SubjectInput(name=f"P{n}") for n in range(self.draw.randrange(3)))

    def _known(self) -> dict[str, Any]:
        draw = self.draw
        return {
            "place": PlaceInput(
                point=draw.choice([None, OAKLAND, HILLS]),
                address=draw.choice([None, "1 Elm St"]),
                access=draw.choice([None, "gate 4411"]),
                location_type=draw.choice(_TYPES),
            ),
            "screening": {i: draw.choice(list(Answer)) for i in _ITEMS if draw.random() < 0.5},
            "hazards": tuple(
                Hazard(code=code, source=draw.choice(["caller", "team"]))
                for code in draw.sample(_HAZARDS, draw.randrange(3))
            ),
            "needs": tuple(
                Need(code=code, hard=draw.random() < 0.5)
                for code in draw.sample(["youth", "peer"], draw.randrange(3))
            ),
            "concerns": tuple(draw.sample(["psychosis", "suicide_risk"], draw.randrange(3))),
            "referral_source": draw.choice([None, "furs", "child_welfare", "psap_911"]),
        }

    def step(self, incident_id: IncidentId) -> None:
        """Let one thing happen to an incident."""
        incident, draw = self.county.incident(incident_id), self.draw
        act = draw.choice([*[self._of_desk] * 2, self._of_partner, *[self._of_search] * 4])
        act(incident)
        self.county.wait(draw.choice([1, 10, 20]))

    def _of_desk(self, one: Incident) -> None:
        known = self._known()
        known.pop("referral_source")
        command: Command = self.draw.choice(
            [
                AddNote(incident_id=one.id, text="note"),
                AddSubject(incident_id=one.id, subject=SubjectInput(name="Q")),
                AmendIncident(incident_id=one.id, **known),
                AttachCall(incident_id=one.id, call_id=self.county.call(f"c {self.draw.random()}")),
                StartScreening(incident_id=one.id),
                HandOver(incident_id=one.id, to=OTHER),
                TakeInHand(incident_id=one.id),
            ]
        )
        if self.draw.random() < 0.03:
            command = RaiseDuress(team_id=self.draw.choice(self.teams))
        self.tried(command, by=self.draw.choice([DISPATCHER, SUPERVISOR]))

    def _of_search(self, one: Incident) -> None:
        draw = self.draw
        pending = [offer for offer in one.offers if offer.is_pending]
        if one.state in {S.RECEIVED, S.SCREENING}:
            acuity = draw.choice(list(Acuity))
            slots = draw.randrange(1, 4)
            self.tried(
                Determine(incident_id=one.id, decision="dispatch", acuity=acuity, slots=slots)
            )
        elif pending:
            offer = pending[0]
            answer: Command = AcceptOffer(offer_id=offer.id)
            if draw.random() < 0.2:
                answer = DeclineOffer(offer_id=offer.id, reason="fatigue")
            self.tried(answer, by=on_team(offer.team_id))
        elif one.open_runs and draw.random() < 0.8:
            self._of_run(one)
        elif draw.random() < 0.2:
            self.tried(AddSlot(incident_id=one.id))
        else:
            team = draw.choice(self.teams)
            self.tried(OfferTeam(incident_id=one.id, team_id=team, override_reason="other"))

    def _of_run(self, one: Incident) -> None:
        run = self.draw.choice(one.open_runs)
        by = on_team(run.team_id)
        if self.draw.random() < 0.15:
            self.tried(CancelAssignment(assignment_id=run.id, reason="wrong_address"))
            # It is there all the same: a claim.
            self.county.wait(60)
            if self.draw.random() < 0.8:
                self.tried(ReportStatus(assignment_id=run.id, status=Status.ON_SCENE), by=by)
            return
        self.tried(AcknowledgeHazards(assignment_id=run.id, version=one.version), by=by)
        order = ["en_route", "on_scene", "contact", "assessed"]
        following = [s for s in order if s not in run.milestones]
        if following and self.draw.random() < 0.7:
            self.tried(ReportStatus(assignment_id=run.id, status=Status(following[0])), by=by)
            return
        subject = self.draw.choice([None, *(s.id for s in one.subjects)])
        self.tried(
            RecordEncounter(
                assignment_id=run.id,
                encounter=EncounterInput(disposition="stabilized_referral", subject_id=subject),
            ),
            by=by,
        )
        self.tried(ClearAssignment(assignment_id=run.id), by=by)

    def _of_partner(self, one: Incident) -> None:
        about: dict[str, Any] = {"incident_id": one.id}
        awaited = [p for p in one.partners if p.is_open]
        if not awaited or self.draw.random() < 0.3:
            self.tried(RequestPartner(kind="ems", reason="medical", **about))
            return
        about["partner_id"] = self.draw.choice(awaited).id
        commands: list[Command] = [
            AcknowledgePartner(reference="E26", **about),
            BriefPartner(**about),
            PartnerGone(outcome="transported", **about),
        ]
        self.tried(self.draw.choice(commands))

    def merge(self, one: IncidentId, other: IncidentId) -> Merge | None:
        """Merge one into the other, and hold every field against its rule."""
        was, into = self.county.incident(one), self.county.incident(other)
        refusal = self.tried(MergeIncident(incident_id=one, into=other))
        if refusal is not None:
            assert refusal.code in REFUSED or was.is_settled or into.is_settled, refusal.code
            return None
        after = self.county.incident(other)
        found = Merge(was, into, self.county.incident(one), after)
        for name, rule in JOINS.items():
            rule(found, name)
        assert contradictions(after.situation, self.county.rules.codes) == ()
        assert self.county.last is not None
        changed = self.county.last.result["changed"]
        for name in ("due_at", "calls", "subjects", "partners", "slots", "owner"):
            assert (name in changed) == (getattr(into, name) != getattr(after, name)), name
        told = {name.split("/")[0] for name in changed}
        if into.hazards != after.hazards:
            assert "hazards" in told
        return found


@pytest.mark.parametrize("seed", range(60))
def test_whatever_two_or_three_incidents_went_through_a_merge_loses_nothing(seed: int) -> None:
    life = Life(seed)
    first, second, third = life.incidents
    for _ in range(life.draw.randrange(90)):
        life.step(life.draw.choice(life.incidents))
    merged = life.merge(first, second) or life.merge(second, first)
    if merged is None:
        return
    survivor = merged.after.id
    for _ in range(life.draw.randrange(6)):
        life.step(survivor)
    chained = life.merge(survivor, third) or life.merge(third, survivor)
    if chained is None:
        return
    last, inner = chained.after.id, chained.was
    was, into = chained.was, chained.into
    for hold in life.county.incident(last).holds:
        settling = SettleClaim(assignment_id=hold.assignment_id, there=False)
        assert life.tried(settling) is None
    assert life.tried(SplitIncident(incident_id=last, other=inner.id)) is None
    is_as_before(was, life.county.incident(inner.id))
    is_as_before(into, life.county.incident(last))
    again = life.merge(inner.id, last)
    assert again is not None, "what was split can be merged again"


def test_the_walks_reach_what_they_are_for() -> None:
    """Incidents with runs, encounters, partners, claims and alarms are among those merged."""
    seen: set[str] = set()
    for seed in range(60):
        life = Life(seed)
        for _ in range(life.draw.randrange(90)):
            life.step(life.draw.choice(life.incidents))
        for incident_id in life.incidents:
            one = life.county.incident(incident_id)
            found = {
                "runs": one.open_runs,
                "encounters": one.encounters,
                "partners": one.partners,
                "claims": one.holds,
                "screening": one.state is S.SCREENING,
                "on scene": one.first_on_scene_at,
                "handed over": one.pending_owner,
                "in hand": one.in_hand_by,
            }
            seen |= {name for name, value in found.items() if value}
        seen |= {"alarm"} if life.county.board.duress else set()
    lacking = {"runs", "encounters", "partners", "claims", "screening", "on scene"} - seen
    assert lacking == set()
    assert {"handed over", "in hand", "alarm"} <= seen


# Kinds that fell

MET = EncounterInput(disposition="stabilized_referral")


def test_a_kind_of_place_that_calls_for_somebody_is_kept_beside_the_survivors_own() -> None:
    county = County()
    foster = county.opened(place=PlaceInput(point=OAKLAND, location_type="foster_home"))
    into = county.determined(place=PlaceInput(point=OAKLAND, location_type="home"))
    result = county.do(MergeIncident(incident_id=foster, into=into)).result
    place = county.incident(into).place
    assert place.types == ("home", "foster_home") and place.location_type == "home"
    assert "furs" in {p.kind for p in county.incident(into).proposals}
    assert "location_type/foster_home" in result["changed"]
    county.do(AmendIncident(incident_id=into, acuity=Acuity.EMERGENT))
    assert county.incident(into).place.types == ("home", "foster_home")
    county.do(SplitIncident(incident_id=into, other=foster))
    assert county.incident(into).place.types == ("home",)
    county.do(MergeIncident(incident_id=foster, into=into))
    stale = AmendIncident(incident_id=into, version=1, place=PlaceInput(location_type="school"))
    county.refused("stale_version", stale)
    county.do(AmendIncident(incident_id=into, place=PlaceInput(location_type="school")))
    assert county.incident(into).place.types == ("school",), "a person said what it is"


def test_a_merge_says_what_changed_and_that_danger_grew() -> None:
    county = County()
    team = county.team()
    armed = county.determined(screening={"weapon_on_scene": Answer.YES}, slots=2)
    county.wait(60)
    into = county.determined()
    run_id = county.running(into, team)
    county.do(AcknowledgeHazards(assignment_id=run_id, version=1), by=on_team(team))
    done = county.do(MergeIncident(incident_id=armed, into=into))
    assert {"screening", "determined_at", "due_at", "slots"} <= set(done.result["changed"])
    codes = {one["code"]: one for one in done.result["warnings"]}
    assert codes["danger_grew"]["hazards"] == ["weapon"]
    assert "facts_joined" in codes
    run = county.incident(into).open_runs[0]
    assert run.acknowledged < county.incident(into).version
    assert (f"team:{team}", "incident_amended") in county.told()


def test_a_live_incident_is_not_merged_into_one_that_nothing_rings_for() -> None:
    county = County()
    live = county.determined()
    paper = county.opened(
        paper_number="P7", source=Source.BACK_ENTRY, reason="system_outage", by=SUPERVISOR
    )
    refusal = county.refused("merge_into_paper", MergeIncident(incident_id=live, into=paper))
    assert refusal.facts["other_way_round"] is True
    county.do(MergeIncident(incident_id=paper, into=live))
    assert county.incident(live).waiting_slots()


def test_who_still_waits_is_not_met_by_a_team_that_is_done() -> None:
    county = County()
    team = county.team()
    into = county.determined()
    run_id = county.running(into, team)
    by = on_team(team)
    county.do(AcknowledgeHazards(assignment_id=run_id, version=1), by=by)
    for status in ("en_route", "on_scene", "contact"):
        county.do(ReportStatus(assignment_id=run_id, status=Status(status)), by=by)
    county.do(RecordEncounter(assignment_id=run_id, encounter=MET), by=by)
    county.do(ClearAssignment(assignment_id=run_id), by=by)
    waits = county.determined()
    result = county.do(MergeIncident(incident_id=waits, into=into)).result
    assert len(county.incident(into).waiting_slots()) == 1
    assert "slots_joined" in {one["code"] for one in result["warnings"]}


def test_what_a_partner_was_told_of_another_incident_is_not_taken_for_this_ones() -> None:
    county = County()
    one, into = county.opened(), county.determined(screening={"weapon_on_scene": Answer.YES})
    ask = RequestPartner(incident_id=one, kind="ems", reason="medical")
    partner = county.do(ask).result["partner_id"]
    for n in range(4):
        hazard = Hazard(code=("animals", "needles", "hoarding", "traffic")[n])
        county.do(AmendIncident(incident_id=one, add_hazards=(hazard,)))
    county.do(BriefPartner(incident_id=one, partner_id=partner))
    result = county.do(MergeIncident(incident_id=one, into=into)).result
    (seen,) = county.incident(into).partners
    assert seen.danger < county.incident(into).danger.version
    assert "partner_not_told" in {w["code"] for w in result["warnings"]}


@pytest.mark.parametrize("ends", ["cancelled", "merged"])
def test_an_incident_that_came_back_can_still_be_split(ends: str) -> None:
    county = County()
    inner, into, outer = county.opened(), county.determined(), county.determined()
    county.do(MergeIncident(incident_id=inner, into=into))
    if ends == "merged":
        county.do(MergeIncident(incident_id=into, into=outer))
        county.do(SplitIncident(incident_id=outer, other=into))
    else:
        county.do(CancelIncident(incident_id=into, reason="caller_cancelled"))
        assert into not in county.board.incidents and inner not in county.board.incidents
        county.wait(timedelta(minutes=2).total_seconds())
        county.do(ReopenIncident(incident_id=into, reason="ended_in_error"))
        assert county.incident(into).absorbed == (inner,)
    county.do(SplitIncident(incident_id=into, other=inner))
    assert county.incident(inner).state is S.RECEIVED
    assert inner in county.board.incidents
    county.do(MergeIncident(incident_id=inner, into=into))


def test_a_merge_with_a_crew_at_the_door_reaches_it_and_leaves_it_there() -> None:
    county = County()
    team: TeamId = county.team()
    into = county.determined()
    run_id, by = county.running(into, team), on_team(team)
    county.do(AcknowledgeHazards(assignment_id=run_id, version=1), by=by)
    for status in ("en_route", "on_scene"):
        county.do(ReportStatus(assignment_id=run_id, status=Status(status)), by=by)
    armed = county.determined(screening={"weapon_on_scene": Answer.YES})
    refusal = county.refused("merge_open_runs", MergeIncident(incident_id=into, into=armed))
    assert refusal.facts["other_way_round"] is True
    county.do(MergeIncident(incident_id=armed, into=into))
    (run,) = county.incident(into).open_runs
    assert run.state == "on_scene" and run.acknowledged < county.incident(into).version
    assert (f"team:{team}", "incident_amended") in county.told()
    county.do(SplitIncident(incident_id=into, other=armed))
    assert county.incident(into).open_runs[0].state == "on_scene"
