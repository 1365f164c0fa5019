"""What calls a simulated county gets: when, where, about what, and how each would end.

Draws from published shares (4,682 mobile crisis dispatches of Lane County, Oregon, 2024-2025, and a
planning estimate of each county's encounters). The same seed draws the same calls for the same
hour, however the hours are asked for. Must not know who answers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import accumulate, zip_longest
from math import cos, exp, floor, hypot, radians
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from crisis.clock import generator
from crisis.ids import CountyId
from crisis.shapes import Value
from crisis.triage import Acuity
from dispatch.sim.seed import bases
from geo.counties import counties, county_zones
from geo.point import Point, haversine_m

T = TypeVar("T")


class Draws(Protocol):
    """What is drawn from; ``crisis.clock.generator`` makes one."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def uniform(self, a: float, b: float) -> float:
        """Return a number between two others, each as likely."""
        ...

    def gauss(self, mu: float, sigma: float) -> float:
        """Return a normally distributed number."""
        ...


#: Share of the distribution → value at it; straight lines between.
Percentiles = Sequence[tuple[float, float]]

#: Minutes on scene: 4,046 responses.
ON_SCENE_MIN: Percentiles = (
    (0.0, 1.0),
    (0.10, 5.0),
    (0.25, 10.0),
    (0.50, 22.0),
    (0.75, 40.0),
    (0.90, 62.0),
    (0.95, 78.0),
    (0.99, 122.0),
    (1.0, 150.0),
)
#: Minutes from arrival until the person is met: 3,466 responses.
CONTACT_MIN: Percentiles = ((0.0, 0.0), (0.25, 0.0), (0.5, 1.0), (0.75, 2.0), (0.9, 5.0), (1.0, 10))
#: Per cent of the calls in each hour 00..23, as published: most probably hours of UTC, since calls
#: begin to come at 14 and get few at 05, which is 7 in the morning and 10 at night in Oregon.
_PUBLISHED_HOURS = (
    *(4.1, 3.9, 3.8, 3.4, 2.8, 1.3, 0.9, 0.7, 1.2, 1.5, 1.5, 1.5),
    *(1.9, 2.8, 7.4, 7.6, 7.6, 7.8, 6.9, 7.1, 6.8, 7.7, 5.6, 4.2),
)
#: The same by the local hour: most of the published months were summer time, UTC-7.
HOURS = (*_PUBLISHED_HOURS[7:], *_PUBLISHED_HOURS[:7])
#: Per cent of the calls on each local weekday, Monday first.
WEEKDAYS = (16.2, 15.4, 17.4, 16.3, 14.6, 9.3, 10.8)
#: What calls are about, in our codes: the published reasons and what is left of the whole.
CONCERNS: Sequence[tuple[str, float]] = (
    ("psychosis", 33.3),  # disorganized, paranoia, half of the agitation
    ("anxiety_panic_trauma", 16.3),  # the other half
    ("suicide_risk", 14.9),
    ("other", 11.6),  # needs services
    ("grave_disability", 9.0),  # difficulty functioning
    ("harm_to_others", 7.2),
    ("intoxication_withdrawal", 2.5),
    ("welfare_check", 2.0),
    ("family_conflict", 1.7),
    ("depression", 1.5),
)
SOURCES: Sequence[tuple[str, float]] = (
    *(("county_line", 30), ("family_friend", 20), ("line_988", 14), ("self", 12)),
    *(("psap_911", 8), ("law_enforcement_on_scene", 6), ("school_college", 4)),
    *(("shelter_outreach", 3), ("clinic_bh_provider", 3)),
)
LOCATIONS: Sequence[tuple[str, float]] = (
    *(("home", 58), ("street", 14), ("shelter", 6), ("business", 5), ("school", 4)),
    *(("supportive_housing", 4), ("board_and_care", 4), ("park", 3), ("vehicle", 2)),
)
ACUITIES: Sequence[tuple[Acuity, float]] = (
    (Acuity.EMERGENT, 15),
    (Acuity.URGENT, 65),
    (Acuity.ROUTINE, 20),
)
#: How an engaged person's encounter ends: 80.1 % remain in the community, 13.9 % go to an emergency
#: department, 0.6 % to sobering, 0.3 % are arrested.
DISPOSITIONS: Sequence[tuple[str, float]] = (
    ("stabilized_safety_plan", 38.0),
    ("stabilized_referral", 26.0),
    ("support_took_over", 16.1),
    ("voluntary_ed", 10.9),
    ("medical_ed", 3.0),
    ("voluntary_csu", 5.1),
    ("voluntary_sobering", 0.6),
    ("arrest", 0.3),
)
#: Of all calls, how many are resolved by phone.
BY_PHONE = 0.8
#: Of the calls that need a team, how many are followed by another one about the same person.
AGAIN = 0.08
#: So that something is to be seen in less populous counties: half of them expect fewer than seven
#: encounters a day, which leaves the board empty most of the time.
FEWEST_PER_DAY = 20.0
#: So many minutes before a demonstration begins somebody called who needs a team: one still
#: speaks, one waits for a team, one's is on the way, the others' are there.
_UNDER_WAY_MIN = (3.0, 10.0, 17.0, 28.0, 41.0)
_LOCAL = ZoneInfo("America/Los_Angeles")


