"""What is known of an incident, as one value, and how two of them are told apart or made one.

Decides what counts as one fact: a field, or one item of a list. A form changes facts, never whole
lists; a merge takes the worse of each fact, and a split gives each its own back. Must not know
which codes exist, who tells something or what is done about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from crisis.shapes import Value
from crisis.triage import ACUITY_ORDER, Acuity, Answer, Clinical, Hazard, Need, Place

_Item = TypeVar("_Item", Need, Hazard)

#: Of two answers to one question the earlier one here counts: a blank never reads as safe.
WORSE = (Answer.YES, Answer.UNKNOWN, Answer.NOT_ASKED, Answer.NO)


class Situation(Value, frozen=True, kw_only=True):
    """Everything that an amendment may change."""

    place: Place
    acuity: Acuity | None = None
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    clinical: Clinical = Clinical()


def of_code(items: Iterable[_Item], code: str) -> tuple[_Item, ...]:
    """Return the items of one code: a hazard may have several sources, a need several teams."""
    return tuple(item for item in items if item.code == code)


def facts(situation: Situation) -> dict[str, Any]:
    """Return each fact by its name; a fact that isn't there is not known.

    Names: ``acuity``, ``point``, ``address``, ``access``, ``location_type``,
    ``location_type/<code>`` of what else the place was called, ``needs/<code>``,
    ``hazards/<code>``, ``concerns/<code>``, ``screening/<item>``.
    """
    place, clinical = situation.place, situation.clinical
    found: dict[str, Any] = {
        "acuity": situation.acuity,
        "point": clinical.point,
        "address": place.address_record,
        "access": place.access_record,
        "location_type": None if place.location_type == "unknown" else place.location_type,
    }
    found |= {other_type(code): True for code in place.types if code != place.location_type}
    for need in situation.needs:
        found[f"needs/{need.code}"] = of_code(situation.needs, need.code)
    for hazard in situation.hazards:
        found[f"hazards/{hazard.code}"] = of_code(situation.hazards, hazard.code)
    found |= {f"concerns/{code}": True for code in clinical.concerns}
    found |= {
        f"screening/{item}": answer
        for item, answer in clinical.screening.items()
        if answer is not Answer.NOT_ASKED
    }
    return {name: value for name, value in found.items() if value is not None}


def other_type(code: str) -> str:
    """Return the name of the fact that the place was called that, too."""
    return f"location_type/{code}"


def changed(before: Situation, after: Situation) -> tuple[str, ...]:
    """Return the names of the facts in which the two differ."""
    was, now = facts(before), facts(after)
    return tuple(name for name in {**was, **now} if was.get(name) != now.get(name))


def worse(one: Answer, other: Answer) -> Answer:
    """Return the answer that counts of two to the same question."""
    return min(one, other, key=WORSE.index)


def joined(one: Situation, other: Situation) -> Situation:
    """Return what is known of two situations that turned out to be one.

    Nothing is lost and nothing gets milder: the more pressing acuity, every hazard with each of its
    sources, every need and hard where either was, the worse answer. ``one``'s place stays where it
    has one, for that is where teams are on their way to.
    """
    acuities = [a for a in (one.acuity, other.acuity) if a is not None]
    place, point = _place(one, other)
    return Situation(
        place=place,
        acuity=min(acuities, key=ACUITY_ORDER.__getitem__) if acuities else None,
        needs=with_teams((*one.needs, *other.needs)),
        hazards=with_sources(one.hazards, other.hazards),
        clinical=Clinical(
            point=point,
            concerns=tuple(dict.fromkeys((*one.clinical.concerns, *other.clinical.concerns))),
            screening=_screening(one.clinical, other.clinical),
            erased=one.clinical.erased or other.clinical.erased,
        ),
    )


def _place(one: Situation, other: Situation) -> tuple[Place, Any]:
    place, point = one.place, one.clinical.point
    theirs, their_point = other.place, other.clinical.point
    if point is None and their_point is not None:
        # Where it is said in words goes with the point; what ``one`` had said stays a record.
        told = theirs.address_record or place.address_record
        place, point = msgspec.structs.replace(theirs, address_record=told), their_point
        theirs = one.place
    types = tuple(dict.fromkeys((*place.types, *theirs.types)))
    if place.location_type == "unknown":
        place = msgspec.structs.replace(
            place, location_type=theirs.location_type, excluded_setting=theirs.excluded_setting
        )
    place = msgspec.structs.replace(place, other_types=types[1:])
    if place.address_record is None:
        place = msgspec.structs.replace(place, address_record=theirs.address_record)
    if place.access_record is None:
        place = msgspec.structs.replace(place, access_record=theirs.access_record)
    return place, point


def with_sources(one: Iterable[Hazard], other: Iterable[Hazard]) -> tuple[Hazard, ...]:
    """Return all hazards; what the same source said twice stands once, as it was said first."""
    known: dict[tuple[str, str], Hazard] = {}
    for hazard in (*one, *other):
        before = known.get((hazard.code, hazard.source))
        if before is None or _is_earlier(hazard, before):
            known[hazard.code, hazard.source] = hazard
    return tuple(known.values())


def _is_earlier(hazard: Hazard, before: Hazard) -> bool:
    return hazard.noted_at is not None and (
        before.noted_at is None or hazard.noted_at < before.noted_at
    )


def with_teams(needs: Iterable[Need]) -> tuple[Need, ...]:
    """Return each need once for each team that it names; hard where it was hard for anybody."""
    known: dict[str, dict[Any, Need]] = {}
    for need in needs:
        of = known.setdefault(need.code, {})
        hard = bool(need.hard) or any(n.hard for n in of.values())
        of[need.team_id] = need
        if len(of) > 1:
            of.pop(None, None)
        known[need.code] = {t: msgspec.structs.replace(n, hard=hard) for t, n in of.items()}
    return tuple(need for of in known.values() for need in of.values())


def _screening(one: Clinical, other: Clinical) -> dict[str, Answer]:
    items = dict.fromkeys((*one.screening, *other.screening))
    blank = Answer.NOT_ASKED
    return {
        item: worse(one.screening.get(item, blank), other.screening.get(item, blank))
        for item in items
    }


def parted(now: Situation, whole: Situation, rest: Situation) -> Situation:
    """Return what stays known when something is taken back out of a whole.

    Args:
        now: what is known at present.
        whole: what was put together; where ``now`` differs from it, it was amended since.
        rest: the same without what leaves.

    What was amended since stays as it is, the rest is as if it had never been joined.
    """
    is_same = _same(now, whole)
    moved = not all(is_same(name) for name in ("point", "address", "location_type"))
    kept = now.clinical
    place = now.place if moved else rest.place
    others = tuple(
        code
        for code in dict.fromkeys((*rest.place.types, *now.place.types))
        if code in (rest if is_same(other_type(code)) else now).place.types
        and code != place.location_type
    )
    return Situation(
        place=msgspec.structs.replace(
            place,
            other_types=others,
            access_record=(rest if is_same("access") else now).place.access_record,
        ),
        acuity=rest.acuity if is_same("acuity") else now.acuity,
        needs=_parted_items("needs", now.needs, rest.needs, is_same),
        hazards=_parted_items("hazards", now.hazards, rest.hazards, is_same),
        clinical=Clinical(
            point=kept.point if moved else rest.clinical.point,
            concerns=tuple(
                code
                for code in dict.fromkeys((*rest.clinical.concerns, *kept.concerns))
                if code in (rest if is_same(f"concerns/{code}") else now).clinical.concerns
            ),
            screening=_parted_answers(now.clinical, rest.clinical, is_same),
            erased=kept.erased,
        ),
    )


def _parted_answers(
    now: Clinical, rest: Clinical, is_same: Callable[[str], bool]
) -> dict[str, Answer]:
    found = {}
    for item in dict.fromkeys((*rest.screening, *now.screening)):
        answer = (rest if is_same(f"screening/{item}") else now).screening.get(item)
        if answer is not None:
            found[item] = answer
    return found


def _same(now: Situation, whole: Situation) -> Callable[[str], bool]:
    differs = frozenset(changed(now, whole))
    return lambda name: name not in differs


def _parted_items(
    field: str, now: tuple[_Item, ...], rest: tuple[_Item, ...], is_same: Callable[[str], bool]
) -> tuple[_Item, ...]:
    codes = dict.fromkeys(item.code for item in (*rest, *now))
    return tuple(
        item
        for code in codes
        for item in of_code(rest if is_same(f"{field}/{code}") else now, code)
    )


def learnt_since(now: Situation, whole: Situation) -> Situation:
    """Return the dangers that became known while two incidents were one, and nothing else.

    Nobody knows to which of them they belong, so each of them is told.
    """
    new = frozenset(changed(whole, now))
    before: Mapping[str, Answer] = whole.clinical.screening
    return Situation(
        place=Place(),
        hazards=tuple(h for h in now.hazards if h not in whole.hazards),
        clinical=Clinical(
            screening={
                item: answer
                for item, answer in now.clinical.screening.items()
                if f"screening/{item}" in new
                and answer in {Answer.YES, Answer.UNKNOWN}
                and worse(answer, before.get(item, Answer.NOT_ASKED)) is answer
            }
        ),
    )


def still_known(learnt: Situation, now: Situation) -> Situation:
    """Return what was learnt of danger without what somebody took back since."""
    answers = now.clinical.screening
    return Situation(
        place=Place(),
        hazards=tuple(h for h in learnt.hazards if h in now.hazards),
        clinical=Clinical(
            screening={
                item: answers[item]
                for item in learnt.clinical.screening
                if answers.get(item) in {Answer.YES, Answer.UNKNOWN}
            }
        ),
    )
