"""The command line under test: in processes of its own, or quicker in this one."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from web.cli.main import main

ROOT = Path(__file__).parents[2]


class Cli:
    """The command line with a data directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            k: v for k, v in os.environ.items() if k != "DATABASE_URL" and "CRISIS" not in k
        }
        self.environ["CRISIS_DATA_DIR"] = str(folder / "data")

    def __call__(
        self, *arguments: str | Path, expect: int = 0, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with ``expect``, and never with a traceback."""
        done = subprocess.run(
            self._command(*arguments),
            cwd=ROOT,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        if environ.get("CRISIS_LOG_LEVEL") != "debug":
            assert "Traceback" not in done.stderr
        return done

    def _command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "web", *map(str, arguments)]

    def file(self, name: str, text: str) -> Path:
        """Write a file for a command."""
        path = self.folder / name
        path.write_text(text)
        return path

    @contextmanager
    def serving(self, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
        """A running service, its address, and what it said until it served."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            self._command("serve", "--port", str(port), *flags),
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = ""
            if process.stdout is None:
                raise AssertionError("stdout is piped")
            while "Serving on" not in said:
                line = process.stdout.readline()
                if not line:
                    pytest.fail(f"it didn't serve: {process.communicate()[1]}")
                said += line
            yield process, f"http://127.0.0.1:{port}", said
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


class InProcess(Cli):
    """The command line in this process: quicker than in one of its own."""

    def __init__(
        self,
        folder: Path,
        patch: pytest.MonkeyPatch,
        captured: pytest.CaptureFixture[str],
    ) -> None:
        super().__init__(folder)
        self._captured = captured
        patch.setattr("os.environ", self.environ)
        patch.setattr("sys.stdin", StringIO())
        # What ``main`` does to the process's logging.
        patch.setattr("logging.lastResort", logging.lastResort)

    def __call__(
        self, *arguments: str | Path, expect: int = 0, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that must end with ``expect``."""
        assert not environ
        words = [str(one) for one in arguments]
        self._captured.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(str(ended.code))
        said = self._captured.readouterr()
        assert code == expect, (code, said.out, said.err)
        return subprocess.CompletedProcess(words, code, said.out, said.err)
