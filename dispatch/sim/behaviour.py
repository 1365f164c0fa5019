"""How simulated people behave: crews that answer, drive, report and are done, and where they are.

Decides what a crew of a county in memory does once it is asked: how soon it answers, gets going,
arrives, meets somebody, says that it is well, and is done. Whom the county asks, and when, is its
own doing: the same timers, ranking and rules as on any day. What is drawn comes from one seed. Must
not know where calls come from, nor what becomes of the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal, NamedTuple

from crisis.assignment import Status
from crisis.board import Board
from crisis.clock import generator
from crisis.commands import (
    AcceptOffer,
    CancelIncident,
    ClearAssignment,
    Command,
    CompleteObligation,
    DeclineOffer,
    EncounterInput,
    Envelope,
    ReportStatus,
)
from crisis.errors import CrisisError
from crisis.ids import AssignmentId, CommandId, CountyId, IncidentId, ObligationId, OfferId, TeamId
from crisis.obligation import Obligation, ObligationKind, ObligationState
from crisis.roles import Actor
from crisis.rules import Rules
from crisis.shapes import Value
from crisis.states import Source
from crisis.team import Team
from crisis.triage import Answer
from dispatch.choose.seek import Seeker
from dispatch.decide.incoming import Taken
from dispatch.sim.demand import DISPOSITIONS, Draws, Fate, Percentiles, on_the_way, pick, quantile
from dispatch.sim.engine import Engine
from dispatch.sim.roster import MadeUpTeam, made_up_id
from geo.fix import Fix, FixSource
from geo.point import Point
from geo.travel import CalibratedEstimate, drive

#: A team sees the time that is left: who answers at all does so within this share of it.
_IN_TIME = 0.9
#: A crew says that it is well within these shares of the time that it has for it.
_WELL = (0.6, 0.95)
#: Minutes from dispatch to arrival, for calls whose place isn't known: Lane County, Oregon.
_DRIVE: Percentiles = (
    (0.0, 1.0),
    (0.25, 8.0),
    (0.50, 14.0),
    (0.75, 21.0),
    (0.90, 31.0),
    (0.99, 64.0),
    (1.0, 90.0),
)
#: What a caller answers whom nothing threatens.
SCREENING = dict.fromkeys(
    (
        "suicide_attempt_now",
        "overdose_ingestion",
        "altered_consciousness",
        "violence_now",
        "violence_history",
        "restraining_order",
        "weapon_on_scene",
        "firearm_access",
        "others_on_scene_hostile",
        "animals",
        "contagion",
    ),
    Answer.NO,
)


class Pace(Value, frozen=True, kw_only=True):
    """How simulated people behave; pairs are bounds, seconds, between which is drawn evenly.

    Attributes:
        answer_s: from an offer to its acceptance; sooner where the offer expires sooner.
        turnout_s: from the acceptance to the departure.
        triage_s: from a call to its determination, where that isn't recorded.
        no_answer, declines: shares of offers that nobody answers, or that the crew declines, 0..1.
    """

    answer_s: tuple[float, float] = (5.0, 60.0)
    turnout_s: tuple[float, float] = (60.0, 240.0)
    triage_s: tuple[float, float] = (120.0, 900.0)
    no_answer: float = 0.03
    declines: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    """A drive: where a team is between its ends. Done = it stands at ``to``.

    ``run_id``: of which run; ``None`` = to the base, or it doesn't matter.
    """

    origin: Point
    to: Point
    began: datetime
    took_s: float
    run_id: str | None = None

    def at(self, now: datetime) -> Point:
        """Return where the team is."""
        return on_the_way(self.origin, self.to, self._share(now))[0]

    def moves(self, now: datetime) -> bool:
        """Whether it hasn't arrived yet."""
        return self._share(now) < 1

    @property
    def ends_at(self) -> datetime:
        """When it arrives."""
        return self.began + timedelta(seconds=self.took_s)

    @property
    def speed_mps(self) -> float:
        """Along the straight way."""
        return on_the_way(self.origin, self.to, 0)[1] / max(self.took_s, 1.0)

    def _share(self, now: datetime) -> float:
        return (now - self.began).total_seconds() / self.took_s if self.took_s > 0 else 1.0


class Scene(Value, frozen=True, kw_only=True):
    """What a crew finds.

    Attributes:
        place: ``None`` = not known.
        stay_s: from the arrival until the crew is done.
        contact_s: from the arrival until the person is met; ``None`` = nothing is said of it.
        encounter: what is recorded at the end; ``None`` = nothing is.
    """

    place: Point | None
    stay_s: float
    contact_s: float | None = None
    encounter: EncounterInput | None = None


class Voice(NamedTuple):
    """Who sends what a person does."""

    actor: Actor
    source: Source


@dataclass(slots=True)
class _Crew:
    """``said``: who told it, where others send what the crew says."""

    team: MadeUpTeam
    voice: Voice
    base: Point
    leg: Leg
    said: Mapping[str, Any]


class Step(NamedTuple):
    """Something that a crew has done.

    ``drive_s``: how long the drive takes that it begins.
    """

    what: Literal["accepted", "left", "arrived", "cleared"]
    incident_id: IncidentId
    drive_s: float = 0.0


