"""Geocoding against a small server on this machine."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from geo.geocode import (
    GeocodeOutcome,
    Geocoder,
    GeocoderKind,
    GeopyGeocoder,
    NoGeocoder,
    Precision,
)
from geo.point import Point
from geo.zone import Box

TYPED = "  1221 Fulton st  apt 4, fresno "
HOUSE = Point(lat_deg=36.7365, lon_deg=-119.7902)
FRESNO_COUNTY = Box(south_deg=35.9, west_deg=-120.9, north_deg=37.6, east_deg=-118.3)


class FakeService(ThreadingHTTPServer):
    """Answers every question with ``answer`` and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.answer = b"[]"
        #: answers wait for it; set unless a test wants a service that hangs
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def question(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.asked[-1]).query)


class _Handler(BaseHTTPRequestHandler):
    server: FakeService

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.may_answer.wait()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the test's output clean."""


@pytest.fixture
def service() -> Iterator[FakeService]:
    server = FakeService()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()


def nominatim_answer(**changes: object) -> bytes:
    place = {
        "lat": "36.7365",
        "lon": "-119.7902",
        "display_name": "1221, Fulton Street, Fresno",
        "place_rank": 30,
        "importance": 0.2,
    }
    return json.dumps([{**place, **changes}]).encode()


def feature_answer(**properties: object) -> bytes:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-119.7902, 36.7365]},
        "properties": {"name": "1221 Fulton Street", **properties},
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def test_without_a_geocoder_the_typed_address_is_kept_and_nothing_is_asked() -> None:
    geocoder: Geocoder = NoGeocoder()
    answer = geocoder.geocode(TYPED)
    assert answer.typed_address == TYPED
    assert answer.outcome is GeocodeOutcome.OFF
    assert answer.proposals == ()


def test_nominatim_proposes_a_house_beside_the_address_as_typed(service: FakeService) -> None:
    service.answer = nominatim_answer()
    geocoder: Geocoder = GeopyGeocoder(GeocoderKind.NOMINATIM, service.url, area=FRESNO_COUNTY)
    answer = geocoder.geocode(TYPED, limit=3)
    assert answer.typed_address == TYPED
    assert answer.outcome is GeocodeOutcome.FOUND
    (proposal,) = answer.proposals
    assert proposal.point == HOUSE
    assert proposal.label == "1221, Fulton Street, Fresno"
    assert proposal.precision is Precision.ADDRESS
    assert proposal.confidence is None
    assert service.question()["q"] == [TYPED.strip()]
    assert service.question()["limit"] == ["3"]
    assert service.question()["viewbox"] == ["-120.9,35.9,-118.3,37.6"]


@pytest.mark.parametrize(
    ("changes", "precision"),
    [
        ({"place_rank": 26}, Precision.STREET),
        ({"place_rank": 16}, Precision.AREA),
        ({"place_rank": None}, Precision.UNKNOWN),
    ],
)
def test_nominatims_ranks_tell_a_street_from_a_town(
    service: FakeService, changes: dict[str, object], precision: Precision
) -> None:
    service.answer = nominatim_answer(**changes)
    answer = GeopyGeocoder(GeocoderKind.NOMINATIM, service.url).geocode(TYPED)
    assert [proposal.precision for proposal in answer.proposals] == [precision]


@pytest.mark.parametrize(
    ("word", "precision"),
    [
        ("house", Precision.ADDRESS),
        ("street", Precision.STREET),
        ("city", Precision.AREA),
        (None, Precision.UNKNOWN),
    ],
)
def test_photon_says_what_kind_of_place_it_found(
    service: FakeService, word: str | None, precision: Precision
) -> None:
    service.answer = feature_answer(type=word)
    answer = GeopyGeocoder(GeocoderKind.PHOTON, service.url).geocode(TYPED)
    assert [(p.point, p.precision) for p in answer.proposals] == [(HOUSE, precision)]
    assert service.asked[-1].startswith("/api?")


def test_pelias_rates_its_own_answer(service: FakeService) -> None:
    service.answer = feature_answer(layer="address", confidence=0.87)
    geocoder = GeopyGeocoder(GeocoderKind.PELIAS, f"{service.url}/", area=FRESNO_COUNTY)
    (proposal,) = geocoder.geocode(TYPED).proposals
    assert proposal.confidence == 0.87
    assert proposal.precision is Precision.ADDRESS


