"""Editions of a county's rules: zones, standards and code sets of its own, each with its days.

Decides which edition is in force on a day, what a county's facts and codes make of the packaged
ones, and what of it all nobody has verified. Must not know where editions are kept.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from crisis.codes import Catalogue, CodeSets, CountyCode, with_county
from crisis.errors import Invalid
from crisis.shapes import Value
from crisis.standards import Fact, Standards

#: The first day of the benefit: what was loaded before editions had days holds since then.
DAY_ONE = date(2023, 1, 1)
_DATED = re.compile(r"(20\d\d)-(\d\d)(?:-(\d\d))?(?!\d)")


class EditionKind(StrEnum):
    """What an edition is of."""

    ZONES = "zones"
    STANDARDS = "standards"
    CODES = "codes"


class Edition(Value, frozen=True, kw_only=True):
    """One edition of one kind.

    Attributes:
        version: its name, unique in the county and the kind.
        effective_from: the first local day on which something of it holds.
        loaded_at: of two that begin on one day the one loaded later holds.
    """

    kind: EditionKind
    version: str
    effective_from: date
    loaded_at: datetime = datetime(2023, 1, 1, tzinfo=UTC)


_E = TypeVar("_E", bound=Edition)


def in_force(editions: Iterable[_E], on: date) -> _E | None:
    """Return the edition that holds on a local day; ``None`` = none had begun."""
    begun = [one for one in editions if one.effective_from <= on]
    return max(
        begun, key=lambda one: (one.effective_from, one.loaded_at, one.version), default=None
    )


def day_of(version: str) -> date | None:
    """Return the day that an edition's name tells (2027-01, 2026-11-15); ``None`` = none."""
    found = _DATED.match(version)
    if found is None:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


