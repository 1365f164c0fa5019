"""No command starts with an answer that somebody could rely on.

What a sender leaves out is what nobody said. Each default that says more than that stands here with
the reason why it answers nothing, or why silence must mean it; a new one fails until it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from dispatch.decide import HANDLERS

#: Says nothing: absent, empty, not asked, not known.
_SILENT: tuple[Any, ...] = (None, "", (), {}, frozenset(), "not_asked", "unknown", "not_said")

#: Field → why its default answers nothing, or why silence must mean it.
ALLOWED = {
    "AddSubject.subject": "a person of whom nothing is told",
    "OpenIncident.place": "a place of which nothing is told",
    "CancelAssignment.still_needed": "the careful side: the person waits until somebody says no",
    "ClearAssignment.ready": "a team of which nothing more is said is asked, and may decline; held"
    " back in silence it would be forgotten",
    "CrewMember.mode": "whoever is named as crew comes; taking part from afar is told and approved",
    "CrewMember.carries_naloxone": "the careful side: what nobody says isn't there",
    "Determine.slots": "sending is sending a team; more are asked for by number",
    "EscalateSlot.can_go": "the service's own count",
    "EscalateSlot.holds": "the service's own finding",
    "OfferCall.agent_stays": "the careful side: nobody else is on the line",
    "OfferCall.answered": "a call rings until somebody says that they have answered it",
    "OfferCall.direction": "a call that rings comes in; who calls out says so",
    "PartnerInput.handoff": "counts only where no team goes: then whoever is asked goes instead",
    "RaiseDuress.cause": "a call for help is never refused for its form; whoever is there asks",
    "RecordTeam.retired": "who records a team means to use it",
    "RequestPartner.handoff": "asked beside a team; to go instead of one is told",
    "Responder.can_assess": "the careful side: nobody counts for what isn't told of them",
    "Responder.is_lpha": "as above",
    "Responder.law_enforcement": "an officer's provider type says so by itself",
    "Responder.may_write_5150": "as above",
    "Responder.naloxone_trained": "as above",
    "TelehealthSecond.marked_delay": "the careful side: nobody has determined it",
    "TelehealthSecond.no_safety_concern": "as above",
    "WithdrawOffer.reason": "who withdraws an offer by hand decides it",
}


def _fields(kind: inspect.Type, seen: set[type]) -> Iterator[tuple[str, Any]]:
    if isinstance(kind, inspect.StructType) and kind.cls not in seen:
        seen.add(kind.cls)
        for field in kind.fields:
            if not field.required:
                made = field.default_factory
                default = field.default if made is msgspec.NODEFAULT else made()
                yield f"{kind.cls.__name__}.{field.name}", default
            yield from _fields(field.type, seen)
    for name in ("types", "item_types"):
        for inner in getattr(kind, name, ()):
            yield from _fields(inner, seen)
    for name in ("item_type", "key_type", "value_type", "type"):
        inner = getattr(kind, name, None)
        if isinstance(inner, inspect.Type):
            yield from _fields(inner, seen)


def _answering() -> set[str]:
    seen: set[type] = set()
    found = (pair for kind in HANDLERS for pair in _fields(inspect.type_info(kind), seen))
    return {name for name, default in found if default not in _SILENT}


def test_no_field_of_a_command_starts_with_an_answer() -> None:
    assert _answering() - ALLOWED.keys() == set()


def test_every_default_that_is_allowed_is_there() -> None:
    assert ALLOWED.keys() - _answering() == set()
