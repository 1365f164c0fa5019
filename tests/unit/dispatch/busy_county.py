"""A county at work, drawn from a seed: for tests that need a long and lifelike log.

busy = Busy(generator(seed))
while busy.board.seq < 300:
    busy.step()
busy.county.log
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Any

from crisis.call import CallAbandoned, CallOffered
from crisis.commands import (
    AcceptOffer,
    ClearAssignment,
    DeclineOffer,
    EncounterInput,
    ReportStatus,
    SettleClaim,
)
from crisis.errors import CrisisError
from crisis.ids import (
    CallId,
    ObligationId,
    ShiftId,
    TeamId,
)
from crisis.obligation import ObligationArose, ObligationKind
from crisis.run_status import RUN, Status
from crisis.team import (
    Duty,
    ShiftCancelled,
    ShiftPlanned,
    ShiftStarted,
    TeamRecorded,
)
from crisis.triage import Acuity
from tests.unit.dispatch.board_kit import (
    AGENCY,
    MONDAY,
    on_team,
    uid,
)
from tests.unit.dispatch.livefeed_kit import (
    OTHER_AGENCY,
)
from tests.unit.dispatch.test_decide_invariants import Chaos


class Busy(Chaos):
    """A county that works, with some chaos and with facts that no command of it brings about."""

    def __init__(self, random: Random) -> None:
        super().__init__(auto_offer=False)
        self.random = random
        self.shifts = 0

    def step(self) -> None:
        """Let one thing happen."""
        self.county.wait(self.random.randrange(20))
        likely: list[Callable[[], object]] = [
            self._determine,
            self._offer,
            self._answer,
            self._next_status,
            self._next_status,
            self._fact,
            self._chaos,
            self._settle,
        ]
        try:
            self.random.choice(likely)()
        except CrisisError:
            self.refusals += 1

    def _chaos(self) -> None:
        # Commands of chaos are about teams in use.
        if all(team in self.board.teams for team in self.teams):
            self.send(*(self.random.randrange(400) for _ in range(3)))

    def _any(self, things: Iterable[Any]) -> Any:
        found = list(things)
        return self.random.choice(found) if found else None

    def _determine(self) -> None:
        if len(self.board.incidents) < 6:
            acuity = self.random.choice(list(Acuity))
            self.incidents.append(self.county.determined(acuity, slots=self.random.randrange(1, 3)))

    def _offer(self) -> None:
        for team_id in self.teams:
            team = self.board.teams.get(team_id)
            if team is not None and team.duty is Duty.OFF_SHIFT:
                self.shifts += 1
                self.county.happen(
                    ShiftStarted(
                        shift_id=ShiftId(uid(f"shift number {self.shifts}")),
                        team_id=team_id,
                        starts_at=self.county.now,
                        ends_at=self.county.now + timedelta(hours=2),
                        crew=self._crew(team_id, 1),
                    )
                )
        team = self._any(t for t in self.board.teams.values() if t.is_free)
        incident = self._any(i for i in self.board.incidents.values() if i.waiting_slots())
        if team is not None and incident is not None:
            self.county.offered(incident.id, team.id, eta_s=300.0)

    def _answer(self) -> None:
        team = self._any(t for t in self.board.teams.values() if t.offer)
        if team is None:
            return
        offer_id = team.offer[1]
        if self.random.random() < 0.7:
            self.county.do(AcceptOffer(offer_id=offer_id), by=on_team(team.id))
        else:
            self.county.do(DeclineOffer(offer_id=offer_id, reason="too_far"), by=on_team(team.id))

    def _next_status(self) -> None:
        team = self._any(t for t in self.board.teams.values() if t.run)
        if team is None:
            return
        incident_id, run_id = team.run
        run = self.board.incidents[incident_id].assignment(run_id)
        assert run is not None
        status = self._any(s for s in RUN if RUN.index(s) > _rank(run.state))
        if status is Status.CLEARED or status is Status.READY:
            encounter = EncounterInput(disposition="stabilized_referral")
            self.county.do(
                ClearAssignment(assignment_id=run_id, encounters=(encounter,)),
                by=on_team(team.id),
            )
        elif status is not None:
            report = ReportStatus(assignment_id=run_id, status=status, briefed_by="dispatcher")
            self.county.do(report, by=on_team(team.id))

    def _settle(self) -> None:
        held = self._any(h for i in self.board.incidents.values() for h in i.holds)
        if held is not None:
            there = self.random.random() < 0.5
            self.county.do(SettleClaim(assignment_id=held.assignment_id, there=there))

    def _fact(self) -> None:
        team = self.random.choice(self.teams)
        other = self.random.choice((AGENCY, OTHER_AGENCY))
        facts: list[Callable[[], Any]] = [
            lambda: self._recorded(team, agency_id=other),
            lambda: self._recorded(team, call_sign=f"Team {self.random.randrange(3)}"),
            lambda: self._recorded(team, retired=self.random.random() < 0.3),
            lambda: CallOffered(call_id=CallId(uid(f"call {self.board.seq}"))),
            self._ended_call,
            lambda: ShiftPlanned(
                shift_id=ShiftId(uid(f"planned {self.board.seq}")),
                team_id=team,
                starts_at=MONDAY + timedelta(days=2),
                ends_at=MONDAY + timedelta(days=3),
            ),
            self._cancelled_shift,
            self._owed,
        ]
        fact = self.random.choice(facts if team in self.board.teams else facts[:1])()
        if fact is not None:
            self.county.happen(fact)

    def _ended_call(self) -> CallAbandoned | None:
        call = self._any(self.board.calls.values())
        return CallAbandoned(call_id=call.id) if call is not None else None

    def _recorded(self, team_id: TeamId, **fields: Any) -> TeamRecorded | None:
        team = self.board.teams.get(team_id)
        if team is None:
            return TeamRecorded(team_id=team_id, agency_id=AGENCY, call_sign="Back")
        known = {"agency_id": team.agency_id, "call_sign": team.call_sign, "retired": team.retired}
        return TeamRecorded(team_id=team_id, **{**known, **fields})

    def _cancelled_shift(self) -> ShiftCancelled | None:
        teams = self.board.teams
        planned = (s for s in self.board.shifts.values() if s.started_at is None)
        shift = self._any(s for s in planned if s.team_id in teams)
        return ShiftCancelled(shift_id=shift.id, team_id=shift.team_id) if shift else None

    def _owed(self) -> ObligationArose | None:
        run = self._any(self.board.runs)
        if run is None:
            return None
        return ObligationArose(
            obligation_id=ObligationId(uid(f"owed {self.board.seq}")),
            kind=self.random.choice((ObligationKind.NOTE, ObligationKind.FOLLOW_UP)),
            due_at=MONDAY,
            rule="x",
            incident_id=self.board.runs[run],
            assignment_id=run,
        )


def _rank(status: Status) -> int:
    return RUN.index(Status.EN_ROUTE if status is Status.STAGED else status)