def test_a_path_in_front_of_the_service_is_kept(service: FakeService) -> None:
    service.answer = nominatim_answer()
    GeopyGeocoder(GeocoderKind.NOMINATIM, f"{service.url}/maps/").geocode(TYPED)
    assert service.asked[-1].startswith("/maps/search?")


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        (GeocoderKind.NOMINATIM, b"[]"),
        (GeocoderKind.PHOTON, b'{"features":[]}'),
        (GeocoderKind.PELIAS, b'{"features":[]}'),
    ],
)
def test_an_unknown_address_is_an_answer_too(
    service: FakeService, kind: GeocoderKind, empty: bytes
) -> None:
    service.answer = empty
    answer = GeopyGeocoder(kind, service.url).geocode(TYPED)
    assert (answer.outcome, answer.proposals) == (GeocodeOutcome.NOTHING, ())
    assert answer.typed_address == TYPED


def test_a_blank_address_is_not_asked_for(service: FakeService) -> None:
    answer = GeopyGeocoder(GeocoderKind.PHOTON, service.url).geocode("  ")
    assert answer.outcome is GeocodeOutcome.NOTHING
    assert service.asked == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>",
        b"\xff\xfe",
        b'{"hello":1}',
        b"[1]",
        b'[{"lat":"x","lon":"y","display_name":"z"}]',
        b'[{"lat":"1000","lon":"0","display_name":"z"}]',
        b'[{"lat":"1","lon":"0"}]',
        b'[{"lat":"1","lon":"0","display_name":"z","place_rank":"high"}]',
        b'{"error":"boom"}',
    ],
)
@pytest.mark.filterwarnings("ignore:Latitude normalization:UserWarning")
@pytest.mark.parametrize("kind", list(GeocoderKind))
def test_an_answer_that_is_no_answer_fails_without_an_exception(
    service: FakeService, kind: GeocoderKind, garbage: bytes
) -> None:
    service.answer = garbage
    answer = GeopyGeocoder(kind, service.url).geocode(TYPED)
    assert answer.outcome is GeocodeOutcome.FAILED
    assert answer.typed_address == TYPED


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_a_refusal_fails_without_an_exception(service: FakeService, status: int) -> None:
    service.status = status
    answer = GeopyGeocoder(GeocoderKind.NOMINATIM, service.url).geocode(TYPED)
    assert answer.outcome is GeocodeOutcome.FAILED


def test_a_geocoder_that_hangs_is_given_up_after_its_time(service: FakeService) -> None:
    service.may_answer.clear()
    answer = GeopyGeocoder(GeocoderKind.NOMINATIM, service.url, timeout_s=0.1).geocode(TYPED)
    assert answer.outcome is GeocodeOutcome.TIMED_OUT
    assert answer.typed_address == TYPED


def test_a_geocoder_that_is_down_fails_without_an_exception(service: FakeService) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_address[1]
    answer = GeopyGeocoder(GeocoderKind.PHOTON, f"http://127.0.0.1:{port}").geocode(TYPED)
    assert answer.outcome is GeocodeOutcome.FAILED


def test_an_address_stays_inside_whatever_proxy_the_host_has(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    service.answer = nominatim_answer()
    answer = GeopyGeocoder(GeocoderKind.NOMINATIM, service.url).geocode(TYPED)
    assert answer.outcome is GeocodeOutcome.FOUND


def test_no_address_reaches_the_logs(
    service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="geopy")
    geocoder = GeopyGeocoder(GeocoderKind.NOMINATIM, service.url)
    service.answer = nominatim_answer()
    geocoder.geocode(TYPED)
    service.status = 500
    geocoder.geocode(TYPED)
    assert "fulton" not in caplog.text.lower()


@pytest.mark.parametrize(
    "url",
    [
        "nominatim.local",
        "ftp://nominatim.local",
        "http://",
        "http://geo.local/?q=",
        "http://user:secret@geo.local",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="geocoder's URL"):
        GeopyGeocoder(GeocoderKind.PHOTON, url)


@pytest.mark.parametrize(
    "url", ["https://nominatim.openstreetmap.org", "https://PHOTON.komoot.io./x"]
)
def test_a_public_geocoder_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="public geocoder"):
        GeopyGeocoder(GeocoderKind.NOMINATIM, url)


def test_a_geocoder_needs_some_time() -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        GeopyGeocoder(GeocoderKind.PHOTON, "http://geo.local", timeout_s=0)
