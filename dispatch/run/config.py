"""What an operator may set: read once, from the environment and one TOML file.

Decides where a value comes from, and reports every mistake at once. Must not know what the settings
are for. The environment wins over the file; the file is the one that CRISIS_CONFIG names, or
``crisis.toml`` in the working directory if there is one. What each setting means, and may be,
stands in ``dispatch.run.settings``.
"""

from __future__ import annotations

import base64
import difflib
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from dispatch.run.secret import Secret, key_from_file
from dispatch.run.settings import PREFIX, SETTINGS, Setting

#: Read by others than this module: the file's own path, and the tests' server.
_OTHER_NAMES = frozenset({"CRISIS_CONFIG", "CRISIS_TEST_DSN"})


class SettingsError(Exception):
    """The settings can't be used.

    Attributes:
        problems: one sentence each, all of them; none quotes a secret.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(["These settings can't be used:", *(f"  - {p}" for p in self.problems)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force; what each means stands in ``SETTINGS``. None = unset."""

    data_dir: Path
    database_url: Secret | None
    report_database_url: Secret | None
    postgres_programs: Path | None
    host: str
    port: int
    public_url: str
    allowed_origins: tuple[str, ...]
    trust_proxy: tuple[str, ...]
    node_name: str
    app_connections: int
    worker_connections: int
    report_connections: int
    log_level: str
    log_format: str
    smtp_host: str | None
    smtp_port: int
    smtp_tls: str
    smtp_user: str | None
    smtp_password: Secret | None
    smtp_from: str | None
    master_key: Secret | None
    session_hours: float
    metrics_token: Secret | None
    simulated_speed: float

    @property
    def origins(self) -> frozenset[str]:
        """Every origin that a browser may come from, the public one included."""
        return frozenset({self.public_url, *self.allowed_origins})

    @property
    def master_key_file(self) -> Path:
        """Where the master key is kept that no setting gives."""
        return self.data_dir / "keys" / "master.key"

    def find_master_key(self) -> bytes | None:
        """Return the 32 bytes of the master key; ``None`` = its file isn't made yet.

        Raises:
            SettingsError: the file is damaged, or others may read it.
        """
        is_there = self.master_key is not None or self.master_key_file.exists()
        return self.load_master_key() if is_there else None

    def load_master_key(self) -> bytes:
        """Return the 32 bytes of the master key, making its file on first use.

        Raises:
            SettingsError: the file is damaged, or others may read it.
        """
        if self.master_key is not None:
            return base64.b64decode(self.master_key.reveal())
        try:
            return key_from_file(self.master_key_file)
        except ValueError as error:
            raise SettingsError([str(error)]) from None


