"""What somebody tells of a situation, fact by fact, beside what others told meanwhile.

Decides what a sender who looked at an older version may change: their own facts, never what
somebody else has changed since. Lists are told by what comes and what goes; whoever sends a whole
list takes away nothing that they can't have seen. Must not know places, codes or who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from crisis.commands import Envelope, PlaceInput
from crisis.commands.incidents import Telling
from crisis.errors import Invalid, StaleVersion
from crisis.incident.danger import SCREENING
from crisis.incident.situation import Situation, changed, of_code, with_sources, with_teams
from crisis.incident.state import Incident
from crisis.shapes import Value
from crisis.states import Source
from crisis.triage import NOT_SAID, Acuity, Answer, Hazard, HazardTold, Need

_T = TypeVar("_T")
#: The word of a crew, of ``hazard_source``.
TEAM = "team"
#: The facts whose values no refusal and no warning may hold: they are clinical, or where it is.
_PRIVATE = ("screening", "concerns", "point", "address", "access")


class Said(Value, frozen=True, kw_only=True):
    """What was said; ``None`` = nothing of it, so that it stays as it was.

    Attributes:
        version: of the incident, that the sender had seen; ``None`` = not told. A value is then
            refused as stale where somebody else changed it since the incident was opened, a whole
            list takes nothing away, and a blank no answer.
        touched: name of a fact → the version in which it changed last.
        foreign: names of the facts that somebody else changed last.
    """

    place: PlaceInput | None = None
    acuity: Acuity | None = None
    needs: tuple[Need, ...] | None = None
    hazards: tuple[Hazard, ...] | None = None
    concerns: tuple[str, ...] | None = None
    screening: Mapping[str, Answer] | None = None
    add_needs: tuple[Need, ...] = ()
    add_hazards: tuple[Hazard, ...] = ()
    add_concerns: tuple[str, ...] = ()
    remove_needs: tuple[str, ...] = ()
    remove_hazards: tuple[str, ...] = ()
    remove_concerns: tuple[str, ...] = ()
    version: int | None = None
    touched: Mapping[str, int] = {}
    foreign: frozenset[str] = frozenset()


def said_in(c: Telling, incident: Incident, env: Envelope) -> Said:
    """Return what the command says of the incident, beside what others have changed of it."""
    ours = ("touched", "foreign")
    given = {name: getattr(c, name) for name in Said.__struct_fields__ if name not in ours}
    source = env.source
    given["hazards"] = None if c.hazards is None else with_word(c.hazards, source)
    given["add_hazards"] = with_word(c.add_hazards, source)
    mine = env.actor.user_id
    foreign = frozenset(name for name, by in incident.touched_by.items() if by != mine)
    return Said(**given, touched=incident.touched, foreign=foreign)


def with_word(hazards: Iterable[HazardTold], source: Source) -> tuple[Hazard, ...]:
    """Return the hazards, each with where the word of it came from, or that nobody said so."""
    unsaid = TEAM if source is Source.PHONE else NOT_SAID
    return tuple(
        Hazard(code=one.code, source=one.source or unsaid, noted_at=one.noted_at) for one in hazards
    )


class _Clash(NamedTuple):
    field: str
    yours: object
    theirs: object


class Merging:
    """Lets what was said happen beside what others said; collects what can't.

    Attributes:
        kept: names of the facts that a whole list or a blank left out and that stay all the same.
    """

    def __init__(self, said: Said) -> None:
        self.said = said
        self.kept: list[str] = []
        self._clashes: list[_Clash] = []

    def _is_stale(self, name: str) -> bool:
        seen = self.said.version
        return seen is not None and self.said.touched.get(name, 1) > seen

    def value(self, name: str, before: _T, told: _T | None) -> _T:
        """Return the fact after what was told of it."""
        if told is None or told == before:
            return before
        unseen = self.said.version is None and name in self.said.foreign
        if unseen or self._is_stale(name):
            self._clashes.append(_Clash(name, told, before))
        return told

    def needs(self, before: tuple[Need, ...]) -> tuple[Need, ...]:
        """Return the needs after what was told."""
        said = self.said
        return self._items(
            "needs", before, said.needs, said.add_needs, said.remove_needs, _all_needs
        )

    def hazards(self, before: tuple[Hazard, ...]) -> tuple[Hazard, ...]:
        """Return the hazards after what was told; what answers brought is not noted again."""
        said = self.said
        whole = said.hazards
        if whole is not None:
            whole = tuple(h for h in whole if h.source != SCREENING)
        add = tuple(h for h in said.add_hazards if h.source != SCREENING)
        return self._items("hazards", before, whole, add, said.remove_hazards, with_sources)

    def concerns(self, before: tuple[str, ...]) -> tuple[str, ...]:
        """Return the concerns after what was told."""
        said = self.said
        made = {code: _Concern(code) for code in (*before, *(said.concerns or ()))}
        whole = None if said.concerns is None else tuple(made[code] for code in said.concerns)
        after = self._items(
            "concerns",
            tuple(made[code] for code in before),
            whole,
            tuple(_Concern(code) for code in said.add_concerns),
            said.remove_concerns,
            _all_concerns,
        )
        return tuple(one.code for one in after)

    def screening(self, before: Mapping[str, Answer]) -> dict[str, Answer]:
        """Return the answers after what was told; a blank takes back none that wasn't seen."""
        blank = Answer.NOT_ASKED
        told = {}
        for item, answer in (self.said.screening or {}).items():
            name, was = f"screening/{item}", before.get(item, blank)
            if answer is blank and was is not blank and self.said.version is None:
                self.kept.append(name)
            else:
                told[item] = self.value(name, was, answer)
        return {**before, **told}

    def _items(
        self,
        field: str,
        before: tuple[Any, ...],
        whole: tuple[Any, ...] | None,
        add: tuple[Any, ...],
        remove: tuple[str, ...],
        combined: Callable[[Iterable[Any], Iterable[Any]], tuple[Any, ...]],
    ) -> tuple[Any, ...]:
        both = {item.code for item in add} & set(remove)
        if both:
            raise Invalid(
                "added_and_removed", "The same thing can't come and go at once.", codes=sorted(both)
            )
        after = _by_code(before)
        for code in {**after, **_by_code(whole)} if whole is not None else ():
            self._whole(field, after, code, of_code(whole or (), code), combined)
        for code, items in _by_code(add).items():
            now = after.get(code, ())
            after[code] = self._put(f"{field}/{code}", now, combined(now, items))
        for code in remove:
            if code in after:
                self._put(f"{field}/{code}", after[code], ())
                after[code] = ()
        return tuple(item for items in after.values() for item in items)

    def _whole(
        self,
        field: str,
        after: dict[str, tuple[Any, ...]],
        code: str,
        wanted: tuple[Any, ...],
        combined: Callable[[Iterable[Any], Iterable[Any]], tuple[Any, ...]],
    ) -> None:
        """Let a whole list say what it says of one code."""
        name, now = f"{field}/{code}", after.get(code, ())
        if not wanted and now and (self.said.version is None or self._is_stale(name)):
            self.kept.append(name)
            return
        # What a list says twice it says once.
        wanted = combined(now if self.said.version is None else (), wanted)
        after[code] = self._put(name, now, wanted)

    def _put(self, name: str, now: tuple[Any, ...], wanted: tuple[Any, ...]) -> tuple[Any, ...]:
        is_said_so = set(wanted) == set(now)
        if not is_said_so and self._is_stale(name):
            self._clashes.append(_Clash(name, wanted, now))
        return now if is_said_so else wanted

    def require_fresh(self, version: int) -> None:
        """Refuse what somebody else changed since the sender looked.

        Args:
            version: of the incident, at present.

        Raises:
            StaleVersion: ``stale_version``, with both values of each such fact.
        """
        if not self._clashes:
            return
        raise StaleVersion(
            "stale_version",
            "Somebody changed this after you looked. Look at it as it is now, and say again what "
            "still has to be changed.",
            version=version,
            seen=self.said.version,
            fields=[
                {"field": clash.field, "yours": yours, "theirs": theirs}
                for clash in self._clashes
                for yours, theirs in [_shown(clash)]
            ],
        )


class _Concern(NamedTuple):
    code: str


def _shown(clash: _Clash) -> tuple[object, object]:
    """Return both values, or nothing of what is private: who may read it, opens the incident."""
    if clash.field.split("/")[0] in _PRIVATE:
        return None, None
    built = msgspec.to_builtins((clash.yours, clash.theirs))
    return built[0], built[1]


def _by_code(items: Iterable[Any]) -> dict[str, tuple[Any, ...]]:
    given = tuple(items)
    return {code: of_code(given, code) for code in dict.fromkeys(item.code for item in given)}


def _all_needs(now: Iterable[Need], told: Iterable[Need]) -> tuple[Need, ...]:
    """Return the needs of both: who adds one takes no must away, and no team that was named."""
    return with_teams((*now, *told))


def _all_concerns(now: Iterable[_Concern], told: Iterable[_Concern]) -> tuple[_Concern, ...]:
    return tuple(dict.fromkeys((*now, *told)))


def codes_changed(before: Situation, after: Situation) -> list[str]:
    """Return the names of what changed, without what is private: ``screening/x`` is screening."""
    names = (
        name.split("/")[0] if name.startswith(_PRIVATE) else name for name in changed(before, after)
    )
    return list(dict.fromkeys(names))
