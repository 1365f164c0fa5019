"""An offer is answered once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import IllegalTransition
from crisis.ids import AssignmentId, IncidentId, OfferId, SlotNo, TeamId
from crisis.offer import (
    TRANSITIONS,
    Offer,
    OfferAccepted,
    OfferDeclined,
    OfferEvent,
    OfferExpired,
    OfferMade,
    OfferState,
    OfferWithdrawn,
    evolve_offer,
)
from tests.unit.crisis.tables import assert_reachable, assert_total

T0 = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
INCIDENT, OFFER = IncidentId(UUID(int=1)), OfferId(UUID(int=2))
ANSWERS = (
    OfferAccepted(incident_id=INCIDENT, offer_id=OFFER, assignment_id=AssignmentId(UUID(int=3))),
    OfferDeclined(incident_id=INCIDENT, offer_id=OFFER, reason="too_far"),
    OfferExpired(incident_id=INCIDENT, offer_id=OFFER),
    OfferWithdrawn(incident_id=INCIDENT, offer_id=OFFER, reason="slot_taken"),
)


def made() -> Offer:
    event = OfferMade(
        incident_id=INCIDENT,
        offer_id=OFFER,
        slot=SlotNo(1),
        rung=1,
        team_id=TeamId(UUID(int=4)),
        expires_at=T0 + timedelta(seconds=90),
    )
    return evolve_offer(None, event, T0)


def test_every_answer_is_in_the_table_and_only_a_pending_offer_takes_one() -> None:
    answers = set(get_args(OfferEvent)) - {OfferMade}
    assert {event for _, event in TRANSITIONS} == answers == {type(a) for a in ANSWERS}
    assert {state for state, _ in TRANSITIONS} == {OfferState.PENDING}
    assert set(TRANSITIONS.values()) == set(OfferState) - {OfferState.PENDING}


@pytest.mark.parametrize("second", ANSWERS, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize("first", ANSWERS, ids=lambda a: type(a).__name__)
def test_an_offer_is_answered_once(first: OfferEvent, second: OfferEvent) -> None:
    answered = evolve_offer(made(), first, T0 + timedelta(seconds=5))
    assert not answered.is_pending
    assert answered.answered_at == T0 + timedelta(seconds=5)
    with pytest.raises(IllegalTransition):
        evolve_offer(answered, second, T0 + timedelta(seconds=6))


def test_an_answer_without_an_offer_is_a_fault_of_the_writer() -> None:
    with pytest.raises(AssertionError):
        evolve_offer(None, ANSWERS[0], T0)


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    def take(state: OfferState, event: OfferEvent) -> OfferState:
        return evolve_offer(msgspec.structs.replace(made(), state=state), event, T0).state

    assert_total(TRANSITIONS, OfferState, ANSWERS, take)
    final = [state for state in OfferState if state is not OfferState.PENDING]
    assert_reachable(TRANSITIONS, OfferState.PENDING, final, OfferState)


@given(st.lists(st.sampled_from(ANSWERS), max_size=8))
def test_the_first_answer_stands_whatever_comes_after(answers: list[OfferEvent]) -> None:
    offer = made()
    for number, answer in enumerate(answers):
        try:
            offer = evolve_offer(offer, answer, T0 + timedelta(seconds=number))
        except IllegalTransition:
            continue
        assert number == 0
    assert offer.is_pending == (not answers) == (offer.answered_at is None)
    if answers:
        assert offer.state is TRANSITIONS[OfferState.PENDING, type(answers[0])]
        assert offer.answered_at == T0
