"""Who should be asked first: all teams of the county compared for one slot of one incident.

The order is that of travel time, shortened by what a met soft need is worth. Teams that arrive in
time come before those that don't: no soft need is worth the deadline. Then, once, the first place
may go to another team on time and nearly as fast, whose departure costs the county less coverage.
The fastest team is always marked. Must not know the database, offers' windows or who decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan

import msgspec
import numpy as np
from numpy.typing import NDArray

from crisis.board import Board
from crisis.eligibility import SHARED_MEMO, Asking
from crisis.ids import SlotNo, TeamId
from crisis.incident.state import Incident
from crisis.offer import LocatedBy
from crisis.policy import CountyPolicy
from crisis.reasons import Reason, ReasonCode
from crisis.rules import Rules
from crisis.standards import local_day, response_standard
from crisis.team import Team
from dispatch.choose import coverage
from dispatch.choose.against import Against, occurring
from dispatch.choose.fleet import Fleet, Fleets, Rows, microseconds
from dispatch.choose.recommendation import (
    Adjustment,
    Candidate,
    Excluded,
    Possible,
    Recommendation,
    TieBreak,
)
from dispatch.choose.where import Where, located
from geo.fix import Fix
from geo.point import Floats, Point
from geo.travel import CalibratedEstimate, Drives, Travel

#: How many partial teams are shown where none is valid.
NEAR_MISSES = 5
#: Only so many leaders are compared by coverage.
MOST_COMPARED = 16
#: A gain in coverage below half a percent is within the measure's own error.
LEAST_GAIN = 0.005

_NO_POSITION = (
    Reason(code=ReasonCode.NO_POSITION, sentence="No fresh position, and no base to take instead."),
)
_SHIFT_ENDS_FIRST = (
    Reason(
        code=ReasonCode.SHIFT_ENDS_FIRST,
        sentence="Its shift ends before it can arrive.",
        hard=False,
    ),
)
_SECOND_MISSING = ReasonCode.SECOND_MEMBER_MISSING
_ASKED_BEFORE = frozenset({ReasonCode.DECLINED_BEFORE, ReasonCode.EXPIRED_BEFORE})
#: How far a reason keeps a team from going: 0 = a crew, zone or position to mend.
_FAR_OFF: Mapping[str, int] = {
    ReasonCode.BUSY_OFFER: 1,
    ReasonCode.BUSY_RUN: 1,
    ReasonCode.UNAVAILABLE: 2,
    ReasonCode.ENDING: 2,
    ReasonCode.OFF_SHIFT: 3,
    ReasonCode.LENT: 4,
    ReasonCode.RETIRED: 4,
}
#: Where nobody drives to.
_ANYWHERE = Point(lat_deg=0.0, lon_deg=0.0)

_SHARED_FLEETS = Fleets(SHARED_MEMO)


def rank(
    board: Board,
    incident: Incident,
    slot: SlotNo,
    fixes: Mapping[TeamId, Fix],
    now: datetime,
    rules: Rules,
    *,
    travel: Travel = CalibratedEstimate,
    limit: int | None = None,
    memo: Fleets | None = None,
) -> Recommendation:
    """Compare all teams of the county for one slot.

    Every team stands exactly once in ``candidates``, ``possible`` or ``excluded``. The same
    arguments give the same answer, whatever the order of the board's mappings.

    Args:
        slot: of the incident; that it needs a team is the caller's to know.
        fixes: newest believed fix of each team that has one.
        now: the county's instant.
        rules: those that the incident runs under; the policy's numbers make the drives.
        travel: asked once, for the teams that could go.
        limit: cuts each list to so many, >= 1, and keeps the fastest; counts stay whole. ``None`` =
            all.
        memo: what was worked out before; ``None`` = the process's own.
    """
    policy = rules.policy
    held = memo or _SHARED_FLEETS
    asking = Asking(board, incident, slot, now, rules, held.crews)
    fleet = held.of(board, asking)
    where = located(fleet, fixes, policy.fixes, now)
    against = Against(asking, fleet)
    against.also(np.flatnonzero(np.isnan(where.points.lat_deg)), _NO_POSITION)
    valid, nearly, barred = _sorted_out(against, by_telehealth=policy.telehealth.allowed)
    drives = _drives(asking, travel, where, np.concatenate((valid, nearly)), now)

    # A point that is a slip, or that nobody of this county serves, must not look like an answer.
    is_far = drives.eta_s > policy.matching.longest_travel_s
    far = np.concatenate((valid[is_far[valid]], nearly[is_far[nearly]]))
    against.also(far, (_too_far(policy.matching.longest_travel_s),))
    valid, nearly = valid[~is_far[valid]], nearly[~is_far[nearly]]

    due_s = None if incident.due_at is None else (incident.due_at - now).total_seconds()
    told = _Told(fleet, where, against, drives, due_s)
    ends_first = (fleet.ends_us[valid] - microseconds(now)) / 1e6 < drives.eta_s[valid]
    against.also(valid[ends_first], _SHIFT_ENDS_FIRST)
    order = _Order.of(told, valid, _Worth(asking))
    fastest = order.fastest(drives)
    tie_break = _break_tie(asking, incident, told, order, now)
    candidates = told.candidates(order, fastest, limit)
    methods = drives.methods(np.concatenate((valid, nearly)))
    best_s = None if fastest is None else float(drives.eta_s[fastest])
    nearly = nearly[np.argsort(drives.eta_s[nearly], kind="stable")]
    shut_out, guessed_s = _shut_out(asking, told, np.concatenate((barred, far)), now)
    near_misses = np.concatenate((nearly, shut_out[:NEAR_MISSES]))[:NEAR_MISSES]
    return Recommendation(
        incident_id=incident.id,
        slot=slot,
        board_seq=board.seq,
        incident_version=incident.version,
        at=now,
        due_at=incident.due_at,
        policy_version=policy.version,
        travel_parameters=f"{policy.travel.name} {policy.travel.version}",
        travel_methods=methods,
        codes_version=rules.codes.catalogue.version,
        standards_version=rules.standards.version,
        place_known=asking.point is not None,
        needs=asking.needs,
        teams=len(board.teams),
        eligible=len(valid),
        candidates=tuple(candidates),
        fastest=None if fastest is None else fleet.ids[fastest],
        possible=tuple(told.possible(nearly[:limit], best_s, policy)),
        near_misses=() if len(valid) else tuple(fleet.ids[row] for row in near_misses.tolist()),
        excluded=tuple(told.excluded(shut_out[:limit], guessed_s)),
        counts=against.counts(np.concatenate((nearly, shut_out))),
        tie_break=tie_break,
    )


def _sorted_out(against: Against, *, by_telehealth: bool) -> tuple[Rows, Rows, Rows]:
    """Split all teams: those that may go, those that lack only a second member, and the rest."""

    def group(reasons: tuple[Reason, ...]) -> int:
        hard = [reason.code for reason in reasons if reason.hard]
        if not hard:
            return 0
        return 1 if by_telehealth and hard == [_SECOND_MISSING] else 2

    groups = against.judged(group)
    return np.flatnonzero(groups == 0), np.flatnonzero(groups == 1), np.flatnonzero(groups == 2)


def _drives(asking: Asking, travel: Travel, where: Where, rows: Rows, now: datetime) -> Drives:
    """Return the drives of the teams in ``rows``, by row; none where the place isn't known."""
    point, policy = asking.point, asking.rules.policy
    rows = rows if point is not None else rows[:0]
    model = travel(policy.travel)
    to = point or _ANYWHERE
    return model.many_to_one(where.points.at(rows), to, now).among(rows, len(where.points))


