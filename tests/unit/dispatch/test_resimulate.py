"""Recorded calls answered anew: simulated people act at their moment of the county's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from crisis.board import empty_board
from crisis.commands import AcceptOffer, ExpireOffer, OfferTeam
from crisis.errors import Invalid
from crisis.roles import Role
from dispatch.run.rulebook import Rulebook
from dispatch.sim.behaviour import Pace
from dispatch.sim.calls import RecordedCall
from dispatch.sim.replay import Account
from dispatch.sim.resimulate import Resimulation, simulated_policy
from geo.point import Point
from tests.unit.dispatch.board_kit import AGENCY, COUNTY, person

MORNING = datetime(2026, 7, 1, 15, tzinfo=UTC)
CLERK = person("clerk", Role.ADMIN, Role.DISPATCHER)


def calls(count: int, *, every: timedelta) -> list[RecordedCall]:
    """Calls all over Oakland, each determined five minutes after it came in."""
    return [
        RecordedCall(
            row=number + 2,
            place=Point(lat_deg=37.75 + 0.01 * (number % 7), lon_deg=-122.25 + 0.01 * (number % 5)),
            source="self",
            concern="psychosis",
            received_at=MORNING + number * every,
            determined=MORNING + number * every + timedelta(minutes=5),
        )
        for number in range(count)
    ]


def answered(
    recorded: Sequence[RecordedCall], *, teams: int = 1, seed: int = 5, pace: Pace | None = None
) -> tuple[Account, Resimulation]:
    """Let simulated teams answer the calls."""
    simulation = Resimulation(
        empty_board(COUNTY),
        Rulebook(COUNTY, (simulated_policy(),)).at,
        MORNING - timedelta(hours=1),
        AGENCY,
        CLERK,
        seed=seed,
        pace=pace,
    )
    return simulation.run(recorded, teams), simulation


def sent(simulation: Resimulation, name: str) -> list[datetime]:
    """When commands of that name were decided."""
    return [one.at for one in simulation.decided if type(one.env.command).__name__ == name]


def test_a_team_answers_within_the_time_that_it_is_shown() -> None:
    # Eight calls at once for one team: the last are asked for long after their deadline, when a
    # team is given half a minute to answer.
    account, simulation = answered(
        calls(8, every=timedelta(0)), pace=Pace(answer_s=(20.0, 60.0), no_answer=0.0)
    )
    assert account.overtaken.total() == 0
    assert account.reached == {"cleared": 8}
    commands = [one.env.command for one in simulation.decided]
    assert sum(isinstance(one, AcceptOffer) for one in commands) == 8
    assert not any(isinstance(one, ExpireOffer) for one in commands)


def test_people_act_at_their_recorded_moments() -> None:
    recorded = [
        replace(call, outcome="cancelled", ended=call.received_at + timedelta(minutes=12))
        for call in calls(3, every=timedelta(minutes=9))
    ]
    _, simulation = answered(recorded)
    assert sent(simulation, "OpenIncident") == [call.received_at for call in recorded]
    assert sent(simulation, "Determine") == [call.determined for call in recorded]
    ended = sent(simulation, "CancelIncident")
    assert set(ended) <= {call.ended for call in recorded}
    assert ended


def test_the_next_best_team_is_asked_in_the_second_in_which_an_offer_expired() -> None:
    recorded = calls(12, every=timedelta(minutes=40))
    _, simulation = answered(recorded, teams=4, pace=Pace(no_answer=0.5))
    expired = sent(simulation, "ExpireOffer")
    asked = {one.at for one in simulation.decided if isinstance(one.env.command, OfferTeam)}
    assert expired
    assert sum(at in asked for at in expired) >= len(expired) / 2


def test_the_same_seed_answers_alike() -> None:
    recorded = calls(10, every=timedelta(minutes=20))

    def told(seed: int) -> list[bytes]:
        _, simulation = answered(recorded, teams=2, seed=seed)
        return [
            msgspec.json.encode([event.seq, event.occurred_at, event.body])
            for one in simulation.decided
            for event in one.made.decision.events
        ]

    assert told(3) == told(3)
    assert told(3) != told(4)


def test_calls_without_any_place_are_refused() -> None:
    nowhere = [replace(call, place=None) for call in calls(2, every=timedelta(0))]
    with pytest.raises(Invalid, match="teams can't be placed"):
        answered(nowhere)
