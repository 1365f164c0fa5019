"""A partner's response: the table, and what no sequence of events can break."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import IllegalTransition
from crisis.ids import IncidentId, PartnerResponseId, RecordId
from crisis.partner import (
    CLOSED_PARTNER_STATES,
    TRANSITIONS,
    PartnerAcknowledged,
    PartnerArrived,
    PartnerEvent,
    PartnerLeft,
    PartnerNotComing,
    PartnerRequested,
    PartnerResponse,
    PartnerState,
    evolve_partner,
)
from tests.unit.crisis.tables import assert_about, assert_reachable, assert_total

INCIDENT = IncidentId(UUID(int=1))
ID = PartnerResponseId(UUID(int=2))
RECORD = RecordId(UUID(int=3))
T0 = datetime(2026, 3, 2, 18, tzinfo=UTC)
STEPS: tuple[PartnerEvent, ...] = (
    PartnerAcknowledged(incident_id=INCIDENT, partner_id=ID, record=RECORD),
    PartnerArrived(incident_id=INCIDENT, partner_id=ID),
    PartnerLeft(incident_id=INCIDENT, partner_id=ID, outcome="handed_to_team"),
    PartnerNotComing(incident_id=INCIDENT, partner_id=ID, reason="busy"),
)


def requested() -> PartnerResponse:
    return evolve_partner(
        None,
        PartnerRequested(incident_id=INCIDENT, partner_id=ID, kind="ems", reason="medical"),
        T0,
    )


def test_the_table_is_about_partners_and_leads_everywhere() -> None:
    assert_about(TRANSITIONS, PartnerState, set(get_args(PartnerEvent)) - {PartnerRequested})
    assert_reachable(TRANSITIONS, PartnerState.REQUESTED, CLOSED_PARTNER_STATES, PartnerState)


def test_every_step_outside_the_table_is_refused_by_name() -> None:
    def take(state: PartnerState, event: PartnerEvent) -> PartnerState:
        return evolve_partner(msgspec.structs.replace(requested(), state=state), event, T0).state

    assert_total(TRANSITIONS, PartnerState, STEPS, take)


def test_a_reference_that_comes_after_the_arrival_is_kept_without_going_back() -> None:
    arrived = evolve_partner(requested(), STEPS[1], T0)
    told = evolve_partner(arrived, STEPS[0], T0 + timedelta(minutes=1))
    assert told.state is PartnerState.ARRIVED
    assert told.record == RECORD and told.acknowledged_at is not None


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_a_closed_response_stays_as_it_ended(events: list[PartnerEvent]) -> None:
    partner = requested()
    for minute, event in enumerate(events):
        before = partner
        try:
            partner = evolve_partner(partner, event, T0 + timedelta(minutes=minute))
        except IllegalTransition:
            continue
        assert before.is_open
        assert (partner.ended_at is None) == partner.is_open
        if not partner.is_open:
            assert partner.outcome in {"handed_to_team", "busy"}