def _too_far(longest_s: float) -> Reason:
    hours = f"{longest_s / 3600:g}"
    sentence = f"Too far: more than {hours} hours by road. Check the place."
    return Reason(code=ReasonCode.TOO_FAR, sentence=sentence)


class _SoftNeed(msgspec.Struct, frozen=True):
    """A soft need of the incident; ``seconds``: what it is worth, >= 0."""

    code: str
    label: str
    seconds: float
    by_contact: bool


class _Worth:
    """What a crew's met soft needs are worth, worked out once per combination."""

    def __init__(self, asking: Asking) -> None:
        policy = asking.rules.policy.matching
        self._asking = asking
        self._memo: dict[tuple[frozenset[str], bool], tuple[float, tuple[Adjustment, ...]]] = {}
        self._needs: list[_SoftNeed] = []
        for code in asking.soft:
            known = asking.rules.codes.find("need", code)
            attributes = {} if known is None else known.attributes
            by_contact = attributes.get("ranking") == "prior_contact"
            if by_contact and not asking.known_to:
                # Nobody knows which team it was: that no team is it can't be said.
                continue
            if by_contact:
                seconds = policy.prior_contact_worth_s
            elif "language" in attributes:
                seconds = policy.language_worth_s
            else:
                seconds = policy.soft_need_worth_s
            label = code if known is None else known.label
            self._needs.append(_SoftNeed(code, label, seconds, by_contact))

    def of(self, fleet: Fleet, rows: Rows) -> tuple[Floats, list[tuple[Adjustment, ...]]]:
        """Return the seconds to add to each team's drive, and what they are made of."""
        if not self._needs:
            return np.zeros(len(rows)), [()] * len(rows)
        kind = fleet.kind[rows]
        found = {number: self._of(fleet.kinds[number], False) for number in occurring(kind)}
        parts = [found[number] for number in kind.tolist()]
        known_to = [fleet.row_of[one] for one in self._asking.known_to if one in fleet.row_of]
        if known_to:
            for place in np.flatnonzero(np.isin(rows, known_to)).tolist():
                parts[place] = self._of(fleet.teams[rows[place]], True)
        return np.array([seconds for seconds, _ in parts]), [each for _, each in parts]

    def _of(self, team: Team, known: bool) -> tuple[float, tuple[Adjustment, ...]]:
        unmet = self._asking.crew(team).unmet
        found = self._memo.get((unmet, known))
        if found is None:
            found = self._memo[unmet, known] = self._adjust(unmet, known)
        return found

    def _adjust(self, unmet: frozenset[str], known: bool) -> tuple[float, tuple[Adjustment, ...]]:
        parts: list[Adjustment] = []
        for need in self._needs:
            is_met = known if need.by_contact else need.code not in unmet
            parts.append(
                Adjustment(
                    code=need.code,
                    seconds=-need.seconds if is_met else 0.0,
                    sentence=f"{need.label}: {'yes' if is_met else 'no'}.",
                    is_met=is_met,
                )
            )
        return sum(part.seconds for part in parts), tuple(parts)


