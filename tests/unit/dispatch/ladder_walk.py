"""A county's random day, walked from due instant to due instant, and what may be forgotten in it.

The service's own parts decide everything: ``due``, the seeker, ``decide`` and ``fold``; only people
are drawn, and some of them never answer. At every instant each need for a team must be asked of a
team, or be sought again soon and told to people, or be in the hands of a person who said so.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from crisis.assignment import ARRIVED, Assignment, Status
from crisis.board import Board, apply, empty_board
from crisis.clock import generator
from crisis.commands import (
    AcceptOffer,
    AcceptOwnership,
    AcknowledgeDuress,
    AcknowledgePartner,
    AddSlot,
    AmendIncident,
    CancelAssignment,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Command,
    DeclineOffer,
    Determine,
    DivertAssignment,
    DropSlot,
    EncounterInput,
    EndShift,
    Envelope,
    HandOver,
    LeaveDesk,
    MergeIncident,
    OfferTeam,
    OpenIncident,
    PartnerDeclined,
    PlaceInput,
    RaiseDuress,
    ReopenIncident,
    ReportStatus,
    RequestPartner,
    ResolveDuress,
    SetDuty,
    SettleClaim,
    SplitIncident,
    StartScreening,
    StartShift,
    SwapCrew,
    TakeInHand,
    WithdrawOffer,
)
from crisis.duress import Duress
from crisis.errors import Conflict, CrisisError, Invalid, NotFound
from crisis.events import Body, Event
from crisis.ids import CommandId, OfferId, ResponderId, SlotNo, TeamId, UserId
from crisis.incident import Incident, IncidentState, Slot, SlotEscalated
from crisis.obligation import ObligationKind
from crisis.partner import PartnerState
from crisis.policy import CountyPolicy, OfferPolicy, Rung, RungKind, WaitingPolicy
from crisis.roles import Actor, Role
from crisis.states import Source
from crisis.team import CrewMember, ResponderRecorded, TeamRecorded
from crisis.triage import Acuity, Hazard
from dispatch.decide import Rules, decide
from dispatch.escalate import Due, TimerCommand, WakeUp, due, next_due
from dispatch.seek import Seeker
from geo.point import Point
from geo.travel import CalibratedEstimate
from tests.unit.dispatch.board_kit import (
    AGENCY,
    COUNTY,
    MONDAY,
    OAKLAND,
    clinician,
    on_team,
    peer,
    person,
    rules,
    uid,
)

#: Nothing is asked again later than this after it was due, seconds: what is refused is asked each
#: second, and people are told within the same one.
SLACK_S = 90.0
#: What is due and refused so often in a row will never be seen to.
STUCK = 90
DESKS = tuple(
    person(f"desk {n}", Role.DISPATCHER, *((Role.SUPERVISOR,) if n == 0 else ())) for n in range(3)
)
OUTSIDE = Actor(user_id=UserId(uid("another system")), roles=frozenset({Role.INTEGRATION}))
PLACES = (
    OAKLAND,
    Point(lat_deg=37.6688, lon_deg=-122.0808),
    Point(lat_deg=37.5485, lon_deg=-121.9886),
)
PAPERS: dict[str, Any] = {"by": DESKS[0], "source": Source.BACK_ENTRY, "reason": "system_outage"}
_ON_THE_ROAD = (Status.EN_ROUTE, Status.STAGED)
_SHORT = (Rung(kind=RungKind.NEXT_BEST), Rung(kind=RungKind.SUPERVISOR))
_PEOPLE = {
    sign: (clinician(f"{sign} clinician"), peer(f"{sign} peer"))
    for sign in ("Blue 1", "Blue 2", "Blue 3", "Blue 4")
}
_RULES = rules()


class Forgotten(AssertionError):
    """Somebody in need of a team is in nobody's hands."""


def ladder_rules(draw: Any) -> Rules:
    """The rules of a county that tuned its ladder."""
    offers = OfferPolicy(
        auto_offer=draw.random() < 0.5,
        next_best_limit=draw.choice((0, 0, 1, 2)),
        alert_when_nobody_left=draw.random() < 0.8,
        ladder=draw.choice((OfferPolicy().ladder, OfferPolicy().ladder, _SHORT)),
    )
    waiting = WaitingPolicy(alarm_again_s=draw.choice((600, 900)))
    policy = msgspec.structs.replace(_RULES.policy, offers=offers, waiting=waiting)
    return msgspec.structs.replace(_RULES, policy=policy)