class CountySet(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A county's word on where a set of codes stands, from a day on."""

    set: str
    source: str
    verified: bool
    effective_from: date


class CodesEdition(Value, frozen=True, kw_only=True):
    """A county's edition of code sets: codes that begin, end or are named otherwise."""

    version: str
    changes: tuple[CountyCode, ...] = ()
    sets: tuple[CountySet, ...] = ()

    @property
    def effective_from(self) -> date:
        """The first day on which something of it holds."""
        days = [one.effective_from for one in self.changes]
        return min(days + [one.effective_from for one in self.sets])


class _CodesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    code: tuple[CountyCode, ...] = ()
    set: tuple[CountySet, ...] = ()


def parse_codes(text: str) -> CodesEdition:
    """Return the edition of a TOML text with ``[[code]]`` and ``[[set]]`` tables.

    Raises:
        Invalid: ``bad_codes``; ``facts["problems"]`` lists what is wrong.
    """
    try:
        read = msgspec.convert(tomllib.loads(text), _CodesFile)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Invalid("bad_codes", "The code sets can't be read.", problems=[str(error)]) from error
    if not read.code and not read.set:
        raise Invalid(
            "bad_codes", "The file has neither a code nor a set.", problems=["it is empty"]
        )
    return CodesEdition(version=read.version, changes=read.code, sets=read.set)


def check_codes(catalogue: Catalogue, edition: CodesEdition) -> Catalogue:
    """Return the catalogue with an edition that is to be loaded.

    Raises:
        Invalid: ``bad_codes``; ``facts["problems"]`` lists everything that is wrong.
    """
    unknown = [one.set for one in edition.sets if one.set not in catalogue.sets]
    unsaid = [one.set for one in edition.sets if not one.source.strip()]
    problems = [f"{name}: no such set" for name in unknown]
    problems += [f"{name}: no source" for name in unsaid]
    if problems:
        raise Invalid("bad_codes", f"The code sets have {len(problems)} faults.", problems=problems)
    return with_county(catalogue, edition.changes, f"{catalogue.version}+{edition.version}")


def merged_codes(
    base: Catalogue, editions: Sequence[CodesEdition]
) -> tuple[Catalogue, tuple[str, ...]]:
    """Return the packaged catalogue with a county's editions, in the order of their loading.

    What no longer fits, because the packaged sets have grown meanwhile, is left out and named: a
    county must start all the same.
    """
    catalogue, left_out = base, []
    for edition in editions:
        for change in sorted(edition.changes, key=lambda one: one.effective_from):
            try:
                catalogue = with_county(catalogue, [change], catalogue.version)
            except Invalid as error:
                listed = error.facts.get("problems")
                problems = listed if isinstance(listed, list) else [error.detail]
                left_out += [f"{edition.version}: {problem}" for problem in problems]
        catalogue = msgspec.structs.replace(
            catalogue, version=f"{catalogue.version}+{edition.version}"
        )
    return catalogue, tuple(left_out)


def codes_on(catalogue: Catalogue, editions: Sequence[CodesEdition], on: date) -> CodeSets:
    """Return the sets as of a local day, each with what the county says of where it stands."""
    sets = dict(catalogue.sets)
    said = [one for edition in editions for one in edition.sets if one.effective_from <= on]
    for one in sorted(said, key=lambda one: one.effective_from):
        if one.set in sets:
            sets[one.set] = msgspec.structs.replace(
                sets[one.set], source=one.source, verified=one.verified
            )
    return msgspec.structs.replace(catalogue, sets=sets).on(on)


def merged_standards(base: Standards, editions: Sequence[Standards]) -> Standards:
    """Return the packaged facts with a county's; of one key and day the county's holds."""
    facts = {(fact.key, fact.effective_from): fact for fact in base.facts}
    for edition in editions:
        facts |= {(fact.key, fact.effective_from): fact for fact in edition.facts}
    version = "+".join([base.version, *(edition.version for edition in editions)])
    return Standards(version=version, facts=tuple(facts.values()))


def check_standards(base: Standards, known: Sequence[Standards], given: Standards) -> None:
    """Refuse an edition of facts that can't be loaded.

    Raises:
        Invalid: ``bad_standards``: a key that nothing asks for, another kind of value, or a fact of
            a key and day that there is already: that may have set deadlines.
    """
    whole = merged_standards(base, known)
    kinds = {fact.key: type(fact.value) for fact in whole.facts}
    there = {(fact.key, fact.effective_from) for fact in whole.facts}
    problems = [f"{f.key}: no standard of the service" for f in given.facts if f.key not in kinds]
    problems += [
        f"{f.key}: must be a {kinds[f.key].__name__}"
        for f in given.facts
        if f.key in kinds and type(f.value) is not kinds[f.key]
    ]
    problems += [
        f"{f.key}: there is one from {f.effective_from.isoformat()} already; take a later day"
        for f in given.facts
        if (f.key, f.effective_from) in there
    ]
    problems += [
        f"{f.key}: must be above 0"
        for f in given.facts
        if isinstance(f.value, int) and not isinstance(f.value, bool) and f.value <= 0
    ]
    if not given.facts:
        problems.append("it is empty")
    if problems:
        raise Invalid(
            "bad_standards", f"The standards have {len(problems)} faults.", problems=problems
        )


class Unverified(Value, frozen=True, kw_only=True):
    """Something in force that no published page states; ``name``: a fact's key or a set's name."""

    kind: EditionKind
    name: str
    source: str


def unverified(standards: Standards, codes: CodeSets) -> tuple[Unverified, ...]:
    """Return what is in force on the codes' day and not verified: facts first, then code sets."""
    facts = [
        Unverified(kind=EditionKind.STANDARDS, name=fact.key, source=fact.source)
        for fact in facts_on(standards, codes.on)
        if not fact.verified
    ]
    sets = [
        Unverified(kind=EditionKind.CODES, name=name, source=one.source)
        for name, one in codes.catalogue.sets.items()
        if not one.verified
    ]
    return (*facts, *sets)


def facts_on(standards: Standards, on: date) -> list[Fact]:
    """Return the facts in force on a local day, by key."""
    keys = sorted({fact.key for fact in standards.facts if fact.effective_from <= on})
    return [standards.at(key, on) for key in keys]
