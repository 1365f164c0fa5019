"""Requests into commands, answers and refusals into responses: the one place that knows both sides.

Decides how a body is read (strictly, once, into the command's own types), what an
``Idempotency-Key`` becomes, and which HTTP status a refusal has. Must not know rules: whether a
command is allowed is decided elsewhere.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, TypeAlias
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response
from starlette.types import Receive, Scope

from crisis.commands import Command, Envelope
from crisis.errors import CrisisError, Invalid, NotFound
from crisis.ids import CommandId, CountyId, UserId
from crisis.roles import Actor, Role
from crisis.states import Source

#: Bytes of a request's body at most; the longest texts fit several times over.
BODY_LIMIT = 256 * 1024
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

_encoder = msgspec.json.Encoder()
_NO_STORE = {"cache-control": "no-store"}


# Refusals that only HTTP knows


class BadRequest(Invalid):
    """It can't even be read as JSON."""


class TooLarge(Invalid):
    """The body is longer than any that makes sense."""


class WrongMethod(Invalid):
    """The path exists, but not for this method; ``allow`` lists those that it has."""

    def __init__(self, allow: str) -> None:
        super().__init__("method_not_allowed", f"This path takes {allow}.", allow=allow)


class Problem(Struct, frozen=True, kw_only=True):
    """A refusal, after RFC 9457. ``code`` is stable; ``facts`` are the values behind ``detail``."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    facts: dict[str, Any] = {}


_STATUS: Mapping[str, tuple[int, str]] = {
    "invalid": (422, "The request can't be understood"),
    "not_signed_in": (401, "Sign in first"),
    "not_allowed": (403, "Not allowed"),
    "not_found": (404, "Not found"),
    "conflict": (409, "Not possible now"),
    "too_many": (429, "Too often"),
    "unavailable": (503, "Not available at this moment"),
}
_HTTP_ONLY: Mapping[type[CrisisError], tuple[int, str]] = {
    BadRequest: (400, "Not JSON"),
    TooLarge: (413, "Too long"),
    WrongMethod: (405, "Method not allowed"),
}
FAULT_STATUS = 500
_FAILED = (FAULT_STATUS, "The service failed")
#: Every status that a refusal of each kind can have, for the API's description.
STATUSES: Mapping[str, int] = {kind: status for kind, (status, _) in _STATUS.items()}
#: Seconds after which an unavailable service may be asked again, where nothing better is known.
_TRY_AGAIN_S = 1


def problem_of(error: CrisisError) -> Problem:
    """Return the refusal as it goes over the wire."""
    status, title = _HTTP_ONLY.get(type(error)) or _STATUS.get(error.kind) or _FAILED
    return Problem(
        title=title,
        status=status,
        code=error.code,
        detail=error.detail,
        facts=dict(error.facts),
    )


def refusal(error: CrisisError) -> Response:
    """Return the response for a refusal."""
    problem = problem_of(error)
    headers = dict(_NO_STORE)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    elif problem.status == 405:
        headers["allow"] = str(error.facts["allow"])
    elif problem.status in {429, 503}:
        after = error.facts.get("retry_after_s", _TRY_AGAIN_S)
        seconds = after if isinstance(after, int | float) and math.isfinite(after) else 1
        headers["retry-after"] = str(max(1, math.ceil(seconds)))
    return Response(_encode(problem), problem.status, headers, PROBLEM_JSON)


#: Answered where the service failed: it says nothing of what went wrong inside.
FAULT = Problem(
    title=_FAILED[1],
    status=FAULT_STATUS,
    code="internal_fault",
    detail="The service could not answer; it has been logged. The same request may be sent again.",
)


def fault() -> Response:
    """Return the response for an unforeseen error."""
    return Response(_encode(FAULT), FAULT.status, dict(_NO_STORE), PROBLEM_JSON)


def _encode(problem: Problem) -> bytes:
    try:
        return _encoder.encode(problem)
    except (TypeError, ValueError, OverflowError):
        # A fact that isn't JSON-able is a slip of ours; it must not hide the refusal.
        facts = {name: str(value) for name, value in problem.facts.items()}
        return _encoder.encode(msgspec.structs.replace(problem, facts=facts))


def answer(value: object, status: int = 200) -> Response:
    """Return a JSON response that no cache keeps."""
    return Response(_encoder.encode(value), status, _NO_STORE, JSON)


# Reading


async def read_body(scope: Scope, receive: Receive, limit: int = BODY_LIMIT) -> bytes:
    """Return the whole body.

    Raises:
        TooLarge: ``body_too_long``; nothing beyond the limit was read.
        BadRequest: ``client_gone``: it ended in the middle.
    """
    announced = header(scope, b"content-length")
    if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("client_gone", "The request ended before its body did.")
        chunk: bytes = message.get("body", b"")
        length += len(chunk)
        if length > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body_too_long", f"The body may have at most {limit} bytes.", limit=limit)


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header by its lower-case name; ``None`` = not sent."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def decode(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the body as what ``decoder`` makes; an empty body counts as ``{}``.

    Raises:
        BadRequest: ``malformed_json``.
        Invalid: ``bad_body`` with ``path``: a wrong type, an unknown field, a number that isn't
            one, a time without zone, a character that no text has.
    """
    try:
        value = decoder.decode(raw or b"{}")
    except msgspec.ValidationError as error:
        raise _bad_body(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        path = _path_of_constant(raw)
        if path is not None:
            raise _bad_body(f"Expected a finite number - at `{path}`") from None
        raise BadRequest("malformed_json", "The body is not valid JSON.") from None
    if b"\\u0000" in raw:
        _refuse_nul(raw)
    return value


def convert(value: Mapping[str, str], type_: Any) -> Any:
    """Return query parameters as ``type_``, which gives each its type.

    Raises:
        Invalid: ``bad_query`` with ``path``.
    """
    try:
        return msgspec.convert(dict(value), type_, strict=False)
    except msgspec.ValidationError as error:
        message, path = _parts(str(error))
        raise Invalid("bad_query", f"{message} (at {path}).", path=path) from None


def _bad_body(text: str) -> Invalid:
    message, path = _parts(text)
    return Invalid("bad_body", f"{message} (at {path}).", path=path)


def _parts(text: str) -> tuple[str, str]:
    message, _, path = text.partition(" - at ")
    # It quotes the value, which may be what somebody typed into the wrong field.
    message = _QUOTED.sub("Not one of the words that are allowed", message)
    return message, path.replace("`", "") or "$"


_QUOTED = re.compile(r"Invalid (enum )?value .*", re.DOTALL)


def _refuse_nul(raw: bytes) -> None:
    """Refuse the one character that PostgreSQL can't keep; ``\\\\u0000`` in JSON isn't it."""
    for path, value in _leaves(msgspec.json.decode(raw)):
        if isinstance(value, str) and "\0" in value:
            raise _bad_body(f"Text can't hold U+0000 - at `{path}`")


def _path_of_constant(raw: bytes) -> str | None:
    """Return where a body that is JSON but for them holds ``NaN`` or ``Infinity``."""
    if b"NaN" not in raw and b"Infinity" not in raw:
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return next(
        (path for path, leaf in _leaves(value) if isinstance(leaf, float) and not _finite(leaf)),
        None,
    )


def _finite(value: float) -> bool:
    return math.isfinite(value)


def _leaves(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield every name and every value that isn't a container, with its path."""
    stack = [(path, value)]
    while stack:
        where, found = stack.pop()
        if isinstance(found, dict):
            for name, inner in found.items():
                yield where, name
                stack.append((f"{where}.{name}", inner))
        elif isinstance(found, list):
            stack.extend((f"{where}[{index}]", inner) for index, inner in enumerate(found))
        else:
            yield where, found


def uuid_of(text: str) -> UUID:
    """Return an id out of a path.

    Raises:
        NotFound: ``unknown_id``: what isn't an id names nothing.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("unknown_id", "There is no such thing in this county.") from None


# Commands

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
#: Set by the service when it ranks; a client's word on them would count for nothing.
_OURS = {"OfferTeam": frozenset({"rung", "eta_s", "recommendation", "ranked_first"})}


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
            CrisisError: as ``decode``; ``unknown_id`` where the path's ids can't be ids.
        """
        fields = msgspec.structs.asdict(decode(raw, self.decoder))
        for name in self.instants:
            _check_instant(name, fields[name])
        beside = {name: fields.pop(name) for name in _BESIDE_NAMES}
        for name in self.from_path:
            fields[name] = _slot_no(path[name]) if name == "slot" else uuid_of(path[name])
        return self.command(**fields), beside


#: Years beyond which a time is a slip, and arithmetic with it could fail.
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


def _check_instant(name: str, instant: datetime | None) -> None:
    if instant is not None and not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise _bad_body(f"Expected a time of this century - at `$.{name}`")


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
    instants = tuple(f.name for f in msgspec.structs.fields(shape) if "datetime" in repr(f.type))
    return CommandBody(command, shape, from_path, msgspec.json.Decoder(shape), instants)


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


def body_hash(command: Command, beside: Mapping[str, Any]) -> bytes:
    """Return what tells this command from another one under the same key.

    Made from what was understood, not from the bytes: a phone that sends again says anew when it
    does (``sent_at``), and that is no other command.
    """
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
    if actor.has(Role.INTEGRATION):
        return Source.INTEGRATION
    if actor.has(Role.RESPONDER) and (on_phone or not actor.is_desk):
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
        command_id=command_id(key, account),
        actor=actor,
        source=source_of(actor, beside, command, on_phone),
        body_hash=body_hash(command, beside),
        occurred_at=beside["occurred_at"],
        sent_at=beside["sent_at"],
        reason=beside["back_entry_reason"],
        command=command,
    )
