"""Fixtures of tests that run the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli_kit import Cli, InProcess


@pytest.fixture
def cli(open_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A command line whose PostgreSQL can reach its directory."""
    folder = open_folder / tmp_path_factory.mktemp("cli").name
    folder.mkdir(mode=0o711)
    return Cli(folder)


@pytest.fixture
def in_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> InProcess:
    """A command line without any database."""
    return InProcess(tmp_path, monkeypatch, capsys)


@pytest.fixture
def on_server(in_process: InProcess, dsn: str) -> Cli:
    """A command line on a migrated database of this test's own, of a server that runs already."""
    in_process.environ["DATABASE_URL"] = dsn
    return in_process
