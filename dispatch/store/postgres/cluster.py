"""A PostgreSQL cluster on disk: its directories, its configuration, its first creation.

Decides what lies where, who may connect (the service's own system user, over a socket nobody else
can reach) and what to do with a server that an earlier service left behind. Must not know how the
running server is supervised.

    <root>/lock       held by the living service
    <root>/config/    written at each start; the server can't change it
    <root>/cluster/   PostgreSQL's data directory
    <root>/run/       its socket, if the path is short enough
    <root>/log/       seven days of server log, one file per weekday
    <root>/programs/  copies of the programs, only where they were out of reach
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import signal
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from dispatch.store.postgres.binaries import Account, EmbeddedError, Programs

#: The cluster's only login user: a superuser, reachable by peer authentication alone.
LOGIN = "crisis"
DATABASE = "crisis"
_PORT = 5432
#: sun_path holds 108 bytes with its closing zero.
_SOCKET_PATH_BYTES = 107
_FAST_STOP_S = 60.0
_IMMEDIATE_STOP_S = 15.0

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "60",
        "shared_buffers": "128MB",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "10min",
        "random_page_cost": "1.1",
        "jit": "off",
        # Containers give 64 MB of /dev/shm, which parallel workers would exhaust.
        "max_parallel_workers_per_gather": "0",
        "password_encryption": "scram-sha-256",
        "idle_in_transaction_session_timeout": "60s",
        "client_connection_check_interval": "5s",
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "3",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "logging_collector": "on",
        "log_filename": "postgres-%a.log",
        "log_file_mode": "0600",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        # Statements and the details of errors hold people's data: never in a log.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_statement": "none",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
)
#: Given on the command line, so that no local file can weaken them.
SAFE: Mapping[str, str] = MappingProxyType(
    {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
)
#: For clusters that are thrown away: quick, and lost with the machine.
UNSAFE: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The directories below one root; see the module's docstring."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the living service."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """Configuration written at each start."""
        return self.root / "config"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "cluster"

    @property
    def log(self) -> Path:
        """Server logs."""
        return self.root / "log"

    @property
    def programs(self) -> Path:
        """Copied programs."""
        return self.root / "programs"

    @property
    def socket_folder(self) -> Path:
        """Folder of the socket: ``run``, or a short one under /tmp for a long root."""
        folder = self.root / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_PATH_BYTES:
            return folder
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"crisis-dispatch-{digest}"

    @property
    def dsn(self) -> str:
        """DSN of the service's database; holds no password."""
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql:///{DATABASE}?host={host}&port={_PORT}&user={LOGIN}"


def take_lock(layout: Layout) -> int:
    """Become the one service on this data directory; return the descriptor that holds the lock.

    The kernel frees it with the process, however that ends; children don't inherit it.

    Raises:
        EmbeddedError: another service lives.
    """
    fd = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(fd, 20).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise EmbeddedError(
            f"Another service (process {holder}) is running on {layout.root}. "
            "Stop it first, or give this one its own data_dir.",
            holder=holder,
        ) from error
    os.truncate(fd, 0)
    os.write(fd, f"{os.getpid()}\n".encode())
    return fd


