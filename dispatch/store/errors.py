"""What the database's refusals mean to the domain.

Decides which server errors are a lost connection, which are a busy database and which named
constraint stands for which refusal. Must not know who asked, nor retry anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import asyncpg

from crisis.errors import Conflict, CrisisError, Unavailable

ErrorFactory = Callable[[], CrisisError]


class ConnectionLost(Unavailable):
    """The connection to the database broke.

    Attributes:
        unknown_outcome: True if the transaction may have been committed: look the command's id up
            before trying again. False if it certainly was not.
    """

    def __init__(self, *, unknown_outcome: bool) -> None:
        super().__init__(
            "database_connection_lost",
            "The connection to the database was lost; send the same command again.",
            unknown_outcome=unknown_outcome,
        )
        self.unknown_outcome = unknown_outcome


def database_busy() -> Unavailable:
    """Return the refusal for a wait that took too long (locks, statements, connections)."""
    return Unavailable("database_busy", "The database is too busy; send the same command again.")


_CONSTRAINTS: dict[str, ErrorFactory] = {
    "one_open_offer_per_team": lambda: Conflict(
        "team_has_open_offer", "This team already has an open offer."
    ),
    "one_open_assignment_per_team": lambda: Conflict(
        "team_has_open_assignment", "This team already has an open assignment."
    ),
    "shifts_do_not_overlap": lambda: Conflict(
        "shifts_overlap", "This shift overlaps another one of the same team."
    ),
}

#: What each named constraint means; see ``register_constraint``.
CONSTRAINT_ERRORS: Mapping[str, ErrorFactory] = MappingProxyType(_CONSTRAINTS)


def register_constraint(name: str, factory: ErrorFactory) -> None:
    """Say which refusal a violation of the constraint ``name`` stands for.

    Raises:
        ValueError: the name already has a meaning.
    """
    if name in _CONSTRAINTS:
        raise ValueError(f"constraint {name} is registered twice")
    _CONSTRAINTS[name] = factory


#: The server or the network is gone, or the server refuses to serve at all.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    asyncpg.TargetServerAttributeNotMatched,
    # After a failover an old connection may end on a standby.
    asyncpg.ReadOnlySQLTransactionError,
)
#: The same when they come while connecting or on a connection that has since closed.
#: InterfaceError alone may also be a mistake in our own call.
_LOST_IF_CLOSED = (*_LOST, asyncpg.InterfaceError, asyncpg.PostgresError, OSError)
#: COMMIT answered with one of these may still have committed.
_UNSURE_AT_COMMIT = (*_LOST, asyncpg.InterfaceError, asyncpg.QueryCanceledError, OSError)


def is_lost(error: BaseException, *, closed: bool) -> bool:
    """Say whether ``error`` means a lost connection; ``closed``: there is no connection now."""
    return isinstance(error, _LOST_IF_CLOSED if closed else _LOST)


def is_unsure(error: BaseException) -> bool:
    """Say whether a COMMIT that raised ``error`` may nevertheless have happened."""
    return isinstance(error, _UNSURE_AT_COMMIT)


def translate(error: BaseException) -> CrisisError | None:
    """Return the refusal that a server error stands for, or None if it has no meaning here."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        factory = _CONSTRAINTS.get(error.constraint_name or "")
        return factory() if factory is not None else None
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        return database_busy()
    return None
