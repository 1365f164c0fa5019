"""Commands out of requests: the body becomes the command, the headers its envelope.

Decides which fields stand in the path and which in the body, what an ``Idempotency-Key`` becomes,
and by which way a command came. Must not know whether it is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, TypeAlias
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta, Struct

from crisis.clock import new_id
from crisis.commands import Command, Envelope
from crisis.duress import Doubt
from crisis.errors import Invalid, NotFound
from crisis.ids import CommandId, CountyId, UserId
from crisis.rights import comes_from_field
from crisis.roles import Actor
from crisis.states import Source
from web.api.wire import bad_body, decode, uuid_of

Aware: TypeAlias = Annotated[datetime, Meta(tz=True)]
ReasonCode: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]

#: Beside a command's own fields in its body; they go into the envelope.
_BESIDE: tuple[tuple[str, Any, Any], ...] = (
    (
        "occurred_at",
        Annotated[Aware, Meta(description="when it happened; default now")] | None,
        None,
    ),
    (
        "sent_at",
        Annotated[
            Aware,
            Meta(
                description="what the sender's clock said when sending; corrects occurred_at of a "
                "device whose clock is off"
            ),
        ]
        | None,
        None,
    ),
    (
        "by_voice",
        Annotated[bool, Meta(description="the desk enters what was said over radio or phone")],
        False,
    ),
    (
        "back_entry_reason",
        Annotated[
            ReasonCode,
            Meta(
                description="set = past times are entered after an outage, for this reason; "
                "needs a role that the county's policy names"
            ),
        ]
        | None,
        None,
    ),
)
_BESIDE_NAMES = frozenset(name for name, _, _ in _BESIDE)
#: Set by the service; a client's word on them would count for nothing.
_OURS = {
    "OfferTeam": frozenset({"rung", "eta_s", "located_by", "recommendation", "ranked_first"}),
    "RaiseDuress": frozenset({"doubts"}),
}


@dataclass(frozen=True, slots=True)
class CommandBody:
    """How a command is read at a path that holds some of its fields.

    Attributes:
        shape: the body's struct: the command's fields without those of the path, and the four that
            go into the envelope.
        from_path: the command's fields that stand in the path.
        instants: the body's fields that hold times.
    """

    command: type[Command]
    shape: type[Struct]
    from_path: frozenset[str]
    decoder: msgspec.json.Decoder[Any]
    instants: tuple[str, ...]

    def read(self, raw: bytes, path: Mapping[str, str]) -> tuple[Command, dict[str, Any]]:
        """Return the command, and what goes into the envelope.

        Raises:
            CrisisError: as ``decode``; ``unknown_id`` where the path's ids can't be ids. Of a call
                for help nothing: what can't be read is left out, and that is noted as a doubt.
        """
        if self.command.ALWAYS_HEARD:
            return self._salvage(raw)
        fields = msgspec.structs.asdict(decode(raw, self.decoder))
        for name in self.instants:
            _check_instant(name, fields[name])
        beside = {name: fields.pop(name) for name in _BESIDE_NAMES}
        for name in self.from_path:
            fields[name] = _slot_no(path[name]) if name == "slot" else uuid_of(path[name])
        return self.command(**fields), beside

    def _salvage(self, raw: bytes) -> tuple[Command, dict[str, Any]]:
        told, is_odd = _object_in(raw)
        kinds = {field.name: field.type for field in msgspec.structs.fields(self.shape)}
        given: dict[str, Any] = {}
        for name, value in told.items():
            try:
                given[name] = msgspec.convert(value, kinds[name])
            except (KeyError, msgspec.ValidationError):
                is_odd = True
        fields = msgspec.structs.asdict(self.shape(**given))
        beside = {name: fields.pop(name) for name in _BESIDE_NAMES}
        if is_odd:
            fields["doubts"] = (Doubt.FORM,)
        return self.command(**fields), beside


def _object_in(raw: bytes) -> tuple[dict[str, Any], bool]:
    """Return the names and values of a body, and whether it is odd: no JSON object."""
    try:
        found = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}, True
    return (found, False) if isinstance(found, dict) else ({}, True)


#: Years beyond which a time is a slip, and arithmetic with it could fail.
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


def _check_instant(name: str, instant: datetime | None) -> None:
    if instant is not None and not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise bad_body(f"Expected a time of this century - at `$.{name}`")


def _slot_no(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise NotFound("unknown_slot", "This incident has no such slot.")
    return int(text)


@cache
def command_body(
    command: type[Command], from_path: frozenset[str] = frozenset(), name: str = ""
) -> CommandBody:
    """Return how ``command`` is read; made once, when the routes are.

    ``name``: of the body's shape; "" = the command's.
    """
    ours = _OURS.get(command.__name__, frozenset())
    fields: list[Any] = []
    known = set()
    for field in msgspec.structs.fields(command):
        known.add(field.name)
        if field.name in from_path or field.name in ours:
            continue
        if field.required:
            fields.append((field.name, field.type))
        elif field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
            fields.append((field.name, field.type, default))
        else:
            fields.append((field.name, field.type, field.default))
    if missing := from_path - known:
        raise AssertionError(f"{command.__name__} has no {missing}")
    if clash := known & _BESIDE_NAMES:
        raise AssertionError(f"{command.__name__} must not have {clash}")
    shape = msgspec.defstruct(
        f"{name or command.__name__}Body",
        [*fields, *_BESIDE],
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )
    # The description is the command's own first line.
    shape.__doc__ = command.__doc__
    instants = {f.name for f in msgspec.structs.fields(shape) if "datetime" in repr(f.type)}
    if comes_from_field(command):
        # When it happened and when it was sent are judged where it is decided: a phone whose clock
        # stands in 1970 is put right, or told, and never merely refused.
        instants -= _BESIDE_NAMES
    return CommandBody(
        command, shape, from_path, msgspec.json.Decoder(shape), tuple(sorted(instants))
    )


#: Names given by others (versions 3 and 5) could be those of our timers: hashed like any text.
_RANDOM_VERSIONS: frozenset[int | None] = frozenset({1, 4, 6, 7, 8})


def command_id(key: str | None, account: UserId) -> CommandId:
    """Return the command's id from the ``Idempotency-Key`` header.

    A random or time-ordered UUID is the id itself; any other printable text of at most 200
    characters is hashed with the account's id, so that nobody's keys can collide with another's.

    Raises:
        Invalid: ``idempotency_key_missing``, ``idempotency_key_bad``.
    """
    if not key:
        raise Invalid("idempotency_key_missing", "Send an Idempotency-Key header, best a new UUID.")
    if len(key) == 36:
        try:
            given = UUID(key)
        except ValueError:
            pass
        else:
            if given.version in _RANDOM_VERSIONS:
                return CommandId(given)
    if len(key) > 200 or not key.isprintable():
        raise Invalid("idempotency_key_bad", "An Idempotency-Key has 1 to 200 printable letters.")
    return CommandId(uuid5(account, key))


def call_id(key: str | None, account: UserId) -> CommandId:
    """Return the id of a call for help: any key will do, used before or not, and none as well."""
    return CommandId(uuid5(account, f"call for help {key}") if key else new_id())


def body_hash(command: Command, beside: Mapping[str, Any]) -> bytes:
    """Return what tells this command from another one under the same key.

    Made from what was understood, not from the bytes: a phone that sends again says anew when it
    does (``sent_at``), and that is no other command.
    """
    if command.ALWAYS_HEARD:
        # Pressed once and sent twice it is one press, however it is put the second time.
        return blake2b(type(command).__name__.encode(), digest_size=32).digest()
    said = [command, *(beside[name] for name in _HASHED)]
    return blake2b(_canonical.encode(said), digest_size=32).digest()


_HASHED = ("occurred_at", "by_voice", "back_entry_reason")
#: Sets and mappings in the order of their keys, on every node.
_canonical = msgspec.json.Encoder(order="deterministic")


def source_of(actor: Actor, beside: Mapping[str, Any], command: Command, on_phone: bool) -> Source:
    """Return by which way the command came.

    Args:
        on_phone: the session is a phone's, not a page's; decides for people with a desk role who
            are on a crew as well.
    """
    if beside["back_entry_reason"] is not None:
        return Source.BACK_ENTRY
    if actor.is_integration:
        return Source.INTEGRATION
    if actor.is_crew and (on_phone or not actor.is_desk):
        return Source.PHONE
    if beside["by_voice"] or getattr(command, "said_by", None) is not None:
        return Source.DESK_BY_VOICE
    return Source.DESK


class Answered(Struct, frozen=True, kw_only=True):
    """What a command came to. ``seq``: the head of the county's log after it."""

    seq: int
    result: dict[str, Any] = {}


def envelope(
    *,
    county_id: CountyId,
    actor: Actor,
    account: UserId,
    key: str | None,
    command: Command,
    beside: Mapping[str, Any],
    on_phone: bool,
) -> Envelope:
    """Return the command with who, when and by which way."""
    return Envelope(
        county_id=county_id,
        command_id=(call_id if command.ALWAYS_HEARD else command_id)(key, account),
        actor=actor,
        source=source_of(actor, beside, command, on_phone),
        body_hash=body_hash(command, beside),
        occurred_at=beside["occurred_at"],
        sent_at=beside["sent_at"],
        reason=beside["back_entry_reason"],
        command=command,
    )