class Fate(StrEnum):
    """What a call comes to if a team is needed; shares as published."""

    ENGAGED = "engaged"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    CANCELLED = "cancelled"


FATES: Sequence[tuple[Fate, float]] = (
    (Fate.ENGAGED, 43),
    (Fate.NOT_FOUND, 30),
    (Fate.REFUSED, 19),
    (Fate.CANCELLED, 7),
)


class DemandedCall(Value, frozen=True, kw_only=True):
    """A call, and what it would come to.

    Attributes:
        by_phone: it is resolved on the phone, and no team is needed.
        talk_s: until it is known whether a team must go.
        stay_s: how long a team stays, from its arrival.
        again_s: after so long somebody else calls about the same person; ``None`` = nobody does.
    """

    at: datetime
    place: Point
    location_type: str
    source: str
    concern: str
    acuity: Acuity
    by_phone: bool
    fate: Fate
    talk_s: float
    stay_s: float
    again_s: float | None = None


class Town(Value, frozen=True, kw_only=True):
    """Where calls come from. ``weight``: its part of all; ``spread_m``: of its places."""

    centre: Point
    weight: float
    spread_m: float


def quantile(table: Percentiles, share: float) -> float:
    """Return the value at ``share`` (0..1) of a distribution given by percentiles."""
    above = bisect_right(table, share, key=lambda row: row[0])
    (low, least), (high, most) = table[above - 1], table[min(above, len(table) - 1)]
    return most if high == low else least + (most - least) * (share - low) / (high - low)


def pick(draw: Draws, choices: Sequence[tuple[T, float]]) -> T:
    """Draw one of the weighted choices."""
    sums = list(accumulate(weight for _, weight in choices))
    return choices[bisect_right(sums, draw.random() * sums[-1], hi=len(sums) - 1)][0]


def encounters_per_day(county_id: CountyId) -> float:
    """Return how many encounters a demonstration of a county has on a mean day."""
    return max(FEWEST_PER_DAY, counties()[f"{county_id:05d}"].est_encounters_per_day)


@cache
def towns(county_id: CountyId) -> tuple[Town, ...]:
    """Return a county's made-up towns, the largest first: close enough for teams to reach them."""
    found = bases(county_id, 60)
    middle = Point(
        lat_deg=sum(p.lat_deg for p in found) / len(found),
        lon_deg=sum(p.lon_deg for p in found) / len(found),
    )
    found.sort(key=_distance_from(middle))
    chosen = [found[0]]
    near = sorted(found[1:], key=_distance_from(found[0]))
    for apart_m in (12_000.0, 6_000.0, 2_000.0):
        for point in near:
            if len(chosen) < 5 and min(haversine_m(point, other) for other in chosen) >= apart_m:
                chosen.append(point)
    return tuple(
        Town(centre=centre, weight=1 / (1 + rank), spread_m=4_500.0 if rank == 0 else 2_500.0)
        for rank, centre in enumerate(chosen)
    )


def _distance_from(origin: Point) -> Callable[[Point], float]:
    return lambda point: haversine_m(origin, point)


