"""Who may go and who is asked first: reasons, order, the tie-break, and what always holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import cos, radians
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.board import Board
from crisis.codes import code_sets
from crisis.duress import Duress, DuressState
from crisis.eligibility import assess, why_not
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CountyId,
    DuressId,
    IncidentId,
    OfferId,
    ResponderId,
    SlotNo,
    TeamId,
)
from crisis.incident.danger import danger_of
from crisis.incident.state import Incident, IncidentState, Slot
from crisis.offer import Offer, OfferState
from crisis.policy import CountyPolicy, FixPolicy, MatchingPolicy, TelehealthPolicy
from crisis.reasons import OF_CREW, ReasonCode
from crisis.responder import Credential, Responder
from crisis.rules import Rules
from crisis.staffing import incident_needs
from crisis.standards import packaged
from crisis.team import CrewMember, Duty, Team
from crisis.triage import Acuity, Answer, Clinical, Hazard, Need, Place, Standard
from dispatch.choose import Candidate, Excluded, LocatedBy, Possible, Recommendation, coverage, rank
from dispatch.choose.fleet import Fleets
from geo.fix import Fix, FixSource
from geo.point import Point, Points
from geo.travel import CalibratedEstimate, Drives, Travel, TravelMethod, drive
from geo.zone import AreaClass, AreaMap, polygon, zone

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
CODES = code_sets(TODAY)
HERE = Point(lat_deg=37.0, lon_deg=-120.0)
SLOT = SlotNo(1)
POLICY = CountyPolicy(version="1", effective_from=datetime(2026, 1, 1, tzinfo=UTC))
AGENCY = AgencyId(UUID(int=900))
#: Every question about the scene was asked, and nothing was found.
SAFE = {item.code: Answer.NO for item in CODES["risk_item"]}


def rules(policy: CountyPolicy = POLICY, areas: AreaMap | None = None) -> Rules:
    return Rules(
        policy=policy,
        codes=CODES,
        standards=packaged(),
        areas=areas or AreaMap(version="none"),
    )


RULES = rules()


class ByLongitude:
    """Travel at one minute for each hundredth of a degree, so that tests can count."""

    def many_to_one(self, origins: Points, destination: Point, at: datetime) -> Drives:
        eta = np.abs(origins.lon_deg - destination.lon_deg) * 6_000.0
        return Drives(
            eta_s=eta,
            low_s=eta * 0.5,
            high_s=eta * 2.0,
            distance_m=eta * 10.0,
            by_road=np.ones(len(origins), np.bool_),
        )


def minutes_away(minutes: float) -> Point:
    return Point(lat_deg=HERE.lat_deg, lon_deg=HERE.lon_deg + minutes / 100)


def person(number: int, **facts: Any) -> Responder:
    given: dict[str, Any] = {
        "id": ResponderId(UUID(int=number)),
        "agency_id": AGENCY,
        "provider_type": "lcsw",
        "licence": Credential(number="1", effective_from=date(2020, 1, 1)),
        "core_trained_on": date(2024, 1, 1),
        "naloxone_trained": True,
        "can_assess": True,
        "is_lpha": True,
        "languages": frozenset({"en"}),
    }
    return Responder(**{**given, **facts})


class County:
    """A board under construction: each team has a crew of two who may go anywhere."""

    def __init__(self) -> None:
        self.teams: dict[TeamId, Team] = {}
        self.responders: dict[ResponderId, Responder] = {}
        self.fixes: dict[TeamId, Fix] = {}
        self.incidents: dict[IncidentId, Incident] = {}
        self.duress: dict[DuressId, Duress] = {}

    def team(
        self,
        number: int,
        away_min: float | None = 10.0,
        crew: Sequence[Responder] | None = None,
        **facts: Any,
    ) -> TeamId:
        """Add a team with a fresh fix ``away_min`` from the incident; ``None`` = no fix."""
        people = (
            [person(number * 10 + 1_000), person(number * 10 + 1_001)] if crew is None else crew
        )
        self.responders.update({one.id: one for one in people})
        team_id = TeamId(UUID(int=number))
        self.teams[team_id] = Team(
            **{
                "id": team_id,
                "agency_id": AGENCY,
                "call_sign": f"M{number}",
                "duty": Duty.AVAILABLE,
                "crew": tuple(
                    CrewMember(responder_id=one.id, carries_naloxone=True) for one in people
                ),
                **facts,
            }
        )
        if away_min is not None:
            self.fix(team_id, away_min)
        return team_id

    def fix(self, team_id: TeamId, away_min: float, age_s: float = 20, **facts: Any) -> None:
        self.fixes[team_id] = Fix(
            fixed_at=NOW - timedelta(seconds=age_s),
            received_at=NOW,
            point=minutes_away(away_min),
            source=FixSource.PHONE,
            **facts,
        )

    def board(self) -> Board:
        return Board(
            county_id=CountyId(6019),
            seq=41,
            teams=self.teams,
            responders=self.responders,
            incidents=self.incidents,
            duress=self.duress,
        )

    def rank(
        self, about: Incident | None = None, held: Rules = RULES, **options: Any
    ) -> Recommendation:
        travel: Travel = options.pop("travel", lambda _: ByLongitude())
        return rank(
            self.board(),
            about or incident(),
            SLOT,
            self.fixes,
            NOW,
            held,
            travel=travel,
            **options,
        )


@pytest.fixture
def county() -> County:
    return County()


def incident(
    *needs: Need, hazards: Sequence[str] = (), due_min: float | None = 60, **facts: Any
) -> Incident:
    given: dict[str, Any] = {
        "id": IncidentId(UUID(int=500)),
        "number": 12,
        "state": IncidentState.DETERMINED,
        "version": 3,
        "received_at": NOW,
        "policy_version": "1",
        "place": Place(area_class=AreaClass.URBAN),
        "determined_at": NOW,
        "due_at": None if due_min is None else NOW + timedelta(minutes=due_min),
        "standard": Standard(minutes=60, version="1"),
        "acuity": Acuity.URGENT,
        "needs": needs,
        "hazards": tuple(Hazard(code=code) for code in hazards),
        "slots": (Slot(no=SLOT),),
        "clinical": Clinical(point=HERE, screening=SAFE),
    }
    made = Incident(**{**given, **facts})
    return endangered(made)


def endangered(incident: Incident) -> Incident:
    """The incident with the statement of what is known of its danger."""
    danger = danger_of(incident.situation, CODES)
    return msgspec.structs.replace(incident, danger=danger)


def offer(team_id: TeamId, state: OfferState, slot: int = 1) -> Offer:
    return Offer(
        id=OfferId(UUID(int=77)),
        slot=SlotNo(slot),
        rung=1,
        team_id=team_id,
        state=state,
        offered_at=NOW,
        expires_at=NOW,
    )


def policy(**parts: Any) -> CountyPolicy:
    return msgspec.structs.replace(POLICY, **parts)


def order(recommendation: Recommendation) -> list[TeamId]:
    return [candidate.team_id for candidate in recommendation.candidates]


def codes_against(recommendation: Recommendation, team_id: TeamId) -> list[str]:
    (found,) = (one for one in recommendation.excluded if one.team_id == team_id)
    return [reason.code for reason in found.reasons]


def candidate_of(recommendation: Recommendation, team_id: TeamId) -> Candidate:
    (found,) = (one for one in recommendation.candidates if one.team_id == team_id)
    return found


# Who may go


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({"duty": Duty.OFF_SHIFT, "crew": ()}, ["off_shift"]),
        ({"duty": Duty.UNAVAILABLE, "unavailable_reason": "break"}, ["unavailable"]),
        ({"duty": Duty.ENDING}, ["ending"]),
        ({"retired": True}, ["retired"]),
        ({"lent_to": CountyId(6001)}, ["lent"]),
        (
            {"offer": (IncidentId(UUID(int=1)), OfferId(UUID(int=2)))},
            ["busy_offer"],
        ),
        (
            {"run": (IncidentId(UUID(int=1)), AssignmentId(UUID(int=2)))},
            ["busy_run"],
        ),
    ],
)
def test_a_team_that_is_not_free_is_left_out_and_says_why(
    county: County, facts: Mapping[str, Any], codes: list[str]
) -> None:
    barred = county.team(1, **facts)
    found = county.rank()
    assert codes_against(found, barred) == codes
    assert found.counts == dict.fromkeys(codes, 1)


def test_a_team_in_danger_is_not_recommended_until_its_alarm_is_over(county: County) -> None:
    team_id = county.team(1)
    alarm = Duress(id=DuressId(UUID(int=5)), raised_at=NOW, team_id=team_id)
    county.duress[alarm.id] = alarm
    assert codes_against(county.rank(), team_id) == ["in_duress"]
    county.duress[alarm.id] = msgspec.structs.replace(alarm, state=DuressState.RESOLVED)
    assert order(county.rank()) == [team_id]


def test_all_reasons_are_given_not_only_the_first(county: County) -> None:
    barred = county.team(
        1,
        away_min=None,
        crew=[person(1, naloxone_trained=False), person(2, can_assess=False, is_lpha=False)],
        duty=Duty.UNAVAILABLE,
        unavailable_reason="vehicle",
        offer=(IncidentId(UUID(int=1)), OfferId(UUID(int=2))),
    )
    county.responders = {
        key: msgspec.structs.replace(one, naloxone_trained=False, can_assess=False)
        for key, one in county.responders.items()
    }
    found = county.rank(incident(Need(code="wheelchair_vehicle", hard=True)))
    assert codes_against(found, barred) == [
        "unavailable",
        "busy_offer",
        "no_naloxone_carrier",
        "no_assessor_on_site",
        "hard_need_unmet",
        "no_position",
    ]


def test_a_reason_says_what_keeps_the_team_busy(county: County) -> None:
    other = incident(id=IncidentId(UUID(int=3)), number=88)
    county.incidents = {other.id: other}
    county.team(1, run=(other.id, AssignmentId(UUID(int=2))))
    county.team(2, duty=Duty.UNAVAILABLE, unavailable_reason="break")
    reasons = {one.team_id: one.reasons[0] for one in county.rank().excluded}
    assert reasons[TeamId(UUID(int=1))].sentence == "On a run: incident 88."
    assert reasons[TeamId(UUID(int=1))].subject == "88"
    assert reasons[TeamId(UUID(int=2))].sentence == "Unavailable: break."


def test_law_enforcement_never_counts_towards_the_two(county: County) -> None:
    officer = person(2, law_enforcement=True)
    barred = county.team(1, crew=[person(1), officer])
    found = county.rank()
    assert order(found) == []
    assert [one.team_id for one in found.possible] == [barred]


def test_a_member_whom_the_roster_does_not_know_supplies_nothing(county: County) -> None:
    county.team(1)
    known = next(iter(county.responders))
    county.responders = {known: county.responders[known]}
    found = county.rank()
    assert order(found) == []
    assert [reason.code for reason in found.possible[0].reasons] == ["second_member_missing"]


def test_a_lone_member_is_possible_with_a_second_by_telehealth(county: County) -> None:
    valid = county.team(1, away_min=40)
    alone = county.team(2, away_min=5, crew=[person(1)])
    found = county.rank()
    assert order(found) == [valid]
    (possible,) = found.possible
    assert possible.team_id == alone
    assert possible.saves_s == pytest.approx(35 * 60)
    assert possible.delay_is_marked
    assert found.counts == {"second_member_missing": 1}


def test_a_wait_of_a_few_minutes_is_no_marked_delay(county: County) -> None:
    county.team(1, away_min=15)
    county.team(2, away_min=5, crew=[person(1)])
    (possible,) = county.rank().possible
    assert not possible.delay_is_marked


def test_without_any_valid_team_the_delay_is_marked(county: County) -> None:
    county.team(2, away_min=5, crew=[person(1)])
    (possible,) = county.rank().possible
    assert possible.delay_is_marked and possible.saves_s is None


def test_a_county_without_telehealth_has_no_possible_teams(county: County) -> None:
    alone = county.team(1, crew=[person(1)])
    found = county.rank(held=rules(policy(telehealth=TelehealthPolicy(allowed=False))))
    assert found.possible == ()
    assert codes_against(found, alone) == ["second_member_missing"]


@pytest.mark.parametrize("hazard", ["no_solo", "firearm", "unknown_scene", "never_heard_of_it"])
def test_a_dangerous_scene_bars_a_lone_member_even_with_telehealth(
    county: County, hazard: str
) -> None:
    county.team(1, crew=[person(1)])
    assert county.rank(incident(hazards=[hazard])).possible == ()


def test_a_scene_nobody_asked_about_bars_a_lone_member(county: County) -> None:
    county.team(1, crew=[person(1)])
    found = county.rank(incident(clinical=Clinical(point=HERE)))
    assert found.possible == ()
    assert "lone_barred_unknown_scene" in found.counts
    assert [hazard.code for hazard in found.needs.hazards] == ["unknown_scene"]


def test_a_hard_need_excludes_and_a_soft_one_does_not(county: County) -> None:
    team_id = county.team(1)
    soft, hard = Need(code="language_vi"), Need(code="language_vi", hard=True)
    assert order(county.rank(incident(soft))) == [team_id]
    assert codes_against(county.rank(incident(hard)), team_id) == ["hard_need_unmet"]


def test_a_need_that_no_list_knows_excludes_when_it_is_hard(county: County) -> None:
    team_id = county.team(1)
    found = county.rank(incident(Need(code="something_new", hard=True)))
    assert codes_against(found, team_id) == ["hard_need_unmet"]


def square(name: str, west: float, east: float) -> Any:
    ring = [(west, 36.0), (east, 36.0), (east, 38.0), (west, 38.0), (west, 36.0)]
    return zone(
        zone_id=name, name=name.title(), polygons=[polygon([ring])], area_class=AreaClass.URBAN
    )


def test_a_team_of_another_zone_is_left_out(county: County) -> None:
    areas = AreaMap(version="1", zones=(square("east", -120.5, -119), square("west", -122, -120.5)))
    here, elsewhere = county.team(1, zones=("East",)), county.team(2, zones=("west",))
    found = county.rank(held=rules(areas=areas))
    assert order(found) == [here]
    assert codes_against(found, elsewhere) == ["outside_zone"]


def test_a_zone_without_outline_marks_a_team_but_does_not_hide_it(county: County) -> None:
    team_id = county.team(1, zones=("north",))
    found = county.rank()
    assert [reason.code for reason in candidate_of(found, team_id).reasons] == ["zone_not_loaded"]


def test_why_not_gives_the_reasons_of_the_ranking_for_a_single_team(county: County) -> None:
    barred = county.team(1, duty=Duty.ENDING, crew=[person(1)])
    about, board = incident(hazards=["weapon"]), county.board()
    ranked = county.rank(about).excluded[0].reasons
    assert why_not(board, about, SLOT, board.teams[barred], NOW, RULES) == ranked


# Where a team is


def test_a_stale_fix_gives_way_to_the_base_and_says_so(county: County) -> None:
    team_id = county.team(1, away_min=None, base=minutes_away(30))
    county.fix(team_id, 5, age_s=181, speed_mps=9.0)
    found = candidate_of(county.rank(), team_id)
    assert found.located_by is LocatedBy.BASE
    assert found.fix_age_s == 181
    assert found.travel is not None and found.travel.eta_s == pytest.approx(30 * 60)


def test_a_standing_teams_fix_stays_fresh_for_longer(county: County) -> None:
    team_id = county.team(1, away_min=None, base=minutes_away(30))
    county.fix(team_id, 5, age_s=181, speed_mps=0.2)
    assert candidate_of(county.rank(), team_id).located_by is LocatedBy.FIX


@pytest.mark.parametrize("hours", [1, 5, 11])
def test_a_parked_team_stays_where_it_is_and_beats_its_base(county: County, hours: int) -> None:
    team_id = county.team(1, away_min=None, base=minutes_away(30))
    county.fix(team_id, 5, age_s=hours * 3600, speed_mps=0.0)
    found = candidate_of(county.rank(), team_id)
    assert found.located_by is LocatedBy.LAST_FIX
    assert found.travel is not None and found.travel.eta_s == pytest.approx(5 * 60)


def test_a_run_since_the_fix_says_that_the_team_has_moved(county: County) -> None:
    team_id = county.team(1, away_min=None, base=minutes_away(30))
    county.fix(team_id, 5, age_s=3600, speed_mps=0.0)
    for ago_s, by in ((7200, LocatedBy.LAST_FIX), (1800, LocatedBy.BASE)):
        team = msgspec.structs.replace(county.teams[team_id], ran_at=NOW - timedelta(seconds=ago_s))
        county.teams[team_id] = team
        assert candidate_of(county.rank(), team_id).located_by is by


def test_a_team_that_only_counts_as_somewhere_is_never_surely_in_time(county: County) -> None:
    at_base = county.team(1, away_min=None, base=minutes_away(2))
    parked = county.team(2, away_min=None, base=minutes_away(2))
    county.fix(parked, 2, age_s=3600, speed_mps=0.0)
    seen = county.team(3, away_min=2)
    found = county.rank(incident(due_min=50))
    assert candidate_of(found, seen).surely_on_time is True
    for team_id in (at_base, parked):
        assert candidate_of(found, team_id).surely_on_time is False


def test_a_team_with_neither_fix_nor_base_is_left_out(county: County) -> None:
    team_id = county.team(1, away_min=None)
    assert codes_against(county.rank(), team_id) == ["no_position"]


def test_a_county_may_refuse_to_rank_from_a_base(county: County) -> None:
    team_id = county.team(1, away_min=None, base=HERE)
    held = rules(policy(fixes=FixPolicy(base_when_stale=False)))
    assert codes_against(county.rank(held=held), team_id) == ["no_position"]


def test_without_a_place_teams_are_listed_without_travel_times(county: County) -> None:
    plain = county.team(1)
    speaks = county.team(2, crew=[person(1, languages=frozenset({"es"})), person(2)])
    about = incident(Need(code="language_es"), clinical=Clinical(screening=SAFE))
    found = county.rank(about)
    assert order(found) == [speaks, plain]
    assert not found.place_known and found.fastest is None
    assert all(one.travel is None and one.on_time is None for one in found.candidates)


def test_an_erased_or_unshared_point_leaves_the_coarse_cell(county: County) -> None:
    county.team(1)
    about = incident(place=Place(cell=HERE), clinical=Clinical(screening=SAFE))
    assert county.rank(about).candidates[0].travel is not None


# Who is asked first


def test_the_shortest_drive_comes_first(county: County) -> None:
    far, near = county.team(1, away_min=30), county.team(2, away_min=10)
    found = county.rank()
    assert order(found) == [near, far]
    assert found.fastest == near and found.first is not None and found.first.is_fastest


def test_a_team_that_declined_or_let_it_expire_is_asked_last(county: County) -> None:
    declined, late, fresh = (county.team(n, away_min=n) for n in (1, 2, 30))
    about = incident(offers=(offer(declined, OfferState.DECLINED), offer(late, OfferState.EXPIRED)))
    found = county.rank(about)
    assert order(found) == [fresh, declined, late]
    assert found.fastest == declined
    assert [one.asked_before for one in found.candidates] == [False, True, True]


def test_nobody_is_proposed_once_all_were_asked(county: County) -> None:
    declined = county.team(1)
    found = county.rank(incident(offers=(offer(declined, OfferState.DECLINED),)))
    assert found.first is None and order(found) == [declined]


@pytest.mark.parametrize("state", [OfferState.WITHDRAWN, OfferState.DECLINED])
def test_a_withdrawn_offer_or_one_of_another_slot_does_not_count_against_a_team(
    county: County, state: OfferState
) -> None:
    team_id = county.team(1)
    slot = 1 if state is OfferState.WITHDRAWN else 2
    found = county.rank(incident(offers=(offer(team_id, state, slot),)))
    assert not candidate_of(found, team_id).asked_before


def test_a_language_is_worth_ten_minutes_and_another_need_five(county: County) -> None:
    plain = county.team(1, away_min=10)
    speaks = county.team(2, away_min=19, crew=[person(1, languages=frozenset({"es"})), person(2)])
    youth = county.team(
        3, away_min=16, crew=[person(3, competencies=frozenset({"youth"})), person(4)]
    )
    assert order(county.rank(incident(Need(code="language_es")))) == [speaks, plain, youth]
    assert order(county.rank(incident(Need(code="youth")))) == [plain, youth, speaks]


def test_an_adjustment_is_explained_part_by_part(county: County) -> None:
    team_id = county.team(1, away_min=20, crew=[person(1, languages=frozenset({"es"})), person(2)])
    found = candidate_of(
        county.rank(incident(Need(code="language_es"), Need(code="youth"))), team_id
    )
    assert [(part.code, part.seconds) for part in found.adjustments] == [
        ("language_es", -600.0),
        ("youth", 0.0),
    ]
    assert found.score_s == pytest.approx(20 * 60 - 600)


def test_a_team_that_knows_the_person_gains_only_where_the_incident_asks_for_it(
    county: County,
) -> None:
    near, knows = county.team(1, away_min=10), county.team(2, away_min=14)
    for hard in (False, True):
        asks = incident(Need(code="prior_contact", hard=hard, team_id=knows))
        found = county.rank(asks)
        assert order(found) == [knows, near]
        told = [[part.sentence for part in one.adjustments] for one in found.candidates]
        assert told == [["Team that knows the person: yes."], ["Team that knows the person: no."]]
    assert order(county.rank(incident())) == [near, knows]


def test_a_team_that_knows_the_person_is_taken_only_if_it_is_nearly_as_fast(
    county: County,
) -> None:
    near, knows = county.team(1, away_min=10), county.team(2, away_min=16)
    assert order(county.rank(incident(Need(code="prior_contact", team_id=knows)))) == [near, knows]


def test_where_nobody_knows_which_team_it_was_no_team_is_said_not_to_be_it(
    county: County,
) -> None:
    county.team(1, away_min=10)
    (found,) = county.rank(incident(Need(code="prior_contact"))).candidates
    assert found.adjustments == ()


def test_no_soft_need_is_worth_the_deadline(county: County) -> None:
    plain = county.team(1, away_min=55)
    late = county.team(2, away_min=61, crew=[person(1, languages=frozenset({"es"})), person(2)])
    found = county.rank(incident(Need(code="language_es")))
    assert order(found) == [plain, late]
    assert [one.on_time for one in found.candidates] == [True, False]


def test_on_time_is_by_the_expected_drive_and_surely_by_the_slow_one(county: County) -> None:
    soon, maybe, late = (county.team(n, away_min=n) for n in (29, 59, 61))
    found = county.rank()
    said = {one.team_id: (one.on_time, one.surely_on_time) for one in found.candidates}
    assert said == {soon: (True, True), maybe: (True, False), late: (False, False)}


def test_without_a_deadline_nobody_is_late(county: County) -> None:
    county.team(1, away_min=300)
    (only,) = county.rank(incident(due_min=None)).candidates
    assert only.on_time is None


def test_a_shift_that_ends_before_arrival_is_marked(county: County) -> None:
    team_id = county.team(1, away_min=30, shift_ends_at=NOW + timedelta(minutes=20))
    found = candidate_of(county.rank(), team_id)
    assert [reason.code for reason in found.reasons] == [ReasonCode.SHIFT_ENDS_FIRST]


# The tie-break


def spread(county: County, gap_min: float) -> tuple[TeamId, TeamId]:
    """A lone team of the west, and one of two in the east, ``gap_min`` slower."""
    west = Point(lat_deg=37.0, lon_deg=-121.5)
    alone = county.team(1, away_min=None, base=west)
    county.fixes[alone] = Fix(fixed_at=NOW, received_at=NOW, point=west, source=FixSource.PHONE)
    east = Point(lat_deg=37.0, lon_deg=-118.5 + gap_min / 100)
    spare = county.team(2, away_min=None, base=east)
    county.team(3, away_min=None, base=east)
    for team_id in (spare, TeamId(UUID(int=3))):
        county.fixes[team_id] = Fix(
            fixed_at=NOW, received_at=NOW, point=east, source=FixSource.PHONE
        )
    return alone, spare


def test_the_team_whose_departure_costs_least_coverage_goes_if_nearly_as_fast(
    county: County,
) -> None:
    alone, spare = spread(county, gap_min=5)
    found = county.rank(incident(due_min=240))
    assert order(found)[0] == spare
    assert found.tie_break is not None
    assert (found.tie_break.team_id, found.tie_break.instead_of) == (spare, alone)
    assert found.fastest == alone and candidate_of(found, alone).is_fastest
    kept, lost = (candidate_of(found, one).coverage_loss for one in (spare, alone))
    assert kept is not None and lost is not None
    assert found.tie_break.saved == pytest.approx(lost - kept)


def test_coverage_never_costs_more_than_the_window(county: County) -> None:
    alone, _ = spread(county, gap_min=11)
    found = county.rank(incident(due_min=240))
    assert order(found)[0] == alone and found.tie_break is None


def test_coverage_never_costs_the_deadline(county: County) -> None:
    alone, _ = spread(county, gap_min=5)
    found = county.rank(incident(due_min=152))
    assert order(found)[0] == alone and found.tie_break is None


def test_coverage_does_not_take_back_what_a_language_won(county: County) -> None:
    alone, _ = spread(county, gap_min=5)
    speaker = next(
        key for key in county.responders if key == county.teams[alone].crew[0].responder_id
    )
    county.responders[speaker] = person(speaker.int, languages=frozenset({"es"}))
    found = county.rank(incident(Need(code="language_es"), due_min=240))
    assert order(found)[0] == alone


def test_a_county_may_do_without_the_tie_break(county: County) -> None:
    alone, _ = spread(county, gap_min=5)
    held = rules(policy(matching=MatchingPolicy(coverage_tie_break_s=0)))
    assert order(county.rank(incident(due_min=240), held))[0] == alone


def test_the_last_team_of_an_area_costs_more_than_one_of_three() -> None:
    one, three = Point(lat_deg=37, lon_deg=-121), Point(lat_deg=37, lon_deg=-119)
    lost = coverage.losses(
        Points.of([one, three]),
        Points.of([one, three, three, three]),
        Points.of([one, three]),
        reach=40_000,
        busy=0.5,
    )
    # (1 - q) of half of the county's areas, and (1 - q) q^2 of the other half.
    assert lost == pytest.approx([0.25, 0.0625])


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=64),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=64),
    st.sampled_from([0.0, 15_000.0, 60_000.0, 1e7]),
)
def test_coverage_is_what_counting_team_by_team_gives(
    bases: list[tuple[int, int]], free: list[tuple[int, int]], reach: float
) -> None:
    def point(place: tuple[int, int]) -> Point:
        return Point(lat_deg=36 + place[0] / 10, lon_deg=-121 + place[1] / 10)

    def is_near(one: tuple[int, int], other: tuple[int, int]) -> bool:
        north, east = ((a - b) / 10 * 111_195.08 for a, b in zip(one, other, strict=True))
        return (east * cos(radians(point(bases[0]).lat_deg))) ** 2 + north**2 <= reach**2

    def loss(team: tuple[int, int]) -> float:
        lost = 0.0
        for base in bases:
            near = sum(is_near(base, other) for other in free)
            lost += 0.7 * 0.3 ** (max(near, 1) - 1) if is_near(base, team) else 0.0
        return lost / len(bases)

    found = coverage.losses(
        Points.of([point(one) for one in free[:5]]),
        Points.of([point(one) for one in free]),
        Points.of([point(one) for one in bases]),
        reach=reach,
        busy=0.3,
    )
    assert found == pytest.approx([loss(one) for one in free[:5]])


def test_reach_is_the_distance_that_the_estimate_drives_in_the_time() -> None:
    metres = coverage.reach_m(POLICY.travel, 3_600.0)
    there = Point(lat_deg=metres / 111_195.08, lon_deg=0.0)
    found = drive(CalibratedEstimate(POLICY.travel), there, Point(lat_deg=0, lon_deg=0), NOW)
    assert found.eta_s == pytest.approx(3_600, rel=1e-3)


def test_thousands_of_places_are_joined_without_losing_a_team() -> None:
    points = [Point(lat_deg=36 + (n % 50) / 50, lon_deg=-121 + n / 2_000) for n in range(2_000)]
    every = Points.of(points)
    lost = coverage.losses(Points.of(points[:1]), every, every, reach=1e7, busy=0.5)
    # All cover everything: q to the power of 1,999 is nothing.
    assert lost == pytest.approx([0.0])


# What is shown


def test_with_no_valid_team_the_nearest_partial_ones_are_shown_first(county: County) -> None:
    off = county.team(1, away_min=1, duty=Duty.OFF_SHIFT)
    busy = county.team(2, away_min=2, run=(IncidentId(UUID(int=1)), AssignmentId(UUID(int=2))))
    far, near = (
        county.team(
            n,
            away_min=n,
            crew=[person(n * 2, can_assess=False), person(n * 2 + 1, can_assess=False)],
        )
        for n in (50, 40)
    )
    alone = county.team(60, away_min=60, crew=[person(1)])
    found = county.rank()
    assert found.candidates == () and found.first is None
    assert found.near_misses == (alone, near, far, busy, off)


def test_near_misses_are_not_shown_beside_a_valid_team(county: County) -> None:
    county.team(1)
    county.team(2, duty=Duty.OFF_SHIFT)
    assert county.rank().near_misses == ()


def test_a_limit_cuts_the_lists_but_not_the_fastest_or_the_counts(county: County) -> None:
    fluent = [
        county.team(
            n, away_min=15, crew=[person(n * 2, languages=frozenset({"es"})), person(n * 2 + 1)]
        )
        for n in range(1, 4)
    ]
    fastest = county.team(9, away_min=10)
    for n in range(20, 30):
        county.team(n, duty=Duty.OFF_SHIFT)
    found = county.rank(incident(Need(code="language_es")), limit=2)
    assert order(found) == [*fluent[:2], fastest]
    assert len(found.excluded) == 2
    assert (found.teams, found.eligible, found.counts) == (14, 4, {"off_shift": 10})


def test_a_recommendation_says_what_it_rests_on(county: County) -> None:
    county.team(1)
    found = county.rank()
    assert (found.board_seq, found.incident_version, found.at) == (41, 3, NOW)
    assert found.travel_methods == (TravelMethod.ROAD,)
    assert found.travel_parameters == "statewide 2026-11"
    assert found.policy_version == "1"
    assert found.codes_version == CODES.catalogue.version


def test_a_recommendation_survives_json_and_holds_no_place(county: County) -> None:
    spread(county, gap_min=5)
    county.team(7, crew=[person(1)])
    county.team(8, duty=Duty.OFF_SHIFT)
    found = county.rank(incident(Need(code="language_es"), due_min=240))
    text = msgspec.json.encode(found)
    assert msgspec.json.decode(text, type=Recommendation) == found
    assert b"lat_deg" not in text and b"M1" not in text


# What always holds

_NEED_CODES = ["youth", "language_es", "wheelchair_vehicle", "clinician_in_person", "made_up"]
_HAZARD_CODES = ["weapon", "unknown_scene", "animals", "no_phone_signal", "made_up"]


@st.composite
def counties(draw: st.DrawFn) -> County:
    made = County()
    for number in range(1, draw(st.integers(0, 7)) + 1):
        people = [
            person(
                number * 10 + place,
                provider_type=draw(st.sampled_from(["lcsw", "emt", "police_officer"])),
                can_assess=draw(st.booleans()),
                naloxone_trained=draw(st.booleans()),
                law_enforcement=draw(st.integers(0, 5)) == 0,
                languages=draw(st.sampled_from([frozenset({"es"}), frozenset({"en"})])),
            )
            for place in range(draw(st.integers(0, 3)))
        ]
        made.team(
            number,
            away_min=draw(st.none() | st.floats(0, 90)),
            crew=people,
            duty=draw(st.sampled_from([*Duty, Duty.AVAILABLE, Duty.AVAILABLE])),
            base=draw(st.none() | st.just(minutes_away(33))),
            capabilities=draw(st.sampled_from([(), ("wheelchair_vehicle",)])),
            retired=draw(st.integers(0, 9)) == 0,
            run=draw(st.none() | st.just((IncidentId(UUID(int=1)), AssignmentId(UUID(int=2))))),
        )
    return made


@st.composite
def situations(draw: st.DrawFn) -> Incident:
    return incident(
        *(
            Need(code=code, hard=draw(st.booleans()))
            for code in draw(st.lists(st.sampled_from(_NEED_CODES), max_size=3))
        ),
        hazards=draw(st.lists(st.sampled_from(_HAZARD_CODES), max_size=2)),
        due_min=draw(st.none() | st.floats(-30, 120)),
        offers=tuple(
            offer(TeamId(UUID(int=number)), OfferState.DECLINED)
            for number in draw(st.lists(st.integers(1, 7), max_size=2))
        ),
        clinical=Clinical(
            point=draw(st.sampled_from([HERE, None])), screening=draw(st.sampled_from([SAFE, {}]))
        ),
    )


@given(counties(), situations())
def test_every_team_appears_exactly_once(made: County, about: Incident) -> None:
    found = made.rank(about)
    listed = [
        *(one.team_id for one in found.candidates),
        *(one.team_id for one in found.possible),
        *(one.team_id for one in found.excluded),
    ]
    assert sorted(listed) == sorted(made.teams)
    assert found.eligible == len(found.candidates) and found.teams == len(made.teams)


@given(counties(), situations())
def test_no_team_is_ranked_whose_crew_may_not_go(made: County, about: Incident) -> None:
    needs = incident_needs(about.needs, about.danger, POLICY)
    for candidate in made.rank(about).candidates:
        team = made.teams[candidate.team_id]
        assert team.is_free and not team.retired and team.lent_to is None
        assert assess(team, made.responders, needs, RULES, TODAY).is_valid
        assert all(not reason.hard for reason in candidate.reasons)


@given(counties(), situations())
def test_reasons_of_a_crew_are_those_of_the_staffing_rules(made: County, about: Incident) -> None:
    needs = incident_needs(about.needs, about.danger, POLICY)
    found = made.rank(about)
    named: list[Possible | Excluded] = [*found.possible, *found.excluded]
    for one in named:
        team = made.teams[one.team_id]
        if team.duty is Duty.OFF_SHIFT:
            continue
        judged = assess(team, made.responders, needs, RULES, TODAY)
        assert {reason for reason in one.reasons if reason.code in OF_CREW} == set(judged.hard)
    for possible in found.possible:
        team = made.teams[possible.team_id]
        assert assess(team, made.responders, needs, RULES, TODAY).possible_with_telehealth


@given(counties(), situations(), st.randoms())
def test_the_answer_does_not_depend_on_the_order_of_the_board(
    made: County, about: Incident, shuffle: Any
) -> None:
    before = made.rank(about)
    teams = list(made.teams.items())
    shuffle.shuffle(teams)
    made.teams = dict(teams)
    assert made.rank(about) == before


@given(counties(), situations())
def test_the_fastest_candidate_is_marked_and_listed(made: County, about: Incident) -> None:
    found = made.rank(about, limit=1)
    whole = made.rank(about).candidates
    drives = [one.travel.eta_s for one in whole if one.travel is not None]
    marked = [one for one in found.candidates if one.is_fastest]
    if not drives:
        assert marked == [] and found.fastest is None
        return
    (fastest,) = marked
    assert fastest.team_id == found.fastest
    assert fastest.travel is not None and fastest.travel.eta_s == min(drives)


@given(counties(), situations())
def test_no_valid_team_never_means_an_empty_answer(made: County, about: Incident) -> None:
    found = made.rank(about)
    assert found.candidates or found.near_misses or not made.teams
    assert len(set(found.near_misses)) == len(found.near_misses)


@given(counties(), situations(), st.sampled_from(_HAZARD_CODES))
def test_one_more_hazard_never_lets_one_more_team_go(
    made: County, about: Incident, hazard: str
) -> None:
    hazards = (*about.hazards, Hazard(code=hazard))
    worse = endangered(msgspec.structs.replace(about, hazards=hazards))
    before, after = made.rank(about), made.rank(worse)
    assert set(order(after)) <= set(order(before))
    assert {one.team_id for one in after.possible} <= {one.team_id for one in before.possible}


@given(counties(), situations())
def test_the_first_is_on_time_if_anyone_is(made: County, about: Incident) -> None:
    fresh = [one for one in made.rank(about).candidates if not one.asked_before]
    if any(one.on_time for one in fresh):
        assert fresh[0].on_time


@given(counties(), st.lists(situations(), min_size=1, max_size=4))
def test_remembering_crews_never_changes_an_answer(made: County, abouts: list[Incident]) -> None:
    memo = Fleets()
    strict = rules(policy(telehealth=TelehealthPolicy(allowed=False)))
    for about in abouts:
        for held in (RULES, strict):
            assert made.rank(about, held, memo=memo) == made.rank(about, held, memo=Fleets())


def test_a_changed_crew_is_judged_anew(county: County) -> None:
    memo = Fleets()
    team_id = county.team(1)
    assert order(county.rank(memo=memo)) == [team_id]
    county.responders = {
        key: msgspec.structs.replace(one, naloxone_trained=False)
        for key, one in county.responders.items()
    }
    assert order(county.rank(memo=memo)) == []
    county.team(1, crew=[person(1), person(2)])
    assert order(county.rank(memo=memo)) == [team_id]


def test_nobody_is_recommended_who_would_drive_for_days(county: County) -> None:
    near, far = county.team(1, away_min=300), county.team(2, away_min=3_613)
    alone = county.team(3, away_min=3_613, crew=[person(7)])
    found = county.rank()
    assert [one.team_id for one in found.candidates] == [near]
    assert codes_against(found, far) == ["too_far"]
    assert "too_far" in codes_against(found, alone)
    assert found.counts["too_far"] == 2


def test_how_long_a_drive_may_be_is_the_countys_to_say(county: County) -> None:
    team_id = county.team(1, away_min=90)
    short = msgspec.structs.replace(
        POLICY, matching=msgspec.structs.replace(POLICY.matching, longest_travel_s=3_600.0)
    )
    assert county.rank().candidates
    assert codes_against(county.rank(held=rules(short)), team_id) == ["too_far"]
