"""What of an encounter fits together, and who may write a hold."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from crisis.assignment import Status
from crisis.codes import code_sets
from crisis.commands import (
    AmendIncident,
    ClearAssignment,
    EncounterInput,
    RecordEncounter,
    RecordResponder,
    ReportStatus,
    SwapCrew,
)
from crisis.endings import FIELDS, Fit, fit
from crisis.incident.fold import evolve_incident
from crisis.incident.state import Encounter, EncounterRecorded
from crisis.responder import PresenceMode
from crisis.team import CrewMember
from crisis.triage import Answer
from tests.unit.dispatch.board_kit import SUPERVISOR, County, clinician, on_team, peer

DISPOSITIONS = tuple(code_sets(date(2026, 3, 2))["disposition"])


class Scene:
    """A team on scene."""

    def __init__(self, *, may_hold: bool = False) -> None:
        self.county = County()
        self.people = (clinician("Ana", may_write_5150=may_hold), peer("Bo"))
        self.team = self.county.team(crew=self.people)
        self.incident_id = self.county.determined()
        self.run = self.county.running(self.incident_id, self.team)
        self.says(Status.ON_SCENE)
        self.says(Status.CONTACT)

    def says(self, status: Status) -> None:
        self.county.wait(60)
        report = ReportStatus(assignment_id=self.run, status=status)
        self.county.do(report, by=on_team(self.team))

    def command(self, **encounter: Any) -> RecordEncounter:
        return RecordEncounter(assignment_id=self.run, encounter=EncounterInput(**encounter))

    def record(self, **encounter: Any) -> dict[str, Any]:
        return self.county.do(self.command(**encounter), by=on_team(self.team)).result

    def refused(self, code: str, **encounter: Any) -> Any:
        return self.county.refused(code, self.command(**encounter), by=on_team(self.team))

    @property
    def encounter(self) -> Encounter:
        return self.county.incident(self.incident_id).encounters[-1]


HOLD: dict[str, Any] = {
    "disposition": "hold_by_team",
    "hold": "w5150",
    "transport": "ems",
    "destination": "General",
    "plan_exception": "declined",
}


def codes(result: dict[str, Any]) -> set[str]:
    return {one["code"] for one in result["warnings"]}


#: For each field, what says that it is so, and what says that it is not.
SAYS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "contacted": ({"contacted": True}, {"contacted": False}),
    "hold": ({"hold": "w5150"}, {"hold": "none"}),
    "transport": ({"transport": "ems"}, {"transport": "none"}),
    "destination": ({"destination": "General"}, None),
    "plan": ({"plan": "written"}, None),
    "law_enforcement": ({"law_enforcement": "co_response"}, {"law_enforcement": "none"}),
}


@pytest.mark.parametrize("kind", DISPOSITIONS, ids=lambda kind: kind.code)
@pytest.mark.parametrize("field", FIELDS)
def test_every_ending_refuses_what_contradicts_it_and_takes_what_may_be(
    kind: Any, field: str
) -> None:
    scene = Scene(may_hold=True)
    base = {} if fit(kind, "contacted") is not Fit.MAY else {"contacted": True}
    so, not_so = SAYS[field]
    clash = {Fit.NEVER: so, Fit.MUST: not_so}.get(fit(kind, field))
    if clash is not None:
        refusal = scene.refused(
            "disposition_contradicts", disposition=kind.code, **{**base, **clash}
        )
        assert refusal.facts["field"] == field
    if fit(kind, field) is not Fit.NEVER:
        scene.record(disposition=kind.code, **{**base, **so})


@pytest.mark.parametrize(
    ("encounter", "field"),
    [
        ({"disposition": "stabilized_safety_plan", "hold": "w5150"}, "hold"),
        ({"disposition": "not_found", "plan": "written"}, "plan"),
        ({"disposition": "not_found", "transport": "ems"}, "transport"),
        ({"disposition": "voluntary_csu", "transport": "none"}, "transport"),
        (
            {
                "disposition": "stabilized_referral",
                "plan": "written",
                "plan_exception": "declined",
            },
            "plan",
        ),
        (
            {
                "disposition": "voluntary_csu",
                "transport": "law_enforcement",
                "law_enforcement": "none",
            },
            "law_enforcement",
        ),
    ],
)
def test_what_can_not_all_be_true_is_refused(encounter: dict[str, Any], field: str) -> None:
    assert Scene().refused("disposition_contradicts", **encounter).facts["field"] == field


def test_whether_somebody_was_met_is_as_the_ending_says_or_asked_for() -> None:
    scene = Scene()
    scene.record(disposition="stabilized_referral")
    assert scene.encounter.contacted is True
    scene.record(disposition="not_found")
    assert scene.encounter.contacted is False
    scene.refused("contacted_missing", disposition="deceased")
    scene.record(disposition="deceased", contacted=False)


# Holds


def test_a_hold_by_a_team_of_which_nobody_may_write_one_is_refused() -> None:
    scene = Scene()
    scene.refused("hold_writer_missing", **HOLD)
    theirs = {"disposition": "hold_by_law_enforcement", "law_enforcement": "already_on_scene"}
    scene.record(**{**HOLD, **theirs})


def test_a_designated_member_of_the_run_writes_it() -> None:
    scene = Scene(may_hold=True)
    assert "hold_writer_missing" not in codes(scene.record(**HOLD))


def test_the_designation_counts_from_when_the_roster_knows_it() -> None:
    scene = Scene()
    scene.refused("hold_writer_missing", **HOLD)
    known = scene.county.board.responders[scene.people[0].id]
    designated = msgspec.structs.replace(known, may_write_5150=True)
    scene.county.do(RecordResponder(responder=designated), by=SUPERVISOR)
    scene.record(**HOLD)


def test_a_clear_frees_the_team_all_the_same_warns_and_tells_the_supervisor() -> None:
    scene = Scene()
    clear = ClearAssignment(assignment_id=scene.run, encounters=(EncounterInput(**HOLD),))
    done = scene.county.do(clear, by=on_team(scene.team))
    assert "hold_writer_missing" in codes(done.result)
    assert ("role:supervisor", "hold_writer_missing") in scene.county.told()
    assert scene.county.board.teams[scene.team].run is None


def test_one_who_left_before_the_arrival_can_not_have_written_it() -> None:
    county = County()
    writer, others = clinician("Wren", may_write_5150=True), (clinician("Ana"), peer("Bo"))
    team = county.team(crew=(writer, *others))
    run = county.running(county.determined(), team)
    crew = tuple(CrewMember(responder_id=one.id, carries_naloxone=True) for one in others)
    county.wait(60)
    county.do(SwapCrew(assignment_id=run, crew=crew, reason="illness"))
    county.wait(60)
    county.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=on_team(team))
    county.wait(60)
    written = RecordEncounter(assignment_id=run, encounter=EncounterInput(**HOLD))
    county.refused("hold_writer_missing", written, by=on_team(team))


def test_one_who_is_only_on_the_screen_can_not_have_written_it() -> None:
    scene = Scene()
    writer = clinician("Wren", may_write_5150=True)
    scene.county.do(RecordResponder(responder=writer), by=SUPERVISOR)
    here = [CrewMember(responder_id=one.id, carries_naloxone=True) for one in scene.people]
    remote = CrewMember(responder_id=writer.id, mode=PresenceMode.TELEHEALTH_VIDEO)
    scene.county.do(SwapCrew(assignment_id=scene.run, crew=(*here, remote), reason="skills"))
    scene.county.wait(60)
    scene.refused("hold_writer_missing", **HOLD)


def test_a_hold_for_adults_of_a_person_under_18_is_warned_of() -> None:
    scene = Scene(may_hold=True)
    amend = AmendIncident(incident_id=scene.incident_id, screening={"under_18": Answer.YES})
    scene.county.do(amend)
    assert "hold_age" in codes(scene.record(**HOLD))
    assert "hold_age" not in codes(scene.record(**{**HOLD, "hold": "w5585"}))


def test_what_an_ending_asks_for_and_nobody_told_is_warned_of() -> None:
    scene = Scene(may_hold=True)
    found = codes(scene.record(disposition="hold_by_team"))
    assert {"plan_missing", "hold_missing", "transport_missing", "destination_missing"} <= found
    arrest = codes(scene.record(disposition="arrest", plan_exception="incarcerated"))
    assert arrest == {"law_enforcement_missing"}


def test_a_request_to_law_enforcement_that_nobody_recorded_is_warned_of() -> None:
    scene = Scene()
    asked = {"disposition": "stabilized_referral", "law_enforcement": "requested_by_team"}
    assert "law_enforcement_unrecorded" in codes(scene.record(**asked))


def test_a_transport_that_the_team_never_reported_is_warned_of() -> None:
    scene = Scene()
    drove = {"disposition": "voluntary_csu", "transport": "team_vehicle", "destination": "CSU"}
    assert "transport_unreported" in codes(scene.record(**drove))
    scene.says(Status.TRANSPORTING)
    assert "transport_unreported" not in codes(scene.record(**drove))


# Not asked


def test_naloxone_that_nobody_was_asked_about_is_not_a_no() -> None:
    scene = Scene()
    for said in ({}, {"naloxone_given": Answer.NO}):
        scene.record(disposition="stabilized_referral", **said)
        assert scene.encounter.naloxone_given is said.get("naloxone_given", Answer.NOT_ASKED)


@pytest.mark.parametrize(("old", "read"), [(True, Answer.YES), (False, Answer.NOT_ASKED)])
def test_a_tick_in_an_old_log_is_a_yes_and_its_absence_was_never_asked(
    old: bool, read: Answer
) -> None:
    scene = Scene()
    event = EncounterRecorded(
        incident_id=scene.incident_id,
        encounter_id=scene.record(disposition="stabilized_referral")["encounter_id"],
        assignment_id=scene.run,
        naloxone_given=old,
    )
    after = evolve_incident(scene.county.incident(scene.incident_id), event, scene.county.now)
    assert after.encounters[-1].naloxone_given is read


@pytest.mark.parametrize("kind", DISPOSITIONS, ids=lambda kind: kind.code)
def test_no_hold_stands_in_the_record_without_a_word_of_who_wrote_it(kind: Any) -> None:
    scene = Scene(may_hold=True)
    told: dict[str, Any] = {"disposition": kind.code, "hold": "w5150", "contacted": True}
    if fit(kind, "contacted") is Fit.NEVER:
        told["contacted"] = False
    if fit(kind, "hold") is Fit.NEVER:
        scene.refused("disposition_contradicts", **told)
        return
    says_who = fit(kind, "hold") is Fit.MUST
    assert ("hold_writer_unsaid" in codes(scene.record(**told))) is not says_who
