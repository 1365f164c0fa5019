"""One connection to the database: how it is opened, and what it means that it can't be.

Must not know pools or transactions. Every connection acts as one role, given in its start-up
packet, and notices within seconds that its server has vanished.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import asyncpg

from crisis.errors import CrisisError
from dispatch.store.context import COMMON_SETTINGS
from dispatch.store.errors import Outage, is_lost, lost, name_of
from dispatch.store.hosts import NOT_CONNECTED, Hosts, RawConnection

__all__ = ["ClientConnection", "RawConnection", "connect_as", "prepare", "why_not_connected"]


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


async def prepare(con: RawConnection) -> None:
    """Pass JSON through as text: the callers encode and decode with msgspec."""
    for name in ("json", "jsonb"):
        await con.set_type_codec(
            name, schema="pg_catalog", encoder=_json_text, decoder=str, format="text"
        )


async def connect_as(
    dsn: str | Hosts, role: str | None, settings: Mapping[str, str] | None = None
) -> RawConnection:
    """Open one dedicated connection outside the pools (LISTEN, advisory locks, migrations).

    Args:
        dsn: where; several hosts allowed.
        role: role to act as from the first statement; None = the login user.
        settings: further server settings for this session.

    Raises:
        ConnectionLost: no server answers.
        Outage: one does, and refuses.
    """
    server_settings = {**COMMON_SETTINGS, **(settings or {})}
    if role is not None:
        server_settings["role"] = role
    hosts = dsn if isinstance(dsn, Hosts) else Hosts(dsn)
    try:
        return await hosts.connect(
            connection_class=ClientConnection, server_settings=server_settings
        )
    except NOT_CONNECTED as error:
        meaning = why_not_connected(error)
        if meaning is None:
            raise
        raise meaning from error


def why_not_connected(error: BaseException) -> CrisisError | None:
    """Return what an error while connecting means; None = nothing that is known here."""
    if isinstance(error, asyncpg.InvalidParameterValueError):
        # The role of the start-up packet; the migrations create it.
        return Outage("schema_unusable", f"Run the migrations first: {error}.")
    if name_of(error, connecting=True) == "database_refused":
        # For the operator to mend; the server's words name the user or the database, no password.
        return Outage("database_refused", f"PostgreSQL refuses the connection: {error}.")
    if not is_lost(error, closed=True):
        return None
    return lost(error, unknown_outcome=False, connecting=True)
