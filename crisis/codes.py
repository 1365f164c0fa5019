"""Code sets: the closed vocabularies of the domain, versioned by date, extendable by a county.

Decides which codes exist on a day and what their flags mean. The codes are this project's own
words; exports map them to whatever the State asks for. Must not know who uses them.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise

import msgspec

from crisis.errors import Invalid
from crisis.shapes import Value

_FILES = ("codes_intake.toml", "codes_people.toml", "codes_dispatch.toml", "codes_outcome.toml")
_WORD = re.compile(r"[a-z][a-z0-9_]*\Z")
#: Attribute → the set whose codes it names.
_REFERS: Mapping[str, str] = {
    "acuity": "acuity",
    "ask": "screening_ask",
    "capability": "team_capability",
    "competency": "competency",
    "denied_by": "risk_item",
    "hazard": "hazard",
    "language": "language",
    "need": "need",
    "partner": "partner_kind",
    "reason": "partner_reason",
}
#: How a field of an encounter stands to its ending; see ``crisis.endings``.
_FITS = frozenset({"must", "may", "never"})
#: Of a caller's text no more than this is compared or given back.
_LONGEST = 64


class Code(Value, frozen=True, kw_only=True):
    """One word of a set, during one span of days.

    Attributes:
        code: canonical snake_case; never changes its meaning.
        label: English, for people.
        flags: what follows from it, all declared by the set.
        attributes: named values, e.g. ``{"language": "vi"}`` of a need; keys declared by the set.
        effective_from: first day on which it may be chosen.
        effective_until: first day on which it may no longer be chosen; ``None`` = no end known.
        by_county: a county's own addition or relabelling.
    """

    set: str
    code: str
    label: str
    flags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = {}
    effective_from: date
    effective_until: date | None = None
    by_county: bool = False

    def holds_on(self, on: date) -> bool:
        """Whether it may be chosen on that local day."""
        return self.effective_from <= on and (
            self.effective_until is None or on < self.effective_until
        )


class CodeSet(Value, frozen=True, kw_only=True):
    """A set as of one day.

    Attributes:
        codes: those that may be chosen on ``on``, in the order of the lists that people see.
        flags, attributes: which ones its codes may carry.
        closed: counties can't add to it.
        verified: whether a published page states the set; ``source`` names it.
    """

    name: str
    label: str
    on: date
    codes: tuple[Code, ...]
    flags: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    closed: bool = False
    source: str
    verified: bool

    def __contains__(self, code: object) -> bool:
        return any(known.code == code for known in self.codes)

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes)

    def get(self, code: str) -> Code | None:
        """Return the code; ``None`` = not in the set on this day."""
        return next((known for known in self.codes if known.code == code), None)

    def with_flag(self, flag: str) -> frozenset[str]:
        """Return the codes that carry ``flag``.

        Raises:
            KeyError: the set declares no such flag (a slip of the programmer, not of the data).
        """
        if flag not in self.flags:
            raise KeyError(f"{self.name} has no flag {flag}")
        return frozenset(known.code for known in self.codes if flag in known.flags)


class SetVersions(Value, frozen=True, kw_only=True):
    """A set with all its codes of all times; read it through ``Catalogue``."""

    name: str
    label: str
    flags: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    forbidden: tuple[str, ...] = ()
    closed: bool = False
    effective_from: date
    source: str
    verified: bool
    codes: tuple[Code, ...]


class Catalogue(Value, frozen=True, kw_only=True):
    """All sets with all their versions: the packaged ones, or a county's own."""

    version: str
    sets: Mapping[str, SetVersions]

    def on(self, on: date) -> CodeSets:
        """Return the sets as of a local day; keep the result, it takes some 0.1 ms to make."""
        index: dict[tuple[str, str], Code] = {}
        for name, versions in self.sets.items():
            for known in sorted(versions.codes, key=lambda known: known.effective_from):
                held = index.get((name, known.code))
                if held is None or not held.holds_on(on):
                    index[name, known.code] = known
        return CodeSets(on=on, catalogue=self, index=index)


