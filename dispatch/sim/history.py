"""The days before a demonstration begins, so that its reports have something to say.

Decides who would have answered which call and when, by the nearest free team, and sends all of it
as commands in the order in which it happened, on a clock that goes along. Ids of new things follow
from their commands' ids, so that what follows needn't wait for the answer: whole groups are
written at once. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from crisis import commands as c
from crisis.assignment import Status
from crisis.clock import Clock, FakeClock, generator, new_id
from crisis.ids import (
    AssignmentId,
    CallId,
    CommandId,
    IncidentId,
    ObligationId,
    OfferId,
    ShiftId,
    derived,
)
from crisis.roles import Actor, Role
from crisis.shapes import Value
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import Answer
from dispatch.run.service import CountyRunner
from dispatch.sim.demand import CONTACT_MIN, DISPOSITIONS, DemandedCall, Draws, Fate, pick, quantile
from dispatch.sim.roster import MadeUpTeam
from dispatch.sim.troupe import Staff, Troupe, shift_at
from geo.point import Point
from geo.travel import CalibratedEstimate

#: Commands written at once, and over how long a time at most: a desk may date its acts back.
_GROUP, _SPAN = 60, timedelta(minutes=90)
#: What a slow machine writes whole in any case: longer than nearly all that a call comes to.
_LAST_HOURS = timedelta(hours=3)
#: Share of offers that the first team declines.
_DECLINES = 0.06
#: A team on scene says so often that it is well; within what the policy asks for.
_CHECK_IN = timedelta(minutes=24)
_ADMIN = Actor(roles=frozenset({Role.ADMIN}))
_SAFE = Answer.NO
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
    _SAFE,
)


class Told(Value, frozen=True, kw_only=True):
    """What became of the history.

    Attributes:
        commands: how many were sent.
        refused: refusals, by code.
        heard: id of a recent call or incident → what its caller said, for who goes on with it.
        hurried: it took too long, and some days' calls were left out.
    """

    commands: int
    began_at: datetime
    refused: dict[str, int]
    heard: dict[str, DemandedCall]
    hurried: bool
    took_s: float


@dataclass(slots=True)
class _Act:
    """A command at its instant; ``id`` names it and what it makes."""

    at: datetime
    command: c.Command
    actor: Actor
    source: Source
    id: UUID = field(default_factory=new_id)


@dataclass(slots=True)
class _Crew:
    number: int
    team: MadeUpTeam
    actor: Actor
    at: Point
    free_at: datetime


class History:
    """Writes the past of a county.

    Args:
        county: its writer; nobody else sends it commands meanwhile, and its clock is ``clock``.
    """

    def __init__(self, county: CountyRunner, clock: FakeClock, troupe: Troupe, seed: int) -> None:
        self._county = county
        self._clock = clock
        self._troupe = troupe
        self._draw: Draws = generator(seed)
        self._order = count()
        #: Units of acts that must be written together, by their first instant, each with the
        #: number of the call that they follow from; none of shifts.
        self._units: list[tuple[datetime, int, int | None, list[_Act]]] = []
        self._story: int | None = None
        self._begun: set[int] = set()
        self._heard: dict[str, DemandedCall] = {}
        self._begins_at = clock.now()
        self._crews = [
            _Crew(
                number,
                team,
                _crew_actor(team, staff),
                team.base or Point(lat_deg=0, lon_deg=0),
                clock.now(),
            )
            for number, (team, staff) in enumerate(
                zip(troupe.teams, troupe.phones, strict=True), start=1
            )
        ]

    async def roster(self, machine: Clock) -> float:
        """Put teams and people on the roster; returns how many commands a second that were."""
        began_s = machine.monotonic()
        acts = [
            _Act(self._clock.now(), command, _ADMIN, Source.DESK)
            for team in (*self._troupe.teams, self._troupe.yours)
            for command in team.recorded()
        ]
        for start in range(0, len(acts), _GROUP):
            await self._write(acts[start : start + _GROUP], {})
        return len(acts) / max(machine.monotonic() - began_s, 0.001)

    async def write(
        self, calls: Sequence[DemandedCall], until: datetime, machine: Clock, within_s: float
    ) -> Told:
        """Write what those calls came to; what would lie after ``until`` is left to the present.

        Args:
            calls: oldest first, from the clock's instant on.
            within_s: machine seconds; if it takes longer, only what has begun is gone on with,
                until the last hours, so that the present finds them whole.
        """
        began_s = machine.monotonic()
        self._begins_at = self._clock.now()
        self._plan(calls, until)
        refused: dict[str, int] = {}
        sent, hurried = 0, False
        for group in self._groups(until):
            await self._write(group, refused)
            sent += len(group)
            if not hurried and machine.monotonic() - began_s > within_s:
                hurried = True
                self._hurry(calls, until)
        return Told(
            commands=sent,
            began_at=self._begins_at,
            refused=refused,
            heard={
                thing: call for thing, call in self._heard.items() if call.at > until - _LAST_HOURS
            },
            hurried=hurried,
            took_s=machine.monotonic() - began_s,
        )

    def _hurry(self, calls: Sequence[DemandedCall], until: datetime) -> None:
        """Leave out the calls that have not begun, up to the last hours."""

        def is_kept(story: int | None) -> bool:
            if story is None or story in self._begun:
                return True
            return calls[story].at > until - _LAST_HOURS

        self._units = [unit for unit in self._units if is_kept(unit[2])]
        heapq.heapify(self._units)

    async def _write(self, group: Sequence[_Act], refused: dict[str, int]) -> None:
        last = max(act.at for act in group)
        self._clock.set(max(last, self._clock.now()))
        waiting = [self._county.submit(self._envelope(act)) for act in group]
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, BaseException):
                code = str(getattr(outcome, "code", type(outcome).__name__))
                refused[code] = refused.get(code, 0) + 1

    def _envelope(self, act: _Act) -> c.Envelope:
        return c.Envelope(
            county_id=self._troupe.county_id,
            command_id=CommandId(act.id),
            actor=act.actor,
            source=act.source,
            occurred_at=act.at,
            command=act.command,
        )

    def _groups(self, until: datetime) -> Iterator[list[_Act]]:
        group: list[_Act] = []
        while self._units:
            at, _, story, unit = heapq.heappop(self._units)
            if unit[-1].at >= until:
                # The present goes on from here; what would follow on it has no ground any more.
                continue
            if group and (len(group) + len(unit) > _GROUP or at - group[0].at > _SPAN):
                yield group
                group = []
            if story is not None:
                self._begun.add(story)
            group.extend(unit)
        if group:
            yield group

    # What happens

    def _unit(self, *acts: _Act) -> None:
        heapq.heappush(self._units, (acts[0].at, next(self._order), self._story, list(acts)))

    def _desk(self, staff: Staff, at: datetime, command: c.Command) -> _Act:
        return _Act(at, command, staff.actor, Source.DESK)

    def _plan(self, calls: Sequence[DemandedCall], until: datetime) -> None:
        waiting: list[tuple[datetime, int, DemandedCall, Staff, IncidentId]] = []
        for nth, call in enumerate(calls):
            self._story = nth
            desk = self._troupe.desks[nth % len(self._troupe.desks)]
            if call.by_phone:
                self._by_phone(call, desk)
            else:
                incident_id = self._received(call, desk)
                determined_at = call.at + timedelta(seconds=call.talk_s)
                heapq.heappush(waiting, (determined_at, nth, call, desk, incident_id))
        while waiting:
            at, nth, call, desk, incident_id = heapq.heappop(waiting)
            self._story = nth
            later = self._dispatch(at, call, desk, incident_id)
            if later is not None and later < until:
                heapq.heappush(waiting, (later, nth, call, desk, incident_id))
        self._story = None
        self._shifts(until)

    def _by_phone(self, call: DemandedCall, desk: Staff) -> None:
        taken = self._call(call, desk)
        ends_at = call.at + timedelta(seconds=call.talk_s)
        call_id = CallId(derived(taken.id, "call"))
        self._heard[str(call_id)] = call
        self._unit(taken)
        if self._draw.random() < 0.7:
            ended = c.EndCall(call_id=call_id, outcome="supported_by_phone")
            self._unit(self._desk(desk, ends_at, ended))
            return
        opened = self._desk(desk, call.at + timedelta(seconds=50), self._opening(call, call_id))
        resolved = c.Determine(
            incident_id=IncidentId(derived(opened.id, "incident")),
            decision="no_dispatch",
            reason="resolved_by_phone",
        )
        self._heard[str(resolved.incident_id)] = call
        self._unit(opened)
        self._unit(
            self._desk(desk, ends_at, resolved),
            self._desk(desk, ends_at, c.EndCall(call_id=call_id)),
        )

    def _call(self, call: DemandedCall, desk: Staff) -> _Act:
        return self._desk(desk, call.at, c.OfferCall(referral_source=call.source, answered=True))

    def _opening(self, call: DemandedCall, call_id: CallId) -> c.OpenIncident:
        return c.OpenIncident(
            call_id=call_id,
            place=c.PlaceInput(point=call.place, location_type=call.location_type),
            concerns=(call.concern,),
            screening=SCREENING,
        )

    def _received(self, call: DemandedCall, desk: Staff) -> IncidentId:
        taken = self._call(call, desk)
        call_id = CallId(derived(taken.id, "call"))
        opened = self._desk(desk, call.at + timedelta(seconds=40), self._opening(call, call_id))
        incident_id = IncidentId(derived(opened.id, "incident"))
        self._heard[str(call_id)] = self._heard[str(incident_id)] = call
        self._unit(taken)
        self._unit(opened)
        screened = c.StartScreening(incident_id=incident_id)
        self._unit(self._desk(desk, call.at + timedelta(seconds=70), screened))
        determined_at = call.at + timedelta(seconds=call.talk_s)
        determined = c.Determine(incident_id=incident_id, decision="dispatch", acuity=call.acuity)
        ended = c.EndCall(call_id=call_id)
        self._unit(
            self._desk(desk, determined_at, determined), self._desk(desk, determined_at, ended)
        )
        return incident_id

    def _dispatch(
        self, at: datetime, call: DemandedCall, desk: Staff, incident_id: IncidentId
    ) -> datetime | None:
        """Send the nearest free team; returns when to look again, where none is free."""
        on_shift = [crew for crew in self._crews if self._is_on(crew, at)]
        free = [crew for crew in on_shift if crew.free_at <= at]
        if not free:
            return min(
                (crew.free_at for crew in on_shift), default=at + timedelta(minutes=20)
            ) + timedelta(seconds=1)
        travel = CalibratedEstimate(self._county.rules(at).policy.travel)
        etas = travel.many_to_one([crew.at for crew in free], call.place, at)
        ranked = sorted(zip(etas, free, strict=True), key=lambda one: (one[0].eta_s, one[1].number))
        offer_at = at + timedelta(seconds=self._draw.uniform(8, 50))
        if len(ranked) > 1 and self._draw.random() < _DECLINES:
            _, declining = ranked.pop(0)
            offer_at = self._declined(offer_at, declining, desk, incident_id)
        eta, crew = ranked[0]
        drive_s = eta.eta_s * self._draw.uniform(0.8, 1.35)
        self._respond(offer_at, crew, call, desk, incident_id, eta.eta_s, drive_s)
        return None

    def _offer(
        self,
        at: datetime,
        crew: _Crew,
        desk: Staff,
        incident_id: IncidentId,
        eta_s: float | None = None,
    ) -> tuple[_Act, OfferId]:
        offer = c.OfferTeam(incident_id=incident_id, team_id=crew.team.team_id, eta_s=eta_s)
        offered = self._desk(desk, at, offer)
        return offered, OfferId(derived(offered.id, "offer"))

    def _declined(
        self, at: datetime, crew: _Crew, desk: Staff, incident_id: IncidentId
    ) -> datetime:
        offered, offer_id = self._offer(at, crew, desk, incident_id)
        answered_at = at + timedelta(seconds=self._draw.uniform(10, 60))
        declined = c.DeclineOffer(offer_id=offer_id, reason="not_ready")
        self._unit(offered, _Act(answered_at, declined, crew.actor, Source.PHONE))
        return answered_at + timedelta(seconds=5)

    def _respond(
        self,
        at: datetime,
        crew: _Crew,
        call: DemandedCall,
        desk: Staff,
        incident_id: IncidentId,
        eta_s: float,
        drive_s: float,
    ) -> None:
        offered, offer_id = self._offer(at, crew, desk, incident_id, eta_s)
        accepted_at = at + timedelta(seconds=self._draw.uniform(5, 55))
        accepted = _Act(accepted_at, c.AcceptOffer(offer_id=offer_id), crew.actor, Source.PHONE)
        run_id = AssignmentId(derived(accepted.id, "assignment"))
        self._unit(offered, accepted)
        left_at = accepted_at + timedelta(seconds=self._draw.uniform(60, 240))
        arrived_at = left_at + timedelta(seconds=drive_s)

        def phone(when: datetime, command: c.Command) -> _Act:
            return _Act(when, command, crew.actor, Source.PHONE)

        def status(when: datetime, value: Status) -> _Act:
            return phone(when, c.ReportStatus(assignment_id=run_id, status=value))

        self._unit(status(left_at, Status.EN_ROUTE))
        if call.fate is Fate.CANCELLED:
            ended_at = left_at + 0.5 * (arrived_at - left_at)
            cancelled = c.CancelIncident(incident_id=incident_id, reason="caller_cancelled")
            self._unit(self._desk(desk, ended_at, cancelled))
            crew.free_at = ended_at + timedelta(seconds=30)
            return
        arrived = status(arrived_at, Status.ON_SCENE)
        self._unit(arrived)
        cleared_at = arrived_at + timedelta(seconds=call.stay_s)
        met = call.fate in {Fate.ENGAGED, Fate.REFUSED}
        contact = None
        if met:
            soon_s = min(60 * quantile(CONTACT_MIN, self._draw.random()), 0.5 * call.stay_s)
            contact = status(arrived_at + timedelta(seconds=soon_s), Status.CONTACT)
            self._unit(contact)
        heard_of, at = arrived, arrived_at + _CHECK_IN
        while at < cleared_at:
            owed = ObligationId(derived(heard_of.id, "obligation/check_in"))
            heard_of = phone(at, c.CompleteObligation(obligation_id=owed))
            self._unit(heard_of)
            at += _CHECK_IN
        encounter = encounter_of(call.fate, self._draw)
        cleared = c.ClearAssignment(assignment_id=run_id, encounters=(encounter,))
        closed_at = cleared_at + timedelta(seconds=self._draw.uniform(60, 400))
        self._unit(phone(cleared_at, cleared))
        self._unit(self._desk(desk, closed_at, c.CloseIncident(incident_id=incident_id)))
        crew.at, crew.free_at = call.place, cleared_at + timedelta(seconds=30)
        if contact is not None:
            self._follow_up(contact, run_id, cleared_at)

    def _follow_up(self, contact: _Act, run_id: AssignmentId, cleared_at: datetime) -> None:
        """Somebody calls the person back within the three days, with few exceptions."""
        if self._draw.random() < 0.05:
            return
        at = cleared_at + timedelta(hours=self._draw.uniform(8, 66))
        owed = ObligationId(derived(contact.id, f"obligation/follow_up/{run_id}/1"))
        done = c.CompleteObligation(
            obligation_id=owed, outcome="reached_stable", mode="telehealth_audio"
        )
        self._unit(self._desk(self._troupe.follow_up, at, done))

    def _is_worth_it(self, window: tuple[datetime, datetime]) -> bool:
        """Whether a shift has some hours left when the past begins; none is written otherwise."""
        return window[1] - self._begins_at > 2 * _SPAN

    def _is_on(self, crew: _Crew, at: datetime) -> bool:
        """Whether it may be asked: on shift, and not about to go home."""
        window = shift_at(crew.number, at)
        if window is None or not self._is_worth_it(window):
            return False
        return at < window[1] - timedelta(minutes=15)

    def _shifts(self, until: datetime) -> None:
        """Let every team go on and off shift, in time and with nothing under way."""
        for crew in self._crews:
            at = self._begins_at
            while at < until:
                window = shift_at(crew.number, at)
                if window is None or not self._is_worth_it(window):
                    at += timedelta(minutes=20)
                    continue
                starts_at, ends_at = max(window[0], self._begins_at), window[1]
                members = tuple(
                    CrewMember(responder_id=one.id, carries_naloxone=True) for one in crew.team.crew
                )
                started = _Act(
                    starts_at,
                    c.StartShift(team_id=crew.team.team_id, ends_at=ends_at, crew=members),
                    crew.actor,
                    Source.PHONE,
                )
                self._unit(started)
                shift_id = ShiftId(derived(started.id, "shift"))
                ended = c.EndShift(shift_id=shift_id)
                self._unit(_Act(ends_at, ended, crew.actor, Source.PHONE))
                at = ends_at + timedelta(minutes=1)


def _crew_actor(team: MadeUpTeam, staff: Staff) -> Actor:
    return Actor(
        user_id=staff.user_id,
        roles=frozenset(staff.roles),
        agency_id=team.agency_id,
        team_id=team.team_id,
        responder_id=team.crew[0].id,
    )


def encounter_of(fate: Fate, draw: Draws) -> c.EncounterInput:
    """Return how a team records the end of an encounter."""
    note = "Simulated encounter."
    if fate is Fate.NOT_FOUND:
        return c.EncounterInput(contacted=False, disposition="not_found", note=note)
    disposition = "refused_services" if fate is Fate.REFUSED else pick(draw, DISPOSITIONS)
    away = disposition.startswith(("voluntary", "medical"))
    return c.EncounterInput(
        disposition=disposition,
        transport="team_vehicle" if away else "none",
        destination="Simulated facility" if away else None,
        plan=None if disposition in {"refused_services", "arrest"} else "written",
        plan_exception="declined" if disposition in {"refused_services", "arrest"} else None,
        has_plan_to_notify=False,
        note=note,
    )
