"""Commands about what is owed."""

from __future__ import annotations

from crisis.commands.base import Aware, Code, Command, Short, Text
from crisis.ids import IncidentId, ObligationId, UserId
from crisis.obligation import ObligationKind


class CreateObligation(Command, frozen=True, kw_only=True):
    """Owe something by hand: a mandated report, a waiting contact."""

    kind: ObligationKind
    due_at: Aware
    incident_id: IncidentId | None = None
    owner: UserId | None = None


class RecordAttempt(Command, frozen=True, kw_only=True):
    """Tried, reached nobody; ``mode``: by which way."""

    obligation_id: ObligationId
    outcome: Code
    mode: Code


class CompleteObligation(Command, frozen=True, kw_only=True):
    """It was met, and on what that rests; which of it is asked for depends on the kind.

    Attributes:
        outcome: of a contact: how it went, of the outcomes of a follow-up; else ``done``.
        mode: of a contact: by which way.
        told: of a notice or a report: whom it was made to; kept encrypted.
        reference: under which it is kept there, or in another record system; kept encrypted.
        text: of a note: the note itself; kept encrypted.
    """

    obligation_id: ObligationId
    outcome: Code | None = None
    mode: Code | None = None
    told: Short | None = None
    reference: Short | None = None
    text: Text | None = None


class ExceptObligation(Command, frozen=True, kw_only=True):
    """It can't or need not be met, for a documented reason."""

    obligation_id: ObligationId
    reason: Code


class ReassignObligation(Command, frozen=True, kw_only=True):
    """Another person sees to it."""

    obligation_id: ObligationId
    owner: UserId


class MissObligation(Command, frozen=True, kw_only=True):
    """Timer: its instant passed unmet."""

    obligation_id: ObligationId
