"""Response times against the standard, each figure with the responses behind it.

Two denominators stand side by side. *Arrived*: responses by the month of arrival, as the state
asks. *Determined*: everyone who was promised a team, by the month of determination, once the team
came or the deadline passed; it shows what arrived-only figures hide: cancelled late, unserved,
still waiting, reached only by a crew that does not count. Durations are differences of instants;
months are local. Must not know the database.

Sources: 60 and 120 minutes and their start and stop, SPA 22-0043; on time = at most the standard,
60:00 included. p90 is nearest-rank: the smallest value that at least 90 % of all do not exceed; the
median of an even number is the mean of the two in the middle.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from crisis.errors import Invalid
from crisis.shapes import Value
from crisis.standards import local_day, utc

#: The class of rows that hold every class.
ALL = "all"
UNCLASSIFIED = "unclassified"


class Response(Value, frozen=True, kw_only=True):
    """One incident that was determined to need a team, as the report needs it.

    Attributes:
        determined_at: ``None`` = an arrival without a determination, which can't be measured.
        due_at: the last instant that was on time: ``determined_at`` + its standard.
        arrived_at: first qualifying arrival; ``None`` = none.
        reached_at: first arrival of any crew, one that does not count included.
        ended_at: when it was closed or cancelled; ``None`` = open.
        excluded_setting: outside the benefit: reported apart, in no denominator.
        entered_afterwards: from paper, or with a run that was entered when it was over.
        arrival_disputed: a report that a team had arrived was kept and not believed; no person has
            judged it since.
    """

    incident_id: UUID
    number: int
    area_class: str | None
    standard_minutes: int | None
    determined_at: datetime | None
    due_at: datetime | None
    arrived_at: datetime | None
    reached_at: datetime | None
    state: str
    outcome: str | None
    reason: str | None
    ended_at: datetime | None
    excluded_setting: bool
    entered_afterwards: bool
    arrival_disputed: bool = False

    @property
    def minutes(self) -> float | None:
        """Determination to arrival, minutes; ``None`` = can't be measured."""
        if self.determined_at is None or self.arrived_at is None:
            return None
        if self.standard_minutes is None or self.arrived_at < self.determined_at:
            return None
        return (self.arrived_at - self.determined_at).total_seconds() / 60

    @property
    def is_on_time(self) -> bool | None:
        """Whether a qualifying team came by the due instant; ``None`` = can't be measured."""
        if self.minutes is None or self.arrived_at is None or self.due_at is None:
            return None
        return self.arrived_at <= self.due_at


class Fate(StrEnum):
    """What became of a response; every determined one has exactly one."""

    ON_TIME = "on_time"
    LATE = "late"
    NOT_MEASURABLE = "not_measurable"
    #: Reached only by a crew that did not count as a valid team.
    NOT_QUALIFYING = "not_qualifying"
    CANCELLED_LATE = "cancelled_late"
    UNSERVED = "unserved"
    STILL_WAITING = "still_waiting"
    #: Not judged: called off, or still running, before the deadline.
    CANCELLED_IN_TIME = "cancelled_in_time"
    NOT_DUE_YET = "not_due_yet"
    EXCLUDED_SETTING = "excluded_setting"


#: Fates of which the promise was kept or broken: the determined denominator.
JUDGED = (
    Fate.ON_TIME,
    Fate.LATE,
    Fate.NOT_QUALIFYING,
    Fate.CANCELLED_LATE,
    Fate.UNSERVED,
    Fate.STILL_WAITING,
)


def fate_of(response: Response, now: datetime) -> Fate:
    """Return what became of a response as of ``now``.

    One that was reached is judged whenever it ended: a crew that doesn't count, come within the
    hour, is no "called off in time". One that ended with a team there which nobody knows the
    arrival of was neither called off nor unserved: it can't be measured.
    """
    if response.excluded_setting:
        return Fate.EXCLUDED_SETTING
    if response.arrived_at is not None:
        on_time = response.is_on_time
        if on_time is None:
            return Fate.NOT_MEASURABLE
        return Fate.ON_TIME if on_time else Fate.LATE
    if response.determined_at is None or response.due_at is None:
        return Fate.NOT_MEASURABLE
    if response.state == "closed" and response.outcome == "unserved":
        return Fate.UNSERVED
    if response.reached_at is None and _says_it_was_reached(response):
        return Fate.NOT_MEASURABLE
    end = response.ended_at
    is_overdue = (end or now) > response.due_at
    if response.reached_at is not None and (end is not None or is_overdue):
        return Fate.NOT_QUALIFYING
    if not is_overdue:
        return Fate.NOT_DUE_YET if end is None else Fate.CANCELLED_IN_TIME
    if end is None:
        return Fate.STILL_WAITING
    return Fate.CANCELLED_LATE if response.state == "cancelled" else Fate.UNSERVED