@dataclass(slots=True)
class _Order:
    """The teams that may go, the one to ask first before the others.

    Those not asked before, then the others; each on time before late, then by score.

    Attributes:
        leaders: so many of them are on time and weren't asked before.
        coverage_loss: of those compared, by row.
    """

    rows: Rows
    score_s: Floats
    worth_s: Floats
    parts: list[tuple[Adjustment, ...]]
    asked: NDArray[np.bool_]
    leaders: int
    coverage_loss: dict[int, float]

    @classmethod
    def of(cls, told: _Told, rows: Rows, worth: _Worth) -> _Order:
        """Sort the teams; equal ones stay in the order in which they are."""
        worth_s, parts = worth.of(told.fleet, rows)
        eta_s = told.drives.eta_s[rows]
        score_s = np.nan_to_num(eta_s) + worth_s
        late = np.zeros(len(rows), np.bool_) if told.due_s is None else eta_s > told.due_s
        asked = told.against.judged(_was_asked)[rows] == 1
        order = np.lexsort((score_s, late, asked))
        return cls(
            rows=rows[order],
            score_s=score_s[order],
            worth_s=worth_s[order],
            parts=[parts[place] for place in order.tolist()],
            asked=asked[order],
            leaders=int((~asked & ~late).sum()),
            coverage_loss={},
        )

    def fastest(self, drives: Drives) -> int | None:
        """Return the row with the shortest drive; ``None`` where the place isn't known."""
        eta_s = drives.eta_s[self.rows]
        if not len(eta_s) or np.isnan(eta_s[0]):
            return None
        return int(self.rows[eta_s.argmin()])

    def put_first(self, place: int) -> None:
        """Let the team at ``place`` be asked first."""
        moved = np.concatenate(([place], np.delete(np.arange(len(self.rows)), place)))
        self.rows, self.score_s = self.rows[moved], self.score_s[moved]
        self.worth_s, self.asked = self.worth_s[moved], self.asked[moved]
        self.parts.insert(0, self.parts.pop(place))


def _was_asked(reasons: tuple[Reason, ...]) -> int:
    return int(any(reason.code in _ASKED_BEFORE for reason in reasons))


def _break_tie(
    asking: Asking, incident: Incident, told: _Told, order: _Order, now: datetime
) -> TieBreak | None:
    """Let coverage choose the first among those on time, nearly as fast, and as well suited.

    ``None`` = the order by score stands. Only the first place changes.
    """
    policy = asking.rules.policy
    window_s = policy.matching.coverage_tie_break_s
    near = _nearly_as_fast(told.drives.eta_s[order.rows], order, window_s)
    if len(near) < 2:
        return None
    standard = incident.standard or response_standard(
        incident.place.area_class, local_day(now, policy.tz()), asking.rules.standards
    )
    reach_s = standard.minutes * 60.0
    on_duty, busy = told.fleet.on_duty()
    compared, bases = order.rows[near], told.fleet.bases
    lost = coverage.losses(
        told.where.points.at(compared),
        told.where.points.at(order.rows),
        bases.at(~np.isnan(bases.lat_deg)),
        reach=coverage.reach_m(policy.travel, reach_s),
        busy=coverage.busy_share(busy, on_duty),
    )
    order.coverage_loss.update(zip(compared.tolist(), lost, strict=True))
    least = min(range(len(near)), key=lambda place: (lost[place], place))
    saved = lost[0] - lost[least]
    if saved < LEAST_GAIN:
        return None
    led = told.fleet.ids[order.rows[0]]
    order.put_first(int(near[least]))
    return TieBreak(
        team_id=told.fleet.ids[order.rows[0]],
        instead_of=led,
        saved=saved,
        window_s=window_s,
        busy_share=coverage.busy_share(busy, on_duty),
        reach_s=reach_s,
    )


