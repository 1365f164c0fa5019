"""A GPS sample, whether it can be true, and whether it is still worth anything.

``implausible`` says why a sample can't be believed, with *all* reasons; ``is_late`` and
``is_stale`` are no faults of the sample, only of its moment. ``Track`` recovers from believing a
wrong first sample. Must not know teams, shifts or the database; ``now`` is an argument.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec

from geo.point import Point, haversine_m

# Degrees to metres, a little too many: 1 degree of a meridian is at most 111,694 m (at the poles).
_M_PER_DEG_UPPER = 111_700.0
_ZERO = timedelta(0)

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Metres = Annotated[float, msgspec.Meta(ge=0)]


class FixSource(StrEnum):
    """Where a sample comes from."""

    PHONE = "phone"  # the team's own phone page
    TRACKER = "tracker"  # a tracking app or a device in the car
    DESK = "desk"  # a dispatcher put the team there, by voice
    SIMULATED = "simulated"


class FixReason(StrEnum):
    """Why a sample is not believed."""

    FUTURE = "future"
    TOO_OLD = "too_old"
    INACCURATE = "inaccurate"
    IMPOSSIBLE_SPEED = "impossible_speed"
    NULL_ISLAND = "null_island"
    DUPLICATE = "duplicate"


class Fix(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPS sample. Its identity within one team's track is ``fix_id``, else ``fixed_at``."""

    #: device time, aware UTC
    fixed_at: Instant
    #: server time, aware UTC
    received_at: Instant
    point: Point
    source: FixSource
    #: radius of about 68 % confidence in metres; None = not reported
    accuracy_m: Metres | None = None
    #: speed over ground; None = not reported
    speed_mps: Annotated[float, msgspec.Meta(ge=0)] | None = None
    #: degrees clockwise from true north, 0..360; None = not reported or standing
    heading_deg: Annotated[float, msgspec.Meta(ge=0, le=360)] | None = None
    #: charge of the device, 0..1; None = not reported
    battery: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    #: the sender's own id of the sample; None = it has none
    fix_id: str | None = None
    #: the device said then that it is still there (a ping); None = it says no such thing
    seen_at: Instant | None = None


class PlausibilityLimits(msgspec.Struct, frozen=True, kw_only=True):
    """From where on a sample is not believed; a county may set each of them."""

    #: how far the device's clock may run ahead of the server's, seconds
    future_skew_s: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    #: oldest sample still taken into the history, seconds. Two days: a shift without signal, and
    #: the night until the phone is opened again.
    max_age_s: Annotated[float, msgspec.Meta(gt=0)] = 172_800.0
    #: worst accuracy still of use, metres. A cell tower's 1-2 km tells which valley a team is in.
    max_accuracy_m: Annotated[float, msgspec.Meta(gt=0)] = 2_500.0
    #: fastest that a team can move, m/s. 70 = 252 km/h, above any car, below a lost satellite.
    max_speed_mps: Annotated[float, msgspec.Meta(gt=0)] = 70.0
    #: accuracy assumed of a sample that reports none, metres
    assumed_accuracy_m: Annotated[float, msgspec.Meta(ge=0)] = 100.0
    #: how close to 0 N 0 E counts as "no position", degrees
    null_island_deg: Annotated[float, msgspec.Meta(ge=0)] = 0.1


DEFAULT_LIMITS = PlausibilityLimits()


def age_s(fix: Fix, now: datetime) -> float:
    """Return the seconds since the device took the sample; 0 if its clock runs ahead."""
    return max(0.0, (now - fix.fixed_at).total_seconds())


def is_stale(fix: Fix, now: datetime, limit_s: float) -> bool:
    """Say whether the sample is older than ``limit_s`` seconds, by the device's own clock."""
    return (now - fix.fixed_at).total_seconds() > limit_s


def is_late(fix: Fix, latest: Fix | None) -> bool:
    """Say whether a newer sample is known already: for the history, never for *latest*.

    Being late is no fault: phones without signal deliver their buffer hours afterwards.
    """
    return latest is not None and fix.fixed_at < latest.fixed_at


def same_sample(a: Fix, b: Fix) -> bool:
    """Say whether both are one sample sent twice (of one team; the caller sees to that)."""
    if a.fix_id is not None and b.fix_id is not None:
        return a.fix_id == b.fix_id
    return a.fixed_at == b.fixed_at


