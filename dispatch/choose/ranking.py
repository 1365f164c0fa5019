"""Who should be asked first: all teams of the county compared for one slot of one incident.

The order is that of travel time, shortened by what a met soft need is worth. Teams that arrive in
time come before those that don't: no soft need is worth the deadline. Then, once, the first place
may go to another team on time and nearly as fast, whose departure costs the county less coverage.
The fastest team is always marked. Must not know the database, offers' windows or who decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import inf

import msgspec

from crisis.board import Board
from crisis.eligibility import SHARED_MEMO, Asking, CrewMemo
from crisis.ids import SlotNo, TeamId
from crisis.incident.state import Incident
from crisis.offer import LocatedBy
from crisis.policy import CountyPolicy
from crisis.reasons import Reason, ReasonCode
from crisis.rules import Rules
from crisis.standards import local_day, response_standard
from crisis.team import Duty, Team
from dispatch.choose import coverage
from dispatch.choose.recommendation import (
    Adjustment,
    Candidate,
    Excluded,
    Possible,
    Recommendation,
    TieBreak,
)
from geo.fix import Fix, age_s
from geo.point import Point
from geo.travel import CalibratedEstimate, Travel, TravelTime

#: Below this a team stands: its phone reports seldom, and its fix stays good for longer.
STANDING_MPS = 1.0
#: How many partial teams are shown where none is valid.
NEAR_MISSES = 5
#: Only so many leaders are compared by coverage.
MOST_COMPARED = 16
#: A gain in coverage below half a percent is within the measure's own error.
LEAST_GAIN = 0.005

_NO_POSITION = (
    Reason(code=ReasonCode.NO_POSITION, sentence="No fresh position, and no base to take instead."),
)
_SHIFT_ENDS_FIRST = Reason(
    code=ReasonCode.SHIFT_ENDS_FIRST, sentence="Its shift ends before it can arrive.", hard=False
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
_FARTHEST_OFF = max(_FAR_OFF.values())


class _Located(msgspec.Struct, frozen=True, gc=False):
    """A team, everything that speaks against it, and where it is (``point`` ``None`` = unknown)."""

    team: Team
    reasons: tuple[Reason, ...]
    point: Point | None
    by: LocatedBy
    fix: Fix | None


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
    memo: CrewMemo | None = None,
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
        memo: crews judged before; ``None`` = the process's own.
    """
    asking = Asking(board, incident, slot, now, rules, memo or SHARED_MEMO)
    valid, nearly, barred = _sorted_out(asking, board, fixes, now)
    drives = _drives(asking, travel, [*valid, *nearly], now)
    valid, nearly, drives, far = _within(valid, nearly, drives, rules.policy)
    barred += far
    due_s = None if incident.due_at is None else (incident.due_at - now).total_seconds()

    worth = _Worth(asking)
    judged = zip(valid, drives, strict=False)
    candidates = _in_order([_candidate(one, drive, due_s, worth, now) for one, drive in judged])
    fastest = _mark_fastest(candidates)
    tie_break = _break_tie(asking, incident, candidates, valid, board, now)
    best_s = fastest.travel.eta_s if fastest is not None and fastest.travel is not None else None
    possible = [
        _possible(one, drive, due_s, best_s, rules, now)
        for one, drive in zip(nearly, drives[len(valid) :], strict=True)
    ]
    possible.sort(key=lambda one: inf if one.travel is None else one.travel.eta_s)
    excluded, misses = _excluded(asking, barred, now)

    policy = rules.policy
    return Recommendation(
        incident_id=incident.id,
        slot=slot,
        board_seq=board.seq,
        incident_version=incident.version,
        at=now,
        due_at=incident.due_at,
        policy_version=policy.version,
        travel_parameters=f"{policy.travel.name} {policy.travel.version}",
        travel_methods=tuple(sorted({d.method for d in drives if d is not None})),
        codes_version=rules.codes.catalogue.version,
        standards_version=rules.standards.version,
        place_known=asking.point is not None,
        needs=asking.needs,
        teams=len(board.teams),
        eligible=len(candidates),
        candidates=_cut(candidates, limit),
        fastest=None if fastest is None else fastest.team_id,
        possible=tuple(possible[:limit]),
        near_misses=(() if candidates else (*(p.team_id for p in possible), *misses)[:NEAR_MISSES]),
        excluded=tuple(excluded[:limit]),
        counts=_counts((*nearly, *barred)),
        tie_break=tie_break,
    )