def _nearly_as_fast(eta_s: Floats, order: _Order, window_s: float) -> Rows:
    """Return the places that coverage may choose from, the leader's first; empty = none.

    The leader by score must be among them: what a soft need won, coverage does not take away.
    """
    drives = eta_s[~order.asked]
    leaders = order.leaders if len(drives) and window_s > 0 else 0
    latest_s = drives.min() + window_s if leaders else 0.0
    is_near = (eta_s[:leaders] <= latest_s) & (order.worth_s[:leaders] <= order.worth_s[:1])
    near = np.flatnonzero(is_near)[:MOST_COMPARED]
    return near if len(near) and near[0] == 0 else near[:0]


def _shut_out(
    asking: Asking, told: _Told, rows: Rows, now: datetime
) -> tuple[Rows, Sequence[float | None]]:
    """Return the rows of teams that may not go, those nearest to it first, and their drives.

    The drives are estimates: a road engine is not asked about teams that can't go.
    """
    drives = _drives(asking, CalibratedEstimate, told.where, rows, now)
    far_off = told.against.judged(_far_off)[rows]
    # Sorted stably: of equal ones those that are only too far stand last. NaN counts as the most.
    order = np.lexsort((drives.eta_s[rows], far_off))
    guessed = [None if isnan(eta_s) else eta_s for eta_s in drives.eta_s.tolist()]
    return rows[order], guessed


def _far_off(reasons: tuple[Reason, ...]) -> int:
    return max([_FAR_OFF.get(reason.code, 0) for reason in reasons], default=0)


@dataclass(frozen=True, slots=True)
class _Told:
    """All that is told of a fleet's teams, by row, and the values that are made of it.

    ``due_s``: seconds left until the deadline; ``None`` = there is none.
    """

    fleet: Fleet
    where: Where
    against: Against
    drives: Drives
    due_s: float | None

    def candidates(self, order: _Order, fastest: int | None, limit: int | None) -> list[Candidate]:
        """Return the first ``limit`` that may go, and the fastest."""
        places = np.arange(len(order.rows))
        kept = places[:limit]
        if fastest is not None and fastest not in order.rows[kept]:
            kept = np.append(kept, np.flatnonzero(order.rows == fastest))
        rows, due_s, lost = order.rows[kept], self.due_s, order.coverage_loss
        return [
            Candidate(
                team_id=self.fleet.ids[row],
                score_s=score_s,
                travel=drive,
                located_by=by,
                on_time=None if drive is None or due_s is None else drive.eta_s <= due_s,
                surely_on_time=None
                if drive is None or due_s is None
                else drive.high_s <= due_s and by is LocatedBy.FIX,
                is_fastest=row == fastest,
                asked_before=asked,
                fix_age_s=self.where.fix_age_s[row],
                adjustments=order.parts[place],
                reasons=reasons,
                coverage_loss=lost.get(row),
            )
            for place, row, score_s, asked, drive, by, reasons in zip(
                kept.tolist(),
                rows.tolist(),
                order.score_s[kept].tolist(),
                order.asked[kept].tolist(),
                self.drives.each(rows),
                self.where.by(rows),
                self.against.told(rows),
                strict=True,
            )
        ]

    def possible(self, rows: Rows, best_s: float | None, policy: CountyPolicy) -> list[Possible]:
        """Return those that lack only a second member; ``best_s``: the fastest drive of others."""
        marked_s = policy.telehealth.marked_delay_s
        found = []
        for row, drive, by, reasons in zip(
            rows.tolist(),
            self.drives.each(rows),
            self.where.by(rows),
            self.against.told(rows),
            strict=True,
        ):
            saves_s = None if drive is None or best_s is None else best_s - drive.eta_s
            found.append(
                Possible(
                    team_id=self.fleet.ids[row],
                    travel=drive,
                    located_by=by,
                    # Without any valid team the wait has no end in sight.
                    delay_is_marked=best_s is None or (saves_s is not None and saves_s >= marked_s),
                    on_time=None
                    if drive is None or self.due_s is None
                    else drive.eta_s <= self.due_s,
                    saves_s=saves_s,
                    fix_age_s=self.where.fix_age_s[row],
                    reasons=reasons,
                )
            )
        return found

    def excluded(self, rows: Rows, guessed_s: Sequence[float | None]) -> list[Excluded]:
        """Return those that may not go."""
        ids = self.fleet.ids
        return [
            Excluded(team_id=ids[row], reasons=reasons, eta_s=guessed_s[row])
            for row, reasons in zip(rows.tolist(), self.against.told(rows), strict=True)
        ]
