"""A county's random day, walked from due instant to due instant, and what may be forgotten in it.

The service's own parts decide everything: ``due``, the seeker, ``decide`` and ``fold``; only people
are drawn, and some of them never answer. At every instant each need for a team must be asked of a
team, or be sought again soon and told to people, or be in the hands of a person who said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from crisis.assignment import REPORTABLE, Assignment, Status
from crisis.board import Board, empty_board
from crisis.call import CallState
from crisis.clock import generator
from crisis.commands import (
    AbandonCall,
    AcceptOffer,
    AcceptOwnership,
    AcknowledgeDuress,
    AcknowledgePartner,
    AddSlot,
    AmendIncident,
    AnswerCall,
    AttachCall,
    Caller,
    CancelAssignment,
    CancelIncident,
    ChangeCrew,
    ClearAssignment,
    CloseIncident,
    Command,
    CompleteObligation,
    ConfirmTransfer,
    DeclineOffer,
    Determine,
    DivertAssignment,
    DropSlot,
    EncounterInput,
    EndCall,
    EndShift,
    Envelope,
    FailTransfer,
    HandOver,
    HoldCall,
    LeaveDesk,
    LoseCall,
    MergeIncident,
    OfferCall,
    OfferTeam,
    OpenIncident,
    PartnerDeclined,
    PartnerGone,
    PartnerOnScene,
    PlaceInput,
    RaiseDuress,
    RecordAttempt,
    ReopenIncident,
    ReportStatus,
    RequestPartner,
    ResolveDuress,
    ResumeCall,
    SendHelp,
    SetDuty,
    SettleClaim,
    SplitIncident,
    StartScreening,
    StartShift,
    SwapCrew,
    TakeCallInHand,
    TakeInHand,
    TransferCall,
    WithdrawOffer,
)
from crisis.duress import Duress, DuressRaised
from crisis.errors import CrisisError
from crisis.events import Body, Event, type_of
from crisis.ids import CommandId, DuressId, IncidentId, OfferId, ResponderId, SlotNo, TeamId, UserId
from crisis.incident.state import Incident, IncidentState, Slot, SlotEscalated, TeamDetermined
from crisis.obligation import ObligationKind
from crisis.partner import PartnerState
from crisis.policy import CountyPolicy, OfferPolicy, Rung, RungKind, WaitingPolicy
from crisis.responder import PresenceMode
from crisis.roles import Actor, Role
from crisis.rules import Rules
from crisis.staffing import TelehealthSecond
from crisis.states import Source
from crisis.team import CrewMember, ResponderRecorded, TeamRecorded
from crisis.triage import Acuity, Hazard
from dispatch.choose.seek import Seeker
from dispatch.decide.incoming import Taken
from dispatch.due import due, next_due
from dispatch.sim.engine import Engine
from geo.point import Point
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
from tests.unit.dispatch.walk_checks import (
    Coming,
    Forgotten,
    Need,
    check_alarms,
    check_calls,
    check_incident,
    check_owed,
    check_run,
    needed,
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
OFF_TEAM = person("off team", Role.RESPONDER)
_REMOTE = TelehealthSecond(marked_delay=True, no_safety_concern=True, approved_by="supervisor")
#: What may be said of a call with nothing but which one it is.
_ON_A_LINE = (
    AnswerCall,
    AbandonCall,
    HoldCall,
    ResumeCall,
    FailTransfer,
    EndCall,
    LoseCall,
    TakeCallInHand,
)
_REPORTED = tuple(status for status in REPORTABLE if status is not Status.CLEARED)
_ON_THE_ROAD = (Status.EN_ROUTE, Status.STAGED)
_SHORT = (Rung(kind=RungKind.NEXT_BEST), Rung(kind=RungKind.SUPERVISOR))
_PEOPLE = {
    sign: (clinician(f"{sign} clinician"), peer(f"{sign} peer"))
    for sign in ("Blue 1", "Blue 2", "Blue 3", "Blue 4")
}
_RULES = rules()


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
        seen: how often what happened, by the types of events; ``beside``: of ``BESIDE`` what did.
    """

    def __init__(self, seed: int) -> None:
        self.draw = generator(seed)
        self.rules = ladder_rules(self.draw)
        self.engine = Engine(
            empty_board(COUNTY), lambda _: self.rules, Seeker(lambda _: {}), MONDAY
        )
        self.engine.on_decided = self._hear
        self.longest = timedelta(seconds=longest_s(self.rules.policy))
        waiting = self.rules.policy.waiting
        patience_s = max(waiting.in_hand_s, waiting.partner_arrival_s)
        self.horizon = max(self.longest, timedelta(seconds=patience_s + SLACK_S))
        self.decided = self.checked = 0
        self.told_at: dict[int, datetime] = {}
        self.waiting_since: dict[Need, datetime] = {}
        self.seen: Counter[str] = Counter()
        self.log: list[Event] = []
        self.beside: set[str] = set()
        self._numbers = count()
        self._asked: set[OfferId] = set()
        #: Whether nobody answers at all today.
        self.deaf = self.draw.random() < 0.3
        self.signs = self.draw.sample(tuple(_PEOPLE), self.draw.randint(0, 4))
        self.teams = [self._team(sign) for sign in self.signs]

    @property
    def now(self) -> datetime:
        """The county's instant."""
        return self.engine.now()

    @property
    def board(self) -> Board:
        """The county's board."""
        return self.engine.board

    # The day

    def run(self, *, acts: int = 36, hours: float = 2.5, aftermath_h: float = 0.8) -> None:
        """Let people act at random instants, then leave everything to itself for a while."""
        for _ in range(acts):
            self._in(3_600 * hours * self.draw.random(), self._act)
        end = self.now + timedelta(hours=hours + aftermath_h)
        while self.engine.advance(end):
            if self.engine.refused_in_row > STUCK:
                raise Forgotten(f"refused for ever: {due(self.board, self.now, self.rules)}")
            self._answer_offers()
            self.check()

    def _in(self, seconds: float, step: Callable[[], None]) -> None:
        self.engine.after(seconds, step)

    def _hear(self, taken: Taken) -> None:
        """Look at each decision, of people and of the clockwork."""
        decision = taken.made.decision
        self.decided += 1
        self.log.extend(decision.events)
        to_people = [n for n in decision.notices if not n.to.startswith("team:")]
        for notice in to_people:
            if notice.incident_number is not None:
                self.told_at[notice.incident_number] = self.now
        for event in decision.events:
            self.seen[type_of(event.body)] += 1
            self._note(event.body)
            if isinstance(event.body, SlotEscalated) and event.body.climbs:
                self._check_told(event.body, {notice.to for notice in to_people})

    def _note(self, body: Body) -> None:
        """Keep what an event's type alone doesn't say."""
        if isinstance(body, TeamDetermined) and body.slots > 1:
            self.beside.add("two_slots")
        if isinstance(body, DuressRaised) and body.team_id is None:
            self.beside.add("off_team")
        second = getattr(body, "telehealth", None)
        if second is not None:
            self.beside.add("telehealth")

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
        self.engine.fold(event)
        self.log.append(event)

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
        env = Envelope(
            county_id=COUNTY,
            command_id=CommandId(self._id()),
            actor=actor,
            source=how.pop("source", source),
            command=command,
            **how,
        )
        try:
            return self.engine.decide(env).made.decision.result
        except CrisisError:
            return None

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
        if self.draw.random() < 0.05:
            self._hand_off(incident_id)
            return
        determined = Determine(
            incident_id=incident_id,
            decision="dispatch",
            acuity=self.draw.choice(tuple(Acuity)),
            slots=self.draw.choice((1, 1, 1, 2, 3)),
            hazards=(Hazard(code="animals"),) if self.draw.random() < 0.2 else (),
        )
        how = PAPERS if self.draw.random() < 0.04 else {}
        self._in(self.draw.uniform(0, 900), lambda: self._determine(determined, how))

    def _hand_off(self, incident_id: IncidentId) -> None:
        """What threatens a life is 911's, who may refuse it."""
        self.do(
            RequestPartner(
                incident_id=incident_id, kind="psap_911", reason="life_threat", handoff=True
            )
        )
        to_911 = Determine(
            incident_id=incident_id, decision="no_dispatch", reason="life_threat_to_911"
        )
        self.do(to_911)

    def _determine(self, command: Determine, how: dict[str, Any]) -> None:
        self.do(command, **how)

    def ring(self) -> None:
        """A call rings, or is one that a desk speaks on already, or was kept on paper."""
        caller = Caller(callback="510-555-0101") if self.draw.random() < 0.6 else None
        lot = self.draw.random()
        if lot < 0.1:
            self.do(OfferCall(caller=caller), **PAPERS)
        elif lot < 0.2:
            self.do(OfferCall(direction="outbound"))
        else:
            self.do(OfferCall(caller=caller, answered=lot < 0.4))

    def line(self) -> None:
        """Something happens on a line, told at once or late; somebody calls back, or tries to."""
        owed = [o for o in self.board.obligations.values() if o.kind is ObligationKind.CALLBACK]
        if owed and self.draw.random() < 0.5:
            about: dict[str, Any] = {
                "obligation_id": self.draw.choice(owed).id,
                "mode": "telehealth_audio",
            }
            tried = RecordAttempt(outcome="no_answer", **about)
            reached = CompleteObligation(outcome="reached_stable", **about)
            self.do(tried if self.draw.random() < 0.6 else reached)
        if not self.board.calls:
            return
        call = self.draw.choice(list(self.board.calls.values()))
        incident = self._incident()
        late = timedelta(seconds=self.draw.choice((0, 0, 60, 1_200)))
        acts: list[Command] = [
            *(kind(call_id=call.id) for kind in _ON_A_LINE),
            TransferCall(call_id=call.id, to="line_988"),
            ConfirmTransfer(call_id=call.id, side="us"),
            ConfirmTransfer(call_id=call.id, side="them"),
        ]
        if incident is not None:
            acts.append(AttachCall(incident_id=incident.id, call_id=call.id))
        if call.state is CallState.OFFERED and self.draw.random() < 0.4:
            acts = [AnswerCall(call_id=call.id)]
        self.do(self.draw.choice(acts), occurred_at=max(call.offered_at, self.now - late))

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

    def go_on(self) -> None:
        """A crew reports anything that a crew can, by phone, by voice and late, or on paper."""
        if (going := self._run()) is None:
            return
        run = going[1]
        told = ReportStatus(
            assignment_id=run.id,
            status=self.draw.choice(_REPORTED),
            briefed_by="dispatcher",
            staging_reason="violence",
            cleared_scene_by="law_enforcement",
        )
        lot = self.draw.random()
        if lot < 0.6:
            self.do(told, by=on_team(run.team_id))
        else:
            spoken = msgspec.structs.replace(told, said_by="peer")
            late = timedelta(seconds=self.draw.choice((0, 300, 3_600)))
            how = PAPERS if lot < 0.75 else {}
            self.do(spoken, occurred_at=max(run.moved_at, self.now - late), **how)

    def come_late(self) -> None:
        """A crew whose run was called off says that it is there."""
        over = [
            run
            for incident in self.board.incidents.values()
            for run in incident.assignments
            if not run.meets_need
        ]
        if over:
            run = self.draw.choice(over)
            told = ReportStatus(assignment_id=run.id, status=Status.ON_SCENE)
            self.do(told, by=on_team(run.team_id))

    def change_crew(self) -> None:
        """A crew becomes one that may not go, or a whole one again, perhaps one by telehealth."""
        if self.signs and self.draw.random() < 0.4:
            self._change_shift_crew(self.draw.choice(self.signs))
        if (going := self._run()) is None:
            return
        sign = next(s for s in self.signs if uid(f"team {s}") == going[1].team_id)
        crew = self._crew(sign, self.draw.randint(1, 2))
        swap = SwapCrew(assignment_id=going[1].id, crew=crew)
        if self.draw.random() < 0.4:
            swap = msgspec.structs.replace(swap, crew=self._apart(sign), telehealth=_REMOTE)
        self.do(swap, by=self.draw.choice((on_team(going[1].team_id), DESKS[0])))

    def _change_shift_crew(self, sign: str) -> None:
        shift_id = self.board.teams[TeamId(uid(f"team {sign}"))].shift_id
        if shift_id is not None:
            crew, second = self._crew(sign, self.draw.randint(1, 2)), None
            if self.draw.random() < 0.5:
                crew, second = self._apart(sign), _REMOTE
            self.do(ChangeCrew(shift_id=shift_id, crew=crew, telehealth=second), by=DESKS[0])

    def _apart(self, sign: str) -> tuple[CrewMember, ...]:
        """The crew with its clinician on a screen."""
        clinician_, peer_ = self._crew(sign)
        video = PresenceMode.TELEHEALTH_AUDIO
        return (msgspec.structs.replace(clinician_, mode=video), peer_)

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
        """A partner is asked, takes it (told at once or late), comes, leaves, or refuses."""
        found = self._incident(*_OPEN, IncidentState.CLOSED, IncidentState.CANCELLED)
        if (incident := found) is None:
            return
        late = timedelta(seconds=self.draw.choice((0, 0, 600, 7_200)))
        at: dict[str, Any] = {"occurred_at": max(incident.received_at, self.now - late)}
        asked = [p for p in incident.partners if p.state is PartnerState.REQUESTED]
        coming = [p for p in incident.partners if p.is_open and p not in asked]
        if coming and self.draw.random() < 0.5:
            about: dict[str, Any] = {"incident_id": incident.id, "partner_id": coming[0].id}
            gone = PartnerGone(outcome="scene_secured", **about)
            self.do(self.draw.choice((PartnerOnScene(**about), gone)), **at)
        elif not asked:
            handoff = self.draw.random() < 0.3
            self.do(
                RequestPartner(
                    incident_id=incident.id, kind="ems", reason="medical", handoff=handoff
                ),
                **at,
            )
        elif self.draw.random() < 0.5:
            about = {"incident_id": incident.id, "partner_id": asked[0].id}
            self.do(AcknowledgePartner(agency="911", **about), **at)
        else:
            self.do(
                PartnerDeclined(
                    incident_id=incident.id,
                    partner_id=asked[0].id,
                    reason=self.draw.choice(("not_needed", "busy")),
                ),
                **at,
            )

    def danger(self) -> None:
        """A team raises an alarm, or somebody of none; mostly one of the desk has it soon."""
        alarms: list[Duress] = list(self.board.duress.values())
        if alarms and self.draw.random() < 0.7:
            self._see_to(self.draw.choice(alarms).id)
            return
        raised: Command = RaiseDuress()
        by = OFF_TEAM
        if self.teams and self.draw.random() < 0.7:
            team_id = self.draw.choice(self.teams)
            raised, by = RaiseDuress(team_id=team_id), on_team(team_id)
        done = self.do(raised, by=by)
        if done is not None and self.draw.random() < 0.8:
            self._in(self.draw.uniform(5, 400), lambda: self._see_to(done["duress_id"]))

    def _see_to(self, duress_id: DuressId) -> None:
        if self.draw.random() < 0.8:
            self.do(AcknowledgeDuress(duress_id=duress_id))
        if self.draw.random() < 0.3:
            self.do(SendHelp(duress_id=duress_id, who="law_enforcement"))
        if self.draw.random() < 0.7:
            self._in(
                self.draw.uniform(60, 1_800),
                lambda: self._say(ResolveDuress(duress_id=duress_id, reason="safe"), DESKS[0]),
            )

    # What must hold

    def check(self) -> None:
        """Look at every need of the county, and at everything that waits for a person.

        Raises:
            Forgotten: naming whom.
        """
        self.checked += 1
        end = self.now + self.horizon
        coming = Coming(due(self.board, end, self.rules))
        own = next_due(self.board, self.rules)
        if own is None or own > self.now or self.engine.refused_in_row:
            # Who had a caller in hand may leave at this instant: the clockwork's turn is next.
            check_calls(self.board, coming, self.now, self.rules.policy)
        check_alarms(self.board, coming)
        check_owed(self.board, coming, end)
        waiting: dict[Need, datetime] = {}
        for incident in self.board.incidents.values():
            if incident.back_entered:
                continue
            check_incident(incident, coming)
            for slot in needed(incident):
                run = incident.slot_run(slot.no)
                if run is not None:
                    check_run(self.board, incident, run, coming)
                elif not incident.slot_offers(slot.no):
                    key = (incident.id, slot.no)
                    waiting[key] = self.waiting_since.get(key, self.now)
                    is_sought = key in coming.sought or incident.id in coming.held
                    self._check_waiting(incident, slot, waiting[key], is_sought)
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


#: What is met on some days and no event's type tells.
BESIDE = frozenset({"two_slots", "off_team", "telehealth"})
#: What people do in a day, and how often.
_ACTS = {
    "call": 9,
    "ring": 4,
    "line": 10,
    "offer": 10,
    "come_back": 2,
    "lose_run": 4,
    "change_crew": 2,
    "go_on": 3,
    "come_late": 2,
    "shift": 3,
    "end": 2,
    "reopen": 2,
    "change": 3,
    "join": 4,
    "own": 3,
    "hold": 3,
    "settle": 3,
    "partner": 4,
    "danger": 2,
}
_OPEN = (IncidentState.RECEIVED, IncidentState.SCREENING, IncidentState.DETERMINED)
