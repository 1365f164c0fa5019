"""How a request finds its operation: the table as a tree, and the application that answers by it.

Decides which operation a path and method mean. Must not know what an operation does.

Paths are matched by a tree over their segments: with a hundred paths a request finds its own in a
few microseconds, where a list of patterns would be tried one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from starlette.types import Receive, Scope, Send

from crisis.errors import CrisisError, NotFound
from dispatch.store.identity import Principal
from web.api.routes import PREFIX, Actors, Asked, Operation, Parts, parts_of
from web.http.problems import WrongMethod, status_of

_LONGEST_PATH = 512


@dataclass(slots=True)
class _Branch:
    below: dict[str, _Branch] = field(default_factory=dict)
    any_below: _Branch | None = None
    methods: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)


class Table:
    """All operations.

    Raises:
        AssertionError: two operations for one method of one path.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self._root = _Branch()
        for operation in self.operations:
            if operation.run is not None:
                self._add(operation)
        #: ``find``, with the paths that are asked for again and again at hand: phones post to one.
        self.find = lru_cache(maxsize=2_048)(self._find)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def _add(self, operation: Operation) -> None:
        branch = self._root
        for part in parts_of(operation.prefix + operation.path):
            if part.startswith("{"):
                branch.any_below = branch = branch.any_below or _Branch()
            else:
                branch = branch.below.setdefault(part, _Branch())
        if operation.method in branch.methods:
            raise AssertionError(f"{operation.method} {operation.path} is there twice")
        branch.methods[operation.method] = (operation, operation.ids)

    def _find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
        """Return the operation of a whole path, and the values in it.

        Raises:
            NotFound: ``unknown_path``.
            WrongMethod: the path has no such method.
        """
        branch = self._root
        values: list[str] = []
        for part in path[1:].split("/"):
            named = branch.below.get(part)
            if named is not None:
                branch = named
            elif branch.any_below is not None and part:
                values.append(part)
                branch = branch.any_below
            else:
                raise _unknown_path()
        if not branch.methods:
            raise _unknown_path()
        found = branch.methods.get("GET" if method == "HEAD" else method)
        if found is None:
            raise WrongMethod(", ".join(sorted(branch.methods)))
        operation, names = found
        return operation, MappingProxyType(dict(zip(names, values, strict=True)))


def _unknown_path() -> NotFound:
    return NotFound("unknown_path", "The API has no such path.")


class Api:
    """The ASGI application of the table; refusals and faults pass on."""

    def __init__(self, node: Parts, table: Table) -> None:
        self._node = node
        self._table = table
        self._actors = Actors()
        self._alone = frozenset(o.path for o in table if not o.prefix)

    def owns(self, path: str) -> bool:
        """Whether a request for ``path`` is the API's to answer."""
        return path.startswith(_BELOW) or path in self._alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        node = self._node
        path = scope["path"]
        if len(path) > _LONGEST_PATH:
            # It is remembered with what it leads to, and no path of ours is nearly as long.
            raise _unknown_path()
        operation, values = self._table.find(scope["method"], path)
        run = operation.run
        if run is None:
            raise AssertionError("operations without a handler are not in the tree")
        began_s = node.machine.monotonic()
        status = 500
        try:
            principal = await self._sender(operation, scope)
            asked = Asked(node, operation, scope, receive, values, principal, self._actors)
            if scope["query_string"]:
                # Also where nothing asks for it: what is passed over in silence was meant.
                _ = asked.query
            response = await run(asked)
            status = response.status_code
            if operation.method == "GET" and operation.in_county and not operation.is_public:
                # What is read from memory may be old; who reads it must be able to tell.
                response.headers["board-age"] = f"{asked.county.age_s():.1f}"
        except CrisisError as error:
            status = status_of(error)
            raise
        finally:
            lasted_s = node.machine.monotonic() - began_s
            node.metrics.requests.note(operation.name, status, lasted_s)
        await response(scope, receive, send)

    async def _sender(self, operation: Operation, scope: Scope) -> Principal | None:
        auth = self._node.auth
        if operation.is_public:
            return None
        if operation.takes_ended:
            return await auth.whoever_it_was(scope)
        return await auth.authenticate(scope)


_BELOW = PREFIX + "/"