def longest_s(policy: CountyPolicy) -> float:
    """The longest that a need may go without anybody hearing of it, by the county's own policy."""
    offers, waiting = policy.offers, policy.waiting
    return SLACK_S + max(
        *(rung.delay_s for rung in offers.ladder),
        offers.person_s.routine,
        waiting.alarm_again_s,
        waiting.unassigned_alert_s.routine,
    )


class Walk:
    """One day: ``run`` it.

    Attributes:
        decided: commands decided, refused ones left out.
        checked: instants at which every need was looked at.
    """

    def __init__(self, seed: int) -> None:
        self.draw = generator(seed)
        self.rules = ladder_rules(self.draw)
        self.now = MONDAY
        self.board: Board = empty_board(COUNTY)
        self.seeker = Seeker(CalibratedEstimate(), lambda _: {})
        self.longest = timedelta(seconds=longest_s(self.rules.policy))
        self.horizon = max(
            self.longest, timedelta(seconds=self.rules.policy.waiting.in_hand_s + SLACK_S)
        )
        self.decided = self.checked = self.refused_in_row = 0
        self.told_at: dict[int, datetime] = {}
        self.waiting_since: dict[tuple[Any, SlotNo], datetime] = {}
        self._numbers = count()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._asked: set[OfferId] = set()
        #: Whether nobody answers at all today.
        self.deaf = self.draw.random() < 0.3
        self.signs = self.draw.sample(tuple(_PEOPLE), self.draw.randint(0, 4))
        self.teams = [self._team(sign) for sign in self.signs]

    # The day

    def run(self, *, acts: int = 24, hours: float = 2.5, aftermath_h: float = 0.8) -> None:
        """Let people act at random instants, then leave everything to itself for a while."""
        for _ in range(acts):
            at = self.now + timedelta(hours=hours * self.draw.random())
            self._at(at, self._act)
        end = self.now + timedelta(hours=hours + aftermath_h)
        while self.now < end:
            self._next(end)

    def _at(self, at: datetime, step: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), step))

    def _in(self, seconds: float, step: Callable[[], None]) -> None:
        self._at(self.now + timedelta(seconds=seconds), step)

    def _next(self, end: datetime) -> None:
        """Go to the next thing that happens; the clockwork's own first among equals."""
        own = next_due(self.board, self.rules)
        acts_at = self._agenda[0][0] if self._agenda else end
        if own is not None and self.refused_in_row:
            own = max(own, self.now + timedelta(seconds=1))
        if own is not None and own <= acts_at:
            self.now = max(own, self.now)
            self._tick()
        else:
            self.now = max(acts_at, self.now)
            if self._agenda:
                heapq.heappop(self._agenda)[2]()
        self._answer_offers()
        self.check()

    def _tick(self) -> None:
        """Do what the service does each second."""
        board = self.board
        before = board.seq
        for item in due(board, self.now, self.rules):
            env = (
                item.envelope
                if isinstance(item, TimerCommand)
                else self.seeker.answer(board, self.rules, item, now=self.now)[0]
            )
            self._decide(env)
        self.refused_in_row = 0 if self.board.seq != before else self.refused_in_row + 1
        if self.refused_in_row > STUCK:
            raise Forgotten(f"refused for ever: {due(self.board, self.now, self.rules)}")

    def _decide(self, env: Envelope) -> dict[str, Any] | None:
        try:
            decision = decide(self.board, env, self.now, self.rules)
        except (Conflict, NotFound, Invalid):
            return None
        except CrisisError:
            if env.actor.has(Role.SYSTEM):
                raise
            return None
        self.board = decision.board
        self.decided += 1
        to_people = [n for n in decision.notices if not n.to.startswith("team:")]
        for notice in to_people:
            if notice.incident_number is not None:
                self.told_at[notice.incident_number] = self.now
        for event in decision.events:
            if isinstance(event.body, SlotEscalated) and event.body.climbs:
                self._check_told(event.body, {notice.to for notice in to_people})
        return decision.result

    def _check_told(self, climbed: SlotEscalated, to: set[str]) -> None:
        incident = self.board.incidents[climbed.incident_id]
        owner = "role:dispatcher" if incident.owner is None else f"user:{incident.owner}"
        if owner not in to or not any(one.startswith("role:") for one in to):
            raise Forgotten(f"a rung was climbed and only {sorted(to)} were told")

    # People

    def _team(self, sign: str) -> TeamId:
        team_id = TeamId(uid(f"team {sign}"))
        base = self.draw.choice(PLACES)
        self._happen(TeamRecorded(team_id=team_id, agency_id=AGENCY, call_sign=sign, base=base))
        for one in _PEOPLE[sign]:
            self._happen(ResponderRecorded(responder=one))
        if self.draw.random() < 0.6:
            self._start_shift(team_id, sign)
        return team_id

    def _happen(self, body: Body) -> None:
        event = Event(
            county_id=COUNTY,
            seq=self.board.seq + 1,
            occurred_at=self.now,
            recorded_at=self.now,
            source=Source.DESK,
            command_id=CommandId(uid(f"given {self.board.seq}")),
            body=body,
        )
        self.board, _ = apply(self.board, event)

    def _start_shift(self, team_id: TeamId, sign: str) -> None:
        ends_at = self.now + timedelta(hours=self.draw.uniform(0.5, 8))
        crew = self._crew(sign)
        self.do(StartShift(team_id=team_id, ends_at=ends_at, crew=crew), by=DESKS[0])

    def _crew(self, sign: str, n: int = 2) -> tuple[CrewMember, ...]:
        return tuple(
            CrewMember(responder_id=ResponderId(one.id), carries_naloxone=True)
            for one in _PEOPLE[sign][:n]
        )

    def do(self, command: Command, *, by: Actor | None = None, **how: Any) -> dict[str, Any] | None:
        """Send a command of a person; its refusal is part of the day."""
        actor = by or self.draw.choice(DESKS)
        source = Source.PHONE if actor.has(Role.RESPONDER) else Source.DESK
        return self._decide(
            Envelope(
                county_id=COUNTY,
                command_id=CommandId(self._id()),
                actor=actor,
                source=how.pop("source", source),
                command=command,
                **how,
            )
        )

    def _id(self) -> Any:
        return uid(f"command {next(self._numbers)}")

    def _act(self) -> None:
        """One thing that people do, drawn by how often they do it."""
        kinds, weights = zip(*_ACTS.items(), strict=True)
        getattr(self, self.draw.choices(kinds, weights)[0])()

    def _incident(self, *states: IncidentState) -> Incident | None:
        found = [i for i in self.board.incidents.values() if i.state in (states or _OPEN)]
        return self.draw.choice(found) if found else None

    def _run(self, *states: Status) -> tuple[Incident, Assignment] | None:
        found = [
            (incident, run)
            for incident in self.board.incidents.values()
            for run in incident.open_runs
            if not states or run.state in states
        ]
        return self.draw.choice(found) if found else None

    def call(self) -> None:
        """Somebody calls; most are determined soon, some by nobody."""
        outside = self.draw.random() < 0.1
        place = PlaceInput(
            point=self.draw.choice(PLACES) if self.draw.random() < 0.8 else None,
            location_type="home",
        )
        if self.draw.random() < 0.08:
            number = f"P{next(self._numbers)}"
            self.do(OpenIncident(place=place, paper_number=number), **PAPERS)
            return
        opened = self.do(OpenIncident(place=place), by=OUTSIDE if outside else None)
        if opened is None or self.draw.random() < 0.1:
            return
        incident_id = opened["incident_id"]
        if self.draw.random() < 0.5:
            self.do(StartScreening(incident_id=incident_id))
        determined = Determine(
            incident_id=incident_id,
            decision="dispatch",
            acuity=self.draw.choice(tuple(Acuity)),
            slots=self.draw.choice((1, 1, 1, 2, 3)),
            hazards=(Hazard(code="animals"),) if self.draw.random() < 0.2 else (),
        )
        how = PAPERS if self.draw.random() < 0.04 else {}
        self._in(self.draw.uniform(0, 900), lambda: self._determine(determined, how))

    def _determine(self, command: Determine, how: dict[str, Any]) -> None:
        self.do(command, **how)

    def offer(self) -> None:
        """A person asks a team, mostly one that may be asked."""
        incident = self._incident(IncidentState.DETERMINED)
        if incident is None or not self.teams:
            return
        beside = "safety" if self.draw.random() < 0.5 else None
        how = PAPERS if self.draw.random() < 0.03 else {}
        for team_id in self.draw.sample(self.teams, len(self.teams)):
            asked = OfferTeam(incident_id=incident.id, team_id=team_id, override_reason=beside)
            if self.do(asked, **how) is not None:
                return

    def _answer_offers(self) -> None:
        """Let each team that was just asked answer in its way; many don't."""
        for team in list(self.board.teams.values()):
            if team.offer is None or self.deaf or team.offer[1] in self._asked:
                continue
            offer_id, by = team.offer[1], on_team(team.id)
            self._asked.add(offer_id)
            lot, within_s = self.draw.random(), self.draw.uniform(0, 80)
            if lot < 0.5:
                self._in(within_s, lambda o=offer_id, b=by: self._accept(o, b))  # type: ignore[misc]
            elif lot < 0.65:
                declined = DeclineOffer(offer_id=offer_id, reason="too_far")
                self._in(within_s, lambda c=declined, b=by: self._say(c, b))  # type: ignore[misc]
            elif lot < 0.7:
                self.do(WithdrawOffer(offer_id=offer_id))

    def _say(self, command: Command, by: Actor) -> None:
        self.do(command, by=by)

    def _accept(self, offer_id: OfferId, by: Actor) -> None:
        accepted = self.do(AcceptOffer(offer_id=offer_id), by=by)
        if accepted is None or self.draw.random() < 0.25:
            return  # and they never leave
        self._in(
            self.draw.uniform(30, 900),
            lambda: self._report(accepted["assignment_id"], Status.EN_ROUTE, by),
        )

    def _report(self, run_id: Any, status: Status, by: Actor) -> None:
        told = ReportStatus(
            assignment_id=run_id,
            status=status,
            briefed_by="dispatcher",
            staging_reason="violence",
            cleared_scene_by="law_enforcement",
        )
        if self.do(told, by=by) is None or self.draw.random() < 0.1:
            return
        following = {
            Status.EN_ROUTE: self.draw.choice((Status.ON_SCENE, Status.ON_SCENE, Status.STAGED)),
            Status.STAGED: Status.ON_SCENE,
        }.get(status)
        in_s = self.draw.uniform(120, 2_400)
        if following is not None:
            self._in(in_s, lambda: self._report(run_id, following, by))
        elif self.draw.random() < 0.8:
            self._in(in_s, lambda: self._say(ClearAssignment(assignment_id=run_id), by))

    def come_back(self) -> None:
        """A crew clears, perhaps without ever having arrived."""
        if (going := self._run()) is not None:
            met = EncounterInput(disposition="not_found", contacted=False)
            self.do(
                ClearAssignment(
                    assignment_id=going[1].id, encounters=(met,), ready=self.draw.random() < 0.8
                ),
                by=on_team(going[1].team_id),
            )

    def lose_run(self) -> None:
        """A run is called off, or its team sent elsewhere."""
        if (going := self._run(Status.ACCEPTED, *_ON_THE_ROAD)) is None:
            return
        run = going[1]
        how = PAPERS if self.draw.random() < 0.1 else {}
        if self.draw.random() < 0.5:
            self.do(DivertAssignment(assignment_id=run.id, reason="duress"), **how)
        else:
            needed = self.draw.random() < 0.8
            self.do(
                CancelAssignment(assignment_id=run.id, reason="unsafe_scene", still_needed=needed),
                **how,
            )

    def change_crew(self) -> None:
        """A crew becomes one that may not go, or a whole one again."""
        if (going := self._run()) is None:
            return
        sign = next(s for s in self.signs if uid(f"team {s}") == going[1].team_id)
        crew = self._crew(sign, self.draw.randint(1, 2))
        self.do(SwapCrew(assignment_id=going[1].id, crew=crew), by=on_team(going[1].team_id))

    def shift(self) -> None:
        """A team comes on shift, leaves it, or takes a break."""
        if not self.signs:
            return
        sign = self.draw.choice(self.signs)
        team = self.board.teams[TeamId(uid(f"team {sign}"))]
        if team.shift_id is None:
            self._start_shift(team.id, sign)
        elif self.draw.random() < 0.4:
            self.do(EndShift(shift_id=team.shift_id), by=DESKS[0])
        else:
            back = SetDuty(team_id=team.id, duty="available")
            away = SetDuty(team_id=team.id, duty="unavailable", reason="break")
            self.do(self.draw.choice((back, away)))

    def end(self) -> None:
        """The desk cancels or closes an incident."""
        if (incident := self._incident()) is None:
            return
        self.do(
            self.draw.choice(
                (
                    CancelIncident(incident_id=incident.id, reason="caller_cancelled"),
                    CloseIncident(incident_id=incident.id),
                    CloseIncident(
                        incident_id=incident.id, outcome="unserved", reason="no_team_available"
                    ),
                )
            )
        )

    def reopen(self) -> None:
        """What ended in error, and of which something is still open, goes on."""
        ended = self._incident(IncidentState.CANCELLED, IncidentState.CLOSED)
        if ended is not None:
            self.do(ReopenIncident(incident_id=ended.id, reason="ended_in_error"))

    def change(self) -> None:
        """What is needed becomes another: place, hazards, slots."""
        if (incident := self._incident()) is None:
            return
        place = PlaceInput(point=self.draw.choice(PLACES))
        slot = SlotNo(self.draw.randint(1, 3))
        self.do(
            self.draw.choice(
                (
                    AmendIncident(incident_id=incident.id, place=place),
                    AmendIncident(incident_id=incident.id, hazards=(Hazard(code="weapon"),)),
                    AddSlot(incident_id=incident.id),
                    DropSlot(incident_id=incident.id, slot=slot),
                )
            )
        )

    def join(self) -> None:
        """Incidents are merged, or separated again."""
        one, other = self._incident(), self._incident()
        if one is None or other is None:
            return
        if one.absorbed and self.draw.random() < 0.7:
            self.do(SplitIncident(incident_id=one.id, other=one.absorbed[0]))
        else:
            self.do(MergeIncident(incident_id=one.id, into=other.id))

    def own(self) -> None:
        """Owners hand over, take over and leave."""
        if (incident := self._incident()) is None:
            return
        taker = self.draw.choice(DESKS)
        lot = self.draw.random()
        if lot < 0.4 and taker.user_id is not None:
            self.do(HandOver(incident_id=incident.id, to=taker.user_id))
        elif lot < 0.6:
            self.do(AcceptOwnership(incident_id=incident.id), by=taker)
        else:
            self.do(LeaveDesk(), by=taker)

    def hold(self) -> None:
        """Somebody says that they see to it."""
        if (incident := self._incident()) is not None and not self.deaf:
            self.do(TakeInHand(incident_id=incident.id))

    def settle(self) -> None:
        """Somebody says whether a crew is there whose run was over."""
        held = [hold for incident in self.board.incidents.values() for hold in incident.holds]
        if held:
            there = self.draw.random() < 0.5
            self.do(SettleClaim(assignment_id=self.draw.choice(held).assignment_id, there=there))

    def partner(self) -> None:
        """A partner is asked, takes it, or refuses."""
        if (incident := self._incident()) is None:
            return
        asked = [p for p in incident.partners if p.state is PartnerState.REQUESTED]
        if not asked:
            handoff = self.draw.random() < 0.3
            self.do(
                RequestPartner(
                    incident_id=incident.id, kind="ems", reason="medical", handoff=handoff
                )
            )
        elif self.draw.random() < 0.5:
            about: dict[str, Any] = {"incident_id": incident.id, "partner_id": asked[0].id}
            self.do(AcknowledgePartner(agency="911", **about))
        else:
            self.do(
                PartnerDeclined(
                    incident_id=incident.id, partner_id=asked[0].id, reason="not_needed"
                )
            )

    def danger(self) -> None:
        """A team raises an alarm, or one comes to its end."""
        alarms: list[Duress] = list(self.board.duress.values())
        if alarms:
            alarm = self.draw.choice(alarms)
            self.do(AcknowledgeDuress(duress_id=alarm.id))
            self.do(ResolveDuress(duress_id=alarm.id, reason="safe"))
        elif self.teams:
            team_id = self.draw.choice(self.teams)
            self.do(RaiseDuress(team_id=team_id), by=on_team(team_id))

    # What must hold

    def check(self) -> None:
        """Look at every need of the county, and at everything that waits for a decision.

        Raises:
            Forgotten: naming whom.
        """
        self.checked += 1
        coming = tuple(due(self.board, self.now + self.horizon, self.rules))
        sought = {(w.incident_id, w.slot) for w in coming if isinstance(w, WakeUp)}
        # Held for a crew that says it is there: people are told until one of them settles it.
        held = {c.incident_id for c in _commands(coming, "RemindClaim")}
        flagged = {(c.incident_id, c.flag) for c in _commands(coming, "FlagIncident")}
        expiring = {c.offer_id for c in _commands(coming, "ExpireOffer")}
        waiting: dict[tuple[Any, SlotNo], datetime] = {}
        for incident in self.board.incidents.values():
            if incident.back_entered:
                continue
            for offer in incident.offers:
                if offer.is_pending and offer.id not in expiring:
                    raise Forgotten(f"an offer that never ends: {offer}")
            undecided = _UNDECIDED.get(incident.state)
            if undecided is not None and (incident.id, undecided) not in flagged:
                raise Forgotten(f"nobody will hear that it is undecided: {incident}")
            for slot in _needed(incident):
                run = incident.slot_run(slot.no)
                if run is not None:
                    self._check_run(incident, run, flagged)
                elif not incident.slot_offers(slot.no):
                    key = (incident.id, slot.no)
                    waiting[key] = self.waiting_since.get(key, self.now)
                    self._check_waiting(
                        incident, slot, waiting[key], key in sought or incident.id in held
                    )
        self.waiting_since = waiting

    def _check_waiting(
        self, incident: Incident, slot: Slot, since: datetime, is_sought: bool
    ) -> None:
        """A slot that waits is sought again soon, and people hear of it, or one has it in hand."""
        if not is_sought:
            raise Forgotten(f"never sought again: incident {incident.number}, {slot}")
        heard = max(
            since,
            self.told_at.get(incident.number, since),
            incident.in_hand_until or since,
        )
        if self.now - heard > self.longest:
            raise Forgotten(
                f"at {self.now}: nobody has heard since {heard}: {incident.number}, {slot}"
            )

    def _check_run(self, incident: Incident, run: Assignment, flagged: set[Any]) -> None:
        """A crew that has not arrived is watched, and so is one that cleared before."""
        if not ARRIVED.isdisjoint(run.milestones):
            return
        if run.state in _ON_THE_ROAD:
            owed = self.board.owed_for(incident.id)
            is_watched = any(
                o.kind is ObligationKind.CHECK_IN and o.assignment_id == run.id for o in owed
            ) or any(a.team_id == run.team_id for a in self.board.duress.values())
        else:
            flag = "not_departed" if run.state is Status.ACCEPTED else "nobody_came"
            is_watched = (incident.id, flag) in flagged
        if not is_watched:
            raise Forgotten(f"at {self.now}: nobody watches a crew that is {run.state}: {run}")


#: What people do in a day, and how often.
_ACTS = {
    "call": 8,
    "offer": 8,
    "come_back": 2,
    "lose_run": 3,
    "change_crew": 1,
    "shift": 3,
    "end": 2,
    "reopen": 2,
    "change": 3,
    "join": 3,
    "own": 3,
    "hold": 3,
    "settle": 2,
    "partner": 2,
    "danger": 1,
}
#: How people hear of an incident that nobody has decided.
_UNDECIDED = {IncidentState.RECEIVED: "unscreened", IncidentState.SCREENING: "undecided"}
_OPEN = (IncidentState.RECEIVED, IncidentState.SCREENING, IncidentState.DETERMINED)


def _needed(incident: Incident) -> Iterator[Slot]:
    if incident.state is IncidentState.DETERMINED:
        yield from (slot for slot in incident.slots if slot.dropped is None)


def _commands(coming: tuple[Due, ...], name: str) -> Iterator[Any]:
    for item in coming:
        if isinstance(item, TimerCommand) and type(item.envelope.command).__name__ == name:
            yield item.envelope.command
