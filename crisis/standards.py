"""The standards: response times and the instants by which things are owed, versioned by date.

Decides due times and whether a response was on time, from packaged facts that each name their
source. Instants in, instants out; calendar rules by the county's local days. Must not know
incidents, boards or the time of day it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from crisis.errors import Invalid
from crisis.shapes import Value
from crisis.triage import Standard
from geo.zone import AreaClass

#: All 58 counties live by this clock.
PACIFIC = ZoneInfo("America/Los_Angeles")


class Fact(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One regulatory fact.

    Attributes:
        effective_from: first local day on which it holds, until a later fact of the same key.
        source: where it stands, in words.
        verified: a published page states it; ``False`` = check before production.
    """

    key: str
    value: bool | int | str
    effective_from: date
    source: str
    verified: bool
    note: str = ""


class Standards(Value, frozen=True, kw_only=True):
    """All facts of all times; ``version`` is the edition of the file."""

    version: str
    facts: tuple[Fact, ...]

    def at(self, key: str, on: date) -> Fact:
        """Return the fact in force on a local day.

        Raises:
            Invalid: ``no_standard``: no fact of that key held on that day.
        """
        held = [fact for fact in self.facts if fact.key == key and fact.effective_from <= on]
        if not held:
            raise Invalid(
                "no_standard",
                f"No standard for {key} was in force on {on.isoformat()}.",
                key=key,
                on=on.isoformat(),
            )
        return max(held, key=lambda fact: fact.effective_from)

    def number(self, key: str, on: date) -> int:
        """Return the fact's number; raises as ``at``, or ``TypeError`` if it is none."""
        value = self.at(key, on).value
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{key} is not a number")
        return value

    def merged(self, later: Iterable[Fact], version: str) -> Standards:
        """Return these facts with ``later`` ones added, as a rule change brings them.

        Raises:
            Invalid: ``bad_standards``: a fact of that key and day exists with another value.
        """
        return _checked(version, (*self.facts, *later))


class _FileIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    fact: tuple[Fact, ...]


def parse(text: str) -> Standards:
    """Build the standards from a TOML text.

    Raises:
        Invalid: ``bad_standards``; ``facts["problems"]`` lists what is wrong.
    """
    try:
        read = msgspec.convert(tomllib.loads(text), _FileIn)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Invalid(
            "bad_standards", "The standards can't be read.", problems=[str(error)]
        ) from error
    return _checked(read.version, read.fact)


def _checked(version: str, facts: tuple[Fact, ...]) -> Standards:
    problems = [f"{fact.key}: no source" for fact in facts if not fact.source.strip()]
    seen: set[tuple[str, date]] = set()
    for fact in facts:
        if (fact.key, fact.effective_from) in seen:
            problems.append(f"{fact.key}: two facts from {fact.effective_from.isoformat()}")
        seen.add((fact.key, fact.effective_from))
    if problems:
        raise Invalid(
            "bad_standards", f"The standards have {len(problems)} faults.", problems=problems
        )
    return Standards(version=version, facts=facts)


@cache
def packaged() -> Standards:
    """Return the standards that come with this version of the service."""
    return parse(resources.files("crisis").joinpath("data", "standards.toml").read_text())


class ResponseStandard(Value, frozen=True, kw_only=True):
    """How soon a team must arrive, and why.

    Attributes:
        area_class: ``None`` = the place is not classed; the stricter standard holds.
        minutes: > 0, from determination to the first qualifying arrival; the last instant counts.
        version: names area class, first day and edition; stored with the incident.
        verified: a published page states it.
    """

    area_class: AreaClass | None
    minutes: int
    version: str
    source: str
    verified: bool
    effective_from: date

    def stored(self) -> Standard:
        """Return the part that an incident keeps in its log."""
        return Standard(minutes=self.minutes, version=self.version)


def response_standard(
    area_class: AreaClass | None, on: date, standards: Standards | None = None
) -> ResponseStandard:
    """Return the response-time standard of an area class on a local day (of determination).

    A place that is not classed (``None``) gets the stricter of the two. ``standards``: ``None`` =
    the packaged ones.

    Raises:
        Invalid: ``no_standard``: before the benefit began.
    """
    book = packaged() if standards is None else standards
    name = "unclassified" if area_class is None else area_class.value
    key = f"response.{name}.minutes"
    fact = book.at(key, on)
    return ResponseStandard(
        area_class=area_class,
        minutes=book.number(key, on),
        version=f"{name}/{fact.effective_from.isoformat()}/{book.version}",
        source=fact.source,
        verified=fact.verified,
        effective_from=fact.effective_from,
    )


