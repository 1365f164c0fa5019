"""What a form sent: fields and files, out of the two encodings that browsers use.

Decides only how a body is read. Must not know what any field means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from hashlib import blake2b
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from starlette.requests import Request

from crisis.errors import Invalid
from dispatch.beside import BESIDE
from dispatch.sheets.table import check_bytes
from dispatch.sheets.text import decoded
from web.http.unknown import refuse_name

_MOST_FIELDS = 400
#: Read at once; what is longer would keep others waiting.
_SHORT = 128 * 1024
#: Longer is no form without a file.
_MOST_BYTES = 1024 * 1024
#: In every form: which act it is.
_ACT = "act"


class Form:
    """A form's fields.

    Args:
        fields: every value of each name, in order; text with ``\\n`` as the end of lines.
        notes: what must be said of how its files were read.
    """

    def __init__(self, fields: dict[str, list[str]], notes: Sequence[str] = ()) -> None:
        self.fields = fields
        self.notes = notes

    def text(self, name: str) -> str:
        """Return a field without the space around it; "" = it wasn't sent."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """Return a field as it was sent; "" = it wasn't."""
        return self.fields.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        """Return every value of a field, as of boxes that were ticked."""
        return self.fields.get(name, [])

    def row(self) -> dict[str, str]:
        """Return each field's last value, without the space around it."""
        return {name: values[-1].strip() for name, values in self.fields.items()}

    def require_only(self, known: Iterable[str]) -> None:
        """Refuse a field that no page asks for.

        Args:
            known: the names; one that ends in a dot stands for all that begin so.

        Raises:
            Invalid: ``unknown_field``.
        """
        names = {_ACT, *known}
        for name in self.fields:
            if name not in names and f"{name.partition('.')[0]}." not in names:
                raise refuse_name(name, names)

    def act(self) -> UUID:
        """Return the id of the act: a form sent twice is one act.

        Raises:
            Invalid: ``bad_form``.
        """
        try:
            return UUID(self.text(_ACT))
        except ValueError:
            raise _bad() from None

    def digest(self) -> bytes:
        """Return what tells this form from one that says something else."""
        return self._digest

    @cached_property
    def _digest(self) -> bytes:
        return blake2b(msgspec.json.encode(self.fields), digest_size=16).digest()


async def read_form(request: Request, *, is_long: bool) -> Form:
    """Read a form; a long one beside the loop.

    Args:
        is_long: it may hold a file, which is worked on beside the loop too.

    Raises:
        Invalid: ``file_too_long``: it holds what it can't.
        Invalid: ``bad_form``: it isn't one; or a file in it is no text.
        Unavailable: ``too_much_at_once``.
    """
    kind = request.headers.get("content-type", "")
    body = await request.body()
    if not is_long:
        check_bytes(len(body), _MOST_BYTES)
    if len(body) <= _SHORT:
        return _form(kind, body)
    return await BESIDE.run(lambda work: _form(kind, body))


def _form(kind: str, body: bytes) -> Form:
    notes: list[str] = []
    try:
        pairs = _parts(kind, body, notes) if kind.startswith("multipart/") else _pairs(body)
    except (ValueError, LookupError):
        raise _bad() from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        # PostgreSQL's text can't hold a NUL.
        if "\x00" in value:
            raise _bad()
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    form = Form(fields, notes)
    form.digest()
    return form


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(
        body.decode("ascii"),
        keep_blank_values=True,
        max_num_fields=_MOST_FIELDS,
        errors="strict",
    )


def _parts(kind: str, body: bytes, notes: list[str]) -> list[tuple[str, str]]:
    head = f"content-type: {kind}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    pairs = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if part.get_filename() is None:
            pairs.append((name, content.decode("utf-8-sig")))
            continue
        # Files come as their programs wrote them.
        check_bytes(len(content))
        text, note = decoded(content)
        notes += [note] if note else []
        pairs.append((name, text))
    return pairs


def _bad() -> Invalid:
    return Invalid("bad_form", "This form can't be read.")
