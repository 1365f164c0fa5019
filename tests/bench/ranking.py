"""How long it takes to rank every team of a county, with all reasons.

Run alone: ``python -m tests.bench.ranking``. Three counties of 2,000 teams: one with most teams
free, one with a mixture of everything, and one where every crew was just changed and nothing is
remembered. The floor is a haversine in numpy over all the teams: their newest fixes looked up as
they come, put into arrays, measured, sorted, and answered as pairs of team and metres; no rules, no
reasons, no drives. Where no crew was judged before, it is the staffing rules alone, once for each
crew. Both in processor time and in turns: what else runs on the machine is not measured. Must not
know PostgreSQL.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from math import cos, radians
from random import Random
from uuid import UUID

import msgspec
import numpy as np

from crisis.board import Board
from crisis.codes import code_sets
from crisis.eligibility import assess
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CountyId,
    IncidentId,
    OfferId,
    ResponderId,
    SlotNo,
    TeamId,
)
from crisis.incident.state import Incident, IncidentState, Slot
from crisis.policy import CountyPolicy
from crisis.responder import Credential, Responder
from crisis.rules import Rules
from crisis.staffing import IncidentNeeds
from crisis.standards import packaged
from crisis.team import CrewMember, Duty, Team
from crisis.triage import Acuity, Clinical, Hazard, Need, Place, Standard
from dispatch.choose import rank
from dispatch.choose.fleet import Fleets
from geo.fix import Fix, FixSource
from geo.point import EARTH_RADIUS_M, Point
from geo.zone import AreaMap
from tests.bench.rows import Row, at_most

TEAMS = 2_000
_NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
_INCIDENT = IncidentId(UUID(int=1))


def _id(draw: Random) -> UUID:
    return UUID(int=draw.getrandbits(128))


def rules() -> Rules:
    """Return the packaged rules under a policy of defaults."""
    return Rules(
        policy=CountyPolicy(version="1", effective_from=datetime(2026, 1, 1, tzinfo=UTC)),
        codes=code_sets(date(2026, 3, 2)),
        standards=packaged(),
        areas=AreaMap(version="none"),
    )


def _responder(draw: Random, *, peer: bool) -> Responder:
    return Responder(
        id=ResponderId(_id(draw)),
        agency_id=AgencyId(UUID(int=7)),
        provider_type="peer_support_specialist" if peer else "lcsw",
        licence=Credential(number="1", effective_from=date(2020, 1, 1)),
        core_trained_on=date(2024, 1, 1),
        naloxone_trained=draw.random() < 0.9,
        can_assess=not peer,
        is_lpha=not peer,
        languages=frozenset({"en", "es"} if draw.random() < 0.3 else {"en"}),
        competencies=frozenset({"youth"} if draw.random() < 0.3 else ()),
    )


def county(draw: Random, teams: int, *, mixed: bool) -> tuple[Board, dict[TeamId, Fix]]:
    """Return a board with so many teams spread over 100 km, and where they are."""
    responders: dict[ResponderId, Responder] = {}
    held: dict[TeamId, Team] = {}
    fixes: dict[TeamId, Fix] = {}
    for number in range(teams):
        crew = []
        for member in range(1 if mixed and draw.random() < 0.15 else 2):
            person = _responder(draw, peer=member == 1)
            responders[person.id] = person
            crew.append(CrewMember(responder_id=person.id, carries_naloxone=True))
        team_id = TeamId(_id(draw))
        place = Point(lat_deg=36.5 + draw.random(), lon_deg=-120.5 + draw.random())
        state = draw.random() if mixed else 0.0
        held[team_id] = Team(
            id=team_id,
            agency_id=AgencyId(UUID(int=7)),
            call_sign=f"T{number}",
            base=place,
            duty=(
                Duty.OFF_SHIFT
                if state > 0.85
                else Duty.UNAVAILABLE
                if state > 0.75
                else Duty.AVAILABLE
            ),
            unavailable_reason="break" if 0.75 < state <= 0.85 else None,
            run=(_INCIDENT, AssignmentId(_id(draw))) if 0.5 < state <= 0.7 else None,
            offer=(_INCIDENT, OfferId(_id(draw))) if 0.7 < state <= 0.75 else None,
            crew=tuple(crew) if state <= 0.85 else (),
            shift_ends_at=_NOW + timedelta(hours=draw.random() * 8),
        )
        age_s = draw.random() * (900 if mixed else 100)
        fixes[team_id] = Fix(
            fixed_at=_NOW - timedelta(seconds=age_s),
            received_at=_NOW,
            point=Point(lat_deg=place.lat_deg + 0.01, lon_deg=place.lon_deg),
            source=FixSource.PHONE,
            speed_mps=draw.random() * 20,
        )
    return Board(county_id=CountyId(6019), seq=9, teams=held, responders=responders), fixes


def incidents(draw: Random) -> Iterator[Incident]:
    """Yield incidents at ever other places, with ever other needs and hazards."""
    codes = code_sets(date(2026, 3, 2))
    need_codes = [code.code for code in codes["need"]]
    hazard_codes = [code.code for code in codes["hazard"]]
    screening = {item.code: "no" for item in codes["risk_item"]}
    while True:
        yield Incident(
            id=_INCIDENT,
            number=12,
            state=IncidentState.DETERMINED,
            received_at=_NOW - timedelta(minutes=9),
            policy_version="1",
            place=Place(),
            determined_at=_NOW - timedelta(minutes=2),
            due_at=_NOW + timedelta(minutes=58),
            standard=Standard(minutes=60, version="1"),
            acuity=Acuity.URGENT,
            needs=tuple(
                Need(code=code, hard=draw.random() < 0.2)
                for code in draw.sample(need_codes, draw.randrange(4))
            ),
            hazards=tuple(
                Hazard(code=code) for code in draw.sample(hazard_codes, draw.randrange(3))
            ),
            slots=(Slot(no=SlotNo(1)),),
            clinical=msgspec.convert(
                {
                    "point": {
                        "lat_deg": 36.5 + draw.random(),
                        "lon_deg": -120.5 + draw.random(),
                    },
                    "screening": screening,
                },
                Clinical,
            ),
        )


def percentile(values: list[float], part: float) -> float:
    """Return the value that ``part`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _ranked(
    board: Board, fixes: Mapping[TeamId, Fix], incident: Incident, held: Rules, memo: Fleets
) -> float:
    """Return the milliseconds that a ranking takes."""
    begun = time.thread_time()
    rank(board, incident, SlotNo(1), fixes, _NOW, held, memo=memo)
    return (time.thread_time() - begun) * 1e3


def _measured(board: Board, fixes: Mapping[TeamId, Fix], incident: Incident) -> float:
    """Return the milliseconds of the floor."""
    here = incident.clinical.point
    assert here is not None
    begun = time.thread_time()
    ids = list(board.teams)
    points = [fixes[team_id].point for team_id in ids]
    lat = np.radians(np.array([point.lat_deg for point in points]))
    lon = np.radians(np.array([point.lon_deg for point in points]))
    across = np.sin((lat - radians(here.lat_deg)) / 2) ** 2
    along = np.sin((lon - radians(here.lon_deg)) / 2) ** 2
    h = across + cos(radians(here.lat_deg)) * np.cos(lat) * along
    metres = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    order = np.argsort(metres, kind="stable")
    nearest = [ids[row] for row in order.tolist()]
    found = list(zip(nearest, metres[order].tolist(), strict=True))
    took_ms = (time.thread_time() - begun) * 1e3
    assert len(found) == len(board.teams)
    return took_ms


def _judged(board: Board, held: Rules) -> float:
    """Return the milliseconds in which the staffing rules judge each crew once."""
    asked = IncidentNeeds(
        needs=tuple(Need(code=code.code) for code in held.codes["need"]),
        hazards=tuple(Hazard(code=code.code) for code in held.codes["hazard"]),
    )
    begun = time.thread_time()
    for team in board.teams.values():
        if team.duty is not Duty.OFF_SHIFT:
            assess(team, board.responders, asked, held, _NOW.date())
    return (time.thread_time() - begun) * 1e3


async def run(quick: bool) -> list[Row]:
    """Measure; ``quick``: a third of the rounds."""
    rounds = 100 if quick else 300
    draw = Random(1)
    rows = []
    for mixed, name in ((False, "most free"), (True, "busy, off shift, short-staffed, stale")):
        board, fixes = county(draw, TEAMS, mixed=mixed)
        stream = incidents(draw)
        held, memo = rules(), Fleets()
        cold, rules_alone = _ranked(board, fixes, next(stream), held, memo), _judged(board, held)
        gc.collect()
        pairs = [
            (_ranked(board, fixes, incident, held, memo), _measured(board, fixes, incident))
            for incident in (next(stream) for _ in range(rounds))
        ]
        took, floors = ([*column] for column in zip(*pairs, strict=True))
        what = f"rank {TEAMS} teams with reasons ({name})"
        what_cold = "the same, no crew judged before; floor: the staffing rules alone"
        rows += [
            at_most(6, what, "ms p50", percentile(took, 0.5), percentile(floors, 0.5)),
            at_most(8, what, "ms p99", percentile(took, 0.99), percentile(floors, 0.99)),
            at_most(2, what_cold, "ms", cold, rules_alone),
        ]
    return rows


if __name__ == "__main__":
    for row in asyncio.run(run(quick=False)):
        print(row)
