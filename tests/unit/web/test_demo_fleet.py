"""Why a demonstration's late responses were late: the fleet, the way, or who was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dispatch.reports.figures import Response
from web.cli.demo_fleet import Cause, Fleet, _Seen, is_late

NOW = datetime(2026, 11, 2, 18, tzinfo=UTC)
ONE = UUID(int=1)


def response(arrived_min: float | None, ended_min: float | None = None) -> Response:
    """One whose hour ends at NOW; minutes after the determination."""
    began = NOW - timedelta(hours=1)
    return Response(
        incident_id=ONE,
        number=1,
        area_class="urban",
        standard_minutes=60,
        determined_at=began,
        due_at=NOW,
        arrived_at=None if arrived_min is None else began + timedelta(minutes=arrived_min),
        reached_at=None,
        state="determined",
        outcome=None,
        reason=None,
        ended_at=None if ended_min is None else began + timedelta(minutes=ended_min),
        excluded_setting=False,
        entered_afterwards=False,
    )


@pytest.mark.parametrize(
    ("arrived_min", "ended_min", "expected"),
    [
        (59, None, False),
        (61, None, True),
        (None, None, True),
        (None, 30, False),  # cancelled in time: nobody waited for long
        (None, 90, True),
    ],
)
def test_who_was_not_there_by_the_deadline_is_late_unless_the_need_had_ended(
    arrived_min: float | None, ended_min: float | None, *, expected: bool
) -> None:
    assert is_late(response(arrived_min, ended_min), NOW + timedelta(minutes=30)) is expected


@pytest.mark.parametrize(
    ("without_min", "drive_min", "refused", "expected"),
    [
        (25, 20, 0, Cause.FLEET),
        (0, 40, 3, Cause.DRIVE),
        (16, 20, 0, Cause.FLEET),
        (0, 20, 3, Cause.ASKED_AGAIN),
        (0, 20, 0, Cause.OTHER),
    ],
)
def test_a_late_response_has_the_cause_without_which_it_would_have_been_in_time(
    without_min: float, drive_min: float, refused: int, expected: Cause
) -> None:
    fleet = Fleet()
    fleet._seen[ONE] = _Seen(
        without=timedelta(minutes=without_min),
        drive=timedelta(minutes=drive_min),
        refused=refused,
    )
    late = [response(80), response(20)]
    assert fleet.causes(late, NOW + timedelta(hours=1)) == {expected: 1}


def test_a_fleet_that_nobody_looked_at_says_so() -> None:
    assert Fleet().busy == "no team was on duty"