class Demand:
    """The calls of one county.

    Args:
        per_day: encounters with teams on a mean day; ``None`` = the county's planning estimate.
    """

    def __init__(self, county_id: CountyId, seed: int, *, per_day: float | None = None) -> None:
        self.per_day = encounters_per_day(county_id) if per_day is None else per_day
        self._county_id = county_id
        self._seed = seed
        self._zone = county_zones()[f"{county_id:05d}"]
        self._towns = [(town, town.weight) for town in towns(county_id)]

    def calls(self, since: datetime, until: datetime) -> Iterator[DemandedCall]:
        """Return the calls in ``[since, until)``, oldest first; aware instants."""
        hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while hour < until:
            yield from (call for call in self._hour(hour) if since <= call.at < until)
            hour += timedelta(hours=1)

    def rate(self, hour: datetime) -> float:
        """Return how many calls are expected in the hour that begins so, by the county's clocks."""
        local = hour.astimezone(_LOCAL)
        weekday = WEEKDAYS[local.weekday()] / (sum(WEEKDAYS) / 7)
        share = HOURS[local.hour] / sum(HOURS)
        return self.per_day / (1 - BY_PHONE) * weekday * share

    def next_busy(self, now: datetime) -> datetime:
        """Return ``now``; in a quiet night, when the next day is well under way."""
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        mean = self.per_day / (1 - BY_PHONE) / 24
        for ahead in range(25):
            later = hour + timedelta(hours=ahead)
            if self.rate(later) >= 0.6 * mean:
                return now if ahead == 0 else later + timedelta(hours=2)
        return now

    def soon(self, now: datetime, needing: int, others: int) -> list[DemandedCall]:
        """Return the next calls: so many that need a team, and so many that don't, by turns.

        Whoever begins at ``now`` and can't wait for chance lets them come at once. The instants are
        those at which they would come otherwise.
        """
        need: list[DemandedCall] = []
        rest: list[DemandedCall] = []
        hour = now
        while len(need) < needing or len(rest) < others:
            for call in self.calls(hour, hour + timedelta(hours=1)):
                (rest if call.by_phone else need).append(call)
            hour += timedelta(hours=1)
        found = [call for pair in zip_longest(need[:needing], rest[:others]) for call in pair]
        return [call for call in found if call is not None]

    def before(self, since: datetime, now: datetime, most_more: int) -> list[DemandedCall]:
        """Return the calls in ``[since, now)``; the last hour of them leaves something to be done.

        Args:
            most_more: so many calls that need a team may be added to that hour's.
        """
        found = list(self.calls(since, now))
        recent = sum(not c.by_phone for c in found if c.at > now - timedelta(hours=1))
        lacking = max(0, min(most_more, len(_UNDER_WAY_MIN) - recent))
        more = Demand(self._county_id, self._seed + 1, per_day=self.per_day).soon(now, lacking, 0)
        # The newest first: what came long ago may be over.
        for call, minutes in zip(more, _UNDER_WAY_MIN, strict=False):
            at = now - timedelta(minutes=minutes)
            fate = Fate.ENGAGED if call.fate is Fate.CANCELLED else call.fate
            found.append(msgspec.structs.replace(call, at=at, fate=fate, again_s=None))
        return sorted(found, key=lambda call: call.at)

    def _hour(self, hour: datetime) -> list[DemandedCall]:
        nth = int(hour.timestamp()) // 3_600
        draw = self._draws(nth)
        by_phone = [
            (draw.uniform(0, 3_600), True)
            for _ in range(_poisson(draw, BY_PHONE * self.rate(hour)))
        ]
        # Those who need a team are few, and by chance alone nobody would for hours: each has a part
        # of the hour, within which chance decides.
        count = self._needing(hour)
        needing = [((n + draw.random()) * 3_600 / count, False) for n in range(count)]
        return [
            self._call(draw, hour + timedelta(seconds=at_s), by_phone=is_by_phone)
            for at_s, is_by_phone in sorted(by_phone + needing)
        ]

    def _draws(self, number: int) -> Draws:
        return generator((self._seed * 100_000 + self._county_id) * 10_000_000 + number)

    def _needing(self, hour: datetime) -> int:
        """Return how many calls of an hour need a team: what is expected, carried over the day."""
        day = hour.astimezone(_LOCAL).date()
        before = self._draws(-day.toordinal()).random()
        earlier = hour - timedelta(hours=1)
        while earlier.astimezone(_LOCAL).date() == day:
            before += (1 - BY_PHONE) * self.rate(earlier)
            earlier -= timedelta(hours=1)
        return floor(before + (1 - BY_PHONE) * self.rate(hour)) - floor(before)

    def _call(self, draw: Draws, at: datetime, *, by_phone: bool) -> DemandedCall:
        is_told_again = draw.random() < AGAIN
        return DemandedCall(
            at=at,
            place=self._place(draw),
            location_type=pick(draw, LOCATIONS),
            source=pick(draw, SOURCES),
            concern=pick(draw, CONCERNS),
            acuity=pick(draw, ACUITIES),
            by_phone=by_phone,
            fate=pick(draw, FATES),
            talk_s=draw.uniform(120, 600),
            stay_s=60 * quantile(ON_SCENE_MIN, draw.random()),
            again_s=draw.uniform(120, 600) if is_told_again and not by_phone else None,
        )

    def _place(self, draw: Draws) -> Point:
        """Draw a place in a town; inside the county, whatever the town's spread."""
        town = pick(draw, self._towns)
        for _ in range(40):
            north_m, east_m = draw.gauss(0, town.spread_m), draw.gauss(0, town.spread_m)
            point = shifted(town.centre, north_m, east_m)
            if self._zone.holds(point):
                return point
        return town.centre


def shifted(point: Point, north_m: float, east_m: float) -> Point:
    """Return the point so many metres further north and east; for short ways."""
    metres = 111_195.0
    return Point(
        lat_deg=point.lat_deg + north_m / metres,
        lon_deg=point.lon_deg + east_m / (metres * cos(radians(point.lat_deg))),
    )


def on_the_way(origin: Point, to: Point, share: float) -> tuple[Point, float]:
    """Return the point at ``share`` (0..1) of the straight way, and the metres of all of it."""
    part = min(max(share, 0.0), 1.0)
    north, east = to.lat_deg - origin.lat_deg, to.lon_deg - origin.lon_deg
    there = Point(lat_deg=origin.lat_deg + part * north, lon_deg=origin.lon_deg + part * east)
    metres = 111_195.0 * hypot(north, east * cos(radians(origin.lat_deg)))
    return there, metres


def _poisson(draw: Draws, mean: float) -> int:
    """Draw a count by Knuth's product; means of an hour are small enough for it."""
    limit, product, count = exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count
