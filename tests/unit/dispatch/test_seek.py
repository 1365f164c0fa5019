"""Whom the service asks where several slots wait, and what it shows people of that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from crisis.commands import (
    AcceptOffer,
    Command,
    DeclineOffer,
    EscalateSlot,
    OfferTeam,
    PlaceInput,
    SetDuty,
)
from crisis.ids import IncidentId, TeamId
from crisis.incident.state import SlotEscalated
from crisis.policy import CountyPolicy, MatchingPolicy, OfferPolicy, PerAcuity
from crisis.rules import Rules
from crisis.triage import Acuity
from dispatch.choose.seek import Seeker, WakeUp
from dispatch.due import due
from geo.fix import Fix, FixSource
from geo.point import Point
from geo.travel import DEFAULT_PARAMETERS
from tests.unit.dispatch.board_kit import SERVICE, County, envelope, on_team, rules
from tests.unit.dispatch.test_decide_danger import shown

AUTO = OfferPolicy(auto_offer=True)
#: About 12 and 25 minutes from Oakland.
HAYWARD = Point(lat_deg=37.6688, lon_deg=-122.0808)
FREMONT = Point(lat_deg=37.5485, lon_deg=-121.9886)


def seeker() -> Seeker:
    return Seeker(lambda _: {})


def sought(county: County, by: Seeker | None = None) -> dict[IncidentId, Command]:
    """What the service sends for every search that is due now, by incident; and let it happen."""
    board, who = county.board, by or seeker()
    sent: dict[IncidentId, Command] = {}
    for item in due(board, county.now, county.rules):
        if isinstance(item, WakeUp):
            envelope, _ = who.answer(board, county.rules, item, now=county.now)
            sent[item.incident_id] = envelope.command
    for number, command in enumerate(sent.values()):
        county.do(command, by=SERVICE, number=f"search {county.now} {number}")
    return sent


def _at(point: Point) -> PlaceInput:
    return PlaceInput(point=point, location_type="home")


def asked(command: Command) -> TeamId:
    assert isinstance(command, OfferTeam)
    return command.team_id


def test_the_only_team_goes_to_the_more_pressing_incident_whoever_called_first() -> None:
    county = County(rules(offers=AUTO))
    team = county.team()
    routine, emergent = county.determined(Acuity.ROUTINE), county.determined(Acuity.EMERGENT)
    sent = sought(county)
    assert asked(sent[emergent]) == team
    held = sent[routine]
    assert isinstance(held, EscalateSlot) and held.holds
    assert held.exclusions == {"wanted_elsewhere": 1}


def test_a_slot_that_is_held_back_takes_no_rung_and_is_looked_at_again() -> None:
    county = County(rules(offers=AUTO))
    team = county.team()
    routine, emergent = county.determined(Acuity.ROUTINE), county.determined(Acuity.EMERGENT)
    sought(county)
    (slot,) = county.incident(routine).slots
    assert (slot.rung, slot.escalations, slot.climb_at) == (0, 0, None)
    assert [e.body.to for e in county.log if isinstance(e.body, SlotEscalated)] == [None]

    county.wait(60)
    (offer,) = county.incident(emergent).offers
    county.do(DeclineOffer(offer_id=offer.id, reason="vehicle"), by=on_team(team))
    sent = sought(county)
    assert asked(sent[routine]) == team, "the emergent one has asked the team already"
    nobody_left = sent[emergent]
    assert isinstance(nobody_left, EscalateSlot) and not nobody_left.holds


def test_two_that_wait_share_two_teams_by_all_their_drives_together() -> None:
    county = County(rules(offers=AUTO))
    oakland, hayward = county.team("Blue 1"), county.team("Blue 2", base=HAYWARD)
    # Both lie nearer to the team in Hayward; the one in Fremont has no other in reach.
    between = Point(lat_deg=37.70, lon_deg=-122.13)
    near = county.determined(place=_at(between))
    far = county.determined(place=_at(FREMONT))
    sent = sought(county)
    assert asked(sent[far]) == hayward and asked(sent[near]) == oakland


def test_a_wait_beyond_the_cap_goes_first_within_its_class() -> None:
    caps = MatchingPolicy(starvation_cap_s=PerAcuity(emergent=900, urgent=1_200, routine=5_400))
    county = County(rules(offers=AUTO, matching=caps))
    far = county.determined(place=_at(FREMONT))
    sought(county)
    county.wait(1_300)
    team = county.team()
    near = county.determined()
    county.wait(20)
    sent = sought(county)
    assert asked(sent[far]) == team
    held = sent[near]
    assert isinstance(held, EscalateSlot) and held.holds


def test_what_a_person_is_to_offer_keeps_its_place_until_the_supervisor_was_told() -> None:
    county = County()
    asked_first, only = county.team("Blue 1"), county.team("Blue 2")
    routine = county.determined(Acuity.ROUTINE)
    offer = county.offered(routine, asked_first)
    emergent = county.determined(Acuity.EMERGENT)
    county.do(DeclineOffer(offer_id=offer, reason="vehicle"), by=on_team(asked_first))
    county.do(SetDuty(team_id=asked_first, duty="unavailable", reason="vehicle"))
    held = sought(county)[routine]
    assert isinstance(held, EscalateSlot) and held.holds, "the emergent one waits for its person"

    county.wait(county.rules.policy.waiting.unassigned_alert_s.of(Acuity.EMERGENT) + 1)
    assert asked(sought(county)[routine]) == only
    assert county.incident(emergent).waiting_slots()


def test_recommendations_show_what_is_better_kept_for_another_incident() -> None:
    county = County()
    near, far = county.team("Blue 1"), county.team("Blue 2", base=FREMONT)
    routine, emergent = county.determined(Acuity.ROUTINE), county.determined(Acuity.EMERGENT)
    number = county.incident(emergent).number
    found = seeker().recommend(county.board, county.rules, routine, now=county.now)
    first, second = found.candidates
    assert first.team_id == far and second.team_id == near
    assert [r.code for r in second.reasons] == ["wanted_elsewhere"]
    assert second.reasons[0].subject == str(number) and second.is_fastest
    assert found.fastest == near
    best = seeker().recommend(county.board, county.rules, emergent, now=county.now)
    assert best.candidates[0].team_id == near and best.candidates[0].reasons == ()


def test_one_incident_alone_is_ranked_as_if_nothing_else_were() -> None:
    county = County()
    near = county.team("Blue 1")
    county.team("Blue 2", base=FREMONT)
    incident_id = county.determined()
    found = seeker().recommend(county.board, county.rules, incident_id, now=county.now)
    assert found.candidates[0].team_id == near
    assert all(candidate.reasons == () for candidate in found.candidates)


def _offers(county: County, team: TeamId, incident_id: IncidentId) -> dict[str, Any]:
    """The incident and the team as desk and crew see them."""
    desk = shown(county, incident_id, team)
    return {"desk": desk["desk"], "crew": desk["team"]}


@pytest.mark.parametrize("by_service", [True, False], ids=["service", "desk"])
@pytest.mark.parametrize("by", ["fix", "last_fix", "base"])
def test_every_face_says_where_a_drive_was_only_taken_to_start(by: str, by_service: bool) -> None:
    county = County(rules(offers=OfferPolicy(auto_offer=by_service)))
    team = county.team(base=HAYWARD)
    ago = {"fix": 10, "last_fix": 7200}.get(by)
    fixes = {}
    if ago is not None:
        at = county.now - timedelta(seconds=ago)
        fixes[team] = Fix(
            fixed_at=at, received_at=at, point=FREMONT, source=FixSource.PHONE, speed_mps=0.0
        )
    who = Seeker(lambda _: fixes)
    incident_id = county.determined(place=_at(FREMONT))
    if by_service:
        sought(county, who)
    else:
        asking = OfferTeam(incident_id=incident_id, team_id=team)
        env, _ = who.ranked_offer(county.board, county.rules, envelope(asking), asking)
        county.do(env.command)
    (offer,) = county.incident(incident_id).offers
    assert offer.located_by == by
    seen = _offers(county, team, incident_id)
    assert seen["desk"]["offers"][0]["located_by"] == by
    county.do(AcceptOffer(offer_id=offer.id), by=on_team(team))
    for face in _offers(county, team, incident_id).values():
        assert face["runs"][0]["eta_from"] == by


def _slow(version: str = "test", factor: float = 2.0) -> CountyPolicy:
    """A policy under which every drive takes ``factor`` times as long."""
    travel = replace(DEFAULT_PARAMETERS, name="slow", time_factor=factor)
    return replace(rules(offers=AUTO).policy, version=version, travel=travel)


def _eta_s(held: Rules, by_service: bool) -> float:
    """The drive that the only team's offer is made with, and that the ranking shows."""
    county = County(held)
    team = county.team(base=HAYWARD)
    incident_id = county.determined(place=_at(FREMONT))
    shown_first = seeker().recommend(county.board, county.rules, incident_id, now=county.now)
    asking = OfferTeam(incident_id=incident_id, team_id=team)
    if by_service:
        (offer,) = sought(county).values()
    else:
        env, _ = seeker().ranked_offer(county.board, held, envelope(asking), asking)
        offer = env.command
    assert isinstance(offer, OfferTeam) and offer.eta_s is not None
    (candidate,) = shown_first.candidates
    assert candidate.travel is not None and candidate.travel.eta_s == offer.eta_s
    return offer.eta_s


