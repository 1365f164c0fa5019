"""Builders that all tests of ``decide`` share: a county under test, its people, teams and rules.

    county = County()                      # 10:00 on a Monday in California
    team = county.team("Blue 1")           # on shift, with a valid crew
    call = county.call()                   # answered
    done = county.do(OpenIncident(...))    # a Decision; the county moves on
    county.refused("not_your_team", AcceptOffer(...), by=responder(other))
    county.wait(90)                        # seconds

Every decision is checked: folding its events on the board before gives its board, and every word
in them is a code of the day's sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from crisis.board import Board, empty_board, fold
from crisis.call import CallAnswered, CallOffered
from crisis.codes import code_sets
from crisis.commands import (
    AcceptOffer,
    Command,
    Determine,
    Envelope,
    OfferTeam,
    OpenIncident,
    PlaceInput,
)
from crisis.errors import CrisisError
from crisis.events import Body, Event, type_of
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CallId,
    CommandId,
    CountyId,
    IncidentId,
    OfferId,
    ResponderId,
    ShiftId,
    TeamId,
    UserId,
)
from crisis.incident.state import Incident
from crisis.policy import CountyPolicy
from crisis.responder import Credential, Responder
from crisis.roles import THE_SERVICE, Actor, Role
from crisis.rules import Rules
from crisis.standards import packaged
from crisis.states import Source
from crisis.team import CrewMember, ResponderRecorded, ShiftStarted, Team, TeamRecorded
from crisis.triage import Acuity, Answer
from dispatch.choose.seek import Seeker
from dispatch.decide import Decision
from dispatch.sim.engine import Engine
from geo.point import Point
from geo.zone import AreaMap
from tests.unit.dispatch.vocabulary import strange_words

COUNTY = CountyId(6001)
#: 10:00 on a Monday in California.
MONDAY = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
OAKLAND = Point(lat_deg=37.8044, lon_deg=-122.2712)
AGENCY = AgencyId(uuid5(NAMESPACE_URL, "agency"))
#: Answers that leave no scene-safety item open, so that one member may go alone.
SAFE_SCENE = {
    "violence_now": Answer.NO,
    "weapon_on_scene": Answer.NO,
    "others_on_scene_hostile": Answer.NO,
}


def uid(name: str) -> UUID:
    """The same id for the same name, in every test."""
    return uuid5(NAMESPACE_URL, name)


def person(name: str, *roles: Role, team: TeamId | None = None) -> Actor:
    """An account with ``roles``; the same name is the same account."""
    return Actor(user_id=UserId(uid(name)), roles=frozenset(roles), team_id=team)


CALL_TAKER = person("call taker", Role.CALL_TAKER)
DISPATCHER = person("dispatcher", Role.DISPATCHER)
OTHER_DISPATCHER = person("other dispatcher", Role.DISPATCHER)
SUPERVISOR = person("supervisor", Role.SUPERVISOR)
LEAD = person("lead", Role.LEAD)
SERVICE = THE_SERVICE


def on_team(team: TeamId) -> Actor:
    """A responder signed in for ``team``."""
    return person(f"responder of {team}", Role.RESPONDER, team=team)


def policy(**settings: Any) -> CountyPolicy:
    """The default policy with some groups replaced: ``policy(offers=OfferPolicy(...))``."""
    return CountyPolicy(version="test", effective_from=datetime(2023, 1, 1, tzinfo=UTC), **settings)


def rules(*, areas: AreaMap | None = None, lpha_reachable: bool = True, **settings: Any) -> Rules:
    """Rules of the test's Monday; ``settings`` are groups of the policy."""
    return Rules(
        policy=policy(**settings),
        codes=code_sets(date(2026, 3, 2)),
        standards=packaged(),
        areas=areas or AreaMap(version="none"),
        lpha_reachable=lpha_reachable,
    )


def clinician(name: str, **changes: Any) -> Responder:
    """A licensed, trained professional who may assess."""
    fields: dict[str, Any] = {
        "provider_type": "lcsw",
        "licence": Credential(number="1"),
        "core_trained_on": date(2024, 1, 1),
        "naloxone_trained": True,
        "can_assess": True,
        "is_lpha": True,
    }
    fields.update(changes)
    return Responder(id=ResponderId(uid(name)), agency_id=AGENCY, **fields)


