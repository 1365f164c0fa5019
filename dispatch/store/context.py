"""On whose behalf a piece of work touches the database, and within which limits.

Decides the role, the county and the time limits of a transaction, and the statement that enters
them. Must not know connections or tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

#: Schema of every table. pg_temp stands last, so that no temporary table can shadow a real one.
SEARCH_PATH = "dispatch, pg_temp"

Mode = Literal["write", "read", "snapshot"]


@dataclass(frozen=True, slots=True)
class County:
    """Work inside one county.

    Attributes:
        county_id: FIPS code, 6001..6115.
    """

    county_id: int
    role = "crisis_app"


@dataclass(frozen=True, slots=True)
class Worker:
    """Background work over all counties, on the tables opened to it."""

    role = "crisis_worker"


@dataclass(frozen=True, slots=True)
class Report:
    """Reading for reports.

    Attributes:
        county_id: FIPS code; None = all counties.
    """

    county_id: int | None = None
    role = "crisis_state_report"


Context: TypeAlias = County | Worker | Report

COMMON_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "search_path": SEARCH_PATH,
        "timezone": "UTC",
        # Compiling costs more than our short statements, and stalls asyncpg's introspection.
        "jit": "off",
        # Solid-state disks: an index on a small, busy table beats reading its old versions.
        "random_page_cost": "1.1",
        # A vanished client's locks are freed in about 15 s instead of minutes.
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "3",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15000",
        "client_connection_check_interval": "5000",
    }
)

#: Limits of each role, in ms. ``command_timeout`` below is above statement_timeout, so that the
#: client gives up only on a server that no longer answers.
ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "crisis_app": MappingProxyType(
            {
                # Short statements by key: a plan made once serves them all.
                "plan_cache_mode": "force_generic_plan",
                "statement_timeout": "10000",
                "lock_timeout": "5000",
                "idle_in_transaction_session_timeout": "10000",
            }
        ),
        "crisis_worker": MappingProxyType(
            {
                "statement_timeout": "60000",
                "lock_timeout": "5000",
                "idle_in_transaction_session_timeout": "30000",
            }
        ),
        "crisis_state_report": MappingProxyType(
            {
                "statement_timeout": "300000",
                "lock_timeout": "10000",
                "idle_in_transaction_session_timeout": "60000",
                "default_transaction_read_only": "on",
            }
        ),
    }
)
COMMAND_TIMEOUT_S = {"crisis_app": 15.0, "crisis_worker": 70.0, "crisis_state_report": 310.0}


def begin(context: Context, mode: Mode, *, durable: bool) -> str:
    """Build the statement that opens a transaction and enters the context in one round trip.

    Several statements in one message can take no parameters; the only value is an integer.
    """
    parts = [
        {
            "write": "BEGIN",
            "read": "BEGIN READ ONLY",
            "snapshot": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }[mode]
    ]
    match context:
        case County(county_id=int() as county_id) | Report(county_id=int() as county_id):
            parts.append(f"SET LOCAL app.county = '{county_id:d}'")
        case Report():
            parts.append("SET LOCAL app.state_wide = 'on'")
        case Worker():
            pass
        case _:
            raise TypeError("a transaction needs County(int), Worker() or Report(int or None)")
    if not durable:
        parts.append("SET LOCAL synchronous_commit = 'off'")
    return "; ".join(parts)