def _sorted_out(
    asking: Asking, board: Board, fixes: Mapping[TeamId, Fix], now: datetime
) -> tuple[list[_Located], list[_Located], list[_Located]]:
    """Split all teams: those that may go, those that lack only a second member, and the rest."""
    policy = asking.rules.policy.fixes
    moving_since = now - timedelta(seconds=policy.stale_after_s)
    standing_since = now - timedelta(seconds=policy.stale_standing_after_s)
    by_telehealth = asking.rules.policy.telehealth.allowed
    valid: list[_Located] = []
    nearly: list[_Located] = []
    barred: list[_Located] = []
    # By id, and sorted stably ever after: equal teams stand in the same order on every node.
    for team in sorted(board.teams.values(), key=lambda team: team.id.int):
        reasons = asking.why_not(team)
        fix = fixes.get(team.id)
        point, by = None, LocatedBy.FIX
        if fix is not None:
            speed = fix.speed_mps
            stands = speed is not None and speed < STANDING_MPS
            if fix.fixed_at >= (standing_since if stands else moving_since):
                point = fix.point
            elif stands and not (team.ran_at is not None and team.ran_at > fix.fixed_at):
                # Parked: a phone with its screen locked says nothing more.
                point, by = fix.point, LocatedBy.LAST_FIX
        if point is None and policy.base_when_stale:
            point, by = team.base, LocatedBy.BASE
        if point is None:
            reasons += _NO_POSITION
        one = _Located(team, reasons, point, by, fix)
        hard = [reason for reason in reasons if reason.hard] if reasons else ()
        if not hard:
            valid.append(one)
        elif by_telehealth and len(hard) == 1 and hard[0].code == _SECOND_MISSING:
            nearly.append(one)
        else:
            barred.append(one)
    return valid, nearly, barred


def _drives(
    asking: Asking, travel: Travel, teams: Sequence[_Located], now: datetime
) -> Sequence[TravelTime | None]:
    origins = [one.point for one in teams if one.point is not None]
    if asking.point is None or not origins:
        return [None] * len(teams)
    return travel(asking.rules.policy.travel).many_to_one(origins, asking.point, now)


def _within(
    valid: Sequence[_Located],
    nearly: Sequence[_Located],
    drives: Sequence[TravelTime | None],
    policy: CountyPolicy,
) -> tuple[list[_Located], list[_Located], list[TravelTime | None], list[_Located]]:
    """Return both lists and their drives without who would drive for too long, and who that is.

    A point that is a slip, or that nobody of this county serves, must not look like an answer.
    """
    longest_s = policy.matching.longest_travel_s
    kept: tuple[list[_Located], list[_Located]] = ([], [])
    left: list[TravelTime | None] = []
    far: list[_Located] = []
    for index, (one, drive) in enumerate(zip((*valid, *nearly), drives, strict=True)):
        if drive is not None and drive.eta_s > longest_s:
            reasons = (*one.reasons, _too_far(longest_s))
            far.append(msgspec.structs.replace(one, reasons=reasons))
            continue
        kept[index >= len(valid)].append(one)
        left.append(drive)
    return kept[0], kept[1], left, far


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
        self._known_to = asking.known_to

    def of(self, team: Team) -> tuple[float, tuple[Adjustment, ...]]:
        """Return the seconds to add to the team's drive, and what they are made of."""
        if not self._needs:
            return 0.0, ()
        unmet = self._asking.crew(team).unmet
        known = bool(self._known_to) and team.id in self._known_to
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


