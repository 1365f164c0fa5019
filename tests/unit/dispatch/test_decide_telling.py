"""Amending overwrites nobody: facts one by one, beside what others told meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from crisis.assignment import Status
from crisis.changes import changes_of
from crisis.commands import (
    AddSubject,
    AmendIncident,
    Determine,
    EncounterInput,
    PlaceInput,
    PlanShift,
    RecordEncounter,
    RecordResponder,
    RecordTeam,
    ReportStatus,
    SubjectInput,
)
from crisis.ids import AssignmentId, EncounterId, IncidentId, ShiftId, TeamId
from crisis.roles import Role
from crisis.team import CrewMember
from crisis.triage import Acuity, Answer, Hazard, Need
from geo.point import Point
from tests.unit.dispatch.board_kit import (
    AGENCY,
    DISPATCHER,
    MONDAY,
    OAKLAND,
    OTHER_DISPATCHER,
    SAFE_SCENE,
    County,
    on_team,
    person,
)

ADMIN = person("admin", Role.ADMIN)
NEAR = Point(lat_deg=37.81, lon_deg=-122.27)


class Two:
    """An incident that two colleagues have opened a form of, in the same version."""

    def __init__(self, **facts: Any) -> None:
        self.county = County()
        self.id: IncidentId = self.county.determined(
            hazards=(Hazard(code="animals"),), needs=(Need(code="youth"),), **facts
        )
        self.seen = self.county.incident(self.id).version

    def first(self, **told: Any) -> None:
        """What the colleague sends, who is first."""
        amend = AmendIncident(incident_id=self.id, version=self.seen, **told)
        self.county.do(amend, by=OTHER_DISPATCHER)

    def second(self, **told: Any) -> dict[str, Any]:
        """What the other sends then."""
        amend = AmendIncident(incident_id=self.id, version=self.seen, **told)
        return self.county.do(amend, by=DISPATCHER).result

    def refused(self, **told: Any) -> list[dict[str, Any]]:
        """The facts of a refusal."""
        amend = AmendIncident(incident_id=self.id, version=self.seen, **told)
        refusal = self.county.refused("stale_version", amend, by=DISPATCHER)
        assert refusal.facts["version"] == self.county.incident(self.id).version
        assert refusal.facts["seen"] == self.seen
        fields = refusal.facts["fields"]
        assert isinstance(fields, list)
        return fields

    @property
    def hazards(self) -> set[str]:
        return {hazard.code for hazard in self.county.incident(self.id).hazards}


def test_a_form_that_was_opened_before_a_hazard_was_added_doesnt_erase_it() -> None:
    two = Two()
    two.first(add_hazards=(Hazard(code="weapon"),))
    two.second(acuity=Acuity.EMERGENT)
    assert two.hazards == {"animals", "weapon"}
    assert two.county.incident(two.id).acuity is Acuity.EMERGENT


def test_a_whole_list_takes_away_only_what_its_sender_saw() -> None:
    two = Two()
    two.first(hazards=(Hazard(code="animals"), Hazard(code="weapon")))
    result = two.second(hazards=(Hazard(code="needles"),))
    assert two.hazards == {"needles", "weapon"}, "the animals were seen, the weapon was not"
    assert [w["code"] for w in result["warnings"]] == ["unseen_kept"]
    assert result["warnings"][0]["fields"] == ["hazards"]


def test_a_whole_list_without_a_version_takes_away_nothing() -> None:
    two = Two()
    command = AmendIncident(incident_id=two.id, hazards=(), needs=(Need(code="peer"),))
    result = two.county.do(command).result
    assert two.hazards == {"animals"}
    assert {n.code for n in two.county.incident(two.id).needs} == {"youth", "peer"}
    assert "unseen_kept" in {w["code"] for w in result["warnings"]}
    two.county.do(AmendIncident(incident_id=two.id, remove_hazards=("animals",)))
    assert two.hazards == set()


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ({"acuity": Acuity.EMERGENT}, {"acuity": Acuity.ROUTINE}, "acuity"),
        (
            {"place": PlaceInput(location_type="school")},
            {"place": PlaceInput(location_type="park")},
            "location_type",
        ),
        ({"place": PlaceInput(point=NEAR)}, {"place": PlaceInput(point=OAKLAND)}, "point"),
        (
            {"place": PlaceInput(address="1 Elm St")},
            {"place": PlaceInput(address="2 Elm St")},
            "address",
        ),
        (
            {"screening": {"violence_now": Answer.YES}},
            {"screening": {"violence_now": Answer.NO}},
            "screening/violence_now",
        ),
        (
            {"add_needs": (Need(code="youth", hard=True),)},
            {"needs": (Need(code="youth"),), "acuity": Acuity.ROUTINE},
            "needs/youth",
        ),
        (
            {"add_needs": (Need(code="youth", hard=True),)},
            {"remove_needs": ("youth",)},
            "needs/youth",
        ),
        (
            {"add_hazards": (Hazard(code="animals", source="team"),)},
            {"remove_hazards": ("animals",)},
            "hazards/animals",
        ),
        (
            {"remove_needs": ("youth",)},
            {"needs": (Need(code="youth", hard=True),)},
            "needs/youth",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_somebody_else_changed_since_is_refused_with_both_values(
    first: dict[str, Any], second: dict[str, Any], field: str
) -> None:
    two = Two()
    two.first(**first)
    before = two.county.incident(two.id)
    (clash,) = two.refused(**second)
    assert clash["field"] == field
    private = field.split("/")[0] in {"screening", "point", "address"}
    assert (clash["yours"] is None) == (clash["theirs"] is None) == private
    assert two.county.incident(two.id) == before, "nothing of it happened"
    two.seen = before.version
    two.second(**second)


def test_the_same_said_twice_is_no_contradiction() -> None:
    two = Two()
    two.first(acuity=Acuity.EMERGENT, add_hazards=(Hazard(code="weapon"),))
    two.second(acuity=Acuity.EMERGENT, add_hazards=(Hazard(code="weapon"),))
    assert two.hazards == {"animals", "weapon"}


def test_who_adds_a_need_takes_no_must_away() -> None:
    two = Two()
    two.first(add_needs=(Need(code="peer", hard=True),))
    two.seen = two.county.incident(two.id).version
    two.second(add_needs=(Need(code="peer"),))
    assert Need(code="peer", hard=True) in two.county.incident(two.id).needs


def test_who_adds_a_need_takes_no_team_away_that_somebody_named() -> None:
    county = County()
    knows, also_knows = county.team(), county.team("Blue 2")
    incident_id = county.opened(needs=(Need(code="prior_contact", team_id=knows),))
    named = Need(code="prior_contact", team_id=also_knows)
    county.do(AmendIncident(incident_id=incident_id, add_needs=(named,)))
    county.do(AmendIncident(incident_id=incident_id, add_needs=(Need(code="prior_contact"),)))
    known = {need.team_id for need in county.incident(incident_id).needs}
    assert known == {knows, also_knows}


def test_a_list_that_says_a_thing_twice_says_it_once_and_as_a_must() -> None:
    county = County()
    incident_id = county.opened(
        needs=(Need(code="youth", hard=True), Need(code="youth", hard=False)),
        hazards=(Hazard(code="weapon"), Hazard(code="weapon")),
        concerns=("psychosis", "psychosis"),
    )
    incident = county.incident(incident_id)
    assert incident.needs == (Need(code="youth", hard=True),)
    assert [hazard.code for hazard in incident.hazards] == ["weapon"]
    assert incident.clinical.concerns == ("psychosis",)


@pytest.mark.parametrize("command", [AmendIncident, Determine])
def test_a_blank_takes_back_no_answer_that_its_sender_did_not_see(command: type[Any]) -> None:
    county = County()
    incident_id = county.opened(screening={"weapon_on_scene": Answer.YES})
    blank = {"weapon_on_scene": Answer.NOT_ASKED, "animals": Answer.NOT_ASKED}
    more = {} if command is AmendIncident else {"decision": "dispatch", "acuity": Acuity.EMERGENT}
    result = county.do(command(incident_id=incident_id, screening=blank, **more)).result
    assert county.incident(incident_id).danger.codes == ("weapon",)
    (kept,) = [w for w in result["warnings"] if w["code"] == "unseen_kept"]
    assert kept["fields"] == ["screening"]
    seen = county.incident(incident_id).version
    county.do(AmendIncident(incident_id=incident_id, screening=blank, version=seen))
    assert county.incident(incident_id).danger.codes == (), "whoever saw it may take it back"


def test_a_determination_overwrites_nobody_either() -> None:
    county = County()
    incident_id = county.opened(hazards=(Hazard(code="animals"),))
    seen = county.incident(incident_id).version
    add = AmendIncident(incident_id=incident_id, add_hazards=(Hazard(code="weapon"),))
    county.do(add, by=OTHER_DISPATCHER)
    form: dict[str, Any] = {"incident_id": incident_id, "decision": "dispatch", "version": seen}
    county.do(Determine(acuity=Acuity.URGENT, hazards=(Hazard(code="animals"),), **form))
    assert {h.code for h in county.incident(incident_id).hazards} == {"animals", "weapon"}


def test_a_form_from_before_the_determination_is_stale_too() -> None:
    county = County()
    incident_id = county.opened()
    seen = county.incident(incident_id).version
    decide = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT)
    county.do(decide, by=OTHER_DISPATCHER)
    amend = AmendIncident(incident_id=incident_id, version=seen, acuity=Acuity.ROUTINE)
    county.refused("stale_version", amend)


def test_no_version_was_seen_that_does_not_exist() -> None:
    two = Two()
    amend = AmendIncident(incident_id=two.id, version=two.seen + 1, acuity=Acuity.ROUTINE)
    two.county.refused("unknown_version", amend)


def test_nothing_comes_and_goes_in_one_act() -> None:
    two = Two()
    amend = AmendIncident(
        incident_id=two.id, add_hazards=(Hazard(code="weapon"),), remove_hazards=("weapon",)
    )
    two.county.refused("added_and_removed", amend)


def test_a_crew_adds_what_it_sees_to_what_the_desk_is_writing() -> None:
    two = Two()
    team = two.county.team()
    two.county.running(two.id, team)
    add = AmendIncident(incident_id=two.id, add_hazards=(Hazard(code="needles", source="team"),))
    two.county.do(add, by=on_team(team))
    two.second(add_hazards=(Hazard(code="weapon"),), remove_hazards=("animals",))
    assert two.hazards == {"needles", "weapon"}


def test_the_timeline_tells_what_changed_fact_by_fact() -> None:
    two = Two()
    two.first(
        acuity=Acuity.EMERGENT,
        add_hazards=(Hazard(code="weapon", source="law_enforcement"),),
        remove_needs=("youth",),
        screening={"violence_now": Answer.YES},
        place=PlaceInput(address="1 Elm St", location_type="school"),
    )
    seq = two.county.log[-1].seq if two.county.log else 0
    told = changes_of(two.county.log)
    (amended,) = [changes for at, changes in told.items() if at > 2 and len(changes) > 1]
    said = {(one.field, one.code): (one.was, one.now) for one in amended}
    assert said == {
        ("acuity", None): ("urgent", "emergent"),
        ("hazards", "weapon"): (None, "law_enforcement"),
        ("needs", "youth"): ("soft", None),
        ("screening", "violence_now"): (None, "yes"),
        ("address", None): (None, "known"),
        ("location_type", None): ("home", "school"),
    }
    assert max(told) <= seq


# Other entries that are sent whole


def _served(county: County) -> tuple[IncidentId, AssignmentId, TeamId]:
    team = county.team()
    incident_id = county.determined(screening=SAFE_SCENE)
    run = county.running(incident_id, team)
    for status in (Status.EN_ROUTE, Status.ON_SCENE):
        county.do(ReportStatus(assignment_id=run, status=status), by=on_team(team))
    return incident_id, run, team


def test_a_late_report_of_a_crew_adds_to_an_encounter_and_blanks_nothing() -> None:
    county = County()
    incident_id, run, team = _served(county)
    desk = EncounterInput(
        disposition="medical_ed",
        transport="ems",
        destination="Highland",
        mandated_reports=("child_abuse",),
        naloxone_given=Answer.YES,
    )
    recorded = county.do(RecordEncounter(assignment_id=run, encounter=desk)).result
    one = EncounterId(recorded["encounter_id"])
    crew = EncounterInput(disposition="medical_ed", law_enforcement="standby")
    about: dict[str, Any] = {"assignment_id": run, "encounter_id": one}
    county.do(RecordEncounter(encounter=crew, **about), by=on_team(team))
    (now,) = county.incident(incident_id).encounters
    assert (now.version, now.destination, now.transport) == (2, "Highland", "ems")
    assert (now.law_enforcement, now.mandated_reports) == ("standby", ("child_abuse",))
    assert now.naloxone_given is Answer.YES


def test_an_encounter_is_replaced_only_by_who_looked_at_the_newest_record() -> None:
    county = County()
    incident_id, run, _ = _served(county)
    first = EncounterInput(disposition="medical_ed", destination="Highland")
    done = county.do(RecordEncounter(assignment_id=run, encounter=first)).result
    about: dict[str, Any] = {
        "assignment_id": run,
        "encounter_id": EncounterId(done["encounter_id"]),
    }
    right = EncounterInput(disposition="medical_ed", destination="Summit", version=1)
    county.do(RecordEncounter(encounter=right, **about))
    county.refused("stale_version", RecordEncounter(encounter=first_of(right), **about))
    cleared = EncounterInput(disposition="stabilized_referral", version=2)
    county.do(RecordEncounter(encounter=cleared, **about))
    (now,) = county.incident(incident_id).encounters
    assert (now.disposition, now.destination) == ("stabilized_referral", None)


def first_of(encounter: EncounterInput) -> EncounterInput:
    """What a colleague sends who looked at the first record."""
    return msgspec.structs.replace(encounter, destination="Alta Bates", version=1)


def test_an_entry_of_the_roster_is_changed_only_as_it_was_seen() -> None:
    county = County()
    team_id = county.team("Blue 1")
    team = county.board.teams[team_id]
    seen = team.mark
    change = RecordTeam(team_id=team_id, agency_id=AGENCY, call_sign="Blue 9", seen=seen)
    county.do(change, by=ADMIN)
    stale = RecordTeam(team_id=team_id, agency_id=AGENCY, call_sign="Blue 2", seen=seen)
    refusal = county.refused("stale_entry", stale, by=ADMIN)
    assert refusal.facts["mark"] == county.board.teams[team_id].mark
    assert county.board.teams[team_id].call_sign == "Blue 9"

    who = next(iter(county.board.responders.values()))
    older = who.mark
    longer = msgspec.structs.replace(who, can_assess=not who.can_assess)
    county.do(RecordResponder(responder=longer, seen=older), by=ADMIN)
    county.refused("stale_entry", RecordResponder(responder=who, seen=older), by=ADMIN)
    county.do(RecordResponder(responder=who, seen=county.board.responders[who.id].mark), by=ADMIN)


def test_a_planned_shift_is_changed_only_as_it_was_seen() -> None:
    county = County()
    team_id = county.team("Blue 1", on_shift=False)
    starts = MONDAY + timedelta(hours=1)
    window: dict[str, Any] = {
        "team_id": team_id,
        "starts_at": starts,
        "ends_at": starts + timedelta(hours=8),
    }
    planned = county.do(PlanShift(**window), by=ADMIN).result
    shift_id = ShiftId(planned["shift_id"])
    seen = county.board.shifts[shift_id].mark
    who = next(iter(county.board.responders))
    crew = (CrewMember(responder_id=who),)
    county.do(PlanShift(shift_id=shift_id, crew=crew, seen=seen, **window), by=ADMIN)
    county.refused("stale_entry", PlanShift(shift_id=shift_id, seen=seen, **window), by=ADMIN)
    assert county.board.shifts[shift_id].crew == crew


def test_who_says_more_of_a_person_takes_nothing_back() -> None:
    county = County()
    incident_id = county.opened(subjects=(SubjectInput(description="allergic to penicillin"),))
    (first,) = county.incident(incident_id).subjects
    named = AddSubject(
        incident_id=incident_id, subject_id=first.id, subject=SubjectInput(name="Ray")
    )
    county.do(named, by=OTHER_DISPATCHER)
    (now,) = county.incident(incident_id).subjects
    assert now.records == (first.record, now.record), "each word is a record, and all are kept"