@pytest.mark.parametrize("by_service", [True, False], ids=["service", "desk"])
def test_the_countys_travel_numbers_make_every_drive_that_is_shown_or_offered(
    by_service: bool,
) -> None:
    usual = _eta_s(rules(offers=AUTO), by_service)
    assert _eta_s(replace(rules(), policy=_slow()), by_service) == pytest.approx(2 * usual)


def test_a_drive_is_told_under_the_policy_that_its_incident_runs_under() -> None:
    county = County(rules(offers=AUTO))
    county.team(base=HAYWARD)
    incident_id = county.determined(place=_at(FREMONT))
    newer = replace(county.rules, policy=_slow("2"), policies={"test": county.rules.policy})
    before, after = (
        seeker().recommend(county.board, held, incident_id, now=county.now)
        for held in (county.rules, newer)
    )
    assert before.candidates == after.candidates
    assert after.travel_parameters == "statewide 2026-11"


def test_a_team_that_is_too_slow_by_the_countys_numbers_may_not_go() -> None:
    county = County(replace(rules(), policy=_slow(factor=30.0)))
    county.team(base=HAYWARD)
    incident_id = county.determined(place=_at(FREMONT))
    found = seeker().recommend(county.board, county.rules, incident_id, now=county.now)
    assert found.candidates == () and found.counts == {"too_far": 1}
    assert found.travel_parameters == "slow 2026-11"