def _candidate(
    one: _Located, drive: TravelTime | None, due_s: float | None, worth: _Worth, now: datetime
) -> Candidate:
    team, reasons = one.team, one.reasons
    seconds, adjustments = worth.of(team)
    asked = bool(reasons) and any(reason.code in _ASKED_BEFORE for reason in reasons)
    if drive is None:
        return Candidate(
            team_id=team.id,
            score_s=seconds,
            travel=None,
            located_by=one.by,
            asked_before=asked,
            fix_age_s=None if one.fix is None else age_s(one.fix, now),
            adjustments=adjustments,
            reasons=reasons,
        )
    eta_s = drive.eta_s
    ends_at = team.shift_ends_at
    if ends_at is not None and (ends_at - now).total_seconds() < eta_s:
        reasons = (*reasons, _SHIFT_ENDS_FIRST)
    return Candidate(
        team_id=team.id,
        score_s=eta_s + seconds,
        travel=drive,
        located_by=one.by,
        on_time=None if due_s is None else eta_s <= due_s,
        surely_on_time=None if due_s is None else drive.high_s <= due_s and one.by is LocatedBy.FIX,
        asked_before=asked,
        fix_age_s=None if one.fix is None else age_s(one.fix, now),
        adjustments=adjustments,
        reasons=reasons,
    )