def peer(name: str, **changes: Any) -> Responder:
    """A trained peer support specialist, who may not assess."""
    fields: dict[str, Any] = {
        "provider_type": "peer_support_specialist",
        "licence": Credential(number="2"),
        "core_trained_on": date(2024, 1, 1),
        "naloxone_trained": True,
    }
    fields.update(changes)
    return Responder(id=ResponderId(uid(name)), agency_id=AGENCY, **fields)


def envelope(
    command: Command,
    *,
    by: Actor = DISPATCHER,
    number: int | str = 0,
    source: Source | None = None,
    occurred_at: datetime | None = None,
    sent_at: datetime | None = None,
    reason: str | None = None,
) -> Envelope:
    """``command`` with who and how; ``number`` tells commands apart."""
    if source is None:
        source = Source.DESK
        if by.has(Role.SYSTEM):
            source = Source.TIMER
        elif by.has(Role.RESPONDER):
            source = Source.PHONE
    return Envelope(
        county_id=COUNTY,
        command_id=CommandId(uid(f"command {number}")),
        actor=by,
        source=source,
        occurred_at=occurred_at,
        sent_at=sent_at,
        reason=reason,
        command=command,
    )


class County:
    """One county that moves from decision to decision; refusals leave it as it was.

    ``log``: every event so far. ``last``: the newest decision.
    """

    def __init__(self, in_force: Rules | None = None, now: datetime = MONDAY) -> None:
        self.rules = in_force or rules()
        seeker = Seeker(lambda _: {})
        self.engine = Engine(empty_board(COUNTY), lambda _: self.rules, seeker, now)
        self.log: list[Event] = []
        self.last: Decision | None = None
        self._commands = 0

    @property
    def now(self) -> datetime:
        """The county's instant."""
        return self.engine.now()

    @now.setter
    def now(self, at: datetime) -> None:
        self.engine.wait_until(at)

    @property
    def board(self) -> Board:
        """The county's board."""
        return self.engine.board

    @board.setter
    def board(self, board: Board) -> None:
        self.engine.board = board

    def wait(self, seconds: float) -> datetime:
        """Let ``seconds`` pass and return the new now."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def happen(self, *bodies: Body, at: datetime | None = None) -> None:
        """Put events on the log that no command under test brings about."""
        for body in bodies:
            event = Event(
                county_id=COUNTY,
                seq=self.board.seq + 1,
                occurred_at=at or self.now,
                recorded_at=self.now,
                source=Source.DESK,
                command_id=CommandId(uid(f"given {self.board.seq}")),
                body=body,
            )
            self.engine.fold(event)
            self.log.append(event)

    def do(self, command: Command, *, number: int | str | None = None, **how: Any) -> Decision:
        """Decide ``command`` (by the dispatcher unless ``by=``) and move on.

        A disputed report comes back as a decision with ``refusal`` set.
        """
        self._commands += 1
        env = envelope(command, number=self._commands if number is None else number, **how)
        before = self.board
        decision, after, _ = self.engine.decide(env).made
        assert reduce(fold, decision.events, before) == after
        decision = msgspec.structs.replace(decision, board=after)
        for seq, event in enumerate(decision.events, start=before.seq + 1):
            assert event.seq == seq and event.command_id == env.command_id
            assert strange_words(event.body, self.rules.codes) == []
        self.log.extend(decision.events)
        self.last = decision
        return decision

    def refused(self, code: str, command: Command, **how: Any) -> CrisisError:
        """Assert that ``command`` is refused with ``code`` and return the refusal."""
        before = self.board
        refusal = self._refusal(command, **how)
        assert refusal is not None, f"not refused: {type(command).__name__}"
        assert refusal.code == code, f"refused as {refusal.code}: {refusal.detail}"
        assert self.board is before or (self.last is not None and self.last.refusal is refusal)
        return refusal

    def _refusal(self, command: Command, **how: Any) -> CrisisError | None:
        try:
            return self.do(command, **how).refusal
        except CrisisError as refusal:
            return refusal

    # Things to begin with

    def team(
        self,
        call_sign: str = "Blue 1",
        crew: Sequence[CrewMember | Responder] | None = None,
        *,
        hours: float = 10,
        on_shift: bool = True,
        base: Point | None = OAKLAND,
        **facts: Any,
    ) -> TeamId:
        """A team; on shift, with a clinician and a peer on site unless told otherwise."""
        team_id = TeamId(uid(f"team {call_sign}"))
        self.happen(
            TeamRecorded(team_id=team_id, agency_id=AGENCY, call_sign=call_sign, base=base, **facts)
        )
        if crew is None:
            crew = (clinician(f"{call_sign} clinician"), peer(f"{call_sign} peer"))
        for member in crew:
            if isinstance(member, Responder):
                self.happen(ResponderRecorded(responder=member))
        if on_shift:
            self.happen(
                ShiftStarted(
                    shift_id=ShiftId(uid(f"shift {call_sign}")),
                    team_id=team_id,
                    starts_at=self.now,
                    ends_at=self.now + timedelta(hours=hours),
                    crew=tuple(
                        CrewMember(responder_id=m.id, carries_naloxone=m.naloxone_trained)
                        if isinstance(m, Responder)
                        else m
                        for m in crew
                    ),
                )
            )
        return team_id

    def call(self, name: str = "call") -> CallId:
        """An answered call."""
        call_id = CallId(uid(name))
        self.happen(
            CallOffered(call_id=call_id),
            CallAnswered(call_id=call_id, by=UserId(uid("call taker"))),
        )
        return call_id

    def opened(self, **fields: Any) -> IncidentId:
        """An incident as received, in Oakland unless told otherwise."""
        fields.setdefault("place", PlaceInput(point=OAKLAND, location_type="home"))
        how = {k: fields.pop(k) for k in ("by", "source", "occurred_at", "reason") if k in fields}
        result = self.do(OpenIncident(**fields), **how).result
        return IncidentId(result["incident_id"])

    def determined(
        self, acuity: Acuity = Acuity.URGENT, slots: int = 1, **fields: Any
    ) -> IncidentId:
        """An incident that needs ``slots`` teams."""
        incident_id = self.opened(**fields)
        self.do(Determine(incident_id=incident_id, decision="dispatch", acuity=acuity, slots=slots))
        return incident_id

    def offered(self, incident_id: IncidentId, team_id: TeamId, **fields: Any) -> OfferId:
        """An offer of the incident to the team."""
        command = OfferTeam(incident_id=incident_id, team_id=team_id, **fields)
        return OfferId(self.do(command).result["offer_id"])

    def running(self, incident_id: IncidentId, team_id: TeamId, **fields: Any) -> AssignmentId:
        """A run of the team to the incident, just accepted."""
        offer_id = self.offered(incident_id, team_id, **fields)
        result = self.do(AcceptOffer(offer_id=offer_id), by=on_team(team_id)).result
        return AssignmentId(result["assignment_id"])

    # Looking

    def incident(self, incident_id: IncidentId) -> Incident:
        """The incident as it stands on the board, or as it left it."""
        held = self.board.incidents.get(incident_id)
        return self.gone(incident_id) if held is None else held

    def gone(self, incident_id: IncidentId) -> Incident:
        """The incident that has left the board."""
        _, found = self.engine.left[incident_id]
        assert isinstance(found, Incident)
        return found

    def a_team(self, team_id: TeamId) -> Team:
        """The team as it stands."""
        return self.board.teams[team_id]

    def said(self) -> list[str]:
        """The types of the newest decision's events, in order."""
        assert self.last is not None
        return [type_of(event.body) for event in self.last.events]

    def told(self) -> list[tuple[str, str]]:
        """Who was told what (to, template) by the newest decision."""
        assert self.last is not None
        return [(notice.to, notice.template) for notice in self.last.notices]


def changed(value: Any, **fields: Any) -> Any:
    """``value`` with fields replaced."""
    return msgspec.structs.replace(value, **fields)
