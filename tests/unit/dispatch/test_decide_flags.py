"""Marks: what goes wrong only by waiting is told once, to whom it concerns, and never too early."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crisis.assignment import Status
from crisis.commands import (
    AcknowledgeHazards,
    AcknowledgePartner,
    AddSlot,
    AmendIncident,
    CancelAssignment,
    CancelIncident,
    Determine,
    FlagIncident,
    HandOver,
    LeaveDesk,
    MergeIncident,
    OpenIncident,
    PartnerInput,
    ReportStatus,
    SplitIncident,
    StartScreening,
)
from crisis.ids import IncidentId
from crisis.incident.state import IncidentFlagged
from crisis.roles import Role
from crisis.states import Source
from crisis.triage import Acuity, Hazard
from dispatch.due import TimerCommand, due, next_due, overdue
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    SUPERVISOR,
    County,
    on_team,
    person,
    rules,
)


def flags(county: County) -> list[FlagIncident]:
    """What the clockwork would mark now."""
    return [
        one.envelope.command
        for one in due(county.board, county.now, county.rules)
        if isinstance(one, TimerCommand) and isinstance(one.envelope.command, FlagIncident)
    ]


def mark_all(county: County) -> list[tuple[str, str, str]]:
    """Mark what is due; return the flags with whom they told, and how."""
    told = []
    for command in flags(county):
        county.do(command, by=SERVICE)
        assert county.last is not None
        told += [(command.flag, notice.to, notice.urgency) for notice in county.last.notices]
    return told


def departed(county: County, incident_id: IncidentId) -> None:
    """Let a team be on its way."""
    team = county.team()
    run = county.running(incident_id, team)
    left = ReportStatus(assignment_id=run, status=Status.EN_ROUTE, briefed_by="dispatcher")
    county.do(left, by=on_team(team))


def at(county: County, instant: datetime) -> None:
    county.wait((instant - county.now).total_seconds())


def test_an_incident_that_waits_without_a_team_is_told_to_the_supervisor_once() -> None:
    county = County()
    incident_id = county.determined(Acuity.EMERGENT)
    patience_s = county.rules.policy.waiting.unassigned_alert_s.emergent
    county.wait(patience_s - 1)
    assert flags(county) == []
    county.wait(1)
    assert ("unassigned", "role:supervisor", "now") in mark_all(county)
    assert county.incident(incident_id).marked("unassigned", "0")
    county.wait(60)
    assert not any(c.flag == "unassigned" for c in flags(county))
    command = FlagIncident(incident_id=incident_id, flag="unassigned", about="0")
    county.refused("not_due", command, by=SERVICE)


def test_an_offer_is_no_team_and_a_run_is_one() -> None:
    county = County()
    incident_id, team = county.determined(Acuity.EMERGENT), county.team()
    county.wait(299)
    county.offered(incident_id, team)
    county.wait(1)
    assert [c.flag for c in flags(county)] == ["unassigned"]
    taken = County()
    taken.running(taken.determined(Acuity.EMERGENT), taken.team())
    taken.wait(300)
    assert "unassigned" not in {c.flag for c in flags(taken)}


def test_a_team_that_is_lost_makes_the_incident_wait_anew() -> None:
    county = County()
    incident_id, team = county.determined(Acuity.EMERGENT), county.team()
    county.wait(300)
    mark_all(county)
    run = county.running(incident_id, team)
    county.wait(60)
    county.do(CancelAssignment(assignment_id=run, reason="team_vehicle"))
    county.wait(299)
    assert flags(county) == []
    county.wait(1)
    assert [(c.flag, c.about) for c in flags(county)] == [("unassigned", "1")]


def test_the_deadline_warns_by_its_parts_and_its_breach_rings_at_the_supervisor() -> None:
    county = County()
    incident_id = county.determined()
    incident = county.incident(incident_id)
    assert incident.determined_at is not None and incident.due_at is not None
    departed(county, incident_id)
    told: list[Any] = []
    for share in (0.5, 0.75, 0.9):
        at(county, incident.determined_at + share * (incident.due_at - incident.determined_at))
        told += mark_all(county)
    owner = f"user:{DISPATCHER.user_id}"
    assert told == [("deadline_warning", owner, "soon")] * 3
    at(county, incident.due_at)
    assert mark_all(county) == [
        ("deadline_breached", owner, "soon"),
        ("deadline_breached", "role:supervisor", "now"),
    ]
    county.wait(86_400)
    assert flags(county) == []


def test_after_a_standstill_only_the_last_mark_of_a_deadline_rings() -> None:
    county = County()
    incident_id = county.determined()
    departed(county, incident_id)
    county.wait(7_200)
    told = [one for _ in range(4) for one in mark_all(county)]
    assert {flag for flag, _, _ in told} == {"deadline_breached"}
    assert len(county.incident(incident_id).flags) == 4


def test_an_arrival_in_time_ends_the_warnings() -> None:
    county = County()
    incident_id, team = county.determined(), county.team()
    run = county.running(incident_id, team)
    county.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=on_team(team))
    county.wait(7_200)
    assert flags(county) == []


def test_a_hand_off_that_nobody_takes_is_told_even_though_the_incident_is_closed() -> None:
    county = County()
    incident_id = county.opened()
    partner = PartnerInput(kind="psap_911", reason="life_threat")
    county.do(
        Determine(
            incident_id=incident_id,
            decision="no_dispatch",
            reason="life_threat_to_911",
            partner=partner,
        )
    )
    county.wait(119)
    assert flags(county) == []
    county.wait(1)
    assert mark_all(county) == [
        ("handoff_unacknowledged", "role:dispatcher", "now"),
        ("handoff_unacknowledged", "role:supervisor", "now"),
    ]
    taken = County()
    incident_id = taken.opened()
    taken.do(
        Determine(
            incident_id=incident_id, decision="no_dispatch", reason="medical", partner=partner
        )
    )
    partner_id = taken.incident(incident_id).partners[0].id
    taken.do(AcknowledgePartner(incident_id=incident_id, partner_id=partner_id, agency="911"))
    taken.wait(600)
    assert flags(taken) == []


def test_an_absent_owners_incidents_fall_to_the_supervisor_at_once_and_are_asked_for_again() -> (
    None
):
    county = County()
    mine, other, done = county.opened(), county.opened(by=OTHER_DISPATCHER), county.opened()
    county.do(CancelIncident(incident_id=done, reason="caller_cancelled"))
    left = county.do(LeaveDesk())
    assert left.result["incident_ids"] == [mine]
    assert county.told() == [("role:supervisor", "unowned")]
    assert county.incident(mine).owner is None
    assert county.incident(other).owner == OTHER_DISPATCHER.user_id
    county.wait(120)
    assert mark_all(county) == [("unowned", "role:supervisor", "now")]
    assert SUPERVISOR.user_id is not None
    county.do(HandOver(incident_id=mine, to=SUPERVISOR.user_id), by=SUPERVISOR)
    county.wait(600)
    assert "unowned" not in {c.flag for c in flags(county)}


def test_only_a_supervisor_or_the_service_says_that_somebody_else_has_left() -> None:
    county = County()
    incident_id = county.opened()
    away = LeaveDesk(user_id=DISPATCHER.user_id)
    county.refused("not_yourself", away, by=OTHER_DISPATCHER)
    county.refused("user_missing", LeaveDesk(), by=SERVICE)
    county.do(away, by=SERVICE)
    assert county.incident(incident_id).owner is None


def test_a_handover_to_somebody_who_left_is_off_and_its_owner_knows() -> None:
    county = County()
    incident_id = county.opened()
    assert OTHER_DISPATCHER.user_id is not None
    county.do(HandOver(incident_id=incident_id, to=OTHER_DISPATCHER.user_id))
    county.do(LeaveDesk(), by=OTHER_DISPATCHER)
    assert county.incident(incident_id).pending_owner is None
    assert county.told() == [(f"user:{DISPATCHER.user_id}", "handover_unanswered")]


def test_a_handover_outlives_the_owner_who_offered_it() -> None:
    county = County()
    incident_id = county.opened()
    assert OTHER_DISPATCHER.user_id is not None
    county.do(HandOver(incident_id=incident_id, to=OTHER_DISPATCHER.user_id))
    county.do(LeaveDesk())
    assert county.incident(incident_id).pending_owner == OTHER_DISPATCHER.user_id


def test_a_handover_that_nobody_answers_is_told_to_its_owner() -> None:
    county = County()
    incident_id = county.opened()
    assert OTHER_DISPATCHER.user_id is not None
    county.do(HandOver(incident_id=incident_id, to=OTHER_DISPATCHER.user_id))
    county.wait(120)
    owner = f"user:{DISPATCHER.user_id}"
    assert mark_all(county) == [("handover_unanswered", owner, "soon")]


def test_an_incident_that_another_system_opens_rings_at_the_desk() -> None:
    county = County()
    county.do(OpenIncident(), by=person("988", Role.INTEGRATION), source=Source.INTEGRATION)
    assert county.told() == [("role:dispatcher", "unowned")]
    county.wait(120)
    assert mark_all(county) == [("unowned", "role:supervisor", "now")]


def test_a_crew_that_has_not_read_a_change_is_told_to_the_dispatcher() -> None:
    county = County()
    incident_id, team = county.determined(), county.team()
    run = county.running(incident_id, team)
    county.wait(10)
    county.do(AmendIncident(incident_id=incident_id, hazards=(Hazard(code="weapon"),)))
    county.wait(119)
    assert flags(county) == []
    county.wait(1)
    assert mark_all(county) == [("amendment_unacknowledged", "role:dispatcher", "now")]
    county.wait(10)
    county.do(AmendIncident(incident_id=incident_id, acuity=Acuity.EMERGENT))
    county.do(AcknowledgeHazards(assignment_id=run, version=4), by=on_team(team))
    county.wait(120)
    assert not any(c.flag == "amendment_unacknowledged" for c in flags(county))


def test_a_crew_that_accepted_after_the_change_has_nothing_to_read_again() -> None:
    county = County()
    incident_id, team = county.determined(), county.team()
    county.do(AmendIncident(incident_id=incident_id, hazards=(Hazard(code="animals"),)))
    county.wait(1)
    county.running(incident_id, team)
    county.wait(599)
    assert flags(county) == []


def test_what_was_kept_on_paper_is_marked_by_nothing() -> None:
    county = County()
    incident_id = county.opened(
        by=SUPERVISOR, source=Source.BACK_ENTRY, reason="system_outage", paper_number="P7"
    )
    determine = Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.EMERGENT)
    county.do(determine, by=SUPERVISOR, source=Source.BACK_ENTRY, reason="system_outage")
    county.wait(86_400)
    assert flags(county) == []


def test_a_mark_is_one_command_on_every_node_and_a_watchdog_sees_it_left_undone() -> None:
    county = County()
    county.determined(Acuity.EMERGENT)
    county.wait(300)
    found = [d for d in due(county.board, county.now, county.rules) if isinstance(d, TimerCommand)]
    again = due(county.board, county.now + timedelta(seconds=5), county.rules)
    ids = {one.envelope.command_id for one in found}
    assert len(ids) == len(found)
    assert ids <= {d.envelope.command_id for d in again if isinstance(d, TimerCommand)}
    county.wait(60)
    assert "flag" in {one.kind for one in overdue(county.board, county.now, county.rules)}


@pytest.mark.parametrize("flag", ["unowned", "deadline_breached"])
def test_a_mark_before_its_time_is_refused(flag: str) -> None:
    county = County()
    command = FlagIncident(incident_id=county.determined(), flag=flag)
    county.refused("not_due", command, by=SERVICE)


def test_the_marks_of_a_deadline_come_to_rest() -> None:
    county = County(rules())
    incident_id = county.determined()
    departed(county, incident_id)
    for _ in range(60):
        instant = next_due(county.board, county.rules)
        if instant is None:
            break
        county.wait(max((instant - county.now).total_seconds(), 0))
        mark_all(county)
        for one in due(county.board, county.now, county.rules):
            if isinstance(one, TimerCommand):
                county._refusal(one.envelope.command, by=SERVICE)
    told = [e.body for e in county.log if isinstance(e.body, IncidentFlagged)]
    assert len({(f.flag, f.about) for f in told}) == len(told) == 4
    assert told[-1].flag == "deadline_breached"


def test_one_more_team_that_is_asked_for_is_waited_for_from_then_on() -> None:
    county = County()
    incident_id = county.determined()
    county.running(incident_id, county.team())
    county.wait(7_200)
    mark_all(county)
    county.do(AddSlot(incident_id=incident_id))
    patience_s = county.rules.policy.waiting.unassigned_alert_s.urgent
    county.wait(patience_s - 1)
    assert "unassigned" not in {flag for flag, *_ in mark_all(county)}, "nobody was sought before"
    county.wait(1)
    assert "unassigned" in {flag for flag, *_ in mark_all(county)}


def test_one_more_team_postpones_nothing_for_whoever_waits_already() -> None:
    county = County()
    incident_id = county.determined()
    patience_s = county.rules.policy.waiting.unassigned_alert_s.urgent
    county.wait(patience_s - 1)
    county.do(AddSlot(incident_id=incident_id))
    county.wait(1)
    assert "unassigned" in {flag for flag, *_ in mark_all(county)}


def test_a_screening_that_is_entered_late_is_not_overdue_in_the_same_second() -> None:
    county = County()
    incident_id = county.opened()
    county.wait(1_900)
    mark_all(county)
    began = county.now - timedelta(seconds=1_500)
    county.do(StartScreening(incident_id=incident_id), occurred_at=began)
    assert county.incident(incident_id).screening_at == began
    county.wait(county.rules.policy.waiting.undecided_s - 1)
    assert "undecided" not in {flag for flag, *_ in mark_all(county)}
    county.wait(1)
    assert "undecided" in {flag for flag, *_ in mark_all(county)}


def test_a_team_of_an_incident_that_is_split_off_is_waited_for_from_then_on() -> None:
    county = County()
    first, second = county.determined(), county.determined()
    county.do(MergeIncident(incident_id=first, into=second))
    county.running(second, county.team())
    county.wait(7_200)
    mark_all(county)
    county.do(SplitIncident(incident_id=second, other=first))
    assert "unassigned" not in {c.flag for c in flags(county) if c.incident_id == first}
    county.wait(county.rules.policy.waiting.unassigned_alert_s.urgent)
    assert "unassigned" in {c.flag for c in flags(county) if c.incident_id == first}
