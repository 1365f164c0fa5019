"""Where the benches run: a fresh database with everything on that a county would have on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dispatch.store.embedded import EmbeddedPostgres
from dispatch.store.migrate import migrate


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """Return the DSN of a migrated database: embedded, on disk, fsync on, default settings."""
    folder = Path(tempfile.mkdtemp(prefix="crisis-bench-"))
    folder.chmod(0o711)
    try:
        async with EmbeddedPostgres(folder / "postgres") as server:
            await migrate(server.dsn)
            yield server.dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)
