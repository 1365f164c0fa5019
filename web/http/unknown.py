"""Names that a body, a query or a form doesn't have: refused with the one that was meant.

Decides what the refusal says. What isn't known is never passed over: a need that was sent as a must
would become a wish, a training a gap. Must not know which fields there are: it reads the shapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect

from crisis.errors import Invalid
from crisis.names import likely, shown

_WORD = re.compile(r"Invalid enum value '?(.*?)'?(?: - at `(.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(.*)`)?", re.DOTALL)


def unknown_field(text: str, type_: Any) -> Invalid | None:
    """Return the refusal of a name that ``type_`` doesn't have, from msgspec's message.

    ``None`` = the message says something else.
    """
    found = _UNKNOWN.fullmatch(text)
    if found is None:
        return None
    return refuse_name(found[1], _names_at(type_, found[2] or "$"), found[2] or "$")


def refuse_name(name: str, known: Iterable[str], path: str = "$") -> Invalid:
    """Return the refusal of a name that was sent, with the known one that was probably meant.

    ``path``: of the object that holds it.
    """
    known = sorted(known)
    near, said = likely(name, known), shown(name)
    hint = f" Did you mean {near}?" if near is not None else ""
    return Invalid(
        "unknown_field",
        f"There is no field {said} (at {path}).{hint}",
        path=path,
        field=said,
        near=near,
        known=known,
    )


def unknown_word(text: str, type_: Any) -> Invalid | None:
    """Return the refusal of a word that isn't one of the few that may stand there.

    ``None`` = the message says something else. The word itself is not given back: it may be what
    somebody typed into the wrong field.
    """
    found = _WORD.fullmatch(text)
    if found is None:
        return None
    path = found[2] or "$"
    words = sorted(_words_at(type_, path))
    near = likely(found[1], words)
    hint = f" Did you mean {near}?" if near is not None else ""
    return Invalid(
        "bad_body",
        f"Not one of the words that are allowed: {', '.join(words)} (at {path}).{hint}",
        path=path,
        words=words,
        near=near,
    )


def _words_at(type_: Any, path: str) -> set[str]:
    """Return the words of which one may stand at a path."""
    words: set[str] = set()
    for kind in _kinds_at(type_, path):
        if isinstance(kind, inspect.EnumType):
            words |= {str(one.value) for one in kind.cls}
        elif isinstance(kind, inspect.LiteralType):
            words |= {str(one) for one in kind.values}
    return words


def _names_at(type_: Any, path: str) -> set[str]:
    """Return the names that an object at a path may have, whichever of several shapes it is."""
    shapes = (kind for kind in _kinds_at(type_, path) if isinstance(kind, inspect.StructType))
    return {one.encode_name for shape in shapes for one in shape.fields}


def _kinds_at(type_: Any, path: str) -> list[inspect.Type]:
    """Return what may stand at a path."""
    kinds = [inspect.type_info(type_)]
    for step in re.findall(r"\.(\w+)|(\[[^]]*\])", path):
        kinds = [after for kind in _shapes(kinds) for after in _below(kind, step[0])]
    return list(_shapes(kinds))


def _shapes(kinds: Iterable[inspect.Type]) -> Iterator[inspect.Type]:
    """Yield the kinds without what only wraps them."""
    for kind in kinds:
        if isinstance(kind, inspect.UnionType):
            yield from _shapes(kind.types)
        elif isinstance(kind, inspect.Metadata):
            yield from _shapes([kind.type])
        else:
            yield kind


def _below(kind: inspect.Type, name: str) -> list[inspect.Type]:
    """Return what stands in a field of that name, or in a place of a list or mapping ("")."""
    if isinstance(kind, inspect.StructType):
        return [one.type for one in kind.fields if one.encode_name == name]
    if name:
        return []
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    item = getattr(kind, "item_type", None)
    return [item] if isinstance(item, inspect.Type) else []
