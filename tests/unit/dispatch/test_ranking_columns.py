"""Columns and plain loops say the same: a ranking beside one that goes from team to team."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crisis.eligibility import Asking, CrewMemo
from crisis.ids import AssignmentId
from crisis.incident.state import Incident
from crisis.policy import CountyPolicy, MatchingPolicy, TelehealthPolicy
from crisis.reasons import Reason, ReasonCode
from crisis.rules import Rules
from crisis.team import Duty
from dispatch.choose import (
    Adjustment,
    Candidate,
    Excluded,
    LocatedBy,
    Possible,
    Recommendation,
    rank,
)
from dispatch.choose.fleet import Fleets
from dispatch.choose.ranking import NEAR_MISSES
from geo.fix import age_s
from geo.travel import CalibratedEstimate, drive
from tests.unit.dispatch.test_matching import (
    CODES,
    NOW,
    RULES,
    SLOT,
    ByLongitude,
    County,
    counties,
    minutes_away,
    policy,
    rules,
    situations,
)


def plainly(made: County, about: Incident, held: Rules) -> Recommendation:
    """Rank team by team, as slowly and as simply as it can be said; without the tie-break."""
    board, by_id = made.board(), sorted(made.teams.values(), key=lambda team: team.id.int)
    policy, due_s = held.policy, None
    if about.due_at is not None:
        due_s = (about.due_at - NOW).total_seconds()
    nobodys = made.rank(about, held)
    asking = Asking(board, about, SLOT, NOW, held, CrewMemo())
    go: list[Candidate] = []
    nearly: list[Possible] = []
    barred: list[Excluded] = []
    for team in by_id:
        reasons, fix = asking.why_not(team), made.fixes.get(team.id)
        place, by = team.base, LocatedBy.BASE
        if fix is not None and fix.fixed_at >= NOW - timedelta(seconds=policy.fixes.stale_after_s):
            place, by = fix.point, LocatedBy.FIX
        if place is None:
            text = "No fresh position, and no base to take instead."
            reasons += (Reason(code=ReasonCode.NO_POSITION, sentence=text),)
        to = None if place is None or asking.point is None else asking.point
        time = None if to is None or place is None else drive(ByLongitude(), place, to, NOW)
        guess = None
        if to is not None and place is not None:
            guess = drive(CalibratedEstimate(policy.travel), place, to, NOW).eta_s
        hard = [one.code for one in reasons if one.hard]
        age = None if fix is None else age_s(fix, NOW)
        on_time = None if time is None or due_s is None else time.eta_s <= due_s
        if not hard:
            ends, late = team.shift_ends_at, reasons
            if time is not None and ends and (ends - NOW).total_seconds() < time.eta_s:
                text = "Its shift ends before it can arrive."
                late += (Reason(code=ReasonCode.SHIFT_ENDS_FIRST, sentence=text, hard=False),)
            unmet = asking.crew(team).unmet
            worth = tuple(
                Adjustment(
                    code=code,
                    seconds=-_worth(code, policy) if code not in unmet else 0.0,
                    sentence=f"{_label(code)}: {'no' if code in unmet else 'yes'}.",
                    is_met=code not in unmet,
                )
                for code in asking.soft
            )
            go.append(
                Candidate(
                    team_id=team.id,
                    score_s=(time.eta_s if time else 0.0) + sum(part.seconds for part in worth),
                    travel=time,
                    located_by=by,
                    on_time=on_time,
                    surely_on_time=None
                    if time is None or due_s is None
                    else time.high_s <= due_s and by is LocatedBy.FIX,
                    asked_before=any(
                        one.code in ("declined_before", "expired_before") for one in reasons
                    ),
                    fix_age_s=age,
                    adjustments=worth,
                    reasons=late,
                )
            )
        elif hard == ["second_member_missing"]:
            nearly.append(
                Possible(
                    team_id=team.id,
                    travel=time,
                    located_by=by,
                    delay_is_marked=False,
                    on_time=on_time,
                    fix_age_s=age,
                    reasons=reasons,
                )
            )
        else:
            barred.append(Excluded(team_id=team.id, reasons=reasons, eta_s=guess))
    go.sort(key=lambda one: (one.asked_before, one.on_time is False, one.score_s))
    timed = [one.travel.eta_s for one in go if one.travel is not None]
    best_s = min(timed, default=None)
    firsts = [one for one in go if one.travel is not None and one.travel.eta_s == best_s]
    go = [replace(one, is_fastest=bool(firsts) and one is firsts[0]) for one in go]
    for place_no, one in enumerate(nearly):
        saves = None if one.travel is None or best_s is None else best_s - one.travel.eta_s
        marked = policy.telehealth.marked_delay_s
        is_marked = best_s is None or (saves is not None and saves >= marked)
        nearly[place_no] = replace(one, saves_s=saves, delay_is_marked=is_marked)
    nearly.sort(key=lambda one: one.travel.eta_s if one.travel else inf)
    barred.sort(key=lambda one: (_far_off(one), inf if one.eta_s is None else one.eta_s))
    others: list[Possible | Excluded] = [*nearly, *barred]
    hard_codes = [{reason.code for reason in one.reasons if reason.hard} for one in others]
    codes = sorted({code for found in hard_codes for code in found})
    return replace(
        nobodys,
        eligible=len(go),
        candidates=tuple(go),
        fastest=next((one.team_id for one in go if one.is_fastest), None),
        possible=tuple(nearly),
        excluded=tuple(barred),
        near_misses=() if go else tuple(one.team_id for one in others)[:NEAR_MISSES],
        counts={code: sum(code in found for found in hard_codes) for code in codes},
        tie_break=None,
    )


def _worth(code: str, policy: CountyPolicy) -> float:
    is_language = "language" in CODES.require("need", code).attributes
    return policy.matching.language_worth_s if is_language else policy.matching.soft_need_worth_s


def _label(code: str) -> str:
    return CODES.require("need", code).label


def _far_off(one: Excluded) -> int:
    groups = (
        {"busy_offer", "busy_run"},
        {"unavailable", "ending"},
        {"off_shift"},
        {"lent", "retired"},
    )
    codes = {str(reason.code) for reason in one.reasons}
    return max(no * bool(codes & group) for no, group in enumerate(groups, start=1))


@given(counties(), situations(), st.data())
def test_columns_say_of_every_team_what_plain_loops_do(
    made: County, about: Incident, data: st.DataObject
) -> None:
    for team_id, team in made.teams.items():
        ends_at = data.draw(st.none() | st.integers(0, 90))
        ends = None if ends_at is None else NOW + timedelta(minutes=ends_at)
        made.teams[team_id] = replace(team, shift_ends_at=ends)
    for team_id, fix in made.fixes.items():
        age = timedelta(seconds=data.draw(st.sampled_from([-3, 0, 30, 1_000_000])))
        made.fixes[team_id] = replace(fix, fixed_at=NOW - age, speed_mps=None)
    held = rules(
        policy(
            matching=MatchingPolicy(coverage_tie_break_s=0),
            telehealth=TelehealthPolicy(allowed=True),
        )
    )
    known = tuple(need for need in about.needs if CODES.find("need", need.code) is not None)
    about = replace(about, needs=known)
    assert made.rank(about, held) == plainly(made, about, held)


@given(counties(), situations(), st.data())
def test_a_team_that_changed_is_told_as_it_is_now(
    made: County, about: Incident, data: st.DataObject
) -> None:
    held, remembered = RULES, Fleets()
    team_ids = sorted(made.teams)
    # As on a board: what didn't change stays the same object.
    board = made.board()
    for _ in range(3):
        found = rank(board, about, SLOT, made.fixes, NOW, held, memo=remembered)
        assert found == rank(board, about, SLOT, made.fixes, NOW, held, memo=Fleets())
        if not team_ids:
            return
        team = board.teams[data.draw(st.sampled_from(team_ids))]
        changed = replace(
            team,
            duty=data.draw(st.sampled_from(Duty)),
            base=data.draw(st.none() | st.just(minutes_away(12))),
            shift_ends_at=data.draw(st.none() | st.just(NOW + timedelta(minutes=5))),
            crew=data.draw(st.sampled_from([(), team.crew])),
            run=data.draw(st.none() | st.just((about.id, AssignmentId(UUID(int=3))))),
        )
        board = replace(board, teams={**board.teams, team.id: changed})