class CodeSets(Value, frozen=True, kw_only=True):
    """A catalogue as of one local day; made by ``Catalogue.on``.

    ``index``: (set, code) → the version that holds on the day, else the newest one.
    """

    on: date
    catalogue: Catalogue
    index: Mapping[tuple[str, str], Code]

    def __getitem__(self, name: str) -> CodeSet:
        """Return a set.

        Raises:
            Invalid: ``unknown_code_set``.
        """
        versions = self.catalogue.sets.get(name)
        if versions is None:
            near = difflib.get_close_matches(name, self.catalogue.sets, n=3)
            raise Invalid("unknown_code_set", f"There is no code set {name}.", set=name, near=near)
        return CodeSet(
            name=versions.name,
            label=versions.label,
            on=self.on,
            codes=tuple(known for known in versions.codes if known.holds_on(self.on)),
            flags=versions.flags,
            attributes=versions.attributes,
            closed=versions.closed,
            source=versions.source,
            verified=versions.verified,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.catalogue.sets)

    def find(self, set_name: str, code: str) -> Code | None:
        """Return a code as it stands on this day, else its newest version, else ``None``.

        For reading what was stored: a code that was retired since keeps its label and flags.
        """
        return self.index.get((set_name, code))

    def require(self, set_name: str, code: str) -> Code:
        """Return a code that may be chosen on this day.

        Raises:
            Invalid: ``unknown_code``; its facts name the set, the code and near matches, and for a
                code of another time its first and last days.
        """
        found = self.find(set_name, code)
        if found is not None and found.holds_on(self.on):
            return found
        known = self[set_name]
        if found is not None:
            raise Invalid(
                "unknown_code",
                f"{found.label} ({code}) can't be chosen on {self.on.isoformat()}.",
                set=set_name,
                code=code,
                near=[],
                effective_from=found.effective_from.isoformat(),
                effective_until=(
                    None if found.effective_until is None else found.effective_until.isoformat()
                ),
            )
        near = _near(code, known.codes)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        # The code itself stays out of the sentence: it is the caller's text, which may be anything.
        raise Invalid(
            "unknown_code",
            f"Not a code of {known.label.lower()}.{hint}",
            set=set_name,
            code=code[:_LONGEST],
            near=near,
        )


def _near(wanted: str, codes: Iterable[Code]) -> list[str]:
    by_word: dict[str, str] = {}
    for known in codes:
        by_word[known.label.lower()] = known.code
        by_word[known.code] = known.code
    text = wanted[:_LONGEST].strip().lower()
    words = difflib.get_close_matches(text.replace(" ", "_"), by_word, n=3, cutoff=0.6)
    words += difflib.get_close_matches(text, by_word, n=3, cutoff=0.6)
    if not words and len(text) >= 3:
        words = [word for word in by_word if text in word][:3]
    return list(dict.fromkeys(by_word[word] for word in words))[:3]


@cache
def packaged() -> Catalogue:
    """Return the catalogue that comes with this version of the service."""
    texts = [resources.files("crisis").joinpath("data", name).read_text() for name in _FILES]
    return parse(texts)


def code_sets(on: date, catalogue: Catalogue | None = None) -> CodeSets:
    """Return the code sets as of a local day; ``None`` = the packaged catalogue."""
    return _packaged_on(on) if catalogue is None else catalogue.on(on)


@lru_cache(maxsize=64)
def _packaged_on(on: date) -> CodeSets:
    return packaged().on(on)


def require(set_name: str, code: str, on: date) -> Code:
    """Return a code of the packaged catalogue; see ``CodeSets.require``."""
    return code_sets(on).require(set_name, code)


class _CodeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    label: str
    flags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = {}
    effective_from: date | None = None
    effective_until: date | None = None


class _SetIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    label: str
    effective_from: date
    source: str
    verified: bool
    codes: tuple[_CodeIn, ...]
    flags: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    forbidden: tuple[str, ...] = ()
    closed: bool = False


class _FileIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    set: tuple[_SetIn, ...]


def parse(texts: Iterable[str]) -> Catalogue:
    """Build a catalogue from TOML texts.

    Raises:
        Invalid: ``bad_codes``; ``facts["problems"]`` lists everything that is wrong.
    """
    sets: dict[str, SetVersions] = {}
    versions: set[str] = set()
    problems: list[str] = []
    for text in texts:
        try:
            read = msgspec.convert(tomllib.loads(text), _FileIn)
        except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
            problems.append(str(error))
            continue
        versions.add(read.version)
        for given in read.set:
            if given.name in sets:
                problems.append(f"{given.name}: given twice")
            sets[given.name] = _versions(given)
    for checked in sets.values():
        problems += _problems(checked)
    problems += _strangers(sets, sets)
    _refuse(problems)
    return Catalogue(version="+".join(sorted(versions)), sets=sets)


def _versions(given: _SetIn) -> SetVersions:
    return SetVersions(
        name=given.name,
        label=given.label,
        flags=given.flags,
        attributes=given.attributes,
        forbidden=given.forbidden,
        closed=given.closed,
        effective_from=given.effective_from,
        source=given.source,
        verified=given.verified,
        codes=tuple(
            Code(
                set=given.name,
                code=one.code,
                label=one.label,
                flags=one.flags,
                attributes=one.attributes,
                effective_from=one.effective_from or given.effective_from,
                effective_until=one.effective_until,
            )
            for one in given.codes
        ),
    )


