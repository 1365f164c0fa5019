"""What endangers whoever goes: one statement of an incident, the same for everybody.

Decides what is known of danger from what was noted and what was answered, what was not, and which
of two that contradict each other counts. Staffing and ranking ask it, and desk, offer, phone, wall
and partner are shown it; nobody derives danger anew. Must not know who is told, or how.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from crisis.codes import Code, CodeSets
from crisis.incident.situation import Situation, worse
from crisis.shapes import Value
from crisis.triage import Answer, Hazard

#: Source of a hazard that an answer brought; nobody notes it by hand.
SCREENING = "screening"


class Danger(Value, frozen=True, kw_only=True):
    """What is known of danger, and what is not; the codes are hazards'.

    As made, without a word from anybody, it says that nothing is known.

    Attributes:
        version: counts its changes, from 1: who was told an older one must be told anew.
        hazards: noted ones with who said so and when, then those that were answered yes.
        unknown: asked about, and the caller didn't know.
        not_asked: nobody asked.
        scene_known: everything that must be asked before a scene counts as known was answered.
    """

    version: int = 1
    hazards: tuple[Hazard, ...] = ()
    unknown: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    scene_known: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """The known hazards, each once."""
        return tuple(dict.fromkeys(hazard.code for hazard in self.hazards))

    @property
    def is_clear(self) -> bool:
        """Whether it may be said that no hazard is known: all was asked, and answered no."""
        return self.scene_known and not (self.hazards or self.unknown or self.not_asked)


def danger_of(situation: Situation, codes: CodeSets, before: Danger | None = None) -> Danger:
    """Return the statement of what is known.

    Args:
        before: the incident's last one; ``None`` = none was made. Its version stays while it does.
    """
    if situation.clinical.erased:
        return Danger(hazards=situation.hazards)  # the answers are gone: nothing is asserted
    made = _stated(situation, codes)
    if before is None:
        return made
    same = msgspec.structs.replace(made, version=before.version)
    return before if same == before else msgspec.structs.replace(made, version=before.version + 1)


def _stated(situation: Situation, codes: CodeSets) -> Danger:
    answers = _answers(situation, codes)
    noted = {hazard.code for hazard in situation.hazards}
    implied = [c for c, a in answers.items() if a is Answer.YES and c not in noted]
    hazards = (*situation.hazards, *(Hazard(code=code, source=SCREENING) for code in implied))
    known = {hazard.code for hazard in hazards}
    return Danger(
        hazards=hazards,
        unknown=_open(answers, Answer.UNKNOWN, known),
        not_asked=_open(answers, Answer.NOT_ASKED, known),
        scene_known=not _says_unknown(known, codes) and _is_asked(situation, known, codes),
    )


def _answers(situation: Situation, codes: CodeSets) -> dict[str, Answer]:
    """Return each hazard that is asked about, with the worst answer of its questions."""
    screening = situation.clinical.screening
    found: dict[str, Answer] = {}
    for item in codes["risk_item"]:
        code = item.attributes.get("hazard")
        if code is not None:
            answer = screening.get(item.code, Answer.NOT_ASKED)
            found[code] = worse(found[code], answer) if code in found else answer
    return found


def _open(answers: dict[str, Answer], wanted: Answer, known: set[str]) -> tuple[str, ...]:
    return tuple(code for code, answer in answers.items() if answer is wanted and code not in known)


def _says_unknown(known: set[str], codes: CodeSets) -> bool:
    """Whether somebody noted that the scene isn't known."""
    found = (codes.find("hazard", code) for code in known)
    return any(code is not None and "unknown_scene" in code.flags for code in found)


def _is_asked(situation: Situation, known: set[str], codes: CodeSets) -> bool:
    answered = {Answer.YES, Answer.NO}
    return all(
        item.attributes.get("hazard") in known
        or situation.clinical.screening.get(item.code) in answered
        for item in codes["risk_item"]
        if "scene_safety" in item.flags
    )


class Contradiction(NamedTuple):
    """A question that was answered no, though the danger that it asks about was noted."""

    item: Code
    hazard: str


def contradictions(situation: Situation, codes: CodeSets) -> tuple[Contradiction, ...]:
    """Return where answers deny what was noted, by the table that the codes are."""
    screening = situation.clinical.screening
    return tuple(
        Contradiction(item, hazard)
        for hazard in dict.fromkeys(hazard.code for hazard in situation.hazards)
        for item in _denying(hazard, codes)
        if screening.get(item.code) is Answer.NO
    )


def _denying(hazard: str, codes: CodeSets) -> list[Code]:
    """Return the questions whose "no" denies a hazard.

    The one that asks about it, where there is only one (of a medical emergency several ask, each
    about another one), and the one that the hazard names: no weapon means no firearm either.
    """
    asking = [i for i in codes["risk_item"] if i.attributes.get("hazard") == hazard]
    known = codes.find("hazard", hazard)
    named = None if known is None else known.attributes.get("denied_by")
    return [
        item
        for item in codes["risk_item"]
        if item.code == named or (len(asking) == 1 and item is asking[0])
    ]


def settled(situation: Situation, codes: CodeSets) -> Situation:
    """Return the situation with every contradiction settled to the worse: the danger is there.

    A refusal could keep a danger from those who are on their way; whoever knows better takes the
    hazard back and answers no in the same act.
    """
    found = contradictions(situation, codes)
    if not found:
        return situation
    answers = situation.clinical.screening | {one.item.code: Answer.YES for one in found}
    clinical = msgspec.structs.replace(situation.clinical, screening=answers)
    return msgspec.structs.replace(situation, clinical=clinical)
