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
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, LiteralString, Self, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.pool import PoolConnectionProxy

from crisis.clock import generator
from crisis.errors import CrisisError
from dispatch.store.connecting import (
    ClientConnection,
    RawConnection,
    connect_as,
    prepare,
    why_not_connected,
)
from dispatch.store.context import (
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
from dispatch.store.errors import ConnectionLost, Outage, is_lost, is_unsure, lost, translate
from dispatch.store.hosts import NOT_CONNECTED, Hosts
from dispatch.store.patience import within

if TYPE_CHECKING:
    Record: TypeAlias = asyncpg.Record
    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    _Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Record = asyncpg.Record
    Connection = PoolConnectionProxy
    _Pool = asyncpg.Pool

__all__ = [
    "Connection",
    "Context",
    "County",
    "Database",
    "PoolSizes",
    "Record",
    "Report",
    "Worker",
    "retrying",
    "savepoint",
    "with_database",
]

T = TypeVar("T")

_ROLLBACK_TIMEOUT_S = 1.0


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


def with_database(dsn: str, name: str) -> str:
    """Return ``dsn`` pointed at another database of the same server."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path="/" + quote(name, safe="")))


@dataclass(frozen=True, slots=True)
class Side:
    """One server behind the pools, and whose connections end when it is silent.

    Attributes:
        is_copy: it may be a standby, which only reads.
    """

    database: Database
    hosts: Hosts
    roles: tuple[str, ...]
    is_copy: bool = False

    def give_up(self, error: ConnectionLost) -> None:
        """See ``Database.give_up``."""
        for role in self.roles:
            self.database.give_up(role, error)

    async def go_on(self) -> None:
        """See ``Database.go_on``."""
        for role in self.roles:
            await self.database.go_on(role)


@dataclass(slots=True)
class Database:
    """Pools of connections, one per role; build with ``Database.open``."""

    dsn: str
    report_dsn: str
    sizes: PoolSizes
    acquire_timeout_s: float
    hosts: Hosts = field(init=False, repr=False)
    #: Raises what keeps this node from stamping and writing; a node that has a pulse asks it.
    may_write: Callable[[], None] = field(default=lambda: None, repr=False)
    #: Told of each outage that work met, by name.
    on_outage: Callable[[str, Context], None] = field(default=lambda *_: None, repr=False)
    _report_hosts: Hosts = field(init=False, repr=False)
    _pools: dict[str, _Pool] = field(default_factory=dict, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _free: defaultdict[str, list[Connection]] = field(
        default_factory=lambda: defaultdict(list), repr=False
    )
    _waiting: Counter[str] = field(default_factory=Counter, repr=False)
    _in_use: dict[str, set[Connection]] = field(
        default_factory=lambda: defaultdict(set), repr=False
    )
    #: By role, why its server doesn't answer now: told by a pulse, so that nobody waits in vain.
    _away: dict[str, ConnectionLost] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.hosts = Hosts(self.dsn)
        self._report_hosts = Hosts(self.report_dsn, SessionAttribute.any)

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
        acquire_timeout_s: float = 2.5,
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
            Outage: by its name; or this node must not write now.
        """
        if mode == "write":
            self.may_write()
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
            raise self._named(context, meaning) from error
        finally:
            await self._release(context.role, con)

    async def call(self, context: Context, query: LiteralString, *args: object) -> list[Record]:
        """Run one statement that writes, in a transaction of its own and a single round trip.

        For functions that set ``app.county`` themselves (from an argument); plain statements on a
        county's tables see no rows here.

        Raises:
            ConnectionLost: with ``unknown_outcome`` if the statement had been sent.
            Conflict: a registered constraint refused it.
            Outage: by its name; or this node must not write now.
        """
        self.may_write()
        return await self.ask(context, query, *args)

    async def ask(self, context: Context, query: LiteralString, *args: object) -> list[Record]:
        """Run one statement that only reads, as ``call`` does."""
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
                gone = lost(error, unknown_outcome=unknown)
                raise self._named(context, gone) from error
            meaning = translate(error)
            if meaning is None:
                raise
            raise self._named(context, meaning) from error
        finally:
            await self._release(context.role, con)

    async def ping(self) -> datetime:
        """Return the server's clock; proves that a writer answers.

        Raises:
            ConnectionLost: no server answers.
        """
        rows = await self.ask(Worker(), "SELECT clock_timestamp() AS now")
        now: datetime = rows[0]["now"]
        return now

    async def connect(
        self, context: Context, settings: Mapping[str, str] | None = None
    ) -> RawConnection:
        """Open a dedicated connection (LISTEN, advisory locks); the caller closes it."""
        return await connect_as(self.hosts, context.role, settings)

    def sides(self) -> list[Side]:
        """Return the servers that the pools stand on: the main one first, and the reports' own."""
        if self.report_dsn == self.dsn:
            return [Side(self, self.hosts, (County.role, Worker.role, Report.role))]
        return [
            Side(self, self.hosts, (County.role, Worker.role)),
            Side(self, self._report_hosts, (Report.role,), is_copy=True),
        ]

    def give_up(self, role: str, error: ConnectionLost) -> None:
        """End every wait of a role whose server is away, and let nobody begin another.

        What was under way may have been done or not, as after any lost connection.
        """
        self._away[role] = error
        for con in [*self._in_use[role], *self._free[role]]:
            _terminate(con)

    async def go_on(self, role: str) -> None:
        """The server of a role is back."""
        if self._away.pop(role, None) is not None and role in self._pools:
            # What rested in the pool meanwhile is connected anew before anybody gets it.
            await self._pools[role].expire_connections()

    def _named(self, context: Context, meaning: CrisisError) -> CrisisError:
        """Return what is raised, once whoever watches for outages has heard of it."""
        if isinstance(meaning, ConnectionLost) and context.role in self._away:
            code = self._away[context.role].code
            meaning = ConnectionLost(code, unknown_outcome=meaning.unknown_outcome)
        if isinstance(meaning, Outage):
            self.on_outage(meaning.code, context)
        return meaning

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
        away = self._away.get(role)
        if away is not None:
            raise ConnectionLost(away.code, unknown_outcome=False)
        con = await self._take(role)
        self._in_use[role].add(con)
        return con

    async def _take(self, role: str) -> Connection:
        free = self._free.get(role)
        while free:
            con = free.pop()
            if not _is_closed(con):
                return con
            await self._pools[role].release(con)
        pool = self._pools.get(role) or await self._open_pool(role)
        self._waiting[role] += 1
        try:
            return await within(self.acquire_timeout_s, _acquired(pool), _terminate)
        except TimeoutError as error:
            if pool.get_size() < pool.get_max_size():
                # There was room for one more, and no server answered it.
                raise ConnectionLost("database_silent", unknown_outcome=False) from error
            raise Outage("database_busy") from error
        except NOT_CONNECTED as error:
            meaning = why_not_connected(error)
            if meaning is None:
                raise
            raise meaning from error
        finally:
            self._waiting[role] -= 1

    async def _release(self, role: str, con: Connection) -> None:
        # asyncpg's own bookkeeping of taking and giving back costs more than a short statement:
        # what nobody waits for stays with us, ready for the next.
        self._in_use[role].discard(con)
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
            hosts = self._report_hosts if role == Report.role else self.hosts
            # min_size 0: a pool opens its connections when they are needed, also after an outage.
            self._pools[role] = await asyncpg.create_pool(
                connect=hosts.connect,
                min_size=0,
                max_size=self.sizes.of(role),
                max_inactive_connection_lifetime=600.0,
                init=prepare,
                connection_class=ClientConnection,
                command_timeout=COMMAND_TIMEOUT_S[role],
                statement_cache_size=512,
                max_cached_statement_lifetime=0,
                server_settings={
                    **COMMON_SETTINGS,
                    **ROLE_SETTINGS[role],
                    "application_name": f"crisis-dispatch {role}",
                    "role": role,
                },
            )
            return self._pools[role]


async def _acquired(pool: _Pool) -> Connection:
    return await pool.acquire()


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
        return lost(error, unknown_outcome=True)
    if is_lost(error, closed=closed):
        _terminate(con)
        return lost(error, unknown_outcome=False)
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
        Outage: ``database_contended`` after the last attempt.
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
                raise Outage("database_contended") from error
            await asyncio.sleep(draw(0.01, 0.04) * 2**attempt)
    raise AssertionError("the loop returns or raises")
