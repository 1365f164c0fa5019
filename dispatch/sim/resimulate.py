"""Recorded calls answered anew: the service's own ranking and clockwork, and simulated crews.

Decides what is done for each recorded call at which instant, and how far each came. Whom the
service asks, and when, is its own doing: the same timers, ranking and rules as on any day, in a
county in memory; how crews behave stands in ``behaviour``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crisis.board import Board
from crisis.commands import CloseIncident, Command, Determine
from crisis.errors import CrisisError, Invalid
from crisis.ids import AgencyId, IncidentId
from crisis.incident.state import IncidentState
from crisis.policy import CheckInPolicy, CountyPolicy, OfferPolicy
from crisis.roles import Actor
from crisis.rules import Rules
from crisis.states import Source
from crisis.team import Duty
from crisis.triage import Acuity
from dispatch.decide.incoming import Taken
from dispatch.sim.behaviour import Crews, Pace, Scene, Step, Voice
from dispatch.sim.demand import ON_SCENE_MIN, quantile
from dispatch.sim.recorded import RecordedCall
from dispatch.sim.replay import Account, Progress, receive
from dispatch.sim.roster import FROM_THE_START, SHIFT, MadeUpTeam, make_team

_WEEK_S = 604_800.0
#: After the last call, how long open incidents are still followed.
_AFTERMATH = timedelta(hours=24)
#: What a crew's step means for how far a call came.
_REACHED = {"accepted": "dispatched", "arrived": "arrived", "cleared": "cleared"}


def simulated_policy() -> CountyPolicy:
    """Return the policy of a county whose teams are simulated.

    The service asks the best team by itself, and nobody has to say that they are well: simulated
    teams are never in danger.
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
        self._clerk = Voice(clerk, Source.DESK)
        self._crews = Crews(board, rules, begins_at, seed=seed, pace=pace or Pace())
        self._crews.on_step = self._follow
        self._engine = self._crews.engine
        self._by_incident: dict[IncidentId, _Answered] = {}

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
            progress(sum(one.is_over for one in answered), len(answered))
        account = Account(teams=teams, last_at=self._engine.now())
        for one in answered:
            account.take(one.call, one.reached or "not received", one.refusal)
        account.overtaken = self._crews.overtaken
        return account

    def _set_up(self, calls: Sequence[RecordedCall], teams: int) -> None:
        places = [call.place for call in calls if call.place is not None]
        if not places:
            raise Invalid("no_places", "No call says where it was: teams can't be placed.")
        for number in range(1, teams + 1):
            base = places[int(self._crews.draw.random() * len(places))]
            team = make_team(self._engine.board.county_id, number, self._agency_id, base)
            for command in team.recorded():
                self._send(command)
            self._crews.join(team, self._clerk, base)
            # Staggered: the teams don't all change shifts in the same minute.
            self._go_on_shift(team, SHIFT * (number / teams))

    def _at(self, at: datetime, step: Callable[..., None], *args: Any) -> None:
        self._engine.at(at, lambda: step(*args))

    def _send(self, command: Command) -> dict[str, Any]:
        return self._crews.send(command, self._clerk)

    def _tries(self, command: Command) -> bool:
        return self._crews.tries(command, self._clerk) is not None

    def _receive(self, one: _Answered) -> None:
        call = one.call
        try:
            incident_id = receive(call, self._send)
        except CrisisError as refusal:
            one.refusal, one.is_over = f"refused by the service: {refusal.detail}", True
            return
        one.reached = "received"
        self._by_incident[incident_id] = one
        self._crews.scenes[incident_id] = self._scene(call)
        if call.outcome == "no_dispatch":
            self._at(call.ended or call.received_at, self._send_nobody, one, incident_id)
            return
        determined = call.determined
        if determined is None:
            triage_s = self._crews.between(self._crews.pace.triage_s)
            determined = call.received_at + timedelta(seconds=triage_s)
        self._at(determined, self._determine, one, incident_id)
        if call.outcome == "cancelled" and call.ended is not None:
            self._at(max(call.ended, call.received_at), self._cancel, one, incident_id)

    def _scene(self, call: RecordedCall) -> Scene:
        if call.arrival is not None and call.departure is not None:
            stay_s = (call.departure - call.arrival).total_seconds()
        else:
            stay_s = 60 * quantile(ON_SCENE_MIN, self._crews.draw.random())
        return Scene(place=call.place, stay_s=stay_s)

    def _send_nobody(self, one: _Answered, incident_id: IncidentId) -> None:
        no_team = Determine(
            incident_id=incident_id, decision="no_dispatch", reason="resolved_by_phone"
        )
        if self._tries(no_team):
            one.reached = "no_dispatch"
        one.is_over = True

    def _determine(self, one: _Answered, incident_id: IncidentId) -> None:
        determined = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT)
        if not one.is_over and self._tries(determined):
            one.reached = "determined"

    def _cancel(self, one: _Answered, incident_id: IncidentId) -> None:
        """Call it off as recorded, unless a team was there before that."""
        if self._crews.call_off(incident_id, self._clerk):
            one.reached, one.is_over = "cancelled", True

    def _follow(self, step: Step) -> None:
        one = self._by_incident[step.incident_id]
        one.reached = _REACHED.get(step.what, one.reached)
        if step.what == "cleared":
            incident = self._engine.board.incidents.get(step.incident_id)
            if incident is not None and incident.state is IncidentState.DETERMINED:
                self._tries(CloseIncident(incident_id=step.incident_id))
            one.is_over = True

    def _go_on_shift(self, team: MadeUpTeam, length: timedelta) -> None:
        now = self._engine.now()
        if self._engine.board.teams[team.team_id].duty is not Duty.OFF_SHIFT:
            # On overtime.
            self._at(now + timedelta(minutes=5), self._go_on_shift, team, length)
            return
        ends_at = now + length
        self._send(team.on_shift(ends_at))
        self._at(ends_at + timedelta(minutes=1), self._go_on_shift, team, SHIFT)
