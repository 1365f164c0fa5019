"""What the database's refusals mean to the domain.

Decides which server errors are a lost connection, which are an outage and by which name, and which
named constraint stands for which refusal. Must not know who asked, nor retry anything itself.

Every outage has its own name, so that who reads an answer, a board, ``/readyz`` or ``doctor`` knows
what to mend. The server's own words are never passed on: they quote rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import asyncpg

from crisis.errors import Conflict, CrisisError, Unavailable
from crisis.refusal_codes import RefusalCode

ErrorFactory = Callable[[], CrisisError]

_AGAIN = "Nothing was changed; send the same again."
#: Name of each outage → what it is, and what helps; the first sentence stands in ``doctor`` too.
OUTAGES: Mapping[RefusalCode, str] = MappingProxyType(
    {
        "database_connection_lost": "The connection to the database was lost; send the same again.",
        "database_silent": "The database does not answer in time; send the same again.",
        "database_unreachable": "No database server takes connections; send the same again.",
        "database_starting": "The database is starting or shutting down; send the same again.",
        "database_stopping": "The database ended the connection; send the same again.",
        "database_read_only": "The database only reads: no primary server is found. " + _AGAIN,
        "database_full": "The database's disk is full: make room. " + _AGAIN,
        "database_out_of_memory": "The database is out of memory. " + _AGAIN,
        "database_too_many_connections": (
            "The database takes no more connections: raise max_connections or close some. " + _AGAIN
        ),
        "database_at_limit": "The database has reached one of its configured limits. " + _AGAIN,
        "database_damaged": (
            "The database can't read or write its files: look at its log and its disk. " + _AGAIN
        ),
        "database_locked": (
            "Another connection holds a lock on what this needs, a backup or a query by hand "
            "perhaps. " + _AGAIN
        ),
        "database_slow": "The database took too long over it. " + _AGAIN,
        "database_busy": "All connections to the database are in use. " + _AGAIN,
        "database_contended": "The database is contended. " + _AGAIN,
        "database_refused": "PostgreSQL refuses the connection: look at user, password and rights.",
        "schema_unusable": (
            "The database's tables are not this program's: run crisis-dispatch migrate."
        ),
    }
)


class Outage(Unavailable):
    """The database can't do it now; nothing is wrong with what was asked."""

    def __init__(self, code: RefusalCode, detail: str = "", /, **facts: object) -> None:
        super().__init__(code, detail or OUTAGES[code], **facts)


class ConnectionLost(Outage):
    """The connection to the database broke, or there is none to be had.

    Attributes:
        unknown_outcome: True if the transaction may have been committed: look the command's id up
            before trying again. False if it certainly was not.
    """

    def __init__(
        self, code: RefusalCode = "database_connection_lost", *, unknown_outcome: bool
    ) -> None:
        super().__init__(code, unknown_outcome=unknown_outcome)
        self.unknown_outcome = unknown_outcome


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

#: What the server itself says; the first that fits.
_NAMES: tuple[tuple[type[BaseException], RefusalCode], ...] = (
    (asyncpg.CannotConnectNowError, "database_starting"),
    (asyncpg.AdminShutdownError, "database_stopping"),
    (asyncpg.CrashShutdownError, "database_stopping"),
    (asyncpg.TooManyConnectionsError, "database_too_many_connections"),
    (asyncpg.TargetServerAttributeNotMatched, "database_read_only"),
    (asyncpg.ReadOnlySQLTransactionError, "database_read_only"),
    (asyncpg.DiskFullError, "database_full"),
    (asyncpg.OutOfMemoryError, "database_out_of_memory"),
    (asyncpg.ConfigurationLimitExceededError, "database_at_limit"),
    (asyncpg.InsufficientResourcesError, "database_at_limit"),
    (asyncpg.LockNotAvailableError, "database_locked"),
    (asyncpg.QueryCanceledError, "database_slow"),
    (asyncpg.PostgresSystemError, "database_damaged"),
    (asyncpg.DataCorruptedError, "database_damaged"),
    (asyncpg.IndexCorruptedError, "database_damaged"),
)
#: The same where the login itself is refused; later they are a mistake of ours.
_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)
#: A table, column or function that isn't there: the schema is another program's.
_WRONG_SCHEMA = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
)


def name_of(error: BaseException, *, connecting: bool = False) -> RefusalCode | None:
    """Return an outage's name by what was raised; ``None`` = it is none that is known."""
    for kind, name in _NAMES:
        if isinstance(error, kind):
            return name
    if isinstance(error, _WRONG_SCHEMA):
        return "schema_unusable"
    if not connecting:
        return None
    if isinstance(error, _REFUSED):
        return "database_refused"
    # No answer in time is an OSError, too.
    if isinstance(error, TimeoutError):
        return "database_silent"
    return "database_unreachable" if isinstance(error, OSError) else None


def is_lost(error: BaseException, *, closed: bool) -> bool:
    """Say whether ``error`` means a lost connection; ``closed``: there is no connection now."""
    return isinstance(error, _LOST_IF_CLOSED if closed else _LOST)


def lost(
    error: BaseException, *, unknown_outcome: bool, connecting: bool = False
) -> ConnectionLost:
    """Return what a lost connection is called, by what was raised."""
    name = name_of(error, connecting=connecting)
    if isinstance(error, TimeoutError):
        name = "database_silent"
    return ConnectionLost(name or "database_connection_lost", unknown_outcome=unknown_outcome)


def is_unsure(error: BaseException) -> bool:
    """Say whether a COMMIT that raised ``error`` may nevertheless have happened."""
    return isinstance(error, _UNSURE_AT_COMMIT)


def translate(error: BaseException) -> CrisisError | None:
    """Return the refusal that a server error stands for, or None if it has no meaning here."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        factory = _CONSTRAINTS.get(error.constraint_name or "")
        return factory() if factory is not None else None
    name = name_of(error)
    return None if name is None else Outage(name)