def make_folders(layout: Layout, account: Account) -> None:
    """Create the directories with the rights that each needs.

    Raises:
        EmbeddedError: one belongs to somebody else, or ``account`` can't reach the root.
    """
    # The server's user must pass through the root, and read the configuration.
    shared = 0o711 if account.is_other else 0o700
    readable = 0o755 if account.is_other else 0o700
    for folder, mode in (
        (layout.root, shared),
        (layout.config, readable),
        (layout.programs, readable),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    for folder in (layout.socket_folder, layout.log):
        _make_private(folder, account)
    if account.is_other and account.run(["test", "-x", layout.root]).returncode != 0:
        raise EmbeddedError(
            f"The service runs as root and PostgreSQL as user {account.name}, who can't reach "
            f"{layout.root}. Open the directories above it (chmod o+x), or choose another data_dir."
        )


def _make_private(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # In a shared place somebody may have been there first; a link is never followed.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
            raise EmbeddedError(f"{folder} belongs to somebody else; remove it.") from None
    if account.is_other:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    folder.chmod(0o700)


def cluster_major(layout: Layout) -> int | None:
    """Return the major version that made the cluster; None = there is no cluster yet.

    Raises:
        EmbeddedError: the directory holds something else.
    """
    if not layout.cluster.exists():
        return None
    try:
        return int((layout.cluster / "PG_VERSION").read_text().strip())
    except (FileNotFoundError, ValueError):
        raise EmbeddedError(
            f"{layout.cluster} is not a PostgreSQL data directory. Move it away or restore it."
        ) from None


def create_cluster(
    layout: Layout, programs: Programs, account: Account, *, is_throwaway: bool
) -> None:
    """Make a new cluster: UTF-8, data checksums, no password, no network.

    Made aside and renamed: a service killed here leaves no half cluster behind.

    Raises:
        EmbeddedError: initdb failed.
    """
    fresh = layout.root / "cluster.new"
    if fresh.exists():
        account.run(["find", fresh, "-mindepth", "1", "-delete"])
    _make_private(fresh, account)
    command: list[str | Path] = [
        programs.folder / "initdb",
        "--pgdata",
        fresh,
        "--username",
        LOGIN,
        "--auth",
        "peer",
        "--encoding",
        "UTF8",
        "--locale",
        "C.UTF-8",
        "--data-checksums",
    ]
    if is_throwaway:
        command.append("--no-sync")
    result = account.run(command, timeout_s=300)
    if result.returncode != 0:
        raise EmbeddedError(f"initdb failed: {result.stderr.strip()[-500:]}")
    fresh.rename(layout.cluster)
    fd = os.open(layout.root, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_config(
    layout: Layout, account: Account, service_user: str, extra: Mapping[str, str]
) -> None:
    """Write the configuration files; ``local.conf`` beside them may tune what isn't safety."""
    settings = {**SETTINGS, **extra}
    lines = [f"{name} = '{_quoted(value)}'" for name, value in settings.items()]
    lines.append("include_if_exists 'local.conf'")
    ident = "".join(f'service "{name}" {LOGIN}\n' for name in {service_user, account.name})
    for name, text in (
        ("postgresql.conf", "\n".join(lines) + "\n"),
        ("pg_hba.conf", f"local all {LOGIN} peer map=service\n"),
        ("pg_ident.conf", ident),
    ):
        path = layout.config / name
        path.write_text(text)
        path.chmod(0o644)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def server_command(layout: Layout, programs: Programs, durability: Mapping[str, str]) -> list[str]:
    """Return the command line of the server."""
    forced = {
        "config_file": layout.config / "postgresql.conf",
        "hba_file": layout.config / "pg_hba.conf",
        "ident_file": layout.config / "pg_ident.conf",
        "listen_addresses": "",
        "port": _PORT,
        "unix_socket_directories": f'"{layout.socket_folder}"',
        "unix_socket_permissions": "0700",
        "log_directory": layout.log,
        **durability,
    }
    command = [str(programs.folder / "postgres"), "-D", str(layout.cluster)]
    for name, value in forced.items():
        command += ["-c", f"{name}={value}"]
    return command


def _recorded_pid(layout: Layout) -> int | None:
    try:
        return int((layout.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _works_on(pid: int, cluster: Path) -> bool:
    """Say whether process ``pid`` is a PostgreSQL process of this cluster."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except PermissionError:
        # Root without CAP_SYS_PTRACE (containers) sees only how it was called.
        try:
            return os.fsencode(cluster) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
    except OSError:
        return False


def _processes_on(cluster: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.path.samefile(entry / "cwd", cluster):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


async def stop_orphan(layout: Layout) -> bool:
    """Stop a server that a dead service left on the cluster; return whether there was one.

    Call only while holding the lock. The server is asked to shut down, never killed: its own
    children would go on writing.

    Raises:
        EmbeddedError: it doesn't stop.
    """
    pid = _recorded_pid(layout)
    found = False
    if pid is not None and _works_on(pid, layout.cluster):
        found = True
        for sign, wait_s in ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, _IMMEDIATE_STOP_S)):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
            if await _ended(pid, layout.cluster, wait_s):
                break
    try:
        async with asyncio.timeout(_IMMEDIATE_STOP_S):
            # Backends outlive a killed postmaster by a moment.
            while left := _processes_on(layout.cluster):  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise EmbeddedError(
            f"An old PostgreSQL (process {left[0]}) on {layout.cluster} does not stop. End it with "
            f"kill -QUIT {left[0]}, never with kill -9.",
            process=left[0],
        ) from None
    # The file's process isn't PostgreSQL, and no process works here: its number was given to
    # another program since (usual in containers), and PostgreSQL would refuse to start.
    if pid is not None and _recorded_pid(layout) == pid and not _works_on(pid, layout.cluster):
        (layout.cluster / "postmaster.pid").unlink(missing_ok=True)
    return found


async def _ended(pid: int, cluster: Path, wait_s: float) -> bool:
    try:
        async with asyncio.timeout(wait_s):
            while _works_on(pid, cluster):  # noqa: ASYNC110 - no event: it isn't our child
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True
