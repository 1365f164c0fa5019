"""Opening again what was ended in error: the clock as if it had never ended, and nobody misled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.assignment import Status
from crisis.commands import (
    AddNote,
    CancelIncident,
    ClearAssignment,
    CloseIncident,
    Determine,
    EscalateSlot,
    MergeIncident,
    ReopenIncident,
    ReportStatus,
    SettleClaim,
)
from crisis.errors import CrisisError
from crisis.ids import IncidentId, SlotNo
from crisis.incident.state import Incident, IncidentState, Phase
from crisis.obligation import ObligationKind
from crisis.policy import ClockPolicy
from crisis.roles import Actor
from crisis.triage import Acuity
from dispatch.choose.seek import WakeUp
from dispatch.decide import Decision
from dispatch.due import due
from tests.unit.dispatch.board_kit import (
    CALL_TAKER,
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    County,
    on_team,
    rules,
)

S = IncidentState


def cancel(county: County, incident_id: IncidentId) -> None:
    county.do(CancelIncident(incident_id=incident_id, reason="caller_cancelled"))


def reopen(
    county: County,
    incident_id: IncidentId,
    *,
    reason: str = "ended_in_error",
    by: Actor | None = None,
) -> Decision:
    """Open again what has left the board."""
    command = ReopenIncident(incident_id=incident_id, reason=reason)
    return county.do(command, by=by or DISPATCHER)


def kept(incident: Incident) -> tuple[Any, ...]:
    return (
        incident.determined_at,
        incident.own_determined_at,
        incident.due_at,
        incident.standard,
        incident.records,
        incident.subjects,
        incident.encounters,
        incident.offers,
        incident.assignments,
        [slot.no for slot in incident.slots],
    )


def test_a_cancelled_incident_goes_on_with_its_clock_and_is_sought_for_anew() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined(slots=2)
    county.do(AddNote(incident_id=incident_id, text="door on the left"))
    county.running(incident_id, team)
    cancel(county, incident_id)
    before = county.gone(incident_id)
    assert before.state is S.CANCELLED
    county.wait(600)
    done = reopen(county, incident_id)
    after = county.board.incidents[incident_id]
    assert kept(after) == kept(before)
    assert (after.state, after.phase) == (S.DETERMINED, Phase.WAITING)
    assert (after.ended_at, after.outcome, after.reason, after.archived) == (
        None,
        None,
        None,
        False,
    )
    assert [slot.no for slot in after.waiting_slots()] == done.result["slots"] == [1, 2]
    assert all(slot.escalations == 0 and slot.wake_at is not None for slot in after.slots)
    [waiting] = [
        o for o in county.board.obligations.values() if o.kind is ObligationKind.WAITING_CONTACT
    ]
    assert waiting.due_at > county.now
    # The team that was called off is told nothing: it stays called off until it is asked.
    assert not any(to.startswith("team:") for to, _ in county.told())
    assert ("role:supervisor", "incident_reopened") in county.told()
    assert "teams_stay_called_off" in [w["code"] for w in done.result["warnings"]]
    offer = county.offered(incident_id, team)
    assert county.a_team(team).offer == (incident_id, offer)


def test_the_ladder_begins_again() -> None:
    county = County()
    incident_id = county.determined()
    county.wait(3_600)
    for rung in (1, 2, 3):
        slot = county.board.incidents[incident_id].slots[0]
        wake = EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=slot.rung + 1)
        county.do(wake, by=SERVICE)
        assert county.board.incidents[incident_id].slots[0].escalations == rung
        county.wait(1_200)
    cancel(county, incident_id)
    reopen(county, incident_id)
    slot = county.board.incidents[incident_id].slots[0]
    assert (slot.escalations, slot.climb_at, slot.exhausted_at) == (0, None, None)
    now = due(county.board, max(county.now, slot.wake_at or county.now), county.rules)
    assert any(isinstance(one, WakeUp) and one.incident_id == incident_id for one in now)


def test_no_dispatch_in_error_is_determined_after_all() -> None:
    county = County()
    incident_id = county.opened()
    nobody = Determine(incident_id=incident_id, decision="no_dispatch", reason="resolved_by_phone")
    county.do(nobody)
    reopen(county, incident_id, reason="caller_called_again")
    assert county.board.incidents[incident_id].state is S.RECEIVED
    county.do(Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.URGENT))
    assert county.board.incidents[incident_id].state is S.DETERMINED


@pytest.mark.parametrize("served", [True, False])
def test_what_was_closed_in_error_goes_on_as_it_stood(served: bool) -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    if served:
        run = county.running(incident_id, team)
        by = on_team(team)
        county.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=by)
        county.do(ClearAssignment(assignment_id=run), by=by)
        county.do(CloseIncident(incident_id=incident_id))
    else:
        unserved = CloseIncident(
            incident_id=incident_id, outcome="unserved", reason="no_team_available"
        )
        county.do(unserved)
    before = county.gone(incident_id)
    done = reopen(county, incident_id)
    after = county.board.incidents[incident_id]
    assert kept(after) == kept(before)
    assert after.first_on_scene_at == before.first_on_scene_at
    assert after.phase is (Phase.CLEARED if served else Phase.WAITING)
    assert done.result["proposes_close"] is served


def test_a_deadline_that_passed_meanwhile_is_said() -> None:
    county = County()
    incident_id = county.determined()
    cancel(county, incident_id)
    county.wait(2 * 3_600)
    codes = [w["code"] for w in reopen(county, incident_id).result["warnings"]]
    assert "deadline_passed" in codes
    # Nobody's patience with it has run out while it was over.
    flags = {
        one.envelope.command.flag
        for one in due(county.board, county.now, county.rules)
        if not isinstance(one, WakeUp) and hasattr(one.envelope.command, "flag")
    }
    assert flags <= {"deadline_warning", "deadline_breached"}


def test_who_opens_it_again_answers_for_it_and_the_owner_is_told() -> None:
    county = County()
    incident_id = county.determined()
    cancel(county, incident_id)
    reopen(county, incident_id, by=OTHER_DISPATCHER)
    assert county.board.incidents[incident_id].owner == OTHER_DISPATCHER.user_id
    assert (f"user:{DISPATCHER.user_id}", "incident_reopened") in county.told()


def test_it_is_refused_beyond_the_countys_bound_and_where_it_makes_no_sense() -> None:
    county = County(rules(clocks=ClockPolicy(reopen_within_s=3_600)))
    incident_id = county.determined()
    running = ReopenIncident(incident_id=incident_id, reason="ended_in_error")
    county.refused("not_ended", running)
    cancel(county, incident_id)

    def refusal(command: ReopenIncident, by: Actor = DISPATCHER) -> str:
        with pytest.raises(CrisisError) as refused:
            county.do(command, by=by)
        return refused.value.code

    assert refusal(running, CALL_TAKER) == "role"
    of_service = ReopenIncident(incident_id=incident_id, reason="crew_there")
    assert refusal(of_service) == "code_of_service"
    county.wait(3_601)
    assert refusal(running) == "reopened_too_late"
    one, other = county.determined(), county.determined()
    county.do(MergeIncident(incident_id=one, into=other))
    again = ReopenIncident(incident_id=one, reason="ended_in_error")
    county.refused("merged_split_it", again)


def test_opened_a_second_time_it_still_has_its_first_clock() -> None:
    county = County(rules(clocks=ClockPolicy(reopen_within_s=3_600)))
    incident_id = county.determined()
    first = county.incident(incident_id)
    for _ in range(3):
        county.wait(1_800)
        cancel(county, incident_id)
        # The bound counts from the end that is taken back, to the second.
        county.wait(3_600)
        reopen(county, incident_id)
        after = county.board.incidents[incident_id]
        assert (after.determined_at, after.due_at, after.standard) == (
            first.determined_at,
            first.due_at,
            first.standard,
        )
        assert [slot.no for slot in after.waiting_slots()] == [1]


def test_what_another_was_merged_into_comes_back_with_the_earlier_clock() -> None:
    county = County()
    older = county.determined()
    was = county.incident(older)
    county.wait(900)
    survivor = county.determined()
    county.do(MergeIncident(incident_id=older, into=survivor))
    cancel(county, survivor)
    before = county.gone(survivor)
    county.wait(600)
    reopen(county, survivor)
    after = county.board.incidents[survivor]
    assert kept(after) == kept(before)
    assert (after.determined_at, after.due_at) == (was.determined_at, was.due_at)
    assert after.absorbed == (older,)


def test_what_its_crew_reported_while_it_was_over_waits_to_be_settled_and_counts_nothing() -> None:
    county = County()
    team = county.team()
    incident_id = county.determined()
    run = county.running(incident_id, team)
    county.wait(60)
    cancel(county, incident_id)
    county.wait(300)
    arrived = ReportStatus(assignment_id=run, status=Status.ON_SCENE)
    county.refused("disputed", arrived, by=on_team(team))
    assert incident_id in county.board.incidents, "told to the desk, and back on the board"
    county.wait(60)
    county.do(ReopenIncident(incident_id=incident_id, reason="ended_in_error"))
    after = county.board.incidents[incident_id]
    assert after.first_on_scene_at is None and len(after.holds) == 1
    done = county.do(SettleClaim(assignment_id=run, there=True))
    assert done.result["first_on_scene_at"] == county.now - timedelta(seconds=60)
