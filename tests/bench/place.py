"""Where the benches run: a fresh database with everything on that a county would have on."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dispatch.store.migrate import migrate
from dispatch.store.postgres.embedded import EmbeddedPostgres


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """Return the DSN of a migrated database: embedded, on disk, fsync on, default settings."""
    async with fresh_folder() as folder, EmbeddedPostgres(folder / "postgres") as server:
        await migrate(server.dsn)
        yield server.dsn


@asynccontextmanager
async def fresh_folder() -> AsyncIterator[Path]:
    """Return an empty data directory that the database's own user can reach, gone afterwards."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="crisis-bench-"))
    await asyncio.to_thread(folder.chmod, 0o711)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
