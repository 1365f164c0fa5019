"""What each tracking app sends by its own documentation, and what happens to that on its way."""

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest

from geo.fix import Fix
from geo.point import Point
from geo.trackers import MOST_UNPACKED, TrackerPost, Trouble, read_post

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
TAKEN = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
UNIX = int(TAKEN.timestamp())
HERE = Point(lat_deg=36.7378, lon_deg=-119.7871)
PLACE = {"lat": "36.7378", "lon": "-119.7871"}


def only(post: TrackerPost) -> Fix:
    (fix,) = post.fixes
    return fix


def json_post(value: Any) -> TrackerPost:
    return read_post({}, msgspec.json.encode(value), NOW)


def feature(lon: float, at: str) -> dict[str, Any]:
    """A location as Overland writes it."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, 36.7378]},
        "properties": {
            "timestamp": at,
            "altitude": 0,
            "speed": 4,
            "horizontal_accuracy": 30,
            "vertical_accuracy": -1,
            "motion": ["driving", "stationary"],
            "battery_state": "charging",
            "battery_level": 0.89,
            "device_id": "",
            "wifi": "",
        },
    }


def test_overland_tells_beside_a_batch_of_long_ago_where_it_is_now() -> None:
    old = feature(-119.9, "2026-11-20T04:00:00-0800")
    here = feature(-119.7871, "2026-11-20T06:00:00-0800")
    post = json_post({"locations": [old], "current": here, "trip": {"current_location": here}})
    assert post.fixes[-1].point == HERE and post.fixes[-1].fixed_at == TAKEN
    assert not post.troubles and post.wants_ok
    # Neither is there always, and an empty one is no place that was lacking.
    assert json_post({"locations": [here], "current": None, "trip": {}}).troubles == ()


@pytest.mark.parametrize("body", [b'{"locations": [{"type": "Feat', b'{"locations":[]}'])
def test_overland_is_known_by_what_was_cut_off_on_its_way(body: bytes) -> None:
    assert read_post({}, body, NOW).wants_ok


def test_no_other_app_waits_for_words() -> None:
    others: list[Any] = [
        {"_type": "location", "lat": 1, "lon": 2},
        {"location": {}},
        [],
        {"lat": 1},
    ]
    for value in others:
        assert not json_post(value).wants_ok


@pytest.mark.parametrize(
    "stamp",
    [
        *("2026-11-20T14:00:00+00:00", "2026-11-20T14:00:00+0000", "2026-11-20T14:00:00+00"),
        *("2026-11-20 15:00:00+01:00", "2026-11-20T19:30:00.000+05:30", "20261120T140000+0000"),
    ],
)
def test_a_zone_whose_plus_became_a_space_in_a_form_is_read(stamp: str) -> None:
    for written in (urlencode({**PLACE, "timestamp": stamp}), f"lat=36.7378&timestamp={stamp}"):
        asked = dict(parse_qsl(written))
        fix = only(read_post({**PLACE, **asked}, b"", NOW))
        assert fix.fixed_at == TAKEN, asked


def test_digits_of_other_scripts_are_digits() -> None:
    def arabic(text: str) -> str:
        return "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in text)

    params = {
        "lat": arabic("36.7378").replace(".", "\u066b"),
        "lon": "-" + arabic("119.7871"),
        "timestamp": arabic("2026-11-20T14:00:00Z"),
        "batt": arabic("85"),
    }
    fix = only(read_post(params, b"", NOW))
    assert (fix.point, fix.fixed_at, fix.battery) == (HERE, TAKEN, 0.85)


def test_a_packed_body_is_read_and_one_that_would_fill_the_memory_is_not() -> None:
    body = msgspec.json.encode({"locations": [feature(-119.7871, "2026-11-20T14:00:00Z")]})
    post = read_post({}, gzip.compress(body), NOW)
    assert only(post).point == HERE and post.wants_ok
    bomb = gzip.compress(b"[" + b" " * (MOST_UNPACKED + 1) + b"]")
    for packed in (bomb, gzip.compress(body)[:40], b"\x1f\x8b"):
        post = read_post({}, packed, NOW)
        assert not post.fixes and post.troubles


@pytest.mark.parametrize("zero", ["0", "0.0", "-0.0", "0,0"])
def test_a_receiver_that_does_not_know_where_it_is_yet_is_nowhere(zero: str) -> None:
    post = read_post({"lat": zero, "lon": zero, "timestamp": str(UNIX)}, b"", NOW)
    assert (post.fixes, post.troubles) == ((), (Trouble.NO_PLACE,))


@pytest.mark.parametrize(
    "value",
    [
        # GPSLogger and PhoneTrack, with the names that their own examples use.
        {**PLACE, "time": "2026-11-20T14:00:00.000Z", "acc": "12", "bat": "85", "dir": "271.5"},
        {**PLACE, "timestamp": str(UNIX), "acc": "12", "batt": "85", "bearing": "271.5"},
        # GPSLogger as Home Assistant takes it, and Home Assistant's own app.
        {
            "latitude": "36.7378",
            "longitude": "-119.7871",
            "accuracy": "12",
            "battery": "85",
            "direction": "271.5",
            "timestamp": str(UNIX),
        },
        {
            "type": "update_location",
            "data": {
                "gps": [36.7378, -119.7871],
                "gps_accuracy": 12,
                "battery": 85,
                "course": 271.5,
                "timestamp": UNIX,
            },
        },
        # Tasker, and Colota.
        {"location": "36.7378,-119.7871", "acc": "12", "time": str(UNIX), "batt": 85, "dir": 271.5},
        {**PLACE, "acc": 12, "batt": 85, "bs": 2, "tst": UNIX, "bear": 271.5},
        # A Traccar server's address, with its own names in it.
        {
            "latitude": "36.7378",
            "longitude": "-119.7871",
            "fixTime": str(UNIX * 1000),
            "accuracy": "12",
            "course": "271.5",
            "batteryLevel": "85",
        },
    ],
)
def test_apps_whose_address_one_writes_oneself_are_read_by_their_usual_names(
    value: dict[str, Any],
) -> None:
    forms = [] if "fixTime" in value else [json_post(value)]
    if all(isinstance(one, str) for one in value.values()):
        forms += [read_post(value, b"", NOW), read_post({}, urlencode(value).encode(), NOW)]
    for post in forms:
        fix = only(post)
        assert (fix.point, fix.fixed_at, fix.accuracy_m) == (HERE, TAKEN, 12), value
        assert (fix.heading_deg, fix.battery) == (271.5, 0.85)


def test_of_five_thousand_samples_none_is_lost() -> None:
    start = TAKEN - timedelta(hours=4)
    rows = [feature(-119.7, (start + timedelta(seconds=n)).isoformat()) for n in range(5_000)]
    assert len(json_post({"locations": rows}).fixes) == 5_000


def test_what_is_nested_beyond_measure_is_only_unreadable() -> None:
    for opening, closing in (("[", "]"), ('{"location":', "}"), ('{"data":', "}")):
        for deep in (400, 900, 20_000):
            body = (opening * deep + "1" + closing * deep).encode()
            assert not read_post({}, body, NOW).fixes


ALARM = {"alarm": "sos", "batteryLevel": 85}


def test_a_traccar_server_that_forwards_by_address_tells_its_alarms_in_a_field_of_json() -> None:
    params = {
        "id": "861234",
        "latitude": "36.7378",
        "longitude": "-119.7871",
        "fixTime": str(UNIX * 1000),
        "attributes": msgspec.json.encode(ALARM).decode(),
    }
    for post in (read_post(params, b"", NOW), read_post({}, urlencode(params).encode(), NOW)):
        fix = only(post)
        assert (fix.point, fix.battery) == (HERE, 0.85)
        assert [(alarm.word, alarm.at) for alarm in post.alarms] == [("sos", TAKEN)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"location": {"coords": {"latitude": 36.7378}, "extras": {"alarm": "sos"',
        b'{"_type": "location", "event" : "panic", "lat": 36.',
        b'[{"lat": 36.7378, "lon": -119.7871}, {"sos": true, "lat": 36',
        b'{"alarm": "sos"}\xff{',
    ],
)
def test_a_call_for_help_is_heard_in_what_was_cut_off_on_its_way(body: bytes) -> None:
    post = read_post({}, body, NOW)
    assert post.alarms and Trouble.UNREADABLE in post.troubles


@pytest.mark.parametrize(
    "body", [b'{"event": "motionchange", "lat": 3', b'{"alarm": null, "la', b'{"alarm": "lowBatt']
)
def test_a_wreck_that_calls_for_nobody_calls_for_nobody(body: bytes) -> None:
    assert not read_post({}, body, NOW).alarms


def test_several_texts_of_json_and_forms_of_all_kinds_are_read() -> None:
    place = msgspec.json.encode({"lat": 36.7378, "lon": -119.7871, "timestamp": UNIX})
    assert len(read_post({}, place + b"\n" + place + b"\x00", NOW).fixes) == 2
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**PLACE, "timestamp": UNIX, "alarm": "sos"}.items()
    ]
    for body in (
        ("".join(parts) + "--x--\r\n").encode(),
        urlencode({"data": place.decode(), "alarm": "sos"}).encode(),
    ):
        post = read_post({}, body, NOW)
        assert only(post).point == HERE and [alarm.word for alarm in post.alarms] == ["sos"]
