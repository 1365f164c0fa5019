"""GPS samples: plausibility, lateness, staleness, and recovery from a wrong start."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.fix import (
    DEFAULT_LIMITS,
    RUN_THAT_CONVINCES,
    Fix,
    FixReason,
    FixSource,
    PlausibilityLimits,
    Track,
    advance,
    age_s,
    implausible,
    is_late,
    is_stale,
)
from geo.point import Point, haversine_m

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
FRESNO = Point(lat_deg=36.7378, lon_deg=-119.7871)
MERCED = Point(lat_deg=37.3022, lon_deg=-120.4830)  # 88 km from Fresno


def fix_at(
    seconds: float,
    point: Point = FRESNO,
    *,
    accuracy_m: float | None = 10.0,
    speed_mps: float | None = None,
    fix_id: str | None = None,
) -> Fix:
    taken = NOW + timedelta(seconds=seconds)
    return Fix(
        fixed_at=taken,
        received_at=NOW,
        point=point,
        source=FixSource.PHONE,
        accuracy_m=accuracy_m,
        speed_mps=speed_mps,
        fix_id=fix_id,
    )


def north_of(point: Point, metres: float) -> Point:
    return Point(lat_deg=point.lat_deg + metres / 111_195, lon_deg=point.lon_deg)


def test_an_ordinary_sample_is_plausible() -> None:
    before = fix_at(-10)
    assert implausible(fix_at(0, north_of(FRESNO, 150), speed_mps=15), before, NOW) == ()


def test_a_sample_from_the_future_is_refused_beyond_the_skew_only() -> None:
    assert implausible(fix_at(60), None, NOW) == ()
    assert implausible(fix_at(61), None, NOW) == (FixReason.FUTURE,)


def test_a_sample_is_too_old_beyond_the_limit_only() -> None:
    assert implausible(fix_at(-DEFAULT_LIMITS.max_age_s), None, NOW) == ()
    assert implausible(fix_at(-DEFAULT_LIMITS.max_age_s - 1), None, NOW) == (FixReason.TOO_OLD,)


def test_a_cell_towers_accuracy_passes_and_a_worse_one_does_not() -> None:
    assert implausible(fix_at(0, accuracy_m=2_500), None, NOW) == ()
    assert implausible(fix_at(0, accuracy_m=2_501), None, NOW) == (FixReason.INACCURATE,)
    assert implausible(fix_at(0, accuracy_m=float("nan")), None, NOW) == (FixReason.INACCURATE,)


def test_an_unreported_accuracy_is_no_reason_against_a_sample() -> None:
    assert implausible(fix_at(0, accuracy_m=None), fix_at(-5, accuracy_m=None), NOW) == ()


def test_null_island_is_no_position() -> None:
    assert implausible(fix_at(0, Point(lat_deg=0, lon_deg=0)), None, NOW) == (
        FixReason.NULL_ISLAND,
    )
    on_the_equator = Point(lat_deg=0, lon_deg=10)
    assert implausible(fix_at(0, on_the_equator), None, NOW) == ()


def test_no_car_goes_from_fresno_to_merced_in_a_minute() -> None:
    before = fix_at(-60)
    assert implausible(fix_at(0, MERCED), before, NOW) == (FixReason.IMPOSSIBLE_SPEED,)


def test_an_hour_is_enough_from_fresno_to_merced() -> None:
    assert implausible(fix_at(0, MERCED), fix_at(-3600), NOW) == ()


def test_a_leap_shows_backwards_in_time_too() -> None:
    later = fix_at(0)
    assert implausible(fix_at(-60, MERCED), later, NOW) == (FixReason.IMPOSSIBLE_SPEED,)


def test_the_whole_seconds_of_device_clocks_are_allowed_for() -> None:
    # One second apart by the clocks may be nearly two: 2 s x 70 m/s + 2 x 10 m = 160 m.
    assert implausible(fix_at(0, north_of(FRESNO, 159)), fix_at(-1), NOW) == ()
    assert implausible(fix_at(0, north_of(FRESNO, 162)), fix_at(-1), NOW) == (
        FixReason.IMPOSSIBLE_SPEED,
    )


def test_poor_accuracy_excuses_a_leap_that_it_explains() -> None:
    there = north_of(FRESNO, 1_500)
    before = fix_at(-1, accuracy_m=20)
    assert implausible(fix_at(0, there, accuracy_m=20), before, NOW) == (
        FixReason.IMPOSSIBLE_SPEED,
    )
    assert implausible(fix_at(0, there, accuracy_m=1_500), before, NOW) == ()


def test_a_device_that_claims_an_impossible_speed_is_not_believed() -> None:
    assert implausible(fix_at(0, speed_mps=71), None, NOW) == (FixReason.IMPOSSIBLE_SPEED,)


def test_the_same_sample_sent_twice_is_a_duplicate() -> None:
    assert implausible(fix_at(0), fix_at(0), NOW) == (FixReason.DUPLICATE,)
    assert implausible(fix_at(5, fix_id="a"), fix_at(0, fix_id="a"), NOW) == (FixReason.DUPLICATE,)


def test_two_devices_may_sample_in_the_same_second() -> None:
    assert implausible(fix_at(0, fix_id="a"), fix_at(0, fix_id="b"), NOW) == ()


def test_all_reasons_are_given_and_each_once() -> None:
    wrong = fix_at(3600, Point(lat_deg=0, lon_deg=0), accuracy_m=90_000, speed_mps=500)
    assert implausible(wrong, fix_at(-60), NOW) == (
        FixReason.FUTURE,
        FixReason.INACCURATE,
        FixReason.NULL_ISLAND,
        FixReason.IMPOSSIBLE_SPEED,
    )


def test_a_county_may_set_its_own_limits() -> None:
    strict = PlausibilityLimits(max_accuracy_m=50, max_age_s=60)
    assert implausible(fix_at(-61, accuracy_m=51), None, NOW, strict) == (
        FixReason.TOO_OLD,
        FixReason.INACCURATE,
    )


def test_a_sample_out_of_order_is_late_and_not_implausible() -> None:
    latest = fix_at(0)
    earlier = fix_at(-30, north_of(FRESNO, 200))
    assert is_late(earlier, latest)
    assert implausible(earlier, latest, NOW) == ()
    assert not is_late(latest, earlier)
    assert not is_late(latest, None)


def test_a_sample_is_stale_once_it_is_older_than_the_limit() -> None:
    sample = fix_at(0)
    assert not is_stale(sample, NOW + timedelta(seconds=120), 120)
    assert is_stale(sample, NOW + timedelta(seconds=120.5), 120)


def test_a_clock_that_runs_ahead_gives_no_negative_age() -> None:
    assert age_s(fix_at(30), NOW) == 0
    assert age_s(fix_at(-30), NOW) == 30


def test_a_decoded_sample_must_say_its_time_zone_and_keep_to_its_ranges() -> None:
    good = msgspec.to_builtins(fix_at(0))
    assert msgspec.convert(good, Fix) == fix_at(0)
    for field, value in [
        ("fixed_at", "2026-11-20T14:00:00"),
        ("accuracy_m", -1),
        ("speed_mps", -1),
        ("heading_deg", 361),
        ("battery", 85),
    ]:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**good, field: value}, Fix)


@given(
    st.floats(min_value=-86_400, max_value=60),
    st.floats(min_value=-89, max_value=89),
    st.floats(min_value=-180, max_value=180),
    st.floats(min_value=0, max_value=2_500) | st.none(),
)
def test_a_sample_survives_encoding_and_decoding(
    seconds: float, lat: float, lon: float, accuracy: float | None
) -> None:
    sample = fix_at(seconds, Point(lat_deg=lat, lon_deg=lon), accuracy_m=accuracy)
    assert msgspec.json.decode(msgspec.json.encode(sample), type=Fix) == sample


@given(
    st.floats(min_value=-88, max_value=88),
    st.floats(min_value=-180, max_value=180),
    st.floats(min_value=-2, max_value=2),
    st.floats(min_value=-2, max_value=2),
    st.floats(min_value=1, max_value=3_600),
)
def test_the_quick_test_for_leaps_never_overlooks_one(
    lat: float, lon: float, d_lat: float, d_lon: float, seconds: float
) -> None:
    start = Point(lat_deg=lat, lon_deg=lon)
    end = Point(lat_deg=lat + d_lat, lon_deg=max(-180.0, min(180.0, lon + d_lon)))
    leaps = FixReason.IMPOSSIBLE_SPEED in implausible(fix_at(0, end), fix_at(-seconds, start), NOW)
    elapsed = (fix_at(0).fixed_at - fix_at(-seconds).fixed_at).total_seconds()
    reach = DEFAULT_LIMITS.max_speed_mps * (elapsed + 1) + 20
    assert leaps == (haversine_m(start, end) > reach)


def believe(track: Track, *samples: Fix) -> tuple[Track, list[tuple[FixReason, ...]]]:
    verdicts = []
    for sample in samples:
        track, reasons = advance(track, sample, NOW + timedelta(hours=1))
        verdicts.append(reasons)
    return track, verdicts


def test_a_team_follows_its_samples() -> None:
    samples = [fix_at(10 * step, north_of(FRESNO, 150 * step)) for step in range(5)]
    track, verdicts = believe(Track(), *samples)
    assert track.latest == samples[-1]
    assert verdicts == [()] * 5


def test_one_wild_sample_is_refused_and_forgotten() -> None:
    home, wild, next_one = fix_at(0), fix_at(10, MERCED), fix_at(20, north_of(FRESNO, 100))
    track, verdicts = believe(Track(), home, wild, next_one)
    assert verdicts == [(), (FixReason.IMPOSSIBLE_SPEED,), ()]
    assert track == Track(latest=next_one)


def test_a_wrong_first_sample_gives_way_to_a_run_of_agreeing_ones() -> None:
    cached = fix_at(0, MERCED)
    true = [fix_at(10 * step, north_of(FRESNO, 150 * step)) for step in range(1, 6)]
    track, verdicts = believe(Track(), cached, *true)
    refused = (FixReason.IMPOSSIBLE_SPEED,)
    assert verdicts == [(), *[refused] * (RUN_THAT_CONVINCES - 1), (), (), ()]
    assert track.latest == true[-1]


def test_the_same_doubted_sample_sent_again_convinces_nobody() -> None:
    wild = fix_at(10, MERCED)
    track, verdicts = believe(Track(), fix_at(0), wild, wild, wild, wild)
    assert track.latest == fix_at(0)
    assert verdicts[2:] == [(FixReason.DUPLICATE,)] * 3


def test_late_samples_convince_nobody() -> None:
    latest = fix_at(0)
    stray = [fix_at(-100 + 10 * n, MERCED) for n in range(RUN_THAT_CONVINCES + 1)]
    track, verdicts = believe(Track(latest=latest), *stray)
    assert track == Track(latest=latest)
    assert verdicts == [(FixReason.IMPOSSIBLE_SPEED,)] * len(stray)


def test_wild_samples_that_contradict_each_other_convince_nobody() -> None:
    wild = [fix_at(10 * n, north_of(MERCED, 60_000 * (n % 2))) for n in range(1, 8)]
    track, verdicts = believe(Track(), fix_at(0), *wild)
    assert track.latest == fix_at(0)
    assert all(verdict == (FixReason.IMPOSSIBLE_SPEED,) for verdict in verdicts[1:])


def test_a_device_that_claims_impossible_speeds_never_convinces() -> None:
    mad = [fix_at(10 * n, MERCED, speed_mps=400) for n in range(1, 8)]
    track, _ = believe(Track(), fix_at(0), *mad)
    assert track.latest == fix_at(0)


def test_a_late_sample_is_believed_and_leaves_the_track_alone() -> None:
    latest = fix_at(0)
    track, verdicts = believe(Track(latest=latest), fix_at(-30, north_of(FRESNO, 100)))
    assert verdicts == [()]
    assert track == Track(latest=latest)


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=-3_000, max_value=3_000),
            st.sampled_from([FRESNO, MERCED, north_of(FRESNO, 500), Point(lat_deg=0, lon_deg=0)]),
        ),
        max_size=20,
    )
)
def test_the_latest_sample_never_goes_back_in_time(steps: list[tuple[int, Point]]) -> None:
    tracks = [Track()]
    for seconds, point in steps:
        tracks.append(advance(tracks[-1], fix_at(seconds, point), NOW + timedelta(hours=1))[0])
    times = [track.latest.fixed_at for track in tracks if track.latest is not None]
    assert all(earlier <= later for earlier, later in pairwise(times))
