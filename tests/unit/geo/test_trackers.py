"""Posts of tracking apps, with the units right."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.fix import Fix, FixSource
from geo.point import Point
from geo.trackers import (
    TrackerError,
    TrackerPost,
    parse_osmand,
    parse_owntracks,
    parse_traccar_json,
)

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
TAKEN = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
UNIX = int(TAKEN.timestamp())
THERE = {"latitude": 36.7, "longitude": -119.7}
HERE = Point(lat_deg=36.7378, lon_deg=-119.7871)


def only(post: TrackerPost) -> Fix:
    (fix,) = post.fixes
    return fix


def osmand(**changes: str | None) -> TrackerPost:
    params = {
        "id": "car-7",
        "timestamp": str(UNIX),
        "lat": "36.7378",
        "lon": "-119.7871",
        "speed": "19.438444924406",
        "bearing": "271.5",
        "accuracy": "12.0",
        "batt": "85",
        "altitude": "90",
    }
    merged = {**params, **changes}
    return parse_osmand({key: value for key, value in merged.items() if value is not None}, NOW)


def traccar(location: object = None, **coords: object) -> bytes:
    place = {"latitude": 36.7378, "longitude": -119.7871, "accuracy": 12, "speed": 10, **coords}
    return msgspec.json.encode(
        {
            "device_id": "48241179",
            "location": location
            or {
                "timestamp": "2026-11-20T06:00:00.000-08:00",
                "coords": {"heading": 271.5, "altitude": 90, **place},
                "is_moving": True,
                "battery": {"level": 0.85, "is_charging": False},
                "activity": {"type": "in_vehicle"},
                "extras": {},
            },
        }
    )


def owntracks(**changes: object) -> bytes:
    return msgspec.json.encode(
        {
            "_type": "location",
            "lat": 36.7378,
            "lon": -119.7871,
            "tst": UNIX,
            "acc": 12,
            "vel": 36,
            "cog": 271.5,
            "batt": 85,
            "tid": "c7",
            "topic": "owntracks/crisis/car-7",
            "t": "u",
            **changes,
        }
    )


def test_all_three_apps_tell_the_same_drive_alike() -> None:
    posts = [
        osmand(),
        parse_traccar_json(traccar(), NOW),
        parse_owntracks(owntracks(), NOW),
    ]
    for post in posts:
        fix = only(post)
        assert fix.point == HERE
        assert fix.fixed_at == TAKEN
        assert fix.fixed_at.utcoffset() == timedelta(0)
        assert fix.received_at == NOW
        assert fix.accuracy_m == 12
        assert fix.speed_mps == pytest.approx(10)  # 19.44 knots, 10 m/s, 36 km/h
        assert fix.heading_deg == 271.5
        assert fix.battery == pytest.approx(0.85)
        assert fix.source is FixSource.TRACKER
    assert [post.device_id for post in posts] == ["car-7", "48241179", "owntracks/crisis/car-7"]


def test_minus_one_means_unknown_in_every_app() -> None:
    unknown = [
        osmand(speed="-1", bearing="-1", accuracy="-1", batt="-1"),
        parse_traccar_json(
            traccar(
                {
                    "timestamp": "2026-11-20T14:00:00Z",
                    "coords": {
                        "latitude": 36.7378,
                        "longitude": -119.7871,
                        "accuracy": -1,
                        "speed": -1,
                        "heading": -1,
                    },
                    "battery": {"level": -1},
                }
            ),
            NOW,
        ),
        parse_owntracks(owntracks(acc=-1, vel=-1, cog=-1, batt=-1), NOW),
    ]
    for post in unknown:
        fix = only(post)
        assert fix.accuracy_m is None
        assert fix.speed_mps is None
        assert fix.heading_deg is None
        assert fix.battery is None


def test_what_an_app_leaves_out_is_unknown_too() -> None:
    bare = [
        osmand(speed=None, bearing=None, accuracy="", batt=None),
        parse_owntracks(owntracks(acc=None, vel=None, cog=None, batt=None), NOW),
    ]
    for post in bare:
        assert only(post) == Fix(
            fixed_at=TAKEN, received_at=NOW, point=HERE, source=FixSource.TRACKER
        )


def test_an_accuracy_of_zero_means_that_the_app_was_told_none() -> None:
    assert only(osmand(accuracy="0")).accuracy_m is None


def test_standing_still_is_a_speed_and_not_unknown() -> None:
    assert only(osmand(speed="0")).speed_mps == 0


@pytest.mark.parametrize(
    "stamp",
    [
        str(UNIX),
        str(UNIX * 1000),
        "2026-11-20T14:00:00Z",
        "2026-11-20T06:00:00-08:00",
        "2026-11-20 14:00:00",
    ],
)
def test_osmand_writes_its_time_in_several_forms(stamp: str) -> None:
    assert only(osmand(timestamp=stamp)).fixed_at == TAKEN


def test_without_a_time_the_sample_counts_as_taken_on_receipt() -> None:
    assert only(osmand(timestamp=None)).fixed_at == NOW


def test_osmand_may_join_the_place_and_use_other_names() -> None:
    post = osmand(
        id=None, deviceid="x", lat=None, lon=None, location="36.7378,-119.7871", heading="9"
    )
    assert post.device_id == "x"
    assert only(post).point == HERE
    assert only(osmand(bearing=None, heading="9")).heading_deg == 9


def test_a_receiver_without_a_position_gives_no_sample() -> None:
    assert osmand(valid="false").fixes == ()
    assert osmand(valid="0").fixes == ()
    assert len(osmand(valid="true").fixes) == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": None}, "^id is missing$"),
        ({"lat": None}, "lat and lon"),
        ({"lat": "north"}, "^lat is no number$"),
        ({"lat": "nan"}, "latitude must be a number"),
        ({"lon": "181"}, "longitude must be a number"),
        ({"location": "36.7"}, "latitude,longitude"),
        ({"timestamp": "yesterday"}, "timestamp can't be read"),
        ({"timestamp": "nan"}, "timestamp is out of range"),
        ({"timestamp": "1e300"}, "timestamp is out of range"),
        ({"timestamp": "-5"}, "timestamp is out of range"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp is out of range"),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp is out of range"),
        ({"speed": "fast"}, "^speed is no number$"),
    ],
)
def test_an_osmand_post_that_can_not_be_read_is_refused(
    changes: dict[str, str | None], complaint: str
) -> None:
    with pytest.raises(TrackerError, match=complaint):
        osmand(**changes)


def test_several_traccar_locations_keep_their_own_times_and_ids() -> None:
    batch = [
        {
            "timestamp": f"2026-11-20T14:00:0{n}Z",
            "coords": {"latitude": 36.7, "longitude": -119.7},
            "uuid": f"u{n}",
        }
        for n in range(3)
    ]
    post = parse_traccar_json(traccar(batch), NOW)
    assert [fix.fixed_at for fix in post.fixes] == [TAKEN + timedelta(seconds=n) for n in range(3)]
    assert [fix.fix_id for fix in post.fixes] == ["u0", "u1", "u2"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"device_id":"x"}',
        traccar(latitude="36"),
        traccar(latitude=91),
        b"\xff",
        b'{"x":' + b"[" * 50_000,
        traccar([{"timestamp": "0001-01-01T00:00:00+14:00", "coords": THERE}]),
        traccar([{"timestamp": "9999-12-31T23:59:59-14:00", "coords": THERE}]),
    ],
    ids=range(9),
)
def test_a_traccar_post_that_can_not_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(TrackerError):
        parse_traccar_json(body, NOW)


def test_owntracks_is_known_by_sign_in_else_topic_else_tracker_id() -> None:
    assert parse_owntracks(owntracks(), NOW, "seven").device_id == "seven"
    assert parse_owntracks(owntracks(topic=None), NOW).device_id == "c7"
    with pytest.raises(TrackerError, match="topic and tid are missing"):
        parse_owntracks(owntracks(topic=None, tid=None), NOW)


def test_an_owntracks_message_nested_without_end_is_refused() -> None:
    with pytest.raises(TrackerError):
        parse_owntracks(b'{"_type":"location","x":' + b"[" * 50_000, NOW)


def test_owntracks_messages_other_than_positions_give_no_sample() -> None:
    assert parse_owntracks(b'{"_type":"lwt","tst":1,"tid":"c7"}', NOW).fixes == ()


def test_encrypted_owntracks_posts_are_refused_with_the_remedy() -> None:
    with pytest.raises(TrackerError, match="clear its encryption key"):
        parse_owntracks(b'{"_type":"encrypted","data":"AAAA"}', NOW)


@pytest.mark.parametrize("changes", [{"tst": None}, {"lat": None}, {"lat": 91}, {"tst": 1e300}])
def test_an_owntracks_position_that_can_not_be_read_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(TrackerError):
        parse_owntracks(owntracks(**changes), NOW)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "id",
                "lat",
                "lon",
                "timestamp",
                "speed",
                "bearing",
                "batt",
                "accuracy",
                "location",
                "valid",
            ]
        ),
        st.text("0123456789.,:-+eTZ naif", max_size=12) | st.floats().map(str),
    )
)
def test_no_osmand_post_breaks_the_reader(params: dict[str, str]) -> None:
    try:
        post = parse_osmand(params, NOW)
    except TrackerError:
        return
    for fix in post.fixes:
        assert msgspec.convert(msgspec.to_builtins(fix), Fix) == fix


@given(
    st.floats(min_value=-90, max_value=90),
    st.floats(min_value=-180, max_value=180),
    st.floats(min_value=0, max_value=60),
    st.integers(min_value=0, max_value=4_000_000_000),
)
def test_what_an_app_sends_comes_back_in_our_units(
    lat: float, lon: float, mps: float, unix: int
) -> None:
    fixes = [
        only(
            osmand(lat=repr(lat), lon=repr(lon), speed=repr(mps * 3600 / 1852), timestamp=str(unix))
        ),
        only(parse_owntracks(owntracks(lat=lat, lon=lon, vel=mps * 3.6, tst=unix), NOW)),
    ]
    for fix in fixes:
        assert fix.point == Point(lat_deg=lat, lon_deg=lon)
        assert fix.speed_mps == pytest.approx(mps)
        assert fix.fixed_at == datetime.fromtimestamp(unix, UTC)
