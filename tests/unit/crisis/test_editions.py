"""Editions of rules: which holds when, what a county's make of the packaged ones, what is open."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis import codes, standards
from crisis.codes import CountyCode
from crisis.editions import (
    CodesEdition,
    CountySet,
    Edition,
    EditionKind,
    check_codes,
    check_standards,
    codes_on,
    day_of,
    facts_on,
    in_force,
    merged_codes,
    merged_standards,
    parse_codes,
    unverified,
)
from crisis.errors import Invalid
from crisis.standards import Standards, response_standard
from geo.zone import AreaClass

JULY = date(2027, 7, 1)
BULLETIN = standards.parse(
    """
version = "BHIN 27-001"
[[fact]]
key = "response.rural.minutes"
value = 90
effective_from = 2027-07-01
source = "BHIN 27-001, page 3"
verified = true
[[fact]]
key = "followup.hours"
value = 72
effective_from = 2027-07-01
source = "BHIN 27-001, page 4"
verified = true
"""
)


def edition(version: str, day: date, loaded: int = 0) -> Edition:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=loaded)
    return Edition(kind=EditionKind.ZONES, version=version, effective_from=day, loaded_at=at)


DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


@given(st.lists(st.tuples(DAYS, st.integers(0, 9)), max_size=6), DAYS)
def test_the_edition_in_force_is_the_latest_that_had_begun(
    made: list[tuple[date, int]], on: date
) -> None:
    known = [edition(str(n), day, loaded) for n, (day, loaded) in enumerate(made)]
    found = in_force(known, on)
    begun = [one for one in known if one.effective_from <= on]
    assert (found is None) == (not begun)
    if found is not None:
        assert found.effective_from == max(one.effective_from for one in begun)


def test_of_two_editions_of_one_day_the_one_loaded_later_holds() -> None:
    first, second = edition("b", JULY, 1), edition("a", JULY, 2)
    assert in_force([second, first], JULY) is second


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2027-01", date(2027, 1, 1)),
        ("2027-03-15", date(2027, 3, 15)),
        ("2027-07b", date(2027, 7, 1)),
        ("2027-13", None),
        ("areas", None),
        ("20270101", None),
    ],
)
def test_an_editions_name_may_tell_its_day(name: str, day: date | None) -> None:
    assert day_of(name) == day


def test_a_countys_fact_holds_from_its_day_on_and_never_before() -> None:
    whole = merged_standards(standards.packaged(), [BULLETIN])
    before = response_standard(AreaClass.RURAL, date(2027, 6, 30), whole)
    after = response_standard(AreaClass.RURAL, JULY, whole)
    assert (before.minutes, after.minutes) == (120, 90)
    assert "BHIN 27-001" in after.version
    assert response_standard(AreaClass.URBAN, JULY, whole).minutes == 60


def test_a_fact_that_the_service_brings_later_too_is_the_countys() -> None:
    [own] = [f for f in BULLETIN.facts if f.key == "followup.hours"]
    other = msgspec.structs.replace(own, value=48)
    packaged = Standards(version="next", facts=(*standards.packaged().facts, other))
    assert merged_standards(packaged, [BULLETIN]).number("followup.hours", JULY) == 72


@pytest.mark.parametrize(
    ("fact", "problem"),
    [
        ('key = "response.lunar.minutes"\nvalue = 90', "no standard of the service"),
        ('key = "response.rural.minutes"\nvalue = "soon"', "must be a int"),
        ('key = "response.rural.minutes"\nvalue = 0', "must be above 0"),
    ],
)
def test_facts_that_nothing_asks_for_are_refused_by_name(fact: str, problem: str) -> None:
    given_ = standards.parse(
        f'version = "x"\n[[fact]]\n{fact}\neffective_from = 2027-07-01\nsource = "s"\n'
        "verified = true\n"
    )
    with pytest.raises(Invalid) as refused:
        check_standards(standards.packaged(), [], given_)
    assert problem in str(refused.value.facts["problems"])


def test_a_fact_that_may_have_set_deadlines_is_not_replaced() -> None:
    check_standards(standards.packaged(), [], BULLETIN)
    with pytest.raises(Invalid) as refused:
        check_standards(standards.packaged(), [BULLETIN], BULLETIN)
    assert "take a later day" in str(refused.value.facts["problems"])


CODES = parse_codes(
    """
