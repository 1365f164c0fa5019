"""What the body of a tracker's post holds: fields, or JSON, packed and broken as it may come.

Decides how a body is read whatever its sender says that it is. Must not know what the fields mean.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

#: What a packed body may come to; a longer one is a mistake, or meant to fill the memory.
MOST_UNPACKED = 16 * 1024 * 1024
_GZIP = b"\x1f\x8b"
#: A field of a form that was sent as if it held files.
_PART = re.compile(
    rb'name="([^"\r\n]{1,60})"[^\r\n]*\r?\n(?:[^\r\n]{1,200}\r?\n){0,4}\r?\n([^\r\n]{0,2000})\r?\n--'
)
#: What may stand between two values.
_GAP = re.compile(r"[\s,;\x00\x1e]*")
#: An alarm in what can't be read any more.
_IN_A_WRECK = re.compile(r'"(alarms?|alert|event|sos|panic|emergency)"\s*:\s*("[^"]{0,60}"|\w+)')


class Wreck(NamedTuple):
    """What is left of JSON that can't be read. ``fields``: those that may call for help."""

    fields: Mapping[str, str]


def unpacked(body: bytes) -> bytes:
    """Return a body that may have been packed on its way; one that can't be unpacked as it is."""
    if not body.startswith(_GZIP):
        return body
    packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        found = packed.decompress(body, MOST_UNPACKED)
    except zlib.error:
        return body
    return body if packed.unconsumed_tail else found


def fields_of(body: bytes) -> dict[str, str]:
    """Return the fields of a form, in either way to send one; none = it is no form."""
    if body.startswith(b"--"):
        pairs = list(_PART.findall(body)[:100])
        return {
            name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
            for name, value in pairs
        }
    try:
        return dict(parse_qsl(body.decode("utf-8"), max_num_fields=100))
    except ValueError:
        return {}


def value_of(text: str) -> Any:
    """Return the value of a field that holds JSON; ``None`` = it holds none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def values_in(text: bytes) -> Iterator[Any]:
    """Yield the values of JSON, of which several may follow each other; a wreck may be the last."""
    # It reads NaN and Infinity too, which some devices send.
    decoder, whole = json.JSONDecoder(), text.decode("utf-8", "replace")
    at = _after_gap(whole, 0)
    while at < len(whole):
        try:
            found, at = decoder.raw_decode(whole, at)
        except (ValueError, RecursionError):
            told = _IN_A_WRECK.findall(whole, at)
            yield Wreck({name: value.strip('"') for name, value in told})
            return
        yield found
        at = _after_gap(whole, at)


def _after_gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return at if found is None else found.end()