def _says_it_was_reached(response: Response) -> bool:
    """Whether it ended as one that a team came to, whatever is known of when."""
    ended = (response.state, response.outcome)
    return ended in {("closed", "responded"), ("cancelled", "on_scene")}


class Ref(Value, frozen=True, kw_only=True):
    """A response behind a figure: what people say aloud, and where its timeline is.

    ``entered_afterwards``: it counts like any other; its times were written down, not sent.
    ``arrival_disputed``: a report of an arrival stands against it that nobody has judged yet.
    """

    incident_id: UUID
    number: int
    minutes: float | None
    determined_at: datetime | None
    arrived_at: datetime | None
    entered_afterwards: bool
    arrival_disputed: bool = False


class Share(Value, frozen=True, kw_only=True):
    """A rate with its parts.

    ``percent``: 0 to 100, as ``percent_of`` rounds it; ``None`` = nothing to divide by ("n/a").
    """

    numerator: int
    denominator: int
    percent: float | None


def share(numerator: int, denominator: int) -> Share:
    """Return the rate of ``numerator`` in ``denominator``."""
    percent = None if denominator == 0 else percent_of(numerator, denominator)
    return Share(numerator=numerator, denominator=denominator, percent=percent)


def percent_of(numerator: int, denominator: int) -> float:
    """Return a rate in percent, with one decimal, rounded half up: the only rounding of a rate.

    100 is all and 0 is none: what is nearer to them than a tenth reads 99.9 and 0.1. Every output
    shows this number as it is. ``denominator`` > 0.
    """
    tenths = (2_000 * numerator + denominator) // (2 * denominator)
    if 0 < numerator < denominator:
        tenths = min(max(tenths, 1), 999)
    return tenths / 10


def minutes_up(minutes: float, decimals: int) -> float:
    """Return minutes rounded up: a second past 60:00 is late, and must not read as 60.0."""
    # The smallest step that floats can be wrong by must not turn 60.0 into 60.1.
    steps: int = 10**decimals
    return math.ceil(minutes * steps - 1e-9) / steps


class Spread(Value, frozen=True, kw_only=True):
    """How long it took, minutes; all ``None`` where nothing was measured."""

    n: int
    mean: float | None
    median: float | None
    p90: float | None
    longest: float | None


class Line(Value, frozen=True, kw_only=True):
    """One month and area class.

    Attributes:
        month: ``YYYY-MM``, local; ``all`` = the whole period.
        standard_minutes: the standards in force; several where it changed, or over all classes.
        arrived: on time / arrived in the month and measurable.
        determined: on time / determined in the month and judged.
        not_measurable: arrived in the month with instants that are missing or contradict.
        spread: of the measurable arrivals of the month.
        by_arrival, by_determination: fate → the responses, for either cohort.
    """

    month: str
    area_class: str
    standard_minutes: tuple[int, ...]
    arrived: Share
    determined: Share
    not_measurable: int
    spread: Spread
    by_arrival: dict[str, tuple[Ref, ...]]
    by_determination: dict[str, tuple[Ref, ...]]


class ResponseTimes(Value, frozen=True, kw_only=True):
    """The report. ``until`` is exclusive; both are local midnights as instants.

    ``unverified``: the response standards in force that no published page states, by name.
    """

    county_id: int
    zone: str
    since: datetime
    until: datetime
    as_of: datetime
    lines: tuple[Line, ...]
    unverified: tuple[str, ...] = ()


def response_times(
    county_id: int,
    responses: Iterable[Response],
    *,
    since: datetime,
    until: datetime,
    as_of: datetime,
    zone: ZoneInfo,
    unverified: Iterable[str] = (),
    between: Callable[[], None] = lambda: None,
) -> ResponseTimes:
    """Return the report of a period.

    Args:
        responses: every response determined or arrived in the period; others are passed over.
        since: first instant, included.
        until: first instant after it.
        as_of: judged as of this instant.
        unverified: names of standards; those of response times are shown.
        between: called between two pieces of the work; what it raises ends it.
    """
    judged: list[_Judged] = []
    for response in responses:
        between()
        judged.append((response, fate_of(response, as_of)))
    judged.sort(key=lambda x: x[0].number)
    by_arrival = [(r, f) for r, f in judged if _within(r.arrived_at, since, until)]
    by_determination = [(r, f) for r, f in judged if _within(r.determined_at, since, until)]
    months = _months(since, until, zone)
    lines = []
    for month in [*months, ALL]:
        between()
        arrived = [x for x in by_arrival if month in (ALL, _month(x[0].arrived_at, zone))]
        promised = [x for x in by_determination if month in (ALL, _month(x[0].determined_at, zone))]
        classes = sorted({_class(r) for r, _ in (*arrived, *promised)})
        lines += [_line(month, c, arrived, promised) for c in [*classes, ALL]]
    return ResponseTimes(
        county_id=county_id,
        zone=zone.key,
        since=since,
        until=until,
        as_of=as_of,
        lines=tuple(lines),
        unverified=tuple(name for name in unverified if name.startswith("response.")),
    )


