"""The days before a demonstration begins, so that its reports have something to say.

Decides what desks do about each call, when crews are on shift and who calls people back; whom the
county asks is its own ranking's and clockwork's doing, in memory, and how crews behave stands in
``behaviour``. What was decided is written piece by piece, as if it had been lived. Must not know
HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from crisis.clock import Clock, FakeClock
from crisis.commands import (
    CloseIncident,
    Command,
    CompleteObligation,
    Determine,
    EndCall,
    EndShift,
    OfferCall,
    OfferTeam,
    OpenIncident,
    PlaceInput,
    StartScreening,
)
from crisis.ids import CallId, IncidentId
from crisis.obligation import Obligation, ObligationKind
from crisis.roles import Actor, Role
from crisis.shapes import Value
from crisis.states import Source
from dispatch.run.service import CountyRunner
from dispatch.sim.behaviour import SCREENING, Crews, Pace, Scene, Step, Voice, encounter_of
from dispatch.sim.demand import CONTACT_MIN, DemandedCall, Fate, quantile
from dispatch.sim.roster import MadeUpTeam
from dispatch.sim.troupe import Staff, Troupe, shift_at
from geo.point import Point

#: How crews of a demonstration behave, in its past as in its present.
PACE = Pace(answer_s=(5.0, 50.0), no_answer=0.03, declines=0.06)
#: So many decisions are written at once.
_PIECE = 256
#: No shift is begun that has less left of it when the past begins.
_WORTH_IT = timedelta(hours=3)
#: What a slow machine writes whole in any case: longer than nearly all that a call comes to.
_LAST_HOURS = timedelta(hours=3)
#: After the determination a desk asks a team within these seconds; where none can go, again.
_ASKS_S, _ASKS_AGAIN_S = (8.0, 50.0), (100.0, 140.0)
_ADMIN = Voice(Actor(roles=frozenset({Role.ADMIN})), Source.DESK)
_REACHED = {"outcome": "reached_stable", "mode": "telehealth_audio"}


class Told(Value, frozen=True, kw_only=True):
    """What became of the history.

    Attributes:
        commands: how many were decided.
        refused: of what people sent, by code: the service or somebody else was quicker.
        heard: id of a recent call or incident → what its caller said, for who goes on with it.
        hurried: it took too long, and some days' calls were left out.
    """

    commands: int
    began_at: datetime
    refused: dict[str, int]
    heard: dict[str, DemandedCall]
    hurried: bool
    took_s: float


class _Told(NamedTuple):
    """A call, and whose it is."""

    call: DemandedCall
    desk: Voice


class History:
    """Writes the past of a county.

    Args:
        county: its writer; nobody else sends it commands meanwhile, and its clock is ``clock``.
    """

    def __init__(self, county: CountyRunner, clock: FakeClock, troupe: Troupe, seed: int) -> None:
        self._county = county
        self._clock = clock
        self._troupe = troupe
        self._seed = seed
        self._desks = [_voice(desk) for desk in troupe.desks]
        self._crews = self._begin()
        self._commands = 0
        self._heard: dict[str, DemandedCall] = {}
        self._incidents: dict[IncidentId, _Told] = {}
        self._whole_from: datetime | None = None

    def _begin(self) -> Crews:
        """Return the crews of the county as it stands now."""
        county, now = self._county, self._clock.now()
        crews = Crews(county.board, county.rules, now, seed=self._seed, pace=PACE)
        crews.on_step, crews.on_owed = self._follow, self._see_to
        for team, staff in zip(self._troupe.teams, self._troupe.phones, strict=True):
            base = team.base or Point(lat_deg=0, lon_deg=0)
            crews.join(team, Voice(_crew_actor(team, staff), Source.PHONE), base)
        return crews

    async def roster(self, machine: Clock) -> float:
        """Put teams and people on the roster; returns how many commands a second that were."""
        began_s = machine.monotonic()
        for team in (*self._troupe.teams, self._troupe.yours):
            for command in team.recorded():
                self._crews.send(command, _ADMIN)
        await self._write()
        return self._commands / max(machine.monotonic() - began_s, 0.001)

    async def write(
        self, calls: Sequence[DemandedCall], until: datetime, machine: Clock, within_s: float
    ) -> Told:
        """Write what those calls came to; what would lie after ``until`` is left to the present.

        Args:
            calls: oldest first, from the clock's instant on.
            within_s: machine seconds; if it takes longer, only what has begun is gone on with,
                until the last hours, so that the present finds them whole.
        """
        began_s, begins_at = machine.monotonic(), self._clock.now()
        engine = self._crews.engine
        engine.wait_until(begins_at)
        self._plan_shifts(begins_at, until)
        for nth, call in enumerate(calls):
            told = _Told(call, self._desks[nth % len(self._desks)])
            engine.at(call.at, lambda told=told: self._answer(told))  # type: ignore[misc]
        while engine.advance(until):
            if len(engine.decided) >= _PIECE:
                await self._write()
                if machine.monotonic() - began_s > within_s:
                    self._whole_from = until - _LAST_HOURS
        await self._write()
        recent = until - _LAST_HOURS
        return Told(
            commands=self._commands,
            began_at=begins_at,
            refused=dict(self._crews.overtaken),
            heard={thing: call for thing, call in self._heard.items() if call.at > recent},
            hurried=self._whole_from is not None,
            took_s=machine.monotonic() - began_s,
        )

    async def _write(self) -> None:
        engine = self._crews.engine
        self._clock.set(max(engine.now(), self._clock.now()))
        decided, engine.decided = engine.decided, []
        self._commands += len(decided)
        await self._county.take_over(decided)

    # What desks do

    def _answer(self, told: _Told) -> None:
        call, draw = told.call, self._crews.draw
        if self._whole_from is not None and call.at <= self._whole_from:
            return
        taken = self._crews.send(OfferCall(referral_source=call.source, answered=True), told.desk)
        call_id: CallId = taken["call_id"]
        self._heard[str(call_id)] = call
        if call.by_phone and draw.random() < 0.7:
            ended = EndCall(call_id=call_id, outcome="supported_by_phone")
            self._crews.after(call.talk_s, self._crews.tries, ended, told.desk)
        else:
            self._crews.after(40.0, self._open, told, call_id)

    def _open(self, told: _Told, call_id: CallId) -> None:
        call, crews = told.call, self._crews
        opening = OpenIncident(
            call_id=call_id,
            place=PlaceInput(point=call.place, location_type=call.location_type),
            concerns=(call.concern,),
            screening=SCREENING,
        )
        incident_id: IncidentId = crews.send(opening, told.desk)["incident_id"]
        self._heard[str(incident_id)] = call
        self._incidents[incident_id] = told
        decided: Command
        if call.by_phone:
            decided = Determine(
                incident_id=incident_id, decision="no_dispatch", reason="resolved_by_phone"
            )
        else:
            crews.scenes[incident_id] = self._scene(call)
            decided = Determine(incident_id=incident_id, decision="dispatch", acuity=call.acuity)
            asks_in_s = call.talk_s - 40.0 + crews.between(_ASKS_S)
            crews.after(asks_in_s, self._ask, incident_id)
        crews.after(30.0, crews.tries, StartScreening(incident_id=incident_id), told.desk)
        crews.after(call.talk_s - 40.0, crews.tries, decided, told.desk)
        crews.after(call.talk_s - 40.0, crews.tries, EndCall(call_id=call_id), told.desk)

    def _scene(self, call: DemandedCall) -> Scene:
        contact_s = None
        if call.fate in {Fate.ENGAGED, Fate.REFUSED}:
            soon_s = 60 * quantile(CONTACT_MIN, self._crews.draw.random())
            contact_s = min(soon_s, 0.5 * call.stay_s)
        return Scene(
            place=call.place,
            stay_s=call.stay_s,
            contact_s=contact_s,
            encounter=encounter_of(call.fate, self._crews.draw),
        )

    def _ask(self, incident_id: IncidentId) -> None:
        """Ask the team that is recommended first; where none can go, look again later."""
        incident = self._crews.engine.board.incidents.get(incident_id)
        waiting = () if incident is None else incident.waiting_slots()
        if incident is None or all(incident.slot_offers(slot.no) for slot in waiting):
            return
        found = self._crews.engine.recommend(incident_id).candidates
        if found:
            asked = OfferTeam(incident_id=incident_id, team_id=found[0].team_id)
            if self._crews.tries(asked, self._incidents[incident_id].desk) is not None:
                return
        self._crews.after(self._crews.between(_ASKS_AGAIN_S), self._ask, incident_id)

    def _follow(self, step: Step) -> None:
        call, desk = self._incidents[step.incident_id]
        if step.what == "left" and call.fate is Fate.CANCELLED:
            half_s = 0.5 * step.drive_s
            self._crews.after(half_s, self._crews.call_off, step.incident_id, desk)
        elif step.what == "cleared":
            closed = CloseIncident(incident_id=step.incident_id)
            self._crews.after(self._crews.between((60.0, 400.0)), self._crews.tries, closed, desk)

    def _see_to(self, owed: Obligation) -> None:
        """Ask after who waits; call people back within the three days, with few exceptions."""
        crews, now = self._crews, self._crews.engine.now()
        done = CompleteObligation(obligation_id=owed.id, **_REACHED)
        if owed.kind is ObligationKind.WAITING_CONTACT and owed.incident_id in self._incidents:
            in_s = crews.between((0.6, 0.9)) * (owed.lapses_at - now).total_seconds()
            by = self._incidents[owed.incident_id].desk
        elif owed.kind is ObligationKind.FOLLOW_UP and crews.draw.random() >= 0.05:
            in_s, by = 3_600 * crews.between((8.0, 66.0)), _voice(self._troupe.follow_up)
        else:
            return
        crews.after(in_s, crews.see_to, owed.id, done, by)

    # Shifts

    def _plan_shifts(self, begins_at: datetime, until: datetime) -> None:
        """Let every team go on and off shift in time."""
        for number, team in enumerate(self._troupe.teams, start=1):
            at = begins_at
            while at < until:
                window = shift_at(number, at)
                if window is None or window[1] - begins_at < _WORTH_IT:
                    at += timedelta(minutes=20)
                    continue
                starts_at, ends_at = max(window[0], begins_at), window[1]
                self._plan_shift(number, team, starts_at, ends_at)
                at = ends_at + timedelta(minutes=1)

    def _plan_shift(
        self, number: int, team: MadeUpTeam, starts_at: datetime, ends_at: datetime
    ) -> None:
        voice = Voice(_crew_actor(team, self._troupe.phones[number - 1]), Source.PHONE)

        def start() -> None:
            started = self._crews.tries(team.on_shift(ends_at), voice)
            if started is not None:
                ended = EndShift(shift_id=started["shift_id"])
                # A little before the service would end it.
                self._crews.engine.at(
                    ends_at - timedelta(seconds=20), lambda: self._end(ended, voice)
                )

        self._crews.engine.at(starts_at, start)

    def _end(self, ended: EndShift, voice: Voice) -> None:
        self._crews.tries(ended, voice)


def _voice(staff: Staff) -> Voice:
    return Voice(staff.actor, Source.DESK)


def _crew_actor(team: MadeUpTeam, staff: Staff) -> Actor:
    return Actor(
        user_id=staff.user_id,
        roles=frozenset(staff.roles),
        agency_id=team.agency_id,
        team_id=team.team_id,
        responder_id=team.crew[0].id,
    )
