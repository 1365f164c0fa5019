"""Made-up teams: agencies, people who may lawfully go, call signs and shifts.

Decides what a team of a simulated county is made of. Nobody in it exists. Must not know when teams
are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from crisis.commands import Command, EndShift, PlanShift, RecordResponder, RecordTeam, StartShift
from crisis.ids import AgencyId, ResponderId, ShiftId, TeamId, derived
from crisis.responder import Credential, Responder
from crisis.shapes import Value
from crisis.team import CrewMember
from geo.point import Point, haversine_m

#: Namespace of everything made up, so that the same simulation names the same things.
_MADE_UP = UUID("7a5a4f0e-7c53-5a27-8d68-0b1f3f6c9e21")
#: Long before any simulated day.
_TRAINED_ON = date(2022, 6, 1)
#: As long as a shift may be, less a minute for clocks that differ.
SHIFT = timedelta(hours=24) - timedelta(minutes=1)

_COLOURS = ("Blue", "Green", "Amber", "Violet", "Silver", "Coral", "Indigo", "Teal")
_FIRST = ("Ana", "Ben", "Chloe", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "June", "Kai", "Lena")
_LAST = ("Example", "Sample", "Madeup", "Fiction", "Placeholder", "Demo", "Specimen", "Mock")
_CLINICIANS = ("lcsw", "lmft", "lpcc", "registered_nurse", "psychologist")


class MadeUpTeam(Value, frozen=True, kw_only=True):
    """A team with its standing crew of two: one assesses and is licensed, one is a peer."""

    team_id: TeamId
    agency_id: AgencyId
    call_sign: str
    base: Point | None
    crew: tuple[Responder, Responder]
    names: tuple[str, str]

    def recorded(self) -> list[Command]:
        """Return the commands that put the team and its people on the roster."""
        team = RecordTeam(
            team_id=self.team_id,
            agency_id=self.agency_id,
            call_sign=self.call_sign,
            base=self.base,
        )
        people = zip("AB", self.crew, self.names, strict=True)
        return [
            team,
            *(
                RecordResponder(
                    responder=one,
                    name=name,
                    # Numbers that are kept free for such as these.
                    phone=f"555-01{int(one.id) % 100:02d}",
                    code=f"{self.call_sign} {letter}",
                )
                for letter, one, name in people
            ),
        ]

    def on_shift(self, ends_at: datetime) -> StartShift:
        """Return the command that puts the team on duty until ``ends_at``."""
        return StartShift(team_id=self.team_id, ends_at=ends_at, crew=self._members())

    def planned(self, starts_at: datetime, ends_at: datetime) -> PlanShift:
        """Return the command that rosters the team; whoever is of it can start the shift."""
        return PlanShift(
            team_id=self.team_id, starts_at=starts_at, ends_at=ends_at, crew=self._members()
        )

    def _members(self) -> tuple[CrewMember, ...]:
        return tuple(CrewMember(responder_id=r.id, carries_naloxone=True) for r in self.crew)


def made_up_id(*parts: object) -> UUID:
    """Return the id of a made-up thing: the same for the same parts."""
    return uuid5(_MADE_UP, "/".join(str(part) for part in parts))


def call_sign_of(number: int) -> str:
    """Return the call sign of the ``number``-th team, from 1."""
    row, colour = divmod(number - 1, len(_COLOURS))
    return f"{_COLOURS[colour]} {row + 1}"


def make_team(county_id: int, number: int, agency_id: AgencyId, base: Point | None) -> MadeUpTeam:
    """Return the ``number``-th team of a county, from 1."""

    def person(role: str, **facts: Any) -> Responder:
        return Responder(
            id=ResponderId(made_up_id(county_id, "responder", number, role)),
            agency_id=agency_id,
            licence=Credential(number=f"SIM-{number:03d}", effective_from=_TRAINED_ON),
            core_trained_on=_TRAINED_ON,
            naloxone_trained=True,
            **facts,
        )

    clinician = person(
        "clinician",
        provider_type=_CLINICIANS[number % len(_CLINICIANS)],
        can_assess=True,
        is_lpha=True,
    )
    languages = frozenset({"es"}) if number % 3 == 0 else frozenset()
    peer = person("peer", provider_type="peer_support_specialist", languages=languages)
    return MadeUpTeam(
        team_id=TeamId(made_up_id(county_id, "team", number)),
        agency_id=agency_id,
        call_sign=call_sign_of(number),
        base=base,
        crew=(clinician, peer),
        names=(_name(2 * number), _name(2 * number + 1)),
    )


def _name(number: int) -> str:
    last, first = divmod(number, len(_FIRST))
    return f"{_FIRST[first]} {_LAST[last % len(_LAST)]}"


class TeamPool:
    """Teams that are there when one is needed: another is made whenever all are busy.

    Args:
        base: of every team; ``None`` = not known.
    """

    def __init__(self, county_id: int, agency_id: AgencyId, base: Point | None) -> None:
        self._county_id = county_id
        self._agency_id = agency_id
        self._base = base
        self._free: list[MadeUpTeam] = []
        self._shifts: dict[TeamId, tuple[ShiftId, datetime]] = {}
        self._left_out: set[TeamId] = set()
        #: How many there are.
        self.size = 0

    def take(self, now: datetime, send: Callable[[Command], UUID]) -> MadeUpTeam:
        """Return a free team, on duty.

        Args:
            send: sends what that takes; returns the command's id.
        """
        team = self._free.pop() if self._free else self._make(send)
        shift = self._shifts.get(team.team_id)
        if shift is not None and now >= shift[1]:
            send(EndShift(shift_id=shift[0]))
            shift = None
        if shift is None:
            ends_at = now + SHIFT
            started = send(team.on_shift(ends_at))
            self._shifts[team.team_id] = (ShiftId(derived(started, "shift")), ends_at)
        return team

    def give_back(self, team: MadeUpTeam) -> None:
        """Let the team be taken again."""
        if team.team_id not in self._left_out:
            self._free.append(team)

    def leave_out(self, team: MadeUpTeam) -> None:
        """Never let the team be taken again: it isn't known what it is on."""
        self._left_out.add(team.team_id)
        self._free = [one for one in self._free if one.team_id != team.team_id]

    def _make(self, send: Callable[[Command], UUID]) -> MadeUpTeam:
        self.size += 1
        team = make_team(self._county_id, self.size, self._agency_id, self._base)
        for command in team.recorded():
            send(command)
        return team


def middle(points: list[Point]) -> Point | None:
    """Return that of ``points`` which lies nearest to their middle; ``None`` = there are none.

    The middle itself may be nowhere that a team can wait: in the sea, or in another state.
    """
    if not points:
        return None

    def median(values: Callable[[Point], float]) -> float:
        return sorted(values(point) for point in points)[len(points) // 2]

    centre = Point(lat_deg=median(lambda p: p.lat_deg), lon_deg=median(lambda p: p.lon_deg))
    return min(points, key=lambda point: haversine_m(centre, point))


#: When simulated policies take effect: before any call that can be replayed.
FROM_THE_START = datetime(2023, 1, 1, tzinfo=UTC)