_Judged = tuple[Response, Fate]


def _line(
    month: str, area_class: str, arrived: Sequence[_Judged], promised: Sequence[_Judged]
) -> Line:
    reached = [x for x in arrived if area_class in (ALL, _class(x[0]))]
    owed = [x for x in promised if area_class in (ALL, _class(x[0]))]
    times = [r.minutes for r, f in reached if f in (Fate.ON_TIME, Fate.LATE)]
    minutes = sorted(m for m in times if m is not None)
    in_arrival, in_determination = _grouped(reached), _grouped(owed)
    return Line(
        month=month,
        area_class=area_class,
        standard_minutes=tuple(
            sorted({r.standard_minutes for r, _ in (*reached, *owed) if r.standard_minutes})
        ),
        arrived=share(len(in_arrival.get(Fate.ON_TIME, ())), len(minutes)),
        determined=share(
            len(in_determination.get(Fate.ON_TIME, ())),
            sum(len(in_determination.get(f, ())) for f in JUDGED),
        ),
        not_measurable=len(in_arrival.get(Fate.NOT_MEASURABLE, ())),
        spread=spread(minutes),
        by_arrival=in_arrival,
        by_determination=in_determination,
    )


def period(since: date, until: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants of local days, ``until`` included: its first and the one after its last.

    Raises:
        Invalid: ``bad_period``: it ends before it begins, or is longer than ten years.
    """
    is_sane = since.year >= 2000 and until.year <= 2200
    if not is_sane or not timedelta(0) <= until - since <= timedelta(days=3_660):
        raise Invalid("bad_period", "The period must end after it begins, within ten years.")
    after = until + timedelta(days=1)
    return (
        utc(datetime.combine(since, time.min, tzinfo=zone)),
        utc(datetime.combine(after, time.min, tzinfo=zone)),
    )


def last_full_months(today: date, count: int = 3) -> tuple[date, date]:
    """Return the first and the last day of the ``count`` (> 0) months before this one."""
    last = today.replace(day=1) - timedelta(days=1)
    first = last.replace(day=1)
    for _ in range(count - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    return first, last


def spread(minutes: Sequence[float]) -> Spread:
    """Return the figures of sorted ``minutes``."""
    if not minutes:
        return Spread(n=0, mean=None, median=None, p90=None, longest=None)
    return Spread(
        n=len(minutes),
        mean=statistics.fmean(minutes),
        median=statistics.median(minutes),
        p90=minutes[math.ceil(0.9 * len(minutes)) - 1],
        longest=minutes[-1],
    )


def _grouped(judged: Sequence[_Judged]) -> dict[str, tuple[Ref, ...]]:
    groups: dict[str, list[Ref]] = {}
    for response, fate in judged:
        groups.setdefault(fate, []).append(
            Ref(
                incident_id=response.incident_id,
                number=response.number,
                minutes=response.minutes,
                determined_at=response.determined_at,
                arrived_at=response.arrived_at,
                entered_afterwards=response.entered_afterwards,
                arrival_disputed=response.arrival_disputed,
            )
        )
    return {fate.value: tuple(groups[fate]) for fate in Fate if fate in groups}


def _class(response: Response) -> str:
    return response.area_class or UNCLASSIFIED


def _months(since: datetime, until: datetime, zone: ZoneInfo) -> list[str]:
    """Return every local month of the period: one without a response is shown as such."""
    day, last = local_day(since, zone), local_day(until - timedelta(microseconds=1), zone)
    months = []
    while (day.year, day.month) <= (last.year, last.month):
        months.append(f"{day:%Y-%m}")
        day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return months


def _within(instant: datetime | None, since: datetime, until: datetime) -> bool:
    return instant is not None and since <= instant < until


def _month(instant: datetime | None, zone: ZoneInfo) -> str:
    return "" if instant is None else f"{local_day(instant, zone):%Y-%m}"
