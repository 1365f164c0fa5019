"""What meets an obligation of each kind, and what "done" rests on.

A contact rests on having reached the person, a note on its text, a notice or report on whom was
told: done without what was to be done is refused. What it rests on is an encrypted record. Must not
know what follows once it is met (``obligations``).
"""

from __future__ import annotations

from crisis.codes import Code
from crisis.commands import CompleteObligation
from crisis.errors import Invalid
from crisis.ids import RecordId
from crisis.obligation import Obligation, ObligationKind
from dispatch.decide.context import Deciding

_K = ObligationKind
#: Owed to a person whom someone must reach; their outcomes are those of a follow-up.
CONTACTS = frozenset({_K.CALLBACK, _K.WAITING_CONTACT, _K.FOLLOW_UP})
#: Owed to somebody else, who must be told.
TOLD = frozenset({_K.PLAN_NOTICE, _K.MANDATED_REPORT})
#: Met, with nothing more to say.
DONE = "done"
#: How a crew answers that it is safe, where nobody said how.
_BY_PHONE = "telehealth_audio"

#: Outcome, way, and the record of what it rests on.
Met = tuple[str, str, RecordId | None]


def rests_on(d: Deciding, obligation: Obligation, c: CompleteObligation) -> Met:
    """Return what meets the obligation, having refused what doesn't.

    Raises:
        Invalid: ``outcome_missing``, ``outcome``, ``not_reached``, ``outcome_is_exception``,
            ``mode_missing``, ``mode_not_enough``, ``told_missing``, ``note_missing``.
    """
    if obligation.kind in CONTACTS:
        return _reached(d, obligation, c)
    if c.outcome not in {None, DONE}:
        raise Invalid("outcome", "This kind is simply done.", kind=obligation.kind.value)
    if obligation.kind in TOLD:
        return DONE, "in_writing", _told(d, obligation, c)
    if obligation.kind is _K.NOTE:
        return _noted(d, obligation, c)
    return DONE, d.code("contact_mode", c.mode or _BY_PHONE), None


def _reached(d: Deciding, obligation: Obligation, c: CompleteObligation) -> Met:
    if c.outcome in {None, DONE}:
        raise Invalid(
            "outcome_missing",
            "Say what came of it: was the person reached, and how are they?",
            kind=obligation.kind.value,
            set="followup_outcome",
        )
    outcome = d.rules.codes.require("followup_outcome", str(c.outcome))
    if "reached" not in outcome.flags:
        refuse_exception(outcome)
        raise Invalid(
            "not_reached",
            "The person was not reached: record an attempt or an exception.",
            outcome=outcome.code,
        )
    if c.mode is None:
        raise Invalid("mode_missing", "Say how the person was reached.", set="contact_mode")
    mode = d.rules.codes.require("contact_mode", d.code("contact_mode", c.mode))
    if obligation.kind is _K.FOLLOW_UP and "counts_as_followup" not in mode.flags:
        raise Invalid(
            "mode_not_enough",
            "A follow-up takes a talk, in person or by video or phone.",
            mode=mode.code,
        )
    return outcome.code, mode.code, None


def refuse_exception(outcome: Code) -> None:
    """Refuse an outcome that is a reason why there will be no contact.

    Raises:
        Invalid: ``outcome_is_exception``.
    """
    if "exception" in outcome.flags:
        raise Invalid(
            "outcome_is_exception",
            f"{outcome.label} is why there will be none: except it instead, for that reason.",
            outcome=outcome.code,
        )


def _told(d: Deciding, obligation: Obligation, c: CompleteObligation) -> RecordId | None:
    if not (c.told or "").strip():
        raise Invalid(
            "told_missing",
            "Say who was told; where nobody can be, except it with the reason.",
            kind=obligation.kind.value,
        )
    return _record(d, obligation, {"told": c.told, "reference": c.reference})


def _noted(d: Deciding, obligation: Obligation, c: CompleteObligation) -> Met:
    text, reference = (c.text or "").strip(), (c.reference or "").strip()
    if text:
        return "recorded", "note", _record(d, obligation, {"text": text})
    if reference:
        return "kept_elsewhere", "note", _record(d, obligation, {"reference": reference})
    raise Invalid(
        "note_missing",
        "Write the note, or say under which reference another record system keeps it.",
    )


def _record(d: Deciding, obligation: Obligation, fields: dict[str, object]) -> RecordId | None:
    """Return the record, kept with the incident where there is one."""
    kind = "encounter_note" if "text" in fields else "obligation"
    return d.record(kind, "obligation", obligation.incident_id, fields)
