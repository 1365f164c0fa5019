"""The one way to a database connection.

Decides which role, which county and which limits a piece of work has, and what a broken connection
means. Must not know any table. Every transaction names its context, and row security follows it:

    County(id)   role crisis_app           rows of that county only
    Worker()     role crisis_worker        named tables, all counties
    Report(id?)  role crisis_state_report  reading only, one county or, with None, all

The login user of the DSN may be a superuser or any member of the three roles: the role is part of
the connection's start-up packet, so that neither RESET ROLE nor RESET ALL leads back to the login
user. For the same reason, and because of prepared statements, pgbouncer in transaction mode is not
supported; connect to PostgreSQL directly or through a session-mode pooler that passes start-up
parameters. A DSN may name several hosts: writers seek the one that is read-write.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString, Self, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.pool import PoolConnectionProxy

from crisis.clock import generator
from crisis.errors import CrisisError, Unavailable

from .context import (
    COMMAND_TIMEOUT_S,
    COMMON_SETTINGS,
    ROLE_SETTINGS,
    Context,
    County,
    Mode,
    Report,
    Worker,
    begin,
)
from .errors import ConnectionLost, database_busy, is_lost, is_unsure, translate

if TYPE_CHECKING:
    Record: TypeAlias = asyncpg.Record
    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    RawConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    _Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Record = asyncpg.Record
    Connection = PoolConnectionProxy
    RawConnection = asyncpg.Connection
    _Pool = asyncpg.Pool

__all__ = [
    "Connection",
    "Context",
    "County",
    "Database",
    "PoolSizes",
    "RawConnection",
    "Record",
    "Report",
    "Worker",
    "connect_as",
    "retrying",
    "savepoint",
    "with_database",
]

T = TypeVar("T")

_ROLLBACK_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSizes:
    """Greatest number of connections per role; each pool opens them as needed.

    More of them for counties than 16 only contend: two cores commit fewer groups a second with 32.
    """

    app: int = 16
    worker: int = 6
    report: int = 2

    def of(self, role: str) -> int:
        """Return the number for a role; KeyError = a role without a pool."""
        return {County.role: self.app, Worker.role: self.worker, Report.role: self.report}[role]


class ClientConnection(asyncpg.Connection):
    """A connection that notices a vanished server and costs nothing to give back."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(protocol, transport, *args, **kwargs)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            # A host that lost power sends no FIN: without these the kernel waits two hours.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000)

    def get_reset_query(self) -> str:
        # Transactions only use SET LOCAL here, and LISTEN and advisory locks have connections of
        # their own: a reset would be one more round trip in front of the next command.
        return ""


def _json_text(value: str | bytes | bytearray | memoryview) -> str:
    return value if isinstance(value, str) else bytes(value).decode()


async def _prepare_connection(con: RawConnection) -> None:
    """Pass JSON through as text: the callers encode and decode with msgspec."""
    for name in ("json", "jsonb"):
        await con.set_type_codec(
            name, schema="pg_catalog", encoder=_json_text, decoder=str, format="text"
        )


