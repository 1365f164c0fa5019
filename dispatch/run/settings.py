"""The table of everything an operator may set: names, meanings, defaults, units and ranges.

Decides what is a lawful value of each. Must not know where values come from;
``dispatch.run.config`` reads them, and the documentation's table is made from this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from dispatch.run.secret import KEY_BYTES, is_key

PREFIX: Final = "CRISIS_"

Kind = Literal["text", "path", "integer", "number", "list", "secret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing an operator may set.

    Attributes:
        name: in the file, and of the field of ``Settings``.
        env: in the environment.
        default: as documented; None = unset.
        unit: of numbers; "" = none.
        choices: the allowed words; empty = any.
        low: smallest allowed number.
        high: largest allowed number.
    """

    name: str
    kind: Kind
    doc: str
    default: str | int | float | bool | None
    env: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    check: Callable[[str], str | None] | None = None


def _setting(
    name: str,
    kind: Kind,
    doc: str,
    default: str | float | None = None,
    *,
    env: str | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    check: Callable[[str], str | None] | None = None,
) -> Setting:
    return Setting(
        name=name,
        kind=kind,
        doc=doc,
        default=default,
        env=env or PREFIX + name.upper(),
        unit=unit,
        choices=choices,
        low=low,
        high=high,
        check=check,
    )


#: What follows a host's name; hosts of IPv6 stand in brackets.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _is_postgres_url(value: str) -> str | None:
    """Say what is wrong, so that no driver has to: it would quote what is secret."""
    if re.match("postgres(ql)?:/", value) is None:
        return "must begin with postgresql://"
    try:
        parts = urlsplit(value)
        # Strictly, as the driver does; what stands behind a bare & is a mistake.
        pairs = parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True)
    except ValueError:
        return "must be like postgresql://user:password@host:5432/name"
    given = dict(pairs)
    *login, hosts = parts.netloc.split("@")
    if len(login) > 1:
        return "holds a second @; in a name or password write @ as %40, / as %2F and : as %3A"
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    ports = [*(one["port"] for one in found if one), *given.get("port", "").split(",")]
    if not all(found) or not all(_is_port(port) for port in ports if port):
        return (
            "must name hosts like host:5432, several separated by commas; in a name or password "
            "write / as %2F"
        )
    if given.get("sslmode", "prefer") not in _SSL_MODES:
        return f"sslmode must be one of {', '.join(_SSL_MODES)}"
    return None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535


def _is_web_origin(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        is_origin = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and parts.path in {"", "/"}
            and not parts.query
            and not parts.fragment
            and parts.username is None
        )
    except ValueError:
        is_origin = False
    return None if is_origin else "must be an origin such as https://crisis.example.org"


def _is_key(value: str) -> str | None:
    return None if is_key(value) else f"must be {KEY_BYTES} bytes in base64"


def _is_network(value: str) -> str | None:
    try:
        ip_network(value)
    except ValueError:
        return "must be an address such as 10.0.0.7 or a network such as 10.0.0.0/24"
    return None


def _is_node_name(value: str) -> str | None:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        return None
    return "may hold letters, digits, dot, hyphen and underscore, at most 63"


SETTINGS: Final[tuple[Setting, ...]] = (
    _setting(
        "data_dir",
        "path",
        "Directory for the service's own PostgreSQL, keys and exports. The default is "
        "/var/lib/crisis-dispatch for root, else ~/.local/share/crisis-dispatch.",
    ),
    _setting(
        "database_url",
        "secret",
        "PostgreSQL 15 or newer, several hosts allowed. Unset: the service runs its own "
        "PostgreSQL in data_dir.",
        env="DATABASE_URL",
        check=_is_postgres_url,
    ),
    _setting(
        "report_database_url",
        "secret",
        "A replica that reports read from. Unset: the same database.",
        check=_is_postgres_url,
    ),
    _setting(
        "postgres_programs",
        "path",
        "Directory of postgres and initdb for the service's own PostgreSQL. Unset: the installed "
        "package, else the system's.",
    ),
    _setting("host", "text", "Address to listen on.", "127.0.0.1"),
    _setting("port", "integer", "Port to listen on.", 8080, low=1, high=65535),
    _setting(
        "public_url",
        "text",
        "Origin under which people reach the service. Unset: http://localhost and the port.",
        check=_is_web_origin,
    ),
    _setting(
        "allowed_origins",
        "list",
        "Further origins that browsers may connect from, separated by commas.",
        "",
        check=_is_web_origin,
    ),
    _setting(
        "trust_proxy",
        "list",
        "Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, "
        "separated by commas.",
        "",
        check=_is_network,
    ),
    _setting(
        "node_name",
        "text",
        "Name of this node in logs, leases and metrics. Unset: the host's name.",
        check=_is_node_name,
    ),
    _setting(
        "app_connections",
        "integer",
        "Most database connections for counties' work.",
        16,
        low=2,
        high=200,
    ),
    _setting(
        "worker_connections",
        "integer",
        "Most database connections for background work.",
        6,
        low=1,
        high=50,
    ),
    _setting(
        "report_connections",
        "integer",
        "Most database connections for reports.",
        2,
        low=1,
        high=50,
    ),
    _setting(
        "log_level",
        "text",
        "Least serious messages that are logged.",
        "info",
        choices=("debug", "info", "warning", "error"),
    ),
    _setting(
        "log_format",
        "text",
        "Form of the log: one JSON object per line, or text for people.",
        "text",
        choices=("json", "text"),
    ),
    _setting("smtp_host", "text", "Mail server. Unset: no e-mail is sent."),
    _setting("smtp_port", "integer", "Port of the mail server.", 587, low=1, high=65535),
    _setting(
        "smtp_tls",
        "text",
        "How the connection to the mail server is encrypted.",
        "starttls",
        choices=("starttls", "tls", "none"),
    ),
    _setting("smtp_user", "text", "User at the mail server. Unset: none."),
    _setting("smtp_password", "secret", "Password at the mail server."),
    _setting("smtp_from", "text", "Sender of e-mails; needed with smtp_host."),
    _setting(
        "master_key",
        "secret",
        "Key that seals every county's key: 32 bytes in base64. Unset: made once, in "
        "keys/master.key below data_dir. Without it the private records can't be read; keep a "
        "copy apart from the database's backups.",
        check=_is_key,
    ),
    _setting(
        "session_hours",
        "number",
        "How long a page's sign-in lasts; above the longest shift, overtime included.",
        16.0,
        unit="hours",
        low=0.25,
        high=72,
    ),
    _setting(
        "metrics_token",
        "secret",
        "Bearer token for /metrics. Unset: only this machine may read it.",
    ),
    _setting(
        "simulated_speed",
        "number",
        "Seconds of county time per second, in databases marked simulated only.",
        1.0,
        low=0.1,
        high=3600,
    ),
)
