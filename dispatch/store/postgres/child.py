"""One child process of the service, that ends with it.

Decides how a child is started as another user, tied to the life of the service and waited for.
Must not know what it runs. The standard library's own asyncio subprocesses can't change the user
under uvloop, hence ``Popen`` and a pidfd, which any loop can watch.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from dispatch.store.postgres.binaries import ENVIRONMENT, Account

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child may hardly do anything.
_libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent() -> None:
    """Ask the kernel to shut this child down fast when the service's thread that made it ends.

    Runs after the change of user, which would undo it.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


class Child:
    """A running program; make it on the event loop's own thread."""

    def __init__(self, command: Sequence[str], account: Account, output_fd: int) -> None:
        """Start ``command`` as ``account``; what it prints goes to ``output_fd``.

        Raises:
            OSError: it can't be started.
        """
        self._process = subprocess.Popen(  # noqa: S603 - a fixed program list, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output_fd,
            stderr=output_fd,
            cwd="/",
            env=ENVIRONMENT,
            umask=0o077,
            # A Ctrl-C is for the service, which then stops its children in good order.
            start_new_session=True,
            preexec_fn=_end_with_parent,
            user=account.uid if account.is_other else None,
            group=account.gid if account.is_other else None,
            extra_groups=[] if account.is_other else None,
        )
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None = it runs; below 0: the number of the signal that ended it."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Return the exit code once the program has ended."""
        code = self.exit_code
        if code is not None:
            return code
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(self.pid)
            try:
                loop.add_reader(pidfd, ended.set)
                try:
                    await ended.wait()
                finally:
                    loop.remove_reader(pidfd)
            finally:
                os.close(pidfd)
        return self._process.wait()


def describe(code: int) -> str:
    """Return an exit code in words."""
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"
