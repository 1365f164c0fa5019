"""Texts that must not show themselves, and the file of the key that seals all others.

Decides how a secret is held in memory and how the master key first comes to be. Must not know what
is sealed with it.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import stat
from pathlib import Path
from typing import Final, TextIO

from crisis.clock import random_bytes

KEY_BYTES: Final = 32


class Secret:
    """A text that never shows itself; ``reveal`` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text; for the call that needs it, never for a log."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self) -> str:
        raise TypeError("a secret isn't copied out of its process")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def is_key(text: str) -> bool:
    """Say whether ``text`` is a whole key in base64."""
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def key_from_file(path: Path) -> bytes:
    """Return the key in ``path``, making the file on first use.

    Raises:
        ValueError: the file is damaged, unreadable, or others may read it; says what to do.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        _make_key(path)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    with os.fdopen(fd) as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        text = file.read().strip()
    if mode & 0o077:
        raise ValueError(f"{path} may be read by others; run chmod 600 on it")
    if not is_key(text):
        raise ValueError(f"{path} doesn't hold a whole key; restore it from your copy")
    return base64.b64decode(text)


def open_private(path: Path, mode: str) -> TextIO:
    """Open a text file that nobody else may read, also where it was there before.

    Args:
        mode: ``a`` or ``w``.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | {"a": os.O_APPEND, "w": os.O_TRUNC}[mode]
    fd = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        os.fchmod(fd, 0o600)
    file: TextIO = io.TextIOWrapper(
        os.fdopen(fd, f"{mode}b"), encoding="utf-8", newline="", line_buffering=True
    )
    return file


def _make_key(path: Path) -> None:
    """Make the key's file, whole or not at all; of two processes the first one's key stays."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(base64.b64encode(random_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
