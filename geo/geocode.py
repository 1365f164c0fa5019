"""Turns a typed address into proposals for a point, by a geocoder the county runs itself.

The one module of this package that does I/O: blocking HTTP through geopy, so that the caller runs
it in a thread. Off by default, and public services are refused: the addresses are those of people
in crisis. A proposal never replaces what was typed. Must not know incidents or callers.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

import msgspec
from geopy.adapters import URLLibAdapter
from geopy.exc import GeocoderTimedOut, GeopyError
from geopy.geocoders import Nominatim, Pelias, Photon

from geo.point import Point
from geo.zone import Box

#: Hosts that anyone may ask, and that would learn where people in crisis are.
PUBLIC_HOSTS = frozenset(
    {"nominatim.openstreetmap.org", "photon.komoot.io", "photon.komoot.de", "api.geocode.earth"}
)

_USER_AGENT = "crisis-dispatch"


class GeocoderKind(StrEnum):
    """Software that a county can run on its own machines."""

    NOMINATIM = "nominatim"
    PHOTON = "photon"
    PELIAS = "pelias"


class Precision(StrEnum):
    """What a proposal stands for; anything but an address must be looked at before it is used."""

    ADDRESS = "address"  # a house, an entrance, a named place
    STREET = "street"  # somewhere along a street
    AREA = "area"  # the middle of a town, a district, a postcode
    UNKNOWN = "unknown"


class GeocodeOutcome(StrEnum):
    """How a look-up went."""

    FOUND = "found"
    NOTHING = "nothing"
    OFF = "off"  # no geocoder is set up
    TIMED_OUT = "timed_out"
    FAILED = "failed"  # unreachable, refused, or not understood


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One place that the typed address may mean."""

    point: Point
    #: the geocoder's wording of the place, shown beside the typed one
    label: str
    precision: Precision
    #: 0..1 as the geocoder rates itself; None = it doesn't
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class Geocoded(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed, kept to the letter, and what it may mean, best first."""

    typed_address: str
    outcome: GeocodeOutcome
    proposals: tuple[Proposal, ...] = ()


class Geocoder(Protocol):
    """Anything that proposes points for an address."""

    def geocode(self, typed_address: str, limit: int = 5) -> Geocoded:
        """Return at most ``limit`` proposals. Blocks; never raises for a geocoder's failure.

        A dispatcher goes on with a pin on the map whatever the outcome.
        """
        ...


class NoGeocoder:
    """The default: every address stays what was typed, and nothing leaves the machine."""

    def geocode(self, typed_address: str, limit: int = 5) -> Geocoded:
        """Return the typed address with the outcome ``off``."""
        return Geocoded(typed_address=typed_address, outcome=GeocodeOutcome.OFF)


class GeopyGeocoder:
    """A geocoder of the county's own, asked through geopy.

    Args:
        kind: the software behind ``url``.
        url: ``http(s)://host[:port][/path]``, without query.
        timeout_s: seconds after which the look-up counts as timed out, > 0.
        area: where the county lies. Nominatim then prefers places there; Photon and Pelias know no
            others.

    Raises:
        ValueError: no such URL, or a public service.
    """

    def __init__(
        self, kind: GeocoderKind, url: str, *, timeout_s: float = 3.0, area: Box | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the geocoder's URL must be http(s)://host[:port][/path]")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("the geocoder's URL must have no query, fragment or sign-in")
        if parts.hostname.lower().rstrip(".") in PUBLIC_HOSTS:
            raise ValueError(
                f"{parts.hostname} is a public geocoder: it would learn where people in crisis "
                "are; run your own and give its URL"
            )
        if not timeout_s > 0:
            raise ValueError("timeout_s must be above 0")
        # geopy logs every URL, address included, and the bodies of refusals.
        logging.getLogger("geopy").disabled = True
        self._kind = kind
        self._ask = _asker(
            kind,
            area,
            {
                "domain": parts.netloc + parts.path.rstrip("/"),
                "scheme": parts.scheme,
                "timeout": timeout_s,
                "user_agent": _USER_AGENT,
                # The host's proxy settings are for the world outside; an address stays inside.
                "proxies": {},
                "adapter_factory": URLLibAdapter,
            },
        )

    def geocode(self, typed_address: str, limit: int = 5) -> Geocoded:
        """Ask the geocoder; blocks for at most about ``timeout_s``."""
        query = typed_address.strip()
        if not query or limit < 1:
            return Geocoded(typed_address=typed_address, outcome=GeocodeOutcome.NOTHING)
        try:
            found = self._ask(query, limit) or []
            proposals = tuple(_proposal(self._kind, place) for place in found[:limit])
        except GeocoderTimedOut:
            return Geocoded(typed_address=typed_address, outcome=GeocodeOutcome.TIMED_OUT)
        except (GeopyError, OSError, LookupError, TypeError, ValueError, AttributeError):
            # geopy reads the answer's fields without looking, so that a foreign one ends in any of
            # these. The reason stays out: its text may quote the address.
            return Geocoded(typed_address=typed_address, outcome=GeocodeOutcome.FAILED)
        return Geocoded(
            typed_address=typed_address,
            outcome=GeocodeOutcome.FOUND if proposals else GeocodeOutcome.NOTHING,
            proposals=proposals,
        )


def _asker(
    kind: GeocoderKind, area: Box | None, settings: dict[str, Any]
) -> Callable[[str, int], Any]:
    """Return how to ask ``kind``: their parameters for number and area of results differ."""
    corners = (
        None if area is None else ((area.south_deg, area.west_deg), (area.north_deg, area.east_deg))
    )
    match kind:
        case GeocoderKind.NOMINATIM:
            nominatim = Nominatim(**settings)
            return lambda query, limit: nominatim.geocode(
                query, exactly_one=False, limit=limit, viewbox=corners
            )
        case GeocoderKind.PHOTON:
            photon = Photon(**settings)
            return lambda query, limit: photon.geocode(
                query, exactly_one=False, limit=limit, bbox=corners
            )
        case GeocoderKind.PELIAS:
            pelias = Pelias(**settings)
            return lambda query, _limit: pelias.geocode(
                query, exactly_one=False, boundary_rect=corners
            )


class _Rated(msgspec.Struct):
    """The fields of a Photon or Pelias feature that rate it."""

    type: str | None = None
    layer: str | None = None
    confidence: float | None = None


class _Raw(msgspec.Struct):
    """The fields of a geocoder's answer that geopy leaves unread."""

    place_rank: int | None = None
    properties: _Rated | None = None


_PRECISION_WORDS = {
    "house": Precision.ADDRESS,
    "address": Precision.ADDRESS,
    "venue": Precision.ADDRESS,
    "street": Precision.STREET,
}
# Nominatim's ranks: 30 = house or place of interest, 28 = its nearest kin, 26 and 27 = streets.
_ADDRESS_RANK = 28
_STREET_RANK = 26


def _proposal(kind: GeocoderKind, place: Any) -> Proposal:
    raw = msgspec.convert(place.raw, _Raw)
    rated = raw.properties or _Rated()
    confidence = rated.confidence
    return Proposal(
        point=Point(lat_deg=float(place.latitude), lon_deg=float(place.longitude)),
        label=str(place.address),
        precision=_precision(kind, raw.place_rank, rated),
        confidence=None if confidence is None else min(1.0, max(0.0, confidence)),
    )


def _precision(kind: GeocoderKind, place_rank: int | None, rated: _Rated) -> Precision:
    if kind is GeocoderKind.NOMINATIM:
        if place_rank is None:
            return Precision.UNKNOWN
        if place_rank >= _ADDRESS_RANK:
            return Precision.ADDRESS
        return Precision.STREET if place_rank >= _STREET_RANK else Precision.AREA
    word = rated.type if kind is GeocoderKind.PHOTON else rated.layer
    return Precision.UNKNOWN if word is None else _PRECISION_WORDS.get(word, Precision.AREA)
