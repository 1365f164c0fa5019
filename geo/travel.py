"""How long teams need to a place: the protocol, and the estimate that needs no road data.

``CalibratedEstimate`` guesses from the straight line, and says how unsure it is: rivers and hills
between a team and the place are unknown to it. Road engines answer the same protocol better.
Must not know who travels, nor why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil, isnan
from typing import Annotated, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from geo.point import Floats, Point, Points, distances_m

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class TravelMethod(StrEnum):
    """What a travel time rests on."""

    ESTIMATED = "estimated"  # from the straight line
    ROAD = "road"  # from a road network


class TravelTime(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The drive from one origin, without the time a team needs to get going."""

    #: seconds from departure; half of such drives are quicker
    eta_s: float
    #: 5th percentile, seconds, <= eta_s
    low_s: float
    #: 95th percentile, seconds, >= eta_s; what "surely on time" is judged by
    high_s: float
    #: metres by road; under ESTIMATED the expected ones
    distance_m: float
    method: TravelMethod


@dataclass(frozen=True, slots=True)
class Drives:
    """Drives from many origins in columns, each as in ``TravelTime``; NaN = not known.

    ``by_road``: which of them rest on a road network.
    """

    eta_s: Floats
    low_s: Floats
    high_s: Floats
    distance_m: Floats
    by_road: NDArray[np.bool_]

    def among(self, rows: NDArray[np.intp], of: int) -> Drives:
        """Return them as those in ``rows`` of ``of`` origins, the others of which aren't known."""

        def spread(column: Floats) -> Floats:
            among = np.full(of, np.nan)
            among[rows] = column
            return among

        by_road = np.zeros(of, np.bool_)
        by_road[rows] = self.by_road
        return Drives(
            eta_s=spread(self.eta_s),
            low_s=spread(self.low_s),
            high_s=spread(self.high_s),
            distance_m=spread(self.distance_m),
            by_road=by_road,
        )

    def each(self, rows: NDArray[np.intp]) -> list[TravelTime | None]:
        """Return those in ``rows`` as values of their own; ``None`` = not known."""
        return [
            None
            if isnan(eta_s)
            else TravelTime(
                eta_s=eta_s,
                low_s=low_s,
                high_s=high_s,
                distance_m=distance_m,
                method=_METHODS[by_road],
            )
            for eta_s, low_s, high_s, distance_m, by_road in zip(
                self.eta_s[rows].tolist(),
                self.low_s[rows].tolist(),
                self.high_s[rows].tolist(),
                self.distance_m[rows].tolist(),
                self.by_road[rows].tolist(),
                strict=True,
            )
        ]

    def methods(self, rows: NDArray[np.intp]) -> tuple[TravelMethod, ...]:
        """Return what those in ``rows`` rest on, in order; nothing for those not known."""
        known = self.by_road[rows][~np.isnan(self.eta_s[rows])]
        return tuple(sorted({_METHODS[by_road] for by_road in np.unique(known).tolist()}))


_METHODS = (TravelMethod.ESTIMATED, TravelMethod.ROAD)


class TravelModel(Protocol):
    """Anything that knows how long drives take."""

    def many_to_one(self, origins: Points, destination: Point, at: datetime) -> Drives:
        """Return the drive from each of ``origins``, in their order.

        ``at``: the instant of departure, aware UTC; models without traffic ignore it. A model that
        can't answer for one origin answers with an estimate and says so by ``by_road``.
        """
        ...


def drive(model: TravelModel, origin: Point, destination: Point, at: datetime) -> TravelTime:
    """Return one drive."""
    found = model.many_to_one(Points.of([origin]), destination, at)
    (one,) = found.each(np.array([0]))
    if one is None:
        raise AssertionError("a drive between two points is always known")
    return one


class EstimateParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers behind ``CalibratedEstimate``, versioned, so that a past ranking can be redone.

    With ``d`` the great-circle metres and ``near(d) = near_m / (d + near_m)``, which falls from 1
    at the door to 0 far away::

        road   = d * (far_detour + (near_detour - far_detour) * near(d))
        cruise = far_mps + (near_mps - far_mps) * half_speed_m / (road + half_speed_m)
        eta    = time_factor * (stop_s + road / cruise)
        low    = eta * (far_low  + (near_low  - far_low)  * near(d))
        high   = eta * (far_high + (near_high - far_high) * near(d))

    Short trips wind more, go slower and are less certain. ``eta`` grows with ``d`` always.
    """

    #: names this set of numbers; stored with each recommendation that used it
    name: str
    version: str
    #: where the numbers come from, and how far they were checked
    source: str

    #: road metres per straight metre, at the door and far away, >= 1
    near_detour: Annotated[float, msgspec.Meta(ge=1)]
    far_detour: Annotated[float, msgspec.Meta(ge=1)]
    #: straight metres at which half of the door's extra winding and doubt is left
    near_m: _Positive
    #: speed on streets, and the one that long drives tend to
    near_mps: _Positive
    far_mps: _Positive
    #: road metres at which the speed is midway between both
    half_speed_m: _Positive
    #: seconds that every drive costs whatever its length: pulling out, finding the door
    stop_s: _NotNegative
    #: the band's edges as parts of ``eta``, at the door and far away
    near_low: Annotated[float, msgspec.Meta(gt=0, le=1)]
    far_low: Annotated[float, msgspec.Meta(gt=0, le=1)]
    near_high: Annotated[float, msgspec.Meta(ge=1)]
    far_high: Annotated[float, msgspec.Meta(ge=1)]
    #: correction from a county's own drives, see ``calibrate``
    time_factor: _Positive = 1.0


#: Makes the model that answers under a county's numbers: ``CalibratedEstimate`` itself, or what
#: asks a road engine and falls back on them. Whoever ranks has one of these and never a model of
#: its own, so that no drive is told under other numbers than those of the incident's policy.
Travel = Callable[[EstimateParameters], TravelModel]

DEFAULT_PARAMETERS = EstimateParameters(
    name="statewide",
    version="2026-11",
    source=(
        "unverified for California: medians and lower edge fitted to 238,000 quickest drives of "
        "0.1 to 45 km over the road network of one city and its surroundings (Porto, "
        "OpenStreetMap) at free-flow speeds by road class; upper edge widened for traffic and "
        "mountains; not yet compared with drives of any county"
    ),
    near_detour=1.65,
    far_detour=1.3,
    near_m=8_000.0,
    near_mps=9.5,
    far_mps=24.0,
    half_speed_m=15_000.0,
    stop_s=30.0,
    near_low=0.5,
    far_low=0.8,
    near_high=2.3,
    far_high=1.45,
)


class CalibratedEstimate:
    """Travel times from the straight line; always available, never exact."""

    def __init__(self, parameters: EstimateParameters) -> None:
        if parameters.near_detour < parameters.far_detour:
            raise ValueError("near_detour must not be below far_detour")
        self.parameters = parameters

    def many_to_one(self, origins: Points, destination: Point, at: datetime) -> Drives:
        """Return the estimated drive from each origin; 0.1 microseconds for each."""
        p, straight = self.parameters, distances_m(destination, origins)
        near = p.near_m / (straight + p.near_m)
        road = straight * (p.far_detour + (p.near_detour - p.far_detour) * near)
        slower = (p.near_mps - p.far_mps) * p.half_speed_m / (road + p.half_speed_m)
        eta = p.time_factor * (p.stop_s + road / (p.far_mps + slower))
        return Drives(
            eta_s=eta,
            low_s=eta * (p.far_low + (p.near_low - p.far_low) * near),
            high_s=eta * (p.far_high + (p.near_high - p.far_high) * near),
            distance_m=road,
            by_road=np.zeros(len(origins), np.bool_),
        )


class Drive(msgspec.Struct, frozen=True, kw_only=True):
    """A drive that took place, to calibrate by."""

    origin: Point
    destination: Point
    #: aware UTC
    departed_at: datetime
    #: from departure to arrival, seconds
    took_s: _Positive


#: Below so many drives a 95th percentile is an anecdote.
FEWEST_DRIVES = 40


def calibrate(
    drives: Sequence[Drive], base: EstimateParameters, *, name: str, version: str
) -> EstimateParameters:
    """Return ``base`` corrected by drives that took place.

    The median of actual / estimated becomes the ``time_factor``; the 5th and 95th percentile about
    that median become the band, near and far alike. Detour and speed curves stay those of ``base``.

    Raises:
        ValueError: fewer than ``FEWEST_DRIVES`` drives.
    """
    if len(drives) < FEWEST_DRIVES:
        raise ValueError(f"{len(drives)} drives are too few, need {FEWEST_DRIVES}")
    model = CalibratedEstimate(msgspec.structs.replace(base, time_factor=1.0))
    ratios = sorted(
        taken.took_s / drive(model, taken.origin, taken.destination, taken.departed_at).eta_s
        for taken in drives
    )
    median = _quantile(ratios, 0.5)
    low = min(1.0, _quantile(ratios, 0.05) / median)
    high = max(1.0, _quantile(ratios, 0.95) / median)
    return msgspec.structs.replace(
        base,
        name=name,
        version=version,
        source=f"{len(drives)} drives, on the curves of {base.name} {base.version}",
        time_factor=median,
        near_low=low,
        far_low=low,
        near_high=high,
        far_high=high,
    )


def share_within(drives: Sequence[Drive], model: TravelModel) -> float:
    """Return the part (0..1) of ``drives`` that the model's band holds; 0.9 is what it promises.

    Raises:
        ValueError: no drives.
    """
    if not drives:
        raise ValueError("no drives to compare with")
    held = 0
    for taken in drives:
        time = drive(model, taken.origin, taken.destination, taken.departed_at)
        held += time.low_s <= taken.took_s <= time.high_s
    return held / len(drives)


def _quantile(ordered: Sequence[float], part: float) -> float:
    """Return the smallest value that at least ``part`` of the values do not exceed."""
    return ordered[max(0, ceil(part * len(ordered)) - 1)]