def _problems(versions: SetVersions) -> list[str]:
    problems = []
    if not versions.source:
        problems.append(f"{versions.name}: no source")
    for known in versions.codes:
        where = f"{versions.name}.{known.code}"
        if not _WORD.match(known.code):
            problems.append(f"{where}: not snake_case")
        if not known.label.strip():
            problems.append(f"{where}: no label")
        problems += [
            f"{where}: the set declares no flag {flag}"
            for flag in sorted(known.flags - versions.flags)
        ]
        problems += [
            f"{where}: the set declares no attribute {name}"
            for name in sorted(known.attributes.keys() - versions.attributes)
        ]
        if known.effective_until is not None and known.effective_until <= known.effective_from:
            problems.append(f"{where}: ends before it begins")
        said = f"{known.code} {known.label}".lower().replace(" ", "_")
        problems += [
            f"{where}: {word} is never a {versions.label.lower()}"
            for word in versions.forbidden
            if word in said
        ]
    return problems + _overlaps(versions)


def _strangers(sets: Mapping[str, SetVersions], names: Iterable[str]) -> list[str]:
    """Return which attributes name what there isn't: the program goes by them."""
    problems = []
    for known in (code for name in sorted(names) for code in sets[name].codes):
        where = f"{known.set}.{known.code}"
        for attribute, value in known.attributes.items():
            target = sets.get(_REFERS.get(attribute, ""))
            if target is not None and all(value != code.code for code in target.codes):
                problems.append(f"{where}: {attribute}: no {target.label.lower()} {value}")
            if known.set == "disposition" and value not in _FITS:
                problems.append(f"{where}: {attribute}: must, may or never, not {value}")
        if "partner" in known.attributes and "reason" not in known.attributes:
            problems.append(f"{where}: a partner is proposed for a reason")
    return problems


def _overlaps(versions: SetVersions) -> list[str]:
    spans: dict[str, list[Code]] = {}
    for known in sorted(versions.codes, key=lambda known: known.effective_from):
        spans.setdefault(known.code, []).append(known)
    return [
        f"{versions.name}.{code}: two versions hold on {later.effective_from.isoformat()}"
        for code, found in spans.items()
        for earlier, later in pairwise(found)
        if earlier.effective_until is None or earlier.effective_until > later.effective_from
    ]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise Invalid("bad_codes", f"The code sets have {len(problems)} faults.", problems=problems)


class CountyCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A county's change to a set, from a day on.

    A code that we have: ``label`` renames it, ``retired`` ends it; its flags and attributes stay,
    because reports count by them. A new code: needs a label; it takes flags that the set declares.
    """

    set: str
    code: str
    effective_from: date
    label: str | None = None
    flags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = {}
    retired: bool = False


def with_county(catalogue: Catalogue, changes: Iterable[CountyCode], version: str) -> Catalogue:
    """Return the catalogue with a county's changes; ``version`` names the result.

    Raises:
        Invalid: ``bad_codes``; ``facts["problems"]`` lists everything that is wrong.
    """
    sets = dict(catalogue.sets)
    problems: list[str] = []
    touched: set[str] = set()
    for change in sorted(changes, key=lambda change: change.effective_from):
        versions = sets.get(change.set)
        if versions is None:
            problems.append(f"{change.set}: no such set")
            continue
        codes, problem = _changed(versions, change)
        if problem is not None:
            problems.append(f"{change.set}.{change.code}: {problem}")
            continue
        touched.add(change.set)
        sets[change.set] = msgspec.structs.replace(versions, codes=codes)
    for name in sorted(touched):
        problems += _problems(sets[name])
    problems += _strangers(sets, touched)
    _refuse(problems)
    return Catalogue(version=version, sets=sets)


def _changed(versions: SetVersions, change: CountyCode) -> tuple[tuple[Code, ...], str | None]:
    """Return the set's codes after a change, and what is wrong with it (``None`` = nothing)."""
    codes = versions.codes
    now = next(
        (i for i, k in enumerate(codes) if k.code == change.code and _ends_after(k, change)), None
    )
    if now is None:
        if versions.closed:
            return codes, "the set is closed to additions"
        if change.retired or change.label is None:
            return codes, "not a code of this set, and a new one needs a label"
        return (*codes, _new(change, change.label, change.flags, change.attributes)), None
    old = codes[now]
    if change.flags or change.attributes:
        return codes, "flags and attributes of a known code can't be changed"
    if change.effective_from <= old.effective_from:
        return codes, f"must begin after {old.effective_from.isoformat()}"
    ended = msgspec.structs.replace(old, effective_until=change.effective_from)
    if change.retired:
        if versions.closed:
            return codes, "a code of a closed set can't be retired"
        return (*codes[:now], ended, *codes[now + 1 :]), None
    if change.label is None:
        return codes, "nothing to change"
    renamed = msgspec.structs.replace(
        _new(change, change.label, old.flags, old.attributes), effective_until=old.effective_until
    )
    return (*codes[:now], ended, renamed, *codes[now + 1 :]), None


def _ends_after(known: Code, change: CountyCode) -> bool:
    return known.effective_until is None or known.effective_until > change.effective_from


def _new(
    change: CountyCode, label: str, flags: frozenset[str], attributes: Mapping[str, str]
) -> Code:
    return Code(
        set=change.set,
        code=change.code,
        label=label,
        flags=flags,
        attributes=attributes,
        effective_from=change.effective_from,
        by_county=True,
    )
