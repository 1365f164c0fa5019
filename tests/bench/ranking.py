"""How long it takes to rank every team of a county, with all reasons.

Run alone: ``python -m tests.bench.ranking``. Three counties of 2,000 teams: one with most teams
free, one with a mixture of everything, and one where every crew was just changed and nothing is
remembered. Must not know PostgreSQL.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec

from crisis.board import Board
from crisis.codes import code_sets
from crisis.eligibility import CrewMemo
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
from crisis.standards import packaged
from crisis.team import CrewMember, Duty, Team
from crisis.triage import Acuity, Clinical, Hazard, Need, Place, Standard
from dispatch.choose import rank
from geo.fix import Fix, FixSource
from geo.point import Point, distances_m
from geo.zone import AreaMap
from tests.bench.rows import Row

TEAMS = 2_000
TARGET_MS = 15.0
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


def _measure(
    board: Board,
    fixes: dict[TeamId, Fix],
    stream: Iterator[Incident],
    rounds: int,
    held: Rules,
    memo: CrewMemo,
) -> list[float]:
    took_ms = []
    for incident in (next(stream) for _ in range(rounds)):
        start = time.perf_counter()
        rank(board, incident, SlotNo(1), fixes, _NOW, held, memo=memo)
        took_ms.append((time.perf_counter() - start) * 1e3)
    return took_ms


def _row(name: str, took_ms: list[float], floor_ms: float, target_ms: float) -> Row:
    value = percentile(took_ms, 0.99)
    return Row(
        name=name,
        unit="ms p99",
        value=round(value, 2),
        floor=round(floor_ms, 2),
        ratio=round(value / floor_ms, 2),
        target=f"<= {target_ms:g}",
        met=value <= target_ms,
    )


async def run(quick: bool) -> list[Row]:
    """Measure; ``quick``: a third of the rounds."""
    rounds = 100 if quick else 300
    draw = Random(1)
    rows = []
    for mixed, name in ((False, "most free"), (True, "busy, off shift, short-staffed, stale")):
        board, fixes = county(draw, TEAMS, mixed=mixed)
        stream = incidents(draw)
        points = [team.base for team in board.teams.values() if team.base is not None]
        # The floor: only distances, for all teams, sorted; no rules, no reasons.
        floors = []
        for incident in (next(stream) for _ in range(rounds)):
            point = incident.clinical.point
            if point is None:
                raise AssertionError("every incident has a place")
            start = time.perf_counter()
            sorted(zip(distances_m(point, points), board.teams, strict=True), key=lambda d: d[0])
            floors.append((time.perf_counter() - start) * 1e3)
        floor_ms = percentile(floors, 0.99)
        held, memo = rules(), CrewMemo()
        first = _measure(board, fixes, stream, 1, held, memo)
        gc.collect()
        rows.append(
            _row(
                f"rank {TEAMS} teams with reasons ({name})",
                _measure(board, fixes, stream, rounds, held, memo),
                floor_ms,
                TARGET_MS,
            )
        )
        rows.append(
            _row(f"rank {TEAMS} teams, no crew judged before ({name})", first, floor_ms, 1_500.0)
        )
    return rows


if __name__ == "__main__":
    for row in asyncio.run(run(quick=False)):
        print(row)
