"""A place that nobody can go to is refused where it is typed, with the one that was meant."""

from __future__ import annotations

import pytest

from crisis.commands import AmendIncident, Determine, OpenIncident, PlaceInput, RecordTeam
from crisis.triage import Acuity
from geo.point import Point
from tests.unit.dispatch.board_kit import AGENCY, OAKLAND, SUPERVISOR, County

NEW_YORK = Point(lat_deg=40.71, lon_deg=-74.0)


@pytest.mark.parametrize(
    ("lat", "lon", "is_guessed"),
    [
        (40.71, -74.0, False),
        (0.0, 0.0, False),
        (37.8044, 122.2712, True),
        (-37.8044, -122.2712, True),
        (-37.8044, 122.2712, True),
        (21.3, -157.8, False),
        (89.0, -122.0, False),
    ],
)
def test_a_point_far_outside_the_state_is_refused_with_the_one_that_was_meant(
    lat: float, lon: float, is_guessed: bool
) -> None:
    place = PlaceInput(point=Point(lat_deg=lat, lon_deg=lon))
    refusal = County().refused("place_out_of_reach", OpenIncident(place=place))
    meant = {"lat_deg": OAKLAND.lat_deg, "lon_deg": OAKLAND.lon_deg} if is_guessed else None
    assert refusal.facts["near"] == meant
    assert ("Did you mean" in refusal.detail) == is_guessed


def test_it_is_refused_in_every_act_that_says_where() -> None:
    county = County()
    incident_id, far = county.opened(), PlaceInput(point=NEW_YORK)
    county.refused("place_out_of_reach", AmendIncident(incident_id=incident_id, place=far))
    send = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT, place=far)
    county.refused("place_out_of_reach", send)
    team = RecordTeam(agency_id=AGENCY, call_sign="Far", base=NEW_YORK)
    county.refused("place_out_of_reach", team, by=SUPERVISOR)


def test_another_countys_place_is_told_and_taken() -> None:
    fresno = Point(lat_deg=36.74, lon_deg=-119.79)
    done = County().do(OpenIncident(place=PlaceInput(point=fresno)))
    (told,) = [one for one in done.result["warnings"] if one["code"] == "outside_county"]
    assert told["county"] == "Fresno"
    here = County().do(OpenIncident(place=PlaceInput(point=OAKLAND)))
    assert "outside_county" not in [one["code"] for one in here.result["warnings"]]
