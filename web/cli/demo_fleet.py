"""What a demonstration's fleet could do: how busy it was, and why some people waited too long.

Decides which cause a late response has, by looking at the board again and again while it goes on.
Must not know clocks or the database; who looks says when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from crisis.assignment import Status
from crisis.board import Board
from crisis.incident.state import Incident, IncidentState
from crisis.offer import OfferState
from crisis.team import Duty
from dispatch.reports.figures import Response


class Cause(StrEnum):
    """Why a response was late; the words are those that are printed."""

    FLEET = "waited for a free team"
    DRIVE = "had a long drive"
    ASKED_AGAIN = "had teams decline or not answer"
    OTHER = "for another reason"


@dataclass(slots=True)
class _Seen:
    """What was seen of an incident.

    Attributes:
        without: how long it waited while no team was free.
        drive: of the run that takes longest, so far.
        refused: offers that were declined or expired.
    """

    without: timedelta = timedelta()
    drive: timedelta = timedelta()
    refused: int = 0


@dataclass(slots=True)
class Fleet:
    """What was seen of the teams and of those who waited for them; fed by ``look``."""

    _seen: dict[UUID, _Seen] = field(default_factory=dict)
    _offers: dict[UUID, str] = field(default_factory=dict)
    _looked_at: datetime | None = None
    _span: timedelta = timedelta()
    _on_duty: timedelta = timedelta()
    _out: timedelta = timedelta()

    def look(self, board: Board, now: datetime) -> None:
        """Take in the board at ``now``; call it often, and with instants that don't go back."""
        since = timedelta() if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        on_duty = [team for team in board.teams.values() if team.duty is not Duty.OFF_SHIFT]
        self._span += since
        self._on_duty += since * len(on_duty)
        self._out += since * sum(team.run is not None for team in on_duty)
        is_any_free = any(team.is_free for team in on_duty)
        for incident in board.incidents.values():
            if incident.state is IncidentState.DETERMINED:
                self._look_at(incident, now, timedelta() if is_any_free else since)

    def _look_at(self, incident: Incident, now: datetime, without: timedelta) -> None:
        seen = self._seen.setdefault(incident.id, _Seen())
        if not incident.open_runs and incident.first_on_scene_at is None:
            seen.without += without
        self._offers.update((offer.id, offer.state.value) for offer in incident.offers)
        ended = (OfferState.DECLINED, OfferState.EXPIRED)
        seen.refused = sum(offer.state in ended for offer in incident.offers)
        for run in incident.assignments:
            left = run.milestones.get(Status.EN_ROUTE)
            if left is not None:
                there = run.milestones.get(Status.ON_SCENE, now)
                seen.drive = max(seen.drive, there - left)

    @property
    def offers(self) -> Counter[str]:
        """How many offers were last seen in which state."""
        return Counter(self._offers.values())

    @property
    def busy(self) -> str:
        """How many teams were on duty on the mean, and how much of it they were out."""
        if not self._on_duty:
            return "no team was on duty"
        mean, out = self._on_duty / self._span, self._out / self._on_duty
        return f"{mean:.1f} on duty on the mean, out {100 * out:.0f} % of that time"

    def causes(self, responses: Iterable[Response], now: datetime) -> Counter[str]:
        """Return why those responses that are late by ``now`` are."""
        found: Counter[str] = Counter()
        for one in responses:
            if one.due_at is not None and one.determined_at is not None and is_late(one, now):
                late = (one.arrived_at or one.ended_at or now) - one.due_at
                found[self._cause(one.incident_id, late, one.due_at - one.determined_at)] += 1
        return found

    def _cause(self, incident_id: UUID, late: timedelta, standard: timedelta) -> Cause:
        seen = self._seen.get(incident_id, _Seen())
        if seen.without >= late:
            return Cause.FLEET
        if seen.drive > standard / 2:
            return Cause.DRIVE
        if seen.without > standard / 4:
            return Cause.FLEET
        return Cause.ASKED_AGAIN if seen.refused else Cause.OTHER


def is_late(response: Response, now: datetime) -> bool:
    """Whether nobody came by the deadline, although the need went on until then."""
    due_at = response.due_at
    if due_at is None or response.excluded_setting:
        return False
    if response.arrived_at is not None:
        return response.arrived_at > due_at
    return (response.ended_at or now) > due_at
