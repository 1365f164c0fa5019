"""Commands about calls on the crisis line."""

from __future__ import annotations

from typing import Literal

from crisis.commands.base import Code, Command, Short
from crisis.ids import CallId
from crisis.shapes import Value
from crisis.triage import Answer


class Caller(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who calls; all of it private, and what wasn't asked says so.

    ``safe_to_call``, ``safe_to_text``: systems of before say them as ``true`` and ``false``.
    """

    name: Short | None = None
    callback: Short | None = None
    safe_to_call: Answer | bool = Answer.NOT_ASKED
    safe_to_text: Answer | bool = Answer.NOT_ASKED
    relation: Short | None = None
    language: Code | None = None
    interpreter: Short | None = None
    pronouns: Short | None = None


class OfferCall(Command, frozen=True, kw_only=True):
    """A call rings, or a desk begins one; ``answered`` = the sender is already speaking."""

    direction: Literal["inbound", "outbound"] = "inbound"
    channel: Code = "unknown"
    referral_source: Code = "unknown"
    agent_stays: bool = False
    answered: bool = False
    caller: Caller | None = None


class AnswerCall(Command, frozen=True, kw_only=True):
    """Take a ringing call."""

    call_id: CallId


class AbandonCall(Command, frozen=True, kw_only=True):
    """The caller hung up before anyone answered."""

    call_id: CallId


class HoldCall(Command, frozen=True, kw_only=True):
    """Put the caller on hold."""

    call_id: CallId


class ResumeCall(Command, frozen=True, kw_only=True):
    """Take the caller off hold."""

    call_id: CallId


class TransferCall(Command, frozen=True, kw_only=True):
    """Begin a warm transfer."""

    call_id: CallId
    to: Code
    reason: Code | None = None


class ConfirmTransfer(Command, frozen=True, kw_only=True):
    """Confirm one side of a transfer, ours or one that brought us the caller."""

    call_id: CallId
    side: Literal["us", "them"]
    reference: Short = ""


class FailTransfer(Command, frozen=True, kw_only=True):
    """The other side did not take the caller."""

    call_id: CallId
    reason: Code | None = None


class EndCall(Command, frozen=True, kw_only=True):
    """The conversation is over."""

    call_id: CallId
    outcome: Code | None = None


class LoseCall(Command, frozen=True, kw_only=True):
    """The line dropped: a callback becomes due."""

    call_id: CallId


class TakeCallInHand(Command, frozen=True, kw_only=True):
    """Say that one sees to the caller who waits: no alarm of it rings again, for a while."""

    call_id: CallId


class FlagCall(Command, frozen=True, kw_only=True):
    """Timer: the caller has waited for too long; see ``CallFlagged``."""

    call_id: CallId