def implausible(
    fix: Fix,
    previous: Fix | None,
    now: datetime,
    limits: PlausibilityLimits = DEFAULT_LIMITS,
) -> tuple[FixReason, ...]:
    """Return all reasons not to believe ``fix``; empty = plausible.

    Args:
        fix: the sample.
        previous: another believed sample of the same team, as near in time as is known, before or
            after ``fix``; None = none known.
        now: the server's instant, aware UTC.
        limits: the county's thresholds.
    """
    reasons: list[FixReason] = []
    age = (now - fix.fixed_at).total_seconds()
    if age < -limits.future_skew_s:
        reasons.append(FixReason.FUTURE)
    elif age > limits.max_age_s:
        reasons.append(FixReason.TOO_OLD)
    accuracy = fix.accuracy_m
    # Written so that NaN, from a caller that did not decode, counts as absurd.
    if accuracy is not None and not accuracy <= limits.max_accuracy_m:
        reasons.append(FixReason.INACCURATE)
    point = fix.point
    edge = limits.null_island_deg
    if -edge <= point.lat_deg <= edge and -edge <= point.lon_deg <= edge:
        reasons.append(FixReason.NULL_ISLAND)
    speed = fix.speed_mps
    if speed is not None and not speed <= limits.max_speed_mps:
        reasons.append(FixReason.IMPOSSIBLE_SPEED)
    if previous is not None:
        if same_sample(fix, previous):
            reasons.append(FixReason.DUPLICATE)
        elif _leaps(fix, previous, limits) and FixReason.IMPOSSIBLE_SPEED not in reasons:
            reasons.append(FixReason.IMPOSSIBLE_SPEED)
    return tuple(reasons)


def _leaps(fix: Fix, previous: Fix, limits: PlausibilityLimits) -> bool:
    """Say whether no car could have got from one sample to the other, errors allowed for."""
    between = fix.fixed_at - previous.fixed_at
    elapsed = (between if between >= _ZERO else -between).total_seconds()
    slack = (limits.assumed_accuracy_m if fix.accuracy_m is None else fix.accuracy_m) + (
        limits.assumed_accuracy_m if previous.accuracy_m is None else previous.accuracy_m
    )
    # Device clocks tick in whole seconds: give each gap one more.
    reach = limits.max_speed_mps * (elapsed + 1.0) + slack
    a, b = fix.point, previous.point
    # Sides of a right angle are never shorter than the distance: enough for nearly every sample,
    # without trigonometry.
    legs = abs(a.lat_deg - b.lat_deg) + abs(a.lon_deg - b.lon_deg)
    if legs * _M_PER_DEG_UPPER <= reach:
        return False
    return haversine_m(a, b) > reach


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed of one team's whereabouts, and what may have to be believed instead.

    A phone's first sample after waking may be a cached one, 100 km off. Compared with it alone,
    every true sample looks like a leap until enough time has gone by. So samples that leap are
    remembered: once ``doubted_run`` of them in a row agree with each other, they are the truth.
    """

    #: newest believed sample; None = none yet
    latest: Fix | None = None
    #: newest sample refused for its leap only; None = the last one was believed
    doubted: Fix | None = None
    #: how many such samples in a row agree with each other
    doubted_run: int = 0


#: So many samples in a row that agree with each other outweigh the one believed before.
RUN_THAT_CONVINCES = 3


def advance(
    track: Track,
    fix: Fix,
    now: datetime,
    limits: PlausibilityLimits = DEFAULT_LIMITS,
) -> tuple[Track, tuple[FixReason, ...]]:
    """Return the track after ``fix``, and the reasons why the sample is not believed (empty = is).

    A late sample that is believed leaves the track as it was; ask ``is_late`` beforehand.
    """
    latest = track.latest
    reasons = implausible(fix, latest, now, limits)
    if not reasons:
        if is_late(fix, latest):
            return track, reasons
        return Track(latest=fix), reasons
    leaps_only = reasons == (FixReason.IMPOSSIBLE_SPEED,)
    if not leaps_only or latest is None or is_late(fix, latest):
        return track, reasons
    doubted = track.doubted
    if doubted is not None and is_late(fix, doubted):
        return track, reasons
    against_doubted = implausible(fix, doubted, now, limits)
    if FixReason.DUPLICATE in against_doubted:
        return track, against_doubted
    run = track.doubted_run + 1 if doubted is not None and not against_doubted else 1
    if run >= RUN_THAT_CONVINCES:
        return Track(latest=fix), ()
    return Track(latest=latest, doubted=fix, doubted_run=run), reasons
