"""Duress: never refused, never silent, and rung only for the living."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisis.commands import (
    AcknowledgeDuress,
    EscalateDuress,
    LeaveDesk,
    RaiseDuress,
    ResolveDuress,
    SendHelp,
)
from crisis.duress import Duress, DuressState
from crisis.ids import DuressId, TeamId
from crisis.policy import DuressPolicy
from crisis.roles import Actor, Role
from crisis.states import Source
from tests.unit.dispatch.board_kit import (
    DISPATCHER,
    OTHER_DISPATCHER,
    SERVICE,
    SUPERVISOR,
    County,
    changed,
    on_team,
    person,
    uid,
)


def pressed(county: County, by: Actor, **fields: object) -> DuressId:
    return DuressId(county.do(RaiseDuress(**fields), by=by).result["duress_id"])  # type: ignore[arg-type]


def alarm(county: County) -> Duress:
    (one,) = county.board.duress.values()
    return one


def member(name: str, team_id: TeamId) -> Actor:
    """A responder of the team who stands in the roster."""
    return changed(on_team(team_id), user_id=uid(name), responder_id=uid(name))  # type: ignore[no-any-return]


@pytest.mark.parametrize("role", Role)
def test_an_alarm_is_refused_to_nobody(role: Role) -> None:
    county = County()
    pressed(county, person("anyone", role))
    assert alarm(county).state is DuressState.RAISED
    assert county.told() == [("role:dispatcher", "duress_raised")]


def test_an_alarm_knows_the_team_its_run_and_who_pressed() -> None:
    county = County()
    team_id = county.team()
    run_id = county.running(county.determined(), team_id)
    by = member("Ana", team_id)
    pressed(county, by)
    one = alarm(county)
    assert (one.team_id, one.assignment_id) == (team_id, run_id)
    assert (one.responder_id, one.raised_by) == (by.responder_id, by.user_id)
    assert one.next_rung_at == county.now + timedelta(
        seconds=county.rules.policy.duress.supervisor_after_s
    )
    assert all(not to.startswith("team:") for to, _ in county.told())


def test_an_alarm_for_a_team_that_nobody_knows_still_rings() -> None:
    county = County()
    pressed(county, DISPATCHER, team_id=TeamId(UUID(int=5)))
    assert alarm(county).team_id is None


def test_pressing_again_is_the_same_alarm() -> None:
    county = County()
    team_id = county.team()
    by = member("Ana", team_id)
    first = pressed(county, by)
    assert pressed(county, by) == first
    assert county.said() == []
    county.do(AcknowledgeDuress(duress_id=first))
    again = county.do(RaiseDuress(), by=by)
    assert again.result["again"] and again.result["duress_id"] == first
    assert county.told() == [(f"user:{DISPATCHER.user_id}", "duress_again")]


def test_pressing_again_is_heard_though_whoever_had_it_in_hand_has_gone() -> None:
    county = County()
    by = on_team(county.team())
    first = pressed(county, by)
    county.do(SendHelp(duress_id=first, who="ems"))
    county.do(RaiseDuress(), by=by)
    assert county.told() == [(f"user:{DISPATCHER.user_id}", "duress_again")]
    county.wait(3_600)
    county.do(RaiseDuress(), by=by)
    assert county.told() == [
        (f"user:{DISPATCHER.user_id}", "duress_again"),
        ("role:dispatcher", "duress_again"),
    ]


def test_two_members_of_a_team_ring_two_alarms() -> None:
    county = County()
    team_id = county.team()
    ana, ben = member("Ana", team_id), member("Ben", team_id)
    assert pressed(county, ana) != pressed(county, ben)


def test_after_it_is_over_a_press_is_a_new_alarm() -> None:
    county = County()
    by = on_team(county.team())
    first = pressed(county, by)
    county.do(AcknowledgeDuress(duress_id=first))
    county.do(ResolveDuress(duress_id=first, reason="safe"))
    assert pressed(county, by) != first


def test_a_press_rings_for_itself_beside_a_missed_check_in() -> None:
    county = County()
    team_id = county.team()
    timed = pressed(county, SERVICE, team_id=team_id, cause="missed_check_in")
    assert pressed(county, on_team(team_id)) != timed


def test_only_the_clockwork_knows_of_a_missed_check_in() -> None:
    county = County()
    pressed(county, on_team(county.team()), cause="missed_check_in")
    assert alarm(county).cause == "button"


def test_an_alarm_from_an_outage_rings_nothing_and_climbs_nothing() -> None:
    county = County()
    pressed_at = county.now - timedelta(hours=20)
    county.do(
        RaiseDuress(team_id=county.team()),
        by=SUPERVISOR,
        source=Source.BACK_ENTRY,
        reason="system_outage",
        occurred_at=pressed_at,
    )
    assert county.told() == []
    assert alarm(county).next_rung_at is None and alarm(county).raised_at == pressed_at


def test_a_live_alarm_rings_even_where_its_incident_was_kept_on_paper() -> None:
    county = County()
    team_id = county.team()
    incident_id = county.determined()
    county.running(incident_id, team_id)
    paper = changed(county.board.incidents[incident_id], paper_number="p7")
    county.board = county.board.holding("incidents", paper)
    pressed(county, on_team(team_id))
    assert county.told() == [("role:dispatcher", "duress_raised")]


def test_whoever_has_it_in_hand_is_named_and_the_ladder_rests() -> None:
    county = County()
    duress_id = pressed(county, on_team(county.team()))
    county.do(AcknowledgeDuress(duress_id=duress_id))
    assert alarm(county).acknowledged_by == DISPATCHER.user_id
    assert alarm(county).next_rung_at is None
    county.refused(
        "duress_acknowledged", AcknowledgeDuress(duress_id=duress_id), by=OTHER_DISPATCHER
    )
    county.wait(600)
    county.refused("rung_not_due", EscalateDuress(duress_id=duress_id, rung=1), by=SERVICE)


def test_help_may_be_sent_before_anybody_acknowledged() -> None:
    county = County()
    duress_id = pressed(county, on_team(county.team()))
    done = county.do(SendHelp(duress_id=duress_id, who="psap_911", reference="42"))
    assert [record.fields for record in done.records] == [{"reference": "42"}]
    assert alarm(county).state is DuressState.HELP_SENT
    assert alarm(county).help == "psap_911" and alarm(county).next_rung_at is None
    assert alarm(county).help_record == done.records[0].id
    county.do(ResolveDuress(duress_id=duress_id, reason="safe_after_help"))
    assert county.board.duress == {}


def test_it_is_over_only_for_a_reason_of_the_set_and_once_taken_in_hand() -> None:
    county = County()
    duress_id = pressed(county, on_team(county.team()))
    county.refused("duress_not_acknowledged", ResolveDuress(duress_id=duress_id, reason="safe"))
    county.do(AcknowledgeDuress(duress_id=duress_id))
    county.refused("unknown_code", ResolveDuress(duress_id=duress_id, reason="whatever"))
    county.do(ResolveDuress(duress_id=duress_id, reason="safe"))
    county.refused("illegal_transition", AcknowledgeDuress(duress_id=duress_id))


def test_the_ladder_climbs_at_the_policys_times_and_repeats_its_last_rung() -> None:
    county = County()
    raised_at = county.now
    duress_id = pressed(county, on_team(county.team()))
    climbed = []
    for rung in range(1, 6):
        due_at = alarm(county).next_rung_at
        assert due_at is not None
        county.wait((due_at - county.now).total_seconds())
        county.do(EscalateDuress(duress_id=duress_id, rung=rung), by=SERVICE)
        climbed.append(((county.now - raised_at).total_seconds(), county.told()[0][1]))
        assert all(notice.urgency == "now" for notice in county.last.notices)  # type: ignore[union-attr]
    assert climbed == [
        (30, "duress_supervisor"),
        (60, "duress_on_call"),
        (120, "duress_watchdog"),
        (180, "duress_watchdog"),
        (240, "duress_watchdog"),
    ]


def test_a_rung_is_neither_early_nor_taken_twice() -> None:
    county = County()
    duress_id = pressed(county, on_team(county.team()))
    county.wait(29.9)
    county.refused("rung_not_due", EscalateDuress(duress_id=duress_id, rung=1), by=SERVICE)
    county.wait(0.1)
    county.refused("rung_not_due", EscalateDuress(duress_id=duress_id, rung=2), by=SERVICE)
    county.do(EscalateDuress(duress_id=duress_id, rung=1), by=SERVICE)
    county.refused("rung_not_due", EscalateDuress(duress_id=duress_id, rung=1), by=SERVICE)


def test_after_a_standstill_every_missed_rung_follows_at_once() -> None:
    county = County()
    duress_id = pressed(county, on_team(county.team()))
    county.wait(3_600)
    for rung in (1, 2, 3):
        county.do(EscalateDuress(duress_id=duress_id, rung=rung), by=SERVICE)
    assert alarm(county).next_rung_at == county.now + timedelta(seconds=60)


@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(["press", "acknowledge", "help", "resolve", "climb", "wait"]), max_size=20
    ),
    st.builds(
        lambda a, b, c: DuressPolicy(
            supervisor_after_s=a, on_call_after_s=a + b, watchdog_after_s=a + b + c
        ),
        *[st.floats(1, 300) for _ in range(3)],
    ),
)
def test_an_open_alarm_is_always_in_somebodys_hand_or_on_the_ladder(
    acts: list[str], ladder: DuressPolicy
) -> None:
    county = County()
    county.rules = changed(county.rules, policy=changed(county.rules.policy, duress=ladder))
    by = on_team(county.team())
    duress_id = pressed(county, by)
    for act in acts:
        rung = next((a.rung + 1 for a in county.board.duress.values()), 1)
        commands = {
            "press": (RaiseDuress(), by),
            "acknowledge": (AcknowledgeDuress(duress_id=duress_id), DISPATCHER),
            "help": (SendHelp(duress_id=duress_id, who="ems"), DISPATCHER),
            "resolve": (ResolveDuress(duress_id=duress_id, reason="safe"), DISPATCHER),
            "climb": (EscalateDuress(duress_id=duress_id, rung=rung), SERVICE),
        }
        if act == "wait":
            county.wait(45)
        else:
            command, actor = commands[act]
            refusal = county._refusal(command, by=actor)
            assert act != "press" or refusal is None
        for one in county.board.duress.values():
            in_hand = one.acknowledged_by is not None or one.help_sent_at is not None
            assert in_hand == (one.next_rung_at is None)


@pytest.mark.parametrize("helped", [False, True], ids=["in hand", "help sent"])
def test_an_alarm_in_the_hands_of_somebody_who_leaves_rings_again(helped: bool) -> None:
    county = County()
    team = county.team()
    duress_id = pressed(county, on_team(team), team_id=team)
    county.do(AcknowledgeDuress(duress_id=duress_id))
    if helped:
        county.do(SendHelp(duress_id=duress_id, who="law_enforcement"))
    county.wait(600)
    assert county.do(LeaveDesk()).result["duress_ids"] == [duress_id]
    assert ("role:dispatcher", "duress_raised") in county.told()
    left = alarm(county)
    assert (left.state, left.acknowledged_by) == (DuressState.RAISED, None)
    assert left.next_rung_at == county.wait(30)
    climbed = county.do(EscalateDuress(duress_id=duress_id, rung=1), by=SERVICE).result
    assert climbed["to"] == "supervisor"
    county.do(AcknowledgeDuress(duress_id=duress_id), by=SUPERVISOR)
    assert county.board.duress[duress_id].acknowledged_by == SUPERVISOR.user_id


def test_whoever_sends_help_to_an_alarm_that_nobody_has_has_it() -> None:
    county = County()
    duress_id = pressed(county, on_team(county.team()))
    county.do(SendHelp(duress_id=duress_id, who="law_enforcement"))
    assert county.board.duress[duress_id].acknowledged_by == DISPATCHER.user_id