def _in_order(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those not asked before, then the others; each on time before late, then by score."""
    # Sorted apart by plain numbers: thousands of key tuples would wake the garbage collector.
    apart: tuple[list[Candidate], ...] = ([], [], [], [])
    for candidate in candidates:
        late = candidate.on_time is False
        apart[2 * candidate.asked_before + late].append(candidate)
    for group in apart:
        group.sort(key=lambda candidate: candidate.score_s)
    return [candidate for group in apart for candidate in group]


def _mark_fastest(candidates: list[Candidate]) -> Candidate | None:
    """Mark the candidate with the shortest drive; nobody where the place isn't known."""
    best, best_s = None, inf
    for index, candidate in enumerate(candidates):
        drive = candidate.travel
        if drive is not None and drive.eta_s < best_s:
            best, best_s = index, drive.eta_s
    if best is None:
        return None
    candidates[best] = msgspec.structs.replace(candidates[best], is_fastest=True)
    return candidates[best]


def _break_tie(
    asking: Asking,
    incident: Incident,
    candidates: list[Candidate],
    valid: Sequence[_Located],
    board: Board,
    now: datetime,
) -> TieBreak | None:
    """Let coverage choose the first among those on time, nearly as fast, and as well suited.

    ``None`` = the order by score stands. Only the first place changes.
    """
    policy = asking.rules.policy
    window_s = policy.matching.coverage_tie_break_s
    near = _nearly_as_fast(candidates, window_s)
    if len(near) < 2:
        return None
    standard = incident.standard or response_standard(
        incident.place.area_class, local_day(now, policy.tz()), asking.rules.standards
    )
    reach_s = standard.minutes * 60.0
    on_duty = [team for team in board.teams.values() if team.duty is not Duty.OFF_SHIFT]
    busy = coverage.busy_share(
        sum(team.offer is not None or team.run is not None for team in on_duty), len(on_duty)
    )
    at = {one.team.id.int: one.point for one in valid if one.point is not None}
    lost = coverage.losses(
        [at[candidates[index].team_id.int] for index in near],
        list(at.values()),
        [team.base for team in board.teams.values() if team.base is not None],
        reach=coverage.reach_m(policy.travel, reach_s),
        busy=busy,
    )
    for index, loss in zip(near, lost, strict=True):
        candidates[index] = msgspec.structs.replace(candidates[index], coverage_loss=loss)
    least = min(range(len(near)), key=lambda place: (lost[place], place))
    saved = lost[0] - lost[least]
    if saved < LEAST_GAIN:
        return None
    led = candidates[0].team_id
    candidates.insert(0, candidates.pop(near[least]))
    return TieBreak(
        team_id=candidates[0].team_id,
        instead_of=led,
        saved=saved,
        window_s=window_s,
        busy_share=busy,
        reach_s=reach_s,
    )


def _nearly_as_fast(candidates: Sequence[Candidate], window_s: float) -> list[int]:
    """Return the places that coverage may choose from, the leader's first; empty = none.

    The leader by score must be among them: what a soft need won, coverage does not take away.
    """
    drives = [c.travel.eta_s for c in candidates if c.travel is not None and not c.asked_before]
    if not drives or window_s <= 0:
        return []
    latest_s = min(drives) + window_s
    leader = candidates[0]
    suits_s = sum(part.seconds for part in leader.adjustments)
    near: list[int] = []
    for index, candidate in enumerate(candidates):
        if candidate.asked_before or candidate.on_time is False or len(near) == MOST_COMPARED:
            break
        drive = candidate.travel
        if drive is None or drive.eta_s > latest_s:
            continue
        if sum(part.seconds for part in candidate.adjustments) <= suits_s:
            near.append(index)
    return near if near and near[0] == 0 else []


def _possible(
    one: _Located,
    drive: TravelTime | None,
    due_s: float | None,
    best_s: float | None,
    rules: Rules,
    now: datetime,
) -> Possible:
    saves_s = None if drive is None or best_s is None else best_s - drive.eta_s
    return Possible(
        team_id=one.team.id,
        travel=drive,
        located_by=one.by,
        # Without any valid team the wait has no end in sight.
        delay_is_marked=best_s is None
        or (saves_s is not None and saves_s >= rules.policy.telehealth.marked_delay_s),
        on_time=None if drive is None or due_s is None else drive.eta_s <= due_s,
        saves_s=saves_s,
        fix_age_s=None if one.fix is None else age_s(one.fix, now),
        reasons=one.reasons,
    )


def _excluded(
    asking: Asking, barred: Sequence[_Located], now: datetime
) -> tuple[list[Excluded], list[TeamId]]:
    """Return the teams that may not go, those nearest to it first, and the first few by id.

    Their drives are estimates: a road engine is not asked about teams that can't go.
    """
    origins = [one.point for one in barred if one.point is not None]
    etas: list[float] = []
    if asking.point is not None:
        model = CalibratedEstimate(asking.rules.policy.travel)
        etas = [drive.eta_s for drive in model.many_to_one(origins, asking.point, now)]
    following = iter(etas)
    apart: tuple[list[Excluded], ...] = tuple([] for _ in range(_FARTHEST_OFF + 1))
    for one in barred:
        eta_s = None if one.point is None else next(following, None)
        far_off = max([_FAR_OFF.get(reason.code, 0) for reason in one.reasons])
        apart[far_off].append(Excluded(team_id=one.team.id, reasons=one.reasons, eta_s=eta_s))
    for group in apart:
        group.sort(key=lambda one: inf if one.eta_s is None else one.eta_s)
    found = [one for group in apart for one in group]
    return found, [one.team_id for one in found[:NEAR_MISSES]]


def _counts(teams: Sequence[_Located]) -> dict[str, int]:
    """Return how many teams each hard reason bars, by code; a team counts once for each."""
    # Rows of equal reasons are the same few tuples in another order: count those first.
    counted: dict[str, int] = {}
    for reasons, teams_so_barred in Counter([one.reasons for one in teams]).items():
        for code in {reason.code for reason in reasons if reason.hard}:
            counted[code] = counted.get(code, 0) + teams_so_barred
    return dict(sorted(counted.items()))


def _cut(candidates: Sequence[Candidate], limit: int | None) -> tuple[Candidate, ...]:
    kept = candidates[:limit]
    rest = candidates[len(kept) :]
    return (*kept, *(candidate for candidate in rest if candidate.is_fastest))
