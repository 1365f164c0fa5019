"""Posts of tracking apps, with the units right."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.fix import Fix, FixSource
from geo.point import Point
from geo.tracker_values import instant_of, mended, number_of
from geo.trackers import CALLS_FOR_HELP, TrackerPost, Trouble, read_post

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
TAKEN = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
UNIX = int(TAKEN.timestamp())
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
    given = {key: value for key, value in merged.items() if value is not None}
    return read_post(given, b"", NOW)


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


def read(body: bytes) -> TrackerPost:
    return read_post({}, body, NOW)


def forwarded(event: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """What a Traccar server forwards."""
    position = {
        "deviceId": 7,
        "fixTime": "2026-11-20T14:00:00.000+00:00",
        "deviceTime": "2026-11-20T14:00:00.000+00:00",
        "latitude": 36.7378,
        "longitude": -119.7871,
        "speed": 19.438444924406,
        "course": 271.5,
        "accuracy": 12,
        "valid": True,
        "attributes": {"batteryLevel": 85, "motion": True},
        **changes,
    }
    post: dict[str, Any] = {"position": position, "device": {"uniqueId": "car-7"}}
    return msgspec.json.encode(post if event is None else {**post, "event": event})


def test_all_forms_tell_the_same_drive_alike() -> None:
    for post in (osmand(), read(traccar()), read(owntracks()), read(forwarded())):
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
        assert post.troubles == () and post.alarms == ()


@pytest.mark.parametrize("unknown", [-1, "-1", "NaN", "inf", None, "", "?"])
def test_what_is_unknown_in_an_apps_words_is_unknown(unknown: Any) -> None:
    text = None if unknown is None else str(unknown)
    coords = {"accuracy": unknown, "speed": unknown, "heading": unknown}
    posts = [
        osmand(speed=text, bearing=text, accuracy=text, batt=text),
        read(owntracks(acc=unknown, vel=unknown, cog=unknown, batt=unknown)),
        read(traccar(**coords)),
        read(forwarded(accuracy=unknown, course=unknown, speed=unknown, attributes={})),
    ]
    for post in posts:
        fix = only(post)
        assert (fix.accuracy_m, fix.speed_mps) == (None, None)


def test_an_accuracy_of_zero_means_that_the_app_was_told_none() -> None:
    assert only(osmand(accuracy="0")).accuracy_m is None


def test_standing_still_is_a_speed_and_not_unknown() -> None:
    assert only(osmand(speed="0")).speed_mps == 0


@pytest.mark.parametrize(
    "stamp",
    [
        UNIX,
        UNIX * 1000,
        UNIX * 1_000_000,
        UNIX * 1_000_000_000,
        str(UNIX),
        f"{UNIX},0",
        "2026-11-20T14:00:00Z",
        "2026-11-20T06:00:00-08:00",
        "2026-11-20T06:00:00-0800",
        "2026-11-20 14:00:00+00",
        "2026-11-20 14:00:00",
        # Counted from 2001, and by a receiver that has lost 1,024 weeks.
        UNIX - 978_307_200,
        UNIX - 1024 * 7 * 86_400,
    ],
)
def test_a_time_is_read_however_it_is_written(stamp: Any) -> None:
    assert only(osmand(timestamp=str(stamp))).fixed_at == TAKEN
    assert only(read(owntracks(tst=stamp))).fixed_at == TAKEN
    assert only(read(forwarded(fixTime=stamp))).fixed_at == TAKEN


@pytest.mark.parametrize(
    "stamp", ["yesterday", "1e300", "-5", "0001-01-01T00:00:00+14:00", "9999-12-31", "12"]
)
def test_a_wrong_clock_is_told_and_the_newest_place_counts_as_of_its_arrival(stamp: str) -> None:
    post = osmand(timestamp=stamp)
    assert only(post).fixed_at == NOW
    assert post.troubles == (Trouble.WRONG_CLOCK,)
    locations = [
        {"timestamp": stamp, "coords": {"latitude": lat, "longitude": -119.7}} for lat in (36, 37)
    ]
    batch = read(msgspec.json.encode({"location": locations}))
    assert only(batch).point.lat_deg == 37
    assert batch.troubles == (Trouble.WRONG_CLOCK,) * 2


def test_without_a_time_the_sample_counts_as_taken_on_receipt() -> None:
    assert only(osmand(timestamp=None)).fixed_at == NOW


@pytest.mark.parametrize(
    "place",
    ["36.7378,-119.7871", "36,7378,-119,7871", "36.7378; -119.7871", "36,7378 -119,7871"],
)
def test_a_place_may_be_joined_and_have_decimal_commas(place: str) -> None:
    assert only(osmand(lat=None, lon=None, location=place)).point == HERE
    assert only(osmand(lat="36,7378", lon="-119,7871")).point == HERE


def test_numbers_may_be_strings_in_json() -> None:
    assert only(read(traccar(latitude="36.7378", longitude="-119,7871"))).point == HERE
    assert only(read(owntracks(lat="36.7378", lon="-119.7871", tst=str(UNIX)))).point == HERE


@pytest.mark.parametrize(
    ("post", "trouble"),
    [
        ({"valid": "false"}, Trouble.NO_PLACE),
        ({"valid": "0"}, Trouble.NO_PLACE),
        ({"lat": None, "lon": None}, Trouble.NO_PLACE),
        ({"lat": None, "lon": None, "cell": "310,260,1,2"}, Trouble.NO_PLACE),
        ({"lat": "nan", "lon": "nan"}, Trouble.NO_PLACE),
        ({"lat": "north"}, Trouble.BAD_PLACE),
        ({"lon": "181"}, Trouble.BAD_PLACE),
        ({"lat": None, "lon": None, "location": "36.7"}, Trouble.BAD_PLACE),
    ],
)
def test_a_post_without_a_place_is_named_and_not_refused(
    post: dict[str, str | None], trouble: Trouble
) -> None:
    found = osmand(**post)
    assert (found.fixes, found.troubles) == ((), (trouble,))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"7", b"[]", b"{}", b'["x"]', b'{"x":' + b"[" * 50_000, b"no form at all"],
    ids=range(9),
)
def test_what_is_no_post_at_all_is_named_and_not_refused(body: bytes) -> None:
    assert read(body) == TrackerPost(troubles=(Trouble.UNREADABLE,))
    assert read_post({"id": "x"}, body, NOW) == TrackerPost(troubles=(Trouble.UNREADABLE,))


def test_a_heartbeat_or_a_cell_tower_alone_holds_no_place_in_any_form() -> None:
    for body in (
        b'{"device_id":"x","location":{"event":"heartbeat"}}',
        b'{"_type":"location","tst":1}',
        b'{"device":{"uniqueId":"x"},"position":null}',
        forwarded(latitude=None, longitude=None),
    ):
        assert read(body).fixes == ()
        assert read(body).troubles == (Trouble.NO_PLACE,)


@pytest.mark.parametrize(
    "kind", ["lwt", "waypoint", "waypoints", "status", "card", "beacon", "request", "dump", "cmd"]
)
def test_owntracks_messages_other_than_positions_are_no_trouble(kind: str) -> None:
    assert read(owntracks(_type=kind)) == TrackerPost()


def test_an_owntracks_transition_tells_where_the_device_is() -> None:
    assert only(read(owntracks(_type="transition", event="enter", desc="home"))).point == HERE


def test_encrypted_owntracks_posts_are_named() -> None:
    post = read(b'{"_type":"encrypted","data":"AAAA"}')
    assert post == TrackerPost(troubles=(Trouble.ENCRYPTED,))


def test_one_bad_sample_takes_no_good_one_along() -> None:
    good = {"timestamp": "2026-11-20T14:00:00Z", "coords": {"latitude": 36, "longitude": -119}}
    bad = {"timestamp": "2026-11-20T14:00:01Z", "coords": {"latitude": 99, "longitude": -119}}
    for body in ({"location": [good, bad, 7, good]}, [{"location": good}, {"location": bad}, good]):
        post = read(msgspec.json.encode(body))
        assert len(post.fixes) == 2
        assert Trouble.BAD_PLACE in post.troubles


def test_several_locations_keep_their_own_times_and_ids() -> None:
    batch = [
        {
            "timestamp": f"2026-11-20T14:00:0{n}Z",
            "coords": {"latitude": 36.7, "longitude": -119.7},
            "uuid": f"u{n}",
        }
        for n in range(3)
    ]
    post = read(traccar(batch))
    assert [fix.fixed_at for fix in post.fixes] == [TAKEN + timedelta(seconds=n) for n in range(3)]
    assert [fix.fix_id for fix in post.fixes] == ["u0", "u1", "u2"]


# Calls for help


@pytest.mark.parametrize("word", ["sos", "SOS", "sos,lowBattery", "panic", "fallDown", "general"])
def test_a_call_for_help_is_one_in_every_form(word: str) -> None:
    location = {
        "timestamp": "2026-11-20T14:00:00Z",
        "coords": {"latitude": 36.7, "longitude": -119.7},
    }
    posts = [
        osmand(alarm=word),
        read(traccar({**location, "extras": {"alarm": word}})),
        read(traccar({**location, "extras": {"event": word}})),
        read(traccar({**location, "event": word})),
        read(owntracks(alarm=word)),
        read(forwarded(attributes={"alarm": word})),
        read(forwarded({"type": "alarm", "attributes": {"alarm": word}, "eventTime": UNIX})),
    ]
    for post in posts:
        assert {alarm.at for alarm in post.alarms} == {TAKEN}
        assert len(post.fixes) == 1


def test_help_is_heard_without_a_place_or_a_time() -> None:
    assert osmand(lat=None, lon=None, timestamp=None, alarm="sos").alarms[0].at is None
    assert read_post({"sos": "1"}, b"", NOW).alarms
    assert read(b'{"device_id":"x","alarm":"sos"}').alarms
    assert read(b'{"_type":"lwt","alarm":"sos"}').alarms


@pytest.mark.parametrize("word", ["lowBattery", "tampering", "powerCut", "overspeed", "geofence"])
def test_other_alarms_are_counted_and_call_nobody(word: str) -> None:
    post = osmand(alarm=word)
    assert (post.alarms, post.troubles) == ((), (Trouble.OTHER_ALARM,))
    assert only(post).point == HERE


@pytest.mark.parametrize("word", ["", "0", "false", "none"])
def test_no_alarm_is_no_alarm(word: str) -> None:
    assert osmand(alarm=word).alarms == ()
    assert read(traccar()).alarms == ()
    assert osmand(event="motionchange").alarms == ()


def test_every_word_for_help_is_compared_as_devices_write_it() -> None:
    assert all(word == word.lower() and word.isalnum() for word in CALLS_FOR_HELP)


# Still there


@pytest.mark.parametrize(
    "body",
    [
        owntracks(t="p", created_at=UNIX + 4),
        forwarded(speed=0, attributes={}, deviceTime="2026-11-20T14:00:04Z"),
    ],
)
def test_a_ping_says_until_when_the_device_was_still_there(body: bytes) -> None:
    fix = only(read(body))
    assert fix.fixed_at == TAKEN
    assert fix.seen_at == TAKEN + timedelta(seconds=4)


def test_a_device_that_moves_is_not_said_to_stand_where_it_was() -> None:
    moving = forwarded(deviceTime="2026-11-20T14:00:04Z")
    assert only(read(moving)).seen_at is None


# Values


def test_numbers_are_read_as_they_are_written() -> None:
    written: dict[Any, float] = {"1,5": 1.5, " 1.5 ": 1.5, 1.5: 1.5, "-0,5": -0.5, "1e2": 100}
    assert {text: number_of(text) for text in written} == written
    nothing: tuple[Any, ...] = (True, None, "x", "inf", [], 10**400)
    assert [number_of(one) for one in nothing] == [None] * len(nothing)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)))  # noqa: DTZ001 - made aware below
def test_a_right_clock_is_never_mended(now: datetime) -> None:
    at = now.replace(tzinfo=UTC)
    assert mended(at, at) == at
    assert mended(at - timedelta(days=100), at) is None
    assert instant_of(at.isoformat()) == at


_VALUES = st.text("0123456789.,:-+eTZ naif", max_size=12) | st.floats().map(str)


@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "lat", "lon", "timestamp", "speed", "bearing", "batt", "accuracy", "location"]
        ),
        _VALUES,
    )
)
def test_no_osmand_post_breaks_the_reader(params: dict[str, str]) -> None:
    for fix in read_post(params, b"", NOW).fixes:
        assert msgspec.convert(msgspec.to_builtins(fix), Fix) == fix


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "_type",
                        "lat",
                        "lon",
                        "tst",
                        "t",
                        "created_at",
                        "location",
                        "coords",
                        "alarm",
                    ),
                    *("latitude", "longitude", "timestamp", "position", "event", "attributes"),
                    *("extras", "type", "battery", "level", "fixTime", "deviceTime", "speed"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_json_breaks_the_reader(value: Any) -> None:
    for fix in read(msgspec.json.encode(value)).fixes:
        assert msgspec.convert(msgspec.to_builtins(fix), Fix) == fix


@given(
    st.floats(min_value=-90, max_value=90),
    st.floats(min_value=-180, max_value=180),
    st.floats(min_value=0, max_value=60),
    st.integers(min_value=0, max_value=172_000),
)
def test_what_an_app_sends_comes_back_in_our_units(
    lat: float, lon: float, mps: float, ago: int
) -> None:
    # There no receiver is: it doesn't know yet.
    assume(lat or lon)
    unix = int(NOW.timestamp()) - ago
    fixes = [
        only(
            osmand(lat=repr(lat), lon=repr(lon), speed=repr(mps * 3600 / 1852), timestamp=str(unix))
        ),
        only(read(owntracks(lat=lat, lon=lon, vel=mps * 3.6, tst=unix))),
    ]
    for fix in fixes:
        assert fix.point == Point(lat_deg=lat, lon_deg=lon)
        assert fix.speed_mps == pytest.approx(mps)
        assert fix.fixed_at == datetime.fromtimestamp(unix, UTC)


# What others send


@pytest.mark.parametrize("word", ["sos", "panic", "sosButton", "Emergency call", "panic_pressed"])
def test_a_call_for_help_in_json_without_a_room_of_its_own_keeps_word_and_place(word: str) -> None:
    flat = {"lat": 36.7378, "lon": -119.7871, "timestamp": UNIX}
    for name in ("event", "alarm"):
        post = read(msgspec.json.encode({**flat, name: word}))
        assert [alarm.at for alarm in post.alarms] == [TAKEN]
        assert only(post).point == HERE


def test_a_batch_in_geojson_tells_where_the_device_was() -> None:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-119.7871, 36.7378]},
        "properties": {
            "timestamp": "2026-11-20T14:00:00Z",
            "horizontal_accuracy": 12,
            "speed": 10,
            "course": -1,
            "battery_level": 0.85,
        },
    }
    bare = [{"type": "Feature", "geometry": {"coordinates": 1}}, {"geometry": None}]
    post = read(msgspec.json.encode({"locations": [*bare, feature, None]}))
    assert sorted(post.troubles) == [Trouble.NO_PLACE, Trouble.NO_PLACE, Trouble.UNREADABLE]
    fix = only(post)
    assert (fix.point, fix.fixed_at, fix.accuracy_m, fix.speed_mps) == (HERE, TAKEN, 12, 10)
    assert (fix.heading_deg, fix.battery) == (None, 0.85)


def test_a_place_in_a_location_without_coords_is_read() -> None:
    place = {"lat": 36.7378, "lng": -119.7871, "timestamp": UNIX}
    assert only(read(msgspec.json.encode({"location": place}))).point == HERE


@pytest.mark.parametrize("name", ["location", "locations", "features"])
def test_a_batch_of_nothing_is_counted(name: str) -> None:
    for nothing in ("[]", "{}"):
        assert read(f'{{"{name}": {nothing}}}'.encode()).troubles == (Trouble.NO_PLACE,)


def test_a_forwarded_position_of_a_receiver_without_satellites_is_no_place() -> None:
    post = read(forwarded(valid=False, attributes={"alarm": "sos"}))
    assert (post.fixes, post.troubles) == ((), (Trouble.NO_PLACE,))
    assert post.alarms
