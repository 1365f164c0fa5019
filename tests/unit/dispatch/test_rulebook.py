"""Which rules hold when: what is remembered never outlives its day or its policy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crisis.codes import code_sets
from crisis.editions import EditionKind
from crisis.policy import CountyPolicy, policy_at
from crisis.standards import local_day
from dispatch.run.rulebook import DEFAULT_POLICY, Rulebook, ZonesEdition, _area_map
from geo.zone import AreaClass, AreaMap

MARCH = datetime(2026, 3, 6, 20, 0, tzinfo=UTC)
#: The second begins at noon of the night's next day, the third within the hour of the clock change.
POLICIES = tuple(
    CountyPolicy(version=str(number), effective_from=begins)
    for number, begins in enumerate(
        (MARCH, MARCH + timedelta(days=1), datetime(2026, 3, 8, 10, 30, tzinfo=UTC))
    )
)


@given(st.lists(st.integers(-100_000, 400_000), min_size=1, max_size=30))
def test_the_rules_are_those_of_the_instant_in_whatever_order_it_is_asked(
    seconds: list[int],
) -> None:
    book = Rulebook(6001, POLICIES)
    for after_s in seconds:
        now = MARCH + timedelta(seconds=after_s)
        policy = policy_at((DEFAULT_POLICY, *POLICIES), now)
        rules = book.at(now)
        assert rules.policy == policy
        assert rules.codes == code_sets(local_day(now, policy.tz()))


def test_the_edges_of_a_day_and_of_a_policy_are_exact() -> None:
    book = Rulebook(6001, POLICIES)
    tick = timedelta(microseconds=1)
    # Midnight in California is 8 o'clock UTC.
    midnight = datetime(2026, 3, 7, 8, tzinfo=UTC)
    before = book.at(midnight - tick)
    assert book.at(MARCH) is before
    assert book.at(midnight) is not before
    for number, policy in enumerate(POLICIES):
        assert book.at(policy.effective_from).policy.version == str(number)
        assert book.at(policy.effective_from - tick).policy.version != str(number)


def test_zones_that_teams_serve_are_loaded_with_or_without_a_class() -> None:
    ring = "[[[-122.5,37.5],[-122.0,37.5],[-122.0,38.0],[-122.5,38.0],[-122.5,37.5]]]"
    rows = [
        {
            "version": "2026-1",
            "name": name,
            "area_class": area_class,
            "geometry": f'{{"type":"Polygon","coordinates":{ring}}}',
        }
        for name, area_class in (("North", None), ("Hills", "rural"))
    ]
    areas = _area_map(rows)  # type: ignore[arg-type]
    assert [(zone.name, zone.area_class) for zone in areas.zones] == [
        ("North", None),
        ("Hills", AreaClass.RURAL),
    ]
    assert areas.version == "2026-1"


def _edition(version: str, day: date) -> ZonesEdition:
    return ZonesEdition(
        kind=EditionKind.ZONES,
        version=version,
        effective_from=day,
        areas=AreaMap(version=version),
    )


def test_each_day_has_its_edition_of_zones_whenever_it_is_asked_for() -> None:
    book = Rulebook(6001, zones=[_edition("a", date(2026, 3, 1)), _edition("b", date(2026, 3, 7))])
    midnight = datetime(2026, 3, 7, 8, tzinfo=UTC)
    assert book.at(midnight).areas.version == "b"
    assert book.at(midnight - timedelta(microseconds=1)).areas.version == "a"
    assert book.at(datetime(2026, 2, 1, tzinfo=UTC)).areas.version == "none"
    # From the rules of one day those of another can be asked, and come back the same.
    now = book.at(midnight + timedelta(days=30))
    assert now.at(MARCH).areas.version == "a"
    assert now.at(midnight).areas.version == now.areas.version == "b"
    assert now.at(midnight + timedelta(days=30)) is now


def test_rules_without_editions_are_the_packaged_ones_of_the_day() -> None:
    book = Rulebook(6001)
    assert book.at(MARCH).codes is code_sets(local_day(MARCH))
    assert book.left_out == ()
