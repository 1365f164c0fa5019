"""Where a team's run stands: every status in one table, and all that follows from it.

    accepted → en_route → [staged] → on_scene → contact → assessed
      → [transporting → at_destination → handed_off] → cleared → ready | diverted | cancelled

Decides the order of a run, what may be said from where, and what must be said along with it. A new
status is a row of the table, and its words. Pages have the same table (``WAYS``), so that nothing
of it is said twice. Must not know runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from crisis.shapes import Value


class Status(StrEnum):
    """Where a run stands; also what a team may report. Written in the order of a run."""

    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    STAGED = "staged"
    ON_SCENE = "on_scene"
    CONTACT = "contact"
    ASSESSED = "assessed"
    TRANSPORTING = "transporting"
    AT_DESTINATION = "at_destination"
    HANDED_OFF = "handed_off"
    CLEARED = "cleared"
    READY = "ready"
    DIVERTED = "diverted"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """How far a status says that the team has come."""

    COMING = "coming"
    THERE = "there"
    DONE = "done"
    CALLED_OFF = "called_off"


class StatusNeed(StrEnum):
    """What must be said along with a status, by its field in ``ReportStatus``."""

    #: Unless the crew has read the hazards, or there are none.
    BRIEFED_BY = "briefed_by"
    STAGING_REASON = "staging_reason"
    CLEARED_SCENE_BY = "cleared_scene_by"


#: StatusNeed → the code set that its answer is from.
NEED_SETS: Mapping[StatusNeed, str] = {
    StatusNeed.BRIEFED_BY: "spoken_by",
    StatusNeed.STAGING_REASON: "staging_reason",
    StatusNeed.CLEARED_SCENE_BY: "scene_cleared_by",
}


class _Row(Value, frozen=True, kw_only=True):
    """What one status says of the team.

    Attributes:
        usual: what a crew mostly says next; ``None`` = nothing comes after it.
        is_aside: a side step: it stands outside the order, level with the status before it.
        is_over: the team may be asked again.
        may_stage: from here a team may draw back and wait aside.
        may_clear: from here the next word may well be that the team is done.
        asks: what must be said by whoever says this.
        asks_to_enter: what must be said by whoever goes on from here to the scene.
        check_in: the stage whose interval its check-ins follow; ``None`` = nobody asks after the
            crew.
    """

    stage: Stage
    check_in: str | None
    usual: Status | None = None
    is_aside: bool = False
    is_over: bool = False
    may_stage: bool = False
    may_clear: bool = False
    asks: StatusNeed | None = None
    asks_to_enter: StatusNeed | None = None


_TABLE: Mapping[Status, _Row] = {
    # Nobody asks after a crew that hasn't left: a mark tells that.
    Status.ACCEPTED: _Row(stage=Stage.COMING, check_in=None, usual=Status.EN_ROUTE, may_stage=True),
    Status.EN_ROUTE: _Row(
        stage=Stage.COMING,
        usual=Status.ON_SCENE,
        may_stage=True,
        asks=StatusNeed.BRIEFED_BY,
        check_in="en_route",
    ),
    # A staged crew stands near an unsafe scene: it is asked as often as one on scene.
    Status.STAGED: _Row(
        stage=Stage.COMING,
        usual=Status.ON_SCENE,
        is_aside=True,
        asks=StatusNeed.STAGING_REASON,
        asks_to_enter=StatusNeed.CLEARED_SCENE_BY,
        check_in="on_scene",
    ),
    Status.ON_SCENE: _Row(
        stage=Stage.THERE,
        usual=Status.CONTACT,
        may_stage=True,
        may_clear=True,
        check_in="on_scene",
    ),
    Status.CONTACT: _Row(
        stage=Stage.THERE,
        usual=Status.ASSESSED,
        may_stage=True,
        may_clear=True,
        check_in="on_scene",
    ),
    Status.ASSESSED: _Row(
        stage=Stage.THERE, usual=Status.CLEARED, may_clear=True, check_in="on_scene"
    ),
    Status.TRANSPORTING: _Row(stage=Stage.THERE, usual=Status.AT_DESTINATION, check_in="transport"),
    Status.AT_DESTINATION: _Row(
        stage=Stage.THERE, usual=Status.HANDED_OFF, may_clear=True, check_in="transport"
    ),
    # It is still away from its base, with strangers, until it is clear.
    Status.HANDED_OFF: _Row(
        stage=Stage.THERE, usual=Status.CLEARED, may_clear=True, check_in="transport"
    ),
    Status.CLEARED: _Row(stage=Stage.DONE, check_in=None, usual=Status.READY),
    Status.READY: _Row(stage=Stage.DONE, check_in=None, is_over=True),
    Status.DIVERTED: _Row(stage=Stage.CALLED_OFF, check_in=None, is_over=True),
    Status.CANCELLED: _Row(stage=Stage.CALLED_OFF, check_in=None, is_over=True),
}


def _of(*stages: Stage) -> frozenset[Status]:
    return frozenset(status for status, row in _TABLE.items() if row.stage in stages)


#: It has not reached the scene; ``UNDERWAY``: ... and has left for it.
COMING = _of(Stage.COMING)
UNDERWAY = COMING - {Status.ACCEPTED}
#: Statuses that say that the team was at the scene.
ARRIVED = _of(Stage.THERE)
#: The team did what it came for.
DONE = _of(Stage.DONE)
CALLED_OFF = _of(Stage.CALLED_OFF)
#: With any of them the team belongs to its run no more.
LEFT = DONE | CALLED_OFF
#: The run is over: the team may be asked again.
ENDED = frozenset(status for status, row in _TABLE.items() if row.is_over)

#: What a run comes through when nobody calls it off; who stages does so before the scene.
ORDER: tuple[Status, ...] = tuple(status for status in Status if status not in CALLED_OFF)
#: The same without the side step.
RUN: tuple[Status, ...] = tuple(status for status in ORDER if not _TABLE[status].is_aside)
#: Statuses that a team reports by ``StatusReported`` (the others have commands of their own).
REPORTABLE = frozenset(ORDER) - {Status.ACCEPTED}
#: State of a run → the stage whose interval its check-ins follow; absent = no check-ins.
CHECK_INS: Mapping[Status, str] = {
    status: row.check_in for status, row in _TABLE.items() if row.check_in is not None
}


def _rank(status: Status) -> int:
    """Return how far along the order it lies; a side step lies level with what is before it."""
    while _TABLE[status].is_aside:
        status = ORDER[ORDER.index(status) - 1]
    return RUN.index(status)


def _after(state: Status, reported: Status) -> Status:
    if state in CALLED_OFF:
        return state
    if _TABLE[reported].is_aside:
        return reported if _TABLE[state].may_stage else state
    return reported if _rank(reported) > _rank(state) else state


#: (state, reported status) → state. Total over what may be reported: a late report keeps the state.
TRANSITIONS: Mapping[tuple[Status, Status], Status] = {
    (state, reported): _after(state, reported) for state in Status for reported in REPORTABLE
}


def _what_follows() -> Mapping[Status, frozenset[Status]]:
    """Return for each status those that lie at its instant or after it.

    A team stands aside at any time between its acceptance and its leaving.
    """
    after = {status: frozenset(RUN[place + 1 :]) for place, status in enumerate(RUN)}
    after[Status.STAGED] = DONE
    for status in COMING | ARRIVED:
        after[status] |= CALLED_OFF
    after[Status.ACCEPTED] |= {Status.STAGED}
    return after | dict.fromkeys(CALLED_OFF, frozenset())


#: Status → what may not lie before it. Steps may be missing, none may lie out of this order.
FOLLOWS = _what_follows()


def needs(state: Status, status: Status) -> tuple[StatusNeed, ...]:
    """Return what must be said along with a status that moves a run on from ``state``."""
    asked = [_TABLE[status].asks]
    if status in ARRIVED:
        asked.append(_TABLE[state].asks_to_enter)
    return tuple(need for need in asked if need is not None)


class Way(Value, frozen=True, kw_only=True):
    """How a run goes on from a status, as pages are told.

    Attributes:
        usual, is_aside, is_over, may_stage, may_clear: see the table.
        ahead: what may be said next, in order; what ends a run has acts of its own.
        needs: status → what must be said along with it from here.
    """

    stage: Stage
    usual: Status | None
    is_aside: bool
    is_over: bool
    may_stage: bool
    may_clear: bool
    ahead: tuple[Status, ...]
    needs: dict[Status, tuple[StatusNeed, ...]]


def _way(status: Status) -> Way:
    row = _TABLE[status]
    ahead: tuple[Status, ...] = ()
    if status is Status.CLEARED:
        ahead = (Status.READY,)
    elif status not in LEFT:
        ahead = tuple(s for s in RUN if s not in LEFT and _rank(s) > _rank(status))
    said = (*ahead, Status.STAGED) if row.may_stage else ahead
    return Way(
        stage=row.stage,
        usual=row.usual,
        is_aside=row.is_aside,
        is_over=row.is_over,
        may_stage=row.may_stage,
        may_clear=row.may_clear,
        ahead=ahead,
        needs={s: asked for s in said if (asked := needs(status, s))},
    )


#: The table for the pages.
WAYS: Mapping[Status, Way] = {status: _way(status) for status in Status}