def load(environ: Mapping[str, str] | None = None, *, working_dir: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: None = the process's own.
        working_dir: where ``crisis.toml`` is looked for; None = the process's own.

    Raises:
        SettingsError: with every problem found.
    """
    env = os.environ if environ is None else environ
    problems: list[str] = []
    file_name, from_file = _read_file(env, working_dir or Path(), problems)
    known = {setting.name: setting for setting in SETTINGS}
    problems += [
        f"{file_name}: {name} is unknown{_suggest(name, known)}"
        for name in from_file
        if name not in known
    ]
    names = {setting.env for setting in SETTINGS}
    problems += [
        f"{name} is unknown{_suggest(name, names)}"
        for name in env
        if name.startswith(PREFIX) and name not in names | _OTHER_NAMES
    ]

    values: dict[str, object] = {}
    faulty: set[str] = set()
    for setting in SETTINGS:
        raw: object = setting.default
        source = setting.name
        if env.get(setting.env, "") != "":
            raw, source = env[setting.env], setting.env
        elif setting.name in from_file:
            raw, source = from_file[setting.name], f"{file_name}: {setting.name}"
        try:
            values[setting.name] = _convert(setting, raw)
        except ValueError as error:
            problems.append(f"{source} {error}")
            values[setting.name] = None
            faulty.add(setting.name)
    problems += _contradictions(values, faulty)
    if problems:
        raise SettingsError(problems)
    _complete(values, env)
    return Settings(**values)  # type: ignore[arg-type]  # each converted to its field's type


def _read_file(
    env: Mapping[str, str], working_dir: Path, problems: list[str]
) -> tuple[str, dict[str, object]]:
    named = env.get("CRISIS_CONFIG", "")
    path = Path(named) if named else working_dir / "crisis.toml"
    if not named and not path.exists():
        return path.name, {}
    try:
        return path.name, tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problems.append(f"{path} can't be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path} isn't valid TOML: {error}")
    return path.name, {}


def _suggest(name: str, known: Mapping[str, object] | set[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _convert(setting: Setting, raw: object) -> object:
    """Return the value of the type of the setting's field.

    Raises:
        ValueError: says what the value must be, without quoting it if it is secret.
    """
    if raw is None:
        return None
    match setting.kind:
        case "integer" | "number":
            return _number(setting, raw)
        case "list":
            return _list(setting, raw)
        case "text" | "path" | "secret":
            if not isinstance(raw, str) or not raw:
                raise ValueError("must be a text")
            _check(setting, raw)
            if setting.kind == "path":
                return Path(raw).expanduser().absolute()
            return Secret(raw) if setting.kind == "secret" else raw


def _check(setting: Setting, text: str) -> None:
    if setting.choices and text not in setting.choices:
        raise ValueError(f"must be one of {', '.join(setting.choices)}{_suggestion(setting, text)}")
    fault = setting.check(text) if setting.check else None
    if fault is not None:
        raise ValueError(fault)


def _suggestion(setting: Setting, text: str) -> str:
    return _suggest(text.lower(), set(setting.choices))


def _number(setting: Setting, raw: object) -> int | float:
    wanted: type[int] | type[float] = int if setting.kind == "integer" else float
    try:
        # By way of text: int() would cut the 80.5 of a TOML file, and true is 1 to Python.
        number = wanted(str(raw))
    except ValueError:
        kind = "a whole number" if wanted is int else "a number"
        raise ValueError(f"must be {kind}") from None
    low, high = setting.low, setting.high
    if not ((low is None or number >= low) and (high is None or number <= high)):
        unit = f" {setting.unit}" if setting.unit else ""
        raise ValueError(f"must lie between {low:g} and {high:g}{unit}")
    return number


def _list(setting: Setting, raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        items = [part.strip() for part in raw.split(",") if part.strip()]
    elif isinstance(raw, list) and all(isinstance(part, str) for part in raw):
        items = raw
    else:
        raise ValueError("must be a list of texts")
    for item in items:
        _check(setting, item)
    return tuple(items)


def _complete(values: dict[str, object], env: Mapping[str, str]) -> None:
    """Fill in the defaults that depend on the machine or on other settings."""
    if values["data_dir"] is None:
        home = Path(env.get("HOME") or "~").expanduser()
        values["data_dir"] = (
            Path("/var/lib/crisis-dispatch")
            if os.geteuid() == 0
            else home / ".local" / "share" / "crisis-dispatch"
        )
    if values["node_name"] is None:
        values["node_name"] = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:63] or "node"
    values["public_url"] = _origin(
        str(values["public_url"] or f"http://localhost:{values['port']}")
    )
    values["allowed_origins"] = tuple(
        _origin(text) for text in cast("tuple[str, ...]", values["allowed_origins"])
    )


def _origin(text: str) -> str:
    """Write an origin as browsers send it: lower case, without the scheme's own port."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port not in {None, usual} else ""
    return f"{parts.scheme}://{host}{port}"


def _contradictions(values: Mapping[str, object], faulty: set[str]) -> list[str]:
    """Return what doesn't go together; of a value that is ``faulty`` nothing is known."""
    rules = (
        (
            {"smtp_host", "smtp_from"},
            values["smtp_host"] and not values["smtp_from"],
            "smtp_from is needed with smtp_host",
        ),
        (
            {"smtp_password", "smtp_tls"},
            values["smtp_password"] and values["smtp_tls"] == "none",
            "smtp_password would be sent in the clear; set smtp_tls",
        ),
        (
            {"report_database_url", "database_url"},
            values["report_database_url"] and not values["database_url"],
            "report_database_url needs database_url",
        ),
    )
    return [told for names, is_broken, told in rules if is_broken and not names & faulty]


if {setting.name for setting in SETTINGS} != {field.name for field in fields(Settings)}:
    raise AssertionError("SETTINGS and the fields of Settings differ")