def response_due(determined_at: datetime, standard: ResponseStandard | Standard) -> datetime:
    """Return the last instant (UTC) at which an arrival is on time."""
    return utc(determined_at) + timedelta(minutes=standard.minutes)


def on_time(
    determined_at: datetime, arrived_at: datetime, standard: ResponseStandard | Standard
) -> bool | None:
    """Whether the arrival met the standard; exactly 60:00 of 60 minutes does.

    ``None`` = not measurable: the arrival lies before the determination. Reports count it so and
    never drop it.
    """
    if utc(arrived_at) < utc(determined_at):
        return None
    return utc(arrived_at) <= response_due(determined_at, standard)


def utc(instant: datetime) -> datetime:
    """Return an aware instant in UTC, in which differences are true durations.

    Python subtracts two local times of one zone by the wall clock, which is an hour off on the
    nights of a clock change; so every rule here converts first.

    Raises:
        ValueError: the instant has no zone (a slip of the programmer: borders refuse these).
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return instant.astimezone(UTC)


def wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clocks of a zone show at an instant, without a zone.

    Two of one zone differ by what the clocks show, also over a night in which they are changed;
    how long something took is told by instants in UTC alone.
    """
    return utc(instant).astimezone(zone).replace(tzinfo=None)


def local_day(instant: datetime, zone: ZoneInfo = PACIFIC) -> date:
    """Return the calendar day on which an instant falls in the county."""
    return utc(instant).astimezone(zone).date()


class CountedFrom(StrEnum):
    """From which milestone the follow-up's hours run."""

    ARRIVED_AT = "arrived_at"
    CLEARED_AT = "cleared_at"


class FollowupRule(Value, frozen=True, kw_only=True):
    """When the follow-up check-in is due: elapsed hours from a milestone."""

    hours: Annotated[int, msgspec.Meta(ge=1, le=72)] = 72
    counted_from: CountedFrom = CountedFrom.ARRIVED_AT


def followup_due(arrived_at: datetime, cleared_at: datetime | None, rule: FollowupRule) -> datetime:
    """Return the last instant (UTC) for the follow-up check-in.

    While the run isn't cleared (``None``), or if its clear is reported before its arrival, a rule
    that counts from the clear counts from the arrival: the stricter, which later facts can only
    extend.
    """
    start = utc(arrived_at)
    if rule.counted_from is CountedFrom.CLEARED_AT and cleared_at is not None:
        start = max(start, utc(cleared_at))
    return start + timedelta(hours=rule.hours)


def plan_notice_due(
    arrived_at: datetime, hours: int | None = None, standards: Standards | None = None
) -> datetime:
    """Return the last instant (UTC) for alerting the member's managed care plan.

    ``hours``: a county's own, stricter limit; ``None`` = the standard's. A looser one is ignored.
    """
    book = packaged() if standards is None else standards
    standard = book.number("plan_notice.hours", local_day(arrived_at))
    return utc(arrived_at) + timedelta(hours=standard if hours is None else min(hours, standard))


def mandated_report_due(arrived_at: datetime, standards: Standards | None = None) -> datetime:
    """Return the last instant (UTC) for a report that the law asks for after an encounter."""
    book = packaged() if standards is None else standards
    return utc(arrived_at) + timedelta(
        hours=book.number("mandated_report.hours", local_day(arrived_at))
    )


def note_due(
    day_of_service: date, zone: ZoneInfo = PACIFIC, standards: Standards | None = None
) -> datetime:
    """Return the last instant (UTC) for the note: the end of the next local calendar day.

    The day of service is day 0. The end is the day's last microsecond, so that "done at or before
    due" holds here as for every other obligation. On a clock-change day it lies 23 or 25 hours
    after the day's start.
    """
    book = packaged() if standards is None else standards
    days = book.number("note.calendar_days", day_of_service)
    after = datetime.combine(day_of_service + timedelta(days=days + 1), time.min, tzinfo=zone)
    return after.astimezone(UTC) - timedelta(microseconds=1)


def retention_until(closed_on: date, today: date, standards: Standards) -> date:
    """Return the first local day on which a closed record may be erased, holds aside.

    ``today``: what is in force now counts, also for what was closed under other rules.
    """
    years = standards.number("retention.years", today)
    try:
        return closed_on.replace(year=closed_on.year + years)
    except ValueError:  # 29 February
        return date(closed_on.year + years, 3, 1)