class Crews:
    """The crews of a county in memory.

    Args:
        board: what the county begins with.
        rules: what is in force at an instant.
        begins_at: where its time begins.
        seed: the same seed, and the same that is asked of them, give the same day.

    Attributes:
        engine: the county, and its time.
        scenes: what is found at each incident; put there by whoever lets it be opened.
        on_step: told what a crew has done.
        on_owed: told of what is owed and no crew sees to; plans what follows.
        overtaken: refusals of what came too late, by code.
    """

    def __init__(
        self,
        board: Board,
        rules: Callable[[datetime], Rules],
        begins_at: datetime,
        *,
        seed: int,
        pace: Pace,
    ) -> None:
        # Where simulated teams are is known at every instant, not only when a phone says so.
        self.engine = Engine(board, rules, Seeker(self._fixes), begins_at)
        self.engine.on_decided = self._hear
        self.pace = pace
        self._rules = rules
        self.draw: Draws = generator(seed)
        self.scenes: dict[IncidentId, Scene] = {}
        self.on_step: Callable[[Step], object] = lambda _: None
        self.on_owed: Callable[[Obligation], object] = lambda _: None
        self.overtaken: Counter[str] = Counter()
        self._seed, self._sent = seed, count()
        self._crews: dict[TeamId, _Crew] = {}
        self._asked: set[OfferId] = set()

    def join(self, team: MadeUpTeam, voice: Voice, base: Point) -> None:
        """Let a crew work; it stands at its base, and goes on shift when somebody lets it."""
        said = {} if voice.source is Source.PHONE else {"said_by": "team"}
        leg = Leg(base, base, self.engine.now(), 0.0)
        self._crews[team.team_id] = _Crew(team, voice, base, leg, said)

    def between(self, bounds: tuple[float, float]) -> float:
        """Draw a number between two others."""
        return self.draw.uniform(*bounds)

    # What anybody sends

    def send(self, command: Command, by: Voice) -> dict[str, Any]:
        """Send a command and return its result.

        Raises:
            CrisisError: the refusal.
        """
        env = Envelope(
            county_id=self.engine.board.county_id,
            command_id=CommandId(made_up_id(self._seed, "command", next(self._sent))),
            actor=by.actor,
            source=by.source,
            command=command,
        )
        return self.engine.submit(env).result

    def tries(self, command: Command, by: Voice) -> dict[str, Any] | None:
        """Send what may come too late; ``None`` = it was refused."""
        try:
            return self.send(command, by)
        except CrisisError as refusal:
            self.overtaken[refusal.code] += 1
            return None

    def after(self, seconds: float, step: Callable[..., object], *args: Any) -> None:
        """Let somebody do something so much later."""
        self.engine.after(seconds, lambda: step(*args))

    def call_off(self, incident_id: IncidentId, by: Voice) -> bool:
        """Let the caller call it off, unless a team has been there; whether that was so."""
        incident = self.engine.board.incidents.get(incident_id)
        if incident is None or any(Status.ON_SCENE in r.milestones for r in incident.assignments):
            return False
        going = [run.team_id for run in incident.open_runs]
        cancelled = CancelIncident(incident_id=incident_id, reason="caller_cancelled")
        if self.tries(cancelled, by) is None:
            return False
        for team_id in going:
            self._drive(team_id, None, is_home=True)
        return True

    # What crews do

    def _hear(self, taken: Taken) -> None:
        for _, thing, on_board in taken.made.decision.changes:
            if isinstance(thing, Team):
                self._hear_offer(thing)
            elif isinstance(thing, Obligation) and on_board and thing.state is ObligationState.DUE:
                self._hear_owed(thing)

    def _hear_offer(self, team: Team) -> None:
        crew = self._crews.get(team.id)
        if crew is None or team.offer is None or team.offer[1] in self._asked:
            return
        incident_id, offer_id = team.offer
        self._asked.add(offer_id)
        chance = self.draw.random() - self.pace.no_answer
        if chance < 0:
            return
        answers_in_s = self.between(self._answers_within(incident_id, offer_id))
        if chance < self.pace.declines:
            declined = DeclineOffer(offer_id=offer_id, reason="not_ready", **crew.said)
            self.after(answers_in_s, self.tries, declined, crew.voice)
        else:
            self.after(answers_in_s, self._accept, crew, offer_id)

    def _answers_within(self, incident_id: IncidentId, offer_id: OfferId) -> tuple[float, float]:
        """Return the bounds of an answer: near or past a deadline there is less time for one."""
        offer = self.engine.board.incidents[incident_id].offer(offer_id)
        if offer is None:
            raise AssertionError("a team's open offer is one of its incident's")
        left_s = _IN_TIME * (offer.expires_at - self.engine.now()).total_seconds()
        soonest_s, latest_s = self.pace.answer_s
        return min(soonest_s, left_s), min(latest_s, left_s)

    def _hear_owed(self, owed: Obligation) -> None:
        crew = self._crews.get(owed.team_id) if owed.team_id is not None else None
        if owed.kind is not ObligationKind.CHECK_IN or crew is None:
            self.on_owed(owed)
            return
        left_s = (owed.due_at - self.engine.now()).total_seconds()
        is_well = CompleteObligation(obligation_id=owed.id)
        self.after(self.between(_WELL) * left_s, self.see_to, owed.id, is_well, crew.voice)

    def see_to(self, owed: ObligationId, done: CompleteObligation, by: Voice) -> None:
        """Do what is owed, if it still is."""
        known = self.engine.board.obligations.get(owed)
        if known is not None and known.state is ObligationState.DUE:
            self.tries(done, by)

    def _accept(self, crew: _Crew, offer_id: OfferId) -> None:
        accepted = self.tries(AcceptOffer(offer_id=offer_id, **crew.said), crew.voice)
        if accepted is not None:
            incident_id, run_id = accepted["incident_id"], accepted["assignment_id"]
            self.on_step(Step("accepted", incident_id))
            turnout_s = self.between(self.pace.turnout_s)
            self.after(turnout_s, self._depart, crew, incident_id, run_id)

    def _says(self, crew: _Crew, run_id: AssignmentId, status: Status) -> bool:
        """Let the crew report, if it is still on that run; whether it could."""
        run = self.engine.board.teams[crew.team.team_id].run
        if run is None or run[1] != run_id:
            return False
        briefed = {"briefed_by": "desk"} if crew.said and status is Status.EN_ROUTE else {}
        report = ReportStatus(assignment_id=run_id, status=status, **crew.said, **briefed)
        return self.tries(report, crew.voice) is not None

    def _depart(self, crew: _Crew, incident_id: IncidentId, run_id: AssignmentId) -> None:
        if self._says(crew, run_id, Status.EN_ROUTE):
            took_s = self._drive(crew.team.team_id, self.scenes[incident_id].place)
            self.on_step(Step("left", incident_id, took_s))
            self.after(took_s, self._arrive, crew, incident_id, run_id)

    def _arrive(self, crew: _Crew, incident_id: IncidentId, run_id: AssignmentId) -> None:
        if not self._says(crew, run_id, Status.ON_SCENE):
            return
        self.on_step(Step("arrived", incident_id))
        scene = self.scenes[incident_id]
        if scene.contact_s is not None:
            self.after(scene.contact_s, self._says, crew, run_id, Status.CONTACT)
        self.after(scene.stay_s, self._clear, crew, incident_id, run_id)

    def _clear(self, crew: _Crew, incident_id: IncidentId, run_id: AssignmentId) -> None:
        encounter = self.scenes[incident_id].encounter
        cleared = ClearAssignment(
            assignment_id=run_id,
            encounters=() if encounter is None else (encounter,),
            **crew.said,
        )
        self.tries(cleared, crew.voice)
        self._drive(crew.team.team_id, None, is_home=True)
        self.on_step(Step("cleared", incident_id))

    # Where they are

    def _drive(self, team_id: TeamId, place: Point | None, *, is_home: bool = False) -> float:
        """Let the crew leave for a place; returns how many seconds it will take."""
        crew, now = self._crews[team_id], self.engine.now()
        origin = crew.leg.at(now)
        to = crew.base if is_home else place
        if to is None:
            took_s = 60 * quantile(_DRIVE, self.draw.random())
        else:
            travel = CalibratedEstimate(self._rules(now).policy.travel)
            time = drive(travel, origin, to, now)
            # Drawn so that 5 % are below the band's lower edge, and 5 % above its upper one.
            beyond = (self.draw.random() - 0.5) / 0.45
            edge = time.high_s if beyond > 0 else time.low_s
            took_s = time.eta_s * (edge / time.eta_s) ** abs(beyond)
        crew.leg = Leg(origin, to or origin, now, took_s)
        return took_s

    def _fixes(self, county_id: CountyId) -> Mapping[TeamId, Fix]:
        now = self.engine.now()
        del county_id
        return {team_id: _fix(crew.leg, now) for team_id, crew in self._crews.items()}


def _fix(leg: Leg, now: datetime) -> Fix:
    return Fix(
        fixed_at=now,
        received_at=now,
        point=leg.at(now),
        source=FixSource.SIMULATED,
        accuracy_m=10.0,
        speed_mps=13.0 if leg.moves(now) else 0.0,
    )


def encounter_of(fate: Fate, draw: Draws) -> EncounterInput:
    """Return how a team records the end of an encounter."""
    note = "Simulated encounter."
    if fate is Fate.NOT_FOUND:
        return EncounterInput(contacted=False, disposition="not_found", note=note)
    disposition = "refused_services" if fate is Fate.REFUSED else pick(draw, DISPOSITIONS)
    away = disposition.startswith(("voluntary", "medical"))
    return EncounterInput(
        disposition=disposition,
        transport="team_vehicle" if away else "none",
        destination="Simulated facility" if away else None,
        plan=None if disposition in {"refused_services", "arrest"} else "written",
        plan_exception="declined" if disposition in {"refused_services", "arrest"} else None,
        has_plan_to_notify=False,
        note=note,
    )
