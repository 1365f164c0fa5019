"""Class, standard and deadline of an incident: of its place and of when it was determined."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from crisis import standards
from crisis.commands import (
    AddNote,
    AmendIncident,
    Command,
    Determine,
    OpenIncident,
    PlaceInput,
)
from crisis.editions import EditionKind, parse_codes
from crisis.ids import IncidentId
from crisis.states import Source
from crisis.triage import Acuity, Hazard, Need
from dispatch.run.rulebook import Rulebook, ZonesEdition
from geo.point import Point
from geo.zone import AreaClass, AreaMap, polygon, zone
from tests.unit.dispatch.board_kit import (
    COUNTY,
    DISPATCHER,
    OAKLAND,
    SUPERVISOR,
    County,
)

#: 20:00 in California on the last day of November; an edition begins at midnight.
EVENING = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
HILLS = Point(lat_deg=37.62, lon_deg=-121.55)


def area(lat: float, lon: float, kind: AreaClass) -> Any:
    ring = [
        (lon - 0.1, lat - 0.1),
        (lon + 0.1, lat - 0.1),
        (lon + 0.1, lat + 0.1),
        (lon - 0.1, lat + 0.1),
        (lon - 0.1, lat - 0.1),
    ]
    return zone(zone_id=kind, name=kind, polygons=[polygon([ring])], area_class=kind)


def zones(version: str, day: date, *areas: Any) -> ZonesEdition:
    return ZonesEdition(
        kind=EditionKind.ZONES,
        version=version,
        effective_from=day,
        areas=AreaMap(version=version, zones=areas),
    )


OAKLAND_RURAL = area(OAKLAND.lat_deg, OAKLAND.lon_deg, AreaClass.RURAL)
HILLS_RURAL = area(HILLS.lat_deg, HILLS.lon_deg, AreaClass.RURAL)
BOOK = Rulebook(
    COUNTY,
    zones=[
        zones("2026-01", date(2026, 1, 1), HILLS_RURAL),
        zones("2026-12", date(2026, 12, 1), OAKLAND_RURAL),
        zones("2027-01", date(2027, 1, 1), OAKLAND_RURAL, HILLS_RURAL),
    ],
    facts=[
        standards.parse(
            'version = "B"\n[[fact]]\nkey = "response.rural.minutes"\nvalue = 90\n'
            'effective_from = 2026-12-01\nsource = "B, page 1"\nverified = true\n'
        )
    ],
    code_editions=[
        parse_codes(
            'version = "C"\n[[code]]\nset = "referral_source"\ncode = "school_line"\n'
            'label = "School line"\neffective_from = 2026-12-01\n'
        )
    ],
)


class Dated(County):
    """A county whose rules are those of its instant."""

    def __init__(self, now: datetime = EVENING) -> None:
        super().__init__(BOOK.at(now), now)

    def do(self, command: Command, **how: Any) -> Any:
        self.rules = BOOK.at(self.now)
        return super().do(command, **how)

    def waits_for(self, point: Point = OAKLAND, **how: Any) -> IncidentId:
        place = PlaceInput(point=point, location_type="home")
        paper = "P-1" if how.get("source") is Source.BACK_ENTRY else None
        opened = self.do(OpenIncident(place=place, paper_number=paper), **how).result
        incident_id = IncidentId(opened["incident_id"])
        act = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)
        self.do(act, **how)
        return incident_id


def after_midnight(county: Dated) -> None:
    county.now = EVENING + timedelta(hours=5)


@pytest.mark.parametrize(
    "said",
    [
        {"acuity": Acuity.EMERGENT},
        {"needs": (Need(code="youth"),)},
        {"hazards": (Hazard(code="animals"),)},
        {"concerns": ("psychosis",)},
        {"place": PlaceInput(address="12 Elm Street")},
        {"place": PlaceInput(access="gate code 12")},
        {"place": PlaceInput(location_type="workplace")},
        {"place": PlaceInput(point=OAKLAND)},
    ],
    ids=lambda said: "/".join(said),
)
def test_an_amendment_of_anything_but_the_place_keeps_class_standard_and_deadline(
    said: dict[str, Any],
) -> None:
    county = Dated()
    incident_id = county.waits_for()
    before = county.incident(incident_id)
    assert (before.place.area_class, before.standard.minutes) == (AreaClass.URBAN, 60)  # type: ignore[union-attr]
    after_midnight(county)
    county.do(AmendIncident(incident_id=incident_id, **said))
    after = county.incident(incident_id)
    assert (after.place.area_class, after.place.area_version) == (
        before.place.area_class,
        before.place.area_version,
    )
    assert (after.standard, after.due_at) == (before.standard, before.due_at)
    assert "deadline_moved" not in county.said()


def test_another_place_is_classed_as_of_the_determination_and_everybody_is_told() -> None:
    county = Dated()
    team = county.team()
    incident_id = county.waits_for()
    county.running(incident_id, team)
    determined_at = county.incident(incident_id).determined_at
    after_midnight(county)
    place = PlaceInput(point=HILLS)
    done = county.do(AmendIncident(incident_id=incident_id, place=place))
    after = county.incident(incident_id)
    # The hills were rural on the evening, at 120 minutes; today they are not, and it is 90.
    assert (after.place.area_class, after.place.area_version) == (AreaClass.RURAL, "2026-01")
    assert after.standard is not None and determined_at is not None
    assert after.standard.minutes == 120
    assert after.due_at == determined_at + timedelta(minutes=120)
    [moved] = [e.body for e in done.events if type(e.body).__name__ == "DeadlineMoved"]
    assert (moved.was, moved.due_at, moved.reason) == (
        determined_at + timedelta(minutes=60),
        after.due_at,
        "place_changed",
    )
    assert "deadline_moved" in [w["code"] for w in done.result["warnings"]]
    told = {to for to, template in county.told() if template == "deadline_moved"}
    assert told == {f"team:{team}", f"user:{DISPATCHER.user_id}", "role:supervisor"}


def test_a_place_that_was_pointed_at_again_gives_the_deadline_back_and_tells_so() -> None:
    county = Dated()
    incident_id = county.waits_for()
    first = county.incident(incident_id).due_at
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=HILLS)))
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=OAKLAND)))
    assert county.incident(incident_id).due_at == first
    assert "deadline_moved" in county.said()


def test_an_edition_holds_from_its_day_on_and_not_before() -> None:
    county = Dated()
    evening = county.incident(county.waits_for())
    after_midnight(county)
    night = county.incident(county.waits_for())
    assert (evening.place.area_class, night.place.area_class) == (AreaClass.URBAN, AreaClass.RURAL)
    assert evening.standard is not None and night.standard is not None
    assert (evening.standard.minutes, night.standard.minutes) == (60, 90)
    assert BOOK.at(county.now).areas.version == "2026-12", "not the one dated next year"


def test_an_incident_opened_before_midnight_is_classed_as_of_its_determination() -> None:
    county = Dated()
    county.rules = BOOK.at(county.now)
    opened = county.do(OpenIncident(place=PlaceInput(point=OAKLAND))).result["incident_id"]
    incident_id = IncidentId(opened)
    assert county.incident(incident_id).place.area_class is AreaClass.URBAN
    after_midnight(county)
    act = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)
    county.do(act)
    assert county.incident(incident_id).place.area_class is AreaClass.RURAL
    # And one that is told late counts as of when it was.
    late = Dated()
    opened = late.do(OpenIncident(place=PlaceInput(point=OAKLAND))).result["incident_id"]
    after_midnight(late)
    act = Determine(incident_id=IncidentId(opened), decision="dispatch", acuity=Acuity.URGENT)
    late.do(act, occurred_at=EVENING + timedelta(hours=3))
    assert late.incident(IncidentId(opened)).place.area_class is AreaClass.URBAN


def test_back_entry_of_last_week_is_judged_by_last_weeks_editions() -> None:
    county = Dated()
    county.now = EVENING + timedelta(days=7)
    paper = {
        "by": SUPERVISOR,
        "source": Source.BACK_ENTRY,
        "reason": "system_outage",
        "occurred_at": EVENING - timedelta(hours=1),
    }
    incident = county.incident(county.waits_for(HILLS, **paper))
    assert (incident.place.area_class, incident.place.area_version) == (AreaClass.RURAL, "2026-01")
    assert incident.standard is not None and incident.standard.minutes == 120
    of_now = OpenIncident(referral_source="school_line", paper_number="P-2")
    county.refused("unknown_code", of_now, **paper)
    assert county.do(OpenIncident(referral_source="school_line")).result["number"]


def test_a_note_moves_nothing() -> None:
    county = Dated()
    incident_id = county.waits_for()
    before = county.incident(incident_id)
    after_midnight(county)
    county.do(AddNote(incident_id=incident_id, text="calls again"))
    assert county.incident(incident_id).due_at == before.due_at


@pytest.mark.parametrize(("before_s", "minutes"), [(0.000001, 60), (0, 90), (-0.000001, 90)])
def test_what_is_determined_as_an_edition_begins_is_judged_by_it_to_the_instant(
    before_s: float, minutes: int
) -> None:
    county = Dated(EVENING + timedelta(hours=4) - timedelta(seconds=before_s))
    incident = county.incident(county.waits_for())
    assert incident.standard is not None and incident.determined_at is not None
    assert incident.standard.minutes == minutes
    assert incident.due_at == incident.determined_at + timedelta(minutes=minutes)


def test_the_order_in_which_editions_were_loaded_decides_nothing() -> None:
    days = [date(2026, 1, 1), date(2026, 12, 1), date(2027, 1, 1)]
    made = [zones(f"{day}", day, OAKLAND_RURAL) for day in days]
    for order in permutations(made):
        book = Rulebook(COUNTY, zones=list(order), facts=[], code_editions=[])
        for day, edition in zip(days, made, strict=True):
            at = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
            assert book.at(at).areas.version == edition.version


def test_a_place_that_becomes_known_is_classed_as_of_the_determination() -> None:
    county = Dated()
    opened = county.do(OpenIncident(place=PlaceInput(address="by the creek"))).result
    incident_id = IncidentId(opened["incident_id"])
    act = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)
    county.do(act)
    unknown = county.incident(incident_id)
    assert unknown.place.cell is None and unknown.standard is not None
    after_midnight(county)
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=OAKLAND)))
    evening = county.incident(incident_id)
    assert evening.place.area_class is AreaClass.URBAN, "as of the evening, not as of now"
    assert evening.due_at == unknown.due_at
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=HILLS)))
    county.do(AmendIncident(incident_id=incident_id, place=PlaceInput(point=OAKLAND)))
    again = county.incident(incident_id)
    assert (again.place.area_class, again.standard, again.due_at) == (
        evening.place.area_class,
        evening.standard,
        evening.due_at,
    )
