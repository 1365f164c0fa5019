"""A request's headers by name, read once for all the layers that ask for them."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

_KEY = "crisis.headers"


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Return the headers by lower-case name; of one that was sent twice, the last counts.

    Cookies may come in several headers: read them from the scope itself.
    """
    found: Mapping[bytes, bytes] | None = scope.get(_KEY)
    if found is None:
        found = scope[_KEY] = dict(scope["headers"])
    return found
