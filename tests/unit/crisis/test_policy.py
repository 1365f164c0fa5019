"""A county's policy: defaults, faults all at once, versions, differences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import Invalid, Unavailable
from crisis.policy import (
    RETIRED,
    CountyPolicy,
    RungKind,
    check,
    diff,
    from_mapping,
    from_stored,
    from_toml,
    offer_window_s,
    policy_at,
    to_mapping,
)
from crisis.standards import CountedFrom
from crisis.triage import Acuity

START = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
DEFAULT = CountyPolicy(version="1", effective_from=START)


def problems_of(given: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as refused:
        from_mapping({"version": "2", "effective_from": "2026-02-01T00:00:00Z"} | given)
    assert refused.value.code == "bad_policy"
    problems = refused.value.facts["problems"]
    assert isinstance(problems, list)
    return problems


def test_the_defaults_make_sense() -> None:
    assert check(DEFAULT) == []
    assert DEFAULT.duress.supervisor_after_s == 30
    assert DEFAULT.waiting.unassigned_mark_s.of(Acuity.EMERGENT) == 60
    assert DEFAULT.obligations.followup.counted_from is CountedFrom.ARRIVED_AT
    assert DEFAULT.retention.command_results_days == 30
    assert not DEFAULT.offers.auto_offer
    assert [rung.kind for rung in DEFAULT.offers.ladder] == list(RungKind)


def test_a_county_states_only_what_it_changes() -> None:
    policy = from_toml(
        """
        version = "2026-b"
        effective_from = 2026-02-01T00:00:00-08:00
        [offers]
        auto_offer = true
        ladder = [{ kind = "next_best" }, { kind = "supervisor", delay_s = 10 }]
        [offers.window_s]
        urgent = 45
        [obligations.followup]
        counted_from = "cleared_at"
        [fixes.plausibility]
        max_speed_mps = 60
        [travel]
        time_factor = 1.1
        """
    )
    assert policy.offers.auto_offer
    assert policy.offers.window_s.urgent == 45
    assert policy.offers.window_s.emergent == DEFAULT.offers.window_s.emergent
    assert [rung.delay_s for rung in policy.offers.ladder] == [0, 10]
    assert policy.obligations.followup.counted_from is CountedFrom.CLEARED_AT
    assert policy.obligations.followup.hours == 72
    assert policy.fixes.plausibility.max_speed_mps == 60
    assert policy.travel.time_factor == 1.1
    assert policy.travel.far_mps == DEFAULT.travel.far_mps
    assert policy.effective_from == datetime(2026, 2, 1, 8, 0, tzinfo=UTC)


def test_every_fault_is_listed_not_only_the_first() -> None:
    problems = problems_of(
        {
            "effective_from": "2026-02-01T00:00:00",
            "offers": {"max_share_of_remaining": 2, "window_s": {"urgent": -1}, "auto_ofer": True},
            "duress": 5,
            "obligations": {"followup": {"hours": 96}},
            "telehealth": {"approvers": ["janitor"]},
            "nonsense": 1,
        }
    )
    paths = {problem.split(":")[0] for problem in problems}
    assert paths == {
        "effective_from",
        "offers.max_share_of_remaining",
        "offers.window_s.urgent",
        "offers.auto_ofer",
        "duress",
        "obligations.followup.hours",
        "telehealth.approvers",
        "nonsense",
    }
    assert any("did you mean auto_offer?" in problem for problem in problems)


def test_a_version_and_a_first_instant_are_required() -> None:
    with pytest.raises(Invalid) as refused:
        from_mapping({})
    assert refused.value.facts["problems"] == ["version: missing", "effective_from: missing"]


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"zone": "America/Nowhere"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"duress": {"on_call_after_s": 20}}, "duress"),
        ({"offers": {"ladder": []}}, "offers.ladder"),
        ({"offers": {"ladder": [{"kind": "supervisor"}]}}, "offers.ladder"),
        ({"offers": {"ladder": [{"kind": "next_best"}]}}, "offers.ladder"),
        (
            {
                "offers": {
                    "ladder": [{"kind": k} for k in ("next_best", "supervisor", "supervisor")]
                }
            },
            "offers.ladder",
        ),
        ({"waiting": {"deadline_warnings": [0.9, 0.5]}}, "waiting.deadline_warnings"),
        ({"waiting": {"contact_every_s": {"emergent": 3600}}}, "waiting.contact_every_s"),
        ({"check_ins": {"lone_on_scene_s": 7200}}, "check_ins.lone_on_scene_s"),
        ({"telehealth": {"approvers": []}}, "telehealth.approvers"),
        ({"telehealth": {"approvers": ["system"]}}, "telehealth.approvers"),
        ({"clocks": {"back_entry_roles": ["integration"]}}, "telehealth.approvers"),
        ({"fixes": {"stale_after_s": 3600}}, "fixes.stale_standing_after_s"),
        ({"travel": {"near_detour": 1.0}}, "travel.near_detour"),
        ({"retention": {"positions_days": 0}}, "retention.positions_days"),
        ({"retention": {"records_days": 3653}}, "retention.records_days: no such setting"),
        ({"obligations": {"plan_notice_hours": 49}}, "obligations.plan_notice_hours"),
        ({"check_ins": {"on_scene_s": float("nan")}}, "check_ins.on_scene_s"),
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], part: str) -> None:
    assert any(problem.startswith(part) for problem in problems_of(given))


def test_broken_toml_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        from_toml("version = ")
    assert refused.value.code == "bad_policy"


def test_a_stored_policy_reads_back_the_same_and_holds_every_default() -> None:
    stored = to_mapping(DEFAULT)
    again = from_mapping(msgspec.json.decode(msgspec.json.encode(stored)))
    assert again == DEFAULT
    offers = stored["offers"]
    assert isinstance(offers, dict)
    assert offers["auto_offer"] is False
    assert offers["ladder"][0] == {"kind": "next_best", "delay_s": 0.0}


def test_a_policy_kept_by_an_earlier_version_reads_without_what_was_retired() -> None:
    stored: dict[str, Any] = to_mapping(DEFAULT)
    for path in RETIRED:
        group, name = path.split(".")
        assert name not in stored[group], "retired, and still a setting"
        stored[group][name] = True
    assert from_stored(stored) == DEFAULT
    # What never was a setting is a fault there, too.
    stored["divert"]["nonsense"] = 1
    with pytest.raises(Invalid) as refused:
        from_stored(stored)
    assert refused.value.facts["problems"] == ["divert.nonsense: no such setting"]


def test_a_difference_names_each_setting_by_its_path() -> None:
    after = from_mapping(
        {
            "version": "2",
            "effective_from": "2026-02-01T00:00:00Z",
            "offers": {"window_s": {"routine": 240}},
            "lone": {"allowed": False},
        }
    )
    changes = {change.path: (change.before, change.after) for change in diff(DEFAULT, after)}
    assert changes == {
        "version": ("1", "2"),
        "effective_from": ("2026-01-01T08:00:00Z", "2026-02-01T00:00:00Z"),
        "offers.window_s.routine": (180, 240),
        "lone.allowed": (True, False),
    }
    assert diff(after, after) == ()


def test_the_policy_in_force_is_the_latest_that_has_begun() -> None:
    later = CountyPolicy(version="2", effective_from=START + timedelta(days=30))
    versions = [later, DEFAULT]
    assert policy_at(versions, START) is DEFAULT
    assert policy_at(versions, later.effective_from - timedelta(microseconds=1)) is DEFAULT
    assert policy_at(versions, later.effective_from) is later
    with pytest.raises(Unavailable) as refused:
        policy_at(versions, START - timedelta(seconds=1))
    assert refused.value.code == "no_policy"


def test_the_offer_window_shrinks_as_the_deadline_comes_near() -> None:
    assert offer_window_s(DEFAULT, Acuity.ROUTINE, None) == 180
    assert offer_window_s(DEFAULT, Acuity.ROUTINE, 3_600) == 180
    assert offer_window_s(DEFAULT, Acuity.ROUTINE, 1_000) == 100
    assert offer_window_s(DEFAULT, Acuity.ROUTINE, -500) == 30
    assert offer_window_s(DEFAULT, Acuity.EMERGENT, 3_600) == 60


@given(acuity=st.sampled_from(Acuity), remaining=st.floats(-1e6, 1e6), more=st.floats(0, 1e6))
def test_more_time_never_means_a_shorter_window(
    acuity: Acuity, remaining: float, more: float
) -> None:
    short = offer_window_s(DEFAULT, acuity, remaining)
    long = offer_window_s(DEFAULT, acuity, remaining + more)
    assert 0 < short <= long <= DEFAULT.offers.window_s.of(acuity)