version = "2027-07"
[[code]]
set = "referral_source"
code = "school_line"
label = "School line"
effective_from = 2027-07-01
[[code]]
set = "cancel_reason"
code = "duplicate"
effective_from = 2027-08-01
retired = true
[[set]]
set = "disposition"
source = "BHIN 27-001, page 9"
verified = true
effective_from = 2027-07-01
"""
)


def test_codes_begin_and_end_on_their_days_in_every_order_of_asking() -> None:
    catalogue, left_out = merged_codes(codes.packaged(), [CODES])
    assert left_out == ()
    assert CODES.effective_from == JULY

    def has(name: str, code: str, on: date) -> bool:
        return code in codes_on(catalogue, [CODES], on)[name]

    day = timedelta(days=1)
    assert not has("referral_source", "school_line", JULY - day)
    assert has("referral_source", "school_line", JULY)
    assert has("cancel_reason", "duplicate", date(2027, 7, 31))
    assert not has("cancel_reason", "duplicate", date(2027, 8, 1))


def test_what_a_county_has_compared_is_verified_from_its_day_on() -> None:
    catalogue, _ = merged_codes(codes.packaged(), [CODES])
    facts = merged_standards(standards.packaged(), [BULLETIN])

    def open_on(on: date) -> set[str]:
        return {one.name for one in unverified(facts, codes_on(catalogue, [CODES], on))}

    before, after = open_on(JULY - timedelta(days=1)), open_on(JULY)
    assert before - after == {"disposition", "followup.hours"}
    assert after - before == set()
    assert "response.unclassified.minutes" in after


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('version = "x"', "empty"),
        ('version = "x"\n[[code]]\nset = "nope"\ncode = "a"\nlabel = "A"\n', "effective_from"),
        (
            'version = "x"\n[[code]]\nset = "nope"\ncode = "a"\nlabel = "A"\n'
            "effective_from = 2027-01-01\n",
            "no such set",
        ),
        (
            'version = "x"\n[[set]]\nset = "disposition"\nsource = " "\nverified = true\n'
            "effective_from = 2027-01-01\n",
            "no source",
        ),
        (
            'version = "x"\n[[code]]\nset = "incident_outcome"\ncode = "a"\nlabel = "A"\n'
            "effective_from = 2027-01-01\n",
            "closed to additions",
        ),
    ],
)
def test_code_editions_that_cannot_be_used_say_why(text: str, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_codes(codes.packaged(), parse_codes(text))
    assert problem in str(refused.value.facts["problems"])


def test_a_change_that_no_longer_fits_is_left_out_and_named_and_the_rest_holds() -> None:
    day = date(2023, 1, 1)
    ours = CodesEdition(
        version="old",
        changes=(
            CountyCode(set="cancel_reason", code="duplicate", effective_from=day, label="Twice"),
            CountyCode(set="referral_source", code="school", effective_from=JULY, label="School"),
        ),
        sets=(CountySet(set="gone", source="x", verified=True, effective_from=day),),
    )
    catalogue, left_out = merged_codes(codes.packaged(), [ours])
    assert len(left_out) == 1 and "cancel_reason.duplicate" in left_out[0]
    assert "school" in codes_on(catalogue, [ours], JULY)["referral_source"]


def test_every_fact_of_a_day_is_listed_once() -> None:
    listed = facts_on(standards.packaged(), date(2026, 11, 1))
    assert [f.key for f in listed] == sorted({f.key for f in standards.packaged().facts})
