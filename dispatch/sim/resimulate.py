"""Recorded calls answered anew: the service's own ranking and clockwork, and simulated teams.

Decides how simulated teams behave: how soon they answer, get going, arrive and are done, and where
they are meanwhile. Whom the service asks, and when, is its own doing: the same timers, ranking and
rules as on any day, in a county in memory. What is drawn comes from one seed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from crisis.assignment import Status
from crisis.board import Board
from crisis.clock import generator
from crisis.commands import (
    AcceptOffer,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    Determine,
    Envelope,
    ReportStatus,
)
from crisis.errors import CrisisError, Invalid
from crisis.ids import AgencyId, AssignmentId, CommandId, CountyId, IncidentId, OfferId, TeamId
from crisis.incident.state import IncidentState
from crisis.policy import CheckInPolicy, CountyPolicy, OfferPolicy
from crisis.roles import Actor
from crisis.rules import Rules
from crisis.shapes import Value
from crisis.states import Source
from crisis.team import Duty
from crisis.triage import Acuity
from dispatch.choose.seek import Seeker
from dispatch.decide.incoming import Taken
from dispatch.sim.engine import Engine
from dispatch.sim.recorded import RecordedCall
from dispatch.sim.replay import Account, Progress, receive
from dispatch.sim.roster import FROM_THE_START, SHIFT, MadeUpTeam, made_up_id, make_team
from geo.fix import Fix, FixSource
from geo.point import Point
from geo.travel import CalibratedEstimate

_WEEK_S = 604_800.0
#: After the last call, how long open incidents are still followed.
_AFTERMATH = timedelta(hours=24)
#: A team sees the time that is left: who answers at all does so within this share of it.
_IN_TIME = 0.9
#: Minutes on scene by percentile: 4,046 responses of Lane County, Oregon, 2024-2025.
_ON_SCENE = (
    (0.0, 1.0),
    (0.10, 5.0),
    (0.25, 10.0),
    (0.50, 22.0),
    (0.75, 40.0),
    (0.90, 62.0),
    (0.95, 78.0),
    (0.99, 122.0),
    (1.0, 180.0),
)
#: Minutes from dispatch to arrival there, for calls whose place isn't known.
_DRIVE = (
    (0.0, 1.0),
    (0.25, 8.0),
    (0.50, 14.0),
    (0.75, 21.0),
    (0.90, 31.0),
    (0.99, 64.0),
    (1.0, 90.0),
)


class Pace(Value, frozen=True, kw_only=True):
    """How simulated people behave; pairs are bounds, seconds, between which is drawn evenly.

    Attributes:
        answer_s: from an offer to its acceptance; sooner where the offer expires sooner.
        turnout_s: from the acceptance to the departure.
        triage_s: from a call to its determination, where that isn't recorded.
        no_answer: share of offers that nobody answers, 0..1.
    """

    answer_s: tuple[float, float] = (5.0, 60.0)
    turnout_s: tuple[float, float] = (60.0, 240.0)
    triage_s: tuple[float, float] = (120.0, 900.0)
    no_answer: float = 0.03


def simulated_policy() -> CountyPolicy:
    """Return the policy of a county whose teams are simulated.

    The service asks the best team by itself, and nobody misses a check-in: simulated teams are
    never in danger.
    """
    return CountyPolicy(
        version="simulated",
        effective_from=FROM_THE_START,
        offers=OfferPolicy(auto_offer=True),
        check_ins=CheckInPolicy(
            en_route_s=_WEEK_S, on_scene_s=_WEEK_S, transport_s=_WEEK_S, lone_on_scene_s=_WEEK_S
        ),
    )


@dataclass(slots=True)
class _Leg:
    """A drive: where a team is between its ends. Done = it stands at ``to``."""

    origin: Point
    to: Point
    began: datetime
    took_s: float

    def at(self, now: datetime) -> tuple[Point, bool]:
        """Return where the team is, and whether it still moves."""
        share = (now - self.began).total_seconds() / self.took_s if self.took_s > 0 else 1.0
        if share >= 1:
            return self.to, False
        return (
            Point(
                lat_deg=self.origin.lat_deg + share * (self.to.lat_deg - self.origin.lat_deg),
                lon_deg=self.origin.lon_deg + share * (self.to.lon_deg - self.origin.lon_deg),
            ),
            True,
        )


@dataclass(slots=True)
class _Crew:
    team: MadeUpTeam
    base: Point
    leg: _Leg


@dataclass(slots=True)
class _Answered:
    """A call under simulation."""

    call: RecordedCall
    reached: str = ""
    refusal: str | None = None
    is_over: bool = False


class Resimulation:
    """Answers recorded calls with simulated teams.

    Args:
        board: what the county begins with.
        rules: what is in force at an instant.
        begins_at: before the first call.
        clerk: who is said to have sent what people do; may act at a desk and set teams up.
        seed: the same seed, calls and teams give the same answers.

    Attributes:
        decided: all that was decided, in order, to be written.
    """

    def __init__(
        self,
        board: Board,
        rules: Callable[[datetime], Rules],
        begins_at: datetime,
        agency_id: AgencyId,
        clerk: Actor,
        *,
        seed: int = 1,
        pace: Pace | None = None,
    ) -> None:
        self._agency_id = agency_id
        self._clerk = clerk
        self._draw = generator(seed)
        self._seed, self._order = seed, count()
        self._pace = pace or Pace()
        self._rules = rules
        self._crews: dict[TeamId, _Crew] = {}
        self._seen: set[OfferId] = set()
        self._by_incident: dict[IncidentId, _Answered] = {}
        self._overtaken: Counter[str] = Counter()
        # Where simulated teams are is known at every instant, not only when a phone says so.
        self._engine = Engine(board, rules, Seeker(self._fixes), begins_at)

    @property
    def _board(self) -> Board:
        return self._engine.board

    @property
    def decided(self) -> Sequence[Taken]:
        """All that was decided, in order."""
        return self._engine.decided

    def run(
        self,
        calls: Sequence[RecordedCall],
        teams: int,
        progress: Progress = lambda done, of: None,
    ) -> Account:
        """Answer all calls and return what became of the rows.

        Raises:
            Invalid: ``no_places``: no call says where it was, so that no team can be placed.
        """
        answered = [_Answered(call) for call in calls]
        self._set_up(calls, teams)
        for one in answered:
            self._at(one.call.received_at, self._receive, one)
        ends_at = max(call.received_at for call in calls) + _AFTERMATH
        while not all(one.is_over for one in answered) and self._engine.advance(ends_at):
            self._hear_offers()
            progress(sum(one.is_over for one in answered), len(answered))
        account = _account(answered, teams, self._engine.now())
        account.overtaken = self._overtaken
        return account

    def _set_up(self, calls: Sequence[RecordedCall], teams: int) -> None:
        places = [call.place for call in calls if call.place is not None]
        if not places:
            raise Invalid("no_places", "No call says where it was: teams can't be placed.")
        now = self._engine.now()
        for number in range(1, teams + 1):
            base = self._draw.choice(places)
            team = make_team(self._board.county_id, number, self._agency_id, base)
            for command in team.recorded():
                self._send(command)
            self._crews[team.team_id] = _Crew(team, base, _Leg(base, base, now, 0.0))
            # Staggered: the teams don't all change shifts in the same minute.
            self._go_on_shift(team, SHIFT * (number / teams))

    def _at(self, at: datetime, step: Callable[..., None], *args: Any) -> None:
        self._engine.at(at, lambda: step(*args))

    def _in(self, seconds: float, step: Callable[..., None], *args: Any) -> None:
        self._at(self._engine.now() + timedelta(seconds=seconds), step, *args)

    def _send(self, command: Command) -> dict[str, Any]:
        env = Envelope(
            county_id=self._board.county_id,
            command_id=CommandId(made_up_id(self._seed, "command", next(self._order))),
            actor=self._clerk,
            source=Source.DESK,
            command=command,
        )
        return self._engine.submit(env).result

    # Calls

    def _receive(self, one: _Answered) -> None:
        call = one.call
        try:
            incident_id = receive(call, self._send)
        except CrisisError as refusal:
            one.refusal, one.is_over = f"refused by the service: {refusal.detail}", True
            return
        one.reached = "received"
        self._by_incident[incident_id] = one
        if call.outcome == "no_dispatch":
            self._at(call.ended or call.received_at, self._send_nobody, one, incident_id)
            return
        determined = call.determined
        if determined is None:
            determined = call.received_at + timedelta(seconds=self._between(self._pace.triage_s))
        self._at(determined, self._determine, one, incident_id)
        if call.outcome == "cancelled" and call.ended is not None:
            self._at(max(call.ended, call.received_at), self._cancel, one, incident_id)

    def _send_nobody(self, one: _Answered, incident_id: IncidentId) -> None:
        no_team = Determine(
            incident_id=incident_id, decision="no_dispatch", reason="resolved_by_phone"
        )
        if self._try(no_team) is not None:
            one.reached = "no_dispatch"
        one.is_over = True

    def _determine(self, one: _Answered, incident_id: IncidentId) -> None:
        if one.is_over:
            return
        determined = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)
        if self._try(determined) is not None:
            one.reached = "determined"

    def _cancel(self, one: _Answered, incident_id: IncidentId) -> None:
        """Call it off as recorded, unless a team was there before that."""
        incident = self._board.incidents.get(incident_id)
        if incident is None or any(Status.ON_SCENE in r.milestones for r in incident.assignments):
            return
        on_the_way = [run.team_id for run in incident.open_runs]
        cancelled = CancelIncident(incident_id=incident_id, reason="caller_cancelled")
        if self._try(cancelled) is not None:
            one.reached, one.is_over = "cancelled", True
            for team_id in on_the_way:
                self._drive_home(self._crews[team_id])

    # Teams

    def _hear_offers(self) -> None:
        for team in self._board.teams.values():
            if team.offer is None or team.offer[1] in self._seen or team.id not in self._crews:
                continue
            incident_id, offer_id = team.offer
            self._seen.add(offer_id)
            if self._draw.random() >= self._pace.no_answer:
                answers_in_s = self._between(self._answers_within(incident_id, offer_id))
                self._in(answers_in_s, self._accept, team.id, offer_id)

    def _answers_within(self, incident_id: IncidentId, offer_id: OfferId) -> tuple[float, float]:
        """Return the bounds of an answer: near or past a deadline there is less time for one."""
        offer = self._board.incidents[incident_id].offer(offer_id)
        if offer is None:
            raise AssertionError("a team's open offer is one of its incident's")
        left_s = _IN_TIME * (offer.expires_at - self._engine.now()).total_seconds()
        soonest_s, latest_s = self._pace.answer_s
        return min(soonest_s, left_s), min(latest_s, left_s)

    def _accept(self, team_id: TeamId, offer_id: OfferId) -> None:
        accepted = self._try(AcceptOffer(offer_id=offer_id, said_by="team"))
        if accepted is None:
            return
        incident_id = IncidentId(UUID(str(accepted["incident_id"])))
        run_id = AssignmentId(UUID(str(accepted["assignment_id"])))
        self._by_incident[incident_id].reached = "dispatched"
        self._in(self._between(self._pace.turnout_s), self._depart, team_id, incident_id, run_id)

    def _depart(self, team_id: TeamId, incident_id: IncidentId, run_id: AssignmentId) -> None:
        if not self._is_on(team_id, run_id):
            return
        left = ReportStatus(
            assignment_id=run_id, status=Status.EN_ROUTE, said_by="team", briefed_by="desk"
        )
        if self._try(left) is None:
            return
        crew = self._crews[team_id]
        took_s = self._drive(crew, self._by_incident[incident_id].call.place)
        self._in(took_s, self._arrive, team_id, incident_id, run_id)

    def _arrive(self, team_id: TeamId, incident_id: IncidentId, run_id: AssignmentId) -> None:
        if not self._is_on(team_id, run_id):
            return
        arrived = ReportStatus(assignment_id=run_id, status=Status.ON_SCENE, said_by="team")
        self._try(arrived)
        one = self._by_incident[incident_id]
        one.reached = "arrived"
        call = one.call
        if call.arrival is not None and call.departure is not None:
            stays_s = (call.departure - call.arrival).total_seconds()
        else:
            stays_s = 60 * self._quantile(_ON_SCENE)
        self._in(stays_s, self._clear, team_id, incident_id, run_id)

    def _clear(self, team_id: TeamId, incident_id: IncidentId, run_id: AssignmentId) -> None:
        cleared = ClearAssignment(assignment_id=run_id, said_by="team")
        self._try(cleared)
        self._drive_home(self._crews[team_id])
        one = self._by_incident[incident_id]
        incident = self._board.incidents.get(incident_id)
        if incident is not None and incident.state is IncidentState.DETERMINED:
            self._try(CloseIncident(incident_id=incident_id))
        one.reached, one.is_over = "cleared", True

    def _is_on(self, team_id: TeamId, run_id: AssignmentId) -> bool:
        run = self._board.teams[team_id].run
        return run is not None and run[1] == run_id

    def _drive(self, crew: _Crew, place: Point | None) -> float:
        """Let the crew leave for a place; returns how many seconds it will take."""
        now = self._engine.now()
        origin, _ = crew.leg.at(now)
        if place is None:
            took_s = 60 * self._quantile(_DRIVE)
        else:
            travel = CalibratedEstimate(self._rules(now).policy.travel)
            [time] = travel.many_to_one([origin], place, now)
            # Drawn so that 5 % are below the band's lower edge, and 5 % above its upper one.
            beyond = (self._draw.random() - 0.5) / 0.45
            edge = time.high_s if beyond > 0 else time.low_s
            took_s = time.eta_s * (edge / time.eta_s) ** abs(beyond)
        crew.leg = _Leg(origin, origin if place is None else place, now, took_s)
        return took_s

    def _drive_home(self, crew: _Crew) -> None:
        self._drive(crew, crew.base)

    def _go_on_shift(self, team: MadeUpTeam, length: timedelta) -> None:
        if self._board.teams[team.team_id].duty is not Duty.OFF_SHIFT:
            self._in(300, self._go_on_shift, team, length)  # on overtime
            return
        ends_at = self._engine.now() + length
        self._send(team.on_shift(ends_at))
        self._at(ends_at + timedelta(minutes=1), self._go_on_shift, team, SHIFT)

    def _fixes(self, county_id: CountyId) -> Mapping[TeamId, Fix]:
        now = self._engine.now()
        del county_id
        return {team_id: _fix(crew.leg, now) for team_id, crew in self._crews.items()}

    # Chance, and what may be refused

    def _between(self, bounds: tuple[float, float]) -> float:
        return self._draw.uniform(*bounds)

    def _quantile(self, table: Sequence[tuple[float, float]]) -> float:
        """Draw from a distribution given by percentiles, straight between them."""
        share = self._draw.random()
        above = bisect_right(table, share, key=lambda row: row[0])
        (low, least), (high, most) = table[above - 1], table[min(above, len(table) - 1)]
        if high == low:
            return most
        return least + (most - least) * (share - low) / (high - low)

    def _try(self, command: Command) -> dict[str, Any] | None:
        """Send what may come too late; ``None`` = it was refused."""
        try:
            return self._send(command)
        except CrisisError as refusal:
            self._overtaken[refusal.code] += 1
            return None


def _fix(leg: _Leg, now: datetime) -> Fix:
    point, moves = leg.at(now)
    return Fix(
        fixed_at=now,
        received_at=now,
        point=point,
        source=FixSource.SIMULATED,
        accuracy_m=10.0,
        speed_mps=13.0 if moves else 0.0,
    )


def _account(answered: Sequence[_Answered], teams: int, now: datetime) -> Account:
    account = Account(teams=teams, last_at=now)
    for one in answered:
        account.take(one.call, one.reached or "not received", one.refusal)
    return account
