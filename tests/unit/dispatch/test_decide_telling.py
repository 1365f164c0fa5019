"""Amending overwrites nobody: facts one by one, beside what others told meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from crisis.changes import changes_of
from crisis.commands import AmendIncident, Determine, PlaceInput
from crisis.ids import IncidentId
from crisis.triage import Acuity, Answer, Hazard, Need
from geo.point import Point
from tests.unit.dispatch.board_kit import DISPATCHER, OAKLAND, OTHER_DISPATCHER, County, on_team

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
