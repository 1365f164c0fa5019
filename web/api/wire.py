"""What goes over the wire: bodies and queries read strictly, answers written.

Decides how a body is read, once, into the types of the program. Must not know commands
(``web.api.intake``) nor rules.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope

from crisis.errors import Invalid, NotFound
from crisis.names import shown
from web.http.headers import headers_of
from web.http.problems import BadRequest, too_large
from web.http.unknown import unknown_field, unknown_word

#: Bytes of a request's body at most; the longest texts fit several times over.
BODY_LIMIT = 256 * 1024
JSON = "application/json"

_encoder = msgspec.json.Encoder()
_NO_STORE = {"cache-control": "no-store"}


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
    announced = headers_of(scope).get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise too_large(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        # Nearly every body comes in one piece.
        whole: bytes = message.get("body", b"")
        if len(whole) > limit:
            raise too_large(limit)
        return whole
    chunks: list[bytes] = []
    length = 0
    while True:
        if message["type"] != "http.request":
            raise BadRequest("client_gone", "The request ended before its body did.")
        chunk: bytes = message.get("body", b"")
        length += len(chunk)
        if length > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header by its lower-case name; ``None`` = not sent."""
    value = headers_of(scope).get(name)
    return None if value is None else value.decode("latin-1")


def decode(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the body as what ``decoder`` makes; an empty body counts as ``{}``.

    Raises:
        BadRequest: ``malformed_json``.
        Invalid: ``unknown_field`` with ``path``, ``field`` and ``near``: a name that the body
            doesn't have, at any depth. ``bad_body`` with ``path``: a wrong type, a number that
            isn't one, a time without zone, a character that no text has, a name that stands twice
            in one object.
    """
    try:
        value = decoder.decode(raw or b"{}")
    except msgspec.ValidationError as error:
        text, kind = str(error), decoder.type
        raise unknown_field(text, kind) or unknown_word(text, kind) or bad_body(text) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        path = _path_of_constant(raw)
        if path is not None:
            raise bad_body(f"Expected a finite number - at `{path}`") from None
        raise BadRequest("malformed_json", "The body is not valid JSON.") from None
    if b"\\u0000" in raw:
        _refuse_nul(raw)
    if _may_repeat(raw):
        _refuse_twice(raw)
    return value


def convert(value: Mapping[str, str], type_: Any) -> Any:
    """Return query parameters as ``type_``, which gives each its type.

    Raises:
        Invalid: ``unknown_field`` as of ``decode``; ``bad_query`` with ``path``.
    """
    try:
        return msgspec.convert(dict(value), type_, strict=False)
    except msgspec.ValidationError as error:
        if (unknown := unknown_field(str(error), type_)) is not None:
            raise unknown from None
        message, path = _parts(str(error))
        raise Invalid("bad_query", f"{message} (at {path}).", path=path) from None


def bad_body(text: str) -> Invalid:
    """Return the refusal of a body, from a message that may end in `` - at `path```."""
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
            raise bad_body(f"Text can't hold U+0000 - at `{path}`")


_NAME = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')


def _may_repeat(raw: bytes) -> bool:
    """Whether a name stands in the body twice, in one object or in several."""
    names = _NAME.findall(raw)
    return len(names) > len(set(names)) or any(b"\\" in name for name in names)


def _refuse_twice(raw: bytes) -> None:
    """Refuse an object that says one thing twice: one of the two would be passed over."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise bad_body(f"{shown(twice)} is given twice - at `$`")
        return found

    json.loads(raw, object_pairs_hook=made)


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