def with_database(dsn: str, name: str) -> str:
    """Return ``dsn`` pointed at another database of the same server."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path="/" + quote(name, safe="")))


async def connect_as(
    dsn: str,
    role: str | None,
    settings: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 10.0,
) -> RawConnection:
    """Open one dedicated connection outside the pools (LISTEN, advisory locks, migrations).

    Args:
        dsn: where; several hosts allowed.
        role: role to act as from the first statement; None = the login user.
        settings: further server settings for this session.
        timeout_s: seconds until connecting is given up.

    Raises:
        ConnectionLost: no server answers.
    """
    server_settings = {**COMMON_SETTINGS, **(settings or {})}
    if role is not None:
        server_settings["role"] = role
    try:
        return await asyncpg.connect(
            dsn,
            timeout=timeout_s,
            connection_class=ClientConnection,
            server_settings=server_settings,
            target_session_attrs=_session_attrs(dsn, SessionAttribute.read_write),
        )
    except BaseException as error:
        meaning = _why_not_connected(error)
        if meaning is None:
            raise
        raise meaning from error


def _session_attrs(dsn: str, default: SessionAttribute) -> SessionAttribute | None:
    return None if "target_session_attrs=" in dsn else default


def _why_not_connected(error: BaseException) -> CrisisError | None:
    """Return what an error while connecting means; None = nothing that is known here."""
    if isinstance(error, asyncpg.InvalidParameterValueError):
        # The role of the start-up packet; the migrations create it.
        return Unavailable("schema_unusable", f"Run the migrations first: {error}.")
    mistakes = (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.ClientConfigurationError,
    )
    if isinstance(error, mistakes):
        # For the operator to mend; the server's words name the user or the database, no password.
        return Unavailable("database_refused", f"PostgreSQL refuses the connection: {error}.")
    return ConnectionLost(unknown_outcome=False) if is_lost(error, closed=True) else None


@dataclass(slots=True)
class Database:
    """Pools of connections, one per role; build with ``Database.open``."""

    dsn: str
    report_dsn: str
    sizes: PoolSizes
    acquire_timeout_s: float
    _pools: dict[str, _Pool] = field(default_factory=dict, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _free: defaultdict[str, list[Connection]] = field(
        default_factory=lambda: defaultdict(list), repr=False
    )
    _waiting: Counter[str] = field(default_factory=Counter, repr=False)

    def __repr__(self) -> str:
        # A DSN may hold a password.
        return f"Database({self.sizes})"

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        report_dsn: str | None = None,
        sizes: PoolSizes | None = None,
        acquire_timeout_s: float = 5.0,
    ) -> AsyncIterator[Self]:
        """Connect, and close all connections at the end.

        Args:
            dsn: of a migrated database; several hosts allowed.
            report_dsn: a replica for reports; None = the same server.
            sizes: of the pools.
            acquire_timeout_s: seconds that work waits for a free connection before it is refused
                as ``database_busy``.

        Raises:
            ConnectionLost: no server answers.
        """
        database = cls(dsn, report_dsn or dsn, sizes or PoolSizes(), acquire_timeout_s)
        try:
            await database.ping()
            yield database
        finally:
            await database.close()

    async def close(self, *, within_s: float = 10.0) -> None:
        """Close every pool; connections still busy after ``within_s`` seconds are cut."""
        pools, self._pools = dict(self._pools), {}
        for role, free in self._free.items():
            for con in free:
                await pools[role].release(con)
        self._free.clear()
        for pool in pools.values():
            try:
                async with asyncio.timeout(within_s):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def tx(
        self, context: Context, *, mode: Mode = "write", durable: bool = True
    ) -> AsyncIterator[Connection]:
        """Run a transaction in a context; committed when the block ends without an exception.

        Use ``savepoint`` for nested work, not ``connection.transaction()``. A caller that is
        cancelled while this commits doesn't know the outcome: shield what must be answered.

        Args:
            context: whose rows.
            mode: ``snapshot`` sees one moment for all its statements.
            durable: False answers before the disk has it; for positions only.

        Raises:
            ConnectionLost: see its ``unknown_outcome``.
            Conflict: a registered constraint refused it.
            Unavailable: no connection, lock or answer in time.
        """
        con = await self._begin(context.role, begin(context, mode, durable=durable))
        committing = False
        try:
            yield con
            committing = True
            await _commit(con)
        except BaseException as error:
            meaning = await _abandon(con, error, committing=committing)
            if meaning is None:
                raise
            raise meaning from error
        finally:
            await self._release(context.role, con)

    async def call(self, context: Context, query: LiteralString, *args: object) -> list[Record]:
        """Run one statement in a transaction of its own, in a single round trip.

        For functions that set ``app.county`` themselves (from an argument); plain statements on a
        county's tables see no rows here.

        Raises:
            ConnectionLost: with ``unknown_outcome`` if the statement had been sent.
            Conflict: a registered constraint refused it.
            Unavailable: no connection, lock or answer in time.
        """
        con = await self._acquire(context.role)
        try:
            return await con.fetch(query, *args)
        except BaseException as error:
            # The server didn't answer in time, not even that it was too slow.
            if isinstance(error, TimeoutError):
                _terminate(con)
            if is_lost(error, closed=_is_closed(con)):
                _terminate(con)
                unknown = not isinstance(error, asyncpg.ReadOnlySQLTransactionError)
                raise ConnectionLost(unknown_outcome=unknown) from error
            meaning = translate(error)
            if meaning is None:
                raise
            raise meaning from error
        finally:
            await self._release(context.role, con)

    async def ping(self) -> datetime:
        """Return the server's clock; proves that a writer answers.

        Raises:
            ConnectionLost: no server answers.
        """
        rows = await self.call(Worker(), "SELECT clock_timestamp() AS now")
        now: datetime = rows[0]["now"]
        return now

    async def connect(
        self, context: Context, settings: Mapping[str, str] | None = None
    ) -> RawConnection:
        """Open a dedicated connection (LISTEN, advisory locks); the caller closes it."""
        return await connect_as(self.dsn, context.role, settings)

    def usage(self) -> dict[str, tuple[int, int]]:
        """Return per role how many connections are in use and how many are open."""
        return {
            role: (
                pool.get_size() - pool.get_idle_size() - len(self._free[role]),
                pool.get_size(),
            )
            for role, pool in self._pools.items()
        }

    async def _begin(self, role: str, opening: str) -> Connection:
        """Return a connection whose transaction is open.

        One that died while idle is passed over: its opening did nothing. A server that refuses
        as many openings as there may be connections is really gone.
        """
        for tries_left in reversed(range(self.sizes.of(role) + 1)):
            con = await self._acquire(role)
            try:
                await con.execute(opening)
            except BaseException as error:
                meaning = await _abandon(con, error, committing=False)
                await self._release(role, con)
                is_dead = isinstance(meaning, ConnectionLost) and not isinstance(
                    error, TimeoutError
                )
                if is_dead and tries_left:
                    continue
                if meaning is None:
                    raise
                raise meaning from error
            return con
        raise AssertionError("the loop returns or raises")

    async def _acquire(self, role: str) -> Connection:
        free = self._free.get(role)
        while free:
            con = free.pop()
            if not _is_closed(con):
                return con
            await self._pools[role].release(con)
        pool = self._pools.get(role) or await self._open_pool(role)
        self._waiting[role] += 1
        try:
            return await pool.acquire(timeout=self.acquire_timeout_s)
        except TimeoutError as error:
            if pool.get_size() < pool.get_max_size():
                # There was room for one more, and no server answered it.
                raise ConnectionLost(unknown_outcome=False) from error
            raise database_busy() from error
        except BaseException as error:
            meaning = _why_not_connected(error)
            if meaning is None:
                raise
            raise meaning from error
        finally:
            self._waiting[role] -= 1

    async def _release(self, role: str, con: Connection) -> None:
        # asyncpg's own bookkeeping of taking and giving back costs more than a short statement:
        # what nobody waits for stays with us, ready for the next.
        pool = self._pools.get(role)
        if pool is None or self._waiting[role] or _is_closed(con):
            if pool is not None:
                await pool.release(con)
            return
        self._free[role].append(con)

    async def _open_pool(self, role: str) -> _Pool:
        async with self._opening:
            if role in self._pools:
                return self._pools[role]
            is_report = role == Report.role
            dsn = self.report_dsn if is_report else self.dsn
            # min_size 0: a pool opens its connections when they are needed, also after an outage.
            self._pools[role] = await asyncpg.create_pool(
                dsn,
                min_size=0,
                max_size=self.sizes.of(role),
                max_inactive_connection_lifetime=600.0,
                init=_prepare_connection,
                connection_class=ClientConnection,
                timeout=10.0,
                command_timeout=COMMAND_TIMEOUT_S[role],
                statement_cache_size=512,
                max_cached_statement_lifetime=0,
                server_settings={
                    **COMMON_SETTINGS,
                    **ROLE_SETTINGS[role],
                    "application_name": f"crisis-dispatch {role}",
                    "role": role,
                },
                target_session_attrs=_session_attrs(
                    dsn, SessionAttribute.any if is_report else SessionAttribute.read_write
                ),
            )
            return self._pools[role]


async def _commit(con: Connection) -> None:
    # A transaction that failed inside the block, and whose error was swallowed there, answers
    # COMMIT with ROLLBACK and no error.
    if await con.execute("COMMIT") != "COMMIT":
        raise AssertionError("an error was swallowed inside a transaction")


def _is_closed(con: Connection) -> bool:
    try:
        return con.is_closed()
    except asyncpg.InterfaceError:
        # asyncpg takes a pooled connection back at the moment it breaks.
        return True


def _terminate(con: Connection) -> None:
    with suppress(asyncpg.InterfaceError):
        con.terminate()


async def _abandon(
    con: Connection, error: BaseException, *, committing: bool
) -> CrisisError | None:
    """Undo a failed transaction and return what its error means; None = let it through."""
    closed = _is_closed(con)
    if not closed and not is_lost(error, closed=False):
        try:
            await con.execute("ROLLBACK", timeout=_ROLLBACK_TIMEOUT_S)
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
        ):
            _terminate(con)
            closed = isinstance(error, asyncpg.InterfaceError | OSError)
    if committing and is_unsure(error):
        _terminate(con)
        return ConnectionLost(unknown_outcome=True)
    if is_lost(error, closed=closed):
        _terminate(con)
        return ConnectionLost(unknown_outcome=False)
    return translate(error)


@asynccontextmanager
async def savepoint(con: Connection) -> AsyncIterator[None]:
    """Undo only the block's own statements if it raises; may be nested."""
    await con.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        # The connection may be gone; then the error that closed it is the one to tell.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await con.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        raise
    await con.execute("RELEASE SAVEPOINT part")


async def retrying(
    work: Callable[[], Awaitable[T]],
    *,
    jitter: Callable[[float, float], float] | None = None,
    retries: int = 3,
) -> T:
    """Run ``work`` (a whole transaction), again after a deadlock or serialization failure.

    The one place that retries. ``ConnectionLost`` isn't retried here: whoever knows the command's
    id must look it up first.

    Args:
        work: opens its own transaction each time it is called.
        jitter: draws a number between two others; None = evenly at random.
        retries: further attempts, >= 0.

    Raises:
        Unavailable: ``database_contended`` after the last attempt.
    """
    draw = jitter or generator().uniform
    for attempt in range(retries + 1):
        try:
            return await work()
        except (
            asyncpg.DeadlockDetectedError,
            asyncpg.SerializationError,
            # A migration changed a table under a prepared statement.
            asyncpg.InvalidCachedStatementError,
        ) as error:
            if attempt == retries:
                raise Unavailable(
                    "database_contended", "The database is contended; send the same command again."
                ) from error
            await asyncio.sleep(draw(0.01, 0.04) * 2**attempt)
    raise AssertionError("the loop returns or raises")
